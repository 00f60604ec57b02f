/*
 * The verdict: whether the data is safe, from the state alone.
 *
 * A dataset is
 * - ignored where only the remote has it: there is nothing here to lose;
 * - failed where a run failed and none has succeeded since; one that was interrupted counts not;
 * - late where it has no copy, where the remote's newest snapshot is not from here and keeps older
 *   ones of ours from being sent, where snapshots that the remote wants have waited for longer than
 *   two intervals and VERDICT_GRACE, where none runs and none has succeeded for that long, or where
 *   its newest copy is older than two of the shortest period that a policy names ("daily") and an interval:
 *   then nobody takes snapshots any more;
 * - else safe. Without a remote the newest local snapshot is the copy.
 * The whole is as bad as its worst dataset, and failed where the newest cycle failed as a whole.
 */
#ifndef BACKUPD_DOMAIN_VERDICT_H
#define BACKUPD_DOMAIN_VERDICT_H

#include "state.h"
#include "str.h"

/* Seconds that a cycle may take beyond its time before anything is called late. */
#define VERDICT_GRACE 60

struct verdict {
    enum verdict_level level;
    size_t datasets; /* that count: all but the ignored */
    size_t safe, late, failed;
    int64_t behind; /* seconds: the age of the oldest copy; -1 where a dataset has none, or there
                       is no dataset */
    int64_t since;  /* not safe since then; 0 where it is, or that is not known */
    const struct dataset_state *worst; /* the first of the worst, or NULL */
};

/*
 * Of one dataset at `now`. Where it is late or failed, appends why, as one phrase, to `why` (may be
 * NULL) and sets `*ret_since` (may be NULL).
 */
enum verdict_level verdict_of_dataset(const struct state *state, const struct dataset_state *ds,
                                      int64_t now, struct str *why, int64_t *ret_since);

/* Of everything. */
void verdict_of(const struct state *state, int64_t now, struct verdict *ret);

/* Appends it as one sentence: "All 42 datasets are safe; the oldest copy is 23 min behind". */
void verdict_describe(const struct verdict *verdict, const struct state *state, int64_t now,
                      struct str *out);

/* Appends the way out, or nothing where there is nothing to do. */
void verdict_advise(const struct verdict *verdict, const struct state *state, struct str *out);

/*
 * The shortest period, in seconds, at which snapshots come whose types the policy keeps and whose
 * names say it (hourly, daily, weekly, monthly, yearly); 0 where none does.
 */
int64_t verdict_period(const struct policy *policy);

#endif
