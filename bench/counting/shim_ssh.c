/*
 * A counted ssh. Its command is run by sh with the other machine's zfs in PATH. A shared connection
 * is a process that listens on the control socket; who finds it there needs no handshake.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "commands.h"
#include "meter.h"
#include "output.h"
#include "ssh_options.h"

static int control_socket(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        fail(255, "unix_listener: path \"%s\" too long for Unix domain socket\n", path);
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* The process id of the shared connection; 0: there is none. */
static pid_t find_master(const char *path)
{
    char text[32] = "";
    struct sockaddr_un address;
    if (path == NULL || path[0] == '\0')
        return 0;
    int fd = control_socket(path, &address);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    close(fd);
    return (pid_t)strtol(text, NULL, 10);
}

static const char *path_of_socket;

static void end_master(int signo)
{
    unlink(path_of_socket);
    _exit(signo == SIGTERM ? 255 : 0);
}

/* As ssh does it: the socket is complete when it gets its name. */
static int listen_as_master(const char *path)
{
    struct sockaddr_un address;
    char name[200];
    snprintf(name, sizeof(name), "%.150s.%ld", path, (long)getpid());
    int fd = control_socket(name, &address);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 64) != 0 || rename(name, path) != 0)
        fail(255, "unix_listener: cannot bind to path %s\n", path);
    return fd;
}

/* Tells everybody who comes its process id, until a signal, or until its world is gone. */
static _Noreturn void be_master(int fd, const char *path)
{
    path_of_socket = path;
    signal(SIGTERM, end_master);
    signal(SIGINT, end_master);
    signal(SIGHUP, end_master);
    while (access(world_path("local"), F_OK) == 0) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        int peer = poll(&in, 1, 1000) > 0 ? accept(fd, NULL, NULL) : -1;
        if (peer < 0)
            continue;
        dprintf(peer, "%ld\n", (long)getpid());
        close(peer);
    }
    end_master(SIGTERM);
    _exit(255);
}

/* ControlPersist: the connection goes to the background, and whoever asked for it goes on. */
static void leave_master_behind(const char *path)
{
    int fd = listen_as_master(path);
    if (fork() == 0) {
        int null = open("/dev/null", O_RDWR);
        setsid();
        for (int i = 0; i < 3; i++)
            dup2(null, i);
        be_master(fd, path);
    }
    close(fd);
}

static _Noreturn void control(const struct ssh_options *o)
{
    pid_t pid = find_master(o->control_path);
    if (pid == 0)
        fail(255, "Control socket connect(%s): No such file or directory\n",
             o->control_path == NULL ? "" : o->control_path);
    if (strcmp(o->control_command, "exit") == 0)
        kill(pid, SIGTERM);
    exit(0);
}

/* The login shell of the other machine. It ends with us, as it does where a connection breaks. */
static _Noreturn void run_there(char *const *words)
{
    struct str line;
    str_init(&line);
    for (; *words != NULL; words++)
        str_add_format(&line, "%s%s", line.len > 0 ? " " : "", *words);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv(METER_SIDE, "remote", 1);
        setenv("PATH", world_path("../far:/usr/local/bin:/usr/bin:/bin"), 1);
        execl("/bin/sh", "sh", "-c", line.s, (char *)NULL);
        _exit(127);
    }
    str_fini(&line);
    exit(wait_for(pid));
}

void ssh_main(int argc, char **argv)
{
    struct ssh_options o = {.control_path = NULL};
    struct effects effects = {.text = ""};
    output_begin(&effects);
    ssh_options_parse(argc, argv, &o);
    if (optind < argc) { /* options may follow the host, too */
        optind++;
        ssh_options_parse(argc, argv, &o);
    }
    bool anew = o.control_command == NULL && find_master(o.control_path) == 0;
    bool session = o.control_command == NULL && !o.no_command;
    int trips = (anew ? TRIPS_HANDSHAKE : 0) + (session ? TRIPS_SESSION : 0);
    log_begin("local", anew, trips, argc, argv);
    if (o.control_command != NULL)
        control(&o);
    delay_trips(trips);
    bool shares = anew && o.master && o.control_path != NULL && o.control_path[0] != '\0';
    if (o.no_command && shares)
        be_master(listen_as_master(o.control_path), o.control_path);
    if (o.no_command || optind == argc)
        fail(255, "this ssh has nothing to do\n");
    if (shares && o.persists)
        leave_master_behind(o.control_path);
    run_there(argv + optind);
}
