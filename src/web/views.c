#include "views.h"

#include "err.h"
#include "json_out.h"
#include "verdict.h"
#include "views_parts.h"

static const char *type_name(enum dataset_type type)
{
    switch (type) {
    case DATASET_FILESYSTEM:
        return "filesystem";
    case DATASET_VOLUME:
        return "volume";
    default:
        return "unknown";
    }
}

static void add_holding(const char *key, const struct event_side *holding, struct str *out)
{
    json_out_open(out, key, '{');
    json_out_u64(out, "snapshots", holding->count);
    json_out_i64(out, "newest", holding->newest);
    json_out_u64(out, "space", holding->space);
    json_out_close(out, '}');
}

static void add_running_step(const struct step_state *step, struct str *out)
{
    json_out_open(out, "step", '{');
    json_out_word(out, "op", op_name(step->op));
    json_out_word(out, "side", side_name(step->side));
    json_out_text(out, "start", step->start == NULL ? "" : step->start);
    json_out_text(out, "end", step->end == NULL ? "" : step->end);
    json_out_u64(out, "bytes", step->bytes);
    json_out_u64(out, "bytes_total", step->bytes_total);
    json_out_i64(out, "started", step->started);
    json_out_bool(out, "resumed", step->resumed);
    json_out_close(out, '}');
}

/* Its verdict in two parts, as the words of why are worked out with the level. */
static void add_level(const struct state *state, const struct dataset_state *ds, int64_t now,
                      struct str *why, struct str *out)
{
    enum verdict_level level = verdict_of_dataset(state, ds, now, why, NULL);
    json_out_word(out, "level", verdict_level_name(level));
}

bool view_has_failed(const struct dataset_state *ds)
{
    return ds->status == STATUS_FAILED ||
           (ds->failing != 0 && ds->text != NULL && ds->status != STATUS_REMOTE_ONLY);
}

static void add_failure(const struct dataset_state *ds, struct str *out)
{
    json_out_word(out, "code", err_code_name(ds->code));
    json_out_text(out, "text", ds->text == NULL ? "" : ds->text);
    json_out_text(out, "advice", err_code_advice(ds->code));
    json_out_u64(out, "failures", ds->failures);
    json_out_i64(out, "since", ds->failing);
    json_out_i64(out, "retry", ds->due);
}

void view_add_summary(const struct state *state, const struct dataset_state *ds, int64_t now,
                      struct str *out)
{
    struct str why;
    str_init(&why);
    json_out_text(out, "name", ds->name);
    json_out_word(out, "type", type_name(ds->type));
    json_out_word(out, "status", dataset_status_name(ds->status));
    add_level(state, ds, now, &why, out);
    json_out_u64(out, "revision", ds->revision);
    json_out_i64(out, "copied", ds->copied);
    json_out_i64(out, "last_success", ds->last_success);
    add_holding("local", &ds->holding[SIDE_LOCAL], out);
    add_holding("remote", &ds->holding[SIDE_REMOTE], out);
    if (why.len > 0)
        json_out_text(out, "why", why.s);
    if (view_has_failed(ds))
        add_failure(ds, out);
    if (ds->step_count > 0) {
        json_out_u64(out, "steps", ds->step_count);
        json_out_u64(out, "done", dataset_steps_done(ds));
    }
    const struct step_state *step = dataset_running_step(ds);
    if (step != NULL)
        add_running_step(step, out);
    str_fini(&why);
}

static void add_verdict(const struct state *state, int64_t now, struct str *out)
{
    struct verdict verdict;
    struct str text;
    str_init(&text);
    verdict_of(state, now, &verdict);
    json_out_open(out, "verdict", '{');
    json_out_word(out, "level", verdict_level_name(verdict.level));
    verdict_describe(&verdict, state, now, &text);
    json_out_text(out, "text", text.s);
    str_clear(&text);
    verdict_advise(&verdict, state, &text);
    json_out_text(out, "advice", text.s);
    json_out_i64(out, "since", verdict.since);
    json_out_u64(out, "datasets", verdict.datasets);
    json_out_u64(out, "safe", verdict.safe);
    json_out_u64(out, "late", verdict.late);
    json_out_u64(out, "failed", verdict.failed);
    json_out_i64(out, "behind", verdict.behind);
    json_out_close(out, '}');
    str_fini(&text);
}

/* Seconds that the newest finished cycle took; that which runs has overwritten its start. */
static int64_t cycle_took(const struct state *state)
{
    size_t n = chronicle_count(&state->chronicle, RECORD_CYCLE);
    if (n > 0) {
        const struct record *newest = chronicle_at(&state->chronicle, RECORD_CYCLE, n - 1);
        return newest->time - newest->started;
    }
    return state->cycle_running || state->cycle_finished == 0
               ? 0
               : state->cycle_finished - state->cycle_started;
}

static void add_cycle(const struct state *state, struct str *out)
{
    json_out_open(out, "cycle", '{');
    json_out_u64(out, "number", state->cycle);
    json_out_bool(out, "running", state->cycle_running);
    json_out_i64(out, "started", state->cycle_started);
    json_out_i64(out, "finished", state->cycle_finished);
    json_out_i64(out, "took", cycle_took(state));
    json_out_u64(out, "failed", state->cycle_failed);
    json_out_word(out, "code", err_code_name(state->cycle_code));
    json_out_text(out, "text", state->cycle_text);
    json_out_i64(out, "next", state->due);
    json_out_i64(out, "last_success", state->last_success);
    json_out_close(out, '}');
}

static void add_site(const char *key, const char *root, const char *host, struct str *out)
{
    if (root[0] == '\0') {
        json_out_text(out, key, NULL);
        return;
    }
    json_out_open(out, key, '{');
    json_out_text(out, "root", root);
    json_out_text(out, "host", host);
    json_out_close(out, '}');
}

void view_state(const struct state *state, const struct settings *settings, const char *stream,
                int64_t now, struct str *out)
{
    str_add_char(out, '{');
    json_out_text(out, "version", settings->version);
    json_out_i64(out, "time", now);
    json_out_bool(out, "dry_run", state->dryrun);
    json_out_text(out, "stream", stream);
    add_site("local", settings->local_root, "", out);
    add_site("remote", settings->remote_root, settings->remote_host, out);
    json_out_open(out, "types", '[');
    for (size_t i = 0; i < settings->types.n; i++)
        json_out_text(out, NULL, settings->types.v[i]);
    json_out_close(out, ']');
    json_out_i64(out, "interval", state->interval);
    add_verdict(state, now, out);
    add_cycle(state, out);
    json_out_open(out, "datasets", '[');
    for (size_t i = 0; i < state->n; i++) {
        json_out_open(out, NULL, '{');
        view_add_summary(state, state->v[i], now, out);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
    json_out_close(out, '}');
}

void view_add_line(const struct record *line, bool with_dataset, struct str *out)
{
    json_out_open(out, NULL, '{');
    json_out_i64(out, "time", line->time);
    json_out_word(out, "level", event_level_name(line->level));
    if (with_dataset)
        json_out_text(out, "dataset", line->dataset);
    json_out_text(out, "text", line->text == NULL ? "" : line->text);
    json_out_close(out, '}');
}

/* The datasets among the names that are there, and those that are gone. */
static void add_changed(const struct state *state, const struct view_change *change, int64_t now,
                        struct str *out)
{
    json_out_open(out, "datasets", '[');
    for (size_t i = 0; i < change->name_count; i++) {
        const struct dataset_state *ds = state_find(state, change->names[i]);
        if (ds == NULL)
            continue;
        json_out_open(out, NULL, '{');
        view_add_summary(state, ds, now, out);
        json_out_close(out, '}');
    }
    json_out_close(out, ']');
    json_out_open(out, "removed", '[');
    for (size_t i = 0; i < change->name_count; i++)
        if (state_find(state, change->names[i]) == NULL)
            json_out_text(out, NULL, change->names[i]);
    json_out_close(out, ']');
}

static void add_new_lines(const struct chronicle *chronicle, uint64_t first, struct str *out)
{
    const struct ring *ring = &chronicle->ring[RECORD_LINE];
    uint64_t oldest = ring->total - ring->n;
    json_out_open(out, "log", '[');
    for (uint64_t i = first > oldest ? first : oldest; i < ring->total; i++)
        view_add_line(chronicle_at(chronicle, RECORD_LINE, (size_t)(i - oldest)), true, out);
    json_out_close(out, ']');
}

void view_change(const struct state *state, const struct view_change *change, int64_t now,
                 struct str *out)
{
    str_add_char(out, '{');
    json_out_i64(out, "time", now);
    add_changed(state, change, now, out);
    add_verdict(state, now, out);
    add_cycle(state, out);
    json_out_bool(out, "dry_run", state->dryrun);
    add_new_lines(&state->chronicle, change->first_line, out);
    json_out_bool(out, "activity", change->activity);
    json_out_close(out, '}');
}

void view_error(const char *code, const char *text, struct str *out)
{
    str_add_char(out, '{');
    json_out_open(out, "error", '{');
    json_out_text(out, "code", code);
    json_out_text(out, "text", text);
    json_out_close(out, '}');
    json_out_close(out, '}');
}
