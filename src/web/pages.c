#include "pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "assets.h"
#include "html.h"
#include "names.h"
#include "pages_parts.h"
#include "text.h"
#include "verdict.h"
#include "views_parts.h"

/* ---- paths ---- */

bool page_is_reserved(const char *component, size_t len)
{
    static const char *const WORDS[] = {"global", "root",    "poll",   "snapshot",
                                        "api",    "metrics", "healthz"};
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        if (strlen(WORDS[i]) == len && strncmp(WORDS[i], component, len) == 0)
            return true;
    return false;
}

/* What RFC 3986 leaves as it is, and the slashes between the components. */
static void add_encoded(struct str *out, const char *s)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *s != '\0'; s++) {
        if (strchr(PLAIN, *s) != NULL)
            str_add_char(out, *s);
        else
            str_add_format(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

void page_path(const char *dataset, struct str *out)
{
    if (dataset[0] == '\0') {
        str_add(out, "/root");
        return;
    }
    if (page_is_reserved(dataset + 1, strcspn(dataset + 1, "/")))
        str_add(out, "/global/dataset");
    add_encoded(out, dataset);
}

void page_add_link(const char *dataset, struct str *out)
{
    str_add(out, "<a href=\"");
    page_path(dataset, out);
    str_add(out, "\">");
    html_text(out, name_shown(dataset));
    str_add(out, "</a>");
}

/* ---- the shell ---- */

/* What stands for the placeholder of that name, as HTML. */
struct part {
    const char *name;
    const char *html;
};

/* The value of the placeholder that `s` begins with, "{{name}}", or NULL; `*ret_len` is its
 * length. */
static const char *find_part(const struct part *parts, const char *s, size_t left, size_t *ret_len)
{
    for (; parts->name != NULL; parts++) {
        size_t len = strlen(parts->name);
        if (left >= len + 4 && memcmp(s + 2, parts->name, len) == 0 &&
            memcmp(s + 2 + len, "}}", 2) == 0) {
            *ret_len = len + 4;
            return parts->html;
        }
    }
    return NULL;
}

/* One pass over the template: what was put in is not looked at again. */
static void fill(const struct asset *template, const struct part *parts, struct str *out)
{
    const char *s = (const char *)template->data;
    size_t begin = 0;
    for (size_t i = 0; i + 1 < template->size; i++) {
        size_t len = 0;
        if (s[i] != '{' || s[i + 1] != '{')
            continue;
        const char *html = find_part(parts, s + i, template->size - i, &len);
        if (html == NULL)
            continue;
        str_add_bytes(out, s + begin, i - begin);
        str_add(out, html);
        begin = i + len;
        i = begin - 1;
    }
    str_add_bytes(out, s + begin, template->size - begin);
}

void page_add_shell(const struct state *state, const struct settings *settings, const char *title,
                    const char *main, struct str *out)
{
    struct str escaped;
    struct str version;
    str_init(&escaped);
    str_init(&version);
    html_text(&escaped, title);
    html_text(&version, settings->version);
    const struct part parts[] = {
        {"title", escaped.s},
        {"main", main},
        {"banner", state->dryrun ? "<p class=\"banner\">Dry run: backupd says what it would do, "
                                   "and changes nothing.</p>"
                                 : ""},
        {"version", version.s},
        {NULL, NULL},
    };
    const struct asset *template = asset_find("shell.html");
    if (template == NULL)
        abort(); /* it is built in */
    fill(template, parts, out);
    str_fini(&version);
    str_fini(&escaped);
}

/* ---- what several pages have ---- */

static const char *level_title(enum verdict_level level)
{
    switch (level) {
    case VERDICT_SAFE:
        return "Safe";
    case VERDICT_LATE:
        return "Late";
    case VERDICT_FAILED:
        return "Failed";
    default:
        return "Looking";
    }
}

static void add_cycle_line(const struct state *state, struct str *out)
{
    str_add(out, "<p>");
    if (state->cycle_running) {
        str_add_format(out, "Cycle %" PRIu64 " has been running since ", state->cycle);
        html_time(out, state->cycle_started);
        str_add(out, ". ");
    }
    if (state->cycle_finished == 0) {
        str_add(out, "No cycle has finished yet.");
    } else {
        str_add(out, "The newest finished cycle ended ");
        html_time(out, state->cycle_finished);
        str_add_format(out, ", %" PRIu64 " failed.", state->cycle_failed);
    }
    if (state->due != 0) {
        str_add(out, " The next begins ");
        html_time(out, state->due);
        str_add_char(out, '.');
    }
    str_add(out, "</p>\n");
}

static void add_since(int64_t since, int64_t now, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    if (since == 0)
        return;
    text_duration(figure, now - since);
    str_add(out, "<p class=\"note\">Not safe since ");
    html_time(out, since);
    str_add_format(out, ", for %s.</p>\n", figure);
}

void page_add_verdict(const struct state *state, int64_t now, struct str *out)
{
    struct verdict verdict;
    struct str text;
    str_init(&text);
    verdict_of(state, now, &verdict);
    str_add_format(&text, "%s: ", level_title(verdict.level));
    verdict_describe(&verdict, state, now, &text);
    str_add_format(out, "<p class=\"verdict %s\">", verdict_level_name(verdict.level));
    html_text(out, text.s);
    str_add(out, "</p>\n");
    str_clear(&text);
    verdict_advise(&verdict, state, &text);
    if (text.len > 0)
        html_paragraph(out, "advice", text.s);
    add_since(verdict.since, now, out);
    add_cycle_line(state, out);
    str_fini(&text);
}

void page_add_paging(const char *path, size_t from, size_t count, struct str *out)
{
    size_t end = count < PAGE_ROWS || from > count - PAGE_ROWS ? count : from + PAGE_ROWS;
    if (from == 0 && end == count)
        return;
    str_add(out, "<p class=\"note\">");
    if (from >= count)
        str_add_format(out, "There are %zu.", count);
    else
        str_add_format(out, "%zu to %zu of %zu.", from + 1, end, count);
    size_t shown = from < count ? from : count;
    if (from > 0)
        str_add_format(out, " <a href=\"%s?from=%zu\" rel=\"prev\">Those before</a>", path,
                       shown > PAGE_ROWS ? shown - PAGE_ROWS : 0);
    if (from < count && end < count)
        str_add_format(out, " <a href=\"%s?from=%zu\" rel=\"next\">Those after</a>", path, end);
    str_add(out, "</p>\n");
}

void page_add_age(const struct dataset_state *ds, int64_t now, struct str *out)
{
    char figure[TEXT_FIGURE_MAX];
    text_duration(figure, now - ds->copied);
    str_add(out, ds->copied == 0 ? "never" : figure);
}

/* ---- the overview ---- */

/* A button a type: the query of a form that posts is that of its action. */
static void add_forms(const struct settings *settings, struct str *out)
{
    str_add(out, "<div class=\"actions\"><form method=\"post\" action=\"/api/v1/sync\">"
                 "<button class=\"primary\">Sync now</button></form>\n");
    for (size_t i = 0; i < settings->types.n; i++) {
        str_add(out, "<form method=\"post\" action=\"/snapshot?periodicity=");
        add_encoded(out, settings->types.v[i]);
        str_add(out, "\"><button>Take ");
        html_text(out, settings->types.v[i]);
        str_add(out, " snapshot</button></form>\n");
    }
    str_add(out, "</div>\n");
}

/* Why a dataset is not safe, or what its worker does. */
static void add_remark(const struct state *state, const struct dataset_state *ds, int64_t now,
                       struct str *out)
{
    struct str why;
    str_init(&why);
    verdict_of_dataset(state, ds, now, &why, NULL);
    if (view_has_failed(ds) && ds->text != NULL) {
        str_clear(&why);
        str_add(&why, ds->text);
    }
    html_cell(out, NULL, why.s);
    str_fini(&why);
}

static void add_dataset_row(const struct state *state, const struct dataset_state *ds, int64_t now,
                            struct str *out)
{
    enum verdict_level level = verdict_of_dataset(state, ds, now, NULL, NULL);
    struct str age;
    str_init(&age);
    str_add(out, "<tr><td>");
    page_add_link(ds->name, out);
    str_add(out, "</td>");
    str_add_format(out, "<td class=\"%s\">%s, %s</td>", verdict_level_name(level),
                   verdict_level_name(level), dataset_status_name(ds->status));
    page_add_age(ds, now, &age);
    html_cell(out, "num", age.s);
    html_cell_time(out, ds->last_success);
    for (int side = 0; side < (state->has_remote ? SIDE_COUNT : SIDE_REMOTE); side++) {
        html_cell_number(out, ds->holding[side].count);
        html_cell_bytes(out, ds->holding[side].space);
    }
    add_remark(state, ds, now, out);
    str_add(out, "</tr>\n");
    str_fini(&age);
}

static void add_datasets(const struct state *state, size_t from, int64_t now, struct str *out)
{
    static const char *const BOTH[] = {
        "Dataset",     "Status", "#Copy age",    "Last success", "#Snapshots here",
        "#Space here", "#There", "#Space there", "Remark",       NULL};
    static const char *const LOCAL[] = {"Dataset",      "Status",     "#Age of the newest",
                                        "Last success", "#Snapshots", "#Space",
                                        "Remark",       NULL};
    if (state->n == 0) {
        html_paragraph(out, "empty", "No dataset is known yet.");
        return;
    }
    html_table_begin(out, state->has_remote ? BOTH : LOCAL);
    for (size_t i = from; i < state->n && i - from < PAGE_ROWS; i++)
        add_dataset_row(state, state->v[i], now, out);
    html_table_end(out);
    page_add_paging("/global", from, state->n, out);
}

void page_overview(const struct state *state, const struct settings *settings, size_t from,
                   int64_t now, struct str *out)
{
    struct str main;
    str_init(&main);
    page_add_verdict(state, now, &main);
    add_forms(settings, &main);
    str_add(&main, "<h1>Datasets</h1>\n");
    add_datasets(state, from, now, &main);
    page_add_shell(state, settings, "backupd", main.s, out);
    str_fini(&main);
}

void page_message(const struct state *state, const struct settings *settings, const char *title,
                  const char *text, struct str *out)
{
    struct str main;
    str_init(&main);
    str_add(&main, "<h1>");
    html_text(&main, title);
    str_add(&main, "</h1>\n<p>");
    html_text(&main, text);
    str_add(&main, "</p>\n<p><a href=\"/global\">Overview</a></p>\n");
    page_add_shell(state, settings, title, main.s, out);
    str_fini(&main);
}
