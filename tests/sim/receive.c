/* zfs receive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "destroy.h"
#include "mem.h"
#include "output.h"
#include "property.h"
#include "stream.h"
#include "world.h"

#define SETTINGS_MAX 16

struct receive {
    bool resumable, unmounted, force, abort;
    char *settings[SETTINGS_MAX];
    size_t setting_n;
    const char *name;
    const char *what; /* "new filesystem", "incremental" or "resume" */
    struct begin begin;
    struct partial partial;
    int fd; /* of the partial state */
};

static void parse_options(int argc, char **argv, struct receive *receive)
{
    for (int option; (option = getopt(argc, argv, "+suvFAnhMo:x:")) != -1;) {
        switch (option) {
        case 's':
            receive->resumable = true;
            break;
        case 'u':
            receive->unmounted = true;
            break;
        case 'F':
            receive->force = true;
            break;
        case 'A':
            receive->abort = true;
            break;
        case 'o':
            if (receive->setting_n < SETTINGS_MAX && strchr(optarg, '=') != NULL)
                receive->settings[receive->setting_n++] = optarg;
            break;
        case '?':
            unknown_option(optopt);
        default:
            break;
        }
    }
    if (optind + 1 != argc)
        fail(2, "missing or too many snapshot arguments\n");
    receive->name = argv[optind];
}

/* ---- receive -A ---- */

static _Noreturn void abort_receive(const char *name)
{
    struct partial partial;
    world_lock(true);
    struct dataset *ds = open_or_complain(name, name);
    if (ds == NULL)
        usage("receive [-vMnsFhu] [-o <property>=<value>] ... [-x <property>] ...\n"
              "\t    <filesystem|volume|snapshot>");
    if (!partial_read(name, &partial))
        fail(1, "'%s' does not have any resumable receive state to abort\n", name);
    if (partial.busy)
        fail(1, "cannot destroy '%s': dataset is busy\n", name);
    if (ds->inconsistent && !partial.over)
        destroy_dataset(ds);
    else
        unlink(state_file(name, "@recv"));
    finish(0);
}

/* ---- may it be received? ---- */

static _Noreturn void refuse(const struct receive *receive, const char *why)
{
    fail(1, "cannot receive %s stream: %s\n", receive->what, why);
}

/* `format` has one %s for the destination's name. */
static _Noreturn void refuse_name(const struct receive *receive, const char *before,
                                  const char *after)
{
    struct str why;
    str_init(&why);
    str_add_format(&why, "%s%s%s", before, receive->name, after);
    refuse(receive, world_keep(why.s));
}

static _Noreturn void refuse_partial(const struct receive *receive)
{
    refuse_name(receive, "destination ",
                " contains partially-complete state from \"zfs receive -s\".");
}

static void check_settings(const struct receive *receive)
{
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "cannot receive %s stream", receive->what);
    for (size_t i = 0; i < receive->setting_n; i++) {
        struct property property;
        size_t len = strcspn(receive->settings[i], "=");
        const char *name = world_keep_bytes(receive->settings[i], len);
        const char *value = receive->settings[i] + len + 1;
        if (!property_find(name, &property))
            fail(1, "cannot receive: cannot receive: invalid property '%s'\n", name);
        bool of_filesystem = strcmp(name, "canmount") == 0 || strcmp(name, "mountpoint") == 0;
        if (receive->begin.volume && of_filesystem)
            fail(1, "%s: property '%s' does not apply to datasets of this type\n", prefix, name);
        if (!property_settable(prefix, name, value, receive->begin.volume))
            fail(1, "%s: invalid property value\n", prefix);
    }
}

static void check_pool_and_parent(const struct receive *receive)
{
    const char *pool = name_pool(receive->name);
    const char *parent = name_parent(receive->name);
    const char *missing = state_open(pool) == NULL                       ? pool
                          : parent != NULL && state_open(parent) == NULL ? parent
                                                                         : NULL;
    if (state_is_suspended(receive->name))
        complain("cannot open '%s': pool I/O is currently suspended\n", pool);
    else if (missing != NULL)
        complain("cannot open '%s': dataset does not exist\n", missing);
    else
        return;
    refuse(receive, "unable to restore to destination");
}

static bool is_encrypted(struct dataset *ds)
{
    return strcmp(property_effective(ds, "encryption"), "off") != 0;
}

static void check_full(struct receive *receive, struct dataset *ds)
{
    check_pool_and_parent(receive);
    if (ds == NULL)
        return;
    if (!receive->force)
        refuse_name(receive, "destination '", "' exists\nmust specify -F to overwrite it");
    if (partial_read(receive->name, &receive->partial))
        refuse_partial(receive);
    if (ds->snap_n > 0) {
        struct str after;
        str_init(&after);
        str_add_format(&after, "@%s)\nmust destroy them to overwrite it", ds->snaps[0].name);
        refuse_name(receive, "destination has snapshots (eg. ", world_keep(after.s));
    }
    if (is_encrypted(ds) != receive->begin.raw)
        refuse(receive, "zfs receive -F cannot be used to destroy an encrypted filesystem or "
                        "overwrite an unencrypted one with an encrypted one");
    if (ds->volume != receive->begin.volume && state_has_children(ds->name))
        refuse_name(receive, "destination '", "' has children, and its type changes");
}

/* Reads the stream to its end, and does nothing with it. */
static _Noreturn void swallow(void)
{
    unsigned char *buffer = mem_alloc(STREAM_BLOCK);
    world_unlock();
    while (input_stream(buffer, STREAM_BLOCK) == STREAM_BLOCK)
        continue;
    free(buffer);
    finish(0);
}

static void check_increment(struct receive *receive, struct dataset *ds)
{
    if (ds == NULL)
        refuse_name(receive, "destination '", "' does not exist");
    if (state_is_suspended(receive->name))
        check_pool_and_parent(receive);
    if (is_encrypted(ds) && prop_get(ds, "encryption") != NULL && !receive->begin.raw)
        refuse(receive, "inherited key must be loaded");
    const char *name = strchr(receive->begin.to_name, '@') + 1;
    const struct snap *same = snap_find(ds, name);
    const struct snap *base = snap_find_guid(ds, receive->begin.from_guid);
    if (same != NULL && same->guid == receive->begin.to_guid)
        swallow();
    if (partial_read(receive->name, &receive->partial))
        refuse_partial(receive);
    if (same != NULL)
        fail(1, "cannot restore to %s@%s: destination already exists\n", ds->name, name);
    if (base == NULL)
        refuse_name(receive, "most recent snapshot of ", " does not\nmatch incremental source");
    if (!receive->force && (base != snap_newest(ds) || ds->pending > 0))
        refuse_name(receive, "destination ", " has been modified\nsince most recent snapshot");
    if (!is_encrypted(ds) && receive->begin.raw)
        refuse(receive, "IV set guid mismatch. See the 'zfs receive' man page section\n "
                        "discussing the limitations of raw encrypted send streams.");
}

static void check_resumption(struct receive *receive, const struct dataset *ds)
{
    static const char NOTHING[] = "'\nmust specify -F to overwrite it";
    struct partial *partial = &receive->partial;
    if (ds == NULL)
        refuse_name(receive, "destination '", "' does not exist");
    if (!partial_read(receive->name, partial))
        refuse_name(receive, "Resuming recv on existing destination '", NOTHING);
    if (partial->busy)
        refuse_partial(receive);
    if (partial->over && !receive->force)
        refuse_name(receive, "Resuming recv on existing destination '", NOTHING);
    if (partial->begin.to_guid != receive->begin.to_guid ||
        partial->begin.from_guid != receive->begin.from_guid ||
        partial->bytes != receive->begin.offset)
        refuse(receive, "incompatible embedded data stream feature with encrypted receive.");
}

/* ---- receiving ---- */

static void apply_settings(const struct receive *receive, struct dataset *ds)
{
    for (size_t i = 0; i < receive->setting_n; i++) {
        size_t len = strcspn(receive->settings[i], "=");
        prop_set(ds, world_keep_bytes(receive->settings[i], len), receive->settings[i] + len + 1);
    }
}

/* The dataset that a new full stream fills: there from the beginning, without a snapshot. It is not
 * saved yet. */
static struct dataset *make_dataset(const struct receive *receive)
{
    struct dataset *ds = state_new(receive->name, receive->begin.volume);
    ds->inconsistent = true;
    ds->volsize = receive->begin.volsize;
    ds->referenced = 0;
    ds->pending = 0;
    if (receive->begin.raw)
        prop_set(ds, "encryption", receive->begin.encryption);
    apply_settings(receive, ds);
    return ds;
}

/* Checks all that can be known before the data comes, and takes the place. */
static void start(struct receive *receive)
{
    struct dataset *ds;
    bool full = receive->begin.from_guid == 0;
    if (name_fault(receive->name) != NULL)
        fail(1, "cannot receive: invalid name\n");
    receive->what = receive->begin.resumed ? "resume" : full ? "new filesystem" : "incremental";
    world_lock(true);
    ds = state_open(receive->name);
    check_settings(receive);
    if (receive->begin.resumed)
        check_resumption(receive, ds);
    else if (full)
        check_full(receive, ds);
    else
        check_increment(receive, ds);
    if (receive->begin.resumed) {
        receive->fd = partial_go_on(receive->name);
    } else {
        struct dataset *made = full && ds == NULL ? make_dataset(receive) : NULL;
        receive->partial = (struct partial){
            .begin = receive->begin, .resumable = receive->resumable, .over = full && ds != NULL};
        receive->fd = partial_start(receive->name, &receive->partial);
        /* Last: a kill between the two must not leave a dataset that nobody can go on with. */
        if (made != NULL)
            state_save(made);
    }
    world_unlock();
    state_forget();
}

/* What is left of a receive that did not get to its end. */
static void leave(struct receive *receive, bool keeps, uint64_t bytes)
{
    world_lock(true);
    struct dataset *ds = state_open(receive->name);
    if (keeps && receive->partial.resumable) {
        partial_note(receive->fd, bytes);
        return;
    }
    partial_end(receive->name, receive->fd);
    if (ds != NULL && ds->inconsistent)
        destroy_dataset(ds);
}

static _Noreturn void end_cut(struct receive *receive, uint64_t bytes)
{
    struct str token;
    leave(receive, true, bytes);
    if (!receive->partial.resumable)
        refuse(receive, "incomplete stream");
    receive->partial.bytes = bytes;
    str_init(&token);
    token_encode(&receive->partial, &token);
    complain("cannot receive %s stream: checksum mismatch or incomplete stream.\n"
             "Partially received snapshot is saved.\n"
             "A resuming stream can be generated on the sending system by running:\n"
             "    zfs send -t %s\n",
             receive->what, token.s);
    str_fini(&token);
    finish(1);
}

static _Noreturn void end_full_pool(struct receive *receive, uint64_t bytes)
{
    leave(receive, true, bytes);
    refuse(receive, "out of space");
}

/* Takes the blocks in. Returns how far it came: all of it. */
static uint64_t take_blocks(struct receive *receive, uint64_t room)
{
    unsigned char *payload = mem_alloc(STREAM_BLOCK);
    uint64_t at = receive->begin.offset;
    for (;;) {
        struct block block;
        if (input_stream(&block, sizeof(block)) < sizeof(block) || !block_is_whole(&block) ||
            block.offset != at || input_stream(payload, (size_t)block.len) < block.len ||
            !block_is_right(&block, payload))
            end_cut(receive, at);
        if (block.len == 0)
            break;
        if (block.len > room)
            end_full_pool(receive, at);
        room -= room == UINT64_MAX ? 0 : block.len;
        at += block.len;
        partial_note(receive->fd, at);
    }
    free(payload);
    if (at != receive->begin.size)
        end_cut(receive, at);
    return at;
}

/* A full stream over what was there: its own properties stay, but it is another dataset now. */
static struct dataset *overwrite(struct receive *receive, struct dataset *ds)
{
    ds->volume = receive->begin.volume;
    ds->volsize = receive->begin.volsize;
    ds->mounted = false;
    ds->bookmark_n = 0;
    return ds;
}

/* The snapshot is there at once, with all that belongs to it. */
static void commit(struct receive *receive)
{
    const struct begin *begin = &receive->begin;
    bool full = begin->from_guid == 0;
    struct snap snap = {.name = world_keep(strchr(begin->to_name, '@') + 1),
                        .guid = begin->to_guid,
                        .creation = begin->creation,
                        .referenced = begin->referenced,
                        .written = begin->size};
    world_lock(true);
    struct dataset *ds = state_open(receive->name);
    if (ds == NULL)
        refuse_name(receive, "destination '", "' does not exist");
    const struct snap *base = full ? NULL : snap_find_guid(ds, begin->from_guid);
    if (!full && base == NULL)
        refuse_name(receive, "most recent snapshot of ", " does not\nmatch incremental source");
    if (receive->partial.over)
        ds = overwrite(receive, ds);
    while (!full && snap_newest(ds)->guid != begin->from_guid) /* -F */
        destroy_snap(ds, snap_newest(ds));
    snap.txg = world_next_txg();
    snap_add(ds, &snap);
    ds->referenced = begin->referenced;
    ds->pending = 0;
    ds->inconsistent = false;
    ds->changed = world_now();
    if (full && !receive->unmounted && !ds->volume)
        ds->mounted = strcmp(property_effective(ds, "canmount"), "on") == 0;
    apply_settings(receive, ds);
    state_save(ds);
    partial_end(receive->name, receive->fd);
}

void zfs_receive(int argc, char **argv)
{
    struct receive receive = {.fd = -1};
    unsigned char bytes[STREAM_BEGIN];
    const char *why;
    parse_options(argc, argv, &receive);
    if (receive.abort)
        abort_receive(receive.name);
    if (isatty(STDIN_FILENO))
        fail(1, "Error: Backup stream can not be read from a terminal.\n"
                "You must redirect standard input.\n");
    if (input_stream(bytes, sizeof(bytes)) < sizeof(bytes))
        fail(1, "cannot receive: failed to read from stream\n");
    if (!begin_unpack(bytes, &receive.begin, &why) || strchr(receive.begin.to_name, '@') == NULL)
        fail(1, "cannot receive: invalid stream (%s)\n", why);
    start(&receive);
    world_lock(false);
    uint64_t room = state_room(receive.name);
    world_unlock();
    state_forget();
    take_blocks(&receive, room);
    commit(&receive);
    finish(0);
}
