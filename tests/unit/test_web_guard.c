/* web/guard: who may ask for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "web_limits.h"

static char none[] = "";
static char token[] = "secret";
static char own_name[] = "nas.home.example";
static char words[][16] = {"Backup.Example", "other", "dot.example."};
static char *hosts[] = {words[0], words[1]};
static struct settings settings;
static struct guard *guard;
static struct sockaddr_storage peer, own;
static struct guard_request asked;
static const char *why;
static bool alarm;
static int64_t wait, now;

static void set_address(struct sockaddr_storage *ret, const char *text)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        ret->ss_family = AF_INET;
    } else {
        assert_int_equal(1, inet_pton(AF_INET6, text, &v6->sin6_addr));
        ret->ss_family = AF_INET6;
    }
}

static int set_up(void **state)
{
    (void)state;
    settings =
        (struct settings){.token = none, .own_name = own_name, .hosts = {.v = hosts, .n = 2}};
    guard = guard_new(&settings);
    set_address(&peer, "192.0.2.7");
    set_address(&own, "192.0.2.1");
    asked = (struct guard_request){
        .peer = (struct sockaddr *)&peer, .own = (struct sockaddr *)&own, .host = "192.0.2.1:8888"};
    now = 1000000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guard_free(guard);
    return 0;
}

static enum guard_answer ask(void)
{
    why = NULL;
    alarm = false;
    wait = 0;
    enum guard_answer answer = guard_check(guard, &asked, now, &why, &alarm, &wait);
    assert_true(answer == GUARD_YES || why[0] != '\0');
    return answer;
}

static enum guard_answer ask_with(const char *authorization)
{
    asked.authorization = authorization;
    return ask();
}

static bool is_here(const char *far, const char *near)
{
    struct sockaddr_storage a, b;
    set_address(&a, far);
    set_address(&b, near);
    return guard_is_here((struct sockaddr *)&a, (struct sockaddr *)&b);
}

static void this_machine_is_loopback_and_the_address_that_was_asked(void **state)
{
    (void)state;
    assert_true(is_here("127.0.0.1", "127.0.0.1"));
    assert_true(is_here("127.9.9.9", "127.0.0.1"));
    assert_true(is_here("::1", "::1"));
    assert_true(is_here("::ffff:127.0.0.1", "::ffff:127.0.0.1"));
    assert_true(is_here("192.0.2.1", "192.0.2.1"));
    assert_true(is_here("2001:db8::1", "2001:db8::1"));
    assert_false(is_here("192.0.2.7", "192.0.2.1"));
    assert_false(is_here("128.0.0.1", "127.0.0.1"));
    assert_false(is_here("::ffff:192.0.2.7", "::ffff:192.0.2.1"));
    assert_false(is_here("2001:db8::7f00:1", "2001:db8::1"));
    assert_false(is_here("::127.0.0.1", "2001:db8::1"));
    assert_false(is_here("fe80::1", "2001:db8::1"));
}

static void an_unknown_address_is_not_this_machine(void **state)
{
    (void)state;
    struct sockaddr_storage unknown = {.ss_family = AF_UNSPEC};
    assert_false(guard_is_here(NULL, NULL));
    assert_false(guard_is_here((struct sockaddr *)&unknown, (struct sockaddr *)&unknown));
    assert_false(guard_is_here((struct sockaddr *)&peer, NULL));
}

static void without_a_token_everybody_reads_and_this_machine_alone_changes(void **state)
{
    (void)state;
    assert_int_equal(GUARD_YES, ask());
    asked.is_post = true;
    assert_int_equal(GUARD_NO, ask());
    assert_true(alarm);
    set_address(&peer, "127.0.0.1");
    assert_int_equal(GUARD_YES, ask());
    set_address(&peer, "192.0.2.1");
    assert_int_equal(GUARD_YES, ask());
    asked.peer = NULL;
    assert_int_equal(GUARD_NO, ask());
}

static void with_a_token_nobody_from_beyond_reads_without_it(void **state)
{
    (void)state;
    settings.token = token;
    assert_int_equal(GUARD_WHO_ARE_YOU, ask());
    assert_false(alarm); /* a browser asks first */
    asked.is_post = true;
    assert_int_equal(GUARD_WHO_ARE_YOU, ask());
    assert_int_equal(GUARD_YES, ask_with("Bearer secret"));
    set_address(&peer, "2001:db8::7");
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with(NULL));
    asked.peer = NULL;
    assert_int_equal(GUARD_WHO_ARE_YOU, ask());
}

static void the_token_is_given_in_two_ways(void **state)
{
    (void)state;
    static const char *const RIGHT[] = {"Bearer secret", "bearer  secret",
                                        "Basic YW55OnNlY3JldA==", /* any:secret */
                                        "basic YW55OnNlY3JldA",   /* without its end */
                                        "Basic OnNlY3JldA=="};    /* :secret */
    settings.token = token;
    for (size_t i = 0; i < sizeof(RIGHT) / sizeof(RIGHT[0]); i++)
        assert_int_equal(GUARD_YES, ask_with(RIGHT[i]));
}

static void what_is_not_the_token_is_refused(void **state)
{
    (void)state;
    static char long_one[6000] = "Basic ";
    memset(long_one + 6, 'A', sizeof(long_one) - 7);
    const char *const wrong[] = {"",
                                 " ",
                                 "secret",
                                 "Bearer",
                                 "Bearer ",
                                 "Bearersecret",
                                 "Bearer secre",
                                 "Bearer secretx",
                                 "Bearer secret ",
                                 "Bearer Secret",
                                 "Basic",
                                 "Basic ",
                                 "Basic =",
                                 "Basic !!!!",
                                 "Basic c2VjcmV0",         /* secret, no user */
                                 "Basic YW55OnNlY3JldHg=", /* any:secretx */
                                 "Basic YTpzZWNyZXQAeA==", /* a:secret, NUL, x */
                                 "Basic AGE6c2VjcmV0",     /* NUL, a:secret */
                                 "Digest username=secret",
                                 "\xff\xfe",
                                 long_one};
    settings.token = token;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with(wrong[i]));
        assert_true(alarm);
        now += 2 * WEB_DELAY_MAX * 1000;
    }
}

static void a_token_that_is_wrong_is_refused_from_this_machine_too(void **state)
{
    (void)state;
    settings.token = token;
    set_address(&peer, "127.0.0.1");
    assert_int_equal(GUARD_YES, ask());
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
}

static void without_a_token_what_is_given_as_one_does_not_matter(void **state)
{
    (void)state;
    assert_int_equal(GUARD_YES, ask_with("Bearer "));
    asked.is_post = true;
    assert_int_equal(GUARD_NO, ask_with("Bearer "));
    assert_int_equal(GUARD_NO, ask_with("Basic Og==")); /* an empty password */
}

static void the_unix_socket_may_do_everything(void **state)
{
    (void)state;
    settings.token = token;
    asked = (struct guard_request){.is_unix = true, .is_post = true, .authorization = "x"};
    assert_int_equal(GUARD_YES, ask());
}

static enum guard_answer ask_for(const char *host)
{
    asked.host = host;
    return ask();
}

static void its_own_names_are_served(void **state)
{
    (void)state;
    static const char *const OWN[] = {"127.0.0.1",          "127.0.0.1:8888",
                                      "10.0.0.1",           "[::1]",
                                      "[2001:db8::1]:8888", "localhost",
                                      "LocalHost:1",        "localhost.",
                                      "localhost:",         "nas.home.example",
                                      "NAS.HOME.EXAMPLE.",  "nas",
                                      "Nas:8888",           "other",
                                      "backup.example",     "backup.example.:1",
                                      "BACKUP.EXAMPLE"};
    for (size_t i = 0; i < sizeof(OWN) / sizeof(OWN[0]); i++)
        assert_int_equal(GUARD_YES, ask_for(OWN[i]));
}

static void names_of_others_are_not(void **state)
{
    (void)state;
    static char long_one[400];
    memset(long_one, 'a', sizeof(long_one) - 1);
    const char *const others[] = {NULL,
                                  "",
                                  ".",
                                  ":",
                                  ":8888",
                                  "[",
                                  "[]",
                                  "[::1",
                                  "[::1]8888",
                                  "[::1]:x",
                                  "::1",
                                  "evil.example",
                                  "localhost.evil.example",
                                  "127.0.0.1.evil.example",
                                  "localhost:80:80",
                                  "localhost:80x",
                                  "localhost ",
                                  " localhost",
                                  "user@localhost",
                                  "localhost/",
                                  "localhost..",
                                  "na",
                                  "nas.home",
                                  "home.example",
                                  "backup",
                                  "0x7f.1",
                                  "2130706433",
                                  "[nas]:1\xff",
                                  long_one};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(GUARD_WRONG_HOST, ask_for(others[i]));
        assert_true(alarm);
    }
}

static void a_machine_without_a_name_serves_no_empty_one(void **state)
{
    (void)state;
    settings.own_name = none;
    settings.hosts.n = 0;
    assert_int_equal(GUARD_WRONG_HOST, ask_for(""));
    assert_int_equal(GUARD_WRONG_HOST, ask_for("."));
    assert_int_equal(GUARD_WRONG_HOST, ask_for("x"));
    assert_int_equal(GUARD_YES, ask_for("localhost"));
}

static void configured_names_may_end_with_a_dot(void **state)
{
    (void)state;
    static char *dotted[] = {words[2]};
    settings.hosts = (struct settings_list){.v = dotted, .n = 1};
    assert_int_equal(GUARD_YES, ask_for("dot.example"));
    assert_int_equal(GUARD_YES, ask_for("dot.example."));
}

static enum guard_answer ask_from_page(const char *host, const char *origin)
{
    asked.host = host;
    asked.origin = origin;
    return ask();
}

static void only_its_own_pages_may_ask(void **state)
{
    (void)state;
    assert_int_equal(GUARD_YES, ask_from_page("nas:8888", "http://nas:8888"));
    assert_int_equal(GUARD_YES, ask_from_page("nas:8888", "HTTP://NAS:8888"));
    assert_int_equal(GUARD_YES, ask_from_page("[::1]:1", "http://[::1]:1"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://nas"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://nas:88"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://nas:88888"));
    assert_int_equal(GUARD_YES, ask_from_page("nas:8888", "https://nas:8888"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://nas:8888/"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "nas:8888"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "null"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", ""));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://evil.example"));
    asked.is_tls = true;
    assert_int_equal(GUARD_YES, ask_from_page("nas:8888", "https://nas:8888"));
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "http://nas:8888"));
    set_address(&peer, "127.0.0.1");
    assert_int_equal(GUARD_NO, ask_from_page("nas:8888", "null"));
}

static void fail_times(int times)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
        now += 2 * WEB_DELAY_MAX * 1000;
    }
}

static void wrong_tokens_make_their_address_wait_longer_and_longer(void **state)
{
    (void)state;
    settings.token = token;
    for (int i = 0; i < WEB_FAILURES_FREE + 1; i++)
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    int64_t last = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(GUARD_WAIT, ask_with("Bearer wrong"));
        assert_false(alarm);
        assert_true(wait >= last && wait <= WEB_DELAY_MAX);
        last = wait;
        assert_int_equal(GUARD_WAIT, ask_with("Bearer secret"));
        now += wait * 1000 - 1;
        assert_int_equal(GUARD_WAIT, ask_with("Bearer wrong"));
        assert_int_equal(1, wait);
        now += 1;
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    }
    assert_int_equal(WEB_DELAY_MAX, last);
}

static void the_right_token_after_the_wait_forgets_the_wrong_ones(void **state)
{
    (void)state;
    settings.token = token;
    fail_times(10);
    assert_int_equal(GUARD_YES, ask_with("Bearer secret"));
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    assert_int_equal(GUARD_YES, ask_with("Bearer secret"));
}

static void other_addresses_need_not_wait(void **state)
{
    (void)state;
    settings.token = token;
    for (int i = 0; i < WEB_FAILURES_FREE + 1; i++)
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    assert_int_equal(GUARD_WAIT, ask_with("Bearer secret"));
    set_address(&peer, "192.0.2.8");
    assert_int_equal(GUARD_YES, ask_with("Bearer secret"));
}

static void addresses_of_one_network_of_ipv6_wait_together(void **state)
{
    (void)state;
    settings.token = token;
    set_address(&own, "2001:db8:1::1");
    for (int i = 0; i < WEB_FAILURES_FREE + 1; i++) {
        char text[64];
        snprintf(text, sizeof(text), "2001:db8::%d:1", i + 1);
        set_address(&peer, text);
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    }
    set_address(&peer, "2001:db8::ffff");
    assert_int_equal(GUARD_WAIT, ask_with("Bearer wrong"));
    set_address(&peer, "2001:db8:0:1::1");
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
}

static void the_address_whose_failure_is_oldest_is_forgotten_first(void **state)
{
    (void)state;
    settings.token = token;
    for (int i = 0; i < WEB_FAILURES_FREE + 2; i++) {
        set_address(&peer, "192.0.2.7");
        (void)ask_with("Bearer wrong");
    }
    for (int i = 0; i < WEB_FAILURES_KNOWN - 1; i++) {
        char text[64];
        snprintf(text, sizeof(text), "198.51.%d.%d", 100 + i / 200, i % 200 + 1);
        set_address(&peer, text);
        now++;
        assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    }
    set_address(&peer, "192.0.2.7");
    assert_int_equal(GUARD_WAIT, ask_with("Bearer wrong"));
    set_address(&peer, "203.0.113.1");
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
    set_address(&peer, "192.0.2.7");
    assert_int_equal(GUARD_WHO_ARE_YOU, ask_with("Bearer wrong"));
}

static void secrets_are_the_same_or_not(void **state)
{
    (void)state;
    assert_true(guard_same_secret("", ""));
    assert_true(guard_same_secret("abc", "abc"));
    assert_false(guard_same_secret("abc", "abd"));
    assert_false(guard_same_secret("abc", "ab"));
    assert_false(guard_same_secret("ab", "abc"));
    assert_false(guard_same_secret("", "abc"));
    assert_false(guard_same_secret("abc", ""));
    assert_false(guard_same_secret("\xff", "\x7f"));
}

static void addresses_have_a_text(void **state)
{
    (void)state;
    char text[INET6_ADDRSTRLEN];
    guard_address((struct sockaddr *)&peer, text, sizeof(text));
    assert_string_equal("192.0.2.7", text);
    set_address(&peer, "2001:db8::7");
    guard_address((struct sockaddr *)&peer, text, sizeof(text));
    assert_string_equal("2001:db8::7", text);
    guard_address(NULL, text, sizeof(text));
    assert_string_equal("", text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(this_machine_is_loopback_and_the_address_that_was_asked),
        T(an_unknown_address_is_not_this_machine),
        T(without_a_token_everybody_reads_and_this_machine_alone_changes),
        T(with_a_token_nobody_from_beyond_reads_without_it),
        T(the_token_is_given_in_two_ways),
        T(what_is_not_the_token_is_refused),
        T(a_token_that_is_wrong_is_refused_from_this_machine_too),
        T(without_a_token_what_is_given_as_one_does_not_matter),
        T(the_unix_socket_may_do_everything),
        T(its_own_names_are_served),
        T(names_of_others_are_not),
        T(a_machine_without_a_name_serves_no_empty_one),
        T(configured_names_may_end_with_a_dot),
        T(only_its_own_pages_may_ask),
        T(wrong_tokens_make_their_address_wait_longer_and_longer),
        T(the_right_token_after_the_wait_forgets_the_wrong_ones),
        T(other_addresses_need_not_wait),
        T(addresses_of_one_network_of_ipv6_wait_together),
        T(the_address_whose_failure_is_oldest_is_forgotten_first),
        T(secrets_are_the_same_or_not),
        T(addresses_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
