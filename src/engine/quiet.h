/*
 * Of which datasets the snapshots need not be listed: it is what a cycle waits for, above all of the
 * remote, because zfs lists the snapshots of what is not mounted several times more slowly
 * (docs/performance.md), and copies are not mounted.
 *
 * - A dataset is quiet where nothing was to be done for it and neither side has changed since: nothing
 *   is to be done now.
 * - Where only local has changed, local is listed, and the remote's snapshots are recalled: those that
 *   are known to whoever looks, where they still are the ones that were listed. From them transfers
 *   are planned, as from any listing of the cycle; whoever destroys lists both sides first (I8).
 *
 * OpenZFS 2.2 and later say when the snapshots of a dataset last changed (snapshots_changed), in
 * whole seconds of that machine's clock: when one was made, destroyed or renamed. A listing of the
 * snapshots holds for as long as that value, the guid and the origin are what they were, where they
 * were the same in the listing before it, which had ended QUIET_APART_MS before it began:
 *
 * - A change within the second of the value, but after the listing, cannot be: by then that second
 *   had passed twice. A change while the listing was made gives a later value, which the next
 *   listing of datasets shows.
 * - `zfs promote` moves snapshots between a clone and its origin without a change of the value: the
 *   origins of both change. A dataset that another has taken the place of has another guid.
 * - The value "-" says nothing: a dataset that never had a snapshot has it, and on a pool without the
 *   feature extensible_dataset any has it after an import. A dataset with it is always listed.
 * - A clock that is set back brings a second again, and a change may fall into the very one that is
 *   known. This machine's is watched, against one that goes on while it sleeps: all is forgotten where
 *   it was set back by QUIET_STEP_MS. Of the other one's nothing shows it. A value that is not past by
 *   this machine's clock says nothing, of either side (quiet_doubt_the_future).
 * - A pool may visit a system that changes snapshots and leaves the value alone; no column shows it.
 * - Bookmarks come and go without a change of the value. Nothing is planned from one that was not
 *   listed in that cycle.
 *
 * A cycle that sent or destroyed something has changed the remote itself. What is there then is
 * known all the same, as each step said what it did, and what was received is the newest there. More
 * than QUIET_APART_MS after the end of the cycle the remote is asked once more what changed
 * (last_look.h), and the value that it gives then is that of what is known now. What somebody else
 * changed there after the cycle's listing and before that look is overlooked so. It is believed for
 * QUIET_BUSY_MAX_MS after the listing at the most: a few listings a day instead of one each hour, and
 * before the day is over it is seen. Where something is wrong with what was recalled, it is listed
 * before anybody is told (cycle.c).
 *
 * All is listed again after QUIET_MAX_MS (in which this machine was awake), and earlier where the
 * connection to the remote was made anew, where a cycle failed or found a pool away, after another
 * configuration, and after a start.
 *
 * Until then, what was overlooked so means: a snapshot here is sent so much later; a copy that
 * somebody destroyed by hand is sent again, one that somebody made is shown, and a bookmark of ours
 * that somebody destroyed is made again so much later; an increment to a snapshot that is not there
 * any more, or is not the newest, is refused by zfs, and its dataset is listed and planned anew at
 * once (steps.h). Nothing is destroyed for it.
 */
#ifndef BACKUPD_ENGINE_QUIET_H
#define BACKUPD_ENGINE_QUIET_H

#include "inventory.h"
#include "row_table.h"

#define QUIET_APART_MS 2000
#define QUIET_STEP_MS  500
#define QUIET_MAX_MS   (24 * 3600 * INT64_C(1000))

#define QUIET_BUSY_MAX_MS (6 * 3600 * INT64_C(1000))

struct quiet;

/* What was found of a quiet dataset on a side, for whoever tells of it. */
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

/* By how much this machine's clock is ahead of one that never steps (clock_ahead_ms): less than at the
 * last time by QUIET_STEP_MS, and all is forgotten. */
void quiet_note_clock(struct quiet *quiet, int64_t ms);

/* Whether it pays at `now` (monotonic ms) to find out first what is quiet, and to list the rest then:
 * half of the remote's datasets were known in the last cycle, and all was listed within QUIET_MAX_MS.
 * O(1). */
bool quiet_is_likely(const struct quiet *quiet, int64_t now);

/*
 * What is known of both sides of `ds`, SIDE_COUNT of them, or NULL where it is not quiet at `now`
 * (monotonic ms). Of the remote `ds` has what LISTING_CHANGES gives, and of local as much, or, where
 * `is_local_listed`, everything. The pointer is valid until the end of the cycle. O(1).
 */
const struct quiet_holding *quiet_find(const struct quiet *quiet, const struct dataset *ds,
                                       bool is_local_listed, int64_t now);

/*
 * Adds the remote's snapshots of `ds` to it, where those of an earlier listing hold at `now` (monotonic
 * ms) and `rows` (NULL: nothing), which are not necessarily of that listing, have just these. True, and
 * they are `recalled`; or false, and none is added. O(rows).
 */
bool quiet_recall(const struct quiet *quiet, struct inventory *inv, struct dataset *ds,
                  const struct row_table *rows, int64_t now);

/*
 * Notes a dataset, in order, of which both sides were listed in full between `began` and `ended`
 * (monotonic ms), or the remote was recalled, and for which nothing is to be done. `holding`: of both
 * sides. What is not noted in a cycle is not known after it.
 */
void quiet_note(struct quiet *quiet, const struct dataset *ds, const struct quiet_holding *holding,
                int64_t began, int64_t ended);

/*
 * Notes a dataset, in order, for which something is to be done. `rows` (or NULL) are what is known of
 * it to whoever looks, by the cycle's listing, which began at `began` (monotonic ms). It is not known
 * in the next cycle, unless quiet_settle is called for it. O(rows).
 */
void quiet_note_busy(struct quiet *quiet, const struct dataset *ds, const struct row_table *rows,
                     int64_t began);

/* Whether quiet_settle would change anything, after the end of a cycle. O(1). */
bool quiet_has_busy(const struct quiet *quiet);

/*
 * After the end of a cycle: all that was to be done for `ds`, which quiet_note_busy noted, was done,
 * and `rows` have become what is known of it, `count` of them on the remote by what was told. Of the
 * remote `ds` has what a LISTING_CHANGES gave that began QUIET_APART_MS or more after that and ended
 * at `ended` (monotonic ms). From now on its snapshots can be recalled. Of any other dataset, and
 * where the rows are not so many, nothing happens. O(rows).
 */
void quiet_settle(struct quiet *quiet, const struct dataset *ds, const struct row_table *rows,
                  size_t count, int64_t ended);

/* What changed on a side in a second that by this machine's clock, `now` (seconds UTC), is not over,
 * or is still to come as that clock was set back, says nothing: such a second may bring changes that
 * would not show. O(datasets). */
void quiet_doubt_the_future(struct inventory *inv, enum side side, int64_t now);

/* Notes a dataset that quiet_find found. Returns what quiet_find did. */
const struct quiet_holding *quiet_keep(struct quiet *quiet, const struct dataset *ds);

/* The end of a cycle that noted what is quiet of `datasets` of the remote. `listed`: when it began
 * (monotonic ms) where it listed the snapshots of all, else QUIET_NOT_ALL. */
#define QUIET_NOT_ALL INT64_MIN
void quiet_end_cycle(struct quiet *quiet, size_t datasets, int64_t listed);

/* Whether the zfs of a side may be asked for LISTING_CHANGES at `now`; and that it refused: 2.1 does
 * not know the columns. It is asked again after QUIET_MAX_MS, or when everything is forgotten. */
bool quiet_may_ask(const struct quiet *quiet, enum side side, int64_t now);
void quiet_note_refusal(struct quiet *quiet, enum side side, int64_t now);

#endif
