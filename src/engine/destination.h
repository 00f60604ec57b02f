/* Making the remote ready for a full receive, without ever destroying anything of anybody's. */
#ifndef BACKUPD_ENGINE_DESTINATION_H
#define BACKUPD_ENGINE_DESTINATION_H

#include "loop.h"
#include "site.h"

/* What stands where a full stream is to go. */
struct destination {
    bool exists;
    bool placeholder; /* made by us, or adopted: the only thing that may be overwritten */
    bool volume;
    bool mounted;
    char mountpoint[1024];
    uint64_t referenced; /* bytes that it holds itself, without its children */
};

/* An empty filesystem refers to some 24 to 220 KiB, by the pool's layout. What refers to more than
 * this holds data, whatever its mark says. */
#define DESTINATION_EMPTY_MAX (1024 * 1024)

/* Looks at `ds`. A dataset that is not there is no error. */
int destination_look(struct loop *loop, const struct site *site, struct dsname ds, int64_t stall_ms,
                     struct destination *ret, struct err *e);

/* Fails, with ERR_BUSY, where the parent of `ds` is not there. A pool has none. */
int destination_check_parent(struct loop *loop, const struct site *site, struct dsname ds,
                             int64_t stall_ms, struct err *e);

/* Makes placeholders for the missing ancestors of `ds`, from the top. */
int destination_make_parents(struct loop *loop, const struct site *site, struct dsname ds,
                             int64_t stall_ms, struct err *e);

/*
 * Makes `ds`, which was listed without a snapshot if it `exists`, ready for a full stream of an
 * `encrypted` dataset or a `volume`. `*ret_overwrites` says whether the receive must go over a
 * placeholder. Fails with ERR_NOT_ADOPTED where something stands there that we did not make.
 */
int destination_prepare(struct loop *loop, const struct site *site, struct dsname ds, bool exists,
                        bool encrypted, bool volume, int64_t stall_ms, bool *ret_overwrites,
                        struct err *e);

#endif
