/* history/store: the database, its records, and files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define NOW   INT64_C(1700000000)
#define TODAY INT64_C(1699920000) /* its midnight */

static char folder[64];
static char path[128];

/* What store_recall told, by kind. */
static size_t told[EVENT_KIND_COUNT];
static char newest_text[16384];
static struct event newest_day, newest_transfer;
static char newest_dataset[64];

static int count_event(void *arg, const struct event *event)
{
    (void)arg;
    told[event->kind]++;
    if (event->text != NULL)
        snprintf(newest_text, sizeof(newest_text), "%s", event->text);
    if (event->kind == EVENT_DAY_RECALLED)
        newest_day = *event;
    if (event->kind == EVENT_TRANSFER_RECALLED) {
        newest_transfer = *event;
        snprintf(newest_dataset, sizeof(newest_dataset), "%s", event->dataset);
    }
    return 0;
}

static struct store *open_store(struct str *news)
{
    struct err e = ERR_INIT;
    struct str ignored;
    str_init(&ignored);
    struct store *store = store_open(path, NOW, news == NULL ? &ignored : news, &e);
    if (store == NULL)
        fail_msg("%s", e.msg);
    if (news == NULL)
        assert_string_equal(ignored.s, "");
    str_fini(&ignored);
    return store;
}

static void recall(struct store *store)
{
    struct err e = ERR_INIT;
    memset(told, 0, sizeof(told));
    newest_text[0] = '\0';
    if (store_recall(store, NOW, count_event, NULL, &e) != 0)
        fail_msg("%s", e.msg);
}

static void put(struct store *store, enum record_kind kind, const struct record *record)
{
    struct err e = ERR_INIT;
    if (store_begin(store, &e) != 0 || store_write(store, kind, record, &e) != 0 ||
        store_commit(store, &e) != 0)
        fail_msg("%s", e.msg);
}

static void put_transfer(struct store *store, int64_t time, const char *text)
{
    struct record record = {.time = time,
                            .started = time - 5,
                            .dataset = "/home",
                            .start = "daily-1",
                            .end = "daily-2",
                            .bytes = 7,
                            .resumed = true,
                            .code = ERR_HELD,
                            .text = text};
    put(store, RECORD_TRANSFER, &record);
}

static void put_day(struct store *store, enum verdict_level verdict, uint64_t cycles,
                    uint64_t space)
{
    struct record record = {.time = TODAY,
                            .verdict = verdict,
                            .count = cycles,
                            .bytes = 10 * cycles,
                            .space = {space, space + 1}};
    put(store, RECORD_DAY, &record);
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}

/* How many entries of the folder have `part` in their name. */
static size_t count_files(const char *part)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strstr(entry->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Opens it, and checks that the file went aside and the new one works. */
static void assert_set_aside(const char *why)
{
    struct str news;
    str_init(&news);
    struct store *store = open_store(&news);
    if (strstr(news.s, why) == NULL || strstr(news.s, ".damaged-2023-11-14-221320") == NULL)
        fail_msg("not \"%s\": %s", why, news.s);
    put_transfer(store, NOW, NULL);
    recall(store);
    assert_int_equal(told[EVENT_TRANSFER_RECALLED], 1);
    store_close(store);
    str_fini(&news);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/backupd-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/h.sqlite", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void a_fresh_file_has_no_record_and_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat st;
    snprintf(path, sizeof(path), "%s/a/b/h.sqlite", folder);
    mode_t mask = umask(077);
    struct store *store = open_store(NULL);
    umask(mask);
    recall(store);
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        assert_int_equal(told[kind], 0);
    store_close(store);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s/a/b", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void records_come_back_as_they_were(void **state)
{
    (void)state;
    struct store *store = open_store(NULL);
    put_transfer(store, NOW, "held by \"x\"");
    store_close(store);
    store = open_store(NULL);
    recall(store);
    store_close(store);
    assert_int_equal(told[EVENT_TRANSFER_RECALLED], 1);
    assert_int_equal(newest_transfer.time, NOW);
    assert_int_equal(newest_transfer.started, NOW - 5);
    assert_int_equal(newest_transfer.bytes, 7);
    assert_true(newest_transfer.flag);
    assert_int_equal(newest_transfer.code, ERR_HELD);
    assert_string_equal(newest_text, "held by \"x\"");
    assert_string_equal(newest_dataset, "/home");
}

static void a_record_that_is_told_twice_is_kept_once(void **state)
{
    (void)state;
    struct record failure = {.time = NOW, .code = ERR_BUSY};
    struct record cycle = {.time = NOW, .cycle = 3};
    struct store *store = open_store(NULL);
    for (int i = 0; i < 2; i++) {
        put_transfer(store, NOW, NULL);
        put(store, RECORD_FAILURE, &failure);
        put(store, RECORD_CYCLE, &cycle);
    }
    failure.dataset = "";
    put(store, RECORD_FAILURE, &failure);
    recall(store);
    store_close(store);
    assert_int_equal(told[EVENT_TRANSFER_RECALLED], 1);
    assert_int_equal(told[EVENT_FAILURE_RECALLED], 2);
    assert_int_equal(told[EVENT_CYCLE_RECALLED], 1);
}

static void a_day_grows_and_its_verdict_never_gets_better(void **state)
{
    (void)state;
    struct store *store = open_store(NULL);
    put_day(store, VERDICT_SAFE, 1, 100);
    put_day(store, VERDICT_FAILED, 2, 200);
    put_day(store, VERDICT_LATE, 3, 150);
    recall(store);
    assert_int_equal(told[EVENT_DAY_RECALLED], 1);
    assert_int_equal(newest_day.verdict, VERDICT_FAILED);
    assert_int_equal(newest_day.count, 3);
    assert_int_equal(newest_day.bytes, 30);
    assert_int_equal(newest_day.holding[SIDE_REMOTE].space, 151);
    /* a daemon that does not know of the first three */
    put_day(store, VERDICT_SAFE, 1, 10);
    recall(store);
    assert_int_equal(newest_day.verdict, VERDICT_FAILED);
    assert_int_equal(newest_day.count, 3);
    assert_int_equal(newest_day.holding[SIDE_LOCAL].space, 10);
    store_close(store);
}

static void a_day_that_has_not_come_yet_is_not_told(void **state)
{
    (void)state;
    struct store *store = open_store(NULL);
    struct record day = {.time = TODAY + 86400, .count = 1};
    put(store, RECORD_DAY, &day);
    recall(store);
    store_close(store);
    assert_int_equal(told[EVENT_DAY_RECALLED], 0);
}

static void what_is_too_old_is_removed_and_the_rest_stays(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct store *store = open_store(NULL);
    for (int i = 0; i < 10; i++) {
        struct record old = {.time = TODAY - 86400 * i, .cycle = (uint64_t)i, .code = ERR_BUSY};
        put_transfer(store, old.time, NULL);
        put(store, RECORD_CYCLE, &old);
        put(store, RECORD_FAILURE, &old);
        put(store, RECORD_DAY, &old);
    }
    assert_int_equal(store_begin(store, &e), 0);
    assert_int_equal(store_prune(store, TODAY - 86400 * 4, &e), 0);
    assert_int_equal(store_commit(store, &e), 0);
    recall(store);
    store_close(store);
    assert_int_equal(told[EVENT_TRANSFER_RECALLED], 5);
    assert_int_equal(told[EVENT_CYCLE_RECALLED], 5);
    assert_int_equal(told[EVENT_FAILURE_RECALLED], 5);
    assert_int_equal(told[EVENT_DAY_RECALLED], 6); /* the day in which it begins, too */
}

static void of_thousands_of_records_the_newest_come_back(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct store *store = open_store(NULL);
    assert_int_equal(store_begin(store, &e), 0);
    for (int i = 0; i < 5000; i++) {
        struct record record = {.time = NOW + i,
                                .cycle = (uint64_t)i,
                                .dataset = "/a",
                                .start = "a",
                                .end = "b",
                                .code = ERR_BUSY};
        for (int kind = 0; kind < RECORD_DAY; kind++)
            assert_int_equal(store_write(store, (enum record_kind)kind, &record, &e), 0);
    }
    assert_int_equal(store_commit(store, &e), 0);
    recall(store);
    store_close(store);
    assert_int_equal(told[EVENT_CYCLE_RECALLED], CHRONICLE_CYCLES);
    assert_int_equal(told[EVENT_TRANSFER_RECALLED], CHRONICLE_TRANSFERS);
    assert_int_equal(told[EVENT_FAILURE_RECALLED], CHRONICLE_FAILURES);
    assert_int_equal(newest_transfer.time, NOW + 4999);
}

static void hostile_texts_are_texts(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"'); DROP TABLE transfers; --", "\"\\\x1b[2J%s%n",
                                        "\xff\xfe", "a\nb\tc", ""};
    struct store *store = open_store(NULL);
    for (int i = 0; i < 5; i++) {
        put_transfer(store, NOW + i, TEXTS[i]);
        recall(store);
        assert_int_equal(told[EVENT_TRANSFER_RECALLED], i + 1);
        assert_string_equal(newest_text, TEXTS[i]);
    }
    store_close(store);
}

static void garbage_is_set_aside_with_what_belongs_to_it(void **state)
{
    (void)state;
    char beside[160];
    char garbage[8192];
    memset(garbage, 'x', sizeof(garbage));
    write_file(path, garbage, sizeof(garbage));
    snprintf(beside, sizeof(beside), "%s-shm", path);
    write_file(beside, garbage, 100);
    assert_set_aside("not a database");
    assert_int_equal(count_files(".damaged-"), 2);
    assert_int_equal(count_files("-shm"), 1);
    /* and within the same second again, nothing of which is overwritten */
    write_file(path, garbage, sizeof(garbage));
    assert_set_aside("not a database");
    assert_int_equal(count_files(".damaged-"), 3);
}

static void a_file_that_was_cut_is_set_aside(void **state)
{
    (void)state;
    struct store *store = open_store(NULL);
    put_transfer(store, NOW, NULL);
    store_close(store);
    assert_int_equal(truncate(path, 10000), 0);
    assert_set_aside("malformed");
}

static void an_empty_file_is_a_new_one(void **state)
{
    (void)state;
    write_file(path, "", 0);
    store_close(open_store(NULL));
    assert_int_equal(count_files(".damaged-"), 0);
}

static void assert_refused(const char *why);

static void a_file_of_another_program_is_left_alone(void **state)
{
    (void)state;
    run_sql("CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1)");
    assert_refused("another program");
    assert_int_equal(count_files(".damaged-"), 0);
}

static void a_file_of_a_later_version_is_left_alone(void **state)
{
    (void)state;
    store_close(open_store(NULL));
    run_sql("PRAGMA user_version = 99");
    assert_refused("its version is 99");
    assert_int_equal(count_files(".damaged-"), 0);
}

static void a_file_without_a_table_is_set_aside(void **state)
{
    (void)state;
    store_close(open_store(NULL));
    run_sql("DROP TABLE days");
    assert_set_aside("no such table");
}

static void assert_refused(const char *why)
{
    struct err e = ERR_INIT;
    struct str news;
    str_init(&news);
    assert_null(store_open(path, NOW, &news, &e));
    if (strstr(e.msg, why) == NULL)
        fail_msg("not \"%s\": %s", why, e.msg);
    assert_string_equal(news.s, "");
    str_fini(&news);
}

static void what_is_no_file_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("this is a folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused("no regular file");
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    write_file(path, "", 0);
    strcat(path, "/below/h.sqlite");
    assert_refused("cannot make the folder");
    snprintf(path, sizeof(path), "/proc/nowhere/h.sqlite");
    assert_refused("cannot make the folder /proc/nowhere");
}

static void two_daemons_do_not_share_it(void **state)
{
    (void)state;
    struct store *store = open_store(NULL);
    assert_refused("another daemon");
    store_close(store);
    store_close(open_store(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_file_has_no_record_and_is_for_its_owner_alone),
        TEST(records_come_back_as_they_were),
        TEST(a_record_that_is_told_twice_is_kept_once),
        TEST(a_day_grows_and_its_verdict_never_gets_better),
        TEST(a_day_that_has_not_come_yet_is_not_told),
        TEST(what_is_too_old_is_removed_and_the_rest_stays),
        TEST(of_thousands_of_records_the_newest_come_back),
        TEST(hostile_texts_are_texts),
        TEST(garbage_is_set_aside_with_what_belongs_to_it),
        TEST(a_file_that_was_cut_is_set_aside),
        TEST(an_empty_file_is_a_new_one),
        TEST(a_file_of_another_program_is_left_alone),
        TEST(a_file_of_a_later_version_is_left_alone),
        TEST(a_file_without_a_table_is_set_aside),
        TEST(what_is_no_file_is_left_alone),
        TEST(a_folder_that_cannot_be_made_is_told),
        TEST(two_daemons_do_not_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
