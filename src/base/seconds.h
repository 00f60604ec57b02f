/* Times that somebody else wrote down: sums and differences that stop at the ends of int64_t. */
#ifndef BACKUPD_BASE_SECONDS_H
#define BACKUPD_BASE_SECONDS_H

#include <stdint.h>

/* a + b, or the end of the range where that is beyond it. */
static inline int64_t seconds_add(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b)
        return INT64_MIN;
    return a + b;
}

/* The seconds from `then` to `now`, negative where `then` is later. */
static inline int64_t seconds_since(int64_t then, int64_t now)
{
    if (then < 0 && now > INT64_MAX + then)
        return INT64_MAX;
    if (then > 0 && now < INT64_MIN + then)
        return INT64_MIN;
    return now - then;
}

#endif
