/* What happened and what changes as JSON; whatever a name or a text is, and how much there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "views.h"
#include "web_fixture.h"

/* What a thousand datasets may take. */
#define STATE_MAX 280000

static void the_activity_has_cycles_transfers_failures_newest_first(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_STEP_FINISHED,
                                .dataset = "/home/ann",
                                .step = 1,
                                .count = 1,
                                .bytes = 7 << 20,
                                .time = T_NEXT + 99});
    json_t *activity = web_get_activity(&f);
    assert_fields(activity, "time stream cycles transfers failures throughput days log");
    const json_t *cycle = json_array_get(json_object_get(activity, "cycles"), 0);
    assert_fields(cycle, "number started finished datasets failed sent destroyed bytes code text");
    assert_int_equal(web_number(cycle, "number"), 7);
    assert_int_equal(web_number(cycle, "started"), T_CYCLE);
    assert_int_equal(web_number(cycle, "finished"), T_END);
    assert_int_equal(web_number(cycle, "datasets"), 5);
    assert_int_equal(web_number(cycle, "failed"), 1);
    const json_t *transfer = json_array_get(json_object_get(activity, "transfers"), 0);
    assert_fields(transfer, "dataset start end started finished bytes resumed code text");
    assert_string_equal(web_string(transfer, "dataset"), "/home/ann");
    assert_int_equal(web_number(transfer, "bytes"), 7 << 20);
    assert_int_equal(web_number(transfer, "finished"), T_NEXT + 99);
    assert_string_equal(web_string(transfer, "code"), "none");
    assert_true(json_is_null(json_object_get(transfer, "text")));
    const json_t *failures = json_object_get(activity, "failures");
    assert_int_equal(json_array_size(failures), 2);
    assert_fields(json_array_get(failures, 0), "time dataset code text advice");
    assert_string_equal(web_string(json_array_get(failures, 0), "code"), "held");
    assert_string_equal(web_string(json_array_get(failures, 1), "code"), "busy");
    json_decref(activity);
    web_fixture_fini(&f);
}

static void the_throughput_is_of_the_last_sixty_minutes(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *activity = web_get_activity(&f);
    const json_t *throughput = json_object_get(activity, "throughput");
    const json_t *bytes = json_object_get(throughput, "bytes");
    int64_t from = web_number(throughput, "from");
    assert_int_equal(web_number(throughput, "step"), 60);
    assert_int_equal(from % 60, 0);
    assert_true(from + 60 * 60 > T_NOW && from + 59 * 60 <= T_NOW);
    assert_int_equal(json_array_size(bytes), 60);
    json_int_t sum = 0;
    for (size_t i = 0; i < 60; i++)
        sum += json_integer_value(json_array_get(bytes, i));
    assert_int_equal(sum, 3 << 20);
    size_t minute = (size_t)((T_NEXT + 90 - from) / 60);
    assert_int_equal(json_integer_value(json_array_get(bytes, minute)), 3 << 20);
    json_decref(activity);
    web_fixture_fini(&f);
}

static void a_day_has_its_date_and_its_worst_level(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *activity = web_get_activity(&f);
    const json_t *day = json_array_get(json_object_get(activity, "days"), 0);
    assert_fields(day, "day level cycles bytes local remote");
    assert_string_equal(web_string(day, "day"), "2025-11-24");
    assert_string_equal(web_string(day, "level"), "failed");
    assert_int_equal(web_number(day, "cycles"), 1);
    assert_int_equal(web_number(day, "local"), 25000);
    assert_int_equal(web_number(day, "remote"), 20000);
    const json_t *line = json_array_get(json_object_get(activity, "log"), 0);
    assert_fields(line, "time level dataset text");
    json_decref(activity);
    web_fixture_fini(&f);
}

static void a_change_has_what_changed_what_is_gone_and_the_new_lines(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    const char *names[] = {"/home/ann", "/was"};
    uint64_t lines = f.state.chronicle.ring[RECORD_LINE].total;
    web_feed(&f,
             (struct event){.kind = EVENT_NOTE, .time = T_NOW, .level = LEVEL_INFO, .text = "new"});
    const struct view_change change = {
        .names = names, .name_count = 2, .first_line = lines, .activity = true};
    view_change(&f.state, &change, T_NOW, &f.out);
    json_t *value = web_parse(&f);
    assert_fields(value, "time datasets removed verdict cycle dry_run log activity");
    const json_t *datasets = json_object_get(value, "datasets");
    assert_int_equal(json_array_size(datasets), 1);
    assert_string_equal(web_string(json_array_get(datasets, 0), "name"), "/home/ann");
    assert_string_equal(web_list(json_object_get(value, "removed")), "/was");
    const json_t *log = json_object_get(value, "log");
    assert_int_equal(json_array_size(log), 1);
    assert_string_equal(web_string(json_array_get(log, 0), "text"), "new");
    assert_true(json_is_null(json_object_get(json_array_get(log, 0), "dataset")));
    assert_true(json_is_true(json_object_get(value, "activity")));
    json_decref(value);
    web_fixture_fini(&f);
}

static void a_change_has_the_lines_that_are_left_where_more_came_than_are_kept(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    for (int i = 0; i < CHRONICLE_LINES + 50; i++)
        web_feed(&f,
                 (struct event){.kind = EVENT_NOTE, .time = i, .level = LEVEL_INFO, .text = "x"});
    const struct view_change all = {.first_line = 0};
    view_change(&f.state, &all, T_NOW, &f.out);
    json_t *value = web_parse(&f);
    assert_int_equal(json_array_size(json_object_get(value, "log")), CHRONICLE_LINES);
    json_decref(value);
    const struct view_change none = {.first_line = CHRONICLE_LINES + 50};
    view_change(&f.state, &none, T_NOW, &f.out);
    value = web_parse(&f);
    assert_int_equal(json_array_size(json_object_get(value, "log")), 0);
    assert_true(json_is_false(json_object_get(value, "activity")));
    json_decref(value);
    web_fixture_fini(&f);
}

static void an_error_is_an_object_with_code_and_text(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    view_error("not_found", "there is no dataset \"/x\n\"", &f.out);
    json_t *value = web_parse(&f);
    const json_t *error = json_object_get(value, "error");
    assert_string_equal(web_string(error, "code"), "not_found");
    assert_string_equal(web_string(error, "text"), "there is no dataset \"/x\n\"");
    json_decref(value);
    web_fixture_fini(&f);
}

static void hostile_names_and_texts_come_out_as_legal_json(void **unused)
{
    (void)unused;
    struct web_fixture f;
    static char longest[8192 + 1];
    const char *name = "/</script><script>alert(\"1\")</script>\\";
    const char *texts[] = {"\xff\xfe not UTF-8 \xc0\xaf \xed\xa0\x80",
                           "a \"quote\" \\ and\nlines\t", "\x01\x1b[31m \x7f",
                           "\xe2\x80\xa8 caf\xc3\xa9 \xf0\x9f\x98\x80", longest};
    memset(longest, '"', sizeof(longest) - 1);
    web_fixture_init(&f, false);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = name});
        web_feed(&f, (struct event){.kind = EVENT_DATASET_FINISHED,
                                    .dataset = name,
                                    .code = ERR_ZFS,
                                    .text = texts[i]});
        json_t *state = web_get_state(&f);
        const json_t *ds = web_find(json_object_get(state, "datasets"), "name", name);
        if (i == 0)
            assert_string_equal(web_string(ds, "text"),
                                "\\xff\\xfe not UTF-8 \\xc0\\xaf \\xed\\xa0\\x80");
        else if (i < 4)
            assert_string_equal(web_string(ds, "text"), texts[i]);
        else
            assert_true(strlen(web_string(ds, "text")) > 8000);
        json_decref(state);
        json_decref(web_get_dataset(&f, name));
        json_decref(web_get_activity(&f));
    }
    web_fixture_fini(&f);
}

/*
 * Compares what is in `out` with a file of data/api, which docs/openapi.yaml has as its example.
 * With BACKUPD_WRITE_DATA in the environment the file is written anew instead.
 */
static void check_example(struct web_fixture *f, const char *name)
{
    char path[512];
    json_error_t error;
    json_t *value = web_parse(f);
    snprintf(path, sizeof(path), "%s/api/%s.json", TEST_DATA, name);
    if (getenv("BACKUPD_WRITE_DATA") != NULL)
        assert_int_equal(json_dump_file(value, path, JSON_INDENT(1)), 0);
    json_t *expected = json_load_file(path, 0, &error);
    if (expected == NULL)
        fail_msg("%s: %s", path, error.text);
    if (!json_equal(value, expected))
        fail_msg("%s is not what is written now", path);
    json_decref(expected);
    json_decref(value);
}

static void the_examples_of_the_description_are_what_is_written(void **unused)
{
    (void)unused;
    struct web_fixture f;
    const char *names[] = {"/home/ann", "/was"};
    web_fixture_init(&f, true);
    view_state(&f.state, &f.settings, "5f3a9c01-1234", T_NOW, &f.out);
    check_example(&f, "state");
    view_dataset(&f.state, state_find(&f.state, "/home"), "5f3a9c01-1234", T_NOW, &f.out);
    check_example(&f, "dataset_failed");
    view_dataset(&f.state, state_find(&f.state, "/home/ann"), "5f3a9c01-1234", T_NOW, &f.out);
    check_example(&f, "dataset");
    const struct view_change change = {
        .names = names,
        .name_count = 2,
        .first_line = f.state.chronicle.ring[RECORD_LINE].total - 1,
    };
    view_change(&f.state, &change, T_NOW, &f.out);
    check_example(&f, "change");
    web_feed(&f, (struct event){.kind = EVENT_STEP_FINISHED,
                                .dataset = "/home/ann",
                                .step = 1,
                                .count = 1,
                                .bytes = 7 << 20,
                                .time = T_NOW});
    view_activity(&f.state, "5f3a9c01-1240", T_NOW, &f.out);
    check_example(&f, "activity");
    view_error("not_found", "there is no dataset /hom; see /api/v1/state for those that there are",
               &f.out);
    check_example(&f, "error");
    web_fixture_fini(&f);
}

static void fill_dataset(struct web_fixture *f, int number)
{
    char name[32];
    char names[100][24];
    struct snapshot_row rows[100];
    snprintf(name, sizeof(name), "/home/user%04d", number);
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "hourly-%d", i);
        rows[i] = (struct snapshot_row){.name = names[i],
                                        .guid = BIG_GUID - (uint64_t)(number * 100 + i),
                                        .creation = T_CYCLE - 1000 + i,
                                        .sides = 3,
                                        .keep = {KEEP_POLICY, KEEP_POLICY}};
    }
    web_feed(f,
             (struct event){.kind = EVENT_DATASET_SEEN,
                            .dataset = name,
                            .cycle = 7,
                            .type = DATASET_FILESYSTEM,
                            .holding = {{100, T_CYCLE, 12345678901}, {100, T_CYCLE, 1234567890}}});
    web_feed(f, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                               .dataset = name,
                               .rows = rows,
                               .row_count = 100,
                               .first = true});
    web_feed(f, (struct event){.kind = EVENT_DATASET_FINISHED, .dataset = name, .time = T_CYCLE});
}

static void a_thousand_datasets_of_a_hundred_snapshots_are_a_small_answer(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    for (int i = 0; i < 1000; i++)
        fill_dataset(&f, i);
    view_state(&f.state, &f.settings, "5f3a9c01-1234", T_NOW, &f.out);
    print_message("# %zu bytes\n", f.out.len);
    assert_true(f.out.len < STATE_MAX);
    json_t *state = web_parse(&f);
    assert_int_equal(json_array_size(json_object_get(state, "datasets")), 1000);
    json_decref(state);
    web_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_activity_has_cycles_transfers_failures_newest_first),
        cmocka_unit_test(the_throughput_is_of_the_last_sixty_minutes),
        cmocka_unit_test(a_day_has_its_date_and_its_worst_level),
        cmocka_unit_test(a_change_has_what_changed_what_is_gone_and_the_new_lines),
        cmocka_unit_test(a_change_has_the_lines_that_are_left_where_more_came_than_are_kept),
        cmocka_unit_test(an_error_is_an_object_with_code_and_text),
        cmocka_unit_test(hostile_names_and_texts_come_out_as_legal_json),
        cmocka_unit_test(the_examples_of_the_description_are_what_is_written),
        cmocka_unit_test(a_thousand_datasets_of_a_hundred_snapshots_are_a_small_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
