/* The mistakes of one file: gathered in any order, reported in the order of the file. */
#ifndef BACKUPD_CONFIG_MISTAKES_H
#define BACKUPD_CONFIG_MISTAKES_H

#include <stddef.h>

#include "str.h"
#include "toml_reader.h"

struct mistake {
    struct place at;
    size_t number; /* in the order of finding */
    char *text;
};

struct mistakes {
    struct mistake *v;
    size_t n, cap;
};

/* Makes an empty list. Release with mistakes_fini. */
void mistakes_init(struct mistakes *mistakes);
void mistakes_fini(struct mistakes *mistakes);

/* Adds one: what is wrong, a semicolon, what would be right. */
void mistakes_add(struct mistakes *mistakes, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sorts them and appends them to `out`, each "path:line:column: text" and a newline. */
void mistakes_report(struct mistakes *mistakes, const char *path, struct str *out);

/* Room for a text as text_quote shows it. */
#define QUOTED_MAX 272

/*
 * `s` in double quotes as it can be shown in one line: at most 60 bytes, those that are not
 * printable ASCII as \xNN. Returns `ret`.
 */
const char *text_quote(char ret[QUOTED_MAX], const char *s);

/*
 * How many insertions, deletions and replacements of a character lead from `a` to `b`, whatever
 * their case; SIZE_MAX where one of them is longer than any key.
 */
size_t text_distance(const char *a, const char *b);

#endif
