/*
 * The domain against every small inventory and many large ones. Each is planned, validated, and
 * run by a simulator of its own, which knows nothing of validate.c: I3 after every single change,
 * I4 and I5 on the way, I6 over three rounds. Where the clock never stepped back nor stood still
 * the target is also held against the sentence of the design, word by word.
 *
 * FIXPOINT_EVERY=1 in the environment visits the whole product for up to three snapshots (160
 * million states: build it with -O2) and every inventory of four, FIXPOINT_FOUR=N also N states
 * out of the whole product for four.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "validate.h"

#define CAP        512
#define TYPE_COUNT 3 /* two managed, one not */

/* ---- the world: what both sides really hold ---- */

struct world {
    struct snapshot v[SIDE_COUNT][CAP]; /* in createtxg order */
    size_t n[SIDE_COUNT];
    struct snapshot marks[CAP]; /* local bookmarks, all of them ours */
    size_t marks_n;
};

/* What a state is made from, kept for the message of a failure. */
struct setting {
    struct rules rules;
    uint64_t count[SIDE_COUNT][TYPE_COUNT];
    bool strict_clock; /* every snapshot was created in a later second than the one before */
    char where[128];
};

static uint64_t states;
static uint64_t diverged, name_taken, with_transfers, with_deletions, against_sentence;

static void print_world(const struct world *w)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        print_message("  %s:", side_name((enum side)side));
        for (size_t i = 0; i < w->n[side]; i++)
            print_message(" %s#%llu@%lld/%llu%s", w->v[side][i].name,
                          (unsigned long long)w->v[side][i].guid, (long long)w->v[side][i].creation,
                          (unsigned long long)w->v[side][i].createtxg,
                          w->v[side][i].flags != 0 ? "!" : "");
        print_message("\n");
    }
    for (size_t i = 0; i < w->marks_n; i++)
        print_message("  bookmark of #%llu/%llu\n", (unsigned long long)w->marks[i].guid,
                      (unsigned long long)w->marks[i].createtxg);
}

static void fail_state(const struct setting *s, const struct world *start, const struct world *now,
                       const char *what)
{
    print_message(
        "%s: local a=%llu b=%llu%s, remote a=%llu b=%llu%s%s\n", s->where,
        (unsigned long long)s->count[SIDE_LOCAL][0], (unsigned long long)s->count[SIDE_LOCAL][1],
        s->rules.destroy_unmanaged[SIDE_LOCAL] ? " !" : "",
        (unsigned long long)s->count[SIDE_REMOTE][0], (unsigned long long)s->count[SIDE_REMOTE][1],
        s->rules.destroy_unmanaged[SIDE_REMOTE] ? " !" : "",
        s->rules.keep_baseline ? "" : ", no baseline");
    print_message("start:\n");
    print_world(start);
    print_message("now:\n");
    print_world(now);
    fail_msg("%s", what);
}

/* The world as the domain sees it. It borrows the arrays. */
static void view(struct world *w, struct dataset *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->name = "";
    for (int side = 0; side < SIDE_COUNT; side++) {
        ret->side[side].listed = true;
        ret->side[side].exists = side == SIDE_LOCAL || w->n[side] > 0;
        ret->side[side].snapshots =
            (struct snapset){.v = w->v[side], .n = w->n[side], .cap = CAP, .sorted = true};
    }
    ret->side[SIDE_LOCAL].bookmarks =
        (struct snapset){.v = w->marks, .n = w->marks_n, .cap = CAP, .sorted = true};
}

/* Copies what is in use of it: most of it is not. */
static void copy_world(struct world *dst, const struct world *src)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        dst->n[side] = src->n[side];
        memcpy(dst->v[side], src->v[side], src->n[side] * sizeof(src->v[side][0]));
    }
    dst->marks_n = src->marks_n;
    memcpy(dst->marks, src->marks, src->marks_n * sizeof(src->marks[0]));
}

static size_t find(const struct snapshot *v, size_t n, uint64_t guid)
{
    for (size_t i = n; i-- > 0;)
        if (v[i].guid == guid)
            return i;
    return SIZE_MAX;
}

static bool holds(const struct world *w, enum side side, uint64_t guid)
{
    return find(w->v[side], w->n[side], guid) != SIZE_MAX;
}

static bool has_base(const struct world *w)
{
    for (size_t j = w->n[SIDE_REMOTE]; j-- > 0;)
        if (holds(w, SIDE_LOCAL, w->v[SIDE_REMOTE][j].guid) ||
            find(w->marks, w->marks_n, w->v[SIDE_REMOTE][j].guid) != SIZE_MAX)
            return true;
    return false;
}

static void destroy(struct world *w, enum side side, size_t place)
{
    w->n[side]--;
    memmove(&w->v[side][place], &w->v[side][place + 1],
            (w->n[side] - place) * sizeof(w->v[side][0]));
}

/* After a transfer: a bookmark of what was sent, and the older ones of ours away. */
static void bookmark(struct world *w, const struct snapshot *snap)
{
    w->marks[0] = *snap;
    w->marks_n = 1;
}

/* ---- running a plan ---- */

struct run {
    const struct setting *setting;
    const struct world *start; /* of the first round */
    struct world before;       /* what this round's plan was made from */
    struct world *now;
    bool had_base;
};

static void fail_run(const struct run *run, const char *what)
{
    fail_state(run->setting, run->start, run->now, what);
}

static void run_deletion(struct run *run, const struct step *step, const struct target *target)
{
    if (step->start > step->end || step->end >= run->before.n[step->side])
        fail_run(run, "a deletion of what is not there");
    for (size_t i = step->start; i <= step->end; i++) {
        const struct snapshot *snap = &run->before.v[step->side][i];
        size_t place = find(run->now->v[step->side], run->now->n[step->side], snap->guid);
        if (place == SIZE_MAX)
            fail_run(run, "destroyed twice");
        if (snap->flags != 0 || target->keep[step->side][i] != 0)
            fail_run(run, "I4: destroys what it must not");
        destroy(run->now, step->side, place);
        if (run->had_base && !has_base(run->now))
            fail_run(run, "I3: no base is left");
    }
}

static void run_transfer(struct run *run, const struct step *step)
{
    struct world *w = run->now;
    const struct snapshot *snap = &run->before.v[SIDE_LOCAL][step->end];
    if (!holds(w, SIDE_LOCAL, snap->guid))
        fail_run(run, "I4: sends what was destroyed");
    for (size_t j = 0; j < w->n[SIDE_REMOTE]; j++)
        if (strcmp(w->v[SIDE_REMOTE][j].name, snap->name) == 0 ||
            w->v[SIDE_REMOTE][j].guid == snap->guid)
            fail_run(run, "I1: no room for what is sent");
    uint64_t txg = 1;
    if (step->op == OP_INITIAL_TRANSFER) {
        if (w->n[SIDE_REMOTE] > 0)
            fail_run(run, "I7: an initial transfer over snapshots");
    } else {
        const struct snapshot *base = step->from_bookmark ? &run->before.marks[step->start]
                                                          : &run->before.v[SIDE_LOCAL][step->start];
        if (!step->from_bookmark && !holds(w, SIDE_LOCAL, base->guid))
            fail_run(run, "I3: starts from what was destroyed");
        if (w->n[SIDE_REMOTE] == 0 || w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1].guid != base->guid)
            fail_run(run, "I7: the base is not the remote's newest");
        if (base->createtxg >= snap->createtxg)
            fail_run(run, "I2: sends backwards");
        txg = w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1].createtxg + 3;
    }
    struct snapshot *copy = &w->v[SIDE_REMOTE][w->n[SIDE_REMOTE]++];
    *copy = *snap;
    copy->createtxg = txg;
    copy->flags = 0;
    bookmark(w, snap);
}

/* I5, found by looking at everything. */
static void check_critical(const struct run *run)
{
    const struct world *b = &run->before;
    const struct snapshot *first = NULL;
    const struct snapshot *last = NULL;
    for (size_t i = 0; i < b->n[SIDE_LOCAL]; i++) {
        if (!holds(b, SIDE_REMOTE, b->v[SIDE_LOCAL][i].guid))
            continue;
        first = first == NULL ? &b->v[SIDE_LOCAL][i] : first;
        last = &b->v[SIDE_LOCAL][i];
    }
    bool baseline = run->setting->rules.keep_baseline;
    for (int side = 0; side < SIDE_COUNT; side++) {
        if (baseline && b->n[side] > 0 && !holds(run->now, (enum side)side, b->v[side][0].guid))
            fail_run(run, "I5: the oldest is gone");
        if (baseline && first != NULL && !holds(run->now, (enum side)side, first->guid))
            fail_run(run, "I5: the earliest shared is gone");
        if (last != NULL && !holds(run->now, (enum side)side, last->guid))
            fail_run(run, "I5: the latest shared is gone");
    }
}

/* ---- the sentence of the design, word by word; only for strict clocks ---- */

static int newer(const void *a, const void *b)
{
    const struct snapshot *x = a;
    const struct snapshot *y = b;
    return (x->creation < y->creation) - (x->creation > y->creation);
}

static size_t unite(const struct world *w, struct snapshot *all)
{
    size_t n = w->n[SIDE_LOCAL];
    memcpy(all, w->v[SIDE_LOCAL], n * sizeof(*all));
    for (size_t j = 0; j < w->n[SIDE_REMOTE]; j++)
        if (!holds(w, SIDE_LOCAL, w->v[SIDE_REMOTE][j].guid))
            all[n++] = w->v[SIDE_REMOTE][j];
    qsort(all, n, sizeof(*all), newer);
    return n;
}

/* Whether a side's policy keeps the snapshot, counting over the union. */
static bool policy_keeps(const struct setting *s, enum side side, const struct snapshot *all,
                         size_t n, const struct snapshot *snap)
{
    if (snap->name[0] == 'x')
        return false;
    uint64_t newer_ones = 0;
    for (size_t k = 0; k < n && all[k].guid != snap->guid; k++)
        newer_ones += all[k].name[0] == snap->name[0];
    return newer_ones < s->count[side][snap->name[0] - 'a'];
}

static void check_sentence(const struct run *run, const struct target *target)
{
    const struct setting *s = run->setting;
    const struct world *w = &run->before;
    struct snapshot all[2 * CAP];
    size_t n = unite(w, all);
    const struct snapshot *tip =
        w->n[SIDE_REMOTE] > 0 ? &w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1] : NULL;

    bool keep[SIDE_COUNT][CAP];
    size_t sends = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < w->n[side]; i++) {
            const struct snapshot *snap = &w->v[side][i];
            keep[side][i] = policy_keeps(s, (enum side)side, all, n, snap) || snap->flags != 0 ||
                            (snap->name[0] == 'x' && !s->rules.destroy_unmanaged[side]) ||
                            (i == 0 && s->rules.keep_baseline);
        }
    }
    const struct snapshot *latest = NULL;
    for (size_t i = 0; i < w->n[SIDE_LOCAL]; i++) {
        const struct snapshot *snap = &w->v[SIDE_LOCAL][i];
        size_t j = find(w->v[SIDE_REMOTE], w->n[SIDE_REMOTE], snap->guid);
        if (j != SIZE_MAX) {
            if (latest == NULL && s->rules.keep_baseline)
                keep[SIDE_LOCAL][i] = keep[SIDE_REMOTE][j] = true; /* the earliest shared */
            latest = snap;
        } else if (policy_keeps(s, SIDE_REMOTE, all, n, snap) &&
                   (tip == NULL || snap->creation > tip->creation)) {
            if (sends >= target->send_count || target->send[sends] != i)
                fail_run(run, "the sentence sends another snapshot");
            sends++;
            keep[SIDE_LOCAL][i] = true;
        }
    }
    if (sends != target->send_count)
        fail_run(run, "the sentence sends fewer snapshots");
    if (latest != NULL) {
        keep[SIDE_LOCAL][find(w->v[SIDE_LOCAL], w->n[SIDE_LOCAL], latest->guid)] = true;
        keep[SIDE_REMOTE][find(w->v[SIDE_REMOTE], w->n[SIDE_REMOTE], latest->guid)] = true;
    }
    /* A base that only a bookmark stands for; older ones than the latest shared are none. */
    for (size_t j = w->n[SIDE_REMOTE]; j-- > 0;) {
        const struct snapshot *snap = &w->v[SIDE_REMOTE][j];
        if (latest != NULL && snap->guid == latest->guid)
            break;
        if (find(w->marks, w->marks_n, snap->guid) != SIZE_MAX) {
            keep[SIDE_REMOTE][j] = true;
            break;
        }
    }
    bool tip_known = tip == NULL || holds(w, SIDE_LOCAL, tip->guid) ||
                     find(w->marks, w->marks_n, tip->guid) != SIZE_MAX;
    if ((target->error.code == ERR_DIVERGED) != (sends > 0 && !tip_known))
        fail_run(run, "diverged, or not, other than the sentence says");
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < w->n[side]; i++)
            if (keep[side][i] != ((target->keep[side][i] & ~(unsigned)KEEP_STRAY) != 0))
                fail_run(run, "the sentence keeps other snapshots");
    against_sentence++;
}

/* ---- one round: target, plan, validation, run ---- */

static bool is_transfer(const struct step *step)
{
    return step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
}

/* Plans, validates and runs; returns the number of steps, of which transfers. */
static size_t round_of(struct run *run, size_t *ret_transfers)
{
    struct dataset ds;
    struct target target;
    struct plan plan;
    struct err e = ERR_INIT;
    copy_world(&run->before, run->now);
    run->had_base = has_base(run->now);
    view(&run->before, &ds);
    target_build(&target, &ds, &run->setting->rules);
    plan_build(&plan, &ds, &target);
    if (run->setting->strict_clock)
        check_sentence(run, &target);
    if (target.error.code != ERR_NONE) {
        if (plan.n > 0 ||
            (target.error.code != ERR_DIVERGED && target.error.code != ERR_NAME_TAKEN))
            fail_run(run, target.error.msg);
        diverged += target.error.code == ERR_DIVERGED;
        name_taken += target.error.code == ERR_NAME_TAKEN;
    } else if (plan_validate(&plan, &ds, &target, &run->setting->rules, &e) != 0) {
        fail_run(run, e.msg);
    }
    size_t steps = plan.n;
    *ret_transfers = 0;
    for (size_t i = 0; i < plan.n; i++) {
        if (is_transfer(&plan.v[i]))
            run_transfer(run, &plan.v[i]);
        else
            run_deletion(run, &plan.v[i], &target);
        *ret_transfers += is_transfer(&plan.v[i]);
        if (run->had_base && !has_base(run->now))
            fail_run(run, "I3: no base is left");
    }
    check_critical(run);
    plan_fini(&plan);
    target_fini(&target);
    return steps;
}

static void visit(const struct setting *setting, const struct world *start)
{
    static struct world now;
    static struct run run;
    copy_world(&now, start);
    run.setting = setting;
    run.start = start;
    run.now = &now;
    states++;
    size_t transfers;
    size_t steps = round_of(&run, &transfers);
    with_transfers += transfers > 0;
    with_deletions += steps > transfers;
    if (steps == 0)
        return; /* arrived: nothing changed, so nothing can */
    steps = round_of(&run, &transfers);
    if (transfers > 0)
        fail_run(&run, "I6: the second plan sends");
    if (steps > 0 && round_of(&run, &transfers) > 0)
        fail_run(&run, "I6: the third plan has steps");
}

/* ---- small inventories: a number for every one of them ---- */

enum placement { PLACE_LOCAL, PLACE_REMOTE, PLACE_BOTH, PLACE_OTHER_GUID, PLACE_COUNT };

struct policies {
    struct policy side[SIDE_COUNT];
};

static const char *const SMALL_NAMES[TYPE_COUNT][4] = {
    {"a-1", "a-2", "a-3", "a-4"}, {"b-1", "b-2", "b-3", "b-4"}, {"x-1", "x-2", "x-3", "x-4"}};

static struct policies *policies_new(void)
{
    struct policies *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    return p;
}

static void policies_free(struct policies *p)
{
    policy_fini(&p->side[SIDE_LOCAL]);
    policy_fini(&p->side[SIDE_REMOTE]);
    free(p);
}

/* Takes one digit off a number written in mixed bases. */
static unsigned digit(uint64_t *number, unsigned base)
{
    unsigned d = (unsigned)(*number % base);
    *number /= base;
    return d;
}

/* `number` picks placement, type and clock of each of `n` snapshots: 12 × 36^(n-1). */
static void small_world(struct world *w, struct setting *s, unsigned n, uint64_t number)
{
    memset(w->n, 0, sizeof(w->n));
    w->marks_n = 0;
    s->strict_clock = true;
    int64_t creation = 1000;
    for (unsigned k = 0; k < n; k++) {
        enum placement place = (enum placement)digit(&number, PLACE_COUNT);
        unsigned type = digit(&number, TYPE_COUNT);
        unsigned clock = k == 0 ? 0 : digit(&number, 3);
        creation += clock == 0 ? 10 : clock == 1 ? 0 : -15;
        s->strict_clock = s->strict_clock && clock == 0 && place != PLACE_OTHER_GUID;
        struct snapshot snap = {.guid = k + 1,
                                .createtxg = 10 * (k + 1),
                                .creation = creation,
                                .name = SMALL_NAMES[type][k]};
        if (place != PLACE_REMOTE)
            w->v[SIDE_LOCAL][w->n[SIDE_LOCAL]++] = snap;
        snap.createtxg = 13 * (k + 1); /* another pool: its numbers mean nothing here */
        if (place == PLACE_OTHER_GUID)
            snap.guid += 100;
        if (place != PLACE_LOCAL)
            w->v[SIDE_REMOTE][w->n[SIDE_REMOTE]++] = snap;
    }
}

static uint64_t small_worlds(unsigned n)
{
    uint64_t count = 12;
    for (unsigned k = 1; k < n; k++)
        count *= 36;
    return count;
}

/* Holds (or has a clone of) snapshot `k`, from 1, wherever it is; 0: none. */
static void hold(struct world *w, unsigned k)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        for (size_t i = 0; i < w->n[side]; i++)
            if (w->v[side][i].guid % 100 == k)
                w->v[side][i].flags = side == 0 ? SNAPSHOT_HELD : SNAPSHOT_CLONED;
}

/* A bookmark of ours of snapshot `k`, from 1; where the sides' guids differ, of the remote's. */
static void mark(struct world *w, unsigned k)
{
    for (int side = SIDE_COUNT; side-- > 0;) {
        for (size_t i = 0; i < w->n[side]; i++) {
            if (w->v[side][i].guid % 100 != k)
                continue;
            bookmark(w, &w->v[side][i]);
            /* of another guid: destroyed here, and then came another of the same name */
            w->marks[0].createtxg = w->v[side][i].guid > 100 ? 10 * k - 5 : 10 * k;
            w->marks[0].flags = 0;
            return;
        }
    }
}

#define POLICY_PAIRS 81 /* counts 0..2 of two types on two sides */
#define MODES        8  /* unmanaged keep or destroy on each side; with and without a baseline */

static void set_rules(struct setting *s, struct policies *p, unsigned pair, unsigned mode)
{
    static const char *const TYPES[] = {"a", "b"};
    uint64_t number = pair;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (unsigned type = 0; type < 2; type++) {
            s->count[side][type] = digit(&number, 3);
            policy_set(&p->side[side], TYPES[type], s->count[side][type]);
        }
        s->rules.policy[side] = &p->side[side];
        s->rules.destroy_unmanaged[side] = (mode >> side) & 1;
    }
    s->rules.keep_baseline = (mode & 4) == 0;
    s->rules.has_remote = true;
}

/* One state: number `at` of the product for `n` snapshots. */
static void visit_small(struct setting *s, struct policies *p, unsigned n, uint64_t at)
{
    static struct world w;
    uint64_t number = at;
    uint64_t shape = number % small_worlds(n);
    number /= small_worlds(n);
    small_world(&w, s, n, shape);
    hold(&w, digit(&number, n + 1));
    mark(&w, digit(&number, n + 1));
    unsigned pair = digit(&number, POLICY_PAIRS);
    set_rules(s, p, pair, digit(&number, MODES));
    snprintf(s->where, sizeof(s->where), "state %llu of %u snapshots", (unsigned long long)at, n);
    visit(s, &w);
}

static uint64_t small_states(unsigned n)
{
    return small_worlds(n) * (n + 1) * (n + 1) * POLICY_PAIRS * MODES;
}

/* `count` states of the product for `n`, spread over all of it: the stride has no common divisor
 * with the product, whose only prime factors are 2, 3 and 5. */
static void visit_spread(unsigned n, uint64_t count)
{
    struct setting s = {0};
    struct policies *p = policies_new();
    uint64_t all = small_states(n);
    uint64_t stride = count >= all ? 1 : all / count;
    while (stride % 2 == 0 || stride % 3 == 0 || stride % 5 == 0)
        stride++;
    for (uint64_t i = 0; i < count && i < all; i++)
        visit_small(&s, p, n, count >= all ? i : i * stride % all);
    policies_free(p);
}

/* Every (or each `stride`-th) placement, type and clock of `n` snapshots, `times` times; policies,
 * holds and bookmarks go round with it. */
static void visit_every_world(unsigned n, unsigned times, unsigned stride)
{
    struct setting s = {0};
    struct policies *p = policies_new();
    uint64_t rest = small_states(n) / small_worlds(n);
    uint64_t other = 0;
    for (uint64_t shape = 0; shape < small_worlds(n); shape += stride) {
        for (unsigned k = 0; k < times; k++) {
            other = (other + 7919) % rest; /* a prime: it comes round to everything */
            visit_small(&s, p, n, shape + small_worlds(n) * other);
        }
    }
    policies_free(p);
}

static void begin(void)
{
    states = diverged = name_taken = with_transfers = with_deletions = against_sentence = 0;
}

static void tell(const char *what, uint64_t expected)
{
    print_message("%s: %llu states, %llu with transfers, %llu with deletions, diverged %llu times, "
                  "names taken %llu times, %llu targets against the sentence\n",
                  what, (unsigned long long)states, (unsigned long long)with_transfers,
                  (unsigned long long)with_deletions, (unsigned long long)diverged,
                  (unsigned long long)name_taken, (unsigned long long)against_sentence);
    assert_int_equal(states, expected);
}

static void i3_to_i6_hold_for_every_inventory_of_one_snapshot(void **state)
{
    (void)state;
    begin();
    visit_spread(1, small_states(1));
    tell("one snapshot, everything", 31104);
}

static void i3_to_i6_hold_for_every_inventory_of_two_snapshots(void **state)
{
    (void)state;
    begin();
    visit_every_world(2, 216, 1);
    tell("two snapshots", 93312);
}

static void i3_to_i6_hold_for_every_inventory_of_three_snapshots(void **state)
{
    (void)state;
    begin();
    visit_every_world(3, 10, 1);
    tell("three snapshots", 155520);
}

static void i3_to_i6_hold_for_each_fifth_inventory_of_four_snapshots(void **state)
{
    (void)state;
    begin();
    visit_every_world(4, 1, 5); /* all of them where it is asked for: it takes too long here */
    tell("four snapshots", 111975);
}

static void i3_to_i6_hold_for_the_whole_product_where_it_is_asked_for(void **state)
{
    (void)state;
    begin();
    if (getenv("FIXPOINT_EVERY") != NULL) {
        visit_spread(2, small_states(2));
        visit_spread(3, small_states(3));
        tell("everything up to three snapshots", small_states(2) + small_states(3));
        begin();
        visit_every_world(4, 1, 1);
        tell("every inventory of four", small_worlds(4));
    }
    begin();
    const char *four = getenv("FIXPOINT_FOUR");
    if (four != NULL) {
        visit_spread(4, strtoull(four, NULL, 10));
        tell("four snapshots, spread", strtoull(four, NULL, 10));
    }
}

/* ---- large ones ---- */

#define SEED 0x6261636b75706431U /* printed, so that a failure can be run again */

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static unsigned below(unsigned limit)
{
    return (unsigned)(random_next() % limit);
}

static const char *large_name(unsigned type, unsigned k)
{
    static char names[TYPE_COUNT][CAP][8];
    char *name = names[type][k];
    snprintf(name, 8, "%c-%u", "abx"[type], k % 1000);
    return name;
}

/* A history as it comes about: mostly shared up to a point, then local only, with exceptions. */
static void large_world(struct world *w, struct setting *s)
{
    unsigned n = 1 + below(200);
    unsigned shared_until = below(n + 1);
    unsigned odd = below(3) == 0 ? 3 : 40;       /* one in so many is somewhere else */
    unsigned bad_clock = below(2) == 0 ? 0 : 10; /* one in so many stands still or steps back */
    int64_t creation = 100000;
    memset(w->n, 0, sizeof(w->n));
    w->marks_n = 0;
    s->strict_clock = true;
    for (unsigned k = 0; k < n; k++) {
        int64_t advance = 1 + below(5000);
        if (bad_clock > 0 && below(bad_clock) == 0)
            advance = -(int64_t)below(3) * below(9000);
        s->strict_clock = s->strict_clock && advance > 0;
        creation += advance;
        enum placement place = k < shared_until ? PLACE_BOTH : PLACE_LOCAL;
        if (below(odd) == 0)
            place = (enum placement)below(PLACE_COUNT);
        s->strict_clock = s->strict_clock && place != PLACE_OTHER_GUID;
        struct snapshot snap = {.guid = k + 1,
                                .createtxg = 10 * (k + 1),
                                .creation = creation,
                                .name = large_name(below(8) == 0 ? 2 : below(2), k),
                                .flags = below(30) == 0 ? SNAPSHOT_HELD : 0};
        if (place != PLACE_REMOTE)
            w->v[SIDE_LOCAL][w->n[SIDE_LOCAL]++] = snap;
        snap.createtxg = 13 * (k + 1);
        if (place == PLACE_OTHER_GUID)
            snap.guid += 1000;
        if (place != PLACE_LOCAL)
            w->v[SIDE_REMOTE][w->n[SIDE_REMOTE]++] = snap;
        if (place != PLACE_LOCAL && below(60) == 0) {
            bookmark(w, &snap);
            w->marks[0].createtxg = 10 * (k + 1);
        }
    }
}

static void i3_to_i6_hold_for_random_inventories_of_up_to_200_snapshots(void **state)
{
    (void)state;
    static struct world w;
    struct setting s = {0};
    struct policies *p = policies_new();
    begin();
    random_state = SEED;
    print_message("seed %#llx\n", (unsigned long long)SEED);
    for (unsigned round = 0; round < 2000; round++) {
        snprintf(s.where, sizeof(s.where), "random inventory %u", round);
        large_world(&w, &s);
        set_rules(&s, p, 0, below(MODES));
        for (int side = 0; side < SIDE_COUNT; side++) {
            for (unsigned type = 0; type < 2; type++) {
                s.count[side][type] = below(below(2) == 0 ? 4 : 120);
                policy_set(&p->side[side], type == 0 ? "a" : "b", s.count[side][type]);
            }
        }
        visit(&s, &w);
    }
    policies_free(p);
    tell("up to 200 snapshots", 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i3_to_i6_hold_for_every_inventory_of_one_snapshot),
        cmocka_unit_test(i3_to_i6_hold_for_every_inventory_of_two_snapshots),
        cmocka_unit_test(i3_to_i6_hold_for_every_inventory_of_three_snapshots),
        cmocka_unit_test(i3_to_i6_hold_for_each_fifth_inventory_of_four_snapshots),
        cmocka_unit_test(i3_to_i6_hold_for_the_whole_product_where_it_is_asked_for),
        cmocka_unit_test(i3_to_i6_hold_for_random_inventories_of_up_to_200_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
