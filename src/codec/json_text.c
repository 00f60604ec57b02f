#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL)
        abort(); /* out of memory: the values here are legal by construction */
    return p;
}

static size_t utf8_len_of_first(unsigned char c)
{
    return c < 0x80                ? 1
           : c >= 0xc2 && c < 0xe0 ? 2
           : c >= 0xe0 && c < 0xf0 ? 3
           : c >= 0xf0 && c < 0xf5 ? 4
                                   : 0;
}

/* The length of the well-formed UTF-8 character at `s` (RFC 3629), or 0. */
static size_t utf8_len(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t len = utf8_len_of_first(u[0]);
    for (size_t i = 1; i < len; i++)
        if (u[i] < 0x80 || u[i] > 0xbf)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0; /* longer than need be, a surrogate, or beyond U+10FFFF */
    return len;
}

json_t *json_text_new(const char *s, size_t max)
{
    struct str text;
    if (s == NULL)
        return must(json_null());
    str_init(&text);
    while (*s != '\0') {
        size_t len = utf8_len(s);
        if (text.len + 4 > max) {
            str_add(&text, " [cut]");
            break;
        }
        if (len > 0)
            str_add_bytes(&text, s, len);
        else
            str_add_format(&text, "\\x%02x", (unsigned)(unsigned char)*s);
        s += len > 0 ? len : 1;
    }
    json_t *value = must(json_stringn(text.s, text.len));
    str_fini(&text);
    return value;
}

void json_text_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, must(value)) != 0)
        abort();
}

void json_text_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, must(value)) != 0)
        abort();
}

void json_text_dump(json_t *value, struct str *out)
{
    char *text = must(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
    str_add(out, text);
    free(text);
    json_decref(value);
}
