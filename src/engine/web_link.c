#include "web_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "host.h"
#include "lines.h"
#include "listen.h"
#include "mem.h"
#include "proc.h"
#include "settings.h"
#include "text.h"

/* Seconds before a role that died is started again: the first time, and at most. */
#define RESTART_FIRST 1
#define RESTART_MAX   60

/* A role that lived for so many seconds begins with the shortest wait again. */
#define LIVED_WELL 120

/* Seconds between attempts to listen. */
#define LISTEN_AGAIN 60

/* The role is told of the datasets bit by bit, as it reads. */
#define REPLAY_CHUNK 262144

/* Bytes that are written in one go, so that a role which reads fast does not keep the engine. */
#define SEND_MAX 1048576

/* Bytes of a line of the role's that are logged, and such lines in a minute. */
#define WORDS_MAX   512
#define WORDS_LINES 60

/* Commands in a minute that are believed to be somebody's: the role itself stops well below. */
#define COMMANDS_MAX 600

/* How often something happened in the present minute. */
struct pace {
    int64_t minute;
    unsigned count;
};

struct web_link {
    struct web_link_spec spec;
    int tcp[LISTEN_MAX];
    size_t tcp_count;
    int unix_fd;
    struct proc *proc;
    int fd; /* ours of the socket pair; -1: none */
    struct loop_fd *watch;
    struct lines commands;
    struct lines words;
    struct pace command_pace, word_pace;
    struct str unsent;
    size_t sent;      /* of it */
    int64_t moved_ms; /* when the role read, or had read everything */
    char *told;       /* the datasets up to this name are told; NULL: none is */
    bool told_all;
    int64_t started_ms;
    int64_t wait; /* seconds before the next start */
    struct loop_timer *restart, *listen_again, *stall;
    bool restarts_now; /* it was ended for a new one */
    struct err fault;  /* why it was ended */
    char listen_error[ERR_MSG_MAX];
};

static void start(void *arg);

static void note(struct web_link *link, enum event_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void note(struct web_link *link, enum event_level level, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    link->spec.on_note(link->spec.arg, level, text);
}

/* Counts one more; returns how many that are in this minute. */
static unsigned count_pace(struct pace *pace)
{
    int64_t minute = clock_monotonic_ms() / 60000;
    if (minute != pace->minute)
        *pace = (struct pace){.minute = minute};
    return ++pace->count;
}

/* ---- sockets ---- */

static void open_sockets(void *arg);

static void close_sockets(struct web_link *link)
{
    for (size_t i = 0; i < link->tcp_count; i++)
        close(link->tcp[i]);
    link->tcp_count = 0;
    if (link->unix_fd >= 0) {
        close(link->unix_fd);
        unlink(link->spec.socket_path);
    }
    link->unix_fd = -1;
}

/* The same complaint every minute would be noise. */
static void complain_of_listening(struct web_link *link, const struct err *e)
{
    if (strcmp(link->listen_error, e->msg) != 0)
        note(link, LEVEL_ERROR, "the dashboard: %s; backups go on, and it is tried again", e->msg);
    snprintf(link->listen_error, sizeof(link->listen_error), "%s", e->msg);
}

static bool is_local_only(const char *addr)
{
    return text_starts_with(addr, "127.") || text_starts_with(addr, "[::1]") ||
           text_starts_with(addr, "localhost:");
}

static void say_listening(struct web_link *link)
{
    const struct config *config = link->spec.config;
    bool tls = config->web_tls_cert[0] != '\0';
    note(link, LEVEL_INFO, "the dashboard is at %s://%s%s", tls ? "https" : "http",
         link->spec.addr[0] == ':' ? "localhost" : "", link->spec.addr);
    if (config->web_token[0] == '\0' && !is_local_only(link->spec.addr))
        note(link, LEVEL_WARNING,
             "no token is set under [web]: whoever reaches %s can read everything there; changes "
             "are accepted from this machine alone",
             link->spec.addr);
}

static void open_tcp(struct web_link *link)
{
    struct err e = ERR_INIT;
    if (listen_tcp(link->spec.addr, link->tcp, &link->tcp_count, &e) != 0) {
        link->tcp_count = 0;
        complain_of_listening(link, &e);
        return;
    }
    if (e.code != ERR_NONE)
        note(link, LEVEL_WARNING, "the dashboard: %s", e.msg);
    link->listen_error[0] = '\0';
    say_listening(link);
}

static void open_sockets(void *arg)
{
    struct web_link *link = arg;
    struct err e = ERR_INIT;
    bool had = link->tcp_count > 0;
    link->listen_again = NULL;
    if (link->unix_fd < 0 && link->spec.socket_path[0] != '\0') {
        link->unix_fd = listen_unix(link->spec.socket_path, &e);
        if (link->unix_fd < 0)
            note(link, LEVEL_WARNING, "the commands status and snapshot: %s", e.msg);
    }
    if (link->tcp_count == 0)
        open_tcp(link);
    if (link->tcp_count == 0)
        link->listen_again =
            loop_add_timer(link->spec.loop, LISTEN_AGAIN * INT64_C(1000), open_sockets, link);
    else if (!had && link->proc != NULL)
        web_link_reconfigure(link, link->spec.config); /* it gets its sockets when it starts */
}

/* ---- settings ---- */

/* Reads a file of at most SETTINGS_PEM_MAX bytes. "" where it cannot be had. */
static char *read_pem(struct web_link *link, const char *path, const char *key)
{
    char *data = mem_zalloc(SETTINGS_PEM_MAX + 1, 1);
    if (path[0] == '\0')
        return data;
    FILE *file = fopen(path, "re");
    size_t len = file == NULL ? 0 : fread(data, 1, SETTINGS_PEM_MAX, file);
    if (len == 0)
        note(link, LEVEL_ERROR, "cannot read %s, which is %s under [web]: %s", path, key,
             file == NULL ? strerror(errno) : "it is empty");
    if (file != NULL)
        fclose(file);
    data[len] = '\0';
    return data;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every type that a policy names and keeps, once. The strings are the policies'. */
static void collect_types(const struct config *config, struct settings_list *ret)
{
    ret->v = mem_zalloc(config->side[SIDE_LOCAL].policy.n + config->side[SIDE_REMOTE].policy.n,
                        sizeof(*ret->v));
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct policy *policy = &config->side[side].policy;
        for (size_t i = 0; i < policy->n && ret->n < SETTINGS_LIST_MAX; i++)
            if (policy->v[i].count > 0)
                ret->v[ret->n++] = policy->v[i].type;
    }
    qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < ret->n; i++)
        if (kept == 0 || strcmp(ret->v[kept - 1], ret->v[i]) != 0)
            ret->v[kept++] = ret->v[i];
    ret->n = kept;
}

/* Appends the settings. False where a certificate is wanted and cannot be had: then nothing is
 * served in the clear instead. */
static bool add_settings(struct web_link *link, struct str *out)
{
    static char empty[] = "";
    const struct config *config = link->spec.config;
    char own_name[HOST_NAME_SIZE];
    char version[64];
    snprintf(version, sizeof(version), "%s", link->spec.version);
    host_own_name(own_name);
    struct settings settings = {
        .version = version,
        .local_root = config->side[SIDE_LOCAL].root,
        .remote_root = config_has_remote(config) ? config->side[SIDE_REMOTE].root : empty,
        .remote_host = config->ssh_host,
        .own_name = own_name,
        .token = config->web_token,
        .hosts = {.v = config->web_hosts.v, .n = config->web_hosts.n},
        .tls_cert = read_pem(link, config->web_tls_cert, "tls_cert"),
        .tls_key = read_pem(link, config->web_tls_key, "tls_key"),
        .has_unix = link->unix_fd >= 0,
    };
    bool usable = config->web_tls_cert[0] == '\0' ||
                  (settings.tls_cert[0] != '\0' && settings.tls_key[0] != '\0');
    collect_types(config, &settings.types);
    settings_encode(&settings, out);
    free(settings.types.v);
    free(settings.tls_cert);
    free(settings.tls_key);
    return usable;
}

/* ---- to the role ---- */

static void end_role(struct web_link *link, enum err_code code, const char *why)
{
    if (link->proc == NULL)
        return;
    if (link->fault.code == ERR_NONE)
        err_set(&link->fault, code, "%s", why);
    proc_cancel(link->proc);
}

static void add_event(void *arg, const struct event *event)
{
    event_encode(event, arg);
}

/* Appends datasets that the role does not know yet, while there is room. */
static void replay_more(struct web_link *link)
{
    const struct state *state = link->spec.state;
    for (size_t i = 0; i < state->n && !link->told_all; i++) {
        const struct dataset_state *ds = state->v[i];
        if (link->told != NULL && strcmp(ds->name, link->told) <= 0)
            continue;
        if (link->unsent.len - link->sent > REPLAY_CHUNK)
            return;
        state_replay_dataset(ds, add_event, &link->unsent);
        free(link->told);
        link->told = mem_strdup(ds->name);
    }
    if (!link->told_all)
        role_ready_encode(&link->unsent);
    link->told_all = true;
}

static void update_watch(struct web_link *link)
{
    if (link->watch != NULL)
        loop_set_events(link->watch, link->unsent.len > 0 ? POLLIN | POLLOUT : POLLIN);
}

/* What was sent takes no more room than what was not. */
static void drop_sent(struct web_link *link)
{
    if (link->sent < SEND_MAX || link->sent < link->unsent.len / 2)
        return;
    str_drop(&link->unsent, link->sent);
    link->sent = 0;
}

static void send_unsent(struct web_link *link)
{
    size_t total = 0;
    while (link->sent < link->unsent.len && total < SEND_MAX) {
        ssize_t n = send(link->fd, link->unsent.s + link->sent, link->unsent.len - link->sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        link->sent += (size_t)n;
        total += (size_t)n;
        link->moved_ms = clock_monotonic_ms();
        if (!link->told_all)
            replay_more(link);
    }
    if (link->sent == link->unsent.len) {
        str_fini(&link->unsent); /* a long replay's memory goes with it */
        str_init(&link->unsent);
        link->sent = 0;
        link->moved_ms = clock_monotonic_ms();
    }
    drop_sent(link);
    update_watch(link);
}

static void check_stall(void *arg)
{
    struct web_link *link = arg;
    link->stall = loop_add_timer(link->spec.loop, WEB_LINK_STALL * INT64_C(500), check_stall, link);
    if (link->proc != NULL && link->unsent.len > 0 &&
        clock_monotonic_ms() - link->moved_ms > WEB_LINK_STALL * INT64_C(1000))
        end_role(link, ERR_STALLED, "it does not read what it is told");
}

static bool has_room(struct web_link *link)
{
    if (link->unsent.len - link->sent <= WEB_LINK_BACKLOG_MAX)
        return true;
    end_role(link, ERR_LIMIT, "it is too slow");
    return false;
}

void web_link_send(struct web_link *link, const struct event *event)
{
    if (link->fd < 0)
        return;
    /* what is of a dataset that it does not know yet comes with that */
    if (event->dataset != NULL && event->kind != EVENT_NOTE && !link->told_all &&
        (link->told == NULL || strcmp(event->dataset, link->told) > 0))
        return;
    if (!has_room(link))
        return;
    bool idle = link->unsent.len == 0;
    event_encode(event, &link->unsent);
    if (idle)
        send_unsent(link);
}

void web_link_answer(struct web_link *link, uint64_t id, unsigned status, const char *text)
{
    if (link->fd < 0 || !has_room(link))
        return;
    bool idle = link->unsent.len == 0;
    role_answer_encode(id, status, text, &link->unsent);
    if (idle)
        send_unsent(link);
}

/* ---- from the role ---- */

static int take_command(void *arg, char *line, size_t len, struct err *e)
{
    struct web_link *link = arg;
    struct role_command command;
    if (role_command_decode(line, len, &command, e) != 0)
        return -1;
    if (count_pace(&link->command_pace) > COMMANDS_MAX)
        return err_set(e, ERR_LIMIT, "more commands than anybody gives");
    link->spec.on_command(link->spec.arg, &command);
    return 0;
}

static void handle_socket(void *arg, short revents)
{
    struct web_link *link = arg;
    char buf[4096];
    struct err e = ERR_INIT;
    if ((revents & POLLOUT) != 0)
        send_unsent(link);
    if ((revents & ~POLLOUT) == 0)
        return;
    ssize_t n = read(link->fd, buf, sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0 && lines_feed(&link->commands, buf, (size_t)n, take_command, link, &e) == 0)
        return;
    loop_remove_fd(link->watch); /* nothing of it is believed any more */
    link->watch = NULL;
    if (n > 0)
        end_role(link, e.code, e.msg);
    else if (link->proc != NULL)
        proc_cancel(link->proc); /* how it ended by itself, if it did, is told */
}

static int take_words(void *arg, char *line, size_t len, struct err *e)
{
    struct web_link *link = arg;
    (void)e;
    if (len == 0)
        return 0;
    unsigned count = count_pace(&link->word_pace);
    if (count <= WORDS_LINES)
        note(link, LEVEL_WARNING, "the web role: %.*s", WORDS_MAX, line);
    if (count == WORDS_LINES)
        note(link, LEVEL_WARNING,
             "the web role says too much: the rest of this minute is left out");
    return 0;
}

static int handle_words(void *arg, const char *data, size_t len)
{
    struct web_link *link = arg;
    struct err e = ERR_INIT;
    return lines_feed(&link->words, data, len, take_words, link, &e);
}

static void close_link(struct web_link *link)
{
    loop_remove_fd(link->watch);
    link->watch = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    str_clear(&link->unsent);
    link->sent = 0;
    free(link->told);
    link->told = NULL;
    link->told_all = false;
    lines_fini(&link->commands);
    lines_fini(&link->words);
    lines_init(&link->commands, ROLE_COMMAND_MAX);
    lines_init(&link->words, PROC_STDERR_TAIL);
}

static void describe_end(const struct web_link *link, const struct proc_result *result,
                         struct err *e)
{
    if (link->fault.code != ERR_NONE)
        *e = link->fault;
    else if (result->signo != 0)
        err_set(e, ERR_DIED, "it was ended by signal %d", result->signo);
    else
        err_set(e, ERR_DIED, "it ended with status %d", result->status);
}

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct web_link *link = arg;
    struct err e = ERR_INIT;
    link->proc = NULL;
    close_link(link);
    if (link->restarts_now) {
        link->restarts_now = false;
        link->restart = loop_add_timer(link->spec.loop, 0, start, link);
        return;
    }
    if (clock_monotonic_ms() - link->started_ms > LIVED_WELL * INT64_C(1000))
        link->wait = RESTART_FIRST;
    describe_end(link, result, &e);
    note(link, LEVEL_WARNING, "the web role is started again in %lld s: %s", (long long)link->wait,
         e.msg);
    link->restart = loop_add_timer(link->spec.loop, link->wait * 1000, start, link);
    link->wait = link->wait * 2 > RESTART_MAX ? RESTART_MAX : link->wait * 2;
}

/* ---- the start ---- */

static struct proc *spawn(struct web_link *link, int fd, bool with_tcp, struct err *e)
{
    char self[HOST_PATH_MAX];
    char folder[HOST_PATH_MAX];
    char count[16];
    int sockets[LISTEN_MAX + 1];
    size_t n = 0;
    if (host_self_path(self, e) != 0 || host_empty_dir(folder, e) != 0)
        return NULL;
    if (link->unix_fd >= 0)
        sockets[n++] = link->unix_fd;
    for (size_t i = 0; i < link->tcp_count && with_tcp; i++)
        sockets[n++] = link->tcp[i];
    snprintf(count, sizeof(count), "%zu", n);
    const char *const argv[] = {self, ROLE_WEB, link->spec.config->web_user, folder, count, NULL};
    struct proc_spec spec = {.argv = argv,
                             .in_fd = fd,
                             .out_fd = PROC_FD_NULL,
                             .extra_fds = sockets,
                             .extra_fd_count = n,
                             .on_err = handle_words,
                             .on_exit = handle_exit,
                             .arg = link};
    return proc_start(link->spec.loop, &spec, e);
}

/* Makes the pair that the role and we speak through. */
static int make_pair(struct web_link *link, int *ret_fd, struct err *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return err_set_sys(e, errno, "cannot make a socket pair");
    if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        err_set_sys(e, errno, "cannot prepare a socket pair");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    link->fd = ends[0];
    *ret_fd = ends[1];
    return 0;
}

static void start(void *arg)
{
    struct web_link *link = arg;
    struct err e = ERR_INIT;
    int fd = -1;
    link->restart = NULL;
    link->started_ms = link->moved_ms = clock_monotonic_ms();
    err_clear(&link->fault);
    if (make_pair(link, &fd, &e) == 0) {
        bool with_tcp = add_settings(link, &link->unsent);
        link->proc = spawn(link, fd, with_tcp, &e);
        close(fd);
    }
    if (link->proc == NULL) {
        close_link(link);
        note(link, LEVEL_ERROR, "cannot start the web role, and try again in %d s: %s", RESTART_MAX,
             e.msg);
        link->restart = loop_add_timer(link->spec.loop, RESTART_MAX * INT64_C(1000), start, link);
        return;
    }
    state_replay(link->spec.state, add_event, &link->unsent);
    replay_more(link);
    link->watch = loop_add_fd(link->spec.loop, link->fd, POLLIN | POLLOUT, handle_socket, link);
}

struct web_link *web_link_new(const struct web_link_spec *spec)
{
    struct web_link *link = mem_zalloc(1, sizeof(*link));
    link->spec = *spec;
    link->fd = link->unix_fd = -1;
    link->wait = RESTART_FIRST;
    str_init(&link->unsent);
    lines_init(&link->commands, ROLE_COMMAND_MAX);
    lines_init(&link->words, PROC_STDERR_TAIL);
    open_sockets(link);
    check_stall(link);
    start(link);
    return link;
}

void web_link_reconfigure(struct web_link *link, const struct config *config)
{
    link->spec.config = config;
    link->wait = RESTART_FIRST;
    if (link->proc == NULL)
        return; /* whatever starts it next uses the new one */
    link->restarts_now = true;
    proc_cancel(link->proc);
}

void web_link_free(struct web_link *link)
{
    if (link == NULL)
        return;
    proc_abandon(link->proc);
    close_link(link);
    close_sockets(link);
    loop_remove_timer(link->restart);
    loop_remove_timer(link->listen_again);
    loop_remove_timer(link->stall);
    str_fini(&link->unsent);
    lines_fini(&link->commands);
    lines_fini(&link->words);
    free(link);
}
