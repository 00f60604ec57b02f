/*
 * Names that were checked. A dataset or snapshot name from a file, a program, the network or argv
 * becomes one of these structs only through a function of this header, and the functions that
 * build command lines take nothing else: an unchecked string cannot reach an argv.
 *
 * What is legal is OpenZFS's zfs_namecheck.c: components of letters, digits and " -_.:", not empty
 * and not "." or "..", a pool that begins with a letter, 255 bytes for the whole name with its
 * "@snapshot".
 */
#ifndef BACKUPD_DOMAIN_NAMES_H
#define BACKUPD_DOMAIN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* The longest full name of a dataset or snapshot, without the terminating NUL. */
#define NAME_LEN_MAX 255

/* How the root itself is shown and asked for; its name is "". */
#define NAME_ROOT_SHOWN "<root>"

/* A full dataset name: "tank/data/home". Points into memory that the maker of it names. */
struct dsname {
    const char *s;
};

/* The part of a snapshot's name after "@": "daily-2026-11-23". */
struct snapname {
    const char *s;
};

/* Room for a full dataset name. */
struct dsbuf {
    char s[NAME_LEN_MAX + 1];
};

/*
 * Checks the NUL-terminated `s`, which must outlive the result. Fails with ERR_NAME and a message
 * that quotes the name (shortened, with unprintable bytes escaped) and says what is wrong with it.
 */
int dsname_check(const char *s, struct dsname *ret, struct err *e);
int snapname_check(const char *s, struct snapname *ret, struct err *e);

/*
 * Joins a root and a checked name below it ("" or "/home/ann") in `buf`, which must outlive the
 * result. Fails with ERR_NAME where that is longer than a name may be.
 */
int dsname_join(struct dsbuf *buf, struct dsname root, const char *below, struct dsname *ret,
                struct err *e);

/*
 * The part of the full name `full` below `root`: "" for the root itself, "/home" below it, NULL
 * where `full` is outside. Points into `full`.
 */
const char *name_below(const char *full, const char *root);

/* Whether `name` ("/a/b") lies below `ancestor` ("" or "/a"); false for the same name. */
bool name_is_below(const char *name, const char *ancestor);

/* `below` as a person reads it: NAME_ROOT_SHOWN for "". */
const char *name_shown(const char *below);

/* How many bytes of a snapshot's name are its type: up to the first hyphen, else all of them. */
size_t snapname_type_len(const char *name);

/* Whether `name` is the name of a bookmark of ours, "backupd-<guid>" with exactly this guid. */
bool bookmark_is_ours(const char *name, unsigned long long guid);

#endif
