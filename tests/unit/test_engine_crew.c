/*
 * engine/crew: workers that do not behave, beside some that do. The linker puts __wrap_worker_main in the
 * place of worker_main, and __wrap_convoy_main in that of convoy_main; how they behave is the
 * datasets' names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crew.h"
#include "event_json.h"
#include "flood.h"
#include "loop.h"
#include "worker.h"

/* Far more than anything here takes: it only turns a hang into a failure. */
#define PATIENCE_MS 60000

#define CYCLE 7

static char folder[64];

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- the workers ---- */

static void say_len(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n <= 0)
            _exit(9);
        text += n;
        len -= (size_t)n;
    }
}

static void say(int fd, const char *text)
{
    say_len(fd, text, strlen(text));
}

static void say_event(int fd, struct event event)
{
    struct str line;
    str_init(&line);
    event.time = 1;
    event_encode(&event, &line);
    say(fd, line.s);
    str_fini(&line);
}

static struct event note_of(const char *dataset)
{
    return (struct event){.kind = EVENT_NOTE,
                          .cycle = CYCLE,
                          .dataset = dataset,
                          .level = LEVEL_INFO,
                          .text = "a word"};
}

static void finish(int fd, const char *dataset)
{
    say_event(fd,
              (struct event){.kind = EVENT_DATASET_FINISHED, .cycle = CYCLE, .dataset = dataset});
}

static void be_garbage(int fd, const char *own)
{
    (void)own;
    say(fd, "\x01\xff{]\n");
}

static void be_endless(int fd, const char *own)
{
    (void)own;
    for (;;)
        say(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void be_nul(int fd, const char *own)
{
    (void)own;
    say_len(fd, "{\"kind\":\0\"note\"}\n", 17);
}

static void be_mistyped(int fd, const char *own)
{
    char line[200];
    snprintf(line, sizeof(line),
             "{\"kind\":\"step_progress\",\"time\":1,\"cycle\":7,\"dataset\":\"%s\","
             "\"step\":\"0\",\"bytes\":{},\"bytes_total\":-1}\n",
             own);
    say(fd, line);
}

static void be_engine(int fd, const char *own)
{
    (void)own;
    say_event(fd, (struct event){.kind = EVENT_CYCLE_FINISHED, .cycle = CYCLE});
}

static void be_historian(int fd, const char *own)
{
    say_event(fd, (struct event){.kind = EVENT_DATASET_RECALLED,
                                 .cycle = CYCLE,
                                 .dataset = own,
                                 .status = STATUS_OK});
}

static void be_impostor(int fd, const char *own)
{
    (void)own;
    finish(fd, "/honest");
}

static void be_nameless(int fd, const char *own)
{
    (void)own;
    say_event(fd, note_of(NULL));
}

static void be_late(int fd, const char *own)
{
    struct event note = note_of(own);
    note.cycle = CYCLE - 1;
    say_event(fd, note);
}

static void be_talkative(int fd, const char *own)
{
    finish(fd, own);
    say_event(fd, note_of(own));
}

static void be_flood(int fd, const char *own)
{
    for (;;)
        say_event(fd, note_of(own));
}

static void be_wordless(int fd, const char *own)
{
    (void)fd;
    (void)own;
    _exit(3);
}

static void be_cut(int fd, const char *own)
{
    (void)own;
    say(fd, "{\"kind\":\"dataset_fin");
    raise(SIGKILL);
}

static struct loop *loop;

static const struct {
    const char *name;
    void (*fn)(int fd, const char *own);
} WORKERS[] = {
    {"/garbage", be_garbage},   {"/endless", be_endless},
    {"/nul", be_nul},           {"/mistyped", be_mistyped},
    {"/engine", be_engine},     {"/historian", be_historian},
    {"/impostor", be_impostor}, {"/nameless", be_nameless},
    {"/late", be_late},         {"/talkative", be_talkative},
    {"/flood", be_flood},       {"/wordless", be_wordless},
    {"/cut", be_cut},
};

/* The path of the file that a worker's child holds locked for as long as it lives. */
static void lock_path(char ret[128], const char *dataset)
{
    snprintf(ret, 128, "%s%s", folder, dataset);
}

/* A child such as zfs is, in the worker's process group, which no SIGTERM ends. */
static void start_child(const char *dataset)
{
    char path[128];
    char byte;
    int ends[2];
    lock_path(path, dataset);
    if (pipe(ends) != 0)
        _exit(9);
    if (fork() != 0) {
        if (read(ends[0], &byte, 1) != 1)
            _exit(9);
        return;
    }
    signal(SIGTERM, SIG_IGN);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(ends[1], "x", 1) != 1)
        _exit(9);
    for (;;)
        pause();
}

static void say_text(int fd, const char *dataset, const char *text)
{
    struct event note = note_of(dataset);
    note.text = text;
    say_event(fd, note);
}

/* Does nothing of what is its own, but in the case of these names. */
static void be_in_convoy(int fd, const char *name)
{
    if (strstr(name, "skipped") != NULL)
        return;
    say_event(fd, (struct event){.kind = EVENT_DATASET_STARTED, .cycle = CYCLE, .dataset = name});
    if (strstr(name, "breaks") != NULL)
        _exit(0);
    if (strstr(name, "dies") != NULL)
        raise(SIGKILL);
    if (strstr(name, "lies") != NULL)
        finish(fd, "/somebody");
    while (strstr(name, "waits") != NULL)
        pause();
    finish(fd, name);
}

int __wrap_convoy_main(void *arg, int fd);
int __wrap_convoy_main(void *arg, int fd)
{
    const struct convoy_task *task = arg;
    char text[200] = "convoy ";
    for (size_t i = 0; i < task->n; i++)
        strncat(text, task->listed[i]->name, sizeof(text) - strlen(text) - 1);
    say_text(fd, task->listed[0]->name, text);
    for (size_t i = 0; i < task->n; i++)
        be_in_convoy(fd, task->listed[i]->name);
    return 0;
}

/* The connection of these tests is never made. */
static bool is_up;

bool __wrap_connection_is_up(const struct connection *connection);
bool __wrap_connection_is_up(const struct connection *connection)
{
    (void)connection;
    return is_up;
}

static connection_ready_fn *ready;

static void refuse(void *arg)
{
    struct err e = ERR_INIT;
    err_set(&e, ERR_SSH, "nobody is there");
    ready(arg, &e);
}

void __wrap_connection_ensure(struct connection *connection, connection_ready_fn *fn, void *arg);
void __wrap_connection_ensure(struct connection *connection, connection_ready_fn *fn, void *arg)
{
    (void)connection;
    ready = fn;
    loop_add_timer(loop, 0, refuse, arg);
}

int __wrap_worker_main(void *arg, int fd);
int __wrap_worker_main(void *arg, int fd)
{
    const struct worker_task *task = arg;
    for (size_t i = 0; i < sizeof(WORKERS) / sizeof(WORKERS[0]); i++) {
        if (strcmp(WORKERS[i].name, task->name) != 0)
            continue;
        say_event(fd, note_of(task->name));
        start_child(task->name);
        WORKERS[i].fn(fd, task->name);
        for (;;)
            pause();
    }
    if (task->listed == NULL)
        say_text(fd, task->name, "anew");
    say_event(fd, (struct event){
                      .kind = EVENT_DATASET_STARTED, .cycle = task->cycle, .dataset = task->name});
    pause_ms(200); /* so that it ends after the one that misbehaves */
    finish(fd, task->name);
    return 0;
}

/* Every word of a worker counts for so many, so that a flood need not take a minute. */
#define WEIGHT 2000

bool __real_flood_count(struct flood *flood, size_t bytes, int64_t now_ms);
bool __wrap_flood_count(struct flood *flood, size_t bytes, int64_t now_ms);
bool __wrap_flood_count(struct flood *flood, size_t bytes, int64_t now_ms)
{
    bool ok = true;
    for (int i = 0; i < WEIGHT; i++)
        ok = __real_flood_count(flood, bytes, now_ms) && ok;
    return ok;
}

/* ---- the engine ---- */

static struct config config;
static struct sites sites;
static struct inventory inv;
static struct crew *crew;
static char began[200];   /* the datasets, as they did */
static char convoys[200]; /* their datasets, and a blank behind each */
static char warned[200];  /* what was told last as a warning */
static char anew[200];    /* the datasets whose workers had no listing */
static size_t at_work, most_at_work;
static bool idle;
static size_t heard; /* events of whoever misbehaves, its end included */
static const char *misbehaving;
static size_t ended; /* datasets */
static struct err outcome;
static size_t honest_ended;

static void handle_event(void *arg, const struct event *event)
{
    (void)arg;
    assert_non_null(event->dataset);
    assert_int_equal(event->cycle, CYCLE);
    bool is_bad = strcmp(event->dataset, misbehaving) == 0;
    heard += is_bad;
    at_work += event->kind == EVENT_DATASET_STARTED;
    at_work -= event->kind == EVENT_DATASET_FINISHED && at_work > 0;
    most_at_work = at_work > most_at_work ? at_work : most_at_work;
    if (event->kind == EVENT_NOTE && strncmp(event->text, "convoy ", 7) == 0) {
        strncat(convoys, event->text + 7, sizeof(convoys) - strlen(convoys) - 1);
        strncat(convoys, " ", sizeof(convoys) - strlen(convoys) - 1);
    }
    if (event->kind == EVENT_NOTE && event->level == LEVEL_WARNING)
        snprintf(warned, sizeof(warned), "%s", event->text);
    if (event->kind == EVENT_NOTE && strcmp(event->text, "anew") == 0)
        strncat(anew, event->dataset, sizeof(anew) - strlen(anew) - 1);
    if (event->kind != EVENT_DATASET_FINISHED) {
        assert_true(event->kind == EVENT_NOTE || event->kind == EVENT_DATASET_STARTED);
        if (event->kind == EVENT_DATASET_STARTED)
            strncat(began, event->dataset, sizeof(began) - strlen(began) - 1);
        return;
    }
    ended++;
    if (is_bad)
        err_set(&outcome, event->code, "%s", event->text == NULL ? "" : event->text);
    else if (event->code == ERR_NONE)
        honest_ended++;
}

static void handle_idle(void *arg)
{
    (void)arg;
    idle = true;
}

static int set_up(void **state)
{
    static const char TEXT[] = "[local]\nroot = \"tank\"\n[local.policy]\ndaily = 1\n"
                               "[sync]\nparallel = 2\n";
    struct err e = ERR_INIT;
    struct str errors;
    (void)state;
    str_init(&errors);
    snprintf(folder, sizeof(folder), "/tmp/backupd-test-XXXXXX");
    loop = loop_new(&e);
    int rc = mkdtemp(folder) == NULL || loop == NULL ||
             config_parse(TEXT, sizeof(TEXT) - 1, "backupd.toml", &config, &errors) != 0;
    if (rc != 0)
        print_error("%s%s\n", e.msg, errors.s);
    str_fini(&errors);
    sites_init(&sites, &config, "");
    inventory_init(&inv);
    began[0] = convoys[0] = anew[0] = warned[0] = '\0';
    const struct cycle_spec spec = {.loop = loop,
                                    .config = &config,
                                    .sites = &sites,
                                    .number = CYCLE,
                                    .on_event = handle_event};
    crew = crew_new(&spec, handle_idle, NULL);
    idle = false;
    heard = ended = honest_ended = at_work = most_at_work = 0;
    outcome = (struct err)ERR_INIT;
    return rc == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    crew_free(crew);
    loop_free(loop);
    config_fini(&config);
    inventory_fini(&inv);
    lock_path(path, misbehaving);
    unlink(path);
    return rmdir(folder);
}

static void run_until_idle(void)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;
    while (!idle) {
        struct err e = ERR_INIT;
        if (clock_monotonic_ms() > deadline)
            fail_msg("%s: there are workers left", misbehaving);
        if (loop_run_once(loop, 100, &e) != 0)
            fail_msg("%s", e.msg);
    }
}

/* Adds a dataset that has so much to send. */
static void add(const char *name, uint64_t bytes, bool is_new)
{
    struct crew_task task = {.ds = inventory_get(&inv, name), .bytes = bytes, .is_new = is_new};
    crew_add(crew, &task);
}

static void start(const char *bad)
{
    misbehaving = bad;
    add("/honest", 0, false);
    add(bad, 0, false);
    add("/other", 0, false);
    crew_start(crew);
}

/* What the worker started ended with it. */
static void assert_no_child_is_left(void)
{
    char path[128];
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS / 10;
    lock_path(path, misbehaving);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (clock_monotonic_ms() > deadline)
            fail_msg("%s: its child still runs", misbehaving);
        pause_ms(10);
    }
    close(fd);
}

/* `bad` fails with `code` and `why`, and the others as if it were not there. */
static void assert_ended(const char *bad, enum err_code code, const char *why)
{
    start(bad);
    run_until_idle();
    assert_string_equal(err_code_name(outcome.code), err_code_name(code));
    if (strstr(outcome.msg, why) == NULL)
        fail_msg("%s: \"%s\" lacks \"%s\"", bad, outcome.msg, why);
    assert_int_equal(ended, 3);
    assert_int_equal(honest_ended, 2);
    assert_int_equal(crew_failed(crew), 1);
    assert_no_child_is_left();
}

static void a_worker_that_says_garbage_is_ended_with_its_children(void **state)
{
    (void)state;
    assert_ended("/garbage", ERR_PROTOCOL, "its worker sent something odd");
    assert_int_equal(heard, 2);
}

static void a_worker_whose_line_has_no_end_is_ended(void **state)
{
    (void)state;
    assert_ended("/endless", ERR_PROTOCOL, "longer than any that is believed");
}

static void a_worker_that_says_a_nul_is_ended(void **state)
{
    (void)state;
    assert_ended("/nul", ERR_PROTOCOL, "a NUL byte");
}

static void a_worker_whose_event_has_fields_of_other_types_is_ended(void **state)
{
    (void)state;
    assert_ended("/mistyped", ERR_PROTOCOL, "its worker sent something odd");
    assert_int_equal(heard, 2);
}

static void a_worker_that_says_what_is_the_engines_to_say_is_ended(void **state)
{
    (void)state;
    assert_ended("/engine", ERR_PROTOCOL, "cycle_finished event, which is not its to send");
}

static void a_worker_that_says_what_is_the_historys_to_say_is_ended(void **state)
{
    (void)state;
    assert_ended("/historian", ERR_PROTOCOL, "dataset_recalled event, which is not its to send");
}

static void a_worker_that_speaks_of_another_dataset_is_ended_and_not_believed(void **state)
{
    (void)state;
    assert_ended("/impostor", ERR_PROTOCOL, "its worker spoke of another dataset");
}

static void a_worker_that_speaks_of_no_dataset_is_ended(void **state)
{
    (void)state;
    assert_ended("/nameless", ERR_PROTOCOL, "its worker spoke of another dataset");
}

static void a_worker_that_speaks_of_another_cycle_is_ended(void **state)
{
    (void)state;
    assert_ended("/late", ERR_PROTOCOL, "its worker spoke of another cycle");
}

static void a_worker_that_floods_is_ended_while_the_others_go_on(void **state)
{
    (void)state;
    assert_ended("/flood", ERR_PROTOCOL, "its worker said more than any has to say");
    /* the seconds that it took add some */
    assert_in_range(heard, FLOOD_EVENTS / WEIGHT, 2 * FLOOD_EVENTS / WEIGHT);
}

static void a_worker_that_goes_on_after_its_end_is_ended_and_keeps_its_result(void **state)
{
    (void)state;
    start("/talkative");
    run_until_idle();
    assert_int_equal(outcome.code, ERR_NONE);
    assert_int_equal(ended, 3);
    assert_int_equal(honest_ended, 2);
    assert_int_equal(heard, 2);
    assert_no_child_is_left();
}

static void a_worker_that_ends_without_a_word_has_failed(void **state)
{
    (void)state;
    start("/wordless");
    run_until_idle();
    assert_int_equal(outcome.code, ERR_DIED);
    assert_non_null(strstr(outcome.msg, "status 3"));
    assert_int_equal(honest_ended, 2);
}

static void a_worker_that_is_killed_in_the_middle_of_a_line_has_failed(void **state)
{
    (void)state;
    start("/cut");
    run_until_idle();
    assert_int_equal(outcome.code, ERR_DIED);
    assert_non_null(strstr(outcome.msg, "signal 9"));
    assert_int_equal(honest_ended, 2);
}

/* ---- who begins first ---- */

static bool failed_last(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "/c") == 0;
}

/* Adds what the tests below add, one at a time, and returns the order in which they began. */
static const char *order_of(void (*add_all)(void), cycle_failed_fn *failed)
{
    crew_free(crew);
    config.parallel = 1;
    const struct cycle_spec spec = {.loop = loop,
                                    .config = &config,
                                    .sites = &sites,
                                    .number = CYCLE,
                                    .failed = failed,
                                    .on_event = handle_event};
    crew = crew_new(&spec, handle_idle, NULL);
    misbehaving = "";
    add_all();
    crew_start(crew);
    run_until_idle();
    return began;
}

static void add_siblings(void)
{
    add("/a", 10, false);
    add("/b", 30, false);
    add("/c", 90, false);
    add("/d", 30, false);
}

static void those_with_most_to_send_begin_first(void **state)
{
    (void)state;
    assert_string_equal(order_of(add_siblings, NULL), "/c/b/d/a");
}

static void those_that_failed_the_last_time_begin_last_however_much_they_have_to_send(void **state)
{
    (void)state;
    assert_string_equal(order_of(add_siblings, failed_last), "/b/d/a/c");
}

static void add_new_tree(void)
{
    add("/a", 1, true);
    add("/a/b", 1, true);
    add("/a/b/c", 50, true);
    add("/b", 40, false);
    add("/b/c", 60, false);
}

/* Else the largest would come last, alone. */
static void what_the_largest_waits_for_begins_first(void **state)
{
    (void)state;
    assert_string_equal(order_of(add_new_tree, NULL), "/b/c/a/a/b/a/b/c/b");
}

static void with_parallel_auto_as_many_work_as_the_pace_says(void **state)
{
    struct pace pace;
    (void)state;
    pace_init(&pace);
    pace.limit = 1;
    crew_free(crew);
    config.parallel = CONFIG_PARALLEL_AUTO;
    const struct cycle_spec spec = {.loop = loop,
                                    .config = &config,
                                    .sites = &sites,
                                    .number = CYCLE,
                                    .pace = &pace,
                                    .on_event = handle_event};
    crew = crew_new(&spec, handle_idle, NULL);
    misbehaving = "";
    add_siblings();
    crew_start(crew);
    run_until_idle();
    assert_int_equal(ended, 4);
    assert_int_equal(most_at_work, 1);
}

/* ---- convoys ---- */

static struct convoys known;
static struct connection *connection;

/* A crew that may have convoys; `change` may spoil that. */
static void prepare_convoys(unsigned parallel, void (*change)(struct cycle_spec *spec))
{
    static struct ssh ssh = {.host = "host", .key = "", .control_path = "/nowhere"};
    static struct site site = {.side = SIDE_REMOTE, .ssh = &ssh};
    struct cycle_spec spec = {.loop = loop,
                              .config = &config,
                              .sites = &sites,
                              .convoys = &known,
                              .number = CYCLE,
                              .failed = failed_last,
                              .on_event = handle_event};
    crew_free(crew);
    connection = connection_new(loop, &site);
    spec.connection = connection;
    config.parallel = parallel;
    if (change != NULL)
        change(&spec);
    known = (struct convoys){.broken = 0};
    is_up = true;
    crew = crew_new(&spec, handle_idle, NULL);
    misbehaving = "";
}

static int tear_convoys_down(void **state)
{
    int rc = tear_down(state);
    connection_free(connection);
    connection = NULL;
    return rc;
}

/* Adds one with so many small increments. */
static void add_small(const char *name, size_t increments)
{
    struct crew_task task = {.ds = inventory_get(&inv, name),
                             .listed_ms = clock_monotonic_ms(),
                             .bytes = 1000,
                             .increments = increments};
    crew_add(crew, &task);
}

static void add_smalls(size_t from, size_t to)
{
    char name[20];
    for (size_t i = from; i < to; i++) {
        snprintf(name, sizeof(name), "/%zu", i);
        add_small(name, 1);
    }
}

static void run_crew(void)
{
    crew_start(crew);
    run_until_idle();
}

static void small_ones_are_shared_out_among_as_many_convoys_as_there_are_workers(void **state)
{
    (void)state;
    prepare_convoys(2, NULL);
    add_smalls(0, 5);
    run_crew();
    /* which of the two is heard first is open */
    assert_non_null(strstr(convoys, "/0/1/2 "));
    assert_non_null(strstr(convoys, "/3/4 "));
    assert_int_equal(ended, 5);
    assert_int_equal(honest_ended, 5);
    assert_string_equal(anew, "");
}

static void as_many_as_workers_have_one_each(void **state)
{
    (void)state;
    prepare_convoys(2, NULL);
    add_smalls(0, 2);
    run_crew();
    assert_string_equal(convoys, "");
    assert_int_equal(honest_ended, 2);
}

static void a_convoy_is_no_longer_than_the_other_side_takes(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/many", CHAIN_MAX - 3);
    add_small("/few", 4);
    add_small("/fewer", 3);
    run_crew();
    assert_string_equal(convoys, "/many/fewer /few ");
    assert_int_equal(honest_ended, 3);
}

static void many_increments_of_one_are_a_convoy(void **state)
{
    (void)state;
    prepare_convoys(4, NULL);
    add_small("/many", 24);
    add_small("/one", 1);
    run_crew();
    assert_string_equal(convoys, "/many ");
    assert_int_equal(honest_ended, 2);
    assert_string_equal(anew, "");
}

static void one_that_breaks_in_a_convoy_of_its_own_is_done_again_from_a_new_listing(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/breaks", 24);
    run_crew();
    assert_string_equal(convoys, "/breaks ");
    assert_string_equal(anew, "/breaks");
    assert_int_equal(honest_ended, 1);
}

/* The largest first, so the small ones come last. */
static void what_is_large_or_moved_or_failed_or_waits_has_a_worker_of_its_own(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add("/large", 100000000, false);
    add("/new", 0, true);
    add_small("/new/below", 1);
    add_small("/a", 1);
    add_small("/b", 1);
    add_small("/c", 1); /* failed the last time */
    struct crew_task moved = {.ds = inventory_get(&inv, "/moved"),
                              .listed_ms = clock_monotonic_ms(),
                              .increments = 1,
                              .is_moved = true};
    crew_add(crew, &moved);
    run_crew();
    assert_string_equal(convoys, "/a/b ");
    assert_string_equal(anew, "/moved");
    assert_int_equal(honest_ended, 7);
}

static void forbid_connection(struct cycle_spec *spec)
{
    spec->connection = NULL;
}

static void forbid_convoys(struct cycle_spec *spec)
{
    spec->convoys = NULL;
}

static void forbid_change(struct cycle_spec *spec)
{
    spec->dryrun = true;
}

static void limit_rate(struct cycle_spec *spec)
{
    static struct limiter *limiter;
    if (limiter == NULL)
        limiter = limiter_new();
    limiter_set(limiter, 1000);
    spec->limiter = limiter;
}

static void there_is_no_convoy_without_ssh_or_with_a_limit_or_where_nothing_changes(void **state)
{
    static void (*const CHANGES[])(struct cycle_spec *) = {forbid_connection, forbid_convoys,
                                                           forbid_change, limit_rate};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        idle = false;
        connection_free(connection);
        prepare_convoys(1, CHANGES[i]);
        add_smalls(0, 3);
        run_crew();
        assert_string_equal(convoys, "");
    }
    assert_int_equal(honest_ended, 12);
}

/* I10. What had begun is listed anew; of what had not, the listing is as good as before. */
static void what_a_convoy_does_not_finish_has_workers_of_its_own(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/1", 1);
    add_small("/breaks", 1);
    add_small("/2", 1);
    add_small("/3", 1);
    run_crew();
    assert_string_equal(convoys, "/1/breaks/2/3 ");
    assert_string_equal(anew, "/breaks");
    assert_int_equal(honest_ended, 4);
    assert_int_equal(crew_failed(crew), 0);
    assert_int_equal(known.broken, 0);
}

static void what_a_convoy_leaves_out_has_a_worker_of_its_own(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/skipped", 1);
    add_small("/2", 1);
    run_crew();
    assert_string_equal(convoys, "/skipped/2 ");
    assert_string_equal(anew, "/skipped"); /* the note was about it */
    assert_int_equal(honest_ended, 2);
}

/* I10: nobody knows which it was at; whoever it was shows it in a worker of its own. */
static void a_convoy_that_dies_costs_no_dataset_its_turn(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/1", 1);
    add_small("/dies", 1);
    add_small("/2", 1);
    run_crew();
    assert_string_equal(convoys, "/1/dies/2 ");
    assert_string_equal(warned,
                        "its worker was ended by signal 9; what it had left is done one by one");
    assert_string_equal(anew, "/dies");
    assert_int_equal(honest_ended, 3);
    assert_int_equal(crew_failed(crew), 0);
}

static void a_convoy_that_speaks_of_a_dataset_that_is_not_its_own_is_ended(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/lies", 1);
    add_small("/2", 1);
    run_crew();
    assert_string_equal(warned,
                        "its worker spoke of another dataset; what it had left is done one by one");
    assert_int_equal(honest_ended, 2);
    assert_int_equal(ended, 2);
}

static void after_two_convoys_that_broke_there_is_none_in_a_cycle(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    add_small("/breaks", CHAIN_MAX - 1);
    add_small("/1", 1);
    add_small("/breaks2", CHAIN_MAX - 1);
    add_small("/2", 1);
    add_small("/3", CHAIN_MAX - 1);
    add_small("/4", 1);
    run_crew();
    assert_string_equal(convoys, "/breaks/1 /breaks2/2 ");
    assert_int_equal(honest_ended, 6);
    assert_int_equal(known.broken, 1); /* of a cycle one counts */
}

static void after_convoys_in_vain_there_is_none_for_a_day(void **state)
{
    struct convoys c = {.broken = 0};
    (void)state;
    for (unsigned i = 1; i <= CONVOY_BREAKS; i++) {
        assert_true(convoys_may(&c, 1000));
        assert_int_equal(convoys_note(&c, false, 1000), i == CONVOY_BREAKS);
    }
    assert_false(convoys_may(&c, 1000));
    assert_false(convoys_may(&c, 999 + CONVOY_REST_MS));
    assert_true(convoys_may(&c, 1000 + CONVOY_REST_MS));
    assert_true(convoys_note(&c, false, 1000 + CONVOY_REST_MS));
    assert_false(convoys_may(&c, 1001 + CONVOY_REST_MS));
    assert_false(convoys_note(&c, true, 1000 + 2 * CONVOY_REST_MS));
    assert_true(convoys_may(&c, 1000 + 2 * CONVOY_REST_MS));
}

/* The connection broke, cannot be made anew, and the crew ends: nothing is left that looks as if it ran. */
static void what_a_convoy_began_ends_where_the_connection_is_lost(void **state)
{
    (void)state;
    prepare_convoys(1, NULL);
    is_up = false;
    misbehaving = "/breaks";
    add_small("/breaks", 1);
    add_small("/2", 1);
    run_crew();
    assert_int_equal(outcome.code, ERR_SSH);
    assert_int_equal(ended, 1);
    assert_int_equal(crew_lost(crew)->code, ERR_SSH);
    assert_int_equal(known.broken, 0);
}

/* Its SIGTERM ends this convoy, which tells nothing more. */
static void where_the_crew_stops_nothing_is_handed_back(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    prepare_convoys(1, NULL);
    misbehaving = "/waits";
    add_small("/waits", 1);
    add_small("/2", 1);
    crew_start(crew);
    while (convoys[0] == '\0')
        assert_int_equal(loop_run_once(loop, 100, &e), 0);
    crew_stop(crew);
    run_until_idle();
    assert_int_equal(outcome.code, ERR_INTERRUPTED);
    assert_int_equal(ended, 1);
    assert_string_equal(anew, "");
}

/* ---- the limit itself ---- */

#define STEPS 100000

/* A plan of STEPS, its snapshots in events as long as there are, every step begun and ended. */
static bool says_a_large_plan(struct flood *flood, int64_t now_ms)
{
    bool ok = true;
    for (int i = 0; i < 2 * STEPS / EVENT_ROWS_MAX + 1; i++)
        ok = __real_flood_count(flood, EVENT_LINE_MAX / 2, now_ms) && ok;
    for (int i = 0; i < STEPS; i++)
        ok = __real_flood_count(flood, 300, now_ms) && ok;
    return ok;
}

static void a_busy_dataset_of_100000_steps_is_no_flood(void **state)
{
    struct flood flood = {.began_ms = 5};
    int64_t now_ms = 5;
    (void)state;
    for (int i = 0; i <= 15; i++, now_ms += 3000)
        assert_true(says_a_large_plan(&flood, now_ms));
    for (int i = 0; i < 2 * STEPS; i++)
        assert_true(__real_flood_count(&flood, 300, now_ms + i / 2));
    for (int i = 0; i < 100000; i++, now_ms += 1000)
        assert_true(__real_flood_count(&flood, 300, now_ms));
}

static void plans_without_end_are_a_flood(void **state)
{
    struct flood flood = {.began_ms = 0};
    int plans = 0;
    (void)state;
    while (plans < 1000 && says_a_large_plan(&flood, plans * 1000))
        plans++;
    assert_in_range(plans, 16, 30);
}

static void long_events_without_end_are_a_flood(void **state)
{
    struct flood flood = {.began_ms = 0};
    uint64_t bytes = 0;
    (void)state;
    while (bytes < 4 * FLOOD_BYTES && __real_flood_count(&flood, EVENT_LINE_MAX, 0))
        bytes += EVENT_LINE_MAX;
    assert_true(bytes == FLOOD_BYTES);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define C(name) cmocka_unit_test_setup_teardown(name, set_up, tear_convoys_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_worker_that_says_garbage_is_ended_with_its_children),
        T(a_worker_whose_line_has_no_end_is_ended),
        T(a_worker_that_says_a_nul_is_ended),
        T(a_worker_whose_event_has_fields_of_other_types_is_ended),
        T(a_worker_that_says_what_is_the_engines_to_say_is_ended),
        T(a_worker_that_says_what_is_the_historys_to_say_is_ended),
        T(a_worker_that_speaks_of_another_dataset_is_ended_and_not_believed),
        T(a_worker_that_speaks_of_no_dataset_is_ended),
        T(a_worker_that_speaks_of_another_cycle_is_ended),
        T(a_worker_that_floods_is_ended_while_the_others_go_on),
        T(a_worker_that_goes_on_after_its_end_is_ended_and_keeps_its_result),
        T(a_worker_that_ends_without_a_word_has_failed),
        T(a_worker_that_is_killed_in_the_middle_of_a_line_has_failed),
        T(those_with_most_to_send_begin_first),
        T(those_that_failed_the_last_time_begin_last_however_much_they_have_to_send),
        T(what_the_largest_waits_for_begins_first),
        T(with_parallel_auto_as_many_work_as_the_pace_says),
        C(small_ones_are_shared_out_among_as_many_convoys_as_there_are_workers),
        C(as_many_as_workers_have_one_each),
        C(a_convoy_is_no_longer_than_the_other_side_takes),
        C(many_increments_of_one_are_a_convoy),
        C(one_that_breaks_in_a_convoy_of_its_own_is_done_again_from_a_new_listing),
        C(what_is_large_or_moved_or_failed_or_waits_has_a_worker_of_its_own),
        C(there_is_no_convoy_without_ssh_or_with_a_limit_or_where_nothing_changes),
        C(what_a_convoy_does_not_finish_has_workers_of_its_own),
        C(what_a_convoy_leaves_out_has_a_worker_of_its_own),
        C(a_convoy_that_dies_costs_no_dataset_its_turn),
        C(a_convoy_that_speaks_of_a_dataset_that_is_not_its_own_is_ended),
        C(after_two_convoys_that_broke_there_is_none_in_a_cycle),
        cmocka_unit_test(after_convoys_in_vain_there_is_none_for_a_day),
        C(what_a_convoy_began_ends_where_the_connection_is_lost),
        C(where_the_crew_stops_nothing_is_handed_back),
        cmocka_unit_test(a_busy_dataset_of_100000_steps_is_no_flood),
        cmocka_unit_test(plans_without_end_are_a_flood),
        cmocka_unit_test(long_events_without_end_are_a_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
