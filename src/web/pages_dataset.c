/* The page of one dataset. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "html.h"
#include "names.h"
#include "pages.h"
#include "pages_parts.h"
#include "text.h"
#include "verdict.h"
#include "views_parts.h"

/* Links to the datasets above: "Overview / <root> / home". */
static void add_crumbs(const char *name, struct str *out)
{
    struct str above;
    str_init(&above);
    str_add(out,
            "<nav class=\"crumbs\" aria-label=\"Where this is\"><a href=\"/global\">Overview</a>");
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        str_clear(&above);
        str_add_bytes(&above, name, (size_t)(slash - name));
        str_add(out, " / ");
        page_add_link(above.s, out);
    }
    str_add(out, "</nav>\n");
    str_fini(&above);
}

static void add_fact(const char *name, const char *html, struct str *out)
{
    str_add_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, html);
}

static void add_side(const char *name, const struct event_side *side, struct str *html,
                     struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    text_bytes(figure, side->space);
    str_clear(html);
    str_add_format(html, "%" PRIu64 " snapshot%s, %s", side->count, side->count == 1 ? "" : "s",
                   figure);
    if (side->newest != 0) {
        str_add(html, ", the newest of ");
        html_time(html, side->newest);
    }
    add_fact(name, html->s, out);
}

static void add_facts(const struct state *state, const struct dataset_state *ds, int64_t now,
                      struct str *out)
{
    struct str html;
    enum verdict_level level = verdict_of_dataset(state, ds, now, NULL, NULL);
    str_init(&html);
    str_add(out, "<table class=\"plain\"><tbody>\n");
    str_add_format(&html, "<span class=\"%s\">%s</span>, %s", verdict_level_name(level),
                   verdict_level_name(level), dataset_status_name(ds->status));
    add_fact("Status", html.s, out);
    str_clear(&html);
    page_add_age(ds, now, &html);
    add_fact(state->has_remote ? "Copy age" : "Age of the newest", html.s, out);
    str_clear(&html);
    html_time(&html, ds->last_success);
    add_fact("Last success", html.s, out);
    add_side("Local", &ds->holding[SIDE_LOCAL], &html, out);
    if (state->has_remote)
        add_side("Remote", &ds->holding[SIDE_REMOTE], &html, out);
    str_add(out, "</tbody></table>\n");
    str_fini(&html);
}

static void add_failure(const struct dataset_state *ds, struct str *out)
{
    html_paragraph(out, "error", ds->text == NULL ? "It failed." : ds->text);
    if (err_code_advice(ds->code)[0] != '\0')
        html_paragraph(out, "advice", err_code_advice(ds->code));
    str_add_format(out, "<p class=\"note\">Failed %" PRIu64 " time%s in a row", ds->failures,
                   ds->failures == 1 ? "" : "s");
    if (ds->failing != 0) {
        str_add(out, ", since ");
        html_time(out, ds->failing);
    }
    if (ds->due != 0) {
        str_add(out, "; the next try is at ");
        html_time(out, ds->due);
    }
    str_add(out, ".</p>\n");
}

static void add_trouble(const struct state *state, const struct dataset_state *ds, int64_t now,
                        struct str *out)
{
    struct str why;
    str_init(&why);
    if (view_has_failed(ds)) {
        add_failure(ds, out);
    } else if (ds->status == STATUS_REMOTE_ONLY) {
        html_paragraph(out, "note",
                       "Its source is gone: only the remote has it, and there it is "
                       "left as it is.");
    } else {
        verdict_of_dataset(state, ds, now, &why, NULL);
        if (why.len > 0)
            html_paragraph(out, "note", why.s);
    }
    str_fini(&why);
}

/* "1.0 GiB of 2.0 GiB", "1.0 GiB", or nothing. */
static void add_bytes(const struct step_state *step, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    str_add(out, "<td class=\"num\">");
    if (step->bytes > 0) {
        text_bytes(figure, step->bytes);
        str_add(out, figure);
    }
    if (step->status == STEP_RUNNING && step->bytes_total > 0) {
        text_bytes(figure, step->bytes_total);
        str_add_format(out, " of %s", figure);
    }
    str_add(out, "</td>");
}

static void add_step(const struct step_state *step, struct str *out)
{
    struct str text;
    str_init(&text);
    step_state_describe(step, &text);
    if (step->resumed)
        str_add(&text, " (resumed)");
    str_add(out, "<tr>");
    html_cell(out, NULL, text.s);
    html_cell(out, NULL, step_status_name(step->status));
    add_bytes(step, out);
    str_add(out, "</tr>\n");
    str_fini(&text);
}

static void add_plan(const struct dataset_state *ds, struct str *out)
{
    static const char *const HEADINGS[] = {"Step", "Status", "#Bytes", NULL};
    html_heading(out, "Plan");
    if (ds->step_count == 0) {
        html_paragraph(out, "empty", "Nothing is to be done.");
        return;
    }
    html_table_begin(out, HEADINGS);
    for (size_t i = 0; i < ds->step_count && i < PAGE_ROWS; i++)
        add_step(&ds->steps[i], out);
    html_table_end(out);
    if (ds->step_count > PAGE_ROWS)
        str_add_format(out, "<p class=\"note\">The first %d of %zu steps.</p>\n", PAGE_ROWS,
                       ds->step_count);
}

/* "present: policy, oldest" */
static void add_place(const struct snapshot_row *row, enum side side, struct str *out)
{
    const char *separator = ": ";
    struct str text;
    str_init(&text);
    str_add(&text, view_place_word(row, side));
    for (unsigned reason = 1; reason <= ROW_KEEP_ALL; reason <<= 1) {
        if ((row->keep[side] & reason) == 0)
            continue;
        str_add_format(&text, "%s%s", separator, view_keep_word(reason));
        separator = ", ";
    }
    html_cell(out, NULL, text.s);
    str_fini(&text);
}

static void add_snapshot(const struct state *state, const struct snapshot_row *row, struct str *out)
{
    str_add(out, "<tr>");
    html_cell(out, NULL, row->name);
    html_cell_time(out, row->creation);
    html_cell_bytes(out, row->size);
    add_place(row, SIDE_LOCAL, out);
    if (state->has_remote)
        add_place(row, SIDE_REMOTE, out);
    str_add(out, "</tr>\n");
}

static void add_snapshots(const struct state *state, const struct dataset_state *ds, size_t from,
                          struct str *out)
{
    static const char *const BOTH[] = {"Snapshot", "Created", "#Size", "Here", "There", NULL};
    static const char *const LOCAL[] = {"Snapshot", "Created", "#Size", "Here", NULL};
    html_heading(out, "Snapshots");
    if (ds->rows.n == 0) {
        html_paragraph(out, "empty", "No snapshot is known.");
        return;
    }
    struct snapshot_row *rows = row_table_list(&ds->rows);
    html_table_begin(out, state->has_remote ? BOTH : LOCAL);
    for (size_t i = from; i < ds->rows.n && i - from < PAGE_ROWS; i++)
        add_snapshot(state, &rows[ds->rows.n - 1 - i], out);
    html_table_end(out);
    free(rows);
    struct str path;
    str_init(&path);
    page_path(ds->name, &path);
    page_add_paging(path.s, from, ds->rows.n, out);
    str_fini(&path);
}

static void add_log(const struct chronicle *chronicle, const char *dataset, struct str *out)
{
    static const char *const HEADINGS[] = {"Time", "Level", "Text", NULL};
    size_t shown = 0;
    html_heading(out, "Log");
    html_table_begin(out, HEADINGS);
    for (size_t i = chronicle_count(chronicle, RECORD_LINE); i > 0 && shown < PAGE_ROWS; i--) {
        const struct record *line = chronicle_at(chronicle, RECORD_LINE, i - 1);
        if (!view_line_is_of(line, dataset))
            continue;
        shown++;
        str_add(out, "<tr>");
        html_cell_time(out, line->time);
        html_cell(out, NULL, event_level_name(line->level));
        html_cell(out, NULL, line->text);
        str_add(out, "</tr>\n");
    }
    html_table_end(out);
}

void page_dataset(const struct state *state, const struct dataset_state *ds,
                  const struct settings *settings, size_t from, int64_t now, struct str *out)
{
    struct str main;
    struct str title;
    str_init(&main);
    str_init(&title);
    str_add_format(&title, "%s \xe2\x80\x94 backupd", name_shown(ds->name));
    page_add_verdict(state, now, &main);
    add_crumbs(ds->name, &main);
    str_add(&main, "<h1>");
    html_text(&main, name_shown(ds->name));
    str_add(&main, "</h1>\n");
    add_trouble(state, ds, now, &main);
    add_facts(state, ds, now, &main);
    add_plan(ds, &main);
    add_snapshots(state, ds, from, &main);
    add_log(&state->chronicle, ds->name, &main);
    page_add_shell(state, settings, title.s, main.s, out);
    str_fini(&title);
    str_fini(&main);
}
