/* Which command of zfs, and zpool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "destroy.h"
#include "output.h"
#include "world.h"

typedef void command_fn(int argc, char **argv);

static const struct {
    const char *name;
    command_fn *fn;
} COMMANDS[] = {
    {"list", zfs_list},     {"get", zfs_get},           {"holds", zfs_holds},
    {"create", zfs_create}, {"clone", zfs_clone},       {"rename", zfs_rename},
    {"set", zfs_set},       {"inherit", zfs_inherit},   {"snapshot", zfs_snapshot},
    {"snap", zfs_snapshot}, {"bookmark", zfs_bookmark}, {"rollback", zfs_rollback},
    {"hold", zfs_hold},     {"release", zfs_release},   {"destroy", zfs_destroy},
    {"send", zfs_send},     {"receive", zfs_receive},   {"recv", zfs_receive},
};

void zfs_main(int argc, char **argv)
{
    if (argc < 2)
        fail(2, "missing command\nusage: zfs command args ...\n");
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        str_add(output_text(), "zfs-2.3.2-simulated\nzfs-kmod-2.3.2-simulated\n");
        finish(0);
    }
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++)
        if (strcmp(COMMANDS[i].name, argv[1]) == 0)
            COMMANDS[i].fn(argc - 1, argv + 1);
    fail(2, "unrecognized command '%s'\nusage: zfs command args ...\n", argv[1]);
}

/* ---- zpool ---- */

static void list_pools(void)
{
    size_t n;
    struct dataset **tree = state_tree("", 1, &n);
    for (size_t i = 0; i < n; i++)
        if (name_parent(tree[i]->name) == NULL)
            str_add_format(output_text(), "%s\t%s\n", tree[i]->name,
                           state_is_suspended(tree[i]->name) ? "SUSPENDED" : "ONLINE");
    free(tree);
}

static void create_pool(const char *name, const char *size)
{
    if (state_open(name) != NULL)
        fail(1, "cannot create '%s': pool already exists\n", name);
    struct dataset *ds = state_new(name, false);
    ds->mounted = true;
    ds->pool_size = size == NULL ? 0 : strtoull(size, NULL, 10);
    state_save(ds);
}

/* An exported pool is a folder whose name begins with "@". */
static void move_pool(const char *name, const char *from, const char *to)
{
    if (rename(world_path("%s/%s%s", world_machine_name(), from, name),
               world_path("%s/%s%s", world_machine_name(), to, name)) != 0)
        fail(1, "cannot open '%s': no such pool\n", name);
}

static void destroy_pool(const char *name)
{
    size_t n;
    struct dataset **tree = state_tree(name, -1, &n);
    if (n == 0)
        fail(1, "cannot open '%s': no such pool\n", name);
    for (size_t i = n; i > 0; i--)
        state_remove(tree[i - 1]);
    free(tree);
}

/* Options are taken and mean nothing. */
void zpool_main(int argc, char **argv)
{
    const char *words[3] = {NULL};
    size_t n = 0;
    for (int i = 1; i < argc && n < 3; i++)
        if (argv[i][0] != '-')
            words[n++] = argv[i];
    world_lock(true);
    if (n == 0)
        fail(2, "missing command\n");
    if (strcmp(words[0], "list") == 0)
        list_pools();
    else if (n == 1)
        fail(2, "missing pool name\n");
    else if (strcmp(words[0], "create") == 0)
        create_pool(words[1], words[2]);
    else if (strcmp(words[0], "destroy") == 0)
        destroy_pool(words[1]);
    else if (strcmp(words[0], "export") == 0)
        move_pool(words[1], "", "@exported-");
    else if (strcmp(words[0], "import") == 0)
        move_pool(words[1], "@exported-", "");
    else
        fail(2, "unrecognized command '%s'\n", words[0]);
    finish(0);
}
