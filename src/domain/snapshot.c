#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

const char *side_name(enum side side)
{
    return side == SIDE_LOCAL ? "local" : "remote";
}

void snapset_init(struct snapset *set)
{
    memset(set, 0, sizeof(*set));
    set->sorted = true;
}

void snapset_fini(struct snapset *set)
{
    free(set->v);
    snapset_init(set);
}

static int compare(const void *a, const void *b)
{
    const struct snapshot *x = a;
    const struct snapshot *y = b;
    if (x->createtxg != y->createtxg)
        return x->createtxg < y->createtxg ? -1 : 1;
    return (x->guid > y->guid) - (x->guid < y->guid);
}

void snapset_add(struct snapset *set, const struct snapshot *snap)
{
    set->v = mem_grow(set->v, set->n, &set->cap, sizeof(*set->v));
    set->v[set->n] = *snap;
    if (set->n > 0 && compare(&set->v[set->n - 1], snap) > 0)
        set->sorted = false;
    set->n++;
}

void snapset_sort(struct snapset *set)
{
    if (!set->sorted)
        qsort(set->v, set->n, sizeof(*set->v), compare);
    set->sorted = true;
}

size_t snapset_find(const struct snapset *set, uint64_t guid)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i].guid == guid)
            return i;
    return SIZE_MAX;
}

const struct snapshot *snapset_newest(const struct snapset *set)
{
    return set->n == 0 ? NULL : &set->v[set->n - 1];
}
