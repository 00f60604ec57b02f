#include "sites.h"

#include <stdio.h>
#include <string.h>

void sites_init(struct sites *sites, const struct config *config, const char *control_path)
{
    memset(sites, 0, sizeof(*sites));
    sites->ssh.host = config->ssh_host;
    sites->ssh.key = config->ssh_key;
    sites->ssh.options = (const char *const *)config->ssh_options.v;
    sites->ssh.option_count = config->ssh_options.n;
    snprintf(sites->ssh.control_path, sizeof(sites->ssh.control_path), "%s", control_path);
    for (int side = 0; side < SIDE_COUNT; side++) {
        sites->side[side].side = (enum side)side;
        sites->side[side].root.s = config->side[side].root;
    }
    if (config->ssh_host[0] != '\0')
        sites->side[SIDE_REMOTE].ssh = &sites->ssh;
}
