/* os/library: what is loaded while a program runs, tried on a library that is there anyway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "library.h"

/* Of jansson, with their types made simple. */
struct functions {
    void *(*true_value)(void);
    void *(*null_value)(void);
};

static struct functions functions;
static struct err e;

static const struct library_function THERE[] = {
    {"json_true", offsetof(struct functions, true_value)},
    {"json_null", offsetof(struct functions, null_value)},
};

static const struct library_function ONE_IS_NOT[] = {
    {"json_true", offsetof(struct functions, true_value)},
    {"json_of_tomorrow", offsetof(struct functions, null_value)},
};

static int set_up(void **state)
{
    (void)state;
    memset(&functions, 0, sizeof(functions));
    err_clear(&e);
    return 0;
}

static struct library library_of(const char *file, const struct library_function *list)
{
    return (struct library){.file = file, .functions = list, .count = 2, .pointers = &functions};
}

static void test_each_pointer_is_the_function_of_its_name(void **state)
{
    struct library library = library_of("libjansson.so.4", THERE);
    (void)state;
    assert_int_equal(0, library_load(&library, &e));
    assert_non_null(functions.true_value());
    assert_non_null(functions.null_value());
    assert_ptr_not_equal(functions.true_value(), functions.null_value());
}

static void test_what_is_loaded_is_not_looked_for_again(void **state)
{
    struct library library = library_of("libjansson.so.4", THERE);
    (void)state;
    assert_int_equal(0, library_load(&library, &e));
    library.file = "libnone.so.7";
    assert_int_equal(0, library_load(&library, &e));
}

static void test_a_library_that_is_missing_is_named_at_every_try(void **state)
{
    struct library library = library_of("libnone.so.7", THERE);
    (void)state;
    for (int i = 0; i < 2; i++) {
        err_clear(&e);
        assert_int_equal(-1, library_load(&library, &e));
        assert_int_equal(ERR_SYSTEM, e.code);
        assert_non_null(strstr(e.msg, "libnone.so.7"));
        assert_non_null(strstr(e.msg, "install"));
    }
}

static void test_a_function_that_is_missing_is_named_and_no_pointer_is_set(void **state)
{
    struct library library = library_of("libjansson.so.4", ONE_IS_NOT);
    (void)state;
    assert_int_equal(-1, library_load(&library, &e));
    assert_string_equal("libjansson.so.4 has no json_of_tomorrow; install a newer one", e.msg);
    assert_null(functions.true_value);
    assert_null(functions.null_value);
    assert_int_equal(-1, library_load(&library, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_pointer_is_the_function_of_its_name, set_up),
        cmocka_unit_test_setup(test_what_is_loaded_is_not_looked_for_again, set_up),
        cmocka_unit_test_setup(test_a_library_that_is_missing_is_named_at_every_try, set_up),
        cmocka_unit_test_setup(test_a_function_that_is_missing_is_named_and_no_pointer_is_set,
                               set_up),
    };
    return cmocka_run_group_tests_name("os/library", tests, NULL, NULL);
}
