/*
 * TOML text as a flat list of nodes in C. The only C++ of the project stands behind this header:
 * no exception and no type of toml++ crosses it.
 */
#ifndef BACKUPD_CONFIG_TOML_READER_H
#define BACKUPD_CONFIG_TOML_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "toml_scan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum node_type {
    NODE_TABLE,
    NODE_ARRAY,
    NODE_STRING,
    NODE_INTEGER,
    NODE_FLOAT,
    NODE_BOOLEAN,
    NODE_DATE, /* or a time, or both */
};

/* One value of the file, with all that is inside it standing behind it in the list. */
struct toml_node {
    enum node_type type;
    size_t parent;       /* place in the list of the table or array that it is in */
    size_t end;          /* place in the list of the first node that is not inside it */
    char *key;           /* "" for the whole file and for an array's elements; owned */
    struct place key_at; /* where the key stands; as `at` where there is none */
    struct place at;     /* where the value stands; a table's header */
    char *string;        /* owned; NULL unless NODE_STRING */
    int64_t integer;
    bool boolean;
};

/* What was read. Node 0 is the whole file, a table. */
struct toml_doc {
    struct toml_node *v;
    size_t n, cap;
};

/* Why the text is no TOML. */
struct toml_error {
    struct place at;
    char what[256];
};

/*
 * Reads the `len` bytes at `text`, which are UTF-8. Keys and strings come back NUL-terminated; a
 * NUL that one of them holds becomes the control character U+0001, which nothing here accepts.
 * Returns 0, or -1 and the first mistake (a parser cannot know what comes after it). Release with
 * toml_doc_fini.
 */
int toml_doc_read(struct toml_doc *ret, const char *text, size_t len, struct toml_error *error);

/* Frees it. Safe on a zeroed struct. */
void toml_doc_fini(struct toml_doc *doc);

#ifdef __cplusplus
}
#endif

#endif
