/* Events and the state as sentences: what the log, the page and the terminal say of them. */
#ifndef BACKUPD_DOMAIN_DESCRIBE_H
#define BACKUPD_DOMAIN_DESCRIBE_H

#include "state.h"
#include "str.h"

/*
 * Appends what a log says of `event`, one line without a newline and without the dataset's name,
 * and returns its level; -1 where a log says nothing. `state` has the event folded in.
 */
int event_describe(const struct event *event, const struct state *state, struct str *out);

/* Appends "send daily-1 to daily-2" for a step. */
void step_state_describe(const struct step_state *step, struct str *out);

/* Appends one line that sums up the newest cycle. */
void cycle_describe(const struct state *state, struct str *out);

/* Appends an error: its words, its code, the way out. */
void error_describe(enum err_code code, const char *text, struct str *out);

#endif
