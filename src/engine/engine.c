#include "engine.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "cycle.h"
#include "history.h"
#include "history_link.h"
#include "host.h"
#include "instance.h"
#include "mem.h"
#include "notifier.h"
#include "proc.h"
#include "retries.h"
#include "schedule.h"
#include "service.h"
#include "snapper.h"
#include "text.h"
#include "verdict.h"
#include "web_link.h"

/* How long the history has to write the end of it. */
#define HISTORY_STOP_MS 1000

/* How long the first cycle waits for what the history knows of before. */
#define HISTORY_MS 2000

/* How long everything has to end by itself after SIGTERM; what is left then is killed. */
#define STOP_MS 4000

struct engine {
    struct engine_options options;
    struct config *config;
    struct config *next_config; /* read, and waiting for the cycle to end; or NULL */
    struct loop *loop;
    struct sites sites;
    struct connection *connection;
    char socket_stem[INSTANCE_PATH_MAX]; /* of the shared connections' sockets; "" : none */
    char web_socket[INSTANCE_PATH_MAX];  /* of the web role; "" : none */
    unsigned connections;                /* made so far: each has a socket of its own */
    int lock;
    struct state state;
    struct retries retries;
    uint64_t cycles_failed;   /* as a whole, in a row */
    struct cycle *cycle;      /* NULL: none runs */
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
    bool stopping, cycle_wanted;
};

static void publish(struct engine *engine, const struct event *event)
{
    state_apply(&engine->state, event);
    engine->options.on_event(engine->options.arg, event, &engine->state);
    if (engine->web != NULL)
        web_link_send(engine->web, event);
    history_link_send(engine->history, event);
}

/* What the configuration tells whoever judges the state. */
static void tell_configuration(struct engine *engine)
{
    const struct config *config = engine->config;
    enum side side = config_has_remote(config) ? SIDE_REMOTE : SIDE_LOCAL;
    struct event event = {.kind = EVENT_CONFIGURED,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .flag = config_has_remote(config),
                          .interval = config->interval,
                          .period = verdict_period(&config->side[side].policy)};
    publish(engine, &event);
}

/* The service manager's line: what a person reads first. */
static void tell_service(const struct engine *engine)
{
    struct verdict verdict;
    struct str text;
    str_init(&text);
    verdict_of(&engine->state, clock_now(), &verdict);
    verdict_describe(&verdict, &engine->state, clock_now(), &text);
    service_status("%s", text.s);
    str_fini(&text);
}

static void feed_watchdog(void *arg)
{
    struct engine *engine = arg;
    engine->watchdog = NULL;
    service_notify("WATCHDOG=1");
    int64_t every_ms = service_watchdog_ms();
    if (every_ms > 0)
        engine->watchdog = loop_add_timer(engine->loop, every_ms, feed_watchdog, engine);
}

static void note(struct engine *engine, enum event_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void note(struct engine *engine, enum event_level level, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct event event = {.kind = EVENT_NOTE,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .level = level,
                          .text = text};
    publish(engine, &event);
}

static void run_cycle(void *arg);
static void after_cycle(void *arg);

static void set_due(struct engine *engine, int64_t delay_ms)
{
    delay_ms = delay_ms > 0 ? delay_ms : 0;
    loop_remove_timer(engine->due);
    engine->due = loop_add_timer(engine->loop, delay_ms, run_cycle, engine);
    struct event event = {.kind = EVENT_CYCLE_DUE,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .due = clock_now() + (delay_ms + 999) / 1000};
    publish(engine, &event);
}

/* The regular time, or earlier where something that failed is to be tried again. */
static void schedule_next(struct engine *engine)
{
    int64_t now = clock_monotonic_ms();
    int64_t due = engine->cycle_started + engine->config->interval * 1000;
    int64_t retry = retries_next_due(&engine->retries);
    /* A cycle that failed may have lasted longer than the interval, as a machine that is away does
     * not refuse: the regular time is then not one to try again at. */
    if (engine->cycles_failed > 0)
        due = retry =
            now + schedule_backoff(engine->cycles_failed, engine->config->interval) * 1000;
    /* A retry is a whole second away at least: what never succeeds must not spin. */
    if (retry < now + 1000)
        retry = now + 1000;
    set_due(engine, (retry < due ? retry : due) - now);
}

static void handle_notified(void *arg, const struct err *e)
{
    struct engine *engine = arg;
    engine->notifier = NULL;
    if (e != NULL)
        note(engine, LEVEL_WARNING, "cannot reach the snitch: %s", e->msg);
    else
        note(engine, LEVEL_INFO, "told the snitch");
    if (engine->options.once)
        loop_stop(engine->loop);
}

static void notify(struct engine *engine)
{
    struct err e = ERR_INIT;
    if (engine->config->snitch_id[0] == '\0' || engine->options.dryrun ||
        engine->notifier != NULL || !engine_succeeded(engine))
        return;
    engine->notifier = notifier_start(engine->loop, engine->config->snitch_id,
                                      engine->config->web_user, handle_notified, engine, &e);
    if (engine->notifier == NULL)
        note(engine, LEVEL_WARNING, "cannot reach the snitch: %s", e.msg);
}

/* Destroyed, renamed, or only on the remote now: no success will ever come of it. */
static bool is_gone(void *arg, const char *name)
{
    const struct engine *engine = arg;
    const struct dataset_state *ds = state_find(&engine->state, name);
    return ds == NULL || ds->status == STATUS_REMOTE_ONLY;
}

/* When what failed is tried again. */
static void tell_retry(struct engine *engine, const char *name)
{
    const struct dataset_state *ds = state_find(&engine->state, name);
    if (ds == NULL || ds->failures == 0)
        return;
    struct event event = {.kind = EVENT_DATASET_DUE,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .dataset = ds->name,
                          .due = clock_now() +
                                 schedule_backoff(ds->failures, engine->config->interval)};
    publish(engine, &event);
}

static void keep_books(struct engine *engine, const struct event *event)
{
    int64_t now = clock_monotonic_ms();
    if (event->kind == EVENT_CYCLE_FINISHED) {
        engine->cycles_failed = event->code == ERR_NONE ? 0 : engine->cycles_failed + 1;
        if (event->code == ERR_NONE)
            retries_forget(&engine->retries, is_gone, engine);
        engine->after = loop_add_timer(engine->loop, 0, after_cycle, engine);
    } else if (event->kind == EVENT_DATASET_FINISHED && event->code == ERR_NONE) {
        retries_note_success(&engine->retries, event->dataset);
    } else if (event->kind == EVENT_DATASET_FINISHED && event->code != ERR_INTERRUPTED) {
        retries_note_failure(&engine->retries, event->dataset, now, engine->config->interval);
        tell_retry(engine, event->dataset);
    }
}

/* Most tables of a listing say what the one before said. */
static bool is_news(const struct engine *engine, const struct event *event)
{
    if (event->kind != EVENT_DATASET_SNAPSHOTS || !event->first || event->flag)
        return true;
    const struct dataset_state *ds = state_find(&engine->state, event->dataset);
    return ds == NULL || !rows_are_equal(ds->rows.v, ds->rows.n, event->rows, event->row_count) ||
           ds->rows.n == 0;
}

static void handle_event(void *arg, const struct event *event)
{
    struct engine *engine = arg;
    if (!is_news(engine, event))
        return;
    publish(engine, event);
    keep_books(engine, event);
    if (event->kind == EVENT_CYCLE_FINISHED || event->kind == EVENT_CYCLE_STARTED)
        tell_service(engine);
}

static bool skip_dataset(void *arg, const char *name)
{
    struct engine *engine = arg;
    /* What is due within a second is due: a timer may fire a moment early. */
    return retries_is_waiting(&engine->retries, name, clock_monotonic_ms() + 1000);
}

/* Makes the sites and the connection for the present configuration. */
static void connect_sites(struct engine *engine)
{
    char path[INSTANCE_PATH_MAX + 16] = "";
    connection_free(engine->connection);
    engine->connection = NULL;
    /* ssh removes its socket as it ends, which may be after the next one was made. */
    if (engine->socket_stem[0] != '\0')
        snprintf(path, sizeof(path), "%s.%u", engine->socket_stem, engine->connections++);
    sites_init(&engine->sites, engine->config, path);
    if (config_has_remote(engine->config) && engine->sites.ssh.control_path[0] != '\0' &&
        engine->config->ssh_host[0] != '\0')
        engine->connection = connection_new(engine->loop, &engine->sites.side[SIDE_REMOTE]);
}

static void start_history(struct engine *engine);

static void take_config(struct engine *engine)
{
    bool history_moves =
        strcmp(engine->config->history_path, engine->next_config->history_path) != 0 ||
        engine->config->history_keep != engine->next_config->history_keep;
    config_fini(engine->config);
    free(engine->config);
    engine->config = engine->next_config;
    engine->next_config = NULL;
    connect_sites(engine);
    tell_configuration(engine);
    if (history_moves) {
        history_link_free(engine->history);
        engine->history = NULL;
        start_history(engine);
    }
    if (engine->web != NULL)
        web_link_reconfigure(engine->web, engine->config);
    note(engine, LEVEL_INFO, "the new configuration is in use");
}

static void run_cycle(void *arg)
{
    struct engine *engine = arg;
    engine->due = NULL;
    engine->is_begun = true;
    if (engine->cycle != NULL || engine->stopping)
        return;
    engine->cycle_started = clock_monotonic_ms();
    struct cycle_spec spec = {.loop = engine->loop,
                              .config = engine->config,
                              .sites = &engine->sites,
                              .connection = engine->connection,
                              .number = engine->state.cycle + 1,
                              .dryrun = engine->options.dryrun,
                              .on_event = handle_event,
                              .skip = skip_dataset,
                              .arg = engine};
    engine->cycle = cycle_start(&spec);
}

/* Looks again until the history has written what it was told. */
static void await_history(void *arg)
{
    struct engine *engine = arg;
    engine->after = NULL;
    if (history_link_is_ended(engine->history))
        loop_stop(engine->loop);
    else
        engine->after = loop_add_timer(engine->loop, 20, await_history, engine);
}

static void give_up_waiting(void *arg);

static void end(struct engine *engine)
{
    if (engine->notifier != NULL)
        proc_cancel(engine->notifier);
    history_link_stop(engine->history);
    if (engine->stop_timer == NULL)
        engine->stop_timer = loop_add_timer(engine->loop, HISTORY_STOP_MS, give_up_waiting, engine);
    await_history(engine);
}

static void after_cycle(void *arg)
{
    struct engine *engine = arg;
    engine->after = NULL;
    cycle_free(engine->cycle);
    engine->cycle = NULL;
    if (engine->stopping) {
        end(engine);
        return;
    }
    notify(engine);
    if (engine->options.once) {
        if (engine->notifier == NULL)
            loop_stop(engine->loop);
        return;
    }
    if (engine->next_config != NULL && !snapper_is_busy(engine->snapper))
        take_config(engine);
    if (engine->cycle_wanted)
        set_due(engine, 0);
    else
        schedule_next(engine);
    engine->cycle_wanted = false;
}

/* A cycle as soon as may be. */
static void want_cycle(struct engine *engine)
{
    if (engine->cycle != NULL)
        engine->cycle_wanted = true;
    else if (!engine->stopping)
        set_due(engine, 0);
}

static void give_up_waiting(void *arg)
{
    struct engine *engine = arg;
    engine->stop_timer = NULL;
    loop_stop(engine->loop);
}

static void handle_stop(void *arg, int signo)
{
    struct engine *engine = arg;
    if (engine->stopping)
        return;
    engine->stopping = true;
    note(engine, LEVEL_INFO, "stopping (%s)", signo == SIGTERM ? "SIGTERM" : "SIGINT");
    if (engine->cycle == NULL) {
        end(engine);
        return;
    }
    engine->stop_timer = loop_add_timer(engine->loop, STOP_MS, give_up_waiting, engine);
    cycle_stop(engine->cycle);
}

static void tell_lines(struct engine *engine, enum event_level level, char *lines)
{
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        note(engine, level, "%s", line);
}

static void handle_reload(void *arg, int signo)
{
    struct engine *engine = arg;
    (void)signo;
    struct str errors;
    str_init(&errors);
    struct config *config = mem_zalloc(1, sizeof(*config));
    if (config_load(engine->options.config_path, config, &errors) != 0) {
        tell_lines(engine, LEVEL_ERROR, errors.s);
        note(engine, LEVEL_ERROR, "the configuration is wrong: the old one stays in use");
        free(config);
    } else {
        if (engine->next_config != NULL) {
            config_fini(engine->next_config);
            free(engine->next_config);
        }
        engine->next_config = config;
        if (engine->cycle != NULL || snapper_is_busy(engine->snapper)) {
            note(engine, LEVEL_INFO, "the new configuration is used from the next cycle on");
        } else {
            take_config(engine);
            if (!engine->options.once)
                schedule_next(engine);
        }
    }
    str_fini(&errors);
}

/* Somebody wants a cycle, and what failed tried again in it. */
static void hurry(struct engine *engine)
{
    if (engine->cycle != NULL)
        note(engine, LEVEL_INFO, "a cycle is running: another follows it");
    retries_hurry(&engine->retries, clock_monotonic_ms());
    want_cycle(engine);
}

static void handle_wish(void *arg, int signo)
{
    (void)signo;
    hurry(arg);
}

static void handle_snapshot(void *arg, uint64_t id, const char *name, const struct err *e)
{
    struct engine *engine = arg;
    if (e == NULL) {
        note(engine, LEVEL_INFO, "took the snapshot %s and of everything below, as asked", name);
        web_link_answer(engine->web, id, 200, name);
        want_cycle(engine);
        return;
    }
    note(engine, LEVEL_ERROR, "cannot take the snapshot %s: %s", name, e->msg);
    web_link_answer(engine->web, id, e->code == ERR_EXISTS ? 409 : 500, e->msg);
}

static void take_snapshot(struct engine *engine, const struct role_command *command)
{
    struct err e = ERR_INIT;
    if (engine->options.dryrun || engine->stopping) {
        web_link_answer(engine->web, command->id, 503,
                        engine->stopping ? "the daemon is stopping"
                                         : "the daemon runs with -dryrun and changes nothing");
    } else if (snapper_take(engine->snapper, &engine->sites.side[SIDE_LOCAL], command->type,
                            command->id, clock_now(), engine->config->stall_timeout * 1000,
                            &e) != 0) {
        note(engine, LEVEL_ERROR, "cannot take a snapshot: %s", e.msg);
        web_link_answer(engine->web, command->id,
                        e.code == ERR_NAME    ? 400
                        : e.code == ERR_LIMIT ? 503
                                              : 500,
                        e.msg);
    }
}

static void handle_command(void *arg, const struct role_command *command)
{
    struct engine *engine = arg;
    if (command->kind == ROLE_SNAPSHOT) {
        take_snapshot(engine, command);
        return;
    }
    note(engine, LEVEL_INFO, "a cycle was asked for");
    hurry(engine);
    web_link_answer(engine->web, command->id, 202, "a cycle starts now");
}

static void handle_web_note(void *arg, enum event_level level, const char *text)
{
    note(arg, level, "%s", text);
}

static int watch_signals(struct engine *engine, struct err *e)
{
    if (loop_watch_signal(engine->loop, SIGTERM, handle_stop, engine, e) != 0 ||
        loop_watch_signal(engine->loop, SIGINT, handle_stop, engine, e) != 0)
        return -1;
    if (engine->options.once)
        return 0;
    if (loop_watch_signal(engine->loop, SIGHUP, handle_reload, engine, e) != 0 ||
        loop_watch_signal(engine->loop, SIGUSR1, handle_wish, engine, e) != 0)
        return -1;
    return 0;
}

/* One daemon for each configuration. */
static int take_lock(struct engine *engine, struct err *e)
{
    char path[INSTANCE_PATH_MAX];
    if (instance_path(engine->options.config_path, ".lock", path, e) != 0 ||
        instance_path(engine->options.config_path, "", engine->socket_stem, e) != 0)
        return -1;
    /* ssh binds the socket under a longer name first, and sun_path is short: go without. */
    if (strlen(engine->socket_stem) > 75)
        engine->socket_stem[0] = '\0';
    engine->lock = host_lock(path, e);
    return engine->lock < 0 ? -1 : 0;
}

struct engine *engine_new(struct config *config, const struct engine_options *options,
                          struct err *e)
{
    struct engine *engine = mem_zalloc(1, sizeof(*engine));
    engine->options = *options;
    engine->config = config;
    engine->lock = -1;
    state_init(&engine->state);
    retries_init(&engine->retries);
    if (take_lock(engine, e) != 0)
        goto fail;
    engine->loop = loop_new(e);
    if (engine->loop == NULL || watch_signals(engine, e) != 0)
        goto fail;
    engine->snapper = snapper_new(engine->loop, handle_snapshot, engine);
    connect_sites(engine);
    return engine;
fail:
    engine_free(engine);
    return NULL;
}

static void start_web(struct engine *engine)
{
    struct err e = ERR_INIT;
    if (engine->options.addr == NULL)
        return;
    if (instance_path(engine->options.config_path, INSTANCE_SOCKET, engine->web_socket, &e) != 0)
        engine->web_socket[0] = '\0';
    struct web_link_spec spec = {.loop = engine->loop,
                                 .config = engine->config,
                                 .state = &engine->state,
                                 .version = engine->options.version,
                                 .addr = engine->options.addr,
                                 .socket_path = engine->web_socket,
                                 .on_command = handle_command,
                                 .on_note = handle_web_note,
                                 .arg = engine};
    engine->web = web_link_new(&spec);
}

/* Records come before the first cycle, or not at all: theirs is the order of time. */
static void handle_history(void *arg, const struct event *event)
{
    struct engine *engine = arg;
    if (event->kind != EVENT_NOTE && engine->is_begun)
        return;
    publish(engine, event);
    if (event->kind == EVENT_NOTE && !engine->is_begun &&
        text_starts_with(event->text, HISTORY_RECALLED))
        set_due(engine, 0);
}

static void start_history(struct engine *engine)
{
    /* one that only has to do its work once has no time for it */
    if (engine->options.once || engine->config->history_path[0] == '\0')
        return;
    engine->history = history_link_start(engine->loop, engine->config, handle_history, engine);
    history_link_watch(engine->history, &engine->state);
}

int engine_run(struct engine *engine, struct err *e)
{
    start_history(engine);
    tell_configuration(engine);
    start_web(engine);
    set_due(engine, engine->history == NULL ? 0 : HISTORY_MS);
    service_notify("READY=1");
    feed_watchdog(engine);
    int rc = loop_run(engine->loop, e);
    service_notify("STOPPING=1");
    return rc;
}

bool engine_succeeded(const struct engine *engine)
{
    return engine->state.cycle_finished != 0 && engine->state.cycle_code == ERR_NONE &&
           engine->state.cycle_failed == 0;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    cycle_free(engine->cycle);
    snapper_free(engine->snapper);
    web_link_free(engine->web);
    history_link_free(engine->history);
    connection_free(engine->connection);
    loop_free(engine->loop);
    if (engine->sites.ssh.control_path[0] != '\0')
        unlink(engine->sites.ssh.control_path);
    if (engine->lock >= 0)
        close(engine->lock);
    retries_fini(&engine->retries);
    state_fini(&engine->state);
    config_fini(engine->config);
    free(engine->config);
    if (engine->next_config != NULL) {
        config_fini(engine->next_config);
        free(engine->next_config);
    }
    free(engine);
}
