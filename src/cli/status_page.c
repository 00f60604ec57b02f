#include <inttypes.h>
#include <string.h>

#include "render.h"
#include "status_view.h"
#include "text.h"

/* What stands left of every line's text: a word, or nothing. */
#define WORD_WIDTH 8

/* Columns from which on a transfer is shown with the name of its snapshot. */
#define WIDE 100

/* The lines that are written, and how many more may be. */
struct page {
    struct str *out;
    const struct status_look *look;
    size_t left;
};

static const char *word_of(enum view_level level)
{
    switch (level) {
    case VIEW_SAFE:
        return "OK";
    case VIEW_LATE:
        return "LATE";
    case VIEW_FAILED:
        return "FAILED";
    default:
        return "UNKNOWN";
    }
}

/* SGR: bold, and green, yellow or red. */
static const char *colour_of(enum view_level level)
{
    switch (level) {
    case VIEW_SAFE:
        return "\033[1;32m";
    case VIEW_FAILED:
        return "\033[1;31m";
    default:
        return "\033[1;33m";
    }
}

/* The last column stays free, as some terminals wrap as soon as it is filled. */
static size_t columns_of(const struct page *page)
{
    return page->look->width == 0 ? SIZE_MAX : page->look->width - 1;
}

/* Adds the first `len` bytes of `text` as a line, with the word of `level` or a space in front. */
static void add_line(struct page *page, const enum view_level *level, const char *text, size_t len)
{
    char word[WORD_WIDTH + 1] = "        ";
    bool colour = page->look->colour && level != NULL;
    if (page->left == 0)
        return;
    page->left--;
    if (level != NULL)
        memcpy(word, word_of(*level), strlen(word_of(*level)));
    if (colour)
        str_add(page->out, colour_of(*level));
    str_add_bytes(page->out, word, text_fit(word, columns_of(page)));
    if (colour)
        str_add(page->out, "\033[0m");
    str_add_bytes(page->out, text, len);
    while (page->out->len > 0 && page->out->s[page->out->len - 1] == ' ')
        str_cut(page->out, page->out->len - 1);
    str_add_char(page->out, '\n');
}

/* How much of `text` goes into one line: as many words as fit, or what fits of a long one. */
static size_t line_len(const char *text, size_t columns)
{
    size_t len = text_fit(text, columns);
    if (text[len] == '\0' || text[len] == ' ')
        return len;
    for (size_t at = len; at > len / 2; at--)
        if (text[at - 1] == ' ')
            return at - 1;
    return len;
}

/* Adds `text` in as many lines as it takes; what is behind the first has no word in front. */
static void add_text(struct page *page, const enum view_level *level, const char *text)
{
    size_t all = columns_of(page);
    size_t columns = all > WORD_WIDTH ? all - WORD_WIDTH : 0;
    bool first = true;
    while (page->left > 0 && (first || *text != '\0')) {
        size_t len = line_len(text, columns);
        add_line(page, first ? level : NULL, text, len);
        text += len + strspn(text + len, " ");
        first = false;
        if (len == 0)
            break; /* there is no room at all */
    }
}

static void add_empty_line(struct page *page)
{
    if (page->left == 0)
        return;
    page->left--;
    str_add_char(page->out, '\n');
}

static void add_ago(struct str *line, const char *before, int64_t seconds, const char *after)
{
    char figure[TEXT_FIGURE_MAX];
    text_duration(figure, seconds);
    str_add_format(line, "%s%s%s", before, figure, after);
}

static void add_cycle(struct page *page, const struct status_view *view)
{
    const struct view_cycle *cycle = &view->cycle;
    struct str line;
    str_init(&line);
    if (cycle->running) {
        str_add_format(&line, "cycle %" PRId64, cycle->number);
        add_ago(&line, " has been running for ", view->time - cycle->started, "");
        if (cycle->took >= 0 && cycle->finished > 0)
            add_ago(&line, "; the last one took ", cycle->took, "");
    } else if (cycle->finished > 0) {
        str_add_format(&line, "cycle %" PRId64, cycle->number);
        add_ago(&line, " ended ", view->time - cycle->finished, " ago");
        add_ago(&line, " and took ", cycle->took, "");
    } else {
        str_add(&line, "no cycle has run yet");
    }
    if (!cycle->running && cycle->next > view->time)
        add_ago(&line, "; the next begins in ", cycle->next - view->time, "");
    else if (!cycle->running && cycle->next > 0)
        str_add(&line, "; the next begins now");
    add_text(page, NULL, line.s);
    if (cycle->text != NULL) {
        str_clear(&line);
        str_add_format(&line, "the newest cycle failed: %s", cycle->text);
        add_text(page, NULL, line.s);
    }
    str_fini(&line);
}

static void add_header(struct page *page, const struct status_view *view)
{
    add_text(page, &view->level, view->text);
    if (view->advice[0] != '\0')
        add_text(page, NULL, view->advice);
    if (view->dry_run)
        add_text(page, NULL, "dry run: nothing is changed");
    add_cycle(page, view);
}

/* "and 3 more WHAT" */
static void add_rest(struct page *page, size_t count, const char *what)
{
    struct str line;
    if (count == 0)
        return;
    str_init(&line);
    str_add_format(&line, "and %zu more%s", count, what);
    add_text(page, NULL, line.s);
    str_fini(&line);
}

/* The end of `name` where it takes more than a quarter of the line: the bar is to be seen. */
static void shorten(const char *name, unsigned width, struct str *out)
{
    size_t len = strlen(name);
    size_t most = width / 4 < 12 ? 12 : width / 4;
    str_clear(out);
    if (width == 0 || len <= most) {
        str_add(out, name);
        return;
    }
    const char *tail = name + len - (most - 3);
    while (((unsigned char)*tail & 0xc0) == 0x80)
        tail++;
    str_add_format(out, "...%s", tail);
}

static void add_transfer(struct page *page, const struct view_transfer *transfer, int64_t now)
{
    struct str name;
    unsigned width = page->look->width;
    if (page->left == 0)
        return;
    page->left--;
    str_init(&name);
    shorten(transfer->dataset, width, &name);
    struct dataset_state ds = {.name = name.s};
    struct step_state step = {.end = width == 0 || width >= WIDE ? transfer->end : NULL,
                              .bytes = transfer->bytes,
                              .bytes_total = transfer->bytes_total,
                              .started = transfer->started};
    render_progress(&ds, &step, now, width, page->out);
    str_add_char(page->out, '\n');
    str_fini(&name);
}

/* In `rows` lines at most. */
static void add_transfers(struct page *page, const struct status_view *view, size_t rows)
{
    size_t n = view->transfer_count;
    size_t shown = n <= rows ? n : rows == 0 ? 0 : rows - 1;
    for (size_t i = 0; i < shown; i++)
        add_transfer(page, &view->transfers[i], view->time);
    add_rest(page, n - shown, n - shown == 1 ? " transfer" : " transfers");
}

/* When it is tried again, or nothing. */
static void add_retry(const struct view_concern *concern, int64_t now, struct str *out)
{
    if (concern->failures > 1)
        str_add_format(out, "failed %" PRId64 " times in a row; ", concern->failures);
    if (concern->retry > now)
        add_ago(out, "tried again in ", concern->retry - now, "");
    else if (concern->retry > 0)
        str_add(out, "tried again now");
    else if (concern->failures > 1)
        str_add(out, "tried again with the next cycle");
}

static void add_concern(struct page *page, const struct view_concern *concern, int64_t now)
{
    const char *first = concern->text != NULL ? concern->text : concern->why;
    struct str line;
    str_init(&line);
    str_add_format(&line, "%s: %s", concern->dataset,
                   first != NULL ? first : "the daemon does not say why");
    add_text(page, &concern->level, line.s);
    if (concern->text != NULL && concern->why != NULL)
        add_text(page, NULL, concern->why);
    if (concern->advice != NULL && concern->advice[0] != '\0')
        add_text(page, NULL, concern->advice);
    str_clear(&line);
    add_retry(concern, now, &line);
    if (line.len > 0)
        add_text(page, NULL, line.s);
    str_fini(&line);
}

/* Failed ones first, and in each group by name, as the daemon sorts them. */
static void add_concerns(struct page *page, const struct status_view *view)
{
    size_t shown = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < view->concern_count; i++) {
            const struct view_concern *concern = &view->concerns[i];
            size_t spare = view->concern_count - shown > 1 ? 1 : 0;
            if ((concern->level == VIEW_FAILED) != (pass == 0) || page->left <= spare)
                continue;
            page->left -= spare;
            add_concern(page, concern, view->time);
            page->left += spare;
            shown++;
        }
    }
    add_rest(page, view->concern_count - shown,
             view->concern_count - shown == 1 ? " that needs attention" : " that need attention");
}

/* How many lines the transfers get: half of those that are left, or more where nobody needs them. */
static size_t rows_for_transfers(const struct page *page, const struct status_view *view)
{
    struct str scrap;
    str_init(&scrap);
    struct page rest = {.out = &scrap, .look = page->look, .left = page->left};
    add_empty_line(&rest);
    add_concerns(&rest, view);
    str_fini(&scrap);
    return rest.left > page->left / 2 ? rest.left : page->left / 2;
}

static void add_work(struct page *page, const struct status_view *view)
{
    struct str line;
    if (view->transfer_count == 0 && view->waiting == 0)
        return;
    add_empty_line(page);
    add_transfers(page, view, rows_for_transfers(page, view));
    if (view->waiting == 0)
        return;
    str_init(&line);
    str_add_format(&line, "%zu dataset%s wait%s for a worker", view->waiting,
                   view->waiting == 1 ? "" : "s", view->waiting == 1 ? "s" : "");
    add_text(page, NULL, line.s);
    str_fini(&line);
}

void status_view_render(const struct status_view *view, const struct status_look *look,
                        struct str *out)
{
    struct page page = {
        .out = out, .look = look, .left = look->height == 0 ? SIZE_MAX : look->height};
    add_header(&page, view);
    add_work(&page, view);
    if (view->concern_count > 0) {
        add_empty_line(&page);
        add_concerns(&page, view);
    }
}
