/* The state as JSON: every field that a program or the page may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "views.h"
#include "web_fixture.h"

static void the_state_says_who_and_what_is_replicated(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    assert_fields(state, "version time dry_run stream local remote types interval verdict cycle "
                         "datasets");
    assert_string_equal(web_string(state, "version"), "0.1.0");
    assert_int_equal(web_number(state, "time"), T_NOW);
    assert_true(json_is_false(json_object_get(state, "dry_run")));
    assert_string_equal(web_string(state, "stream"), "5f3a-12");
    const json_t *local = json_object_get(state, "local");
    assert_string_equal(web_string(local, "root"), "tank/data");
    assert_string_equal(web_string(local, "host"), "");
    const json_t *remote = json_object_get(state, "remote");
    assert_string_equal(web_string(remote, "root"), "tank/backups");
    assert_string_equal(web_string(remote, "host"), "root@nas.example");
    assert_string_equal(web_list(json_object_get(state, "types")), "daily, hourly");
    assert_int_equal(web_number(state, "interval"), 3600);
    assert_null(strstr(f.out.s, "secret"));
    json_decref(state);
    web_fixture_fini(&f);
}

static void without_a_remote_there_is_none(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    f.settings.remote_root[0] = '\0';
    json_t *state = web_get_state(&f);
    assert_true(json_is_null(json_object_get(state, "remote")));
    json_decref(state);
    web_fixture_fini(&f);
}

static void the_state_has_the_verdict_and_the_cycle(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    const json_t *verdict = json_object_get(state, "verdict");
    assert_fields(verdict, "level text advice since datasets safe late failed behind");
    assert_string_equal(web_string(verdict, "level"), "failed");
    assert_non_null(strstr(web_string(verdict, "text"), "/home: cannot destroy"));
    assert_string_equal(web_string(verdict, "advice"), err_code_advice(ERR_HELD));
    assert_int_equal(web_number(verdict, "since"), T_CYCLE - 3600);
    assert_int_equal(web_number(verdict, "datasets"), 4);
    assert_int_equal(web_number(verdict, "safe"), 2);
    assert_int_equal(web_number(verdict, "late"), 1);
    assert_int_equal(web_number(verdict, "failed"), 1);
    assert_int_equal(web_number(verdict, "behind"), -1);
    const json_t *cycle = json_object_get(state, "cycle");
    assert_fields(cycle, "number running started finished took failed code text next last_success");
    assert_int_equal(web_number(cycle, "number"), 8);
    assert_true(json_is_true(json_object_get(cycle, "running")));
    assert_int_equal(web_number(cycle, "started"), T_NEXT);
    assert_int_equal(web_number(cycle, "finished"), T_END);
    assert_int_equal(web_number(cycle, "took"), T_END - T_CYCLE);
    assert_int_equal(web_number(cycle, "failed"), 1);
    assert_string_equal(web_string(cycle, "code"), "none");
    assert_true(json_is_null(json_object_get(cycle, "text")));
    assert_int_equal(web_number(cycle, "next"), 0);
    assert_int_equal(web_number(cycle, "last_success"), 0);
    json_decref(state);
    web_fixture_fini(&f);
}

static void a_cycle_that_failed_as_a_whole_says_why(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 1, .time = T_CYCLE});
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_FINISHED,
                                .cycle = 1,
                                .time = T_END,
                                .code = ERR_SSH_REFUSED,
                                .text = "nas.example: Connection refused"});
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_DUE, .time = T_END, .due = T_NEXT});
    json_t *state = web_get_state(&f);
    const json_t *cycle = json_object_get(state, "cycle");
    assert_string_equal(web_string(cycle, "code"), "ssh-refused");
    assert_string_equal(web_string(cycle, "text"), "nas.example: Connection refused");
    assert_int_equal(web_number(cycle, "next"), T_NEXT);
    assert_string_equal(web_string(json_object_get(state, "verdict"), "level"), "failed");
    json_decref(state);
    json_t *activity = web_get_activity(&f);
    const json_t *failure = json_array_get(json_object_get(activity, "failures"), 0);
    assert_true(json_is_null(json_object_get(failure, "dataset")));
    assert_string_equal(web_string(failure, "code"), "ssh-refused");
    json_decref(activity);
    web_fixture_fini(&f);
}

#define BASE_FIELDS "name type status level revision copied last_success local remote"

static void a_safe_dataset_has_the_base_of_a_summary_and_no_more(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    const json_t *root = web_find(json_object_get(state, "datasets"), "name", "");
    assert_fields(root, BASE_FIELDS);
    assert_string_equal(web_string(root, "type"), "filesystem");
    assert_string_equal(web_string(root, "status"), "ok");
    assert_string_equal(web_string(root, "level"), "safe");
    assert_true(web_number(root, "revision") > 0);
    assert_int_equal(web_number(root, "copied"), T_CYCLE - 600);
    assert_int_equal(web_number(root, "last_success"), T_CYCLE + 5);
    const json_t *local = json_object_get(root, "local");
    assert_fields(local, "snapshots newest space");
    assert_int_equal(web_number(local, "snapshots"), 2);
    assert_int_equal(web_number(local, "newest"), T_CYCLE - 100);
    assert_int_equal(web_number(local, "space"), 5000);
    assert_int_equal(web_number(json_object_get(root, "remote"), "space"), 4000);
    json_decref(state);
    web_fixture_fini(&f);
}

#define FAILED_FIELDS " why code text advice failures since retry steps done"

static void a_failed_dataset_says_why_and_what_to_do_and_when_it_is_tried_again(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    const json_t *home = web_find(json_object_get(state, "datasets"), "name", "/home");
    assert_fields(home, BASE_FIELDS FAILED_FIELDS);
    assert_string_equal(web_string(home, "why"), "its newest run failed");
    assert_string_equal(web_string(home, "code"), "held");
    assert_string_equal(web_string(home, "text"),
                        "cannot destroy tank/data/home@hourly-1: it is held");
    assert_string_equal(web_string(home, "advice"), err_code_advice(ERR_HELD));
    assert_int_equal(web_number(home, "failures"), 2);
    assert_int_equal(web_number(home, "since"), T_CYCLE - 3600);
    assert_int_equal(web_number(home, "retry"), T_NOW + 300);
    assert_int_equal(web_number(home, "steps"), 2);
    assert_int_equal(web_number(home, "done"), 0);
    json_decref(state);
    web_fixture_fini(&f);
}

static void assert_failed_still(struct web_fixture *f, const char *status)
{
    json_t *state = web_get_state(f);
    const json_t *home = web_find(json_object_get(state, "datasets"), "name", "/home");
    assert_fields(home, BASE_FIELDS FAILED_FIELDS);
    assert_string_equal(web_string(home, "status"), status);
    assert_string_equal(web_string(home, "level"), "failed");
    assert_string_equal(web_string(home, "code"), "held");
    assert_string_equal(web_string(home, "text"),
                        "cannot destroy tank/data/home@hourly-1: it is held");
    assert_string_equal(web_string(home, "advice"), err_code_advice(ERR_HELD));
    assert_int_equal(web_number(home, "failures"), 2);
    assert_int_equal(web_number(home, "since"), T_CYCLE - 3600);
    json_decref(state);
}

static void a_failed_dataset_says_why_until_a_run_succeeds(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/home", .count = 1});
    assert_failed_still(&f, "waiting");
    web_feed(&f, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/home", .time = T_NOW});
    assert_failed_still(&f, "running");
    web_feed(&f, (struct event){.kind = EVENT_DATASET_FINISHED, .dataset = "/home", .time = T_NOW});
    json_t *state = web_get_state(&f);
    const json_t *home = web_find(json_object_get(state, "datasets"), "name", "/home");
    assert_null(json_object_get(home, "code"));
    assert_null(json_object_get(home, "text"));
    json_decref(state);
    web_fixture_fini(&f);
}

static void what_failed_before_its_source_was_gone_is_not_told_as_failed(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/home", .flag = true});
    json_t *state = web_get_state(&f);
    const json_t *home = web_find(json_object_get(state, "datasets"), "name", "/home");
    assert_string_equal(web_string(home, "level"), "ignored");
    assert_null(json_object_get(home, "text"));
    json_decref(state);
    web_fixture_fini(&f);
}

static void a_running_dataset_has_its_step_and_its_progress(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    const json_t *ann = web_find(json_object_get(state, "datasets"), "name", "/home/ann");
    assert_fields(ann, BASE_FIELDS " steps done step");
    assert_string_equal(web_string(ann, "status"), "running");
    assert_int_equal(web_number(ann, "done"), 1);
    const json_t *step = json_object_get(ann, "step");
    assert_fields(step, "op side start end bytes bytes_total started resumed");
    assert_string_equal(web_string(step, "op"), "SnapshotRangeTransfer");
    assert_string_equal(web_string(step, "side"), "remote");
    assert_string_equal(web_string(step, "start"), "daily-1");
    assert_string_equal(web_string(step, "end"), "daily-2");
    assert_int_equal(web_number(step, "bytes"), 3 << 20);
    assert_int_equal(web_number(step, "bytes_total"), 7 << 20);
    assert_int_equal(web_number(step, "started"), T_NEXT + 4);
    assert_true(json_is_true(json_object_get(step, "resumed")));
    json_decref(state);
    web_fixture_fini(&f);
}

static void what_only_the_remote_has_is_ignored_and_what_has_no_copy_is_late(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *state = web_get_state(&f);
    const json_t *gone = web_find(json_object_get(state, "datasets"), "name", "/poll");
    assert_string_equal(web_string(gone, "status"), "remote-only");
    assert_string_equal(web_string(gone, "level"), "ignored");
    assert_string_equal(web_string(gone, "type"), "volume");
    const json_t *vol = web_find(json_object_get(state, "datasets"), "name", "/vol");
    assert_string_equal(web_string(vol, "status"), "waiting");
    assert_string_equal(web_string(vol, "level"), "late");
    assert_true(strlen(web_string(vol, "why")) > 0);
    json_decref(state);
    web_fixture_fini(&f);
}

static void a_dataset_has_its_plan_with_the_words_of_the_step_that_failed(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *home = web_get_dataset(&f, "/home");
    assert_fields(home, BASE_FIELDS
                  " why code text advice failures since retry steps done time stream started "
                  "finished sent destroyed sent_bytes plan snapshots log");
    assert_int_equal(web_number(home, "started"), T_CYCLE + 6);
    assert_int_equal(web_number(home, "finished"), T_CYCLE + 9);
    const json_t *plan = json_object_get(home, "plan");
    assert_int_equal(json_array_size(plan), 2);
    const json_t *first = json_array_get(plan, 0);
    assert_fields(first,
                  "op side start end status resumed started finished bytes bytes_total text");
    assert_string_equal(web_string(first, "op"), "SnapshotRangeDeletion");
    assert_string_equal(web_string(first, "side"), "local");
    assert_string_equal(web_string(first, "status"), "failed");
    assert_string_equal(web_string(first, "text"), web_string(home, "text"));
    const json_t *second = json_array_get(plan, 1);
    assert_string_equal(web_string(second, "status"), "pending");
    assert_true(json_is_null(json_object_get(second, "text")));
    json_decref(home);
    web_fixture_fini(&f);
}

static void snapshots_say_where_they_are_and_why_they_stay_or_go(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    json_t *ann = web_get_dataset(&f, "/home/ann");
    const json_t *rows = json_object_get(ann, "snapshots");
    const json_t *row = json_array_get(rows, 0);
    assert_fields(row, "name type guid created size local remote keep_local keep_remote");
    assert_string_equal(web_string(row, "guid"), "18446744073709551557");
    assert_string_equal(web_string(row, "type"), "daily");
    assert_string_equal(web_string(row, "local"), "present");
    assert_string_equal(web_string(row, "remote"), "present");
    assert_string_equal(web_list(json_object_get(row, "keep_local")), "policy, oldest");
    row = web_find(rows, "name", "hourly-1");
    assert_string_equal(web_string(row, "local"), "going");
    assert_string_equal(web_string(row, "remote"), "absent");
    assert_string_equal(web_list(json_object_get(row, "keep_local")), "");
    row = web_find(rows, "name", "daily-2");
    assert_string_equal(web_string(row, "local"), "present");
    assert_string_equal(web_string(row, "remote"), "coming");
    assert_string_equal(web_list(json_object_get(row, "keep_local")), "policy, to send");
    row = web_find(rows, "name", "manual");
    assert_string_equal(web_string(row, "type"), "manual");
    assert_string_equal(web_string(row, "local"), "absent");
    assert_string_equal(web_list(json_object_get(row, "keep_remote")), "unmanaged");
    json_decref(ann);
    web_fixture_fini(&f);
}

static void every_reason_has_its_word(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    const struct snapshot_row row = {.name = "a", .guid = 1, .sides = 1, .keep = {ROW_KEEP_ALL, 0}};
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a"});
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                                .dataset = "/a",
                                .rows = &row,
                                .row_count = 1,
                                .first = true});
    json_t *dataset = web_get_dataset(&f, "/a");
    const json_t *shown = json_array_get(json_object_get(dataset, "snapshots"), 0);
    assert_string_equal(web_list(json_object_get(shown, "keep_local")),
                        "policy, oldest, earliest shared, latest shared, unmanaged, held, cloned, "
                        "to send, source gone, stray");
    json_decref(dataset);
    web_fixture_fini(&f);
}

static void a_dataset_has_the_newest_lines_of_the_log_that_are_about_it(void **unused)
{
    (void)unused;
    struct web_fixture f;
    char text[32];
    web_fixture_init(&f, true);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "line %d", i);
        web_feed(&f, (struct event){.kind = EVENT_NOTE,
                                    .dataset = i % 6 == 5 ? "/other" : "/vol",
                                    .time = T_NOW + i,
                                    .level = LEVEL_WARNING,
                                    .text = text});
    }
    json_t *vol = web_get_dataset(&f, "/vol");
    const json_t *log = json_object_get(vol, "log");
    assert_int_equal(json_array_size(log), 200);
    const json_t *newest = json_array_get(log, 199);
    assert_fields(newest, "time level text");
    assert_string_equal(web_string(newest, "text"), "line 298");
    assert_string_equal(web_string(newest, "level"), "warning");
    assert_int_equal(web_number(newest, "time"), T_NOW + 298);
    assert_string_equal(web_string(json_array_get(log, 0), "text"), "line 60");
    json_decref(vol);
    web_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_says_who_and_what_is_replicated),
        cmocka_unit_test(without_a_remote_there_is_none),
        cmocka_unit_test(the_state_has_the_verdict_and_the_cycle),
        cmocka_unit_test(a_cycle_that_failed_as_a_whole_says_why),
        cmocka_unit_test(a_safe_dataset_has_the_base_of_a_summary_and_no_more),
        cmocka_unit_test(a_failed_dataset_says_why_and_what_to_do_and_when_it_is_tried_again),
        cmocka_unit_test(a_failed_dataset_says_why_until_a_run_succeeds),
        cmocka_unit_test(what_failed_before_its_source_was_gone_is_not_told_as_failed),
        cmocka_unit_test(a_running_dataset_has_its_step_and_its_progress),
        cmocka_unit_test(what_only_the_remote_has_is_ignored_and_what_has_no_copy_is_late),
        cmocka_unit_test(a_dataset_has_its_plan_with_the_words_of_the_step_that_failed),
        cmocka_unit_test(snapshots_say_where_they_are_and_why_they_stay_or_go),
        cmocka_unit_test(every_reason_has_its_word),
        cmocka_unit_test(a_dataset_has_the_newest_lines_of_the_log_that_are_about_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
