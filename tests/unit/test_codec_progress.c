#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_and_the_progress_are_read),
        cmocka_unit_test(what_comes_before_them_is_a_header),
        cmocka_unit_test(an_error_is_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
