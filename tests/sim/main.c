/*
 * A simulated zfs and ssh, to run the real backupd against without a pool: see README.md.
 *
 *   main.c                          which program this is, by the name that it was called with
 *   world.c                         where the state is, locks, clock, counters
 *   faults.c, output.c              the log of calls; what goes wrong, and where in the bytes
 *   state.c, statefile.c, snap.c    datasets and what they have, in memory and as files
 *   property.c, select.c, list.c    zfs list and get
 *   datasets.c, snapshots.c, destroy.c    what changes the state
 *   stream.c, send.c, receive.c     transfers
 *   zfs.c, ssh.c                    the commands' table, zpool; the way to the other machine
 *   manage.c                        `sim`, for tests and people
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "faults.h"
#include "output.h"
#include "world.h"

int main(int argc, char **argv)
{
    struct effects effects = {.text = ""};
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash == NULL ? argv[0] : slash + 1;
    if (strcmp(name, "sim") == 0) {
        world_find(argv[0]);
        output_begin(&effects);
        manage_main(argc, argv);
    }
    if (strcmp(name, "ssh") == 0) {
        world_find(argv[0]);
        ssh_main(argc, argv);
    }
    if (strcmp(name, "zfs") != 0 && strcmp(name, "zpool") != 0) {
        fprintf(stderr, "this program wants to be called zfs, zpool, ssh or sim\n");
        return 2;
    }
    world_find(argv[0]);
    faults_record("local", argc, argv, &effects);
    output_begin(&effects);
    if (strcmp(name, "zfs") == 0)
        zfs_main(argc, argv);
    zpool_main(argc, argv);
}
