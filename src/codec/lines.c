#include "lines.h"

#include <stdbool.h>
#include <string.h>

void lines_init(struct lines *lines, size_t max)
{
    str_init(&lines->partial);
    lines->max = max;
    lines->number = 0;
}

void lines_fini(struct lines *lines)
{
    str_fini(&lines->partial);
}

/*
 * Appends `len` bytes to the line that has not ended. What is wrong first, by position, is what
 * fails: so the error too does not depend on where the bytes were split.
 */
static int take(struct lines *lines, const char *data, size_t len, struct err *e)
{
    size_t room = lines->max - lines->partial.len;
    bool too_long = len > room;
    size_t part = too_long ? room : len;
    const char *why = NULL;
    enum err_code code = ERR_PARSE;
    if (memchr(data, '\0', part) != NULL) {
        why = "a NUL byte";
    } else if (too_long) {
        code = ERR_LIMIT;
        why = "longer than any that is believed";
    }
    if (why != NULL) {
        lines->number++;
        return err_set(e, code, "line %zu: %s", lines->number, why);
    }
    /* The buffer is the caller's bytes, once: it grows to the longest line and stays there. */
    str_add_bytes(&lines->partial, data, part);
    return 0;
}

static int hand_out(struct lines *lines, lines_fn *fn, void *arg, struct err *e)
{
    lines->number++;
    size_t len = lines->partial.len;
    int rc = fn(arg, lines->partial.s, len, e);
    str_clear(&lines->partial);
    return rc;
}

int lines_feed(struct lines *lines, const char *data, size_t len, lines_fn *fn, void *arg,
               struct err *e)
{
    while (len > 0) {
        const char *newline = memchr(data, '\n', len);
        size_t part = newline != NULL ? (size_t)(newline - data) : len;
        if (take(lines, data, part, e) != 0)
            return -1;
        if (newline == NULL)
            return 0;
        if (hand_out(lines, fn, arg, e) != 0)
            return -1;
        data += part + 1;
        len -= part + 1;
    }
    return 0;
}

void lines_feed_anything(struct lines *lines, const char *data, size_t len, lines_fn *fn, void *arg)
{
    size_t max = lines->max;
    if (lines_feed(lines, data, len, fn, arg, NULL) == 0)
        return;
    lines_fini(lines);
    lines_init(lines, max);
}

int lines_end(struct lines *lines, lines_fn *fn, void *arg, struct err *e)
{
    return lines->partial.len == 0 ? 0 : hand_out(lines, fn, arg, e);
}
