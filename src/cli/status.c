#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "daemon_client.h"
#include "host.h"
#include "status_view.h"
#include "text.h"

/* How often the live view asks. */
#define PERIOD_MS 1000

/* Another screen of the terminal without its cursor, and back. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"

/* To the top left; what is right of a line; what is below the last. */
#define SCREEN_HOME       "\033[H"
#define SCREEN_CLEAR_LINE "\033[K"
#define SCREEN_CLEAR_REST "\033[J"

static volatile sig_atomic_t stop_asked;

static void handle_signal(int signo)
{
    (void)signo;
    stop_asked = 1;
}

/* ---- asking ---- */

/* Gets the state as JSON. Returns 0, or -1 where there is none, with the daemon's words if any. */
static int get_state(const struct daemon *daemon, struct daemon_answer *ret, struct err *e)
{
    struct daemon_answer answer;
    if (daemon_ask(daemon, false, DAEMON_STATE, &answer, e) != 0)
        return -1;
    if (answer.status != 200) {
        struct str words;
        str_init(&words);
        daemon_answer_words(&answer, &words);
        err_set(e, ERR_SYSTEM, "the daemon does not tell its state: %s", words.s);
        str_fini(&words);
        daemon_answer_fini(&answer);
        return -1;
    }
    *ret = answer;
    return 0;
}

static int get_view(const struct daemon *daemon, struct status_view *ret, struct err *e)
{
    struct daemon_answer answer;
    if (get_state(daemon, &answer, e) != 0)
        return -1;
    int rc = status_view_parse(answer.body.s, answer.body.len, ret, e);
    daemon_answer_fini(&answer);
    return rc;
}

/* ---- once ---- */

static int print_json(const struct daemon *daemon, struct err *e)
{
    struct daemon_answer answer;
    struct status_view view;
    if (get_state(daemon, &answer, e) != 0)
        return cli_exit_status(e->code);
    int status = EXIT_FAILED;
    /* What makes no sense is not handed on. */
    if (status_view_parse(answer.body.s, answer.body.len, &view, e) == 0) {
        fwrite(answer.body.s, 1, answer.body.len, stdout);
        if (answer.body.s[answer.body.len - 1] != '\n')
            putchar('\n');
        status = status_view_exit(&view);
        status_view_fini(&view);
    }
    daemon_answer_fini(&answer);
    return status;
}

static void print_view(const struct status_view *view, const struct status_look *look)
{
    struct str page;
    str_init(&page);
    status_view_render(view, look, &page);
    fputs(page.s, stdout);
    str_fini(&page);
}

static int print_once(const struct daemon *daemon, struct err *e)
{
    struct status_view view;
    struct status_look look = {.width = 0};
    if (get_view(daemon, &view, e) != 0)
        return cli_exit_status(e->code);
    int status = status_view_exit(&view);
    print_view(&view, &look);
    status_view_fini(&view);
    return status;
}

/* ---- the live view ---- */

struct live {
    const struct daemon *daemon;
    struct status_view view;
    struct err e; /* of the newest question; then the view is an older one */
    int status;   /* what the command would exit with */
    bool keyboard;
    struct termios before; /* of the keyboard */
};

/* Signals end the view at the next turn; a keystroke is there at once and is not shown. */
static void enter_screen(struct live *live)
{
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = handle_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++)
        sigaction(SIGNALS[i], &action, NULL);
    live->keyboard = tcgetattr(STDIN_FILENO, &live->before) == 0;
    if (live->keyboard) {
        struct termios raw = live->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = (cc_t)fpathconf(STDIN_FILENO, _PC_VDISABLE);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs(SCREEN_ENTER, stdout);
}

static void leave_screen(const struct live *live)
{
    fputs(SCREEN_LEAVE, stdout);
    fflush(stdout);
    if (live->keyboard)
        tcsetattr(STDIN_FILENO, TCSANOW, &live->before);
}

static struct status_look look_now(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return (struct status_look){.width = host_terminal_width(STDOUT_FILENO),
                                .height = host_terminal_height(STDOUT_FILENO),
                                .colour = no_colour == NULL || no_colour[0] == '\0'};
}

/* Adds the error as one line of the screen. */
static void add_error(const struct err *e, const struct status_look *look, struct str *out)
{
    struct str line;
    str_init(&line);
    str_add(&line, "no news: ");
    str_add_escaped(&line, e->msg);
    str_add_bytes(out, line.s, text_fit(line.s, look->width - 1));
    str_add(out, "\n\n");
    str_fini(&line);
}

static void draw(const struct live *live)
{
    struct str page;
    struct status_look look = look_now();
    str_init(&page);
    /* The cursor stands below the last line. */
    if (look.height > 1)
        look.height--;
    if (live->e.code != ERR_NONE) {
        add_error(&live->e, &look, &page);
        look.height = look.height > 3 ? look.height - 2 : 1;
    }
    status_view_render(&live->view, &look, &page);
    fputs(SCREEN_HOME, stdout);
    for (const char *at = page.s; *at != '\0'; at++) {
        if (*at == '\n')
            fputs(SCREEN_CLEAR_LINE, stdout);
        putchar(*at);
    }
    fputs(SCREEN_CLEAR_REST, stdout);
    fflush(stdout);
    str_fini(&page);
}

/* Waits for the next turn. Returns false where the view is to end. */
static bool wait_turn(const struct live *live, int64_t until_ms)
{
    struct pollfd keyboard = {.fd = live->keyboard ? STDIN_FILENO : -1, .events = POLLIN};
    int64_t left;
    while (!stop_asked && (left = until_ms - clock_monotonic_ms()) > 0) {
        char key;
        if (poll(&keyboard, 1, (int)left) <= 0)
            continue;
        ssize_t got = read(STDIN_FILENO, &key, 1);
        if (got == 1 ? key == 'q' || key == 'Q' : got == 0 || errno != EINTR)
            return false;
    }
    return !stop_asked && !ferror(stdout);
}

static void refresh(struct live *live)
{
    struct status_view view;
    struct err e = ERR_INIT;
    if (get_view(live->daemon, &view, &e) == 0) {
        status_view_fini(&live->view);
        live->view = view;
        live->status = status_view_exit(&view);
        err_clear(&live->e);
    } else if (e.code != ERR_INTERRUPTED) {
        live->e = e;
        live->status = cli_exit_status(e.code);
    }
}

static int watch(const struct daemon *daemon, struct err *e)
{
    struct live live = {.daemon = daemon, .e = ERR_INIT};
    if (get_view(daemon, &live.view, e) != 0)
        return cli_exit_status(e->code);
    live.status = status_view_exit(&live.view);
    enter_screen(&live);
    int64_t turn = clock_monotonic_ms();
    do {
        draw(&live);
        turn += PERIOD_MS;
        if (!wait_turn(&live, turn))
            break;
        refresh(&live);
        if (turn < clock_monotonic_ms() - PERIOD_MS)
            turn = clock_monotonic_ms();
    } while (!stop_asked);
    leave_screen(&live);
    /* The last picture stays, with the shell's next line below it. */
    struct status_look look = look_now();
    look.height = look.height > 1 ? look.height - 1 : 1;
    print_view(&live.view, &look);
    *e = live.e;
    status_view_fini(&live.view);
    return live.status;
}

int cli_status(const struct options *options)
{
    struct err e = ERR_INIT;
    const char *term = getenv("TERM");
    bool live = host_terminal_width(STDOUT_FILENO) > 0 && term != NULL && strcmp(term, "dumb") != 0;
    struct daemon daemon = {
        .config_path = cli_config_path(options), .addr = options->addr, .stop = &stop_asked};
    if (daemon.config_path == NULL)
        return EXIT_USAGE;
    int status;
    if (options->json)
        status = print_json(&daemon, &e);
    else
        status = live ? watch(&daemon, &e) : print_once(&daemon, &e);
    if (e.code != ERR_NONE)
        cli_complain(&e);
    return status;
}
