/*
 * What `zfs send -P -v` says on stderr (measured on 2.1.11 and 2.3.2): the kind of stream, its
 * estimated size, then one line a second with the time, the bytes so far and the snapshot.
 */
#ifndef BACKUPD_CODEC_PROGRESS_H
#define BACKUPD_CODEC_PROGRESS_H

#include <stdint.h>

#include "names.h"

enum progress_kind {
    PROGRESS_OTHER,  /* anything else: an error's words, perhaps */
    PROGRESS_HEADER, /* "full", "incremental", "resume token contents" and what belongs to it */
    PROGRESS_SIZE,   /* `bytes` is the estimate */
    PROGRESS_SENT,   /* `bytes` were sent so far */
};

/* Reads one line without its newline. */
enum progress_kind progress_parse(const char *line, uint64_t *ret_bytes);

#endif
