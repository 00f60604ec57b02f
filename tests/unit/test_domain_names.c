/* Names that were checked, and the few things that are done with unchecked ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"
#include "policy.h"

static bool is_dataset(const char *s)
{
    struct dsname name = {NULL};
    struct err e = ERR_INIT;
    int rc = dsname_check(s, &name, &e);
    assert_int_equal(e.code, rc == 0 ? ERR_NONE : ERR_NAME);
    assert_ptr_equal(name.s, rc == 0 ? s : NULL);
    return rc == 0;
}

static bool is_snapshot(const char *s)
{
    struct snapname name = {NULL};
    struct err e = ERR_INIT;
    int rc = snapname_check(s, &name, &e);
    assert_int_equal(e.code, rc == 0 ? ERR_NONE : ERR_NAME);
    assert_ptr_equal(name.s, rc == 0 ? s : NULL);
    return rc == 0;
}

static void legal_dataset_names_pass(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"tank",         "tank/data",      "tank/a b", "tank/-x",
                                       "tank/.hidden", "tank/a:b_c-d.e", "t/...",    "tank/0"};
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
        assert_true(is_dataset(GOOD[i]));
}

static void illegal_dataset_names_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",          "/",        "/tank",         "tank/",     "tank//a",   "tank/.",   "tank/..",
        "tank/../a", "tank/./a", "tank@a",        "tank#a",    "tank/a%b",  "0tank",    "-tank",
        "_tank",     " tank",    "tank/a\n",      "tank/a\tb", "tank/$(x)", "tank/'a'", "tank/\"",
        "tank/\\",   "tank/;",   "tank/\xc3\xa4", "tank/a*",   "tank/\x7f"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(is_dataset(BAD[i]));
}

static void a_name_has_255_bytes_at_most(void **state)
{
    (void)state;
    char s[NAME_LEN_MAX + 2];
    memset(s, 'a', sizeof(s));
    s[NAME_LEN_MAX] = '\0';
    assert_true(is_dataset(s));
    s[NAME_LEN_MAX] = 'a';
    s[NAME_LEN_MAX + 1] = '\0';
    assert_false(is_dataset(s));
    s[NAME_LEN_MAX - 2] = '\0';
    assert_true(is_snapshot(s));
    s[NAME_LEN_MAX - 2] = 'a';
    s[NAME_LEN_MAX - 1] = '\0';
    assert_false(is_snapshot(s));
}

static void snapshot_names_are_one_component(void **state)
{
    (void)state;
    assert_true(is_snapshot("daily-2026-11-23T12:00:00Z"));
    assert_true(is_snapshot("-r"));
    assert_true(is_snapshot("a b"));
    static const char *const BAD[] = {"",    ".",   "..",  "a/b", "a@b",  "a#b",     "a%b",
                                      "a,b", "a\n", "a$b", "a'b", "a\"b", "\x80\xff"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(is_snapshot(BAD[i]));
}

static void a_refusal_quotes_the_name_in_one_printable_line(void **state)
{
    (void)state;
    struct dsname name;
    struct err e = ERR_INIT;
    dsname_check("tank/a\n\x1b[31m\xff", &name, &e);
    assert_non_null(strstr(e.msg, "\"tank/a\\x0a\\x1b[31m\\xff\""));
    char s[400];
    memset(s, '\x01', sizeof(s));
    s[sizeof(s) - 1] = '\0';
    dsname_check(s, &name, &e);
    assert_non_null(strstr(e.msg, "\\x01...\""));
    for (const char *p = e.msg; *p != '\0'; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
}

static void a_root_and_a_name_below_it_are_joined(void **state)
{
    (void)state;
    struct dsbuf buf;
    struct dsname root;
    struct dsname name;
    struct err e = ERR_INIT;
    assert_int_equal(dsname_check("tank/data", &root, &e), 0);
    assert_int_equal(dsname_join(&buf, root, "", &name, &e), 0);
    assert_string_equal(name.s, "tank/data");
    assert_int_equal(dsname_join(&buf, root, "/home/ann", &name, &e), 0);
    assert_string_equal(name.s, "tank/data/home/ann");
    assert_int_equal(dsname_join(&buf, root, "/a//b", &name, &e), -1);
    assert_int_equal(dsname_join(&buf, root, "/..", &name, &e), -1);
    char below[NAME_LEN_MAX + 2];
    memset(below, 'a', sizeof(below));
    below[0] = '/';
    below[NAME_LEN_MAX - strlen(root.s)] = '\0';
    assert_int_equal(dsname_join(&buf, root, below, &name, &e), 0);
    assert_int_equal(strlen(name.s), NAME_LEN_MAX);
    below[NAME_LEN_MAX - strlen(root.s)] = 'a';
    below[NAME_LEN_MAX - strlen(root.s) + 1] = '\0';
    assert_int_equal(dsname_join(&buf, root, below, &name, &e), -1);
    assert_int_equal(e.code, ERR_NAME);
}

static void i4_joining_never_leaves_the_root(void **state)
{
    (void)state;
    struct dsbuf buf;
    struct dsname root;
    struct dsname name;
    struct err e = ERR_INIT;
    assert_int_equal(dsname_check("tank/data", &root, &e), 0);
    assert_int_equal(dsname_join(&buf, root, "base", &name, &e), -1);
    assert_int_equal(dsname_join(&buf, root, "-old/home", &name, &e), -1);
    assert_int_equal(e.code, ERR_NAME);
}

static void the_part_below_a_root_is_found(void **state)
{
    (void)state;
    assert_string_equal(name_below("tank/data", "tank/data"), "");
    assert_string_equal(name_below("tank/data/home", "tank/data"), "/home");
    assert_null(name_below("tank/database", "tank/data"));
    assert_null(name_below("tank", "tank/data"));
    assert_null(name_below("other/data", "tank/data"));
    assert_true(name_is_below("/a/b", "/a"));
    assert_true(name_is_below("/a", ""));
    assert_false(name_is_below("/a", "/a"));
    assert_false(name_is_below("/a b", "/a"));
    assert_false(name_is_below("", ""));
    assert_string_equal(name_shown(""), "<root>");
    assert_string_equal(name_shown("/a"), "/a");
}

static void the_type_is_what_stands_before_the_first_hyphen(void **state)
{
    (void)state;
    assert_int_equal(snapname_type_len("daily-2026-11-23"), 5);
    assert_int_equal(snapname_type_len("manual"), 6);
    assert_int_equal(snapname_type_len("-x"), 0);
    assert_int_equal(snapname_type_len(""), 0);
}

static void a_policy_knows_a_type_and_not_its_prefix(void **state)
{
    (void)state;
    struct policy policy;
    struct policy copy;
    policy_init(&policy);
    policy_init(&copy);
    policy_set(&policy, "day", 1);
    policy_set(&policy, "daily", 2);
    policy_set(&policy, "day", 3);
    assert_int_equal(policy.n, 2);
    assert_int_equal(policy_find(&policy, "day-1"), 0);
    assert_int_equal(policy_find(&policy, "daily-1"), 1);
    assert_int_equal(policy_find(&policy, "daily"), 1);
    assert_int_equal(policy_find(&policy, "dail-1"), SIZE_MAX);
    assert_int_equal(policy_find(&policy, "dailyx-1"), SIZE_MAX);
    assert_int_equal(policy_find(&policy, "-1"), SIZE_MAX);
    assert_int_equal(policy_find(&policy, "Daily-1"), SIZE_MAX);
    policy_copy(&copy, &policy);
    policy_fini(&policy);
    assert_int_equal(copy.v[0].count, 3);
    policy_fini(&copy);
}

static void a_bookmark_is_ours_with_exactly_its_own_guid(void **state)
{
    (void)state;
    assert_true(bookmark_is_ours("backupd-18446744073709551615", UINT64_MAX));
    assert_false(bookmark_is_ours("backupd-12", 1));
    assert_false(bookmark_is_ours("backupd-1", 12));
    assert_false(bookmark_is_ours("backupd-", 0));
    assert_false(bookmark_is_ours("backupd-01", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_dataset_names_pass),
        cmocka_unit_test(illegal_dataset_names_are_refused),
        cmocka_unit_test(a_name_has_255_bytes_at_most),
        cmocka_unit_test(snapshot_names_are_one_component),
        cmocka_unit_test(a_refusal_quotes_the_name_in_one_printable_line),
        cmocka_unit_test(a_root_and_a_name_below_it_are_joined),
        cmocka_unit_test(i4_joining_never_leaves_the_root),
        cmocka_unit_test(the_part_below_a_root_is_found),
        cmocka_unit_test(the_type_is_what_stands_before_the_first_hyphen),
        cmocka_unit_test(a_policy_knows_a_type_and_not_its_prefix),
        cmocka_unit_test(a_bookmark_is_ours_with_exactly_its_own_guid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
