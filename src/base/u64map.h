/* A map from 64-bit keys to indices: guids to places in an array. */
#ifndef BACKUPD_BASE_U64MAP_H
#define BACKUPD_BASE_U64MAP_H

#include <stddef.h>
#include <stdint.h>

#define U64MAP_NONE SIZE_MAX

struct u64map {
    struct u64map_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
};

/* Makes an empty map with room for `expected` keys. Release with u64map_fini. */
void u64map_init(struct u64map *map, size_t expected);

/* Frees it. Safe on a zeroed struct. */
void u64map_fini(struct u64map *map);

/* Maps `key` to `value` (not U64MAP_NONE), replacing what it was mapped to. */
void u64map_put(struct u64map *map, uint64_t key, size_t value);

/* What `key` is mapped to, or U64MAP_NONE. O(1). */
size_t u64map_get(const struct u64map *map, uint64_t key);

#endif
