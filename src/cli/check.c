#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "command.h"
#include "destination.h"
#include "job.h"
#include "refresh.h"
#include "sites.h"

/* Says what is wrong with one side; true where nothing is. */
static bool check_side(struct loop *loop, const struct config *config, const struct site *site)
{
    struct err e = ERR_INIT;
    struct inventory inv;
    struct argv argv;
    int64_t stall_ms = config->stall_timeout * 1000;
    inventory_init(&inv);
    argv_init(&argv);
    command_list_datasets(&argv, site->root, true);
    int rc = listing_run(loop, site, &argv, LISTING_DATASETS, &inv, stall_ms, &e);
    const char *where = site_host(site);
    const char *colon = where[0] == '\0' ? "" : ":";
    bool missing = rc != 0 && e.code == ERR_DATASET_MISSING;
    if (missing && refresh_check_pool(loop, site, stall_ms, &e) == 0) {
        if (site->side == SIDE_REMOTE) {
            printf("remote  %s%s%s: not there yet; the first transfer makes it\n", where, colon,
                   site->root.s);
            rc = 0;
        } else {
            err_set(&e, ERR_DATASET_MISSING, "there is no dataset %s: see root under [local]",
                    site->root.s);
        }
    } else if (rc == 0) {
        printf("%-7s %s%s%s: %zu dataset%s\n", side_name(site->side), where, colon, site->root.s,
               inv.n, inv.n == 1 ? "" : "s");
    }
    if (rc != 0) {
        printf("%-7s %s%s%s: %s\n", side_name(site->side), where, colon, site->root.s, e.msg);
        if (err_code_advice(e.code)[0] != '\0')
            printf("        %s\n", err_code_advice(e.code));
    }
    inventory_fini(&inv);
    return rc == 0;
}

int cli_check(const struct options *options)
{
    const char *path;
    struct config *config = cli_load_config(options, &path);
    if (config == NULL)
        return EXIT_USAGE;
    printf("config  %s: correct\n", path);
    struct str warning;
    str_init(&warning);
    config_warn(config, &warning);
    if (warning.len > 0)
        printf("warning %s\n", warning.s);
    str_fini(&warning);
    struct err e = ERR_INIT;
    struct sites sites;
    sites_init(&sites, config, "");
    struct loop *loop = loop_new(&e);
    bool well = loop != NULL;
    if (loop == NULL)
        cli_complain(&e);
    for (int side = 0; side < SIDE_COUNT && loop != NULL; side++) {
        if (side == SIDE_REMOTE && !config_has_remote(config))
            printf("remote  none configured: retention only\n");
        else
            well = check_side(loop, config, &sites.side[side]) && well;
    }
    loop_free(loop);
    config_fini(config);
    free(config);
    return well ? 0 : EXIT_FAILED;
}
