#include "quiet.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "u64map.h"

/* What one dataset was like. */
struct mark {
    uint64_t print; /* of all that a plan is made of */
    struct quiet_holding holding;
    int64_t seen;   /* when the first listing that gave this print had ended */
    int64_t listed; /* when the last one in full began, where that proves it; else PROVEN_NEVER */
};

#define PROVEN_NEVER INT64_MIN

/* The marks of one cycle, by the hash of the dataset's name. A print covers the name itself. */
struct marks {
    struct mark *v;
    size_t n, cap;
    size_t proven;
    struct u64map places;
};

struct quiet {
    struct marks last;   /* of the cycle before */
    struct marks next;   /* of this one so far */
    size_t datasets;     /* of the remote, in the cycle before */
    int64_t listed;      /* when the last cycle began that listed all */
    int64_t refused;     /* until when the remote is not asked again */
    unsigned connection; /* the number of the one to the remote */
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
    quiet->refused = 0;
}

static uint64_t key_of(const struct dataset *ds)
{
    return hash_add_bytes(HASH_INIT, ds->name, strlen(ds->name));
}

/* 0: it cannot be quiet. */
static uint64_t print_of(const struct dataset *ds)
{
    const struct holding *local = &ds->side[SIDE_LOCAL];
    const struct holding *remote = &ds->side[SIDE_REMOTE];
    uint64_t hash = key_of(ds);
    if (!remote->exists || remote->revision == 0 || remote->token != NULL || local->token != NULL)
        return 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct holding *holding = &ds->side[side];
        hash = hash_add(hash, holding->exists);
        hash = hash_add(hash, holding->type);
        hash = hash_add(hash, holding->encrypted);
    }
    return hash_add(hash_add(hash, local->digest), remote->revision);
}

static const struct mark *find(const struct marks *marks, const struct dataset *ds)
{
    size_t at = u64map_get(&marks->places, key_of(ds));
    uint64_t print = print_of(ds);
    return at == U64MAP_NONE || print == 0 || marks->v[at].print != print ? NULL : &marks->v[at];
}

static void add(struct marks *marks, const struct dataset *ds, const struct mark *mark)
{
    u64map_put(&marks->places, key_of(ds), marks->n);
    marks->v = mem_grow(marks->v, marks->n, &marks->cap, sizeof(*marks->v));
    marks->v[marks->n++] = *mark;
    if (mark->listed != PROVEN_NEVER)
        marks->proven++;
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
                                       int64_t now)
{
    const struct mark *mark = find(&quiet->last, ds);
    if (mark == NULL || mark->listed == PROVEN_NEVER || now - mark->listed >= QUIET_MAX_MS)
        return NULL;
    return &mark->holding;
}

void quiet_note(struct quiet *quiet, const struct dataset *ds, const struct quiet_holding *holding,
                int64_t began, int64_t ended)
{
    const struct mark *before = find(&quiet->last, ds);
    struct mark mark = {
        .print = print_of(ds), .holding = *holding, .seen = ended, .listed = PROVEN_NEVER};
    if (before != NULL) {
        mark.seen = before->seen;
        if (began - before->seen >= QUIET_APART_MS)
            mark.listed = began;
    }
    add(&quiet->next, ds, &mark);
}

void quiet_keep(struct quiet *quiet, const struct dataset *ds)
{
    const struct mark *mark = find(&quiet->last, ds);
    if (mark != NULL)
        add(&quiet->next, ds, mark);
}

void quiet_end_cycle(struct quiet *quiet, size_t datasets, int64_t listed)
{
    quiet->datasets = datasets;
    if (listed != QUIET_NOT_ALL)
        quiet->listed = listed;
    marks_fini(&quiet->last);
    quiet->last = quiet->next;
    memset(&quiet->next, 0, sizeof(quiet->next));
}

bool quiet_may_ask(const struct quiet *quiet, int64_t now)
{
    return now >= quiet->refused;
}

void quiet_note_refusal(struct quiet *quiet, int64_t now)
{
    quiet->refused = now + QUIET_MAX_MS;
}
