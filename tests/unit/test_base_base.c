/* The base: errors, strings, interned strings, the map of guids, figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "mem.h"
#include "str.h"
#include "strpool.h"
#include "text.h"
#include "u64map.h"

static void an_error_gathers_context_on_its_way_up(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_set(&e, ERR_HELD, "snapshot %s is held", "daily-1"), -1);
    assert_int_equal(err_wrap(&e, "step %d", 3), -1);
    assert_int_equal(err_wrap(&e, "%s", "/home"), -1);
    assert_int_equal(e.code, ERR_HELD);
    assert_string_equal(e.msg, "/home: step 3: snapshot daily-1 is held");
    err_clear(&e);
    assert_int_equal(e.code, ERR_NONE);
    assert_string_equal(e.msg, "");
}

static void an_error_may_be_formatted_from_its_own_text(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    err_set(&e, ERR_ZFS, "busy");
    err_set(&e, ERR_BUSY, "zfs said: %s", e.msg);
    assert_string_equal(e.msg, "zfs said: busy");
    err_wrap(&e, "%s", e.msg);
    assert_string_equal(e.msg, "zfs said: busy: zfs said: busy");
}

static void an_error_nobody_wants_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_ZFS, "x"), -1);
    assert_int_equal(err_set_sys(NULL, 2, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void a_failed_system_call_keeps_its_errno(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    err_set_sys(&e, 2, "open %s", "/nowhere");
    assert_int_equal(e.code, ERR_SYSTEM);
    assert_int_equal(e.sys, 2);
    assert_true(text_starts_with(e.msg, "open /nowhere: "));
    assert_true(strlen(e.msg) > strlen("open /nowhere: "));
    err_set(&e, ERR_ZFS, "other");
    assert_int_equal(e.sys, 0);
}

static void a_message_longer_than_the_maximum_is_cut(void **state)
{
    (void)state;
    char longest[2 * ERR_MSG_MAX];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    struct err e = ERR_INIT;
    err_set(&e, ERR_ZFS, "%s", longest);
    assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
    err_wrap(&e, "context");
    assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
    assert_true(text_starts_with(e.msg, "context: xxx"));
    err_wrap(&e, "%s", longest);
    assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
    err_set_sys(&e, 2, "%s", longest);
    assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
    for (size_t len = ERR_MSG_MAX - 4; len < ERR_MSG_MAX; len++) {
        err_set(&e, ERR_ZFS, "rest");
        err_wrap(&e, "%.*s", (int)len, longest);
        assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
    }
}

static void every_error_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_CODE_COUNT; i++) {
        const char *name = err_code_name((enum err_code)i);
        assert_non_null(name);
        assert_int_equal(err_code_from_name(name), i);
        assert_non_null(err_code_advice((enum err_code)i));
    }
    assert_int_equal(err_code_from_name("no such"), ERR_CODE_COUNT);
    assert_string_equal(err_code_name(ERR_CODE_COUNT), "zfs");
    assert_true(err_code_is_connection(ERR_SSH_LOST));
    assert_false(err_code_is_connection(ERR_HELD));
    assert_true(err_code_is_transient(ERR_BUSY));
    assert_false(err_code_is_transient(ERR_DIVERGED));
}

static void a_string_grows_as_it_is_added_to(void **state)
{
    (void)state;
    struct str str;
    str_init(&str);
    assert_string_equal(str.s, "");
    str_add(&str, "ab");
    str_add_char(&str, 'c');
    str_add_bytes(&str, "def", 2);
    str_add_format(&str, "-%d%s", 7, "");
    str_add_format(&str, "%s", "");
    assert_string_equal(str.s, "abcde-7");
    assert_int_equal(str.len, 7);
    for (int i = 0; i < 1000; i++)
        str_add_format(&str, "%04d", i);
    assert_int_equal(str.len, 4007);
    assert_int_equal(strlen(str.s), 4007);
    assert_memory_equal(str.s + 4003, "0999", 4);
    str_fini(&str);
    str_fini(&str);
}

static void a_string_is_exact_at_every_length(void **state)
{
    (void)state;
    struct str str;
    str_init(&str);
    for (size_t len = 0; len < 300; len++) {
        assert_int_equal(strlen(str.s), len);
        assert_true(str.cap > str.len);
        if (len % 2 == 0)
            str_add_char(&str, 'x');
        else
            str_add_format(&str, "%c", 'y');
    }
    str_fini(&str);
}

static void a_string_is_cut_dropped_from_and_taken(void **state)
{
    (void)state;
    struct str str;
    str_init(&str);
    str_add(&str, "0123456789");
    str_cut(&str, 20);
    assert_int_equal(str.len, 10);
    str_cut(&str, 8);
    str_drop(&str, 3);
    assert_string_equal(str.s, "34567");
    char *s = str_take(&str);
    assert_string_equal(s, "34567");
    assert_string_equal(str.s, "");
    free(s);
    str_add(&str, "again");
    str_drop(&str, 100);
    assert_string_equal(str.s, "");
    str_add(&str, "x");
    str_clear(&str);
    assert_int_equal(str.len, 0);
    str_fini(&str);
}

static void the_pool_stores_each_string_once(void **state)
{
    (void)state;
    struct strpool pool;
    strpool_init(&pool);
    const char *a = strpool_add(&pool, "daily-1", 7);
    const char *b = strpool_add(&pool, "daily-10", 8);
    const char *c = strpool_add(&pool, "daily-10", 7);
    const char *empty = strpool_add(&pool, "", 0);
    assert_ptr_equal(a, c);
    assert_ptr_not_equal(a, b);
    assert_string_equal(a, "daily-1");
    assert_string_equal(b, "daily-10");
    assert_ptr_equal(empty, strpool_add(&pool, "x", 0));
    assert_int_equal(pool.used, 3);
    assert_int_equal(pool.bytes, 8 + 9 + 1);
    strpool_fini(&pool);
    strpool_fini(&pool);
}

static void the_pool_keeps_its_pointers_while_it_grows(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct strpool pool;
    strpool_init(&pool);
    const char **seen = mem_zalloc(COUNT, sizeof(*seen));
    char s[32];
    for (int i = 0; i < COUNT; i++)
        seen[i] = strpool_add(&pool, s, (size_t)snprintf(s, sizeof(s), "hourly-%d", i));
    for (int i = 0; i < COUNT; i++) {
        size_t len = (size_t)snprintf(s, sizeof(s), "hourly-%d", i);
        assert_string_equal(seen[i], s);
        assert_ptr_equal(seen[i], strpool_add(&pool, s, len));
    }
    assert_int_equal(pool.used, COUNT);
    free(seen);
    strpool_fini(&pool);
}

static void the_pool_takes_strings_longer_than_its_blocks(void **state)
{
    (void)state;
    struct strpool pool;
    strpool_init(&pool);
    char *s = mem_zalloc(40001, 1);
    memset(s, 'x', 40000);
    const char *before = strpool_add(&pool, "before", 6);
    const char *big = strpool_add(&pool, s, 40000);
    const char *after = strpool_add(&pool, "after", 5);
    assert_string_equal(big, s);
    assert_string_equal(before, "before");
    assert_string_equal(after, "after");
    free(s);
    strpool_fini(&pool);
}

static void the_map_finds_what_was_put_and_nothing_else(void **state)
{
    (void)state;
    struct u64map map;
    u64map_init(&map, 0);
    assert_int_equal(u64map_get(&map, 0), U64MAP_NONE);
    u64map_put(&map, 0, 7);
    u64map_put(&map, UINT64_MAX, 0);
    assert_int_equal(u64map_get(&map, 0), 7);
    assert_int_equal(u64map_get(&map, UINT64_MAX), 0);
    assert_int_equal(u64map_get(&map, 1), U64MAP_NONE);
    u64map_put(&map, 0, 8);
    assert_int_equal(u64map_get(&map, 0), 8);
    assert_int_equal(map.used, 2);
    u64map_fini(&map);
    assert_int_equal(u64map_get(&map, 0), U64MAP_NONE);
    u64map_put(&map, 5, 5);
    assert_int_equal(u64map_get(&map, 5), 5);
    u64map_fini(&map);
}

static void the_map_grows_beyond_what_was_expected(void **state)
{
    (void)state;
    for (size_t expected = 0; expected < 100; expected += 33) {
        struct u64map map;
        u64map_init(&map, expected);
        for (uint64_t i = 0; i < 10000; i++)
            u64map_put(&map, i << 20, (size_t)i);
        for (uint64_t i = 0; i < 10000; i++)
            assert_int_equal(u64map_get(&map, i << 20), i);
        assert_int_equal(u64map_get(&map, 1), U64MAP_NONE);
        assert_int_equal(map.used, 10000);
        u64map_fini(&map);
    }
}

static void the_map_does_not_grow_up_to_what_was_expected(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n++) {
        struct u64map map;
        u64map_init(&map, n);
        size_t slots = map.slot_count;
        for (size_t i = 0; i < n; i++)
            u64map_put(&map, i, i);
        assert_int_equal(map.slot_count, slots);
        u64map_fini(&map);
    }
}

static void assert_time(int64_t seconds, const char *text, const char *compact)
{
    char s[TEXT_FIGURE_MAX];
    text_time(s, seconds);
    assert_string_equal(s, text);
    text_time_compact(s, seconds);
    assert_string_equal(s, compact);
}

static void times_are_shown_in_utc(void **state)
{
    (void)state;
    assert_time(0, "1970-01-01T00:00:00Z", "1970-01-01-000000");
    assert_time(951782399, "2000-02-28T23:59:59Z", "2000-02-28-235959");
    assert_time(951782400, "2000-02-29T00:00:00Z", "2000-02-29-000000");
    assert_time(951868800, "2000-03-01T00:00:00Z", "2000-03-01-000000");
    assert_time(4107542400, "2100-03-01T00:00:00Z", "2100-03-01-000000");
    assert_time(1795435200, "2026-11-23T12:00:00Z", "2026-11-23-120000");
    assert_time(-5, "1970-01-01T00:00:00Z", "1970-01-01-000000");
    assert_time(INT64_MAX, "9999-12-31T23:59:59Z", "9999-12-31-235959");
}

static void assert_bytes(uint64_t bytes, const char *text)
{
    char s[TEXT_FIGURE_MAX];
    text_bytes(s, bytes);
    assert_string_equal(s, text);
}

static void bytes_are_shown_in_binary_units(void **state)
{
    (void)state;
    assert_bytes(0, "0 B");
    assert_bytes(17, "17 B");
    assert_bytes(1023, "1023 B");
    assert_bytes(1024, "1.0 KiB");
    assert_bytes(1229, "1.2 KiB");
    assert_bytes(1048575, "1.0 MiB");
    assert_bytes(1048524, "1023.9 KiB");
    assert_bytes(UINT64_C(3650722202), "3.4 GiB");
    assert_bytes(UINT64_MAX, "16.0 EiB");
}

static void assert_duration(int64_t seconds, const char *text)
{
    char s[TEXT_FIGURE_MAX];
    text_duration(s, seconds);
    assert_string_equal(s, text);
}

static void durations_are_shown_in_two_figures(void **state)
{
    (void)state;
    assert_duration(-1, "0 s");
    assert_duration(8, "8 s");
    assert_duration(59, "59 s");
    assert_duration(60, "1 min");
    assert_duration(90, "1 min 30 s");
    assert_duration(599, "9 min 59 s");
    assert_duration(630, "10 min");
    assert_duration(1380, "23 min");
    assert_duration(18600, "5 h 10 min");
    assert_duration(47 * 3600, "47 h 0 min");
    assert_duration(76 * 3600, "3 d 4 h");
    assert_duration(INT64_MAX, "106751991167300 d 15 h");
}

static void durations_are_read_with_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t seconds; /* -1: refused */
    } CASES[] = {{"90s", 90},
                 {"30m", 1800},
                 {"1h", 3600},
                 {"400d", 34560000},
                 {"2w", 1209600},
                 {"2h30m", 9000},
                 {"0s", 0},
                 {"9223372036854775807s", INT64_MAX},
                 {"9223372036854775808s", -1},
                 {"9223372036854775807s1s", -1},
                 {"15250284452472w", -1},
                 {"", -1},
                 {"1", -1},
                 {"h", -1},
                 {"1h ", -1},
                 {" 1h", -1},
                 {"-1h", -1},
                 {"+1h", -1},
                 {"1.5h", -1},
                 {"1H", -1},
                 {"1hh", -1}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int64_t seconds = -7;
        int rc = text_parse_duration(CASES[i].s, &seconds);
        assert_int_equal(rc, CASES[i].seconds < 0 ? -1 : 0);
        assert_true(seconds == (rc == 0 ? CASES[i].seconds : -7));
    }
}

static void amounts_are_whole_numbers_with_a_unit(void **state)
{
    static const struct {
        const char *s;
        uint64_t bytes;
    } GOOD[] = {{"0", 0},
                {"4096", 4096},
                {"17 B", 17},
                {"10 MiB", 10485760},
                {"10MiB", 10485760},
                {"500kB", 500000},
                {"3 KiB", 3072},
                {"2 GB", 2000000000},
                {"1 TiB", UINT64_C(1099511627776)},
                {"16777215 TiB", UINT64_C(16777215) << 40}};
    static const char *const BAD[] = {"",       " ",       "MiB",    "-1",      "1.5 MiB",
                                      "1 mib",  "1  MiB",  " 1 MiB", "1 MiB ",  "1 ",
                                      "1 MiBs", "1 MiB/s", "0x10",   "10 Mbit", "16777216 TiB"};
    (void)state;
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        uint64_t bytes = 7;
        assert_int_equal(text_parse_bytes(GOOD[i].s, &bytes), 0);
        assert_true(bytes == GOOD[i].bytes);
    }
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        uint64_t bytes = 7;
        assert_int_equal(text_parse_bytes(BAD[i], &bytes), -1);
        assert_int_equal(bytes, 7);
    }
}

static int parse_u64(const char *s, uint64_t *ret)
{
    return text_parse_u64(s, strlen(s), ret);
}

static int parse_i64(const char *s, int64_t *ret)
{
    return text_parse_i64(s, strlen(s), ret);
}

static void numbers_are_decimal_whole_and_fit(void **state)
{
    (void)state;
    uint64_t u = 99;
    assert_int_equal(parse_u64("18446744073709551615", &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("0", &u), 0);
    assert_int_equal(parse_u64("007", &u), 0);
    assert_true(u == 7);
    assert_int_equal(text_parse_u64("123", 2, &u), 0);
    assert_true(u == 12);
    static const char *const BAD[] = {"",    "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1",
                                      "1.0", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_int_equal(parse_u64(BAD[i], &u), -1);
    assert_true(u == 12);

    int64_t i = 99;
    assert_int_equal(parse_i64("-9223372036854775807", &i), 0);
    assert_true(i == -INT64_MAX);
    assert_int_equal(parse_i64("9223372036854775807", &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(parse_i64("9223372036854775808", &i), -1);
    assert_int_equal(parse_i64("-", &i), -1);
    assert_int_equal(parse_i64("--1", &i), -1);
    assert_int_equal(parse_i64("", &i), -1);
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_int_equal(0, text_fit("abc", 0));
    assert_int_equal(2, text_fit("abc", 2));
    assert_int_equal(3, text_fit("abc", SIZE_MAX));
    assert_int_equal(2, text_fit("\xc3\xa4\xc3\xa4", 1));
    assert_int_equal(0, text_fit("\xe6\x97\xa5", 1));
    assert_int_equal(3, text_fit("\xe6\x97\xa5\xe6", 3));
    assert_int_equal(4, text_fit("\xf0\x9f\x98\x80x", 2));
}

static void what_steers_or_reorders_a_line_is_written_out(void **state)
{
    (void)state;
    struct str out;
    str_init(&out);
    str_add_escaped(&out, "a\n\x1b\x7f \xc2\x9b\xc2\xa0\xc3\xa4\xe2\x80\xae\xe2\x80\xa6"
                          "\xe2\x81\xa6\xef\xbb\xbf\xe2");
    assert_string_equal("a\\x0a\\x1b\\x7f \\xc2\\x9b\xc2\xa0\xc3\xa4\\xe2\\x80\\xae\xe2\x80\xa6"
                        "\\xe2\\x81\\xa6\\xef\\xbb\\xbf\xe2",
                        out.s);
    str_fini(&out);
}

static void arrays_double_as_they_grow(void **state)
{
    (void)state;
    int *v = NULL;
    size_t cap = 0;
    for (size_t n = 0; n < 100; n++) {
        v = mem_grow(v, n, &cap, sizeof(*v));
        assert_true(cap > n);
        v[n] = (int)n;
    }
    assert_int_equal(cap, 128);
    assert_int_equal(v[99], 99);
    free(v);
    assert_null(mem_strdup(NULL));
    char *s = mem_strndup("abc", 2);
    assert_string_equal(s, "ab");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_gathers_context_on_its_way_up),
        cmocka_unit_test(an_error_may_be_formatted_from_its_own_text),
        cmocka_unit_test(an_error_nobody_wants_is_no_error),
        cmocka_unit_test(a_failed_system_call_keeps_its_errno),
        cmocka_unit_test(a_message_longer_than_the_maximum_is_cut),
        cmocka_unit_test(every_error_code_has_a_name_of_its_own),
        cmocka_unit_test(a_string_grows_as_it_is_added_to),
        cmocka_unit_test(a_string_is_exact_at_every_length),
        cmocka_unit_test(a_string_is_cut_dropped_from_and_taken),
        cmocka_unit_test(the_pool_stores_each_string_once),
        cmocka_unit_test(the_pool_keeps_its_pointers_while_it_grows),
        cmocka_unit_test(the_pool_takes_strings_longer_than_its_blocks),
        cmocka_unit_test(the_map_finds_what_was_put_and_nothing_else),
        cmocka_unit_test(the_map_grows_beyond_what_was_expected),
        cmocka_unit_test(the_map_does_not_grow_up_to_what_was_expected),
        cmocka_unit_test(times_are_shown_in_utc),
        cmocka_unit_test(bytes_are_shown_in_binary_units),
        cmocka_unit_test(durations_are_shown_in_two_figures),
        cmocka_unit_test(durations_are_read_with_their_units),
        cmocka_unit_test(amounts_are_whole_numbers_with_a_unit),
        cmocka_unit_test(numbers_are_decimal_whole_and_fit),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(what_steers_or_reorders_a_line_is_written_out),
        cmocka_unit_test(arrays_double_as_they_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
