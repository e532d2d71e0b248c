/* chat.c: the public area "chat": a conversation as a state machine.
 *
 *     IDLE --say--> IDLE --next--> READING --next...--> WRITING --next--> IDLE
 *                                  prompt tokens         answer, DONE
 *
 * `known` are the tokens that the context holds.  A prompt is the whole
 * conversation; what it shares with `known` is not evaluated again. */
#include "api/api.h"

#include "chat/form.h"
#include "chat/history.h"
#include "chat/stream.h"

#define CHAT_MAX_STOPS 1024 /* each is looked for at each byte */

enum chat_state { CHAT_IDLE, CHAT_READING, CHAT_WRITING };

struct moe_chat {
    struct moe__mem mem;
    moe_model *model; /* held by ctx */
    moe_context *ctx;
    moe_sampler *sampler;
    struct moe__form form;
    struct moe__slice think_begin; /* around reasoning, or empty */
    struct moe__slice think_end;
    struct moe__history history;
    struct moe__stream *stream;
    struct moe__ids known;  /* what the context holds */
    struct moe__ids prompt; /* what it is to hold before the answer */
    struct moe__text answer;
    struct moe__text reasoning;
    char date[16];
    size_t n_date;
    struct moe__err err;
    _Atomic int32_t is_busy;
    enum chat_state state;
    moe_overflow overflow;
    int32_t max_tokens;
    int32_t n_answer;
    int32_t n_reused;
    int32_t n_dropped;
    int32_t n_marks;
    int32_t n_controls;
    moe_injection injection;
    moe_done done; /* why the answer ended; 0: it has not */
};

/* ------------------------------------------------------- create, destroy */

static struct moe__slice text_or_none(const char *text)
{
    return moe__slice_str(text == NULL ? "" : text);
}

static struct moe__slice file_template(const moe_model *model)
{
    struct moe__slice text = {NULL, 0};
    const struct moe__meta *meta =
        moe__meta_find(&model->gguf, "tokenizer.chat_template");
    if (meta != NULL)
        moe__meta_string(meta, 0, &text, NULL);
    return text;
}

/* Looks for marks that are not the format's, and keeps the message. */
static moe_status chat_add(moe_chat *chat, const struct moe__message *message)
{
    struct moe__flags flags = {0};
    MOE__TRY(moe__message_flag(chat->form.dialect, chat->model->vocab,
                               &chat->mem, message, &flags, &chat->err));
    if (flags.n_markers > 0 && chat->injection == MOE_INJECTION_REJECT)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "message %d has %d marks of the format %s",
                         chat->history.n, flags.n_markers, chat->form.name);
    MOE__TRY(moe__history_add(&chat->history, message, &chat->err));
    chat->n_marks += flags.n_markers;
    chat->n_controls += flags.n_controls;
    return MOE_OK;
}

static moe_status chat_keep_date(moe_chat *chat, const char *date)
{
    const struct moe__slice text = text_or_none(date);
    if (text.n >= sizeof chat->date)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "date: expected YYYY-MM-DD, found %zu bytes", text.n);
    memcpy(chat->date, text.data, text.n);
    chat->n_date = text.n;
    return MOE_OK;
}

static moe_status chat_make_stream(moe_chat *chat, const moe_chat_params *p)
{
    struct moe__slice *stops =
        moe__mem_calloc(&chat->mem, p->n_stops + 1, sizeof *stops);
    if (stops == NULL)
        return moe__fail(&chat->err, MOE_ERR_NO_MEMORY,
                         "no memory for %zu stop texts", p->n_stops);
    for (size_t i = 0; i < p->n_stops; i++)
        stops[i] = text_or_none(p->stops[i]);
    chat->think_begin = moe__slice_str("<think>"); /* of most templates */
    chat->think_end = moe__slice_str("</think>");
    if (chat->form.dialect != NULL) {
        const struct moe__dialect_traits *traits =
            moe__dialect_traits(chat->form.dialect);
        chat->think_begin = text_or_none(traits->think_begin);
        chat->think_end = text_or_none(traits->think_end);
    }
    const struct moe__stream_params params = {
        .stops = stops,
        .n_stops = (int32_t)p->n_stops,
        .think_begin = chat->think_begin,
        .think_end = chat->think_end,
    };
    const moe_status status =
        moe__stream_create(&chat->mem, &params, &chat->stream, &chat->err);
    moe__mem_free(&chat->mem, stops, (p->n_stops + 1) * sizeof *stops);
    return status;
}

/* The parts whose failures have a moe_error.  They take their memory where the
 * chat does, unless their own params say where. */
static moe_status chat_make_engine(moe_chat *chat, moe_model *model,
                                   const moe_chat_params *p)
{
    moe_error why = {0};
    moe_context_params context;
    moe_sampler_params sampler;
    MOE__TRY(
        moe__params_copy(MOE_PARAMS_CONTEXT, &context, p->context, &chat->err));
    MOE__TRY(
        moe__params_copy(MOE_PARAMS_SAMPLER, &sampler, p->sampler, &chat->err));
    if (context.allocator == NULL)
        context.allocator = p->allocator;
    if (sampler.allocator == NULL)
        sampler.allocator = p->allocator;
    moe_status status = moe_context_create(model, &context, &chat->ctx, &why);
    if (status == MOE_OK)
        status = moe_sampler_create(model->net.n_vocab, &sampler,
                                    &chat->sampler, &why);
    return status == MOE_OK ? status
                            : moe__fail(&chat->err, status, "%s", why.message);
}

static moe_status chat_fill(moe_chat *chat, moe_model *model,
                            const moe_chat_params *p)
{
    chat->max_tokens = p->max_tokens;
    chat->overflow = p->overflow;
    chat->injection = p->injection;
    MOE__TRY(chat_keep_date(chat, p->date));
    const struct moe__slice source = p->chat_template != NULL
                                         ? text_or_none(p->chat_template)
                                         : file_template(model);
    const struct moe__slice name = p->format == NULL && p->chat_template != NULL
                                       ? moe__slice_str("template")
                                       : text_or_none(p->format);
    MOE__TRY(moe__form_open(&chat->form, &chat->mem, name, source, model->vocab,
                            &chat->err));
    MOE__TRY(chat_make_stream(chat, p));
    MOE__TRY(chat_make_engine(chat, model, p));
    chat->model = model;
    const struct moe__message system = {.role = MOE__ROLE_SYSTEM,
                                        .content = text_or_none(p->system)};
    return system.content.n == 0 ? MOE_OK : chat_add(chat, &system);
}

void moe_chat_destroy(moe_chat *chat)
{
    struct moe__mem mem;
    if (chat == NULL)
        return;
    moe__mem_init(&mem, &chat->mem.hook);
    moe__stream_destroy(chat->stream);
    moe__form_close(&chat->form);
    moe__history_free(&chat->history);
    moe__ids_free(&chat->known);
    moe__ids_free(&chat->prompt);
    moe__text_free(&chat->answer);
    moe__text_free(&chat->reasoning);
    moe_sampler_destroy(chat->sampler);
    moe_context_destroy(chat->ctx);
    moe__mem_free(&mem, chat, sizeof *chat);
}

static moe_status check_chat_params(const moe_model *model,
                                    const moe_chat_params *p,
                                    struct moe__err *err)
{
    if (model->vocab == NULL)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "the model has no usable vocabulary");
    if (p->n_stops > CHAT_MAX_STOPS || (p->n_stops > 0 && p->stops == NULL))
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "n_stops: expected at most %d stop texts in stops, "
                         "found %zu",
                         CHAT_MAX_STOPS, p->n_stops);
    if (p->max_tokens < 0)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "max_tokens: expected 0 or more, found %d",
                         p->max_tokens);
    if (p->overflow != MOE_OVERFLOW_ERROR && p->overflow != MOE_OVERFLOW_DROP)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "overflow: expected 0 or 1, found %d", p->overflow);
    if (p->injection < MOE_INJECTION_FLAG || p->injection > MOE_INJECTION_ALLOW)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "injection: expected 0 to 2, found %d", p->injection);
    return MOE_OK;
}

static moe_status chat_create(moe_model *model, const moe_chat_params *params,
                              moe_chat **out, struct moe__err *err)
{
    moe_chat_params p = {.struct_size = sizeof p};
    struct moe__mem mem;
    if (params != NULL)
        MOE__TRY(
            moe__struct_copy(&p, sizeof p, params, "moe_chat_params", err));
    MOE__TRY(check_chat_params(model, &p, err));
    moe__mem_init(&mem, p.allocator);
    moe_chat *chat = moe__mem_alloc(&mem, sizeof *chat);
    if (chat == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a chat");
    memset(chat, 0, sizeof *chat);
    moe__mem_init(&chat->mem, p.allocator);
    moe__history_init(&chat->history, &chat->mem);
    moe__ids_init(&chat->known, &chat->mem);
    moe__ids_init(&chat->prompt, &chat->mem);
    moe__text_init(&chat->answer, &chat->mem, 0);
    moe__text_init(&chat->reasoning, &chat->mem, 0);
    const moe_status status = chat_fill(chat, model, &p);
    if (status != MOE_OK) {
        if (err != NULL)
            *err = chat->err;
        moe_chat_destroy(chat);
        return status;
    }
    *out = chat;
    return MOE_OK;
}

moe_status moe_chat_create(moe_model *model, const moe_chat_params *params,
                           moe_chat **out, moe_error *err)
{
    struct moe__err why = {0};
    if (out != NULL)
        *out = NULL;
    const moe_status status =
        model == NULL || out == NULL
            ? moe__fail(&why, MOE_ERR_ARGUMENT,
                        "moe_chat_create: model and out must not be NULL")
            : chat_create(model, params, out, &why);
    return moe__error_out(err, &why, status);
}

/* -------------------------------------------------------------- messages */

static moe_status chat_enter(moe_chat *chat)
{
    if (chat == NULL)
        return MOE_ERR_ARGUMENT;
    if (atomic_exchange(&chat->is_busy, 1) != 0)
        return MOE_ERR_BUSY;
    chat->err.message[0] = 0;
    return MOE_OK;
}

static moe_status chat_leave(moe_chat *chat, moe_status status)
{
    atomic_store(&chat->is_busy, 0);
    return status;
}

static moe_status chat_say(moe_chat *chat, moe_role role, const char *text,
                           int64_t text_bytes)
{
    if (role < MOE_ROLE_SYSTEM || role > MOE_ROLE_TOOL)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "role: expected 1 to 4, found %d", role);
    if (text == NULL || text_bytes < -1)
        return moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                         "text must not be NULL, and text_bytes -1 or more");
    if (chat->state != CHAT_IDLE)
        return moe__fail(&chat->err, MOE_ERR_STATE,
                         "an answer is being written: wait for its end or "
                         "cancel it");
    const struct moe__message message = {
        .role = (enum moe__role)(role - MOE_ROLE_SYSTEM),
        .content = text_bytes < 0 ? moe__slice_str(text)
                                  : moe__slice_of(text, (size_t)text_bytes),
    };
    return chat_add(chat, &message);
}

moe_status moe_chat_say(moe_chat *chat, moe_role role, const char *text,
                        int64_t text_bytes)
{
    MOE__TRY(chat_enter(chat));
    return chat_leave(chat, chat_say(chat, role, text, text_bytes));
}

moe_status moe_chat_rewind(moe_chat *chat, int32_t n)
{
    MOE__TRY(chat_enter(chat));
    if (n < 0 || n > chat->history.n)
        return chat_leave(chat, moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                          "n: expected 0 to %d, found %d",
                                          chat->history.n, n));
    moe__history_remove(&chat->history, n, chat->history.n - n);
    chat->state = CHAT_IDLE;
    return chat_leave(chat, MOE_OK);
}

moe_status moe_chat_message(const moe_chat *chat, int32_t index,
                            moe_message *message)
{
    if (chat == NULL || index < 0 || index >= chat->history.n)
        return MOE_ERR_ARGUMENT;
    const struct moe__message *kept = &chat->history.messages[index];
    const moe_message found = {
        .role = (moe_role)kept->role + MOE_ROLE_SYSTEM,
        .text = (const char *)kept->content.data,
        .text_bytes = kept->content.n,
        .reasoning = (const char *)kept->reasoning.data,
        .reasoning_bytes = kept->reasoning.n,
    };
    return moe__info_fill(message, &found, sizeof found);
}

moe_status moe_chat_describe(const moe_chat *chat, moe_chat_info *info)
{
    if (chat == NULL)
        return MOE_ERR_ARGUMENT;
    const moe_chat_info found = {
        .format = chat->form.name,
        .reason = chat->form.reason,
        .n_messages = chat->history.n,
        .n_dropped = chat->n_dropped,
        .n_ctx = chat->ctx->engine.params.n_ctx,
        .n_used = chat->ctx->pos,
        .n_marks = chat->n_marks,
        .n_controls = chat->n_controls,
    };
    return moe__info_fill(info, &found, sizeof found);
}

moe_sampler *moe_chat_sampler(moe_chat *chat)
{
    return chat == NULL ? NULL : chat->sampler;
}

const char *moe_chat_error(const moe_chat *chat)
{
    return chat == NULL ? "" : chat->err.message;
}

void moe_chat_cancel(moe_chat *chat)
{
    if (chat != NULL)
        moe_context_cancel(chat->ctx);
}

/* ---------------------------------------------------------------- prompt */

static moe_status chat_encode(moe_chat *chat)
{
    const struct moe__conversation conversation = {
        .messages = chat->history.messages,
        .n_messages = chat->history.n,
        .asks_for_answer = true,
        .date = moe__slice_of(chat->date, chat->n_date),
    };
    chat->prompt.n = 0;
    return moe__form_encode(&chat->form, &chat->mem, &conversation,
                            chat->model->vocab, &chat->prompt, &chat->err);
}

/* Removes the oldest turn: the first message that is not of the system, and
 * what follows up to the next question.  False if only the last one is left. */
static bool chat_drop_turn(moe_chat *chat)
{
    const struct moe__history *history = &chat->history;
    int32_t first = 0;
    while (first < history->n &&
           history->messages[first].role == MOE__ROLE_SYSTEM)
        first++;
    int32_t next = first + 1;
    while (next < history->n && history->messages[next].role != MOE__ROLE_USER)
        next++;
    if (next >= history->n)
        return false;
    moe__history_remove(&chat->history, first, next - first);
    chat->n_dropped += next - first;
    return true;
}

/* The prompt, made to fit: there must be room for a token of the answer. */
static moe_status chat_make_prompt(moe_chat *chat)
{
    const int32_t n_ctx = chat->ctx->engine.params.n_ctx;
    if (chat->history.n == 0)
        return moe__fail(&chat->err, MOE_ERR_STATE,
                         "there is no message to answer");
    MOE__TRY(chat_encode(chat));
    while (chat->prompt.n >= (size_t)n_ctx) {
        if (chat->overflow != MOE_OVERFLOW_DROP || !chat_drop_turn(chat))
            return moe__fail(&chat->err, MOE_ERR_CONTEXT_FULL,
                             "the conversation needs %zu positions and one "
                             "for an answer, there are %d",
                             chat->prompt.n, n_ctx);
        MOE__TRY(chat_encode(chat));
    }
    return chat->prompt.n > 0 ? MOE_OK
                              : moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                          "the conversation has no tokens");
}

/* Forgets what the prompt does not share.  The last token is evaluated in any
 * case: its logits are needed. */
static moe_status chat_reuse(moe_chat *chat)
{
    size_t n = 0;
    while (n < chat->known.n && n + 1 < chat->prompt.n &&
           chat->known.ids[n] == chat->prompt.ids[n])
        n++;
    MOE__TRY(moe_context_rewind(chat->ctx, (int32_t)n));
    chat->known.n = n;
    chat->n_reused = (int32_t)n;
    moe_sampler_reset(chat->sampler);
    for (size_t i = 0; i < n; i++)
        moe_sampler_accept(chat->sampler, chat->prompt.ids[i]);
    return MOE_OK;
}

/* Whether the prompt ends with the mark that reasoning starts with, and perhaps
 * white space: some templates write it for the model. */
static bool chat_opens_reasoning(const moe_chat *chat)
{
    uint8_t tail[256];
    size_t from = sizeof tail;
    for (size_t i = chat->prompt.n; i-- > 0 && from > 0;) {
        const struct moe__slice piece =
            moe__vocab_piece(chat->model->vocab, chat->prompt.ids[i]);
        const size_t n = piece.n < from ? piece.n : from;
        from -= n;
        memcpy(tail + from, piece.data + piece.n - n, n);
    }
    size_t end = sizeof tail;
    while (end > from && strchr(" \n", tail[end - 1]) != NULL)
        end--;
    const size_t n = chat->think_begin.n;
    return n > 0 && n <= end - from &&
           memcmp(tail + end - n, chat->think_begin.data, n) == 0;
}

static moe_status chat_begin(moe_chat *chat)
{
    MOE__TRY(chat_make_prompt(chat));
    MOE__TRY(chat_reuse(chat));
    moe__stream_reset(chat->stream, chat_opens_reasoning(chat));
    moe__text_reset(&chat->answer);
    moe__text_reset(&chat->reasoning);
    chat->n_answer = 0;
    chat->done = 0;
    chat->state = CHAT_READING;
    return MOE_OK;
}

moe_status moe_chat_render(moe_chat *chat, moe_token *ids, size_t cap,
                           size_t *n)
{
    MOE__TRY(chat_enter(chat));
    if (n == NULL || (ids == NULL && cap > 0))
        return chat_leave(chat, moe__fail(&chat->err, MOE_ERR_ARGUMENT,
                                          "n must not be NULL, nor ids if cap "
                                          "is not 0"));
    if (chat->state != CHAT_IDLE)
        return chat_leave(chat, moe__fail(&chat->err, MOE_ERR_STATE,
                                          "an answer is being written"));
    const moe_status status = chat_encode(chat);
    if (status != MOE_OK)
        return chat_leave(chat, status);
    *n = chat->prompt.n;
    if (chat->prompt.n > cap)
        return chat_leave(chat, MOE_ERR_BUFFER);
    memcpy(ids, chat->prompt.ids, chat->prompt.n * sizeof *ids);
    return chat_leave(chat, MOE_OK);
}

/* ---------------------------------------------------------------- answer */

/* The context's failure, in its words. */
static moe_status chat_pass(moe_chat *chat, moe_status status)
{
    return moe__fail(&chat->err, status, "%s", moe_context_error(chat->ctx));
}

/* Keeps what was said.  The tokens stay known: the next prompt shares them as
 * far as it spells the answer the same way. */
static moe_status chat_finish(moe_chat *chat, moe_event *event)
{
    const struct moe__message message = {
        .role = MOE__ROLE_ASSISTANT,
        .content = moe__text_slice(&chat->answer),
        .reasoning = moe__text_slice(&chat->reasoning),
    };
    event->kind = MOE_EVENT_DONE;
    event->reason = chat->done;
    const bool is_kept = chat->state == CHAT_WRITING;
    chat->state = CHAT_IDLE;
    return is_kept ? moe__history_add(&chat->history, &message, &chat->err)
                   : MOE_OK;
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
    const int32_t n = (int32_t)chat->prompt.n;
    int32_t at = (int32_t)chat->known.n;
    const moe_status status =
        moe_context_eval(chat->ctx, chat->prompt.ids + at, n - at, &at);
    if (status < 0)
        return status == MOE_ERR_CANCELLED ? status : chat_pass(chat, status);
    for (int32_t i = (int32_t)chat->known.n; i < at; i++) {
        moe_sampler_accept(chat->sampler, chat->prompt.ids[i]);
        MOE__TRY(chat_know(chat, chat->prompt.ids[i]));
    }
    event->kind = MOE_EVENT_PROMPT;
    event->n_done = at;
    if (status == MOE_OK)
        chat->state = CHAT_WRITING;
    return MOE_OK;
}

/* What a token adds to the answer.  A vocabulary that puts a space before every
 * text has one before the first word of an answer, too: it is no part of it. */
static struct moe__slice chat_piece(const moe_chat *chat,
                                    const moe_token_info *info)
{
    const bool is_first = chat->n_answer == 1;
    const size_t n_skip = is_first && info->n_bytes > 0 &&
                          info->bytes[0] == ' ' &&
                          moe__vocab_has_space_prefix(chat->model->vocab);
    return moe__slice_of(info->bytes + n_skip, info->n_bytes - n_skip);
}

static bool slice_has(struct moe__slice text, struct moe__slice part)
{
    for (size_t i = 0; part.n > 0 && i + part.n <= text.n; i++)
        if (memcmp(text.data + i, part.data, part.n) == 0)
            return true;
    return false;
}

/* Control tokens are not shown, but the stream must see those of reasoning. */
static bool chat_is_mark(const moe_chat *chat, struct moe__slice name)
{
    return slice_has(chat->think_begin, name) ||
           slice_has(chat->think_end, name);
}

/* One token, into the stream. */
static moe_status chat_generate(moe_chat *chat)
{
    moe_token token;
    moe_token_info info = {.struct_size = sizeof info};
    const bool is_full = chat->ctx->pos >= chat->ctx->engine.params.n_ctx;
    if (is_full ||
        (chat->max_tokens > 0 && chat->n_answer == chat->max_tokens)) {
        chat->done = MOE_DONE_LENGTH;
        moe__stream_end(chat->stream);
        return MOE_OK;
    }
    const moe_status status =
        moe_context_generate(chat->ctx, chat->sampler, &token, &info);
    if (status != MOE_OK)
        return status == MOE_ERR_CANCELLED ? status : chat_pass(chat, status);
    chat->n_answer++;
    if (info.is_end) {
        chat->done = MOE_DONE_STOP;
        moe__stream_end(chat->stream);
        return MOE_OK;
    }
    MOE__TRY(chat_know(chat, token));
    if (info.kind == MOE_TOKEN_CONTROL &&
        !chat_is_mark(chat, moe__slice_of(info.bytes, info.n_bytes)))
        return MOE_OK;
    moe__stream_put(chat->stream, chat_piece(chat, &info));
    return MOE_OK;
}

/* Hands out what is certain; false if there is nothing. */
static bool chat_show(moe_chat *chat, moe_event *event)
{
    struct moe__segment segment;
    if (!moe__stream_next(chat->stream, &segment))
        return false;
    const bool is_text = segment.kind == MOE__SEGMENT_TEXT;
    moe__text_add(is_text ? &chat->answer : &chat->reasoning, segment.text);
    event->kind = is_text ? MOE_EVENT_TEXT : MOE_EVENT_REASONING;
    event->text = (const char *)segment.text.data;
    event->text_bytes = segment.text.n;
    return true;
}

static moe_status chat_write(moe_chat *chat, moe_event *event)
{
    for (;;) {
        if (chat_show(chat, event))
            return moe__text_status(&chat->answer, "the answer", &chat->err);
        MOE__TRY(moe__stream_status(chat->stream, &chat->err));
        if (moe__stream_is_stopped(chat->stream))
            chat->done = MOE_DONE_STOP;
        if (chat->done != 0)
            return chat_finish(chat, event);
        MOE__TRY(chat_generate(chat));
    }
}

/* The answer ends where it is; the context has stopped or will not be asked. */
static moe_status chat_end(moe_chat *chat, moe_event *event)
{
    atomic_store(&chat->ctx->stop, 0);
    chat->done = MOE_DONE_CANCELLED;
    if (chat->state != CHAT_WRITING)
        return chat_finish(chat, event);
    moe__stream_end(chat->stream);
    while (chat_show(chat, event)) /* kept, but not shown any more */
        ;
    event->text = NULL;
    event->text_bytes = 0;
    return chat_finish(chat, event);
}

static moe_status chat_next(moe_chat *chat, moe_event *event)
{
    if (chat->state == CHAT_IDLE)
        MOE__TRY(chat_begin(chat));
    if (atomic_load(&chat->ctx->stop))
        return chat_end(chat, event);
    const moe_status status = chat->state == CHAT_READING
                                  ? chat_read(chat, event)
                                  : chat_write(chat, event);
    if (status == MOE_ERR_CANCELLED)
        return chat_end(chat, event);
    if (status != MOE_OK)
        chat->state = CHAT_IDLE;
    return status;
}

moe_status moe_chat_next(moe_chat *chat, moe_event *event)
{
    MOE__TRY(chat_enter(chat));
    moe_event found = {.struct_size = sizeof found};
    moe_status status = chat_next(chat, &found);
    found.n_total = (int32_t)chat->prompt.n;
    found.n_done =
        found.kind == MOE_EVENT_PROMPT ? found.n_done : found.n_total;
    found.n_reused = chat->n_reused;
    found.n_answer = chat->n_answer;
    if (status == MOE_OK)
        status = moe__info_fill(event, &found, sizeof found);
    return chat_leave(chat, status);
}
