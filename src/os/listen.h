/* Where we can be reached: listening sockets. All are non-blocking and close-on-exec. */
#ifndef BACKUPD_OS_LISTEN_H
#define BACKUPD_OS_LISTEN_H

#include <stddef.h>
#include <sys/socket.h>

#include "err.h"

/* How many addresses a name may stand for; further ones are left alone. */
#define LISTEN_MAX 8

/* How many connections may wait for accept(2); the kernel has a lower limit, net.core.somaxconn. */
#define LISTEN_BACKLOG 1024

/*
 * Whether `addr` is "HOST:PORT", "[IPV6]:PORT" or ":PORT" (every address of the machine), by its
 * form alone: no name is looked up. HOST is an IPv4 address or a name. Returns 0, or -1 and `e`
 * (ERR_USAGE), which says what would be right.
 */
int listen_check(const char *addr, struct err *e);

/* What a text like "nas.example:8888" stands for. */
struct listen_addresses {
    size_t count;
    struct listen_address {
        struct sockaddr_storage address;
        socklen_t len;
    } v[LISTEN_MAX];
};

/*
 * Finds them; may wait for the name service, so not from a loop. "localhost" is 127.0.0.1 and ::1,
 * whatever the name service says. Returns 0, or -1 and `e` as listen_tcp does.
 */
int listen_look_up(const char *addr, struct listen_addresses *ret, struct err *e);

/* The second half of listen_tcp, which never waits and can be tried again. */
int listen_open(const struct listen_addresses *addresses, int ret_fds[LISTEN_MAX],
                size_t *ret_count, struct err *e);

/*
 * Opens a socket for each address that `addr` stands for ("localhost" is 127.0.0.1 and ::1,
 * whatever the name service says), and puts them and their number into `ret_fds` and `*ret_count`;
 * the caller closes them. Port 0 lets the system choose, for each address anew. May wait for the
 * name service.
 *
 * Returns 0 where at least one of them could be opened. `e` then has a code other than ERR_NONE
 * where another could not that this machine does have, which is worth a warning. Else it returns
 * -1 and `e`: ERR_USAGE as listen_check; ERR_SYSTEM with the address that was tried first, where
 * `sys` is 0 if the name has no address.
 */
int listen_tcp(const char *addr, int ret_fds[LISTEN_MAX], size_t *ret_count, struct err *e);

/*
 * Opens a Unix stream socket at `path`, mode 0600, in a folder that nobody else can write to
 * (host_runtime_dir). A socket that a process which is gone has left there is replaced; anything
 * else, and a socket that still answers, is an error. The file stays when the socket is closed.
 * Changes the umask for a moment: not for processes with threads. Returns the descriptor, or -1
 * and `e`, ERR_SYSTEM.
 */
int listen_unix(const char *path, struct err *e);

#endif
