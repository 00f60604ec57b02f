#include "logsink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "str.h"
#include "text.h"

/* The number of names for the rotations of one second. */
#define SAME_SECOND_MAX 1000

/* Old files are looked through this often, besides at every rotation. */
#define PRUNE_SECONDS 86400

/* What text_time_compact writes: "2026-11-23-120000". */
#define STAMP_LEN 17

struct logsink {
    char *path; /* absolute, without symbolic links; NULL for standard output */
    int fd;
    bool regular;  /* a plain file of ours, which rotates */
    bool torn;     /* the last line stopped short of its newline */
    bool pruned;   /* pruned_at is set */
    uint64_t size; /* bytes in the file, or since a rotation failed */
    uint64_t rotate_bytes;
    uint64_t lost; /* lines, since the last one that could be written */
    int64_t pruned_at;
};

/* An old file, by its name. */
struct old_file {
    int64_t time;
    uint64_t number;
    char *name;
};

struct old_files {
    struct old_file *list;
    size_t count;
    size_t cap;
};

/* Opens the sink's file; what was open before stays if that fails. */
static int open_file(struct logsink *sink, struct err *e)
{
    int fd = open(sink->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return err_set_sys(e, errno, "cannot open the log file %s", sink->path);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        err_set_sys(e, errno, "cannot look at the log file %s", sink->path);
        close(fd);
        return -1;
    }
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = fd;
    sink->regular = S_ISREG(st.st_mode);
    sink->size = sink->regular ? (uint64_t)st.st_size : 0;
    sink->torn = false;
    return 0;
}

struct logsink *logsink_open(const char *path, uint64_t rotate_bytes, struct err *e)
{
    struct logsink *sink = mem_zalloc(1, sizeof(*sink));
    sink->rotate_bytes = rotate_bytes != 0 ? rotate_bytes : LOGSINK_ROTATE_BYTES;
    sink->fd = STDOUT_FILENO;
    if (path == NULL)
        return sink;
    sink->fd = -1;
    sink->path = mem_strdup(path);
    if (open_file(sink, e) != 0) {
        logsink_close(sink);
        return NULL;
    }
    /* Rotation and reopening come after the daemon's chdir, and must not rename a mere link. */
    char *real = realpath(path, NULL);
    if (real != NULL) {
        free(sink->path);
        sink->path = real;
    }
    return sink;
}

void logsink_close(struct logsink *sink)
{
    if (sink == NULL)
        return;
    if (sink->path != NULL && sink->fd >= 0)
        close(sink->fd);
    free(sink->path);
    free(sink);
}

int logsink_reopen(struct logsink *sink, struct err *e)
{
    return sink->path == NULL ? 0 : open_file(sink, e);
}

/* Reads the time of "2026-11-23-120000" at the start of `s`. Returns 0, or -1: it is none. */
static int parse_stamp(const char *s, int64_t *ret)
{
    static const char SHAPE[] = "0000-00-00-000000";
    int digits[STAMP_LEN];
    for (size_t i = 0; i < STAMP_LEN; i++) {
        bool digit = s[i] >= '0' && s[i] <= '9';
        if (SHAPE[i] == '-' ? s[i] != '-' : !digit)
            return -1;
        digits[i] = s[i] - '0';
    }
    struct tm civil = {
        .tm_year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3] - 1900,
        .tm_mon = digits[5] * 10 + digits[6] - 1,
        .tm_mday = digits[8] * 10 + digits[9],
        .tm_hour = digits[11] * 10 + digits[12],
        .tm_min = digits[13] * 10 + digits[14],
        .tm_sec = digits[15] * 10 + digits[16],
    };
    int64_t seconds = timegm(&civil);
    /* timegm makes 2 March of 30 February, which we never wrote. */
    char again[TEXT_FIGURE_MAX];
    text_time_compact(again, seconds);
    if (strncmp(again, s, STAMP_LEN) != 0 || again[STAMP_LEN] != '\0')
        return -1;
    *ret = seconds;
    return 0;
}

/* Whether `name` is an old file of the log called `base`, exactly as rotate() names them. */
static bool parse_old(const char *name, const char *base, struct old_file *ret)
{
    size_t base_len = strlen(base);
    if (strncmp(name, base, base_len) != 0 || name[base_len] != '.')
        return false;
    const char *stamp = name + base_len + 1;
    if (strlen(stamp) < STAMP_LEN || parse_stamp(stamp, &ret->time) != 0)
        return false;
    const char *rest = stamp + STAMP_LEN;
    ret->number = 0;
    if (*rest == '\0')
        return true;
    return rest[0] == '.' && rest[1] >= '1' && rest[1] <= '9' &&
           text_parse_u64(rest + 1, strlen(rest + 1), &ret->number) == 0 &&
           ret->number < SAME_SECOND_MAX;
}

/* For qsort: the newest first. */
static int compare_old(const void *left, const void *right)
{
    const struct old_file *a = left;
    const struct old_file *b = right;
    if (a->time != b->time)
        return a->time > b->time ? -1 : 1;
    if (a->number != b->number)
        return a->number > b->number ? -1 : 1;
    return 0;
}

static void free_old(struct old_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->list[i].name);
    free(files->list);
}

/* The folder that the log is in. The caller frees it with free(3). */
static char *folder_of(const struct logsink *sink)
{
    const char *slash = strrchr(sink->path, '/');
    if (slash == NULL)
        return mem_strdup(".");
    return mem_strndup(sink->path, slash == sink->path ? 1 : (size_t)(slash - sink->path));
}

/* The old files in `dir`, which may be NULL. Release them with free_old. */
static struct old_files list_old(const struct logsink *sink, DIR *dir)
{
    struct old_files files = {0};
    const char *slash = strrchr(sink->path, '/');
    const char *base = slash != NULL ? slash + 1 : sink->path;
    if (dir == NULL)
        return files;
    rewinddir(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct old_file old = {0};
        if (!parse_old(entry->d_name, base, &old))
            continue;
        old.name = mem_strdup(entry->d_name);
        files.list = mem_grow(files.list, files.count, &files.cap, sizeof(*files.list));
        files.list[files.count++] = old;
    }
    return files;
}

/* Removes what is too many or too old. Failing is no matter: the next time will tell. */
static void prune(struct logsink *sink, DIR *dir, int64_t now)
{
    struct old_files files = list_old(sink, dir);
    /* A clock once far ahead must not make its files the newest for years: they go first. */
    for (size_t i = 0; i < files.count; i++) {
        if (files.list[i].time > now + PRUNE_SECONDS)
            files.list[i].time = now - LOGSINK_KEEP_SECONDS;
    }
    if (files.count > 1)
        qsort(files.list, files.count, sizeof(*files.list), compare_old);
    for (size_t i = 0; i < files.count; i++) {
        const struct old_file *old = &files.list[i];
        if (i >= LOGSINK_KEEP || now - old->time > LOGSINK_KEEP_SECONDS)
            unlinkat(dirfd(dir), old->name, 0);
    }
    free_old(&files);
    sink->pruned = true;
    sink->pruned_at = now;
}

/*
 * Chooses the name that the file gets as an old one. Returns 0, or -1 where there is none free. Its
 * number is above those of the same second, also where lower ones were removed since: a lower one
 * would make the file the oldest, and the next to go.
 */
static int choose_name(const struct logsink *sink, DIR *dir, int64_t now, struct str *ret)
{
    struct old_files files = list_old(sink, dir);
    uint64_t number = 0;
    for (size_t i = 0; i < files.count; i++) {
        if (files.list[i].time == now && files.list[i].number >= number)
            number = files.list[i].number + 1;
    }
    free_old(&files);
    char stamp[TEXT_FIGURE_MAX];
    text_time_compact(stamp, now);
    str_add_format(ret, "%s.%s", sink->path, stamp);
    if (number > 0)
        str_add_format(ret, ".%" PRIu64, number);
    /* The folder may be one that we cannot list. */
    struct stat st;
    return number < SAME_SECOND_MAX && lstat(ret->s, &st) != 0 && errno == ENOENT ? 0 : -1;
}

/*
 * Gives the file an old one's name and starts anew. Where that fails we go on in the same file,
 * and try again once another rotate_bytes were written, not at every line.
 */
static void rotate(struct logsink *sink, DIR *dir, int64_t now)
{
    struct str name;
    str_init(&name);
    sink->size = 0;
    /* ENOENT: somebody has moved it away, or we have and could then not make the new one. */
    if (choose_name(sink, dir, now, &name) == 0 &&
        (rename(sink->path, name.s) == 0 || errno == ENOENT))
        open_file(sink, NULL);
    str_fini(&name);
}

/* Writes it all. Returns 0, or -1 where the system would not take (all of) it. */
static int write_all(struct logsink *sink, const char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = write(sink->fd, data + done, len - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    sink->size += done;
    if (done > 0)
        sink->torn = done < len;
    return done == len ? 0 : -1;
}

static void add_line(struct str *lines, int64_t now, const char *level, const char *text)
{
    char time[TEXT_FIGURE_MAX];
    text_time(time, now);
    str_add_format(lines, "%s %s ", time, level);
    str_add_escaped(lines, text);
    str_add_char(lines, '\n');
}

/* Before `len` bytes are written: rotates and removes what is due. */
static void keep_house(struct logsink *sink, int64_t now, size_t len)
{
    bool full = sink->size > 0 && sink->size + len > sink->rotate_bytes;
    bool time_to_prune =
        !sink->pruned || now - sink->pruned_at >= PRUNE_SECONDS || now < sink->pruned_at;
    if (!sink->regular || (!full && !time_to_prune))
        return;
    char *folder = folder_of(sink);
    DIR *dir = opendir(folder);
    if (full)
        rotate(sink, dir, now);
    if (dir != NULL) {
        prune(sink, dir, now);
        closedir(dir);
    }
    free(folder);
}

void logsink_write(struct logsink *sink, int64_t now, const char *level, const char *text)
{
    struct str lines;
    str_init(&lines);
    if (sink->torn)
        str_add_char(&lines, '\n');
    if (sink->lost > 0) {
        char lost[80];
        snprintf(lost, sizeof(lost), "%" PRIu64 " lines of this log could not be written",
                 sink->lost);
        add_line(&lines, now, "WARN", lost);
    }
    add_line(&lines, now, level, text);
    keep_house(sink, now, lines.len);
    if (write_all(sink, lines.s, lines.len) == 0)
        sink->lost = 0;
    else
        sink->lost++;
    str_fini(&lines);
}
