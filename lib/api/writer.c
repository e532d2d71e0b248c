/* writer.c: a context and a sampler that write a text together.
 *
 * What a grammar leaves no choice about is evaluated in one go, without a token
 * of it being sampled. */
#include "api/api.h"

moe_status moe__writer_open(moe_model *model, const moe_allocator *allocator,
                            const moe_context_params *context_params,
                            const moe_sampler_params *sampler_params,
                            struct moe__writer *w, struct moe__err *err)
{
    moe_error why = {0};
    moe_context_params context;
    moe_sampler_params sampler;
    MOE__TRY(
        moe__params_copy(MOE_PARAMS_CONTEXT, &context, context_params, err));
    MOE__TRY(
        moe__params_copy(MOE_PARAMS_SAMPLER, &sampler, sampler_params, err));
    if (context.allocator == NULL)
        context.allocator = allocator;
    if (sampler.allocator == NULL)
        sampler.allocator = allocator;
    moe_status status = moe_context_create(model, &context, &w->ctx, &why);
    if (status == MOE_OK)
        status =
            moe_sampler_create(model->net.n_vocab, &sampler, &w->sampler, &why);
    return status == MOE_OK ? status
                            : moe__fail(err, status, "%s", why.message);
}

void moe__writer_close(struct moe__writer *w)
{
    moe_context_destroy(w->ctx);
    moe_sampler_destroy(w->sampler);
    moe__ids_free(&w->ids);
}

static moe_status writer_no_memory(struct moe__writer *w)
{
    return moe__fail(&w->ctx->err, MOE_ERR_NO_MEMORY,
                     "no memory for the next tokens");
}

static moe_status writer_forced(struct moe__writer *w, int32_t most)
{
    const int32_t room = w->ctx->engine.params.n_ctx - w->ctx->pos;
    const size_t n_most = (size_t)moe__min_i32(room, most);
    if (w->sampler->binding == NULL)
        return MOE_OK;
    if (moe__binding_forced(w->sampler->binding, &w->ids) != MOE_OK)
        return writer_no_memory(w);
    w->ids.n = w->ids.n < n_most ? w->ids.n : n_most;
    if (w->ids.n == 0)
        return MOE_OK;
    const moe_status status =
        moe_context_eval(w->ctx, w->ids.ids, (int32_t)w->ids.n, NULL);
    for (size_t i = 0; i < w->ids.n && status == MOE_OK; i++)
        moe_sampler_accept(w->sampler, w->ids.ids[i]);
    return status;
}

moe_status moe__writer_next(struct moe__writer *w, int32_t most)
{
    moe_token token;
    moe_token_info info = {.struct_size = sizeof info};
    w->ids.n = 0;
    w->is_end = false;
    MOE__TRY(writer_forced(w, most));
    if (w->ids.n > 0)
        return MOE_OK;
    /* Room first: a token that is evaluated must not get lost. */
    if (moe__ids_push(&w->ids, MOE_TOKEN_NONE) != MOE_OK)
        return writer_no_memory(w);
    w->ids.n = 0;
    MOE__TRY(moe_context_generate(w->ctx, w->sampler, &token, &info));
    w->is_end = info.is_end != 0;
    if (!w->is_end)
        w->ids.ids[w->ids.n++] = token;
    return MOE_OK;
}
