/* The file "@" of a dataset: a line an object, a letter first, the columns separated by tabs. */
#ifndef SIM_STATEFILE_H
#define SIM_STATEFILE_H

#include "state.h"
#include "str.h"

/* Reads the `len` bytes at `text`. A line that is not understood ends the program. */
struct dataset *statefile_read(const char *name, const char *text, size_t len);

void statefile_write(const struct dataset *ds, struct str *out);

/* Appends a number. Much faster than a format. */
void add_u64(struct str *out, uint64_t value);

#endif
