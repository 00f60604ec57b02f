#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "mem.h"
#include "text.h"

struct job {
    struct proc *proc;
    const struct site *site;
    job_out_fn *on_out;
    struct str *capture;
    job_done_fn *on_done;
    void *arg;
    int64_t stall_ms;
    struct err own; /* set where on_out did not like what came */
};

int job_sort_failure(const struct site *site, const struct proc_result *result, int64_t stall_ms,
                     struct err *e)
{
    if (result->stalled) {
        char figure[TEXT_FIGURE_MAX];
        text_duration(figure, stall_ms / 1000);
        return err_set(e, ERR_STALLED, "no output for %s, so it was ended", figure);
    }
    if (result->cancelled)
        return err_set(e, ERR_INTERRUPTED, "ended because backupd is stopping");
    return classify_failure(site->ssh != NULL, site_host(site), result->status, result->signo,
                            result->err_tail, e);
}

static int hand_on_output(void *arg, const char *data, size_t len)
{
    struct job *job = arg;
    return job->on_out(job->arg, data, len, &job->own);
}

static int capture_output(void *arg, const char *data, size_t len)
{
    struct job *job = arg;
    size_t room = JOB_CAPTURE_MAX - job->capture->len;
    str_add_bytes(job->capture, data, len < room ? len : room);
    return 0;
}

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct job *job = arg;
    struct err e = ERR_INIT;
    if (job->own.code != ERR_NONE)
        e = job->own;
    else if (result->status != 0 || result->stalled || result->cancelled)
        job_sort_failure(job->site, result, job->stall_ms, &e);
    job->on_done(job->arg, e.code == ERR_NONE ? NULL : &e);
    free(job);
}

/* A program that is not there is worth more than "No such file or directory". */
static void explain_start(struct err *e, const char *program)
{
    if (e->code == ERR_SYSTEM && e->sys == 2) {
        if (strcmp(program, "ssh") == 0)
            err_set(e, ERR_SSH, "there is no ssh command on this machine (looked in %s)",
                    proc_path());
        else
            err_set(e, ERR_ZFS_MISSING, "there is no %s command on this machine (looked in %s)",
                    program, proc_path());
    }
}

struct job *job_start(struct loop *loop, const struct job_spec *spec, struct err *e)
{
    struct argv argv;
    if (site_wrap(spec->site, SITE_SHARED, spec->command, &argv, e) != 0)
        return NULL;
    struct job *job = mem_zalloc(1, sizeof(*job));
    job->site = spec->site;
    job->on_out = spec->on_out;
    job->capture = spec->capture;
    job->on_done = spec->on_done;
    job->arg = spec->arg;
    job->stall_ms = spec->stall_ms;
    struct proc_spec proc = {.argv = (const char *const *)argv.v,
                             .in_fd = PROC_FD_NULL,
                             .out_fd = PROC_FD_NULL,
                             .on_out = spec->capture != NULL  ? capture_output
                                       : spec->on_out != NULL ? hand_on_output
                                                              : NULL,
                             .on_err = spec->capture != NULL ? capture_output : NULL,
                             .on_exit = handle_exit,
                             .arg = job,
                             .stall_ms = spec->stall_ms};
    job->proc = proc_start(loop, &proc, e);
    if (job->proc == NULL) {
        explain_start(e, argv.v[0]);
        free(job);
        job = NULL;
    }
    argv_fini(&argv);
    return job;
}

void job_cancel(struct job *job)
{
    proc_cancel(job->proc);
}

/* What the waiting variants wait for. */
struct wait {
    bool done;
    struct err e;
    job_out_fn *on_out;
    void *arg;
};

static void finish_wait(void *arg, const struct err *e)
{
    struct wait *wait = arg;
    wait->done = true;
    if (e != NULL)
        wait->e = *e;
}

static int wait_output(void *arg, const char *data, size_t len, struct err *e)
{
    struct wait *wait = arg;
    return wait->on_out(wait->arg, data, len, e);
}

static int wait_for(struct loop *loop, struct wait *wait, struct err *e)
{
    while (!wait->done)
        if (loop_run_once(loop, -1, e) != 0)
            return -1;
    if (wait->e.code != ERR_NONE) {
        *e = wait->e;
        return -1;
    }
    return 0;
}

int job_run(struct loop *loop, const struct job_spec *spec, struct err *e)
{
    struct wait wait = {.e = ERR_INIT, .on_out = spec->on_out, .arg = spec->arg};
    struct job_spec inner = *spec;
    inner.on_out = spec->on_out == NULL ? NULL : wait_output;
    inner.on_done = finish_wait;
    inner.arg = &wait;
    if (job_start(loop, &inner, e) == NULL)
        return -1;
    return wait_for(loop, &wait, e);
}

int job_run_plain(struct loop *loop, const struct site *site, struct argv *command,
                  int64_t stall_ms, struct err *e)
{
    struct job_spec spec = {.site = site, .command = command, .stall_ms = stall_ms};
    return job_run(loop, &spec, e);
}

/* Snapshots that the end of a listing goes over before the loop has another turn: some 5 ms. */
#define LISTING_PORTION 20000

struct listing_job {
    struct loop *loop;
    struct job *job; /* NULL once it has ended */
    struct listing listing;
    bool cancelled;
    job_done_fn *on_done;
    void *arg;
};

static int feed_listing(void *arg, const char *data, size_t len, struct err *e)
{
    struct listing_job *job = arg;
    return listing_feed(&job->listing, data, len, e);
}

static void settle_listing(struct listing_job *job, const struct err *e)
{
    job->on_done(job->arg, e);
    listing_fini(&job->listing);
    free(job);
}

static void end_listing(void *arg)
{
    struct listing_job *job = arg;
    struct err e = ERR_INIT;
    int rc = job->cancelled ? err_set(&e, ERR_INTERRUPTED, "interrupted")
                            : listing_end_some(&job->listing, LISTING_PORTION, &e);
    if (rc == LISTING_MORE)
        loop_add_timer(job->loop, 0, end_listing, job);
    else
        settle_listing(job, rc == 0 ? NULL : &e);
}

static void finish_listing(void *arg, const struct err *e)
{
    struct listing_job *job = arg;
    job->job = NULL;
    if (e == NULL) {
        end_listing(job);
        return;
    }
    if (err_code_is_missing(e->code))
        listing_end_partly(&job->listing);
    settle_listing(job, e);
}

struct listing_job *listing_job_start(struct loop *loop, const struct site *site,
                                      struct argv *command, enum listing_kind kind,
                                      struct inventory *inv, int64_t stall_ms, job_done_fn *on_done,
                                      void *arg, struct err *e)
{
    struct listing_job *job = mem_zalloc(1, sizeof(*job));
    listing_init(&job->listing, kind, inv, site->side, site->root);
    job->loop = loop;
    job->on_done = on_done;
    job->arg = arg;
    struct job_spec spec = {.site = site,
                            .command = command,
                            .on_out = feed_listing,
                            .on_done = finish_listing,
                            .arg = job,
                            .stall_ms = stall_ms};
    job->job = job_start(loop, &spec, e);
    if (job->job == NULL) {
        listing_fini(&job->listing);
        free(job);
        return NULL;
    }
    return job;
}

void listing_job_cancel(struct listing_job *job)
{
    job->cancelled = true;
    if (job->job != NULL)
        job_cancel(job->job);
}

int listing_run(struct loop *loop, const struct site *site, struct argv *command,
                enum listing_kind kind, struct inventory *inv, int64_t stall_ms, struct err *e)
{
    struct wait wait = {.e = ERR_INIT};
    if (listing_job_start(loop, site, command, kind, inv, stall_ms, finish_wait, &wait, e) == NULL)
        return -1;
    return wait_for(loop, &wait, e);
}
