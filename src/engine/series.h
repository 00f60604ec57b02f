/*
 * The connection of a worker that has several transfers to make. A big one has a connection of its
 * own, for its cipher thread (transfer.h); where more are to follow, it is made once for all of
 * them, and not anew for each increment.
 */
#ifndef BACKUPD_ENGINE_SERIES_H
#define BACKUPD_ENGINE_SERIES_H

#include <sys/types.h>

#include "connection.h"
#include "sites.h"

struct series {
    struct ssh ssh;                /* as the shared one's, with another socket */
    struct site site;              /* the remote, over it */
    struct connection *connection; /* NULL: not asked for yet, or it cannot have one */
};

/*
 * The remote over a connection of this process's own, which is made first where it is not there,
 * waiting; `*stop` that becomes true ends that. NULL where there can be none: the remote is no
 * other machine, or the connection could not be made, and who tries without it learns why.
 */
const struct site *series_site(struct series *series, struct loop *loop, const struct sites *sites,
                               const bool *stop);

/* Ends the connection. One that is all zeros is fine. */
void series_fini(struct series *series);

/* Removes the socket that a worker of process id `pid` may have left where it was killed. */
void series_clear(const struct sites *sites, pid_t pid);

#endif
