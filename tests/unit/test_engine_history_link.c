/* engine/history_link: the role's other end, with the real role and with some that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "history.h"
#include "history_link.h"
#include "mem.h"

/* The link starts this very program; a path of this kind makes it misbehave. */
#define FAKE "/fake/"

#define NOW         INT64_C(1700000000)
#define PATIENCE_MS 60000

static struct loop *loop;
static struct config config;
static struct history_link *history;
static struct state state;
static char folder[64];
static size_t seen[EVENT_KIND_COUNT];
static struct str notes;

/* ---- roles that misbehave ---- */

static void say_forever(const char *line)
{
    while (fputs(line, stdout) >= 0)
        ;
    _exit(0);
}

static const char NOTE[] = "{\"kind\":\"note\",\"time\":1,\"cycle\":0,\"dataset\":null,"
                           "\"level\":\"debug\",\"text\":\"x\"}\n";

static int misbehave(const char *how)
{
    if (strcmp(how, "garbage") == 0)
        puts("this is no event");
    else if (strcmp(how, "other") == 0)
        puts("{\"kind\":\"cycle_started\",\"time\":1,\"cycle\":1,\"dry_run\":false}");
    else if (strcmp(how, "dataset") == 0)
        puts("{\"kind\":\"note\",\"time\":1,\"cycle\":0,\"dataset\":\"/a\",\"level\":\"info\","
             "\"text\":\"x\"}");
    else if (strcmp(how, "flood") == 0)
        say_forever(NOTE);
    else if (strcmp(how, "endless") == 0)
        say_forever("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    else if (strcmp(how, "words") == 0)
        fputs("I cannot go on\nreally\n", stderr);
    else if (strcmp(how, "signal") == 0)
        raise(SIGKILL);
    fflush(stdout);
    /* One that does not read, and does not end. */
    if (strcmp(how, "words") != 0 && strcmp(how, "dies") != 0)
        sleep(600);
    return 3;
}

/* ---- the engine ---- */

static void take_event(void *arg, const struct event *event)
{
    (void)arg;
    seen[event->kind]++;
    if (event->kind == EVENT_NOTE && event->level >= LEVEL_INFO) {
        str_add(&notes, event->text);
        str_add_char(&notes, '\n');
    }
    state_apply(&state, event);
    history_link_send(history, event);
}

static void publish(const struct event *event)
{
    state_apply(&state, event);
    history_link_send(history, event);
}

static void begin(const char *path)
{
    config.history_path = mem_strdup(path);
    config.history_keep = 34560000;
    state_init(&state);
    str_init(&notes);
    memset(seen, 0, sizeof(seen));
    history = history_link_start(loop, &config, take_event, NULL);
    history_link_watch(history, &state);
}

static void turn(void)
{
    struct err e = ERR_INIT;
    assert_int_equal(loop_run_once(loop, 50, &e), 0);
}

static void run_for(int64_t ms)
{
    for (int64_t end = clock_monotonic_ms() + ms; clock_monotonic_ms() < end;)
        turn();
}

static void await_note(const char *part)
{
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (strstr(notes.s, part) == NULL && clock_monotonic_ms() < end)
        turn();
    if (strstr(notes.s, part) == NULL)
        fail_msg("no note says \"%s\": %s", part, notes.s);
}

static void await_end(void)
{
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (!history_link_is_ended(history) && clock_monotonic_ms() < end)
        turn();
    assert_true(history_link_is_ended(history));
}

static void finish(void)
{
    history_link_free(history);
    history = NULL;
    /* The loop sees the end of what still runs. */
    run_for(200);
    state_fini(&state);
    str_fini(&notes);
    free(config.history_path);
    config.history_path = NULL;
}

static void stop(void)
{
    history_link_stop(history);
    await_end();
    finish();
}

/* ---- what happens in it ---- */

static void publish_failure(int64_t time)
{
    struct event seen_event = {.kind = EVENT_DATASET_SEEN, .time = time, .dataset = "/a"};
    struct event failed = {.kind = EVENT_DATASET_FINISHED,
                           .time = time,
                           .dataset = "/a",
                           .code = ERR_BUSY,
                           .text = "busy"};
    publish(&seen_event);
    publish(&failed);
}

static void publish_transfer(int64_t time)
{
    struct event event = {.kind = EVENT_DATASET_SEEN, .time = time, .dataset = "/a"};
    publish(&event);
    event =
        (struct event){.kind = EVENT_DATASET_PLANNED, .time = time, .dataset = "/a", .count = 1};
    publish(&event);
    event = (struct event){.kind = EVENT_STEP_PLANNED,
                           .time = time,
                           .dataset = "/a",
                           .op = OP_RANGE_TRANSFER,
                           .side = SIDE_REMOTE,
                           .start = "d-1",
                           .end = "d-2"};
    publish(&event);
    event = (struct event){
        .kind = EVENT_STEP_FINISHED, .time = time, .dataset = "/a", .bytes = 5, .count = 1};
    publish(&event);
}

static void publish_cycle(uint64_t number, int64_t time)
{
    struct event event = {.kind = EVENT_CYCLE_STARTED, .time = time, .cycle = number};
    publish(&event);
    event =
        (struct event){.kind = EVENT_CYCLE_FINISHED, .time = time + 5, .cycle = number, .count = 1};
    publish(&event);
}

static void real_path(char ret[128])
{
    snprintf(ret, 128, "%s/h.sqlite", folder);
}

static void begin_real(void)
{
    char path[128];
    real_path(path);
    begin(path);
}

/* The role says at first what it knows. */
static void await_recalled(void)
{
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (seen[EVENT_NOTE] == 0 && clock_monotonic_ms() < end)
        turn();
    assert_true(seen[EVENT_NOTE] > 0);
}

/* ---- tests ---- */

static void without_a_path_there_is_no_link(void **unused)
{
    (void)unused;
    struct event event = {.kind = EVENT_CYCLE_STARTED};
    begin("");
    assert_null(history);
    history_link_send(history, &event);
    history_link_stop(history);
    assert_true(history_link_is_ended(history));
    finish();
}

static void what_happened_is_known_after_a_restart(void **unused)
{
    (void)unused;
    begin_real();
    await_recalled();
    publish_transfer(NOW);
    publish_failure(NOW + 1);
    publish_cycle(1, NOW + 2);
    publish_cycle(2, NOW + 3);
    stop();

    begin_real();
    await_recalled();
    assert_int_equal(seen[EVENT_TRANSFER_RECALLED], 1);
    assert_int_equal(seen[EVENT_FAILURE_RECALLED], 1);
    assert_int_equal(seen[EVENT_CYCLE_RECALLED], 2);
    assert_int_equal(seen[EVENT_DAY_RECALLED], 1);
    assert_int_equal(chronicle_newest(&state.chronicle, RECORD_DAY)->count, 2);
    /* the day goes on */
    publish_cycle(1, NOW + 20);
    stop();

    begin_real();
    await_recalled();
    assert_int_equal(seen[EVENT_CYCLE_RECALLED], 3);
    assert_int_equal(seen[EVENT_DAY_RECALLED], 1);
    assert_int_equal(chronicle_newest(&state.chronicle, RECORD_DAY)->count, 3);
    stop();
}

static void what_happens_before_it_runs_is_told_it(void **unused)
{
    (void)unused;
    begin_real();
    publish_transfer(NOW - 50);
    publish_cycle(1, NOW - 50);
    await_recalled();
    stop();
    begin_real();
    await_recalled();
    assert_int_equal(seen[EVENT_CYCLE_RECALLED], 4);
    assert_int_equal(seen[EVENT_TRANSFER_RECALLED], 2);
    stop();
}

static void thousands_of_records_arrive(void **unused)
{
    (void)unused;
    begin_real();
    await_recalled();
    for (int i = 0; i < 3000; i++)
        publish_failure(NOW + 100 + i);
    stop();
    begin_real();
    await_recalled();
    assert_int_equal(seen[EVENT_FAILURE_RECALLED], CHRONICLE_FAILURES);
    assert_int_equal(chronicle_newest(&state.chronicle, RECORD_FAILURE)->time, NOW + 3099);
    stop();
}

static void assert_ended(const char *how, const char *why)
{
    char path[64];
    snprintf(path, sizeof(path), FAKE "%s", how);
    begin(path);
    await_note(why);
    assert_non_null(strstr(notes.s, "it is started again in 5 s"));
    assert_true(history_link_is_ended(history));
    finish();
}

static void a_role_that_talks_nonsense_is_ended(void **unused)
{
    (void)unused;
    assert_ended("garbage", "it sent something odd: an event that is no JSON");
    assert_ended("other", "it sent a cycle_started event, which is not its to send [protocol]");
    assert_ended("dataset", "it spoke of a dataset");
}

static void a_role_that_does_not_stop_talking_is_ended(void **unused)
{
    (void)unused;
    assert_ended("flood", "it does not stop talking [protocol]");
    assert_true(seen[EVENT_NOTE] <= HISTORY_LINES_MAX + 1);
    assert_ended("endless", "longer than any that is believed");
}

static void a_role_that_dies_is_told_with_its_words(void **unused)
{
    (void)unused;
    assert_ended("words", "ended: I cannot go on [died]");
    assert_ended("signal", "ended: signal 9");
    assert_ended("dies", "exit status 3");
}

static void a_role_that_does_not_read_is_given_up_in_the_end(void **unused)
{
    (void)unused;
    char text[4097];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    begin(FAKE "hangs");
    run_for(200);
    struct event event = {.kind = EVENT_CYCLE_FINISHED, .code = ERR_BUSY, .text = text};
    int64_t start = clock_monotonic_ms();
    for (int i = 0; i < 3000; i++) {
        event.time = NOW + i;
        publish(&event);
    }
    /* Nothing of that waited. */
    assert_true(clock_monotonic_ms() - start < 20000);
    await_note("it is too slow");
    finish();
}

/* The role writes its pid into its lock file. */
static pid_t role_pid(const char *path)
{
    char name[160];
    long pid = 0;
    snprintf(name, sizeof(name), "%s.lock", path);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    assert_true(pid > 1);
    return (pid_t)pid;
}

static void a_role_that_was_killed_is_started_again_and_told_everything(void **unused)
{
    (void)unused;
    char path[128];
    snprintf(path, sizeof(path), "%s/k.sqlite", folder);
    begin(path);
    await_recalled();
    publish_cycle(1, NOW);
    run_for(200);
    assert_int_equal(kill(role_pid(path), SIGKILL), 0);
    await_note("ended: signal 9");
    publish_failure(NOW + 1); /* nobody hears of it now */
    seen[EVENT_NOTE] = 0;
    await_recalled();
    assert_int_equal(seen[EVENT_CYCLE_RECALLED], 0);
    stop();
    begin(path);
    await_recalled();
    assert_int_equal(seen[EVENT_CYCLE_RECALLED], 1);
    assert_int_equal(seen[EVENT_FAILURE_RECALLED], 1);
    stop();
}

static int make_world(void **unused)
{
    struct err e = ERR_INIT;
    (void)unused;
    snprintf(folder, sizeof(folder), "/tmp/backupd-link-XXXXXX");
    assert_non_null(mkdtemp(folder));
    loop = loop_new(&e);
    return loop == NULL ? -1 : 0;
}

static int end_world(void **unused)
{
    char command[96];
    (void)unused;
    loop_free(loop);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], HISTORY_ROLE) == 0) {
        if (strncmp(argv[2], FAKE, strlen(FAKE)) == 0)
            return misbehave(argv[2] + strlen(FAKE));
        return history_main(argv[2], strtol(argv[3], NULL, 10));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_path_there_is_no_link),
        cmocka_unit_test(what_happened_is_known_after_a_restart),
        cmocka_unit_test(what_happens_before_it_runs_is_told_it),
        cmocka_unit_test(thousands_of_records_arrive),
        cmocka_unit_test(a_role_that_talks_nonsense_is_ended),
        cmocka_unit_test(a_role_that_does_not_stop_talking_is_ended),
        cmocka_unit_test(a_role_that_dies_is_told_with_its_words),
        cmocka_unit_test(a_role_that_does_not_read_is_given_up_in_the_end),
        cmocka_unit_test(a_role_that_was_killed_is_started_again_and_told_everything),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
