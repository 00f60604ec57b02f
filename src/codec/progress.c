#include "progress.h"

#include <stdbool.h>
#include <string.h>

#include "text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether `s` begins with "12:34:56". */
static bool is_clock(const char *s)
{
    static const char PATTERN[] = "dd:dd:dd";
    for (size_t i = 0; i < sizeof(PATTERN) - 1; i++)
        if (PATTERN[i] == 'd' ? !is_digit(s[i]) : s[i] != PATTERN[i])
            return false;
    return true;
}

/* Whether `s` is a pair of a printed nvlist: a tab, a word, " = ". */
static bool is_pair(const char *s)
{
    if (*s != '\t')
        return false;
    size_t word = strspn(s + 1, "abcdefghijklmnopqrstuvwxyz_");
    return word > 0 && text_starts_with(s + 1 + word, " = ");
}

/* The lines without a figure for us. Those with blanks are what zfs says without -P. */
static bool is_header(const char *line)
{
    static const char *const STARTS[] = {
        "full\t",          "incremental\t", "resume token contents", "nvlist version:",
        "full send of ",   "send from ",    "total estimated size ", "TIME ",
        "estimated size ",
    };
    for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++)
        if (text_starts_with(line, STARTS[i]))
            return true;
    return is_pair(line) || (is_clock(line) && line[8] == ' ');
}

/* "12:34:56", a tab, the bytes so far, a tab, the snapshot. */
static bool parse_sent(const char *line, uint64_t *ret_bytes)
{
    if (!is_clock(line) || line[8] != '\t')
        return false;
    const char *figure = line + 9;
    size_t len = strcspn(figure, "\t");
    return figure[len] == '\t' && text_parse_u64(figure, len, ret_bytes) == 0;
}

enum progress_kind progress_parse(const char *line, uint64_t *ret_bytes)
{
    if (parse_sent(line, ret_bytes))
        return PROGRESS_SENT;
    if (text_starts_with(line, "size\t") &&
        text_parse_u64(line + 5, strlen(line + 5), ret_bytes) == 0)
        return PROGRESS_SIZE;
    return is_header(line) ? PROGRESS_HEADER : PROGRESS_OTHER;
}
