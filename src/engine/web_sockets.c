#include "web_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "mem.h"
#include "settings.h"
#include "text.h"

void web_sockets_note(const struct web_sockets *sockets, enum event_level level, const char *fmt,
                      ...)
{
    char text[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sockets->on_note(sockets->arg, level, text);
}

/* The same complaint every minute would be noise. */
static void complain(const struct web_sockets *sockets, char before[ERR_MSG_MAX], const char *what,
                     const struct err *e)
{
    if (strcmp(before, e->msg) != 0)
        web_sockets_note(sockets, LEVEL_ERROR, "%s: %s; backups go on", what, e->msg);
    snprintf(before, ERR_MSG_MAX, "%s", e->msg);
}

void web_sockets_init(struct web_sockets *sockets, const char *addr, const char *unix_path,
                      web_note_fn *on_note, void *arg)
{
    *sockets = (struct web_sockets){
        .addr = addr, .unix_path = unix_path, .on_note = on_note, .arg = arg, .unix_fd = -1};
}

/* ---- the configuration ---- */

/* Reads a regular file of at most SETTINGS_PEM_MAX bytes from `fd` into `ret`. */
static int read_file(int fd, const char *path, char *ret, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set_sys(e, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > SETTINGS_PEM_MAX)
        return err_set(e, ERR_CONFIG, "%s is no file of 1 to %d bytes", path, SETTINGS_PEM_MAX);
    ssize_t len = read(fd, ret, SETTINGS_PEM_MAX);
    if (len < 0)
        return err_set_sys(e, errno, "cannot read %s", path);
    ret[len] = '\0';
    return 0;
}

/* The same of `path`; `ret` has room for a NUL behind it. */
static int read_pem(const char *path, char *ret, struct err *e)
{
    /* not to wait for whoever would write into a pipe */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set_sys(e, errno, "cannot open %s", path);
    int rc = read_file(fd, path, ret, e);
    close(fd);
    return rc;
}

static void read_certificate(struct web_sockets *sockets)
{
    const struct config *config = sockets->config;
    struct err e = ERR_INIT;
    free(sockets->tls_cert);
    free(sockets->tls_key);
    sockets->tls_cert = mem_zalloc(SETTINGS_PEM_MAX + 1, 1);
    sockets->tls_key = mem_zalloc(SETTINGS_PEM_MAX + 1, 1);
    sockets->is_refused = config->web_tls_cert[0] != '\0' &&
                          (read_pem(config->web_tls_cert, sockets->tls_cert, &e) != 0 ||
                           read_pem(config->web_tls_key, sockets->tls_key, &e) != 0);
    if (!sockets->is_refused)
        return;
    sockets->tls_cert[0] = sockets->tls_key[0] = '\0';
    web_sockets_note(
        sockets, LEVEL_ERROR,
        "the dashboard: %s, and without its certificate nothing is served at %s; mend that, then "
        "SIGHUP",
        e.msg, sockets->addr);
}

static bool is_local_only(const char *addr)
{
    return text_starts_with(addr, "127.") || text_starts_with(addr, "[::1]") ||
           text_starts_with(addr, "localhost:");
}

static void say_who_may_read(const struct web_sockets *sockets)
{
    if (sockets->config->web_token[0] == '\0' && !is_local_only(sockets->addr))
        web_sockets_note(
            sockets, LEVEL_WARNING,
            "no token is set under [web]: whoever reaches %s can read everything there; changes "
            "are accepted from this machine alone",
            sockets->addr);
}

void web_sockets_configure(struct web_sockets *sockets, const struct config *config)
{
    struct err e = ERR_INIT;
    sockets->config = config;
    read_certificate(sockets);
    if (sockets->addresses.count == 0 &&
        listen_look_up(sockets->addr, &sockets->addresses, &e) != 0)
        web_sockets_note(
            sockets, LEVEL_ERROR,
            "the dashboard: %s; it is looked up again at the next start or SIGHUP; backups go on",
            e.msg);
    say_who_may_read(sockets);
}

/* ---- sockets ---- */

static void open_unix(struct web_sockets *sockets)
{
    struct err e = ERR_INIT;
    if (sockets->unix_fd >= 0 || sockets->unix_path[0] == '\0')
        return;
    sockets->unix_fd = listen_unix(sockets->unix_path, &e);
    if (sockets->unix_fd < 0)
        complain(sockets, sockets->unix_error, "the commands status and snapshot", &e);
}

static void open_tcp(struct web_sockets *sockets)
{
    struct err e = ERR_INIT;
    if (sockets->tcp_count > 0 || sockets->addresses.count == 0 || sockets->is_refused)
        return;
    if (listen_open(&sockets->addresses, sockets->tcp, &sockets->tcp_count, &e) != 0) {
        sockets->tcp_count = 0;
        complain(sockets, sockets->tcp_error, "the dashboard", &e);
        return;
    }
    if (e.code != ERR_NONE)
        web_sockets_note(sockets, LEVEL_WARNING, "the dashboard: %s", e.msg);
    sockets->tcp_error[0] = '\0';
    const char *port = strrchr(sockets->addr, ':');
    bool everywhere = sockets->addr[0] == ':' || text_starts_with(sockets->addr, "0.0.0.0:") ||
                      text_starts_with(sockets->addr, "[::]:");
    web_sockets_note(sockets, LEVEL_INFO, "the dashboard is at %s://%s%s%s",
                     sockets->tls_cert[0] != '\0' ? "https" : "http", everywhere ? "localhost" : "",
                     everywhere ? port : sockets->addr,
                     everywhere ? ", and at every address of this machine" : "");
}

bool web_sockets_open(struct web_sockets *sockets)
{
    open_unix(sockets);
    open_tcp(sockets);
    bool has_unix = sockets->unix_fd >= 0 || sockets->unix_path[0] == '\0';
    return has_unix &&
           (sockets->tcp_count > 0 || sockets->addresses.count == 0 || sockets->is_refused);
}

void web_sockets_close(struct web_sockets *sockets)
{
    for (size_t i = 0; i < sockets->tcp_count; i++)
        close(sockets->tcp[i]);
    sockets->tcp_count = 0;
    if (sockets->unix_fd >= 0) {
        close(sockets->unix_fd);
        unlink(sockets->unix_path);
    }
    sockets->unix_fd = -1;
}

void web_sockets_fini(struct web_sockets *sockets)
{
    web_sockets_close(sockets);
    free(sockets->tls_cert);
    free(sockets->tls_key);
}

size_t web_sockets_list(const struct web_sockets *sockets, int ret_fds[LISTEN_MAX + 1])
{
    size_t n = 0;
    if (sockets->unix_fd >= 0)
        ret_fds[n++] = sockets->unix_fd;
    for (size_t i = 0; i < sockets->tcp_count; i++)
        ret_fds[n++] = sockets->tcp[i];
    return n;
}

/* ---- settings ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every type that a policy names and keeps, once. The strings are the policies'. */
static void collect_types(const struct config *config, struct settings_list *ret)
{
    ret->v = mem_zalloc(config->side[SIDE_LOCAL].policy.n + config->side[SIDE_REMOTE].policy.n,
                        sizeof(*ret->v));
    for (int side = 0; side < SIDE_COUNT; side++) {
        const struct policy *policy = &config->side[side].policy;
        for (size_t i = 0; i < policy->n && ret->n < SETTINGS_LIST_MAX; i++)
            if (policy->v[i].count > 0)
                ret->v[ret->n++] = policy->v[i].type;
    }
    qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < ret->n; i++)
        if (kept == 0 || strcmp(ret->v[kept - 1], ret->v[i]) != 0)
            ret->v[kept++] = ret->v[i];
    ret->n = kept;
}

void web_sockets_add_settings(const struct web_sockets *sockets, const char *version,
                              struct str *out)
{
    static char empty[] = "";
    const struct config *config = sockets->config;
    char own_name[HOST_NAME_SIZE];
    char own_version[64];
    snprintf(own_version, sizeof(own_version), "%s", version);
    host_own_name(own_name);
    struct settings settings = {
        .version = own_version,
        .local_root = config->side[SIDE_LOCAL].root,
        .remote_root = config_has_remote(config) ? config->side[SIDE_REMOTE].root : empty,
        .remote_host = config->ssh_host,
        .own_name = own_name,
        .token = config->web_token,
        .hosts = {.v = config->web_hosts.v, .n = config->web_hosts.n},
        .tls_cert = sockets->tls_cert,
        .tls_key = sockets->tls_key,
        .has_unix = sockets->unix_fd >= 0,
    };
    collect_types(config, &settings.types);
    settings_encode(&settings, out);
    free(settings.types.v);
}
