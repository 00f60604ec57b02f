/* Events and the state as sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "describe.h"

#define NOTHING -1

/* Folds the event in and compares what the log says of it. */
static void expect(struct state *state, struct event event, int level, const char *line)
{
    struct str out;
    str_init(&out);
    state_apply(state, &event);
    assert_int_equal(event_describe(&event, state, &out), level);
    assert_string_equal(out.s, line);
    str_fini(&out);
}

static void plan(struct state *state, enum op op, enum side side, const char *start,
                 const char *end)
{
    state_apply(state, &(struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a"});
    state_apply(state, &(struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 1});
    state_apply(state, &(struct event){.kind = EVENT_STEP_PLANNED,
                                       .dataset = "/a",
                                       .op = op,
                                       .side = side,
                                       .start = start,
                                       .end = end});
}

static void a_step_is_told_as_it_begins_and_as_it_ends(void **state)
{
    (void)state;
    static const struct {
        enum op op;
        enum side side;
        const char *words, *end;
    } CASES[] = {
        {OP_INITIAL_TRANSFER, SIDE_REMOTE, "send b (all of it)", ", 2.0 KiB in 3 s"},
        {OP_RANGE_TRANSFER, SIDE_REMOTE, "send a to b", ", 2.0 KiB in 3 s"},
        {OP_DELETION, SIDE_LOCAL, "destroy local a", " (1 snapshot)"},
        {OP_RANGE_DELETION, SIDE_REMOTE, "destroy remote a to b", " (2 snapshots)"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct state s;
        struct event begin = {.kind = EVENT_STEP_STARTED, .dataset = "/a", .time = 100};
        struct event end = {.kind = EVENT_STEP_FINISHED,
                            .dataset = "/a",
                            .time = 103,
                            .bytes = 2048,
                            .count = CASES[i].op == OP_RANGE_DELETION ? 2 : 1};
        char line[128];
        state_init(&s);
        plan(&s, CASES[i].op, CASES[i].side, "a", "b");
        expect(&s, begin, LEVEL_INFO, CASES[i].words);
        snprintf(line, sizeof(line), "resume: %s", CASES[i].words);
        begin.flag = true;
        expect(&s, begin, LEVEL_INFO, line);
        snprintf(line, sizeof(line), "done: %s%s", CASES[i].words, CASES[i].end);
        expect(&s, end, LEVEL_INFO, line);
        end.code = ERR_BUSY;
        end.text = "busy";
        expect(&s, end, NOTHING, ""); /* the dataset's end tells it */
        state_fini(&s);
    }
}

static void of_a_step_that_is_not_known_nothing_is_told(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    expect(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/x"}, NOTHING, "");
    expect(&s, (struct event){.kind = EVENT_STEP_FINISHED, .dataset = "/x"}, NOTHING, "");
    plan(&s, OP_DELETION, SIDE_LOCAL, "a", "a");
    expect(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .step = 1}, NOTHING, "");
    state_apply(&s, &(struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 1});
    expect(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a"}, NOTHING, "");
    expect(&s, (struct event){.kind = EVENT_STEP_FINISHED, .dataset = "/a"}, NOTHING, "");
    state_fini(&s);
}

static void a_dataset_that_failed_is_told_with_the_way_out(void **state)
{
    (void)state;
    struct state s;
    struct event end = {
        .kind = EVENT_DATASET_FINISHED, .dataset = "/a", .code = ERR_HELD, .text = "it is held"};
    state_init(&s);
    plan(&s, OP_DELETION, SIDE_LOCAL, "a", "a");
    expect(&s, end, LEVEL_ERROR,
           "failed: it is held [held] -- zfs holds SNAPSHOT shows who holds it");
    end.text = NULL;
    expect(&s, end, LEVEL_ERROR, "failed:  [held] -- zfs holds SNAPSHOT shows who holds it");
    end.code = ERR_NONE;
    expect(&s, end, NOTHING, "");
    state_fini(&s);
}

static void a_dry_run_tells_what_it_would_do(void **state)
{
    (void)state;
    struct state s;
    struct event end = {.kind = EVENT_DATASET_FINISHED, .dataset = "/a"};
    state_init(&s);
    expect(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 3, .flag = true}, LEVEL_INFO,
           "cycle 3: started (dry run: nothing is changed)");
    plan(&s, OP_DELETION, SIDE_LOCAL, "a", "a");
    state_apply(&s, &(struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a", .count = 2});
    for (uint64_t i = 0; i < 2; i++)
        state_apply(&s, &(struct event){.kind = EVENT_STEP_PLANNED,
                                        .dataset = "/a",
                                        .step = i,
                                        .op = i == 0 ? OP_DELETION : OP_RANGE_TRANSFER,
                                        .start = "a",
                                        .end = "b"});
    expect(&s, end, LEVEL_INFO, "would destroy local a; send a to b");
    state_apply(&s, &(struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/a"});
    expect(&s, end, NOTHING, "");
    state_fini(&s);
}

static void a_cycle_is_told_as_it_begins_and_as_it_ends(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    expect(&s, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 3, .time = 100}, LEVEL_INFO,
           "cycle 3: started");
    state_apply(&s, &(struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a", .cycle = 3});
    struct event end = {.kind = EVENT_CYCLE_FINISHED, .cycle = 3, .time = 165, .count = 1};
    expect(&s, end, LEVEL_INFO, "cycle 3: 1 dataset, 0 failed, took 1 min 5 s");
    state_apply(&s, &(struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/b", .cycle = 3});
    end.failed = 1;
    expect(&s, end, LEVEL_ERROR, "cycle 3: 2 datasets, 1 failed, took 1 min 5 s");
    end.code = ERR_SSH_LOST;
    end.text = "lost";
    expect(&s, end, LEVEL_ERROR, "cycle 3: failed: lost [ssh-lost] -- it is retried");
    state_fini(&s);
}

static void a_note_is_told_as_it_is(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    for (int level = 0; level < LEVEL_COUNT; level++)
        expect(&s,
               (struct event){.kind = EVENT_NOTE, .level = (enum event_level)level, .text = "x"},
               level, "x");
    expect(&s, (struct event){.kind = EVENT_NOTE, .level = LEVEL_INFO}, LEVEL_INFO, "");
    state_fini(&s);
}

static void what_is_recalled_is_no_news(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    for (int kind = EVENT_CONFIGURED; kind <= EVENT_KIND_COUNT; kind++)
        if (kind != EVENT_DATASET_DUE)
            expect(&s, (struct event){.kind = (enum event_kind)kind, .dataset = "/a", .text = "x"},
                   NOTHING, "");
    state_fini(&s);
}

static void what_failed_tells_when_it_is_tried_again(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    expect(&s,
           (struct event){.kind = EVENT_DATASET_DUE, .dataset = "/a", .time = 1000, .due = 1120},
           LEVEL_INFO, "is tried again in 2 min");
    state_fini(&s);
}

static void times_at_the_ends_of_time_can_be_told(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    plan(&s, OP_RANGE_TRANSFER, SIDE_REMOTE, "a", "b");
    expect(&s, (struct event){.kind = EVENT_STEP_STARTED, .dataset = "/a", .time = INT64_MAX},
           LEVEL_INFO, "send a to b");
    expect(&s, (struct event){.kind = EVENT_STEP_FINISHED, .dataset = "/a", .time = INT64_MIN},
           LEVEL_INFO, "done: send a to b, 0 B in 0 s");
    state_apply(&s, &(struct event){.kind = EVENT_CYCLE_STARTED, .time = INT64_MIN});
    expect(&s, (struct event){.kind = EVENT_CYCLE_FINISHED, .time = INT64_MAX}, LEVEL_INFO,
           "cycle 0: 1 dataset, 0 failed, took 106751991167300 d 15 h");
    state_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_told_as_it_begins_and_as_it_ends),
        cmocka_unit_test(of_a_step_that_is_not_known_nothing_is_told),
        cmocka_unit_test(a_dataset_that_failed_is_told_with_the_way_out),
        cmocka_unit_test(a_dry_run_tells_what_it_would_do),
        cmocka_unit_test(a_cycle_is_told_as_it_begins_and_as_it_ends),
        cmocka_unit_test(a_note_is_told_as_it_is),
        cmocka_unit_test(what_is_recalled_is_no_news),
        cmocka_unit_test(what_failed_tells_when_it_is_tried_again),
        cmocka_unit_test(times_at_the_ends_of_time_can_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
