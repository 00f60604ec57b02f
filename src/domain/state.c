#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "mem.h"
#include "state_parts.h"
#include "verdict.h"

/* A plan longer than this is not folded: no dataset has so many snapshots. */
#define STEPS_MAX 10000000

void state_init(struct state *state)
{
    memset(state, 0, sizeof(*state));
    chronicle_init(&state->chronicle);
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
    row_table_clear(&ds->rows);
    row_table_clear(&ds->arriving);
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
    chronicle_fini(&state->chronicle);
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

void state_set_text(char **text, const char *value)
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

const struct step_state *dataset_running_step(const struct dataset_state *ds)
{
    for (size_t i = 0; i < ds->step_count; i++)
        if (ds->steps[i].status == STEP_RUNNING)
            return &ds->steps[i];
    return NULL;
}

size_t dataset_steps_done(const struct dataset_state *ds)
{
    size_t done = 0;
    for (size_t i = 0; i < ds->step_count; i++)
        done += ds->steps[i].status == STEP_DONE;
    return done;
}

/* ---- cycles ---- */

static void apply_cycle_started(struct state *state, const struct event *event)
{
    state->cycle = event->cycle;
    state->cycle_running = true;
    state->dryrun = event->flag;
    state->cycle_started = event->time;
    state->due = 0;
    state->sent = state->destroyed = state->sent_bytes = 0;
}

static void record_failure(struct state *state, const struct event *event)
{
    struct record record = {
        .time = event->time, .dataset = event->dataset, .code = event->code, .text = event->text};
    chronicle_add(&state->chronicle, RECORD_FAILURE, &record);
}

static void record_cycle(struct state *state, const struct event *event)
{
    struct record record = {.time = event->time,
                            .started = state->cycle_started,
                            .cycle = state->cycle,
                            .count = event->count,
                            .failed = event->failed,
                            .sent = state->sent,
                            .destroyed = state->destroyed,
                            .bytes = state->sent_bytes,
                            .code = event->code,
                            .text = state->cycle_text};
    chronicle_add(&state->chronicle, RECORD_CYCLE, &record);
    if (event->code == ERR_INTERRUPTED)
        return;
    if (event->code != ERR_NONE)
        record_failure(state, event);
    struct verdict verdict;
    uint64_t space[SIDE_COUNT] = {0};
    verdict_of(state, event->time, &verdict);
    for (size_t i = 0; i < state->n; i++)
        for (int side = 0; side < SIDE_COUNT; side++)
            space[side] += state->v[i]->holding[side].space;
    chronicle_note_day(&state->chronicle, event->time, verdict.level, state->sent_bytes, space);
}

static void apply_cycle_finished(struct state *state, const struct event *event)
{
    state->cycle_running = false;
    state->cycle_finished = event->time;
    state->cycle_failed = event->failed;
    state->cycle_code = event->code;
    state_set_text(&state->cycle_text, event->text);
    if (event->code == ERR_NONE) {
        forget_unseen(state);
        state->cycle_failing = 0;
        if (event->failed == 0 && !state->dryrun)
            state->last_success = event->time;
    } else if (state->cycle_failing == 0 && event->code != ERR_INTERRUPTED) {
        state->cycle_failing = event->time;
    }
    record_cycle(state, event);
}

static void apply_state_recalled(struct state *state, const struct event *event)
{
    state->cycle = event->cycle;
    state->cycle_running = event->running;
    state->dryrun = event->flag;
    state->cycle_started = event->started;
    state->cycle_finished = event->finished;
    state->cycle_failed = event->failed;
    state->cycle_failing = event->failing;
    state->cycle_code = event->code;
    state_set_text(&state->cycle_text, event->text);
    state->last_success = event->success;
    state->due = event->due;
    state->sent = event->sent;
    state->destroyed = event->destroyed;
    state->sent_bytes = event->bytes;
}

/* ---- datasets ---- */

static void apply_seen(struct state *state, const struct event *event)
{
    struct dataset_state *ds = get(state, event->dataset);
    bool was_remote_only = ds->status == STATUS_REMOTE_ONLY;
    if (ds->revision == 0 || ds->type != event->type || was_remote_only != event->flag ||
        memcmp(ds->holding, event->holding, sizeof(ds->holding)) != 0)
        ds->revision++;
    ds->type = event->type;
    ds->seen_in = event->cycle;
    memcpy(ds->holding, event->holding, sizeof(ds->holding));
    if (event->flag)
        ds->status = STATUS_REMOTE_ONLY;
    else if (was_remote_only)
        ds->status = STATUS_UNKNOWN;
}

/* What the table says about the copy. */
void state_weigh_rows(const struct state *state, struct dataset_state *ds)
{
    unsigned wanted = ROW_ON(SIDE_LOCAL) | (state->has_remote ? ROW_ON(SIDE_REMOTE) : 0U);
    ds->copied = ds->coming_since = ds->blocked_since = 0;
    struct row_reader reader;
    row_reader_init(&reader, &ds->rows);
    for (const struct snapshot_row *row; (row = row_reader_next(&reader)) != NULL;) {
        if ((row->sides & wanted) == wanted && row->creation > ds->copied)
            ds->copied = row->creation;
        if (row_is_coming(row) && (ds->coming_since == 0 || row->creation < ds->coming_since))
            ds->coming_since = row->creation;
        if ((row->keep[SIDE_REMOTE] & KEEP_STRAY) != 0)
            ds->blocked_since = row->creation;
    }
}

static void apply_snapshots(const struct state *state, struct dataset_state *ds,
                            const struct event *event)
{
    if (event->first)
        row_table_clear(&ds->arriving);
    else if (!ds->is_arriving)
        return; /* whoever began to listen in the middle has the table of before */
    ds->is_arriving = event->flag;
    if (event->row_count > ROWS_MAX - ds->arriving.n) {
        row_table_clear(&ds->arriving);
        ds->is_arriving = false;
        return;
    }
    row_table_add(&ds->arriving, event->rows, event->row_count);
    if (event->flag)
        return;
    row_table_settle(&ds->arriving);
    row_table_clear(&ds->rows);
    ds->rows = ds->arriving;
    memset(&ds->arriving, 0, sizeof(ds->arriving));
    state_weigh_rows(state, ds);
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

static void apply_started(struct dataset_state *ds, const struct event *event)
{
    ds->status = STATUS_RUNNING;
    ds->started = event->time;
    ds->due = 0;
    ds->sent = ds->destroyed = ds->sent_bytes = 0;
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

static void set_failure(struct dataset_state *ds, enum err_code code, const char *text)
{
    ds->code = code;
    state_set_text(&ds->text, text);
}

static void apply_finished(struct state *state, struct dataset_state *ds, const struct event *event)
{
    ds->finished = event->time;
    ds->due = 0;
    if (event->code == ERR_NONE) {
        ds->status = STATUS_OK;
        if (!state->dryrun)
            ds->last_success = event->time;
        ds->failures = 0;
        ds->failing = 0;
        set_failure(ds, ERR_NONE, NULL);
        return;
    }
    ds->status = STATUS_FAILED;
    fail_running_steps(ds, event->time);
    if (event->code == ERR_INTERRUPTED) {
        if (ds->failing == 0)
            set_failure(ds, event->code, event->text);
        return; /* says nothing of the data: what it failed of before is still so */
    }
    if (ds->failing == 0)
        ds->failing = event->time;
    ds->failures++;
    set_failure(ds, event->code, event->text);
    record_failure(state, event);
}

static void apply_dataset_recalled(struct dataset_state *ds, const struct event *event)
{
    ds->status = event->status;
    ds->started = event->started;
    ds->finished = event->finished;
    ds->last_success = event->success;
    ds->due = event->due;
    ds->failing = event->failing;
    ds->sent = event->sent;
    ds->destroyed = event->destroyed;
    ds->sent_bytes = event->bytes;
    ds->failures = event->failed;
    ds->code = event->code;
    state_set_text(&ds->text, event->text);
}

static void apply_to_dataset(struct state *state, struct dataset_state *ds,
                             const struct event *event)
{
    if (event->kind != EVENT_STEP_PROGRESS)
        ds->revision++;
    switch (event->kind) {
    case EVENT_DATASET_SNAPSHOTS:
        apply_snapshots(state, ds, event);
        break;
    case EVENT_DATASET_PLANNED:
        apply_planned(ds, event);
        break;
    case EVENT_DATASET_STARTED:
        apply_started(ds, event);
        break;
    case EVENT_DATASET_FINISHED:
        apply_finished(state, ds, event);
        break;
    case EVENT_DATASET_DUE:
        ds->due = event->due;
        break;
    case EVENT_DATASET_RECALLED:
        apply_dataset_recalled(ds, event);
        break;
    default:
        state_apply_step(state, ds, event);
        break;
    }
}

/* ---- records ---- */

/* What a "recalled" record says, as a record; its strings are the event's. */
static void recall(struct state *state, enum record_kind kind, const struct event *event)
{
    struct record record = {.time = event->time,
                            .started = event->started,
                            .cycle = event->cycle,
                            .count = event->count,
                            .failed = event->failed,
                            .sent = event->sent,
                            .destroyed = event->destroyed,
                            .bytes = event->bytes,
                            .resumed = event->flag,
                            .verdict = event->verdict,
                            .level = event->level,
                            .code = event->code,
                            .dataset = event->dataset,
                            .start = event->start,
                            .end = event->end,
                            .text = event->text};
    for (int side = 0; side < SIDE_COUNT; side++)
        record.space[side] = event->holding[side].space;
    chronicle_add(&state->chronicle, kind, &record);
}

/* A line of the log for whatever is worth one. */
static void record_line(struct state *state, const struct event *event)
{
    struct str text;
    str_init(&text);
    int level = event_describe(event, state, &text);
    if (level > LEVEL_DEBUG) {
        struct record record = {.time = event->time,
                                .dataset = event->dataset,
                                .level = (enum event_level)level,
                                .text = text.s};
        chronicle_add(&state->chronicle, RECORD_LINE, &record);
    }
    str_fini(&text);
}

static void apply_configured(struct state *state, const struct event *event)
{
    bool weighs_otherwise = state->has_remote != event->flag;
    state->has_remote = event->flag;
    state->interval = event->interval;
    state->period = event->period;
    for (size_t i = 0; i < state->n && weighs_otherwise; i++) {
        state_weigh_rows(state, state->v[i]);
        state->v[i]->revision++;
    }
}

/* Events that are of no dataset; false for the others. */
static bool apply_to_whole(struct state *state, const struct event *event)
{
    switch (event->kind) {
    case EVENT_CYCLE_STARTED:
        apply_cycle_started(state, event);
        return true;
    case EVENT_CYCLE_FINISHED:
        apply_cycle_finished(state, event);
        return true;
    case EVENT_CONFIGURED:
        apply_configured(state, event);
        return true;
    case EVENT_CYCLE_DUE:
        state->due = event->due;
        return true;
    case EVENT_STATE_RECALLED:
        apply_state_recalled(state, event);
        return true;
    case EVENT_CYCLE_RECALLED:
        /* numbers go on where they were */
        if (event->cycle > state->cycle)
            state->cycle = event->cycle;
        recall(state, RECORD_CYCLE, event);
        return true;
    case EVENT_TRANSFER_RECALLED:
        recall(state, RECORD_TRANSFER, event);
        return true;
    case EVENT_FAILURE_RECALLED:
        recall(state, RECORD_FAILURE, event);
        return true;
    case EVENT_DAY_RECALLED:
        recall(state, RECORD_DAY, event);
        return true;
    case EVENT_LOG_RECALLED:
        recall(state, RECORD_LINE, event);
        return true;
    case EVENT_MINUTE_RECALLED:
        chronicle_add_bytes(&state->chronicle, event->time, event->bytes);
        return true;
    case EVENT_NOTE:
    case EVENT_KIND_COUNT:
        return true;
    default:
        return false;
    }
}

void state_apply(struct state *state, const struct event *event)
{
    if (!apply_to_whole(state, event)) {
        if (event->dataset == NULL)
            return;
        if (event->kind == EVENT_DATASET_SEEN) {
            apply_seen(state, event);
            return;
        }
        struct dataset_state *ds = state_find(state, event->dataset);
        if (ds == NULL)
            return;
        apply_to_dataset(state, ds, event);
    }
    record_line(state, event);
}
