#include "classify.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "progress.h"
#include "str.h"
#include "text.h"

#define SSH_FAILED      255 /* ssh(1): its own failures; also some of zfs's */
#define SHELL_NOT_FOUND 127
#define SHELL_SIGNALLED 128 /* and the signal's number, where a shell stands in between */
#define SIGNAL_MAX      31
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A phrase and what it means. The first rule of a list that stands in any line decides. */
struct rule {
    const char *phrase;
    enum err_code code;
};

static const struct rule SSH_RULES[] = {
    {"IDENTIFICATION HAS CHANGED", ERR_SSH_HOSTKEY_CHANGED},
    {"host key is known for", ERR_SSH_HOSTKEY_UNKNOWN},
    {"Host key verification failed", ERR_SSH_HOSTKEY_UNKNOWN},
    {"Permission denied (", ERR_SSH_AUTH},
    {"Too many authentication failures", ERR_SSH_AUTH},
    {"account is currently not available", ERR_SSH_AUTH},
    {"Could not resolve hostname", ERR_SSH_RESOLVE},
    {"connect to host ", ERR_SSH_UNREACHABLE}, /* refined by the reason behind it */
    {"during banner exchange", ERR_SSH_UNREACHABLE},
    {"No SSH version received", ERR_SSH},
    {"invalid format", ERR_SSH},
    {"Session open refused by peer", ERR_SSH},
    {"Unable to negotiate", ERR_SSH},
    {"Bad configuration option", ERR_SSH},
    {"too long for Unix domain socket", ERR_SSH},
    {"Control socket connect", ERR_SSH_LOST},
    {"client_loop: ", ERR_SSH_LOST},
    {"Timeout, server ", ERR_SSH_LOST},
    {"Read from remote host ", ERR_SSH_LOST},
    {"packet_write_", ERR_SSH_LOST},
    {"Write failed: ", ERR_SSH_LOST},
    {"from master failed", ERR_SSH_LOST},
    {"kex_exchange_identification: ", ERR_SSH_LOST},
    {"Connection reset by ", ERR_SSH_LOST},
    {"Connection closed by ", ERR_SSH_LOST},
    {"closed by remote host", ERR_SSH_LOST},
    {"Shared connection to ", ERR_SSH_LOST},
    {"Connection timed out", ERR_SSH_UNREACHABLE},
    {"mux_client_", ERR_SSH},
};

/* The causes first, then what other failures bring with them. */
static const struct rule ZFS_RULES[] = {
    {"ZFS utilities must be run as root", ERR_PERMISSION},
    {"ZFS modules are not loaded", ERR_ZFS_MISSING},
    {"ZFS modules cannot be auto-loaded", ERR_ZFS_MISSING},
    {"/dev/zfs and /proc/self/mounts are required", ERR_ZFS_MISSING},
    {"failed to initialize ZFS library", ERR_ZFS_MISSING},
    {"zfs: command not found", ERR_ZFS_MISSING},
    {"zfs: Command not found", ERR_ZFS_MISSING},
    {"zfs: not found", ERR_ZFS_MISSING},
    {"command not found: zfs", ERR_ZFS_MISSING},
    {"Unknown command: zfs", ERR_ZFS_MISSING},
    {"zfs: No such file or directory", ERR_ZFS_MISSING},
    {"used in the initial send", ERR_TOKEN_STALE},
    {"cannot resume send: ", ERR_TOKEN_STALE},
    {"I/O is currently suspended", ERR_POOL_SUSPENDED},
    {"being held", ERR_HELD},
    {"snapshot is cloned", ERR_CLONED},
    {"dependent clone", ERR_CLONED}, /* refined: a receive under way is a clone too */
    {"quota exceeded", ERR_NO_SPACE},
    {"out of space", ERR_NO_SPACE},
    {"No space left on device", ERR_NO_SPACE},
    {"has been modified", ERR_MODIFIED},
    {"most recent snapshot of ", ERR_BASE_MISSING},
    {"match incremental source", ERR_BASE_MISSING},
    {"local origin for clone", ERR_BASE_MISSING},
    {"key must be loaded", ERR_ENCRYPTION},
    {"IV set guid", ERR_ENCRYPTION},
    {"incompatible embedded data", ERR_STREAM_BAD}, /* 2.3, of an old token: not encryption */
    {"encrypt", ERR_ENCRYPTION},
    {"is busy", ERR_BUSY},
    {"resource busy", ERR_BUSY},
    {"partially-complete state", ERR_BUSY},
    {"no such pool", ERR_POOL_MISSING},
    {"pool does not exist", ERR_POOL_MISSING},
    {"could not find any snapshots to destroy", ERR_SNAPSHOT_MISSING},
    {"snapshot does not exist", ERR_SNAPSHOT_MISSING},
    {"': No such process", ERR_SNAPSHOT_MISSING}, /* send -v from a bookmark that is gone */
    {"does not exist", ERR_DATASET_MISSING},      /* refined by the name before it */
    {"already exists", ERR_EXISTS},
    {"bookmark exists", ERR_EXISTS},
    {"destination has snapshots", ERR_EXISTS},
    {"' exists", ERR_EXISTS},
    {"on existing destination", ERR_EXISTS},
    {"ermission denied", ERR_PERMISSION},
    {"nsufficient privileges", ERR_PERMISSION},
    {"peration not permitted", ERR_PERMISSION},
    {"must be superuser", ERR_PERMISSION},
    {"invalid character", ERR_NAME},
    {"invalid name", ERR_NAME},
    {"name is too long", ERR_NAME},
    {"incomplete stream", ERR_STREAM_CUT},
    {"failed to read from stream", ERR_STREAM_CUT},
    {"Broken pipe", ERR_STREAM_CUT},
    {"signal received", ERR_STREAM_CUT},
    {"invalid stream", ERR_STREAM_BAD},
    {"invalid backup stream", ERR_STREAM_BAD},
    {"bad magic number", ERR_STREAM_BAD},
    {"checksum mismatch", ERR_STREAM_BAD},
    {"unsupported feature", ERR_STREAM_BAD},
    {"must be upgraded to receive", ERR_STREAM_BAD},
    {"to match previous receive", ERR_STREAM_BAD},
    {"Read error (39) : premature end", ERR_STREAM_CUT}, /* zstd */
    {"unexpected end of file", ERR_STREAM_CUT},
    {"Decoding error", ERR_STREAM_BAD},
};

/* Lines that say nothing about the failure, or give advice that would harm (-F, -R). */
static const char *const NOISE[] = {
    "Warning: Permanently added",
    "debug1: ",
    "debug2: ",
    "debug3: ",
    "OpenSSH_",
    "Authenticated to ",
    "Transferred: ",
    "Bytes per second: ",
    "Pseudo-terminal will not be allocated",
    "** ",
    "@         WARNING: UNPROTECTED",
    "It is required that your private key",
    "This private key will be ignored",
    "Partially received snapshot is saved",
    "A resuming stream can be generated",
    "    zfs send -t ",
    "must specify -F",
    "must destroy them",
    "use '-",
};

/* zfs breaks some of its sentences in two. */
static const char *const CONTINUATIONS[] = {"since ", "match ",      "must ",
                                            "with ",  "discussing ", " "};

/* How the lines begin that a program of ours prints, and no login banner. */
static const char *const COMPLAINTS[] = {
    "cannot ",        "could not ",   "warning: ", "WARNING: ",
    "internal error", "invalid ",     "bad ",      "Warning: Identity file ",
    "Load key ",      "Permissions ", "ssh: ",     "zfs: ",
};

/* A list of what is in the way can be endless. */
#define SHOWN_LINES_MAX 6

/* One line that was kept. */
struct word_line {
    char *s;      /* as it was printed */
    char *masked; /* what is matched: names in quotes are x, so that no name is a phrase */
};

struct words {
    char *copy;
    char *masked;
    struct word_line *v;
    size_t n, cap;
    size_t first; /* of the lines to show */
};

static bool starts_with_any(const char *s, const char *const *starts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_starts_with(s, starts[i]))
            return true;
    return false;
}

static bool is_noise(const char *line)
{
    uint64_t bytes;
    return line[strspn(line, " \t@")] == '\0' || progress_parse(line, &bytes) != PROGRESS_OTHER ||
           starts_with_any(line, NOISE, COUNT_OF(NOISE));
}

/* Replaces what stands in 'quotes' by x, but for what tells a snapshot from a dataset. */
static void mask_names(char *s)
{
    for (char *p = s; (p = strchr(p, '\'')) != NULL; p++) {
        if (p > s && p[-1] != ' ' && p[-1] != '(')
            continue; /* "it's" */
        char *end = strchr(p + 1, '\'');
        if (end == NULL)
            return;
        for (p++; p < end; p++)
            if (strchr("@#/", *p) == NULL)
                *p = 'x';
    }
}

static void words_fini(struct words *words)
{
    free(words->copy);
    free(words->masked);
    free(words->v);
}

/* Splits into lines and keeps those that are no noise. Usage texts come last. */
static void words_init(struct words *words, const char *text)
{
    *words = (struct words){.copy = mem_strdup(text)};
    for (char *p = words->copy; *p != '\0'; p++)
        if ((*p > 0 && *p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
            *p = *p == '\r' ? ' ' : '?'; /* no escape sequence reaches a terminal or a log */
    words->masked = mem_strdup(words->copy);
    for (char *line = words->copy; line != NULL;) {
        char *newline = strchr(line, '\n');
        char *end = newline != NULL ? newline : line + strlen(line);
        while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *end = '\0';
        char *masked = words->masked + (line - words->copy);
        masked[end - line] = '\0';
        if (strcmp(line, "usage:") == 0 || text_starts_with(line, "usage: "))
            return;
        if (!is_noise(line)) {
            mask_names(masked);
            words->v = mem_grow(words->v, words->n, &words->cap, sizeof(*words->v));
            words->v[words->n++] = (struct word_line){.s = line, .masked = masked};
        }
        line = newline != NULL ? newline + 1 : NULL;
    }
}

/* "does not exist" of what: of the last name in quotes before it. */
static enum err_code refine_missing(const char *masked)
{
    const char *end = strstr(masked, "does not exist");
    const char *close = NULL;
    const char *open = NULL;
    for (const char *p = strchr(masked, '\''); p != NULL && p < end; p = strchr(p + 1, '\'')) {
        open = close;
        close = p;
    }
    if (strstr(masked, "incremental source") != NULL || strstr(masked, "could not send") != NULL)
        return ERR_SNAPSHOT_MISSING;
    if (open == NULL)
        return ERR_DATASET_MISSING;
    size_t len = (size_t)(close - open);
    if (memchr(open, '@', len) != NULL || memchr(open, '#', len) != NULL)
        return ERR_SNAPSHOT_MISSING;
    return memchr(open, '/', len) == NULL ? ERR_POOL_MISSING : ERR_DATASET_MISSING;
}

/* The same words can mean two things. `words->v[i]` is the line of the rule. */
static enum err_code refine(enum err_code code, const struct words *words, size_t i)
{
    const char *masked = words->v[i].masked;
    if (code == ERR_DATASET_MISSING)
        return refine_missing(masked);
    if (code == ERR_SSH_UNREACHABLE && strstr(masked, "Connection refused") != NULL)
        return ERR_SSH_REFUSED;
    if (code == ERR_CLONED && i + 1 < words->n && strstr(words->v[i + 1].s, "/%recv") != NULL)
        return ERR_BUSY;
    return code;
}

/* The code of the first rule that any line meets, and that line; ERR_NONE where there is none. */
static enum err_code find_code(const struct words *words, const struct rule *rules, size_t count,
                               size_t *ret_line)
{
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < words->n; i++) {
            if (strstr(words->v[i].masked, rules[r].phrase) == NULL)
                continue;
            *ret_line = i;
            return refine(rules[r].code, words, i);
        }
    }
    return ERR_NONE;
}

/*
 * A login banner, whatever it says, comes before everything else: shows from the first line that
 * a program of ours can have printed, and at the latest from the one that decided.
 */
static void skip_banner(struct words *words, size_t decided)
{
    size_t i = 0;
    while (i < decided && i < words->n &&
           !starts_with_any(words->v[i].s, COMPLAINTS, COUNT_OF(COMPLAINTS)))
        i++;
    words->first = i;
}

/* ---- the message ---- */

static void add_words(const struct words *words, struct str *out)
{
    size_t shown = 0;
    for (size_t i = words->first; i < words->n; i++) {
        const char *line = words->v[i].s;
        bool goes_on = starts_with_any(line, CONTINUATIONS, COUNT_OF(CONTINUATIONS));
        if (i > words->first && strcmp(line, words->v[i - 1].s) == 0)
            continue;
        if (shown++ == SHOWN_LINES_MAX) {
            str_add_format(out, "; and %zu more lines", words->n - i);
            return;
        }
        if (out->len > 0 && !goes_on && out->s[out->len - 1] == '.')
            str_cut(out, out->len - 1);
        if (out->len > 0)
            str_add(out, goes_on ? " " : "; ");
        str_add(out, line + strspn(line, " \t"));
    }
}

static const char *signal_name(int signo)
{
    static const struct {
        int signo;
        const char *name;
    } NAMES[] = {{SIGHUP, "Hangup"},         {SIGINT, "Interrupt"},
                 {SIGQUIT, "Quit"},          {SIGILL, "Illegal instruction"},
                 {SIGABRT, "Aborted"},       {SIGBUS, "Bus error"},
                 {SIGKILL, "Killed"},        {SIGSEGV, "Segmentation fault"},
                 {SIGPIPE, "Broken pipe"},   {SIGALRM, "Alarm clock"},
                 {SIGTERM, "Terminated"},    {SIGFPE, "Floating point exception"},
                 {SIGSYS, "Bad system call"}};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        if (NAMES[i].signo == signo)
            return NAMES[i].name;
    return "no name known";
}

/*
 * What known_hosts calls the machine, as ssh says it between `before` and `after`: "nas" or
 * "[nas]:2222". False where it does not, or not as a word that fits a command.
 */
static bool find_host(const struct words *words, const char *before, const char *after,
                      struct str *ret)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *start = strstr(words->v[i].s, before);
        const char *end = start != NULL ? strstr(start, after) : NULL;
        if (end == NULL)
            continue;
        start += strlen(before);
        size_t len = strspn(start, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789.:-_%[]");
        if (start + len != end || len == 0)
            continue;
        str_clear(ret);
        str_add_bytes(ret, start, len);
        return true;
    }
    return false;
}

/* The command that reaches `host`, with the port that `known` ("[nas]:2222") names. */
static void add_ssh_command(struct str *out, const char *host, const char *known)
{
    const char *port = known[0] == '[' ? strstr(known, "]:") : NULL;
    str_add(out, "ssh ");
    if (port != NULL)
        str_add_format(out, "-p %s ", port + 2);
    if (host[0] != '\0')
        str_add(out, host);
    else if (port != NULL)
        str_add_bytes(out, known + 1, (size_t)(port - known) - 1);
    else
        str_add(out, known);
}

static void describe_host_key(const struct words *words, enum err_code code, const char *host,
                              struct str *out)
{
    struct str known;
    const char *at = strrchr(host, '@');
    str_init(&known);
    if (!find_host(words, "key is known for ", " and you have", &known) &&
        !find_host(words, "Host key for ", " has changed", &known))
        str_add(&known, host[0] == '\0' ? "HOST" : at != NULL ? at + 1 : host);
    if (code == ERR_SSH_HOSTKEY_UNKNOWN) {
        str_add_format(out,
                       "the host key of %s is not known here: log in once by hand, as the "
                       "user that backupd runs as, and accept it: ",
                       known.s);
        add_ssh_command(out, host, known.s);
    } else {
        str_add_format(out,
                       "the host key of %s has changed: its administrator can tell whether "
                       "that is right or somebody is in between; only if it is right: "
                       "ssh-keygen -R '%s', then log in once by hand and accept the new one: ",
                       known.s, known.s);
        add_ssh_command(out, host, known.s);
    }
    str_fini(&known);
}

/* ---- the decision ---- */

/* What it is where no phrase is known. */
static enum err_code code_of_status(bool over_ssh, int status, int signo, const struct words *words)
{
    if (signo == SIGPIPE)
        return ERR_STREAM_CUT; /* who read from it ended first */
    if (signo > 0 || status < 0)
        return ERR_DIED;
    if (status == SHELL_NOT_FOUND)
        return ERR_ZFS_MISSING;
    if (!over_ssh || status != SSH_FAILED)
        return ERR_ZFS;
    if (words->n == 0)
        return ERR_SSH_LOST; /* its shared connection went, or a signal ended the command there */
    for (size_t i = 0; i < words->n; i++)
        if (starts_with_any(words->v[i].s, COMPLAINTS, COUNT_OF(COMPLAINTS)) &&
            !text_starts_with(words->v[i].s, "ssh: "))
            return ERR_ZFS;
    return ERR_SSH;
}

static void describe(const struct words *words, enum err_code code, const char *host, int status,
                     int signo, struct str *out)
{
    if (code == ERR_SSH_HOSTKEY_UNKNOWN || code == ERR_SSH_HOSTKEY_CHANGED) {
        describe_host_key(words, code, host, out);
        return;
    }
    add_words(words, out);
    if (signo > 0)
        str_add_format(out, "%swas ended by signal %d (%s)", out->len > 0 ? "; " : "", signo,
                       signal_name(signo));
    else if (out->len == 0)
        str_add_format(out, "exited with status %d without a word", status);
}

int classify_failure(bool over_ssh, const char *host, int status, int signo, const char *text,
                     struct err *e)
{
    struct words words;
    struct str message;
    enum err_code code = ERR_NONE;
    size_t decided = 0;
    if (signo == 0 && status > SHELL_SIGNALLED && status <= SHELL_SIGNALLED + SIGNAL_MAX)
        signo = status - SHELL_SIGNALLED;
    words_init(&words, text);
    if (over_ssh && status == SSH_FAILED)
        code = find_code(&words, SSH_RULES, COUNT_OF(SSH_RULES), &decided);
    if (code == ERR_NONE)
        code = find_code(&words, ZFS_RULES, COUNT_OF(ZFS_RULES), &decided);
    if (code != ERR_NONE)
        skip_banner(&words, decided);
    else
        code = code_of_status(over_ssh, status, signo, &words);

    str_init(&message);
    describe(&words, code, host, status, signo, &message);
    if (over_ssh && host[0] != '\0' && strstr(message.s, host) == NULL)
        err_set(e, code, "%s: %s", host, message.s);
    else
        err_set(e, code, "%s", message.s);
    str_fini(&message);
    words_fini(&words);
    return -1;
}
