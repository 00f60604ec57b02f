/* web/stream: frames at one end, clients at the other, each at its own speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "stream.h"
#include "web_limits.h"

#define BOOT 0x5f3a9c01U

static struct stream *stream;

static int set_up(void **state)
{
    (void)state;
    stream = stream_new(BOOT, WEB_EVENTS_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stream_free(stream);
    return 0;
}

static void add(const char *data)
{
    stream_add(stream, data, strlen(data));
}

/* Reads `client` to what is there now, `step` bytes at a time. */
static const char *read_all(struct stream_client *client, size_t step)
{
    static char text[65536];
    size_t len = 0;
    int64_t got;
    while ((got = stream_read(client, text + len, step)) > 0) {
        assert_true((size_t)got <= step);
        len += (size_t)got;
        assert_true(len + step < sizeof(text));
    }
    assert_int_equal(0, got);
    text[len] = '\0';
    return text;
}

static void a_new_client_hears_what_comes_after_it(void **state)
{
    (void)state;
    add("before");
    struct stream_client *client = stream_join(stream, NULL);
    assert_true(stream_is_ready(client));
    assert_string_equal("retry: 2000\n\n", read_all(client, 4096));
    assert_false(stream_is_ready(client));
    add("after");
    assert_true(stream_is_ready(client));
    assert_string_equal("id: 5f3a9c01-2\ndata: after\n\n", read_all(client, 4096));
    stream_leave(client);
}

static void a_client_goes_on_after_the_frame_that_it_names(void **state)
{
    (void)state;
    char id[STREAM_ID_MAX];
    add("one");
    stream_id(stream, id);
    assert_string_equal("5f3a9c01-1", id);
    add("two");
    add("three");
    struct stream_client *client = stream_join(stream, id);
    assert_string_equal("retry: 2000\n\nid: 5f3a9c01-2\ndata: two\n\n"
                        "id: 5f3a9c01-3\ndata: three\n\n",
                        read_all(client, 4096));
    stream_leave(client);
}

static void the_identifier_before_the_first_frame_is_a_place_too(void **state)
{
    (void)state;
    char id[STREAM_ID_MAX];
    stream_id(stream, id);
    add("one");
    struct stream_client *client = stream_join(stream, id);
    assert_string_equal("retry: 2000\n\nid: 5f3a9c01-1\ndata: one\n\n", read_all(client, 4096));
    stream_leave(client);
}

static void a_client_that_reads_byte_by_byte_gets_the_same(void **state)
{
    (void)state;
    struct stream_client *slow = stream_join(stream, "other-1");
    add("one");
    stream_add_comment(stream);
    add("two");
    assert_string_equal("retry: 2000\n\nevent: reset\ndata: {}\n\nid: 5f3a9c01-1\ndata: one\n\n"
                        ":\n\nid: 5f3a9c01-3\ndata: two\n\n",
                        read_all(slow, 1));
    stream_leave(slow);
}

static void what_is_no_identifier_of_ours_begins_anew(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"x",
                                        "5f3a9c01",
                                        "5f3a9c01-",
                                        "5f3a9c01-2",
                                        "5f3a9c01--1",
                                        "5f3a9c01-1x",
                                        "5f3a9c01- 1",
                                        "5f3a9c02-1",
                                        "5F3A9C01-1",
                                        "5f3a9c01-18446744073709551615",
                                        "5f3a9c01-18446744073709551616",
                                        "\xff\xfe"};
    add("one");
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        struct stream_client *client = stream_join(stream, WRONG[i]);
        assert_string_equal("retry: 2000\n\nevent: reset\ndata: {}\n\n", read_all(client, 4096));
        stream_leave(client);
    }
}

static void an_empty_identifier_is_none(void **state)
{
    (void)state;
    add("one");
    struct stream_client *client = stream_join(stream, "");
    assert_string_equal("retry: 2000\n\n", read_all(client, 4096));
    stream_leave(client);
}

static void a_place_that_is_not_kept_any_more_begins_anew(void **state)
{
    (void)state;
    for (int i = 0; i < WEB_EVENTS_MAX + 2; i++)
        add("x");
    struct stream_client *gone = stream_join(stream, "5f3a9c01-1");
    struct stream_client *kept = stream_join(stream, "5f3a9c01-2");
    assert_string_equal("retry: 2000\n\nevent: reset\ndata: {}\n\n", read_all(gone, 4096));
    char buf[64];
    assert_int_equal(13, stream_read(kept, buf, sizeof(buf)));
    assert_true(stream_read(kept, buf, sizeof(buf)) > 0);
    assert_memory_equal("id: 5f3a9c01-3\n", buf, 15);
    stream_leave(gone);
    stream_leave(kept);
}

static void a_client_that_falls_behind_what_is_kept_must_go(void **state)
{
    (void)state;
    char buf[20];
    struct stream_client *client = stream_join(stream, NULL);
    add("a long one that is not read at once");
    assert_int_equal(13, stream_read(client, buf, sizeof(buf)));
    assert_int_equal(20, stream_read(client, buf, sizeof(buf)));
    for (int i = 0; i < WEB_EVENTS_MAX; i++)
        add("x");
    assert_true(stream_is_ready(client));
    assert_int_equal(-1, stream_read(client, buf, sizeof(buf)));
    stream_leave(client);
}

static void what_is_kept_is_bounded_in_bytes(void **state)
{
    (void)state;
    static char large[WEB_STREAM_BYTES_MAX / 4];
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 40; i++)
        stream_add(stream, large, sizeof(large));
    char buf[64];
    struct stream_client *gone = stream_join(stream, "5f3a9c01-36");
    struct stream_client *kept = stream_join(stream, "5f3a9c01-37");
    assert_int_equal(13, stream_read(gone, buf, sizeof(buf)));
    assert_true(stream_read(gone, buf, sizeof(buf)) > 0);
    assert_memory_equal("event: reset\n", buf, 13);
    assert_int_equal(13, stream_read(kept, buf, sizeof(buf)));
    assert_true(stream_read(kept, buf, sizeof(buf)) > 0);
    assert_memory_equal("id: 5f3a9c01-38\n", buf, 16);
    stream_leave(gone);
    stream_leave(kept);
}

static void a_frame_larger_than_all_that_is_kept_is_kept_alone(void **state)
{
    (void)state;
    char *huge = mem_zalloc(WEB_STREAM_BYTES_MAX + 100, 1);
    memset(huge, 'x', WEB_STREAM_BYTES_MAX + 99);
    add("before");
    stream_add(stream, huge, WEB_STREAM_BYTES_MAX + 99);
    add("after");
    free(huge);
    char buf[64];
    struct stream_client *client = stream_join(stream, "5f3a9c01-2");
    assert_int_equal(13, stream_read(client, buf, sizeof(buf)));
    assert_string_equal("id: 5f3a9c01-3\ndata: after\n\n", read_all(client, 4096));
    stream_leave(client);
}

static struct stream_client *leaving[3];
static int calls;

static void leave(void *owner)
{
    struct stream_client **client = owner;
    calls++;
    stream_leave(*client);
    *client = NULL;
}

static void clients_may_leave_while_they_are_gone_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        leaving[i] = stream_join(stream, NULL);
        stream_set_owner(leaving[i], &leaving[i]);
    }
    assert_int_equal(3, stream_count(stream));
    calls = 0;
    stream_each(stream, leave);
    assert_int_equal(3, calls);
    assert_int_equal(0, stream_count(stream));
    stream_leave(NULL);
}

static void a_client_in_the_middle_may_leave(void **state)
{
    (void)state;
    struct stream_client *clients[3];
    for (size_t i = 0; i < 3; i++)
        clients[i] = stream_join(stream, NULL);
    stream_leave(clients[1]);
    add("x");
    assert_string_equal("retry: 2000\n\nid: 5f3a9c01-1\ndata: x\n\n", read_all(clients[0], 7));
    assert_string_equal("retry: 2000\n\nid: 5f3a9c01-1\ndata: x\n\n", read_all(clients[2], 9));
    stream_leave(clients[0]);
    stream_leave(clients[2]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_new_client_hears_what_comes_after_it),
        T(a_client_goes_on_after_the_frame_that_it_names),
        T(the_identifier_before_the_first_frame_is_a_place_too),
        T(a_client_that_reads_byte_by_byte_gets_the_same),
        T(what_is_no_identifier_of_ours_begins_anew),
        T(an_empty_identifier_is_none),
        T(a_place_that_is_not_kept_any_more_begins_anew),
        T(a_client_that_falls_behind_what_is_kept_must_go),
        T(what_is_kept_is_bounded_in_bytes),
        T(a_frame_larger_than_all_that_is_kept_is_kept_alone),
        T(clients_may_leave_while_they_are_gone_through),
        T(a_client_in_the_middle_may_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
