/*
 * The argv of every zfs command that backupd ever runs. Nobody else builds one, and names come in
 * as checked structs only. All of them are zfs(8)'s own, version 2.1 and later; besides them there
 * is zstd(1), which a stream may go through, and the echo(1) of a login shell between receives.
 */
#ifndef BACKUPD_ZFS_COMMAND_H
#define BACKUPD_ZFS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "argv.h"
#include "inventory.h"
#include "names.h"

/* The user property that marks what we made to hold children, its value, and both as zfs sets it. */
#define PLACEHOLDER_PROPERTY "backupd:placeholder"
#define PLACEHOLDER_VALUE    "on"
#define PLACEHOLDER_SETTING  "backupd:placeholder=on"

/* The longest list of snapshots in one command: a single word may have 128 KiB on Linux, and
 * quoting for ssh adds to it. */
#define COMMAND_LIST_MAX 60000

/* All functions append to an initialised `argv`. */

/* Datasets at and below `ds` (or `ds` alone), for LISTING_DATASETS. */
void command_list_datasets(struct argv *argv, struct dsname ds, bool recursive);

/* Datasets at and below `ds`, for LISTING_CHANGES. */
void command_list_changes(struct argv *argv, struct dsname ds);

/* Snapshots and bookmarks at and below `ds` (or of `ds` alone), for LISTING_SNAPSHOTS. */
void command_list_snapshots(struct argv *argv, struct dsname ds, bool recursive);

/* Snapshots and bookmarks at and below `ds`, for LISTING_NAMES, or LISTING_FACTS of all of them. */
void command_list_names(struct argv *argv, struct dsname ds);
void command_list_all_facts(struct argv *argv, struct dsname ds);

/*
 * Snapshots and bookmarks of those datasets of a side alone that are not `skipped` or `recalled`, for
 * LISTING_NAMES; the root of the side is `root`. False where they do not fit into one command.
 */
bool command_list_some_names(struct argv *argv, struct dsname root, const struct inventory *inv,
                             enum side side);

/* Where command_list_facts goes on. Zeroed, it is the beginning. */
struct command_place {
    size_t dataset; /* of the inventory */
    size_t snapshot, bookmark;
};

/*
 * What is SNAPSHOT_BARE on a side whose root is `root`, from `*at` on, by name and as much as fits
 * into one command; moves `*at` behind it. For LISTING_FACTS. False: none is left.
 */
bool command_list_facts(struct argv *argv, struct dsname root, const struct inventory *inv,
                        enum side side, struct command_place *at);

/* Holds and clones of some snapshots of `ds`, from place `*at` on while they fit into one
 * command and are `chosen`; moves `*at` behind them. For LISTING_DETAILS. False: none left. */
bool command_list_details(struct argv *argv, struct dsname ds, const struct snapset *set,
                          const bool *chosen, size_t *at);

/* Whether `ds` is there: prints its name. */
void command_exists(struct argv *argv, struct dsname ds);

/* What destination_look reads: property, value and source of the placeholder mark, type, mounted,
 * mountpoint and referenced. */
void command_get_placeholder(struct argv *argv, struct dsname ds);

/*
 * Destroys the snapshots of `ds` whose places are `places[*at]` to `places[count - 1]`, as many as
 * fit into one command, each by its name and no range, so that nothing that came in between can be
 * meant. Moves `*at` behind them.
 */
void command_destroy_snapshots(struct argv *argv, struct dsname ds, const struct snapset *set,
                               const size_t *places, size_t count, size_t *at);

/* Destroys a bookmark. */
void command_destroy_bookmark(struct argv *argv, struct dsname ds, struct snapname bookmark);

/* Destroys a dataset without snapshots and children; zfs itself refuses any other. */
void command_destroy_empty(struct argv *argv, struct dsname ds);

/* Takes a snapshot of `ds` and everything below it, all at one moment. */
void command_snapshot(struct argv *argv, struct dsname ds, struct snapname snap);

/* Bookmarks a snapshot as "backupd-<guid>". */
void command_bookmark(struct argv *argv, struct dsname ds, struct snapname snap, uint64_t guid);

/* Sends a snapshot raw, with progress on stderr: all of it, or from a snapshot or bookmark. */
void command_send(struct argv *argv, struct dsname ds, struct snapname snap,
                  const struct snapname *base, bool base_is_bookmark);

/* Sends the rest of what a token (that token_is_plausible) stands for. */
void command_send_token(struct argv *argv, const char *token);

/* Prints what a token stands for, and sends nothing. */
void command_describe_token(struct argv *argv, const char *token);

enum receive_flag {
    RECEIVE_CREATES = 1,    /* a full stream: readonly=on, and canmount=noauto on a filesystem */
    RECEIVE_VOLUME = 2,     /* it is a volume */
    RECEIVE_OVERWRITES = 4, /* a full stream over a placeholder: the only -F there is */
};

/* Receives into `ds`, resumably and without mounting. `flags`: enum receive_flag. */
void command_receive(struct argv *argv, struct dsname ds, unsigned flags);

/* The longest mark, with its NUL. */
#define COMMAND_MARK_MAX 48

/* The line that tells that increment `number` of a chain, from 1, was received; and what prints it. */
void command_mark_text(size_t number, char ret[COMMAND_MARK_MAX]);
void command_mark(struct argv *argv, size_t number);

/* What compression_pays reads: compression and refcompressratio, property and value. */
void command_get_compression(struct argv *argv, struct dsname ds);

/*
 * The two ends of a compressed stream, each from stdin to stdout. Level 1 keeps a wire of 1 Gbit/s
 * full, and 3, zstd's own choice, hardly does (docs/performance.md). One thread: transfers go side by
 * side already, and what more threads hold in their hands nobody has received yet.
 */
void command_compress(struct argv *argv);
void command_decompress(struct argv *argv);

/* Succeeds where there is a zstd that runs. */
void command_try_zstd(struct argv *argv);

/* Throws away an interrupted receive. */
void command_abort_receive(struct argv *argv, struct dsname ds);

/* Makes a placeholder. */
void command_create_placeholder(struct argv *argv, struct dsname ds);

/* Marks an existing dataset as a placeholder, read-only so that it stays empty, or takes the mark
 * away. */
void command_mark_placeholder(struct argv *argv, struct dsname ds);
void command_unmark_placeholder(struct argv *argv, struct dsname ds);

/* Undoes writes after the newest snapshot; zfs itself refuses where there is a newer one. */
void command_rollback(struct argv *argv, struct dsname ds, struct snapname snap);

#endif
