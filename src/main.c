/*
 * backupd: keeps the snapshots of a ZFS tree, and a second copy of them elsewhere, at what two
 * retention policies say.
 *
 *   base/    errors, strings, memory, figures: libc only, no I/O
 *   domain/  snapshot, inventory, policy, target, plan, validation, event, state: pure
 *   codec/   bytes to values and back: listings, progress, tokens, error texts, events as JSON: pure
 *   config/  backupd.toml, with every mistake's file, line and column
 *   os/      poll loop, children, log, clock, locks: the only folder that knows the system
 *   zfs/     the argv of every zfs command, here or over ssh; jobs and transfers
 *   engine/  cycle, crew of workers, worker, schedule, connection, notifier
 *   history/ the history role: what happened, in a database
 *   cli/     one file a command
 *
 * Who may include whom stands in each folder's meson.build, and a wrong include does not compile.
 */
#include "cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, BACKUPD_VERSION);
}
