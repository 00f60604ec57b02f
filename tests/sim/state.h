/*
 * The datasets of one machine: a folder each below state/MACHINE, with the file "@" for what it is
 * and has, and its children as folders in it. "@" can stand in no name, so what begins with it is
 * ours. All of it needs the machine's lock.
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_LEN 255

struct snap {
    const char *name;
    uint64_t guid, txg;
    int64_t creation;
    uint64_t referenced, written;
    uint64_t used; /* what only it refers to */
};

struct hold {
    const char *snap, *tag;
    int64_t time;
};

struct clone {
    const char *snap, *dataset;
};

struct prop {
    const char *name, *value;
};

struct dataset {
    const char *name;
    struct dataset *parent; /* NULL: a pool, or not looked for yet */
    bool volume, mounted, inconsistent;
    uint64_t guid, txg;
    int64_t creation, changed; /* changed: when its snapshots last did, 0: never */
    uint64_t volsize;
    uint64_t referenced; /* by what is live */
    uint64_t pending;    /* written since the newest snapshot */
    uint64_t pool_size;  /* of a pool: 0 is endless */
    const char *origin;  /* NULL: no clone */
    struct snap *snaps, *bookmarks;
    struct hold *holds;
    struct clone *clones;
    struct prop *props;
    size_t snap_n, snap_cap, bookmark_n, bookmark_cap, hold_n, hold_cap, clone_n, clone_cap, prop_n,
        prop_cap;
};

/* The dataset, or NULL. Each is read once and stays valid until state_forget. */
struct dataset *state_open(const char *name);

/* The dataset that it lies in, or NULL for a pool. */
struct dataset *state_parent(struct dataset *ds);

/* Makes a dataset whose parent exists; state_save writes it. */
struct dataset *state_new(const char *name, bool volume);

void state_save(const struct dataset *ds);

/* Removes a dataset that has no children. */
void state_remove(struct dataset *ds);

/* Gives a dataset, and with it all below, another name. All that was opened is forgotten. */
void state_rename(const char *from, const char *to);

/* Forgets what was read: after the lock was let go. */
void state_forget(void);

bool state_has_children(const char *name);

/* `name` and what lies below it to `depth` levels (-1: all), sorted by name. "" is all pools.
 * The caller frees the array. */
struct dataset **state_tree(const char *name, int depth, size_t *ret_n);

/* Whether the pool that `name` lies in is suspended. */
bool state_is_suspended(const char *name);

/* The path of a file of the dataset: "@recv". */
const char *state_file(const char *dataset, const char *file);

/* What it holds, with what a first receive has brought so far. */
uint64_t state_referenced(const struct dataset *ds);

/* What a pool still has room for; UINT64_MAX where it has no size. */
uint64_t state_room(const char *name);

struct snap *snap_find(const struct dataset *ds, const char *name);
struct snap *snap_find_guid(const struct dataset *ds, uint64_t guid);
struct snap *snap_newest(const struct dataset *ds); /* or NULL */
struct snap *snap_add(struct dataset *ds, const struct snap *snap);
void snap_remove(struct dataset *ds, struct snap *snap);
struct snap *bookmark_find(const struct dataset *ds, const char *name);
void bookmark_add(struct dataset *ds, const struct snap *bookmark);
void bookmark_remove(struct dataset *ds, struct snap *bookmark);
void hold_add(struct dataset *ds, const char *snap, const char *tag); /* now */
size_t snap_holds(const struct dataset *ds, const char *snap);
const struct clone *snap_clone(const struct dataset *ds, const char *snap); /* the first, or NULL */

const char *prop_get(const struct dataset *ds, const char *name);       /* its own value, or NULL */
void prop_set(struct dataset *ds, const char *name, const char *value); /* NULL: removes it */

/* What the origins of `ds` call it, or no longer. */
void clone_link(const struct dataset *ds);
void clone_unlink(const struct dataset *ds);

/* The pool or the parent in a name; valid to the end of the process. */
const char *name_pool(const char *name);
const char *name_parent(const char *name); /* NULL for a pool */

/* Splits "tank/data@a" at the first of `marks`; NULL where there is none. The part behind it. */
const char *name_split(const char *full, const char *marks, const char **ret_dataset);

#endif
