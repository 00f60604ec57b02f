/* cli/status_view and status_page: the daemon's state as lines, whatever is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "status_view.h"
#include "text.h"

#define VERDICT_SAFE "{\"level\":\"safe\",\"text\":\"all is well\",\"advice\":\"\"}"
#define CYCLE_ENDED                                                                                \
    "{\"number\":7,\"running\":false,\"started\":9000,\"finished\":9300,\"failed\":0,"             \
    "\"text\":null,\"next\":12600,\"took\":300}"
#define CYCLE_RUNS                                                                                 \
    "{\"number\":8,\"running\":true,\"started\":9880,\"finished\":9300,\"failed\":0,"              \
    "\"text\":null,\"next\":0,\"took\":300}"
#define TRANSFER(name, level)                                                                      \
    "{\"name\":\"" name "\",\"status\":\"running\",\"level\":\"" level "\",\"step\":{\"op\":"      \
    "\"SnapshotRangeTransfer\",\"side\":\"remote\",\"start\":\"daily-1\",\"end\":\"daily-2\","     \
    "\"bytes\":512,\"bytes_total\":1024,\"started\":9990,\"resumed\":false}}"
#define FAILED(name)                                                                               \
    "{\"name\":\"" name "\",\"status\":\"failed\",\"level\":\"failed\",\"why\":\"no copy yet\","   \
    "\"code\":\"held\",\"text\":\"it is held\",\"advice\":\"release it\",\"failures\":3,"          \
    "\"since\":1,\"retry\":10060}"
#define LATE(name)                                                                                 \
    "{\"name\":\"" name "\",\"status\":\"ok\",\"level\":\"late\",\"why\":\"3 h behind\"}"

static char json[16384];

static const char *state_of(const char *verdict, const char *cycle, const char *datasets)
{
    snprintf(json, sizeof(json),
             "{\"time\":10000,\"dry_run\":false,\"verdict\":%s,\"cycle\":%s,\"datasets\":[%s]}",
             verdict, cycle, datasets);
    return json;
}

/* The picture of a state, until the next call. */
static const char *show(const char *text, struct status_look look)
{
    static struct str out;
    struct status_view view;
    struct err e = ERR_INIT;
    if (status_view_parse(text, strlen(text), &view, &e) != 0)
        fail_msg("%s", e.msg);
    str_fini(&out); /* of the call before */
    str_init(&out);
    status_view_render(&view, &look, &out);
    status_view_fini(&view);
    return out.s;
}

static const struct status_look PLAIN = {.width = 0};

static void a_quiet_daemon_is_two_lines(void **state)
{
    (void)state;
    assert_string_equal(
        "OK      all is well\n"
        "        cycle 7 ended 11 min ago and took 5 min; the next begins in 43 min\n",
        show(state_of(VERDICT_SAFE, CYCLE_ENDED, ""), PLAIN));
}

static void transfers_stand_above_what_needs_attention_and_failures_first(void **state)
{
    (void)state;
    assert_string_equal(
        "LATE    two are behind\n"
        "        wait\n"
        "        cycle 8 has been running for 2 min; the last one took 5 min\n"
        "\n"
        "/b daily-2 [#####-----]  50% 512 B of 1.0 KiB 51 B/s 10 s left\n"
        "\n"
        "FAILED  <root>: it is held\n"
        "        no copy yet\n"
        "        release it\n"
        "        failed 3 times in a row; tried again in 1 min\n"
        "LATE    /a: 3 h behind\n",
        show(state_of("{\"level\":\"late\",\"text\":\"two are behind\",\"advice\":\"wait\"}",
                      CYCLE_RUNS, LATE("/a") "," TRANSFER("/b", "safe") "," FAILED("")),
             PLAIN));
}

static void steps_that_are_no_transfers_have_no_bar(void **state)
{
    (void)state;
    const char *text =
        show(state_of(VERDICT_SAFE, CYCLE_RUNS,
                      "{\"name\":\"/a\",\"status\":\"running\",\"level\":\"safe\",\"step\":"
                      "{\"op\":\"SnapshotDeletion\",\"side\":\"local\",\"start\":\"daily-1\"}},"
                      "{\"name\":\"/b\",\"status\":\"waiting\",\"level\":\"safe\"}"),
             PLAIN);
    assert_null(strchr(text, '['));
    assert_non_null(strstr(text, "1 dataset waits for a worker"));
}

static void a_cycle_that_failed_as_a_whole_says_why(void **state)
{
    (void)state;
    assert_non_null(strstr(
        show(state_of(VERDICT_SAFE,
                      "{\"number\":7,\"running\":false,\"started\":9000,\"finished\":9300,"
                      "\"failed\":0,\"code\":\"ssh-auth\",\"text\":\"no key\",\"next\":9999}",
                      ""),
             PLAIN),
        "took 5 min; the next begins now\n        the newest cycle failed: no key\n"));
}

static void a_daemon_that_has_done_nothing_yet_says_so(void **state)
{
    (void)state;
    const char *text =
        state_of("{\"level\":\"unknown\",\"text\":\"nothing is known yet\",\"advice\":\"\"}",
                 "{\"number\":0,\"running\":false,\"started\":0,\"finished\":0,\"failed\":0,"
                 "\"text\":null,\"next\":0}",
                 "");
    assert_string_equal("UNKNOWN nothing is known yet\n        no cycle has run yet\n",
                        show(text, PLAIN));
}

static void what_could_steer_a_terminal_is_written_out(void **state)
{
    (void)state;
    const char *text =
        show(state_of("{\"level\":\"failed\",\"text\":\"\\u001b[2J\\nx\\u009bm\",\"advice\":"
                      "\"\\u202eabc\\u007f\"}",
                      CYCLE_ENDED, TRANSFER("/\\u001bc", "late") "," LATE("/a\\rb")),
             PLAIN);
    for (const char *at = text; *at != '\0'; at++)
        assert_true(*at == '\n' || ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f));
    assert_non_null(strstr(text, "FAILED  \\x1b[2J\\x0ax\\xc2\\x9bm\n"));
    assert_non_null(strstr(text, "\\xe2\\x80\\xaeabc\\x7f\n"));
    assert_non_null(strstr(text, "/a\\x0db: 3 h behind"));
}

static void colour_comes_on_top_of_the_word(void **state)
{
    (void)state;
    const char *text = show(state_of(VERDICT_SAFE, CYCLE_ENDED, LATE("/a")),
                            (struct status_look){.width = 80, .height = 24, .colour = true});
    assert_ptr_equal(text, strstr(text, "\033[1;32mOK      \033[0mall is well\n"));
    assert_non_null(strstr(text, "\033[1;33mLATE    \033[0m/a: 3 h behind\n"));
}

static void long_texts_go_on_in_the_next_line(void **state)
{
    (void)state;
    assert_string_equal("OK      one two\n"
                        "        three\n"
                        "        fourfivesix\n"
                        "        seveneight\n",
                        show(state_of("{\"level\":\"safe\",\"text\":\"one two three "
                                      "fourfivesixseveneight\",\"advice\":\"\"}",
                                      CYCLE_ENDED, ""),
                             (struct status_look){.width = 20, .height = 4}));
}

/* Neither wider nor higher than the look, whatever that is. */
static void assert_fits(const char *text, struct status_look look)
{
    size_t lines = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[1024];
        assert_true(len < sizeof(line) && text[len] == '\n');
        memcpy(line, text, len);
        line[len] = '\0';
        assert_int_equal(len, text_fit(line, look.width - 1));
        text += len + 1;
        lines++;
    }
    assert_true(lines <= look.height);
}

static void the_picture_fits_into_every_terminal(void **state)
{
    (void)state;
    const char *text = state_of(
        "{\"level\":\"failed\",\"text\":\"zw\xc3\xb6lf B\xc3\xa4ume \xe6\x97\xa5\xe6\x9c\xac\xe8"
        "\xaa\x9e stehen im Wald\",\"advice\":\"geh hin\"}",
        CYCLE_RUNS,
        TRANSFER(
            "/with a rather long name/and one below it/\xc3\xa4\xc3\xa4\xc3\xa4",
            "late") "," TRANSFER("/b",
                                 "late") "," TRANSFER("/c",
                                                      "safe") "," FAILED("/d") "," FAILED("/e"));
    char copy[sizeof(json)];
    memcpy(copy, text, sizeof(copy));
    for (unsigned width = 1; width < 130; width++)
        for (unsigned height = 1; height < 30; height++) {
            struct status_look look = {.width = width, .height = height};
            assert_fits(show(copy, look), look);
        }
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    const char *text = state_of(
        VERDICT_SAFE, CYCLE_ENDED,
        TRANSFER("/1", "safe") "," TRANSFER("/2", "safe") "," TRANSFER("/3", "safe") "," LATE(
            "/4") "," LATE("/5") "," LATE("/6") "," LATE("/7") "," FAILED("/8"));
    assert_string_equal("OK      all is well\n"
                        "        cycle 7 ended 11 min ago and took 5 min; the next begins in 43 "
                        "min\n"
                        "\n"
                        "/1  [#####-----]  50% 512 B of 1.0 KiB 51 B/s 10 s left\n"
                        "        and 2 more transfers\n"
                        "\n"
                        "        and 5 more that need attention\n",
                        show(text, (struct status_look){.width = 80, .height = 7}));
    assert_non_null(strstr(show(text, (struct status_look){.width = 80, .height = 12}),
                           "FAILED  /8: it is held\n        no copy yet\n"));
}

static void only_safe_exits_with_0(void **state)
{
    (void)state;
    static const char *const LEVELS[] = {"safe", "late", "failed", "unknown", "ignored", "odd"};
    for (size_t i = 0; i < sizeof(LEVELS) / sizeof(LEVELS[0]); i++) {
        char verdict[100];
        struct status_view view;
        struct err e = ERR_INIT;
        snprintf(verdict, sizeof(verdict), "{\"level\":\"%s\",\"text\":\"t\",\"advice\":\"\"}",
                 LEVELS[i]);
        const char *text = state_of(verdict, CYCLE_ENDED, "");
        assert_int_equal(0, status_view_parse(text, strlen(text), &view, &e));
        assert_int_equal(i == 0 ? 0 : EXIT_FAILED, status_view_exit(&view));
        status_view_fini(&view);
    }
}

static void an_error_has_its_exit_status(void **state)
{
    (void)state;
    assert_int_equal(0, cli_exit_status(ERR_NONE));
    assert_int_equal(1, cli_exit_status(ERR_PROTOCOL));
    assert_int_equal(1, cli_exit_status(ERR_LIMIT));
    assert_int_equal(2, cli_exit_status(ERR_USAGE));
    assert_int_equal(2, cli_exit_status(ERR_CONFIG));
    assert_int_equal(3, cli_exit_status(ERR_NO_DAEMON));
}

static void a_level_that_is_not_known_needs_attention(void **state)
{
    (void)state;
    const char *text =
        show(state_of("{\"level\":\"odd\",\"text\":\"t\",\"advice\":\"\"}", CYCLE_ENDED,
                      "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"odd\"},"
                      "{\"name\":\"/b\",\"status\":\"remote-only\",\"level\":"
                      "\"ignored\"}"),
             PLAIN);
    assert_ptr_equal(text, strstr(text, "UNKNOWN t\n"));
    assert_non_null(strstr(text, "\nUNKNOWN /a: the daemon does not say why\n"));
    assert_null(strstr(text, "/b"));
}

static void assert_refused(const char *text, const char *word)
{
    struct status_view view;
    struct err e = ERR_INIT;
    assert_int_equal(-1, status_view_parse(text, strlen(text), &view, &e));
    assert_int_equal(ERR_PROTOCOL, e.code);
    if (strstr(e.msg, word) == NULL)
        fail_msg("%s: %s", word, e.msg);
    assert_null(view.text);
    assert_int_equal(0, view.transfer_count);
}

static void what_is_no_state_is_refused(void **state)
{
    (void)state;
    assert_refused("", "no JSON");
    assert_refused("{", "no JSON");
    assert_refused("[]", "\"time\"");
    assert_refused("{}", "\"time\"");
    assert_refused("{\"time\":1,\"time\":1}", "no JSON");
    assert_refused("{\"time\":\"1\"}", "\"time\"");
    assert_refused("{\"time\":-1}", "\"time\"");
    assert_refused("{\"time\":9223372036854775807}", "\"time\"");
    assert_refused("{\"time\":1,\"dry_run\":0}", "\"dry_run\"");
}

/* Every field that has to be there is missed: each is renamed in turn. */
static void whatever_is_missing_is_named(void **state)
{
    (void)state;
    static const char *const KEYS[] = {"time",     "dry_run", "verdict",  "level",      "text",
                                       "advice",   "cycle",   "number",   "running",    "started",
                                       "finished", "next",    "datasets", "name",       "status",
                                       "op",       "end",     "bytes",    "bytes_total"};
    char whole[sizeof(json)];
    memcpy(whole, state_of(VERDICT_SAFE, CYCLE_ENDED, TRANSFER("/a", "safe")), sizeof(whole));
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        char copy[sizeof(json)];
        char key[40];
        memcpy(copy, whole, sizeof(copy));
        snprintf(key, sizeof(key), "\"%s\":", KEYS[i]);
        char *at = strstr(copy, key);
        assert_non_null(at);
        at[1] = 'X';
        assert_refused(copy, KEYS[i]);
    }
}

static void odd_values_in_a_dataset_are_refused(void **state)
{
    (void)state;
    char copy[sizeof(json)];
    static const char *const DATASETS[] = {
        "1",
        "null",
        "{\"name\":1,\"status\":\"ok\",\"level\":\"safe\"}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":3}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"safe\",\"step\":null}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"safe\",\"step\":[]}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"late\",\"why\":{}}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"failed\",\"retry\":-5}",
        "{\"name\":\"/a\",\"status\":\"ok\",\"level\":\"failed\",\"retry\":\"soon\"}",
    };
    for (size_t i = 0; i < sizeof(DATASETS) / sizeof(DATASETS[0]); i++) {
        memcpy(copy, state_of(VERDICT_SAFE, CYCLE_ENDED, DATASETS[i]), sizeof(copy));
        assert_refused(copy, "no usable");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_daemon_is_two_lines),
        cmocka_unit_test(transfers_stand_above_what_needs_attention_and_failures_first),
        cmocka_unit_test(steps_that_are_no_transfers_have_no_bar),
        cmocka_unit_test(a_cycle_that_failed_as_a_whole_says_why),
        cmocka_unit_test(a_daemon_that_has_done_nothing_yet_says_so),
        cmocka_unit_test(what_could_steer_a_terminal_is_written_out),
        cmocka_unit_test(colour_comes_on_top_of_the_word),
        cmocka_unit_test(long_texts_go_on_in_the_next_line),
        cmocka_unit_test(the_picture_fits_into_every_terminal),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(only_safe_exits_with_0),
        cmocka_unit_test(an_error_has_its_exit_status),
        cmocka_unit_test(a_level_that_is_not_known_needs_attention),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(whatever_is_missing_is_named),
        cmocka_unit_test(odd_values_in_a_dataset_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
