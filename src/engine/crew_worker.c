/* A worker of the crew: its process, and what it says. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "crew_parts.h"
#include "event_json.h"
#include "proc.h"
#include "worker.h"

/* Seconds on top of the stall timeout that a worker may be silent: its own watchdogs come first. */
#define SILENCE_MARGIN 120

/* Bytes that are read from one worker before another gets its turn. */
#define READ_MAX 65536

void crew_worker_free(struct worker *worker)
{
    loop_remove_timer(worker->silence);
    loop_remove_fd(worker->watch);
    close(worker->fd);
    lines_fini(&worker->lines);
    free(worker);
}

void crew_emit(struct crew *crew, const struct event *event)
{
    crew->spec.on_event(crew->spec.arg, event);
}

static void count_failure(struct member *member)
{
    if (!member->failed)
        member->crew->failed++;
    member->failed = true;
}

void crew_worker_end(struct worker *worker, enum err_code code, const char *why)
{
    if (worker->fault.code == ERR_NONE)
        err_set(&worker->fault, code, "%s", why);
    proc_signal_group(worker->pid, SIGKILL);
}

static void handle_silence(void *arg)
{
    struct worker *worker = arg;
    worker->silence = NULL;
    crew_worker_end(worker, ERR_STALLED, "its worker said nothing for too long, so it was ended");
}

void crew_worker_restart_silence(struct worker *worker)
{
    loop_remove_timer(worker->silence);
    int64_t ms = (worker->crew->spec.config->stall_timeout + SILENCE_MARGIN) * 1000;
    worker->silence = loop_add_timer(worker->crew->spec.loop, ms, handle_silence, worker);
}

/* The dataset of that name which it works for, or NULL. */
static struct member *member_of(const struct worker *worker, const char *name)
{
    for (size_t i = 0; name != NULL && i < worker->n; i++)
        if (strcmp(name, worker->members[i]->name) == 0)
            return worker->members[i];
    return NULL;
}

/* A worker speaks of its own datasets, and of nothing that is the engine's to say. */
static int check_event(const struct worker *worker, const struct event *event, struct err *e)
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
    const struct member *member = member_of(worker, event->dataset);
    if (member == NULL)
        return err_set(e, ERR_PROTOCOL, "its worker spoke of another dataset");
    if (event->cycle != worker->crew->spec.number)
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

static void take_event(struct member *member, const struct event *event)
{
    member->has_begun = true;
    member->has_sent =
        member->has_sent || (event->kind == EVENT_STEP_FINISHED && event->code == ERR_NONE);
    if (event->kind == EVENT_DATASET_FINISHED) {
        member->told_end = true;
        if (event->code != ERR_NONE)
            count_failure(member);
        member->cut_off = err_code_is_connection(event->code);
    }
    note_work(member, event);
    crew_emit(member->crew, event);
}

static int take_line(void *arg, char *line, size_t len, struct err *e)
{
    struct worker *worker = arg;
    struct event event;
    struct event_memory *memory = NULL;
    if (!flood_count(&worker->flood, len, clock_monotonic_ms()))
        return err_set(e, ERR_PROTOCOL, "its worker said more than any has to say");
    if (event_decode(line, len, &event, &memory, e) != 0)
        return err_wrap(e, "its worker sent something odd");
    int rc = check_event(worker, &event, e);
    if (rc == 0)
        take_event(member_of(worker, event.dataset), &event);
    event_memory_free(memory);
    return rc;
}

bool crew_worker_read(struct worker *worker)
{
    char buf[16384];
    size_t total = 0;
    while (total < READ_MAX) {
        ssize_t n = read(worker->fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0)
            return false;
        total += (size_t)n;
        struct err e = ERR_INIT;
        if (lines_feed(&worker->lines, buf, (size_t)n, take_line, worker, &e) != 0) {
            crew_worker_end(worker, ERR_PROTOCOL, e.msg);
            return false;
        }
    }
    return true;
}

void crew_fail_member(struct member *member, const struct err *e)
{
    struct event event = {.kind = EVENT_DATASET_FINISHED,
                          .time = clock_now(),
                          .cycle = member->crew->spec.number,
                          .dataset = member->name,
                          .code = e->code,
                          .text = e->msg};
    count_failure(member);
    crew_emit(member->crew, &event);
}

void crew_worker_describe_end(const struct worker *worker, int wait_status, struct err *e)
{
    if (worker->fault.code != ERR_NONE)
        *e = worker->fault;
    else if (WIFSIGNALED(wait_status))
        err_set(e, ERR_DIED, "its worker was ended by signal %d", WTERMSIG(wait_status));
    else
        err_set(e, ERR_DIED, "its worker ended with status %d and without a result",
                WEXITSTATUS(wait_status));
}

void crew_worker_read_rest(struct worker *worker)
{
    while (worker->watch != NULL && worker->fault.code == ERR_NONE && crew_worker_read(worker)) {
        struct pollfd more = {.fd = worker->fd, .events = POLLIN};
        if (poll(&more, 1, 0) <= 0)
            break;
    }
}

int crew_worker_fork(struct worker *worker, struct err *e)
{
    struct crew *crew = worker->crew;
    const struct member *member = worker->members[0];
    if (worker->is_convoy) {
        struct convoy_task task = {.config = crew->spec.config,
                                   .sites = crew->spec.sites,
                                   .n = worker->n,
                                   .cycle = crew->spec.number};
        for (size_t i = 0; i < worker->n; i++)
            task.listed[i] = worker->members[i]->task.ds;
        worker->pid = proc_fork(crew->spec.loop, convoy_main, &task, &worker->fd, e);
    } else {
        struct worker_task task = {.config = crew->spec.config,
                                   .sites = crew->spec.sites,
                                   .limiter = crew->spec.limiter,
                                   .compression = crew->spec.compression,
                                   .name = member->name,
                                   .listed = member->task.is_moved ? NULL : member->task.ds,
                                   .listed_ms = member->task.listed_ms,
                                   .cycle = crew->spec.number,
                                   .ancestor_failed = crew_ancestor_failed(crew, member),
                                   .after_convoy = member->is_alone,
                                   .dryrun = crew->spec.dryrun};
        worker->pid = proc_fork(crew->spec.loop, worker_main, &task, &worker->fd, e);
    }
    return worker->pid < 0 ? -1 : 0;
}
