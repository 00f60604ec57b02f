/* Which datasets failed, and when each may be tried again. Times are monotonic milliseconds. */
#ifndef BACKUPD_ENGINE_RETRIES_H
#define BACKUPD_ENGINE_RETRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retry {
    char *name;
    uint64_t failures; /* in a row */
    int64_t due_ms;
};

struct retries {
    struct retry *v;
    size_t n, cap;
};

void retries_init(struct retries *retries);
void retries_fini(struct retries *retries);

/* Notes a failure now, or a success, of a dataset. `interval`: seconds, the longest wait. */
void retries_note_failure(struct retries *retries, const char *name, int64_t now_ms,
                          int64_t interval);
void retries_note_success(struct retries *retries, const char *name);

/* Forgets every dataset of which `is_gone(arg, name)`: what is not there never succeeds. */
void retries_forget(struct retries *retries, bool (*is_gone)(void *arg, const char *name),
                    void *arg);

/* Whether the dataset has to wait still. */
bool retries_is_waiting(const struct retries *retries, const char *name, int64_t now_ms);

/* When the first of them is due; INT64_MAX where there is none. */
int64_t retries_next_due(const struct retries *retries);

/* Makes all of them due at once: somebody asked for a cycle. The counts stay. */
void retries_hurry(struct retries *retries, int64_t now_ms);

#endif
