#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "guard.h"
#include "host.h"
#include "libmhd.h"
#include "lines.h"
#include "loop.h"
#include "projection.h"
#include "role_json.h"
#include "routes.h"
#include "sandbox.h"
#include "server.h"
#include "settings.h"
#include "text.h"
#include "web_limits.h"

#define ENGINE_FD    0
#define FIRST_SOCKET 3
#define SOCKETS_MAX  16

/* Seconds that the engine may take to send the settings. */
#define SETTINGS_SECONDS 30

/* Bytes that are read from the engine before clients get a turn. */
#define READ_MAX 262144

/* Bytes of commands that wait for the engine to read them. */
#define UNSENT_MAX 65536

/* Descriptors besides connections. */
#define OWN_DESCRIPTORS 64

struct web {
    struct loop *loop;
    struct lines lines;
    bool has_settings;
    struct settings settings;
    struct projection projection;
    struct routes *routes;
    struct guard *guard;
    struct server *server;
    struct loop_fd *engine;
    struct loop_timer *flush;
    struct str unsent; /* for the engine */
    int status;
};

static void complain(const struct err *e)
{
    fprintf(stderr, "%s\n", e->msg);
}

/* ---- to those who watch ---- */

static void flush(void *arg)
{
    struct web *web = arg;
    web->flush = NULL;
    projection_flush(&web->projection, clock_now());
    server_wake_stream(web->server, web->projection.events);
    server_wake_stream(web->server, web->projection.changes);
    routes_tell_change(web->routes);
}

static void flush_soon(struct web *web)
{
    if (web->flush == NULL)
        web->flush = loop_add_timer(web->loop, WEB_FLUSH_MS, flush, web);
}

static void keep_alive(void *arg)
{
    struct web *web = arg;
    stream_add_comment(web->projection.events);
    stream_add_comment(web->projection.changes);
    server_wake_stream(web->server, web->projection.events);
    server_wake_stream(web->server, web->projection.changes);
    loop_add_timer(web->loop, WEB_KEEPALIVE_SECONDS * INT64_C(1000), keep_alive, web);
}

static void judge(void *arg)
{
    struct web *web = arg;
    projection_judge(&web->projection, clock_now());
    projection_flush(&web->projection, clock_now());
    server_wake_stream(web->server, web->projection.changes);
    loop_add_timer(web->loop, WEB_JUDGE_SECONDS * INT64_C(1000), judge, web);
}

static void tick(void *arg)
{
    struct web *web = arg;
    routes_tick(web->routes);
    loop_add_timer(web->loop, 1000, tick, web);
}

/* ---- from the engine ---- */

static int take_answer(struct web *web, const char *line, size_t len, struct err *e)
{
    struct role_answer answer;
    if (role_answer_decode(line, len, &answer, e) != 0)
        return -1;
    if (answer.is_ready)
        projection_set_ready(&web->projection);
    else
        routes_finish_command(web->routes, answer.id, answer.status, answer.text);
    return 0;
}

static int take_event(struct web *web, const char *line, size_t len, struct err *e)
{
    struct event event;
    struct event_memory *memory = NULL;
    if (event_decode(line, len, &event, &memory, e) != 0)
        return -1;
    projection_apply(&web->projection, &event);
    event_memory_free(memory);
    flush_soon(web);
    return 0;
}

static int take_line(void *arg, char *line, size_t len, struct err *e)
{
    struct web *web = arg;
    if (!web->has_settings) {
        web->has_settings = true;
        return settings_parse(line, len, &web->settings, e);
    }
    return role_is_answer(line) ? take_answer(web, line, len, e) : take_event(web, line, len, e);
}

/* Reads once. 1: something came; 0: nothing is there; -1: the engine is gone, or odd. */
static int read_once(struct web *web)
{
    char buf[65536];
    struct err e = ERR_INIT;
    ssize_t n = read(ENGINE_FD, buf, sizeof(buf));
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    if (n == 0)
        return -1;
    if (lines_feed(&web->lines, buf, (size_t)n, take_line, web, &e) == 0)
        return 1;
    complain(&e);
    web->status = 1;
    return -1;
}

static void send_unsent(struct web *web)
{
    while (web->unsent.len > 0) {
        ssize_t n = write(ENGINE_FD, web->unsent.s, web->unsent.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        str_drop(&web->unsent, (size_t)n);
    }
}

static void handle_engine(void *arg, short revents)
{
    struct web *web = arg;
    int rc = 1;
    if ((revents & POLLOUT) != 0)
        send_unsent(web);
    if ((revents & ~POLLOUT) != 0)
        for (size_t total = 0; rc == 1 && total < READ_MAX; total += 65536)
            rc = read_once(web);
    loop_set_events(web->engine, web->unsent.len > 0 ? POLLIN | POLLOUT : POLLIN);
    if (rc < 0)
        loop_stop(web->loop);
}

static bool send_command(void *arg, enum route_command what, uint64_t id, const char *type)
{
    struct web *web = arg;
    if (web->unsent.len > UNSENT_MAX)
        return false;
    struct role_command command = {.kind = what == COMMAND_SNAPSHOT ? ROLE_SNAPSHOT : ROLE_SYNC,
                                   .id = id};
    if (type != NULL)
        snprintf(command.type, sizeof(command.type), "%s", type);
    role_command_encode(&command, &web->unsent);
    send_unsent(web);
    loop_set_events(web->engine, web->unsent.len > 0 ? POLLIN | POLLOUT : POLLIN);
    return true;
}

/* ---- the beginning ---- */

/* Waits for the first line. */
static int read_settings(struct web *web, struct err *e)
{
    int64_t deadline = clock_monotonic_ms() + SETTINGS_SECONDS * INT64_C(1000);
    while (!web->has_settings) {
        struct pollfd engine = {.fd = ENGINE_FD, .events = POLLIN};
        int64_t left = deadline - clock_monotonic_ms();
        if (left <= 0)
            return err_set(e, ERR_STALLED, "the engine sent no settings");
        if (poll(&engine, 1, (int)left) <= 0)
            continue;
        if (read_once(web) < 0)
            return err_set(e, ERR_PROTOCOL, "the engine sent no settings");
    }
    return 0;
}

/* As many descriptors as connections need, if they are to be had. */
static void raise_limit(void)
{
    struct rlimit limit;
    rlim_t wanted = WEB_CONNECTIONS_MAX + WEB_CONNECTIONS_UNIX + OWN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int confine(const char *user, const char *folder, struct err *e)
{
    struct sandbox_limits limits = {.descriptors = WEB_CONNECTIONS_MAX + WEB_CONNECTIONS_UNIX +
                                                   OWN_DESCRIPTORS};
#if !defined(__SANITIZE_ADDRESS__)
    limits.memory = WEB_MEMORY_MAX;
#endif
    /* what would open a file later */
    tzset();
    json_object_seed(0);
    if (host_confine_to_user(user, folder, e) != 0)
        return -1;
    return sandbox_enter(&limits, e);
}

static void handle_term(void *arg, int signo)
{
    struct web *web = arg;
    (void)signo;
    loop_stop(web->loop);
}

static int set_up(struct web *web, struct err *e)
{
    uint32_t boot;
    if (host_random(&boot, sizeof(boot), e) != 0)
        return -1;
    /* what came with the settings was folded before there is anything to wake */
    web->loop = loop_new(e);
    if (web->loop == NULL || loop_watch_signal(web->loop, SIGTERM, handle_term, web, e) != 0)
        return -1;
    projection_init(&web->projection, boot);
    struct routes_spec spec = {.settings = &web->settings,
                               .projection = &web->projection,
                               .on_command = send_command,
                               .first_id = ((uint64_t)boot << 24) + 1,
                               .arg = web};
    web->routes = routes_new(&spec);
    web->guard = guard_new(&web->settings);
    return 0;
}

static int serve(struct web *web, uint64_t sockets, struct err *e)
{
    struct server_spec spec = {.loop = web->loop,
                               .settings = &web->settings,
                               .guard = web->guard,
                               .on_request = routes_answer,
                               .on_over = routes_forget,
                               .arg = web->routes};
    web->server = server_new(&spec, e);
    if (web->server == NULL && web->settings.tls_cert[0] != '\0') {
        /* what should be encrypted is then not served at all; root's own socket is */
        complain(e);
        err_clear(e);
        web->settings.tls_cert[0] = '\0';
        sockets = web->settings.has_unix ? 1 : 0;
        web->server = server_new(&spec, e);
    }
    if (web->server == NULL)
        return -1;
    routes_set_server(web->routes, web->server);
    for (uint64_t i = 0; i < sockets; i++)
        server_listen(web->server, FIRST_SOCKET + (int)i, i == 0 && web->settings.has_unix);
    return 0;
}

/* Descriptor 0 is the engine's other end, which does not wait for us. */
static int unblock_engine(struct err *e)
{
    int flags = fcntl(ENGINE_FD, F_GETFL);
    if (flags < 0 || fcntl(ENGINE_FD, F_SETFL, flags | O_NONBLOCK) != 0)
        return err_set_sys(e, errno, "cannot prepare the connection to the engine");
    return 0;
}

int web_main(const char *user, const char *folder, const char *sockets)
{
    static struct web web; /* lives as long as the process */
    struct err e = ERR_INIT;
    uint64_t count = 0;
    if (text_parse_u64(sockets, strlen(sockets), &count) != 0 || count > SOCKETS_MAX)
        err_set(&e, ERR_USAGE, "%s is an odd number of sockets", sockets);
    lines_init(&web.lines, SETTINGS_LINE_MAX);
    str_init(&web.unsent);
    raise_limit();
    if (e.code != ERR_NONE || libmhd_load(&e) != 0 || set_up(&web, &e) != 0 ||
        unblock_engine(&e) != 0 || read_settings(&web, &e) != 0 || serve(&web, count, &e) != 0 ||
        confine(user, folder, &e) != 0) {
        complain(&e);
        return 1;
    }
    web.engine = loop_add_fd(web.loop, ENGINE_FD, POLLIN, handle_engine, &web);
    tick(&web);
    keep_alive(&web);
    judge(&web);
    if (loop_run(web.loop, &e) != 0) {
        complain(&e);
        return 1;
    }
    /* Clients are cut off where they are; a leak checker could not run in here anyway. */
    _exit(web.status);
}
