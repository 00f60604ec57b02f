/*
 * engine/cycle: how much of a large tree it plans before the loop has another turn. The linker puts
 * a discovery in the place of the real one that has found everything at once. Nothing is to be
 * done, so no worker begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cycle.h"
#include "discovery.h"
#include "inventory.h"
#include "loop.h"

/* Datasets are of different sizes: the one numbered i has EACH + i snapshots. */
enum { DATASETS = 40, EACH = 1200 };

/* ---- the discovery ---- */

static struct discovery_spec found;
static struct loop_timer *soon;

struct discovery *__wrap_discovery_start(const struct discovery_spec *spec);
void __wrap_discovery_stop(struct discovery *discovery);
void __wrap_discovery_free(struct discovery *discovery);
bool __wrap_discovery_has_skipped(const struct discovery *discovery);
bool __wrap_discovery_is_unsure(const struct discovery *discovery, const struct dataset *ds);

static void find(void *arg)
{
    (void)arg;
    soon = NULL;
    found.on_done(found.arg, NULL);
}

struct discovery *__wrap_discovery_start(const struct discovery_spec *spec)
{
    found = *spec;
    for (unsigned d = 0; d < DATASETS; d++) {
        char name[32];
        snprintf(name, sizeof(name), "/%02u", d);
        struct dataset *ds = inventory_get(spec->inv, name);
        ds->side[SIDE_LOCAL].type = DATASET_FILESYSTEM;
        for (unsigned i = 0; i < EACH + d; i++) {
            char label[32];
            snprintf(label, sizeof(label), "daily-%u", i);
            struct snapshot snap = {
                .guid = 100000 * (d + 1) + i, .createtxg = i + 1, .creation = i, .name = label};
            inventory_add_snapshot(spec->inv, ds, SIDE_LOCAL, &snap);
        }
    }
    soon = loop_add_timer(spec->loop, 0, find, NULL);
    return NULL;
}

bool __wrap_discovery_has_skipped(const struct discovery *discovery)
{
    (void)discovery;
    return false;
}

bool __wrap_discovery_is_unsure(const struct discovery *discovery, const struct dataset *ds)
{
    (void)discovery;
    (void)ds;
    return false;
}

void __wrap_discovery_stop(struct discovery *discovery)
{
    (void)discovery;
}

void __wrap_discovery_free(struct discovery *discovery)
{
    (void)discovery;
    loop_remove_timer(soon);
}

/* ---- the engine ---- */

static struct loop *loop;
static struct config config;
static struct sites sites;
static struct cycle *cycle;
static unsigned tables; /* told so far */
static char newest[32]; /* the dataset of the last one */
static bool in_order;
static struct event end; /* of the cycle */

static void handle_event(void *arg, const struct event *event)
{
    (void)arg;
    if (event->kind == EVENT_DATASET_SNAPSHOTS) {
        tables++;
        in_order = in_order && strcmp(newest, event->dataset) < 0;
        snprintf(newest, sizeof(newest), "%s", event->dataset);
    }
    if (event->kind == EVENT_CYCLE_FINISHED) {
        end = *event;
        end.text = NULL;
    }
}

static int set_up(void **state)
{
    static const char TEXT[] = "[local]\nroot = \"tank\"\n[local.policy]\ndaily = 100000\n";
    struct err e = ERR_INIT;
    struct str errors;
    (void)state;
    str_init(&errors);
    loop = loop_new(&e);
    int rc = config_parse(TEXT, sizeof(TEXT) - 1, "backupd.toml", &config, &errors);
    str_fini(&errors);
    if (loop == NULL || rc != 0)
        return -1;
    sites_init(&sites, &config, "");
    tables = 0;
    newest[0] = '\0';
    in_order = true;
    memset(&end, 0, sizeof(end));
    const struct cycle_spec spec = {
        .loop = loop, .config = &config, .sites = &sites, .number = 1, .on_event = handle_event};
    cycle = cycle_start(&spec);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cycle_free(cycle);
    loop_free(loop);
    config_fini(&config);
    return 0;
}

static void run_once(void)
{
    struct err e = ERR_INIT;
    if (loop_run_once(loop, 1000, &e) != 0)
        fail_msg("%s", e.msg);
}

/* A portion may end within a dataset: the one before it has begun, and no more. */
static void a_turn_of_the_loop_plans_a_portion_and_no_more(void **state)
{
    (void)state;
    while (end.kind != EVENT_CYCLE_FINISHED) {
        unsigned before = tables;
        run_once();
        size_t planned = 0;
        for (unsigned d = before; d + 1 < tables; d++)
            planned += EACH + d;
        assert_true(planned < CYCLE_PORTION);
        assert_true(tables > before); /* none is in vain */
    }
    assert_int_equal(DATASETS, tables);
    assert_true(in_order);
    assert_int_equal(DATASETS, end.count);
    assert_int_equal(0, end.failed);
    assert_int_equal(ERR_NONE, end.code);
}

static void what_stops_a_cycle_between_two_portions_ends_it_there(void **state)
{
    (void)state;
    run_once();
    unsigned planned = tables;
    assert_true(planned > 0 && planned < DATASETS);
    cycle_stop(cycle);
    assert_int_equal(EVENT_CYCLE_FINISHED, end.kind);
    assert_int_equal(ERR_INTERRUPTED, end.code);
    struct err e = ERR_INIT;
    assert_int_equal(0, loop_run_once(loop, 0, &e));
    assert_int_equal(planned, tables);
}

static void a_cycle_that_is_freed_between_two_portions_plans_no_more(void **state)
{
    (void)state;
    run_once();
    unsigned planned = tables;
    assert_true(planned < DATASETS);
    cycle_free(cycle);
    cycle = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(0, loop_run_once(loop, 0, &e));
    assert_int_equal(planned, tables);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_turn_of_the_loop_plans_a_portion_and_no_more),
        T(what_stops_a_cycle_between_two_portions_ends_it_there),
        T(a_cycle_that_is_freed_between_two_portions_plans_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
