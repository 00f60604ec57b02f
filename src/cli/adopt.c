#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "command.h"
#include "destination.h"
#include "job.h"
#include "sites.h"
#include "str.h"

/* What adopt looks at. */
struct candidate {
    struct loop *loop;
    const struct site *site;
    struct dsname ds;
    int64_t stall_ms;
};

static int run_captured(const struct candidate *c, struct argv *argv, struct str *out,
                        struct err *e)
{
    struct job_spec spec = {
        .site = c->site, .command = argv, .capture = out, .stall_ms = c->stall_ms};
    return job_run(c->loop, &spec, e);
}

static int refuse_snapshots(const struct candidate *c, struct err *e)
{
    struct argv argv;
    struct str out;
    argv_init(&argv);
    command_list_snapshots(&argv, c->ds, false);
    str_init(&out);
    int rc = run_captured(c, &argv, &out, e);
    if (rc == 0 && out.len > 0)
        rc = err_set(e, ERR_NOT_ADOPTED,
                     "%s has snapshots or bookmarks (%.*s, for one): it is not empty, so it stays "
                     "as it is",
                     c->ds.s, (int)strcspn(out.s, "\t\n"), out.s);
    str_fini(&out);
    return rc;
}

/* The only certain way to see that a filesystem holds no file is to look into it. */
static int refuse_files(const struct candidate *c, const struct destination *found, struct err *e)
{
    if (found->volume)
        return err_set(e, ERR_NOT_ADOPTED,
                       "%s is a volume, and nobody can see whether it is empty: "
                       "zfs destroy it if you do not need it",
                       c->ds.s);
    if (!found->mounted)
        return err_set(e, ERR_NOT_ADOPTED,
                       "%s is not mounted, so nobody can see whether it holds files: mount it "
                       "there first (zfs mount '%s')",
                       c->ds.s, c->ds.s);
    /* Something else may be mounted over it. */
    if (found->referenced > DESTINATION_EMPTY_MAX)
        return err_set(e, ERR_NOT_ADOPTED, "%s holds data of its own, so it stays as it is",
                       c->ds.s);
    struct argv argv;
    struct str out;
    argv_init(&argv);
    argv_add_all(&argv, "ls", "-A", "--", found->mountpoint);
    str_init(&out);
    int rc = run_captured(c, &argv, &out, e);
    if (rc == 0 && out.len > 0)
        rc = err_set(e, ERR_NOT_ADOPTED, "%s holds files (%.*s, for one), so it stays as it is",
                     c->ds.s, (int)strcspn(out.s, "\n"), out.s);
    str_fini(&out);
    return rc;
}

static int adopt(const struct candidate *c, struct err *e)
{
    struct destination found;
    struct argv argv;
    if (destination_look(c->loop, c->site, c->ds, c->stall_ms, &found, e) != 0)
        return -1;
    if (!found.exists)
        return err_set(e, ERR_DATASET_MISSING,
                       "there is no %s on the remote; nothing to adopt: the first transfer makes "
                       "it",
                       c->ds.s);
    if (found.placeholder) {
        printf("%s is a placeholder already\n", c->ds.s);
        return 0;
    }
    if (refuse_snapshots(c, e) != 0 || refuse_files(c, &found, e) != 0)
        return -1;
    argv_init(&argv);
    command_mark_placeholder(&argv, c->ds);
    if (job_run_plain(c->loop, c->site, &argv, c->stall_ms, e) != 0)
        return -1;
    printf("%s is empty and now a placeholder: the next cycle fills it\n", c->ds.s);
    return 0;
}

int cli_adopt(const struct options *options)
{
    const char *path;
    struct config *config = cli_load_config(options, &path);
    if (config == NULL)
        return EXIT_USAGE;
    struct err e = ERR_INIT;
    struct sites sites;
    struct dsbuf buf;
    struct candidate c = {.stall_ms = config->stall_timeout * 1000};
    int status = EXIT_USAGE;
    sites_init(&sites, config, "");
    c.site = &sites.side[SIDE_REMOTE];
    const char *name =
        options->argument == NULL ? "" : cli_dataset_below(config, SIDE_REMOTE, options->argument);
    if (!config_has_remote(config)) {
        err_set(&e, ERR_CONFIG, "the configuration has no remote, so there is nothing to adopt");
    } else if (name == NULL) {
        err_set(&e, ERR_USAGE, "%s is neither below %s nor a name below the root such as /home",
                options->argument, config->side[SIDE_REMOTE].root);
    } else if (dsname_join(&buf, c.site->root, name, &c.ds, &e) == 0) {
        c.loop = loop_new(&e);
        status = c.loop != NULL && adopt(&c, &e) == 0 ? 0 : EXIT_FAILED;
        loop_free(c.loop);
    }
    if (e.code != ERR_NONE)
        cli_complain(&e);
    config_fini(config);
    free(config);
    return status;
}
