/* How much a plan sends, as far as a listing tells: enough to put datasets into an order. */
#ifndef BACKUPD_ENGINE_ESTIMATE_H
#define BACKUPD_ENGINE_ESTIMATE_H

#include "plan.h"

/*
 * Bytes. An increment counts what was written from its base to what is sent, snapshots that are not
 * sent between the two included; a first transfer counts the whole dataset. What the listing did not
 * have counts as nothing.
 */
uint64_t estimate_transfers(const struct plan *plan, const struct dataset *ds);

#endif
