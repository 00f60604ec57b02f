#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"

static void send_event(const struct report *report, struct event *event)
{
    event->time = clock_now();
    event->cycle = report->cycle;
    event->dataset = report->dataset;
    struct str line;
    str_init(&line);
    event_encode(event, &line);
    size_t done = 0;
    while (done < line.len) {
        ssize_t n = write(report->fd, line.s + done, line.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(1); /* nobody is left to work for */
        done += (size_t)n;
    }
    str_fini(&line);
}

void report_started(const struct report *report)
{
    struct event event = {.kind = EVENT_DATASET_STARTED};
    send_event(report, &event);
}

static void report_snapshots(const struct report *report, const struct dataset *ds,
                             const struct target *target)
{
    size_t count = 0;
    struct snapshot_row *rows = rows_build(ds, target, &count);
    struct event event = {
        .kind = EVENT_DATASET_SNAPSHOTS, .first = true, .rows = rows, .row_count = count};
    send_event(report, &event);
    free(rows);
}

void report_plan(const struct report *report, const struct dataset *ds, const struct target *target,
                 const struct plan *plan)
{
    report_snapshots(report, ds, target);
    struct event event = {.kind = EVENT_DATASET_PLANNED, .count = plan->n};
    send_event(report, &event);
    for (size_t i = 0; i < plan->n; i++) {
        struct event step = {
            .kind = EVENT_STEP_PLANNED, .step = i, .op = plan->v[i].op, .side = plan->v[i].side};
        step_names(&plan->v[i], ds, target, &step.start, &step.end);
        send_event(report, &step);
    }
}

void report_step_started(const struct report *report, size_t step, bool resumed)
{
    struct event event = {.kind = EVENT_STEP_STARTED, .step = step, .flag = resumed};
    send_event(report, &event);
}

void report_step_progress(const struct report *report, size_t step, uint64_t bytes, uint64_t total)
{
    struct event event = {
        .kind = EVENT_STEP_PROGRESS, .step = step, .bytes = bytes, .bytes_total = total};
    send_event(report, &event);
}

static void set_outcome(struct event *event, const struct err *e)
{
    if (e != NULL) {
        event->code = e->code;
        event->text = e->msg;
    }
}

void report_step_finished(const struct report *report, size_t step, uint64_t bytes, uint64_t count,
                          const struct err *e)
{
    struct event event = {
        .kind = EVENT_STEP_FINISHED, .step = step, .bytes = bytes, .count = count};
    set_outcome(&event, e);
    send_event(report, &event);
}

void report_finished(const struct report *report, const struct err *e)
{
    struct event event = {.kind = EVENT_DATASET_FINISHED};
    set_outcome(&event, e);
    send_event(report, &event);
}

void report_note(const struct report *report, enum event_level level, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct event event = {.kind = EVENT_NOTE, .level = level, .text = text};
    send_event(report, &event);
}
