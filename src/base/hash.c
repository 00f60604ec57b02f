#include "hash.h"

#include <string.h>

/* The last two rounds of MurmurHash3's finaliser: every bit of the result depends on every bit. */
uint64_t hash_add(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

uint64_t hash_add_bytes(uint64_t hash, const char *s, size_t len)
{
    size_t at = 0;
    for (; at + sizeof(uint64_t) <= len; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s + at, sizeof(word));
        hash = hash_add(hash, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, s + at, len - at);
    return hash_add(hash_add(hash, rest), len);
}
