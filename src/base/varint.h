/* Numbers that take as many bytes as they need: seven bits each, the lowest first, and all but the
 * last byte have the eighth. */
#ifndef BACKUPD_BASE_VARINT_H
#define BACKUPD_BASE_VARINT_H

#include <stdint.h>

#define VARINT_MAX 10 /* bytes of 64 bits */

/* Writes it at `at`, where VARINT_MAX bytes are free. Returns what comes after it. */
static inline unsigned char *varint_put(unsigned char *at, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (unsigned char)((number & 0x7f) | 0x80);
    *at++ = (unsigned char)number;
    return at;
}

/* Reads what varint_put wrote at `*at`, and goes on to what comes after it. */
static inline uint64_t varint_take(const unsigned char **at)
{
    uint64_t number = 0;
    unsigned shift = 0;
    for (; **at >= 0x80; shift += 7)
        number |= (uint64_t)(*(*at)++ & 0x7f) << shift;
    return number | (uint64_t) * (*at)++ << shift;
}

#endif
