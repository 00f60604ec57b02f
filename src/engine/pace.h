/*
 * parallel = "auto": how many datasets are worked on at a time, found by trying. A pure function of
 * what it is told: time is a parameter, and nothing is done here.
 *
 * It measures windows in which as many worked as were allowed to. After one it tries more; where
 * that makes at least PACE_GAIN percent more of it, it stays and tries more still, and else goes
 * back, and tries fewer the next time: where that loses less than PACE_LOSS percent of the best, the
 * stage that is slowest was busy with fewer, too, and they are left. After a trial in vain it rests,
 * for longer each time, because every trial in vain costs something.
 */
#ifndef BACKUPD_ENGINE_PACE_H
#define BACKUPD_ENGINE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_START 4

/* The most at a time, and over one ssh connection: sshd's MaxSessions is 10, and one that has just
 * ended may not be gone yet. */
#define PACE_MAX     16
#define PACE_MAX_SSH 8

#define PACE_GAIN 10
#define PACE_LOSS 3

/* What a step costs besides its bytes, as bytes: its processes, and a transaction group or two. */
#define PACE_STEP_BYTES (16 * 1024 * 1024)

/*
 * A window lasts so many milliseconds: progress comes once a second, so that a shorter one would
 * be off by more than PACE_GAIN. It may end earlier once so many steps for each worker ended.
 */
#define PACE_WINDOW_MS       15000
#define PACE_WINDOW_SHORT_MS 2000
#define PACE_WINDOW_STEPS    8

/* Windows between trials, at most. */
#define PACE_REST_MAX 64

struct pace {
    unsigned limit;     /* as many at a time */
    unsigned max;       /* and never more */
    unsigned from;      /* what it was before the trial that is under way; 0: none is */
    uint64_t from_rate; /* bytes a second, the best since the trials in this direction began */
    bool down;          /* the direction of the trial, or of the next */
    unsigned in_vain;   /* trials in a row that were */
    unsigned rest;      /* windows until the next trial */

    bool measuring;
    int64_t since_ms; /* the window's begin */
    uint64_t bytes, steps;
};

/* Begins at PACE_START. */
void pace_init(struct pace *pace);

/* Says what the most is from now on. Forgets the window that was being measured. */
void pace_begin(struct pace *pace, unsigned max);

/*
 * Tells what was done since the last call, by `running` workers at a time. Where another number than
 * `limit` runs, for want of work or because a lower limit was set and more are still at it, the time
 * since then says nothing, and a new window begins.
 */
void pace_note(struct pace *pace, int64_t now_ms, unsigned running, uint64_t bytes, uint64_t steps);

#endif
