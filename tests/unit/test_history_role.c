/* history: the role as the engine sees it, by what goes in and what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event_json.h"
#include "history.h"
#include "str.h"

#define NOW  INT64_C(1700000000)
#define KEEP INT64_C(34560000)

/* Far more than anything here takes. */
#define PATIENCE_MS 60000

static char folder[64];
static char path[128];
static struct str input, output, words;
static rlim_t size_limit; /* of files that the role writes; 0: none */
static bool as_nobody;

static int prepare(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-history-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/h.sqlite", folder);
    str_init(&input);
    str_init(&output);
    str_init(&words);
    size_limit = 0;
    as_nobody = false;
    return 0;
}

static int clean(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    str_fini(&input);
    str_fini(&output);
    str_fini(&words);
    return system(command);
}

static void add_transfer(int64_t time, const char *text)
{
    struct event event = {.kind = EVENT_TRANSFER_RECALLED,
                          .time = time,
                          .started = time,
                          .dataset = "/home",
                          .start = "daily-1",
                          .end = "daily-2",
                          .bytes = 5,
                          .code = text == NULL ? ERR_NONE : ERR_HELD,
                          .text = text};
    event_encode(&event, &input);
}

static void add_day(int64_t midnight, enum verdict_level verdict, uint64_t cycles)
{
    struct event event = {
        .kind = EVENT_DAY_RECALLED, .time = midnight, .verdict = verdict, .count = cycles};
    event_encode(&event, &input);
}

static void add_cycle_end(int64_t time)
{
    struct event event = {.kind = EVENT_CYCLE_FINISHED, .time = time, .cycle = 1};
    event_encode(&event, &input);
}

static void read_all(int fd, struct str *ret)
{
    char data[4096];
    ssize_t got;
    str_clear(ret);
    while ((got = read(fd, data, sizeof(data))) > 0)
        str_add_bytes(ret, data, (size_t)got);
}

static int temporary(const char *name)
{
    char full[128];
    snprintf(full, sizeof(full), "%s/%s", folder, name);
    int fd = open(full, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void become_role(int in, int out, int err)
{
    struct rlimit limit = {.rlim_cur = size_limit, .rlim_max = size_limit};
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (size_limit != 0)
        setrlimit(RLIMIT_FSIZE, &limit);
    if (as_nobody && geteuid() == 0 && setuid(65534) != 0)
        _exit(99);
    _exit(history_main(path, KEEP));
}

static int wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Runs it on `input`, which is then empty again. Returns its exit status. */
static int run_role(void)
{
    int in = temporary("in");
    int out = temporary("out");
    int err = temporary("err");
    assert_int_equal(write(in, input.s, input.len), (ssize_t)input.len);
    str_clear(&input);
    lseek(in, 0, SEEK_SET);
    pid_t pid = fork();
    if (pid == 0)
        become_role(in, out, err);
    int status = wait_for(pid);
    lseek(out, 0, SEEK_SET);
    lseek(err, 0, SEEK_SET);
    read_all(out, &output);
    read_all(err, &words);
    close(in);
    close(out);
    close(err);
    return status;
}

static size_t count_in(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        count++;
    return count;
}

static void assert_output(const char *part, size_t times)
{
    if (count_in(output.s, part) != times)
        fail_msg("\"%s\" is not there %zu times: %.2000s", part, times, output.s);
}

static void records_come_back_after_a_restart(void **state)
{
    (void)state;
    add_transfer(NOW, NULL);
    add_transfer(NOW + 1, "held");
    assert_int_equal(run_role(), 0);
    assert_output("recalled 0 records", 1);
    assert_int_equal(run_role(), 0);
    assert_output("\"transfer_recalled\"", 2);
    assert_output("recalled 2 records", 1);
    assert_output("\"warning\"", 0);
    assert_true(strstr(output.s, "1700000000") < strstr(output.s, "1700000001"));
}

static void every_line_that_comes_back_can_be_read(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"'); DROP TABLE cycles; --", "\x1b[2J\"\\", "\xff\xc3(",
                                        "a\nb"};
    for (int i = 0; i < 4; i++)
        add_transfer(NOW + i, TEXTS[i]);
    assert_int_equal(run_role(), 0);
    assert_int_equal(run_role(), 0);
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(output.s, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        struct event event;
        struct event_memory *memory = NULL;
        assert_int_equal(event_decode(line, strlen(line), &event, &memory, NULL), 0);
        event_memory_free(memory);
        count++;
    }
    assert_int_equal(count, 5);
}

static void a_row_that_makes_no_sense_is_not_told(void **state)
{
    (void)state;
    char command[300];
    add_transfer(NOW, NULL);
    assert_int_equal(run_role(), 0);
    if (system("command -v sqlite3 >/dev/null") != 0)
        skip();
    snprintf(command, sizeof(command),
             "sqlite3 %s \"INSERT INTO transfers VALUES(9,1,2,'../x','a','b@c',1,0,'none',NULL)\"",
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(run_role(), 0);
    assert_output("recalled 1 records", 1);
    assert_output("has 1 records that make no sense", 1);
}

static void the_days_record_goes_on_over_a_restart(void **state)
{
    (void)state;
    int64_t today = NOW - NOW % 86400;
    add_day(today, VERDICT_SAFE, 1);
    add_day(today, VERDICT_LATE, 2);
    assert_int_equal(run_role(), 0);
    add_day(today, VERDICT_LATE, 3);
    assert_int_equal(run_role(), 0);
    assert_output("\"verdict\":\"late\",\"cycles\":2", 1);
    assert_int_equal(run_role(), 0);
    assert_output("\"verdict\":\"late\",\"cycles\":3", 1);
    assert_output("day_recalled", 1);
}

static void the_end_of_a_cycle_removes_what_is_too_old(void **state)
{
    (void)state;
    add_transfer(NOW - KEEP - 10, NULL);
    add_transfer(NOW - KEEP + 10, NULL);
    add_cycle_end(NOW - 100);
    assert_int_equal(run_role(), 0);
    add_cycle_end(NOW);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 2);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 1);
}

static void thousands_of_records_are_all_written(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++)
        add_transfer(NOW + i, i % 7 == 0 ? "held" : NULL);
    assert_int_equal(run_role(), 0);
    assert_output("warning", 0);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 200);
    assert_output("1700004999", 2);
    assert_output("1700004799", 0);
}

static void a_line_that_is_no_event_ends_it_after_writing(void **state)
{
    (void)state;
    add_transfer(NOW, NULL);
    str_add(&input, "{\"kind\":\"nonsense\"}\n");
    assert_int_equal(run_role(), 1);
    assert_non_null(strstr(words.s, "an event of no known kind"));
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 1);
}

static void a_last_line_that_was_cut_is_no_fault(void **state)
{
    (void)state;
    add_transfer(NOW, NULL);
    str_add(&input, "{\"kind\":\"trans");
    assert_int_equal(run_role(), 0);
}

static void a_damaged_file_is_told_and_replaced(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database at all ", file);
    fclose(file);
    add_transfer(NOW, NULL);
    assert_int_equal(run_role(), 0);
    assert_output("\"level\":\"warning\"", 1);
    assert_output("h.sqlite.damaged-", 1);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 1);
}

static void what_cannot_be_opened_is_told_once_and_tried_again(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    add_transfer(NOW, NULL);
    for (int i = 0; i < 5; i++)
        add_cycle_end(NOW + i);
    assert_int_equal(run_role(), 0);
    assert_output("this is a folder", 1);
    assert_output("recalled 0 records", 1);
}

static void a_folder_that_belongs_to_others_is_told(void **state)
{
    (void)state;
    as_nobody = true;
    assert_int_equal(chmod(folder, geteuid() == 0 ? 0755 : 0500), 0);
    add_transfer(NOW, NULL);
    add_cycle_end(NOW);
    if (geteuid() != 0)
        skip();
    assert_int_equal(run_role(), 0);
    assert_output("\"warning\"", 1);
    assert_output("unable to open database file", 1);
}

static void what_can_only_be_read_is_read(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    add_transfer(NOW, NULL);
    assert_int_equal(run_role(), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(path, 0644), 0);
    as_nobody = true;
    add_transfer(NOW + 1, NULL);
    add_cycle_end(NOW + 1);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 1);
    assert_output("it can only be read", 1);
}

static void a_full_disk_is_told_once_and_harms_nothing(void **state)
{
    (void)state;
    add_transfer(NOW - 1, NULL);
    assert_int_equal(run_role(), 0);
    size_limit = 45000;
    for (int i = 0; i < 3000; i++) {
        add_transfer(NOW + i, NULL);
        if (i % 500 == 499)
            add_cycle_end(NOW + i);
    }
    assert_int_equal(run_role(), 0);
    assert_output("\"warning\"", 1);
    assert_output("cannot write it", 1);
    size_limit = 0;
    assert_int_equal(run_role(), 0);
    assert_output("damaged", 0);
    assert_output("\"warning\"", 0);
    assert_true(count_in(output.s, "transfer_recalled") > 0);
}

/* ---- while it runs ---- */

struct running {
    pid_t pid;
    int in, out;
};

static struct running start_role(void)
{
    int in[2];
    int out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    struct running role = {.pid = fork(), .in = in[1], .out = out[0]};
    if (role.pid == 0) {
        close(in[1]);
        close(out[0]);
        become_role(in[0], out[1], STDERR_FILENO);
    }
    close(in[0]);
    close(out[1]);
    return role;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

static void send_input(const struct running *role)
{
    assert_int_equal(write(role->in, input.s, input.len), (ssize_t)input.len);
    str_clear(&input);
}

/* Reads until `part` has come. */
static void await_output(const struct running *role, const char *part)
{
    struct pollfd fd = {.fd = role->out, .events = POLLIN};
    str_clear(&output);
    while (strstr(output.s, part) == NULL) {
        char data[512];
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
        ssize_t got = read(role->out, data, sizeof(data));
        if (got <= 0)
            fail_msg("it ended before it said \"%s\": %s", part, output.s);
        str_add_bytes(&output, data, (size_t)got);
    }
}

static void what_waited_is_written_when_the_path_works_again(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    struct running role = start_role();
    await_output(&role, "recalled 0 records");
    for (int i = 0; i < 250; i++)
        add_transfer(NOW + i, NULL);
    add_cycle_end(NOW + 250);
    send_input(&role);
    pause_ms(300);
    assert_int_equal(rmdir(path), 0);
    add_cycle_end(NOW + 251);
    send_input(&role);
    await_output(&role, "is written again; 50 records");
    close(role.in);
    assert_int_equal(wait_for(role.pid), 0);
    close(role.out);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 200);
}

static void a_kill_loses_no_more_than_the_last_second(void **state)
{
    (void)state;
    struct running role = start_role();
    await_output(&role, "recalled 0 records");
    add_transfer(NOW, NULL);
    send_input(&role);
    pause_ms(2500);
    kill(role.pid, SIGKILL);
    assert_int_equal(waitpid(role.pid, NULL, 0), role.pid);
    close(role.in);
    close(role.out);
    assert_int_equal(run_role(), 0);
    assert_output("transfer_recalled", 1);
}

static void it_ends_when_nobody_reads_it_any_more(void **state)
{
    (void)state;
    struct running role = start_role();
    await_output(&role, "recalled 0 records");
    add_transfer(NOW, NULL);
    send_input(&role);
    close(role.out);
    assert_int_equal(wait_for(role.pid), 0);
    close(role.in);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_back_after_a_restart),
        TEST(every_line_that_comes_back_can_be_read),
        TEST(a_row_that_makes_no_sense_is_not_told),
        TEST(the_days_record_goes_on_over_a_restart),
        TEST(the_end_of_a_cycle_removes_what_is_too_old),
        TEST(thousands_of_records_are_all_written),
        TEST(a_line_that_is_no_event_ends_it_after_writing),
        TEST(a_last_line_that_was_cut_is_no_fault),
        TEST(a_damaged_file_is_told_and_replaced),
        TEST(what_cannot_be_opened_is_told_once_and_tried_again),
        TEST(a_folder_that_belongs_to_others_is_told),
        TEST(what_can_only_be_read_is_read),
        TEST(a_full_disk_is_told_once_and_harms_nothing),
        TEST(what_waited_is_written_when_the_path_works_again),
        TEST(a_kill_loses_no_more_than_the_last_second),
        TEST(it_ends_when_nobody_reads_it_any_more),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
