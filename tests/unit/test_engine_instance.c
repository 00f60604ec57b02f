/* engine/instance: what belongs to a daemon is named after its configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "instance.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    return setenv("RUNTIME_DIRECTORY", folder, 1);
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("RUNTIME_DIRECTORY");
    return rmdir(folder);
}

static void the_name_is_a_hash_of_the_path_and_the_suffix(void **state)
{
    (void)state;
    char got[INSTANCE_PATH_MAX];
    char wanted[INSTANCE_PATH_MAX];
    struct err e = ERR_INIT;
    /* FNV-1a of "foobar" as its authors publish it */
    snprintf(wanted, sizeof(wanted), "%s/85944171f73967e8.sock", folder);
    assert_int_equal(0, instance_path("foobar", INSTANCE_SOCKET, got, &e));
    assert_string_equal(wanted, got);
}

static void every_way_to_a_configuration_leads_to_the_same_name(void **state)
{
    (void)state;
    char straight[INSTANCE_PATH_MAX];
    char through_link[INSTANCE_PATH_MAX];
    char other[INSTANCE_PATH_MAX];
    char link[128];
    struct err e = ERR_INIT;
    snprintf(link, sizeof(link), "%s/link", folder);
    assert_int_equal(0, symlink("/", link));
    assert_int_equal(0, instance_path("/", "", straight, &e));
    assert_int_equal(0, instance_path(link, "", through_link, &e));
    assert_int_equal(0, instance_path("/tmp", "", other, &e));
    assert_int_equal(0, unlink(link));
    assert_string_equal(straight, through_link);
    assert_string_not_equal(straight, other);
}

static void without_a_runtime_folder_there_is_no_name(void **state)
{
    (void)state;
    char got[INSTANCE_PATH_MAX] = "untouched";
    struct err e = ERR_INIT;
    setenv("RUNTIME_DIRECTORY", "/dev/null", 1);
    assert_int_equal(-1, instance_path("foobar", "", got, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_string_equal("untouched", got);
}

/* A socket of that name in the folder, which may not be there yet. */
static void bind_socket(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", folder, name);
    assert_true(fd >= 0);
    assert_int_equal(0, bind(fd, (const struct sockaddr *)&at, sizeof(at)));
    close(fd);
}

/* Whether there is such a file, which is then removed. */
static bool was_there(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return unlink(path) == 0;
}

static void connections_of_a_daemon_that_was_killed_are_removed(void **state)
{
    (void)state;
    char stem[INSTANCE_PATH_MAX];
    char path[128];
    struct err e = ERR_INIT;
    assert_int_equal(0, instance_path("foobar", "", stem, &e));
    bind_socket("85944171f73967e8.0");
    bind_socket("85944171f73967e8.0.4711");
    bind_socket("85944171f73967e8.1.AbCdEfGhIjKlMnOp"); /* ssh's own, until it is linked */
    bind_socket("85944171f73967e8" INSTANCE_SOCKET);
    bind_socket("85944171f73967e9.0"); /* another daemon's */
    snprintf(path, sizeof(path), "%s/85944171f73967e8.2", folder);
    FILE *file = fopen(path, "w"); /* no socket */
    assert_non_null(file);
    assert_int_equal(0, fclose(file));

    instance_clear_connections(stem);
    assert_false(was_there("85944171f73967e8.0"));
    assert_false(was_there("85944171f73967e8.0.4711"));
    assert_false(was_there("85944171f73967e8.1.AbCdEfGhIjKlMnOp"));
    assert_true(was_there("85944171f73967e8" INSTANCE_SOCKET));
    assert_true(was_there("85944171f73967e9.0"));
    assert_true(was_there("85944171f73967e8.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_name_is_a_hash_of_the_path_and_the_suffix, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_way_to_a_configuration_leads_to_the_same_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(connections_of_a_daemon_that_was_killed_are_removed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_runtime_folder_there_is_no_name, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
