/* The two clocks. Outside this folder time is a parameter. */
#ifndef BACKUPD_OS_CLOCK_H
#define BACKUPD_OS_CLOCK_H

#include <stdint.h>

/* Seconds since the epoch, UTC. May step in either direction. */
int64_t clock_now(void);

/* Milliseconds since some moment; never steps back. */
int64_t clock_monotonic_ms(void);

#endif
