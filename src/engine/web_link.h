/*
 * The engine's end of the web role: opens the sockets, starts the role, starts it again when it
 * dies, tells it everything, and hears two commands. However the role behaves, the engine does not
 * wait for it, and believes nothing that it did not check.
 */
#ifndef BACKUPD_ENGINE_WEB_LINK_H
#define BACKUPD_ENGINE_WEB_LINK_H

#include "config.h"
#include "loop.h"
#include "role_json.h"
#include "state.h"

/* What is kept for a role that does not read; one that has not read a byte in as many seconds is
 * started anew. */
#define WEB_LINK_BACKLOG_MAX 268435456
#define WEB_LINK_STALL       60

struct web_link;

struct web_link_spec {
    struct loop *loop;
    const struct config *config;
    const struct state *state;
    const char *version;
    const char *addr;        /* HOST:PORT */
    const char *socket_path; /* of the Unix socket; "" : none */
    void (*on_command)(void *arg, const struct role_command *command);
    void (*on_note)(void *arg, enum event_level level, const char *text);
    void *arg;
};

/*
 * Makes the link and starts the role. What cannot be done, an address in use above all, is told by
 * on_note and tried again every minute: it is never in the way of a backup. `spec` is copied, what
 * it points to must outlive the link.
 */
struct web_link *web_link_new(const struct web_link_spec *spec);

/* Ends the role, closes the sockets, removes the Unix one. NULL is fine. */
void web_link_free(struct web_link *link);

/*
 * Call the first before the state folds an event in, and the second after it. A role that has only
 * begun is told of the datasets bit by bit: of the event's it must know before the event comes.
 */
void web_link_prepare(struct web_link *link, const struct event *event);
void web_link_send(struct web_link *link, const struct event *event);

/* Answers the command of that number. */
void web_link_answer(struct web_link *link, uint64_t id, unsigned status, const char *text);

/* Goes on with another configuration, in a new process. */
void web_link_reconfigure(struct web_link *link, const struct config *config);

#endif
