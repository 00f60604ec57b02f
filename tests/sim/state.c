#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "statefile.h"
#include "str.h"
#include "u64map.h"
#include "world.h"

/* What was read, by the hash of its name. */
static struct dataset **opened;
static size_t opened_n, opened_cap;
static struct u64map by_name;

static uint64_t hash(const char *s)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3U;
    return h;
}

static void remember(struct dataset *ds)
{
    if (by_name.slots == NULL)
        u64map_init(&by_name, 64);
    opened = mem_grow(opened, opened_n, &opened_cap, sizeof(struct dataset *));
    opened[opened_n] = ds;
    u64map_put(&by_name, hash(ds->name), opened_n++);
}

static struct dataset *recall(const char *name)
{
    size_t at = by_name.slots == NULL ? U64MAP_NONE : u64map_get(&by_name, hash(name));
    if (at == U64MAP_NONE || opened[at] == NULL || strcmp(opened[at]->name, name) != 0)
        return NULL;
    return opened[at];
}

static void free_dataset(struct dataset *ds)
{
    if (ds == NULL)
        return;
    free(ds->snaps);
    free(ds->bookmarks);
    free(ds->holds);
    free(ds->clones);
    free(ds->props);
    free(ds);
}

void state_forget(void)
{
    for (size_t i = 0; i < opened_n; i++)
        free_dataset(opened[i]);
    free(opened);
    opened = NULL;
    opened_n = opened_cap = 0;
    u64map_fini(&by_name);
    by_name = (struct u64map){.slots = NULL};
}

const char *state_file(const char *dataset, const char *file)
{
    return world_path("%s/%s/%s", world_machine_name(), dataset, file);
}

/* Not a name that leads out of the state. */
static bool is_safe(const char *name)
{
    if (*name == '\0' || *name == '/' || strchr(name, '@') != NULL)
        return false;
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        size_t len = strcspn(at, "/");
        if (len == 0 || (at[0] == '.' && len <= 2 && at[len - 1] == '.'))
            return false;
    }
    return strlen(name) <= NAME_MAX_LEN;
}

struct dataset *state_open(const char *name)
{
    struct dataset *ds = recall(name);
    if (ds != NULL || !is_safe(name))
        return ds;
    size_t len;
    char *text = world_read_file(state_file(name, "@"), &len);
    if (text == NULL)
        return NULL;
    ds = statefile_read(name, text, len);
    free(text);
    remember(ds);
    return ds;
}

struct dataset *state_parent(struct dataset *ds)
{
    const char *name = name_parent(ds->name);
    if (ds->parent == NULL && name != NULL)
        ds->parent = state_open(name);
    return ds->parent;
}

struct dataset *state_new(const char *name, bool volume)
{
    struct dataset *ds = mem_zalloc(1, sizeof(*ds));
    ds->name = world_keep(name);
    ds->volume = volume;
    ds->guid = world_next_guid();
    ds->txg = world_next_txg();
    ds->creation = world_now();
    ds->referenced = volume ? 12288 : 24576;
    ds->pending = ds->referenced;
    const char *folder = world_path("%s/%s", world_machine_name(), name);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        world_panic("cannot make %s: %s", folder, strerror(errno));
    remember(ds);
    return ds;
}

void state_save(const struct dataset *ds)
{
    struct str text;
    str_init(&text);
    statefile_write(ds, &text);
    world_write_file(state_file(ds->name, "@"), text.s, text.len);
    str_fini(&text);
}

/* Removes the files that begin with "@", and the folder. */
void state_remove(struct dataset *ds)
{
    const char *folder = world_path("%s/%s", world_machine_name(), ds->name);
    DIR *stream = opendir(folder);
    struct dirent *entry;
    unlink(state_file(ds->name, "@"));
    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (entry->d_name[0] == '@')
            unlink(state_file(ds->name, entry->d_name));
    if (stream != NULL)
        closedir(stream);
    if (rmdir(folder) != 0)
        world_panic("cannot remove %s: %s", folder, strerror(errno));
    for (size_t i = 0; i < opened_n; i++)
        if (opened[i] == ds)
            opened[i] = NULL;
    free_dataset(ds);
}

void state_rename(const char *from, const char *to)
{
    const char *new_folder = world_path("%s/%s", world_machine_name(), to);
    if (rename(world_path("%s/%s", world_machine_name(), from), new_folder) != 0)
        world_panic("cannot rename to %s: %s", new_folder, strerror(errno));
    state_forget();
}

/* ---- trees ---- */

struct tree {
    struct dataset **v;
    size_t n, cap;
};

/* The names of the folders in a dataset's, or in the machine's ("" ), without order. */
static char **child_names(const char *name, size_t *ret_n)
{
    char **names = NULL;
    size_t cap = 0;
    struct dirent *entry;
    *ret_n = 0;
    DIR *stream = opendir(world_path("%s/%s", world_machine_name(), name));
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '@' || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        names = mem_grow(names, *ret_n, &cap, sizeof(*names));
        names[(*ret_n)++] = mem_strdup(entry->d_name);
    }
    if (stream != NULL)
        closedir(stream);
    return names;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

bool state_has_children(const char *name)
{
    size_t n;
    char **names = child_names(name, &n);
    free_names(names, n);
    return n > 0;
}

static void add_tree(struct tree *tree, const char *name, struct dataset *parent, int depth)
{
    struct dataset *ds = name[0] == '\0' ? NULL : state_open(name);
    if (ds != NULL) {
        ds->parent = parent;
        tree->v = mem_grow(tree->v, tree->n, &tree->cap, sizeof(struct dataset *));
        tree->v[tree->n++] = ds;
    } else if (name[0] != '\0') {
        return;
    }
    if (depth == 0)
        return;
    size_t n;
    char **names = child_names(name, &n);
    for (size_t i = 0; i < n; i++) {
        char full[NAME_MAX_LEN * 2 + 2];
        snprintf(full, sizeof(full), "%s%s%.255s", name, name[0] == '\0' ? "" : "/", names[i]);
        add_tree(tree, full, ds, depth - 1);
    }
    free_names(names, n);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct dataset *const *)a)->name, (*(struct dataset *const *)b)->name);
}

struct dataset **state_tree(const char *name, int depth, size_t *ret_n)
{
    struct tree tree = {.v = NULL};
    struct dataset *ds = name[0] == '\0' ? NULL : state_open(name);
    add_tree(&tree, name, ds == NULL ? NULL : ds->parent, depth);
    if (tree.n > 1)
        qsort(tree.v, tree.n, sizeof(struct dataset *), compare_names);
    *ret_n = tree.n;
    return tree.v;
}

/* ---- pools and names ---- */

const char *name_pool(const char *name)
{
    return world_keep_bytes(name, strcspn(name, "/@#"));
}

const char *name_parent(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? NULL : world_keep_bytes(name, (size_t)(slash - name));
}

const char *name_split(const char *full, const char *marks, const char **ret_dataset)
{
    size_t len = strcspn(full, marks);
    if (full[len] == '\0')
        return NULL;
    *ret_dataset = world_keep_bytes(full, len);
    return full + len + 1;
}

bool state_is_suspended(const char *name)
{
    return access(state_file(name_pool(name), "@suspended"), F_OK) == 0;
}

/* What an interrupted receive has taken in is counted, too: it is in the first line of its file. */
static uint64_t partial_bytes(const char *name)
{
    char *text = world_read_file(state_file(name, "@recv"), NULL);
    uint64_t bytes = text == NULL ? 0 : strtoull(text, NULL, 10);
    free(text);
    return bytes;
}

uint64_t state_referenced(const struct dataset *ds)
{
    return ds->referenced + (ds->inconsistent ? partial_bytes(ds->name) : 0);
}

uint64_t state_room(const char *name)
{
    struct dataset *pool = state_open(name_pool(name));
    if (pool == NULL || pool->pool_size == 0)
        return UINT64_MAX;
    size_t n;
    uint64_t used = 0;
    struct dataset **tree = state_tree(pool->name, -1, &n);
    for (size_t i = 0; i < n; i++) {
        used += tree[i]->referenced + partial_bytes(tree[i]->name);
        for (size_t k = 0; k < tree[i]->snap_n; k++)
            used += tree[i]->snaps[k].used;
    }
    free(tree);
    return used < pool->pool_size ? pool->pool_size - used : 0;
}
