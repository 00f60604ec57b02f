/*
 * The workers of a cycle: at most so many at a time. A dataset waits for those above it that the
 * remote does not have yet, since they have to be there first, and for no other: what is slow or
 * stuck holds up nobody below it. Those with most to send begin first, so that none of them is left
 * alone at the end; what others wait for counts theirs, too. Those that failed the last time come
 * after all that did not. What workers say is checked before it is believed, and a worker that says
 * anything odd is ended.
 *
 * Where more datasets than workers have but small increments to send, over ssh, each worker takes as
 * many of them as the others, as a convoy (convoy.h). A dataset is in one convoy of a cycle at the
 * most, and whatever that does not finish has a worker of its own after it.
 */
#ifndef BACKUPD_ENGINE_CREW_H
#define BACKUPD_ENGINE_CREW_H

#include "cycle.h"
#include "inventory.h"

struct crew;

/* Prepares a crew. `on_idle` is called from the loop when the last worker has ended. */
struct crew *crew_new(const struct cycle_spec *spec, void (*on_idle)(void *arg), void *arg);

/* Kills what still runs, and frees it. NULL is fine. */
void crew_free(struct crew *crew);

/* A dataset with work. */
struct crew_task {
    const struct dataset *ds; /* as the cycle listed it; must outlive the crew */
    int64_t listed_ms;        /* monotonic: when that listing began */
    uint64_t bytes;           /* what it has to send, as far as is known */
    size_t increments;        /* all that it has to do, where that is for a convoy; else 0 */
    bool is_new;              /* the remote has nothing of it yet */
    bool is_moved;            /* it changed since: its worker lists it anew */
};

/* Adds a dataset, ancestors before descendants. */
void crew_add(struct crew *crew, const struct crew_task *task);

/* Starts as many workers as may run. */
void crew_start(struct crew *crew);

/*
 * Why nobody was started any more before all had their turn: the shared connection broke, a worker
 * failed by it, and it could not be made anew. ERR_NONE where that did not happen.
 */
const struct err *crew_lost(const struct crew *crew);

/* Starts no more, and asks those that run to end. */
void crew_stop(struct crew *crew);

/* How many datasets of the crew failed so far. */
uint64_t crew_failed(const struct crew *crew);

#endif
