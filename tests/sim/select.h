/* Which datasets, snapshots and bookmarks a list or get is about. */
#ifndef SIM_SELECT_H
#define SIM_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "property.h"

enum { TYPE_FILESYSTEM = 1, TYPE_VOLUME = 2, TYPE_SNAPSHOT = 4, TYPE_BOOKMARK = 8 };

struct selection {
    unsigned types; /* 0: not said */
    int depth;      /* -1: all levels */
    bool recursive; /* -r or -d was given */
    struct entry *v;
    size_t n, cap;
    bool failed; /* something could not be opened, and was complained of */
};

/* Reads "filesystem,snap"; ends the program where it is wrong. */
unsigned types_parse(char *list);

/* Adds what `name` stands for; NULL: everything. */
void selection_add(struct selection *selection, const char *name);

/* The order of two entries, for qsort. */
int selection_compare(const void *a, const void *b);

/* Sorts as zfs does: by name, snapshots by their age. */
void selection_sort(struct selection *selection);

#endif
