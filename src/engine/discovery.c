#include "discovery.h"

#include <stdlib.h>

#include "clock.h"
#include "command.h"
#include "job.h"
#include "mem.h"

/* Of so many datasets at the most, one in so many, snapshots are listed by name; else of all. */
#define NAMED_SHARE 4

/* Datasets, and snapshots that are recalled, before the loop has another turn: some 5 ms. */
#define LOOK_PORTION 10000

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
    unsigned awaited;         /* listings that say what is known; the others follow */
    bool
        is_late[SIDE_COUNT]; /* its snapshots are listed after that, as far as they are not known */
    bool is_asking[SIDE_COUNT]; /* its datasets are listed with what changed */
    size_t known_of; /* datasets, of which it has been looked at whether they are known */
    size_t all[SIDE_COUNT], loud[SIDE_COUNT]; /* of them; and those whose snapshots are not known */
    bool has_skipped;                         /* some are known */
    bool is_named[SIDE_COUNT];                /* some were listed by name */
    bool is_torn[SIDE_COUNT];                 /* and one of them was gone */
    bool connecting, stopping;
    struct err error; /* the first */
    struct loop_timer *next;
    struct loop_timer *looking; /* the next datasets are looked at */
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

/* Finds out what need not be listed of `ds`. Returns what that cost, in snapshots. */
static size_t look_at(struct discovery *discovery, struct dataset *ds, int64_t now)
{
    const struct discovery_spec *spec = &discovery->spec;
    bool is_local_listed = !discovery->is_late[SIDE_LOCAL];
    bool is_quiet = quiet_find(spec->quiet, ds, is_local_listed, now) != NULL;
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct holding *holding = &ds->side[side];
        if (!holding->exists || !discovery->is_late[side])
            continue;
        holding->skipped = is_quiet;
        discovery->all[side]++;
        discovery->loud[side] += is_quiet ? 0 : 1;
    }
    if (is_quiet || !ds->side[SIDE_REMOTE].exists)
        return 1;
    const struct row_table *rows = spec->rows == NULL ? NULL : spec->rows(spec->rows_arg, ds->name);
    if (quiet_recall(spec->quiet, spec->inv, ds, rows, now))
        discovery->loud[SIDE_REMOTE]--;
    return 1 + (rows == NULL ? 0 : rows->n);
}

/* All of a side is listed. */
static void know_nothing(struct discovery *discovery, enum side side)
{
    for (size_t i = 0; i < discovery->spec.inv->n; i++) {
        struct holding *holding = &discovery->spec.inv->v[i]->side[side];
        holding->skipped = false;
        if (holding->recalled)
            holding_clear_snapshots(holding);
    }
    discovery->loud[side] = discovery->all[side];
}

/* Lists the snapshots of a side as far as they are not known. */
static void list_the_rest(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    if (!discovery->is_late[side] || discovery->loud[side] == 0)
        return;
    struct argv argv;
    argv_init(&argv);
    discovery->is_named[side] = discovery->loud[side] * NAMED_SHARE <= discovery->all[side] &&
                                command_list_some_names(&argv, root, discovery->spec.inv, side);
    if (!discovery->is_named[side]) {
        argv_fini(&argv);
        argv_init(&argv);
        know_nothing(discovery, side);
        command_list_names(&argv, root);
    }
    start_listing(discovery, side, WHAT_SNAPSHOTS, LISTING_NAMES, &argv, handle_listing);
}

/* The remote first: where all of it is listed, nothing is quiet, and all of local is, too. */
static void list_what_is_not_known(struct discovery *discovery)
{
    list_the_rest(discovery, SIDE_REMOTE);
    discovery->has_skipped = discovery->loud[SIDE_REMOTE] < discovery->all[SIDE_REMOTE];
    if (!discovery->has_skipped && discovery->is_late[SIDE_LOCAL])
        know_nothing(discovery, SIDE_LOCAL);
    list_the_rest(discovery, SIDE_LOCAL);
}

/* Finds out what is known, a turn's worth. */
static void look_back(void *arg)
{
    struct discovery *discovery = arg;
    const struct inventory *inv = discovery->spec.inv;
    int64_t now = clock_monotonic_ms();
    discovery->looking = NULL;
    for (size_t done = 0; discovery->known_of < inv->n && done < LOOK_PORTION;)
        done += look_at(discovery, inv->v[discovery->known_of++], now);
    if (discovery->known_of < inv->n) {
        discovery->looking = loop_add_timer(discovery->spec.loop, 0, look_back, discovery);
        return;
    }
    if (discovery->error.code == ERR_NONE)
        list_what_is_not_known(discovery);
    settle(discovery);
}

/* One of the listings that say what is known is complete. */
static void count_down(struct discovery *discovery)
{
    if (discovery->awaited == 0)
        return;
    discovery->awaited--;
    if (discovery->awaited == 0 && discovery->error.code == ERR_NONE && !discovery->stopping) {
        discovery->pending++;
        look_back(discovery);
    }
}

/* Whether to ask what changed on a side. That of local alone tells nothing. */
static bool may_ask(const struct discovery *discovery, enum side side)
{
    const struct quiet *quiet = discovery->spec.quiet;
    int64_t now = clock_monotonic_ms();
    return quiet != NULL && config_has_remote(discovery->spec.config) &&
           quiet_may_ask(quiet, SIDE_REMOTE, now) && quiet_may_ask(quiet, side, now);
}

/* With what changed, where the side can be asked for that. */
static void list_datasets(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    struct argv argv;
    argv_init(&argv);
    discovery->is_asking[side] = may_ask(discovery, side);
    if (discovery->is_asking[side])
        command_list_changes(&argv, root);
    else
        command_list_datasets(&argv, root, true);
    start_listing(discovery, side, WHAT_DATASETS,
                  discovery->is_asking[side] ? LISTING_CHANGES : LISTING_DATASETS, &argv,
                  handle_listing);
}

/* Whether an error can be that of a zfs that does not know the columns, or of somebody there who lets
 * only what he knows pass. */
static bool can_be_refusal(enum err_code code)
{
    return code >= ERR_ZFS && code < ERR_SSH && code != ERR_POOL_SUSPENDED &&
           !err_code_is_missing(code);
}

/* The zfs of a side may not know the columns: then it is asked without them. What else may be wrong
 * is said again. */
static bool ask_without(struct discovery *discovery, const struct look *look, const struct err *e)
{
    enum side side = look->side;
    if (look != &discovery->looks[side][WHAT_DATASETS] || !discovery->is_asking[side] ||
        !can_be_refusal(e->code) || discovery->stopping)
        return false;
    quiet_note_refusal(discovery->spec.quiet, side, clock_monotonic_ms());
    list_datasets(discovery, side);
    return true;
}

/* Whether it is the listing by name: where one of its datasets is gone, what there is of the others
 * is not certain. */
static bool is_named_listing(const struct discovery *discovery, const struct look *look)
{
    return discovery->is_named[look->side] && look == &discovery->looks[look->side][WHAT_SNAPSHOTS];
}

static void handle_listing(void *arg, const struct err *e)
{
    struct look *look = arg;
    struct discovery *discovery = look->discovery;
    enum side side = look->side;
    look->listing = NULL;
    if (e != NULL && e->code == ERR_DATASET_MISSING && is_named_listing(discovery, look)) {
        discovery->is_torn[side] = true;
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
    } else if (look == &discovery->looks[side][WHAT_DATASETS]) {
        quiet_doubt_the_future(discovery->spec.inv, side, clock_now());
    }
    count_down(discovery);
    settle(discovery);
}

static void list_side(struct discovery *discovery, enum side side)
{
    struct dsname root = discovery->spec.sites->side[side].root;
    bool names_only = discovery->names_only;
    list_datasets(discovery, side);
    if (discovery->is_late[side])
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

/* Whether snapshots are listed at once, or after what says of which datasets. */
static void decide_to_wait(struct discovery *discovery)
{
    const struct discovery_spec *spec = &discovery->spec;
    if (spec->quiet == NULL)
        return;
    quiet_note_clock(spec->quiet, clock_ahead_ms());
    /* Over another connection: who knows what was done to the pool meanwhile. */
    if (spec->connection != NULL && !connection_is_up(spec->connection))
        quiet_forget(spec->quiet);
    else if (spec->connection != NULL)
        quiet_note_connection(spec->quiet, connection_number(spec->connection));
    if (!config_has_remote(spec->config) || !discovery->names_only ||
        !quiet_is_likely(spec->quiet, clock_monotonic_ms()))
        return;
    /* The datasets of both sides, and the snapshots of local where that cannot say what changed. */
    discovery->is_late[SIDE_REMOTE] = true;
    discovery->is_late[SIDE_LOCAL] = may_ask(discovery, SIDE_LOCAL);
    discovery->awaited = discovery->is_late[SIDE_LOCAL] ? 2 : 3;
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
    if (discovery->looking != NULL) {
        loop_remove_timer(discovery->looking);
        discovery->looking = NULL;
        settle(discovery);
    }
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
    loop_remove_timer(discovery->looking);
    free(discovery);
}

bool discovery_has_skipped(const struct discovery *discovery)
{
    return discovery->has_skipped;
}

bool discovery_is_unsure(const struct discovery *discovery, const struct dataset *ds)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct holding *holding = &ds->side[side];
        if (discovery->is_torn[side] && holding->exists && !holding->skipped && !holding->recalled)
            return true;
    }
    return false;
}
