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
        cmocka_unit_test(everything_has_a_name_that_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
