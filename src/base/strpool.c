#include "strpool.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"

#define BLOCK_BYTES 16384

struct strpool_block {
    struct strpool_block *next;
    size_t used, size;
    char bytes[];
};

void strpool_init(struct strpool *pool)
{
    memset(pool, 0, sizeof(*pool));
}

void strpool_fini(struct strpool *pool)
{
    struct strpool_block *block = pool->blocks;
    while (block != NULL) {
        struct strpool_block *next = block->next;
        free(block);
        block = next;
    }
    free(pool->slots);
    memset(pool, 0, sizeof(*pool));
}

static char *reserve(struct strpool *pool, size_t size)
{
    struct strpool_block *block = pool->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = mem_alloc(sizeof(*block) + room);
        block->next = pool->blocks;
        block->used = 0;
        block->size = room;
        pool->blocks = block;
    }
    char *p = block->bytes + block->used;
    block->used += size;
    pool->bytes += size;
    return p;
}

static void rehash(struct strpool *pool)
{
    size_t count = pool->slot_count == 0 ? 64 : pool->slot_count * 2;
    const char **slots = mem_zalloc(count, sizeof(*slots));
    for (size_t i = 0; i < pool->slot_count; i++) {
        const char *s = pool->slots[i];
        if (s == NULL)
            continue;
        size_t at = hash_add_bytes(HASH_INIT, s, strlen(s)) & (count - 1);
        while (slots[at] != NULL)
            at = (at + 1) & (count - 1);
        slots[at] = s;
    }
    free(pool->slots);
    pool->slots = slots;
    pool->slot_count = count;
}

/* The slot of these bytes, or the empty one where they belong. */
static size_t slot_of(const struct strpool *pool, const char *s, size_t len)
{
    size_t at = hash_add_bytes(HASH_INIT, s, len) & (pool->slot_count - 1);
    while (pool->slots[at] != NULL &&
           (strncmp(pool->slots[at], s, len) != 0 || pool->slots[at][len] != '\0'))
        at = (at + 1) & (pool->slot_count - 1);
    return at;
}

const char *strpool_find(const struct strpool *pool, const char *s, size_t len)
{
    return pool->slot_count == 0 ? NULL : pool->slots[slot_of(pool, s, len)];
}

const char *strpool_add(struct strpool *pool, const char *s, size_t len)
{
    if (pool->used * 4 >= pool->slot_count * 3)
        rehash(pool);
    size_t at = slot_of(pool, s, len);
    if (pool->slots[at] != NULL)
        return pool->slots[at];
    char *copy = reserve(pool, len + 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    pool->slots[at] = copy;
    pool->used++;
    return copy;
}
