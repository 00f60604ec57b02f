/*
 * The sentence of the design, word by word: "newest first by creation time over the union of both
 * sides, keep the configured number of each type; ...". Only for strict clocks: it does not say
 * what is newer within one second.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "model.h"

struct sentence {
    const struct setting *setting;
    const struct world *w;
    const struct target *target;
    bool *policy[SIDE_COUNT]; /* by guid: the side's policy keeps it */
    bool *keep[SIDE_COUNT];   /* by place */
};

static int newer(const void *a, const void *b)
{
    const struct snapshot *x = *(const struct snapshot *const *)a;
    const struct snapshot *y = *(const struct snapshot *const *)b;
    return (x->creation < y->creation) - (x->creation > y->creation);
}

/* What the policies keep, counted over the union. */
static void count_policies(struct sentence *s)
{
    const struct world *w = s->w;
    const struct snapshot **all = mem_alloc((w->n[SIDE_LOCAL] + w->n[SIDE_REMOTE]) * sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; i < w->n[SIDE_LOCAL]; i++)
        all[n++] = &w->v[SIDE_LOCAL][i];
    for (size_t j = 0; j < w->n[SIDE_REMOTE]; j++)
        if (!world_has(w, SIDE_LOCAL, w->v[SIDE_REMOTE][j].guid))
            all[n++] = &w->v[SIDE_REMOTE][j];
    qsort(all, n, sizeof(*all), newer);
    for (int side = 0; side < SIDE_COUNT; side++) {
        uint64_t left[MANAGED];
        memcpy(left, s->setting->count[side], sizeof(left));
        for (size_t k = 0; k < n; k++) {
            unsigned type = (unsigned)(all[k]->name[0] - 'a');
            if (type < MANAGED && left[type] > 0) {
                left[type]--;
                s->policy[side][all[k]->guid] = true;
            }
        }
    }
    free(all);
}

static void keep_own(struct sentence *s, enum side side)
{
    const struct rules *rules = &s->setting->rules;
    for (size_t i = 0; i < s->w->n[side]; i++) {
        const struct snapshot *snap = &s->w->v[side][i];
        s->keep[side][i] = s->policy[side][snap->guid] || (snap->flags & PINNED) != 0 ||
                           (snap->name[0] == 'x' && !rules->destroy_unmanaged[side]) ||
                           (i == 0 && rules->keep_baseline);
    }
}

/* What is shared, what is sent, and the bookmark. */
static const char *keep_for_both(struct sentence *s)
{
    const struct world *w = s->w;
    const struct target *target = s->target;
    const struct snapshot *tip =
        w->n[SIDE_REMOTE] > 0 ? &w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1] : NULL;
    const struct snapshot *latest = NULL;
    size_t sends = 0;
    for (size_t i = 0; i < w->n[SIDE_LOCAL]; i++) {
        const struct snapshot *snap = &w->v[SIDE_LOCAL][i];
        if (world_has(w, SIDE_REMOTE, snap->guid)) {
            if (latest == NULL && s->setting->rules.keep_baseline) /* the earliest shared */
                s->keep[SIDE_LOCAL][i] =
                    s->keep[SIDE_REMOTE][world_find(w, SIDE_REMOTE, snap->guid)] = true;
            latest = snap;
        } else if (s->policy[SIDE_REMOTE][snap->guid] &&
                   (tip == NULL || snap->creation > tip->creation)) {
            if (sends >= target->send_count || target->send[sends] != i)
                return "the sentence sends another snapshot";
            sends++;
            s->keep[SIDE_LOCAL][i] = true;
        }
    }
    if (sends != target->send_count)
        return "the sentence sends fewer snapshots";
    if (latest != NULL) {
        s->keep[SIDE_LOCAL][world_find(w, SIDE_LOCAL, latest->guid)] = true;
        s->keep[SIDE_REMOTE][world_find(w, SIDE_REMOTE, latest->guid)] = true;
    }
    /* A base that only a bookmark stands for; older ones than the latest shared are none. */
    for (size_t j = w->n[SIDE_REMOTE]; j-- > 0;) {
        uint64_t guid = w->v[SIDE_REMOTE][j].guid;
        if (latest != NULL && guid == latest->guid)
            break;
        if (w->marked && w->mark.guid == guid) {
            s->keep[SIDE_REMOTE][j] = true;
            break;
        }
    }
    bool tip_known = tip == NULL || world_has(w, SIDE_LOCAL, tip->guid) ||
                     (w->marked && w->mark.guid == tip->guid);
    if ((target->error.code == ERR_DIVERGED) != (sends > 0 && !tip_known))
        return "diverged, or not, other than the sentence says";
    return NULL;
}

const char *check_sentence(const struct round *round)
{
    static bool memory[4][2 * (SIZE_LIMIT + ARRIVALS) + 1];
    const struct world *w = round->before;
    struct sentence s = {.setting = round->setting,
                         .w = w,
                         .target = round->target,
                         .policy = {memory[0], memory[1]},
                         .keep = {memory[2], memory[3]}};
    for (int side = 0; side < SIDE_COUNT; side++)
        memset(s.policy[side], 0, (2 * w->cap + 1) * sizeof(bool));
    count_policies(&s);
    keep_own(&s, SIDE_LOCAL);
    keep_own(&s, SIDE_REMOTE);
    const char *wrong = keep_for_both(&s);
    for (int side = 0; side < SIDE_COUNT && wrong == NULL; side++)
        for (size_t i = 0; i < w->n[side]; i++)
            if (s.keep[side][i] != ((round->target->keep[side][i] & ~(unsigned)KEEP_STRAY) != 0))
                return "the sentence keeps other snapshots";
    return wrong;
}

/* The newest on the remote, as far as something could be newer: its creation where nothing here is
 * known of it, else its createtxg here. */
bool is_after_tip(const struct world *w, const struct snapshot *snap)
{
    if (w->n[SIDE_REMOTE] == 0)
        return true;
    const struct snapshot *tip = &w->v[SIDE_REMOTE][w->n[SIDE_REMOTE] - 1];
    if (world_has(w, SIDE_LOCAL, tip->guid))
        return snap->createtxg > w->v[SIDE_LOCAL][world_find(w, SIDE_LOCAL, tip->guid)].createtxg;
    if (w->marked && w->mark.guid == tip->guid)
        return snap->createtxg > w->mark.createtxg;
    return snap->creation > tip->creation;
}

/* How many of its type were certainly created after it, of what is left when the plan has run. */
static uint64_t count_newer(const struct round *round, const struct snapshot *snap)
{
    const struct world *w = round->before;
    uint64_t count = 0;
    for (int side = 0; side < SIDE_COUNT; side++) {
        for (size_t i = 0; i < w->n[side]; i++) {
            const struct snapshot *other = &w->v[side][i];
            if (other->name[0] != snap->name[0] || other->creation <= snap->creation ||
                round->target->keep[side][i] == 0)
                continue;
            size_t twin = side == SIDE_REMOTE ? world_find(w, SIDE_LOCAL, other->guid) : SIZE_MAX;
            count += twin == SIZE_MAX || round->target->keep[SIDE_LOCAL][twin] == 0;
        }
    }
    return count;
}

const char *check_sends(const struct round *round)
{
    const struct world *w = round->before;
    for (size_t k = 0; k < round->target->send_count; k++) {
        const struct snapshot *snap = &w->v[SIDE_LOCAL][round->target->send[k]];
        unsigned type = (unsigned)(snap->name[0] - 'a');
        if (world_has(w, SIDE_REMOTE, snap->guid))
            return "I1: the target sends what the remote has";
        if (!is_after_tip(w, snap))
            return "I2: the target sends what is not newer than the remote's newest";
        if (type >= MANAGED)
            return "the target sends what is not managed";
        if (w->cap <= 64 && count_newer(round, snap) >= round->setting->count[SIDE_REMOTE][type])
            return "the target sends more than the remote's policy keeps";
    }
    return NULL;
}
