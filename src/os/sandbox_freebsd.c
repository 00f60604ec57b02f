/*
 * FreeBSD's half of sandbox.h: capability mode. Written from the manual pages and never run, nor
 * compiled by the checks, which run on Linux.
 */
#include "sandbox_system.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/capsicum.h>
#include <sys/procctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What may be done with a descriptor: the standard ones, sockets that listen (a connection that
 * they accept has the same rights), a kqueue. Not: connect, bind, or look up files from a folder.
 */
static int limit_descriptor(int fd)
{
    cap_rights_t rights;
    cap_rights_init(&rights, CAP_READ, CAP_WRITE, CAP_SEEK, CAP_FSTAT, CAP_FCNTL, CAP_EVENT,
                    CAP_ACCEPT, CAP_GETPEERNAME, CAP_GETSOCKNAME, CAP_GETSOCKOPT, CAP_SETSOCKOPT,
                    CAP_SHUTDOWN, CAP_KQUEUE);
    /* EBADF: there is no such descriptor. ENOSYS: the kernel was built without Capsicum. */
    if (cap_rights_limit(fd, &rights) != 0 && errno != EBADF)
        return -1;
    return 0;
}

static int limit_descriptors(struct err *e)
{
    int end = getdtablesize();
    for (int fd = 0; fd < end; fd++) {
        if (limit_descriptor(fd) != 0)
            return err_set_sys(e, errno, "cannot limit descriptor %d", fd);
    }
    return 0;
}

int sandbox_confine(struct err *e)
{
    int no_tracing = PROC_TRACE_CTL_DISABLE;
    int no_privileges = PROC_NO_NEW_PRIVS_ENABLE;
    if (procctl(P_PID, getpid(), PROC_TRACE_CTL, &no_tracing) != 0)
        return err_set_sys(e, errno, "cannot forbid to be traced");
    /* FreeBSD 14 has it; in capability mode nothing can be executed anyway. */
    (void)procctl(P_PID, getpid(), PROC_NO_NEW_PRIVS_CTL, &no_privileges);
    if (limit_descriptors(e) != 0)
        return -1;
    if (cap_enter() != 0)
        return err_set_sys(e, errno, "cannot enter capability mode");
    return 0;
}
