/*
 * Which datasets are quiet: nothing is to be done for them, and as nothing on either side has changed
 * since that was found, nothing is to be done now. The remote's snapshots of a quiet dataset need not
 * be listed. That listing is what a cycle without news waits for, because zfs lists the snapshots of
 * what is not mounted several times more slowly (docs/performance.md), and copies are not mounted.
 * The local side is always listed in full, and so is whatever is planned: no step follows from
 * anything in here.
 *
 * OpenZFS 2.2 and later say when the snapshots of a dataset last changed (snapshots_changed), in
 * whole seconds of that machine's clock. A listing of the remote's snapshots holds for as long as
 * that value, the guid and the origin are what they were, where they were the same in the listing
 * before it, which had ended QUIET_APART_MS before it began:
 *
 * - A change within the second of the value, but after the listing, cannot be: by then that second
 *   had passed twice. A change while the listing was made gives a later value, which the next
 *   listing of datasets shows.
 * - `zfs promote` moves snapshots between a clone and its origin without a change of the value: the
 *   origins of both change. A dataset that another has taken the place of has another guid.
 * - The value "-" says nothing: a dataset that never had a snapshot has it, and on a pool without the
 *   feature extensible_dataset any has it after an import. A dataset with it is never quiet.
 * - A clock that is set back brings a second again, and a change may fall into the very one that is
 *   known; a pool may visit a system that changes snapshots and leaves the value alone. No column
 *   shows either. So all is listed again after QUIET_MAX_MS (in which this machine was awake), and
 *   earlier where the connection to the remote was made anew or its pool was away, where a cycle
 *   failed, after another configuration, after a start, and of a dataset at the first change on the
 *   local side, a new snapshot above all.
 *
 * Until then, what was overlooked so means: a copy that somebody destroyed by hand is sent again so
 * much later, and one that somebody made is shown so much later. Nothing is destroyed for it: whoever
 * destroys lists that dataset first (I8).
 */
#ifndef BACKUPD_ENGINE_QUIET_H
#define BACKUPD_ENGINE_QUIET_H

#include "inventory.h"

#define QUIET_APART_MS 2000
#define QUIET_MAX_MS   (24 * 3600 * INT64_C(1000))

struct quiet;

/* What was found of a quiet dataset on the remote, for whoever tells of it. */
struct quiet_holding {
    size_t count;   /* snapshots */
    int64_t newest; /* creation of the newest, seconds UTC; 0: none */
};

/* Makes an empty table. */
struct quiet *quiet_new(void);

/* Frees it. NULL is fine. */
void quiet_free(struct quiet *quiet);

/* Forgets everything: the next cycle lists all. */
void quiet_forget(struct quiet *quiet);

/* Over which connection the remote is reached (connection_number): over another one than before, all
 * is forgotten. */
void quiet_note_connection(struct quiet *quiet, unsigned number);

/* Whether it pays at `now` (monotonic ms) to find out first what is quiet, and to list the rest then:
 * half of the remote's datasets were so in the last cycle, and all was listed within QUIET_MAX_MS.
 * O(1). */
bool quiet_is_likely(const struct quiet *quiet, int64_t now);

/*
 * What is known of the remote's snapshots of `ds`, or NULL where it is not quiet at `now` (monotonic
 * ms). `ds` has the local side in full, and of the remote what LISTING_CHANGES gives. The pointer is
 * valid until the table changes. O(1).
 */
const struct quiet_holding *quiet_find(const struct quiet *quiet, const struct dataset *ds,
                                       int64_t now);

/*
 * Notes a dataset of which both sides were listed in full, between `began` and `ended` (monotonic
 * ms), and for which nothing is to be done. What is not noted in a cycle is not quiet after it.
 */
void quiet_note(struct quiet *quiet, const struct dataset *ds, const struct quiet_holding *holding,
                int64_t began, int64_t ended);

/* Notes a dataset that quiet_find found and that was not listed for that reason. */
void quiet_keep(struct quiet *quiet, const struct dataset *ds);

/* The end of a cycle that noted what is quiet of `datasets` of the remote. `listed`: when it began
 * (monotonic ms) where it listed the snapshots of all, else QUIET_NOT_ALL. */
#define QUIET_NOT_ALL INT64_MIN
void quiet_end_cycle(struct quiet *quiet, size_t datasets, int64_t listed);

/* Whether the remote's zfs may be asked for LISTING_CHANGES at `now`; and that it refused: 2.1 does
 * not know the columns. It is asked again after QUIET_MAX_MS, or when everything is forgotten. */
bool quiet_may_ask(const struct quiet *quiet, int64_t now);
void quiet_note_refusal(struct quiet *quiet, int64_t now);

#endif
