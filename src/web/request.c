/* One request, as those see it who answer. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "gzip.h"
#include "mem.h"
#include "server_parts.h"
#include "web_limits.h"

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
    return libmhd.lookup_connection_value(request->mhd, MHD_GET_ARGUMENT_KIND, key);
}

const char *request_header(const struct request *request, const char *name)
{
    return libmhd.lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
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
        libmhd.add_response_header(response, COMMON[i][0], COMMON[i][1]);
    for (size_t i = 0; i < request->header_count; i++) {
        libmhd.add_response_header(response, request->headers[i].name, request->headers[i].value);
        caches = caches || strcmp(request->headers[i].name, "Cache-Control") == 0;
    }
    if (!caches)
        libmhd.add_response_header(response, "Cache-Control", "no-store");
    if (type != NULL)
        libmhd.add_response_header(response, "Content-Type", type);
    if (request->refused)
        libmhd.add_response_header(response, "Connection", "close");
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
        conn_set_stage(request->conn, STAGE_ANSWERED);
    request->result = libmhd.queue_response(request->mhd, status, response);
    libmhd.destroy_response(response);
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
          libmhd.create_response_from_buffer_with_free_callback(len, data, free));
}

void request_respond_static(struct request *request, unsigned status, const char *type,
                            const void *data, size_t size)
{
    queue(request, status, type,
          libmhd.create_response_from_buffer(size, (void *)data, MHD_RESPMEM_PERSISTENT));
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
    libmhd.suspend_connection(request->mhd);
}

void request_wake(struct request *request)
{
    if (!request->waiting)
        return;
    request->waiting = false;
    libmhd.resume_connection(request->mhd);
    server_run_soon(request->conn->server);
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
        libmhd.suspend_connection(reader->mhd);
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
    libmhd.resume_connection(reader->mhd);
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
    libmhd.set_connection_option(request->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    queue(request, MHD_HTTP_OK, "text/event-stream",
          libmhd.create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, reader,
                                               free_reader));
}

void server_wake_stream(struct server *server, struct stream *stream)
{
    stream_each(stream, wake_reader);
    server_run_soon(server);
}
