#include "notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "libcurl.h"
#include "mem.h"
#include "proc.h"
#include "str.h"

struct request {
    notifier_done_fn *fn;
    void *arg;
};

static void handle_exit(void *arg, const struct proc_result *result)
{
    struct request *request = arg;
    struct err e = ERR_INIT;
    if (result->late)
        err_set(&e, ERR_STALLED, "no answer in %d s", NOTIFIER_TIMEOUT);
    else if (result->signo != 0)
        err_set(&e, ERR_DIED, "the notifier was ended by signal %d", result->signo);
    else if (result->status != 0)
        err_set(&e, ERR_DIED, "%.*s", (int)strcspn(result->err_tail, "\n"), result->err_tail);
    request->fn(request->arg, e.code == ERR_NONE ? NULL : &e);
    free(request);
}

struct proc *notifier_start(struct loop *loop, const char *snitch_id, const char *user,
                            notifier_done_fn *fn, void *arg, struct err *e)
{
    char self[HOST_PATH_MAX];
    if (host_self_path(self, e) != 0)
        return NULL;
    const char *base = getenv(NOTIFIER_SNITCH_ENV);
    struct str url;
    str_init(&url);
    str_add_format(&url, "%s%s", base == NULL ? NOTIFIER_SNITCH_URL : base, snitch_id);
    struct request *request = mem_zalloc(1, sizeof(*request));
    request->fn = fn;
    request->arg = arg;
    const char *const argv[] = {self, NOTIFIER_ROLE, url.s, user, NULL};
    struct proc_spec spec = {.argv = argv,
                             .in_fd = PROC_FD_NULL,
                             .out_fd = PROC_FD_NULL,
                             .on_exit = handle_exit,
                             .arg = request,
                             .deadline_ms = (NOTIFIER_TIMEOUT + 5) * 1000};
    struct proc *proc = proc_start(loop, &spec, e);
    if (proc == NULL)
        free(request);
    str_fini(&url);
    return proc;
}

/* The answer's body is of no interest. */
static size_t drop_body(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static int make_request(const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    CURL *curl = libcurl.easy_init();
    if (curl == NULL) {
        fputs("cannot start libcurl\n", stderr);
        return 1;
    }
    libcurl.easy_setopt(curl, CURLOPT_URL, url);
    libcurl.easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    libcurl.easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    libcurl.easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    libcurl.easy_setopt(curl, CURLOPT_TIMEOUT, (long)NOTIFIER_TIMEOUT);
    libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    libcurl.easy_setopt(curl, CURLOPT_USERAGENT, "backupd");
    libcurl.easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_body);
    CURLcode rc = libcurl.easy_perform(curl);
    if (rc != CURLE_OK)
        fprintf(stderr, "%s\n", words[0] != '\0' ? words : libcurl.easy_strerror(rc));
    libcurl.easy_cleanup(curl);
    return rc == CURLE_OK ? 0 : 1;
}

int notifier_main(const char *url, const char *user)
{
    struct err e = ERR_INIT;
    /* Not before: nothing of theirs runs as root. */
    if (host_drop_to_user(user, &e) != 0 || libcurl_load(&e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    if (libcurl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("cannot start libcurl\n", stderr);
        return 1;
    }
    int rc = make_request(url);
    libcurl.global_cleanup();
    return rc;
}
