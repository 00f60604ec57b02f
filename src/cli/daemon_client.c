#include "daemon_client.h"

#include <jansson.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "instance.h"
#include "libcurl.h"
#include "text.h"

/* The longest line of an answer that is shown. */
#define WORDS_MAX 2000

/* One way to the daemon. */
struct way {
    const char *socket; /* NULL: by the address */
    const char *base;   /* "http://127.0.0.1:8888" */
    const char *token;  /* "": none */
    const char *cert;   /* of the daemon, for https; "": none */
    bool loopback;
};

struct transfer {
    const struct daemon *daemon;
    struct str body;
    bool too_long;
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;
    if (len > DAEMON_ANSWER_MAX - transfer->body.len) {
        transfer->too_long = true;
        return CURL_WRITEFUNC_ERROR;
    }
    str_add_bytes(&transfer->body, data, len);
    return len;
}

static int watch_stop(void *arg, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
                      curl_off_t sent)
{
    const struct transfer *transfer = arg;
    (void)to_get, (void)got, (void)to_send, (void)sent;
    return transfer->daemon->stop != NULL && *transfer->daemon->stop != 0;
}

/*
 * The daemon's own certificate, with the chain in its file, is the one authority: no other that the
 * system trusts passes. It does not have the name of the loopback address, which is why the name
 * is not looked at there, and only there.
 */
static void set_tls(CURL *curl, const struct way *way)
{
    libcurl.easy_setopt(curl, CURLOPT_CAINFO, way->cert);
    libcurl.easy_setopt(curl, CURLOPT_CAPATH, (char *)NULL);
    libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    libcurl.easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, way->loopback ? 0L : 2L);
}

static void set_request(CURL *curl, const struct way *way, bool post, const char *url)
{
    libcurl.easy_setopt(curl, CURLOPT_URL, url);
    libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, way->cert[0] == '\0' ? "http" : "https");
    libcurl.easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    libcurl.easy_setopt(curl, CURLOPT_PROXY, "");
    libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    libcurl.easy_setopt(curl, CURLOPT_USERAGENT, "backupd");
    libcurl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)DAEMON_CONNECT_TIMEOUT);
    libcurl.easy_setopt(curl, CURLOPT_TIMEOUT,
                        post ? (long)DAEMON_ACT_TIMEOUT : DAEMON_READ_TIMEOUT);
    libcurl.easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)DAEMON_ANSWER_MAX);
    if (way->socket != NULL)
        libcurl.easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, way->socket);
    if (way->cert[0] != '\0')
        set_tls(curl, way);
    if (post) {
        libcurl.easy_setopt(curl, CURLOPT_POST, 1L);
        libcurl.easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        libcurl.easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
}

/* Says why there is no answer; `connected`: there was somebody. Always returns -1. */
static int say_failure(const struct way *way, bool post, const struct transfer *transfer,
                       bool connected, CURLcode rc, const char *words, struct err *e)
{
    const char *where = way->socket != NULL ? way->socket : way->base;
    if (words[0] == '\0')
        words = libcurl.easy_strerror(rc);
    if (transfer->too_long)
        rc = CURLE_FILESIZE_EXCEEDED;
    if (rc == CURLE_OPERATION_TIMEDOUT && !connected)
        rc = CURLE_COULDNT_CONNECT;
    switch (rc) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(e, ERR_NO_DAEMON,
                       "no daemon answers, neither at this configuration's socket nor at %s (%s)",
                       where, words);
    case CURLE_FILESIZE_EXCEEDED:
        return err_set(e, ERR_LIMIT, "%s answers with more than %d MiB", where,
                       DAEMON_ANSWER_MAX / (1024 * 1024));
    case CURLE_ABORTED_BY_CALLBACK:
        return err_set(e, ERR_INTERRUPTED, "interrupted");
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_SYSTEM, "%s does not answer in %d s%s", where,
                       post ? DAEMON_ACT_TIMEOUT : DAEMON_READ_TIMEOUT,
                       post ? "; it may still be done" : "");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        /* In the runtime folder nobody else has a socket; at the address there may be anything. */
        return err_set(e, way->socket != NULL ? ERR_PROTOCOL : ERR_NO_DAEMON,
                       "what answers at %s is not backupd: %s", where, words);
    default:
        return err_set(e, ERR_SYSTEM, "cannot ask %s: %s", where, words);
    }
}

static int perform(CURL *curl, const struct way *way, bool post, struct transfer *transfer,
                   long *ret_status, struct err *e)
{
    char words[CURL_ERROR_SIZE] = "";
    curl_off_t connected = 0; /* in microseconds */
    libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    libcurl.easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    libcurl.easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_stop);
    libcurl.easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    libcurl.easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    CURLcode rc = libcurl.easy_perform(curl);
    libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, (char *)NULL);
    libcurl.easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
    if (rc != CURLE_OK)
        return say_failure(way, post, transfer, connected != 0, rc, words, e);
    libcurl.easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    return 0;
}

static struct curl_slist *headers_new(const char *token)
{
    struct str header;
    if (token[0] == '\0')
        return NULL;
    str_init(&header);
    str_add_format(&header, "Authorization: Bearer %s", token);
    struct curl_slist *headers = libcurl.slist_append(NULL, header.s);
    str_fini(&header);
    return headers;
}

static int ask_by(const struct way *way, const struct daemon *daemon, bool post, const char *target,
                  struct daemon_answer *ret, struct err *e)
{
    struct transfer transfer = {.daemon = daemon};
    struct str url;
    long status = 0;
    int rc = -1;
    CURL *curl = libcurl.easy_init();
    if (curl == NULL)
        return err_set(e, ERR_SYSTEM, "cannot start libcurl");
    struct curl_slist *headers = headers_new(way->token);
    str_init(&url);
    str_init(&transfer.body);
    str_add_format(&url, "%s%s", way->base, target);
    set_request(curl, way, post, url.s);
    libcurl.easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (perform(curl, way, post, &transfer, &status, e) == 0) {
        ret->status = status;
        ret->body = transfer.body;
        rc = 0;
    } else {
        str_fini(&transfer.body);
    }
    str_fini(&url);
    libcurl.easy_cleanup(curl);
    libcurl.slist_free_all(headers);
    return rc;
}

/* Fails with ERR_NO_DAEMON where there is no socket that we can use. */
static int ask_by_socket(const struct daemon *daemon, bool post, const char *target,
                         struct daemon_answer *ret, struct err *e)
{
    char path[INSTANCE_PATH_MAX];
    struct way way = {
        .socket = path, .base = "http://localhost", .token = "", .cert = "", .loopback = true};
    if (instance_path(daemon->config_path, INSTANCE_SOCKET, path, e) != 0 ||
        strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return err_set(e, ERR_NO_DAEMON, "there is no socket");
    return ask_by(&way, daemon, post, target, ret, e);
}

/* ---- by the address ---- */

int daemon_connect_to(const char *addr, struct str *out, struct err *e)
{
    const char *colon = strrchr(addr, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - addr);
    uint64_t port;
    bool bracketed = len >= 2 && addr[0] == '[' && addr[len - 1] == ']';
    const char *host = bracketed ? addr + 1 : addr;
    len = bracketed ? len - 2 : len;
    bool v6 = memchr(host, ':', len) != NULL;
    /* What else stands there would end the host in a URL. */
    if (colon == NULL || text_parse_u64(colon + 1, strlen(colon + 1), &port) != 0 || port > 65535 ||
        bracketed != v6 ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") < len)
        return err_set(e, ERR_USAGE, "-addr \"%.100s\" is not HOST:PORT, as in 127.0.0.1:8888",
                       addr);
    if (len == 0 || (len == 7 && memcmp(host, "0.0.0.0", len) == 0))
        str_add(out, "127.0.0.1");
    else if (len == 2 && memcmp(host, "::", len) == 0)
        str_add(out, "[::1]");
    else
        str_add_format(out, v6 ? "[%.*s]" : "%.*s", (int)len, host);
    str_add(out, colon);
    return 0;
}

static bool is_loopback(const char *host_port)
{
    return text_starts_with(host_port, "127.") || text_starts_with(host_port, "[::1]:") ||
           text_starts_with(host_port, "localhost:");
}

/*
 * At an address there may be somebody else, or the daemon of another configuration, and neither
 * its state nor its snapshots are what was asked for.
 */
static int check_root(const struct way *way, const struct config *config,
                      const struct daemon_answer *state, struct err *e)
{
    struct str shown;
    const char *wanted = config->side[SIDE_LOCAL].root;
    json_t *json = json_loadb(state->body.s, state->body.len, 0, NULL);
    const char *root = json_string_value(json_object_get(json_object_get(json, "local"), "root"));
    int rc = 0;
    str_init(&shown);
    str_add_escaped(&shown, root == NULL ? "" : root);
    if (root == NULL)
        rc = err_set(e, ERR_NO_DAEMON, "what answers at %s is not backupd", way->base);
    else if (strcmp(root, wanted) != 0)
        rc = err_set(e, ERR_NO_DAEMON,
                     "the daemon at %s is another one: it looks after %.255s, and this "
                     "configuration is for %s",
                     way->base, shown.s, wanted);
    str_fini(&shown);
    json_decref(json);
    return rc;
}

static int ask_checked(const struct way *way, const struct daemon *daemon,
                       const struct config *config, bool post, const char *target,
                       struct daemon_answer *ret, struct err *e)
{
    struct daemon_answer answer = {.status = 0};
    if (ask_by(way, daemon, false, DAEMON_STATE, &answer, e) != 0)
        return -1;
    if (answer.status == 200 && check_root(way, config, &answer, e) != 0) {
        daemon_answer_fini(&answer);
        return -1;
    }
    if (answer.status != 200 || (!post && strcmp(target, DAEMON_STATE) == 0)) {
        *ret = answer;
        return 0;
    }
    daemon_answer_fini(&answer);
    return ask_by(way, daemon, post, target, ret, e);
}

/* Loads what says how to speak with the address. */
static int load_config(const char *path, struct config *ret, struct err *e)
{
    struct str errors;
    str_init(&errors);
    int rc = config_load(path, ret, &errors);
    if (rc != 0)
        err_set(e, ERR_CONFIG,
                "the daemon's socket is not there for this user, and for its address the "
                "configuration is needed: %.*s",
                (int)strcspn(errors.s, "\n"), errors.s);
    str_fini(&errors);
    return rc;
}

static int ask_by_address(const struct daemon *daemon, bool post, const char *target,
                          struct daemon_answer *ret, struct err *e)
{
    struct config config;
    struct str base;
    if (load_config(daemon->config_path, &config, e) != 0)
        return -1;
    str_init(&base);
    bool tls = config.web_tls_cert[0] != '\0';
    str_add(&base, tls ? "https://" : "http://");
    size_t scheme = base.len;
    int rc = daemon_connect_to(daemon->addr == NULL ? DAEMON_ADDR : daemon->addr, &base, e);
    if (rc == 0) {
        bool loopback = is_loopback(base.s + scheme);
        /* Any user of this machine may listen at a free port, and without TLS we cannot know who
         * does before the token is sent. The daemon does not ask for it from here. */
        struct way way = {.base = base.s,
                          .token = loopback && !tls ? "" : config.web_token,
                          .cert = config.web_tls_cert,
                          .loopback = loopback};
        rc = ask_checked(&way, daemon, &config, post, target, ret, e);
    }
    str_fini(&base);
    config_fini(&config);
    return rc;
}

int daemon_ask(const struct daemon *daemon, bool post, const char *target,
               struct daemon_answer *ret, struct err *e)
{
    if (libcurl_load(e) != 0)
        return -1;
    if (libcurl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, ERR_SYSTEM, "cannot start libcurl");
    int rc = ask_by_socket(daemon, post, target, ret, e);
    if (rc != 0 && e->code == ERR_NO_DAEMON) {
        err_clear(e);
        rc = ask_by_address(daemon, post, target, ret, e);
    }
    libcurl.global_cleanup();
    return rc;
}

/* ---- the answer ---- */

void daemon_answer_fini(struct daemon_answer *answer)
{
    str_fini(&answer->body);
}

void daemon_answer_words(const struct daemon_answer *answer, struct str *out)
{
    struct str line;
    str_init(&line);
    json_t *json = json_loadb(answer->body.s, answer->body.len, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(json, "error"), "text"));
    if (text == NULL)
        text = answer->body.s;
    str_add_bytes(&line, text, strcspn(text, "\r\n"));
    str_cut(&line, text_fit(line.s, WORDS_MAX));
    if (line.len > 0)
        str_add_escaped(out, line.s);
    else
        str_add_format(out, "the daemon answers with HTTP status %ld and not a word",
                       answer->status);
    json_decref(json);
    str_fini(&line);
}
