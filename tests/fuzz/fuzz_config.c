/* Whatever bytes a configuration file holds, it is a valid configuration or a list of mistakes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_valid(const struct config *config)
{
    require(config->side[SIDE_LOCAL].root[0] != '\0');
    require(config->rate_limit == 0 ||
            (config->rate_limit >= CONFIG_RATE_MIN && config->rate_limit <= CONFIG_RATE_MAX));
    require(config->parallel <= CONFIG_PARALLEL_MAX);
    require(config->interval >= CONFIG_INTERVAL_MIN && config->interval <= CONFIG_INTERVAL_MAX);
    require(config->ssh_host[0] != '-');
    for (size_t i = 0; i < config->override_count; i++) {
        const char *name = config->overrides[i].name;
        require(name[0] == '/' && name[1] != '\0');
        require(config_override_for(config, name) == &config->overrides[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct str errors;
    str_init(&errors);
    if (config_parse((const char *)data, size, "f", &config, &errors) == 0) {
        require(errors.len == 0);
        check_valid(&config);
    } else {
        require(strncmp(errors.s, "f:", 2) == 0 && errors.s[errors.len - 1] == '\n');
        require(config.path == NULL);
    }
    config_fini(&config);
    str_fini(&errors);
    return 0;
}
