/* What we need from the machine besides processes: folders, locks, users, terminals. */
#ifndef BACKUPD_OS_HOST_H
#define BACKUPD_OS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define HOST_PATH_MAX 1024

/* A machine's name with its terminating NUL. */
#define HOST_NAME_SIZE 256

/*
 * The folder for locks and sockets, made with mode 0700 where it is missing: $RUNTIME_DIRECTORY
 * where a service manager set it, else /run/backupd (/var/run/backupd on FreeBSD) for root, else
 * /tmp/backupd-UID. Fails where it is not a folder of ours that nobody else can write to.
 */
int host_runtime_dir(char ret[HOST_PATH_MAX], struct err *e);

/*
 * An empty folder to be the root folder of host_confine_to_user: "empty" in the runtime folder, made
 * where it is missing, ours, mode 0555. Fails where it is no such folder or something is in it.
 */
int host_empty_dir(char ret[HOST_PATH_MAX], struct err *e);

/*
 * Takes the lock file `path`, made where it is missing; it is let go when the descriptor is closed
 * or the process ends, however it ends; children of proc.h do not keep it. The file then holds our
 * pid and stays when the lock goes. Returns the descriptor (close-on-exec), or -1 and `e`:
 * ERR_LOCKED with the holder's pid where another process has it.
 */
int host_lock(const char *path, struct err *e);

/*
 * A path of our own executable, for starting another role of it: also where the file was replaced
 * meanwhile, it is the build that runs now, where the system can do that (Linux).
 */
int host_self_path(char ret[HOST_PATH_MAX], struct err *e);

/*
 * Becomes `user` for good, with its primary group and no other, and checks that there is no way
 * back. A death signal that proc.h has set stays set. Fails with ERR_SYSTEM or, where there is no
 * such user or it is root or in root's group, ERR_CONFIG; the caller must then end. A process that
 * is not root stays who it is, and that is no error.
 */
int host_drop_to_user(const char *user, struct err *e);

/*
 * The same, and makes `folder` the root folder on the way: the user is looked up before, while
 * there still are files to look it up in. A process that is not root stays where it is.
 */
int host_confine_to_user(const char *user, const char *folder, struct err *e);

/* The machine's own name, as it calls itself; "" where it has none. */
void host_own_name(char ret[HOST_NAME_SIZE]);

/* Columns of the terminal at `fd`, or 0 where it is none. */
unsigned host_terminal_width(int fd);

/* Its lines, or 0 where it is none. */
unsigned host_terminal_height(int fd);

/* A random number that nobody can guess. Fails where the system has none. */
int host_random(void *ret, size_t size, struct err *e);

/* Gives memory that was freed back to the system: after work that took much more than what is kept.
 * Takes about a millisecond for each 10 MB. */
void host_trim_memory(void);

#endif
