/* os/proc: how children start, what they find, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "host.h"
#include "loop.h"
#include "proc.h"
#include "str.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

/* What a child that is to be ended would take otherwise, in seconds. */
#define LONG_TIME "600"

/* One child, and what became of it. */
struct run {
    struct proc_spec spec;
    struct proc *proc;
    struct str out;
    struct str err;
    char tail[PROC_STDERR_TAIL + 1];
    struct proc_result result;
    int out_calls;
    bool cancel_on_out;
    bool refuse_out;
    bool over;
};

static struct loop *loop;

/* A folder that set_path() puts into PATH, with a file in it that nobody may run. */
static char path_folder[64];
#define NOT_RUNNABLE "backupd-not-runnable"

static int keep_out(void *arg, const char *data, size_t len)
{
    struct run *run = arg;
    run->out_calls++;
    str_add_bytes(&run->out, data, len);
    if (run->cancel_on_out)
        proc_cancel(run->proc);
    return run->refuse_out ? -1 : 0;
}

static int keep_err(void *arg, const char *data, size_t len)
{
    struct run *run = arg;
    str_add_bytes(&run->err, data, len);
    return 0;
}

static void keep_result(void *arg, const struct proc_result *result)
{
    struct run *run = arg;
    run->over = true;
    run->result = *result;
    memcpy(run->tail, result->err_tail, strlen(result->err_tail) + 1);
}

static void prepare(struct run *run, const char *const *argv)
{
    memset(run, 0, sizeof(*run));
    str_init(&run->out);
    str_init(&run->err);
    run->spec = (struct proc_spec){.argv = argv,
                                   .in_fd = PROC_FD_NULL,
                                   .out_fd = PROC_FD_NULL,
                                   .on_out = keep_out,
                                   .on_exit = keep_result,
                                   .arg = run};
}

static void clean(struct run *run)
{
    str_fini(&run->out);
    str_fini(&run->err);
}

static void start(struct run *run)
{
    struct err e = ERR_INIT;
    run->proc = proc_start(loop, &run->spec, &e);
    if (run->proc == NULL)
        fail_msg("%s", e.msg);
}

/* Runs the loop until the child is over. Returns whether it was in time. */
static bool await(struct run *run)
{
    struct err e = ERR_INIT;
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (!run->over && clock_monotonic_ms() < end) {
        if (loop_run_once(loop, 100, &e) != 0)
            return false;
    }
    return run->over;
}

static void run_child(struct run *run)
{
    start(run);
    assert_true(await(run));
}

static void run_shell(struct run *run, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    prepare(run, argv);
    run_child(run);
    run->spec.argv = NULL;
}

/* Whether everybody who holds the other end of the pipe `fd` closes it in time. */
static bool await_hangup(int fd)
{
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (clock_monotonic_ms() < end) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        char waste[64];
        if (poll(&polled, 1, 100) == 1 && read(fd, waste, sizeof(waste)) == 0)
            return true;
    }
    return false;
}

/* Reads a line that holds a pid from `fd`, waiting for it. 0 where none came in time. */
static pid_t await_pid(int fd)
{
    char text[32] = {0};
    for (size_t len = 0; len + 1 < sizeof(text) && strchr(text, '\n') == NULL; len++) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        if (poll(&polled, 1, PATIENCE_MS) != 1 || read(fd, text + len, 1) != 1)
            return 0;
    }
    return (pid_t)strtol(text, NULL, 10);
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static int set_up(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    loop = loop_new(&e);
    return loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void output_and_exit_status_come_back(void **state)
{
    (void)state;
    struct run run;
    run_shell(&run, "echo out; echo err >&2; exit 7");
    assert_string_equal("out\n", run.out.s);
    assert_string_equal("err\n", run.tail);
    assert_int_equal(7, run.result.status);
    assert_int_equal(0, run.result.signo);
    assert_false(run.result.stalled || run.result.late || run.result.cancelled);
    assert_true(run.result.run_ms >= 0 && run.result.run_ms < PATIENCE_MS);
    clean(&run);
}

static void a_childs_signal_comes_back(void **state)
{
    (void)state;
    struct run run;
    run_shell(&run, "kill -9 $$");
    assert_int_equal(-1, run.result.status);
    assert_int_equal(SIGKILL, run.result.signo);
    assert_false(run.result.cancelled);
    clean(&run);
}

static int start_errno(const char *program)
{
    const char *const argv[] = {program, NULL};
    struct run run;
    struct err e = ERR_INIT;
    prepare(&run, argv);
    assert_null(proc_start(loop, &run.spec, &e));
    assert_false(run.over);
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_non_null(strstr(e.msg, program));
    clean(&run);
    return e.sys;
}

static void a_failed_exec_comes_back_as_its_errno(void **state)
{
    (void)state;
    assert_int_equal(ENOENT, start_errno("backupd-no-such-program"));
    assert_int_equal(ENOENT, start_errno("/nowhere/backupd-no-such-program"));
    assert_int_equal(ENOENT, start_errno(""));
    assert_int_equal(ENOTDIR, start_errno("/dev/null/x"));
    assert_int_equal(EACCES, start_errno("/dev/null"));
    assert_int_equal(EACCES, start_errno(NOT_RUNNABLE));
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

static void a_bad_descriptor_comes_back_as_its_errno(void **state)
{
    (void)state;
    const char *const argv[] = {"true", NULL};
    struct run run;
    struct err e = ERR_INIT;
    prepare(&run, argv);
    run.spec.in_fd = 999999;
    assert_null(proc_start(loop, &run.spec, &e));
    assert_int_equal(EBADF, e.sys);
    clean(&run);
}

static void the_path_is_ours_without_relative_folders_and_then_the_systems(void **state)
{
    (void)state;
    /* set_path() has set PATH. */
    char expected[256];
    snprintf(expected, sizeof(expected),
             "%s:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin", path_folder);
    assert_string_equal(expected, proc_path());
}

static void the_environment_is_a_locale_and_a_path(void **state)
{
    (void)state;
    const char *const argv[] = {"env", NULL};
    char expected[512];
    struct run run;
    setenv("BACKUPD_TEST_STRAY", "1", 1);
    prepare(&run, argv);
    run_child(&run);
    snprintf(expected, sizeof(expected), "LC_ALL=C\nPATH=%s\n", proc_path());
    assert_string_equal(expected, run.out.s);
    clean(&run);
}

static void signals_are_back_to_their_defaults(void **state)
{
    (void)state;
    struct run run;
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    assert_int_equal(0, sigprocmask(SIG_BLOCK, &blocked, &before));
    run_shell(&run, "kill -USR1 $$");
    assert_int_equal(SIGUSR1, run.result.signo);
    clean(&run);
    /* And our own mask is what it was. */
    sigset_t now;
    assert_int_equal(0, sigprocmask(SIG_SETMASK, &before, &now));
    assert_true(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGTERM) == 0);

    struct sigaction action;
    assert_int_equal(0, sigaction(SIGPIPE, NULL, &action));
    assert_true(action.sa_handler == SIG_IGN); /* or the next would prove nothing */
    run_shell(&run, "kill -PIPE $$");
    assert_int_equal(SIGPIPE, run.result.signo);
    clean(&run);
}

static void no_stray_descriptor_reaches_a_child(void **state)
{
    (void)state;
    struct run run;
    int fds[10];
    for (int i = 0; i < 10; i++) {
        fds[i] = open("/dev/null", O_RDWR); /* not close-on-exec */
        assert_true(fds[i] >= 0);
    }
    run_shell(&run, "for n in 3 4 5 6 7 8 9; do (eval \": >&$n\") 2>/dev/null && echo $n; done; "
                    "echo end");
    assert_string_equal("end\n", run.out.s);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    clean(&run);
}

/* Runs a shell that gets the `count` descriptors at `fds` too. */
static void run_with_extra(struct run *run, const char *script, const int *fds, size_t count)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    prepare(run, argv);
    run->spec.extra_fds = fds;
    run->spec.extra_fd_count = count;
    run_child(run);
    run->spec.argv = NULL;
}

static void extra_descriptors_come_from_3_on_in_their_order_and_no_other_does(void **state)
{
    (void)state;
    struct run run;
    int pipes[2][2];
    int stray = open("/dev/null", O_RDWR); /* not close-on-exec */
    for (int i = 0; i < 2; i++)
        assert_int_equal(0, pipe(pipes[i]));
    int high = fcntl(stray, F_DUPFD, 8);
    const int fds[] = {pipes[1][1], PROC_FD_NULL, pipes[0][1]};
    run_with_extra(&run,
                   "echo three >&3; cat <&4; echo five >&5; "
                   "for n in 6 7 8 9; do (eval \": >&$n\") 2>/dev/null && echo $n; done; echo end",
                   fds, 3);
    assert_string_equal("end\n", run.out.s);
    for (int i = 0; i < 2; i++) {
        const char *expected = i == 0 ? "five\n" : "three\n";
        char text[16] = {0};
        close(pipes[i][1]);
        assert_true(read(pipes[i][0], text, sizeof(text) - 1) > 0);
        assert_string_equal(expected, text);
        assert_int_equal(0, read(pipes[i][0], text, sizeof(text)));
        close(pipes[i][0]);
    }
    close(stray);
    close(high);
    clean(&run);
}

static void a_failed_exec_with_extra_descriptors_comes_back_as_its_errno(void **state)
{
    (void)state;
    const char *const argv[] = {"backupd-no-such-program", NULL};
    const int fds[] = {PROC_FD_NULL, 0, PROC_FD_NULL};
    const int bad[] = {PROC_FD_NULL, 999999};
    struct run run;
    struct err e = ERR_INIT;
    prepare(&run, argv);
    run.spec.extra_fds = fds;
    run.spec.extra_fd_count = 3;
    assert_null(proc_start(loop, &run.spec, &e));
    assert_int_equal(ENOENT, e.sys);
    run.spec.extra_fds = bad;
    run.spec.extra_fd_count = 2;
    assert_null(proc_start(loop, &run.spec, &e));
    assert_int_equal(EBADF, e.sys);
    clean(&run);
}

static void the_null_device_is_what_a_child_reads_if_there_is_nothing_else(void **state)
{
    (void)state;
    struct run run;
    run_shell(&run, "cat; echo end");
    assert_string_equal("end\n", run.out.s);
    clean(&run);
}

/* In a process of its own, as it gives up its standard descriptors. Returns an exit status. */
static int copy_between_swapped_descriptors(void)
{
    const char *const argv[] = {"cat", NULL};
    struct run run;
    int in[2];
    int out[2];
    char text[8] = {0};
    if (pipe(in) != 0 || pipe(out) != 0 || write(in[1], "hello", 5) != 5)
        return 1;
    close(in[1]);
    /* What the child reads is our 1, and what it writes is our 0. */
    if (dup2(in[0], 1) != 1 || dup2(out[1], 0) != 0)
        return 2;
    prepare(&run, argv);
    run.spec.on_out = NULL;
    run.spec.in_fd = 1;
    run.spec.out_fd = 0;
    struct err e = ERR_INIT;
    run.proc = proc_start(loop, &run.spec, &e);
    if (run.proc == NULL || !await(&run) || run.result.status != 0)
        return 3;
    if (read(out[0], text, sizeof(text)) != 5 || strcmp(text, "hello") != 0)
        return 4;
    return 0;
}

static int run_with_no_standard_descriptors(void)
{
    const char *const argv[] = {"sh", "-c", "echo out; echo err >&2; cat", NULL};
    struct run run;
    struct err e = ERR_INIT;
    close(0);
    close(1);
    close(2);
    prepare(&run, argv);
    run.proc = proc_start(loop, &run.spec, &e);
    if (run.proc == NULL || !await(&run) || run.result.status != 0)
        return 1;
    if (strcmp(run.out.s, "out\n") != 0 || strcmp(run.tail, "err\n") != 0)
        return 2;
    return 0;
}

/* Runs `fn` with a loop of its own in a child, and returns its exit status, or -1. */
static int status_of_fork(int (*fn)(void))
{
    struct err e = ERR_INIT;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        loop_forget(loop);
        loop = loop_new(&e);
        _exit(loop != NULL ? fn() : 99);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void standard_descriptors_can_be_given_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(0, status_of_fork(copy_between_swapped_descriptors));
}

static void a_parent_without_standard_descriptors_can_start_children(void **state)
{
    (void)state;
    assert_int_equal(0, status_of_fork(run_with_no_standard_descriptors));
}

/* In a process of its own, as it takes descriptors that others have. Returns an exit status. */
static int pass_extra_that_are_in_each_others_places(void)
{
    const char *const argv[] = {"sh", "-c", "cat <&3; cat <&4; cat <&5", NULL};
    const int places[] = {5, 3, 4};
    struct run run;
    struct err e = ERR_INIT;
    loop_free(loop); /* which may be in those places */
    for (int i = 0; i < 3; i++) {
        int ends[2];
        int text = '1' + i;
        char byte = (char)text;
        if (pipe(ends) != 0 || write(ends[1], &byte, 1) != 1)
            return 1;
        int moved = fcntl(ends[0], F_DUPFD, 20);
        close_both(ends);
        if (dup2(moved, places[i]) != places[i])
            return 2;
        close(moved);
    }
    loop = loop_new(&e);
    prepare(&run, argv);
    run.spec.extra_fds = places;
    run.spec.extra_fd_count = 3;
    run.proc = proc_start(loop, &run.spec, &e);
    if (run.proc == NULL || !await(&run) || run.result.status != 0)
        return 3;
    return strcmp(run.out.s, "123") == 0 ? 0 : 4;
}

static void extra_descriptors_may_be_in_each_others_places(void **state)
{
    (void)state;
    assert_int_equal(0, status_of_fork(pass_extra_that_are_in_each_others_places));
}

static size_t room_in(int fd)
{
    static const char bytes[4096];
    size_t room = 0;
    assert_int_equal(0, fcntl(fd, F_SETFL, O_NONBLOCK));
    while (write(fd, bytes, sizeof(bytes)) > 0)
        room += sizeof(bytes);
    assert_int_equal(errno, EAGAIN);
    return room;
}

/* Linux says how much it allows; elsewhere nothing is asked for. */
static void a_pipe_between_children_is_as_large_as_may_be_and_closes_on_exec(void **state)
{
    (void)state;
    int fds[2];
    long allowed = 4096;
    FILE *file = fopen("/proc/sys/fs/pipe-max-size", "r");
    if (file != NULL) {
        assert_int_equal(1, fscanf(file, "%ld", &allowed));
        fclose(file);
    }
    assert_int_equal(0, proc_make_pipe(fds));
    assert_int_equal(FD_CLOEXEC, fcntl(fds[0], F_GETFD));
    assert_int_equal(FD_CLOEXEC, fcntl(fds[1], F_GETFD));
    assert_true(room_in(fds[1]) >= (size_t)(allowed < 1024 * 1024 ? allowed : 1024 * 1024));
    close(fds[0]);
    close(fds[1]);
}

static void a_child_leads_its_own_process_group(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", LONG_TIME, NULL};
    struct run run;
    prepare(&run, argv);
    start(&run);
    pid_t pid = proc_pid(run.proc);
    assert_int_equal(pid, getpgid(pid));
    assert_int_not_equal(pid, getpgid(0));
    proc_cancel(run.proc);
    assert_true(await(&run));
    clean(&run);
}

/* Starts a child that holds `ends[1]`, says so by a line with its own pid, and waits to be shot. */
static void live_with_child_until_killed(int ends[2])
{
    const char *const argv[] = {"sh", "-c", "echo 1; exec sleep " LONG_TIME, NULL};
    struct run run;
    struct err e = ERR_INIT;
    loop_forget(loop);
    loop = loop_new(&e);
    close(ends[0]);
    prepare(&run, argv);
    run.spec.on_out = NULL;
    run.spec.out_fd = ends[1];
    if (loop == NULL || proc_start(loop, &run.spec, &e) == NULL)
        _exit(1);
    close(ends[1]);
    while (loop_run_once(loop, -1, &e) == 0)
        continue;
    _exit(2);
}

static int hold_standard_output(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    if (write(1, "1\n", 2) != 2)
        return 1;
    for (;;)
        pause();
}

static void live_with_worker_until_killed(int ends[2])
{
    struct err e = ERR_INIT;
    int fd = -1;
    dup2(ends[1], 1);
    close_both(ends);
    if (proc_fork(loop, hold_standard_output, NULL, &fd, &e) < 0)
        _exit(1);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    for (;;)
        pause();
}

/* Whether what `fn` starts is gone soon after `fn` was killed. */
static bool dies_with_its_parent(void (*fn)(int ends[2]))
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        fn(ends);
    close(ends[1]);
    bool started = await_pid(ends[0]) == 1;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    bool gone = await_hangup(ends[0]);
    close(ends[0]);
    return started && gone;
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    assert_true(dies_with_its_parent(live_with_child_until_killed));
}

static void a_worker_dies_with_its_parent(void **state)
{
    (void)state;
    assert_true(dies_with_its_parent(live_with_worker_until_killed));
}

static void output_is_read_whole_however_much_and_in_pieces(void **state)
{
    (void)state;
    struct run run;
    run_shell(&run, "i=0; while [ $i -lt 40000 ]; do echo 0123456789; i=$((i+1)); done");
    assert_int_equal(0, run.result.status);
    assert_int_equal(440000, run.out.len);
    assert_true(run.out_calls > 1); /* no single read is unbounded */
    for (size_t i = 0; i < run.out.len; i += 11)
        assert_memory_equal("0123456789\n", run.out.s + i, 11);
    clean(&run);
}

static void a_child_that_never_stops_writing_does_not_starve_the_others(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "while :; do echo yes; done", NULL};
    struct run noisy;
    struct run quiet;
    prepare(&noisy, argv);
    start(&noisy);
    run_shell(&quiet, "echo done");
    assert_string_equal("done\n", quiet.out.s);
    assert_false(noisy.over);
    proc_cancel(noisy.proc);
    assert_true(await(&noisy));
    clean(&noisy);
    clean(&quiet);
}

static void stderr_is_kept_to_its_last_bytes_and_streamed_whole(void **state)
{
    (void)state;
    const char *const argv[] = {
        "sh", "-c", "i=1000; while [ $i -lt 6000 ]; do echo $i; i=$((i+1)); done >&2", NULL};
    struct run run;
    prepare(&run, argv);
    run.spec.on_err = keep_err;
    run_child(&run);
    assert_int_equal(25000, run.err.len);
    assert_int_equal(PROC_STDERR_TAIL, strlen(run.tail));
    assert_string_equal(run.err.s + run.err.len - PROC_STDERR_TAIL, run.tail);
    clean(&run);
}

static void a_nul_in_stderr_does_not_hide_what_follows(void **state)
{
    (void)state;
    struct run run;
    run_shell(&run, "printf 'a\\000b' >&2");
    assert_string_equal("a?b", run.tail);
    clean(&run);
}

static void a_silent_child_is_ended_as_stalled(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "echo hi; exec sleep " LONG_TIME, NULL};
    struct run run;
    prepare(&run, argv);
    run.spec.stall_ms = 200;
    run_child(&run);
    assert_true(run.result.stalled);
    assert_false(run.result.late || run.result.cancelled);
    assert_int_equal(SIGTERM, run.result.signo);
    assert_int_equal(-1, run.result.status);
    clean(&run);
}

static void a_child_that_takes_too_long_is_ended_as_late(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "while :; do echo hi; sleep 0.05; done", NULL};
    struct run run;
    prepare(&run, argv);
    run.spec.deadline_ms = 300;
    run_child(&run);
    assert_true(run.result.late);
    assert_false(run.result.stalled || run.result.cancelled);
    assert_int_equal(SIGTERM, run.result.signo);
    clean(&run);
}

static void touch_and_again(void *arg)
{
    struct run *run = arg;
    if (run->over)
        return;
    proc_touch(run->proc);
    loop_add_timer(loop, 100, touch_and_again, run);
}

/* Both run for longer than they may be silent, with silences that are far shorter than that. */
static void output_and_touches_keep_the_stall_watchdog_quiet(void **state)
{
    (void)state;
    const char *const talker[] = {
        "sh", "-c", "i=0; while [ $i -lt 40 ]; do echo hi; sleep 0.1; i=$((i+1)); done", NULL};
    const char *const sleeper[] = {"sleep", "4", NULL};
    struct run runs[2];
    prepare(&runs[0], talker);
    prepare(&runs[1], sleeper);
    for (int i = 0; i < 2; i++) {
        runs[i].spec.stall_ms = 3000;
        start(&runs[i]);
    }
    touch_and_again(&runs[1]);
    for (int i = 0; i < 2; i++) {
        assert_true(await(&runs[i]));
        assert_false(runs[i].result.stalled);
        assert_int_equal(0, runs[i].result.status);
        clean(&runs[i]);
    }
    struct err e = ERR_INIT;
    assert_int_equal(0, loop_run_once(loop, 200, &e)); /* the last touch's timer */
}

static void a_cancelled_child_is_ended_and_says_so(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", LONG_TIME, NULL};
    struct run run;
    prepare(&run, argv);
    start(&run);
    proc_cancel(run.proc);
    proc_cancel(run.proc);
    assert_false(run.over);
    assert_true(await(&run));
    assert_true(run.result.cancelled);
    assert_false(run.result.stalled || run.result.late);
    assert_int_equal(SIGTERM, run.result.signo);
    clean(&run);
}

static void an_abandoned_child_is_killed_and_nobody_is_told(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo here; exec sleep " LONG_TIME, NULL};
    struct run run;
    struct err e = ERR_INIT;
    prepare(&run, argv);
    start(&run);
    pid_t pid = proc_pid(run.proc);
    while (run.out.len == 0)
        assert_int_equal(0, loop_run_once(loop, 100, &e));
    proc_abandon(run.proc);
    proc_abandon(NULL);
    while (kill(pid, 0) == 0) /* the loop still reaps it */
        assert_int_equal(0, loop_run_once(loop, 10, &e));
    assert_false(run.over);
    clean(&run);
}

static void a_callback_that_refuses_ends_the_child_and_is_not_called_again(void **state)
{
    (void)state;
    const char *const argv[] = {
        "sh", "-c", "trap 'echo bye; exit 5' TERM; echo hi; while :; do sleep 0.01; done", NULL};
    struct run run;
    prepare(&run, argv);
    run.refuse_out = true;
    run_child(&run);
    assert_true(run.result.cancelled);
    assert_string_equal("hi\n", run.out.s);
    assert_int_equal(5, run.result.status); /* it has said bye */
    assert_int_equal(1, run.out_calls);
    clean(&run);
}

static void a_child_that_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done",
                                NULL};
    struct run run;
    prepare(&run, argv);
    run.cancel_on_out = true;
    run_child(&run);
    assert_string_equal("ready\n", run.out.s);
    assert_true(run.result.cancelled);
    assert_int_equal(SIGKILL, run.result.signo);
    clean(&run);
}

static void what_is_left_of_a_childs_group_is_killed(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "trap '' TERM HUP; sleep " LONG_TIME " & exit 3", NULL};
    struct run run;
    int ends[2];
    assert_int_equal(0, pipe(ends));
    prepare(&run, argv);
    run.spec.on_out = NULL;
    run.spec.out_fd = ends[1];
    run_child(&run);
    assert_int_equal(3, run.result.status);
    close(ends[1]);
    assert_true(await_hangup(ends[0]));
    close(ends[0]);
    clean(&run);
}

/* main() in this role: leaves a process behind that is in a session of its own, as ssh does. */
static int leave_daemon_behind(void)
{
    int ends[2];
    char ready = 0;
    if (pipe(ends) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        close_both(ends);
        sleep(600);
        _exit(0);
    }
    if (pid < 0 || read(ends[0], &ready, 1) != 1)
        return 1;
    printf("%ld\n", (long)pid);
    return fflush(stdout) == 0 ? 0 : 1;
}

static void
a_pipe_kept_open_by_a_process_left_behind_delays_the_end_but_does_not_prevent_it(void **state)
{
    (void)state;
    char self[HOST_PATH_MAX];
    struct err e = ERR_INIT;
    assert_int_equal(0, host_self_path(self, &e));
    const char *const argv[] = {self, "leave-daemon-behind", NULL};
    struct run run;
    prepare(&run, argv);
    run_child(&run);
    pid_t left = (pid_t)strtol(run.out.s, NULL, 10);
    bool alive = left > 1 && kill(left, 0) == 0;
    if (left > 1)
        kill(left, SIGKILL);
    assert_int_equal(0, run.result.status);
    assert_true(alive); /* or nobody kept the pipe */
    clean(&run);
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

static void a_thousand_children_in_sequence_leak_no_descriptor(void **state)
{
    (void)state;
    const char *const argv[] = {"true", NULL};
    int before = count_descriptors();
    for (int i = 0; i < 1000; i++) {
        struct run run;
        prepare(&run, argv);
        run_child(&run);
        assert_int_equal(0, run.result.status);
        clean(&run);
        if (i % 10 == 0)
            start_errno("backupd-no-such-program");
    }
    assert_int_equal(before, count_descriptors());
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
}

/* In a process of its own, as it lowers a limit for good. Every start must fail or run to its end,
 * whichever of its descriptors is the one too many. */
static int start_short_of_descriptors(void)
{
    const char *const argv[] = {"true", NULL};
    int failures = 0;
    int before = count_descriptors();
    for (rlim_t limit = 4; limit < 40; limit++) {
        struct rlimit soft;
        struct run run;
        struct err e = ERR_INIT;
        getrlimit(RLIMIT_NOFILE, &soft);
        soft.rlim_cur = limit;
        setrlimit(RLIMIT_NOFILE, &soft);
        prepare(&run, argv);
        run.proc = proc_start(loop, &run.spec, &e);
        if (run.proc == NULL && e.code != ERR_SYSTEM)
            return 1;
        failures += run.proc == NULL;
        soft.rlim_cur = 256;
        setrlimit(RLIMIT_NOFILE, &soft);
        if (run.proc != NULL && (!await(&run) || run.result.status != 0))
            return 2;
        clean(&run);
        if (count_descriptors() != before)
            return 3;
    }
    return failures > 0 && failures < 36 ? 0 : 4;
}

static void running_out_of_descriptors_is_an_error_and_leaks_none(void **state)
{
    (void)state;
    assert_int_equal(0, status_of_fork(start_short_of_descriptors));
}

/* A worker that reports what it finds as its exit status. */
static int look_around(void *arg, int fd)
{
    const int *stray = arg;
    struct sigaction action;
    sigset_t mask;
    if (getpgid(0) != getpid())
        return 1;
    if (fcntl(*stray, F_GETFD) != -1)
        return 2;
    if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_IGN)
        return 3;
    if (sigaction(SIGUSR1, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return 4;
    if (sigaction(SIGCHLD, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return 5;
    if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0 || sigismember(&mask, SIGTERM) != 0)
        return 6;
    for (int other = 3; other < 256; other++) {
        if (other != fd && fcntl(other, F_GETFD) != -1)
            return 7;
    }
    if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 || (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
        return 8;
    return write(fd, "hello", 5) == 5 ? 42 : 9;
}

static void note_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
}

static void keep_status(void *arg, pid_t pid, int wait_status)
{
    struct run *run = arg;
    (void)pid;
    run->result.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    run->result.signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    run->over = true;
}

static void a_worker_finds_only_what_it_should(void **state)
{
    (void)state;
    struct run run = {0};
    struct err e = ERR_INIT;
    int fd = -1;
    char text[16] = {0};
    int stray = open("/dev/null", O_RDWR);
    int high = fcntl(stray, F_DUPFD, 100);
    assert_int_equal(0, loop_watch_signal(loop, SIGUSR1, note_signal, NULL, &e));
    pid_t pid = proc_fork(loop, look_around, &high, &fd, &e);
    assert_true(pid > 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    loop_watch_child(loop, pid, keep_status, &run);
    assert_true(await(&run));
    assert_int_equal(42, run.result.status);
    assert_int_equal(5, read(fd, text, sizeof(text)));
    assert_string_equal("hello", text);
    assert_int_equal(0, read(fd, text, sizeof(text))); /* nobody else holds its end */
    close(fd);
    close(stray);
    close(high);
}

static int start_own_child(void *arg, int fd)
{
    (void)arg;
    struct run run;
    struct err e = ERR_INIT;
    const char *const argv[] = {"echo", "from below", NULL};
    loop = loop_new(&e);
    prepare(&run, argv);
    run.proc = loop != NULL ? proc_start(loop, &run.spec, &e) : NULL;
    if (run.proc == NULL || !await(&run))
        return 1;
    if (write(fd, run.out.s, run.out.len) != (ssize_t)run.out.len)
        return 2;
    clean(&run);
    loop_free(loop);
    return 0;
}

static void a_worker_can_have_a_loop_and_children_of_its_own(void **state)
{
    (void)state;
    struct run run = {0};
    struct err e = ERR_INIT;
    int fd = -1;
    char text[32] = {0};
    pid_t pid = proc_fork(loop, start_own_child, NULL, &fd, &e);
    assert_true(pid > 0);
    loop_watch_child(loop, pid, keep_status, &run);
    assert_true(await(&run));
    assert_int_equal(0, run.result.status);
    assert_int_equal(11, read(fd, text, sizeof(text)));
    assert_string_equal("from below\n", text);
    close(fd);
}

static void a_worker_ends_on_a_signal_to_its_group(void **state)
{
    (void)state;
    struct run run = {0};
    struct err e = ERR_INIT;
    int fd = -1;
    int null = open("/dev/null", O_WRONLY);
    int out = dup(1);
    dup2(null, 1); /* the worker says hello to it */
    pid_t pid = proc_fork(loop, hold_standard_output, NULL, &fd, &e);
    dup2(out, 1);
    assert_true(pid > 0);
    loop_watch_child(loop, pid, keep_status, &run);
    proc_signal_group(pid, SIGTERM);
    assert_true(await(&run));
    assert_int_equal(SIGTERM, run.result.signo);
    proc_signal_group(pid, SIGTERM); /* gone: fine */
    close(fd);
    close(null);
    close(out);
}

static void a_signal_to_no_group_in_particular_hits_nobody(void **state)
{
    (void)state;
    proc_signal_group(-1, SIGKILL);
    proc_signal_group(0, SIGKILL);
    proc_signal_group(1, SIGKILL);
}

/* proc_path() looks at PATH once and for all. */
static int set_path(void **state)
{
    (void)state;
    char text[256];
    snprintf(path_folder, sizeof(path_folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(path_folder) == NULL)
        return -1;
    snprintf(text, sizeof(text), "%s/" NOT_RUNNABLE, path_folder);
    int fd = open(text, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    snprintf(text, sizeof(text), "relative:%s::/usr/bin:/bin:.:/usr/bin:", path_folder);
    return setenv("PATH", text, 1);
}

static int remove_path(void **state)
{
    (void)state;
    char file[128];
    snprintf(file, sizeof(file), "%s/" NOT_RUNNABLE, path_folder);
    return unlink(file) == 0 ? rmdir(path_folder) : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "leave-daemon-behind") == 0)
        return leave_daemon_behind();
    const struct CMUnitTest tests[] = {
        TEST(output_and_exit_status_come_back),
        TEST(a_childs_signal_comes_back),
        TEST(a_failed_exec_comes_back_as_its_errno),
        TEST(a_bad_descriptor_comes_back_as_its_errno),
        TEST(the_path_is_ours_without_relative_folders_and_then_the_systems),
        TEST(the_environment_is_a_locale_and_a_path),
        TEST(signals_are_back_to_their_defaults),
        TEST(no_stray_descriptor_reaches_a_child),
        TEST(extra_descriptors_come_from_3_on_in_their_order_and_no_other_does),
        TEST(a_failed_exec_with_extra_descriptors_comes_back_as_its_errno),
        TEST(extra_descriptors_may_be_in_each_others_places),
        TEST(the_null_device_is_what_a_child_reads_if_there_is_nothing_else),
        TEST(standard_descriptors_can_be_given_in_any_order),
        TEST(a_parent_without_standard_descriptors_can_start_children),
        TEST(a_pipe_between_children_is_as_large_as_may_be_and_closes_on_exec),
        TEST(a_child_leads_its_own_process_group),
        TEST(a_child_dies_with_its_parent),
        TEST(a_worker_dies_with_its_parent),
        TEST(output_is_read_whole_however_much_and_in_pieces),
        TEST(a_child_that_never_stops_writing_does_not_starve_the_others),
        TEST(stderr_is_kept_to_its_last_bytes_and_streamed_whole),
        TEST(a_nul_in_stderr_does_not_hide_what_follows),
        TEST(a_silent_child_is_ended_as_stalled),
        TEST(a_child_that_takes_too_long_is_ended_as_late),
        TEST(output_and_touches_keep_the_stall_watchdog_quiet),
        TEST(a_cancelled_child_is_ended_and_says_so),
        TEST(an_abandoned_child_is_killed_and_nobody_is_told),
        TEST(a_callback_that_refuses_ends_the_child_and_is_not_called_again),
        TEST(a_child_that_ignores_sigterm_is_killed),
        TEST(what_is_left_of_a_childs_group_is_killed),
        TEST(a_pipe_kept_open_by_a_process_left_behind_delays_the_end_but_does_not_prevent_it),
        TEST(a_thousand_children_in_sequence_leak_no_descriptor),
        TEST(running_out_of_descriptors_is_an_error_and_leaks_none),
        TEST(a_worker_finds_only_what_it_should),
        TEST(a_worker_can_have_a_loop_and_children_of_its_own),
        TEST(a_worker_ends_on_a_signal_to_its_group),
        TEST(a_signal_to_no_group_in_particular_hits_nobody),
    };
    return cmocka_run_group_tests(tests, set_path, remove_path);
}
