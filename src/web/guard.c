#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "web_limits.h"

/* The longest token with its user that is decoded. */
#define CREDENTIALS_MAX 2048

/* Wrong tokens from one network. */
struct failures {
    char network[GUARD_NETWORK_SIZE];
    unsigned count;
    int64_t newest_ms;
};

struct guard {
    const struct settings *settings;
    struct failures known[WEB_FAILURES_KNOWN];
};

struct guard *guard_new(const struct settings *settings)
{
    struct guard *guard = mem_zalloc(1, sizeof(*guard));
    guard->settings = settings;
    return guard;
}

void guard_free(struct guard *guard)
{
    free(guard);
}

/* ---- addresses ---- */

static bool is_v4_loopback(const struct in_addr *address)
{
    return ntohl(address->s_addr) >> 24 == 127;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_v4_loopback(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    struct in_addr v4;
    memcpy(&v4, v6->s6_addr + 12, sizeof(v4));
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && is_v4_loopback(&v4));
}

void guard_address(const struct sockaddr *address, char *ret, size_t size)
{
    const void *at = NULL;
    ret[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET)
        at = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address != NULL && address->sa_family == AF_INET6)
        at = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (at != NULL && inet_ntop(address->sa_family, at, ret, (socklen_t)size) == NULL)
        ret[0] = '\0';
}

void guard_network(const struct sockaddr *address, char ret[GUARD_NETWORK_SIZE])
{
    struct sockaddr_in6 v6;
    if (address == NULL || address->sa_family != AF_INET6) {
        guard_address(address, ret, GUARD_NETWORK_SIZE);
        return;
    }
    memcpy(&v6, address, sizeof(v6));
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        memset(v6.sin6_addr.s6_addr + 8, 0, 8);
    guard_address((const struct sockaddr *)&v6, ret, GUARD_NETWORK_SIZE);
}

bool guard_is_here(const struct sockaddr *peer, const struct sockaddr *own)
{
    char far[INET6_ADDRSTRLEN];
    char near[INET6_ADDRSTRLEN];
    if (peer == NULL)
        return false;
    if (is_loopback(peer))
        return true;
    guard_address(peer, far, sizeof(far));
    guard_address(own, near, sizeof(near));
    return far[0] != '\0' && strcmp(far, near) == 0;
}

/* ---- names ---- */

/* The host of "HOST", "HOST:PORT" or "[V6]:PORT". False where it is none of these. */
static bool split_host(const char *text, char *ret, size_t size)
{
    const char *begin = text;
    size_t len;
    if (text[0] == '[') {
        begin++;
        len = strcspn(begin, "]");
        if (begin[len] != ']')
            return false;
        text = begin + len + 1;
    } else {
        len = strcspn(begin, ":");
        text = begin + len;
    }
    if (len == 0 || len >= size || (*text != '\0' && *text != ':') ||
        (*text == ':' && text[1 + strspn(text + 1, "0123456789")] != '\0'))
        return false;
    memcpy(ret, begin, len);
    ret[len] = '\0';
    return true;
}

static bool is_address(const char *host)
{
    unsigned char buf[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

/* Names may end with the dot of the root zone. */
static size_t name_len(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

static bool is_same_name(const char *a, const char *b)
{
    size_t len = name_len(a);
    return len > 0 && name_len(b) == len && strncasecmp(a, b, len) == 0;
}

static bool is_served(const struct settings *settings, const char *header)
{
    char host[256];
    if (header == NULL || !split_host(header, host, sizeof(host)))
        return false;
    if (is_address(host) || is_same_name(host, "localhost") ||
        is_same_name(host, settings->own_name))
        return true;
    /* Its name without the domain is its name too. */
    size_t first = strcspn(settings->own_name, ".");
    if (first > 0 && strlen(host) == first && strncasecmp(host, settings->own_name, first) == 0)
        return true;
    for (size_t i = 0; i < settings->hosts.n; i++)
        if (is_same_name(host, settings->hosts.v[i]))
            return true;
    return false;
}

/* A proxy may speak TLS in our stead, so that of an unencrypted connection the page may be either. */
static bool is_own_origin(const struct guard_request *request)
{
    static const char *const SCHEMES[] = {"https://", "http://"};
    for (size_t i = 0; i < (request->is_tls ? 1 : 2); i++) {
        size_t len = strlen(SCHEMES[i]);
        if (strncasecmp(request->origin, SCHEMES[i], len) == 0 &&
            strcasecmp(request->origin + len, request->host) == 0)
            return true;
    }
    return false;
}

/* ---- tokens ---- */

bool guard_same_secret(const char *given, const char *secret)
{
    size_t len = strlen(given);
    size_t secret_len = strlen(secret);
    unsigned char difference = len == secret_len ? 0 : 1;
    for (size_t i = 0; i < len; i++) {
        /* beyond its end the secret is compared with its own terminating NUL */
        char c = secret[i < secret_len ? i : secret_len];
        difference = (unsigned char)(difference | ((unsigned char)given[i] ^ (unsigned char)c));
    }
    return difference == 0;
}

static int base64_value(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(DIGITS, c);
    return at == NULL ? -1 : (int)(at - DIGITS);
}

/* Decodes `text` into `ret`, as a string. False where it is not base64 or does not fit. */
static bool base64_decode(const char *text, char *ret, size_t size)
{
    unsigned bits = 0;
    unsigned held = 0;
    size_t len = 0;
    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);
        if (value < 0)
            return false;
        held = (held << 6 | (unsigned)value) & 0xffffU;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (len + 1 >= size)
            return false;
        ret[len++] = (char)(held >> bits & 0xffU);
    }
    ret[len] = '\0';
    return strlen(ret) == len;
}

/* The header's scheme is `name`: what follows it, or NULL. */
static const char *after_scheme(const char *header, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(header, name, len) != 0 || header[len] != ' ')
        return NULL;
    return header + len + strspn(header + len, " ");
}

static bool is_token_right(const char *header, const char *token)
{
    char buf[CREDENTIALS_MAX];
    const char *bearer = after_scheme(header, "Bearer");
    if (bearer != NULL)
        return guard_same_secret(bearer, token);
    const char *basic = after_scheme(header, "Basic");
    if (basic == NULL || !base64_decode(basic, buf, sizeof(buf)))
        return false;
    const char *colon = strchr(buf, ':');
    return colon != NULL && guard_same_secret(colon + 1, token);
}

/* ---- failures ---- */

/* The record of a network, or the one that is to make room for it. */
static struct failures *failures_of(struct guard *guard, const char *network, bool *ret_known)
{
    struct failures *oldest = &guard->known[0];
    for (size_t i = 0; i < WEB_FAILURES_KNOWN; i++) {
        struct failures *known = &guard->known[i];
        *ret_known = known->count > 0 && strcmp(known->network, network) == 0;
        if (*ret_known)
            return known;
        if (known->count == 0 ? oldest->count != 0
                              : oldest->count != 0 && known->newest_ms < oldest->newest_ms)
            oldest = known;
    }
    return oldest;
}

static void note_failure(struct guard *guard, const char *network, int64_t now_ms)
{
    bool known;
    struct failures *failures = failures_of(guard, network, &known);
    if (!known) {
        *failures = (struct failures){.count = 0};
        snprintf(failures->network, sizeof(failures->network), "%s", network);
    }
    if (failures->count < 1000)
        failures->count++;
    failures->newest_ms = now_ms;
}

/* How long a network has to wait still, in seconds. */
static int64_t wait_left(struct guard *guard, const char *network, int64_t now_ms)
{
    bool known;
    struct failures *failures = failures_of(guard, network, &known);
    if (!known || failures->count <= WEB_FAILURES_FREE)
        return 0;
    unsigned doublings = failures->count - WEB_FAILURES_FREE - 1;
    int64_t delay = doublings > 6 ? WEB_DELAY_MAX : (int64_t)1 << doublings;
    if (delay > WEB_DELAY_MAX)
        delay = WEB_DELAY_MAX;
    int64_t left_ms = failures->newest_ms + delay * 1000 - now_ms;
    return left_ms <= 0 ? 0 : (left_ms + 999) / 1000;
}

static void forget_failures(struct guard *guard, const char *network)
{
    bool known;
    struct failures *failures = failures_of(guard, network, &known);
    if (known)
        failures->count = 0;
}

/* ---- the decision ---- */

static enum guard_answer check_token(struct guard *guard, const struct guard_request *request,
                                     int64_t now_ms, const char **ret_why, bool *ret_alarm,
                                     int64_t *ret_wait)
{
    char network[GUARD_NETWORK_SIZE];
    guard_network(request->peer, network);
    *ret_wait = wait_left(guard, network, now_ms);
    if (*ret_wait > 0) {
        *ret_why = "too many wrong tokens came from this address: wait";
        return GUARD_WAIT;
    }
    if (is_token_right(request->authorization, guard->settings->token)) {
        forget_failures(guard, network);
        return GUARD_YES;
    }
    note_failure(guard, network, now_ms);
    *ret_why = "the token is wrong";
    *ret_alarm = true;
    return GUARD_WHO_ARE_YOU;
}

enum guard_answer guard_check(struct guard *guard, const struct guard_request *request,
                              int64_t now_ms, const char **ret_why, bool *ret_alarm,
                              int64_t *ret_wait)
{
    const struct settings *settings = guard->settings;
    bool here = guard_is_here(request->peer, request->own);
    *ret_why = "";
    *ret_alarm = false;
    if (request->is_unix)
        return GUARD_YES;
    if (!is_served(settings, request->host)) {
        *ret_why = "this daemon does not answer to that Host: see hosts under [web]";
        *ret_alarm = true;
        return GUARD_WRONG_HOST;
    }
    if (request->origin != NULL && !is_own_origin(request)) {
        *ret_why = "requests from other pages are refused";
        *ret_alarm = true;
        return GUARD_NO;
    }
    if (settings->token[0] != '\0' && request->authorization != NULL)
        return check_token(guard, request, now_ms, ret_why, ret_alarm, ret_wait);
    if (here)
        return GUARD_YES;
    if (settings->token[0] != '\0') {
        *ret_why = "the token is needed: the password, or Authorization: Bearer TOKEN";
        return GUARD_WHO_ARE_YOU;
    }
    if (!request->is_post)
        return GUARD_YES;
    *ret_why = "from beyond the daemon's machine this needs a token, and none is configured: see "
               "token under [web]";
    *ret_alarm = true;
    return GUARD_NO;
}
