#include "ssh_options.h"

#include <string.h>
#include <unistd.h>

#include "output.h"
#include "world.h"

/* ControlPath=x, ControlPath x */
static void read_setting(struct ssh_options *o, const char *setting)
{
    size_t len = strcspn(setting, "= ");
    const char *value = setting[len] == '\0' ? "" : setting + len + 1;
    const char *name = world_keep_bytes(setting, len);
    /* ssh takes the first that it sees. */
    if (strcmp(name, "ControlPath") == 0 && o->control_path == NULL)
        o->control_path = strcmp(value, "none") == 0 ? "" : value;
    else if (strcmp(name, "ControlMaster") == 0)
        o->master = strcmp(value, "yes") == 0 || strcmp(value, "auto") == 0;
    else if (strcmp(name, "ControlPersist") == 0)
        o->persists = strcmp(value, "no") != 0;
}

void ssh_options_parse(int argc, char **argv, struct ssh_options *o)
{
    static const char OPTIONS[] = "+1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:"
                                  "TVw:W:XYy";
    for (int option; (option = getopt(argc, argv, OPTIONS)) != -1;) {
        if (option == 'o')
            read_setting(o, optarg);
        else if (option == 'S')
            o->control_path = optarg;
        else if (option == 'M')
            o->master = true;
        else if (option == 'N')
            o->no_command = true;
        else if (option == 'O')
            o->control_command = optarg;
        else if (option == '?')
            fail(255, "usage: ssh [options] destination [command]\n");
    }
}
