/* One command at a site, run to its end, with its failure sorted into an error code. */
#ifndef BACKUPD_ZFS_JOB_H
#define BACKUPD_ZFS_JOB_H

#include "argv.h"
#include "inventory.h"
#include "listing.h"
#include "loop.h"
#include "proc.h"
#include "site.h"

struct job;

/* Called once. `e` is NULL where the command succeeded. The job is freed after it returns. */
typedef void job_done_fn(void *arg, const struct err *e);

/* Gets stdout as it comes. Returns 0, or -1 and `e`, which then is what the job fails with. */
typedef int job_out_fn(void *arg, const char *data, size_t len, struct err *e);

struct job_spec {
    const struct site *site;
    struct argv *command; /* consumed, also where job_start fails */
    job_out_fn *on_out;   /* NULL: stdout goes to /dev/null */
    struct str *capture;  /* not NULL: gets stdout and stderr, instead of on_out */
    job_done_fn *on_done;
    void *arg;
    int64_t stall_ms; /* the longest silence */
};

/* The most that `capture` takes; what comes after it is dropped. */
#define JOB_CAPTURE_MAX 65536

/* Starts it. NULL and `e` where it could not be started: on_done is then not called. */
struct job *job_start(struct loop *loop, const struct job_spec *spec, struct err *e);

/* Ends it early; on_done is still called, with ERR_INTERRUPTED. */
void job_cancel(struct job *job);

/*
 * The same, waiting for the end: for workers and the CLI, never for the engine. spec->on_done is
 * not looked at. Returns 0, or -1 and `e`.
 */
int job_run(struct loop *loop, const struct job_spec *spec, struct err *e);

/* A command whose output does not matter, run to its end. Consumes `command`. */
int job_run_plain(struct loop *loop, const struct site *site, struct argv *command,
                  int64_t stall_ms, struct err *e);

/* A listing into an inventory, in the background. `names` as listing_init has them. */
struct listing_job;
struct listing_job *listing_job_start(struct loop *loop, const struct site *site,
                                      struct argv *command, enum listing_kind kind,
                                      struct inventory *inv, int64_t stall_ms, job_done_fn *on_done,
                                      void *arg, struct err *e);
void listing_job_cancel(struct listing_job *job);

/* A listing, waiting for the end. */
int listing_run(struct loop *loop, const struct site *site, struct argv *command,
                enum listing_kind kind, struct inventory *inv, int64_t stall_ms, struct err *e);

/* Fills `e` from how a child of ours ended. `result` is not a success. Always returns -1. */
int job_sort_failure(const struct site *site, const struct proc_result *result, int64_t stall_ms,
                     struct err *e);

#endif
