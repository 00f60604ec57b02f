/* The first byte chooses the way and the status; the rest is the standard error. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "classify.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int STATUS[] = {1, 255, 127, -1};
    if (size < 1)
        return 0;
    char *words = mem_strndup((const char *)data + 1, size - 1);
    int status = STATUS[data[0] / 2 % 4];
    struct err e = ERR_INIT;
    int rc =
        classify_failure(data[0] % 2 == 0, "root@nas", status, status < 0 ? SIGKILL : 0, words, &e);
    if (rc != -1 || e.code == ERR_NONE || e.code >= ERR_CODE_COUNT || e.msg[0] == '\0')
        abort();
    for (const char *p = e.msg; *p != '\0'; p++)
        if (*p == '\n' || *p == '\033')
            abort();
    free(words);
    return 0;
}
