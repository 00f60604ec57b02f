#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "names.h"
#include "values.h"

struct table;

/*
 * One key that a table may have. Its value goes to `offset` in the struct that the table is read
 * into: by `read`, or for a table of known keys, which is read into the same struct, by `keys`.
 */
struct key {
    const char *name;
    enum node_type type;
    const char *example;
    size_t offset;
    void (*read)(struct loader *l, const struct toml_node *node, void *to);
    const struct table *keys;
};

struct table {
    const char *where;
    const struct key *v;
    size_t n;
};

/* Where `name`, which is no key of `here`, belongs, in words. Returns whether there is a place. */
static bool find_home(const char *name, const struct table *here, char *ret, size_t size);

/* Tables of known keys. */

static const struct key *find_key(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->v[i].name, name) == 0)
            return &table->v[i];
    return NULL;
}

/* The known key that `name` most resembles, or NULL where none is near enough for a slip. */
static const char *find_nearest(const struct table *table, const char *name)
{
    const char *nearest = NULL;
    size_t least = strlen(name) <= 3 ? 1 : 2;
    for (size_t i = 0; i < table->n; i++) {
        size_t distance = text_distance(name, table->v[i].name);
        if (distance < least || (distance == least && nearest == NULL)) {
            nearest = table->v[i].name;
            least = distance;
        }
    }
    return nearest;
}

static void list_keys(const struct table *table, char *ret, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < table->n && len < size; i++)
        len += (size_t)snprintf(ret + len, size - len, "%s%s", i > 0 ? ", " : "", table->v[i].name);
}

static void refuse_unknown(struct loader *l, const struct toml_node *node,
                           const struct table *table)
{
    char right[256];
    char shown[KEY_SHOWN_MAX];
    const char *nearest = find_nearest(table, node->key);
    if (nearest != NULL) {
        snprintf(right, sizeof(right), "did you mean %s?", nearest);
    } else if (!find_home(node->key, table, right, sizeof(right))) {
        size_t len = (size_t)snprintf(right, sizeof(right), "known %s: ", table->where);
        list_keys(table, right + len, sizeof(right) - len);
    }
    mistakes_add(l->mistakes, node->key_at, "%s is no known %s; %s", value_show_key(l, node, shown),
                 node->type == NODE_TABLE ? "table" : "key", right);
}

static void refuse_type(struct loader *l, const struct toml_node *node, const struct key *key)
{
    char wrong[64];
    char right[128];
    snprintf(wrong, sizeof(wrong), "is %s", value_type_name(node->type));
    snprintf(right, sizeof(right), "%s is needed, such as %s", value_type_name(key->type),
             key->example);
    value_refuse(l, node, wrong, right);
}

/* Every number may be a text, too, which its function then reads. */
static bool takes(const struct key *key, enum node_type type)
{
    return key->type == type || (key->type == NODE_INTEGER && type == NODE_STRING);
}

static void read_table(struct loader *l, const struct toml_node *node, const struct table *table,
                       void *to)
{
    const struct toml_node *end = &l->doc->v[node->end];
    for (const struct toml_node *at = node + 1; at < end; at = &l->doc->v[at->end]) {
        const struct key *key = find_key(table, at->key);
        if (key == NULL)
            refuse_unknown(l, at, table);
        else if (!takes(key, at->type))
            refuse_type(l, at, key);
        else if (key->keys != NULL)
            read_table(l, at, key->keys, to);
        else
            key->read(l, at, (char *)to + key->offset);
    }
}

/* Overrides. */

/* What a policy of an override is read into. */
struct override_side {
    bool has_policy;
    struct policy policy;
};

static void read_override_policy(struct loader *l, const struct toml_node *node, void *to)
{
    struct override_side *side = to;
    side->has_policy = true;
    value_read_policy(l, node, &side->policy);
}

static const struct key OVERRIDE_SIDE_KEYS[] = {
    {"policy", NODE_TABLE, "[overrides.\"/scratch\".local.policy]", 0, read_override_policy, NULL},
};
static const struct table OVERRIDE_SIDE = {"in an override's [local] and [remote]",
                                           OVERRIDE_SIDE_KEYS, 1};

static void read_override_side(struct loader *l, const struct toml_node *node,
                               struct config_override *override, enum side which)
{
    struct override_side side = {.has_policy = false};
    policy_init(&side.policy);
    read_table(l, node, &OVERRIDE_SIDE, &side);
    override->has_policy[which] = side.has_policy;
    override->policy[which] = side.policy;
}

static void read_override_local(struct loader *l, const struct toml_node *node, void *to)
{
    read_override_side(l, node, to, SIDE_LOCAL);
}

static void read_override_remote(struct loader *l, const struct toml_node *node, void *to)
{
    read_override_side(l, node, to, SIDE_REMOTE);
}

static const struct key OVERRIDE_KEYS[] = {
    {"keep_baseline", NODE_BOOLEAN, "keep_baseline = false",
     offsetof(struct config_override, keep_baseline), value_read_bool, NULL},
    {"local", NODE_TABLE, "[overrides.\"/scratch\".local.policy]", 0, read_override_local, NULL},
    {"remote", NODE_TABLE, "[overrides.\"/scratch\".remote.policy]", 0, read_override_remote, NULL},
};
static const struct table OVERRIDE = {"in an override", OVERRIDE_KEYS, 3};

/* The name of an override as "/x/y", allocated; NULL, and a mistake added, where it is illegal. */
static char *normalise_name(struct loader *l, const struct toml_node *node)
{
    struct dsname checked;
    struct err e = ERR_INIT;
    const char *key = node->key + (node->key[0] == '/');
    size_t len = strlen(key);
    if (len > 0 && key[len - 1] == '/')
        len--;
    if (len == 0) {
        mistakes_add(l->mistakes, node->key_at,
                     "an override's name is empty; name a dataset below the root, such as "
                     "[overrides.\"/scratch\"]");
        return NULL;
    }
    /* Whatever pool it is in; only a pool's name has to begin with a letter. */
    char *full = mem_zalloc(len + 3, 1);
    full[0] = 'p';
    full[1] = '/';
    memcpy(full + 2, key, len);
    if (dsname_check(full, &checked, &e) == 0) {
        memmove(full, full + 1, len + 2);
        return full;
    }
    char quoted[QUOTED_MAX];
    mistakes_add(l->mistakes, node->key_at,
                 "an override is named %s, which no dataset can be: parts between slashes are "
                 "letters, digits, space and -_.:, not empty, \".\" or \"..\", and short enough; "
                 "name one such as \"/scratch\"",
                 text_quote(quoted, node->key));
    free(full);
    return NULL;
}

static void read_override(struct loader *l, const struct toml_node *node,
                          struct config_override *ret)
{
    *ret = (struct config_override){.keep_baseline = true};
    ret->name = normalise_name(l, node);
    if (node->type == NODE_TABLE) {
        read_table(l, node, &OVERRIDE, ret);
        return;
    }
    char wrong[64];
    snprintf(wrong, sizeof(wrong), "is %s", value_type_name(node->type));
    value_refuse(l, node, wrong, "a table is needed, such as [overrides.\"/scratch\"]");
}

/* An override that was read, and where its name stands. */
struct seen {
    struct config_override override;
    struct place at;
};

static int compare_seen(const void *left, const void *right)
{
    const struct seen *a = left;
    const struct seen *b = right;
    int order = strcmp(a->override.name != NULL ? a->override.name : "",
                       b->override.name != NULL ? b->override.name : "");
    if (order != 0)
        return order;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    return (a->at.column > b->at.column) - (a->at.column < b->at.column);
}

static void refuse_duplicates(struct loader *l, const struct seen *seen, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *name = seen[i].override.name;
        if (name == NULL || seen[i - 1].override.name == NULL ||
            strcmp(name, seen[i - 1].override.name) != 0)
            continue;
        char quoted[QUOTED_MAX];
        mistakes_add(l->mistakes, seen[i].at,
                     "the override %s is there twice, first in line %u; make them one",
                     text_quote(quoted, name), seen[i - 1].at.line);
    }
}

static void read_overrides(struct loader *l, const struct toml_node *node, void *to)
{
    struct config *config = to;
    const struct toml_node *end = &l->doc->v[node->end];
    struct seen *seen = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (const struct toml_node *at = node + 1; at < end; at = &l->doc->v[at->end]) {
        if (n == CONFIG_OVERRIDES_MAX) {
            mistakes_add(l->mistakes, node->key_at,
                         "there are too many overrides; at most %d are allowed",
                         CONFIG_OVERRIDES_MAX);
            break;
        }
        seen = mem_grow(seen, n, &cap, sizeof(*seen));
        seen[n].at = at->key_at;
        read_override(l, at, &seen[n++].override);
    }
    if (n > 0)
        qsort(seen, n, sizeof(*seen), compare_seen);
    refuse_duplicates(l, seen, n);
    config->overrides = mem_zalloc(n, sizeof(*config->overrides));
    for (size_t i = 0; i < n; i++)
        config->overrides[i] = seen[i].override;
    config->override_count = n;
    free(seen);
}

/* Every key that there is, besides those of overrides. */

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define CONFIG(member) offsetof(struct config, member)
#define OF_SIDE(which, member)                                                                     \
    (offsetof(struct config, side) + (which) * sizeof(struct config_side) +                        \
     offsetof(struct config_side, member))
#define LOCAL(member)  OF_SIDE(SIDE_LOCAL, member)
#define REMOTE(member) OF_SIDE(SIDE_REMOTE, member)

static const struct key LOCAL_KEYS[] = {
    {"root", NODE_STRING, "root = \"tank/data\"", LOCAL(root), value_read_root, NULL},
    {"unmanaged", NODE_STRING, "unmanaged = \"keep\"", LOCAL(destroy_unmanaged),
     value_read_unmanaged, NULL},
    {"policy", NODE_TABLE, "[local.policy]", LOCAL(policy), value_read_policy, NULL},
};
static const struct table LOCAL_TABLE = {"in [local]", LOCAL_KEYS, COUNT(LOCAL_KEYS)};

static const struct key REMOTE_KEYS[] = {
    {"root", NODE_STRING, "root = \"tank/backups\"", REMOTE(root), value_read_remote_root, NULL},
    {"unmanaged", NODE_STRING, "unmanaged = \"keep\"", REMOTE(destroy_unmanaged),
     value_read_unmanaged, NULL},
    {"policy", NODE_TABLE, "[remote.policy]", REMOTE(policy), value_read_policy, NULL},
    {"ssh_host", NODE_STRING, "ssh_host = \"user@host\"", CONFIG(ssh_host), value_read_ssh_host,
     NULL},
    {"ssh_key", NODE_STRING, "ssh_key = \"/root/.ssh/backup\"", CONFIG(ssh_key), value_read_text,
     NULL},
    {"ssh_options", NODE_ARRAY, "ssh_options = [\"-p\", \"2222\"]", CONFIG(ssh_options),
     value_read_ssh_options, NULL},
    {"rollback", NODE_BOOLEAN, "rollback = false", CONFIG(rollback), value_read_bool, NULL},
};
static const struct table REMOTE_TABLE = {"in [remote]", REMOTE_KEYS, COUNT(REMOTE_KEYS)};

static const struct key SYNC_KEYS[] = {
    {"interval", NODE_STRING, "interval = \"1h\"", CONFIG(interval), value_read_interval, NULL},
    {"parallel", NODE_INTEGER, "parallel = 4", CONFIG(parallel), value_read_parallel, NULL},
    {"stall_timeout", NODE_STRING, "stall_timeout = \"30m\"", CONFIG(stall_timeout),
     value_read_stall_timeout, NULL},
    {"rate_limit", NODE_INTEGER, "rate_limit = \"10 MiB\"", CONFIG(rate_limit), value_read_rate,
     NULL},
    {"compress", NODE_BOOLEAN, "compress = false", CONFIG(compress), value_read_bool, NULL},
};
static const struct table SYNC_TABLE = {"in [sync]", SYNC_KEYS, COUNT(SYNC_KEYS)};

static const struct key WEB_KEYS[] = {
    {"token", NODE_STRING, "token = \"\"", CONFIG(web_token), value_read_token, NULL},
    {"hosts", NODE_ARRAY, "hosts = [\"nas.example\"]", CONFIG(web_hosts), value_read_hosts, NULL},
    {"tls_cert", NODE_STRING, "tls_cert = \"/etc/ssl/nas.pem\"", CONFIG(web_tls_cert),
     value_read_path, NULL},
    {"tls_key", NODE_STRING, "tls_key = \"/etc/ssl/nas.key\"", CONFIG(web_tls_key), value_read_path,
     NULL},
    {"user", NODE_STRING, "user = \"nobody\"", CONFIG(web_user), value_read_user, NULL},
};
static const struct table WEB_TABLE = {"in [web]", WEB_KEYS, COUNT(WEB_KEYS)};

static const struct key HISTORY_KEYS[] = {
    {"path", NODE_STRING, "path = \"" CONFIG_HISTORY_PATH "\"", CONFIG(history_path),
     value_read_path, NULL},
    {"keep", NODE_STRING, "keep = \"400d\"", CONFIG(history_keep), value_read_history_keep, NULL},
};
static const struct table HISTORY_TABLE = {"in [history]", HISTORY_KEYS, COUNT(HISTORY_KEYS)};

static const struct key TOP_KEYS[] = {
    {"snitch_id", NODE_STRING, "snitch_id = \"abc123\"", CONFIG(snitch_id), value_read_snitch_id,
     NULL},
    {"local", NODE_TABLE, "[local]", 0, NULL, &LOCAL_TABLE},
    {"remote", NODE_TABLE, "[remote]", 0, NULL, &REMOTE_TABLE},
    {"sync", NODE_TABLE, "[sync]", 0, NULL, &SYNC_TABLE},
    {"web", NODE_TABLE, "[web]", 0, NULL, &WEB_TABLE},
    {"history", NODE_TABLE, "[history]", 0, NULL, &HISTORY_TABLE},
    {"overrides", NODE_TABLE, "[overrides.\"/scratch\"]", 0, read_overrides, NULL},
};
static const struct table TOP_TABLE = {"at the top level", TOP_KEYS, COUNT(TOP_KEYS)};

static bool find_home(const char *name, const struct table *here, char *ret, size_t size)
{
    static const struct table *const TABLES[] = {&TOP_TABLE,  &LOCAL_TABLE, &REMOTE_TABLE,
                                                 &SYNC_TABLE, &WEB_TABLE,   &HISTORY_TABLE,
                                                 &OVERRIDE};
    for (size_t i = 0; i < COUNT(TABLES); i++) {
        if (TABLES[i] != here && find_key(TABLES[i], name) != NULL) {
            snprintf(ret, size, "it belongs %s", TABLES[i]->where);
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(TABLES); i++) {
        const char *nearest = TABLES[i] != here ? find_nearest(TABLES[i], name) : NULL;
        if (nearest != NULL) {
            snprintf(ret, size, "did you mean %s %s?", nearest, TABLES[i]->where);
            return true;
        }
    }
    return false;
}

/* What concerns more than one key. */

static const struct toml_node *find_child(const struct loader *l, const struct toml_node *table,
                                          const char *key)
{
    if (table == NULL || table->type != NODE_TABLE)
        return NULL;
    const struct toml_node *end = &l->doc->v[table->end];
    for (const struct toml_node *at = table + 1; at < end; at = &l->doc->v[at->end])
        if (strcmp(at->key, key) == 0)
            return at;
    return NULL;
}

static void check_local_root(struct loader *l, const struct toml_node *local)
{
    if (local == NULL)
        mistakes_add(l->mistakes, (struct place){1, 1},
                     "there is no [local]; write it with root = \"the dataset to keep\"");
    else if (local->type == NODE_TABLE && find_child(l, local, "root") == NULL)
        value_refuse(l, local, "has no root",
                     "name the dataset to keep, such as "
                     "root = \"tank/data\"");
}

/* A forgotten root must not turn a remote off in silence. */
static void check_remote_root(struct loader *l, const struct toml_node *remote,
                              const struct config *config)
{
    if (remote != NULL && remote->type == NODE_TABLE && config->ssh_host != NULL &&
        config->ssh_host[0] != '\0' && find_child(l, remote, "root") == NULL)
        value_refuse(l, remote, "has an ssh_host and no root",
                     "name the dataset that takes the copies, such as root = \"tank/backups\", or "
                     "write root = \"\" for no remote");
}

/* Without ssh both roots are on this machine, and what is sent must not land in what is read. */
static void check_roots_apart(struct loader *l, const struct toml_node *remote,
                              const struct config *config)
{
    const char *here = config->side[SIDE_LOCAL].root;
    const char *there = config->side[SIDE_REMOTE].root;
    const struct toml_node *host = find_child(l, remote, "ssh_host");
    bool host_given = host != NULL && (host->type != NODE_STRING || host->string[0] != '\0');
    const char *wrong = NULL;
    if (host_given || here[0] == '\0' || there[0] == '\0')
        return;
    if (strcmp(here, there) == 0)
        wrong = "is local.root itself, and there is no ssh_host: it would be its own backup";
    else if (name_is_below(there, here))
        wrong = "lies in local.root, and there is no ssh_host: each copy would be copied again";
    else if (name_is_below(here, there))
        wrong = "holds local.root, and there is no ssh_host: copies would mix with what is copied";
    if (wrong != NULL)
        value_refuse(l, find_child(l, remote, "root"), wrong,
                     "name a dataset apart from it, or an ssh_host");
}

static bool is_empty_text(const struct toml_node *node)
{
    return node == NULL || (node->type == NODE_STRING && node->string[0] == '\0');
}

static void check_tls(struct loader *l, const struct toml_node *web)
{
    const struct toml_node *cert = find_child(l, web, "tls_cert");
    const struct toml_node *key = find_child(l, web, "tls_key");
    if (!is_empty_text(cert) && is_empty_text(key))
        value_refuse(l, cert, "is given without web.tls_key", "give both or neither");
    if (is_empty_text(cert) && !is_empty_text(key))
        value_refuse(l, key, "is given without web.tls_cert", "give both or neither");
}

void schema_read(const struct toml_doc *doc, struct config *config, struct mistakes *mistakes)
{
    struct loader l = {.doc = doc, .mistakes = mistakes};
    const struct toml_node *top = &doc->v[0];
    read_table(&l, top, &TOP_TABLE, config);
    check_local_root(&l, find_child(&l, top, "local"));
    check_remote_root(&l, find_child(&l, top, "remote"), config);
    check_roots_apart(&l, find_child(&l, top, "remote"), config);
    check_tls(&l, find_child(&l, top, "web"));
}
