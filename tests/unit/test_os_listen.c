/* os/listen: addresses as people write them, and the sockets that come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

static char folder[64];
static char path[128];
static int fds[LISTEN_MAX];
static size_t count;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/socket", folder);
    count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    unlink(path);
    return rmdir(folder);
}

static void open_tcp(const char *addr)
{
    struct err e = ERR_INIT;
    if (listen_tcp(addr, fds, &count, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(ERR_NONE, e.code);
}

static struct sockaddr_storage address_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &len));
    return address;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address = address_of(fd);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* Connects to where `fd` listens, and sees that it gets the connection. */
static void assert_reachable(int fd)
{
    struct sockaddr_storage address = address_of(fd);
    socklen_t len = address.ss_family == AF_UNIX    ? sizeof(struct sockaddr_un)
                    : address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                    : sizeof(struct sockaddr_in);
    int client = socket(address.ss_family, SOCK_STREAM, 0);
    assert_true(client >= 0);
    assert_int_equal(-1, accept(fd, NULL, NULL));
    assert_int_equal(EAGAIN, errno);
    assert_int_equal(0, connect(client, (struct sockaddr *)&address, len));
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(1, poll(&polled, 1, PATIENCE_MS));
    int accepted = accept(fd, NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static void addresses_are_a_host_and_a_port(void **state)
{
    (void)state;
    const char *const good[] = {"127.0.0.1:8888",   "localhost:80",  "[::1]:443",
                                "[::]:1",           ":8888",         ":0",
                                "my-nas.lan:65535", "[fe80::1%lo]:8"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(0, listen_check(good[i], &e));
        assert_int_equal(ERR_NONE, e.code);
    }
}

static void a_malformed_address_is_refused_with_what_would_be_right(void **state)
{
    (void)state;
    const struct {
        const char *addr;
        const char *words;
    } bad[] = {
        {"", "has no port; write HOST:PORT"},
        {"8888", "has no port; write HOST:PORT"},
        {"localhost", "has no port"},
        {"[::1]", "has no port"},
        {"[::1]8888", "has no port"},
        {"[::1", "has no port"},
        {"::1:8888", "goes in brackets, as in [::1]:8888"},
        {"[]:80", "no IPv6 address"},
        {"[localhost]:80", "no IPv6 address"},
        {"[127.0.0.1]:80", "no IPv6 address"},
        {"[::1%]:80", "no IPv6 address"},
        {"localhost:", "no number from 0 to 65535"},
        {"localhost:http", "no number from 0 to 65535"},
        {"localhost:65536", "no number from 0 to 65535"},
        {"localhost:-1", "no number from 0 to 65535"},
        {"localhost:+1", "no number from 0 to 65535"},
        {"localhost: 80", "no number from 0 to 65535"},
        {"localhost:80 ", "no number from 0 to 65535"},
        {"http://localhost:80", "goes in brackets"},
        {"my host:80", "neither a name nor an address"},
        {"127.0.1:80", "no IPv4 address"},
        {"127.0.0.256:80", "no IPv4 address"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(-1, listen_check(bad[i].addr, &e));
        assert_int_equal(ERR_USAGE, e.code);
        if (strstr(e.msg, bad[i].addr) == NULL || strstr(e.msg, bad[i].words) == NULL)
            fail_msg("%s", e.msg);
        assert_int_equal(-1, listen_tcp(bad[i].addr, fds, &count, &e));
        assert_int_equal(ERR_USAGE, e.code);
        assert_int_equal(0, count);
    }
}

static void a_host_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char addr[400];
    struct err e = ERR_INIT;
    memset(addr, 'x', sizeof(addr));
    memcpy(addr + sizeof(addr) - 4, ":80", 4);
    assert_int_equal(-1, listen_check(addr, &e));
    assert_int_equal(ERR_USAGE, e.code);
}

static void an_ipv4_address_is_listened_on(void **state)
{
    (void)state;
    open_tcp("127.0.0.1:0");
    assert_int_equal(1, count);
    assert_true((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
    assert_reachable(fds[0]);
}

static void an_ipv6_address_is_listened_on(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    open_tcp("[::1]:0");
    assert_int_equal(1, count);
    assert_int_equal(AF_INET6, address_of(fds[0]).ss_family);
    assert_reachable(fds[0]);
}

static void localhost_is_both_loopback_addresses(void **state)
{
    (void)state;
    bool seen4 = false;
    bool seen6 = false;
    open_tcp("localhost:0");
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_storage address = address_of(fds[i]);
        if (address.ss_family == AF_INET6) {
            seen6 = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&address)->sin6_addr);
        } else {
            seen4 = ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr) == INADDR_LOOPBACK;
        }
        assert_reachable(fds[i]);
    }
    assert_true(seen4);
    assert_int_equal(has_ipv6(), seen6);
    assert_int_equal(has_ipv6() ? 2 : 1, count);
}

static void no_host_is_every_address_of_both_families(void **state)
{
    (void)state;
    open_tcp(":0");
    assert_int_equal(has_ipv6() ? 2 : 1, count);
    for (size_t i = 0; i < count; i++)
        assert_reachable(fds[i]);
    if (count == 2) {
        int only = 0;
        socklen_t len = sizeof(only);
        int v6 = address_of(fds[0]).ss_family == AF_INET6 ? fds[0] : fds[1];
        assert_int_equal(0, getsockopt(v6, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len));
        assert_int_equal(1, only);
    }
}

static void an_address_in_use_is_an_error_that_names_it(void **state)
{
    (void)state;
    int more[LISTEN_MAX];
    size_t more_count = 77;
    char addr[64];
    char words[128];
    struct err e = ERR_INIT;
    open_tcp("127.0.0.1:0");
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", port_of(fds[0]));
    snprintf(words, sizeof(words), "cannot listen on %s: %s", addr, strerror(EADDRINUSE));
    assert_int_equal(-1, listen_tcp(addr, more, &more_count, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_int_equal(EADDRINUSE, e.sys);
    assert_string_equal(words, e.msg);
    assert_int_equal(77, more_count);
}

static void one_of_two_addresses_is_enough_and_the_other_is_named(void **state)
{
    (void)state;
    int more[LISTEN_MAX];
    size_t more_count = 0;
    char addr[64];
    char taken[64];
    struct err e = ERR_INIT;
    if (!has_ipv6())
        skip();
    open_tcp("127.0.0.1:0");
    snprintf(addr, sizeof(addr), "localhost:%u", port_of(fds[0]));
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", port_of(fds[0]));
    assert_int_equal(0, listen_tcp(addr, more, &more_count, &e));
    assert_int_equal(1, more_count);
    assert_int_equal(AF_INET6, address_of(more[0]).ss_family);
    close(more[0]);
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_int_equal(EADDRINUSE, e.sys);
    assert_non_null(strstr(e.msg, taken));
}

static void an_address_of_another_machine_is_an_error(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(-1, listen_tcp("192.0.2.1:0", fds, &count, &e));
    assert_int_equal(EADDRNOTAVAIL, e.sys);
    assert_non_null(strstr(e.msg, "192.0.2.1:0"));
}

static void an_address_can_be_listened_on_again_at_once(void **state)
{
    (void)state;
    char addr[64];
    open_tcp("127.0.0.1:0");
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", port_of(fds[0]));
    assert_reachable(fds[0]); /* leaves a connection in TIME_WAIT: our side closed it first */
    close(fds[0]);
    count = 0;
    open_tcp(addr);
    assert_reachable(fds[0]);
}

static int open_unix(void)
{
    struct err e = ERR_INIT;
    fds[0] = listen_unix(path, &e);
    if (fds[0] < 0)
        fail_msg("%s", e.msg);
    count = 1;
    return fds[0];
}

static void a_unix_socket_is_for_us_alone(void **state)
{
    (void)state;
    struct stat st;
    mode_t before = umask(0);
    int fd = open_unix();
    assert_int_equal(0, umask(before));
    assert_int_equal(0, lstat(path, &st));
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(0600, st.st_mode & 07777);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_reachable(fd);
}

static void a_unix_socket_left_behind_is_replaced(void **state)
{
    (void)state;
    close(open_unix());
    assert_reachable(open_unix());
}

static void assert_no_unix_socket(int sys)
{
    struct err e = ERR_INIT;
    assert_int_equal(-1, listen_unix(path, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_int_equal(sys, e.sys);
    assert_non_null(strstr(e.msg, path));
}

static void a_unix_socket_that_still_answers_is_not_replaced(void **state)
{
    (void)state;
    int fd = open_unix();
    assert_no_unix_socket(EADDRINUSE);
    close(accept(fd, NULL, NULL)); /* that was the question whether it does */
    assert_reachable(fd);
}

static void what_is_no_socket_is_not_replaced(void **state)
{
    (void)state;
    struct stat st;
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_no_unix_socket(EEXIST);
    assert_int_equal(0, lstat(path, &st));
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, symlink("/nowhere/at/all", path));
    assert_no_unix_socket(EEXIST);
}

static void the_path_of_a_unix_socket_has_a_limit_that_is_named(void **state)
{
    (void)state;
    char name[300];
    struct err e = ERR_INIT;
    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(-1, listen_unix(name, &e));
    assert_int_equal(ENAMETOOLONG, e.sys);
    assert_non_null(strstr(e.msg, "at most 10"));
}

static void a_unix_socket_in_a_folder_that_is_missing_is_an_error(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(-1, listen_unix("/nowhere/at/all", &e));
    assert_int_equal(ENOENT, e.sys);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_a_host_and_a_port),
        TEST(a_malformed_address_is_refused_with_what_would_be_right),
        TEST(a_host_that_is_too_long_is_refused),
        TEST(an_ipv4_address_is_listened_on),
        TEST(an_ipv6_address_is_listened_on),
        TEST(localhost_is_both_loopback_addresses),
        TEST(no_host_is_every_address_of_both_families),
        TEST(an_address_in_use_is_an_error_that_names_it),
        TEST(one_of_two_addresses_is_enough_and_the_other_is_named),
        TEST(an_address_of_another_machine_is_an_error),
        TEST(an_address_can_be_listened_on_again_at_once),
        TEST(a_unix_socket_is_for_us_alone),
        TEST(a_unix_socket_left_behind_is_replaced),
        TEST(a_unix_socket_that_still_answers_is_not_replaced),
        TEST(what_is_no_socket_is_not_replaced),
        TEST(the_path_of_a_unix_socket_has_a_limit_that_is_named),
        TEST(a_unix_socket_in_a_folder_that_is_missing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
