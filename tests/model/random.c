/* Large inventories, from a seed that is printed so that a failure can be run again. */
#include <stdio.h>

#include "model.h"

static uint64_t random_state;

void random_seed(uint64_t seed)
{
    random_state = seed;
}

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

uint64_t random_below(uint64_t limit)
{
    return random_next() % limit;
}

/* As many small ones as large ones, by orders of magnitude; one in eight is as large as allowed. */
static size_t random_size(unsigned limit)
{
    if (random_below(8) == 0)
        return limit;
    uint64_t top = 2;
    while (top < limit && random_below(8) != 0)
        top *= 2;
    return 1 + random_below(top < limit ? top : limit);
}

/* A history as it comes about: mostly shared up to a point, then local only, with exceptions. */
static void random_world(struct world *w, struct setting *s, size_t n)
{
    size_t shared_until = random_below(n + 1);
    uint64_t odd = random_below(3) == 0 ? 3 : 40;       /* one in so many is somewhere else */
    uint64_t bad_clock = random_below(2) == 0 ? 0 : 10; /* one in so many stands still or back */
    int64_t creation = 100000;
    world_clear(w);
    s->strict_clock = true;
    for (size_t k = 1; k <= n; k++) {
        int64_t advance = 1 + (int64_t)random_below(5000);
        if (bad_clock > 0 && random_below(bad_clock) == 0)
            advance = -(int64_t)(random_below(3) * random_below(9000));
        creation += advance;
        enum placement place = k <= shared_until ? PLACE_BOTH : PLACE_LOCAL;
        if (random_below(odd) == 0)
            place = (enum placement)random_below(PLACE_COUNT);
        s->strict_clock = s->strict_clock && advance > 0 && place != PLACE_OTHER_GUID;
        unsigned type = random_below(8) == 0 ? 2 : (unsigned)random_below(2);
        unsigned flags = random_below(30) == 0 ? SNAPSHOT_HELD : 0;
        world_add(w, k, type, creation, place, flags);
        if (place != PLACE_LOCAL && random_below(60) == 0)
            world_mark(w, k);
    }
}

static void random_rules(struct setting *s, size_t n)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (unsigned type = 0; type < MANAGED; type++)
            setting_count(s, (enum side)side, type,
                          random_below(random_below(2) == 0 ? 4 : n / 2 + 2));
        s->rules.destroy_unmanaged[side] = random_below(2) == 0;
    }
    s->rules.keep_baseline = random_below(2) == 0;
}

void visit_random(uint64_t count, unsigned size, uint64_t seed)
{
    struct setting s;
    setting_init(&s);
    random_seed(seed);
    printf("# random inventories from seed %#llx\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < count; i++) {
        size_t n = random_size(size);
        struct world *w = world_new(n + ARRIVALS);
        snprintf(s.where, sizeof(s.where), "random inventory %llu", (unsigned long long)i);
        random_world(w, &s, n);
        random_rules(&s, n);
        settle(&s, w);
        world_free(w);
    }
    setting_fini(&s);
}
