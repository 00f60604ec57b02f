#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define CAP_LEAST 64

struct fact {
    uint64_t guid; /* 0: the slot is empty */
    int64_t creation;
    uint64_t size : 62, seen : 1, of_local : 1;
};

#define SIZE_MOST ((UINT64_C(1) << 62) - 1)

void facts_init(struct facts *facts)
{
    memset(facts, 0, sizeof(*facts));
}

void facts_fini(struct facts *facts)
{
    free(facts->v);
    facts_init(facts);
}

/* Where the search for `guid` begins. Any number of slots will do, so that a table need not be twice
 * as large as what it holds. */
static size_t home_of(const struct facts *facts, uint64_t guid)
{
    uint64_t mixed = (guid ^ (guid >> 31)) * 0x9e3779b97f4a7c15U;
    return (size_t)((mixed >> 32) * facts->cap >> 32);
}

/* The slot of `guid`, or the empty one where it belongs. */
static struct fact *slot_of(const struct facts *facts, uint64_t guid)
{
    size_t at = home_of(facts, guid);
    while (facts->v[at].guid != 0 && facts->v[at].guid != guid)
        at = at + 1 == facts->cap ? 0 : at + 1;
    return &facts->v[at];
}

/* Moves what was seen, or all, into a table of `cap` slots. */
static void rebuild(struct facts *facts, size_t cap, bool all)
{
    struct facts old = *facts;
    facts->v = mem_zalloc(cap, sizeof(*facts->v));
    facts->cap = cap;
    facts->n = 0;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.v[i].guid == 0 || !(all || old.v[i].seen))
            continue;
        *slot_of(facts, old.v[i].guid) = old.v[i];
        facts->n++;
    }
    free(old.v);
}

void facts_begin(struct facts *facts)
{
    for (size_t i = 0; i < facts->cap; i++)
        facts->v[i].seen = 0;
}

void facts_end(struct facts *facts)
{
    size_t seen = 0;
    for (size_t i = 0; i < facts->cap; i++)
        seen += facts->v[i].guid != 0 && facts->v[i].seen;
    size_t cap = seen + seen / 6 + CAP_LEAST;
    facts->changed = facts->changed || seen < facts->n;
    if (seen < facts->n || cap + cap / 16 < facts->cap)
        rebuild(facts, cap, false);
}

void facts_add(struct facts *facts, enum side side, uint64_t guid, int64_t creation, uint64_t size)
{
    if (guid == 0)
        return;
    if (facts->n + facts->n / 8 + 1 >= facts->cap)
        rebuild(facts, facts->cap + facts->cap / 2 + CAP_LEAST, true);
    struct fact *fact = slot_of(facts, guid);
    struct fact before = *fact;
    bool yields = before.of_local && side != SIDE_LOCAL;
    facts->n += before.guid == 0;
    fact->guid = guid;
    fact->seen = 1;
    /* Of a bookmark zfs may say no creation. */
    if (before.guid == 0 || (creation != 0 && !yields))
        fact->creation = creation;
    /* A bookmark has no size, and comes after its snapshot as often as before it. */
    if (size > 0 && !(yields && before.size > 0))
        fact->size = (size < SIZE_MOST ? size : SIZE_MOST) & SIZE_MOST;
    fact->of_local = before.of_local || side == SIDE_LOCAL;
    facts->changed = facts->changed || before.guid == 0 || before.creation != fact->creation ||
                     before.size != fact->size || before.of_local != fact->of_local;
}

bool facts_next(const struct facts *facts, size_t *at, struct snapshot *ret, enum side *ret_side)
{
    for (; *at < facts->cap; (*at)++) {
        const struct fact *fact = &facts->v[*at];
        if (fact->guid == 0)
            continue;
        *ret =
            (struct snapshot){.guid = fact->guid, .creation = fact->creation, .size = fact->size};
        *ret_side = fact->of_local ? SIDE_LOCAL : SIDE_REMOTE;
        (*at)++;
        return true;
    }
    return false;
}

void facts_expect(const struct facts *facts, uint64_t guid)
{
    if (facts->cap > 0)
        __builtin_prefetch(&facts->v[home_of(facts, guid)], 1);
}

bool facts_recall(struct facts *facts, struct snapshot *snap)
{
    if (facts->cap == 0 || snap->guid == 0)
        return false;
    struct fact *fact = slot_of(facts, snap->guid);
    if (fact->guid == 0)
        return false;
    fact->seen = 1;
    snap->creation = fact->creation;
    snap->size = fact->size;
    return true;
}
