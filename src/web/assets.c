#include "assets.h"

#include <string.h>

const struct asset *asset_find(const char *name)
{
    for (size_t i = 0; i < ASSET_COUNT; i++)
        if (strcmp(ASSETS[i].name, name) == 0)
            return &ASSETS[i];
    return NULL;
}
