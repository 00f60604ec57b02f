/*
 * The target: what each side of a dataset should hold.
 *
 * Newest first by creation time over the union of both sides, keep the configured number of each
 * type; of these, keep those that the side has. On the remote, also transfer those that only local
 * has and that are newer than the remote's newest, and keep them locally until then. Keep the
 * critical ones: the oldest of a side, the earliest shared and the latest shared. Keep what is
 * held or cloned. Keep snapshots of unmanaged types, unless told otherwise.
 */
#ifndef BACKUPD_DOMAIN_TARGET_H
#define BACKUPD_DOMAIN_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "inventory.h"
#include "policy.h"

/* Why a snapshot stays; a snapshot without any reason goes. */
enum keep {
    KEEP_POLICY = 1,
    KEEP_OLDEST = 2,
    KEEP_EARLIEST_SHARED = 4,
    KEEP_LATEST_SHARED = 8, /* also: the remote's counterpart of the newest matching bookmark */
    KEEP_UNMANAGED = 16,
    KEEP_HELD = 32,
    KEEP_CLONED = 64,
    KEEP_TO_SEND = 128,     /* local only: the remote wants it and does not have it yet */
    KEEP_SOURCE_GONE = 256, /* I9: only the remote has the dataset */
    KEEP_STRAY = 512, /* the remote's newest: unknown here, and older ones of ours wait behind it */
};
#define KEEP_CRITICAL (KEEP_OLDEST | KEEP_EARLIEST_SHARED | KEEP_LATEST_SHARED)

#define TARGET_NONE SIZE_MAX

struct target {
    uint16_t *keep[SIDE_COUNT]; /* enum keep, parallel to the side's snapshots */
    size_t *counterpart;        /* of each local snapshot: its place on the remote, or NONE */
    size_t *send;               /* places of the local snapshots to transfer, oldest first */
    size_t send_count;

    /* What the first transfer starts from; both NONE for an initial one. */
    size_t base_remote;   /* the remote's newest snapshot */
    size_t base_local;    /* its counterpart among the local snapshots, */
    size_t base_bookmark; /* or, failing that, among the local bookmarks */

    /* Set where something is to be transferred and cannot be; the deletions are then off too. */
    struct err error;
};

/*
 * Works out the target of `ds`, whose snapsets are sorted. `target` is released with target_fini
 * and refers to `ds` by places only. O(n) where creation and createtxg agree, else O(n log n).
 */
void target_build(struct target *target, const struct dataset *ds, const struct rules *rules);

void target_fini(struct target *target);

/*
 * The newest local snapshot that the remote has too and that has no bookmark of ours yet, by its
 * place; NONE where there is none to make, or where a bookmark of ours stands for a newer one. Such a bookmark lets replication go on even when
 * somebody destroys every local snapshot.
 */
size_t target_missing_bookmark(const struct target *target, const struct dataset *ds);

/*
 * The place of the first bookmark of ours, from `from` on, that is older than the one that stands
 * for the newest shared snapshot, or NONE: its removal failed, or was never come to. NONE while
 * that one is missing, because until then nothing is known to be old.
 */
size_t target_old_bookmark(const struct target *target, const struct dataset *ds, size_t from);

/* The reasons of `keep` as words, "policy, oldest"; "" for 0. `size` bytes at `ret`. */
void keep_describe(unsigned keep, char *ret, size_t size);

#endif
