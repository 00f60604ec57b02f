#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "str.h"
#include "token.h"

static const char INITIAL[] = "resume token contents:\n"
                              "nvlist version: 0\n"
                              "\tobject = 0x2\n"
                              "\toffset = 0x1320000\n"
                              "\tbytes = 0x13012f8\n"
                              "\ttoguid = 0x6f30a3ab0e2b5bc5\n"
                              "\ttoname = tank/data/big@one\n"
                              "\tcompressok = 1\n"
                              "\trawok = 1\n"
                              "full send of tank/data/big@one estimated size is 45.0M\n"
                              "total estimated size is 45.0M\n";

static void an_initial_stream_is_read(void **state)
{
    (void)state;
    struct token token;
    struct err e = ERR_INIT;
    assert_int_equal(token_parse(INITIAL, &token, &e), 0);
    assert_true(token.to_guid == 0x6f30a3ab0e2b5bc5U);
    assert_true(token.from_guid == 0);
    assert_true(token.bytes == 0x13012f8);
    assert_true(token.raw && token.compressed);
    assert_string_equal(token.to_name, "tank/data/big@one");
}

static void an_increment_and_a_name_with_spaces_are_read(void **state)
{
    (void)state;
    struct token token;
    struct err e = ERR_INIT;
    assert_int_equal(token_parse("\tfromguid = 0xffffffffffffffff\n\ttoguid = 0x1\n"
                                 "\ttoname = pool/a b@x y\n\tembedok = 1",
                                 &token, &e),
                     0);
    assert_true(token.from_guid == UINT64_MAX);
    assert_true(token.to_guid == 1);
    assert_false(token.raw || token.compressed);
    assert_string_equal(token.to_name, "pool/a b@x y");
}

static void refuse(const char *text, const char *why)
{
    struct token token;
    struct err e = ERR_INIT;
    memset(&token, 0x55, sizeof(token));
    struct token before = token;
    assert_int_equal(token_parse(text, &token, &e), -1);
    assert_int_equal(e.code, ERR_PARSE);
    if (strstr(e.msg, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", e.msg, why);
    assert_memory_equal(&token, &before, sizeof(token));
}

static void what_is_missing_or_odd_is_named(void **state)
{
    (void)state;
    refuse("", "guid");
    refuse("\ttoname = tank/a@b\n", "guid");
    refuse("\ttoguid = 0x1\n", "name");
    refuse("\ttoguid = 0x1\n\ttoname = tank/a\n", "not a snapshot");
    refuse("\ttoguid = 0x1\n\ttoname = tank/*@b\n", "no legal dataset name");
    refuse("\ttoguid = 0x1\n\ttoname = tank/a@b@c\n", "no legal snapshot name");
    refuse("\ttoguid = 0x10000000000000000\n\ttoname = tank/a@b\n", "toguid is no number");
    refuse("\ttoguid = 0xg\n\ttoname = tank/a@b\n", "toguid is no number");
    refuse("\ttoguid = 0x1\n\tbytes = \n\ttoname = tank/a@b\n", "bytes is no number");
    refuse("toguid = 0x1\ntoname = tank/a@b\n", "guid");
}

static void a_name_longer_than_zfs_allows_is_refused(void **state)
{
    (void)state;
    struct str text;
    str_init(&text);
    str_add(&text, "\ttoguid = 0x1\n\ttoname = tank/");
    for (int i = 0; i < 300; i++)
        str_add_char(&text, 'x');
    str_add(&text, "@b\n");
    refuse(text.s, "bytes");
    str_fini(&text);
}

/* Each cut is a heap block of its own, so that AddressSanitizer sees a read beyond it. */
static void an_output_cut_anywhere_is_no_trap(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(INITIAL); len++) {
        struct token token;
        char *cut = mem_strndup(INITIAL, len);
        struct err e = ERR_INIT;
        if (token_parse(cut, &token, &e) != 0)
            assert_int_equal(e.code, ERR_PARSE);
        free(cut);
    }
}

static void only_what_looks_like_a_token_is_plausible(void **state)
{
    (void)state;
    assert_true(token_is_plausible("1-c740b4779-b8-789c636064000310a500c4ec50360710"));
    assert_false(token_is_plausible(""));
    assert_false(token_is_plausible("-"));
    assert_false(token_is_plausible("nonsense"));
    assert_false(token_is_plausible("1-c740b4779-b8-"));
    assert_false(token_is_plausible("1-c740b4779-b8"));
    assert_false(token_is_plausible("1-c740b4779-b8-78 9c"));
    assert_false(token_is_plausible("1-c740b4779-b8-789c\n"));
    assert_false(token_is_plausible("1-c740b4779-b8-789C"));
    assert_false(token_is_plausible("1-c740b4779-b8-789c-1"));
    assert_false(token_is_plausible("-t-c740b4779-b8-789c"));
}

/* The texts of the real program, kept in tests/unit/data: what each token stands for. */
static void check_version(const char *version)
{
    static const struct {
        const char *name;
        const char *to_name;
        bool increment;
        bool raw; /* zfs says rawok of encrypted data alone, whatever -w was */
    } OUTPUTS[] = {
        {"token-initial", "tank/data/big@one", false, false},
        {"token-initial-parsable", "tank/data/big@one", false, false},
        {"token-increment", "tank/data/big@two", true, false},
        {"token-increment-parsable", "tank/data/big@two", true, false},
        {"token-bookmark", "tank/data/big@two", true, false},
        {"token-bookmark-parsable", "tank/data/big@two", true, false},
        {"token-encrypted", "tank/data/secret@one", false, true},
        {"token-encrypted-parsable", "tank/data/secret@one", false, true},
        {"token-volume", "tank/data/volume@one", false, false},
        {"token-volume-parsable", "tank/data/volume@one", false, false},
    };
    for (size_t i = 0; i < sizeof(OUTPUTS) / sizeof(OUTPUTS[0]); i++) {
        char path[4096];
        char text[16384];
        struct token token;
        struct err e = ERR_INIT;
        snprintf(path, sizeof(path), TEST_DATA "/outputs/%s/%s", version, OUTPUTS[i].name);
        FILE *f = fopen(path, "r");
        if (f == NULL)
            skip(); /* not gathered yet: tests/guest/gather-errors.sh */
        size_t len = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        text[len] = '\0';
        if (token_parse(text, &token, &e) != 0)
            fail_msg("%s: %s", path, e.msg);
        assert_string_equal(token.to_name, OUTPUTS[i].to_name);
        assert_int_equal(token.from_guid != 0, OUTPUTS[i].increment);
        assert_int_equal(token.raw, OUTPUTS[i].raw);
        /* All of these are ours, so none may be discarded for its flags. */
        char dataset[NAME_LEN_MAX + 1];
        snprintf(dataset, sizeof(dataset), "%.*s", (int)strcspn(token.to_name, "@"), token.to_name);
        struct token_wish wish = {.dataset = {dataset},
                                  .to_guid = token.to_guid,
                                  .from_guid = token.from_guid,
                                  .encrypted = OUTPUTS[i].raw};
        if (token_check(&token, &wish, &e) != 0)
            fail_msg("%s: %s", path, e.msg);
        assert_true(token.to_guid != 0 && token.bytes != 0);
    }
}

static void the_tokens_of_zfs_2_1_are_read(void **state)
{
    (void)state;
    check_version("2.1");
}

static void the_tokens_of_zfs_2_3_are_read(void **state)
{
    (void)state;
    check_version("2.3");
}

static const struct token OURS = {
    .to_guid = 7, .from_guid = 5, .bytes = 1, .compressed = true, .to_name = "tank/data@daily-2"};

static void assert_unwanted(const struct token *token, const struct token_wish *wish,
                            const char *why)
{
    struct err e = ERR_INIT;
    assert_int_equal(token_check(token, wish, &e), -1);
    assert_int_equal(e.code, ERR_TOKEN_STALE);
    assert_string_equal(e.msg, why);
}

static void a_token_of_what_is_sent_next_is_wanted(void **state)
{
    (void)state;
    struct token_wish wish = {.dataset = {"tank/data"}, .to_guid = 7, .from_guid = 5};
    struct err e = ERR_INIT;
    assert_int_equal(token_check(&OURS, &wish, &e), 0);
    assert_int_equal(e.code, ERR_NONE);
    struct token raw = OURS;
    raw.raw = true;
    wish.encrypted = true;
    assert_int_equal(token_check(&raw, &wish, &e), 0);
}

static void a_token_of_another_snapshot_or_base_is_unwanted(void **state)
{
    (void)state;
    struct token_wish wish = {.dataset = {"tank/data"}, .to_guid = 8, .from_guid = 5};
    assert_unwanted(&OURS, &wish, "it is of another snapshot than the one to be sent next");
    wish = (struct token_wish){.dataset = {"tank/data"}, .to_guid = 7, .from_guid = 0};
    assert_unwanted(&OURS, &wish, "it starts from another snapshot than the newest shared one");
}

static void a_token_of_another_dataset_is_unwanted_whatever_its_guids(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {"tank/dat", "tank/data/a", "tank/database", "pool/data"};
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        char why[300];
        struct token_wish wish = {.dataset = {OTHERS[i]}, .to_guid = 7, .from_guid = 5};
        snprintf(why, sizeof(why), "it is of tank/data@daily-2, which is no snapshot of %s",
                 OTHERS[i]);
        assert_unwanted(&OURS, &wish, why);
    }
}

static void a_token_of_a_send_that_was_not_raw_is_unwanted(void **state)
{
    (void)state;
    struct token plain = OURS;
    struct token_wish wish = {.dataset = {"tank/data"}, .to_guid = 7, .from_guid = 5};
    plain.compressed = false;
    assert_unwanted(&plain, &wish, "it is of a send with other flags");
    wish.encrypted = true;
    assert_unwanted(&OURS, &wish, "it is not of a raw stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_initial_stream_is_read),
        cmocka_unit_test(an_increment_and_a_name_with_spaces_are_read),
        cmocka_unit_test(what_is_missing_or_odd_is_named),
        cmocka_unit_test(a_name_longer_than_zfs_allows_is_refused),
        cmocka_unit_test(an_output_cut_anywhere_is_no_trap),
        cmocka_unit_test(the_tokens_of_zfs_2_1_are_read),
        cmocka_unit_test(the_tokens_of_zfs_2_3_are_read),
        cmocka_unit_test(only_what_looks_like_a_token_is_plausible),
        cmocka_unit_test(a_token_of_what_is_sent_next_is_wanted),
        cmocka_unit_test(a_token_of_another_snapshot_or_base_is_unwanted),
        cmocka_unit_test(a_token_of_another_dataset_is_unwanted_whatever_its_guids),
        cmocka_unit_test(a_token_of_a_send_that_was_not_raw_is_unwanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
