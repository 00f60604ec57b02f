/*
 * Prometheus metrics: counters and histograms folded from the events, and gauges of the state.
 * Counters begin at nought when the web role starts, which Prometheus understands.
 */
#ifndef BACKUPD_WEB_METRICS_H
#define BACKUPD_WEB_METRICS_H

#include "settings.h"
#include "state.h"
#include "str.h"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics); /* NULL is fine */

/* Counts `event`, which `state` has folded in. Recalled events count nothing. */
void metrics_apply(struct metrics *metrics, const struct event *event, const struct state *state);

/* Appends the text format 0.0.4. Labels are escaped. `clients`: connections; `streams`: of them. */
void metrics_write(const struct metrics *metrics, const struct state *state,
                   const struct settings *settings, size_t clients, size_t streams, int64_t now,
                   struct str *out);

#endif
