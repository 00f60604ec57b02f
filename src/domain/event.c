#include "event.h"

#include <string.h>

static const char *const KIND_NAMES[EVENT_KIND_COUNT] = {
    [EVENT_CYCLE_STARTED] = "cycle_started",
    [EVENT_CYCLE_FINISHED] = "cycle_finished",
    [EVENT_DATASET_SEEN] = "dataset_seen",
    [EVENT_DATASET_PLANNED] = "dataset_planned",
    [EVENT_STEP_PLANNED] = "step_planned",
    [EVENT_DATASET_STARTED] = "dataset_started",
    [EVENT_STEP_STARTED] = "step_started",
    [EVENT_STEP_PROGRESS] = "step_progress",
    [EVENT_STEP_FINISHED] = "step_finished",
    [EVENT_DATASET_FINISHED] = "dataset_finished",
    [EVENT_NOTE] = "note",
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
