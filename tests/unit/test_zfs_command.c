#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "site.h"

/* The words of an argv with a bar between them. */
static const char *joined(struct argv *argv)
{
    static char line[4096];
    line[0] = '\0';
    for (size_t i = 0; i < argv->n; i++) {
        strcat(line, i > 0 ? "|" : "");
        strcat(line, argv->v[i]);
    }
    argv_fini(argv);
    argv_init(argv);
    return line;
}

static const struct dsname DS = {"tank/a b"};

static void a_send_is_raw_and_tells_its_progress(void **state)
{
    (void)state;
    struct argv argv;
    argv_init(&argv);
    command_send(&argv, DS, (struct snapname){"daily-2"}, NULL, false);
    assert_string_equal(joined(&argv), "zfs|send|-w|-P|-v|tank/a b@daily-2");
    command_send(&argv, DS, (struct snapname){"daily-2"}, &(struct snapname){"daily-1"}, false);
    assert_string_equal(joined(&argv), "zfs|send|-w|-P|-v|-i|tank/a b@daily-1|tank/a b@daily-2");
    command_send(&argv, DS, (struct snapname){"daily-2"}, &(struct snapname){"backupd-7"}, true);
    assert_string_equal(joined(&argv), "zfs|send|-w|-P|-v|-i|tank/a b#backupd-7|tank/a b@daily-2");
}

static void i7_only_a_full_receive_over_a_placeholder_is_forced(void **state)
{
    (void)state;
    struct argv argv;
    argv_init(&argv);
    command_receive(&argv, DS, 0);
    assert_string_equal(joined(&argv), "zfs|receive|-s|-u|tank/a b");
    command_receive(&argv, DS, RECEIVE_CREATES);
    assert_string_equal(joined(&argv),
                        "zfs|receive|-s|-u|-o|readonly=on|-o|canmount=noauto|tank/a b");
    command_receive(&argv, DS, RECEIVE_CREATES | RECEIVE_OVERWRITES);
    assert_string_equal(joined(&argv),
                        "zfs|receive|-s|-u|-F|-o|readonly=on|-o|canmount=noauto|tank/a b");
}

static void a_volume_is_received_without_canmount(void **state)
{
    (void)state;
    struct argv argv;
    argv_init(&argv);
    command_receive(&argv, DS, RECEIVE_CREATES | RECEIVE_VOLUME);
    assert_string_equal(joined(&argv), "zfs|receive|-s|-u|-o|readonly=on|tank/a b");
}

static void i4_snapshots_are_destroyed_by_their_names_and_never_by_a_range(void **state)
{
    (void)state;
    struct snapset set;
    snapset_init(&set);
    static const char *const NAMES[] = {"h-1", "h-2", "h-3"};
    for (size_t i = 0; i < 3; i++)
        snapset_add(&set, &(struct snapshot){.guid = i + 1, .createtxg = i, .name = NAMES[i]});
    struct argv argv;
    argv_init(&argv);
    static const size_t ALL[] = {0, 1, 2};
    static const size_t SOME[] = {0, 2};
    size_t at = 0;
    command_destroy_snapshots(&argv, DS, &set, ALL, 3, &at);
    assert_int_equal(at, 3);
    assert_string_equal(joined(&argv), "zfs|destroy|tank/a b@h-1,h-2,h-3");
    at = 0;
    command_destroy_snapshots(&argv, DS, &set, SOME, 2, &at);
    assert_int_equal(at, 2);
    assert_string_equal(joined(&argv), "zfs|destroy|tank/a b@h-1,h-3");
    at = 1;
    command_destroy_snapshots(&argv, DS, &set, ALL, 2, &at);
    assert_int_equal(at, 2);
    assert_string_equal(joined(&argv), "zfs|destroy|tank/a b@h-2");
    snapset_fini(&set);
}

static void a_long_list_is_destroyed_in_several_commands(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static char names[COUNT][16];
    static size_t places[COUNT];
    struct snapset set;
    snapset_init(&set);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "h-%zu", i);
        snapset_add(&set, &(struct snapshot){.guid = i + 1, .createtxg = i, .name = names[i]});
        places[i] = i;
    }
    size_t at = 0;
    size_t commands = 0;
    size_t named = 0;
    while (at < COUNT) {
        struct argv argv;
        argv_init(&argv);
        command_destroy_snapshots(&argv, DS, &set, places, COUNT, &at);
        assert_int_equal(argv.n, 3);
        assert_true(strlen(argv.v[2]) <= COMMAND_LIST_MAX);
        for (const char *p = argv.v[2]; *p != '\0'; p++)
            named += *p == ',' || *p == '@';
        argv_fini(&argv);
        commands++;
    }
    assert_int_equal(named, COUNT);
    assert_true(commands > 1 && commands < 10);
    snapset_fini(&set);
}

static void details_are_asked_of_the_chosen_snapshots_alone(void **state)
{
    (void)state;
    struct snapset set;
    snapset_init(&set);
    static const char *const NAMES[] = {"h-1", "h-2", "h-3"};
    for (size_t i = 0; i < 3; i++)
        snapset_add(&set, &(struct snapshot){.guid = i + 1, .createtxg = i, .name = NAMES[i]});
    const bool chosen[] = {true, false, true};
    struct argv argv;
    argv_init(&argv);
    size_t at = 0;
    assert_true(command_list_details(&argv, DS, &set, chosen, &at));
    assert_string_equal(joined(&argv), "zfs|list|-Hp|-t|snapshot|-o|name,guid,userrefs,clones|"
                                       "tank/a b@h-1|tank/a b@h-3");
    assert_false(command_list_details(&argv, DS, &set, chosen, &at));
    argv_fini(&argv);
    snapset_fini(&set);
}

static void a_listing_of_names_has_the_fast_columns_and_no_others(void **state)
{
    (void)state;
    struct argv argv;
    argv_init(&argv);
    command_list_names(&argv, DS);
    assert_string_equal(joined(&argv),
                        "zfs|list|-Hp|-t|snapshot,bookmark|-o|name,guid,createtxg|-r|tank/a b");
    argv_fini(&argv);
}

static void add_bare(struct inventory *inv, const char *dataset, bool bookmark, const char *name,
                     unsigned flags)
{
    struct snapshot snap = {.guid = 1, .name = name, .flags = flags};
    struct dataset *ds = inventory_get(inv, dataset);
    if (bookmark)
        inventory_add_bookmark(inv, ds, SIDE_REMOTE, &snap);
    else
        inventory_add_snapshot(inv, ds, SIDE_REMOTE, &snap);
}

static void names_are_asked_of_what_is_not_skipped_and_of_it_alone(void **state)
{
    (void)state;
    struct inventory inv;
    struct argv argv;
    inventory_init(&inv);
    add_bare(&inv, "", false, "a", 0);
    add_bare(&inv, "/x", false, "a", 0);
    add_bare(&inv, "/y", false, "a", 0);
    inventory_get(&inv, "/local");
    inventory_find(&inv, "/x")->side[SIDE_REMOTE].skipped = true;
    argv_init(&argv);
    assert_true(command_list_some_names(&argv, DS, &inv, SIDE_REMOTE));
    assert_string_equal(joined(&argv), "zfs|list|-Hp|-t|snapshot,bookmark|-o|name,guid,createtxg|"
                                       "-d|1|tank/a b|tank/a b/y");
    argv_fini(&argv);
    inventory_fini(&inv);
}

static void too_many_to_be_named_do_not_fit_into_a_command(void **state)
{
    (void)state;
    struct inventory inv;
    struct argv argv;
    inventory_init(&inv);
    for (size_t i = 0; i < COMMAND_LIST_MAX / 10; i++) {
        char name[32];
        snprintf(name, sizeof(name), "/d%06zu", i);
        add_bare(&inv, name, false, "a", 0);
    }
    argv_init(&argv);
    assert_false(command_list_some_names(&argv, DS, &inv, SIDE_REMOTE));
    argv_fini(&argv);
    inventory_fini(&inv);
}

static void facts_are_asked_of_what_is_bare_on_the_side_alone(void **state)
{
    (void)state;
    struct inventory inv;
    struct argv argv;
    struct command_place at = {.dataset = 0};
    inventory_init(&inv);
    add_bare(&inv, "", false, "a", SNAPSHOT_BARE);
    add_bare(&inv, "", false, "b", 0);
    add_bare(&inv, "", true, "m", SNAPSHOT_BARE);
    add_bare(&inv, "/x", false, "c", SNAPSHOT_BARE);
    argv_init(&argv);
    assert_false(command_list_facts(&argv, DS, &inv, SIDE_LOCAL, &at));
    assert_int_equal(argv.n, 0);
    at = (struct command_place){.dataset = 0};
    assert_true(command_list_facts(&argv, DS, &inv, SIDE_REMOTE, &at));
    assert_string_equal(joined(&argv),
                        "zfs|list|-Hp|-t|snapshot,bookmark|-o|name,guid,creation,written|"
                        "tank/a b@a|tank/a b#m|tank/a b/x@c");
    argv_fini(&argv);
    argv_init(&argv);
    assert_false(command_list_facts(&argv, DS, &inv, SIDE_REMOTE, &at));
    argv_fini(&argv);
    inventory_fini(&inv);
}

static void facts_of_many_are_asked_for_once_each_in_several_commands(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct inventory inv;
    struct command_place at = {.dataset = 0};
    size_t commands = 0;
    size_t named = 0;
    inventory_init(&inv);
    for (size_t i = 0; i < COUNT; i++) {
        char name[80];
        snprintf(name, sizeof(name), "hourly-of-a-name-that-is-not-short-at-all-%06zu", i);
        add_bare(&inv, i % 2 ? "/x" : "/y", i % 3 == 0, name, SNAPSHOT_BARE);
    }
    for (bool more = true; more;) {
        struct argv argv;
        size_t bytes = 0;
        argv_init(&argv);
        more = command_list_facts(&argv, DS, &inv, SIDE_REMOTE, &at);
        commands += more;
        named += more ? argv.n - 7 : 0;
        for (size_t i = 0; i < argv.n; i++)
            bytes += strlen(argv.v[i]) + 3;
        assert_true(bytes < COMMAND_LIST_MAX + 500);
        argv_fini(&argv);
    }
    assert_int_equal(named, COUNT);
    assert_true(commands > 1 && commands < 6);
    inventory_fini(&inv);
}

static void on_this_machine_a_command_is_itself(void **state)
{
    (void)state;
    struct site site = {.side = SIDE_REMOTE, .root = {"tank"}};
    struct argv command;
    struct argv argv;
    struct err e;
    argv_init(&command);
    command_exists(&command, DS);
    assert_int_equal(site_wrap(&site, SITE_SHARED, &command, &argv, &e), 0);
    assert_string_equal(joined(&argv), "zfs|list|-Hp|-o|name|tank/a b");
}

static struct ssh some_ssh(void)
{
    static const char *const OPTIONS[] = {"-p", "2222"};
    struct ssh ssh = {.host = "root@nas",
                      .key = "/root/key",
                      .options = OPTIONS,
                      .option_count = 2,
                      .control_path = "/run/backupd/x"};
    return ssh;
}

static void over_ssh_every_word_is_quoted_and_the_users_options_come_first(void **state)
{
    (void)state;
    struct ssh ssh = some_ssh();
    struct site site = {.side = SIDE_REMOTE, .root = {"tank"}, .ssh = &ssh};
    struct argv command;
    struct argv argv;
    struct err e;
    argv_init(&command);
    command_exists(&command, DS);
    assert_int_equal(site_wrap(&site, SITE_SHARED, &command, &argv, &e), 0);
    assert_string_equal(joined(&argv),
                        "ssh|-oControlMaster=no|-oControlPath=/run/backupd/x|-oControlPersist=no|"
                        "-p|2222|-i|/root/key|-oIdentitiesOnly=yes|-a|-x|-T|-oBatchMode=yes|"
                        "-oStrictHostKeyChecking=yes|-oConnectTimeout=15|-oServerAliveInterval=15|"
                        "-oServerAliveCountMax=4|"
                        "--|root@nas|zfs 'list' '-Hp' '-o' 'name' 'tank/a b'");
}

static void a_big_transfer_has_a_connection_of_its_own(void **state)
{
    (void)state;
    struct ssh ssh = some_ssh();
    struct site site = {.side = SIDE_REMOTE, .root = {"tank"}, .ssh = &ssh};
    struct argv command;
    struct argv argv;
    struct err e;
    argv_init(&command);
    command_receive(&command, DS, 0);
    assert_int_equal(site_wrap(&site, SITE_DEDICATED, &command, &argv, &e), 0);
    assert_non_null(strstr(joined(&argv), "|-oControlPath=none|"));
}

static void a_compressed_stream_goes_through_zstd_at_both_ends(void **state)
{
    (void)state;
    struct argv argv;
    argv_init(&argv);
    command_compress(&argv);
    assert_string_equal(joined(&argv), "zstd|-q|-1|-c");
    command_decompress(&argv);
    assert_string_equal(joined(&argv), "zstd|-q|-d|-c");
    command_try_zstd(&argv);
    assert_string_equal(joined(&argv), "zstd|--version");
    command_get_compression(&argv, DS);
    assert_string_equal(joined(&argv), "zfs|get|-Hp|-o|property,value|"
                                       "compression,refcompressratio|tank/a b");
}

static void over_ssh_a_filter_stands_before_the_command_and_all_its_words_are_quoted(void **state)
{
    (void)state;
    struct ssh ssh = some_ssh();
    struct site site = {.side = SIDE_REMOTE, .root = {"tank"}, .ssh = &ssh};
    struct argv filter;
    struct argv command;
    struct argv argv;
    struct err e;
    argv_init(&filter);
    argv_init(&command);
    command_decompress(&filter);
    command_receive(&command, (struct dsname){"tank/a|b"}, 0);
    assert_int_equal(site_wrap_behind(&site, SITE_DEDICATED, &filter, &command, &argv, &e), 0);
    assert_int_equal(filter.n + command.n, 0);
    const char *line = joined(&argv);
    assert_non_null(strstr(line, "|-oControlPath=none|"));
    assert_non_null(strstr(line, "|--|root@nas|zstd '-q' '-d' '-c' | "
                                 "zfs 'receive' '-s' '-u' 'tank/a|b'"));
}

static void a_control_character_is_refused_on_either_side_of_a_filter(void **state)
{
    (void)state;
    struct ssh ssh = some_ssh();
    struct site site = {.side = SIDE_REMOTE, .root = {"tank"}, .ssh = &ssh};
    for (int which = 0; which < 2; which++) {
        struct argv both[2];
        struct argv argv;
        struct err e = ERR_INIT;
        for (int i = 0; i < 2; i++) {
            argv_init(&both[i]);
            argv_add_all(&both[i], "zfs", i == which ? "a\nb" : "ab");
        }
        assert_int_equal(site_wrap_behind(&site, SITE_SHARED, &both[0], &both[1], &argv, &e), -1);
        assert_int_equal(e.code, ERR_NAME);
        assert_int_equal(argv.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_send_is_raw_and_tells_its_progress),
        cmocka_unit_test(i7_only_a_full_receive_over_a_placeholder_is_forced),
        cmocka_unit_test(a_volume_is_received_without_canmount),
        cmocka_unit_test(i4_snapshots_are_destroyed_by_their_names_and_never_by_a_range),
        cmocka_unit_test(a_long_list_is_destroyed_in_several_commands),
        cmocka_unit_test(details_are_asked_of_the_chosen_snapshots_alone),
        cmocka_unit_test(a_listing_of_names_has_the_fast_columns_and_no_others),
        cmocka_unit_test(names_are_asked_of_what_is_not_skipped_and_of_it_alone),
        cmocka_unit_test(too_many_to_be_named_do_not_fit_into_a_command),
        cmocka_unit_test(facts_are_asked_of_what_is_bare_on_the_side_alone),
        cmocka_unit_test(facts_of_many_are_asked_for_once_each_in_several_commands),
        cmocka_unit_test(on_this_machine_a_command_is_itself),
        cmocka_unit_test(over_ssh_every_word_is_quoted_and_the_users_options_come_first),
        cmocka_unit_test(a_big_transfer_has_a_connection_of_its_own),
        cmocka_unit_test(a_compressed_stream_goes_through_zstd_at_both_ends),
        cmocka_unit_test(over_ssh_a_filter_stands_before_the_command_and_all_its_words_are_quoted),
        cmocka_unit_test(a_control_character_is_refused_on_either_side_of_a_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
