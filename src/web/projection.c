#include "projection.h"

#include <stdlib.h>
#include <string.h>

#include "event_json.h"
#include "mem.h"
#include "str.h"
#include "verdict.h"
#include "views.h"
#include "web_limits.h"

void projection_init(struct projection *projection, uint32_t boot)
{
    memset(projection, 0, sizeof(*projection));
    state_init(&projection->state);
    projection->metrics = metrics_new();
    projection->events = stream_new(boot, WEB_EVENTS_MAX);
    /* A place in one is none in the other. */
    projection->changes = stream_new(boot + 1, WEB_CHANGES_MAX);
    projection->drawing = 1;
}

static void forget_changed(struct projection *projection)
{
    for (size_t i = 0; i < projection->changed.n; i++)
        free(projection->changed.v[i]);
    projection->changed.n = 0;
}

void projection_fini(struct projection *projection)
{
    forget_changed(projection);
    free(projection->changed.v);
    metrics_free(projection->metrics);
    stream_free(projection->events);
    stream_free(projection->changes);
    state_fini(&projection->state);
}

static void add_changed(struct projection *projection, const char *name)
{
    struct view_names *changed = &projection->changed;
    changed->v = mem_grow(changed->v, changed->n, &changed->cap, sizeof(char *));
    changed->v[changed->n++] = mem_strdup(name);
}

static void mark(struct projection *projection, struct dataset_state *ds)
{
    if (ds == NULL || ds->drawing == projection->drawing)
        return;
    ds->drawing = projection->drawing;
    add_changed(projection, ds->name);
}

/* Those that the end of a cycle forgets are told of while their names are known. */
static void mark_unseen(struct projection *projection, const struct event *event)
{
    for (size_t i = 0; i < projection->state.n; i++)
        if (projection->state.v[i]->seen_in != event->cycle)
            mark(projection, projection->state.v[i]);
}

static bool is_recalled(enum event_kind kind)
{
    return kind >= EVENT_STATE_RECALLED;
}

void projection_apply(struct projection *projection, const struct event *event)
{
    if (event->kind == EVENT_CYCLE_FINISHED && event->code == ERR_NONE)
        mark_unseen(projection, event);
    state_apply(&projection->state, event);
    projection->is_dirty = true;
    if (!projection->is_ready)
        return;
    metrics_apply(projection->metrics, event, &projection->state);
    if (event->dataset != NULL)
        mark(projection, state_find(&projection->state, event->dataset));
    if (is_recalled(event->kind))
        return;
    struct str line;
    str_init(&line);
    event_encode_brief(event, &line);
    stream_add(projection->events, line.s, line.len - 1);
    str_fini(&line);
}

void projection_judge(struct projection *projection, int64_t now)
{
    for (size_t i = 0; i < projection->state.n; i++) {
        struct dataset_state *ds = projection->state.v[i];
        enum verdict_level level = verdict_of_dataset(&projection->state, ds, now, NULL, NULL);
        if (level == ds->drawn)
            continue;
        ds->drawn = level;
        ds->revision++;
        mark(projection, ds);
    }
    projection->is_dirty = true;
}

static uint64_t count_records(const struct projection *projection)
{
    const struct chronicle *chronicle = &projection->state.chronicle;
    uint64_t days = 0;
    if (chronicle_count(chronicle, RECORD_DAY) > 0)
        days =
            chronicle_at(chronicle, RECORD_DAY, chronicle_count(chronicle, RECORD_DAY) - 1)->count;
    return chronicle->ring[RECORD_CYCLE].total + chronicle->ring[RECORD_TRANSFER].total +
           chronicle->ring[RECORD_FAILURE].total + chronicle->ring[RECORD_DAY].total + days;
}

static void begin_message(struct projection *projection)
{
    forget_changed(projection);
    projection->drawing++;
    projection->first_line = projection->state.chronicle.ring[RECORD_LINE].total;
    projection->records = count_records(projection);
    projection->is_dirty = false;
}

void projection_set_ready(struct projection *projection)
{
    projection->is_ready = true;
    begin_message(projection);
}

void projection_flush(struct projection *projection, int64_t now)
{
    if (!projection->is_dirty || !projection->is_ready)
        return;
    struct view_change change = {
        .names = (const char *const *)projection->changed.v,
        .name_count = projection->changed.n,
        .first_line = projection->first_line,
        .activity = projection->records != count_records(projection),
    };
    struct str message;
    str_init(&message);
    view_change(&projection->state, &change, now, &message);
    stream_add(projection->changes, message.s, message.len);
    str_fini(&message);
    begin_message(projection);
}
