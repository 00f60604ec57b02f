/*
 * What both sides hold of a dataset as one table: a row for every snapshot, wherever it is, with
 * the reasons for which it stays. What a person is shown is drawn from rows; no plan ever is.
 */
#ifndef BACKUPD_DOMAIN_ROWS_H
#define BACKUPD_DOMAIN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory.h"
#include "target.h"

/* One bit for each side. */
#define ROW_ON(side) (1U << (side))

struct snapshot_row {
    const char *name; /* its local name, or that on the remote where only that has it; borrowed */
    uint64_t guid;
    int64_t creation;          /* seconds UTC */
    uint64_t size;             /* bytes written since the snapshot before it; 0 where unknown */
    uint16_t keep[SIDE_COUNT]; /* enum keep; 0 on a side that has it: the plan destroys it */
    unsigned char sides;       /* ROW_ON */
};

/* Every bit that `keep` may have. */
#define ROW_KEEP_ALL 1023U

/*
 * Lists the snapshots of `ds` in one order: that of each side, and by creation where only one side
 * has it. `*ret_count` rows, which the caller frees with free(3); the names are the inventory's.
 */
struct snapshot_row *rows_build(const struct dataset *ds, const struct target *target,
                                size_t *ret_count);

/* Where the remote is to get the snapshot and does not have it yet. */
bool row_is_coming(const struct snapshot_row *row);

/* Where the side has the snapshot and the plan destroys it. */
bool row_is_going(const struct snapshot_row *row, enum side side);

/* Whether two lists of rows say the same. */
bool rows_are_equal(const struct snapshot_row *a, size_t a_count, const struct snapshot_row *b,
                    size_t b_count);

#endif
