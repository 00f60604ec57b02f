#include "faults.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "world.h"

#define WORDS_MAX 8

/* A line of the file, in words. */
struct fault {
    const char *words[WORDS_MAX];
    size_t n;
    uint64_t first, last; /* which of the calls that match; or call numbers, with no pattern */
    const char *pattern;  /* NULL: by number */
    size_t at;            /* the place of the kind in `words` */
};

/* The next word of `*at`, in quotes or not; "\n" is a newline, "\'" a quote. NULL: there is none. */
static const char *next_word(const char **at)
{
    struct str word;
    const char *p = *at + strspn(*at, " \t\r");
    if (*p == '\0' || *p == '#')
        return NULL;
    str_init(&word);
    for (char quote = 0; *p != '\0' && (quote != 0 || (*p != ' ' && *p != '\t')); p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            str_add_char(&word, *p == 'n' ? '\n' : *p);
        } else if (quote == 0 && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (quote != 0 && *p == quote) {
            quote = 0;
        } else {
            str_add_char(&word, *p);
        }
    }
    *at = p;
    const char *kept = world_keep(word.s);
    str_fini(&word);
    return kept;
}

static const char *word_at(const struct fault *fault, size_t at)
{
    return fault->at + at < fault->n ? fault->words[fault->at + at] : NULL;
}

static uint64_t number_at(const struct fault *fault, size_t at, uint64_t otherwise)
{
    const char *word = word_at(fault, at);
    return word == NULL ? otherwise : strtoull(word, NULL, 10);
}

/* "7", "match PATTERN", "once PATTERN", "nth 3 PATTERN", "from 3 PATTERN". */
static const char *parse_condition(struct fault *fault)
{
    const char *word = fault->words[0];
    bool counted = strcmp(word, "nth") == 0 || strcmp(word, "from") == 0;
    fault->first = 1;
    fault->last = UINT64_MAX;
    if (word[0] >= '0' && word[0] <= '9') {
        fault->first = fault->last = strtoull(word, NULL, 10);
        fault->at = 1;
        return NULL;
    }
    if (!counted && strcmp(word, "match") != 0 && strcmp(word, "once") != 0)
        return "it begins with no number, match, once, nth or from";
    if (fault->n < (counted ? 3U : 2U))
        return "it has no pattern";
    fault->pattern = fault->words[counted ? 2 : 1];
    fault->at = counted ? 3 : 2;
    if (counted)
        fault->first = strtoull(fault->words[1], NULL, 10);
    if (strcmp(word, "once") == 0 || strcmp(word, "nth") == 0)
        fault->last = fault->first;
    return NULL;
}

/* Fills `ret` with the line; ret->n is 0 for an empty one. */
static const char *parse_fault(const char *line, struct fault *ret)
{
    *ret = (struct fault){.n = 0};
    const char *word;
    while (ret->n < WORDS_MAX && (word = next_word(&line)) != NULL)
        ret->words[ret->n++] = word;
    return ret->n == 0 ? NULL : parse_condition(ret);
}

static void add_stop(const struct fault *fault, enum stop_kind kind, struct effects *ret)
{
    ret->stops = true;
    ret->stop = kind;
    ret->stop_at = number_at(fault, 1, 0);
    ret->status = kind == STOP_CUT ? (int)number_at(fault, 2, 0) : ret->status;
}

static void add_failure(const struct fault *fault, bool late, struct effects *ret)
{
    struct str text;
    str_init(&text);
    ret->fails = true;
    ret->late = late;
    ret->status = (int)number_at(fault, 1, 1);
    if (word_at(fault, 2) != NULL)
        str_add(&text, word_at(fault, 2));
    if (text.len > 0 && text.s[text.len - 1] != '\n')
        str_add_char(&text, '\n');
    ret->text = world_keep(text.s);
    str_fini(&text);
}

/* Adds what the fault does. Returns what is wrong with it, or NULL. */
static const char *add_effect(const struct fault *fault, struct effects *ret)
{
    const char *kind = word_at(fault, 0);
    if (kind == NULL)
        return "it says nothing about what happens";
    if (strcmp(kind, "fail") == 0 || strcmp(kind, "late") == 0) {
        add_failure(fault, kind[0] == 'l', ret);
    } else if (strcmp(kind, "exit255") == 0) {
        ret->fails = true;
        ret->status = 255;
        ret->text = "";
    } else if (strcmp(kind, "hang") == 0) {
        add_stop(fault, STOP_HANG, ret);
    } else if (strcmp(kind, "kill") == 0) {
        add_stop(fault, STOP_KILL, ret);
    } else if (strcmp(kind, "cut") == 0) {
        add_stop(fault, STOP_CUT, ret);
    } else if (strcmp(kind, "garble") == 0) {
        ret->garbles = true;
        ret->garble_at = number_at(fault, 1, 0);
        ret->garble_count = number_at(fault, 2, 16);
    } else if (strcmp(kind, "delay") == 0) {
        ret->delay_ms = (int64_t)number_at(fault, 1, 1000);
    } else if (strcmp(kind, "rate") == 0) {
        ret->rate = number_at(fault, 1, 1048576);
    } else {
        return "there is no such kind of fault";
    }
    return NULL;
}

const char *faults_check(const char *line)
{
    struct fault fault;
    struct effects ignored = {.rate = 0};
    const char *why = parse_fault(line, &fault);
    return why != NULL || fault.n == 0 ? why : add_effect(&fault, &ignored);
}

/* With or without the machine's name before it. */
static bool matches(const struct fault *fault, const char *where, const char *command)
{
    char *full = mem_alloc(strlen(where) + strlen(command) + 2);
    sprintf(full, "%s %s", where, command);
    bool met = fnmatch(fault->pattern, command, 0) == 0 || fnmatch(fault->pattern, full, 0) == 0;
    free(full);
    return met;
}

/* How often each line has been met, in "hits": one number a line. */
static uint64_t *read_hits(size_t count)
{
    uint64_t *hits = mem_zalloc(count + 1, sizeof(*hits));
    char *text = world_read_file(world_path("hits"), NULL);
    char *at = text;
    for (size_t i = 0; text != NULL && i < count && *at != '\0'; i++)
        hits[i] = strtoull(at, &at, 10);
    free(text);
    return hits;
}

static void write_hits(const uint64_t *hits, size_t count)
{
    struct str text;
    str_init(&text);
    for (size_t i = 0; i < count; i++)
        str_add_format(&text, "%" PRIu64 "\n", hits[i]);
    world_write_file(world_path("hits"), text.s, text.len);
    str_fini(&text);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count + 1;
}

/* Goes through the lines of "faults"; the log is locked. */
static void find_effects(uint64_t number, const char *where, const char *command,
                         struct effects *ret)
{
    char *text = world_read_file(world_path("faults"), NULL);
    if (text == NULL)
        return;
    size_t count = count_lines(text);
    uint64_t *hits = read_hits(count);
    bool met = false;
    char *line = text;
    for (size_t i = 0; i < count; i++) {
        struct fault fault;
        char *end = line + strcspn(line, "\n");
        bool last = *end == '\0';
        *end = '\0';
        if (parse_fault(line, &fault) == NULL && fault.n > 0) {
            uint64_t at = number;
            if (fault.pattern != NULL)
                at = matches(&fault, where, command) ? ++hits[i] : 0;
            met = met || (fault.pattern != NULL && at > 0);
            if (at >= fault.first && at <= fault.last)
                add_effect(&fault, ret);
        }
        line = last ? end : end + 1;
    }
    if (met)
        write_hits(hits, count);
    free(hits);
    free(text);
}

/* The words with blanks between them, as a line. */
static void join(int argc, char *const *argv, struct str *ret)
{
    for (int i = 0; i < argc; i++) {
        const char *word =
            i == 0 && strrchr(argv[i], '/') != NULL ? strrchr(argv[i], '/') + 1 : argv[i];
        str_add_format(ret, "%s%s", i > 0 ? " " : "", word);
    }
    for (char *p = ret->s; *p != '\0'; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
}

static uint64_t next_number(int fd)
{
    char text[32] = "";
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t number = got > 0 ? strtoull(text, NULL, 10) + 1 : 1;
    int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        world_panic("cannot count the calls");
    return number;
}

void faults_record(const char *where, int argc, char *const *argv, struct effects *ret)
{
    struct str command;
    struct str line;
    *ret = (struct effects){.text = ""};
    str_init(&command);
    str_init(&line);
    join(argc, argv, &command);
    int fd = world_lock_file(world_path("calls.number"));
    uint64_t number = next_number(fd);
    str_add_format(&line, "%" PRIu64 "\t%s\t%s\n", number, where, command.s);
    int log = open(world_path("calls"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0 || write(log, line.s, line.len) != (ssize_t)line.len)
        world_panic("cannot log the calls");
    close(log);
    find_effects(number, where, command.s, ret);
    close(fd);
    str_fini(&line);
    str_fini(&command);
}
