#include "refresh.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "job.h"
#include "mem.h"
#include "validate.h"

int refresh_check_pool(struct loop *loop, const struct site *site, int64_t stall_ms, struct err *e)
{
    struct dsbuf buf;
    struct argv argv;
    argv_init(&argv);
    command_exists(&argv, site_pool(site, &buf));
    if (job_run_plain(loop, site, &argv, stall_ms, e) == 0)
        return 0;
    if (e->code == ERR_DATASET_MISSING || e->code == ERR_POOL_MISSING)
        site_pool_missing(site, e);
    return -1;
}

static int list_dataset(struct refresh *refresh, struct loop *loop, const struct site *site,
                        struct dsname full, int64_t stall_ms, struct err *e)
{
    struct argv argv;
    holding_clear(&refresh->ds->side[site->side]);
    argv_init(&argv);
    command_list_datasets(&argv, full, false);
    if (listing_run(loop, site, &argv, LISTING_DATASETS, &refresh->inv, stall_ms, e) != 0)
        return -1;
    argv_init(&argv);
    command_list_snapshots(&argv, full, false);
    return listing_run(loop, site, &argv, LISTING_SNAPSHOTS, &refresh->inv, stall_ms, e);
}

/* Lists one side. */
static int list_side(struct refresh *refresh, struct loop *loop, const struct site *site,
                     int64_t stall_ms, struct err *e)
{
    struct dsbuf buf;
    struct dsname full;
    if (dsname_join(&buf, site->root, refresh->ds->name, &full, e) != 0)
        return -1;
    if (list_dataset(refresh, loop, site, full, stall_ms, e) == 0)
        return 0;
    if (e->code != ERR_DATASET_MISSING || refresh_check_pool(loop, site, stall_ms, e) != 0)
        return -1;
    /* Once more: the pool may have come between the two. Only now it is known to be missing. */
    if (list_dataset(refresh, loop, site, full, stall_ms, e) == 0)
        return 0;
    if (e->code != ERR_DATASET_MISSING)
        return -1;
    err_clear(e);
    holding_clear(&refresh->ds->side[site->side]);
    refresh->ds->side[site->side].listed = true;
    return 0;
}

/* Which snapshots of a side the target lets go. */
static bool *deletion_candidates(const struct refresh *refresh, enum side side, bool *ret_any)
{
    size_t n = refresh->ds->side[side].snapshots.n;
    bool *chosen = mem_zalloc(n, sizeof(*chosen));
    for (size_t i = 0; i < n; i++) {
        chosen[i] = refresh->target.keep[side][i] == 0;
        *ret_any = *ret_any || chosen[i];
    }
    return chosen;
}

static int read_details(struct refresh *refresh, struct loop *loop, const struct site *site,
                        const bool *chosen, int64_t stall_ms, struct err *e)
{
    struct dsbuf buf;
    struct dsname full;
    if (dsname_join(&buf, site->root, refresh->ds->name, &full, e) != 0)
        return -1;
    size_t at = 0;
    for (;;) {
        struct argv argv;
        argv_init(&argv);
        if (!command_list_details(&argv, full, &refresh->ds->side[site->side].snapshots, chosen,
                                  &at)) {
            argv_fini(&argv);
            return 0;
        }
        if (listing_run(loop, site, &argv, LISTING_DETAILS, &refresh->inv, stall_ms, e) != 0)
            return -1;
    }
}

/* I8: names are what zfs destroy takes, so each must still stand for the guid that the plan means. */
static int check_confirmed(const struct snapset *set, const bool *chosen, struct err *e)
{
    for (size_t i = 0; i < set->n; i++)
        if (chosen[i] && !(set->v[i].flags & SNAPSHOT_CONFIRMED))
            return err_set(e, ERR_BUSY,
                           "%s was renamed or replaced while it was listed, so nothing is "
                           "destroyed; the next cycle looks again",
                           set->v[i].name);
    return 0;
}

/* I4: holds and clones are read for deletion candidates only, because reading them is slow. */
static int spare_held_and_cloned(struct refresh *refresh, struct loop *loop,
                                 const struct sites *sites, int64_t stall_ms, struct err *e)
{
    bool again = false;
    for (int side = 0; side < SIDE_COUNT; side++) {
        bool any = false;
        bool *chosen = deletion_candidates(refresh, (enum side)side, &any);
        int rc = any ? read_details(refresh, loop, &sites->side[side], chosen, stall_ms, e) : 0;
        if (rc == 0)
            rc = check_confirmed(&refresh->ds->side[side].snapshots, chosen, e);
        free(chosen);
        if (rc != 0)
            return -1;
        again = again || any;
    }
    if (again) {
        target_fini(&refresh->target);
        target_build(&refresh->target, refresh->ds, &refresh->rules);
    }
    return 0;
}

static void begin(struct refresh *refresh, const struct config *config, const char *name)
{
    memset(refresh, 0, sizeof(*refresh));
    inventory_init(&refresh->inv);
    refresh->ds = inventory_get(&refresh->inv, name);
    refresh->rules = config_rules_for(config, name);
}

/* Builds the plan for the target, and validates it. */
static int make_plan(struct refresh *refresh, struct err *e)
{
    plan_build(&refresh->plan, refresh->ds, &refresh->target);
    if (plan_check_strangers(&refresh->plan, refresh->ds, &refresh->target,
                             &refresh->target.error) != 0)
        refresh->plan.n = 0;
    return plan_validate(&refresh->plan, refresh->ds, &refresh->target, &refresh->rules, e);
}

int refresh_dataset(struct refresh *refresh, struct loop *loop, const struct config *config,
                    const struct sites *sites, const char *name, struct err *e)
{
    begin(refresh, config, name);
    int64_t stall_ms = config->stall_timeout * 1000;
    for (int side = 0; side < SIDE_COUNT; side++) {
        if (side == SIDE_REMOTE && !refresh->rules.has_remote)
            continue;
        if (list_side(refresh, loop, &sites->side[side], stall_ms, e) != 0)
            return err_wrap(e, "cannot list the %s side", side_name((enum side)side));
    }
    inventory_sort(&refresh->inv);
    target_build(&refresh->target, refresh->ds, &refresh->rules);
    refresh->planned = true;
    if (spare_held_and_cloned(refresh, loop, sites, stall_ms, e) != 0)
        return err_wrap(e, "cannot read holds and clones");
    return make_plan(refresh, e);
}

/* I8: `listed` is left out, because this process did not list anything: the validator then refuses
 * every deletion. */
static void copy_side(struct refresh *refresh, enum side side, const struct holding *from)
{
    struct holding *to = &refresh->ds->side[side];
    to->exists = from->exists;
    to->type = from->type;
    to->encrypted = from->encrypted;
    to->space = from->space;
    for (size_t i = 0; i < from->snapshots.n; i++)
        inventory_add_snapshot(&refresh->inv, refresh->ds, side, &from->snapshots.v[i]);
    for (size_t i = 0; i < from->bookmarks.n; i++)
        inventory_add_bookmark(&refresh->inv, refresh->ds, side, &from->bookmarks.v[i]);
}

/* Whether there are transfers to be made, and nothing else at all. */
static bool has_only_transfers(const struct refresh *refresh)
{
    const struct dataset *ds = refresh->ds;
    return ds->side[SIDE_LOCAL].exists && refresh->target.error.code == ERR_NONE &&
           refresh->plan.n > 0 && plan_count_transfers(&refresh->plan) == refresh->plan.n &&
           target_missing_bookmark(&refresh->target, ds) == TARGET_NONE &&
           target_old_bookmark(&refresh->target, ds, 0) == TARGET_NONE;
}

bool refresh_reuse(struct refresh *refresh, const struct config *config,
                   const struct dataset *listed)
{
    struct err ignored = ERR_INIT; /* a listing of our own then says it */
    begin(refresh, config, listed->name);
    if (listed->side[SIDE_REMOTE].token == NULL) {
        for (int side = 0; side < SIDE_COUNT; side++)
            copy_side(refresh, (enum side)side, &listed->side[side]);
        inventory_sort(&refresh->inv);
        target_build(&refresh->target, refresh->ds, &refresh->rules);
        refresh->planned = true;
        refresh->reused = make_plan(refresh, &ignored) == 0 && has_only_transfers(refresh);
    }
    if (!refresh->reused)
        refresh_fini(refresh);
    return refresh->planned;
}

void refresh_fini(struct refresh *refresh)
{
    if (refresh->planned) {
        target_fini(&refresh->target);
        plan_fini(&refresh->plan);
    }
    inventory_fini(&refresh->inv);
    memset(refresh, 0, sizeof(*refresh));
}
