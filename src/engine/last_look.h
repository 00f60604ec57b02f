/*
 * The last look at the remote after a cycle that changed something there: it is asked what changed,
 * so that the next cycle can tell what this one did from what others did since, and need not list
 * the remote's snapshots again (quiet.h). Nobody waits for it. Where it fails, or the next cycle
 * begins before it has ended, that cycle lists them.
 */
#ifndef BACKUPD_ENGINE_LAST_LOOK_H
#define BACKUPD_ENGINE_LAST_LOOK_H

#include "config.h"
#include "inventory.h"
#include "loop.h"
#include "quiet.h"
#include "sites.h"

/* How long after the end of a cycle it looks: QUIET_APART_MS, and a second for a clock there that is
 * a little ahead of ours, of which a second that has just passed would not be over yet. */
#define LAST_LOOK_MS (QUIET_APART_MS + 1000)

struct last_look;

/* What is known of dataset `name`, with which all has gone well; or NULL. `*ret_count`: how many of
 * these the remote has, by what was told. Valid until the loop has another turn. */
typedef const struct row_table *last_look_rows_fn(void *arg, const char *name, size_t *ret_count);

struct last_look_spec {
    struct loop *loop;
    const struct config *config;
    const struct sites *sites;
    struct quiet *quiet;
    last_look_rows_fn *rows;
    void (*on_done)(void *arg); /* called once, from the loop, when nothing runs any more */
    void *arg;
};

/* Starts it, at the end of a cycle: it looks LAST_LOOK_MS later. What `spec` points to must outlive
 * it; `spec` itself need not. */
struct last_look *last_look_start(const struct last_look_spec *spec);

/* Ends it early; quiet is left alone from here on. on_done is still called. NULL is fine. */
void last_look_stop(struct last_look *look);

/* Frees it; not while anything runs that its loop still turns for. NULL is fine. */
void last_look_free(struct last_look *look);

#endif
