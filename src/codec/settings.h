/*
 * What the web role must know besides the events: who may ask, and what is served. The engine
 * sends it first, once; it holds the token, so it is no event and never shown.
 */
#ifndef BACKUPD_CODEC_SETTINGS_H
#define BACKUPD_CODEC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "str.h"

/* The most hosts and types, and the longest string but for certificates, that are believed. */
#define SETTINGS_LIST_MAX   1024
#define SETTINGS_STRING_MAX 1024

/* The longest certificate chain or key, as PEM. */
#define SETTINGS_PEM_MAX 65536

/* The longest line of settings. */
#define SETTINGS_LINE_MAX 1048576

struct settings_list {
    char **v;
    size_t n;
};

/* Every string is owned and not NULL; "" where there is none. */
struct settings {
    char *version;
    char *local_root;
    char *remote_root; /* "" : no remote */
    char *remote_host; /* "" : a pool of this machine */
    char *own_name;    /* of this machine */
    char *token;
    struct settings_list hosts; /* further names that are answered to */
    struct settings_list types; /* that a policy names, sorted, each once */
    char *tls_cert, *tls_key;   /* PEM */
    bool has_unix;              /* descriptors: 3 is the Unix socket; those after it TCP */
};

/* Appends them as one line of JSON and a newline. */
void settings_encode(const struct settings *settings, struct str *out);

/*
 * Reads one line of JSON, as settings_encode writes it. Returns 0, or -1 and `e`
 * (ERR_PROTOCOL) with `ret` empty. Release with settings_fini.
 */
int settings_parse(const char *line, size_t len, struct settings *ret, struct err *e);

void settings_fini(struct settings *settings); /* safe on a zeroed struct */

#endif
