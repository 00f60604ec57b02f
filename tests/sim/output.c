#include "output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "world.h"

static struct effects now_in_force;
static struct str text;
static uint64_t moved; /* bytes of the stream, or of the text */
static int64_t began_ms;
static int depends_on = -1;
static bool cut;

static int64_t monotonic_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits, and ends with the shared connection. */
static void wait_ms(int64_t ms)
{
    struct pollfd watched = {.fd = depends_on, .events = POLLIN};
    int64_t until = monotonic_ms() + ms;
    do {
        int64_t left = until - monotonic_ms();
        int timeout = ms < 0 ? -1 : left > 0 ? (int)left : 0;
        int rc = poll(&watched, depends_on >= 0 ? 1 : 0, timeout);
        if (rc > 0 && (watched.revents & (POLLHUP | POLLERR)))
            exit(255);
        if (rc > 0) { /* nothing of interest is ever said on it */
            char rest[64];
            if (read(depends_on, rest, sizeof(rest)) <= 0)
                exit(255);
        }
    } while (ms < 0 || monotonic_ms() < until);
}

void hang(void)
{
    for (;;)
        wait_ms(-1);
}

void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

static _Noreturn void fail_by_fault(void)
{
    fputs(now_in_force.text, stderr);
    exit(now_in_force.status);
}

void output_begin(const struct effects *effects)
{
    now_in_force = *effects;
    str_fini(&text);
    str_init(&text);
    began_ms = monotonic_ms();
    if (effects->delay_ms > 0)
        wait_ms(effects->delay_ms);
    if (effects->fails && !effects->late)
        fail_by_fault();
    if (effects->stops && effects->stop_at == 0 && effects->stop == STOP_KILL)
        raise(SIGKILL);
    if (effects->stops && effects->stop_at == 0 && effects->stop == STOP_HANG)
        hang();
}

void output_depend_on(int fd)
{
    depends_on = fd;
}

struct str *output_text(void)
{
    return &text;
}

/* Flips what lies in the garbled range. */
static void garble(unsigned char *data, size_t len)
{
    uint64_t end = now_in_force.garble_at + now_in_force.garble_count;
    for (size_t i = 0; now_in_force.garbles && i < len; i++)
        if (moved + i >= now_in_force.garble_at && moved + i < end)
            data[i] ^= 0x55;
}

/* How many of the next `len` bytes come before the stop. */
static size_t until_stop(size_t len)
{
    if (!now_in_force.stops || moved + len <= now_in_force.stop_at)
        return len;
    return (size_t)(now_in_force.stop_at - moved);
}

static void stop_here(void)
{
    if (now_in_force.stop == STOP_KILL)
        raise(SIGKILL);
    if (now_in_force.stop == STOP_HANG)
        hang();
    cut = true;
}

static void keep_rate(size_t len)
{
    moved += len;
    if (now_in_force.rate > 0) {
        int64_t due = (int64_t)(moved * 1000 / now_in_force.rate);
        int64_t ahead = due - (monotonic_ms() - began_ms);
        if (ahead > 0)
            wait_ms(ahead);
    } else if (depends_on >= 0) {
        wait_ms(0);
    }
}

static void write_all(const unsigned char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(STDOUT_FILENO, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            complain("internal error: %s\n", "cannot write to standard output");
            exit(1);
        }
        data += put;
        len -= (size_t)put;
    }
}

/* A throttled stream goes in small portions, so that it flows. */
static size_t portion(size_t len)
{
    size_t most = now_in_force.rate == 0 ? len : (size_t)(now_in_force.rate / 20 + 1);
    return len < most ? len : most;
}

void output_stream(const void *data, size_t len)
{
    unsigned char *copy = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        copy[i] = ((const unsigned char *)data)[i];
    for (size_t at = 0; at < len;) {
        size_t n = portion(until_stop(len - at));
        garble(copy + at, n);
        write_all(copy + at, n);
        keep_rate(n);
        at += n;
        if (n == 0) {
            stop_here();
            exit(now_in_force.status);
        }
    }
    free(copy);
}

size_t input_stream(void *data, size_t len)
{
    unsigned char *bytes = data;
    size_t at = 0;
    while (at < len && !cut) {
        size_t n = portion(until_stop(len - at));
        if (n == 0) {
            stop_here();
            break;
        }
        ssize_t got = read(STDIN_FILENO, bytes + at, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        garble(bytes + at, (size_t)got);
        keep_rate((size_t)got);
        at += (size_t)got;
    }
    return at;
}

void finish(int status)
{
    fflush(stderr);
    world_unlock();
    if (text.len > 0) {
        size_t n = until_stop(text.len);
        garble((unsigned char *)text.s, n);
        write_all((const unsigned char *)text.s, n);
        if (n < text.len) {
            stop_here();
            exit(now_in_force.status);
        }
    }
    str_fini(&text);
    if (now_in_force.fails)
        fail_by_fault();
    exit(status);
}

void fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    finish(status);
}
