#include "role_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "json_text.h"
#include "text.h"

static void finish_line(json_t *object, struct str *out)
{
    json_text_dump(object, out);
    str_add_char(out, '\n');
}

void role_command_encode(const struct role_command *command, struct str *out)
{
    bool snapshot = command->kind == ROLE_SNAPSHOT;
    json_t *object = json_object();
    json_text_set(object, "command", json_string(snapshot ? "snapshot" : "sync"));
    json_text_set(object, "id", json_integer((json_int_t)command->id));
    if (snapshot)
        json_text_set(object, "type", json_text_new(command->type, NAME_LEN_MAX));
    finish_line(object, out);
}

void role_answer_encode(uint64_t id, unsigned status, const char *text, struct str *out)
{
    json_t *object = json_object();
    json_text_set(object, "answer", json_integer((json_int_t)id));
    json_text_set(object, "status", json_integer((json_int_t)status));
    json_text_set(object, "text", json_text_new(text, ERR_MSG_MAX - 1));
    finish_line(object, out);
}

void role_ready_encode(struct str *out)
{
    str_add(out, "{\"ready\":true}\n");
}

/* A number that is there and not negative. */
static bool read_number(const json_t *object, const char *key, uint64_t *ret)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static json_t *load(const char *line, size_t len, struct err *e)
{
    json_error_t error;
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        err_set(e, ERR_PROTOCOL, "a line that is no JSON: %s", error.text);
    return object;
}

/* The name that a snapshot of this type gets is longer by the time behind it. */
static bool is_type(const char *type)
{
    struct snapname checked;
    return type != NULL && strlen(type) + sizeof("-2000-01-01-000000") <= NAME_LEN_MAX &&
           snapname_check(type, &checked, NULL) == 0;
}

static int read_command(const json_t *object, struct role_command *ret, struct err *e)
{
    struct role_command command = {.kind = ROLE_SYNC};
    const char *kind = json_string_value(json_object_get(object, "command"));
    const char *type = json_string_value(json_object_get(object, "type"));
    if (kind == NULL || !read_number(object, "id", &command.id))
        return err_set(e, ERR_PROTOCOL, "a command without its kind or number");
    if (strcmp(kind, "snapshot") == 0) {
        if (!is_type(type))
            return err_set(e, ERR_PROTOCOL, "a snapshot of an impossible type");
        command.kind = ROLE_SNAPSHOT;
        snprintf(command.type, sizeof(command.type), "%s", type);
    } else if (strcmp(kind, "sync") != 0) {
        return err_set(e, ERR_PROTOCOL, "a command that there is not");
    }
    *ret = command;
    return 0;
}

int role_command_decode(const char *line, size_t len, struct role_command *ret, struct err *e)
{
    json_t *object = load(line, len, e);
    if (object == NULL)
        return -1;
    int rc = read_command(object, ret, e);
    json_decref(object);
    return rc;
}

bool role_is_answer(const char *line)
{
    return text_starts_with(line, "{\"answer\"") || text_starts_with(line, "{\"ready\"");
}

static int read_answer(const json_t *object, struct role_answer *ret, struct err *e)
{
    struct role_answer answer = {.is_ready = json_is_true(json_object_get(object, "ready"))};
    uint64_t status = 0;
    const char *text = json_string_value(json_object_get(object, "text"));
    if (!answer.is_ready) {
        if (text == NULL || !read_number(object, "answer", &answer.id) ||
            !read_number(object, "status", &status) || status < 100 || status > 599)
            return err_set(e, ERR_PROTOCOL, "an impossible answer");
        answer.status = (unsigned)status;
        snprintf(answer.text, sizeof(answer.text), "%s", text);
    }
    *ret = answer;
    return 0;
}

int role_answer_decode(const char *line, size_t len, struct role_answer *ret, struct err *e)
{
    json_t *object = load(line, len, e);
    if (object == NULL)
        return -1;
    int rc = read_answer(object, ret, e);
    json_decref(object);
    return rc;
}
