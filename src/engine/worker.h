/*
 * A worker: one dataset, from a listing to the last step, in plain code that may wait. It is a fork
 * of the engine and tells it everything as events, one JSON object a line.
 *
 * Where the cycle's own listing is young and there is nothing to do but transfers, it plans from
 * that. What has changed since then makes a transfer fail, because zfs takes an increment only onto
 * its base; the dataset is then listed and planned anew, once, in the same cycle.
 */
#ifndef BACKUPD_ENGINE_WORKER_H
#define BACKUPD_ENGINE_WORKER_H

#include "compression.h"
#include "config.h"
#include "inventory.h"
#include "limiter.h"
#include "sites.h"

/* A listing that began this long ago is not planned from any more. */
#define LISTING_FRESH_MS 60000

struct worker_task {
    const struct config *config;
    const struct sites *sites;
    struct limiter *limiter;         /* of all transfers together; NULL: none */
    struct compression *compression; /* what is known of zstd; NULL: no stream is compressed */
    const char *name;                /* of the dataset, below the roots */
    const struct dataset *listed;    /* what the cycle found of it; NULL: nothing */
    int64_t listed_ms;               /* monotonic: since when that is known to be so */
    uint64_t cycle;
    bool after_convoy;    /* one took it along, and what that sent may arrive still */
    bool ancestor_failed; /* in this cycle, so that the remote may lack it */
    bool dryrun;          /* runs every listing and no command that changes anything */
};

/* Runs `arg`, a struct worker_task, and writes events to `fd`. A proc_fork_fn. */
int worker_main(void *arg, int fd);

#endif
