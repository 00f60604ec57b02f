/*
 * Who may ask for what.
 *
 * - The Unix socket is root's alone, by its mode: whoever reaches it may do everything.
 * - Host must be a name that this daemon serves: an address, localhost, this machine's own name,
 *   or one of the configured ones. A page of somebody else's that points its own name at our
 *   address is refused by this.
 * - A request that has an Origin must come from the page's own.
 * - From beyond this machine every request needs the token, where there is one; and a POST without
 *   one is refused. A token that is there must be right, wherever the request comes from.
 * - An address that keeps sending wrong tokens has to wait, longer each time.
 */
#ifndef BACKUPD_WEB_GUARD_H
#define BACKUPD_WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "settings.h"

struct guard;

/* Headers are NULL where they are not there. */
struct guard_request {
    bool is_unix, is_post, is_tls;
    const struct sockaddr *peer; /* NULL where the socket is a Unix one */
    const struct sockaddr *own;  /* the address that it came to, or NULL */
    const char *host, *origin, *authorization;
};

enum guard_answer {
    GUARD_YES,
    GUARD_NO,          /* 403 */
    GUARD_WRONG_HOST,  /* 421 */
    GUARD_WHO_ARE_YOU, /* 401 */
    GUARD_WAIT,        /* 429, after `*ret_wait` seconds */
};

/* `settings` must outlive it. */
struct guard *guard_new(const struct settings *settings);
void guard_free(struct guard *guard); /* NULL is fine */

/*
 * Decides. Where the answer is not yes, `*ret_why` is a sentence for whoever asks, and `*ret_alarm`
 * is set where the log should tell of it. `now_ms` never steps back.
 */
enum guard_answer guard_check(struct guard *guard, const struct guard_request *request,
                              int64_t now_ms, const char **ret_why, bool *ret_alarm,
                              int64_t *ret_wait);

/* Whether the address is this machine's: a loopback one, or the one that the request came to. */
bool guard_is_here(const struct sockaddr *peer, const struct sockaddr *own);

/* The address as text, without its port; "" of what is none. */
void guard_address(const struct sockaddr *address, char *ret, size_t size);

/*
 * The network that counts as one client where somebody asks too much: an address of IPv4, and the
 * first half of one of IPv6, of which a client has as many as it likes.
 */
#define GUARD_NETWORK_SIZE 46
void guard_network(const struct sockaddr *address, char ret[GUARD_NETWORK_SIZE]);

/* Compares in a time that depends on the length of `given` alone. */
bool guard_same_secret(const char *given, const char *secret);

#endif
