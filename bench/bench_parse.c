/*
 * What reading listings costs: lines of datasets with a thousand snapshots each, as zfs prints them,
 * in the portions that a pipe gives, into an inventory; a million of them, and all columns also of
 * a thousand to ten millions. --count LINES reads once, for bench/instructions.sh. Each kind of listing has a row: all columns; names
 * of which everything is known; names of which nothing is. The fastest of some rounds counts, by
 * the time of this process.
 *
 * Exits 1 where a row is slower than 300 MB a second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "counter.h"
#include "listing.h"
#include "str.h"
#include "text.h"

#define EACH    1000
#define PORTION 65536
#define ROUNDS  5
#define BAR     300.0 /* MB of 10^6 bytes a second */

static const struct dsname ROOT = {.s = "tank/data"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A guid that is not in order, as those of ZFS are not. */
static uint64_t guid_of(uint64_t n)
{
    uint64_t x = n * 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    return x ^ (x >> 31);
}

static void write_listing(struct str *out, enum listing_kind kind, uint64_t datasets)
{
    for (uint64_t d = 0; d < datasets; d++) {
        for (uint64_t i = 0; i < EACH; i++) {
            int64_t creation = 1600000000 + 3600 * (int64_t)i;
            char when[TEXT_FIGURE_MAX];
            text_time(when, creation);
            str_add_format(out, "%s/home/user-%" PRIu64 "@hourly-%s\t%" PRIu64 "\t%" PRIu64, ROOT.s,
                           d, when, guid_of(d * EACH + i + 1), 1000 + 700 * i);
            if (kind == LISTING_SNAPSHOTS)
                str_add_format(out, "\t%" PRId64 "\t%" PRIu64, creation, 4096 * (i % 1000));
            str_add_char(out, '\n');
        }
    }
}

/* instructions.sh knows it by its name. */
__attribute__((noinline)) static int measured_parse(struct listing *listing, const struct str *text,
                                                    struct err *e)
{
    int rc = 0;
    for (size_t at = 0; at < text->len && rc == 0; at += PORTION) {
        size_t len = text->len - at < PORTION ? text->len - at : PORTION;
        rc = listing_feed(listing, text->s + at, len, e);
    }
    return rc == 0 ? listing_end(listing, e) : rc;
}

/* Seconds; negative where it was not understood. */
static double read_listing(const struct str *text, enum listing_kind kind, struct facts *facts,
                           uint64_t *ret_instructions)
{
    struct inventory inv;
    struct listing listing;
    struct err e = ERR_INIT;
    inventory_init(&inv);
    inv.facts = facts;
    double start = now();
    listing_init(&listing, kind, &inv, SIDE_LOCAL, ROOT);
    counter_start();
    int rc = measured_parse(&listing, text, &e);
    *ret_instructions = counter_stop();
    double seconds = now() - start;
    listing_fini(&listing);
    inventory_fini(&inv);
    if (rc != 0)
        fprintf(stderr, "%s\n", e.msg);
    return rc == 0 ? seconds : -1;
}

/* One row. `facts` may be NULL. 0, or -1 where it misses the bar or fails. */
static int measure(const char *what, enum listing_kind kind, struct facts *facts, uint64_t datasets)
{
    struct str text;
    double best = 0;
    uint64_t instructions = 0;
    int rounds = datasets > 1000 ? 2 : ROUNDS;
    char counted[64] = "";
    str_init(&text);
    write_listing(&text, kind, datasets);
    for (int round = 0; round < rounds && best >= 0; round++) {
        double seconds = read_listing(&text, kind, facts, &instructions);
        if (round == 0 || seconds < best)
            best = seconds;
    }
    double mb = (double)text.len / 1e6;
    str_fini(&text);
    if (best <= 0)
        return -1;
    double lines = (double)datasets * EACH;
    if (instructions > 0)
        snprintf(counted, sizeof(counted), ", %.0f instructions", (double)instructions / lines);
    printf("%-5s parsing, %-24s %8.0f lines, %5.1f MB, %4.0f ns a line%s, %5.0f MB/s (at least "
           "%.0f)\n",
           mb / best >= BAR ? "pass" : "MISS", what, lines, mb, 1e9 * best / lines, counted,
           mb / best, BAR);
    fflush(stdout);
    return mb / best >= BAR ? 0 : -1;
}

static int count_only(const char *lines)
{
    struct str text;
    uint64_t instructions;
    uint64_t datasets = strtoul(lines, NULL, 10) / EACH;
    str_init(&text);
    write_listing(&text, LISTING_SNAPSHOTS, datasets);
    double seconds = read_listing(&text, LISTING_SNAPSHOTS, NULL, &instructions);
    str_fini(&text);
    return datasets == 0 || seconds < 0;
}

int main(int argc, char **argv)
{
    struct facts facts;
    int rc = 0;
    if (argc == 3 && strcmp(argv[1], "--count") == 0)
        return count_only(argv[2]);
    counter_explain();
    for (uint64_t datasets = 1; datasets <= 10000; datasets *= 10)
        if (measure("all columns:", LISTING_SNAPSHOTS, NULL, datasets) != 0)
            rc = 1;
    facts_init(&facts);
    if (measure("all columns, made known:", LISTING_SNAPSHOTS, &facts, 1000) != 0)
        rc = 1;
    if (measure("names that are known:", LISTING_NAMES, &facts, 1000) != 0)
        rc = 1;
    if (measure("names that are not:", LISTING_NAMES, NULL, 1000) != 0)
        rc = 1;
    facts_fini(&facts);
    return rc;
}
