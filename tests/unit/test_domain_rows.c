/* Rows: what both sides hold of a dataset as one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "row_table.h"
#include "str.h"

/* "daily-1:lr daily-2:l", in the order of the rows. */
static void describe(const struct snapshot_row *rows, size_t count, struct str *out)
{
    str_clear(out);
    for (size_t i = 0; i < count; i++)
        str_add_format(out, "%s%s:%s%s", i > 0 ? " " : "", rows[i].name,
                       (rows[i].sides & ROW_ON(SIDE_LOCAL)) != 0 ? "l" : "",
                       (rows[i].sides & ROW_ON(SIDE_REMOTE)) != 0 ? "r" : "");
}

static void expect_rows(const char *words, const char *expected)
{
    struct fixture f;
    struct str out;
    size_t count;
    str_init(&out);
    fixture_init(&f, "daily=9", "daily=9", words);
    fixture_plan(&f);
    struct snapshot_row *rows = rows_build(f.ds, &f.target, &count);
    describe(rows, count, &out);
    assert_string_equal(out.s, expected);
    free(rows);
    str_fini(&out);
    fixture_fini(&f);
}

static void a_shared_snapshot_is_one_row(void **state)
{
    (void)state;
    expect_rows("", "");
    expect_rows("daily-1:lr daily-2:lr", "daily-1:lr daily-2:lr");
    expect_rows("daily-1:l daily-2:lr daily-3:l", "daily-1:l daily-2:lr daily-3:l");
    expect_rows("daily-1:l daily-2:l", "daily-1:l daily-2:l");
    expect_rows("daily-1:r daily-2:r", "daily-1:r daily-2:r");
}

static void a_renamed_snapshot_is_one_row_with_its_local_name(void **state)
{
    (void)state;
    expect_rows("daily-1:lr~weekly-1 daily-2:l", "daily-1:lr daily-2:l");
}

static void what_only_the_remote_has_stands_by_its_creation(void **state)
{
    (void)state;
    expect_rows("daily-1:r daily-2:lr daily-3:r daily-4:l daily-5:r daily-6:l daily-7:r",
                "daily-1:r daily-2:lr daily-3:r daily-4:l daily-5:r daily-6:l daily-7:r");
    expect_rows("daily-1:l daily-2:r@999", "daily-2:r daily-1:l");
    expect_rows("daily-1:l daily-2:r@1000", "daily-1:l daily-2:r");
}

static void the_same_name_with_another_guid_is_another_row(void **state)
{
    (void)state;
    expect_rows("daily-1:l#1 daily-1:r#2", "daily-1:l daily-1:r");
    expect_rows("daily-1:lr daily-2:l#20 daily-2:r#21@1500", "daily-1:lr daily-2:r daily-2:l");
}

static void i2_each_side_keeps_its_order_whatever_the_clocks_said(void **state)
{
    (void)state;
    expect_rows("daily-1:lr daily-2:r@9999 daily-3:lr", "daily-1:lr daily-2:r daily-3:lr");
    expect_rows("daily-1:lr daily-2:r@1 daily-3:lr", "daily-1:lr daily-2:r daily-3:lr");
    expect_rows("daily-1:lr daily-2:r@1 daily-3:l", "daily-1:lr daily-2:r daily-3:l");
    expect_rows("daily-1:lr@5000 daily-2:l@4000 daily-3:lr@3000 daily-4:r@10",
                "daily-1:lr daily-2:l daily-3:lr daily-4:r");
    expect_rows("daily-1:r@9999 daily-2:r@1 daily-3:l@2", "daily-3:l daily-1:r daily-2:r");
}

static void a_row_has_what_the_listings_and_the_target_say(void **state)
{
    (void)state;
    struct fixture f;
    size_t count;
    fixture_init(&f, "daily=2", "daily=3", "daily-1:lr daily-2:r daily-3:lr daily-4:l");
    f.ds->side[SIDE_LOCAL].snapshots.v[0].size = 77;
    fixture_plan(&f);
    struct snapshot_row *rows = rows_build(f.ds, &f.target, &count);
    assert_int_equal(count, 4);
    assert_int_equal(rows[0].guid, 1);
    assert_int_equal(rows[0].creation, 1000);
    assert_int_equal(rows[0].size, 77);
    for (int side = 0; side < SIDE_COUNT; side++)
        assert_int_equal(rows[0].keep[side], f.target.keep[side][0]);
    assert_int_equal(rows[1].keep[SIDE_LOCAL], 0);
    assert_int_equal(rows[1].keep[SIDE_REMOTE], f.target.keep[SIDE_REMOTE][1]);
    assert_true(row_is_coming(&rows[3]));
    assert_false(row_is_coming(&rows[2]));
    free(rows);
    fixture_fini(&f);
}

static void a_row_comes_where_the_remote_wants_it_and_lacks_it(void **state)
{
    (void)state;
    struct snapshot_row row = {.name = "a", .sides = ROW_ON(SIDE_LOCAL)};
    assert_false(row_is_coming(&row));
    row.keep[SIDE_LOCAL] = KEEP_TO_SEND | KEEP_POLICY;
    assert_true(row_is_coming(&row));
    row.sides |= ROW_ON(SIDE_REMOTE);
    assert_false(row_is_coming(&row));
    row.sides = ROW_ON(SIDE_REMOTE);
    assert_false(row_is_coming(&row));
}

static void a_row_goes_from_a_side_that_has_it_without_a_reason(void **state)
{
    (void)state;
    struct snapshot_row row = {.name = "a", .sides = ROW_ON(SIDE_LOCAL), .keep = {0, KEEP_POLICY}};
    assert_true(row_is_going(&row, SIDE_LOCAL));
    assert_false(row_is_going(&row, SIDE_REMOTE));
    row.keep[SIDE_REMOTE] = 0;
    assert_false(row_is_going(&row, SIDE_REMOTE));
    row.sides |= ROW_ON(SIDE_REMOTE);
    assert_true(row_is_going(&row, SIDE_REMOTE));
    row.keep[SIDE_LOCAL] = KEEP_HELD;
    assert_false(row_is_going(&row, SIDE_LOCAL));
}

static void fill(struct row_table *table, const char *words)
{
    struct fixture f;
    size_t count;
    fixture_init(&f, "daily=9", "daily=9", words);
    fixture_plan(&f);
    struct snapshot_row *rows = rows_build(f.ds, &f.target, &count);
    row_table_add(table, rows, count);
    row_table_settle(table);
    free(rows);
    fixture_fini(&f);
}

static void expect_table(const struct row_table *table, const char *expected)
{
    struct str out;
    str_init(&out);
    struct snapshot_row *rows = row_table_list(table);
    describe(rows, table->n, &out);
    free(rows);
    assert_string_equal(out.s, expected);
    str_fini(&out);
}

static void a_table_owns_its_names(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:lr daily-2:l");
    fill(&table, "daily-3:r");
    expect_table(&table, "daily-1:lr daily-2:l daily-3:r");
    row_table_clear(&table);
    assert_int_equal(table.n, 0);
    row_table_clear(&table);
    row_table_settle(&table);
    fill(&table, "daily-4:l");
    expect_table(&table, "daily-4:l");
    row_table_clear(&table);
}

static void a_table_that_is_not_settled_can_be_listed(void **state)
{
    (void)state;
    struct row_table table = {0};
    struct snapshot_row *rows = row_table_list(&table);
    free(rows);
    struct snapshot_row row = {.name = "a", .sides = 1};
    row_table_add(&table, &row, 1);
    row.name = "b b";
    row_table_add(&table, &row, 1);
    row_table_add(&table, NULL, 0);
    rows = row_table_list(&table);
    assert_string_equal(rows[0].name, "a");
    assert_string_equal(rows[1].name, "b b");
    free(rows);
    row_table_clear(&table);
}

static void a_destroyed_range_goes_from_its_side_alone(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:lr daily-2:r daily-3:lr daily-4:l daily-5:lr daily-6:l");
    assert_true(row_table_destroy(&table, SIDE_LOCAL, "daily-3", "daily-5"));
    expect_table(&table, "daily-1:lr daily-2:r daily-3:r daily-5:r daily-6:l");
    assert_true(row_table_destroy(&table, SIDE_REMOTE, "daily-1", "daily-3"));
    expect_table(&table, "daily-1:l daily-5:r daily-6:l");
    assert_true(row_table_destroy(&table, SIDE_LOCAL, "daily-6", "daily-6"));
    assert_true(row_table_destroy(&table, SIDE_LOCAL, "daily-1", "daily-1"));
    assert_true(row_table_destroy(&table, SIDE_REMOTE, "daily-5", "daily-5"));
    expect_table(&table, "");
    row_table_clear(&table);
}

static void what_a_side_does_not_have_is_not_destroyed_there(void **state)
{
    (void)state;
    struct row_table table = {0};
    assert_false(row_table_destroy(&table, SIDE_LOCAL, "a", "a"));
    fill(&table, "daily-1:l daily-2:lr daily-3:r");
    assert_false(row_table_destroy(&table, SIDE_REMOTE, "daily-1", "daily-3"));
    assert_false(row_table_destroy(&table, SIDE_LOCAL, "daily-1", "daily-3"));
    assert_false(row_table_destroy(&table, SIDE_LOCAL, "daily-9", "daily-9"));
    expect_table(&table, "daily-1:l daily-2:lr daily-3:r");
    row_table_clear(&table);
}

static void of_two_snapshots_of_one_name_the_side_s_own_is_destroyed(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:l#1 daily-1:r#2");
    assert_true(row_table_destroy(&table, SIDE_REMOTE, "daily-1", "daily-1"));
    expect_table(&table, "daily-1:l");
    row_table_clear(&table);
}

static void a_range_that_ends_before_it_begins_changes_nothing(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:l daily-2:l daily-3:l");
    assert_false(row_table_destroy(&table, SIDE_LOCAL, "daily-3", "daily-1"));
    expect_table(&table, "daily-1:l daily-2:l daily-3:l");
    row_table_clear(&table);
}

static void what_was_sent_is_on_the_remote_and_stays_there(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:lr daily-2:l daily-3:l");
    assert_true(row_table_receive(&table, "daily-2"));
    expect_table(&table, "daily-1:lr daily-2:lr daily-3:l");
    struct snapshot_row *rows = row_table_list(&table);
    assert_false(row_is_coming(&rows[1]));
    assert_false(row_is_going(&rows[1], SIDE_REMOTE));
    free(rows);
    row_table_clear(&table);
    fill(&table, "daily-3:r");
    assert_false(row_table_receive(&table, "daily-3"));
    assert_false(row_table_receive(&table, "daily-9"));
    row_table_clear(&table);
}

/* Its order is that of the remote, which needs not be that of the seconds in which they were made. */
static void what_was_sent_is_the_newest_on_the_remote(void **state)
{
    (void)state;
    struct row_table table = {0};
    fill(&table, "daily-1:lr daily-2:l daily-3:r daily-4:l daily-5:r");
    assert_true(row_table_receive(&table, "daily-2"));
    expect_table(&table, "daily-1:lr daily-3:r daily-5:r daily-2:lr daily-4:l");
    assert_true(row_table_receive(&table, "daily-4"));
    expect_table(&table, "daily-1:lr daily-3:r daily-5:r daily-2:lr daily-4:lr");
    row_table_clear(&table);
}

static void tables_that_differ_in_anything_are_not_equal(void **state)
{
    (void)state;
    const struct snapshot_row row = {
        .name = "a", .guid = 1, .creation = 2, .size = 3, .keep = {4, 5}, .sides = 3};
    struct snapshot_row other[] = {row, row, row, row, row, row, row};
    other[0].name = "b";
    other[1].guid++;
    other[2].creation++;
    other[3].size++;
    other[4].keep[SIDE_LOCAL]++;
    other[5].keep[SIDE_REMOTE]++;
    other[6].sides = 1;
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        assert_false(rows_are_equal(&row, 1, &other[i], 1));
    char name[] = "a";
    struct snapshot_row same = row;
    same.name = name;
    assert_true(rows_are_equal(&row, 1, &same, 1));
    assert_false(rows_are_equal(&row, 1, NULL, 0));
    assert_true(rows_are_equal(NULL, 0, NULL, 0));
}

/* Of every field the least, the most and what is between, beside each other. */
static void a_table_gives_back_what_it_was_given(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static const int64_t TIMES[] = {0, 1, -1, 1700000000, INT64_MAX, INT64_MIN, 127, 128};
    static const uint64_t NUMBERS[] = {0, 1, 127, 128, 16383, 16384, UINT64_MAX, 1ULL << 63};
    static char longest[NAME_LEN_MAX + 1];
    memset(longest, 'x', NAME_LEN_MAX);
    const char *const names[] = {"a", "daily-1", "daily-10", "daily-1", longest, longest, "d", "x"};
    struct snapshot_row rows[COUNT];
    struct row_table table = {0};
    for (size_t i = 0; i < COUNT; i++)
        rows[i] = (struct snapshot_row){
            .name = names[i % 8],
            .guid = NUMBERS[(i / 3) % 8] + i,
            .creation = TIMES[(i / 5) % 8],
            .size = NUMBERS[(i / 7) % 8],
            .keep = {(uint16_t)(i * 37 % (ROW_KEEP_ALL + 1)), (uint16_t)(ROW_KEEP_ALL - i)},
            .sides = (unsigned char)(1 + i % 3)};
    for (size_t from = 0; from < COUNT; from += 40)
        row_table_add(&table, rows + from, 40);
    row_table_settle(&table);
    struct snapshot_row *listed = row_table_list(&table);
    assert_true(rows_are_equal(listed, table.n, rows, COUNT));
    assert_true(row_table_is(&table, rows, COUNT));
    for (size_t i = 0; i < COUNT; i += 29) {
        rows[i].size ^= 1;
        assert_false(row_table_is(&table, rows, COUNT));
        rows[i].size ^= 1;
    }
    assert_false(row_table_is(&table, rows, COUNT - 1));
    free(listed);
    row_table_clear(&table);
}

static void a_name_longer_than_any_is_cut(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'y', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    const struct snapshot_row rows[] = {{.name = name, .sides = 1}, {.name = name, .sides = 1}};
    struct row_table table = {0};
    row_table_add(&table, rows, 2);
    struct snapshot_row *listed = row_table_list(&table);
    assert_int_equal(strlen(listed[0].name), NAME_LEN_MAX);
    assert_int_equal(strlen(listed[1].name), NAME_LEN_MAX);
    free(listed);
    row_table_clear(&table);
}

static void an_ordinary_row_takes_some_twenty_bytes(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct snapshot_row rows[COUNT];
    char names[COUNT][32];
    struct row_table table = {0};
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "hourly-2026-11-%02zuT%02zu:00:00", i / 24 % 30,
                 i % 24);
        rows[i] = (struct snapshot_row){.name = names[i],
                                        .guid = (i + 1) * 0x9e3779b97f4a7c15U,
                                        .creation = 1700000000 + 3600 * (int64_t)i,
                                        .size = 1000000 + i,
                                        .keep = {KEEP_POLICY, KEEP_POLICY},
                                        .sides = 3};
    }
    row_table_add(&table, rows, COUNT);
    row_table_settle(&table);
    assert_true(table.cap <= 28 * (size_t)COUNT);
    row_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_snapshot_is_one_row),
        cmocka_unit_test(a_renamed_snapshot_is_one_row_with_its_local_name),
        cmocka_unit_test(what_only_the_remote_has_stands_by_its_creation),
        cmocka_unit_test(the_same_name_with_another_guid_is_another_row),
        cmocka_unit_test(i2_each_side_keeps_its_order_whatever_the_clocks_said),
        cmocka_unit_test(a_row_has_what_the_listings_and_the_target_say),
        cmocka_unit_test(a_row_comes_where_the_remote_wants_it_and_lacks_it),
        cmocka_unit_test(a_row_goes_from_a_side_that_has_it_without_a_reason),
        cmocka_unit_test(a_table_owns_its_names),
        cmocka_unit_test(a_table_that_is_not_settled_can_be_listed),
        cmocka_unit_test(a_destroyed_range_goes_from_its_side_alone),
        cmocka_unit_test(what_a_side_does_not_have_is_not_destroyed_there),
        cmocka_unit_test(of_two_snapshots_of_one_name_the_side_s_own_is_destroyed),
        cmocka_unit_test(a_range_that_ends_before_it_begins_changes_nothing),
        cmocka_unit_test(what_was_sent_is_on_the_remote_and_stays_there),
        cmocka_unit_test(what_was_sent_is_the_newest_on_the_remote),
        cmocka_unit_test(tables_that_differ_in_anything_are_not_equal),
        cmocka_unit_test(a_table_gives_back_what_it_was_given),
        cmocka_unit_test(a_name_longer_than_any_is_cut),
        cmocka_unit_test(an_ordinary_row_takes_some_twenty_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
