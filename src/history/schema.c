#include "schema.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* How long a person who looks at the database may be in the way. */
#define BUSY_MS 2000

/*
 * MIGRATIONS[n] leads from version n to n + 1. The unique indices are what keeps a record that is
 * told twice from being kept twice; their first column is the one that pruning looks for.
 */
static const char *const MIGRATIONS[SCHEMA_VERSION] = {
    "CREATE TABLE cycles(id INTEGER PRIMARY KEY, number INTEGER NOT NULL,"
    " started INTEGER NOT NULL, finished INTEGER NOT NULL, datasets INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, sent INTEGER NOT NULL, destroyed INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, code TEXT NOT NULL, text TEXT);"
    "CREATE UNIQUE INDEX cycles_once ON cycles(finished, number);"
    "CREATE TABLE transfers(id INTEGER PRIMARY KEY, started INTEGER NOT NULL,"
    " finished INTEGER NOT NULL, dataset TEXT NOT NULL, from_snapshot TEXT NOT NULL,"
    " to_snapshot TEXT NOT NULL, bytes INTEGER NOT NULL, resumed INTEGER NOT NULL,"
    " code TEXT NOT NULL, text TEXT);"
    "CREATE UNIQUE INDEX transfers_once ON transfers(finished, dataset, to_snapshot);"
    "CREATE TABLE failures(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, dataset TEXT,"
    " code TEXT NOT NULL, text TEXT);"
    "CREATE UNIQUE INDEX failures_once ON failures(time, ifnull(dataset, '-'), code);"
    "CREATE TABLE days(midnight INTEGER PRIMARY KEY, verdict TEXT NOT NULL,"
    " cycles INTEGER NOT NULL, bytes INTEGER NOT NULL, local_space INTEGER NOT NULL,"
    " remote_space INTEGER NOT NULL);",
};

/*
 * One file and no shared memory: a rollback journal can be read from a read-only mount, does not
 * map a file of a pool that may fail, and with all of its fsyncs survives a power cut. They cost
 * little, as there is one transaction a second at most.
 */
static const char SETTINGS[] = "PRAGMA journal_mode = DELETE;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;";

bool schema_is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

int schema_complain(sqlite3 *db, const char *what, struct err *e)
{
    int sys = libsqlite.system_errno(db);
    int code = libsqlite.errcode(db);
    err_set(e, ERR_SYSTEM, "%s: %s", what, libsqlite.errmsg(db));
    /* "unable to open database file" and "disk I/O error" do not say why. */
    if (sys != 0 && (code == SQLITE_CANTOPEN || code == SQLITE_IOERR))
        err_set(e, ERR_SYSTEM, "%s: %s (%s)", what, libsqlite.errmsg(db), strerror(sys));
    return -1;
}

static int execute(sqlite3 *db, const char *sql, const char *what, struct err *e)
{
    return libsqlite.exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                  : schema_complain(db, what, e);
}

/* The first column of the one row of `sql`, as a number; of `ret_text` (may be NULL) as text. */
static int query(sqlite3 *db, const char *sql, int64_t *ret, char ret_text[ERR_MSG_MAX],
                 struct err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = libsqlite.prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = libsqlite.step(statement);
    if (rc != SQLITE_ROW) {
        schema_complain(db, "cannot read it", e);
        libsqlite.finalize(statement);
        return -1;
    }
    *ret = libsqlite.column_int64(statement, 0);
    if (ret_text != NULL) {
        const unsigned char *text = libsqlite.column_text(statement, 0);
        snprintf(ret_text, ERR_MSG_MAX, "%s", text == NULL ? "" : (const char *)text);
    }
    libsqlite.finalize(statement);
    return 0;
}

/* A larger file is not read as a whole before it is used: the start would wait for it. Damage shows
 * where it is met. */
#define CHECK_MAX INT64_C(67108864) /* 64 MiB */

static int check_content(sqlite3 *db, struct err *e)
{
    char words[ERR_MSG_MAX];
    int64_t pages;
    int64_t page_size;
    int64_t ignored;
    if (query(db, "PRAGMA page_count", &pages, NULL, e) != 0 ||
        query(db, "PRAGMA page_size", &page_size, NULL, e) != 0)
        return -1;
    if (pages > CHECK_MAX / (page_size > 0 ? page_size : 1))
        return 0;
    if (query(db, "PRAGMA quick_check(1)", &ignored, words, e) != 0)
        return -1;
    return strcmp(words, "ok") == 0 ? 0 : err_set(e, ERR_PARSE, "it is damaged: %.500s", words);
}

/* Whose file it is, and its version; 0 for an empty one. */
static int check_version(sqlite3 *db, int64_t *ret_version, struct err *e)
{
    int64_t application;
    int64_t version = 0;
    int64_t tables;
    if (query(db, "PRAGMA application_id", &application, NULL, e) != 0 ||
        query(db, "PRAGMA user_version", &version, NULL, e) != 0 ||
        query(db, "SELECT count(*) FROM sqlite_master", &tables, NULL, e) != 0)
        return -1;
    if (application == 0 && version == 0 && tables == 0)
        *ret_version = 0;
    else if (application != SCHEMA_APPLICATION)
        return err_set(e, ERR_CONFIG,
                       "it is a database of another program, and left as it is: see path under "
                       "[history]");
    else if (version < 1 || version > SCHEMA_VERSION)
        return err_set(e, ERR_CONFIG,
                       "its version is %" PRId64 ", and only %d is known here, so it is left as it "
                       "is",
                       version, SCHEMA_VERSION);
    else
        *ret_version = version;
    return 0;
}

static int migrate(sqlite3 *db, int64_t version, struct err *e)
{
    static const char WHAT[] = "cannot make the tables";
    char done[128];
    for (; version < SCHEMA_VERSION; version++) {
        snprintf(done, sizeof(done),
                 "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64 "; COMMIT",
                 SCHEMA_APPLICATION, version + 1);
        if (execute(db, "BEGIN IMMEDIATE", WHAT, e) != 0)
            return -1;
        if (execute(db, MIGRATIONS[version], WHAT, e) != 0 || execute(db, done, WHAT, e) != 0) {
            libsqlite.exec(db, "ROLLBACK", NULL, NULL, NULL);
            return -1;
        }
    }
    return 0;
}

/* What a file may say must not make us run anything. */
static void harden(sqlite3 *db)
{
    libsqlite.db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    libsqlite.db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    libsqlite.db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    libsqlite.busy_timeout(db, BUSY_MS);
}

static int check(sqlite3 *db, struct err *e)
{
    int64_t version = 0;
    harden(db);
    if (check_version(db, &version, e) != 0 || check_content(db, e) != 0 ||
        execute(db, SETTINGS, "cannot set it up", e) != 0)
        return -1;
    return migrate(db, version, e);
}

int schema_open(const char *path, sqlite3 **ret, bool *ret_unusable, struct err *e)
{
    sqlite3 *db = NULL;
    *ret_unusable = false;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_PRIVATECACHE;
    if (libsqlite.open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        /* Out of memory: there is not even a handle that could say so. */
        if (db == NULL)
            return err_set(e, ERR_SYSTEM, "cannot open it: out of memory");
        schema_complain(db, "cannot open it", e);
    } else if (check(db, e) == 0) {
        *ret = db;
        return 0;
    } else {
        *ret_unusable = e->code == ERR_PARSE || schema_is_damage(libsqlite.errcode(db));
    }
    libsqlite.close(db);
    return -1;
}
