/* Events and state as lines for people. */
#ifndef BACKUPD_CLI_RENDER_H
#define BACKUPD_CLI_RENDER_H

#include "state.h"
#include "str.h"

/*
 * Appends what a log says of `event`, one line without its newline, and returns its level; -1
 * where a log says nothing. `state` has the event folded in.
 */
int render_event(const struct event *event, const struct state *state, struct str *out);

/* Appends one line that sums up what the newest run did to a dataset. */
void render_summary(const struct dataset_state *ds, bool dryrun, struct str *out);

/* Appends a running transfer with its bar, in `width` columns, as of `now`. */
void render_progress(const struct dataset_state *ds, const struct step_state *step, int64_t now,
                     unsigned width, struct str *out);

#endif
