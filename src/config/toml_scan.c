#include "toml_scan.h"

#include <stdbool.h>
#include <string.h>

struct scanner {
    const char *s, *end;
    struct place at;
    unsigned brackets; /* that are open */
    unsigned dots;     /* in the key that is being read, perhaps */
    bool line_begins;  /* nothing but blanks yet */
};

static bool sees(const struct scanner *scanner, const char *what)
{
    size_t len = strlen(what);
    return (size_t)(scanner->end - scanner->s) >= len && memcmp(scanner->s, what, len) == 0;
}

static bool sees_any(const struct scanner *scanner, const char *set)
{
    return scanner->s < scanner->end && *scanner->s != '\0' && strchr(set, *scanner->s) != NULL;
}

static void advance(struct scanner *scanner)
{
    if (scanner->s == scanner->end)
        return;
    unsigned char c = (unsigned char)*scanner->s++;
    if (c == '\n') {
        scanner->at.line++;
        scanner->at.column = 1;
    } else if ((c & 0xc0) != 0x80) {
        scanner->at.column++;
    }
}

static void skip_any(struct scanner *scanner, const char *set)
{
    while (sees_any(scanner, set))
        advance(scanner);
}

static void skip_string(struct scanner *scanner)
{
    char one[2] = {*scanner->s, '\0'};
    char three[4] = {one[0], one[0], one[0], '\0'};
    bool one_line = !sees(scanner, three);
    const char *quote = one_line ? one : three;
    for (size_t i = strlen(quote); i > 0; i--)
        advance(scanner);
    while (scanner->s < scanner->end && !sees(scanner, quote) &&
           !(one_line && sees(scanner, "\n"))) {
        bool escape = one[0] == '"' && *scanner->s == '\\';
        advance(scanner);
        if (escape)
            advance(scanner);
    }
    /* """a""""" ends with two quotes of its own. */
    for (size_t i = one_line ? 1 : 5; i > 0 && sees(scanner, one); i--)
        advance(scanner);
}

static const char *open_bracket(struct scanner *scanner)
{
    bool header = scanner->line_begins && scanner->brackets == 0 && sees(scanner, "[");
    scanner->line_begins = false;
    scanner->dots = 0;
    advance(scanner);
    scanner->brackets++;
    if (header) {
        skip_any(scanner, " \t");
        if (sees(scanner, "[")) {
            advance(scanner);
            scanner->brackets++;
        }
        skip_any(scanner, " \t");
        if (!sees_any(scanner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
                               "\"']"))
            return "a table has no name in its brackets, or one without quotes that needs them";
    }
    return scanner->brackets > TOML_SCAN_BRACKETS_MAX ? "brackets are nested too deeply" : NULL;
}

/* One character outside of strings and comments. */
static const char *skip_plain(struct scanner *scanner)
{
    if (sees_any(scanner, "]}")) {
        scanner->brackets -= scanner->brackets > 0;
        scanner->dots = 0;
    } else if (sees_any(scanner, "\n,=")) {
        scanner->dots = 0;
    } else if (sees(scanner, ".") && ++scanner->dots >= TOML_SCAN_PARTS_MAX) {
        return "a key has too many parts";
    }
    scanner->line_begins =
        sees(scanner, "\n") || (scanner->line_begins && sees_any(scanner, " \t"));
    advance(scanner);
    return NULL;
}

static const char *skip_one(struct scanner *scanner)
{
    if (sees_any(scanner, "[{"))
        return open_bracket(scanner);
    if (sees_any(scanner, "\"'")) {
        scanner->line_begins = false;
        skip_string(scanner);
        return NULL;
    }
    if (!sees(scanner, "#"))
        return skip_plain(scanner);
    while (scanner->s < scanner->end && !sees(scanner, "\n"))
        advance(scanner);
    return NULL;
}

const char *toml_scan(const char *text, size_t len, struct place *ret)
{
    struct scanner scanner = {
        .s = text, .end = text + len, .at = {.line = 1, .column = 1}, .line_begins = true};
    const char *fault = NULL;
    if (sees(&scanner, "\xef\xbb\xbf"))
        scanner.s += 3; /* a byte order mark has no column */
    while (scanner.s < scanner.end && fault == NULL)
        fault = skip_one(&scanner);
    *ret = scanner.at;
    return fault;
}
