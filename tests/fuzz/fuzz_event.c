/*
 * Each line is an event. What is believed is written the same again; folded into a state it does
 * no harm, and whoever is told that state can fold in all of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event_json.h"
#include "state.h"
#include "verdict.h"

/* Plans longer than this take memory, and show nothing that shorter ones do not. */
#define STEPS_TRIED 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct event *event, struct str *line)
{
    struct event again;
    struct event_memory *memory;
    struct str second;
    str_init(&second);
    event_encode(event, line);
    if (line->len > EVENT_LINE_MAX || event_decode(line->s, line->len, &again, &memory, NULL) != 0)
        abort();
    event_encode(&again, &second);
    if (strstr(line->s, " [cut]") == NULL && strcmp(line->s, second.s) != 0)
        abort();
    event_memory_free(memory);
    str_fini(&second);
}

static void fold(struct state *state, const struct event *event)
{
    if (event->kind == EVENT_DATASET_PLANNED && event->count > STEPS_TRIED)
        return;
    state_apply(state, event);
}

static void read_line(struct state *state, const char *line, size_t len)
{
    struct event event;
    struct event_memory *memory;
    struct str first;
    if (event_decode(line, len, &event, &memory, NULL) != 0)
        return;
    str_init(&first);
    check_written(&event, &first);
    fold(state, &event);
    str_fini(&first);
    event_memory_free(memory);
}

/* Folds an event into the other state as a process gets it. Every one of a replay is legal. */
static void tell(void *arg, const struct event *event)
{
    struct str text;
    str_init(&text);
    event_encode(event, &text);
    for (const char *line = text.s; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        struct event decoded;
        struct event_memory *memory;
        if (event_decode(line, len, &decoded, &memory, NULL) != 0)
            abort();
        state_apply(arg, &decoded);
        event_memory_free(memory);
        line += len;
    }
    str_fini(&text);
}

static bool tables_are_equal(const struct row_table *a, const struct row_table *b)
{
    struct snapshot_row *rows = row_table_list(a);
    bool equal = row_table_is(b, rows, a->n);
    free(rows);
    return equal;
}

static void check_told(const struct state *state)
{
    struct state other;
    state_init(&other);
    state_replay(state, tell, &other);
    for (size_t i = 0; i < state->n; i++)
        state_replay_dataset(state->v[i], tell, &other);
    if (other.n != state->n)
        abort();
    for (size_t i = 0; i < state->n; i++) {
        const struct dataset_state *a = state->v[i];
        const struct dataset_state *b = other.v[i];
        if (strcmp(a->name, b->name) != 0 || a->status != b->status ||
            a->step_count != b->step_count || a->copied != b->copied ||
            !tables_are_equal(&a->rows, &b->rows))
            abort();
    }
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        if (chronicle_count(&state->chronicle, (enum record_kind)kind) !=
            chronicle_count(&other.chronicle, (enum record_kind)kind))
            abort();
    state_fini(&other);
}

static void describe(const struct state *state)
{
    struct verdict verdict;
    struct str words;
    str_init(&words);
    verdict_of(state, state->cycle_finished, &verdict);
    verdict_describe(&verdict, state, state->cycle_finished, &words);
    verdict_advise(&verdict, state, &words);
    str_fini(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state state;
    const char *line = (const char *)data;
    const char *end = line + size;
    state_init(&state);
    while (line < end) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = newline == NULL ? (size_t)(end - line) : (size_t)(newline - line) + 1;
        read_line(&state, line, len);
        line += len;
    }
    check_told(&state);
    describe(&state);
    state_fini(&state);
    return 0;
}
