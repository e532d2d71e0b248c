/* chat_answer.c: from tokens to events. */
#include "api/chat.h"

/* ------------------------------------------------------------------ begin */

/* Whether the prompt ends with the mark that reasoning starts with, and perhaps
 * white space: some templates write it for the model. */
static bool chat_opens_reasoning(const moe_chat *chat)
{
    struct moe__slice text = moe__text_slice(&chat->prompt.text);
    const size_t n = chat->think_begin.n;
    while (text.n > 0 && strchr(" \n", text.data[text.n - 1]) != NULL)
        text.n--;
    return n > 0 && n <= text.n &&
           memcmp(text.data + text.n - n, chat->think_begin.data, n) == 0;
}

static void answer_reset(struct moe__answer *answer)
{
    moe__text_reset(&answer->text);
    moe__text_reset(&answer->reasoning);
    moe__text_reset(&answer->written);
    moe__arena_free(&answer->arena);
    answer->calls = NULL;
    answer->results = NULL;
    answer->n_calls = answer->cap_calls = 0;
    answer->n_tokens = 0;
    answer->is_text_ended = false;
    answer->done = 0;
}

static moe_status chat_begin(moe_chat *chat)
{
    if (chat->w.ctx == NULL)
        return moe__fail(&chat->err, MOE_ERR_UNSUPPORTED,
                         "the model is a vocabulary only: it cannot answer");
    answer_reset(&chat->answer);
    chat->ids.stop = &chat->w.ctx->stop;
    const moe_status status = moe__chat_make_prompt(chat);
    chat->ids.stop = NULL;
    MOE__TRY(status);
    MOE__TRY(moe__chat_reuse(chat));
    moe__stream_reset(chat->stream, chat_opens_reasoning(chat));
    if (chat->tools.parser != NULL)
        moe__calls_reset(chat->tools.parser);
    chat->state = MOE__CHAT_READING;
    return MOE_OK;
}

/* ------------------------------------------------------------------- read */

/* The context's failure, in its words. */
static moe_status chat_pass(moe_chat *chat, moe_status status)
{
    return status == MOE_ERR_CANCELLED
               ? status
               : moe__fail(&chat->err, status, "%s",
                           moe_context_error(chat->w.ctx));
}

/* The context holds one token more. */
static moe_status chat_know(moe_chat *chat, moe_token token)
{
    return moe__ids_push(&chat->known, token) == MOE_OK
               ? MOE_OK
               : moe__fail(&chat->err, MOE_ERR_NO_MEMORY,
                           "no memory for the ids of %zu tokens",
                           chat->known.n + 1);
}

/* A piece of the prompt. */
static moe_status chat_read(moe_chat *chat, moe_event *event)
{
    const int32_t n = (int32_t)chat->ids.n;
    int32_t at = (int32_t)chat->known.n;
    const moe_status status =
        moe_context_eval(chat->w.ctx, chat->ids.ids + at, n - at, &at);
    if (status < 0)
        return chat_pass(chat, status);
    for (int32_t i = (int32_t)chat->known.n; i < at; i++) {
        moe_sampler_accept(chat->w.sampler, chat->ids.ids[i]);
        MOE__TRY(chat_know(chat, chat->ids.ids[i]));
    }
    event->kind = MOE_EVENT_PROMPT;
    event->n_done = at;
    if (status != MOE_OK)
        return MOE_OK;
    chat->state = MOE__CHAT_WRITING;
    return moe__chat_bind(chat);
}

/* --------------------------------------------------------------- generate */

/* What a token adds to the answer.  A vocabulary that puts a space before every
 * text has one before the first word of an answer, too: it is no part of it,
 * but of one that a grammar rules from there. */
static struct moe__slice chat_piece(const moe_chat *chat, moe_token token)
{
    const struct moe__slice piece = moe__vocab_piece(chat->model->vocab, token);
    const size_t n_skip = chat->answer.n_tokens == 1 && piece.n > 0 &&
                          piece.data[0] == ' ' &&
                          (chat->bound == NULL || chat->is_waiting) &&
                          moe__vocab_has_space_prefix(chat->model->vocab);
    return moe__slice_of(piece.data + n_skip, piece.n - n_skip);
}

/* What reads calls; NULL: nothing does, as in an answer of the host's grammar,
 * which calls nothing. */
static struct moe__calls *chat_parser(const moe_chat *chat)
{
    return chat->bound != NULL && chat->bound == chat->grammar
               ? NULL
               : chat->tools.parser;
}

/* Control tokens are not shown, but the stream must see those of reasoning and
 * of calls. */
static bool chat_is_mark(const moe_chat *chat, struct moe__slice name)
{
    return moe__slice_has(chat->think_begin, name) ||
           moe__slice_has(chat->think_end, name) ||
           (chat_parser(chat) != NULL &&
            moe__call_format_has_mark(chat->form.calls, name));
}

static moe_status chat_put(moe_chat *chat, moe_token token)
{
    chat->answer.n_tokens++;
    MOE__TRY(chat_know(chat, token));
    const struct moe__slice piece = chat_piece(chat, token);
    if (moe__vocab_kind(chat->model->vocab, token) == MOE_TOKEN_CONTROL &&
        !chat_is_mark(chat, piece))
        return MOE_OK;
    moe__stream_put(chat->stream, piece);
    moe__chat_rebind(chat, piece);
    return MOE_OK;
}

static void chat_stop(moe_chat *chat, moe_done why)
{
    chat->answer.done = why;
    moe__stream_end(chat->stream);
}

/* Whether nothing may follow what the sampler is bound to. */
static bool chat_is_whole(const moe_chat *chat)
{
    return chat->bound != NULL && chat->bound != chat->tools.rest &&
           moe_sampler_text_end(chat->w.sampler) == MOE_TEXT_MUST_END;
}

/* Some tokens, into the stream. */
static moe_status chat_generate(moe_chat *chat)
{
    const struct moe__writer *w = &chat->w;
    const int32_t n_left = chat->max_tokens > 0
                               ? chat->max_tokens - chat->answer.n_tokens
                               : INT32_MAX;
    moe__chat_bind_text(chat);
    if (chat_is_whole(chat)) {
        chat_stop(chat, MOE_DONE_STOP);
        return MOE_OK;
    }
    if (n_left == 0 || w->ctx->pos >= w->ctx->engine.params.n_ctx) {
        chat_stop(chat, MOE_DONE_LENGTH);
        return MOE_OK;
    }
    const moe_status status = moe__writer_next(&chat->w, n_left);
    if (status != MOE_OK)
        return chat_pass(chat, status);
    for (size_t i = 0; i < w->ids.n; i++)
        MOE__TRY(chat_put(chat, w->ids.ids[i]));
    if (w->is_end)
        chat->answer.n_tokens++;
    if (w->is_end)
        chat_stop(chat, MOE_DONE_STOP);
    return MOE_OK;
}

/* ----------------------------------------------------------------- events */

static moe_status chat_tell(moe_chat *chat, const struct moe__segment *segment,
                            moe_event *event)
{
    const bool is_text = segment->kind == MOE__SEGMENT_TEXT;
    struct moe__text *kept =
        is_text ? &chat->answer.text : &chat->answer.reasoning;
    moe__text_add(kept, segment->text);
    event->kind = is_text ? MOE_EVENT_TEXT : MOE_EVENT_REASONING;
    event->text = (const char *)segment->text.data;
    event->text_bytes = segment->text.n;
    return moe__text_status(kept, "the answer", &chat->err);
}

/* Hands out what is certain; event->kind 0: there is nothing. */
static moe_status chat_show(moe_chat *chat, moe_event *event)
{
    struct moe__calls *parser = chat_parser(chat);
    struct moe__segment segment;
    struct moe__call_event call;
    for (;;) {
        if (parser != NULL && moe__calls_next(parser, &call))
            return moe__chat_tell_call(chat, &call, event);
        if (moe__stream_next(chat->stream, &segment)) {
            if (parser == NULL || segment.kind != MOE__SEGMENT_TEXT)
                return chat_tell(chat, &segment, event);
            moe__calls_put(parser, segment.text);
        } else if (parser != NULL && !chat->answer.is_text_ended &&
                   (chat->answer.done != 0 ||
                    moe__stream_is_stopped(chat->stream))) {
            chat->answer.is_text_ended = true;
            moe__calls_end(parser);
        } else {
            MOE__TRY(moe__stream_status(chat->stream, &chat->err));
            return parser == NULL ? MOE_OK
                                  : moe__calls_status(parser, &chat->err);
        }
    }
}

/* Nothing was said, and the format has no place for that. */
static bool chat_is_mute(const moe_chat *chat)
{
    const struct moe__answer *answer = &chat->answer;
    const struct moe__dialect *dialect = chat->form.dialect;
    return answer->text.n == 0 && answer->n_calls == 0 &&
           (answer->reasoning.n == 0 || chat->think_begin.n == 0) &&
           dialect != NULL && !moe__dialect_takes_empty(dialect);
}

/* Keeps what was said.  The tokens stay known: the next prompt shares them as
 * far as it spells the answer the same way. */
static moe_status chat_finish(moe_chat *chat, moe_event *event)
{
    const struct moe__answer *answer = &chat->answer;
    const bool has_calls = answer->n_calls > 0 && answer->done == MOE_DONE_STOP;
    const struct moe__message message = {
        .role = MOE__ROLE_ASSISTANT,
        .content = moe__text_slice(&answer->text),
        .reasoning = moe__text_slice(&answer->reasoning),
        .calls = answer->calls,
        .n_calls = answer->n_calls,
    };
    event->kind = MOE_EVENT_DONE;
    event->reason = has_calls ? MOE_DONE_CALLS : answer->done;
    const bool is_kept =
        chat->state == MOE__CHAT_WRITING && !chat_is_mute(chat);
    chat->state = MOE__CHAT_IDLE;
    if (is_kept)
        MOE__TRY(moe__history_add(&chat->history, &message, &chat->err));
    return is_kept ? moe__chat_keep_results(chat) : MOE_OK;
}

static moe_status chat_write(moe_chat *chat, moe_event *event)
{
    for (;;) {
        MOE__TRY(chat_show(chat, event));
        if (event->kind != 0)
            return MOE_OK;
        if (moe__stream_is_stopped(chat->stream))
            chat->answer.done = MOE_DONE_STOP;
        if (chat->answer.done != 0)
            return chat_finish(chat, event);
        MOE__TRY(chat_generate(chat));
    }
}

/* The answer ends where it is; the context has stopped or will not be asked.
 * What was held is kept, but not shown any more. */
static moe_status chat_end(moe_chat *chat, moe_event *event)
{
    atomic_store(&chat->w.ctx->stop, 0);
    chat_stop(chat, MOE_DONE_CANCELLED);
    while (chat->state == MOE__CHAT_WRITING) {
        moe_event unseen = {.kind = 0};
        MOE__TRY(chat_show(chat, &unseen));
        if (unseen.kind == 0)
            break;
    }
    return chat_finish(chat, event);
}

static moe_status chat_next(moe_chat *chat, moe_event *event)
{
    moe_status status = MOE_OK;
    if (chat->state == MOE__CHAT_IDLE)
        status = chat_begin(chat);
    if (status != MOE_OK && status != MOE_ERR_CANCELLED)
        return status;
    if (status == MOE_ERR_CANCELLED || atomic_load(&chat->w.ctx->stop))
        return chat_end(chat, event);
    status = chat->state == MOE__CHAT_READING ? chat_read(chat, event)
                                              : chat_write(chat, event);
    if (status == MOE_ERR_CANCELLED)
        return chat_end(chat, event);
    if (status != MOE_OK)
        chat->state = MOE__CHAT_IDLE;
    return status;
}

moe_status moe_chat_next(moe_chat *chat, moe_event *event)
{
    MOE__TRY(moe__chat_enter(chat));
    moe_event found = {.struct_size = sizeof found};
    moe_status status = chat_next(chat, &found);
    found.n_total = (int32_t)chat->ids.n;
    found.n_done =
        found.kind == MOE_EVENT_PROMPT ? found.n_done : found.n_total;
    found.n_reused = chat->answer.n_reused;
    found.n_answer = chat->answer.n_tokens;
    if (status == MOE_OK)
        status = moe__info_fill(event, &found, sizeof found);
    return moe__chat_leave(chat, status);
}
