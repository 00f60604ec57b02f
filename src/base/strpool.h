/*
 * Strings that live as long as their pool, each stored once. Recursive snapshots give a thousand
 * datasets the same names, so this is what keeps a million snapshots small.
 */
#ifndef BACKUPD_BASE_STRPOOL_H
#define BACKUPD_BASE_STRPOOL_H

#include <stddef.h>
#include <stdint.h>

struct strpool_block;

struct strpool {
    struct strpool_block *blocks;
    const char **slots; /* open addressing by content */
    size_t slot_count;  /* a power of two, or 0 */
    size_t used;
    size_t bytes; /* what the strings take, terminators included */
};

/* Makes an empty pool. Release with strpool_fini. */
void strpool_init(struct strpool *pool);

/* Frees every string of the pool. Safe on a zeroed struct. */
void strpool_fini(struct strpool *pool);

/*
 * Returns the pool's NUL-terminated copy of the `len` bytes at `s` (which hold no NUL): the same
 * pointer for the same bytes. Valid until strpool_fini.
 */
const char *strpool_add(struct strpool *pool, const char *s, size_t len);

/* The pool's copy of these bytes, or NULL where it has none. */
const char *strpool_find(const struct strpool *pool, const char *s, size_t len);

#endif
