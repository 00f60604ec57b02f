/*
 * JSON written as it goes, for answers with thousands of fields: numbers and words go straight to
 * the text, and whatever is not plain ASCII goes through json_text.h. Objects and lists are opened
 * and closed by the caller; the commas are ours. `key` is NULL in a list; keys and words are our
 * own plain ASCII.
 */
#ifndef BACKUPD_WEB_JSON_OUT_H
#define BACKUPD_WEB_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "str.h"

/* The outermost object begins with '{' of its own; these are for what is in it. */
void json_out_open(struct str *out, const char *key, char bracket); /* '{' or '[' */
void json_out_close(struct str *out, char bracket);                 /* '}' or ']' */

/* Above INT64_MAX, which JSON readers do not hold, INT64_MAX is written. */
void json_out_u64(struct str *out, const char *key, uint64_t value);
void json_out_i64(struct str *out, const char *key, int64_t value);
void json_out_bool(struct str *out, const char *key, bool value);

/* Plain ASCII without quotes and backslashes. */
void json_out_word(struct str *out, const char *key, const char *word);

/* Any bytes, cut at EVENT_TEXT_MAX as json_text_new does it; NULL is null. */
void json_out_text(struct str *out, const char *key, const char *text);

/* The number as a string of digits: readers that know floating point only hold 2^53. */
void json_out_digits(struct str *out, const char *key, uint64_t value);

#endif
