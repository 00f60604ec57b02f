/*
 * What the history role remembers of itself: the records that are not written yet, and whether the
 * database can be used. Nothing here fails: what is wrong with the database is told as a note, once
 * for each reason, and tried again at the end of the next cycle.
 */
#ifndef BACKUPD_HISTORY_KEEPER_H
#define BACKUPD_HISTORY_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "store.h"

/* Gets notes and, while keeper_recall runs, records. -1: nobody listens any more. */
typedef int keeper_event_fn(void *arg, const struct event *event);

struct keeper;

/*
 * Makes a keeper for the database `path`, which is not opened yet. Records are kept for
 * `keep_seconds`. Release with keeper_free, which writes nothing.
 */
struct keeper *keeper_new(const char *path, int64_t keep_seconds, keeper_event_fn *fn, void *arg);
void keeper_free(struct keeper *keeper); /* NULL is fine */

/* Opens the database and tells what it has, and at last how much that was. */
void keeper_recall(struct keeper *keeper, int64_t now);

/*
 * Takes a record, which is written later; or the end of a cycle, at which everything is. Other
 * events change nothing. While the database cannot be used, the newest records wait, as many as a
 * chronicle keeps; the others are lost, and counted.
 */
void keeper_take(struct keeper *keeper, const struct event *event, int64_t now);

/* Whether keeper_flush has something to do. */
bool keeper_is_pending(const struct keeper *keeper);

/* Writes what waits, as one transaction. */
void keeper_flush(struct keeper *keeper, int64_t now);

#endif
