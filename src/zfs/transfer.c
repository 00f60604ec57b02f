#include "transfer.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "job.h"
#include "lines.h"
#include "proc.h"
#include "progress.h"
#include "relay.h"
#include "text.h"

/* The longest line that zfs send may print; names are at most 255 bytes. */
#define LINE_MAX_BYTES 8192

/* How often the watchdog looks. */
#define WATCH_MS 500

/* A process of the pipe. */
struct stage {
    struct run *run;
    const struct site *site;
    struct argv *filter; /* not NULL: what its input goes through on the other machine */
    struct proc *proc;   /* NULL: not started, or ended */
    bool ended;
    bool signalled; /* a signal that is not ours ended it */
    struct err e;
};

struct run {
    struct transfer *transfer;
    struct stage sender, compressor, receiver;
    struct argv decompress; /* the receiver's filter */
    struct lines lines;
    bool sized; /* the estimate is in, or will not come */
    uint64_t bytes, total;
    struct relay *relay; /* NULL: none */
    uint64_t relayed;    /* what it carried when we looked last */
    int64_t moved_at;    /* monotonic; when the last byte more was seen */
    bool stalled, stopped;
};

static void note_progress(struct run *run, uint64_t bytes)
{
    if (bytes != run->bytes)
        run->moved_at = clock_monotonic_ms();
    run->bytes = bytes;
    if (run->transfer->on_progress != NULL)
        run->transfer->on_progress(run->transfer->arg, run->bytes, run->total);
}

static int read_line(void *arg, char *line, size_t len, struct err *e)
{
    struct run *run = arg;
    uint64_t bytes = 0;
    (void)len;
    (void)e;
    switch (progress_parse(line, &bytes)) {
    case PROGRESS_SIZE:
        run->sized = true;
        run->total = bytes;
        note_progress(run, 0);
        break;
    case PROGRESS_SENT:
        run->sized = true; /* a stream without an estimate */
        note_progress(run, bytes);
        break;
    default:
        break;
    }
    return 0;
}

static int read_stderr(void *arg, const char *data, size_t len)
{
    struct stage *stage = arg;
    /* A line that is too long is an error's words, at most: the tail has them. */
    lines_feed_anything(&stage->run->lines, data, len, read_line, stage->run);
    return 0;
}

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct stage *stage = arg;
    struct run *run = stage->run;
    stage->proc = NULL;
    stage->ended = true;
    stage->signalled = result->signo == SIGPIPE;
    run->moved_at = clock_monotonic_ms();
    if (stage == &run->sender)
        run->sized = true;
    if (result->status != 0)
        job_sort_failure(stage->site, result, 0, &stage->e);
}

static int start_stage(struct loop *loop, struct stage *stage, struct argv *command,
                       enum site_connection connection, int in_fd, int out_fd, struct err *e)
{
    struct argv argv;
    int rc = stage->filter == NULL
                 ? site_wrap(stage->site, connection, command, &argv, e)
                 : site_wrap_behind(stage->site, connection, stage->filter, command, &argv, e);
    if (rc != 0)
        return -1;
    struct proc_spec spec = {.argv = (const char *const *)argv.v,
                             .in_fd = in_fd,
                             .out_fd = out_fd,
                             .on_err = stage == &stage->run->sender ? read_stderr : NULL,
                             .on_exit = handle_exit,
                             .arg = stage};
    stage->proc = proc_start(loop, &spec, e);
    if (stage->proc == NULL)
        err_wrap(e, "cannot start %s", argv.v[0]);
    argv_fini(&argv);
    return stage->proc == NULL ? -1 : 0;
}

static void cancel_all(struct run *run)
{
    struct stage *const stages[] = {&run->sender, &run->compressor, &run->receiver};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (stages[i]->proc != NULL)
            proc_cancel(stages[i]->proc);
}

static bool is_running(const struct run *run)
{
    return run->sender.proc != NULL || run->compressor.proc != NULL || run->receiver.proc != NULL;
}

/* One turn of the loop, with the watchdog's look. */
static int turn(struct loop *loop, struct run *run, struct err *e)
{
    if (loop_run_once(loop, WATCH_MS, e) != 0)
        return -1;
    struct transfer *transfer = run->transfer;
    /* The sender tells of a whole block at a time, which a low limit can make rare. */
    if (run->relay != NULL && relay_bytes(run->relay) != run->relayed) {
        run->relayed = relay_bytes(run->relay);
        run->moved_at = clock_monotonic_ms();
    }
    if (!run->stopped && *transfer->stop) {
        run->stopped = true;
        cancel_all(run);
    }
    if (!run->stalled && transfer->stall_ms > 0 &&
        clock_monotonic_ms() - run->moved_at > transfer->stall_ms) {
        run->stalled = true;
        cancel_all(run);
    }
    return 0;
}

static bool has_failed(const struct stage *stage)
{
    return stage->e.code != ERR_NONE;
}

/* Whether it failed, and not only because who reads from it ended first. */
static bool failed_by_itself(const struct stage *stage)
{
    return has_failed(stage) && !stage->signalled;
}

/*
 * The failure that caused the others: a sender that a broken pipe killed, or a receiver whose stream
 * ended early, only tells of its peer. NULL where none failed.
 */
static const struct stage *find_cause(const struct run *run)
{
    const struct stage *receiver = &run->receiver;
    const struct stage *here = failed_by_itself(&run->sender)       ? &run->sender
                               : failed_by_itself(&run->compressor) ? &run->compressor
                                                                    : NULL;
    bool is_cut = receiver->e.code == ERR_STREAM_CUT || receiver->e.code == ERR_STREAM_BAD;
    if (here != NULL && (!has_failed(receiver) || is_cut))
        return here;
    if (has_failed(receiver))
        return receiver;
    if (has_failed(&run->compressor))
        return &run->compressor;
    return has_failed(&run->sender) ? &run->sender : NULL;
}

/* How it ended, once nothing of it runs any more. */
static int judge(const struct run *run, struct err *e)
{
    if (run->stopped)
        return err_set(e, ERR_INTERRUPTED, "ended because backupd is stopping; it can be resumed");
    if (run->stalled) {
        char figure[TEXT_FIGURE_MAX];
        text_duration(figure, run->transfer->stall_ms / 1000);
        return err_set(e, ERR_STALLED, "not one byte more in %s, so it was ended", figure);
    }
    const struct stage *cause = find_cause(run);
    if (cause == NULL)
        return 0;
    *e = cause->e;
    return err_wrap(e, "%s",
                    cause == &run->sender       ? "send"
                    : cause == &run->compressor ? "compress"
                                                : "receive");
}

/* Puts a compressor behind the pipe that `*fd` reads, which is then the end of another one. */
static int add_compressor(struct loop *loop, struct run *run, int *fd, struct err *e)
{
    int fds[2];
    struct argv argv;
    if (proc_make_pipe(fds) != 0)
        return err_set_sys(e, errno, "cannot make a pipe");
    argv_init(&argv);
    command_compress(&argv);
    int rc = start_stage(loop, &run->compressor, &argv, SITE_SHARED, *fd, fds[1], e);
    close(fds[1]);
    close(*fd);
    *fd = fds[0];
    return rc;
}

/* Puts a relay behind the pipe that `*fd` reads, which is then the end of another one. */
static int add_relay(struct loop *loop, struct run *run, int *fd, struct err *e)
{
    int fds[2];
    if (proc_make_pipe(fds) != 0)
        return err_set_sys(e, errno, "cannot make a pipe");
    run->relay = relay_start(loop, run->transfer->limiter, *fd, fds[1], e);
    close(fds[1]);
    close(*fd);
    *fd = fds[0];
    return run->relay == NULL ? -1 : 0;
}

/* A big stream goes over a connection that nothing else uses meanwhile. */
static enum site_connection choose_connection(struct run *run)
{
    struct transfer *transfer = run->transfer;
    if (run->total < TRANSFER_BIG)
        return SITE_SHARED;
    const struct site *site = transfer->big_site == NULL ? NULL : transfer->big_site(transfer->arg);
    run->moved_at = clock_monotonic_ms();
    if (site == NULL)
        return SITE_DEDICATED;
    run->receiver.site = site;
    return SITE_SHARED; /* by this worker's transfers, one after the other */
}

/* Asks whether the stream is to be compressed. That may take a while, and is no stall. */
static bool compresses(struct run *run)
{
    const struct transfer *transfer = run->transfer;
    if (transfer->compresses == NULL || transfer->to->ssh == NULL)
        return false;
    bool answer = transfer->compresses(transfer->arg, run->total);
    run->moved_at = clock_monotonic_ms();
    return answer;
}

static int start_receiver(struct loop *loop, struct run *run, int *fd, struct err *e)
{
    struct limiter *limiter = run->transfer->limiter;
    enum site_connection connection = choose_connection(run);
    if (compresses(run)) {
        if (add_compressor(loop, run, fd, e) != 0)
            return -1;
        command_decompress(&run->decompress);
        run->receiver.filter = &run->decompress;
    }
    /* Behind the compressor: the limit is one on what goes over the wire. */
    if (limiter != NULL && limiter_rate(limiter) > 0 && add_relay(loop, run, fd, e) != 0)
        return -1;
    return start_stage(loop, &run->receiver, run->transfer->receive, connection, *fd, PROC_FD_NULL,
                       e);
}

int transfer_run(struct loop *loop, struct transfer *transfer, uint64_t *ret_bytes, struct err *e)
{
    struct run run = {.transfer = transfer, .moved_at = clock_monotonic_ms()};
    run.sender = (struct stage){.run = &run, .site = transfer->from};
    run.compressor = (struct stage){.run = &run, .site = transfer->from};
    run.receiver = (struct stage){.run = &run, .site = transfer->to};
    argv_init(&run.decompress);
    lines_init(&run.lines, LINE_MAX_BYTES);
    int fds[2] = {-1, -1};
    int rc = -1;
    *ret_bytes = 0;

    if (proc_make_pipe(fds) != 0) {
        err_set_sys(e, errno, "cannot make a pipe");
        goto out;
    }
    if (start_stage(loop, &run.sender, transfer->send, SITE_SHARED, PROC_FD_NULL, fds[1], e) != 0)
        goto out;
    close(fds[1]);
    fds[1] = -1;

    /* The sender fills the pipe and waits; its estimate says which connection it is worth. */
    while (!run.sized && !run.stopped && !run.stalled)
        if (turn(loop, &run, e) != 0)
            goto out;
    bool hopeless = run.sender.ended && run.sender.e.code != ERR_NONE;
    if (!hopeless && !run.stopped && !run.stalled) {
        if (start_receiver(loop, &run, &fds[0], e) != 0) {
            cancel_all(&run);
            close(fds[0]);
            fds[0] = -1;
            struct err ignored;
            while (is_running(&run) && loop_run_once(loop, -1, &ignored) == 0)
                continue;
            goto out;
        }
    }
    close(fds[0]);
    fds[0] = -1;
    while (is_running(&run))
        if (turn(loop, &run, e) != 0)
            goto out;
    rc = judge(&run, e);
    *ret_bytes = rc == 0 && run.total > run.bytes ? run.total : run.bytes;

out:
    relay_free(run.relay);
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    argv_fini(transfer->send);
    argv_fini(transfer->receive);
    argv_fini(&run.decompress);
    lines_fini(&run.lines);
    return rc;
}
