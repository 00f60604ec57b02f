/*
 * zfs, zpool, ssh and sim by the name that it is called with; bench/counting.py makes the folders.
 *
 *   DIR/bin/{zfs,zpool,ssh,sim}    this machine's; first in PATH
 *   DIR/far/{zfs,zpool}            the other machine's; ssh puts it first in the PATH of its shell
 *   DIR/state/                     as in tests/sim, and log, delays, cache/, local.changes, remote.changes
 */
#include "meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "faults.h"
#include "output.h"

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

static void invalidate_here(void)
{
    listings_invalidate(world_machine());
}

static void invalidate_both(void)
{
    listings_invalidate(MACHINE_LOCAL);
    listings_invalidate(MACHINE_REMOTE);
}

static _Noreturn void run_zfs(int argc, char **argv)
{
    static const char *const READERS[] = {"list", "get", "holds", "send", "version", NULL};
    const char *command = argc > 1 ? argv[1] : "version";
    if (!is_one_of(command, READERS)) {
        invalidate_here();
        atexit(invalidate_here);
    }
    listings_answer(argc, argv);
    streams_send(argc, argv);
    streams_receive(argc, argv);
    zfs_main(argc, argv);
}

/* Every feature is there: it is only asked for by who wants to resume. */
static _Noreturn void run_zpool(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "get") == 0) {
        str_add(output_text(), "active\n");
        finish(0);
    }
    zpool_main(argc, argv);
}

int main(int argc, char **argv)
{
    struct effects effects = {.text = ""};
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash == NULL ? argv[0] : slash + 1;
    const char *side = getenv(METER_SIDE);
    bool remote = side != NULL && strcmp(side, "remote") == 0;
    log_clock_in();
    world_find(argv[0]);
    if (strcmp(name, "ssh") == 0)
        ssh_main(argc, argv);
    if (strcmp(name, "sim") == 0) {
        output_begin(&effects);
        invalidate_both();
        atexit(invalidate_both);
        manage_main(argc, argv);
    }
    if (strcmp(name, "zfs") != 0 && strcmp(name, "zpool") != 0) {
        fprintf(stderr, "this program wants to be called zfs, zpool, ssh or sim\n");
        return 2;
    }
    world_set_machine(remote ? MACHINE_REMOTE : MACHINE_LOCAL);
    log_begin(world_machine_name(), 0, 0, argc, argv);
    delay_command();
    if (access(world_path("faults"), F_OK) == 0)
        faults_record(world_machine_name(), argc, argv, &effects);
    output_begin(&effects);
    if (strcmp(name, "zfs") == 0)
        run_zfs(argc, argv);
    run_zpool(argc, argv);
}
