/* os/logsink: lines, rotation, retention, and writes that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logsink.h"

#define DAY  86400
#define NOW  INT64_C(1795435200) /* 2026-11-23T12:00:00Z */
#define TEXT "0123456789"        /* with the time and "INFO": a line of 37 bytes */

static char folder[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
    return rmdir(folder);
}

static struct logsink *open_sink(uint64_t rotate_bytes)
{
    struct err e = ERR_INIT;
    struct logsink *sink = logsink_open(path, rotate_bytes, &e);
    if (sink == NULL)
        fail_msg("%s", e.msg);
    return sink;
}

static void full_name(char ret[512], const char *name)
{
    snprintf(ret, 512, "%s/%s", folder, name);
}

static bool there_is(const char *name)
{
    char file[512];
    struct stat st;
    full_name(file, name);
    return lstat(file, &st) == 0;
}

static void make_file(const char *name)
{
    char file[512];
    full_name(file, name);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
}

/* The first 1023 bytes of a file of the folder. */
static const char *content(const char *name)
{
    static char text[1024];
    char file[512];
    full_name(file, name);
    memset(text, 0, sizeof(text));
    FILE *opened = fopen(file, "r");
    assert_non_null(opened);
    assert_true(fread(text, 1, sizeof(text) - 1, opened) < sizeof(text));
    fclose(opened);
    return text;
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void a_line_has_its_time_its_level_and_its_text(void **state)
{
    (void)state;
    struct stat st;
    struct logsink *sink = open_sink(0);
    logsink_write(sink, NOW, "INFO", "hello");
    logsink_write(sink, NOW + 1, "WARN", "again");
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:00Z INFO hello\n2026-11-23T12:00:01Z WARN again\n",
                        content("log"));
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0, st.st_mode & 0137);
}

static void hostile_bytes_cannot_forge_a_line_or_drive_a_terminal(void **state)
{
    (void)state;
    struct logsink *sink = open_sink(0);
    logsink_write(sink, NOW, "INFO",
                  "a\nb\rc\td\x1b[2Je\x7f"
                  "f\x01"
                  "g \xc2\x9b"
                  "2J \xc3\xa9 \xc2");
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:00Z INFO a\\x0ab\\x0dc\\x09d\\x1b[2Je\\x7ff\\x01g "
                        "\\xc2\\x9b2J \xc3\xa9 \xc2\n",
                        content("log"));
}

static void a_log_goes_on_where_it_ended(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct logsink *sink = open_sink(0);
        logsink_write(sink, NOW, "INFO", "x");
        logsink_close(sink);
    }
    assert_string_equal("2026-11-23T12:00:00Z INFO x\n2026-11-23T12:00:00Z INFO x\n",
                        content("log"));
}

static void a_full_file_becomes_an_old_one_with_the_time_in_its_name(void **state)
{
    (void)state;
    struct logsink *sink = open_sink(80);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_write(sink, NOW, "INFO", TEXT);
    assert_int_equal(1, count_files());
    logsink_write(sink, NOW, "INFO", "new");
    logsink_close(sink);
    assert_int_equal(2, count_files());
    assert_int_equal(2 * 37, strlen(content("log.2026-11-23-120000")));
    assert_string_equal("2026-11-23T12:00:00Z INFO new\n", content("log"));
}

static void the_size_of_a_file_that_was_there_before_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct logsink *sink = open_sink(80);
        logsink_write(sink, NOW, "INFO", TEXT);
        logsink_close(sink);
    }
    assert_true(there_is("log.2026-11-23-120000"));
}

static void rotations_within_a_second_get_names_of_their_own(void **state)
{
    (void)state;
    struct logsink *sink = open_sink(10);
    for (int i = 0; i < 4; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        logsink_write(sink, NOW, "INFO", text);
    }
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:00Z INFO 0\n", content("log.2026-11-23-120000"));
    assert_string_equal("2026-11-23T12:00:00Z INFO 1\n", content("log.2026-11-23-120000.1"));
    assert_string_equal("2026-11-23T12:00:00Z INFO 2\n", content("log.2026-11-23-120000.2"));
    assert_string_equal("2026-11-23T12:00:00Z INFO 3\n", content("log"));
}

static void only_the_newest_three_old_files_are_kept(void **state)
{
    (void)state;
    struct logsink *sink = open_sink(10);
    for (int i = 0; i <= 5; i++)
        logsink_write(sink, NOW + i, "INFO", TEXT);
    logsink_close(sink);
    assert_int_equal(1 + LOGSINK_KEEP, count_files());
    assert_true(there_is("log.2026-11-23-120003"));
    assert_true(there_is("log.2026-11-23-120004"));
    assert_true(there_is("log.2026-11-23-120005"));
}

static void of_old_files_of_one_second_the_highest_number_is_the_newest(void **state)
{
    (void)state;
    make_file("log.2026-11-23-110000");
    make_file("log.2026-11-23-110000.2");
    make_file("log.2026-11-23-110000.9");
    make_file("log.2026-11-23-110000.10");
    struct logsink *sink = open_sink(0);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_close(sink);
    assert_false(there_is("log.2026-11-23-110000"));
    assert_true(there_is("log.2026-11-23-110000.2"));
    assert_true(there_is("log.2026-11-23-110000.10"));
}

static void an_old_file_goes_after_28_days_without_any_rotation(void **state)
{
    (void)state;
    make_file("log.2026-11-01-120000");
    struct logsink *sink = open_sink(0);
    logsink_write(sink, NOW, "INFO", TEXT);
    assert_true(there_is("log.2026-11-01-120000"));
    logsink_write(sink, NOW + 6 * DAY, "INFO", TEXT); /* 28 days to the second */
    assert_true(there_is("log.2026-11-01-120000"));
    logsink_write(sink, NOW + 7 * DAY, "INFO", TEXT);
    assert_false(there_is("log.2026-11-01-120000"));
    logsink_close(sink);
}

static void files_that_only_look_similar_are_never_removed(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "log.2020-01-01-000000.gz",
        "log.2020-01-01-000000.01",
        "log.2020-01-01-000000.0",
        "log.2020-01-01-000000.",
        "log.2020-01-01-00000",
        "log.2020-01-01-0000000",
        "log.2020-02-30-000000",
        "log.2020-13-01-000000",
        "log.2020-01-01-250000",
        "log.2020-01-01T000000",
        "log.old",
        "log.",
        "log2.2020-01-01-000000",
        "xlog.2020-01-01-000000",
        "log-2020-01-01-000000",
        "log.2020-01-01-000000.1x",
        "log.2020-01-01-000000.-1",
        "2020-01-01-000000",
    };
    size_t count = sizeof(NAMES) / sizeof(NAMES[0]);
    for (size_t i = 0; i < count; i++)
        make_file(NAMES[i]);
    make_file("log.2020-01-01-000000");
    struct logsink *sink = open_sink(10);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_close(sink);
    for (size_t i = 0; i < count; i++) {
        if (!there_is(NAMES[i]))
            fail_msg("%s is gone", NAMES[i]);
    }
    assert_false(there_is("log.2020-01-01-000000"));
}

static void files_from_a_clock_that_was_far_ahead_do_not_push_out_the_new_ones(void **state)
{
    (void)state;
    make_file("log.2099-01-01-000000");
    make_file("log.2099-01-02-000000");
    make_file("log.2099-01-03-000000");
    struct logsink *sink = open_sink(10);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_close(sink);
    assert_true(there_is("log.2026-11-23-120000"));
    assert_int_equal(1 + LOGSINK_KEEP, count_files());
}

static void reopening_starts_a_new_file_where_the_old_was_moved_away(void **state)
{
    (void)state;
    char moved[512];
    struct err e = ERR_INIT;
    full_name(moved, "moved");
    struct logsink *sink = open_sink(0);
    logsink_write(sink, NOW, "INFO", "a");
    assert_int_equal(0, rename(path, moved));
    logsink_write(sink, NOW, "INFO", "b");
    assert_int_equal(0, logsink_reopen(sink, &e));
    logsink_write(sink, NOW, "INFO", "c");
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:00Z INFO a\n2026-11-23T12:00:00Z INFO b\n",
                        content("moved"));
    assert_string_equal("2026-11-23T12:00:00Z INFO c\n", content("log"));
}

static void rotation_follows_a_link_and_leaves_it_alone(void **state)
{
    (void)state;
    char real[512];
    struct stat st;
    full_name(real, "real");
    assert_int_equal(0, symlink(real, path));
    struct logsink *sink = open_sink(10);
    logsink_write(sink, NOW, "INFO", "a");
    logsink_write(sink, NOW, "INFO", "b");
    logsink_close(sink);
    assert_int_equal(0, lstat(path, &st));
    assert_true(S_ISLNK(st.st_mode));
    assert_string_equal("2026-11-23T12:00:00Z INFO b\n", content("log"));
    assert_true(there_is("real.2026-11-23-120000"));
}

static void what_is_no_regular_file_does_not_rotate(void **state)
{
    (void)state;
    assert_int_equal(0, mkfifo(path, 0600));
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct logsink *sink = open_sink(10);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_close(sink);
    close(reader);
    assert_int_equal(1, count_files());
}

static void more_rotations_in_a_second_than_are_kept_lose_only_the_oldest(void **state)
{
    (void)state;
    struct logsink *sink = open_sink(10);
    for (int i = 0; i < 8; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        logsink_write(sink, NOW, "INFO", text);
    }
    logsink_close(sink);
    assert_int_equal(1 + LOGSINK_KEEP, count_files());
    assert_string_equal("2026-11-23T12:00:00Z INFO 4\n", content("log.2026-11-23-120000.4"));
    assert_string_equal("2026-11-23T12:00:00Z INFO 6\n", content("log.2026-11-23-120000.6"));
    assert_string_equal("2026-11-23T12:00:00Z INFO 7\n", content("log"));
}

static void where_no_name_is_free_the_log_goes_on_in_the_same_file(void **state)
{
    (void)state;
    make_file("log.2026-11-23-120000.999");
    struct logsink *sink = open_sink(40);
    logsink_write(sink, NOW, "INFO", "a");
    logsink_write(sink, NOW, "INFO", "b");
    assert_string_equal("2026-11-23T12:00:00Z INFO a\n2026-11-23T12:00:00Z INFO b\n",
                        content("log"));
    logsink_write(sink, NOW + 1, "INFO", "c");
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:01Z INFO c\n", content("log"));
}

static void lines_that_could_not_be_written_are_counted_in_the_log(void **state)
{
    (void)state;
    struct rlimit limit;
    struct rlimit small;
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &limit));
    small = limit;
    small.rlim_cur = 45; /* the first line, and 8 bytes of the second */
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct logsink *sink = open_sink(0);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &small));
    logsink_write(sink, NOW, "INFO", TEXT);
    logsink_write(sink, NOW, "INFO", "lost");
    logsink_write(sink, NOW, "INFO", "lost too");
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
    signal(SIGXFSZ, before);
    logsink_write(sink, NOW, "INFO", "back");
    logsink_write(sink, NOW, "INFO", "more");
    logsink_close(sink);
    assert_string_equal("2026-11-23T12:00:00Z INFO " TEXT "\n"
                        "2026-11-\n"
                        "2026-11-23T12:00:00Z WARN 2 lines of this log could not be written\n"
                        "2026-11-23T12:00:00Z INFO back\n"
                        "2026-11-23T12:00:00Z INFO more\n",
                        content("log"));
}

static void standard_output_gets_the_lines_where_there_is_no_file(void **state)
{
    (void)state;
    int ends[2];
    char text[64] = {0};
    struct err e = ERR_INIT;
    assert_int_equal(0, pipe(ends));
    fflush(stdout);
    int out = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    struct logsink *sink = logsink_open(NULL, 1, &e);
    bool opened = sink != NULL;
    if (opened) {
        logsink_write(sink, NOW, "INFO", "x");
        opened = logsink_reopen(sink, &e) == 0;
        logsink_write(sink, NOW, "INFO", "y");
        logsink_close(sink);
    }
    dup2(out, STDOUT_FILENO);
    close(out);
    assert_true(opened);
    assert_int_equal(56, read(ends[0], text, sizeof(text)));
    assert_string_equal("2026-11-23T12:00:00Z INFO x\n2026-11-23T12:00:00Z INFO y\n", text);
    close(ends[0]);
    close(ends[1]);
}

static void a_log_that_cannot_be_opened_is_an_error_that_names_it(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_null(logsink_open("/nowhere/backupd/log", 0, &e));
    assert_int_equal(ERR_SYSTEM, e.code);
    assert_non_null(strstr(e.msg, "/nowhere/backupd/log"));
    logsink_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_its_time_its_level_and_its_text),
        TEST(hostile_bytes_cannot_forge_a_line_or_drive_a_terminal),
        TEST(a_log_goes_on_where_it_ended),
        TEST(a_full_file_becomes_an_old_one_with_the_time_in_its_name),
        TEST(the_size_of_a_file_that_was_there_before_counts),
        TEST(rotations_within_a_second_get_names_of_their_own),
        TEST(only_the_newest_three_old_files_are_kept),
        TEST(of_old_files_of_one_second_the_highest_number_is_the_newest),
        TEST(an_old_file_goes_after_28_days_without_any_rotation),
        TEST(files_that_only_look_similar_are_never_removed),
        TEST(files_from_a_clock_that_was_far_ahead_do_not_push_out_the_new_ones),
        TEST(reopening_starts_a_new_file_where_the_old_was_moved_away),
        TEST(rotation_follows_a_link_and_leaves_it_alone),
        TEST(what_is_no_regular_file_does_not_rotate),
        TEST(more_rotations_in_a_second_than_are_kept_lose_only_the_oldest),
        TEST(where_no_name_is_free_the_log_goes_on_in_the_same_file),
        TEST(lines_that_could_not_be_written_are_counted_in_the_log),
        TEST(standard_output_gets_the_lines_where_there_is_no_file),
        TEST(a_log_that_cannot_be_opened_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
