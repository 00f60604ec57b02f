/*
 * One cycle: discover both sides, plan every dataset, run workers for those with work, parents
 * before their children, and report. Nothing in here waits; everything happens from the loop.
 */
#ifndef BACKUPD_ENGINE_CYCLE_H
#define BACKUPD_ENGINE_CYCLE_H

#include "compression.h"
#include "config.h"
#include "connection.h"
#include "convoy.h"
#include "event.h"
#include "facts.h"
#include "limiter.h"
#include "pace.h"
#include "quiet.h"
#include "sites.h"

/* Snapshots of both sides that are planned before the loop has another turn, and the rest of the
 * dataset that they end in: some 10 ms where all of them are told anew. */
#define CYCLE_PORTION 10000

struct cycle;

/* Everything that happens, in order. The last event of a cycle is EVENT_CYCLE_FINISHED; the cycle
 * may be freed after it, but not from within the call. */
typedef void cycle_event_fn(void *arg, const struct event *event);

/* Whether dataset `name` is not to be tried yet, because it failed a short while ago. */
typedef bool cycle_skip_fn(void *arg, const char *name);

/* Whether the last run of dataset `name` failed. */
typedef bool cycle_failed_fn(void *arg, const char *name);

/* What was told last of the snapshots of dataset `name`, or NULL; until the loop has another turn. */
typedef const struct row_table *cycle_rows_fn(void *arg, const char *name);

struct cycle_spec {
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    struct connection *connection;   /* NULL: the remote is not reached through ssh */
    struct limiter *limiter;         /* of all transfers together; NULL: none */
    struct compression *compression; /* what is known of zstd; NULL: no stream is compressed */
    struct pace *pace; /* looked at where parallel is "auto"; NULL: as if nothing was found yet */
    struct convoys *convoys; /* kept from cycle to cycle; NULL: there are none */
    struct facts *facts; /* kept from cycle to cycle; NULL: none are, and all is listed at length */
    struct quiet *quiet; /* kept from cycle to cycle, with facts; NULL: every dataset is listed */
    uint64_t number;
    bool dryrun;
    cycle_event_fn *on_event;
    cycle_skip_fn *skip;
    cycle_failed_fn *failed; /* NULL: none did */
    cycle_rows_fn *rows;     /* NULL: nothing is known */
    void *arg;
};

/* Starts a cycle. What `spec` points to must outlive it. */
struct cycle *cycle_start(const struct cycle_spec *spec);

/* Asks everything that runs to end; what was received so far stays resumable. */
void cycle_stop(struct cycle *cycle);

/* Frees it, and kills what still runs. NULL is fine. */
void cycle_free(struct cycle *cycle);

#endif
