/* Lines out of bytes that come in any portions. */
#ifndef BACKUPD_CODEC_LINES_H
#define BACKUPD_CODEC_LINES_H

#include <stddef.h>

#include "err.h"
#include "str.h"

struct lines {
    struct str partial; /* the line that has not ended yet; never more than `max` bytes */
    size_t max;         /* the longest line that is believed, in bytes */
    size_t number;      /* of the line that was handed out last, or that failed, from 1 */
};

/*
 * Gets one line without its newline. `line` is NUL-terminated, may be written to, and holds no
 * other NUL. Returns 0, or -1 and `e` to stop.
 */
typedef int lines_fn(void *arg, char *line, size_t len, struct err *e);

void lines_init(struct lines *lines, size_t max);
void lines_fini(struct lines *lines);

/*
 * Takes the next portion and calls `fn` for every line that it completes: the same calls, however
 * the bytes were split. Fails as `fn` does, or with ERR_PARSE at a NUL byte, or with ERR_LIMIT at
 * a line longer than `max`. After a failure only lines_fini may follow.
 */
int lines_feed(struct lines *lines, const char *data, size_t len, lines_fn *fn, void *arg,
               struct err *e);

/*
 * The same where anything may come, such as an error's words: a portion with which lines_feed would fail
 * is thrown away with the line that had begun, and lines go on after it.
 */
void lines_feed_anything(struct lines *lines, const char *data, size_t len, lines_fn *fn,
                         void *arg);

/* The end: a last line without its newline is handed out too. */
int lines_end(struct lines *lines, lines_fn *fn, void *arg, struct err *e);

#endif
