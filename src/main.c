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
 *   web/     the web role: HTTP, pages, metrics and event streams over a projection of the state
 *   history/ the history role: what happened, in a database
 *   cli/     one file a command
 *
 * Who may include whom stands in each folder's meson.build, and a wrong include does not compile.
 */
#include <string.h>

#include "cli.h"
#include "history.h"
#include "notifier.h"
#include "role_json.h"
#include "text.h"
#include "web.h"

/* The roles are the same program, started again by the engine. */
int main(int argc, char **argv)
{
    int64_t keep;
    if (argc == 5 && strcmp(argv[1], ROLE_WEB) == 0)
        return web_main(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], HISTORY_ROLE) == 0 &&
        text_parse_i64(argv[3], strlen(argv[3]), &keep) == 0)
        return history_main(argv[2], keep);
    if (argc == 4 && strcmp(argv[1], NOTIFIER_ROLE) == 0)
        return notifier_main(argv[2], argv[3]);
    return cli_main(argc, argv, BACKUPD_VERSION);
}
