/* The one place that knows what zfs and ssh say when they fail. */
#ifndef BACKUPD_CODEC_CLASSIFY_H
#define BACKUPD_CODEC_CLASSIFY_H

#include <stdbool.h>

#include "err.h"

/*
 * Fills `e` for a command that failed: the code by its words (tests/unit/data holds the real
 * texts of OpenZFS 2.1 and 2.3 and of OpenSSH), and a message made of the lines that matter,
 * joined by "; ", without progress lines, banners and usage texts.
 *
 * `over_ssh`: the command ran there through ssh, whose own failures exit 255. `host` is what to
 * name in the message and in the command that settles an unknown or changed host key ("" for
 * none). `status` is the exit status, -1 with `signo` where a signal ended it. `text` is what it
 * printed on stderr. Always returns -1.
 */
int classify_failure(bool over_ssh, const char *host, int status, int signo, const char *text,
                     struct err *e);

#endif
