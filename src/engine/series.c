#include "series.h"

#include <stdio.h>
#include <unistd.h>

/* ssh binds a socket under a name that is so much longer first. */
#define SSH_SUFFIX 17

/* The socket's path in `ret`. False: there is none to be had, or it would be too long. */
static bool series_path(const struct sites *sites, pid_t pid, char *ret, size_t size)
{
    if (sites->ssh.control_path[0] == '\0')
        return false;
    int len = snprintf(ret, size, "%s.%ld", sites->ssh.control_path, (long)pid);
    return len > 0 && (size_t)len + SSH_SUFFIX < size;
}

static bool series_open(struct series *series, struct loop *loop, const struct sites *sites)
{
    series->ssh = sites->ssh;
    if (sites->side[SIDE_REMOTE].ssh == NULL ||
        !series_path(sites, getpid(), series->ssh.control_path, sizeof(series->ssh.control_path)))
        return false;
    series->site = sites->side[SIDE_REMOTE];
    series->site.ssh = &series->ssh;
    series->connection = connection_new(loop, &series->site);
    return true;
}

struct answer {
    bool came, is_up;
};

static void take_answer(void *arg, const struct err *e)
{
    struct answer *answer = arg;
    answer->came = true;
    answer->is_up = e == NULL;
}

const struct site *series_site(struct series *series, struct loop *loop, const struct sites *sites,
                               const bool *stop)
{
    struct answer answer = {.came = false};
    struct err ignored;
    if (series->connection == NULL && !series_open(series, loop, sites))
        return NULL;
    connection_ensure(series->connection, take_answer, &answer);
    while (!answer.came && !*stop && loop_run_once(loop, 500, &ignored) == 0)
        continue;
    if (!answer.came)
        connection_cancel(series->connection);
    return answer.is_up ? &series->site : NULL;
}

void series_fini(struct series *series)
{
    connection_free(series->connection);
    series->connection = NULL;
}

void series_clear(const struct sites *sites, pid_t pid)
{
    char path[sizeof(sites->ssh.control_path)];
    if (series_path(sites, pid, path, sizeof(path)))
        unlink(path);
}
