#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const char *const OP_NAMES[OP_COUNT] = {
    [OP_INITIAL_TRANSFER] = "InitialSnapshotTransfer",
    [OP_RANGE_TRANSFER] = "SnapshotRangeTransfer",
    [OP_DELETION] = "SnapshotDeletion",
    [OP_RANGE_DELETION] = "SnapshotRangeDeletion",
};

const char *op_name(enum op op)
{
    return OP_NAMES[op];
}

enum op op_from_name(const char *name)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(OP_NAMES[i], name) == 0)
            return (enum op)i;
    return OP_COUNT;
}

static struct step *add_step(struct plan *plan, enum op op, enum side side, size_t start,
                             size_t end)
{
    plan->v = mem_grow(plan->v, plan->n, &plan->cap, sizeof(*plan->v));
    struct step *step = &plan->v[plan->n++];
    *step = (struct step){.op = op, .side = side, .start = start, .end = end};
    return step;
}

/* One step for each run of adjacent snapshots that nothing keeps. */
static void plan_deletions(struct plan *plan, const struct dataset *ds, const struct target *target,
                           enum side side)
{
    size_t n = ds->side[side].snapshots.n;
    size_t i = 0;
    while (i < n) {
        if (target->keep[side][i] != 0) {
            i++;
            continue;
        }
        size_t end = i;
        while (end + 1 < n && target->keep[side][end + 1] == 0)
            end++;
        add_step(plan, end == i ? OP_DELETION : OP_RANGE_DELETION, side, i, end);
        i = end + 1;
    }
}

static void plan_transfers(struct plan *plan, const struct target *target)
{
    size_t base = target->base_local;
    bool from_bookmark = false;
    if (base == TARGET_NONE && target->base_bookmark != TARGET_NONE) {
        base = target->base_bookmark;
        from_bookmark = true;
    }
    for (size_t k = 0; k < target->send_count; k++) {
        size_t end = target->send[k];
        if (base == TARGET_NONE) {
            add_step(plan, OP_INITIAL_TRANSFER, SIDE_REMOTE, end, end);
        } else {
            struct step *step = add_step(plan, OP_RANGE_TRANSFER, SIDE_REMOTE, base, end);
            step->from_bookmark = from_bookmark;
        }
        base = end;
        from_bookmark = false;
    }
}

void plan_build(struct plan *plan, const struct dataset *ds, const struct target *target)
{
    memset(plan, 0, sizeof(*plan));
    if (target->error.code != ERR_NONE || !ds->side[SIDE_LOCAL].exists)
        return;
    plan_deletions(plan, ds, target, SIDE_LOCAL);
    plan_deletions(plan, ds, target, SIDE_REMOTE);
    plan_transfers(plan, target);
}

void plan_fini(struct plan *plan)
{
    free(plan->v);
    memset(plan, 0, sizeof(*plan));
}

size_t plan_count_transfers(const struct plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->n; i++)
        count += plan->v[i].op == OP_INITIAL_TRANSFER || plan->v[i].op == OP_RANGE_TRANSFER;
    return count;
}

void step_names(const struct step *step, const struct dataset *ds, const struct target *target,
                const char **ret_start, const char **ret_end)
{
    const struct snapset *local = &ds->side[SIDE_LOCAL].snapshots;
    const struct snapset *remote = &ds->side[SIDE_REMOTE].snapshots;
    switch (step->op) {
    case OP_DELETION:
    case OP_RANGE_DELETION: {
        const struct snapset *set = &ds->side[step->side].snapshots;
        *ret_start = set->v[step->start].name;
        *ret_end = set->v[step->end].name;
        break;
    }
    default:
        *ret_start =
            step->from_bookmark ? remote->v[target->base_remote].name : local->v[step->start].name;
        *ret_end = local->v[step->end].name;
        break;
    }
}

void step_describe(const struct step *step, const struct dataset *ds, const struct target *target,
                   char *ret, size_t size)
{
    const char *start;
    const char *end;
    step_names(step, ds, target, &start, &end);
    switch (step->op) {
    case OP_DELETION:
        snprintf(ret, size, "destroy %s %s", side_name(step->side), start);
        break;
    case OP_RANGE_DELETION:
        snprintf(ret, size, "destroy %s %s to %s (%zu snapshots)", side_name(step->side), start,
                 end, step->end - step->start + 1);
        break;
    case OP_INITIAL_TRANSFER:
        snprintf(ret, size, "send %s (all of it)", end);
        break;
    default:
        snprintf(ret, size, "send %s to %s%s", start, end,
                 step->from_bookmark ? " (from the bookmark)" : "");
        break;
    }
}
