/*
 * A row is packed as
 *
 *   sides and keep      a number: 2 bits, then ROW_KEEP_BITS for each side
 *   guid                eight bytes, which are as random as any
 *   creation            seconds after the row before it, signed: the last bit is the sign
 *   size                a number
 *   shared, rest        how many bytes of its name are those of the row before, how many follow
 *   name                these
 *
 * and a number as varint.h has it.
 */
#include "row_table.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "varint.h"

#define ROW_KEEP_BITS 10
_Static_assert(ROW_KEEP_ALL == (1U << ROW_KEEP_BITS) - 1, "as many as rows.h has");

#define ROW_MAX (8 + 5 * VARINT_MAX + NAME_LEN_MAX)

void row_table_clear(struct row_table *table)
{
    free(table->packed);
    memset(table, 0, sizeof(*table));
}

/* The difference wraps around, there and back. */
static uint64_t fold_sign(int64_t from, int64_t to)
{
    uint64_t difference = (uint64_t)to - (uint64_t)from;
    return difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0);
}

static int64_t unfold_sign(int64_t from, uint64_t folded)
{
    uint64_t difference = folded >> 1 ^ (folded & 1 ? UINT64_MAX : 0);
    return (int64_t)((uint64_t)from + difference);
}

static size_t shared_len(const char *a, const char *b, size_t most)
{
    size_t len = 0;
    while (len < most && a[len] != '\0' && a[len] == b[len])
        len++;
    return len;
}

/* `before` is the name of the row before it. */
static void pack(struct row_table *table, const struct snapshot_row *row, const char *before)
{
    if (table->cap - table->len < ROW_MAX) {
        table->cap += table->cap / 2 + 2 * (size_t)ROW_MAX;
        table->packed = mem_resize(table->packed, table->cap, 1);
    }
    size_t name_len = strlen(row->name);
    if (name_len > NAME_LEN_MAX)
        name_len = NAME_LEN_MAX;
    size_t shared = shared_len(before, row->name, name_len);
    uint64_t kept = row->sides | (uint64_t)(row->keep[SIDE_LOCAL] & ROW_KEEP_ALL) << 2 |
                    (uint64_t)(row->keep[SIDE_REMOTE] & ROW_KEEP_ALL) << (2 + ROW_KEEP_BITS);
    unsigned char *at = varint_put(table->packed + table->len, kept);
    memcpy(at, &row->guid, sizeof(row->guid));
    at = varint_put(at + sizeof(row->guid), fold_sign(table->creation, row->creation));
    at = varint_put(at, row->size);
    at = varint_put(at, shared);
    at = varint_put(at, name_len - shared);
    memcpy(at, row->name + shared, name_len - shared);
    table->len = (size_t)(at - table->packed) + name_len - shared;
    table->names_len += name_len + 1;
    table->creation = row->creation;
    table->n++;
}

void row_table_add(struct row_table *table, const struct snapshot_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pack(table, &rows[i], i == 0 ? "" : rows[i - 1].name);
}

void row_table_settle(struct row_table *table)
{
    if (table->cap == table->len)
        return;
    table->packed = mem_resize(table->packed, table->len, 1);
    table->cap = table->len;
}

void row_reader_init(struct row_reader *reader, const struct row_table *table)
{
    memset(reader, 0, sizeof(*reader));
    reader->at = table->packed;
    reader->end = table->packed + table->len;
    reader->row.name = reader->name;
}

const struct snapshot_row *row_reader_next(struct row_reader *reader)
{
    if (reader->at == reader->end)
        return NULL;
    struct snapshot_row *row = &reader->row;
    uint64_t kept = varint_take(&reader->at);
    row->sides = kept & 3;
    row->keep[SIDE_LOCAL] = kept >> 2 & ROW_KEEP_ALL;
    row->keep[SIDE_REMOTE] = kept >> (2 + ROW_KEEP_BITS) & ROW_KEEP_ALL;
    memcpy(&row->guid, reader->at, sizeof(row->guid));
    reader->at += sizeof(row->guid);
    row->creation = unfold_sign(row->creation, varint_take(&reader->at));
    row->size = varint_take(&reader->at);
    size_t shared = (size_t)varint_take(&reader->at);
    size_t rest = (size_t)varint_take(&reader->at);
    memcpy(reader->name + shared, reader->at, rest);
    reader->name[shared + rest] = '\0';
    reader->at += rest;
    return row;
}

struct snapshot_row *row_table_list(const struct row_table *table)
{
    struct row_reader reader;
    struct snapshot_row *rows = mem_alloc(table->n * sizeof(*rows) + table->names_len);
    char *name = (char *)(rows + table->n);
    row_reader_init(&reader, table);
    for (size_t i = 0; i < table->n; i++) {
        rows[i] = *row_reader_next(&reader);
        size_t size = strlen(rows[i].name) + 1;
        rows[i].name = memcpy(name, rows[i].name, size);
        name += size;
    }
    return rows;
}

bool row_table_is(const struct row_table *table, const struct snapshot_row *rows, size_t count)
{
    struct row_reader reader;
    if (table->n != count)
        return false;
    row_reader_init(&reader, table);
    for (size_t i = 0; i < count; i++)
        if (!rows_are_equal(row_reader_next(&reader), 1, &rows[i], 1))
            return false;
    return true;
}

/* The row of the snapshot that the side knows by that name, or `count`. */
static size_t find_row(const struct snapshot_row *rows, size_t count, enum side side,
                       const char *name)
{
    size_t i = 0;
    while (i < count && ((rows[i].sides & ROW_ON(side)) == 0 || strcmp(rows[i].name, name) != 0))
        i++;
    return i;
}

/* These rows take the place of all that it has; their names are not its own. */
static void replace(struct row_table *table, const struct snapshot_row *rows, size_t count)
{
    row_table_clear(table);
    row_table_add(table, rows, count);
    row_table_settle(table);
}

bool row_table_destroy(struct row_table *table, enum side side, const char *start, const char *end)
{
    size_t count = table->n;
    struct snapshot_row *rows = row_table_list(table);
    size_t first = find_row(rows, count, side, start);
    size_t last = find_row(rows, count, side, end);
    bool found = first != count && last != count && last >= first;
    size_t kept = first;
    for (size_t i = first; found && i < count; i++) {
        if (i <= last)
            rows[i].sides &= (unsigned char)~ROW_ON(side);
        if (rows[i].sides != 0)
            rows[kept++] = rows[i];
    }
    if (found)
        replace(table, rows, kept);
    free(rows);
    return found;
}

/* It is the newest on the remote now: what only the remote has comes before it. */
static void put_behind_the_remote(struct snapshot_row *rows, size_t count, size_t at)
{
    struct snapshot_row *others = mem_alloc((count - at) * sizeof(*others));
    size_t n = 0;
    for (size_t i = at; i < count; i++) {
        if (rows[i].sides == ROW_ON(SIDE_REMOTE))
            rows[at++] = rows[i];
        else
            others[n++] = rows[i];
    }
    memcpy(&rows[at], others, n * sizeof(*others));
    free(others);
}

bool row_table_receive(struct row_table *table, const char *name)
{
    size_t count = table->n;
    struct snapshot_row *rows = row_table_list(table);
    size_t at = find_row(rows, count, SIDE_LOCAL, name);
    bool found = at != count;
    if (found) {
        rows[at].sides |= (unsigned char)ROW_ON(SIDE_REMOTE);
        rows[at].keep[SIDE_REMOTE] |= KEEP_POLICY;
        if ((rows[at].keep[SIDE_LOCAL] & (uint16_t)~KEEP_TO_SEND) != 0)
            rows[at].keep[SIDE_LOCAL] &= (uint16_t)~KEEP_TO_SEND;
        put_behind_the_remote(rows, count, at);
        replace(table, rows, count);
    }
    free(rows);
    return found;
}
