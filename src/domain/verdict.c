#include "verdict.h"

#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "seconds.h"
#include "text.h"

static void add_duration(struct str *out, const char *before, int64_t seconds, const char *after)
{
    char figure[TEXT_FIGURE_MAX];
    text_duration(figure, seconds);
    str_add_format(out, "%s%s%s", before, figure, after);
}

/* What is found of a dataset; the first fault counts. */
struct finding {
    enum verdict_level level;
    int64_t since;
};

static struct finding late(int64_t since)
{
    return (struct finding){.level = VERDICT_LATE, .since = since};
}

static int64_t patience(const struct state *state)
{
    return seconds_add(seconds_add(state->interval, state->interval), VERDICT_GRACE);
}

static struct finding judge_without_copy(const struct dataset_state *ds, struct str *why)
{
    bool coming = ds->coming_since != 0;
    if (ds->status == STATUS_RUNNING && coming)
        str_add(why, "its first copy is on the way");
    else if (coming)
        str_add(why, "it has no copy yet");
    else if (ds->rows.n == 0)
        str_add(why, "it has no snapshot, so nothing of it is kept");
    else
        str_add(why, "it has no copy, and no snapshot that the remote's policy wants");
    return late(coming ? ds->coming_since : 0);
}

static struct finding judge(const struct state *state, const struct dataset_state *ds, int64_t now,
                            struct str *why)
{
    if (ds->copied == 0)
        return judge_without_copy(ds, why);
    if (ds->blocked_since != 0) {
        str_add(why, "the remote's newest snapshot is not from here and keeps others from being "
                     "sent");
        return late(ds->blocked_since);
    }
    int64_t waited = seconds_since(ds->coming_since, now);
    if (ds->coming_since != 0 && waited > patience(state)) {
        add_duration(why, "a snapshot has waited to be sent for ", waited, "");
        return late(seconds_add(ds->coming_since, patience(state)));
    }
    int64_t idle = seconds_since(ds->last_success, now);
    if (ds->last_success != 0 && idle > patience(state) && ds->status != STATUS_RUNNING) {
        add_duration(why, "no run has succeeded for ", idle, "");
        return late(seconds_add(ds->last_success, patience(state)));
    }
    int64_t age = seconds_since(ds->copied, now);
    int64_t allowed = seconds_add(seconds_add(state->period, state->period), state->interval);
    if (state->period != 0 && age > allowed) {
        add_duration(why, "its newest copy is of ", age,
                     " ago: is nobody taking snapshots any more?");
        return late(seconds_add(ds->copied, allowed));
    }
    return (struct finding){.level = VERDICT_SAFE};
}

enum verdict_level verdict_of_dataset(const struct state *state, const struct dataset_state *ds,
                                      int64_t now, struct str *why, int64_t *ret_since)
{
    struct finding found = {.level = VERDICT_SAFE};
    struct str ignored;
    str_init(&ignored);
    struct str *words = why == NULL ? &ignored : why;
    if (ds->status == STATUS_REMOTE_ONLY) {
        found.level = VERDICT_IGNORED;
    } else if (ds->failing != 0) {
        found = (struct finding){.level = VERDICT_FAILED, .since = ds->failing};
        str_add(words, "its newest run failed");
    } else if (ds->status == STATUS_UNKNOWN) {
        found.level = VERDICT_UNKNOWN;
    } else {
        found = judge(state, ds, now, words);
    }
    if (ret_since != NULL)
        *ret_since = found.since;
    str_fini(&ignored);
    return found.level;
}

static void count(struct verdict *verdict, const struct dataset_state *ds, enum verdict_level level,
                  int64_t since, int64_t now)
{
    if (level == VERDICT_IGNORED)
        return;
    verdict->datasets++;
    verdict->safe += level == VERDICT_SAFE;
    verdict->late += level == VERDICT_LATE;
    verdict->failed += level == VERDICT_FAILED;
    if (level > verdict->level) {
        verdict->level = level;
        verdict->worst = ds;
    }
    if (level >= VERDICT_LATE && since != 0 && (verdict->since == 0 || since < verdict->since))
        verdict->since = since;
    if (ds->copied == 0)
        verdict->behind = -1;
    else if (verdict->behind >= 0 && seconds_since(ds->copied, now) > verdict->behind)
        verdict->behind = seconds_since(ds->copied, now);
}

void verdict_of(const struct state *state, int64_t now, struct verdict *ret)
{
    *ret = (struct verdict){.level = VERDICT_UNKNOWN};
    for (size_t i = 0; i < state->n; i++) {
        int64_t since = 0;
        enum verdict_level level = verdict_of_dataset(state, state->v[i], now, NULL, &since);
        count(ret, state->v[i], level, since, now);
    }
    if (ret->datasets == 0)
        ret->behind = -1;
    if (state->cycle_code != ERR_NONE && state->cycle_code != ERR_INTERRUPTED) {
        ret->level = VERDICT_FAILED;
        if (state->cycle_failing != 0 && (ret->since == 0 || state->cycle_failing < ret->since))
            ret->since = state->cycle_failing;
    }
}

static void describe_age(const struct verdict *verdict, const struct state *state, struct str *out)
{
    bool one = verdict->datasets == 1;
    if (verdict->behind < 0)
        return;
    if (state->has_remote)
        add_duration(out, one ? "; its newest copy is " : "; the oldest copy is ", verdict->behind,
                     " behind");
    else
        add_duration(out,
                     one ? "; its newest snapshot was taken "
                         : "; the oldest of their newest snapshots was taken ",
                     verdict->behind, " ago");
}

/* "The one dataset", "All 42 datasets", "3 of 42 datasets". */
static void add_share(struct str *out, size_t n, size_t total)
{
    if (total == 1)
        str_add(out, "The one dataset");
    else if (n == total)
        str_add_format(out, "All %zu datasets", total);
    else
        str_add_format(out, "%zu of %zu datasets", n, total);
}

static void describe_safe(const struct verdict *verdict, const struct state *state, struct str *out)
{
    add_share(out, verdict->safe, verdict->datasets);
    str_add(out, verdict->safe == 1 ? " is safe" : " are safe");
    if (verdict->safe < verdict->datasets)
        str_add(out, "; nothing is known of the others yet");
    else
        describe_age(verdict, state, out);
}

static void describe_unsafe(const struct verdict *verdict, const struct state *state, int64_t now,
                            struct str *out)
{
    const struct dataset_state *worst = verdict->worst;
    const char *are_late = verdict->late == 1 ? "is late" : "are late";
    if (verdict->failed > 0) {
        add_share(out, verdict->failed, verdict->datasets);
        str_add(out, " failed");
        if (verdict->late > 0)
            str_add_format(out, ", %zu %s", verdict->late, are_late);
    } else {
        add_share(out, verdict->late, verdict->datasets);
        str_add_format(out, " %s", are_late);
    }
    if (worst == NULL)
        return;
    str_add_format(out, "; %s: ", name_shown(worst->name));
    if (worst->failing != 0)
        str_add(out, worst->text == NULL ? err_code_name(worst->code) : worst->text);
    else
        verdict_of_dataset(state, worst, now, out, NULL);
}

static void describe_unknown(const struct verdict *verdict, const struct state *state,
                             struct str *out)
{
    if (state->n > 0 && verdict->datasets == 0)
        str_add(out, "Only the remote has datasets: there is nothing here to keep safe");
    else if (state->cycle_running)
        str_add(out, state->has_remote ? "The first look at both sides is under way"
                                       : "The first look at the datasets is under way");
    else
        str_add(out, "Nothing is known yet");
}

void verdict_describe(const struct verdict *verdict, const struct state *state, int64_t now,
                      struct str *out)
{
    bool cycle_failed = state->cycle_code != ERR_NONE && state->cycle_code != ERR_INTERRUPTED;
    if (cycle_failed)
        str_add_format(out, "The newest cycle failed: %s",
                       state->cycle_text == NULL ? err_code_name(state->cycle_code)
                                                 : state->cycle_text);
    else if (verdict->level == VERDICT_UNKNOWN)
        describe_unknown(verdict, state, out);
    else if (verdict->level == VERDICT_SAFE)
        describe_safe(verdict, state, out);
    else
        describe_unsafe(verdict, state, now, out);
}

void verdict_advise(const struct verdict *verdict, const struct state *state, struct str *out)
{
    if (verdict->level < VERDICT_LATE)
        return;
    if (state->cycle_code != ERR_NONE && state->cycle_code != ERR_INTERRUPTED)
        str_add(out, err_code_advice(state->cycle_code));
    else if (verdict->worst != NULL && verdict->worst->failing != 0)
        str_add(out, err_code_advice(verdict->worst->code));
}

int64_t verdict_period(const struct policy *policy)
{
    static const struct {
        const char *begin;
        int64_t seconds;
    } PERIODS[] = {{"hour", 3600},   {"dai", 86400},     {"day", 86400},
                   {"week", 604800}, {"month", 2678400}, {"year", 31622400}};
    int64_t shortest = 0;
    for (size_t i = 0; i < policy->n; i++)
        for (size_t k = 0; k < sizeof(PERIODS) / sizeof(PERIODS[0]); k++)
            if (policy->v[i].count > 0 && text_starts_with(policy->v[i].type, PERIODS[k].begin) &&
                (shortest == 0 || PERIODS[k].seconds < shortest))
                shortest = PERIODS[k].seconds;
    return shortest;
}
