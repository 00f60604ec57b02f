/*
 * Memory that never comes back NULL. Running out of memory aborts the process: all durable truth
 * is in ZFS, every receive resumes, and a restart is a state that the tests visit all the time.
 */
#ifndef BACKUPD_BASE_MEM_H
#define BACKUPD_BASE_MEM_H

#include <stddef.h>

/* Returns `size` uninitialised bytes (at least one). The caller frees them with free(3). */
void *mem_alloc(size_t size);

/* Returns `count` zeroed elements of `size` bytes. The caller frees them with free(3). */
void *mem_zalloc(size_t count, size_t size);

/* Resizes `old` (may be NULL) to `count` elements of `size` bytes; `old` is no longer valid. */
void *mem_resize(void *old, size_t count, size_t size);

/* Returns a copy of the NUL-terminated `s`, or NULL where `s` is NULL. Free with free(3). */
char *mem_strdup(const char *s);

/* Returns a NUL-terminated copy of the `len` bytes at `s`. Free with free(3). */
char *mem_strndup(const char *s, size_t len);

/*
 * Makes room for element number `count` in a growing array of elements of `size` bytes: doubles
 * `*cap` where it is not above `count`. Returns the array, perhaps moved. Amortised O(1).
 */
void *mem_grow(void *array, size_t count, size_t *cap, size_t size);

#endif
