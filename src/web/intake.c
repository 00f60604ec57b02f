/* What comes in: the head of a request is looked at before any of its body is read. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "clock.h"
#include "mem.h"
#include "server_parts.h"
#include "text.h"
#include "views.h"
#include "web_limits.h"

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
    libmhd.get_connection_values(request->mhd, MHD_HEADER_KIND, count_header, &framing);
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

enum MHD_Result intake_handle_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *data_size, void **context)
{
    struct backend *backend = arg;
    struct request *request = *context;
    (void)data;
    backend->server->progress++;
    if (request == NULL) {
        const union MHD_ConnectionInfo *info =
            libmhd.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
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
        conn_set_stage(request->conn, STAGE_WAITING);
    request->result = MHD_YES;
    backend->server->spec.on_request(backend->server->spec.arg, request);
    return request->result;
}

void intake_handle_completed(void *arg, struct MHD_Connection *mhd, void **context,
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
    conn_set_stage(request->conn, STAGE_ASKING);
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
size_t intake_unescape(void *arg, struct MHD_Connection *mhd, char *text)
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
