/* zfs snapshot, bookmark, rollback, hold and release. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "destroy.h"
#include "output.h"
#include "world.h"

/* ---- snapshot ---- */

static void take(struct dataset *ds, const char *name, uint64_t txg)
{
    struct snap snap = {.name = world_keep(name),
                        .guid = world_next_guid(),
                        .txg = txg,
                        .creation = world_now(),
                        .referenced = ds->referenced,
                        .written = ds->pending};
    snap_add(ds, &snap);
    ds->pending = 0;
    ds->changed = snap.creation;
    state_save(ds);
}

/* What one word of the command names, and its tree. */
static struct dataset **open_tree(const char *full, bool recursive, size_t *ret_n,
                                  const char **ret_name)
{
    const char *dataset;
    const char *fault = name_fault(full);
    *ret_name = name_split(full, "@", &dataset);
    if (*ret_name == NULL || strpbrk(*ret_name, "@/#") != NULL)
        fail(2, "cannot create snapshot '%s': %s\n", full,
             "missing '@' delimiter in snapshot name, did you mean to use -r?");
    if (fault != NULL)
        fail(1, "cannot create snapshot '%s': %s\n", full, fault);
    if (open_or_complain(dataset, dataset) == NULL)
        usage("snapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...");
    return state_tree(dataset, recursive ? -1 : 0, ret_n);
}

void zfs_snapshot(int argc, char **argv)
{
    bool recursive = false;
    const char *name;
    size_t n;
    for (int option; (option = getopt(argc, argv, "+ro:")) != -1;) {
        if (option == '?')
            unknown_option(optopt);
        recursive = recursive || option == 'r';
    }
    if (optind == argc)
        fail(2, "missing snapshot argument\n");
    world_lock(true);
    for (int i = optind; i < argc; i++) {
        struct dataset **tree = open_tree(argv[i], recursive, &n, &name);
        bool exists = false;
        for (size_t k = 0; k < n; k++) {
            if (snap_find(tree[k], name) == NULL)
                continue;
            exists = true;
            complain("cannot create snapshot '%s@%s': dataset already exists\n", tree[k]->name,
                     name);
        }
        if (exists)
            fail(1, "%s", recursive ? "no snapshots were created\n" : "");
        if (state_room(tree[0]->name) == 0)
            fail(1, "cannot create snapshots : out of space\n");
        free(tree);
    }
    uint64_t txg = world_next_txg();
    for (int i = optind; i < argc; i++) {
        struct dataset **tree = open_tree(argv[i], recursive, &n, &name);
        for (size_t k = 0; k < n; k++)
            if (snap_find(tree[k], name) == NULL)
                take(tree[k], name, txg);
        free(tree);
    }
    finish(0);
}

/* ---- bookmark ---- */

void zfs_bookmark(int argc, char **argv)
{
    struct dataset *ds;
    const char *dataset = NULL;
    if (argc != 3)
        fail(2, "missing or too many arguments\n");
    world_lock(true);
    const struct snap *snap = open_snap_or_complain(argv[1], &ds);
    if (snap == NULL)
        usage("bookmark <snapshot|bookmark> <newbookmark>");
    const char *name = name_split(argv[2], "#", &dataset);
    if (name == NULL || name_fault(argv[2]) != NULL ||
        (dataset[0] != '\0' && strcmp(dataset, ds->name) != 0))
        fail(1, "cannot create bookmark '%s': invalid argument\n", argv[2]);
    const struct snap *same = bookmark_find(ds, name);
    if (same != NULL)
        fail(1, "cannot create bookmark '%s': bookmark exists\n", argv[2]);
    struct snap bookmark = *snap;
    bookmark.name = world_keep(name);
    bookmark_add(ds, &bookmark);
    state_save(ds);
    finish(0);
}

/* ---- rollback ---- */

static void roll_back(struct dataset *ds, const char *name)
{
    for (struct snap *newest = snap_newest(ds); strcmp(newest->name, name) != 0;
         newest = snap_newest(ds))
        destroy_snap(ds, newest);
    ds->referenced = snap_find(ds, name)->referenced;
    ds->pending = 0;
    state_save(ds);
}

void zfs_rollback(int argc, char **argv)
{
    bool recursive = false;
    struct dataset *ds;
    for (int option; (option = getopt(argc, argv, "+rRf")) != -1;)
        recursive = recursive || option == 'r' || option == 'R';
    if (optind + 1 != argc)
        fail(2, "missing dataset argument\n");
    world_lock(true);
    const struct snap *snap = open_snap_or_complain(argv[optind], &ds);
    if (snap == NULL)
        finish(1);
    bool newer = snap != snap_newest(ds);
    for (size_t i = 0; i < ds->bookmark_n; i++)
        newer = newer || ds->bookmarks[i].txg > snap->txg;
    if (newer && !recursive) {
        complain("cannot rollback to '%s': more recent snapshots or bookmarks exist\n"
                 "use '-r' to force deletion of the following snapshots and bookmarks:\n",
                 argv[optind]);
        for (size_t i = 0; i < ds->snap_n; i++)
            if (ds->snaps[i].txg > snap->txg)
                complain("%s@%s\n", ds->name, ds->snaps[i].name);
        for (size_t i = 0; i < ds->bookmark_n; i++)
            if (ds->bookmarks[i].txg > snap->txg)
                complain("%s#%s\n", ds->name, ds->bookmarks[i].name);
        finish(1);
    }
    roll_back(ds, world_keep(snap->name));
    finish(0);
}

/* ---- holds ---- */

static size_t find_hold(const struct dataset *ds, const char *snap, const char *tag)
{
    for (size_t i = 0; i < ds->hold_n; i++)
        if (strcmp(ds->holds[i].snap, snap) == 0 && strcmp(ds->holds[i].tag, tag) == 0)
            return i;
    return SIZE_MAX;
}

static void hold_one(struct dataset *ds, const char *name, const char *tag)
{
    if (find_hold(ds, name, tag) != SIZE_MAX)
        fail(1, "cannot hold snapshot '%s@%s': tag already exists on this dataset\n", ds->name,
             name);
    hold_add(ds, name, tag);
    state_save(ds);
}

static void release_one(struct dataset *ds, const char *name, const char *tag)
{
    size_t at = find_hold(ds, name, tag);
    if (at == SIZE_MAX)
        fail(1, "cannot release hold from snapshot '%s@%s': no such tag on this dataset\n",
             ds->name, name);
    ds->holds[at] = ds->holds[--ds->hold_n];
    state_save(ds);
}

static _Noreturn void hold_or_release(int argc, char **argv, bool releases)
{
    bool recursive = false;
    for (int option; (option = getopt(argc, argv, "+r")) != -1;)
        recursive = recursive || option == 'r';
    if (optind + 2 > argc)
        fail(2, "missing snapshot or tag argument\n");
    const char *tag = argv[optind];
    world_lock(true);
    for (int i = optind + 1; i < argc; i++) {
        const char *dataset;
        size_t n;
        const char *name = name_split(argv[i], "@", &dataset);
        struct dataset *ds = name == NULL ? NULL : state_open(dataset);
        if (ds == NULL || snap_find(ds, name) == NULL)
            fail(1, "cannot %s snapshot '%s': dataset does not exist\n",
                 releases ? "release hold from" : "hold", argv[i]);
        struct dataset **tree = state_tree(dataset, recursive ? -1 : 0, &n);
        for (size_t k = 0; k < n; k++) {
            if (snap_find(tree[k], name) == NULL)
                continue;
            if (releases)
                release_one(tree[k], name, tag);
            else
                hold_one(tree[k], name, tag);
        }
        free(tree);
    }
    finish(0);
}

void zfs_hold(int argc, char **argv)
{
    hold_or_release(argc, argv, false);
}

void zfs_release(int argc, char **argv)
{
    hold_or_release(argc, argv, true);
}
