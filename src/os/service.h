/*
 * What a service manager wants to know: the protocol of sd_notify(3), which is one datagram to the
 * socket that $NOTIFY_SOCKET names. Without that variable all of this does nothing.
 */
#ifndef BACKUPD_OS_SERVICE_H
#define BACKUPD_OS_SERVICE_H

#include <stdint.h>

/*
 * Sends `message`, which is lines like "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1". Never
 * waits. One that cannot be sent is lost without a word: there is nobody who could be told.
 */
void service_notify(const char *message);

/*
 * Sends "STATUS=" and the formatted text as one line: control characters become spaces, and what is
 * too long is cut.
 */
void service_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * How often service_notify("WATCHDOG=1") is due, in milliseconds: half of what the manager waits
 * for. 0 where it does not watch, or watches another process.
 */
int64_t service_watchdog_ms(void);

#endif
