/*
 * Rows that own their names, packed: a state keeps those of every dataset for as long as backupd
 * runs, and of a hundred thousand snapshots that is the most of its memory. A row is two numbers
 * of its own and what differs from the row before it, some twenty bytes in all.
 */
#ifndef BACKUPD_DOMAIN_ROW_TABLE_H
#define BACKUPD_DOMAIN_ROW_TABLE_H

#include "names.h"
#include "rows.h"

/* The most rows of a table that is believed. */
#define ROWS_MAX 1000000

struct row_table {
    size_t n;
    unsigned char *packed;
    size_t len, cap;
    size_t names_len; /* of all names, each with its NUL */
    int64_t creation; /* of the last row */
};

/* Makes it empty, and frees what it had. Safe on a zeroed struct. */
void row_table_clear(struct row_table *table);

/* Adds copies. A name longer than NAME_LEN_MAX, which no snapshot has, is cut. */
void row_table_add(struct row_table *table, const struct snapshot_row *rows, size_t count);

/* Gives back the memory that was held ready for more. */
void row_table_settle(struct row_table *table);

/* All rows as an array of table->n; the caller frees it, and the names with it, with free(3). */
struct snapshot_row *row_table_list(const struct row_table *table);

/* Whether the table says the same as these rows. */
bool row_table_is(const struct row_table *table, const struct snapshot_row *rows, size_t count);

/* Reads the rows one after the other. */
struct row_reader {
    const unsigned char *at, *end;
    struct snapshot_row row; /* valid until the next row is read */
    char name[NAME_LEN_MAX + 1];
};

/* Before the first row. The table must not change meanwhile. */
void row_reader_init(struct row_reader *reader, const struct row_table *table);

/* The next row, or NULL after the last one. */
const struct snapshot_row *row_reader_next(struct row_reader *reader);

/*
 * The side lost, or got, the snapshots from the one that it knows as `start` to `end`, in the
 * table's order; rows that no side has any more go. Names that are not there change nothing.
 * Returns whether anything changed.
 */
bool row_table_destroy(struct row_table *table, enum side side, const char *start, const char *end);
bool row_table_receive(struct row_table *table, const char *name);

#endif
