#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facts.h"

static bool recall(struct facts *facts, uint64_t guid, int64_t *creation, uint64_t *size)
{
    struct snapshot snap = {.guid = guid, .creation = -1, .size = 99};
    bool known = facts_recall(facts, &snap);
    *creation = snap.creation;
    *size = snap.size;
    return known;
}

/* A guid like those of zfs: any 64 bits. */
static uint64_t guid_of(uint64_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15U;
}

static void a_guid_is_known_once_it_was_added_and_no_other_is(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    assert_false(recall(&facts, 1, &creation, &size));
    for (uint64_t i = 0; i < COUNT; i++)
        facts_add(&facts, SIDE_LOCAL, guid_of(i), (int64_t)i, i * 2);
    assert_int_equal(facts.n, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_true(recall(&facts, guid_of(i), &creation, &size));
        assert_int_equal(creation, i);
        assert_int_equal(size, i * 2);
    }
    for (uint64_t i = COUNT; i < 2 * COUNT; i++)
        assert_false(recall(&facts, guid_of(i), &creation, &size));
    assert_int_equal(creation, -1);
    assert_int_equal(size, 99);
    facts_fini(&facts);
}

static void neighbouring_guids_are_told_apart(void **state)
{
    (void)state;
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    for (uint64_t i = 1; i < 1000; i++) {
        facts_add(&facts, SIDE_LOCAL, i, (int64_t)i, 1);
        facts_add(&facts, SIDE_LOCAL, UINT64_MAX - i, -(int64_t)i, 1);
    }
    for (uint64_t i = 1; i < 1000; i++) {
        assert_true(recall(&facts, i, &creation, &size) && creation == (int64_t)i);
        assert_true(recall(&facts, UINT64_MAX - i, &creation, &size) && creation == -(int64_t)i);
    }
    facts_fini(&facts);
}

static void what_no_complete_listing_shows_any_more_is_forgotten(void **state)
{
    (void)state;
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    for (uint64_t i = 0; i < 1000; i++)
        facts_add(&facts, SIDE_LOCAL, guid_of(i), (int64_t)i, 1);
    facts_begin(&facts);
    for (uint64_t i = 0; i < 10; i++)
        assert_true(recall(&facts, guid_of(i), &creation, &size));
    facts_add(&facts, SIDE_REMOTE, guid_of(5000), 5000, 1);
    facts_end(&facts);
    assert_int_equal(facts.n, 11);
    assert_true(facts.cap < 100); /* and its memory is given back */
    assert_true(recall(&facts, guid_of(9), &creation, &size));
    assert_int_equal(creation, 9);
    assert_true(recall(&facts, guid_of(5000), &creation, &size));
    assert_false(recall(&facts, guid_of(10), &creation, &size));
    facts_fini(&facts);
}

static void a_listing_that_was_not_completed_forgets_nothing(void **state)
{
    (void)state;
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    facts_add(&facts, SIDE_LOCAL, 1, 10, 1);
    facts_add(&facts, SIDE_LOCAL, 2, 20, 1);
    facts_begin(&facts);
    assert_true(recall(&facts, 1, &creation, &size));
    facts_begin(&facts); /* the next one */
    assert_true(recall(&facts, 1, &creation, &size));
    assert_true(recall(&facts, 2, &creation, &size));
    facts_end(&facts);
    assert_int_equal(facts.n, 2);
    facts_fini(&facts);
}

static void the_size_is_that_of_the_local_snapshot_in_whatever_order_they_come(void **state)
{
    (void)state;
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    facts_add(&facts, SIDE_REMOTE, 1, 10, 300);
    facts_add(&facts, SIDE_LOCAL, 1, 10, 200);
    facts_add(&facts, SIDE_LOCAL, 1, 10, 0); /* its bookmark */
    facts_add(&facts, SIDE_REMOTE, 1, 10, 301);
    assert_true(recall(&facts, 1, &creation, &size));
    assert_int_equal(size, 200);
    facts_add(&facts, SIDE_REMOTE, 2, 10, UINT64_MAX);
    assert_true(recall(&facts, 2, &creation, &size));
    assert_true(size > UINT64_MAX / 8);
    facts_fini(&facts);
}

static void the_creation_is_the_local_one_and_none_at_all_replaces_nothing(void **state)
{
    (void)state;
    struct facts facts;
    int64_t creation;
    uint64_t size;
    facts_init(&facts);
    facts_add(&facts, SIDE_REMOTE, 1, 11, 300);
    facts_add(&facts, SIDE_LOCAL, 1, 10, 200);
    facts_add(&facts, SIDE_REMOTE, 1, 12, 300);
    facts_add(&facts, SIDE_LOCAL, 1, 0, 0); /* its bookmark, of which zfs says nothing */
    assert_true(recall(&facts, 1, &creation, &size));
    assert_int_equal(creation, 10);
    assert_int_equal(size, 200);
    /* A local bookmark of what only the remote still has. */
    facts_add(&facts, SIDE_LOCAL, 2, 20, 0);
    facts_add(&facts, SIDE_REMOTE, 2, 21, 400);
    assert_true(recall(&facts, 2, &creation, &size));
    assert_int_equal(creation, 20);
    assert_int_equal(size, 400);
    facts_fini(&facts);
}

static void a_hundred_thousand_guids_take_three_megabytes(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct facts facts;
    facts_init(&facts);
    facts_begin(&facts);
    for (uint64_t i = 0; i < COUNT; i++)
        facts_add(&facts, SIDE_LOCAL, guid_of(i), 1, 1);
    facts_end(&facts);
    assert_int_equal(facts.n, COUNT);
    assert_true(facts.cap * 24 <= 3000000);
    facts_fini(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guid_is_known_once_it_was_added_and_no_other_is),
        cmocka_unit_test(neighbouring_guids_are_told_apart),
        cmocka_unit_test(what_no_complete_listing_shows_any_more_is_forgotten),
        cmocka_unit_test(a_listing_that_was_not_completed_forgets_nothing),
        cmocka_unit_test(the_size_is_that_of_the_local_snapshot_in_whatever_order_they_come),
        cmocka_unit_test(the_creation_is_the_local_one_and_none_at_all_replaces_nothing),
        cmocka_unit_test(a_hundred_thousand_guids_take_three_megabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
