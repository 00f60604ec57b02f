/* The pages as HTML: readable without script, and no name or message can be markup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pages.h"
#include "web_fixture.h"

#define assert_has(f, text)                                                                        \
    do {                                                                                           \
        if (strstr((f)->out.s, text) == NULL)                                                      \
            fail_msg("no \"%s\" in %s", text, (f)->out.s);                                         \
    } while (0)
#define assert_lacks(f, text) assert_null(strstr((f)->out.s, text))

static size_t count(const char *s, const char *what)
{
    size_t n = 0;
    for (s = strstr(s, what); s != NULL; s = strstr(s + 1, what))
        n++;
    return n;
}

/* Every element that is opened is closed, in order; and nothing breaks the browser's rules. */
static void check_markup(const char *html)
{
    static const char *const VOID[] = {"meta", "link", "img", "input", "br", "!doctype", "!--"};
    char stack[64][16];
    size_t depth = 0;
    for (const char *s = strchr(html, '<'); s != NULL; s = strchr(s + 1, '<')) {
        bool end = s[1] == '/';
        char name[16] = "";
        size_t len = strcspn(s + 1 + end, " >\n");
        assert_true(len > 0 && len < sizeof(name));
        memcpy(name, s + 1 + end, len);
        bool is_void = false;
        for (size_t i = 0; i < sizeof(VOID) / sizeof(VOID[0]); i++)
            is_void = is_void || strcmp(name, VOID[i]) == 0;
        if (strcmp(name, "!--") == 0)
            s = strstr(s, "-->");
        if (is_void)
            continue;
        if (!end) {
            assert_true(depth < 64);
            memcpy(stack[depth++], name, sizeof(name));
            continue;
        }
        assert_true(depth > 0);
        assert_string_equal(stack[--depth], name);
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(html, " style="));
    assert_null(strstr(html, "{{"));
    assert_int_equal(count(html, "<script"), count(html, "<script type=\"module\" src=\"/"));
}

static void show_overview(struct web_fixture *f, size_t from)
{
    str_clear(&f->out);
    page_overview(&f->state, &f->settings, from, T_NOW, &f->out);
    check_markup(f->out.s);
}

static void show_dataset(struct web_fixture *f, const char *name, size_t from)
{
    str_clear(&f->out);
    page_dataset(&f->state, state_find(&f->state, name), &f->settings, from, T_NOW, &f->out);
    check_markup(f->out.s);
}

static void show_activity(struct web_fixture *f)
{
    str_clear(&f->out);
    page_activity(&f->state, &f->settings, T_NOW, &f->out);
    check_markup(f->out.s);
}

static void the_overview_says_whether_the_data_is_safe_and_what_to_do(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_overview(&f, 0);
    assert_has(&f, "<title>backupd</title>");
    assert_has(&f, "<p class=\"verdict failed\">Failed: 1 of 4 datasets failed, 1 is late; /home: "
                   "cannot destroy");
    assert_has(&f, "<p class=\"advice\">zfs holds SNAPSHOT shows who holds it</p>");
    assert_has(&f, "Not safe since <time datetime=\"2025-11-24T15:00:00Z\">2025-11-24 15:00:00 "
                   "UTC</time>, for 2 h 1 min.");
    assert_has(&f, "Cycle 8 has been running since <time");
    assert_has(&f, "1 failed.");
    web_fixture_fini(&f);
}

static void the_overview_has_a_row_for_each_dataset_with_a_link(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_overview(&f, 0);
    assert_has(&f, "<a href=\"/root\">&lt;root&gt;</a></td><td class=\"safe\">safe, ok</td>");
    assert_has(&f, "<a href=\"/home/ann\">/home/ann</a></td><td class=\"safe\">safe, running</td>");
    assert_has(&f, "<a href=\"/global/dataset/poll\">/poll</a>");
    assert_has(&f, "<td class=\"num\">2</td><td class=\"num\">4.9 KiB</td><td class=\"num\">1</td>"
                   "<td class=\"num\">3.9 KiB</td>");
    assert_has(&f, "<td class=\"num\">1 h 11 min</td>"); /* the copy of / is of 4300 s ago */
    assert_has(&f, "cannot destroy tank/data/home@hourly-1: it is held</td>");
    assert_lacks(&f, "secret");
    web_fixture_fini(&f);
}

static void buttons_are_forms_that_work_without_script(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_overview(&f, 0);
    assert_has(&f, "<form method=\"post\" action=\"/api/v1/sync\">");
    assert_has(&f, "<form method=\"post\" action=\"/snapshot?periodicity=daily\">");
    assert_has(&f, "<form method=\"post\" action=\"/snapshot?periodicity=hourly\">");
    web_fixture_fini(&f);
}

static void a_dry_run_is_said_on_every_page(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_overview(&f, 0);
    assert_lacks(&f, "class=\"banner\"");
    web_feed(&f, (struct event){.kind = EVENT_CYCLE_STARTED, .cycle = 9, .flag = true});
    show_overview(&f, 0);
    assert_has(&f, "<p class=\"banner\">Dry run");
    show_activity(&f);
    assert_has(&f, "<p class=\"banner\">Dry run");
    show_dataset(&f, "", 0);
    assert_has(&f, "<p class=\"banner\">Dry run");
    web_fixture_fini(&f);
}

static void the_first_page_of_all_says_that_nothing_is_known_yet(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    show_overview(&f, 0);
    assert_has(&f, "<p class=\"verdict unknown\">");
    assert_has(&f, "No dataset is known yet.");
    assert_has(&f, "No cycle has finished yet.");
    show_activity(&f);
    assert_has(&f, "Nothing has failed.");
    web_fixture_fini(&f);
}

static void a_failed_dataset_has_the_error_the_way_out_and_the_steps(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_dataset(&f, "/home", 0);
    assert_has(&f, "<title>/home \xe2\x80\x94 backupd</title>");
    assert_has(&f, "<h1>/home</h1>");
    assert_has(&f, "<a href=\"/root\">&lt;root&gt;</a></nav>");
    assert_has(&f, "<p class=\"error\">cannot destroy tank/data/home@hourly-1: it is held</p>\n"
                   "<p class=\"advice\">zfs holds SNAPSHOT shows who holds it</p>");
    assert_has(&f, "Failed 2 times in a row, since <time");
    assert_has(&f, "the next try is at <time");
    assert_has(&f, "<td>destroy local hourly-1 to hourly-3</td><td>failed</td>");
    assert_has(&f, "<td>send daily-1 (all of it)</td><td>pending</td>");
    web_fixture_fini(&f);
}

static void a_failed_dataset_that_is_tried_again_still_says_why(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_DATASET_PLANNED, .dataset = "/home", .count = 1});
    show_overview(&f, 0);
    assert_has(&f, "<td class=\"failed\">failed, waiting</td>");
    assert_has(&f, "<td>cannot destroy tank/data/home@hourly-1: it is held</td>");
    web_feed(&f, (struct event){.kind = EVENT_DATASET_STARTED, .dataset = "/home", .time = T_NOW});
    show_overview(&f, 0);
    assert_has(&f, "<td class=\"failed\">failed, running</td>");
    assert_has(&f, "<td>cannot destroy tank/data/home@hourly-1: it is held</td>");
    show_dataset(&f, "/home", 0);
    assert_has(&f, "<p class=\"error\">cannot destroy tank/data/home@hourly-1: it is held</p>");
    assert_has(&f, "Failed 2 times in a row, since <time");
    assert_lacks(&f, "the next try is at");
    web_fixture_fini(&f);
}

static void a_running_dataset_has_its_progress_and_its_snapshots_newest_first(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_dataset(&f, "/home/ann", 0);
    assert_has(&f, "<td>send daily-1 to daily-2 (resumed)</td><td>running</td>"
                   "<td class=\"num\">3.0 MiB of 7.0 MiB</td>");
    assert_has(&f, "<td>present: policy, oldest</td><td>present: policy</td>");
    assert_has(&f, "<td>going</td><td>absent</td>");
    assert_has(&f, "<td>present: policy, to send</td><td>coming</td>");
    assert_has(&f, "<td>absent</td><td>present: unmanaged</td>");
    assert_true(strstr(f.out.s, "<td>manual</td>") < strstr(f.out.s, "<td>daily-1</td>"));
    assert_has(&f, "resume: send daily-1 to daily-2</td>");
    web_fixture_fini(&f);
}

static void what_only_the_remote_has_is_said_to_be_left_alone(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    show_dataset(&f, "/poll", 0);
    assert_has(&f, "Its source is gone");
    web_fixture_fini(&f);
}

static void without_a_remote_no_column_is_about_one(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_CONFIGURED, .interval = 3600});
    show_overview(&f, 0);
    assert_lacks(&f, "Space there");
    show_dataset(&f, "", 0);
    assert_lacks(&f, ">There<");
    assert_lacks(&f, ">Remote<");
    web_fixture_fini(&f);
}

static void the_activity_has_what_failed_and_what_was_done(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, true);
    web_feed(&f, (struct event){.kind = EVENT_STEP_FINISHED,
                                .dataset = "/home/ann",
                                .step = 1,
                                .bytes = 7 << 20,
                                .time = T_NEXT + 100,
                                .code = ERR_SSH_LOST,
                                .text = "it broke"});
    show_activity(&f);
    assert_has(&f, "<a href=\"/home\">/home</a></td><td>held</td>");
    assert_has(&f, "<td class=\"num\">7</td><td><time datetime=\"2025-11-24T16:00:00Z\">");
    assert_has(&f, "<td>daily-1</td><td>daily-2</td>");
    assert_has(&f, "<td class=\"num\">7.0 MiB</td><td class=\"failed\">it broke [ssh-lost]</td>");
    assert_has(&f, "<td>2025-11-24</td><td class=\"failed\">failed</td>");
    assert_has(&f, "cycle 8: started");
    web_fixture_fini(&f);
}

static void a_long_overview_is_divided_by_links(void **unused)
{
    (void)unused;
    struct web_fixture f;
    char name[16];
    web_fixture_init(&f, false);
    for (int i = 0; i < 250; i++) {
        snprintf(name, sizeof(name), "/d%03d", i);
        web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = name});
    }
    show_overview(&f, 0);
    assert_has(&f, "<a href=\"/d099\">");
    assert_lacks(&f, "<a href=\"/d100\">");
    assert_has(&f, "1 to 100 of 250.");
    assert_has(&f, "<a href=\"/global?from=100\" rel=\"next\">");
    assert_lacks(&f, "rel=\"prev\"");
    show_overview(&f, 200);
    assert_has(&f, "<a href=\"/d249\">");
    assert_has(&f, "201 to 250 of 250.");
    assert_has(&f, "<a href=\"/global?from=100\" rel=\"prev\">");
    assert_lacks(&f, "rel=\"next\"");
    show_overview(&f, SIZE_MAX);
    assert_has(&f, "There are 250.");
    assert_has(&f, "<a href=\"/global?from=150\" rel=\"prev\">");
    assert_lacks(&f, "rel=\"next\"");
    web_fixture_fini(&f);
}

static void a_long_list_of_snapshots_is_divided_by_links(void **unused)
{
    (void)unused;
    struct web_fixture f;
    char names[101][16];
    struct snapshot_row rows[101];
    web_fixture_init(&f, false);
    for (int i = 0; i <= 100; i++) {
        snprintf(names[i], sizeof(names[i]), "d-%d", i);
        rows[i] = (struct snapshot_row){.name = names[i], .guid = (uint64_t)i, .sides = 1};
    }
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = "/a b"});
    web_feed(&f, (struct event){.kind = EVENT_DATASET_SNAPSHOTS,
                                .dataset = "/a b",
                                .rows = rows,
                                .row_count = 101,
                                .first = true});
    show_dataset(&f, "/a b", 0);
    assert_has(&f, "<td>d-100</td>");
    assert_lacks(&f, "<td>d-0</td>");
    assert_has(&f, "<a href=\"/a%20b?from=100\" rel=\"next\">");
    show_dataset(&f, "/a b", 100);
    assert_has(&f, "<td>d-0</td>");
    assert_lacks(&f, "<td>d-1</td>");
    web_fixture_fini(&f);
}

static void hostile_names_and_texts_are_text(void **unused)
{
    (void)unused;
    struct web_fixture f;
    static char longest[8192 + 1];
    const char *name = "/\"><script>alert('1')</script>&amp;{{main}}";
    memset(longest, '<', sizeof(longest) - 1);
    const char *texts[] = {"<script>alert(1)</script> & \"'", "\xff\xfe not UTF-8 \xc0\xaf",
                           longest};
    web_fixture_init(&f, false);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        web_feed(&f, (struct event){.kind = EVENT_DATASET_SEEN, .dataset = name});
        web_feed(&f, (struct event){.kind = EVENT_DATASET_FINISHED,
                                    .dataset = name,
                                    .code = ERR_ZFS,
                                    .text = texts[i]});
        str_clear(&f.out);
        page_overview(&f.state, &f.settings, 0, T_NOW, &f.out);
        page_dataset(&f.state, f.state.v[0], &f.settings, 0, T_NOW, &f.out);
        page_activity(&f.state, &f.settings, T_NOW, &f.out);
        page_message(&f.state, &f.settings, name, texts[i], &f.out);
        assert_lacks(&f, "<script>");
        assert_lacks(&f, "<<");
        assert_lacks(&f, "\xff");
    }
    assert_has(&f, "/&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;{{main}}");
    assert_has(&f, "href=\"/%22%3E%3Cscript%3Ealert%28%271%27%29%3C/script%3E%26amp%3B%7B%7B");
    assert_has(&f, "\\xff\\xfe not UTF-8 \\xc0\\xaf");
    web_fixture_fini(&f);
}

static void check_path(const char *dataset, const char *path)
{
    struct str out;
    str_init(&out);
    page_path(dataset, &out);
    assert_string_equal(out.s, path);
    str_fini(&out);
}

static void a_dataset_that_is_called_like_a_page_of_ours_has_a_path_of_its_own(void **unused)
{
    (void)unused;
    check_path("", "/root");
    check_path("/home/ann", "/home/ann");
    check_path("/global", "/global/dataset/global");
    check_path("/root/x", "/global/dataset/root/x");
    check_path("/metrics/a b", "/global/dataset/metrics/a%20b");
    check_path("/home/root", "/home/root");
    check_path("/roots", "/roots");
    check_path("/a:b_c-d.e", "/a%3Ab_c-d.e");
    check_path("/\xc3\xa9?#%", "/%C3%A9%3F%23%25");
    assert_true(page_is_reserved("healthz/x", 7));
    assert_false(page_is_reserved("healthz", 6));
    assert_false(page_is_reserved("", 0));
}

static void a_message_is_a_page(void **unused)
{
    (void)unused;
    struct web_fixture f;
    web_fixture_init(&f, false);
    page_message(&f.state, &f.settings, "Not here", "There is no dataset /x.", &f.out);
    check_markup(f.out.s);
    assert_has(&f, "<title>Not here</title>");
    assert_has(&f, "<h1>Not here</h1>\n<p>There is no dataset /x.</p>");
    web_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_overview_says_whether_the_data_is_safe_and_what_to_do),
        cmocka_unit_test(the_overview_has_a_row_for_each_dataset_with_a_link),
        cmocka_unit_test(buttons_are_forms_that_work_without_script),
        cmocka_unit_test(a_dry_run_is_said_on_every_page),
        cmocka_unit_test(the_first_page_of_all_says_that_nothing_is_known_yet),
        cmocka_unit_test(a_failed_dataset_has_the_error_the_way_out_and_the_steps),
        cmocka_unit_test(a_failed_dataset_that_is_tried_again_still_says_why),
        cmocka_unit_test(a_running_dataset_has_its_progress_and_its_snapshots_newest_first),
        cmocka_unit_test(what_only_the_remote_has_is_said_to_be_left_alone),
        cmocka_unit_test(without_a_remote_no_column_is_about_one),
        cmocka_unit_test(the_activity_has_what_failed_and_what_was_done),
        cmocka_unit_test(a_long_overview_is_divided_by_links),
        cmocka_unit_test(a_long_list_of_snapshots_is_divided_by_links),
        cmocka_unit_test(hostile_names_and_texts_are_text),
        cmocka_unit_test(a_dataset_that_is_called_like_a_page_of_ours_has_a_path_of_its_own),
        cmocka_unit_test(a_message_is_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
