#include "mistakes.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

void mistakes_init(struct mistakes *mistakes)
{
    memset(mistakes, 0, sizeof(*mistakes));
}

void mistakes_fini(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->n; i++)
        free(mistakes->v[i].text);
    free(mistakes->v);
    mistakes_init(mistakes);
}

void mistakes_add(struct mistakes *mistakes, struct place at, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    mistakes->v = mem_grow(mistakes->v, mistakes->n, &mistakes->cap, sizeof(*mistakes->v));
    struct mistake *mistake = &mistakes->v[mistakes->n];
    mistake->at = at;
    mistake->number = mistakes->n++;
    mistake->text = mem_strdup(text);
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_mistakes(const void *left, const void *right)
{
    const struct mistake *a = left;
    const struct mistake *b = right;
    if (a->at.line != b->at.line)
        return compare_sizes(a->at.line, b->at.line);
    if (a->at.column != b->at.column)
        return compare_sizes(a->at.column, b->at.column);
    return compare_sizes(a->number, b->number);
}

void mistakes_report(struct mistakes *mistakes, const char *path, struct str *out)
{
    if (mistakes->n == 0)
        return;
    qsort(mistakes->v, mistakes->n, sizeof(*mistakes->v), compare_mistakes);
    for (size_t i = 0; i < mistakes->n; i++) {
        const struct mistake *mistake = &mistakes->v[i];
        str_add_format(out, "%s:%u:%u: %s\n", path, mistake->at.line, mistake->at.column,
                       mistake->text);
    }
}

const char *text_quote(char ret[QUOTED_MAX], const char *s)
{
    size_t out = 0;
    size_t i = 0;
    ret[out++] = '"';
    for (; i < 60 && s[i] != '\0'; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c >= 0x7f)
            out += (size_t)snprintf(ret + out, QUOTED_MAX - out, "\\x%02x", (unsigned)c);
        else
            ret[out++] = (char)c;
    }
    snprintf(ret + out, QUOTED_MAX - out, "%s\"", s[i] == '\0' ? "" : "...");
    return ret;
}

/* The longest word that is compared: longer than every key. */
#define WORD_MAX 32

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t d = a < b ? a : b;
    return d < c ? d : c;
}

size_t text_distance(const char *a, const char *b)
{
    size_t len_a = strlen(a);
    size_t len_b = strlen(b);
    size_t row[WORD_MAX + 1]; /* row[j]: from the first i characters of `a` to the first j of `b` */
    if (len_a > WORD_MAX || len_b > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[len_b];
}
