#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "mem.h"

/* A configuration that a test made from text, and the mistakes in it. */
struct parsed {
    int result;
    struct config config;
    struct str errors;
};

static void parse_bytes(struct parsed *p, const char *text, size_t len)
{
    str_init(&p->errors);
    p->result = config_parse(text, len, "c.toml", &p->config, &p->errors);
}

static void parse(struct parsed *p, const char *text)
{
    parse_bytes(p, text, strlen(text));
}

static void release(struct parsed *p)
{
    config_fini(&p->config);
    str_fini(&p->errors);
}

/* What is needed besides `text` for a configuration to be right, in line 1. */
#define LOCAL "local.root = \"tank/data\"\n"

static void accepts(const char *text)
{
    struct parsed p;
    parse(&p, text);
    assert_string_equal(p.errors.s, "");
    assert_int_equal(p.result, 0);
    release(&p);
}

/* The text has exactly one mistake, whose line begins with `start` and holds `part`. */
static void refuses(const char *text, const char *start, const char *part)
{
    struct parsed p;
    parse(&p, text);
    assert_int_equal(p.result, -1);
    if (strncmp(p.errors.s, start, strlen(start)) != 0 || strstr(p.errors.s, part) == NULL)
        fail_msg("wanted %s... %s\ngot %s", start, part, p.errors.s);
    assert_ptr_equal(strchr(p.errors.s, '\n'), p.errors.s + p.errors.len - 1);
    assert_null(p.config.path);
    release(&p);
}

static void warns(const char *text, const char *part)
{
    struct parsed p;
    struct str warning;
    parse(&p, text);
    assert_int_equal(p.result, 0);
    str_init(&warning);
    config_warn(&p.config, &warning);
    if (part[0] == '\0')
        assert_string_equal(warning.s, "");
    else
        assert_non_null(strstr(warning.s, part));
    str_fini(&warning);
    release(&p);
}

static void a_side_whose_policy_names_nothing_is_worth_a_warning(void **state)
{
    (void)state;
    warns(LOCAL "local.policy = {hourly = 1}\nremote.root = \"b/c\"\n",
          "[remote.policy] names no type");
    warns(LOCAL "remote.policy = {hourly = 1}\nremote.root = \"b/c\"\n",
          "[local.policy] names no type");
    warns(LOCAL
          "local.policy = {hourly = 1}\nremote.policy = {hourly = 0}\nremote.root = \"b/c\"\n",
          "");
    warns(LOCAL "local.policy = {hourly = 1}\n", "");
    warns(LOCAL "remote.root = \"b/c\"\n", "");
}

static char *read_file(const char *path)
{
    struct str text;
    char buf[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    str_init(&text);
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        str_add_bytes(&text, buf, n);
    fclose(f);
    return text.s;
}

static void load_data(struct config *config, const char *path)
{
    struct str errors;
    str_init(&errors);
    int result = config_load(path, config, &errors);
    assert_string_equal(errors.s, "");
    assert_int_equal(result, 0);
    str_fini(&errors);
}

static uint64_t count_of(const struct policy *policy, const char *name)
{
    size_t at = policy_find(policy, name);
    return at == SIZE_MAX ? UINT64_MAX : policy->v[at].count;
}

static void all_mistakes_are_reported_at_once_in_the_order_of_the_file(void **state)
{
    (void)state;
    const char *golden = TEST_DATA "/config/twenty-mistakes.expected";
    char *text = read_file(TEST_DATA "/config/twenty-mistakes.toml");
    struct config config;
    struct str errors;
    str_init(&errors);
    int result = config_parse(text, strlen(text), "twenty-mistakes.toml", &config, &errors);
    assert_int_equal(result, -1);
    if (getenv("UPDATE_GOLDEN") != NULL) {
        FILE *f = fopen(golden, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(errors.s, 1, errors.len, f), errors.len);
        assert_int_equal(fclose(f), 0);
    }
    char *expected = read_file(golden);
    assert_string_equal(errors.s, expected);
    free(expected);
    free(text);
    str_fini(&errors);
}

static void a_root_is_all_that_a_configuration_needs(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, LOCAL);
    const struct config *c = &p.config;
    assert_string_equal(p.errors.s, "");
    assert_string_equal(c->path, "c.toml");
    assert_string_equal(c->side[SIDE_LOCAL].root, "tank/data");
    assert_string_equal(c->side[SIDE_REMOTE].root, "");
    assert_false(config_has_remote(c));
    for (int side = 0; side < SIDE_COUNT; side++) {
        assert_false(c->side[side].destroy_unmanaged);
        assert_int_equal(c->side[side].policy.n, 0);
    }
    assert_string_equal(c->snitch_id, "");
    assert_string_equal(c->ssh_host, "");
    assert_string_equal(c->ssh_key, "");
    assert_int_equal(c->ssh_options.n, 0);
    assert_false(c->rollback);
    assert_int_equal(c->override_count, 0);
    assert_int_equal(c->interval, 3600);
    assert_int_equal(c->parallel, 4);
    assert_int_equal(c->rate_limit, 0);
    assert_false(c->compress);
    assert_int_equal(c->stall_timeout, 1800);
    assert_string_equal(c->web_token, "");
    assert_int_equal(c->web_hosts.n, 0);
    assert_string_equal(c->web_tls_cert, "");
    assert_string_equal(c->web_tls_key, "");
    assert_string_equal(c->web_user, "nobody");
    assert_string_equal(c->history_path, "/var/db/backupd/history.sqlite");
    assert_int_equal(c->history_keep, 400 * 86400);
    release(&p);
}

static void check_sides_of_every_key(const struct config *c)
{
    assert_string_equal(c->snitch_id, "aB3_-9");
    assert_string_equal(c->side[SIDE_LOCAL].root, "tank/data");
    assert_string_equal(c->side[SIDE_REMOTE].root, "vault/backups");
    assert_true(c->side[SIDE_LOCAL].destroy_unmanaged);
    assert_true(c->side[SIDE_REMOTE].destroy_unmanaged);
    assert_int_equal(c->side[SIDE_LOCAL].policy.n, 2);
    assert_int_equal(count_of(&c->side[SIDE_LOCAL].policy, "hourly-1"), 24);
    assert_int_equal(count_of(&c->side[SIDE_LOCAL].policy, "daily"), 7);
    assert_int_equal(c->side[SIDE_REMOTE].policy.n, 2);
    assert_int_equal(count_of(&c->side[SIDE_REMOTE].policy, "daily-x"), 30);
    assert_int_equal(count_of(&c->side[SIDE_REMOTE].policy, "yearly-x"), 0);
    assert_string_equal(c->ssh_host, "backup@vault.example");
    assert_string_equal(c->ssh_key, "/root/.ssh/backup");
    assert_int_equal(c->ssh_options.n, 2);
    assert_string_equal(c->ssh_options.v[0], "-p");
    assert_string_equal(c->ssh_options.v[1], "2222");
    assert_true(c->rollback);
    assert_true(config_has_remote(c));
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct config c;
    load_data(&c, TEST_DATA "/config/every-key.toml");
    assert_string_equal(c.path, TEST_DATA "/config/every-key.toml");
    check_sides_of_every_key(&c);
    assert_int_equal(c.interval, 9000);
    assert_int_equal(c.parallel, 64);
    assert_int_equal(c.rate_limit, 10485760);
    assert_true(c.compress);
    assert_int_equal(c.stall_timeout, 10);
    assert_string_equal(c.web_token, "s3cret");
    assert_int_equal(c.web_hosts.n, 2);
    assert_string_equal(c.web_hosts.v[0], "nas.example");
    assert_string_equal(c.web_hosts.v[1], "nas");
    assert_string_equal(c.web_tls_cert, "/etc/ssl/nas.pem");
    assert_string_equal(c.web_tls_key, "/etc/ssl/nas.key");
    assert_string_equal(c.web_user, "www");
    assert_string_equal(c.history_path, "");
    assert_int_equal(c.history_keep, 86400);
    assert_int_equal(c.override_count, 1);
    assert_string_equal(c.overrides[0].name, "/scratch");
    assert_false(c.overrides[0].keep_baseline);
    assert_true(c.overrides[0].has_policy[SIDE_LOCAL]);
    assert_int_equal(count_of(&c.overrides[0].policy[SIDE_LOCAL], "daily"), 1);
    assert_true(c.overrides[0].has_policy[SIDE_REMOTE]);
    assert_int_equal(c.overrides[0].policy[SIDE_REMOTE].n, 0);
    config_fini(&c);
    config_fini(&c);
}

static void what_the_go_program_read_is_read_unchanged(void **state)
{
    (void)state;
    struct config c;
    load_data(&c, TEST_DATA "/config/go-full.toml");
    assert_string_equal(c.snitch_id, "your-snitch-id");
    assert_string_equal(c.ssh_host, "user@backup-server.example.com");
    assert_string_equal(c.ssh_key, "/home/user/.ssh/backup_key");
    assert_int_equal(c.side[SIDE_LOCAL].policy.n, 5);
    assert_int_equal(count_of(&c.side[SIDE_REMOTE].policy, "hourly"), 0);
    assert_false(config_rules_for(&c, "/scratch").keep_baseline);
    config_fini(&c);

    load_data(&c, TEST_DATA "/config/go-local-only.toml");
    assert_false(config_has_remote(&c));
    assert_false(config_rules_for(&c, "").has_remote);
    assert_int_equal(count_of(&c.side[SIDE_LOCAL].policy, "weekly"), 8);
    config_fini(&c);
}

static void check_rules(const struct config *c, const char *name, uint64_t local, uint64_t remote,
                        bool keep_baseline)
{
    struct rules rules = config_rules_for(c, name);
    assert_int_equal(count_of(rules.policy[SIDE_LOCAL], "daily-1"), local);
    assert_int_equal(count_of(rules.policy[SIDE_REMOTE], "daily-1"), remote);
    assert_int_equal(rules.keep_baseline, keep_baseline);
    assert_true(rules.has_remote);
}

static void the_longest_override_wins_and_inherits_nothing(void **state)
{
    (void)state;
    struct config c;
    load_data(&c, TEST_DATA "/config/go-overrides.toml");
    check_rules(&c, "", 90, 1, true);
    check_rules(&c, "/movies", 90, 1, true);
    check_rules(&c, "/tm", 1, 2, false);
    check_rules(&c, "/tm/brigid", 1, 2, false);
    check_rules(&c, "/tm/lugh", 3, 1, true);
    check_rules(&c, "/tm/lugh/a", 3, 1, true);
    check_rules(&c, "/music/mp3", 90, 1, false);
    assert_string_equal(config_override_for(&c, "/tm/lugh/a")->name, "/tm/lugh");
    assert_null(config_override_for(&c, ""));
    config_fini(&c);
}

static void an_override_matches_by_components(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, LOCAL "[overrides.\"/scratch\"]\nkeep_baseline = false\n");
    assert_non_null(config_override_for(&p.config, "/scratch"));
    assert_non_null(config_override_for(&p.config, "/scratch/a"));
    assert_null(config_override_for(&p.config, "/scratchy"));
    assert_null(config_override_for(&p.config, "/a/scratch"));
    assert_null(config_override_for(&p.config, "/scratc"));
    release(&p);
}

static void an_overrides_name_is_made_one_with_a_leading_slash(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"a/b c", "/a/b c", "/a/b c/", "a/b c/"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char text[128];
        struct parsed p;
        snprintf(text, sizeof(text), LOCAL "[overrides.\"%s\"]\n", NAMES[i]);
        parse(&p, text);
        assert_string_equal(p.errors.s, "");
        assert_string_equal(p.config.overrides[0].name, "/a/b c");
        release(&p);
    }
}

static void an_overrides_name_that_no_dataset_has_is_a_mistake(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"//a", "/a//b", "/a@b", "/..", "a/./b", "/ä", "a\\u0000b"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), LOCAL "[overrides.\"%s\"]\n", NAMES[i]);
        refuses(text, "c.toml:2:12: ", "which no dataset can be");
    }
    refuses(LOCAL "[overrides.\"/\"]\n", "c.toml:2:12: ", "is empty");
    refuses(LOCAL "[overrides.\"\"]\n", "c.toml:2:12: ", "is empty");
}

static void the_same_override_twice_is_a_mistake(void **state)
{
    (void)state;
    refuses(LOCAL "[overrides.\"/a\"]\n[overrides.a]\n", "c.toml:3:12: ", "first in line 2");
}

static void the_local_root_is_required(void **state)
{
    (void)state;
    refuses("", "c.toml:1:1: ", "there is no [local]");
    refuses("\n[local]\n", "c.toml:2:1: ", "local has no root");
    refuses("[local.policy]\ndaily = 1\n", "c.toml:1:1: ", "local has no root");
    refuses("[[local]]\nroot = \"a\"\n", "c.toml:1:1: ", "a table is needed");
}

static void a_remote_with_a_host_and_no_root_is_a_mistake(void **state)
{
    (void)state;
    refuses("[local]\nroot = \"a\"\n[remote]\nssh_host = \"h\"\n",
            "c.toml:3:1: ", "remote has an ssh_host and no root");
}

static void a_root_is_a_legal_dataset_name(void **state)
{
    (void)state;
    static const char *const ROOTS[] = {"",    "/tank", "tank/", "tank//a",     "9tank",
                                        "-tk", "a@b",   "a/..",  "tank\\u0000", "tank/ä"};
    for (size_t i = 0; i < sizeof(ROOTS) / sizeof(ROOTS[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "[local]\nroot = \"%s\"\n", ROOTS[i]);
        refuses(text, "c.toml:2:8: local.root: ", "; write one such as \"tank/data\"");
        snprintf(text, sizeof(text), LOCAL "remote.root = \"%s\"\n", ROOTS[i]);
        if (ROOTS[i][0] != '\0')
            refuses(text, "c.toml:2:15: remote.root: ", "; write one such as");
    }
    accepts("local.root = \"tank/my data/a-b_c.d:e\"\n");
}

static void a_remote_on_this_machine_lies_apart_from_the_local_root(void **state)
{
    (void)state;
    const char *at = "c.toml:2:15: remote.root ";
    refuses(LOCAL "remote.root = \"tank/data\"\n", at, "is local.root itself");
    refuses(LOCAL "remote.root = \"tank/data/backups\"\n", at, "lies in local.root");
    refuses(LOCAL "remote.root = \"tank\"\n", at, "holds local.root");
    refuses(LOCAL "remote.root = \"tank\"\nremote.ssh_host = \"\"\n", at, "holds local.root");
    accepts(LOCAL "remote.root = \"tank/database\"\n");
    accepts(LOCAL "remote.root = \"tank/data\"\nremote.ssh_host = \"h\"\n");
}

static void without_a_remote_root_there_is_no_remote(void **state)
{
    (void)state;
    accepts(LOCAL "[remote]\n");
    accepts(LOCAL "[remote]\nroot = \"\"\nssh_host = \"user@host\"\n[remote.policy]\ndaily = 1\n");
}

static void a_known_key_is_suggested_for_a_slip(void **state)
{
    (void)state;
    refuses(LOCAL "[sync]\nintervall = \"1h\"\n", "c.toml:3:1: sync.intervall is no known key",
            "did you mean interval?");
    refuses(LOCAL "[remote]\nSSH-Host = \"h\"\n", "c.toml:3:1: ", "did you mean ssh_host?");
    refuses(LOCAL "[remot]\nroot = \"\"\n", "c.toml:2:2: remot is no known table",
            "did you mean remote?");
    refuses(LOCAL "[remote]\ninterval = \"1h\"\n", "c.toml:3:1: ", "it belongs in [sync]");
    refuses(LOCAL "[remote]\nintervall = \"1h\"\n",
            "c.toml:3:1: ", "did you mean interval in [sync]?");
    refuses(LOCAL "[sync]\nsomething_else = 1\n",
            "c.toml:3:1: ", "known in [sync]: interval, parallel, stall_timeout");
}

static void times_are_within_their_ranges(void **state)
{
    (void)state;
    accepts(LOCAL "sync = { interval = \"10s\", stall_timeout = \"10s\" }\n");
    accepts(LOCAL "sync = { interval = \"366d\" }\nhistory.keep = \"36500d\"\n");
    refuses(LOCAL "sync.interval = \"9s\"\n", "c.toml:2:17: ", "too short");
    refuses(LOCAL "sync.interval = \"0s\"\n", "c.toml:2:17: ", "too short");
    refuses(LOCAL "sync.interval = \"367d\"\n", "c.toml:2:17: ", "too long");
    refuses(LOCAL "sync.interval = \"\"\n", "c.toml:2:17: ", "is no duration");
    refuses(LOCAL "sync.interval = \"-1h\"\n", "c.toml:2:17: ", "is no duration");
    refuses(LOCAL "sync.interval = \"99999999999999999999d\"\n", "c.toml:2:17: ", "no duration");
    refuses(LOCAL "sync.interval = 3600\n", "c.toml:2:17: ", "a string is needed");
    refuses(LOCAL "sync.stall_timeout = \"9s\"\n", "c.toml:2:22: ", "too short");
    refuses(LOCAL "history.keep = \"1h\"\n", "c.toml:2:16: ", "too short");
}

static void compress_is_yes_or_no_and_belongs_in_sync(void **state)
{
    (void)state;
    accepts(LOCAL "sync.compress = false\n");
    refuses(LOCAL "sync.compress = 3\n", "c.toml:2:17: ", "such as compress = false");
    refuses(LOCAL "sync.compress = \"zstd\"\n", "c.toml:2:17: ", "such as compress = false");
    refuses(LOCAL "remote.compress = true\n", "c.toml:2:8: ", "it belongs in [sync]");
    refuses(LOCAL "sync.compres = true\n", "c.toml:2:6: ", "did you mean compress?");
}

static void numbers_are_within_their_ranges(void **state)
{
    (void)state;
    accepts(LOCAL "sync.parallel = 1\n[local.policy]\ndaily = 0\nhourly = 1000000\n");
    refuses(LOCAL "sync.parallel = 0\n", "c.toml:2:17: ", "from 1 to 64");
    refuses(LOCAL "sync.parallel = 65\n", "c.toml:2:17: ", "from 1 to 64");
    accepts(LOCAL "sync.parallel = \"auto\"\n");
    refuses(LOCAL "sync.parallel = \"many\"\n", "c.toml:2:17: ", "from 1 to 64, or \"auto\"");
    refuses(LOCAL "sync.parallel = \"4\"\n", "c.toml:2:17: ", "from 1 to 64, or \"auto\"");
    accepts(LOCAL "sync.rate_limit = 65536\n");
    accepts(LOCAL "sync.rate_limit = 0\n");
    accepts(LOCAL "sync.rate_limit = \"1 TiB\"\n");
    refuses(LOCAL "sync.rate_limit = 65535\n", "c.toml:2:19: ", "is 65535; write bytes a second");
    refuses(LOCAL "sync.rate_limit = -1\n", "c.toml:2:19: ", "is -1; write bytes a second");
    refuses(LOCAL "sync.rate_limit = \"10 KiB\"\n", "c.toml:2:19: ", "is too little");
    refuses(LOCAL "sync.rate_limit = \"2 TiB\"\n", "c.toml:2:19: ", "is too much");
    refuses(LOCAL "sync.rate_limit = \"fast\"\n", "c.toml:2:19: ", "is no amount");
    refuses(LOCAL "sync.rate_limit = true\n", "c.toml:2:19: ", "a whole number is needed");
    refuses(LOCAL "sync.parallel = 4.0\n", "c.toml:2:17: ", "a whole number is needed");
    refuses(LOCAL "sync.parallel = -9223372036854775808\n", "c.toml:2:17: ", "is -92233720");
    refuses(LOCAL "local.policy.daily = -1\n", "c.toml:2:22: local.policy.daily is -1", "from 0");
    refuses(LOCAL "local.policy.daily = 1000001\n", "c.toml:2:22: ", "to 1000000");
}

static void a_type_that_no_snapshot_can_have_is_a_mistake(void **state)
{
    (void)state;
    static const char *const TYPES[] = {"",      "a-b", "a@b", "a/b",      "a#b", "a%b",
                                        "a\\tb", "ä",   "..",  "a\\u0000", "-"};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), LOCAL "[local.policy]\n\"%s\" = 1\n", TYPES[i]);
        refuses(text, "c.toml:3:1: local.policy.", " can never match a snapshot: ");
    }
    accepts(LOCAL "[local.policy]\n\"my own_type.1:x\" = 1\n");
}

static void what_ssh_is_given_cannot_be_mistaken_for_something_else(void **state)
{
    (void)state;
    refuses(LOCAL "remote.ssh_host = \"-oProxyCommand=x\"\n", "c.toml:2:19: ", "hyphen");
    refuses(LOCAL "remote.ssh_host = \"a b\"\n", "c.toml:2:19: ", "a space");
    refuses(LOCAL "remote.ssh_host = \"a\\nb\"\n", "c.toml:2:19: ", "a control character");
    refuses(LOCAL "remote.ssh_key = \"/k\\u0000\"\n", "c.toml:2:18: ", "a control character");
    refuses(LOCAL "remote.ssh_options = [\"host\"]\n", "c.toml:2:23: ", "for the host");
    refuses(LOCAL "remote.ssh_options = [\"-4\", 1]\n", "c.toml:2:29: ", "must be a string");
    refuses(LOCAL "remote.ssh_options = [\"-4\", [\"-6\"]]\n", "c.toml:2:29: ", "an array");
    refuses(LOCAL "remote.ssh_options = [\"-4\", \"--\"]\n", "c.toml:2:29: ", "remove it");
    refuses(LOCAL "remote.ssh_options = \"-4\"\n", "c.toml:2:22: ", "an array is needed");
    accepts(LOCAL "remote.ssh_options = []\n");
}

static void what_the_web_side_is_given_is_sane(void **state)
{
    (void)state;
    refuses(LOCAL "web.tls_cert = \"/c\"\n", "c.toml:2:16: ", "without web.tls_key");
    refuses(LOCAL "web.tls_key = \"/k\"\nweb.tls_cert = \"\"\n",
            "c.toml:2:15: ", "without web.tls_cert");
    refuses(LOCAL "web.user = \"\"\n", "c.toml:2:12: ", "is empty");
    refuses(LOCAL "web.user = \"root\"\n", "c.toml:2:12: ", "unprivileged");
    refuses(LOCAL "web.user = \"a b\"\n", "c.toml:2:12: ", "no name of a user");
    refuses(LOCAL "web.hosts = [\"a.example:80\"]\n", "c.toml:2:14: ", "without scheme, port");
    refuses(LOCAL "web.hosts = [\"-a\"]\n", "c.toml:2:14: ", "no host's name");
    refuses(LOCAL "web.hosts = [\"a.\"]\n", "c.toml:2:14: ", "no host's name");
    refuses(LOCAL "history.path = \"a\"\n", "c.toml:2:16: ", "absolute");
}

static void a_secret_is_in_no_message(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        LOCAL "web.token = \"hush hush\"\n", LOCAL "web.token = [\"hush\"]\n",
        LOCAL "web.token = thush\n",         LOCAL "web.token = 99999999999999999999\n",
        LOCAL "web.tokn = \"hush\"\n",       LOCAL "token = \"hush\"\n",
        "snitch_id = \"hush/\"\n" LOCAL,     "snitch_id = hush\n" LOCAL,
        "snitch_id = fhush\n" LOCAL,
    };
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        struct parsed p;
        parse(&p, TEXTS[i]);
        assert_int_equal(p.result, -1);
        assert_null(strstr(p.errors.s, "hu"));
        assert_null(strstr(p.errors.s, "999"));
        release(&p);
    }
}

static void a_mistake_of_syntax_is_reported_with_its_place(void **state)
{
    (void)state;
    refuses("[local\n", "c.toml:1:7: not valid TOML: ", "expected ']'");
    refuses(LOCAL "[remote]\nroot =\n", "c.toml:3:", "expected value");
    refuses(LOCAL "local.root = \"tank\"\n", "c.toml:2:", "redefine");
    refuses("a = \"\n", "c.toml:1:", "in a string");
    refuses(LOCAL "[;a]\n", "c.toml:2:2: ", "a table has no name");
    refuses(LOCAL "[]\n", "c.toml:2:", "blank bare keys");
}

static void text_that_is_not_utf_8_is_one_clear_mistake(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "#é\n# \xe9\n",          "#\n# \x80\n",           "#\n# \xc0\xaf\n", "#\n# \xed\xa0\x80\n",
        "#\n# \xf4\x90\x80\x80", "#\n# \xf8\x88\x80\x80", "#\n# \xe2\x82",
    };
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++)
        refuses(TEXTS[i], "c.toml:2:3: this is not UTF-8; ", "save the file as UTF-8");
    refuses("\xff\xfe[", "c.toml:1:1: this is not UTF-8; ", "");
    accepts("\xef\xbb\xbf" LOCAL "# é € 😀\n");
}

static void columns_count_characters(void **state)
{
    (void)state;
    refuses(LOCAL "sync = { parallel = 1, \"é\" = 1 }\n", "c.toml:2:24: ", "is no known key");
    refuses(LOCAL "remote = { ssh_key = \"é\", ssh_host = \"-\" }\n", "c.toml:2:38: ", "hyphen");
}

static void deep_nesting_is_refused_before_it_is_parsed(void **state)
{
    (void)state;
    static const char *const UNITS[] = {"a.", "[a.", "a = [", "a={a=", "\"a\" . ", "'a'.", "a=[["};
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        struct parsed p;
        struct str text;
        str_init(&text);
        while (text.len + 16 < CONFIG_SIZE_MAX)
            str_add(&text, UNITS[i]);
        parse_bytes(&p, text.s, text.len);
        assert_int_equal(p.result, -1);
        assert_non_null(strstr(p.errors.s, "too"));
        release(&p);
        str_fini(&text);
    }
    accepts(LOCAL "# ....................................................... [[[[[[[[[[[[[[[[[[[\n"
                  "remote.ssh_key = '''/a.................................................b'''\n"
                  "remote.ssh_options = [\"-oX=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]\n");
}

static void letters_beyond_ascii_stand_in_strings_and_comments_only(void **state)
{
    (void)state;
    refuses(LOCAL "é = 1\n", "c.toml:2:1: not valid TOML: ", "");
    refuses(LOCAL "a = 0xϹ\n", "c.toml:2:7: not valid TOML: ", "expected digit");
    refuses(LOCAL "a = 1\"ä\"\n", "c.toml:2:6: not valid TOML: ", "");
    refuses(LOCAL "a = \"\\§\"\n", "c.toml:2:7: not valid TOML: ", "escape");
    accepts(LOCAL "remote.ssh_key = \"\"\"\\ \n  §/ä\\\\ä\\\"ä\"\"\"\" # é\n");
}

static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    struct str text;
    struct parsed p;
    str_init(&text);
    str_add(&text, LOCAL "[local.policy]\n");
    for (int i = 0; i <= CONFIG_TYPES_MAX; i++)
        str_add_format(&text, "t%d = 1\n", i);
    refuses(text.s, "c.toml:2:1: local.policy has too many types", "256");
    str_clear(&text);
    str_add(&text, LOCAL);
    for (int i = 0; i <= CONFIG_OVERRIDES_MAX; i++)
        str_add_format(&text, "[overrides.a%d]\n", i);
    refuses(text.s, "c.toml:2:2: there are too many overrides", "1024");
    str_clear(&text);
    str_add(&text, LOCAL "web.hosts = [");
    for (int i = 0; i <= CONFIG_STRINGS_MAX; i++)
        str_add(&text, "\"a\",");
    str_add(&text, "]\n");
    refuses(text.s, "c.toml:2:", "web.hosts is too long; at most 64");
    str_clear(&text);
    while (text.len <= CONFIG_SIZE_MAX)
        str_add(&text, "# a comment\n");
    parse_bytes(&p, text.s, text.len);
    assert_string_equal(p.errors.s, "c.toml:1:1: the file is larger than 1048576 bytes; "
                                    "this is no configuration of backupd\n");
    release(&p);
    str_fini(&text);
}

static void a_file_that_cannot_be_read_is_one_clear_mistake(void **state)
{
    (void)state;
    struct config config;
    struct str errors;
    str_init(&errors);
    assert_int_equal(config_load(TEST_DATA "/config", &config, &errors), -1);
    assert_string_equal(errors.s, TEST_DATA "/config: cannot be read: Is a directory\n");
    str_clear(&errors);
    assert_int_equal(config_load(TEST_DATA "/none", &config, &errors), -1);
    assert_string_equal(errors.s, TEST_DATA "/none: cannot be read: No such file or directory\n");
    assert_null(config.path);
    config_fini(&config);
    str_fini(&errors);
}

static void the_example_and_the_places_are_as_documented(void **state)
{
    (void)state;
    struct config c;
    const char *tried = NULL;
    load_data(&c, TEST_DATA "/../../../packaging/backupd.toml.example");
    assert_string_equal(c.side[SIDE_LOCAL].root, "tank/data");
    config_fini(&c);
    if (config_default_path(&tried) == NULL) {
        assert_string_equal(tried, "/etc/backupd.toml\n/usr/local/etc/backupd.toml\n"
                                   "/opt/local/etc/backupd.toml\n/Library/Application Support/"
                                   "co.monks.backupd/backupd.toml");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_mistakes_are_reported_at_once_in_the_order_of_the_file),
        cmocka_unit_test(a_root_is_all_that_a_configuration_needs),
        cmocka_unit_test(a_side_whose_policy_names_nothing_is_worth_a_warning),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_the_go_program_read_is_read_unchanged),
        cmocka_unit_test(the_longest_override_wins_and_inherits_nothing),
        cmocka_unit_test(an_override_matches_by_components),
        cmocka_unit_test(an_overrides_name_is_made_one_with_a_leading_slash),
        cmocka_unit_test(an_overrides_name_that_no_dataset_has_is_a_mistake),
        cmocka_unit_test(the_same_override_twice_is_a_mistake),
        cmocka_unit_test(the_local_root_is_required),
        cmocka_unit_test(a_remote_with_a_host_and_no_root_is_a_mistake),
        cmocka_unit_test(a_root_is_a_legal_dataset_name),
        cmocka_unit_test(a_remote_on_this_machine_lies_apart_from_the_local_root),
        cmocka_unit_test(without_a_remote_root_there_is_no_remote),
        cmocka_unit_test(a_known_key_is_suggested_for_a_slip),
        cmocka_unit_test(times_are_within_their_ranges),
        cmocka_unit_test(compress_is_yes_or_no_and_belongs_in_sync),
        cmocka_unit_test(numbers_are_within_their_ranges),
        cmocka_unit_test(a_type_that_no_snapshot_can_have_is_a_mistake),
        cmocka_unit_test(what_ssh_is_given_cannot_be_mistaken_for_something_else),
        cmocka_unit_test(what_the_web_side_is_given_is_sane),
        cmocka_unit_test(a_secret_is_in_no_message),
        cmocka_unit_test(a_mistake_of_syntax_is_reported_with_its_place),
        cmocka_unit_test(text_that_is_not_utf_8_is_one_clear_mistake),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(deep_nesting_is_refused_before_it_is_parsed),
        cmocka_unit_test(letters_beyond_ascii_stand_in_strings_and_comments_only),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_one_clear_mistake),
        cmocka_unit_test(the_example_and_the_places_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
