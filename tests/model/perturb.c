#include "model.h"

/* From `w`, which somebody changed by hand, to the fixed point. */
static void from_here(struct setting *s, const struct world *w)
{
    tally.perturbed++;
    settle_again(s, w);
}

static void arrive(struct world *w, unsigned type)
{
    int64_t newest = 0;
    size_t last = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < w->n[side]; i++) {
            const struct snapshot *snap = &w->v[side][i];
            newest = snap->creation > newest ? snap->creation : newest;
            size_t number = world_number(w, snap->guid);
            last = number > last ? number : last;
        }
    }
    world_add(w, last + 1, type, newest + 10, PLACE_LOCAL, 0);
}

static void destroy_one(struct setting *s, const struct world *w, enum side side, size_t place)
{
    if ((w->v[side][place].flags & PINNED) != 0)
        return;
    struct world *changed = world_borrow(w);
    world_destroy(changed, side, place);
    from_here(s, changed);
    world_return(changed);
}

static void destroy_local(struct setting *s, const struct world *w)
{
    struct world *changed = world_borrow(w);
    while (changed->n[SIDE_LOCAL] > 0)
        world_destroy(changed, SIDE_LOCAL, changed->n[SIDE_LOCAL] - 1);
    from_here(s, changed);
    arrive(changed, 0);
    from_here(s, changed);
    world_return(changed);
}

void perturb(struct setting *s, const struct world *w)
{
    settle_again(s, w); /* a crash, and the next cycle */
    for (unsigned type = 0; type < TYPE_COUNT; type++) {
        struct world *changed = world_borrow(w);
        arrive(changed, type);
        from_here(s, changed);
        world_return(changed);
    }
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < w->n[side]; i++)
            destroy_one(s, w, (enum side)side, i);
    destroy_local(s, w);
}

void check_written(struct setting *s, const struct world *start)
{
    if (start->n[SIDE_REMOTE] == 0)
        return;
    void (*after)(struct setting *, const struct world *) = s->after;
    bool lazy = s->lazy;
    s->after = NULL;
    s->lazy = false;
    struct world *w = world_borrow(start);
    w->written = true;
    for (unsigned cycle = 0; cycle < 3; cycle++) {
        struct world *now = world_borrow(w);
        struct dataset ds;
        struct target target;
        struct plan plan;
        world_view(w, &ds);
        target_build(&target, &ds, &s->rules);
        plan_build(&plan, &ds, &target);
        struct round round = {.setting = s, .before = w, .target = &target, .now = now};
        const char *wrong = run_plan(&round, &plan);
        if (wrong == NULL)
            wrong = check_critical(&round);
        if (wrong == NULL && now->n[SIDE_REMOTE] > 0 && !now->written)
            wrong = "I7: the remote's writes are gone, and nobody asked for it";
        for (size_t i = 0; i < w->n[SIDE_LOCAL] && wrong == NULL; i++)
            if (target.keep[SIDE_LOCAL][i] != 0 &&
                !world_has(now, SIDE_LOCAL, w->v[SIDE_LOCAL][i].guid))
                wrong = "what waits to be sent is gone";
        if (wrong != NULL)
            fail_state(s, now, wrong);
        plan_fini(&plan);
        target_fini(&target);
        world_copy(w, now);
        world_return(now);
    }
    /* Somebody undoes the writes; or the configuration lets backupd do it. */
    s->rollback = true;
    settle(s, w);
    s->rollback = false;
    w->written = false;
    settle(s, w);
    world_return(w);
    s->after = after;
    s->lazy = lazy;
}
