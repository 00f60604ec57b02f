/*
 * Plans that were broken on purpose, before the validator. Whether a broken plan is really bad is
 * the simulator's to say; whatever it finds bad the validator has to refuse.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "model.h"

#define STEPS_MAX 64

/* A state, its target and its plan; a breakage works on a copy of it. */
struct trial {
    struct setting *setting;
    const struct world *w;
    struct dataset ds;
    struct target target;
    struct step steps[STEPS_MAX];
    size_t n;
};

static uint64_t broken, bad, refused;
static const char *breakage; /* what was done to the plan, for the message */

/* I6 from `from` on: NULL, or what is wrong. */
static const char *judge_rest(struct setting *s, const struct world *from)
{
    const char *wrong = NULL;
    struct world *w = world_borrow(from);
    for (unsigned number = 1; number <= 2 && wrong == NULL; number++) {
        struct world *now = world_borrow(w);
        struct dataset ds;
        struct target target;
        struct plan plan;
        world_view(w, &ds);
        target_build(&target, &ds, &s->rules);
        plan_build(&plan, &ds, &target);
        struct round round = {.setting = s, .before = w, .target = &target, .now = now};
        wrong = run_plan(&round, &plan);
        if (wrong == NULL && plan_count_transfers(&plan) > 0)
            wrong = "I6: sends again";
        if (wrong == NULL && number == 2 && plan.n > 0)
            wrong = "I6: does not settle";
        plan_fini(&plan);
        target_fini(&target);
        world_copy(w, now);
        world_return(now);
    }
    world_return(w);
    return wrong;
}

/* What the simulator says of it: NULL where nothing is wrong. */
static const char *judge(const struct trial *t)
{
    const struct plan plan = {.v = (struct step *)t->steps, .n = t->n, .cap = STEPS_MAX};
    if (plan.n > 0 && !t->ds.side[SIDE_LOCAL].exists)
        return "I9: the source is gone";
    for (size_t i = 0; i < plan.n; i++)
        for (int side = 0; side < SIDE_COUNT; side++)
            if (!is_transfer(&plan.v[i]) && t->ds.side[side].exists && !t->ds.side[side].listed)
                return "I8: destroys what was not listed";
    struct world *now = world_borrow(t->w);
    struct round round = {.setting = t->setting, .before = t->w, .target = &t->target, .now = now};
    const char *wrong = run_plan(&round, &plan);
    if (wrong == NULL)
        wrong = check_critical(&round);
    if (wrong == NULL)
        wrong = check_arrival(&round);
    if (wrong == NULL && plan.n > 0)
        wrong = judge_rest(t->setting, now);
    world_return(now);
    return wrong;
}

/* One broken plan before the judge and the validator. */
static void try(const struct trial *t, const char *what)
{
    struct err e = ERR_INIT;
    const struct plan plan = {.v = (struct step *)t->steps, .n = t->n, .cap = STEPS_MAX};
    breakage = what;
    broken++;
    const char *wrong = judge(t);
    int rc = plan_validate(&plan, &t->ds, &t->target, &t->setting->rules, &e);
    bad += wrong != NULL;
    refused += rc != 0;
    if ((wrong != NULL) == (rc != 0))
        return;
    printf("# %s; judged: %s; validated: %s\n", what, wrong == NULL ? "good" : wrong,
           rc == 0 ? "good" : e.msg);
    for (size_t i = 0; i < t->n; i++)
        printf("#   %s %s %zu..%zu%s\n", op_name(t->steps[i].op), side_name(t->steps[i].side),
               t->steps[i].start, t->steps[i].end,
               t->steps[i].from_bookmark ? " from a bookmark" : "");
    fail_state(t->setting, t->w,
               rc == 0 ? "the validator lets a bad plan pass"
                       : "the validator refuses a good plan");
}

static void insert(struct trial *t, size_t at, struct step step)
{
    if (t->n == STEPS_MAX)
        abort();
    memmove(&t->steps[at + 1], &t->steps[at], (t->n - at) * sizeof(step));
    t->steps[at] = step;
    t->n++;
}

static void drop(struct trial *t, size_t at)
{
    t->n--;
    memmove(&t->steps[at], &t->steps[at + 1], (t->n - at) * sizeof(t->steps[0]));
}

/* ---- breakages of one step ---- */

static void break_order(const struct trial *legal, size_t i)
{
    struct trial t = *legal;
    drop(&t, i);
    try(&t, "a step is missing");
    t = *legal;
    insert(&t, i, t.steps[i]);
    try(&t, "a step twice");
    for (size_t k = 0; k < legal->n; k++) {
        if (k == i)
            continue;
        t = *legal;
        struct step step = t.steps[i];
        drop(&t, i);
        insert(&t, k, step);
        try(&t, "a step at another time");
    }
}

static void break_places(const struct trial *legal, size_t i)
{
    struct trial t = *legal;
    t.steps[i].end++;
    try(&t, "the end one later");
    t = *legal;
    if (t.steps[i].end > 0) {
        t.steps[i].end--;
        try(&t, "the end one earlier");
    }
    t = *legal;
    t.steps[i].start++;
    try(&t, "the start one later");
    t = *legal;
    if (t.steps[i].start > 0) {
        t.steps[i].start--;
        try(&t, "the start one earlier");
    }
    t = *legal;
    t.steps[i].end = 1000;
    try(&t, "the end nowhere");
    t = *legal;
    t.steps[i].start = 1000;
    try(&t, "the start nowhere");
}

static void break_kind(const struct trial *legal, size_t i)
{
    struct trial t = *legal;
    t.steps[i].side = t.steps[i].side == SIDE_LOCAL ? SIDE_REMOTE : SIDE_LOCAL;
    if (!is_transfer(&t.steps[i]))
        try(&t, "the other side");
    t = *legal;
    t.steps[i].from_bookmark = !t.steps[i].from_bookmark;
    if (t.steps[i].op == OP_RANGE_TRANSFER)
        try(&t, "a base from the wrong list");
    for (int op = 0; op < OP_COUNT; op++) {
        t = *legal;
        t.steps[i].op = (enum op)op;
        try(&t, "another operation");
    }
}

/* ---- breakages of the whole ---- */

/* A deletion too many, of everything, first and last. */
static void break_with_deletions(const struct trial *legal)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < legal->w->n[side]; i++) {
            struct step step = {.op = OP_DELETION, .side = (enum side)side, .start = i, .end = i};
            struct trial t = *legal;
            insert(&t, 0, step);
            try(&t, "destroys one more, first");
            t = *legal;
            insert(&t, t.n, step);
            try(&t, "destroys one more, last");
        }
    }
}

/* A transfer too many, from every base there is. */
static void break_with_transfers(const struct trial *legal)
{
    size_t local = legal->w->n[SIDE_LOCAL];
    for (size_t end = 0; end < local; end++) {
        for (size_t start = 0; start <= local; start++) {
            struct step step = {.op = start == local ? OP_INITIAL_TRANSFER : OP_RANGE_TRANSFER,
                                .side = SIDE_REMOTE,
                                .start = start == local ? end : start,
                                .end = end};
            struct trial t = *legal;
            insert(&t, 0, step);
            try(&t, "sends one more, first");
            t = *legal;
            insert(&t, t.n, step);
            try(&t, "sends one more, last");
        }
        struct step step = {
            .op = OP_RANGE_TRANSFER, .side = SIDE_REMOTE, .end = end, .from_bookmark = true};
        struct trial t = *legal;
        insert(&t, t.n, step);
        try(&t, "sends one more, from a bookmark");
    }
}

static void break_inventory(const struct trial *legal)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct trial t = *legal;
        t.ds.side[side].listed = false;
        try(&t, "a side was not listed");
    }
    struct trial t = *legal;
    t.ds.side[SIDE_LOCAL].exists = false;
    try(&t, "only the remote has it");
    t = *legal;
    t.setting->rules.has_remote = false;
    if (plan_count_transfers(&(struct plan){.v = t.steps, .n = t.n}) > 0)
        try(&t, "there is no remote");
    t.setting->rules.has_remote = true;
}

static void plan_of(struct trial *t)
{
    struct plan plan;
    plan_build(&plan, &t->ds, &t->target);
    if (plan.n + 2 > STEPS_MAX)
        abort();
    memcpy(t->steps, plan.v == NULL ? t->steps : plan.v, plan.n * sizeof(*plan.v));
    t->n = plan.n;
    plan_fini(&plan);
}

/* A target that is wrong, and the plan for it: nothing but the invariants can find that. */
static void break_target(const struct trial *legal)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < legal->w->n[side]; i++) {
            struct trial t = *legal;
            uint16_t old = t.target.keep[side][i];
            t.target.keep[side][i] = old == 0 ? KEEP_POLICY : 0;
            plan_of(&t);
            try(&t, "a wrong target");
            t.target.keep[side][i] = old;
        }
    }
    struct trial t = *legal;
    if (t.target.send_count > 0) {
        t.target.send_count--;
        plan_of(&t);
        try(&t, "a target that does not send the last");
        t = *legal;
        t.target.send++;
        t.target.send_count--;
        plan_of(&t);
        try(&t, "a target that does not send the first");
    }
    for (size_t i = 0; i < legal->w->n[SIDE_LOCAL]; i++) {
        t = *legal;
        size_t send[] = {i};
        t.target.send = send;
        t.target.send_count = 1;
        plan_of(&t);
        try(&t, "a target that sends something else");
    }
}

static void judge_state(struct setting *s, const struct world *w)
{
    struct trial legal = {.setting = s, .w = w};
    world_view(w, &legal.ds);
    target_build(&legal.target, &legal.ds, &s->rules);
    if (legal.target.error.code == ERR_NONE) {
        plan_of(&legal);
        try(&legal, "nothing");
        for (size_t i = 0; i < legal.n; i++) {
            break_order(&legal, i);
            break_places(&legal, i);
            break_kind(&legal, i);
        }
        break_with_deletions(&legal);
        break_with_transfers(&legal);
        break_inventory(&legal);
        break_target(&legal);
    }
    target_fini(&legal.target);
}

static void judge_spread(unsigned n, uint64_t count)
{
    struct setting s;
    setting_init(&s);
    struct world *w = world_new(n + ARRIVALS);
    for (uint64_t i = 0; i < count; i++) {
        product_state(&s, w, n, random_below(product_size(n)));
        s.start = w;
        judge_state(&s, w);
    }
    world_free(w);
    setting_fini(&s);
}

void judge_validator(uint64_t count)
{
    random_seed(MODEL_SEED);
    broken = bad = refused = 0;
    for (unsigned n = 1; n <= 5; n++)
        judge_spread(n, count / 5);
    printf("# %llu broken plans, %llu of them bad, %llu refused\n", (unsigned long long)broken,
           (unsigned long long)bad, (unsigned long long)refused);
}
