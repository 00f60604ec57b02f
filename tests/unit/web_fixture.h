/* A state with something of everything in it, for the tests of what the web side draws. */
#ifndef BACKUPD_TESTS_WEB_FIXTURE_H
#define BACKUPD_TESTS_WEB_FIXTURE_H

#include <jansson.h>

#include "metrics.h"
#include "settings.h"
#include "state.h"

/* When cycle 7 began and ended, when cycle 8 began, and when it is looked at. */
#define T_CYCLE INT64_C(1764000000)
#define T_END   (T_CYCLE + 60)
#define T_NEXT  (T_CYCLE + 3600)
#define T_NOW   (T_CYCLE + 3700)

/* A guid that no floating point number holds. */
#define BIG_GUID UINT64_C(18446744073709551557)

struct web_fixture {
    struct state state;
    struct metrics *metrics;
    struct settings settings;
    struct str out; /* what a view or a page is written to */
};

/* An empty state; with `story` the following, of which cycle 8 runs:
 *
 *     ""           safe: daily-1 and daily-2 on both sides
 *     /home        failed twice with ERR_HELD; its first step has
 *     /home/ann    runs: 3 of 7 MiB of daily-2 are sent; hourly-1 goes
 *     /poll        a volume that only the remote has
 *     /vol         a volume that waits and has no copy
 */
void web_fixture_init(struct web_fixture *f, bool story);
void web_fixture_fini(struct web_fixture *f);

/* Folds an event into the state and counts it. */
void web_feed(struct web_fixture *f, struct event event);

/* Parses what is in `out`, which must be one JSON object and nothing else; release it. */
json_t *web_parse(struct web_fixture *f);

/* The answers of the fixture at T_NOW, parsed; release them. */
json_t *web_get_state(struct web_fixture *f);
json_t *web_get_dataset(struct web_fixture *f, const char *name);
json_t *web_get_activity(struct web_fixture *f);

/* The element of an array of objects whose `key` is the string `value`, or a failed test. */
const json_t *web_find(const json_t *array, const char *key, const char *value);

/* The names of an object's fields, or the strings of an array, as one text; until the next call. */
const char *web_list(const json_t *value);
#define assert_fields(object, names) assert_string_equal(web_list(object), names)

/* Values of an object's fields; a failed test where there is none of that type. */
const char *web_string(const json_t *object, const char *key);
long long web_number(const json_t *object, const char *key);

#endif
