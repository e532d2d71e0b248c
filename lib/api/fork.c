/* fork.c: a second copy of what is going on, which goes its own way. */
#include "api/api.h"

static void context_copy_state(moe_context *to, const moe_context *from)
{
    const size_t n_vocab = (size_t)from->model->net.n_vocab;
    moe__kv_copy(&to->engine.kv, &from->engine.kv, from->pos);
    memcpy(to->engine.logits, from->engine.logits,
           (size_t)from->n_logits * n_vocab * sizeof *to->engine.logits);
    to->engine.params.n_threads_prompt = from->engine.params.n_threads_prompt;
    to->engine.params.n_threads_decode = from->engine.params.n_threads_decode;
    to->pos = from->pos;
    to->high = from->high;
    to->n_logits = from->n_logits;
}

moe_status moe_context_fork(moe_context *ctx, moe_context **out, moe_error *err)
{
    struct moe__err why = {0};
    if (out != NULL)
        *out = NULL;
    if (ctx == NULL || out == NULL)
        return moe__error_out(err, &why,
                              moe__fail(&why, MOE_ERR_ARGUMENT,
                                        "moe_context_fork: ctx and out must "
                                        "not be NULL"));
    const moe_status entered = moe__context_enter(ctx);
    if (entered != MOE_OK)
        return moe__error_out(
            err, &why,
            moe__fail(&why, entered, "another thread uses the context"));
    const moe_status status =
        moe_context_create(ctx->model, &ctx->params, out, err);
    if (status == MOE_OK)
        context_copy_state(*out, ctx);
    return moe__context_leave(ctx, status);
}
