/*
 * The validator: the last word before anything is done. It applies a plan step by step to a copy
 * of the inventory and holds every step against the invariants, without trusting the planner.
 *
 * I1  A snapshot is its guid. Same name, other guid: two snapshots, never a base, never a match.
 * I2  Within a side the order is createtxg; for a policy it is creation, which is known of all.
 * I3  After every prefix of a plan, sides that shared a base share one still.
 * I4  No step destroys what the target keeps, what is held or cloned, or anything outside.
 * I5  The critical snapshots of the inventory that the plan starts from survive the plan.
 * I6  Plan, run, plan again: the second plan has no transfer, the third has no step.
 * I7  Nothing on the remote is destroyed or rolled back to make a receive succeed.
 * I8  A snapshot is destroyed only when a listing of both sides, made by the same process, shows
 *     it with the guid that the plan means.
 * I9  A dataset that only the remote has is left exactly as it is.
 * I10 An error in one dataset changes nothing for the others: a plan is of one dataset.
 */
#ifndef BACKUPD_DOMAIN_VALIDATE_H
#define BACKUPD_DOMAIN_VALIDATE_H

#include "plan.h"

/*
 * Fails with ERR_PLAN, and a message that begins with the invariant's number, where `plan` breaks
 * an invariant or does not arrive exactly at `target`. `ds`, `target` and `rules` are those that
 * the plan was built from. O(snapshots + steps), but for sorting.
 */
int plan_validate(const struct plan *plan, const struct dataset *ds, const struct target *target,
                  const struct rules *rules, struct err *e);

/*
 * Where `plan` destroys snapshots of a remote dataset that shares none with its source, neither as a
 * snapshot nor as a bookmark: fails with ERR_DIVERGED. Such a dataset is more likely somebody else's
 * than an old copy of ours, and a wrong root in a configuration must not cost anybody's history. It
 * is not part of plan_validate because a policy may be tried on any two listings.
 */
int plan_check_strangers(const struct plan *plan, const struct dataset *ds,
                         const struct target *target, struct err *e);

#endif
