/* What is used of libcurl, by the notifier and by the commands that ask the daemon; see library.h. */
#ifndef BACKUPD_ENGINE_LIBCURL_H
#define BACKUPD_ENGINE_LIBCURL_H

#include <curl/curl.h>

#include "err.h"

/* Names without their curl_: a function that is used must be among them. */
/* clang-format off */
#define LIBCURL_FUNCTIONS(use) \
    use(easy_cleanup) \
    use(easy_escape) \
    use(easy_getinfo) \
    use(easy_init) \
    use(easy_perform) \
    use(easy_setopt) \
    use(easy_strerror) \
    use(free) \
    use(global_cleanup) \
    use(global_init) \
    use(slist_append) \
    use(slist_free_all)
/* clang-format on */

#define LIBCURL_POINTER(name) __typeof__(curl_##name) *(name);

/* curl_NAME is libcurl.NAME. */
extern struct libcurl {
    LIBCURL_FUNCTIONS(LIBCURL_POINTER)
} libcurl;

/* Must have returned 0 before the first of them is called. Fails as library_load does. */
int libcurl_load(struct err *e);

#endif
