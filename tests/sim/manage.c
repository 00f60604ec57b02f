/* `sim`: what tests and people do to the simulation from outside of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common.h"
#include "destroy.h"
#include "faults.h"
#include "output.h"
#include "stream.h"
#include "world.h"

static _Noreturn void explain(void)
{
    fail(2, "usage: sim make-tree [-l ROOT] [-r ROOT] [-k SHARED] [-b BYTES] [-t TYPE] "
            "[-i SECONDS] N M\n"
            "       sim write|rewrite DATASET BYTES\n"
            "       sim pool POOL [BYTES]\n"
            "       sim suspend|resume POOL\n"
            "       sim clock [SECONDS | +SECONDS | real]\n"
            "       sim down [TEXT] | up\n"
            "       sim fault LINE | faults [clear]\n"
            "       sim calls [clear]\n"
            "       sim on local|remote zfs|zpool|any of the above ...\n");
}

/* ---- make-tree ---- */

struct tree_options {
    const char *root[2]; /* NULL: not there */
    const char *type;
    uint64_t shared, bytes; /* how many of the oldest snapshots both sides have; of each one */
    int64_t interval;
    uint64_t datasets, snapshots;
    uint64_t guid; /* number of the first */
};

static void parse_tree_options(int argc, char **argv, struct tree_options *o)
{
    for (int option; (option = getopt(argc, argv, "+l:r:k:b:t:i:")) != -1;) {
        if (option == 'l')
            o->root[MACHINE_LOCAL] = optarg;
        else if (option == 'r')
            o->root[MACHINE_REMOTE] = optarg;
        else if (option == 'k')
            o->shared = strtoull(optarg, NULL, 10);
        else if (option == 'b')
            o->bytes = strtoull(optarg, NULL, 10);
        else if (option == 't')
            o->type = optarg;
        else if (option == 'i')
            o->interval = strtoll(optarg, NULL, 10);
        else
            explain();
    }
    if (optind + 2 != argc)
        explain();
    o->datasets = strtoull(argv[optind], NULL, 10);
    o->snapshots = strtoull(argv[optind + 1], NULL, 10);
}

static void add_pool_and_parents(const char *name)
{
    if (state_open(name) != NULL)
        return;
    if (name_parent(name) != NULL)
        add_pool_and_parents(name_parent(name));
    state_save(state_new(name, false));
}

/* The snapshot at `place` of the dataset number `number`: the same on both sides. */
static void add_tree_snap(const struct tree_options *o, struct dataset *ds, uint64_t number,
                          uint64_t place, uint64_t txg, int64_t now)
{
    char name[128];
    snprintf(name, sizeof(name), "%.80s-%06" PRIu64, o->type, place + 1);
    struct snap snap = {.name = world_keep(name),
                        .guid = world_guid(o->guid + number * o->snapshots + place),
                        .txg = txg + place,
                        .creation = now - (int64_t)(o->snapshots - place) * o->interval,
                        .referenced = 24576 + (place + 1) * o->bytes,
                        .written = o->bytes + (place == 0 ? 24576 : 0)};
    snap_add(ds, &snap);
    ds->referenced = snap.referenced;
    ds->changed = snap.creation;
}

static void make_tree_on(const struct tree_options *o, enum machine machine, uint64_t snapshots)
{
    int64_t now = world_now();
    world_set_machine(machine);
    world_lock(true);
    const char *root = o->root[machine];
    if (name_parent(root) != NULL)
        add_pool_and_parents(name_parent(root));
    uint64_t txg = world_reserve_txgs(o->snapshots + 1);
    for (uint64_t i = 0; i < o->datasets; i++) {
        char name[300];
        snprintf(name, sizeof(name), i == 0 ? "%s" : "%s/d%06" PRIu64, root, i);
        if (state_open(name) != NULL)
            fail(1, "sim: %s exists\n", name);
        struct dataset *ds = state_new(name, false);
        for (uint64_t k = 0; k < snapshots; k++)
            add_tree_snap(o, ds, i, k, txg, now);
        ds->pending = 0;
        if (machine == MACHINE_REMOTE)
            prop_set(ds, "readonly", "on");
        state_save(ds);
    }
    world_unlock();
    state_forget();
}

static void make_tree(int argc, char **argv)
{
    struct tree_options o = {
        .root = {"tank/data", NULL}, .type = "hourly", .bytes = 65536, .interval = 3600};
    parse_tree_options(argc, argv, &o);
    o.guid = world_reserve_guids(o.datasets * o.snapshots);
    make_tree_on(&o, MACHINE_LOCAL, o.snapshots);
    if (o.root[MACHINE_REMOTE] != NULL)
        make_tree_on(&o, MACHINE_REMOTE, o.shared < o.snapshots ? o.shared : o.snapshots);
}

/* ---- the rest ---- */

/* Writes to a dataset: more data, or other data in the place of what was there. */
static void write_to(struct dataset *ds, bool more, uint64_t bytes)
{
    ds->pending += bytes;
    if (more)
        ds->referenced += bytes;
    else if (snap_newest(ds) != NULL)
        snap_newest(ds)->used += bytes;
    state_save(ds);
}

static void write_data(int argc, char **argv)
{
    if (argc != 3)
        explain();
    world_lock(true);
    struct dataset *ds = open_or_complain(argv[1], argv[1]);
    if (ds != NULL)
        write_to(ds, strcmp(argv[0], "write") == 0, strtoull(argv[2], NULL, 10));
    finish(ds == NULL ? 1 : 0);
}

static void set_clock(int argc, char **argv)
{
    char text[32];
    int64_t value;
    if (argc == 1) {
        str_add_format(output_text(), "%" PRId64 "\n", world_now());
        return;
    }
    if (strcmp(argv[1], "real") == 0) {
        unlink(world_path("clock"));
        return;
    }
    value = strtoll(argv[1], NULL, 10) + (argv[1][0] == '+' ? world_now() : 0);
    int len = snprintf(text, sizeof(text), "%" PRId64 "\n", value);
    world_write_file(world_path("clock"), text, (size_t)len);
}

static void add_fault(int argc, char **argv)
{
    struct str text;
    size_t len = 0;
    const char *why = argc == 2 ? faults_check(argv[1]) : "it is not one word in quotes";
    if (why != NULL)
        fail(2, "sim: %s\n", why);
    int fd = world_lock_file(world_path("calls.number"));
    char *old = world_read_file(world_path("faults"), &len);
    str_init(&text);
    if (old != NULL)
        str_add(&text, old);
    str_add_format(&text, "%s\n", argv[1]);
    world_write_file(world_path("faults"), text.s, text.len);
    close(fd);
    free(old);
    str_fini(&text);
}

/* Prints a file of the state, or removes it with "clear". */
static void show_or_clear(int argc, char **argv, const char *const *files)
{
    if (argc > 1 && strcmp(argv[1], "clear") == 0) {
        int fd = world_lock_file(world_path("calls.number"));
        for (size_t i = 0; files[i] != NULL; i++)
            unlink(world_path("%s", files[i]));
        close(fd);
        return;
    }
    char *text = world_read_file(world_path("%s", files[0]), NULL);
    if (text != NULL)
        str_add(output_text(), text);
    free(text);
}

static void set_suspended(const char *word, const char *pool)
{
    world_lock(true);
    if (state_open(pool) == NULL)
        fail(1, "sim: there is no pool %s\n", pool);
    if (strcmp(word, "suspend") == 0)
        world_write_file(state_file(pool, "@suspended"), "", 0);
    else
        unlink(state_file(pool, "@suspended"));
}

static void make_pool(int argc, char **argv)
{
    world_lock(true);
    struct dataset *ds = state_open(argv[1]);
    if (ds == NULL) {
        ds = state_new(argv[1], false);
        ds->mounted = true;
    }
    ds->pool_size = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    state_save(ds);
}

static void set_down(int argc, char **argv)
{
    struct str text;
    str_init(&text);
    str_add_format(&text, "%s\n",
                   argc > 1 ? argv[1] : "ssh: connect to host nas port 22: Connection refused");
    world_write_file(world_path("ssh-down"), text.s, text.len);
    str_fini(&text);
}

static _Noreturn void run(int argc, char **argv);

/* Neither logged nor bent by faults. */
static _Noreturn void run_on(int argc, char **argv)
{
    if (argc < 3)
        explain();
    world_set_machine(strcmp(argv[1], "remote") == 0 ? MACHINE_REMOTE : MACHINE_LOCAL);
    optind = 1;
    if (strcmp(argv[2], "zfs") == 0)
        zfs_main(argc - 2, argv + 2);
    if (strcmp(argv[2], "zpool") == 0)
        zpool_main(argc - 2, argv + 2);
    run(argc - 2, argv + 2);
}

static void run(int argc, char **argv)
{
    static const char *const CALLS[] = {"calls", "calls.number", NULL};
    static const char *const FAULTS[] = {"faults", "hits", NULL};
    const char *word = argv[0];
    if (strcmp(word, "make-tree") == 0)
        make_tree(argc, argv);
    else if (strcmp(word, "write") == 0 || strcmp(word, "rewrite") == 0)
        write_data(argc, argv);
    else if (strcmp(word, "clock") == 0)
        set_clock(argc, argv);
    else if (strcmp(word, "fault") == 0)
        add_fault(argc, argv);
    else if (strcmp(word, "faults") == 0)
        show_or_clear(argc, argv, FAULTS);
    else if (strcmp(word, "calls") == 0)
        show_or_clear(argc, argv, CALLS);
    else if (strcmp(word, "down") == 0)
        set_down(argc, argv);
    else if (strcmp(word, "up") == 0)
        unlink(world_path("ssh-down"));
    else if (argc >= 2 && strcmp(word, "pool") == 0)
        make_pool(argc, argv);
    else if (argc == 2 && (strcmp(word, "suspend") == 0 || strcmp(word, "resume") == 0))
        set_suspended(word, argv[1]);
    else if (strcmp(word, "on") == 0)
        run_on(argc, argv);
    else
        explain();
    finish(0);
}

void manage_main(int argc, char **argv)
{
    if (argc < 2)
        explain();
    run(argc - 1, argv + 1);
}
