/* What both sides hold: the datasets below the two roots, with their snapshots and bookmarks. */
#ifndef BACKUPD_DOMAIN_INVENTORY_H
#define BACKUPD_DOMAIN_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "facts.h"
#include "snapshot.h"
#include "strpool.h"

enum dataset_type { DATASET_UNKNOWN, DATASET_FILESYSTEM, DATASET_VOLUME };

/* What one side holds of one dataset. */
struct holding {
    bool exists;
    bool listed;   /* I8: a complete listing of this side, made by this process, is in here; or
                      one that holds still */
    bool skipped;  /* its snapshots were not asked for: none is in here, whatever there are */
    bool recalled; /* its snapshots are those of an earlier listing, which holds still */
    enum dataset_type type;
    bool encrypted;
    const char *token; /* receive_resume_token, or NULL; lives in the pool */
    uint64_t space;    /* bytes of it and its snapshots, without its children */
    uint64_t revision; /* a digest of what zfs says of when its snapshots changed, and of what it
                          is; 0: it was not asked, or does not know */
    uint64_t changed;  /* when they did, where that is known: seconds UTC by the clock there */
    uint64_t digest;   /* in any order, of the snapshots below, and of local the bookmarks */
    struct snapset snapshots;
    struct snapset bookmarks;
};

struct dataset {
    const char *name; /* below the root: "", "/home"; lives in the pool */
    struct holding side[SIDE_COUNT];
};

struct inventory {
    struct strpool pool;
    struct dataset **v; /* by name once sorted; each is allocated alone, so pointers stay valid */
    size_t n, cap;
    struct dataset **slots; /* open addressing by the pool's pointer of the name */
    size_t slot_count;
    struct facts *facts; /* what is known by guid, for listings of names alone; or NULL; borrowed */
    size_t bare[SIDE_COUNT]; /* how many are SNAPSHOT_BARE */
};

/* Makes an empty inventory. Release with inventory_fini. */
void inventory_init(struct inventory *inv);

/* Frees everything in it, names included. Safe on a zeroed struct. */
void inventory_fini(struct inventory *inv);

/* The dataset of that name below the roots, or NULL. O(1). */
struct dataset *inventory_find(const struct inventory *inv, const char *name);

/* The same, made if it is not there. `name` is copied. The pointer is valid until _fini. */
struct dataset *inventory_get(struct inventory *inv, const char *name);

/* Orders the datasets by name, parents before their children, and every snapset of theirs. */
void inventory_sort(struct inventory *inv);

/* The two parts of that: the order of the datasets, and the snapsets of one of them. */
void inventory_sort_datasets(struct inventory *inv);
void dataset_sort(struct dataset *ds);

/* What going over it once costs, for whoever does so in portions: its snapshots and bookmarks on
 * both sides, and 1. */
size_t dataset_size(const struct dataset *ds);

/* Adds a snapshot or bookmark; the name is copied into the pool. */
void inventory_add_snapshot(struct inventory *inv, struct dataset *ds, enum side side,
                            const struct snapshot *snap);
void inventory_add_bookmark(struct inventory *inv, struct dataset *ds, enum side side,
                            const struct snapshot *bookmark);

/* Completes what is SNAPSHOT_BARE on a side from the facts, and takes it off inv->bare; the other
 * one of a dataset alone. */
void inventory_complete(struct inventory *inv, enum side side);
void inventory_complete_dataset(struct inventory *inv, struct dataset *ds, enum side side);

/* Empties what is known of one side of a dataset, for a fresh listing. */
void holding_clear(struct holding *holding);

/* The part of it that is the snapshots and bookmarks. */
void holding_clear_snapshots(struct holding *holding);

#endif
