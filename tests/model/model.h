/*
 * The model: the pure domain (target, plan, validate) against every small inventory, many large
 * ones, and plans that were broken on purpose. What a plan does is worked out by a simulator that
 * knows nothing of validate.c. README.md says what is visited and why the folds are exact.
 *
 *   world.c      what both sides hold, and how it changes
 *   run.c        runs a plan on a world and holds every change against the invariants
 *   sentence.c   the target once more, from the sentence of the design, word by word
 *   settle.c     plan, validate, run, again, until nothing is left to do
 *   product.c    a number for every small state, nothing folded
 *   enumerate.c  every small state, symmetric ones folded
 *   fold.c       which of them run the same, so that one is run for all
 *   perturb.c    what people and new snapshots do between two cycles
 *   random.c     large inventories
 *   judge.c      plans that were broken, before the validator
 */
#ifndef BACKUPD_TESTS_MODEL_H
#define BACKUPD_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate.h"

#define TYPE_COUNT   3     /* a and b are managed, x is not */
#define MANAGED      2     /* how many of them are */
#define SIZE_LIMIT   10000 /* the largest inventory, in snapshots of the union's names */
#define ARRIVALS     4     /* room for snapshots that arrive later */
#define PINNED       ((unsigned)SNAPSHOT_HELD | (unsigned)SNAPSHOT_CLONED)
#define FLAG_DECIDED 0x100U /* beside enum snapshot_flag: whether it is pinned is settled */

/* ---- world.c ---- */

/* What both sides really hold. Snapshot k, from 1, has the guid k; where the sides have different
 * snapshots of one name, the remote's has the guid k + cap. */
struct world {
    struct snapshot *v[SIDE_COUNT]; /* in createtxg order */
    size_t n[SIDE_COUNT];
    bool *has[SIDE_COUNT]; /* by guid, 1 to 2 × cap */
    struct snapshot mark;  /* a local bookmark of ours: */
    bool marked;           /* whether there is one */
    bool written;          /* somebody wrote to the remote after its newest snapshot */
    size_t cap;
};

/* Where a snapshot is. */
enum placement { PLACE_LOCAL, PLACE_REMOTE, PLACE_BOTH, PLACE_OTHER_GUID, PLACE_COUNT };

struct world *world_new(size_t cap);
void world_free(struct world *w);
void world_clear(struct world *w);

/* Makes `dst`, of the same cap, a copy of `src`. */
void world_copy(struct world *dst, const struct world *src);

/* Worlds for a recursion, of the cap of `like`, which the borrowed one is a copy of. They are given
 * back in reverse. */
struct world *world_borrow(const struct world *like);
void world_return(struct world *w);

/* Snapshot `k` of a type, created at `creation`, where `place` says; both sides append it. */
void world_add(struct world *w, size_t k, unsigned type, int64_t creation, enum placement place,
               unsigned flags);
void world_destroy(struct world *w, enum side side, size_t place);

/* The place of a guid on a side, or SIZE_MAX. Newest first: O(n). */
size_t world_find(const struct world *w, enum side side, uint64_t guid);
bool world_has(const struct world *w, enum side side, uint64_t guid);

/* Whether the sides have a snapshot to start an increment from, or a bookmark of one. */
bool world_has_base(const struct world *w);

/* A bookmark of the snapshot; the older one goes. */
void world_bookmark(struct world *w, const struct snapshot *snap);

/* A bookmark of ours of snapshot `k`, wherever it is; where guids differ, of the remote's. */
void world_mark(struct world *w, size_t k);

/* Number k of a snapshot: guids of both sides of one name have the same. */
size_t world_number(const struct world *w, uint64_t guid);

/* The world as the domain sees it. It borrows the arrays. */
void world_view(const struct world *w, struct dataset *ret);
void world_print(const struct world *w);

/* ---- settle.c: what a state is made from, and what was seen ---- */

struct setting {
    struct rules rules;
    struct policy policy[SIDE_COUNT];
    uint64_t count[SIDE_COUNT][MANAGED];
    bool rollback;
    bool strict_clock; /* every snapshot was created in a later second than the one before */
    bool lazy;         /* whether a snapshot is pinned is decided when a plan destroys it */
    bool per_copy;     /* and for each copy of it alone */
    bool fold;         /* states that run the same are run once: fold.c */
    char where[128];
    const struct world *start; /* of the first round */
    /* Called with the world after every single change of a first round, and at the end; or NULL. */
    void (*after)(struct setting *s, const struct world *w);
};

struct tally {
    uint64_t states, rounds, with_transfers, with_deletions, diverged, name_taken, against_sentence;
    uint64_t perturbed;
    uint64_t folded; /* of the states, how many another one was run for */
};
extern struct tally tally;

void setting_init(struct setting *s);
void setting_fini(struct setting *s);
void setting_count(struct setting *s, enum side side, unsigned type, uint64_t count);

/* Prints the state and ends the program, which has failed. */
_Noreturn void fail_state(const struct setting *s, const struct world *now, const char *what);

/* I1 to I6 from `start` to the fixed point. */
void settle(struct setting *s, const struct world *start);

/* The same as another beginning of a state that is being settled already. */
void settle_again(struct setting *s, const struct world *from);

/* ---- run.c ---- */

struct round {
    struct setting *setting;
    const struct world *before; /* what the plan was made from */
    const struct target *target;
    struct world *now; /* begins as a copy of it */
    bool tell;         /* calls setting->after */
    bool stopped;      /* a receive failed because the remote was written to */
};

/* Each returns NULL, or what is wrong: the first invariant that is broken, in words. */
const char *run_plan(struct round *round, const struct plan *plan);
const char *check_critical(const struct round *round);
const char *check_arrival(const struct round *round);
const char *check_sentence(const struct round *round);
const char *check_sends(const struct round *round); /* any clock: what may be sent at all */

bool is_transfer(const struct step *step);

/* Whether the snapshot is newer than the remote's newest, as far as that can be known. */
bool is_after_tip(const struct world *w, const struct snapshot *snap);

/* ---- fold.c ---- */

/* Reads types and clock of the states that are settled next; they have five snapshots at most. */
void fold_read(const struct world *w);

/* Whether the state, whose target this is, runs as one that was run before: then it is counted.
 * Else what it comes to is noted until fold_end. */
bool fold_begin(const struct setting *s, const struct world *w, const struct target *target);
void fold_end(void);

/* A world that the run comes to. */
void fold_note(const struct setting *s, const struct world *w, const struct target *target);

/* Frees what is known of runs. What runs the same has the same placements, so that it can be
 * forgotten when these are done with. */
void fold_forget(void);

/* ---- the visits ---- */

/* `count` states of the whole product for `n` snapshots, spread over all of it. */
void visit_spread(unsigned n, uint64_t count);

/* Each `stride`-th placement, type and clock of `n` snapshots, `times` times; policies, pins and
 * bookmarks go round with it. */
void visit_every_world(unsigned n, unsigned times, unsigned stride);

/* Number `at` of the product, of product_size(n). */
void product_state(struct setting *s, struct world *w, unsigned n, uint64_t at);
uint64_t product_size(unsigned n);

/* How the states are visited. */
enum {
    VISIT_PERTURBED = 1, /* each is perturbed, and nothing folded that this could bring to light */
    VISIT_ALONE = 2,     /* each is run, whether it runs as another one or not */
};

/* Every state of exactly `n` snapshots of part `part` of `parts`. */
void enumerate(unsigned n, unsigned part, unsigned parts, unsigned how);

/* From each way in which the world can have changed between two cycles, to the fixed point. */
void perturb(struct setting *s, const struct world *w);

/* The remote was written to: nothing arrives until that is undone, and nothing is lost. */
void check_written(struct setting *s, const struct world *start);

#define MODEL_SEED 0x6261636b75706431U

void random_seed(uint64_t seed);
uint64_t random_below(uint64_t limit);

/* `count` random inventories of up to `size` snapshots. */
void visit_random(uint64_t count, unsigned size, uint64_t seed);

/* Breaks plans of `count` states of three and of four snapshots, each in every way it knows. */
void judge_validator(uint64_t count);

#endif
