#include "discovery.h"

#include <stdlib.h>

#include "clock.h"
#include "command.h"
#include "job.h"
#include "mem.h"

/* Of so many datasets at the most, one in so many, snapshots are listed by name; else of all. */
#define NAMED_SHARE 4

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
    unsigned awaited;         /* listings that say what is quiet; the remote's snapshots follow */
    bool is_asking;           /* the remote's datasets are listed with what changed */
    bool has_skipped;         /* some are quiet */
    bool is_named, is_torn;   /* some were listed by name; and one of them was gone */
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

/* ---- what is quiet ---- */

static void handle_listing(void *arg, const struct err *e);

/* Marks what need not be listed. Returns how many datasets of the remote are not so. */
static size_t skip_quiet(struct discovery *discovery, size_t *ret_all)
{
    const struct inventory *inv = discovery->spec.inv;
    int64_t now = clock_monotonic_ms();
    size_t loud = 0;
    *ret_all = 0;
    for (size_t i = 0; i < inv->n; i++) {
        struct holding *remote = &inv->v[i]->side[SIDE_REMOTE];
        if (!remote->exists)
            continue;
        remote->skipped = quiet_find(discovery->spec.quiet, inv->v[i], now) != NULL;
        *ret_all += 1;
        loud += remote->skipped ? 0 : 1;
    }
    discovery->has_skipped = loud < *ret_all;
    return loud;
}

static void skip_nothing(struct discovery *discovery)
{
    for (size_t i = 0; i < discovery->spec.inv->n; i++)
        discovery->spec.inv->v[i]->side[SIDE_REMOTE].skipped = false;
    discovery->has_skipped = false;
}

/* Lists the remote's snapshots as far as they are not known. */
static void list_the_rest(struct discovery *discovery)
{
    struct dsname root = discovery->spec.sites->side[SIDE_REMOTE].root;
    size_t all = 0;
    size_t loud = skip_quiet(discovery, &all);
    if (loud == 0)
        return;
    struct argv argv;
    argv_init(&argv);
    discovery->is_named = loud * NAMED_SHARE <= all &&
                          command_list_some_names(&argv, root, discovery->spec.inv, SIDE_REMOTE);
    if (!discovery->is_named) {
        argv_fini(&argv);
        argv_init(&argv);
        skip_nothing(discovery);
        command_list_names(&argv, root);
    }
    start_listing(discovery, SIDE_REMOTE, WHAT_SNAPSHOTS, LISTING_NAMES, &argv, handle_listing);
}

/* One of the listings that say what is quiet is complete. */
static void count_down(struct discovery *discovery)
{
    if (discovery->awaited == 0)
        return;
    discovery->awaited--;
    if (discovery->awaited == 0 && discovery->error.code == ERR_NONE && !discovery->stopping)
        list_the_rest(discovery);
}

/* Those of the remote with what changed, where it can be asked for that. */
static void list_datasets(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    const struct quiet *quiet = discovery->spec.quiet;
    struct argv argv;
    argv_init(&argv);
    if (side == SIDE_REMOTE && quiet != NULL && quiet_may_ask(quiet, clock_monotonic_ms())) {
        discovery->is_asking = true;
        command_list_changes(&argv, root);
        start_listing(discovery, side, WHAT_DATASETS, LISTING_CHANGES, &argv, handle_listing);
        return;
    }
    command_list_datasets(&argv, root, true);
    start_listing(discovery, side, WHAT_DATASETS, LISTING_DATASETS, &argv, handle_listing);
}

/* Whether an error can be that of a zfs that does not know the columns, or of somebody there who lets
 * only what he knows pass. */
static bool can_be_refusal(enum err_code code)
{
    return code >= ERR_ZFS && code < ERR_SSH && code != ERR_POOL_SUSPENDED &&
           !err_code_is_missing(code);
}

/* The remote's zfs may not know the columns: then it is asked without them. What else may be wrong
 * is said again. */
static bool ask_without(struct discovery *discovery, const struct look *look, const struct err *e)
{
    if (look != &discovery->looks[SIDE_REMOTE][WHAT_DATASETS] || !discovery->is_asking ||
        !can_be_refusal(e->code) || discovery->stopping)
        return false;
    discovery->is_asking = false;
    quiet_note_refusal(discovery->spec.quiet, clock_monotonic_ms());
    list_datasets(discovery, SIDE_REMOTE);
    return true;
}

/* Whether it is the listing by name: where one of its datasets is gone, what there is of the others
 * is not certain. */
static bool is_named_listing(const struct discovery *discovery, const struct look *look)
{
    return discovery->is_named && look == &discovery->looks[SIDE_REMOTE][WHAT_SNAPSHOTS];
}

static void handle_listing(void *arg, const struct err *e)
{
    struct look *look = arg;
    struct discovery *discovery = look->discovery;
    enum side side = look->side;
    look->listing = NULL;
    if (e != NULL && e->code == ERR_DATASET_MISSING && is_named_listing(discovery, look)) {
        discovery->is_torn = true;
    } else if (e != NULL && ask_without(discovery, look, e)) {
        settle(discovery);
        return;
    } else if (e != NULL && e->code == ERR_DATASET_MISSING) {
        if (!discovery->missing[side] && !discovery->stopping)
            look_at_pool(discovery, side);
        discovery->missing[side] = true;
    } else if (e != NULL) {
        fail(discovery, side, e);
    } else if (look == &discovery->looks[side][WHAT_SNAPSHOTS] &&
               discovery->spec.inv->bare[side] > 0 && !discovery->stopping) {
        fetch_facts(discovery, side);
    }
    count_down(discovery);
    settle(discovery);
}

static void list_side(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    bool names_only = discovery->names_only;
    list_datasets(discovery, side);
    if (side == SIDE_REMOTE && discovery->awaited > 0)
        return;
    struct argv argv;
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
    if (e == NULL && discovery->spec.quiet != NULL)
        quiet_note_connection(discovery->spec.quiet, connection_number(discovery->spec.connection));
    if (e != NULL)
        fail(discovery, SIDE_REMOTE, e);
    else if (!discovery->stopping)
        list_side(discovery, SIDE_REMOTE);
    settle(discovery);
}

/* Whether the remote's snapshots are listed at once, or after what says which. */
static void decide_to_wait(struct discovery *discovery)
{
    const struct discovery_spec *spec = &discovery->spec;
    if (spec->quiet == NULL)
        return;
    /* Over another connection: who knows what was done to the pool meanwhile. */
    if (spec->connection != NULL && !connection_is_up(spec->connection))
        quiet_forget(spec->quiet);
    else if (spec->connection != NULL)
        quiet_note_connection(spec->quiet, connection_number(spec->connection));
    if (config_has_remote(spec->config) && discovery->names_only &&
        quiet_is_likely(spec->quiet, clock_monotonic_ms()))
        discovery->awaited = 3; /* both listings of local, and the remote's datasets */
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
    decide_to_wait(discovery);
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

bool discovery_has_skipped(const struct discovery *discovery)
{
    return discovery->has_skipped;
}

bool discovery_is_unsure(const struct discovery *discovery, const struct dataset *ds)
{
    const struct holding *remote = &ds->side[SIDE_REMOTE];
    return discovery->is_torn && remote->exists && !remote->skipped;
}
