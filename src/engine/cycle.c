#include "cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "crew.h"
#include "estimate.h"
#include "job.h"
#include "mem.h"
#include "plan.h"
#include "validate.h"

enum what { WHAT_DATASETS, WHAT_SNAPSHOTS, WHAT_COUNT };

/* One of the four listings, or the look at a side's pool. */
struct discovery {
    struct cycle *cycle;
    enum side side;
    struct listing_job *listing; /* NULL: not running */
    struct job *job;             /* the same for the look at the pool */
};

struct cycle {
    struct cycle_spec spec;
    struct inventory inv;
    struct discovery listings[SIDE_COUNT][WHAT_COUNT];
    struct discovery pool[SIDE_COUNT];
    bool missing[SIDE_COUNT]; /* its root does not exist */
    int64_t began_ms;         /* monotonic; no listing is older */
    unsigned pending;         /* listings and looks that run, and a connection being made */
    bool connecting;
    struct err error; /* the first that fails the cycle as a whole */
    struct crew *crew;
    struct loop_timer *next;
    uint64_t datasets, failed;
    bool stopping, finished;
};

static void emit(struct cycle *cycle, struct event *event)
{
    event->time = clock_now();
    event->cycle = cycle->spec.number;
    cycle->spec.on_event(cycle->spec.arg, event);
}

static void finish(struct cycle *cycle)
{
    if (cycle->finished)
        return;
    cycle->finished = true;
    struct event event = {.kind = EVENT_CYCLE_FINISHED,
                          .count = cycle->datasets,
                          .failed = cycle->failed + crew_failed(cycle->crew),
                          .code = cycle->error.code};
    if (cycle->error.code != ERR_NONE)
        event.text = cycle->error.msg;
    emit(cycle, &event);
}

static void fail(struct cycle *cycle, const struct err *e)
{
    if (cycle->error.code == ERR_NONE)
        cycle->error = *e;
}

static void plan_all(void *arg);

/* One thing less to wait for. Goes on from the loop, never from inside a callback. */
static void settle(struct cycle *cycle)
{
    cycle->pending--;
    if (cycle->pending == 0)
        cycle->next = loop_add_timer(cycle->spec.loop, 0, plan_all, cycle);
}

static void describe_side(const struct cycle *cycle, enum side side, struct err *e)
{
    const struct site *site = &cycle->spec.sites->side[side];
    err_wrap(e, "the %s side (%s%s%s)", side_name(side), site_host(site),
             site->ssh == NULL ? "" : ":", site->root.s);
}

static void handle_pool(void *arg, const struct err *e)
{
    struct discovery *discovery = arg;
    struct cycle *cycle = discovery->cycle;
    const char *root = cycle->spec.sites->side[discovery->side].root.s;
    discovery->job = NULL;
    struct err error = ERR_INIT;
    if (e != NULL && e->code != ERR_DATASET_MISSING && e->code != ERR_POOL_MISSING)
        error = *e;
    else if (e != NULL)
        site_pool_missing(&cycle->spec.sites->side[discovery->side], &error);
    else if (discovery->side == SIDE_LOCAL)
        err_set(&error, ERR_DATASET_MISSING, "there is no dataset %s: see root under [local]",
                root);
    if (error.code != ERR_NONE) {
        describe_side(cycle, discovery->side, &error);
        fail(cycle, &error);
    }
    settle(cycle);
}

/* An exported pool must not look like an empty one: a root is missing only where its pool is
 * there. */
static void look_at_pool(struct cycle *cycle, enum side side)
{
    struct discovery *discovery = &cycle->pool[side];
    const struct site *site = &cycle->spec.sites->side[side];
    struct dsbuf buf;
    struct argv argv;
    argv_init(&argv);
    command_exists(&argv, site_pool(site, &buf));
    struct job_spec spec = {.site = site,
                            .command = &argv,
                            .on_done = handle_pool,
                            .arg = discovery,
                            .stall_ms = cycle->spec.config->stall_timeout * 1000};
    struct err e = ERR_INIT;
    *discovery = (struct discovery){.cycle = cycle, .side = side};
    discovery->job = job_start(cycle->spec.loop, &spec, &e);
    if (discovery->job == NULL)
        fail(cycle, &e);
    else
        cycle->pending++;
}

static void handle_listing(void *arg, const struct err *e)
{
    struct discovery *discovery = arg;
    struct cycle *cycle = discovery->cycle;
    discovery->listing = NULL;
    if (e != NULL && e->code == ERR_DATASET_MISSING) {
        if (!cycle->missing[discovery->side] && !cycle->stopping)
            look_at_pool(cycle, discovery->side);
        cycle->missing[discovery->side] = true;
    } else if (e != NULL) {
        struct err error = *e;
        describe_side(cycle, discovery->side, &error);
        fail(cycle, &error);
    }
    settle(cycle);
}

static void list_side(struct cycle *cycle, enum side side)
{
    const struct site *site = &cycle->spec.sites->side[side];
    for (int what = 0; what < WHAT_COUNT; what++) {
        struct discovery *discovery = &cycle->listings[side][what];
        struct argv argv;
        struct err e = ERR_INIT;
        argv_init(&argv);
        if (what == WHAT_DATASETS)
            command_list_datasets(&argv, site->root, true);
        else
            command_list_snapshots(&argv, site->root, true);
        *discovery = (struct discovery){.cycle = cycle, .side = side};
        discovery->listing = listing_job_start(
            cycle->spec.loop, site, &argv,
            what == WHAT_DATASETS ? LISTING_DATASETS : LISTING_SNAPSHOTS, &cycle->inv,
            cycle->spec.config->stall_timeout * 1000, handle_listing, discovery, &e);
        if (discovery->listing == NULL) {
            describe_side(cycle, side, &e);
            fail(cycle, &e);
        } else {
            cycle->pending++;
        }
    }
}

static void handle_connection(void *arg, const struct err *e)
{
    struct cycle *cycle = arg;
    cycle->connecting = false;
    if (e != NULL) {
        struct err error = *e;
        describe_side(cycle, SIDE_REMOTE, &error);
        fail(cycle, &error);
    } else if (!cycle->stopping) {
        list_side(cycle, SIDE_REMOTE);
    }
    settle(cycle);
}

struct cycle *cycle_start(const struct cycle_spec *spec)
{
    struct cycle *cycle = mem_zalloc(1, sizeof(*cycle));
    cycle->spec = *spec;
    cycle->began_ms = clock_monotonic_ms();
    inventory_init(&cycle->inv);
    struct event event = {.kind = EVENT_CYCLE_STARTED, .flag = spec->dryrun};
    emit(cycle, &event);
    cycle->pending = 1; /* held until everything is started */
    list_side(cycle, SIDE_LOCAL);
    if (config_has_remote(spec->config) && spec->connection != NULL) {
        cycle->pending++;
        cycle->connecting = true;
        connection_ensure(spec->connection, handle_connection, cycle);
    } else if (config_has_remote(spec->config)) {
        list_side(cycle, SIDE_REMOTE);
    }
    settle(cycle);
    return cycle;
}

static void tell_seen(struct cycle *cycle, const struct dataset *ds)
{
    bool remote_only = !ds->side[SIDE_LOCAL].exists;
    struct event event = {.kind = EVENT_DATASET_SEEN,
                          .dataset = ds->name,
                          .type = ds->side[remote_only ? SIDE_REMOTE : SIDE_LOCAL].type,
                          .flag = remote_only};
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct snapset *set = &ds->side[side].snapshots;
        const struct snapshot *newest = snapset_newest(set);
        event.holding[side].count = set->n;
        event.holding[side].newest = newest == NULL ? 0 : newest->creation;
        event.holding[side].space = ds->side[side].space;
    }
    emit(cycle, &event);
}

static void tell_snapshots(struct cycle *cycle, const struct dataset *ds,
                           const struct target *target)
{
    size_t count = 0;
    struct snapshot_row *rows = rows_build(ds, target, &count);
    struct event event = {.kind = EVENT_DATASET_SNAPSHOTS,
                          .dataset = ds->name,
                          .first = true,
                          .rows = rows,
                          .row_count = count};
    emit(cycle, &event);
    free(rows);
}

/* Of a dataset that nothing is planned for: what it holds is of interest all the same. */
static void tell_unplanned(struct cycle *cycle, const struct dataset *ds)
{
    struct rules rules = config_rules_for(cycle->spec.config, ds->name);
    struct target target;
    target_build(&target, ds, &rules);
    tell_snapshots(cycle, ds, &target);
    target_fini(&target);
}

static void tell_plan(struct cycle *cycle, const struct dataset *ds, const struct target *target,
                      const struct plan *plan)
{
    struct event event = {.kind = EVENT_DATASET_PLANNED, .dataset = ds->name, .count = plan->n};
    emit(cycle, &event);
    for (size_t i = 0; i < plan->n; i++) {
        struct event step = {.kind = EVENT_STEP_PLANNED,
                             .dataset = ds->name,
                             .step = i,
                             .op = plan->v[i].op,
                             .side = plan->v[i].side};
        step_names(&plan->v[i], ds, target, &step.start, &step.end);
        emit(cycle, &step);
    }
}

static void tell_finished(struct cycle *cycle, const struct dataset *ds, const struct err *e)
{
    struct event event = {.kind = EVENT_DATASET_FINISHED, .dataset = ds->name};
    if (e != NULL) {
        event.code = e->code;
        event.text = e->msg;
        cycle->failed++;
    }
    emit(cycle, &event);
}

/* A foreign newest snapshot on the remote keeps older ones of ours from being sent, and is in the
 * way of the next: say so before that is an error. */
static void warn_of_stray(struct cycle *cycle, const struct dataset *ds,
                          const struct target *target)
{
    char text[ERR_MSG_MAX];
    if (target->base_remote == TARGET_NONE || target->base_local != TARGET_NONE ||
        target->base_bookmark != TARGET_NONE || target->error.code != ERR_NONE)
        return;
    snprintf(
        text, sizeof(text),
        "the remote's newest snapshot %s is not from here: nothing older is sent, and the next "
        "newer one cannot be; destroy it there if it is not needed",
        ds->side[SIDE_REMOTE].snapshots.v[target->base_remote].name);
    struct event event = {
        .kind = EVENT_NOTE, .dataset = ds->name, .level = LEVEL_WARNING, .text = text};
    emit(cycle, &event);
}

/* Plans one dataset from the listings. One with work gets a worker, which plans again from a
 * listing of its own; one without is at its end. I10: an error is this dataset's alone. */
static void plan_dataset(struct cycle *cycle, const struct dataset *ds)
{
    struct rules rules = config_rules_for(cycle->spec.config, ds->name);
    struct target target;
    struct plan plan;
    struct err e = ERR_INIT;
    target_build(&target, ds, &rules);
    plan_build(&plan, ds, &target);
    if (plan_check_strangers(&plan, ds, &target, &target.error) != 0)
        plan.n = 0;
    int rc = plan_validate(&plan, ds, &target, &rules, &e);
    if (rc == 0 && target.error.code != ERR_NONE) {
        e = target.error;
        rc = -1;
    }
    tell_snapshots(cycle, ds, &target);
    tell_plan(cycle, ds, &target, &plan);
    warn_of_stray(cycle, ds, &target);
    bool has_work = plan.n > 0 || ds->side[SIDE_REMOTE].token != NULL ||
                    target_missing_bookmark(&target, ds) != TARGET_NONE ||
                    target_old_bookmark(&target, ds, 0) != TARGET_NONE;
    if (rc != 0)
        tell_finished(cycle, ds, &e);
    else if (has_work)
        crew_add(cycle->crew,
                 &(struct crew_task){.ds = ds,
                                     .listed_ms = cycle->began_ms,
                                     .bytes = estimate_transfers(&plan, ds),
                                     .is_new = rules.has_remote &&
                                               ds->side[SIDE_REMOTE].snapshots.n == 0});
    else
        tell_finished(cycle, ds, NULL);
    plan_fini(&plan);
    target_fini(&target);
}

/* All listings are complete. A dataset without snapshots may have turned up after the listing of
 * snapshots had ended. */
static void mark_listed(struct cycle *cycle)
{
    for (size_t i = 0; i < cycle->inv.n; i++)
        for (int side = 0; side < SIDE_COUNT; side++)
            cycle->inv.v[i]->side[side].listed = cycle->inv.v[i]->side[side].exists;
}

static void handle_idle(void *arg)
{
    struct cycle *cycle = arg;
    if (cycle->stopping && cycle->error.code == ERR_NONE)
        err_set(&cycle->error, ERR_INTERRUPTED, "the cycle was ended because backupd is stopping");
    if (crew_lost(cycle->crew)->code != ERR_NONE && cycle->error.code == ERR_NONE) {
        cycle->error = *crew_lost(cycle->crew);
        describe_side(cycle, SIDE_REMOTE, &cycle->error);
    }
    finish(cycle);
}

static void plan_all(void *arg)
{
    struct cycle *cycle = arg;
    cycle->next = NULL;
    cycle->crew = crew_new(&cycle->spec, handle_idle, cycle);
    if (cycle->stopping && cycle->error.code == ERR_NONE)
        err_set(&cycle->error, ERR_INTERRUPTED, "the cycle was ended because backupd is stopping");
    if (cycle->error.code != ERR_NONE) {
        finish(cycle);
        return;
    }
    inventory_sort(&cycle->inv);
    mark_listed(cycle);
    for (size_t i = 0; i < cycle->inv.n; i++) {
        const struct dataset *ds = cycle->inv.v[i];
        tell_seen(cycle, ds);
        cycle->datasets++;
        if (!ds->side[SIDE_LOCAL].exists) {
            tell_unplanned(cycle, ds);
            continue; /* I9 */
        }
        if (cycle->spec.skip != NULL && cycle->spec.skip(cycle->spec.arg, ds->name)) {
            tell_unplanned(cycle, ds);
            cycle->failed++;
        } else {
            plan_dataset(cycle, ds);
        }
    }
    crew_start(cycle->crew);
}

void cycle_stop(struct cycle *cycle)
{
    if (cycle->stopping || cycle->finished)
        return;
    cycle->stopping = true;
    if (cycle->connecting) {
        connection_cancel(cycle->spec.connection);
        cycle->connecting = false;
        settle(cycle);
    }
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int what = 0; what < WHAT_COUNT; what++)
            if (cycle->listings[side][what].listing != NULL)
                listing_job_cancel(cycle->listings[side][what].listing);
        if (cycle->pool[side].job != NULL)
            job_cancel(cycle->pool[side].job);
    }
    if (cycle->crew != NULL)
        crew_stop(cycle->crew);
}

void cycle_free(struct cycle *cycle)
{
    if (cycle == NULL)
        return;
    loop_remove_timer(cycle->next);
    crew_free(cycle->crew);
    inventory_fini(&cycle->inv);
    free(cycle);
}
