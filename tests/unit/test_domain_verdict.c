/* The verdict: whether the data is safe, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "target.h"
#include "verdict.h"

#define NOW      1764000000
#define INTERVAL 600
#define PATIENCE (2 * INTERVAL + VERDICT_GRACE)

static void feed(struct state *state, struct event event)
{
    state_apply(state, &event);
}

static void begin(struct state *state, bool has_remote, int64_t period)
{
    state_init(state);
    feed(state,
         (struct event){
             .kind = EVENT_CONFIGURED, .flag = has_remote, .interval = INTERVAL, .period = period});
}

static void hold(struct state *state, const char *name, const struct snapshot_row *rows, size_t n)
{
    feed(state, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = name});
    feed(state, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                               .dataset = name,
                               .first = true,
                               .rows = rows,
                               .row_count = n});
}

/* On both sides. */
static struct snapshot_row copy_of(int64_t creation)
{
    return (struct snapshot_row){
        .name = "a", .guid = 1, .creation = creation, .keep = {1, 1}, .sides = 3};
}

/* Here alone, and wanted there. */
static struct snapshot_row coming_of(int64_t creation)
{
    return (struct snapshot_row){
        .name = "b", .guid = 2, .creation = creation, .keep = {KEEP_TO_SEND, 0}, .sides = 1};
}

static void finish(struct state *state, const char *name, int64_t time, enum err_code code)
{
    feed(state, (struct event){.kind = EVENT_DATASET_FINISHED,
                               .dataset = name,
                               .time = time,
                               .code = code,
                               .text = code == ERR_NONE ? NULL : "words"});
}

/* A dataset whose copy is `age` seconds old and whose run succeeded just now. */
static void copy(struct state *state, const char *name, int64_t age)
{
    struct snapshot_row row = copy_of(NOW - age);
    hold(state, name, &row, 1);
    finish(state, name, NOW, ERR_NONE);
}

static void expect(const struct state *state, const char *name, enum verdict_level level,
                   int64_t since, const char *why)
{
    struct str words;
    int64_t found = 0;
    str_init(&words);
    const struct dataset_state *ds = state_find(state, name);
    assert_int_equal(verdict_of_dataset(state, ds, NOW, &words, &found), level);
    assert_int_equal(found, since);
    assert_string_equal(words.s, why);
    assert_int_equal(verdict_of_dataset(state, ds, NOW, NULL, NULL), level);
    str_fini(&words);
}

static void expect_sentence(const struct state *state, enum verdict_level level,
                            const char *sentence, const char *advice)
{
    struct verdict verdict;
    struct str words;
    str_init(&words);
    verdict_of(state, NOW, &verdict);
    assert_int_equal(verdict.level, level);
    verdict_describe(&verdict, state, NOW, &words);
    assert_string_equal(words.s, sentence);
    str_clear(&words);
    verdict_advise(&verdict, state, &words);
    assert_string_equal(words.s, advice);
    str_fini(&words);
}

static void a_dataset_that_only_the_remote_has_is_ignored(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a", .flag = true});
    expect(&s, "/a", VERDICT_IGNORED, 0, "");
    expect_sentence(&s, VERDICT_UNKNOWN,
                    "Only the remote has datasets: there is nothing here to keep safe", "");
    copy(&s, "/b", 60);
    expect_sentence(&s, VERDICT_SAFE, "The one dataset is safe; its newest copy is 1 min behind",
                    "");
    state_fini(&s);
}

static void a_dataset_that_nobody_looked_at_is_unknown(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a"});
    expect(&s, "/a", VERDICT_UNKNOWN, 0, "");
    state_fini(&s);
}

static void a_dataset_whose_run_failed_has_failed_until_one_succeeds(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    copy(&s, "/a", 60);
    finish(&s, "/a", NOW - 50, ERR_BUSY);
    finish(&s, "/a", NOW - 40, ERR_HELD);
    expect(&s, "/a", VERDICT_FAILED, NOW - 50, "its newest run failed");
    feed(&s, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 1});
    expect(&s, "/a", VERDICT_FAILED, NOW - 50, "its newest run failed");
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/a", .time = NOW - 20});
    expect(&s, "/a", VERDICT_FAILED, NOW - 50, "its newest run failed");
    finish(&s, "/a", NOW - 10, ERR_NONE);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    state_fini(&s);
}

static void an_interrupted_run_changes_no_verdict(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    copy(&s, "/a", 60);
    finish(&s, "/a", NOW - 50, ERR_INTERRUPTED);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    finish(&s, "/a", NOW - 40, ERR_BUSY);
    feed(&s, (struct event){.kind = EVENT_DATASET_FINISHED,
                            .dataset = "/a",
                            .time = NOW - 30,
                            .code = ERR_INTERRUPTED,
                            .text = "stopping"});
    expect(&s, "/a", VERDICT_FAILED, NOW - 40, "its newest run failed");
    assert_string_equal(state_find(&s, "/a")->text, "words");
    state_fini(&s);
}

static void a_dataset_without_a_copy_is_late(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    struct snapshot_row coming = coming_of(NOW - 30);
    hold(&s, "/a", &coming, 1);
    finish(&s, "/a", NOW, ERR_NONE);
    expect(&s, "/a", VERDICT_LATE, NOW - 30, "it has no copy yet");
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/a", .time = NOW});
    expect(&s, "/a", VERDICT_LATE, NOW - 30, "its first copy is on the way");
    hold(&s, "/b", NULL, 0);
    finish(&s, "/b", NOW, ERR_NONE);
    expect(&s, "/b", VERDICT_LATE, 0, "it has no snapshot, so nothing of it is kept");
    coming.keep[SIDE_LOCAL] = KEEP_UNMANAGED;
    hold(&s, "/c", &coming, 1);
    finish(&s, "/c", NOW, ERR_NONE);
    expect(&s, "/c", VERDICT_LATE, 0,
           "it has no copy, and no snapshot that the remote's policy wants");
    state_fini(&s);
}

static void a_dataset_whose_snapshot_waits_too_long_is_late(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    struct snapshot_row rows[] = {copy_of(NOW - 90000), coming_of(NOW - PATIENCE), coming_of(NOW)};
    rows[2].name = "c";
    hold(&s, "/a", rows, 3);
    finish(&s, "/a", NOW, ERR_NONE);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    rows[1].creation--;
    hold(&s, "/a", rows, 3);
    finish(&s, "/a", NOW, ERR_NONE);
    expect(&s, "/a", VERDICT_LATE, NOW - 1, "a snapshot has waited to be sent for 21 min");
    state_fini(&s);
}

static void a_dataset_whose_remote_got_a_foreign_snapshot_in_the_way_is_late(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    struct snapshot_row rows[] = {copy_of(NOW - 60), copy_of(NOW - 30)};
    rows[1].name = "foreign";
    rows[1].sides = ROW_ON(SIDE_REMOTE);
    rows[1].keep[SIDE_REMOTE] = KEEP_UNMANAGED;
    hold(&s, "/a", rows, 2);
    finish(&s, "/a", NOW, ERR_NONE);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    rows[1].keep[SIDE_REMOTE] = KEEP_STRAY;
    hold(&s, "/a", rows, 2);
    expect(&s, "/a", VERDICT_LATE, NOW - 30,
           "the remote's newest snapshot is not from here and keeps others from being sent");
    state_fini(&s);
}

static void a_dataset_without_a_success_for_long_is_late_unless_it_runs(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    copy(&s, "/a", 90000);
    finish(&s, "/a", NOW - PATIENCE, ERR_NONE);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    finish(&s, "/a", NOW - PATIENCE - 1, ERR_NONE);
    expect(&s, "/a", VERDICT_LATE, NOW - 1, "no run has succeeded for 21 min");
    feed(&s, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/a"});
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    state_fini(&s);
}

static void a_dataset_of_which_nobody_takes_snapshots_is_late(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 3600);
    copy(&s, "/a", 2 * 3600 + INTERVAL);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    copy(&s, "/a", 2 * 3600 + INTERVAL + 1);
    expect(&s, "/a", VERDICT_LATE, NOW - 1,
           "its newest copy is of 2 h 10 min ago: is nobody taking snapshots any more?");
    feed(&s, (struct event){.kind = EVENT_CONFIGURED, .flag = true, .interval = INTERVAL});
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    state_fini(&s);
}

static void without_a_remote_the_newest_snapshot_is_the_copy(void **state)
{
    (void)state;
    struct state s;
    begin(&s, false, 3600);
    struct snapshot_row row = coming_of(NOW - 300);
    row.keep[SIDE_LOCAL] = KEEP_POLICY;
    hold(&s, "/a", &row, 1);
    finish(&s, "/a", NOW, ERR_NONE);
    expect(&s, "/a", VERDICT_SAFE, 0, "");
    expect_sentence(&s, VERDICT_SAFE,
                    "The one dataset is safe; its newest snapshot was taken 5 min ago", "");
    hold(&s, "/b", &row, 1);
    finish(&s, "/b", NOW, ERR_NONE);
    expect_sentence(&s, VERDICT_SAFE,
                    "All 2 datasets are safe; the oldest of their newest snapshots was taken "
                    "5 min ago",
                    "");
    feed(&s, (struct event){.kind = EVENT_CONFIGURED, .flag = true, .interval = INTERVAL});
    expect(&s, "/a", VERDICT_LATE, 0,
           "it has no copy, and no snapshot that the remote's policy wants");
    state_fini(&s);
}

static void the_whole_is_as_bad_as_its_worst(void **state)
{
    (void)state;
    struct state s;
    struct verdict verdict;
    begin(&s, true, 0);
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.level, VERDICT_UNKNOWN);
    assert_int_equal(verdict.behind, -1);
    assert_null(verdict.worst);
    copy(&s, "/a", 60);
    copy(&s, "/b", 1380);
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.level, VERDICT_SAFE);
    assert_int_equal(verdict.behind, 1380);
    assert_int_equal(verdict.since, 0);
    copy(&s, "/c", 60);
    finish(&s, "/c", NOW - PATIENCE - 9, ERR_NONE);
    copy(&s, "/d", 60);
    finish(&s, "/d", NOW - PATIENCE - 5, ERR_NONE);
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.level, VERDICT_LATE);
    assert_string_equal(verdict.worst->name, "/c");
    assert_int_equal(verdict.since, NOW - 9);
    finish(&s, "/b", NOW - 2, ERR_HELD);
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.level, VERDICT_FAILED);
    assert_string_equal(verdict.worst->name, "/b");
    assert_int_equal(verdict.since, NOW - 9);
    assert_int_equal(verdict.datasets, 4);
    assert_int_equal(verdict.safe, 1);
    assert_int_equal(verdict.late, 2);
    assert_int_equal(verdict.failed, 1);
    hold(&s, "/e", NULL, 0);
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.behind, -1);
    state_fini(&s);
}

static void a_cycle_that_failed_as_a_whole_fails_everything(void **state)
{
    (void)state;
    struct state s;
    struct verdict verdict;
    begin(&s, true, 0);
    copy(&s, "/a", 60);
    feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 1, .time = NOW - 20});
    feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED,
                            .cycle = 1,
                            .time = NOW - 10,
                            .code = ERR_SSH_LOST,
                            .text = "the remote side (nas): lost"});
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.since, NOW - 10);
    expect_sentence(&s, VERDICT_FAILED, "The newest cycle failed: the remote side (nas): lost",
                    err_code_advice(ERR_SSH_LOST));
    feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 2, .time = NOW - 5});
    verdict_of(&s, NOW, &verdict);
    assert_int_equal(verdict.level, VERDICT_FAILED);
    feed(&s, (struct event){
                 .kind = EVENT_CYCLE_FINISHED, .cycle = 2, .time = NOW, .code = ERR_INTERRUPTED});
    expect_sentence(&s, VERDICT_SAFE, "The one dataset is safe; its newest copy is 1 min behind",
                    "");
    feed(&s,
         (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = 3, .time = NOW, .code = ERR_LIMIT});
    expect_sentence(&s, VERDICT_FAILED, "The newest cycle failed: limit",
                    err_code_advice(ERR_LIMIT));
    state_fini(&s);
}

static void a_person_reads_sentences(void **state)
{
    (void)state;
    struct state s;
    begin(&s, true, 0);
    expect_sentence(&s, VERDICT_UNKNOWN, "Nothing is known yet", "");
    feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 1, .time = NOW});
    expect_sentence(&s, VERDICT_UNKNOWN, "The first look at both sides is under way", "");
    copy(&s, "", 1380);
    feed(&s, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/x"});
    expect_sentence(&s, VERDICT_SAFE, "1 of 2 datasets is safe; nothing is known of the others yet",
                    "");
    copy(&s, "/x", 60);
    expect_sentence(&s, VERDICT_SAFE, "All 2 datasets are safe; the oldest copy is 23 min behind",
                    "");
    finish(&s, "", NOW - 3600, ERR_NONE);
    expect_sentence(&s, VERDICT_LATE,
                    "1 of 2 datasets is late; <root>: no run has succeeded for 1 h 0 min", "");
    finish(&s, "/x", NOW - 3600, ERR_NONE);
    expect_sentence(&s, VERDICT_LATE,
                    "All 2 datasets are late; <root>: no run has succeeded for 1 h 0 min", "");
    finish(&s, "/x", NOW, ERR_HELD);
    expect_sentence(&s, VERDICT_FAILED, "1 of 2 datasets failed, 1 is late; /x: words",
                    err_code_advice(ERR_HELD));
    finish(&s, "", NOW, ERR_BUSY);
    expect_sentence(&s, VERDICT_FAILED, "All 2 datasets failed; <root>: words",
                    err_code_advice(ERR_BUSY));
    state_fini(&s);
    begin(&s, false, 0);
    feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 1, .time = NOW});
    expect_sentence(&s, VERDICT_UNKNOWN, "The first look at the datasets is under way", "");
    hold(&s, "/a", NULL, 0);
    finish(&s, "/a", NOW, ERR_NONE);
    expect_sentence(&s, VERDICT_LATE,
                    "The one dataset is late; /a: it has no snapshot, so nothing of it is kept",
                    "");
    state_fini(&s);
}

static void times_at_the_ends_of_time_do_no_harm(void **state)
{
    (void)state;
    static const int64_t TIMES[] = {INT64_MIN, -1, 1, INT64_MAX};
    for (size_t i = 0; i < 64; i++) {
        struct state s;
        struct verdict verdict;
        struct str words;
        int64_t now = TIMES[i % 4];
        struct snapshot_row rows[] = {copy_of(TIMES[i / 4 % 4]), coming_of(TIMES[i / 16])};
        state_init(&s);
        str_init(&words);
        feed(&s, (struct event){.kind = EVENT_CONFIGURED,
                                .flag = true,
                                .interval = TIMES[i / 16],
                                .period = TIMES[i / 4 % 4]});
        hold(&s, "/a", rows, 1 + i % 2);
        finish(&s, "/a", TIMES[i / 16], ERR_NONE);
        feed(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .time = TIMES[i / 4 % 4]});
        feed(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .time = TIMES[i / 16]});
        verdict_of(&s, now, &verdict);
        verdict_describe(&verdict, &s, now, &words);
        assert_true(words.len > 0);
        str_fini(&words);
        state_fini(&s);
    }
}

static void the_shortest_period_that_a_policy_names_counts(void **state)
{
    (void)state;
    static const struct {
        const char *types[3];
        int64_t period;
    } CASES[] = {
        {{NULL}, 0},
        {{"manual", NULL}, 0},
        {{"hourly", "daily", NULL}, 3600},
        {{"yearly", "daily", NULL}, 86400},
        {{"day", NULL}, 86400},
        {{"weekly", "monthly", NULL}, 604800},
        {{"monthly", "manual", NULL}, 2678400},
        {{"yearly", NULL}, 31622400},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct policy policy;
        policy_init(&policy);
        for (size_t k = 0; CASES[i].types[k] != NULL; k++)
            policy_set(&policy, CASES[i].types[k], 1);
        assert_int_equal(verdict_period(&policy), CASES[i].period);
        policy_set(&policy, "hourly", 0); /* keeps none */
        if (CASES[i].period != 3600)
            assert_int_equal(verdict_period(&policy), CASES[i].period);
        policy_fini(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dataset_that_only_the_remote_has_is_ignored),
        cmocka_unit_test(a_dataset_that_nobody_looked_at_is_unknown),
        cmocka_unit_test(a_dataset_whose_run_failed_has_failed_until_one_succeeds),
        cmocka_unit_test(an_interrupted_run_changes_no_verdict),
        cmocka_unit_test(a_dataset_without_a_copy_is_late),
        cmocka_unit_test(a_dataset_whose_snapshot_waits_too_long_is_late),
        cmocka_unit_test(a_dataset_whose_remote_got_a_foreign_snapshot_in_the_way_is_late),
        cmocka_unit_test(a_dataset_without_a_success_for_long_is_late_unless_it_runs),
        cmocka_unit_test(a_dataset_of_which_nobody_takes_snapshots_is_late),
        cmocka_unit_test(without_a_remote_the_newest_snapshot_is_the_copy),
        cmocka_unit_test(the_whole_is_as_bad_as_its_worst),
        cmocka_unit_test(a_cycle_that_failed_as_a_whole_fails_everything),
        cmocka_unit_test(a_person_reads_sentences),
        cmocka_unit_test(times_at_the_ends_of_time_do_no_harm),
        cmocka_unit_test(the_shortest_period_that_a_policy_names_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
