#include "select.h"

#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "mem.h"
#include "output.h"
#include "world.h"

unsigned types_parse(char *list)
{
    static const struct {
        const char *name;
        unsigned type;
    } NAMES[] = {{"filesystem", TYPE_FILESYSTEM}, {"fs", TYPE_FILESYSTEM},
                 {"volume", TYPE_VOLUME},         {"vol", TYPE_VOLUME},
                 {"snapshot", TYPE_SNAPSHOT},     {"snap", TYPE_SNAPSHOT},
                 {"bookmark", TYPE_BOOKMARK},     {"all", 15}};
    unsigned types = 0;
    for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
        unsigned type = 0;
        for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
            if (strcmp(NAMES[i].name, word) == 0)
                type = NAMES[i].type;
        if (type == 0) {
            complain("invalid type '%s'\n", word);
            usage("see zfs(8)");
        }
        types |= type;
    }
    return types;
}

static void add(struct selection *selection, struct dataset *ds, const struct snap *snap,
                bool bookmark)
{
    selection->v = mem_grow(selection->v, selection->n, &selection->cap, sizeof(*selection->v));
    selection->v[selection->n++] = (struct entry){.ds = ds, .snap = snap, .bookmark = bookmark};
}

static void add_snaps(struct selection *selection, struct dataset *ds, unsigned types)
{
    for (size_t i = 0; (types & TYPE_SNAPSHOT) && i < ds->snap_n; i++)
        add(selection, ds, &ds->snaps[i], false);
    for (size_t i = 0; (types & TYPE_BOOKMARK) && i < ds->bookmark_n; i++)
        add(selection, ds, &ds->bookmarks[i], true);
}

/* How many components lie between `top` and the dataset. */
static int depth_below(const struct dataset *ds, const char *top)
{
    int depth = top[0] == '\0' ? 1 : 0;
    for (const char *p = ds->name + strlen(top); *p != '\0'; p++)
        depth += *p == '/';
    return depth;
}

/* Snapshots count as a level of their own. */
static void add_tree(struct selection *selection, const char *name, unsigned types, int depth)
{
    size_t n;
    bool snaps = types & (TYPE_SNAPSHOT | TYPE_BOOKMARK);
    struct dataset **tree = state_tree(name, depth, &n);
    for (size_t i = 0; i < n; i++) {
        if (types & (tree[i]->volume ? TYPE_VOLUME : TYPE_FILESYSTEM))
            add(selection, tree[i], NULL, false);
        if (snaps && (depth < 0 || depth_below(tree[i], name) < depth))
            add_snaps(selection, tree[i], types);
    }
    free(tree);
}

static void add_dataset(struct selection *selection, const char *name)
{
    unsigned types = selection->types == 0 ? TYPE_FILESYSTEM | TYPE_VOLUME : selection->types;
    int depth = selection->recursive ? selection->depth : 0;
    if (open_or_complain(name, name) == NULL) {
        selection->failed = true;
        return;
    }
    /* With no dataset asked for, the dataset stands for its snapshots. */
    if (!selection->recursive && !(types & (TYPE_FILESYSTEM | TYPE_VOLUME)))
        depth = 1;
    add_tree(selection, name, types, depth);
}

static void add_bookmark(struct selection *selection, const char *full)
{
    const char *dataset;
    const char *name = name_split(full, "#", &dataset);
    struct dataset *ds = state_open(dataset);
    const struct snap *bookmark = ds == NULL ? NULL : bookmark_find(ds, name);
    if (bookmark != NULL) {
        add(selection, ds, bookmark, true);
        return;
    }
    complain("cannot open '%s': no such pool or dataset\n", full);
    selection->failed = true;
}

void selection_add(struct selection *selection, const char *name)
{
    struct dataset *ds = NULL;
    if (name == NULL) {
        unsigned types = selection->types == 0 ? TYPE_FILESYSTEM | TYPE_VOLUME : selection->types;
        add_tree(selection, "", types, selection->recursive ? selection->depth : -1);
    } else if (strchr(name, '@') != NULL) {
        const struct snap *snap = open_snap_or_complain(name, &ds);
        if (snap != NULL)
            add(selection, ds, snap, false);
        else
            selection->failed = true;
    } else if (strchr(name, '#') != NULL) {
        add_bookmark(selection, name);
    } else {
        add_dataset(selection, name);
    }
}

/* zfs compares the names up to "@": a bookmark is "tank/a#b" to it, which need not follow the
 * snapshots of tank/a at once. */
int selection_compare(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->ds == y->ds && !x->bookmark && !y->bookmark) {
        uint64_t tx = x->snap == NULL ? 0 : x->snap->txg;
        uint64_t ty = y->snap == NULL ? 0 : y->snap->txg;
        return tx < ty ? -1 : tx > ty;
    }
    if (!x->bookmark && !y->bookmark)
        return strcmp(x->ds->name, y->ds->name);
    struct str left;
    struct str right;
    str_init(&left);
    str_init(&right);
    str_add(&left, x->ds->name);
    str_add(&right, y->ds->name);
    if (x->bookmark)
        str_add_format(&left, "#%s", x->snap->name);
    if (y->bookmark)
        str_add_format(&right, "#%s", y->snap->name);
    int order = strcmp(left.s, right.s);
    str_fini(&left);
    str_fini(&right);
    return order;
}

void selection_sort(struct selection *selection)
{
    if (selection->n > 1)
        qsort(selection->v, selection->n, sizeof(*selection->v), selection_compare);
}
