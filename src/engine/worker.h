/*
 * A worker: one dataset, from a fresh listing to the last step, in plain code that may wait. It is
 * a fork of the engine and tells it everything as events, one JSON object a line.
 */
#ifndef BACKUPD_ENGINE_WORKER_H
#define BACKUPD_ENGINE_WORKER_H

#include "config.h"
#include "sites.h"

struct worker_task {
    const struct config *config;
    const struct sites *sites;
    const char *name; /* of the dataset, below the roots */
    uint64_t cycle;
    bool ancestor_failed; /* in this cycle, so that the remote may lack it */
    bool dryrun;          /* runs every listing and no command that changes anything */
};

/* Runs `arg`, a struct worker_task, and writes events to `fd`. A proc_fork_fn. */
int worker_main(void *arg, int fd);

#endif
