/*
 * What the web role knows: the state, folded from the engine's events as the engine folds them, and
 * what is drawn from it for those who watch.
 */
#ifndef BACKUPD_WEB_PROJECTION_H
#define BACKUPD_WEB_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"
#include "settings.h"
#include "state.h"
#include "stream.h"

struct projection {
    struct state state;
    struct metrics *metrics;
    struct stream *events;  /* the events as they happen */
    struct stream *changes; /* what the page draws from */
    bool is_ready;          /* everything that was before is known */
    bool is_dirty;          /* something is to be told by projection_flush */
    uint64_t drawing;       /* number of the message that is being collected */
    struct view_names {
        char **v;
        size_t n, cap;
    } changed;           /* datasets that it will tell of */
    uint64_t first_line; /* of the log that it will tell */
    uint64_t records;    /* of the kinds that the activity shows, at the message before */
};

void projection_init(struct projection *projection, uint32_t boot);
void projection_fini(struct projection *projection);

/* Folds an event in. */
void projection_apply(struct projection *projection, const struct event *event);

/* Everything that was before is known now. */
void projection_set_ready(struct projection *projection);

/*
 * Time alone makes a dataset late: notes those whose verdict is another than when it was drawn. The
 * next message tells of them, and of the time, also where there is none.
 */
void projection_judge(struct projection *projection, int64_t now);

/* Adds one message to `changes` for all that was applied since the last. */
void projection_flush(struct projection *projection, int64_t now);

#endif
