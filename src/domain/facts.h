/*
 * What is known of snapshots by their guid: when each was made, and how much was written before it.
 *
 * Both are slow to list, and the first never changes: a guid is given once, and a stream carries
 * the creation along with the guid, so it is the same on both sides, and that of a bookmark is its
 * snapshot's. The size can change where the snapshot before it is destroyed, and differs a little
 * between the sides. It is shown and never an input to a plan, so that of the first time will do;
 * where both sides have the snapshot, it is that of local.
 */
#ifndef BACKUPD_DOMAIN_FACTS_H
#define BACKUPD_DOMAIN_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

struct facts {
    struct fact *v; /* open addressing by guid */
    size_t n, cap;
    bool changed; /* since somebody set it to false */
};

/* Makes an empty table. Release with facts_fini. */
void facts_init(struct facts *facts);

/* Frees it. Safe on a zeroed struct. */
void facts_fini(struct facts *facts);

/* From here on, and until facts_end, what is added or recalled is noted as seen. */
void facts_begin(struct facts *facts);

/* Forgets every guid that was not seen since facts_begin. O(n), and nothing where all were. */
void facts_end(struct facts *facts);

/*
 * Adds what a listing of `side` says, in place of what was known: but local is believed before the
 * remote, and a creation or a size of 0, which says nothing, replaces nothing. A guid of 0 is none.
 */
void facts_add(struct facts *facts, enum side side, uint64_t guid, int64_t creation, uint64_t size);

/* Says that `guid` will be recalled soon: the table is large, and its memory is far away. */
void facts_expect(const struct facts *facts, uint64_t guid);

/* Fills in creation and size of `snap` by its guid. False where they are not known. O(1). */
bool facts_recall(struct facts *facts, struct snapshot *snap);

/* Goes through all of it: the next from `*at` on, which begins at 0, its guid, creation and size,
 * and the side whose size it is. False after the last. Adding ends the walk. */
bool facts_next(const struct facts *facts, size_t *at, struct snapshot *ret, enum side *ret_side);

#endif
