/* What the files of the fold share: state.c and state_steps.c; for them only. */
#ifndef BACKUPD_DOMAIN_STATE_PARTS_H
#define BACKUPD_DOMAIN_STATE_PARTS_H

#include "state.h"

/* Replaces an owned string by a copy of `value`, which may be NULL. */
void state_set_text(char **text, const char *value);

/* Works out what the table of a dataset says about its copy. */
void state_weigh_rows(const struct state *state, struct dataset_state *ds);

/* Folds an event of a step in: of one that the plan does not have, it changes nothing. */
void state_apply_step(struct state *state, struct dataset_state *ds, const struct event *event);

#endif
