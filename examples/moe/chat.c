/* chat.c: `moe chat`: questions and answers over one context.
 *
 * The context holds the whole conversation: each turn evaluates only what is
 * new, and undo rewinds to where the turn began. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct chat {
    struct options *options;
    struct session session;
    const struct turn_format *format;
    struct generation generation;
    struct buffer text;         /* of the answer */
    const char *system;         /* "" or what --system and /system said */
    struct buffer given_system; /* holds what /system said */
    int32_t *starts;            /* [n_turns] position where each turn began */
    size_t n_turns, cap_turns;
    struct ids tail; /* of the last answer, not yet evaluated */
    size_t n_read, n_written;
    double read_seconds, written_seconds;
};

static void chat_write(void *user, const char *text, size_t n)
{
    struct chat *chat = user;
    /* some forms have a space before an answer that belongs to the form */
    if (chat->text.n == 0 && *chat->format->answer_gap == ' ' && *text == ' ') {
        text++;
        n--;
    }
    buffer_put(&chat->text, text, n);
    if (n == 0 || chat->options->is_json)
        return;
    if (chat->options->is_jsonl) {
        fputs("{\"event\": \"text\", \"text\": ", stdout);
        json_text(stdout, text, n);
        fputs("}\n", stdout);
    } else {
        fwrite(text, 1, n, stdout);
    }
    output_flush();
}

static void chat_result(struct chat *chat, const struct ids *prompt)
{
    const struct options *options = chat->options;
    const struct generation *generation = &chat->generation;
    if (!options->is_json && !options->is_jsonl) {
        if (chat->text.n > 0)
            putchar('\n');
        output_flush();
        return;
    }
    putchar('{');
    if (options->is_jsonl)
        fputs("\"event\": \"done\", ", stdout);
    fputs("\"text\": ", stdout);
    json_text(stdout, chat->text.data, chat->text.n);
    fputs(", \"ids\": ", stdout);
    json_ids(stdout, generation->ids.data, generation->ids.n);
    fputs(", \"prompt_ids\": ", stdout);
    json_ids(stdout, prompt->data, prompt->n);
    printf(", \"finish_reason\": \"%s\", \"seed\": %llu, \"timings\": ",
           generation->finish_reason,
           (unsigned long long)options->sampler.seed);
    timings_json(generation, &chat->session);
    fputs("}\n", stdout);
    output_flush();
}

static void chat_push(struct chat *chat, int32_t start)
{
    if (chat->n_turns == chat->cap_turns) {
        size_t cap = chat->cap_turns * 2 + 16;
        int32_t *grown = must_alloc(cap, sizeof *grown);
        if (chat->n_turns > 0)
            memcpy(grown, chat->starts, chat->n_turns * sizeof *grown);
        free(chat->starts);
        chat->starts = grown;
        chat->cap_turns = cap;
    }
    chat->starts[chat->n_turns++] = start;
}

static void chat_forget(struct chat *chat, size_t n_turns, int32_t position)
{
    moe_context_rewind(chat->session.ctx, position);
    chat->n_turns = n_turns;
    chat->tail.n = 0;
}

/* Evaluates `prompt` after what the last answer left over, and answers. */
static int chat_answer(struct chat *chat, const struct ids *prompt)
{
    moe_context *ctx = chat->session.ctx;
    struct generation *generation = &chat->generation;
    struct ids whole = {0};
    int32_t start = moe_context_position(ctx);
    for (size_t i = 0; i < chat->tail.n; i++)
        ids_put(&whole, chat->tail.data[i]);
    for (size_t i = 0; i < prompt->n; i++)
        ids_put(&whole, prompt->data[i]);
    chat->text.n = 0;
    buffer_put(&chat->text, "", 0);
    moe_status status = generation_run(generation, &chat->session, &whole);
    size_t n_done = (size_t)(moe_context_position(ctx) - start);
    if (n_done < whole.n) { /* refused or interrupted while reading */
        moe_context_rewind(ctx, start);
        ids_free(&whole);
        return generation_result(generation, &chat->session, status);
    }
    chat_push(chat, start + (int32_t)chat->tail.n);
    chat->tail.n = 0;
    for (size_t i = n_done - whole.n; i < generation->ids.n; i++)
        ids_put(&chat->tail, generation->ids.data[i]);
    chat->n_read += generation->n_prompt;
    chat->n_written += generation->ids.n;
    chat->read_seconds += generation->prompt_seconds;
    chat->written_seconds += generation->seconds;
    chat_result(chat, &whole);
    ids_free(&whole);
    if (chat->options->is_verbose)
        timings_line(generation);
    return generation_result(generation, &chat->session, status);
}

static int chat_say(struct chat *chat, const char *question)
{
    struct ids ids = {0};
    bool is_first = chat->n_turns == 0;
    const struct turn turn = {.system = is_first ? chat->system : "",
                              .user = question,
                              .is_first = is_first};
    int code = turns_encode(&chat->session, chat->format, &turn, &ids);
    if (code == CODE_DONE)
        code = chat_answer(chat, &ids);
    ids_free(&ids);
    return code;
}

/* ---------------------------------------------------------------- messages */

/* One {"role", "content"}; false with a sentence out. */
static bool read_message(struct json *json, struct buffer *role,
                         struct buffer *content)
{
    struct buffer key = {0};
    role->n = content->n = 0;
    buffer_put(role, "", 0);
    buffer_put(content, "", 0);
    json_enter(json, '{');
    while (json_next(json, '{') && json_key(json, &key)) {
        if (strcmp(key.data, "role") == 0)
            json_get_text(json, role);
        else if (strcmp(key.data, "content") == 0)
            json_get_text(json, content);
        else
            json_skip(json);
    }
    buffer_free(&key);
    return !json->is_bad;
}

struct history {
    struct chat *chat;
    struct buffer system, user;
    bool has_question;
    size_t n_answers;
    struct ids ids;
};

static int history_put(struct history *history, const char *role,
                       const char *content)
{
    struct chat *chat = history->chat;
    bool is_start = history->n_answers == 0 && !history->has_question;
    if (strcmp(role, "system") == 0 && is_start) {
        history->system.n = 0;
        buffer_put(&history->system, content, strlen(content));
        chat->system = history->system.data;
    } else if (strcmp(role, "user") == 0 && !history->has_question) {
        history->user.n = 0;
        buffer_put(&history->user, content, strlen(content));
        history->has_question = true;
    } else if (strcmp(role, "assistant") == 0 && history->has_question) {
        bool is_first = history->n_answers++ == 0;
        const struct turn turn = {.system = is_first ? chat->system : "",
                                  .user = history->user.data,
                                  .given = content,
                                  .is_first = is_first};
        history->has_question = false;
        return turns_encode(&chat->session, chat->format, &turn, &history->ids);
    } else {
        return fail(CODE_TEMPLATE,
                    "--messages: role '%s' is not possible here: a system "
                    "message may be first, then user and assistant take turns",
                    role);
    }
    return CODE_DONE;
}

static int history_answer(struct history *history)
{
    struct chat *chat = history->chat;
    bool is_first = history->n_answers == 0;
    const struct turn turn = {.system = is_first ? chat->system : "",
                              .user = history->user.data,
                              .is_first = is_first};
    if (!history->has_question)
        return fail(CODE_TEMPLATE,
                    "--messages: the last message must be a user's");
    int code = turns_encode(&chat->session, chat->format, &turn, &history->ids);
    return code == CODE_DONE ? chat_answer(chat, &history->ids) : code;
}

static int chat_messages(struct chat *chat, const char *path)
{
    struct buffer file = {0};
    struct buffer role = {0};
    struct buffer content = {0};
    struct history history = {.chat = chat};
    if (!buffer_load(&file, path)) {
        buffer_free(&file);
        return fail(CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    struct json json = json_open(file.data, file.n);
    int code = CODE_DONE;
    json_enter(&json, '[');
    while (code == CODE_DONE && json_next(&json, '[')) {
        if (read_message(&json, &role, &content))
            code = history_put(&history, role.data, content.data);
    }
    if (code == CODE_DONE && (json.is_bad || json_peek(&json) != 0))
        code = fail(CODE_FAILED,
                    "%s: expected [{\"role\": text, \"content\": text}, ...], "
                    "byte %zu is something else",
                    path, (size_t)(json.at - file.data));
    if (code == CODE_DONE)
        code = history_answer(&history);
    buffer_free(&file);
    buffer_free(&role);
    buffer_free(&content);
    buffer_free(&history.user);
    buffer_free(&history.system);
    ids_free(&history.ids);
    return code;
}

/* ------------------------------------------------------------ conversation */

static void chat_help(struct chat *chat, const char *argument);

static void chat_reset(struct chat *chat, const char *argument)
{
    (void)argument;
    chat_forget(chat, 0, 0);
    moe_sampler_reset(chat->generation.sampler);
    fprintf(stderr, "%sa new conversation%s\n", style_dim(), style_end());
}

static void chat_undo(struct chat *chat, const char *argument)
{
    (void)argument;
    if (chat->n_turns > 0)
        chat_forget(chat, chat->n_turns - 1, chat->starts[chat->n_turns - 1]);
    fprintf(stderr, "%s%zu questions remain%s\n", style_dim(), chat->n_turns,
            style_end());
}

static void chat_stats(struct chat *chat, const char *argument)
{
    moe_context_stats stats = {.struct_size = sizeof stats};
    (void)argument;
    moe_context_describe(chat->session.ctx, &stats);
    fprintf(stderr,
            "%s%s, form %s\n"
            "context  %d of %d positions, %zu questions, %s\n"
            "read     %zu tokens, %.1f/s\n"
            "written  %zu tokens, %.1f/s\n"
            "runs on  %s, %d threads, seed %llu%s\n",
            style_dim(), chat->session.info.name, chat->format->name,
            moe_context_position(chat->session.ctx), stats.n_ctx, chat->n_turns,
            show_bytes(stats.anonymous_bytes), chat->n_read,
            chat->read_seconds > 0 ? (double)chat->n_read / chat->read_seconds
                                   : 0,
            chat->n_written,
            chat->written_seconds > 0
                ? (double)chat->n_written / chat->written_seconds
                : 0,
            stats.backend, stats.n_threads,
            (unsigned long long)chat->options->sampler.seed, style_end());
}

static void chat_system(struct chat *chat, const char *argument)
{
    chat->given_system.n = 0;
    buffer_put(&chat->given_system, argument, strlen(argument));
    chat->system = chat->given_system.data;
    chat_reset(chat, "");
}

static const struct chat_command {
    const char *name;
    const char *help;
    void (*run)(struct chat *chat, const char *argument);
} chat_commands[] = {
    {"/help", "this list", chat_help},
    {"/reset", "forget the conversation", chat_reset},
    {"/undo", "forget the last question and its answer", chat_undo},
    {"/stats", "tokens, speed, room in the context", chat_stats},
    {"/system", "TEXT  start again, telling the model TEXT first", chat_system},
};

static void chat_help(struct chat *chat, const char *argument)
{
    (void)chat;
    (void)argument;
    for (size_t i = 0; i < COUNT_OF(chat_commands); i++)
        fprintf(stderr, "  %-8s %s\n", chat_commands[i].name,
                chat_commands[i].help);
    fputs("  ^C stops an answer, ^D or a second ^C leaves\n", stderr);
}

static void chat_command(struct chat *chat, char *line)
{
    const char *names[COUNT_OF(chat_commands)];
    size_t n = strcspn(line, " ");
    char *argument = line + n + strspn(line + n, " ");
    line[n] = 0;
    for (size_t i = 0; i < COUNT_OF(chat_commands); i++) {
        names[i] = chat_commands[i].name;
        if (strcmp(names[i], line) == 0) {
            chat_commands[i].run(chat, argument);
            return;
        }
    }
    const char *near = nearest_word(line, names, COUNT_OF(names));
    fprintf(stderr, "there is no %s%s%s%s (/help lists what there is)\n", line,
            near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* A line without its end; false at the end of stdin. */
static bool chat_line(char **line, size_t *cap, bool is_prompted)
{
    while (true) {
        if (is_prompted)
            fprintf(stderr, "%s> %s", style_bold(), style_end());
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

static int chat_converse(struct chat *chat)
{
    char *line = NULL;
    size_t cap = 0;
    bool is_prompted = is_terminal(stdin);
    int code = CODE_DONE;
    if (is_prompted && !chat->options->is_quiet)
        fprintf(stderr, "%s%s. /help lists commands, ^D leaves.%s\n",
                style_dim(), chat->session.info.name, style_end());
    interrupt_target(NULL); /* a ^C at the prompt stops no later answer */
    while (chat_line(&line, &cap, is_prompted)) {
        if (is_prompted)
            interrupt_forget();
        interrupt_target(chat->session.ctx);
        if (line[0] == '/')
            chat_command(chat, line);
        else if (line[0] != 0)
            code = chat_say(chat, line);
        interrupt_target(NULL);
        if (output_is_broken() || (code != CODE_DONE && !is_prompted))
            break;
        if (code == CODE_INTERRUPTED) {
            interrupt_forget();
            fputs(" (stopped)\n", stderr);
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

int chat_run(struct options *options)
{
    struct chat chat = {.options = options,
                        .system = options->system ? options->system : ""};
    if (options->prompt != NULL && options->messages != NULL)
        return fail(CODE_USAGE, "both --prompt and --messages were given");
    int code = session_open(&chat.session, options, false);
    if (code == CODE_DONE)
        code = turns_detect(&chat.session, &chat.format);
    if (code == CODE_DONE)
        code = session_context(&chat.session, NULL);
    if (code == CODE_DONE)
        code = generation_open(&chat.generation, options, &chat.session);
    if (code == CODE_DONE) {
        chat.generation.stream.sink = chat_write;
        chat.generation.stream.user = &chat;
        code = options->prompt     ? chat_say(&chat, options->prompt)
               : options->messages ? chat_messages(&chat, options->messages)
                                   : chat_converse(&chat);
    }
    generation_close(&chat.generation);
    buffer_free(&chat.text);
    buffer_free(&chat.given_system);
    ids_free(&chat.tail);
    free(chat.starts);
    session_close(&chat.session);
    return code;
}
