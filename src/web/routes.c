#include "routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assets.h"
#include "clock.h"
#include "mem.h"
#include "names.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"
#include "views.h"
#include "web_limits.h"

#define JSON  "application/json"
#define HTML  "text/html; charset=utf-8"
#define PLAIN "text/plain; charset=utf-8"

#define ASSETS "/global/assets/"

/* Somebody who waits: for a change, or for the engine. */
struct waiter {
    struct waiter *before, *after;
    struct request *request;
    uint64_t id; /* of its command; 0: a long poll */
    int64_t until_ms;
    unsigned status; /* what to answer once it is woken */
    char *text;
};

struct routes {
    struct routes_spec spec;
    struct server *server;
    struct waiter *waiters;
    size_t commands; /* that wait for the engine */
    size_t polls;    /* that wait for a change */
    uint64_t next_id;
    int64_t spent;    /* of WEB_COMMANDS_BURST, */
    int64_t spent_ms; /* at this time */
};

struct routes *routes_new(const struct routes_spec *spec)
{
    struct routes *routes = mem_zalloc(1, sizeof(*routes));
    routes->spec = *spec;
    routes->next_id = spec->first_id;
    return routes;
}

void routes_set_server(struct routes *routes, struct server *server)
{
    routes->server = server;
}

/* ---- waiting ---- */

static void wait_for(struct routes *routes, struct request *request, uint64_t id, int64_t seconds)
{
    struct waiter *waiter = mem_zalloc(1, sizeof(*waiter));
    waiter->request = request;
    waiter->id = id;
    waiter->until_ms = clock_monotonic_ms() + seconds * 1000;
    waiter->after = routes->waiters;
    if (waiter->after != NULL)
        waiter->after->before = waiter;
    routes->waiters = waiter;
    routes->commands += id != 0;
    routes->polls += id == 0;
    request_set_data(request, waiter);
    request_wait(request);
}

void routes_forget(void *arg, struct request *request)
{
    struct routes *routes = arg;
    struct waiter *waiter = request_get_data(request);
    if (waiter == NULL)
        return;
    if (waiter->before != NULL)
        waiter->before->after = waiter->after;
    else
        routes->waiters = waiter->after;
    if (waiter->after != NULL)
        waiter->after->before = waiter->before;
    routes->commands -= waiter->id != 0;
    routes->polls -= waiter->id == 0;
    free(waiter->text);
    free(waiter);
}

static void wake(struct waiter *waiter, unsigned status, const char *text)
{
    if (waiter->status != 0)
        return;
    waiter->status = status;
    waiter->text = mem_strdup(text);
    request_wake(waiter->request);
}

void routes_finish_command(struct routes *routes, uint64_t id, unsigned status, const char *text)
{
    for (struct waiter *waiter = routes->waiters; waiter != NULL; waiter = waiter->after)
        if (waiter->id == id)
            wake(waiter, status, text);
}

void routes_tell_change(struct routes *routes)
{
    for (struct waiter *waiter = routes->waiters; waiter != NULL; waiter = waiter->after)
        if (waiter->id == 0)
            wake(waiter, 200, "refresh");
}

void routes_tick(struct routes *routes)
{
    int64_t now = clock_monotonic_ms();
    for (struct waiter *waiter = routes->waiters; waiter != NULL; waiter = waiter->after) {
        if (now < waiter->until_ms)
            continue;
        if (waiter->id == 0)
            wake(waiter, 204, "");
        else
            wake(waiter, 500, "the daemon has not answered in time; it may still do it");
    }
}

/* ---- answers ---- */

static bool is_api(const struct request *request)
{
    return text_starts_with(request_path(request), "/api/");
}

static void respond_json(struct request *request, unsigned status, struct str *body)
{
    str_add_char(body, '\n');
    request_respond(request, status, JSON, body);
}

/* One line for a person, as JSON where a program asks. */
static void respond_words(struct request *request, unsigned status, const char *code,
                          const char *text)
{
    if (!is_api(request)) {
        request_respond_text(request, status, "%s", text);
        return;
    }
    struct str body;
    str_init(&body);
    view_error(code, text, &body);
    respond_json(request, status, &body);
    str_fini(&body);
}

static void refuse_method(struct request *request, const char *allowed)
{
    char text[64];
    snprintf(text, sizeof(text), "%s only", allowed);
    request_set_header(request, "Allow", allowed);
    respond_words(request, 405, "method_not_allowed", text);
}

/* ---- pages ---- */

static size_t query_number(const struct request *request, const char *key)
{
    const char *value = request_query(request, key);
    uint64_t number;
    if (value == NULL || text_parse_u64(value, strlen(value), &number) != 0 || number > 100000000)
        return 0;
    return (size_t)number;
}

static void answer_overview(struct routes *routes, struct request *request, struct str *body)
{
    page_overview(&routes->spec.projection->state, routes->spec.settings,
                  query_number(request, "from"), clock_now(), body);
    request_respond(request, 200, HTML, body);
}

static void answer_activity(struct routes *routes, struct request *request, struct str *body)
{
    page_activity(&routes->spec.projection->state, routes->spec.settings, clock_now(), body);
    request_respond(request, 200, HTML, body);
}

/* The page of a dataset, "" or "/home". */
static void answer_dataset(struct routes *routes, struct request *request, const char *name,
                           struct str *body)
{
    const struct state *state = &routes->spec.projection->state;
    const struct dataset_state *ds = state_find(state, name);
    if (ds != NULL) {
        page_dataset(state, ds, routes->spec.settings, query_number(request, "from"), clock_now(),
                     body);
        request_respond(request, 200, HTML, body);
        return;
    }
    page_message(state, routes->spec.settings, "Not found",
                 "There is no such dataset below the roots, or it was not seen yet.", body);
    request_respond(request, 404, HTML, body);
}

static void answer_asset(struct request *request, const char *name)
{
    const struct asset *asset = asset_find(name);
    if (asset == NULL) {
        respond_words(request, 404, "not_found", "there is no such file");
        return;
    }
    const char *known = request_header(request, "If-None-Match");
    char etag[64];
    size_t size = 0;
    /* a weak one: packed or not, it is the same file */
    snprintf(etag, sizeof(etag), "W/%s", asset->etag);
    request_set_header(request, "ETag", etag);
    request_set_header(request, "Cache-Control", "no-cache");
    request_set_header(request, "Vary", "Accept-Encoding");
    if (known != NULL && strstr(known, asset->etag) != NULL) {
        request_respond_static(request, 304, NULL, "", 0);
        return;
    }
    const void *packed = request_takes_gzip(request) ? asset_packed(asset, &size) : NULL;
    if (packed != NULL) {
        request_set_header(request, "Content-Encoding", "gzip");
        request_respond_static(request, 200, asset->type, packed, size);
        return;
    }
    request_respond_static(request, 200, asset->type, asset->data, asset->size);
}

/* ---- the program's view ---- */

static void answer_state(struct routes *routes, struct request *request, struct str *body)
{
    char id[STREAM_ID_MAX];
    const struct projection *projection = routes->spec.projection;
    stream_id(projection->changes, id);
    view_state(&projection->state, routes->spec.settings, id, clock_now(), body);
    respond_json(request, 200, body);
}

static void answer_activity_json(struct routes *routes, struct request *request, struct str *body)
{
    char id[STREAM_ID_MAX];
    const struct projection *projection = routes->spec.projection;
    stream_id(projection->changes, id);
    view_activity(&projection->state, id, clock_now(), body);
    respond_json(request, 200, body);
}

static void answer_dataset_json(struct routes *routes, struct request *request, const char *name,
                                struct str *body)
{
    char id[STREAM_ID_MAX];
    const struct projection *projection = routes->spec.projection;
    const struct dataset_state *ds = state_find(&projection->state, name);
    if (ds == NULL) {
        respond_words(request, 404, "not_found", "there is no such dataset below the roots");
        return;
    }
    stream_id(projection->changes, id);
    view_dataset(&projection->state, ds, id, clock_now(), body);
    respond_json(request, 200, body);
}

static void answer_stream(struct request *request, struct stream *stream)
{
    const char *after = request_header(request, "Last-Event-ID");
    if (after == NULL)
        after = request_query(request, "after");
    request_stream(request, stream, after);
}

static void answer_poll(struct routes *routes, struct request *request)
{
    if (routes->polls < WEB_POLLS_MAX) {
        wait_for(routes, request, 0, WEB_POLL_SECONDS);
        return;
    }
    request_set_header(request, "Retry-After", WEB_POLLS_RETRY);
    respond_words(request, 503, "busy", "too many requests wait for a change: try again");
}

static void answer_metrics(struct routes *routes, struct request *request, struct str *body)
{
    const struct projection *projection = routes->spec.projection;
    metrics_write(projection->metrics, &projection->state, routes->spec.settings,
                  server_connections(routes->server),
                  stream_count(projection->events) + stream_count(projection->changes), clock_now(),
                  body);
    request_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", body);
}

static void answer_health(struct routes *routes, struct request *request, struct str *body)
{
    struct verdict verdict;
    const struct state *state = &routes->spec.projection->state;
    verdict_of(state, clock_now(), &verdict);
    verdict_describe(&verdict, state, clock_now(), body);
    str_add_char(body, '\n');
    request_respond(request, verdict.level >= VERDICT_LATE ? 503 : 200, PLAIN, body);
}

/* ---- commands ---- */

/* Each costs the engine a process, or at least a line of the log. */
static bool may_command(struct routes *routes)
{
    int64_t now = clock_monotonic_ms();
    int64_t seconds = (now - routes->spent_ms) / 1000;
    routes->spent = seconds < routes->spent ? routes->spent - seconds : 0;
    routes->spent_ms = routes->spent == 0 ? now : routes->spent_ms + seconds * 1000;
    if (routes->spent >= WEB_COMMANDS_BURST)
        return false;
    routes->spent++;
    return true;
}

static void command(struct routes *routes, struct request *request, enum route_command what,
                    const char *type)
{
    uint64_t id = routes->next_id++;
    if (!may_command(routes)) {
        request_set_header(request, "Retry-After", "1");
        respond_words(request, 429, "too_many", "too many such requests came: one a second goes");
        return;
    }
    if (routes->commands >= WEB_COMMANDS_MAX ||
        !routes->spec.on_command(routes->spec.arg, what, id, type)) {
        respond_words(request, 503, "busy", "too many requests wait for the daemon: try again");
        return;
    }
    wait_for(routes, request, id, WEB_COMMAND_SECONDS);
}

static void answer_snapshot(struct routes *routes, struct request *request)
{
    struct snapname checked;
    struct err e = ERR_INIT;
    const char *type = request_query(request, "periodicity");
    if (!request_is_post(request)) {
        refuse_method(request, "POST");
        return;
    }
    if (type == NULL || type[0] == '\0') {
        respond_words(request, 400, "bad_request",
                      "periodicity is missing: POST /snapshot?periodicity=daily");
        return;
    }
    /* its time comes behind it; the engine counts in the same way */
    if (strlen(type) + sizeof("-2000-01-01-000000") > NAME_LEN_MAX) {
        respond_words(request, 400, "bad_request", "that periodicity is too long");
        return;
    }
    if (snapname_check(type, &checked, &e) != 0) {
        respond_words(request, 400, "bad_request", e.msg);
        return;
    }
    command(routes, request, COMMAND_SNAPSHOT, type);
}

static void answer_sync(struct routes *routes, struct request *request)
{
    if (request_is_post(request))
        command(routes, request, COMMAND_SYNC, NULL);
    else
        refuse_method(request, "POST");
}

/* A form of the page without script: back to the page. */
static bool wants_html(const struct request *request)
{
    const char *accept = request_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/html") != NULL;
}

static void answer_woken(struct routes *routes, struct request *request,
                         const struct waiter *waiter)
{
    struct str body;
    str_init(&body);
    if (waiter->id != 0 && wants_html(request)) {
        page_message(&routes->spec.projection->state, routes->spec.settings,
                     waiter->status < 300 ? "Done" : "Not done", waiter->text, &body);
        request_respond(request, waiter->status, HTML, &body);
    } else if (waiter->id != 0 && is_api(request) && waiter->status < 300) {
        str_add(&body, "{\"accepted\":true}");
        respond_json(request, waiter->status, &body);
    } else if (waiter->id != 0) {
        respond_words(request, waiter->status, "failed", waiter->text);
    } else {
        str_add(&body, waiter->text);
        request_respond(request, waiter->status, PLAIN, &body);
    }
    str_fini(&body);
}

/* ---- the table ---- */

/* What is behind `prefix` in `path`, or NULL. */
static const char *behind(const char *path, const char *prefix)
{
    return text_starts_with(path, prefix) ? path + strlen(prefix) : NULL;
}

static bool is(const char *path, const char *what)
{
    size_t len = strlen(what);
    return strncmp(path, what, len) == 0 &&
           (path[len] == '\0' || (path[len] == '/' && path[len + 1] == '\0'));
}

/* "/home/" and "/home" are one dataset; the root is "" and "/". */
static char *dataset_name(const char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    return mem_strndup(path, len);
}

static void answer_api(struct routes *routes, struct request *request, const char *path,
                       struct str *body)
{
    struct projection *projection = routes->spec.projection;
    const char *rest;
    if (is(path, "state")) {
        answer_state(routes, request, body);
    } else if (is(path, "activity")) {
        answer_activity_json(routes, request, body);
    } else if (is(path, "events")) {
        answer_stream(request, projection->events);
    } else if (is(path, "changes")) {
        answer_stream(request, projection->changes);
    } else if ((rest = behind(path, "datasets")) != NULL && (*rest == '\0' || *rest == '/')) {
        char *name = dataset_name(rest);
        answer_dataset_json(routes, request, name, body);
        free(name);
    } else {
        respond_words(request, 404, "not_found", "there is no such path: see docs/openapi.yaml");
    }
}

/* GET of whatever is not of the API. */
static void answer_get(struct routes *routes, struct request *request, const char *path,
                       struct str *body)
{
    const char *rest;
    if (strcmp(path, "/") == 0) {
        request_set_header(request, "Location", "/global");
        request_respond_static(request, 302, NULL, "", 0);
    } else if (is(path, "/global")) {
        answer_overview(routes, request, body);
    } else if (is(path, "/global/activity")) {
        answer_activity(routes, request, body);
    } else if ((rest = behind(path, "/global/dataset")) != NULL &&
               (*rest == '\0' || *rest == '/')) {
        char *name = dataset_name(rest);
        answer_dataset(routes, request, name, body);
        free(name);
    } else if (is(path, "/root")) {
        answer_dataset(routes, request, "", body);
    } else if (is(path, "/poll")) {
        answer_poll(routes, request);
    } else if (is(path, "/metrics")) {
        answer_metrics(routes, request, body);
    } else if (is(path, "/healthz")) {
        answer_health(routes, request, body);
    } else {
        char *name = dataset_name(path);
        answer_dataset(routes, request, name, body);
        free(name);
    }
}

void routes_answer(void *arg, struct request *request)
{
    struct routes *routes = arg;
    const char *path = request_path(request);
    const struct waiter *waiter = request_get_data(request);
    struct str body;
    if (waiter != NULL) {
        answer_woken(routes, request, waiter);
        return;
    }
    str_init(&body);
    if (text_starts_with(path, ASSETS) && !request_is_post(request)) {
        answer_asset(request, path + strlen(ASSETS));
    } else if (!routes->spec.projection->is_ready) {
        request_set_header(request, "Retry-After", "1");
        respond_words(request, 503, "starting", "the daemon has only just begun: try again");
    } else if (is(path, "/snapshot")) {
        answer_snapshot(routes, request);
    } else if (is(path, "/api/v1/sync")) {
        answer_sync(routes, request);
    } else if (request_is_post(request)) {
        refuse_method(request, "GET, HEAD");
    } else if (is_api(request)) {
        const char *rest = behind(path, "/api/v1/");
        answer_api(routes, request, rest == NULL ? "" : rest, &body);
    } else {
        answer_get(routes, request, path, &body);
    }
    str_fini(&body);
}
