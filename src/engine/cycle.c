#include "cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crew.h"
#include "discovery.h"
#include "estimate.h"
#include "mem.h"
#include "plan.h"
#include "validate.h"

struct cycle {
    struct cycle_spec spec;
    struct inventory inv;
    struct discovery *discovery;
    int64_t began_ms;        /* monotonic; no listing is older */
    int64_t listed_ms;       /* monotonic; when all were complete */
    struct err error;        /* what fails the cycle as a whole */
    struct crew *crew;       /* NULL: the listings are not complete yet */
    size_t planned;          /* datasets of the inventory, in its order */
    struct loop_timer *next; /* the next ones */
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
    /* A side that could not be reached may come back as another. */
    if (cycle->spec.quiet != NULL && cycle->error.code != ERR_NONE)
        quiet_forget(cycle->spec.quiet);
    struct event event = {.kind = EVENT_CYCLE_FINISHED,
                          .count = cycle->datasets,
                          .failed = cycle->failed + crew_failed(cycle->crew),
                          .code = cycle->error.code};
    if (cycle->error.code != ERR_NONE)
        event.text = cycle->error.msg;
    emit(cycle, &event);
}

static void plan_all(void *arg, const struct err *e);

struct cycle *cycle_start(const struct cycle_spec *spec)
{
    struct cycle *cycle = mem_zalloc(1, sizeof(*cycle));
    cycle->spec = *spec;
    cycle->began_ms = clock_monotonic_ms();
    inventory_init(&cycle->inv);
    cycle->inv.facts = spec->facts;
    struct event event = {.kind = EVENT_CYCLE_STARTED, .flag = spec->dryrun};
    emit(cycle, &event);
    struct discovery_spec discovery = {.loop = spec->loop,
                                       .config = spec->config,
                                       .sites = spec->sites,
                                       .connection = spec->connection,
                                       .inv = &cycle->inv,
                                       .quiet = spec->quiet,
                                       .on_done = plan_all,
                                       .arg = cycle,
                                       .rows = spec->rows,
                                       .rows_arg = spec->arg};
    cycle->discovery = discovery_start(&discovery);
    return cycle;
}

/* The newest of which it is known when it was made, or NULL. */
static const struct snapshot *newest_known(const struct snapset *set)
{
    size_t n = set->n;
    while (n > 0 && (set->v[n - 1].flags & SNAPSHOT_BARE))
        n--;
    return n == 0 ? NULL : &set->v[n - 1];
}

static struct quiet_holding holding_of(const struct holding *holding)
{
    const struct snapshot *newest = newest_known(&holding->snapshots);
    return (struct quiet_holding){.count = holding->snapshots.n,
                                  .newest = newest == NULL ? 0 : newest->creation};
}

/* `known`: what is known of both sides where they were not listed, or NULL. */
static void tell_seen(struct cycle *cycle, const struct dataset *ds,
                      const struct quiet_holding *known)
{
    bool remote_only = !ds->side[SIDE_LOCAL].exists;
    struct event event = {.kind = EVENT_DATASET_SEEN,
                          .dataset = ds->name,
                          .type = ds->side[remote_only ? SIDE_REMOTE : SIDE_LOCAL].type,
                          .flag = remote_only};
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct quiet_holding holding = known != NULL ? known[side] : holding_of(&ds->side[side]);
        event.holding[side].count = holding.count;
        event.holding[side].newest = holding.newest;
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

/* There is nothing to do for `ds`, as far as can be seen from all that both sides hold. */
static void note_quiet(struct cycle *cycle, const struct dataset *ds)
{
    struct quiet_holding holding[SIDE_COUNT] = {holding_of(&ds->side[SIDE_LOCAL]),
                                                holding_of(&ds->side[SIDE_REMOTE])};
    if (cycle->spec.quiet != NULL && ds->side[SIDE_REMOTE].exists)
        quiet_note(cycle->spec.quiet, ds, holding, cycle->began_ms, cycle->listed_ms);
}

/* There is something to do for it, which a look after the cycle may follow. */
static void note_busy(struct cycle *cycle, const struct dataset *ds)
{
    const struct cycle_spec *spec = &cycle->spec;
    if (spec->quiet != NULL && spec->rows != NULL && !spec->dryrun &&
        config_has_remote(spec->config))
        quiet_note_busy(spec->quiet, ds, spec->rows(spec->arg, ds->name), cycle->began_ms);
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

static bool has_stray(const struct target *target)
{
    return target->base_remote != TARGET_NONE && target->base_local == TARGET_NONE &&
           target->base_bookmark == TARGET_NONE && target->error.code == ERR_NONE;
}

/* A foreign newest snapshot on the remote keeps older ones of ours from being sent, and is in the
 * way of the next: say so before that is an error. */
static void warn_of_stray(struct cycle *cycle, const struct dataset *ds,
                          const struct target *target)
{
    char text[ERR_MSG_MAX];
    if (!has_stray(target))
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

static bool is_new(const struct cycle *cycle, const struct dataset *ds)
{
    return config_has_remote(cycle->spec.config) && ds->side[SIDE_REMOTE].snapshots.n == 0;
}

static void add_moved(struct cycle *cycle, const struct dataset *ds)
{
    crew_add(cycle->crew,
             &(struct crew_task){.ds = ds, .is_moved = true, .is_new = is_new(cycle, ds)});
}

/* Whether something is wrong with what was recalled: nobody is told to destroy or roll back anything for
 * that before it was listed. */
static bool is_doubtful(const struct dataset *ds, const struct target *target, int rc)
{
    return ds->side[SIDE_REMOTE].recalled &&
           (rc != 0 || target->error.code != ERR_NONE || has_stray(target));
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
    if (is_doubtful(ds, &target, rc)) {
        add_moved(cycle, ds);
        plan_fini(&plan);
        target_fini(&target);
        return;
    }
    if (rc == 0 && target.error.code != ERR_NONE) {
        e = target.error;
        rc = -1;
    }
    tell_snapshots(cycle, ds, &target);
    tell_plan(cycle, ds, &target, &plan);
    warn_of_stray(cycle, ds, &target);
    bool has_other_work = ds->side[SIDE_REMOTE].token != NULL ||
                          target_missing_bookmark(&target, ds) != TARGET_NONE ||
                          target_old_bookmark(&target, ds, 0) != TARGET_NONE;
    bool has_work = plan.n > 0 || has_other_work;
    uint64_t bytes = estimate_transfers(&plan, ds);
    if (rc != 0)
        tell_finished(cycle, ds, &e);
    else if (has_work)
        crew_add(cycle->crew,
                 &(struct crew_task){.ds = ds,
                                     .listed_ms = cycle->began_ms,
                                     .bytes = bytes,
                                     .increments =
                                         !has_other_work && convoy_takes(&plan, bytes) ? plan.n : 0,
                                     .is_new = is_new(cycle, ds)});
    else
        tell_finished(cycle, ds, NULL);
    if (rc == 0 && has_work)
        note_busy(cycle, ds);
    else if (rc == 0 && !has_stray(&target))
        note_quiet(cycle, ds);
    plan_fini(&plan);
    target_fini(&target);
}

/* All listings are complete. A dataset without snapshots may have turned up after the listing of
 * snapshots had ended. */
static void mark_listed(struct cycle *cycle)
{
    for (size_t i = 0; i < cycle->inv.n; i++)
        for (int side = 0; side < SIDE_COUNT; side++) {
            struct holding *holding = &cycle->inv.v[i]->side[side];
            holding->listed = holding->exists && !holding->skipped &&
                              !discovery_is_unsure(cycle->discovery, cycle->inv.v[i]);
        }
}

static void handle_idle(void *arg)
{
    struct cycle *cycle = arg;
    if (cycle->stopping && cycle->error.code == ERR_NONE)
        err_set(&cycle->error, ERR_INTERRUPTED, "the cycle was ended because backupd is stopping");
    if (crew_lost(cycle->crew)->code != ERR_NONE && cycle->error.code == ERR_NONE) {
        cycle->error = *crew_lost(cycle->crew);
        discovery_describe_side(cycle->spec.sites, SIDE_REMOTE, &cycle->error);
    }
    finish(cycle);
}

static bool is_bare(const struct snapset *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i].flags & SNAPSHOT_BARE)
            return true;
    return false;
}

/* Whether the facts of a snapshot of it are missing: it went, or its name is that of another one
 * now, after its side was listed; or whether that listing broke off, or it came after its side's
 * datasets were listed, so that nobody knows what kind it is. What is older than what is then
 * not known, so nothing is planned from the listing, and its table stays what it was until a worker
 * has listed it. */
static bool has_moved(const struct cycle *cycle, const struct dataset *ds)
{
    bool found = discovery_is_unsure(cycle->discovery, ds);
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct holding *holding = &ds->side[side];
        found = found || (holding->exists && holding->type == DATASET_UNKNOWN) ||
                (cycle->inv.bare[side] > 0 &&
                 (is_bare(&holding->snapshots) || is_bare(&holding->bookmarks)));
    }
    return found;
}

/* What is known of a quiet dataset holds, its table of snapshots, too. */
static void leave_quiet(struct cycle *cycle, const struct dataset *ds)
{
    tell_seen(cycle, ds, quiet_keep(cycle->spec.quiet, ds));
    if (!ds->side[SIDE_LOCAL].exists)
        return;
    struct event event = {.kind = EVENT_DATASET_PLANNED, .dataset = ds->name, .count = 0};
    emit(cycle, &event);
    tell_finished(cycle, ds, NULL);
}

static void plan_or_leave(struct cycle *cycle, const struct dataset *ds)
{
    if (ds->side[SIDE_REMOTE].skipped) {
        leave_quiet(cycle, ds);
        return;
    }
    bool is_moved = has_moved(cycle, ds);
    bool is_local = ds->side[SIDE_LOCAL].exists;
    bool is_skipped =
        is_local && cycle->spec.skip != NULL && cycle->spec.skip(cycle->spec.arg, ds->name);
    tell_seen(cycle, ds, NULL);
    if (is_skipped)
        cycle->failed++;
    if (!is_local || is_skipped) { /* I9 */
        if (!is_moved)
            tell_unplanned(cycle, ds);
        if (!is_moved && !is_local)
            note_quiet(cycle, ds);
    } else if (is_moved) {
        add_moved(cycle, ds);
    } else {
        plan_dataset(cycle, ds);
    }
}

static void end_quiet(struct cycle *cycle)
{
    size_t remote = 0;
    bool is_all = !discovery_has_skipped(cycle->discovery);
    for (size_t i = 0; i < cycle->inv.n; i++)
        remote += cycle->inv.v[i]->side[SIDE_REMOTE].exists ? 1 : 0;
    quiet_end_cycle(cycle->spec.quiet, remote, is_all ? cycle->began_ms : QUIET_NOT_ALL);
}

static void all_planned(struct cycle *cycle)
{
    if (cycle->spec.quiet != NULL)
        end_quiet(cycle);
    crew_start(cycle->crew);
}

/* A turn's worth; all_planned follows the last. What others want meanwhile is answered. */
static void plan_some(void *arg)
{
    struct cycle *cycle = arg;
    cycle->next = NULL;
    for (size_t done = 0; cycle->planned < cycle->inv.n && done < CYCLE_PORTION;) {
        struct dataset *ds = cycle->inv.v[cycle->planned++];
        done += dataset_size(ds);
        dataset_sort(ds);
        cycle->datasets++;
        plan_or_leave(cycle, ds);
    }
    if (cycle->planned < cycle->inv.n)
        cycle->next = loop_add_timer(cycle->spec.loop, 0, plan_some, cycle);
    else
        all_planned(cycle);
}

static void plan_all(void *arg, const struct err *e)
{
    struct cycle *cycle = arg;
    if (e != NULL)
        cycle->error = *e;
    cycle->crew = crew_new(&cycle->spec, handle_idle, cycle);
    if (cycle->stopping && cycle->error.code == ERR_NONE)
        err_set(&cycle->error, ERR_INTERRUPTED, "the cycle was ended because backupd is stopping");
    if (cycle->error.code != ERR_NONE) {
        finish(cycle);
        return;
    }
    inventory_sort_datasets(&cycle->inv);
    mark_listed(cycle);
    cycle->listed_ms = clock_monotonic_ms();
    /* Those of what was skipped were not seen, and are wanted again. */
    if (cycle->inv.facts != NULL && !discovery_has_skipped(cycle->discovery))
        facts_end(cycle->inv.facts);
    plan_some(cycle);
}

void cycle_stop(struct cycle *cycle)
{
    if (cycle->stopping || cycle->finished)
        return;
    cycle->stopping = true;
    loop_remove_timer(cycle->next);
    cycle->next = NULL;
    discovery_stop(cycle->discovery);
    if (cycle->crew != NULL)
        crew_stop(cycle->crew);
}

void cycle_free(struct cycle *cycle)
{
    if (cycle == NULL)
        return;
    loop_remove_timer(cycle->next);
    discovery_free(cycle->discovery);
    crew_free(cycle->crew);
    inventory_fini(&cycle->inv);
    free(cycle);
}
