#include "sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "sandbox_system.h"

/*
 * Whether the soft and the hard limit of `resource` could be lowered to `value`; `now` is scratch.
 * A macro, because the C libraries do not agree on the type of a resource.
 */
#define LOWER(resource, value, now)                                                                \
    (getrlimit((resource), (now)) == 0 && (clamp((now), (value)), true) &&                         \
     setrlimit((resource), (now)) == 0)

/* Sets both limits to `value`, or to the hard one, which cannot be raised, where that is lower. */
static void clamp(struct rlimit *limit, rlim_t value)
{
    if (limit->rlim_max == RLIM_INFINITY || value < limit->rlim_max)
        limit->rlim_max = value;
    limit->rlim_cur = limit->rlim_max;
}

static int set_limits(const struct sandbox_limits *limits, struct err *e)
{
    struct rlimit now;
    if (limits->descriptors != 0 && !LOWER(RLIMIT_NOFILE, (rlim_t)limits->descriptors, &now))
        return err_set_sys(e, errno, "cannot limit descriptors");
    if (limits->memory != 0 && !LOWER(RLIMIT_AS, (rlim_t)limits->memory, &now))
        return err_set_sys(e, errno, "cannot limit memory");
    if (!LOWER(RLIMIT_NPROC, 0, &now))
        return err_set_sys(e, errno, "cannot limit processes");
    if (!LOWER(RLIMIT_FSIZE, 0, &now))
        return err_set_sys(e, errno, "cannot limit the size of files");
    if (!LOWER(RLIMIT_CORE, 0, &now))
        return err_set_sys(e, errno, "cannot limit core dumps");
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
