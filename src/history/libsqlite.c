#include "libsqlite.h"

#include "library.h"

struct libsqlite libsqlite;

#define LIBSQLITE_PLACE(name) {"sqlite3_" #name, offsetof(struct libsqlite, name)},

static const struct library_function FUNCTIONS[] = {LIBSQLITE_FUNCTIONS(LIBSQLITE_PLACE)};

int libsqlite_load(struct err *e)
{
    static struct library library = {.file = "libsqlite3.so.0",
                                     .functions = FUNCTIONS,
                                     .count = sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]),
                                     .pointers = &libsqlite};
    return library_load(&library, e);
}
