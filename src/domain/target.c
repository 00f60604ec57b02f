#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "names.h"
#include "u64map.h"

/* Where a type stands in the two policies. */
struct kind {
    uint32_t entry[SIDE_COUNT]; /* UNNAMED where the policy does not name it */
};
#define UNNAMED UINT32_MAX

/* One snapshot of the union of both sides. */
struct item {
    int64_t creation;
    uint64_t createtxg; /* the local one where local has it */
    uint64_t guid;
    size_t place[SIDE_COUNT];     /* TARGET_NONE where the side lacks it */
    struct kind kind[SIDE_COUNT]; /* by the name that the side knows it by, or else the other */
};

struct items {
    struct item *v;
    size_t n;
};

/* What target_build works with. */
struct work {
    const struct dataset *ds;
    const struct rules *rules;
    struct target *target;
    struct items all; /* newest first, as policies count */
    size_t *partner;  /* of each remote snapshot: its place among the local ones, or NONE */
    bool *taken;      /* of each of `all`: the policy that was counted last keeps it */
    bool *gone;       /* of each of `all`: not to be counted */
    bool *wanted;     /* of each local snapshot: the remote's policy keeps it */
};

static const struct snapset *snapshots(const struct work *work, enum side side)
{
    return &work->ds->side[side].snapshots;
}

/* I2: newest by creation, then createtxg. Those of two pools cannot be compared: what that order
 * is worth is said by `certainly_newer`. */
static int newer_first(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    if (x->creation != y->creation)
        return x->creation > y->creation ? -1 : 1;
    if (x->createtxg != y->createtxg)
        return x->createtxg > y->createtxg ? -1 : 1;
    return (x->guid < y->guid) - (x->guid > y->guid);
}

/* Puts items into order: O(n) where the clock never stepped back. */
static void order(struct item *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (newer_first(&v[i - 1], &v[i]) > 0) {
            qsort(v, n, sizeof(*v), newer_first);
            return;
        }
    }
}

/* I1: matches the two sides by guid, and by nothing else. */
static void match_sides(struct work *work)
{
    const struct snapset *local = snapshots(work, SIDE_LOCAL);
    const struct snapset *remote = snapshots(work, SIDE_REMOTE);
    struct u64map by_guid;
    u64map_init(&by_guid, remote->n);
    for (size_t j = 0; j < remote->n; j++) {
        u64map_put(&by_guid, remote->v[j].guid, j);
        work->partner[j] = TARGET_NONE;
    }
    for (size_t i = 0; i < local->n; i++) {
        size_t j = u64map_get(&by_guid, local->v[i].guid);
        work->target->counterpart[i] = j == U64MAP_NONE ? TARGET_NONE : j;
        if (j != U64MAP_NONE)
            work->partner[j] = i;
    }
    u64map_fini(&by_guid);
}

static struct kind kind_of(const struct work *work, const char *name)
{
    struct kind kind;
    for (int side = 0; side < SIDE_COUNT; side++) {
        bool speaks = side == SIDE_LOCAL || work->rules->has_remote;
        size_t at = speaks ? policy_find(work->rules->policy[side], name) : SIZE_MAX;
        kind.entry[side] = at == SIZE_MAX ? UNNAMED : (uint32_t)at;
    }
    return kind;
}

static struct item item_of(const struct work *work, size_t local, size_t remote)
{
    const struct snapset *sets[] = {snapshots(work, SIDE_LOCAL), snapshots(work, SIDE_REMOTE)};
    bool only_remote = local == TARGET_NONE;
    const struct snapshot *snap =
        only_remote ? &sets[SIDE_REMOTE]->v[remote] : &sets[SIDE_LOCAL]->v[local];
    struct item item = {.creation = snap->creation,
                        .createtxg = snap->createtxg,
                        .guid = snap->guid,
                        .place = {local, remote}};
    item.kind[SIDE_LOCAL] = item.kind[SIDE_REMOTE] = kind_of(work, snap->name);
    /* Somebody may have renamed it on one side. */
    if (!only_remote && remote != TARGET_NONE && sets[SIDE_REMOTE]->v[remote].name != snap->name)
        item.kind[SIDE_REMOTE] = kind_of(work, sets[SIDE_REMOTE]->v[remote].name);
    return item;
}

/* The union, newest first: each side is in order almost always, so two lists are merged. */
static void unite(struct work *work)
{
    const struct snapset *local = snapshots(work, SIDE_LOCAL);
    const struct snapset *remote = snapshots(work, SIDE_REMOTE);
    struct item *v = mem_alloc((local->n + remote->n) * sizeof(*v));
    struct item *a = mem_alloc((local->n + remote->n) * sizeof(*a));
    for (size_t i = 0; i < local->n; i++)
        a[local->n - 1 - i] = item_of(work, i, work->target->counterpart[i]);
    order(a, local->n);
    struct item *b = a + local->n;
    size_t nb = 0;
    for (size_t j = remote->n; j-- > 0;)
        if (work->partner[j] == TARGET_NONE)
            b[nb++] = item_of(work, TARGET_NONE, j);
    order(b, nb);

    size_t i = 0;
    size_t j = 0;
    size_t n = 0;
    while (i < local->n || j < nb) {
        bool take_a = j == nb || (i < local->n && newer_first(&a[i], &b[j]) < 0);
        v[n++] = take_a ? a[i++] : b[j++];
    }
    free(a);
    work->all.v = v;
    work->all.n = n;
}

/* Whether `x`, created in the same second as `y`, is newer: where a side has both it knows. */
static bool certainly_newer(const struct item *x, const struct item *y)
{
    for (int side = 0; side < SIDE_COUNT; side++)
        if (x->place[side] != TARGET_NONE && y->place[side] != TARGET_NONE)
            return x->place[side] > y->place[side];
    return false;
}

/*
 * Whether the policy of `side` has room for number `k` of the union, when `used` are taken by
 * newer ones: [first, end) were created in the same second. In doubt it has. Were the doubt settled
 * by anything else, the order would change when a side destroys its copy, and what a plan kept the
 * next but one would destroy (I6).
 */
static bool has_room(const struct work *work, enum side side, size_t first, size_t end, size_t k,
                     uint64_t used)
{
    const struct item *all = work->all.v;
    uint32_t entry = all[k].kind[side].entry[side];
    uint64_t count = work->rules->policy[side]->v[entry].count;
    for (size_t i = first; i < end && used < count; i++)
        used += i != k && !work->gone[i] && all[i].kind[side].entry[side] == entry &&
                certainly_newer(&all[i], &all[k]);
    return used < count;
}

/* Counts from the newest what the policy of `side` keeps of the union, into work->taken. */
static void count_policy(struct work *work, enum side side)
{
    const struct item *all = work->all.v;
    uint64_t *used = mem_zalloc(work->rules->policy[side]->n, sizeof(*used));
    size_t end;
    for (size_t first = 0; first < work->all.n; first = end) {
        end = first + 1;
        while (end < work->all.n && all[end].creation == all[first].creation)
            end++;
        for (size_t k = first; k < end; k++) {
            uint32_t entry = all[k].kind[side].entry[side];
            work->taken[k] = !work->gone[k] && entry != UNNAMED &&
                             has_room(work, side, first, end, k, used[entry]);
        }
        for (size_t k = first; k < end; k++)
            if (!work->gone[k] && all[k].kind[side].entry[side] != UNNAMED)
                used[all[k].kind[side].entry[side]]++;
    }
    free(used);
}

/* Which local snapshots the remote's policy keeps, as counted last. */
static void mark_wanted(struct work *work)
{
    for (size_t k = 0; k < work->all.n; k++)
        if (work->all.v[k].place[SIDE_LOCAL] != TARGET_NONE)
            work->wanted[work->all.v[k].place[SIDE_LOCAL]] = work->taken[k];
}

/* Of what its policy keeps of the union, a side keeps what it has. */
static void keep_by_policy(struct work *work, enum side side)
{
    count_policy(work, side);
    for (size_t k = 0; k < work->all.n; k++)
        if (work->taken[k] && work->all.v[k].place[side] != TARGET_NONE)
            work->target->keep[side][work->all.v[k].place[side]] |= KEEP_POLICY;
}

/* Holds, clones and unmanaged types. */
static void keep_by_nature(struct work *work, enum side side)
{
    const struct snapset *set = snapshots(work, side);
    uint16_t *keep = work->target->keep[side];
    for (size_t k = 0; k < work->all.n; k++) {
        const struct item *item = &work->all.v[k];
        size_t i = item->place[side];
        if (i == TARGET_NONE)
            continue;
        const uint32_t *entry = item->kind[side].entry;
        bool managed = entry[SIDE_LOCAL] != UNNAMED || entry[SIDE_REMOTE] != UNNAMED;
        if (!managed && !work->rules->destroy_unmanaged[side])
            keep[i] |= KEEP_UNMANAGED;
        if (set->v[i].flags & SNAPSHOT_HELD)
            keep[i] |= KEEP_HELD;
        if (set->v[i].flags & SNAPSHOT_CLONED)
            keep[i] |= KEEP_CLONED;
    }
}

static void keep_shared(struct work *work, size_t local, unsigned reason)
{
    work->target->keep[SIDE_LOCAL][local] |= (uint16_t)reason;
    work->target->keep[SIDE_REMOTE][work->target->counterpart[local]] |= (uint16_t)reason;
}

/* The place among the local bookmarks of this guid, or NONE. */
static size_t bookmark_of(const struct work *work, uint64_t guid)
{
    return snapset_find(&work->ds->side[SIDE_LOCAL].bookmarks, guid);
}

/* The newest remote snapshot that a local bookmark stands for is a base and stays, unless a newer
 * one is shared: then nothing will ever start from it. */
static void keep_bookmarked(struct work *work)
{
    const struct snapset *bookmarks = &work->ds->side[SIDE_LOCAL].bookmarks;
    if (bookmarks->n == 0)
        return;
    struct u64map by_guid;
    u64map_init(&by_guid, bookmarks->n);
    for (size_t i = 0; i < bookmarks->n; i++)
        u64map_put(&by_guid, bookmarks->v[i].guid, i);
    const struct snapset *remote = snapshots(work, SIDE_REMOTE);
    for (size_t j = remote->n; j-- > 0 && work->partner[j] == TARGET_NONE;) {
        if (u64map_get(&by_guid, remote->v[j].guid) != U64MAP_NONE) {
            work->target->keep[SIDE_REMOTE][j] |= KEEP_LATEST_SHARED;
            break;
        }
    }
    u64map_fini(&by_guid);
}

static void keep_critical(struct work *work)
{
    const struct snapset *local = snapshots(work, SIDE_LOCAL);
    const struct snapset *remote = snapshots(work, SIDE_REMOTE);
    const size_t *counterpart = work->target->counterpart;
    if (work->rules->keep_baseline) {
        if (local->n > 0)
            work->target->keep[SIDE_LOCAL][0] |= KEEP_OLDEST;
        if (remote->n > 0)
            work->target->keep[SIDE_REMOTE][0] |= KEEP_OLDEST;
        size_t i = 0;
        while (i < local->n && counterpart[i] == TARGET_NONE)
            i++;
        if (i < local->n)
            keep_shared(work, i, KEEP_EARLIEST_SHARED);
    }
    /* Newest in the order of either side: they differ only where somebody received by hand. */
    for (size_t i = local->n; i-- > 0;) {
        if (counterpart[i] != TARGET_NONE) {
            keep_shared(work, i, KEEP_LATEST_SHARED);
            break;
        }
    }
    for (size_t j = remote->n; j-- > 0;) {
        if (work->partner[j] != TARGET_NONE) {
            keep_shared(work, work->partner[j], KEEP_LATEST_SHARED);
            break;
        }
    }
    keep_bookmarked(work);
}

/* What an increment would start from: the remote's newest snapshot, its counterpart among the
 * local snapshots, and, failing that, among the bookmarks. NONE where there is none. */
struct base {
    size_t remote, local, bookmark;
};

/* The base where `remote` (a place, or NONE) is the newest snapshot there. */
static struct base base_at(const struct work *work, size_t remote)
{
    struct base base = {remote, TARGET_NONE, TARGET_NONE};
    if (remote == TARGET_NONE)
        return base;
    base.local = work->partner[remote];
    if (base.local == TARGET_NONE)
        base.bookmark = bookmark_of(work, snapshots(work, SIDE_REMOTE)->v[remote].guid);
    return base;
}

static bool base_is_stray(const struct base *base)
{
    return base->remote != TARGET_NONE && base->local == TARGET_NONE &&
           base->bookmark == TARGET_NONE;
}

/* Whether local snapshot `i` is newer than the remote's newest: by createtxg where that is known
 * here (I2), else by creation, which is all there is. */
static bool is_newer_than(const struct work *work, const struct base *base, size_t i)
{
    const struct holding *local = &work->ds->side[SIDE_LOCAL];
    const struct snapshot *snap = &local->snapshots.v[i];
    if (base->remote == TARGET_NONE)
        return true;
    if (base->local != TARGET_NONE)
        return snap->createtxg > local->snapshots.v[base->local].createtxg;
    if (base->bookmark != TARGET_NONE)
        return snap->createtxg > local->bookmarks.v[base->bookmark].createtxg;
    return snap->creation > snapshots(work, SIDE_REMOTE)->v[base->remote].creation;
}

/* Whether neither side has the snapshot any more after this plan, nor could it be sent before. */
static bool vanishes(const struct work *work, const struct base *base, const struct item *item)
{
    size_t i = item->place[SIDE_LOCAL];
    size_t j = item->place[SIDE_REMOTE];
    if (j != TARGET_NONE && work->target->keep[SIDE_REMOTE][j] != 0)
        return false;
    if (i == TARGET_NONE)
        return true;
    return work->target->keep[SIDE_LOCAL][i] == 0 &&
           (j != TARGET_NONE || !is_newer_than(work, base, i));
}

/*
 * I6. A snapshot that takes a place in the remote's policy, cannot be sent, and goes with this plan
 * gives its place to another the next time. With a clock that stepped back the other can be one
 * that is sent; so what is wanted is counted once more without those that vanish. What the remote
 * has already lost its place in the first count.
 */
static void recount_wanted(struct work *work, const struct base *base)
{
    bool more = false;
    for (size_t k = 0; k < work->all.n; k++) {
        const struct item *item = &work->all.v[k];
        size_t i = item->place[SIDE_LOCAL];
        work->gone[k] = vanishes(work, base, item);
        more = more || (work->gone[k] && i != TARGET_NONE && work->wanted[i]);
    }
    if (!more)
        return;
    count_policy(work, SIDE_REMOTE);
    mark_wanted(work);
}

/* Whether local snapshot `i` belongs on a remote whose newest is `base`, and is not there. */
static bool is_to_send(const struct work *work, const struct base *base, size_t i)
{
    return work->wanted[i] && work->target->counterpart[i] == TARGET_NONE &&
           is_newer_than(work, base, i);
}

/*
 * I6, I7. The remote's newest is unknown here and would go, and what the remote wants of ours is
 * older, so nothing is sent. Without it the next plan would send that after all, as if it had been
 * destroyed to make way: so it stays, until somebody decides, or something newer of ours makes the
 * divergence plain.
 */
static void keep_stray(struct work *work, const struct base *base)
{
    uint16_t *keep = work->target->keep[SIDE_REMOTE];
    if (!base_is_stray(base) || keep[base->remote] != 0)
        return;
    size_t newest = base->remote;
    while (newest > 0 && keep[newest] == 0)
        newest--;
    struct base next = base_at(work, keep[newest] == 0 ? TARGET_NONE : newest);
    if (base_is_stray(&next))
        return;
    for (size_t i = 0; i < snapshots(work, SIDE_LOCAL)->n; i++) {
        if (work->target->keep[SIDE_LOCAL][i] != 0 && is_to_send(work, &next, i)) {
            keep[base->remote] |= KEEP_STRAY;
            return;
        }
    }
}

static void choose_what_to_send(struct work *work)
{
    struct target *target = work->target;
    struct base base = {target->base_remote, target->base_local, target->base_bookmark};
    recount_wanted(work, &base);
    for (size_t i = 0; i < snapshots(work, SIDE_LOCAL)->n; i++) {
        if (!is_to_send(work, &base, i))
            continue;
        target->keep[SIDE_LOCAL][i] |= KEEP_TO_SEND;
        target->send[target->send_count++] = i;
    }
    if (target->send_count == 0)
        keep_stray(work, &base);
}

static void check_divergence(struct work *work)
{
    struct target *target = work->target;
    struct base base = {target->base_remote, target->base_local, target->base_bookmark};
    if (target->send_count == 0 || !base_is_stray(&base))
        return;
    const struct snapset *local = snapshots(work, SIDE_LOCAL);
    const struct snapshot *theirs = &snapshots(work, SIDE_REMOTE)->v[target->base_remote];
    const struct snapshot *ours = &local->v[target->send[0]];
    size_t shared = local->n;
    while (shared > 0 && target->counterpart[shared - 1] == TARGET_NONE)
        shared--;
    char way_out[600];
    if (shared > 0)
        snprintf(way_out, sizeof(way_out),
                 "copy it to another dataset with zfs send and zfs receive, and then zfs rollback "
                 "-r the remote to %.250s, the newest that both sides have",
                 local->v[shared - 1].name);
    else
        snprintf(way_out, sizeof(way_out),
                 "as no snapshot is on both sides, zfs rename the remote dataset out of the way, "
                 "and a full copy is sent");
    err_set(&target->error, ERR_DIVERGED,
            "diverged: the remote's newest snapshot %s has no counterpart here, so %s cannot be "
            "sent; nothing was changed; to go on, destroy %s on the remote if it is not needed, "
            "or %s",
            theirs->name, ours->name, theirs->name, way_out);
}

/* I1: a name on the remote that stands for something else is in the way of a transfer. */
static void check_names(struct work *work)
{
    struct target *target = work->target;
    if (target->send_count == 0 || target->error.code != ERR_NONE)
        return;
    const struct snapset *remote = snapshots(work, SIDE_REMOTE);
    const struct snapset *local = snapshots(work, SIDE_LOCAL);
    struct u64map by_name; /* names are interned: one pointer a name */
    u64map_init(&by_name, remote->n);
    for (size_t j = 0; j < remote->n; j++)
        if (target->keep[SIDE_REMOTE][j] != 0)
            u64map_put(&by_name, (uintptr_t)remote->v[j].name, j);
    for (size_t k = 0; k < target->send_count; k++) {
        const struct snapshot *ours = &local->v[target->send[k]];
        size_t j = u64map_get(&by_name, (uintptr_t)ours->name);
        if (j == U64MAP_NONE)
            continue;
        err_set(&target->error, ERR_NAME_TAKEN,
                "%s is a different snapshot on each side (guid %llu here, %llu on the remote), so "
                "it cannot be sent; nothing was changed; zfs rename one of the two",
                ours->name, (unsigned long long)ours->guid, (unsigned long long)remote->v[j].guid);
        break;
    }
    u64map_fini(&by_name);
}

/* I9: the source is gone, so everything stays. */
static void keep_everything(struct work *work)
{
    for (size_t j = 0; j < snapshots(work, SIDE_REMOTE)->n; j++)
        work->target->keep[SIDE_REMOTE][j] = KEEP_SOURCE_GONE;
}

void target_build(struct target *target, const struct dataset *ds, const struct rules *rules)
{
    size_t local = ds->side[SIDE_LOCAL].snapshots.n;
    size_t remote = ds->side[SIDE_REMOTE].snapshots.n;
    memset(target, 0, sizeof(*target));
    target->keep[SIDE_LOCAL] = mem_zalloc(local, sizeof(uint16_t));
    target->keep[SIDE_REMOTE] = mem_zalloc(remote, sizeof(uint16_t));
    target->counterpart = mem_alloc(local * sizeof(size_t));
    target->send = mem_alloc(local * sizeof(size_t));
    struct work work = {.ds = ds,
                        .rules = rules,
                        .target = target,
                        .partner = mem_alloc(remote * sizeof(size_t)),
                        .wanted = mem_zalloc(local, sizeof(bool))};
    match_sides(&work);
    struct base base = base_at(&work, remote == 0 ? TARGET_NONE : remote - 1);
    target->base_remote = base.remote;
    target->base_local = base.local;
    target->base_bookmark = base.bookmark;
    if (!ds->side[SIDE_LOCAL].exists) {
        keep_everything(&work);
    } else {
        unite(&work);
        work.taken = mem_zalloc(work.all.n, sizeof(bool));
        work.gone = mem_zalloc(work.all.n, sizeof(bool));
        keep_by_policy(&work, SIDE_LOCAL);
        keep_by_policy(&work, SIDE_REMOTE);
        mark_wanted(&work);
        keep_by_nature(&work, SIDE_LOCAL);
        keep_by_nature(&work, SIDE_REMOTE);
        keep_critical(&work);
        if (rules->has_remote)
            choose_what_to_send(&work);
        check_divergence(&work);
        check_names(&work);
    }
    free(work.partner);
    free(work.wanted);
    free(work.all.v);
    free(work.taken);
    free(work.gone);
}

void target_fini(struct target *target)
{
    free(target->keep[SIDE_LOCAL]);
    free(target->keep[SIDE_REMOTE]);
    free(target->counterpart);
    free(target->send);
    memset(target, 0, sizeof(*target));
}

/* The newest local snapshot that the remote has too, by its place, or NONE. */
static size_t newest_shared(const struct target *target, const struct snapset *local)
{
    size_t i = local->n;
    while (i > 0 && target->counterpart[i - 1] == TARGET_NONE)
        i--;
    return i == 0 ? TARGET_NONE : i - 1;
}

/* The newest bookmark of ours that stands for the newest shared snapshot, or for a newer one that
 * is gone here: that is the base, and stays it. */
static const struct snapshot *present_bookmark(const struct dataset *ds, size_t shared)
{
    const struct snapshot *newest = &ds->side[SIDE_LOCAL].snapshots.v[shared];
    const struct snapset *bookmarks = &ds->side[SIDE_LOCAL].bookmarks;
    const struct snapshot *found = NULL;
    for (size_t k = 0; k < bookmarks->n; k++) {
        const struct snapshot *bookmark = &bookmarks->v[k];
        if (!bookmark_is_ours(bookmark->name, bookmark->guid))
            continue;
        bool is_newer = bookmark->createtxg > newest->createtxg &&
                        snapset_find(&ds->side[SIDE_REMOTE].snapshots, bookmark->guid) != SIZE_MAX;
        if ((is_newer || bookmark->guid == newest->guid) &&
            (found == NULL || bookmark->createtxg > found->createtxg))
            found = bookmark;
    }
    return found;
}

size_t target_missing_bookmark(const struct target *target, const struct dataset *ds)
{
    size_t shared = newest_shared(target, &ds->side[SIDE_LOCAL].snapshots);
    if (shared == TARGET_NONE || present_bookmark(ds, shared) != NULL)
        return TARGET_NONE;
    return shared;
}

size_t target_old_bookmark(const struct target *target, const struct dataset *ds, size_t from)
{
    const struct snapset *bookmarks = &ds->side[SIDE_LOCAL].bookmarks;
    size_t shared = newest_shared(target, &ds->side[SIDE_LOCAL].snapshots);
    const struct snapshot *present = shared == TARGET_NONE ? NULL : present_bookmark(ds, shared);
    for (size_t k = from; present != NULL && k < bookmarks->n; k++)
        if (bookmarks->v[k].createtxg < present->createtxg &&
            bookmark_is_ours(bookmarks->v[k].name, bookmarks->v[k].guid))
            return k;
    return TARGET_NONE;
}

void keep_describe(unsigned keep, char *ret, size_t size)
{
    static const struct {
        unsigned reason;
        const char *word;
    } WORDS[] = {{KEEP_POLICY, "policy"},
                 {KEEP_OLDEST, "oldest"},
                 {KEEP_EARLIEST_SHARED, "earliest shared"},
                 {KEEP_LATEST_SHARED, "latest shared"},
                 {KEEP_UNMANAGED, "unmanaged"},
                 {KEEP_HELD, "held"},
                 {KEEP_CLONED, "cloned"},
                 {KEEP_TO_SEND, "to be sent"},
                 {KEEP_SOURCE_GONE, "source is gone"},
                 {KEEP_STRAY, "unknown here and newest"}};
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        if ((keep & WORDS[i].reason) == 0 || len >= size)
            continue;
        int n = snprintf(ret + len, size - len, "%s%s", len > 0 ? ", " : "", WORDS[i].word);
        len += n > 0 ? (size_t)n : 0;
    }
}
