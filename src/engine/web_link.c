#include "web_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "event_json.h"
#include "host.h"
#include "lines.h"
#include "mem.h"
#include "proc.h"
#include "schedule.h"
#include "settings.h"
#include "web_sockets.h"

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
#define COMMANDS_MAX 150

/* How often something happened in the present minute. */
struct pace {
    int64_t minute;
    unsigned count;
};

struct web_link {
    struct web_link_spec spec;
    struct web_sockets sockets;
    struct proc *proc;
    int fd; /* ours of the socket pair; -1: none */
    struct loop_fd *watch;
    struct lines commands;
    struct lines words;
    struct pace command_pace, word_pace;
    struct str unsent;
    size_t sent;  /* of it */
    bool greeted; /* some of it: the settings come first */
    struct str
        answers;      /* to commands: they go before events that wait, as somebody waits for them */
    int64_t moved_ms; /* when the role read, or had read everything */
    char *told;       /* the datasets up to this name are told; NULL: none is */
    bool told_all;
    int64_t started_ms;
    uint64_t deaths; /* of roles, in a row */
    struct loop_timer *restart, *listen_again, *stall;
    bool restarts_now; /* it was ended for a new one */
    struct err fault;  /* why it was ended */
};

static void start(void *arg);
static void restart_now(struct web_link *link);

/* Counts one more; returns how many that are in this minute. */
static unsigned count_pace(struct pace *pace)
{
    int64_t minute = clock_monotonic_ms() / 60000;
    if (minute != pace->minute)
        *pace = (struct pace){.minute = minute};
    return ++pace->count;
}

/* ---- sockets ---- */

static void open_sockets(void *arg)
{
    struct web_link *link = arg;
    size_t had = web_sockets_list(&link->sockets, (int[LISTEN_MAX + 1]){0});
    link->listen_again = NULL;
    if (!web_sockets_open(&link->sockets))
        link->listen_again =
            loop_add_timer(link->spec.loop, LISTEN_AGAIN * INT64_C(1000), open_sockets, link);
    /* a role gets its sockets when it starts */
    if (link->proc != NULL && web_sockets_list(&link->sockets, (int[LISTEN_MAX + 1]){0}) != had)
        restart_now(link);
}

/* Opens them anew: what a role had may be of no use any more. */
static void renew_sockets(struct web_link *link)
{
    loop_remove_timer(link->listen_again);
    web_sockets_close(&link->sockets);
    open_sockets(link);
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

static bool is_told(const struct web_link *link, const char *dataset)
{
    return link->told_all || (link->told != NULL && strcmp(dataset, link->told) <= 0);
}

static void set_told(struct web_link *link, const char *dataset)
{
    char *name = mem_strdup(dataset);
    free(link->told);
    link->told = name;
}

/* Appends datasets that the role does not know yet, while there is room. */
static void replay_more(struct web_link *link)
{
    const struct state *state = link->spec.state;
    for (size_t i = 0; i < state->n && !link->told_all; i++) {
        const struct dataset_state *ds = state->v[i];
        if (is_told(link, ds->name))
            continue;
        if (link->unsent.len - link->sent > REPLAY_CHUNK)
            return;
        state_replay_dataset(ds, add_event, &link->unsent);
        set_told(link, ds->name);
    }
    if (!link->told_all)
        role_ready_encode(&link->unsent);
    link->told_all = true;
}

static bool has_unsent(const struct web_link *link)
{
    return link->unsent.len > 0 || link->answers.len > 0;
}

static void update_watch(struct web_link *link)
{
    if (link->watch != NULL)
        loop_set_events(link->watch, has_unsent(link) ? POLLIN | POLLOUT : POLLIN);
}

/* What was sent takes no more room than what was not. Its last byte stays, which tells whether a
 * line has begun. */
static void drop_sent(struct web_link *link)
{
    if (link->sent < SEND_MAX || link->sent < link->unsent.len / 2)
        return;
    str_drop(&link->unsent, link->sent - 1);
    link->sent = 1;
}

/* What goes next. Where an answer waits, that is the rest of a line that has begun, or the first
 * line of all, which must be the settings; and then the answer. */
static const char *next_part(const struct web_link *link, size_t *ret_len)
{
    const char *events = link->unsent.s + link->sent;
    bool in_line = !link->greeted || (link->sent > 0 && events[-1] != '\n');
    *ret_len = link->unsent.len - link->sent;
    if (link->answers.len == 0)
        return events;
    if (in_line) {
        const char *newline = memchr(events, '\n', *ret_len);
        *ret_len = newline == NULL ? *ret_len : (size_t)(newline - events) + 1;
        return events;
    }
    *ret_len = link->answers.len;
    return link->answers.s;
}

static void send_unsent(struct web_link *link)
{
    size_t total = 0;
    while ((link->sent < link->unsent.len || link->answers.len > 0) && total < SEND_MAX) {
        size_t len;
        const char *part = next_part(link, &len);
        ssize_t n = send(link->fd, part, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (part == link->answers.s) {
            str_drop(&link->answers, (size_t)n);
        } else {
            link->sent += (size_t)n;
            link->greeted = true;
        }
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
    if (link->proc != NULL && has_unsent(link) &&
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

void web_link_prepare(struct web_link *link, const struct event *event)
{
    const struct state *state = link->spec.state;
    if (link->fd < 0 || event->dataset == NULL || is_told(link, event->dataset))
        return;
    for (size_t i = 0; i < state->n && strcmp(state->v[i]->name, event->dataset) <= 0; i++)
        if (!is_told(link, state->v[i]->name))
            state_replay_dataset(state->v[i], add_event, &link->unsent);
    set_told(link, event->dataset);
}

void web_link_send(struct web_link *link, const struct event *event)
{
    if (link->fd < 0)
        return;
    if (!has_room(link))
        return;
    bool idle = !has_unsent(link);
    event_encode(event, &link->unsent);
    if (idle)
        send_unsent(link);
}

void web_link_answer(struct web_link *link, uint64_t id, unsigned status, const char *text)
{
    if (link->fd < 0 || !has_room(link))
        return;
    bool idle = !has_unsent(link);
    role_answer_encode(id, status, text, &link->answers);
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
        web_sockets_note(&link->sockets, LEVEL_WARNING, "the web role: %.*s", WORDS_MAX, line);
    if (count == WORDS_LINES)
        web_sockets_note(&link->sockets, LEVEL_WARNING,
                         "the web role says too much: the rest of this minute is left out");
    return 0;
}

static int handle_words(void *arg, const char *data, size_t len)
{
    struct web_link *link = arg;
    struct err e = ERR_INIT;
    if (lines_feed(&link->words, data, len, take_words, link, &e) == 0)
        return 0;
    end_role(link, e.code, e.msg);
    return -1;
}

static void close_link(struct web_link *link)
{
    loop_remove_fd(link->watch);
    link->watch = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    str_clear(&link->unsent);
    str_clear(&link->answers);
    link->greeted = false;
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
        renew_sockets(link); /* not before: the role that ended held them, too */
        link->restart = loop_add_timer(link->spec.loop, 0, start, link);
        return;
    }
    if (clock_monotonic_ms() - link->started_ms > LIVED_WELL * INT64_C(1000))
        link->deaths = 0;
    int64_t wait = schedule_doubled(RESTART_FIRST, ++link->deaths, RESTART_MAX);
    describe_end(link, result, &e);
    renew_sockets(link);
    web_sockets_note(&link->sockets, LEVEL_WARNING, "the web role is started again in %lld s: %s",
                     (long long)wait, e.msg);
    link->restart = loop_add_timer(link->spec.loop, wait * 1000, start, link);
}

/* ---- the start ---- */

static struct proc *spawn(struct web_link *link, int fd, struct err *e)
{
    char self[HOST_PATH_MAX];
    char folder[HOST_PATH_MAX];
    char count[16];
    int sockets[LISTEN_MAX + 1];
    if (host_self_path(self, e) != 0 || host_empty_dir(folder, e) != 0)
        return NULL;
    size_t n = web_sockets_list(&link->sockets, sockets);
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
        web_sockets_add_settings(&link->sockets, link->spec.version, &link->unsent);
        link->proc = spawn(link, fd, &e);
        close(fd);
    }
    if (link->proc == NULL) {
        close_link(link);
        web_sockets_note(&link->sockets, LEVEL_ERROR,
                         "cannot start the web role, and try again in %d s: %s", RESTART_MAX,
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
    link->fd = -1;
    str_init(&link->unsent);
    str_init(&link->answers);
    lines_init(&link->commands, ROLE_COMMAND_MAX);
    lines_init(&link->words, PROC_STDERR_TAIL);
    web_sockets_init(&link->sockets, spec->addr, spec->socket_path, spec->on_note, spec->arg);
    web_sockets_configure(&link->sockets, spec->config);
    open_sockets(link);
    check_stall(link);
    start(link);
    return link;
}

/* Starts a new role at once, after the one that runs. */
static void restart_now(struct web_link *link)
{
    link->deaths = 0;
    if (link->proc != NULL) {
        link->restarts_now = true;
        proc_cancel(link->proc);
        return;
    }
    loop_remove_timer(link->restart);
    link->restart = loop_add_timer(link->spec.loop, 0, start, link);
}

void web_link_reconfigure(struct web_link *link, const struct config *config)
{
    link->spec.config = config;
    web_sockets_configure(&link->sockets, config);
    if (link->proc == NULL)
        renew_sockets(link);
    restart_now(link);
}

void web_link_free(struct web_link *link)
{
    if (link == NULL)
        return;
    proc_abandon(link->proc);
    close_link(link);
    web_sockets_fini(&link->sockets);
    loop_remove_timer(link->restart);
    loop_remove_timer(link->listen_again);
    loop_remove_timer(link->stall);
    str_fini(&link->unsent);
    str_fini(&link->answers);
    lines_fini(&link->commands);
    lines_fini(&link->words);
    free(link);
}
