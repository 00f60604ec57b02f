#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_info {
    const char *name;
    bool transient;
    bool connection;
    const char *advice;
};

static const struct code_info CODES[ERR_CODE_COUNT] = {
    [ERR_NONE] = {"none", false, false, ""},
    [ERR_USAGE] = {"usage", false, false, "see backupd help"},
    [ERR_CONFIG] = {"config", false, false, "see backupd.toml(5)"},
    [ERR_NAME] = {"name", false, false, ""},
    [ERR_PARSE] = {"parse", false, false,
                   "run the same zfs command by hand and see what it prints"},
    [ERR_SYSTEM] = {"system", true, false, ""},
    [ERR_LIMIT] = {"limit", false, false, ""},
    [ERR_PROTOCOL] = {"protocol", true, false, "this is a fault in backupd: please report it"},
    [ERR_DIED] = {"died", true, false, "the log has what the process said last"},
    [ERR_STALLED] = {"stalled", true, false,
                     "see whether the other side is overloaded or its pool hangs; raise "
                     "sync.stall_timeout if this is its normal speed"},
    [ERR_INTERRUPTED] = {"interrupted", true, false, "the next cycle resumes it"},
    [ERR_LOCKED] = {"locked", false, false, "stop the other backupd first"},
    [ERR_NO_DAEMON] = {"no-daemon", true, false,
                       "start it, or name its configuration with -config and its address with "
                       "-addr"},
    [ERR_PLAN] = {"plan", false, false,
                  "nothing was changed; this is a fault in backupd: please report it with the "
                  "output of backupd -debug DATASET"},
    [ERR_DIVERGED] = {"diverged", false, false, ""},
    [ERR_NAME_TAKEN] = {"name-taken", false, false, ""},
    [ERR_NOT_ADOPTED] = {"not-adopted", false, false, ""},
    [ERR_ZFS] = {"zfs", true, false, ""},
    [ERR_ZFS_MISSING] =
        {"zfs-missing", false, false,
         "install OpenZFS on that machine and load its module; where it is there, see that its "
         "folder (often /sbin or /usr/sbin) is in the PATH, over ssh in that of the user"},
    [ERR_DATASET_MISSING] = {"dataset-missing", false, false, ""},
    [ERR_SNAPSHOT_MISSING] = {"snapshot-missing", true, false, ""},
    [ERR_POOL_MISSING] = {"pool-missing", true, false, "import the pool: zpool import"},
    [ERR_POOL_SUSPENDED] = {"pool-suspended", true, false,
                            "see zpool status there, mend the device, then zpool clear"},
    [ERR_EXISTS] = {"exists", false, false,
                    "see what it is with zfs list -t all, and rename it if it is not to be there"},
    [ERR_BUSY] = {"busy", true, false, "it is retried; see what else uses the dataset"},
    [ERR_HELD] = {"held", false, false, "zfs holds SNAPSHOT shows who holds it"},
    [ERR_CLONED] = {"cloned", false, false, "zfs get clones SNAPSHOT shows its clones"},
    [ERR_NO_SPACE] = {"no-space", true, false,
                      "free or add space on that pool, or raise the quota"},
    [ERR_MODIFIED] = {"modified", false, false,
                      "the copy was written to after its newest snapshot: look with zfs diff, "
                      "then zfs rollback it to that snapshot, or set rollback = true under "
                      "[remote]"},
    [ERR_BASE_MISSING] =
        {"base-missing", true, false,
         "it is retried from a new listing; backupd -debug DATASET shows what both "
         "sides have"},
    [ERR_ENCRYPTION] = {"encryption", false, false,
                        "encrypted and unencrypted datasets cannot follow one another there: zfs "
                        "rename the remote's out of the way, and a full copy is sent"},
    [ERR_TOKEN_STALE] = {"token-stale", true, false, ""},
    [ERR_STREAM_CUT] = {"stream-cut", true, false, "the next cycle resumes it"},
    [ERR_STREAM_BAD] = {"stream-bad", true, false,
                        "it is retried; if it stays, see whether the zfs there is older than the "
                        "pool's features here need"},
    [ERR_PERMISSION] = {"permission", false, false,
                        "run as root there, or grant the rights with zfs allow"},
    [ERR_SSH] = {"ssh", true, true, "try the same ssh command by hand"},
    [ERR_SSH_UNREACHABLE] = {"ssh-unreachable", true, true,
                             "see whether the machine is up and the network lets ssh through"},
    [ERR_SSH_RESOLVE] = {"ssh-resolve", true, true, "see remote.ssh_host and the name service"},
    [ERR_SSH_REFUSED] = {"ssh-refused", true, true,
                         "see whether sshd runs there, and on this port"},
    [ERR_SSH_AUTH] = {"ssh-auth", false, true,
                      "see remote.ssh_key, and that its public half is in authorized_keys there"},
    [ERR_SSH_HOSTKEY_UNKNOWN] = {"ssh-hostkey-unknown", false, true, ""},
    [ERR_SSH_HOSTKEY_CHANGED] = {"ssh-hostkey-changed", false, true, ""},
    [ERR_SSH_LOST] = {"ssh-lost", true, true, "it is retried"},
};

/* "context: rest" in `ret`, cut where it is too long. `ret` is neither of them. */
static void join(char ret[ERR_MSG_MAX], const char *context, const char *rest)
{
    const char *const parts[] = {context, ": ", rest};
    size_t len = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t n = strlen(parts[i]);
        if (n > ERR_MSG_MAX - 1 - len)
            n = ERR_MSG_MAX - 1 - len;
        memcpy(ret + len, parts[i], n);
        len += n;
    }
    ret[len] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;
    if (e == NULL)
        return -1;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap); /* the arguments may be the old message */
    va_end(ap);
    e->code = code;
    e->sys = 0;
    memcpy(e->msg, msg, sizeof(msg));
    return -1;
}

int err_set_sys(struct err *e, int sys, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;
    if (e == NULL)
        return -1;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    e->code = ERR_SYSTEM;
    e->sys = sys;
    join(e->msg, msg, strerror(sys));
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char old[ERR_MSG_MAX];
    char context[ERR_MSG_MAX];
    va_list ap;
    if (e == NULL)
        return -1;
    memcpy(old, e->msg, sizeof(old));
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    join(e->msg, context, old);
    return -1;
}

void err_clear(struct err *e)
{
    e->code = ERR_NONE;
    e->sys = 0;
    e->msg[0] = '\0';
}

static const struct code_info *info_of(enum err_code code)
{
    return (int)code >= 0 && code < ERR_CODE_COUNT ? &CODES[code] : &CODES[ERR_ZFS];
}

const char *err_code_name(enum err_code code)
{
    return info_of(code)->name;
}

enum err_code err_code_from_name(const char *name)
{
    for (int i = 0; i < ERR_CODE_COUNT; i++)
        if (strcmp(CODES[i].name, name) == 0)
            return (enum err_code)i;
    return ERR_CODE_COUNT;
}

const char *err_code_advice(enum err_code code)
{
    return info_of(code)->advice;
}

bool err_code_is_transient(enum err_code code)
{
    return info_of(code)->transient;
}

bool err_code_is_missing(enum err_code code)
{
    return code == ERR_SNAPSHOT_MISSING || code == ERR_DATASET_MISSING || code == ERR_POOL_MISSING;
}

bool err_code_is_connection(enum err_code code)
{
    return info_of(code)->connection;
}
