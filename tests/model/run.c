#include "model.h"

bool is_transfer(const struct step *step)
{
    return step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
}

static void tell(const struct round *round)
{
    if (round->tell && round->setting->after != NULL)
        round->setting->after(round->setting, round->now);
}

static const char *run_deletion(const struct round *round, const struct step *step, bool had_base)
{
    const struct world *before = round->before;
    if (step->start > step->end || step->end >= before->n[step->side])
        return "I10: a deletion of what is not there";
    for (size_t i = step->start; i <= step->end; i++) {
        const struct snapshot *snap = &before->v[step->side][i];
        size_t place = world_find(round->now, step->side, snap->guid);
        if (place == SIZE_MAX)
            return "I2: destroyed twice";
        if ((snap->flags & PINNED) != 0)
            return "I4: destroys what is held or cloned";
        if (round->target->keep[step->side][i] != 0)
            return "I4: destroys what the target keeps";
        world_destroy(round->now, step->side, place);
        if (had_base && !world_has_base(round->now))
            return "I3: no base is left";
        tell(round);
    }
    return NULL;
}

/* What an increment starts from has to be the remote's newest, and older than what is sent. */
static const char *check_base(const struct round *round, const struct step *step)
{
    const struct world *before = round->before;
    const struct world *now = round->now;
    if (step->start >= (step->from_bookmark ? (size_t)before->marked : before->n[SIDE_LOCAL]))
        return "I10: a base that is not there";
    const struct snapshot *base =
        step->from_bookmark ? &before->mark : &before->v[SIDE_LOCAL][step->start];
    if (!step->from_bookmark && !world_has(now, SIDE_LOCAL, base->guid))
        return "I3: starts from what was destroyed";
    if (now->n[SIDE_REMOTE] == 0 || now->v[SIDE_REMOTE][now->n[SIDE_REMOTE] - 1].guid != base->guid)
        return "I7: the base is not the remote's newest";
    if (base->createtxg >= before->v[SIDE_LOCAL][step->end].createtxg)
        return "I2: sends backwards";
    return NULL;
}

static const char *run_transfer(struct round *round, const struct step *step)
{
    struct world *w = round->now;
    if (step->end >= round->before->n[SIDE_LOCAL])
        return "I10: sends what is not there";
    if (!round->setting->rules.has_remote)
        return "I7: there is no remote";
    const struct snapshot *snap = &round->before->v[SIDE_LOCAL][step->end];
    if (!world_has(w, SIDE_LOCAL, snap->guid))
        return "I4: sends what was destroyed";
    /* One name, one number: see world_add. */
    if (world_has(w, SIDE_REMOTE, snap->guid) || world_has(w, SIDE_REMOTE, snap->guid + w->cap))
        return "I1: no room for what is sent";
    uint64_t txg = 1;
    if (step->op == OP_INITIAL_TRANSFER) {
        if (w->n[SIDE_REMOTE] > 0)
            return "I7: an initial transfer over snapshots";
    } else {
        const char *wrong = check_base(round, step);
        if (wrong != NULL)
            return wrong;
        txg = w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1].createtxg + 3;
    }
    if (w->written && step->op == OP_RANGE_TRANSFER) {
        round->stopped = !round->setting->rollback;
        if (round->stopped)
            return NULL; /* refused by zfs receive: nothing has changed */
        w->written = false;
    }
    struct snapshot *copy = &w->v[SIDE_REMOTE][w->n[SIDE_REMOTE]++];
    *copy = *snap;
    copy->createtxg = txg;
    copy->flags = 0; /* as what it is decided anew */
    w->has[SIDE_REMOTE][copy->guid] = true;
    tell(round); /* a crash before the bookmark is made */
    world_bookmark(w, snap);
    tell(round);
    return NULL;
}

const char *run_plan(struct round *round, const struct plan *plan)
{
    bool had_base = world_has_base(round->before);
    for (size_t i = 0; i < plan->n && !round->stopped; i++) {
        const char *wrong = is_transfer(&plan->v[i]) ? run_transfer(round, &plan->v[i])
                                                     : run_deletion(round, &plan->v[i], had_base);
        if (wrong != NULL)
            return wrong;
        if (had_base && !world_has_base(round->now))
            return "I3: no base is left";
    }
    return NULL;
}

/* I5, found by looking at everything. */
const char *check_critical(const struct round *round)
{
    const struct world *b = round->before;
    const struct snapshot *first = NULL;
    const struct snapshot *last = NULL;
    for (size_t i = 0; i < b->n[SIDE_LOCAL]; i++) {
        if (!world_has(b, SIDE_REMOTE, b->v[SIDE_LOCAL][i].guid))
            continue;
        first = first == NULL ? &b->v[SIDE_LOCAL][i] : first;
        last = &b->v[SIDE_LOCAL][i];
    }
    bool baseline = round->setting->rules.keep_baseline;
    for (int side = 0; side < SIDE_COUNT; side++) {
        if (baseline && b->n[side] > 0 &&
            !world_has(round->now, (enum side)side, b->v[side][0].guid))
            return "I5: the oldest is gone";
        if (baseline && first != NULL && !world_has(round->now, (enum side)side, first->guid))
            return "I5: the earliest shared is gone";
        if (last != NULL && !world_has(round->now, (enum side)side, last->guid))
            return "I5: the latest shared is gone";
    }
    return NULL;
}

const char *check_arrival(const struct round *round)
{
    const struct world *b = round->before;
    const struct target *target = round->target;
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < b->n[side]; i++)
            if (world_has(round->now, (enum side)side, b->v[side][i].guid) !=
                (target->keep[side][i] != 0))
                return "the plan does not arrive at its target";
    size_t arrived = 0;
    for (size_t j = 0; j < round->now->n[SIDE_REMOTE]; j++)
        arrived += !world_has(b, SIDE_REMOTE, round->now->v[SIDE_REMOTE][j].guid);
    if (arrived != target->send_count)
        return "the plan does not send what its target names";
    for (size_t k = 0; k < target->send_count; k++)
        if (!world_has(round->now, SIDE_REMOTE, b->v[SIDE_LOCAL][target->send[k]].guid))
            return "the plan sends something else than its target names";
    return NULL;
}
