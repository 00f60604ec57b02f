#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan_json.h"

static uint64_t guid_of(const char *name)
{
    uint64_t guid = 1;
    while (*name != '\0')
        guid = guid * 131 + (unsigned char)*name++;
    return guid;
}

/* Adds one snapshot; the same name is the same snapshot on both sides. */
static void add(struct inventory *inv, enum side side, const char *name, uint64_t txg)
{
    struct snapshot snap = {
        .guid = guid_of(name), .createtxg = txg, .creation = (int64_t)txg, .name = name};
    inventory_add_snapshot(inv, inventory_get(inv, "/home"), side, &snap);
}

static void add_bookmark(struct inventory *inv, const char *name, const char *of, uint64_t txg)
{
    struct snapshot mark = {
        .guid = guid_of(of), .createtxg = txg, .creation = (int64_t)txg, .name = name};
    inventory_add_bookmark(inv, inventory_get(inv, "/home"), SIDE_LOCAL, &mark);
}

static void expect(struct inventory *inv, const struct target *target, const struct plan *plan,
                   const char *error, const char *json)
{
    struct str out;
    str_init(&out);
    str_add(&out, "> ");
    plan_json_dataset(inventory_get(inv, "/home"), target, plan, error, &out);
    assert_string_equal(out.s + 2, json);
    str_fini(&out);
}

static void every_operation_has_the_shape_of_the_manual(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    add(&inv, SIDE_LOCAL, "hourly-1", 1);
    add(&inv, SIDE_LOCAL, "hourly-2", 2);
    add(&inv, SIDE_LOCAL, "daily 1", 3);
    add(&inv, SIDE_LOCAL, "daily-2", 4);
    add(&inv, SIDE_REMOTE, "daily-0", 1);
    uint16_t local[] = {0, 0, KEEP_POLICY, KEEP_TO_SEND};
    uint16_t remote[] = {0};
    size_t counterpart[] = {TARGET_NONE, TARGET_NONE, TARGET_NONE, TARGET_NONE};
    size_t send[] = {2, 3};
    struct target target = {.keep = {local, remote},
                            .counterpart = counterpart,
                            .send = send,
                            .send_count = 2,
                            .base_remote = TARGET_NONE,
                            .base_local = TARGET_NONE,
                            .base_bookmark = TARGET_NONE};
    struct step steps[] = {
        {.op = OP_RANGE_DELETION, .side = SIDE_LOCAL, .start = 0, .end = 1},
        {.op = OP_DELETION, .side = SIDE_REMOTE, .start = 0, .end = 0},
        {.op = OP_INITIAL_TRANSFER, .side = SIDE_REMOTE, .start = 2, .end = 2},
        {.op = OP_RANGE_TRANSFER, .side = SIDE_REMOTE, .start = 2, .end = 3},
    };
    struct plan plan = {.v = steps, .n = 4, .cap = 4};
    expect(&inv, &target, &plan, NULL,
           "{\"name\":\"/home\",\"target\":{\"local\":[\"daily 1\",\"daily-2\"],"
           "\"remote\":[\"daily 1\",\"daily-2\"]},\"steps\":["
           "{\"op\":\"SnapshotRangeDeletion\",\"side\":\"local\",\"start\":\"hourly-1\","
           "\"end\":\"hourly-2\"},"
           "{\"op\":\"SnapshotDeletion\",\"side\":\"remote\",\"snapshot\":\"daily-0\"},"
           "{\"op\":\"InitialSnapshotTransfer\",\"snapshot\":\"daily 1\"},"
           "{\"op\":\"SnapshotRangeTransfer\",\"start\":\"daily 1\",\"end\":\"daily-2\"}],"
           "\"error\":null}");
    inventory_fini(&inv);
}

static void an_increment_from_a_bookmark_names_it(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    add(&inv, SIDE_LOCAL, "daily-2", 4);
    add_bookmark(&inv, "backupd-17", "daily-1", 3);
    add(&inv, SIDE_REMOTE, "daily-1", 9);
    uint16_t local[] = {KEEP_TO_SEND};
    uint16_t remote[] = {KEEP_LATEST_SHARED};
    size_t counterpart[] = {TARGET_NONE};
    size_t send[] = {0};
    struct target target = {.keep = {local, remote},
                            .counterpart = counterpart,
                            .send = send,
                            .send_count = 1,
                            .base_remote = 0,
                            .base_local = TARGET_NONE,
                            .base_bookmark = 0};
    struct step step = {
        .op = OP_RANGE_TRANSFER, .side = SIDE_REMOTE, .start = 0, .end = 0, .from_bookmark = true};
    struct plan plan = {.v = &step, .n = 1, .cap = 1};
    expect(&inv, &target, &plan, NULL,
           "{\"name\":\"/home\",\"target\":{\"local\":[\"daily-2\"],"
           "\"remote\":[\"daily-1\",\"daily-2\"]},\"steps\":["
           "{\"op\":\"SnapshotRangeTransfer\",\"start\":\"daily-1\",\"end\":\"daily-2\","
           "\"bookmark\":\"backupd-17\"}],\"error\":null}");
    inventory_fini(&inv);
}

static void an_error_stands_beside_an_empty_plan(void **state)
{
    (void)state;
    struct inventory inv;
    inventory_init(&inv);
    inventory_get(&inv, "/home");
    struct target target = {.send_count = 0};
    struct plan plan = {.n = 0};
    expect(&inv, &target, &plan, "say \"no\" \xff",
           "{\"name\":\"/home\",\"target\":{\"local\":[],\"remote\":[]},\"steps\":[],"
           "\"error\":\"say \\\"no\\\" \\\\xff\"}");
    inventory_fini(&inv);
}

/* From the real planner, so that both agree on what places mean. */
static void a_plan_of_the_planner_is_written(void **state)
{
    (void)state;
    struct inventory inv;
    struct policy keep;
    struct target target;
    struct plan plan;
    inventory_init(&inv);
    add(&inv, SIDE_LOCAL, "daily-1", 1);
    add(&inv, SIDE_LOCAL, "hourly-1", 2);
    add(&inv, SIDE_LOCAL, "daily-2", 3);
    policy_init(&keep);
    policy_set(&keep, "daily", 2);
    policy_set(&keep, "hourly", 0);
    struct rules rules = {.policy = {&keep, &keep}, .keep_baseline = true, .has_remote = true};
    inventory_sort(&inv);
    target_build(&target, inventory_get(&inv, "/home"), &rules);
    plan_build(&plan, inventory_get(&inv, "/home"), &target);
    expect(&inv, &target, &plan, NULL,
           "{\"name\":\"/home\",\"target\":{\"local\":[\"daily-1\",\"daily-2\"],"
           "\"remote\":[\"daily-1\",\"daily-2\"]},\"steps\":["
           "{\"op\":\"SnapshotDeletion\",\"side\":\"local\",\"snapshot\":\"hourly-1\"},"
           "{\"op\":\"InitialSnapshotTransfer\",\"snapshot\":\"daily-1\"},"
           "{\"op\":\"SnapshotRangeTransfer\",\"start\":\"daily-1\",\"end\":\"daily-2\"}],"
           "\"error\":null}");
    plan_fini(&plan);
    target_fini(&target);
    policy_fini(&keep);
    inventory_fini(&inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_the_shape_of_the_manual),
        cmocka_unit_test(an_increment_from_a_bookmark_names_it),
        cmocka_unit_test(an_error_stands_beside_an_empty_plan),
        cmocka_unit_test(a_plan_of_the_planner_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
