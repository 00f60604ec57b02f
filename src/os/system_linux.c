/* Linux's half of system.h. */
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

int system_set_death_signal(int signo)
{
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signo, 0UL, 0UL, 0UL);
}

int system_get_death_signal(int *ret_signo)
{
    return prctl(PR_GET_PDEATHSIG, ret_signo, 0UL, 0UL, 0UL);
}

/* Closes one descriptor that /proc shows from `first` on. Returns whether there was one. */
static bool close_one_listed(DIR *dir, int first)
{
    rewinddir(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char *end = NULL;
        long fd = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end != '\0' || fd < first || fd > INT_MAX)
            continue;
        if ((int)fd == dirfd(dir))
            continue;
        close((int)fd);
        return true;
    }
    return false;
}

/* For kernels before 5.9, and containers that forbid the call. */
static void close_from_slowly(int first)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir != NULL) {
        bool more;
        do {
            more = close_one_listed(dir, first);
        } while (more);
        closedir(dir);
        return;
    }
    /* No free descriptor, or no /proc: the limit is then the only bound that we know. */
    long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < limit; fd++)
        close(fd);
}

void system_close_from(int first)
{
    /* Not glibc's wrapper, which other C libraries and older glibcs do not have. */
    if (syscall(SYS_close_range, (unsigned)first, UINT_MAX, 0U) != 0)
        close_from_slowly(first);
}

const char *system_runtime_dir(void)
{
    return "/run/backupd";
}

int system_self_path(char *ret, size_t size)
{
    static const char LINK[] = "/proc/self/exe";
    static const char GONE[] = " (deleted)";

    char path[PATH_MAX + sizeof(GONE)];
    ssize_t len = readlink(LINK, path, sizeof(path) - 1);
    if (len < 0)
        return -1;
    path[len] = '\0';
    /*
     * An upgrade replaced the file under a running daemon. Its roles must be of the same build as
     * the engine, and the link itself still runs that one.
     */
    const char *result = path;
    size_t gone = sizeof(GONE) - 1;
    if ((size_t)len > gone && strcmp(path + len - gone, GONE) == 0)
        result = LINK;
    if (strlen(result) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(ret, result, strlen(result) + 1);
    return 0;
}

void system_enlarge_pipe(int fd)
{
    /* A pipe has 64 KiB. The most that an unprivileged process may have is in pipe-max-size. */
    for (int size = 1024 * 1024; size > 65536; size /= 2)
        if (fcntl(fd, F_SETPIPE_SZ, size) >= 0)
            return;
}

ssize_t system_move(int from, int to, size_t max)
{
    return splice(from, NULL, to, NULL, max, SPLICE_F_MOVE);
}

int system_random(void *ret, size_t size)
{
    char *at = ret;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

void system_trim_memory(void)
{
#ifdef HAVE_MALLOC_TRIM /* glibc keeps what was freed; musl has no such call and gives back more */
    malloc_trim(0);
#endif
}
