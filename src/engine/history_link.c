#include "history_link.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "describe.h"
#include "event_json.h"
#include "history.h"
#include "host.h"
#include "lines.h"
#include "mem.h"
#include "proc.h"
#include "schedule.h"

/* Kinds of records that are kept: those before RECORD_LINE. */
#define KEPT_KINDS RECORD_LINE

/* One process. It outlives a link that was freed, until the loop has seen its end. */
struct role {
    struct history_link *link; /* NULL: that was freed */
    struct proc *proc;
    int in_fd; /* of its standard input; -1 once closed */
    struct loop_fd *watch;
    struct str backlog;
    int64_t moved_ms; /* when it took something last, or had nothing to take */
    struct lines lines;
    size_t line_count; /* since the newest cycle's end */
    bool is_first;     /* of the link: what it recalls is news */
    struct err fault;  /* why we ended it */
};

struct history_link {
    struct loop *loop;
    char *path;
    int64_t keep;
    history_event_fn *on_event;
    void *arg;
    const struct state *state;
    struct role *role;         /* NULL: none runs */
    struct loop_timer *starts; /* the next one */
    bool has_started, stopping;
    uint64_t failures;         /* in a row */
    uint64_t told[KEPT_KINDS]; /* of each kind, of its ring's total */
    int64_t day;               /* the newest that was told, and how many cycles it had */
    uint64_t day_cycles;
};

/* ---- what the role is told ---- */

static void close_input(struct role *role)
{
    loop_remove_fd(role->watch);
    role->watch = NULL;
    if (role->in_fd >= 0)
        close(role->in_fd);
    role->in_fd = -1;
    str_clear(&role->backlog);
}

/* Its end, and what is said of it, come from the loop. */
static void end_role(struct role *role, enum err_code code, const char *why)
{
    if (role->fault.code == ERR_NONE)
        err_set(&role->fault, code, "%s", why);
    close_input(role);
    proc_cancel(role->proc);
}

static void write_some(struct role *role)
{
    while (role->in_fd >= 0 && role->backlog.len > 0) {
        ssize_t done = write(role->in_fd, role->backlog.s, role->backlog.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN)
            break;
        if (done < 0) {
            /* It has ended, or soon will have, and says why. */
            close_input(role);
            return;
        }
        str_drop(&role->backlog, (size_t)done);
        role->moved_ms = clock_monotonic_ms();
    }
    if (role->in_fd < 0)
        return;
    loop_set_events(role->watch, role->backlog.len > 0 ? POLLOUT : 0);
    if (role->backlog.len == 0 && role->link != NULL && role->link->stopping)
        close_input(role);
}

static void handle_writable(void *arg, short revents)
{
    (void)revents;
    write_some(arg);
}

static void tell(struct role *role, const struct event *event)
{
    int64_t now = clock_monotonic_ms();
    if (role->in_fd < 0) {
        /* It did not end by itself. */
        proc_cancel(role->proc);
        return;
    }
    if (role->backlog.len == 0)
        role->moved_ms = now;
    event_encode(event, &role->backlog);
    if (role->backlog.len > HISTORY_BACKLOG_MAX)
        end_role(role, ERR_STALLED, "it is too slow: too much waits for it");
    else if (now - role->moved_ms > HISTORY_STALL_MS)
        end_role(role, ERR_STALLED, "it hangs, as it does where its disk or pool does not answer");
    else
        write_some(role);
}

static void tell_record(struct role *role, enum record_kind kind, const struct record *record)
{
    struct event event;
    /* A step that nobody had announced has no snapshots. */
    if (kind == RECORD_TRANSFER &&
        (record->dataset == NULL || record->start == NULL || record->end == NULL))
        return;
    record_recall(kind, record, &event);
    tell(role, &event);
}

/* Takes as told what the chronicle has now. */
static void note_told(struct history_link *link)
{
    const struct chronicle *chronicle = &link->state->chronicle;
    for (int kind = 0; kind < KEPT_KINDS; kind++)
        link->told[kind] = chronicle->ring[kind].total;
    size_t days = chronicle_count(chronicle, RECORD_DAY);
    if (days == 0)
        return;
    const struct record *newest = chronicle_at(chronicle, RECORD_DAY, days - 1);
    link->day = newest->time;
    link->day_cycles = newest->count;
}

/* How many of the newest records of the kind the role does not know yet. */
static size_t untold(const struct history_link *link, enum record_kind kind)
{
    const struct chronicle *chronicle = &link->state->chronicle;
    size_t n = chronicle_count(chronicle, kind);
    uint64_t added = chronicle->ring[kind].total - link->told[kind];
    if (added > n)
        added = n;
    /* Days grow. */
    if (kind == RECORD_DAY && n > 0 && added < n) {
        const struct record *known = chronicle_at(chronicle, kind, n - 1 - (size_t)added);
        if (known->time == link->day && known->count != link->day_cycles)
            added++;
    }
    return (size_t)added;
}

static void tell_news(struct history_link *link)
{
    if (link->state == NULL || link->role == NULL)
        return;
    for (int k = 0; k < KEPT_KINDS; k++) {
        enum record_kind kind = (enum record_kind)k;
        size_t n = chronicle_count(&link->state->chronicle, kind);
        for (size_t i = n - untold(link, kind); i < n; i++)
            tell_record(link->role, kind, chronicle_at(&link->state->chronicle, kind, i));
    }
    note_told(link);
}

/* ---- what the role says ---- */

static void note(struct history_link *link, enum err_code code, const char *text)
{
    struct event event = {.kind = EVENT_NOTE,
                          .time = clock_now(),
                          .level = LEVEL_WARNING,
                          .code = code,
                          .text = text};
    link->on_event(link->arg, &event);
}

static int check_event(const struct event *event, struct err *e)
{
    switch (event->kind) {
    case EVENT_CYCLE_RECALLED:
    case EVENT_TRANSFER_RECALLED:
    case EVENT_FAILURE_RECALLED:
    case EVENT_DAY_RECALLED:
        return 0;
    case EVENT_NOTE:
        if (event->dataset == NULL)
            return 0;
        return err_set(e, ERR_PROTOCOL, "it spoke of a dataset");
    default:
        return err_set(e, ERR_PROTOCOL, "it sent a %s event, which is not its to send",
                       event_kind_name(event->kind));
    }
}

static int take_line(void *arg, char *line, size_t len, struct err *e)
{
    struct role *role = arg;
    struct event event;
    struct event_memory *memory = NULL;
    if (++role->line_count > HISTORY_LINES_MAX)
        return err_set(e, ERR_PROTOCOL, "it does not stop talking");
    if (event_decode(line, len, &event, &memory, e) != 0)
        return err_wrap(e, "it sent something odd");
    int rc = check_event(&event, e);
    if (rc == 0 && (event.kind == EVENT_NOTE || role->is_first))
        role->link->on_event(role->link->arg, &event);
    event_memory_free(memory);
    return rc;
}

static int handle_output(void *arg, const char *data, size_t len)
{
    struct role *role = arg;
    struct err e = ERR_INIT;
    if (role->link == NULL || role->fault.code != ERR_NONE)
        return 0;
    if (lines_feed(&role->lines, data, len, take_line, role, &e) == 0)
        return 0;
    /* A line too long, or with a NUL in it, is none of the protocol's either. */
    end_role(role, ERR_PROTOCOL, e.msg);
    return -1;
}

/* ---- its life ---- */

static void start_role(void *arg);

static void free_role(struct role *role)
{
    if (role == NULL)
        return;
    close_input(role);
    str_fini(&role->backlog);
    lines_fini(&role->lines);
    free(role);
}

/* There is no role now, for the reason `e`. */
static void start_later(struct history_link *link, const struct err *e)
{
    struct str text;
    int64_t delay = schedule_doubled(HISTORY_RESTART_FIRST, ++link->failures, HISTORY_RESTART_MAX);
    link->starts = loop_add_timer(link->loop, delay * 1000, start_role, link);
    str_init(&text);
    str_add(&text, "the history's process ended: ");
    error_describe(e->code, e->msg, &text);
    str_add_format(&text, "; it is started again in %" PRId64 " s", delay);
    note(link, e->code, text.s);
    str_fini(&text);
}

static void sort_end(const struct role *role, const struct proc_result *result, struct err *ret)
{
    size_t len = strcspn(result->err_tail, "\n");
    if (role->fault.code != ERR_NONE)
        *ret = role->fault;
    else if (result->signo != 0)
        err_set(ret, ERR_DIED, "signal %d", result->signo);
    else if (len > 0)
        err_set(ret, ERR_DIED, "%.*s", (int)(len < 500 ? len : 500), result->err_tail);
    else
        err_set(ret, ERR_DIED, "exit status %d", result->status);
}

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct role *role = arg;
    struct history_link *link = role->link;
    struct err e = ERR_INIT;
    if (link != NULL) {
        link->role = NULL;
        if (result->run_ms > HISTORY_RESTART_MAX * 1000)
            link->failures = 0;
        sort_end(role, result, &e);
        if (!link->stopping)
            start_later(link, &e);
    }
    free_role(role);
}

/* A pipe that no child inherits by itself, whose writing end does not block. */
static int make_pipe(int ret[2], struct err *e)
{
    if (pipe(ret) != 0)
        return err_set_sys(e, errno, "cannot make a pipe");
    if (fcntl(ret[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ret[1], F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(ret[1], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    err_set_sys(e, errno, "cannot set up a pipe");
    close(ret[0]);
    close(ret[1]);
    return -1;
}

static int start_proc(struct role *role, struct err *e)
{
    const struct history_link *link = role->link;
    char self[HOST_PATH_MAX];
    char keep[24];
    int ends[2];
    if (host_self_path(self, e) != 0 || make_pipe(ends, e) != 0)
        return -1;
    snprintf(keep, sizeof(keep), "%" PRId64, link->keep);
    const char *const argv[] = {self, HISTORY_ROLE, link->path, keep, NULL};
    struct proc_spec spec = {.argv = argv,
                             .in_fd = ends[0],
                             .out_fd = PROC_FD_NULL,
                             .on_out = handle_output,
                             .on_exit = handle_exit,
                             .arg = role};
    role->proc = proc_start(link->loop, &spec, e);
    close(ends[0]);
    role->in_fd = ends[1];
    if (role->proc == NULL)
        return -1;
    role->watch = loop_add_fd(link->loop, role->in_fd, 0, handle_writable, role);
    return 0;
}

static void start_role(void *arg)
{
    struct history_link *link = arg;
    struct err e = ERR_INIT;
    link->starts = NULL;
    struct role *role = mem_zalloc(1, sizeof(*role));
    role->link = link;
    role->in_fd = -1;
    role->is_first = !link->has_started;
    str_init(&role->backlog);
    lines_init(&role->lines, EVENT_LINE_MAX);
    if (start_proc(role, &e) != 0) {
        free_role(role);
        start_later(link, &e);
        return;
    }
    link->has_started = true;
    link->role = role;
    memset(link->told, 0, sizeof(link->told));
    tell_news(link);
}

struct history_link *history_link_start(struct loop *loop, const struct config *config,
                                        history_event_fn *on_event, void *arg)
{
    if (config->history_path[0] == '\0')
        return NULL;
    struct history_link *link = mem_zalloc(1, sizeof(*link));
    link->loop = loop;
    link->path = mem_strdup(config->history_path);
    link->keep = config->history_keep;
    link->on_event = on_event;
    link->arg = arg;
    link->starts = loop_add_timer(loop, 0, start_role, link);
    return link;
}

void history_link_watch(struct history_link *link, const struct state *state)
{
    if (link != NULL)
        link->state = state;
}

void history_link_send(struct history_link *link, const struct event *event)
{
    if (link == NULL || link->stopping || link->role == NULL)
        return;
    switch (event->kind) {
    case EVENT_CYCLE_RECALLED:
    case EVENT_TRANSFER_RECALLED:
    case EVENT_FAILURE_RECALLED:
    case EVENT_DAY_RECALLED:
        /* It is the role that has told it. */
        if (link->state != NULL)
            note_told(link);
        break;
    case EVENT_CYCLE_FINISHED:
        link->role->line_count = 0;
        tell_news(link);
        tell(link->role, event);
        break;
    default:
        tell_news(link);
        break;
    }
}

void history_link_stop(struct history_link *link)
{
    if (link == NULL)
        return;
    link->stopping = true;
    loop_remove_timer(link->starts);
    link->starts = NULL;
    if (link->role != NULL)
        write_some(link->role);
}

bool history_link_is_ended(const struct history_link *link)
{
    return link == NULL || link->role == NULL;
}

void history_link_free(struct history_link *link)
{
    if (link == NULL)
        return;
    loop_remove_timer(link->starts);
    if (link->role != NULL) {
        link->role->link = NULL;
        close_input(link->role);
        proc_cancel(link->role->proc);
    }
    free(link->path);
    free(link);
}
