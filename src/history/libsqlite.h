/* What is used of SQLite; see library.h. */
#ifndef BACKUPD_HISTORY_LIBSQLITE_H
#define BACKUPD_HISTORY_LIBSQLITE_H

#include <sqlite3.h>

#include "err.h"

/* Names without their sqlite3_: a function that is used must be among them. */
/* clang-format off */
#define LIBSQLITE_FUNCTIONS(use) \
    use(bind_int) \
    use(bind_int64) \
    use(bind_text) \
    use(busy_timeout) \
    use(clear_bindings) \
    use(close) \
    use(column_int) \
    use(column_int64) \
    use(column_text) \
    use(db_config) \
    use(db_readonly) \
    use(errcode) \
    use(errmsg) \
    use(exec) \
    use(finalize) \
    use(get_autocommit) \
    use(open_v2) \
    use(prepare_v2) \
    use(prepare_v3) \
    use(reset) \
    use(step) \
    use(system_errno)
/* clang-format on */

#define LIBSQLITE_POINTER(name) __typeof__(sqlite3_##name) *(name);

/* sqlite3_NAME is libsqlite.NAME. */
extern struct libsqlite {
    LIBSQLITE_FUNCTIONS(LIBSQLITE_POINTER)
} libsqlite;

/* Must have returned 0 before the first of them is called. Fails as library_load does. */
int libsqlite_load(struct err *e);

#endif
