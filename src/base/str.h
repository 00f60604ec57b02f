/* A growing, always NUL-terminated string. */
#ifndef BACKUPD_BASE_STR_H
#define BACKUPD_BASE_STR_H

#include <stdarg.h>
#include <stddef.h>

struct str {
    char *s; /* never NULL after str_init; owned */
    size_t len;
    size_t cap;
};

/* Makes an empty string. Release with str_fini. */
void str_init(struct str *str);

/* Frees it. Safe on a zeroed struct and twice. */
void str_fini(struct str *str);

/* Empties it and keeps its memory. */
void str_clear(struct str *str);

/* Appends a NUL-terminated string, `len` bytes, one byte, or a printf format. */
void str_add(struct str *str, const char *s);
void str_add_bytes(struct str *str, const char *s, size_t len);
void str_add_char(struct str *str, char c);
void str_add_format(struct str *str, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_add_format_args(struct str *str, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/*
 * Appends text from elsewhere such that it stays on its line and in its order: control characters,
 * those of UTF-8 too, and characters that reorder or hide others are written out as \xNN.
 */
void str_add_escaped(struct str *str, const char *s);

/* Cuts it to `len` bytes; longer than it is: nothing. */
void str_cut(struct str *str, size_t len);

/* Removes its first `count` bytes (all of them where it is shorter). */
void str_drop(struct str *str, size_t count);

/* Hands its memory to the caller, who frees it with free(3), and leaves it empty. */
char *str_take(struct str *str);

#endif
