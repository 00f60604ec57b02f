/* The chronicle: records up to a number, the bytes of an hour, and days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chronicle.h"
#include "mem.h"

static const size_t LIMITS[RECORD_KIND_COUNT] = {
    [RECORD_CYCLE] = CHRONICLE_CYCLES,     [RECORD_TRANSFER] = CHRONICLE_TRANSFERS,
    [RECORD_FAILURE] = CHRONICLE_FAILURES, [RECORD_DAY] = CHRONICLE_DAYS,
    [RECORD_LINE] = CHRONICLE_LINES,
};

static void records_of_each_kind_are_kept_up_to_its_limit(void **state)
{
    (void)state;
    for (int k = 0; k < RECORD_KIND_COUNT; k++) {
        enum record_kind kind = (enum record_kind)k;
        struct chronicle chronicle;
        chronicle_init(&chronicle);
        assert_null(chronicle_newest(&chronicle, kind));
        for (size_t i = 0; i < 3 * LIMITS[k] + 7; i++) {
            char name[32];
            snprintf(name, sizeof(name), "/%zu", i);
            struct record record = {
                .time = (int64_t)i, .dataset = name, .start = name, .end = name, .text = name};
            chronicle_add(&chronicle, kind, &record);
            size_t kept = i + 1 < LIMITS[k] ? i + 1 : LIMITS[k];
            assert_int_equal(chronicle_count(&chronicle, kind), kept);
            assert_int_equal(chronicle_at(&chronicle, kind, 0)->time, i + 1 - kept);
            const struct record *newest = chronicle_newest(&chronicle, kind);
            assert_ptr_equal(newest, chronicle_at(&chronicle, kind, kept - 1));
            assert_string_equal(newest->dataset, name);
            assert_string_equal(newest->start, name);
            assert_string_equal(newest->end, name);
            assert_string_equal(newest->text, name);
        }
        assert_int_equal(chronicle.ring[k].total, 3 * LIMITS[k] + 7);
        for (int other = 0; other < RECORD_KIND_COUNT; other++)
            if (other != k)
                assert_int_equal(chronicle_count(&chronicle, (enum record_kind)other), 0);
        chronicle_fini(&chronicle);
        assert_int_equal(chronicle_count(&chronicle, kind), 0);
    }
}

static void a_record_may_be_added_again_in_its_own_place(void **state)
{
    (void)state;
    struct chronicle chronicle;
    struct record record = {.dataset = "/a", .text = "words"};
    chronicle_init(&chronicle);
    for (size_t i = 0; i < CHRONICLE_FAILURES; i++)
        chronicle_add(&chronicle, RECORD_FAILURE, &record);
    record = *chronicle_at(&chronicle, RECORD_FAILURE, 0);
    chronicle_add(&chronicle, RECORD_FAILURE, &record);
    assert_string_equal(chronicle_newest(&chronicle, RECORD_FAILURE)->text, "words");
    chronicle_fini(&chronicle);
}

static void strings_that_a_record_lacks_stay_absent(void **state)
{
    (void)state;
    struct chronicle chronicle;
    struct record record = {.time = 1};
    chronicle_init(&chronicle);
    chronicle_add(&chronicle, RECORD_LINE, &record);
    const struct record *added = chronicle_newest(&chronicle, RECORD_LINE);
    assert_null(added->dataset);
    assert_null(added->start);
    assert_null(added->end);
    assert_null(added->text);
    chronicle_fini(&chronicle);
}

static void a_text_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    struct chronicle chronicle;
    char *text = mem_alloc(20001);
    chronicle_init(&chronicle);
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 <= 20000; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        struct record record = {.text = text};
        chronicle_add(&chronicle, RECORD_LINE, &record);
        const char *cut = chronicle_newest(&chronicle, RECORD_LINE)->text;
        size_t len = strlen(cut);
        assert_true(len <= CHRONICLE_TEXT_MAX && len > CHRONICLE_TEXT_MAX - 4);
        assert_string_equal(cut + len - 6, " [cut]");
        assert_int_equal((len - 6 - shift) % 3, 0);
        assert_memory_equal(cut, text, len - 6);
    }
    memset(text, '\x80', 20000); /* no UTF-8 at all */
    text[20000] = '\0';
    struct record record = {.text = text};
    chronicle_add(&chronicle, RECORD_LINE, &record);
    assert_string_equal(chronicle_newest(&chronicle, RECORD_LINE)->text, " [cut]");
    memset(text, 'x', CHRONICLE_TEXT_MAX);
    text[CHRONICLE_TEXT_MAX] = '\0';
    chronicle_add(&chronicle, RECORD_LINE, &record);
    assert_string_equal(chronicle_newest(&chronicle, RECORD_LINE)->text, text);
    free(text);
    chronicle_fini(&chronicle);
}

static void bytes_are_counted_by_the_minute_for_an_hour(void **state)
{
    (void)state;
    struct chronicle chronicle;
    const int64_t begin = 60 * 1000000;
    chronicle_init(&chronicle);
    chronicle_add_bytes(&chronicle, begin, 1);
    chronicle_add_bytes(&chronicle, begin + 59, 2);
    chronicle_add_bytes(&chronicle, begin + 60, 10);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 30), 3);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 119), 10);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 120), 0);
    chronicle_add_bytes(&chronicle, begin + 59 * 60, 100);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin), 3);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 2 * 60), 0);
    chronicle_add_bytes(&chronicle, begin + 60 * 60, 1000);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin), 0);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 60), 10);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 60 * 60), 1000);
    chronicle_add_bytes(&chronicle, begin + 1000 * 60, 7);
    for (int64_t minute = 941; minute < 1000; minute++)
        assert_int_equal(chronicle_bytes_in(&chronicle, begin + minute * 60), 0);
    assert_int_equal(chronicle_bytes_in(&chronicle, begin + 1000 * 60), 7);
    chronicle_fini(&chronicle);
}

static void a_minute_of_the_same_hour_may_come_late(void **state)
{
    (void)state;
    struct chronicle chronicle;
    const int64_t newest = 60 * 1000000;
    chronicle_init(&chronicle);
    chronicle_add_bytes(&chronicle, newest, 5);
    chronicle_add_bytes(&chronicle, newest - 59 * 60, 6);
    chronicle_add_bytes(&chronicle, newest - 60 * 60, 7); /* too late */
    assert_int_equal(chronicle_bytes_in(&chronicle, newest), 5);
    assert_int_equal(chronicle_bytes_in(&chronicle, newest - 59 * 60), 6);
    assert_int_equal(chronicle_bytes_in(&chronicle, newest - 60 * 60), 0);
    chronicle_fini(&chronicle);
}

static void no_bytes_are_no_news(void **state)
{
    (void)state;
    struct chronicle chronicle;
    chronicle_init(&chronicle);
    chronicle_add_bytes(&chronicle, 6000, 5);
    chronicle_add_bytes(&chronicle, 60000, 0);
    assert_int_equal(chronicle_bytes_in(&chronicle, 6000), 5);
    chronicle_fini(&chronicle);
}

static void any_time_is_some_minute_and_some_day(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {
        INT64_MIN, INT64_MIN + 86399, -86401, -3601, -61, -60, -1, 0, 59, 3600, INT64_MAX};
    for (size_t i = 0; i < sizeof(TIMES) / sizeof(TIMES[0]); i++) {
        struct chronicle chronicle;
        const uint64_t space[SIDE_COUNT] = {1, 2};
        chronicle_init(&chronicle);
        chronicle_add_bytes(&chronicle, TIMES[i], 5);
        chronicle_note_day(&chronicle, TIMES[i], VERDICT_SAFE, 1, space);
        uint64_t kept = TIMES[i] > -3540 ? 5 : 0; /* nothing is older than 1970 and an hour */
        assert_int_equal(chronicle_bytes_in(&chronicle, TIMES[i]), kept);
        assert_true(chronicle_newest(&chronicle, RECORD_DAY)->time <= TIMES[i]);
        chronicle_fini(&chronicle);
    }
}

static void a_day_begins_at_midnight_utc(void **state)
{
    (void)state;
    assert_true(chronicle_midnight(0) == 0);
    assert_true(chronicle_midnight(86399) == 0);
    assert_true(chronicle_midnight(86400) == 86400);
    assert_true(chronicle_midnight(-1) == -86400);
    assert_true(chronicle_midnight(-86400) == -86400);
    assert_true(chronicle_midnight(-86401) == -172800);
    assert_true(chronicle_midnight(1764000000) == 1763942400);
    assert_true(chronicle_midnight(INT64_MIN) <= INT64_MIN + 86400);
}

static void the_cycles_of_a_day_are_one_record(void **state)
{
    (void)state;
    struct chronicle chronicle;
    const uint64_t morning[SIDE_COUNT] = {100, 90};
    const uint64_t evening[SIDE_COUNT] = {110, 80};
    chronicle_init(&chronicle);
    chronicle_note_day(&chronicle, 86400 + 10, VERDICT_LATE, 5, morning);
    chronicle_note_day(&chronicle, 86400 + 50000, VERDICT_SAFE, 6, evening);
    assert_int_equal(chronicle_count(&chronicle, RECORD_DAY), 1);
    const struct record *day = chronicle_at(&chronicle, RECORD_DAY, 0);
    assert_int_equal(day->time, 86400);
    assert_int_equal(day->count, 2);
    assert_int_equal(day->bytes, 11);
    assert_int_equal(day->verdict, VERDICT_LATE);
    assert_int_equal(day->space[SIDE_LOCAL], 110);
    assert_int_equal(day->space[SIDE_REMOTE], 80);
    chronicle_note_day(&chronicle, 2 * 86400, VERDICT_SAFE, 7, morning);
    assert_int_equal(chronicle_count(&chronicle, RECORD_DAY), 2);
    day = chronicle_at(&chronicle, RECORD_DAY, 1);
    assert_int_equal(day->verdict, VERDICT_SAFE);
    assert_int_equal(day->bytes, 7);
    chronicle_fini(&chronicle);
}

static void a_clock_that_steps_back_writes_into_the_newest_day(void **state)
{
    (void)state;
    struct chronicle chronicle;
    const uint64_t space[SIDE_COUNT] = {0, 0};
    chronicle_init(&chronicle);
    chronicle_note_day(&chronicle, 5 * 86400, VERDICT_SAFE, 1, space);
    chronicle_note_day(&chronicle, 4 * 86400, VERDICT_FAILED, 1, space);
    assert_int_equal(chronicle_count(&chronicle, RECORD_DAY), 1);
    assert_int_equal(chronicle_newest(&chronicle, RECORD_DAY)->time, 5 * 86400);
    assert_int_equal(chronicle_newest(&chronicle, RECORD_DAY)->verdict, VERDICT_FAILED);
    chronicle_note_day(&chronicle, 6 * 86400, VERDICT_SAFE, 1, space);
    assert_int_equal(chronicle_count(&chronicle, RECORD_DAY), 2);
    chronicle_fini(&chronicle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_each_kind_are_kept_up_to_its_limit),
        cmocka_unit_test(a_record_may_be_added_again_in_its_own_place),
        cmocka_unit_test(strings_that_a_record_lacks_stay_absent),
        cmocka_unit_test(a_text_too_long_is_cut_between_characters),
        cmocka_unit_test(bytes_are_counted_by_the_minute_for_an_hour),
        cmocka_unit_test(a_minute_of_the_same_hour_may_come_late),
        cmocka_unit_test(no_bytes_are_no_news),
        cmocka_unit_test(any_time_is_some_minute_and_some_day),
        cmocka_unit_test(a_day_begins_at_midnight_utc),
        cmocka_unit_test(the_cycles_of_a_day_are_one_record),
        cmocka_unit_test(a_clock_that_steps_back_writes_into_the_newest_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
