/* Snapshots, bookmarks, holds, clones and properties of one dataset: see state.h. */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "state.h"
#include "world.h"

struct snap *snap_find(const struct dataset *ds, const char *name)
{
    for (size_t i = 0; i < ds->snap_n; i++)
        if (strcmp(ds->snaps[i].name, name) == 0)
            return &ds->snaps[i];
    return NULL;
}

struct snap *snap_find_guid(const struct dataset *ds, uint64_t guid)
{
    for (size_t i = 0; i < ds->snap_n; i++)
        if (ds->snaps[i].guid == guid)
            return &ds->snaps[i];
    return NULL;
}

/* They are kept in the order of their creation. */
struct snap *snap_newest(const struct dataset *ds)
{
    return ds->snap_n == 0 ? NULL : &ds->snaps[ds->snap_n - 1];
}

struct snap *snap_add(struct dataset *ds, const struct snap *snap)
{
    ds->snaps = mem_grow(ds->snaps, ds->snap_n, &ds->snap_cap, sizeof(*ds->snaps));
    ds->snaps[ds->snap_n] = *snap;
    return &ds->snaps[ds->snap_n++];
}

/* What it had written is now the next one's: increments over it stay as large. */
void snap_remove(struct dataset *ds, struct snap *snap)
{
    size_t at = (size_t)(snap - ds->snaps);
    if (at + 1 < ds->snap_n)
        ds->snaps[at + 1].written += snap->written;
    else
        ds->pending += snap->written;
    memmove(snap, snap + 1, (ds->snap_n - at - 1) * sizeof(*snap));
    ds->snap_n--;
    ds->changed = world_now();
}

struct snap *bookmark_find(const struct dataset *ds, const char *name)
{
    for (size_t i = 0; i < ds->bookmark_n; i++)
        if (strcmp(ds->bookmarks[i].name, name) == 0)
            return &ds->bookmarks[i];
    return NULL;
}

void bookmark_add(struct dataset *ds, const struct snap *bookmark)
{
    ds->bookmarks =
        mem_grow(ds->bookmarks, ds->bookmark_n, &ds->bookmark_cap, sizeof(*ds->bookmarks));
    ds->bookmarks[ds->bookmark_n++] = *bookmark;
}

void bookmark_remove(struct dataset *ds, struct snap *bookmark)
{
    size_t at = (size_t)(bookmark - ds->bookmarks);
    memmove(bookmark, bookmark + 1, (ds->bookmark_n - at - 1) * sizeof(*bookmark));
    ds->bookmark_n--;
}

void hold_add(struct dataset *ds, const char *snap, const char *tag)
{
    ds->holds = mem_grow(ds->holds, ds->hold_n, &ds->hold_cap, sizeof(*ds->holds));
    ds->holds[ds->hold_n++] = (struct hold){world_keep(snap), world_keep(tag), world_now()};
}

size_t snap_holds(const struct dataset *ds, const char *snap)
{
    size_t count = 0;
    for (size_t i = 0; i < ds->hold_n; i++)
        count += strcmp(ds->holds[i].snap, snap) == 0;
    return count;
}

const struct clone *snap_clone(const struct dataset *ds, const char *snap)
{
    for (size_t i = 0; i < ds->clone_n; i++)
        if (strcmp(ds->clones[i].snap, snap) == 0)
            return &ds->clones[i];
    return NULL;
}

const char *prop_get(const struct dataset *ds, const char *name)
{
    for (size_t i = 0; i < ds->prop_n; i++)
        if (strcmp(ds->props[i].name, name) == 0)
            return ds->props[i].value;
    return NULL;
}

void prop_set(struct dataset *ds, const char *name, const char *value)
{
    size_t at = 0;
    while (at < ds->prop_n && strcmp(ds->props[at].name, name) != 0)
        at++;
    if (value == NULL) {
        if (at < ds->prop_n)
            ds->props[at] = ds->props[--ds->prop_n];
        return;
    }
    if (at == ds->prop_n) {
        ds->props = mem_grow(ds->props, ds->prop_n, &ds->prop_cap, sizeof(*ds->props));
        ds->prop_n++;
    }
    ds->props[at] = (struct prop){world_keep(name), world_keep(value)};
}

void clone_link(const struct dataset *ds)
{
    const char *origin;
    const char *snap = ds->origin == NULL ? NULL : name_split(ds->origin, "@", &origin);
    struct dataset *of = snap == NULL ? NULL : state_open(origin);
    if (of == NULL)
        return;
    of->clones = mem_grow(of->clones, of->clone_n, &of->clone_cap, sizeof(*of->clones));
    of->clones[of->clone_n++] = (struct clone){world_keep(snap), ds->name};
    state_save(of);
}

void clone_unlink(const struct dataset *ds)
{
    const char *origin;
    const char *snap = ds->origin == NULL ? NULL : name_split(ds->origin, "@", &origin);
    struct dataset *of = snap == NULL ? NULL : state_open(origin);
    if (of == NULL)
        return;
    for (size_t i = 0; i < of->clone_n; i++)
        if (strcmp(of->clones[i].dataset, ds->name) == 0)
            of->clones[i--] = of->clones[--of->clone_n];
    state_save(of);
}
