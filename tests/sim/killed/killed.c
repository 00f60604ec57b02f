/*
 * backupd-killed: backupd, which ends itself with SIGKILL at a chosen point. The linker puts these functions in the
 * place of three of its own (-Wl,--wrap), so there is no hook in backupd itself.
 *
 * A point is an event that is about to be told, or a child that was just started. BACKUPD_KILL_ENGINE=7 kills the
 * engine at its seventh point, BACKUPD_KILL_WORKER=7 the worker that comes to the seventh of all workers.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event_json.h"
#include "proc.h"
#include "state.h"

void __real_state_apply(struct state *state, const struct event *event);
void __wrap_state_apply(struct state *state, const struct event *event);
void __real_event_encode(const struct event *event, struct str *out);
void __wrap_event_encode(const struct event *event, struct str *out);
struct proc *__real_proc_start(struct loop *loop, const struct proc_spec *spec, struct err *e);
struct proc *__wrap_proc_start(struct loop *loop, const struct proc_spec *spec, struct err *e);

/* Workers are forks and share it with the engine. */
struct counts {
    atomic_long engine, worker;
};

static struct counts *counts;
static pid_t engine;
static long kill_engine, kill_worker;

static long number_in_environment(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 0 : strtol(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void)
{
    kill_engine = number_in_environment("BACKUPD_KILL_ENGINE");
    kill_worker = number_in_environment("BACKUPD_KILL_WORKER");
    engine = getpid();
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        abort();
}

static void pass_point(void)
{
    if (getpid() == engine) {
        if (atomic_fetch_add(&counts->engine, 1) + 1 == kill_engine)
            raise(SIGKILL);
    } else if (atomic_fetch_add(&counts->worker, 1) + 1 == kill_worker) {
        raise(SIGKILL);
    }
}

/* What the engine tells goes through the state first. */
void __wrap_state_apply(struct state *state, const struct event *event)
{
    pass_point();
    __real_state_apply(state, event);
}

/* What a worker tells is written as JSON. The engine writes it for its roles alone, and that is no point. */
void __wrap_event_encode(const struct event *event, struct str *out)
{
    if (getpid() != engine)
        pass_point();
    __real_event_encode(event, out);
}

struct proc *__wrap_proc_start(struct loop *loop, const struct proc_spec *spec, struct err *e)
{
    struct proc *proc = __real_proc_start(loop, spec, e);
    pass_point();
    return proc;
}
