/* The database of records. Every call may take as long as the disk it is on. */
#ifndef BACKUPD_HISTORY_STORE_H
#define BACKUPD_HISTORY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "chronicle.h"
#include "err.h"
#include "str.h"

/* The most rows of a table that one store_prune removes. */
#define STORE_PRUNE_MAX 10000

struct store;

/*
 * Opens the database `path`, made where it is missing, and locks it against other daemons. A file
 * that is damaged or not ours is set aside, and `news` gets a sentence on what is where now. `now`
 * is for its name. Returns NULL and `e` where there is nothing to be had. Release with store_close.
 */
struct store *store_open(const char *path, int64_t now, struct str *news, struct err *e);
void store_close(struct store *store); /* NULL is fine; what was not committed is lost */

/* Whether nothing can be written, as on a read-only mount. */
bool store_is_readonly(const struct store *store);

/*
 * A transaction: all of it is on disk after store_commit, or nothing is after store_rollback. What
 * fails returns -1 and `e`; store_rollback must follow then.
 */
int store_begin(struct store *store, struct err *e);
int store_commit(struct store *store, struct err *e);
void store_rollback(struct store *store);

/*
 * Writes a record: of a cycle, a transfer, a failure or a day. One that is there is not written
 * again; a day's takes the place of the one before, but its verdict and its figures never sink.
 */
int store_write(struct store *store, enum record_kind kind, const struct record *record,
                struct err *e);

/* Removes what is older than `before`, up to STORE_PRUNE_MAX of each kind. */
int store_prune(struct store *store, int64_t before, struct err *e);

/* Gets a record as its "recalled" event, whose strings live until it returns. -1 stops. */
typedef int store_recall_fn(void *arg, const struct event *event);

/*
 * Calls `fn` with the newest records, oldest first, as many of each kind as a chronicle keeps; days
 * after `now` are left out. Returns 0, or -1 where `fn` did or, with `e`, where reading failed.
 */
int store_recall(struct store *store, int64_t now, store_recall_fn *fn, void *arg, struct err *e);

#endif
