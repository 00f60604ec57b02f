/* zfs destroy. */
#include "destroy.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "mem.h"
#include "output.h"
#include "stream.h"
#include "world.h"

/* ---- busy snapshots: a locked file "@send-GUID-PID" each ---- */

void busy_mark(const struct dataset *ds, const struct snap *snap)
{
    char file[80];
    snprintf(file, sizeof(file), "@send-%" PRIu64 "-%ld", snap->guid, (long)getpid());
    world_lock_file(state_file(ds->name, file)); /* stays open, and locked */
}

/* A file that nobody has locked any more goes. */
static bool is_locked(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (!locked)
        unlink(path);
    close(fd);
    return locked;
}

bool busy_is(const struct dataset *ds, const struct snap *snap)
{
    char prefix[64] = "@send-";
    bool busy = false;
    struct dirent *entry;
    DIR *stream = opendir(state_file(ds->name, ""));
    if (snap != NULL)
        snprintf(prefix, sizeof(prefix), "@send-%" PRIu64 "-", snap->guid);
    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            busy = is_locked(state_file(ds->name, entry->d_name)) || busy;
    if (stream != NULL)
        closedir(stream);
    return busy;
}

/* ---- what the others use ---- */

void destroy_snap(struct dataset *ds, struct snap *snap)
{
    for (size_t i = 0; i < ds->hold_n; i++)
        if (strcmp(ds->holds[i].snap, snap->name) == 0)
            ds->holds[i--] = ds->holds[--ds->hold_n];
    snap_remove(ds, snap);
}

void destroy_dataset(struct dataset *ds)
{
    clone_unlink(ds);
    state_remove(ds);
}

/* ---- snapshots ---- */

/* The snapshots that are to go, of one dataset. */
struct doomed {
    struct dataset *ds;
    const char **names;
    size_t n, cap;
};

static void doom(struct doomed *doomed, const char *name)
{
    doomed->names = mem_grow(doomed->names, doomed->n, &doomed->cap, sizeof(*doomed->names));
    doomed->names[doomed->n++] = name;
}

/* "a", or "a%b" with either end left out; names that are not there are passed over. */
static void doom_range(struct doomed *doomed, const char *range)
{
    const struct dataset *ds = doomed->ds;
    const char *first = NULL;
    const char *last = name_split(range, "%", &first);
    if (last == NULL) {
        if (snap_find(ds, range) != NULL)
            doom(doomed, world_keep(range));
        return;
    }
    const struct snap *from = first[0] == '\0' ? ds->snaps : snap_find(ds, first);
    const struct snap *to = last[0] == '\0' ? snap_newest(ds) : snap_find(ds, last);
    for (const struct snap *snap = from; snap != NULL && to != NULL && snap <= to; snap++)
        doom(doomed, snap->name);
}

/* The base of an increment that is being received, or was, has a hidden clone. */
static bool is_base_of_receive(const struct dataset *ds, const struct snap *snap)
{
    struct partial partial;
    return partial_read(ds->name, &partial) && partial.begin.from_guid == snap->guid;
}

static void refuse_clones(const struct dataset *ds, const struct snap *snap)
{
    bool receives = is_base_of_receive(ds, snap);
    if (!receives && snap_clone(ds, snap->name) == NULL)
        return;
    complain("cannot destroy '%s@%s': snapshot has dependent clones\n"
             "use '-R' to destroy the following datasets:\n",
             ds->name, snap->name);
    for (size_t i = 0; i < ds->clone_n; i++)
        if (strcmp(ds->clones[i].snap, snap->name) == 0)
            complain("%s\n", ds->clones[i].dataset);
    if (receives)
        complain("%s/%%recv\n", ds->name);
    finish(1);
}

/* All or none: ends the program where one of them must stay. */
static void check_doomed(const struct doomed *doomed)
{
    for (size_t i = 0; i < doomed->n; i++)
        refuse_clones(doomed->ds, snap_find(doomed->ds, doomed->names[i]));
    for (size_t i = 0; i < doomed->n; i++) {
        const char *name = doomed->names[i];
        if (snap_holds(doomed->ds, name) > 0)
            fail(1,
                 "cannot destroy snapshot %s@%s: it's being held. Run 'zfs holds -r %s@%s' to see "
                 "holders.\n",
                 doomed->ds->name, name, doomed->ds->name, name);
        if (busy_is(doomed->ds, snap_find(doomed->ds, name)))
            fail(1, "cannot destroy snapshot %s@%s: dataset is busy\n", doomed->ds->name, name);
    }
}

struct destroy_options {
    bool recursive, clones, dry_run, verbose, parsable;
};

/* A clone of a doomed snapshot goes before it with -R. */
static void destroy_clones(struct dataset *ds, const char *snap)
{
    const struct clone *clone;
    while ((clone = snap_clone(ds, snap)) != NULL) {
        struct dataset *of = state_open(clone->dataset);
        if (of == NULL || state_has_children(of->name))
            fail(1, "cannot destroy '%s': dataset is busy\n", clone->dataset);
        destroy_dataset(of);
    }
}

static void destroy_doomed(const struct doomed *doomed, const struct destroy_options *o)
{
    for (size_t i = 0; i < doomed->n; i++) {
        if (o->verbose)
            str_add_format(output_text(), o->parsable ? "destroy\t%s@%s\n" : "%s@%s\n",
                           doomed->ds->name, doomed->names[i]);
        struct snap *snap = snap_find(doomed->ds, doomed->names[i]);
        if (!o->dry_run && snap != NULL)
            destroy_snap(doomed->ds, snap);
    }
    if (!o->dry_run && doomed->n > 0)
        state_save(doomed->ds);
}

static void doom_list(struct doomed *doomed, const char *list)
{
    char *copy = mem_strdup(list);
    for (char *word = strtok(copy, ","); word != NULL; word = strtok(NULL, ","))
        doom_range(doomed, world_keep(word));
    free(copy);
}

static _Noreturn void destroy_snapshots(const char *full, const struct destroy_options *o)
{
    const char *dataset;
    const char *list = name_split(full, "@", &dataset);
    size_t n;
    size_t found = 0;
    if (open_or_complain(dataset, dataset) == NULL)
        finish(1);
    struct dataset **tree = state_tree(dataset, o->recursive ? -1 : 0, &n);
    struct doomed *doomed = mem_zalloc(n, sizeof(*doomed));
    for (size_t i = 0; i < n; i++) {
        doomed[i].ds = tree[i];
        doom_list(&doomed[i], list);
        found += doomed[i].n;
        for (size_t k = 0; o->clones && !o->dry_run && k < doomed[i].n; k++)
            destroy_clones(tree[i], doomed[i].names[k]);
    }
    for (size_t i = 0; i < n; i++)
        check_doomed(&doomed[i]);
    for (size_t i = 0; i < n; i++) {
        destroy_doomed(&doomed[i], o);
        free(doomed[i].names);
    }
    free(doomed);
    free(tree);
    if (found == 0)
        fail(1, "could not find any snapshots to destroy; check snapshot names.\n");
    finish(0);
}

static _Noreturn void destroy_bookmark(const char *full)
{
    const char *dataset;
    const char *name = name_split(full, "#", &dataset);
    struct dataset *ds = state_open(dataset);
    struct snap *bookmark = ds == NULL ? NULL : bookmark_find(ds, name);
    if (bookmark == NULL)
        fail(1, "bookmark '%s' does not exist.\n", full);
    bookmark_remove(ds, bookmark);
    state_save(ds);
    finish(0);
}

/* ---- datasets ---- */

static void refuse_children(const char *name, struct dataset **tree, size_t n)
{
    if (n == 1 && tree[0]->snap_n == 0)
        return;
    complain("cannot destroy '%s': %s has children\nuse '-r' to destroy the following datasets:\n",
             name, tree[0]->volume ? "volume" : "filesystem");
    for (size_t i = n; i > 0; i--) {
        for (size_t k = 0; k < tree[i - 1]->snap_n; k++)
            complain("%s@%s\n", tree[i - 1]->name, tree[i - 1]->snaps[k].name);
        if (i > 1)
            complain("%s\n", tree[i - 1]->name);
    }
    finish(1);
}

/* Ends the program where something keeps a dataset from going. */
static void check_dataset(const struct dataset *ds)
{
    struct partial partial;
    if (partial_read(ds->name, &partial) && partial.busy)
        fail(1, "cannot destroy '%s': dataset is busy\n", ds->name);
    for (size_t i = 0; i < ds->snap_n; i++) {
        const char *name = ds->snaps[i].name;
        if (snap_holds(ds, name) > 0 || busy_is(ds, &ds->snaps[i]))
            fail(1, "cannot destroy snapshot %s@%s: dataset is busy\n", ds->name, name);
    }
}

/* A clone outside of the tree keeps what it comes from. */
static void check_clones(const struct dataset *ds, const char *top)
{
    size_t len = strlen(top);
    for (size_t i = 0; i < ds->clone_n; i++) {
        const char *clone = ds->clones[i].dataset;
        if (strncmp(clone, top, len) == 0 && (clone[len] == '/' || clone[len] == '\0'))
            continue;
        fail(1,
             "cannot destroy '%s': filesystem has dependent clones\n"
             "use '-R' to destroy the following datasets:\n%s\n",
             top, clone);
    }
}

static _Noreturn void destroy_tree(const char *name, const struct destroy_options *o)
{
    size_t n;
    if (open_or_complain(name, name) == NULL)
        finish(1);
    if (name_parent(name) == NULL && !o->recursive)
        fail(1, "cannot destroy '%s': operation does not apply to pools\n", name);
    struct dataset **tree = state_tree(name, -1, &n);
    if (!o->recursive && !o->clones)
        refuse_children(name, tree, n);
    for (size_t i = 0; i < n; i++) {
        check_dataset(tree[i]);
        if (!o->clones)
            check_clones(tree[i], name);
        for (size_t k = 0; o->clones && k < tree[i]->snap_n; k++)
            if (!o->dry_run)
                destroy_clones(tree[i], tree[i]->snaps[k].name);
    }
    for (size_t i = n; i > 0 && !o->dry_run; i--)
        if (name_parent(tree[i - 1]->name) != NULL)
            destroy_dataset(tree[i - 1]);
    free(tree);
    finish(0);
}

void zfs_destroy(int argc, char **argv)
{
    struct destroy_options o = {.recursive = false};
    for (int option; (option = getopt(argc, argv, "+dfnprRv")) != -1;) {
        o.recursive = o.recursive || option == 'r' || option == 'R';
        o.clones = o.clones || option == 'R';
        o.dry_run = o.dry_run || option == 'n';
        o.verbose = o.verbose || option == 'v';
        o.parsable = o.parsable || option == 'p';
        if (option == '?')
            unknown_option(optopt);
    }
    if (optind + 1 != argc)
        fail(2, "missing or too many dataset arguments\n");
    world_lock(true);
    if (strchr(argv[optind], '@') != NULL)
        destroy_snapshots(argv[optind], &o);
    if (strchr(argv[optind], '#') != NULL)
        destroy_bookmark(argv[optind]);
    destroy_tree(argv[optind], &o);
}
