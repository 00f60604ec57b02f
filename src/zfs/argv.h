/* An argument vector under construction. */
#ifndef BACKUPD_ZFS_ARGV_H
#define BACKUPD_ZFS_ARGV_H

#include <stddef.h>

struct argv {
    char **v; /* NULL-terminated; the words are owned */
    size_t n, cap;
};

void argv_init(struct argv *argv);

/* Frees it. Safe on a zeroed struct. */
void argv_fini(struct argv *argv);

/* Appends a copy of `word`. */
void argv_add(struct argv *argv, const char *word);

/* Appends copies of the words of a NULL-terminated array. */
void argv_add_words(struct argv *argv, const char *const *words);

/* Appends copies of the words that are its other arguments. */
#define argv_add_all(argv, ...) argv_add_words(argv, (const char *const[]){__VA_ARGS__, NULL})

/* Appends a printf format as one word. */
void argv_add_format(struct argv *argv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
