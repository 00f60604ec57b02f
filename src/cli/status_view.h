/* What `backupd status` shows: the daemon's state, read from its JSON, as lines for people. */
#ifndef BACKUPD_CLI_STATUS_VIEW_H
#define BACKUPD_CLI_STATUS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

enum view_level {
    VIEW_UNKNOWN,
    VIEW_SAFE,
    VIEW_LATE,
    VIEW_FAILED,
    VIEW_IGNORED, /* only the remote has it */
    VIEW_STRANGE, /* a word that this version does not know */
};

/* Strings are owned and safe to show: what might steer a terminal in them is written out. */
struct view_transfer {
    char *dataset, *end;
    uint64_t bytes, bytes_total;
    int64_t started;
};

struct view_concern {
    char *dataset;
    enum view_level level;
    char *why, *text, *advice; /* NULL: none */
    int64_t failures, retry;   /* in a row; when it is tried again, 0: with the next cycle */
};

struct view_cycle {
    int64_t number;
    bool running;
    int64_t started, finished, next, failed;
    int64_t took; /* of the newest that ended; -1: not told */
    char *text;   /* why the newest failed as a whole, or NULL */
};

struct status_view {
    int64_t time; /* the daemon's now, seconds UTC; so are all times here */
    bool dry_run;
    enum view_level level;
    char *text, *advice;
    struct view_cycle cycle;
    struct view_transfer *transfers; /* running now */
    size_t transfer_count, transfer_cap;
    struct view_concern *concerns; /* datasets that need attention: failed ones first */
    size_t concern_count, concern_cap;
    size_t waiting; /* datasets with work to do that has not begun */
};

/* How it is shown. */
struct status_look {
    unsigned width, height; /* in columns and lines; 0: without end */
    bool colour;            /* of the words that tell a level; the words are there all the same */
};

/*
 * Reads the `len` bytes of JSON at `json`. Fails with ERR_PROTOCOL and what is missing or impossible
 * in it; `ret` is then empty. Release with status_view_fini.
 */
int status_view_parse(const char *json, size_t len, struct status_view *ret, struct err *e);

/* Frees it. Safe on a zeroed struct. */
void status_view_fini(struct status_view *view);

/*
 * Appends the picture: lines that end with a newline, none wider than the look, not more of them
 * than it is high. What does not fit is counted ("and 3 more").
 */
void status_view_render(const struct status_view *view, const struct status_look *look,
                        struct str *out);

/* The exit status of a `status` that saw this: 0 for safe, EXIT_FAILED for all else. */
int status_view_exit(const struct status_view *view);

#endif
