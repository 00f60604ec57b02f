/* codec/role_json: what the engine and the web role say to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "role_json.h"

static int read_command(const char *line, struct role_command *ret)
{
    struct err e = ERR_INIT;
    int rc = role_command_decode(line, strlen(line), ret, &e);
    assert_int_equal(rc == 0 ? ERR_NONE : ERR_PROTOCOL, e.code);
    return rc;
}

static int read_answer(const char *line, struct role_answer *ret)
{
    struct err e = ERR_INIT;
    int rc = role_answer_decode(line, strlen(line), ret, &e);
    assert_int_equal(rc == 0 ? ERR_NONE : ERR_PROTOCOL, e.code);
    return rc;
}

static void a_command_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct role_command command = {.kind = ROLE_SNAPSHOT, .id = 7, .type = "daily"};
    struct role_command again;
    struct str line;
    str_init(&line);
    role_command_encode(&command, &line);
    assert_string_equal("{\"command\":\"snapshot\",\"id\":7,\"type\":\"daily\"}\n", line.s);
    assert_int_equal(0, read_command(line.s, &again));
    assert_int_equal(ROLE_SNAPSHOT, again.kind);
    assert_true(again.id == 7);
    assert_string_equal("daily", again.type);
    str_clear(&line);
    command = (struct role_command){.kind = ROLE_SYNC, .id = INT64_MAX};
    role_command_encode(&command, &line);
    assert_int_equal(0, read_command(line.s, &again));
    assert_int_equal(ROLE_SYNC, again.kind);
    assert_true(again.id == INT64_MAX);
    str_fini(&line);
}

static void the_longest_command_is_not_too_long(void **state)
{
    (void)state;
    struct role_command command = {.kind = ROLE_SNAPSHOT, .id = INT64_MAX};
    struct str line;
    memset(command.type, 'x', NAME_LEN_MAX);
    str_init(&line);
    role_command_encode(&command, &line);
    assert_true(line.len <= ROLE_COMMAND_MAX);
    str_fini(&line);
}

static void what_is_no_command_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "",
        "x",
        "[]",
        "null",
        "7",
        "{}",
        "{\"command\":\"snapshot\"}",
        "{\"command\":\"snapshot\",\"id\":1}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":7}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"\"}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"a@b\"}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"a/b\"}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"a\\nb\"}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"a\\u0000b\"}",
        "{\"command\":\"snapshot\",\"id\":1,\"type\":\"-r\\t\"}",
        "{\"command\":\"sync\",\"id\":-1}",
        "{\"command\":\"sync\",\"id\":1.5}",
        "{\"command\":\"sync\",\"id\":\"1\"}",
        "{\"command\":\"sync\",\"id\":9223372036854775808}",
        "{\"command\":\"sync\",\"id\":1,\"id\":2}",
        "{\"command\":\"destroy\",\"id\":1}",
        "{\"command\":7,\"id\":1}",
        "{\"command\":\"sync\",\"id\":1}{\"command\":\"sync\",\"id\":2}",
        "{\"command\":\"sync\",\"id\":1",
        "{\"command\":\"\xff\",\"id\":1}",
    };
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct role_command command;
        memset(&command, 0x55, sizeof(command));
        struct role_command before = command;
        if (read_command(WRONG[i], &command) == 0)
            fail_msg("taken: %s", WRONG[i]);
        assert_memory_equal(&before, &command, sizeof(command));
    }
}

static void a_type_must_leave_room_for_the_time_behind_it(void **state)
{
    (void)state;
    char type[NAME_LEN_MAX + 2];
    char line[512];
    struct role_command command;
    size_t most = NAME_LEN_MAX - sizeof("-2000-01-01-000000");
    memset(type, 'x', sizeof(type));
    type[most + 1] = '\0';
    snprintf(line, sizeof(line), "{\"command\":\"snapshot\",\"id\":1,\"type\":\"%s\"}", type);
    assert_int_equal(-1, read_command(line, &command));
    type[most] = '\0';
    snprintf(line, sizeof(line), "{\"command\":\"snapshot\",\"id\":1,\"type\":\"%s\"}", type);
    assert_int_equal(0, read_command(line, &command));
    assert_string_equal(type, command.type);
}

static void an_answer_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct role_answer answer;
    struct str line;
    str_init(&line);
    role_answer_encode(7, 500, "cannot: \"x\"\n<\xff>", &line);
    assert_true(role_is_answer(line.s));
    assert_ptr_equal(line.s + line.len - 1, strchr(line.s, '\n'));
    assert_int_equal(0, read_answer(line.s, &answer));
    assert_false(answer.is_ready);
    assert_true(answer.id == 7);
    assert_int_equal(500, answer.status);
    assert_string_equal("cannot: \"x\"\n<\\xff>", answer.text);
    str_fini(&line);
}

static void ready_is_no_answer_to_anything(void **state)
{
    (void)state;
    struct role_answer answer;
    struct str line;
    str_init(&line);
    role_ready_encode(&line);
    assert_true(role_is_answer(line.s));
    assert_int_equal(0, read_answer(line.s, &answer));
    assert_true(answer.is_ready);
    str_fini(&line);
}

static void a_text_of_any_length_fits(void **state)
{
    (void)state;
    static char text[4 * ERR_MSG_MAX];
    struct role_answer answer;
    struct str line;
    memset(text, 'x', sizeof(text) - 1);
    str_init(&line);
    role_answer_encode(1, 200, text, &line);
    assert_int_equal(0, read_answer(line.s, &answer));
    assert_true(strlen(answer.text) < sizeof(answer.text));
    assert_true(strlen(answer.text) > ERR_MSG_MAX - 16);
    str_fini(&line);
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "{\"answer\"",
        "{\"ready\":false}",
        "{\"answer\":1}",
        "{\"answer\":1,\"status\":200}",
        "{\"answer\":1,\"status\":200,\"text\":null}",
        "{\"answer\":-1,\"status\":200,\"text\":\"\"}",
        "{\"answer\":1,\"status\":99,\"text\":\"\"}",
        "{\"answer\":1,\"status\":600,\"text\":\"\"}",
        "{\"answer\":1,\"status\":4294967496,\"text\":\"\"}",
        "{\"answer\":\"1\",\"status\":200,\"text\":\"\"}",
        "[\"answer\"]",
    };
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct role_answer answer;
        memset(&answer, 0x55, sizeof(answer));
        struct role_answer before = answer;
        if (read_answer(WRONG[i], &answer) == 0)
            fail_msg("taken: %s", WRONG[i]);
        assert_memory_equal(&before, &answer, sizeof(answer));
    }
}

static void an_event_is_no_answer(void **state)
{
    (void)state;
    assert_false(role_is_answer("{\"kind\":\"note\"}"));
    assert_false(role_is_answer(""));
    assert_false(role_is_answer("{\"answer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_read_as_it_was_written),
        cmocka_unit_test(the_longest_command_is_not_too_long),
        cmocka_unit_test(what_is_no_command_is_refused),
        cmocka_unit_test(a_type_must_leave_room_for_the_time_behind_it),
        cmocka_unit_test(an_answer_is_read_as_it_was_written),
        cmocka_unit_test(ready_is_no_answer_to_anything),
        cmocka_unit_test(a_text_of_any_length_fits),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(an_event_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
