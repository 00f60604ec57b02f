/*
 * What `zfs list -Hp` prints, into an inventory, as it arrives. Columns are separated by tabs;
 * names may hold spaces; numbers are decimal; an absent value is "-".
 */
#ifndef BACKUPD_CODEC_LISTING_H
#define BACKUPD_CODEC_LISTING_H

#include "inventory.h"
#include "lines.h"
#include "names.h"

/* The longest line that is believed: a snapshot can have thousands of clones. */
#define LISTING_LINE_MAX 1048576

/* The columns to ask for. */
#define LISTING_DATASET_COLUMNS                                                                    \
    "name,type,encryption,receive_resume_token,usedbydataset,usedbysnapshots"
#define LISTING_CHANGE_COLUMNS   LISTING_DATASET_COLUMNS ",guid,origin,snapshots_changed"
#define LISTING_SNAPSHOT_COLUMNS "name,guid,createtxg,creation,written"
#define LISTING_NAME_COLUMNS     "name,guid,createtxg" /* and no more: these alone are fast */
#define LISTING_FACT_COLUMNS     "name,guid,creation,written"
#define LISTING_DETAIL_COLUMNS   "name,guid,userrefs,clones"

enum listing_kind {
    LISTING_DATASETS,  /* -t filesystem,volume -o LISTING_DATASET_COLUMNS: sets exists, type,
                          encrypted, token and space */
    LISTING_SNAPSHOTS, /* -t snapshot[,bookmark] -o LISTING_SNAPSHOT_COLUMNS: adds them; their
                          dataset exists. A bookmark's creation may be absent: it is then 0. The
                          last column may be left out, as in listings that people make. Where the
                          inventory has facts, they get to know them at its end */
    LISTING_DETAILS,   /* -t snapshot -o LISTING_DETAIL_COLUMNS, of snapshots known already: sets
                          or clears SNAPSHOT_HELD and SNAPSHOT_CLONED by guid, and
                          SNAPSHOT_CONFIRMED where it still has the name. What is not known appeared
                          meanwhile and is skipped */
    LISTING_NAMES,     /* -t snapshot,bookmark -o LISTING_NAME_COLUMNS: as LISTING_SNAPSHOTS, with
                          what inv->facts says of the guids. What that does not know is
                          SNAPSHOT_BARE and counted in inv->bare */
    LISTING_FACTS,     /* -t snapshot,bookmark -o LISTING_FACT_COLUMNS: adds to inv->facts at its
                          end, and to nothing else */
    LISTING_CHANGES,   /* as LISTING_DATASETS, with LISTING_CHANGE_COLUMNS, which 2.2 and later
                          know: sets revision and changed, too */
};

struct listing {
    enum listing_kind kind;
    enum side side;
    struct dsname root;
    struct inventory *inv;
    struct lines lines;
    struct dataset *last;     /* the dataset of the line before: listings come dataset by dataset */
    size_t cursor;            /* details: the place in `last` after that of the line before */
    struct snapshot *learned; /* facts: what lines said, until it is certain that they are whole */
    size_t learned_count, learned_cap;
    bool failed; /* a line was not understood: listing_end fails too */

    /* Where its end has come to. */
    struct guid_slot *guids; /* NULL: it has not begun */
    size_t slot_count;
    size_t ended; /* datasets before this one are done: checked or, once all are, kept */
    bool is_checked;
};

/* Prepares to read a listing of `root` and what is below it. `inv` and `root.s` must outlive it. */
void listing_init(struct listing *listing, enum listing_kind kind, struct inventory *inv,
                  enum side side, struct dsname root);
void listing_fini(struct listing *listing);

/*
 * Takes the next bytes. Fails with ERR_PARSE, naming the line's number and quoting it, at a line
 * that is not what zfs prints: too few columns or too many, an illegal name, a name outside the
 * root, a number that is none; with ERR_LIMIT at a line longer than LISTING_LINE_MAX. What was
 * read before it stays in the inventory, and the listing does not count: `listed` is set by
 * listing_end alone.
 */
int listing_feed(struct listing *listing, const char *data, size_t len, struct err *e);

/*
 * The end of a listing whose program succeeded. It fails with ERR_PARSE where the last line has no
 * newline, because the rest is missing then; and of LISTING_SNAPSHOTS and LISTING_NAMES where a
 * dataset has two snapshots of one guid (bookmarks may share one); else it sets `listed` on
 * every dataset of the inventory that exists on the side and is not `skipped`, also on one that had
 * no line. So a listing must cover all that the inventory has of the side and is not: who lists one
 * dataset alone reads it into an inventory of its own, and who lists datasets too does that first.
 * The caller sorts the inventory.
 */
int listing_end(struct listing *listing, struct err *e);

/*
 * The same bit by bit, for whoever has others to answer: returns LISTING_MORE until it was called
 * often enough, and goes over about `portion` snapshots each time, or over one dataset that has
 * more. In between only lines of other listings may come into the inventory, and it may not be
 * sorted.
 */
#define LISTING_MORE 1
int listing_end_some(struct listing *listing, size_t portion, struct err *e);

/*
 * The end of LISTING_FACTS whose program failed for some of the names, and printed the others. What
 * it printed is kept where it was whole lines, all of them understood. Other kinds keep nothing.
 */
void listing_end_partly(struct listing *listing);

#endif
