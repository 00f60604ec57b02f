#include "discovery.h"

#include <stdlib.h>

#include "command.h"
#include "job.h"
#include "mem.h"

/* The most commands that fetch facts by name: beyond them, one listing of all is cheaper. */
#define FACTS_JOBS_MAX 4

enum what {
    WHAT_DATASETS,
    WHAT_SNAPSHOTS,
    WHAT_FACTS, /* and the FACTS_JOBS_MAX - 1 after it */
    WHAT_COUNT = WHAT_FACTS + FACTS_JOBS_MAX
};

/* One listing of a side, or the look at its pool. */
struct look {
    struct discovery *discovery;
    enum side side;
    bool is_of_all;              /* of facts: not by name */
    struct listing_job *listing; /* NULL: not running */
    struct job *job;             /* the same for the look at the pool */
};

struct discovery {
    struct discovery_spec spec;
    struct look looks[SIDE_COUNT][WHAT_COUNT];
    struct look pool[SIDE_COUNT];
    bool missing[SIDE_COUNT]; /* its root does not exist */
    unsigned pending;         /* what runs, and a connection being made */
    bool names_only;          /* something is known by guid */
    bool connecting, stopping;
    struct err error; /* the first */
    struct loop_timer *next;
};

void discovery_describe_side(const struct sites *sites, enum side side, struct err *e)
{
    const struct site *site = &sites->side[side];
    err_wrap(e, "the %s side (%s%s%s)", side_name(side), site_host(site),
             site->ssh == NULL ? "" : ":", site->root.s);
}

static void fail(struct discovery *discovery, enum side side, const struct err *e)
{
    if (discovery->error.code != ERR_NONE)
        return;
    discovery->error = *e;
    discovery_describe_side(discovery->spec.sites, side, &discovery->error);
}

static void end(void *arg)
{
    struct discovery *discovery = arg;
    discovery->next = NULL;
    const struct err *e = discovery->error.code == ERR_NONE ? NULL : &discovery->error;
    discovery->spec.on_done(discovery->spec.arg, e);
}

/* One thing less to wait for. Goes on from the loop, never from inside a callback. */
static void settle(struct discovery *discovery)
{
    discovery->pending--;
    if (discovery->pending == 0)
        discovery->next = loop_add_timer(discovery->spec.loop, 0, end, discovery);
}

/* ---- a root that is missing ---- */

static void handle_pool(void *arg, const struct err *e)
{
    struct look *look = arg;
    struct discovery *discovery = look->discovery;
    const struct site *site = &discovery->spec.sites->side[look->side];
    struct err error = ERR_INIT;
    look->job = NULL;
    if (e != NULL && e->code != ERR_DATASET_MISSING && e->code != ERR_POOL_MISSING)
        error = *e;
    else if (e != NULL)
        site_pool_missing(site, &error);
    else if (look->side == SIDE_LOCAL)
        err_set(&error, ERR_DATASET_MISSING, "there is no dataset %s: see root under [local]",
                site->root.s);
    if (error.code != ERR_NONE)
        fail(discovery, look->side, &error);
    settle(discovery);
}

/* An exported pool must not look like an empty one: a root is missing only where its pool is
 * there. */
static void look_at_pool(struct discovery *discovery, enum side side)
{
    struct look *look = &discovery->pool[side];
    const struct site *site = &discovery->spec.sites->side[side];
    struct dsbuf buf;
    struct argv argv;
    argv_init(&argv);
    command_exists(&argv, site_pool(site, &buf));
    struct job_spec spec = {.site = site,
                            .command = &argv,
                            .on_done = handle_pool,
                            .arg = look,
                            .stall_ms = discovery->spec.config->stall_timeout * 1000};
    struct err e = ERR_INIT;
    *look = (struct look){.discovery = discovery, .side = side};
    look->job = job_start(discovery->spec.loop, &spec, &e);
    if (look->job == NULL)
        fail(discovery, side, &e);
    else
        discovery->pending++;
}

/* ---- listings ---- */

static void start_listing(struct discovery *discovery, enum side side, int what,
                          enum listing_kind kind, struct argv *argv, job_done_fn *on_done)
{
    struct look *look = &discovery->looks[side][what];
    struct err e = ERR_INIT;
    *look = (struct look){.discovery = discovery, .side = side};
    look->listing = listing_job_start(
        discovery->spec.loop, &discovery->spec.sites->side[side], argv, kind, discovery->spec.inv,
        discovery->spec.config->stall_timeout * 1000, on_done, look, &e);
    if (look->listing == NULL)
        fail(discovery, side, &e);
    else
        discovery->pending++;
}

static void handle_facts(void *arg, const struct err *e)
{
    struct look *look = arg;
    struct discovery *discovery = look->discovery;
    look->listing = NULL;
    /* One that is gone by now has no facts, and zfs lists the others all the same. Its dataset is
     * listed anew (cycle.c), and nothing else suffers. Of a bookmark that is gone zfs says "no such
     * pool or dataset"; of a pool that is, nothing has facts. */
    bool is_gone = e != NULL && !look->is_of_all && err_code_is_missing(e->code);
    if (e != NULL && !is_gone)
        fail(discovery, look->side, e);
    inventory_complete(discovery->spec.inv, look->side);
    settle(discovery);
}

/* The commands that name what is bare, or, where they would be too many, one for all. */
static void fetch_facts(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    struct argv argv[FACTS_JOBS_MAX + 1];
    struct command_place at = {.dataset = 0};
    int n = 0;
    for (; n <= FACTS_JOBS_MAX; n++) {
        argv_init(&argv[n]);
        if (!command_list_facts(&argv[n], root, discovery->spec.inv, side, &at))
            break;
    }
    if (n <= FACTS_JOBS_MAX) {
        argv_fini(&argv[n]);
        for (int i = 0; i < n; i++)
            start_listing(discovery, side, WHAT_FACTS + i, LISTING_FACTS, &argv[i], handle_facts);
        return;
    }
    for (int i = 0; i < n; i++)
        argv_fini(&argv[i]);
    argv_init(&argv[0]);
    command_list_all_facts(&argv[0], root);
    start_listing(discovery, side, WHAT_FACTS, LISTING_FACTS, &argv[0], handle_facts);
    discovery->looks[side][WHAT_FACTS].is_of_all = true;
}

static void handle_listing(void *arg, const struct err *e)
{
    struct look *look = arg;
    struct discovery *discovery = look->discovery;
    enum side side = look->side;
    look->listing = NULL;
    if (e != NULL && e->code == ERR_DATASET_MISSING) {
        if (!discovery->missing[side] && !discovery->stopping)
            look_at_pool(discovery, side);
        discovery->missing[side] = true;
    } else if (e != NULL) {
        fail(discovery, side, e);
    } else if (look == &discovery->looks[side][WHAT_SNAPSHOTS] &&
               discovery->spec.inv->bare[side] > 0 && !discovery->stopping) {
        fetch_facts(discovery, side);
    }
    settle(discovery);
}

static void list_side(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    bool names_only = discovery->names_only;
    struct argv argv;
    argv_init(&argv);
    command_list_datasets(&argv, root, true);
    start_listing(discovery, side, WHAT_DATASETS, LISTING_DATASETS, &argv, handle_listing);
    argv_init(&argv);
    if (names_only)
        command_list_names(&argv, root);
    else
        command_list_snapshots(&argv, root, true);
    start_listing(discovery, side, WHAT_SNAPSHOTS, names_only ? LISTING_NAMES : LISTING_SNAPSHOTS,
                  &argv, handle_listing);
}

static void handle_connection(void *arg, const struct err *e)
{
    struct discovery *discovery = arg;
    discovery->connecting = false;
    if (e != NULL)
        fail(discovery, SIDE_REMOTE, e);
    else if (!discovery->stopping)
        list_side(discovery, SIDE_REMOTE);
    settle(discovery);
}

struct discovery *discovery_start(const struct discovery_spec *spec)
{
    struct discovery *discovery = mem_zalloc(1, sizeof(*discovery));
    discovery->spec = *spec;
    discovery->pending = 1; /* held until everything is started */
    if (spec->inv->facts != NULL) {
        discovery->names_only = spec->inv->facts->n > 0;
        facts_begin(spec->inv->facts);
    }
    list_side(discovery, SIDE_LOCAL);
    if (config_has_remote(spec->config) && spec->connection != NULL) {
        discovery->pending++;
        discovery->connecting = true;
        connection_ensure(spec->connection, handle_connection, discovery);
    } else if (config_has_remote(spec->config)) {
        list_side(discovery, SIDE_REMOTE);
    }
    settle(discovery);
    return discovery;
}

void discovery_stop(struct discovery *discovery)
{
    if (discovery->stopping)
        return;
    discovery->stopping = true;
    if (discovery->connecting) {
        connection_cancel(discovery->spec.connection);
        discovery->connecting = false;
        settle(discovery);
    }
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (int what = 0; what < WHAT_COUNT; what++)
            if (discovery->looks[side][what].listing != NULL)
                listing_job_cancel(discovery->looks[side][what].listing);
        if (discovery->pool[side].job != NULL)
            job_cancel(discovery->pool[side].job);
    }
}

void discovery_free(struct discovery *discovery)
{
    if (discovery == NULL)
        return;
    loop_remove_timer(discovery->next);
    free(discovery);
}
