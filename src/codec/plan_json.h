/* Plans as JSON, as `backupd plan -json` prints them. */
#ifndef BACKUPD_CODEC_PLAN_JSON_H
#define BACKUPD_CODEC_PLAN_JSON_H

#include "plan.h"
#include "str.h"

/*
 * Appends one dataset's object, without a newline: name, target (names, oldest first by the
 * createtxg of the side that holds them; on the remote, what is to be sent comes last), steps, and
 * error (null, or the words of `error` where that is not NULL).
 *
 * A step is {"op":"SnapshotDeletion","side","snapshot"}, {"op":"SnapshotRangeDeletion","side",
 * "start","end"}, {"op":"InitialSnapshotTransfer","snapshot"} or {"op":"SnapshotRangeTransfer",
 * "start","end"}, the last with "bookmark", the local bookmark's name, where it starts from one.
 */
void plan_json_dataset(const struct dataset *ds, const struct target *target,
                       const struct plan *plan, const char *error, struct str *out);

#endif
