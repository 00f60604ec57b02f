/*
 * Events: everything that happens, as values. Workers send them, the engine folds them into the
 * state, and the log, the terminal, the page and the metrics are drawn from the two.
 */
#ifndef BACKUPD_DOMAIN_EVENT_H
#define BACKUPD_DOMAIN_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "plan.h"

enum event_kind {
    EVENT_CYCLE_STARTED,  /* flag: dry run */
    EVENT_CYCLE_FINISHED, /* count: datasets, failed; code and text where it failed as a
                               whole */
    EVENT_DATASET_SEEN,   /* dataset, type, local and remote counts and newest, flag: remote only */
    EVENT_DATASET_PLANNED,  /* dataset, count: steps; replaces the steps known before */
    EVENT_STEP_PLANNED,     /* dataset, step, op, side, start, end */
    EVENT_DATASET_STARTED,  /* dataset: its worker runs */
    EVENT_STEP_STARTED,     /* dataset, step, flag: resumed */
    EVENT_STEP_PROGRESS,    /* dataset, step, bytes, bytes_total (0: unknown) */
    EVENT_STEP_FINISHED,    /* dataset, step, bytes, count: snapshots sent or destroyed; code and
                               text where it failed */
    EVENT_DATASET_FINISHED, /* dataset; code and text where it failed */
    EVENT_NOTE,             /* dataset or NULL, level, text */
    EVENT_KIND_COUNT
};

enum event_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR, LEVEL_COUNT };

/* What of a side an event tells. */
struct event_side {
    uint64_t count; /* snapshots */
    int64_t newest; /* creation of the newest, seconds UTC; 0 where there is none */
};

/*
 * One event. Every kind has a time and the number of the cycle it belongs to (0: none). Of the
 * other fields only those named beside its kind mean something; the rest are zero. Strings are
 * borrowed: they live as long as whatever the event was made from.
 */
struct event {
    enum event_kind kind;
    int64_t time; /* seconds UTC */
    uint64_t cycle;
    const char *dataset; /* name below the root, or NULL */
    uint64_t step;       /* number of the step in its plan, from 0 */
    enum op op;
    enum side side;
    const char *start, *end;
    uint64_t bytes, bytes_total;
    uint64_t count, failed;
    enum dataset_type type;
    struct event_side holding[SIDE_COUNT];
    bool flag;
    enum event_level level;
    enum err_code code; /* ERR_NONE: succeeded */
    const char *text;   /* the error's words, or the note's */
};

/* "cycle_started", …: the kind's name in JSON and in the event stream. */
const char *event_kind_name(enum event_kind kind);

/* The kind of that name, or EVENT_KIND_COUNT. */
enum event_kind event_kind_from_name(const char *name);

/* "debug", "info", "warning", "error". */
const char *event_level_name(enum event_level level);

#endif
