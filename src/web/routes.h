/* What is asked for, and what is answered. */
#ifndef BACKUPD_WEB_ROUTES_H
#define BACKUPD_WEB_ROUTES_H

#include "projection.h"
#include "server.h"
#include "settings.h"

struct routes;

enum route_command { COMMAND_SNAPSHOT, COMMAND_SYNC };

/* Hands a command to the engine under a number; false where that is not possible now. `type` is
 * NULL, or for a snapshot its type, checked. */
typedef bool routes_command_fn(void *arg, enum route_command command, uint64_t id,
                               const char *type);

struct routes_spec {
    const struct settings *settings;
    struct projection *projection;
    routes_command_fn *on_command;
    uint64_t first_id; /* of commands: another one in each process, so that no answer to one of
                          before is taken for one of now */
    void *arg;
};

struct routes *routes_new(const struct routes_spec *spec);

/* The server that asks them. */
void routes_set_server(struct routes *routes, struct server *server);

/* A server_request_fn and a server_over_fn, whose `arg` are the routes. */
void routes_answer(void *arg, struct request *request);
void routes_forget(void *arg, struct request *request);

/* The engine's answer to the command of that number, one line for whoever asked. */
void routes_finish_command(struct routes *routes, uint64_t id, unsigned status, const char *text);

/* The state has changed: long polls are answered. */
void routes_tell_change(struct routes *routes);

/* Lets go of those who waited too long; now and then. */
void routes_tick(struct routes *routes);

#endif
