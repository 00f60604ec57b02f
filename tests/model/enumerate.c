/* Every state of n snapshots, symmetric ones once. README.md argues each fold by its number. */
#include <stdio.h>
#include <string.h>

#include "model.h"

#define SMALL_LIMIT 6
#define CLOCKS_MAX  243 /* 3^(SMALL_LIMIT - 1) */

/* What is fixed of the states that are visited now. */
struct shape {
    unsigned n;
    enum placement place[SMALL_LIMIT];
    unsigned type[SMALL_LIMIT];
    int64_t creation[SMALL_LIMIT];
    bool strict_clock;
    unsigned occurs[TYPE_COUNT]; /* how many guids of each type */
    bool has_x[SIDE_COUNT];
    bool perturb;
};

/* Fold 1: the first managed snapshot is an a. */
static bool shape_decode(struct shape *shape, unsigned places, unsigned types)
{
    unsigned first = TYPE_COUNT;
    memset(shape->occurs, 0, sizeof(shape->occurs));
    memset(shape->has_x, 0, sizeof(shape->has_x));
    for (unsigned k = 0; k < shape->n; k++) {
        shape->place[k] = (enum placement)(places % PLACE_COUNT);
        places /= PLACE_COUNT;
        shape->type[k] = (unsigned)(types % TYPE_COUNT);
        types /= TYPE_COUNT;
        if (first == TYPE_COUNT && shape->type[k] < MANAGED)
            first = shape->type[k];
        shape->occurs[shape->type[k]] += shape->place[k] == PLACE_OTHER_GUID ? 2 : 1;
        if (shape->type[k] == MANAGED) {
            shape->has_x[SIDE_LOCAL] |= shape->place[k] != PLACE_REMOTE;
            shape->has_x[SIDE_REMOTE] |= shape->place[k] != PLACE_LOCAL;
        }
    }
    return first != 1;
}

/* Whether the remote's copy is one that local does not have. */
static bool is_odd(const struct shape *shape, unsigned k)
{
    return shape->place[k] == PLACE_REMOTE || shape->place[k] == PLACE_OTHER_GUID;
}

static bool could_be_sent(const struct shape *shape, unsigned k)
{
    return shape->place[k] != PLACE_REMOTE && shape->type[k] < MANAGED;
}

/* Fold 4: whether it matters which of the two was created first. */
static bool order_matters(const struct shape *shape, unsigned i, unsigned k)
{
    if (shape->perturb)
        return true;
    if (shape->type[i] == shape->type[k] && shape->type[i] < MANAGED)
        return true;
    return (is_odd(shape, i) && could_be_sent(shape, k)) ||
           (is_odd(shape, k) && could_be_sent(shape, i));
}

/* Sets the clock that `number` stands for, and returns what of it matters, two bits a pair. */
static uint64_t set_clock(struct shape *shape, unsigned number)
{
    int64_t creation = 1000;
    shape->strict_clock = true;
    for (unsigned k = 0; k < shape->n; k++) {
        unsigned clock = k == 0 ? 0 : number % 3;
        if (k > 0)
            number /= 3;
        creation += clock == 0 ? 10 : clock == 1 ? 0 : -15;
        shape->creation[k] = creation;
        shape->strict_clock =
            shape->strict_clock && clock == 0 && shape->place[k] != PLACE_OTHER_GUID;
    }
    uint64_t seen = 0;
    for (unsigned k = 1; k < shape->n; k++) {
        for (unsigned i = 0; i < k; i++) {
            seen <<= 2;
            if (order_matters(shape, i, k))
                seen |= shape->creation[i] < shape->creation[k]    ? 1U
                        : shape->creation[i] == shape->creation[k] ? 2U
                                                                   : 3U;
        }
    }
    return seen;
}

/* Fold 5: whether a bookmark of snapshot k is another state than none. */
static bool mark_matters(const struct shape *shape, unsigned k)
{
    if (shape->place[k] == PLACE_LOCAL)
        return false;
    if (shape->perturb)
        return true;
    for (unsigned i = k; i < shape->n; i++)
        if (shape->place[i] == PLACE_BOTH)
            return false;
    return true;
}

static void build_world(struct world *w, const struct shape *shape, unsigned mark)
{
    world_clear(w);
    for (unsigned k = 0; k < shape->n; k++)
        world_add(w, k + 1, shape->type[k], shape->creation[k], shape->place[k], 0);
    if (mark > 0)
        world_mark(w, mark);
}

static void visit_world(struct setting *s, struct world *w, const struct shape *shape)
{
    unsigned modes = (shape->has_x[SIDE_LOCAL] ? 1U : 0) | (shape->has_x[SIDE_REMOTE] ? 2U : 0);
    for (unsigned mode = 0; mode < 8; mode++) {
        if ((mode & ~(modes | 4)) != 0) /* fold 3 */
            continue;
        s->rules.destroy_unmanaged[SIDE_LOCAL] = (mode & 1) != 0;
        s->rules.destroy_unmanaged[SIDE_REMOTE] = (mode & 2) != 0;
        s->rules.keep_baseline = (mode & 4) == 0;
        settle(s, w);
        if (shape->perturb)
            check_written(s, w);
    }
}

/* Fold 2: counts up to the number of snapshots of the type. */
static void visit_policies(struct setting *s, struct world *w, const struct shape *shape)
{
    unsigned top[MANAGED];
    for (unsigned type = 0; type < MANAGED; type++)
        top[type] = shape->occurs[type] < 2 ? shape->occurs[type] : 2;
    for (unsigned pair = 0; pair < 81; pair++) {
        unsigned count[SIDE_COUNT][MANAGED] = {{pair % 3, pair / 3 % 3}, {pair / 9 % 3, pair / 27}};
        bool folded = false;
        for (int side = 0; side < SIDE_COUNT; side++)
            for (unsigned type = 0; type < MANAGED; type++)
                folded = folded || count[side][type] > top[type];
        if (folded)
            continue;
        for (int side = 0; side < SIDE_COUNT; side++)
            for (unsigned type = 0; type < MANAGED; type++)
                setting_count(s, (enum side)side, type, count[side][type]);
        visit_world(s, w, shape);
    }
}

static void visit_clocks(struct setting *s, struct world *w, struct shape *shape)
{
    uint64_t seen[CLOCKS_MAX];
    unsigned clocks = 1;
    for (unsigned k = 1; k < shape->n; k++)
        clocks *= 3;
    size_t known = 0;
    for (unsigned clock = 0; clock < clocks; clock++) {
        uint64_t matters = set_clock(shape, clock);
        size_t i = 0;
        while (i < known && seen[i] != matters)
            i++;
        if (i < known)
            continue;
        seen[known++] = matters;
        s->strict_clock = shape->strict_clock;
        for (unsigned mark = 0; mark <= shape->n; mark++) {
            if (mark > 0 && !mark_matters(shape, mark - 1))
                continue;
            snprintf(s->where, sizeof(s->where), "%u snapshots, clock %u, bookmark %u", shape->n,
                     clock, mark);
            build_world(w, shape, mark);
            if (s->fold)
                fold_read(w);
            visit_policies(s, w, shape);
        }
    }
}

void enumerate(unsigned n, unsigned part, unsigned parts, unsigned how)
{
    struct setting s;
    setting_init(&s);
    s.lazy = true;
    s.per_copy = n <= 3;
    s.fold = how == 0;
    s.after = (how & VISIT_PERTURBED) != 0 ? perturb : NULL;
    struct shape shape = {.n = n, .perturb = (how & VISIT_PERTURBED) != 0};
    struct world *w = world_new(n + ARRIVALS);
    unsigned places = 1;
    unsigned types = 1;
    for (unsigned k = 0; k < n; k++) {
        places *= PLACE_COUNT;
        types *= TYPE_COUNT;
    }
    /* Those of the same placement together, because one is run for many (fold 7). Placements come
     * in steps without a common divisor: neighbours cost alike, and parts should. */
    uint64_t count = (uint64_t)places * types;
    unsigned last = 0;
    for (uint64_t i = count * part / parts; i < count * (part + 1) / parts; i++) {
        unsigned place = (unsigned)(i / types * 7919 % places);
        if (place != last)
            fold_forget();
        last = place;
        if (shape_decode(&shape, place, (unsigned)(i % types)))
            visit_clocks(&s, w, &shape);
    }
    fold_forget();
    world_free(w);
    setting_fini(&s);
}
