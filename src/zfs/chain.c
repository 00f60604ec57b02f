#include "chain.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "job.h"
#include "lines.h"
#include "proc.h"
#include "progress.h"
#include "text.h"

/* The longest line of either side that is believed. */
#define LINE_MAX_BYTES 8192

/* How often the watchdog looks. */
#define WATCH_MS 500

struct run {
    struct loop *loop;
    struct chain *chain;
    struct proc *sender, *receiver; /* NULL: not started, or ended */
    int pipe;                       /* what is sent goes in here; -1: nothing more is */
    size_t sending;                 /* the increment that is sent, or was last */
    size_t sent;                    /* so many were sent whole */
    size_t received;                /* and so many were received, as the other side tells */
    uint64_t bytes[CHAIN_MAX], total;
    struct lines said; /* what the sender says */
    struct lines told; /* what the other side tells */
    int64_t moved_at;  /* monotonic; when anything got on last */
    bool is_cancelled;
    struct err e; /* what broke it first */
};

static void touch(struct run *run)
{
    run->moved_at = clock_monotonic_ms();
}

/* Nothing more is sent. What is received gets to its end, and what comes after it finds none. */
static void close_pipe(struct run *run)
{
    if (run->pipe >= 0)
        close(run->pipe);
    run->pipe = -1;
}

static void break_off(struct run *run, const struct err *e)
{
    if (run->e.code == ERR_NONE)
        run->e = *e;
    close_pipe(run);
}

static void cancel(struct run *run, const struct err *e)
{
    break_off(run, e);
    run->is_cancelled = true;
    if (run->sender != NULL)
        proc_cancel(run->sender);
    if (run->receiver != NULL)
        proc_cancel(run->receiver);
}

/* Whatever was known of it before: it would hold up the others, and is worth more than a chain. */
static void stop_large(struct run *run, uint64_t bytes)
{
    struct err e = ERR_INIT;
    char figure[TEXT_FIGURE_MAX];
    text_bytes(figure, bytes);
    err_set(&e, ERR_LIMIT, "send: %s are more than go together with others", figure);
    break_off(run, &e);
    if (run->sender != NULL)
        proc_cancel(run->sender);
}

static int take_said(void *arg, char *line, size_t len, struct err *e)
{
    struct run *run = arg;
    uint64_t bytes = 0;
    (void)len;
    (void)e;
    uint64_t *sent = &run->bytes[run->sending];
    enum progress_kind kind = progress_parse(line, &bytes);
    if (kind != PROGRESS_SIZE && kind != PROGRESS_SENT)
        return 0;
    if (kind == PROGRESS_SIZE)
        run->total = bytes;
    if (kind == PROGRESS_SENT && bytes != *sent) { /* one that stands still says so every second */
        *sent = bytes;
        touch(run);
    }
    run->chain->on_progress(run->chain->arg, run->sending, *sent, run->total);
    if (bytes > run->chain->most)
        stop_large(run, bytes);
    return 0;
}

static int read_said(void *arg, const char *data, size_t len)
{
    struct run *run = arg;
    lines_feed_anything(&run->said, data, len, take_said, run);
    return 0;
}

/* A login shell may print something of its own. */
static int take_told(void *arg, char *line, size_t len, struct err *e)
{
    struct run *run = arg;
    char expected[COMMAND_MARK_MAX];
    (void)len;
    (void)e;
    command_mark_text(run->received + 1, expected);
    if (run->received < run->chain->n && strcmp(line, expected) == 0) {
        run->received++;
        touch(run);
    }
    return 0;
}

static int read_told(void *arg, const char *data, size_t len)
{
    struct run *run = arg;
    lines_feed_anything(&run->told, data, len, take_told, run);
    return 0;
}

static void send_next(struct run *run);

static void handle_sent(void *arg, const struct proc_result *result)
{
    struct run *run = arg;
    struct err e = ERR_INIT;
    run->sender = NULL;
    touch(run);
    if (result->status == 0 && result->signo == 0) {
        uint64_t *bytes = &run->bytes[run->sending];
        *bytes = *bytes < run->total ? run->total : *bytes;
        run->sent = run->sending + 1;
        if (run->sent < run->chain->n && run->pipe >= 0)
            send_next(run);
        else
            close_pipe(run);
        return;
    }
    job_sort_failure(run->chain->from, result, 0, &e);
    err_wrap(&e, "send");
    /* One that nobody read from any more is no cause: the receiver says it. */
    if (result->signo != SIGPIPE || run->receiver == NULL)
        break_off(run, &e);
    close_pipe(run);
}

static void send_next(struct run *run)
{
    struct argv argv;
    struct err e = ERR_INIT;
    run->sending = run->sent;
    run->total = 0;
    lines_fini(&run->said);
    lines_init(&run->said, LINE_MAX_BYTES);
    if (site_wrap(run->chain->from, SITE_SHARED, &run->chain->sends[run->sending], &argv, &e) !=
        0) {
        break_off(run, &e);
        return;
    }
    struct proc_spec spec = {.argv = (const char *const *)argv.v,
                             .in_fd = PROC_FD_NULL,
                             .out_fd = run->pipe,
                             .on_err = read_said,
                             .on_exit = handle_sent,
                             .arg = run};
    run->sender = proc_start(run->loop, &spec, &e);
    if (run->sender == NULL) {
        err_wrap(&e, "cannot start %s", argv.v[0]);
        break_off(run, &e);
    } else {
        run->chain->on_begun(run->chain->arg, run->sending);
    }
    argv_fini(&argv);
}

static void handle_received(void *arg, const struct proc_result *result)
{
    struct run *run = arg;
    struct err e = ERR_INIT;
    run->receiver = NULL;
    touch(run);
    if (result->status != 0 || result->signo != 0) {
        job_sort_failure(run->chain->to, result, 0, &e);
        err_wrap(&e, "receive");
        break_off(run, &e);
    } else if (run->received < run->chain->n) {
        err_set(&e, ERR_PROTOCOL, "receive: the other side ended before all was received");
        break_off(run, &e);
    }
    close_pipe(run);
    if (run->sender != NULL && run->received < run->chain->n)
        proc_cancel(run->sender); /* nobody reads any more */
}

static int start_receiver(struct run *run, int in_fd, struct err *e)
{
    struct argv argv;
    if (site_wrap_chain(run->chain->to, run->chain->receives, run->chain->n, &argv, e) != 0)
        return -1;
    struct proc_spec spec = {.argv = (const char *const *)argv.v,
                             .in_fd = in_fd,
                             .on_out = read_told,
                             .on_exit = handle_received,
                             .arg = run};
    run->receiver = proc_start(run->loop, &spec, e);
    if (run->receiver == NULL)
        err_wrap(e, "cannot start %s", argv.v[0]);
    argv_fini(&argv);
    return run->receiver == NULL ? -1 : 0;
}

static void watch(struct run *run)
{
    struct err e = ERR_INIT;
    if (run->is_cancelled)
        return;
    if (*run->chain->stop) {
        err_set(&e, ERR_INTERRUPTED, "ended because backupd is stopping; it can be resumed");
        cancel(run, &e);
    } else if (clock_monotonic_ms() - run->moved_at > run->chain->stall_ms) {
        char figure[TEXT_FIGURE_MAX];
        text_duration(figure, run->chain->stall_ms / 1000);
        err_set(&e, ERR_STALLED, "nothing got on in %s", figure);
        cancel(run, &e);
    }
}

/* Tells of what has arrived. */
static size_t tell_arrived(struct run *run, size_t told)
{
    while (told < run->sent && told < run->received) {
        run->chain->on_arrived(run->chain->arg, told, run->bytes[told]);
        told++;
    }
    return told;
}

static int run_all(struct run *run, struct err *e)
{
    size_t told = 0;
    send_next(run);
    while (run->sender != NULL || run->receiver != NULL) {
        if (loop_run_once(run->loop, WATCH_MS, e) != 0)
            return -1;
        watch(run);
        told = tell_arrived(run, told);
    }
    told = tell_arrived(run, told);
    if (told == run->chain->n)
        return 0;
    *e = run->e;
    if (e->code == ERR_NONE)
        err_set(e, ERR_PROTOCOL, "the other side did not tell of all that was sent");
    return -1;
}

int chain_run(struct loop *loop, struct chain *chain, struct err *e)
{
    struct run run = {.loop = loop, .chain = chain, .pipe = -1, .e = ERR_INIT};
    int fds[2];
    int rc = -1;
    lines_init(&run.said, LINE_MAX_BYTES);
    lines_init(&run.told, LINE_MAX_BYTES);
    touch(&run);
    if (proc_make_pipe(fds) != 0) {
        err_set_sys(e, errno, "cannot make a pipe");
    } else {
        run.pipe = fds[1];
        rc = start_receiver(&run, fds[0], e);
        close(fds[0]);
        if (rc == 0)
            rc = run_all(&run, e);
        close_pipe(&run);
        proc_abandon(run.sender); /* where the loop failed */
        proc_abandon(run.receiver);
    }
    for (size_t i = 0; i < chain->n; i++) {
        argv_fini(&chain->sends[i]);
        argv_fini(&chain->receives[i]);
    }
    lines_fini(&run.said);
    lines_fini(&run.told);
    return rc;
}
