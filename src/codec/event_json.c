#include "event_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "event_fields.h"
#include "json_text.h"

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
        return json_string(EVENT_TYPE_NAMES[*(const enum dataset_type *)at]);
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
    add_fields(object, EVENT_COMMON_FIELDS, event);
    add_fields(object, EVENT_FIELDS[event->kind], event);
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
    add_fields(object, EVENT_COMMON_FIELDS, event);
    json_text_set(object, "dataset", json_text_new(event->dataset, EVENT_TEXT_MAX));
    json_text_set(object, "snapshots", number_new(event->row_count));
    json_text_dump(object, out);
    str_add_char(out, '\n');
}
