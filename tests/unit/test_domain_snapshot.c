/* Sets of snapshots, and inventories of datasets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory.h"

static struct snapshot snap(uint64_t guid, uint64_t createtxg)
{
    struct snapshot s = {.guid = guid, .createtxg = createtxg, .name = "x"};
    return s;
}

static void i2_a_set_is_in_createtxg_order_whatever_the_creation_time(void **state)
{
    (void)state;
    struct snapset set;
    snapset_init(&set);
    assert_null(snapset_newest(&set));
    for (uint64_t i = 0; i < 100; i++) {
        struct snapshot s = snap(i, i * 37 % 100);
        s.creation = (int64_t)i;
        snapset_add(&set, &s);
    }
    assert_false(set.sorted);
    snapset_sort(&set);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(set.v[i].createtxg, i);
    assert_int_equal(snapset_newest(&set)->createtxg, 99);
    assert_int_equal(set.v[snapset_find(&set, 42)].guid, 42);
    assert_int_equal(snapset_find(&set, 100), SIZE_MAX);
    snapset_fini(&set);
    snapset_fini(&set);
    assert_int_equal(set.n, 0);
}

static void a_set_that_was_filled_in_order_stays_sorted(void **state)
{
    (void)state;
    struct snapset set;
    snapset_init(&set);
    for (uint64_t i = 0; i < 50; i++) {
        struct snapshot s = snap(i, i);
        snapset_add(&set, &s);
        assert_true(set.sorted);
    }
    struct snapshot late = snap(7, 20);
    snapset_add(&set, &late);
    assert_false(set.sorted);
    late = snap(8, 1000);
    snapset_add(&set, &late);
    assert_false(set.sorted);
    snapset_sort(&set);
    assert_true(set.sorted);
    assert_int_equal(snapset_newest(&set)->guid, 8);
    snapset_fini(&set);
}

static void sides_have_names(void **state)
{
    (void)state;
    assert_string_equal(side_name(SIDE_LOCAL), "local");
    assert_string_equal(side_name(SIDE_REMOTE), "remote");
}

static void a_dataset_is_made_once_and_found_by_its_name(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    assert_null(inventory_find(&inv, ""));
    char name[16] = "/home";
    struct dataset *home = inventory_get(&inv, name);
    memcpy(name, "/else", 6); /* the name was copied */
    assert_string_equal(home->name, "/home");
    assert_ptr_equal(inventory_get(&inv, "/home"), home);
    assert_ptr_equal(inventory_find(&inv, "/home"), home);
    assert_null(inventory_find(&inv, "/hom"));
    assert_false(home->side[SIDE_LOCAL].exists);
    assert_false(home->side[SIDE_LOCAL].listed);
    assert_int_equal(inv.n, 1);
    inventory_fini(&inv);
    inventory_fini(&inv);
}

static void pointers_to_datasets_outlive_growth_and_sorting(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static struct dataset *seen[COUNT];
    struct inventory inv;
    inventory_init(&inv);
    char name[32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "/d%d", i * 7919 % COUNT);
        seen[i] = inventory_get(&inv, name);
    }
    assert_int_equal(inv.n, COUNT);
    inventory_sort(&inv);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "/d%d", i * 7919 % COUNT);
        assert_ptr_equal(inventory_get(&inv, name), seen[i]);
        assert_string_equal(seen[i]->name, name);
    }
    assert_int_equal(inv.n, COUNT);
    inventory_fini(&inv);
}

static void parents_come_before_their_children_and_no_stranger_between(void **state)
{
    (void)state;
    static const char *const ORDER[] = {"",       "/a",   "/a/b", "/a/b/c", "/a/b c", "/a b",
                                        "/a b/c", "/a-b", "/a.b", NULL,     "/ab",    "/b"};
    static const size_t MIXED[] = {7, 3, 11, 0, 5, 8, 1, 10, 6, 2, 4};
    static const size_t SORTED[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11};
    struct inventory inv;
    inventory_init(&inv);
    for (size_t i = 0; i < sizeof(MIXED) / sizeof(MIXED[0]); i++)
        inventory_get(&inv, ORDER[MIXED[i]]);
    inventory_sort(&inv);
    assert_int_equal(inv.n, sizeof(SORTED) / sizeof(SORTED[0]));
    for (size_t i = 0; i < inv.n; i++)
        assert_string_equal(inv.v[i]->name, ORDER[SORTED[i]]);
    inventory_fini(&inv);
}

static void sorting_an_inventory_sorts_every_set_of_it(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    inventory_sort(&inv);
    struct dataset *ds = inventory_get(&inv, "/a");
    for (uint64_t i = 10; i > 0; i--) {
        struct snapshot s = snap(i, i);
        inventory_add_snapshot(&inv, ds, SIDE_LOCAL, &s);
        inventory_add_snapshot(&inv, ds, SIDE_REMOTE, &s);
        inventory_add_bookmark(&inv, ds, SIDE_LOCAL, &s);
    }
    inventory_sort(&inv);
    assert_int_equal(ds->side[SIDE_LOCAL].snapshots.v[0].guid, 1);
    assert_int_equal(ds->side[SIDE_REMOTE].snapshots.v[0].guid, 1);
    assert_int_equal(ds->side[SIDE_LOCAL].bookmarks.v[0].guid, 1);
    assert_true(ds->side[SIDE_LOCAL].exists);
    inventory_fini(&inv);
}

static void equal_names_are_one_string_on_all_sides_and_datasets(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    struct dataset *a = inventory_get(&inv, "/a");
    struct dataset *b = inventory_get(&inv, "/b");
    char name[] = "daily-1";
    struct snapshot s = snap(1, 1);
    s.name = name;
    inventory_add_snapshot(&inv, a, SIDE_LOCAL, &s);
    char same[] = "daily-1";
    s.name = same;
    inventory_add_snapshot(&inv, b, SIDE_REMOTE, &s);
    assert_ptr_equal(a->side[SIDE_LOCAL].snapshots.v[0].name,
                     b->side[SIDE_REMOTE].snapshots.v[0].name);
    inventory_fini(&inv);
}

static void a_cleared_holding_knows_nothing(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    struct dataset *ds = inventory_get(&inv, "");
    struct snapshot s = snap(1, 1);
    inventory_add_snapshot(&inv, ds, SIDE_REMOTE, &s);
    ds->side[SIDE_REMOTE].listed = true;
    holding_clear(&ds->side[SIDE_REMOTE]);
    assert_false(ds->side[SIDE_REMOTE].exists);
    assert_false(ds->side[SIDE_REMOTE].listed);
    assert_int_equal(ds->side[SIDE_REMOTE].snapshots.n, 0);
    assert_true(ds->side[SIDE_REMOTE].snapshots.sorted);
    inventory_add_snapshot(&inv, ds, SIDE_REMOTE, &s);
    assert_int_equal(ds->side[SIDE_REMOTE].snapshots.n, 1);
    inventory_fini(&inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i2_a_set_is_in_createtxg_order_whatever_the_creation_time),
        cmocka_unit_test(a_set_that_was_filled_in_order_stays_sorted),
        cmocka_unit_test(sides_have_names),
        cmocka_unit_test(a_dataset_is_made_once_and_found_by_its_name),
        cmocka_unit_test(pointers_to_datasets_outlive_growth_and_sorting),
        cmocka_unit_test(parents_come_before_their_children_and_no_stranger_between),
        cmocka_unit_test(sorting_an_inventory_sorts_every_set_of_it),
        cmocka_unit_test(equal_names_are_one_string_on_all_sides_and_datasets),
        cmocka_unit_test(a_cleared_holding_knows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
