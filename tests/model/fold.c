/*
 * States that run the same: fold 7 of README.md. A plan depends on types, clocks, policies and what
 * the rules say of unmanaged snapshots only through what they select, so a state is run for all
 * others whose selections are the same in every world that its run comes to.
 *
 * What is selected is worked out here, from the sentence and its rule for one second, and held
 * against the target of every state.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "model.h"

#define OTHER   8 /* snapshot k is bit k - 1; the remote's where guids differ k - 1 + OTHER */
#define ITEMS   16
#define BUCKETS (1U << 16)

#define OWN_REASONS (KEEP_CRITICAL | KEEP_HELD | KEEP_CLONED) /* no policy has a say in them */

typedef uint16_t items;

/* Who has what of a world. */
struct holders {
    items side[SIDE_COUNT];
    bool in_order; /* each side by number, as every state that is visited has it */
};

/* What one item is up against, of its own type, whatever the world. */
struct rival {
    items newer;     /* created in a later second */
    items same_time; /* and in the same, with a greater number: newer where a side has both */
    items later;     /* of any type, created in a later second */
};

/* What a side's policy keeps of the union where it keeps 0, 1 and 2 of each type. */
struct ranks {
    items within[3];
};

/* The state that is settled now, but for policies and rules. */
static struct {
    struct rival rival[ITEMS];
    items type[TYPE_COUNT];
    uint16_t number; /* of this state, from 1; what is known of others has another, or 0 */
    struct ranks known[1U << 5][1U << 10]; /* by who has what; within[0] is the number */
} now;

/* What the selections are in one world that a run came to, as far as they make a difference. */
struct stop {
    struct holders who;
    items asked[SIDE_COUNT]; /* kept, or not, by policy and type alone: these */
    items kept[SIDE_COUNT];
    items only;   /* on local alone */
    items wanted; /* of these, what the remote's policy keeps */
    items newer;  /* of these, what is newer than a newest that local does not know */
    items gone;   /* not counted again */
    items again;  /* of `only`, what is wanted then */
    int8_t tip;   /* that newest, or -1 */
    bool recounts;
};

/* A state that was run. */
struct run {
    uint64_t key;
    struct run *next;
    struct tally tally; /* what it added */
    struct stop *v;
    size_t n, cap;
};

static struct run *bucket[BUCKETS];
static struct run *running;

static items item(size_t at)
{
    return (items)(1U << at);
}

static items without(items set, items those)
{
    return (items)(set & ~(unsigned)those);
}

/* Items in ten bits: none that is visited has more snapshots than five. */
static uint64_t squeeze(items set)
{
    return (set & 0x1fU) | (set >> OTHER & 0x1fU) << 5;
}

static size_t place_of_guid(const struct world *w, uint64_t guid)
{
    return guid > w->cap ? guid - w->cap - 1 + OTHER : guid - 1;
}

static items item_at(const struct world *w, int side, size_t place)
{
    return item(place_of_guid(w, w->v[side][place].guid));
}

static struct holders holders_of(const struct world *w)
{
    struct holders who = {.in_order = true};
    for (int side = 0; side < SIDE_COUNT; side++) {
        uint64_t last = 0;
        for (size_t i = 0; i < w->n[side]; i++) {
            uint64_t number = world_number(w, w->v[side][i].guid);
            who.in_order = who.in_order && number > last;
            last = number;
            who.side[side] |= item_at(w, side, i);
        }
    }
    return who;
}

void fold_read(const struct world *w)
{
    const struct snapshot *all[ITEMS] = {NULL};
    memset(now.rival, 0, sizeof(now.rival));
    memset(now.type, 0, sizeof(now.type));
    if (++now.number == 0) {
        memset(now.known, 0, sizeof(now.known));
        now.number = 1;
    }
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < w->n[side]; i++) {
            const struct snapshot *snap = &w->v[side][i];
            all[place_of_guid(w, snap->guid)] = snap;
            unsigned type = snap->name[0] == 'x' ? MANAGED : (unsigned)(snap->name[0] - 'a');
            now.type[type] |= item_at(w, side, i);
        }
    }
    for (size_t x = 0; x < ITEMS; x++) {
        struct rival *rival = &now.rival[x];
        for (size_t y = 0; y < ITEMS && all[x] != NULL; y++) {
            if (all[y] == NULL)
                continue;
            bool same_type = all[x]->name[0] == all[y]->name[0];
            if (all[y]->creation > all[x]->creation)
                rival->later |= item(y);
            if (same_type && all[y]->creation > all[x]->creation)
                rival->newer |= item(y);
            if (same_type && all[y]->creation == all[x]->creation && y % OTHER > x % OTHER)
                rival->same_time |= item(y);
        }
    }
}

/* Counts `counted` of what the two sides have. */
static struct ranks rank(const struct holders *who, items counted)
{
    struct ranks ranks = {{0, 0, 0}};
    for (unsigned rest = counted; rest != 0; rest &= rest - 1) {
        size_t x = (size_t)__builtin_ctz(rest);
        const struct rival *rival = &now.rival[x];
        items newer = rival->newer;
        for (int side = 0; side < SIDE_COUNT; side++)
            if ((who->side[side] & item(x)) != 0)
                newer |= rival->same_time & who->side[side];
        newer &= counted;
        if (newer == 0)
            ranks.within[1] |= item(x);
        if ((newer & (newer - 1)) == 0) /* one at most */
            ranks.within[2] |= item(x);
    }
    return ranks;
}

/* What the policy of a side keeps of the union. */
static items select(const struct setting *s, int side, const struct ranks *ranks)
{
    items taken = 0;
    for (unsigned type = 0; type < MANAGED; type++)
        taken |= ranks->within[s->count[side][type]] & now.type[type];
    return taken;
}

/* The same of the whole union: with many policies it is asked for again and again. */
static struct ranks rank_all(const struct holders *who)
{
    size_t local = squeeze(who->side[SIDE_LOCAL]);
    struct ranks *known = &now.known[local & 0x1f][squeeze(who->side[SIDE_REMOTE])];
    if (known->within[0] != now.number) {
        *known = rank(who, who->side[SIDE_LOCAL] | who->side[SIDE_REMOTE]);
        known->within[0] = now.number;
    }
    struct ranks ranks = *known;
    ranks.within[0] = 0;
    return ranks;
}

/* What a side keeps of what it has for its policy, or because it is not managed. */
static items keeps(const struct setting *s, int side, items selected, items held)
{
    return held & (selected | (s->rules.destroy_unmanaged[side] ? 0 : now.type[MANAGED]));
}

/* ---- what a run comes to ---- */

/* What the target keeps for one of `reasons`. */
static items kept_for(const struct world *w, const struct target *target, int side,
                      unsigned reasons)
{
    items kept = 0;
    for (size_t i = 0; i < w->n[side]; i++)
        if ((target->keep[side][i] & reasons) != 0)
            kept |= item_at(w, side, i);
    return kept;
}

/* On local alone, and created after the remote's newest, which local does not know: there its
 * creation decides. */
static void read_tip(const struct world *w, struct stop *stop)
{
    stop->tip = -1;
    if (w->n[SIDE_REMOTE] == 0)
        return;
    uint64_t guid = w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1].guid;
    if (world_has(w, SIDE_LOCAL, guid) || (w->marked && w->mark.guid == guid))
        return;
    stop->tip = (int8_t)place_of_guid(w, guid);
    stop->newer = now.rival[stop->tip].later & stop->only;
}

/* Items that neither side has after the plan, and that could not be sent before. */
static items vanishing(const struct world *w, const struct target *target, const struct stop *stop)
{
    items here = stop->who.side[SIDE_LOCAL];
    items there = stop->who.side[SIDE_REMOTE];
    items stay = kept_for(w, target, SIDE_LOCAL, ~(unsigned)KEEP_TO_SEND);
    for (size_t i = 0; i < w->n[SIDE_LOCAL]; i++)
        if ((item_at(w, SIDE_LOCAL, i) & there) == 0 && is_after_tip(w, &w->v[SIDE_LOCAL][i]))
            stay |= item_at(w, SIDE_LOCAL, i);
    stay |= kept_for(w, target, SIDE_REMOTE, ~(unsigned)KEEP_STRAY);
    return without(here | there, stay);
}

static struct stop stop_at(const struct setting *s, const struct world *w,
                           const struct target *target)
{
    struct stop stop = {.who = holders_of(w)};
    struct ranks ranks = rank_all(&stop.who);
    const items *has = stop.who.side;
    stop.only = without(has[SIDE_LOCAL], has[SIDE_REMOTE]);
    items selected = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        selected = select(s, side, &ranks);
        stop.asked[side] = without(has[side], kept_for(w, target, side, OWN_REASONS));
        stop.kept[side] = stop.asked[side] & keeps(s, side, selected, has[side]);
    }
    stop.wanted = selected & stop.only;
    read_tip(w, &stop);
    stop.gone = vanishing(w, target, &stop);
    stop.recounts = (stop.gone & stop.wanted) != 0;
    if (stop.recounts) {
        items all = has[SIDE_LOCAL] | has[SIDE_REMOTE];
        ranks = rank(&stop.who, without(all, stop.gone));
        stop.again = select(s, SIDE_REMOTE, &ranks) & stop.only;
    }
    return stop;
}

/* Whether all that `stop` asks is asked by a stop of this run that it has already. */
static bool is_known(const struct run *run, const struct stop *stop)
{
    for (size_t i = 0; i < run->n; i++) {
        const struct stop *old = &run->v[i];
        bool same = true;
        for (int side = 0; side < SIDE_COUNT; side++)
            same = same && old->who.side[side] == stop->who.side[side] &&
                   without(stop->asked[side], old->asked[side]) == 0;
        same = same && old->tip == stop->tip;
        if (same && (!stop->recounts || (old->recounts && old->gone == stop->gone)))
            return true;
    }
    return false;
}

void fold_note(const struct setting *s, const struct world *w, const struct target *target)
{
    if (running == NULL)
        return;
    struct stop stop = stop_at(s, w, target);
    if (is_known(running, &stop) && stop.who.in_order)
        return;
    running->v = mem_grow(running->v, running->n, &running->cap, sizeof(*running->v));
    running->v[running->n++] = stop;
}

/* ---- another state ---- */

static bool selects_the_same(const struct setting *s, const struct stop *stop)
{
    struct ranks ranks = rank_all(&stop->who);
    items selected = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        selected = select(s, side, &ranks);
        if ((stop->asked[side] & keeps(s, side, selected, stop->who.side[side])) !=
            stop->kept[side])
            return false;
    }
    if ((selected & stop->only) != stop->wanted)
        return false;
    if (stop->tip >= 0 && (now.rival[stop->tip].later & stop->only) != stop->newer)
        return false;
    if (!stop->recounts)
        return true;
    items all = stop->who.side[SIDE_LOCAL] | stop->who.side[SIDE_REMOTE];
    ranks = rank(&stop->who, without(all, stop->gone));
    return (select(s, SIDE_REMOTE, &ranks) & stop->only) == stop->again;
}

static bool runs_the_same(const struct setting *s, const struct run *run)
{
    for (size_t i = 0; i < run->n; i++)
        if (!run->v[i].who.in_order || !selects_the_same(s, &run->v[i]))
            return false;
    return true;
}

static uint64_t append(uint64_t key, unsigned bits, uint64_t value)
{
    return key << bits | value;
}

/* Placements, bookmark, baseline, and all of the target that a plan is made from: 57 bits. */
static uint64_t key_of(const struct setting *s, const struct world *w, const struct target *target)
{
    struct holders who = holders_of(w);
    items sent = 0;
    for (size_t k = 0; k < target->send_count; k++)
        sent |= item_at(w, SIDE_LOCAL, target->send[k]);
    uint64_t key = squeeze(who.side[SIDE_LOCAL]) & 0x1f;
    key = append(key, 10, squeeze(who.side[SIDE_REMOTE]));
    key = append(key, 5, squeeze(kept_for(w, target, SIDE_LOCAL, UINT32_MAX)) & 0x1f);
    key = append(key, 10, squeeze(kept_for(w, target, SIDE_REMOTE, UINT32_MAX)));
    key = append(key, 5, squeeze(sent) & 0x1f);
    key = append(key, 5, w->marked ? place_of_guid(w, w->mark.guid) + 1 : 0);
    key = append(key, 8, (uint64_t)target->error.code);
    key = append(key, 4, target->base_local == TARGET_NONE ? 15 : target->base_local);
    key = append(key, 1, target->base_bookmark != TARGET_NONE);
    key = append(key, 1, s->rules.keep_baseline);
    return append(key, 1, s->strict_clock);
}

static struct run **bucket_of(uint64_t key)
{
    return &bucket[key * 0x9e3779b97f4a7c15U >> 48];
}

/* What the fold counts, the target has to have counted. */
static void check_counting(const struct setting *s, const struct world *w,
                           const struct target *target)
{
    struct holders who = holders_of(w);
    struct ranks ranks = rank_all(&who);
    for (int side = 0; side < SIDE_COUNT; side++)
        if (keeps(s, side, select(s, side, &ranks), who.side[side]) !=
            kept_for(w, target, side, KEEP_POLICY | KEEP_UNMANAGED))
            fail_state(s, w, "the target counts other snapshots than the fold");
}

static void add_tally(const struct tally *more)
{
    tally.states += more->states;
    tally.folded += more->states;
    tally.rounds += more->rounds;
    tally.with_transfers += more->with_transfers;
    tally.with_deletions += more->with_deletions;
    tally.diverged += more->diverged;
    tally.name_taken += more->name_taken;
}

static void put_first(struct run **first, struct run *run)
{
    run->next = *first;
    *first = run;
}

bool fold_begin(const struct setting *s, const struct world *w, const struct target *target)
{
    check_counting(s, w, target);
    uint64_t key = key_of(s, w, target);
    struct run **first = bucket_of(key);
    for (struct run **at = first; *at != NULL; at = &(*at)->next) {
        struct run *run = *at;
        if (run->key != key || !runs_the_same(s, run))
            continue;
        add_tally(&run->tally);
        *at = run->next; /* what ran the same as this state will as the next */
        put_first(first, run);
        return true;
    }
    running = mem_zalloc(1, sizeof(*running));
    running->key = key;
    running->tally = tally;
    put_first(first, running);
    return false;
}

void fold_end(void)
{
    struct tally *t = &running->tally;
    t->states = tally.states - t->states;
    t->rounds = tally.rounds - t->rounds;
    t->with_transfers = tally.with_transfers - t->with_transfers;
    t->with_deletions = tally.with_deletions - t->with_deletions;
    t->diverged = tally.diverged - t->diverged;
    t->name_taken = tally.name_taken - t->name_taken;
    running = NULL;
}

void fold_forget(void)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (bucket[i] != NULL) {
            struct run *run = bucket[i];
            bucket[i] = run->next;
            free(run->v);
            free(run);
        }
    }
}
