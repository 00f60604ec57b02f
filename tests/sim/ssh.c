/*
 * A simulated ssh: the command runs in this very process, on the other machine's state. A shared
 * connection is a process that listens on the control socket; who rides on it keeps a connection
 * to it, and ends with it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "faults.h"
#include "mem.h"
#include "output.h"
#include "ssh_options.h"
#include "world.h"

#define SESSIONS_MAX 64
#define COMMANDS_MAX 80

/* ---- the shared connection ---- */

static int control_socket(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        fail(255, "unix_listener: path \"%s\" too long for Unix domain socket\n", path);
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* Connects to the shared connection. -1: there is none. Fills in its process. */
static int join_master(const char *path, long *ret_pid)
{
    char text[32] = "";
    struct sockaddr_un address;
    int fd = control_socket(path, &address);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) <= 0) {
        close(fd);
        fd = -1;
    }
    *ret_pid = strtol(text, NULL, 10);
    return fd;
}

static const char *path_of_socket;

static void end_master(int signo)
{
    unlink(path_of_socket);
    _exit(signo == SIGTERM ? 255 : 0);
}

/* As ssh does it: the socket is complete when it gets its name. */
static int listen_as_master(const char *path)
{
    struct str temporary;
    struct sockaddr_un address;
    str_init(&temporary);
    str_add_format(&temporary, "%s.%ld", path, (long)getpid());
    int fd = control_socket(temporary.s, &address);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, SESSIONS_MAX) != 0)
        fail(255, "unix_listener: cannot bind to path %s: %s\n", path, strerror(errno));
    if (link(temporary.s, path) != 0) {
        unlink(temporary.s);
        fail(255, "ControlSocket %s already exists, disabling multiplexing\n", path);
    }
    unlink(temporary.s);
    str_fini(&temporary);
    return fd;
}

/* The words of "down", or NULL: the other machine can be reached. */
static char *why_down(void)
{
    return world_read_file(world_path("ssh-down"), NULL);
}

static _Noreturn void end_unreachable(const char *why)
{
    fputs(why, stderr);
    exit(255);
}

/* Tells everybody who comes its process id, and stays until a signal, or until the link is down. */
static _Noreturn void be_master(const char *path)
{
    struct pollfd fds[SESSIONS_MAX + 1];
    nfds_t n = 1;
    fds[0] = (struct pollfd){.fd = listen_as_master(path), .events = POLLIN};
    path_of_socket = path;
    signal(SIGTERM, end_master);
    signal(SIGINT, end_master);
    signal(SIGHUP, end_master);
    for (;;) {
        int rc = poll(fds, n, 200);
        char *why = why_down();
        if (why != NULL) {
            unlink(path);
            end_unreachable("Connection closed by remote host.\n");
        }
        for (nfds_t i = n - 1; rc > 0 && i > 0; i--) {
            char ignored[8];
            if (fds[i].revents == 0 || read(fds[i].fd, ignored, sizeof(ignored)) > 0)
                continue;
            close(fds[i].fd);
            fds[i] = fds[--n];
        }
        int fd = rc > 0 && (fds[0].revents & POLLIN) ? accept(fds[0].fd, NULL, NULL) : -1;
        if (fd >= 0) {
            dprintf(fd, "%ld\n", (long)getpid());
            if (n <= SESSIONS_MAX)
                fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
            else
                close(fd);
        }
    }
}

static _Noreturn void control(const struct ssh_options *o)
{
    long pid;
    if (join_master(o->control_path, &pid) < 0)
        fail(255, "Control socket connect(%s): No such file or directory\n", o->control_path);
    if (strcmp(o->control_command, "check") == 0)
        fail(0, "Master running (pid=%ld)\n", pid);
    kill((pid_t)pid, SIGTERM);
    fail(0, "Exit request sent.\n");
}

/* ---- the command ---- */

struct words {
    char **v;
    int n;
    size_t cap;
};

/* What the login shell runs: each with the output of the one before, or, as a chain (&&), each after
 * the success of the one before. */
struct pipeline {
    struct words v[COMMANDS_MAX];
    int n;
    bool is_chain;
};

static void add_word(struct words *words, struct str *word)
{
    words->v = mem_grow(words->v, (size_t)words->n + 1, &words->cap, sizeof(*words->v));
    words->v[words->n++] = mem_strdup(word->s);
    words->v[words->n] = NULL;
    str_clear(word);
}

/* Begins the next command, behind | or &&, of which a line has one kind only. */
static void begin_next(struct pipeline *pipeline, bool is_chain)
{
    if (pipeline->v[pipeline->n - 1].n == 0 || pipeline->n == COMMANDS_MAX ||
        (pipeline->n > 1 && pipeline->is_chain != is_chain))
        fail(2, "bash: line 1: the simulation knows no such pipeline\n");
    pipeline->is_chain = is_chain;
    pipeline->n++;
}

/* What the login shell makes of the line: words, quotes, pipes and chains, and nothing else. */
static void split_line(const char *line, struct pipeline *ret)
{
    struct str word;
    bool open = false;
    char quote = 0;
    str_init(&word);
    ret->n = 1;
    for (const char *p = line; *p != '\0'; p++) {
        bool is_chain = quote == 0 && strncmp(p, "&&", 2) == 0;
        if (is_chain || (quote == 0 && strchr(" \t\n|", *p) != NULL)) {
            if (open)
                add_word(&ret->v[ret->n - 1], &word);
            open = false;
            if (is_chain || *p == '|')
                begin_next(ret, is_chain);
            p += is_chain ? 1 : 0;
            continue;
        }
        open = true;
        if (quote == 0 && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (quote != 0 && *p == quote)
            quote = 0;
        else if (*p == '\\' && quote != '\'' && p[1] != '\0')
            str_add_char(&word, *++p);
        else if (quote == 0 && strchr("&;<>()$`*?[#~", *p) != NULL)
            fail(2, "bash: line 1: the simulation knows no %c\n", *p);
        else
            str_add_char(&word, *p);
    }
    if (open)
        add_word(&ret->v[ret->n - 1], &word);
    if (ret->n > 1 && ret->v[ret->n - 1].n == 0)
        fail(2, "bash: line 1: the simulation knows no such pipeline\n");
    str_fini(&word);
}

static _Noreturn void run_words(const struct words *words)
{
    struct effects effects;
    world_set_machine(MACHINE_REMOTE);
    faults_record("remote", words->n, words->v, &effects);
    output_begin(&effects);
    optind = 1;
    if (strcmp(words->v[0], "zfs") == 0)
        zfs_main(words->n, words->v);
    if (strcmp(words->v[0], "zpool") == 0)
        zpool_main(words->n, words->v);
    if (strcmp(words->v[0], "true") == 0)
        finish(0);
    if (strcmp(words->v[0], "echo") == 0) {
        for (int i = 1; i < words->n; i++)
            str_add_format(output_text(), "%s%s", words->v[i], i + 1 < words->n ? " " : "\n");
        finish(0);
    }
    if (strcmp(words->v[0], "zstd") == 0) { /* the real one, or what a test puts in its place */
        setenv("SIM_MACHINE", "remote", 1);
        execvp("zstd", words->v);
    }
    fail(127, "bash: line 1: %s: command not found\n", words->v[0]);
}

/* Each in a process of its own but the last; ends with the status of the one that failed. */
static void run_chain(const struct pipeline *pipeline)
{
    for (int i = 0; i + 1 < pipeline->n; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid < 0)
            world_panic("cannot start a chain");
        if (pid == 0)
            run_words(&pipeline->v[i]);
        if (waitpid(pid, &status, 0) != pid || status != 0)
            exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

static pid_t before; /* the command whose output is our input */

/* As the shell does, which ends when all have. */
static void await_before(void)
{
    close(STDIN_FILENO);
    waitpid(before, NULL, 0);
}

/* Its status is that of the last command, as in sh. */
static _Noreturn void run_pipeline(const struct pipeline *pipeline)
{
    if (pipeline->is_chain) {
        run_chain(pipeline);
        run_words(&pipeline->v[pipeline->n - 1]);
    }
    for (int i = 0; i + 1 < pipeline->n; i++) {
        int fds[2];
        if (pipe(fds) != 0 || (before = fork()) < 0)
            world_panic("cannot start a pipeline");
        if (before == 0) {
            dup2(fds[1], STDOUT_FILENO);
            close(fds[0]);
            close(fds[1]);
            run_words(&pipeline->v[i]);
        }
        dup2(fds[0], STDIN_FILENO);
        close(fds[0]);
        close(fds[1]);
    }
    if (pipeline->n > 1)
        atexit(await_before);
    run_words(&pipeline->v[pipeline->n - 1]);
}

/* Rides on the shared connection where there is one. */
static void connect_session(const char *control_path)
{
    long pid;
    int fd = control_path[0] == '\0' ? -1 : join_master(control_path, &pid);
    if (fd >= 0) {
        output_depend_on(fd);
        return;
    }
    if (control_path[0] != '\0' && access(control_path, F_OK) == 0)
        complain("Control socket connect(%s): Connection refused\n", control_path);
    char *why = why_down();
    if (why != NULL)
        end_unreachable(why);
}

void ssh_main(int argc, char **argv)
{
    struct ssh_options o = {.control_path = NULL};
    struct pipeline pipeline = {.n = 0};
    struct str line;
    struct effects effects = {.text = ""};
    output_begin(&effects);
    ssh_options_parse(argc, argv, &o);
    if (o.control_path == NULL)
        o.control_path = "";
    if (o.control_command != NULL)
        control(&o);
    if (optind == argc)
        fail(255, "usage: ssh [options] destination [command]\n");
    if (o.no_command) {
        faults_record("ssh", argc, argv, &effects);
        output_begin(&effects);
        char *why = why_down();
        if (why != NULL)
            end_unreachable(why);
        if (o.master && o.control_path[0] != '\0')
            be_master(o.control_path);
        hang();
    }
    str_init(&line);
    for (int i = optind + 1; i < argc; i++)
        str_add_format(&line, "%s%s", i > optind + 1 ? " " : "", argv[i]);
    split_line(line.s, &pipeline);
    str_fini(&line);
    if (pipeline.v[0].n == 0)
        fail(255, "the simulation has no login shell\n");
    connect_session(o.control_path);
    run_pipeline(&pipeline);
}
