#include "u64map.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct u64map_slot {
    uint64_t key;
    size_t value; /* plus one; 0 is an empty slot */
};

/* The finaliser of splitmix64: guids are random, but a test's are 1, 2, 3. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static void resize(struct u64map *map, size_t count)
{
    struct u64map_slot *old = map->slots;
    size_t old_count = map->slot_count;
    map->slots = mem_zalloc(count, sizeof(*map->slots));
    map->slot_count = count;
    map->used = 0;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].value != 0)
            u64map_put(map, old[i].key, old[i].value - 1);
    free(old);
}

void u64map_init(struct u64map *map, size_t expected)
{
    memset(map, 0, sizeof(*map));
    size_t count = 8;
    while (count * 3 < expected * 4 + 4)
        count *= 2;
    resize(map, count);
}

void u64map_fini(struct u64map *map)
{
    free(map->slots);
    memset(map, 0, sizeof(*map));
}

static size_t slot_of(const struct u64map *map, uint64_t key)
{
    size_t at = mix(key) & (map->slot_count - 1);
    while (map->slots[at].value != 0 && map->slots[at].key != key)
        at = (at + 1) & (map->slot_count - 1);
    return at;
}

void u64map_put(struct u64map *map, uint64_t key, size_t value)
{
    if (map->used * 4 >= map->slot_count * 3)
        resize(map, map->slot_count == 0 ? 8 : map->slot_count * 2);
    size_t at = slot_of(map, key);
    if (map->slots[at].value == 0)
        map->used++;
    map->slots[at].key = key;
    map->slots[at].value = value + 1;
}

size_t u64map_get(const struct u64map *map, uint64_t key)
{
    if (map->slot_count == 0)
        return U64MAP_NONE;
    size_t at = slot_of(map, key);
    return map->slots[at].value == 0 ? U64MAP_NONE : map->slots[at].value - 1;
}
