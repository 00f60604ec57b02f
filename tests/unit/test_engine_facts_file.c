#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "facts_file.h"

static char folder[64];
static char path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/backupd-facts-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/x.facts", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_some(size_t count)
{
    struct facts facts;
    struct err e = ERR_INIT;
    facts_init(&facts);
    for (uint64_t i = 1; i <= count; i++)
        facts_add(&facts, i % 2 ? SIDE_LOCAL : SIDE_REMOTE, i * 0x9e3779b97f4a7c15U,
                  1700000000 + (int64_t)i, i * 100);
    if (facts_file_write(path, &facts, &e) != 0)
        fail_msg("%s", e.msg);
    facts_fini(&facts);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct facts facts;
    facts_init(&facts);
    write_some(COUNT);
    write_some(COUNT); /* over the one that is there */
    assert_true(facts_file_read(path, &facts));
    assert_int_equal(facts.n, COUNT);
    for (uint64_t i = 1; i <= COUNT; i++) {
        struct snapshot snap = {.guid = i * 0x9e3779b97f4a7c15U};
        assert_true(facts_recall(&facts, &snap));
        assert_int_equal(snap.creation, 1700000000 + (int64_t)i);
        assert_int_equal(snap.size, i * 100);
    }
    /* Of the size of a local snapshot it is known that it is. */
    facts_add(&facts, SIDE_REMOTE, 0x9e3779b97f4a7c15U, 1700000001, 7);
    struct snapshot snap = {.guid = 0x9e3779b97f4a7c15U};
    assert_true(facts_recall(&facts, &snap));
    assert_int_equal(snap.size, 100);
    facts_fini(&facts);
}

static void nothing_at_all_is_read_as_that(void **state)
{
    (void)state;
    struct facts facts;
    facts_init(&facts);
    assert_false(facts_file_read(path, &facts));
    write_some(0);
    assert_true(facts_file_read(path, &facts));
    assert_int_equal(facts.n, 0);
    facts_fini(&facts);
}

static size_t load(unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(bytes, 1, size, file);
    fclose(file);
    return len;
}

static void store(const unsigned char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void refuse(const char *how, size_t at)
{
    struct facts facts;
    facts_init(&facts);
    if (facts_file_read(path, &facts) || facts.n != 0)
        fail_msg("it was believed although %s at %zu", how, at);
    facts_fini(&facts);
}

static void a_file_with_any_byte_changed_or_its_end_missing_is_not_believed(void **state)
{
    (void)state;
    unsigned char bytes[2048];
    write_some(5);
    size_t len = load(bytes, sizeof(bytes));
    assert_int_equal(len, 16 + 5 * 32 + 8);
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            bytes[at] ^= (unsigned char)bit;
            store(bytes, len);
            refuse("a bit was flipped", at);
            bytes[at] ^= (unsigned char)bit;
        }
        store(bytes, at);
        refuse("it ended", at);
    }
    memset(bytes + len, 0, 64);
    store(bytes, len + 32);
    refuse("it went on", len);
}

static void a_file_that_others_could_have_written_is_not_believed(void **state)
{
    (void)state;
    write_some(5);
    assert_int_equal(chmod(path, 0620), 0);
    refuse("its group may write it", 0);
    assert_int_equal(chmod(path, 0602), 0);
    refuse("anybody may write it", 0);
}

static void a_file_that_cannot_be_written_is_an_error_and_leaves_no_other(void **state)
{
    (void)state;
    struct facts facts;
    struct err e = ERR_INIT;
    facts_init(&facts);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(facts_file_write(path, &facts, &e), -1);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(facts_file_write("/nowhere/at/all", &facts, &e), -1);
    facts_fini(&facts);
}

static void a_file_that_is_written_in_portions_is_the_same_and_there_at_the_end_alone(void **state)
{
    (void)state;
    enum { COUNT = 1000, PORTION = 300 };
    struct facts facts;
    struct facts kept;
    struct err e = ERR_INIT;
    facts_init(&facts);
    facts_init(&kept);
    for (uint64_t i = 1; i <= COUNT; i++)
        facts_add(&facts, SIDE_LOCAL, i, 1700000000, i);
    struct facts_writer *writer = facts_writer_new(path, &facts, &e);
    assert_non_null(writer);
    for (int i = 0; i < COUNT / PORTION; i++) {
        assert_int_equal(FACTS_MORE, facts_writer_some(writer, PORTION, &e));
        assert_int_equal(-1, access(path, F_OK));
    }
    assert_int_equal(0, facts_writer_some(writer, PORTION, &e));
    facts_writer_free(writer);
    assert_true(facts_file_read(path, &kept));
    assert_int_equal(COUNT, kept.n);
    facts_fini(&kept);
    facts_fini(&facts);
}

static void a_writer_that_is_freed_before_its_end_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    struct facts facts;
    struct facts kept;
    struct err e = ERR_INIT;
    facts_init(&facts);
    facts_init(&kept);
    write_some(5);
    for (uint64_t i = 1; i <= 100; i++)
        facts_add(&facts, SIDE_LOCAL, i, 1700000000, i);
    struct facts_writer *writer = facts_writer_new(path, &facts, &e);
    assert_non_null(writer);
    assert_int_equal(FACTS_MORE, facts_writer_some(writer, 10, &e));
    facts_writer_free(writer);
    assert_true(facts_file_read(path, &kept));
    assert_int_equal(5, kept.n); /* that no other file is left, the folder's removal shows */
    facts_fini(&kept);
    facts_fini(&facts);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(what_was_written_is_read),
        WITH_FOLDER(nothing_at_all_is_read_as_that),
        WITH_FOLDER(a_file_with_any_byte_changed_or_its_end_missing_is_not_believed),
        WITH_FOLDER(a_file_that_others_could_have_written_is_not_believed),
        WITH_FOLDER(a_file_that_cannot_be_written_is_an_error_and_leaves_no_other),
        WITH_FOLDER(a_file_that_is_written_in_portions_is_the_same_and_there_at_the_end_alone),
        WITH_FOLDER(a_writer_that_is_freed_before_its_end_leaves_the_old_file_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
