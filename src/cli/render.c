#include "render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "describe.h"
#include "names.h"
#include "text.h"

int render_event(const struct event *event, const struct state *state, struct str *out)
{
    size_t begin = out->len;
    if (event->dataset != NULL)
        str_add_format(out, "%s: ", name_shown(event->dataset));
    int level = event_describe(event, state, out);
    if (level < 0)
        str_cut(out, begin);
    return level;
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
        error_describe(ds->code, ds->text, out);
    } else if (dryrun && ds->step_count > 0) {
        str_add(out, "would ");
        for (size_t i = 0; i < ds->step_count; i++) {
            if (i > 0)
                str_add(out, "; ");
            step_state_describe(&ds->steps[i], out);
        }
    } else {
        add_work(ds, out);
    }
}

/* Before that a rate tells of the start, and nothing of what is to come. */
#define RATE_SECONDS 3

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
    if (seconds >= RATE_SECONDS) {
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
