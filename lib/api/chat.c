/* chat.c: the public area "chat": the life of a conversation. */
#include "api/chat.h"

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
    chat->think_begin = moe__slice_str("<think>"); /* of most templates */
    chat->think_end = moe__slice_str("</think>");
    if (chat->form.dialect != NULL) {
        const struct moe__dialect_traits *traits =
            moe__dialect_traits(chat->form.dialect);
        chat->think_begin = text_or_none(traits->think_begin);
        chat->think_end = text_or_none(traits->think_end);
    }
    const struct moe__stream_params params = {
        .think_begin = chat->think_begin,
        .think_end = chat->think_end,
    };
    return moe__stream_open(&chat->mem, p->stops, p->n_stops, &params,
                            &chat->stream, &chat->err);
}

static moe_status chat_fill(moe_chat *chat, const moe_chat_params *p)
{
    chat->max_tokens = p->max_tokens;
    chat->overflow = p->overflow;
    chat->injection = p->injection;
    MOE__TRY(chat_keep_date(chat, p->date));
    const struct moe__slice source = p->chat_template != NULL
                                         ? text_or_none(p->chat_template)
                                         : file_template(chat->model);
    const struct moe__slice name = p->format == NULL && p->chat_template != NULL
                                       ? moe__slice_str("template")
                                       : text_or_none(p->format);
    MOE__TRY(moe__form_open(&chat->form, &chat->mem, name, source,
                            chat->model->vocab, &chat->err));
    MOE__TRY(chat_make_stream(chat, p));
    if (chat->model->has_net)
        MOE__TRY(moe__writer_open(chat->model, p->allocator, p->context,
                                  p->sampler, &chat->w, &chat->err));
    const struct moe__message system = {.role = MOE__ROLE_SYSTEM,
                                        .content = text_or_none(p->system)};
    return system.content.n == 0 ? MOE_OK : moe__chat_append(chat, &system);
}

static void answer_free(struct moe__answer *answer)
{
    moe__text_free(&answer->text);
    moe__text_free(&answer->reasoning);
    moe__text_free(&answer->written);
    moe__text_free(&answer->name);
    moe__text_free(&answer->id);
    moe__text_free(&answer->arguments);
    moe__arena_free(&answer->arena);
}

void moe_chat_destroy(moe_chat *chat)
{
    struct moe__mem mem;
    if (chat == NULL)
        return;
    moe__mem_init(&mem, &chat->mem.hook);
    moe__tools_free(chat);
    moe_grammar_destroy(chat->grammar);
    moe__stream_destroy(chat->stream);
    moe__form_close(&chat->form);
    moe__history_free(&chat->history);
    moe__ids_free(&chat->known);
    moe__ids_free(&chat->ids);
    moe__prompt_free(&chat->prompt);
    answer_free(&chat->answer);
    moe__arena_free(&chat->shown);
    moe__writer_close(&chat->w);
    moe_model_close(chat->model);
    moe__mem_free(&mem, chat, sizeof *chat);
}

static moe_status check_chat_params(const moe_model *model,
                                    const moe_chat_params *p,
                                    struct moe__err *err)
{
    if (model->vocab == NULL)
        return moe__fail(err, MOE_ERR_UNSUPPORTED,
                         "the model has no usable vocabulary");
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

/* Empty, but can be destroyed. */
static moe_chat *chat_alloc(moe_model *model, const moe_allocator *hook)
{
    struct moe__mem mem;
    moe__mem_init(&mem, hook);
    moe_chat *chat = moe__mem_calloc(&mem, 1, sizeof *chat);
    if (chat == NULL)
        return NULL;
    moe__mem_init(&chat->mem, hook);
    moe__model_hold(model);
    chat->model = model;
    moe__history_init(&chat->history, &chat->mem);
    moe__ids_init(&chat->known, &chat->mem);
    moe__ids_init(&chat->ids, &chat->mem);
    moe__ids_init(&chat->w.ids, &chat->mem);
    moe__prompt_init(&chat->prompt, &chat->mem, MOE__FORM_PROMPT_BYTES);
    moe__arena_init(&chat->tools.arena, &chat->mem);
    moe__arena_init(&chat->answer.arena, &chat->mem);
    moe__arena_init(&chat->shown, &chat->mem);
    moe__text_init(&chat->answer.text, &chat->mem, 0);
    moe__text_init(&chat->answer.reasoning, &chat->mem, 0);
    moe__text_init(&chat->answer.written, &chat->mem, 0);
    moe__text_init(&chat->answer.name, &chat->mem, 0);
    moe__text_init(&chat->answer.id, &chat->mem, 0);
    moe__text_init(&chat->answer.arguments, &chat->mem, 0);
    return chat;
}

static moe_status chat_done(moe_chat *chat, moe_status status, moe_chat **out,
                            struct moe__err *err)
{
    if (status == MOE_OK) {
        *out = chat;
        return MOE_OK;
    }
    if (err != NULL)
        *err = chat->err;
    moe_chat_destroy(chat);
    return status;
}

static moe_status chat_create(moe_model *model, const moe_chat_params *params,
                              moe_chat **out, struct moe__err *err)
{
    moe_chat_params p = {.struct_size = sizeof p};
    if (params != NULL)
        MOE__TRY(
            moe__struct_copy(&p, sizeof p, params, "moe_chat_params", err));
    MOE__TRY(check_chat_params(model, &p, err));
    moe_chat *chat = chat_alloc(model, p.allocator);
    if (chat == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a chat");
    return chat_done(chat, chat_fill(chat, &p), out, err);
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

/* ------------------------------------------------------------------ state */

moe_status moe__chat_enter(moe_chat *chat)
{
    if (chat == NULL)
        return MOE_ERR_ARGUMENT;
    if (atomic_exchange(&chat->is_busy, 1) != 0)
        return MOE_ERR_BUSY;
    chat->err.message[0] = 0;
    return MOE_OK;
}

moe_status moe__chat_leave(moe_chat *chat, moe_status status)
{
    atomic_store(&chat->is_busy, 0);
    return status;
}

moe_status moe__chat_idle(moe_chat *chat)
{
    return chat->state == MOE__CHAT_IDLE
               ? MOE_OK
               : moe__fail(&chat->err, MOE_ERR_STATE,
                           "an answer is being written: wait for its end or "
                           "cancel it");
}

moe_status moe_chat_describe(const moe_chat *chat, moe_chat_info *info)
{
    if (chat == NULL)
        return MOE_ERR_ARGUMENT;
    const moe_context *ctx = chat->w.ctx;
    const moe_chat_info found = {
        .format = chat->form.name,
        .reason = chat->form.reason,
        .n_messages = chat->history.n,
        .n_dropped = chat->n_dropped,
        .n_ctx = ctx != NULL ? ctx->engine.params.n_ctx : 0,
        .n_used = ctx != NULL ? ctx->pos : 0,
        .n_marks = chat->n_marks,
        .n_controls = chat->n_controls,
        .n_tools = chat->tools.list != NULL ? chat->tools.list->n : 0,
        .n_loose_tools = chat->tools.n_loose,
        .has_emulated_tools = moe__call_format_is_emulated(chat->form.calls),
    };
    return moe__info_fill(info, &found, sizeof found);
}

moe_sampler *moe_chat_sampler(moe_chat *chat)
{
    return chat == NULL ? NULL : chat->w.sampler;
}

const char *moe_chat_error(const moe_chat *chat)
{
    return chat == NULL ? "" : chat->err.message;
}

void moe_chat_cancel(moe_chat *chat)
{
    if (chat != NULL)
        moe_context_cancel(chat->w.ctx);
}

/* ------------------------------------------------------------------- fork */

/* The prompt and the answer are not copied: both begin anew. */
static moe_status chat_copy(moe_chat *to, moe_chat *from)
{
    moe_error why = {0};
    moe_status status = MOE_OK;
    to->max_tokens = from->max_tokens;
    to->overflow = from->overflow;
    to->injection = from->injection;
    to->n_dropped = from->n_dropped;
    to->n_marks = from->n_marks;
    to->n_controls = from->n_controls;
    memcpy(to->date, from->date, sizeof to->date);
    to->n_date = from->n_date;
    to->think_begin = from->think_begin;
    to->think_end = from->think_end;
    MOE__TRY(moe__form_copy(&to->form, &to->mem, &from->form, &to->err));
    MOE__TRY(moe__stream_clone(&to->mem, from->stream, &to->stream, &to->err));
    for (int32_t i = 0; i < from->history.n; i++)
        MOE__TRY(moe__history_add(&to->history, &from->history.messages[i],
                                  &to->err));
    for (size_t i = 0; i < from->known.n; i++)
        if (moe__ids_push(&to->known, from->known.ids[i]) != MOE_OK)
            return moe__fail(&to->err, MOE_ERR_NO_MEMORY,
                             "no memory for a chat");
    MOE__TRY(moe__tools_copy(to, from));
    if (from->w.ctx != NULL) {
        status = moe_context_fork(from->w.ctx, &to->w.ctx, &why);
        if (status == MOE_OK)
            status = moe_sampler_clone(from->w.sampler, &to->w.sampler, &why);
    }
    return status == MOE_OK ? status
                            : moe__fail(&to->err, status, "%s", why.message);
}

moe_status moe_chat_fork(moe_chat *chat, moe_chat **out, moe_error *err)
{
    struct moe__err why = {0};
    if (out != NULL)
        *out = NULL;
    if (chat == NULL || out == NULL)
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_chat_fork: chat and out must not "
                                        "be NULL"));
    moe_status status = moe__chat_enter(chat);
    if (status != MOE_OK)
        return moe__error_out(
            err, &why, moe__fail(&why, status, "another thread uses the chat"));
    moe_chat *copy = NULL;
    if (chat->state != MOE__CHAT_IDLE)
        status = moe__fail(&why, MOE_ERR_STATE,
                           "an answer is being written: wait for its end or "
                           "cancel it");
    else if ((copy = chat_alloc(chat->model, &chat->mem.hook)) == NULL)
        status = moe__fail(&why, MOE_ERR_NO_MEMORY, "no memory for a chat");
    else
        status = chat_done(copy, chat_copy(copy, chat), out, &why);
    return moe__chat_leave(chat, moe__error_out(err, &why, status));
}
