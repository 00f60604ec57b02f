/* The fold of what happens to the steps of a plan. */
#include "state_parts.h"

static bool is_transfer(const struct step_state *step)
{
    return step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
}

static void note_bytes(struct state *state, struct step_state *step, const struct event *event)
{
    if (event->bytes > step->bytes)
        chronicle_add_bytes(&state->chronicle, event->time, event->bytes - step->bytes);
    step->bytes = event->bytes;
}

static void record_transfer(struct state *state, const struct dataset_state *ds,
                            const struct step_state *step, const struct event *event)
{
    struct record record = {.time = event->time,
                            .started = step->started,
                            .dataset = ds->name,
                            .start = step->start,
                            .end = step->end,
                            .bytes = event->bytes,
                            .resumed = step->resumed,
                            .code = event->code,
                            .text = event->text};
    chronicle_add(&state->chronicle, RECORD_TRANSFER, &record);
}

/* The newest of each side, from the rows. */
static void find_newest(struct dataset_state *ds)
{
    struct row_reader reader;
    for (int side = 0; side < SIDE_COUNT; side++)
        ds->holding[side].newest = 0;
    row_reader_init(&reader, &ds->rows);
    for (const struct snapshot_row *row; (row = row_reader_next(&reader)) != NULL;)
        for (int side = 0; side < SIDE_COUNT; side++)
            if ((row->sides & ROW_ON(side)) != 0)
                ds->holding[side].newest = row->creation;
}

/* What the sides hold changes with the step; the next listing says the same, or corrects it. */
static void move_snapshots(const struct state *state, struct dataset_state *ds,
                           const struct step_state *step)
{
    bool moved;
    if (is_transfer(step))
        moved = row_table_receive(&ds->rows, step->end);
    else
        moved = row_table_destroy(&ds->rows, step->side, step->start, step->end);
    if (!moved)
        return;
    state_weigh_rows(state, ds);
    find_newest(ds);
}

static void apply_step_finished(struct state *state, struct dataset_state *ds,
                                struct step_state *step, const struct event *event)
{
    bool transfer = is_transfer(step);
    struct event_side *holding = &ds->holding[step->side];
    note_bytes(state, step, event);
    step->status = event->code == ERR_NONE ? STEP_DONE : STEP_FAILED;
    step->finished = event->time;
    ds->sent_bytes += event->bytes;
    state->sent_bytes += event->bytes;
    if (transfer) {
        ds->sent += event->count;
        state->sent += event->count;
        holding->count += event->count;
        holding->space += event->bytes; /* until the next listing says it */
        record_transfer(state, ds, step, event);
    } else {
        ds->destroyed += event->count;
        state->destroyed += event->count;
        holding->count -= event->count < holding->count ? event->count : holding->count;
    }
    if (event->code == ERR_NONE && !state->dryrun)
        move_snapshots(state, ds, step);
}

void state_apply_step(struct state *state, struct dataset_state *ds, const struct event *event)
{
    if (event->step >= ds->step_count)
        return;
    struct step_state *step = &ds->steps[event->step];
    bool is_planned = step->start != NULL && step->end != NULL;
    if (!is_planned && event->kind != EVENT_STEP_PLANNED)
        return; /* nobody knows what it is */
    switch (event->kind) {
    case EVENT_STEP_PLANNED:
        step->op = event->op;
        step->side = event->side;
        state_set_text(&step->start, event->start);
        state_set_text(&step->end, event->end);
        break;
    case EVENT_STEP_STARTED:
        step->status = STEP_RUNNING;
        step->resumed = event->flag;
        step->started = event->time;
        step->finished = 0;
        step->bytes = step->bytes_total = 0;
        break;
    case EVENT_STEP_PROGRESS:
        note_bytes(state, step, event);
        step->bytes_total = event->bytes_total;
        break;
    case EVENT_STEP_RECALLED:
        step->status = event->step_status;
        step->resumed = event->flag;
        step->started = event->started;
        step->finished = event->finished;
        step->bytes = event->bytes;
        step->bytes_total = event->bytes_total;
        break;
    default:
        apply_step_finished(state, ds, step, event);
        break;
    }
}
