/*
 * What is quoted for the other machine's shell, put through real shells as sshd would: SHELL -c LINE. The other end of
 * a line is printf, which says what it was given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "command.h"
#include "site.h"

static const char *const WORDS[] = {
    "plain",
    "",
    "a b",
    " two  blanks ",
    "it's",
    "'",
    "''",
    "'!'",
    "$HOME `id` $(id)",
    "${HOME}$$$?$!$0",
    "a;b|c&d>e<f",
    "a&&b||c;;d>>e<<f",
    "(a)",
    "back\\slash",
    "\\",
    "\\\\",
    "\\'",
    "*?[x]~{a,b}",
    "*",
    "~root",
    "wow!!",
    "!",
    "!!",
    "!$",
    "!-1:0",
    "\\!",
    "!'!\\!'",
    "--dash",
    "-n",
    "#hash",
    "\"double\"",
    "\"$x`y`\\\"",
    "% ^",
    "^a^b^",
    "%s%n%d",
    "a=b",
    "@",
    "tank/a b@-daily-2026-11-23T12:00:00Z",
};

/* What the shell makes of the line; NULL where there is no such shell. Freed with free(3). */
static char *run(const char *shell, const char *line, size_t *ret_len)
{
    int ends[2];
    size_t cap = 1 << 16;
    size_t len = 0;
    char *text = malloc(cap);
    int status = 0;
    assert_non_null(text);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execlp(shell, shell, "-c", line, (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], text + len, cap - len)) > 0;) {
        len += (size_t)n;
        if (len < cap)
            continue;
        char *more = realloc(text, cap *= 2);
        assert_non_null(more);
        text = more;
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 126) {
        free(text);
        return NULL;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s ended with %x: %.300s", shell, (unsigned)status, line);
    *ret_len = len;
    return text;
}

/* One line of many words, as a command of ours is. */
struct batch {
    struct str line;
    struct str expected; /* each word with a NUL, as printf '%s\0' writes them */
};

static void batch_init(struct batch *batch)
{
    struct err e = ERR_INIT;
    str_init(&batch->line);
    str_init(&batch->expected);
    str_add(&batch->line, "/usr/bin/printf ");
    assert_int_equal(shell_quote(&batch->line, "%s\\0", &e), 0);
}

static void batch_add(struct batch *batch, const char *word)
{
    struct err e = ERR_INIT;
    str_add_char(&batch->line, ' ');
    if (shell_quote(&batch->line, word, &e) != 0)
        fail_msg("%s", e.msg);
    str_add_bytes(&batch->expected, word, strlen(word) + 1);
}

static void batch_run(struct batch *batch, const char *shell)
{
    size_t len = 0;
    char *got = run(shell, batch->line.s, &len);
    str_fini(&batch->line);
    if (got == NULL) {
        str_fini(&batch->expected);
        print_message("there is no %s on this machine\n", shell);
        skip();
    }
    for (size_t i = 0; i < len && i < batch->expected.len; i++)
        if (got[i] != batch->expected.s[i])
            fail_msg("%s: \"%.100s\" is not \"%.100s\"", shell, got + i, batch->expected.s + i);
    assert_int_equal(len, batch->expected.len);
    free(got);
    str_fini(&batch->expected);
}

static void every_word_arrives_through(const char *shell)
{
    struct batch batch;
    batch_init(&batch);
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        batch_add(&batch, WORDS[i]);
    batch_run(&batch, shell);
}

/* Every pair of printable characters, alone and between letters: 18050 words. */
static void every_pair_arrives_through(const char *shell)
{
    for (char a = 0x20; a < 0x7f; a++) {
        struct batch batch;
        batch_init(&batch);
        for (char b = 0x20; b < 0x7f; b++) {
            batch_add(&batch, (char[]){a, b, '\0'});
            batch_add(&batch, (char[]){'x', a, b, 'x', '\0'});
        }
        batch_run(&batch, shell);
    }
}

/* A destroy names many snapshots in one word, a token has thousands of digits. */
static void a_long_word_arrives_through(const char *shell)
{
    struct batch batch;
    static char word[32768];
    memset(word, '!', sizeof(word) - 1);
    memset(word, 'x', sizeof(word) / 2);
    batch_init(&batch);
    batch_add(&batch, word);
    batch_add(&batch, "the last");
    batch_run(&batch, shell);
}

static void every_word_arrives_as_itself_through_sh(void **state)
{
    (void)state;
    every_word_arrives_through("sh");
}

static void every_word_arrives_as_itself_through_csh(void **state)
{
    (void)state;
    every_word_arrives_through("csh");
}

static void every_pair_of_characters_arrives_as_itself_through_sh(void **state)
{
    (void)state;
    every_pair_arrives_through("sh");
}

static void every_pair_of_characters_arrives_as_itself_through_csh(void **state)
{
    (void)state;
    every_pair_arrives_through("csh");
}

static void a_long_word_arrives_as_itself_through_sh(void **state)
{
    (void)state;
    a_long_word_arrives_through("sh");
}

static void a_long_word_arrives_as_itself_through_csh(void **state)
{
    (void)state;
    a_long_word_arrives_through("csh");
}

/* Other login shells that are common, where they are installed. */
static void every_word_arrives_as_itself_through_bash(void **state)
{
    (void)state;
    every_word_arrives_through("bash");
    every_pair_arrives_through("bash");
}

/* What a chain of commands prints through `shell`, each a line for sh with a word as $0, and how it
 * ends. A string that is freed with free(3), without its end; NULL: there is no such shell. */
static char *run_chain(const char *shell, const char *const *lines, size_t n, size_t *ret_len)
{
    struct ssh ssh = {.host = "nas", .key = ""};
    struct site site = {.ssh = &ssh};
    struct argv commands[CHAIN_MAX];
    struct argv argv;
    struct str line;
    struct err e;
    for (size_t i = 0; i < n; i++) {
        argv_init(&commands[i]);
        argv_add_all(&commands[i], "sh", "-c", lines[i], "it's ! $HOME");
    }
    assert_int_equal(site_wrap_chain(&site, commands, n, &argv, &e), 0);
    str_init(&line);
    str_add_format(&line, "%s || echo broken", argv.v[argv.n - 1]);
    argv_fini(&argv);
    char *got = run(shell, line.s, ret_len);
    str_fini(&line);
    if (got == NULL) {
        print_message("there is no %s on this machine\n", shell);
        skip();
    }
    return got;
}

static void assert_prints(const char *shell, const char *const *lines, size_t n,
                          const char *expected)
{
    size_t len = 0;
    char *got = run_chain(shell, lines, n, &len);
    if (len != strlen(expected) || strncmp(got, expected, len) != 0)
        fail_msg("%s printed \"%.*s\", not \"%s\"", shell, (int)len, got, expected);
    free(got);
}

/* Each gets what the one before left of the input, which here is nothing. */
static void a_chain_goes_on_after_a_success_and_ends_with_a_failure_in(const char *shell)
{
    static const char *const GOOD[] = {"echo \"$0\"", "cat", "exit 0"};
    static const char *const BAD[] = {"exit 0", "exit 3", "echo never"};
    static const char *const KILLED[] = {"kill -KILL $$", "echo never"};
    assert_prints(shell, GOOD, 3,
                  "it's ! $HOME\nbackupd-received-1\nbackupd-received-2\nbackupd-received-3\n");
    assert_prints(shell, BAD, 3, "backupd-received-1\nbroken\n");
    assert_prints(shell, KILLED, 2, "broken\n");
}

static void a_chain_goes_on_after_a_success_and_ends_with_a_failure_in_sh(void **state)
{
    (void)state;
    a_chain_goes_on_after_a_success_and_ends_with_a_failure_in("sh");
}

static void a_chain_goes_on_after_a_success_and_ends_with_a_failure_in_csh(void **state)
{
    (void)state;
    a_chain_goes_on_after_a_success_and_ends_with_a_failure_in("csh");
}

/* Linux takes 128 KiB in one word, and so does sshd's call of the shell. */
static void the_longest_chain_fits_into_one_word(void **state)
{
    struct ssh ssh = {.host = "nas", .key = ""};
    struct site site = {.ssh = &ssh};
    struct argv commands[CHAIN_MAX];
    struct argv argv;
    struct err e;
    char name[256];
    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < CHAIN_MAX; i++) {
        argv_init(&commands[i]);
        command_receive(&commands[i], (struct dsname){name}, 0);
    }
    assert_int_equal(site_wrap_chain(&site, commands, CHAIN_MAX, &argv, &e), 0);
    assert_in_range(strlen(argv.v[argv.n - 1]), CHAIN_MAX * sizeof(name), 32 * 1024);
    argv_fini(&argv);
}

/* How the other machine's shell says that a filter and a command ended; each is a line for sh. */
static int status_of(const char *shell, const char *filter_line, const char *command_line)
{
    struct ssh ssh = {.host = "nas", .key = ""};
    struct site site = {.ssh = &ssh};
    struct argv filter;
    struct argv command;
    struct argv argv;
    struct err e;
    int status = 0;
    argv_init(&filter);
    argv_init(&command);
    argv_add_all(&filter, "sh", "-c", filter_line);
    argv_add_all(&command, "sh", "-c", command_line);
    assert_int_equal(site_wrap_behind(&site, SITE_SHARED, &filter, &command, &argv, &e), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp(shell, shell, "-c", argv.v[argv.n - 1], (char *)NULL);
        _exit(126);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    argv_fini(&argv);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 126) {
        print_message("there is no %s on this machine\n", shell);
        skip();
    }
    return WEXITSTATUS(status);
}

/* Whatever the filter does, in time: the command's input has its end before. */
static void a_command_that_fails_behind_a_filter_is_no_success_in(const char *shell)
{
    static const char *const FILTERS[] = {"exit 0",
                                          "exit 3",
                                          "kill -KILL $$",
                                          "kill -PIPE $$",
                                          "exec >&-; sleep 0.2; exit 0",
                                          "exec >&-; sleep 0.2; exit 3"};
    for (size_t i = 0; i < sizeof(FILTERS) / sizeof(FILTERS[0]); i++) {
        assert_int_not_equal(status_of(shell, FILTERS[i], "cat >/dev/null; exit 4"), 0);
        assert_int_not_equal(status_of(shell, FILTERS[i], "exit 4"), 0);
        assert_int_not_equal(status_of(shell, FILTERS[i], "kill -KILL $$"), 0);
    }
    assert_int_equal(status_of(shell, "echo a\\ b", "read -r line; [ \"$line\" = 'a b' ]"), 0);
}

static void a_command_that_fails_behind_a_filter_is_no_success_in_sh(void **state)
{
    (void)state;
    a_command_that_fails_behind_a_filter_is_no_success_in("sh");
}

static void a_command_that_fails_behind_a_filter_is_no_success_in_csh(void **state)
{
    (void)state;
    a_command_that_fails_behind_a_filter_is_no_success_in("csh");
}

static void a_control_character_is_refused(void **state)
{
    (void)state;
    for (int c = 1; c < 0x20; c++) {
        struct str line;
        struct err e = ERR_INIT;
        char said[8];
        str_init(&line);
        assert_int_equal(shell_quote(&line, (char[]){'a', (char)c, 'b', '\0'}, &e), -1);
        assert_int_equal(e.code, ERR_NAME);
        snprintf(said, sizeof(said), "\\x%02x", (unsigned)c);
        assert_non_null(strstr(e.msg, said));
        assert_int_equal(line.len, 0);
        str_fini(&line);
    }
    struct str line;
    struct err e = ERR_INIT;
    str_init(&line);
    assert_int_equal(shell_quote(&line, "del\177", &e), -1);
    assert_int_equal(e.code, ERR_NAME);
    str_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_arrives_as_itself_through_sh),
        cmocka_unit_test(every_word_arrives_as_itself_through_csh),
        cmocka_unit_test(every_pair_of_characters_arrives_as_itself_through_sh),
        cmocka_unit_test(every_pair_of_characters_arrives_as_itself_through_csh),
        cmocka_unit_test(a_long_word_arrives_as_itself_through_sh),
        cmocka_unit_test(a_long_word_arrives_as_itself_through_csh),
        cmocka_unit_test(every_word_arrives_as_itself_through_bash),
        cmocka_unit_test(the_longest_chain_fits_into_one_word),
        cmocka_unit_test(a_chain_goes_on_after_a_success_and_ends_with_a_failure_in_sh),
        cmocka_unit_test(a_chain_goes_on_after_a_success_and_ends_with_a_failure_in_csh),
        cmocka_unit_test(a_command_that_fails_behind_a_filter_is_no_success_in_sh),
        cmocka_unit_test(a_command_that_fails_behind_a_filter_is_no_success_in_csh),
        cmocka_unit_test(a_control_character_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
