/*
 * Where zfs commands of a side run: on this machine, or through ssh on another. A remote needs
 * nothing but sshd and zfs, and zstd where streams are compressed. ssh hands its arguments to the
 * login shell there, which may be csh, so every word is quoted for both families of shells and no
 * shell syntax is used but one `|` before the receive of a compressed stream, and `&&` between
 * receives that follow each other.
 */
#ifndef BACKUPD_ZFS_SITE_H
#define BACKUPD_ZFS_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "argv.h"
#include "err.h"
#include "names.h"
#include "snapshot.h"
#include "str.h"

/* Seconds for a connection to be made, between keep-alives, and unanswered ones that end it. */
#define SSH_CONNECT_TIMEOUT 15
#define SSH_ALIVE_INTERVAL  15
#define SSH_ALIVE_COUNT     4

/* How to reach the other machine. The strings are borrowed from the configuration. */
struct ssh {
    const char *host;
    const char *key; /* "" : ssh's own choice */
    const char *const *options;
    size_t option_count;
    char control_path[108]; /* of the shared connection: sun_path's size; "" : none */
};

struct site {
    enum side side;
    struct dsname root;
    const struct ssh *ssh; /* NULL: this machine */
};

/* The host's name for messages, or "" for this machine. */
const char *site_host(const struct site *site);

/* The pool that the site's root lies in, in `buf`, which must outlive the result. */
struct dsname site_pool(const struct site *site, struct dsbuf *buf);

/* Fills `e` with ERR_POOL_MISSING for that pool. Always returns -1. */
int site_pool_missing(const struct site *site, struct err *e);

enum site_connection {
    SITE_SHARED,   /* over the shared connection where there is one, else over one of its own */
    SITE_DEDICATED /* over a connection of its own: one connection has one cipher thread */
};

/*
 * Turns the words of a command into what is to be executed: itself on this machine, else ssh with
 * the words quoted. Consumes `command`. Fails with ERR_NAME where a word holds a control
 * character, which no shell can be trusted with.
 */
int site_wrap(const struct site *site, enum site_connection connection, struct argv *command,
              struct argv *ret, struct err *e);

/*
 * The same for a site behind ssh, with `filter` in front: the command gets what the filter makes of
 * ssh's standard input. In sh the status is the command's; in csh it is that of a filter that
 * failed, where the command succeeded. Neither shell makes a success of the command's failure.
 * Consumes both.
 */
int site_wrap_behind(const struct site *site, enum site_connection connection, struct argv *filter,
                     struct argv *command, struct argv *ret, struct err *e);

/*
 * For a site behind ssh: `n` commands, each with `command_mark` after it, and each run only where those
 * before it succeeded; over the shared connection. Standard input goes from one to the next. The status
 * is that of the last that was run. Consumes the commands. The longest of the lines that this makes
 * of CHAIN_MAX commands is within what ssh and a shell take.
 */
int site_wrap_chain(const struct site *site, struct argv *commands, size_t n, struct argv *ret,
                    struct err *e);

/* The argv of the process that holds the shared connection open. */
void site_master(const struct ssh *ssh, struct argv *ret);

/* Appends `word` quoted so that sh and csh both read it as itself. Fails as site_wrap does. */
int shell_quote(struct str *out, const char *word, struct err *e);

#endif
