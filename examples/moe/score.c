/* score.c: `moe score`: how likely texts continue texts. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* A line of stdin: {"context": ..., "continuation": ...}. */
struct question {
    struct buffer context;
    struct buffer continuation;
};

static bool question_read(struct question *question, const char *line, size_t n)
{
    struct json json = json_open(line, n);
    struct buffer key = {0};
    bool has_both[2] = {false, false};
    question->context.n = question->continuation.n = 0;
    json_enter(&json, '{');
    while (json_next(&json, '{') && json_key(&json, &key)) {
        const bool is_context = strcmp(key.data, "context") == 0;
        if (!is_context && strcmp(key.data, "continuation") != 0) {
            json_skip(&json);
            continue;
        }
        json_get_text(&json, is_context ? &question->context
                                        : &question->continuation);
        has_both[is_context] = true;
    }
    buffer_free(&key);
    return !json.is_bad && json_peek(&json) == 0 && has_both[0] && has_both[1];
}

/* White space at the end of the context is part of the continuation: tokens
 * begin with it. */
static void move_spaces(struct question *question)
{
    struct buffer *context = &question->context;
    struct buffer whole = {0};
    size_t n = context->n;
    while (n > 0 && strchr(" \t\r\n", context->data[n - 1]) != NULL &&
           context->data[n - 1] != 0)
        n--;
    buffer_put(&whole, context->data + n, context->n - n);
    buffer_put(&whole, question->continuation.data, question->continuation.n);
    buffer_free(&question->continuation);
    question->continuation = whole;
    context->n = n;
}

/* The ids of both together; those of the context alone say where it ends. */
static int question_encode(const struct session *session,
                           const struct question *question, struct ids *ids,
                           int32_t *n_given)
{
    struct buffer whole = {0};
    struct ids given = {0};
    buffer_put(&whole, question->context.data, question->context.n);
    buffer_put(&whole, question->continuation.data, question->continuation.n);
    int code =
        session_encode(session, whole.data, whole.n, MOE_TEXT_SPECIALS, ids);
    if (code == CODE_DONE && question->context.n > 0)
        code = session_encode(session, question->context.data,
                              question->context.n, MOE_TEXT_SPECIALS, &given);
    const moe_token bos = moe_token_special(session->model, MOE_SPECIAL_BOS);
    *n_given = given.n > 0 ? (int32_t)given.n
                           : (ids->n > 0 && ids->data[0] == bos ? 1 : 0);
    ids_free(&given);
    buffer_free(&whole);
    return code;
}

static int score_print(struct session *session, const struct ids *ids,
                       int32_t n_given)
{
    moe_score score = {.struct_size = sizeof score};
    const moe_status status = moe_context_score(
        session->ctx, ids->data, (int32_t)ids->n, n_given, &score);
    if (status != MOE_OK)
        return fail_status(status, moe_context_error(session->ctx));
    printf("{\"logprob\": %.6f, \"n\": %d, \"greedy\": %s}\n", score.logprob,
           (int)score.n_tokens, score.is_greedy ? "true" : "false");
    output_flush();
    return CODE_DONE;
}

static int score_line(struct session *session, struct question *question,
                      const char *line, size_t n)
{
    struct ids ids = {0};
    int32_t n_given = 0;
    if (!question_read(question, line, n))
        return fail(CODE_USAGE,
                    "stdin: expected {\"context\": TEXT, \"continuation\": "
                    "TEXT} on each line, found %.60s",
                    line);
    move_spaces(question);
    int code = question_encode(session, question, &ids, &n_given);
    if (code == CODE_DONE && n_given == 0)
        code = fail(CODE_USAGE, "stdin: the context is empty, and this model "
                                "has no token that begins a text");
    if (code == CODE_DONE && (size_t)n_given >= ids.n)
        code = fail(CODE_USAGE, "stdin: the continuation has no token: %.60s",
                    line);
    if (code == CODE_DONE)
        code = score_print(session, &ids, n_given);
    ids_free(&ids);
    return code;
}

int score_run(struct options *options)
{
    struct session session = {0};
    struct question question = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int code = session_open(&session, options, false);
    if (code == CODE_DONE)
        code = session_context(&session, NULL);
    while (code == CODE_DONE && (n = getline(&line, &cap, stdin)) >= 0)
        if (line[strspn(line, " \t\r\n")] != 0)
            code = score_line(&session, &question, line, (size_t)n);
    if (interrupt_seen())
        code = CODE_INTERRUPTED;
    buffer_free(&question.context);
    buffer_free(&question.continuation);
    free(line);
    session_close(&session);
    return code;
}
