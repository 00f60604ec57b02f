#include "options.h"

#include <stddef.h>
#include <string.h>

#include "text.h"

struct option {
    const char *name;
    size_t offset; /* in struct options */
    bool takes_value;
    unsigned commands; /* bits of enum command that it means something to */
};

#define BIT(command) (1U << (command))
#define ALL          (~0U)

static const struct option OPTIONS[] = {
    {"config", offsetof(struct options, config), true, ALL},
    {"addr", offsetof(struct options, addr), true, ALL},
    {"logfile", offsetof(struct options, logfile), true, ALL},
    {"debug", offsetof(struct options, debug), true, BIT(COMMAND_RUN)},
    {"dryrun", offsetof(struct options, dryrun), false, BIT(COMMAND_RUN)},
    {"once", offsetof(struct options, once), false, BIT(COMMAND_RUN)},
    {"json", offsetof(struct options, json), false,
     BIT(COMMAND_RUN) | BIT(COMMAND_PLAN) | BIT(COMMAND_STATUS)},
    {"local", offsetof(struct options, local), true, BIT(COMMAND_PLAN)},
    {"remote", offsetof(struct options, remote), true, BIT(COMMAND_PLAN)},
};

static const struct {
    const char *name;
    enum command command;
    int arguments_min, arguments_max;
} COMMANDS[] = {
    {"snapshot", COMMAND_SNAPSHOT, 1, 1}, {"plan", COMMAND_PLAN, 0, 0},
    {"check", COMMAND_CHECK, 0, 0},       {"status", COMMAND_STATUS, 0, 0},
    {"adopt", COMMAND_ADOPT, 0, 1},       {"version", COMMAND_VERSION, 0, 0},
    {"help", COMMAND_HELP, 0, 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(OPTIONS); i++)
        if (strncmp(OPTIONS[i].name, name, len) == 0 && OPTIONS[i].name[len] == '\0')
            return &OPTIONS[i];
    return NULL;
}

/* What has been read so far. */
struct reading {
    struct options *options;
    int argc, at;
    char **argv;
    int command; /* its place in COMMANDS, or -1 */
    int arguments;
    unsigned seen; /* bits of OPTIONS */
};

static int read_option(struct reading *reading, const char *word, struct err *e)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    if (strcmp(name, "help") == 0 || strcmp(name, "h") == 0) {
        reading->options->command = COMMAND_HELP;
        return 0;
    }
    if (strcmp(name, "version") == 0) {
        reading->options->command = COMMAND_VERSION;
        return 0;
    }
    const struct option *option = find_option(name, len);
    if (option == NULL)
        return err_set(e, ERR_USAGE, "there is no option %.*s", (int)(name - word) + (int)len,
                       word);
    size_t number = (size_t)(option - OPTIONS);
    if (reading->seen & (1U << number))
        return err_set(e, ERR_USAGE, "-%s is given twice", option->name);
    reading->seen |= 1U << number;
    void *field = (char *)reading->options + option->offset;
    if (!option->takes_value) {
        if (name[len] != '\0' && strcmp(name + len, "=true") != 0 &&
            strcmp(name + len, "=false") != 0)
            return err_set(e, ERR_USAGE, "-%s takes no value", option->name);
        *(bool *)field = strcmp(name + len, "=false") != 0;
        return 0;
    }
    const char *value = name + len + 1;
    if (name[len] == '\0') {
        if (reading->at >= reading->argc)
            return err_set(e, ERR_USAGE, "-%s needs a value", option->name);
        value = reading->argv[reading->at++];
    }
    if (value[0] == '\0' && option->offset != offsetof(struct options, debug))
        return err_set(e, ERR_USAGE, "-%s needs a value that is not empty", option->name);
    *(const char **)field = value;
    return 0;
}

static int read_word(struct reading *reading, const char *word, struct err *e)
{
    if (reading->command >= 0) {
        if (reading->arguments >= COMMANDS[reading->command].arguments_max)
            return err_set(e, ERR_USAGE, "%s: what is \"%.100s\" for?",
                           COMMANDS[reading->command].name, word);
        reading->arguments++;
        reading->options->argument = word;
        return 0;
    }
    for (size_t i = 0; i < COUNT(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, word) == 0) {
            reading->command = (int)i;
            /* -help and -version before a command ask for just that. */
            if (reading->options->command == COMMAND_RUN)
                reading->options->command = COMMANDS[i].command;
            return 0;
        }
    }
    return err_set(e, ERR_USAGE, "there is no command \"%.100s\"", word);
}

static int check_together(const struct reading *reading, struct err *e)
{
    const struct options *options = reading->options;
    if (options->command == COMMAND_HELP || options->command == COMMAND_VERSION)
        return 0;
    for (size_t i = 0; i < COUNT(OPTIONS); i++)
        if ((reading->seen & (1U << i)) && !(OPTIONS[i].commands & BIT(options->command)))
            return err_set(e, ERR_USAGE, "-%s means nothing to this command", OPTIONS[i].name);
    if (reading->command >= 0 && reading->arguments < COMMANDS[reading->command].arguments_min)
        return err_set(e, ERR_USAGE, "%s needs the type of the snapshot: backupd snapshot daily",
                       COMMANDS[reading->command].name);
    if (options->debug != NULL && (options->once || options->dryrun))
        return err_set(e, ERR_USAGE, "-debug does nothing but look: leave out -once and -dryrun");
    if (options->json && options->command == COMMAND_RUN && options->debug == NULL)
        return err_set(e, ERR_USAGE, "-json goes with plan, status or -debug");
    return 0;
}

/* HOST:PORT, where HOST may be empty or in brackets. */
static int check_addr(const char *addr, struct err *e)
{
    const char *colon = strrchr(addr, ':');
    uint64_t port;
    if (colon == NULL || text_parse_u64(colon + 1, strlen(colon + 1), &port) != 0 || port > 65535)
        return err_set(e, ERR_USAGE, "-addr \"%.100s\" is not HOST:PORT, as in 127.0.0.1:8888",
                       addr);
    return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct err *e)
{
    struct reading reading = {
        .options = options, .argc = argc, .at = 1, .argv = argv, .command = -1};
    memset(options, 0, sizeof(*options));
    while (reading.at < argc) {
        const char *word = argv[reading.at++];
        bool is_option = word[0] == '-' && word[1] != '\0';
        int rc = is_option ? read_option(&reading, word, e) : read_word(&reading, word, e);
        if (rc != 0)
            return -1;
    }
    if (options->addr != NULL && check_addr(options->addr, e) != 0)
        return -1;
    return check_together(&reading, e);
}
