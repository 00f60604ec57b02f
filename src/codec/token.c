#include "token.h"

#include <string.h>

#include "text.h"

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"

/* Kept below what one word of an argv may be (128 KiB on Linux). */
#define TOKEN_LEN_MAX 65536

bool token_is_plausible(const char *s)
{
    /* zfs_send_resume_token_to_nvlist: version, checksum, unpacked size, packed nvlist */
    static const char *const WORDS[] = {DIGITS, HEX, HEX, HEX};
    if (strlen(s) > TOKEN_LEN_MAX)
        return false;
    for (size_t i = 0; i < 4; i++) {
        size_t len = strspn(s, WORDS[i]);
        if (len == 0 || s[len] != (i < 3 ? '-' : '\0'))
            return false;
        s += len + 1;
    }
    return true;
}

static int parse_hex(const char *s, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    if (len == 0 || len > 16)
        return -1;
    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr(HEX, s[i], sizeof(HEX) - 1);
        if (digit == NULL)
            return -1;
        value = value << 4 | (uint64_t)(digit - HEX);
    }
    *ret = value;
    return 0;
}

/* nvlist_print writes 64-bit numbers as 0x1f and the others in decimal. */
static int parse_number(const char *s, size_t len, uint64_t *ret)
{
    if (len > 2 && s[0] == '0' && s[1] == 'x')
        return parse_hex(s + 2, len - 2, ret);
    return text_parse_u64(s, len, ret);
}

/* The checked name of a snapshot, "tank/data@daily-1", into `ret`. */
static int parse_to_name(const char *s, size_t len, char ret[NAME_LEN_MAX + 1], struct err *e)
{
    struct dsname ds;
    struct snapname snap;
    char name[NAME_LEN_MAX + 1];
    if (len > NAME_LEN_MAX)
        return err_set(e, ERR_PARSE, "a snapshot name of %zu bytes", len);
    memcpy(name, s, len);
    name[len] = '\0';
    char *at = strchr(name, '@');
    if (at == NULL)
        return err_set(e, ERR_PARSE, "toname is not a snapshot");
    *at = '\0';
    if (dsname_check(name, &ds, e) != 0 || snapname_check(at + 1, &snap, e) != 0) {
        if (e != NULL)
            e->code = ERR_PARSE;
        return -1;
    }
    *at = '@';
    memcpy(ret, name, len + 1);
    return 0;
}

static bool key_is(const char *key, size_t len, const char *what)
{
    return strlen(what) == len && memcmp(key, what, len) == 0;
}

/* One line of the nvlist: a tab, "key = value". Keys that say nothing to us are skipped. */
static int parse_line(const char *line, size_t len, struct token *token, bool *ret_guid_seen,
                      struct err *e)
{
    static const char EQUALS[] = " = ";
    const char *key = line + 1;
    size_t key_len = 0;
    if (len == 0 || line[0] != '\t')
        return 0;
    while (key_len + 1 < len && key[key_len] != ' ')
        key_len++;
    if (key_len + 4 > len || memcmp(key + key_len, EQUALS, 3) != 0)
        return 0;
    const char *value = key + key_len + 3;
    size_t value_len = len - key_len - 4;

    if (key_is(key, key_len, "toname"))
        return parse_to_name(value, value_len, token->to_name, e);
    uint64_t raw = 0, compressed = 0;
    uint64_t *number = key_is(key, key_len, "toguid")       ? &token->to_guid
                       : key_is(key, key_len, "fromguid")   ? &token->from_guid
                       : key_is(key, key_len, "bytes")      ? &token->bytes
                       : key_is(key, key_len, "compressok") ? &compressed
                       : key_is(key, key_len, "rawok")      ? &raw
                                                            : NULL;
    if (number == NULL)
        return 0;
    if (parse_number(value, value_len, number) != 0)
        return err_set(e, ERR_PARSE, "%.*s is no number", (int)key_len, key);
    token->raw = token->raw || raw != 0;
    token->compressed = token->compressed || compressed != 0;
    *ret_guid_seen = *ret_guid_seen || number == &token->to_guid;
    return 0;
}

int token_parse(const char *text, struct token *ret, struct err *e)
{
    struct token token = {.to_guid = 0};
    bool guid_seen = false;
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (parse_line(line, len, &token, &guid_seen, e) != 0)
            return err_wrap(e, "the contents of a resume token");
        line += len + (line[len] == '\n');
    }
    if (token.to_name[0] == '\0' || !guid_seen)
        return err_set(e, ERR_PARSE, "the contents of a resume token: no %s",
                       guid_seen ? "snapshot name" : "guid of a snapshot");
    *ret = token;
    return 0;
}

static int refuse(struct err *e, const char *why)
{
    return err_set(e, ERR_TOKEN_STALE, "%s", why);
}

int token_check(const struct token *token, const struct token_wish *wish, struct err *e)
{
    size_t len = strlen(wish->dataset.s);
    if (strncmp(token->to_name, wish->dataset.s, len) != 0 || token->to_name[len] != '@')
        return err_set(e, ERR_TOKEN_STALE, "it is of %s, which is no snapshot of %s",
                       token->to_name, wish->dataset.s);
    if (token->to_guid != wish->to_guid)
        return refuse(e, "it is of another snapshot than the one to be sent next");
    if (token->from_guid != wish->from_guid)
        return refuse(e, "it starts from another snapshot than the newest shared one");
    /* A stream of data that is not encrypted never says that it is raw. */
    if (wish->encrypted && !token->raw)
        return refuse(e, "it is not of a raw stream");
    /* embedok and largeblockok depend on what the pool and the data have; compressok does not. */
    if (!token->compressed)
        return refuse(e, "it is of a send with other flags");
    return 0;
}
