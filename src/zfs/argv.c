#include "argv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"

void argv_init(struct argv *argv)
{
    memset(argv, 0, sizeof(*argv));
}

void argv_fini(struct argv *argv)
{
    for (size_t i = 0; i < argv->n; i++)
        free(argv->v[i]);
    free(argv->v);
    argv_init(argv);
}

static void add_owned(struct argv *argv, char *word)
{
    argv->v = mem_grow(argv->v, argv->n + 1, &argv->cap, sizeof(char *));
    argv->v[argv->n++] = word;
    argv->v[argv->n] = NULL;
}

void argv_add(struct argv *argv, const char *word)
{
    add_owned(argv, mem_strdup(word));
}

void argv_add_words(struct argv *argv, const char *const *words)
{
    for (; *words != NULL; words++)
        argv_add(argv, *words);
}

void argv_add_format(struct argv *argv, const char *fmt, ...)
{
    struct str word;
    va_list args;
    str_init(&word);
    va_start(args, fmt);
    str_add_format_args(&word, fmt, args);
    va_end(args);
    add_owned(argv, word.s);
}
