#include "instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
