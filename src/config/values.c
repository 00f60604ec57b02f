#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "names.h"
#include "text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* The deepest known key: overrides."/scratch".local.policy.daily. */
#define KEY_DEPTH_MAX 5

/* Messages. */

static bool consists_of(const char *s, const char *allowed)
{
    return s[strspn(s, allowed)] == '\0';
}

const char *value_show_key(const struct loader *l, const struct toml_node *node,
                           char ret[KEY_SHOWN_MAX])
{
    const struct toml_node *path[KEY_DEPTH_MAX];
    size_t depth = 0;
    for (; node != l->doc->v && depth < KEY_DEPTH_MAX; node = &l->doc->v[node->parent])
        if (node->key[0] != '\0' || l->doc->v[node->parent].type == NODE_TABLE)
            path[depth++] = node;
    size_t len = 0;
    ret[0] = '\0';
    while (depth > 0 && len + QUOTED_MAX < KEY_SHOWN_MAX) {
        char quoted[QUOTED_MAX];
        const char *key = path[--depth]->key;
        bool bare = key[0] != '\0' && strlen(key) <= 60 && consists_of(key, LETTERS DIGITS "-_");
        len += (size_t)snprintf(ret + len, KEY_SHOWN_MAX - len, "%s%s", len > 0 ? "." : "",
                                bare ? key : text_quote(quoted, key));
    }
    return ret;
}

void value_refuse(struct loader *l, const struct toml_node *node, const char *wrong,
                  const char *right)
{
    char shown[KEY_SHOWN_MAX];
    mistakes_add(l->mistakes, node->at, "%s %s; %s", value_show_key(l, node, shown), wrong, right);
}

/* The same with the value, "KEY = "VALUE" is wrong; right". */
static void refuse_text(struct loader *l, const struct toml_node *node, const char *wrong,
                        const char *right)
{
    char shown[KEY_SHOWN_MAX];
    char quoted[QUOTED_MAX];
    mistakes_add(l->mistakes, node->at, "%s = %s %s; %s", value_show_key(l, node, shown),
                 text_quote(quoted, node->string), wrong, right);
}

const char *value_type_name(enum node_type type)
{
    static const char *const NAMES[] = {
        [NODE_TABLE] = "a table",       [NODE_ARRAY] = "an array",
        [NODE_STRING] = "a string",     [NODE_INTEGER] = "a whole number",
        [NODE_FLOAT] = "a fraction",    [NODE_BOOLEAN] = "a boolean",
        [NODE_DATE] = "a date or time",
    };
    return NAMES[type];
}

/* Strings. */

static bool has_control(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static void set_text(void *to, const char *s)
{
    char **text = to;
    free(*text);
    *text = mem_strdup(s);
}

void value_read_root(struct loader *l, const struct toml_node *node, void *to)
{
    struct dsname name;
    struct err e = ERR_INIT;
    if (dsname_check(node->string, &name, &e) == 0) {
        set_text(to, name.s);
    } else {
        char shown[KEY_SHOWN_MAX];
        mistakes_add(l->mistakes, node->at, "%s: %s; write one such as \"tank/data\"",
                     value_show_key(l, node, shown), e.msg);
    }
}

void value_read_remote_root(struct loader *l, const struct toml_node *node, void *to)
{
    if (node->string[0] != '\0')
        value_read_root(l, node, to);
}

void value_read_ssh_host(struct loader *l, const struct toml_node *node, void *to)
{
    const char *s = node->string;
    if (s[0] == '-')
        refuse_text(l, node, "begins with a hyphen, which ssh takes for an option",
                    "write the host as ssh takes it, such as \"user@host\"");
    else if (has_control(s) || strchr(s, ' ') != NULL)
        refuse_text(l, node, "holds a space or a control character",
                    "write one host as ssh takes it, such as \"user@host\"; options go to "
                    "ssh_options");
    else
        set_text(to, s);
}

void value_read_text(struct loader *l, const struct toml_node *node, void *to)
{
    if (has_control(node->string))
        refuse_text(l, node, "holds a control character", "remove it");
    else
        set_text(to, node->string);
}

void value_read_path(struct loader *l, const struct toml_node *node, void *to)
{
    if (node->string[0] != '\0' && node->string[0] != '/')
        refuse_text(l, node, "is no absolute path", "begin it with a slash, or leave it empty");
    else
        value_read_text(l, node, to);
}

void value_read_user(struct loader *l, const struct toml_node *node, void *to)
{
    const char *s = node->string;
    if (s[0] == '\0')
        value_refuse(l, node, "is empty", "name an unprivileged user, such as \"nobody\"");
    else if (strcmp(s, "root") == 0)
        refuse_text(l, node, "has every privilege",
                    "name an unprivileged user, such as \"nobody\"");
    else if (s[0] == '-' || strlen(s) > 255 || !consists_of(s, LETTERS DIGITS "._-"))
        refuse_text(l, node, "is no name of a user", "letters, digits and ._- may stand in it");
    else
        set_text(to, s);
}

void value_read_snitch_id(struct loader *l, const struct toml_node *node, void *to)
{
    if (!consists_of(node->string, LETTERS DIGITS "-_"))
        value_refuse(l, node, "holds a character that no snitch's id has",
                     "write the id alone, the end of the snitch's address: letters, digits, - "
                     "and _ may stand in it");
    else if (strlen(node->string) > 255)
        value_refuse(l, node, "is too long", "at most 255 characters are allowed");
    else
        set_text(to, node->string);
}

void value_read_token(struct loader *l, const struct toml_node *node, void *to)
{
    const char *s = node->string;
    bool visible = true;
    for (size_t i = 0; s[i] != '\0'; i++)
        visible = visible && s[i] > 0x20 && s[i] < 0x7f;
    if (!visible)
        value_refuse(l, node, "holds a space, a control character or one that is not ASCII",
                     "only visible ASCII characters can be sent in a header");
    else if (strlen(s) > 255)
        value_refuse(l, node, "is too long", "at most 255 characters are allowed");
    else
        set_text(to, s);
}

/* Lists of strings. */

typedef const char *(*string_fault)(const char *s, size_t place);

static void read_strings(struct loader *l, const struct toml_node *node, string_fault fault,
                         void *to)
{
    struct config_strings *strings = to;
    const struct toml_node *end = &l->doc->v[node->end];
    size_t cap = 0;
    for (const struct toml_node *at = node + 1; at < end; at = &l->doc->v[at->end]) {
        char quoted[QUOTED_MAX];
        char shown[KEY_SHOWN_MAX];
        value_show_key(l, node, shown);
        const char *wrong = at->type == NODE_STRING ? fault(at->string, strings->n) : NULL;
        if (at->type != NODE_STRING) {
            mistakes_add(l->mistakes, at->at, "%s holds %s; every element must be a string", shown,
                         value_type_name(at->type));
        } else if (wrong != NULL) {
            mistakes_add(l->mistakes, at->at, "%s: %s %s", shown, text_quote(quoted, at->string),
                         wrong);
        } else if (strings->n == CONFIG_STRINGS_MAX) {
            mistakes_add(l->mistakes, at->at, "%s is too long; at most %d elements are allowed",
                         shown, CONFIG_STRINGS_MAX);
            return;
        } else {
            strings->v = mem_grow(strings->v, strings->n, &cap, sizeof(*strings->v));
            strings->v[strings->n++] = mem_strdup(at->string);
        }
    }
}

static const char *option_fault(const char *s, size_t place)
{
    if (s[0] == '\0')
        return "is empty; remove it";
    if (has_control(s))
        return "holds a control character; remove it";
    if (place == 0 && s[0] != '-')
        return "is no option, and ssh would take it for the host; begin with one, such as \"-p\"";
    if (strcmp(s, "--") == 0)
        return "ends the options, and more follow; remove it";
    return NULL;
}

void value_read_ssh_options(struct loader *l, const struct toml_node *node, void *to)
{
    read_strings(l, node, option_fault, to);
}

static const char *host_fault(const char *s, size_t place)
{
    (void)place;
    size_t len = strlen(s);
    if (len == 0)
        return "is empty; remove it";
    if (len > 253)
        return "is longer than a host's name can be; at most 253 characters are allowed";
    if (strchr(s, ':') != NULL || strchr(s, '/') != NULL)
        return "is more than a host's name; write it without scheme, port and path";
    if (!consists_of(s, LETTERS DIGITS ".-_") || strchr(".-", s[0]) || strchr(".-", s[len - 1]) ||
        strstr(s, "..") != NULL)
        return "is no host's name; write one such as \"nas.example\"";
    return NULL;
}

void value_read_hosts(struct loader *l, const struct toml_node *node, void *to)
{
    read_strings(l, node, host_fault, to);
}

/* Times and numbers. */

struct range {
    int64_t min, max; /* seconds */
    const char *right;
};

static void read_duration(struct loader *l, const struct toml_node *node, const struct range *range,
                          void *to)
{
    int64_t seconds;
    if (text_parse_duration(node->string, &seconds) != 0)
        refuse_text(l, node, "is no duration",
                    "write numbers with s, m, h, d or w, such as \"90s\" or \"2h30m\"");
    else if (seconds < range->min)
        refuse_text(l, node, "is too short", range->right);
    else if (seconds > range->max)
        refuse_text(l, node, "is too long", range->right);
    else
        *(int64_t *)to = seconds;
}

void value_read_interval(struct loader *l, const struct toml_node *node, void *to)
{
    static const struct range RANGE = {CONFIG_INTERVAL_MIN, CONFIG_INTERVAL_MAX,
                                       "from \"10s\" to \"366d\" is allowed"};
    read_duration(l, node, &RANGE, to);
}

void value_read_stall_timeout(struct loader *l, const struct toml_node *node, void *to)
{
    static const struct range RANGE = {CONFIG_STALL_TIMEOUT_MIN, CONFIG_STALL_TIMEOUT_MAX,
                                       "from \"10s\" to \"366d\" is allowed"};
    read_duration(l, node, &RANGE, to);
}

void value_read_history_keep(struct loader *l, const struct toml_node *node, void *to)
{
    static const struct range RANGE = {CONFIG_HISTORY_KEEP_MIN, CONFIG_HISTORY_KEEP_MAX,
                                       "from \"1d\" to \"36500d\" is allowed"};
    read_duration(l, node, &RANGE, to);
}

void value_read_parallel(struct loader *l, const struct toml_node *node, void *to)
{
    char wrong[64];
    char right[64];
    snprintf(right, sizeof(right), "write a number from 1 to %d, or \"auto\"", CONFIG_PARALLEL_MAX);
    if (node->type == NODE_STRING) {
        if (strcmp(node->string, "auto") == 0)
            *(unsigned *)to = CONFIG_PARALLEL_AUTO;
        else
            refuse_text(l, node, "is unknown", right);
        return;
    }
    if (node->integer >= 1 && node->integer <= CONFIG_PARALLEL_MAX) {
        *(unsigned *)to = (unsigned)node->integer;
        return;
    }
    snprintf(wrong, sizeof(wrong), "is %" PRId64, node->integer);
    value_refuse(l, node, wrong, right);
}

void value_read_rate(struct loader *l, const struct toml_node *node, void *to)
{
    static const char RIGHT[] = "write bytes a second from \"64 KiB\" to \"1 TiB\", such as "
                                "\"10 MiB\", or 0 for no limit";
    char wrong[64];
    uint64_t rate = node->integer < 0 ? UINT64_MAX : (uint64_t)node->integer;
    bool is_text = node->type == NODE_STRING;
    if (is_text && text_parse_bytes(node->string, &rate) != 0) {
        refuse_text(l, node, "is no amount", RIGHT);
    } else if (rate == 0 || (rate >= CONFIG_RATE_MIN && rate <= CONFIG_RATE_MAX)) {
        *(uint64_t *)to = rate;
    } else if (is_text) {
        refuse_text(l, node, rate < CONFIG_RATE_MIN ? "is too little" : "is too much", RIGHT);
    } else {
        snprintf(wrong, sizeof(wrong), "is %" PRId64, node->integer);
        value_refuse(l, node, wrong, RIGHT);
    }
}

void value_read_bool(struct loader *l, const struct toml_node *node, void *to)
{
    (void)l;
    *(bool *)to = node->boolean;
}

void value_read_unmanaged(struct loader *l, const struct toml_node *node, void *to)
{
    if (strcmp(node->string, "keep") == 0)
        *(bool *)to = false;
    else if (strcmp(node->string, "destroy") == 0)
        *(bool *)to = true;
    else
        refuse_text(l, node, "is unknown", "write \"keep\" or \"destroy\"");
}

/* Policies. */

/* Whether a snapshot can be of the type that a policy names; else adds why not, at the name. */
static bool check_type(struct loader *l, const struct toml_node *node)
{
    char shown[KEY_SHOWN_MAX];
    struct snapname name;
    struct err e = ERR_INIT;
    const char *why = NULL;
    if (node->key[0] == '\0')
        why = "it is empty";
    else if (strchr(node->key, '-') != NULL)
        why = "the type is what stands before the first hyphen of a snapshot's name, so it has "
              "none itself";
    else if (strpbrk(node->key, "@/#") != NULL)
        why = "a snapshot's type is a part of its name after the \"@\", in which no @, / and # "
              "can stand";
    else if (snapname_check(node->key, &name, &e) != 0)
        why = e.msg;
    if (why == NULL)
        return true;
    mistakes_add(l->mistakes, node->key_at,
                 "%s can never match a snapshot: %s; write a type such as daily, which matches "
                 "daily-2026-11-23",
                 value_show_key(l, node, shown), why);
    return false;
}

static void read_count(struct loader *l, const struct toml_node *node, struct policy *policy)
{
    char wrong[64];
    char right[96];
    bool legal = check_type(l, node);
    if (node->type != NODE_INTEGER) {
        snprintf(wrong, sizeof(wrong), "is %s", value_type_name(node->type));
        value_refuse(l, node, wrong, "write how many to keep as a whole number, such as 7");
    } else if (node->integer < 0 || node->integer > CONFIG_COUNT_MAX) {
        snprintf(wrong, sizeof(wrong), "is %" PRId64, node->integer);
        snprintf(right, sizeof(right), "write how many to keep, from 0 to %d", CONFIG_COUNT_MAX);
        value_refuse(l, node, wrong, right);
    } else if (legal) {
        policy_set(policy, node->key, (uint64_t)node->integer);
    }
}

void value_read_policy(struct loader *l, const struct toml_node *node, void *to)
{
    struct policy *policy = to;
    const struct toml_node *end = &l->doc->v[node->end];
    for (const struct toml_node *at = node + 1; at < end; at = &l->doc->v[at->end]) {
        if (policy->n == CONFIG_TYPES_MAX) {
            char right[64];
            snprintf(right, sizeof(right), "at most %d are allowed", CONFIG_TYPES_MAX);
            value_refuse(l, node, "has too many types", right);
            return;
        }
        read_count(l, at, policy);
    }
}
