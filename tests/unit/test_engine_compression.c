#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compression.h"

static void an_increment_goes_by_the_property_alone(void **state)
{
    (void)state;
    assert_true(compression_is_off("compression\toff\nrefcompressratio\t1.00\n", false));
    assert_true(compression_is_off("compression\toff\nrefcompressratio\t2.50\n", false));
    assert_true(compression_is_off("compression\toff\n", false));
    assert_false(compression_is_off("compression\ton\nrefcompressratio\t1.00\n", false));
    assert_false(compression_is_off("compression\tlz4\nrefcompressratio\t1.00\n", false));
}

static void a_full_stream_is_also_to_be_mostly_as_it_was_written(void **state)
{
    (void)state;
    assert_true(compression_is_off("compression\toff\nrefcompressratio\t1.00\n", true));
    assert_true(compression_is_off("refcompressratio\t1.10x\ncompression\toff\n", true));
    assert_false(compression_is_off("compression\toff\nrefcompressratio\t1.11\n", true));
    assert_false(compression_is_off("compression\toff\nrefcompressratio\t10.00\n", true));
    assert_false(compression_is_off("compression\tzstd-3\nrefcompressratio\t1.00\n", true));
}

static void what_cannot_be_read_is_not_compressed(void **state)
{
    (void)state;
    static const char *const ODD[] = {
        "",
        "\n",
        "off\n",
        "compression\n",
        "compression\toff",
        "compression\toffice\nrefcompressratio\t1.00\n",
        "xcompression\toff\nrefcompressratio\t1.00\n",
        "compression off\nrefcompressratio 1.00\n",
        "compression\toff\nrefcompressratio\t-\n",
        "compression\toff\nrefcompressratio\t1\n",
        "compression\toff\nrefcompressratio\t.90\n",
        "compression\toff\nrefcompressratio\t1.0\n",
        "compression\toff\nrefcompressratio\t99999999999999999999.00\n",
        "compression\toff\nrefcompressratio\t184467440737095517.00\n",
    };
    for (size_t i = 0; i < sizeof(ODD) / sizeof(ODD[0]); i++)
        if (compression_is_off(ODD[i], true))
            fail_msg("%s", ODD[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_increment_goes_by_the_property_alone),
        cmocka_unit_test(a_full_stream_is_also_to_be_mostly_as_it_was_written),
        cmocka_unit_test(what_cannot_be_read_is_not_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
