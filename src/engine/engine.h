/*
 * The engine: the daemon's one process that owns all state. It runs cycles when they are due,
 * retries what failed, reads signals, and tells everything to one listener.
 *
 * SIGTERM, SIGINT: stop. SIGHUP: read the configuration anew, and keep the old one where the new
 * one is wrong. SIGUSR1: start a cycle now.
 */
#ifndef BACKUPD_ENGINE_ENGINE_H
#define BACKUPD_ENGINE_ENGINE_H

#include "config.h"
#include "state.h"

struct engine;

/* Gets every event after it was folded into the state. */
typedef void engine_listener_fn(void *arg, const struct event *event, const struct state *state);

struct engine_options {
    const char *config_path;
    const char *version;
    const char *addr; /* where the web role listens, HOST:PORT; NULL: no web role */
    bool dryrun;
    bool once; /* one cycle, then the end */
    engine_listener_fn *on_event;
    void *arg;
};

/*
 * Makes an engine that owns `config` from now on, also where this fails, and takes the lock of its
 * configuration (ERR_LOCKED where another daemon has it). `options` is copied.
 */
struct engine *engine_new(struct config *config, const struct engine_options *options,
                          struct err *e);

/*
 * Runs until it is told to stop, or with `once` until the cycle and its notification are done.
 * Returns 0, or -1 and `e` where the engine itself could not go on.
 */
int engine_run(struct engine *engine, struct err *e);

/* Whether the newest cycle succeeded as a whole and for every dataset. */
bool engine_succeeded(const struct engine *engine);

/* Ends everything that still runs, lets the lock go, and frees it. NULL is fine. */
void engine_free(struct engine *engine);

#endif
