/*
 * A look at TOML text before the parser gets it, for what the parser cannot be given.
 *
 * toml++ builds and frees its tree by recursion, and bounds only the depth of brackets, so a key of
 * a hundred thousand parts would overflow the stack. And toml++ 3.3 fails an assertion, without a
 * place, on a table's name that begins with what no name has.
 */
#ifndef BACKUPD_CONFIG_TOML_SCAN_H
#define BACKUPD_CONFIG_TOML_SCAN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOML_SCAN_BRACKETS_MAX 32
#define TOML_SCAN_PARTS_MAX    32

/* Where something stands in the file; both count from 1, columns in characters. */
struct place {
    unsigned line, column;
};

/*
 * What is wrong with the `len` bytes at `text`, which are UTF-8, and in `ret` the place; NULL
 * where the parser can have them. The result is static. On text that is no TOML it may err, but
 * only behind the place where the parser stops.
 */
const char *toml_scan(const char *text, size_t len, struct place *ret);

#ifdef __cplusplus
}
#endif

#endif
