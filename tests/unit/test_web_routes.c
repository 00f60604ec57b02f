/*
 * web/routes: what waits, what is handed to the engine, and what is answered. The server and the clock are this
 * file's: five minutes pass at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "names.h"
#include "routes.h"
#include "web_limits.h"

static int64_t now_ms;

int64_t clock_now(void)
{
    return 1764000000 + now_ms / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return now_ms;
}

/* ---- the server ---- */

struct request {
    const char *path, *query, *accept, *etag;
    void *data;
    struct str body;
    unsigned status; /* 0: not answered yet */
    bool is_post, waits, streams;
    char type[64];
    char headers[256];
};

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
    return strcmp(key, "periodicity") == 0 ? request->query : NULL;
}

const char *request_header(const struct request *request, const char *name)
{
    return strcmp(name, "Accept") == 0          ? request->accept
           : strcmp(name, "If-None-Match") == 0 ? request->etag
                                                : NULL;
}

bool request_takes_gzip(const struct request *request)
{
    (void)request;
    return false;
}

void request_set_header(struct request *request, const char *name, const char *value)
{
    size_t len = strlen(request->headers);
    snprintf(request->headers + len, sizeof(request->headers) - len, "%s: %s\n", name, value);
}

void request_respond(struct request *request, unsigned status, const char *type, struct str *body)
{
    assert_int_equal(0, request->status);
    request->status = status;
    snprintf(request->type, sizeof(request->type), "%s", type == NULL ? "" : type);
    str_add_bytes(&request->body, body->s, body->len);
}

void request_respond_static(struct request *request, unsigned status, const char *type,
                            const void *data, size_t size)
{
    struct str body;
    str_init(&body);
    str_add_bytes(&body, data, size);
    request_respond(request, status, type, &body);
    str_fini(&body);
}

void request_respond_text(struct request *request, unsigned status, const char *fmt, ...)
{
    struct str body;
    va_list ap;
    str_init(&body);
    va_start(ap, fmt);
    str_add_format_args(&body, fmt, ap);
    va_end(ap);
    request_respond(request, status, "text/plain", &body);
    str_fini(&body);
}

void request_stream(struct request *request, struct stream *stream, const char *id)
{
    (void)stream;
    (void)id;
    request->streams = true;
}

static struct routes *routes;

/* The server calls again, later; here at once. */
static struct request *woken[64];
static size_t woken_count;

void request_wait(struct request *request)
{
    request->waits = true;
}

void request_wake(struct request *request)
{
    assert_true(request->waits);
    request->waits = false;
    woken[woken_count++] = request;
}

void *request_get_data(const struct request *request)
{
    return request->data;
}

void request_set_data(struct request *request, void *data)
{
    request->data = data;
}

size_t server_connections(const struct server *server)
{
    (void)server;
    return 0;
}

/* ---- the rest of the world ---- */

static char none[] = "";
static char version[] = "0.1.0";
static char root[] = "tank/data";
static struct settings settings;
static struct projection projection;
static uint64_t newest_id;
static char newest_type[64];
static int commands;

static bool handle_command(void *arg, enum route_command what, uint64_t id, const char *type)
{
    (void)arg;
    assert_int_equal(what == COMMAND_SNAPSHOT, type != NULL);
    commands++;
    newest_id = id;
    snprintf(newest_type, sizeof(newest_type), "%s", type == NULL ? "" : type);
    return true;
}

static struct request requests[WEB_POLLS_MAX + 128];
static size_t request_count;

static int set_up(void **state)
{
    (void)state;
    settings = (struct settings){.version = version,
                                 .local_root = root,
                                 .remote_root = none,
                                 .remote_host = none,
                                 .own_name = none,
                                 .token = none,
                                 .tls_cert = none,
                                 .tls_key = none};
    memset(requests, 0, sizeof(requests));
    request_count = woken_count = 0;
    commands = 0;
    now_ms = 5000000;
    projection_init(&projection, 1);
    projection_set_ready(&projection);
    struct routes_spec spec = {.settings = &settings,
                               .projection = &projection,
                               .on_command = handle_command,
                               .first_id = 1};
    routes = routes_new(&spec);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < request_count; i++) {
        routes_forget(routes, &requests[i]);
        str_fini(&requests[i].body);
    }
    free(routes);
    projection_fini(&projection);
    return 0;
}

static struct request *ask(bool is_post, const char *path, const char *query)
{
    assert_true(request_count < sizeof(requests) / sizeof(requests[0]));
    struct request *request = &requests[request_count++];
    *request = (struct request){.is_post = is_post, .path = path, .query = query};
    str_init(&request->body);
    routes_answer(routes, request);
    assert_int_equal(1, (request->status != 0) + request->waits + request->streams);
    return request;
}

static void answer_woken(void)
{
    for (size_t i = 0; i < woken_count; i++) {
        routes_answer(routes, woken[i]);
        routes_forget(routes, woken[i]);
        woken[i]->data = NULL;
    }
    woken_count = 0;
}

/* Lets go of a request as the server does. */
static void forget(struct request *request)
{
    routes_forget(routes, request);
    request->data = NULL;
}

/* ---- the tests ---- */

static void a_long_poll_ends_after_five_minutes(void **state)
{
    (void)state;
    struct request *poll = ask(false, "/poll", NULL);
    assert_true(poll->waits);
    now_ms += WEB_POLL_SECONDS * 1000 - 1;
    routes_tick(routes);
    assert_true(poll->waits);
    now_ms += 1;
    routes_tick(routes);
    routes_tick(routes);
    answer_woken();
    assert_int_equal(204, poll->status);
    assert_int_equal(0, poll->body.len);
    assert_int_equal(300, WEB_POLL_SECONDS);
}

static void every_long_poll_is_told_of_a_change_once(void **state)
{
    (void)state;
    struct request *polls[20];
    for (size_t i = 0; i < 20; i++)
        polls[i] = ask(false, i % 2 == 0 ? "/poll" : "/poll/", NULL);
    routes_tell_change(routes);
    routes_tell_change(routes);
    assert_int_equal(20, woken_count);
    answer_woken();
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(200, polls[i]->status);
        assert_string_equal("refresh", polls[i]->body.s);
    }
    routes_tell_change(routes);
    assert_int_equal(0, woken_count);
}

static void whoever_left_is_not_told(void **state)
{
    (void)state;
    struct request *polls[3];
    for (size_t i = 0; i < 3; i++)
        polls[i] = ask(false, "/poll", NULL);
    forget(polls[1]);
    routes_tell_change(routes);
    assert_int_equal(2, woken_count);
    answer_woken();
    assert_int_equal(0, polls[1]->status);
}

static void only_so_many_long_polls_wait_at_a_time(void **state)
{
    (void)state;
    struct request *first = ask(false, "/poll", NULL);
    for (int i = 1; i < WEB_POLLS_MAX; i++)
        assert_true(ask(false, "/poll", NULL)->waits);
    struct request *refused = ask(false, "/poll", NULL);
    assert_int_equal(503, refused->status);
    assert_non_null(strstr(refused->headers, "Retry-After: " WEB_POLLS_RETRY "\n"));
    assert_true(ask(true, "/api/v1/sync", NULL)->waits);
    forget(first);
    assert_true(ask(false, "/poll", NULL)->waits);
    assert_int_equal(503, ask(false, "/poll", NULL)->status);
}

static void a_snapshot_is_answered_with_the_engines_words(void **state)
{
    (void)state;
    struct request *request = ask(true, "/snapshot", "daily");
    assert_true(request->waits);
    assert_string_equal("daily", newest_type);
    routes_finish_command(routes, newest_id + 1, 200, "somebody else's");
    assert_true(request->waits);
    routes_finish_command(routes, newest_id, 409, "it is there already");
    routes_finish_command(routes, newest_id, 200, "twice");
    answer_woken();
    assert_int_equal(409, request->status);
    assert_string_equal("it is there already", request->body.s);
}

static void the_answer_for_a_page_is_a_page(void **state)
{
    (void)state;
    struct request *request = ask(true, "/snapshot", "daily");
    request->accept = "text/html,*/*";
    routes_finish_command(routes, newest_id, 500, "<script>alert(1)</script>");
    answer_woken();
    assert_int_equal(500, request->status);
    assert_non_null(strstr(request->type, "text/html"));
    assert_null(strstr(request->body.s, "<script>alert"));
    assert_non_null(strstr(request->body.s, "&lt;script&gt;alert(1)"));
}

static void an_engine_that_does_not_answer_is_not_waited_for(void **state)
{
    (void)state;
    struct request *request = ask(true, "/api/v1/sync", NULL);
    now_ms += WEB_COMMAND_SECONDS * 1000;
    routes_tick(routes);
    answer_woken();
    assert_int_equal(500, request->status);
    assert_non_null(strstr(request->body.s, "\"error\""));
    routes_finish_command(routes, newest_id, 202, "too late");
    assert_int_equal(0, woken_count);
}

static void what_is_no_type_does_not_reach_the_engine(void **state)
{
    (void)state;
    static const char *const WRONG[] = {NULL, "", "a@b", "a/b", "a#b", "a\nb", "\xff", "?"};
    char long_one[NAME_LEN_MAX + 1];
    memset(long_one, 'x', NAME_LEN_MAX);
    long_one[NAME_LEN_MAX] = '\0';
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
        assert_int_equal(400, ask(true, "/snapshot", WRONG[i])->status);
    assert_int_equal(400, ask(true, "/snapshot", long_one)->status);
    assert_int_equal(405, ask(false, "/snapshot", "daily")->status);
    assert_int_equal(405, ask(false, "/api/v1/sync", NULL)->status);
    assert_int_equal(0, commands);
}

static void only_so_many_commands_wait_at_a_time(void **state)
{
    (void)state;
    struct request *first = ask(true, "/snapshot", "daily");
    uint64_t id = newest_id;
    for (int i = 1; i < WEB_COMMANDS_MAX; i++)
        assert_true(ask(true, "/api/v1/sync", NULL)->waits);
    assert_int_equal(503, ask(true, "/api/v1/sync", NULL)->status);
    routes_finish_command(routes, id, 200, "x");
    answer_woken();
    assert_int_equal(200, first->status);
    assert_true(ask(true, "/api/v1/sync", NULL)->waits);
}

static unsigned sync_at_once(void)
{
    struct request *request = ask(true, "/api/v1/sync", NULL);
    if (request->status == 0) {
        routes_finish_command(routes, newest_id, 202, "x");
        answer_woken();
    }
    return request->status;
}

static void after_a_burst_one_command_a_second_goes(void **state)
{
    (void)state;
    for (int i = 0; i < WEB_COMMANDS_BURST; i++)
        assert_int_equal(202, sync_at_once());
    assert_int_equal(429, sync_at_once());
    assert_non_null(strstr(requests[request_count - 1].headers, "Retry-After: 1"));
    now_ms += 999;
    assert_int_equal(429, sync_at_once());
    now_ms += 1;
    assert_int_equal(202, sync_at_once());
    assert_int_equal(429, sync_at_once());
    now_ms += 3500;
    for (int i = 0; i < 3; i++)
        assert_int_equal(202, sync_at_once());
    assert_int_equal(429, sync_at_once());
    now_ms += 500;
    assert_int_equal(202, sync_at_once());
    assert_int_equal(429, sync_at_once());
}

static void before_everything_is_known_nothing_is_claimed(void **state)
{
    (void)state;
    projection.is_ready = false;
    assert_int_equal(503, ask(false, "/healthz", NULL)->status);
    assert_int_equal(503, ask(false, "/global", NULL)->status);
    assert_int_equal(503, ask(false, "/api/v1/state", NULL)->status);
    assert_int_equal(503, ask(true, "/snapshot", "daily")->status);
    assert_int_equal(404, ask(false, "/global/assets/nothing", NULL)->status);
}

static void a_dataset_is_behind_a_slash_only(void **state)
{
    (void)state;
    const struct event seen = {.kind = EVENT_DATASET_SEEN, .dataset = "foo"};
    const struct event other = {.kind = EVENT_DATASET_SEEN, .dataset = "/foo"};
    state_apply(&projection.state, &seen);
    state_apply(&projection.state, &other);
    assert_int_equal(404, ask(false, "/global/datasetfoo", NULL)->status);
    assert_int_equal(404, ask(false, "/api/v1/datasetsfoo", NULL)->status);
    assert_int_equal(200, ask(false, "/global/dataset/foo", NULL)->status);
    assert_int_equal(200, ask(false, "/global/dataset/foo/", NULL)->status);
    assert_int_equal(200, ask(false, "/api/v1/datasets/foo", NULL)->status);
}

static void paths_that_are_none_are_not_found(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "/nothing",          "/../etc/passwd",  "/globalx",       "/api/",   "/api/v1/",
        "/api/v1/x",         "/api/v2/state",   "/pollx",         "/root/x", "/global/datasetx",
        "/api/v1/datasetsx", "/api/v1/state/x", "/global/assets/"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct request *request = ask(false, WRONG[i], NULL);
        if (request->status != 404)
            fail_msg("%s: %u", WRONG[i], request->status);
        assert_int_equal(405, ask(true, WRONG[i], NULL)->status);
    }
    assert_int_equal(302, ask(false, "/", NULL)->status);
    assert_true(ask(false, "/api/v1/events", NULL)->streams);
    assert_true(ask(false, "/api/v1/changes", NULL)->streams);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_long_poll_ends_after_five_minutes),
        T(every_long_poll_is_told_of_a_change_once),
        T(whoever_left_is_not_told),
        T(only_so_many_long_polls_wait_at_a_time),
        T(a_snapshot_is_answered_with_the_engines_words),
        T(the_answer_for_a_page_is_a_page),
        T(an_engine_that_does_not_answer_is_not_waited_for),
        T(what_is_no_type_does_not_reach_the_engine),
        T(only_so_many_commands_wait_at_a_time),
        T(after_a_burst_one_command_a_second_goes),
        T(before_everything_is_known_nothing_is_claimed),
        T(a_dataset_is_behind_a_slash_only),
        T(paths_that_are_none_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
