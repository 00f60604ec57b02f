#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lines.h"

/* What was handed out, each line followed by "|". */
static int collect(void *arg, char *line, size_t len, struct err *e)
{
    struct str *out = arg;
    assert_int_equal(strlen(line), len);
    if (strcmp(line, "stop") == 0)
        return err_set(e, ERR_PLAN, "told to stop");
    str_add_bytes(out, line, len);
    str_add_char(out, '|');
    memset(line, '#', len); /* it may be written to */
    return 0;
}

/* Feeds `text` in two portions; returns what the whole came to. */
static int feed(const char *text, size_t len, size_t split, size_t max, struct str *out,
                struct err *e)
{
    struct lines lines;
    lines_init(&lines, max);
    int rc = lines_feed(&lines, text, split, collect, out, e);
    if (rc == 0)
        rc = lines_feed(&lines, text + split, len - split, collect, out, e);
    if (rc == 0)
        rc = lines_end(&lines, collect, out, e);
    lines_fini(&lines);
    return rc;
}

static void expect(const char *text, size_t len, size_t max, enum err_code code, const char *seen)
{
    char message[ERR_MSG_MAX] = "";
    for (size_t split = 0; split <= len; split++) {
        struct str out;
        struct err e = ERR_INIT;
        str_init(&out);
        assert_int_equal(feed(text, len, split, max, &out, &e), code == ERR_NONE ? 0 : -1);
        assert_int_equal(e.code, code);
        assert_string_equal(out.s, seen);
        if (split > 0)
            assert_string_equal(e.msg, message);
        memcpy(message, e.msg, sizeof(message));
        str_fini(&out);
    }
}

#define EXPECT(text, max, code, seen) expect(text, sizeof(text) - 1, max, code, seen)

static void a_line_is_the_same_however_its_bytes_were_split(void **state)
{
    (void)state;
    EXPECT("one\n\ntwo words\nthree\n", 100, ERR_NONE, "one||two words|three|");
}

static void a_last_line_without_a_newline_counts(void **state)
{
    (void)state;
    EXPECT("one\ntwo", 100, ERR_NONE, "one|two|");
    EXPECT("", 100, ERR_NONE, "");
    EXPECT("\n", 100, ERR_NONE, "|");
}

static void a_nul_byte_is_an_error_after_the_lines_before_it(void **state)
{
    (void)state;
    EXPECT("one\nt\0wo\nthree\n", 100, ERR_PARSE, "one|");
    EXPECT("one\n\0", 100, ERR_PARSE, "one|");
}

static void a_line_of_the_maximum_passes_and_one_more_byte_does_not(void **state)
{
    (void)state;
    EXPECT("12345\n12345\n", 5, ERR_NONE, "12345|12345|");
    EXPECT("12345\n123456\n1\n", 5, ERR_LIMIT, "12345|");
    EXPECT("12345\n123456", 5, ERR_LIMIT, "12345|");
}

static void what_is_wrong_first_is_what_is_reported(void **state)
{
    (void)state;
    EXPECT("123456\0\n", 5, ERR_LIMIT, "");
    EXPECT("12\0003456\n", 5, ERR_PARSE, "");
}

static void the_receiver_can_stop_it(void **state)
{
    (void)state;
    EXPECT("one\nstop\ntwo\n", 100, ERR_PLAN, "one|");
}

static void where_anything_may_come_what_is_too_long_goes_with_its_portion(void **state)
{
    struct lines lines;
    struct str out;
    (void)state;
    str_init(&out);
    lines_init(&lines, 5);
    lines_feed_anything(&lines, "one\nt", 5, collect, &out);
    lines_feed_anything(&lines, "oo long\nlost\n", 13, collect, &out);
    lines_feed_anything(&lines, "two\n", 4, collect, &out);
    lines_feed_anything(&lines, "x\0y\n", 4, collect, &out);
    lines_feed_anything(&lines, "three\n", 6, collect, &out);
    assert_string_equal(out.s, "one|two|three|");
    lines_fini(&lines);
    str_fini(&out);
}

static void an_error_names_the_line(void **state)
{
    (void)state;
    struct str out;
    struct err e = ERR_INIT;
    str_init(&out);
    assert_int_equal(feed("a\nb\n\0", 5, 3, 10, &out, &e), -1);
    assert_string_equal(e.msg, "line 3: a NUL byte");
    str_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_the_same_however_its_bytes_were_split),
        cmocka_unit_test(a_last_line_without_a_newline_counts),
        cmocka_unit_test(a_nul_byte_is_an_error_after_the_lines_before_it),
        cmocka_unit_test(a_line_of_the_maximum_passes_and_one_more_byte_does_not),
        cmocka_unit_test(what_is_wrong_first_is_what_is_reported),
        cmocka_unit_test(the_receiver_can_stop_it),
        cmocka_unit_test(where_anything_may_come_what_is_too_long_goes_with_its_portion),
        cmocka_unit_test(an_error_names_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
