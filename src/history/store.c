#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"
#include "schema.h"
#include "state.h"

/* Kinds that are kept: those before RECORD_LINE. */
#define KEPT_KINDS RECORD_LINE

struct store {
    sqlite3 *db;
    int lock; /* -1: none could be made, as on a read-only mount */
    sqlite3_stmt *insert[KEPT_KINDS], *prune[KEPT_KINDS], *recall[KEPT_KINDS];
};

/* ?20 lists the verdicts from the best to the worst, so that a place in it compares them. */
static const char *const INSERT[KEPT_KINDS] = {
    [RECORD_CYCLE] = "INSERT OR IGNORE INTO cycles(number, started, finished, datasets, failed,"
                     " sent, destroyed, bytes, code, text) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                     " ?9, ?10)",
    [RECORD_TRANSFER] = "INSERT OR IGNORE INTO transfers(started, finished, dataset,"
                        " from_snapshot, to_snapshot, bytes, resumed, code, text)"
                        " VALUES(?2, ?3, ?11, ?12, ?13, ?8, ?14, ?9, ?10)",
    [RECORD_FAILURE] = "INSERT OR IGNORE INTO failures(time, dataset, code, text)"
                       " VALUES(?3, ?11, ?9, ?10)",
    [RECORD_DAY] = "INSERT INTO days(midnight, verdict, cycles, bytes, local_space, remote_space)"
                   " VALUES(?3, ?15, ?4, ?8, ?16, ?17)"
                   " ON CONFLICT(midnight) DO UPDATE SET"
                   " verdict = CASE WHEN instr(?20, excluded.verdict) > instr(?20, verdict)"
                   " THEN excluded.verdict ELSE verdict END,"
                   " cycles = max(cycles, excluded.cycles), bytes = max(bytes, excluded.bytes),"
                   " local_space = excluded.local_space, remote_space = excluded.remote_space",
};

static const char *const PRUNE[KEPT_KINDS] = {
    [RECORD_CYCLE] = "DELETE FROM cycles WHERE id IN"
                     " (SELECT id FROM cycles WHERE finished < ?1 LIMIT ?2)",
    [RECORD_TRANSFER] = "DELETE FROM transfers WHERE id IN"
                        " (SELECT id FROM transfers WHERE finished < ?1 LIMIT ?2)",
    [RECORD_FAILURE] = "DELETE FROM failures WHERE id IN"
                       " (SELECT id FROM failures WHERE time < ?1 LIMIT ?2)",
    [RECORD_DAY] = "DELETE FROM days WHERE midnight IN"
                   " (SELECT midnight FROM days WHERE midnight < ?1 - 86400 LIMIT ?2)",
};

/*
 * Always the same columns: time, started, number, count, failed, sent, destroyed, bytes, code,
 * text, dataset, start, end, resumed, verdict, space of each side. "Newest" is by the order of
 * writing, since a clock may have stepped.
 */
static const char *const RECALL[KEPT_KINDS] = {
    [RECORD_CYCLE] = "SELECT finished, started, number, datasets, failed, sent, destroyed, bytes,"
                     " code, text, NULL, NULL, NULL, 0, NULL, 0, 0 FROM (SELECT * FROM cycles"
                     " ORDER BY id DESC LIMIT ?1) ORDER BY id",
    [RECORD_TRANSFER] = "SELECT finished, started, 0, 0, 0, 0, 0, bytes, code, text, dataset,"
                        " from_snapshot, to_snapshot, resumed, NULL, 0, 0 FROM (SELECT * FROM"
                        " transfers ORDER BY id DESC LIMIT ?1) ORDER BY id",
    [RECORD_FAILURE] = "SELECT time, 0, 0, 0, 0, 0, 0, 0, code, text, dataset, NULL, NULL, 0,"
                       " NULL, 0, 0 FROM (SELECT * FROM failures ORDER BY id DESC LIMIT ?1)"
                       " ORDER BY id",
    [RECORD_DAY] = "SELECT midnight, 0, 0, cycles, 0, 0, 0, bytes, 'none', NULL, NULL, NULL, NULL,"
                   " 0, verdict, local_space, remote_space FROM (SELECT * FROM days"
                   " WHERE midnight <= ?2 ORDER BY midnight DESC LIMIT ?1) ORDER BY midnight",
};

enum column {
    COLUMN_TIME,
    COLUMN_STARTED,
    COLUMN_NUMBER,
    COLUMN_COUNT,
    COLUMN_FAILED,
    COLUMN_SENT,
    COLUMN_DESTROYED,
    COLUMN_BYTES,
    COLUMN_CODE,
    COLUMN_TEXT,
    COLUMN_DATASET,
    COLUMN_START,
    COLUMN_END,
    COLUMN_RESUMED,
    COLUMN_VERDICT,
    COLUMN_SPACE, /* of each side */
};

static const int LIMITS[KEPT_KINDS] = {
    [RECORD_CYCLE] = CHRONICLE_CYCLES,
    [RECORD_TRANSFER] = CHRONICLE_TRANSFERS,
    [RECORD_FAILURE] = CHRONICLE_FAILURES,
    [RECORD_DAY] = CHRONICLE_DAYS,
};

/* ---- opening ---- */

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *e)
{
    return libsqlite.prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK
               ? 0
               : schema_complain(db, "its tables are not as they should be", e);
}

static int prepare_all(struct store *store, struct err *e)
{
    for (int kind = 0; kind < KEPT_KINDS; kind++)
        if (prepare(store->db, INSERT[kind], &store->insert[kind], e) != 0 ||
            prepare(store->db, PRUNE[kind], &store->prune[kind], e) != 0 ||
            prepare(store->db, RECALL[kind], &store->recall[kind], e) != 0)
            return -1;
    return 0;
}

static void close_database(struct store *store)
{
    for (int kind = 0; kind < KEPT_KINDS; kind++) {
        libsqlite.finalize(store->insert[kind]);
        libsqlite.finalize(store->prune[kind]);
        libsqlite.finalize(store->recall[kind]);
        store->insert[kind] = store->prune[kind] = store->recall[kind] = NULL;
    }
    libsqlite.close(store->db);
    store->db = NULL;
}

static int open_database(struct store *store, const char *path, bool *ret_unusable, struct err *e)
{
    if (schema_open(path, &store->db, ret_unusable, e) != 0)
        return -1;
    if (prepare_all(store, e) == 0)
        return 0;
    /* SQLITE_ERROR: there is no such table or column. */
    *ret_unusable = libsqlite.errcode(store->db) == SQLITE_ERROR ||
                    schema_is_damage(libsqlite.errcode(store->db));
    close_database(store);
    return -1;
}

/* The file is no good, as `e` says: it goes out of the way, and a new one begins. */
static int begin_anew(struct store *store, const char *path, int64_t now, struct str *news,
                      struct err *e)
{
    char aside[HOST_PATH_MAX];
    struct err why = *e;
    bool unusable;
    if (file_set_aside(path, now, aside, e) != 0)
        return err_wrap(e, "%.300s", why.msg);
    str_add_format(news,
                   "the history %s could not be used (%s): it is now %s, and a new one begins; "
                   "remove that file when nobody wants to look into it",
                   path, why.msg, aside);
    err_clear(e);
    return open_database(store, path, &unusable, e);
}

static int lock_database(struct store *store, const char *path, struct err *e)
{
    char name[HOST_PATH_MAX];
    snprintf(name, sizeof(name), "%s.lock", path);
    store->lock = host_lock(name, e);
    if (store->lock < 0 && e->code == ERR_LOCKED)
        return err_wrap(e, "another daemon has its history there");
    /* Where no file can be made there is something to read at best. */
    err_clear(e);
    return 0;
}

struct store *store_open(const char *path, int64_t now, struct str *news, struct err *e)
{
    if (libsqlite_load(e) != 0)
        return NULL;
    struct store *store = mem_zalloc(1, sizeof(*store));
    bool unusable = false;
    store->lock = -1;
    if (file_prepare(path, e) != 0 || lock_database(store, path, e) != 0)
        goto fail;
    if (open_database(store, path, &unusable, e) != 0 &&
        (!unusable || begin_anew(store, path, now, news, e) != 0))
        goto fail;
    return store;
fail:
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    close_database(store);
    if (store->lock >= 0)
        close(store->lock);
    free(store);
}

bool store_is_readonly(const struct store *store)
{
    return libsqlite.db_readonly(store->db, "main") == 1;
}

/* ---- writing ---- */

static int execute(struct store *store, const char *sql, struct err *e)
{
    return libsqlite.exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : schema_complain(store->db, "cannot write it", e);
}

int store_begin(struct store *store, struct err *e)
{
    return execute(store, "BEGIN IMMEDIATE", e);
}

int store_commit(struct store *store, struct err *e)
{
    return execute(store, "COMMIT", e);
}

void store_rollback(struct store *store)
{
    /* SQLite may have done it itself, and then says so. */
    if (libsqlite.get_autocommit(store->db) == 0)
        libsqlite.exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Numbers that a signed column cannot hold are no figures of this world. */
static void bind_size(sqlite3_stmt *statement, int at, uint64_t value)
{
    libsqlite.bind_int64(statement, at, value > INT64_MAX ? INT64_MAX : (sqlite3_int64)value);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    libsqlite.bind_text(statement, at, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

/* "ignored unknown safe late failed" */
static const char *verdict_order(void)
{
    static char order[128];
    size_t len = 0;
    if (order[0] == '\0')
        for (int i = 0; i < VERDICT_COUNT && len < sizeof(order); i++)
            len += (size_t)snprintf(order + len, sizeof(order) - len, "%s ",
                                    verdict_level_name((enum verdict_level)i));
    return order;
}

/* Every parameter that some kind uses; SQLite refuses those beyond the statement's last. */
static void bind_record(sqlite3_stmt *statement, const struct record *record)
{
    bind_size(statement, 1, record->cycle);
    libsqlite.bind_int64(statement, 2, record->started);
    libsqlite.bind_int64(statement, 3, record->time);
    bind_size(statement, 4, record->count);
    bind_size(statement, 5, record->failed);
    bind_size(statement, 6, record->sent);
    bind_size(statement, 7, record->destroyed);
    bind_size(statement, 8, record->bytes);
    bind_text(statement, 9, err_code_name(record->code));
    bind_text(statement, 10, record->text);
    bind_text(statement, 11, record->dataset);
    bind_text(statement, 12, record->start);
    bind_text(statement, 13, record->end);
    libsqlite.bind_int(statement, 14, record->resumed);
    bind_text(statement, 15, verdict_level_name(record->verdict));
    bind_size(statement, 16, record->space[SIDE_LOCAL]);
    bind_size(statement, 17, record->space[SIDE_REMOTE]);
    bind_text(statement, 20, verdict_order());
}

/* Runs a statement that has no rows, and makes it ready for the next time. */
static int run(struct store *store, sqlite3_stmt *statement, struct err *e)
{
    int rc = libsqlite.step(statement) == SQLITE_DONE
                 ? 0
                 : schema_complain(store->db, "cannot write it", e);
    libsqlite.reset(statement);
    libsqlite.clear_bindings(statement);
    return rc;
}

int store_write(struct store *store, enum record_kind kind, const struct record *record,
                struct err *e)
{
    bind_record(store->insert[kind], record);
    return run(store, store->insert[kind], e);
}

int store_prune(struct store *store, int64_t before, struct err *e)
{
    for (int kind = 0; kind < KEPT_KINDS; kind++) {
        libsqlite.bind_int64(store->prune[kind], 1, before);
        libsqlite.bind_int(store->prune[kind], 2, STORE_PRUNE_MAX);
        if (run(store, store->prune[kind], e) != 0)
            return -1;
    }
    return 0;
}

/* ---- reading ---- */

static uint64_t size_at(sqlite3_stmt *row, int column)
{
    sqlite3_int64 value = libsqlite.column_int64(row, column);
    return value < 0 ? 0 : (uint64_t)value;
}

static const char *text_at(sqlite3_stmt *row, int column)
{
    return (const char *)libsqlite.column_text(row, column);
}

/* Names that only a later version knows are what is nearest to them here. */
static enum err_code code_at(sqlite3_stmt *row)
{
    const char *name = text_at(row, COLUMN_CODE);
    enum err_code code = err_code_from_name(name == NULL ? "" : name);
    return code == ERR_CODE_COUNT ? ERR_ZFS : code;
}

static enum verdict_level verdict_at(sqlite3_stmt *row)
{
    const char *name = text_at(row, COLUMN_VERDICT);
    for (int i = 0; name != NULL && i < VERDICT_COUNT; i++)
        if (strcmp(verdict_level_name((enum verdict_level)i), name) == 0)
            return (enum verdict_level)i;
    return VERDICT_UNKNOWN;
}

static void read_row(sqlite3_stmt *row, enum record_kind kind, struct event *ret)
{
    struct record record = {.time = libsqlite.column_int64(row, COLUMN_TIME),
                            .started = libsqlite.column_int64(row, COLUMN_STARTED),
                            .cycle = size_at(row, COLUMN_NUMBER),
                            .count = size_at(row, COLUMN_COUNT),
                            .failed = size_at(row, COLUMN_FAILED),
                            .sent = size_at(row, COLUMN_SENT),
                            .destroyed = size_at(row, COLUMN_DESTROYED),
                            .bytes = size_at(row, COLUMN_BYTES),
                            .code = code_at(row),
                            .text = text_at(row, COLUMN_TEXT),
                            .dataset = text_at(row, COLUMN_DATASET),
                            .start = text_at(row, COLUMN_START),
                            .end = text_at(row, COLUMN_END),
                            .resumed = libsqlite.column_int(row, COLUMN_RESUMED) != 0,
                            .verdict = verdict_at(row)};
    for (int side = 0; side < SIDE_COUNT; side++)
        record.space[side] = size_at(row, COLUMN_SPACE + side);
    record_recall(kind, &record, ret);
}

static int recall_kind(struct store *store, enum record_kind kind, int64_t now, store_recall_fn *fn,
                       void *arg, struct err *e)
{
    sqlite3_stmt *statement = store->recall[kind];
    struct event event;
    int rc = 0;
    int stepped;
    libsqlite.bind_int(statement, 1, LIMITS[kind]);
    libsqlite.bind_int64(statement, 2, now);
    while ((stepped = libsqlite.step(statement)) == SQLITE_ROW && rc == 0) {
        read_row(statement, kind, &event);
        rc = fn(arg, &event);
    }
    if (rc == 0 && stepped != SQLITE_DONE)
        rc = schema_complain(store->db, "cannot read it", e);
    libsqlite.reset(statement);
    return rc;
}

int store_recall(struct store *store, int64_t now, store_recall_fn *fn, void *arg, struct err *e)
{
    for (int kind = 0; kind < KEPT_KINDS; kind++)
        if (recall_kind(store, (enum record_kind)kind, now, fn, arg, e) != 0)
            return -1;
    return 0;
}
