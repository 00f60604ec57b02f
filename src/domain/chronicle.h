/*
 * The chronicle: what happened, as records, each kind of them up to a number. It is a part of the
 * state, folded from the same events; the history on disk keeps the same records for longer and
 * gives them back at the next start, as the "recalled" events.
 */
#ifndef BACKUPD_DOMAIN_CHRONICLE_H
#define BACKUPD_DOMAIN_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

/* How many records of each kind are kept; the oldest make room. */
#define CHRONICLE_CYCLES    200
#define CHRONICLE_TRANSFERS 200
#define CHRONICLE_FAILURES  200
#define CHRONICLE_DAYS      400
#define CHRONICLE_LINES     1000

/* The minutes whose bytes are known. */
#define CHRONICLE_MINUTES 60

/* The longest text of a record, in bytes; a longer one is cut and says so. */
#define CHRONICLE_TEXT_MAX 4096

#define CHRONICLE_DAY 86400 /* seconds */

enum record_kind {
    RECORD_CYCLE,
    RECORD_TRANSFER,
    RECORD_FAILURE,
    RECORD_DAY,
    RECORD_LINE,
    RECORD_KIND_COUNT
};

/* Any record. Its strings are the chronicle's own, and NULL where the kind has none. */
struct record {
    int64_t time;        /* its end; of a day its midnight */
    int64_t started;     /* cycles and transfers */
    uint64_t cycle;      /* number, of a cycle */
    const char *dataset; /* transfers; of failures and lines perhaps NULL: the cycle, the daemon */
    const char *start, *end;
    uint64_t count, failed;     /* cycles: datasets. days: `count` cycles */
    uint64_t sent, destroyed;   /* cycles: snapshots */
    uint64_t bytes;             /* sent */
    uint64_t space[SIDE_COUNT]; /* days: of all datasets, at its last cycle */
    bool resumed;
    enum verdict_level verdict; /* days: the worst at the end of a cycle of it */
    enum event_level level;     /* lines */
    enum err_code code;
    const char *text;
};

/* Records of one kind, oldest first. */
struct ring {
    struct record *v;
    size_t n, cap, head; /* `head`: place of the oldest in `v` */
    uint64_t total;      /* ever added */
};

struct chronicle {
    struct ring ring[RECORD_KIND_COUNT];
    uint64_t minute[CHRONICLE_MINUTES]; /* bytes; minute m of the epoch at m % CHRONICLE_MINUTES */
    int64_t newest_minute;              /* since the epoch; those that are older are all there */
};

void chronicle_init(struct chronicle *chronicle);
void chronicle_fini(struct chronicle *chronicle);

/* Adds a copy of `record`, whose strings stay the caller's. */
void chronicle_add(struct chronicle *chronicle, enum record_kind kind, const struct record *record);

/* Record `i` of a kind, the oldest being 0. Valid until the next chronicle_add. */
const struct record *chronicle_at(const struct chronicle *chronicle, enum record_kind kind,
                                  size_t i);
size_t chronicle_count(const struct chronicle *chronicle, enum record_kind kind);

/* The newest of a kind, to change, or NULL. */
struct record *chronicle_newest(struct chronicle *chronicle, enum record_kind kind);

/* Bytes that were sent, at `time`. Those of more than an hour before the newest are forgotten. */
void chronicle_add_bytes(struct chronicle *chronicle, int64_t time, uint64_t bytes);

/* Bytes sent in the minute of `time`; 0 where that is not known any more. */
uint64_t chronicle_bytes_in(const struct chronicle *chronicle, int64_t time);

/* Notes the end of a cycle in the record of its day, which is made where it is new. */
void chronicle_note_day(struct chronicle *chronicle, int64_t time, enum verdict_level verdict,
                        uint64_t bytes, const uint64_t space[SIDE_COUNT]);

/* The midnight (UTC) before `time`. */
int64_t chronicle_midnight(int64_t time);

#endif
