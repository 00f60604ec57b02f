#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "mem.h"
#include "state.h"
#include "text.h"
#include "world.h"

#define BEGIN_MAGIC "simulated zfs stream 1\n"
#define BLOCK_MAGIC UINT64_C(0x6b636f6c626d6973)

static uint64_t sum_bytes(const unsigned char *bytes, size_t len)
{
    uint64_t a = 1;
    uint64_t b = 0;
    size_t at = 0;
    for (uint64_t word; at + 8 <= len; at += 8) {
        memcpy(&word, bytes + at, 8);
        a += word;
        b += a;
    }
    for (; at < len; at++) {
        a += bytes[at];
        b += a;
    }
    return a ^ b << 1;
}

/* ---- the beginning ---- */

static void begin_write(const struct begin *begin, struct str *out)
{
    str_add_format(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                   begin->to_guid, begin->from_guid, begin->size, begin->offset, begin->referenced,
                   begin->volsize);
    str_add_format(out, " %" PRId64 " %d %d %d %d %s %s\n", begin->creation, begin->resumed,
                   begin->volume, begin->raw, begin->compressed, begin->encryption, begin->to_name);
}

static bool begin_read(const char *text, struct begin *ret)
{
    char *at = NULL;
    uint64_t numbers[11];
    for (size_t i = 0; i < 11; i++) {
        numbers[i] = strtoull(text, &at, 10);
        if (at == text)
            return false;
        text = at;
    }
    *ret = (struct begin){.to_guid = numbers[0],
                          .from_guid = numbers[1],
                          .size = numbers[2],
                          .offset = numbers[3],
                          .referenced = numbers[4],
                          .volsize = numbers[5],
                          .creation = (int64_t)numbers[6],
                          .resumed = numbers[7] != 0,
                          .volume = numbers[8] != 0,
                          .raw = numbers[9] != 0,
                          .compressed = numbers[10] != 0};
    return sscanf(text, " %31s %255[^\n]", ret->encryption, ret->to_name) == 2;
}

void begin_pack(const struct begin *begin, unsigned char ret[STREAM_BEGIN])
{
    struct str text;
    str_init(&text);
    str_add(&text, BEGIN_MAGIC);
    begin_write(begin, &text);
    memset(ret, 0, STREAM_BEGIN);
    memcpy(ret, text.s, text.len);
    str_fini(&text);
    uint64_t sum = sum_bytes(ret, STREAM_BEGIN - 8);
    memcpy(ret + STREAM_BEGIN - 8, &sum, 8);
}

bool begin_unpack(const unsigned char bytes[STREAM_BEGIN], struct begin *ret, const char **ret_why)
{
    uint64_t sum;
    memcpy(&sum, bytes + STREAM_BEGIN - 8, 8);
    *ret_why = "bad magic number";
    if (memcmp(bytes, BEGIN_MAGIC, strlen(BEGIN_MAGIC)) != 0)
        return false;
    *ret_why = "checksum mismatch";
    return sum == sum_bytes(bytes, STREAM_BEGIN - 8) &&
           begin_read((const char *)bytes + strlen(BEGIN_MAGIC), ret);
}

/* ---- blocks ---- */

struct block block_make(uint64_t guid, uint64_t offset, uint64_t len,
                        unsigned char payload[STREAM_BLOCK])
{
    uint64_t x = guid ^ (offset * UINT64_C(0x9e3779b97f4a7c15)) ^ 1;
    for (size_t at = 0; at < len; at += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(payload + at, &x, 8);
    }
    return (struct block){BLOCK_MAGIC, len, offset, sum_bytes(payload, (size_t)len)};
}

bool block_is_whole(const struct block *block)
{
    return block->magic == BLOCK_MAGIC && block->len <= STREAM_BLOCK;
}

bool block_is_right(const struct block *block, const unsigned char *payload)
{
    return block->sum == sum_bytes(payload, (size_t)block->len);
}

uint64_t stream_length(const struct begin *begin)
{
    uint64_t left = begin->size - begin->offset;
    uint64_t blocks = (left + STREAM_BLOCK - 1) / STREAM_BLOCK + 1;
    return STREAM_BEGIN + left + blocks * sizeof(struct block);
}

/* ---- interrupted receives ---- */

static void partial_write(const struct partial *partial, struct str *out)
{
    str_add_format(out, "%020" PRIu64 "\n%d %d\n", partial->bytes, partial->resumable,
                   partial->over);
    begin_write(&partial->begin, out);
}

static bool partial_parse(const char *text, struct partial *ret)
{
    char *at;
    ret->bytes = strtoull(text, &at, 10);
    ret->resumable = strtol(at, &at, 10) != 0;
    ret->over = strtol(at, &at, 10) != 0;
    return begin_read(at, &ret->begin);
}

bool partial_read(const char *name, struct partial *ret)
{
    const char *path = state_file(name, "@recv");
    char text[STREAM_BEGIN] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    *ret = (struct partial){.busy = flock(fd, LOCK_SH | LOCK_NB) != 0};
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got <= 0 || !partial_parse(text, ret))
        world_panic("%s is damaged", path);
    if (ret->busy || ret->resumable)
        return true;
    unlink(path);
    return false;
}

int partial_go_on(const char *name)
{
    int fd = open(state_file(name, "@recv"), O_RDWR | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        world_panic("cannot lock the receive into %s", name);
    return fd;
}

int partial_start(const char *name, const struct partial *partial)
{
    struct str text;
    str_init(&text);
    partial_write(partial, &text);
    world_write_file(state_file(name, "@recv"), text.s, text.len);
    str_fini(&text);
    return partial_go_on(name);
}

void partial_note(int fd, uint64_t bytes)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%020" PRIu64, bytes);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        world_panic("cannot note how far a receive is");
}

void partial_end(const char *name, int fd)
{
    unlink(state_file(name, "@recv"));
    close(fd);
}

/* ---- tokens ---- */

/* Like the real ones: version, checksum, length, contents. */
void token_encode(const struct partial *partial, struct str *out)
{
    struct str text;
    str_init(&text);
    partial_write(partial, &text);
    str_add_format(out, "1-%" PRIx64 "-%zx-",
                   sum_bytes((const unsigned char *)text.s, text.len) & 0xffffffffff, text.len);
    for (size_t i = 0; i < text.len; i++)
        str_add_format(out, "%02x", (unsigned)(unsigned char)text.s[i]);
    str_fini(&text);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *s, size_t len, char *ret)
{
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(s[i * 2]);
        int low = high < 0 ? -1 : hex_digit(s[i * 2 + 1]);
        if (low < 0)
            return false;
        ret[i] = (char)(high << 4 | low);
    }
    ret[len] = '\0';
    return s[len * 2] == '\0';
}

const char *token_decode(const char *token, struct partial *ret)
{
    static const char NO_TOKEN[] = "resume token is corrupt (invalid format)";
    uint64_t sum;
    size_t len;
    int at = 0;
    if (sscanf(token, "1-%" SCNx64 "-%zx-%n", &sum, &len, &at) != 2 || at == 0 ||
        len >= STREAM_BEGIN)
        return NO_TOKEN;
    char text[STREAM_BEGIN];
    bool read = unhex(token + at, len, text);
    if (!read || sum != (sum_bytes((const unsigned char *)text, len) & 0xffffffffff))
        return "resume token is corrupt (incorrect checksum)";
    *ret = (struct partial){.bytes = 0};
    return partial_parse(text, ret) ? NULL : NO_TOKEN;
}
