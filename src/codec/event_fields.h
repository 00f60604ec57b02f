/* The fields of every kind of event, which the encoder and the decoder of event_json.h share. */
#ifndef BACKUPD_CODEC_EVENT_FIELDS_H
#define BACKUPD_CODEC_EVENT_FIELDS_H

#include <stddef.h>

#include "event.h"

enum field_type {
    FIELD_U64,
    FIELD_TIME,
    FIELD_BOOL,
    FIELD_DATASET,
    FIELD_DATASET_OR_NULL,
    FIELD_SNAPSHOT,
    FIELD_TEXT,
    FIELD_TEXT_OR_NULL,
    FIELD_HOLDING,
    FIELD_ROWS,
    FIELD_OP,
    FIELD_SIDE,
    FIELD_TYPE,
    FIELD_LEVEL,
    FIELD_CODE,
    FIELD_STATUS,
    FIELD_STEP_STATUS,
    FIELD_VERDICT,
};

/* One field: its name in JSON, and what and where it is in struct event. */
struct field {
    const char *key;
    enum field_type type;
    size_t offset;
};

/* The most that one kind has. */
#define EVENT_FIELDS_MAX 14

/* Those of each kind, as event.h lists them, and those that every kind has; a NULL key ends both. */
extern const struct field EVENT_FIELDS[EVENT_KIND_COUNT][EVENT_FIELDS_MAX + 1];
extern const struct field EVENT_COMMON_FIELDS[];

/* The names of enum dataset_type. */
extern const char *const EVENT_TYPE_NAMES[DATASET_VOLUME + 1];

#endif
