/* What event_json and plan_json share: jansson values that never come back NULL. */
#ifndef BACKUPD_CODEC_JSON_TEXT_H
#define BACKUPD_CODEC_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "str.h"

/*
 * A JSON string of `s`, or null where that is NULL. Texts come from programs: bytes that are not
 * UTF-8 are written out as \xNN, and what does not fit in about `max` bytes is replaced by
 * " [cut]". The result belongs to the caller.
 */
json_t *json_text_new(const char *s, size_t max);

/* Adds `value`, which it takes over, as `key`. Running out of memory aborts, as in mem.h. */
void json_text_set(json_t *object, const char *key, json_t *value);

/* The same at the end of an array. */
void json_text_append(json_t *array, json_t *value);

/* Appends `value` in one line, keys in the order in which they were added, and releases it. */
void json_text_dump(json_t *value, struct str *out);

#endif
