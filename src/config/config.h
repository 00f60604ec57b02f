/*
 * The configuration: what backupd.toml says, checked. See backupd.toml(5) for every key. A struct
 * config that was loaded is valid: roots and the names of overrides are legal dataset names, counts
 * and times are in range, the remote root is no part of the local one.
 */
#ifndef BACKUPD_CONFIG_CONFIG_H
#define BACKUPD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"
#include "str.h"

/* The largest file that is read, in bytes. */
#define CONFIG_SIZE_MAX (1024 * 1024)

/* The largest count of one type, and the most types, overrides and strings in a list. */
#define CONFIG_COUNT_MAX     1000000
#define CONFIG_TYPES_MAX     256
#define CONFIG_OVERRIDES_MAX 1024
#define CONFIG_STRINGS_MAX   64

/* Transfers at a time: the default, and the most that may be configured. */
#define CONFIG_PARALLEL      4
#define CONFIG_PARALLEL_MAX  64
#define CONFIG_PARALLEL_AUTO 0 /* "auto" */

/* Seconds: the default of each time, and its range. */
#define CONFIG_INTERVAL          3600
#define CONFIG_INTERVAL_MIN      10
#define CONFIG_INTERVAL_MAX      INT64_C(31622400) /* 366 days */
#define CONFIG_STALL_TIMEOUT     1800
#define CONFIG_STALL_TIMEOUT_MIN 10
#define CONFIG_STALL_TIMEOUT_MAX INT64_C(31622400)
#define CONFIG_HISTORY_KEEP      INT64_C(34560000) /* 400 days */
#define CONFIG_HISTORY_KEEP_MIN  86400
#define CONFIG_HISTORY_KEEP_MAX  INT64_C(3153600000) /* 36500 days */

#define CONFIG_WEB_USER     "nobody"
#define CONFIG_HISTORY_PATH "/var/db/backupd/history.sqlite"

/* Bytes a second: the least that may be configured, and the most. */
#define CONFIG_RATE_MIN UINT64_C(65536)
#define CONFIG_RATE_MAX (UINT64_C(1) << 40)

struct config_side {
    char *root; /* full dataset name; "" for a remote that is not there */
    bool destroy_unmanaged;
    struct policy policy;
};

/* A list of strings; each is owned. */
struct config_strings {
    char **v;
    size_t n;
};

/* [overrides."/scratch"]: other rules for a dataset and everything below it. */
struct config_override {
    char *name; /* below the root: "/scratch" */
    bool keep_baseline;
    bool has_policy[SIDE_COUNT]; /* one without a type counts: it keeps nothing */
    struct policy policy[SIDE_COUNT];
};

struct config {
    char *path;      /* of the file */
    char *snitch_id; /* "" where there is none; so with every string below */
    struct config_side side[SIDE_COUNT];
    char *ssh_host;
    char *ssh_key;
    struct config_strings ssh_options;
    bool rollback;
    struct config_override *overrides; /* by name */
    size_t override_count;

    int64_t interval;      /* seconds */
    int64_t stall_timeout; /* seconds */
    uint64_t rate_limit;   /* bytes a second, all transfers together; 0: none */
    unsigned parallel;     /* or CONFIG_PARALLEL_AUTO */
    bool compress;         /* streams on the wire, where it pays */

    char *web_token;
    struct config_strings web_hosts;
    char *web_tls_cert, *web_tls_key;
    char *web_user;

    char *history_path;
    int64_t history_keep; /* seconds */
};

/*
 * The file that is read where -config does not name one: the first that exists of the places in
 * backupd.toml(5). NULL where none does; then `*ret_tried` (may be NULL) is the list of them, one
 * a line. Both strings are static.
 */
const char *config_default_path(const char **ret_tried);

/*
 * Reads and checks `path`. Returns 0, or -1 and appends to `errors` (initialised) one line for
 * every mistake in the file, each "path:line:column: what is wrong; what would be right" and a
 * newline, in the order of the file; `ret` is then empty. A file that cannot be read is one line
 * without a position, and a mistake of TOML's syntax, which hides all others, one line with it.
 * Release with config_fini.
 */
int config_load(const char *path, struct config *ret, struct str *errors);

/* The same for the `len` bytes at `text`; `path` is the name under which mistakes are reported. */
int config_parse(const char *text, size_t len, const char *path, struct config *ret,
                 struct str *errors);

/* Frees it. Safe on a zeroed struct. */
void config_fini(struct config *config);

/*
 * What is right, and may not be meant: appends one line, without a newline, or nothing. A side whose
 * policy names nothing keeps next to nothing of the types that the other side's names.
 */
void config_warn(const struct config *config, struct str *out);

/* Whether there is a remote at all. */
bool config_has_remote(const struct config *config);

/*
 * The override for the dataset `name` below the roots: the one with the longest name that is a
 * prefix of it by components, or NULL. O(overrides).
 */
const struct config_override *config_override_for(const struct config *config, const char *name);

/*
 * The rules for the dataset `name` below the roots: those of its override, and the common policy
 * of a side for which that has none. They point into `config`.
 */
struct rules config_rules_for(const struct config *config, const char *name);

#endif
