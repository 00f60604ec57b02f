/*
 * A transfer: `zfs send` here, `zfs receive` there, joined by a kernel pipe, which is as large as the
 * kernel allows. No byte of the stream passes through backupd; where there is a limit, a relay stands
 * in between.
 */
#ifndef BACKUPD_ZFS_TRANSFER_H
#define BACKUPD_ZFS_TRANSFER_H

#include "argv.h"
#include "limiter.h"
#include "loop.h"
#include "site.h"

/* From this estimated size on a transfer has a connection of its own, in bytes. */
#define TRANSFER_BIG (64 * 1024 * 1024)

/* Bytes so far, and the estimate of all (0: not known). */
typedef void transfer_progress_fn(void *arg, uint64_t bytes, uint64_t total);

/* The receiving side over a connection that later transfers can use as well, or NULL. It may wait. */
typedef const struct site *transfer_site_fn(void *arg);

struct transfer {
    const struct site *from, *to;
    struct argv *send;    /* consumed */
    struct argv *receive; /* consumed */
    /* NULL: none. One that has no limit as the transfer begins counts as none for all of it. */
    struct limiter *limiter;
    int64_t stall_ms; /* the longest time in which not one byte more was sent */
    transfer_progress_fn *on_progress;
    void *arg;                  /* of both functions */
    transfer_site_fn *big_site; /* NULL, or asked where a big stream is to go */
    const bool *stop;           /* becomes true where the transfer is to end early */
};

/*
 * Runs it to its end, waiting. `*ret_bytes` is what went over as far as zfs told, also where it
 * fails. Returns 0, or -1 and `e`: of the two ends, the failure that caused the other.
 */
int transfer_run(struct loop *loop, struct transfer *transfer, uint64_t *ret_bytes, struct err *e);

#endif
