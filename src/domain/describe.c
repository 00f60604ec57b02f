#include "describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "seconds.h"
#include "text.h"

void error_describe(enum err_code code, const char *text, struct str *out)
{
    const char *advice = err_code_advice(code);
    str_add_format(out, "%s [%s]", text == NULL ? "" : text, err_code_name(code));
    if (advice[0] != '\0')
        str_add_format(out, " -- %s", advice);
}

void step_state_describe(const struct step_state *step, struct str *out)
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

static int describe_step_started(const struct event *event, const struct state *state,
                                 struct str *out)
{
    const struct step_state *step = step_of(event, state);
    if (step == NULL || step->status != STEP_RUNNING)
        return -1;
    str_add(out, event->flag ? "resume: " : "");
    step_state_describe(step, out);
    return LEVEL_INFO;
}

static int describe_step_finished(const struct event *event, const struct state *state,
                                  struct str *out)
{
    const struct step_state *step = step_of(event, state);
    if (step == NULL || step->status != STEP_DONE || event->code != ERR_NONE)
        return -1; /* the dataset's end tells it */
    char figure[TEXT_FIGURE_MAX];
    str_add(out, "done: ");
    step_state_describe(step, out);
    if (step->op == OP_INITIAL_TRANSFER || step->op == OP_RANGE_TRANSFER) {
        text_bytes(figure, event->bytes);
        str_add_format(out, ", %s", figure);
        text_duration(figure, seconds_since(step->started, step->finished));
        str_add_format(out, " in %s", figure);
    } else {
        str_add_format(out, " (%" PRIu64 " snapshot%s)", event->count,
                       event->count == 1 ? "" : "s");
    }
    return LEVEL_INFO;
}

static int describe_dataset_finished(const struct event *event, const struct state *state,
                                     struct str *out)
{
    if (event->code != ERR_NONE) {
        str_add(out, "failed: ");
        error_describe(event->code, event->text, out);
        return LEVEL_ERROR;
    }
    const struct dataset_state *ds = state_find(state, event->dataset);
    if (ds == NULL || !state->dryrun || ds->step_count == 0)
        return -1;
    str_add(out, "would ");
    for (size_t i = 0; i < ds->step_count; i++) {
        if (i > 0)
            str_add(out, "; ");
        step_state_describe(&ds->steps[i], out);
    }
    return LEVEL_INFO;
}

void cycle_describe(const struct state *state, struct str *out)
{
    if (state->cycle_code != ERR_NONE) {
        str_add(out, "failed: ");
        error_describe(state->cycle_code, state->cycle_text, out);
        return;
    }
    char took[TEXT_FIGURE_MAX];
    text_duration(took, seconds_since(state->cycle_started, state->cycle_finished));
    str_add_format(out, "%zu dataset%s, %" PRIu64 " failed, took %s", state->n,
                   state->n == 1 ? "" : "s", state->cycle_failed, took);
}

static int describe_cycle_end(const struct event *event, const struct state *state, struct str *out)
{
    str_add_format(out, "cycle %" PRIu64 ": ", event->cycle);
    cycle_describe(state, out);
    return event->code == ERR_NONE && event->failed == 0 ? LEVEL_INFO : LEVEL_ERROR;
}

int event_describe(const struct event *event, const struct state *state, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    switch (event->kind) {
    case EVENT_CYCLE_STARTED:
        str_add_format(out, "cycle %" PRIu64 ": started%s", event->cycle,
                       event->flag ? " (dry run: nothing is changed)" : "");
        return LEVEL_INFO;
    case EVENT_CYCLE_FINISHED:
        return describe_cycle_end(event, state, out);
    case EVENT_STEP_STARTED:
        return describe_step_started(event, state, out);
    case EVENT_STEP_FINISHED:
        return describe_step_finished(event, state, out);
    case EVENT_DATASET_FINISHED:
        return describe_dataset_finished(event, state, out);
    case EVENT_DATASET_DUE:
        text_duration(figure, seconds_since(event->time, event->due));
        str_add_format(out, "is tried again in %s", figure);
        return LEVEL_INFO;
    case EVENT_NOTE:
        str_add(out, event->text == NULL ? "" : event->text);
        return (int)event->level;
    default:
        return -1;
    }
}
