#include "connection.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "job.h"
#include "mem.h"
#include "proc.h"

/* How often we look whether the socket is there, and how long at most: ssh itself gives up after
 * SSH_CONNECT_TIMEOUT, but authentication comes on top. */
#define LOOK_MS    20
#define GIVE_UP_MS ((SSH_CONNECT_TIMEOUT + 30) * 1000)

struct connection {
    struct loop *loop;
    const struct site *site;
    struct proc *master; /* NULL: none */
    bool up;
    unsigned number;
    int64_t started; /* monotonic ms */
    struct loop_timer *look;
    connection_ready_fn *fn; /* not NULL: somebody waits */
    void *arg;
};

struct connection *connection_new(struct loop *loop, const struct site *site)
{
    struct connection *connection = mem_zalloc(1, sizeof(*connection));
    connection->loop = loop;
    connection->site = site;
    return connection;
}

static void answer(struct connection *connection, const struct err *e)
{
    connection_ready_fn *fn = connection->fn;
    connection->fn = NULL;
    loop_remove_timer(connection->look);
    connection->look = NULL;
    if (fn != NULL)
        fn(connection->arg, e);
}

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct connection *connection = arg;
    struct err e = ERR_INIT;
    connection->master = NULL;
    connection->up = false;
    if (result->status == 0)
        err_set(&e, ERR_SSH_LOST, "the connection to %s was closed", site_host(connection->site));
    else
        job_sort_failure(connection->site, result, 0, &e);
    answer(connection, &e);
}

static void look(void *arg)
{
    struct connection *connection = arg;
    struct stat st;
    connection->look = NULL;
    if (stat(connection->site->ssh->control_path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        connection->up = true;
        answer(connection, NULL);
        return;
    }
    if (clock_monotonic_ms() - connection->started > GIVE_UP_MS) {
        proc_cancel(connection->master);
        struct err e = ERR_INIT;
        err_set(&e, ERR_SSH_UNREACHABLE, "no connection to %s in %d s", site_host(connection->site),
                GIVE_UP_MS / 1000);
        answer(connection, &e);
        return;
    }
    connection->look = loop_add_timer(connection->loop, LOOK_MS, look, connection);
}

static int start_master(struct connection *connection, struct err *e)
{
    struct argv argv;
    /* A socket that is left over from a process that was killed would be in the way. */
    unlink(connection->site->ssh->control_path);
    site_master(connection->site->ssh, &argv);
    struct proc_spec spec = {.argv = (const char *const *)argv.v,
                             .in_fd = PROC_FD_NULL,
                             .out_fd = PROC_FD_NULL,
                             .on_exit = handle_exit,
                             .arg = connection};
    connection->started = clock_monotonic_ms();
    connection->master = proc_start(connection->loop, &spec, e);
    argv_fini(&argv);
    connection->number++;
    return connection->master == NULL ? -1 : 0;
}

/* Every answer comes from the loop, so that callers need not expect it inside the call. */
static void begin(void *arg)
{
    struct connection *connection = arg;
    struct err e = ERR_INIT;
    connection->look = NULL;
    if (connection->up)
        answer(connection, NULL);
    else if (connection->master == NULL && start_master(connection, &e) != 0)
        answer(connection, &e);
    else
        look(connection);
}

void connection_ensure(struct connection *connection, connection_ready_fn *fn, void *arg)
{
    connection->fn = fn;
    connection->arg = arg;
    connection->look = loop_add_timer(connection->loop, 0, begin, connection);
}

bool connection_is_up(const struct connection *connection)
{
    return connection->up;
}

unsigned connection_number(const struct connection *connection)
{
    return connection->number;
}

void connection_cancel(struct connection *connection)
{
    loop_remove_timer(connection->look);
    connection->look = NULL;
    connection->fn = NULL;
}

void connection_free(struct connection *connection)
{
    if (connection == NULL)
        return;
    connection_cancel(connection);
    if (connection->master != NULL) {
        /* killed, ssh does not remove its socket */
        unlink(connection->site->ssh->control_path);
        proc_abandon(connection->master);
    }
    free(connection);
}
