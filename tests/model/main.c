/*
 * model                                    what the unit suite runs: seconds
 * model --snapshots N [--part I/K]         every state of up to N snapshots, symmetric ones folded
 * model --snapshots N --unfolded           the same, and each of them is run
 * model --perturb N [--part I/K]           the same, and what happens between cycles; N up to 3
 * model --spread N COUNT                   COUNT states of N snapshots out of the whole product
 * model --random COUNT [--size MAX] [--seed S]
 * model --judge COUNT                      broken plans of COUNT states
 *
 * Prints TAP. The first failure ends it, with the state that it was found in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

static unsigned tests;
static clock_t begun;

static void begin(void)
{
    memset(&tally, 0, sizeof(tally));
    begun = clock();
}

static void passed(const char *name)
{
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    if (tally.states > 0)
        printf("# %llu states, %llu of them folded, %llu rounds, %llu with transfers, %llu with "
               "deletions, %llu "
               "diverged, %llu with names taken, %llu against the sentence, %llu perturbed; "
               "%.1f s, %.0f states/s\n",
               (unsigned long long)tally.states, (unsigned long long)tally.folded,
               (unsigned long long)tally.rounds, (unsigned long long)tally.with_transfers,
               (unsigned long long)tally.with_deletions, (unsigned long long)tally.diverged,
               (unsigned long long)tally.name_taken, (unsigned long long)tally.against_sentence,
               (unsigned long long)tally.perturbed, seconds,
               (double)tally.states / (seconds > 0 ? seconds : 1));
    printf("ok %u - %s\n", ++tests, name);
    fflush(stdout);
    begin();
}

static void quick(void)
{
    visit_spread(1, product_size(1));
    passed("I1 to I6 hold for every inventory of one snapshot, nothing folded");
    visit_every_world(2, 24, 1);
    visit_every_world(3, 1, 1);
    visit_every_world(4, 1, 29);
    passed("I1 to I6 hold for placements, types and clocks of two to four, nothing folded");
    for (unsigned n = 0; n <= 2; n++)
        enumerate(n, 0, 1, VISIT_ALONE);
    passed("I1 to I6 hold for every inventory of up to two snapshots");
    enumerate(3, 0, 1, 0);
    passed("I1 to I6 hold for every inventory of three snapshots");
    enumerate(1, 0, 1, VISIT_PERTURBED);
    enumerate(2, 1, 7, VISIT_PERTURBED);
    passed("I1 to I6 hold whatever happens between two cycles");
    visit_random(150, 300, MODEL_SEED);
    passed("I1 to I6 hold for random inventories of up to 300 snapshots");
    judge_validator(400);
    passed("the validator refuses exactly the broken plans that are bad");
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t n = text == NULL ? 0 : strtoull(text, &end, 0);
    if (text == NULL || *end != '\0' || n < least || n > most) {
        fprintf(stderr, "model: %s is not a number from %llu to %llu\n",
                text == NULL ? "nothing" : text, (unsigned long long)least,
                (unsigned long long)most);
        exit(2);
    }
    return n;
}

/* "I/K", I from 1. */
static void part_of(char *text, unsigned *ret_part, unsigned *ret_parts)
{
    char *slash = text == NULL ? NULL : strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    *ret_parts = (unsigned)number(slash == NULL ? NULL : slash + 1, 1, 1000000);
    *ret_part = (unsigned)number(text, 1, *ret_parts) - 1;
}

struct options {
    unsigned snapshots, perturb, spread, size, part, parts;
    bool unfolded;
    uint64_t spread_count, random, seed, judge;
};

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        char *value = argv[i + 1]; /* NULL at the end */
        if (strcmp(argv[i], "--snapshots") == 0)
            o->snapshots = (unsigned)number(value, 1, 5);
        else if (strcmp(argv[i], "--perturb") == 0)
            o->perturb = (unsigned)number(value, 1, 3);
        else if (strcmp(argv[i], "--part") == 0)
            part_of(value, &o->part, &o->parts);
        else if (strcmp(argv[i], "--unfolded") == 0) {
            o->unfolded = true;
            continue;
        } else if (strcmp(argv[i], "--random") == 0)
            o->random = number(value, 1, UINT64_MAX);
        else if (strcmp(argv[i], "--size") == 0)
            o->size = (unsigned)number(value, 1, SIZE_LIMIT);
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = number(value, 0, UINT64_MAX);
        else if (strcmp(argv[i], "--judge") == 0)
            o->judge = number(value, 1, UINT64_MAX);
        else if (strcmp(argv[i], "--spread") == 0) {
            o->spread = (unsigned)number(value, 1, 5);
            i++;
            o->spread_count = number(argv[i + 1], 1, UINT64_MAX);
        } else {
            fprintf(stderr, "model: unknown option %s; see tests/model/main.c\n", argv[i]);
            exit(2);
        }
        i++;
    }
}

static void run_options(const struct options *o)
{
    char name[128];
    for (unsigned n = 0; n <= o->snapshots && o->snapshots > 0; n++) {
        enumerate(n, o->part, o->parts, o->unfolded ? VISIT_ALONE : 0);
        snprintf(name, sizeof(name), "I1 to I6 hold for %s inventory of %u snapshots",
                 o->parts == 1 ? "every" : "each inventory of this part,", n);
        passed(name);
    }
    for (unsigned n = 0; n <= o->perturb && o->perturb > 0; n++) {
        enumerate(n, o->part, o->parts, VISIT_PERTURBED);
        snprintf(name, sizeof(name), "I1 to I6 hold whatever happens to %u snapshots", n);
        passed(name);
    }
    if (o->spread > 0) {
        visit_spread(o->spread, o->spread_count);
        snprintf(name, sizeof(name), "I1 to I6 hold for a spread of states of %u snapshots",
                 o->spread);
        passed(name);
    }
    if (o->random > 0) {
        visit_random(o->random, o->size, o->seed);
        snprintf(name, sizeof(name), "I1 to I6 hold for random inventories of up to %u snapshots",
                 o->size);
        passed(name);
    }
    if (o->judge > 0) {
        judge_validator(o->judge);
        passed("the validator refuses exactly the broken plans that are bad");
    }
}

int main(int argc, char **argv)
{
    struct options options = {.parts = 1, .size = SIZE_LIMIT, .seed = MODEL_SEED};
    parse(argc, argv, &options);
    begin();
    if (argc == 1)
        quick();
    else
        run_options(&options);
    printf("1..%u\n", tests);
    return 0;
}
