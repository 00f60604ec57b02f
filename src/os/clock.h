/* The two clocks. Outside this folder time is a parameter. */
#ifndef BACKUPD_OS_CLOCK_H
#define BACKUPD_OS_CLOCK_H

#include <stdint.h>

/* Seconds since the epoch, UTC. May step in either direction. */
int64_t clock_now(void);

/* Milliseconds since some moment; never steps back. */
int64_t clock_monotonic_ms(void);

/* By how many milliseconds the first is ahead of a clock that never steps and goes on while the machine
 * sleeps: less than before where somebody set it back, more where he set it forward. */
int64_t clock_ahead_ms(void);

#endif
