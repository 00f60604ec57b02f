#include "clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
    return read_ms(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

/* FreeBSD's monotonic clock goes on while the machine sleeps. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_AWAKE_OR_ASLEEP CLOCK_BOOTTIME
#else
#define CLOCK_AWAKE_OR_ASLEEP CLOCK_MONOTONIC
#endif

int64_t clock_ahead_ms(void)
{
    return read_ms(CLOCK_REALTIME) - read_ms(CLOCK_AWAKE_OR_ASLEEP);
}
