/*
 * The state: the fold of the events, and nothing else. Whatever a person or a program is shown is
 * drawn from it, so the same events give the same picture everywhere.
 */
#ifndef BACKUPD_DOMAIN_STATE_H
#define BACKUPD_DOMAIN_STATE_H

#include "event.h"

enum dataset_status {
    STATUS_UNKNOWN, /* seen, not planned yet */
    STATUS_WAITING, /* has steps, its worker has not started */
    STATUS_RUNNING,
    STATUS_OK, /* arrived at its target */
    STATUS_FAILED,
    STATUS_REMOTE_ONLY, /* its source is gone: left as it is */
    STATUS_COUNT
};

/* "unknown", "waiting", "running", "ok", "failed", "remote-only". */
const char *dataset_status_name(enum dataset_status status);

enum step_status { STEP_PENDING, STEP_RUNNING, STEP_DONE, STEP_FAILED, STEP_STATUS_COUNT };

const char *step_status_name(enum step_status status);

struct step_state {
    enum op op;
    enum side side;
    char *start, *end; /* owned */
    enum step_status status;
    bool resumed;
    uint64_t bytes, bytes_total;
    int64_t started, finished; /* seconds UTC; 0: not yet */
};

struct dataset_state {
    char *name; /* owned */
    enum dataset_status status;
    enum dataset_type type;
    struct event_side holding[SIDE_COUNT];
    struct step_state *steps;
    size_t step_count;
    int64_t started, finished; /* of the newest run */
    int64_t last_success;      /* 0: never */
    uint64_t sent, destroyed;  /* snapshots, in the newest run */
    uint64_t sent_bytes;       /* bytes, in the newest run */
    uint64_t failures;         /* in a row */
    enum err_code code;        /* of the newest failure, while STATUS_FAILED */
    char *text;                /* its words, or NULL; owned */
    uint64_t seen_in;          /* the cycle that saw it last */
};

struct state {
    struct dataset_state **v; /* by name */
    size_t n, cap;
    uint64_t cycle; /* number of the running or newest cycle; 0: none yet */
    bool cycle_running;
    bool dryrun;
    int64_t cycle_started, cycle_finished;
    uint64_t cycle_failed; /* datasets that failed in the newest finished cycle */
    enum err_code cycle_code;
    char *cycle_text;     /* why the newest cycle failed as a whole, or NULL; owned */
    int64_t last_success; /* end of the newest cycle in which every dataset succeeded */
};

/* Makes the state before the first event. Release with state_fini. */
void state_init(struct state *state);
void state_fini(struct state *state);

/* Folds one event in. An event that does not fit (an unknown step, say) changes nothing. */
void state_apply(struct state *state, const struct event *event);

/* What is known of a dataset, or NULL. */
struct dataset_state *state_find(const struct state *state, const char *name);

#endif
