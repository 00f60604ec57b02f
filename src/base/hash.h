/*
 * Hashes of 64 bits: to find things by, and to notice that they changed. They hold against accident
 * and not against malice.
 */
#ifndef BACKUPD_BASE_HASH_H
#define BACKUPD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The beginning of a hash, and what it is once `word` is added: every bit of both counts. */
#define HASH_INIT UINT64_C(14695981039346656037)
uint64_t hash_add(uint64_t hash, uint64_t word);

/* The same for `len` bytes at `s`, and for how many they are. Their order counts. */
uint64_t hash_add_bytes(uint64_t hash, const char *s, size_t len);

#endif
