/* How a child of proc.h comes into being. For proc.c only. */
#ifndef BACKUPD_OS_PROC_SPAWN_H
#define BACKUPD_OS_PROC_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/*
 * Forks and executes `argv`, with the `count` (at least 3) entries of `fds` as descriptors 0, 1, 2
 * and so on (PROC_FD_NULL: /dev/null), which stay the caller's, and no other. Returns its pid once
 * the exec has succeeded, or -1 and `e`, ERR_SYSTEM.
 */
pid_t proc_spawn(const char *const *argv, const int *fds, size_t count, struct err *e);

#endif
