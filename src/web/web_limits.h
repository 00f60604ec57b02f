/* What a client may take of the web role. Every number that a client could push against is here. */
#ifndef BACKUPD_WEB_WEB_LIMITS_H
#define BACKUPD_WEB_WEB_LIMITS_H

/* Connections, and of them from one address that is not this machine. */
#define WEB_CONNECTIONS_MAX 4096
#define WEB_PER_ADDRESS_MAX 256

/* Connections of the Unix socket, which is root's alone, besides all of those. */
#define WEB_CONNECTIONS_UNIX 32

/* Bytes of a request's head, and of its body, which nothing here needs. */
#define WEB_HEADER_MAX 16384
#define WEB_BODY_MAX   4096

/* Seconds in which a request must have arrived as a whole, from the connection's begin or the end
 * of the request before; a connection without one is closed then. */
#define WEB_REQUEST_SECONDS 20

/* The same while so many connections are open that there is little room for others. */
#define WEB_CONNECTIONS_MANY     3072
#define WEB_REQUEST_SECONDS_MANY 3

/* Seconds without any byte after which a connection is closed, but for streams. */
#define WEB_SILENCE_SECONDS 30

/* Seconds in which an answer must have been read, and the bytes of those that are being read. */
#define WEB_ANSWER_SECONDS    600
#define WEB_ANSWERS_BYTES_MAX ((size_t)268435456)

/* Seconds in which a client of a stream takes nothing of what is there for it, before it goes. */
#define WEB_STREAM_STALL 60

/* Seconds that a long poll waits, and that a command of the engine may take. */
#define WEB_POLL_SECONDS    300
#define WEB_COMMAND_SECONDS 300

/* Long polls that may wait at a time. Each keeps its connection for minutes; others need some. */
#define WEB_POLLS_MAX 1024

/* Seconds after which whoever found no room for a long poll may ask again. */
#define WEB_POLLS_RETRY "10"

/* Requests that may wait for the engine at a time. */
#define WEB_COMMANDS_MAX 16

/* Commands that are handed to the engine at once, of which one a second comes back. */
#define WEB_COMMANDS_BURST 60

/* Seconds between comments in a stream, which keep it alive through whatever is in between. */
#define WEB_KEEPALIVE_SECONDS 15

/* Seconds after which a page hears of the time that has passed, where nothing else has happened. */
#define WEB_JUDGE_SECONDS 30

/* Milliseconds between two messages of the stream of changes, and from an event to its frame. */
#define WEB_FLUSH_MS 100

/* What is kept for clients that come back: events; changes, of which there are at most ten a
 * second, and a page that was away for longer is drawn anew; and bytes of either. */
#define WEB_EVENTS_MAX       16384
#define WEB_CHANGES_MAX      2048
#define WEB_STREAM_BYTES_MAX 8388608

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
