/*
 * Events as JSON, one object a line: between processes, in the event stream and in the history.
 *
 * Every object has "kind", "time" and "cycle", and the fields of its kind under the names of the
 * table in event_json.c: {"kind":"step_planned","time":1764000000,"cycle":7,"dataset":"/home",
 * "step":0,"op":"SnapshotDeletion","side":"local","start":"daily-1","end":"daily-1"}.
 * - An unsigned number that JSON readers cannot hold as a signed 64-bit integer (above
 *   9223372036854775807) is a string of decimal digits; every other is a number.
 * - Enumerations are their names. `flag` is "dry_run", "remote_only" or "resumed"; `count` is
 *   "datasets", "steps" or "snapshots"; `holding` is "local" and "remote", each
 *   {"count":N,"newest":T,"space":BYTES}.
 * - The rows of "dataset_snapshots" are arrays: [name, guid, creation, size, sides, local keep,
 *   remote keep], the last three as the bits of rows.h and target.h. An event has at most
 *   EVENT_ROWS_MAX of them; a longer table is several events, all but the last with "more" true.
 * - A dataset is its name below the root: "" is the root, null (of a note alone) is none.
 * - "code" is "none" where it succeeded; "text" may then be null.
 * - A byte of `text` that is not UTF-8 is written as \xNN, and a text is cut at EVENT_TEXT_MAX.
 */
#ifndef BACKUPD_CODEC_EVENT_JSON_H
#define BACKUPD_CODEC_EVENT_JSON_H

#include <stddef.h>

#include "event.h"
#include "str.h"

/* The longest line that event_decode believes; event_encode never writes a longer one. */
#define EVENT_LINE_MAX 65536

/* The longest text of an event; one byte of it can take six in JSON. */
#define EVENT_TEXT_MAX 8192

/* The most rows of one line. */
#define EVENT_ROWS_MAX 128

struct event_memory; /* what a decoded event's strings live in */

/*
 * Appends the event and a newline, or several such lines where it has many rows. Only the fields
 * of its kind are written.
 */
void event_encode(const struct event *event, struct str *out);

/* The same in one line, with the number of rows instead of them: for who wants to know of it. */
void event_encode_brief(const struct event *event, struct str *out);

/*
 * Reads one line, with or without its newline. Every field of the event's kind must be there with
 * its type and in its range, dataset names and snapshot names must be legal; unknown fields are
 * ignored. Returns 0, or -1 and `e` (ERR_PROTOCOL), and then the results are untouched. The
 * strings live until event_memory_free of `*ret_memory`.
 */
int event_decode(const char *line, size_t len, struct event *ret, struct event_memory **ret_memory,
                 struct err *e);

void event_memory_free(struct event_memory *memory); /* NULL is fine */

#endif
