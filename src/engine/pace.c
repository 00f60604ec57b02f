#include "pace.h"

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.limit = PACE_START, .max = PACE_MAX};
}

void pace_begin(struct pace *pace, unsigned max)
{
    pace->measuring = false;
    if (max == pace->max)
        return;
    pace->max = max;
    pace->from = 0;
    if (pace->limit > max)
        pace->limit = max;
}

/* More by a half, fewer by a quarter: what is lost by one step too many is little. */
static unsigned next_limit(const struct pace *pace)
{
    unsigned by = pace->down ? (pace->limit + 3) / 4 : (pace->limit + 1) / 2;
    if (pace->down)
        return pace->limit > by ? pace->limit - by : 1;
    return pace->max - pace->limit > by ? pace->limit + by : pace->max;
}

static void turn_round(struct pace *pace)
{
    pace->down = !pace->down;
    pace->in_vain++;
    /* Once it was in vain in both directions, that is the number, for now. */
    pace->rest = 0;
    if (pace->in_vain >= 2)
        pace->rest = pace->in_vain < 8 ? 1U << (pace->in_vain - 1) : PACE_REST_MAX;
}

static void try_next(struct pace *pace, uint64_t rate)
{
    unsigned next = next_limit(pace);
    if (next == pace->limit) {
        turn_round(pace);
        return;
    }
    pace->from = pace->limit;
    pace->from_rate = rate;
    pace->limit = next;
}

static bool is_worth_it(const struct pace *pace, uint64_t rate)
{
    unsigned percent = pace->down ? 100 - PACE_LOSS : 100 + PACE_GAIN;
    return rate / percent >= pace->from_rate / 100;
}

/* A window at `limit` ended. */
static void judge(struct pace *pace, uint64_t rate)
{
    if (pace->from == 0) {
        if (pace->rest > 0)
            pace->rest--;
        else
            try_next(pace, rate);
        return;
    }
    if (is_worth_it(pace, rate)) {
        pace->in_vain = 0;
        pace->from = 0;
        /* Small losses add up: fewer are held against the best. */
        try_next(pace, pace->down && pace->from_rate > rate ? pace->from_rate : rate);
        return;
    }
    pace->limit = pace->from;
    pace->from = 0;
    turn_round(pace);
}

static bool is_over(const struct pace *pace, int64_t took_ms)
{
    return took_ms >= PACE_WINDOW_MS || (took_ms >= PACE_WINDOW_SHORT_MS &&
                                         pace->steps >= (uint64_t)PACE_WINDOW_STEPS * pace->limit);
}

static void restart(struct pace *pace, int64_t now_ms)
{
    pace->measuring = true;
    pace->since_ms = now_ms;
    pace->bytes = pace->steps = 0;
}

void pace_note(struct pace *pace, int64_t now_ms, unsigned running, uint64_t bytes, uint64_t steps)
{
    if (running != pace->limit) {
        pace->measuring = false;
        return;
    }
    if (!pace->measuring) {
        restart(pace, now_ms); /* what is told now was done before */
        return;
    }
    pace->bytes += bytes;
    pace->steps += steps;
    int64_t took_ms = now_ms - pace->since_ms;
    if (!is_over(pace, took_ms))
        return;
    uint64_t work = pace->bytes + pace->steps * PACE_STEP_BYTES;
    restart(pace, now_ms);
    judge(pace, work / (uint64_t)took_ms * 1000);
    pace->measuring = pace->limit == running;
}
