#include "quiet.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "u64map.h"

/* What one side of a dataset was like. */
struct part {
    uint64_t print; /* the same for as long as its snapshots are; 0: nobody can tell */
    int64_t seen;   /* when the first listing that gave this print had ended */
    int64_t until;  /* the snapshots that are known are believed until then; or UNPROVEN */
};

struct mark {
    struct part side[SIDE_COUNT];
    struct quiet_holding holding[SIDE_COUNT];
    uint64_t whole;     /* of all of local that a plan is made of */
    uint64_t sequence;  /* of the remote's snapshots, where they are known */
    bool is_busy;       /* something was to be done */
    int64_t busy_until; /* what that leaves on the remote is believed until then */
};

#define UNPROVEN INT64_MIN

/* The marks of one cycle, by the hash of the dataset's name. */
struct marks {
    struct mark *v;
    size_t n, cap;
    size_t proven; /* their remote part is */
    size_t busy;   /* and it is not, as something was to be done */
    struct u64map places;
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

static uint64_t add_to_sequence(uint64_t hash, uint64_t guid, int64_t creation, const char *name)
{
    hash = hash_add(hash_add(hash, guid), (uint64_t)creation);
    return hash_add_bytes(hash, name, strlen(name) + 1);
}

/* Of snapshots in their order. */
static uint64_t sequence_of(const struct snapset *set)
{
    uint64_t hash = HASH_INIT;
    for (size_t i = 0; i < set->n; i++)
        hash = add_to_sequence(hash, set->v[i].guid, set->v[i].creation, set->v[i].name);
    return hash;
}

/* The next row of what the remote has, or NULL. */
static const struct snapshot_row *next_there(struct row_reader *reader)
{
    const struct snapshot_row *row = row_reader_next(reader);
    while (row != NULL && (row->sides & ROW_ON(SIDE_REMOTE)) == 0)
        row = row_reader_next(reader);
    return row;
}

/* The same of what a table has of the remote, in its order. */
static uint64_t sequence_of_rows(const struct row_table *rows, struct quiet_holding *ret)
{
    struct row_reader reader;
    const struct snapshot_row *row;
    uint64_t hash = HASH_INIT;
    *ret = (struct quiet_holding){.count = 0};
    row_reader_init(&reader, rows);
    while ((row = next_there(&reader)) != NULL) {
        hash = add_to_sequence(hash, row->guid, row->creation, row->name);
        ret->count++;
        ret->newest = row->creation;
    }
    return hash;
}

/* The mark of its name, or NULL. */
static struct mark *find(const struct marks *marks, const struct dataset *ds)
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
    return is_as_it_was(part, holding) && now < part->until;
}

static void add(struct marks *marks, const struct dataset *ds, const struct mark *mark)
{
    u64map_put(&marks->places, key_of(ds), marks->n);
    marks->v = mem_grow(marks->v, marks->n, &marks->cap, sizeof(*marks->v));
    marks->v[marks->n++] = *mark;
    if (mark->side[SIDE_REMOTE].until != UNPROVEN)
        marks->proven++;
    else if (mark->is_busy)
        marks->busy++;
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
    if (mark == NULL || mark->is_busy || !remote->exists ||
        !holds(&mark->side[SIDE_REMOTE], remote, now))
        return NULL;
    bool is_same = is_local_listed ? mark->whole == whole_of(local)
                                   : holds(&mark->side[SIDE_LOCAL], local, now);
    return is_same ? mark->holding : NULL;
}

/* Adds what the table has of the remote. Nothing but their order is ever made of their createtxg:
 * those of two pools cannot be compared. */
static void add_recalled(struct inventory *inv, struct dataset *ds, const struct row_table *rows)
{
    struct row_reader reader;
    const struct snapshot_row *row;
    uint64_t txg = 0;
    row_reader_init(&reader, rows);
    while ((row = next_there(&reader)) != NULL) {
        struct snapshot snap = {.guid = row->guid,
                                .createtxg = ++txg,
                                .creation = row->creation,
                                .size = row->size,
                                .name = row->name};
        inventory_add_snapshot(inv, ds, SIDE_REMOTE, &snap);
    }
}

bool quiet_recall(const struct quiet *quiet, struct inventory *inv, struct dataset *ds,
                  const struct row_table *rows, int64_t now)
{
    struct holding *remote = &ds->side[SIDE_REMOTE];
    const struct mark *mark = find(&quiet->last, ds);
    struct quiet_holding holding;
    if (mark == NULL || rows == NULL || mark->holding[SIDE_REMOTE].count == 0 ||
        !holds(&mark->side[SIDE_REMOTE], remote, now) ||
        sequence_of_rows(rows, &holding) != mark->sequence)
        return false;
    add_recalled(inv, ds, rows);
    remote->recalled = true;
    return true;
}

/* What was recalled has not been listed: what it was recalled from proves it. `before`: what it was
 * like in the cycle before, or NULL. */
static struct part part_of(const struct holding *holding, const struct part *before, int64_t began,
                           int64_t ended)
{
    struct part part = {.print = print_of(holding), .seen = ended, .until = UNPROVEN};
    if (before == NULL || !is_as_it_was(before, holding))
        return part;
    part.seen = before->seen;
    if (holding->recalled)
        part.until = before->until;
    else if (began - before->seen >= QUIET_APART_MS)
        part.until = began + QUIET_MAX_MS;
    return part;
}

void quiet_note(struct quiet *quiet, const struct dataset *ds, const struct quiet_holding *holding,
                int64_t began, int64_t ended)
{
    const struct mark *before = find(&quiet->last, ds);
    struct mark mark = {.whole = whole_of(&ds->side[SIDE_LOCAL])};
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct part *part = before == NULL ? NULL : &before->side[side];
        mark.side[side] = part_of(&ds->side[side], part, began, ended);
        mark.holding[side] = holding[side];
    }
    if (mark.side[SIDE_REMOTE].until != UNPROVEN)
        mark.sequence = sequence_of(&ds->side[SIDE_REMOTE].snapshots);
    add(&quiet->next, ds, &mark);
}

void quiet_note_busy(struct quiet *quiet, const struct dataset *ds, const struct row_table *rows,
                     int64_t began)
{
    const struct holding *remote = &ds->side[SIDE_REMOTE];
    const struct mark *before = find(&quiet->last, ds);
    struct mark mark = {.is_busy = true, .busy_until = began + QUIET_BUSY_MAX_MS};
    struct quiet_holding holding;
    if (rows == NULL || sequence_of_rows(rows, &holding) != sequence_of(&remote->snapshots))
        return;
    if (remote->recalled && before != NULL && before->side[SIDE_REMOTE].until < mark.busy_until)
        mark.busy_until = before->side[SIDE_REMOTE].until;
    for (int side = 0; side < SIDE_COUNT; side++)
        mark.side[side].until = UNPROVEN;
    add(&quiet->next, ds, &mark);
}

bool quiet_has_busy(const struct quiet *quiet)
{
    return quiet->last.busy > 0;
}

void quiet_settle(struct quiet *quiet, const struct dataset *ds, const struct row_table *rows,
                  size_t count, int64_t ended)
{
    struct mark *mark = find(&quiet->last, ds);
    uint64_t print = print_of(&ds->side[SIDE_REMOTE]);
    struct quiet_holding holding;
    if (mark == NULL || !mark->is_busy || mark->side[SIDE_REMOTE].until != UNPROVEN || print == 0 ||
        ended >= mark->busy_until)
        return;
    uint64_t sequence = sequence_of_rows(rows, &holding);
    if (holding.count != count)
        return;
    mark->sequence = sequence;
    mark->holding[SIDE_REMOTE] = holding;
    mark->side[SIDE_REMOTE] =
        (struct part){.print = print, .seen = ended, .until = mark->busy_until};
    quiet->last.busy--;
    quiet->last.proven++;
}

void quiet_doubt_the_future(struct inventory *inv, enum side side, int64_t now)
{
    for (size_t i = 0; i < inv->n; i++) {
        struct holding *holding = &inv->v[i]->side[side];
        if (holding->changed + 1 >= (uint64_t)now)
            holding->revision = 0;
    }
}

const struct quiet_holding *quiet_keep(struct quiet *quiet, const struct dataset *ds)
{
    const struct mark *before = find(&quiet->last, ds);
    if (before == NULL)
        return NULL;
    add(&quiet->next, ds, before);
    return before->holding;
}

/* Gives back the memory that was held ready for more. */
static void settle(struct marks *marks)
{
    if (marks->n > 0)
        marks->v = mem_resize(marks->v, marks->n, sizeof(*marks->v));
    marks->cap = marks->n;
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
