/* codec/settings: what the web role is told first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "settings.h"

static struct settings sample(void)
{
    static char version[] = "0.1.0";
    static char local_root[] = "tank/data";
    static char remote_root[] = "vault/copy with space";
    static char remote_host[] = "root@nas.example";
    static char own_name[] = "here.example";
    static char token[] = "s3cret\"\\<>";
    static char words[][16] = {"a.example", "b", "daily", "hourly"};
    static char *hosts[] = {words[0], words[1]};
    static char *types[] = {words[2], words[3]};
    static char cert[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    static char key[] = "-----BEGIN PRIVATE KEY-----\nBBBB\n";
    return (struct settings){.version = version,
                             .local_root = local_root,
                             .remote_root = remote_root,
                             .remote_host = remote_host,
                             .own_name = own_name,
                             .token = token,
                             .hosts = {.v = hosts, .n = 2},
                             .types = {.v = types, .n = 2},
                             .tls_cert = cert,
                             .tls_key = key,
                             .has_unix = true};
}

static void assert_same_list(const struct settings_list *a, const struct settings_list *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_string_equal(a->v[i], b->v[i]);
}

/* Writes them, reads them, and compares. */
static void assert_survives(const struct settings *settings)
{
    struct settings again;
    struct err e = ERR_INIT;
    struct str line;
    str_init(&line);
    settings_encode(settings, &line);
    assert_true(line.len <= SETTINGS_LINE_MAX);
    assert_ptr_equal(line.s + line.len - 1, strchr(line.s, '\n'));
    if (settings_parse(line.s, line.len, &again, &e) != 0)
        fail_msg("%s", e.msg);
    assert_string_equal(settings->version, again.version);
    assert_string_equal(settings->local_root, again.local_root);
    assert_string_equal(settings->remote_root, again.remote_root);
    assert_string_equal(settings->remote_host, again.remote_host);
    assert_string_equal(settings->own_name, again.own_name);
    assert_string_equal(settings->token, again.token);
    assert_string_equal(settings->tls_cert, again.tls_cert);
    assert_string_equal(settings->tls_key, again.tls_key);
    assert_same_list(&settings->hosts, &again.hosts);
    assert_same_list(&settings->types, &again.types);
    assert_int_equal(settings->has_unix, again.has_unix);
    settings_fini(&again);
    settings_fini(&again);
    str_fini(&line);
}

static void settings_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct settings settings = sample();
    assert_survives(&settings);
    settings.hosts.n = settings.types.n = 0;
    settings.has_unix = false;
    assert_survives(&settings);
}

static void the_longest_token_and_certificate_are_not_cut(void **state)
{
    (void)state;
    struct settings settings = sample();
    settings.token = mem_zalloc(SETTINGS_STRING_MAX + 1, 1);
    settings.tls_cert = mem_zalloc(SETTINGS_PEM_MAX + 1, 1);
    memset(settings.token, 't', SETTINGS_STRING_MAX);
    memset(settings.tls_cert, 'c', SETTINGS_PEM_MAX);
    assert_survives(&settings);
    free(settings.token);
    free(settings.tls_cert);
}

static void a_token_that_is_too_long_is_refused_and_not_shortened(void **state)
{
    (void)state;
    struct settings settings = sample();
    struct settings again = {0};
    struct err e = ERR_INIT;
    struct str line;
    settings.token = mem_zalloc(2 * SETTINGS_STRING_MAX, 1);
    for (size_t len = SETTINGS_STRING_MAX + 1; len < SETTINGS_STRING_MAX + 20; len++) {
        memset(settings.token, 't', len);
        str_init(&line);
        settings_encode(&settings, &line);
        assert_int_equal(-1, settings_parse(line.s, line.len, &again, &e));
        assert_non_null(strstr(e.msg, "token"));
        str_fini(&line);
    }
    free(settings.token);
}

static void refuse(const char *line, size_t len)
{
    static const struct settings EMPTY = {0};
    struct settings settings = {0};
    struct err e = ERR_INIT;
    if (settings_parse(line, len, &settings, &e) == 0)
        fail_msg("taken: %.200s", line);
    assert_int_equal(ERR_PROTOCOL, e.code);
    assert_memory_equal(&EMPTY, &settings, sizeof(settings));
}

/* The sample with one value replaced. */
static void refuse_with(const char *from, const char *to)
{
    struct settings settings = sample();
    struct str line, changed;
    str_init(&line);
    str_init(&changed);
    settings_encode(&settings, &line);
    const char *at = strstr(line.s, from);
    assert_non_null(at);
    str_add_bytes(&changed, line.s, (size_t)(at - line.s));
    str_add(&changed, to);
    str_add(&changed, at + strlen(from));
    refuse(changed.s, changed.len);
    str_fini(&line);
    str_fini(&changed);
}

static void what_are_no_settings_is_refused(void **state)
{
    (void)state;
    refuse("", 0);
    refuse("x", 1);
    refuse("[]", 2);
    refuse("{}", 2);
    refuse("{\"version\":\"1\"}", 15);
    refuse_with("\"0.1.0\"", "7");
    refuse_with("\"0.1.0\"", "null");
    refuse_with("\"0.1.0\"", "\"a\\u0000b\"");
    refuse_with("\"own_name\"", "\"own\"");
    refuse_with("[\"daily\",\"hourly\"]", "\"daily\"");
    refuse_with("[\"daily\",\"hourly\"]", "[7]");
    refuse_with("[\"daily\",\"hourly\"]", "[\"a\\u0000b\"]");
    refuse_with("[\"daily\",\"hourly\"]", "null");
    refuse_with("\"hosts\"", "\"version\"");
    refuse_with("}\n", "");
}

static void a_line_or_a_list_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct str list;
    char *large = mem_zalloc(SETTINGS_LINE_MAX + 2, 1);
    memset(large, ' ', SETTINGS_LINE_MAX + 1);
    refuse(large, SETTINGS_LINE_MAX + 1);
    free(large);
    str_init(&list);
    for (int i = 0; i < SETTINGS_LIST_MAX + 1; i++)
        str_add(&list, i == 0 ? "[\"x\"" : ",\"x\"");
    str_add(&list, "]");
    refuse_with("[\"daily\",\"hourly\"]", list.s);
    str_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_as_they_were_written),
        cmocka_unit_test(the_longest_token_and_certificate_are_not_cut),
        cmocka_unit_test(a_token_that_is_too_long_is_refused_and_not_shortened),
        cmocka_unit_test(what_are_no_settings_is_refused),
        cmocka_unit_test(a_line_or_a_list_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
