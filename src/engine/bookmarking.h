/*
 * The bookmark that keeps the base of the next increment (I3): made of the newest snapshot that both
 * sides have, after which older ones of ours go. Nothing in here waits but what says so.
 *
 * A failure is a note, since the transfer itself succeeded; the next cycle finds what is missing, or
 * one too many.
 */
#ifndef BACKUPD_ENGINE_BOOKMARKING_H
#define BACKUPD_ENGINE_BOOKMARKING_H

#include "steps.h"

/* Called once, from the loop, or before bookmarking_start returns where no command could be started. */
typedef void bookmarking_done_fn(void *arg);

/* One that is under way. */
struct bookmarking {
    struct steps *steps;
    const struct snapshot *snap;
    size_t at;         /* how far in the listed bookmarks it is with removing */
    bool is_last;      /* all of those have gone */
    struct dsbuf gone; /* the name of the bookmark that goes */
    bookmarking_done_fn *on_done;
    void *arg;
};

/* Bookmarks the local snapshot at `place`. One at a time for each dataset; `bookmarking` must live until
 * it has ended. */
void bookmarking_start(struct bookmarking *bookmarking, struct steps *steps, size_t place,
                       bookmarking_done_fn *on_done, void *arg);

/* The same, waiting. */
void bookmarking_run(struct steps *steps, size_t place);

/* Removes bookmarks of ours that an earlier worker was to remove and could not. It waits. */
void bookmarking_remove_old(struct steps *steps);

#endif
