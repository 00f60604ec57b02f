#include "event.h"

#include <string.h>

static const char *const KIND_NAMES[EVENT_KIND_COUNT] = {
    [EVENT_CYCLE_STARTED] = "cycle_started",
    [EVENT_CYCLE_FINISHED] = "cycle_finished",
    [EVENT_DATASET_SEEN] = "dataset_seen",
    [EVENT_DATASET_SNAPSHOTS] = "dataset_snapshots",
    [EVENT_DATASET_PLANNED] = "dataset_planned",
    [EVENT_STEP_PLANNED] = "step_planned",
    [EVENT_DATASET_STARTED] = "dataset_started",
    [EVENT_STEP_STARTED] = "step_started",
    [EVENT_STEP_PROGRESS] = "step_progress",
    [EVENT_STEP_FINISHED] = "step_finished",
    [EVENT_DATASET_FINISHED] = "dataset_finished",
    [EVENT_NOTE] = "note",
    [EVENT_CONFIGURED] = "configured",
    [EVENT_CYCLE_DUE] = "cycle_due",
    [EVENT_DATASET_DUE] = "dataset_due",
    [EVENT_STATE_RECALLED] = "state_recalled",
    [EVENT_DATASET_RECALLED] = "dataset_recalled",
    [EVENT_STEP_RECALLED] = "step_recalled",
    [EVENT_CYCLE_RECALLED] = "cycle_recalled",
    [EVENT_TRANSFER_RECALLED] = "transfer_recalled",
    [EVENT_FAILURE_RECALLED] = "failure_recalled",
    [EVENT_DAY_RECALLED] = "day_recalled",
    [EVENT_MINUTE_RECALLED] = "minute_recalled",
    [EVENT_LOG_RECALLED] = "log_recalled",
};

const char *event_kind_name(enum event_kind kind)
{
    return KIND_NAMES[kind];
}

enum event_kind event_kind_from_name(const char *name)
{
    for (int i = 0; i < EVENT_KIND_COUNT; i++)
        if (strcmp(KIND_NAMES[i], name) == 0)
            return (enum event_kind)i;
    return EVENT_KIND_COUNT;
}

const char *event_level_name(enum event_level level)
{
    static const char *const NAMES[LEVEL_COUNT] = {"debug", "info", "warning", "error"};
    return NAMES[level];
}

const char *dataset_status_name(enum dataset_status status)
{
    static const char *const NAMES[STATUS_COUNT] = {"unknown", "waiting", "running",
                                                    "ok",      "failed",  "remote-only"};
    return NAMES[status];
}

const char *step_status_name(enum step_status status)
{
    static const char *const NAMES[STEP_STATUS_COUNT] = {"pending", "running", "done", "failed"};
    return NAMES[status];
}

const char *verdict_level_name(enum verdict_level level)
{
    static const char *const NAMES[VERDICT_COUNT] = {"ignored", "unknown", "safe", "late",
                                                     "failed"};
    return NAMES[level];
}
