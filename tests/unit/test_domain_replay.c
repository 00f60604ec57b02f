/*
 * Whoever is told a state has the same one, whatever has happened before and whatever happens
 * after: random events, from a seed that is printed. TEST_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "event_json.h"
#include "state.h"
#include "verdict.h"

#define SEQUENCES    3000
#define ROWS_AT_MOST 300

struct world {
    uint64_t random;
    int64_t now;
    uint64_t cycle;
    struct snapshot_row rows[ROWS_AT_MOST];
    char names[ROWS_AT_MOST][16];
};

static uint64_t roll(struct world *world)
{
    uint64_t x = world->random += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

static size_t below(struct world *world, size_t n)
{
    return (size_t)(roll(world) % n);
}

static bool one_in(struct world *world, size_t n)
{
    return below(world, n) == 0;
}

static int64_t some_time(struct world *world)
{
    return one_in(world, 3) ? 0 : world->now - (int64_t)below(world, 10000);
}

static const char *dataset_name(struct world *world)
{
    static const char *const NAMES[] = {"", "/a", "/a/b", "/c d", "/e"};
    return NAMES[below(world, 5)];
}

static const char *snapshot_name(struct world *world)
{
    return world->names[below(world, 8)];
}

static void some_rows(struct world *world, struct event *event)
{
    event->row_count = one_in(world, 20) ? below(world, ROWS_AT_MOST) : below(world, 6);
    event->rows = world->rows;
    for (size_t i = 0; i < event->row_count; i++)
        world->rows[i] =
            (struct snapshot_row){.name = world->names[i],
                                  .guid = roll(world),
                                  .creation = 1700000000 + (int64_t)below(world, 1000000),
                                  .size = below(world, 1000),
                                  .keep = {(uint16_t)(roll(world) & ROW_KEEP_ALL),
                                           (uint16_t)(roll(world) & ROW_KEEP_ALL)},
                                  .sides = (unsigned char)(1 + below(world, 3))};
}

static enum event_kind some_kind(struct world *world)
{
    /* Things happen more often than they are recalled, and steps more often than cycles. */
    if (one_in(world, 12))
        return (enum event_kind)below(world, EVENT_KIND_COUNT);
    static const enum event_kind KINDS[] = {
        EVENT_DATASET_SEEN,     EVENT_DATASET_SEEN,  EVENT_DATASET_SNAPSHOTS, EVENT_DATASET_PLANNED,
        EVENT_STEP_PLANNED,     EVENT_STEP_PLANNED,  EVENT_STEP_PLANNED,      EVENT_STEP_PLANNED,
        EVENT_DATASET_STARTED,  EVENT_STEP_STARTED,  EVENT_STEP_STARTED,      EVENT_STEP_PROGRESS,
        EVENT_STEP_FINISHED,    EVENT_STEP_FINISHED, EVENT_STEP_FINISHED,     EVENT_STEP_FINISHED,
        EVENT_DATASET_FINISHED, EVENT_NOTE};
    return KINDS[below(world, sizeof(KINDS) / sizeof(KINDS[0]))];
}

static enum err_code some_code(struct world *world)
{
    static const enum err_code CODES[] = {ERR_NONE, ERR_NONE, ERR_NONE,
                                          ERR_BUSY, ERR_HELD, ERR_INTERRUPTED};
    return CODES[below(world, 6)];
}

/* Every field has some value; those that do not count are lost as it becomes JSON. */
static struct event some_event(struct world *world)
{
    static const char *const TEXTS[] = {"words", "caf\xc3\xa9 \"x\"\n", "", NULL};
    struct event event = {.kind = some_kind(world)};
    world->now +=
        one_in(world, 50) ? (int64_t)below(world, 200000) - 50000 : (int64_t)below(world, 60);
    if (event.kind == EVENT_CYCLE_STARTED)
        world->cycle++;
    event.time = world->now;
    event.cycle = one_in(world, 10) ? below(world, 10) : world->cycle;
    event.dataset = dataset_name(world);
    event.step = below(world, 6);
    event.op = (enum op)below(world, OP_COUNT);
    event.side = (enum side)below(world, SIDE_COUNT);
    event.start = snapshot_name(world);
    event.end = snapshot_name(world);
    event.bytes = below(world, 1000);
    event.bytes_total = below(world, 1000);
    event.count = below(world, 6);
    event.failed = below(world, 3);
    event.type = (enum dataset_type)below(world, 3);
    for (int side = 0; side < SIDE_COUNT; side++)
        event.holding[side] =
            (struct event_side){below(world, 9), some_time(world), roll(world) >> 8};
    event.flag = one_in(world, 4);
    event.first = !one_in(world, 4);
    event.running = one_in(world, 2);
    event.started = some_time(world);
    event.finished = some_time(world);
    event.due = some_time(world);
    event.success = some_time(world);
    event.failing = some_time(world);
    event.interval = (int64_t)below(world, 1000);
    event.period = (int64_t)below(world, 100000);
    event.sent = below(world, 9);
    event.destroyed = below(world, 9);
    event.status = (enum dataset_status)below(world, STATUS_COUNT);
    event.step_status = (enum step_status)below(world, STEP_STATUS_COUNT);
    event.verdict = (enum verdict_level)below(world, VERDICT_COUNT);
    event.level = (enum event_level)below(world, LEVEL_COUNT);
    event.code = some_code(world);
    bool must_have_text = event.kind == EVENT_NOTE || event.kind == EVENT_LOG_RECALLED;
    event.text = TEXTS[below(world, must_have_text ? 3 : 4)];
    some_rows(world, &event);
    return event;
}

/* Folds an event in as another process gets it: as lines. */
static void tell(void *arg, const struct event *event)
{
    struct str text;
    str_init(&text);
    event_encode(event, &text);
    for (char *line = text.s; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        struct event decoded;
        struct event_memory *memory;
        struct err e = ERR_INIT;
        if (event_decode(line, len, &decoded, &memory, &e) != 0)
            fail_msg("%s: %s", e.msg, line);
        state_apply(arg, &decoded);
        event_memory_free(memory);
        line += len;
    }
    str_fini(&text);
}

static void replay(const struct state *from, struct state *to)
{
    state_init(to);
    state_replay(from, tell, to);
    for (size_t i = 0; i < from->n; i++)
        state_replay_dataset(from->v[i], tell, to);
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL && b != NULL)
        assert_string_equal(a, b);
}

static void assert_same_step(const struct step_state *a, const struct step_state *b)
{
    assert_true(a->op == b->op && a->side == b->side && a->status == b->status);
    assert_int_equal(a->resumed, b->resumed);
    assert_true(a->bytes == b->bytes && a->bytes_total == b->bytes_total);
    assert_true(a->started == b->started && a->finished == b->finished);
    assert_same_text(a->start, b->start);
    assert_same_text(a->end, b->end);
}

static void assert_same_dataset(const struct dataset_state *a, const struct dataset_state *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->type, b->type);
    assert_memory_equal(a->holding, b->holding, sizeof(a->holding));
    struct snapshot_row *settled = row_table_list(&a->rows);
    assert_true(row_table_is(&b->rows, settled, a->rows.n));
    free(settled);
    assert_int_equal(a->is_arriving, b->is_arriving);
    struct snapshot_row *rows_a = row_table_list(&a->arriving);
    struct snapshot_row *rows_b = row_table_list(&b->arriving);
    assert_true(rows_are_equal(rows_a, a->arriving.n, rows_b, b->arriving.n));
    free(rows_a);
    free(rows_b);
    assert_true(a->copied == b->copied && a->coming_since == b->coming_since);
    assert_true(a->started == b->started && a->finished == b->finished);
    assert_true(a->last_success == b->last_success && a->due == b->due);
    assert_true(a->failing == b->failing && a->failures == b->failures);
    assert_true(a->sent == b->sent && a->destroyed == b->destroyed);
    assert_true(a->sent_bytes == b->sent_bytes && a->seen_in == b->seen_in);
    assert_int_equal(a->code, b->code);
    assert_same_text(a->text, b->text);
    assert_int_equal(a->step_count, b->step_count);
    for (size_t i = 0; i < a->step_count; i++)
        assert_same_step(&a->steps[i], &b->steps[i]);
}

static void assert_same_record(const struct record *a, const struct record *b)
{
    assert_true(a->time == b->time && a->started == b->started && a->cycle == b->cycle);
    assert_true(a->count == b->count && a->failed == b->failed);
    assert_true(a->sent == b->sent && a->destroyed == b->destroyed && a->bytes == b->bytes);
    assert_memory_equal(a->space, b->space, sizeof(a->space));
    assert_true(a->resumed == b->resumed && a->verdict == b->verdict && a->level == b->level);
    assert_int_equal(a->code, b->code);
    assert_same_text(a->dataset, b->dataset);
    assert_same_text(a->start, b->start);
    assert_same_text(a->end, b->end);
    assert_same_text(a->text, b->text);
}

static void assert_same_chronicle(const struct chronicle *a, const struct chronicle *b)
{
    for (int k = 0; k < RECORD_KIND_COUNT; k++) {
        enum record_kind kind = (enum record_kind)k;
        assert_int_equal(chronicle_count(a, kind), chronicle_count(b, kind));
        for (size_t i = 0; i < chronicle_count(a, kind); i++)
            assert_same_record(chronicle_at(a, kind, i), chronicle_at(b, kind, i));
    }
    assert_true(a->newest_minute == b->newest_minute);
    for (int64_t age = 0; age < CHRONICLE_MINUTES; age++) {
        int64_t time = (a->newest_minute - age) * 60;
        assert_true(chronicle_bytes_in(a, time) == chronicle_bytes_in(b, time));
    }
}

static void assert_same_verdict(const struct state *a, const struct state *b, int64_t now)
{
    struct verdict of_a, of_b;
    struct str text_a, text_b;
    str_init(&text_a);
    str_init(&text_b);
    verdict_of(a, now, &of_a);
    verdict_of(b, now, &of_b);
    verdict_describe(&of_a, a, now, &text_a);
    verdict_describe(&of_b, b, now, &text_b);
    assert_string_equal(text_a.s, text_b.s);
    str_fini(&text_a);
    str_fini(&text_b);
}

static void assert_same_state(const struct state *a, const struct state *b, int64_t now)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_same_dataset(a->v[i], b->v[i]);
    assert_true(a->cycle == b->cycle && a->cycle_running == b->cycle_running);
    assert_int_equal(a->dryrun, b->dryrun);
    assert_true(a->cycle_started == b->cycle_started && a->cycle_finished == b->cycle_finished);
    assert_true(a->cycle_failed == b->cycle_failed && a->cycle_code == b->cycle_code);
    assert_same_text(a->cycle_text, b->cycle_text);
    assert_true(a->last_success == b->last_success && a->cycle_failing == b->cycle_failing);
    assert_true(a->due == b->due && a->sent == b->sent && a->destroyed == b->destroyed);
    assert_true(a->sent_bytes == b->sent_bytes && a->has_remote == b->has_remote);
    assert_true(a->interval == b->interval && a->period == b->period);
    assert_same_chronicle(&a->chronicle, &b->chronicle);
    assert_same_verdict(a, b, now);
}

static void live_and_tell(struct world *world, struct state *first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct event event = some_event(world);
        tell(first, &event);
    }
}

static void live_both(struct world *world, struct state *a, struct state *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct event event = some_event(world);
        tell(a, &event);
        tell(b, &event);
    }
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void a_state_that_is_told_is_the_same_and_stays_the_same(void **state)
{
    (void)state;
    static struct world world;
    uint64_t seed = choose_seed();
    for (size_t i = 0; i < ROWS_AT_MOST; i++)
        snprintf(world.names[i], sizeof(world.names[i]), "daily-%zu", i);
    for (uint64_t i = 0; i < SEQUENCES; i++) {
        struct state first, second, third;
        world.random = seed * SEQUENCES + i;
        world.now = 1764000000;
        world.cycle = 1;
        state_init(&first);
        live_and_tell(&world, &first, i % 500 == 499 ? 5000 : 10 + below(&world, 80));
        replay(&first, &second);
        assert_same_state(&first, &second, world.now);
        live_both(&world, &first, &second, 1 + below(&world, 30));
        assert_same_state(&first, &second, world.now);
        replay(&second, &third);
        assert_same_state(&first, &third, world.now);
        state_fini(&first);
        state_fini(&second);
        state_fini(&third);
    }
}

/* One event with all its rows, as the engine folds it, and the parts of it, as others do. */
static void a_table_in_parts_is_the_same_table(void **state)
{
    (void)state;
    static struct world world;
    struct state whole, parts;
    for (size_t i = 0; i < ROWS_AT_MOST; i++)
        snprintf(world.names[i], sizeof(world.names[i]), "daily-%zu", i);
    state_init(&whole);
    state_init(&parts);
    struct event seen = {.kind = EVENT_DATASET_SEEN, .dataset = "/a"};
    struct event rows = {.kind = EVENT_DATASET_SNAPSHOTS, .dataset = "/a", .first = true};
    some_rows(&world, &rows);
    rows.row_count = 300;
    for (size_t i = 0; i < rows.row_count; i++)
        world.rows[i] = (struct snapshot_row){
            .name = world.names[i], .guid = i, .creation = (int64_t)i, .sides = 1};
    state_apply(&whole, &seen);
    state_apply(&whole, &rows);
    tell(&parts, &seen);
    tell(&parts, &rows);
    assert_int_equal(parts.v[0]->rows.n, 300);
    assert_same_state(&whole, &parts, 0);
    state_fini(&whole);
    state_fini(&parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_that_is_told_is_the_same_and_stays_the_same),
        cmocka_unit_test(a_table_in_parts_is_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
