#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "crew_parts.h"
#include "event_json.h"
#include "mem.h"
#include "names.h"
#include "proc.h"
#include "series.h"
#include "worker.h"

/* How long workers have to end by themselves. */
#define STOP_MS 3000

/* Convoys that break in a cycle before there are no more in it. */
#define BREAKS_MAX 2

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

void crew_free(struct crew *crew)
{
    if (crew == NULL)
        return;
    loop_remove_timer(crew->kill_timer);
    if (crew->reconnecting)
        connection_cancel(crew->spec.connection);
    for (size_t i = 0; i < crew->running; i++) {
        loop_unwatch_child(crew->spec.loop, crew->workers[i]->pid);
        proc_signal_group(crew->workers[i]->pid, SIGKILL);
        crew_worker_free(crew->workers[i]);
    }
    for (size_t i = 0; i < crew->n; i++)
        free(crew->v[i]);
    free(crew->workers);
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
    member->ancestor = NO_MEMBER;
    member->is_late = crew->spec.failed != NULL && crew->spec.failed(crew->spec.arg, name);
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

static size_t most_at_a_time(const struct crew *crew)
{
    unsigned parallel = crew->spec.config->parallel;
    return parallel == CONFIG_PARALLEL_AUTO ? crew->spec.pace->limit : parallel;
}

static void start_ready(struct crew *crew);

static void handle_readable(void *arg, short revents)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;
    size_t most = most_at_a_time(crew);
    (void)revents;
    crew_worker_restart_silence(worker);
    if (!crew_worker_read(worker)) {
        loop_remove_fd(worker->watch);
        worker->watch = NULL;
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

/* It has another turn, in a worker of its own. */
static void hand_back(struct member *member)
{
    member->status = MEMBER_WAITING;
    member->is_alone = true;
    member->task.is_moved = member->task.is_moved || member->has_begun;
    member->crew->first_waiting = 0;
}

static void tell(struct crew *crew, const struct member *member, enum event_level level,
                 const char *text)
{
    struct event event = {.kind = EVENT_NOTE,
                          .time = clock_now(),
                          .cycle = crew->spec.number,
                          .dataset = member->name,
                          .level = level,
                          .text = text};
    crew_emit(crew, &event);
}

/* A convoy costs no dataset this cycle, whatever became of it: what it left is done one by one. */
static void settle_convoy(struct worker *worker, int wait_status)
{
    struct crew *crew = worker->crew;
    bool is_cut = !connection_is_up(crew->spec.connection);
    bool is_finished = true;
    if (worker->fault.code != ERR_NONE || !WIFEXITED(wait_status) ||
        WEXITSTATUS(wait_status) != 0) {
        struct err e = ERR_INIT;
        char text[ERR_MSG_MAX];
        crew_worker_describe_end(worker, wait_status, &e);
        snprintf(text, sizeof(text), "%.900s; what it had left is done one by one", e.msg);
        tell(crew, worker->members[0], LEVEL_WARNING, text);
    }
    for (size_t i = 0; i < worker->n; i++) {
        const struct member *member = worker->members[i];
        is_finished = is_finished && member->told_end;
        crew->convoy_arrived =
            crew->convoy_arrived || member->has_sent || (member->told_end && !member->failed);
    }
    crew->breaks += is_finished || is_cut ? 0 : 1;
    crew->convoy_ended = crew->convoy_ended || !is_cut;
}

/* Whether there are to be convoys in the next cycles, by how those of this one fared. */
static void judge_convoys(struct crew *crew)
{
    if ((crew->convoy_ended || crew->convoy_arrived) &&
        convoys_note(crew->spec.convoys, crew->convoy_arrived, clock_monotonic_ms()))
        tell(crew, crew->v[0], LEVEL_INFO,
             "of what was sent together over one command nothing arrived in the last cycles: for a "
             "day each increment has its own");
    crew->convoy_ended = crew->convoy_arrived = false;
}

static void settle_members(struct worker *worker, int wait_status)
{
    bool stopping = worker->crew->stopping;
    for (size_t i = 0; i < worker->n; i++) {
        struct member *member = worker->members[i];
        struct err e = ERR_INIT;
        member->status = MEMBER_DONE;
        if (member->told_end)
            continue;
        if (worker->is_convoy) { /* where the crew stops, those end that have begun */
            hand_back(member);
        } else {
            crew_worker_describe_end(worker, wait_status, &e);
            crew_fail_member(member, &e);
        }
    }
    if (worker->is_convoy && !stopping)
        settle_convoy(worker, wait_status);
}

static void handle_child(void *arg, pid_t pid, int wait_status)
{
    struct worker *worker = arg;
    struct crew *crew = worker->crew;
    bool cut_off = false;
    crew_worker_read_rest(worker);
    series_clear(crew->spec.sites, pid);
    settle_members(worker, wait_status);
    for (size_t i = 0; i < worker->n; i++)
        cut_off =
            cut_off || worker->members[i]->cut_off || worker->members[i]->status == MEMBER_WAITING;
    for (size_t i = 0; i < crew->running; i++)
        if (crew->workers[i] == worker)
            crew->workers[i] = crew->workers[crew->running - 1];
    crew->running--;
    crew_worker_free(worker);
    if (cut_off)
        reconnect_if_broken(crew);
    start_ready(crew);
}

bool crew_ancestor_failed(const struct crew *crew, const struct member *member)
{
    bool failed = false;
    for (size_t i = member->ancestor; i != NO_MEMBER; i = crew->v[i]->ancestor)
        failed = failed || crew->v[i]->failed;
    return failed;
}

static void start_worker(struct worker *worker)
{
    struct crew *crew = worker->crew;
    struct err e = ERR_INIT;
    bool is_there = crew_worker_fork(worker, &e) == 0;
    if (!is_there)
        err_wrap(&e, "cannot start its worker");
    for (size_t i = 0; i < worker->n; i++) {
        worker->members[i]->status = is_there ? MEMBER_RUNNING : MEMBER_DONE;
        if (!is_there && worker->is_convoy)
            hand_back(worker->members[i]);
        else if (!is_there)
            crew_fail_member(worker->members[i], &e);
    }
    if (!is_there) {
        free(worker);
        return;
    }
    crew->workers =
        mem_grow(crew->workers, crew->running, &crew->worker_cap, sizeof(struct worker *));
    crew->workers[crew->running++] = worker;
    lines_init(&worker->lines, EVENT_LINE_MAX);
    worker->flood.began_ms = clock_monotonic_ms();
    worker->watch = loop_add_fd(crew->spec.loop, worker->fd, POLLIN, handle_readable, worker);
    crew_worker_restart_silence(worker);
    loop_watch_child(crew->spec.loop, worker->pid, handle_child, worker);
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

/* Whether a convoy may take it along: it plans from the cycle's listing, while that is young. */
static bool can_join(const struct crew *crew, const struct member *member)
{
    const struct crew_task *task = &member->task;
    return task->increments > 0 && !task->is_moved && !member->is_alone && !member->is_late &&
           clock_monotonic_ms() - task->listed_ms < LISTING_FRESH_MS &&
           awaited(crew, member) == NULL;
}

/* Whether there are convoys now: only where they save an ssh, and nothing stands in the pipe. */
static bool has_convoys(const struct crew *crew)
{
    const struct cycle_spec *spec = &crew->spec;
    bool is_limited = spec->limiter != NULL && limiter_rate(spec->limiter) > 0;
    return spec->connection != NULL && spec->convoys != NULL && !spec->dryrun && !is_limited &&
           crew->breaks < BREAKS_MAX && convoys_may(spec->convoys, clock_monotonic_ms());
}

/* Adds to the first member those that come after it in the order and may go along. With several
 * increments of its own it is a convoy alone. */
static void fill_convoy(struct worker *worker, size_t place)
{
    const struct crew *crew = worker->crew;
    size_t increments = worker->members[0]->task.increments;
    uint64_t bytes = worker->members[0]->task.bytes;
    for (size_t i = place + 1; i < crew->n && increments < crew->share; i++) {
        struct member *member = crew->order[i];
        const struct crew_task *task = &member->task;
        if (member->status != MEMBER_WAITING || !can_join(crew, member) ||
            increments + task->increments > CHAIN_MAX || bytes + task->bytes > CONVOY_BYTES)
            continue;
        increments += task->increments;
        bytes += task->bytes;
        worker->members[worker->n++] = member;
    }
    worker->is_convoy = increments > 1;
}

/* Starts a worker for the member at `place` of the order, and with it for others, where that may be. */
static void start_member(struct crew *crew, size_t place)
{
    struct member *member = crew->order[place];
    struct worker *worker = mem_zalloc(1, sizeof(*worker));
    worker->crew = crew;
    worker->members[worker->n++] = member;
    if (has_convoys(crew) && can_join(crew, member))
        fill_convoy(worker, place);
    start_worker(worker);
}

/* Starts those that may, of those that failed the last time or of all others. */
static void start_some(struct crew *crew, bool late)
{
    for (size_t i = crew->first_waiting; i < crew->n; i++) {
        const struct member *member = crew->order[i];
        if (crew->running >= most_at_a_time(crew))
            break;
        if (member->status == MEMBER_WAITING && member->is_late == late && is_ready(crew, member))
            start_member(crew, i);
    }
}

/* Nothing runs any more, and nothing is started. Those that a convoy had begun with and left, and that
 * had no turn after it, end here. */
static void become_idle(struct crew *crew)
{
    judge_convoys(crew);
    for (size_t i = 0; i < crew->n; i++) {
        struct member *member = crew->v[i];
        struct err e = crew->lost;
        if (member->status != MEMBER_WAITING || !member->has_begun)
            continue;
        if (e.code == ERR_NONE)
            err_set(&e, ERR_INTERRUPTED, "ended because backupd is stopping");
        member->status = MEMBER_DONE;
        crew_fail_member(member, &e);
    }
    crew->on_idle(crew->arg);
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
        become_idle(crew);
}

/* As many workers as there may be get as much each. */
static void share_out(struct crew *crew)
{
    size_t increments = 0;
    size_t most = most_at_a_time(crew);
    for (size_t i = 0; i < crew->n; i++)
        if (can_join(crew, crew->v[i]))
            increments += crew->v[i]->task.increments;
    size_t share = (increments + most - 1) / most;
    crew->share = share < CHAIN_MAX ? share : CHAIN_MAX;
}

void crew_start(struct crew *crew)
{
    put_in_order(crew);
    share_out(crew);
    start_ready(crew);
}

static void kill_all(void *arg)
{
    struct crew *crew = arg;
    crew->kill_timer = NULL;
    for (size_t i = 0; i < crew->running; i++)
        crew_worker_end(crew->workers[i], ERR_INTERRUPTED, "its worker did not end in time");
}

void crew_stop(struct crew *crew)
{
    if (crew->stopping)
        return;
    crew->stopping = true;
    if (crew->reconnecting)
        connection_cancel(crew->spec.connection);
    crew->reconnecting = false;
    for (size_t i = 0; i < crew->running; i++)
        proc_signal_group(crew->workers[i]->pid, SIGTERM);
    crew->kill_timer = loop_add_timer(crew->spec.loop, STOP_MS, kill_all, crew);
    if (crew->running == 0)
        become_idle(crew);
}
