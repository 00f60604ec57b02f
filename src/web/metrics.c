#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "metrics_parts.h"

/* Upper bounds in seconds: from a step that only destroys to a first copy that takes days. */
static const int64_t BOUNDS[] = {1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400, 259200};
#define BOUND_COUNT (sizeof(BOUNDS) / sizeof(BOUNDS[0]))

struct histogram {
    uint64_t bucket[BOUND_COUNT]; /* each alone; they are summed up when they are written */
    uint64_t count;
    uint64_t sum; /* seconds */
};

/* What of a running step is counted already. */
struct running {
    char *dataset;
    uint64_t step;
    uint64_t bytes;
};

enum result { RESULT_OK, RESULT_FAILED, RESULT_COUNT };

static const char *const RESULTS[RESULT_COUNT] = {"ok", "failed"};

struct metrics {
    uint64_t cycles[RESULT_COUNT];
    struct histogram cycle_duration;
    uint64_t steps[OP_COUNT][RESULT_COUNT];
    struct histogram step_duration[OP_COUNT];
    uint64_t sent_bytes;
    uint64_t snapshots_sent;
    uint64_t snapshots_destroyed[SIDE_COUNT];
    uint64_t failures[ERR_CODE_COUNT];
    struct running *running;
    size_t running_count, running_cap;
};

struct metrics *metrics_new(void)
{
    return mem_zalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->running_count; i++)
        free(metrics->running[i].dataset);
    free(metrics->running);
    free(metrics);
}

/* ---- counting ---- */

static void observe(struct histogram *histogram, int64_t seconds)
{
    size_t i = 0;
    if (seconds < 0)
        seconds = 0; /* the clock stepped back */
    while (i < BOUND_COUNT && seconds > BOUNDS[i])
        i++;
    if (i < BOUND_COUNT)
        histogram->bucket[i]++;
    histogram->count++;
    histogram->sum += (uint64_t)seconds;
}

static struct running *find_running(struct metrics *metrics, const char *dataset)
{
    for (size_t i = 0; i < metrics->running_count; i++)
        if (strcmp(metrics->running[i].dataset, dataset) == 0)
            return &metrics->running[i];
    return NULL;
}

static void begin_running(struct metrics *metrics, const struct event *event, uint64_t bytes)
{
    struct running *running = find_running(metrics, event->dataset);
    if (running == NULL) {
        metrics->running = mem_grow(metrics->running, metrics->running_count, &metrics->running_cap,
                                    sizeof(*metrics->running));
        running = &metrics->running[metrics->running_count++];
        running->dataset = mem_strdup(event->dataset);
    }
    running->step = event->step;
    running->bytes = bytes;
}

static void end_running(struct metrics *metrics, const char *dataset)
{
    struct running *running = find_running(metrics, dataset);
    if (running == NULL)
        return;
    free(running->dataset);
    *running = metrics->running[--metrics->running_count];
}

/* Whoever began to listen in the middle of a step counts what comes after that. */
static void count_bytes(struct metrics *metrics, const struct event *event)
{
    struct running *running = find_running(metrics, event->dataset);
    if (running == NULL || running->step != event->step) {
        begin_running(metrics, event, event->bytes);
        return;
    }
    if (event->bytes > running->bytes)
        metrics->sent_bytes += event->bytes - running->bytes;
    running->bytes = event->bytes;
}

static void count_step(struct metrics *metrics, const struct event *event,
                       const struct state *state)
{
    const struct dataset_state *ds = state_find(state, event->dataset);
    count_bytes(metrics, event);
    end_running(metrics, event->dataset);
    if (ds == NULL || event->step >= ds->step_count)
        return;
    const struct step_state *step = &ds->steps[event->step];
    metrics->steps[step->op][event->code == ERR_NONE ? RESULT_OK : RESULT_FAILED]++;
    observe(&metrics->step_duration[step->op], step->finished - step->started);
    if (step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER)
        metrics->snapshots_sent += event->count;
    else
        metrics->snapshots_destroyed[step->side] += event->count;
}

/* A daemon that is told to stop has not failed. */
static void count_failure(struct metrics *metrics, const struct event *event)
{
    if (event->code != ERR_NONE && event->code != ERR_INTERRUPTED)
        metrics->failures[event->code]++;
}

static void count_cycle(struct metrics *metrics, const struct event *event,
                        const struct state *state)
{
    if (event->code == ERR_INTERRUPTED)
        return;
    bool ok = event->code == ERR_NONE && event->failed == 0;
    metrics->cycles[ok ? RESULT_OK : RESULT_FAILED]++;
    observe(&metrics->cycle_duration, event->time - state->cycle_started);
    count_failure(metrics, event);
}

void metrics_apply(struct metrics *metrics, const struct event *event, const struct state *state)
{
    if (event->kind == EVENT_CYCLE_FINISHED) {
        count_cycle(metrics, event, state);
        return;
    }
    if (event->dataset == NULL)
        return;
    switch (event->kind) {
    case EVENT_STEP_STARTED:
        begin_running(metrics, event, 0);
        break;
    case EVENT_STEP_PROGRESS:
        count_bytes(metrics, event);
        break;
    case EVENT_STEP_FINISHED:
        count_step(metrics, event, state);
        break;
    case EVENT_DATASET_FINISHED:
        end_running(metrics, event->dataset); /* its worker may have died in the middle of it */
        count_failure(metrics, event);
        break;
    default:
        break;
    }
}

/* ---- writing ---- */

/* `label` and `value` may be NULL. */
static void add_histogram(const struct histogram *histogram, const char *name, const char *label,
                          const char *value, struct str *out)
{
    char bound[24];
    uint64_t sum = 0;
    struct metric_labels labels = {.name = {label}, .value = {value}};
    size_t le = label == NULL ? 0 : 1;
    labels.name[le] = "le";
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        sum += histogram->bucket[i];
        snprintf(bound, sizeof(bound), "%" PRId64, BOUNDS[i]);
        labels.value[le] = bound;
        metric_add(out, name, "_bucket", &labels, sum);
    }
    labels.value[le] = "+Inf";
    metric_add(out, name, "_bucket", &labels, histogram->count);
    labels.name[le] = NULL;
    metric_add(out, name, "_sum", &labels, histogram->sum);
    metric_add(out, name, "_count", &labels, histogram->count);
}

static void write_cycles(const struct metrics *metrics, struct str *out)
{
    metric_begin(out, "backupd_cycles_total", "counter", "Finished cycles by how they ended.");
    for (int result = 0; result < RESULT_COUNT; result++)
        metric_add(out, "backupd_cycles_total", NULL,
                   &(struct metric_labels){.name = {"result"}, .value = {RESULTS[result]}},
                   metrics->cycles[result]);
    metric_begin(out, "backupd_cycle_duration_seconds", "histogram",
                 "How long finished cycles took.");
    add_histogram(&metrics->cycle_duration, "backupd_cycle_duration_seconds", NULL, NULL, out);
}

static void write_steps(const struct metrics *metrics, struct str *out)
{
    metric_begin(out, "backupd_steps_total", "counter", "Finished steps by how they ended.");
    for (int op = 0; op < OP_COUNT; op++)
        for (int result = 0; result < RESULT_COUNT; result++)
            metric_add(out, "backupd_steps_total", NULL,
                       &(struct metric_labels){.name = {"op", "result"},
                                               .value = {op_name((enum op)op), RESULTS[result]}},
                       metrics->steps[op][result]);
    metric_begin(out, "backupd_step_duration_seconds", "histogram",
                 "How long finished steps took.");
    for (int op = 0; op < OP_COUNT; op++)
        add_histogram(&metrics->step_duration[op], "backupd_step_duration_seconds", "op",
                      op_name((enum op)op), out);
}

static void write_amounts(const struct metrics *metrics, struct str *out)
{
    static const struct metric_labels NONE = {.name = {NULL}};
    metric_begin(out, "backupd_sent_bytes_total", "counter",
                 "Bytes of streams sent to the remote, as zfs made them, running transfers "
                 "included.");
    metric_add(out, "backupd_sent_bytes_total", NULL, &NONE, metrics->sent_bytes);
    metric_begin(out, "backupd_snapshots_sent_total", "counter", "Snapshots sent to the remote.");
    metric_add(out, "backupd_snapshots_sent_total", NULL, &NONE, metrics->snapshots_sent);
    metric_begin(out, "backupd_snapshots_destroyed_total", "counter",
                 "Snapshots destroyed, by side.");
    for (int side = 0; side < SIDE_COUNT; side++)
        metric_add(out, "backupd_snapshots_destroyed_total", NULL,
                   &(struct metric_labels){.name = {"side"}, .value = {side_name((enum side)side)}},
                   metrics->snapshots_destroyed[side]);
}

static void write_failures(const struct metrics *metrics, struct str *out)
{
    metric_begin(out, "backupd_failures_total", "counter",
                 "Failed runs of datasets and failed cycles, by the error's code.");
    for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++)
        if (code != ERR_INTERRUPTED)
            metric_add(out, "backupd_failures_total", NULL,
                       &(struct metric_labels){.name = {"code"},
                                               .value = {err_code_name((enum err_code)code)}},
                       metrics->failures[code]);
}

void metrics_write(const struct metrics *metrics, const struct state *state,
                   const struct settings *settings, size_t clients, size_t streams, int64_t now,
                   struct str *out)
{
    metric_begin(out, "backupd_build_info", "gauge", "Always 1; the version is a label.");
    metric_add(out, "backupd_build_info", NULL,
               &(struct metric_labels){.name = {"version"}, .value = {settings->version}}, 1);
    write_cycles(metrics, out);
    write_steps(metrics, out);
    write_amounts(metrics, out);
    write_failures(metrics, out);
    metrics_write_state(state, now, out);
    metric_add_gauge(out, "backupd_web_connections", "Open connections of the web role.", clients);
    metric_add_gauge(out, "backupd_web_streams", "Open connections that follow a stream.", streams);
}
