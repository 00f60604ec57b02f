#include "statefile.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "world.h"

/* The columns of one line that are still to be read. */
struct cursor {
    const char *at, *end;
};

static const char *next_text(struct cursor *cursor)
{
    const char *tab = memchr(cursor->at, '\t', (size_t)(cursor->end - cursor->at));
    const char *end = tab == NULL ? cursor->end : tab;
    const char *text = world_keep_bytes(cursor->at, (size_t)(end - cursor->at));
    cursor->at = tab == NULL ? cursor->end : tab + 1;
    return text;
}

static uint64_t next_number(struct cursor *cursor)
{
    uint64_t value = 0;
    while (cursor->at < cursor->end && *cursor->at != '\t')
        value = value * 10 + (uint64_t)(*cursor->at++ - '0');
    cursor->at += cursor->at < cursor->end;
    return value;
}

static struct snap next_snap(struct cursor *cursor)
{
    struct snap snap = {.name = next_text(cursor)};
    snap.guid = next_number(cursor);
    snap.txg = next_number(cursor);
    snap.creation = (int64_t)next_number(cursor);
    snap.referenced = next_number(cursor);
    snap.written = next_number(cursor);
    snap.used = next_number(cursor);
    return snap;
}

static void read_dataset(struct dataset *ds, struct cursor *cursor)
{
    ds->volume = next_number(cursor) != 0;
    ds->mounted = next_number(cursor) != 0;
    ds->inconsistent = next_number(cursor) != 0;
    ds->guid = next_number(cursor);
    ds->txg = next_number(cursor);
    ds->creation = (int64_t)next_number(cursor);
    ds->changed = (int64_t)next_number(cursor);
    ds->volsize = next_number(cursor);
    ds->referenced = next_number(cursor);
    ds->pending = next_number(cursor);
    ds->pool_size = next_number(cursor);
    if (cursor->at < cursor->end)
        ds->origin = next_text(cursor);
}

static void read_hold(struct dataset *ds, struct cursor *cursor)
{
    ds->holds = mem_grow(ds->holds, ds->hold_n, &ds->hold_cap, sizeof(*ds->holds));
    struct hold *hold = &ds->holds[ds->hold_n++];
    hold->snap = next_text(cursor);
    hold->tag = next_text(cursor);
    hold->time = (int64_t)next_number(cursor);
}

static void read_clone(struct dataset *ds, struct cursor *cursor)
{
    ds->clones = mem_grow(ds->clones, ds->clone_n, &ds->clone_cap, sizeof(*ds->clones));
    struct clone *clone = &ds->clones[ds->clone_n++];
    clone->snap = next_text(cursor);
    clone->dataset = next_text(cursor);
}

static void read_line(struct dataset *ds, char letter, struct cursor *cursor)
{
    struct snap snap;
    const char *name;
    switch (letter) {
    case 'D':
        read_dataset(ds, cursor);
        break;
    case 'S':
        snap = next_snap(cursor);
        snap_add(ds, &snap);
        break;
    case 'B':
        snap = next_snap(cursor);
        bookmark_add(ds, &snap);
        break;
    case 'P':
        name = next_text(cursor);
        prop_set(ds, name, next_text(cursor));
        break;
    case 'H':
        read_hold(ds, cursor);
        break;
    case 'C':
        read_clone(ds, cursor);
        break;
    default:
        world_panic("%s: a line of the state begins with %c", ds->name, letter);
    }
}

struct dataset *statefile_read(const char *name, const char *text, size_t len)
{
    struct dataset *ds = mem_zalloc(1, sizeof(*ds));
    const char *end = text + len;
    ds->name = world_keep(name);
    while (text + 2 < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct cursor cursor = {.at = text + 2, .end = newline == NULL ? end : newline};
        read_line(ds, text[0], &cursor);
        text = cursor.end + 1;
    }
    return ds;
}

void add_u64(struct str *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    str_add_bytes(out, digits + at, sizeof(digits) - at);
}

static void add_numbers(struct str *out, const uint64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_add_char(out, '\t');
        add_u64(out, numbers[i]);
    }
}

static void add_snap(struct str *out, char letter, const struct snap *snap)
{
    str_add_char(out, letter);
    str_add_char(out, '\t');
    str_add(out, snap->name);
    add_numbers(out,
                (const uint64_t[]){snap->guid, snap->txg, (uint64_t)snap->creation,
                                   snap->referenced, snap->written, snap->used},
                6);
    str_add_char(out, '\n');
}

void statefile_write(const struct dataset *ds, struct str *out)
{
    str_add_char(out, 'D');
    add_numbers(out,
                (const uint64_t[]){ds->volume, ds->mounted, ds->inconsistent, ds->guid, ds->txg,
                                   (uint64_t)ds->creation, (uint64_t)ds->changed, ds->volsize,
                                   ds->referenced, ds->pending, ds->pool_size},
                11);
    if (ds->origin != NULL)
        str_add_format(out, "\t%s", ds->origin);
    str_add_char(out, '\n');
    for (size_t i = 0; i < ds->prop_n; i++)
        str_add_format(out, "P\t%s\t%s\n", ds->props[i].name, ds->props[i].value);
    for (size_t i = 0; i < ds->snap_n; i++)
        add_snap(out, 'S', &ds->snaps[i]);
    for (size_t i = 0; i < ds->bookmark_n; i++)
        add_snap(out, 'B', &ds->bookmarks[i]);
    for (size_t i = 0; i < ds->hold_n; i++)
        str_add_format(out, "H\t%s\t%s\t%lld\n", ds->holds[i].snap, ds->holds[i].tag,
                       (long long)ds->holds[i].time);
    for (size_t i = 0; i < ds->clone_n; i++)
        str_add_format(out, "C\t%s\t%s\n", ds->clones[i].snap, ds->clones[i].dataset);
}
