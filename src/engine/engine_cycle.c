/* When cycles run, and what follows from how they ended. */
#include <string.h>

#include "clock.h"
#include "engine_parts.h"
#include "facts_file.h"
#include "host.h"
#include "notifier.h"
#include "proc.h"
#include "schedule.h"
#include "service.h"
#include "verdict.h"

/* How long the history has to write the end of it, and a snapshot to be taken. */
#define HISTORY_STOP_MS 3000

/* Facts that are kept for the next start before the loop has another turn: some 5 ms. */
#define FACTS_PORTION 50000

static void run_cycle(void *arg);
static void after_cycle(void *arg);

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

void engine_set_due(struct engine *engine, int64_t delay_ms)
{
    delay_ms = delay_ms > 0 ? delay_ms : 0;
    loop_remove_timer(engine->due);
    engine->due = loop_add_timer(engine->loop, delay_ms, run_cycle, engine);
    struct event event = {.kind = EVENT_CYCLE_DUE,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .due = clock_now() + (delay_ms + 999) / 1000};
    engine_publish(engine, &event);
}

/* At once where somebody wants it, at the regular time, or earlier where something that failed is to be
 * tried again. */
void engine_schedule_next(struct engine *engine)
{
    if (engine->cycle_wanted) {
        engine_set_due(engine, 0);
        return;
    }
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
    engine_set_due(engine, (retry < due ? retry : due) - now);
}

static void handle_notified(void *arg, const struct err *e)
{
    struct engine *engine = arg;
    engine->notifier = NULL;
    if (e != NULL)
        engine_note(engine, LEVEL_WARNING, "cannot reach the snitch: %s", e->msg);
    else
        engine_note(engine, LEVEL_INFO, "told the snitch");
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
        engine_note(engine, LEVEL_WARNING, "cannot reach the snitch: %s", e.msg);
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
    if (ds == NULL || ds->failures == 0 || engine->options.once)
        return;
    struct event event = {.kind = EVENT_DATASET_DUE,
                          .time = clock_now(),
                          .cycle = engine->state.cycle,
                          .dataset = ds->name,
                          .due = clock_now() +
                                 schedule_backoff(ds->failures, engine->config->interval)};
    engine_publish(engine, &event);
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
        /* A pool that was away may come back as another. */
        if (event->code == ERR_POOL_MISSING || event->code == ERR_POOL_SUSPENDED)
            quiet_forget(engine->quiet);
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
    return ds == NULL || ds->rows.n == 0 || !row_table_is(&ds->rows, event->rows, event->row_count);
}

static void handle_event(void *arg, const struct event *event)
{
    struct engine *engine = arg;
    if (!is_news(engine, event))
        return;
    engine_publish(engine, event);
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

static bool failed_last(void *arg, const char *name)
{
    const struct engine *engine = arg;
    const struct dataset_state *ds = state_find(&engine->state, name);
    return ds != NULL && ds->failures > 0;
}

static const struct row_table *known_rows(void *arg, const char *name)
{
    const struct engine *engine = arg;
    const struct dataset_state *ds = state_find(&engine->state, name);
    return ds == NULL ? NULL : &ds->rows;
}

/* Where the remote is reached over a connection for each command, nobody would notice that it was
 * away in between. */
static struct quiet *quiet_or_null(const struct engine *engine)
{
    bool has_ssh = config_has_remote(engine->config) && engine->config->ssh_host[0] != '\0';
    return engine->options.once || (has_ssh && engine->connection == NULL) ? NULL : engine->quiet;
}

static void run_cycle(void *arg)
{
    struct engine *engine = arg;
    engine->due = NULL;
    engine->is_begun = true;
    if (engine->cycle != NULL || engine->stopping)
        return;
    engine->cycle_wanted = engine->look != NULL && engine->next_config != NULL;
    last_look_stop(engine->look);
    if (engine->cycle_wanted)
        return; /* not by the old configuration: once the look has ended */
    engine_take_config_if_free(engine);
    engine->cycle_started = clock_monotonic_ms();
    struct cycle_spec spec = {.loop = engine->loop,
                              .config = engine->config,
                              .sites = &engine->sites,
                              .connection = engine->connection,
                              .limiter = engine->limiter,
                              .compression = engine->compression,
                              .pace = &engine->pace,
                              .convoys = &engine->convoys,
                              .facts = &engine->facts,
                              .quiet = quiet_or_null(engine),
                              .number = engine->state.cycle + 1,
                              .dryrun = engine->options.dryrun,
                              .on_event = handle_event,
                              .skip = skip_dataset,
                              .failed = failed_last,
                              .rows = known_rows,
                              .arg = engine};
    engine->cycle = cycle_start(&spec);
}

/* Looks again until the history has written what it was told and a snapshot that is being taken is
 * there. */
static void await_history(void *arg)
{
    struct engine *engine = arg;
    engine->after = NULL;
    if (history_link_is_ended(engine->history) && !snapper_is_busy(engine->snapper) &&
        engine->look == NULL)
        loop_stop(engine->loop);
    else
        engine->after = loop_add_timer(engine->loop, 20, await_history, engine);
}

void engine_give_up_waiting(void *arg)
{
    struct engine *engine = arg;
    engine->stop_timer = NULL;
    loop_stop(engine->loop);
}

void engine_end(struct engine *engine)
{
    if (engine->notifier != NULL)
        proc_cancel(engine->notifier);
    last_look_stop(engine->look);
    history_link_stop(engine->history);
    if (engine->stop_timer == NULL)
        engine->stop_timer =
            loop_add_timer(engine->loop, HISTORY_STOP_MS, engine_give_up_waiting, engine);
    await_history(engine);
}

/* The next start lists all snapshots at length then. It is said once. */
static void give_up_facts(struct engine *engine, const struct err *e)
{
    engine->facts_path[0] = '\0';
    engine_note(engine, LEVEL_WARNING, "%s: the next start lists all snapshots at length", e->msg);
}

/* Keeps facts that are new for the next start, a turn's worth. Returns whether there are more:
 * until then the cycle is there, and no other one may change them. */
static bool keep_facts(struct engine *engine)
{
    struct err e = ERR_INIT;
    int rc = 0;
    if (engine->facts_writer == NULL) {
        if (!engine->facts.changed || engine->facts_path[0] == '\0' || engine->options.dryrun)
            return false;
        engine->facts.changed = false;
        engine->facts_writer = facts_writer_new(engine->facts_path, &engine->facts, &e);
    }
    rc = engine->facts_writer == NULL ? -1
                                      : facts_writer_some(engine->facts_writer, FACTS_PORTION, &e);
    if (rc == FACTS_MORE)
        return true;
    facts_writer_free(engine->facts_writer);
    engine->facts_writer = NULL;
    if (rc != 0)
        give_up_facts(engine, &e);
    return false;
}

/* ---- the last look ---- */

static const struct row_table *settled_rows(void *arg, const char *name, size_t *ret_count)
{
    const struct engine *engine = arg;
    const struct dataset_state *ds = state_find(&engine->state, name);
    if (ds == NULL || ds->status != STATUS_OK || ds->failures > 0 || ds->is_arriving)
        return NULL;
    *ret_count = ds->holding[SIDE_REMOTE].count;
    return &ds->rows;
}

static void handle_looked(void *arg)
{
    struct engine *engine = arg;
    last_look_free(engine->look);
    engine->look = NULL;
    host_trim_memory();
    if (engine->next_config == NULL || engine->cycle != NULL || engine->stopping)
        return;
    engine_take_config_if_free(engine);
    engine_schedule_next(engine);
}

/* Whether the next cycle comes early enough to have anything of a look. */
static bool is_worth_a_look(const struct engine *engine)
{
    return engine->config->interval * 1000 < QUIET_BUSY_MAX_MS && !engine->cycle_wanted &&
           engine->next_config == NULL;
}

static void look_back(struct engine *engine)
{
    struct quiet *quiet = quiet_or_null(engine);
    if (quiet == NULL || engine->look != NULL || !is_worth_a_look(engine) ||
        !quiet_has_busy(quiet) || !quiet_may_ask(quiet, SIDE_REMOTE, clock_monotonic_ms()) ||
        (engine->connection != NULL && !connection_is_up(engine->connection)))
        return;
    struct last_look_spec spec = {.loop = engine->loop,
                                  .config = engine->config,
                                  .sites = &engine->sites,
                                  .quiet = quiet,
                                  .rows = settled_rows,
                                  .on_done = handle_looked,
                                  .arg = engine};
    engine->look = last_look_start(&spec);
}

static void after_cycle(void *arg)
{
    struct engine *engine = arg;
    engine->after = NULL;
    if (keep_facts(engine)) {
        engine->after = loop_add_timer(engine->loop, 0, after_cycle, engine);
        return;
    }
    cycle_free(engine->cycle);
    engine->cycle = NULL;
    host_trim_memory(); /* of the inventory: until the next cycle nobody needs it */
    if (engine->stopping) {
        engine_end(engine);
        return;
    }
    notify(engine);
    if (engine->options.once) {
        if (engine->notifier == NULL)
            loop_stop(engine->loop);
        return;
    }
    look_back(engine);
    engine_take_config_if_free(engine);
    engine_schedule_next(engine);
}

/* A cycle as soon as may be. */
void engine_want_cycle(struct engine *engine)
{
    if (engine->stopping)
        return;
    engine->cycle_wanted = true;
    if (engine->cycle == NULL)
        engine_set_due(engine, 0);
}
