#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "options.h"

#define PARSE(options, e, ...) parse(options, e, (const char *[]){"backupd", __VA_ARGS__, NULL})

static int parse(struct options *options, struct err *e, const char *const *words)
{
    /* The options point into argv, so it outlives the call. */
    static char copies[16][64];
    static char *argv[16];
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        strcpy(copies[argc], words[argc]);
        argv[argc] = copies[argc];
    }
    *e = (struct err)ERR_INIT;
    return options_parse(options, argc, argv, e);
}

static void one_dash_or_two_with_an_equals_sign_or_a_space(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "-config", "f"), 0);
    assert_string_equal(options.config, "f");
    assert_int_equal(PARSE(&options, &e, "--config", "f"), 0);
    assert_string_equal(options.config, "f");
    assert_int_equal(PARSE(&options, &e, "-config=f"), 0);
    assert_string_equal(options.config, "f");
    assert_int_equal(PARSE(&options, &e, "--config=f", "-once", "--dryrun"), 0);
    assert_string_equal(options.config, "f");
    assert_true(options.once && options.dryrun);
}

static void options_may_stand_before_or_after_the_command(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "-config", "f", "plan", "-json", "-local", "-"), 0);
    assert_int_equal(options.command, COMMAND_PLAN);
    assert_true(options.json);
    assert_string_equal(options.local, "-");
    assert_int_equal(PARSE(&options, &e, "plan", "-remote=r", "-config=f"), 0);
    assert_string_equal(options.remote, "r");
}

static void commands_take_their_arguments_and_no_more(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "snapshot", "daily"), 0);
    assert_string_equal(options.argument, "daily");
    assert_int_equal(PARSE(&options, &e, "snapshot"), -1);
    assert_int_equal(PARSE(&options, &e, "snapshot", "daily", "weekly"), -1);
    assert_int_equal(PARSE(&options, &e, "status", "-json"), 0);
    assert_int_equal(options.command, COMMAND_STATUS);
    assert_true(options.json);
    assert_int_equal(PARSE(&options, &e, "snapshot", "daily", "-json"), -1);
    assert_int_equal(PARSE(&options, &e, "adopt"), 0);
    assert_int_equal(PARSE(&options, &e, "adopt", "/home"), 0);
    assert_int_equal(PARSE(&options, &e, "check", "what"), -1);
    assert_non_null(strstr(e.msg, "what"));
}

static void what_is_not_known_is_an_error_that_quotes_it(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "-confg", "f"), -1);
    assert_int_equal(e.code, ERR_USAGE);
    assert_non_null(strstr(e.msg, "-confg"));
    assert_int_equal(PARSE(&options, &e, "run"), -1);
    assert_non_null(strstr(e.msg, "run"));
}

static void a_missing_doubled_or_misplaced_option_is_an_error(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "-config"), -1);
    assert_int_equal(PARSE(&options, &e, "-config="), -1);
    assert_int_equal(PARSE(&options, &e, "-once", "-once"), -1);
    assert_int_equal(PARSE(&options, &e, "-once=3"), -1);
    assert_int_equal(PARSE(&options, &e, "-local", "f"), -1);
    assert_int_equal(PARSE(&options, &e, "plan", "-once"), -1);
    assert_int_equal(PARSE(&options, &e, "-debug", "/a", "-once"), -1);
    assert_int_equal(PARSE(&options, &e, "-json"), -1);
}

static void an_address_is_host_and_port(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "-addr", "127.0.0.1:9999"), 0);
    assert_int_equal(PARSE(&options, &e, "-addr", ":9999"), 0);
    assert_int_equal(PARSE(&options, &e, "-addr", "[::1]:9999"), 0);
    assert_int_equal(PARSE(&options, &e, "-addr", "9999"), -1);
    assert_int_equal(PARSE(&options, &e, "-addr", "host:99999"), -1);
    assert_int_equal(PARSE(&options, &e, "-addr", "host:"), -1);
}

static void help_and_version_work_in_every_spelling(void **state)
{
    (void)state;
    struct options options;
    struct err e;
    assert_int_equal(PARSE(&options, &e, "help"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE(&options, &e, "--help"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE(&options, &e, "-h"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE(&options, &e, "-help", "adopt"), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(PARSE(&options, &e, "version"), 0);
    assert_int_equal(options.command, COMMAND_VERSION);
    assert_int_equal(PARSE(&options, &e, "-version"), 0);
    assert_int_equal(options.command, COMMAND_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_dash_or_two_with_an_equals_sign_or_a_space),
        cmocka_unit_test(options_may_stand_before_or_after_the_command),
        cmocka_unit_test(commands_take_their_arguments_and_no_more),
        cmocka_unit_test(what_is_not_known_is_an_error_that_quotes_it),
        cmocka_unit_test(a_missing_doubled_or_misplaced_option_is_an_error),
        cmocka_unit_test(an_address_is_host_and_port),
        cmocka_unit_test(help_and_version_work_in_every_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
