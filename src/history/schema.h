/*
 * The tables of the database, and whether a file is such a database.
 *
 *     cycles(id, number, started, finished, datasets, failed, sent, destroyed, bytes, code, text)
 *     transfers(id, started, finished, dataset, from_snapshot, to_snapshot, bytes, resumed, code,
 *               text)
 *     failures(id, time, dataset, code, text)
 *     days(midnight, verdict, cycles, bytes, local_space, remote_space)
 *
 * Times are seconds since 1970 UTC, sizes bytes; `code` is "none" where it succeeded; the dataset
 * is its name below the root, NULL for a failure that is of none.
 */
#ifndef BACKUPD_HISTORY_SCHEMA_H
#define BACKUPD_HISTORY_SCHEMA_H

#include <stdbool.h>

#include "err.h"
#include "libsqlite.h"

/* PRAGMA application_id ("bkpd") and user_version of our files. */
#define SCHEMA_APPLICATION 0x626b7064
#define SCHEMA_VERSION     1

/*
 * Opens the database `path`, makes it where it is missing or empty, and brings its tables to
 * SCHEMA_VERSION. Returns 0, or -1 and `e`; `*ret_unusable` then says whether the file is
 * damaged, so that no waiting will make it good. One of another program, or of a later version of
 * ours, is not: it is left alone (ERR_CONFIG). The caller closes `*ret`.
 */
int schema_open(const char *path, sqlite3 **ret, bool *ret_unusable, struct err *e);

/* Fills `e` with what SQLite says last. Always returns -1. */
int schema_complain(sqlite3 *db, const char *what, struct err *e);

/* Whether SQLite's result says that the file is damaged. */
bool schema_is_damage(int rc);

#endif
