#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "flood.h"
#include "lines.h"
#include "mem.h"
#include "names.h"
#include "proc.h"
#include "series.h"
#include "worker.h"

/* Bytes that are read from one worker before another gets its turn. */
#define READ_MAX 65536

/* Seconds on top of the stall timeout that a worker may be silent: its own watchdogs come first. */
#define SILENCE_MARGIN 120

/* How long workers have to end by themselves. */
#define STOP_MS 3000

#define NO_MEMBER SIZE_MAX

enum member_status { MEMBER_WAITING, MEMBER_RUNNING, MEMBER_DONE };

struct member {
    struct crew *crew;
    const char *name;
    struct crew_task task;
    size_t at;       /* its place in the crew */
    size_t ancestor; /* the nearest one in the crew, or NO_MEMBER */
    uint64_t rank;   /* bytes that it and the longest row of those who wait for it have to send */
    bool is_late;    /* it failed the last time: after all others */
    enum member_status status;
    pid_t pid;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *silence;
    struct lines lines;
    struct flood flood;
    uint64_t bytes; /* of the step that is under way, as told last */
    bool told_end;  /* its EVENT_DATASET_FINISHED came */
    bool failed;
    bool cut_off;     /* it failed by its connection to the remote */
    struct err fault; /* why we ended it */
};

struct crew {
    struct cycle_spec spec;
    struct pace own_pace; /* where the spec has none */
    void (*on_idle)(void *arg);
    void *arg;
    struct member **v;     /* ancestors before descendants */
    struct member **order; /* who begins first; NULL until crew_start */
    size_t n, cap;
    size_t running;
    size_t first_waiting; /* in `order`: no member before it waits */
    uint64_t failed;
    bool stopping;
    bool reconnecting;
    struct err lost;
    struct loop_timer *kill_timer;
};

struct crew *crew_new(const struct cycle_spec *spec, void (*on_idle)(void *arg), void *arg)
{
    struct crew *crew = mem_zalloc(1, sizeof(*crew));
    crew->spec = *spec;
    if (spec->pace == NULL) {
        pace_init(&crew->own_pace);
        crew->spec.pace = &crew->own_pace;
    }
    bool has_ssh = config_has_remote(spec->config) && spec->config->ssh_host[0] != '\0';
    pace_begin(crew->spec.pace, has_ssh ? PACE_MAX_SSH : PACE_MAX);
    crew->on_idle = on_idle;
    crew->arg = arg;
    return crew;
}

static void release(struct member *member)
{
    loop_remove_timer(member->silence);
    loop_remove_fd(member->watch);
    if (member->fd >= 0)
        close(member->fd);
    member->silence = NULL;
    member->watch = NULL;
    member->fd = -1;
}

void crew_free(struct crew *crew)
{
    if (crew == NULL)
        return;
    loop_remove_timer(crew->kill_timer);
    if (crew->reconnecting)
        connection_cancel(crew->spec.connection);
    for (size_t i = 0; i < crew->n; i++) {
        struct member *member = crew->v[i];
        if (member->status == MEMBER_RUNNING) {
            loop_unwatch_child(crew->spec.loop, member->pid);
            proc_signal_group(member->pid, SIGKILL);
        }
        release(member);
        lines_fini(&member->lines);
        free(member);
    }
    free(crew->v);
    free(crew->order);
    free(crew);
}

void crew_add(struct crew *crew, const struct crew_task *task)
{
    struct member *member = mem_zalloc(1, sizeof(*member));
    const char *name = task->ds->name;
    member->crew = crew;
    member->name = name;
    member->task = *task;
    member->fd = -1;
    member->ancestor = NO_MEMBER;
    member->is_late = crew->spec.failed != NULL && crew->spec.failed(crew->spec.arg, name);
    lines_init(&member->lines, EVENT_LINE_MAX);
    /* Parents come first, so the nearest ancestor is the newest member or an ancestor of it. */
    size_t i = crew->n == 0 ? NO_MEMBER : crew->n - 1;
    while (i != NO_MEMBER && !name_is_below(name, crew->v[i]->name))
        i = crew->v[i]->ancestor;
    member->ancestor = i;
    crew->v = mem_grow(crew->v, crew->n, &crew->cap, sizeof(struct member *));
    member->at = crew->n;
    crew->v[crew->n++] = member;
}

const struct err *crew_lost(const struct crew *crew)
{
    return &crew->lost;
}

uint64_t crew_failed(const struct crew *crew)
{
    return crew->failed;
}

static void emit(struct crew *crew, const struct event *event)
{
    crew->spec.on_event(crew->spec.arg, event);
}

static void count_failure(struct member *member)
{
    if (!member->failed)
        member->crew->failed++;
    member->failed = true;
}

/* Ends a worker that cannot be believed or does not move. */
static void end_member(struct member *member, enum err_code code, const char *why)
{
    if (member->fault.code == ERR_NONE)
        err_set(&member->fault, code, "%s", why);
    proc_signal_group(member->pid, SIGKILL);
}

static void handle_silence(void *arg)
{
    struct member *member = arg;
    member->silence = NULL;
    end_member(member, ERR_STALLED, "its worker said nothing for too long, so it was ended");
}

static void restart_silence(struct member *member)
{
    loop_remove_timer(member->silence);
    int64_t ms = (member->crew->spec.config->stall_timeout + SILENCE_MARGIN) * 1000;
    member->silence = loop_add_timer(member->crew->spec.loop, ms, handle_silence, member);
}

/* A worker speaks of its own dataset, and of nothing that is the engine's to say. */
static int check_event(const struct member *member, const struct event *event, struct err *e)
{
    switch (event->kind) {
    case EVENT_DATASET_SNAPSHOTS:
    case EVENT_DATASET_PLANNED:
    case EVENT_STEP_PLANNED:
    case EVENT_DATASET_STARTED:
    case EVENT_STEP_STARTED:
    case EVENT_STEP_PROGRESS:
    case EVENT_STEP_FINISHED:
    case EVENT_DATASET_FINISHED:
    case EVENT_NOTE:
        break;
    default:
        return err_set(e, ERR_PROTOCOL, "its worker sent a %s event, which is not its to send",
                       event_kind_name(event->kind));
    }
    if (event->dataset == NULL || strcmp(event->dataset, member->name) != 0)
        return err_set(e, ERR_PROTOCOL, "its worker spoke of another dataset");
    if (event->cycle != member->crew->spec.number)
        return err_set(e, ERR_PROTOCOL, "its worker spoke of another cycle");
    if (member->told_end)
        return err_set(e, ERR_PROTOCOL, "its worker went on after its end");
    return 0;
}

/* Tells the pace what got done. */
static void note_work(struct member *member, const struct event *event)
{
    struct crew *crew = member->crew;
    bool ended = event->kind == EVENT_STEP_FINISHED;
    if (event->kind == EVENT_STEP_STARTED)
        member->bytes = 0;
    if (event->kind != EVENT_STEP_PROGRESS && !ended)
        return;
    uint64_t more = event->bytes > member->bytes ? event->bytes - member->bytes : 0;
    member->bytes = event->bytes;
    pace_note(crew->spec.pace, clock_monotonic_ms(), (unsigned)crew->running, more, ended ? 1 : 0);
}

static int take_line(void *arg, char *line, size_t len, struct err *e)
{
    struct member *member = arg;
    struct event event;
    struct event_memory *memory = NULL;
    if (!flood_count(&member->flood, len, clock_monotonic_ms()))
        return err_set(e, ERR_PROTOCOL, "its worker said more than any has to say");
    if (event_decode(line, len, &event, &memory, e) != 0)
        return err_wrap(e, "its worker sent something odd");
    int rc = check_event(member, &event, e);
    if (rc == 0) {
        if (event.kind == EVENT_DATASET_FINISHED) {
            member->told_end = true;
            if (event.code != ERR_NONE)
                count_failure(member);
            member->cut_off = err_code_is_connection(event.code);
        }
        note_work(member, &event);
        emit(member->crew, &event);
    }
    event_memory_free(memory);
    return rc;
}

/* Reads what is there, up to `max`. False where the worker's end is closed or it was ended. */
static bool read_events(struct member *member, size_t max)
{
    char buf[16384];
    size_t total = 0;
    while (total < max) {
        ssize_t n = read(member->fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0)
            return false;
        total += (size_t)n;
        struct err e = ERR_INIT;
        if (lines_feed(&member->lines, buf, (size_t)n, take_line, member, &e) != 0) {
            end_member(member, ERR_PROTOCOL, e.msg);
            return false;
        }
    }
    return true;
}

static size_t most_at_a_time(const struct crew *crew)
{
    unsigned parallel = crew->spec.config->parallel;
    return parallel == CONFIG_PARALLEL_AUTO ? crew->spec.pace->limit : parallel;
}

static void start_ready(struct crew *crew);

static void handle_readable(void *arg, short revents)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    size_t most = most_at_a_time(crew);
    (void)revents;
    restart_silence(member);
    if (!read_events(member, READ_MAX)) {
        loop_remove_fd(member->watch);
        member->watch = NULL;
    }
    if (most_at_a_time(crew) > most)
        start_ready(crew);
}

static void handle_reconnected(void *arg, const struct err *e)
{
    struct crew *crew = arg;
    crew->reconnecting = false;
    if (e != NULL)
        crew->lost = *e;
    start_ready(crew);
}

/* Where the connection broke, all that have not begun would fail by it, each after a long wait: it
 * is made anew before any of them begins. */
static void reconnect_if_broken(struct crew *crew)
{
    struct connection *connection = crew->spec.connection;
    if (connection == NULL || crew->stopping || crew->reconnecting || connection_is_up(connection))
        return;
    crew->reconnecting = true;
    connection_ensure(connection, handle_reconnected, crew);
}

static void fail_member(struct member *member, const struct err *e)
{
    struct event event = {.kind = EVENT_DATASET_FINISHED,
                          .time = clock_now(),
                          .cycle = member->crew->spec.number,
                          .dataset = member->name,
                          .code = e->code,
                          .text = e->msg};
    count_failure(member);
    emit(member->crew, &event);
}

static void describe_end(const struct member *member, int wait_status, struct err *e)
{
    if (member->fault.code != ERR_NONE)
        *e = member->fault;
    else if (WIFSIGNALED(wait_status))
        err_set(e, ERR_DIED, "its worker was ended by signal %d", WTERMSIG(wait_status));
    else
        err_set(e, ERR_DIED, "its worker ended with status %d and without a result",
                WEXITSTATUS(wait_status));
}

static void handle_child(void *arg, pid_t pid, int wait_status)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    while (member->watch != NULL && member->fault.code == ERR_NONE &&
           read_events(member, READ_MAX)) {
        struct pollfd more = {.fd = member->fd, .events = POLLIN};
        if (poll(&more, 1, 0) <= 0)
            break;
    }
    release(member);
    series_clear(crew->spec.sites, pid);
    member->status = MEMBER_DONE;
    crew->running--;
    if (!member->told_end) {
        struct err e = ERR_INIT;
        describe_end(member, wait_status, &e);
        fail_member(member, &e);
    }
    if (member->cut_off)
        reconnect_if_broken(crew);
    start_ready(crew);
}

static bool ancestor_failed(const struct crew *crew, const struct member *member)
{
    bool failed = false;
    for (size_t i = member->ancestor; i != NO_MEMBER; i = crew->v[i]->ancestor)
        failed = failed || crew->v[i]->failed;
    return failed;
}

static void start_member(struct member *member)
{
    struct crew *crew = member->crew;
    struct worker_task task = {.config = crew->spec.config,
                               .sites = crew->spec.sites,
                               .limiter = crew->spec.limiter,
                               .compression = crew->spec.compression,
                               .name = member->name,
                               .listed = member->task.is_moved ? NULL : member->task.ds,
                               .listed_ms = member->task.listed_ms,
                               .cycle = crew->spec.number,
                               .ancestor_failed = ancestor_failed(crew, member),
                               .dryrun = crew->spec.dryrun};
    struct err e = ERR_INIT;
    member->pid = proc_fork(crew->spec.loop, worker_main, &task, &member->fd, &e);
    if (member->pid < 0) {
        member->status = MEMBER_DONE;
        err_wrap(&e, "cannot start its worker");
        fail_member(member, &e);
        return;
    }
    member->status = MEMBER_RUNNING;
    member->flood.began_ms = clock_monotonic_ms();
    crew->running++;
    member->watch = loop_add_fd(crew->spec.loop, member->fd, POLLIN, handle_readable, member);
    restart_silence(member);
    loop_watch_child(crew->spec.loop, member->pid, handle_child, member);
}

/* The nearest ancestor that a member waits for, or NULL. */
static struct member *awaited(const struct crew *crew, const struct member *member)
{
    size_t i = member->ancestor;
    while (i != NO_MEMBER && !crew->v[i]->task.is_new)
        i = crew->v[i]->ancestor;
    return i == NO_MEMBER ? NULL : crew->v[i];
}

/* A descendant waits for an ancestor that is new, in whichever way that ends: I10. That one has
 * waited for those above it. */
static bool is_ready(const struct crew *crew, const struct member *member)
{
    const struct member *above = awaited(crew, member);
    return above == NULL || above->status == MEMBER_DONE;
}

static int larger_first(const void *a, const void *b)
{
    const struct member *x = *(struct member *const *)a;
    const struct member *y = *(struct member *const *)b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* Descendants come after their ancestors, so from the end each has its rank before it counts. */
static void put_in_order(struct crew *crew)
{
    for (size_t i = crew->n; i-- > 0;) {
        struct member *member = crew->v[i];
        member->rank += member->task.bytes;
        struct member *above = awaited(crew, member);
        if (above != NULL && above->rank < member->rank)
            above->rank = member->rank;
    }
    crew->order = mem_alloc(crew->n * sizeof(struct member *));
    for (size_t i = 0; i < crew->n; i++)
        crew->order[i] = crew->v[i];
    if (crew->n > 1)
        qsort(crew->order, crew->n, sizeof(struct member *), larger_first);
}

/* Starts those that may, of those that failed the last time or of all others. */
static void start_some(struct crew *crew, bool late)
{
    for (size_t i = crew->first_waiting; i < crew->n; i++) {
        struct member *member = crew->order[i];
        if (crew->running >= most_at_a_time(crew))
            break;
        if (member->status == MEMBER_WAITING && member->is_late == late && is_ready(crew, member))
            start_member(member);
    }
}

static void start_ready(struct crew *crew)
{
    bool starts = !crew->stopping && !crew->reconnecting && crew->lost.code == ERR_NONE;
    do {
        if (starts) {
            start_some(crew, false);
            start_some(crew, true);
        }
        while (crew->first_waiting < crew->n &&
               crew->order[crew->first_waiting]->status != MEMBER_WAITING)
            crew->first_waiting++;
        /* One that could not be started is done already, and others may have waited for it. */
    } while (starts && crew->running == 0 && crew->first_waiting < crew->n);
    bool starts_more = crew->reconnecting || (starts && crew->first_waiting < crew->n);
    if (crew->running == 0 && !starts_more)
        crew->on_idle(crew->arg);
}

void crew_start(struct crew *crew)
{
    put_in_order(crew);
    start_ready(crew);
}

static void kill_all(void *arg)
{
    struct crew *crew = arg;
    crew->kill_timer = NULL;
    for (size_t i = 0; i < crew->n; i++)
        if (crew->v[i]->status == MEMBER_RUNNING)
            end_member(crew->v[i], ERR_INTERRUPTED, "its worker did not end in time");
}

void crew_stop(struct crew *crew)
{
    if (crew->stopping)
        return;
    crew->stopping = true;
    if (crew->reconnecting)
        connection_cancel(crew->spec.connection);
    crew->reconnecting = false;
    for (size_t i = 0; i < crew->n; i++)
        if (crew->v[i]->status == MEMBER_RUNNING)
            proc_signal_group(crew->v[i]->pid, SIGTERM);
    crew->kill_timer = loop_add_timer(crew->spec.loop, STOP_MS, kill_all, crew);
    if (crew->running == 0)
        crew->on_idle(crew->arg);
}
