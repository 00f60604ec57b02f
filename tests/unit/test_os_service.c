/* os/service: what a service manager is told, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "service.h"

static char folder[64];
static char path[128];
static int manager = -1;

/* Makes the manager's socket: at `path`, or with the abstract name `abstract`. */
static void listen_as_manager(const char *abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char variable[128];
    const char *name = abstract != NULL ? abstract : path;
    size_t skipped = abstract != NULL ? 1 : 0;
    memcpy(address.sun_path + skipped, name, strlen(name));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + skipped + strlen(name));
    snprintf(variable, sizeof(variable), "%s%s", abstract != NULL ? "@" : "", name);
    manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(manager >= 0);
    assert_int_equal(0, bind(manager, (const struct sockaddr *)&address, len));
    setenv("NOTIFY_SOCKET", variable, 1);
}

/* What the manager has got: one whole message, or "" where there is none. */
static const char *received(void)
{
    static char text[1024];
    ssize_t len = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/notify", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (manager >= 0)
        close(manager);
    manager = -1;
    unlink(path);
    return rmdir(folder);
}

static void a_message_reaches_the_managers_socket_whole(void **state)
{
    (void)state;
    listen_as_manager(NULL);
    service_notify("READY=1\nSTATUS=waiting");
    assert_string_equal("READY=1\nSTATUS=waiting", received());
    assert_string_equal("", received());
}

static void a_message_reaches_an_abstract_socket(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "backupd-test-%ld", (long)getpid());
    listen_as_manager(name);
    service_notify("WATCHDOG=1");
    assert_string_equal("WATCHDOG=1", received());
}

static void a_status_is_one_line_without_control_characters(void **state)
{
    (void)state;
    listen_as_manager(NULL);
    service_status("%d of %s\nREADY=1\x1b[m\x7f", 3, "tank/\xc3\xa4");
    assert_string_equal("STATUS=3 of tank/\xc3\xa4 READY=1 [m ", received());
}

static void a_status_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    listen_as_manager(NULL);
    service_status("%s", text);
    assert_in_range(strlen(received()), 100, 600);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    char name[300];
    service_notify("READY=1");
    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    const char *const names[] = {"", "@", "/", "relative", "/nowhere/at/all", "@nobody", name};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        service_notify("READY=1");
        service_status("here");
    }
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    int64_t begin = clock_monotonic_ms();
    listen_as_manager(NULL);
    for (int i = 0; i < 5000; i++)
        service_notify("WATCHDOG=1");
    assert_true(clock_monotonic_ms() - begin < 60000);
    assert_string_equal("WATCHDOG=1", received());
}

static void the_watchdog_is_fed_twice_as_often_as_it_asks(void **state)
{
    (void)state;
    char pid[32];
    assert_int_equal(0, service_watchdog_ms());
    setenv("WATCHDOG_USEC", "120000000", 1);
    assert_int_equal(60000, service_watchdog_ms());
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(60000, service_watchdog_ms());
}

static void a_watchdog_of_another_process_or_without_sense_is_none(void **state)
{
    (void)state;
    const char *const values[] = {"", "x", "-1", "0", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        setenv("WATCHDOG_USEC", values[i], 1);
        assert_int_equal(0, service_watchdog_ms());
    }
    setenv("WATCHDOG_USEC", "120000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(0, service_watchdog_ms());
    setenv("WATCHDOG_PID", "", 1);
    assert_int_equal(0, service_watchdog_ms());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_reaches_the_managers_socket_whole),
        TEST(a_message_reaches_an_abstract_socket),
        TEST(a_status_is_one_line_without_control_characters),
        TEST(a_status_that_is_too_long_is_cut),
        TEST(without_a_manager_nothing_happens),
        TEST(a_manager_that_does_not_read_is_not_waited_for),
        TEST(the_watchdog_is_fed_twice_as_often_as_it_asks),
        TEST(a_watchdog_of_another_process_or_without_sense_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
