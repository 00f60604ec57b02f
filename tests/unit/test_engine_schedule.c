#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "retries.h"
#include "schedule.h"

static void the_wait_doubles_from_a_minute_up_to_the_interval(void **state)
{
    (void)state;
    assert_int_equal(schedule_backoff(1, 3600), 60);
    assert_int_equal(schedule_backoff(2, 3600), 120);
    assert_int_equal(schedule_backoff(6, 3600), 1920);
    assert_int_equal(schedule_backoff(7, 3600), 3600);
    assert_int_equal(schedule_backoff(UINT64_MAX, 3600), 3600);
    assert_int_equal(schedule_backoff(1, 30), 30);
}

static void a_dataset_that_failed_waits_and_others_do_not(void **state)
{
    (void)state;
    struct retries retries;
    retries_init(&retries);
    retries_note_failure(&retries, "/a", 1000, 3600);
    assert_true(retries_is_waiting(&retries, "/a", 1000 + 59999));
    assert_false(retries_is_waiting(&retries, "/a", 1000 + 60000));
    assert_false(retries_is_waiting(&retries, "/b", 1000));
    assert_int_equal(retries_next_due(&retries), 61000);
    retries_note_failure(&retries, "/a", 61000, 3600);
    assert_int_equal(retries_next_due(&retries), 61000 + 120000);
    retries_fini(&retries);
}

static void a_success_ends_the_waiting(void **state)
{
    (void)state;
    struct retries retries;
    retries_init(&retries);
    retries_note_failure(&retries, "/a", 0, 3600);
    retries_note_failure(&retries, "/b", 0, 3600);
    retries_note_success(&retries, "/a");
    retries_note_success(&retries, "/never-failed");
    assert_false(retries_is_waiting(&retries, "/a", 0));
    assert_true(retries_is_waiting(&retries, "/b", 0));
    retries_note_success(&retries, "/b");
    assert_true(retries_next_due(&retries) == INT64_MAX);
    retries_fini(&retries);
}

static void asking_for_a_cycle_makes_everything_due_and_forgets_no_count(void **state)
{
    (void)state;
    struct retries retries;
    retries_init(&retries);
    retries_note_failure(&retries, "/a", 0, 3600);
    retries_hurry(&retries, 5);
    assert_false(retries_is_waiting(&retries, "/a", 5));
    retries_note_failure(&retries, "/a", 5, 3600);
    assert_int_equal(retries_next_due(&retries), 5 + 120000);
    retries_fini(&retries);
}

static bool is_a(void *arg, const char *name)
{
    (void)arg;
    return name[1] == 'a';
}

static void what_is_gone_is_forgotten_and_keeps_nobody_awake(void **state)
{
    (void)state;
    struct retries retries;
    retries_init(&retries);
    retries_note_failure(&retries, "/a", 0, 3600);
    retries_note_failure(&retries, "/b", 5000, 3600);
    retries_forget(&retries, is_a, NULL);
    assert_int_equal(retries_next_due(&retries), 65000);
    assert_false(retries_is_waiting(&retries, "/a", 0));
    retries_fini(&retries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_doubles_from_a_minute_up_to_the_interval),
        cmocka_unit_test(a_dataset_that_failed_waits_and_others_do_not),
        cmocka_unit_test(a_success_ends_the_waiting),
        cmocka_unit_test(what_is_gone_is_forgotten_and_keeps_nobody_awake),
        cmocka_unit_test(asking_for_a_cycle_makes_everything_due_and_forgets_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
