#include "libmhd.h"

#include "library.h"

struct libmhd libmhd;

#define LIBMHD_PLACE(name) {"MHD_" #name, offsetof(struct libmhd, name)},

static const struct library_function FUNCTIONS[] = {LIBMHD_FUNCTIONS(LIBMHD_PLACE)};

int libmhd_load(struct err *e)
{
    static struct library library = {.file = "libmicrohttpd.so.12",
                                     .functions = FUNCTIONS,
                                     .count = sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]),
                                     .pointers = &libmhd};
    return library_load(&library, e);
}
