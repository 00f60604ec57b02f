#include "event_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "event_fields.h"
#include "json_text.h"
#include "mem.h"
#include "names.h"
#include "text.h"

/* What a decoded event points into: the parsed values, and the rows made of them. */
struct event_memory {
    json_t *object;
    struct snapshot_row *rows;
};

/* Each of these returns 0, or -1 where the value is not one of its type. */

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
        return i <= DATASET_VOLUME ? EVENT_TYPE_NAMES[i] : NULL;
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
    if (read_fields(object, EVENT_COMMON_FIELDS, &event, memory, e) != 0 ||
        read_fields(object, EVENT_FIELDS[event.kind], &event, memory, e) != 0)
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
