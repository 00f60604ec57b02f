/* What the pages share. Of pages*.c alone. */
#ifndef BACKUPD_WEB_PAGES_PARTS_H
#define BACKUPD_WEB_PAGES_PARTS_H

#include "settings.h"
#include "state.h"
#include "str.h"

/* Appends the shell with `main` (HTML) in it; `title` is a text. */
void page_add_shell(const struct state *state, const struct settings *settings, const char *title,
                    const char *main, struct str *out);

/* Appends the verdict, the way out, since when, and what the cycle does. */
void page_add_verdict(const struct state *state, int64_t now, struct str *out);

/* Appends a link to a dataset's page: its name as it is shown. */
void page_add_link(const char *dataset, struct str *out);

/* Appends links to the rows before and after those from `from` on; `path` is encoded. */
void page_add_paging(const char *path, size_t from, size_t count, struct str *out);

/* "12 min", or "never" where there is no copy. Appended as text. */
void page_add_age(const struct dataset_state *ds, int64_t now, struct str *out);

#endif
