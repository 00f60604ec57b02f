/*
 * Children. Each is in its own process group, dies with its parent, has a clean environment
 * (LC_ALL=C and PATH), default signals, and no descriptor but 0, 1, 2 and those that it is given. A
 * failed exec comes back as its errno from proc_start, not as exit status 127.
 */
#ifndef BACKUPD_OS_PROC_H
#define BACKUPD_OS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

/* How much of the end of a child's stderr is kept: what is wrong stands before the usage text of
 * `zfs list`, which has 7 KiB. */
#define PROC_STDERR_TAIL 16384

struct proc;

/* What became of a child. */
struct proc_result {
    int status;     /* exit status, or -1 where a signal ended it */
    int signo;      /* that signal, or 0 */
    bool stalled;   /* we ended it: no output for `stall_ms` */
    bool late;      /* we ended it: still there after `deadline_ms` */
    bool cancelled; /* proc_cancel, or a callback that returned -1; it may have ended before */
    int64_t run_ms; /* how long it ran */
    /* The last of its stderr, NUL-terminated; NULs in it read as '?'. Valid during the call. */
    const char *err_tail;
};

/*
 * Bytes as they were read. A callback that returns -1 ends the child (as proc_cancel does), and
 * none of the two data callbacks is called again.
 */
typedef int proc_data_fn(void *arg, const char *data, size_t len);

/*
 * Called once, when the child was reaped and its pipes were read to the end; or a second after it
 * was reaped, with what the pipes held by then, where some process that left the child's group
 * keeps them open. `proc` is freed after it returns.
 */
typedef void proc_exit_fn(void *arg, const struct proc_result *result);

#define PROC_FD_NULL (-1) /* /dev/null */

struct proc_spec {
    /* NULL-terminated. argv[0] is looked up in proc_path(), or used as it is if it has a slash. */
    const char *const *argv;
    int in_fd;            /* descriptor for stdin, or PROC_FD_NULL; the caller still owns it */
    int out_fd;           /* the same for stdout; not looked at where on_out is set */
    proc_data_fn *on_out; /* not NULL: stdout is a pipe, and this gets what comes */
    proc_data_fn *on_err; /* what comes on stderr, besides the tail that is kept; may be NULL */
    proc_exit_fn *on_exit;
    void *arg;
    /* What it gets as descriptors 3, 4 and so on; the caller still owns them. May be NULL. */
    const int *extra_fds;
    size_t extra_fd_count;
    int64_t stall_ms;    /* 0: none. The longest silence on stdout and stderr together */
    int64_t deadline_ms; /* 0: none. From the start */
};

/*
 * Starts a child. Returns NULL and fills `e` (ERR_SYSTEM; ENOENT where the program is not there)
 * where it could not; on_exit is then not called. Waits for the exec. The loop must live, and run,
 * until on_exit was called.
 */
struct proc *proc_start(struct loop *loop, const struct proc_spec *spec, struct err *e);

/* Counts as output for the stall watchdog: something else shows that the child gets on. */
void proc_touch(struct proc *proc);

/* SIGTERM to its group, SIGKILL two seconds later. on_exit is still called, from the loop: five
 * seconds after that also where the kernel does not let the child go. */
void proc_cancel(struct proc *proc);

/* SIGKILL to its group, at once, and everything here is freed: on_exit is not called. Not from one of
 * its callbacks. NULL is fine. */
void proc_abandon(struct proc *proc);

/* Its pid, which is also its process group. */
pid_t proc_pid(const struct proc *proc);

/*
 * A pipe to join two children, as large as the kernel allows, so that neither waits for the other
 * at every turn. Both ends close on exec. Returns 0, or -1 and errno.
 */
int proc_make_pipe(int ret_fds[2]);

/* A worker: forks, and runs `fn` in the child, whose return value is its exit status. */
typedef int proc_fork_fn(void *arg, int fd);

/*
 * Forks a child of the kinds above that goes on in our own program: `fn(arg, fd)` with one end of
 * a stream socketpair, the other end of which (non-blocking, close-on-exec) goes to `*ret_fd`,
 * owned by the caller. In the child the loop is forgotten, all descriptors but 0, 1, 2 and `fd`
 * (blocking, close-on-exec) are closed, and SIGPIPE is ignored. It ends with _exit(2): what stdio
 * holds is not written. Returns the pid, or -1 and `e`. The caller watches it with
 * loop_watch_child.
 */
pid_t proc_fork(struct loop *loop, proc_fork_fn *fn, void *arg, int *ret_fd, struct err *e);

/*
 * Forks a child that goes on in our own program, too, between two others: `fn(arg, -1)` with `in_fd`
 * and `out_fd`, which stay the caller's, as descriptors 0 and 1, /dev/null as 2, and no other.
 * SIGPIPE is ignored in it. Returns the pid, or -1 and `e`. The caller watches it with
 * loop_watch_child.
 */
pid_t proc_fork_filter(struct loop *loop, proc_fork_fn *fn, void *arg, int in_fd, int out_fd,
                       struct err *e);

/* SIGTERM or SIGKILL to a process group; a group that is gone is fine. */
void proc_signal_group(pid_t pgid, int signo);

/*
 * Where programs are looked up: the absolute folders of the PATH that we were started with (as it
 * is at the first call), then the system's; none twice. Valid for ever.
 */
const char *proc_path(void);

#endif
