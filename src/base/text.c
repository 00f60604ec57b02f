#include "text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct civil {
    int64_t year;
    int month, day, hour, minute, second;
};

/* Days since the epoch to a date of the proleptic Gregorian calendar, by 400-year eras. */
static struct civil civil_of(int64_t seconds)
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil c = {.year = yoe + era * 400,
                      .month = (int)(mp < 10 ? mp + 3 : mp - 9),
                      .day = (int)(doy - (153 * mp + 2) / 5 + 1),
                      .hour = (int)(rest / 3600),
                      .minute = (int)(rest / 60 % 60),
                      .second = (int)(rest % 60)};
    c.year += c.month <= 2;
    return c;
}

static void format_civil(char ret[TEXT_FIGURE_MAX], int64_t seconds, const char *fmt)
{
    const int64_t limit = INT64_C(253402300799); /* the end of year 9999 */
    if (seconds > limit)
        seconds = limit;
    if (seconds < 0)
        seconds = 0;
    struct civil c = civil_of(seconds);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* both formats are in the callers below */
    snprintf(ret, TEXT_FIGURE_MAX, fmt, (int)c.year, c.month, c.day, c.hour, c.minute, c.second);
#pragma GCC diagnostic pop
}

void text_time(char ret[TEXT_FIGURE_MAX], int64_t seconds)
{
    format_civil(ret, seconds, "%04d-%02d-%02dT%02d:%02d:%02dZ");
}

void text_time_compact(char ret[TEXT_FIGURE_MAX], int64_t seconds)
{
    format_civil(ret, seconds, "%04d-%02d-%02d-%02d%02d%02d");
}

void text_bytes(char ret[TEXT_FIGURE_MAX], uint64_t bytes)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1023.95 && unit + 1 < sizeof(UNITS) / sizeof(UNITS[0])) {
        value /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRIu64 " B", bytes);
    else
        snprintf(ret, TEXT_FIGURE_MAX, "%.1f %s", value, UNITS[unit]);
}

void text_duration(char ret[TEXT_FIGURE_MAX], int64_t seconds)
{
    if (seconds < 0)
        seconds = 0;
    int64_t minutes = seconds / 60;
    int64_t hours = minutes / 60;
    if (seconds < 60)
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRId64 " s", seconds);
    else if (hours == 0 && minutes < 10 && seconds % 60 != 0)
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRId64 " min %" PRId64 " s", minutes, seconds % 60);
    else if (hours == 0)
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRId64 " min", minutes);
    else if (hours < 48)
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRId64 " h %" PRId64 " min", hours, minutes % 60);
    else
        snprintf(ret, TEXT_FIGURE_MAX, "%" PRId64 " d %" PRId64 " h", hours / 24, hours % 24);
}

static int64_t unit_seconds(char c)
{
    switch (c) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

int text_parse_duration(const char *s, int64_t *ret_seconds)
{
    int64_t total = 0;
    if (*s == '\0')
        return -1;
    while (*s != '\0') {
        size_t digits = strspn(s, "0123456789");
        int64_t value;
        int64_t unit = unit_seconds(s[digits]);
        if (digits == 0 || unit == 0 || text_parse_i64(s, digits, &value) != 0)
            return -1;
        if (value > (INT64_MAX - total) / unit)
            return -1;
        total += value * unit;
        s += digits + 1;
    }
    *ret_seconds = total;
    return 0;
}

int text_parse_u64(const char *s, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    if (len == 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        unsigned digit = (unsigned)(s[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *ret = value;
    return 0;
}

int text_parse_i64(const char *s, size_t len, int64_t *ret)
{
    bool negative = len > 0 && s[0] == '-';
    uint64_t value;
    if (text_parse_u64(s + negative, len - negative, &value) != 0 || value > INT64_MAX)
        return -1;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

bool text_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

size_t text_fit(const char *s, size_t columns)
{
    size_t at = 0;
    while (s[at] != '\0') {
        unsigned char c = (unsigned char)s[at];
        size_t wide = c >= 0xe0 ? 2 : 1;
        if (wide > columns)
            break;
        columns -= wide;
        do {
            at++;
        } while (((unsigned char)s[at] & 0xc0) == 0x80);
    }
    return at;
}

int text_parse_bytes(const char *s, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } UNITS[] = {{"", 1},
                 {"B", 1},
                 {"KiB", UINT64_C(1) << 10},
                 {"MiB", UINT64_C(1) << 20},
                 {"GiB", UINT64_C(1) << 30},
                 {"TiB", UINT64_C(1) << 40},
                 {"kB", 1000},
                 {"MB", 1000000},
                 {"GB", 1000000000},
                 {"TB", UINT64_C(1000000000000)}};
    uint64_t number;
    size_t digits = strspn(s, "0123456789");
    if (text_parse_u64(s, digits, &number) != 0)
        return -1;
    const char *unit = s + digits;
    unit += *unit == ' ' && unit[1] != '\0';
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (strcmp(unit, UNITS[i].name) != 0)
            continue;
        if (number > UINT64_MAX / UNITS[i].bytes)
            return -1;
        *ret = number * UNITS[i].bytes;
        return 0;
    }
    return -1;
}
