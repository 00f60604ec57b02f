/* The metrics: what is counted, and that Prometheus's rules hold of every line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web_fixture.h"

static void write_metrics(struct web_fixture *f)
{
    str_clear(&f->out);
    metrics_write(f->metrics, &f->state, &f->settings, 3, 2, T_NOW, &f->out);
}

/* The value of exactly this series, or -1. */
static long long value_of(const struct web_fixture *f, const char *series)
{
    char line[512];
    snprintf(line, sizeof(line), "\n%s ", series);
    const char *at = strstr(f->out.s, line);
    return at == NULL ? -1 : strtoll(at + strlen(line), NULL, 10);
}

static void steps_cycles_and_failures_are_counted(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_build_info{version=\"0.1.0\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_cycles_total{result=\"ok\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_cycles_total{result=\"failed\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_cycle_running"), 1);
    assert_int_equal(value_of(&f, "backupd_cycle_started_timestamp_seconds"), T_NEXT);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_sum"), 60);
    assert_int_equal(
        value_of(&f, "backupd_steps_total{op=\"SnapshotRangeDeletion\",result=\"failed\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_steps_total{op=\"SnapshotDeletion\",result=\"ok\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_step_duration_seconds_sum{op=\"SnapshotDeletion\"}"), 2);
    assert_int_equal(value_of(&f, "backupd_snapshots_destroyed_total{side=\"local\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_snapshots_destroyed_total{side=\"remote\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"held\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"busy\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"zfs\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"interrupted\"}"), -1);
    assert_int_equal(value_of(&f, "backupd_web_connections"), 3);
    assert_int_equal(value_of(&f, "backupd_web_streams"), 2);
    web_fixture_fini(&f);
}

static void bytes_are_counted_as_they_are_sent_and_once(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_sent_bytes_total"), 3 << 20);
    web_feed(&f, (struct event){.kind = EVENT_STEP_FINISHED,
                                .dataset = "/home/ann",
                                .step = 1,
                                .count = 1,
                                .bytes = 7 << 20,
                                .time = T_NOW});
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_sent_bytes_total"), 7 << 20);
    assert_int_equal(value_of(&f, "backupd_snapshots_sent_total"), 1);
    web_fixture_fini(&f);
}

static void whoever_begins_in_the_middle_of_a_step_counts_what_comes_after(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    metrics_free(f.metrics);
    f.metrics = metrics_new();
    struct event event = {.kind = EVENT_STEP_PROGRESS,
                          .dataset = "/home/ann",
                          .step = 1,
                          .bytes = 4 << 20,
                          .bytes_total = 7 << 20,
                          .time = T_NOW};
    web_feed(&f, event);
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_sent_bytes_total"), 0);
    event.bytes = 5 << 20;
    web_feed(&f, event);
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_sent_bytes_total"), 1 << 20);
    web_fixture_fini(&f);
}

static void a_worker_that_dies_loses_no_bytes_that_were_counted(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_DATASET_FINISHED,
                                .dataset = "/home/ann",
                                .code = ERR_DIED,
                                .time = T_NOW});
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_sent_bytes_total"), 3 << 20);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"died\"}"), 1);
    web_fixture_fini(&f);
}

static void what_is_recalled_counts_nothing(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a"});
    web_feed(&f, (struct event){.kind = EVENT_DATASET_RECALLED,
                                .dataset = "/a",
                                .status = STATUS_FAILED,
                                .code = ERR_HELD,
                                .failed = 4});
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_RECALLED, .cycle = 3, .time = T_END});
    web_feed(&f, (struct event){.kind = EVENT_FAILURE_RECALLED, .dataset = "/a", .code = ERR_HELD});
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_cycles_total{result=\"ok\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_failures_total{code=\"held\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_dataset_failures{dataset=\"/a\"}"), 4);
    web_fixture_fini(&f);
}

static void a_daemon_that_is_told_to_stop_has_not_failed(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_FINISHED,
                                .cycle = 8,
                                .time = T_NOW,
                                .code = ERR_INTERRUPTED,
                                .text = "told to stop"});
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_cycles_total{result=\"failed\"}"), 1);
    web_fixture_fini(&f);
}

static void datasets_have_their_gauges_and_the_root_its_shown_name(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    write_metrics(&f);
    assert_int_equal(value_of(&f, "backupd_dataset_safe{dataset=\"<root>\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_dataset_safe{dataset=\"/home\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_dataset_safe{dataset=\"/poll\"}"), -1);
    assert_int_equal(value_of(&f, "backupd_dataset_failures{dataset=\"/home\"}"), 2);
    assert_int_equal(value_of(&f, "backupd_dataset_copy_timestamp_seconds{dataset=\"<root>\"}"),
                     T_CYCLE - 600);
    assert_int_equal(value_of(&f, "backupd_dataset_behind_seconds{dataset=\"<root>\"}"), 4300);
    assert_int_equal(value_of(&f, "backupd_dataset_behind_seconds{dataset=\"/vol\"}"), -1);
    assert_int_equal(
        value_of(&f, "backupd_dataset_last_success_timestamp_seconds{dataset=\"<root>\"}"),
        T_CYCLE + 5);
    assert_int_equal(value_of(&f, "backupd_dataset_retry_timestamp_seconds{dataset=\"/home\"}"),
                     T_NOW + 300);
    assert_int_equal(value_of(&f, "backupd_dataset_snapshots{dataset=\"/home\",side=\"local\"}"),
                     2);
    assert_int_equal(value_of(&f, "backupd_dataset_space_bytes{dataset=\"/home\",side=\"remote\"}"),
                     4000);
    assert_int_equal(value_of(&f, "backupd_datasets{level=\"safe\"}"), 2);
    assert_int_equal(value_of(&f, "backupd_datasets{level=\"ignored\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_verdict{level=\"failed\"}"), 1);
    assert_int_equal(value_of(&f, "backupd_verdict{level=\"safe\"}"), 0);
    web_fixture_fini(&f);
}

/* ---- the rules of the text format 0.0.4 and of its naming ---- */

#define FAMILIES_MAX 64
#define SERIES_MAX   1024

struct checker {
    char name[FAMILIES_MAX][96], type[FAMILIES_MAX][16];
    size_t families;
    char *series[SERIES_MAX]; /* what stands before each value */
    long long value[SERIES_MAX];
    size_t count;
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t n = strlen(end);
    return len >= n && strcmp(s + len - n, end) == 0;
}

/* HELP comes first, then TYPE of the same name, once for each family. */
static void check_comment(struct checker *c, const char *line)
{
    char word[8];
    char name[96];
    char rest[512];
    assert_int_equal(sscanf(line, "# %7s %95s %511[^\n]", word, name, rest), 3);
    if (strcmp(word, "HELP") == 0) {
        assert_true(c->families < FAMILIES_MAX);
        for (size_t i = 0; i < c->families; i++)
            assert_string_not_equal(c->name[i], name);
        assert_true(strncmp(name, "backupd_", 8) == 0);
        for (const char *s = name; *s != '\0'; s++)
            assert_true(is_name_char(*s));
        snprintf(c->name[c->families], sizeof(c->name[0]), "%s", name);
        c->type[c->families++][0] = '\0';
        return;
    }
    assert_string_equal(word, "TYPE");
    assert_true(c->families > 0);
    assert_string_equal(c->name[c->families - 1], name);
    assert_string_equal(c->type[c->families - 1], "");
    snprintf(c->type[c->families - 1], sizeof(c->type[0]), "%.15s", rest);
    assert_true(strcmp(rest, "counter") == 0 || strcmp(rest, "gauge") == 0 ||
                strcmp(rest, "histogram") == 0);
    assert_int_equal(ends_with(name, "_total"), strcmp(rest, "counter") == 0);
}

/* Reads {name="value",…}; inside a value only \\, \" and \n are escapes. Returns what follows. */
static const char *check_labels(const char *s)
{
    if (*s != '{')
        return s;
    do {
        s++;
        assert_true(is_name_char(*s));
        while (is_name_char(*s))
            s++;
        assert_true(s[0] == '=' && s[1] == '"' && s[2] != '"'); /* an empty one is none */
        for (s += 2; *s != '"'; s++) {
            assert_true(*s != '\0' && *s != '\n');
            if (*s == '\\')
                assert_true(*++s == '\\' || *s == '"' || *s == 'n');
        }
        s++;
    } while (*s == ',');
    assert_int_equal(*s, '}');
    return s + 1;
}

/* The sample is of the family that was begun last. */
static void check_sample(struct checker *c, const char *line)
{
    static const char *const UNITS[] = {"_milliseconds", "_ms", "_minutes", "_kilobytes", "_mb"};
    assert_true(c->families > 0);
    const char *family = c->name[c->families - 1];
    const char *type = c->type[c->families - 1];
    size_t len = strlen(family);
    assert_int_equal(strncmp(line, family, len), 0);
    const char *suffix = line + len;
    size_t suffix_len = strcspn(suffix, "{ ");
    if (strcmp(type, "histogram") == 0)
        assert_true((suffix_len == 7 && strncmp(suffix, "_bucket", 7) == 0) ||
                    (suffix_len == 4 && strncmp(suffix, "_sum", 4) == 0) ||
                    (suffix_len == 6 && strncmp(suffix, "_count", 6) == 0));
    else
        assert_int_equal(suffix_len, 0);
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++)
        assert_false(ends_with(family, UNITS[i]));
    const char *end = check_labels(suffix + suffix_len);
    assert_int_equal(*end, ' ');
    char *after;
    assert_true(c->count < SERIES_MAX);
    c->value[c->count] = strtoll(end + 1, &after, 10);
    assert_true(after > end + 1 && *after == '\n' && c->value[c->count] >= 0);
    c->series[c->count] = strndup(line, (size_t)(end - line));
    for (size_t i = 0; i < c->count; i++)
        assert_string_not_equal(c->series[i], c->series[c->count]);
    c->count++;
}

/* Buckets of one histogram follow one another, never fall, and +Inf is what _count says. */
static void check_histograms(const struct checker *c)
{
    size_t found = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (strstr(c->series[i], "_bucket{") == NULL)
            continue;
        if (strstr(c->series[i], "le=\"+Inf\"") == NULL) {
            assert_non_null(strstr(c->series[i + 1], "_bucket{"));
            assert_true(c->value[i + 1] >= c->value[i]);
            continue;
        }
        assert_non_null(strstr(c->series[i + 1], "_sum"));
        assert_non_null(strstr(c->series[i + 2], "_count"));
        assert_int_equal(c->value[i + 2], c->value[i]);
        found++;
    }
    assert_int_equal(found, 1 + OP_COUNT);
}

static void check_format(const char *text)
{
    struct checker *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_non_null(strchr(line, '\n'));
        if (*line == '#')
            check_comment(c, line);
        else
            check_sample(c, line);
    }
    check_histograms(c);
    for (size_t i = 0; i < c->count; i++)
        free(c->series[i]);
    free(c);
}

static void every_line_keeps_the_rules_of_the_format(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    write_metrics(&f);
    check_format(f.out.s);
    web_fixture_fini(&f);
    web_fixture_init(&f, false);
    write_metrics(&f);
    check_format(f.out.s);
    web_fixture_fini(&f);
}

static void long_steps_and_clocks_that_step_back_are_counted_too(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    const int64_t ends[] = {T_CYCLE - 50, T_CYCLE, T_CYCLE + 1, T_CYCLE + 2, T_CYCLE + 9999999};
    for (size_t i = 0; i < 5; i++) {
        web_feed(&f, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = i, .time = T_CYCLE});
        web_feed(&f, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = i, .time = ends[i]});
    }
    write_metrics(&f);
    check_format(f.out.s);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_bucket{le=\"1\"}"), 3);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_bucket{le=\"5\"}"), 4);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_bucket{le=\"259200\"}"), 4);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_bucket{le=\"+Inf\"}"), 5);
    assert_int_equal(value_of(&f, "backupd_cycle_duration_seconds_sum"), 10000002);
    web_fixture_fini(&f);
}

static void hostile_names_are_escaped_in_labels(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    web_feed(&f, (struct event){
                     .kind = EVENT_DATASET_SEEN, .dataset = "/a\"} 1\nbackupd_x 2\\", .cycle = 1});
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/\xff{b=\"c\"}"});
    write_metrics(&f);
    check_format(f.out.s);
    assert_int_equal(
        value_of(&f, "backupd_dataset_failures{dataset=\"/a\\\"} 1\\nbackupd_x 2\\\\\"}"), 0);
    assert_int_equal(value_of(&f, "backupd_dataset_failures{dataset=\"/\\\\xff{b=\\\"c\\\"}\"}"),
                     0);
    web_fixture_fini(&f);
}

/* ---- what is installed beside the program ---- */

/* Every name that begins with backupd_ in a file of packaging/prometheus is of a metric. */
static void check_file(const char *metrics, const char *name)
{
    char path[512];
    char word[128];
    static char text[262144];
    size_t found = 0;
    snprintf(path, sizeof(path), "%s/../../../packaging/prometheus/%s", TEST_DATA, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_true(len < sizeof(text) - 1);
    text[len] = '\0';
    for (const char *s = strstr(text, "backupd_"); s != NULL; s = strstr(s + 1, "backupd_")) {
        size_t n = 0;
        while (is_name_char(s[n]))
            n++;
        snprintf(word, sizeof(word), "# TYPE %.*s ", (int)n, s);
        char *suffix = strstr(word, "_bucket ");
        if (suffix != NULL)
            memcpy(suffix, " ", 2);
        if (strstr(metrics, word) == NULL)
            fail_msg("%s asks for %.*s, which is no metric", name, (int)n, s);
        found++;
    }
    assert_true(found > 5);
}

static void the_alerts_and_the_dashboard_ask_for_metrics_that_there_are(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    write_metrics(&f);
    check_file(f.out.s, "alerts.yml");
    check_file(f.out.s, "dashboard.json");
    web_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_cycles_and_failures_are_counted),
        cmocka_unit_test(bytes_are_counted_as_they_are_sent_and_once),
        cmocka_unit_test(whoever_begins_in_the_middle_of_a_step_counts_what_comes_after),
        cmocka_unit_test(a_worker_that_dies_loses_no_bytes_that_were_counted),
        cmocka_unit_test(what_is_recalled_counts_nothing),
        cmocka_unit_test(a_daemon_that_is_told_to_stop_has_not_failed),
        cmocka_unit_test(datasets_have_their_gauges_and_the_root_its_shown_name),
        cmocka_unit_test(every_line_keeps_the_rules_of_the_format),
        cmocka_unit_test(long_steps_and_clocks_that_step_back_are_counted_too),
        cmocka_unit_test(hostile_names_are_escaped_in_labels),
        cmocka_unit_test(the_alerts_and_the_dashboard_ask_for_metrics_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
