/* The command line of ssh, as far as a simulated one needs it. */
#ifndef BACKUPD_TESTS_SIM_SSH_OPTIONS_H
#define BACKUPD_TESTS_SIM_SSH_OPTIONS_H

#include <stdbool.h>

struct ssh_options {
    const char *control_path;    /* "" or NULL: none */
    const char *control_command; /* of -O, or NULL */
    bool master, persists, no_command;
};

/* Adds options up to the first word that is none, at which optind then is, to a struct that is zeroed
 * at first. What ssh does not know ends the program with 255. */
void ssh_options_parse(int argc, char **argv, struct ssh_options *o);

#endif
