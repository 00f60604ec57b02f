/* The page of what happened. */
#include "html.h"
#include "pages.h"
#include "pages_parts.h"
#include "text.h"
#include "views_parts.h"

static void add_dataset(const char *dataset, struct str *out)
{
    str_add(out, "<td>");
    if (dataset != NULL)
        page_add_link(dataset, out);
    str_add(out, "</td>");
}

static void add_duration(int64_t seconds, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    text_duration(figure, seconds);
    html_cell(out, "num", figure);
}

/* "ok", or the code with the words. */
static void add_result(const struct record *record, struct str *out)
{
    struct str text;
    if (record->code == ERR_NONE) {
        html_cell(out, NULL, "ok");
        return;
    }
    str_init(&text);
    str_add_format(&text, "%s [%s]", record->text == NULL ? "" : record->text,
                   err_code_name(record->code));
    html_cell(out, "failed", text.s);
    str_fini(&text);
}

static void add_cycle(const struct record *record, struct str *out)
{
    html_cell_number(out, record->cycle);
    html_cell_time(out, record->started);
    add_duration(record->time - record->started, out);
    html_cell_number(out, record->count);
    html_cell_number(out, record->failed);
    html_cell_number(out, record->sent);
    html_cell_number(out, record->destroyed);
    html_cell_bytes(out, record->bytes);
    add_result(record, out);
}

static void add_transfer(const struct record *record, struct str *out)
{
    add_dataset(record->dataset, out);
    html_cell(out, NULL, record->start);
    html_cell(out, NULL, record->end);
    html_cell_time(out, record->started);
    add_duration(record->time - record->started, out);
    html_cell_bytes(out, record->bytes);
    add_result(record, out);
}

static void add_failure(const struct record *record, struct str *out)
{
    html_cell_time(out, record->time);
    add_dataset(record->dataset, out);
    html_cell(out, NULL, err_code_name(record->code));
    html_cell(out, NULL, record->text);
    html_cell(out, NULL, err_code_advice(record->code));
}

static void add_day(const struct record *record, struct str *out)
{
    struct str day;
    str_init(&day);
    view_add_day(record->time, &day);
    html_cell(out, NULL, day.s);
    html_cell(out, verdict_level_name(record->verdict), verdict_level_name(record->verdict));
    html_cell_number(out, record->count);
    html_cell_bytes(out, record->bytes);
    html_cell_bytes(out, record->space[SIDE_LOCAL]);
    html_cell_bytes(out, record->space[SIDE_REMOTE]);
    str_fini(&day);
}

static void add_line(const struct record *record, struct str *out)
{
    html_cell_time(out, record->time);
    html_cell(out, NULL, event_level_name(record->level));
    add_dataset(record->dataset, out);
    html_cell(out, NULL, record->text);
}

/* One kind of record as a table, newest first. */
struct listing {
    enum record_kind kind;
    const char *heading;
    const char *empty;
    const char *const *headings;
    void (*add)(const struct record *, struct str *);
};

static void add_listing(const struct chronicle *chronicle, const struct listing *listing,
                        struct str *out)
{
    size_t n = chronicle_count(chronicle, listing->kind);
    html_heading(out, listing->heading);
    if (n == 0) {
        html_paragraph(out, "empty", listing->empty);
        return;
    }
    html_table_begin(out, listing->headings);
    for (size_t i = n; i > 0 && n - i < PAGE_ROWS; i--) {
        str_add(out, "<tr>");
        listing->add(chronicle_at(chronicle, listing->kind, i - 1), out);
        str_add(out, "</tr>\n");
    }
    html_table_end(out);
    if (n > PAGE_ROWS)
        str_add_format(out,
                       "<p class=\"note\">The newest %d of %zu; all are in "
                       "<a href=\"/api/v1/activity\">the JSON</a>.</p>\n",
                       PAGE_ROWS, n);
}

static const char *const CYCLES[] = {"#Cycle", "Started",    "#Took",  "#Datasets", "#Failed",
                                     "#Sent",  "#Destroyed", "#Bytes", "Result",    NULL};
static const char *const TRANSFERS[] = {"Dataset", "From",   "To",     "Started",
                                        "#Took",   "#Bytes", "Result", NULL};
static const char *const FAILURES[] = {"Time", "Dataset", "Code", "Text", "What to do", NULL};
static const char *const DAYS[] = {"Day",         "Worst",        "#Cycles", "#Bytes",
                                   "#Space here", "#Space there", NULL};
static const char *const LINES[] = {"Time", "Level", "Dataset", "Text", NULL};

static const struct listing LISTINGS[] = {
    {RECORD_FAILURE, "Failures", "Nothing has failed.", FAILURES, add_failure},
    {RECORD_CYCLE, "Cycles", "No cycle has finished yet.", CYCLES, add_cycle},
    {RECORD_TRANSFER, "Transfers", "Nothing has been sent.", TRANSFERS, add_transfer},
    {RECORD_DAY, "Days", "No day is recorded yet.", DAYS, add_day},
    {RECORD_LINE, "Log", "The log is empty.", LINES, add_line},
};

void page_activity(const struct state *state, const struct settings *settings, int64_t now,
                   struct str *out)
{
    struct str main;
    str_init(&main);
    page_add_verdict(state, now, &main);
    str_add(&main, "<h1>Activity</h1>\n");
    for (size_t i = 0; i < sizeof(LISTINGS) / sizeof(LISTINGS[0]); i++)
        add_listing(&state->chronicle, &LISTINGS[i], &main);
    page_add_shell(state, settings, "Activity \xe2\x80\x94 backupd", main.s, out);
    str_fini(&main);
}
