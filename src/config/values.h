/*
 * The values of single keys. Every value_read_ function is called with a node whose type is right
 * already and with where the value goes; it sets that, or adds a mistake and leaves it alone.
 */
#ifndef BACKUPD_CONFIG_VALUES_H
#define BACKUPD_CONFIG_VALUES_H

#include "config.h"
#include "mistakes.h"
#include "toml_reader.h"

struct loader {
    const struct toml_doc *doc;
    struct mistakes *mistakes;
};

/* Room for a key with those of the tables that it is in. */
#define KEY_SHOWN_MAX 1024

/* `overrides."/scratch".local`, for messages. Returns `ret`. */
const char *value_show_key(const struct loader *l, const struct toml_node *node,
                           char ret[KEY_SHOWN_MAX]);

/* Adds "KEY is wrong; right" at the value. */
void value_refuse(struct loader *l, const struct toml_node *node, const char *wrong,
                  const char *right);

/* "a table", "a whole number": what a value is. */
const char *value_type_name(enum node_type type);

/* `to` is a char **, allocated; it is replaced. */
void value_read_root(struct loader *l, const struct toml_node *node, void *to);
void value_read_remote_root(struct loader *l, const struct toml_node *node, void *to);
void value_read_ssh_host(struct loader *l, const struct toml_node *node, void *to);
void value_read_text(struct loader *l, const struct toml_node *node, void *to);
void value_read_path(struct loader *l, const struct toml_node *node, void *to);
void value_read_user(struct loader *l, const struct toml_node *node, void *to);

/* Secrets: their values are in no message. */
void value_read_snitch_id(struct loader *l, const struct toml_node *node, void *to);
void value_read_token(struct loader *l, const struct toml_node *node, void *to);

/* `to` is a struct config_strings *, empty. */
void value_read_ssh_options(struct loader *l, const struct toml_node *node, void *to);
void value_read_hosts(struct loader *l, const struct toml_node *node, void *to);

/* `to` is an int64_t *, seconds. */
void value_read_interval(struct loader *l, const struct toml_node *node, void *to);
void value_read_stall_timeout(struct loader *l, const struct toml_node *node, void *to);
void value_read_history_keep(struct loader *l, const struct toml_node *node, void *to);

/* `to` is an unsigned *, a uint64_t * (the nodes of these two are numbers or strings), a bool *, a
 * bool *, a struct policy * (initialised). */
void value_read_parallel(struct loader *l, const struct toml_node *node, void *to);
void value_read_rate(struct loader *l, const struct toml_node *node, void *to);
void value_read_bool(struct loader *l, const struct toml_node *node, void *to);
void value_read_unmanaged(struct loader *l, const struct toml_node *node, void *to);
void value_read_policy(struct loader *l, const struct toml_node *node, void *to);

#endif
