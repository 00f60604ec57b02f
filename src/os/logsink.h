/*
 * Where log lines go: standard output, or a file that rotates at LOGSINK_ROTATE_BYTES and keeps
 * LOGSINK_KEEP old ones, none older than LOGSINK_KEEP_SECONDS. An old one is called as the file
 * was, a dot and the time of its rotation: "backupd.log.2026-11-23-120000", and ".1" and so on
 * behind that where the name is taken. Nothing else is ever removed. What is not a regular file
 * (/dev/null, a terminal) does not rotate.
 */
#ifndef BACKUPD_OS_LOGSINK_H
#define BACKUPD_OS_LOGSINK_H

#include <stdint.h>

#include "err.h"

#define LOGSINK_ROTATE_BYTES UINT64_C(15728640) /* 15 MiB */
#define LOGSINK_KEEP         3
#define LOGSINK_KEEP_SECONDS INT64_C(2419200) /* 28 days */

struct logsink;

/*
 * Opens `path` for appending (NULL: standard output), made with mode 0640. Returns NULL and `e`
 * where it cannot be opened. `rotate_bytes` 0 means LOGSINK_ROTATE_BYTES. logsink_close frees it.
 */
struct logsink *logsink_open(const char *path, uint64_t rotate_bytes, struct err *e);
void logsink_close(struct logsink *sink); /* NULL is fine */

/*
 * Writes one line, "2026-11-23T12:00:00Z LEVEL text", rotating first where it is due. Control
 * characters in `text` (bytes below 0x20, 0x7f, and U+0080 to U+009F in UTF-8) are written as \xNN
 * for each byte, so that one call is one line and none can drive a terminal. A write that fails
 * (a full disk) is not an error of the caller's: the line is counted and, once writing works
 * again, a line says how many were lost.
 */
void logsink_write(struct logsink *sink, int64_t now, const char *level, const char *text);

/* Closes and opens the file anew, for whoever moved it away. */
int logsink_reopen(struct logsink *sink, struct err *e);

#endif
