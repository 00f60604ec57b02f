/* engine/last_look: when it looks, and what it believes. The listing is the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "clock.h"
#include "fixture.h"
#include "job.h"
#include "last_look.h"
#include "rows.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

static const char *const WORDS = "/home daily-1:lr daily-2:lr";

static struct loop *loop;
static struct quiet *quiet;
static struct config config = {.stall_timeout = 60};
static struct sites sites;
static struct row_table rows;
static size_t row_count; /* by what was told */
static bool is_well;     /* what was to be done for the dataset */
static bool is_done;

/* The listing. */
static int64_t asked_ms; /* when; 0: not yet */
static int64_t changed;  /* what it says of when the snapshots of the dataset did, seconds UTC */
static bool starts, ends;
static enum err_code failure;
static job_done_fn *on_listed;
static void *on_listed_arg;

static void answer(void *arg)
{
    (void)arg;
    struct err e = ERR_INIT;
    if (failure != ERR_NONE)
        err_set(&e, failure, "so it is");
    on_listed(on_listed_arg, failure == ERR_NONE ? NULL : &e);
}

struct listing_job *__wrap_listing_job_start(struct loop *the_loop, const struct site *site,
                                             struct argv *command, enum listing_kind kind,
                                             struct inventory *inv, int64_t stall_ms,
                                             job_done_fn *on_done, void *arg, struct err *e);
struct listing_job *__wrap_listing_job_start(struct loop *the_loop, const struct site *site,
                                             struct argv *command, enum listing_kind kind,
                                             struct inventory *inv, int64_t stall_ms,
                                             job_done_fn *on_done, void *arg, struct err *e)
{
    static char job;
    assert_ptr_equal(site, &sites.side[SIDE_REMOTE]);
    assert_int_equal(kind, LISTING_CHANGES);
    assert_int_equal(stall_ms, 60000);
    argv_fini(command);
    asked_ms = clock_monotonic_ms();
    if (!starts) {
        err_set(e, ERR_SYSTEM, "no process can be started");
        return NULL;
    }
    struct holding *home = &inventory_get(inv, "/home")->side[SIDE_REMOTE];
    *home = (struct holding){.exists = true, .revision = 9, .changed = (uint64_t)changed};
    on_listed = on_done;
    on_listed_arg = arg;
    if (ends)
        loop_add_timer(the_loop, 0, answer, NULL);
    return (struct listing_job *)&job;
}

void __wrap_listing_job_cancel(struct listing_job *job);
void __wrap_listing_job_cancel(struct listing_job *job)
{
    (void)job;
    failure = ERR_INTERRUPTED;
    loop_add_timer(loop, 0, answer, NULL);
}

static const struct row_table *known(void *arg, const char *name, size_t *ret_count)
{
    (void)arg;
    assert_string_equal(name, "/home");
    *ret_count = row_count;
    return is_well ? &rows : NULL;
}

static void handle_done(void *arg)
{
    (void)arg;
    assert_false(is_done);
    is_done = true;
    loop_stop(loop);
}

static void give_up(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static int set_up(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct inventory inv;
    loop = loop_new(&e);
    quiet = quiet_new();
    inventory_init(&inv);
    fixture_add(&inv, WORDS);
    const struct dataset *home = inventory_find(&inv, "/home");
    const struct snapset *there = &home->side[SIDE_REMOTE].snapshots;
    struct snapshot_row all[2];
    for (size_t i = 0; i < 2; i++)
        all[i] = (struct snapshot_row){.name = there->v[i].name,
                                       .guid = there->v[i].guid,
                                       .creation = there->v[i].creation,
                                       .sides = ROW_ON(SIDE_REMOTE)};
    row_table_add(&rows, all, 2);
    quiet_note_busy(quiet, home, &rows, clock_monotonic_ms());
    quiet_end_cycle(quiet, 1, QUIET_NOT_ALL);
    inventory_fini(&inv);
    row_count = 2;
    asked_ms = 0;
    changed = clock_now() - 100;
    starts = ends = is_well = true;
    is_done = false;
    failure = ERR_NONE;
    return loop == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    row_table_clear(&rows);
    quiet_free(quiet);
    loop_free(loop);
    return 0;
}

static void stop_it(void *arg)
{
    last_look_stop(arg);
    last_look_stop(arg); /* which is no other thing */
}

/* From the end of a cycle to that of the look, which is stopped after so many ms; -1: not. */
static void look(int64_t stop_after)
{
    struct err e = ERR_INIT;
    struct last_look_spec spec = {.loop = loop,
                                  .config = &config,
                                  .sites = &sites,
                                  .quiet = quiet,
                                  .rows = known,
                                  .on_done = handle_done};
    struct last_look *it = last_look_start(&spec);
    struct loop_timer *patience = loop_add_timer(loop, PATIENCE_MS, give_up, NULL);
    if (stop_after >= 0)
        loop_add_timer(loop, stop_after, stop_it, it);
    assert_int_equal(loop_run(loop, &e), 0);
    assert_true(is_done);
    loop_remove_timer(patience);
    last_look_free(it);
}

static void what_it_finds_is_that_of_what_the_cycle_left(void **state)
{
    (void)state;
    look(-1);
    assert_false(quiet_has_busy(quiet));
}

/* By then the second of the cycle's last change is over, twice. */
static void it_looks_two_seconds_after_the_cycle(void **state)
{
    (void)state;
    int64_t began = clock_monotonic_ms();
    look(-1);
    assert_true(asked_ms - began >= QUIET_APART_MS);
}

static void what_changed_in_a_second_that_is_not_over_is_not_believed(void **state)
{
    (void)state;
    changed = clock_now() + 1000;
    look(-1);
    assert_true(quiet_has_busy(quiet));
}

static void what_did_not_go_well_is_not_believed(void **state)
{
    (void)state;
    is_well = false;
    look(-1);
    assert_true(quiet_has_busy(quiet));
}

static void where_another_number_was_told_it_is_not_believed(void **state)
{
    (void)state;
    row_count = 3;
    look(-1);
    assert_true(quiet_has_busy(quiet));
}

static void one_that_fails_changes_nothing(void **state)
{
    (void)state;
    failure = ERR_SSH;
    look(-1);
    assert_true(quiet_has_busy(quiet));
}

static void one_that_cannot_begin_changes_nothing(void **state)
{
    (void)state;
    starts = false;
    look(-1);
    assert_true(quiet_has_busy(quiet));
}

static void one_that_is_stopped_before_it_looks_does_not(void **state)
{
    (void)state;
    look(10);
    assert_int_equal(asked_ms, 0);
    assert_true(quiet_has_busy(quiet));
}

static void one_that_is_stopped_while_it_lists_changes_nothing(void **state)
{
    (void)state;
    ends = false;
    look(LAST_LOOK_MS + 100);
    assert_int_not_equal(asked_ms, 0);
    assert_int_equal(failure, ERR_INTERRUPTED);
    assert_true(quiet_has_busy(quiet));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_it_finds_is_that_of_what_the_cycle_left),
        T(it_looks_two_seconds_after_the_cycle),
        T(what_changed_in_a_second_that_is_not_over_is_not_believed),
        T(what_did_not_go_well_is_not_believed),
        T(where_another_number_was_told_it_is_not_believed),
        T(one_that_fails_changes_nothing),
        T(one_that_cannot_begin_changes_nothing),
        T(one_that_is_stopped_before_it_looks_does_not),
        T(one_that_is_stopped_while_it_lists_changes_nothing),
    };
    return cmocka_run_group_tests_name("engine last look", tests, NULL, NULL);
}
