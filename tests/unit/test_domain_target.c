/* The target, sentence by sentence of the design. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static void the_newest_of_each_type_are_kept_on_each_side(void **state)
{
    (void)state;
    fixture_expect("hourly=2 daily=1", "daily=2",
                   "daily-0:lr hourly-1:lr daily-2:lr hourly-3:lr daily-4:lr hourly-5:lr "
                   "hourly-6:lr",
                   "daily-0 daily-4 hourly-5 hourly-6", "daily-0 daily-2 daily-4 hourly-6", NULL);
}

static void counts_are_over_the_union_of_both_sides(void **state)
{
    (void)state;
    /* daily-4 and daily-3 take local's two places, although only the remote has daily-4 */
    fixture_expect("daily=2", "daily=9", "daily-0:lr daily-1:lr daily-2:l daily-3:l daily-4:r",
                   "daily-0 daily-1 daily-3", "daily-0 daily-1 daily-4", NULL);
}

static void a_shared_snapshot_takes_one_place(void **state)
{
    (void)state;
    fixture_expect("daily=2", "daily=2", "daily-0:lr daily-1:lr daily-2:lr daily-3:lr",
                   "daily-0 daily-2 daily-3", "daily-0 daily-2 daily-3", "-l daily-1; -r daily-1");
}

static void i2_newest_is_by_creation_before_createtxg(void **state)
{
    (void)state;
    /* the clock stepped back before daily-3: daily-1 and daily-2 are newer */
    fixture_expect("daily=2", "",
                   "daily-0:l@1000 daily-1:l@3000 daily-2:l@4000 daily-3:l@2000 daily-4:l@2500",
                   "daily-0 daily-1 daily-2", "", "-l daily-3..daily-4");
}

static void i2_of_equal_seconds_the_later_createtxg_is_newer(void **state)
{
    (void)state;
    fixture_expect("daily=1", "", "daily-0:l@1000 daily-1:l@2000 daily-2:l@2000 daily-3:l@2000",
                   "daily-0 daily-3", "", "-l daily-1..daily-2");
    fixture_expect("daily=1", "daily=1", "daily-0:lr@1000 daily-1:lr@2000 daily-2:lr@2000",
                   "daily-0 daily-2", "daily-0 daily-2", "-l daily-1; -r daily-1");
    /* and not the greater guid, on whichever side the two are */
    fixture_expect("daily=1", "", "daily-0:l daily-1:l@2000#9 daily-2:l@2000#8", "daily-0 daily-2",
                   "", "-l daily-1");
    fixture_expect("daily=0", "daily=1",
                   "daily-0:lr daily-1:r@2000#9 daily-2:r@2000#8 daily-3:lr@5", "daily-0 daily-3",
                   "daily-0 daily-2 daily-3", "-r daily-1");
}

static void of_equal_seconds_on_different_sides_both_are_kept(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=1", "daily-0:lr daily-1:l@5000 daily-2:r@5000 daily-3:lr@4000",
                   "daily-0 daily-1 daily-3", "daily-0 daily-2 daily-3", "");
}

static void the_remote_gets_what_its_policy_keeps_and_only_local_has(void **state)
{
    (void)state;
    fixture_expect("hourly=1 daily=1", "daily=7",
                   "daily-0:lr hourly-1:l daily-2:l daily-3:l hourly-4:l",
                   "daily-0 daily-2 daily-3 hourly-4", "daily-0 daily-2 daily-3",
                   "-l hourly-1; daily-0>daily-2; daily-2>daily-3");
}

static void only_what_is_newer_than_the_remotes_newest_is_sent(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=9", "daily-0:lr daily-1:l daily-2:lr daily-3:l",
                   "daily-0 daily-1 daily-2 daily-3", "daily-0 daily-2 daily-3", "daily-2>daily-3");
}

static void what_can_no_longer_be_sent_is_not_kept_for_it(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=9", "daily-0:lr daily-1:l daily-2:lr", "daily-0 daily-2",
                   "daily-0 daily-2", "-l daily-1");
}

static void what_is_to_be_sent_is_kept_locally_until_then(void **state)
{
    (void)state;
    fixture_expect("daily=0", "daily=2", "daily-0:lr daily-1:l daily-2:l daily-3:l",
                   "daily-0 daily-2 daily-3", "daily-0 daily-2 daily-3",
                   "-l daily-1; daily-0>daily-2; daily-2>daily-3");
    fixture_expect("daily=0", "daily=2", "daily-0:lr daily-2:lr daily-3:lr", "daily-0 daily-3",
                   "daily-0 daily-2 daily-3", "-l daily-2");
}

static void what_the_remote_does_not_want_is_not_sent(void **state)
{
    (void)state;
    fixture_expect("hourly=9", "daily=9", "hourly-1:l hourly-2:l", "hourly-1 hourly-2", "", "");
    fixture_expect("daily=9", "daily=2", "daily-1:l daily-2:l daily-3:l", "daily-1 daily-2 daily-3",
                   "daily-2 daily-3", "+daily-2; daily-2>daily-3");
}

static void i5_the_critical_ones_are_kept(void **state)
{
    (void)state;
    /* oldest of local, oldest of the remote, earliest shared, latest shared */
    fixture_expect("daily=0", "daily=0",
                   "daily-1:l daily-2:l daily-3:r daily-4:r daily-5:lr daily-6:lr daily-7:lr "
                   "daily-8:l daily-9:r",
                   "daily-1 daily-5 daily-7", "daily-3 daily-5 daily-7",
                   "-l daily-2; -l daily-6; -l daily-8; -r daily-4; -r daily-6; -r daily-9");
}

static void without_a_baseline_only_the_latest_shared_is_critical(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=0", "daily=0", "daily-1:l daily-2:r daily-3:lr daily-4:lr daily-5:lr");
    f.rules.keep_baseline = false;
    fixture_plan(&f);
    assert_string_equal(fixture_target(&f, SIDE_LOCAL), "daily-5");
    assert_string_equal(fixture_target(&f, SIDE_REMOTE), "daily-5");
    fixture_fini(&f);
}

static void unmanaged_types_are_neither_sent_nor_destroyed(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=1",
                   "daily-0:lr manual:l other-1:r daily-1:lr zfs-auto:lr daily-2:lr manual-2:l",
                   "daily-0 manual zfs-auto daily-2 manual-2", "daily-0 other-1 zfs-auto daily-2",
                   "-l daily-1; -r daily-1");
}

static void a_type_is_managed_if_either_policy_names_it_with_any_count(void **state)
{
    (void)state;
    fixture_expect("daily=9 hourly=0", "daily=9 weekly=0",
                   "daily-0:lr hourly-1:l weekly-2:l hourly-3:r weekly-4:r daily-5:lr",
                   "daily-0 daily-5", "daily-0 daily-5",
                   "-l hourly-1..weekly-2; -r hourly-3..weekly-4");
}

static void unmanaged_types_go_where_that_is_configured(void **state)
{
    (void)state;
    fixture_expect("daily=9 !", "daily=9", "daily-0:lr manual-1:lr daily-2:lr", "daily-0 daily-2",
                   "daily-0 manual-1 daily-2", "-l manual-1");
    fixture_expect("daily=9", "daily=9 !", "daily-0:lr manual-1:lr daily-2:lr",
                   "daily-0 manual-1 daily-2", "daily-0 daily-2", "-r manual-1");
}

static void unmanaged_types_stay_if_critical(void **state)
{
    (void)state;
    fixture_expect("daily=9 !", "daily=9 !", "manual-0:l manual-1:r manual-2:lr manual-3:lr",
                   "manual-0 manual-2 manual-3", "manual-1 manual-2 manual-3", "");
}

static void i4_held_and_cloned_ones_stay(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=1",
                   "daily-0:lr daily-1:lhr daily-2:lrh daily-3:lcr daily-4:lrc daily-5:lr",
                   "daily-0 daily-1 daily-3 daily-5", "daily-0 daily-2 daily-4 daily-5",
                   "-l daily-2; -l daily-4; -r daily-1; -r daily-3");
}

static void a_held_one_takes_no_place_from_others(void **state)
{
    (void)state;
    fixture_expect("daily=1", "", "daily-0:l daily-1:lh daily-2:l", "daily-0 daily-1 daily-2", "",
                   "");
}

static void i1_a_name_alone_is_no_counterpart(void **state)
{
    (void)state;
    /* two different daily-1: both count, and neither is shared */
    fixture_expect("daily=2", "daily=2",
                   "daily-0:lr daily-1:l@5000#11 daily-1:r@5500#12 daily-2:lr",
                   "daily-0 daily-1 daily-2", "daily-0 daily-1 daily-2", "");
}

static void i1_a_name_taken_on_the_remote_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", "daily-1:r#12 daily-0:lr daily-1:l#11");
    fixture_plan(&f);
    assert_int_equal(f.target.error.code, ERR_NAME_TAKEN);
    assert_non_null(strstr(f.target.error.msg, "daily-1"));
    assert_non_null(strstr(f.target.error.msg, "11"));
    assert_non_null(strstr(f.target.error.msg, "12"));
    assert_string_equal(fixture_steps(&f), "");
    fixture_fini(&f);
}

static void i1_a_taken_name_that_goes_by_policy_is_in_nobodys_way(void **state)
{
    (void)state;
    fixture_expect("daily=9 hourly=9", "daily=1 hourly=0",
                   "daily-0:lr daily-1:r#12 hourly-2:lr daily-1:l#11", "daily-0 hourly-2 daily-1",
                   "daily-0 hourly-2 daily-1", "-r daily-1; hourly-2>daily-1");
}

static void i1_a_renamed_copy_is_still_shared(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=1", "daily-0:lr daily-1:lr~old-1 daily-2:lr~new-2 daily-3:l",
                   "daily-0 daily-2 daily-3", "daily-0 old-1 new-2 daily-3",
                   "-l daily-1; daily-2>daily-3");
}

static void an_empty_remote_gets_one_copy_and_then_increments(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=9", "daily-1:l daily-2:l daily-3:l", "daily-1 daily-2 daily-3",
                   "daily-1 daily-2 daily-3", "+daily-1; daily-1>daily-2; daily-2>daily-3");
}

static void a_bookmark_stands_in_for_the_destroyed_snapshot(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=1", "daily-0:r daily-1:rb daily-2:l daily-3:l",
                   "daily-2 daily-3", "daily-0 daily-1 daily-3", "#daily-1>daily-3");
    fixture_expect("daily=9", "daily=9", "daily-1:rB daily-2:l", "daily-2", "daily-1 daily-2",
                   "#daily-1>daily-2");
}

static void i3_the_bookmarked_remote_snapshot_is_kept(void **state)
{
    (void)state;
    fixture_expect("daily=0", "daily=0", "daily-0:r daily-1:r daily-2:rb daily-3:l", "daily-3",
                   "daily-0 daily-2", "-r daily-1");
}

static size_t missing_bookmark(const char *words)
{
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", words);
    fixture_plan(&f);
    size_t place = target_missing_bookmark(&f.target, f.ds);
    fixture_fini(&f);
    return place;
}

static void i3_the_newest_shared_is_bookmarked_but_never_below_a_newer_bookmark(void **state)
{
    (void)state;
    assert_int_equal(missing_bookmark("daily-1:lr daily-2:lr"), 1);
    assert_int_equal(missing_bookmark("daily-1:lr daily-2:lrb"), TARGET_NONE);
    assert_int_equal(missing_bookmark("daily-1:lrb daily-2:lr"), 1);
    assert_int_equal(missing_bookmark("daily-1:lr daily-2:lrB"), 1);
    /* Somebody destroyed the newest shared here: its bookmark is the base of the next increment. */
    assert_int_equal(missing_bookmark("daily-1:lr daily-2:rb daily-3:l"), TARGET_NONE);
    assert_int_equal(missing_bookmark("daily-1:l daily-2:l"), TARGET_NONE);
}

static size_t old_bookmark(const char *words, size_t from)
{
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", words);
    fixture_plan(&f);
    size_t place = target_old_bookmark(&f.target, f.ds, from);
    fixture_fini(&f);
    return place;
}

static void i3_a_bookmark_of_ours_is_old_once_there_is_one_of_the_newest_shared(void **state)
{
    (void)state;
    assert_int_equal(old_bookmark("daily-1:lrb daily-2:lrb", 0), 0);
    assert_int_equal(old_bookmark("daily-1:rb daily-2:b daily-3:lrb", 0), 0);
    assert_int_equal(old_bookmark("daily-1:rb daily-2:b daily-3:lrb", 1), 1);
    assert_int_equal(old_bookmark("daily-1:rb daily-2:b daily-3:lrb", 2), TARGET_NONE);
    /* The newest shared has none yet, or none of ours: the older may be all there is. */
    assert_int_equal(old_bookmark("daily-1:lrb daily-2:lr", 0), TARGET_NONE);
    assert_int_equal(old_bookmark("daily-1:lrb daily-2:lrB", 0), TARGET_NONE);
    /* What is not ours stays. */
    assert_int_equal(old_bookmark("daily-1:lrB daily-2:lrb", 0), TARGET_NONE);
    /* A newer one that the remote has is the base, one that it has not is nothing at all. */
    assert_int_equal(old_bookmark("daily-1:lrb daily-2:rb", 0), 0);
    assert_int_equal(old_bookmark("daily-1:lrb daily-2:b", 0), TARGET_NONE);
    assert_int_equal(old_bookmark("daily-1:rb daily-2:b", 0), TARGET_NONE);
}

static void a_bookmark_older_than_the_latest_shared_keeps_nothing(void **state)
{
    (void)state;
    fixture_expect("daily=0", "daily=0", "daily-0:lr daily-1:lrB daily-2:rb daily-3:lr",
                   "daily-0 daily-3", "daily-0 daily-3", "-l daily-1; -r daily-1..daily-2");
}

static void a_bookmark_decides_by_createtxg_what_is_newer(void **state)
{
    (void)state;
    /* the clock stepped back after daily-1 */
    fixture_expect("daily=9", "daily=9", "daily-1:rb@9000 daily-2:l@2000", "daily-2",
                   "daily-1 daily-2", "#daily-1>daily-2");
    fixture_expect("daily=9", "daily=9", "daily-1:l@9900 daily-2:rb@9000", "daily-1", "daily-2",
                   "");
}

static void a_clock_that_stepped_back_does_not_stop_replication(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=9", "daily-1:lr@9000 daily-2:l@2000 daily-3:l@3000",
                   "daily-1 daily-2 daily-3", "daily-1 daily-2 daily-3",
                   "daily-1>daily-2; daily-2>daily-3");
}

static void assert_diverged(const char *words, const char *theirs, const char *ours)
{
    struct fixture f;
    fixture_init(&f, "daily=1 hourly=0", "daily=9", words);
    fixture_plan(&f);
    assert_int_equal(f.target.error.code, ERR_DIVERGED);
    assert_non_null(strstr(f.target.error.msg, theirs));
    assert_non_null(strstr(f.target.error.msg, ours));
    assert_non_null(strstr(f.target.error.msg, "destroy"));
    assert_non_null(strstr(f.target.error.msg, "rollback"));
    assert_string_equal(fixture_steps(&f), "");
    fixture_fini(&f);
}

static void sides_that_went_separate_ways_are_an_error_that_names_both_snapshots(void **state)
{
    (void)state;
    assert_diverged("daily-0:lr daily-1:lr daily-2:r daily-3:l daily-4:l", "daily-2", "daily-3");
    assert_diverged("daily-0:lr manual-2:r daily-3:l", "manual-2", "daily-3");
    /* even if the policy is about to destroy it */
    assert_diverged("daily-0:lr hourly-2:r daily-3:l", "hourly-2", "daily-3");
}

static void nothing_shared_at_all_is_diverged_too(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=9", "daily=9", "daily-1:r daily-2:l");
    fixture_plan(&f);
    assert_int_equal(f.target.error.code, ERR_DIVERGED);
    assert_non_null(strstr(f.target.error.msg, "rename"));
    fixture_fini(&f);
}

static void sides_that_differ_are_no_error_while_nothing_is_to_be_sent(void **state)
{
    (void)state;
    fixture_expect("daily=9 hourly=9", "daily=9", "daily-0:lr daily-1:lr daily-2:r hourly-3:l",
                   "daily-0 daily-1 hourly-3", "daily-0 daily-1 daily-2", "");
}

static void of_what_goes_at_the_tip_of_the_remote_nothing_is_left_when_none_waits(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=9 hourly=0", "daily-0:lr daily-1:lr hourly-2:r hourly-3:r",
                   "daily-0 daily-1", "daily-0 daily-1", "-r hourly-2..hourly-3");
}

static void i6_the_unknown_newest_of_the_remote_stays_while_an_older_one_of_ours_waits(void **state)
{
    (void)state;
    /* without hourly-3 the next plan would send daily-2, as if it had been destroyed for that */
    fixture_expect("daily=9", "daily=9 hourly=0", "daily-0:lr hourly-1:r daily-2:l hourly-3:r",
                   "daily-0 daily-2", "daily-0 hourly-3", "-r hourly-1");
}

static void what_goes_at_the_tip_of_the_remote_goes_if_another_unknown_one_is_below(void **state)
{
    (void)state;
    /* nothing could be sent without hourly-3 either: the next plan says that they diverged */
    fixture_expect("daily=9", "daily=9 hourly=0", "daily-0:lr manual-1:r daily-2:l hourly-3:r",
                   "daily-0 daily-2", "daily-0 manual-1", "-r hourly-3");
}

static void i6_what_vanishes_gives_its_place_to_what_a_stepping_clock_made_older(void **state)
{
    (void)state;
    /* daily-1 takes the remote's one place, cannot be sent, and goes: daily-3 is sent now */
    fixture_expect("hourly=1", "daily=1",
                   "daily-0:lr@100 daily-1:l@9000 hourly-2:lr@2000 "
                   "daily-3:l@3000",
                   "daily-0 hourly-2 daily-3", "daily-0 hourly-2 daily-3",
                   "-l daily-1; hourly-2>daily-3");
}

static void i9_a_dataset_that_only_the_remote_has_is_left_as_it_is(void **state)
{
    (void)state;
    fixture_expect("daily=0 !", "daily=0 !", "daily-0:r manual-1:r daily-2:r", "",
                   "daily-0 manual-1 daily-2", "");
}

static void a_local_dataset_that_lost_its_snapshots_is_no_lost_dataset(void **state)
{
    (void)state;
    fixture_expect("daily=9", "daily=1", "+l daily-0:r daily-1:r daily-2:r", "", "daily-0 daily-2",
                   "-r daily-1");
}

static void without_a_remote_there_is_only_retention(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "daily=1", "daily=9 weekly=9", "daily-0:l daily-1:l weekly-2:l daily-3:l");
    f.rules.has_remote = false;
    fixture_plan(&f);
    /* What only the remote's policy names waits for a remote, and is unmanaged meanwhile. */
    assert_string_equal(fixture_target(&f, SIDE_LOCAL), "daily-0 weekly-2 daily-3");
    assert_string_equal(fixture_target(&f, SIDE_REMOTE), "");
    assert_string_equal(fixture_steps(&f), "-l daily-1");
    fixture_fini(&f);
}

static void an_empty_dataset_has_an_empty_target(void **state)
{
    (void)state;
    fixture_expect("daily=1", "daily=1", "+l", "", "", "");
    fixture_expect("daily=1", "daily=1", "+l +r", "", "", "");
    fixture_expect("", "", "", "", "", "");
}

static void reasons_are_told_in_words(void **state)
{
    (void)state;
    char s[200];
    keep_describe(0, s, sizeof(s));
    assert_string_equal(s, "");
    keep_describe(KEEP_POLICY | KEEP_OLDEST | KEEP_TO_SEND, s, sizeof(s));
    assert_string_equal(s, "policy, oldest, to be sent");
    keep_describe(0xffff, s, 12);
    assert_string_equal(s, "policy, old");
    for (unsigned reason = 1; reason <= KEEP_STRAY; reason *= 2) {
        keep_describe(reason, s, sizeof(s));
        assert_true(s[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_each_type_are_kept_on_each_side),
        cmocka_unit_test(counts_are_over_the_union_of_both_sides),
        cmocka_unit_test(a_shared_snapshot_takes_one_place),
        cmocka_unit_test(i2_newest_is_by_creation_before_createtxg),
        cmocka_unit_test(i2_of_equal_seconds_the_later_createtxg_is_newer),
        cmocka_unit_test(of_equal_seconds_on_different_sides_both_are_kept),
        cmocka_unit_test(the_remote_gets_what_its_policy_keeps_and_only_local_has),
        cmocka_unit_test(only_what_is_newer_than_the_remotes_newest_is_sent),
        cmocka_unit_test(what_can_no_longer_be_sent_is_not_kept_for_it),
        cmocka_unit_test(what_is_to_be_sent_is_kept_locally_until_then),
        cmocka_unit_test(what_the_remote_does_not_want_is_not_sent),
        cmocka_unit_test(i5_the_critical_ones_are_kept),
        cmocka_unit_test(without_a_baseline_only_the_latest_shared_is_critical),
        cmocka_unit_test(unmanaged_types_are_neither_sent_nor_destroyed),
        cmocka_unit_test(a_type_is_managed_if_either_policy_names_it_with_any_count),
        cmocka_unit_test(unmanaged_types_go_where_that_is_configured),
        cmocka_unit_test(unmanaged_types_stay_if_critical),
        cmocka_unit_test(i4_held_and_cloned_ones_stay),
        cmocka_unit_test(a_held_one_takes_no_place_from_others),
        cmocka_unit_test(i1_a_name_alone_is_no_counterpart),
        cmocka_unit_test(i1_a_name_taken_on_the_remote_is_an_error),
        cmocka_unit_test(i1_a_taken_name_that_goes_by_policy_is_in_nobodys_way),
        cmocka_unit_test(i1_a_renamed_copy_is_still_shared),
        cmocka_unit_test(an_empty_remote_gets_one_copy_and_then_increments),
        cmocka_unit_test(a_bookmark_stands_in_for_the_destroyed_snapshot),
        cmocka_unit_test(i3_the_bookmarked_remote_snapshot_is_kept),
        cmocka_unit_test(i3_the_newest_shared_is_bookmarked_but_never_below_a_newer_bookmark),
        cmocka_unit_test(i3_a_bookmark_of_ours_is_old_once_there_is_one_of_the_newest_shared),
        cmocka_unit_test(a_bookmark_older_than_the_latest_shared_keeps_nothing),
        cmocka_unit_test(a_bookmark_decides_by_createtxg_what_is_newer),
        cmocka_unit_test(a_clock_that_stepped_back_does_not_stop_replication),
        cmocka_unit_test(sides_that_went_separate_ways_are_an_error_that_names_both_snapshots),
        cmocka_unit_test(nothing_shared_at_all_is_diverged_too),
        cmocka_unit_test(sides_that_differ_are_no_error_while_nothing_is_to_be_sent),
        cmocka_unit_test(of_what_goes_at_the_tip_of_the_remote_nothing_is_left_when_none_waits),
        cmocka_unit_test(
            i6_the_unknown_newest_of_the_remote_stays_while_an_older_one_of_ours_waits),
        cmocka_unit_test(what_goes_at_the_tip_of_the_remote_goes_if_another_unknown_one_is_below),
        cmocka_unit_test(i6_what_vanishes_gives_its_place_to_what_a_stepping_clock_made_older),
        cmocka_unit_test(i9_a_dataset_that_only_the_remote_has_is_left_as_it_is),
        cmocka_unit_test(a_local_dataset_that_lost_its_snapshots_is_no_lost_dataset),
        cmocka_unit_test(without_a_remote_there_is_only_retention),
        cmocka_unit_test(an_empty_dataset_has_an_empty_target),
        cmocka_unit_test(reasons_are_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
