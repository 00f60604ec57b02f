/* What the engine believes of the web role, and the web role of the engine; the first byte chooses. What is believed
 * is written the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "role_json.h"
#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_command(const char *line, size_t len)
{
    struct role_command command, again;
    struct str text;
    if (role_command_decode(line, len, &command, NULL) != 0)
        return;
    str_init(&text);
    role_command_encode(&command, &text);
    if (text.len > ROLE_COMMAND_MAX || role_command_decode(text.s, text.len, &again, NULL) != 0 ||
        again.kind != command.kind || again.id != command.id ||
        strcmp(again.type, command.type) != 0)
        abort();
    str_fini(&text);
}

static void try_answer(const char *line, size_t len)
{
    struct role_answer answer, again;
    struct str text;
    if (role_answer_decode(line, len, &answer, NULL) != 0 || answer.is_ready)
        return;
    str_init(&text);
    role_answer_encode(answer.id, answer.status, answer.text, &text);
    if (!role_is_answer(text.s) || role_answer_decode(text.s, text.len, &again, NULL) != 0 ||
        again.id != answer.id || again.status != answer.status)
        abort();
    str_fini(&text);
}

static void try_settings(const char *line, size_t len)
{
    struct settings settings, again;
    struct str first, second;
    if (settings_parse(line, len, &settings, NULL) != 0)
        return;
    str_init(&first);
    str_init(&second);
    settings_encode(&settings, &first);
    if (settings_parse(first.s, first.len, &again, NULL) != 0)
        abort();
    settings_encode(&again, &second);
    if (strcmp(first.s, second.s) != 0)
        abort();
    settings_fini(&settings);
    settings_fini(&again);
    str_fini(&first);
    str_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *line = (const char *)data + 1;
    if (data[0] == 'c')
        try_command(line, size - 1);
    else if (data[0] == 'a')
        try_answer(line, size - 1);
    else
        try_settings(line, size - 1);
    return 0;
}
