/*
 * The shared ssh connection to the remote. Listings, deletions and small transfers ride on it; when
 * it breaks, whatever used it fails, and the next connection_ensure makes a new one.
 */
#ifndef BACKUPD_ENGINE_CONNECTION_H
#define BACKUPD_ENGINE_CONNECTION_H

#include "loop.h"
#include "site.h"

struct connection;

/* `e` is NULL where the connection is there. */
typedef void connection_ready_fn(void *arg, const struct err *e);

/* Prepares a connection over `site`, which must outlive it and has ssh with a control path. */
struct connection *connection_new(struct loop *loop, const struct site *site);

/* Ends its process at once, removes its socket, and frees it. NULL is fine. */
void connection_free(struct connection *connection);

/*
 * Makes sure that the connection is there, and calls `fn` once, from the loop: with NULL, or with
 * the error of a connection that could not be made. One call at a time.
 */
void connection_ensure(struct connection *connection, connection_ready_fn *fn, void *arg);

/* Whether it is there, as far as is known: one that just broke may not have been noticed yet. */
bool connection_is_up(const struct connection *connection);

/* How many were made so far: another number is another connection. */
unsigned connection_number(const struct connection *connection);

/* Gives up a call of connection_ensure: `fn` is not called any more. */
void connection_cancel(struct connection *connection);

#endif
