/* The two sides of a configuration, as places where zfs commands run. */
#ifndef BACKUPD_ENGINE_SITES_H
#define BACKUPD_ENGINE_SITES_H

#include "config.h"
#include "site.h"

struct sites {
    struct site side[SIDE_COUNT];
    struct ssh ssh;
};

/*
 * Fills `sites` from `config`, which must outlive it. `control_path` is where the shared
 * connection's socket is, or "" for none. `sites` must not be copied: it points into itself.
 */
void sites_init(struct sites *sites, const struct config *config, const char *control_path);

#endif
