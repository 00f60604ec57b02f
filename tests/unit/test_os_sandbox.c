/*
 * os/sandbox: what a process can and cannot do in it. Each test has a list of attempts, which a
 * child makes after it entered the sandbox, and writes the names of those that went wrong into a
 * pipe. As root there are two of them: one that was confined to a user and a folder first, as the
 * real role is, and one that was not, for which the sandbox is all that holds it.
 */
#define _GNU_SOURCE /* the system calls that are attempted */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "listen.h"
#include "sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN true
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN false
#endif

#define DESCRIPTORS 64

/* What a child has when it enters the sandbox. */
static struct {
    pid_t parent;
    char folder[64];
    char file[96];              /* exists, and everybody may read it */
    int file_fd;                /* the same, open for writing */
    int report[2];              /* from the child */
    int pair[2];                /* both ends */
    int listener;               /* on the loopback device */
    struct sockaddr_in address; /* its own */
    int client;                 /* not connected yet */
    int epoll;                  /* waits for the listener */
} scene;

/* Notes that the attempt `what` did not end as it should. */
static void expect(bool as_it_should, const char *what)
{
    if (!as_it_should)
        dprintf(scene.report[1], "%s (%s); ", what, strerror(errno));
}

/* The call must fail, and it must be the filter that refuses it. */
#define REFUSED(call)    (errno = 0, expect((call) == -1 && errno == EPERM, #call))
#define WORKS(condition) (errno = 0, expect((condition), #condition))

static int set_up(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    size_t count = 0;
    int listeners[LISTEN_MAX];
    socklen_t len = sizeof(scene.address);
    scene.parent = getpid();
    snprintf(scene.folder, sizeof(scene.folder), "/tmp/backupd-test-XXXXXX");
    if (mkdtemp(scene.folder) == NULL || chmod(scene.folder, 0755) != 0)
        return -1;
    snprintf(scene.file, sizeof(scene.file), "%s/file", scene.folder);
    scene.file_fd = open(scene.file, O_RDWR | O_CREAT, 0644);
    if (scene.file_fd < 0 || fchmod(scene.file_fd, 0644) != 0 || pipe(scene.report) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, scene.pair) != 0 ||
        listen_tcp("127.0.0.1:0", listeners, &count, &e) != 0)
        return -1;
    scene.listener = listeners[0];
    scene.client = socket(AF_INET, SOCK_STREAM, 0);
    scene.epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(scene.epoll, EPOLL_CTL_ADD, scene.listener, &event) != 0)
        return -1;
    return getsockname(scene.listener, (struct sockaddr *)&scene.address, &len);
}

static int tear_down(void **state)
{
    (void)state;
    const int fds[] = {scene.file_fd, scene.report[0], scene.report[1], scene.pair[0],
                       scene.pair[1], scene.listener,  scene.client,    scene.epoll};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
    unlink(scene.file);
    return rmdir(scene.folder);
}

static void enter(bool confine)
{
    const struct sandbox_limits limits = {.descriptors = DESCRIPTORS};
    struct err e = ERR_INIT;
    char empty[96];
    snprintf(empty, sizeof(empty), "%s/empty", scene.folder);
    if (confine && (mkdir(empty, 0555) != 0 || host_confine_to_user("nobody", empty, &e) != 0 ||
                    geteuid() == 0)) {
        dprintf(scene.report[1], "cannot confine: %s", e.msg);
        _exit(1);
    }
    if (sandbox_enter(&limits, &e) != 0) {
        dprintf(scene.report[1], "%s", e.msg);
        _exit(1);
    }
}

/* Has a child enter the sandbox and run `fn`. Returns its wait status. */
static int run_child(void (*fn)(void), bool confine)
{
    int status = 0;
    char empty[96];
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        enter(confine);
        fn();
        dprintf(scene.report[1], "end");
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(pid, waitpid(pid, &status, 0));
    snprintf(empty, sizeof(empty), "%s/empty", scene.folder);
    rmdir(empty);
    return status;
}

/* What the child has reported. */
static const char *reported(void)
{
    static char text[8192];
    struct pollfd polled = {.fd = scene.report[0], .events = POLLIN};
    ssize_t len = poll(&polled, 1, 0) == 1 ? read(scene.report[0], text, sizeof(text) - 1) : 0;
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void run_inside(void (*fn)(void))
{
    for (int confine = 0; confine < (geteuid() == 0 ? 2 : 1); confine++) {
        int status = run_child(fn, confine == 1);
        assert_string_equal("end", reported());
        assert_true(WIFEXITED(status));
        assert_int_equal(0, WEXITSTATUS(status));
        if (confine == 0) {
            /* The next child finds nothing that this one has used up. */
            assert_int_equal(0, tear_down(NULL));
            assert_int_equal(0, set_up(NULL));
        }
    }
}

static void open_files(void)
{
    struct stat st;
    REFUSED(open(scene.file, O_RDONLY));
    REFUSED(open(scene.file, O_WRONLY));
    REFUSED(open("/etc/passwd", O_RDONLY));
    REFUSED(open("/proc/self/status", O_RDONLY));
    REFUSED(open("/", O_RDONLY | O_DIRECTORY));
    REFUSED(open(".", O_RDONLY));
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0));
    REFUSED(stat(scene.file, &st));
    REFUSED(access(scene.file, F_OK));
    REFUSED(readlink("/proc/self/exe", (char[8]){0}, 8));
    FILE *stream = fopen(scene.file, "r");
    WORKS(stream == NULL);
    if (stream != NULL)
        fclose(stream);
}

static void no_file_can_be_opened_or_looked_at(void **state)
{
    (void)state;
    run_inside(open_files);
}

static void change_files(void)
{
    char other[128];
    snprintf(other, sizeof(other), "%s/other", scene.folder);
    REFUSED(open(other, O_WRONLY | O_CREAT, 0600));
    REFUSED(creat(other, 0600));
    REFUSED(memfd_create("x", 0));
    REFUSED(mkdir(other, 0700));
    REFUSED(mknod(other, S_IFIFO | 0600, 0));
    REFUSED(symlink("/", other));
    REFUSED(link(scene.file, other));
    REFUSED(rename(scene.file, other));
    REFUSED(unlink(scene.file));
    REFUSED(chmod(scene.file, 0777));
    REFUSED(truncate(scene.file, 0));
    REFUSED(fchmod(scene.file_fd, 04777));
    REFUSED(ftruncate(scene.file_fd, 0));
    REFUSED(chdir("/"));
    REFUSED(chroot("/"));
}

static void no_file_can_be_created_changed_or_removed(void **state)
{
    (void)state;
    run_inside(change_files);
    assert_int_equal(0, access(scene.file, F_OK));
}

static void *do_nothing(void *arg)
{
    return arg;
}

static void start_processes(void)
{
    const char *const argv[] = {"true", NULL};
    char *const *args = (char *const *)(uintptr_t)argv;
    pthread_t thread;
    pid_t pid;
    REFUSED(fork());
    REFUSED(syscall(SYS_fork));
    REFUSED(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    REFUSED(execve("/bin/true", args, environ));
    REFUSED(syscall(SYS_execveat, scene.file_fd, "", args, environ, AT_EMPTY_PATH));
    WORKS(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
    WORKS(posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ) == EPERM);
    if (!HAS_ASAN) /* which aborts where it cannot make a thread */
        WORKS(pthread_create(&thread, NULL, do_nothing, NULL) == EPERM);
}

static void no_process_thread_or_program_can_be_started(void **state)
{
    (void)state;
    run_inside(start_processes);
}

static void make_connections(void)
{
    const struct sockaddr *address = (const struct sockaddr *)&scene.address;
    socklen_t len = sizeof(scene.address);
    int ends[2];
    int on = 1;
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(socket(AF_INET6, SOCK_DGRAM, 0));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    REFUSED(connect(scene.client, address, len));
    REFUSED(sendto(scene.client, "x", 1, MSG_FASTOPEN, address, len));
    struct iovec part = {.iov_base = &on, .iov_len = 1};
    const struct msghdr message = {
        .msg_name = &scene.address, .msg_namelen = len, .msg_iov = &part, .msg_iovlen = 1};
    REFUSED(sendmsg(scene.client, &message, MSG_FASTOPEN));
    REFUSED(bind(scene.client, address, len));
    REFUSED(listen(scene.client, 1));
    REFUSED(setsockopt(scene.client, SOL_SOCKET, SO_ATTACH_FILTER, &on, sizeof(on)));
    REFUSED(setsockopt(scene.client, SOL_SOCKET, SO_MARK, &on, sizeof(on)));
}

static void no_socket_can_be_made_and_none_connected(void **state)
{
    (void)state;
    run_inside(make_connections);
}

static void reach_other_processes(void)
{
    REFUSED(kill(scene.parent, 0));
    REFUSED(kill(scene.parent, SIGUSR1));
    REFUSED(kill(-1, SIGUSR1));
    REFUSED(syscall(SYS_tkill, scene.parent, SIGUSR1));
    REFUSED(syscall(SYS_tgkill, scene.parent, scene.parent, SIGUSR1));
    REFUSED(sigqueue(scene.parent, SIGUSR1, (union sigval){.sival_int = 0}));
    REFUSED(syscall(SYS_pidfd_open, scene.parent, 0));
    REFUSED(fcntl(scene.pair[0], F_SETOWN, scene.parent));
    REFUSED(fcntl(scene.pair[0], F_SETSIG, SIGUSR1));
    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    REFUSED(ptrace(PTRACE_ATTACH, scene.parent, NULL, NULL));
    REFUSED(syscall(SYS_process_vm_readv, scene.parent, NULL, 0, NULL, 0, 0));
    REFUSED(prlimit(scene.parent, RLIMIT_NOFILE, NULL, NULL));
}

static void no_other_process_can_be_signalled_or_traced(void **state)
{
    (void)state;
    run_inside(reach_other_processes);
}

static void regain_privileges(void)
{
    const struct rlimit more = {DESCRIPTORS * 2, DESCRIPTORS * 2};
    REFUSED(setuid(0));
    REFUSED(seteuid(0));
    REFUSED(setresuid(0, 0, 0));
    REFUSED(setgid(0));
    REFUSED(syscall(SYS_setgroups, 0, NULL));
    REFUSED(syscall(SYS_capset, NULL, NULL));
    REFUSED(syscall(SYS_prctl, 0, 0, 0, 0, 0));
    REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
    REFUSED(syscall(SYS_bpf, 0, NULL, 0));
    REFUSED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    REFUSED(syscall(SYS_unshare, 0));
    REFUSED(syscall(SYS_personality, 0xffffffffUL));
    REFUSED(setrlimit(RLIMIT_NOFILE, &more));
}

static void no_privilege_can_be_regained(void **state)
{
    (void)state;
    run_inside(regain_privileges);
}

static void make_memory_executable(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_EXEC, flags, -1, 0) == MAP_FAILED && errno == EPERM);
    WORKS(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    WORKS(page != MAP_FAILED);
    REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    REFUSED(syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1));
    WORKS(mprotect(page, 4096, PROT_READ) == 0);
    WORKS(munmap(page, 4096) == 0);
}

static void no_memory_can_be_made_executable(void **state)
{
    (void)state;
    run_inside(make_memory_executable);
}

static void use_descriptors(void)
{
    char text[16] = {0};
    struct iovec part = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct pollfd polled = {.fd = scene.pair[1], .events = POLLIN};
    struct timespec none = {0};
    WORKS(poll(&polled, 1, 0) == 0);
    WORKS(write(scene.pair[0], "one", 3) == 3);
    WORKS(poll(&polled, 1, -1) == 1);
    WORKS(ppoll(&polled, 1, &none, NULL) == 1);
    WORKS(read(scene.pair[1], text, sizeof(text)) == 3 && memcmp(text, "one", 3) == 0);
    WORKS(send(scene.pair[1], "two", 3, MSG_NOSIGNAL) == 3);
    WORKS(recv(scene.pair[0], text, sizeof(text), 0) == 3 && memcmp(text, "two", 3) == 0);
    part.iov_len = 3;
    WORKS(sendmsg(scene.pair[0], &message, MSG_NOSIGNAL) == 3);
    WORKS(writev(scene.pair[0], &part, 1) == 3);
    part.iov_len = sizeof(text);
    WORKS(recvmsg(scene.pair[1], &message, 0) == 6);
    WORKS(fcntl(scene.pair[0], F_SETFL, O_NONBLOCK) == 0);
    WORKS(fcntl(scene.pair[0], F_GETFL) >= 0 && fcntl(scene.pair[0], F_SETFD, FD_CLOEXEC) == 0);
    WORKS(lseek(scene.file_fd, 0, SEEK_SET) == 0);
    WORKS(shutdown(scene.pair[0], SHUT_WR) == 0);
    WORKS(read(scene.pair[1], text, sizeof(text)) == 0);
    WORKS(close(scene.pair[0]) == 0);
}

static void descriptors_that_were_there_can_be_used(void **state)
{
    (void)state;
    run_inside(use_descriptors);
}

/* Accepts a connection and says hello on it. */
static void serve_one(void)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    struct pollfd polled = {.fd = scene.listener, .events = POLLIN};
    struct epoll_event event;
    int on = 1;
    WORKS(poll(&polled, 1, -1) == 1);
    WORKS(epoll_wait(scene.epoll, &event, 1, -1) == 1);
    int fd = accept4(scene.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    WORKS(fd >= 0);
    WORKS(getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_port != 0);
    WORKS(getsockname(fd, (struct sockaddr *)&peer, &len) == 0);
    WORKS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    len = sizeof(on);
    WORKS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &on, &len) == 0 && on == 0);
    event = (struct epoll_event){.events = EPOLLOUT | EPOLLET};
    WORKS(epoll_ctl(scene.epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    WORKS(epoll_wait(scene.epoll, &event, 1, -1) == 1);
    WORKS(send(fd, "hello", 5, MSG_NOSIGNAL) == 5);
    WORKS(shutdown(fd, SHUT_RDWR) == 0 && close(fd) == 0);
}

static void connections_can_be_accepted_and_served(void **state)
{
    (void)state;
    char text[16] = {0};
    assert_int_equal(
        0, connect(scene.client, (struct sockaddr *)&scene.address, sizeof(scene.address)));
    assert_int_equal(0, run_child(serve_one, geteuid() == 0));
    assert_string_equal("end", reported());
    assert_int_equal(5, recv(scene.client, text, sizeof(text), MSG_WAITALL));
    assert_string_equal("hello", text);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void use_memory_and_time(void)
{
    size_t size = 64UL << 20;
    const struct timespec moment = {.tv_nsec = 1000};
    struct timespec now;
    struct tm broken;
    char *memory = malloc(size);
    WORKS(memory != NULL);
    if (memory == NULL)
        return;
    memset(memory, 1, size);
    char *more = realloc(memory, 2 * size);
    WORKS(more != NULL);
    if (more != NULL) {
        WORKS(more[size - 1] == 1);
        qsort(more, 1 << 16, 16, compare);
        WORKS(getrandom(more, 32, 0) == 32);
    }
    free(more);
    for (int i = 0; i < 1000; i++)
        free(calloc(1, (size_t)i * 1000));
    WORKS(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    WORKS(syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0); /* not the vDSO's */
    time_t seconds = time(NULL);
    WORKS(seconds > 0 && gmtime_r(&seconds, &broken) != NULL);
    WORKS(localtime_r(&seconds, &broken) != NULL);
    WORKS(nanosleep(&moment, NULL) == 0);
    WORKS(getpid() != scene.parent && getppid() == scene.parent);
    FILE *stream = fdopen(scene.pair[0], "w");
    WORKS(stream != NULL && fprintf(stream, "%d\n", 42) == 3 && fflush(stream) == 0);
}

static void memory_time_random_numbers_and_streams_work(void **state)
{
    (void)state;
    run_inside(use_memory_and_time);
}

static volatile sig_atomic_t caught;

static void catch_signal(int signo)
{
    caught = signo;
}

static void handle_signals(void)
{
    const struct sigaction action = {.sa_handler = catch_signal};
    WORKS(sigaction(SIGTERM, &action, NULL) == 0);
    WORKS(raise(SIGTERM) == 0 && caught == SIGTERM);
}

static void signals_can_be_handled(void **state)
{
    (void)state;
    run_inside(handle_signals);
}

static void running_out_of_luck_can_still_abort(void **state)
{
    (void)state;
    int status = run_child(abort, geteuid() == 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(SIGABRT, WTERMSIG(status));
}

static void write_to_file(void)
{
    WORKS(write(scene.file_fd, "x", 1) == -1 && errno == EFBIG);
}

static void a_regular_file_does_not_grow_and_nobody_dies_of_it(void **state)
{
    (void)state;
    struct stat st;
    run_inside(write_to_file);
    assert_int_equal(0, fstat(scene.file_fd, &st));
    assert_int_equal(0, st.st_size);
}

/* More connections than there may be descriptors are waiting. */
static void accept_until_full(void)
{
    int last = -1;
    int count = 0;
    for (int fd; (fd = accept(scene.listener, NULL, NULL)) >= 0; count++)
        last = fd;
    expect(errno == EMFILE, "accept until EMFILE");
    WORKS(last == DESCRIPTORS - 1 && count > 10 && count < DESCRIPTORS);
}

static void the_limit_of_descriptors_holds(void **state)
{
    (void)state;
    int clients[DESCRIPTORS + 1];
    for (int i = 0; i <= DESCRIPTORS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(
            0, connect(clients[i], (struct sockaddr *)&scene.address, sizeof(scene.address)));
        /* Out of the way of the descriptors that the child accepts. */
        int high = fcntl(clients[i], F_DUPFD, 2 * DESCRIPTORS);
        close(clients[i]);
        clients[i] = high;
    }
    int status = run_child(accept_until_full, geteuid() == 0);
    for (int i = 0; i <= DESCRIPTORS; i++)
        close(clients[i]);
    assert_string_equal("end", reported());
    assert_int_equal(0, status);
}

static void the_limit_of_memory_holds(void **state)
{
    (void)state;
    const struct sandbox_limits limits = {.memory = UINT64_C(256) << 20};
    int status = 0;
    if (HAS_ASAN)
        skip();
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = ERR_INIT;
        if (sandbox_enter(&limits, &e) != 0)
            _exit(1);
        void *volatile much = malloc((size_t)512 << 20);
        void *volatile little = malloc((size_t)16 << 20);
        _exit(much == NULL && little != NULL ? 0 : 2);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
}

/* The line of /proc/PID/`name` that begins with `key`, from behind it and without spaces. */
static const char *proc_line(pid_t pid, const char *name, const char *key)
{
    static char line[256];
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    FILE *file = fopen(path, "r");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = strncmp(line, key, strlen(key)) == 0;
    if (file != NULL)
        fclose(file);
    if (!found)
        return "missing";
    line[strcspn(line, "\n")] = '\0';
    return line + strlen(key) + strspn(line + strlen(key), " \t");
}

static bool is_zero_limit(pid_t pid, const char *key)
{
    return strncmp(proc_line(pid, "limits", key), "0 ", 2) == 0;
}

static void the_kernel_says_the_same_of_it(void **state)
{
    (void)state;
    char byte;
    pid_t pid = fork();
    if (pid == 0) {
        enter(false);
        (void)!write(scene.pair[0], "x", 1);
        (void)!read(scene.pair[0], &byte, 1); /* until it is killed */
        _exit(0);
    }
    bool ready = read(scene.pair[1], &byte, 1) == 1;
    bool filtered = strcmp(proc_line(pid, "status", "Seccomp:"), "2") == 0;
    bool no_new = strcmp(proc_line(pid, "status", "NoNewPrivs:"), "1") == 0;
    bool powerless = true;
    const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        /* Who is not root may not touch the bounding set. */
        if (geteuid() == 0 || strcmp(sets[i], "CapBnd:") != 0)
            powerless &= strcmp(proc_line(pid, "status", sets[i]), "0000000000000000") == 0;
    }
    bool limited = is_zero_limit(pid, "Max processes") && is_zero_limit(pid, "Max file size") &&
                   is_zero_limit(pid, "Max core file size");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(ready);
    assert_true(filtered);
    assert_true(no_new);
    assert_true(powerless);
    assert_true(limited);
}

#ifdef __x86_64__
static void call_by_x32_number(void)
{
    syscall(0x40000000L | SYS_getpid);
}
#endif

static void calls_by_another_architectures_numbers_are_deadly(void **state)
{
    (void)state;
#ifdef __x86_64__
    int status = run_child(call_by_x32_number, geteuid() == 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(SIGSYS, WTERMSIG(status));
#else
    skip();
#endif
}

static void lower_limits_stay_as_they_are(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        const struct sandbox_limits limits = {.descriptors = 1000000000};
        const struct rlimit low = {100, 100};
        struct err e = ERR_INIT;
        if (setrlimit(RLIMIT_NOFILE, &low) != 0 || sandbox_enter(&limits, &e) != 0)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_file_can_be_opened_or_looked_at),
        TEST(no_file_can_be_created_changed_or_removed),
        TEST(no_process_thread_or_program_can_be_started),
        TEST(no_socket_can_be_made_and_none_connected),
        TEST(no_other_process_can_be_signalled_or_traced),
        TEST(no_privilege_can_be_regained),
        TEST(no_memory_can_be_made_executable),
        TEST(descriptors_that_were_there_can_be_used),
        TEST(connections_can_be_accepted_and_served),
        TEST(memory_time_random_numbers_and_streams_work),
        TEST(signals_can_be_handled),
        TEST(running_out_of_luck_can_still_abort),
        TEST(a_regular_file_does_not_grow_and_nobody_dies_of_it),
        TEST(the_limit_of_descriptors_holds),
        TEST(the_limit_of_memory_holds),
        TEST(the_kernel_says_the_same_of_it),
        TEST(calls_by_another_architectures_numbers_are_deadly),
        TEST(lower_limits_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
