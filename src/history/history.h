/*
 * The history: a role of the same binary that keeps what happened in a database, so that cycles,
 * transfers, failures and days outlive a restart. A database on a pool that hangs, hangs this
 * process and no other. It is for people to look at and never decides what is done.
 *
 * On standard input come lines of event_json.h: records, as the "recalled" events, which are kept;
 * and EVENT_CYCLE_FINISHED, after which all of them are written, the old ones are pruned, and what
 * did not work is tried again. Every other kind changes nothing. A record that comes again (after
 * the role was started anew) is not kept twice; a day's replaces the one before, and never says
 * less.
 *
 * On standard output go, at first, the newest records of the database, oldest first, as many as a
 * chronicle has room for; then a note of level debug that says how many; then only notes.
 */
#ifndef BACKUPD_HISTORY_HISTORY_H
#define BACKUPD_HISTORY_HISTORY_H

#include <stdint.h>

/* The hidden first argument that makes the program this role: ROLE PATH KEEP_SECONDS. */
#define HISTORY_ROLE "history-role"

/* How the note begins that ends the recalled records. */
#define HISTORY_RECALLED "history: recalled "

/*
 * The role: keeps the history in the database `path`, each record for `keep_seconds`. Returns the
 * exit status: 0 at the end of standard input or where nobody reads standard output any more, 1
 * after a line that is no event, with a word on stderr. A database that cannot be used ends
 * nothing: it is told once, as a note, and tried again at the end of the next cycle.
 */
int history_main(const char *path, int64_t keep_seconds);

#endif
