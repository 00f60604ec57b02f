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

/* The most rows of a table that is believed. */
#define ROWS_MAX 1000000

/* Rows that own their names. */
struct row_table {
    struct snapshot_row *v;
    size_t n, cap;
    char *names; /* one after the other, each with its NUL, in the order of the rows */
    size_t names_len, names_cap;
};

/* Makes it empty, and frees what it had. Safe on a zeroed struct. */
void row_table_clear(struct row_table *table);

/* Adds copies. The names of the table are valid after row_table_settle. */
void row_table_add(struct row_table *table, const struct snapshot_row *rows, size_t count);
void row_table_settle(struct row_table *table);

/* The rows of a table that is not settled yet, with their names; freed with free(3). */
struct snapshot_row *row_table_list(const struct row_table *table);

/*
 * The side lost, or got, the snapshots from the one that it knows as `start` to `end`, in the
 * table's order; rows that no side has any more go. Names that are not there change nothing.
 * Returns whether anything changed.
 */
bool row_table_destroy(struct row_table *table, enum side side, const char *start, const char *end);
bool row_table_receive(struct row_table *table, const char *name);

/* Whether two tables say the same. */
bool rows_are_equal(const struct snapshot_row *a, size_t a_count, const struct snapshot_row *b,
                    size_t b_count);

#endif
