#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "system.h"

/* What a terminal that does not know its size is taken for. */
#define TERMINAL_WIDTH  80
#define TERMINAL_HEIGHT 24

/* Writes the name of the runtime folder, which may be missing. Returns 0, or -1: it is too long. */
static int choose_runtime_dir(char ret[HOST_PATH_MAX])
{
    const char *given = getenv("RUNTIME_DIRECTORY");
    int len;
    /* systemd separates several by colons; the first is as good as any. */
    if (given != NULL && given[0] == '/')
        len = snprintf(ret, HOST_PATH_MAX, "%.*s", (int)strcspn(given, ":"), given);
    else if (geteuid() == 0)
        len = snprintf(ret, HOST_PATH_MAX, "%s", system_runtime_dir());
    else
        len = snprintf(ret, HOST_PATH_MAX, "/tmp/backupd-%lu", (unsigned long)geteuid());
    return len >= 0 && len < HOST_PATH_MAX ? 0 : -1;
}

/* Makes `path` with `mode` where it is missing, and checks that nobody else can write to it. */
static int own_folder(const char *path, mode_t mode, const char *what, struct err *e)
{
    struct stat st;
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return err_set_sys(e, errno, "cannot make the %s folder %s", what, path);
    /* Not stat: in /tmp anybody may have laid a link there that leads to a folder of ours. */
    if (lstat(path, &st) != 0)
        return err_set_sys(e, errno, "cannot look at the %s folder %s", what, path);
    if (!S_ISDIR(st.st_mode))
        return err_set_sys(e, ENOTDIR, "the %s folder %s is no good", what, path);
    if (st.st_uid != geteuid())
        return err_set_sys(e, EPERM, "the %s folder %s belongs to user %lu", what, path,
                           (unsigned long)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_set_sys(e, EPERM, "others can write to the %s folder %s", what, path);
    return 0;
}

int host_runtime_dir(char ret[HOST_PATH_MAX], struct err *e)
{
    char path[HOST_PATH_MAX];
    if (choose_runtime_dir(path) != 0)
        return err_set_sys(e, ENAMETOOLONG, "the runtime folder's name is no good");
    if (own_folder(path, 0700, "runtime", e) != 0)
        return -1;
    memcpy(ret, path, strlen(path) + 1);
    return 0;
}

static int check_empty(const char *path, struct err *e)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return err_set_sys(e, errno, "cannot look into the empty folder %s", path);
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = err_set_sys(e, ENOTEMPTY, "something is in the empty folder %s", path);
    }
    closedir(dir);
    return result;
}

int host_empty_dir(char ret[HOST_PATH_MAX], struct err *e)
{
    char runtime[HOST_PATH_MAX];
    char path[HOST_PATH_MAX];
    if (host_runtime_dir(runtime, e) != 0)
        return -1;
    int len = snprintf(path, sizeof(path), "%s/empty", runtime);
    if (len < 0 || (size_t)len >= sizeof(path))
        return err_set_sys(e, ENAMETOOLONG, "the empty folder's name is no good");
    if (own_folder(path, 0555, "empty", e) != 0 || check_empty(path, e) != 0)
        return -1;
    /* The umask may have taken something away. */
    if (chmod(path, 0555) != 0)
        return err_set_sys(e, errno, "cannot set the mode of the empty folder %s", path);
    memcpy(ret, path, (size_t)len + 1);
    return 0;
}

/* Says who has the lock. Always returns -1. */
static int say_locked(int fd, const char *path, struct err *e)
{
    char text[32] = {0};
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    long pid = len > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return err_set(e, ERR_LOCKED, "process %ld holds %s", pid, path);
    return err_set(e, ERR_LOCKED, "another process holds %s", path);
}

static int write_pid(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0)
        return -1;
    return pwrite(fd, text, (size_t)len, 0) == len ? 0 : -1;
}

/*
 * flock and not fcntl's lock, which is lost as soon as the process closes any other descriptor of
 * the file; FreeBSD has no open-file-description locks. A flock belongs to what open(2) made, and a
 * fork shares that: a program that we start has it no more (close-on-exec), and a worker closes it
 * first of all. The file is never removed: another process might just have opened it, and would
 * then lock a file that nobody else can see.
 */
int host_lock(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0)
        return err_set_sys(e, errno, "cannot open the lock file %s", path);
    int locked;
    do {
        locked = flock(fd, LOCK_EX | LOCK_NB);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0 && errno == EWOULDBLOCK) {
        say_locked(fd, path, e);
        goto fail;
    }
    if (locked != 0) {
        err_set_sys(e, errno, "cannot lock %s", path);
        goto fail;
    }
    if (write_pid(fd) != 0) {
        err_set_sys(e, errno, "cannot write the lock file %s", path);
        goto fail;
    }
    return fd;
fail:
    close(fd);
    return -1;
}

int host_self_path(char ret[HOST_PATH_MAX], struct err *e)
{
    if (system_self_path(ret, HOST_PATH_MAX) != 0)
        return err_set_sys(e, errno, "cannot find our own executable");
    return 0;
}

/* setresuid and the like make Linux forget the death signal: notes it before, and sets it anew. */
static int change_user(const struct passwd *user, struct err *e)
{
    pid_t parent = getppid();
    int death_signal = 0;
    if (system_get_death_signal(&death_signal) != 0)
        return err_set_sys(e, errno, "cannot read the death signal");
    gid_t group = user->pw_gid;
    if (setgroups(1, &group) != 0 || setresgid(group, group, group) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return err_set_sys(e, errno, "cannot become user %s", user->pw_name);
    if (death_signal == 0)
        return 0;
    if (system_set_death_signal(death_signal) != 0)
        return err_set_sys(e, errno, "cannot set the death signal");
    /* The parent ended while there was none. */
    if (getppid() != parent)
        (void)raise(death_signal);
    return 0;
}

static int check_no_way_back(const struct passwd *user, struct err *e)
{
    uid_t uids[3];
    gid_t gids[3];
    if (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0 ||
        setgroups(0, NULL) == 0)
        return err_set_sys(e, EPERM, "user %s can become root again", user->pw_name);
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0)
        return err_set_sys(e, errno, "cannot tell who we are");
    for (int i = 0; i < 3; i++) {
        if (uids[i] != user->pw_uid || gids[i] != user->pw_gid)
            return err_set_sys(e, EPERM, "did not become user %s altogether", user->pw_name);
    }
    return 0;
}

static int change_root(const char *folder, struct err *e)
{
    if (chroot(folder) != 0 || chdir("/") != 0)
        return err_set_sys(e, errno, "cannot make %s the root folder", folder);
    return 0;
}

/* The common part; `folder` may be NULL. */
static int drop(const char *user, const char *folder, struct err *e)
{
    if (geteuid() != 0)
        return 0;
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL && (errno == 0 || errno == ENOENT || errno == ESRCH))
        return err_set(e, ERR_CONFIG, "there is no user %s", user);
    if (entry == NULL)
        return err_set_sys(e, errno, "cannot look up user %s", user);
    if (entry->pw_uid == 0 || entry->pw_gid == 0)
        return err_set(e, ERR_CONFIG, "user %s is root, or of root's group", user);
    if (folder != NULL && change_root(folder, e) != 0)
        return -1;
    if (change_user(entry, e) != 0)
        return -1;
    return check_no_way_back(entry, e);
}

int host_drop_to_user(const char *user, struct err *e)
{
    return drop(user, NULL, e);
}

int host_confine_to_user(const char *user, const char *folder, struct err *e)
{
    return drop(user, folder, e);
}

void host_own_name(char ret[HOST_NAME_SIZE])
{
    if (gethostname(ret, HOST_NAME_SIZE) != 0)
        ret[0] = '\0';
    ret[HOST_NAME_SIZE - 1] = '\0'; /* one that was cut has none */
}

unsigned host_terminal_width(int fd)
{
    struct winsize size = {0};
    if (isatty(fd) != 1)
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return TERMINAL_WIDTH;
    return size.ws_col;
}

unsigned host_terminal_height(int fd)
{
    struct winsize size = {0};
    if (isatty(fd) != 1)
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
        return TERMINAL_HEIGHT;
    return size.ws_row;
}

int host_random(void *ret, size_t size, struct err *e)
{
    if (system_random(ret, size) != 0)
        return err_set_sys(e, errno, "the system has no random numbers for us");
    return 0;
}

void host_trim_memory(void)
{
    system_trim_memory();
}
