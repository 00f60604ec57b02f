#include "instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *s)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *s != '\0'; s++)
        hash = (hash ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return hash;
}

int instance_path(const char *config_path, const char *suffix, char ret[INSTANCE_PATH_MAX],
                  struct err *e)
{
    char dir[HOST_PATH_MAX];
    if (host_runtime_dir(dir, e) != 0)
        return -1;
    char *real = realpath(config_path, NULL);
    snprintf(ret, INSTANCE_PATH_MAX, "%s/%016" PRIx64 "%.15s", dir,
             hash_of(real == NULL ? config_path : real), suffix);
    free(real);
    return 0;
}

static bool is_connection(const char *name, const char *hash)
{
    size_t len = strlen(hash);
    return text_starts_with(name, hash) && name[len] == '.' && name[len + 1] >= '0' &&
           name[len + 1] <= '9';
}

void instance_clear_connections(const char *stem)
{
    const char *slash = strrchr(stem, '/');
    char path[INSTANCE_PATH_MAX];
    if (slash == NULL)
        return;
    snprintf(path, sizeof(path), "%.*s", (int)(slash - stem), stem);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (is_connection(entry->d_name, slash + 1) &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISSOCK(st.st_mode))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}
