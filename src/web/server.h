/*
 * HTTP by libmicrohttpd, inside our own poll loop: connections and their limits, requests and
 * answers. What is asked for and who may ask is decided elsewhere (routes.h, guard.h).
 */
#ifndef BACKUPD_WEB_SERVER_H
#define BACKUPD_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "guard.h"
#include "loop.h"
#include "settings.h"
#include "str.h"
#include "stream.h"

struct server;
struct request;

/*
 * Called for every request that is complete and allowed, and again after request_wake. It must
 * answer (request_respond…), begin a stream, or wait.
 */
typedef void server_request_fn(void *arg, struct request *request);

/* Called when a request is over, however it ended, before it is freed. */
typedef void server_over_fn(void *arg, struct request *request);

struct server_spec {
    struct loop *loop;
    const struct settings *settings;
    struct guard *guard;
    server_request_fn *on_request;
    server_over_fn *on_over;
    void *arg;
};

/* Makes a server; nothing of it opens a file or a socket later. NULL and `e` where libmicrohttpd
 * refuses, as for a certificate that is none. */
struct server *server_new(const struct server_spec *spec, struct err *e);

/* Accepts connections from `fd`, a non-blocking listening socket. */
void server_listen(struct server *server, int fd, bool is_unix);

/* Connections that are open. */
size_t server_connections(const struct server *server);

/* Lines for the log: `fmt` is of a few words, and at most WEB_LOG_LINES a minute are written. */
void server_log(struct server *server, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- one request ---- */

/* "GET" (of a HEAD too) or "POST". */
bool request_is_post(const struct request *request);

/* The path, percent-decoded. */
const char *request_path(const struct request *request);

/* A parameter of the query, decoded, or NULL. */
const char *request_query(const struct request *request, const char *key);

/* A header, or NULL. */
const char *request_header(const struct request *request, const char *name);

/* The client's address as text, for the log: "unix" of the Unix socket. */
void request_address(const struct request *request, char *ret, size_t size);

/* A header of the answer, before it is given. */
void request_set_header(struct request *request, const char *name, const char *value);

/* Whether the client takes answers in gzip. */
bool request_takes_gzip(const struct request *request);

/* Answers, packed where the client takes that. `body` is emptied, and the caller's still. */
void request_respond(struct request *request, unsigned status, const char *type, struct str *body);

/* Answers with bytes that live for ever. */
void request_respond_static(struct request *request, unsigned status, const char *type,
                            const void *data, size_t size);

/* Answers with one line of text. */
void request_respond_text(struct request *request, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers with a stream of events after `id` (NULL: from now on). */
void request_stream(struct request *request, struct stream *stream, const char *id);

/* Wakes those of a stream's clients for whom there is something. */
void server_wake_stream(struct server *server, struct stream *stream);

/* Leaves the request unanswered until request_wake, after which on_request is called again. */
void request_wait(struct request *request);
void request_wake(struct request *request);

/* A place for the caller's own. */
void *request_get_data(const struct request *request);
void request_set_data(struct request *request, void *data);

#endif
