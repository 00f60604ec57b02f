#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static struct snapshot_row row_of(const struct snapshot *snap, enum side side, uint16_t keep)
{
    struct snapshot_row row = {.name = snap->name,
                               .guid = snap->guid,
                               .creation = snap->creation,
                               .size = snap->size,
                               .sides = (unsigned char)ROW_ON(side)};
    row.keep[side] = keep;
    return row;
}

/* Marks the remote snapshots that have a local counterpart: they are in its row. */
static bool *find_shared(const struct dataset *ds, const struct target *target)
{
    bool *shared = mem_zalloc(ds->side[SIDE_REMOTE].snapshots.n, sizeof(*shared));
    for (size_t i = 0; i < ds->side[SIDE_LOCAL].snapshots.n; i++)
        if (target->counterpart[i] != TARGET_NONE)
            shared[target->counterpart[i]] = true;
    return shared;
}

struct snapshot_row *rows_build(const struct dataset *ds, const struct target *target,
                                size_t *ret_count)
{
    const struct snapset *local = &ds->side[SIDE_LOCAL].snapshots;
    const struct snapset *remote = &ds->side[SIDE_REMOTE].snapshots;
    struct snapshot_row *rows = mem_zalloc(local->n + remote->n, sizeof(*rows));
    bool *shared = find_shared(ds, target);
    size_t n = 0;
    size_t far = 0;
    for (size_t i = 0; i <= local->n; i++) {
        for (; far < remote->n; far++) {
            if (shared[far])
                continue;
            if (i < local->n && remote->v[far].creation >= local->v[i].creation)
                break;
            rows[n++] = row_of(&remote->v[far], SIDE_REMOTE, target->keep[SIDE_REMOTE][far]);
        }
        if (i == local->n)
            break;
        rows[n] = row_of(&local->v[i], SIDE_LOCAL, target->keep[SIDE_LOCAL][i]);
        size_t there = target->counterpart[i];
        if (there != TARGET_NONE) {
            rows[n].sides |= (unsigned char)ROW_ON(SIDE_REMOTE);
            rows[n].keep[SIDE_REMOTE] = target->keep[SIDE_REMOTE][there];
        }
        n++;
    }
    free(shared);
    *ret_count = n;
    return rows;
}

bool row_is_coming(const struct snapshot_row *row)
{
    return row->sides == ROW_ON(SIDE_LOCAL) && (row->keep[SIDE_LOCAL] & KEEP_TO_SEND) != 0;
}

bool row_is_going(const struct snapshot_row *row, enum side side)
{
    return (row->sides & ROW_ON(side)) != 0 && row->keep[side] == 0;
}

bool rows_are_equal(const struct snapshot_row *a, size_t a_count, const struct snapshot_row *b,
                    size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (a[i].guid != b[i].guid || a[i].creation != b[i].creation || a[i].size != b[i].size ||
            a[i].sides != b[i].sides || a[i].keep[SIDE_LOCAL] != b[i].keep[SIDE_LOCAL] ||
            a[i].keep[SIDE_REMOTE] != b[i].keep[SIDE_REMOTE] || strcmp(a[i].name, b[i].name) != 0)
            return false;
    return true;
}

void row_table_clear(struct row_table *table)
{
    free(table->v);
    free(table->names);
    memset(table, 0, sizeof(*table));
}

static void keep_name(struct row_table *table, const char *name)
{
    size_t size = strlen(name) + 1;
    if (table->names_cap - table->names_len < size) {
        table->names_cap = table->names_cap * 2 + size;
        table->names = mem_resize(table->names, table->names_cap, 1);
    }
    memcpy(table->names + table->names_len, name, size);
    table->names_len += size;
}

void row_table_add(struct row_table *table, const struct snapshot_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        table->v = mem_grow(table->v, table->n, &table->cap, sizeof(*table->v));
        table->v[table->n] = rows[i];
        table->v[table->n++].name = NULL;
        keep_name(table, rows[i].name);
    }
}

void row_table_settle(struct row_table *table)
{
    const char *name = table->names;
    for (size_t i = 0; i < table->n; i++) {
        table->v[i].name = name;
        name += strlen(name) + 1;
    }
}

/* The row of the snapshot that the side knows by that name, or `table->n`. */
static size_t find_row(const struct row_table *table, enum side side, const char *name)
{
    size_t i = 0;
    while (i < table->n &&
           ((table->v[i].sides & ROW_ON(side)) == 0 || strcmp(table->v[i].name, name) != 0))
        i++;
    return i;
}

bool row_table_destroy(struct row_table *table, enum side side, const char *start, const char *end)
{
    size_t first = find_row(table, side, start);
    size_t last = find_row(table, side, end);
    if (first == table->n || last == table->n)
        return false;
    size_t kept = first;
    for (size_t i = first; i < table->n; i++) {
        if (i <= last)
            table->v[i].sides &= (unsigned char)~ROW_ON(side);
        if (table->v[i].sides != 0)
            table->v[kept++] = table->v[i];
    }
    table->n = kept; /* the names of those that went stay until the next table */
    return true;
}

bool row_table_receive(struct row_table *table, const char *name)
{
    size_t at = find_row(table, SIDE_LOCAL, name);
    if (at == table->n)
        return false;
    table->v[at].sides |= (unsigned char)ROW_ON(SIDE_REMOTE);
    table->v[at].keep[SIDE_REMOTE] |= KEEP_POLICY;
    return true;
}
