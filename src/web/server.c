#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>
#include <poll.h>

#include "clock.h"
#include "gzip.h"
#include "mem.h"
#include "text.h"
#include "views.h"
#include "web_limits.h"

/* How often limits of time are looked at, and where there is no epoll, everything. */
#define TICK_MS      1000
#define POLL_TICK_MS 20

/* libmicrohttpd takes a connection whose TLS handshake stops in the middle of a record for one that
 * can be read, and would have us run without end. After so many runs of which nothing came the next
 * ones are further and further apart, up to this. */
#define VAIN_RUNS_MAX  8
#define VAIN_PAUSE_MAX 100

/* Connections that are accepted before others get a turn. */
#define ACCEPT_MAX 64

/* After accept(2) failed for want of descriptors, say: those who wait are let in later. */
#define ACCEPT_AGAIN_MS 1000

#define HEADERS_MAX 6

/* What a connection has to get done in time. */
enum stage { STAGE_ASKING, STAGE_WAITING, STAGE_ANSWERED };

struct reader;

struct conn {
    struct server *server;
    struct conn *before, *after;
    struct sockaddr_storage peer, own;
    char network[GUARD_NETWORK_SIZE];
    bool is_unix, is_tls, has_own;
    int fd;
    enum stage stage;
    int64_t since_ms;      /* when that began */
    struct reader *reader; /* of a stream; or NULL */
};

/* A client of a stream: its connection sleeps while there is nothing. */
struct reader {
    struct conn *conn; /* NULL once it is closed */
    struct MHD_Connection *mhd;
    struct stream_client *client;
    bool asleep;
    int64_t moved_ms; /* when it took something, or woke up */
};

struct header {
    char name[32];
    char value[256];
};

struct request {
    struct conn *conn;
    struct MHD_Connection *mhd;
    bool is_post, is_head, waiting;
    bool refused; /* answered already, and what comes is thrown away */
    char *path;
    size_t body;
    size_t queued; /* bytes of the answer that are held */
    struct header headers[HEADERS_MAX];
    size_t header_count;
    enum MHD_Result result; /* of the answer */
    void *data;
};

/* One of MHD's daemons: the plain one, and with certificates one for TLS. */
struct backend {
    struct server *server;
    struct MHD_Daemon *mhd;
    bool is_tls;
    struct loop_fd *watch; /* NULL: the system has no epoll, and a timer looks */
};

enum { BACKEND_PLAIN, BACKEND_TLS, BACKEND_COUNT };

struct listener {
    struct server *server;
    struct listener *after;
    int fd;
    bool is_unix;
    struct loop_fd *watch;
    struct loop_timer *again; /* while it does not accept */
};

struct server {
    struct server_spec spec;
    struct backend backends[BACKEND_COUNT];
    struct listener *listeners;
    struct conn *conns;
    size_t conn_count;
    size_t queued;            /* bytes of all answers that are held */
    struct loop_timer *timer; /* MHD's own, or a wish to run soon */
    bool running;             /* inside MHD_run */
    uint64_t progress;        /* counts whatever comes of a run */
    uint64_t progress_before; /* as it was at the run before */
    int64_t vain_runs;        /* in a row that were wanted at once, and nothing came of */
    int64_t log_minute;
    unsigned log_lines;
};

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

static void run(struct server *server);

static void handle_timer(void *arg)
{
    struct server *server = arg;
    server->timer = NULL;
    run(server);
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
        if (MHD_get_timeout(backend->mhd, &timeout) == MHD_YES &&
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

static void run(struct server *server)
{
    if (server->running)
        return;
    server->running = true;
    for (int i = 0; i < BACKEND_COUNT; i++)
        if (server->backends[i].mhd != NULL)
            MHD_run(server->backends[i].mhd);
    server->running = false;
    set_timer(server, pause_ms(server));
}

static void handle_backend(void *arg, short revents)
{
    (void)revents;
    run(((struct backend *)arg)->server);
}

/* Something is to be done that MHD does not know of. */
static void run_soon(struct server *server)
{
    if (!server->running)
        set_timer(server, 0);
}

/* ---- connections ---- */

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
        MHD_add_connection(server->backends[tls ? BACKEND_TLS : BACKEND_PLAIN].mhd, fd,
                           (struct sockaddr *)&peer, len);
    }
    run(server);
}

static void begin_conn(struct backend *backend, struct MHD_Connection *mhd, void **context)
{
    struct conn *conn = mem_zalloc(1, sizeof(*conn));
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
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

static void set_stage(struct conn *conn, enum stage stage)
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

static void handle_connection(void *arg, struct MHD_Connection *mhd, void **context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin_conn(arg, mhd, context);
    } else if (*context != NULL) {
        end_conn(*context);
        *context = NULL;
    }
}

/* ---- requests ---- */

bool request_is_post(const struct request *request)
{
    return request->is_post;
}

const char *request_path(const struct request *request)
{
    return request->path;
}

const char *request_query(const struct request *request, const char *key)
{
    return MHD_lookup_connection_value(request->mhd, MHD_GET_ARGUMENT_KIND, key);
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

void request_address(const struct request *request, char *ret, size_t size)
{
    if (request->conn->is_unix)
        snprintf(ret, size, "unix");
    else
        guard_address((const struct sockaddr *)&request->conn->peer, ret, size);
}

void *request_get_data(const struct request *request)
{
    return request->data;
}

void request_set_data(struct request *request, void *data)
{
    request->data = data;
}

void request_set_header(struct request *request, const char *name, const char *value)
{
    if (request->header_count == HEADERS_MAX)
        return;
    struct header *header = &request->headers[request->header_count++];
    snprintf(header->name, sizeof(header->name), "%s", name);
    snprintf(header->value, sizeof(header->value), "%s", value);
}

/* What every answer says. Scripts, styles and data come from us alone. */
static void add_headers(const struct request *request, struct MHD_Response *response,
                        const char *type)
{
    static const char *const COMMON[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"}, /* with no-referrer a form has no Origin */
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    bool caches = false;
    for (size_t i = 0; i < sizeof(COMMON) / sizeof(COMMON[0]); i++)
        MHD_add_response_header(response, COMMON[i][0], COMMON[i][1]);
    for (size_t i = 0; i < request->header_count; i++) {
        MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
        caches = caches || strcmp(request->headers[i].name, "Cache-Control") == 0;
    }
    if (!caches)
        MHD_add_response_header(response, "Cache-Control", "no-store");
    if (type != NULL)
        MHD_add_response_header(response, "Content-Type", type);
    if (request->refused)
        MHD_add_response_header(response, "Connection", "close");
}

static void queue(struct request *request, unsigned status, const char *type,
                  struct MHD_Response *response)
{
    if (response == NULL) {
        request->result = MHD_NO;
        return;
    }
    add_headers(request, response, type);
    if (!request->refused)
        set_stage(request->conn, STAGE_ANSWERED);
    request->result = MHD_queue_response(request->mhd, status, response);
    MHD_destroy_response(response);
}

bool request_takes_gzip(const struct request *request)
{
    return gzip_is_accepted(request_header(request, "Accept-Encoding"));
}

/* Who asks for much and does not read it would have all of it kept here. */
static bool has_room(struct request *request, size_t len)
{
    struct server *server = request->conn->server;
    if (len > WEB_ANSWERS_BYTES_MAX - server->queued) {
        server_log(server, "answers of %zu bytes wait to be read: no further one is given",
                   server->queued);
        return false;
    }
    request->queued += len;
    server->queued += len;
    return true;
}

void request_respond(struct request *request, unsigned status, const char *type, struct str *body)
{
    static const char BUSY[] = "too much waits to be read by others: try again\n";
    size_t len = body->len;
    char *data = str_take(body);
    size_t packed_len = 0;
    char *packed =
        len >= GZIP_WORTH && request_takes_gzip(request) ? gzip_pack(data, len, &packed_len) : NULL;
    if (packed != NULL) {
        free(data);
        data = packed;
        len = packed_len;
        request_set_header(request, "Content-Encoding", "gzip");
    }
    if (!has_room(request, len)) {
        free(data);
        request->header_count = 0;
        request_respond_static(request, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8",
                               BUSY, sizeof(BUSY) - 1);
        return;
    }
    request_set_header(request, "Vary", "Accept-Encoding");
    queue(request, status, type,
          MHD_create_response_from_buffer_with_free_callback(len, data, free));
}

void request_respond_static(struct request *request, unsigned status, const char *type,
                            const void *data, size_t size)
{
    queue(request, status, type,
          MHD_create_response_from_buffer(size, (void *)data, MHD_RESPMEM_PERSISTENT));
}

void request_respond_text(struct request *request, unsigned status, const char *fmt, ...)
{
    struct str text;
    va_list ap;
    str_init(&text);
    va_start(ap, fmt);
    str_add_format_args(&text, fmt, ap);
    va_end(ap);
    str_add_char(&text, '\n');
    request_respond(request, status, "text/plain; charset=utf-8", &text);
    str_fini(&text);
}

void request_wait(struct request *request)
{
    request->waiting = true;
    request->result = MHD_YES;
    MHD_suspend_connection(request->mhd);
}

void request_wake(struct request *request)
{
    if (!request->waiting)
        return;
    request->waiting = false;
    MHD_resume_connection(request->mhd);
    run_soon(request->conn->server);
}

/* ---- streams ---- */

static ssize_t read_stream(void *arg, uint64_t at, char *buf, size_t max)
{
    struct reader *reader = arg;
    (void)at;
    reader->moved_ms = clock_monotonic_ms();
    if (reader->conn != NULL)
        reader->conn->server->progress++;
    int64_t got = stream_read(reader->client, buf, max);
    if (got < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (got == 0) {
        reader->asleep = true;
        MHD_suspend_connection(reader->mhd);
    }
    return (ssize_t)got;
}

static void free_reader(void *arg)
{
    struct reader *reader = arg;
    if (reader->conn != NULL)
        reader->conn->reader = NULL;
    stream_leave(reader->client);
    free(reader);
}

static void wake_reader(void *arg)
{
    struct reader *reader = arg;
    if (!reader->asleep || !stream_is_ready(reader->client))
        return;
    reader->asleep = false;
    reader->moved_ms = clock_monotonic_ms();
    MHD_resume_connection(reader->mhd);
}

void request_stream(struct request *request, struct stream *stream, const char *id)
{
    /* of a body without a length libmicrohttpd would send the end to a HEAD, too */
    if (request->is_head) {
        request_respond_static(request, MHD_HTTP_OK, "text/event-stream", "", 0);
        return;
    }
    struct reader *reader = mem_zalloc(1, sizeof(*reader));
    reader->conn = request->conn;
    reader->conn->reader = reader;
    reader->moved_ms = clock_monotonic_ms();
    reader->mhd = request->mhd;
    reader->client = stream_join(stream, id);
    stream_set_owner(reader->client, reader);
    MHD_set_connection_option(request->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    queue(request, MHD_HTTP_OK, "text/event-stream",
          MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, reader,
                                            free_reader));
}

void server_wake_stream(struct server *server, struct stream *stream)
{
    stream_each(stream, wake_reader);
    run_soon(server);
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

/* ---- from MHD ---- */

static const char *code_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_UNAUTHORIZED:
        return "unauthorized";
    case MHD_HTTP_FORBIDDEN:
        return "forbidden";
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "method_not_allowed";
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "too_large";
    case MHD_HTTP_TOO_MANY_REQUESTS:
        return "too_many";
    default:
        return "bad_request";
    }
}

/* Answers in one line, as JSON where a program asks, and closes the connection after it: what would
 * follow may be the rest of what was refused. */
static void refuse(struct request *request, unsigned status, const char *why)
{
    request->refused = true;
    if (!text_starts_with(request->path, "/api/")) {
        request_respond_text(request, status, "%s", why);
        return;
    }
    struct str body;
    str_init(&body);
    view_error(code_of(status), why, &body);
    str_add_char(&body, '\n');
    request_respond(request, status, "application/json", &body);
    str_fini(&body);
}

/* Counts the headers that decide how long a request is, and whom it is for. */
struct framing {
    unsigned hosts, lengths, encodings;
    bool odd;
};

/* Whether a header is called `name`. What only begins like it is odd: libmicrohttpd glues a folded
 * line to the name of the header, where it should go to the value. */
static bool is_called(const char *key, const char *name, struct framing *framing)
{
    size_t len = strlen(name);
    if (strncasecmp(key, name, len) != 0)
        return false;
    if (key[len] != '\0')
        framing->odd = true;
    return key[len] == '\0';
}

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct framing *framing = arg;
    (void)kind;
    if (is_called(key, "Host", framing))
        framing->hosts++;
    if (is_called(key, "Content-Length", framing)) {
        framing->lengths++;
        if (value == NULL || value[0] == '\0' || value[strspn(value, "0123456789")] != '\0')
            framing->odd = true;
    }
    if (is_called(key, "Transfer-Encoding", framing)) {
        framing->encodings++;
        if (value == NULL || strcasecmp(value, "chunked") != 0)
            framing->odd = true;
    }
    /* A name with a blank, as in "Transfer-Encoding :", is what proxies disagree about. */
    if (key[strcspn(key, " \t\r\n")] != '\0')
        framing->odd = true;
    return MHD_YES;
}

/* Refuses what two servers could read as two different requests. */
static bool is_well_framed(struct request *request)
{
    struct framing framing = {0};
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, count_header, &framing);
    return !framing.odd && framing.hosts <= 1 && framing.lengths <= 1 && framing.encodings <= 1 &&
           framing.lengths + framing.encodings <= 1;
}

static bool is_body_small(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    return length == NULL || (strlen(length) < 10 && strtol(length, NULL, 10) <= WEB_BODY_MAX);
}

/* Whether the one who asks may. If not, it is answered. */
static bool is_allowed(struct request *request)
{
    struct conn *conn = request->conn;
    struct server *server = conn->server;
    const struct guard_request asked = {
        .is_unix = conn->is_unix,
        .is_post = request->is_post,
        .is_tls = conn->is_tls,
        .peer = (const struct sockaddr *)&conn->peer,
        .own = conn->has_own ? (const struct sockaddr *)&conn->own : NULL,
        .host = request_header(request, "Host"),
        .origin = request_header(request, "Origin"),
        .authorization = request_header(request, "Authorization"),
    };
    const char *why;
    char address[64];
    char seconds[32];
    bool alarm;
    int64_t wait = 0;
    enum guard_answer answer =
        guard_check(server->spec.guard, &asked, clock_monotonic_ms(), &why, &alarm, &wait);
    if (alarm) {
        request_address(request, address, sizeof(address));
        server_log(server, "refused %s: %s", address, why);
    }
    switch (answer) {
    case GUARD_YES:
        return true;
    case GUARD_WRONG_HOST:
        refuse(request, 421, why);
        return false;
    case GUARD_WHO_ARE_YOU:
        request_set_header(request, "WWW-Authenticate",
                           "Basic realm=\"backupd\", charset=\"UTF-8\"");
        refuse(request, MHD_HTTP_UNAUTHORIZED, why);
        return false;
    case GUARD_WAIT:
        snprintf(seconds, sizeof(seconds), "%lld", (long long)wait);
        request_set_header(request, "Retry-After", seconds);
        refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, why);
        return false;
    default:
        refuse(request, MHD_HTTP_FORBIDDEN, why);
        return false;
    }
}

static void refuse_method(struct request *request)
{
    request_set_header(request, "Allow", "GET, HEAD, POST");
    refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD or POST");
}

/* The head of a request is there: looks at it before any of its body is read. */
static enum MHD_Result begin_request(struct request *request, const char *method,
                                     const char *version)
{
    request->result = MHD_YES;
    request->is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    request->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (strcmp(version, MHD_HTTP_VERSION_1_1) != 0 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
        refuse(request, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.0 or HTTP/1.1");
    else if (!is_well_framed(request))
        refuse(request, MHD_HTTP_BAD_REQUEST, "contradictory headers");
    else if (!is_allowed(request))
        return request->result;
    else if (!request->is_post && !request->is_head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        refuse_method(request);
    else if (!is_body_small(request))
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "no request has a body of that size");
    return request->result;
}

static enum MHD_Result handle_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *data_size, void **context)
{
    struct backend *backend = arg;
    struct request *request = *context;
    (void)data;
    backend->server->progress++;
    if (request == NULL) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        request = mem_zalloc(1, sizeof(*request));
        request->conn = info->socket_context;
        request->mhd = mhd;
        request->path = mem_strdup(url);
        *context = request;
        return begin_request(request, method, version);
    }
    if (*data_size > 0) {
        request->body += *data_size;
        *data_size = 0;
        return request->body > WEB_BODY_MAX ? MHD_NO : MHD_YES;
    }
    if (request->refused)
        return MHD_YES;
    if (request->conn->stage == STAGE_ASKING)
        set_stage(request->conn, STAGE_WAITING);
    request->result = MHD_YES;
    backend->server->spec.on_request(backend->server->spec.arg, request);
    return request->result;
}

static void handle_completed(void *arg, struct MHD_Connection *mhd, void **context,
                             enum MHD_RequestTerminationCode code)
{
    struct backend *backend = arg;
    struct request *request = *context;
    (void)mhd;
    (void)code;
    if (request == NULL)
        return;
    backend->server->spec.on_over(backend->server->spec.arg, request);
    backend->server->queued -= request->queued;
    backend->server->progress++;
    set_stage(request->conn, STAGE_ASKING);
    free(request->path);
    free(request);
    *context = NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes in place. What would be a control character, NUL before all, becomes '?', which
 * no name may have. */
static size_t unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
    char *to = text;
    (void)arg;
    (void)mhd;
    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            c = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
            from += 2;
        }
        *to++ = (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
    }
    *to = '\0';
    return (size_t)(to - text);
}

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
    bool epoll = MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES;
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
    backend->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, handle_request, backend, MHD_OPTION_EXTERNAL_LOGGER, ignore_words,
        NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)(WEB_CONNECTIONS_MAX + WEB_CONNECTIONS_UNIX),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_HEADER_MAX,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)2048, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)WEB_SILENCE_SECONDS, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_COMPLETED, handle_completed,
        backend, MHD_OPTION_NOTIFY_CONNECTION, handle_connection, backend,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_ARRAY,
        which == BACKEND_TLS ? tls : none, MHD_OPTION_END);
    if (backend->mhd == NULL)
        return err_set(e, ERR_CONFIG, "%s",
                       which == BACKEND_TLS
                           ? "libmicrohttpd does not take the certificate and the key: see "
                             "tls_cert and tls_key under [web]"
                           : "libmicrohttpd does not start");
    const union MHD_DaemonInfo *info =
        epoll ? MHD_get_daemon_info(backend->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
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
            MHD_stop_daemon(server->backends[BACKEND_PLAIN].mhd);
        free(server);
        return NULL;
    }
    handle_tick(server);
    return server;
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

size_t server_connections(const struct server *server)
{
    return server->conn_count;
}
