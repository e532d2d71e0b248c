/* complete.c: the public area "complete": a text, and how it goes on. */
#include "api/api.h"

struct completion {
    moe_complete_params params;
    struct moe__mem mem;
    struct moe__writer w;
    struct moe__stream *stream;
    struct moe__ids prompt;
    char *text; /* [cap] what was written, NUL-terminated at n */
    size_t cap;
    size_t n;
    int32_t n_tokens;
    bool is_ended;
    bool is_full; /* the text does not fit into [cap] */
};

static moe_status completion_open(struct completion *c, moe_model *model,
                                  struct moe__err *err)
{
    moe_error why = {0};
    const struct moe__stream_params stream = {0};
    MOE__TRY(moe__stream_open(&c->mem, c->params.stops, c->params.n_stops,
                              &stream, &c->stream, err));
    MOE__TRY(moe__writer_open(model, c->params.allocator, c->params.context,
                              c->params.sampler, &c->w, err));
    const moe_status status =
        moe_sampler_constrain(c->w.sampler, c->params.grammar, &why);
    return status == MOE_OK ? status
                            : moe__fail(err, status, "%s", why.message);
}

static void completion_close(struct completion *c)
{
    moe__writer_close(&c->w);
    moe__stream_destroy(c->stream);
    moe__ids_free(&c->prompt);
}

/* ----------------------------------------------------------------- prompt */

static moe_status completion_read(struct completion *c, const char *prompt,
                                  struct moe__err *err)
{
    moe_context *ctx = c->w.ctx;
    const int32_t n_ctx = ctx->engine.params.n_ctx;
    MOE__TRY(moe__text_encode(ctx->model, prompt, -1, MOE_TEXT_SPECIALS,
                              &c->prompt, err));
    if (c->prompt.n >= (size_t)n_ctx)
        return moe__fail(err, MOE_ERR_CONTEXT_FULL,
                         "the text needs %zu positions and one to go on, there "
                         "are %d",
                         c->prompt.n, n_ctx);
    const moe_status status =
        moe_context_eval(ctx, c->prompt.ids, (int32_t)c->prompt.n, NULL);
    if (status != MOE_OK)
        return moe__fail(err, status, "%s", moe_context_error(ctx));
    moe__sampler_pause(c->w.sampler, true);
    for (size_t i = 0; i < c->prompt.n; i++)
        moe_sampler_accept(c->w.sampler, c->prompt.ids[i]);
    moe__sampler_pause(c->w.sampler, false);
    return MOE_OK;
}

/* ------------------------------------------------------------------- text */

/* The most bytes, up to n, of whole characters of a longer text. */
static size_t whole_bytes(const char *text, size_t n)
{
    while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* What fits is kept: then the text ends here. */
static void completion_keep(struct completion *c, struct moe__slice text)
{
    const size_t room = c->cap - c->n - 1;
    const bool fits = text.n <= room;
    const size_t n = fits ? text.n : whole_bytes((const char *)text.data, room);
    memcpy(c->text + c->n, text.data, n);
    c->n += n;
    c->text[c->n] = 0;
    c->is_full = c->is_full || !fits;
}

/* Hands on what is certain. */
static moe_status completion_show(struct completion *c, struct moe__err *err)
{
    struct moe__segment segment;
    while (moe__stream_next(c->stream, &segment)) {
        if (c->params.show != NULL &&
            c->params.show(c->params.user, (const char *)segment.text.data,
                           segment.text.n) != 0)
            return moe__fail(err, MOE_ERR_CANCELLED, "the host ended the text");
        if (c->text != NULL && !c->is_full)
            completion_keep(c, segment.text);
    }
    return moe__stream_status(c->stream, err);
}

/* Nothing more may or can be written. */
static bool completion_is_over(const struct completion *c)
{
    const moe_context *ctx = c->w.ctx;
    return c->is_full || ctx->pos >= ctx->engine.params.n_ctx ||
           (c->params.max_tokens > 0 && c->n_tokens >= c->params.max_tokens) ||
           moe_sampler_text_end(c->w.sampler) == MOE_TEXT_MUST_END;
}

static moe_status completion_step(struct completion *c, struct moe__err *err)
{
    const struct moe__vocab *vocab = c->w.ctx->model->vocab;
    const int32_t most = c->params.max_tokens > 0
                             ? c->params.max_tokens - c->n_tokens
                             : INT32_MAX;
    const moe_status status = moe__writer_next(&c->w, most);
    if (status != MOE_OK)
        return moe__fail(err, status, "%s", moe_context_error(c->w.ctx));
    c->n_tokens += (int32_t)c->w.ids.n;
    c->is_ended = c->w.is_end || completion_is_over(c);
    for (size_t i = 0; i < c->w.ids.n; i++)
        if (moe__vocab_kind(vocab, c->w.ids.ids[i]) != MOE_TOKEN_CONTROL)
            moe__stream_put(c->stream,
                            moe__vocab_piece(vocab, c->w.ids.ids[i]));
    return MOE_OK;
}

static moe_status completion_write(struct completion *c, struct moe__err *err)
{
    while (!c->is_ended && !c->is_full && !moe__stream_is_stopped(c->stream)) {
        const moe_status status = completion_step(c, err);
        if (status != MOE_OK || c->is_ended)
            moe__stream_end(c->stream);
        const moe_status shown =
            completion_show(c, status == MOE_OK ? err : NULL);
        MOE__TRY(status);
        MOE__TRY(shown);
    }
    if (c->params.grammar == NULL)
        return MOE_OK;
    if (c->is_full)
        return moe__fail(err, MOE_ERR_BUFFER,
                         "the text is longer than %zu bytes", c->cap - 1);
    return moe_sampler_text_end(c->w.sampler) != MOE_TEXT_OPEN
               ? MOE_OK
               : moe__fail(err, MOE_ERR_BUFFER,
                           "%d tokens do not complete the grammar's text",
                           c->n_tokens);
}

static moe_status complete(moe_model *model, const char *prompt,
                           struct completion *c, struct moe__err *err)
{
    if (model->vocab == NULL || !model->has_net)
        return moe__fail(err, MOE_ERR_UNSUPPORTED, "the model has no %s",
                         model->has_net ? "usable vocabulary" : "weights");
    if (c->params.max_tokens < 0)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "max_tokens: expected 0 or more, found %d",
                         c->params.max_tokens);
    moe__mem_init(&c->mem, c->params.allocator);
    moe__ids_init(&c->prompt, &c->mem);
    moe__ids_init(&c->w.ids, &c->mem);
    moe_status status = completion_open(c, model, err);
    if (status == MOE_OK)
        status = completion_read(c, prompt, err);
    if (status == MOE_OK)
        status = completion_write(c, err);
    completion_close(c);
    return status;
}

moe_status moe_complete(moe_model *model, const char *prompt,
                        const moe_complete_params *params, char *text,
                        size_t cap, moe_error *err)
{
    struct moe__err why = {0};
    struct completion c = {.text = text, .cap = cap};
    moe_status status = MOE_OK;
    if (text != NULL && cap > 0)
        text[0] = 0;
    if (model == NULL || prompt == NULL || (text == NULL) != (cap == 0))
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "moe_complete: model and prompt must not be NULL, "
                           "and cap must be text's size");
    if (status == MOE_OK && params != NULL)
        status = moe__struct_copy(&c.params, sizeof c.params, params,
                                  "moe_complete_params", &why);
    if (status == MOE_OK)
        status = complete(model, prompt, &c, &why);
    return moe__error_out(err, &why, status);
}
