#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "names.h"

void policy_init(struct policy *policy)
{
    memset(policy, 0, sizeof(*policy));
}

void policy_fini(struct policy *policy)
{
    for (size_t i = 0; i < policy->n; i++)
        free(policy->v[i].type);
    free(policy->v);
    policy_init(policy);
}

static size_t find(const struct policy *policy, const char *type, size_t len)
{
    for (size_t i = 0; i < policy->n; i++)
        if (strncmp(policy->v[i].type, type, len) == 0 && policy->v[i].type[len] == '\0')
            return i;
    return SIZE_MAX;
}

void policy_set(struct policy *policy, const char *type, uint64_t count)
{
    size_t at = find(policy, type, strlen(type));
    if (at == SIZE_MAX) {
        policy->v = mem_grow(policy->v, policy->n, &policy->cap, sizeof(*policy->v));
        at = policy->n++;
        policy->v[at].type = mem_strdup(type);
    }
    policy->v[at].count = count;
}

size_t policy_find(const struct policy *policy, const char *name)
{
    return find(policy, name, snapname_type_len(name));
}

void policy_copy(struct policy *dst, const struct policy *src)
{
    for (size_t i = 0; i < src->n; i++)
        policy_set(dst, src->v[i].type, src->v[i].count);
}
