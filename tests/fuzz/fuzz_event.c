/* What is believed is written the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event event, again;
    struct event_memory *memory, *memory_again;
    struct str first, second;
    if (event_decode((const char *)data, size, &event, &memory, NULL) != 0)
        return 0;
    str_init(&first);
    str_init(&second);
    event_encode(&event, &first);
    if (event_decode(first.s, first.len, &again, &memory_again, NULL) != 0)
        abort();
    event_encode(&again, &second);
    if (strstr(first.s, " [cut]") == NULL && strcmp(first.s, second.s) != 0)
        abort();
    str_fini(&first);
    str_fini(&second);
    event_memory_free(memory);
    event_memory_free(memory_again);
    return 0;
}
