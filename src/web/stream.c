#include "stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"
#include "text.h"
#include "web_limits.h"

/* What a client is told that cannot go on where it was. */
static const char RESET[] = "event: reset\ndata: {}\n\n";

/* Clients wait this long before they come back by themselves. */
static const char RETRY[] = "retry: 2000\n\n";

struct frame {
    char *data;
    size_t len;
};

struct stream {
    uint32_t boot;
    struct frame *v; /* `frames_max`; frame n at n % that */
    size_t frames_max;
    uint64_t first; /* number of the oldest that is kept */
    uint64_t next;  /* number of the next one */
    size_t bytes;
    struct stream_client *clients;
    size_t client_count;
};

struct stream_client {
    struct stream *stream;
    struct stream_client *before, *after;
    void *owner;
    const char *greeting; /* what is to be said first; what is left of it */
    const char *notice;   /* and then this */
    uint64_t at;          /* number of the frame that it reads, */
    size_t offset;        /* and how much of that it has */
};

struct stream *stream_new(uint32_t boot, size_t frames_max)
{
    struct stream *stream = mem_zalloc(1, sizeof(*stream));
    stream->boot = boot;
    stream->first = stream->next = 1;
    stream->frames_max = frames_max;
    stream->v = mem_zalloc(frames_max, sizeof(*stream->v));
    return stream;
}

static struct frame *frame_at(const struct stream *stream, uint64_t number)
{
    return &stream->v[number % stream->frames_max];
}

static void drop_oldest(struct stream *stream)
{
    struct frame *frame = frame_at(stream, stream->first++);
    stream->bytes -= frame->len;
    free(frame->data);
    *frame = (struct frame){0};
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    while (stream->first < stream->next)
        drop_oldest(stream);
    free(stream->v);
    free(stream);
}

static void add_frame(struct stream *stream, struct str *text)
{
    while (stream->first < stream->next && (stream->next - stream->first >= stream->frames_max ||
                                            stream->bytes + text->len > WEB_STREAM_BYTES_MAX))
        drop_oldest(stream);
    struct frame *frame = frame_at(stream, stream->next++);
    frame->len = text->len;
    frame->data = mem_strndup(text->s, text->len); /* without the room that the text grew into */
    stream->bytes += frame->len;
    str_fini(text);
}

void stream_add(struct stream *stream, const char *data, size_t len)
{
    struct str text;
    str_init(&text);
    str_add_format(&text, "id: %08" PRIx32 "-%" PRIu64 "\ndata: ", stream->boot, stream->next);
    str_add_bytes(&text, data, len);
    str_add(&text, "\n\n");
    add_frame(stream, &text);
}

void stream_add_comment(struct stream *stream)
{
    struct str text;
    str_init(&text);
    str_add(&text, ":\n\n");
    add_frame(stream, &text);
}

void stream_id(const struct stream *stream, char ret[STREAM_ID_MAX])
{
    snprintf(ret, STREAM_ID_MAX, "%08" PRIx32 "-%" PRIu64, stream->boot, stream->next - 1);
}

/* The number of the frame after the one that `id` names; 0 where that is not one of ours. */
static uint64_t place_after(const struct stream *stream, const char *id)
{
    char boot[16];
    uint64_t number;
    snprintf(boot, sizeof(boot), "%08" PRIx32 "-", stream->boot);
    if (!text_starts_with(id, boot) ||
        text_parse_u64(id + strlen(boot), strlen(id) - strlen(boot), &number) != 0 ||
        number >= stream->next || number + 1 < stream->first)
        return 0;
    return number + 1;
}

struct stream_client *stream_join(struct stream *stream, const char *id)
{
    struct stream_client *client = mem_zalloc(1, sizeof(*client));
    client->stream = stream;
    client->greeting = RETRY;
    client->notice = "";
    client->at = stream->next;
    if (id != NULL && id[0] != '\0') {
        uint64_t at = place_after(stream, id);
        if (at != 0)
            client->at = at;
        else
            client->notice = RESET;
    }
    client->after = stream->clients;
    if (stream->clients != NULL)
        stream->clients->before = client;
    stream->clients = client;
    stream->client_count++;
    return client;
}

void stream_leave(struct stream_client *client)
{
    if (client == NULL)
        return;
    struct stream *stream = client->stream;
    if (client->before != NULL)
        client->before->after = client->after;
    else
        stream->clients = client->after;
    if (client->after != NULL)
        client->after->before = client->before;
    stream->client_count--;
    free(client);
}

static size_t take_text(const char **text, char *buf, size_t max)
{
    size_t len = strlen(*text);
    if (len > max)
        len = max;
    memcpy(buf, *text, len);
    *text += len;
    return len;
}

int64_t stream_read(struct stream_client *client, char *buf, size_t max)
{
    struct stream *stream = client->stream;
    if (client->greeting[0] == '\0') {
        client->greeting = client->notice;
        client->notice = "";
    }
    if (client->greeting[0] != '\0')
        return (int64_t)take_text(&client->greeting, buf, max);
    if (client->at < stream->first)
        return -1;
    size_t done = 0;
    while (client->at < stream->next && done < max) {
        const struct frame *frame = frame_at(stream, client->at);
        size_t len = frame->len - client->offset;
        if (len > max - done)
            len = max - done;
        memcpy(buf + done, frame->data + client->offset, len);
        done += len;
        client->offset += len;
        if (client->offset == frame->len) {
            client->at++;
            client->offset = 0;
        }
    }
    return (int64_t)done;
}

bool stream_is_ready(const struct stream_client *client)
{
    return client->greeting[0] != '\0' || client->notice[0] != '\0' ||
           client->at < client->stream->next;
}

void stream_set_owner(struct stream_client *client, void *owner)
{
    client->owner = owner;
}

void stream_each(struct stream *stream, void (*fn)(void *owner))
{
    struct stream_client *client = stream->clients;
    while (client != NULL) {
        struct stream_client *after = client->after;
        fn(client->owner);
        client = after;
    }
}

size_t stream_count(const struct stream *stream)
{
    return stream->client_count;
}
