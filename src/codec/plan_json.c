#include "plan_json.h"

#include <jansson.h>

#include "json_text.h"

/* No name and no message of ours is longer. */
#define TEXT_MAX 65536

static void set_text(json_t *object, const char *key, const char *s)
{
    json_text_set(object, key, json_text_new(s, TEXT_MAX));
}

/* The names of one side that have a reason to stay. */
static json_t *kept_new(const struct dataset *ds, const struct target *target, enum side side)
{
    const struct snapset *set = &ds->side[side].snapshots;
    json_t *names = json_array();
    for (size_t i = 0; i < set->n; i++)
        if (target->keep[side][i] != 0)
            json_text_append(names, json_text_new(set->v[i].name, TEXT_MAX));
    return names;
}

static json_t *target_new(const struct dataset *ds, const struct target *target)
{
    json_t *object = json_object();
    json_t *remote = kept_new(ds, target, SIDE_REMOTE);
    for (size_t i = 0; i < target->send_count; i++) {
        const struct snapshot *snap = &ds->side[SIDE_LOCAL].snapshots.v[target->send[i]];
        json_text_append(remote, json_text_new(snap->name, TEXT_MAX));
    }
    json_text_set(object, "local", kept_new(ds, target, SIDE_LOCAL));
    json_text_set(object, "remote", remote);
    return object;
}

static json_t *step_new(const struct step *step, const struct dataset *ds,
                        const struct target *target)
{
    const char *start;
    const char *end;
    json_t *object = json_object();
    step_names(step, ds, target, &start, &end);
    set_text(object, "op", op_name(step->op));
    if (step->op == OP_DELETION || step->op == OP_RANGE_DELETION)
        set_text(object, "side", side_name(step->side));
    if (step->op == OP_DELETION || step->op == OP_INITIAL_TRANSFER) {
        set_text(object, "snapshot", end);
        return object;
    }
    set_text(object, "start", start);
    set_text(object, "end", end);
    if (step->op == OP_RANGE_TRANSFER && step->from_bookmark)
        set_text(object, "bookmark", ds->side[SIDE_LOCAL].bookmarks.v[step->start].name);
    return object;
}

void plan_json_dataset(const struct dataset *ds, const struct target *target,
                       const struct plan *plan, const char *error, struct str *out)
{
    json_t *object = json_object();
    json_t *steps = json_array();
    for (size_t i = 0; i < plan->n; i++)
        json_text_append(steps, step_new(&plan->v[i], ds, target));
    set_text(object, "name", ds->name);
    json_text_set(object, "target", target_new(ds, target));
    json_text_set(object, "steps", steps);
    set_text(object, "error", error);
    json_text_dump(object, out);
}
