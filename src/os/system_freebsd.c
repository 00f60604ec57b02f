/*
 * FreeBSD's half of system.h. Written from the manual pages and not compiled by the checks, which
 * run on Linux: whoever changes system.h changes this by hand.
 */
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include <sys/procctl.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

int system_set_death_signal(int signo)
{
    return procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &signo);
}

int system_get_death_signal(int *ret_signo)
{
    return procctl(P_PID, 0, PROC_PDEATHSIG_STATUS, ret_signo);
}

void system_close_from(int first)
{
    closefrom(first);
}

const char *system_runtime_dir(void)
{
    return "/var/run/backupd";
}

int system_self_path(char *ret, size_t size)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
    size_t len = size;
    return sysctl(name, sizeof(name) / sizeof(name[0]), ret, &len, NULL, 0);
}

void system_enlarge_pipe(int fd)
{
    (void)fd; /* it grows by itself, as far as the kernel lets it */
}

ssize_t system_move(int from, int to, size_t max)
{
    static char buffer[65536];
    ssize_t got = read(from, buffer, max < sizeof(buffer) ? max : sizeof(buffer));
    for (ssize_t done = 0; done < got;) {
        ssize_t put = write(to, buffer + done, (size_t)(got - done));
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0)
            done += put;
    }
    return got;
}

int system_random(void *ret, size_t size)
{
    arc4random_buf(ret, size);
    return 0;
}

/* Its malloc gives back by itself what is not used for some seconds. */
void system_trim_memory(void)
{
}
