/*
 * The commands. Each takes the options that were read and returns the exit status: 0 where all is
 * well, 1 where something failed, 2 for a usage or configuration error, and 3 where a running
 * daemon was to be asked and there is none.
 */
#ifndef BACKUPD_CLI_CLI_H
#define BACKUPD_CLI_CLI_H

#include "config.h"
#include "options.h"

#define EXIT_FAILED    1
#define EXIT_USAGE     2
#define EXIT_NO_DAEMON 3

/* Reads argv, runs what it asks for, and returns the exit status. `version` is the program's. */
int cli_main(int argc, char **argv, const char *version);

int cli_run(const struct options *options, const char *version);
int cli_plan(const struct options *options);
int cli_check(const struct options *options);
int cli_debug(const struct options *options);
int cli_adopt(const struct options *options);
int cli_snapshot(const struct options *options);
int cli_status(const struct options *options);
int cli_help(void);

/*
 * The path of the configuration that the options name, or of the default one. NULL where there is
 * none, after saying so on stderr. Borrowed from the options, or static.
 */
const char *cli_config_path(const struct options *options);

/*
 * Loads the configuration that the options name, or the default one. NULL where it is wrong or
 * not there, after saying so on stderr. The caller frees it with config_fini and free(3).
 */
struct config *cli_load_config(const struct options *options, const char **ret_path);

/* The exit status of a command that asked the daemon and got this error. */
int cli_exit_status(enum err_code code);

/* Prints "backupd: message" and the code's advice on stderr. */
void cli_complain(const struct err *e);

/*
 * The name below the roots of what a person wrote: "<root>", "/home", or a full name on either
 * side, of which `first` is tried first. NULL where it is none of these. Points into `text` or is
 * static.
 */
const char *cli_dataset_below(const struct config *config, enum side first, const char *text);

#endif
