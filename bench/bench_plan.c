/*
 * What target, plan and validation cost: time for a snapshot, and memory at its peak.
 *
 * A dataset has an hourly snapshot an hour, of which each 24th is a daily and each 168th a weekly
 * one. Local has them all, the remote all but the newest hundredth; guids are random and names are
 * shared by all datasets, as a recursive snapshot makes them. `first` is the first run of a policy
 * over it: nearly everything is destroyed. `settled` is a policy that has nothing to destroy and a
 * few to send. Each row is measured in a process of its own, so that its peak is its own.
 *
 * --count SIZE plans a tree of about that many snapshots once, for bench/instructions.sh.
 *
 * Exits 1 where a row misses what is required: 100,000 snapshots of one dataset in a second, a
 * million in a tree in 5 s and 300 MB, fewer than 100 bytes for each of them in the inventory, its
 * name included, at most 200 ns
 * for target and plan of one, and no more time for a snapshot of many than of few, but for what the caches cost.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"
#include "inventory.h"
#include "plan.h"
#include "policy.h"
#include "target.h"
#include "text.h"
#include "validate.h"

#define ROUNDS   3     /* the fastest counts */
#define PLAN_MAX 200.0 /* ns for a snapshot */
#define EACH     503   /* local snapshots of a dataset whose both sides have a thousand */

struct row {
    const char *what;
    size_t datasets, local_each; /* snapshots of each dataset on the local side */
    bool settled;
    double limit_seconds; /* 0: none */
    long limit_kib;
    bool own_names;   /* no two datasets have a name in common */
    long limit_bytes; /* of the inventory, for each snapshot */
};

static const struct row ROWS[] = {
    {"tree, settled", 1, EACH, true, 0, 0, false, 0},
    {"tree, settled", 10, EACH, true, 0, 0, false, 0},
    {"tree, settled", 100, EACH, true, 0, 0, false, 0},
    {"tree, settled", 1000, EACH, true, 5, 300 * 1024, false, 100},
    {"tree, settled", 10000, EACH, true, 50, 0, false, 100},
    {"one dataset, first", 1, 500, false, 0, 0, false, 0},
    {"one dataset, first", 1, 5000, false, 0, 0, false, 0},
    {"one dataset, first", 1, 50000, false, 1, 0, false, 0},
    {"one dataset, first", 1, 100000, false, 2, 0, false, 0},
    {"one dataset, settled", 1, 500, true, 0, 0, false, 0},
    {"one dataset, settled", 1, 5000, true, 0, 0, false, 0},
    {"one dataset, settled", 1, 50000, true, 1, 0, false, 0},
    {"one dataset, settled", 1, 100000, true, 2, 0, false, 0},
    {"1000 datasets, first", 1000, 503, false, 5, 300 * 1024, false, 100},
    {"1000 datasets, settled", 1000, 503, true, 5, 300 * 1024, false, 100},
    {"1000 datasets, first", 1000, 1006, false, 10, 300 * 1024, false, 100},
    {"1000 datasets, own names", 1000, 520, true, 10, 300 * 1024, true, 100},
    {"100,000 datasets, settled", 100000, 6, true, 10, 300 * 1024, false, 100},
};

struct result {
    size_t snapshots;             /* of both sides */
    double build, plan, validate; /* seconds */
    size_t steps;
    uint64_t instructions; /* of target, plan and validation; 0: not counted */
    long peak_kib;
    long inventory_kib;
};

/* Time of this process: what else the machine does is not our cost. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    return (long)(usage.ru_maxrss / 1024);
#else
    return (long)usage.ru_maxrss;
#endif
}

static uint64_t random_next(uint64_t *random)
{
    uint64_t x = *random += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static void fill_dataset(struct inventory *inv, struct dataset *ds, const struct row *row,
                         uint64_t *random)
{
    size_t count = row->local_each;
    size_t remote = count - count / 100;
    for (size_t i = 0; i < count; i++) {
        const char *type = i % 168 == 0 ? "weekly" : i % 24 == 0 ? "daily" : "hourly";
        int64_t creation = 1600000000 + 3600 * (int64_t)i;
        char when[TEXT_FIGURE_MAX];
        char name[80];
        text_time(when, creation);
        if (row->own_names)
            snprintf(name, sizeof(name), "%s-%s-%zu", type, when, inv->n);
        else
            snprintf(name, sizeof(name), "%s-%s", type, when);
        struct snapshot snap = {.guid = random_next(random),
                                .createtxg = 1000 + 700 * i,
                                .creation = creation,
                                .name = name};
        inventory_add_snapshot(inv, ds, SIDE_LOCAL, &snap);
        snap.createtxg = 5000 + 400 * i;
        if (i < remote)
            inventory_add_snapshot(inv, ds, SIDE_REMOTE, &snap);
    }
    ds->side[SIDE_LOCAL].listed = ds->side[SIDE_REMOTE].listed = true;
}

static void fill(struct inventory *inv, const struct row *row, struct result *result)
{
    uint64_t random = 1;
    for (size_t d = 0; d < row->datasets; d++) {
        char name[32] = "";
        if (d > 0)
            snprintf(name, sizeof(name), "/home/user-%zu", d);
        fill_dataset(inv, inventory_get(inv, name), row, &random);
    }
    inventory_sort(inv);
    for (size_t d = 0; d < inv->n; d++)
        for (int side = 0; side < SIDE_COUNT; side++)
            result->snapshots += inv->v[d]->side[side].snapshots.n;
}

/* instructions.sh knows them by their names. */
__attribute__((noinline)) static void measured_plan(const struct dataset *ds,
                                                    const struct rules *rules,
                                                    struct target *target, struct plan *plan)
{
    target_build(target, ds, rules);
    plan_build(plan, ds, target);
}

__attribute__((noinline)) static int measured_validate(const struct plan *plan,
                                                       const struct dataset *ds,
                                                       const struct target *target,
                                                       const struct rules *rules, struct err *e)
{
    return plan_validate(plan, ds, target, rules, e);
}

static int plan_dataset(const struct dataset *ds, const struct rules *rules, struct result *result)
{
    struct target target;
    struct plan plan;
    struct err e = ERR_INIT;
    double start = now();
    measured_plan(ds, rules, &target, &plan);
    double planned = now();
    int rc = target.error.code == ERR_NONE ? measured_validate(&plan, ds, &target, rules, &e) : -1;
    result->plan += planned - start;
    result->validate += now() - planned;
    result->steps += plan.n;
    if (rc != 0)
        fprintf(stderr, "%s: %s%s\n", ds->name, target.error.msg, e.msg);
    plan_fini(&plan);
    target_fini(&target);
    return rc;
}

static int measure(const struct row *row, int rounds, struct result *result)
{
    static const char *const TYPES[] = {"hourly", "daily", "weekly"};
    static const uint64_t COUNTS[SIDE_COUNT][3] = {{24, 7, 4}, {0, 30, 52}};
    struct policy policy[SIDE_COUNT];
    for (int side = 0; side < SIDE_COUNT; side++) {
        policy_init(&policy[side]);
        for (size_t i = 0; i < 3; i++)
            policy_set(&policy[side], TYPES[i], row->settled ? 1000000 : COUNTS[side][i]);
    }
    struct rules rules = {
        .policy = {&policy[0], &policy[1]}, .keep_baseline = true, .has_remote = true};

    struct inventory inv;
    inventory_init(&inv);
    long before = peak_kib();
    double start = now();
    fill(&inv, row, result);
    result->build = now() - start;
    result->inventory_kib = peak_kib() - before;
    int rc = 0;
    for (int round = 0; round < rounds && rc == 0; round++) {
        struct result once = {.plan = 0};
        counter_start();
        for (size_t d = 0; d < inv.n && rc == 0; d++)
            rc = plan_dataset(inv.v[d], &rules, &once);
        result->instructions = counter_stop();
        if (round == 0 || once.plan + once.validate < result->plan + result->validate) {
            result->plan = once.plan;
            result->validate = once.validate;
            result->steps = once.steps;
        }
    }
    inventory_fini(&inv);
    policy_fini(&policy[SIDE_LOCAL]);
    policy_fini(&policy[SIDE_REMOTE]);
    result->peak_kib = peak_kib();
    return rc;
}

/* Measures in a child. Returns 0, or -1 where that failed. */
static int measure_apart(const struct row *row, struct result *ret)
{
    int fd[2];
    if (pipe(fd) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct result result;
        memset(&result, 0, sizeof(result));
        int rc = measure(row, ROUNDS, &result);
        ssize_t n = write(fd[1], &result, sizeof(result));
        _exit(rc == 0 && n == (ssize_t)sizeof(result) ? 0 : 1);
    }
    close(fd[1]);
    ssize_t n = pid < 0 ? -1 : read(fd[0], ret, sizeof(*ret));
    close(fd[0]);
    int status = 1;
    if (pid > 0 && waitpid(pid, &status, 0) != pid)
        return -1;
    return n == (ssize_t)sizeof(*ret) && status == 0 ? 0 : -1;
}

/* Of the inventory, for a snapshot. */
static double bytes_each(const struct result *r)
{
    return 1024 * (double)r->inventory_kib / (double)r->snapshots;
}

static const char *verdict(const struct row *row, const struct result *r)
{
    if (1e9 * r->plan / (double)r->snapshots > PLAN_MAX)
        return "MORE THAN 200 NS";
    if (row->limit_seconds > 0 && r->plan + r->validate > row->limit_seconds)
        return "TOO SLOW";
    if (row->limit_kib > 0 && r->peak_kib > row->limit_kib)
        return "TOO LARGE";
    if (row->limit_bytes > 0 && bytes_each(r) >= (double)row->limit_bytes)
        return "TOO MANY BYTES";
    return "";
}

/* A figure that is not there is a dash. */
static const char *instructions_each(const struct result *r, char buf[32])
{
    snprintf(buf, 32, "%.0f", (double)r->instructions / (double)r->snapshots);
    return r->instructions == 0 ? "-" : buf;
}

static int count_only(const char *size)
{
    struct result result = {.snapshots = 0};
    struct row row = {"", strtoul(size, NULL, 10) / 1000, EACH, true, 0, 0, false, 0};
    return row.datasets == 0 || measure(&row, 1, &result) != 0;
}

int main(int argc, char **argv)
{
    int rc = 0;
    char buf[32];
    if (argc == 3 && strcmp(argv[1], "--count") == 0)
        return count_only(argv[2]);
    counter_explain();
    printf("%-25s %10s %8s %13s %10s %10s %10s %9s %7s %6s\n", "", "snapshots", "steps",
           "target+plan", "validate", "all", "inventory", "peak", "each", "instr");
    double few = 0; /* seconds for a snapshot of the smallest row of its kind */
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct result r;
        if (measure_apart(&ROWS[i], &r) != 0)
            return 1;
        double each = 1e9 / (double)r.snapshots;
        const char *fault = verdict(&ROWS[i], &r);
        printf("%-25s %10zu %8zu %10.0f ns %7.0f ns %8.2f s %7.0f ns %6ld MB %5.0f B %6s %s\n",
               ROWS[i].what, r.snapshots, r.steps, r.plan * each, r.validate * each,
               r.plan + r.validate, r.build * each, r.peak_kib / 1024, bytes_each(&r),
               instructions_each(&r, buf), fault);
        fflush(stdout);
        double cost = (r.plan + r.validate) * each;
        if (ROWS[i].datasets == 1 && ROWS[i].local_each <= EACH)
            few = cost;
        if (cost > 8 * few) {
            printf("  not linear: %.0f ns for a snapshot, %.0f of few\n", cost, few);
            rc = 1;
        }
        if (fault[0] != '\0')
            rc = 1;
    }
    return rc;
}
