/*
 * A chain: many small increments over one command on the other machine. One ssh brings the streams
 * of as many `zfs send`, one after the other in the same kernel pipe, to
 *
 *     zfs receive A && echo 1 && zfs receive B && echo 2 ...
 *
 * What it saves is an ssh, a session of sshd and their round trips for each increment. Sending goes
 * ahead of receiving by what the pipe, ssh and the sockets hold.
 *
 * Why no stream can get into the wrong dataset: zfs receive reads its stream to the record that ends
 * it and not a byte more, which is how it finds the streams of a package (send -R) one behind the
 * other, too, and it succeeds only then; the shell goes on only after a success. And were it
 * otherwise: an increment is taken only by a dataset whose newest snapshot has the guid that it starts
 * from. Streams of anything else are not for a chain.
 *
 * What is wrong with a chain breaks all of what is left of it, and nobody is told more than that it
 * broke: whose fault it was shows when each is done by itself. What was received of a stream stays
 * resumable, as with any transfer.
 */
#ifndef BACKUPD_ZFS_CHAIN_H
#define BACKUPD_ZFS_CHAIN_H

#include "argv.h"
#include "loop.h"
#include "site.h"

/* The most increments of a chain: a login shell and ssh take a line of so many receives. */
#define CHAIN_MAX 32

/* Increment `i` begins to be sent. None of these may wait. */
typedef void chain_begun_fn(void *arg, size_t i);

/* Bytes of increment `i` that were sent so far, and the estimate of all (0: not known). */
typedef void chain_progress_fn(void *arg, size_t i, uint64_t bytes, uint64_t total);

/* Increment `i`, of `bytes` bytes as far as zfs told, was sent and received whole. In the order of the
 * chain. */
typedef void chain_arrived_fn(void *arg, size_t i, uint64_t bytes);

struct chain {
    const struct site *from, *to; /* `to` is behind ssh */
    struct argv *sends;           /* consumed, with their array's contents: `n` increments */
    struct argv *receives;        /* likewise */
    size_t n;                     /* from 1 to CHAIN_MAX */
    uint64_t most;                /* bytes of one increment: a larger one breaks it */
    int64_t stall_ms;             /* the longest time in which nothing got on */
    chain_begun_fn *on_begun;
    chain_progress_fn *on_progress;
    chain_arrived_fn *on_arrived;
    void *arg;
    const bool *stop; /* becomes true where it is to end early */
};

/*
 * Runs it to its end, waiting. Returns 0 where all arrived; or -1 and `e`, and those that arrived are
 * the ones that on_arrived was called for.
 */
int chain_run(struct loop *loop, struct chain *chain, struct err *e);

#endif
