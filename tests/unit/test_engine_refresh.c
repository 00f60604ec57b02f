/* engine/refresh and engine/estimate: what a listing that somebody else made is good for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "config.h"
#include "estimate.h"
#include "fixture.h"
#include "refresh.h"
#include "str.h"

static struct config config;

static int set_up(void **state)
{
    static const char TEXT[] = "[local]\nroot = \"tank\"\n[local.policy]\ndaily = 3\n"
                               "[remote]\nroot = \"vault\"\n[remote.policy]\ndaily = 3\n";
    struct str errors;
    (void)state;
    str_init(&errors);
    int rc = config_parse(TEXT, sizeof(TEXT) - 1, "backupd.toml", &config, &errors);
    str_fini(&errors);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    config_fini(&config);
    return 0;
}

/* Whether it is reused; the steps of the plan are counted in `*ret_steps`. */
static bool is_reused(struct inventory *inv, size_t *ret_steps)
{
    struct refresh refresh;
    bool reused = refresh_reuse(&refresh, &config, inv->v[0]);
    *ret_steps = refresh.plan.n;
    assert_int_equal(reused, refresh.reused);
    if (!reused)
        assert_int_equal(refresh.inv.n, 0);
    refresh_fini(&refresh);
    return reused;
}

static bool words_are_reused(const char *words, size_t *ret_steps)
{
    struct inventory inv;
    inventory_init(&inv);
    fixture_add(&inv, words);
    bool reused = is_reused(&inv, ret_steps);
    inventory_fini(&inv);
    return reused;
}

static void a_listing_is_reused_for_transfers(void **state)
{
    size_t steps;
    (void)state;
    assert_true(words_are_reused("daily-1:lrb daily-2:l daily-3:l", &steps));
    assert_int_equal(steps, 2);
    assert_true(words_are_reused("daily-1:l", &steps));
    assert_int_equal(steps, 1);
}

static void i8_a_listing_is_not_reused_where_a_snapshot_goes(void **state)
{
    size_t steps;
    (void)state;
    /* here, there, and there where all that could be sent is here */
    assert_false(words_are_reused("daily-0:lr daily-1:l daily-2:lr daily-3:lrb daily-4:l daily-5:l",
                                  &steps));
    assert_false(words_are_reused("daily-0:lr daily-1:r daily-2:lr daily-3:lrb daily-4:l daily-5:l",
                                  &steps));
    assert_false(words_are_reused("daily-0:l daily-1:l daily-2:l daily-3:l daily-4:l", &steps));
}

static void a_listing_is_not_reused_where_nothing_is_sent(void **state)
{
    size_t steps;
    (void)state;
    assert_false(words_are_reused("daily-1:lrb", &steps));
}

static void a_listing_is_not_reused_where_a_bookmark_is_missing_or_old(void **state)
{
    size_t steps;
    (void)state;
    assert_false(words_are_reused("daily-1:lr daily-2:l", &steps));
    assert_false(words_are_reused("daily-1:lrb daily-2:lrb daily-3:l", &steps));
}

static void a_listing_is_not_reused_where_the_sides_diverged_or_the_source_is_gone(void **state)
{
    size_t steps;
    (void)state;
    assert_false(words_are_reused("daily-1:lrb daily-2:r daily-3:l", &steps));
    assert_false(words_are_reused("daily-1:r", &steps));
}

static void a_listing_is_not_reused_where_a_receive_was_interrupted(void **state)
{
    struct inventory inv;
    size_t steps;
    (void)state;
    inventory_init(&inv);
    fixture_add(&inv, "daily-1:lrb daily-2:l");
    assert_true(is_reused(&inv, &steps));
    inv.v[0]->side[SIDE_REMOTE].token = "1-abc";
    assert_false(is_reused(&inv, &steps));
    inventory_fini(&inv);
}

/* ---- how much is sent ---- */

static uint64_t estimate(const char *words)
{
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", words);
    struct snapset *set = &f.ds->side[SIDE_LOCAL].snapshots;
    uint64_t size = 1;
    for (size_t i = 0; i < set->n; i++, size *= 10)
        set->v[i].size = size;
    f.ds->side[SIDE_LOCAL].space = 7000000;
    fixture_plan(&f);
    uint64_t bytes = estimate_transfers(&f.plan, f.ds);
    fixture_fini(&f);
    return bytes;
}

static void increments_are_estimated_by_what_was_written_since_their_base(void **state)
{
    (void)state;
    assert_int_equal(estimate("daily-1:lr daily-2:lr"), 0);
    assert_int_equal(estimate("daily-1:lr daily-2:l daily-3:l"), 110);
    /* what is not sent itself is in the increment all the same */
    assert_int_equal(estimate("daily-1:lr own-2:l daily-3:l"), 110);
    /* from a bookmark, whose snapshot is gone here */
    assert_int_equal(estimate("daily-1:rb daily-2:l daily-3:l"), 11);
}

static void a_first_transfer_is_estimated_by_the_space_of_its_dataset(void **state)
{
    (void)state;
    assert_int_equal(estimate("daily-1:l"), 7000000);
    assert_int_equal(estimate("daily-1:l daily-2:l"), 7000010);
}

static void an_estimate_does_not_overflow(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, "daily=9", "daily=9", "daily-1:lr daily-2:l daily-3:l");
    for (size_t i = 0; i < 3; i++)
        f.ds->side[SIDE_LOCAL].snapshots.v[i].size = UINT64_MAX - 1;
    fixture_plan(&f);
    assert_true(estimate_transfers(&f.plan, f.ds) == UINT64_MAX);
    fixture_fini(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_listing_is_reused_for_transfers),
        T(i8_a_listing_is_not_reused_where_a_snapshot_goes),
        T(a_listing_is_not_reused_where_nothing_is_sent),
        T(a_listing_is_not_reused_where_a_bookmark_is_missing_or_old),
        T(a_listing_is_not_reused_where_the_sides_diverged_or_the_source_is_gone),
        T(a_listing_is_not_reused_where_a_receive_was_interrupted),
        cmocka_unit_test(increments_are_estimated_by_what_was_written_since_their_base),
        cmocka_unit_test(a_first_transfer_is_estimated_by_the_space_of_its_dataset),
        cmocka_unit_test(an_estimate_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
