#include "last_look.h"

#include <stdlib.h>

#include "clock.h"
#include "command.h"
#include "job.h"
#include "mem.h"

/* Snapshots, and datasets, before the loop has another turn: some 5 ms. */
#define SETTLE_PORTION 20000

struct last_look {
    struct last_look_spec spec;
    struct inventory inv;
    struct listing_job *listing; /* NULL: it does not run */
    struct loop_timer *next;
    size_t settled; /* of the inventory */
    int64_t listed_ms;
    bool is_stopped;
};

static void end(void *arg)
{
    struct last_look *look = arg;
    look->next = NULL;
    look->spec.on_done(look->spec.arg);
}

/* Goes on from the loop, never from inside a callback. */
static void go_on(struct last_look *look, int64_t ms, loop_timer_fn *fn)
{
    look->next = loop_add_timer(look->spec.loop, ms, fn, look);
}

/* A turn's worth. */
static void settle_some(void *arg)
{
    struct last_look *look = arg;
    const struct inventory *inv = &look->inv;
    for (size_t done = 0; look->settled < inv->n && done < SETTLE_PORTION; done++) {
        const struct dataset *ds = inv->v[look->settled++];
        size_t count = 0;
        const struct row_table *rows = look->spec.rows(look->spec.arg, ds->name, &count);
        if (rows == NULL)
            continue;
        quiet_settle(look->spec.quiet, ds, rows, count, look->listed_ms);
        done += rows->n;
    }
    go_on(look, 0, look->settled < inv->n ? settle_some : end);
}

static void handle_listing(void *arg, const struct err *e)
{
    struct last_look *look = arg;
    look->listing = NULL;
    look->listed_ms = clock_monotonic_ms();
    if (e == NULL)
        quiet_doubt_the_future(&look->inv, SIDE_REMOTE, clock_now());
    go_on(look, 0, e == NULL && !look->is_stopped ? settle_some : end);
}

static void begin(void *arg)
{
    struct last_look *look = arg;
    const struct site *site = &look->spec.sites->side[SIDE_REMOTE];
    struct err ignored = ERR_INIT;
    struct argv argv;
    argv_init(&argv);
    look->next = NULL;
    command_list_changes(&argv, site->root);
    look->listing =
        listing_job_start(look->spec.loop, site, &argv, LISTING_CHANGES, &look->inv,
                          look->spec.config->stall_timeout * 1000, handle_listing, look, &ignored);
    if (look->listing == NULL)
        go_on(look, 0, end);
}

struct last_look *last_look_start(const struct last_look_spec *spec)
{
    struct last_look *look = mem_zalloc(1, sizeof(*look));
    look->spec = *spec;
    inventory_init(&look->inv);
    go_on(look, LAST_LOOK_MS, begin);
    return look;
}

void last_look_stop(struct last_look *look)
{
    if (look == NULL || look->is_stopped)
        return;
    look->is_stopped = true;
    if (look->listing != NULL) {
        listing_job_cancel(look->listing);
        return;
    }
    loop_remove_timer(look->next);
    go_on(look, 0, end);
}

void last_look_free(struct last_look *look)
{
    if (look == NULL)
        return;
    loop_remove_timer(look->next);
    inventory_fini(&look->inv);
    free(look);
}
