/*
 * What both sides hold, from as few listings as will do: one of datasets and one of snapshots a
 * side, at any size.
 *
 * Once something is known by guid (facts.h), the listing of snapshots has only the columns that zfs
 * lists fast. The facts of guids that are new are fetched by name, in a few commands at the most,
 * or by one listing of all where many are new. Nothing in here waits; all of it happens from the
 * loop.
 *
 * Snapshots are listed in every cycle, although OpenZFS 2.2 and later say of a dataset when its
 * snapshots last changed (snapshots_changed) and a cycle could ask for that alone. It does not
 * prove that nothing changed (tried on 2.3; part of that is in tests/sim/conformance.sh):
 *
 * - It is a time of the clock of that machine, in whole seconds, and not a count. That one second
 *   may see two changes could be waited out; that the clock is set back and a change falls into the
 *   very second that is known cannot be seen from here, and no other column tells.
 * - `zfs promote` gives a clone the snapshots of its origin and leaves its value as it was, even
 *   "-". Only the origins of the two tell.
 * - On a pool without the feature extensible_dataset it is kept in memory and is "-" again after an
 *   import, whatever changed.
 * - Bookmarks do not change it, and one of ours that somebody destroyed is to be made again.
 * - A version that does not know it changes snapshots and leaves it as it was.
 *
 * What is skipped by mistake is found by nobody, since the next cycle skips it again.
 */
#ifndef BACKUPD_ENGINE_DISCOVERY_H
#define BACKUPD_ENGINE_DISCOVERY_H

#include "config.h"
#include "connection.h"
#include "inventory.h"
#include "loop.h"
#include "sites.h"

struct discovery;

/* Called once, from the loop, when nothing runs any more. `e` is NULL where the inventory is
 * complete; else it says which side failed, and the inventory may not be used. */
typedef void discovery_done_fn(void *arg, const struct err *e);

struct discovery_spec {
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    struct connection *connection; /* NULL: the remote is not reached through ssh */
    struct inventory *inv;         /* empty; with its facts where some are kept */
    discovery_done_fn *on_done;
    void *arg;
};

/* Starts it. What `spec` points to must outlive it; `spec` itself need not. */
struct discovery *discovery_start(const struct discovery_spec *spec);

/* Asks what runs to end. on_done is still called. */
void discovery_stop(struct discovery *discovery);

/* Frees it; not while anything runs that its loop still turns for. NULL is fine. */
void discovery_free(struct discovery *discovery);

/* Prepends which side of `sites` an error is of. */
void discovery_describe_side(const struct sites *sites, enum side side, struct err *e);

#endif
