/* What the views share among themselves and with the pages. Nobody else needs it. */
#ifndef BACKUPD_WEB_VIEWS_PARTS_H
#define BACKUPD_WEB_VIEWS_PARTS_H

#include "state.h"
#include "str.h"

/* Appends the fields of a dataset's summary, without brackets, to an object that is open. */
void view_add_summary(const struct state *state, const struct dataset_state *ds, int64_t now,
                      struct str *out);

/*
 * Whether there is a failure to tell of: its newest run failed, or it did before the one that
 * waits or runs now, which has mended nothing yet. Of what only the remote has there is none.
 */
bool view_has_failed(const struct dataset_state *ds);

/* Appends a line of the log as an object of the open list; with its dataset, or without. */
void view_add_line(const struct record *line, bool with_dataset, struct str *out);

/* The most lines of the log that go with a dataset, and where in the log they begin. */
#define VIEW_DATASET_LINES 200
size_t view_first_line_of(const struct chronicle *chronicle, const char *dataset);
bool view_line_is_of(const struct record *line, const char *dataset);

/* "present", "going", "absent", "coming". */
const char *view_place_word(const struct snapshot_row *row, enum side side);

/* The stable word of one bit of enum keep. */
const char *view_keep_word(unsigned reason);

/* Begin of the first minute of the hour of which the throughput is told. */
int64_t view_first_minute(int64_t now);

/* "2026-11-23", of the day that `time` is in. Appended. */
void view_add_day(int64_t time, struct str *out);

#endif
