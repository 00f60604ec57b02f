#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* A plan longer than this is not folded: no dataset has so many snapshots. */
#define STEPS_MAX 10000000

const char *dataset_status_name(enum dataset_status status)
{
    static const char *const NAMES[STATUS_COUNT] = {"unknown", "waiting", "running",
                                                    "ok",      "failed",  "remote-only"};
    return NAMES[status];
}

const char *step_status_name(enum step_status status)
{
    static const char *const NAMES[STEP_STATUS_COUNT] = {"pending", "running", "done", "failed"};
    return NAMES[status];
}

void state_init(struct state *state)
{
    memset(state, 0, sizeof(*state));
}

static void forget_steps(struct dataset_state *ds)
{
    for (size_t i = 0; i < ds->step_count; i++) {
        free(ds->steps[i].start);
        free(ds->steps[i].end);
    }
    free(ds->steps);
    ds->steps = NULL;
    ds->step_count = 0;
}

static void free_dataset(struct dataset_state *ds)
{
    forget_steps(ds);
    free(ds->name);
    free(ds->text);
    free(ds);
}

void state_fini(struct state *state)
{
    for (size_t i = 0; i < state->n; i++)
        free_dataset(state->v[i]);
    free(state->v);
    free(state->cycle_text);
    state_init(state);
}

/* Where `name` is in the ordered array, or where it belongs. */
static size_t place_of(const struct state *state, const char *name)
{
    size_t low = 0;
    size_t high = state->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(state->v[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct dataset_state *state_find(const struct state *state, const char *name)
{
    size_t at = place_of(state, name);
    return at < state->n && strcmp(state->v[at]->name, name) == 0 ? state->v[at] : NULL;
}

static struct dataset_state *get(struct state *state, const char *name)
{
    size_t at = place_of(state, name);
    if (at < state->n && strcmp(state->v[at]->name, name) == 0)
        return state->v[at];
    struct dataset_state *ds = mem_zalloc(1, sizeof(*ds));
    ds->name = mem_strdup(name);
    state->v = mem_grow(state->v, state->n, &state->cap, sizeof(struct dataset_state *));
    memmove(state->v + at + 1, state->v + at, (state->n - at) * sizeof(struct dataset_state *));
    state->v[at] = ds;
    state->n++;
    return ds;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = mem_strdup(value);
}

/* Datasets that a complete cycle did not see are gone from both sides. */
static void forget_unseen(struct state *state)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->n; i++) {
        if (state->v[i]->seen_in == state->cycle)
            state->v[kept++] = state->v[i];
        else
            free_dataset(state->v[i]);
    }
    state->n = kept;
}

static void apply_cycle_finished(struct state *state, const struct event *event)
{
    state->cycle_running = false;
    state->cycle_finished = event->time;
    state->cycle_failed = event->failed;
    state->cycle_code = event->code;
    set_text(&state->cycle_text, event->text);
    if (event->code != ERR_NONE)
        return;
    forget_unseen(state);
    if (event->failed == 0 && !state->dryrun)
        state->last_success = event->time;
}

static void apply_seen(struct state *state, const struct event *event)
{
    struct dataset_state *ds = get(state, event->dataset);
    ds->type = event->type;
    ds->seen_in = event->cycle;
    memcpy(ds->holding, event->holding, sizeof(ds->holding));
    if (event->flag)
        ds->status = STATUS_REMOTE_ONLY;
    else if (ds->status == STATUS_REMOTE_ONLY)
        ds->status = STATUS_UNKNOWN;
}

static void apply_planned(struct dataset_state *ds, const struct event *event)
{
    forget_steps(ds);
    if (event->count > STEPS_MAX)
        return;
    ds->step_count = (size_t)event->count;
    ds->steps = mem_zalloc(ds->step_count, sizeof(*ds->steps));
    if (ds->status != STATUS_RUNNING && ds->status != STATUS_REMOTE_ONLY && event->count > 0)
        ds->status = STATUS_WAITING;
}

/* Whoever fails does not always live to say which step it was. */
static void fail_running_steps(struct dataset_state *ds, int64_t time)
{
    for (size_t i = 0; i < ds->step_count; i++) {
        if (ds->steps[i].status != STEP_RUNNING)
            continue;
        ds->steps[i].status = STEP_FAILED;
        ds->steps[i].finished = time;
    }
}

static void apply_finished(struct dataset_state *ds, const struct event *event, bool dryrun)
{
    ds->finished = event->time;
    ds->code = event->code;
    if (event->code == ERR_NONE) {
        ds->status = STATUS_OK;
        if (!dryrun)
            ds->last_success = event->time;
        ds->failures = 0;
        set_text(&ds->text, NULL);
    } else {
        ds->status = STATUS_FAILED;
        ds->failures++;
        set_text(&ds->text, event->text);
        fail_running_steps(ds, event->time);
    }
}

static void apply_step_finished(struct dataset_state *ds, struct step_state *step,
                                const struct event *event)
{
    bool is_transfer = step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
    step->status = event->code == ERR_NONE ? STEP_DONE : STEP_FAILED;
    step->bytes = event->bytes;
    step->finished = event->time;
    ds->sent_bytes += event->bytes;
    if (is_transfer)
        ds->sent += event->count;
    else
        ds->destroyed += event->count;
}

static void apply_step(struct dataset_state *ds, const struct event *event)
{
    if (event->step >= ds->step_count)
        return;
    struct step_state *step = &ds->steps[event->step];
    switch (event->kind) {
    case EVENT_STEP_PLANNED:
        step->op = event->op;
        step->side = event->side;
        set_text(&step->start, event->start);
        set_text(&step->end, event->end);
        break;
    case EVENT_STEP_STARTED:
        step->status = STEP_RUNNING;
        step->resumed = event->flag;
        step->started = event->time;
        break;
    case EVENT_STEP_PROGRESS:
        step->bytes = event->bytes;
        step->bytes_total = event->bytes_total;
        break;
    default:
        apply_step_finished(ds, step, event);
        break;
    }
}

static void apply_to_dataset(struct dataset_state *ds, const struct event *event, bool dryrun)
{
    switch (event->kind) {
    case EVENT_DATASET_PLANNED:
        apply_planned(ds, event);
        break;
    case EVENT_DATASET_STARTED:
        ds->status = STATUS_RUNNING;
        ds->started = event->time;
        ds->sent = ds->destroyed = ds->sent_bytes = 0;
        break;
    case EVENT_DATASET_FINISHED:
        apply_finished(ds, event, dryrun);
        break;
    default:
        apply_step(ds, event);
        break;
    }
}

void state_apply(struct state *state, const struct event *event)
{
    bool of_dataset = event->kind != EVENT_CYCLE_STARTED && event->kind != EVENT_CYCLE_FINISHED;
    if (of_dataset && event->dataset == NULL)
        return;
    switch (event->kind) {
    case EVENT_CYCLE_STARTED:
        state->cycle = event->cycle;
        state->cycle_running = true;
        state->dryrun = event->flag;
        state->cycle_started = event->time;
        return;
    case EVENT_CYCLE_FINISHED:
        apply_cycle_finished(state, event);
        return;
    case EVENT_DATASET_SEEN:
        apply_seen(state, event);
        return;
    case EVENT_NOTE:
    case EVENT_KIND_COUNT:
        return;
    default:
        break;
    }
    struct dataset_state *ds = state_find(state, event->dataset);
    if (ds != NULL)
        apply_to_dataset(ds, event, state->dryrun);
}
