/* os/host: the runtime folder, the lock, the empty folder, and giving up root. */
#define _DEFAULT_SOURCE /* setgroups */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "loop.h"
#include "proc.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

static char folder[64];
static char inner[128]; /* a path in it, which each test makes what it likes */

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(inner, sizeof(inner), "%s/x", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char empty[160];
    unsetenv("RUNTIME_DIRECTORY");
    snprintf(empty, sizeof(empty), "%s/empty", inner);
    if (unlink(empty) != 0)
        rmdir(empty);
    if (unlink(inner) != 0)
        rmdir(inner);
    return rmdir(folder);
}

/* Runs `fn` in a child, and returns its exit status, or -1. */
static int status_of_fork(int (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Waits for one byte of `fd`, or its end. Returns what read(2) does, or -1 after a long time. */
static ssize_t await_byte(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&polled, 1, PATIENCE_MS) != 1)
        return -1;
    return read(fd, &byte, 1);
}

static void the_runtime_folder_is_made_for_us_alone(void **state)
{
    (void)state;
    char got[HOST_PATH_MAX];
    struct err e = ERR_INIT;
    struct stat st;
    setenv("RUNTIME_DIRECTORY", inner, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, host_runtime_dir(got, &e));
        assert_string_equal(inner, got);
    }
    assert_int_equal(0, lstat(inner, &st));
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(0700, st.st_mode & 0777);
}

static void of_several_runtime_folders_the_first_is_ours(void **state)
{
    (void)state;
    char got[HOST_PATH_MAX];
    char both[300];
    struct err e = ERR_INIT;
    snprintf(both, sizeof(both), "%s:/nowhere", inner);
    setenv("RUNTIME_DIRECTORY", both, 1);
    assert_int_equal(0, host_runtime_dir(got, &e));
    assert_string_equal(inner, got);
}

static void assert_no_runtime_dir(void)
{
    char got[HOST_PATH_MAX] = "untouched";
    struct err e = ERR_INIT;
    setenv("RUNTIME_DIRECTORY", inner, 1);
    assert_int_equal(-1, host_runtime_dir(got, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_non_null(strstr(e.msg, inner));
    assert_string_equal("untouched", got);
}

static void a_runtime_folder_that_others_can_write_to_is_refused(void **state)
{
    (void)state;
    assert_int_equal(0, mkdir(inner, 0700));
    assert_int_equal(0, chmod(inner, 0720));
    assert_no_runtime_dir();
    assert_int_equal(0, chmod(inner, 0702));
    assert_no_runtime_dir();
}

static void a_runtime_folder_of_somebody_else_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(0, mkdir(inner, 0700));
    assert_int_equal(0, chown(inner, 12345, 12345));
    assert_no_runtime_dir();
}

static void a_link_to_a_folder_of_ours_is_no_runtime_folder(void **state)
{
    (void)state;
    assert_int_equal(0, symlink(folder, inner));
    assert_no_runtime_dir();
}

static void a_file_is_no_runtime_folder(void **state)
{
    (void)state;
    int fd = open(inner, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_no_runtime_dir();
}

static void a_runtime_folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    char got[HOST_PATH_MAX];
    struct err e = ERR_INIT;
    setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
    assert_int_equal(-1, host_runtime_dir(got, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
}

static void a_name_that_is_too_long_is_an_error(void **state)
{
    (void)state;
    char got[HOST_PATH_MAX];
    char name[HOST_PATH_MAX + 10];
    struct err e = ERR_INIT;
    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    setenv("RUNTIME_DIRECTORY", name, 1);
    assert_int_equal(-1, host_runtime_dir(got, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
}

/* A process that takes the lock, says so on `fd`, and keeps it for ever. */
static pid_t fork_holder(int *ret_fd)
{
    int ends[2];
    assert_int_equal(0, pipe(ends));
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = ERR_INIT;
        close(ends[0]);
        if (host_lock(inner, &e) < 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_true(pid > 0);
    *ret_fd = ends[0];
    return pid;
}

static void a_lock_that_another_process_has_is_refused_with_its_pid(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char pid_text[32];
    int fd = -1;
    pid_t holder = fork_holder(&fd);
    bool holds = await_byte(fd) == 1;
    int lock = host_lock(inner, &e);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    close(fd);
    assert_true(holds);
    assert_int_equal(-1, lock);
    assert_int_equal(ERR_LOCKED, e.code);
    snprintf(pid_text, sizeof(pid_text), "process %ld ", (long)holder);
    assert_non_null(strstr(e.msg, pid_text));
}

static void a_lock_is_free_again_when_its_holder_was_killed(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    int fd = -1;
    pid_t holder = fork_holder(&fd);
    bool holds = await_byte(fd) == 1;
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    close(fd);
    assert_true(holds);
    int lock = host_lock(inner, &e);
    assert_true(lock >= 0);
    close(lock);
}

static void the_lock_file_holds_our_pid_and_nothing_of_a_longer_one(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char expected[32];
    char got[64] = {0};
    int fd = open(inner, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(20, write(fd, "99999999999999999999", 20));
    close(fd);
    int lock = host_lock(inner, &e);
    assert_true(lock >= 0);
    assert_true((fcntl(lock, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(pread(lock, got, sizeof(got) - 1, 0) > 0);
    snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
    assert_string_equal(expected, got);
    close(lock);
}

static int sit_there(void *arg, int fd)
{
    (void)arg;
    if (write(fd, "x", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void ignore_result(void *arg, const struct proc_result *result)
{
    (void)result;
    *(bool *)arg = true;
}

static void children_and_workers_do_not_keep_the_lock(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", "600", NULL};
    bool over = false;
    struct proc_spec spec = {.argv = argv,
                             .in_fd = PROC_FD_NULL,
                             .out_fd = PROC_FD_NULL,
                             .on_exit = ignore_result,
                             .arg = &over};
    struct err e = ERR_INIT;
    int fd = -1;
    struct loop *loop = loop_new(&e);
    assert_non_null(loop);
    int lock = host_lock(inner, &e);
    assert_true(lock >= 0);
    struct proc *proc = proc_start(loop, &spec, &e);
    pid_t worker = proc_fork(loop, sit_there, NULL, &fd, &e);
    assert_non_null(proc);
    assert_true(worker > 0);
    bool started = await_byte(fd) == 1;
    close(lock);
    int again = host_lock(inner, &e);
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    proc_cancel(proc);
    while (!over)
        assert_int_equal(0, loop_run_once(loop, -1, &e));
    loop_free(loop);
    close(fd);
    assert_true(started);
    assert_true(again >= 0);
    close(again);
}

static void a_lock_file_that_is_a_link_is_refused(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char target[128];
    snprintf(target, sizeof(target), "%s/y", folder);
    assert_int_equal(0, symlink(target, inner));
    assert_int_equal(-1, host_lock(inner, &e));
    assert_int_equal(-1, access(target, F_OK));
    assert_int_equal(ERR_SYSTEM, e.code);
}

/* Makes `inner` the runtime folder, and returns where its empty folder should be. */
static const char *prepare_empty(void)
{
    static char path[160];
    setenv("RUNTIME_DIRECTORY", inner, 1);
    assert_int_equal(0, mkdir(inner, 0700));
    snprintf(path, sizeof(path), "%s/empty", inner);
    return path;
}

static void the_empty_folder_is_made_and_only_to_be_looked_at(void **state)
{
    (void)state;
    const char *path = prepare_empty();
    char got[HOST_PATH_MAX];
    struct err e = ERR_INIT;
    struct stat st;
    mode_t before = umask(0077);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, host_empty_dir(got, &e));
        assert_string_equal(path, got);
    }
    umask(before);
    assert_int_equal(0, lstat(path, &st));
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(0555, st.st_mode & 07777);
    assert_int_equal(geteuid(), st.st_uid);
}

static void assert_no_empty_dir(int sys, const char *path)
{
    char got[HOST_PATH_MAX] = "untouched";
    struct err e = ERR_INIT;
    assert_int_equal(-1, host_empty_dir(got, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_int_equal(sys, e.sys);
    assert_non_null(strstr(e.msg, path));
    assert_string_equal("untouched", got);
}

static void an_empty_folder_with_something_in_it_is_refused(void **state)
{
    (void)state;
    const char *path = prepare_empty();
    char file[200];
    assert_int_equal(0, mkdir(path, 0755));
    snprintf(file, sizeof(file), "%s/.x", path);
    assert_int_equal(0, mkdir(file, 0700));
    assert_no_empty_dir(ENOTEMPTY, path);
    assert_int_equal(0, rmdir(file));
}

static void an_empty_folder_that_is_not_ours_alone_is_refused(void **state)
{
    (void)state;
    const char *path = prepare_empty();
    assert_int_equal(0, symlink(folder, path));
    assert_no_empty_dir(ENOTDIR, path);
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, mkdir(path, 0755));
    assert_int_equal(0, chmod(path, 0775));
    assert_no_empty_dir(EPERM, path);
    if (geteuid() != 0)
        return;
    assert_int_equal(0, chmod(path, 0755));
    assert_int_equal(0, chown(path, 12345, 12345));
    assert_no_empty_dir(EPERM, path);
}

static void the_machine_has_a_name(void **state)
{
    (void)state;
    char expected[512] = {0};
    char got[HOST_NAME_SIZE];
    assert_int_equal(0, gethostname(expected, sizeof(expected) - 1));
    host_own_name(got);
    assert_string_equal(expected, got);
}

static void our_own_executable_can_be_found(void **state)
{
    (void)state;
    char got[HOST_PATH_MAX];
    struct err e = ERR_INIT;
    assert_int_equal(0, host_self_path(got, &e));
    assert_int_equal('/', got[0]);
    assert_int_equal(0, access(got, X_OK));
    assert_non_null(strstr(got, "test_os_host"));
}

static int drop_and_look(void)
{
    struct err e = ERR_INIT;
    const struct passwd *user = getpwnam("nobody");
    gid_t groups[4] = {54321, 54322, 54323, 54324};
    if (user == NULL || setgroups(4, groups) != 0)
        return 10;
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    if (host_drop_to_user("nobody", &e) != 0)
        return 1;
    if (getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid)
        return 2;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
        return 3;
    int count = getgroups(4, groups);
    if (count < 0 || count > 1 || (count == 1 && groups[0] != gid))
        return 4;
    return 0;
}

static void root_becomes_the_user_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(0, status_of_fork(drop_and_look));
}

static int confine_and_look(void)
{
    struct err e = ERR_INIT;
    if (host_confine_to_user("nobody", inner, &e) != 0)
        return 1;
    if (getuid() == 0 || access("/etc/passwd", F_OK) == 0)
        return 2;
    DIR *dir = opendir("/");
    if (dir == NULL)
        return 3;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.')
            return 4;
    }
    closedir(dir);
    return access("..", F_OK) == 0 && access("../etc", F_OK) == 0 ? 5 : 0;
}

static void root_can_be_confined_to_an_empty_folder(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(0, mkdir(inner, 0755));
    assert_int_equal(0, status_of_fork(confine_and_look));
}

static int drop_code(const char *user)
{
    struct err e = ERR_INIT;
    return host_drop_to_user(user, &e) == 0 ? 0 : (int)e.code;
}

static int drop_to_nobody_there_is(void)
{
    return drop_code("backupd-no-such-user");
}

static int drop_to_root(void)
{
    return drop_code("root");
}

static void a_user_that_is_missing_or_root_is_an_error_of_the_configuration(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(ERR_CONFIG, status_of_fork(drop_to_nobody_there_is));
    assert_int_equal(ERR_CONFIG, status_of_fork(drop_to_root));
}

static int drop_as_nobody(void)
{
    struct err e = ERR_INIT;
    if (geteuid() == 0 && setuid(54321) != 0)
        return 1;
    uid_t before = getuid();
    if (host_drop_to_user("daemon", &e) != 0 || host_confine_to_user("daemon", "/", &e) != 0)
        return 2;
    return getuid() == before ? 0 : 3;
}

static void who_is_not_root_stays_who_it_is(void **state)
{
    (void)state;
    assert_int_equal(0, status_of_fork(drop_as_nobody));
}

/* A worker that changes its user, says so on its standard output, and stays. */
static int drop_and_stay(void *arg, int fd)
{
    struct err e = ERR_INIT;
    (void)arg;
    (void)fd;
    if (host_drop_to_user("nobody", &e) != 0 || write(STDOUT_FILENO, "x", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void live_with_worker_until_killed(const int ends[2])
{
    struct err e = ERR_INIT;
    int fd = -1;
    struct loop *loop = loop_new(&e);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    if (loop == NULL || proc_fork(loop, drop_and_stay, NULL, &fd, &e) < 0)
        _exit(1);
    close(STDOUT_FILENO);
    for (;;)
        pause();
}

static void a_child_that_changed_its_user_still_dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(0, pipe(ends));
    pid_t pid = fork();
    if (pid == 0)
        live_with_worker_until_killed(ends);
    close(ends[1]);
    bool started = await_byte(ends[0]) == 1;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ssize_t end = await_byte(ends[0]);
    close(ends[0]);
    assert_true(started);
    assert_int_equal(0, end);
}

static void what_is_no_terminal_has_no_width(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(0, host_terminal_width(fd));
    close(fd);
    assert_int_equal(0, host_terminal_width(-1));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    unsigned char zero[4096] = {0};
    unsigned char one[4096] = {0};
    unsigned char other[4096] = {0};
    assert_int_equal(0, host_random(one, sizeof(one), &e));
    assert_int_equal(0, host_random(other, sizeof(other), &e));
    assert_memory_not_equal(one, other, sizeof(one));
    assert_memory_not_equal(one + 4064, zero, 32); /* filled to the end */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_runtime_folder_is_made_for_us_alone),
        TEST(of_several_runtime_folders_the_first_is_ours),
        TEST(a_runtime_folder_that_others_can_write_to_is_refused),
        TEST(a_runtime_folder_of_somebody_else_is_refused),
        TEST(a_link_to_a_folder_of_ours_is_no_runtime_folder),
        TEST(a_file_is_no_runtime_folder),
        TEST(a_runtime_folder_that_cannot_be_made_is_an_error),
        TEST(a_name_that_is_too_long_is_an_error),
        TEST(a_lock_that_another_process_has_is_refused_with_its_pid),
        TEST(a_lock_is_free_again_when_its_holder_was_killed),
        TEST(the_lock_file_holds_our_pid_and_nothing_of_a_longer_one),
        TEST(children_and_workers_do_not_keep_the_lock),
        TEST(a_lock_file_that_is_a_link_is_refused),
        TEST(the_empty_folder_is_made_and_only_to_be_looked_at),
        TEST(an_empty_folder_with_something_in_it_is_refused),
        TEST(an_empty_folder_that_is_not_ours_alone_is_refused),
        TEST(the_machine_has_a_name),
        TEST(our_own_executable_can_be_found),
        TEST(root_becomes_the_user_for_good),
        TEST(root_can_be_confined_to_an_empty_folder),
        TEST(a_user_that_is_missing_or_root_is_an_error_of_the_configuration),
        TEST(who_is_not_root_stays_who_it_is),
        TEST(a_child_that_changed_its_user_still_dies_with_its_parent),
        TEST(what_is_no_terminal_has_no_width),
        TEST(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
