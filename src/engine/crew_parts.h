/* What the files of the crew share: crew.c, crew_worker.c; for them only. */
#ifndef BACKUPD_ENGINE_CREW_PARTS_H
#define BACKUPD_ENGINE_CREW_PARTS_H

#include "chain.h"
#include "crew.h"
#include "flood.h"
#include "lines.h"

#define NO_MEMBER SIZE_MAX

enum member_status { MEMBER_WAITING, MEMBER_RUNNING, MEMBER_DONE };

/* A dataset with work. */
struct member {
    struct crew *crew;
    const char *name;
    struct crew_task task;
    size_t at;       /* its place in the crew */
    size_t ancestor; /* the nearest one in the crew, or NO_MEMBER */
    uint64_t rank;   /* bytes that it and the longest row of those who wait for it have to send */
    bool is_late;    /* it failed the last time: after all others */
    bool is_alone;   /* no convoy takes it */
    enum member_status status;
    uint64_t bytes; /* of the step that is under way, as told last */
    bool has_begun; /* its worker has told of it */
    bool has_sent;  /* a step of it succeeded */
    bool told_end;  /* its EVENT_DATASET_FINISHED came */
    bool failed;
    bool cut_off; /* it failed by its connection to the remote */
};

/* A process that works for one member, or for several as a convoy. */
struct worker {
    struct crew *crew;
    struct member *members[CHAIN_MAX];
    size_t n;
    bool is_convoy;
    pid_t pid;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *silence;
    struct lines lines;
    struct flood flood;
    struct err fault; /* why we ended it */
};

struct crew {
    struct cycle_spec spec;
    struct pace own_pace; /* where the spec has none */
    void (*on_idle)(void *arg);
    void *arg;
    struct member **v;     /* ancestors before descendants */
    struct member **order; /* who begins first; NULL until crew_start */
    size_t n, cap;
    struct worker **workers; /* those that run */
    size_t running, worker_cap;
    size_t share;         /* so many increments go into one convoy */
    size_t breaks;        /* convoys that did not finish all */
    bool convoy_ended;    /* one that did not lose its connection */
    bool convoy_arrived;  /* something of one */
    size_t first_waiting; /* in `order`: no member before it waits */
    uint64_t failed;
    bool stopping;
    bool reconnecting;
    struct err lost;
    struct loop_timer *kill_timer;
};

/* ---- crew.c ---- */

/* Whether one above it in the crew failed in this cycle. */
bool crew_ancestor_failed(const struct crew *crew, const struct member *member);

/* ---- crew_worker.c ---- */

void crew_emit(struct crew *crew, const struct event *event);

/* Counts the member as failed, and says so in its worker's stead. */
void crew_fail_member(struct member *member, const struct err *e);

/* Forks what works for the members of `worker`. Returns 0, or -1 and `e`. */
int crew_worker_fork(struct worker *worker, struct err *e);

/* Reads what is there, as much as is one's turn. False where its end is closed or it was ended. */
bool crew_worker_read(struct worker *worker);

/* Reads what it wrote before it ended. */
void crew_worker_read_rest(struct worker *worker);

/* It has spoken: the time in which it may be silent begins again. */
void crew_worker_restart_silence(struct worker *worker);

/* Ends a worker that cannot be believed or does not move. */
void crew_worker_end(struct worker *worker, enum err_code code, const char *why);

/* Why it ended, where it did not tell. */
void crew_worker_describe_end(const struct worker *worker, int wait_status, struct err *e);

/* Frees it; nothing is read from it any more. */
void crew_worker_free(struct worker *worker);

#endif
