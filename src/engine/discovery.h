/*
 * What both sides hold, from as few listings as will do: one of datasets and one of snapshots a
 * side, at any size.
 *
 * Once something is known by guid (facts.h), the listing of snapshots has only the columns that zfs
 * lists fast. The facts of guids that are new are fetched by name, in a few commands at the most,
 * or by one listing of all where many are new. Nothing in here waits; all of it happens from the
 * loop.
 *
 * Where most datasets were quiet (quiet.h), snapshots are listed only once it is known whose are not
 * known: of no dataset, of a few by name, or of all. That is one round trip more where the remote has
 * changed, and a listing less where a side has not.
 */
#ifndef BACKUPD_ENGINE_DISCOVERY_H
#define BACKUPD_ENGINE_DISCOVERY_H

#include "config.h"
#include "connection.h"
#include "inventory.h"
#include "loop.h"
#include "quiet.h"
#include "sites.h"

struct discovery;

/* Called once, from the loop, when nothing runs any more. `e` is NULL where the inventory is
 * complete; else it says which side failed, and the inventory may not be used. */
typedef void discovery_done_fn(void *arg, const struct err *e);

/* What is known of the snapshots of dataset `name`, or NULL; valid until the loop has another turn. */
typedef const struct row_table *discovery_rows_fn(void *arg, const char *name);

struct discovery_spec {
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    struct connection *connection; /* NULL: the remote is not reached through ssh */
    struct inventory *inv;         /* empty; with its facts where some are kept */
    struct quiet *quiet;           /* what need not be listed; NULL: everything is */
    discovery_done_fn *on_done;
    void *arg;
    discovery_rows_fn *rows; /* to recall snapshots from; NULL: none are */
    void *rows_arg;
};

/* Starts it. What `spec` points to must outlive it; `spec` itself need not. */
struct discovery *discovery_start(const struct discovery_spec *spec);

/* Asks what runs to end. on_done is still called. */
void discovery_stop(struct discovery *discovery);

/* Frees it; not while anything runs that its loop still turns for. NULL is fine. */
void discovery_free(struct discovery *discovery);

/* Whether the snapshots of any dataset were not listed, which then are `skipped` or `recalled`. Where
 * they are skipped of any side, they are of the remote. */
bool discovery_has_skipped(const struct discovery *discovery);

/* Whether it is not certain what a side holds of `ds`, as something that was listed by name with it is
 * gone. */
bool discovery_is_unsure(const struct discovery *discovery, const struct dataset *ds);

/* Prepends which side of `sites` an error is of. */
void discovery_describe_side(const struct sites *sites, enum side side, struct err *e);

#endif
