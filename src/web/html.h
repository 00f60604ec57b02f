/* HTML as text: whatever is put in is escaped, so no name and no message can be markup. */
#ifndef BACKUPD_WEB_HTML_H
#define BACKUPD_WEB_HTML_H

#include <stdint.h>

#include "str.h"

/*
 * Appends `text` for the inside of an element or of an attribute in double quotes. Bytes that are
 * not UTF-8 become \xNN, and what is longer than EVENT_TEXT_MAX is cut. NULL is nothing.
 */
void html_text(struct str *out, const char *text);

/* Appends a <time> element in UTC, or "never" for 0. */
void html_time(struct str *out, int64_t seconds);

/* Begins a table; a heading that begins with '#' stands over figures. The list ends with NULL. */
void html_table_begin(struct str *out, const char *const *headings);
void html_table_end(struct str *out);

/* Table cells. `class` may be NULL. */
void html_cell(struct str *out, const char *class, const char *text);
void html_cell_number(struct str *out, uint64_t number);
void html_cell_bytes(struct str *out, uint64_t bytes);
void html_cell_time(struct str *out, int64_t seconds);

/* A paragraph of that class. */
void html_paragraph(struct str *out, const char *class, const char *text);

/* A heading of the page's parts (h2). */
void html_heading(struct str *out, const char *text);

#endif
