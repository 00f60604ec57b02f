/*
 * The notifier: a process of its own, unprivileged, that makes one HTTPS request and ends. The
 * engine never speaks to the network itself.
 */
#ifndef BACKUPD_ENGINE_NOTIFIER_H
#define BACKUPD_ENGINE_NOTIFIER_H

#include "loop.h"

/* The hidden first argument that makes the program this role: ROLE URL USER. */
#define NOTIFIER_ROLE "notifier-role"

/* Where snitches are asked for; the environment variable replaces it in tests. */
#define NOTIFIER_SNITCH_URL "https://nosnch.in/"
#define NOTIFIER_SNITCH_ENV "BACKUPD_TEST_SNITCH_URL"

/* Seconds that the request may take. */
#define NOTIFIER_TIMEOUT 30

struct proc;

/* Called once, with NULL where the request was answered with a status below 400. */
typedef void notifier_done_fn(void *arg, const struct err *e);

/* Asks for `snitch_id` as `user`. NULL and `e` where the process could not be started. */
struct proc *notifier_start(struct loop *loop, const char *snitch_id, const char *user,
                            notifier_done_fn *fn, void *arg, struct err *e);

/* The role itself: drops to `user`, asks for `url`, and says on stderr what went wrong. Returns
 * the exit status. */
int notifier_main(const char *url, const char *user);

#endif
