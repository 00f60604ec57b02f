#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

void str_init(struct str *str)
{
    str->cap = 32;
    str->s = mem_alloc(str->cap);
    str->s[0] = '\0';
    str->len = 0;
}

void str_fini(struct str *str)
{
    free(str->s);
    str->s = NULL;
    str->len = str->cap = 0;
}

void str_clear(struct str *str)
{
    str_cut(str, 0);
}

static void make_room(struct str *str, size_t extra)
{
    str->s = mem_grow(str->s, str->len + extra, &str->cap, 1);
}

void str_add(struct str *str, const char *s)
{
    str_add_bytes(str, s, strlen(s));
}

void str_add_bytes(struct str *str, const char *s, size_t len)
{
    make_room(str, len);
    memcpy(str->s + str->len, s, len);
    str->len += len;
    str->s[str->len] = '\0';
}

void str_add_char(struct str *str, char c)
{
    str_add_bytes(str, &c, 1);
}

void str_add_format_args(struct str *str, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n > 0) {
        make_room(str, (size_t)n);
        vsnprintf(str->s + str->len, (size_t)n + 1, fmt, again);
        str->len += (size_t)n;
    }
    va_end(again);
}

void str_add_format(struct str *str, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str_add_format_args(str, fmt, args);
    va_end(args);
}

/*
 * How many bytes at `s` make a character that is not to be shown as it is: C0, DEL, C1 (U+0080 to
 * U+009F), and U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F and U+FEFF; else 0.
 */
static size_t unshown_len(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f)
        return 2;
    if (s[0] == 0xe2 && s[1] == 0x80 &&
        ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae)))
        return 3;
    if (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xaf)
        return 3;
    return s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf ? 3 : 0;
}

void str_add_escaped(struct str *str, const char *s)
{
    while (*s != '\0') {
        size_t len = unshown_len((const unsigned char *)s);
        if (len == 0)
            str_add_char(str, *s++);
        for (; len > 0; len--)
            str_add_format(str, "\\x%02x", (unsigned)(unsigned char)*s++);
    }
}

void str_cut(struct str *str, size_t len)
{
    if (len >= str->len)
        return;
    str->len = len;
    str->s[len] = '\0';
}

void str_drop(struct str *str, size_t count)
{
    if (count >= str->len) {
        str_clear(str);
        return;
    }
    memmove(str->s, str->s + count, str->len - count + 1);
    str->len -= count;
}

char *str_take(struct str *str)
{
    char *s = str->s;
    str_init(str);
    return s;
}
