/* Each line of the input is a word of argv. What is taken points into argv; what is not is said. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "options.h"

#define WORDS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_within(const char *s, char **argv, int argc)
{
    for (int i = 1; i < argc; i++)
        if (s >= argv[i] && s <= argv[i] + strlen(argv[i]))
            return true;
    return s == NULL;
}

static void check_taken(const struct options *options, char **argv, int argc)
{
    const char *const taken[] = {options->config, options->addr,   options->logfile, options->debug,
                                 options->local,  options->remote, options->argument};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        require(is_within(taken[i], argv, argc));
    require(options->addr == NULL || strchr(options->addr, ':') != NULL);
    if (options->command == COMMAND_HELP || options->command == COMMAND_VERSION)
        return;
    require(options->debug == NULL || (!options->once && !options->dryrun));
    require(options->command == COMMAND_RUN ||
            (!options->once && !options->dryrun && options->debug == NULL));
    require(options->command == COMMAND_PLAN ||
            (options->local == NULL && options->remote == NULL));
    require(options->command != COMMAND_SNAPSHOT || options->argument != NULL);
    require(options->argument == NULL || options->command == COMMAND_SNAPSHOT ||
            options->command == COMMAND_ADOPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char own_name[] = "backupd";
    char *argv[WORDS_MAX + 1] = {own_name};
    int argc = 1;
    const char *rest = (const char *)data;
    const char *end = rest + size;
    /* Each word is a heap block of its own, so that AddressSanitizer sees a read beyond it. */
    while (rest < end && argc < WORDS_MAX) {
        const char *newline = memchr(rest, '\n', (size_t)(end - rest));
        size_t len = newline == NULL ? (size_t)(end - rest) : (size_t)(newline - rest);
        argv[argc++] = mem_strndup(rest, len);
        rest += len + 1;
    }
    struct options options;
    struct err e = ERR_INIT;
    if (options_parse(&options, argc, argv, &e) == 0) {
        require(e.code == ERR_NONE);
        check_taken(&options, argv, argc);
    } else {
        require(e.code == ERR_USAGE && e.msg[0] != '\0');
    }
    for (int i = 1; i < argc; i++)
        free(argv[i]);
    return 0;
}
