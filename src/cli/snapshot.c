#include <stdio.h>

#include "cli.h"
#include "daemon_client.h"
#include "libcurl.h"
#include "names.h"

/* Asks for the snapshot and prints what came of it. */
static int take_snapshot(const struct daemon *daemon, const char *type, struct err *e)
{
    struct daemon_answer answer;
    struct str text;
    if (libcurl_load(e) != 0)
        return EXIT_FAILED;
    char *encoded = libcurl.easy_escape(NULL, type, 0);
    str_init(&text);
    str_add_format(&text, "/snapshot?periodicity=%s", encoded == NULL ? "" : encoded);
    libcurl.free(encoded);
    int status = EXIT_FAILED;
    if (daemon_ask(daemon, true, text.s, &answer, e) != 0) {
        status = cli_exit_status(e->code);
    } else {
        str_clear(&text);
        daemon_answer_words(&answer, &text);
        if (answer.status == 200)
            status = 0;
        fprintf(status == 0 ? stdout : stderr, "%s%s\n", status == 0 ? "" : "backupd: ", text.s);
        daemon_answer_fini(&answer);
    }
    str_fini(&text);
    return status;
}

int cli_snapshot(const struct options *options)
{
    struct err e = ERR_INIT;
    struct snapname name;
    if (snapname_check(options->argument, &name, &e) != 0) {
        cli_complain(&e);
        return EXIT_USAGE;
    }
    struct daemon daemon = {.config_path = cli_config_path(options), .addr = options->addr};
    if (daemon.config_path == NULL)
        return EXIT_USAGE;
    int status = take_snapshot(&daemon, name.s, &e);
    if (e.code != ERR_NONE)
        cli_complain(&e);
    return status;
}
