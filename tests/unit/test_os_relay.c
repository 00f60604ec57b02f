/* os/limiter and os/relay: bytes that go no faster than they may, and all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "limiter.h"
#include "loop.h"
#include "proc.h"
#include "relay.h"

#define SECOND INT64_C(1000000)

static struct limiter *limiter;
static struct loop *loop;

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    limiter = limiter_new();
    loop = loop_new(&e);
    return loop == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    limiter_free(limiter);
    return 0;
}

/* ---- the limit ---- */

static void without_a_limit_nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(limiter_take(limiter, UINT64_MAX, 5 * SECOND), 0);
    assert_true(limiter_portion(limiter) >= 65536);
}

/* So many take turns, each as soon as it may, for a minute: what they get in it. The first portion of
 * each is granted before anybody waits. */
static uint64_t bytes_of_a_minute(unsigned takers)
{
    enum { TAKERS_MAX = 64 };
    int64_t due[TAKERS_MAX] = {0};
    uint64_t bytes = 0;
    int64_t now_us = 7 * SECOND;
    for (unsigned i = 0; i < takers; i++)
        due[i] = now_us;
    for (;;) {
        unsigned first = 0;
        for (unsigned i = 1; i < takers; i++)
            first = due[i] < due[first] ? i : first;
        now_us = due[first];
        if (now_us > 67 * SECOND)
            return bytes - takers * limiter_portion(limiter);
        bytes += limiter_portion(limiter);
        /* it oversleeps a little each time */
        due[first] = now_us + limiter_take(limiter, limiter_portion(limiter), now_us) + 100;
    }
}

static void all_together_get_what_the_limit_says_however_many_they_are(void **state)
{
    static const uint64_t RATES[] = {65536, 1000000, 10485760, UINT64_C(2) << 30};
    static const unsigned TAKERS[] = {1, 2, 16, 64};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            limiter_set(limiter, 0);
            limiter_set(limiter, RATES[i]);
            uint64_t bytes = bytes_of_a_minute(TAKERS[k]);
            assert_in_range(bytes, RATES[i] * 58, RATES[i] * 61);
        }
    }
}

/* An hour in which nothing was sent is no reason to send it all now. */
static void what_was_not_used_is_not_saved_up(void **state)
{
    (void)state;
    limiter_set(limiter, 1000000);
    limiter_take(limiter, 1, SECOND);
    assert_in_range(limiter_take(limiter, 1000000, 3600 * SECOND), SECOND / 2, SECOND);
}

static void another_limit_counts_at_once(void **state)
{
    (void)state;
    limiter_set(limiter, 65536);
    assert_true(limiter_take(limiter, UINT64_C(655360000), SECOND) > 9000 * SECOND);
    limiter_set(limiter, 65536000);
    assert_true(limiter_take(limiter, 65536, SECOND) < SECOND);
    limiter_set(limiter, 0);
    assert_int_equal(limiter_take(limiter, UINT64_C(655360000), SECOND), 0);
}

static void a_limit_that_one_process_sets_counts_for_all(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        limiter_set(limiter, 123456);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(limiter_rate(limiter), 123456);
}

/* ---- the relay ---- */

/* A child that writes so many bytes in a pattern, as zfs send would, and ends. */
static pid_t start_writer(int fd, size_t bytes)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    signal(SIGPIPE, SIG_DFL);
    for (size_t at = 0; at < bytes;) {
        unsigned char block[10007];
        size_t len = bytes - at < sizeof(block) ? bytes - at : sizeof(block);
        for (size_t i = 0; i < len; i++)
            block[i] = (unsigned char)((at + i) % 251);
        if (write(fd, block, len) != (ssize_t)len)
            _exit(1);
        at += len;
    }
    _exit(0);
}

/* How many bytes come, all of them as they were written. */
static size_t read_all(int fd)
{
    unsigned char block[8192];
    size_t at = 0;
    for (;;) {
        ssize_t got = read(fd, block, sizeof(block));
        if (got < 0 && errno == EINTR)
            continue;
        assert_true(got >= 0);
        if (got == 0)
            return at;
        for (ssize_t i = 0; i < got; i++, at++)
            assert_int_equal(block[i], at % 251);
    }
}

/* Two pipes with a relay between them. `in` is to be written, `*ret_out` to be read. */
static struct relay *join(int *ret_in, int *ret_out)
{
    struct err e = ERR_INIT;
    int a[2];
    int b[2];
    assert_int_equal(proc_make_pipe(a), 0);
    assert_int_equal(proc_make_pipe(b), 0);
    struct relay *relay = relay_start(loop, limiter, a[0], b[1], &e);
    assert_non_null(relay);
    close(a[0]);
    close(b[1]);
    *ret_in = a[1];
    *ret_out = b[0];
    return relay;
}

static void every_byte_arrives_and_the_end_too(void **state)
{
    static const uint64_t RATES[] = {0, UINT64_C(1) << 40, UINT64_C(64) << 20};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        enum { BYTES = 5000001 };
        int in;
        int out;
        limiter_set(limiter, RATES[i]);
        struct relay *relay = join(&in, &out);
        pid_t writer = start_writer(in, BYTES);
        close(in);
        assert_int_equal(read_all(out), BYTES);
        assert_int_equal(relay_bytes(relay), BYTES);
        relay_free(relay);
        close(out);
        assert_int_equal(waitpid(writer, NULL, 0), writer);
    }
}

/* 64 KiB in each second, and a fifth of a second's in advance. */
static void a_relay_is_no_faster_than_it_may_be(void **state)
{
    enum { BYTES = 98304 };
    int in;
    int out;
    (void)state;
    limiter_set(limiter, 65536);
    int64_t began = clock_monotonic_ms();
    struct relay *relay = join(&in, &out);
    pid_t writer = start_writer(in, BYTES);
    close(in);
    assert_int_equal(read_all(out), BYTES);
    assert_true(clock_monotonic_ms() - began >= 1200);
    relay_free(relay);
    close(out);
    waitpid(writer, NULL, 0);
}

/* As zfs send ends where zfs receive has failed. */
static void a_writer_hears_that_nobody_reads_any_more(void **state)
{
    int in;
    int out;
    int status = 0;
    (void)state;
    limiter_set(limiter, UINT64_C(1) << 40);
    struct relay *relay = join(&in, &out);
    close(out);
    pid_t writer = start_writer(in, 100000000);
    close(in);
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    relay_free(relay);
}

static void a_relay_that_is_freed_is_gone(void **state)
{
    int in;
    int out;
    (void)state;
    struct relay *relay = join(&in, &out);
    relay_free(relay);
    assert_int_equal(read_all(out), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    close(in);
    close(out);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_a_limit_nobody_waits),
        T(all_together_get_what_the_limit_says_however_many_they_are),
        T(what_was_not_used_is_not_saved_up),
        T(another_limit_counts_at_once),
        T(a_limit_that_one_process_sets_counts_for_all),
        T(every_byte_arrives_and_the_end_too),
        T(a_relay_is_no_faster_than_it_may_be),
        T(a_writer_hears_that_nobody_reads_any_more),
        T(a_relay_that_is_freed_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
