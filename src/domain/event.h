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
#include "rows.h"

enum event_kind {
    EVENT_CYCLE_STARTED,     /* flag: dry run */
    EVENT_CYCLE_FINISHED,    /* count: datasets, failed; code and text where it failed as a
                               whole */
    EVENT_DATASET_SEEN,      /* dataset, type, what each side holds, flag: remote only */
    EVENT_DATASET_SNAPSHOTS, /* dataset, rows: what both sides hold; first: replaces the rows known
                                before; flag: more rows follow in the next event */
    EVENT_DATASET_PLANNED,   /* dataset, count: steps; replaces the steps known before */
    EVENT_STEP_PLANNED,      /* dataset, step, op, side, start, end */
    EVENT_DATASET_STARTED,   /* dataset: its worker runs */
    EVENT_STEP_STARTED,      /* dataset, step, flag: resumed */
    EVENT_STEP_PROGRESS,     /* dataset, step, bytes, bytes_total (0: unknown) */
    EVENT_STEP_FINISHED,     /* dataset, step, bytes, count: snapshots sent or destroyed; code and
                               text where it failed */
    EVENT_DATASET_FINISHED,  /* dataset; code and text where it failed */
    EVENT_NOTE,              /* dataset or NULL, level, text */
    EVENT_CONFIGURED,        /* flag: there is a remote; interval, period */
    EVENT_CYCLE_DUE,         /* due: the next cycle begins then */
    EVENT_DATASET_DUE,       /* dataset, due: what failed is not tried again before */

    /* What was known before: from the history after a start, or for a process that begins to
     * listen. Each sets what it names and tells no news. */
    EVENT_STATE_RECALLED,    /* cycle, running, flag: dry run, started, finished, due, success,
                                failing, failed, sent, destroyed, bytes (of the newest cycle), code, text */
    EVENT_DATASET_RECALLED,  /* dataset, status, started, finished, success, due, failing, sent,
                                destroyed, bytes, failed: failures in a row, code, text */
    EVENT_STEP_RECALLED,     /* dataset, step, step_status, flag: resumed, started, finished, bytes,
                                bytes_total */
    EVENT_CYCLE_RECALLED,    /* a record: started; time: its end; count: datasets, failed, sent,
                                destroyed, bytes, code, text */
    EVENT_TRANSFER_RECALLED, /* a record: dataset, start, end, started; time: its end; bytes, flag:
                                resumed, code, text */
    EVENT_FAILURE_RECALLED,  /* a record: dataset or NULL, code, text */
    EVENT_DAY_RECALLED,      /* a record: time: its midnight UTC; verdict, count: cycles, bytes,
                                space of each side */
    EVENT_MINUTE_RECALLED,   /* time: its begin; bytes sent in it */
    EVENT_LOG_RECALLED,      /* a line of the log: dataset or NULL, level, text */
    EVENT_KIND_COUNT
};

enum event_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR, LEVEL_COUNT };

enum dataset_status {
    STATUS_UNKNOWN, /* seen, not planned yet */
    STATUS_WAITING, /* has steps, its worker has not started */
    STATUS_RUNNING,
    STATUS_OK, /* arrived at its target */
    STATUS_FAILED,
    STATUS_REMOTE_ONLY, /* its source is gone: left as it is */
    STATUS_COUNT
};

enum step_status { STEP_PENDING, STEP_RUNNING, STEP_DONE, STEP_FAILED, STEP_STATUS_COUNT };

/* Whether data is safe: see verdict.h. A greater one is worse. */
enum verdict_level {
    VERDICT_IGNORED, /* nothing that this daemon is to keep safe */
    VERDICT_UNKNOWN, /* not looked at yet */
    VERDICT_SAFE,
    VERDICT_LATE,
    VERDICT_FAILED,
    VERDICT_COUNT
};

/* What of a side an event tells. */
struct event_side {
    uint64_t count; /* snapshots */
    int64_t newest; /* creation of the newest, seconds UTC; 0 where there is none */
    uint64_t space; /* bytes of the dataset with its snapshots, without its children */
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
    bool flag, first, running;
    int64_t started, finished, due, success, failing; /* seconds UTC; 0: never, or not known */
    int64_t interval, period;                         /* seconds; see EVENT_CONFIGURED */
    uint64_t sent, destroyed;                         /* snapshots */
    enum dataset_status status;
    enum step_status step_status;
    enum verdict_level verdict;
    const struct snapshot_row *rows;
    size_t row_count;
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

/* "unknown", "waiting", "running", "ok", "failed", "remote-only". */
const char *dataset_status_name(enum dataset_status status);

/* "pending", "running", "done", "failed". */
const char *step_status_name(enum step_status status);

/* "ignored", "unknown", "safe", "late", "failed". */
const char *verdict_level_name(enum verdict_level level);

#endif
