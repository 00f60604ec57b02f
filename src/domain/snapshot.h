/* Snapshots and bookmarks, and the sets of them that one side of a dataset holds. */
#ifndef BACKUPD_DOMAIN_SNAPSHOT_H
#define BACKUPD_DOMAIN_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side { SIDE_LOCAL, SIDE_REMOTE, SIDE_COUNT };

/* "local", "remote". */
const char *side_name(enum side side);

enum snapshot_flag {
    SNAPSHOT_HELD = 1,      /* zfs holds it (userrefs > 0) */
    SNAPSHOT_CLONED = 2,    /* a clone depends on it */
    SNAPSHOT_CONFIRMED = 4, /* I8: a second listing showed this guid under this name */
    SNAPSHOT_BARE = 8,      /* creation and size are not known: nothing may be planned from it */
};

/*
 * A snapshot, or a bookmark. I1: it is its guid, whatever its name. I2: within a side the order is
 * createtxg, which two snapshots of a dataset never share; creation can be shared and step back.
 */
struct snapshot {
    uint64_t guid;
    uint64_t createtxg;
    int64_t creation; /* seconds UTC */
    uint64_t size;    /* bytes written since the snapshot before it; 0 where that was not asked */
    const char *name; /* after "@" or "#", checked; lives in the inventory's pool */
    unsigned flags;   /* enum snapshot_flag */
};

/* Snapshots in createtxg order, oldest first. */
struct snapset {
    struct snapshot *v;
    size_t n, cap;
    bool sorted;
};

/* Makes an empty set. Release with snapset_fini. */
void snapset_init(struct snapset *set);

/* Frees the array; the names belong to the pool. Safe on a zeroed struct. */
void snapset_fini(struct snapset *set);

/* Adds a copy. The set is in order again after snapset_sort; O(1). */
void snapset_add(struct snapset *set, const struct snapshot *snap);

/* Puts the set in order (createtxg, then guid). O(1) where it already is, else O(n log n). */
void snapset_sort(struct snapset *set);

/* Where the snapshot of that guid is in the set, or SIZE_MAX. O(n): for few look-ups. */
size_t snapset_find(const struct snapset *set, uint64_t guid);

/* The newest (last in order) of a sorted set, or NULL. */
const struct snapshot *snapset_newest(const struct snapset *set);

#endif
