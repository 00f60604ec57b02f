/*
 * The plan: what is to be done to one dataset, as data, in order.
 *
 * The order: deletions first, local before remote, oldest first, snapshots that are adjacent by
 * createtxg on their side in one range; then transfers, oldest first, each from the newest shared.
 * Every prefix of it leaves the sides with a shared base if they had one (I3), because neither the
 * base nor what is still to be sent is ever among the deletions.
 */
#ifndef BACKUPD_DOMAIN_PLAN_H
#define BACKUPD_DOMAIN_PLAN_H

#include <stddef.h>

#include "err.h"
#include "inventory.h"
#include "target.h"

enum op { OP_INITIAL_TRANSFER, OP_RANGE_TRANSFER, OP_DELETION, OP_RANGE_DELETION, OP_COUNT };

/* "InitialSnapshotTransfer", "SnapshotRangeTransfer", … as in the API. */
const char *op_name(enum op op);

/* The operation of that name, or OP_COUNT. */
enum op op_from_name(const char *name);

/* One step. Places are those of the dataset that the plan was built from. */
struct step {
    enum op op;
    enum side side; /* where a deletion happens; SIDE_REMOTE for transfers */
    size_t start;   /* deletions: first place on that side. range transfers: the base's place among
                       the local snapshots, or bookmarks. initial: as `end` */
    size_t end;     /* deletions: last place, inclusive. transfers: place of what is sent */
    bool from_bookmark; /* `start` is a place among the local bookmarks */
};

struct plan {
    struct step *v;
    size_t n, cap;
};

/*
 * Builds the plan that takes `ds` to `target`. Where target->error is set the plan is empty, and
 * so it is for a dataset that only the remote has (I9). Release with plan_fini.
 */
void plan_build(struct plan *plan, const struct dataset *ds, const struct target *target);

void plan_fini(struct plan *plan);

/* How many steps are transfers. */
size_t plan_count_transfers(const struct plan *plan);

/*
 * The names that a step shows: of the first and the last snapshot concerned. Both point into the
 * inventory's pool; they are the same where the step concerns one. For an increment from a
 * bookmark the start is the name that the base has on the remote.
 */
void step_names(const struct step *step, const struct dataset *ds, const struct target *target,
                const char **ret_start, const char **ret_end);

/* The step in one line for people: "send daily-1 → daily-2". `size` bytes at `ret`. */
void step_describe(const struct step *step, const struct dataset *ds, const struct target *target,
                   char *ret, size_t size);

#endif
