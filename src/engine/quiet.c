#include "quiet.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "u64map.h"
#include "varint.h"

/* What one side of a dataset was like. */
struct part {
    uint64_t print; /* the same for as long as its snapshots are; 0: nobody can tell */
    uint64_t whole; /* of all that a plan is made of */
    int64_t seen;   /* when the first listing that gave this print had ended */
    int64_t listed; /* when the last one in full began, where that proves it; else PROVEN_NEVER */
};

struct mark {
    struct part side[SIDE_COUNT];
    struct quiet_holding holding[SIDE_COUNT];
    size_t txgs; /* where those of the remote's snapshots begin, where it is proven */
    size_t txgs_len;
};

#define PROVEN_NEVER INT64_MIN

/* The marks of one cycle, by the hash of the dataset's name. */
struct marks {
    struct mark *v;
    size_t n, cap;
    size_t proven; /* their remote part is */
    struct u64map places;
    unsigned char
        *txgs; /* createtxg after createtxg, each as the difference to the one before it */
    size_t txgs_len, txgs_cap;
};

struct quiet {
    struct marks last;           /* of the cycle before */
    struct marks next;           /* of this one so far */
    size_t datasets;             /* of the remote, in the cycle before */
    int64_t listed;              /* when the last cycle began that listed all */
    int64_t refused[SIDE_COUNT]; /* until when it is not asked again */
    unsigned connection;         /* the number of the one to the remote */
    bool has_clock;
    int64_t clock; /* this machine's, less the monotonic one; ms */
};

static void marks_fini(struct marks *marks)
{
    free(marks->v);
    free(marks->txgs);
    u64map_fini(&marks->places);
    memset(marks, 0, sizeof(*marks));
}

struct quiet *quiet_new(void)
{
    return mem_zalloc(1, sizeof(struct quiet));
}

void quiet_free(struct quiet *quiet)
{
    if (quiet == NULL)
        return;
    quiet_forget(quiet);
    free(quiet);
}

void quiet_forget(struct quiet *quiet)
{
    marks_fini(&quiet->last);
    marks_fini(&quiet->next);
    memset(quiet->refused, 0, sizeof(quiet->refused));
}

static uint64_t key_of(const struct dataset *ds)
{
    return hash_add_bytes(HASH_INIT, ds->name, strlen(ds->name));
}

static uint64_t kind_of(const struct holding *holding)
{
    uint64_t hash = hash_add(HASH_INIT, holding->exists);
    hash = hash_add(hash, holding->type);
    return hash_add(hash, holding->encrypted);
}

/* That a dataset is not there is known of it as well as anything. */
static uint64_t print_of(const struct holding *holding)
{
    if (holding->token != NULL || (holding->exists && holding->revision == 0))
        return 0;
    return hash_add(kind_of(holding), holding->revision);
}

static uint64_t whole_of(const struct holding *holding)
{
    return hash_add(hash_add(kind_of(holding), holding->token != NULL), holding->digest);
}

/* The mark of its name, or NULL. */
static const struct mark *find(const struct marks *marks, const struct dataset *ds)
{
    size_t at = u64map_get(&marks->places, key_of(ds));
    return at == U64MAP_NONE ? NULL : &marks->v[at];
}

static bool is_as_it_was(const struct part *part, const struct holding *holding)
{
    return part->print != 0 && part->print == print_of(holding);
}

/* Whether what was listed then holds still. */
static bool holds(const struct part *part, const struct holding *holding, int64_t now)
{
    return is_as_it_was(part, holding) && part->listed != PROVEN_NEVER &&
           now - part->listed < QUIET_MAX_MS;
}

static void add(struct marks *marks, const struct dataset *ds, const struct mark *mark)
{
    u64map_put(&marks->places, key_of(ds), marks->n);
    marks->v = mem_grow(marks->v, marks->n, &marks->cap, sizeof(*marks->v));
    marks->v[marks->n++] = *mark;
    if (mark->side[SIDE_REMOTE].listed != PROVEN_NEVER)
        marks->proven++;
}

/* Room for so many bytes more, and where they begin. */
static unsigned char *reserve_txgs(struct marks *marks, size_t len)
{
    if (marks->txgs_cap - marks->txgs_len < len) {
        marks->txgs_cap = marks->txgs_len + marks->txgs_len / 2 + len;
        marks->txgs = mem_resize(marks->txgs, marks->txgs_cap, 1);
    }
    return marks->txgs + marks->txgs_len;
}

static void pack_txgs(struct marks *marks, struct mark *mark, const struct snapset *set)
{
    unsigned char *begin = reserve_txgs(marks, set->n * VARINT_MAX);
    unsigned char *at = begin;
    for (size_t i = 0; i < set->n; i++)
        at = varint_put(at, set->v[i].createtxg - (i == 0 ? 0 : set->v[i - 1].createtxg));
    mark->txgs = marks->txgs_len;
    mark->txgs_len = (size_t)(at - begin);
    marks->txgs_len += mark->txgs_len;
}

void quiet_note_clock(struct quiet *quiet, int64_t ms)
{
    if (quiet->has_clock && quiet->clock - ms >= QUIET_STEP_MS)
        quiet_forget(quiet);
    quiet->has_clock = true;
    quiet->clock = ms;
}

void quiet_note_connection(struct quiet *quiet, unsigned number)
{
    if (quiet->connection != number)
        quiet_forget(quiet);
    quiet->connection = number;
}

bool quiet_is_likely(const struct quiet *quiet, int64_t now)
{
    return quiet->last.proven > 0 && quiet->last.proven * 2 >= quiet->datasets &&
           now - quiet->listed < QUIET_MAX_MS;
}

const struct quiet_holding *quiet_find(const struct quiet *quiet, const struct dataset *ds,
                                       bool is_local_listed, int64_t now)
{
    const struct holding *local = &ds->side[SIDE_LOCAL];
    const struct holding *remote = &ds->side[SIDE_REMOTE];
    const struct mark *mark = find(&quiet->last, ds);
    if (mark == NULL || !remote->exists || !holds(&mark->side[SIDE_REMOTE], remote, now))
        return NULL;
    const struct part *part = &mark->side[SIDE_LOCAL];
    bool is_same = is_local_listed ? part->whole == whole_of(local) : holds(part, local, now);
    return is_same ? mark->holding : NULL;
}

/* Adds what the table has of the remote, in its order, which is that of createtxg. False where these
 * are not as many as there should be. */
static bool add_recalled(struct inventory *inv, struct dataset *ds, const struct row_table *rows,
                         const unsigned char *txgs, size_t count)
{
    struct row_reader reader;
    const struct snapshot_row *row;
    uint64_t txg = 0;
    size_t added = 0;
    row_reader_init(&reader, rows);
    while ((row = row_reader_next(&reader)) != NULL) {
        if ((row->sides & ROW_ON(SIDE_REMOTE)) == 0)
            continue;
        if (added++ == count)
            return false;
        txg += varint_take(&txgs);
        struct snapshot snap = {.guid = row->guid,
                                .createtxg = txg,
                                .creation = row->creation,
                                .size = row->size,
                                .name = row->name};
        inventory_add_snapshot(inv, ds, SIDE_REMOTE, &snap);
    }
    return added == count;
}

bool quiet_recall(const struct quiet *quiet, struct inventory *inv, struct dataset *ds,
                  const struct row_table *rows, int64_t now)
{
    struct holding *remote = &ds->side[SIDE_REMOTE];
    const struct mark *mark = find(&quiet->last, ds);
    if (mark == NULL || rows == NULL || mark->holding[SIDE_REMOTE].count == 0 ||
        !holds(&mark->side[SIDE_REMOTE], remote, now))
        return false;
    remote->recalled = add_recalled(inv, ds, rows, quiet->last.txgs + mark->txgs,
                                    mark->holding[SIDE_REMOTE].count) &&
                       whole_of(remote) == mark->side[SIDE_REMOTE].whole;
    if (!remote->recalled)
        holding_clear_snapshots(remote);
    return remote->recalled;
}

/* What was recalled has not been listed: what it was recalled from proves it. `before`: what it was
 * like in the cycle before, or NULL. */
static struct part part_of(const struct holding *holding, const struct part *before, int64_t began,
                           int64_t ended)
{
    struct part part = {.print = print_of(holding),
                        .whole = whole_of(holding),
                        .seen = ended,
                        .listed = PROVEN_NEVER};
    if (before == NULL || !is_as_it_was(before, holding))
        return part;
    part.seen = before->seen;
    if (holding->recalled)
        part.listed = before->listed;
    else if (began - before->seen >= QUIET_APART_MS)
        part.listed = began;
    return part;
}

void quiet_note(struct quiet *quiet, const struct dataset *ds, const struct quiet_holding *holding,
                int64_t began, int64_t ended)
{
    const struct mark *before = find(&quiet->last, ds);
    struct mark mark = {.txgs = 0};
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct part *part = before == NULL ? NULL : &before->side[side];
        mark.side[side] = part_of(&ds->side[side], part, began, ended);
        mark.holding[side] = holding[side];
    }
    const struct snapset *remote = &ds->side[SIDE_REMOTE].snapshots;
    if (mark.side[SIDE_REMOTE].listed != PROVEN_NEVER && remote->n > 0)
        pack_txgs(&quiet->next, &mark, remote);
    add(&quiet->next, ds, &mark);
}

const struct quiet_holding *quiet_keep(struct quiet *quiet, const struct dataset *ds)
{
    const struct mark *before = find(&quiet->last, ds);
    if (before == NULL)
        return NULL;
    struct mark mark = *before;
    if (mark.txgs_len > 0)
        memcpy(reserve_txgs(&quiet->next, mark.txgs_len), quiet->last.txgs + before->txgs,
               mark.txgs_len);
    mark.txgs = quiet->next.txgs_len;
    quiet->next.txgs_len += mark.txgs_len;
    add(&quiet->next, ds, &mark);
    return before->holding;
}

/* Gives back the memory that was held ready for more. */
static void settle(struct marks *marks)
{
    if (marks->n > 0)
        marks->v = mem_resize(marks->v, marks->n, sizeof(*marks->v));
    if (marks->txgs_len > 0)
        marks->txgs = mem_resize(marks->txgs, marks->txgs_len, 1);
    marks->cap = marks->n;
    marks->txgs_cap = marks->txgs_len;
}

void quiet_end_cycle(struct quiet *quiet, size_t datasets, int64_t listed)
{
    quiet->datasets = datasets;
    if (listed != QUIET_NOT_ALL)
        quiet->listed = listed;
    marks_fini(&quiet->last);
    quiet->last = quiet->next;
    memset(&quiet->next, 0, sizeof(quiet->next));
    settle(&quiet->last);
}

bool quiet_may_ask(const struct quiet *quiet, enum side side, int64_t now)
{
    return now >= quiet->refused[side];
}

void quiet_note_refusal(struct quiet *quiet, enum side side, int64_t now)
{
    quiet->refused[side] = now + QUIET_MAX_MS;
}
