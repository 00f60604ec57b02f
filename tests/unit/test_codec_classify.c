#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "classify.h"
#include "str.h"

static void expect(bool over_ssh, int status, const char *words, enum err_code code,
                   const char *message)
{
    struct err e = ERR_INIT;
    assert_int_equal(classify_failure(over_ssh, over_ssh ? "root@nas" : "", status, 0, words, &e),
                     -1);
    if (e.code != code || strcmp(e.msg, message) != 0)
        fail_msg("of \"%s\":\n%s: %s\ninstead of\n%s: %s", words, err_code_name(e.code), e.msg,
                 err_code_name(code), message);
}

static void the_lines_of_a_sentence_are_joined(void **state)
{
    (void)state;
    expect(true, 1,
           "cannot receive incremental stream: destination tank/b has been modified\n"
           "since most recent snapshot\n",
           ERR_MODIFIED,
           "root@nas: cannot receive incremental stream: destination tank/b has been modified "
           "since most recent snapshot");
    expect(false, 1,
           "cannot receive incremental stream: most recent snapshot of tank/b does not\n"
           "match incremental source\n",
           ERR_BASE_MISSING,
           "cannot receive incremental stream: most recent snapshot of tank/b does not match "
           "incremental source");
    expect(false, 1, "cannot do this: out of space\nno snapshots were created\n", ERR_NO_SPACE,
           "cannot do this: out of space; no snapshots were created");
}

static void what_does_not_matter_is_left_out(void **state)
{
    (void)state;
    expect(false, 1,
           "full\ttank/a@one\t67243248\nsize\t67243248\n12:00:01\t8388608\ttank/a@one\n"
           "resume token contents:\nnvlist version: 0\n\tobject = 0x2\n"
           "warning: cannot send 'tank/a@one': Broken pipe\n"
           "warning: cannot send 'tank/a@one': Broken pipe\n",
           ERR_STREAM_CUT, "warning: cannot send 'tank/a@one': Broken pipe");
    expect(true, 1,
           "Warning: Permanently added '[nas]:22' (ED25519) to the list of known hosts.\r\n"
           "debug1: Exit status 1\r\n"
           "cannot receive new filesystem stream: destination 'tank/b' exists\n"
           "must specify -F to overwrite it\n",
           ERR_EXISTS,
           "root@nas: cannot receive new filesystem stream: destination 'tank/b' exists");
    expect(false, 2, "missing dataset argument\nusage:\n\tlist [-Hp] ...\n\nFor help, run: zfs\n",
           ERR_ZFS, "missing dataset argument");
    expect(true, 1,
           "*** Authorised users only. Permission denied to others. ***\n\n"
           "cannot open 'tank/nope': dataset does not exist\n",
           ERR_DATASET_MISSING, "root@nas: cannot open 'tank/nope': dataset does not exist");
    expect(false, 1,
           "cannot receive new filesystem stream: checksum mismatch or incomplete stream.\n"
           "Partially received snapshot is saved.\n"
           "A resuming stream can be generated on the sending system by running:\n"
           "    zfs send -t 1-c740b4779-b8-789c\n",
           ERR_STREAM_CUT,
           "cannot receive new filesystem stream: checksum mismatch or incomplete stream.");
}

static void what_is_missing_is_told_by_its_name(void **state)
{
    (void)state;
    expect(false, 1, "cannot open 'tank/nope': dataset does not exist\n", ERR_DATASET_MISSING,
           "cannot open 'tank/nope': dataset does not exist");
    expect(false, 1, "cannot open 'tank/a@nope': dataset does not exist\n", ERR_SNAPSHOT_MISSING,
           "cannot open 'tank/a@nope': dataset does not exist");
    expect(false, 1, "bookmark 'tank/a#nope' does not exist.\n", ERR_SNAPSHOT_MISSING,
           "bookmark 'tank/a#nope' does not exist.");
    expect(false, 1, "cannot open 'tank': dataset does not exist\n", ERR_POOL_MISSING,
           "cannot open 'tank': dataset does not exist");
    expect(false, 1, "cannot receive incremental stream: destination 'tank/b' does not exist\n",
           ERR_DATASET_MISSING,
           "cannot receive incremental stream: destination 'tank/b' does not exist");
}

static void a_name_is_no_phrase(void **state)
{
    (void)state;
    expect(false, 1, "cannot open 'tank/out of space': dataset does not exist\n",
           ERR_DATASET_MISSING, "cannot open 'tank/out of space': dataset does not exist");
    expect(false, 1,
           "cannot destroy snapshot tank/a@b: it's being held. Run 'zfs holds -r tank/a@b' to "
           "see holders.\n",
           ERR_HELD,
           "cannot destroy snapshot tank/a@b: it's being held. Run 'zfs holds -r tank/a@b' to "
           "see holders.");
}

static void a_status_of_255_can_be_of_zfs(void **state)
{
    (void)state;
    static const char STALE[] =
        "cannot resume send: 'tank/a@b' used in the initial send no longer exists";
    expect(false, 255, STALE, ERR_TOKEN_STALE, STALE);
    expect(true, 255, "cannot do something new: for a reason\n", ERR_ZFS,
           "root@nas: cannot do something new: for a reason");
    expect(true, 255, "something new of ssh\n", ERR_SSH, "root@nas: something new of ssh");
    expect(true, 255, "", ERR_SSH_LOST, "root@nas: exited with status 255 without a word");
}

static void no_zfs_over_there_is_known_by_every_shell(void **state)
{
    (void)state;
    expect(true, 127, "bash: line 1: zfs: command not found\n", ERR_ZFS_MISSING,
           "root@nas: bash: line 1: zfs: command not found");
    expect(true, 127, "sh: 1: zfs: not found\n", ERR_ZFS_MISSING,
           "root@nas: sh: 1: zfs: not found");
    expect(true, 1, "zfs: Command not found.\n", ERR_ZFS_MISSING,
           "root@nas: zfs: Command not found.");
    expect(true, 127, "zsh:1: command not found: zfs\n", ERR_ZFS_MISSING,
           "root@nas: zsh:1: command not found: zfs");
    expect(true, 127, "", ERR_ZFS_MISSING, "root@nas: exited with status 127 without a word");
}

static void ssh_words_count_only_where_ssh_failed(void **state)
{
    (void)state;
    expect(true, 255, "ssh: connect to host nas port 22: Connection refused\r\n", ERR_SSH_REFUSED,
           "root@nas: ssh: connect to host nas port 22: Connection refused");
    expect(true, 255, "ssh: connect to host nas port 22: No route to host\r\n", ERR_SSH_UNREACHABLE,
           "root@nas: ssh: connect to host nas port 22: No route to host");
    expect(true, 255, "ssh: connect to host nas port 22: Operation timed out\r\n",
           ERR_SSH_UNREACHABLE, "root@nas: ssh: connect to host nas port 22: Operation timed out");
    expect(true, 255, "root@nas: Permission denied (publickey,password).\r\n", ERR_SSH_AUTH,
           "root@nas: Permission denied (publickey,password).");
    expect(true, 255, "client_loop: send disconnect: Connection timed out\r\n", ERR_SSH_LOST,
           "root@nas: client_loop: send disconnect: Connection timed out");
    expect(true, 1, "mux_client_request_session: refused\r\ncannot open 'p/x': dataset is busy\n",
           ERR_BUSY, "root@nas: cannot open 'p/x': dataset is busy");
}

static void host_keys_come_with_the_command_that_settles_them(void **state)
{
    (void)state;
    expect(true, 255,
           "No ED25519 host key is known for [nas]:2222 and you have requested strict checking.\r\n"
           "Host key verification failed.\r\n",
           ERR_SSH_HOSTKEY_UNKNOWN,
           "the host key of [nas]:2222 is not known here: log in once by hand, as the "
           "user that backupd runs as, and accept it: ssh -p 2222 root@nas");
    expect(true, 255,
           "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
           "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
           "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
           "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n"
           "Host key for nas has changed and you have requested strict checking.\n"
           "Host key verification failed.\n",
           ERR_SSH_HOSTKEY_CHANGED,
           "the host key of nas has changed: its administrator can tell whether that "
           "is right or somebody is in between; only if it is right: ssh-keygen -R 'nas', then "
           "log in once by hand and accept the new one: ssh root@nas");
    expect(true, 255, "Host key verification failed.\n", ERR_SSH_HOSTKEY_UNKNOWN,
           "the host key of nas is not known here: log in once by hand, as the user "
           "that backupd runs as, and accept it: ssh root@nas");
}

static void a_signal_is_named(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    classify_failure(false, "", -1, SIGKILL, "", &e);
    assert_int_equal(e.code, ERR_DIED);
    assert_string_equal(e.msg, "was ended by signal 9 (Killed)");
    classify_failure(false, "", -1, SIGPIPE, "", &e);
    assert_int_equal(e.code, ERR_STREAM_CUT);
    classify_failure(false, "", -1, SIGTERM, "cannot x: dataset is busy\n", &e);
    assert_int_equal(e.code, ERR_BUSY);
    assert_string_equal(e.msg, "cannot x: dataset is busy; was ended by signal 15 (Terminated)");
    expect(true, 128 + SIGKILL, "", ERR_DIED, "root@nas: was ended by signal 9 (Killed)");
}

static void a_long_list_is_cut(void **state)
{
    (void)state;
    expect(false, 1,
           "cannot destroy 'tank/a': filesystem has children\n"
           "use '-r' to destroy the following datasets:\n"
           "tank/a/1\ntank/a/2\ntank/a/3\ntank/a/4\ntank/a/5\ntank/a/6\ntank/a/7\n",
           ERR_ZFS,
           "cannot destroy 'tank/a': filesystem has children; tank/a/1; tank/a/2; tank/a/3; "
           "tank/a/4; tank/a/5; and 2 more lines");
}

static void a_receive_under_way_is_no_clone(void **state)
{
    (void)state;
    expect(false, 1,
           "cannot destroy 'tank/a@b': snapshot has dependent clones\n"
           "use '-R' to destroy the following datasets:\ntank/a/%recv\n",
           ERR_BUSY, "cannot destroy 'tank/a@b': snapshot has dependent clones; tank/a/%recv");
}

static void silence_is_reported_as_such(void **state)
{
    (void)state;
    expect(false, 3, "", ERR_ZFS, "exited with status 3 without a word");
    expect(false, 3, "\n \r\n", ERR_ZFS, "exited with status 3 without a word");
    assert_int_equal(classify_failure(false, "", 1, 0, "x", NULL), -1);
}

static void no_escape_sequence_gets_through(void **state)
{
    (void)state;
    expect(false, 1, "cannot \033]0;x\007: out of space", ERR_NO_SPACE,
           "cannot ?]0;x?: out of space");
}

/* ---- the texts of the real programs ---- */

/* What each situation of tests/unit/data/errors is; "2.3/..." where that version says other. */
static const struct situation {
    const char *name;
    enum err_code code;
} SITUATIONS[] = {
    {"2.3/destroy-held", ERR_HELD},
    {"2.3/destroy-range-held", ERR_HELD},
    {"2.3/receive-resume-twice", ERR_EXISTS},
    {"2.3/receive-resume-wrong-dataset", ERR_EXISTS},
    {"bookmark-exists", ERR_EXISTS},
    {"bookmark-invalid-name", ERR_ZFS},
    {"bookmark-missing-snapshot", ERR_SNAPSHOT_MISSING},
    {"create-exists", ERR_EXISTS},
    {"create-missing-parent", ERR_DATASET_MISSING},
    {"create-out-of-space", ERR_NO_SPACE},
    {"destroy-base-while-receiving", ERR_BUSY},
    {"destroy-cloned", ERR_CLONED},
    {"destroy-dataset-while-sending", ERR_BUSY},
    {"destroy-has-children", ERR_ZFS},
    {"destroy-has-snapshots", ERR_ZFS},
    {"destroy-held", ERR_BUSY},
    {"destroy-missing-bookmark", ERR_SNAPSHOT_MISSING},
    {"destroy-missing-dataset", ERR_DATASET_MISSING},
    {"destroy-missing-in-list", ERR_SNAPSHOT_MISSING},
    {"destroy-missing-range", ERR_SNAPSHOT_MISSING},
    {"destroy-missing-snapshot", ERR_SNAPSHOT_MISSING},
    {"destroy-range-cloned", ERR_CLONED},
    {"destroy-range-held", ERR_BUSY},
    {"destroy-range-held-and-cloned", ERR_CLONED},
    {"destroy-range-reversed", ERR_SNAPSHOT_MISSING},
    {"destroy-readonly-pool", ERR_SNAPSHOT_MISSING},
    {"destroy-snapshot-of-partial", ERR_SNAPSHOT_MISSING},
    {"destroy-while-receiving", ERR_BUSY},
    {"destroy-while-resuming", ERR_BUSY},
    {"destroy-while-sending", ERR_BUSY},
    {"device-missing", ERR_ZFS_MISSING},
    {"device-not-permitted", ERR_PERMISSION},
    {"hold-exists", ERR_EXISTS},
    {"hold-missing-snapshot", ERR_SNAPSHOT_MISSING},
    {"inherit-missing-dataset", ERR_DATASET_MISSING},
    {"list-exported-pool", ERR_POOL_MISSING},
    {"list-invalid-name", ERR_NAME},
    {"list-missing-dataset", ERR_DATASET_MISSING},
    {"list-missing-pool", ERR_DATASET_MISSING},
    {"list-missing-property", ERR_ZFS},
    {"module-missing", ERR_ZFS_MISSING},
    {"name-too-long", ERR_NAME},
    {"receive-abort-missing-dataset", ERR_DATASET_MISSING},
    {"receive-abort-while-receiving", ERR_BUSY},
    {"receive-abort-without-token", ERR_ZFS},
    {"receive-after-failed-send", ERR_SNAPSHOT_MISSING},
    {"receive-base-missing", ERR_BASE_MISSING},
    {"receive-corrupt-middle", ERR_STREAM_CUT},
    {"receive-diverged", ERR_MODIFIED},
    {"receive-encrypted-over-placeholder", ERR_ENCRYPTION},
    {"receive-exists", ERR_EXISTS},
    {"receive-exists-force", ERR_EXISTS},
    {"receive-exists-without-snapshots", ERR_EXISTS},
    {"receive-exported-pool", ERR_POOL_MISSING},
    {"receive-garbage", ERR_STREAM_BAD},
    {"receive-increment-into-partial", ERR_BUSY},
    {"receive-increment-missing-dataset", ERR_DATASET_MISSING},
    {"receive-increment-missing-parent", ERR_DATASET_MISSING},
    {"receive-increment-while-receiving", ERR_BUSY},
    {"receive-into-partial", ERR_EXISTS},
    {"receive-into-partial-force", ERR_BUSY},
    {"receive-invalid-name", ERR_NAME},
    {"receive-invalid-property", ERR_ZFS},
    {"receive-invalid-value", ERR_ZFS},
    {"receive-missing-parent", ERR_DATASET_MISSING},
    {"receive-missing-pool", ERR_POOL_MISSING},
    {"receive-modified", ERR_MODIFIED},
    {"receive-not-raw-onto-raw", ERR_ENCRYPTION},
    {"receive-nothing", ERR_STREAM_CUT},
    {"receive-out-of-space", ERR_NO_SPACE},
    {"receive-out-of-space-not-resumable", ERR_NO_SPACE},
    {"receive-quota", ERR_NO_SPACE},
    {"receive-readonly-pool", ERR_ZFS},
    {"receive-resume-missing-dataset", ERR_DATASET_MISSING},
    {"receive-resume-old-token", ERR_STREAM_BAD},
    {"receive-resume-twice", ERR_STREAM_BAD},
    {"receive-resume-wrong-dataset", ERR_STREAM_BAD},
    {"receive-truncated", ERR_STREAM_CUT},
    {"receive-truncated-early", ERR_STREAM_CUT},
    {"receive-truncated-resumable", ERR_STREAM_CUT},
    {"receive-volume-canmount", ERR_ZFS},
    {"receive-volume-mountpoint", ERR_ZFS},
    {"receive-while-receiving", ERR_EXISTS},
    {"receive-while-resuming", ERR_BUSY},
    {"receive-zeros", ERR_STREAM_BAD},
    {"release-missing-tag", ERR_ZFS},
    {"remote-no-zfs", ERR_ZFS_MISSING},
    {"remote-no-zfs-csh", ERR_ZFS_MISSING},
    {"remote-zfs-failure", ERR_DATASET_MISSING},
    {"rollback-missing-snapshot", ERR_SNAPSHOT_MISSING},
    {"rollback-newer-snapshots", ERR_ZFS},
    {"send-base-not-earlier", ERR_ZFS},
    {"send-bookmark-not-earlier", ERR_ZFS},
    {"send-bookmark-not-earlier-verbose", ERR_ZFS},
    {"send-broken-pipe", ERR_STREAM_CUT},
    {"send-missing-base", ERR_SNAPSHOT_MISSING},
    {"send-missing-bookmark", ERR_SNAPSHOT_MISSING},
    {"send-missing-bookmark-verbose", ERR_SNAPSHOT_MISSING},
    {"send-missing-dataset", ERR_SNAPSHOT_MISSING},
    {"send-missing-snapshot", ERR_SNAPSHOT_MISSING},
    {"send-range-from-bookmark", ERR_ZFS},
    {"send-to-terminal", ERR_ZFS},
    {"send-token-corrupt", ERR_TOKEN_STALE},
    {"send-token-garbage", ERR_TOKEN_STALE},
    {"send-token-missing-dataset", ERR_TOKEN_STALE},
    {"send-token-stale", ERR_TOKEN_STALE},
    {"send-token-stale-dry-run", ERR_TOKEN_STALE},
    {"send-token-stale-same-name", ERR_TOKEN_STALE},
    {"send-token-stale-verbose", ERR_TOKEN_STALE},
    {"snapshot-exists", ERR_EXISTS},
    {"snapshot-invalid-name", ERR_NAME},
    {"snapshot-missing-dataset", ERR_DATASET_MISSING},
    {"snapshot-out-of-space", ERR_NO_SPACE},
    {"snapshot-readonly-pool", ERR_ZFS},
    {"snapshot-recursive-exists", ERR_EXISTS},
    {"ssh-bad-option", ERR_SSH},
    {"ssh-broken-pipe", ERR_SSH_LOST},
    {"ssh-ciphers-disagree", ERR_SSH},
    {"ssh-closed-by-remote", ERR_SSH_LOST},
    {"ssh-closed-in-greeting", ERR_SSH_LOST},
    {"ssh-closed-while-sending", ERR_SSH_LOST},
    {"ssh-connect-timeout", ERR_SSH_UNREACHABLE},
    {"ssh-connection-reset", ERR_SSH_LOST},
    {"ssh-connection-timed-out", ERR_SSH_LOST},
    {"ssh-control-closed", ERR_SSH},
    {"ssh-control-killed", ERR_SSH_LOST},
    {"ssh-control-missing", ERR_SSH_LOST},
    {"ssh-control-path-too-long", ERR_SSH},
    {"ssh-control-server-died", ERR_SSH_LOST},
    {"ssh-control-sessions-exceeded-alone", ERR_SSH},
    {"ssh-control-stale", ERR_SSH_LOST},
    {"ssh-greeting-is-not-ssh", ERR_SSH},
    {"ssh-host-key-changed", ERR_SSH_HOSTKEY_CHANGED},
    {"ssh-host-key-unknown", ERR_SSH_HOSTKEY_UNKNOWN},
    {"ssh-key-too-open", ERR_SSH_AUTH},
    {"ssh-network-unreachable", ERR_SSH_UNREACHABLE},
    {"ssh-no-greeting", ERR_SSH_UNREACHABLE},
    {"ssh-no-route", ERR_SSH_UNREACHABLE},
    {"ssh-permission-denied", ERR_SSH_AUTH},
    {"ssh-refused", ERR_SSH_REFUSED},
    {"ssh-remote-command-killed", ERR_SSH_LOST},
    {"ssh-reset-in-greeting", ERR_SSH_LOST},
    {"ssh-server-alive-timeout", ERR_SSH_LOST},
    {"ssh-unknown-user", ERR_SSH_AUTH},
    {"ssh-unresolvable", ERR_SSH_RESOLVE},
    {"ssh-unresolvable-for-now", ERR_SSH_RESOLVE},
    {"ssh-user-shell-missing", ERR_SSH_AUTH},
    {"suspended-destroy", ERR_POOL_SUSPENDED},
    {"suspended-list", ERR_POOL_SUSPENDED},
    {"suspended-receive", ERR_POOL_SUSPENDED},
    {"suspended-send", ERR_POOL_SUSPENDED},
    {"suspended-snapshot", ERR_POOL_SUSPENDED},
    {"user-bookmark", ERR_PERMISSION},
    {"user-create", ERR_PERMISSION},
    {"user-destroy", ERR_PERMISSION},
    {"user-receive", ERR_PERMISSION},
    {"user-receive-abort", ERR_ZFS},
    {"user-send", ERR_PERMISSION},
    {"user-snapshot", ERR_PERMISSION},
};

static const struct situation *find_situation(const char *name)
{
    for (size_t i = 0; i < sizeof(SITUATIONS) / sizeof(SITUATIONS[0]); i++)
        if (strcmp(SITUATIONS[i].name, name) == 0)
            return &SITUATIONS[i];
    return NULL;
}

/* The exit status; `ret_words` is what follows the lines "exit N" and "# COMMAND". */
static int read_situation(const char *path, char *buf, size_t size, const char **ret_words)
{
    int status = -1;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t len = fread(buf, 1, size - 1, f);
    fclose(f);
    buf[len] = '\0';
    assert_true(len < size - 1);
    const char *line = buf;
    for (int i = 0; i < 2; i++) {
        if (sscanf(line, "exit %d", &status) != 1)
            assert_true(line[0] == '#');
        line = strchr(line, '\n');
        assert_non_null(line);
        line++;
    }
    assert_true(status >= 0);
    *ret_words = line;
    return status;
}

static void check_message(const char *name, const char *msg)
{
    static const char *const NEVER[] = {"\n",     "usage:",      "must specify", "must destroy",
                                        "@@@",    "use '-",      "debug1:",      "size\t",
                                        "nvlist", "zfs send -t", "\x1b",         "Permanently"};
    assert_true(msg[0] != '\0');
    for (size_t i = 0; i < sizeof(NEVER) / sizeof(NEVER[0]); i++)
        if (strstr(msg, NEVER[i]) != NULL)
            fail_msg("%s: the message has \"%s\": %s", name, NEVER[i], msg);
}

static void check_situation(const char *version, const char *name)
{
    static char buf[1 << 20];
    char path[4096];
    char versioned[300];
    const char *words;
    struct err e = ERR_INIT;
    snprintf(path, sizeof(path), TEST_DATA "/errors/%s/%s", version, name);
    int status = read_situation(path, buf, sizeof(buf), &words);
    if (status == 0)
        return; /* it was no failure in this version */
    snprintf(versioned, sizeof(versioned), "%s/%s", version, name);
    const struct situation *known = find_situation(versioned);
    if (known == NULL)
        known = find_situation(name);
    bool over_ssh = strncmp(name, "ssh-", 4) == 0 || strncmp(name, "remote-", 7) == 0;
    classify_failure(over_ssh, over_ssh ? "root@127.0.0.1" : "", status, 0, words, &e);
    if (getenv("CLASSIFY_SHOW") != NULL)
        print_message("%-44s %-20s %s\n", versioned, err_code_name(e.code), e.msg);
    if (known == NULL)
        fail_msg("%s is not in the table (%s: %s)", versioned, err_code_name(e.code), e.msg);
    else if (e.code != known->code)
        fail_msg("%s is %s instead of %s: %s", versioned, err_code_name(e.code),
                 err_code_name(known->code), e.msg);
    check_message(versioned, e.msg);
}

static void check_version(const char *version)
{
    char path[4096];
    size_t seen = 0;
    snprintf(path, sizeof(path), TEST_DATA "/errors/%s", version);
    DIR *dir = opendir(path);
    if (dir == NULL)
        skip(); /* not gathered yet: tests/guest/gather-errors.sh */
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        check_situation(version, entry->d_name);
        seen++;
    }
    closedir(dir);
    assert_true(seen > 100);
}

static void every_text_of_zfs_2_1_has_its_code(void **state)
{
    (void)state;
    check_version("2.1");
}

static void every_text_of_zfs_2_3_has_its_code(void **state)
{
    (void)state;
    check_version("2.3");
}

/* In csh a zstd that failed is all that is said of a stream whose receive went well. */
static void words_of_zstd_are_of_the_stream_and_weigh_less_than_those_of_zfs(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        enum err_code code;
    } CASES[] = {
        {"/*stdin*\\ : Read error (39) : premature end \n", ERR_STREAM_CUT},
        {"zstd: /*stdin*\\: unexpected end of file \n", ERR_STREAM_CUT},
        {"/*stdin*\\ : Decoding error (36) : Data corruption detected \n", ERR_STREAM_BAD},
        {"/*stdin*\\ : Read error (39) : premature end \n"
         "cannot receive incremental stream: out of space\n",
         ERR_NO_SPACE},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct err e = ERR_INIT;
        classify_failure(true, "root@nas", 1, 0, CASES[i].words, &e);
        assert_int_equal(e.code, CASES[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lines_of_a_sentence_are_joined),
        cmocka_unit_test(what_does_not_matter_is_left_out),
        cmocka_unit_test(what_is_missing_is_told_by_its_name),
        cmocka_unit_test(a_name_is_no_phrase),
        cmocka_unit_test(a_status_of_255_can_be_of_zfs),
        cmocka_unit_test(no_zfs_over_there_is_known_by_every_shell),
        cmocka_unit_test(ssh_words_count_only_where_ssh_failed),
        cmocka_unit_test(host_keys_come_with_the_command_that_settles_them),
        cmocka_unit_test(a_signal_is_named),
        cmocka_unit_test(a_long_list_is_cut),
        cmocka_unit_test(a_receive_under_way_is_no_clone),
        cmocka_unit_test(silence_is_reported_as_such),
        cmocka_unit_test(no_escape_sequence_gets_through),
        cmocka_unit_test(words_of_zstd_are_of_the_stream_and_weigh_less_than_those_of_zfs),
        cmocka_unit_test(every_text_of_zfs_2_1_has_its_code),
        cmocka_unit_test(every_text_of_zfs_2_3_has_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
