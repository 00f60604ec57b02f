#include "bookmarking.h"

#include <stdio.h>

#include "command.h"
#include "job.h"

static struct job *start(struct steps *steps, struct argv *argv, job_done_fn *on_done, void *arg,
                         struct err *e)
{
    struct job_spec spec = {.site = &steps->sites->side[SIDE_LOCAL],
                            .command = argv,
                            .on_done = on_done,
                            .arg = arg,
                            .stall_ms = steps->config->stall_timeout * 1000};
    return job_start(steps->loop, &spec, e);
}

static void finish(struct bookmarking *b)
{
    b->steps->bookmarked = b->snap->guid;
    b->steps->bookmarked_txg = b->snap->createtxg;
    b->on_done(b->arg);
}

/* I3: only bookmarks of ours that are older than the snapshot. A newer one may be all that is left of
 * the base of the next increment. What was older than the one before has gone with that. */
static bool is_old(const struct bookmarking *b, const struct snapshot *bookmark)
{
    return bookmark->createtxg < b->snap->createtxg &&
           bookmark->createtxg >= b->steps->bookmarked_txg &&
           bookmark->guid != b->steps->bookmarked &&
           bookmark_is_ours(bookmark->name, bookmark->guid);
}

/* Finds the next bookmark that goes. False: none does. */
static bool find_old(struct bookmarking *b)
{
    const struct steps *steps = b->steps;
    const struct snapset *set = &steps->refresh.ds->side[SIDE_LOCAL].bookmarks;
    for (; b->at < set->n; b->at++)
        if (is_old(b, &set->v[b->at])) {
            snprintf(b->gone.s, sizeof(b->gone.s), "%s", set->v[b->at++].name);
            return true;
        }
    if (b->is_last || steps->bookmarked == 0 || steps->bookmarked_txg >= b->snap->createtxg)
        return false;
    b->is_last = true;
    snprintf(b->gone.s, sizeof(b->gone.s), "backupd-%llu", (unsigned long long)steps->bookmarked);
    return true;
}

static void note_removal(const struct steps *steps, const char *name, const struct err *e)
{
    if (e != NULL && e->code != ERR_SNAPSHOT_MISSING && e->code != ERR_DATASET_MISSING)
        report_note(&steps->report, LEVEL_WARNING, "cannot remove the old bookmark %s: %s", name,
                    e->msg);
}

static void remove_next(struct bookmarking *b);

static void handle_removed(void *arg, const struct err *e)
{
    struct bookmarking *b = arg;
    note_removal(b->steps, b->gone.s, e);
    remove_next(b);
}

static void remove_next(struct bookmarking *b)
{
    while (find_old(b)) {
        struct err e = ERR_INIT;
        struct argv argv;
        argv_init(&argv);
        command_destroy_bookmark(&argv, b->steps->full[SIDE_LOCAL], (struct snapname){b->gone.s});
        if (start(b->steps, &argv, handle_removed, b, &e) != NULL)
            return;
        note_removal(b->steps, b->gone.s, &e);
    }
    finish(b);
}

static void handle_made(void *arg, const struct err *e)
{
    struct bookmarking *b = arg;
    if (e == NULL || e->code == ERR_EXISTS) {
        remove_next(b);
        return;
    }
    report_note(&b->steps->report, LEVEL_WARNING, "cannot bookmark %s: %s", b->snap->name, e->msg);
    b->on_done(b->arg);
}

void bookmarking_start(struct bookmarking *bookmarking, struct steps *steps, size_t place,
                       bookmarking_done_fn *on_done, void *arg)
{
    const struct snapshot *snap = &steps->refresh.ds->side[SIDE_LOCAL].snapshots.v[place];
    struct err e = ERR_INIT;
    struct argv argv;
    *bookmarking =
        (struct bookmarking){.steps = steps, .snap = snap, .on_done = on_done, .arg = arg};
    argv_init(&argv);
    command_bookmark(&argv, steps->full[SIDE_LOCAL], (struct snapname){snap->name}, snap->guid);
    if (start(steps, &argv, handle_made, bookmarking, &e) == NULL)
        handle_made(bookmarking, &e);
}

static void note_done(void *arg)
{
    *(bool *)arg = true;
}

void bookmarking_run(struct steps *steps, size_t place)
{
    struct bookmarking bookmarking;
    bool is_done = false;
    struct err e = ERR_INIT;
    bookmarking_start(&bookmarking, steps, place, note_done, &is_done);
    while (!is_done && loop_run_once(steps->loop, -1, &e) == 0)
        continue;
}

void bookmarking_remove_old(struct steps *steps)
{
    const struct dataset *ds = steps->refresh.ds;
    size_t at = target_old_bookmark(&steps->refresh.target, ds, 0);
    for (; at != TARGET_NONE; at = target_old_bookmark(&steps->refresh.target, ds, at + 1)) {
        struct snapname name = {ds->side[SIDE_LOCAL].bookmarks.v[at].name};
        struct err e = ERR_INIT;
        struct argv argv;
        argv_init(&argv);
        command_destroy_bookmark(&argv, steps->full[SIDE_LOCAL], name);
        if (job_run_plain(steps->loop, &steps->sites->side[SIDE_LOCAL], &argv,
                          steps->config->stall_timeout * 1000, &e) != 0)
            note_removal(steps, name.s, &e);
    }
}
