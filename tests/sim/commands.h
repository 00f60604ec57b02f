/* The commands of the simulated zfs and zpool: each gets the words from its own name on, and ends
 * the program. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

_Noreturn void zfs_main(int argc, char **argv);
_Noreturn void zpool_main(int argc, char **argv);
_Noreturn void ssh_main(int argc, char **argv);
_Noreturn void manage_main(int argc, char **argv);

_Noreturn void zfs_list(int argc, char **argv);
_Noreturn void zfs_get(int argc, char **argv);
_Noreturn void zfs_holds(int argc, char **argv);
_Noreturn void zfs_create(int argc, char **argv);
_Noreturn void zfs_clone(int argc, char **argv);
_Noreturn void zfs_rename(int argc, char **argv);
_Noreturn void zfs_set(int argc, char **argv);
_Noreturn void zfs_inherit(int argc, char **argv);
_Noreturn void zfs_snapshot(int argc, char **argv);
_Noreturn void zfs_bookmark(int argc, char **argv);
_Noreturn void zfs_rollback(int argc, char **argv);
_Noreturn void zfs_hold(int argc, char **argv);
_Noreturn void zfs_release(int argc, char **argv);
_Noreturn void zfs_destroy(int argc, char **argv);
_Noreturn void zfs_send(int argc, char **argv);
_Noreturn void zfs_receive(int argc, char **argv);

#endif
