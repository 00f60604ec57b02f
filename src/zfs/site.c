#include "site.h"

#include <string.h>

#include "command.h"

const char *site_host(const struct site *site)
{
    return site->ssh == NULL ? "" : site->ssh->host;
}

struct dsname site_pool(const struct site *site, struct dsbuf *buf)
{
    size_t len = strcspn(site->root.s, "/");
    memcpy(buf->s, site->root.s, len);
    buf->s[len] = '\0';
    return (struct dsname){buf->s};
}

int site_pool_missing(const struct site *site, struct err *e)
{
    struct dsbuf buf;
    return err_set(e, ERR_POOL_MISSING, "the %s pool %s is not imported%s%s", side_name(site->side),
                   site_pool(site, &buf).s, site->ssh == NULL ? "" : " on ", site_host(site));
}

int shell_quote(struct str *out, const char *word, struct err *e)
{
    for (const char *p = word; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_NAME,
                           "a word for the other machine's shell holds the control "
                           "character \\x%02x",
                           (unsigned)(unsigned char)*p);
    str_add_char(out, '\'');
    for (const char *p = word; *p != '\0'; p++) {
        if (*p == '\'')
            str_add(out, "'\\''");
        else if (*p == '!') /* csh looks for history even between single quotes */
            str_add(out, "'\\!'");
        else
            str_add_char(out, *p);
    }
    str_add_char(out, '\'');
    return 0;
}

/* The options that every ssh of ours has. ssh takes the first it sees of each: the shared
 * connection is ours to say, and everything else the user's. */
static void add_ssh_options(const struct ssh *ssh, const char *master, const char *control_path,
                            struct argv *ret)
{
    argv_add_format(ret, "-oControlMaster=%s", master);
    argv_add_format(ret, "-oControlPath=%s", control_path);
    argv_add(ret, "-oControlPersist=no");
    for (size_t i = 0; i < ssh->option_count; i++)
        argv_add(ret, ssh->options[i]);
    if (ssh->key[0] != '\0')
        argv_add_all(ret, "-i", ssh->key, "-oIdentitiesOnly=yes");
    argv_add_all(ret, "-a", "-x", "-T", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes");
    argv_add_format(ret, "-oConnectTimeout=%d", SSH_CONNECT_TIMEOUT);
    argv_add_format(ret, "-oServerAliveInterval=%d", SSH_ALIVE_INTERVAL);
    argv_add_format(ret, "-oServerAliveCountMax=%d", SSH_ALIVE_COUNT);
}

/* Appends the words of a command as the login shell there is to read them. */
static int add_command(struct str *line, const struct argv *command, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < command->n && rc == 0; i++) {
        if (i > 0)
            str_add_char(line, ' ');
        /* The program's own name is ours and plain; unquoted, csh and sh both look it up. */
        if (i == 0)
            str_add(line, command->v[i]);
        else
            rc = shell_quote(line, command->v[i], e);
    }
    return rc;
}

/* ssh, and the line that the login shell there is to read. */
static void add_line(const struct ssh *ssh, enum site_connection connection, const char *line,
                     struct argv *ret)
{
    bool shared = connection == SITE_SHARED && ssh->control_path[0] != '\0';
    argv_add(ret, "ssh");
    add_ssh_options(ssh, "no", shared ? ssh->control_path : "none", ret);
    argv_add_all(ret, "--", ssh->host, line);
}

/* `filter` may be NULL. */
static int wrap_for_ssh(const struct ssh *ssh, enum site_connection connection,
                        const struct argv *filter, const struct argv *command, struct argv *ret,
                        struct err *e)
{
    struct str line;
    str_init(&line);
    int rc = 0;
    if (filter != NULL) {
        rc = add_command(&line, filter, e);
        str_add(&line, " | ");
    }
    if (rc == 0)
        rc = add_command(&line, command, e);
    if (rc == 0)
        add_line(ssh, connection, line.s, ret);
    str_fini(&line);
    return rc;
}

int site_wrap(const struct site *site, enum site_connection connection, struct argv *command,
              struct argv *ret, struct err *e)
{
    argv_init(ret);
    if (site->ssh == NULL) {
        *ret = *command;
        argv_init(command);
        return 0;
    }
    int rc = wrap_for_ssh(site->ssh, connection, NULL, command, ret, e);
    argv_fini(command);
    if (rc != 0)
        argv_fini(ret);
    return rc;
}

int site_wrap_behind(const struct site *site, enum site_connection connection, struct argv *filter,
                     struct argv *command, struct argv *ret, struct err *e)
{
    argv_init(ret);
    int rc = wrap_for_ssh(site->ssh, connection, filter, command, ret, e);
    argv_fini(filter);
    argv_fini(command);
    if (rc != 0)
        argv_fini(ret);
    return rc;
}

/* Appends a command, and what tells of its success. */
static int add_link(struct str *line, const struct argv *command, size_t number, struct err *e)
{
    struct argv mark;
    argv_init(&mark);
    command_mark(&mark, number);
    if (line->len > 0)
        str_add(line, " && ");
    int rc = add_command(line, command, e);
    str_add(line, " && ");
    if (rc == 0)
        rc = add_command(line, &mark, e);
    argv_fini(&mark);
    return rc;
}

int site_wrap_chain(const struct site *site, struct argv *commands, size_t n, struct argv *ret,
                    struct err *e)
{
    struct str line;
    int rc = 0;
    argv_init(ret);
    str_init(&line);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = add_link(&line, &commands[i], i + 1, e);
        argv_fini(&commands[i]);
    }
    if (rc == 0)
        add_line(site->ssh, SITE_SHARED, line.s, ret);
    str_fini(&line);
    return rc;
}

void site_master(const struct ssh *ssh, struct argv *ret)
{
    argv_init(ret);
    argv_add(ret, "ssh");
    add_ssh_options(ssh, "yes", ssh->control_path, ret);
    argv_add_all(ret, "-N", "--", ssh->host);
}
