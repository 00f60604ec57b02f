/*
 * The engine's side of the history: starts the history role (see history.h), tells it what
 * happened, and takes from it what was known before. The role may be slow, hang, die or talk
 * nonsense: the engine never waits for it, notes what is wrong, and starts it again.
 *
 * What the role is told are the records of the engine's chronicle, so that both always say the
 * same, and a role that is started again is told all of them again: what the one before had not
 * written yet is not lost, and what it had is not written twice.
 */
#ifndef BACKUPD_ENGINE_HISTORY_LINK_H
#define BACKUPD_ENGINE_HISTORY_LINK_H

#include <stdbool.h>

#include "config.h"
#include "loop.h"
#include "state.h"

/* Bytes that wait for a role that is slow; with more of them it is given up. */
#define HISTORY_BACKLOG_MAX (8 * 1024 * 1024)

/* How long it may take nothing at all of them, in ms. */
#define HISTORY_STALL_MS INT64_C(600000)

/* Lines that a role may say within one cycle: far more than it has reason to. */
#define HISTORY_LINES_MAX 100000

/* Seconds before it is started again: at first, doubled each time, and at most. One that ran for
 * longer than the latter begins with the former again. */
#define HISTORY_RESTART_FIRST 5
#define HISTORY_RESTART_MAX   600

struct history_link;

/*
 * Gets the recalled records of the first start (EVENT_CYCLE_RECALLED, EVENT_TRANSFER_RECALLED,
 * EVENT_FAILURE_RECALLED, EVENT_DAY_RECALLED) and notes, the link's own and the role's. Called from
 * the loop, never inside a function of this header; it must not free the link. Strings live until
 * it returns.
 */
typedef void history_event_fn(void *arg, const struct event *event);

/*
 * Makes a link, whose role is started from the loop. `config` is not looked at later. Returns NULL
 * where the configuration wants no history; every function below takes that and does nothing.
 */
struct history_link *history_link_start(struct loop *loop, const struct config *config,
                                        history_event_fn *on_event, void *arg);

/* Whose chronicle is kept. Call it once, before anything is sent; `state` must outlive the link. */
void history_link_watch(struct history_link *link, const struct state *state);

/* Call it for every event, after state_apply has folded it into the watched state. */
void history_link_send(struct history_link *link, const struct event *event);

/*
 * The end: the role is told what is left, its input is closed, and it is not started again. Run
 * the loop until history_link_is_ended, which is true where no role runs, but not for long: it may
 * hang.
 */
void history_link_stop(struct history_link *link);
bool history_link_is_ended(const struct history_link *link);

/* Frees it. A role that still runs is ended, in the background if the loop goes on. */
void history_link_free(struct history_link *link);

#endif
