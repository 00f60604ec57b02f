/* The plan: which steps, in which order, and what they are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static void deletions_come_first_local_before_remote_then_transfers(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=2",
                   "daily-0:lr daily-1:l daily-2:lr daily-3:r daily-4:lr daily-5:l daily-6:l",
                   "daily-0 daily-4 daily-5 daily-6", "daily-0 daily-4 daily-5 daily-6",
                   "-l daily-1..daily-2; -r daily-2..daily-3; daily-4>daily-5; daily-5>daily-6");
}

static void adjacent_deletions_are_one_range_by_createtxg_of_their_side(void **state)
{
    (void)state;
    /* hourly-3 is only local: on the remote hourly-2 and hourly-4 are adjacent */
    fixture_expect("hourly=0", "hourly=0",
                   "daily-0:lr hourly-1:lr hourly-2:lr hourly-3:lh hourly-4:lr hourly-5:lr "
                   "daily-6:lr",
                   "daily-0 hourly-3 daily-6", "daily-0 daily-6",
                   "-l hourly-1..hourly-2; -l hourly-4..hourly-5; -r hourly-1..hourly-5");
}

static void a_snapshot_that_stays_is_never_inside_a_range(void **state)
{
    (void)state;
    fixture_expect("hourly=0 daily=9", "", "daily-0:l hourly-1:l daily-2:l hourly-3:l hourly-4:l",
                   "daily-0 daily-2", "", "-l hourly-1; -l hourly-3..hourly-4");
    /* creation is out of order; createtxg is what counts */
    fixture_expect("hourly=0 daily=9", "",
                   "daily-0:l@100 hourly-1:l@900 daily-2:l@800 hourly-3:l@700", "daily-0 daily-2",
                   "", "-l hourly-1; -l hourly-3");
}

static void one_snapshot_is_no_range(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=1", "", "daily-0:l daily-1:l daily-2:l");
    fixture_plan(&f);
    assert_int_equal(f.plan.n, 1);
    assert_int_equal(f.plan.v[0].op, OP_DELETION);
    assert_int_equal(f.plan.v[0].start, f.plan.v[0].end);
    fixture_fini(&f);
}

static void transfers_are_oldest_first_each_from_the_one_before(void **state)
{
    (void)state;
    fixture_expect("daily=9 weekly=9", "daily=9 weekly=9",
                   "daily-0:lr weekly-1:l@9000 daily-2:l@2000 manual-3:l daily-4:l@4000",
                   "daily-0 weekly-1 daily-2 manual-3 daily-4", "daily-0 weekly-1 daily-2 daily-4",
                   "daily-0>weekly-1; weekly-1>daily-2; daily-2>daily-4");
}

static void the_first_copy_is_initial_and_the_rest_are_increments(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", "daily-1:l daily-2:l daily-3:l");
    fixture_plan(&f);
    assert_string_equal(fixture_steps(&f), "+daily-1; daily-1>daily-2; daily-2>daily-3");
    assert_int_equal(plan_count_transfers(&f.plan), 3);
    assert_int_equal(f.plan.v[0].side, SIDE_REMOTE);
    fixture_fini(&f);
}

static void only_the_first_increment_starts_from_the_bookmark(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", "daily-1:rb~old-1 daily-2:l daily-3:l");
    fixture_plan(&f);
    assert_string_equal(fixture_steps(&f), "#old-1>daily-2; daily-2>daily-3");
    assert_true(f.plan.v[0].from_bookmark);
    assert_int_equal(f.plan.v[0].start, 0);
    assert_false(f.plan.v[1].from_bookmark);
    fixture_fini(&f);
}

static void a_local_snapshot_is_preferred_to_its_bookmark(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=9", "daily-1:lrb daily-2:l", "daily-1 daily-2",
                   "daily-1 daily-2", "daily-1>daily-2");
}

static void a_target_with_an_error_has_an_empty_plan(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=1", "daily=9", "daily-0:lr daily-1:lr daily-2:r daily-3:l");
    fixture_plan(&f);
    assert_int_equal(f.target.error.code, ERR_DIVERGED);
    assert_int_equal(f.plan.n, 0);
    assert_int_equal(plan_count_transfers(&f.plan), 0);
    fixture_fini(&f);
}

static void i10_a_plan_is_of_one_dataset(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=1", "daily=1",
                 "daily-0:lr daily-1:r daily-2:l /a daily-0:lr daily-1:l /b daily-0:l");
    fixture_plan(&f);
    assert_int_equal(f.target.error.code, ERR_DIVERGED);
    f.ds = inventory_find(&f.inv, "/a");
    fixture_plan(&f);
    assert_string_equal(fixture_steps(&f), "daily-0>daily-1");
    f.ds = inventory_find(&f.inv, "/b");
    fixture_plan(&f);
    assert_string_equal(fixture_steps(&f), "+daily-0");
    fixture_fini(&f);
}

static void a_plan_at_its_target_is_empty(void **state)
{
    (void)state;
    fixture_expect("daily=2", "daily=2", "daily-0:lr daily-1:lr daily-2:lr",
                   "daily-0 daily-1 daily-2", "daily-0 daily-1 daily-2", "");
}

static void operations_are_known_by_their_names(void **state)
{
    (void)state;
    assert_string_equal(op_name(OP_INITIAL_TRANSFER), "InitialSnapshotTransfer");
    assert_string_equal(op_name(OP_RANGE_TRANSFER), "SnapshotRangeTransfer");
    assert_string_equal(op_name(OP_DELETION), "SnapshotDeletion");
    assert_string_equal(op_name(OP_RANGE_DELETION), "SnapshotRangeDeletion");
    for (int op = 0; op < OP_COUNT; op++)
        assert_int_equal(op_from_name(op_name((enum op)op)), op);
    assert_int_equal(op_from_name("x"), OP_COUNT);
}

static void a_step_is_told_in_one_line(void **state)
{
    (void)state;
    static const char *const LINES[] = {"destroy local daily-1 to daily-2 (2 snapshots)",
                                        "destroy remote daily-3", "send daily-4 to daily-5",
                                        "send daily-5 to daily-6"};
    struct fixture f;
    fixture_init(&f, "daily=0", "daily=2",
                 "daily-0:lr daily-1:l daily-2:l daily-3:r daily-4:lr daily-5:l daily-6:l");
    fixture_plan(&f);
    assert_int_equal(f.plan.n, 4);
    char s[200];
    for (size_t i = 0; i < 4; i++) {
        step_describe(&f.plan.v[i], f.ds, &f.target, s, sizeof(s));
        assert_string_equal(s, LINES[i]);
    }
    fixture_fini(&f);

    fixture_init(&f, "daily=9", "daily=9", "daily-1:rb daily-2:l");
    fixture_plan(&f);
    step_describe(&f.plan.v[0], f.ds, &f.target, s, sizeof(s));
    assert_string_equal(s, "send daily-1 to daily-2 (from the bookmark)");
    fixture_fini(&f);

    fixture_init(&f, "daily=9", "daily=9", "daily-1:l");
    fixture_plan(&f);
    step_describe(&f.plan.v[0], f.ds, &f.target, s, sizeof(s));
    assert_string_equal(s, "send daily-1 (all of it)");
    step_describe(&f.plan.v[0], f.ds, &f.target, s, 8);
    assert_string_equal(s, "send da");
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deletions_come_first_local_before_remote_then_transfers),
        cmocka_unit_test(adjacent_deletions_are_one_range_by_createtxg_of_their_side),
        cmocka_unit_test(a_snapshot_that_stays_is_never_inside_a_range),
        cmocka_unit_test(one_snapshot_is_no_range),
        cmocka_unit_test(transfers_are_oldest_first_each_from_the_one_before),
        cmocka_unit_test(the_first_copy_is_initial_and_the_rest_are_increments),
        cmocka_unit_test(only_the_first_increment_starts_from_the_bookmark),
        cmocka_unit_test(a_local_snapshot_is_preferred_to_its_bookmark),
        cmocka_unit_test(a_target_with_an_error_has_an_empty_plan),
        cmocka_unit_test(i10_a_plan_is_of_one_dataset),
        cmocka_unit_test(a_plan_at_its_target_is_empty),
        cmocka_unit_test(operations_are_known_by_their_names),
        cmocka_unit_test(a_step_is_told_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
