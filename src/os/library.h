/*
 * Libraries that only a role or a short command needs: loaded by it, not linked. The engine runs
 * for years as root, and neither maps nor initialises a web server, TLS or a database that way; and
 * where one of them is missing or broken, it is that role which says so, and snapshots are kept all
 * the same. It stays one program in one file, so roles and engine are always of the same version.
 *
 * Each has a file that lists the functions in use (engine/libcurl.h, web/libmhd.h,
 * history/libsqlite.h): a struct of pointers, each of the type that the library's own header
 * declares. A function that is not in the list does not compile.
 */
#ifndef BACKUPD_OS_LIBRARY_H
#define BACKUPD_OS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Of one function: its name in the library, and where its pointer stands in the struct. */
struct library_function {
    const char *name;
    size_t offset;
};

struct library {
    const char *file; /* with the version of the interface: "libcurl.so.4" */
    const struct library_function *functions;
    size_t count;
    void *pointers; /* the struct */
    bool is_loaded;
};

/*
 * Loads the library for as long as the process lives, all of it that may be needed later: a sandbox
 * may close behind it. Once it has returned 0, further calls do nothing. Fails with ERR_SYSTEM,
 * naming the file, where it is missing or lacks a function; no pointer is set then.
 */
int library_load(struct library *library, struct err *e);

#endif
