/* What the files of the server share: server.c, conns.c, intake.c, request.c; for them only. */
#ifndef BACKUPD_WEB_SERVER_PARTS_H
#define BACKUPD_WEB_SERVER_PARTS_H

#include "libmhd.h"
#include "server.h"

#define HEADERS_MAX 6

/* What a connection has to get done in time. */
enum stage { STAGE_ASKING, STAGE_WAITING, STAGE_ANSWERED };

struct reader;

struct conn {
    struct server *server;
    struct conn *before, *after;
    struct sockaddr_storage peer, own;
    char network[GUARD_NETWORK_SIZE];
    bool is_unix, is_tls, has_own;
    int fd;
    enum stage stage;
    int64_t since_ms;      /* when that began */
    struct reader *reader; /* of a stream; or NULL */
};

/* A client of a stream: its connection sleeps while there is nothing. */
struct reader {
    struct conn *conn; /* NULL once it is closed */
    struct MHD_Connection *mhd;
    struct stream_client *client;
    bool asleep;
    int64_t moved_ms; /* when it took something, or woke up */
};

struct header {
    char name[32];
    char value[256];
};

struct request {
    struct conn *conn;
    struct MHD_Connection *mhd;
    bool is_post, is_head, waiting;
    bool refused; /* answered already, and what comes is thrown away */
    char *path;
    size_t body;
    size_t queued; /* bytes of the answer that are held */
    struct header headers[HEADERS_MAX];
    size_t header_count;
    enum MHD_Result result; /* of the answer */
    void *data;
};

/* One of MHD's daemons: the plain one, and with certificates one for TLS. */
struct backend {
    struct server *server;
    struct MHD_Daemon *mhd;
    bool is_tls;
    struct loop_fd *watch; /* NULL: the system has no epoll, and a timer looks */
};

enum { BACKEND_PLAIN, BACKEND_TLS, BACKEND_COUNT };

struct listener {
    struct server *server;
    struct listener *after;
    int fd;
    bool is_unix;
    struct loop_fd *watch;
    struct loop_timer *again; /* while it does not accept */
};

struct server {
    struct server_spec spec;
    struct backend backends[BACKEND_COUNT];
    struct listener *listeners;
    struct conn *conns;
    size_t conn_count;
    size_t queued;            /* bytes of all answers that are held */
    struct loop_timer *timer; /* MHD's own, or a wish to run soon */
    bool running;             /* inside MHD_run */
    uint64_t progress;        /* counts whatever comes of a run */
    uint64_t progress_before; /* as it was at the run before */
    int64_t vain_runs;        /* in a row that were wanted at once, and nothing came of */
    int64_t log_minute;
    unsigned log_lines;
};

/* ---- server.c ---- */

/* Something is to be done that MHD does not know of: it runs soon. */
void server_run_soon(struct server *server);

/* Runs MHD now, unless it runs. */
void server_run(struct server *server);

/* ---- conns.c ---- */

/* What the connection has to do next, from now on. */
void conn_set_stage(struct conn *conn, enum stage stage);

/* An MHD_NotifyConnectionCallback, whose `arg` is a backend. */
void conn_handle(void *arg, struct MHD_Connection *mhd, void **context,
                 enum MHD_ConnectionNotificationCode code);

/* ---- intake.c ---- */

/* MHD's callbacks for a request, its end, and the decoding of its path; `arg` is a backend. */
enum MHD_Result intake_handle_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *data_size, void **context);
void intake_handle_completed(void *arg, struct MHD_Connection *mhd, void **context,
                             enum MHD_RequestTerminationCode code);
size_t intake_unescape(void *arg, struct MHD_Connection *mhd, char *text);

#endif
