#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

static const char *const WORDS[] = {
    "plain", "a b",    "it's",  "$HOME `id` $(id)", "a;b|c&d>e<f", "back\\slash", "*?[x]~{a,b}",
    "wow!!", "--dash", "#hash", "\"double\"",       "% ^",
};

/* What a shell makes of a quoted word. */
static void echo_through(const char *shell, const char *word, char *ret, size_t size)
{
    struct str line;
    struct err e;
    str_init(&line);
    str_add_format(&line, "%s -c \"$(cat <<'END_OF_LINE'\nprintf %%s ", shell);
    assert_int_equal(shell_quote(&line, word, &e), 0);
    str_add(&line, "\nEND_OF_LINE\n)\"");
    FILE *pipe = popen(line.s, "r");
    assert_non_null(pipe);
    size_t n = fread(ret, 1, size - 1, pipe);
    ret[n] = '\0';
    pclose(pipe);
    str_fini(&line);
}

static void every_word_arrives_as_itself_through(const char *shell)
{
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        char got[256];
        echo_through(shell, WORDS[i], got, sizeof(got));
        assert_string_equal(got, WORDS[i]);
    }
}

static void every_word_arrives_as_itself_through_sh(void **state)
{
    (void)state;
    every_word_arrives_as_itself_through("sh");
}

static void every_word_arrives_as_itself_through_csh(void **state)
{
    (void)state;
    if (system("command -v tcsh >/dev/null 2>&1") != 0) {
        print_message("there is no tcsh on this machine: the guests' tests use one\n");
        skip();
    }
    every_word_arrives_as_itself_through("tcsh -f");
}

static void a_control_character_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"a\nb", "a\tb", "\033[2J", "del\177"};
    for (size_t i = 0; i < 4; i++) {
        struct str line;
        struct err e = ERR_INIT;
        str_init(&line);
        assert_int_equal(shell_quote(&line, BAD[i], &e), -1);
        assert_int_equal(e.code, ERR_NAME);
        str_fini(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_arrives_as_itself_through_sh),
        cmocka_unit_test(every_word_arrives_as_itself_through_csh),
        cmocka_unit_test(a_control_character_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
