#include "snapper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "job.h"
#include "mem.h"
#include "text.h"

struct taking {
    struct snapper *snapper;
    struct job *job; /* NULL: this place is free */
    uint64_t id;
    char name[NAME_LEN_MAX + 1];
};

struct snapper {
    struct loop *loop;
    snapper_done_fn *fn;
    void *arg;
    bool gone; /* freed with jobs under way: the last of them frees the memory */
    struct taking takings[SNAPPER_MAX];
};

struct snapper *snapper_new(struct loop *loop, snapper_done_fn *fn, void *arg)
{
    struct snapper *snapper = mem_zalloc(1, sizeof(*snapper));
    snapper->loop = loop;
    snapper->fn = fn;
    snapper->arg = arg;
    for (size_t i = 0; i < SNAPPER_MAX; i++)
        snapper->takings[i].snapper = snapper;
    return snapper;
}

bool snapper_is_busy(const struct snapper *snapper)
{
    for (size_t i = 0; i < SNAPPER_MAX; i++)
        if (snapper->takings[i].job != NULL)
            return true;
    return false;
}

void snapper_free(struct snapper *snapper)
{
    if (snapper == NULL)
        return;
    snapper->gone = true;
    if (!snapper_is_busy(snapper))
        free(snapper);
}

static void handle_done(void *arg, const struct err *e)
{
    struct taking *taking = arg;
    struct snapper *snapper = taking->snapper;
    taking->job = NULL;
    if (!snapper->gone)
        snapper->fn(snapper->arg, taking->id, taking->name, e);
    else if (!snapper_is_busy(snapper))
        free(snapper);
}

static struct taking *find_room(struct snapper *snapper)
{
    for (size_t i = 0; i < SNAPPER_MAX; i++)
        if (snapper->takings[i].job == NULL)
            return &snapper->takings[i];
    return NULL;
}

int snapper_take(struct snapper *snapper, const struct site *site, const char *type, uint64_t id,
                 int64_t now, int64_t stall_ms, struct err *e)
{
    char time[TEXT_FIGURE_MAX];
    char name[NAME_LEN_MAX + 1];
    struct snapname checked;
    struct taking *taking = find_room(snapper);
    if (taking == NULL)
        return err_set(e, ERR_LIMIT, "%d snapshots are being taken already", SNAPPER_MAX);
    text_time_compact(time, now);
    int len = snprintf(name, sizeof(name), "%s-%s", type, time);
    if (len < 0 || (size_t)len >= sizeof(name) ||
        strlen(site->root.s) + (size_t)len + 1 > NAME_LEN_MAX)
        return err_set(e, ERR_NAME, "a snapshot of that type would have too long a name");
    if (snapname_check(name, &checked, e) != 0)
        return -1;
    /* its length was checked above */
    if (snprintf(taking->name, sizeof(taking->name), "%s@%s", site->root.s, name) < 0)
        return err_set(e, ERR_NAME, "a snapshot of that type cannot be named");
    taking->id = id;
    struct argv argv;
    argv_init(&argv);
    command_snapshot(&argv, site->root, checked);
    struct job_spec spec = {.site = site,
                            .command = &argv,
                            .on_done = handle_done,
                            .arg = taking,
                            .stall_ms = stall_ms};
    taking->job = job_start(snapper->loop, &spec, e);
    return taking->job == NULL ? -1 : 0;
}
