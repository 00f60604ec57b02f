#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "mistakes.h"
#include "names.h"
#include "schema.h"
#include "toml_reader.h"

#define PLACE_1 "/etc/backupd.toml"
#define PLACE_2 "/usr/local/etc/backupd.toml"
#define PLACE_3 "/opt/local/etc/backupd.toml"
#define PLACE_4 "/Library/Application Support/co.monks.backupd/backupd.toml"

const char *config_default_path(const char **ret_tried)
{
    static const char *const PLACES[] = {PLACE_1, PLACE_2, PLACE_3, PLACE_4};
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        struct stat st;
        /* One that is there and cannot be looked at is not passed over for another. */
        if (stat(PLACES[i], &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
            return PLACES[i];
    }
    if (ret_tried != NULL)
        *ret_tried = PLACE_1 "\n" PLACE_2 "\n" PLACE_3 "\n" PLACE_4;
    return NULL;
}

static void set_defaults(struct config *config, const char *path)
{
    memset(config, 0, sizeof(*config));
    config->path = mem_strdup(path);
    config->snitch_id = mem_strdup("");
    for (int side = 0; side < SIDE_COUNT; side++) {
        config->side[side].root = mem_strdup("");
        policy_init(&config->side[side].policy);
    }
    config->ssh_host = mem_strdup("");
    config->ssh_key = mem_strdup("");
    config->interval = CONFIG_INTERVAL;
    config->stall_timeout = CONFIG_STALL_TIMEOUT;
    config->parallel = CONFIG_PARALLEL;
    config->web_token = mem_strdup("");
    config->web_tls_cert = mem_strdup("");
    config->web_tls_key = mem_strdup("");
    config->web_user = mem_strdup(CONFIG_WEB_USER);
    config->history_path = mem_strdup(CONFIG_HISTORY_PATH);
    config->history_keep = CONFIG_HISTORY_KEEP;
}

static void strings_fini(struct config_strings *strings)
{
    for (size_t i = 0; i < strings->n; i++)
        free(strings->v[i]);
    free(strings->v);
}

void config_fini(struct config *config)
{
    free(config->path);
    free(config->snitch_id);
    for (int side = 0; side < SIDE_COUNT; side++) {
        free(config->side[side].root);
        policy_fini(&config->side[side].policy);
    }
    free(config->ssh_host);
    free(config->ssh_key);
    strings_fini(&config->ssh_options);
    for (size_t i = 0; i < config->override_count; i++) {
        free(config->overrides[i].name);
        for (int side = 0; side < SIDE_COUNT; side++)
            policy_fini(&config->overrides[i].policy[side]);
    }
    free(config->overrides);
    free(config->web_token);
    strings_fini(&config->web_hosts);
    free(config->web_tls_cert);
    free(config->web_tls_key);
    free(config->web_user);
    free(config->history_path);
    memset(config, 0, sizeof(*config));
}

/* How many bytes the UTF-8 character at `s` takes, of the `len` there are; 0 where it is none. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
    static const unsigned long LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (count == 1)
        return 1;
    if (count == 0 || count > len || s[0] > 0xf4)
        return 0;
    unsigned long point = s[0] & (0x7fU >> count);
    for (size_t i = 1; i < count; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < LEAST[count] || point > 0x10ffff || surrogate ? 0 : count;
}

/* Whether the text is UTF-8 throughout; else `ret` is the place of the first byte that is not. */
static bool is_utf8(const char *text, size_t len, struct place *ret)
{
    const unsigned char *s = (const unsigned char *)text;
    struct place at = {1, 1};
    while (len > 0) {
        size_t count = utf8_len(s, len);
        if (count == 0) {
            *ret = at;
            return false;
        }
        at.column = *s == '\n' ? 1 : at.column + 1;
        at.line += *s == '\n';
        s += count;
        len -= count;
    }
    return true;
}

static void parse(const char *text, size_t len, struct config *config, struct mistakes *mistakes)
{
    struct toml_doc doc;
    struct toml_error error;
    struct place at;
    if (!is_utf8(text, len, &at)) {
        mistakes_add(mistakes, at, "this is not UTF-8; save the file as UTF-8 text");
        return;
    }
    if (toml_doc_read(&doc, text, len, &error) != 0) {
        mistakes_add(mistakes, error.at,
                     "not valid TOML: %s; correct this first, for nothing else was checked",
                     error.what);
        return;
    }
    schema_read(&doc, config, mistakes);
    toml_doc_fini(&doc);
}

int config_parse(const char *text, size_t len, const char *path, struct config *ret,
                 struct str *errors)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    set_defaults(ret, path);
    if (len > CONFIG_SIZE_MAX)
        mistakes_add(&mistakes, (struct place){1, 1},
                     "the file is larger than %d bytes; this is no configuration of backupd",
                     CONFIG_SIZE_MAX);
    else
        parse(text, len, ret, &mistakes);
    int result = mistakes.n == 0 ? 0 : -1;
    mistakes_report(&mistakes, path, errors);
    mistakes_fini(&mistakes);
    if (result != 0)
        config_fini(ret);
    return result;
}

/* Reads at most one byte more than a file may have, so that a larger one is seen to be larger. */
static int read_all(int fd, struct str *text)
{
    char buf[16384];
    while (text->len <= CONFIG_SIZE_MAX) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        str_add_bytes(text, buf, (size_t)n);
    }
    return 0;
}

int config_load(const char *path, struct config *ret, struct str *errors)
{
    struct str text;
    int result = -1;
    str_init(&text);
    memset(ret, 0, sizeof(*ret));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read_all(fd, &text) != 0)
        str_add_format(errors, "%s: cannot be read: %s\n", path, strerror(errno));
    else
        result = config_parse(text.s, text.len, path, ret, errors);
    if (fd >= 0)
        close(fd);
    str_fini(&text);
    return result;
}

bool config_has_remote(const struct config *config)
{
    return config->side[SIDE_REMOTE].root[0] != '\0';
}

const struct config_override *config_override_for(const struct config *config, const char *name)
{
    const struct config_override *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < config->override_count; i++) {
        const struct config_override *override = &config->overrides[i];
        size_t len = strlen(override->name);
        if (name_below(name, override->name) != NULL && len > best_len) {
            best = override;
            best_len = len;
        }
    }
    return best;
}

struct rules config_rules_for(const struct config *config, const char *name)
{
    const struct config_override *override = config_override_for(config, name);
    struct rules rules = {.keep_baseline = override == NULL || override->keep_baseline,
                          .has_remote = config_has_remote(config)};
    for (int side = 0; side < SIDE_COUNT; side++) {
        bool other = override != NULL && override->has_policy[side];
        rules.policy[side] = other ? &override->policy[side] : &config->side[side].policy;
        rules.destroy_unmanaged[side] = config->side[side].destroy_unmanaged;
    }
    return rules;
}

void config_warn(const struct config *config, struct str *out)
{
    if (!config_has_remote(config))
        return;
    for (int side = 0; side < SIDE_COUNT; side++) {
        enum side other = side == SIDE_LOCAL ? SIDE_REMOTE : SIDE_LOCAL;
        if (config->side[side].policy.n > 0 || config->side[other].policy.n == 0)
            continue;
        str_add_format(
            out,
            "[%s.policy] names no type, so that of those of [%s.policy] the %s side keeps "
            "its oldest and what both share first and last, and all others are destroyed "
            "there; if that is meant, write their counts as 0",
            side_name((enum side)side), side_name(other), side_name((enum side)side));
    }
}
