#include "render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "text.h"

static void add_error(enum err_code code, const char *text, struct str *out)
{
    const char *advice = err_code_advice(code);
    str_add_format(out, "%s [%s]", text == NULL ? "" : text, err_code_name(code));
    if (advice[0] != '\0')
        str_add_format(out, " -- %s", advice);
}

void render_step(const struct step_state *step, struct str *out)
{
    const char *start = step->start == NULL ? "?" : step->start;
    const char *end = step->end == NULL ? "?" : step->end;
    switch (step->op) {
    case OP_DELETION:
        str_add_format(out, "destroy %s %s", side_name(step->side), start);
        break;
    case OP_RANGE_DELETION:
        str_add_format(out, "destroy %s %s to %s", side_name(step->side), start, end);
        break;
    case OP_INITIAL_TRANSFER:
        str_add_format(out, "send %s (all of it)", end);
        break;
    default:
        str_add_format(out, "send %s to %s", start, end);
        break;
    }
}

static const struct step_state *step_of(const struct event *event, const struct state *state)
{
    const struct dataset_state *ds = state_find(state, event->dataset);
    return ds != NULL && event->step < ds->step_count ? &ds->steps[event->step] : NULL;
}

static int render_step_started(const struct event *event, const struct state *state,
                               struct str *out)
{
    const struct step_state *step = step_of(event, state);
    if (step == NULL)
        return -1;
    str_add_format(out, "%s: %s", name_shown(event->dataset), event->flag ? "resume: " : "");
    render_step(step, out);
    return LEVEL_INFO;
}

static int render_step_finished(const struct event *event, const struct state *state,
                                struct str *out)
{
    const struct step_state *step = step_of(event, state);
    if (step == NULL || event->code != ERR_NONE)
        return -1; /* the dataset's end tells it */
    char figure[TEXT_FIGURE_MAX];
    str_add_format(out, "%s: done: ", name_shown(event->dataset));
    render_step(step, out);
    if (step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER) {
        text_bytes(figure, event->bytes);
        str_add_format(out, ", %s", figure);
        text_duration(figure, step->finished - step->started);
        str_add_format(out, " in %s", figure);
    } else {
        str_add_format(out, " (%" PRIu64 " snapshot%s)", event->count,
                       event->count == 1 ? "" : "s");
    }
    return LEVEL_INFO;
}

static int render_dataset_finished(const struct event *event, const struct state *state,
                                   struct str *out)
{
    if (event->code != ERR_NONE) {
        str_add_format(out, "%s: failed: ", name_shown(event->dataset));
        add_error(event->code, event->text, out);
        return LEVEL_ERROR;
    }
    const struct dataset_state *ds = state_find(state, event->dataset);
    if (ds == NULL || !state->dryrun || ds->step_count == 0)
        return -1;
    str_add_format(out, "%s: would ", name_shown(event->dataset));
    for (size_t i = 0; i < ds->step_count; i++) {
        if (i > 0)
            str_add(out, "; ");
        render_step(&ds->steps[i], out);
    }
    return LEVEL_INFO;
}

static int render_cycle_finished(const struct event *event, const struct state *state,
                                 struct str *out)
{
    str_add_format(out, "cycle %" PRIu64 ": ", event->cycle);
    render_cycle(state, out);
    return event->code == ERR_NONE && event->failed == 0 ? LEVEL_INFO : LEVEL_ERROR;
}

int render_event(const struct event *event, const struct state *state, struct str *out)
{
    switch (event->kind) {
    case EVENT_CYCLE_STARTED:
        str_add_format(out, "cycle %" PRIu64 ": started%s", event->cycle,
                       event->flag ? " (dry run: nothing is changed)" : "");
        return LEVEL_INFO;
    case EVENT_CYCLE_FINISHED:
        return render_cycle_finished(event, state, out);
    case EVENT_STEP_STARTED:
        return render_step_started(event, state, out);
    case EVENT_STEP_FINISHED:
        return render_step_finished(event, state, out);
    case EVENT_DATASET_FINISHED:
        return render_dataset_finished(event, state, out);
    case EVENT_NOTE:
        if (event->dataset != NULL)
            str_add_format(out, "%s: ", name_shown(event->dataset));
        str_add(out, event->text);
        return (int)event->level;
    default:
        return -1;
    }
}

static void add_work(const struct dataset_state *ds, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    const char *separator = "";
    if (ds->sent > 0) {
        text_bytes(figure, ds->sent_bytes);
        str_add_format(out, "sent %" PRIu64 " (%s)", ds->sent, figure);
        separator = ", ";
    }
    if (ds->destroyed > 0) {
        str_add_format(out, "%sdestroyed %" PRIu64, separator, ds->destroyed);
        separator = ", ";
    }
    if (separator[0] == '\0')
        str_add(out, "nothing to do");
}

void render_summary(const struct dataset_state *ds, bool dryrun, struct str *out)
{
    bool failed = ds->status == STATUS_FAILED;
    str_add_format(out, "%-7s %-30s ",
                   failed                             ? "FAILED"
                   : ds->status == STATUS_REMOTE_ONLY ? "kept"
                                                      : "ok",
                   name_shown(ds->name));
    if (ds->status == STATUS_REMOTE_ONLY) {
        str_add(out, "only the remote has it: left as it is");
    } else if (failed) {
        add_error(ds->code, ds->text, out);
    } else if (dryrun && ds->step_count > 0) {
        str_add(out, "would ");
        for (size_t i = 0; i < ds->step_count; i++) {
            if (i > 0)
                str_add(out, "; ");
            render_step(&ds->steps[i], out);
        }
    } else {
        add_work(ds, out);
    }
}

void render_cycle(const struct state *state, struct str *out)
{
    if (state->cycle_code != ERR_NONE) {
        str_add(out, "failed: ");
        add_error(state->cycle_code, state->cycle_text, out);
        return;
    }
    char took[TEXT_FIGURE_MAX];
    text_duration(took, state->cycle_finished - state->cycle_started);
    str_add_format(out, "%zu dataset%s, %" PRIu64 " failed, took %s", state->n,
                   state->n == 1 ? "" : "s", state->cycle_failed, took);
}

/* "[#####-----]  45%" */
static void add_bar(uint64_t done, uint64_t total, unsigned cells, struct str *out)
{
    double part = total == 0 ? 0 : (double)done / (double)total;
    if (part > 1)
        part = 1; /* the total is an estimate */
    str_add_char(out, '[');
    for (unsigned i = 0; i < cells; i++)
        str_add_char(out, (double)i < part * cells ? '#' : '-');
    str_add_format(out, "] %3.0f%%", part * 100);
}

void render_progress(const struct dataset_state *ds, const struct step_state *step, int64_t now,
                     unsigned width, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    size_t begin = out->len;
    int64_t seconds = now - step->started;
    str_add_format(out, "%s %s ", name_shown(ds->name), step->end == NULL ? "" : step->end);
    add_bar(step->bytes, step->bytes_total, width >= 100 ? 30 : 10, out);
    text_bytes(figure, step->bytes);
    str_add_format(out, " %s", figure);
    text_bytes(figure, step->bytes_total);
    if (step->bytes_total > 0)
        str_add_format(out, " of %s", figure);
    if (seconds > 0) {
        uint64_t rate = step->bytes / (uint64_t)seconds;
        text_bytes(figure, rate);
        str_add_format(out, " %s/s", figure);
        if (rate > 0 && step->bytes_total > step->bytes) {
            text_duration(figure, (int64_t)((step->bytes_total - step->bytes) / rate));
            str_add_format(out, " %s left", figure);
        }
    }
    if (width > 0)
        str_cut(out, begin + text_fit(out->s + begin, width - 1));
}
