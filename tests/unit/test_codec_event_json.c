#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event_json.h"
#include "mem.h"

static char *encode(const struct event *event)
{
    struct str out;
    str_init(&out);
    event_encode(event, &out);
    char *text = str_take(&out);
    str_fini(&out);
    return text;
}

static void expect(const struct event *event, const char *line)
{
    char *seen = encode(event);
    assert_string_equal(seen, line);
    free(seen);
}

/* One event of each kind, with something in every field that counts. */
static const struct event EVENTS[EVENT_KIND_COUNT] = {
    {.kind = EVENT_CYCLE_STARTED, .time = 1764000000, .cycle = 7, .flag = true},
    {.kind = EVENT_CYCLE_FINISHED,
     .time = 1764000001,
     .cycle = 7,
     .count = 12,
     .failed = 1,
     .code = ERR_SSH_REFUSED,
     .text = "nas: \"no\""},
    {.kind = EVENT_DATASET_SEEN,
     .cycle = 7,
     .time = -1,
     .dataset = "",
     .type = DATASET_VOLUME,
     .holding = {{.count = 3, .newest = 1763999999}, {.count = 0, .newest = 0}},
     .flag = false},
    {.kind = EVENT_DATASET_PLANNED, .cycle = 7, .dataset = "/home/a b", .count = 2},
    {.kind = EVENT_STEP_PLANNED,
     .cycle = 7,
     .dataset = "/home",
     .step = 1,
     .op = OP_RANGE_DELETION,
     .side = SIDE_REMOTE,
     .start = "daily-1",
     .end = "daily 2"},
    {.kind = EVENT_DATASET_STARTED, .cycle = 7, .dataset = "/home"},
    {.kind = EVENT_STEP_STARTED, .cycle = 7, .dataset = "/home", .step = 0, .flag = true},
    {.kind = EVENT_STEP_PROGRESS,
     .cycle = 7,
     .dataset = "/home",
     .step = 2,
     .bytes = INT64_MAX,
     .bytes_total = UINT64_MAX},
    {.kind = EVENT_STEP_FINISHED,
     .cycle = 7,
     .dataset = "/home",
     .step = 2,
     .bytes = 5,
     .count = 3,
     .code = ERR_NONE},
    {.kind = EVENT_DATASET_FINISHED,
     .cycle = 7,
     .dataset = "/home",
     .code = ERR_HELD,
     .text = "held"},
    {.kind = EVENT_NOTE,
     .cycle = 7,
     .level = LEVEL_WARNING,
     .text = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d"},
};

static const char *const LINES[EVENT_KIND_COUNT] = {
    "{\"kind\":\"cycle_started\",\"time\":1764000000,\"cycle\":7,\"dry_run\":true}\n",
    "{\"kind\":\"cycle_finished\",\"time\":1764000001,\"cycle\":7,\"datasets\":12,\"failed\":1,"
    "\"code\":\"ssh-refused\",\"text\":\"nas: \\\"no\\\"\"}\n",
    "{\"kind\":\"dataset_seen\",\"time\":-1,\"cycle\":7,\"dataset\":\"\",\"type\":\"volume\","
    "\"local\":{\"count\":3,\"newest\":1763999999},\"remote\":{\"count\":0,\"newest\":0},"
    "\"remote_only\":false}\n",
    "{\"kind\":\"dataset_planned\",\"time\":0,\"cycle\":7,\"dataset\":\"/home/a b\",\"steps\":2}\n",
    "{\"kind\":\"step_planned\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":1,"
    "\"op\":\"SnapshotRangeDeletion\",\"side\":\"remote\",\"start\":\"daily-1\","
    "\"end\":\"daily 2\"}\n",
    "{\"kind\":\"dataset_started\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\"}\n",
    "{\"kind\":\"step_started\",\"time\":0,\"cycle\":7,\"dataset\":\"/"
    "home\",\"step\":0,\"resumed\":true}\n",
    "{\"kind\":\"step_progress\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":2,"
    "\"bytes\":9223372036854775807,\"bytes_total\":\"18446744073709551615\"}\n",
    "{\"kind\":\"step_finished\",\"time\":0,\"cycle\":7,\"dataset\":\"/"
    "home\",\"step\":2,\"bytes\":5,"
    "\"snapshots\":3,\"code\":\"none\",\"text\":null}\n",
    "{\"kind\":\"dataset_finished\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"code\":\"held\","
    "\"text\":\"held\"}\n",
    "{\"kind\":\"note\",\"time\":0,\"cycle\":7,\"dataset\":null,\"level\":\"warning\","
    "\"text\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d\"}\n",
};

static void each_kind_is_written_with_its_fields_alone(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        struct event event = EVENTS[i];
        assert_int_equal(event.kind, i);
        expect(&event, LINES[i]);
    }
    struct event more = EVENTS[EVENT_DATASET_STARTED];
    more.bytes = 9; /* means nothing of this kind */
    more.text = "ignored";
    expect(&more, LINES[EVENT_DATASET_STARTED]);
}

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL && b != NULL)
        assert_string_equal(a, b);
}

static void assert_same(const struct event *a, const struct event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(a->time == b->time && a->cycle == b->cycle && a->step == b->step);
    assert_true(a->bytes == b->bytes && a->bytes_total == b->bytes_total);
    assert_true(a->count == b->count && a->failed == b->failed);
    assert_true(a->op == b->op && a->side == b->side && a->type == b->type);
    assert_true(a->flag == b->flag && a->level == b->level && a->code == b->code);
    assert_memory_equal(a->holding, b->holding, sizeof(a->holding));
    assert_same_string(a->dataset, b->dataset);
    assert_same_string(a->start, b->start);
    assert_same_string(a->end, b->end);
    assert_same_string(a->text, b->text);
}

static void each_kind_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        struct event event;
        struct event_memory *memory;
        struct err e = ERR_INIT;
        size_t len = strlen(LINES[i]);
        assert_int_equal(event_decode(LINES[i], len - (size_t)(i % 2), &event, &memory, &e), 0);
        assert_same(&event, &EVENTS[i]);
        event_memory_free(memory);
    }
    event_memory_free(NULL);
}

static void refuse(const char *line, size_t len, const char *why)
{
    struct event event;
    struct event_memory *memory = NULL;
    struct err e = ERR_INIT;
    memset(&event, 0x55, sizeof(event));
    struct event before = event;
    char *copy = mem_strndup(line, len);
    if (event_decode(copy, len, &event, &memory, &e) == 0)
        fail_msg("believed: %.*s", (int)len, line);
    free(copy);
    assert_int_equal(e.code, ERR_PROTOCOL);
    if (strstr(e.msg, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", e.msg, why);
    assert_null(memory);
    assert_memory_equal(&event, &before, sizeof(event));
}

/* `line` with the first `old` in it replaced by `new`. */
static void refuse_with(const char *line, const char *old, const char *new, const char *why)
{
    char text[1024];
    const char *at = strstr(line, old);
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - line), line, new, at + strlen(old));
    refuse(text, strlen(text), why);
}

static void a_line_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++)
        for (size_t len = 0; len + 1 < strlen(LINES[i]); len++)
            refuse(LINES[i], len, "no JSON");
}

static void every_field_must_be_there(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        const char *key = LINES[i];
        while ((key = strstr(key, ",\"")) != NULL) {
            char renamed[1024];
            snprintf(renamed, sizeof(renamed), "%s", LINES[i]);
            renamed[key + 2 - LINES[i]] = '_';
            refuse(renamed, strlen(renamed), " ");
            key += 2;
        }
    }
    refuse("{}", 2, "no known kind");
    refuse("[]", 2, "no known kind");
    refuse("{\"kind\":\"nope\",\"time\":1}", 24, "no known kind");
    refuse("{\"kind\":\"dataset_started\",\"dataset\":\"\"}", 39, "without \"time\"");
}

static void every_field_must_have_its_type_and_range(void **state)
{
    (void)state;
    const char *progress = LINES[EVENT_STEP_PROGRESS];
    refuse_with(progress, "\"step\":2", "\"step\":-1", "\"step\"");
    refuse_with(progress, "\"step\":2", "\"step\":2.0", "\"step\"");
    refuse_with(progress, "\"step\":2", "\"step\":\"2\"", "\"step\"");
    refuse_with(progress, "\"step\":2", "\"step\":null", "\"step\"");
    refuse_with(progress, "18446744073709551615", "18446744073709551616", "\"bytes_total\"");
    refuse_with(progress, "\"18446744073709551615\"", "18446744073709551615", "no JSON");
    refuse_with(progress, "\"time\":0", "\"time\":\"0\"", "time");
    refuse_with(progress, "\"/home\"", "null", "\"dataset\"");
    refuse_with(progress, "\"/home\"", "\"home\"", "\"dataset\"");
    refuse_with(progress, "\"/home\"", "\"/\"", "\"dataset\"");
    refuse_with(progress, "\"/home\"", "\"/../x\"", "\"dataset\"");
    refuse_with(progress, "\"/home\"", "\"/a@b\"", "\"dataset\"");
    const char *planned = LINES[EVENT_STEP_PLANNED];
    refuse_with(planned, "SnapshotRangeDeletion", "Destroy", "\"op\"");
    refuse_with(planned, "\"remote\"", "\"\"", "\"side\"");
    refuse_with(planned, "\"remote\"", "1", "\"side\"");
    refuse_with(planned, "daily-1", "", "\"start\"");
    refuse_with(planned, "daily 2", "a;b", "\"end\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "volume", "pool", "\"type\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "{\"count\":3,", "{", "\"local\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "\"newest\":0", "\"newest\":\"0\"", "\"remote\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "false", "0", "\"remote_only\"");
    refuse_with(LINES[EVENT_DATASET_FINISHED], "\"code\":\"held\"", "\"code\":\"x\"", "\"code\"");
    refuse_with(LINES[EVENT_NOTE], "\"warning\"", "\"loud\"", "\"level\"");
    refuse_with(LINES[EVENT_NOTE], "\"caf", "1,\"x\":\"", "\"text\"");
    refuse_with(LINES[EVENT_NOTE], "\"caf", "null,\"x\":\"", "\"text\"");
    refuse_with(LINES[EVENT_NOTE], "\"time\":0", "\"time\":0,\"time\":0", "no JSON");
    refuse_with(LINES[EVENT_NOTE], "caf", "a\\u0000", "no JSON");
}

static void what_follows_the_object_is_refused(void **state)
{
    (void)state;
    char text[512];
    int n = snprintf(text, sizeof(text), "%s{}", LINES[EVENT_CYCLE_STARTED]);
    refuse(text, (size_t)n, "no JSON");
}

static void fields_that_are_not_known_are_ignored(void **state)
{
    (void)state;
    static const char LINE[] = "{\"new\":[1],\"kind\":\"dataset_started\",\"time\":1,\"cycle\":7,"
                               "\"dataset\":\"\",\"text\":4}";
    struct event event;
    struct event_memory *memory;
    assert_int_equal(event_decode(LINE, sizeof(LINE) - 1, &event, &memory, NULL), 0);
    assert_string_equal(event.dataset, "");
    assert_null(event.text);
    event_memory_free(memory);
}

static void bytes_that_are_no_utf8_are_written_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } CASES[] = {
        {"a\xff"
         "b",
         "a\\\\xffb"},
        {"\xc3", "\\\\xc3"},
        {"\xc3(", "\\\\xc3("},
        {"\xc0\xaf", "\\\\xc0\\\\xaf"},
        {"\xe0\x80\xaf", "\\\\xe0\\\\x80\\\\xaf"},
        {"\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80"},
        {"\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"},
        {"\xf0\x9f\x8c", "\\\\xf0\\\\x9f\\\\x8c"},
        {"\x01\n", "\\u0001\\n"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char line[256];
        struct event event = {
            .kind = EVENT_NOTE, .cycle = 7, .level = LEVEL_INFO, .text = CASES[i].text};
        snprintf(line, sizeof(line),
                 "{\"kind\":\"note\",\"time\":0,\"cycle\":7,\"dataset\":null,\"level\":\"info\","
                 "\"text\":\"%s\"}\n",
                 CASES[i].json);
        expect(&event, line);
    }
}

static void a_text_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    for (unsigned char byte = 1; byte != 0; byte = (unsigned char)(byte * 2)) {
        char *text = mem_alloc(200001);
        memset(text, byte, 200000);
        text[200000] = '\0';
        struct event event = {.kind = EVENT_NOTE, .level = LEVEL_INFO, .text = text};
        char *line = encode(&event);
        assert_true(strlen(line) <= EVENT_LINE_MAX);
        assert_non_null(strstr(line, " [cut]"));
        struct event back;
        struct event_memory *memory;
        assert_int_equal(event_decode(line, strlen(line), &back, &memory, NULL), 0);
        assert_true(strlen(back.text) <= EVENT_TEXT_MAX + 6);
        event_memory_free(memory);
        free(line);
        free(text);
    }
}

static void a_line_longer_than_any_of_ours_is_refused(void **state)
{
    (void)state;
    char *line = mem_alloc(EVENT_LINE_MAX + 1);
    memset(line, ' ', EVENT_LINE_MAX + 1);
    memcpy(line, LINES[0], strlen(LINES[0]));
    refuse(line, EVENT_LINE_MAX + 1, "65537 bytes");
    struct event event;
    struct event_memory *memory;
    assert_int_equal(event_decode(line, EVENT_LINE_MAX, &event, &memory, NULL), 0);
    event_memory_free(memory);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written_with_its_fields_alone),
        cmocka_unit_test(each_kind_comes_back_as_it_was),
        cmocka_unit_test(a_line_cut_anywhere_is_refused),
        cmocka_unit_test(every_field_must_be_there),
        cmocka_unit_test(every_field_must_have_its_type_and_range),
        cmocka_unit_test(what_follows_the_object_is_refused),
        cmocka_unit_test(fields_that_are_not_known_are_ignored),
        cmocka_unit_test(bytes_that_are_no_utf8_are_written_out),
        cmocka_unit_test(a_text_too_long_is_cut_and_says_so),
        cmocka_unit_test(a_line_longer_than_any_of_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
