/* The database as a file: where it is, and where it goes when it is no good. */
#ifndef BACKUPD_HISTORY_FILE_H
#define BACKUPD_HISTORY_FILE_H

#include <stdint.h>

#include "err.h"
#include "host.h"

/*
 * Makes the folder of `path` (mode 0700, those above it 0755) where it is missing, and looks at
 * what has the name: nothing or a regular file is right. Returns 0, or -1 and `e`.
 */
int file_prepare(const char *path, struct err *e);

/*
 * Renames the database and what SQLite keeps beside it to "PATH.damaged-2026-11-23-120000", or
 * with ".1" and so on behind that where the name is taken; writes that name to `ret`. Nothing is
 * removed. Returns 0, or -1 and `e`.
 */
int file_set_aside(const char *path, int64_t now, char ret[HOST_PATH_MAX], struct err *e);

#endif
