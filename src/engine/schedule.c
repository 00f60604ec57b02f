#include "schedule.h"

int64_t schedule_backoff(uint64_t failures, int64_t interval)
{
    int64_t delay = SCHEDULE_FIRST_RETRY;
    while (failures > 1 && delay < interval) {
        delay *= 2;
        failures--;
    }
    return delay < interval ? delay : interval;
}
