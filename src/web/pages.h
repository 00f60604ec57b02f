/*
 * The pages as HTML that can be read without script: the shell of assets/shell.html with the data
 * as tables in it. Every text is escaped. At most PAGE_ROWS rows of a table are written; links lead
 * to the rest (?from=N).
 */
#ifndef BACKUPD_WEB_PAGES_H
#define BACKUPD_WEB_PAGES_H

#include "settings.h"
#include "state.h"
#include "str.h"

#define PAGE_ROWS 100

/* /global, from dataset number `from` on. */
void page_overview(const struct state *state, const struct settings *settings, size_t from,
                   int64_t now, struct str *out);

/* /global/activity */
void page_activity(const struct state *state, const struct settings *settings, int64_t now,
                   struct str *out);

/* /root, /NAME, from snapshot number `from` on, the newest being 0. */
void page_dataset(const struct state *state, const struct dataset_state *ds,
                  const struct settings *settings, size_t from, int64_t now, struct str *out);

/* A page that says that there is no such dataset, or whatever else is in `text`. */
void page_message(const struct state *state, const struct settings *settings, const char *title,
                  const char *text, struct str *out);

/* The path of a dataset's page, percent-encoded: "/root", "/home/ann", "/global/dataset/poll". */
void page_path(const char *dataset, struct str *out);

/* Whether the first component of a path is not a dataset's but ours (global, root, poll, …). */
bool page_is_reserved(const char *component, size_t len);

#endif
