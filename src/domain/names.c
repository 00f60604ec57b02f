#include "names.h"

#include <stdio.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.: ", c) != NULL);
}

/* `s` as it can be shown in one line: at most 60 bytes, unprintable ones as \xNN. */
static void quote(char ret[128], const char *s)
{
    size_t out = 0;
    size_t i = 0;
    for (; s[i] != '\0' && out < 60; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c >= 0x7f)
            out += (size_t)snprintf(ret + out, 8, "\\x%02x", (unsigned)c);
        else
            ret[out++] = (char)c;
    }
    snprintf(ret + out, 128 - out, "%s", s[i] == '\0' ? "" : "...");
}

static int refuse(const char *what, const char *s, const char *why, struct err *e)
{
    char shown[128];
    quote(shown, s);
    return err_set(e, ERR_NAME, "\"%s\" is no legal %s name: %s", shown, what, why);
}

/* What is wrong with one component of a name, or NULL. */
static const char *component_fault(const char *s, size_t len)
{
    if (len == 0)
        return "a part of it is empty";
    if ((len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
        return "\".\" and \"..\" cannot be parts of it";
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(s[i]))
            return "only letters, digits, space and -_.: may stand in it";
    return NULL;
}

int dsname_check(const char *s, struct dsname *ret, struct err *e)
{
    if (s[0] == '\0')
        return err_set(e, ERR_NAME, "a dataset name is empty");
    if (strlen(s) > NAME_LEN_MAX)
        return refuse("dataset", s, "it is longer than 255 bytes", e);
    if (!is_letter(s[0]))
        return refuse("dataset", s, "it does not begin with a letter", e);
    const char *part = s;
    for (;;) {
        size_t len = strcspn(part, "/");
        const char *fault = component_fault(part, len);
        if (fault != NULL)
            return refuse("dataset", s, fault, e);
        if (part[len] == '\0')
            break;
        part += len + 1;
    }
    ret->s = s;
    return 0;
}

int snapname_check(const char *s, struct snapname *ret, struct err *e)
{
    if (s[0] == '\0')
        return err_set(e, ERR_NAME, "a snapshot name is empty");
    size_t len = strlen(s);
    if (len > NAME_LEN_MAX - 2)
        return refuse("snapshot", s, "with its dataset it is longer than 255 bytes", e);
    const char *fault = component_fault(s, len);
    if (fault != NULL)
        return refuse("snapshot", s, fault, e);
    ret->s = s;
    return 0;
}

int dsname_join(struct dsbuf *buf, struct dsname root, const char *below, struct dsname *ret,
                struct err *e)
{
    if (below[0] != '\0' && below[0] != '/') /* "tank" and "er" would be another pool (I4) */
        return refuse("dataset", below, "it does not begin with a slash below its root", e);
    size_t root_len = strlen(root.s);
    size_t below_len = strlen(below);
    if (root_len + below_len > NAME_LEN_MAX)
        return refuse("dataset", below, "below this root it is longer than 255 bytes", e);
    memmove(buf->s, root.s, root_len);
    memcpy(buf->s + root_len, below, below_len + 1);
    return dsname_check(buf->s, ret, e);
}

const char *name_below(const char *full, const char *root)
{
    size_t len = strlen(root);
    if (strncmp(full, root, len) != 0 || (full[len] != '\0' && full[len] != '/'))
        return NULL;
    return full + len;
}

bool name_is_below(const char *name, const char *ancestor)
{
    const char *rest = name_below(name, ancestor);
    return rest != NULL && rest[0] == '/';
}

const char *name_shown(const char *below)
{
    return below[0] == '\0' ? NAME_ROOT_SHOWN : below;
}

size_t snapname_type_len(const char *name)
{
    return strcspn(name, "-");
}

bool bookmark_is_ours(const char *name, unsigned long long guid)
{
    char ours[40];
    snprintf(ours, sizeof(ours), "backupd-%llu", guid);
    return strcmp(name, ours) == 0;
}
