#include "convoy.h"

#include <signal.h>
#include <stdlib.h>

#include "bookmarking.h"
#include "mem.h"
#include "steps.h"

/* Bookmarks that are made at a time. Each waits for a transaction group, and all wait for the same. */
#define BOOKMARKINGS_MAX 4

struct convoy;

/* A dataset of the convoy. */
struct wagon {
    struct convoy *convoy;
    struct steps steps;
    size_t first;   /* its first link; the others follow it */
    size_t arrived; /* so many of its steps */
    size_t kept;    /* for so many, the bookmark is made */
    size_t keeping; /* and for so many it will be; equal to `kept`: none is under way */
    struct bookmarking bookmarking;
    bool started, finished;
};

/* An increment of the chain. */
struct link {
    struct wagon *wagon;
    size_t step;
    uint64_t bytes;
    bool told; /* that it has started */
};

struct convoy {
    const struct convoy_task *task;
    struct loop *loop;
    struct wagon wagons[CHAIN_MAX];
    size_t n;
    struct link links[CHAIN_MAX];
    struct argv sends[CHAIN_MAX], receives[CHAIN_MAX];
    size_t link_count;
    size_t begun, arrived; /* so many of the links, from the first */
    unsigned bookmarkings; /* that are under way */
    bool stop;
};

bool convoys_may(const struct convoys *convoys, int64_t now_ms)
{
    return convoys->broken < CONVOY_BREAKS || now_ms >= convoys->rest_until;
}

bool convoys_note(struct convoys *convoys, bool any_arrived, int64_t now_ms)
{
    convoys->broken = any_arrived ? 0 : convoys->broken + 1;
    convoys->rest_until = now_ms + CONVOY_REST_MS;
    return convoys->broken >= CONVOY_BREAKS;
}

bool convoy_takes(const struct plan *plan, uint64_t bytes)
{
    if (plan->n == 0 || plan->n > CHAIN_MAX || bytes > CONVOY_DATASET_BYTES)
        return false;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->v[i].op != OP_RANGE_TRANSFER)
            return false;
    return true;
}

static void handle_term(void *arg, int signo)
{
    (void)signo;
    *(bool *)arg = true;
}

/* Adds a dataset, planned once more from the same listing. One for which that does not come out as it
 * did is left to a worker of its own. */
static void add(struct convoy *convoy, const struct dataset *listed, int fd)
{
    const struct convoy_task *task = convoy->task;
    struct err ignored = ERR_INIT;
    struct wagon *wagon = &convoy->wagons[convoy->n];
    struct steps *steps = &wagon->steps;
    *steps = (struct steps){.loop = convoy->loop,
                            .config = task->config,
                            .sites = task->sites,
                            .report = {.fd = fd, .cycle = task->cycle, .dataset = listed->name}};
    if (steps_name(steps, listed->name, &ignored) != 0 ||
        !refresh_reuse(&steps->refresh, task->config, listed))
        return;
    convoy->n++;
    wagon->convoy = convoy;
    wagon->first = convoy->link_count;
    size_t n = steps->refresh.plan.n;
    if (!convoy_takes(&steps->refresh.plan, 0) || convoy->link_count + n > CHAIN_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        size_t at = convoy->link_count++;
        convoy->links[at] = (struct link){.wagon = wagon, .step = i};
        steps_increment(steps, i, &convoy->sends[at], &convoy->receives[at]);
    }
}

static void tell_begun(struct link *link)
{
    if (!link->wagon->started)
        report_started(&link->wagon->steps.report);
    link->wagon->started = true;
    link->told = true;
    report_step_started(&link->wagon->steps.report, link->step, false);
}

/* A step is told of once the one before it has ended, as with any worker, although it is sent ahead. */
static void handle_begun(void *arg, size_t i)
{
    struct convoy *convoy = arg;
    struct link *link = &convoy->links[i];
    convoy->begun = i + 1;
    if (link->step == link->wagon->kept)
        tell_begun(link);
}

static void handle_progress(void *arg, size_t i, uint64_t bytes, uint64_t total)
{
    const struct link *link = &((struct convoy *)arg)->links[i];
    if (link->told)
        report_step_progress(&link->wagon->steps.report, link->step, bytes, total);
}

static void keep_bases(struct convoy *convoy);

/* The bookmark of what arrived is made, or could not be. */
static void handle_kept(void *arg)
{
    struct wagon *wagon = arg;
    struct convoy *convoy = wagon->convoy;
    struct link *links = &convoy->links[wagon->first];
    size_t n = wagon->steps.refresh.plan.n;
    convoy->bookmarkings--;
    while (wagon->kept < wagon->keeping) {
        struct link *link = &links[wagon->kept++];
        if (!link->told)
            tell_begun(link);
        report_step_finished(&wagon->steps.report, link->step, link->bytes, 1, NULL);
    }
    wagon->finished = wagon->kept == n;
    if (wagon->finished)
        report_finished(&wagon->steps.report, NULL);
    else if (convoy->begun > wagon->first + wagon->kept)
        tell_begun(&links[wagon->kept]);
    keep_bases(convoy);
}

/* I3: bookmarks the newest of what arrived; those before it need none, as theirs would go again. */
static void keep_base(struct wagon *wagon)
{
    wagon->convoy->bookmarkings++;
    wagon->keeping = wagon->arrived;
    bookmarking_start(&wagon->bookmarking, &wagon->steps,
                      wagon->steps.refresh.plan.v[wagon->arrived - 1].end, handle_kept, wagon);
}

static void keep_bases(struct convoy *convoy)
{
    for (size_t i = 0; i < convoy->n && convoy->bookmarkings < BOOKMARKINGS_MAX; i++) {
        struct wagon *wagon = &convoy->wagons[i];
        if (wagon->keeping == wagon->kept && wagon->arrived > wagon->kept)
            keep_base(wagon);
    }
}

static void handle_arrived(void *arg, size_t i, uint64_t bytes)
{
    struct convoy *convoy = arg;
    convoy->arrived = i + 1;
    convoy->links[i].bytes = bytes;
    convoy->links[i].wagon->arrived = convoy->links[i].step + 1;
    keep_bases(convoy);
}

/* What arrived has its bookmark before the convoy ends. */
static void await_bases(struct convoy *convoy)
{
    struct err ignored = ERR_INIT;
    while (convoy->bookmarkings > 0 && loop_run_once(convoy->loop, -1, &ignored) == 0)
        continue;
}

/* backupd is stopping: all that has begun ends, and by nothing else. */
static void tell_stopped(struct convoy *convoy)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_INTERRUPTED, "ended because backupd is stopping; it can be resumed");
    for (size_t i = convoy->arrived; i < convoy->begun; i++)
        if (convoy->links[i].told)
            report_step_finished(&convoy->links[i].wagon->steps.report, convoy->links[i].step, 0, 0,
                                 &e);
    for (size_t i = 0; i < convoy->n; i++)
        if (convoy->wagons[i].started && !convoy->wagons[i].finished)
            report_finished(&convoy->wagons[i].steps.report, &e);
}

/* Says why the first that did not arrive is done on its own. */
static void tell_broken(struct convoy *convoy, const struct err *e)
{
    const struct wagon *wagon =
        convoy->arrived < convoy->link_count ? convoy->links[convoy->arrived].wagon : NULL;
    if (wagon != NULL && wagon->started)
        report_note(&wagon->steps.report, LEVEL_INFO,
                    "what was sent together over one command broke off; on its own now: %s",
                    e->msg);
}

static int run(struct convoy *convoy, struct err *e)
{
    int64_t stall_ms = convoy->task->config->stall_timeout * 1000;
    struct chain chain = {.from = &convoy->task->sites->side[SIDE_LOCAL],
                          .to = &convoy->task->sites->side[SIDE_REMOTE],
                          .sends = convoy->sends,
                          .receives = convoy->receives,
                          .n = convoy->link_count,
                          .most = CONVOY_INCREMENT_BYTES,
                          .stall_ms = stall_ms < CONVOY_PATIENCE_MS ? stall_ms : CONVOY_PATIENCE_MS,
                          .on_begun = handle_begun,
                          .on_progress = handle_progress,
                          .on_arrived = handle_arrived,
                          .arg = convoy,
                          .stop = &convoy->stop};
    int rc = chain_run(convoy->loop, &chain, e);
    await_bases(convoy);
    return rc;
}

int convoy_main(void *arg, int fd)
{
    const struct convoy_task *task = arg;
    struct convoy *convoy = mem_zalloc(1, sizeof(*convoy));
    struct err e = ERR_INIT;
    convoy->task = task;
    convoy->loop = loop_new(&e);
    if (convoy->loop != NULL &&
        loop_watch_signal(convoy->loop, SIGTERM, handle_term, &convoy->stop, &e) == 0)
        for (size_t i = 0; i < task->n; i++)
            add(convoy, task->listed[i], fd);
    if (convoy->link_count > 0 && run(convoy, &e) != 0) {
        if (convoy->stop)
            tell_stopped(convoy);
        else
            tell_broken(convoy, &e);
    }
    for (size_t i = 0; i < convoy->n; i++)
        refresh_fini(&convoy->wagons[i].steps.refresh);
    loop_free(convoy->loop);
    free(convoy);
    return 0;
}
