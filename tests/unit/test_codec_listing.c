#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listing.h"
#include "mem.h"
#include "str.h"

static const struct dsname ROOT = {.s = "tank/data"};

/* Feeds `text` in portions that end at `split` and at its end. */
static int feed(struct inventory *inv, enum listing_kind kind, enum side side, const char *text,
                size_t split, struct err *e)
{
    struct listing listing;
    size_t len = strlen(text);
    char *first = mem_strndup(text, split);
    char *second = mem_strndup(text + split, len - split);
    listing_init(&listing, kind, inv, side, ROOT);
    int rc = listing_feed(&listing, first, split, e);
    if (rc == 0)
        rc = listing_feed(&listing, second, len - split, e);
    if (rc == 0)
        rc = listing_end(&listing, e);
    listing_fini(&listing);
    free(first);
    free(second);
    return rc;
}

static void read_all(struct inventory *inv, enum listing_kind kind, enum side side,
                     const char *text)
{
    struct err e = ERR_INIT;
    if (feed(inv, kind, side, text, 0, &e) != 0)
        fail_msg("%s", e.msg);
}

static void describe_set(const char *mark, const struct snapset *set, struct str *out)
{
    for (size_t i = 0; i < set->n; i++)
        str_add_format(out, " %s%s:%llu:%llu:%lld:%llu:%u", mark, set->v[i].name,
                       (unsigned long long)set->v[i].guid, (unsigned long long)set->v[i].createtxg,
                       (long long)set->v[i].creation, (unsigned long long)set->v[i].size,
                       set->v[i].flags);
}

/* The whole inventory as one text. */
static char *describe(struct inventory *inv)
{
    struct str out;
    str_init(&out);
    for (size_t i = 0; i < inv->n; i++) {
        for (int side = 0; side < SIDE_COUNT; side++) {
            const struct holding *h = &inv->v[i]->side[side];
            str_add_format(
                &out, "[%s] %s exists=%d listed=%d type=%d encrypted=%d space=%llu token=%s",
                inv->v[i]->name, side_name((enum side)side), h->exists, h->listed, (int)h->type,
                h->encrypted, (unsigned long long)h->space, h->token != NULL ? h->token : "none");
            describe_set("@", &h->snapshots, &out);
            describe_set("#", &h->bookmarks, &out);
            str_add_char(&out, '\n');
        }
    }
    char *text = str_take(&out);
    str_fini(&out);
    return text;
}

/* Some with the columns that may be left out, some without. */
static const char DATASETS[] = "tank/data\tfilesystem\toff\t-\t1000\t24\n"
                               "tank/data/home\tfilesystem\taes-256-gcm\t1-ab-cd-ef\t-\t7\n"
                               "tank/data/home/a b\tvolume\t-\t\n"
                               "tank/data/none\tfilesystem\toff\t-\n";

static const char SNAPSHOTS[] = "tank/data@daily-1\t1\t10\t1700000000\t4096\n"
                                "tank/data@daily-2\t18446744073709551615\t11\t-5\t-\n"
                                "tank/data#backupd-1\t1\t10\t1700000000\n"
                                "tank/data/home@x y\t9223372036854775808\t12\t0\n"
                                "tank/data/home/a b@c:d_e.f-g\t7\t18446744073709551615\t3\n"
                                "tank/data/home#old\t8\t9\t-\n";

static const char DETAILS[] = "tank/data@daily-1\t1\t0\t\n"
                              "tank/data@daily-2\t18446744073709551615\t2\t-\n"
                              "tank/data/home@x y\t9223372036854775808\t-\ttank/c 1,tank/d\n"
                              "tank/data/home@unknown\t99\t1\ttank/e\n"
                              "tank/data/appeared@meanwhile\t98\t1\t-\n";

static void datasets_snapshots_bookmarks_and_details_come_in(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_DATASETS, SIDE_LOCAL, DATASETS);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, SNAPSHOTS);
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL, DETAILS);
    char *seen = describe(&inv);
    assert_string_equal(
        seen, "[] local exists=1 listed=1 type=1 encrypted=0 space=1024 token=none "
              "@daily-1:1:10:1700000000:4096:4 @daily-2:18446744073709551615:11:-5:0:5 "
              "#backupd-1:1:10:1700000000:0:0\n"
              "[] remote exists=0 listed=0 type=0 encrypted=0 space=0 token=none\n"
              "[/home] local exists=1 listed=1 type=1 encrypted=1 space=7 token=1-ab-cd-ef "
              "@x y:9223372036854775808:12:0:0:6 #old:8:9:0:0:0\n"
              "[/home] remote exists=0 listed=0 type=0 encrypted=0 space=0 token=none\n"
              "[/home/a b] local exists=1 listed=1 type=2 encrypted=0 space=0 token=none "
              "@c:d_e.f-g:7:18446744073709551615:3:0:0\n"
              "[/home/a b] remote exists=0 listed=0 type=0 encrypted=0 space=0 token=none\n"
              "[/none] local exists=1 listed=1 type=1 encrypted=0 space=0 token=none\n"
              "[/none] remote exists=0 listed=0 type=0 encrypted=0 space=0 token=none\n");
    free(seen);
    inventory_fini(&inv);
}

static void a_text_split_anywhere_gives_the_same_inventory(void **state)
{
    (void)state;
    static const struct {
        enum listing_kind kind;
        const char *text;
    } LISTINGS[] = {
        {LISTING_DATASETS, DATASETS}, {LISTING_SNAPSHOTS, SNAPSHOTS}, {LISTING_DETAILS, DETAILS}};
    for (size_t which = 0; which < 3; which++) {
        char *whole = NULL;
        for (size_t split = 0; split <= strlen(LISTINGS[which].text); split++) {
            struct inventory inv;
            struct err e = ERR_INIT;
            inventory_init(&inv);
            for (size_t k = 0; k < 3; k++)
                assert_int_equal(feed(&inv, LISTINGS[k].kind, SIDE_REMOTE, LISTINGS[k].text,
                                      k == which ? split : 0, &e),
                                 0);
            char *seen = describe(&inv);
            if (whole == NULL)
                whole = mem_strdup(seen);
            assert_string_equal(seen, whole);
            free(seen);
            inventory_fini(&inv);
        }
        free(whole);
    }
}

static void the_space_of_a_dataset_is_its_own_and_that_of_its_snapshots(void **state)
{
    (void)state;
    static const struct {
        const char *columns;
        uint64_t space;
    } CASES[] = {
        {"", 0},
        {"\t1000\t24", 1024},
        {"\t1000\t-", 1000},
        {"\t-\t24", 24},
        {"\t-\t-", 0},
        {"\t\t", 0},
        {"\t0\t18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct inventory inv;
        struct str text;
        inventory_init(&inv);
        str_init(&text);
        str_add_format(&text, "tank/data\tfilesystem\toff\t-%s\n", CASES[i].columns);
        read_all(&inv, LISTING_DATASETS, SIDE_REMOTE, text.s);
        assert_true(inventory_find(&inv, "")->side[SIDE_REMOTE].space == CASES[i].space);
        assert_true(inventory_find(&inv, "")->side[SIDE_LOCAL].space == 0);
        str_fini(&text);
        inventory_fini(&inv);
    }
}

static void the_size_of_a_snapshot_may_be_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint64_t size;
    } CASES[] = {
        {"tank/data@a\t1\t2\t3\t4096\n", 4096},
        {"tank/data@a\t1\t2\t3\t18446744073709551615\n", UINT64_MAX},
        {"tank/data@a\t1\t2\t3\t-\n", 0},
        {"tank/data@a\t1\t2\t3\t\n", 0},
        {"tank/data@a\t1\t2\t3\n", 0},
        {"tank/data#b\t1\t2\t-\t-\ntank/data@a\t1\t2\t3\t7\n", 7},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct inventory inv;
        inventory_init(&inv);
        read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, CASES[i].line);
        const struct snapset *set = &inventory_find(&inv, "")->side[SIDE_LOCAL].snapshots;
        assert_int_equal(set->n, 1);
        assert_true(set->v[0].size == CASES[i].size && set->v[0].creation == 3);
        inventory_fini(&inv);
    }
}

static void a_listing_that_breaks_off_within_a_line_is_not_believed(void **state)
{
    (void)state;
    static const char text[] =
        "tank/data@a\t1\t2\t1700000000\t5\ntank/data@b\t2\t3\t1700086400\t5\n";
    const char *second = strchr(text, '\n') + 1;
    for (size_t len = 1; len < sizeof(text); len++) {
        struct inventory inv;
        struct err e = ERR_INIT;
        inventory_init(&inv);
        char *part = mem_strndup(text, len);
        bool whole = text + len == second || len == sizeof(text) - 1;
        int rc = feed(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, part, len / 2, &e);
        if (rc != (whole ? 0 : -1) || (rc != 0 && e.code != ERR_PARSE))
            fail_msg("%zu bytes: %d %s", len, rc, e.msg);
        const struct dataset *ds = inventory_find(&inv, "");
        assert_true(ds == NULL || ds->side[SIDE_LOCAL].listed == whole);
        free(part);
        inventory_fini(&inv);
    }
}

static void a_snapshot_line_makes_its_dataset_exist(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, "tank/data/x@a\t1\t2\t3\n");
    const struct dataset *ds = inventory_find(&inv, "/x");
    assert_non_null(ds);
    assert_true(ds->side[SIDE_LOCAL].exists && ds->side[SIDE_LOCAL].listed);
    assert_false(ds->side[SIDE_REMOTE].exists || ds->side[SIDE_REMOTE].listed);
    inventory_fini(&inv);
}

/* What one line of LISTING_CHANGES makes of the last three columns. */
static uint64_t revision_of(const char *columns)
{
    struct inventory inv;
    struct str text;
    inventory_init(&inv);
    str_init(&text);
    str_add_format(&text, "tank/data\tfilesystem\toff\t-\t1\t2\t%s\n", columns);
    read_all(&inv, LISTING_CHANGES, SIDE_REMOTE, text.s);
    const struct holding *holding = &inventory_find(&inv, "")->side[SIDE_REMOTE];
    uint64_t revision = holding->revision;
    assert_true(holding->exists);
    assert_int_equal(holding->space, 3);
    str_fini(&text);
    inventory_fini(&inv);
    return revision;
}

static void a_revision_is_of_guid_origin_and_time(void **state)
{
    (void)state;
    uint64_t revision = revision_of("77\t-\t1700000000");
    assert_true(revision != 0);
    assert_true(revision == revision_of("77\t-\t1700000000"));
    assert_true(revision != revision_of("78\t-\t1700000000"));
    assert_true(revision != revision_of("77\ttank/x@a\t1700000000"));
    assert_true(revision != revision_of("77\t-\t1700000001"));
    assert_true(revision_of("7\t7-\t1") != revision_of("77\t-\t1"));
    assert_int_equal(revision_of("77\t-\t-"), 0);
    assert_int_equal(revision_of("-\t-\t1700000000"), 0);
    assert_int_equal(revision_of("77\t-\tsoon"), 0);
}

static void a_listing_without_what_changed_knows_no_revision(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_CHANGES, SIDE_LOCAL, "tank/data\tfilesystem\toff\t-\t1\t2\t7\t-\t9\n");
    read_all(&inv, LISTING_DATASETS, SIDE_LOCAL, DATASETS);
    assert_int_equal(inventory_find(&inv, "")->side[SIDE_LOCAL].revision, 0);
    inventory_fini(&inv);
}

/* The digest of local after such a listing of its root. */
static uint64_t digest_of(enum listing_kind kind, const char *text)
{
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, kind, SIDE_LOCAL, text);
    uint64_t digest = inventory_find(&inv, "")->side[SIDE_LOCAL].digest;
    inventory_fini(&inv);
    return digest;
}

static void a_digest_is_of_every_name_guid_and_txg_and_of_no_order(void **state)
{
    (void)state;
    uint64_t digest = digest_of(LISTING_NAMES, "tank/data@a\t1\t2\ntank/data#b\t3\t4\n");
    assert_true(digest == digest_of(LISTING_NAMES, "tank/data#b\t3\t4\ntank/data@a\t1\t2\n"));
    assert_true(digest ==
                digest_of(LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t9\ntank/data#b\t3\t4\t9\n"));
    assert_true(digest != digest_of(LISTING_NAMES, "tank/data@c\t1\t2\ntank/data#b\t3\t4\n"));
    assert_true(digest != digest_of(LISTING_NAMES, "tank/data@a\t9\t2\ntank/data#b\t3\t4\n"));
    assert_true(digest != digest_of(LISTING_NAMES, "tank/data@a\t1\t9\ntank/data#b\t3\t4\n"));
    assert_true(digest != digest_of(LISTING_NAMES, "tank/data@a\t1\t2\ntank/data@b\t3\t4\n"));
    assert_true(digest != digest_of(LISTING_NAMES, "tank/data@a\t1\t2\n"));
    assert_true(digest_of(LISTING_NAMES, "tank/data@a\t1\t2\ntank/data@b\t3\t4\n") !=
                digest_of(LISTING_NAMES, "tank/data@b\t1\t2\ntank/data@a\t3\t4\n"));
}

static void what_is_skipped_does_not_count_as_listed(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_DATASETS, SIDE_REMOTE, DATASETS);
    inventory_find(&inv, "/home")->side[SIDE_REMOTE].skipped = true;
    read_all(&inv, LISTING_NAMES, SIDE_REMOTE, "tank/data@a\t1\t2\n");
    assert_true(inventory_find(&inv, "")->side[SIDE_REMOTE].listed);
    assert_false(inventory_find(&inv, "/home")->side[SIDE_REMOTE].listed);
    inventory_fini(&inv);
}

static void lines_of_several_datasets_may_be_mixed(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL,
             "tank/data/x@a\t1\t2\t3\ntank/data/y@a\t2\t2\t3\ntank/data/x@b\t3\t3\t3\n"
             "tank/data/y@b\t4\t3\t3\n");
    assert_int_equal(inventory_find(&inv, "/x")->side[SIDE_LOCAL].snapshots.n, 2);
    assert_int_equal(inventory_find(&inv, "/y")->side[SIDE_LOCAL].snapshots.n, 2);
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL,
             "tank/data/x@b\t3\t1\t-\ntank/data/y@b\t4\t1\t-\ntank/data/x@a\t1\t1\t-\n");
    assert_int_equal(inventory_find(&inv, "/x")->side[SIDE_LOCAL].snapshots.v[0].flags,
                     SNAPSHOT_HELD | SNAPSHOT_CONFIRMED);
    assert_int_equal(inventory_find(&inv, "/x")->side[SIDE_LOCAL].snapshots.v[1].flags,
                     SNAPSHOT_HELD | SNAPSHOT_CONFIRMED);
    assert_int_equal(inventory_find(&inv, "/y")->side[SIDE_LOCAL].snapshots.v[0].flags, 0);
    inventory_fini(&inv);
}

static void details_clear_what_is_no_longer_so(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, "tank/data@a\t1\t2\t3\n");
    const struct snapset *set = &inventory_find(&inv, "")->side[SIDE_LOCAL].snapshots;
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL, "tank/data@renamed\t1\t3\ttank/clone\n");
    assert_int_equal(set->v[0].flags, SNAPSHOT_HELD | SNAPSHOT_CLONED);
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL, "tank/data@a\t1\t0\t-\n");
    assert_int_equal(set->v[0].flags, SNAPSHOT_CONFIRMED);
    inventory_fini(&inv);
}

static void i8_a_snapshot_that_lost_its_name_to_another_is_not_confirmed(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, "tank/data@a\t1\t2\t3\ntank/data@b\t2\t3\t3\n");
    const struct snapset *set = &inventory_find(&inv, "")->side[SIDE_LOCAL].snapshots;
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL, "tank/data@a\t2\t0\t-\n");
    assert_int_equal(set->v[0].flags, 0);
    assert_int_equal(set->v[1].flags, 0);
    inventory_fini(&inv);
}

static void a_listing_of_datasets_that_is_empty_is_not_believed(void **state)
{
    (void)state;
    struct inventory inv;
    struct listing listing;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    listing_init(&listing, LISTING_DATASETS, &inv, SIDE_LOCAL, ROOT);
    assert_int_equal(listing_end(&listing, &e), -1);
    assert_int_equal(e.code, ERR_PARSE);
    listing_fini(&listing);
    inventory_fini(&inv);
}

static void a_guid_may_be_in_two_datasets_but_not_twice_in_one(void **state)
{
    (void)state;
    struct inventory inv;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL,
             "tank/data/x@a\t1\t2\t3\ntank/data/y@a\t1\t2\t3\n");
    inventory_fini(&inv);
    inventory_init(&inv);
    assert_int_equal(feed(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL,
                          "tank/data/x@a\t1\t2\t3\ntank/data/x@b\t5\t3\t3\n"
                          "tank/data/y@a\t1\t2\t3\ntank/data/x@c\t1\t4\t3\n",
                          0, &e),
                     -1);
    assert_int_equal(e.code, ERR_PARSE);
    assert_string_equal(e.msg, "the listing of tank/data/x has the guid 1 twice: @a, @c");
    assert_false(inventory_find(&inv, "/x")->side[SIDE_LOCAL].listed);
    assert_false(inventory_find(&inv, "/y")->side[SIDE_LOCAL].listed);
    inventory_fini(&inv);
}

static void two_bookmarks_may_share_a_guid(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL,
             "tank/data@a\t1\t2\t3\ntank/data#a\t1\t2\t3\ntank/data#b\t1\t2\t3\n");
    assert_int_equal(inventory_find(&inv, "")->side[SIDE_LOCAL].bookmarks.n, 2);
    inventory_fini(&inv);
}

struct bad_line {
    enum listing_kind kind;
    const char *line;
    const char *why;
};

static const struct bad_line BAD_LINES[] = {
    {LISTING_DATASETS, "", "too few columns"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff", "too few columns"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t-", "too few columns"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t1\t2\t3", "too many columns"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t1\t2\t", "too many columns"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\tx\t2", "space used is no number"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t1\t-2", "space used is no number"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t1\t1.5K", "space used is no number"},
    {LISTING_DATASETS, "tank/data/x\tfilesystem\toff\t-\t18446744073709551616\t0",
     "space used is no number"},
    {LISTING_DATASETS, "tank/data/x\tsnapshot\toff\t-", "neither a filesystem nor a volume"},
    {LISTING_DATASETS, "tank/database\tfilesystem\toff\t-", "outside the root"},
    {LISTING_DATASETS, "tank\tfilesystem\toff\t-", "outside the root"},
    {LISTING_DATASETS, "tank/data/\tfilesystem\toff\t-", "illegal dataset name"},
    {LISTING_DATASETS, "tank/data/../x\tfilesystem\toff\t-", "illegal dataset name"},
    {LISTING_DATASETS, "tank/data/x@y\tfilesystem\toff\t-", "illegal dataset name"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2", "too few columns"},
    {LISTING_SNAPSHOTS, "tank/data\t1\t2\t3", "no name of a snapshot"},
    {LISTING_SNAPSHOTS, "tank/data@\t1\t2\t3", "illegal snapshot name"},
    {LISTING_SNAPSHOTS, "tank/data@a/b\t1\t2\t3", "illegal snapshot name"},
    {LISTING_SNAPSHOTS, "tank/data@a@b\t1\t2\t3", "illegal snapshot name"},
    {LISTING_SNAPSHOTS, "tank/data@a$(x)\t1\t2\t3", "illegal snapshot name"},
    {LISTING_SNAPSHOTS, "tank/da\x01ta@a\t1\t2\t3", "outside the root"},
    {LISTING_SNAPSHOTS, "tank/data/*@a\t1\t2\t3", "illegal dataset name"},
    {LISTING_SNAPSHOTS, "tank/data@a\t\t2\t3", "guid is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t-\t2\t3", "guid is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t18446744073709551616\t2\t3", "guid is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t0x1\t2\t3", "guid is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t-2\t3", "createtxg is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t-", "creation is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\tFri Nov 21", "creation is no number"},
    {LISTING_SNAPSHOTS, "tank/data#a\t1\t2\tx", "creation is no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t3\t4\t5", "too many columns"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t3\tx", "bytes written are no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t3\t-4", "bytes written are no number"},
    {LISTING_SNAPSHOTS, "tank/data@a\t1\t2\t3\t18446744073709551616",
     "bytes written are no number"},
    {LISTING_DETAILS, "tank/data@a\t1\t0\t-\t-", "too many columns"},
    {LISTING_DETAILS, "tank/data#a\t1\t0\t-", "no name of a snapshot"},
    {LISTING_DETAILS, "tank/data@a\tx\t0\t-", "guid is no number"},
    {LISTING_DETAILS, "tank/data@a\t1\t\t-", "userrefs are no number"},
    {LISTING_DETAILS, "tank/data@a\t1\tyes\t-", "userrefs are no number"},
    {LISTING_DETAILS, "cannot open 'tank': I/O error", "too few columns"},
    {LISTING_NAMES, "tank/data@a\t1", "too few columns"},
    {LISTING_NAMES, "tank/data@a\t1\t2\t3", "too many columns"},
    {LISTING_NAMES, "tank/data@a\t-\t2", "guid is no number"},
    {LISTING_NAMES, "tank/data@a\t1\tx", "createtxg is no number"},
    {LISTING_NAMES, "tank/data@a/b\t1\t2", "illegal snapshot name"},
    {LISTING_FACTS, "tank/data@a\t1\t2", "too few columns"},
    {LISTING_FACTS, "tank/data@a\t1\t2\t3\t4", "too many columns"},
    {LISTING_FACTS, "tank/else@a\t1\t2\t3", "outside the root"},
    {LISTING_FACTS, "tank/data@a\tx\t2\t3", "guid is no number"},
    {LISTING_FACTS, "tank/data@a\t1\t-\t3", "creation is no number"},
    {LISTING_FACTS, "tank/data@a\t1\t2\t3x", "bytes written are no number"},
};

static void a_bad_line_is_named_and_quoted(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"tank/data\tfilesystem\toff\t-\n",
                                       "tank/data@good\t5\t5\t5\n", "tank/data@good\t5\t0\t-\n",
                                       "tank/data@good\t5\t5\n", "tank/data@good\t5\t5\t5\n"};
    for (size_t i = 0; i < sizeof(BAD_LINES) / sizeof(BAD_LINES[0]); i++) {
        const struct bad_line *bad = &BAD_LINES[i];
        struct inventory inv;
        struct err e = ERR_INIT;
        struct str text;
        inventory_init(&inv);
        str_init(&text);
        str_add_format(&text, "%s%s\n%s", GOOD[bad->kind], bad->line, GOOD[bad->kind]);
        assert_int_equal(feed(&inv, bad->kind, SIDE_LOCAL, text.s, 0, &e), -1);
        assert_int_equal(e.code, ERR_PARSE);
        char *tab = strchr(bad->line, '\t');
        size_t quoted = tab != NULL ? (size_t)(tab - bad->line) : strlen(bad->line);
        str_clear(&text);
        str_add_bytes(&text, bad->line, strchr(bad->line, '\x01') != NULL ? 7 : quoted);
        if (strstr(e.msg, "line 2 of the listing: ") == NULL || strstr(e.msg, bad->why) == NULL ||
            strstr(e.msg, text.s) == NULL)
            fail_msg("of \"%s\": %s", bad->line, e.msg);
        for (size_t k = 0; k < inv.n; k++)
            assert_false(inv.v[k]->side[SIDE_LOCAL].listed);
        str_fini(&text);
        inventory_fini(&inv);
    }
}

static void the_quoted_line_is_as_it_was(void **state)
{
    (void)state;
    struct inventory inv;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    feed(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, "tank/else@a b\t1\t2\t3\x7f", 0, &e);
    assert_string_equal(e.msg, "line 1 of the listing: a name outside the root: "
                               "\"tank/else@a b\\t1\\t2\\t3\\x7f\"");
    inventory_fini(&inv);
}

static void a_name_longer_than_zfs_allows_is_refused(void **state)
{
    (void)state;
    struct inventory inv;
    struct err e = ERR_INIT;
    struct str text;
    inventory_init(&inv);
    str_init(&text);
    str_add(&text, "tank/data/");
    while (text.len < 200)
        str_add_char(&text, 'x');
    str_add_char(&text, '@');
    while (text.len < 255)
        str_add_char(&text, 'y');
    str_add(&text, "\t1\t2\t3\n");
    assert_int_equal(feed(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, text.s, 0, &e), 0);
    text.s[10] = 'y'; /* another dataset, and one byte more */
    text.s[255] = 'y';
    str_cut(&text, 256);
    str_add(&text, "\t1\t2\t3\n");
    assert_int_equal(feed(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, text.s, 0, &e), -1);
    assert_non_null(strstr(e.msg, "longer than 255"));
    str_fini(&text);
    inventory_fini(&inv);
}

static void after_a_bad_line_the_end_fails_too(void **state)
{
    (void)state;
    struct inventory inv;
    struct listing listing;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    listing_init(&listing, LISTING_SNAPSHOTS, &inv, SIDE_LOCAL, ROOT);
    assert_int_equal(listing_feed(&listing, "tank/data@a\t1\t2\t3\nrubbish\n", 27, &e), -1);
    assert_int_equal(listing_end(&listing, &e), -1);
    assert_false(inventory_find(&inv, "")->side[SIDE_LOCAL].listed);
    listing_fini(&listing);
    inventory_fini(&inv);
}

static void only_a_listing_of_snapshots_counts_as_one(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_DATASETS, SIDE_LOCAL, DATASETS);
    read_all(&inv, LISTING_DETAILS, SIDE_LOCAL, DETAILS);
    assert_false(inventory_find(&inv, "/home")->side[SIDE_LOCAL].listed);
    inventory_fini(&inv);
}

/* ---- names alone, and facts by guid ---- */

static void names_are_completed_by_what_is_known_of_their_guids(void **state)
{
    (void)state;
    struct inventory inv;
    struct facts facts;
    inventory_init(&inv);
    facts_init(&facts);
    facts_add(&facts, SIDE_LOCAL, 7, 1700000000, 4096);
    inv.facts = &facts;
    read_all(&inv, LISTING_NAMES, SIDE_LOCAL,
             "tank/data@a\t7\t1\ntank/data@b\t8\t2\ntank/data#backupd-7\t7\t1\n");
    const struct holding *h = &inventory_find(&inv, "")->side[SIDE_LOCAL];
    assert_true(h->listed);
    assert_int_equal(h->snapshots.v[0].creation, 1700000000);
    assert_int_equal(h->snapshots.v[0].size, 4096);
    assert_int_equal(h->snapshots.v[0].flags, 0);
    assert_int_equal(h->bookmarks.v[0].creation, 1700000000);
    assert_int_equal(h->snapshots.v[1].flags, SNAPSHOT_BARE);
    assert_int_equal(inv.bare[SIDE_LOCAL], 1);
    assert_int_equal(inv.bare[SIDE_REMOTE], 0);
    inventory_fini(&inv);
    facts_fini(&facts);
}

static void i1_facts_are_of_a_guid_and_not_of_a_name(void **state)
{
    (void)state;
    struct inventory inv;
    struct facts facts;
    inventory_init(&inv);
    facts_init(&facts);
    inv.facts = &facts;
    read_all(&inv, LISTING_NAMES, SIDE_LOCAL, "tank/data@a\t7\t1\ntank/data@b\t8\t2\n");
    /* meanwhile a was renamed, and another snapshot took the name b */
    read_all(&inv, LISTING_FACTS, SIDE_LOCAL, "tank/data@c\t7\t500\t1\ntank/data@b\t9\t600\t2\n");
    inventory_complete(&inv, SIDE_LOCAL);
    const struct snapset *set = &inventory_find(&inv, "")->side[SIDE_LOCAL].snapshots;
    assert_int_equal(set->n, 2);
    assert_int_equal(set->v[0].creation, 500);
    assert_int_equal(set->v[0].flags, 0);
    assert_int_equal(set->v[1].creation, 0);
    assert_int_equal(set->v[1].flags, SNAPSHOT_BARE);
    assert_int_equal(inv.bare[SIDE_LOCAL], 1);
    inventory_fini(&inv);
    facts_fini(&facts);
}

static void without_facts_every_name_is_bare(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    read_all(&inv, LISTING_NAMES, SIDE_REMOTE, "tank/data@a\t7\t1\ntank/data#b\t8\t2\n");
    assert_int_equal(inv.bare[SIDE_REMOTE], 2);
    inventory_fini(&inv);
}

static void a_full_listing_makes_its_guids_known(void **state)
{
    (void)state;
    struct inventory inv;
    struct facts facts;
    struct snapshot snap = {.guid = 7};
    inventory_init(&inv);
    facts_init(&facts);
    inv.facts = &facts;
    read_all(&inv, LISTING_SNAPSHOTS, SIDE_LOCAL, "tank/data@a\t7\t1\t500\t42\n");
    assert_true(facts_recall(&facts, &snap));
    assert_int_equal(snap.creation, 500);
    assert_int_equal(snap.size, 42);
    inventory_fini(&inv);
    facts_fini(&facts);
}

/* What is known outlives a listing, so half a number must not become it. */
static void a_listing_that_is_refused_makes_nothing_known(void **state)
{
    (void)state;
    static const struct {
        enum listing_kind kind;
        const char *text;
    } REFUSED[] = {
        {LISTING_SNAPSHOTS, "tank/data@a\t7\t1\t500\t42\ntank/data@b\t8\t2\t17000"},
        {LISTING_SNAPSHOTS, "tank/data@a\t7\t1\t500\t42\ntank/data@b\t8\tx\t17000\t1\n"},
        {LISTING_SNAPSHOTS, "tank/data@a\t7\t1\t500\t42\ntank/data@b\t7\t2\t17000\t1\n"},
        {LISTING_FACTS, "tank/data@a\t7\t500\t42\ntank/data@b\t8\t600\t4"},
        {LISTING_FACTS, "tank/data@a\t7\t500\t42\ntank/data@b\t8\tx\t42\n"},
    };
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        struct inventory inv;
        struct facts facts;
        struct err e = ERR_INIT;
        inventory_init(&inv);
        facts_init(&facts);
        inv.facts = &facts;
        read_all(&inv, LISTING_DATASETS, SIDE_LOCAL, "tank/data\tfilesystem\toff\t-\t1\t1\n");
        assert_int_equal(feed(&inv, REFUSED[i].kind, SIDE_LOCAL, REFUSED[i].text, 0, &e), -1);
        assert_int_equal(facts.n, 0);
        inventory_fini(&inv);
        facts_fini(&facts);
    }
}

/* Feeds facts whose program then failed, because some of the names were gone. */
static void feed_partly(struct inventory *inv, enum listing_kind kind, const char *text)
{
    struct listing listing;
    struct err e = ERR_INIT;
    listing_init(&listing, kind, inv, SIDE_LOCAL, ROOT);
    (void)listing_feed(&listing, text, strlen(text), &e);
    listing_end_partly(&listing);
    listing_fini(&listing);
}

static void of_names_that_are_gone_in_part_the_others_become_known(void **state)
{
    (void)state;
    struct inventory inv;
    struct facts facts;
    inventory_init(&inv);
    facts_init(&facts);
    inv.facts = &facts;
    read_all(&inv, LISTING_NAMES, SIDE_LOCAL, "tank/data@a\t7\t1\ntank/data@b\t8\t2\n");
    feed_partly(&inv, LISTING_FACTS, "tank/data@a\t7\t500\t42\ntank/data@b\t8\t60");
    assert_int_equal(facts.n, 0);
    feed_partly(&inv, LISTING_SNAPSHOTS, "tank/data@a\t7\t1\t500\t42\n");
    assert_int_equal(facts.n, 0);
    feed_partly(&inv, LISTING_FACTS, "tank/data@a\t7\t500\t42\n");
    assert_int_equal(facts.n, 1);
    inventory_fini(&inv);
    facts_fini(&facts);
}

static void a_listing_of_names_needs_every_guid_once_too(void **state)
{
    (void)state;
    struct inventory inv;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    assert_int_equal(
        feed(&inv, LISTING_NAMES, SIDE_LOCAL, "tank/data@a\t1\t2\ntank/data@b\t1\t3\n", 0, &e), -1);
    assert_int_equal(e.code, ERR_PARSE);
    assert_false(inventory_find(&inv, "")->side[SIDE_LOCAL].listed);
    inventory_fini(&inv);
}

/* ---- the end in portions ---- */

enum { PORTION_DATASETS = 6, PORTION_EACH = 3 };

/* Names of all datasets; the guid of the very last one is `last`. */
static char *many_names(uint64_t last)
{
    struct str text;
    str_init(&text);
    for (uint64_t i = 0; i < PORTION_DATASETS * PORTION_EACH; i++) {
        bool is_last = i + 1 == PORTION_DATASETS * PORTION_EACH;
        str_add_format(&text, "tank/data/%u@s%u\t%u\t%u\n", (unsigned)(i / PORTION_EACH),
                       (unsigned)i, (unsigned)(is_last ? last : i + 1), (unsigned)i + 1);
    }
    return text.s;
}

/* Ends the listing of `text` in portions. Returns what the last of them returned. */
static int end_in_portions(struct inventory *inv, const char *text, size_t portion,
                           unsigned *ret_more, struct err *e)
{
    struct listing listing;
    listing_init(&listing, LISTING_NAMES, inv, SIDE_LOCAL, ROOT);
    assert_int_equal(0, listing_feed(&listing, text, strlen(text), e));
    int rc;
    *ret_more = 0;
    while ((rc = listing_end_some(&listing, portion, e)) == LISTING_MORE)
        (*ret_more)++;
    listing_fini(&listing);
    return rc;
}

/* A dataset counts its snapshots and 1, and is gone over twice. */
static void the_end_of_a_listing_goes_over_no_more_than_a_portion_at_a_time(void **state)
{
    static const struct {
        size_t portion;
        unsigned more;
    } CASES[] = {{1, 12}, {4, 12}, {5, 6}, {8, 6}, {24, 2}, {1000, 0}};
    char *text = many_names(99);
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct inventory inv;
        struct facts facts;
        struct err e = ERR_INIT;
        unsigned more;
        inventory_init(&inv);
        facts_init(&facts);
        facts_add(&facts, SIDE_LOCAL, 1, 500, 1);
        facts_add(&facts, SIDE_LOCAL, 99, 600, 1);
        inv.facts = &facts;
        assert_int_equal(0, end_in_portions(&inv, text, CASES[i].portion, &more, &e));
        assert_int_equal(CASES[i].more, more);
        assert_int_equal(PORTION_DATASETS * PORTION_EACH - 2, inv.bare[SIDE_LOCAL]);
        assert_int_equal(600, inventory_find(&inv, "/5")->side[SIDE_LOCAL].snapshots.v[2].creation);
        for (size_t d = 0; d < inv.n; d++)
            assert_true(inv.v[d]->side[SIDE_LOCAL].listed);
        inventory_fini(&inv);
        facts_fini(&facts);
    }
    free(text);
}

static void nothing_is_kept_of_a_listing_before_all_of_it_is_checked(void **state)
{
    struct inventory inv;
    struct err e = ERR_INIT;
    unsigned more;
    char *text = many_names(PORTION_DATASETS * PORTION_EACH - 1); /* as the one before */
    (void)state;
    inventory_init(&inv);
    assert_int_equal(-1, end_in_portions(&inv, text, 1, &more, &e));
    assert_int_equal(ERR_PARSE, e.code);
    assert_int_equal(PORTION_DATASETS - 1, more);
    for (size_t d = 0; d < inv.n; d++)
        assert_false(inv.v[d]->side[SIDE_LOCAL].listed);
    inventory_fini(&inv);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_snapshots_bookmarks_and_details_come_in),
        cmocka_unit_test(a_text_split_anywhere_gives_the_same_inventory),
        cmocka_unit_test(the_space_of_a_dataset_is_its_own_and_that_of_its_snapshots),
        cmocka_unit_test(the_size_of_a_snapshot_may_be_left_out),
        cmocka_unit_test(a_revision_is_of_guid_origin_and_time),
        cmocka_unit_test(a_listing_without_what_changed_knows_no_revision),
        cmocka_unit_test(a_digest_is_of_every_name_guid_and_txg_and_of_no_order),
        cmocka_unit_test(what_is_skipped_does_not_count_as_listed),
        cmocka_unit_test(a_listing_that_breaks_off_within_a_line_is_not_believed),
        cmocka_unit_test(a_snapshot_line_makes_its_dataset_exist),
        cmocka_unit_test(lines_of_several_datasets_may_be_mixed),
        cmocka_unit_test(details_clear_what_is_no_longer_so),
        cmocka_unit_test(i8_a_snapshot_that_lost_its_name_to_another_is_not_confirmed),
        cmocka_unit_test(a_listing_of_datasets_that_is_empty_is_not_believed),
        cmocka_unit_test(a_guid_may_be_in_two_datasets_but_not_twice_in_one),
        cmocka_unit_test(two_bookmarks_may_share_a_guid),
        cmocka_unit_test(a_bad_line_is_named_and_quoted),
        cmocka_unit_test(the_quoted_line_is_as_it_was),
        cmocka_unit_test(a_name_longer_than_zfs_allows_is_refused),
        cmocka_unit_test(after_a_bad_line_the_end_fails_too),
        cmocka_unit_test(only_a_listing_of_snapshots_counts_as_one),
        cmocka_unit_test(names_are_completed_by_what_is_known_of_their_guids),
        cmocka_unit_test(i1_facts_are_of_a_guid_and_not_of_a_name),
        cmocka_unit_test(without_facts_every_name_is_bare),
        cmocka_unit_test(a_full_listing_makes_its_guids_known),
        cmocka_unit_test(a_listing_that_is_refused_makes_nothing_known),
        cmocka_unit_test(of_names_that_are_gone_in_part_the_others_become_known),
        cmocka_unit_test(a_listing_of_names_needs_every_guid_once_too),
        cmocka_unit_test(the_end_of_a_listing_goes_over_no_more_than_a_portion_at_a_time),
        cmocka_unit_test(nothing_is_kept_of_a_listing_before_all_of_it_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
