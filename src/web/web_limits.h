/* What a client may take of the web role. Every number that a client could push against is here. */
#ifndef BACKUPD_WEB_WEB_LIMITS_H
#define BACKUPD_WEB_WEB_LIMITS_H

/* Connections, and of them from one address that is not this machine. */
#define WEB_CONNECTIONS_MAX 4096
#define WEB_PER_ADDRESS_MAX 256

/* Bytes of a request's head, and of its body, which nothing here needs. */
#define WEB_HEADER_MAX 16384
#define WEB_BODY_MAX   4096

/* Seconds in which a request must have arrived as a whole, from the connection's begin or the end
 * of the request before; a connection without one is closed then. */
#define WEB_REQUEST_SECONDS 20

/* Seconds without any byte after which a connection is closed, but for streams. */
#define WEB_SILENCE_SECONDS 30

/* Seconds that a long poll waits, and that a command of the engine may take. */
#define WEB_POLL_SECONDS    300
#define WEB_COMMAND_SECONDS 300

/* Requests that may wait for the engine at a time. */
#define WEB_COMMANDS_MAX 16

/* Seconds between comments in a stream, which keep it alive through whatever is in between. */
#define WEB_KEEPALIVE_SECONDS 15

/* Seconds after which a page hears of the time that has passed, where nothing else has happened. */
#define WEB_JUDGE_SECONDS 30

/* Milliseconds between two messages of the stream of changes, and from an event to its frame. */
#define WEB_FLUSH_MS 100

/* What is kept of a stream for clients that come back. */
#define WEB_STREAM_FRAMES_MAX 16384
#define WEB_STREAM_BYTES_MAX  8388608

/* Address space of the process; a projection of a million snapshots takes some 100 MiB. */
#define WEB_MEMORY_MAX 2147483648U

/* Lines that are logged in a minute; what is beyond is counted. */
#define WEB_LOG_LINES 30

/* Wrong tokens from an address before it is slowed down, and the longest wait, in seconds. */
#define WEB_FAILURES_FREE 3
#define WEB_DELAY_MAX     60

/* Addresses whose failures are remembered. */
#define WEB_FAILURES_KNOWN 256

#endif
