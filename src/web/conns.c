/* Connections: who is let in, and what becomes of them. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "server_parts.h"
#include "web_limits.h"

/* Connections that are accepted before others get a turn. */
#define ACCEPT_MAX 64

/* After accept(2) failed for want of descriptors, say: those who wait are let in later. */
#define ACCEPT_AGAIN_MS 1000

static size_t count_from(const struct server *server, const struct sockaddr *peer)
{
    char network[GUARD_NETWORK_SIZE];
    size_t count = 0;
    guard_network(peer, network);
    for (const struct conn *conn = server->conns; conn != NULL; conn = conn->after)
        count += !conn->is_unix && strcmp(network, conn->network) == 0;
    return count;
}

static bool is_welcome(struct server *server, const struct sockaddr *peer, int fd, bool is_unix)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);
    /* whoever fills the network's places does not take root's */
    size_t max = WEB_CONNECTIONS_MAX + (is_unix ? WEB_CONNECTIONS_UNIX : 0);
    if (server->conn_count >= max) {
        server_log(server, "%zu connections are open: further ones are refused", max);
        return false;
    }
    if (is_unix || getsockname(fd, (struct sockaddr *)&own, &len) != 0 ||
        guard_is_here(peer, (struct sockaddr *)&own))
        return true;
    if (count_from(server, peer) < WEB_PER_ADDRESS_MAX)
        return true;
    char address[INET6_ADDRSTRLEN];
    guard_address(peer, address, sizeof(address));
    server_log(server, "%s has %d connections: further ones are refused", address,
               WEB_PER_ADDRESS_MAX);
    return false;
}

static void accept_again(void *arg)
{
    struct listener *listener = arg;
    listener->again = NULL;
    loop_set_events(listener->watch, POLLIN);
}

/* Those who wait keep the socket readable: without a pause this would be a busy loop. */
static void pause_listener(struct listener *listener)
{
    server_log(listener->server, "no further connection can be accepted: %s", strerror(errno));
    loop_set_events(listener->watch, 0);
    if (listener->again == NULL)
        listener->again =
            loop_add_timer(listener->server->spec.loop, ACCEPT_AGAIN_MS, accept_again, listener);
}

static void handle_listener(void *arg, short revents)
{
    struct listener *listener = arg;
    struct server *server = listener->server;
    bool tls = !listener->is_unix && server->backends[BACKEND_TLS].mhd != NULL;
    (void)revents;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(peer);
        int fd = accept(listener->fd, (struct sockaddr *)&peer, &len);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                pause_listener(listener);
            break;
        }
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
            !is_welcome(server, (struct sockaddr *)&peer, fd, listener->is_unix)) {
            close(fd);
            continue;
        }
        /* closes the descriptor where it fails */
        libmhd.add_connection(server->backends[tls ? BACKEND_TLS : BACKEND_PLAIN].mhd, fd,
                              (struct sockaddr *)&peer, len);
    }
    server_run(server);
}

void server_listen(struct server *server, int fd, bool is_unix)
{
    struct listener *listener = mem_zalloc(1, sizeof(*listener));
    listener->server = server;
    listener->fd = fd;
    listener->is_unix = is_unix;
    listener->after = server->listeners;
    server->listeners = listener;
    listener->watch = loop_add_fd(server->spec.loop, fd, POLLIN, handle_listener, listener);
}

static void begin_conn(struct backend *backend, struct MHD_Connection *mhd, void **context)
{
    struct conn *conn = mem_zalloc(1, sizeof(*conn));
    const union MHD_ConnectionInfo *fd =
        libmhd.get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    socklen_t len = sizeof(conn->peer);
    conn->server = backend->server;
    conn->server->progress++;
    conn->is_tls = backend->is_tls;
    conn->fd = fd == NULL ? -1 : fd->connect_fd;
    if (getpeername(conn->fd, (struct sockaddr *)&conn->peer, &len) != 0)
        conn->peer.ss_family = AF_UNSPEC;
    guard_network((const struct sockaddr *)&conn->peer, conn->network);
    len = sizeof(conn->own);
    conn->has_own = getsockname(conn->fd, (struct sockaddr *)&conn->own, &len) == 0;
    conn->is_unix = conn->has_own && conn->own.ss_family == AF_UNIX;
    conn->since_ms = clock_monotonic_ms();
    conn->after = conn->server->conns;
    if (conn->after != NULL)
        conn->after->before = conn;
    conn->server->conns = conn;
    conn->server->conn_count++;
    *context = conn;
}

void conn_set_stage(struct conn *conn, enum stage stage)
{
    conn->stage = stage;
    conn->since_ms = clock_monotonic_ms();
}

static void end_conn(struct conn *conn)
{
    if (conn->before != NULL)
        conn->before->after = conn->after;
    else
        conn->server->conns = conn->after;
    if (conn->after != NULL)
        conn->after->before = conn->before;
    conn->server->conn_count--;
    conn->server->progress++;
    if (conn->reader != NULL)
        conn->reader->conn = NULL;
    free(conn);
}

void conn_handle(void *arg, struct MHD_Connection *mhd, void **context,
                 enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin_conn(arg, mhd, context);
    } else if (*context != NULL) {
        end_conn(*context);
        *context = NULL;
    }
}
