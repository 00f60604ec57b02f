/* The steps of a plan, done. Everything in here waits, and is for workers. */
#ifndef BACKUPD_ENGINE_STEPS_H
#define BACKUPD_ENGINE_STEPS_H

#include "compression.h"
#include "limiter.h"
#include "loop.h"
#include "refresh.h"
#include "report.h"
#include "series.h"

/* When a dataset is listed and planned once more. */
enum again { AGAIN_NEVER, AGAIN_AT_ONCE, AGAIN_LATER };

/* What a worker works with. */
struct steps {
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    struct limiter *limiter;         /* NULL: none */
    struct compression *compression; /* NULL: none */
    struct series series;            /* the connection of its big transfers */
    struct report report;
    struct refresh refresh; /* the newest listing and plan of the dataset */
    struct dsbuf full_buf[SIDE_COUNT];
    struct dsname full[SIDE_COUNT]; /* the dataset's full names */
    bool ancestor_failed;           /* as in struct worker_task */
    uint64_t bookmarked;            /* guid of the bookmark that this worker made last, or 0 */
    uint64_t bookmarked_txg;        /* the createtxg of that snapshot */
    bool is_moving;                 /* what was sent before may arrive still: once more, then */
    bool looked;                    /* the dataset was planned once already */
    bool one_by_one;                /* deletions failed together */
    bool rolled_back;               /* the remote, which this worker does once */
    bool resumed_again;             /* after a stream that was refused, likewise */
    enum again again;               /* what failed may succeed after a new listing */
    bool stop;                      /* the engine wants us to end */
};

/* Names the dataset `name` on both sides, in `full`. Returns 0, or -1 and `e`. */
int steps_name(struct steps *steps, const char *name, struct err *e);

/*
 * Runs step `*at` of the plan and reports its start and end. Deletions on the same side that follow
 * it go along, in as few commands as there can be. 0, and `*at` is the last step that was run; or
 * -1 and `e`, and it is the one that failed. Where deletions failed together, nobody knows which of
 * them: `again` is set, and after the new listing each is run alone.
 */
int steps_run(struct steps *steps, size_t *at, struct err *e);

/* Resumes the interrupted receive behind `token`, which is step `at` of the plan. */
int steps_resume(struct steps *steps, size_t at, const char *token, bool full, struct err *e);

/* The two commands of step `at`, an OP_RANGE_TRANSFER, appended to initialised ones. */
void steps_increment(const struct steps *steps, size_t at, struct argv *send, struct argv *receive);

#endif
