/*
 * A transfer: `zfs send` here, `zfs receive` there, joined by a kernel pipe, which is as large as the
 * kernel allows. No byte of the stream passes through backupd; where there is a limit, a relay stands
 * in between, and where the stream is compressed, a zstd at either end of ssh:
 *
 *     zfs send | zstd -c | relay | ssh HOST 'zstd -dc | zfs receive'
 *
 * Part of a stream never passes for all of it, whatever of this dies, and whichever status a login
 * shell makes of two. zfs receive succeeds only after the record that ends a stream, and checks the
 * stream's own checksum up to each record. Where the sender dies, zstd ends its frame as if nothing
 * were missing, but that record is; where a zstd or ssh dies, or the wire garbles, what comes out at
 * the far end stops short of it or is not what was sent. So nothing rests on zstd's own checksum,
 * nor on what it says at the far end. Each process here must have succeeded besides: where the last
 * bytes of zstd's frame are lost and the stream was whole, that is an error with the snapshot in its
 * place, which the next listing finds. What was received stays resumable (receive -s) either way.
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

/*
 * Whether to compress the stream, whose size was estimated as `total` bytes (0: not known). Called
 * once at most, where `to` is behind ssh and before anything is received; it may wait, and run
 * commands on the same loop.
 */
typedef bool transfer_compress_fn(void *arg, uint64_t total);

struct transfer {
    const struct site *from, *to;
    struct argv *send;    /* consumed */
    struct argv *receive; /* consumed */
    /* NULL: none. One that has no limit as the transfer begins counts as none for all of it. */
    struct limiter *limiter;
    int64_t stall_ms;                  /* the longest time in which not one byte more was sent */
    transfer_progress_fn *on_progress; /* of the stream as it is sent, before it is compressed */
    transfer_compress_fn *compresses;  /* NULL: it is not */
    transfer_site_fn *big_site;        /* NULL, or asked where a big stream is to go */
    void *arg;                         /* of all three */
    const bool *stop;                  /* becomes true where the transfer is to end early */
};

/*
 * Runs it to its end, waiting. `*ret_bytes` is what went over as far as zfs told, also where it
 * fails. Returns 0, or -1 and `e`: of the two ends, the failure that caused the other.
 */
int transfer_run(struct loop *loop, struct transfer *transfer, uint64_t *ret_bytes, struct err *e);

#endif
