/*
 * One stream of server-sent events, without the network: frames are added at one end, and every
 * client reads them at its own speed. A client that falls behind what is kept is dropped; one that
 * comes back says where it was (Last-Event-ID), and is told to begin anew where that is too old.
 */
#ifndef BACKUPD_WEB_STREAM_H
#define BACKUPD_WEB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for an identifier, "5f3a9c01-1234". */
#define STREAM_ID_MAX 40

struct stream;
struct stream_client;

/*
 * `boot` tells this process's identifiers from those of another before it. Of the newest frames so
 * many are kept, and at most WEB_STREAM_BYTES_MAX of them.
 */
struct stream *stream_new(uint32_t boot, size_t frames_max);
void stream_free(struct stream *stream); /* its clients must be gone; NULL is fine */

/* Adds a frame with `len` bytes of data, one line. */
void stream_add(struct stream *stream, const char *data, size_t len);

/* Adds a comment, which clients ignore. */
void stream_add_comment(struct stream *stream);

/* The identifier of the newest frame. */
void stream_id(const struct stream *stream, char ret[STREAM_ID_MAX]);

/* A new client that goes on after `id` (NULL or "": from now on). */
struct stream_client *stream_join(struct stream *stream, const char *id);
void stream_leave(struct stream_client *client); /* NULL is fine */

/*
 * Copies what comes next, at most `max` bytes, to `buf` and returns how many; 0 where nothing is
 * there yet; -1 where the client has fallen behind and must go.
 */
int64_t stream_read(struct stream_client *client, char *buf, size_t max);

/* Whether stream_read would not return 0. */
bool stream_is_ready(const struct stream_client *client);

/* Who asks: a value of the caller's. */
void stream_set_owner(struct stream_client *client, void *owner);

/* Calls `fn` for the owner of each client; `fn` may make that client leave. */
void stream_each(struct stream *stream, void (*fn)(void *owner));

/* How many clients there are. */
size_t stream_count(const struct stream *stream);

#endif
