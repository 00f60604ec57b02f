#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "progress.h"

static void expect(const char *line, enum progress_kind kind, uint64_t bytes)
{
    uint64_t seen = 17;
    assert_int_equal(progress_parse(line, &seen), kind);
    assert_true(seen == bytes);
}

static void the_estimate_and_the_progress_are_read(void **state)
{
    (void)state;
    expect("size\t67243248", PROGRESS_SIZE, 67243248);
    expect("size\t0", PROGRESS_SIZE, 0);
    expect("size\t18446744073709551615", PROGRESS_SIZE, UINT64_MAX);
    expect("12:00:01\t8388608\ttank/data/big@one", PROGRESS_SENT, 8388608);
    expect("23:59:59\t1\ttank/with space/x@a b", PROGRESS_SENT, 1);
}

static void what_comes_before_them_is_a_header(void **state)
{
    (void)state;
    expect("full\ttank/data/big@one\t67243248", PROGRESS_HEADER, 17);
    expect("incremental\tone\ttank/data/big@two\t50360000", PROGRESS_HEADER, 17);
    expect("resume token contents:", PROGRESS_HEADER, 17);
    expect("nvlist version: 0", PROGRESS_HEADER, 17);
    expect("\tobject = 0x2", PROGRESS_HEADER, 17);
    expect("\ttoname = tank/a b@x", PROGRESS_HEADER, 17);
    expect("full send of tank/data/big@one estimated size is 64.1M", PROGRESS_HEADER, 17);
    expect("total estimated size is 64.1M", PROGRESS_HEADER, 17);
    expect("TIME        SENT   SNAPSHOT tank/data/big@one", PROGRESS_HEADER, 17);
    expect("12:00:01   8.01M   tank/data/big@one", PROGRESS_HEADER, 17);
}

static void an_error_is_neither(void **state)
{
    (void)state;
    expect("", PROGRESS_OTHER, 17);
    expect("cannot open 'tank/nope': dataset does not exist", PROGRESS_OTHER, 17);
    expect("warning: cannot send 'tank/a@b': Broken pipe", PROGRESS_OTHER, 17);
    expect("\tsend [-DLPbcehnpsVvw] [-i|-I snapshot]", PROGRESS_OTHER, 17);
    expect("size\t", PROGRESS_OTHER, 17);
    expect("size\t12M", PROGRESS_OTHER, 17);
    expect("size\t18446744073709551616", PROGRESS_OTHER, 17);
    expect("12:00:01\t8388608", PROGRESS_OTHER, 17);
    expect("12:00:01\t-1\tx", PROGRESS_OTHER, 17);
    expect("12:00:0", PROGRESS_OTHER, 17);
}

/* Whether the text of the real program, kept in tests/unit/data, could be read. */
static bool check_output(const char *version, const char *name)
{
    char path[4096];
    char line[8192];
    size_t sizes = 0;
    uint64_t sent = 0;
    snprintf(path, sizeof(path), TEST_DATA "/outputs/%s/%s", version, name);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof(line), f) != NULL) {
        uint64_t bytes = 0;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        enum progress_kind kind = progress_parse(line, &bytes);
        if (kind == PROGRESS_OTHER)
            fail_msg("%s: %s", path, line);
        sizes += kind == PROGRESS_SIZE;
        if (kind == PROGRESS_SENT) {
            assert_true(bytes >= sent);
            sent = bytes;
        }
    }
    fclose(f);
    assert_int_equal(sizes, 1);
    assert_true(sent > 0);
    return true;
}

static void check_version(const char *version)
{
    static const char *const NAMES[] = {
        "send-initial-progress",  "send-increment-progress",
        "send-bookmark-progress", "send-encrypted-progress",
        "send-volume-progress",   "send-encrypted-increment-progress",
        "send-resumed-progress",  "send-resumed-increment-progress",
        "send-not-raw-progress",
    };
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (!check_output(version, NAMES[i]))
            skip(); /* not gathered yet: tests/guest/gather-errors.sh */
}

static void every_line_of_zfs_2_1_is_known(void **state)
{
    (void)state;
    check_version("2.1");
}

static void every_line_of_zfs_2_3_is_known(void **state)
{
    (void)state;
    check_version("2.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_and_the_progress_are_read),
        cmocka_unit_test(what_comes_before_them_is_a_header),
        cmocka_unit_test(an_error_is_neither),
        cmocka_unit_test(every_line_of_zfs_2_1_is_known),
        cmocka_unit_test(every_line_of_zfs_2_3_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
