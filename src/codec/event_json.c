#include "event_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "mem.h"
#include "names.h"
#include "text.h"

enum field_type {
    FIELD_U64,
    FIELD_TIME,
    FIELD_BOOL,
    FIELD_DATASET,
    FIELD_DATASET_OR_NULL,
    FIELD_SNAPSHOT,
    FIELD_TEXT,
    FIELD_TEXT_OR_NULL,
    FIELD_HOLDING,
    FIELD_ROWS,
    FIELD_OP,
    FIELD_SIDE,
    FIELD_TYPE,
    FIELD_LEVEL,
    FIELD_CODE,
    FIELD_STATUS,
    FIELD_STEP_STATUS,
    FIELD_VERDICT,
};

/* What a decoded event points into: the parsed values, and the rows made of them. */
struct event_memory {
    json_t *object;
    struct snapshot_row *rows;
};

/* One field: its name in JSON, and what and where it is in struct event. */
struct field {
    const char *key;
    enum field_type type;
    size_t offset;
};

#define AT(member) offsetof(struct event, member)
#define FIELDS_MAX 14

/* The fields of each kind, as the comments in event.h list them. Encoder and decoder read this. */
static const struct field FIELDS[EVENT_KIND_COUNT][FIELDS_MAX + 1] = {
    [EVENT_CYCLE_STARTED] = {{"dry_run", FIELD_BOOL, AT(flag)}},
    [EVENT_CYCLE_FINISHED] = {{"datasets", FIELD_U64, AT(count)},
                              {"failed", FIELD_U64, AT(failed)},
                              {"code", FIELD_CODE, AT(code)},
                              {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_DATASET_SEEN] = {{"dataset", FIELD_DATASET, AT(dataset)},
                            {"type", FIELD_TYPE, AT(type)},
                            {"local", FIELD_HOLDING, AT(holding[SIDE_LOCAL])},
                            {"remote", FIELD_HOLDING, AT(holding[SIDE_REMOTE])},
                            {"remote_only", FIELD_BOOL, AT(flag)}},
    [EVENT_DATASET_SNAPSHOTS] = {{"dataset", FIELD_DATASET, AT(dataset)},
                                 {"first", FIELD_BOOL, AT(first)},
                                 {"more", FIELD_BOOL, AT(flag)},
                                 {"rows", FIELD_ROWS, AT(rows)}},
    [EVENT_DATASET_PLANNED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                               {"steps", FIELD_U64, AT(count)}},
    [EVENT_STEP_PLANNED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                            {"step", FIELD_U64, AT(step)},
                            {"op", FIELD_OP, AT(op)},
                            {"side", FIELD_SIDE, AT(side)},
                            {"start", FIELD_SNAPSHOT, AT(start)},
                            {"end", FIELD_SNAPSHOT, AT(end)}},
    [EVENT_DATASET_STARTED] = {{"dataset", FIELD_DATASET, AT(dataset)}},
    [EVENT_STEP_STARTED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                            {"step", FIELD_U64, AT(step)},
                            {"resumed", FIELD_BOOL, AT(flag)}},
    [EVENT_STEP_PROGRESS] = {{"dataset", FIELD_DATASET, AT(dataset)},
                             {"step", FIELD_U64, AT(step)},
                             {"bytes", FIELD_U64, AT(bytes)},
                             {"bytes_total", FIELD_U64, AT(bytes_total)}},
    [EVENT_STEP_FINISHED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                             {"step", FIELD_U64, AT(step)},
                             {"bytes", FIELD_U64, AT(bytes)},
                             {"snapshots", FIELD_U64, AT(count)},
                             {"code", FIELD_CODE, AT(code)},
                             {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_DATASET_FINISHED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                                {"code", FIELD_CODE, AT(code)},
                                {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_NOTE] = {{"dataset", FIELD_DATASET_OR_NULL, AT(dataset)},
                    {"level", FIELD_LEVEL, AT(level)},
                    {"text", FIELD_TEXT, AT(text)}},
    [EVENT_CONFIGURED] = {{"remote", FIELD_BOOL, AT(flag)},
                          {"interval", FIELD_TIME, AT(interval)},
                          {"period", FIELD_TIME, AT(period)}},
    [EVENT_CYCLE_DUE] = {{"due", FIELD_TIME, AT(due)}},
    [EVENT_DATASET_DUE] = {{"dataset", FIELD_DATASET, AT(dataset)}, {"due", FIELD_TIME, AT(due)}},
    [EVENT_STATE_RECALLED] = {{"running", FIELD_BOOL, AT(running)},
                              {"dry_run", FIELD_BOOL, AT(flag)},
                              {"started", FIELD_TIME, AT(started)},
                              {"finished", FIELD_TIME, AT(finished)},
                              {"due", FIELD_TIME, AT(due)},
                              {"success", FIELD_TIME, AT(success)},
                              {"failing", FIELD_TIME, AT(failing)},
                              {"failed", FIELD_U64, AT(failed)},
                              {"sent", FIELD_U64, AT(sent)},
                              {"destroyed", FIELD_U64, AT(destroyed)},
                              {"bytes", FIELD_U64, AT(bytes)},
                              {"code", FIELD_CODE, AT(code)},
                              {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_DATASET_RECALLED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                                {"status", FIELD_STATUS, AT(status)},
                                {"started", FIELD_TIME, AT(started)},
                                {"finished", FIELD_TIME, AT(finished)},
                                {"success", FIELD_TIME, AT(success)},
                                {"due", FIELD_TIME, AT(due)},
                                {"failing", FIELD_TIME, AT(failing)},
                                {"sent", FIELD_U64, AT(sent)},
                                {"destroyed", FIELD_U64, AT(destroyed)},
                                {"bytes", FIELD_U64, AT(bytes)},
                                {"failures", FIELD_U64, AT(failed)},
                                {"code", FIELD_CODE, AT(code)},
                                {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_STEP_RECALLED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                             {"step", FIELD_U64, AT(step)},
                             {"status", FIELD_STEP_STATUS, AT(step_status)},
                             {"resumed", FIELD_BOOL, AT(flag)},
                             {"started", FIELD_TIME, AT(started)},
                             {"finished", FIELD_TIME, AT(finished)},
                             {"bytes", FIELD_U64, AT(bytes)},
                             {"bytes_total", FIELD_U64, AT(bytes_total)}},
    [EVENT_CYCLE_RECALLED] = {{"started", FIELD_TIME, AT(started)},
                              {"datasets", FIELD_U64, AT(count)},
                              {"failed", FIELD_U64, AT(failed)},
                              {"sent", FIELD_U64, AT(sent)},
                              {"destroyed", FIELD_U64, AT(destroyed)},
                              {"bytes", FIELD_U64, AT(bytes)},
                              {"code", FIELD_CODE, AT(code)},
                              {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_TRANSFER_RECALLED] = {{"dataset", FIELD_DATASET, AT(dataset)},
                                 {"start", FIELD_SNAPSHOT, AT(start)},
                                 {"end", FIELD_SNAPSHOT, AT(end)},
                                 {"started", FIELD_TIME, AT(started)},
                                 {"bytes", FIELD_U64, AT(bytes)},
                                 {"resumed", FIELD_BOOL, AT(flag)},
                                 {"code", FIELD_CODE, AT(code)},
                                 {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_FAILURE_RECALLED] = {{"dataset", FIELD_DATASET_OR_NULL, AT(dataset)},
                                {"code", FIELD_CODE, AT(code)},
                                {"text", FIELD_TEXT_OR_NULL, AT(text)}},
    [EVENT_DAY_RECALLED] = {{"verdict", FIELD_VERDICT, AT(verdict)},
                            {"cycles", FIELD_U64, AT(count)},
                            {"bytes", FIELD_U64, AT(bytes)},
                            {"local_space", FIELD_U64, AT(holding[SIDE_LOCAL].space)},
                            {"remote_space", FIELD_U64, AT(holding[SIDE_REMOTE].space)}},
    [EVENT_MINUTE_RECALLED] = {{"bytes", FIELD_U64, AT(bytes)}},
    [EVENT_LOG_RECALLED] = {{"dataset", FIELD_DATASET_OR_NULL, AT(dataset)},
                            {"level", FIELD_LEVEL, AT(level)},
                            {"text", FIELD_TEXT, AT(text)}},
};

/* What every kind has. */
static const struct field COMMON[] = {
    {"time", FIELD_TIME, AT(time)}, {"cycle", FIELD_U64, AT(cycle)}, {0}};

static const char *const TYPE_NAMES[] = {
    [DATASET_UNKNOWN] = "unknown",
    [DATASET_FILESYSTEM] = "filesystem",
    [DATASET_VOLUME] = "volume",
};

/* ---- encoding ---- */

static json_t *number_new(uint64_t value)
{
    char digits[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(digits, sizeof(digits), "%" PRIu64, value);
    return json_string(digits);
}

static json_t *holding_new(const struct event_side *holding)
{
    json_t *object = json_object();
    json_text_set(object, "count", number_new(holding->count));
    json_text_set(object, "newest", json_integer(holding->newest));
    json_text_set(object, "space", number_new(holding->space));
    return object;
}

static json_t *row_new(const struct snapshot_row *row)
{
    json_t *array = json_array();
    json_text_append(array, json_string(row->name));
    json_text_append(array, number_new(row->guid));
    json_text_append(array, json_integer(row->creation));
    json_text_append(array, number_new(row->size));
    json_text_append(array, json_integer(row->sides));
    for (int side = 0; side < SIDE_COUNT; side++)
        json_text_append(array, json_integer(row->keep[side]));
    return array;
}

static json_t *rows_new(const struct snapshot_row *rows, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_text_append(array, row_new(&rows[i]));
    return array;
}

static json_t *field_new(const struct field *field, const struct event *event)
{
    const void *at = (const char *)event + field->offset;
    switch (field->type) {
    case FIELD_U64:
        return number_new(*(const uint64_t *)at);
    case FIELD_TIME:
        return json_integer(*(const int64_t *)at);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_HOLDING:
        return holding_new(at);
    case FIELD_ROWS:
        return rows_new(event->rows, event->row_count);
    case FIELD_STATUS:
        return json_string(dataset_status_name(*(const enum dataset_status *)at));
    case FIELD_STEP_STATUS:
        return json_string(step_status_name(*(const enum step_status *)at));
    case FIELD_VERDICT:
        return json_string(verdict_level_name(*(const enum verdict_level *)at));
    case FIELD_OP:
        return json_string(op_name(*(const enum op *)at));
    case FIELD_SIDE:
        return json_string(side_name(*(const enum side *)at));
    case FIELD_TYPE:
        return json_string(TYPE_NAMES[*(const enum dataset_type *)at]);
    case FIELD_LEVEL:
        return json_string(event_level_name(*(const enum event_level *)at));
    case FIELD_CODE:
        return json_string(err_code_name(*(const enum err_code *)at));
    default:
        return json_text_new(*(const char *const *)at, EVENT_TEXT_MAX);
    }
}

static void add_fields(json_t *object, const struct field *fields, const struct event *event)
{
    for (const struct field *field = fields; field->key != NULL; field++)
        json_text_set(object, field->key, field_new(field, event));
}

static void encode_one(const struct event *event, struct str *out)
{
    json_t *object = json_object();
    json_text_set(object, "kind", json_string(event_kind_name(event->kind)));
    add_fields(object, COMMON, event);
    add_fields(object, FIELDS[event->kind], event);
    json_text_dump(object, out);
    str_add_char(out, '\n');
}

void event_encode(const struct event *event, struct str *out)
{
    struct event part = *event;
    if (event->kind != EVENT_DATASET_SNAPSHOTS)
        part.row_count = 0; /* means nothing of another kind */
    while (part.row_count > EVENT_ROWS_MAX) {
        size_t left = part.row_count - EVENT_ROWS_MAX;
        part.row_count = EVENT_ROWS_MAX;
        part.flag = true;
        encode_one(&part, out);
        part.first = false;
        part.rows += EVENT_ROWS_MAX;
        part.row_count = left;
    }
    part.flag = event->flag;
    encode_one(&part, out);
}

void event_encode_brief(const struct event *event, struct str *out)
{
    if (event->kind != EVENT_DATASET_SNAPSHOTS) {
        encode_one(event, out);
        return;
    }
    json_t *object = json_object();
    json_text_set(object, "kind", json_string(event_kind_name(event->kind)));
    add_fields(object, COMMON, event);
    json_text_set(object, "dataset", json_text_new(event->dataset, EVENT_TEXT_MAX));
    json_text_set(object, "snapshots", number_new(event->row_count));
    json_text_dump(object, out);
    str_add_char(out, '\n');
}

/* ---- decoding: each returns 0, or -1 where the value is not one of its type ---- */

static int read_number(const json_t *value, uint64_t *ret)
{
    uint64_t number;
    if (json_is_integer(value)) {
        if (json_integer_value(value) < 0)
            return -1;
        *ret = (uint64_t)json_integer_value(value);
        return 0;
    }
    if (!json_is_string(value) ||
        text_parse_u64(json_string_value(value), json_string_length(value), &number) != 0 ||
        number <= INT64_MAX)
        return -1;
    *ret = number;
    return 0;
}

static int read_time(const json_t *value, int64_t *ret)
{
    if (!json_is_integer(value))
        return -1;
    *ret = json_integer_value(value);
    return 0;
}

static int read_bool(const json_t *value, bool *ret)
{
    if (!json_is_boolean(value))
        return -1;
    *ret = json_is_true(value);
    return 0;
}

static int read_holding(const json_t *value, struct event_side *ret)
{
    /* json_object_get of what is no object is NULL, which is no number */
    return read_number(json_object_get(value, "count"), &ret->count) == 0 &&
                   read_time(json_object_get(value, "newest"), &ret->newest) == 0 &&
                   read_number(json_object_get(value, "space"), &ret->space) == 0
               ? 0
               : -1;
}

static int read_small(const json_t *value, uint64_t max, uint64_t *ret)
{
    return read_number(value, ret) == 0 && *ret <= max ? 0 : -1;
}

static int read_row(const json_t *value, struct snapshot_row *ret)
{
    struct snapname checked;
    uint64_t sides;
    uint64_t keep[SIDE_COUNT];
    const char *name = json_string_value(json_array_get(value, 0));
    if (json_array_size(value) != 7 || name == NULL || snapname_check(name, &checked, NULL) != 0)
        return -1;
    if (read_number(json_array_get(value, 1), &ret->guid) != 0 ||
        read_time(json_array_get(value, 2), &ret->creation) != 0 ||
        read_number(json_array_get(value, 3), &ret->size) != 0 ||
        read_small(json_array_get(value, 4), ROW_ON(SIDE_LOCAL) | ROW_ON(SIDE_REMOTE), &sides) !=
            0 ||
        read_small(json_array_get(value, 5), ROW_KEEP_ALL, &keep[SIDE_LOCAL]) != 0 ||
        read_small(json_array_get(value, 6), ROW_KEEP_ALL, &keep[SIDE_REMOTE]) != 0 || sides == 0)
        return -1;
    ret->name = checked.s;
    ret->sides = (unsigned char)sides;
    ret->keep[SIDE_LOCAL] = (uint16_t)keep[SIDE_LOCAL];
    ret->keep[SIDE_REMOTE] = (uint16_t)keep[SIDE_REMOTE];
    return 0;
}

/* The rows are in `memory`, which the event points to. */
static int read_rows(const json_t *value, struct event_memory *memory, struct event *ret)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > EVENT_ROWS_MAX)
        return -1;
    memory->rows = mem_zalloc(count, sizeof(*memory->rows));
    for (size_t i = 0; i < count; i++)
        if (read_row(json_array_get(value, i), &memory->rows[i]) != 0)
            return -1;
    ret->rows = memory->rows;
    ret->row_count = count;
    return 0;
}

/* Legal below some root: the shortest there is. */
static bool is_dataset_name(const char *s)
{
    struct dsbuf buf;
    struct dsname checked;
    return (s[0] == '\0' || s[0] == '/') &&
           dsname_join(&buf, (struct dsname){.s = "r"}, s, &checked, NULL) == 0;
}

static int read_string(const json_t *value, enum field_type type, const char **ret)
{
    struct snapname checked;
    bool may_be_null = type == FIELD_DATASET_OR_NULL || type == FIELD_TEXT_OR_NULL;
    if (json_is_null(value) && may_be_null) {
        *ret = NULL;
        return 0;
    }
    const char *s = json_string_value(value);
    if (s == NULL)
        return -1;
    if ((type == FIELD_DATASET || type == FIELD_DATASET_OR_NULL) && !is_dataset_name(s))
        return -1;
    if (type == FIELD_SNAPSHOT && snapname_check(s, &checked, NULL) != 0)
        return -1;
    *ret = s;
    return 0;
}

/* The name of enumerator `i` of the type, or NULL beyond the last. */
static const char *name_of(enum field_type type, int i)
{
    switch (type) {
    case FIELD_OP:
        return i < OP_COUNT ? op_name((enum op)i) : NULL;
    case FIELD_CODE:
        return i < ERR_CODE_COUNT ? err_code_name((enum err_code)i) : NULL;
    case FIELD_SIDE:
        return i < SIDE_COUNT ? side_name((enum side)i) : NULL;
    case FIELD_TYPE:
        return i <= DATASET_VOLUME ? TYPE_NAMES[i] : NULL;
    case FIELD_STATUS:
        return i < STATUS_COUNT ? dataset_status_name((enum dataset_status)i) : NULL;
    case FIELD_STEP_STATUS:
        return i < STEP_STATUS_COUNT ? step_status_name((enum step_status)i) : NULL;
    case FIELD_VERDICT:
        return i < VERDICT_COUNT ? verdict_level_name((enum verdict_level)i) : NULL;
    default:
        return i < LEVEL_COUNT ? event_level_name((enum event_level)i) : NULL;
    }
}

/* The enumerator whose name is `s`, or -1. */
static int find_name(enum field_type type, const char *s)
{
    const char *name;
    for (int i = 0; (name = name_of(type, i)) != NULL; i++)
        if (strcmp(name, s) == 0)
            return i;
    return -1;
}

static int read_enum(const json_t *value, enum field_type type, void *at)
{
    const char *s = json_string_value(value);
    int found = s == NULL ? -1 : find_name(type, s);
    if (found < 0)
        return -1;
    switch (type) {
    case FIELD_OP:
        *(enum op *)at = (enum op)found;
        return 0;
    case FIELD_CODE:
        *(enum err_code *)at = (enum err_code)found;
        return 0;
    case FIELD_SIDE:
        *(enum side *)at = (enum side)found;
        return 0;
    case FIELD_TYPE:
        *(enum dataset_type *)at = (enum dataset_type)found;
        return 0;
    case FIELD_STATUS:
        *(enum dataset_status *)at = (enum dataset_status)found;
        return 0;
    case FIELD_STEP_STATUS:
        *(enum step_status *)at = (enum step_status)found;
        return 0;
    case FIELD_VERDICT:
        *(enum verdict_level *)at = (enum verdict_level)found;
        return 0;
    default:
        *(enum event_level *)at = (enum event_level)found;
        return 0;
    }
}

static int read_field(const json_t *value, const struct field *field, struct event *event,
                      struct event_memory *memory)
{
    void *at = (char *)event + field->offset;
    switch (field->type) {
    case FIELD_U64:
        return read_number(value, at);
    case FIELD_TIME:
        return read_time(value, at);
    case FIELD_BOOL:
        return read_bool(value, at);
    case FIELD_HOLDING:
        return read_holding(value, at);
    case FIELD_ROWS:
        return read_rows(value, memory, event);
    case FIELD_DATASET:
    case FIELD_DATASET_OR_NULL:
    case FIELD_SNAPSHOT:
    case FIELD_TEXT:
    case FIELD_TEXT_OR_NULL:
        return read_string(value, field->type, at);
    default:
        return read_enum(value, field->type, at);
    }
}

static int read_fields(const json_t *object, const struct field *fields, struct event *event,
                       struct event_memory *memory, struct err *e)
{
    const char *kind = event_kind_name(event->kind);
    for (const struct field *field = fields; field->key != NULL; field++) {
        const json_t *value = json_object_get(object, field->key);
        if (value == NULL)
            return err_set(e, ERR_PROTOCOL, "an event (%s) without \"%s\"", kind, field->key);
        if (read_field(value, field, event, memory) != 0)
            return err_set(e, ERR_PROTOCOL, "an event (%s) with an impossible \"%s\"", kind,
                           field->key);
    }
    return 0;
}

static int read_event(struct event_memory *memory, struct event *ret, struct err *e)
{
    struct event event = {.time = 0};
    const json_t *object = memory->object;
    const char *kind = json_string_value(json_object_get(object, "kind"));
    event.kind = kind == NULL ? EVENT_KIND_COUNT : event_kind_from_name(kind);
    if (event.kind == EVENT_KIND_COUNT)
        return err_set(e, ERR_PROTOCOL, "an event of no known kind");
    if (read_fields(object, COMMON, &event, memory, e) != 0 ||
        read_fields(object, FIELDS[event.kind], &event, memory, e) != 0)
        return -1;
    *ret = event;
    return 0;
}

int event_decode(const char *line, size_t len, struct event *ret, struct event_memory **ret_memory,
                 struct err *e)
{
    json_error_t error;
    if (len > EVENT_LINE_MAX)
        return err_set(e, ERR_PROTOCOL, "an event of %zu bytes", len);
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return err_set(e, ERR_PROTOCOL, "an event that is no JSON: %s", error.text);
    struct event_memory *memory = mem_zalloc(1, sizeof(*memory));
    memory->object = object;
    if (read_event(memory, ret, e) != 0) {
        event_memory_free(memory);
        return -1;
    }
    *ret_memory = memory;
    return 0;
}

void event_memory_free(struct event_memory *memory)
{
    if (memory == NULL)
        return;
    json_decref(memory->object);
    free(memory->rows);
    free(memory);
}
