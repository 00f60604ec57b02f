/*
 * Errors as values. Whoever can fail returns 0 or -1 and fills the caller's `struct err`. Callers
 * branch on the code, never on the text; each layer prepends its own context on the way up, and
 * the roles' main functions are the only ones that print.
 */
#ifndef BACKUPD_BASE_ERR_H
#define BACKUPD_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* The longest message that an error carries, with its terminating NUL. Longer ones are cut. */
#define ERR_MSG_MAX 1024

enum err_code {
    ERR_NONE,

    /* ours */
    ERR_USAGE,       /* argv is wrong */
    ERR_CONFIG,      /* the configuration is wrong */
    ERR_NAME,        /* not a legal dataset or snapshot name */
    ERR_PARSE,       /* a program printed what its manual does not describe */
    ERR_SYSTEM,      /* a system call failed: `sys` is its errno */
    ERR_LIMIT,       /* a named maximum was exceeded */
    ERR_PROTOCOL,    /* a child process of ours said something odd */
    ERR_DIED,        /* a child process of ours ended without a word */
    ERR_STALLED,     /* no progress for the configured time */
    ERR_INTERRUPTED, /* the daemon was told to stop */
    ERR_LOCKED,      /* another daemon has this configuration */
    ERR_NO_DAEMON,   /* no daemon answers for this configuration */
    ERR_PLAN,        /* a plan did not pass validation */
    ERR_DIVERGED,    /* the sides have gone separate ways */
    ERR_NAME_TAKEN,  /* same snapshot name, other guid, in the way of a transfer */
    ERR_NOT_ADOPTED, /* the destination exists, was not made by us, and has no snapshot */

    /* what zfs says */
    ERR_ZFS,         /* anything not listed below */
    ERR_ZFS_MISSING, /* no zfs command, no kernel module, no /dev/zfs */
    ERR_DATASET_MISSING,
    ERR_SNAPSHOT_MISSING,
    ERR_POOL_MISSING,   /* not imported */
    ERR_POOL_SUSPENDED, /* I/O is suspended */
    ERR_EXISTS,
    ERR_BUSY,
    ERR_HELD,
    ERR_CLONED,
    ERR_NO_SPACE,     /* pool full or quota reached */
    ERR_MODIFIED,     /* the destination was written to */
    ERR_BASE_MISSING, /* the destination lacks the base of the increment */
    ERR_ENCRYPTION,   /* encrypted and unencrypted do not mix here */
    ERR_TOKEN_STALE,  /* the resume token's snapshot is gone */
    ERR_STREAM_CUT,   /* the stream ended early */
    ERR_STREAM_BAD,   /* the stream is not one that zfs receive takes */
    ERR_PERMISSION,

    /* what ssh says */
    ERR_SSH, /* anything not listed below */
    ERR_SSH_UNREACHABLE,
    ERR_SSH_RESOLVE,
    ERR_SSH_REFUSED, /* nobody listens on the port */
    ERR_SSH_AUTH,
    ERR_SSH_HOSTKEY_UNKNOWN,
    ERR_SSH_HOSTKEY_CHANGED,
    ERR_SSH_LOST, /* an established connection broke */

    ERR_CODE_COUNT
};

struct err {
    enum err_code code;
    int sys; /* errno for ERR_SYSTEM, else 0 */
    char msg[ERR_MSG_MAX];
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        .code = ERR_NONE, .sys = 0, .msg = { 0 }                                                   \
    }

/* Fills `e` (may be NULL) from a printf format. Always returns -1, for `return err_set(...)`. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: code ERR_SYSTEM, `sys` kept, its words appended. */
int err_set_sys(struct err *e, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prepends "context: " to the message of `e` (may be NULL). Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error. */
void err_clear(struct err *e);

/* The code's stable name, as in the API and the metrics: "held". Never NULL. */
const char *err_code_name(enum err_code code);

/* The code of that name; ERR_CODE_COUNT where there is none. */
enum err_code err_code_from_name(const char *name);

/* What a person can do about it, as one sentence, or "" where the message says it all. */
const char *err_code_advice(enum err_code code);

/* Whether waiting may settle it without a person. */
bool err_code_is_transient(enum err_code code);

/* Whether something that was named is not there. */
bool err_code_is_missing(enum err_code code);

/* Whether it concerns the way to the other side, and so every dataset alike. */
bool err_code_is_connection(enum err_code code);

#endif
