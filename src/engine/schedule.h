/* When things happen next: pure arithmetic over times that the caller gives. */
#ifndef BACKUPD_ENGINE_SCHEDULE_H
#define BACKUPD_ENGINE_SCHEDULE_H

#include <stdint.h>

/* Seconds before the first retry of what failed. */
#define SCHEDULE_FIRST_RETRY 60

/* `first`, doubled for each of `times` (at least 1) beyond the first, and at most `most`. */
int64_t schedule_doubled(int64_t first, uint64_t times, int64_t most);

/*
 * How long after its newest failure something that failed `failures` times in a row (at least 1)
 * is tried again: SCHEDULE_FIRST_RETRY, doubled each time, at most `interval`. All in seconds.
 */
int64_t schedule_backoff(uint64_t failures, int64_t interval);

#endif
