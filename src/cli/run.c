#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "describe.h"
#include "engine.h"
#include "host.h"
#include "listen.h"
#include "logsink.h"
#include "render.h"
#include "text.h"

/* Where the web role listens unless -addr says otherwise. */
#define RUN_ADDR "0.0.0.0:8888"

/* Where a run shows itself: the log, and with -once the terminal or plain lines. */
struct screen {
    struct logsink *log; /* NULL: -once without -logfile */
    bool once;
    unsigned width; /* of the terminal; 0: none */
    unsigned drawn; /* progress lines below the permanent ones */
};

static void erase_progress(struct screen *screen)
{
    if (screen->drawn > 0)
        printf("\033[%uA\033[J", screen->drawn);
    screen->drawn = 0;
}

static void draw_progress(struct screen *screen, const struct state *state, int64_t now)
{
    struct str line;
    str_init(&line);
    for (size_t i = 0; i < state->n; i++) {
        const struct dataset_state *ds = state->v[i];
        if (ds->status != STATUS_RUNNING)
            continue;
        for (size_t k = 0; k < ds->step_count; k++) {
            const struct step_state *step = &ds->steps[k];
            bool is_transfer = step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER;
            if (step->status != STEP_RUNNING || !is_transfer)
                continue;
            str_clear(&line);
            render_progress(ds, step, now, screen->width, &line);
            printf("%s\n", line.s);
            screen->drawn++;
        }
    }
    str_fini(&line);
}

/* The lines of -once that stay: notes, one for each dataset, one for the cycle. */
static void add_permanent(const struct event *event, const struct state *state, bool terminal,
                          struct str *out)
{
    const struct dataset_state *ds;
    switch (event->kind) {
    case EVENT_DATASET_SEEN:
    case EVENT_DATASET_FINISHED:
        ds = state_find(state, event->dataset);
        if (ds != NULL && (event->kind == EVENT_DATASET_FINISHED || event->flag))
            render_summary(ds, state->dryrun, out);
        break;
    case EVENT_CYCLE_FINISHED:
        cycle_describe(state, out);
        break;
    case EVENT_CYCLE_STARTED:
        if (event->flag)
            str_add(out, "dry run: nothing is changed");
        break;
    case EVENT_NOTE:
        if (event->level != LEVEL_DEBUG)
            render_event(event, state, out);
        break;
    default:
        if (!terminal)
            render_event(event, state, out);
        break;
    }
}

static void show_once(struct screen *screen, const struct event *event, const struct state *state)
{
    struct str line;
    str_init(&line);
    add_permanent(event, state, screen->width > 0, &line);
    if (screen->width > 0)
        erase_progress(screen);
    if (line.len > 0)
        printf("%s\n", line.s);
    if (screen->width > 0 && state->cycle_running)
        draw_progress(screen, state, event->time);
    fflush(stdout);
    str_fini(&line);
}

static void write_log(struct screen *screen, const struct event *event, const struct state *state)
{
    struct str line;
    str_init(&line);
    int level = render_event(event, state, &line);
    if (level > LEVEL_DEBUG)
        logsink_write(screen->log, event->time, event_level_name((enum event_level)level), line.s);
    str_fini(&line);
}

static void handle_event(void *arg, const struct event *event, const struct state *state)
{
    struct screen *screen = arg;
    if (screen->log != NULL)
        write_log(screen, event, state);
    if (screen->once)
        show_once(screen, event, state);
}

static void say_start(struct screen *screen, const struct config *config, const char *version,
                      int64_t now)
{
    char interval[TEXT_FIGURE_MAX];
    struct str line;
    str_init(&line);
    text_duration(interval, config->interval);
    str_add_format(&line, "backupd %s: %s", version, config->side[SIDE_LOCAL].root);
    if (config_has_remote(config))
        str_add_format(&line, " to %s%s%s", config->ssh_host,
                       config->ssh_host[0] == '\0' ? "" : ":", config->side[SIDE_REMOTE].root);
    else
        str_add(&line, ", no remote");
    str_add_format(&line, ", every %s", interval);
    logsink_write(screen->log, now, "info", line.s);
    str_clear(&line);
    config_warn(config, &line);
    if (line.len > 0)
        logsink_write(screen->log, now, "warning", line.s);
    str_fini(&line);
}

static const char *addr_of(const struct options *options)
{
    return options->addr == NULL ? RUN_ADDR : options->addr;
}

int cli_run(const struct options *options, const char *version)
{
    struct screen screen = {.once = options->once};
    struct err e = ERR_INIT;
    const char *path;
    if (listen_check(addr_of(options), &e) != 0) {
        cli_complain(&e);
        return EXIT_USAGE;
    }
    struct config *config = cli_load_config(options, &path);
    if (config == NULL)
        return EXIT_USAGE;
    int status = EXIT_FAILED;
    struct engine *engine = NULL;
    if (options->once)
        screen.width = host_terminal_width(STDOUT_FILENO);
    struct engine_options engine_options = {.config_path = path,
                                            .version = version,
                                            .addr = options->once ? NULL : addr_of(options),
                                            .dryrun = options->dryrun,
                                            .once = options->once,
                                            .on_event = handle_event,
                                            .arg = &screen};
    engine = engine_new(config, &engine_options, &e);
    if (engine == NULL)
        goto out;
    if (!options->once || options->logfile != NULL) {
        screen.log = logsink_open(options->logfile, 0, &e);
        if (screen.log == NULL)
            goto out;
        say_start(&screen, config, version, clock_now());
    }
    if (engine_run(engine, &e) != 0)
        goto out;
    status = options->once && !engine_succeeded(engine) ? EXIT_FAILED : 0;
out:
    if (e.code != ERR_NONE)
        cli_complain(&e);
    engine_free(engine);
    logsink_close(screen.log);
    return status;
}
