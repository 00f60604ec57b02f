/* What the files of the engine share: engine.c, engine_cycle.c, engine_wishes.c; for them only. */
#ifndef BACKUPD_ENGINE_ENGINE_PARTS_H
#define BACKUPD_ENGINE_ENGINE_PARTS_H

#include "compression.h"
#include "connection.h"
#include "cycle.h"
#include "engine.h"
#include "history_link.h"
#include "instance.h"
#include "last_look.h"
#include "retries.h"
#include "sites.h"
#include "snapper.h"
#include "web_link.h"

struct engine {
    struct engine_options options;
    struct config *config;
    struct config *next_config; /* read, and waiting for the cycle to end; or NULL */
    struct loop *loop;
    struct sites sites;
    struct connection *connection;
    struct limiter *limiter;             /* rate_limit; workers and relays share it */
    struct compression *compression;     /* what is known of zstd; workers share it */
    struct convoys convoys;              /* outlives the cycles */
    struct pace pace;                    /* outlives the cycles, which are often short */
    char socket_stem[INSTANCE_PATH_MAX]; /* of the shared connections' sockets; "" : none */
    char web_socket[INSTANCE_PATH_MAX];  /* of the web role; "" : none */
    unsigned connections;                /* made so far: each has a socket of its own */
    int lock;
    struct state state;
    struct facts facts;
    struct quiet *quiet;
    char facts_path[INSTANCE_PATH_MAX]; /* where they are kept for the next start; "" : nowhere */
    struct facts_writer *facts_writer;  /* not NULL: the cycle is over, and they are being kept */
    struct retries retries;
    uint64_t cycles_failed;   /* as a whole, in a row */
    struct cycle *cycle;      /* NULL: none runs */
    struct last_look *look;   /* NULL: none runs */
    int64_t cycle_started;    /* monotonic ms */
    struct loop_timer *due;   /* the next cycle */
    struct loop_timer *after; /* what follows a cycle's end */
    struct loop_timer *stop_timer;
    struct loop_timer *watchdog;
    struct proc *notifier;
    struct snapper *snapper;
    struct web_link *web;         /* NULL: nobody is served */
    struct history_link *history; /* NULL: none is kept */
    bool is_begun;                /* the first cycle; what the history recalls later is too late */
    bool is_history_late;         /* and somebody was told */
    bool cycle_wanted;            /* as soon as may be; until it begins */
    bool stopping;
};

/* Folds an event in and tells everybody. */
void engine_publish(struct engine *engine, const struct event *event);

/* Tells a note of the engine's own. */
void engine_note(struct engine *engine, enum event_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Plans the next cycle for so much later, or at once. */
void engine_set_due(struct engine *engine, int64_t delay_ms);

/* Plans it for the regular time, or earlier where something that failed is to be tried again, or somebody
 * wants it at once. */
void engine_schedule_next(struct engine *engine);

/* Plans it as soon as may be: now, or after the one that runs. */
void engine_want_cycle(struct engine *engine);

/* Puts the configuration that waits, if any, into use: where no cycle runs and no snapshot is being
 * taken. */
void engine_take_config_if_free(struct engine *engine);

/* Ends the loop, once the history has written what it was told or had its time. */
void engine_end(struct engine *engine);

/* The loop has had its time: ends it. */
void engine_give_up_waiting(void *arg);

/* Signals, commands of the web role (its on_command), and the snapshots that were asked for. */
int engine_watch_signals(struct engine *engine, struct err *e);
void engine_handle_command(void *arg, const struct role_command *command);
void engine_handle_snapshot(void *arg, uint64_t id, const char *name, const struct err *e);

#endif
