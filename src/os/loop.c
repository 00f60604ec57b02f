/*
 * The poll(2) loop.
 *
 * Callbacks may remove any watch while we walk the lists. So removing only marks it; what is
 * marked is neither polled nor called, and is freed when the round is over. New watches go to the
 * front of their list, where a walk that is under way does not see them.
 *
 * A signal handler only sets a flag and writes a byte to a pipe that is polled with the rest. The
 * flag is set before the byte is written and looked at after the pipe was emptied, so none is lost.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

/* Above every signal number of the systems that we run on. */
#define SIGNAL_LIMIT 128

/* What waitpid would say of `exit 255`: the fate of a child that somebody else has reaped. */
#define STATUS_UNKNOWN (255 << 8)

struct loop_fd {
    struct loop_fd *next;
    struct loop *loop;
    int fd;
    short events;
    bool removed;
    loop_fd_fn *fn;
    void *arg;
};

struct loop_timer {
    struct loop_timer *next;
    struct loop *loop;
    int64_t due_ms;
    uint64_t number; /* counts the timers ever made */
    bool removed;
    loop_timer_fn *fn;
    void *arg;
};

struct loop_child {
    struct loop_child *next;
    pid_t pid;
    bool removed;
    loop_child_fn *fn; /* NULL: unwatched, but to be reaped */
    void *arg;
};

struct loop_signal {
    loop_signal_fn *fn;
    void *arg;
};

struct loop {
    struct loop_fd *fds;
    struct loop_timer *timers;
    struct loop_child *children;
    struct loop_signal signals[SIGNAL_LIMIT];
    int pipe_fd;
    uint64_t timers_made;
    bool look_for_children; /* one was watched that may have ended before */
    bool running;           /* callbacks are being called */
    bool stopped;

    struct pollfd *polled;    /* [0] is the pipe, [i] is watches[i] */
    struct loop_fd **watches; /* of the present round */
    size_t polled_cap;
    size_t watches_cap;
};

/* What the signal handler sees. */
static volatile sig_atomic_t signal_pending[SIGNAL_LIMIT];
static volatile sig_atomic_t signal_pipe = -1;

static void on_signal(int signo)
{
    int saved = errno;
    signal_pending[signo] = 1;
    /* It fails where the pipe is full, and there is then a byte to wake us already. */
    ssize_t written = write((int)signal_pipe, "", 1);
    (void)written;
    errno = saved;
}

static int set_disposition(int signo, void (*handler)(int), struct err *e)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigemptyset(&action.sa_mask);
    if (sigaction(signo, &action, NULL) != 0)
        return err_set_sys(e, errno, "cannot handle signal %d", signo);
    return 0;
}

struct loop *loop_new(struct err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        err_set_sys(e, errno, "cannot make a pipe for signals");
        return NULL;
    }
    struct loop *loop = mem_zalloc(1, sizeof(*loop));
    loop->pipe_fd = ends[0];
    for (int signo = 0; signo < SIGNAL_LIMIT; signo++)
        signal_pending[signo] = 0;
    signal_pipe = ends[1];
    if (set_disposition(SIGCHLD, on_signal, e) != 0 || set_disposition(SIGPIPE, SIG_IGN, e) != 0) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void free_removed_fds(struct loop *loop)
{
    for (struct loop_fd **at = &loop->fds; *at != NULL;) {
        struct loop_fd *watch = *at;
        if (watch->removed) {
            *at = watch->next;
            free(watch);
        } else {
            at = &watch->next;
        }
    }
}

static void free_removed_timers(struct loop *loop)
{
    for (struct loop_timer **at = &loop->timers; *at != NULL;) {
        struct loop_timer *timer = *at;
        if (timer->removed) {
            *at = timer->next;
            free(timer);
        } else {
            at = &timer->next;
        }
    }
}

static void free_removed_children(struct loop *loop)
{
    for (struct loop_child **at = &loop->children; *at != NULL;) {
        struct loop_child *child = *at;
        if (child->removed) {
            *at = child->next;
            free(child);
        } else {
            at = &child->next;
        }
    }
}

static void restore_signals(const struct loop *loop)
{
    set_disposition(SIGCHLD, SIG_DFL, NULL);
    set_disposition(SIGPIPE, SIG_DFL, NULL);
    for (int signo = 1; signo < SIGNAL_LIMIT; signo++) {
        if (loop->signals[signo].fn != NULL)
            set_disposition(signo, SIG_DFL, NULL);
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    restore_signals(loop);
    close((int)signal_pipe);
    signal_pipe = -1;
    close(loop->pipe_fd);
    for (struct loop_fd *watch = loop->fds; watch != NULL; watch = watch->next)
        watch->removed = true;
    for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
        timer->removed = true;
    for (struct loop_child *child = loop->children; child != NULL; child = child->next)
        child->removed = true;
    free_removed_fds(loop);
    free_removed_timers(loop);
    free_removed_children(loop);
    free(loop->polled);
    free(loop->watches);
    free(loop);
}

void loop_forget(struct loop *loop)
{
    /*
     * With poll(2) everything is ours alone after the fork: memory, dispositions, and our copies
     * of the pipe's descriptors. An epoll or kqueue descriptor would be shared with the parent.
     */
    loop_free(loop);
}

struct loop_fd *loop_add_fd(struct loop *loop, int fd, short events, loop_fd_fn *fn, void *arg)
{
    struct loop_fd *watch = mem_alloc(sizeof(*watch));
    *watch = (struct loop_fd){
        .next = loop->fds, .loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
    loop->fds = watch;
    return watch;
}

void loop_set_events(struct loop_fd *watch, short events)
{
    watch->events = events;
}

void loop_remove_fd(struct loop_fd *watch)
{
    if (watch == NULL)
        return;
    watch->removed = true;
    if (!watch->loop->running)
        free_removed_fds(watch->loop);
}

struct loop_timer *loop_add_timer(struct loop *loop, int64_t delay_ms, loop_timer_fn *fn, void *arg)
{
    int64_t now = clock_monotonic_ms();
    if (delay_ms < 0)
        delay_ms = 0;
    if (delay_ms > INT64_MAX - now)
        delay_ms = INT64_MAX - now;
    struct loop_timer *timer = mem_alloc(sizeof(*timer));
    *timer = (struct loop_timer){.next = loop->timers,
                                 .loop = loop,
                                 .due_ms = now + delay_ms,
                                 .number = loop->timers_made++,
                                 .fn = fn,
                                 .arg = arg};
    loop->timers = timer;
    return timer;
}

void loop_remove_timer(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    timer->removed = true;
    if (!timer->loop->running)
        free_removed_timers(timer->loop);
}

int loop_watch_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *arg, struct err *e)
{
    if (signo <= 0 || signo >= SIGNAL_LIMIT || signo == SIGCHLD || signo == SIGPIPE)
        return err_set_sys(e, EINVAL, "cannot handle signal %d", signo);
    if (set_disposition(signo, on_signal, e) != 0)
        return -1;
    loop->signals[signo] = (struct loop_signal){.fn = fn, .arg = arg};
    return 0;
}

void loop_watch_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg)
{
    struct loop_child *child = mem_alloc(sizeof(*child));
    *child = (struct loop_child){.next = loop->children, .pid = pid, .fn = fn, .arg = arg};
    loop->children = child;
    loop->look_for_children = true;
}

void loop_unwatch_child(struct loop *loop, pid_t pid)
{
    for (struct loop_child *child = loop->children; child != NULL; child = child->next) {
        if (child->pid == pid && !child->removed)
            child->fn = NULL;
    }
}

/* The timer to fire next among those made before number `end`: NULL where there is none. */
static struct loop_timer *next_timer(const struct loop *loop, uint64_t end)
{
    struct loop_timer *next = NULL;
    for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next) {
        if (timer->removed || timer->number >= end)
            continue;
        if (next == NULL || timer->due_ms < next->due_ms ||
            (timer->due_ms == next->due_ms && timer->number < next->number))
            next = timer;
    }
    return next;
}

/* poll(2)'s timeout: until the first timer, but at most `max_wait_ms` (-1: no limit). */
static int poll_timeout(const struct loop *loop, int64_t max_wait_ms)
{
    if (loop->look_for_children)
        return 0;
    int64_t wait_ms = max_wait_ms;
    const struct loop_timer *timer = next_timer(loop, UINT64_MAX);
    if (timer != NULL) {
        int64_t left_ms = timer->due_ms - clock_monotonic_ms();
        if (left_ms < 0)
            left_ms = 0;
        if (wait_ms < 0 || left_ms < wait_ms)
            wait_ms = left_ms;
    }
    if (wait_ms < 0)
        return -1;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

static void add_polled(struct loop *loop, size_t i, struct pollfd polled, struct loop_fd *watch)
{
    loop->polled = mem_grow(loop->polled, i, &loop->polled_cap, sizeof(*loop->polled));
    loop->watches = mem_grow(loop->watches, i, &loop->watches_cap, sizeof(*loop->watches));
    loop->polled[i] = polled;
    loop->watches[i] = watch;
}

/* Fills `polled` and `watches` for one round. Returns how many there are. */
static size_t collect_polled(struct loop *loop)
{
    size_t count = 0;
    add_polled(loop, count++, (struct pollfd){.fd = loop->pipe_fd, .events = POLLIN}, NULL);
    for (struct loop_fd *watch = loop->fds; watch != NULL; watch = watch->next) {
        /* A paused watch is left out, because poll reports a hang-up even unasked. */
        if (watch->events != 0)
            add_polled(loop, count++, (struct pollfd){.fd = watch->fd, .events = watch->events},
                       watch);
    }
    return count;
}

static void run_fds(struct loop *loop, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct loop_fd *watch = loop->watches[i];
        short revents = loop->polled[i].revents;
        /* A callback before this one may have removed or paused it. */
        if (revents != 0 && !watch->removed && watch->events != 0)
            watch->fn(watch->arg, revents);
    }
}

static void run_timers(struct loop *loop)
{
    int64_t now = clock_monotonic_ms();
    /* A timer that a callback adds waits for the next round, or a delay of 0 would never end. */
    uint64_t end = loop->timers_made;
    struct loop_timer *timer = next_timer(loop, end);
    while (timer != NULL && timer->due_ms <= now) {
        timer->removed = true;
        timer->fn(timer->arg);
        timer = next_timer(loop, end);
    }
}

static void run_signals(struct loop *loop)
{
    char waste[64];
    ssize_t got;
    do {
        got = read(loop->pipe_fd, waste, sizeof(waste));
    } while (got > 0);
    for (int signo = 1; signo < SIGNAL_LIMIT; signo++) {
        const struct loop_signal *watch = &loop->signals[signo];
        if (watch->fn == NULL || signal_pending[signo] == 0)
            continue;
        signal_pending[signo] = 0;
        watch->fn(watch->arg, signo);
    }
}

/*
 * Reaps `child` if it has ended. Returns whether it has.
 *
 * What is left of its process group is killed while it is still a zombie: until it is reaped its
 * number cannot be given to another process or group, so the kill cannot hit a stranger. A child
 * that leads no group makes this a kill of nobody, for the same reason.
 */
static bool reap(const struct loop_child *child, int *ret_status)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        *ret_status = STATUS_UNKNOWN;
        return errno == ECHILD;
    }
    if (info.si_pid != child->pid)
        return false;
    if (child->pid > 1)
        kill(-child->pid, SIGKILL);
    if (waitpid(child->pid, ret_status, 0) != child->pid)
        *ret_status = STATUS_UNKNOWN;
    return true;
}

/* One waitid for each child that we watch: waitpid(-1) would take children of others. */
static void run_children(struct loop *loop)
{
    if (signal_pending[SIGCHLD] == 0 && !loop->look_for_children)
        return;
    signal_pending[SIGCHLD] = 0;
    loop->look_for_children = false;
    for (struct loop_child *child = loop->children; child != NULL; child = child->next) {
        int status = 0;
        if (child->removed || !reap(child, &status))
            continue;
        child->removed = true;
        if (child->fn != NULL)
            child->fn(child->arg, child->pid, status);
    }
}

int loop_run_once(struct loop *loop, int64_t max_wait_ms, struct err *e)
{
    assert(!loop->running);
    size_t count = collect_polled(loop);
    int ready = poll(loop->polled, (nfds_t)count, poll_timeout(loop, max_wait_ms));
    if (ready < 0 && errno != EINTR && errno != EAGAIN)
        return err_set_sys(e, errno, "cannot wait for events");
    loop->running = true;
    /* Descriptors first: what a child wrote in time counts before a timer says it was silent. */
    if (ready > 0)
        run_fds(loop, count);
    run_timers(loop);
    run_signals(loop);
    run_children(loop);
    loop->running = false;
    free_removed_fds(loop);
    free_removed_timers(loop);
    free_removed_children(loop);
    return 0;
}

int loop_run(struct loop *loop, struct err *e)
{
    while (!loop->stopped) {
        if (loop_run_once(loop, -1, e) != 0)
            return -1;
    }
    loop->stopped = false;
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
