#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "mem.h"
#include "names.h"

void cli_complain(const struct err *e)
{
    const char *advice = err_code_advice(e->code);
    fprintf(stderr, "backupd: %s\n", e->msg);
    if (advice[0] != '\0')
        fprintf(stderr, "backupd: %s\n", advice);
}

int cli_exit_status(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
    case ERR_CONFIG:
        return EXIT_USAGE;
    case ERR_NO_DAEMON:
        return EXIT_NO_DAEMON;
    default:
        return EXIT_FAILED;
    }
}

const char *cli_config_path(const struct options *options)
{
    const char *tried = NULL;
    const char *path = options->config != NULL ? options->config : config_default_path(&tried);
    if (path == NULL)
        fprintf(stderr,
                "backupd: there is no configuration; write one of these, or name another "
                "with -config:\n%s\n",
                tried);
    return path;
}

struct config *cli_load_config(const struct options *options, const char **ret_path)
{
    const char *path = cli_config_path(options);
    if (path == NULL)
        return NULL;
    struct str errors;
    str_init(&errors);
    struct config *config = mem_zalloc(1, sizeof(*config));
    if (config_load(path, config, &errors) != 0) {
        fputs(errors.s, stderr);
        free(config);
        config = NULL;
    }
    str_fini(&errors);
    *ret_path = path;
    return config;
}

const char *cli_dataset_below(const struct config *config, enum side first, const char *text)
{
    if (strcmp(text, NAME_ROOT_SHOWN) == 0 || text[0] == '\0')
        return "";
    if (text[0] == '/')
        return text;
    const enum side order[] = {first, first == SIDE_LOCAL ? SIDE_REMOTE : SIDE_LOCAL};
    for (size_t i = 0; i < 2; i++) {
        const char *root = config->side[order[i]].root;
        const char *below = root[0] == '\0' ? NULL : name_below(text, root);
        if (below != NULL)
            return below;
    }
    return NULL;
}
