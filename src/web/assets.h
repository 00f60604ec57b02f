/* The files of assets/, embedded in the program at build time by embed.c. */
#ifndef BACKUPD_WEB_ASSETS_H
#define BACKUPD_WEB_ASSETS_H

#include <stddef.h>

struct asset {
    const char *name; /* "app.js" */
    const char *type; /* for Content-Type */
    const char *etag; /* the content's hash, in quotes as HTTP wants it */
    const unsigned char *data;
    size_t size; /* bytes */
};

extern const struct asset ASSETS[];
extern const size_t ASSET_COUNT;

/* The asset of that name, or NULL. */
const struct asset *asset_find(const char *name);

/* The same, `*ret_size` bytes as gzip that live for ever; NULL where that is not shorter. */
const void *asset_packed(const struct asset *asset, size_t *ret_size);

#endif
