/* What belongs to one daemon: its lock and its sockets are named after its configuration. */
#ifndef BACKUPD_ENGINE_INSTANCE_H
#define BACKUPD_ENGINE_INSTANCE_H

#include "host.h"

/* Room for a path of instance_path. */
#define INSTANCE_PATH_MAX (HOST_PATH_MAX + 32)

/* What is behind the name of the socket at which the daemon answers HTTP. */
#define INSTANCE_SOCKET ".sock"

/*
 * Writes the path of a daemon's own file in the runtime folder, which is made where it is missing:
 * a hash of the configuration's real path, so that there is one daemon for each, and `suffix` (at
 * most 15 bytes). Fails as host_runtime_dir does; `ret` is then untouched.
 */
int instance_path(const char *config_path, const char *suffix, char ret[INSTANCE_PATH_MAX],
                  struct err *e);

/*
 * Removes what is left of the connections of a daemon and its workers that were killed: sockets whose
 * path is `stem` (instance_path without a suffix), a dot, and something that begins with a digit.
 * For whoever holds that daemon's lock, before it makes any. What cannot be removed stays.
 */
void instance_clear_connections(const char *stem);

#endif
