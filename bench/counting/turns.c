/*
 * turns.so, preloaded into the daemon: the time that its loop takes from one poll(2) to the next,
 * in which it answers nobody. The file that METER_TURNS names has room for `struct turns`; whoever
 * measures sets it to 0 whenever a measurement begins.
 *
 * Time of the processor is the daemon's own; what passed by the clock has the machine's moods in it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);

/* answers.py reads it: times are nanoseconds. */
struct turns {
    uint64_t count;
    uint64_t longest; /* of the processor */
    uint64_t longest_wall;
};

static struct turns *turns;
static pid_t owner; /* a worker is a fork of the daemon, and another matter */
static uint64_t began, began_wall;

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("METER_TURNS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return;
    turns = map;
    owner = getpid();
}

static void end_turn(void)
{
    if (began == 0)
        return;
    uint64_t took = now(CLOCK_THREAD_CPUTIME_ID) - began;
    uint64_t took_wall = now(CLOCK_MONOTONIC) - began_wall;
    turns->count++;
    if (took > turns->longest)
        turns->longest = took;
    if (took_wall > turns->longest_wall)
        turns->longest_wall = took_wall;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    static int (*next)(struct pollfd *, nfds_t, int);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "poll");
    bool is_owner = turns != NULL && getpid() == owner;
    if (is_owner)
        end_turn();
    int ready = next(fds, count, timeout);
    if (is_owner) {
        began = now(CLOCK_THREAD_CPUTIME_ID);
        began_wall = now(CLOCK_MONOTONIC);
    }
    return ready;
}

/* What poll is with -D_FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
    (void)size;
    return poll(fds, count, timeout);
}
