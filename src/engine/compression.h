/*
 * Which streams go through zstd on their way. Compression on the wire saves the wire's time, and costs
 * the processor's at both ends; a stream is worth it where all of these hold:
 *
 * - `compress` is configured. What is faster, the wire or the processor, nobody measures: a wire of
 *   10 Gbit/s outruns zstd, and only whoever has it knows.
 * - It goes over ssh. To a pool of this machine there is no wire.
 * - It is estimated at COMPRESSION_MIN or more. What is smaller rides on the shared connection, is
 *   over within seconds on any wire, and would pay for asking with a good part of that.
 * - The dataset is not encrypted: a raw stream of it looks like noise.
 * - Its `compression` is off. Streams are raw, so blocks that zfs compressed are sent as they are,
 *   and zstd finds little in them. An increment has the blocks that were written last, so its
 *   property decides; a full stream has old ones, too, and where compression was turned off only
 *   later, refcompressratio tells: it is at most COMPRESSION_RATIO_MAX where most are as they were
 *   written.
 * - There is a zstd on both machines.
 *
 * Whether the data itself can be compressed is not asked: at level 1 zstd passes what it finds
 * incompressible on at several times its usual speed.
 */
#ifndef BACKUPD_ENGINE_COMPRESSION_H
#define BACKUPD_ENGINE_COMPRESSION_H

#include "loop.h"
#include "report.h"
#include "sites.h"
#include "transfer.h"

/* In bytes; and hundredths. */
#define COMPRESSION_MIN       TRANSFER_BIG
#define COMPRESSION_RATIO_MAX 110

/*
 * What is known of zstd on the two machines. It is in memory that all have that were forked after it
 * was made, so that a worker that found out has done so for all. Nobody ever holds it, so whoever is
 * killed leaves nothing behind; who asks while nobody knows yet asks for himself.
 */
struct compression;

/* Makes one that knows nothing. */
struct compression *compression_new(void);

/* For this process alone: the others keep theirs. NULL is fine. */
void compression_free(struct compression *compression);

/* Forgets everything: who comes next finds out anew, and says once what is missing. */
void compression_forget(struct compression *compression);

/* Forgets that zstd is there, where it was: a compressed transfer failed, and that may be why. */
void compression_doubt(struct compression *compression);

/* A stream that could be compressed. */
struct compression_wish {
    struct compression *compression; /* NULL: nothing is */
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    const struct report *report;
    struct dsname ds; /* full local name */
    bool encrypted;   /* `ds` is */
    bool full;        /* it is no increment */
    uint64_t bytes;   /* the estimate */
};

/*
 * Whether to compress it. Runs at most a `zfs get`, and one `zstd --version` on either machine where
 * nobody did so before; that zstd does not run on one of them is told once. What cannot be found out
 * is no. For workers: waits.
 */
bool compression_pays(const struct compression_wish *wish);

/*
 * Reads what command_get_compression prints: whether a stream of that dataset, `full` or not, is
 * mostly of blocks that are not compressed.
 */
bool compression_is_off(const char *properties, bool full);

#endif
