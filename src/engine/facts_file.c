/*
 * The file: HEADER, a record of each guid, and the check sum of all before it. Numbers are as this
 * machine has them, since no other one reads them.
 */
#include "facts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "mem.h"

#define HEADER "backupd facts 1\n"

struct record {
    uint64_t guid;
    int64_t creation;
    uint64_t size;
    uint64_t side; /* whose size it is */
};

#define RECORDS_MAX 20000000

/* FNV-1a: a file in which one byte differs has another sum, whatever the byte. */
static uint64_t add_to_sum(uint64_t sum, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
}

static uint64_t sum_of_header(void)
{
    return add_to_sum(UINT64_C(14695981039346656037), HEADER, strlen(HEADER));
}

/* How many records a file of ours has by its size, or SIZE_MAX. */
static size_t count_records(FILE *file)
{
    struct stat st;
    const off_t around = (off_t)(strlen(HEADER) + sizeof(uint64_t));
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || st.st_size < around ||
        (st.st_size - around) % (off_t)sizeof(struct record) != 0)
        return SIZE_MAX;
    size_t n = (size_t)(st.st_size - around) / sizeof(struct record);
    return n <= RECORDS_MAX ? n : SIZE_MAX;
}

/* All records, which the caller frees, or NULL where the file is not to be believed. */
static struct record *read_records(FILE *file, size_t n)
{
    char header[sizeof(HEADER) - 1];
    uint64_t sum;
    struct record *records = mem_alloc(n * sizeof(*records));
    if (fread(header, sizeof(header), 1, file) == 1 &&
        memcmp(header, HEADER, sizeof(header)) == 0 &&
        fread(records, sizeof(*records), n, file) == n && fread(&sum, sizeof(sum), 1, file) == 1 &&
        sum == add_to_sum(sum_of_header(), records, n * sizeof(*records)))
        return records;
    free(records);
    return NULL;
}

bool facts_file_read(const char *path, struct facts *facts)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    size_t n = count_records(file);
    struct record *records = n == SIZE_MAX ? NULL : read_records(file, n);
    for (size_t i = 0; records != NULL && i < n; i++)
        facts_add(facts, records[i].side == SIDE_LOCAL ? SIDE_LOCAL : SIDE_REMOTE, records[i].guid,
                  records[i].creation, records[i].size);
    fclose(file);
    free(records);
    return records != NULL;
}

struct facts_writer {
    char path[HOST_PATH_MAX], fresh[HOST_PATH_MAX + 64];
    FILE *file;
    const struct facts *facts;
    size_t at;
    uint64_t sum;
};

struct facts_writer *facts_writer_new(const char *path, const struct facts *facts, struct err *e)
{
    struct facts_writer *writer = mem_zalloc(1, sizeof(*writer));
    writer->facts = facts;
    writer->sum = sum_of_header();
    snprintf(writer->path, sizeof(writer->path), "%s", path);
    snprintf(writer->fresh, sizeof(writer->fresh), "%s.new", path);
    int fd = open(writer->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                  0600);
    writer->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (writer->file == NULL) {
        err_set_sys(e, errno, "cannot write %s", writer->fresh);
        if (fd >= 0)
            close(fd);
        free(writer);
        return NULL;
    }
    fputs(HEADER, writer->file);
    return writer;
}

/* All records are written: puts the file in its place. */
static int finish(struct facts_writer *writer, struct err *e)
{
    fwrite(&writer->sum, sizeof(writer->sum), 1, writer->file);
    if (fflush(writer->file) != 0 || ferror(writer->file) ||
        rename(writer->fresh, writer->path) != 0)
        return err_set_sys(e, errno, "cannot write %s", writer->path);
    fclose(writer->file);
    writer->file = NULL;
    return 0;
}

int facts_writer_some(struct facts_writer *writer, size_t portion, struct err *e)
{
    struct snapshot snap;
    enum side side;
    for (size_t i = 0; i < portion; i++) {
        if (!facts_next(writer->facts, &writer->at, &snap, &side))
            return finish(writer, e);
        struct record record = {snap.guid, snap.creation, snap.size, (uint64_t)side};
        writer->sum = add_to_sum(writer->sum, &record, sizeof(record));
        fwrite(&record, sizeof(record), 1, writer->file);
    }
    return FACTS_MORE;
}

void facts_writer_free(struct facts_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL) {
        fclose(writer->file);
        unlink(writer->fresh);
    }
    free(writer);
}

int facts_file_write(const char *path, const struct facts *facts, struct err *e)
{
    struct facts_writer *writer = facts_writer_new(path, facts, e);
    int rc = writer == NULL ? -1 : facts_writer_some(writer, SIZE_MAX, e);
    facts_writer_free(writer);
    return rc;
}
