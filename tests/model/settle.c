#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

struct tally tally;

void setting_init(struct setting *s)
{
    memset(s, 0, sizeof(*s));
    for (int side = 0; side < SIDE_COUNT; side++) {
        policy_init(&s->policy[side]);
        s->rules.policy[side] = &s->policy[side];
        for (unsigned type = 0; type < MANAGED; type++)
            setting_count(s, (enum side)side, type, 0);
    }
    s->rules.keep_baseline = true;
    s->rules.has_remote = true;
}

void setting_fini(struct setting *s)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        policy_fini(&s->policy[side]);
}

void setting_count(struct setting *s, enum side side, unsigned type, uint64_t count)
{
    s->count[side][type] = count;
    policy_set(&s->policy[side], type == 0 ? "a" : "b", count);
}

_Noreturn void fail_state(const struct setting *s, const struct world *now, const char *what)
{
    printf("not ok - %s\n", what);
    printf("# %s: local a=%llu b=%llu%s, remote a=%llu b=%llu%s%s%s%s\n", s->where,
           (unsigned long long)s->count[SIDE_LOCAL][0], (unsigned long long)s->count[SIDE_LOCAL][1],
           s->rules.destroy_unmanaged[SIDE_LOCAL] ? " !" : "",
           (unsigned long long)s->count[SIDE_REMOTE][0],
           (unsigned long long)s->count[SIDE_REMOTE][1],
           s->rules.destroy_unmanaged[SIDE_REMOTE] ? " !" : "",
           s->rules.keep_baseline ? "" : ", no baseline", s->rollback ? ", rollback" : "",
           s->rules.has_remote ? "" : ", no remote");
    if (s->start != NULL) {
        printf("# start:\n");
        world_print(s->start);
    }
    printf("# now:\n");
    world_print(now);
    exit(1);
}

/* ---- who is pinned, decided late ---- */

/* Copies of snapshots that the present plan destroys and that nothing is decided of. */
struct candidates {
    size_t n;
    uint64_t guid[16];
    int side[16]; /* SIDE_COUNT: every copy of it */
};

static void find_candidates(const struct setting *s, const struct world *w,
                            const struct target *target, struct candidates *ret)
{
    ret->n = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < w->n[side]; i++) {
            const struct snapshot *snap = &w->v[side][i];
            if (target->keep[side][i] != 0 || (snap->flags & FLAG_DECIDED) != 0)
                continue;
            bool known = false;
            for (size_t k = 0; k < ret->n && !s->per_copy; k++)
                known = known || ret->guid[k] == snap->guid;
            if (known)
                continue;
            if (ret->n == sizeof(ret->guid) / sizeof(ret->guid[0]))
                abort();
            ret->guid[ret->n] = snap->guid;
            ret->side[ret->n++] = s->per_copy ? side : SIDE_COUNT;
        }
    }
}

/* The candidates of `chosen` are pinned: held on local, cloned on the remote. The others are not. */
static void decide(struct world *w, const struct candidates *all, unsigned chosen)
{
    for (size_t k = 0; k < all->n; k++) {
        unsigned flags = FLAG_DECIDED;
        for (int side = 0; side < SIDE_COUNT; side++) {
            if (all->side[k] != SIDE_COUNT && all->side[k] != side)
                continue;
            size_t i = world_find(w, (enum side)side, all->guid[k]);
            unsigned pin = side == SIDE_LOCAL ? (unsigned)SNAPSHOT_HELD : (unsigned)SNAPSHOT_CLONED;
            if (i != SIZE_MAX)
                w->v[side][i].flags = flags | ((chosen >> k & 1) != 0 ? pin : 0U);
        }
    }
}

/* ---- rounds ---- */

static void go_on(struct setting *s, const struct world *before, unsigned number);

/* The same round for every set of candidates but the empty one, which is left to the caller. */
static void branch(struct setting *s, const struct world *before, const struct target *target,
                   unsigned number)
{
    struct candidates all;
    find_candidates(s, before, target, &all);
    for (unsigned chosen = 1; chosen < 1U << all.n; chosen++) {
        struct world *w = world_borrow(before);
        decide(w, &all, chosen);
        go_on(s, w, number);
        world_return(w);
    }
}

static const char *check_outcome(struct round *round, const struct plan *plan)
{
    const char *wrong = run_plan(round, plan);
    if (wrong == NULL)
        wrong = check_critical(round);
    if (wrong == NULL && round->target->error.code == ERR_NONE && !round->stopped)
        wrong = check_arrival(round);
    return wrong;
}

static void check_target(const struct round *round)
{
    const char *wrong = check_sends(round);
    if (wrong == NULL && round->setting->strict_clock) {
        wrong = check_sentence(round);
        tally.against_sentence++;
    }
    if (wrong != NULL)
        fail_state(round->setting, round->before, wrong);
}

static void check_plan(struct round *round, const struct plan *plan, const struct dataset *ds)
{
    struct setting *s = round->setting;
    const struct target *target = round->target;
    struct err e = ERR_INIT;
    check_target(round);
    if (target->error.code != ERR_NONE) {
        if (plan->n > 0 ||
            (target->error.code != ERR_DIVERGED && target->error.code != ERR_NAME_TAKEN))
            fail_state(s, round->before, target->error.msg);
        tally.diverged += target->error.code == ERR_DIVERGED;
        tally.name_taken += target->error.code == ERR_NAME_TAKEN;
    } else if (plan_validate(plan, ds, target, &s->rules, &e) != 0) {
        fail_state(s, round->before, e.msg);
    }
}

/* Round `number`, from 0, of one state, and those that follow. */
static void go_on(struct setting *s, const struct world *before, unsigned number)
{
    struct dataset ds;
    struct target target;
    struct plan plan;
    world_view(before, &ds);
    target_build(&target, &ds, &s->rules);
    if (s->fold)
        fold_note(s, before, &target);
    if (s->lazy)
        branch(s, before, &target, number);
    plan_build(&plan, &ds, &target);
    struct world *now = world_borrow(before);
    struct round round = {
        .setting = s, .before = before, .target = &target, .now = now, .tell = number == 0};
    check_plan(&round, &plan, &ds);
    const char *wrong = check_outcome(&round, &plan);
    if (wrong != NULL)
        fail_state(s, now, wrong);
    size_t steps = plan.n;
    size_t transfers = plan_count_transfers(&plan);
    plan_fini(&plan);
    target_fini(&target);
    tally.rounds++;
    if (number == 0) {
        tally.states++;
        tally.with_transfers += transfers > 0;
        tally.with_deletions += steps > transfers;
        if (steps == 0 && s->after != NULL)
            s->after(s, now);
    }
    if (number == 1 && transfers > 0)
        fail_state(s, now, "I6: the second plan sends");
    if (number == 2 && steps > 0)
        fail_state(s, now, "I6: the third plan has steps");
    if (steps > 0) /* else it has arrived: nothing changed, so nothing can */
        go_on(s, now, number + 1);
    world_return(now);
}

void settle_again(struct setting *s, const struct world *from)
{
    void (*after)(struct setting *, const struct world *) = s->after;
    s->after = NULL;
    go_on(s, from, 0);
    s->after = after;
}

/* Whether another state was run that runs as this one does. Its own target is looked at anyhow. */
static bool is_folded(struct setting *s, const struct world *start)
{
    struct dataset ds;
    struct target target;
    world_view(start, &ds);
    target_build(&target, &ds, &s->rules);
    bool folded = fold_begin(s, start, &target);
    if (folded)
        check_target(&(struct round){.setting = s, .before = start, .target = &target});
    target_fini(&target);
    return folded;
}

void settle(struct setting *s, const struct world *start)
{
    s->start = start;
    if (s->fold && is_folded(s, start))
        return;
    go_on(s, start, 0);
    if (s->fold)
        fold_end();
}
