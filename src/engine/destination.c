#include "destination.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "job.h"
#include "lines.h"
#include "text.h"

/* Output of command_get_placeholder: property, value, source. */
static int read_property(void *arg, char *line, size_t len, struct err *e)
{
    struct destination *d = arg;
    (void)len;
    char *value = strchr(line, '\t');
    char *source = value == NULL ? NULL : strchr(value + 1, '\t');
    if (source == NULL)
        return err_set(e, ERR_PARSE, "zfs get printed \"%.100s\", which has too few columns", line);
    *value++ = '\0';
    *source++ = '\0';
    if (strcmp(line, PLACEHOLDER_PROPERTY) == 0)
        /* Every child inherits the property: only a value of its own counts. */
        d->placeholder = strcmp(value, PLACEHOLDER_VALUE) == 0 && strcmp(source, "local") == 0;
    else if (strcmp(line, "type") == 0)
        d->volume = strcmp(value, "volume") == 0;
    else if (strcmp(line, "mounted") == 0)
        d->mounted = strcmp(value, "yes") == 0;
    else if (strcmp(line, "referenced") == 0 &&
             text_parse_u64(value, strlen(value), &d->referenced) != 0)
        return err_set(e, ERR_PARSE, "zfs get printed \"%.100s\" as referenced", value);
    else if (strcmp(line, "mountpoint") == 0)
        snprintf(d->mountpoint, sizeof(d->mountpoint), "%s", value);
    return 0;
}

struct property_reader {
    struct lines lines;
    struct destination *destination;
};

static int feed_properties(void *arg, const char *data, size_t len, struct err *e)
{
    struct property_reader *reader = arg;
    return lines_feed(&reader->lines, data, len, read_property, reader->destination, e);
}

int destination_look(struct loop *loop, const struct site *site, struct dsname ds, int64_t stall_ms,
                     struct destination *ret, struct err *e)
{
    struct destination found = {.exists = true};
    struct property_reader reader = {.destination = &found};
    lines_init(&reader.lines, 8192);
    struct argv argv;
    argv_init(&argv);
    command_get_placeholder(&argv, ds);
    struct job_spec spec = {.site = site,
                            .command = &argv,
                            .on_out = feed_properties,
                            .arg = &reader,
                            .stall_ms = stall_ms};
    int rc = job_run(loop, &spec, e);
    if (rc == 0)
        rc = lines_end(&reader.lines, read_property, &found, e);
    if (rc == 0 && reader.lines.number == 0)
        rc = err_set(e, ERR_PARSE, "zfs get succeeded and printed nothing");
    if (rc != 0 && e->code == ERR_DATASET_MISSING) {
        err_clear(e);
        found = (struct destination){.exists = false};
        rc = 0;
    }
    lines_fini(&reader.lines);
    if (rc == 0)
        *ret = found;
    return rc;
}

/* The parent of `ds` in `buf`; false for a pool. */
static bool parent_of(struct dsname ds, struct dsbuf *buf, struct dsname *ret)
{
    const char *slash = strrchr(ds.s, '/');
    if (slash == NULL)
        return false;
    size_t len = (size_t)(slash - ds.s);
    memcpy(buf->s, ds.s, len);
    buf->s[len] = '\0';
    ret->s = buf->s;
    return true;
}

int destination_check_parent(struct loop *loop, const struct site *site, struct dsname ds,
                             int64_t stall_ms, struct err *e)
{
    struct dsbuf buf;
    struct dsname parent;
    struct argv argv;
    if (!parent_of(ds, &buf, &parent))
        return 0;
    argv_init(&argv);
    command_exists(&argv, parent);
    if (job_run_plain(loop, site, &argv, stall_ms, e) == 0)
        return 0;
    if (e->code == ERR_DATASET_MISSING)
        err_set(e, ERR_BUSY, "%s is encrypted, too, failed, and has to be copied first", parent.s);
    return -1;
}

int destination_make_parents(struct loop *loop, const struct site *site, struct dsname ds,
                             int64_t stall_ms, struct err *e)
{
    struct dsbuf buf;
    struct dsname parent;
    if (!parent_of(ds, &buf, &parent))
        return site_pool_missing(site, e);
    struct argv argv;
    argv_init(&argv);
    command_exists(&argv, parent);
    if (job_run_plain(loop, site, &argv, stall_ms, e) == 0)
        return 0;
    if (e->code != ERR_DATASET_MISSING && e->code != ERR_POOL_MISSING)
        return -1;
    if (destination_make_parents(loop, site, parent, stall_ms, e) != 0)
        return -1;
    argv_init(&argv);
    command_create_placeholder(&argv, parent);
    /* A sibling's worker may have been faster. */
    if (job_run_plain(loop, site, &argv, stall_ms, e) != 0 && e->code != ERR_EXISTS)
        return err_wrap(e, "cannot create the placeholder %s", parent.s);
    return 0;
}

static int refuse_foreign(const struct site *site, struct dsname ds, struct err *e)
{
    const char *below = name_below(ds.s, site->root.s);
    return err_set(e, ERR_NOT_ADOPTED,
                   "%s exists on the remote, was not made by backupd and has no snapshot, so it is "
                   "not overwritten; if it holds nothing that you need: backupd adopt '%s'",
                   ds.s, below == NULL ? ds.s : name_shown(below));
}

/* An encrypted stream, and a volume, cannot go over a plain filesystem: the placeholder goes. */
static int remove_placeholder(struct loop *loop, const struct site *site, struct dsname ds,
                              int64_t stall_ms, struct err *e)
{
    struct argv argv;
    argv_init(&argv);
    command_destroy_empty(&argv, ds);
    if (job_run_plain(loop, site, &argv, stall_ms, e) == 0)
        return 0;
    return err_wrap(e,
                    "the placeholder %s cannot take an encrypted dataset or a volume, and cannot "
                    "be removed because something is in it: zfs rename it out of the way on the "
                    "remote",
                    ds.s);
}

int destination_prepare(struct loop *loop, const struct site *site, struct dsname ds, bool exists,
                        bool encrypted, bool volume, int64_t stall_ms, bool *ret_overwrites,
                        struct err *e)
{
    *ret_overwrites = false;
    if (!exists)
        return destination_make_parents(loop, site, ds, stall_ms, e);
    struct destination found;
    if (destination_look(loop, site, ds, stall_ms, &found, e) != 0)
        return -1;
    if (!found.exists)
        return destination_make_parents(loop, site, ds, stall_ms, e);
    if (!found.placeholder)
        return refuse_foreign(site, ds, e);
    if (found.referenced > DESTINATION_EMPTY_MAX)
        return err_set(e, ERR_NOT_ADOPTED,
                       "%s is marked as a placeholder on the remote and holds data, so it is not "
                       "overwritten: zfs rename it out of the way if it is not needed",
                       ds.s);
    if (encrypted || volume)
        return remove_placeholder(loop, site, ds, stall_ms, e);
    *ret_overwrites = true;
    return 0;
}
