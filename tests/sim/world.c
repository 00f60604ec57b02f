#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "strpool.h"

static char dir[PATH_MAX]; /* holds bin and state */
static enum machine current;
static struct strpool kept;
static int lock_fd = -1;

void world_panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sim: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(70);
}

static bool find_along_path(const char *name, char ret[PATH_MAX])
{
    const char *path = getenv("PATH");
    for (const char *at = path == NULL ? "" : path; *at != '\0';) {
        size_t len = strcspn(at, ":");
        int size = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, at, name);
        if (size > 0 && size < PATH_MAX && access(ret, X_OK) == 0)
            return true;
        at += len;
        at += *at == ':';
    }
    return false;
}

/* Cuts "/bin/zfs" off "DIR/bin/zfs"; symbolic links are not followed. */
static void cut_components(char *path, int count)
{
    for (; count > 0; count--) {
        char *slash = strrchr(path, '/');
        if (slash == NULL) {
            memcpy(path, "..", 3);
            return;
        }
        *slash = '\0';
    }
}

void world_find(const char *called)
{
    struct stat st;
    strpool_init(&kept);
    if (strchr(called, '/') != NULL)
        snprintf(dir, sizeof(dir), "%s", called);
    else if (!find_along_path(called, dir))
        world_panic("cannot find %s along PATH", called);
    cut_components(dir, 2);
    if (stat(world_path("local"), &st) != 0)
        world_panic("there is no state in %s: sim.sh make DIR", dir);
}

void world_set_machine(enum machine machine)
{
    current = machine;
}

enum machine world_machine(void)
{
    return current;
}

const char *world_machine_name(void)
{
    return current == MACHINE_LOCAL ? "local" : "remote";
}

const char *world_path(const char *format, ...)
{
    char path[PATH_MAX * 2];
    int len = snprintf(path, sizeof(path), "%s/state/", dir);
    va_list args;
    va_start(args, format);
    vsnprintf(path + len, sizeof(path) - (size_t)len, format, args);
    va_end(args);
    return world_keep(path);
}

const char *world_keep_bytes(const char *s, size_t len)
{
    return strpool_add(&kept, s, len);
}

const char *world_keep(const char *s)
{
    return world_keep_bytes(s, strlen(s));
}

/* ---- files ---- */

char *world_read_file(const char *path, size_t *ret_len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        world_panic("cannot read %s: %s", path, strerror(errno));
    char *text = mem_alloc((size_t)st.st_size + 1);
    size_t len = 0;
    while (len < (size_t)st.st_size) {
        ssize_t got = read(fd, text + len, (size_t)st.st_size - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    close(fd);
    text[len] = '\0';
    if (ret_len != NULL)
        *ret_len = len;
    return text;
}

void world_write_file(const char *path, const char *text, size_t len)
{
    char temporary[PATH_MAX * 2];
    snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) != 0 ||
        rename(temporary, path) != 0)
        world_panic("cannot write %s: %s", path, strerror(errno));
}

int world_lock_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        world_panic("cannot open %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            world_panic("cannot lock %s: %s", path, strerror(errno));
    return fd;
}

void world_lock(bool exclusive)
{
    const char *path = world_path("%s.lock", world_machine_name());
    lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_fd < 0)
        world_panic("cannot open %s: %s", path, strerror(errno));
    while (flock(lock_fd, exclusive ? LOCK_EX : LOCK_SH) != 0)
        if (errno != EINTR)
            world_panic("cannot lock %s: %s", path, strerror(errno));
}

void world_unlock(void)
{
    if (lock_fd >= 0)
        close(lock_fd);
    lock_fd = -1;
}

/* ---- clock and counters ---- */

int64_t world_now(void)
{
    char *text = world_read_file(world_path("clock"), NULL);
    if (text == NULL)
        return (int64_t)time(NULL);
    int64_t now = strtoll(text, NULL, 10);
    free(text);
    return now;
}

/* Adds `count` to the number in a file; returns what it was. */
static uint64_t count_up(const char *path, uint64_t count)
{
    char text[32] = "";
    int fd = world_lock_file(path);
    if (pread(fd, text, sizeof(text) - 1, 0) < 0)
        world_panic("cannot read %s: %s", path, strerror(errno));
    uint64_t value = strtoull(text, NULL, 10);
    int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", value + count);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        world_panic("cannot write %s: %s", path, strerror(errno));
    close(fd);
    return value;
}

uint64_t world_reserve_txgs(uint64_t count)
{
    return count_up(world_path("%s.txg", world_machine_name()), count) + 1;
}

uint64_t world_next_txg(void)
{
    return world_reserve_txgs(1);
}

uint64_t world_reserve_guids(uint64_t count)
{
    return count_up(world_path("guids"), count);
}

/* One-to-one on 64 bits (Stafford's mixer), so no two numbers have one guid. */
uint64_t world_guid(uint64_t number)
{
    uint64_t x = number + 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

uint64_t world_next_guid(void)
{
    return world_guid(world_reserve_guids(1));
}
