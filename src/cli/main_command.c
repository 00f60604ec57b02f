#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int cli_help(void)
{
    fputs("backupd [OPTIONS]                 run the daemon\n"
          "backupd [OPTIONS] plan            print what would be done\n"
          "backupd [OPTIONS] plan -local FILE -remote FILE\n"
          "                                  the same from listings; - is standard input\n"
          "backupd [OPTIONS] check           read the configuration, reach both sides, say what is "
          "wrong\n"
          "backupd [OPTIONS] adopt [DATASET] let backupd fill a remote dataset that is empty and "
          "was\n"
          "                                  made by hand\n"
          "backupd [OPTIONS] status          what the running daemon is doing; on a terminal, live "
          "until q\n"
          "backupd [OPTIONS] snapshot TYPE   let the running daemon take a snapshot, "
          "TYPE-<UTC time>,\n"
          "                                  of the root and all below it\n"
          "backupd version | help\n"
          "\n"
          "-config FILE     the configuration; see backupd.toml(5)\n"
          "-once            run one cycle in the foreground: 0 if every dataset succeeded, 1 if "
          "any\n"
          "                 failed, 2 for a usage or configuration error\n"
          "-dryrun          run every listing, and nothing that changes anything\n"
          "-debug DATASET   list and plan one dataset, print both, do nothing\n"
          "-logfile FILE    log there instead of standard output\n"
          "-addr HOST:PORT  where the page and the interface are (0.0.0.0:8888)\n"
          "-json            print JSON: plan, status, -debug\n",
          stdout);
    return 0;
}

static int run_command(int argc, char **argv, const char *version)
{
    struct options options;
    struct err e = ERR_INIT;
    if (options_parse(&options, argc, argv, &e) != 0) {
        cli_complain(&e);
        return EXIT_USAGE;
    }
    switch (options.command) {
    case COMMAND_PLAN:
        return cli_plan(&options);
    case COMMAND_CHECK:
        return cli_check(&options);
    case COMMAND_ADOPT:
        return cli_adopt(&options);
    case COMMAND_HELP:
        return cli_help();
    case COMMAND_VERSION:
        printf("backupd %s\n", version);
        return 0;
    case COMMAND_SNAPSHOT:
        return cli_snapshot(&options);
    case COMMAND_STATUS:
        return cli_status(&options);
    case COMMAND_RUN:
    default:
        return options.debug != NULL ? cli_debug(&options) : cli_run(&options, version);
    }
}

int cli_main(int argc, char **argv, const char *version)
{
    int status = run_command(argc, argv, version);
    /* A plan that did not reach its file must not look like one. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "backupd: cannot write standard output: %s\n", strerror(errno));
        return status == 0 ? EXIT_FAILED : status;
    }
    return status;
}
