#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "listing.h"
#include "str.h"

static void add_snapshot(struct argv *argv, struct dsname ds, char separator, struct snapname name)
{
    argv_add_format(argv, "%s%c%s", ds.s, separator, name.s);
}

static void list_datasets(struct argv *argv, const char *columns, struct dsname ds, bool recursive)
{
    argv_add_all(argv, "zfs", "list", "-Hp", "-t", "filesystem,volume", "-o", columns);
    if (recursive)
        argv_add(argv, "-r");
    argv_add(argv, ds.s);
}

void command_list_datasets(struct argv *argv, struct dsname ds, bool recursive)
{
    list_datasets(argv, LISTING_DATASET_COLUMNS, ds, recursive);
}

void command_list_changes(struct argv *argv, struct dsname ds)
{
    list_datasets(argv, LISTING_CHANGE_COLUMNS, ds, true);
}

/* Without the datasets. */
static void begin_snapshots(struct argv *argv, const char *columns, bool recursive)
{
    argv_add_all(argv, "zfs", "list", "-Hp", "-t", "snapshot,bookmark", "-o", columns);
    if (recursive)
        argv_add(argv, "-r");
    else
        argv_add_all(argv, "-d", "1");
}

static void list_snapshots(struct argv *argv, const char *columns, struct dsname ds, bool recursive)
{
    begin_snapshots(argv, columns, recursive);
    argv_add(argv, ds.s);
}

void command_list_snapshots(struct argv *argv, struct dsname ds, bool recursive)
{
    list_snapshots(argv, LISTING_SNAPSHOT_COLUMNS, ds, recursive);
}

void command_list_names(struct argv *argv, struct dsname ds)
{
    list_snapshots(argv, LISTING_NAME_COLUMNS, ds, true);
}

void command_list_all_facts(struct argv *argv, struct dsname ds)
{
    list_snapshots(argv, LISTING_FACT_COLUMNS, ds, true);
}

bool command_list_some_names(struct argv *argv, struct dsname root, const struct inventory *inv,
                             enum side side)
{
    size_t bytes = 0;
    begin_snapshots(argv, LISTING_NAME_COLUMNS, false);
    for (size_t i = 0; i < inv->n; i++) {
        const struct holding *holding = &inv->v[i]->side[side];
        struct dsbuf buf;
        struct dsname ds;
        if (!holding->exists || holding->skipped || holding->recalled)
            continue;
        if (dsname_join(&buf, root, inv->v[i]->name, &ds, NULL) != 0)
            return false;
        bytes += strlen(ds.s) + 4; /* as a word of its own, with room for quotes */
        if (bytes > COMMAND_LIST_MAX)
            return false;
        argv_add(argv, ds.s);
    }
    return true;
}

/* A list of names that grows until a command is full. */
struct name_list {
    struct argv *argv;
    size_t bytes, count;
};

/* Adds what is bare in `set` from `*at` on. False where the command is full. */
static bool add_bare(struct name_list *list, struct dsname ds, char mark, const struct snapset *set,
                     size_t *at)
{
    for (; *at < set->n; (*at)++) {
        if (!(set->v[*at].flags & SNAPSHOT_BARE))
            continue;
        /* as a word of its own, with room for quotes */
        list->bytes += strlen(ds.s) + strlen(set->v[*at].name) + 5;
        if (list->count > 0 && list->bytes > COMMAND_LIST_MAX)
            return false;
        if (list->count == 0)
            argv_add_all(list->argv, "zfs", "list", "-Hp", "-t", "snapshot,bookmark", "-o",
                         LISTING_FACT_COLUMNS);
        add_snapshot(list->argv, ds, mark, (struct snapname){set->v[*at].name});
        list->count++;
    }
    return true;
}

bool command_list_facts(struct argv *argv, struct dsname root, const struct inventory *inv,
                        enum side side, struct command_place *at)
{
    struct name_list list = {.argv = argv};
    for (; at->dataset < inv->n; at->dataset++) {
        const struct dataset *dataset = inv->v[at->dataset];
        const struct holding *holding = &dataset->side[side];
        struct dsbuf buf;
        struct dsname ds;
        /* A name that was listed can be written. */
        if (dsname_join(&buf, root, dataset->name, &ds, NULL) != 0)
            continue;
        if (!add_bare(&list, ds, '@', &holding->snapshots, &at->snapshot) ||
            !add_bare(&list, ds, '#', &holding->bookmarks, &at->bookmark))
            return true;
        at->snapshot = at->bookmark = 0;
    }
    return list.count > 0;
}

bool command_list_details(struct argv *argv, struct dsname ds, const struct snapset *set,
                          const bool *chosen, size_t *at)
{
    size_t bytes = 0;
    size_t count = 0;
    size_t i = *at;
    for (; i < set->n; i++) {
        if (!chosen[i])
            continue;
        /* as a word of its own, with room for quotes */
        bytes += strlen(ds.s) + strlen(set->v[i].name) + 5;
        if (count > 0 && bytes > COMMAND_LIST_MAX)
            break;
        if (count == 0)
            argv_add_all(argv, "zfs", "list", "-Hp", "-t", "snapshot", "-o", LISTING_DETAIL_COLUMNS,
                         NULL);
        add_snapshot(argv, ds, '@', (struct snapname){set->v[i].name});
        count++;
    }
    *at = i;
    return count > 0;
}

void command_exists(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "list", "-Hp", "-o", "name", ds.s);
}

void command_get_placeholder(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "get", "-Hp", "-o", "property,value,source");
    argv_add_format(argv, "%s,type,mounted,mountpoint,referenced", PLACEHOLDER_PROPERTY);
    argv_add(argv, ds.s);
}

void command_destroy_snapshots(struct argv *argv, struct dsname ds, const struct snapset *set,
                               const size_t *places, size_t count, size_t *at)
{
    struct str list;
    str_init(&list);
    str_add_format(&list, "%s@", ds.s);
    size_t i = *at;
    for (; i < count; i++) {
        const char *name = set->v[places[i]].name;
        if (i > *at && list.len + strlen(name) + 1 > COMMAND_LIST_MAX)
            break;
        str_add_format(&list, "%s%s", i > *at ? "," : "", name);
    }
    *at = i;
    argv_add_all(argv, "zfs", "destroy", list.s);
    str_fini(&list);
}

void command_destroy_bookmark(struct argv *argv, struct dsname ds, struct snapname bookmark)
{
    argv_add_all(argv, "zfs", "destroy");
    add_snapshot(argv, ds, '#', bookmark);
}

void command_destroy_empty(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "destroy", ds.s);
}

void command_snapshot(struct argv *argv, struct dsname ds, struct snapname snap)
{
    argv_add_all(argv, "zfs", "snapshot", "-r");
    add_snapshot(argv, ds, '@', snap);
}

void command_bookmark(struct argv *argv, struct dsname ds, struct snapname snap, uint64_t guid)
{
    argv_add_all(argv, "zfs", "bookmark");
    add_snapshot(argv, ds, '@', snap);
    argv_add_format(argv, "%s#backupd-%" PRIu64, ds.s, guid);
}

void command_send(struct argv *argv, struct dsname ds, struct snapname snap,
                  const struct snapname *base, bool base_is_bookmark)
{
    argv_add_all(argv, "zfs", "send", "-w", "-P", "-v");
    if (base != NULL) {
        argv_add(argv, "-i");
        add_snapshot(argv, ds, base_is_bookmark ? '#' : '@', *base);
    }
    add_snapshot(argv, ds, '@', snap);
}

void command_send_token(struct argv *argv, const char *token)
{
    argv_add_all(argv, "zfs", "send", "-P", "-v", "-t", token);
}

void command_describe_token(struct argv *argv, const char *token)
{
    argv_add_all(argv, "zfs", "send", "-n", "-v", "-t", token);
}

void command_receive(struct argv *argv, struct dsname ds, unsigned flags)
{
    argv_add_all(argv, "zfs", "receive", "-s", "-u");
    if (flags & RECEIVE_OVERWRITES)
        argv_add(argv, "-F");
    if (flags & RECEIVE_CREATES) {
        argv_add_all(argv, "-o", "readonly=on");
        if (!(flags & RECEIVE_VOLUME))
            argv_add_all(argv, "-o", "canmount=noauto");
    }
    argv_add(argv, ds.s);
}

void command_mark_text(size_t number, char ret[COMMAND_MARK_MAX])
{
    snprintf(ret, COMMAND_MARK_MAX, "backupd-received-%zu", number);
}

void command_mark(struct argv *argv, size_t number)
{
    char text[COMMAND_MARK_MAX];
    command_mark_text(number, text);
    argv_add_all(argv, "echo", text);
}

void command_get_compression(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "get", "-Hp", "-o", "property,value", "compression,refcompressratio",
                 ds.s);
}

void command_compress(struct argv *argv)
{
    argv_add_all(argv, "zstd", "-q", "-1", "-c");
}

void command_decompress(struct argv *argv)
{
    argv_add_all(argv, "zstd", "-q", "-d", "-c");
}

void command_try_zstd(struct argv *argv)
{
    argv_add_all(argv, "zstd", "--version");
}

void command_abort_receive(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "receive", "-A", ds.s);
}

void command_create_placeholder(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "create", "-o", "canmount=off", "-o", PLACEHOLDER_SETTING, ds.s);
}

void command_mark_placeholder(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "set", PLACEHOLDER_SETTING, "readonly=on", ds.s);
}

void command_unmark_placeholder(struct argv *argv, struct dsname ds)
{
    argv_add_all(argv, "zfs", "inherit", PLACEHOLDER_PROPERTY, ds.s);
}

void command_rollback(struct argv *argv, struct dsname ds, struct snapname snap)
{
    argv_add_all(argv, "zfs", "rollback");
    add_snapshot(argv, ds, '@', snap);
}
