#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "validate.h"

struct word {
    char name[256];
    char remote_name[256];
    const char *places;
    struct snapshot snap;
};

static void add_bookmark(struct inventory *inv, struct dataset *ds, const struct word *word,
                         const char *prefix)
{
    char name[64];
    snprintf(name, sizeof(name), "%s-%llu", prefix, (unsigned long long)word->snap.guid);
    struct snapshot mark = word->snap;
    mark.name = name;
    inventory_add_bookmark(inv, ds, SIDE_LOCAL, &mark);
}

static void add_places(struct inventory *inv, struct dataset *ds, const struct word *word)
{
    for (const char *p = word->places; *p != '\0' && strchr("lrhcbB", *p) != NULL; p++) {
        struct snapshot snap = word->snap;
        for (const char *flag = p + 1; *flag == 'h' || *flag == 'c'; flag++)
            snap.flags |= *flag == 'h' ? SNAPSHOT_HELD : SNAPSHOT_CLONED;
        switch (*p) {
        case 'l':
            snap.name = word->name;
            inventory_add_snapshot(inv, ds, SIDE_LOCAL, &snap);
            break;
        case 'r':
            snap.name = word->remote_name;
            snap.createtxg += 5000;
            inventory_add_snapshot(inv, ds, SIDE_REMOTE, &snap);
            break;
        case 'b':
            add_bookmark(inv, ds, word, "backupd");
            break;
        case 'B':
            add_bookmark(inv, ds, word, "mark");
            break;
        default:
            break;
        }
    }
}

static void read_word(struct word *word, const char *s, unsigned number)
{
    memset(word, 0, sizeof(*word));
    word->snap =
        (struct snapshot){.guid = number, .createtxg = 10 * number, .creation = 1000 * number};
    size_t len = strcspn(s, ":");
    assert_true(len < sizeof(word->name) && s[len] == ':');
    memcpy(word->name, s, len);
    memcpy(word->remote_name, s, len);
    word->places = s + len + 1;
    const char *p = strchr(word->places, '@');
    if (p != NULL)
        word->snap.creation = strtoll(p + 1, NULL, 10);
    p = strchr(word->places, '#');
    if (p != NULL)
        word->snap.guid = strtoull(p + 1, NULL, 10);
    p = strchr(word->places, '~');
    if (p != NULL)
        strcpy(word->remote_name, p + 1);
}

void fixture_add(struct inventory *inv, const char *words)
{
    struct dataset *ds = inventory_get(inv, "");
    unsigned number = 0;
    char s[600];
    for (const char *p = words; *p != '\0';) {
        size_t len = strcspn(p, " ");
        assert_true(len < sizeof(s));
        memcpy(s, p, len);
        s[len] = '\0';
        p += len + (p[len] == ' ');
        if (len == 0)
            continue;
        if (s[0] == '/') {
            ds = inventory_get(inv, s);
        } else if (s[0] == '+') {
            ds->side[s[1] == 'l' ? SIDE_LOCAL : SIDE_REMOTE].exists = true;
        } else {
            struct word word;
            read_word(&word, s, ++number);
            add_places(inv, ds, &word);
        }
    }
    inventory_sort(inv);
    for (size_t i = 0; i < inv->n; i++)
        for (int side = 0; side < SIDE_COUNT; side++)
            inv->v[i]->side[side].listed = true;
}

static void read_policy(struct policy *policy, bool *destroy_unmanaged, const char *words)
{
    policy_init(policy);
    *destroy_unmanaged = false;
    for (const char *p = words; *p != '\0';) {
        size_t len = strcspn(p, " ");
        char type[64];
        unsigned long long count;
        if (*p == '!')
            *destroy_unmanaged = true;
        else if (len > 0 && sscanf(p, "%63[^=]=%llu", type, &count) == 2)
            policy_set(policy, type, count);
        p += len + (p[len] == ' ');
    }
}

void fixture_init(struct fixture *f, const char *local_policy, const char *remote_policy,
                  const char *words)
{
    memset(f, 0, sizeof(*f));
    inventory_init(&f->inv);
    fixture_add(&f->inv, words);
    f->ds = inventory_find(&f->inv, "");
    bool *destroy = f->rules.destroy_unmanaged;
    read_policy(&f->policy[SIDE_LOCAL], &destroy[SIDE_LOCAL], local_policy);
    read_policy(&f->policy[SIDE_REMOTE], &destroy[SIDE_REMOTE], remote_policy);
    f->rules.policy[SIDE_LOCAL] = &f->policy[SIDE_LOCAL];
    f->rules.policy[SIDE_REMOTE] = &f->policy[SIDE_REMOTE];
    f->rules.keep_baseline = true;
    f->rules.has_remote = true;
}

static void forget_plan(struct fixture *f)
{
    if (!f->planned)
        return;
    plan_fini(&f->plan);
    target_fini(&f->target);
    f->planned = false;
}

void fixture_fini(struct fixture *f)
{
    forget_plan(f);
    inventory_fini(&f->inv);
    policy_fini(&f->policy[SIDE_LOCAL]);
    policy_fini(&f->policy[SIDE_REMOTE]);
}

void fixture_plan(struct fixture *f)
{
    forget_plan(f);
    target_build(&f->target, f->ds, &f->rules);
    plan_build(&f->plan, f->ds, &f->target);
    f->planned = true;
}

static void add_text(struct fixture *f, const char *separator, const char *s)
{
    size_t len = strlen(f->text);
    snprintf(f->text + len, sizeof(f->text) - len, "%s%s", len > 0 ? separator : "", s);
}

const char *fixture_target(struct fixture *f, enum side side)
{
    const struct snapset *set = &f->ds->side[side].snapshots;
    f->text[0] = '\0';
    for (size_t i = 0; i < set->n; i++)
        if (f->target.keep[side][i] != 0)
            add_text(f, " ", set->v[i].name);
    if (side == SIDE_REMOTE)
        for (size_t k = 0; k < f->target.send_count; k++)
            add_text(f, " ", f->ds->side[SIDE_LOCAL].snapshots.v[f->target.send[k]].name);
    return f->text;
}

const char *fixture_steps(struct fixture *f)
{
    f->text[0] = '\0';
    for (size_t i = 0; i < f->plan.n; i++) {
        const struct step *step = &f->plan.v[i];
        const char *start;
        const char *end;
        step_names(step, f->ds, &f->target, &start, &end);
        char side = step->side == SIDE_LOCAL ? 'l' : 'r';
        char s[600];
        if (step->op == OP_INITIAL_TRANSFER)
            snprintf(s, sizeof(s), "+%s", end);
        else if (step->op == OP_RANGE_TRANSFER)
            snprintf(s, sizeof(s), "%s%s>%s", step->from_bookmark ? "#" : "", start, end);
        else if (step->op == OP_DELETION)
            snprintf(s, sizeof(s), "-%c %s", side, start);
        else
            snprintf(s, sizeof(s), "-%c %s..%s", side, start, end);
        add_text(f, "; ", s);
    }
    return f->text;
}

void fixture_expect(const char *local_policy, const char *remote_policy, const char *words,
                    const char *local, const char *remote, const char *steps)
{
    struct fixture f;
    fixture_init(&f, local_policy, remote_policy, words);
    fixture_plan(&f);
    assert_string_equal(f.target.error.msg, "");
    assert_string_equal(fixture_target(&f, SIDE_LOCAL), local);
    assert_string_equal(fixture_target(&f, SIDE_REMOTE), remote);
    if (steps != NULL)
        assert_string_equal(fixture_steps(&f), steps);
    struct err e = ERR_INIT;
    plan_validate(&f.plan, f.ds, &f.target, &f.rules, &e);
    assert_string_equal(e.msg, "");
    fixture_fini(&f);
}

size_t fixture_place(const struct fixture *f, enum side side, const char *name)
{
    const struct snapset *set = &f->ds->side[side].snapshots;
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->v[i].name, name) == 0)
            return i;
    fail_msg("no %s", name);
    return SIZE_MAX;
}
