/*
 * A convoy: a worker for datasets that have nothing but small increments to send, several of them
 * together, which go over one command on the other machine (chain.h). With one new snapshot in each
 * of many datasets, or many in one of them, an ssh and its round trips for each would be most of the
 * work.
 *
 * It is a short cut and answers for nothing. Whatever goes wrong ends it, with status 0, and what it
 * did not finish the crew gives to workers of its own, which list anew what had begun, say what is
 * wrong, and do all that a convoy does not: wait, roll back, resume.
 */
#ifndef BACKUPD_ENGINE_CONVOY_H
#define BACKUPD_ENGINE_CONVOY_H

#include "chain.h"
#include "config.h"
#include "inventory.h"
#include "plan.h"
#include "sites.h"

/* Bytes that a dataset in a convoy has to send, as far as is known, and all of them together: who
 * comes behind the others does not wait long. What is known can be wrong by far, as of snapshots that
 * are gone nobody knows what they had: so an increment that is found to be larger than this breaks
 * the convoy. */
#define CONVOY_DATASET_BYTES   (4 * 1024 * 1024)
#define CONVOY_BYTES           (32 * 1024 * 1024)
#define CONVOY_INCREMENT_BYTES (16 * 1024 * 1024)

/* How long nothing may get on in a convoy, where stall_timeout is not shorter: others wait behind, and
 * one that is only slow is done on its own. What ssh and the sockets hold may take a while. */
#define CONVOY_PATIENCE_MS 120000

/* After so many cycles in a row whose convoys arrived with nothing there are none for so long: a login
 * shell there may let only what it knows pass. */
#define CONVOY_BREAKS  3
#define CONVOY_REST_MS (24 * 3600 * 1000LL)

/* What is known of convoys. Zeroed: nothing. */
struct convoys {
    unsigned broken;    /* so many cycles in a row in which nothing arrived by one */
    int64_t rest_until; /* monotonic, ms */
};

/* Whether there may be convoys now. */
bool convoys_may(const struct convoys *convoys, int64_t now_ms);

/* Of a cycle, by its convoys, any dataset has arrived, or first of all none has. True: there are none
 * for a while now. */
bool convoys_note(struct convoys *convoys, bool any_arrived, int64_t now_ms);

/* Whether all that a plan does is for a convoy, `bytes` being what it has to send. The number of its
 * increments is that of its steps. */
bool convoy_takes(const struct plan *plan, uint64_t bytes);

struct convoy_task {
    const struct config *config;
    const struct sites *sites;
    const struct dataset *listed[CHAIN_MAX]; /* of the cycle's listing; its plan is for a convoy */
    size_t n; /* all of their increments together: CHAIN_MAX at most */
    uint64_t cycle;
};

/* Runs `arg`, a struct convoy_task, and writes events to `fd`. Of each dataset: that it has started, its
 * steps one after the other, and, where all of them succeeded or backupd is stopping, that it has
 * finished. Those of several mingle. A proc_fork_fn. */
int convoy_main(void *arg, int fd);

#endif
