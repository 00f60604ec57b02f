#include "settings.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "mem.h"

static int read_string(const json_t *object, const char *key, size_t max, char **ret, struct err *e)
{
    const json_t *value = json_object_get(object, key);
    const char *s = json_string_value(value);
    if (s == NULL || json_string_length(value) > max || strlen(s) != json_string_length(value))
        return err_set(e, ERR_PROTOCOL, "the settings have no usable \"%s\"", key);
    *ret = mem_strdup(s);
    return 0;
}

static int read_list(const json_t *object, const char *key, struct settings_list *ret,
                     struct err *e)
{
    const json_t *array = json_object_get(object, key);
    size_t n = json_array_size(array);
    if (!json_is_array(array) || n > SETTINGS_LIST_MAX)
        return err_set(e, ERR_PROTOCOL, "the settings have no usable \"%s\"", key);
    ret->v = mem_zalloc(n, sizeof(*ret->v));
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(array, i));
        if (s == NULL || json_string_length(json_array_get(array, i)) > SETTINGS_STRING_MAX ||
            strlen(s) != json_string_length(json_array_get(array, i)))
            return err_set(e, ERR_PROTOCOL, "the settings have no usable \"%s\"", key);
        ret->v[ret->n++] = mem_strdup(s);
    }
    return 0;
}

/* The strings, in the order of the struct. */
static const struct {
    const char *key;
    size_t max;
    size_t offset;
} STRINGS[] = {
    {"version", SETTINGS_STRING_MAX, offsetof(struct settings, version)},
    {"local_root", SETTINGS_STRING_MAX, offsetof(struct settings, local_root)},
    {"remote_root", SETTINGS_STRING_MAX, offsetof(struct settings, remote_root)},
    {"remote_host", SETTINGS_STRING_MAX, offsetof(struct settings, remote_host)},
    {"own_name", SETTINGS_STRING_MAX, offsetof(struct settings, own_name)},
    {"token", SETTINGS_STRING_MAX, offsetof(struct settings, token)},
    {"tls_cert", SETTINGS_PEM_MAX, offsetof(struct settings, tls_cert)},
    {"tls_key", SETTINGS_PEM_MAX, offsetof(struct settings, tls_key)},
};
#define STRING_COUNT (sizeof(STRINGS) / sizeof(STRINGS[0]))

static char **string_at(const struct settings *settings, size_t i)
{
    return (char **)(void *)((char *)settings + STRINGS[i].offset);
}

/* What fits is written as it is, to its last byte: a token that is cut would be another one. What
 * does not fit is refused by settings_parse. */
static json_t *string_new(const char *s, size_t max)
{
    return json_text_new(s, max + 4);
}

static json_t *list_new(const struct settings_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_text_append(array, string_new(list->v[i], SETTINGS_STRING_MAX));
    return array;
}

void settings_encode(const struct settings *settings, struct str *out)
{
    json_t *object = json_object();
    for (size_t i = 0; i < STRING_COUNT; i++)
        json_text_set(object, STRINGS[i].key, string_new(*string_at(settings, i), STRINGS[i].max));
    json_text_set(object, "has_unix", json_boolean(settings->has_unix));
    json_text_set(object, "hosts", list_new(&settings->hosts));
    json_text_set(object, "types", list_new(&settings->types));
    json_text_dump(object, out);
    str_add_char(out, '\n');
}

static int read_settings(const json_t *object, struct settings *ret, struct err *e)
{
    for (size_t i = 0; i < STRING_COUNT; i++)
        if (read_string(object, STRINGS[i].key, STRINGS[i].max, string_at(ret, i), e) != 0)
            return -1;
    ret->has_unix = json_is_true(json_object_get(object, "has_unix"));
    if (read_list(object, "hosts", &ret->hosts, e) != 0)
        return -1;
    return read_list(object, "types", &ret->types, e);
}

int settings_parse(const char *line, size_t len, struct settings *ret, struct err *e)
{
    json_error_t error;
    struct settings settings = {0};
    if (len > SETTINGS_LINE_MAX)
        return err_set(e, ERR_PROTOCOL, "settings of %zu bytes", len);
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return err_set(e, ERR_PROTOCOL, "settings that are no JSON: %s", error.text);
    int rc = read_settings(object, &settings, e);
    json_decref(object);
    if (rc != 0)
        settings_fini(&settings);
    else
        *ret = settings;
    return rc;
}

static void free_list(struct settings_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->v[i]);
    free(list->v);
}

void settings_fini(struct settings *settings)
{
    free(settings->version);
    free(settings->local_root);
    free(settings->remote_root);
    free(settings->remote_host);
    free(settings->own_name);
    free(settings->token);
    free(settings->tls_cert);
    free(settings->tls_key);
    free_list(&settings->hosts);
    free_list(&settings->types);
    memset(settings, 0, sizeof(*settings));
}
