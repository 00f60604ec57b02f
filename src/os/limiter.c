#include "limiter.h"

#include <stdatomic.h>

#include "shared.h"

/* What nobody asked for is there for so long: who sleeps wakes a little late each time. */
#define CREDIT_US 200000

#define PORTIONS_PER_SECOND 20
#define PORTION_MIN         4096
#define PORTION_MAX         (1024 * 1024)

#define US_PER_SECOND 1000000

struct limiter {
    _Atomic uint64_t rate;
    _Atomic int64_t free_us; /* until then everything is given away */
};

struct limiter *limiter_new(void)
{
    struct limiter *limiter = shared_new(sizeof(*limiter));
    atomic_init(&limiter->rate, 0);
    atomic_init(&limiter->free_us, 0);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    shared_free(limiter, sizeof(*limiter));
}

void limiter_set(struct limiter *limiter, uint64_t rate)
{
    /* What was given away at the old rate may be long, and is forgotten. */
    if (atomic_exchange(&limiter->rate, rate) != rate)
        atomic_store(&limiter->free_us, 0);
}

uint64_t limiter_rate(const struct limiter *limiter)
{
    return atomic_load(&limiter->rate);
}

int64_t limiter_take(struct limiter *limiter, uint64_t bytes, int64_t now_us)
{
    uint64_t rate = limiter_rate(limiter);
    if (rate == 0)
        return 0;
    if (bytes > UINT64_MAX / US_PER_SECOND)
        bytes = UINT64_MAX / US_PER_SECOND;
    int64_t cost = (int64_t)(bytes * US_PER_SECOND / rate);
    int64_t was = atomic_load(&limiter->free_us);
    int64_t begin;
    do {
        begin = was > now_us - CREDIT_US ? was : now_us - CREDIT_US;
    } while (!atomic_compare_exchange_weak(&limiter->free_us, &was, begin + cost));
    return begin + cost > now_us ? begin + cost - now_us : 0;
}

size_t limiter_portion(const struct limiter *limiter)
{
    uint64_t rate = limiter_rate(limiter);
    uint64_t portion = rate / PORTIONS_PER_SECOND;
    if (rate == 0 || portion > PORTION_MAX)
        return PORTION_MAX;
    return portion < PORTION_MIN ? PORTION_MIN : (size_t)portion;
}
