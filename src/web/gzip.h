/* Answers made smaller for those who take that: the page of a thousand datasets is text. */
#ifndef BACKUPD_WEB_GZIP_H
#define BACKUPD_WEB_GZIP_H

#include <stdbool.h>
#include <stddef.h>

/* What is shorter is not worth it. */
#define GZIP_WORTH 1024

/* Whether a client with this Accept-Encoding header (NULL: none) takes gzip. */
bool gzip_is_accepted(const char *header);

/*
 * Compresses `size` bytes; the result, which the caller frees with free(3), is `*ret_size` long.
 * NULL where it would not be shorter.
 */
void *gzip_pack(const void *data, size_t size, size_t *ret_size);

#endif
