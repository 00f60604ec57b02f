/* How much a worker may say, so that one gone wild is ended and does not keep the engine busy. */
#ifndef BACKUPD_ENGINE_FLOOD_H
#define BACKUPD_ENGINE_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The longest honest talk: a plan of 100000 steps and its 200000 snapshots is about 101600 events
 * and 65 MB. Where the dataset is busy it is listed and planned anew 15 times, each time after
 * three seconds: 1.7 million events and 1.1 GB in 45 seconds. Then two events a step, each of which
 * is a process that was run, and one of progress a second. Whoever says more is no worker.
 */
#define FLOOD_EVENTS            2000000
#define FLOOD_EVENTS_PER_SECOND 10000
#define FLOOD_BYTES             (UINT64_C(1) << 30)
#define FLOOD_BYTES_PER_SECOND  (UINT64_C(16) << 20)

/* What was said since it was zeroed and `began_ms`, a monotonic time, was set. */
struct flood {
    int64_t began_ms;
    uint64_t events, bytes;
};

/* Counts one more event of `bytes`. False where that is more than anybody honest says. */
bool flood_count(struct flood *flood, size_t bytes, int64_t now_ms);

#endif
