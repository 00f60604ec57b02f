/*
 * What the web role is given when it starts: its listening sockets and its settings. Both are made
 * here, as root; nothing of it is ever in the way of a backup.
 */
#ifndef BACKUPD_ENGINE_WEB_SOCKETS_H
#define BACKUPD_ENGINE_WEB_SOCKETS_H

#include "config.h"
#include "err.h"
#include "event.h"
#include "listen.h"
#include "str.h"

typedef void web_note_fn(void *arg, enum event_level level, const char *text);

struct web_sockets {
    const char *addr;      /* HOST:PORT */
    const char *unix_path; /* "" : none */
    web_note_fn *on_note;
    void *arg;
    const struct config *config;
    struct listen_addresses addresses; /* none where `addr` could not be looked up */
    int tcp[LISTEN_MAX];
    size_t tcp_count;
    int unix_fd;
    char *tls_cert, *tls_key; /* PEM; "" where there is none */
    bool is_refused;          /* a certificate is wanted and cannot be had */
    char tcp_error[ERR_MSG_MAX], unix_error[ERR_MSG_MAX]; /* what was complained of last */
};

/* Prepares them; opens nothing. */
void web_sockets_init(struct web_sockets *sockets, const char *addr, const char *unix_path,
                      web_note_fn *on_note, void *arg);

/* Tells a note of the engine's end of the web role. */
void web_sockets_note(const struct web_sockets *sockets, enum event_level level, const char *fmt,
                      ...) __attribute__((format(printf, 3, 4)));

/*
 * Reads what `config` (which must stay) names, looks the address up, and tells where the page is
 * and who may read it. May wait for the name service and for a disk: at a start and after SIGHUP
 * alone.
 */
void web_sockets_configure(struct web_sockets *sockets, const struct config *config);

/* Opens what is not open. Returns whether everything is that can be. Waits for nobody. */
bool web_sockets_open(struct web_sockets *sockets);

/* Closes them, and removes the Unix one. */
void web_sockets_close(struct web_sockets *sockets);
void web_sockets_fini(struct web_sockets *sockets);

/* Copies the descriptors in the order of the role's: the Unix one first. Returns their number. */
size_t web_sockets_list(const struct web_sockets *sockets, int ret_fds[LISTEN_MAX + 1]);

/* Appends the settings, one line. */
void web_sockets_add_settings(const struct web_sockets *sockets, const char *version,
                              struct str *out);

#endif
