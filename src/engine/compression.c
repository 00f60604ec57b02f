#include "compression.h"

#include <stdatomic.h>
#include <string.h>

#include "command.h"
#include "job.h"
#include "shared.h"
#include "text.h"

enum { ZSTD_UNKNOWN, ZSTD_THERE, ZSTD_MISSING };

struct compression {
    _Atomic int zstd; /* on both machines */
};

struct compression *compression_new(void)
{
    struct compression *compression = shared_new(sizeof(*compression));
    atomic_init(&compression->zstd, ZSTD_UNKNOWN);
    return compression;
}

void compression_free(struct compression *compression)
{
    shared_free(compression, sizeof(*compression));
}

void compression_forget(struct compression *compression)
{
    atomic_store(&compression->zstd, ZSTD_UNKNOWN);
}

void compression_doubt(struct compression *compression)
{
    int was = ZSTD_THERE;
    atomic_compare_exchange_strong(&compression->zstd, &was, ZSTD_UNKNOWN);
}

/* "1.00", in hundredths; 0 where it is none. */
static uint64_t read_ratio(const char *s)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    size_t len = strspn(s, "0123456789");
    if (s[len] != '.' || text_parse_u64(s, len, &whole) != 0 || whole > 1000000 ||
        strspn(s + len + 1, "0123456789") != 2 || text_parse_u64(s + len + 1, 2, &part) != 0)
        return 0;
    return whole * 100 + part;
}

/* The value behind "NAME<TAB>" at the beginning of a line, or NULL. */
static const char *find_value(const char *properties, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = properties; *line != '\0';) {
        if (strncmp(line, name, len) == 0 && line[len] == '\t')
            return line + len + 1;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return NULL;
}

bool compression_is_off(const char *properties, bool full)
{
    const char *compression = find_value(properties, "compression");
    const char *ratio = find_value(properties, "refcompressratio");
    if (compression == NULL || !text_starts_with(compression, "off\n"))
        return false;
    uint64_t hundredths = ratio == NULL ? 0 : read_ratio(ratio);
    return !full || (hundredths > 0 && hundredths <= COMPRESSION_RATIO_MAX);
}

static bool is_uncompressed(const struct compression_wish *wish)
{
    struct err ignored = ERR_INIT; /* the transfer goes on without */
    struct argv argv;
    struct str output;
    argv_init(&argv);
    str_init(&output);
    command_get_compression(&argv, wish->ds);
    struct job_spec spec = {.site = &wish->sites->side[SIDE_LOCAL],
                            .command = &argv,
                            .capture = &output,
                            .stall_ms = wish->config->stall_timeout * 1000};
    bool is_off =
        job_run(wish->loop, &spec, &ignored) == 0 && compression_is_off(output.s, wish->full);
    str_fini(&output);
    return is_off;
}

/* Whether a failure says something about zstd, and not about the way to it or about us. */
static bool is_an_answer(enum err_code code)
{
    return !err_code_is_connection(code) && code != ERR_STALLED && code != ERR_INTERRUPTED &&
           code != ERR_SYSTEM;
}

/* Whoever is the first to know says it. */
static void note_missing(const struct compression_wish *wish, enum side side, const struct err *e)
{
    int was = ZSTD_UNKNOWN;
    if (!atomic_compare_exchange_strong(&wish->compression->zstd, &was, ZSTD_MISSING))
        return;
    report_note(wish->report, LEVEL_WARNING,
                "no transfer is compressed, though compress is on, because zstd does not run on "
                "%s: %s; reload (SIGHUP) once it does",
                side == SIDE_LOCAL ? "this machine" : "the remote", e->msg);
}

/* Whether zstd runs on both machines, which costs a round trip where nobody knows. */
static bool is_zstd_there(const struct compression_wish *wish)
{
    if (atomic_load(&wish->compression->zstd) == ZSTD_THERE)
        return true;
    for (int side = 0; side < SIDE_COUNT; side++) {
        struct err e = ERR_INIT;
        struct argv argv;
        argv_init(&argv);
        command_try_zstd(&argv);
        if (job_run_plain(wish->loop, &wish->sites->side[side], &argv,
                          wish->config->stall_timeout * 1000, &e) == 0)
            continue;
        if (is_an_answer(e.code))
            note_missing(wish, (enum side)side, &e);
        return false;
    }
    int was = ZSTD_UNKNOWN;
    atomic_compare_exchange_strong(&wish->compression->zstd, &was, ZSTD_THERE);
    return true;
}

bool compression_pays(const struct compression_wish *wish)
{
    return wish->config->compress && wish->compression != NULL && !wish->encrypted &&
           wish->bytes >= COMPRESSION_MIN &&
           atomic_load(&wish->compression->zstd) != ZSTD_MISSING && is_uncompressed(wish) &&
           is_zstd_there(wish);
}
