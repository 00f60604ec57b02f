/* engine/quiet: what need not be listed, and everything that makes it be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "fixture.h"
#include "quiet.h"

#define SECOND INT64_C(1000)

/* Two copies, of "/home" and "/mail", and what zfs says of when they changed. */
static const char *const WORDS = "/mail daily-3:lr /home daily-1:lr daily-2:lrb";

struct world {
    struct quiet *quiet;
    struct inventory inv;
};

/* As a listing has them; `home` and `mail` stand for what the three columns said. */
static void list(struct world *world, const char *words, uint64_t home, uint64_t mail)
{
    inventory_fini(&world->inv);
    inventory_init(&world->inv);
    fixture_add(&world->inv, words);
    inventory_find(&world->inv, "/home")->side[SIDE_REMOTE].revision = home;
    inventory_find(&world->inv, "/mail")->side[SIDE_REMOTE].revision = mail;
}

static const struct dataset *dataset(const struct world *world, const char *name)
{
    return inventory_find(&world->inv, name);
}

/* A cycle in which both datasets were listed in full between `began` and `ended`. */
static void note_both(struct world *world, int64_t began, int64_t ended)
{
    quiet_note(world->quiet, dataset(world, "/home"),
               &(struct quiet_holding){.count = 2, .newest = 77}, began, ended);
    quiet_note(world->quiet, dataset(world, "/mail"),
               &(struct quiet_holding){.count = 1, .newest = 88}, began, ended);
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

static bool is_quiet(const struct world *world, const char *name)
{
    return quiet_find(world->quiet, dataset(world, name), 5 * SECOND) != NULL;
}

static void test_what_two_listings_found_alike_is_quiet(void **state)
{
    const struct world *world = *state;
    const struct quiet_holding *home =
        quiet_find(world->quiet, dataset(world, "/home"), 5 * SECOND);
    assert_non_null(home);
    assert_int_equal(home->count, 2);
    assert_int_equal(home->newest, 77);
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
    assert_null(quiet_find(world->quiet, dataset(world, "/home"), 14 * SECOND));
    /* the third is far enough from the first, which said the same */
    note_both(world, 13 * SECOND, 13 * SECOND);
    assert_non_null(quiet_find(world->quiet, dataset(world, "/home"), 14 * SECOND));
}

static void test_another_revision_is_a_change_of_that_dataset(void **state)
{
    struct world *world = *state;
    list(world, WORDS, 5, 7);
    assert_true(is_quiet(world, "/home"));
    assert_false(is_quiet(world, "/mail"));
    /* and proves itself from the beginning */
    note_both(world, 8 * SECOND, 9 * SECOND);
    assert_null(quiet_find(world->quiet, dataset(world, "/mail"), 10 * SECOND));
    note_both(world, 11 * SECOND, 12 * SECOND);
    assert_non_null(quiet_find(world->quiet, dataset(world, "/mail"), 13 * SECOND));
}

static void test_what_says_nothing_of_its_changes_is_never_quiet(void **state)
{
    struct world *world = *state;
    list(world, WORDS, 0, 6);
    note_both(world, 10 * SECOND, 11 * SECOND);
    note_both(world, 20 * SECOND, 21 * SECOND);
    assert_null(quiet_find(world->quiet, dataset(world, "/home"), 22 * SECOND));
    assert_non_null(quiet_find(world->quiet, dataset(world, "/mail"), 22 * SECOND));
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
        assert_non_null(quiet_find(world->quiet, dataset(world, "/home"), at));
        quiet_keep(world->quiet, dataset(world, "/home"));
        quiet_end_cycle(world->quiet, 2, QUIET_NOT_ALL);
    }
    assert_non_null(quiet_find(world->quiet, dataset(world, "/home"), listed + QUIET_MAX_MS - 1));
    assert_null(quiet_find(world->quiet, dataset(world, "/home"), listed + QUIET_MAX_MS));
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

static void test_a_refusal_lasts_a_day_or_until_all_is_forgotten(void **state)
{
    struct world *world = *state;
    assert_true(quiet_may_ask(world->quiet, 0));
    quiet_note_refusal(world->quiet, 5);
    assert_false(quiet_may_ask(world->quiet, 5));
    assert_false(quiet_may_ask(world->quiet, 5 + QUIET_MAX_MS - 1));
    assert_true(quiet_may_ask(world->quiet, 5 + QUIET_MAX_MS));
    quiet_forget(world->quiet);
    assert_true(quiet_may_ask(world->quiet, 5));
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
        cmocka_unit_test_setup_teardown(test_a_refusal_lasts_a_day_or_until_all_is_forgotten,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
