#include "flood.h"

bool flood_count(struct flood *flood, size_t bytes, int64_t now_ms)
{
    int64_t ms = now_ms > flood->began_ms ? now_ms - flood->began_ms : 0;
    uint64_t seconds = (uint64_t)(ms / 1000);
    flood->events++;
    flood->bytes += bytes;
    return flood->events <= FLOOD_EVENTS + seconds * FLOOD_EVENTS_PER_SECOND &&
           flood->bytes <= FLOOD_BYTES + seconds * FLOOD_BYTES_PER_SECOND;
}
