#include "worker.h"

#include <signal.h>
#include <stdlib.h>

#include "bookmarking.h"
#include "clock.h"
#include "command.h"
#include "job.h"
#include "mem.h"
#include "steps.h"
#include "token.h"

/* A receive that was cut a moment ago keeps its dataset busy until the other side notices. */
#define BUSY_RETRY_MS 3000
#define BUSY_RETRIES  15

static void handle_term(void *arg, int signo)
{
    (void)signo;
    *(bool *)arg = true;
}

/* Plans from the cycle's own listing, once, where that will do. */
static bool reuse_listing(struct steps *steps, const struct worker_task *task)
{
    if (steps->looked || task->dryrun || task->listed == NULL ||
        clock_monotonic_ms() - task->listed_ms >= LISTING_FRESH_MS)
        return false;
    return refresh_reuse(&steps->refresh, steps->config, task->listed);
}

/* Lists and plans the dataset anew. */
static int refresh_again(struct steps *steps, struct err *e)
{
    refresh_fini(&steps->refresh);
    if (refresh_dataset(&steps->refresh, steps->loop, steps->config, steps->sites,
                        steps->report.dataset, e) != 0)
        return -1;
    report_plan(&steps->report, steps->refresh.ds, &steps->refresh.target, &steps->refresh.plan);
    return 0;
}

static const char *pending_token(const struct steps *steps)
{
    return steps->refresh.ds->side[SIDE_REMOTE].token;
}

/* Asks the sending side what a token stands for. ERR_TOKEN_STALE where it stands for nothing. */
static int describe_token(struct steps *steps, const char *text, struct token *ret, struct err *e)
{
    if (!token_is_plausible(text))
        return err_set(e, ERR_TOKEN_STALE, "it is no token");
    struct argv argv;
    argv_init(&argv);
    command_describe_token(&argv, text);
    struct str output;
    str_init(&output);
    struct job_spec spec = {.site = &steps->sites->side[SIDE_LOCAL],
                            .command = &argv,
                            .capture = &output,
                            .stall_ms = steps->config->stall_timeout * 1000};
    int rc = job_run(steps->loop, &spec, e);
    if (rc == 0)
        rc = token_parse(output.s, ret, e);
    str_fini(&output);
    return rc;
}

/* The first transfer of the plan, or SIZE_MAX. */
static size_t first_transfer(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->v[i].op == OP_INITIAL_TRANSFER || plan->v[i].op == OP_RANGE_TRANSFER)
            return i;
    return SIZE_MAX;
}

/* Whether what the token stands for is what the plan would send next: 0, or -1 and why not. */
static int check_token(const struct steps *steps, const struct token *token, size_t at,
                       struct err *e)
{
    if (at == SIZE_MAX)
        return err_set(e, ERR_TOKEN_STALE, "nothing is to be sent any more");
    const struct step *step = &steps->refresh.plan.v[at];
    const struct holding *local = &steps->refresh.ds->side[SIDE_LOCAL];
    struct token_wish wish = {.dataset = steps->full[SIDE_LOCAL],
                              .to_guid = local->snapshots.v[step->end].guid,
                              .encrypted = local->encrypted};
    if (step->op == OP_RANGE_TRANSFER)
        wish.from_guid = step->from_bookmark ? local->bookmarks.v[step->start].guid
                                             : local->snapshots.v[step->start].guid;
    return token_check(token, &wish, e);
}

static int discard_token(struct steps *steps, const char *why, struct err *e)
{
    report_note(&steps->report, LEVEL_WARNING, "discarding the interrupted receive: %s", why);
    struct argv argv;
    argv_init(&argv);
    command_abort_receive(&argv, steps->full[SIDE_REMOTE]);
    if (job_run_plain(steps->loop, &steps->sites->side[SIDE_REMOTE], &argv,
                      steps->config->stall_timeout * 1000, e) == 0)
        return 0;
    if (e->code == ERR_BUSY)
        steps->again = AGAIN_LATER;
    return err_wrap(e, "cannot discard the interrupted receive");
}

/*
 * An interrupted receive comes first: it is resumed where the plan wants what it holds, and
 * discarded where it does not or where its snapshot is gone. Either way the plan is made anew.
 */
static int settle_token(struct steps *steps, bool dryrun, struct err *e)
{
    struct err why_not = ERR_INIT;
    struct token token = {0};
    char *text = mem_strdup(pending_token(steps));
    size_t at = first_transfer(&steps->refresh.plan);
    int rc = describe_token(steps, text, &token, e);
    if (rc != 0 && e->code != ERR_TOKEN_STALE && e->code != ERR_SNAPSHOT_MISSING &&
        e->code != ERR_DATASET_MISSING) {
        err_wrap(e, "cannot tell what the interrupted receive holds");
        goto out;
    }
    if (rc != 0)
        why_not = *e;
    bool wanted = rc == 0 && check_token(steps, &token, at, &why_not) == 0;
    rc = 0;
    if (dryrun)
        report_note(&steps->report, LEVEL_INFO, "would %s the interrupted receive%s%s",
                    wanted ? "resume" : "discard", wanted ? "" : ": ", why_not.msg);
    else if (wanted)
        rc = steps_resume(steps, at, text, token.from_guid == 0, e);
    else
        rc = discard_token(steps, why_not.msg, e);
    /* A token can also turn out to be stale while it is sent: then it goes, and the plan is made
     * without it. */
    if (rc != 0 && wanted && e->code == ERR_TOKEN_STALE) {
        struct err reason = *e;
        rc = discard_token(steps, reason.msg, e);
    }
    /* A receive that was still ending when the token was read leaves a newer one, and zfs refuses a
     * stream for the old one: once more, from a new listing. */
    if (rc != 0 && wanted && e->code == ERR_STREAM_BAD && !steps->resumed_again) {
        steps->resumed_again = true;
        steps->again = AGAIN_AT_ONCE;
    }
    if (rc == 0 && !dryrun)
        rc = refresh_again(steps, e);
out:
    free(text);
    return rc;
}

static void keep_first(struct err *first, const struct err *e)
{
    if (first->code == ERR_NONE)
        *first = *e;
}

/*
 * Runs the plan. A deletion that fails is told at the end and does not keep new data from being
 * sent; a transfer that fails ends the plan, because the next starts from it.
 */
static int run_plan(struct steps *steps, struct err *e)
{
    struct err first = ERR_INIT;
    for (size_t i = 0; i < steps->refresh.plan.n && !steps->stop; i++) {
        char what[700];
        if (steps_run(steps, &i, e) == 0)
            continue;
        step_describe(&steps->refresh.plan.v[i], steps->refresh.ds, &steps->refresh.target, what,
                      sizeof(what));
        err_wrap(e, "cannot %s", what);
        keep_first(&first, e);
        enum op op = steps->refresh.plan.v[i].op;
        if (op == OP_INITIAL_TRANSFER || op == OP_RANGE_TRANSFER || steps->again != AGAIN_NEVER ||
            err_code_is_connection(e->code))
            break;
    }
    if (first.code == ERR_NONE && steps->stop)
        err_set(&first, ERR_INTERRUPTED, "ended because backupd is stopping");
    if (first.code == ERR_NONE)
        return 0;
    *e = first;
    return -1;
}

/* From a listing to the last step. */
static int work(struct steps *steps, const struct worker_task *task, struct err *e)
{
    bool dryrun = task->dryrun;
    bool reused = reuse_listing(steps, task); /* the cycle has told this plan already */
    steps->looked = true;
    if (!reused && refresh_again(steps, e) != 0)
        return -1;
    if (!steps->refresh.ds->side[SIDE_LOCAL].exists)
        return 0; /* I9: its source is gone, and the remote stays as it is, its token too */
    if (steps->refresh.target.error.code != ERR_NONE) {
        *e = steps->refresh.target.error;
        return -1;
    }
    if (pending_token(steps) != NULL && settle_token(steps, dryrun, e) != 0)
        return -1;
    if (steps->refresh.target.error.code != ERR_NONE) {
        *e = steps->refresh.target.error;
        return -1;
    }
    if (dryrun)
        return 0;
    size_t bookmark = target_missing_bookmark(&steps->refresh.target, steps->refresh.ds);
    if (bookmark != TARGET_NONE)
        bookmarking_run(steps, bookmark);
    else
        bookmarking_remove_old(steps);
    return run_plan(steps, e);
}

static void fire(void *arg)
{
    *(bool *)arg = true;
}

/* Waits, or less where the engine wants us to end. */
static void pause_ms(struct steps *steps, int64_t ms)
{
    bool fired = false;
    struct err ignored;
    struct loop_timer *timer = loop_add_timer(steps->loop, ms, fire, &fired);
    while (!fired && !steps->stop && loop_run_once(steps->loop, 500, &ignored) == 0)
        continue;
    if (!fired)
        loop_remove_timer(timer);
}

/* A receive that has ended at last, or went on before it failed, leaves a token that the listing
 * did not have: begins with a new one. */
static int work_patiently(struct steps *steps, const struct worker_task *task, struct err *e)
{
    int waits = 0;
    for (;;) {
        steps->again = AGAIN_NEVER;
        if (work(steps, task, e) == 0)
            return 0;
        if (steps->again == AGAIN_NEVER || waits == BUSY_RETRIES || steps->stop)
            return -1;
        if (steps->again == AGAIN_AT_ONCE) {
            report_note(&steps->report, LEVEL_INFO, "looking again after this: %s", e->msg);
        } else {
            if (waits++ == 0)
                report_note(&steps->report, LEVEL_INFO,
                            "waiting for another receive to end, as it seems: %s", e->msg);
            pause_ms(steps, BUSY_RETRY_MS);
        }
        if (steps->stop)
            return -1;
        err_clear(e);
    }
}

int worker_main(void *arg, int fd)
{
    const struct worker_task *task = arg;
    struct err e = ERR_INIT;
    struct steps steps = {
        .config = task->config,
        .sites = task->sites,
        .limiter = task->limiter,
        .compression = task->compression,
        .ancestor_failed = task->ancestor_failed,
        .is_moving = task->after_convoy,
        .report = {.fd = fd, .cycle = task->cycle, .dataset = task->name},
    };
    report_started(&steps.report);
    steps.loop = loop_new(&e);
    int rc = steps.loop == NULL ? -1 : 0;
    if (rc == 0)
        rc = loop_watch_signal(steps.loop, SIGTERM, handle_term, &steps.stop, &e);
    if (rc == 0)
        rc = steps_name(&steps, task->name, &e);
    if (rc == 0)
        rc = work_patiently(&steps, task, &e);
    report_finished(&steps.report, rc == 0 ? NULL : &e);
    refresh_fini(&steps.refresh);
    series_fini(&steps.series);
    loop_free(steps.loop);
    return rc == 0 ? 0 : 1;
}
