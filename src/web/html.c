#include "html.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "event_json.h"
#include "json_text.h"
#include "text.h"

static void add_escaped(struct str *out, const char *s)
{
    for (;;) {
        size_t plain = strcspn(s, "&<>\"'");
        str_add_bytes(out, s, plain);
        s += plain;
        if (*s == '\0')
            return;
        str_add(out, *s == '&'   ? "&amp;"
                     : *s == '<' ? "&lt;"
                     : *s == '>' ? "&gt;"
                     : *s == '"' ? "&quot;"
                                 : "&#39;");
        s++;
    }
}

void html_text(struct str *out, const char *text)
{
    if (text == NULL)
        return;
    json_t *clean = json_text_new(text, EVENT_TEXT_MAX);
    add_escaped(out, json_string_value(clean));
    json_decref(clean);
}

void html_time(struct str *out, int64_t seconds)
{
    char figure[TEXT_FIGURE_MAX];
    if (seconds == 0) {
        str_add(out, "never");
        return;
    }
    text_time(figure, seconds);
    /* 2026-11-23T12:00:00Z */
    str_add_format(out, "<time datetime=\"%s\">%.10s %.8s UTC</time>", figure, figure, figure + 11);
}

void html_table_begin(struct str *out, const char *const *headings)
{
    /* What is wider than a telephone scrolls by itself, by keyboard, too. */
    str_add(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"plain\"><thead><tr>");
    for (; *headings != NULL; headings++) {
        bool figures = (*headings)[0] == '#';
        str_add(out, figures ? "<th scope=\"col\" class=\"num\">" : "<th scope=\"col\">");
        html_text(out, *headings + figures);
        str_add(out, "</th>");
    }
    str_add(out, "</tr></thead><tbody>\n");
}

void html_table_end(struct str *out)
{
    str_add(out, "</tbody></table></div>\n");
}

void html_cell(struct str *out, const char *class, const char *text)
{
    if (class == NULL)
        str_add(out, "<td>");
    else
        str_add_format(out, "<td class=\"%s\">", class);
    html_text(out, text);
    str_add(out, "</td>");
}

void html_cell_number(struct str *out, uint64_t number)
{
    str_add_format(out, "<td class=\"num\">%" PRIu64 "</td>", number);
}

void html_cell_bytes(struct str *out, uint64_t bytes)
{
    char figure[TEXT_FIGURE_MAX];
    text_bytes(figure, bytes);
    str_add_format(out, "<td class=\"num\">%s</td>", figure);
}

void html_cell_time(struct str *out, int64_t seconds)
{
    str_add(out, "<td>");
    html_time(out, seconds);
    str_add(out, "</td>");
}

void html_paragraph(struct str *out, const char *class, const char *text)
{
    str_add_format(out, "<p class=\"%s\">", class);
    html_text(out, text);
    str_add(out, "</p>\n");
}

void html_heading(struct str *out, const char *text)
{
    str_add(out, "<h2>");
    html_text(out, text);
    str_add(out, "</h2>\n");
}
