/* The headers that decide who may ask: lines of Host, Origin and Authorization, and of whom they come from. Whoever is
 * let in has the token where one is needed, asks for a name that is ours, and comes from no other page. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guard.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char token[] = "tok:en";
static char none[] = "";
static char own_name[] = "nas.example";
static char host[] = "other.example";
static char *hosts[] = {host};

/* Cuts off the next line; NULL where there is none, or it is empty. */
static const char *take_line(char **text)
{
    char *line = *text;
    if (line == NULL)
        return NULL;
    char *end = strchr(line, '\n');
    *text = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
    return line[0] == '\0' ? NULL : line;
}

static void check(const struct guard_request *asked, const struct settings *settings, bool here)
{
    if (asked->host == NULL)
        abort();
    if (asked->origin != NULL) {
        bool is_https = strncasecmp(asked->origin, "https://", 8) == 0;
        if ((asked->is_tls && !is_https) ||
            strcasecmp(asked->origin + (is_https ? 8 : 7), asked->host) != 0)
            abort();
    }
    if (settings->token[0] == '\0') {
        if (asked->is_post && !here)
            abort();
        return;
    }
    if (!here && asked->authorization == NULL)
        abort();
    if (asked->authorization != NULL && strncasecmp(asked->authorization, "Basic", 5) != 0 &&
        strstr(asked->authorization, token) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t flags = data[0];
    char *text = mem_strndup((const char *)data + 1, size - 1);
    char *rest = text;
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_addr.s_addr =
                                   htonl((flags & 1) != 0 ? 0x7f000001 : 0xc0000207)};
    struct settings settings = {.token = (flags & 2) != 0 ? token : none,
                                .own_name = own_name,
                                .hosts = {.v = hosts, .n = 1}};
    struct guard_request asked = {.is_post = (flags & 4) != 0,
                                  .is_tls = (flags & 8) != 0,
                                  .peer = (const struct sockaddr *)&peer};
    asked.host = take_line(&rest);
    asked.origin = take_line(&rest);
    asked.authorization = take_line(&rest);
    const char *why = NULL;
    bool alarm = false;
    int64_t wait = 0;
    struct guard *guard = guard_new(&settings);
    for (int64_t now = 0; now < 8; now++) {
        enum guard_answer answer = guard_check(guard, &asked, now, &why, &alarm, &wait);
        if (answer == GUARD_YES)
            check(&asked, &settings, (flags & 1) != 0);
        else if (why == NULL || why[0] == '\0' || (answer == GUARD_WAIT && wait <= 0))
            abort();
    }
    guard_free(guard);
    free(text);
    return 0;
}
