/* cli/daemon_client, snapshot and status: what is asked of which daemon, and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "daemon_client.h"
#include "instance.h"

#define STATE                                                                                      \
    "{\"time\":1000,\"dry_run\":false,\"local\":{\"root\":\"tank/data\",\"host\":\"\"},"           \
    "\"verdict\":{\"level\":\"safe\",\"text\":\"all is well\",\"advice\":\"\",\"since\":0},"       \
    "\"cycle\":{\"number\":1,\"running\":false,\"started\":900,\"finished\":910,\"failed\":0,"     \
    "\"code\":\"none\",\"text\":null,\"next\":4500},\"datasets\":[]}"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 20000

#define OK        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define OK_STATE  OK STATE
#define ENDLESS   "endless"
#define NO_ANSWER "silence"

static char folder[64];
static char config_path[128];
static char said_path[128]; /* what a command printed */
static char addr[64];
static int listener = -1;
static pid_t server;
static int requests = -1; /* all that the server was asked */

static int set_up(void **state)
{
    (void)state;
    char runtime[128];
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(runtime, sizeof(runtime), "%s/run", folder);
    snprintf(config_path, sizeof(config_path), "%s/backupd.toml", folder);
    snprintf(said_path, sizeof(said_path), "%s/said", folder);
    setenv("RUNTIME_DIRECTORY", runtime, 1);
    FILE *f = fopen(config_path, "w");
    if (f == NULL)
        return -1;
    fputs("[local]\nroot = \"tank/data\"\n[local.policy]\ndaily = 7\n"
          "[web]\ntoken = \"sesame\"\n",
          f);
    return fclose(f);
}

static void end_server(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    if (requests >= 0)
        close(requests);
    if (listener >= 0)
        close(listener);
    server = 0;
    requests = listener = -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    end_server();
    unsetenv("RUNTIME_DIRECTORY");
    unsetenv("http_proxy");
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command); /* NOLINT(cert-env33-c) our own folder */
}

static void listen_at(struct in_addr host)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = host};
    char name[INET_ADDRSTRLEN];
    socklen_t len = sizeof(at);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(0, bind(listener, (struct sockaddr *)&at, len));
    assert_int_equal(0, listen(listener, 8));
    assert_int_equal(0, getsockname(listener, (struct sockaddr *)&at, &len));
    inet_ntop(AF_INET, &host, name, sizeof(name));
    snprintf(addr, sizeof(addr), "%s:%u", name, (unsigned)ntohs(at.sin_port));
}

static void listen_at_address(void)
{
    listen_at((struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)});
}

/* A port that was ours and where nobody listens any more. */
static void choose_dead_address(void)
{
    listen_at_address();
    close(listener);
    listener = -1;
}

static void listen_at_socket(void)
{
    char path[INSTANCE_PATH_MAX];
    struct err e = ERR_INIT;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    assert_int_equal(0, instance_path(config_path, INSTANCE_SOCKET, path, &e));
    assert_true(strlen(path) < sizeof(at.sun_path));
    memcpy(at.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(0, bind(listener, (struct sockaddr *)&at, sizeof(at)));
    assert_int_equal(0, listen(listener, 8));
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        len -= (size_t)sent;
    }
}

static void send_endless(int fd)
{
    static char block[1024 * 1024];
    memset(block, 'x', sizeof(block));
    send_all(fd, OK, strlen(OK));
    for (int i = 0; i < 66; i++)
        send_all(fd, block, sizeof(block));
}

/* Reads one request, tells the test, and gives the reply. */
static void serve_one(int tell, const char *reply)
{
    char request[4096];
    size_t len = 0;
    int fd = accept(listener, NULL, NULL);
    request[0] = '\0';
    while (fd >= 0 && len < sizeof(request) - 1 && strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, request + len, sizeof(request) - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        request[len] = '\0';
    }
    if (write(tell, request, len) != (ssize_t)len)
        _exit(1);
    if (strcmp(reply, NO_ANSWER) == 0)
        pause();
    else if (strcmp(reply, ENDLESS) == 0)
        send_endless(fd);
    else
        send_all(fd, reply, strlen(reply));
    close(fd);
}

/* One connection for each of the replies, of which the last is NULL. */
static void serve(const char *const *replies)
{
    int ends[2];
    assert_int_equal(0, pipe(ends));
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        close(ends[0]);
        for (; *replies != NULL; replies++)
            serve_one(ends[1], *replies);
        _exit(0);
    }
    close(ends[1]);
    close(listener);
    listener = -1;
    requests = ends[0];
}

#define SERVE(...) serve((const char *const[]){__VA_ARGS__, NULL})

/* All that the server was asked; the server must be through with its replies. */
static const char *asked(void)
{
    static char text[8192];
    size_t len = 0;
    ssize_t got;
    while ((got = read(requests, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    return text;
}

static int ask(bool post, const char *target, struct daemon_answer *answer, struct err *e)
{
    struct daemon daemon = {.config_path = config_path, .addr = addr};
    *e = (struct err)ERR_INIT;
    return daemon_ask(&daemon, post, target, answer, e);
}

static void assert_state_comes(void)
{
    struct daemon_answer answer;
    struct err e;
    if (ask(false, DAEMON_STATE, &answer, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(200, answer.status);
    assert_string_equal(STATE, answer.body.s);
    daemon_answer_fini(&answer);
}

static void assert_fails_with(bool post, enum err_code code, const char *word)
{
    struct daemon_answer answer;
    struct err e;
    assert_int_equal(-1, ask(post, post ? "/snapshot?periodicity=x" : DAEMON_STATE, &answer, &e));
    if (code != e.code || strstr(e.msg, word) == NULL)
        fail_msg("%s: %s", err_code_name(e.code), e.msg);
}

/* Runs a command with what it prints on `fd` in a file. Returns its exit status. */
static int run(int (*command)(const struct options *), const char *argument, bool json, int fd)
{
    struct options options = {
        .config = config_path, .addr = addr, .argument = argument, .json = json};
    fflush(NULL);
    int kept = dup(fd);
    int file = open(said_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && file >= 0);
    dup2(file, fd);
    int status = command(&options);
    fflush(NULL);
    dup2(kept, fd);
    close(kept);
    close(file);
    return status;
}

static const char *said(void)
{
    static char text[8192];
    FILE *f = fopen(said_path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void the_socket_is_asked_first_and_needs_neither_configuration_nor_token(void **state)
{
    (void)state;
    choose_dead_address();
    listen_at_socket();
    SERVE(OK_STATE);
    assert_int_equal(0, truncate(config_path, 0));
    assert_state_comes();
}

static void a_request_by_the_socket_has_no_token(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE(OK_STATE);
    assert_state_comes();
    const char *text = asked();
    assert_ptr_equal(text, strstr(text, "GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n"));
    assert_null(strstr(text, "sesame"));
}

static void nobody_who_listens_at_a_loopback_address_is_told_the_token_in_plain(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"0.0.0.0", "127.0.0.1", "localhost", ""};
    listen_at_address();
    SERVE(OK_STATE, OK_STATE, OK_STATE, OK_STATE);
    unsigned long port = strtoul(strrchr(addr, ':') + 1, NULL, 10);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        snprintf(addr, sizeof(addr), "%s:%lu", NAMES[i], port);
        assert_state_comes();
    }
    const char *text = asked();
    assert_non_null(strstr(text, "GET /api/v1/state"));
    assert_null(strstr(text, "sesame"));
    assert_null(strstr(text, "Authorization"));
}

/* An address of this machine that is not the loopback's; false: it has none. */
static bool find_own_address(struct in_addr *ret)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    assert_int_equal(0, getifaddrs(&all));
    for (const struct ifaddrs *at = all; at != NULL && !found; at = at->ifa_next) {
        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET)
            continue;
        *ret = ((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
        found = ntohl(ret->s_addr) >> 24 != IN_LOOPBACKNET;
    }
    freeifaddrs(all);
    return found;
}

static void without_a_socket_another_address_is_asked_with_the_token(void **state)
{
    (void)state;
    struct in_addr own = {.s_addr = 0};
    if (!find_own_address(&own))
        skip();
    listen_at(own);
    SERVE(OK_STATE);
    assert_state_comes();
    assert_non_null(strstr(asked(), "\r\nAuthorization: Bearer sesame\r\n"));
}

static void a_socket_at_which_nobody_listens_is_passed_over(void **state)
{
    (void)state;
    listen_at_socket();
    close(listener);
    listen_at_address();
    SERVE(OK_STATE);
    assert_state_comes();
}

static void a_socket_whose_path_is_too_long_does_not_exist(void **state)
{
    (void)state;
    char runtime[256];
    snprintf(runtime, sizeof(runtime), "%s/%0120d", folder, 0);
    setenv("RUNTIME_DIRECTORY", runtime, 1);
    listen_at_address();
    SERVE(OK_STATE);
    assert_state_comes();
}

static void no_proxy_is_asked(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    listen_at_address();
    SERVE(OK_STATE);
    assert_state_comes();
}

static void the_daemon_of_another_root_is_asked_for_nothing(void **state)
{
    (void)state;
    listen_at_address();
    SERVE(OK "{\"local\":{\"root\":\"tank/else\"}}");
    assert_fails_with(true, ERR_NO_DAEMON, "tank/else");
    assert_null(strstr(asked(), "POST"));
}

static void what_is_not_backupd_is_no_daemon(void **state)
{
    (void)state;
    listen_at_address();
    SERVE(OK "<html>", "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    assert_fails_with(false, ERR_NO_DAEMON, "not backupd");
    assert_fails_with(false, ERR_NO_DAEMON, "not backupd");
}

static void garbage_from_the_socket_is_an_error(void **state)
{
    (void)state;
    choose_dead_address();
    listen_at_socket();
    SERVE("\x01\x02\x03 garbage\r\n\r\n", OK "{\"time\":");
    assert_fails_with(false, ERR_PROTOCOL, "not backupd");
    assert_int_equal(EXIT_FAILED, run(cli_status, NULL, true, STDERR_FILENO));
    assert_non_null(strstr(said(), "no JSON"));
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE(ENDLESS, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    assert_fails_with(false, ERR_LIMIT, "64 MiB");
    assert_fails_with(false, ERR_LIMIT, "64 MiB");
}

static void asking_ends_when_it_is_told_to(void **state)
{
    (void)state;
    volatile sig_atomic_t stop = 1;
    struct daemon daemon = {.config_path = config_path, .addr = addr, .stop = &stop};
    struct daemon_answer answer;
    struct err e = ERR_INIT;
    listen_at_socket();
    SERVE(NO_ANSWER);
    assert_int_equal(-1, daemon_ask(&daemon, false, DAEMON_STATE, &answer, &e));
    assert_int_equal(ERR_INTERRUPTED, e.code);
}

static void without_a_daemon_the_exit_status_is_3(void **state)
{
    (void)state;
    choose_dead_address();
    assert_int_equal(EXIT_NO_DAEMON, run(cli_status, NULL, false, STDERR_FILENO));
    assert_non_null(strstr(said(), "no daemon answers"));
    assert_int_equal(EXIT_NO_DAEMON, run(cli_status, NULL, true, STDERR_FILENO));
    assert_int_equal(EXIT_NO_DAEMON, run(cli_snapshot, "daily", false, STDERR_FILENO));
    assert_non_null(strstr(said(), "no daemon answers"));
}

static void an_address_that_does_not_let_us_connect_is_no_daemon(void **state)
{
    (void)state;
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    int waiting[8];
    listen_at_address();
    assert_int_equal(0, listen(listener, 0)); /* room for one that is not accepted */
    assert_int_equal(0, getsockname(listener, (struct sockaddr *)&at, &len));
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&at, len);
    }
    assert_int_equal(EXIT_NO_DAEMON, run(cli_status, NULL, false, STDERR_FILENO));
    assert_non_null(strstr(said(), "no daemon answers"));
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        close(waiting[i]);
}

static void whoever_connects_and_says_nothing_is_an_error(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE(NO_ANSWER);
    assert_fails_with(false, ERR_SYSTEM, "does not answer in 10 s");
}

static void a_configuration_that_the_address_needs_and_cannot_be_read_is_one_error(void **state)
{
    (void)state;
    choose_dead_address();
    assert_int_equal(0, unlink(config_path));
    assert_int_equal(EXIT_USAGE, run(cli_status, NULL, false, STDERR_FILENO));
    assert_non_null(strstr(said(), config_path));
    assert_non_null(strstr(said(), "cannot be read"));
}

static void a_snapshot_that_was_taken_is_printed(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE(OK "tank/data@a b-2026-11-23-120000\n");
    assert_int_equal(0, run(cli_snapshot, "a b", false, STDOUT_FILENO));
    assert_string_equal("tank/data@a b-2026-11-23-120000\n", said());
    const char *text = asked();
    assert_ptr_equal(text, strstr(text, "POST /snapshot?periodicity=a%20b HTTP/1.1\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
}

static void by_the_address_a_snapshot_is_asked_for_after_the_root(void **state)
{
    (void)state;
    listen_at_address();
    SERVE(OK_STATE, OK "tank/data@daily-1\n");
    assert_int_equal(0, run(cli_snapshot, "daily", false, STDOUT_FILENO));
    assert_string_equal("tank/data@daily-1\n", said());
}

static void a_refusal_is_told_in_the_daemons_words(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE("HTTP/1.1 409 Conflict\r\nConnection: close\r\n\r\nit exists \033[2J already\nmore",
          "HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n"
          "{\"error\":{\"code\":\"zfs\",\"text\":\"out of space\"}}",
          "HTTP/1.1 503 Oh\r\nConnection: close\r\n\r\n");
    assert_int_equal(EXIT_FAILED, run(cli_snapshot, "daily", false, STDERR_FILENO));
    assert_string_equal("backupd: it exists \\x1b[2J already\n", said());
    assert_int_equal(EXIT_FAILED, run(cli_snapshot, "daily", false, STDERR_FILENO));
    assert_string_equal("backupd: out of space\n", said());
    assert_int_equal(EXIT_FAILED, run(cli_snapshot, "daily", false, STDERR_FILENO));
    assert_non_null(strstr(said(), "503"));
}

static void a_type_that_is_no_name_is_not_asked_for(void **state)
{
    (void)state;
    choose_dead_address();
    assert_int_equal(EXIT_USAGE, run(cli_snapshot, "a/b", false, STDERR_FILENO));
    assert_int_equal(EXIT_USAGE, run(cli_snapshot, "a@b", false, STDERR_FILENO));
    assert_int_equal(EXIT_USAGE, run(cli_snapshot, "", false, STDERR_FILENO));
}

static void status_prints_the_json_as_it_is_or_the_picture(void **state)
{
    (void)state;
    listen_at_socket();
    SERVE(OK_STATE, OK_STATE, "HTTP/1.1 401 No\r\nConnection: close\r\n\r\nthe token is wrong\n");
    assert_int_equal(0, run(cli_status, NULL, true, STDOUT_FILENO));
    assert_string_equal(STATE "\n", said());
    assert_int_equal(0, run(cli_status, NULL, false, STDOUT_FILENO));
    assert_ptr_equal(said(), strstr(said(), "OK      all is well\n"));
    assert_int_equal(EXIT_FAILED, run(cli_status, NULL, false, STDERR_FILENO));
    assert_non_null(strstr(said(), "the token is wrong"));
}

/* Starts a live view on a new terminal. Returns our end of it; the other stays open too. */
static int start_live(pid_t *ret_pid, int *ret_slave, struct termios *ret_before)
{
    struct options options = {.config = config_path, .addr = addr};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    *ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_int_equal(0, tcgetattr(*ret_slave, ret_before));
    fflush(NULL);
    *ret_pid = fork();
    if (*ret_pid == 0) {
        setenv("TERM", "xterm", 1);
        setenv("NO_COLOR", "1", 1);
        dup2(*ret_slave, STDIN_FILENO);
        dup2(*ret_slave, STDOUT_FILENO);
        int status = cli_status(&options);
        fflush(NULL);
        _exit(status);
    }
    return master;
}

/* Reads until `word` has come by. */
static void await_word(int fd, const char *word)
{
    char text[65536];
    size_t len = 0;
    do {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        assert_int_equal(1, poll(&polled, 1, PATIENCE_MS));
        ssize_t got = read(fd, text + len, sizeof(text) - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
    } while (strstr(text, word) == NULL);
}

static void assert_live_ends(const char *key, int signo, int wanted)
{
    struct termios before;
    struct termios during;
    struct termios after;
    pid_t pid;
    int slave;
    int status = 0;
    int master = start_live(&pid, &slave, &before);
    await_word(master, "\033[J");
    assert_int_equal(0, tcgetattr(slave, &during));
    assert_int_equal(0, during.c_lflag & (tcflag_t)(ICANON | ECHO));
    if (key != NULL)
        assert_int_equal(1, write(master, key, 1));
    else
        kill(pid, signo);
    await_word(master, "\033[?1049lOK      all is well\r\n");
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, tcgetattr(slave, &after));
    assert_int_equal(before.c_lflag, after.c_lflag);
    assert_true(WIFEXITED(status));
    assert_int_equal(wanted, WEXITSTATUS(status));
    close(master);
    close(slave);
}

static void a_live_view_ends_with_q_or_a_signal_and_restores_the_terminal(void **state)
{
    (void)state;
    choose_dead_address();
    listen_at_socket();
    SERVE(OK_STATE, OK_STATE, OK_STATE, OK_STATE, OK_STATE, OK_STATE, OK_STATE, OK_STATE);
    assert_live_ends("q", 0, 0);
    assert_live_ends(NULL, SIGINT, 0);
    assert_live_ends(NULL, SIGTERM, 0);
}

static void an_address_to_listen_at_becomes_one_to_connect_to(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"0.0.0.0:8888", "127.0.0.1:8888"},
        {":1", "127.0.0.1:1"},
        {"[::]:80", "[::1]:80"},
        {"[::1]:80", "[::1]:80"},
        {"10.1.2.3:80", "10.1.2.3:80"},
        {"nas.example:80", "nas.example:80"},
        {"a@b:80", NULL},
        {"a/b:80", NULL},
        {"::1:80", NULL},
        {"[a]:80", NULL},
        {"80", NULL},
        {"a:", NULL},
        {"a:65536", NULL},
        {"[:80", NULL},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct err e = ERR_INIT;
        struct str out;
        str_init(&out);
        assert_int_equal(CASES[i][1] == NULL ? -1 : 0, daemon_connect_to(CASES[i][0], &out, &e));
        assert_string_equal(CASES[i][1] == NULL ? "" : CASES[i][1], out.s);
        str_fini(&out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_socket_is_asked_first_and_needs_neither_configuration_nor_token),
        TEST(a_request_by_the_socket_has_no_token),
        TEST(nobody_who_listens_at_a_loopback_address_is_told_the_token_in_plain),
        TEST(without_a_socket_another_address_is_asked_with_the_token),
        TEST(a_socket_at_which_nobody_listens_is_passed_over),
        TEST(a_socket_whose_path_is_too_long_does_not_exist),
        TEST(no_proxy_is_asked),
        TEST(the_daemon_of_another_root_is_asked_for_nothing),
        TEST(what_is_not_backupd_is_no_daemon),
        TEST(garbage_from_the_socket_is_an_error),
        TEST(an_answer_that_is_too_large_is_refused),
        TEST(asking_ends_when_it_is_told_to),
        TEST(without_a_daemon_the_exit_status_is_3),
        TEST(an_address_that_does_not_let_us_connect_is_no_daemon),
        TEST(whoever_connects_and_says_nothing_is_an_error),
        TEST(a_configuration_that_the_address_needs_and_cannot_be_read_is_one_error),
        TEST(a_snapshot_that_was_taken_is_printed),
        TEST(by_the_address_a_snapshot_is_asked_for_after_the_root),
        TEST(a_refusal_is_told_in_the_daemons_words),
        TEST(a_type_that_is_no_name_is_not_asked_for),
        TEST(status_prints_the_json_as_it_is_or_the_picture),
        TEST(a_live_view_ends_with_q_or_a_signal_and_restores_the_terminal),
        TEST(an_address_to_listen_at_becomes_one_to_connect_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
