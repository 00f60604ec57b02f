#include "json_out.h"

#include <string.h>

#include "event_json.h"
#include "json_text.h"

/* The comma, where something stands before, and the key. No value of ours ends with a bracket
 * that opens. */
static void begin(struct str *out, const char *key)
{
    char last = out->len == 0 ? '[' : out->s[out->len - 1];
    if (last != '{' && last != '[')
        str_add_char(out, ',');
    if (key == NULL)
        return;
    str_add_char(out, '"');
    str_add(out, key);
    str_add_bytes(out, "\":", 2);
}

void json_out_open(struct str *out, const char *key, char bracket)
{
    begin(out, key);
    str_add_char(out, bracket);
}

void json_out_close(struct str *out, char bracket)
{
    str_add_char(out, bracket);
}

static void add_digits(struct str *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    str_add_bytes(out, digits + at, sizeof(digits) - at);
}

void json_out_u64(struct str *out, const char *key, uint64_t value)
{
    begin(out, key);
    add_digits(out, value > INT64_MAX ? INT64_MAX : value);
}

void json_out_i64(struct str *out, const char *key, int64_t value)
{
    begin(out, key);
    if (value < 0)
        str_add_char(out, '-');
    add_digits(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_out_bool(struct str *out, const char *key, bool value)
{
    begin(out, key);
    str_add(out, value ? "true" : "false");
}

static void add_quoted(struct str *out, const char *s, size_t len)
{
    str_add_char(out, '"');
    str_add_bytes(out, s, len);
    str_add_char(out, '"');
}

void json_out_word(struct str *out, const char *key, const char *word)
{
    begin(out, key);
    add_quoted(out, word, strlen(word));
}

/* How many bytes mean themselves in JSON, up to the first that does not. */
static size_t plain_len(const char *s)
{
    size_t len = 0;
    while (s[len] >= ' ' && s[len] <= '~' && s[len] != '"' && s[len] != '\\')
        len++;
    return len;
}

void json_out_text(struct str *out, const char *key, const char *text)
{
    size_t plain = text == NULL ? 0 : plain_len(text);
    begin(out, key);
    if (text != NULL && text[plain] == '\0' && plain <= EVENT_TEXT_MAX - 4) {
        add_quoted(out, text, plain);
        return;
    }
    json_text_dump(json_text_new(text, EVENT_TEXT_MAX), out);
}

void json_out_digits(struct str *out, const char *key, uint64_t value)
{
    begin(out, key);
    str_add_char(out, '"');
    add_digits(out, value);
    str_add_char(out, '"');
}
