#include "gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "mem.h"

/* A fast one: it has a client's time to win, and ours to lose. */
#define LEVEL 3

/* zlib's number for the largest window, with the header of gzip. */
#define GZIP_WINDOW (15 + 16)
#define MEMORY      8

/* Whether `text`, a parameter like ";q=0", is a weight of nought. */
static bool is_refused(const char *text, size_t len)
{
    for (size_t i = 0; i + 3 <= len; i++)
        if (strncasecmp(text + i, "q=0", 3) == 0)
            return strspn(text + i + 3, ".0") == strcspn(text + i + 3, ", \t;");
    return false;
}

bool gzip_is_accepted(const char *header)
{
    while (header != NULL && *header != '\0') {
        header += strspn(header, ", \t");
        size_t len = strcspn(header, ",");
        size_t name = strcspn(header, ",; \t");
        if (name == 4 && strncasecmp(header, "gzip", 4) == 0)
            return !is_refused(header + name, len - name);
        header += len;
    }
    return false;
}

void *gzip_pack(const void *data, size_t size, size_t *ret_size)
{
    z_stream stream = {.next_in = (void *)data};
    if (size > UINT_MAX / 2 ||
        deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    /* what does not fit in here is not shorter */
    unsigned char *packed = mem_alloc(size);
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = (uInt)size;
    int rc = deflate(&stream, Z_FINISH);
    *ret_size = (size_t)stream.total_out;
    deflateEnd(&stream);
    if (rc == Z_STREAM_END)
        return packed;
    free(packed);
    return NULL;
}
