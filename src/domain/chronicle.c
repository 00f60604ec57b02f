#include "chronicle.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const size_t LIMITS[RECORD_KIND_COUNT] = {
    [RECORD_CYCLE] = CHRONICLE_CYCLES,     [RECORD_TRANSFER] = CHRONICLE_TRANSFERS,
    [RECORD_FAILURE] = CHRONICLE_FAILURES, [RECORD_DAY] = CHRONICLE_DAYS,
    [RECORD_LINE] = CHRONICLE_LINES,
};

void chronicle_init(struct chronicle *chronicle)
{
    memset(chronicle, 0, sizeof(*chronicle));
}

static void free_record(struct record *record)
{
    free((char *)record->dataset);
    free((char *)record->start);
    free((char *)record->end);
    free((char *)record->text);
}

void chronicle_fini(struct chronicle *chronicle)
{
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        struct ring *ring = &chronicle->ring[kind];
        for (size_t i = 0; i < ring->n; i++)
            free_record(&ring->v[i]);
        free(ring->v);
    }
    chronicle_init(chronicle);
}

/* A place for a new record; the oldest one's where there is no more room. */
static struct record *make_room(struct ring *ring, size_t limit)
{
    ring->total++;
    if (ring->v == NULL || ring->n < limit) {
        ring->v = mem_grow(ring->v, ring->n, &ring->cap, sizeof(*ring->v));
        return &ring->v[ring->n++];
    }
    struct record *record = &ring->v[ring->head];
    ring->head = (ring->head + 1) % ring->n;
    free_record(record);
    return record;
}

/* A dry run of many steps is one line. Cuts between characters of UTF-8, where it is that. */
static char *copy_text(const char *text)
{
    static const char CUT[] = " [cut]";
    size_t len = text == NULL ? 0 : strlen(text);
    if (len <= CHRONICLE_TEXT_MAX)
        return mem_strdup(text);
    len = CHRONICLE_TEXT_MAX - (sizeof(CUT) - 1);
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    char *copy = mem_alloc(len + sizeof(CUT));
    memcpy(copy, text, len);
    memcpy(copy + len, CUT, sizeof(CUT));
    return copy;
}

void chronicle_add(struct chronicle *chronicle, enum record_kind kind, const struct record *record)
{
    struct record copy = *record;
    copy.dataset = mem_strdup(record->dataset);
    copy.start = mem_strdup(record->start);
    copy.end = mem_strdup(record->end);
    copy.text = copy_text(record->text);
    *make_room(&chronicle->ring[kind], LIMITS[kind]) = copy;
}

static struct record *record_at(const struct ring *ring, size_t i)
{
    return &ring->v[(ring->head + i) % ring->n];
}

const struct record *chronicle_at(const struct chronicle *chronicle, enum record_kind kind,
                                  size_t i)
{
    return record_at(&chronicle->ring[kind], i);
}

size_t chronicle_count(const struct chronicle *chronicle, enum record_kind kind)
{
    return chronicle->ring[kind].n;
}

struct record *chronicle_newest(struct chronicle *chronicle, enum record_kind kind)
{
    const struct ring *ring = &chronicle->ring[kind];
    return ring->n == 0 ? NULL : record_at(ring, ring->n - 1);
}

/* Divides towards the past, also before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

int64_t chronicle_midnight(int64_t time)
{
    if (time < INT64_MIN + CHRONICLE_DAY)
        return INT64_MIN; /* the midnight before it is no int64_t */
    return floor_div(time, CHRONICLE_DAY) * CHRONICLE_DAY;
}

static size_t minute_slot(int64_t minute)
{
    return (size_t)(((minute % CHRONICLE_MINUTES) + CHRONICLE_MINUTES) % CHRONICLE_MINUTES);
}

void chronicle_add_bytes(struct chronicle *chronicle, int64_t time, uint64_t bytes)
{
    int64_t minute = floor_div(time, 60);
    if (bytes == 0)
        return; /* no news, and nobody would be told of the minute */
    if (minute - chronicle->newest_minute >= CHRONICLE_MINUTES)
        memset(chronicle->minute, 0, sizeof(chronicle->minute));
    else
        for (int64_t m = chronicle->newest_minute + 1; m <= minute; m++)
            chronicle->minute[minute_slot(m)] = 0;
    if (minute > chronicle->newest_minute)
        chronicle->newest_minute = minute;
    if (chronicle->newest_minute - minute < CHRONICLE_MINUTES)
        chronicle->minute[minute_slot(minute)] += bytes;
}

uint64_t chronicle_bytes_in(const struct chronicle *chronicle, int64_t time)
{
    int64_t minute = floor_div(time, 60);
    int64_t age = chronicle->newest_minute - minute;
    return age < 0 || age >= CHRONICLE_MINUTES ? 0 : chronicle->minute[minute_slot(minute)];
}

void chronicle_note_day(struct chronicle *chronicle, int64_t time, enum verdict_level verdict,
                        uint64_t bytes, const uint64_t space[SIDE_COUNT])
{
    struct record day = {.time = chronicle_midnight(time)};
    struct record *record = chronicle_newest(chronicle, RECORD_DAY);
    /* A clock that stepped back goes on writing into the newest day. */
    if (record == NULL || record->time < day.time) {
        chronicle_add(chronicle, RECORD_DAY, &day);
        record = chronicle_newest(chronicle, RECORD_DAY);
    }
    record->count++;
    record->bytes += bytes;
    if (verdict > record->verdict)
        record->verdict = verdict;
    memcpy(record->space, space, sizeof(record->space));
}
