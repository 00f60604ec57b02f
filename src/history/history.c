#include "history.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "keeper.h"
#include "lines.h"

/* How long a record waits for others before it is written. */
#define WAIT_MS 1000

/* How long whoever reads standard output may be busy with something else. */
#define PATIENCE_MS 60000

/* What a pipe that is ready takes without blocking, on every system (PIPE_BUF is at least that). */
#define CHUNK 512

#define READ_SIZE 65536

struct role {
    struct keeper *keeper;
    struct lines lines;
    int64_t due;    /* monotonic ms: what waits is written then; 0: nothing waits */
    bool nobody;    /* standard output has no reader */
    bool ended;     /* standard input has */
    struct err odd; /* the line that was no event */
};

/* Writes all of it, unless the reader is gone or reads nothing for PATIENCE_MS. */
static int write_all(const char *data, size_t len)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (len > 0) {
        int ready = poll(&out, 1, PATIENCE_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return -1;
        ssize_t done = write(STDOUT_FILENO, data, len < CHUNK ? len : CHUNK);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        if (done > 0) {
            data += done;
            len -= (size_t)done;
        }
    }
    return 0;
}

static int say(void *arg, const struct event *event)
{
    struct role *role = arg;
    struct str line;
    str_init(&line);
    event_encode(event, &line);
    if (!role->nobody && write_all(line.s, line.len) != 0)
        role->nobody = true;
    str_fini(&line);
    return role->nobody ? -1 : 0;
}

static int take_line(void *arg, char *line, size_t len, struct err *e)
{
    struct role *role = arg;
    struct event event;
    struct event_memory *memory = NULL;
    if (event_decode(line, len, &event, &memory, e) != 0)
        return -1;
    keeper_take(role->keeper, &event, clock_now());
    event_memory_free(memory);
    return 0;
}

static void read_events(struct role *role)
{
    char data[READ_SIZE];
    ssize_t got = read(STDIN_FILENO, data, sizeof(data));
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    /* A last line that was cut short is the end of whoever wrote it, and no fault of this one. */
    if (got <= 0)
        role->ended = true;
    else
        lines_feed(&role->lines, data, (size_t)got, take_line, role, &role->odd);
}

static void write_when_due(struct role *role)
{
    int64_t now = clock_monotonic_ms();
    if (!keeper_is_pending(role->keeper))
        role->due = 0;
    else if (role->due == 0)
        role->due = now + WAIT_MS;
    else if (now >= role->due) {
        keeper_flush(role->keeper, clock_now());
        role->due = 0;
    }
}

static int wait_ms(const struct role *role)
{
    int64_t left = role->due - clock_monotonic_ms();
    if (role->due == 0)
        return -1;
    return left < 0 ? 0 : (int)left;
}

static void serve(struct role *role)
{
    while (!role->ended && !role->nobody && role->odd.code == ERR_NONE) {
        /* Of the output only its end is of interest, which comes unasked. */
        struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = STDOUT_FILENO, .events = 0}};
        if (poll(fds, 2, wait_ms(role)) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0)
            read_events(role);
        if (fds[1].revents != 0)
            role->nobody = true;
        write_when_due(role);
    }
}

int history_main(const char *path, int64_t keep_seconds)
{
    struct role role = {.odd = ERR_INIT};
    /* A reader that is gone and a limit that is reached are errors of write, and no more. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    umask(077);
    lines_init(&role.lines, EVENT_LINE_MAX);
    role.keeper = keeper_new(path, keep_seconds, say, &role);
    keeper_recall(role.keeper, clock_now());
    serve(&role);
    keeper_flush(role.keeper, clock_now());
    keeper_free(role.keeper);
    lines_fini(&role.lines);
    if (role.odd.code == ERR_NONE)
        return 0;
    fprintf(stderr, "%s\n", role.odd.msg);
    return 1;
}
