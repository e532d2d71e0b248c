/* chat.c: `moe chat`: questions and answers, as moe_chat_* has them. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct talk {
    struct options *options;
    struct session session;
    moe_chat *chat;
    struct buffer text;  /* of the answer */
    struct buffer calls; /* of it, as JSON */
    const char *finish_reason;
    bool is_reasoning;    /* it is being shown */
    bool waits;           /* for results of calls */
    int32_t n_written;    /* tokens of the last answer */
    size_t n_read, n_all; /* tokens of all prompts and answers */
    double start, prompt_seconds, first_seconds, seconds;
    double read_seconds, all_seconds;
};

/* ----------------------------------------------------------------- events */

static bool is_silent(const struct talk *talk)
{
    return talk->options->is_json || talk->options->is_jsonl;
}

static void show_event(const char *name, const char *key, const char *text,
                       size_t n)
{
    printf("{\"event\": \"%s\", \"%s\": ", name, key);
    json_text(stdout, text, n);
    fputs("}\n", stdout);
}

static void show_prompt(struct talk *talk, const moe_event *event)
{
    if (talk->options->is_jsonl)
        printf("{\"event\": \"prompt\", \"done\": %d, \"total\": %d, "
               "\"reused\": %d}\n",
               event->n_done, event->n_total, event->n_reused);
}

static void show_text(struct talk *talk, const moe_event *event)
{
    buffer_put(&talk->text, event->text, event->text_bytes);
    if (talk->options->is_jsonl)
        show_event("text", "text", event->text, event->text_bytes);
    else if (!is_silent(talk))
        fwrite(event->text, 1, event->text_bytes, stdout);
}

/* For who watches: no part of the answer. */
static void show_reasoning(struct talk *talk, const moe_event *event)
{
    if (talk->options->is_jsonl) {
        show_event("reasoning", "text", event->text, event->text_bytes);
    } else if (is_terminal(stderr) && !talk->options->is_quiet) {
        fputs(style_dim(), stderr);
        fwrite(event->text, 1, event->text_bytes, stderr);
        fputs(style_end(), stderr);
        talk->is_reasoning = true;
    }
}

/* {"name", "id", "arguments"} as text in `calls`. */
static void keep_call(struct talk *talk, const moe_event *event)
{
    char head[256]; /* names and ids have no quotes, and up to 64 bytes */
    const int n = snprintf(head, sizeof head,
                           "%s{\"name\": \"%.80s\", \"id\": \"%.80s\", "
                           "\"arguments\": ",
                           talk->calls.n > 0 ? ", " : "", event->call_name,
                           event->call_id);
    buffer_put(&talk->calls, head, (size_t)n);
    buffer_put(&talk->calls, event->text, event->text_bytes);
    buffer_put(&talk->calls, "}", 1);
}

static void show_call(struct talk *talk, const moe_event *event)
{
    const bool is_jsonl = talk->options->is_jsonl;
    if (event->kind == MOE_EVENT_CALL_END)
        keep_call(talk, event);
    if (is_jsonl && event->kind == MOE_EVENT_CALL)
        show_event("call", "name", event->call_name, strlen(event->call_name));
    else if (is_jsonl && event->kind == MOE_EVENT_ARGUMENTS)
        show_event("arguments", "text", event->text, event->text_bytes);
    else if (is_jsonl && event->kind == MOE_EVENT_CALL_END)
        printf("{\"event\": \"call_end\", \"index\": %d, \"name\": \"%s\", "
               "\"id\": \"%s\", \"arguments\": %s}\n",
               event->call_index, event->call_name, event->call_id,
               event->text);
    else if (!is_silent(talk) && event->kind == MOE_EVENT_CALL)
        printf("%s%s(", talk->text.n > 0 ? "\n" : "", event->call_name);
    else if (!is_silent(talk) && event->kind == MOE_EVENT_ARGUMENTS)
        fwrite(event->text, 1, event->text_bytes, stdout);
    else if (!is_silent(talk))
        fputs(")\n", stdout);
}

static void show_malformed(struct talk *talk, const moe_event *event)
{
    if (talk->options->is_jsonl)
        show_event("malformed", "text", event->text, event->text_bytes);
    else
        show_text(talk, event);
}

static void show(struct talk *talk, const moe_event *event)
{
    if (talk->is_reasoning && event->kind != MOE_EVENT_REASONING) {
        putc('\n', stderr);
        talk->is_reasoning = false;
    }
    switch (event->kind) {
    case MOE_EVENT_PROMPT:
        show_prompt(talk, event);
        break;
    case MOE_EVENT_TEXT:
        show_text(talk, event);
        break;
    case MOE_EVENT_REASONING:
        show_reasoning(talk, event);
        break;
    case MOE_EVENT_MALFORMED:
        show_malformed(talk, event);
        break;
    case MOE_EVENT_DONE:
        break;
    default:
        show_call(talk, event);
    }
    output_flush();
}

/* ----------------------------------------------------------------- answer */

static void show_ids(const struct talk *talk, size_t n_prompt)
{
    size_t n = 0;
    moe_chat_tokens(talk->chat, NULL, 0, &n);
    moe_token *ids = must_alloc(n + 1, sizeof *ids);
    if (moe_chat_tokens(talk->chat, ids, n, &n) != MOE_OK || n < n_prompt)
        n = n_prompt = 0;
    fputs(", \"ids\": ", stdout);
    json_ids(stdout, ids + n_prompt, n - n_prompt);
    fputs(", \"prompt_ids\": ", stdout);
    json_ids(stdout, ids, n_prompt);
    free(ids);
}

static struct timings talk_timings(const struct talk *talk,
                                   const moe_event *event)
{
    return (struct timings){
        .n_prompt = (size_t)(event->n_total - event->n_reused),
        .n_tokens = (size_t)event->n_answer,
        .prompt_seconds = talk->prompt_seconds,
        .first_token_seconds = talk->first_seconds,
        .seconds = talk->seconds,
    };
}

static void show_answer(struct talk *talk, const moe_event *event)
{
    const struct timings timings = talk_timings(talk, event);
    if (!is_silent(talk)) {
        if (talk->text.n > 0)
            putchar('\n');
        return;
    }
    fputs(talk->options->is_jsonl ? "{\"event\": \"done\", " : "{", stdout);
    fputs("\"text\": ", stdout);
    json_text(stdout, talk->text.data, talk->text.n);
    if (talk->calls.n > 0)
        printf(", \"calls\": [%s]", talk->calls.data);
    show_ids(talk, (size_t)event->n_total);
    printf(", \"finish_reason\": \"%s\", \"seed\": %llu, \"timings\": ",
           talk->finish_reason,
           (unsigned long long)talk->options->sampler.seed);
    timings_json(&timings, &talk->session);
    fputs("}\n", stdout);
}

/* What a failure of the chat means for who called. */
static int talk_fail(const struct talk *talk, moe_status status)
{
    const char *why = moe_chat_error(talk->chat);
    return status == MOE_ERR_ARGUMENT || status == MOE_ERR_STATE ||
                   status == MOE_ERR_UNSUPPORTED
               ? fail(CODE_TEMPLATE, "%s", why)
               : fail_status(status, why);
}

static int talk_end(struct talk *talk, const moe_event *event)
{
    static const char *const reasons[] = {[MOE_DONE_STOP] = "stop",
                                          [MOE_DONE_LENGTH] = "length",
                                          [MOE_DONE_CANCELLED] = "interrupted",
                                          [MOE_DONE_CALLS] = "calls"};
    const int32_t limit = talk->options->n_predict;
    talk->seconds = seconds_now() - talk->start - talk->prompt_seconds;
    const struct timings timings = talk_timings(talk, event);
    talk->finish_reason = reasons[event->reason];
    talk->waits = event->reason == MOE_DONE_CALLS;
    talk->n_read += timings.n_prompt;
    talk->n_all += timings.n_tokens;
    talk->read_seconds += talk->prompt_seconds;
    talk->all_seconds += talk->seconds;
    show_answer(talk, event);
    output_flush();
    if (talk->options->is_verbose)
        timings_line(&timings);
    if (event->reason == MOE_DONE_CANCELLED)
        return CODE_INTERRUPTED;
    if (event->reason != MOE_DONE_LENGTH || event->n_answer == limit)
        return CODE_DONE;
    if (limit >= 0)
        return fail(CODE_CONTEXT_FULL,
                    "the context was full after %d of %d tokens (-c N sets "
                    "more)",
                    event->n_answer, limit);
    if (!talk->options->is_quiet)
        fprintf(stderr, "%s(the context is full, -c N sets more)%s\n",
                style_dim(), style_end());
    return CODE_DONE;
}

static int talk_answer(struct talk *talk)
{
    moe_event event = {.struct_size = sizeof event};
    struct progress progress = progress_start("reading");
    moe_status status = MOE_OK;
    talk->text.n = talk->calls.n = 0;
    buffer_put(&talk->text, "", 0);
    talk->start = progress.start;
    talk->prompt_seconds = talk->first_seconds = 0;
    while (status == MOE_OK && event.kind != MOE_EVENT_DONE) {
        status = moe_chat_next(talk->chat, &event);
        if (status != MOE_OK)
            break;
        if (event.kind == MOE_EVENT_PROMPT) {
            talk->prompt_seconds = seconds_now() - talk->start;
            progress_step(&progress,
                          (float)event.n_done / (float)event.n_total);
        } else {
            progress_end(&progress);
        }
        if (event.kind != MOE_EVENT_PROMPT && talk->first_seconds == 0)
            talk->first_seconds = seconds_now() - talk->start;
        show(talk, &event);
        if (output_is_broken())
            return CODE_FAILED;
    }
    progress_end(&progress);
    return status == MOE_OK ? talk_end(talk, &event) : talk_fail(talk, status);
}

static int talk_ask(struct talk *talk, const char *question)
{
    const moe_status status =
        talk->waits ? moe_chat_result(talk->chat, NULL, question, -1)
                    : moe_chat_say(talk->chat, MOE_ROLE_USER, question, -1);
    return status == MOE_OK ? CODE_DONE : talk_fail(talk, status);
}

/* ----------------------------------------------------------------- history */

static int32_t count_messages(const struct talk *talk)
{
    moe_chat_info info = {.struct_size = sizeof info};
    moe_chat_describe(talk->chat, &info);
    return info.n_messages;
}

/* The message of the last question, -1 if there is none; and their number. */
static int32_t last_question(const struct talk *talk, int32_t *n)
{
    moe_message message = {.struct_size = sizeof message};
    int32_t last = -1;
    *n = 0;
    for (int32_t i = 0; moe_chat_message(talk->chat, i, &message) == MOE_OK;
         i++)
        if (message.role == MOE_ROLE_USER) {
            last = i;
            ++*n;
        }
    return last;
}

/* Calls of the last answer whose results are not there yet. */
static int32_t count_waiting(const struct talk *talk)
{
    moe_message message = {.struct_size = sizeof message};
    int32_t n_results = 0;
    for (int32_t i = count_messages(talk); i-- > 0; n_results++) {
        moe_chat_message(talk->chat, i, &message);
        if (message.role != MOE_ROLE_TOOL)
            return message.n_calls - n_results;
    }
    return 0;
}

static int talk_load(struct talk *talk, const char *path)
{
    struct buffer file = {0};
    if (!buffer_load(&file, path)) {
        buffer_free(&file);
        return fail(CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    const moe_status status =
        moe_chat_load(talk->chat, file.data, (int64_t)file.n);
    buffer_free(&file);
    return status == MOE_OK
               ? CODE_DONE
               : fail(CODE_FAILED, "%s: %s", path, moe_chat_error(talk->chat));
}

static void talk_json(const struct talk *talk, struct buffer *out)
{
    size_t n = 0;
    moe_chat_save(talk->chat, NULL, 0, &n);
    char *json = must_alloc(n + 1, 1);
    if (moe_chat_save(talk->chat, json, n, &n) == MOE_OK)
        buffer_put(out, json, n);
    free(json);
}

static int talk_save(const struct talk *talk, const char *path)
{
    struct buffer json = {0};
    talk_json(talk, &json);
    FILE *to = fopen(path, "wb");
    bool is_whole = to != NULL && fwrite(json.data, 1, json.n, to) == json.n;
    if (to != NULL)
        is_whole = fclose(to) == 0 && is_whole;
    buffer_free(&json);
    return is_whole ? CODE_DONE
                    : fail(CODE_FAILED, "%s: %s", path, strerror(errno));
}

/* ---------------------------------------------------------------- commands */

static void say_dim(const char *text)
{
    fprintf(stderr, "%s%s%s\n", style_dim(), text, style_end());
}

static void command_help(struct talk *talk, const char *argument);

/* What --system said stays. */
static void command_reset(struct talk *talk, const char *argument)
{
    moe_message first = {.struct_size = sizeof first};
    (void)argument;
    const bool has_system = moe_chat_message(talk->chat, 0, &first) == MOE_OK &&
                            first.role == MOE_ROLE_SYSTEM;
    moe_chat_rewind(talk->chat, has_system);
    moe_sampler_reset(moe_chat_sampler(talk->chat));
    talk->waits = false;
    say_dim("a new conversation");
}

static void command_undo(struct talk *talk, const char *argument)
{
    int32_t n;
    const int32_t last = last_question(talk, &n);
    (void)argument;
    if (last >= 0)
        moe_chat_rewind(talk->chat, last);
    talk->waits = false;
    fprintf(stderr, "%s%d questions remain%s\n", style_dim(), n - (last >= 0),
            style_end());
}

static void command_system(struct talk *talk, const char *argument)
{
    moe_chat_rewind(talk->chat, 0);
    talk->waits = false;
    if (*argument == 0 ||
        moe_chat_say(talk->chat, MOE_ROLE_SYSTEM, argument, -1) == MOE_OK)
        say_dim("a new conversation");
    else
        talk_fail(talk, MOE_ERR_ARGUMENT);
}

static void command_save(struct talk *talk, const char *argument)
{
    if (*argument == 0)
        say_dim("/save FILE");
    else if (talk_save(talk, argument) == CODE_DONE)
        say_dim("saved");
}

/* If it cannot be read, all is as it was. */
static void command_load(struct talk *talk, const char *argument)
{
    struct buffer before = {0};
    if (*argument == 0) {
        say_dim("/load FILE");
        return;
    }
    talk_json(talk, &before);
    moe_chat_rewind(talk->chat, 0);
    if (talk_load(talk, argument) != CODE_DONE)
        moe_chat_load(talk->chat, before.data, (int64_t)before.n);
    else
        talk->waits = false;
    buffer_free(&before);
    fprintf(stderr, "%s%d messages%s\n", style_dim(), count_messages(talk),
            style_end());
}

static void command_stats(struct talk *talk, const char *argument)
{
    moe_chat_info info = {.struct_size = sizeof info};
    int32_t n;
    (void)argument;
    moe_chat_describe(talk->chat, &info);
    last_question(talk, &n);
    fprintf(stderr,
            "%s%s, form %s (%s)\n"
            "context  %d of %d positions, %d questions, %d messages\n"
            "read     %zu tokens, %.1f/s\n"
            "written  %zu tokens, %.1f/s\n"
            "seed     %llu%s\n",
            style_dim(), talk->session.info.name, info.format, info.reason,
            info.n_used, info.n_ctx, n, info.n_messages, talk->n_read,
            rate_of(talk->n_read, talk->read_seconds), talk->n_all,
            rate_of(talk->n_all, talk->all_seconds),
            (unsigned long long)talk->options->sampler.seed, style_end());
    if (info.n_marks > 0)
        fprintf(stderr, "%smarks    %d of the form in what was said%s\n",
                style_dim(), info.n_marks, style_end());
}

static const struct talk_command {
    const char *name;
    const char *help;
    void (*run)(struct talk *talk, const char *argument);
} talk_commands[] = {
    {"/help", "this list", command_help},
    {"/reset", "forget the conversation", command_reset},
    {"/undo", "forget the last question and its answer", command_undo},
    {"/save", "FILE  write the conversation as JSON", command_save},
    {"/load", "FILE  go on with a conversation from JSON", command_load},
    {"/stats", "tokens, speed, room in the context", command_stats},
    {"/system", "TEXT  start again, telling the model TEXT first",
     command_system},
};

static void command_help(struct talk *talk, const char *argument)
{
    (void)talk;
    (void)argument;
    for (size_t i = 0; i < COUNT_OF(talk_commands); i++)
        fprintf(stderr, "  %-8s %s\n", talk_commands[i].name,
                talk_commands[i].help);
    fputs("  ^C stops an answer, ^D or a second ^C leaves\n", stderr);
}

static void talk_command(struct talk *talk, char *line)
{
    const char *names[COUNT_OF(talk_commands)];
    size_t n = strcspn(line, " ");
    char *argument = line + n + strspn(line + n, " ");
    line[n] = 0;
    for (size_t i = 0; i < COUNT_OF(talk_commands); i++) {
        names[i] = talk_commands[i].name;
        if (strcmp(names[i], line) == 0) {
            talk_commands[i].run(talk, argument);
            return;
        }
    }
    const char *near = nearest_word(line, names, COUNT_OF(names));
    fprintf(stderr, "there is no %s%s%s%s (/help lists what there is)\n", line,
            near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ------------------------------------------------------------ conversation */

/* A line without its end; false at the end of stdin. */
static bool talk_line(const struct talk *talk, char **line, size_t *cap,
                      bool is_prompted)
{
    while (true) {
        if (is_prompted)
            fprintf(stderr, "%s%s> %s", style_bold(),
                    talk->waits ? "result" : "", style_end());
        errno = 0;
        ssize_t n = getline(line, cap, stdin);
        if (n >= 0) {
            (*line)[strcspn(*line, "\r\n")] = 0;
            return true;
        }
        if (errno != EINTR || !is_prompted)
            return false;
        clearerr(stdin);
        fputs("\n(^C again or ^D leaves)\n", stderr);
    }
}

/* A question, or the result of a call: the model goes on when it has all. */
static int talk_take(struct talk *talk, char *line)
{
    if (line[0] == '/' && !talk->waits) {
        talk_command(talk, line);
        return CODE_DONE;
    }
    if (line[0] == 0 && !talk->waits)
        return CODE_DONE;
    const int code = talk_ask(talk, line);
    if (code != CODE_DONE || (talk->waits && count_waiting(talk) > 0))
        return code;
    return talk_answer(talk);
}

static int talk_converse(struct talk *talk)
{
    char *line = NULL;
    size_t cap = 0;
    bool is_prompted = is_terminal(stdin);
    int code = CODE_DONE;
    if (is_prompted && !talk->options->is_quiet)
        fprintf(stderr, "%s%s. /help lists commands, ^D leaves.%s\n",
                style_dim(), talk->session.info.name, style_end());
    while (talk_line(talk, &line, &cap, is_prompted)) {
        const int32_t n = count_messages(talk);
        if (is_prompted)
            interrupt_forget();
        interrupt_chat(talk->chat);
        code = talk_take(talk, line);
        interrupt_chat(NULL); /* a ^C at the prompt stops no later answer */
        if (output_is_broken() || (code != CODE_DONE && !is_prompted))
            break;
        if (code == CODE_INTERRUPTED) {
            interrupt_forget();
            fputs(" (stopped)\n", stderr);
        } else if (code != CODE_DONE) { /* as if it had not been asked */
            moe_chat_rewind(talk->chat, n);
        }
        if (code == CODE_CONTEXT_FULL)
            fputs("/undo or /reset makes room\n", stderr);
        code = CODE_DONE;
    }
    if (is_prompted)
        putc('\n', stderr);
    free(line);
    return !is_prompted && interrupt_seen() ? CODE_INTERRUPTED : code;
}

static int talk_once(struct talk *talk)
{
    const struct options *options = talk->options;
    int code = options->messages ? talk_load(talk, options->messages)
                                 : talk_ask(talk, options->prompt);
    interrupt_chat(talk->chat);
    if (code == CODE_DONE)
        code = talk_answer(talk);
    interrupt_chat(NULL);
    return code;
}

int chat_run(struct options *options)
{
    struct talk talk = {.options = options};
    if (options->prompt != NULL && options->messages != NULL)
        return fail(CODE_USAGE, "both --prompt and --messages were given");
    int code = session_open(&talk.session, options, false);
    if (code == CODE_DONE)
        code = session_chat(&talk.session, options, &talk.chat);
    if (code == CODE_DONE)
        code = options->prompt || options->messages ? talk_once(&talk)
                                                    : talk_converse(&talk);
    moe_chat_destroy(talk.chat);
    buffer_free(&talk.text);
    buffer_free(&talk.calls);
    session_close(&talk.session);
    return code;
}
