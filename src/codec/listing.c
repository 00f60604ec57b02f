#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "text.h"

#define COLUMNS_MAX 9

/* How many columns a line has; those that only show what a person may want to see can be missing. */
static const struct {
    size_t least, most;
} COLUMNS[] = {
    [LISTING_DATASETS] = {4, 6}, [LISTING_CHANGES] = {9, 9}, [LISTING_SNAPSHOTS] = {4, 5},
    [LISTING_NAMES] = {3, 3},    [LISTING_FACTS] = {4, 4},   [LISTING_DETAILS] = {4, 4},
};

/* One column of a line; `s` is NUL-terminated. */
struct column {
    char *s;
    size_t len;
};

/* One line, split. */
struct row {
    struct listing *listing;
    char *line;
    size_t len;
    struct column column[COLUMNS_MAX]; /* absent ones are empty */
    struct err *e;
};

void listing_init(struct listing *listing, enum listing_kind kind, struct inventory *inv,
                  enum side side, struct dsname root)
{
    *listing = (struct listing){.kind = kind, .side = side, .root = root, .inv = inv};
    lines_init(&listing->lines, LISTING_LINE_MAX);
}

void listing_fini(struct listing *listing)
{
    lines_fini(&listing->lines);
    free(listing->learned);
    free(listing->guids);
    listing->learned = NULL;
    listing->guids = NULL;
}

/* ERR_PARSE with the line's number and its beginning, tabs and other such bytes escaped. */
static int complain(const struct row *row, const char *why)
{
    char shown[256];
    size_t out = 0;
    size_t i = 0;
    for (; i < row->len && out + 8 < sizeof(shown); i++) {
        unsigned char c = (unsigned char)row->line[i];
        if (c == '\0' || c == '\t') /* lines hold no NUL of their own: split() made it */
            out += (size_t)snprintf(shown + out, 8, "\\t");
        else if (c < 0x20 || c >= 0x7f)
            out += (size_t)snprintf(shown + out, 8, "\\x%02x", (unsigned)c);
        else
            shown[out++] = (char)c;
    }
    shown[out] = '\0';
    err_set(row->e, ERR_PARSE, "line %zu of the listing: %s: \"%s%s\"", row->listing->lines.number,
            why, shown, i < row->len ? "..." : "");
    return -1;
}

static int split(struct row *row)
{
    static char empty[] = "";
    char *s = row->line;
    char *end = row->line + row->len;
    size_t least = COLUMNS[row->listing->kind].least;
    size_t most = COLUMNS[row->listing->kind].most;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        row->column[i] = (struct column){.s = empty};
    for (size_t i = 0;; i++) {
        char *tab = memchr(s, '\t', (size_t)(end - s));
        row->column[i].s = s;
        row->column[i].len = (size_t)((tab != NULL ? tab : end) - s);
        if (tab != NULL && i == most - 1)
            return complain(row, "too many columns");
        if (tab == NULL && i < least - 1)
            return complain(row, "too few columns");
        if (tab == NULL)
            return i + 1 == least || i + 1 == most ? 0 : complain(row, "too few columns");
        *tab = '\0';
        s = tab + 1;
    }
}

static bool is_absent(const struct column *column)
{
    return column->len == 0 || (column->len == 1 && column->s[0] == '-');
}

/*
 * Finds the dataset of the full name `full`, or makes it, and leaves it in listing->last; NULL
 * there where it is not known and `make` is false. Returns what is wrong with the name, or NULL.
 */
static const char *find_dataset(struct listing *listing, const char *full, bool make)
{
    struct dsname checked;
    const char *name = name_below(full, listing->root.s);
    if (name == NULL)
        return "a name outside the root";
    if (listing->last != NULL && strcmp(listing->last->name, name) == 0)
        return NULL;
    if (dsname_check(full, &checked, NULL) != 0)
        return "an illegal dataset name";
    listing->last = make ? inventory_get(listing->inv, name) : inventory_find(listing->inv, name);
    listing->cursor = 0;
    return NULL;
}

/* The columns guid, origin and snapshots_changed: `changed` and `revision`, if they say anything. */
static void read_changes(const struct column *guid, const struct column *origin,
                         const struct column *changed, struct holding *holding)
{
    holding->revision = 0;
    if (is_absent(guid) || is_absent(changed) ||
        text_parse_u64(changed->s, changed->len, &holding->changed) != 0)
        return;
    uint64_t hash = hash_add_bytes(HASH_INIT, guid->s, guid->len);
    hash = hash_add_bytes(hash, origin->s, origin->len);
    holding->revision = hash_add_bytes(hash, changed->s, changed->len);
}

static int read_dataset(struct row *row)
{
    const char *type = row->column[1].s;
    enum dataset_type known = strcmp(type, "filesystem") == 0 ? DATASET_FILESYSTEM
                              : strcmp(type, "volume") == 0   ? DATASET_VOLUME
                                                              : DATASET_UNKNOWN;
    if (known == DATASET_UNKNOWN)
        return complain(row, "neither a filesystem nor a volume");
    struct listing *listing = row->listing;
    const char *fault = find_dataset(listing, row->column[0].s, true);
    if (fault != NULL)
        return complain(row, fault);
    struct holding *holding = &listing->last->side[listing->side];
    const struct column *encryption = &row->column[2];
    const struct column *token = &row->column[3];
    uint64_t space[2] = {0, 0};
    for (size_t i = 0; i < 2; i++)
        if (!is_absent(&row->column[4 + i]) &&
            text_parse_u64(row->column[4 + i].s, row->column[4 + i].len, &space[i]) != 0)
            return complain(row, "the space used is no number");
    holding->exists = true;
    holding->type = known;
    holding->space = space[0] + space[1];
    read_changes(&row->column[6], &row->column[7], &row->column[8], holding);
    holding->encrypted = !is_absent(encryption) && strcmp(encryption->s, "off") != 0;
    holding->token =
        is_absent(token) ? NULL : strpool_add(&listing->inv->pool, token->s, token->len);
    return 0;
}

/* The dataset and the checked name after "@" or "#" (`ret_mark`) of the first column. */
static int read_snapshot_name(struct row *row, bool make, const char **ret_name, char *ret_mark)
{
    struct snapname checked;
    char *full = row->column[0].s;
    char *at = strpbrk(full, "@#");
    if (at == NULL)
        return complain(row, "no name of a snapshot");
    if (row->column[0].len > NAME_LEN_MAX)
        return complain(row, "a name longer than 255 bytes");
    if (snapname_check(at + 1, &checked, NULL) != 0)
        return complain(row, "an illegal snapshot name");
    char mark = *at;
    *at = '\0';
    const char *fault = find_dataset(row->listing, full, make);
    *at = mark;
    if (fault != NULL)
        return complain(row, fault);
    *ret_name = checked.s;
    *ret_mark = mark;
    return 0;
}

/* The columns creation and, where it is there, written. */
static int read_facts_of(const struct row *row, const struct column *creation,
                         const struct column *written, bool is_bookmark, struct snapshot *snap)
{
    if (text_parse_i64(creation->s, creation->len, &snap->creation) != 0 &&
        !(is_bookmark && is_absent(creation)))
        return complain(row, "the creation is no number");
    if (!is_absent(written) && text_parse_u64(written->s, written->len, &snap->size) != 0)
        return complain(row, "the bytes written are no number");
    return 0;
}

static int read_snapshot(struct row *row)
{
    struct listing *listing = row->listing;
    const struct column *c = row->column;
    struct snapshot snap = {.flags = 0};
    char mark = 0;
    if (read_snapshot_name(row, true, &snap.name, &mark) != 0)
        return -1;
    if (text_parse_u64(c[1].s, c[1].len, &snap.guid) != 0)
        return complain(row, "the guid is no number");
    if (text_parse_u64(c[2].s, c[2].len, &snap.createtxg) != 0)
        return complain(row, "the createtxg is no number");
    if (listing->kind == LISTING_NAMES) {
        snap.flags |= SNAPSHOT_BARE; /* until the end, when what is known comes in at once */
        listing->inv->bare[listing->side]++;
    } else if (read_facts_of(row, &c[3], &c[4], mark == '#', &snap) != 0) {
        return -1;
    }
    if (mark == '@')
        inventory_add_snapshot(listing->inv, listing->last, listing->side, &snap);
    else
        inventory_add_bookmark(listing->inv, listing->last, listing->side, &snap);
    return 0;
}

static int read_facts(struct row *row)
{
    const struct column *c = row->column;
    struct snapshot snap = {.flags = 0};
    char mark = 0;
    if (read_snapshot_name(row, false, &snap.name, &mark) != 0)
        return -1;
    if (text_parse_u64(c[1].s, c[1].len, &snap.guid) != 0)
        return complain(row, "the guid is no number");
    if (read_facts_of(row, &c[2], &c[3], mark == '#', &snap) != 0)
        return -1;
    struct listing *listing = row->listing;
    listing->learned = mem_grow(listing->learned, listing->learned_count, &listing->learned_cap,
                                sizeof(*listing->learned));
    listing->learned[listing->learned_count++] = snap;
    return 0;
}

/* The place of a guid: details come in the order of the snapshots, so the next one is it. */
static size_t find_guid(const struct listing *listing, const struct snapset *set, uint64_t guid)
{
    for (size_t i = listing->cursor; i < set->n; i++)
        if (set->v[i].guid == guid)
            return i;
    return snapset_find(set, guid);
}

static int read_details(struct row *row)
{
    struct listing *listing = row->listing;
    const struct column *c = row->column;
    const char *name;
    char mark = 0;
    uint64_t guid;
    uint64_t holds = 0;
    if (read_snapshot_name(row, false, &name, &mark) != 0)
        return -1;
    if (mark != '@')
        return complain(row, "no name of a snapshot");
    if (text_parse_u64(c[1].s, c[1].len, &guid) != 0)
        return complain(row, "the guid is no number");
    if (strcmp(c[2].s, "-") != 0 && text_parse_u64(c[2].s, c[2].len, &holds) != 0)
        return complain(row, "the userrefs are no number");
    if (listing->last == NULL)
        return 0;
    struct snapset *set = &listing->last->side[listing->side].snapshots;
    size_t at = find_guid(listing, set, guid);
    if (at == SIZE_MAX)
        return 0;
    /* Somebody may have given the name to another snapshot: then it is not confirmed. */
    bool same = strcmp(set->v[at].name, name) == 0;
    set->v[at].flags = (same ? SNAPSHOT_CONFIRMED : 0U) | (holds > 0 ? SNAPSHOT_HELD : 0U) |
                       (is_absent(&c[3]) ? 0U : SNAPSHOT_CLONED);
    listing->cursor = at + 1;
    return 0;
}

static int read_line(void *arg, char *line, size_t len, struct err *e)
{
    struct row row = {.listing = arg, .line = line, .len = len, .e = e};
    if (split(&row) != 0)
        return -1;
    switch (row.listing->kind) {
    case LISTING_DATASETS:
    case LISTING_CHANGES:
        return read_dataset(&row);
    case LISTING_SNAPSHOTS:
    case LISTING_NAMES:
        return read_snapshot(&row);
    case LISTING_FACTS:
        return read_facts(&row);
    default:
        return read_details(&row);
    }
}

int listing_feed(struct listing *listing, const char *data, size_t len, struct err *e)
{
    int rc = lines_feed(&listing->lines, data, len, read_line, listing, e);
    listing->failed = listing->failed || rc != 0;
    return rc;
}

/* ---- the end ---- */

/* Of the set of one dataset's guids, by open addressing; a stamp empties it for the next one. */
struct guid_slot {
    uint64_t guid;
    size_t stamp;
    size_t place;
};

/* Makes room: a power of two, at least twice the largest dataset. */
static void make_guid_set(struct listing *listing)
{
    const struct inventory *inv = listing->inv;
    listing->slot_count = 16;
    for (size_t i = 0; i < inv->n; i++)
        while (listing->slot_count < inv->v[i]->side[listing->side].snapshots.n * 2)
            listing->slot_count *= 2;
    listing->guids = mem_zalloc(listing->slot_count, sizeof(*listing->guids));
}

/* Adds the guid of place `place`; returns the place that had it before, or SIZE_MAX. */
static size_t guid_set_add(struct listing *listing, size_t stamp, uint64_t guid, size_t place)
{
    struct guid_slot *v = listing->guids;
    size_t at = (guid * 0x9e3779b97f4a7c15U >> 24) & (listing->slot_count - 1);
    for (; v[at].stamp == stamp; at = (at + 1) & (listing->slot_count - 1))
        if (v[at].guid == guid)
            return v[at].place;
    v[at] = (struct guid_slot){.guid = guid, .stamp = stamp, .place = place};
    return SIZE_MAX;
}

static int check_guids_once(struct listing *listing, size_t i, struct err *e)
{
    const struct dataset *ds = listing->inv->v[i];
    const struct snapset *snaps = &ds->side[listing->side].snapshots;
    for (size_t k = 0; k < snaps->n; k++) {
        size_t before = guid_set_add(listing, i + 1, snaps->v[k].guid, k);
        if (before != SIZE_MAX)
            return err_set(e, ERR_PARSE, "the listing of %s%s has the guid %llu twice: @%s, @%s",
                           listing->root.s, ds->name, (unsigned long long)snaps->v[k].guid,
                           snaps->v[before].name, snaps->v[k].name);
    }
    return 0;
}

/* Facts outlive the listing, and so nothing is learned from one that is refused. */
static void learn(const struct listing *listing, const struct snapshot *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        facts_add(listing->inv->facts, listing->side, v[i].guid, v[i].creation, v[i].size);
}

static void keep_dataset(const struct listing *listing, struct dataset *ds)
{
    struct holding *holding = &ds->side[listing->side];
    if (listing->kind == LISTING_SNAPSHOTS && listing->inv->facts != NULL) {
        learn(listing, holding->snapshots.v, holding->snapshots.n);
        learn(listing, holding->bookmarks.v, holding->bookmarks.n);
    }
    if (listing->kind == LISTING_NAMES && listing->inv->facts != NULL)
        inventory_complete_dataset(listing->inv, ds, listing->side);
    holding->listed = holding->listed || (holding->exists && !holding->skipped);
}

void listing_end_partly(struct listing *listing)
{
    bool is_whole = !listing->failed && listing->lines.partial.len == 0;
    if (listing->kind == LISTING_FACTS && is_whole && listing->inv->facts != NULL)
        learn(listing, listing->learned, listing->learned_count);
}

/* Whether its text is whole. */
static int end_lines(struct listing *listing, struct err *e)
{
    if (listing->failed)
        return err_set(e, ERR_PARSE, "the listing was not understood");
    bool breaks_off = listing->lines.partial.len > 0;
    int rc = lines_end(&listing->lines, read_line, listing, e);
    /* zfs ends every line with a newline. Half a number is a number, too: a creation time of some
     * other year would let the snapshot go. */
    if (rc == 0 && breaks_off)
        rc = err_set(e, ERR_PARSE, "the listing breaks off in its line %zu", listing->lines.number);
    listing->failed = rc != 0;
    if (rc != 0)
        return -1;
    /* A dataset that is there is printed; a shell that runs something else prints nothing. */
    bool is_of_datasets = listing->kind == LISTING_DATASETS || listing->kind == LISTING_CHANGES;
    if (is_of_datasets && listing->lines.number == 0)
        return err_set(e, ERR_PARSE,
                       "zfs list succeeded and printed nothing: what runs there is not zfs");
    listing_end_partly(listing);
    return 0;
}

/* Goes over datasets until `portion` is used up: first all are checked, then all are kept. */
static int end_datasets(struct listing *listing, size_t portion, struct err *e)
{
    struct inventory *inv = listing->inv;
    for (size_t done = 0; done < portion; listing->ended++) {
        if (listing->ended == inv->n && listing->is_checked)
            return 0;
        if (listing->ended == inv->n) {
            listing->is_checked = true;
            listing->ended = 0;
        }
        struct dataset *ds = inv->v[listing->ended];
        if (listing->is_checked)
            keep_dataset(listing, ds);
        else if (check_guids_once(listing, listing->ended, e) != 0)
            return -1;
        const struct holding *holding = &ds->side[listing->side];
        done += 1 + holding->snapshots.n + holding->bookmarks.n;
    }
    return LISTING_MORE;
}

int listing_end_some(struct listing *listing, size_t portion, struct err *e)
{
    if (listing->guids != NULL)
        return end_datasets(listing, portion, e);
    if (end_lines(listing, e) != 0)
        return -1;
    if (listing->kind != LISTING_SNAPSHOTS && listing->kind != LISTING_NAMES)
        return 0;
    make_guid_set(listing);
    return listing->inv->n == 0 ? 0 : end_datasets(listing, portion, e);
}

int listing_end(struct listing *listing, struct err *e)
{
    int rc;
    do
        rc = listing_end_some(listing, SIZE_MAX, e);
    while (rc == LISTING_MORE);
    return rc;
}
