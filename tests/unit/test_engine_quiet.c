/* engine/quiet: what need not be listed, and everything that makes it be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "quiet.h"
#include "rows.h"

#define SECOND INT64_C(1000)

/* Two copies, of "/home" and "/mail", and what zfs says of when they changed. */
static const char *const WORDS = "/mail daily-3:lr /home daily-1:lr daily-2:lrb";

struct world {
    struct quiet *quiet;
    struct inventory inv;
};

/* What they say of local, unless a test says something else. */
#define LOCAL_HOME 50
#define LOCAL_MAIL 60

/* As a listing has them; `home` and `mail` stand for what the three columns said of the remote. */
static void list(struct world *world, const char *words, uint64_t home, uint64_t mail)
{
    inventory_fini(&world->inv);
    inventory_init(&world->inv);
    fixture_add(&world->inv, words);
    inventory_find(&world->inv, "/home")->side[SIDE_REMOTE].revision = home;
    inventory_find(&world->inv, "/mail")->side[SIDE_REMOTE].revision = mail;
    inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision = LOCAL_HOME;
    inventory_find(&world->inv, "/mail")->side[SIDE_LOCAL].revision = LOCAL_MAIL;
}

static const struct dataset *dataset(const struct world *world, const char *name)
{
    return inventory_find(&world->inv, name);
}

/* A cycle in which both datasets were listed in full between `began` and `ended`. */
static void note_both(struct world *world, int64_t began, int64_t ended)
{
    static const struct quiet_holding HOME[SIDE_COUNT] = {{.count = 2, .newest = 70},
                                                          {.count = 2, .newest = 77}};
    static const struct quiet_holding MAIL[SIDE_COUNT] = {{.count = 1, .newest = 80},
                                                          {.count = 1, .newest = 88}};
    quiet_note(world->quiet, dataset(world, "/home"), HOME, began, ended);
    quiet_note(world->quiet, dataset(world, "/mail"), MAIL, began, ended);
    quiet_end_cycle(world->quiet, 2, began);
}

/* Two cycles that prove both. */
static int set_up(void **state)
{
    static struct world world;
    world.quiet = quiet_new();
    inventory_init(&world.inv);
    list(&world, WORDS, 5, 6);
    note_both(&world, 0, 1 * SECOND);
    note_both(&world, 3 * SECOND, 4 * SECOND);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    inventory_fini(&world->inv);
    quiet_free(world->quiet);
    return 0;
}

static bool is_quiet_at(const struct world *world, const char *name, int64_t now)
{
    return quiet_find(world->quiet, dataset(world, name), true, now) != NULL;
}

static bool is_quiet(const struct world *world, const char *name)
{
    return is_quiet_at(world, name, 5 * SECOND);
}

/* Where the snapshots of local have not been listed either. */
static bool is_quiet_unlisted(struct world *world, const char *name, int64_t now)
{
    struct dataset *ds = inventory_find(&world->inv, name);
    for (int side = 0; side < SIDE_COUNT; side++)
        holding_clear_snapshots(&ds->side[side]);
    return quiet_find(world->quiet, ds, false, now) != NULL;
}

static void test_what_two_listings_found_alike_is_quiet(void **state)
{
    const struct world *world = *state;
    const struct quiet_holding *home =
        quiet_find(world->quiet, dataset(world, "/home"), true, 5 * SECOND);
    assert_non_null(home);
    assert_int_equal(home[SIDE_LOCAL].newest, 70);
    assert_int_equal(home[SIDE_REMOTE].count, 2);
    assert_int_equal(home[SIDE_REMOTE].newest, 77);
    assert_true(is_quiet(world, "/mail"));
    assert_true(quiet_is_likely(world->quiet, 5 * SECOND));
}

static void test_one_listing_proves_nothing(void **state)
{
    struct world *world = *state;
    quiet_forget(world->quiet);
    note_both(world, 10 * SECOND, 11 * SECOND);
    assert_false(is_quiet(world, "/home"));
    assert_false(quiet_is_likely(world->quiet, 5 * SECOND));
}

/* A second change may fall into the second of the first. */
static void test_two_listings_within_two_seconds_prove_nothing(void **state)
{
    struct world *world = *state;
    quiet_forget(world->quiet);
    note_both(world, 10 * SECOND, 11 * SECOND);
    note_both(world, 13 * SECOND - 1, 13 * SECOND);
    assert_false(is_quiet_at(world, "/home", 14 * SECOND));
    /* the third is far enough from the first, which said the same */
    note_both(world, 13 * SECOND, 13 * SECOND);
    assert_true(is_quiet_at(world, "/home", 14 * SECOND));
}

static void test_another_revision_is_a_change_of_that_dataset(void **state)
{
    struct world *world = *state;
    list(world, WORDS, 5, 7);
    assert_true(is_quiet(world, "/home"));
    assert_false(is_quiet(world, "/mail"));
    /* and proves itself from the beginning */
    note_both(world, 8 * SECOND, 9 * SECOND);
    assert_false(is_quiet_at(world, "/mail", 10 * SECOND));
    note_both(world, 11 * SECOND, 12 * SECOND);
    assert_true(is_quiet_at(world, "/mail", 13 * SECOND));
}

static void test_what_says_nothing_of_its_changes_is_never_quiet(void **state)
{
    struct world *world = *state;
    list(world, WORDS, 0, 6);
    note_both(world, 10 * SECOND, 11 * SECOND);
    note_both(world, 20 * SECOND, 21 * SECOND);
    assert_false(is_quiet_at(world, "/home", 22 * SECOND));
    assert_true(is_quiet_at(world, "/mail", 22 * SECOND));
}

static void test_any_change_of_local_is_one(void **state)
{
    static const char *const CHANGED[] = {
        "/mail daily-3:lr /home daily-1:lr daily-2:lrb daily-9:l", /* a new one */
        "/mail daily-3:lr /home daily-2:lrb",                      /* one less */
        "/mail daily-3:lr /home daily-1:lr daily-2:lr",            /* no bookmark of ours */
        "/mail daily-3:lr /home daily-1:lr daily-2:lrb#9",         /* the name of another one */
        "/mail daily-3:lr /home daily-1:lr hourly-2:lrb",          /* another name */
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(CHANGED) / sizeof(*CHANGED); i++) {
        list(world, CHANGED[i], 5, 6);
        if (is_quiet(world, "/home"))
            fail_msg("it is quiet: %s", CHANGED[i]);
        assert_true(is_quiet(world, "/mail"));
    }
}

static void test_a_dataset_that_is_another_is_not_quiet(void **state)
{
    struct world *world = *state;
    struct dataset *home = inventory_find(&world->inv, "/home");
    home->side[SIDE_REMOTE].type = DATASET_VOLUME;
    assert_false(is_quiet(world, "/home"));
    list(world, WORDS, 5, 6);
    home = inventory_find(&world->inv, "/home");
    home->side[SIDE_LOCAL].encrypted = true;
    assert_false(is_quiet(world, "/home"));
    list(world, WORDS, 5, 6);
    home = inventory_find(&world->inv, "/home");
    home->side[SIDE_REMOTE].token = "1-abc";
    assert_false(is_quiet(world, "/home"));
    list(world, WORDS, 5, 6);
    home = inventory_find(&world->inv, "/home");
    home->side[SIDE_REMOTE].exists = false;
    assert_false(is_quiet(world, "/home"));
}

static void test_what_is_not_noted_in_a_cycle_is_not_quiet_after_it(void **state)
{
    struct world *world = *state;
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    assert_false(is_quiet(world, "/home"));
    assert_true(is_quiet(world, "/mail"));
}

static void test_after_a_day_all_is_listed_again(void **state)
{
    struct world *world = *state;
    int64_t listed = 3 * SECOND;
    for (int64_t at = listed; at < listed + QUIET_MAX_MS; at += QUIET_MAX_MS / 24) {
        assert_true(is_quiet_at(world, "/home", at));
        quiet_keep(world->quiet, dataset(world, "/home"));
        quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    }
    assert_true(is_quiet_at(world, "/home", listed + QUIET_MAX_MS - 1));
    assert_false(is_quiet_at(world, "/home", listed + QUIET_MAX_MS));
}

static void test_it_is_likely_where_half_is(void **state)
{
    struct world *world = *state;
    list(world, WORDS, 5, 7);
    note_both(world, 8 * SECOND, 9 * SECOND);
    assert_true(quiet_is_likely(world->quiet, 5 * SECOND));
    list(world, WORDS, 8, 9);
    note_both(world, 10 * SECOND, 11 * SECOND);
    assert_false(quiet_is_likely(world->quiet, 5 * SECOND));
}

static void test_it_is_not_likely_where_most_were_not_noted(void **state)
{
    struct world *world = *state;
    quiet_keep(world->quiet, dataset(world, "/home"));
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_end_cycle(world->quiet, 5, QUIET_NOT_ALL);
    assert_false(quiet_is_likely(world->quiet, 5 * SECOND));
}

/* Each of them may have been listed lately, and never all at once: what is kept for all grows. */
static void test_it_is_not_likely_where_a_day_ago_all_was_listed(void **state)
{
    struct world *world = *state;
    quiet_keep(world->quiet, dataset(world, "/home"));
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    assert_true(quiet_is_likely(world->quiet, 3 * SECOND + QUIET_MAX_MS - 1));
    assert_false(quiet_is_likely(world->quiet, 3 * SECOND + QUIET_MAX_MS));
}

static void test_over_another_connection_all_is_forgotten(void **state)
{
    struct world *world = *state;
    quiet_note_connection(world->quiet, 0); /* that of the beginning */
    assert_true(is_quiet(world, "/home"));
    quiet_note_connection(world->quiet, 1);
    assert_false(is_quiet(world, "/home"));
    note_both(world, 0, 1 * SECOND);
    note_both(world, 3 * SECOND, 4 * SECOND);
    quiet_note_connection(world->quiet, 1);
    assert_true(is_quiet(world, "/home"));
}

/* Rows as somebody who looks has them, of a world as it is; `edit` changes them. */
static void fill_rows(const struct world *world, const char *name, struct row_table *table,
                      void (*edit)(struct snapshot_row *rows, size_t *count))
{
    const struct dataset *ds = dataset(world, name);
    struct policy policy;
    policy_init(&policy);
    struct rules rules = {.policy = {&policy, &policy}, .has_remote = true};
    struct target target;
    size_t count = 0;
    target_build(&target, ds, &rules);
    struct snapshot_row *rows = rows_build(ds, &target, &count);
    if (edit != NULL)
        edit(rows, &count);
    memset(table, 0, sizeof(*table));
    row_table_add(table, rows, count);
    free(rows);
    target_fini(&target);
    policy_fini(&policy);
}

static bool recall_at(struct world *world, const char *name, const struct row_table *rows,
                      int64_t now)
{
    struct dataset *ds = inventory_find(&world->inv, name);
    holding_clear_snapshots(&ds->side[SIDE_REMOTE]);
    return quiet_recall(world->quiet, &world->inv, ds, rows, now);
}

static bool recall(struct world *world, const char *name, const struct row_table *rows)
{
    return recall_at(world, name, rows, 5 * SECOND);
}

static void test_after_news_of_local_the_remote_is_what_it_was(void **state)
{
    struct world *world = *state;
    struct row_table rows;
    fill_rows(world, "/home", &rows, NULL);
    list(world, "/mail daily-3:lr /home daily-1:lr daily-2:lrb daily-9:l", 5, 6);
    const struct holding *remote = &dataset(world, "/home")->side[SIDE_REMOTE];
    struct snapshot listed[2] = {remote->snapshots.v[0], remote->snapshots.v[1]};
    assert_true(recall(world, "/home", &rows));
    assert_true(remote->recalled);
    assert_int_equal(remote->snapshots.n, 2);
    assert_true(remote->snapshots.v[0].createtxg < remote->snapshots.v[1].createtxg);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(remote->snapshots.v[i].guid, listed[i].guid);
        assert_int_equal(remote->snapshots.v[i].creation, listed[i].creation);
        assert_int_equal(remote->snapshots.v[i].flags, 0);
        assert_string_equal(remote->snapshots.v[i].name, listed[i].name);
    }
    row_table_clear(&rows);
}

/* Where somebody who looks was told of such a world. */
static bool recall_from(struct world *world, const char *words)
{
    struct row_table rows;
    list(world, words, 5, 6);
    fill_rows(world, "/home", &rows, NULL);
    bool recalled = recall(world, "/home", &rows);
    row_table_clear(&rows);
    return recalled;
}

/* Local has lost one of them meanwhile. */
static void test_what_only_the_remote_has_is_recalled(void **state)
{
    assert_true(recall_from(*state, "/mail daily-3:lr /home daily-1:r daily-2:lrb"));
}

static void test_without_proof_nothing_is_recalled(void **state)
{
    struct world *world = *state;
    struct row_table rows;
    fill_rows(world, "/home", &rows, NULL);
    assert_false(recall(world, "/home", NULL));
    assert_true(recall_at(world, "/home", &rows, 3 * SECOND + QUIET_MAX_MS - 1));
    assert_false(recall_at(world, "/home", &rows, 3 * SECOND + QUIET_MAX_MS));
    list(world, WORDS, 7, 6); /* it has changed */
    assert_false(recall(world, "/home", &rows));
    list(world, WORDS, 0, 6); /* it does not say */
    assert_false(recall(world, "/home", &rows));
    list(world, WORDS, 5, 6);
    inventory_find(&world->inv, "/home")->side[SIDE_REMOTE].token = "1-abc";
    assert_false(recall(world, "/home", &rows));
    list(world, WORDS, 5, 6);
    quiet_forget(world->quiet);
    note_both(world, 10 * SECOND, 11 * SECOND); /* once is no proof */
    assert_false(recall(world, "/home", &rows));
    row_table_clear(&rows);
}

static void rename_last(struct snapshot_row *rows, size_t *count)
{
    rows[*count - 1].name = "daily-7";
}

static void replace_first(struct snapshot_row *rows, size_t *count)
{
    (void)count;
    rows[0].guid++;
}

static void leave_out_first(struct snapshot_row *rows, size_t *count)
{
    rows[0] = rows[1];
    *count -= 1;
}

static void lose_last_there(struct snapshot_row *rows, size_t *count)
{
    rows[*count - 1].sides = ROW_ON(SIDE_LOCAL);
}

static void say_one_twice(struct snapshot_row *rows, size_t *count)
{
    (void)count;
    rows[1] = rows[0];
}

/* Under another name there than here. */
static void rename_last_there(struct snapshot_row *rows, size_t *count)
{
    for (size_t i = *count; i-- > 0;)
        if ((rows[i].sides & ROW_ON(SIDE_REMOTE)) != 0) {
            rows[i].name = "daily-7";
            return;
        }
}

static void swap(struct snapshot_row *rows, size_t *count)
{
    (void)count;
    struct snapshot_row row = rows[0];
    rows[0] = rows[1];
    rows[1] = row;
}

/* What is known to whoever looks need not be what was listed: it may have been told since. */
static void test_from_rows_that_say_anything_else_nothing_is_recalled(void **state)
{
    static void (*const EDITS[])(struct snapshot_row * rows, size_t * count) = {
        rename_last, replace_first, leave_out_first, lose_last_there, say_one_twice, swap};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(EDITS) / sizeof(*EDITS); i++) {
        struct row_table rows;
        list(world, WORDS, 5, 6);
        fill_rows(world, "/home", &rows, EDITS[i]);
        if (recall(world, "/home", &rows))
            fail_msg("it is recalled after change %zu", i);
        const struct holding *remote = &dataset(world, "/home")->side[SIDE_REMOTE];
        assert_false(remote->recalled);
        assert_int_equal(remote->snapshots.n, 0);
        assert_int_equal(remote->digest, 0);
        row_table_clear(&rows);
    }
}

static void test_rows_that_are_too_many_are_not_believed(void **state)
{
    assert_false(recall_from(*state, "/mail daily-3:lr /home daily-1:lr daily-2:lrb daily-9:lr"));
}

static void test_a_copy_without_snapshots_is_listed(void **state)
{
    struct world *world = *state;
    static const struct quiet_holding NONE[SIDE_COUNT];
    struct row_table rows = {0};
    list(world, "/mail daily-3:lr /home +r daily-1:l", 5, 6);
    for (int64_t at = 10; at <= 30; at += 10) {
        quiet_note(world->quiet, dataset(world, "/home"), NONE, at * SECOND, at * SECOND);
        quiet_end_cycle(world->quiet, 1, at * SECOND);
    }
    assert_true(is_quiet_at(world, "/home", 31 * SECOND));
    assert_false(recall_at(world, "/home", &rows, 31 * SECOND));
}

/* It is the proof of the listing that it was recalled from. */
static void test_what_is_recalled_and_has_nothing_to_do_is_quiet_as_long_as_before(void **state)
{
    static const struct quiet_holding HOLDING[SIDE_COUNT] = {{.count = 3}, {.count = 2}};
    static const char *const NEWS = "/mail daily-3:lr /home daily-1:lr daily-2:lrb by-hand:l#9";
    struct world *world = *state;
    struct row_table rows;
    fill_rows(world, "/home", &rows, NULL);
    list(world, NEWS, 5, 6);
    assert_true(recall(world, "/home", &rows));
    quiet_note(world->quiet, dataset(world, "/home"), HOLDING, 100 * SECOND, 101 * SECOND);
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    int64_t last = 3 * SECOND + QUIET_MAX_MS - 1;
    assert_true(is_quiet_at(world, "/home", last));
    assert_false(is_quiet_at(world, "/home", last + 1));
    /* and it can be recalled again, as one that was kept */
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_keep(world->quiet, dataset(world, "/home"));
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    list(world, "/mail daily-3:lr /home daily-1:lr daily-2:lrb", 5, 6);
    assert_true(recall_at(world, "/home", &rows, last));
    row_table_clear(&rows);
    fill_rows(world, "/mail", &rows, NULL);
    assert_true(recall_at(world, "/mail", &rows, last));
    row_table_clear(&rows);
}

/* "/home" got a snapshot here, which a cycle that began at 100 s is to send; "/mail" is kept. `edit`: how
 * what is known differs from what was listed. */
static void be_busy(struct world *world, void (*edit)(struct snapshot_row *rows, size_t *count))
{
    struct row_table rows;
    list(world, "/mail daily-3:lr /home daily-1:lr daily-2:lrb daily-9:l", 5, 6);
    fill_rows(world, "/home", &rows, edit);
    quiet_note_busy(world->quiet, dataset(world, "/home"), &rows, 100 * SECOND);
    quiet_keep(world->quiet, dataset(world, "/mail"));
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    row_table_clear(&rows);
}

/* It was sent, and an older one destroyed there; the look after the cycle found revision 9. */
static const char *const AFTERWARDS = "/mail daily-3:lr /home daily-1:l daily-2:lr daily-9:lr";

static void settle(struct world *world, uint64_t revision, size_t count)
{
    struct row_table rows;
    list(world, AFTERWARDS, revision, 6);
    fill_rows(world, "/home", &rows, NULL);
    quiet_settle(world->quiet, dataset(world, "/home"), &rows, count, 110 * SECOND);
    row_table_clear(&rows);
}

static bool recall_at_home(struct world *world, uint64_t revision, int64_t now)
{
    struct row_table rows;
    list(world, AFTERWARDS, revision, 6);
    fill_rows(world, "/home", &rows, NULL);
    bool recalled = recall_at(world, "/home", &rows, now);
    row_table_clear(&rows);
    return recalled;
}

static void test_what_a_cycle_left_there_is_recalled_after_a_look(void **state)
{
    struct world *world = *state;
    be_busy(world, NULL);
    assert_true(quiet_has_busy(world->quiet));
    assert_false(recall_at_home(world, 9, 120 * SECOND));
    settle(world, 9, 2);
    assert_false(quiet_has_busy(world->quiet));
    assert_true(quiet_is_likely(world->quiet, 120 * SECOND));
    assert_true(recall_at_home(world, 9, 120 * SECOND));
    const struct snapset *there = &dataset(world, "/home")->side[SIDE_REMOTE].snapshots;
    assert_int_equal(there->n, 2);
    assert_string_equal(there->v[0].name, "daily-2");
    assert_string_equal(there->v[1].name, "daily-9");
    /* whether there is anything to do nobody has looked at since */
    assert_false(is_quiet_at(world, "/home", 120 * SECOND));
    assert_false(recall_at_home(world, 10, 120 * SECOND)); /* changed by others since */
}

/* That a cycle listed the remote's part lies so far back; one that recalled it believes no longer
 * what was recalled. */
static void test_what_was_seen_in_a_look_is_believed_for_hours(void **state)
{
    struct world *world = *state;
    be_busy(world, NULL);
    settle(world, 9, 2);
    int64_t until = 100 * SECOND + QUIET_BUSY_MAX_MS;
    assert_true(recall_at_home(world, 9, until - 1));
    assert_false(recall_at_home(world, 9, until));
    /* a later cycle recalls it and has something to send, too */
    assert_true(recall_at_home(world, 9, until - 1));
    struct row_table rows;
    fill_rows(world, "/home", &rows, NULL);
    quiet_note_busy(world->quiet, dataset(world, "/home"), &rows, until - 1);
    row_table_clear(&rows);
    quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    settle(world, 11, 2);
    assert_false(recall_at_home(world, 11, until));
    assert_true(recall_at_home(world, 11, until - 1));
}

static void test_where_more_or_less_is_known_than_was_told_a_look_proves_nothing(void **state)
{
    struct world *world = *state;
    be_busy(world, NULL);
    settle(world, 9, 3);
    assert_false(recall_at_home(world, 9, 120 * SECOND));
    be_busy(world, rename_last_there);
    settle(world, 9, 2);
    assert_false(recall_at_home(world, 9, 120 * SECOND));
    be_busy(world, NULL);
    settle(world, 0, 2); /* it does not say */
    assert_false(recall_at_home(world, 0, 120 * SECOND));
}

/* Of a dataset of which nothing was to be done, or that was proven already. */
static void test_a_look_leaves_alone_what_was_not_busy(void **state)
{
    struct world *world = *state;
    struct row_table rows;
    fill_rows(world, "/home", &rows, NULL);
    list(world, WORDS, 7, 6);
    quiet_settle(world->quiet, dataset(world, "/home"), &rows, 2, 110 * SECOND);
    assert_false(is_quiet_at(world, "/home", 120 * SECOND));
    list(world, WORDS, 5, 6);
    assert_true(is_quiet(world, "/home"));
    row_table_clear(&rows);
}

static void test_what_changed_in_a_second_that_is_not_over_says_nothing(void **state)
{
    struct world *world = *state;
    struct holding *home = &inventory_find(&world->inv, "/home")->side[SIDE_REMOTE];
    struct holding *mail = &inventory_find(&world->inv, "/mail")->side[SIDE_REMOTE];
    home->changed = 1000;
    mail->changed = 999;
    quiet_doubt_the_future(&world->inv, SIDE_REMOTE, 1001);
    assert_int_equal(home->revision, 0);
    assert_int_not_equal(mail->revision, 0);
    assert_int_not_equal(dataset(world, "/home")->side[SIDE_LOCAL].revision, 0);
}

static void test_a_refusal_lasts_a_day_or_until_all_is_forgotten(void **state)
{
    struct world *world = *state;
    static const enum side SIDES[] = {SIDE_LOCAL, SIDE_REMOTE};
    for (size_t i = 0; i < SIDE_COUNT; i++) {
        enum side side = SIDES[i];
        assert_true(quiet_may_ask(world->quiet, side, 0));
        quiet_note_refusal(world->quiet, side, 5);
        assert_false(quiet_may_ask(world->quiet, side, 5));
        assert_true(quiet_may_ask(world->quiet, SIDES[1 - i], 5));
        assert_false(quiet_may_ask(world->quiet, side, 5 + QUIET_MAX_MS - 1));
        assert_true(quiet_may_ask(world->quiet, side, 5 + QUIET_MAX_MS));
        quiet_forget(world->quiet);
        assert_true(quiet_may_ask(world->quiet, side, 5));
    }
}

static void test_local_need_not_be_listed_where_both_sides_say_that_nothing_changed(void **state)
{
    struct world *world = *state;
    assert_true(is_quiet_unlisted(world, "/home", 5 * SECOND));
    assert_true(is_quiet_unlisted(world, "/mail", 3 * SECOND + QUIET_MAX_MS - 1));
    assert_false(is_quiet_unlisted(world, "/mail", 3 * SECOND + QUIET_MAX_MS));
    inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision++;
    assert_false(is_quiet_unlisted(world, "/home", 5 * SECOND));
    inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision = 0;
    assert_false(is_quiet_unlisted(world, "/home", 5 * SECOND));
    list(world, WORDS, 5, 7);
    assert_false(is_quiet_unlisted(world, "/mail", 5 * SECOND));
    list(world, WORDS, 5, 6);
    inventory_find(&world->inv, "/mail")->side[SIDE_LOCAL].token = "1-abc";
    assert_false(is_quiet_unlisted(world, "/mail", 5 * SECOND));
    assert_false(is_quiet(world, "/mail"));
}

/* What was not asked is no news: it is the one as long as it is the other. */
static void test_local_that_does_not_say_is_listed(void **state)
{
    struct world *world = *state;
    quiet_forget(world->quiet);
    for (int64_t at = 10; at <= 30; at += 10) {
        list(world, WORDS, 5, 6);
        inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision = 0;
        note_both(world, at * SECOND, at * SECOND);
    }
    assert_true(is_quiet_at(world, "/home", 31 * SECOND));
    assert_false(is_quiet_unlisted(world, "/home", 31 * SECOND));
}

/* The remote has been what it is for long; local only since the last cycle. */
static void test_each_side_has_a_proof_of_its_own(void **state)
{
    struct world *world = *state;
    list(world, "/mail daily-3:lr /home daily-1:lr daily-2:lrb by-hand:l#9", 5, 6);
    inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision = 51;
    note_both(world, 6 * SECOND, 7 * SECOND);
    assert_true(is_quiet_at(world, "/home", 8 * SECOND));
    assert_false(is_quiet_unlisted(world, "/home", 8 * SECOND));
    assert_true(is_quiet_unlisted(world, "/mail", 8 * SECOND));
    list(world, "/mail daily-3:lr /home daily-1:lr daily-2:lrb by-hand:l#9", 5, 6);
    inventory_find(&world->inv, "/home")->side[SIDE_LOCAL].revision = 51;
    note_both(world, 9 * SECOND, 10 * SECOND);
    assert_true(is_quiet_unlisted(world, "/home", 11 * SECOND));
}

static void test_a_copy_without_a_source_is_quiet_as_long_as_it_has_none(void **state)
{
    struct world *world = *state;
    quiet_forget(world->quiet);
    for (int64_t at = 10; at <= 20; at += 10) {
        list(world, WORDS, 5, 6);
        holding_clear(&inventory_find(&world->inv, "/mail")->side[SIDE_LOCAL]);
        note_both(world, at * SECOND, at * SECOND);
    }
    assert_true(is_quiet_unlisted(world, "/mail", 21 * SECOND));
    list(world, WORDS, 5, 6);
    assert_false(is_quiet_unlisted(world, "/mail", 21 * SECOND));
}

/* A second that comes again may hide a change. */
static void test_a_clock_that_is_set_back_has_all_listed(void **state)
{
    struct world *world = *state;
    quiet_note_clock(world->quiet, 1000 * SECOND);
    assert_true(is_quiet(world, "/home"));
    quiet_note_clock(world->quiet, 1000 * SECOND - QUIET_STEP_MS + 1);
    assert_true(is_quiet(world, "/home"));
    quiet_note_clock(world->quiet, 2000 * SECOND); /* the machine slept */
    assert_true(is_quiet(world, "/home"));
    quiet_note_clock(world->quiet, 2000 * SECOND - QUIET_STEP_MS);
    assert_false(is_quiet(world, "/home"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_two_listings_found_alike_is_quiet, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_one_listing_proves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_listings_within_two_seconds_prove_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_revision_is_a_change_of_that_dataset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_says_nothing_of_its_changes_is_never_quiet,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_change_of_local_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_dataset_that_is_another_is_not_quiet, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_noted_in_a_cycle_is_not_quiet_after_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_day_all_is_listed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_is_likely_where_half_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_is_not_likely_where_most_were_not_noted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_it_is_not_likely_where_a_day_ago_all_was_listed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_over_another_connection_all_is_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_after_news_of_local_the_remote_is_what_it_was, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_only_the_remote_has_is_recalled, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_without_proof_nothing_is_recalled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_from_rows_that_say_anything_else_nothing_is_recalled,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_that_are_too_many_are_not_believed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_copy_without_snapshots_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_what_is_recalled_and_has_nothing_to_do_is_quiet_as_long_as_before, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_cycle_left_there_is_recalled_after_a_look,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_seen_in_a_look_is_believed_for_hours, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_where_more_or_less_is_known_than_was_told_a_look_proves_nothing, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_a_look_leaves_alone_what_was_not_busy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_changed_in_a_second_that_is_not_over_says_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal_lasts_a_day_or_until_all_is_forgotten,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_local_need_not_be_listed_where_both_sides_say_that_nothing_changed, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_local_that_does_not_say_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_side_has_a_proof_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_copy_without_a_source_is_quiet_as_long_as_it_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_that_is_set_back_has_all_listed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
