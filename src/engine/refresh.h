/* A listing of one dataset on both sides, and the plan that follows from it. */
#ifndef BACKUPD_ENGINE_REFRESH_H
#define BACKUPD_ENGINE_REFRESH_H

#include "loop.h"
#include "plan.h"
#include "sites.h"
#include "target.h"

struct refresh {
    struct inventory inv;
    struct dataset *ds; /* the one dataset of interest; lives in `inv` */
    struct rules rules;
    struct target target;
    struct plan plan;
    bool planned;
    bool reused; /* it is of a listing that somebody else made */
};

/*
 * Lists dataset `name` on both sides, reads holds and clones of whatever would be destroyed, and
 * builds and validates the plan. Changes nothing. A dataset that a side lacks is an empty one, but
 * only where that side's pool is there. Returns 0 with everything filled, also where
 * target.error is set; -1 and `e` where a listing failed or the plan is not valid. Release with
 * refresh_fini in both cases.
 */
int refresh_dataset(struct refresh *refresh, struct loop *loop, const struct config *config,
                    const struct sites *sites, const char *name, struct err *e);

/*
 * Does the same with what was listed a short while ago, and lists nothing. It is good for transfers
 * alone: false, with `refresh` empty, where there is none, and where a snapshot would be destroyed
 * (I8), a bookmark is missing or one too many, a receive was interrupted, or something is wrong.
 */
bool refresh_reuse(struct refresh *refresh, const struct config *config,
                   const struct dataset *listed);

void refresh_fini(struct refresh *refresh);

/*
 * After a listing of `root` failed with ERR_DATASET_MISSING: 0 where its pool is there, so that
 * the dataset really is not; -1 and `e` (ERR_POOL_MISSING, or why nobody can tell) otherwise. An
 * exported pool must never look like an empty one.
 */
int refresh_check_pool(struct loop *loop, const struct site *site, int64_t stall_ms, struct err *e);

#endif
