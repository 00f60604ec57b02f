/* What several commands share. */
#ifndef SIM_COMMON_H
#define SIM_COMMON_H

#include <stdbool.h>

#include "state.h"

/* Why it is no name of a dataset, snapshot or bookmark, as zfs says it; NULL where it is one. */
const char *name_fault(const char *name);

/* The dataset `name`; else says why it cannot be opened, under the name `shown`, and returns NULL. */
struct dataset *open_or_complain(const char *name, const char *shown);

/* The snapshot "tank/a@b" and its dataset; or complains and returns NULL. */
struct snap *open_snap_or_complain(const char *full, struct dataset **ret_ds);

/* Prints the usage of a command as zfs does after some mistakes, and ends with 2. */
_Noreturn void usage(const char *line);

/* Prints "SUBJECT: unknown option" as getopt's callers do, and ends with 2. */
_Noreturn void unknown_option(int option);

#endif
