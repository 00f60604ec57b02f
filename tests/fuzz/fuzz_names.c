/*
 * The input as a name, and after a NUL a second one. What passes is legal by a second reading of
 * zfs_namecheck's rules; what is quoted for the other machine's shell is read back as itself.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "names.h"
#include "site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Whether all of it is of the letters that zfs allows in names, and of `more`. */
static bool has_only_name_letters(const char *s, const char *more)
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ");
    while (s[len] != '\0' && strchr(more, s[len]) != NULL)
        len += 1 + strspn(s + len + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-_.: ");
    return s[len] == '\0';
}

static bool is_dataset(const char *s)
{
    char framed[NAME_LEN_MAX + 3];
    bool begins_well = (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z');
    if (strlen(s) > 255 || !begins_well || !has_only_name_letters(s, "/"))
        return false;
    snprintf(framed, sizeof(framed), "/%s/", s);
    return strstr(framed, "//") == NULL && strstr(framed, "/./") == NULL &&
           strstr(framed, "/../") == NULL;
}

static bool is_snapshot(const char *s)
{
    return s[0] != '\0' && strlen(s) <= 253 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0 &&
           has_only_name_letters(s, "");
}

/* A refusal is one short line of printable characters. */
static void check_refusal(int rc, const struct err *e)
{
    if (rc == 0) {
        require(e->code == ERR_NONE);
        return;
    }
    require(rc == -1 && e->code == ERR_NAME && e->msg[0] != '\0' && strlen(e->msg) < 300);
    for (const char *p = e->msg; *p != '\0'; p++)
        require(*p >= 0x20 && *p < 0x7f);
}

/*
 * What sh makes of one quoted word; csh the same, which also looks for history wherever no
 * backslash stands before the exclamation mark. Nothing may stand outside of the quotes but what a
 * backslash takes the meaning of.
 */
static char *unquote(const char *word)
{
    char *ret = mem_zalloc(strlen(word) + 1, 1);
    size_t n = 0;
    bool quoted = false;
    for (const char *p = word; *p != '\0'; p++) {
        require(*p != '!' || (p > word && p[-1] == '\\'));
        if (*p == '\'')
            quoted = !quoted;
        else if (quoted)
            ret[n++] = *p;
        else {
            require(p[0] == '\\' && p[1] != '\0');
            ret[n++] = *++p;
        }
    }
    require(!quoted);
    return ret;
}

static void check_quoting(const char *word)
{
    struct str line;
    struct err e = ERR_INIT;
    bool has_control = false;
    for (const char *p = word; *p != '\0'; p++)
        has_control = has_control || (unsigned char)*p < 0x20 || *p == 0x7f;
    str_init(&line);
    int rc = shell_quote(&line, word, &e);
    require((rc != 0) == has_control);
    check_refusal(rc, &e);
    if (rc == 0) {
        char *again = unquote(line.s);
        require(line.s[0] == '\'' && strcmp(again, word) == 0);
        free(again);
    }
    str_fini(&line);
}

static void check_bookmark(const char *name)
{
    char canonical[40];
    unsigned long long guid = 0;
    static const char OURS[] = "backupd-";
    if (strncmp(name, OURS, strlen(OURS)) == 0)
        guid = strtoull(name + strlen(OURS), NULL, 10);
    snprintf(canonical, sizeof(canonical), "%s%llu", OURS, guid);
    require(bookmark_is_ours(name, guid) == (strcmp(name, canonical) == 0));
    require(!bookmark_is_ours(name, guid + 1) && !bookmark_is_ours(name, guid - 1));
}

/* I4: what is joined lies below its root, and is taken apart again. */
static void check_join(const char *root, const char *below)
{
    struct dsbuf buf;
    struct dsname name = {NULL};
    struct dsname root_name;
    struct err e = ERR_INIT;
    if (dsname_check(root, &root_name, NULL) != 0)
        return;
    char *both = mem_zalloc(strlen(root) + strlen(below) + 1, 1);
    strcpy(both, root);
    strcat(both, below);
    int rc = dsname_join(&buf, root_name, below, &name, &e);
    require((rc == 0) == ((below[0] == '\0' || below[0] == '/') && is_dataset(both)));
    check_refusal(rc, &e);
    if (rc == 0) {
        require(strcmp(name.s, both) == 0);
        require(name_below(name.s, root) == name.s + strlen(root));
        require(name_is_below(name.s, root) == (below[0] != '\0'));
        check_quoting(name.s);
    }
    free(both);
}

static void check_below(const char *full, const char *root)
{
    const char *rest = name_below(full, root);
    bool is_inside = strncmp(full, root, strlen(root)) == 0 && full[strlen(root)] != '\0' &&
                     full[strlen(root)] == '/';
    require(name_is_below(full, root) == is_inside);
    if (rest == NULL) {
        require(!is_inside && strcmp(full, root) != 0);
        return;
    }
    require(rest == full + strlen(root));
    require(is_inside || strcmp(full, root) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = mem_strndup((const char *)data, size); /* ends with the first NUL */
    size_t len = strlen(first);
    char *second =
        len < size ? mem_strndup((const char *)data + len + 1, size - len - 1) : mem_strndup("", 0);
    struct dsname ds = {NULL};
    struct snapname snap = {NULL};
    struct err e = ERR_INIT, f = ERR_INIT;

    int rc = dsname_check(first, &ds, &e);
    require((rc == 0) == is_dataset(first) && ds.s == (rc == 0 ? first : NULL));
    check_refusal(rc, &e);
    rc = snapname_check(first, &snap, &f);
    require((rc == 0) == is_snapshot(first) && snap.s == (rc == 0 ? first : NULL));
    check_refusal(rc, &f);
    require(snapname_type_len(first) <= len);

    check_quoting(first);
    check_bookmark(first);
    check_join(first, second);
    check_below(first, second);
    check_below(second, first);
    free(second);
    free(first);
    return 0;
}
