/* zfs create, clone, rename, set and inherit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "output.h"
#include "property.h"
#include "world.h"

#define SETTINGS_MAX 32

struct settings {
    char *v[SETTINGS_MAX]; /* "name=value" */
    size_t n;
};

static void settings_add(struct settings *settings, char *word)
{
    if (strchr(word, '=') == NULL || settings->n == SETTINGS_MAX)
        fail(2, "missing '=' for property=value argument\n");
    settings->v[settings->n++] = word;
}

/* Sets them all on `ds`, or complains and changes nothing. */
static bool settings_apply(const struct settings *settings, const char *prefix, struct dataset *ds)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < settings->n; i++) {
            size_t len = strcspn(settings->v[i], "=");
            const char *name = world_keep_bytes(settings->v[i], len);
            const char *value = settings->v[i] + len + 1;
            if (pass == 0 && !property_settable(prefix, name, value, ds->volume))
                return false;
            if (pass == 1 && strcmp(name, "volsize") == 0)
                ds->volsize = strtoull(value, NULL, 10);
            else if (pass == 1)
                prop_set(ds, name,
                         strcmp(name, "encryption") == 0 && strcmp(value, "on") == 0 ? "aes-256-gcm"
                                                                                     : value);
        }
    }
    return true;
}

/* "64M" */
static uint64_t parse_size(const char *text)
{
    static const char UNITS[] = "KMGT";
    char *end;
    uint64_t size = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(UNITS, *end >= 'a' ? *end - 32 : *end);
    return unit == NULL ? size : size << (10 * (unit - UNITS + 1));
}

/* Whether a new filesystem is mounted at once. */
static bool mounts(struct dataset *ds)
{
    const char *mountpoint = property_effective(ds, "mountpoint");
    return !ds->volume && strcmp(property_effective(ds, "canmount"), "on") == 0 &&
           (mountpoint == NULL || mountpoint[0] == '/');
}

static void make_parents(const char *name)
{
    const char *parent = name_parent(name);
    if (parent == NULL || state_open(parent) != NULL)
        return;
    make_parents(parent);
    if (name_parent(parent) == NULL)
        return; /* no pool is made by the way */
    struct dataset *ds = state_new(parent, false);
    ds->mounted = mounts(ds);
    state_save(ds);
}

/* Ends the program unless a dataset of that name can be made. */
static void check_new_name(const char *name)
{
    const char *fault = name_fault(name);
    const char *parent = name_parent(name);
    if (fault != NULL)
        fail(1, "cannot create '%s': %s\n", name, fault);
    if (parent == NULL)
        fail(1, "cannot create '%s': missing dataset name\n", name);
    if (state_is_suspended(name))
        fail(1, "cannot create '%s': pool I/O is currently suspended\n", name);
    if (state_open(name_pool(name)) == NULL)
        fail(1, "cannot create '%s': no such pool '%s'\n", name, name_pool(name));
    if (state_open(name) != NULL)
        fail(1, "cannot create '%s': dataset already exists\n", name);
    if (state_open(parent) == NULL)
        fail(1, "cannot create '%s': parent does not exist\n", name);
    if (state_open(parent)->volume)
        fail(1, "cannot create '%s': parent is not a filesystem\n", name);
    if (state_room(name) == 0)
        fail(1, "cannot create '%s': out of space\n", name);
}

void zfs_create(int argc, char **argv)
{
    struct settings settings = {.n = 0};
    const char *size = NULL;
    bool parents = false;
    bool mount = true;
    for (int option; (option = getopt(argc, argv, "+psuV:b:o:")) != -1;) {
        if (option == 'p')
            parents = true;
        else if (option == 'u')
            mount = false;
        else if (option == 'V')
            size = optarg;
        else if (option == 'o')
            settings_add(&settings, optarg);
        else if (option == '?')
            unknown_option(optopt);
    }
    if (optind + 1 != argc)
        fail(2, "missing or too many dataset arguments\n");
    const char *name = argv[optind];
    char prefix[512];
    snprintf(prefix, sizeof(prefix), "cannot create '%.300s'", name);
    world_lock(true);
    if (parents && name_fault(name) == NULL && state_open(name) != NULL)
        finish(0);
    if (parents && name_fault(name) == NULL)
        make_parents(name);
    check_new_name(name);
    struct dataset probe = {.name = name, .volume = size != NULL};
    if (!settings_apply(&settings, prefix, &probe))
        finish(1);
    free(probe.props);
    struct dataset *ds = state_new(name, size != NULL);
    settings_apply(&settings, prefix, ds);
    if (size != NULL)
        ds->volsize = parse_size(size);
    ds->mounted = mount && mounts(ds);
    state_save(ds);
    finish(0);
}

void zfs_clone(int argc, char **argv)
{
    struct settings settings = {.n = 0};
    bool parents = false;
    for (int option; (option = getopt(argc, argv, "+po:")) != -1;) {
        if (option == 'p')
            parents = true;
        else if (option == 'o')
            settings_add(&settings, optarg);
        else
            unknown_option(optopt);
    }
    if (optind + 2 != argc)
        fail(2, "missing source or target dataset argument\n");
    world_lock(true);
    struct dataset *of;
    const struct snap *snap = open_snap_or_complain(argv[optind], &of);
    if (snap == NULL)
        finish(1);
    if (parents)
        make_parents(argv[optind + 1]);
    check_new_name(argv[optind + 1]);
    struct dataset *ds = state_new(argv[optind + 1], of->volume);
    ds->origin = world_keep(argv[optind]);
    ds->referenced = snap->referenced;
    ds->pending = 0;
    ds->volsize = of->volsize;
    if (!settings_apply(&settings, "cannot create clone", ds))
        finish(1);
    ds->mounted = mounts(ds);
    state_save(ds);
    clone_link(ds);
    finish(0);
}

/* ---- rename ---- */

static void rename_snapshot(struct dataset *ds, const char *from, const char *to)
{
    struct snap *snap = snap_find(ds, from);
    if (snap == NULL)
        return;
    snap->name = world_keep(to);
    for (size_t i = 0; i < ds->hold_n; i++)
        if (strcmp(ds->holds[i].snap, from) == 0)
            ds->holds[i].snap = snap->name;
    for (size_t i = 0; i < ds->clone_n; i++) {
        if (strcmp(ds->clones[i].snap, from) != 0)
            continue;
        ds->clones[i].snap = snap->name;
        struct dataset *clone = state_open(ds->clones[i].dataset);
        struct str origin;
        str_init(&origin);
        str_add_format(&origin, "%s@%s", ds->name, to);
        clone->origin = world_keep(origin.s);
        str_fini(&origin);
        state_save(clone);
    }
    ds->changed = world_now();
    state_save(ds);
}

static _Noreturn void rename_snapshots(const char *from, const char *to, bool recursive)
{
    struct dataset *ds;
    size_t n;
    const char *new_dataset;
    const struct snap *snap = open_snap_or_complain(from, &ds);
    const char *new_name = name_split(to, "@", &new_dataset);
    if (snap == NULL)
        finish(1);
    new_name = new_name == NULL ? to : new_name;
    if (snap_find(ds, new_name) != NULL)
        fail(1, "cannot rename to '%s@%s': dataset already exists\n", ds->name, new_name);
    const char *old_name = world_keep(snap->name);
    struct dataset **tree = state_tree(ds->name, recursive ? -1 : 0, &n);
    for (size_t i = 0; i < n; i++)
        rename_snapshot(tree[i], old_name, new_name);
    free(tree);
    finish(0);
}

/* Whether `name` is `top` or below it. */
static bool lies_in(const char *name, const char *top)
{
    size_t len = strlen(top);
    return strncmp(name, top, len) == 0 && strchr("/@", name[len]) != NULL;
}

static const char *moved_name(const char *name, const char *from, const char *to)
{
    if (name == NULL || !lies_in(name, from))
        return name;
    struct str moved;
    str_init(&moved);
    str_add_format(&moved, "%s%s", to, name + strlen(from));
    const char *kept = world_keep(moved.s);
    str_fini(&moved);
    return kept;
}

/* Everywhere in the pool, what pointed to the old name points to the new one. */
static void move_pointers(const char *from, const char *to)
{
    size_t n;
    struct dataset **tree = state_tree(name_pool(to), -1, &n);
    for (size_t i = 0; i < n; i++) {
        if (tree[i]->origin == NULL && tree[i]->clone_n == 0)
            continue;
        tree[i]->origin = moved_name(tree[i]->origin, from, to);
        for (size_t k = 0; k < tree[i]->clone_n; k++)
            tree[i]->clones[k].dataset = moved_name(tree[i]->clones[k].dataset, from, to);
        state_save(tree[i]);
    }
    free(tree);
}

void zfs_rename(int argc, char **argv)
{
    bool parents = false;
    bool recursive = false;
    for (int option; (option = getopt(argc, argv, "+prfu")) != -1;) {
        parents = parents || option == 'p';
        recursive = recursive || option == 'r';
    }
    if (optind + 2 != argc)
        fail(2, "missing source or target dataset argument\n");
    const char *from = argv[optind];
    const char *to = argv[optind + 1];
    world_lock(true);
    if (strchr(from, '@') != NULL)
        rename_snapshots(from, to, recursive);
    if (open_or_complain(from, from) == NULL)
        finish(1);
    if (parents)
        make_parents(to);
    check_new_name(to);
    state_rename(from, to);
    move_pointers(from, to);
    finish(0);
}

/* ---- properties ---- */

void zfs_set(int argc, char **argv)
{
    struct settings settings = {.n = 0};
    int i = 1;
    int failed = 0;
    while (i < argc && argv[i][0] == '-')
        i++;
    for (; i < argc && strchr(argv[i], '=') != NULL; i++)
        settings_add(&settings, argv[i]);
    if (settings.n == 0 || i == argc)
        fail(2, "missing property=value argument or dataset name\n");
    world_lock(true);
    for (; i < argc; i++) {
        char prefix[512];
        struct dataset *ds = open_or_complain(argv[i], argv[i]);
        snprintf(prefix, sizeof(prefix), "cannot set property for '%.300s'", argv[i]);
        if (ds == NULL || !settings_apply(&settings, prefix, ds))
            failed = 1;
        else
            state_save(ds);
    }
    finish(failed);
}

void zfs_inherit(int argc, char **argv)
{
    struct property property;
    bool recursive = false;
    int failed = 0;
    for (int option; (option = getopt(argc, argv, "+rS")) != -1;)
        recursive = recursive || option == 'r';
    if (optind + 2 > argc)
        fail(2, "missing property or dataset argument\n");
    const char *name = argv[optind];
    if (!property_find(name, &property))
        fail(2, "invalid property '%s'\n", name);
    world_lock(true);
    for (int i = optind + 1; i < argc; i++) {
        size_t n = 0;
        if (open_or_complain(argv[i], argv[i]) == NULL) {
            failed = 1;
            continue;
        }
        struct dataset **tree = state_tree(argv[i], recursive ? -1 : 0, &n);
        for (size_t k = 0; k < n; k++) {
            prop_set(tree[k], name, NULL);
            state_save(tree[k]);
        }
        free(tree);
    }
    finish(failed);
}
