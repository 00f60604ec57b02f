/* What is used of libmicrohttpd; see library.h. */
#ifndef BACKUPD_WEB_LIBMHD_H
#define BACKUPD_WEB_LIBMHD_H

#include <microhttpd.h>

#include "err.h"

/* Names without their MHD_: a function that is used must be among them. */
/* clang-format off */
#define LIBMHD_FUNCTIONS(use) \
    use(add_connection) \
    use(add_response_header) \
    use(create_response_from_buffer) \
    use(create_response_from_buffer_with_free_callback) \
    use(create_response_from_callback) \
    use(destroy_response) \
    use(get_connection_info) \
    use(get_connection_values) \
    use(get_daemon_info) \
    use(get_timeout) \
    use(is_feature_supported) \
    use(lookup_connection_value) \
    use(queue_response) \
    use(resume_connection) \
    use(run) \
    use(set_connection_option) \
    use(start_daemon) \
    use(stop_daemon) \
    use(suspend_connection)
/* clang-format on */

#define LIBMHD_POINTER(name) __typeof__(MHD_##name) *(name);

/* MHD_NAME is libmhd.NAME. */
extern struct libmhd {
    LIBMHD_FUNCTIONS(LIBMHD_POINTER)
} libmhd;

/* Must have returned 0 before the first of them is called. Fails as library_load does. */
int libmhd_load(struct err *e);

#endif
