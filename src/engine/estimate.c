#include "estimate.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* What was written after transaction `after`, up to the snapshot at `end`. */
static uint64_t written_since(const struct snapset *set, uint64_t after, size_t end)
{
    uint64_t bytes = 0;
    for (size_t i = end + 1; i-- > 0 && set->v[i].createtxg > after;)
        bytes = add(bytes, set->v[i].size);
    return bytes;
}

uint64_t estimate_transfers(const struct plan *plan, const struct dataset *ds)
{
    const struct holding *local = &ds->side[SIDE_LOCAL];
    uint64_t bytes = 0;
    for (size_t k = 0; k < plan->n; k++) {
        const struct step *step = &plan->v[k];
        if (step->op == OP_INITIAL_TRANSFER) {
            bytes = add(bytes, local->space);
        } else if (step->op == OP_RANGE_TRANSFER) {
            const struct snapset *from =
                step->from_bookmark ? &local->bookmarks : &local->snapshots;
            bytes = add(
                bytes, written_since(&local->snapshots, from->v[step->start].createtxg, step->end));
        }
    }
    return bytes;
}
