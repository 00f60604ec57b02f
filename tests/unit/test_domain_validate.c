/*
 * The validator: each invariant refuses a plan that breaks it, by its number. The bad plans are
 * good ones with one thing changed, so what is refused is that thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "validate.h"

static void assert_valid(const struct fixture *f)
{
    struct err e = ERR_INIT;
    plan_validate(&f->plan, f->ds, &f->target, &f->rules, &e);
    assert_string_equal(e.msg, "");
}

/* Refused, because of this invariant; and a plan that is refused changes nothing. */
static void assert_refused(const struct fixture *f, const char *invariant, const char *words)
{
    struct err e = ERR_INIT;
    assert_int_equal(plan_validate(&f->plan, f->ds, &f->target, &f->rules, &e), -1);
    assert_int_equal(e.code, ERR_PLAN);
    char start[64];
    snprintf(start, sizeof(start), "%s: the plan ", invariant);
    if (strstr(e.msg, start) == NULL || strstr(e.msg, words) == NULL)
        fail_msg("expected %s... %s, got: %s", start, words, e.msg);
}

/* A good plan, seen to be good. */
static void begin(struct fixture *f, const char *local_policy, const char *remote_policy,
                  const char *words, const char *steps)
{
    fixture_init(f, local_policy, remote_policy, words);
    fixture_plan(f);
    assert_string_equal(fixture_steps(f), steps);
    assert_valid(f);
}

/* Makes the plan this one step. The array has room: every plan here has a step at least. */
static void only(struct fixture *f, struct step step)
{
    f->plan.v[0] = step;
    f->plan.n = 1;
}

static struct step deletion(enum side side, size_t start, size_t end)
{
    struct step step = {.op = OP_RANGE_DELETION, .side = side, .start = start, .end = end};
    return step;
}

static struct step transfer(enum op op, size_t start, size_t end)
{
    struct step step = {.op = op, .side = SIDE_REMOTE, .start = start, .end = end};
    return step;
}

static void keep_nothing(struct fixture *f, enum side side)
{
    memset(f->target.keep[side], 0, f->ds->side[side].snapshots.n * sizeof(uint16_t));
}

static const char SIMPLE[] = "daily-0:lr daily-1:lr daily-2:lr daily-3:l";
static const char SIMPLE_STEPS[] = "-l daily-1; -r daily-1; daily-2>daily-3";

static void i1_a_transfer_to_a_name_that_another_guid_has_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9 hourly=9", "daily=1 hourly=0",
          "daily-0:lr daily-1:r#12 hourly-2:lr daily-1:l#11", "-r daily-1; hourly-2>daily-1");
    only(&f, f.plan.v[1]); /* the deletion that made room */
    assert_refused(&f, "I1", "daily-1");
    fixture_fini(&f);
}

static void i1_a_transfer_of_what_the_remote_has_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:lr~other-1 daily-2:l", "daily-1>daily-2");
    only(&f, transfer(OP_RANGE_TRANSFER, 0, 1));
    assert_refused(&f, "I1", "sends what the remote has");
    fixture_fini(&f);
}

static void i1_a_second_transfer_of_the_same_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:l daily-2:l",
          "daily-0>daily-1; daily-1>daily-2");
    f.plan.v[1] = transfer(OP_RANGE_TRANSFER, 1, 1);
    assert_refused(&f, "I1", "twice");
    fixture_fini(&f);
}

static void i1_a_base_of_the_same_name_and_another_guid_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:lr daily-2:l", "daily-1>daily-2");
    f.ds->side[SIDE_REMOTE].snapshots.v[1].guid = 77;
    assert_refused(&f, "I7", "daily-1"); /* the remote's newest is not the base: I1 through I7 */
    fixture_fini(&f);
}

static void i2_a_backward_transfer_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:l daily-1:lr daily-2:l", "daily-1>daily-2");
    only(&f, transfer(OP_RANGE_TRANSFER, 1, 0));
    assert_refused(&f, "I2", "backwards");
    fixture_fini(&f);
}

static void i2_destroying_twice_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=1", "daily-0:lr daily-1:r daily-2:lr daily-3:l",
          "-r daily-1; daily-2>daily-3");
    f.plan.v[1] = f.plan.v[0];
    assert_refused(&f, "I2", "twice");
    fixture_fini(&f);
}

static void i3_destroying_the_last_shared_snapshot_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    /* the base is a bookmark's, which is not critical: only I3 is in the way, once the target
     * is made to want it gone */
    begin(&f, "daily=9", "daily=0", "daily-0:r daily-1:r daily-2:rb daily-3:l", "-r daily-1");
    keep_nothing(&f, SIDE_REMOTE);
    only(&f, deletion(SIDE_REMOTE, 2, 2));
    assert_refused(&f, "I3", "without a shared snapshot");
    fixture_fini(&f);
}

static void i3_an_increment_from_a_destroyed_base_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:l daily-2:lrb daily-3:l",
          "daily-2>daily-3");
    f.rules.keep_baseline = false;
    f.target.keep[SIDE_LOCAL][0] = 0;
    f.plan.v = realloc(f.plan.v, 2 * sizeof(*f.plan.v));
    assert_non_null(f.plan.v);
    f.plan.v[0] = deletion(SIDE_LOCAL, 0, 0);
    f.plan.v[1] = transfer(OP_RANGE_TRANSFER, 0, 3);
    f.plan.n = 2;
    assert_refused(&f, "I3", "destroyed daily-0");
    fixture_fini(&f);
}

static void i3_every_prefix_keeps_a_shared_base(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=0", "daily=1", "daily-0:lr daily-1:lr daily-2:lr daily-3:l daily-4:l",
          "-l daily-1; -l daily-3; -r daily-1; daily-2>daily-4");
    const struct plan whole = f.plan;
    for (f.plan.n = 0; f.plan.n < whole.n; f.plan.n++) {
        struct err e = ERR_INIT;
        plan_validate(&f.plan, f.ds, &f.target, &f.rules, &e);
        assert_non_null(strstr(e.msg, "target: ")); /* not there yet, and nothing worse */
    }
    assert_valid(&f);
    fixture_fini(&f);
}

static void i4_destroying_what_the_target_keeps_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=2", "daily=2", SIMPLE, "-l daily-1; -r daily-1; daily-2>daily-3");
    f.plan.v[0].end = 3;
    assert_refused(&f, "I4", "daily-2");
    fixture_fini(&f);
}

static void i2_a_plan_from_names_alone_is_refused(void **state)
{
    (void)state;
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct fixture f;
        begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
        f.ds->side[side].snapshots.v[0].flags = SNAPSHOT_BARE;
        assert_refused(&f, "I2", f.ds->side[side].snapshots.v[0].name);
        fixture_fini(&f);
    }
}

static void i4_destroying_what_is_held_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    f.ds->side[SIDE_REMOTE].snapshots.v[1].flags = SNAPSHOT_HELD; /* since the target was made */
    assert_refused(&f, "I4", "held or cloned, daily-1");
    fixture_fini(&f);
}

static void i4_destroying_what_is_cloned_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    f.ds->side[SIDE_LOCAL].snapshots.v[1].flags = SNAPSHOT_CLONED;
    assert_refused(&f, "I4", "held or cloned, daily-1");
    fixture_fini(&f);
}

static void i4_sending_what_was_destroyed_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    f.target.keep[SIDE_LOCAL][3] = 0;
    f.plan.v[0] = deletion(SIDE_LOCAL, 3, 3);
    assert_refused(&f, "I4", "sends the destroyed daily-3");
    fixture_fini(&f);
}

static void assert_critical(const char *words, enum side side, size_t place, const char *name)
{
    struct fixture f;
    begin(&f, "daily=0", "daily=0", words, "-l daily-8; -r daily-8");
    f.target.keep[side][place] = 0; /* a target that forgot */
    only(&f, deletion(side, place, place));
    assert_refused(&f, "I5", name);
    fixture_fini(&f);
}

static void i5_destroying_a_critical_snapshot_is_refused(void **state)
{
    (void)state;
    static const char WORDS[] = "daily-1:l daily-2:r daily-3:lr daily-8:lr daily-9:lr";
    assert_critical(WORDS, SIDE_LOCAL, 0, "daily-1");
    assert_critical(WORDS, SIDE_REMOTE, 0, "daily-2");
    assert_critical(WORDS, SIDE_LOCAL, 1, "daily-3");
    assert_critical(WORDS, SIDE_REMOTE, 1, "daily-3");
    assert_critical(WORDS, SIDE_LOCAL, 3, "daily-9");
    assert_critical(WORDS, SIDE_REMOTE, 3, "daily-9");
}

static void i5_without_a_baseline_the_latest_shared_is_refused_still(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=0", "daily=0", "daily-0:lr daily-1:lr daily-2:lr", "-l daily-1; -r daily-1");
    f.rules.keep_baseline = false;
    keep_nothing(&f, SIDE_LOCAL);
    only(&f, deletion(SIDE_LOCAL, 0, 2));
    assert_refused(&f, "I5", "daily-2");
    fixture_fini(&f);
}

static void i6_a_plan_that_does_not_settle_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    /* a target that sends less than it should: the next plan sends the rest */
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:l daily-2:l",
          "daily-0>daily-1; daily-1>daily-2");
    f.target.send_count = 1;
    f.plan.n = 1;
    assert_refused(&f, "I6", "sends again");
    fixture_fini(&f);
}

static void i7_an_increment_from_another_than_the_remotes_newest_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:lr daily-2:l", "daily-1>daily-2");
    f.plan.v[0].start = 0;
    assert_refused(&f, "I7", "daily-0");
    fixture_fini(&f);
}

static void i7_all_of_it_over_existing_snapshots_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:lr daily-2:l", "daily-1>daily-2");
    f.plan.v[0] = transfer(OP_INITIAL_TRANSFER, 2, 2);
    assert_refused(&f, "I7", "daily-2");
    fixture_fini(&f);
}

static void i7_an_increment_to_nothing_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:l daily-1:l", "+daily-0; daily-0>daily-1");
    only(&f, transfer(OP_RANGE_TRANSFER, 0, 1));
    assert_refused(&f, "I7", "without snapshots");
    fixture_fini(&f);
}

static void i7_a_transfer_without_a_remote_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:l", "+daily-0");
    f.rules.has_remote = false;
    assert_refused(&f, "I7", "no remote");
    fixture_fini(&f);
}

static void i8_a_deletion_without_a_listing_of_both_sides_is_refused(void **state)
{
    (void)state;
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct fixture f;
        begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
        f.ds->side[side].listed = false;
        assert_refused(&f, "I8", side_name((enum side)side));
        fixture_fini(&f);
    }
}

static void i8_a_transfer_needs_no_such_listing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:l", "daily-0>daily-1");
    f.ds->side[SIDE_REMOTE].listed = false;
    assert_valid(&f);
    fixture_fini(&f);
}

static void i9_any_step_for_a_dataset_whose_source_is_gone_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=0", "daily=0", "+l daily-0:r daily-1:r", "-r daily-1");
    f.ds->side[SIDE_LOCAL].exists = false;
    assert_refused(&f, "I9", "only the remote has");
    fixture_fini(&f);
}

static void i10_places_outside_the_dataset_are_refused(void **state)
{
    (void)state;
    static const struct step BAD[] = {
        {.op = OP_RANGE_DELETION, .side = SIDE_LOCAL, .start = 1, .end = 4},
        {.op = OP_RANGE_DELETION, .side = SIDE_REMOTE, .start = 3, .end = 3},
        {.op = OP_RANGE_DELETION, .side = SIDE_LOCAL, .start = 2, .end = 1},
        {.op = OP_DELETION, .side = SIDE_LOCAL, .start = SIZE_MAX, .end = SIZE_MAX},
        {.op = OP_INITIAL_TRANSFER, .side = SIDE_REMOTE, .start = 4, .end = 4},
        {.op = OP_RANGE_TRANSFER, .side = SIDE_REMOTE, .start = 4, .end = 3},
        {.op = OP_RANGE_TRANSFER, .side = SIDE_REMOTE, .end = 3, .from_bookmark = true},
    };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct fixture f;
        begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
        only(&f, BAD[i]);
        assert_refused(&f, "I10", "does not have");
        fixture_fini(&f);
    }
}

static void a_plan_that_stops_short_of_the_target_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    f.plan.n = 2;
    assert_refused(&f, "target", "does not send daily-3");
    f.plan.n = 1;
    assert_refused(&f, "target", "daily-1");
    fixture_fini(&f);
}

static void a_plan_that_sends_more_than_the_target_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=9", "daily=9", "daily-0:lr daily-1:l daily-2:l",
          "daily-0>daily-1; daily-1>daily-2");
    f.target.send_count = 1;
    assert_refused(&f, "target", "more than its target");
    fixture_fini(&f);
}

static void steps_beside_an_error_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    err_set(&f.target.error, ERR_DIVERGED, "diverged");
    assert_refused(&f, "target", "the target has an error");
    fixture_fini(&f);
}

static void a_target_that_lies_about_counterparts_is_not_believed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", "daily-0:lr daily-1:lr daily-2:lr", "-l daily-1; -r daily-1");
    f.rules.keep_baseline = false;
    keep_nothing(&f, SIDE_LOCAL);
    for (size_t i = 0; i < 3; i++)
        f.target.counterpart[i] = TARGET_NONE; /* "nothing is shared" */
    only(&f, deletion(SIDE_LOCAL, 0, 2));
    assert_refused(&f, "I5", "daily-2");
    fixture_fini(&f);
}

static void a_refusal_says_which_step_it_is(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "daily=1", "daily=1", SIMPLE, SIMPLE_STEPS);
    f.plan.v[2].start = 0;
    struct err e = ERR_INIT;
    plan_validate(&f.plan, f.ds, &f.target, &f.rules, &e);
    assert_int_equal(strncmp(e.msg, "step 3: ", 8), 0);
    fixture_fini(&f);
}

static enum err_code strangers(const char *words)
{
    struct fixture f;
    struct err e = ERR_INIT;
    fixture_init(&f, "daily=1", "daily=1", words);
    fixture_plan(&f);
    plan_check_strangers(&f.plan, f.ds, &f.target, &e);
    fixture_fini(&f);
    return e.code;
}

static void a_remote_that_shares_nothing_is_never_pruned(void **state)
{
    (void)state;
    assert_int_equal(strangers("daily-1:l daily-2:r daily-3:r daily-4:r"), ERR_DIVERGED);
    assert_int_equal(strangers("daily-1:lr daily-2:r daily-3:r daily-4:r"), ERR_NONE);
    assert_int_equal(strangers("daily-1:rb daily-2:r daily-3:r daily-4:r daily-5:l"), ERR_NONE);
    assert_int_equal(strangers("daily-1:l daily-2:l daily-3:l"), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i1_a_transfer_to_a_name_that_another_guid_has_is_refused),
        cmocka_unit_test(i1_a_transfer_of_what_the_remote_has_is_refused),
        cmocka_unit_test(i1_a_second_transfer_of_the_same_is_refused),
        cmocka_unit_test(i1_a_base_of_the_same_name_and_another_guid_is_refused),
        cmocka_unit_test(i2_a_backward_transfer_is_refused),
        cmocka_unit_test(i2_destroying_twice_is_refused),
        cmocka_unit_test(i3_destroying_the_last_shared_snapshot_is_refused),
        cmocka_unit_test(i3_an_increment_from_a_destroyed_base_is_refused),
        cmocka_unit_test(i3_every_prefix_keeps_a_shared_base),
        cmocka_unit_test(i4_destroying_what_the_target_keeps_is_refused),
        cmocka_unit_test(i2_a_plan_from_names_alone_is_refused),
        cmocka_unit_test(i4_destroying_what_is_held_is_refused),
        cmocka_unit_test(i4_destroying_what_is_cloned_is_refused),
        cmocka_unit_test(i4_sending_what_was_destroyed_is_refused),
        cmocka_unit_test(i5_destroying_a_critical_snapshot_is_refused),
        cmocka_unit_test(i5_without_a_baseline_the_latest_shared_is_refused_still),
        cmocka_unit_test(i6_a_plan_that_does_not_settle_is_refused),
        cmocka_unit_test(i7_an_increment_from_another_than_the_remotes_newest_is_refused),
        cmocka_unit_test(i7_all_of_it_over_existing_snapshots_is_refused),
        cmocka_unit_test(i7_an_increment_to_nothing_is_refused),
        cmocka_unit_test(i7_a_transfer_without_a_remote_is_refused),
        cmocka_unit_test(i8_a_deletion_without_a_listing_of_both_sides_is_refused),
        cmocka_unit_test(i8_a_transfer_needs_no_such_listing),
        cmocka_unit_test(i9_any_step_for_a_dataset_whose_source_is_gone_is_refused),
        cmocka_unit_test(i10_places_outside_the_dataset_are_refused),
        cmocka_unit_test(a_plan_that_stops_short_of_the_target_is_refused),
        cmocka_unit_test(a_plan_that_sends_more_than_the_target_is_refused),
        cmocka_unit_test(steps_beside_an_error_are_refused),
        cmocka_unit_test(a_target_that_lies_about_counterparts_is_not_believed),
        cmocka_unit_test(a_refusal_says_which_step_it_is),
        cmocka_unit_test(a_remote_that_shares_nothing_is_never_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
