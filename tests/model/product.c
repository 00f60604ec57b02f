/*
 * A number for every state of up to four snapshots, nothing folded: placement, type and clock of
 * each, one that is pinned, one that is bookmarked, the policies, and what the rules say.
 */
#include <stdio.h>

#include "model.h"

#define POLICY_PAIRS 81 /* counts 0..2 of two types on two sides */
#define MODES        8  /* unmanaged keep or destroy on each side; with and without a baseline */

/* Takes one digit off a number written in mixed bases. */
static unsigned digit(uint64_t *number, unsigned base)
{
    unsigned d = (unsigned)(*number % base);
    *number /= base;
    return d;
}

/* `number` picks placement, type and clock of each of `n` snapshots: 12 × 36^(n-1). */
static void shape(struct world *w, struct setting *s, unsigned n, uint64_t number)
{
    world_clear(w);
    s->strict_clock = true;
    int64_t creation = 1000;
    for (unsigned k = 0; k < n; k++) {
        enum placement place = (enum placement)digit(&number, PLACE_COUNT);
        unsigned type = digit(&number, TYPE_COUNT);
        unsigned clock = k == 0 ? 0 : digit(&number, 3);
        creation += clock == 0 ? 10 : clock == 1 ? 0 : -15;
        s->strict_clock = s->strict_clock && clock == 0 && place != PLACE_OTHER_GUID;
        world_add(w, k + 1, type, creation, place, 0);
    }
}

static uint64_t shapes(unsigned n)
{
    uint64_t count = 12;
    for (unsigned k = 1; k < n; k++)
        count *= 36;
    return count;
}

/* Pins snapshot `k`, from 1, wherever it is; 0: none. */
static void pin(struct world *w, unsigned k)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < w->n[side]; i++)
            if (world_number(w, w->v[side][i].guid) == k)
                w->v[side][i].flags = side == SIDE_LOCAL ? SNAPSHOT_HELD : SNAPSHOT_CLONED;
}

static void set_rules(struct setting *s, unsigned pair, unsigned mode)
{
    uint64_t number = pair;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (unsigned type = 0; type < MANAGED; type++)
            setting_count(s, (enum side)side, type, digit(&number, 3));
        s->rules.destroy_unmanaged[side] = (mode >> side) & 1;
    }
    s->rules.keep_baseline = (mode & 4) == 0;
}

void product_state(struct setting *s, struct world *w, unsigned n, uint64_t at)
{
    uint64_t number = at / shapes(n);
    shape(w, s, n, at % shapes(n));
    pin(w, digit(&number, n + 1));
    world_mark(w, digit(&number, n + 1));
    unsigned pair = digit(&number, POLICY_PAIRS);
    set_rules(s, pair, digit(&number, MODES));
    snprintf(s->where, sizeof(s->where), "state %llu of %u snapshots", (unsigned long long)at, n);
}

uint64_t product_size(unsigned n)
{
    return shapes(n) * (n + 1) * (n + 1) * POLICY_PAIRS * MODES;
}

static void visit_number(struct setting *s, struct world *w, unsigned n, uint64_t at)
{
    product_state(s, w, n, at);
    settle(s, w);
}

void visit_spread(unsigned n, uint64_t count)
{
    struct setting s;
    setting_init(&s);
    struct world *w = world_new(n + ARRIVALS);
    uint64_t all = product_size(n);
    uint64_t stride = count >= all ? 1 : all / count;
    /* No common divisor with the product, whose prime factors are 2, 3, 5 and 7 at most. */
    while (stride > 1 && (stride % 2 == 0 || stride % 3 == 0 || stride % 5 == 0 || stride % 7 == 0))
        stride++;
    for (uint64_t i = 0; i < count && i < all; i++)
        visit_number(&s, w, n, count >= all ? i : i * stride % all);
    world_free(w);
    setting_fini(&s);
}

void visit_every_world(unsigned n, unsigned times, unsigned stride)
{
    struct setting s;
    setting_init(&s);
    struct world *w = world_new(n + ARRIVALS);
    uint64_t rest = product_size(n) / shapes(n);
    uint64_t other = 0;
    for (uint64_t at = 0; at < shapes(n); at += stride) {
        for (unsigned k = 0; k < times; k++) {
            other = (other + 7919) % rest; /* a prime: it comes round to everything */
            visit_number(&s, w, n, at + shapes(n) * other);
        }
    }
    world_free(w);
    setting_fini(&s);
}
