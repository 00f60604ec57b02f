/*
 * The state as JSON for programs and for the page. Every function appends one JSON object to
 * `out`; `now` is seconds UTC; `stream` is the place in the stream of changes that the state stands
 * for. What each field means is in docs/openapi.yaml.
 */
#ifndef BACKUPD_WEB_VIEWS_H
#define BACKUPD_WEB_VIEWS_H

#include "settings.h"
#include "state.h"
#include "str.h"

/* GET /api/v1/state */
void view_state(const struct state *state, const struct settings *settings, const char *stream,
                int64_t now, struct str *out);

/* GET /api/v1/datasets/NAME */
void view_dataset(const struct state *state, const struct dataset_state *ds, const char *stream,
                  int64_t now, struct str *out);

/* GET /api/v1/activity */
void view_activity(const struct state *state, const char *stream, int64_t now, struct str *out);

/* What changed since the message before, for the stream of changes. */
struct view_change {
    const char *const *names; /* datasets that changed or are gone; each once */
    size_t name_count;
    uint64_t first_line; /* lines of the log (RECORD_LINE) from this number on, counted as
                            `total` of the ring counts them */
    bool activity;       /* a cycle, transfer, failure or day was added */
};

/* One message of GET /api/v1/changes, in one line without a newline. */
void view_change(const struct state *state, const struct view_change *change, int64_t now,
                 struct str *out);

/* {"error":{"code":CODE,"text":TEXT}} */
void view_error(const char *code, const char *text, struct str *out);

#endif
