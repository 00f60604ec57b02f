/*
 * The stream that a simulated send makes and a receive takes: a beginning of STREAM_BEGIN bytes,
 * then blocks with checksums, at last an empty block. And the state of an interrupted receive, as
 * a file and as a token.
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "str.h"

#define STREAM_BEGIN 1024
#define STREAM_BLOCK 131072

struct begin {
    uint64_t to_guid, from_guid; /* from_guid 0: a full stream */
    uint64_t size;               /* of what is sent in all, the bytes before `offset` included */
    uint64_t offset;             /* of a resumed stream */
    uint64_t referenced, volsize;
    int64_t creation;
    bool resumed, volume, raw; /* raw: of encrypted data, still encrypted */
    bool compressed;           /* of send -w or -c */
    char encryption[32];
    char to_name[256]; /* on the sending side */
};

struct block {
    uint64_t magic, len, offset, sum;
};

/* The beginning as it is sent, and back; false: it is none, and why. */
void begin_pack(const struct begin *begin, unsigned char ret[STREAM_BEGIN]);
bool begin_unpack(const unsigned char bytes[STREAM_BEGIN], struct begin *ret, const char **ret_why);

/* The block of the snapshot `guid` at `offset`: its `len` bytes, which look random, and header. */
struct block block_make(uint64_t guid, uint64_t offset, uint64_t len,
                        unsigned char payload[STREAM_BLOCK]);
bool block_is_whole(const struct block *block);
bool block_is_right(const struct block *block, const unsigned char *payload);

/* How many bytes a stream has on its way. */
uint64_t stream_length(const struct begin *begin);

/* An interrupted receive, or one under way. */
struct partial {
    struct begin begin;
    uint64_t bytes;             /* of begin.size, received so far */
    bool resumable, over, busy; /* over: a full stream over a dataset that was there */
};

/* What dataset `name` is receiving, or was; false: nothing. Removes what cannot be resumed and
 * nobody receives any more. */
bool partial_read(const char *name, struct partial *ret);

/* Begins to receive: writes the file and locks it. Returns its descriptor. */
int partial_start(const char *name, const struct partial *partial);

/* Goes on with what partial_read found; the descriptor. */
int partial_go_on(const char *name);

/* Notes how far it is. */
void partial_note(int fd, uint64_t bytes);

void partial_end(const char *name, int fd);

void token_encode(const struct partial *partial, struct str *out);

/* Returns what is wrong with it, or NULL. `ret->bytes` is where to go on. */
const char *token_decode(const char *token, struct partial *ret);

#endif
