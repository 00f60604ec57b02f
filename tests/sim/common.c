#include "common.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "world.h"

const char *name_fault(const char *name)
{
    static const char LEGAL[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_.: /@#%,";
    if (strlen(name) > NAME_MAX_LEN)
        return "name is too long";
    size_t legal = strspn(name, LEGAL);
    if (name[legal] != '\0') {
        char why[64];
        snprintf(why, sizeof(why), "invalid character '%c' in name", name[legal]);
        return world_keep(why);
    }
    if (name[0] == '/')
        return "leading slash in name";
    size_t len = strlen(name);
    if (len > 0 && name[len - 1] == '/')
        return "trailing slash in name";
    if (len == 0 || strstr(name, "//") != NULL)
        return "empty component or misplaced '@' or '#' delimiter in name";
    return NULL;
}

struct dataset *open_or_complain(const char *name, const char *shown)
{
    const char *fault = name_fault(shown);
    if (fault != NULL) {
        complain("cannot open '%s': %s\n", shown, fault);
        return NULL;
    }
    if (state_is_suspended(name)) {
        complain("cannot open '%s': pool I/O is currently suspended\n", shown);
        return NULL;
    }
    struct dataset *ds = state_open(name);
    if (ds == NULL)
        complain("cannot open '%s': dataset does not exist\n", shown);
    return ds;
}

struct snap *open_snap_or_complain(const char *full, struct dataset **ret_ds)
{
    const char *dataset;
    const char *name = name_split(full, "@", &dataset);
    if (name == NULL) {
        complain("cannot open '%s': missing '@' delimiter in snapshot name\n", full);
        return NULL;
    }
    *ret_ds = open_or_complain(dataset, full);
    struct snap *snap = *ret_ds == NULL ? NULL : snap_find(*ret_ds, name);
    if (*ret_ds != NULL && snap == NULL)
        complain("cannot open '%s': dataset does not exist\n", full);
    return snap;
}

void usage(const char *line)
{
    fail(2,
         "usage:\n\t%s\n\nFor the property list, run: zfs set|get\n\n"
         "For the delegated permission list, run: zfs allow|unallow\n\n"
         "For further help on a command or topic, run: zfs help [<topic>]\n",
         line);
}

void unknown_option(int option)
{
    complain("invalid option '%c'\n", option);
    usage("see zfs(8)");
}
