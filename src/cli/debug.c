#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "names.h"
#include "plan_json.h"
#include "refresh.h"
#include "sites.h"
#include "text.h"

static void print_side(const struct refresh *refresh, enum side side)
{
    const struct snapset *set = &refresh->ds->side[side].snapshots;
    printf("%s: %zu snapshot%s%s\n", side_name(side), set->n, set->n == 1 ? "" : "s",
           refresh->ds->side[side].exists ? "" : " (the dataset does not exist)");
    for (size_t i = 0; i < set->n; i++) {
        char created[TEXT_FIGURE_MAX];
        char why[160];
        unsigned keep = refresh->target.keep[side][i];
        text_time(created, set->v[i].creation);
        keep_describe(keep, why, sizeof(why));
        printf("  %s  %-40s guid %-20" PRIu64 " %s%s\n", created, set->v[i].name, set->v[i].guid,
               keep == 0 ? "goes" : "stays: ", why);
    }
    if (refresh->ds->side[side].token != NULL)
        printf("  an interrupted receive can be resumed\n");
}

static void print_change(const struct refresh *refresh)
{
    print_side(refresh, SIDE_LOCAL);
    if (refresh->rules.has_remote)
        print_side(refresh, SIDE_REMOTE);
    printf("plan: %zu step%s\n", refresh->plan.n, refresh->plan.n == 1 ? "" : "s");
    for (size_t i = 0; i < refresh->plan.n; i++) {
        char line[1024];
        step_describe(&refresh->plan.v[i], refresh->ds, &refresh->target, line, sizeof(line));
        printf("  %s\n", line);
    }
    if (refresh->target.error.code != ERR_NONE)
        printf("error: %s\n", refresh->target.error.msg);
}

static void print_json(const struct refresh *refresh)
{
    struct str out;
    str_init(&out);
    const struct err *error = &refresh->target.error;
    plan_json_dataset(refresh->ds, &refresh->target, &refresh->plan,
                      error->code == ERR_NONE ? NULL : error->msg, &out);
    printf("%s\n", out.s);
    str_fini(&out);
}

int cli_debug(const struct options *options)
{
    const char *path;
    struct config *config = cli_load_config(options, &path);
    if (config == NULL)
        return EXIT_USAGE;
    struct err e = ERR_INIT;
    struct sites sites;
    struct refresh refresh = {0};
    struct loop *loop = NULL;
    int status = EXIT_FAILED;
    const char *name = cli_dataset_below(config, SIDE_LOCAL, options->debug);
    struct dsbuf buf;
    struct dsname full;
    sites_init(&sites, config, "");
    if (name == NULL) {
        err_set(&e, ERR_USAGE, "%s is neither below %s nor a name below the root such as /home",
                options->debug, config->side[SIDE_LOCAL].root);
        status = EXIT_USAGE;
        goto out;
    }
    if (dsname_join(&buf, sites.side[SIDE_LOCAL].root, name, &full, &e) != 0) {
        status = EXIT_USAGE;
        goto out;
    }
    loop = loop_new(&e);
    if (loop == NULL || refresh_dataset(&refresh, loop, config, &sites, name, &e) != 0)
        goto out;
    if (!refresh.ds->side[SIDE_LOCAL].exists && !refresh.ds->side[SIDE_REMOTE].exists) {
        err_set(&e, ERR_DATASET_MISSING, "%s exists on neither side", full.s);
        goto out;
    }
    if (options->json)
        print_json(&refresh);
    else
        print_change(&refresh);
    status = refresh.target.error.code == ERR_NONE ? 0 : EXIT_FAILED;
out:
    if (e.code != ERR_NONE)
        cli_complain(&e);
    refresh_fini(&refresh);
    loop_free(loop);
    config_fini(config);
    free(config);
    return status;
}
