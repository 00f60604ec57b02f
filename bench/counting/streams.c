/* What the simulation of one stream lacks: several in one pipe. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "mem.h"
#include "meter.h"
#include "output.h"

/* Runs one command in a child; the exit status. */
static int run(int argc, char **argv)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        zfs_main(argc, argv);
    return pid < 0 ? 1 : wait_for(pid);
}

static const char *after_at(const char *full)
{
    const char *at = strchr(full, '@');
    return at == NULL ? full : at + 1;
}

/* The names of the snapshots from `from` to `to`, both included; 0: they are not there. */
static size_t names_between(const char *full, const char *from, const char ***ret_names)
{
    struct dataset *ds;
    size_t n = 0;
    world_lock(false);
    const struct snap *to = open_snap_or_complain(full, &ds);
    const struct snap *base = to == NULL ? NULL : snap_find(ds, from);
    *ret_names = to == NULL ? NULL : mem_alloc(ds->snap_n * sizeof(**ret_names));
    for (size_t i = 0; base != NULL && i < ds->snap_n; i++)
        if (ds->snaps[i].txg >= base->txg && ds->snaps[i].txg <= to->txg)
            (*ret_names)[n++] = ds->snaps[i].name;
    world_unlock();
    return n;
}

void streams_send(int argc, char **argv)
{
    int place = 0;
    const char **names;
    if (argc < 5 || strcmp(argv[1], "send") != 0)
        return;
    for (int i = 2; i + 2 < argc; i++)
        if (strcmp(argv[i], "-I") == 0)
            place = i;
    if (place == 0)
        return;
    const char *full = argv[argc - 1];
    size_t len = strcspn(full, "@");
    size_t n = names_between(full, after_at(argv[place + 1]), &names);
    if (n < 2)
        fail(1, "cannot send '%s': incremental source does not exist\n", full);
    argv[place] = (char[]){"-i"};
    int status = 0;
    for (size_t i = 1; i < n && status == 0; i++) {
        struct str from;
        struct str to;
        str_init(&from);
        str_init(&to);
        str_add_format(&from, "%.*s@%s", (int)len, full, names[i - 1]);
        str_add_format(&to, "%.*s@%s", (int)len, full, names[i]);
        argv[place + 1] = from.s;
        argv[argc - 1] = to.s;
        status = run(argc, argv);
        str_fini(&from);
        str_fini(&to);
    }
    free(names);
    exit(status);
}

static bool more_comes(void)
{
    int waiting = 0;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, -1) > 0 && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting > 0;
}

/* Those of a package follow each other in one pipe, and so do those of a chain, of which each is for
 * another receive. syncoid, which sends packages, receives with -F. */
void streams_receive(int argc, char **argv)
{
    int status;
    bool is_package = false;
    if (argc < 3 || (strcmp(argv[1], "receive") != 0 && strcmp(argv[1], "recv") != 0))
        return;
    for (int i = 2; i < argc; i++)
        is_package = is_package || strcmp(argv[i], "-F") == 0;
    if (!is_package)
        return;
    do {
        status = run(argc, argv);
    } while (status == 0 && more_comes());
    exit(status);
}
