/* What metrics*.c share: the text format, and the gauges that are drawn from the state. */
#ifndef BACKUPD_WEB_METRICS_PARTS_H
#define BACKUPD_WEB_METRICS_PARTS_H

#include "state.h"
#include "str.h"

/* Begins a family: its HELP and TYPE, after which come all of its samples. */
void metric_begin(struct str *out, const char *name, const char *type, const char *help);

/*
 * One sample: its name, perhaps a suffix of it (NULL: none), and up to two labels (the rest NULL).
 * Label values are escaped.
 */
struct metric_labels {
    const char *name[2], *value[2];
};
void metric_add(struct str *out, const char *name, const char *suffix,
                const struct metric_labels *labels, uint64_t value);

/* A family of one sample without labels. */
void metric_add_gauge(struct str *out, const char *name, const char *help, uint64_t value);

/* The same for a time, which has no sample where it is 0. */
void metric_add_time(struct str *out, const char *name, const char *help, int64_t seconds);

/* Everything that the state says by itself. */
void metrics_write_state(const struct state *state, int64_t now, struct str *out);

#endif
