/*
 * The poll(2) loop: descriptors, timers, signals and children, in one thread. Every callback runs
 * from loop_run_once; none may block. A callback may add and remove watches, its own included.
 */
#ifndef BACKUPD_OS_LOOP_H
#define BACKUPD_OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct loop;
struct loop_fd;
struct loop_timer;

typedef void loop_fd_fn(void *arg, short revents);
typedef void loop_timer_fn(void *arg);
typedef void loop_signal_fn(void *arg, int signo);
typedef void loop_child_fn(void *arg, pid_t pid, int wait_status);

/*
 * Makes a loop. There is one at a time in a process, because it takes SIGCHLD; it also ignores
 * SIGPIPE. Returns NULL and fills `e` where the system refuses. Release with loop_free.
 */
struct loop *loop_new(struct err *e);

/*
 * Frees it with its watches; restores the signals' defaults. Descriptors stay open. Not from a
 * callback. NULL is fine.
 */
void loop_free(struct loop *loop);

/*
 * Throws away, after fork(2) and in the child only, everything of a loop that belongs to the
 * parent (its watches, its self-pipe), without touching what the parent sees. `loop` is freed. It
 * may be called from within a callback, provided that the child never returns to the loop.
 */
void loop_forget(struct loop *loop);

/*
 * Watches `fd` for `events` (POLLIN, POLLOUT). The loop does not own the descriptor. `fn` also gets
 * POLLHUP, POLLERR and POLLNVAL, unasked; with `events` 0 the watch is paused and gets nothing.
 */
struct loop_fd *loop_add_fd(struct loop *loop, int fd, short events, loop_fd_fn *fn, void *arg);
void loop_set_events(struct loop_fd *watch, short events);
void loop_remove_fd(struct loop_fd *watch); /* NULL is fine */

/*
 * Calls `fn` once, `delay_ms` from now by the monotonic clock. Freed after it fired or _remove; one
 * that is added while the loop runs callbacks fires in the next round at the earliest.
 */
struct loop_timer *loop_add_timer(struct loop *loop, int64_t delay_ms, loop_timer_fn *fn,
                                  void *arg);
void loop_remove_timer(struct loop_timer *timer); /* NULL is fine; not after `fn` returned */

/*
 * Calls `fn` from the loop whenever `signo` has arrived (several arrivals may be one call), instead
 * of what was called for it before. SIGCHLD and SIGPIPE are the loop's own.
 */
int loop_watch_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *arg, struct err *e);

/*
 * Calls `fn` once, when child `pid` has ended and was reaped; also if it already has ended. What is
 * left of the process group `pid` is killed just before. A child that somebody else has reaped
 * counts as having exited with 255.
 */
void loop_watch_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg);
void loop_unwatch_child(struct loop *loop, pid_t pid); /* it is still reaped */

/* Waits for at most `max_wait_ms` (-1: no limit) and runs what is due. 0, or -1 and `e`. Not from a
 * callback. */
int loop_run_once(struct loop *loop, int64_t max_wait_ms, struct err *e);

/* Runs until loop_stop is called, which may have been before. */
int loop_run(struct loop *loop, struct err *e);
void loop_stop(struct loop *loop);

#endif
