/*
 * The parent's side of a child: its pipes, its watchdogs and its end. How it is started is in
 * proc_spawn.c.
 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "proc_spawn.h"
#include "system.h"

/* From SIGTERM to SIGKILL. */
#define KILL_AFTER_MS 2000

/* From SIGKILL to giving up on a child that the kernel does not let go. */
#define ABANDON_AFTER_MS 5000

/* How long a pipe may outlive the child. */
#define PIPE_GRACE_MS 1000

/* One read, and so what one child gets of the loop's time per round. Linux pipes hold this much. */
#define READ_SIZE 65536

/* Standard input, output and error. */
#define STANDARD_FDS 3

/* Reads of a pipe that somebody keeps open, at the very end: pipe-max-size is 1 MiB. */
#define LAST_READS 16

struct child_pipe {
    struct proc *proc;
    int fd; /* -1 once at its end */
    struct loop_fd *watch;
    proc_data_fn *fn; /* may be NULL */
};

struct proc {
    struct loop *loop;
    pid_t pid;
    struct child_pipe out;
    struct child_pipe err;
    proc_exit_fn *on_exit;
    void *arg;
    int64_t stall_ms;
    int64_t started_ms;
    int64_t touched_ms;
    struct loop_timer *stall_timer;
    struct loop_timer *deadline_timer;
    struct loop_timer *kill_timer;
    struct loop_timer *grace_timer;
    bool ending; /* SIGTERM was sent */
    bool reaped;
    struct proc_result result;
    size_t tail_len;
    char tail[PROC_STDERR_TAIL + 1];
};

static void stop_timer(struct loop_timer **timer)
{
    loop_remove_timer(*timer);
    *timer = NULL;
}

static void close_pipe(struct child_pipe *pipe)
{
    loop_remove_fd(pipe->watch);
    pipe->watch = NULL;
    if (pipe->fd >= 0)
        close(pipe->fd);
    pipe->fd = -1;
}

static void finish(struct proc *proc);

/* A child that the kernel holds, as on a suspended pool, cannot be waited for: it is reaped whenever
 * it ends, and whoever waits for it hears of it now. */
static void on_abandon_timer(void *arg)
{
    struct proc *proc = arg;
    proc->kill_timer = NULL;
    loop_unwatch_child(proc->loop, proc->pid);
    proc->result.status = -1;
    proc->result.signo = SIGKILL;
    proc->result.run_ms = clock_monotonic_ms() - proc->started_ms;
    finish(proc);
}

static void on_kill_timer(void *arg)
{
    struct proc *proc = arg;
    proc_signal_group(proc->pid, SIGKILL);
    proc->kill_timer = loop_add_timer(proc->loop, ABANDON_AFTER_MS, on_abandon_timer, proc);
}

/* The loop reaps the child and says so in one go, so that until then the number is still its. */
static void end_child(struct proc *proc)
{
    if (proc->ending || proc->reaped)
        return;
    proc->ending = true;
    stop_timer(&proc->stall_timer);
    stop_timer(&proc->deadline_timer);
    proc_signal_group(proc->pid, SIGTERM);
    proc->kill_timer = loop_add_timer(proc->loop, KILL_AFTER_MS, on_kill_timer, proc);
}

void proc_cancel(struct proc *proc)
{
    proc->result.cancelled = true;
    end_child(proc);
}

void proc_abandon(struct proc *proc)
{
    if (proc == NULL)
        return;
    if (!proc->reaped) {
        proc_signal_group(proc->pid, SIGKILL);
        loop_unwatch_child(proc->loop, proc->pid);
    }
    stop_timer(&proc->stall_timer);
    stop_timer(&proc->deadline_timer);
    stop_timer(&proc->kill_timer);
    stop_timer(&proc->grace_timer);
    close_pipe(&proc->out);
    close_pipe(&proc->err);
    free(proc);
}

void proc_touch(struct proc *proc)
{
    proc->touched_ms = clock_monotonic_ms();
}

pid_t proc_pid(const struct proc *proc)
{
    return proc->pid;
}

static void on_stall_timer(void *arg)
{
    struct proc *proc = arg;
    proc->stall_timer = NULL;
    int64_t silent_ms = clock_monotonic_ms() - proc->touched_ms;
    if (silent_ms < proc->stall_ms) {
        proc->stall_timer =
            loop_add_timer(proc->loop, proc->stall_ms - silent_ms, on_stall_timer, proc);
        return;
    }
    proc->result.stalled = true;
    end_child(proc);
}

static void on_deadline_timer(void *arg)
{
    struct proc *proc = arg;
    proc->deadline_timer = NULL;
    proc->result.late = true;
    end_child(proc);
}

static void keep_tail(struct proc *proc, const char *data, size_t len)
{
    if (len > PROC_STDERR_TAIL) {
        data += len - PROC_STDERR_TAIL;
        len = PROC_STDERR_TAIL;
    }
    size_t room = PROC_STDERR_TAIL - proc->tail_len;
    size_t drop = len > room ? len - room : 0;
    memmove(proc->tail, proc->tail + drop, proc->tail_len - drop);
    proc->tail_len -= drop;
    for (size_t i = 0; i < len; i++)
        proc->tail[proc->tail_len++] = (char)(data[i] != '\0' ? data[i] : '?');
}

/* Reads once and hands on what came. Returns whether there may be more; closes it at its end. */
static bool read_pipe(struct child_pipe *pipe)
{
    struct proc *proc = pipe->proc;
    char data[READ_SIZE];
    ssize_t got = read(pipe->fd, data, sizeof(data));
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return errno == EINTR;
    if (got <= 0) {
        close_pipe(pipe);
        return false;
    }
    proc_touch(proc);
    if (pipe == &proc->err)
        keep_tail(proc, data, (size_t)got);
    if (pipe->fn != NULL && pipe->fn(proc->arg, data, (size_t)got) != 0) {
        proc->out.fn = NULL;
        proc->err.fn = NULL;
        proc_cancel(proc);
    }
    return true;
}

/* Reads what is there, but not for ever: somebody may go on writing. */
static void drain_pipe(struct child_pipe *pipe)
{
    bool more = pipe->fd >= 0;
    for (int i = 0; i < LAST_READS && more; i++)
        more = read_pipe(pipe);
}

/* Tells the owner, and frees everything. */
static void finish(struct proc *proc)
{
    stop_timer(&proc->grace_timer);
    close_pipe(&proc->out);
    close_pipe(&proc->err);
    proc->tail[proc->tail_len] = '\0';
    proc->result.err_tail = proc->tail;
    proc->on_exit(proc->arg, &proc->result);
    free(proc);
}

static void finish_if_over(struct proc *proc)
{
    if (proc->reaped && proc->out.fd < 0 && proc->err.fd < 0)
        finish(proc);
}

static void on_readable(void *arg, short revents)
{
    struct child_pipe *pipe = arg;
    (void)revents;
    read_pipe(pipe);
    finish_if_over(pipe->proc);
}

/*
 * Somebody who has left the child's group, such as the master that ssh puts into the background,
 * keeps a pipe open. What the child wrote itself is in the pipe by now.
 */
static void on_grace_timer(void *arg)
{
    struct proc *proc = arg;
    proc->grace_timer = NULL;
    drain_pipe(&proc->out);
    drain_pipe(&proc->err);
    finish(proc);
}

static void on_child(void *arg, pid_t pid, int wait_status)
{
    struct proc *proc = arg;
    (void)pid;
    proc->reaped = true;
    proc->result.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    proc->result.signo = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    proc->result.run_ms = clock_monotonic_ms() - proc->started_ms;
    stop_timer(&proc->stall_timer);
    stop_timer(&proc->deadline_timer);
    stop_timer(&proc->kill_timer);
    proc->grace_timer = loop_add_timer(proc->loop, PIPE_GRACE_MS, on_grace_timer, proc);
    finish_if_over(proc);
}

/* The loop's part, once the child runs. */
static void watch_child(struct proc *proc, const struct proc_spec *spec)
{
    proc->started_ms = clock_monotonic_ms();
    proc->touched_ms = proc->started_ms;
    if (proc->out.fd >= 0)
        proc->out.watch = loop_add_fd(proc->loop, proc->out.fd, POLLIN, on_readable, &proc->out);
    proc->err.watch = loop_add_fd(proc->loop, proc->err.fd, POLLIN, on_readable, &proc->err);
    if (spec->stall_ms > 0)
        proc->stall_timer = loop_add_timer(proc->loop, spec->stall_ms, on_stall_timer, proc);
    if (spec->deadline_ms > 0)
        proc->deadline_timer =
            loop_add_timer(proc->loop, spec->deadline_ms, on_deadline_timer, proc);
    loop_watch_child(proc->loop, proc->pid, on_child, proc);
}

static struct proc *proc_new(struct loop *loop, const struct proc_spec *spec)
{
    struct proc *proc = mem_zalloc(1, sizeof(*proc));
    proc->loop = loop;
    proc->out = (struct child_pipe){.proc = proc, .fd = -1, .fn = spec->on_out};
    proc->err = (struct child_pipe){.proc = proc, .fd = -1, .fn = spec->on_err};
    proc->on_exit = spec->on_exit;
    proc->arg = spec->arg;
    proc->stall_ms = spec->stall_ms;
    return proc;
}

/* A pipe whose reading end, `*ret_ours`, does not block; the child's end does. */
static int make_pipe(int *ret_ours, int *ret_childs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    *ret_ours = ends[0];
    *ret_childs = ends[1];
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int proc_make_pipe(int ret_fds[2])
{
    if (pipe2(ret_fds, O_CLOEXEC) != 0)
        return -1;
    system_enlarge_pipe(ret_fds[1]);
    return 0;
}

/* Spawns it, with its three standard descriptors and the extra ones. Returns its pid, or -1. */
static pid_t spawn(const struct proc_spec *spec, int out_fd, int err_fd, struct err *e)
{
    size_t count = STANDARD_FDS + spec->extra_fd_count;
    int *fds = mem_zalloc(count, sizeof(*fds));
    fds[0] = spec->in_fd;
    fds[1] = out_fd;
    fds[2] = err_fd;
    for (size_t i = 0; i < spec->extra_fd_count; i++)
        fds[STANDARD_FDS + i] = spec->extra_fds[i];
    pid_t pid = proc_spawn(spec->argv, fds, count, e);
    free(fds);
    return pid;
}

struct proc *proc_start(struct loop *loop, const struct proc_spec *spec, struct err *e)
{
    struct proc *proc = proc_new(loop, spec);
    int out_end = -1;
    int err_end = -1;
    int result = -1;

    if (make_pipe(&proc->err.fd, &err_end) != 0 ||
        (spec->on_out != NULL && make_pipe(&proc->out.fd, &out_end) != 0)) {
        err_set_sys(e, errno, "cannot make a pipe for %s", spec->argv[0]);
        goto out;
    }
    proc->pid = spawn(spec, spec->on_out != NULL ? out_end : spec->out_fd, err_end, e);
    if (proc->pid < 0)
        goto out;
    watch_child(proc, spec);
    result = 0;
out:
    if (out_end >= 0)
        close(out_end);
    if (err_end >= 0)
        close(err_end);
    if (result != 0) {
        close_pipe(&proc->out);
        close_pipe(&proc->err);
        free(proc);
        return NULL;
    }
    return proc;
}
