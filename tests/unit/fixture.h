/*
 * Inventories, policies and plans in one line each, for the tests of the domain.
 *
 * An inventory is written as words, oldest snapshot first:
 *
 *     "daily-1:lr daily-2:lh hourly-3:r daily-4:l@950 daily-4:r#77 /home daily-1:l"
 *
 *     NAME:PLACES[@CREATION][#GUID][~NAME]
 *         l local, r remote; h or c after it: held, cloned there
 *         b a local bookmark of ours (backupd-<guid>); B one of somebody else's (mark-<guid>)
 *         @ creation in seconds, else 1000 times the word's number, from 1
 *         # guid, else the word's number
 *         ~ the name that the remote knows it by
 *     /NAME    the words after it are of this dataset; before the first one they are of the root
 *     +l +r    the dataset exists on that side, even without snapshots
 *
 * createtxg follows the order of the words: local 10, 20, 30, …; remote 5010, 5020, …
 *
 * A policy is "daily=7 hourly=24"; a "!" in it destroys what is unmanaged on that side.
 */
#ifndef BACKUPD_TESTS_FIXTURE_H
#define BACKUPD_TESTS_FIXTURE_H

#include "plan.h"
#include "policy.h"
#include "target.h"

struct fixture {
    struct inventory inv;
    struct dataset *ds; /* the root */
    struct policy policy[SIDE_COUNT];
    struct rules rules; /* keep_baseline and has_remote are set; a test may change them */
    struct target target;
    struct plan plan;
    bool planned;
    char text[4096]; /* what the functions below return */
};

/* Adds what `words` says to an initialised inventory and sorts it. Both sides count as listed. */
void fixture_add(struct inventory *inv, const char *words);

/* Builds inventory and rules. Release with fixture_fini. */
void fixture_init(struct fixture *f, const char *local_policy, const char *remote_policy,
                  const char *words);
void fixture_fini(struct fixture *f);

/* (Re)builds target and plan of the root. */
void fixture_plan(struct fixture *f);

/* The names that a side is to hold, in order, what is sent to it last: "daily-1 daily-2". */
const char *fixture_target(struct fixture *f, enum side side);

/* The plan: "-l daily-1; -r daily-1..daily-3; +daily-4; daily-4>daily-5; #daily-4>daily-5". */
const char *fixture_steps(struct fixture *f);

/* All in one: builds, plans, compares both targets and the steps, and checks that the plan is
 * valid. Steps may be NULL: not compared. */
void fixture_expect(const char *local_policy, const char *remote_policy, const char *words,
                    const char *local, const char *remote, const char *steps);

/* The place of the first snapshot of that name on a side of the root. Fails if there is none. */
size_t fixture_place(const struct fixture *f, enum side side, const char *name);

#endif
