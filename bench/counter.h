/* Instructions of this process, without the kernel's, where the machine counts them for us. */
#ifndef BACKUPD_BENCH_COUNTER_H
#define BACKUPD_BENCH_COUNTER_H

#include <stdint.h>

/* Begins to count from 0. */
void counter_start(void);

/* How many since counter_start; 0 where they cannot be counted. */
uint64_t counter_stop(void);

/* Prints why there are none, where there are none. */
void counter_explain(void);

#endif
