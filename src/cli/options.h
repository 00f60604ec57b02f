/* The command line: one dash or two, `=` or a space, options before or after the command. */
#ifndef BACKUPD_CLI_OPTIONS_H
#define BACKUPD_CLI_OPTIONS_H

#include <stdbool.h>

#include "err.h"

enum command {
    COMMAND_RUN,
    COMMAND_SNAPSHOT,
    COMMAND_PLAN,
    COMMAND_CHECK,
    COMMAND_STATUS,
    COMMAND_ADOPT,
    COMMAND_VERSION,
    COMMAND_HELP,
};

/* Strings point into argv; NULL: not given. */
struct options {
    enum command command;
    const char *config;
    const char *addr;
    const char *logfile;
    const char *debug;
    const char *local, *remote; /* of plan */
    const char *argument;       /* the type of snapshot, the dataset of adopt */
    bool dryrun, once, json;
};

/* Reads argv. Fails with ERR_USAGE and what is wrong. */
int options_parse(struct options *options, int argc, char **argv, struct err *e);

#endif
