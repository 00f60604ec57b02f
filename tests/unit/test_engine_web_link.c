/*
 * engine/web_link: the engine's end of a role that does not behave. The role is this program itself,
 * started as the engine starts it; how it behaves is in place of its user's name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "web_link.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

/* Of the link: lines of the role's in a minute, and commands. */
#define WORDS_LINES  60
#define COMMANDS_MAX 600

/* ---- the role ---- */

static void say(const char *line)
{
    ssize_t n = write(0, line, strlen(line));
    (void)n;
}

/* Reads what the engine says up to a line that has `word` in it, and repeats that as its own. */
static void repeat_line_with(const char *word)
{
    static char line[1 << 20];
    size_t len = 0;
    while (len + 1 < sizeof(line) && read(0, line + len, 1) == 1) {
        if (line[len++] != '\n')
            continue;
        line[len] = '\0';
        if (strstr(line, word) != NULL) {
            fputs(line, stderr);
            return;
        }
        len = 0;
    }
}

static void stay(void)
{
    for (;;)
        pause();
}

static void be_garbage(void)
{
    say("hello\n");
    stay();
}

static void be_long(void)
{
    static char text[ROLE_COMMAND_MAX + 2];
    memset(text, 'x', sizeof(text) - 1);
    say(text);
    stay();
}

static void be_unknown(void)
{
    say("{\"command\":\"destroy\",\"id\":1}\n");
    stay();
}

static void be_worker(void)
{
    say("{\"kind\":\"dataset_finished\",\"time\":1,\"cycle\":0,\"dataset\":\"\",\"code\":\"none\"}"
        "\n");
    stay();
}

static void be_mistyped(void)
{
    say("{\"command\":\"snapshot\",\"id\":\"1\",\"type\":[\"daily\"]}\n");
    stay();
}

static void be_injecting(void)
{
    say("{\"command\":\"snapshot\",\"id\":1,\"type\":\"x;$(reboot)\"}\n");
    stay();
}

/* A child of its own, which no SIGTERM ends, holds the file `path` locked for as long as it lives. */
static void be_parent(const char *path)
{
    char byte;
    int ends[2];
    if (pipe(ends) != 0)
        return;
    if (fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(ends[1], "x", 1) != 1)
            _exit(9);
        stay();
    }
    if (read(ends[0], &byte, 1) == 1)
        be_garbage();
}

static void be_nul(void)
{
    ssize_t n = write(0, "{\"command\":\0\"sync\",\"id\":1}\n", 27);
    (void)n;
    stay();
}

static void be_stubborn(void)
{
    signal(SIGTERM, SIG_IGN);
    be_garbage();
}

static void be_flood(void)
{
    for (;;)
        say("{\"command\":\"sync\",\"id\":1}\n");
}

static void be_words(void)
{
    for (int i = 0; i < 100000; i++)
        fprintf(stderr, "line %d\n", i);
    say("{\"command\":\"sync\",\"id\":1}\n");
    stay();
}

static void be_endless_word(void)
{
    for (;;)
        fputs("xxxxxxxxxxxxxxxx", stderr);
}

static void be_closed(void)
{
    close(0);
    stay();
}

static void be_honest(void)
{
    repeat_line_with("\"own_name\"");
    repeat_line_with("\"ready\"");
    say("{\"command\":\"snapshot\",\"id\":41,\"type\":\"daily\"}\n");
    repeat_line_with("\"answer\":41");
    repeat_line_with("a word for all");
    stay();
}

/* Asks once the file `path` is there, when many lines wait for it and one has come in part, and
 * reads no more of them until it is gone. It counts those that come before the answer, and those
 * after it. */
static void be_behind(const char *path)
{
    enum { READ_BEFORE = 2000 };
    char line[4096];
    unsigned count[2] = {0, 0}; /* before it, after it */
    int answered = 0;
    repeat_line_with("\"ready\"");
    while (access(path, F_OK) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    FILE *in = fdopen(dup(0), "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        answered = answered || strstr(line, "{\"answer\":7") == line;
        count[answered] += strstr(line, "{\"kind\":\"note\"") == line;
        if (count[0] == READ_BEFORE && !answered)
            say("{\"command\":\"sync\",\"id\":7}\n");
        while (count[0] == READ_BEFORE && !answered && access(path, F_OK) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (strstr(line, "the last of many") != NULL)
            break;
    }
    fprintf(stderr, "answered %d, notes %u, of which %s\n", answered, count[0] + count[1],
            count[1] > count[0] ? "most came after it" : "most came before it");
    stay();
}

#define BEHIND "behind:"

static const struct {
    const char *name;
    void (*fn)(void);
} ROLES[] = {
    {"garbage", be_garbage},
    {"long", be_long},
    {"unknown", be_unknown},
    {"worker", be_worker},
    {"mistyped", be_mistyped},
    {"injecting", be_injecting},
    {"nul", be_nul},
    {"stubborn", be_stubborn},
    {"flood", be_flood},
    {"words", be_words},
    {"endless", be_endless_word},
    {"closed", be_closed},
    {"honest", be_honest},
    {"mute", stay},
};

static int play(const char *role)
{
    if (role[0] == '/')
        be_parent(role);
    if (strncmp(role, BEHIND, strlen(BEHIND)) == 0)
        be_behind(role + strlen(BEHIND));
    for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++)
        if (strcmp(ROLES[i].name, role) == 0)
            ROLES[i].fn();
    return 3; /* "dies", and whoever comes to an end */
}

/* ---- the engine ---- */

static char folder[64];
static struct loop *loop;
static struct config config;
static struct state state_of_all;
static struct web_link *web;
static struct str notes; /* a line each */
static size_t note_count, command_count;
static struct role_command newest;

static void handle_command(void *arg, const struct role_command *command)
{
    (void)arg;
    command_count++;
    newest = *command;
    web_link_answer(web, command->id, 200, "an answer");
}

static void handle_note(void *arg, enum event_level level, const char *text)
{
    (void)arg;
    (void)level;
    note_count++;
    str_add_format(&notes, "%s\n", text);
}

static int set_up(void **state)
{
    static const char TEXT[] = "[local]\nroot = \"tank\"\n[local.policy]\ndaily = 1\n";
    struct err e = ERR_INIT;
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    setenv("RUNTIME_DIRECTORY", folder, 1);
    str_init(&notes);
    note_count = command_count = 0;
    loop = loop_new(&e);
    state_init(&state_of_all);
    web = NULL;
    return loop == NULL ||
                   config_parse(TEXT, sizeof(TEXT) - 1, "backupd.toml", &config, &notes) != 0
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    web_link_free(web);
    loop_free(loop);
    state_fini(&state_of_all);
    config_fini(&config);
    str_fini(&notes);
    snprintf(path, sizeof(path), "%s/empty", folder);
    rmdir(path);
    return rmdir(folder);
}

static void begin(const char *role)
{
    free(config.web_user);
    config.web_user = mem_strdup(role);
    const struct web_link_spec spec = {.loop = loop,
                                       .config = &config,
                                       .state = &state_of_all,
                                       .version = "0",
                                       .addr = "127.0.0.1:0",
                                       .socket_path = "",
                                       .on_command = handle_command,
                                       .on_note = handle_note};
    web = web_link_new(&spec);
}

static void run_once(void)
{
    struct err e = ERR_INIT;
    if (loop_run_once(loop, 100, &e) != 0)
        fail_msg("%s", e.msg);
}

static void run_until_noted(const char *text)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    while (strstr(notes.s, text) == NULL) {
        if (clock_monotonic_ms() > deadline)
            fail_msg("nobody said: %s, but: %s", text, notes.s);
        run_once();
    }
}

static void tell(const char *text)
{
    struct event event = {.kind = EVENT_NOTE, .time = 1, .level = LEVEL_INFO, .text = text};
    state_apply(&state_of_all, &event);
    web_link_send(web, &event);
}

/* It is ended for `why` and started again. */
static void assert_ended(const char *role, const char *why)
{
    char text[256];
    begin(role);
    run_until_noted("started again in 1 s");
    snprintf(text, sizeof(text), "the web role is started again in 1 s: %s", why);
    if (strstr(notes.s, text) == NULL)
        fail_msg("%s", notes.s);
    assert_true(strstr(notes.s, "started again in 2 s") == NULL);
    run_until_noted("started again in 2 s");
}

static void an_honest_role_is_told_everything_and_obeyed(void **state)
{
    (void)state;
    begin("honest");
    run_until_noted("\"own_name\"");
    run_until_noted("\"ready\":true");
    run_until_noted("\"answer\":41,\"status\":200,\"text\":\"an answer\"");
    assert_int_equal(1, command_count);
    assert_int_equal(ROLE_SNAPSHOT, newest.kind);
    assert_string_equal("daily", newest.type);
    tell("a word for all");
    run_until_noted("\"text\":\"a word for all\"");
    assert_null(strstr(notes.s, "started again"));
}

/* Many times what a socket holds waits when the command comes. */
static void an_answer_goes_before_events_that_wait_and_between_two_lines(void **state)
{
    enum { MANY = 20000 };
    char role[128];
    char text[512];
    (void)state;
    snprintf(role, sizeof(role), BEHIND "%s/go", folder);
    begin(role);
    run_until_noted("\"ready\":true");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < MANY - 1; i++)
        tell(text);
    tell("the last of many");
    const char *path = role + strlen(BEHIND);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    while (command_count == 0)
        run_once();
    unlink(path);
    run_until_noted("answered ");
    if (strstr(notes.s, "answered 1, notes 20000, of which most came after it") == NULL)
        fail_msg("%s", notes.s);
}

static void a_role_that_dies_at_once_is_started_again_later_and_later(void **state)
{
    (void)state;
    begin("dies");
    run_until_noted("started again in 1 s: it ended with status 3");
    run_until_noted("started again in 2 s: it ended with status 3");
    run_until_noted("started again in 4 s: it ended with status 3");
}

static void a_role_that_says_what_is_no_json_is_ended(void **state)
{
    (void)state;
    assert_ended("garbage", "a line that is no JSON");
    assert_int_equal(0, command_count);
}

static void a_role_whose_line_is_too_long_is_ended(void **state)
{
    (void)state;
    assert_ended("long", "line 1: longer than any that is believed");
}

static void a_role_that_says_a_nul_is_ended(void **state)
{
    (void)state;
    assert_ended("nul", "line 1: a NUL byte");
}

static void a_role_with_a_command_of_its_own_is_ended(void **state)
{
    (void)state;
    assert_ended("unknown", "a command that there is not");
    assert_int_equal(0, command_count);
}

static void a_role_that_says_what_is_a_workers_to_say_is_ended(void **state)
{
    (void)state;
    assert_ended("worker", "a command without its kind or number");
    assert_int_equal(0, command_count);
    assert_int_equal(0, state_of_all.n);
}

static void a_role_whose_command_has_fields_of_other_types_is_ended(void **state)
{
    (void)state;
    assert_ended("mistyped", "a command without its kind or number");
    assert_int_equal(0, command_count);
}

static void a_role_that_asks_for_an_illegal_name_is_ended_and_not_obeyed(void **state)
{
    (void)state;
    assert_ended("injecting", "a snapshot of an impossible type");
    assert_int_equal(0, command_count);
}

static void the_children_of_a_role_end_with_it(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/lock", folder);
    begin(path);
    run_until_noted("started again in 1 s: a line that is no JSON");
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
    unlink(path);
}

static void a_role_that_does_not_want_to_end_is_killed(void **state)
{
    (void)state;
    begin("stubborn");
    run_until_noted("started again in 1 s: a line that is no JSON");
}

static void a_role_that_closes_its_end_and_stays_is_ended(void **state)
{
    (void)state;
    assert_ended("closed", "it was ended by signal");
}

static void a_role_that_floods_with_commands_and_does_not_read_is_ended(void **state)
{
    (void)state;
    begin("flood");
    run_until_noted("started again in 1 s: more commands than anybody gives");
    /* the minute may have changed on the way */
    assert_true(command_count <= 2 * COMMANDS_MAX);
}

static void a_role_that_talks_too_much_does_not_fill_the_log(void **state)
{
    (void)state;
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    begin("words");
    while (command_count == 0) {
        assert_true(clock_monotonic_ms() < deadline);
        run_once();
    }
    assert_non_null(strstr(notes.s, "line 10\n"));
    assert_non_null(strstr(notes.s, "says too much"));
    assert_true(note_count <= 2 * (WORDS_LINES + 1) + 10);
}

static void a_role_whose_word_has_no_end_is_ended(void **state)
{
    (void)state;
    begin("endless");
    run_until_noted("started again in 1 s");
}

static void a_role_that_does_not_read_never_makes_the_engine_wait(void **state)
{
    static char text[4000];
    int64_t slowest = 0;
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    begin("mute");
    for (int i = 0; i < 5000; i++) {
        int64_t before = clock_monotonic_ms();
        struct err e = ERR_INIT;
        tell(text);
        assert_int_equal(0, loop_run_once(loop, 0, &e));
        int64_t took = clock_monotonic_ms() - before;
        slowest = took > slowest ? took : slowest;
    }
    assert_true(slowest < PATIENCE_MS / 4);
    assert_null(strstr(notes.s, "started again"));
}

static void a_new_configuration_takes_a_new_role_at_once(void **state)
{
    (void)state;
    begin("mute");
    free(config.web_user);
    config.web_user = mem_strdup("honest");
    web_link_reconfigure(web, &config);
    run_until_noted("\"answer\":41");
    assert_null(strstr(notes.s, "started again"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], ROLE_WEB) == 0)
        return play(argv[2]);
    const struct CMUnitTest tests[] = {
        T(an_honest_role_is_told_everything_and_obeyed),
        T(an_answer_goes_before_events_that_wait_and_between_two_lines),
        T(a_role_that_dies_at_once_is_started_again_later_and_later),
        T(a_role_that_says_what_is_no_json_is_ended),
        T(a_role_whose_line_is_too_long_is_ended),
        T(a_role_that_says_a_nul_is_ended),
        T(a_role_with_a_command_of_its_own_is_ended),
        T(a_role_that_says_what_is_a_workers_to_say_is_ended),
        T(a_role_whose_command_has_fields_of_other_types_is_ended),
        T(a_role_that_asks_for_an_illegal_name_is_ended_and_not_obeyed),
        T(the_children_of_a_role_end_with_it),
        T(a_role_that_does_not_want_to_end_is_killed),
        T(a_role_that_closes_its_end_and_stays_is_ended),
        T(a_role_that_floods_with_commands_and_does_not_read_is_ended),
        T(a_role_that_talks_too_much_does_not_fill_the_log),
        T(a_role_whose_word_has_no_end_is_ended),
        T(a_role_that_does_not_read_never_makes_the_engine_wait),
        T(a_new_configuration_takes_a_new_role_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
