/*
 * Asking the running daemon, by one HTTP request: through its socket in the runtime folder, and
 * where there is none that we may use, through the address that it listens at.
 */
#ifndef BACKUPD_CLI_DAEMON_CLIENT_H
#define BACKUPD_CLI_DAEMON_CLIENT_H

#include <signal.h>
#include <stdbool.h>

#include "err.h"
#include "str.h"

/* The largest answer that is taken, in bytes. */
#define DAEMON_ANSWER_MAX (64 * 1024 * 1024)

/* Seconds: to connect, until all of an answer is there, and the same where zfs has to work: a
 * little more than the 300 that the daemon gives itself, so that it is its word which is heard. */
#define DAEMON_CONNECT_TIMEOUT 5
#define DAEMON_READ_TIMEOUT    10
#define DAEMON_ACT_TIMEOUT     310

/* Where the daemon listens unless -addr says otherwise. */
#define DAEMON_ADDR "0.0.0.0:8888"

/* The state, as the API gives it. */
#define DAEMON_STATE "/api/v1/state"

/* Which daemon. Strings are borrowed. */
struct daemon {
    const char *config_path;           /* its configuration: names its socket, knows its token */
    const char *addr;                  /* -addr, or NULL */
    const volatile sig_atomic_t *stop; /* give up as soon as this is not 0; may be NULL */
};

struct daemon_answer {
    long status; /* of HTTP */
    struct str body;
};

/*
 * Asks for `target`, a path with its query, all of it encoded; with the configuration's token by
 * the address, but neither by the socket nor by plain HTTP to this machine. POST without a body
 * where `post` is set, which may change something, else GET. Returns 0 with whatever was answered,
 * errors too; release with daemon_answer_fini. Returns -1 and leaves `ret` alone with ERR_NO_DAEMON
 * where no daemon of this configuration answers or none can be connected to, ERR_CONFIG where the
 * configuration is needed for the address and cannot be read, ERR_USAGE for an address that is
 * none, ERR_LIMIT for an answer of more than DAEMON_ANSWER_MAX, ERR_PROTOCOL for one that is no
 * HTTP, ERR_INTERRUPTED for `stop`, and ERR_SYSTEM for all else, as an answer that does not come.
 */
int daemon_ask(const struct daemon *daemon, bool post, const char *target,
               struct daemon_answer *ret, struct err *e);

void daemon_answer_fini(struct daemon_answer *answer);

/* Appends the words of an answer that is an error: one line, safe to show, never empty. */
void daemon_answer_words(const struct daemon_answer *answer, struct str *out);

/*
 * Writes "127.0.0.1:8888" for an address that a daemon listens at: where it listens at all
 * addresses, the one of this machine. Fails with ERR_USAGE where it is no address.
 */
int daemon_connect_to(const char *addr, struct str *out, struct err *e);

#endif
