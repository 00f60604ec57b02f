/*
 * The first byte chooses the kind of listing, the second where the text is split. Whatever the
 * split, the outcome is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_split(struct inventory *inv, enum listing_kind kind, const char *text, size_t len,
                      size_t split, struct err *e)
{
    struct listing listing;
    listing_init(&listing, kind, inv, SIDE_LOCAL, (struct dsname){.s = "tank"});
    int rc = listing_feed(&listing, text, split, e) != 0 ||
             listing_feed(&listing, text + split, len - split, e) != 0 ||
             listing_end(&listing, e) != 0;
    listing_fini(&listing);
    return rc;
}

static size_t count(const struct inventory *inv)
{
    size_t n = inv->n;
    for (size_t i = 0; i < inv->n; i++)
        n += inv->v[i]->side[SIDE_LOCAL].snapshots.n * 3 +
             inv->v[i]->side[SIDE_LOCAL].bookmarks.n * 7 + inv->v[i]->side[SIDE_LOCAL].listed;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char KNOWN[] = "tank@a\t1\t1\t1\ntank/x@b\t2\t2\t2\n";
    struct inventory whole, parts;
    struct facts known[2];
    struct err e = ERR_INIT, f = ERR_INIT;
    if (size < 2)
        return 0;
    enum listing_kind kind = (enum listing_kind)(data[0] % 6);
    const char *text = (const char *)data + 2;
    size_t split = size > 2 ? data[1] % (size - 2) : 0;
    inventory_init(&whole);
    inventory_init(&parts);
    facts_init(&known[0]);
    facts_init(&known[1]);
    facts_add(&known[0], SIDE_LOCAL, 1, 1, 1);
    facts_add(&known[1], SIDE_LOCAL, 1, 1, 1);
    whole.facts = &known[0];
    parts.facts = &known[1];
    if (kind == LISTING_DETAILS) {
        read_split(&whole, LISTING_SNAPSHOTS, KNOWN, sizeof(KNOWN) - 1, 0, NULL);
        read_split(&parts, LISTING_SNAPSHOTS, KNOWN, sizeof(KNOWN) - 1, 0, NULL);
    }
    int a = read_split(&whole, kind, text, size - 2, 0, &e);
    int b = read_split(&parts, kind, text, size - 2, split, &f);
    if (a != b || strcmp(e.msg, f.msg) != 0 || count(&whole) != count(&parts) ||
        known[0].n != known[1].n || whole.bare[SIDE_LOCAL] != parts.bare[SIDE_LOCAL])
        abort();
    inventory_sort(&whole);
    inventory_fini(&whole);
    inventory_fini(&parts);
    facts_fini(&known[0]);
    facts_fini(&known[1]);
    return 0;
}
