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
#include "names.h"

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

#define ROWS 2
static const struct snapshot_row TABLE[ROWS] = {
    {.name = "daily 1",
     .guid = UINT64_MAX,
     .creation = -3,
     .size = 4096,
     .keep = {KEEP_POLICY | KEEP_OLDEST, KEEP_STRAY},
     .sides = 3},
    {.name = "daily-2",
     .guid = 8,
     .creation = 1763999999,
     .size = UINT64_MAX,
     .keep = {KEEP_TO_SEND, 0},
     .sides = 1},
};

/* One event of each kind, with something in every field that counts. */
static const struct event EVENTS[EVENT_KIND_COUNT] = {
    [EVENT_CYCLE_STARTED] = {.time = 1764000000, .cycle = 7, .flag = true},
    [EVENT_CYCLE_FINISHED] = {.time = 1764000001,
                              .cycle = 7,
                              .count = 12,
                              .failed = 1,
                              .code = ERR_SSH_REFUSED,
                              .text = "nas: \"no\""},
    [EVENT_DATASET_SEEN] = {.cycle = 7,
                            .time = -1,
                            .dataset = "",
                            .type = DATASET_VOLUME,
                            .holding = {{.count = 3, .newest = 1763999999, .space = UINT64_MAX},
                                        {.count = 1, .newest = -2, .space = 6}},
                            .flag = true},
    [EVENT_DATASET_SNAPSHOTS] = {.cycle = 7,
                                 .dataset = "/home",
                                 .first = true,
                                 .flag = true,
                                 .rows = TABLE,
                                 .row_count = ROWS},
    [EVENT_DATASET_PLANNED] = {.cycle = 7, .dataset = "/home/a b", .count = 2},
    [EVENT_STEP_PLANNED] = {.cycle = 7,
                            .dataset = "/home",
                            .step = 1,
                            .op = OP_RANGE_DELETION,
                            .side = SIDE_REMOTE,
                            .start = "daily-1",
                            .end = "daily 2"},
    [EVENT_DATASET_STARTED] = {.cycle = 7, .dataset = "/home"},
    [EVENT_STEP_STARTED] = {.cycle = 7, .dataset = "/home", .step = 3, .flag = true},
    [EVENT_STEP_PROGRESS] =
        {.cycle = 7, .dataset = "/home", .step = 2, .bytes = INT64_MAX, .bytes_total = UINT64_MAX},
    [EVENT_STEP_FINISHED] =
        {.cycle = 7, .dataset = "/home", .step = 2, .bytes = 5, .count = 3, .code = ERR_NONE},
    [EVENT_DATASET_FINISHED] = {.cycle = 7, .dataset = "/home", .code = ERR_HELD, .text = "held"},
    [EVENT_NOTE] = {.cycle = 7,
                    .level = LEVEL_WARNING,
                    .text = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d"},
    [EVENT_CONFIGURED] = {.cycle = 7, .flag = true, .interval = 600, .period = 3600},
    [EVENT_CYCLE_DUE] = {.cycle = 7, .due = 1764000600},
    [EVENT_DATASET_DUE] = {.cycle = 7, .dataset = "/home", .due = 1764000601},
    [EVENT_STATE_RECALLED] = {.cycle = 7,
                              .running = true,
                              .flag = true,
                              .started = 11,
                              .finished = 12,
                              .due = 13,
                              .success = 14,
                              .failing = 15,
                              .failed = 16,
                              .sent = 17,
                              .destroyed = 18,
                              .bytes = 19,
                              .code = ERR_SSH_LOST,
                              .text = "lost"},
    [EVENT_DATASET_RECALLED] = {.cycle = 7,
                                .dataset = "/home",
                                .status = STATUS_REMOTE_ONLY,
                                .started = 11,
                                .finished = 12,
                                .success = 13,
                                .due = 14,
                                .failing = 15,
                                .sent = 16,
                                .destroyed = 17,
                                .bytes = 18,
                                .failed = 19,
                                .code = ERR_BUSY,
                                .text = "busy"},
    [EVENT_STEP_RECALLED] = {.cycle = 7,
                             .dataset = "/home",
                             .step = 4,
                             .step_status = STEP_FAILED,
                             .flag = true,
                             .started = 11,
                             .finished = 12,
                             .bytes = 13,
                             .bytes_total = 14},
    [EVENT_CYCLE_RECALLED] = {.time = 12,
                              .cycle = 6,
                              .started = 11,
                              .count = 13,
                              .failed = 14,
                              .sent = 15,
                              .destroyed = 16,
                              .bytes = 17,
                              .code = ERR_ZFS,
                              .text = "zfs"},
    [EVENT_TRANSFER_RECALLED] = {.time = 12,
                                 .cycle = 6,
                                 .dataset = "/home",
                                 .start = "daily-1",
                                 .end = "daily-2",
                                 .started = 11,
                                 .bytes = 13,
                                 .flag = true,
                                 .code = ERR_STREAM_CUT,
                                 .text = "cut"},
    [EVENT_FAILURE_RECALLED] =
        {.time = 12, .cycle = 6, .dataset = "/home", .code = ERR_DIED, .text = "died"},
    [EVENT_DAY_RECALLED] = {.time = 86400,
                            .cycle = 6,
                            .verdict = VERDICT_LATE,
                            .count = 11,
                            .bytes = 12,
                            .holding = {{.space = 13}, {.space = 14}}},
    [EVENT_MINUTE_RECALLED] = {.time = 60, .cycle = 6, .bytes = 11},
    [EVENT_LOG_RECALLED] =
        {.time = 12, .cycle = 6, .dataset = "", .level = LEVEL_ERROR, .text = "words"},
};

static const char *const LINES[EVENT_KIND_COUNT] = {
    [EVENT_CYCLE_STARTED] =
        "{\"kind\":\"cycle_started\",\"time\":1764000000,\"cycle\":7,\"dry_run\":true}\n",
    [EVENT_CYCLE_FINISHED] =
        "{\"kind\":\"cycle_finished\",\"time\":1764000001,\"cycle\":7,\"datasets\":12,"
        "\"failed\":1,\"code\":\"ssh-refused\",\"text\":\"nas: \\\"no\\\"\"}\n",
    [EVENT_DATASET_SEEN] =
        "{\"kind\":\"dataset_seen\",\"time\":-1,\"cycle\":7,\"dataset\":\"\",\"type\":\"volume\","
        "\"local\":{\"count\":3,\"newest\":1763999999,\"space\":\"18446744073709551615\"},"
        "\"remote\":{\"count\":1,\"newest\":-2,\"space\":6},\"remote_only\":true}\n",
    [EVENT_DATASET_SNAPSHOTS] =
        "{\"kind\":\"dataset_snapshots\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\","
        "\"first\":true,\"more\":true,\"rows\":["
        "[\"daily 1\",\"18446744073709551615\",-3,4096,3,3,512],"
        "[\"daily-2\",8,1763999999,\"18446744073709551615\",1,128,0]]}\n",
    [EVENT_DATASET_PLANNED] =
        "{\"kind\":\"dataset_planned\",\"time\":0,\"cycle\":7,\"dataset\":\"/home/a b\","
        "\"steps\":2}\n",
    [EVENT_STEP_PLANNED] =
        "{\"kind\":\"step_planned\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":1,"
        "\"op\":\"SnapshotRangeDeletion\",\"side\":\"remote\",\"start\":\"daily-1\","
        "\"end\":\"daily 2\"}\n",
    [EVENT_DATASET_STARTED] =
        "{\"kind\":\"dataset_started\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\"}\n",
    [EVENT_STEP_STARTED] =
        "{\"kind\":\"step_started\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":3,"
        "\"resumed\":true}\n",
    [EVENT_STEP_PROGRESS] =
        "{\"kind\":\"step_progress\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":2,"
        "\"bytes\":9223372036854775807,\"bytes_total\":\"18446744073709551615\"}\n",
    [EVENT_STEP_FINISHED] =
        "{\"kind\":\"step_finished\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":2,"
        "\"bytes\":5,\"snapshots\":3,\"code\":\"none\",\"text\":null}\n",
    [EVENT_DATASET_FINISHED] =
        "{\"kind\":\"dataset_finished\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\","
        "\"code\":\"held\",\"text\":\"held\"}\n",
    [EVENT_NOTE] =
        "{\"kind\":\"note\",\"time\":0,\"cycle\":7,\"dataset\":null,\"level\":\"warning\","
        "\"text\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d\"}\n",
    [EVENT_CONFIGURED] =
        "{\"kind\":\"configured\",\"time\":0,\"cycle\":7,\"remote\":true,\"interval\":600,"
        "\"period\":3600}\n",
    [EVENT_CYCLE_DUE] = "{\"kind\":\"cycle_due\",\"time\":0,\"cycle\":7,\"due\":1764000600}\n",
    [EVENT_DATASET_DUE] = "{\"kind\":\"dataset_due\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\","
                          "\"due\":1764000601}\n",
    [EVENT_STATE_RECALLED] =
        "{\"kind\":\"state_recalled\",\"time\":0,\"cycle\":7,\"running\":true,\"dry_run\":true,"
        "\"started\":11,\"finished\":12,\"due\":13,\"success\":14,\"failing\":15,\"failed\":16,"
        "\"sent\":17,\"destroyed\":18,\"bytes\":19,\"code\":\"ssh-lost\",\"text\":\"lost\"}\n",
    [EVENT_DATASET_RECALLED] =
        "{\"kind\":\"dataset_recalled\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\","
        "\"status\":\"remote-only\",\"started\":11,\"finished\":12,\"success\":13,\"due\":14,"
        "\"failing\":15,\"sent\":16,\"destroyed\":17,\"bytes\":18,\"failures\":19,"
        "\"code\":\"busy\",\"text\":\"busy\"}\n",
    [EVENT_STEP_RECALLED] =
        "{\"kind\":\"step_recalled\",\"time\":0,\"cycle\":7,\"dataset\":\"/home\",\"step\":4,"
        "\"status\":\"failed\",\"resumed\":true,\"started\":11,\"finished\":12,\"bytes\":13,"
        "\"bytes_total\":14}\n",
    [EVENT_CYCLE_RECALLED] =
        "{\"kind\":\"cycle_recalled\",\"time\":12,\"cycle\":6,\"started\":11,\"datasets\":13,"
        "\"failed\":14,\"sent\":15,\"destroyed\":16,\"bytes\":17,\"code\":\"zfs\","
        "\"text\":\"zfs\"}\n",
    [EVENT_TRANSFER_RECALLED] =
        "{\"kind\":\"transfer_recalled\",\"time\":12,\"cycle\":6,\"dataset\":\"/home\","
        "\"start\":\"daily-1\",\"end\":\"daily-2\",\"started\":11,\"bytes\":13,"
        "\"resumed\":true,\"code\":\"stream-cut\",\"text\":\"cut\"}\n",
    [EVENT_FAILURE_RECALLED] =
        "{\"kind\":\"failure_recalled\",\"time\":12,\"cycle\":6,\"dataset\":\"/home\","
        "\"code\":\"died\",\"text\":\"died\"}\n",
    [EVENT_DAY_RECALLED] =
        "{\"kind\":\"day_recalled\",\"time\":86400,\"cycle\":6,\"verdict\":\"late\","
        "\"cycles\":11,\"bytes\":12,\"local_space\":13,\"remote_space\":14}\n",
    [EVENT_MINUTE_RECALLED] =
        "{\"kind\":\"minute_recalled\",\"time\":60,\"cycle\":6,\"bytes\":11}\n",
    [EVENT_LOG_RECALLED] =
        "{\"kind\":\"log_recalled\",\"time\":12,\"cycle\":6,\"dataset\":\"\",\"level\":\"error\","
        "\"text\":\"words\"}\n",
};

/* The event of that kind. */
static struct event event_of(int kind)
{
    struct event event = EVENTS[kind];
    event.kind = (enum event_kind)kind;
    return event;
}

static void each_kind_is_written_with_its_fields_alone(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        struct event event = event_of(i);
        expect(&event, LINES[i]);
    }
    struct event more = event_of(EVENT_DATASET_STARTED);
    more.rows = TABLE;
    more.row_count = EVENT_ROWS_MAX + 1;
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
    assert_true(a->first == b->first && a->running == b->running);
    assert_true(a->started == b->started && a->finished == b->finished && a->due == b->due);
    assert_true(a->success == b->success && a->failing == b->failing);
    assert_true(a->interval == b->interval && a->period == b->period);
    assert_true(a->sent == b->sent && a->destroyed == b->destroyed);
    assert_true(a->status == b->status && a->step_status == b->step_status);
    assert_true(a->verdict == b->verdict);
    assert_true(rows_are_equal(a->rows, a->row_count, b->rows, b->row_count));
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
        struct event expected = event_of(i);
        assert_same(&event, &expected);
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
    refuse_with(LINES[EVENT_DATASET_SEEN], "\"newest\":-2", "\"newest\":\"0\"", "\"remote\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "\"space\":6", "\"space\":-6", "\"remote\"");
    refuse_with(LINES[EVENT_DATASET_SEEN], "true", "0", "\"remote_only\"");
    refuse_with(LINES[EVENT_DATASET_RECALLED], "remote-only", "gone", "\"status\"");
    refuse_with(LINES[EVENT_DATASET_RECALLED], "\"failures\":19", "\"failures\":-1", "failures");
    refuse_with(LINES[EVENT_STEP_RECALLED], "\"failed\"", "\"ok\"", "\"status\"");
    refuse_with(LINES[EVENT_STATE_RECALLED], "\"due\":13", "\"due\":1.5", "\"due\"");
    refuse_with(LINES[EVENT_TRANSFER_RECALLED], "\"daily-1\"", "null", "\"start\"");
    refuse_with(LINES[EVENT_DAY_RECALLED], "late", "lost", "\"verdict\"");
    refuse_with(LINES[EVENT_LOG_RECALLED], "\"words\"", "null", "\"text\"");
    refuse_with(LINES[EVENT_DATASET_FINISHED], "\"code\":\"held\"", "\"code\":\"x\"", "\"code\"");
    refuse_with(LINES[EVENT_NOTE], "\"warning\"", "\"loud\"", "\"level\"");
    refuse_with(LINES[EVENT_NOTE], "\"caf", "1,\"x\":\"", "\"text\"");
    refuse_with(LINES[EVENT_NOTE], "\"caf", "null,\"x\":\"", "\"text\"");
    refuse_with(LINES[EVENT_NOTE], "\"time\":0", "\"time\":0,\"time\":0", "no JSON");
    refuse_with(LINES[EVENT_NOTE], "caf", "a\\u0000", "no JSON");
}

static void every_row_must_be_one(void **state)
{
    (void)state;
    static const char ROW[] = "[\"daily-2\",8,1763999999,\"18446744073709551615\",1,128,0]";
    static const char *const BAD[] = {
        "[\"a\",8,1,1,1,128]",     /* too few */
        "[\"a\",8,1,1,1,128,0,0]", /* too many */
        "[]",
        "{}",
        "7",
        "null",
        "[\"\",8,1,1,1,128,0]", /* names that are none */
        "[null,8,1,1,1,128,0]",
        "[7,8,1,1,1,128,0]",
        "[\"a@b\",8,1,1,1,128,0]",
        "[\"a/b\",8,1,1,1,128,0]",
        "[\"$(x)\",8,1,1,1,128,0]",
        "[\"a\\nb\",8,1,1,1,128,0]",
        "[\"a\",-8,1,1,1,128,0]", /* numbers out of range */
        "[\"a\",\"8\",1,1,1,128,0]",
        "[\"a\",8,\"1\",1,1,128,0]",
        "[\"a\",8,1.5,1,1,128,0]",
        "[\"a\",8,1,-1,1,128,0]",
        "[\"a\",8,1,1,0,128,0]", /* on no side, on a third one */
        "[\"a\",8,1,1,4,128,0]",
        "[\"a\",8,1,1,-1,128,0]",
        "[\"a\",8,1,1,true,128,0]",
        "[\"a\",8,1,1,1,1024,0]", /* reasons that are none */
        "[\"a\",8,1,1,1,128,1024]",
        "[\"a\",8,1,1,1,128,-1]",
        "[\"a\",8,1,1,1,128,\"18446744073709551615\"]",
    };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        refuse_with(LINES[EVENT_DATASET_SNAPSHOTS], ROW, BAD[i], "\"rows\"");
    refuse_with(LINES[EVENT_DATASET_SNAPSHOTS], "\"rows\":[[", "\"rows\":{},\"x\":[[", "\"rows\"");
    refuse_with(LINES[EVENT_DATASET_SNAPSHOTS], "\"rows\":[[", "\"rows\":null,\"x\":[[",
                "\"rows\"");
    refuse_with(LINES[EVENT_DATASET_SNAPSHOTS], "\"more\":true", "\"more\":1", "\"more\"");
}

static void a_line_of_too_many_rows_is_refused(void **state)
{
    (void)state;
    struct str line;
    str_init(&line);
    for (int more = 0; more < 2; more++) {
        str_clear(&line);
        str_add(&line, "{\"kind\":\"dataset_snapshots\",\"time\":0,\"cycle\":7,\"dataset\":\"\","
                       "\"first\":true,\"more\":false,\"rows\":[");
        for (int i = 0; i < EVENT_ROWS_MAX + more; i++)
            str_add_format(&line, "%s[\"a\",%d,1,1,1,1,0]", i == 0 ? "" : ",", i);
        str_add(&line, "]}");
        if (more == 1) {
            refuse(line.s, line.len, "\"rows\"");
            continue;
        }
        struct event event;
        struct event_memory *memory;
        assert_int_equal(event_decode(line.s, line.len, &event, &memory, NULL), 0);
        assert_int_equal(event.row_count, EVENT_ROWS_MAX);
        assert_int_equal(event.rows[EVENT_ROWS_MAX - 1].guid, EVENT_ROWS_MAX - 1);
        event_memory_free(memory);
    }
    str_fini(&line);
}

/* The longest name of a snapshot, below a dataset of one byte. */
#define NAME_MAX_LEN (NAME_LEN_MAX - 2)

/* `count` rows with the longest names and numbers that there are. */
static struct snapshot_row *long_rows(size_t count, char names[][256])
{
    struct snapshot_row *rows = mem_zalloc(count, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        int digits = snprintf(names[i], sizeof(names[i]), "%zu", i);
        memset(names[i] + digits, 'x', NAME_MAX_LEN - (size_t)digits);
        names[i][NAME_MAX_LEN] = '\0';
        rows[i] = (struct snapshot_row){.name = names[i],
                                        .guid = UINT64_MAX - i,
                                        .creation = INT64_MIN,
                                        .size = UINT64_MAX,
                                        .keep = {ROW_KEEP_ALL, ROW_KEEP_ALL},
                                        .sides = 3};
    }
    return rows;
}

static void check_part(const char *line, size_t len, const struct event *whole, size_t from,
                       size_t count)
{
    struct event part;
    struct event_memory *memory;
    struct err e = ERR_INIT;
    bool is_last = from + count == whole->row_count;
    assert_true(len <= EVENT_LINE_MAX);
    if (event_decode(line, len, &part, &memory, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(part.first, from == 0 && whole->first);
    assert_int_equal(part.flag, is_last ? whole->flag : true);
    assert_string_equal(part.dataset, whole->dataset);
    assert_true(rows_are_equal(part.rows, part.row_count, whole->rows + from, count));
    event_memory_free(memory);
}

static void a_long_table_is_several_lines_that_say_so(void **state)
{
    (void)state;
    static const struct {
        size_t rows, lines;
    } CASES[] = {{0, 1}, {1, 1}, {128, 1}, {129, 2}, {256, 2}, {257, 3}, {300, 3}};
    static char names[300][256];
    char dataset[NAME_LEN_MAX - 1];
    memset(dataset, 'd', sizeof(dataset));
    dataset[0] = '/';
    dataset[sizeof(dataset) - 1] = '\0';
    struct snapshot_row *rows = long_rows(300, names);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]) * 4; i++) {
        struct event event = {.kind = EVENT_DATASET_SNAPSHOTS,
                              .time = INT64_MIN,
                              .cycle = UINT64_MAX,
                              .dataset = dataset,
                              .first = i % 4 / 2 == 1,
                              .flag = i % 2 == 1,
                              .rows = rows,
                              .row_count = CASES[i / 4].rows};
        char *text = encode(&event);
        size_t lines = 0;
        for (char *line = text; *line != '\0'; lines++) {
            size_t len = strcspn(line, "\n") + 1;
            size_t from = lines * EVENT_ROWS_MAX;
            size_t left = event.row_count - from;
            check_part(line, len, &event, from, left < EVENT_ROWS_MAX ? left : EVENT_ROWS_MAX);
            line += len;
        }
        assert_int_equal(lines, CASES[i / 4].lines);
        free(text);
    }
    free(rows);
}

static void in_brief_a_table_is_the_number_of_its_rows(void **state)
{
    (void)state;
    struct str out;
    str_init(&out);
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        struct event event = event_of(i);
        str_clear(&out);
        event_encode_brief(&event, &out);
        if (i != EVENT_DATASET_SNAPSHOTS)
            assert_string_equal(out.s, LINES[i]);
    }
    struct event event = event_of(EVENT_DATASET_SNAPSHOTS);
    event.row_count = 300; /* of which none is looked at */
    str_clear(&out);
    event_encode_brief(&event, &out);
    assert_string_equal(out.s, "{\"kind\":\"dataset_snapshots\",\"time\":0,\"cycle\":7,"
                               "\"dataset\":\"/home\",\"snapshots\":300}\n");
    str_fini(&out);
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
        cmocka_unit_test(every_row_must_be_one),
        cmocka_unit_test(a_line_of_too_many_rows_is_refused),
        cmocka_unit_test(a_long_table_is_several_lines_that_say_so),
        cmocka_unit_test(in_brief_a_table_is_the_number_of_its_rows),
        cmocka_unit_test(what_follows_the_object_is_refused),
        cmocka_unit_test(fields_that_are_not_known_are_ignored),
        cmocka_unit_test(bytes_that_are_no_utf8_are_written_out),
        cmocka_unit_test(a_text_too_long_is_cut_and_says_so),
        cmocka_unit_test(a_line_longer_than_any_of_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
