/* Takes snapshots of the local root and everything below it, when somebody asks for one. */
#ifndef BACKUPD_ENGINE_SNAPPER_H
#define BACKUPD_ENGINE_SNAPPER_H

#include "loop.h"
#include "site.h"

/* How many may be under way at a time. */
#define SNAPPER_MAX 16

struct snapper;

/* Called once for each: `name` is the snapshot's, "tank/data@daily-2026-11-23-120000"; `e` is NULL
 * where it is there now. */
typedef void snapper_done_fn(void *arg, uint64_t id, const char *name, const struct err *e);

struct snapper *snapper_new(struct loop *loop, snapper_done_fn *fn, void *arg);

/* Gives up those that are under way: `fn` is not called for them. NULL is fine. */
void snapper_free(struct snapper *snapper);

/*
 * Takes one called `type` and the UTC time `now`, under the caller's number `id`. `site` must stay
 * until it is done. Returns 0, or -1 and `e`, and then `fn` is not called: ERR_NAME where that is no
 * legal name, ERR_LIMIT where too many are under way.
 */
int snapper_take(struct snapper *snapper, const struct site *site, const char *type, uint64_t id,
                 int64_t now, int64_t stall_ms, struct err *e);

/* Whether any is under way. */
bool snapper_is_busy(const struct snapper *snapper);

#endif
