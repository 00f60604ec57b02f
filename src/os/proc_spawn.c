/*
 * The child's side of proc.h: everything between fork(2) and the child's own work.
 *
 * All signals are blocked around the fork, so that no handler of the parent's ever runs in the
 * child, where it would write into the pipe of the parent's loop.
 */
#include "proc_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "mem.h"
#include "proc.h"
#include "str.h"
#include "system.h"

/* Where a worker has the one descriptor that it needs besides 0, 1 and 2. */
#define WORKER_FD 3

#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Whether the colon-separated `list` has the entry of `len` bytes at `entry`. */
static bool path_has(const char *list, const char *entry, size_t len)
{
    for (const char *at = list; *at != '\0';) {
        size_t at_len = strcspn(at, ":");
        if (at_len == len && memcmp(at, entry, len) == 0)
            return true;
        at += at_len;
        at += *at == ':';
    }
    return false;
}

/* Appends the absolute entries of `list` that `path` does not have yet. */
static void path_add(struct str *path, const char *list)
{
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ":");
        if (*at == '/' && !path_has(path->s, at, len)) {
            if (path->len > 0)
                str_add_char(path, ':');
            str_add_bytes(path, at, len);
        }
        at += len;
        at += *at == ':';
    }
}

const char *proc_path(void)
{
    static char *path;
    if (path == NULL) {
        struct str made;
        str_init(&made);
        const char *ours = getenv("PATH");
        path_add(&made, ours != NULL ? ours : "");
        path_add(&made, SYSTEM_PATH);
        path = str_take(&made);
        str_fini(&made);
    }
    return path;
}

void proc_signal_group(pid_t pgid, int signo)
{
    /* kill(-1) is everybody, and kill(0) ourselves. */
    if (pgid > 1)
        kill(-pgid, signo);
}

/* Undoes what the parent has done to signals, which survives both fork and exec. */
static void reset_signals(void)
{
    for (int signo = 1; signo <= SIGRTMAX; signo++)
        (void)signal(signo, SIG_DFL); /* refuses SIGKILL, SIGSTOP and the C library's own */
}

static void unblock_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What every child does first. Returns 0 or an errno. Signals are still blocked. */
static int become_child(pid_t parent)
{
    if (setpgid(0, 0) != 0)
        return errno;
    if (system_set_death_signal(SIGKILL) != 0)
        return errno;
    /* The parent may have ended before we asked to be told. */
    if (getppid() != parent)
        _exit(1);
    reset_signals();
    return 0;
}

/*
 * fork(2) with all signals blocked in the child, and as they were in the parent. The child has
 * done become_child, whose result goes to `*ret_errno` there.
 */
static pid_t fork_child(int *ret_errno)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        *ret_errno = become_child(parent);
        return 0;
    }
    int fork_errno = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    /* The child does it too: whoever comes first, the group is there before either goes on. */
    if (pid > 0)
        setpgid(pid, pid);
    errno = fork_errno;
    return pid;
}

/* Moves `fd`, which is above, to `place`, close-on-exec, and closes all above. Returns 0 or an errno. */
static int keep_up_to(int place, int fd)
{
    if (dup2(fd, place) < 0 || fcntl(place, F_SETFD, FD_CLOEXEC) != 0)
        return errno;
    system_close_from(place + 1);
    return 0;
}

/* A copy of `fd` (PROC_FD_NULL: of /dev/null) that is `from` or above, or -1 and errno. */
static int copy_above(int fd, int from)
{
    if (fd == PROC_FD_NULL)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, from) : -1;
}

/*
 * Makes the `count` entries of `fds` the descriptors 0, 1 and so on, by way of `high`, which has
 * room for as many. Returns 0 or an errno.
 */
static int place_descriptors(const int *fds, int count, int *high)
{
    /* All go out of the way first: any of them may be in the place of another. */
    for (int i = 0; i < count; i++) {
        high[i] = copy_above(fds[i], count + 1);
        if (high[i] < 0)
            return errno;
    }
    for (int i = 0; i < count; i++) {
        if (dup2(high[i], i) < 0)
            return errno;
    }
    return 0;
}

/* execve along proc_path(). Returns only on failure, with an errno. */
static int exec_program(const char *const *argv, char *const *env)
{
    /* execve takes what it does not write to as not const, for history's sake. */
    char *const *args = (char *const *)(uintptr_t)argv; /* NOLINT(performance-no-int-to-ptr) */
    if (strchr(argv[0], '/') != NULL) {
        execve(argv[0], args, env);
        return errno;
    }
    int code = ENOENT;
    for (const char *at = proc_path(); *at != '\0' && argv[0][0] != '\0';) {
        size_t len = strcspn(at, ":");
        char file[PATH_MAX];
        int size = snprintf(file, sizeof(file), "%.*s/%s", (int)len, at, argv[0]);
        at += len;
        at += *at == ':';
        if (size < 0 || (size_t)size >= sizeof(file))
            continue;
        execve(file, args, env);
        /* One that we may not run is the better answer, unless a later folder has it too. */
        if (errno == EACCES)
            code = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
    }
    return code;
}

/* All that the child needs, allocated before the fork. */
struct program {
    const char *const *argv;
    char *const *env;
    const int *fds;
    int fd_count;
    int *scratch; /* room for as many */
};

/* The child: becomes the program, or writes an errno to `fail_fd` and ends. */
static _Noreturn void run_program(const struct program *program, int fail_fd, int code)
{
    /* Its place is the one above the program's own. */
    int place = program->fd_count;
    int fail = fcntl(fail_fd, F_DUPFD_CLOEXEC, place + 1);
    if (fail < 0) {
        fail = fail_fd;
        code = errno;
    }
    if (code == 0)
        code = place_descriptors(program->fds, program->fd_count, program->scratch);
    if (code == 0) {
        code = keep_up_to(place, fail);
        fail = code == 0 ? place : fail;
    }
    unblock_signals();
    if (code == 0)
        code = exec_program(program->argv, program->env);
    ssize_t written = write(fail, &code, sizeof(code));
    (void)written;
    _exit(127);
}

/* Waits for the child's exec. Returns 0, or the errno that kept it from it. */
static int await_exec(int fail_fd)
{
    int code = 0;
    ssize_t got = 0;
    do {
        got = read(fail_fd, &code, sizeof(code));
    } while (got < 0 && errno == EINTR);
    /* Nothing came: exec closed the pipe; or the child was killed first, as its status will say. */
    return got == (ssize_t)sizeof(code) ? code : 0;
}

pid_t proc_spawn(const char *const *argv, const int *fds, size_t count, struct err *e)
{
    static char locale[] = "LC_ALL=C";
    struct str path;
    str_init(&path);
    str_add_format(&path, "PATH=%s", proc_path());
    char *const env[] = {locale, path.s, NULL};
    struct program program = {.argv = argv,
                              .env = env,
                              .fds = fds,
                              .fd_count = (int)count,
                              .scratch = mem_zalloc(count, sizeof(int))};
    int fail[2] = {-1, -1};
    int code = 0;
    pid_t pid = -1;

    if (pipe2(fail, O_CLOEXEC) != 0) {
        code = errno;
        goto out;
    }
    pid = fork_child(&code);
    if (pid == 0)
        run_program(&program, fail[1], code);
    if (pid < 0) {
        code = errno;
        goto out;
    }
    close(fail[1]);
    fail[1] = -1;
    code = await_exec(fail[0]);
    if (code != 0)
        waitpid(pid, NULL, 0);
out:
    if (fail[0] >= 0)
        close(fail[0]);
    if (fail[1] >= 0)
        close(fail[1]);
    free(program.scratch);
    str_fini(&path);
    if (code != 0) {
        err_set_sys(e, code, "cannot run %s", argv[0]);
        return -1;
    }
    return pid;
}

/* The worker: leaves all that is the parent's, and runs `fn`. */
static _Noreturn void run_worker(struct loop *loop, proc_fork_fn *fn, void *arg, const int ends[2],
                                 int code)
{
    loop_forget(loop);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = fcntl(ends[1], F_DUPFD_CLOEXEC, WORKER_FD + 1);
    if (fd < 0)
        code = errno;
    /* By number too: they are below WORKER_FD where the parent had closed 0, 1 or 2. */
    close(ends[0]);
    close(ends[1]);
    if (code == 0)
        code = keep_up_to(WORKER_FD, fd);
    unblock_signals();
    _exit(code == 0 ? fn(arg, WORKER_FD) : 127);
}

pid_t proc_fork(struct loop *loop, proc_fork_fn *fn, void *arg, int *ret_fd, struct err *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set_sys(e, errno, "cannot make a socket for a worker");
    int code = 0;
    pid_t pid = -1;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        pid = fork_child(&code);
    if (pid == 0)
        run_worker(loop, fn, arg, ends, code);
    if (pid < 0) {
        err_set_sys(e, errno, "cannot start a worker");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

/* The filter: as the worker, with its two descriptors in the place of a socket. */
static _Noreturn void run_filter(struct loop *loop, proc_fork_fn *fn, void *arg, const int fds[3],
                                 int code)
{
    int high[3];
    loop_forget(loop);
    (void)signal(SIGPIPE, SIG_IGN);
    if (code == 0)
        code = place_descriptors(fds, 3, high);
    system_close_from(3);
    unblock_signals();
    _exit(code == 0 ? fn(arg, -1) : 127);
}

pid_t proc_fork_filter(struct loop *loop, proc_fork_fn *fn, void *arg, int in_fd, int out_fd,
                       struct err *e)
{
    const int fds[3] = {in_fd, out_fd, PROC_FD_NULL};
    int code = 0;
    pid_t pid = fork_child(&code);
    if (pid == 0)
        run_filter(loop, fn, arg, fds, code);
    if (pid < 0)
        return err_set_sys(e, errno, "cannot start a process between two others");
    return pid;
}
