/* The state: what a sequence of events comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state.h"

static void feed(struct state *state, struct event event)
{
    state_apply(state, &event);
}

static void start_cycle(struct state *state, uint64_t cycle, int64_t time)
{
    feed(state, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = cycle, .time = time});
}

static void see(struct state *state, const char *name, uint64_t cycle)
{
    feed(state, (struct event){.kind = EVENT_DATASET_SEEN,
                               .dataset = name,
                               .cycle = cycle,
                               .type = DATASET_FILESYSTEM,
                               .holding = {{.count = 3, .newest = 30}, {.count = 2}}});
}

static void plan_two_steps(struct state *state, const char *name)
{
    feed(state, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = name, .count = 2});
    feed(state, (struct event){.kind = EVENT_STEP_PLANNED,
                               .dataset = name,
                               .step = 0,
                               .op = OP_DELETION,
                               .side = SIDE_REMOTE,
                               .start = "a",
                               .end = "a"});
    feed(state, (struct event){.kind = EVENT_STEP_PLANNED,
                               .dataset = name,
                               .step = 1,
                               .op = OP_RANGE_TRANSFER,
                               .side = SIDE_REMOTE,
                               .start = "b",
                               .end = "c"});
}

static void finish(struct state *state, const char *name, int64_t time, enum err_code code)
{
    feed(state, (struct event){.kind = EVENT_DATASET_FINISHED,
                               .dataset = name,
                               .time = time,
                               .code = code,
                               .text = code == ERR_NONE ? NULL : "words"});
}

static void a_dataset_is_unknown_then_waiting_running_and_ok(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 1, 100);
    assert_true(s.cycle_running);
    see(&s, "/home", 1);
    struct dataset_state *ds = state_find(&s, "/home");
    assert_int_equal(ds->status, STATUS_UNKNOWN);
    assert_int_equal(ds->type, DATASET_FILESYSTEM);
    assert_int_equal(ds->holding[SIDE_LOCAL].count, 3);
    assert_int_equal(ds->holding[SIDE_LOCAL].newest, 30);
    plan_two_steps(&s, "/home");
    assert_int_equal(ds->status, STATUS_WAITING);
    assert_int_equal(ds->step_count, 2);
    assert_string_equal(ds->steps[1].start, "b");
    assert_string_equal(ds->steps[1].end, "c");
    assert_int_equal(ds->steps[1].op, OP_RANGE_TRANSFER);
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/home", .time = 110});
    assert_int_equal(ds->status, STATUS_RUNNING);
    assert_int_equal(ds->started, 110);
    finish(&s, "/home", 120, ERR_NONE);
    assert_int_equal(ds->status, STATUS_OK);
    assert_int_equal(ds->last_success, 120);
    state_fini(&s);
    assert_int_equal(s.n, 0);
}

static void a_step_is_pending_running_and_done_with_its_progress(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "", 0);
    plan_two_steps(&s, "");
    const struct step_state *step = &state_find(&s, "")->steps[1];
    assert_int_equal(step->status, STEP_PENDING);
    feed(&s, (struct event){
                 .kind = EVENT_STEP_STARTED, .dataset = "", .step = 1, .time = 5, .flag = true});
    assert_int_equal(step->status, STEP_RUNNING);
    assert_true(step->resumed);
    assert_int_equal(step->started, 5);
    feed(
        &s,
        (struct event){
            .kind = EVENT_STEP_PROGRESS, .dataset = "", .step = 1, .bytes = 10, .bytes_total = 40});
    assert_int_equal(step->bytes, 10);
    assert_int_equal(step->bytes_total, 40);
    feed(&s, (struct event){
                 .kind = EVENT_STEP_FINISHED, .dataset = "", .step = 1, .bytes = 44, .time = 9});
    assert_int_equal(step->status, STEP_DONE);
    assert_int_equal(step->bytes, 44);
    assert_int_equal(step->finished, 9);
    assert_int_equal(state_find(&s, "")->steps[0].status, STEP_PENDING);
    state_fini(&s);
}

static void failures_are_counted_until_the_next_success(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 0);
    struct dataset_state *ds = state_find(&s, "/a");
    finish(&s, "/a", 1, ERR_NONE);
    finish(&s, "/a", 2, ERR_BUSY);
    finish(&s, "/a", 3, ERR_HELD);
    assert_int_equal(ds->status, STATUS_FAILED);
    assert_int_equal(ds->failures, 2);
    assert_int_equal(ds->code, ERR_HELD);
    assert_string_equal(ds->text, "words");
    assert_int_equal(ds->last_success, 1);
    finish(&s, "/a", 4, ERR_NONE);
    assert_int_equal(ds->failures, 0);
    assert_int_equal(ds->code, ERR_NONE);
    assert_null(ds->text);
    state_fini(&s);
}

static void a_step_whose_worker_died_has_failed(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 0);
    plan_two_steps(&s, "/a");
    feed(&s, (struct event){.kind = EVENT_STEP_FINISHED, .dataset = "/a", .step = 0});
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 1});
    finish(&s, "/a", 7, ERR_DIED);
    const struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->steps[0].status, STEP_DONE);
    assert_int_equal(ds->steps[1].status, STEP_FAILED);
    assert_int_equal(ds->steps[1].finished, 7);
    state_fini(&s);
}

static void a_new_plan_replaces_the_old_steps(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 0);
    plan_two_steps(&s, "/a");
    plan_two_steps(&s, "/a");
    struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->step_count, 2);
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/a"});
    feed(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 1});
    assert_int_equal(ds->step_count, 1);
    assert_null(ds->steps[0].start);
    assert_int_equal(ds->status, STATUS_RUNNING);
    feed(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = UINT64_MAX});
    assert_int_equal(ds->step_count, 0);
    state_fini(&s);
}

static void i9_a_dataset_whose_source_is_gone_is_shown_as_such_until_it_is_back(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a", .flag = true});
    struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->status, STATUS_REMOTE_ONLY);
    feed(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 0});
    assert_int_equal(ds->status, STATUS_REMOTE_ONLY);
    see(&s, "/a", 2);
    assert_int_equal(ds->status, STATUS_UNKNOWN);
    state_fini(&s);
}

static void datasets_that_a_whole_cycle_did_not_see_are_forgotten(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 1, 10);
    see(&s, "/b", 1);
    see(&s, "/a", 1);
    see(&s, "", 1);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 1, .time = 20});
    assert_int_equal(s.n, 3);
    assert_string_equal(s.v[0]->name, "");
    assert_string_equal(s.v[1]->name, "/a");
    assert_string_equal(s.v[2]->name, "/b");
    start_cycle(&s, 2, 30);
    see(&s, "/b", 2);
    assert_int_equal(s.n, 3);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 2, .time = 40});
    assert_int_equal(s.n, 1);
    assert_null(state_find(&s, "/a"));
    assert_non_null(state_find(&s, "/b"));
    state_fini(&s);
}

static void a_cycle_that_failed_as_a_whole_forgets_nothing(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 1, 10);
    see(&s, "/a", 1);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 1, .time = 20});
    start_cycle(&s, 2, 30);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED,
                            .cycle = 2,
                            .time = 40,
                            .code = ERR_SSH_LOST,
                            .text = "lost"});
    assert_int_equal(s.n, 1);
    assert_false(s.cycle_running);
    assert_int_equal(s.cycle_code, ERR_SSH_LOST);
    assert_string_equal(s.cycle_text, "lost");
    assert_int_equal(s.last_success, 20);
    state_fini(&s);
}

static void i10_a_cycle_succeeds_when_every_dataset_does(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 1, 10);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 1, .time = 20, .failed = 1});
    assert_int_equal(s.last_success, 0);
    assert_int_equal(s.cycle_failed, 1);
    start_cycle(&s, 2, 30);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 2, .time = 40});
    assert_int_equal(s.last_success, 40);
    assert_int_equal(s.cycle, 2);
    assert_int_equal(s.cycle_started, 30);
    assert_int_equal(s.cycle_finished, 40);
    state_fini(&s);
}

static void a_dry_run_is_no_success(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 1, .flag = true});
    assert_true(s.dryrun);
    see(&s, "/a", 1);
    finish(&s, "/a", 10, ERR_NONE);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 1, .time = 20, .count = 1});
    assert_int_equal(s.last_success, 0);
    assert_int_equal(state_find(&s, "/a")->last_success, 0);
    state_fini(&s);
}

static void an_event_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    for (int kind = 0; kind <= EVENT_KIND_COUNT; kind++) {
        if (kind == EVENT_CYCLE_STARTED || kind == EVENT_CYCLE_FINISHED)
            continue;
        feed(&s, (struct event){.kind = (enum event_kind)kind});
        assert_int_equal(s.n, 0);
    }
    finish(&s, "/nobody", 1, ERR_NONE);
    feed(&s, (struct event){.kind = EVENT_NOTE, .dataset = "/nobody", .text = "x"});
    assert_int_equal(s.n, 0);
    see(&s, "/a", 0);
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 0});
    plan_two_steps(&s, "/a");
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 2});
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = UINT64_MAX});
    assert_int_equal(state_find(&s, "/a")->steps[1].status, STEP_PENDING);
    state_fini(&s);
}

static void configure(struct state *state, bool has_remote)
{
    feed(state, (struct event){
                    .kind = EVENT_CONFIGURED, .flag = has_remote, .interval = 600, .period = 3600});
}

/* A table of "a" (remote), "b" (both), "c" (local, wanted there). */
static void tell_rows(struct state *state, const char *name)
{
    static const struct snapshot_row ROWS[] = {
        {.name = "a", .guid = 1, .creation = 10, .keep = {0, 0}, .sides = 2},
        {.name = "b", .guid = 2, .creation = 20, .keep = {8, 8}, .sides = 3},
        {.name = "c", .guid = 3, .creation = 30, .keep = {KEEP_TO_SEND, 0}, .sides = 1},
    };
    feed(state, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                               .dataset = name,
                               .first = true,
                               .rows = ROWS,
                               .row_count = 3});
}

static void end_step(struct state *state, const char *name, uint64_t step, enum err_code code)
{
    feed(state, (struct event){.kind = EVENT_STEP_FINISHED,
                               .dataset = name,
                               .step = step,
                               .time = 200,
                               .bytes = step == 1 ? 50 : 0,
                               .count = code == ERR_NONE ? 1 : 0,
                               .code = code});
}

static void the_table_says_what_is_copied_and_what_is_coming(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    configure(&s, true);
    see(&s, "/a", 1);
    const struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->copied, 0);
    tell_rows(&s, "/a");
    assert_int_equal(ds->rows.n, 3);
    assert_int_equal(ds->copied, 20);
    assert_int_equal(ds->coming_since, 30);
    feed(&s, (struct event){.kind = EVENT_DATASET_SNAPSHOTS, .dataset = "/a", .first = true});
    assert_int_equal(ds->rows.n, 0);
    assert_int_equal(ds->copied, 0);
    assert_int_equal(ds->coming_since, 0);
    state_fini(&s);
}

static void a_new_configuration_decides_anew_what_is_a_copy(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    configure(&s, true);
    see(&s, "/a", 1);
    tell_rows(&s, "/a");
    const struct dataset_state *ds = state_find(&s, "/a");
    uint64_t revision = ds->revision;
    configure(&s, false);
    assert_int_equal(ds->copied, 30);
    assert_true(ds->revision > revision);
    configure(&s, true);
    assert_int_equal(ds->copied, 20);
    revision = ds->revision;
    configure(&s, true);
    assert_int_equal(ds->revision, revision);
    state_fini(&s);
}

static void a_table_in_parts_counts_when_it_is_complete(void **state)
{
    (void)state;
    struct state s;
    struct snapshot_row row = {.name = "x", .creation = 5, .sides = 3};
    struct event part = {
        .kind = EVENT_DATASET_SNAPSHOTS, .dataset = "/a", .rows = &row, .row_count = 1};
    state_init(&s);
    see(&s, "/a", 1);
    const struct dataset_state *ds = state_find(&s, "/a");
    tell_rows(&s, "/a");
    state_apply(&s, &part); /* the end of a table whose beginning nobody saw */
    assert_int_equal(ds->rows.n, 3);
    part.first = part.flag = true;
    state_apply(&s, &part);
    state_apply(&s, &part); /* begins again */
    assert_int_equal(ds->rows.n, 3);
    part.first = false;
    state_apply(&s, &part);
    assert_int_equal(ds->rows.n, 3);
    part.flag = false;
    state_apply(&s, &part);
    assert_int_equal(ds->rows.n, 3);
    struct snapshot_row *rows = row_table_list(&ds->rows);
    assert_string_equal(rows[2].name, "x");
    free(rows);
    assert_int_equal(ds->copied, 5);
    state_apply(&s, &part);
    assert_int_equal(ds->rows.n, 3);
    part.first = part.flag = true; /* is never completed */
    state_apply(&s, &part);
    state_fini(&s);
}

static void a_table_without_end_is_given_up(void **state)
{
    (void)state;
    struct state s;
    enum { PART = 1000 };
    struct snapshot_row *rows = calloc(PART, sizeof(*rows));
    assert_non_null(rows);
    for (size_t i = 0; i < PART; i++)
        rows[i] = (struct snapshot_row){.name = "x", .sides = 1};
    state_init(&s);
    see(&s, "/a", 1);
    for (size_t i = 0; i <= ROWS_MAX / PART; i++)
        feed(&s, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                                .dataset = "/a",
                                .first = i == 0,
                                .flag = true,
                                .rows = rows,
                                .row_count = PART});
    assert_int_equal(state_find(&s, "/a")->arriving.n, 0);
    assert_false(state_find(&s, "/a")->is_arriving);
    free(rows);
    state_fini(&s);
}

static void what_a_step_did_is_in_the_table_at_once(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    configure(&s, true);
    see(&s, "/a", 1);
    tell_rows(&s, "/a");
    plan_two_steps(&s, "/a"); /* destroys a on the remote, sends c */
    const struct dataset_state *ds = state_find(&s, "/a");
    end_step(&s, "/a", 0, ERR_HELD);
    assert_int_equal(ds->rows.n, 3);
    end_step(&s, "/a", 0, ERR_NONE);
    assert_int_equal(ds->rows.n, 2);
    struct snapshot_row *rows = row_table_list(&ds->rows);
    assert_string_equal(rows[0].name, "b");
    free(rows);
    end_step(&s, "/a", 1, ERR_STREAM_CUT);
    assert_int_equal(ds->coming_since, 30);
    end_step(&s, "/a", 1, ERR_NONE);
    rows = row_table_list(&ds->rows);
    assert_int_equal(rows[1].sides, 3);
    free(rows);
    assert_int_equal(ds->copied, 30);
    assert_int_equal(ds->coming_since, 0);
    assert_int_equal(ds->holding[SIDE_REMOTE].newest, 30);
    assert_int_equal(ds->holding[SIDE_REMOTE].count, 2);
    assert_int_equal(ds->holding[SIDE_LOCAL].count, 3);
    assert_int_equal(ds->sent, 1);
    assert_int_equal(ds->destroyed, 1);
    assert_int_equal(ds->sent_bytes, 100);
    assert_int_equal(s.sent, 1);
    assert_int_equal(s.destroyed, 1);
    state_fini(&s);
}

static void more_destroyed_than_there_was_leaves_nothing(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 1);
    plan_two_steps(&s, "/a");
    feed(&s, (struct event){
                 .kind = EVENT_STEP_FINISHED, .dataset = "/a", .step = 0, .count = UINT64_MAX});
    assert_int_equal(state_find(&s, "/a")->holding[SIDE_REMOTE].count, 0);
    state_fini(&s);
}

static void a_step_that_nobody_planned_does_nothing(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 1);
    feed(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 1});
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .time = 7});
    feed(&s, (struct event){.kind = EVENT_STEP_PROGRESS, .dataset = "/a", .bytes = 7});
    end_step(&s, "/a", 0, ERR_NONE);
    const struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->steps[0].status, STEP_PENDING);
    assert_int_equal(ds->steps[0].bytes, 0);
    assert_int_equal(ds->sent, 0);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        assert_int_equal(chronicle_count(&s.chronicle, (enum record_kind)kind), 0);
    state_fini(&s);
}

/* Whether the dataset's revision grows by the event. */
static bool changes(struct state *state, struct event event)
{
    uint64_t before = state_find(state, "/a")->revision;
    event.dataset = "/a";
    state_apply(state, &event);
    return state_find(state, "/a")->revision > before;
}

static void the_revision_grows_with_every_change_but_progress(void **state)
{
    (void)state;
    struct state s;
    const struct event seen = {.kind = EVENT_DATASET_SEEN,
                               .type = DATASET_FILESYSTEM,
                               .holding = {{.count = 3, .newest = 30}, {.count = 2}}};
    state_init(&s);
    see(&s, "/a", 1);
    assert_true(state_find(&s, "/a")->revision > 0);
    assert_false(changes(&s, seen));
    struct event other = seen;
    other.flag = true;
    assert_true(changes(&s, other));
    assert_false(changes(&s, other));
    assert_true(changes(&s, seen));
    other = seen;
    other.holding[SIDE_LOCAL].space = 1;
    assert_true(changes(&s, other));
    other.type = DATASET_VOLUME;
    assert_true(changes(&s, other));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_SNAPSHOTS, .first = true}));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .count = 1}));
    assert_true(changes(&s, (struct event){.kind = EVENT_STEP_PLANNED, .start = "a", .end = "b"}));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_STARTED}));
    assert_true(changes(&s, (struct event){.kind = EVENT_STEP_STARTED}));
    assert_false(changes(&s, (struct event){.kind = EVENT_STEP_PROGRESS, .bytes = 9}));
    assert_true(changes(&s, (struct event){.kind = EVENT_STEP_FINISHED}));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_FINISHED}));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_DUE, .due = 5}));
    assert_true(changes(&s, (struct event){.kind = EVENT_DATASET_RECALLED}));
    assert_false(changes(&s, (struct event){.kind = EVENT_NOTE, .text = "x"}));
    state_fini(&s);
}

static void bytes_are_counted_in_the_minute_in_which_they_went(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 1);
    plan_two_steps(&s, "/a");
    struct event event = {
        .kind = EVENT_STEP_PROGRESS, .dataset = "/a", .step = 1, .time = 6000, .bytes = 10};
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 1});
    state_apply(&s, &event);
    event.bytes = 25;
    event.time = 6060;
    state_apply(&s, &event);
    event.kind = EVENT_STEP_FINISHED;
    event.bytes = 30;
    state_apply(&s, &event);
    assert_int_equal(chronicle_bytes_in(&s.chronicle, 6000), 10);
    assert_int_equal(chronicle_bytes_in(&s.chronicle, 6060), 20);
    assert_int_equal(state_find(&s, "/a")->sent_bytes, 30);
    /* the same step once more, from nought */
    feed(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 1});
    assert_int_equal(state_find(&s, "/a")->steps[1].bytes, 0);
    event.kind = EVENT_STEP_PROGRESS;
    event.bytes = 4;
    state_apply(&s, &event);
    assert_int_equal(chronicle_bytes_in(&s.chronicle, 6060), 24);
    state_fini(&s);
}

static const struct record *newest(const struct state *state, enum record_kind kind, size_t count)
{
    assert_int_equal(chronicle_count(&state->chronicle, kind), count);
    return count == 0 ? NULL : chronicle_at(&state->chronicle, kind, count - 1);
}

static void transfers_failures_cycles_and_days_are_recorded(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 4, 86400 + 10);
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN,
                            .dataset = "/a",
                            .cycle = 4,
                            .holding = {{.space = 100}, {.space = 90}}});
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN,
                            .dataset = "/b",
                            .cycle = 4,
                            .holding = {{.space = 5}, {.space = 4}}});
    plan_two_steps(&s, "/a");
    end_step(&s, "/a", 0, ERR_NONE);
    newest(&s, RECORD_TRANSFER, 0);
    feed(&s,
         (struct event){
             .kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 1, .time = 150, .flag = true});
    end_step(&s, "/a", 1, ERR_STREAM_CUT);
    const struct record *record = newest(&s, RECORD_TRANSFER, 1);
    assert_string_equal(record->dataset, "/a");
    assert_string_equal(record->start, "b");
    assert_string_equal(record->end, "c");
    assert_true(record->started == 150 && record->time == 200 && record->bytes == 50);
    assert_true(record->resumed);
    assert_int_equal(record->code, ERR_STREAM_CUT);
    newest(&s, RECORD_FAILURE, 0);
    finish(&s, "/a", 210, ERR_STREAM_CUT);
    record = newest(&s, RECORD_FAILURE, 1);
    assert_string_equal(record->dataset, "/a");
    assert_string_equal(record->text, "words");
    assert_int_equal(record->code, ERR_STREAM_CUT);
    feed(
        &s,
        (struct event){
            .kind = EVENT_CYCLE_FINISHED, .cycle = 4, .time = 86400 + 20, .count = 2, .failed = 1});
    record = newest(&s, RECORD_CYCLE, 1);
    assert_true(record->cycle == 4 && record->started == 86410 && record->time == 86420);
    assert_true(record->count == 2 && record->failed == 1 && record->bytes == 50);
    assert_true(record->sent == 0 && record->destroyed == 1);
    record = newest(&s, RECORD_DAY, 1);
    assert_int_equal(record->time, 86400);
    assert_int_equal(record->verdict, VERDICT_FAILED);
    assert_int_equal(record->bytes, 50);
    assert_int_equal(record->space[SIDE_LOCAL], 105);
    assert_int_equal(record->space[SIDE_REMOTE], 94 + 50);
    state_fini(&s);
}

static void a_cycle_that_fails_is_a_failure_of_no_dataset(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    for (uint64_t cycle = 1; cycle <= 2; cycle++) {
        start_cycle(&s, cycle, 100);
        feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED,
                                .cycle = cycle,
                                .time = 100 + (int64_t)cycle,
                                .code = ERR_SSH_LOST,
                                .text = "lost"});
    }
    const struct record *record = newest(&s, RECORD_FAILURE, 2);
    assert_null(record->dataset);
    assert_string_equal(record->text, "lost");
    assert_int_equal(s.cycle_failing, 101);
    assert_int_equal(newest(&s, RECORD_CYCLE, 2)->code, ERR_SSH_LOST);
    assert_int_equal(newest(&s, RECORD_DAY, 1)->verdict, VERDICT_FAILED);
    start_cycle(&s, 3, 200);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 3, .time = 210});
    assert_int_equal(s.cycle_failing, 0);
    state_fini(&s);
}

static void what_is_interrupted_has_not_failed(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    start_cycle(&s, 1, 100);
    see(&s, "/a", 1);
    finish(&s, "/a", 110, ERR_INTERRUPTED);
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED,
                            .cycle = 1,
                            .time = 120,
                            .code = ERR_INTERRUPTED,
                            .text = "stopping"});
    newest(&s, RECORD_FAILURE, 0);
    newest(&s, RECORD_DAY, 0);
    assert_int_equal(newest(&s, RECORD_CYCLE, 1)->code, ERR_INTERRUPTED);
    assert_int_equal(s.cycle_failing, 0);
    const struct dataset_state *ds = state_find(&s, "/a");
    assert_int_equal(ds->status, STATUS_FAILED);
    assert_int_equal(ds->failures, 0);
    assert_int_equal(ds->failing, 0);
    assert_int_equal(ds->code, ERR_INTERRUPTED);
    state_fini(&s);
}

static void the_lines_of_the_log_are_kept_but_those_for_debugging(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    feed(&s, (struct event){.kind = EVENT_NOTE, .level = LEVEL_DEBUG, .text = "hush"});
    newest(&s, RECORD_LINE, 0);
    feed(&s,
         (struct event){
             .kind = EVENT_NOTE, .time = 9, .dataset = "/x", .level = LEVEL_WARNING, .text = "y"});
    const struct record *record = newest(&s, RECORD_LINE, 1);
    assert_string_equal(record->dataset, "/x");
    assert_string_equal(record->text, "y");
    assert_int_equal(record->level, LEVEL_WARNING);
    assert_int_equal(record->time, 9);
    start_cycle(&s, 7, 10);
    assert_string_equal(newest(&s, RECORD_LINE, 2)->text, "cycle 7: started");
    finish(&s, "/nobody", 11, ERR_BUSY);
    newest(&s, RECORD_LINE, 2);
    feed(&s, (struct event){.kind = EVENT_LOG_RECALLED, .time = 3, .text = "old"});
    assert_string_equal(newest(&s, RECORD_LINE, 3)->text, "old");
    state_fini(&s);
}

static void what_is_due_is_forgotten_when_it_begins(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    see(&s, "/a", 1);
    feed(&s, (struct event){.kind = EVENT_CYCLE_DUE, .due = 500});
    feed(&s, (struct event){.kind = EVENT_DATASET_DUE, .dataset = "/a", .due = 400});
    assert_int_equal(s.due, 500);
    assert_int_equal(state_find(&s, "/a")->due, 400);
    start_cycle(&s, 2, 500);
    assert_int_equal(s.due, 0);
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/a", .time = 500});
    assert_int_equal(state_find(&s, "/a")->due, 0);
    state_fini(&s);
}

static void everything_has_a_name_that_can_be_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++)
        assert_int_equal(event_kind_from_name(event_kind_name((enum event_kind)i)), i);
    assert_int_equal(event_kind_from_name("x"), EVENT_KIND_COUNT);
    for (int i = 0; i < LEVEL_COUNT; i++)
        assert_non_null(event_level_name((enum event_level)i));
    for (int i = 0; i < STATUS_COUNT; i++)
        assert_non_null(dataset_status_name((enum dataset_status)i));
    for (int i = 0; i < STEP_STATUS_COUNT; i++)
        assert_non_null(step_status_name((enum step_status)i));
    for (int i = 0; i < VERDICT_COUNT; i++)
        assert_non_null(verdict_level_name((enum verdict_level)i));
    assert_string_equal(dataset_status_name(STATUS_REMOTE_ONLY), "remote-only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dataset_is_unknown_then_waiting_running_and_ok),
        cmocka_unit_test(a_step_is_pending_running_and_done_with_its_progress),
        cmocka_unit_test(failures_are_counted_until_the_next_success),
        cmocka_unit_test(a_step_whose_worker_died_has_failed),
        cmocka_unit_test(a_new_plan_replaces_the_old_steps),
        cmocka_unit_test(i9_a_dataset_whose_source_is_gone_is_shown_as_such_until_it_is_back),
        cmocka_unit_test(datasets_that_a_whole_cycle_did_not_see_are_forgotten),
        cmocka_unit_test(a_cycle_that_failed_as_a_whole_forgets_nothing),
        cmocka_unit_test(i10_a_cycle_succeeds_when_every_dataset_does),
        cmocka_unit_test(a_dry_run_is_no_success),
        cmocka_unit_test(an_event_that_does_not_fit_changes_nothing),
        cmocka_unit_test(the_table_says_what_is_copied_and_what_is_coming),
        cmocka_unit_test(a_new_configuration_decides_anew_what_is_a_copy),
        cmocka_unit_test(a_table_in_parts_counts_when_it_is_complete),
        cmocka_unit_test(a_table_without_end_is_given_up),
        cmocka_unit_test(what_a_step_did_is_in_the_table_at_once),
        cmocka_unit_test(more_destroyed_than_there_was_leaves_nothing),
        cmocka_unit_test(a_step_that_nobody_planned_does_nothing),
        cmocka_unit_test(the_revision_grows_with_every_change_but_progress),
        cmocka_unit_test(bytes_are_counted_in_the_minute_in_which_they_went),
        cmocka_unit_test(transfers_failures_cycles_and_days_are_recorded),
        cmocka_unit_test(a_cycle_that_fails_is_a_failure_of_no_dataset),
        cmocka_unit_test(what_is_interrupted_has_not_failed),
        cmocka_unit_test(the_lines_of_the_log_are_kept_but_those_for_debugging),
        cmocka_unit_test(what_is_due_is_forgotten_when_it_begins),
        cmocka_unit_test(everything_has_a_name_that_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
