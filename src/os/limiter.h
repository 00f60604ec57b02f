/*
 * A limit on bytes a second that processes share: it is in memory that all have that were forked
 * after it was made, so that one of them can change it for all. Nobody ever holds it, so whoever is
 * killed leaves nothing behind. What one does not use is there for the others.
 */
#ifndef BACKUPD_OS_LIMITER_H
#define BACKUPD_OS_LIMITER_H

#include <stddef.h>
#include <stdint.h>

struct limiter;

/* Makes one without a limit. */
struct limiter *limiter_new(void);

/* For this process alone: the others keep theirs. NULL is fine. */
void limiter_free(struct limiter *limiter);

/* Sets the limit, in bytes a second; 0: none. Counts at once, for everybody. */
void limiter_set(struct limiter *limiter, uint64_t rate);

/* The limit, or 0. */
uint64_t limiter_rate(const struct limiter *limiter);

/*
 * Asks for so many bytes at the monotonic time `now_us`. They are granted; returned is for how many
 * microseconds to do nothing, before anything else is asked for.
 */
int64_t limiter_take(struct limiter *limiter, uint64_t bytes, int64_t now_us);

/* How many bytes to ask for at a time: what the limit allows in a twentieth of a second. */
size_t limiter_portion(const struct limiter *limiter);

#endif
