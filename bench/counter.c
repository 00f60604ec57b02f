#include "counter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef __linux__

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counter = -1;
static int why; /* errno */

static int open_counter(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .disabled = 1,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0UL);
    why = fd < 0 ? errno : 0;
    return fd;
}

/* Each measurement has a counter of its own: one that came through a fork counts the parent. */
void counter_start(void)
{
    counter = open_counter();
    if (counter >= 0)
        ioctl(counter, PERF_EVENT_IOC_ENABLE, 0);
}

uint64_t counter_stop(void)
{
    uint64_t count = 0;
    if (counter < 0)
        return 0;
    ioctl(counter, PERF_EVENT_IOC_DISABLE, 0);
    if (read(counter, &count, sizeof(count)) != (ssize_t)sizeof(count))
        count = 0;
    close(counter);
    counter = -1;
    return count;
}

void counter_explain(void)
{
    int fd = open_counter();
    if (fd < 0)
        printf("instructions not counted: perf_event_open: %s; bench/instructions.sh counts some "
               "with valgrind\n",
               strerror(why));
    else
        close(fd);
}

#else

void counter_start(void)
{
}

uint64_t counter_stop(void)
{
    return 0;
}

void counter_explain(void)
{
    puts("instructions not counted: only Linux's perf_event_open is known here");
}

#endif
