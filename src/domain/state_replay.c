/* The state as events: what another process folds to arrive at the same. */
#include "state.h"

#include <stdlib.h>

void record_recall(enum record_kind kind, const struct record *record, struct event *ret)
{
    static const enum event_kind KINDS[RECORD_KIND_COUNT] = {
        [RECORD_CYCLE] = EVENT_CYCLE_RECALLED,     [RECORD_TRANSFER] = EVENT_TRANSFER_RECALLED,
        [RECORD_FAILURE] = EVENT_FAILURE_RECALLED, [RECORD_DAY] = EVENT_DAY_RECALLED,
        [RECORD_LINE] = EVENT_LOG_RECALLED,
    };
    *ret = (struct event){.kind = KINDS[kind],
                          .time = record->time,
                          .started = record->started,
                          .cycle = record->cycle,
                          .dataset = record->dataset,
                          .start = record->start,
                          .end = record->end,
                          .count = record->count,
                          .failed = record->failed,
                          .sent = record->sent,
                          .destroyed = record->destroyed,
                          .bytes = record->bytes,
                          .flag = record->resumed,
                          .verdict = record->verdict,
                          .level = record->level,
                          .code = record->code,
                          .text = record->text};
    for (int side = 0; side < SIDE_COUNT; side++)
        ret->holding[side].space = record->space[side];
}

static void replay_record(enum record_kind kind, const struct record *record, state_replay_fn *fn,
                          void *arg)
{
    struct event event;
    record_recall(kind, record, &event);
    fn(arg, &event);
}

static void replay_chronicle(const struct chronicle *chronicle, state_replay_fn *fn, void *arg)
{
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        for (size_t i = 0; i < chronicle_count(chronicle, (enum record_kind)kind); i++)
            replay_record((enum record_kind)kind,
                          chronicle_at(chronicle, (enum record_kind)kind, i), fn, arg);
    for (int64_t age = CHRONICLE_MINUTES - 1; age >= 0; age--) {
        struct event event = {.kind = EVENT_MINUTE_RECALLED,
                              .time = (chronicle->newest_minute - age) * 60};
        event.bytes = chronicle_bytes_in(chronicle, event.time);
        if (event.bytes > 0)
            fn(arg, &event);
    }
}

void state_replay(const struct state *state, state_replay_fn *fn, void *arg)
{
    struct event configured = {.kind = EVENT_CONFIGURED,
                               .flag = state->has_remote,
                               .interval = state->interval,
                               .period = state->period};
    fn(arg, &configured);
    replay_chronicle(&state->chronicle, fn, arg);
    struct event recalled = {.kind = EVENT_STATE_RECALLED,
                             .cycle = state->cycle,
                             .running = state->cycle_running,
                             .flag = state->dryrun,
                             .started = state->cycle_started,
                             .finished = state->cycle_finished,
                             .due = state->due,
                             .success = state->last_success,
                             .failing = state->cycle_failing,
                             .failed = state->cycle_failed,
                             .sent = state->sent,
                             .destroyed = state->destroyed,
                             .bytes = state->sent_bytes,
                             .code = state->cycle_code,
                             .text = state->cycle_text};
    fn(arg, &recalled);
}

static void replay_steps(const struct dataset_state *ds, state_replay_fn *fn, void *arg)
{
    struct event planned = {
        .kind = EVENT_DATASET_PLANNED, .dataset = ds->name, .count = ds->step_count};
    fn(arg, &planned);
    for (size_t i = 0; i < ds->step_count; i++) {
        const struct step_state *step = &ds->steps[i];
        struct event event = {.kind = EVENT_STEP_PLANNED,
                              .dataset = ds->name,
                              .step = i,
                              .op = step->op,
                              .side = step->side,
                              .start = step->start,
                              .end = step->end};
        /* Its own event has not come yet; it will. */
        if (step->start == NULL || step->end == NULL)
            continue;
        fn(arg, &event);
        if (step->status == STEP_PENDING && step->bytes == 0 && step->bytes_total == 0)
            continue;
        event = (struct event){.kind = EVENT_STEP_RECALLED,
                               .dataset = ds->name,
                               .step = i,
                               .step_status = step->status,
                               .flag = step->resumed,
                               .started = step->started,
                               .finished = step->finished,
                               .bytes = step->bytes,
                               .bytes_total = step->bytes_total};
        fn(arg, &event);
    }
}

static void replay_rows(const struct dataset_state *ds, const struct row_table *table, bool more,
                        state_replay_fn *fn, void *arg)
{
    struct snapshot_row *rows = row_table_list(table);
    struct event event = {.kind = EVENT_DATASET_SNAPSHOTS,
                          .dataset = ds->name,
                          .first = true,
                          .flag = more,
                          .rows = rows,
                          .row_count = table->n};
    fn(arg, &event);
    free(rows);
}

void state_replay_dataset(const struct dataset_state *ds, state_replay_fn *fn, void *arg)
{
    struct event seen = {.kind = EVENT_DATASET_SEEN,
                         .cycle = ds->seen_in,
                         .dataset = ds->name,
                         .type = ds->type,
                         .flag = ds->status == STATUS_REMOTE_ONLY};
    for (int side = 0; side < SIDE_COUNT; side++)
        seen.holding[side] = ds->holding[side];
    fn(arg, &seen);
    replay_rows(ds, &ds->rows, false, fn, arg);
    /* The part of a table that has come: its rest is still to come, to whoever is told this too. */
    if (ds->is_arriving)
        replay_rows(ds, &ds->arriving, true, fn, arg);
    if (ds->step_count > 0)
        replay_steps(ds, fn, arg);
    struct event recalled = {.kind = EVENT_DATASET_RECALLED,
                             .dataset = ds->name,
                             .status = ds->status,
                             .started = ds->started,
                             .finished = ds->finished,
                             .success = ds->last_success,
                             .due = ds->due,
                             .failing = ds->failing,
                             .sent = ds->sent,
                             .destroyed = ds->destroyed,
                             .bytes = ds->sent_bytes,
                             .failed = ds->failures,
                             .code = ds->code,
                             .text = ds->text};
    fn(arg, &recalled);
}
