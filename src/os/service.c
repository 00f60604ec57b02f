#include "service.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

/* The longest status; systemctl shows one line of it. */
#define STATUS_MAX 512

/* The manager's socket. Returns the length of the address, or 0 where there is none. */
static socklen_t manager_address(struct sockaddr_un *ret)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name != NULL ? strlen(name) : 0;
    /* As sd_notify: a path, or a name in Linux's abstract namespace. */
    if (len < 2 || len >= sizeof(ret->sun_path) || (name[0] != '/' && name[0] != '@'))
        return 0;
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    memcpy(ret->sun_path, name, len);
    if (name[0] == '@')
        ret->sun_path[0] = '\0';
    /* An abstract name is all of its bytes, so that no NUL may be counted. */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void service_notify(const char *message)
{
    struct sockaddr_un address;
    socklen_t len = manager_address(&address);
    if (len == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&address, len);
    close(fd);
}

void service_status(const char *fmt, ...)
{
    static const char KEY[] = "STATUS=";
    char message[sizeof(KEY) + STATUS_MAX];
    va_list args;
    memcpy(message, KEY, sizeof(KEY));
    char *text = message + sizeof(KEY) - 1;
    va_start(args, fmt);
    (void)vsnprintf(text, STATUS_MAX, fmt, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == 0x7f)
            *at = ' ';
    }
    service_notify(message);
}

/* The number that the variable `name` holds. Returns 0, or -1 where there is none. */
static int number_from_environment(const char *name, uint64_t *ret)
{
    const char *text = getenv(name);
    return text != NULL ? text_parse_u64(text, strlen(text), ret) : -1;
}

int64_t service_watchdog_ms(void)
{
    uint64_t usec = 0;
    uint64_t pid = 0;
    if (number_from_environment("WATCHDOG_USEC", &usec) != 0)
        return 0;
    if (getenv("WATCHDOG_PID") != NULL &&
        (number_from_environment("WATCHDOG_PID", &pid) != 0 || pid != (uint64_t)getpid()))
        return 0;
    return (int64_t)(usec / 2000);
}
