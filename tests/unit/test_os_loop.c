/* os/loop: descriptors, timers, signals and children, and watches that callbacks remove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

/* What the callbacks of one test share. */
struct scene {
    struct loop *loop;
    int calls;
    struct loop_fd *fds[2];
    struct loop_timer *timers[2];
    pid_t pids[2];
    int status;
    int order[8];
    int fd;
};

static void set_up(struct scene *scene)
{
    struct err e = ERR_INIT;
    memset(scene, 0, sizeof(*scene));
    scene->fd = -1;
    scene->loop = loop_new(&e);
    assert_non_null(scene->loop);
}

static void run_until_calls(struct scene *scene, int calls)
{
    struct err e = ERR_INIT;
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;
    while (scene->calls < calls && clock_monotonic_ms() < end)
        assert_int_equal(0, loop_run_once(scene->loop, 100, &e));
    assert_int_equal(calls, scene->calls);
}

/* One round that waits for nothing: whatever is due is called. */
static void run_one_round(struct scene *scene)
{
    struct err e = ERR_INIT;
    assert_int_equal(0, loop_run_once(scene->loop, 0, &e));
}

static void make_readable_pipe(int ends[2])
{
    assert_int_equal(0, pipe(ends));
    assert_int_equal(1, write(ends[1], "x", 1));
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static pid_t fork_exiting(int status)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(status);
    assert_true(pid > 0);
    return pid;
}

static void count_fd(void *arg, short revents)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->status = revents;
}

static void count_timer(void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
}

static void count_signal(void *arg, int signo)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->status = signo;
}

static void count_child(void *arg, pid_t pid, int wait_status)
{
    struct scene *scene = arg;
    (void)pid;
    scene->calls++;
    scene->status = wait_status;
}

static void a_descriptor_is_reported_as_long_as_it_is_readable(void **state)
{
    (void)state;
    struct scene scene;
    int ends[2];
    set_up(&scene);
    assert_int_equal(0, pipe(ends));
    struct loop_fd *watch = loop_add_fd(scene.loop, ends[0], POLLIN, count_fd, &scene);
    run_one_round(&scene);
    assert_int_equal(0, scene.calls);
    assert_int_equal(1, write(ends[1], "x", 1));
    run_one_round(&scene);
    run_one_round(&scene);
    assert_int_equal(2, scene.calls);
    assert_true((scene.status & POLLIN) != 0);
    loop_remove_fd(watch);
    run_one_round(&scene);
    assert_int_equal(2, scene.calls);
    close_both(ends);
    loop_free(scene.loop);
}

static void a_paused_watch_hears_not_even_of_a_hangup(void **state)
{
    (void)state;
    struct scene scene;
    struct err e = ERR_INIT;
    int ends[2];
    set_up(&scene);
    make_readable_pipe(ends);
    close(ends[1]);
    struct loop_fd *watch = loop_add_fd(scene.loop, ends[0], 0, count_fd, &scene);
    /* Nor does it wake the loop, which would then never rest. */
    int64_t start = clock_monotonic_ms();
    assert_int_equal(0, loop_run_once(scene.loop, 50, &e));
    assert_true(clock_monotonic_ms() - start >= 50);
    assert_int_equal(0, scene.calls);
    loop_set_events(watch, POLLIN);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    close(ends[0]);
    loop_free(scene.loop);
}

static void remove_both_fds(void *arg, short revents)
{
    struct scene *scene = arg;
    count_fd(arg, revents);
    loop_remove_fd(scene->fds[0]);
    loop_remove_fd(scene->fds[1]);
}

static void a_descriptors_callback_can_remove_itself_and_another_that_is_due(void **state)
{
    (void)state;
    struct scene scene;
    int first[2];
    int second[2];
    set_up(&scene);
    make_readable_pipe(first);
    make_readable_pipe(second);
    scene.fds[0] = loop_add_fd(scene.loop, first[0], POLLIN, remove_both_fds, &scene);
    scene.fds[1] = loop_add_fd(scene.loop, second[0], POLLIN, remove_both_fds, &scene);
    run_one_round(&scene);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    close_both(first);
    close_both(second);
    loop_free(scene.loop);
}

/* Closes what was watched, and gives the number to a pipe that has nothing to read. */
static void replace_descriptor(void *arg, short revents)
{
    struct scene *scene = arg;
    (void)revents;
    scene->order[0]++;
    for (int i = 0; i < 2; i++) {
        loop_remove_fd(scene->fds[i]);
        scene->fds[i] = NULL;
    }
    dup2(scene->fd, scene->order[1]);
    loop_add_fd(scene->loop, scene->order[1], POLLIN, count_fd, scene);
}

static void a_reused_descriptor_number_does_not_inherit_readiness(void **state)
{
    (void)state;
    struct scene scene;
    int ready[2];
    int quiet[2];
    set_up(&scene);
    make_readable_pipe(ready);
    assert_int_equal(0, pipe(quiet));
    scene.fd = quiet[0];
    scene.order[1] = ready[0];
    /* Twice the same descriptor, so that whichever is called first, the other is due as well. */
    scene.fds[0] = loop_add_fd(scene.loop, ready[0], POLLIN, replace_descriptor, &scene);
    scene.fds[1] = loop_add_fd(scene.loop, ready[0], POLLIN, replace_descriptor, &scene);
    run_one_round(&scene);
    run_one_round(&scene);
    assert_int_equal(1, scene.order[0]);
    assert_int_equal(0, scene.calls);
    assert_int_equal(1, write(quiet[1], "x", 1));
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    close_both(ready);
    close_both(quiet);
    loop_free(scene.loop);
}

static void a_timer_fires_once_and_not_before_its_time(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    int64_t start = clock_monotonic_ms();
    loop_add_timer(scene.loop, 50, count_timer, &scene);
    run_until_calls(&scene, 1);
    assert_true(clock_monotonic_ms() - start >= 50);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    loop_free(scene.loop);
}

static void note_first(void *arg)
{
    struct scene *scene = arg;
    scene->order[scene->calls++] = 1;
}

static void note_second(void *arg)
{
    struct scene *scene = arg;
    scene->order[scene->calls++] = 2;
}

static void timers_fire_in_the_order_in_which_they_are_due(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    loop_add_timer(scene.loop, 30, note_second, &scene);
    loop_add_timer(scene.loop, 10, note_first, &scene);
    struct loop_timer *never = loop_add_timer(scene.loop, INT64_MAX, count_timer, &scene);
    run_until_calls(&scene, 2);
    assert_int_equal(1, scene.order[0]);
    assert_int_equal(2, scene.order[1]);
    loop_remove_timer(never);
    loop_free(scene.loop);
}

static void remove_both_timers(void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    loop_remove_timer(scene->timers[0]);
    loop_remove_timer(scene->timers[1]);
}

static void a_timers_callback_can_remove_itself_and_another_that_is_due(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    scene.timers[0] = loop_add_timer(scene.loop, 0, remove_both_timers, &scene);
    scene.timers[1] = loop_add_timer(scene.loop, 0, remove_both_timers, &scene);
    run_one_round(&scene);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    loop_free(scene.loop);
}

static void add_timer_again(void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    loop_add_timer(scene->loop, 0, add_timer_again, scene);
}

static void a_timer_that_renews_itself_at_once_does_not_hold_up_the_loop(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    loop_add_timer(scene.loop, 0, add_timer_again, &scene);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    run_one_round(&scene);
    assert_int_equal(2, scene.calls);
    loop_free(scene.loop);
}

static void a_signal_is_reported_from_the_loop(void **state)
{
    (void)state;
    struct scene scene;
    struct err e = ERR_INIT;
    set_up(&scene);
    assert_int_equal(0, loop_watch_signal(scene.loop, SIGUSR1, count_signal, &scene, &e));
    run_one_round(&scene);
    assert_int_equal(0, scene.calls);
    raise(SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(0, scene.calls);
    run_until_calls(&scene, 1);
    assert_int_equal(SIGUSR1, scene.status);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    loop_free(scene.loop);
}

static void signals_have_their_defaults_again_when_the_loop_is_gone(void **state)
{
    (void)state;
    struct scene scene;
    struct err e = ERR_INIT;
    struct sigaction action;
    set_up(&scene);
    assert_int_equal(0, loop_watch_signal(scene.loop, SIGUSR1, count_signal, &scene, &e));
    assert_int_equal(0, sigaction(SIGPIPE, NULL, &action));
    assert_true(action.sa_handler == SIG_IGN);
    loop_free(scene.loop);
    static const int SIGNALS[] = {SIGUSR1, SIGCHLD, SIGPIPE};
    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
        assert_int_equal(0, sigaction(SIGNALS[i], NULL, &action));
        assert_true(action.sa_handler == SIG_DFL);
    }
}

static void a_signal_that_cannot_be_watched_is_an_error(void **state)
{
    (void)state;
    static const int SIGNALS[] = {SIGKILL, SIGCHLD, SIGPIPE, 0, -1, 100000};
    struct scene scene;
    set_up(&scene);
    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(-1, loop_watch_signal(scene.loop, SIGNALS[i], count_signal, &scene, &e));
        assert_int_equal(ERR_SYSTEM, e.code);
        assert_int_equal(EINVAL, e.sys);
    }
    loop_free(scene.loop);
}

static void a_childs_end_is_reported_once_with_its_status(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    pid_t pid = fork_exiting(7);
    loop_watch_child(scene.loop, pid, count_child, &scene);
    run_until_calls(&scene, 1);
    assert_true(WIFEXITED(scene.status));
    assert_int_equal(7, WEXITSTATUS(scene.status));
    assert_int_equal(-1, waitpid(pid, NULL, WNOHANG));
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    loop_free(scene.loop);
}

static void a_child_that_ended_before_it_was_watched_is_reported_too(void **state)
{
    (void)state;
    struct scene scene;
    siginfo_t info;
    set_up(&scene);
    pid_t pid = fork_exiting(7);
    assert_int_equal(0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    run_one_round(&scene); /* SIGCHLD comes and goes while nobody watches */
    loop_watch_child(scene.loop, pid, count_child, &scene);
    run_until_calls(&scene, 1);
    assert_int_equal(7, WEXITSTATUS(scene.status));
    loop_free(scene.loop);
}

static void a_child_that_nobody_watches_is_left_to_its_owner(void **state)
{
    (void)state;
    struct scene scene;
    int status = 0;
    set_up(&scene);
    pid_t others = fork_exiting(3);
    pid_t ours = fork_exiting(7);
    loop_watch_child(scene.loop, ours, count_child, &scene);
    run_until_calls(&scene, 1);
    assert_int_equal(others, waitpid(others, &status, 0));
    assert_int_equal(3, WEXITSTATUS(status));
    loop_free(scene.loop);
}

static void a_child_that_somebody_else_has_reaped_counts_as_failed(void **state)
{
    (void)state;
    struct scene scene;
    set_up(&scene);
    pid_t pid = fork_exiting(0);
    assert_int_equal(pid, waitpid(pid, NULL, 0));
    loop_watch_child(scene.loop, pid, count_child, &scene);
    run_until_calls(&scene, 1);
    assert_int_equal(255, WEXITSTATUS(scene.status));
    loop_free(scene.loop);
}

static void unwatch_both_children(void *arg, pid_t pid, int wait_status)
{
    struct scene *scene = arg;
    count_child(arg, pid, wait_status);
    loop_unwatch_child(scene->loop, scene->pids[0]);
    loop_unwatch_child(scene->loop, scene->pids[1]);
}

static void an_unwatched_child_is_reaped_without_a_word(void **state)
{
    (void)state;
    struct scene scene;
    siginfo_t info;
    set_up(&scene);
    for (int i = 0; i < 2; i++) {
        scene.pids[i] = fork_exiting(0);
        assert_int_equal(0, waitid(P_PID, (id_t)scene.pids[i], &info, WEXITED | WNOWAIT));
        loop_watch_child(scene.loop, scene.pids[i], unwatch_both_children, &scene);
    }
    run_one_round(&scene);
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(-1, waitpid(scene.pids[i], NULL, WNOHANG));
        assert_int_equal(ECHILD, errno);
    }
    loop_free(scene.loop);
}

static void stop_loop(void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    loop_stop(scene->loop);
}

static void run_ends_when_it_is_stopped_and_can_run_again(void **state)
{
    (void)state;
    struct scene scene;
    struct err e = ERR_INIT;
    set_up(&scene);
    for (int i = 1; i <= 2; i++) {
        loop_add_timer(scene.loop, 1, stop_loop, &scene);
        assert_int_equal(0, loop_run(scene.loop, &e));
        assert_int_equal(i, scene.calls);
    }
    loop_stop(scene.loop);
    assert_int_equal(0, loop_run(scene.loop, &e));
    loop_free(scene.loop);
}

/* In the child: forgets the parent's loop, uses one of its own, and tells whether all was well. */
static int live_after_forgetting(struct loop *parents)
{
    struct scene scene = {0};
    struct err e = ERR_INIT;
    loop_forget(parents);
    scene.loop = loop_new(&e);
    if (scene.loop == NULL)
        return 1;
    if (loop_watch_signal(scene.loop, SIGUSR1, count_signal, &scene, &e) != 0)
        return 2;
    raise(SIGUSR1);
    if (loop_run_once(scene.loop, PATIENCE_MS, &e) != 0 || scene.calls != 1)
        return 3;
    loop_free(scene.loop);
    return 0;
}

static void a_forked_child_that_forgets_the_loop_leaves_the_parents_alone(void **state)
{
    (void)state;
    struct scene scene;
    struct scene child_scene;
    struct err e = ERR_INIT;
    int ends[2];
    set_up(&scene);
    child_scene = scene;
    make_readable_pipe(ends);
    assert_int_equal(0, loop_watch_signal(scene.loop, SIGUSR1, count_signal, &scene, &e));
    loop_add_fd(scene.loop, ends[0], POLLIN, count_fd, &scene);
    pid_t pid = fork();
    if (pid == 0)
        _exit(live_after_forgetting(scene.loop));
    loop_watch_child(scene.loop, pid, count_child, &child_scene);
    run_until_calls(&child_scene, 1);
    assert_int_equal(0, child_scene.status);
    scene.calls = 0;
    run_one_round(&scene);
    assert_int_equal(1, scene.calls);
    assert_true((scene.status & POLLIN) != 0);
    close_both(ends);
    loop_free(scene.loop);
}

static void freeing_no_loop_and_removing_no_watch_is_fine(void **state)
{
    (void)state;
    loop_free(NULL);
    loop_remove_fd(NULL);
    loop_remove_timer(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_is_reported_as_long_as_it_is_readable),
        cmocka_unit_test(a_paused_watch_hears_not_even_of_a_hangup),
        cmocka_unit_test(a_descriptors_callback_can_remove_itself_and_another_that_is_due),
        cmocka_unit_test(a_reused_descriptor_number_does_not_inherit_readiness),
        cmocka_unit_test(a_timer_fires_once_and_not_before_its_time),
        cmocka_unit_test(timers_fire_in_the_order_in_which_they_are_due),
        cmocka_unit_test(a_timers_callback_can_remove_itself_and_another_that_is_due),
        cmocka_unit_test(a_timer_that_renews_itself_at_once_does_not_hold_up_the_loop),
        cmocka_unit_test(a_signal_is_reported_from_the_loop),
        cmocka_unit_test(signals_have_their_defaults_again_when_the_loop_is_gone),
        cmocka_unit_test(a_signal_that_cannot_be_watched_is_an_error),
        cmocka_unit_test(a_childs_end_is_reported_once_with_its_status),
        cmocka_unit_test(a_child_that_ended_before_it_was_watched_is_reported_too),
        cmocka_unit_test(a_child_that_nobody_watches_is_left_to_its_owner),
        cmocka_unit_test(a_child_that_somebody_else_has_reaped_counts_as_failed),
        cmocka_unit_test(an_unwatched_child_is_reaped_without_a_word),
        cmocka_unit_test(run_ends_when_it_is_stopped_and_can_run_again),
        cmocka_unit_test(a_forked_child_that_forgets_the_loop_leaves_the_parents_alone),
        cmocka_unit_test(freeing_no_loop_and_removing_no_watch_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
