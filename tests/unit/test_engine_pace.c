/* engine/pace: how many at a time, on machines of which one stage is the slowest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

#define MIB UINT64_C(1048576)

/* MiB a second of so many workers together. */
typedef uint64_t machine_fn(unsigned workers);

static uint64_t three_fill_the_wire(unsigned workers)
{
    return 100 * (workers < 3 ? workers : 3);
}

static uint64_t one_fills_the_wire(unsigned workers)
{
    (void)workers;
    return 100;
}

static uint64_t there_is_no_end(unsigned workers)
{
    return 100 * workers;
}

static uint64_t six_are_best(unsigned workers)
{
    return workers <= 6 ? 100 * workers : 600 - 50 * (workers - 6);
}

static uint64_t each_adds_less(unsigned workers)
{
    return 1000 * workers / (workers + 8);
}

/* Some seconds of transfers without end, with a word of each worker in every second. */
static void run(struct pace *pace, int64_t *now_ms, machine_fn *machine, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        *now_ms += 1000;
        unsigned workers = pace->limit;
        uint64_t share = machine(workers) * MIB / workers;
        for (unsigned k = 0; k < workers; k++)
            pace_note(pace, *now_ms, pace->limit, share, 0);
        assert_in_range(pace->limit, 1, pace->max);
    }
}

/* Of an hour, after the first ten minutes: the number that is mostly used. */
static unsigned settles_at(machine_fn *machine, unsigned max)
{
    struct pace pace;
    int64_t now_ms = 5000;
    unsigned seconds[PACE_MAX + 1] = {0};
    pace_init(&pace);
    pace_begin(&pace, max);
    run(&pace, &now_ms, machine, 600);
    for (int i = 0; i < 3000; i++) {
        run(&pace, &now_ms, machine, 1);
        seconds[pace.limit]++;
    }
    unsigned most = 1;
    for (unsigned k = 1; k <= PACE_MAX; k++)
        most = seconds[k] > seconds[most] ? k : most;
    /* trials are rare then */
    assert_in_range(seconds[most], 2400, 3000);
    return most;
}

static void it_begins_with_the_number_that_is_the_default(void **state)
{
    struct pace pace;
    (void)state;
    pace_init(&pace);
    assert_int_equal(pace.limit, 4);
}

static void it_settles_at_the_fewest_that_keep_the_slowest_stage_busy(void **state)
{
    (void)state;
    assert_int_equal(settles_at(three_fill_the_wire, PACE_MAX), 3);
    assert_int_equal(settles_at(one_fills_the_wire, PACE_MAX), 1);
    assert_int_equal(settles_at(six_are_best, PACE_MAX), 6);
}

static void it_stops_at_the_most_that_may_be(void **state)
{
    (void)state;
    assert_int_equal(settles_at(there_is_no_end, PACE_MAX), PACE_MAX);
    assert_int_equal(settles_at(there_is_no_end, PACE_MAX_SSH), PACE_MAX_SSH);
    assert_int_equal(settles_at(there_is_no_end, 1), 1);
}

/* From 9 to 14 it is a fifth, from there to 16 it is 5 %. */
static void it_goes_on_while_more_is_worth_it_and_no_longer(void **state)
{
    (void)state;
    assert_int_equal(settles_at(each_adds_less, PACE_MAX), 14);
}

static void it_finds_another_number_when_the_machine_changes(void **state)
{
    struct pace pace;
    int64_t now_ms = 0;
    (void)state;
    pace_init(&pace);
    run(&pace, &now_ms, one_fills_the_wire, 1200);
    assert_in_range(pace.limit, 1, 2);
    run(&pace, &now_ms, there_is_no_end, 3 * PACE_REST_MAX * PACE_WINDOW_MS / 1000);
    assert_int_equal(pace.limit, PACE_MAX);
    run(&pace, &now_ms, three_fill_the_wire, 3 * PACE_REST_MAX * PACE_WINDOW_MS / 1000);
    assert_in_range(pace.limit, 3, 4);
}

/* Small increments are counted, whatever their bytes; their windows are shorter. */
static void many_small_steps_are_a_measure_too(void **state)
{
    struct pace pace;
    int64_t now_ms = 0;
    (void)state;
    pace_init(&pace);
    for (int i = 0; i < 4000; i++) {
        now_ms += 100;
        pace_note(&pace, now_ms, pace.limit, 1000, pace.limit < 6 ? pace.limit : 6);
    }
    assert_in_range(pace.limit, 5, 7);
}

/* Three of four workers, because there is not more to do, say nothing of four. */
static void a_window_in_which_fewer_work_than_may_does_not_count(void **state)
{
    struct pace pace;
    int64_t now_ms = 0;
    (void)state;
    pace_init(&pace);
    for (int i = 0; i < 4000; i++) {
        now_ms += 1000;
        pace_note(&pace, now_ms, i % 10 == 0 ? 3 : 4, 100 * MIB, 0);
        assert_int_equal(pace.limit, PACE_START);
    }
}

static void a_lower_maximum_counts_at_once(void **state)
{
    struct pace pace;
    int64_t now_ms = 0;
    (void)state;
    pace_init(&pace);
    run(&pace, &now_ms, there_is_no_end, 600);
    assert_int_equal(pace.limit, PACE_MAX);
    pace_begin(&pace, PACE_MAX_SSH);
    assert_int_equal(pace.limit, PACE_MAX_SSH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_the_number_that_is_the_default),
        cmocka_unit_test(it_settles_at_the_fewest_that_keep_the_slowest_stage_busy),
        cmocka_unit_test(it_stops_at_the_most_that_may_be),
        cmocka_unit_test(it_goes_on_while_more_is_worth_it_and_no_longer),
        cmocka_unit_test(it_finds_another_number_when_the_machine_changes),
        cmocka_unit_test(many_small_steps_are_a_measure_too),
        cmocka_unit_test(a_window_in_which_fewer_work_than_may_does_not_count),
        cmocka_unit_test(a_lower_maximum_counts_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
