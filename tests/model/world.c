#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "model.h"

#define GUIDS(w) (2 * (w)->cap + 1)

/* Names are interned: one pointer a name, as the inventory's pool has it. */
static const char *name_of(unsigned type, size_t k)
{
    static char names[TYPE_COUNT][SIZE_LIMIT + ARRIVALS + 1][8];
    char *name = names[type][k];
    if (name[0] == '\0')
        snprintf(name, sizeof(names[0][0]), "%c-%u", "abx"[type], (unsigned)k % 100000);
    return name;
}

struct world *world_new(size_t cap)
{
    struct world *w = mem_zalloc(1, sizeof(*w));
    w->cap = cap;
    for (int side = 0; side < SIDE_COUNT; side++) {
        w->v[side] = mem_zalloc(cap, sizeof(*w->v[side]));
        w->has[side] = mem_zalloc(GUIDS(w), sizeof(bool));
    }
    return w;
}

void world_free(struct world *w)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        free(w->v[side]);
        free(w->has[side]);
    }
    free(w);
}

void world_clear(struct world *w)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        w->n[side] = 0;
        memset(w->has[side], 0, GUIDS(w) * sizeof(bool));
    }
    w->marked = w->written = false;
}

void world_copy(struct world *dst, const struct world *src)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        dst->n[side] = src->n[side];
        memcpy(dst->v[side], src->v[side], src->n[side] * sizeof(*src->v[side]));
        memcpy(dst->has[side], src->has[side], GUIDS(src) * sizeof(bool));
    }
    dst->mark = src->mark;
    dst->marked = src->marked;
    dst->written = src->written;
}

/* The worlds that are lent, and those that were. */
static struct {
    struct world *v[64];
    size_t n;
} shelf;

struct world *world_borrow(const struct world *like)
{
    if (shelf.n == sizeof(shelf.v) / sizeof(shelf.v[0]))
        abort();
    struct world **slot = &shelf.v[shelf.n++];
    if (*slot != NULL && (*slot)->cap != like->cap) {
        world_free(*slot);
        *slot = NULL;
    }
    if (*slot == NULL)
        *slot = world_new(like->cap);
    world_copy(*slot, like);
    return *slot;
}

void world_return(struct world *w)
{
    if (shelf.n == 0 || shelf.v[shelf.n - 1] != w)
        abort();
    shelf.n--;
}

void world_add(struct world *w, size_t k, unsigned type, int64_t creation, enum placement place,
               unsigned flags)
{
    struct snapshot snap = {.guid = k,
                            .createtxg = 10 * k,
                            .creation = creation,
                            .name = name_of(type, k),
                            .flags = flags};
    if (place != PLACE_REMOTE) {
        w->v[SIDE_LOCAL][w->n[SIDE_LOCAL]++] = snap;
        w->has[SIDE_LOCAL][snap.guid] = true;
    }
    if (place == PLACE_LOCAL)
        return;
    snap.createtxg = 13 * k; /* another pool: its numbers mean nothing here */
    if (place == PLACE_OTHER_GUID)
        snap.guid += w->cap;
    w->v[SIDE_REMOTE][w->n[SIDE_REMOTE]++] = snap;
    w->has[SIDE_REMOTE][snap.guid] = true;
}

void world_destroy(struct world *w, enum side side, size_t place)
{
    w->has[side][w->v[side][place].guid] = false;
    w->n[side]--;
    memmove(&w->v[side][place], &w->v[side][place + 1],
            (w->n[side] - place) * sizeof(w->v[side][0]));
}

size_t world_find(const struct world *w, enum side side, uint64_t guid)
{
    if (!w->has[side][guid])
        return SIZE_MAX;
    size_t i = w->n[side];
    while (w->v[side][--i].guid != guid)
        ;
    return i;
}

bool world_has(const struct world *w, enum side side, uint64_t guid)
{
    return w->has[side][guid];
}

bool world_has_base(const struct world *w)
{
    for (size_t j = w->n[SIDE_REMOTE]; j-- > 0;)
        if (w->has[SIDE_LOCAL][w->v[SIDE_REMOTE][j].guid])
            return true;
    return w->marked && w->has[SIDE_REMOTE][w->mark.guid];
}

void world_bookmark(struct world *w, const struct snapshot *snap)
{
    w->mark = *snap;
    w->mark.flags = 0;
    w->marked = true;
}

size_t world_number(const struct world *w, uint64_t guid)
{
    return guid > w->cap ? guid - w->cap : guid;
}

void world_mark(struct world *w, size_t k)
{
    for (int side = SIDE_COUNT; side-- > 0;) {
        for (size_t i = 0; i < w->n[side]; i++) {
            if (world_number(w, w->v[side][i].guid) != k)
                continue;
            world_bookmark(w, &w->v[side][i]);
            /* of another guid: destroyed here, and then came another of the same name */
            w->mark.createtxg = w->v[side][i].guid != k ? 10 * k - 5 : 10 * k;
            return;
        }
    }
}

void world_view(const struct world *w, struct dataset *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->name = "";
    for (int side = 0; side < SIDE_COUNT; side++) {
        ret->side[side].listed = true;
        ret->side[side].exists = side == SIDE_LOCAL || w->n[side] > 0;
        ret->side[side].snapshots =
            (struct snapset){.v = w->v[side], .n = w->n[side], .cap = w->cap, .sorted = true};
    }
    ret->side[SIDE_LOCAL].bookmarks = (struct snapset){
        .v = (struct snapshot *)&w->mark, .n = w->marked, .cap = 1, .sorted = true};
}

void world_print(const struct world *w)
{
    for (int side = 0; side < SIDE_COUNT; side++) {
        printf("#   %s:", side_name((enum side)side));
        for (size_t i = 0; i < w->n[side]; i++)
            printf(" %s#%llu@%lld/%llu%s", w->v[side][i].name,
                   (unsigned long long)w->v[side][i].guid, (long long)w->v[side][i].creation,
                   (unsigned long long)w->v[side][i].createtxg,
                   (w->v[side][i].flags & PINNED) != 0 ? "!" : "");
        printf("\n");
    }
    if (w->marked)
        printf("#   bookmark of #%llu/%llu\n", (unsigned long long)w->mark.guid,
               (unsigned long long)w->mark.createtxg);
    if (w->written)
        printf("#   the remote was written to\n");
}
