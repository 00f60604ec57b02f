/*
 * The state: the fold of the events, and nothing else. Whatever a person or a program is shown is
 * drawn from it, so the same events give the same picture everywhere.
 */
#ifndef BACKUPD_DOMAIN_STATE_H
#define BACKUPD_DOMAIN_STATE_H

#include "chronicle.h"
#include "event.h"
#include "row_table.h"

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
    struct row_table rows;
    int64_t copied;       /* creation of the newest snapshot of which there is a copy (without a
                             remote: of the newest); 0: none */
    int64_t coming_since; /* creation of the oldest that waits to be sent; 0: none waits */
    int64_t
        blocked_since; /* creation of the remote's newest snapshot where that is not from here and
                              older ones of ours wait behind it; 0: it is not so */
    int64_t started, finished; /* of the newest run */
    int64_t last_success;      /* 0: never */
    int64_t due;               /* what failed is not tried again before; 0: nothing is waited for */
    int64_t failing;           /* since then; 0: it is not */
    uint64_t sent, destroyed;  /* snapshots, in the newest run */
    uint64_t sent_bytes;       /* bytes, in the newest run */
    uint64_t failures;         /* in a row; an interrupted run is none */
    enum err_code code;        /* of the newest failure, until a success */
    char *text;                /* its words, or NULL; owned */
    uint64_t seen_in;          /* the cycle that saw it last */
    uint64_t drawing;          /* for whoever draws the state, and not folded: when it was drawn, */
    enum verdict_level drawn;  /* and as what */
    uint64_t revision;         /* grows with every change but that of a transfer's progress */
    struct row_table arriving; /* a table that is not complete yet, */
    bool is_arriving;          /* where its first rows came */
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
    char *cycle_text;      /* why the newest cycle failed as a whole, or NULL; owned */
    int64_t last_success;  /* end of the newest cycle in which every dataset succeeded */
    int64_t cycle_failing; /* cycles fail as a whole since then; 0: they do not */
    int64_t due;           /* of the next cycle; 0: one runs, or none is planned */
    uint64_t sent, destroyed, sent_bytes; /* in the running or newest cycle */
    bool has_remote;
    int64_t interval, period; /* seconds: of cycles; of snapshots, see verdict_period */
    struct chronicle chronicle;
};

/* Makes the state before the first event. Release with state_fini. */
void state_init(struct state *state);
void state_fini(struct state *state);

/* Folds one event in. An event that does not fit (an unknown step, say) changes nothing. */
void state_apply(struct state *state, const struct event *event);

/* The step that runs, or NULL. */
const struct step_state *dataset_running_step(const struct dataset_state *ds);

/* How many steps are done. */
size_t dataset_steps_done(const struct dataset_state *ds);

/* What is known of a dataset, or NULL. */
struct dataset_state *state_find(const struct state *state, const char *name);

/* Makes the "recalled" event of a record. Its strings are the record's. */
void record_recall(enum record_kind kind, const struct record *record, struct event *ret);

/* What a process must be told so that its state becomes like this one. */
typedef void state_replay_fn(void *arg, const struct event *event);

/*
 * Calls `fn` with the events that rebuild the state, without its datasets; and with those that
 * rebuild one dataset, which state_apply takes after the former. Strings live until `fn` returns.
 */
void state_replay(const struct state *state, state_replay_fn *fn, void *arg);
void state_replay_dataset(const struct dataset_state *ds, state_replay_fn *fn, void *arg);

#endif
