#include "assets.h"

#include <stdlib.h>
#include <string.h>

#include "gzip.h"
#include "mem.h"

const struct asset *asset_find(const char *name)
{
    for (size_t i = 0; i < ASSET_COUNT; i++)
        if (strcmp(ASSETS[i].name, name) == 0)
            return &ASSETS[i];
    return NULL;
}

/* What was packed once; the size is 0 where it does not get shorter. */
struct packed {
    bool is_known;
    void *data;
    size_t size;
};

const void *asset_packed(const struct asset *asset, size_t *ret_size)
{
    static struct packed *cache; /* one for each asset; they live as long as the process */
    if (cache == NULL)
        cache = mem_zalloc(ASSET_COUNT, sizeof(*cache));
    struct packed *packed = &cache[asset - ASSETS];
    if (!packed->is_known)
        packed->data = gzip_pack(asset->data, asset->size, &packed->size);
    packed->is_known = true;
    *ret_size = packed->size;
    return packed->data;
}
