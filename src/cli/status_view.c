#include "status_view.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "mem.h"
#include "names.h"
#include "plan.h"

/* The end of year 9999: later times are impossible, and differences of earlier ones fit. */
#define TIME_MAX INT64_C(253402300799)

/* An object and what it is called in messages. */
struct source {
    const json_t *object;
    const char *name;
    struct err *e;
};

static int refuse(const struct source *from, const char *key)
{
    err_set(from->e, ERR_PROTOCOL,
            "the daemon's state has no usable \"%s\" in %s: is the daemon of another version?", key,
            from->name);
    return -1;
}

/* A text; NULL where it is missing or null, if that `may_miss`. `ret` is to be free. */
static int read_text(const struct source *from, const char *key, bool may_miss, char **ret)
{
    const json_t *value = json_object_get(from->object, key);
    struct str shown;
    if (may_miss && (value == NULL || json_is_null(value)))
        return 0;
    if (!json_is_string(value))
        return refuse(from, key);
    str_init(&shown);
    str_add_escaped(&shown, json_string_value(value));
    *ret = str_take(&shown);
    str_fini(&shown);
    return 0;
}

/* A number from 0 to `max`; untouched where it is missing, if it `may_miss`. */
static int read_number(const struct source *from, const char *key, bool may_miss, int64_t max,
                       int64_t *ret)
{
    const json_t *value = json_object_get(from->object, key);
    if (may_miss && value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        return refuse(from, key);
    *ret = json_integer_value(value);
    return 0;
}

static int read_bytes(const struct source *from, const char *key, uint64_t *ret)
{
    int64_t bytes;
    if (read_number(from, key, false, INT64_MAX, &bytes) != 0)
        return -1;
    *ret = (uint64_t)bytes;
    return 0;
}

static int read_bool(const struct source *from, const char *key, bool *ret)
{
    const json_t *value = json_object_get(from->object, key);
    if (!json_is_boolean(value))
        return refuse(from, key);
    *ret = json_is_true(value);
    return 0;
}

static int read_level(const struct source *from, enum view_level *ret)
{
    static const char *const NAMES[] = {[VIEW_UNKNOWN] = "unknown",
                                        [VIEW_SAFE] = "safe",
                                        [VIEW_LATE] = "late",
                                        [VIEW_FAILED] = "failed",
                                        [VIEW_IGNORED] = "ignored"};
    const char *name = json_string_value(json_object_get(from->object, "level"));
    if (name == NULL)
        return refuse(from, "level");
    *ret = VIEW_STRANGE;
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (strcmp(NAMES[i], name) == 0)
            *ret = (enum view_level)i;
    return 0;
}

static int read_verdict(struct status_view *view, const struct source *from)
{
    return read_level(from, &view->level) == 0 &&
                   read_text(from, "text", false, &view->text) == 0 &&
                   read_text(from, "advice", false, &view->advice) == 0
               ? 0
               : -1;
}

static int read_cycle(struct view_cycle *cycle, const struct source *from)
{
    cycle->took = -1;
    if (read_number(from, "number", false, INT64_MAX, &cycle->number) != 0 ||
        read_bool(from, "running", &cycle->running) != 0 ||
        read_number(from, "started", false, TIME_MAX, &cycle->started) != 0 ||
        read_number(from, "finished", false, TIME_MAX, &cycle->finished) != 0 ||
        read_number(from, "next", false, TIME_MAX, &cycle->next) != 0 ||
        read_number(from, "failed", false, INT64_MAX, &cycle->failed) != 0 ||
        read_number(from, "took", true, TIME_MAX, &cycle->took) != 0)
        return -1;
    if (cycle->took < 0 && !cycle->running)
        cycle->took = cycle->finished - cycle->started;
    return read_text(from, "text", true, &cycle->text);
}

/* A dataset's name, as it is shown. */
static int read_name(const struct source *from, char **ret)
{
    if (read_text(from, "name", false, ret) != 0)
        return -1;
    if ((*ret)[0] == '\0') {
        free(*ret);
        *ret = mem_strdup(NAME_ROOT_SHOWN);
    }
    return 0;
}

static int read_transfer(struct status_view *view, const struct source *dataset, const json_t *step)
{
    struct source from = {.object = step, .name = "the step of a dataset", .e = dataset->e};
    const char *op = json_string_value(json_object_get(step, "op"));
    if (op == NULL)
        return refuse(&from, "op");
    if (strcmp(op, op_name(OP_INITIAL_TRANSFER)) != 0 &&
        strcmp(op, op_name(OP_RANGE_TRANSFER)) != 0)
        return 0;
    view->transfers = mem_grow(view->transfers, view->transfer_count, &view->transfer_cap,
                               sizeof(*view->transfers));
    struct view_transfer *transfer = &view->transfers[view->transfer_count++];
    memset(transfer, 0, sizeof(*transfer));
    return read_name(dataset, &transfer->dataset) == 0 &&
                   read_text(&from, "end", false, &transfer->end) == 0 &&
                   read_bytes(&from, "bytes", &transfer->bytes) == 0 &&
                   read_bytes(&from, "bytes_total", &transfer->bytes_total) == 0 &&
                   read_number(&from, "started", false, TIME_MAX, &transfer->started) == 0
               ? 0
               : -1;
}

static int read_concern(struct status_view *view, const struct source *from, enum view_level level)
{
    view->concerns =
        mem_grow(view->concerns, view->concern_count, &view->concern_cap, sizeof(*view->concerns));
    struct view_concern *concern = &view->concerns[view->concern_count++];
    memset(concern, 0, sizeof(*concern));
    concern->level = level;
    return read_name(from, &concern->dataset) == 0 &&
                   read_text(from, "why", true, &concern->why) == 0 &&
                   read_text(from, "text", true, &concern->text) == 0 &&
                   read_text(from, "advice", true, &concern->advice) == 0 &&
                   read_number(from, "failures", true, INT64_MAX, &concern->failures) == 0 &&
                   read_number(from, "retry", true, TIME_MAX, &concern->retry) == 0
               ? 0
               : -1;
}

static int read_dataset(struct status_view *view, const struct source *from)
{
    enum view_level level;
    const json_t *step = json_object_get(from->object, "step");
    const char *status = json_string_value(json_object_get(from->object, "status"));
    if (!json_is_string(json_object_get(from->object, "name")))
        return refuse(from, "name");
    if (status == NULL)
        return refuse(from, "status");
    if (read_level(from, &level) != 0)
        return -1;
    view->waiting += strcmp(status, "waiting") == 0;
    if (step != NULL && read_transfer(view, from, step) != 0)
        return -1;
    if (level == VIEW_LATE || level == VIEW_FAILED || level == VIEW_STRANGE)
        return read_concern(view, from, level);
    return 0;
}

static int read_datasets(struct status_view *view, const struct source *state)
{
    const json_t *datasets = json_object_get(state->object, "datasets");
    if (!json_is_array(datasets))
        return refuse(state, "datasets");
    for (size_t i = 0; i < json_array_size(datasets); i++) {
        struct source from = {
            .object = json_array_get(datasets, i), .name = "a dataset", .e = state->e};
        if (read_dataset(view, &from) != 0)
            return -1;
    }
    return 0;
}

/* json_object_get of what is no object is NULL, which is nothing that these take. */
static int read_state(struct status_view *view, const json_t *object, struct err *e)
{
    struct source state = {.object = object, .name = "itself", .e = e};
    struct source verdict = {
        .object = json_object_get(object, "verdict"), .name = "its verdict", .e = e};
    struct source cycle = {.object = json_object_get(object, "cycle"), .name = "its cycle", .e = e};
    return read_number(&state, "time", false, TIME_MAX, &view->time) == 0 &&
                   read_bool(&state, "dry_run", &view->dry_run) == 0 &&
                   read_verdict(view, &verdict) == 0 && read_cycle(&view->cycle, &cycle) == 0 &&
                   read_datasets(view, &state) == 0
               ? 0
               : -1;
}

int status_view_parse(const char *json, size_t len, struct status_view *ret, struct err *e)
{
    json_error_t error;
    memset(ret, 0, sizeof(*ret));
    json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return err_set(e, ERR_PROTOCOL, "the daemon's state is no JSON (line %d)", error.line);
    int rc = read_state(ret, object, e);
    if (rc != 0)
        status_view_fini(ret);
    json_decref(object);
    return rc;
}

void status_view_fini(struct status_view *view)
{
    for (size_t i = 0; i < view->transfer_count; i++) {
        free(view->transfers[i].dataset);
        free(view->transfers[i].end);
    }
    for (size_t i = 0; i < view->concern_count; i++) {
        free(view->concerns[i].dataset);
        free(view->concerns[i].why);
        free(view->concerns[i].text);
        free(view->concerns[i].advice);
    }
    free(view->transfers);
    free(view->concerns);
    free(view->text);
    free(view->advice);
    free(view->cycle.text);
    memset(view, 0, sizeof(*view));
}

int status_view_exit(const struct status_view *view)
{
    return view->level == VIEW_SAFE ? 0 : EXIT_FAILED;
}
