/* The input as the contents of a token, and as a token. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    struct token token;
    struct err e = ERR_INIT;
    if (token_parse(text, &token, &e) == 0 && strchr(token.to_name, '@') == NULL)
        abort();
    if (token_is_plausible(text) && strpbrk(text, " '\"\\$;&|\n\t") != NULL)
        abort(); /* it goes into an argv */
    free(text);
    return 0;
}
