#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

/* A name of the domain name system has no more than 253 characters. */
#define HOST_SIZE 256

/* "[", an IPv6 address with its zone, "]:", a port. */
#define ADDRESS_TEXT_SIZE (NI_MAXHOST + NI_MAXSERV + 4)

#define FORMS "HOST:PORT, [IPV6]:PORT or :PORT"

/* What an address consists of. */
struct target {
    char host[HOST_SIZE]; /* without brackets; "" is every address */
    char port[8];
};

static int refuse(struct err *e, const char *addr, const char *why)
{
    return err_set(e, ERR_USAGE, "cannot listen on \"%s\": %s", addr, why);
}

/* Whether `host` is an IPv6 address, perhaps with a zone: "fe80::1%eth0". */
static bool is_ipv6(const char *host)
{
    char text[HOST_SIZE];
    struct in6_addr address;
    size_t len = strcspn(host, "%");
    snprintf(text, sizeof(text), "%.*s", (int)len, host);
    return inet_pton(AF_INET6, text, &address) == 1 && (host[len] == '\0' || host[len + 1] != '\0');
}

static bool is_ipv4(const char *host)
{
    struct in_addr address;
    return inet_pton(AF_INET, host, &address) == 1;
}

/* Copies the `len` bytes at `s`. Returns 0, or -1 where they do not fit. */
static int copy_text(char *ret, size_t size, const char *s, size_t len)
{
    if (len >= size)
        return -1;
    memcpy(ret, s, len);
    ret[len] = '\0';
    return 0;
}

/* Returns NULL, or what is wrong with a host that was not in brackets. */
static const char *mistake_of_host(const char *host)
{
    static const char NAME_BYTES[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (strchr(host, ':') != NULL)
        return "an IPv6 address goes in brackets, as in [::1]:8888";
    if (host[strspn(host, NAME_BYTES)] != '\0')
        return "the host is neither a name nor an address; write " FORMS;
    /* The C library would take "10.1" for 10.0.0.1. */
    if (host[0] != '\0' && host[strspn(host, "0123456789.")] == '\0' && !is_ipv4(host))
        return "the host is no IPv4 address, which has four numbers, as in 127.0.0.1:8888";
    return NULL;
}

/* Takes `addr` apart. */
static int parse(const char *addr, struct target *ret, struct err *e)
{
    const char *host = addr;
    const char *colon = strrchr(addr, ':');
    if (addr[0] == '[') {
        const char *end = strchr(addr, ']');
        host = addr + 1;
        colon = end != NULL && end[1] == ':' ? end + 1 : NULL;
    }
    if (colon == NULL)
        return refuse(e, addr, "it has no port; write " FORMS);
    size_t host_len = (size_t)(colon - host) - (host != addr);
    if (copy_text(ret->host, sizeof(ret->host), host, host_len) != 0)
        return refuse(e, addr, "the host is too long");
    if (host != addr && !is_ipv6(ret->host))
        return refuse(e, addr, "what is in brackets is no IPv6 address");
    const char *mistake = host == addr ? mistake_of_host(ret->host) : NULL;
    if (mistake != NULL)
        return refuse(e, addr, mistake);
    uint64_t port = 0;
    if (text_parse_u64(colon + 1, strlen(colon + 1), &port) != 0 || port > UINT16_MAX)
        return refuse(e, addr, "the port is no number from 0 to 65535; write " FORMS);
    snprintf(ret->port, sizeof(ret->port), "%u", (unsigned)port);
    return 0;
}

int listen_check(const char *addr, struct err *e)
{
    struct target target = {0};
    return parse(addr, &target, e);
}

/* The addresses of `target`, for freeaddrinfo. Returns what getaddrinfo does. */
static int look_up(const struct target *target, struct addrinfo **ret)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    const char *host = target->host[0] != '\0' ? target->host : NULL;
    if (strcmp(target->host, "localhost") == 0) {
        /* No host, and not passive: both loopback addresses, with no file or server asked. */
        hints.ai_flags = AI_NUMERICSERV;
        host = NULL;
    }
    return getaddrinfo(host, target->port, &hints, ret);
}

/* Writes "127.0.0.1:8888" or "[::1]:8888". */
static void address_text(char ret[ADDRESS_TEXT_SIZE], const struct listen_address *at)
{
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (getnameinfo((const struct sockaddr *)&at->address, at->len, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(ret, ADDRESS_TEXT_SIZE, "an address");
    else if (at->address.ss_family == AF_INET6)
        snprintf(ret, ADDRESS_TEXT_SIZE, "[%s]:%s", host, port);
    else
        snprintf(ret, ADDRESS_TEXT_SIZE, "%s:%s", host, port);
}

/* Returns a listening socket, or -1 and errno. */
static int open_tcp(const struct listen_address *at)
{
    int on = 1;
    int family = at->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    /* Connections of an earlier run that linger in TIME_WAIT are not in the way of this one. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        /* IPv4 has a socket of its own, whatever the system's default is. */
        (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, (const struct sockaddr *)&at->address, at->len) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* Whether `code` says no more than that this machine does not have the address, or its family. */
static bool is_not_here(int code)
{
    return code == EADDRNOTAVAIL || code == EAFNOSUPPORT || code == EPROTONOSUPPORT;
}

/* Notes in `failure` that `at` could not be opened, unless something worse is there already. */
static void note_failure(struct err *failure, const struct listen_address *at, int code)
{
    char text[ADDRESS_TEXT_SIZE];
    if (failure->code != ERR_NONE && (!is_not_here(failure->sys) || is_not_here(code)))
        return;
    address_text(text, at);
    err_set_sys(failure, code, "cannot listen on %s", text);
}

int listen_look_up(const char *addr, struct listen_addresses *ret, struct err *e)
{
    struct target target = {0};
    struct addrinfo *infos = NULL;
    if (parse(addr, &target, e) != 0)
        return -1;
    int found = look_up(&target, &infos);
    if (found == EAI_SYSTEM)
        return err_set_sys(e, errno, "cannot listen on %s", addr);
    if (found != 0)
        return err_set(e, ERR_SYSTEM, "cannot listen on %s: %s", addr, gai_strerror(found));
    memset(ret, 0, sizeof(*ret));
    for (const struct addrinfo *at = infos; at != NULL && ret->count < LISTEN_MAX;
         at = at->ai_next) {
        memcpy(&ret->v[ret->count].address, at->ai_addr, at->ai_addrlen);
        ret->v[ret->count++].len = at->ai_addrlen;
    }
    freeaddrinfo(infos);
    return 0;
}

int listen_open(const struct listen_addresses *addresses, int ret_fds[LISTEN_MAX],
                size_t *ret_count, struct err *e)
{
    struct err failure = ERR_INIT;
    size_t count = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        int fd = open_tcp(&addresses->v[i]);
        if (fd >= 0)
            ret_fds[count++] = fd;
        else
            note_failure(&failure, &addresses->v[i], errno);
    }
    if (e != NULL && failure.code != ERR_NONE && (count == 0 || !is_not_here(failure.sys)))
        *e = failure;
    if (count == 0)
        return -1;
    *ret_count = count;
    return 0;
}

int listen_tcp(const char *addr, int ret_fds[LISTEN_MAX], size_t *ret_count, struct err *e)
{
    struct listen_addresses addresses = {.count = 0};
    if (listen_look_up(addr, &addresses, e) != 0)
        return -1;
    return listen_open(&addresses, ret_fds, ret_count, e);
}

/* Whether somebody accepts connections at `address`. */
static bool is_answered(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* rather no service than one taken away */
    bool answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
                    errno != ECONNREFUSED;
    close(fd);
    return answered;
}

/* Removes a socket that nobody answers any more. Returns 0 where the way is free, or an errno. */
static int make_way(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    if (is_answered(address))
        return EADDRINUSE;
    return unlink(address->sun_path) == 0 ? 0 : errno;
}

/* Returns a listening socket, or -1 and errno. */
static int open_unix(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* The file is made with the right mode: there is no moment at which others may connect. */
    mode_t before = umask(0177);
    int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int code = errno;
    umask(before);
    if (result == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    if (result == 0)
        code = errno;
    close(fd);
    errno = code;
    return -1;
}

int listen_unix(const char *path, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path))
        return err_set_sys(e, ENAMETOOLONG,
                           "cannot listen on %s: the path of a socket has at most %zu bytes", path,
                           sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, len + 1);
    int code = make_way(&address);
    if (code != 0)
        return err_set_sys(e, code, "cannot listen on %s", path);
    int fd = open_unix(&address);
    if (fd < 0)
        return err_set_sys(e, errno, "cannot listen on %s", path);
    return fd;
}
