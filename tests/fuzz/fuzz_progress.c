/* Every line of the input. */
#include <stdint.h>
#include <stdlib.h>

#include "lines.h"
#include "progress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(void *arg, char *line, size_t len, struct err *e)
{
    (void)arg, (void)len, (void)e;
    uint64_t bytes = 17;
    enum progress_kind kind = progress_parse(line, &bytes);
    if (bytes != 17 && kind != PROGRESS_SIZE && kind != PROGRESS_SENT)
        abort(); /* a figure that means nothing was written */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines lines;
    lines_init(&lines, 4096);
    if (lines_feed(&lines, (const char *)data, size, parse, NULL, NULL) == 0)
        lines_end(&lines, parse, NULL, NULL);
    lines_fini(&lines);
    return 0;
}
