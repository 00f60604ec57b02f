/* zfs send. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "destroy.h"
#include "mem.h"
#include "output.h"
#include "property.h"
#include "stream.h"
#include "world.h"

struct send {
    bool raw, compressed, dry_run, verbose, parsable;
    const char *base;  /* as it was given, or NULL */
    const char *token; /* or NULL */
    const char *to;    /* full name of the snapshot */
    struct begin begin;
    char from[600]; /* full name of the base, "" for a full stream */
};

static FILE *speaks_to(const struct send *send)
{
    return send->dry_run ? stdout : stderr;
}

/* ---- what is sent ---- */

static uint64_t written_after(const struct dataset *ds, uint64_t base_txg, const struct snap *to)
{
    uint64_t written = 0;
    for (size_t i = 0; i < ds->snap_n; i++)
        if (ds->snaps[i].txg > base_txg && ds->snaps[i].txg <= to->txg)
            written += ds->snaps[i].written;
    return written;
}

static void fill_begin(struct send *send, struct dataset *ds, const struct snap *to,
                       const struct snap *base)
{
    const char *encryption = property_effective(ds, "encryption");
    bool encrypted = encryption != NULL && strcmp(encryption, "off") != 0;
    struct begin *begin = &send->begin;
    begin->to_guid = to->guid;
    begin->from_guid = base == NULL ? 0 : base->guid;
    begin->size = base == NULL ? to->referenced : written_after(ds, base->txg, to);
    begin->referenced = to->referenced;
    begin->volsize = ds->volsize;
    begin->creation = to->creation;
    begin->volume = ds->volume;
    begin->raw = send->raw && encrypted;
    begin->compressed = send->raw || send->compressed;
    snprintf(begin->encryption, sizeof(begin->encryption), "%s", begin->raw ? encryption : "off");
    snprintf(begin->to_name, sizeof(begin->to_name), "%s@%s", ds->name, to->name);
}

/* "@a", "a", "#a" or a full name: its mark and the part behind it, and the dataset if it is said. */
static char split_base(const char *given, const char **ret_dataset, const char **ret_name)
{
    *ret_dataset = "";
    const char *mark = strpbrk(given, "@#");
    *ret_name = mark == NULL ? given : mark + 1;
    if (mark != NULL && mark > given)
        name_split(given, "@#", ret_dataset);
    return mark == NULL ? '@' : *mark;
}

static const struct snap *find_base(struct send *send, struct dataset *ds)
{
    const char *dataset;
    const char *name;
    char mark = split_base(send->base, &dataset, &name);
    if (dataset[0] == '\0')
        dataset = ds->name;
    snprintf(send->from, sizeof(send->from), "%s%c%s", dataset, mark, name);
    struct dataset *of = state_open(dataset);
    const struct snap *base = NULL;
    if (of != NULL)
        base = mark == '#' ? bookmark_find(of, name) : snap_find(of, name);
    /* Who is to tell a size finds the fault before anything is sent, and has no words for it. */
    if (base == NULL && mark == '#' && (send->verbose || send->parsable))
        fail(1, "warning: cannot send '%s': No such process\n", send->to);
    if (base == NULL && mark == '#')
        fail(1, "warning: cannot send '%s': incremental source (%s) does not exist\n", send->to,
             send->from);
    if (base == NULL)
        fail(1, "cannot open '%s': dataset does not exist\n", send->from);
    return base;
}

static void prepare_plain(struct send *send)
{
    struct dataset *ds;
    const struct snap *to = open_snap_or_complain(send->to, &ds);
    const struct snap *base = NULL;
    if (to == NULL)
        finish(1);
    if (send->base != NULL)
        base = find_base(send, ds);
    if (base != NULL && base->txg >= to->txg && strchr(send->from, '#') != NULL &&
        (send->verbose || send->parsable))
        fail(1, "warning: cannot send '%s': Invalid cross-device link\n", send->to);
    if (base != NULL && base->txg >= to->txg)
        fail(1, "warning: cannot send '%s': not an earlier snapshot from the same fs\n", send->to);
    fill_begin(send, ds, to, base);
    if (!send->dry_run)
        busy_mark(ds, to);
    if (!send->dry_run && base != NULL && snap_find_guid(ds, base->guid) != NULL)
        busy_mark(ds, base);
}

/* ---- resuming ---- */

static void print_token(const struct send *send, const struct partial *partial)
{
    FILE *out = speaks_to(send);
    const struct begin *begin = &partial->begin;
    if (!send->verbose)
        return;
    fprintf(out, "resume token contents:\nnvlist version: 0\n");
    if (begin->from_guid != 0)
        fprintf(out, "\tfromguid = 0x%" PRIx64 "\n", begin->from_guid);
    fprintf(out, "\tobject = 0x2\n\toffset = 0x%" PRIx64 "\n\tbytes = 0x%" PRIx64 "\n",
            partial->bytes, partial->bytes);
    fprintf(out, "\ttoguid = 0x%" PRIx64 "\n\ttoname = %s\n", begin->to_guid, begin->to_name);
    fprintf(out, "%s%s%s", begin->raw ? "" : "\tembedok = 1\n",
            begin->compressed ? "\tcompressok = 1\n" : "", begin->raw ? "\trawok = 1\n" : "");
    fflush(out);
}

/* What an increment starts from, if it is still there. */
static const struct snap *find_token_base(struct send *send, struct dataset *ds, uint64_t guid)
{
    const struct snap *base = snap_find_guid(ds, guid);
    char mark = '@';
    for (size_t i = 0; base == NULL && i < ds->bookmark_n; i++) {
        if (ds->bookmarks[i].guid != guid)
            continue;
        base = &ds->bookmarks[i];
        mark = '#';
    }
    if (base != NULL) {
        snprintf(send->from, sizeof(send->from), "%s%c%s", ds->name, mark, base->name);
        return base;
    }
    fail(255, "cannot resume send: incremental source 0x%" PRIx64 " no longer exists\n", guid);
}

/* The snapshot that a token means, and its dataset. */
static const struct snap *find_token_snap(const struct begin *begin, struct dataset **ret_ds)
{
    const char *dataset = "";
    const char *name = name_split(begin->to_name, "@", &dataset);
    *ret_ds = name == NULL ? NULL : state_open(dataset);
    const struct snap *to = *ret_ds == NULL ? NULL : snap_find(*ret_ds, name);
    if (to != NULL && to->guid == begin->to_guid)
        return to;
    fail(255, "cannot resume send: '%s' %s\n", begin->to_name,
         to == NULL ? "used in the initial send no longer exists"
                    : "is no longer the same snapshot used in the initial send");
}

static void prepare_token(struct send *send)
{
    struct partial partial;
    struct dataset *ds;
    const char *why = token_decode(send->token, &partial);
    const struct snap *base = NULL;
    if (why != NULL)
        fail(255, "cannot resume send: %s\n", why);
    print_token(send, &partial);
    const struct snap *to = find_token_snap(&partial.begin, &ds);
    if (partial.begin.from_guid != 0)
        base = find_token_base(send, ds, partial.begin.from_guid);
    send->to = world_keep(partial.begin.to_name);
    send->raw = partial.begin.raw;
    send->compressed = partial.begin.compressed;
    fill_begin(send, ds, to, base);
    send->begin.resumed = true;
    send->begin.offset = partial.bytes < send->begin.size ? partial.bytes : send->begin.size;
    if (!send->dry_run)
        busy_mark(ds, to);
}

/* ---- telling ---- */

static void print_size(const struct send *send)
{
    FILE *out = speaks_to(send);
    uint64_t size = stream_length(&send->begin);
    struct str figure;
    if (!send->verbose)
        return;
    if (send->parsable) {
        if (send->from[0] == '\0')
            fprintf(out, "full\t%s\t%" PRIu64 "\n", send->to, size);
        else
            fprintf(out, "incremental\t%s\t%s\t%" PRIu64 "\n", send->from, send->to, size);
        fprintf(out, "size\t%" PRIu64 "\n", size);
        return;
    }
    str_init(&figure);
    add_size(&figure, size, false);
    if (send->from[0] == '\0')
        fprintf(out, "full send of %s estimated size is %s\n", send->to, figure.s);
    else
        fprintf(out, "send from %s to %s estimated size is %s\n", send->from, send->to, figure.s);
    fprintf(out, "total estimated size is %s\n", figure.s);
    if (!send->dry_run)
        fprintf(out, "TIME        SENT   SNAPSHOT %s\n", send->to);
    str_fini(&figure);
}

/* A line once a second, as the real one's thread prints it. It goes by the alarm clock, so that it
 * comes also while the pipe is full. */
static const struct send *reported;
static volatile uint64_t sent;

static void print_progress(int signo)
{
    char line[700];
    time_t now = time(NULL);
    struct tm tm;
    (void)signo;
    localtime_r(&now, &tm);
    int len = snprintf(line, sizeof(line), "%02d:%02d:%02d\t%" PRIu64 "\t%s\n", tm.tm_hour,
                       tm.tm_min, tm.tm_sec, sent, reported->to);
    ssize_t put = write(STDERR_FILENO, line, (size_t)len);
    (void)put;
}

static void start_progress(const struct send *send)
{
    struct itimerval every = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    struct sigaction action = {.sa_handler = print_progress, .sa_flags = SA_RESTART};
    reported = send;
    if (!send->verbose)
        return;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* ---- sending ---- */

static void put(const void *data, size_t len)
{
    output_stream(data, len);
    sent += len;
}

static _Noreturn void transmit(const struct send *send)
{
    unsigned char begin[STREAM_BEGIN];
    unsigned char *payload = mem_alloc(STREAM_BLOCK);
    begin_pack(&send->begin, begin);
    start_progress(send);
    put(begin, sizeof(begin));
    for (uint64_t at = send->begin.offset; at < send->begin.size; at += STREAM_BLOCK) {
        uint64_t left = send->begin.size - at;
        struct block block =
            block_make(send->begin.to_guid, at, left < STREAM_BLOCK ? left : STREAM_BLOCK, payload);
        put(&block, sizeof(block));
        put(payload, (size_t)block.len);
    }
    struct block end = block_make(send->begin.to_guid, send->begin.size, 0, payload);
    put(&end, sizeof(end));
    free(payload);
    finish(0);
}

static void parse_options(int argc, char **argv, struct send *send)
{
    for (int option; (option = getopt(argc, argv, "+wPvnLecpDVi:I:t:")) != -1;) {
        switch (option) {
        case 'w':
            send->raw = true;
            break;
        case 'c':
            send->compressed = true;
            break;
        case 'P':
            send->parsable = true;
            break;
        case 'v':
            send->verbose = true;
            break;
        case 'n':
            send->dry_run = true;
            break;
        case 'I':
            if (strchr(optarg, '#') != NULL)
                fail(1, "Error: multiple snapshots cannot be sent from a bookmark.\n");
            fail(2, "the simulation sends single snapshots only\n");
        case 'i':
            send->base = optarg;
            break;
        case 't':
            send->token = optarg;
            break;
        case '?':
            unknown_option(optopt);
        default:
            break;
        }
    }
}

void zfs_send(int argc, char **argv)
{
    struct send send = {.from = ""};
    parse_options(argc, argv, &send);
    if (send.token == NULL && optind + 1 != argc)
        fail(2, "missing snapshot argument\n");
    if (!send.dry_run && isatty(STDOUT_FILENO))
        fail(1, "Error: Stream can not be written to a terminal.\n"
                "You must redirect standard output.\n");
    world_lock(false);
    if (send.token != NULL) {
        prepare_token(&send);
    } else {
        send.to = argv[optind];
        prepare_plain(&send);
    }
    print_size(&send);
    fflush(stdout);
    world_unlock();
    if (send.dry_run)
        finish(0);
    transmit(&send);
}
