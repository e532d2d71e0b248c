/* terminal.c: what depends on a terminal: colour, ^C, the progress bar.
 *
 * The only state of the program that a signal handler touches is here. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_colour;
static atomic_int has_broken_pipe;
static bool is_quiet_terminal;
static atomic_int n_interrupts;
static _Atomic(moe_context *) interrupted_context;
static _Atomic(moe_chat *) interrupted_chat;

bool is_terminal(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

void terminal_start(const struct options *options)
{
    const char *when = options->colour ? options->colour : "auto";
    const char *no_colour = getenv("NO_COLOR");
    has_colour = strcmp(when, "always") == 0 ||
                 (strcmp(when, "auto") == 0 && is_terminal(stderr) &&
                  (no_colour == NULL || *no_colour == 0));
    is_quiet_terminal = options->is_quiet;
}

const char *style_dim(void)
{
    return has_colour ? "\033[2m" : "";
}

const char *style_bold(void)
{
    return has_colour ? "\033[1m" : "";
}

const char *style_error(void)
{
    return has_colour ? "\033[1;31m" : "";
}

const char *style_end(void)
{
    return has_colour ? "\033[0m" : "";
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (atomic_fetch_add(&n_interrupts, 1) > 0)
        _exit(CODE_INTERRUPTED);
    moe_context_cancel(atomic_load(&interrupted_context));
    moe_chat_cancel(atomic_load(&interrupted_chat));
}

static void on_broken_pipe(int signal_number)
{
    (void)signal_number;
    atomic_store(&has_broken_pipe, 1);
}

bool pipe_is_broken(void)
{
    return atomic_load(&has_broken_pipe) != 0;
}

/* No SA_RESTART: ^C also ends a read from the terminal. */
void interrupt_start(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_broken_pipe;
    sigaction(SIGPIPE, &action, NULL);
}

void interrupt_target(moe_context *ctx)
{
    atomic_store(&interrupted_context, ctx);
}

void interrupt_chat(moe_chat *chat)
{
    atomic_store(&interrupted_chat, chat);
}

bool interrupt_seen(void)
{
    return atomic_load(&n_interrupts) > 0;
}

void interrupt_forget(void)
{
    atomic_store(&n_interrupts, 0);
}

struct progress progress_start(const char *label)
{
    return (struct progress){label, seconds_now(), false};
}

int32_t progress_step(void *user, float fraction)
{
    struct progress *progress = user;
    double seconds = seconds_now() - progress->start;
    if (interrupt_seen())
        return 1;
    if (seconds < 1 || is_quiet_terminal || !is_terminal(stderr))
        return 0;
    char bar[31];
    double share = (double)fraction;
    for (int i = 0; i < 30; i++)
        bar[i] = (double)i < share * 30 ? '=' : ' ';
    bar[30] = 0;
    fprintf(stderr, "\r%s%s [%s] %3.0f %%, %.0f s left \033[K%s", style_dim(),
            progress->label, bar, share * 100,
            share > 0 ? seconds / share * (1 - share) : 0, style_end());
    progress->is_shown = true;
    return 0;
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown)
        fputs("\r\033[K", stderr);
    progress->is_shown = false;
}
