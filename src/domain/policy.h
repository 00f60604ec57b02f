/* Retention policies: how many snapshots of each type a side keeps. */
#ifndef BACKUPD_DOMAIN_POLICY_H
#define BACKUPD_DOMAIN_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

struct policy_entry {
    char *type; /* what stands before the first hyphen of a snapshot's name; owned */
    uint64_t count;
};

struct policy {
    struct policy_entry *v;
    size_t n, cap;
};

/* Makes an empty policy: it keeps nothing. Release with policy_fini. */
void policy_init(struct policy *policy);
void policy_fini(struct policy *policy);

/* Sets the count of a type, replacing an earlier one. `type` is copied. */
void policy_set(struct policy *policy, const char *type, uint64_t count);

/* Where the type of the snapshot `name` stands in the policy, or SIZE_MAX. */
size_t policy_find(const struct policy *policy, const char *name);

/* Makes `dst` (initialised) a copy of `src`. */
void policy_copy(struct policy *dst, const struct policy *src);

/*
 * Everything that decides what the sides of a dataset should hold. A type is managed if either
 * policy names it, with any count. Where there is no remote, the remote's policy names nothing:
 * what waits to be sent stays.
 */
struct rules {
    const struct policy *policy[SIDE_COUNT];
    bool destroy_unmanaged[SIDE_COUNT]; /* unmanaged = "destroy" */
    bool keep_baseline; /* false: the oldest and the earliest shared are not critical */
    bool has_remote;    /* false: retention only */
};

#endif
