/* The log of processes, and the delays. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"

static int64_t began_ns;
static pid_t logged; /* the process that log_begin was called in; its children are not meant */

static int64_t monotonic_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* One write, so that the lines of many processes do not mix. */
static void append(const char *line, size_t len)
{
    int fd = open(world_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, len) != (ssize_t)len)
        world_panic("cannot write the log");
    close(fd);
}

static int64_t processor_us(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void log_end(void)
{
    char line[128];
    if (getpid() != logged)
        return;
    int len = snprintf(line, sizeof(line), "E\t%ld\t%" PRId64 "\t%" PRId64 "\n", (long)logged,
                       monotonic_ns(), processor_us(RUSAGE_SELF) + processor_us(RUSAGE_CHILDREN));
    append(line, (size_t)len);
}

void log_clock_in(void)
{
    began_ns = monotonic_ns();
}

void log_begin(const char *side, int handshakes, int trips, int argc, char *const *argv)
{
    struct str line;
    logged = getpid();
    str_init(&line);
    str_add_format(&line, "B\t%ld\t%" PRId64 "\t%s\t%d\t%d\t", (long)logged, began_ns, side,
                   handshakes, trips);
    const char *slash = strrchr(argv[0], '/');
    str_add(&line, slash == NULL ? argv[0] : slash + 1);
    for (int i = 1; i < argc; i++) {
        str_add_char(&line, ' ');
        for (const char *p = argv[i]; *p != '\0'; p++)
            str_add_char(&line, *p == '\n' || *p == '\t' ? ' ' : *p);
    }
    str_add_char(&line, '\n');
    append(line.s, line.len);
    str_fini(&line);
    atexit(log_end);
}

/* ---- delays ---- */

static void read_delays(long ret[2])
{
    char *text = world_read_file(world_path("delays"), NULL);
    char *end = text;
    ret[0] = ret[1] = 0;
    for (int i = 0; i < 2 && text != NULL; i++)
        ret[i] = strtol(end, &end, 10);
    free(text);
}

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&ts, &ts) != 0)
        continue;
}

void delay_command(void)
{
    long delays[2];
    read_delays(delays);
    sleep_ms(delays[0]);
}

void delay_trips(int trips)
{
    long delays[2];
    read_delays(delays);
    sleep_ms(delays[1] * trips);
}

int wait_for(int pid)
{
    int status;
    if (waitpid(pid, &status, 0) < 0)
        world_panic("cannot wait for a child");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
