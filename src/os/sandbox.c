#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "sandbox_system.h"

/* The C libraries give these constants a type of their own. */
struct limit {
    int resource;
    const char *name;
    bool wanted;
    rlim_t value;
};

/* Sets both the soft and the hard limit, or leaves a lower hard one, which cannot be raised. */
static int set_limit(const struct limit *limit, struct err *e)
{
    struct rlimit now;
    if (!limit->wanted)
        return 0;
    if (getrlimit(limit->resource, &now) != 0)
        return err_set_sys(e, errno, "cannot read the limit of %s", limit->name);
    rlim_t value = limit->value < now.rlim_max ? limit->value : now.rlim_max;
    now = (struct rlimit){.rlim_cur = value, .rlim_max = value};
    if (setrlimit(limit->resource, &now) != 0)
        return err_set_sys(e, errno, "cannot set the limit of %s", limit->name);
    return 0;
}

static int set_limits(const struct sandbox_limits *limits, struct err *e)
{
    const struct limit all[] = {
        {RLIMIT_NOFILE, "descriptors", limits->descriptors != 0, (rlim_t)limits->descriptors},
        {RLIMIT_AS, "memory", limits->memory != 0, (rlim_t)limits->memory},
        {RLIMIT_NPROC, "processes", true, 0},
        {RLIMIT_FSIZE, "file sizes", true, 0},
        {RLIMIT_CORE, "core dumps", true, 0},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (set_limit(&all[i], e) != 0)
            return -1;
    }
    return 0;
}

int sandbox_enter(const struct sandbox_limits *limits, struct err *e)
{
    /* A standard error that is a file is no reason to die of a message. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (set_limits(limits, e) != 0)
        return err_wrap(e, "cannot enter the sandbox");
    if (sandbox_confine(e) != 0)
        return err_wrap(e, "cannot enter the sandbox");
    return 0;
}
