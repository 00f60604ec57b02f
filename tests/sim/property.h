/* What zfs says of a dataset, snapshot or bookmark: its properties, their values and sources. */
#ifndef SIM_PROPERTY_H
#define SIM_PROPERTY_H

#include <stdbool.h>

#include "state.h"
#include "str.h"

/* A dataset, or (with `snap`) a snapshot or bookmark of it. */
struct entry {
    struct dataset *ds;
    const struct snap *snap; /* NULL: the dataset */
    bool bookmark;
};

/* One of the properties below by its name, or a user property, which has a colon in its name. */
struct property {
    const struct native *native; /* NULL: a user property */
    const char *name;
};

/* False where there is none of that name. */
bool property_find(const char *name, struct property *ret);

/* Appends the value: exact with `parsable`, else for people. "-" where it has none. */
void property_add_value(const struct entry *entry, const struct property *property, bool parsable,
                        struct str *out);

/* Appends "local", "default", "inherited from X" or "-". */
void property_add_source(const struct entry *entry, const struct property *property,
                         struct str *out);

/* The value that a dataset has, its own or inherited; or the default. */
const char *property_effective(struct dataset *ds, const char *name);

/* Whether it may be set on such a dataset to such a value; else prints "PREFIX: why". */
bool property_settable(const char *prefix, const char *name, const char *value, bool volume);

/* Its full name, "tank/a@b". */
void entry_add_name(const struct entry *entry, struct str *out);

/* The names of all that `zfs get all` shows, by place; NULL at the end. */
const char *property_at(size_t place);

/* Bytes for people: "12.0M". */
void add_size(struct str *out, uint64_t bytes, bool parsable);

#endif
