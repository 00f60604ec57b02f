#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "mem.h"
#include "server_parts.h"
#include "web_limits.h"

/* How often limits of time are looked at, and where there is no epoll, everything. */
#define TICK_MS      1000
#define POLL_TICK_MS 20

/* libmicrohttpd takes a connection whose TLS handshake stops in the middle of a record for one that
 * can be read, and would have us run without end. After so many runs of which nothing came the next
 * ones are further and further apart, up to this. */
#define VAIN_RUNS_MAX  8
#define VAIN_PAUSE_MAX 100

/* ---- the log ---- */

void server_log(struct server *server, const char *fmt, ...)
{
    int64_t minute = clock_monotonic_ms() / 60000;
    if (minute != server->log_minute && server->log_lines > WEB_LOG_LINES)
        fprintf(stderr, "%u more lines in the minute before\n", server->log_lines - WEB_LOG_LINES);
    if (minute != server->log_minute)
        server->log_lines = 0;
    server->log_minute = minute;
    if (++server->log_lines > WEB_LOG_LINES)
        return;
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    fprintf(stderr, "%s\n", line);
}

/* ---- running MHD ---- */

static void handle_timer(void *arg)
{
    struct server *server = arg;
    server->timer = NULL;
    server_run(server);
}

/* MHD reads no more from a connection than it can use, and says by a timeout of 0 that there is
 * more: its descriptor does not. */
static int64_t next_run_ms(const struct server *server)
{
    int64_t next = TICK_MS;
    for (int i = 0; i < BACKEND_COUNT; i++) {
        MHD_UNSIGNED_LONG_LONG timeout;
        const struct backend *backend = &server->backends[i];
        if (backend->mhd == NULL)
            continue;
        if (backend->watch == NULL)
            next = POLL_TICK_MS < next ? POLL_TICK_MS : next;
        if (libmhd.get_timeout(backend->mhd, &timeout) == MHD_YES &&
            timeout < (MHD_UNSIGNED_LONG_LONG)next)
            next = (int64_t)timeout;
    }
    return next;
}

/* The same, but for runs in vain. */
static int64_t pause_ms(struct server *server)
{
    int64_t next = next_run_ms(server);
    if (next > 0 || server->progress != server->progress_before)
        server->vain_runs = 0;
    else
        server->vain_runs++;
    server->progress_before = server->progress;
    if (server->vain_runs <= VAIN_RUNS_MAX)
        return next;
    int64_t pause = server->vain_runs - VAIN_RUNS_MAX;
    return pause < VAIN_PAUSE_MAX ? pause : VAIN_PAUSE_MAX;
}

static void set_timer(struct server *server, int64_t delay_ms)
{
    loop_remove_timer(server->timer);
    server->timer = loop_add_timer(server->spec.loop, delay_ms, handle_timer, server);
}

void server_run(struct server *server)
{
    if (server->running)
        return;
    server->running = true;
    for (int i = 0; i < BACKEND_COUNT; i++)
        if (server->backends[i].mhd != NULL)
            libmhd.run(server->backends[i].mhd);
    server->running = false;
    set_timer(server, pause_ms(server));
}

static void handle_backend(void *arg, short revents)
{
    (void)revents;
    server_run(((struct backend *)arg)->server);
}

/* Something is to be done that MHD does not know of. */
void server_run_soon(struct server *server)
{
    if (!server->running)
        set_timer(server, 0);
}

/* ---- what takes too long ---- */

static bool is_late(const struct conn *conn, int64_t now)
{
    bool many = conn->server->conn_count > WEB_CONNECTIONS_MANY;
    int64_t patience = many ? WEB_REQUEST_SECONDS_MANY : WEB_REQUEST_SECONDS;
    if (conn->reader != NULL)
        return !conn->reader->asleep && now - conn->reader->moved_ms > WEB_STREAM_STALL * 1000;
    switch (conn->stage) {
    case STAGE_ASKING:
        return now - conn->since_ms > patience * 1000;
    case STAGE_ANSWERED:
        return now - conn->since_ms > WEB_ANSWER_SECONDS * 1000;
    default:
        return false; /* it waits for us */
    }
}

static void handle_tick(void *arg)
{
    struct server *server = arg;
    int64_t now = clock_monotonic_ms();
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->after)
        if (is_late(conn, now))
            shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd closes it, then */
    loop_add_timer(server->spec.loop, TICK_MS, handle_tick, server);
}

/* ---- the server ---- */

/* What MHD has to say is about clients that broke off. */
static void ignore_words(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)fmt;
    (void)ap;
}

static int start_backend(struct server *server, int which, struct err *e)
{
    struct backend *backend = &server->backends[which];
    const struct settings *settings = server->spec.settings;
    bool epoll = libmhd.is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES;
    unsigned flags = MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (epoll ? MHD_USE_EPOLL : 0U) | (which == BACKEND_TLS ? MHD_USE_TLS : 0U);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, settings->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, settings->tls_key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    backend->server = server;
    backend->is_tls = which == BACKEND_TLS;
    backend->mhd = libmhd.start_daemon(
        flags, 0, NULL, NULL, intake_handle_request, backend, MHD_OPTION_EXTERNAL_LOGGER,
        ignore_words, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(WEB_CONNECTIONS_MAX + WEB_CONNECTIONS_UNIX), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)WEB_HEADER_MAX, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)2048,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_SILENCE_SECONDS, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_COMPLETED,
        intake_handle_completed, backend, MHD_OPTION_NOTIFY_CONNECTION, conn_handle, backend,
        MHD_OPTION_UNESCAPE_CALLBACK, intake_unescape, NULL, MHD_OPTION_ARRAY,
        which == BACKEND_TLS ? tls : none, MHD_OPTION_END);
    if (backend->mhd == NULL)
        return err_set(e, ERR_CONFIG, "%s",
                       which == BACKEND_TLS
                           ? "libmicrohttpd does not take the certificate and the key: see "
                             "tls_cert and tls_key under [web]"
                           : "libmicrohttpd does not start");
    const union MHD_DaemonInfo *info =
        epoll ? libmhd.get_daemon_info(backend->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info != NULL && info->epoll_fd >= 0)
        backend->watch =
            loop_add_fd(server->spec.loop, info->epoll_fd, POLLIN, handle_backend, backend);
    return 0;
}

struct server *server_new(const struct server_spec *spec, struct err *e)
{
    struct server *server = mem_zalloc(1, sizeof(*server));
    server->spec = *spec;
    if (start_backend(server, BACKEND_PLAIN, e) != 0 ||
        (spec->settings->tls_cert[0] != '\0' && start_backend(server, BACKEND_TLS, e) != 0)) {
        if (server->backends[BACKEND_PLAIN].mhd != NULL)
            libmhd.stop_daemon(server->backends[BACKEND_PLAIN].mhd);
        free(server);
        return NULL;
    }
    handle_tick(server);
    return server;
}

size_t server_connections(const struct server *server)
{
    return server->conn_count;
}
