/* The files that are embedded in the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assets.h"
#include "str.h"

static void the_shell_the_style_the_script_and_the_icon_are_there(void **unused)
{
    (void)unused;
    const char *const expected[][2] = {{"shell.html", "text/html; charset=utf-8"},
                                       {"style.css", "text/css; charset=utf-8"},
                                       {"app.js", "text/javascript; charset=utf-8"},
                                       {"icon.svg", "image/svg+xml"}};
    for (size_t i = 0; i < 4; i++) {
        const struct asset *asset = asset_find(expected[i][0]);
        assert_non_null(asset);
        assert_string_equal(asset->type, expected[i][1]);
        assert_true(asset->size > 0);
    }
    assert_null(asset_find("nothing.js"));
    assert_null(asset_find(""));
    assert_null(asset_find("../app.js"));
}

static void the_bytes_are_those_of_the_file(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ASSET_COUNT; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/../../../assets/%s", TEST_DATA, ASSETS[i].name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        unsigned char *data = malloc(ASSETS[i].size + 1);
        assert_non_null(data);
        assert_int_equal(fread(data, 1, ASSETS[i].size + 1, file), ASSETS[i].size);
        assert_memory_equal(data, ASSETS[i].data, ASSETS[i].size);
        free(data);
        fclose(file);
    }
}

static void an_etag_is_quoted_and_of_the_content_alone(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ASSET_COUNT; i++) {
        uint64_t hash = UINT64_C(14695981039346656037);
        char etag[32];
        for (size_t k = 0; k < ASSETS[i].size; k++)
            hash = (hash ^ ASSETS[i].data[k]) * UINT64_C(1099511628211);
        snprintf(etag, sizeof(etag), "\"%016llx\"", (unsigned long long)hash);
        assert_string_equal(ASSETS[i].etag, etag);
    }
}

/* The names after each occurrence of `before` in the asset, up to the quote, are embedded too. */
static void check_references(const struct asset *asset, const char *before)
{
    struct str text;
    char name[64];
    str_init(&text);
    str_add_bytes(&text, (const char *)asset->data, asset->size);
    for (const char *s = strstr(text.s, before); s != NULL; s = strstr(s, before)) {
        s += strlen(before);
        size_t len = strcspn(s, "\"'");
        assert_true(len < sizeof(name));
        memcpy(name, s, len);
        name[len] = '\0';
        if (asset_find(name) == NULL)
            fail_msg("%s refers to %s, which is not embedded", asset->name, name);
    }
    str_fini(&text);
}

static void what_an_asset_refers_to_is_embedded_too(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ASSET_COUNT; i++) {
        check_references(&ASSETS[i], "\"/global/assets/");
        check_references(&ASSETS[i], "from \"./");
        check_references(&ASSETS[i], "import \"./");
        check_references(&ASSETS[i], "import(\"./");
    }
}

static void no_asset_breaks_the_rules_that_the_browser_is_told(void **unused)
{
    (void)unused;
    const char *const forbidden[] = {"<style", " style=\"", " onclick=", "javascript:", "https://"};
    const struct asset *shell = asset_find("shell.html");
    struct str text;
    str_init(&text);
    str_add_bytes(&text, (const char *)shell->data, shell->size);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        assert_null(strstr(text.s, forbidden[i]));
    for (const char *s = strstr(text.s, "<script"); s != NULL; s = strstr(s + 1, "<script"))
        assert_true(strstr(s, " src=") != NULL && strstr(s, " src=") < strchr(s, '>'));
    str_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shell_the_style_the_script_and_the_icon_are_there),
        cmocka_unit_test(the_bytes_are_those_of_the_file),
        cmocka_unit_test(an_etag_is_quoted_and_of_the_content_alone),
        cmocka_unit_test(what_an_asset_refers_to_is_embedded_too),
        cmocka_unit_test(no_asset_breaks_the_rules_that_the_browser_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
