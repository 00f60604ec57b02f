#include "libcurl.h"

#include "library.h"

struct libcurl libcurl;

#define LIBCURL_PLACE(name) {"curl_" #name, offsetof(struct libcurl, name)},

static const struct library_function FUNCTIONS[] = {LIBCURL_FUNCTIONS(LIBCURL_PLACE)};

int libcurl_load(struct err *e)
{
    static struct library library = {.file = "libcurl.so.4",
                                     .functions = FUNCTIONS,
                                     .count = sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]),
                                     .pointers = &libcurl};
    return library_load(&library, e);
}
