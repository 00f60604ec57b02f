#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "engine_parts.h"
#include "facts_file.h"
#include "history.h"
#include "host.h"
#include "mem.h"
#include "service.h"
#include "text.h"
#include "verdict.h"

/* How long the first cycle waits for what the history knows of before. */
#define HISTORY_MS 2000

void engine_publish(struct engine *engine, const struct event *event)
{
    if (engine->web != NULL)
        web_link_prepare(engine->web, event);
    state_apply(&engine->state, event);
    engine->options.on_event(engine->options.arg, event, &engine->state);
    if (engine->web != NULL)
        web_link_send(engine->web, event);
    history_link_send(engine->history, event);
}

void engine_note(struct engine *engine, enum event_level level, const char *fmt, ...)
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
    engine_publish(engine, &event);
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
    engine_publish(engine, &event);
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

/* What the daemon before this one knew. */
static void recall_facts(struct engine *engine)
{
    if (instance_path(engine->options.config_path, ".facts", engine->facts_path, NULL) != 0)
        engine->facts_path[0] = '\0';
    else
        facts_file_read(engine->facts_path, &engine->facts);
    engine->facts.changed = false;
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
    compression_forget(engine->compression);
    engine->convoys = (struct convoys){.broken = 0};
    quiet_forget(engine->quiet);
    tell_configuration(engine);
    if (history_moves) {
        history_link_free(engine->history);
        engine->history = NULL;
        start_history(engine);
    }
    if (engine->web != NULL)
        web_link_reconfigure(engine->web, engine->config);
    engine_note(engine, LEVEL_INFO, "the new configuration is in use");
}

void engine_take_config_if_free(struct engine *engine)
{
    if (engine->next_config != NULL && engine->cycle == NULL && engine->look == NULL &&
        !snapper_is_busy(engine->snapper))
        take_config(engine);
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
    if (engine->lock < 0)
        return -1;
    instance_clear_connections(engine->socket_stem);
    return 0;
}

struct engine *engine_new(struct config *config, const struct engine_options *options,
                          struct err *e)
{
    struct engine *engine = mem_zalloc(1, sizeof(*engine));
    engine->options = *options;
    engine->config = config;
    engine->lock = -1;
    state_init(&engine->state);
    facts_init(&engine->facts);
    retries_init(&engine->retries);
    pace_init(&engine->pace);
    engine->limiter = limiter_new();
    limiter_set(engine->limiter, config->rate_limit);
    engine->compression = compression_new();
    engine->quiet = quiet_new();
    if (take_lock(engine, e) != 0)
        goto fail;
    recall_facts(engine);
    engine->loop = loop_new(e);
    if (engine->loop == NULL || engine_watch_signals(engine, e) != 0)
        goto fail;
    engine->snapper = snapper_new(engine->loop, engine_handle_snapshot, engine);
    connect_sites(engine);
    return engine;
fail:
    engine_free(engine);
    return NULL;
}

static void handle_web_note(void *arg, enum event_level level, const char *text)
{
    engine_note(arg, level, "%s", text);
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
                                 .on_command = engine_handle_command,
                                 .on_note = handle_web_note,
                                 .arg = engine};
    engine->web = web_link_new(&spec);
}

/* Records come before the first cycle, or not at all: theirs is the order of time. */
static void handle_history(void *arg, const struct event *event)
{
    struct engine *engine = arg;
    if (event->kind != EVENT_NOTE && engine->is_begun) {
        if (!engine->is_history_late)
            engine_note(engine, LEVEL_WARNING,
                        "the history was too slow to open: what it knows of the time before this "
                        "start is not shown until the next");
        engine->is_history_late = true;
        return;
    }
    engine_publish(engine, event);
    if (event->kind == EVENT_NOTE && !engine->is_begun &&
        text_starts_with(event->text, HISTORY_RECALLED))
        engine_set_due(engine, 0);
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
    engine_set_due(engine, engine->history == NULL ? 0 : HISTORY_MS);
    service_notify("READY=1");
    feed_watchdog(engine);
    return loop_run(engine->loop, e);
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
    last_look_free(engine->look);
    facts_writer_free(engine->facts_writer);
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
    limiter_free(engine->limiter);
    compression_free(engine->compression);
    quiet_free(engine->quiet);
    facts_fini(&engine->facts);
    state_fini(&engine->state);
    config_fini(engine->config);
    free(engine->config);
    if (engine->next_config != NULL) {
        config_fini(engine->next_config);
        free(engine->next_config);
    }
    free(engine);
}
