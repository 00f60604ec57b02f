#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "command.h"
#include "job.h"
#include "listing.h"
#include "names.h"
#include "plan.h"
#include "plan_json.h"
#include "refresh.h"
#include "sites.h"
#include "validate.h"

/* Reads a listing from a file, or from standard input. */
static int read_listing(const char *path, enum side side, const struct config *config,
                        struct inventory *inv, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (file == NULL)
        return err_set_sys(e, errno, "cannot read %s", path);
    struct listing listing;
    listing_init(&listing, LISTING_SNAPSHOTS, inv, side, (struct dsname){config->side[side].root});
    char buf[65536];
    size_t n;
    int rc = 0;
    while (rc == 0 && (n = fread(buf, 1, sizeof(buf), file)) > 0)
        rc = listing_feed(&listing, buf, n, e);
    if (rc == 0 && ferror(file))
        rc = err_set_sys(e, errno, "cannot read it");
    if (rc == 0)
        rc = listing_end(&listing, e);
    listing_fini(&listing);
    if (!is_stdin)
        fclose(file);
    return rc == 0 ? 0 : err_wrap(e, "%s", is_stdin ? "standard input" : path);
}

static int read_files(const struct options *options, const struct config *config,
                      struct inventory *inv, struct err *e)
{
    if (options->local == NULL)
        return err_set(e, ERR_USAGE, "plan needs -local FILE beside -remote FILE");
    if (options->remote == NULL && config_has_remote(config))
        return err_set(e, ERR_USAGE,
                       "the configuration has a remote: plan needs its listing with -remote FILE "
                       "(an empty file stands for an empty remote)");
    if (options->remote != NULL && strcmp(options->local, "-") == 0 &&
        strcmp(options->remote, "-") == 0)
        return err_set(e, ERR_USAGE, "only one of -local and -remote can be standard input");
    if (read_listing(options->local, SIDE_LOCAL, config, inv, e) != 0)
        return -1;
    if (options->remote != NULL && config_has_remote(config))
        return read_listing(options->remote, SIDE_REMOTE, config, inv, e);
    return 0;
}

/* Lists the real sides, for what there is. */
static int read_pools(struct loop *loop, const struct config *config, const struct sites *sites,
                      struct inventory *inv, struct err *e)
{
    int64_t stall_ms = config->stall_timeout * 1000;
    for (int side = 0; side < SIDE_COUNT; side++) {
        if (side == SIDE_REMOTE && !config_has_remote(config))
            continue;
        const struct site *site = &sites->side[side];
        struct argv argv;
        argv_init(&argv);
        command_list_datasets(&argv, site->root, true);
        int rc = listing_run(loop, site, &argv, LISTING_DATASETS, inv, stall_ms, e);
        if (rc != 0 && e->code == ERR_DATASET_MISSING && side == SIDE_REMOTE)
            rc = refresh_check_pool(loop, site, stall_ms, e);
        if (rc != 0)
            return err_wrap(e, "cannot list the %s side", side_name((enum side)side));
    }
    return 0;
}

/* Prints datasets one by one. */
struct printer {
    bool json;
    size_t count;
};

static void print_text(const struct dataset *ds, const struct target *target,
                       const struct plan *plan, const char *error)
{
    char line[1024];
    printf("%s\n", name_shown(ds->name));
    for (size_t i = 0; i < plan->n; i++) {
        step_describe(&plan->v[i], ds, target, line, sizeof(line));
        printf("  %s\n", line);
    }
    if (error != NULL)
        printf("  error: %s\n", error);
    else if (!ds->side[SIDE_LOCAL].exists)
        printf("  only the remote has it: left as it is\n");
    else if (plan->n == 0)
        printf("  nothing to do\n");
}

static void print_dataset(struct printer *printer, const struct dataset *ds,
                          const struct target *target, const struct plan *plan, const char *error)
{
    if (!printer->json) {
        print_text(ds, target, plan, error);
    } else {
        struct str out;
        str_init(&out);
        plan_json_dataset(ds, target, plan, error, &out);
        printf("%s%s", printer->count > 0 ? ",\n" : "", out.s);
        str_fini(&out);
    }
    printer->count++;
}

static void plan_from_listing(struct printer *printer, const struct config *config,
                              const struct dataset *ds)
{
    struct rules rules = config_rules_for(config, ds->name);
    struct target target;
    struct plan plan;
    struct err e = ERR_INIT;
    target_build(&target, ds, &rules);
    plan_build(&plan, ds, &target);
    if (plan_validate(&plan, ds, &target, &rules, &e) == 0)
        e = target.error;
    print_dataset(printer, ds, &target, &plan, e.code == ERR_NONE ? NULL : e.msg);
    plan_fini(&plan);
    target_fini(&target);
}

/* A dataset that could not be listed, with the reason. */
static void print_failure(struct printer *printer, const struct config *config, const char *name,
                          const char *error)
{
    struct rules rules = config_rules_for(config, name);
    struct dataset ds = {.name = name};
    struct target target;
    struct plan plan = {0};
    target_build(&target, &ds, &rules);
    print_dataset(printer, &ds, &target, &plan, error);
    target_fini(&target);
}

static int plan_from_pools(struct printer *printer, struct loop *loop, const struct config *config,
                           const struct sites *sites, const struct dataset *ds)
{
    struct refresh refresh;
    struct err e = ERR_INIT;
    int rc = refresh_dataset(&refresh, loop, config, sites, ds->name, &e);
    const struct err *error = rc != 0 ? &e : &refresh.target.error;
    const char *words = error->code == ERR_NONE ? NULL : error->msg;
    if (refresh.planned)
        print_dataset(printer, refresh.ds, &refresh.target, &refresh.plan, words);
    else
        print_failure(printer, config, ds->name, words);
    refresh_fini(&refresh);
    return rc;
}

int cli_plan(const struct options *options)
{
    const char *path;
    struct config *config = cli_load_config(options, &path);
    if (config == NULL)
        return EXIT_USAGE;
    struct err e = ERR_INIT;
    struct inventory inv;
    struct sites sites;
    struct loop *loop = NULL;
    struct printer printer = {.json = options->json};
    bool from_files = options->local != NULL || options->remote != NULL;
    inventory_init(&inv);
    sites_init(&sites, config, "");
    int rc = 0;
    if (from_files) {
        rc = read_files(options, config, &inv, &e);
    } else {
        loop = loop_new(&e);
        rc = loop == NULL ? -1 : read_pools(loop, config, &sites, &inv, &e);
    }
    if (rc == 0 && printer.json)
        printf("{\"datasets\":[");
    if (rc == 0)
        inventory_sort(&inv);
    bool failed = false;
    for (size_t i = 0; i < inv.n && rc == 0; i++) {
        if (from_files)
            plan_from_listing(&printer, config, inv.v[i]);
        else if (plan_from_pools(&printer, loop, config, &sites, inv.v[i]) != 0)
            failed = true; /* I10: the others are planned all the same */
    }
    if (rc == 0 && printer.json)
        printf("]}\n");
    if (rc != 0)
        cli_complain(&e);
    if (rc != 0 && from_files && e.code == ERR_PARSE)
        fprintf(stderr,
                "backupd: a listing is what this prints, with the root of the configuration: "
                "zfs list -Hp -t snapshot -o name,guid,createtxg,creation -r ROOT\n");
    loop_free(loop);
    inventory_fini(&inv);
    config_fini(config);
    free(config);
    if (rc == 0)
        return failed ? EXIT_FAILED : 0;
    return e.code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
