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

/* Where a remote snapshot is listed: in a row of its own, or in that of its local counterpart,
 * which is still to come or was. */
enum listed { LISTED_ALONE, LISTED_LATER, LISTED_BEFORE };

struct rows_builder {
    const struct snapset *remote;
    const struct target *target;
    enum listed *listed; /* of each remote snapshot */
    size_t next;         /* no remote snapshot before it needs a row */
    struct snapshot_row *rows;
    size_t n;
};

static void find_shared(struct rows_builder *b, size_t local_count)
{
    b->listed = mem_zalloc(b->remote->n, sizeof(*b->listed));
    for (size_t i = 0; i < local_count; i++)
        if (b->target->counterpart[i] != TARGET_NONE)
            b->listed[b->target->counterpart[i]] = LISTED_LATER;
}

static void add_remote(struct rows_builder *b, size_t place)
{
    if (b->listed[place] == LISTED_ALONE)
        b->rows[b->n++] =
            row_of(&b->remote->v[place], SIDE_REMOTE, b->target->keep[SIDE_REMOTE][place]);
}

/* A shared snapshot comes after whatever is before it on the remote. */
static void add_shared(struct rows_builder *b, const struct snapshot *snap, size_t i)
{
    size_t there = b->target->counterpart[i];
    for (; b->next < there; b->next++)
        add_remote(b, b->next);
    struct snapshot_row *row = &b->rows[b->n++];
    *row = row_of(snap, SIDE_LOCAL, b->target->keep[SIDE_LOCAL][i]);
    row->sides |= (unsigned char)ROW_ON(SIDE_REMOTE);
    row->keep[SIDE_REMOTE] = b->target->keep[SIDE_REMOTE][there];
    b->listed[there] = LISTED_BEFORE;
}

/* One that only local has comes after the older ones of the remote, up to the next shared one. */
static void add_local(struct rows_builder *b, const struct snapshot *snap, size_t i)
{
    for (; b->next < b->remote->n; b->next++) {
        enum listed listed = b->listed[b->next];
        if (listed == LISTED_LATER ||
            (listed == LISTED_ALONE && b->remote->v[b->next].creation >= snap->creation))
            break;
        add_remote(b, b->next);
    }
    b->rows[b->n++] = row_of(snap, SIDE_LOCAL, b->target->keep[SIDE_LOCAL][i]);
}

struct snapshot_row *rows_build(const struct dataset *ds, const struct target *target,
                                size_t *ret_count)
{
    const struct snapset *local = &ds->side[SIDE_LOCAL].snapshots;
    struct rows_builder b = {.remote = &ds->side[SIDE_REMOTE].snapshots, .target = target};
    b.rows = mem_zalloc(local->n + b.remote->n, sizeof(*b.rows));
    find_shared(&b, local->n);
    for (size_t i = 0; i < local->n; i++) {
        if (target->counterpart[i] == TARGET_NONE)
            add_local(&b, &local->v[i], i);
        else
            add_shared(&b, &local->v[i], i);
    }
    for (; b.next < b.remote->n; b.next++)
        add_remote(&b, b.next);
    free(b.listed);
    *ret_count = b.n;
    return b.rows;
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
