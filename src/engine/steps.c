#include "steps.h"

#include <stdlib.h>

#include "bookmarking.h"
#include "command.h"
#include "destination.h"
#include "job.h"
#include "mem.h"
#include "transfer.h"

int steps_name(struct steps *steps, const char *name, struct err *e)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        if (side == SIDE_REMOTE && !config_has_remote(steps->config))
            continue;
        if (dsname_join(&steps->full_buf[side], steps->sites->side[side].root, name,
                        &steps->full[side], e) != 0)
            return -1;
    }
    return 0;
}

static int64_t stall_ms(const struct steps *steps)
{
    return steps->config->stall_timeout * 1000;
}

static const struct site *site(const struct steps *steps, enum side side)
{
    return &steps->sites->side[side];
}

static const struct snapshot *local_snapshot(const struct steps *steps, size_t place)
{
    return &steps->refresh.ds->side[SIDE_LOCAL].snapshots.v[place];
}

static int run(struct steps *steps, enum side side, struct argv *argv, struct err *e)
{
    return job_run_plain(steps->loop, site(steps, side), argv, stall_ms(steps), e);
}

static bool is_deletion(const struct step *step)
{
    return step->op == OP_DELETION || step->op == OP_RANGE_DELETION;
}

/* Deletions on one side that are done together. */
struct destruction {
    struct steps *steps;
    enum side side;
    size_t at, last; /* the step that is under way, and the last one */
    size_t *places;  /* what goes, in the order of the steps */
    size_t count;
    size_t done;  /* how many of `places` went */
    size_t begun; /* where in `places` the step that is under way begins */
};

static size_t step_size(const struct step *step)
{
    return step->end - step->start + 1;
}

/* Takes step `at` and those that can go along. Plan.h: among deletions the order is free. */
static void gather(struct destruction *d, struct steps *steps, size_t at)
{
    const struct plan *plan = &steps->refresh.plan;
    *d = (struct destruction){.steps = steps, .side = plan->v[at].side, .at = at, .last = at};
    while (!steps->one_by_one && d->last + 1 < plan->n && is_deletion(&plan->v[d->last + 1]) &&
           plan->v[d->last + 1].side == d->side)
        d->last++;
    size_t total = 0;
    for (size_t i = at; i <= d->last; i++)
        total += step_size(&plan->v[i]);
    d->places = mem_alloc(total * sizeof(*d->places));
    for (size_t i = at; i <= d->last; i++)
        for (size_t place = plan->v[i].start; place <= plan->v[i].end; place++)
            d->places[d->count++] = place;
}

/* Says what became of the steps, now that `done` is what it is. */
static void tell_destroyed(struct destruction *d)
{
    const struct report *report = &d->steps->report;
    for (;;) {
        size_t size = step_size(&d->steps->refresh.plan.v[d->at]);
        if (d->done - d->begun < size) {
            report_step_progress(report, d->at, 0, 0); /* a sign of life */
            return;
        }
        report_step_finished(report, d->at, 0, size, NULL);
        if (d->at == d->last)
            return;
        d->begun += size;
        report_step_started(report, ++d->at, false);
    }
}

/* I8: what is destroyed was listed by this very process, and is named snapshot by snapshot. */
static int destroy_some(struct destruction *d, struct err *e)
{
    const struct snapset *set = &d->steps->refresh.ds->side[d->side].snapshots;
    size_t next = d->done;
    struct argv argv;
    argv_init(&argv);
    command_destroy_snapshots(&argv, d->steps->full[d->side], set, d->places, d->count, &next);
    if (run(d->steps, d->side, &argv, e) != 0)
        return -1;
    d->done = next;
    tell_destroyed(d);
    return 0;
}

static int destroy(struct steps *steps, size_t *at, struct err *e)
{
    struct destruction d;
    int rc = 0;
    gather(&d, steps, *at);
    bool together = d.last > *at;
    report_step_started(&steps->report, *at, false);
    while (d.done < d.count && rc == 0 && !steps->stop)
        rc = destroy_some(&d, e);
    if (rc != 0 && together && !err_code_is_connection(e->code)) {
        steps->one_by_one = true;
        steps->again = AGAIN_AT_ONCE;
    }
    if (rc == 0 && d.done < d.count)
        rc = err_set(e, ERR_INTERRUPTED, "ended because backupd is stopping");
    if (rc != 0)
        report_step_finished(&steps->report, d.at, 0, d.done - d.begun, e);
    *at = d.at;
    free(d.places);
    return rc;
}

/* What one attempt at a transfer needs to build its two commands. */
struct attempt {
    size_t at;
    const char *token; /* NULL: not a resumption */
    unsigned receive_flags;
};

/* A transfer that runs. */
struct passage {
    struct steps *steps;
    size_t at;
    bool is_compressed;
};

static void hand_on_progress(void *arg, uint64_t bytes, uint64_t total)
{
    struct passage *passage = arg;
    report_step_progress(&passage->steps->report, passage->at, bytes, total);
}

/* A resumption is what it resumes: full, or an increment. */
static bool choose_compression(void *arg, uint64_t total)
{
    struct passage *passage = arg;
    struct steps *steps = passage->steps;
    struct compression_wish wish = {.compression = steps->compression,
                                    .loop = steps->loop,
                                    .config = steps->config,
                                    .sites = steps->sites,
                                    .report = &steps->report,
                                    .ds = steps->full[SIDE_LOCAL],
                                    .encrypted = steps->refresh.ds->side[SIDE_LOCAL].encrypted,
                                    .full = steps->refresh.plan.v[passage->at].op ==
                                            OP_INITIAL_TRANSFER,
                                    .bytes = total};
    passage->is_compressed = compression_pays(&wish);
    if (passage->is_compressed)
        report_note(&steps->report, LEVEL_INFO,
                    "zstd compresses the stream on the wire; amounts and speeds are of the stream "
                    "before that");
    return passage->is_compressed;
}

static void build_send(const struct steps *steps, const struct attempt *attempt, struct argv *argv)
{
    if (attempt->token != NULL) {
        command_send_token(argv, attempt->token);
        return;
    }
    const struct step *step = &steps->refresh.plan.v[attempt->at];
    struct snapname snap = {local_snapshot(steps, step->end)->name};
    if (step->op == OP_INITIAL_TRANSFER) {
        command_send(argv, steps->full[SIDE_LOCAL], snap, NULL, false);
        return;
    }
    const struct holding *local = &steps->refresh.ds->side[SIDE_LOCAL];
    const struct snapset *from = step->from_bookmark ? &local->bookmarks : &local->snapshots;
    struct snapname base = {from->v[step->start].name};
    command_send(argv, steps->full[SIDE_LOCAL], snap, &base, step->from_bookmark);
}

void steps_increment(const struct steps *steps, size_t at, struct argv *send, struct argv *receive)
{
    struct attempt attempt = {.at = at};
    build_send(steps, &attempt, send);
    command_receive(receive, steps->full[SIDE_REMOTE], attempt.receive_flags);
}

static const struct site *find_big_site(void *arg)
{
    const struct passage *passage = arg;
    struct steps *steps = passage->steps;
    return series_site(&steps->series, steps->loop, steps->sites, &steps->stop);
}

/* Whether more is to be sent after step `at`: the transfers of a plan are its last steps. */
static bool is_in_series(const struct steps *steps, size_t at)
{
    return steps->series.connection != NULL || at + 1 < steps->refresh.plan.n;
}

static int try_transfer(struct steps *steps, const struct attempt *attempt, uint64_t *ret_bytes,
                        struct err *e)
{
    struct argv send;
    struct argv receive;
    argv_init(&send);
    argv_init(&receive);
    build_send(steps, attempt, &send);
    command_receive(&receive, steps->full[SIDE_REMOTE], attempt->receive_flags);
    struct passage passage = {.steps = steps, .at = attempt->at};
    struct transfer transfer = {.from = site(steps, SIDE_LOCAL),
                                .to = site(steps, SIDE_REMOTE),
                                .send = &send,
                                .receive = &receive,
                                .limiter = steps->limiter,
                                .stall_ms = stall_ms(steps),
                                .on_progress = hand_on_progress,
                                .big_site = is_in_series(steps, attempt->at) ? find_big_site : NULL,
                                .compresses = choose_compression,
                                .arg = &passage,
                                .stop = &steps->stop};
    int rc = transfer_run(steps->loop, &transfer, ret_bytes, e);
    if (rc != 0 && passage.is_compressed)
        compression_doubt(steps->compression);
    return rc;
}

/* I7: only where configured, and only writes after the newest snapshot: plain zfs rollback refuses
 * to go behind a snapshot. It has the name that the remote knows it by. */
static int roll_back(struct steps *steps, struct err *e)
{
    const struct snapshot *tip = snapset_newest(&steps->refresh.ds->side[SIDE_REMOTE].snapshots);
    if (tip == NULL)
        return -1; /* nothing to go back to: the failure stands */
    struct argv argv;
    argv_init(&argv);
    command_rollback(&argv, steps->full[SIDE_REMOTE], (struct snapname){tip->name});
    report_note(&steps->report, LEVEL_WARNING,
                "the remote copy was written to: rolling it back to its newest snapshot %s",
                tip->name);
    if (run(steps, SIDE_REMOTE, &argv, e) != 0)
        return err_wrap(e, "cannot roll the remote back to %s", tip->name);
    return 0;
}

/* Whether a transfer can have failed in this way because a side is not any more as it was listed. */
static bool listing_may_be_why(enum err_code code)
{
    switch (code) {
    case ERR_DATASET_MISSING:
    case ERR_SNAPSHOT_MISSING:
    case ERR_EXISTS:
    case ERR_MODIFIED:
    case ERR_BASE_MISSING:
        return true;
    default:
        return false;
    }
}

/* Whether a new listing may help. After a convoy what that sent may have arrived since the last one. */
static bool may_look_again(const struct steps *steps, enum err_code code)
{
    return (steps->refresh.reused && listing_may_be_why(code)) ||
           (steps->is_moving && (code == ERR_EXISTS || code == ERR_BASE_MISSING));
}

static int transfer_or_roll_back(struct steps *steps, const struct attempt *attempt,
                                 uint64_t *ret_bytes, struct err *e)
{
    if (try_transfer(steps, attempt, ret_bytes, e) == 0)
        return 0;
    if (e->code == ERR_BUSY)
        steps->again = AGAIN_LATER;
    else if (may_look_again(steps, e->code)) {
        steps->again = AGAIN_AT_ONCE;
        steps->is_moving = false;
    } else if (e->code == ERR_MODIFIED && steps->config->rollback && !steps->rolled_back) {
        if (roll_back(steps, e) != 0)
            return -1;
        steps->rolled_back = true;
        steps->again = AGAIN_AT_ONCE;
    }
    return -1;
}

/* A full stream leaves real data where the placeholder was. */
static int unmark_placeholder(struct steps *steps, struct err *e)
{
    struct argv argv;
    argv_init(&argv);
    command_unmark_placeholder(&argv, steps->full[SIDE_REMOTE]);
    if (run(steps, SIDE_REMOTE, &argv, e) != 0)
        return err_wrap(e, "cannot remove the placeholder mark");
    return 0;
}

static unsigned creation_flags(const struct steps *steps)
{
    bool volume = steps->refresh.ds->side[SIDE_LOCAL].type == DATASET_VOLUME;
    return RECEIVE_CREATES | (volume ? RECEIVE_VOLUME : 0U);
}

static int prepare(struct steps *steps, unsigned *ret_flags, struct err *e)
{
    const struct holding *local = &steps->refresh.ds->side[SIDE_LOCAL];
    bool overwrites;
    *ret_flags = creation_flags(steps);
    /* A placeholder for an encrypted parent could never take it any more. */
    if (steps->ancestor_failed && local->encrypted &&
        destination_check_parent(steps->loop, site(steps, SIDE_REMOTE), steps->full[SIDE_REMOTE],
                                 stall_ms(steps), e) != 0)
        return -1;
    if (destination_prepare(steps->loop, site(steps, SIDE_REMOTE), steps->full[SIDE_REMOTE],
                            steps->refresh.ds->side[SIDE_REMOTE].exists, local->encrypted,
                            local->type == DATASET_VOLUME, stall_ms(steps), &overwrites, e) != 0)
        return -1;
    if (overwrites)
        *ret_flags |= RECEIVE_OVERWRITES;
    return 0;
}

/* Runs the attempt, and what follows a success. */
static int finish_transfer(struct steps *steps, const struct attempt *attempt, bool full,
                           struct err *e)
{
    uint64_t bytes = 0;
    size_t place = steps->refresh.plan.v[attempt->at].end;
    int rc = transfer_or_roll_back(steps, attempt, &bytes, e);
    if (rc == 0)
        bookmarking_run(steps, place);
    if (rc == 0 && full)
        rc = unmark_placeholder(steps, e);
    report_step_finished(&steps->report, attempt->at, bytes, rc == 0 ? 1 : 0, rc == 0 ? NULL : e);
    return rc;
}

/* Over a placeholder a resumption needs the -F of the first attempt, too: 2.3 says so at once, 2.1
 * after the whole stream. */
static int prepare_resumption(struct steps *steps, unsigned *ret_flags, struct err *e)
{
    struct destination found;
    *ret_flags = creation_flags(steps);
    if (destination_look(steps->loop, site(steps, SIDE_REMOTE), steps->full[SIDE_REMOTE],
                         stall_ms(steps), &found, e) != 0)
        return -1;
    if (found.placeholder)
        *ret_flags |= RECEIVE_OVERWRITES;
    return 0;
}

int steps_resume(struct steps *steps, size_t at, const char *token, bool full, struct err *e)
{
    struct attempt attempt = {.at = at, .token = token};
    report_step_started(&steps->report, at, true);
    if (full && prepare_resumption(steps, &attempt.receive_flags, e) != 0) {
        report_step_finished(&steps->report, at, 0, 0, e);
        return -1;
    }
    return finish_transfer(steps, &attempt, full, e);
}

static int transfer_step(struct steps *steps, size_t at, struct err *e)
{
    struct attempt attempt = {.at = at};
    bool full = steps->refresh.plan.v[at].op == OP_INITIAL_TRANSFER;
    report_step_started(&steps->report, at, false);
    if (full && prepare(steps, &attempt.receive_flags, e) != 0) {
        report_step_finished(&steps->report, at, 0, 0, e);
        return -1;
    }
    return finish_transfer(steps, &attempt, full, e);
}

int steps_run(struct steps *steps, size_t *at, struct err *e)
{
    if (is_deletion(&steps->refresh.plan.v[*at]))
        return destroy(steps, at, e);
    return transfer_step(steps, *at, e);
}
