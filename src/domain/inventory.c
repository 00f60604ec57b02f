#include "inventory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"

void inventory_init(struct inventory *inv)
{
    memset(inv, 0, sizeof(*inv));
    strpool_init(&inv->pool);
}

void inventory_fini(struct inventory *inv)
{
    for (size_t i = 0; i < inv->n; i++) {
        for (int side = 0; side < SIDE_COUNT; side++)
            holding_clear(&inv->v[i]->side[side]);
        free(inv->v[i]);
    }
    free(inv->v);
    free(inv->slots);
    strpool_fini(&inv->pool);
    memset(inv, 0, sizeof(*inv));
}

void holding_clear_snapshots(struct holding *holding)
{
    snapset_fini(&holding->snapshots);
    snapset_fini(&holding->bookmarks);
    snapset_init(&holding->snapshots);
    snapset_init(&holding->bookmarks);
    holding->digest = 0;
    holding->recalled = false;
}

void holding_clear(struct holding *holding)
{
    holding_clear_snapshots(holding);
    memset(holding, 0, sizeof(*holding));
    snapset_init(&holding->snapshots);
    snapset_init(&holding->bookmarks);
}

/* The slot of the dataset whose interned name is `name`, or the empty one where it belongs. */
static size_t slot_of(const struct inventory *inv, const char *name)
{
    size_t at = (((uintptr_t)name >> 3) * 0x9e3779b97f4a7c15U >> 20) & (inv->slot_count - 1);
    while (inv->slots[at] != NULL && inv->slots[at]->name != name)
        at = (at + 1) & (inv->slot_count - 1);
    return at;
}

static void grow_slots(struct inventory *inv)
{
    free(inv->slots);
    inv->slot_count = inv->slot_count == 0 ? 64 : inv->slot_count * 2;
    inv->slots = mem_zalloc(inv->slot_count, sizeof(*inv->slots));
    for (size_t i = 0; i < inv->n; i++)
        inv->slots[slot_of(inv, inv->v[i]->name)] = inv->v[i];
}

struct dataset *inventory_find(const struct inventory *inv, const char *name)
{
    name = strpool_find(&inv->pool, name, strlen(name));
    return name == NULL || inv->slot_count == 0 ? NULL : inv->slots[slot_of(inv, name)];
}

struct dataset *inventory_get(struct inventory *inv, const char *name)
{
    if (inv->n * 4 >= inv->slot_count * 3)
        grow_slots(inv);
    name = strpool_add(&inv->pool, name, strlen(name));
    size_t at = slot_of(inv, name);
    if (inv->slots[at] != NULL)
        return inv->slots[at];

    struct dataset *ds = mem_zalloc(1, sizeof(*ds));
    ds->name = name;
    for (int side = 0; side < SIDE_COUNT; side++)
        holding_clear(&ds->side[side]);
    inv->slots[at] = ds;
    inv->v = mem_grow(inv->v, inv->n, &inv->cap, sizeof(struct dataset *));
    inv->v[inv->n++] = ds;
    return ds;
}

/* By name, with "/" before every other byte, so that "/a/b" comes before "/a b". */
static int compare_names(const void *a, const void *b)
{
    const char *x = (*(struct dataset *const *)a)->name;
    const char *y = (*(struct dataset *const *)b)->name;
    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    int cx = *x == '/' ? 1 : (unsigned char)*x;
    int cy = *y == '/' ? 1 : (unsigned char)*y;
    return cx - cy;
}

void inventory_sort_datasets(struct inventory *inv)
{
    if (inv->n > 1)
        qsort(inv->v, inv->n, sizeof(struct dataset *), compare_names);
}

void dataset_sort(struct dataset *ds)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        snapset_sort(&ds->side[side].snapshots);
        snapset_sort(&ds->side[side].bookmarks);
    }
}

void inventory_sort(struct inventory *inv)
{
    inventory_sort_datasets(inv);
    for (size_t i = 0; i < inv->n; i++)
        dataset_sort(inv->v[i]);
}

size_t dataset_size(const struct dataset *ds)
{
    size_t size = 1;
    for (int side = 0; side < SIDE_COUNT; side++)
        size += ds->side[side].snapshots.n + ds->side[side].bookmarks.n;
    return size;
}

/* So many snapshots ahead the memory of their facts is asked for. */
#define AHEAD 12

/* Returns how many are not bare any more. */
static size_t complete(const struct inventory *inv, struct snapset *set)
{
    size_t completed = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (i + AHEAD < set->n && (set->v[i + AHEAD].flags & SNAPSHOT_BARE))
            facts_expect(inv->facts, set->v[i + AHEAD].guid);
        if (!(set->v[i].flags & SNAPSHOT_BARE) || !facts_recall(inv->facts, &set->v[i]))
            continue;
        set->v[i].flags &= ~(unsigned)SNAPSHOT_BARE;
        completed++;
    }
    return completed;
}

void inventory_complete_dataset(struct inventory *inv, struct dataset *ds, enum side side)
{
    inv->bare[side] -= complete(inv, &ds->side[side].snapshots);
    inv->bare[side] -= complete(inv, &ds->side[side].bookmarks);
}

void inventory_complete(struct inventory *inv, enum side side)
{
    for (size_t i = 0; i < inv->n; i++)
        inventory_complete_dataset(inv, inv->v[i], side);
}

/* `mark`: "@" or "#". Returns its part of a digest, which is a sum, so that their order does not
 * count. */
static uint64_t add(struct inventory *inv, struct holding *holding, char mark,
                    const struct snapshot *snap)
{
    struct snapshot copy = *snap;
    size_t len = strlen(snap->name);
    uint64_t hash = hash_add(hash_add(HASH_INIT ^ (uint64_t)mark, snap->guid), snap->createtxg);
    holding->exists = true;
    copy.name = strpool_add(&inv->pool, snap->name, len);
    snapset_add(mark == '@' ? &holding->snapshots : &holding->bookmarks, &copy);
    return hash_add_bytes(hash, snap->name, len);
}

void inventory_add_snapshot(struct inventory *inv, struct dataset *ds, enum side side,
                            const struct snapshot *snap)
{
    struct holding *holding = &ds->side[side];
    holding->digest += add(inv, holding, '@', snap);
}

/* Those of the remote are in no plan: whoever copies it further on makes and destroys them. */
void inventory_add_bookmark(struct inventory *inv, struct dataset *ds, enum side side,
                            const struct snapshot *bookmark)
{
    struct holding *holding = &ds->side[side];
    uint64_t part = add(inv, holding, '#', bookmark);
    holding->digest += side == SIDE_LOCAL ? part : 0;
}
