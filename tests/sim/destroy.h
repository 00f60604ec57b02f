/* What destroying takes, for commands that do it by the way. */
#ifndef SIM_DESTROY_H
#define SIM_DESTROY_H

#include "state.h"

/* Takes a snapshot away with its holds; the caller saves the dataset. */
void destroy_snap(struct dataset *ds, struct snap *snap);

/* Destroys a dataset with all its snapshots; it has no children. */
void destroy_dataset(struct dataset *ds);

/* Says that a zfs send of this process reads the snapshot, so that it is busy until we end. */
void busy_mark(const struct dataset *ds, const struct snap *snap);

/* Whether some zfs send reads the snapshot (NULL: any of the dataset's). */
bool busy_is(const struct dataset *ds, const struct snap *snap);

#endif
