/*
 * Linux's half of sandbox.h: capabilities and a list of system calls. The list is what a server in
 * one thread needs that polls descriptors which it has: the C library's memory and stdio,
 * libmicrohttpd, GnuTLS. Whoever adds to it says what for.
 */
#include "sandbox_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No kernel has as many capabilities; the last one ends the loop. */
#define CAPABILITIES_MAX 64

/* Allowed whatever their arguments are. */
static const int CALLS[] = {
    /* descriptors that are there; sendto, sendmsg, fcntl and setsockopt are below */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(sendfile),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    /* waiting for them */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    /* connections */
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    /* memory; mmap and mprotect are below */
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(futex),
    SCMP_SYS(sysinfo), /* glibc's qsort asks how much there is */
    /* time and random numbers */
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    /* who we are */
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    /* signals that come, and the end; tgkill is below */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* What fcntl may do. Not F_SETOWN, which has the kernel signal somebody else. */
static const int FCNTL_COMMANDS[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL};

/* What setsockopt may do: many of the others are doors into odd corners of the kernel. */
static const struct {
    int level;
    int name;
} OPTIONS[] = {
    {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_RCVBUF},   {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_RCVTIMEO},  {SOL_SOCKET, SO_SNDTIMEO}, {IPPROTO_TCP, TCP_CORK},
    {IPPROTO_TCP, TCP_NODELAY},
};

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    /*
     * Who may not take anything out of the bounding set has given up CAP_SETPCAP before, and it
     * limits only what a program could gain by being executed. EINVAL: there are no more.
     */
    for (unsigned long cap = 0; cap < CAPABILITIES_MAX; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0UL, 0UL, 0UL) != 0 && errno != EPERM)
            break;
    }
    /* Kernels before 4.3 have no ambient ones. */
    (void)prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL);
    /* There is no wrapper in the C library, and libcap would be another dependency. */
    return syscall(SYS_capset, &header, none) == 0 ? 0 : -1;
}

static int drop_privileges(struct err *e)
{
    if (drop_capabilities() != 0)
        return err_set_sys(e, errno, "cannot drop capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
        return err_set_sys(e, errno, "cannot give up new privileges");
    if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
        return err_set_sys(e, errno, "cannot forbid to be traced");
    return 0;
}

/* The functions below return 0, or a negative errno, as libseccomp does. */

static int allow(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 0, NULL);
}

/* Allows `call` where all `count` comparisons hold. */
static int allow_where(scmp_filter_ctx filter, int call, unsigned count,
                       const struct scmp_arg_cmp *comparisons)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, comparisons);
}

/* Whether argument `index`, of which the kernel looks at 32 bits only, is `value`. */
static struct scmp_arg_cmp is_int(unsigned index, int value)
{
    return (struct scmp_arg_cmp){
        .arg = index, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = (uint32_t)value};
}

/* Whether the bits of `mask` in argument `index` are all 0. */
static struct scmp_arg_cmp is_without(unsigned index, uint64_t mask)
{
    return (struct scmp_arg_cmp){
        .arg = index, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = 0};
}

static int add_options(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(FCNTL_COMMANDS) / sizeof(FCNTL_COMMANDS[0]); i++) {
        const struct scmp_arg_cmp is = is_int(1, FCNTL_COMMANDS[i]);
        result = allow_where(filter, SCMP_SYS(fcntl), 1, &is);
    }
    for (size_t i = 0; result == 0 && i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
        const struct scmp_arg_cmp are[] = {
            is_int(1, OPTIONS[i].level),
            is_int(2, OPTIONS[i].name),
        };
        result = allow_where(filter, SCMP_SYS(setsockopt), 2, are);
    }
    return result;
}

static int add_restricted_calls(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_executable = is_without(2, PROT_EXEC);
    /* These two could open a connection (MSG_FASTOPEN); send(2) is sendto without an address. */
    const struct scmp_arg_cmp no_address = is_without(4, UINT64_MAX);
    const struct scmp_arg_cmp not_connecting = is_without(2, MSG_FASTOPEN);
    /* abort(3) */
    const struct scmp_arg_cmp ourselves = is_int(0, getpid());
    int result = allow_where(filter, SCMP_SYS(mmap), 1, &not_executable);
    if (result == 0)
        result = allow_where(filter, SCMP_SYS(mprotect), 1, &not_executable);
    if (result == 0)
        result = allow_where(filter, SCMP_SYS(sendto), 1, &no_address);
    if (result == 0)
        result = allow_where(filter, SCMP_SYS(sendmsg), 1, &not_connecting);
    if (result == 0)
        result = allow_where(filter, SCMP_SYS(tgkill), 1, &ourselves);
    if (result == 0)
        result = add_options(filter);
    /* As if it were not there yet: the C library then tries clone, and reports that it may not. */
    if (result == 0)
        result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
    return result;
}

static int set_attributes(scmp_filter_ctx filter)
{
    /* The kernel's own errno, instead of one for all of them. */
    int result = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    /* 32-bit and x32 calls, which have other numbers: nobody makes them by accident. */
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* For every thread, should a library have started one. */
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    return result;
}

static int load_filter(scmp_filter_ctx filter)
{
    int result = set_attributes(filter);
    for (size_t i = 0; result == 0 && i < sizeof(CALLS) / sizeof(CALLS[0]); i++)
        result = allow(filter, CALLS[i]);
    if (result == 0)
        result = add_restricted_calls(filter);
    return result == 0 ? seccomp_load(filter) : result;
}

int sandbox_confine(struct err *e)
{
    if (drop_privileges(e) != 0)
        return -1;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return err_set_sys(e, ENOMEM, "cannot make a filter of system calls");
    int result = load_filter(filter);
    seccomp_release(filter);
    if (result != 0)
        return err_set_sys(e, -result, "the kernel takes no filter of system calls");
    return 0;
}
