/* What a worker tells the engine. */
#ifndef BACKUPD_ENGINE_REPORT_H
#define BACKUPD_ENGINE_REPORT_H

#include "event.h"
#include "plan.h"

struct report {
    int fd;
    uint64_t cycle;
    const char *dataset;
};

/* Every function stamps the time, and ends the process where the engine is gone. */
void report_started(const struct report *report);
void report_plan(const struct report *report, const struct dataset *ds, const struct target *target,
                 const struct plan *plan);
void report_step_started(const struct report *report, size_t step, bool resumed);
void report_step_progress(const struct report *report, size_t step, uint64_t bytes, uint64_t total);

/* `e` is NULL where it succeeded. `count`: snapshots sent or destroyed. */
void report_step_finished(const struct report *report, size_t step, uint64_t bytes, uint64_t count,
                          const struct err *e);
void report_finished(const struct report *report, const struct err *e);
void report_note(const struct report *report, enum event_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
