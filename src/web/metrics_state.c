/* The gauges that are drawn from the state, and the text format itself. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "event_json.h"
#include "json_text.h"
#include "metrics_parts.h"
#include "names.h"
#include "verdict.h"

/* ---- the text format ---- */

void metric_begin(struct str *out, const char *name, const char *type, const char *help)
{
    str_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: UTF-8, with backslashes, quotes and newlines escaped. */
static void add_value(struct str *out, const char *value)
{
    json_t *clean = json_text_new(value, EVENT_TEXT_MAX);
    for (const char *s = json_string_value(clean); *s != '\0'; s++) {
        if (*s == '\n') {
            str_add(out, "\\n");
            continue;
        }
        if (*s == '\\' || *s == '"')
            str_add_char(out, '\\');
        str_add_char(out, *s);
    }
    json_decref(clean);
}

void metric_add(struct str *out, const char *name, const char *suffix,
                const struct metric_labels *labels, uint64_t value)
{
    const size_t max = sizeof(labels->name) / sizeof(labels->name[0]);
    str_add(out, name);
    if (suffix != NULL)
        str_add(out, suffix);
    for (size_t i = 0; i < max && labels->name[i] != NULL; i++) {
        str_add_format(out, "%s%s=\"", i == 0 ? "{" : ",", labels->name[i]);
        add_value(out, labels->value[i]);
        str_add_char(out, '"');
    }
    str_add_format(out, "%s %" PRIu64 "\n", labels->name[0] == NULL ? "" : "}", value);
}

void metric_add_gauge(struct str *out, const char *name, const char *help, uint64_t value)
{
    metric_begin(out, name, "gauge", help);
    metric_add(out, name, NULL, &(struct metric_labels){.name = {NULL}}, value);
}

void metric_add_time(struct str *out, const char *name, const char *help, int64_t seconds)
{
    metric_begin(out, name, "gauge", help);
    if (seconds > 0)
        metric_add(out, name, NULL, &(struct metric_labels){.name = {NULL}}, (uint64_t)seconds);
}

/* ---- the whole ---- */

static void write_levels(const struct state *state, int64_t now, struct str *out)
{
    uint64_t count[VERDICT_COUNT] = {0};
    for (size_t i = 0; i < state->n; i++)
        count[verdict_of_dataset(state, state->v[i], now, NULL, NULL)]++;
    metric_begin(out, "backupd_datasets", "gauge", "Datasets by whether they are safe.");
    for (int level = 0; level < VERDICT_COUNT; level++)
        metric_add(out, "backupd_datasets", NULL,
                   &(struct metric_labels){
                       .name = {"level"}, .value = {verdict_level_name((enum verdict_level)level)}},
                   count[level]);
}

static void write_verdict(const struct state *state, int64_t now, struct str *out)
{
    struct verdict verdict;
    verdict_of(state, now, &verdict);
    metric_begin(out, "backupd_verdict", "gauge", "1 for what holds of the whole, else 0.");
    for (int level = VERDICT_UNKNOWN; level < VERDICT_COUNT; level++)
        metric_add(out, "backupd_verdict", NULL,
                   &(struct metric_labels){
                       .name = {"level"}, .value = {verdict_level_name((enum verdict_level)level)}},
                   level == (int)verdict.level);
}

/* ---- the datasets ---- */

/* What a gauge says of a dataset; false where it has nothing to say. */
struct moment {
    const struct state *state;
    int64_t now;
};
typedef bool value_fn(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret);

static bool get_safe(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    enum verdict_level level = verdict_of_dataset(moment->state, ds, moment->now, NULL, NULL);
    *ret = level == VERDICT_SAFE;
    return level >= VERDICT_SAFE;
}

static bool get_failures(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    (void)moment;
    *ret = ds->failures;
    return true;
}

static bool get_time(int64_t seconds, uint64_t *ret)
{
    *ret = (uint64_t)seconds;
    return seconds > 0;
}

static bool get_copy(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    (void)moment;
    return get_time(ds->copied, ret);
}

static bool get_behind(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    *ret = moment->now > ds->copied ? (uint64_t)(moment->now - ds->copied) : 0;
    return ds->copied != 0 && ds->status != STATUS_REMOTE_ONLY;
}

static bool get_success(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    (void)moment;
    return get_time(ds->last_success, ret);
}

static bool get_retry(const struct moment *moment, const struct dataset_state *ds, uint64_t *ret)
{
    (void)moment;
    return get_time(ds->due, ret);
}

static const struct {
    const char *name, *help;
    value_fn *get;
} GAUGES[] = {
    {"backupd_dataset_safe", "1 where the dataset is safe, 0 where it is late or failed.",
     get_safe},
    {"backupd_dataset_failures", "Failed runs in a row.", get_failures},
    {"backupd_dataset_copy_timestamp_seconds",
     "Creation of the newest snapshot that both sides have.", get_copy},
    {"backupd_dataset_behind_seconds", "Age of the newest snapshot that both sides have.",
     get_behind},
    {"backupd_dataset_last_success_timestamp_seconds", "End of the newest run that succeeded.",
     get_success},
    {"backupd_dataset_retry_timestamp_seconds",
     "What failed is tried again then; without a sample nothing waits.", get_retry},
};

static void write_gauges(const struct state *state, int64_t now, struct str *out)
{
    const struct moment moment = {.state = state, .now = now};
    for (size_t i = 0; i < sizeof(GAUGES) / sizeof(GAUGES[0]); i++) {
        metric_begin(out, GAUGES[i].name, "gauge", GAUGES[i].help);
        for (size_t k = 0; k < state->n; k++) {
            uint64_t value = 0;
            /* An empty label is none for Prometheus: the root needs its shown name. */
            struct metric_labels labels = {.name = {"dataset"},
                                           .value = {name_shown(state->v[k]->name)}};
            if (GAUGES[i].get(&moment, state->v[k], &value))
                metric_add(out, GAUGES[i].name, NULL, &labels, value);
        }
    }
}

static void write_holdings(const struct state *state, const char *name, const char *help,
                           bool space, struct str *out)
{
    int sides = state->has_remote ? SIDE_COUNT : SIDE_REMOTE;
    metric_begin(out, name, "gauge", help);
    for (size_t i = 0; i < state->n; i++) {
        for (int side = 0; side < sides; side++) {
            const struct event_side *holding = &state->v[i]->holding[side];
            struct metric_labels labels = {
                .name = {"dataset", "side"},
                .value = {name_shown(state->v[i]->name), side_name((enum side)side)}};
            metric_add(out, name, NULL, &labels, space ? holding->space : holding->count);
        }
    }
}

void metrics_write_state(const struct state *state, int64_t now, struct str *out)
{
    metric_add_gauge(out, "backupd_cycle_running", "1 while a cycle runs.", state->cycle_running);
    metric_add_time(out, "backupd_cycle_started_timestamp_seconds",
                    "Begin of the running or newest cycle.", state->cycle_started);
    metric_add_time(out, "backupd_cycle_last_success_timestamp_seconds",
                    "End of the newest cycle in which every dataset succeeded.",
                    state->last_success);
    metric_add_time(out, "backupd_cycle_next_timestamp_seconds",
                    "When the next cycle begins; without a sample one runs, or none is planned.",
                    state->due);
    write_levels(state, now, out);
    write_verdict(state, now, out);
    write_gauges(state, now, out);
    write_holdings(state, "backupd_dataset_snapshots", "Snapshots that a side holds.", false, out);
    write_holdings(state, "backupd_dataset_space_bytes",
                   "Space of the dataset with its snapshots, without its children.", true, out);
}
