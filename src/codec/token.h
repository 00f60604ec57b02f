/* What a receive_resume_token stands for, from the output of `zfs send -n -v -t TOKEN`. */
#ifndef BACKUPD_CODEC_TOKEN_H
#define BACKUPD_CODEC_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "names.h"

struct token {
    uint64_t to_guid;
    uint64_t from_guid; /* 0: a full stream */
    uint64_t bytes;     /* received so far */
    bool compressed;    /* compressok: every stream of -w or -c has it, whatever the data; a plain
                        send's never */
    bool raw; /* rawok: a raw stream of encrypted data. zfs does not set it for unencrypted data,
                 so false does not mean that -w was not given */
    char to_name[NAME_LEN_MAX + 1]; /* "tank/data@daily-1", on the sending side */
};

/*
 * Whether `s` looks like a token at all: digits, a hyphen, lower-case hexadecimal words. Only such
 * a text is put into an argv.
 */
bool token_is_plausible(const char *s);

/* Reads the whole output `text`. Fails with ERR_PARSE where the snapshot or its guid is missing. */
int token_parse(const char *text, struct token *ret, struct err *e);

/* What would be sent next. */
struct token_wish {
    struct dsname dataset; /* full, on the sending side */
    uint64_t to_guid;
    uint64_t from_guid; /* 0: a full stream */
    bool encrypted;
};

/*
 * Whether what the token stands for is what is wished: 0, or ERR_TOKEN_STALE and the difference.
 * A stream that is resumed keeps the flags that it began with, so one that we did not begin could
 * go on unencrypted, or blow the data up.
 */
int token_check(const struct token *token, const struct token_wish *wish, struct err *e);

#endif
