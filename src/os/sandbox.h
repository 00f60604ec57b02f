/*
 * The last step of a role that faces the network: after it, the process works on the descriptors
 * that it has, and can do little else. There is no way back.
 */
#ifndef BACKUPD_OS_SANDBOX_H
#define BACKUPD_OS_SANDBOX_H

#include <stdint.h>

#include "err.h"

struct sandbox_limits {
    uint64_t descriptors; /* how many it may have; poll(2) takes no more. 0: as it was */
    /* Bytes of address space. 0: as it was, as AddressSanitizer, which reserves terabytes, needs. */
    uint64_t memory;
};

/*
 * Confines the calling process for good; host_confine_to_user comes first. It then
 *
 *   - has no capability, can gain none by a program that it executes, and cannot be traced by
 *     others of its user;
 *   - cannot start a process, write to a regular file (EFBIG; SIGXFSZ is ignored) or dump core,
 *     and keeps to `limits`, or to lower ones that it was under already;
 *   - can, on Linux, make the system calls of sandbox_linux.c's list and no other, which fail with
 *     EPERM: none that opens a file, makes a socket, executes or traces a program, signals another
 *     process, or makes memory executable. One by another architecture's numbers kills it. On
 *     FreeBSD it is in capability mode.
 *
 * What stays: reading from, writing to, waiting for and closing descriptors, accepting connections,
 * memory, time, random numbers (getrandom). Whatever opens a file or makes a descriptor behind one's
 * back comes before: tzset(3), a server's epoll and event descriptors, a library's configuration,
 * jansson's json_object_seed(0), which otherwise makes do with a seed that can be guessed. End with
 * _exit(2) where a leak checker is built in, as it starts a process.
 *
 * Returns 0, or -1 and `e` (ERR_SYSTEM), also where the kernel has no such filter; some of the above
 * then holds already, and the caller decides whether to go on.
 */
int sandbox_enter(const struct sandbox_limits *limits, struct err *e);

#endif
