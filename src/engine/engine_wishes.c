/* What people and programs want of a running engine: by signals, and through the web role. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine_parts.h"
#include "mem.h"
#include "service.h"

/* How long everything has to end by itself after SIGTERM; what is left then is killed. */
#define STOP_MS 4000

static void handle_stop(void *arg, int signo)
{
    struct engine *engine = arg;
    if (engine->stopping)
        return;
    engine->stopping = true;
    service_notify("STOPPING=1");
    engine_note(engine, LEVEL_INFO, "stopping (%s)", signo == SIGTERM ? "SIGTERM" : "SIGINT");
    if (engine->cycle == NULL) {
        engine_end(engine);
        return;
    }
    engine->stop_timer = loop_add_timer(engine->loop, STOP_MS, engine_give_up_waiting, engine);
    cycle_stop(engine->cycle);
}

static void tell_lines(struct engine *engine, enum event_level level, char *lines)
{
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        engine_note(engine, level, "%s", line);
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
        engine_note(engine, LEVEL_ERROR, "the configuration is wrong: the old one stays in use");
        free(config);
    } else {
        if (engine->next_config != NULL) {
            config_fini(engine->next_config);
            free(engine->next_config);
        }
        engine->next_config = config;
        limiter_set(engine->limiter, config->rate_limit);
        if (engine->cycle != NULL || snapper_is_busy(engine->snapper)) {
            engine_note(
                engine, LEVEL_INFO, "the new configuration is used from the next cycle on%s",
                config->rate_limit == engine->config->rate_limit ? "" : ", its rate_limit now");
        } else if (engine->look != NULL) {
            last_look_stop(engine->look); /* and what follows is done then */
        } else {
            engine_take_config_if_free(engine);
            if (!engine->options.once)
                engine_schedule_next(engine);
        }
    }
    str_fini(&errors);
}

/* Somebody wants a cycle, and what failed tried again in it. */
static void hurry(struct engine *engine)
{
    if (engine->cycle_wanted)
        return; /* said and done already */
    if (engine->cycle != NULL)
        engine_note(engine, LEVEL_INFO, "a cycle is running: another follows it");
    retries_hurry(&engine->retries, clock_monotonic_ms());
    engine_want_cycle(engine);
}

static void handle_wish(void *arg, int signo)
{
    (void)signo;
    hurry(arg);
}

/* A type that no policy names may be a slip: what is taken of it stays for ever. */
static void warn_of_type(struct engine *engine, const char *name)
{
    const struct config *config = engine->config;
    for (int side = 0; side < SIDE_COUNT; side++)
        if (policy_find(&config->side[side].policy, name) != SIZE_MAX)
            return;
    if (config->override_count > 0)
        return;
    engine_note(engine, LEVEL_WARNING,
                "no policy names the type %.*s: such snapshots are neither sent nor destroyed",
                (int)snapname_type_len(name), name);
}

void engine_handle_snapshot(void *arg, uint64_t id, const char *name, const struct err *e)
{
    struct engine *engine = arg;
    engine_take_config_if_free(engine);
    if (e == NULL) {
        engine_note(engine, LEVEL_INFO, "took %s, and the same of everything below, as asked",
                    name);
        warn_of_type(engine, strchr(name, '@') + 1);
        web_link_answer(engine->web, id, 200, name);
        engine_want_cycle(engine);
        return;
    }
    engine_note(engine, LEVEL_ERROR, "cannot take the snapshot %s: %s", name, e->msg);
    web_link_answer(engine->web, id, e->code == ERR_EXISTS ? 409 : 500, e->msg);
}

static void take_snapshot(struct engine *engine, const struct role_command *command)
{
    struct err e = ERR_INIT;
    const char *why_not =
        engine->stopping              ? "the daemon is stopping"
        : engine->options.dryrun      ? "the daemon runs with -dryrun and changes nothing"
        : engine->next_config != NULL ? "a new configuration is about to be used: try again"
                                      : NULL;
    if (why_not != NULL) {
        web_link_answer(engine->web, command->id, 503, why_not);
    } else if (snapper_take(engine->snapper, &engine->sites.side[SIDE_LOCAL], command->type,
                            command->id, clock_now(), engine->config->stall_timeout * 1000,
                            &e) != 0) {
        engine_note(engine, LEVEL_ERROR, "cannot take a snapshot: %s", e.msg);
        web_link_answer(engine->web, command->id,
                        e.code == ERR_NAME    ? 400
                        : e.code == ERR_LIMIT ? 503
                                              : 500,
                        e.msg);
    }
}

void engine_handle_command(void *arg, const struct role_command *command)
{
    struct engine *engine = arg;
    if (command->kind == ROLE_SNAPSHOT) {
        take_snapshot(engine, command);
        return;
    }
    if (!engine->cycle_wanted)
        engine_note(engine, LEVEL_INFO, "a cycle was asked for");
    hurry(engine);
    web_link_answer(engine->web, command->id, 202, "a cycle starts now");
}

int engine_watch_signals(struct engine *engine, struct err *e)
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
