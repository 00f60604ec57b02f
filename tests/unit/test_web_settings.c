/* What the web role is told before anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "settings.h"
#include "str.h"

static json_t *make(void)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:[s,s],s:[s]}", "version", "0.1.0",
                     "local_root", "tank/data", "remote_root", "", "remote_host", "", "own_name",
                     "here", "token", "t\xc3\xb6ken", "tls_cert", "", "tls_key", "", "has_unix", 1,
                     "hosts", "nas.example", "other", "types", "daily");
}

static int parse(json_t *object, struct settings *ret, struct err *e)
{
    char *line = json_dumps(object, JSON_COMPACT);
    int rc = settings_parse(line, strlen(line), ret, e);
    free(line);
    json_decref(object);
    return rc;
}

static void what_the_engine_writes_is_read_back(void **unused)
{
    (void)unused;
    struct settings settings;
    struct err e = ERR_INIT;
    assert_int_equal(parse(make(), &settings, &e), 0);
    assert_string_equal(settings.version, "0.1.0");
    assert_string_equal(settings.local_root, "tank/data");
    assert_string_equal(settings.remote_root, "");
    assert_string_equal(settings.own_name, "here");
    assert_string_equal(settings.token, "t\xc3\xb6ken");
    assert_int_equal(settings.hosts.n, 2);
    assert_string_equal(settings.hosts.v[1], "other");
    assert_int_equal(settings.types.n, 1);
    assert_string_equal(settings.types.v[0], "daily");
    assert_true(settings.has_unix);
    settings_fini(&settings);
    settings_fini(&settings);
    assert_null(settings.token);
}

static void a_setting_that_is_missing_or_of_another_type_is_refused_by_name(void **unused)
{
    (void)unused;
    const char *keys[] = {"version",  "local_root", "remote_root", "remote_host", "own_name",
                          "tls_cert", "tls_key",    "hosts",       "types",       "token"};
    for (size_t i = 0; i < 2 * sizeof(keys) / sizeof(keys[0]); i++) {
        struct settings settings = {0};
        struct err e = ERR_INIT;
        json_t *object = make();
        if (i % 2 == 0)
            json_object_del(object, keys[i / 2]);
        else
            json_object_set_new(object, keys[i / 2], json_integer(1));
        assert_int_equal(parse(object, &settings, &e), -1);
        assert_int_equal(e.code, ERR_PROTOCOL);
        assert_non_null(strstr(e.msg, keys[i / 2]));
        assert_null(settings.version);
    }
}

static void a_list_of_what_is_no_string_is_refused(void **unused)
{
    (void)unused;
    struct settings settings = {0};
    struct err e = ERR_INIT;
    json_t *object = make();
    json_object_set_new(object, "hosts", json_pack("[s,i]", "a", 1));
    assert_int_equal(parse(object, &settings, &e), -1);
    assert_non_null(strstr(e.msg, "hosts"));
}

static void a_string_or_a_list_or_a_line_beyond_its_maximum_is_refused(void **unused)
{
    (void)unused;
    struct settings settings = {0};
    struct err e = ERR_INIT;
    static char text[SETTINGS_LINE_MAX + 2];
    memset(text, 'x', SETTINGS_STRING_MAX + 1);
    json_t *object = make();
    json_object_set_new(object, "token", json_string(text));
    assert_int_equal(parse(object, &settings, &e), -1);
    object = make();
    json_t *list = json_array();
    for (int i = 0; i <= SETTINGS_LIST_MAX; i++)
        json_array_append_new(list, json_string("a"));
    json_object_set_new(object, "types", list);
    assert_int_equal(parse(object, &settings, &e), -1);
    memset(text, ' ', sizeof(text) - 1);
    assert_int_equal(settings_parse(text, sizeof(text) - 1, &settings, &e), -1);
    assert_int_equal(e.code, ERR_PROTOCOL);
}

static void a_line_that_is_no_object_is_refused(void **unused)
{
    (void)unused;
    const char *lines[] = {"",
                           "{",
                           "[]",
                           "null",
                           "{\"version\":\"a\",\"version\":\"b\"}",
                           "{\"version\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct settings settings = {0};
        struct err e = ERR_INIT;
        assert_int_equal(settings_parse(lines[i], strlen(lines[i]), &settings, &e), -1);
        assert_int_equal(e.code, ERR_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_engine_writes_is_read_back),
        cmocka_unit_test(a_setting_that_is_missing_or_of_another_type_is_refused_by_name),
        cmocka_unit_test(a_list_of_what_is_no_string_is_refused),
        cmocka_unit_test(a_string_or_a_list_or_a_line_beyond_its_maximum_is_refused),
        cmocka_unit_test(a_line_that_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
