#include "schedule.h"

int64_t schedule_doubled(int64_t first, uint64_t times, int64_t most)
{
    int64_t delay = first;
    for (; times > 1 && delay < most; times--)
        delay *= 2;
    return delay < most ? delay : most;
}

int64_t schedule_backoff(uint64_t failures, int64_t interval)
{
    return schedule_doubled(SCHEDULE_FIRST_RETRY, failures, interval);
}
