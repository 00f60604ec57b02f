#include "validate.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "u64map.h"

/* The copy of the inventory that the plan is applied to. */
struct trial {
    const struct dataset *ds;
    const struct target *target;
    const struct rules *rules;
    bool *alive[SIDE_COUNT]; /* of each snapshot of a side */
    bool *critical[SIDE_COUNT];
    bool *arrived;       /* of each local snapshot: sent by this plan */
    size_t *partner;     /* of each remote snapshot: its place among the local ones, or NONE */
    size_t *counterpart; /* of each local snapshot: its place among the remote ones, or NONE */
    bool *bookmarked;    /* of each remote snapshot: a local bookmark has its guid */
    size_t tip;          /* one past the newest remote snapshot that is alive; 0: none */
    size_t last_arrived; /* local place of the newest that this plan sent, or NONE */
    size_t bases;        /* how many remote snapshots are a base */
    bool had_base;
    struct u64map remote_names; /* the interned name of each remote snapshot, to its place */
};

static const struct snapset *snapshots(const struct trial *trial, enum side side)
{
    return &trial->ds->side[side].snapshots;
}

static int broken(struct err *e, const char *invariant, const char *what, const char *name)
{
    return err_set(e, ERR_PLAN, "%s: the plan %s%s%s; it was not run", invariant, what,
                   name[0] == '\0' ? "" : " ", name);
}

/* A remote snapshot is a base while the snapshot here or a bookmark of its guid is alive. */
static bool is_base(const struct trial *trial, size_t j)
{
    return trial->alive[SIDE_REMOTE][j] &&
           (trial->bookmarked[j] ||
            (trial->partner[j] != TARGET_NONE && trial->alive[SIDE_LOCAL][trial->partner[j]]));
}

/* Works out afresh, by guid, who is shared: the target is not believed. */
static void trial_match(struct trial *trial)
{
    const struct snapset *local = snapshots(trial, SIDE_LOCAL);
    const struct snapset *remote = snapshots(trial, SIDE_REMOTE);
    const struct snapset *bookmarks = &trial->ds->side[SIDE_LOCAL].bookmarks;
    struct u64map ours;
    struct u64map marks;
    u64map_init(&ours, local->n);
    u64map_init(&marks, bookmarks->n);
    for (size_t i = 0; i < local->n; i++) {
        u64map_put(&ours, local->v[i].guid, i);
        trial->counterpart[i] = TARGET_NONE;
    }
    for (size_t i = 0; i < bookmarks->n; i++)
        u64map_put(&marks, bookmarks->v[i].guid, i);
    for (size_t j = 0; j < remote->n; j++) {
        size_t i = u64map_get(&ours, remote->v[j].guid);
        trial->partner[j] = i == U64MAP_NONE ? TARGET_NONE : i;
        if (i != U64MAP_NONE)
            trial->counterpart[i] = j;
        trial->bookmarked[j] = u64map_get(&marks, remote->v[j].guid) != U64MAP_NONE;
        u64map_put(&trial->remote_names, (uintptr_t)remote->v[j].name, j);
    }
    u64map_fini(&ours);
    u64map_fini(&marks);
}

static void mark_shared_critical(struct trial *trial, size_t j)
{
    trial->critical[SIDE_REMOTE][j] = true;
    trial->critical[SIDE_LOCAL][trial->partner[j]] = true;
}

/* The critical snapshots, once more and by themselves. */
static void trial_find_critical(struct trial *trial)
{
    size_t local = snapshots(trial, SIDE_LOCAL)->n;
    size_t remote = snapshots(trial, SIDE_REMOTE)->n;
    size_t earliest = TARGET_NONE;
    size_t latest = TARGET_NONE;
    for (size_t j = 0; j < remote; j++) {
        size_t i = trial->partner[j];
        if (i == TARGET_NONE)
            continue;
        if (earliest == TARGET_NONE || i < trial->partner[earliest])
            earliest = j;
        if (latest == TARGET_NONE || i > trial->partner[latest])
            latest = j;
    }
    if (latest != TARGET_NONE)
        mark_shared_critical(trial, latest);
    if (!trial->rules->keep_baseline)
        return;
    if (earliest != TARGET_NONE)
        mark_shared_critical(trial, earliest);
    if (local > 0)
        trial->critical[SIDE_LOCAL][0] = true;
    if (remote > 0)
        trial->critical[SIDE_REMOTE][0] = true;
}

static void trial_init(struct trial *trial, const struct dataset *ds, const struct target *target,
                       const struct rules *rules)
{
    *trial = (struct trial){.ds = ds, .target = target, .rules = rules};
    for (int side = 0; side < SIDE_COUNT; side++) {
        size_t n = ds->side[side].snapshots.n;
        trial->alive[side] = mem_alloc(n * sizeof(bool));
        memset(trial->alive[side], true, n * sizeof(bool));
        trial->critical[side] = mem_zalloc(n, sizeof(bool));
    }
    size_t remote = snapshots(trial, SIDE_REMOTE)->n;
    trial->arrived = mem_zalloc(snapshots(trial, SIDE_LOCAL)->n, sizeof(bool));
    trial->partner = mem_alloc(remote * sizeof(size_t));
    trial->counterpart = mem_alloc(snapshots(trial, SIDE_LOCAL)->n * sizeof(size_t));
    trial->bookmarked = mem_zalloc(remote, sizeof(bool));
    u64map_init(&trial->remote_names, remote);
    trial->tip = remote;
    trial->last_arrived = TARGET_NONE;
    trial_match(trial);
    trial_find_critical(trial);
    for (size_t j = 0; j < remote; j++)
        trial->bases += is_base(trial, j);
    trial->had_base = trial->bases > 0;
}

static void trial_fini(struct trial *trial)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        free(trial->alive[side]);
        free(trial->critical[side]);
    }
    free(trial->arrived);
    free(trial->partner);
    free(trial->counterpart);
    free(trial->bookmarked);
    u64map_fini(&trial->remote_names);
}

/* I3: what the sides had in common before the plan, they have after each step of it. */
static int check_i3_base_remains(const struct trial *trial, struct err *e)
{
    if (trial->had_base && trial->bases == 0 && trial->last_arrived == TARGET_NONE)
        return broken(e, "I3", "leaves the sides without a shared snapshot", "");
    return 0;
}

/* I4: nothing that is wanted, held or cloned. */
static int check_i4_may_go(const struct trial *trial, enum side side, size_t place, struct err *e)
{
    const struct snapshot *snap = &snapshots(trial, side)->v[place];
    if (trial->target->keep[side][place] != 0)
        return broken(e, "I4", "destroys what the target keeps,", snap->name);
    if (snap->flags & (SNAPSHOT_HELD | SNAPSHOT_CLONED))
        return broken(e, "I4", "destroys what is held or cloned,", snap->name);
    return 0;
}

/* I5: not the oldest, the earliest shared or the latest shared. */
static int check_i5_not_critical(const struct trial *trial, enum side side, size_t place,
                                 struct err *e)
{
    if (trial->critical[side][place])
        return broken(e, "I5", "destroys the critical snapshot",
                      snapshots(trial, side)->v[place].name);
    return 0;
}

/* I2: a policy goes by creation, so every step is in doubt where one is not known. */
static int check_i2_is_ordered(const struct trial *trial, struct err *e)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct snapset *set = snapshots(trial, (enum side)side);
        for (size_t i = 0; i < set->n; i++)
            if (set->v[i].flags & SNAPSHOT_BARE)
                return broken(e, "I2", "was made without knowing the creation of", set->v[i].name);
    }
    return 0;
}

/* I8: both sides were listed by this process. A dataset that a side lacks counts as listed. */
static int check_i8_was_listed(const struct trial *trial, struct err *e)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        if (trial->ds->side[side].exists && !trial->ds->side[side].listed)
            return broken(e, "I8", "destroys without a complete listing of the side",
                          side_name((enum side)side));
    return 0;
}

/* I9: a dataset whose source is gone has no steps. */
static int check_i9_source_exists(const struct trial *trial, const struct plan *plan, struct err *e)
{
    if (plan->n > 0 && !trial->ds->side[SIDE_LOCAL].exists)
        return broken(e, "I9", "changes a dataset that only the remote has", "");
    return 0;
}

static int apply_deletion(struct trial *trial, const struct step *step, struct err *e)
{
    enum side side = step->side;
    if (step->start > step->end || step->end >= snapshots(trial, side)->n)
        return broken(e, "I10", "names a snapshot that the dataset does not have", "");
    if (check_i8_was_listed(trial, e) != 0)
        return -1;
    for (size_t place = step->start; place <= step->end; place++) {
        if (!trial->alive[side][place])
            return broken(e, "I2", "destroys twice", snapshots(trial, side)->v[place].name);
        if (check_i4_may_go(trial, side, place, e) != 0 ||
            check_i5_not_critical(trial, side, place, e) != 0)
            return -1;
        size_t j = side == SIDE_REMOTE ? place : trial->counterpart[place];
        bool was_base = j != TARGET_NONE && is_base(trial, j);
        trial->alive[side][place] = false;
        if (was_base && !is_base(trial, j))
            trial->bases--;
    }
    while (trial->tip > 0 && !trial->alive[SIDE_REMOTE][trial->tip - 1])
        trial->tip--;
    return check_i3_base_remains(trial, e);
}

/* I1, I7: the remote's newest snapshot has the guid of what the increment starts from, so nothing
 * there has to go first. */
static int check_i7_base_is_tip(const struct trial *trial, const struct step *step, struct err *e)
{
    const struct holding *local = &trial->ds->side[SIDE_LOCAL];
    const struct snapset *from = step->from_bookmark ? &local->bookmarks : &local->snapshots;
    if (step->start >= from->n)
        return broken(e, "I10", "names a base that the dataset does not have", "");
    const struct snapshot *base = &from->v[step->start];
    if (!step->from_bookmark && !trial->alive[SIDE_LOCAL][step->start])
        return broken(e, "I3", "starts from the destroyed", base->name);
    uint64_t tip;
    if (trial->last_arrived != TARGET_NONE)
        tip = local->snapshots.v[trial->last_arrived].guid;
    else if (trial->tip > 0)
        tip = snapshots(trial, SIDE_REMOTE)->v[trial->tip - 1].guid;
    else
        return broken(e, "I7", "sends an increment to a remote without snapshots,", base->name);
    if (base->guid != tip)
        return broken(e, "I7", "starts from what is not the remote's newest,", base->name);
    if (base->createtxg >= local->snapshots.v[step->end].createtxg)
        return broken(e, "I2", "sends backwards from", base->name);
    return 0;
}

/* I1: what is sent is not there under any name, and no other snapshot there has its name. */
static int check_i1_has_room(const struct trial *trial, size_t place, struct err *e)
{
    const struct snapshot *snap = &snapshots(trial, SIDE_LOCAL)->v[place];
    size_t j = u64map_get(&trial->remote_names, (uintptr_t)snap->name);
    if (j != U64MAP_NONE && trial->alive[SIDE_REMOTE][j])
        return broken(e, "I1", "sends to where another snapshot has the name", snap->name);
    if (trial->arrived[place])
        return broken(e, "I1", "sends twice", snap->name);
    j = trial->counterpart[place];
    if (j != TARGET_NONE && trial->alive[SIDE_REMOTE][j])
        return broken(e, "I1", "sends what the remote has,", snap->name);
    return 0;
}

static int apply_transfer(struct trial *trial, const struct step *step, struct err *e)
{
    const struct snapset *local = snapshots(trial, SIDE_LOCAL);
    if (step->end >= local->n)
        return broken(e, "I10", "sends a snapshot that the dataset does not have", "");
    if (!trial->rules->has_remote)
        return broken(e, "I7", "sends although there is no remote,", local->v[step->end].name);
    if (!trial->alive[SIDE_LOCAL][step->end])
        return broken(e, "I4", "sends the destroyed", local->v[step->end].name);
    if (check_i1_has_room(trial, step->end, e) != 0)
        return -1;
    if (step->op == OP_INITIAL_TRANSFER) {
        if (trial->tip > 0 || trial->last_arrived != TARGET_NONE)
            return broken(e, "I7", "sends all of it to a remote that has snapshots,",
                          local->v[step->end].name);
    } else if (check_i7_base_is_tip(trial, step, e) != 0) {
        return -1;
    }
    trial->arrived[step->end] = true;
    trial->last_arrived = step->end;
    return 0;
}

/* The end: exactly the target. */
static int check_arrives_at_target(const struct trial *trial, struct err *e)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct snapset *set = snapshots(trial, (enum side)side);
        for (size_t i = 0; i < set->n; i++)
            if (trial->alive[side][i] != (trial->target->keep[side][i] != 0))
                return broken(e, "target", "does not arrive at its target: see", set->v[i].name);
    }
    size_t arrived = 0;
    for (size_t i = 0; i < snapshots(trial, SIDE_LOCAL)->n; i++)
        arrived += trial->arrived[i];
    for (size_t k = 0; k < trial->target->send_count; k++)
        if (!trial->arrived[trial->target->send[k]])
            return broken(e, "target", "does not send",
                          snapshots(trial, SIDE_LOCAL)->v[trial->target->send[k]].name);
    if (arrived != trial->target->send_count)
        return broken(e, "target", "sends more than its target names", "");
    return 0;
}

/* The dataset as the plan leaves it; its names are the original's. */
static void trial_result(const struct trial *trial, struct dataset *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->name = trial->ds->name;
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct holding *from = &trial->ds->side[side];
        holding_clear(&ret->side[side]);
        ret->side[side].exists = from->exists;
        ret->side[side].listed = true;
        for (size_t i = 0; i < from->snapshots.n; i++)
            if (trial->alive[side][i])
                snapset_add(&ret->side[side].snapshots, &from->snapshots.v[i]);
        for (size_t i = 0; i < from->bookmarks.n; i++)
            snapset_add(&ret->side[side].bookmarks, &from->bookmarks.v[i]);
    }
    const struct snapshot *newest = snapset_newest(&ret->side[SIDE_REMOTE].snapshots);
    uint64_t txg = newest == NULL ? 0 : newest->createtxg;
    for (size_t i = 0; i < snapshots(trial, SIDE_LOCAL)->n; i++) {
        if (!trial->arrived[i])
            continue;
        struct snapshot copy = snapshots(trial, SIDE_LOCAL)->v[i];
        copy.createtxg = ++txg; /* a receive is a transaction of its own on the other pool */
        copy.flags = 0;
        ret->side[SIDE_REMOTE].exists = true;
        snapset_add(&ret->side[SIDE_REMOTE].snapshots, &copy);
    }
}

static bool is_deletion(const struct step *step)
{
    return step->op == OP_DELETION || step->op == OP_RANGE_DELETION;
}

/* Applies every step; the trial is then the outcome. */
static int apply_steps(struct trial *trial, const struct plan *plan, struct err *e)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct step *step = &plan->v[i];
        bool is_transfer = step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
        int rc = is_transfer ? apply_transfer(trial, step, e) : apply_deletion(trial, step, e);
        if (rc != 0)
            return err_wrap(e, "step %zu", i + 1);
    }
    return 0;
}

/* One more round from `from`: how many steps and transfers it has, and what it leaves. */
static int plan_once_more(const struct dataset *from, const struct rules *rules, size_t *ret_steps,
                          size_t *ret_transfers, struct dataset *ret, struct err *e)
{
    struct target target;
    struct plan plan;
    struct trial trial;
    target_build(&target, from, rules);
    plan_build(&plan, from, &target);
    trial_init(&trial, from, &target, rules);
    int rc = apply_steps(&trial, &plan, e);
    if (rc == 0) {
        *ret_steps = plan.n;
        *ret_transfers = plan_count_transfers(&plan);
        trial_result(&trial, ret);
    }
    trial_fini(&trial);
    plan_fini(&plan);
    target_fini(&target);
    return rc;
}

static void result_fini(struct dataset *ds)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        snapset_fini(&ds->side[side].snapshots);
        snapset_fini(&ds->side[side].bookmarks);
    }
}

/* I6: the second plan has no transfer, the third no step. */
static int check_i6_settles(const struct trial *trial, struct err *e)
{
    struct dataset result[3];
    memset(result, 0, sizeof(result));
    size_t steps = 0;
    size_t transfers = 0;
    trial_result(trial, &result[0]);
    int rc = plan_once_more(&result[0], trial->rules, &steps, &transfers, &result[1], e);
    if (rc == 0 && transfers > 0)
        rc = broken(e, "I6", "is followed by one that sends again", "");
    if (rc == 0 && steps > 0) {
        rc = plan_once_more(&result[1], trial->rules, &steps, &transfers, &result[2], e);
        if (rc == 0 && steps > 0)
            rc = broken(e, "I6", "does not settle in two rounds", "");
    }
    for (size_t i = 0; i < 3; i++)
        result_fini(&result[i]);
    return rc;
}

int plan_validate(const struct plan *plan, const struct dataset *ds, const struct target *target,
                  const struct rules *rules, struct err *e)
{
    struct trial trial;
    trial_init(&trial, ds, target, rules);
    int rc = check_i9_source_exists(&trial, plan, e);
    if (rc == 0 && plan->n > 0)
        rc = check_i2_is_ordered(&trial, e);
    if (rc == 0 && plan->n > 0 && target->error.code != ERR_NONE)
        rc = broken(e, "target", "has steps although the target has an error", "");
    if (rc == 0)
        rc = apply_steps(&trial, plan, e);
    if (rc == 0 && target->error.code == ERR_NONE)
        rc = check_arrives_at_target(&trial, e);
    if (rc == 0 && plan->n > 0)
        rc = check_i6_settles(&trial, e);
    trial_fini(&trial);
    return rc;
}

int plan_check_strangers(const struct plan *plan, const struct dataset *ds,
                         const struct target *target, struct err *e)
{
    const struct holding *local = &ds->side[SIDE_LOCAL];
    const struct snapset *remote = &ds->side[SIDE_REMOTE].snapshots;
    bool destroys = false;
    for (size_t i = 0; i < plan->n; i++)
        destroys = destroys || (is_deletion(&plan->v[i]) && plan->v[i].side == SIDE_REMOTE);
    if (!destroys)
        return 0;
    for (size_t i = 0; i < local->snapshots.n; i++)
        if (target->counterpart[i] != TARGET_NONE)
            return 0;
    for (size_t i = 0; i < local->bookmarks.n; i++)
        if (snapset_find(remote, local->bookmarks.v[i].guid) != SIZE_MAX)
            return 0;
    return err_set(e, ERR_DIVERGED,
                   "the remote dataset has snapshots (%s, for one) and shares none with this one, "
                   "so nothing was changed; if root under [remote] is right, zfs rename the remote "
                   "dataset out of the way, and a full copy is sent",
                   remote->v[0].name);
}
