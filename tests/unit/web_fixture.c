#include "web_fixture.h"
#include "views.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void web_feed(struct web_fixture *f, struct event event)
{
    state_apply(&f->state, &event);
    metrics_apply(f->metrics, &event, &f->state);
}

static void see(struct web_fixture *f, const char *name, uint64_t cycle, enum dataset_type type)
{
    web_feed(f, (struct event){.kind = EVENT_DATASET_SEEN,
                               .dataset = name,
                               .cycle = cycle,
                               .time = T_CYCLE,
                               .type = type,
                               .holding = {{2, T_CYCLE - 100, 5000}, {1, T_CYCLE - 200, 4000}},
                               .flag = strcmp(name, "/poll") == 0});
}

static void show_rows(struct web_fixture *f, const char *name, const struct snapshot_row *rows,
                      size_t count)
{
    web_feed(f, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                               .dataset = name,
                               .time = T_CYCLE,
                               .rows = rows,
                               .row_count = count,
                               .first = true});
}

static void finish(struct web_fixture *f, const char *name, int64_t time, enum err_code code,
                   const char *text)
{
    web_feed(f, (struct event){.kind = EVENT_DATASET_FINISHED,
                               .dataset = name,
                               .time = time,
                               .code = code,
                               .text = text});
}

static void tell_root(struct web_fixture *f)
{
    const unsigned char both = ROW_ON(SIDE_LOCAL) | ROW_ON(SIDE_REMOTE);
    const struct snapshot_row rows[] = {
        {.name = "daily-1",
         .guid = 1,
         .creation = T_CYCLE - 900,
         .size = 10,
         .sides = both,
         .keep = {KEEP_POLICY | KEEP_OLDEST | KEEP_EARLIEST_SHARED, KEEP_POLICY}},
        {.name = "daily-2",
         .guid = 2,
         .creation = T_CYCLE - 600,
         .size = 20,
         .sides = both,
         .keep = {KEEP_POLICY | KEEP_LATEST_SHARED, KEEP_POLICY | KEEP_HELD}},
    };
    see(f, "", 7, DATASET_FILESYSTEM);
    show_rows(f, "", rows, 2);
    finish(f, "", T_CYCLE + 5, ERR_NONE, NULL);
}

static void plan_step(struct web_fixture *f, const char *name, uint64_t step, enum op op,
                      enum side side, const char *start, const char *end)
{
    web_feed(f, (struct event){.kind = EVENT_STEP_PLANNED,
                               .dataset = name,
                               .step = step,
                               .op = op,
                               .side = side,
                               .start = start,
                               .end = end});
}

static void tell_home(struct web_fixture *f)
{
    const char *text = "cannot destroy tank/data/home@hourly-1: it is held";
    see(f, "/home", 7, DATASET_FILESYSTEM);
    finish(f, "/home", T_CYCLE - 3600, ERR_BUSY, "busy");
    web_feed(f, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/home", .count = 2});
    plan_step(f, "/home", 0, OP_RANGE_DELETION, SIDE_LOCAL, "hourly-1", "hourly-3");
    plan_step(f, "/home", 1, OP_INITIAL_TRANSFER, SIDE_REMOTE, "daily-1", "daily-1");
    web_feed(
        f, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/home", .time = T_CYCLE + 6});
    web_feed(f,
             (struct event){
                 .kind = EVENT_STEP_STARTED, .dataset = "/home", .step = 0, .time = T_CYCLE + 7});
    web_feed(f, (struct event){.kind = EVENT_STEP_FINISHED,
                               .dataset = "/home",
                               .step = 0,
                               .time = T_CYCLE + 9,
                               .code = ERR_HELD,
                               .text = text});
    finish(f, "/home", T_CYCLE + 9, ERR_HELD, text);
    web_feed(f, (struct event){.kind = EVENT_DATASET_DUE,
                               .dataset = "/home",
                               .time = T_CYCLE + 9,
                               .due = T_NOW + 300});
}

static void tell_ann(struct web_fixture *f)
{
    const unsigned char both = ROW_ON(SIDE_LOCAL) | ROW_ON(SIDE_REMOTE);
    const struct snapshot_row rows[] = {
        {.name = "daily-1",
         .guid = BIG_GUID,
         .creation = T_CYCLE - 900,
         .size = 10,
         .sides = both,
         .keep = {KEEP_POLICY | KEEP_OLDEST, KEEP_POLICY}},
        {.name = "hourly-1", .guid = 4, .creation = T_CYCLE - 700, .sides = ROW_ON(SIDE_LOCAL)},
        {.name = "daily-2",
         .guid = 5,
         .creation = T_CYCLE - 600,
         .size = 30,
         .sides = ROW_ON(SIDE_LOCAL),
         .keep = {KEEP_POLICY | KEEP_TO_SEND, 0}},
        {.name = "manual",
         .guid = 6,
         .creation = T_CYCLE - 500,
         .sides = ROW_ON(SIDE_REMOTE),
         .keep = {0, KEEP_UNMANAGED}},
    };
    see(f, "/home/ann", 7, DATASET_FILESYSTEM);
    show_rows(f, "/home/ann", rows, 4);
    finish(f, "/home/ann", T_CYCLE + 20, ERR_NONE, NULL);
}

static void run_ann(struct web_fixture *f)
{
    const char *name = "/home/ann";
    web_feed(f, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = name, .count = 2});
    plan_step(f, name, 0, OP_DELETION, SIDE_LOCAL, "hourly-0", "hourly-0");
    plan_step(f, name, 1, OP_RANGE_TRANSFER, SIDE_REMOTE, "daily-1", "daily-2");
    web_feed(f, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = name, .time = T_NEXT + 1});
    web_feed(f, (struct event){
                    .kind = EVENT_STEP_STARTED, .dataset = name, .step = 0, .time = T_NEXT + 1});
    web_feed(f, (struct event){.kind = EVENT_STEP_FINISHED,
                               .dataset = name,
                               .step = 0,
                               .count = 1,
                               .time = T_NEXT + 3});
    web_feed(f, (struct event){.kind = EVENT_STEP_STARTED,
                               .dataset = name,
                               .step = 1,
                               .time = T_NEXT + 4,
                               .flag = true});
    web_feed(f, (struct event){.kind = EVENT_STEP_PROGRESS,
                               .dataset = name,
                               .step = 1,
                               .time = T_NEXT + 90,
                               .bytes = 3 << 20,
                               .bytes_total = 7 << 20});
}

static void tell_story(struct web_fixture *f)
{
    web_feed(f, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 7, .time = T_CYCLE});
    tell_root(f);
    tell_home(f);
    tell_ann(f);
    see(f, "/poll", 7, DATASET_VOLUME);
    see(f, "/vol", 7, DATASET_VOLUME);
    web_feed(f, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/vol", .count = 1});
    plan_step(f, "/vol", 0, OP_INITIAL_TRANSFER, SIDE_REMOTE, "daily-1", "daily-1");
    web_feed(f,
             (struct event){
                 .kind = EVENT_CYCLE_FINISHED, .cycle = 7, .time = T_END, .count = 5, .failed = 1});
    web_feed(f, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 8, .time = T_NEXT});
    run_ann(f);
}

void web_fixture_init(struct web_fixture *f, bool story)
{
    static const char line[] =
        "{\"version\":\"0.1.0\",\"local_root\":\"tank/data\",\"remote_root\":\"tank/backups\","
        "\"remote_host\":\"root@nas.example\",\"own_name\":\"here\",\"token\":\"secret\","
        "\"tls_cert\":\"\",\"tls_key\":\"\",\"has_unix\":true,\"hosts\":[],"
        "\"types\":[\"daily\",\"hourly\"]}";
    struct err e = ERR_INIT;
    memset(f, 0, sizeof(*f));
    state_init(&f->state);
    str_init(&f->out);
    f->metrics = metrics_new();
    assert_int_equal(settings_parse(line, strlen(line), &f->settings, &e), 0);
    web_feed(f, (struct event){.kind = EVENT_CONFIGURED, .flag = true, .interval = 3600});
    if (story)
        tell_story(f);
}

void web_fixture_fini(struct web_fixture *f)
{
    metrics_free(f->metrics);
    settings_fini(&f->settings);
    state_fini(&f->state);
    str_fini(&f->out);
}

json_t *web_parse(struct web_fixture *f)
{
    json_error_t error;
    json_t *value = json_loadb(f->out.s, f->out.len, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        fail_msg("%s at %d of %.2000s", error.text, error.position, f->out.s);
    assert_null(strchr(f->out.s, '\n'));
    str_clear(&f->out);
    return value;
}

const char *web_string(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    if (s == NULL)
        fail_msg("there is no string \"%s\"", key);
    return s;
}

long long web_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("there is no number \"%s\"", key);
    return json_integer_value(value);
}

const json_t *web_find(const json_t *array, const char *key, const char *value)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(web_string(json_array_get(array, i), key), value) == 0)
            return json_array_get(array, i);
    fail_msg("none whose \"%s\" is \"%s\"", key, value);
    return NULL;
}

const char *web_list(const json_t *value)
{
    static char text[1024];
    size_t len = 0;
    const char *key;
    json_t *item;
    text[0] = '\0';
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, item) len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "", key);
    }
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? ", " : "",
                                json_string_value(json_array_get(value, i)));
    return text;
}

json_t *web_get_state(struct web_fixture *f)
{
    view_state(&f->state, &f->settings, "5f3a-12", T_NOW, &f->out);
    return web_parse(f);
}

json_t *web_get_dataset(struct web_fixture *f, const char *name)
{
    view_dataset(&f->state, state_find(&f->state, name), "5f3a-12", T_NOW, &f->out);
    return web_parse(f);
}

json_t *web_get_activity(struct web_fixture *f)
{
    view_activity(&f->state, "5f3a-12", T_NOW, &f->out);
    return web_parse(f);
}
