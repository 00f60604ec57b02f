#include "file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "text.h"

/* Files of one second that may have been set aside before. */
#define NUMBER_MAX 1000

/* Makes the folders of `path` that are missing. `path` is changed on the way, and is as it was. */
static int make_folders(char *path, struct err *e)
{
    char *last = strrchr(path, '/');
    int rc = 0;
    for (char *slash = strchr(path + 1, '/'); slash != NULL && rc == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, slash == last ? 0700 : 0755) != 0 && errno != EEXIST) {
            int sys = errno;
            struct stat st;
            /* Not every system says first that it is there: a read-only one, for one. */
            if (stat(path, &st) != 0)
                rc = err_set_sys(e, sys, "cannot make the folder %s", path);
        }
        *slash = '/';
    }
    return rc;
}

int file_prepare(const char *path, struct err *e)
{
    char copy[HOST_PATH_MAX];
    size_t len = strlen(path);
    /* Names of files beside it are longer. */
    if (len == 0 || len + 64 > sizeof(copy))
        return err_set(e, ERR_CONFIG, "the path has %zu bytes", len);
    memcpy(copy, path, len + 1);
    mode_t mask = umask(022);
    int rc = make_folders(copy, e);
    umask(mask);
    if (rc != 0)
        return -1;
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? 0 : err_set_sys(e, errno, "cannot look at it");
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "this is a folder");
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFIG, "this is no regular file");
    return 0;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* A name that nothing has. */
static int choose_name(const char *path, int64_t now, char ret[HOST_PATH_MAX])
{
    char when[TEXT_FIGURE_MAX];
    text_time_compact(when, now);
    int len = snprintf(ret, HOST_PATH_MAX, "%s.damaged-%s", path, when);
    for (int i = 1; len > 0 && len < HOST_PATH_MAX && i <= NUMBER_MAX; i++) {
        if (!exists(ret))
            return 0;
        len = snprintf(ret, HOST_PATH_MAX, "%s.damaged-%s.%d", path, when, i);
    }
    errno = EEXIST;
    return -1;
}

static int rename_with(const char *from, const char *to, const char *suffix)
{
    char old[HOST_PATH_MAX + 16];
    char new[HOST_PATH_MAX + 16];
    snprintf(old, sizeof(old), "%s%s", from, suffix);
    snprintf(new, sizeof(new), "%s%s", to, suffix);
    return rename(old, new) == 0 || (errno == ENOENT && suffix[0] != '\0') ? 0 : -1;
}

int file_set_aside(const char *path, int64_t now, char ret[HOST_PATH_MAX], struct err *e)
{
    /* The file itself comes last: a journal that stayed behind would be played into the new one. */
    static const char *const SUFFIXES[] = {"-journal", "-wal", "-shm", ""};
    char name[HOST_PATH_MAX];
    if (choose_name(path, now, name) != 0)
        return err_set_sys(e, errno, "cannot find a name to set it aside");
    for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(SUFFIXES[0]); i++)
        if (rename_with(path, name, SUFFIXES[i]) != 0)
            return err_set_sys(e, errno, "cannot rename it out of the way");
    memcpy(ret, name, sizeof(name));
    return 0;
}
