#include "retries.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "schedule.h"

void retries_init(struct retries *retries)
{
    memset(retries, 0, sizeof(*retries));
}

void retries_fini(struct retries *retries)
{
    for (size_t i = 0; i < retries->n; i++)
        free(retries->v[i].name);
    free(retries->v);
    retries_init(retries);
}

static size_t find(const struct retries *retries, const char *name)
{
    for (size_t i = 0; i < retries->n; i++)
        if (strcmp(retries->v[i].name, name) == 0)
            return i;
    return retries->n;
}

void retries_note_failure(struct retries *retries, const char *name, int64_t now_ms,
                          int64_t interval)
{
    size_t at = find(retries, name);
    if (at == retries->n) {
        retries->v = mem_grow(retries->v, retries->n, &retries->cap, sizeof(*retries->v));
        retries->v[retries->n++] = (struct retry){.name = mem_strdup(name)};
    }
    struct retry *retry = &retries->v[at];
    retry->failures++;
    retry->due_ms = now_ms + schedule_backoff(retry->failures, interval) * 1000;
}

void retries_note_success(struct retries *retries, const char *name)
{
    size_t at = find(retries, name);
    if (at == retries->n)
        return;
    free(retries->v[at].name);
    retries->v[at] = retries->v[--retries->n];
}

void retries_forget(struct retries *retries, bool (*is_gone)(void *arg, const char *name),
                    void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < retries->n; i++) {
        if (is_gone(arg, retries->v[i].name))
            free(retries->v[i].name);
        else
            retries->v[kept++] = retries->v[i];
    }
    retries->n = kept;
}

bool retries_is_waiting(const struct retries *retries, const char *name, int64_t now_ms)
{
    size_t at = find(retries, name);
    return at < retries->n && now_ms < retries->v[at].due_ms;
}

int64_t retries_next_due(const struct retries *retries)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < retries->n; i++)
        if (retries->v[i].due_ms < due)
            due = retries->v[i].due_ms;
    return due;
}

void retries_hurry(struct retries *retries, int64_t now_ms)
{
    for (size_t i = 0; i < retries->n; i++)
        retries->v[i].due_ms = now_ms;
}
