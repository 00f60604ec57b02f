#include "relay.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "proc.h"
#include "shared.h"
#include "system.h"

/* A limit that changes counts after so long at most. */
#define NAP_MAX_US 500000

/* What both sides see. */
struct shared {
    _Atomic uint64_t bytes;
};

struct relay {
    struct loop *loop;
    struct limiter *limiter;
    struct shared *shared;
    pid_t pid;
    bool ended;
};

/* Does nothing for so long, or less where the limit changes. */
static void pay(const struct limiter *limiter, int64_t us)
{
    uint64_t rate = limiter_rate(limiter);
    while (us > 0 && limiter_rate(limiter) == rate) {
        int64_t nap = us < NAP_MAX_US ? us : NAP_MAX_US;
        struct timespec time = {.tv_nsec = nap * 1000};
        nanosleep(&time, NULL);
        us -= nap;
    }
}

/* The child. Its end is all that anybody needs to know: a stream that is cut is refused. */
static int carry(void *arg, int fd)
{
    struct relay *relay = arg;
    (void)fd;
    for (;;) {
        ssize_t moved = system_move(STDIN_FILENO, STDOUT_FILENO, limiter_portion(relay->limiter));
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved <= 0)
            return moved == 0 ? 0 : 1;
        atomic_fetch_add(&relay->shared->bytes, (uint64_t)moved);
        pay(relay->limiter,
            limiter_take(relay->limiter, (uint64_t)moved, clock_monotonic_ms() * 1000));
    }
}

static void handle_child(void *arg, pid_t pid, int wait_status)
{
    struct relay *relay = arg;
    (void)pid;
    (void)wait_status;
    relay->ended = true;
}

struct relay *relay_start(struct loop *loop, struct limiter *limiter, int in_fd, int out_fd,
                          struct err *e)
{
    struct relay *relay = mem_zalloc(1, sizeof(*relay));
    relay->loop = loop;
    relay->limiter = limiter;
    relay->shared = shared_new(sizeof(*relay->shared));
    relay->pid = proc_fork_filter(loop, carry, relay, in_fd, out_fd, e);
    if (relay->pid < 0) {
        relay->ended = true;
        relay_free(relay);
        return NULL;
    }
    loop_watch_child(loop, relay->pid, handle_child, relay);
    return relay;
}

uint64_t relay_bytes(const struct relay *relay)
{
    return atomic_load(&relay->shared->bytes);
}

void relay_free(struct relay *relay)
{
    if (relay == NULL)
        return;
    if (!relay->ended)
        proc_signal_group(relay->pid, SIGKILL);
    struct err ignored = ERR_INIT;
    while (!relay->ended && loop_run_once(relay->loop, -1, &ignored) == 0)
        continue;
    shared_free(relay->shared, sizeof(*relay->shared));
    free(relay);
}
