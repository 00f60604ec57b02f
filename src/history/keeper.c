#include "keeper.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "event_json.h"
#include "history.h"
#include "mem.h"
#include "state.h"

/* So many records of a kind wait at most: half of what there is room for. */
#define WAITING_MAX (CHRONICLE_TRANSFERS / 2)

struct keeper {
    char *path;
    int64_t keep;
    keeper_event_fn *fn;
    void *arg;
    struct store *store; /* NULL: it cannot be used, and is tried again at the next cycle's end */
    struct state state;  /* of which only the chronicle is used: the records that came */
    uint64_t written[RECORD_LINE]; /* of each kind, of its ring's total */
    uint64_t lost;                 /* since it was last written */
    char reason[ERR_MSG_MAX];      /* for which it cannot be used, as it was told; "" : it can */
};

struct keeper *keeper_new(const char *path, int64_t keep_seconds, keeper_event_fn *fn, void *arg)
{
    struct keeper *keeper = mem_zalloc(1, sizeof(*keeper));
    keeper->path = mem_strdup(path);
    keeper->keep = keep_seconds;
    keeper->fn = fn;
    keeper->arg = arg;
    state_init(&keeper->state);
    return keeper;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    store_close(keeper->store);
    state_fini(&keeper->state);
    free(keeper->path);
    free(keeper);
}

static void note(struct keeper *keeper, int64_t now, enum event_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void note(struct keeper *keeper, int64_t now, enum event_level level, const char *fmt, ...)
{
    struct str text;
    va_list ap;
    str_init(&text);
    va_start(ap, fmt);
    str_add_format_args(&text, fmt, ap);
    va_end(ap);
    struct event event = {.kind = EVENT_NOTE, .time = now, .level = level, .text = text.s};
    keeper->fn(keeper->arg, &event);
    str_fini(&text);
}

/* ---- what is wrong with it ---- */

/* Gives up until the next cycle's end. */
static void give_up(struct keeper *keeper, int64_t now, const struct err *e)
{
    store_close(keeper->store);
    keeper->store = NULL;
    if (strcmp(keeper->reason, e->msg) == 0)
        return;
    memcpy(keeper->reason, e->msg, sizeof(keeper->reason));
    note(keeper, now, LEVEL_WARNING,
         "the history %s cannot be used: %s; backups go on, what happens is kept in memory, and it "
         "is tried again after each cycle; mend it, or set [history] path",
         keeper->path, e->msg);
}

static void note_recovery(struct keeper *keeper, int64_t now)
{
    if (keeper->reason[0] == '\0')
        return;
    keeper->reason[0] = '\0';
    if (keeper->lost == 0)
        note(keeper, now, LEVEL_INFO, "the history %s is written again", keeper->path);
    else
        note(keeper, now, LEVEL_WARNING,
             "the history %s is written again; %" PRIu64 " records were too many to wait for that",
             keeper->path, keeper->lost);
    keeper->lost = 0;
}

/* ---- opening ---- */

static void open_store(struct keeper *keeper, int64_t now)
{
    struct err e = ERR_INIT;
    struct str news;
    str_init(&news);
    keeper->store = store_open(keeper->path, now, &news, &e);
    if (news.len > 0)
        note(keeper, now, LEVEL_WARNING, "%s", news.s);
    if (keeper->store == NULL)
        give_up(keeper, now, &e);
    str_fini(&news);
}

/* One that can be read is worth reading, but then it is no use any more. */
static void refuse_readonly(struct keeper *keeper, int64_t now)
{
    struct err e = ERR_INIT;
    if (keeper->store == NULL || !store_is_readonly(keeper->store))
        return;
    err_set(&e, ERR_SYSTEM, "it can only be read");
    give_up(keeper, now, &e);
}

struct recalling {
    struct keeper *keeper;
    uint64_t told, skipped;
};

/* What a reader would not believe, somebody has written by hand. */
static bool is_sound(const struct event *event)
{
    struct str line;
    struct event decoded;
    struct event_memory *memory = NULL;
    str_init(&line);
    event_encode(event, &line);
    bool sound = event_decode(line.s, line.len, &decoded, &memory, NULL) == 0;
    event_memory_free(memory);
    str_fini(&line);
    return sound;
}

static int recall_one(void *arg, const struct event *event)
{
    struct recalling *recalling = arg;
    if (!is_sound(event)) {
        recalling->skipped++;
        return 0;
    }
    recalling->told++;
    return recalling->keeper->fn(recalling->keeper->arg, event);
}

void keeper_recall(struct keeper *keeper, int64_t now)
{
    struct recalling recalling = {.keeper = keeper};
    struct err e = ERR_INIT;
    open_store(keeper, now);
    if (keeper->store != NULL &&
        store_recall(keeper->store, now, recall_one, &recalling, &e) != 0 && e.code != ERR_NONE)
        give_up(keeper, now, &e);
    refuse_readonly(keeper, now);
    if (recalling.skipped > 0)
        note(keeper, now, LEVEL_WARNING,
             "the history %s has %" PRIu64 " records that make no sense", keeper->path,
             recalling.skipped);
    note(keeper, now, LEVEL_DEBUG, HISTORY_RECALLED "%" PRIu64 " records", recalling.told);
}

/* ---- writing ---- */

static uint64_t waiting(const struct keeper *keeper, int kind)
{
    return keeper->state.chronicle.ring[kind].total - keeper->written[kind];
}

bool keeper_is_pending(const struct keeper *keeper)
{
    for (int kind = 0; kind < RECORD_LINE; kind++)
        if (waiting(keeper, kind) > 0 && keeper->store != NULL)
            return true;
    return false;
}

/* Those that had to make room are lost. */
static void count_lost(struct keeper *keeper)
{
    for (int kind = 0; kind < RECORD_LINE; kind++) {
        size_t kept = chronicle_count(&keeper->state.chronicle, (enum record_kind)kind);
        if (waiting(keeper, kind) <= kept)
            continue;
        keeper->lost += waiting(keeper, kind) - kept;
        keeper->written[kind] = keeper->state.chronicle.ring[kind].total - kept;
    }
}

static int write_waiting(struct keeper *keeper, struct err *e)
{
    const struct chronicle *chronicle = &keeper->state.chronicle;
    if (store_begin(keeper->store, e) != 0)
        return -1;
    for (int k = 0; k < RECORD_LINE; k++) {
        enum record_kind kind = (enum record_kind)k;
        size_t n = chronicle_count(chronicle, kind);
        for (size_t i = n - (size_t)waiting(keeper, k); i < n; i++)
            if (store_write(keeper->store, kind, chronicle_at(chronicle, kind, i), e) != 0)
                return -1;
    }
    return store_commit(keeper->store, e);
}

void keeper_flush(struct keeper *keeper, int64_t now)
{
    struct err e = ERR_INIT;
    if (!keeper_is_pending(keeper))
        return;
    count_lost(keeper);
    if (write_waiting(keeper, &e) != 0) {
        store_rollback(keeper->store);
        give_up(keeper, now, &e);
        return;
    }
    for (int kind = 0; kind < RECORD_LINE; kind++)
        keeper->written[kind] = keeper->state.chronicle.ring[kind].total;
    note_recovery(keeper, now);
}

/* Before anything is written: where the disk is full this makes room. */
static void prune(struct keeper *keeper, int64_t cycle_end, int64_t now)
{
    struct err e = ERR_INIT;
    if (store_begin(keeper->store, &e) == 0 &&
        store_prune(keeper->store, cycle_end - keeper->keep, &e) == 0 &&
        store_commit(keeper->store, &e) == 0)
        return;
    store_rollback(keeper->store);
    give_up(keeper, now, &e);
}

static void finish_cycle(struct keeper *keeper, int64_t cycle_end, int64_t now)
{
    if (keeper->store == NULL)
        open_store(keeper, now);
    refuse_readonly(keeper, now);
    if (keeper->store != NULL)
        prune(keeper, cycle_end, now);
    keeper_flush(keeper, now);
}

void keeper_take(struct keeper *keeper, const struct event *event, int64_t now)
{
    switch (event->kind) {
    case EVENT_CYCLE_RECALLED:
    case EVENT_TRANSFER_RECALLED:
    case EVENT_FAILURE_RECALLED:
    case EVENT_DAY_RECALLED:
        state_apply(&keeper->state, event);
        break;
    case EVENT_CYCLE_FINISHED:
        finish_cycle(keeper, event->time, now);
        break;
    default:
        break;
    }
    for (int kind = 0; kind < RECORD_LINE; kind++)
        if (waiting(keeper, kind) >= WAITING_MAX)
            keeper_flush(keeper, now);
}
