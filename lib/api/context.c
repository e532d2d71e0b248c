/* context.c: the public area "context": creating, evaluating, rewinding. */
#include "api/api.h"

#include "os/system.h"

#define DEFAULT_CTX 4096
#define DEFAULT_BATCH 512
/* One token reads all weights once: a few cores saturate the memory of a
 * desktop or a phone, and the others would only use power. */
#define DEFAULT_DECODE_THREADS 8

/* ORDER KV: from moe_kv_type to enum moe__kv. */
static const enum moe__kv kv_of_public[] = {
    [MOE_KV_AUTO] = MOE__KV_F16,
    [MOE_KV_F32] = MOE__KV_F32,
    [MOE_KV_F16] = MOE__KV_F16,
    [MOE_KV_Q8_0] = MOE__KV_Q8_0,
};

static const moe_kv_type kv_to_public[MOE__N_KVS] = {
    [MOE__KV_F32] = MOE_KV_F32,
    [MOE__KV_F16] = MOE_KV_F16,
    [MOE__KV_Q8_0] = MOE_KV_Q8_0,
};

moe_status moe__context_settle(const moe_model *model,
                               const moe_context_params *params,
                               struct moe__run_params *out,
                               struct moe__err *err)
{
    moe_context_params p;
    MOE__TRY(moe__params_copy(MOE_PARAMS_CONTEXT, &p, params, err));
    if (!model->has_net)
        return moe__fail(err, MOE_ERR_STATE,
                         "the model was opened for its vocabulary only");
    int32_t n_ctx = p.n_ctx > 0
                        ? p.n_ctx
                        : moe__min_i32(model->net.n_ctx_train, DEFAULT_CTX);
    int32_t n_batch = p.n_batch > 0 ? p.n_batch : DEFAULT_BATCH;
    int32_t n_cores = moe__min_i32(moe__cpu_cores(), MOE__MAX_THREADS);
    int32_t n_threads = p.n_threads > 0 ? p.n_threads : n_cores;
    int32_t n_decode = p.n_threads_decode > 0
                           ? p.n_threads_decode
                           : moe__min_i32(n_threads, DEFAULT_DECODE_THREADS);
    *out = (struct moe__run_params){
        .n_ctx = n_ctx,
        .n_batch = moe__min_i32(n_batch, n_ctx),
        .n_threads = moe__max_i32(n_threads, n_decode),
        .n_threads_prompt = n_threads,
        .n_threads_decode = n_decode,
        .kv = kv_of_public[p.kv],
        .backend = p.backend,
        .wants_all_logits = p.logits == MOE_LOGITS_ALL,
        .has_rings = p.has_rings != 0,
        .threads = p.threads,
    };
    return MOE_OK;
}

static void log_context(const moe_context *ctx, const moe_context_params *p)
{
    char line[256];
    const struct moe__run_params *run = &ctx->engine.params;
    moe__format(line, sizeof line,
                "context of %d positions, steps of %d, %d threads, backend "
                "%s, KV %s, %llu bytes",
                run->n_ctx, run->n_batch, run->n_threads_prompt,
                ctx->engine.kern.name, moe__kv_name(run->kv),
                (unsigned long long)atomic_load(&ctx->mem.live_bytes));
    moe__host_log(p->log, p->log_user, MOE_LOG_INFO, line);
}

static void context_keep_params(moe_context *ctx, const moe_context_params *p)
{
    ctx->params = *p;
    ctx->params.allocator = &ctx->mem.hook;
    if (p->threads == NULL)
        return;
    ctx->hooks = *p->threads;
    ctx->params.threads = &ctx->hooks;
}

static moe_status context_create(moe_model *model,
                                 const moe_context_params *params,
                                 moe_context **out, struct moe__err *err)
{
    struct moe__run_params run;
    moe_context_params p;
    struct moe__mem mem;
    MOE__TRY(moe__params_copy(MOE_PARAMS_CONTEXT, &p, params, err));
    MOE__TRY(moe__context_settle(model, params, &run, err));
    moe__mem_init(&mem, p.allocator);
    moe_context *ctx = moe__mem_alloc(&mem, sizeof *ctx);
    if (ctx == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a context");
    memset(ctx, 0, sizeof *ctx);
    moe__mem_init(&ctx->mem, p.allocator);
    moe__ids_init(&ctx->ids, &ctx->mem);
    moe_status status =
        moe__engine_create(&ctx->engine, &model->net, &ctx->mem, &run, err);
    if (status != MOE_OK) {
        moe__mem_free(&mem, ctx, sizeof *ctx);
        return status;
    }
    ctx->model = model;
    moe__model_hold(model);
    context_keep_params(ctx, &p);
    log_context(ctx, &p);
    *out = ctx;
    return MOE_OK;
}

moe_status moe_context_create(moe_model *model,
                              const moe_context_params *params,
                              moe_context **out, moe_error *err)
{
    struct moe__err why = {0};
    if (out != NULL)
        *out = NULL;
    moe_status status =
        model == NULL || out == NULL
            ? moe__fail(&why, MOE_ERR_ARGUMENT,
                        "moe_context_create: model and out must not be NULL")
            : context_create(model, params, out, &why);
    return moe__error_out(err, &why, status);
}

void moe_context_destroy(moe_context *ctx)
{
    struct moe__mem mem;
    if (ctx == NULL)
        return;
    moe__mem_init(&mem, &ctx->mem.hook);
    moe__engine_free(&ctx->engine);
    moe__ids_free(&ctx->ids);
    moe_model_close(ctx->model);
    moe__mem_free(&mem, ctx, sizeof *ctx);
}

/* The message is not touched when busy: it belongs to the thread that is
 * inside. */
moe_status moe__context_enter(moe_context *ctx)
{
    if (ctx == NULL)
        return MOE_ERR_ARGUMENT;
    if (atomic_exchange(&ctx->is_busy, 1) != 0)
        return MOE_ERR_BUSY;
    ctx->err.message[0] = 0;
    return MOE_OK;
}

moe_status moe__context_leave(moe_context *ctx, moe_status status)
{
    atomic_store(&ctx->is_busy, 0);
    return status;
}

moe_status moe__context_check(moe_context *ctx, const moe_token *tokens,
                              int32_t n)
{
    int32_t n_vocab = ctx->model->net.n_vocab;
    if (tokens == NULL || n < 1)
        return moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                         "tokens must not be NULL, and n must be positive, "
                         "found %d",
                         n);
    for (int32_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= n_vocab)
            return moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                             "token %d of %d: id %d is outside the "
                             "vocabulary of %d",
                             i, n, tokens[i], n_vocab);
    if (n > ctx->engine.params.n_ctx - ctx->pos)
        return moe__fail(&ctx->err, MOE_ERR_CONTEXT_FULL,
                         "%d tokens do not fit: %d of %d positions are in "
                         "use",
                         n, ctx->pos, ctx->engine.params.n_ctx);
    return MOE_OK;
}

/* A cancel is consumed by the call that it stops. */
moe_status moe__context_step(moe_context *ctx, const moe_token *tokens,
                             int32_t n, int32_t n_wanted)
{
    const bool is_all = ctx->engine.params.wants_all_logits;
    ctx->n_logits = 0;
    if (!moe__engine_step(&ctx->engine, tokens, n, n_wanted, ctx->pos,
                          &ctx->stop)) {
        atomic_store(&ctx->stop, 0);
        return moe__fail(&ctx->err, MOE_ERR_CANCELLED,
                         "cancelled at position %d", ctx->pos);
    }
    ctx->pos += n;
    ctx->high = moe__max_i32(ctx->high, ctx->pos);
    ctx->n_logits = is_all ? n_wanted : moe__min_i32(n_wanted, 1);
    ctx->n_steps++;
    ctx->n_tokens += (uint64_t)n;
    return MOE_OK;
}

/* Evaluates in steps; with is_one_step it may leave tokens over.  Of a step
 * that another one follows nobody can ask for a result. */
static moe_status context_eval(moe_context *ctx, const moe_token *tokens,
                               int32_t n, int32_t *n_done, bool is_one_step)
{
    MOE__TRY(moe__context_check(ctx, tokens, n));
    uint64_t start_ns = moe__clock_ns();
    uint64_t fpu = moe__fpu_begin();
    moe_status status = MOE_OK;
    int32_t done = 0;
    do {
        int32_t step = moe__min_i32(n - done, ctx->engine.params.n_batch);
        int32_t n_wanted = ctx->engine.params.wants_all_logits ? step : 1;
        if (done + step < n && !is_one_step)
            n_wanted = 0;
        status = moe__context_step(ctx, tokens + done, step, n_wanted);
        if (status == MOE_OK)
            done += step;
    } while (status == MOE_OK && done < n && !is_one_step);
    moe__fpu_end(fpu);
    ctx->eval_ns += moe__clock_ns() - start_ns;
    if (n_done != NULL)
        *n_done += done;
    return status == MOE_OK && done < n ? MOE_MORE : status;
}

moe_status moe_context_eval(moe_context *ctx, const moe_token *tokens,
                            int32_t n, int32_t *n_done)
{
    MOE__TRY(moe__context_enter(ctx));
    return moe__context_leave(
        ctx, context_eval(ctx, tokens, n, n_done, n_done != NULL));
}

static moe_status context_prompt(moe_context *ctx, const char *text,
                                 int64_t text_bytes, moe_text_flags flags)
{
    if (ctx->pos > 0)
        flags &= ~(moe_text_flags)MOE_TEXT_SPECIALS;
    ctx->ids.n = 0;
    ctx->ids.stop = &ctx->stop;
    const moe_status status = moe__text_encode(ctx->model, text, text_bytes,
                                               flags, &ctx->ids, &ctx->err);
    if (status == MOE_ERR_CANCELLED)
        atomic_store(&ctx->stop, 0);
    MOE__TRY(status);
    if (ctx->ids.n > INT32_MAX)
        return moe__fail(&ctx->err, MOE_ERR_CONTEXT_FULL,
                         "%zu tokens do not fit", ctx->ids.n);
    return context_eval(ctx, ctx->ids.ids, (int32_t)ctx->ids.n, NULL, false);
}

moe_status moe_context_prompt(moe_context *ctx, const char *text,
                              int64_t text_bytes, moe_text_flags flags)
{
    MOE__TRY(moe__context_enter(ctx));
    return moe__context_leave(ctx,
                              context_prompt(ctx, text, text_bytes, flags));
}

/* Why the sampler has no token. */
static moe_status pick_fail(moe_context *ctx, moe_status status)
{
    if (status == MOE_ERR_ARGUMENT)
        return moe__fail(&ctx->err, status,
                         "the sampler was made for another vocabulary than "
                         "%d",
                         ctx->model->net.n_vocab);
    return moe__fail(&ctx->err, status,
                     status == MOE_ERR_STATE
                         ? "no token may follow: the grammar's text is "
                           "complete, or the vocabulary cannot write it"
                         : "no memory for the grammar's places");
}

static moe_status context_generate(moe_context *ctx, moe_sampler *sampler,
                                   moe_token *token, moe_token_info *info)
{
    const struct moe__vocab *vocab = ctx->model->vocab;
    int32_t n_vocab = ctx->model->net.n_vocab;
    const float *logits = moe_context_logits(ctx, -1);
    moe_token picked;
    moe_status status = MOE_OK;
    if (logits == NULL)
        return moe__fail(&ctx->err, MOE_ERR_STATE,
                         "there are no logits: evaluate a prompt first");
    if (sampler == NULL)
        moe__top_k(&picked, 1, logits, n_vocab);
    else
        status = moe_sampler_pick(sampler, logits, n_vocab, &picked);
    if (status != MOE_OK)
        return pick_fail(ctx, status);
    if (info != NULL && moe_token_describe(ctx->model, picked, info) != MOE_OK)
        return moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                         "token %d has no description: the vocabulary has %d "
                         "entries and info->struct_size must be set",
                         picked, vocab == NULL ? 0 : moe__vocab_size(vocab));
    bool is_end = vocab != NULL && picked < moe__vocab_size(vocab) &&
                  moe__vocab_is_end(vocab, picked);
    if (!is_end)
        MOE__TRY(context_eval(ctx, &picked, 1, NULL, false));
    if (sampler != NULL)
        moe_sampler_accept(sampler, picked);
    if (token != NULL)
        *token = picked;
    return MOE_OK;
}

moe_status moe_context_generate(moe_context *ctx, moe_sampler *sampler,
                                moe_token *token, moe_token_info *info)
{
    MOE__TRY(moe__context_enter(ctx));
    return moe__context_leave(ctx, context_generate(ctx, sampler, token, info));
}

const float *moe_context_logits(const moe_context *ctx, int32_t row)
{
    if (ctx == NULL || row < -1 || row >= ctx->n_logits || ctx->n_logits == 0)
        return NULL;
    if (row == -1)
        row = ctx->n_logits - 1;
    return ctx->engine.logits + (size_t)row * (size_t)ctx->model->net.n_vocab;
}

int32_t moe_context_position(const moe_context *ctx)
{
    return ctx == NULL ? 0 : ctx->pos;
}

/* Whether all that a step from a position on sees is still there: a ring keeps
 * n_batch positions more than its window. */
static bool context_can_return(const moe_context *ctx, int32_t position)
{
    const struct moe__engine *e = &ctx->engine;
    if (!e->params.has_rings || position == 0 ||
        position >= ctx->high - e->params.n_batch)
        return true;
    for (int32_t i = 0; i < e->net->n_layers; i++)
        if (moe__engine_keeps(e->net, &e->params, i) < ctx->high)
            return false;
    return true;
}

moe_status moe_context_rewind(moe_context *ctx, int32_t position)
{
    MOE__TRY(moe__context_enter(ctx));
    if (position < 0 || position > ctx->pos)
        return moe__context_leave(ctx, moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                                                 "position: expected 0 to %d, "
                                                 "found %d",
                                                 ctx->pos, position));
    if (!context_can_return(ctx, position))
        return moe__context_leave(
            ctx, moe__fail(&ctx->err, MOE_ERR_STATE,
                           "position: the rings lead back to %d and to 0, not "
                           "to %d",
                           ctx->high - ctx->engine.params.n_batch, position));
    if (position < ctx->pos)
        ctx->n_logits = 0;
    if (position == 0)
        ctx->high = 0;
    ctx->pos = position;
    return moe__context_leave(ctx, MOE_OK);
}

void moe_context_cancel(moe_context *ctx)
{
    if (ctx != NULL)
        atomic_store(&ctx->stop, 1);
}

moe_status moe_context_set_threads(moe_context *ctx, int32_t n_threads)
{
    MOE__TRY(moe__context_enter(ctx));
    int32_t most = ctx->engine.params.n_threads;
    if (n_threads < 1 || n_threads > most)
        return moe__context_leave(ctx, moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                                                 "n_threads: expected 1 to %d, "
                                                 "found %d",
                                                 most, n_threads));
    moe__engine_set_threads(&ctx->engine, n_threads);
    return moe__context_leave(ctx, MOE_OK);
}

moe_status moe_context_describe(const moe_context *ctx,
                                moe_context_stats *stats)
{
    if (ctx == NULL)
        return MOE_ERR_ARGUMENT;
    const moe_context_stats found = {
        .n_steps = ctx->n_steps,
        .n_tokens = ctx->n_tokens,
        .eval_ns = ctx->eval_ns,
        .anonymous_bytes = atomic_load(&ctx->mem.live_bytes),
        .backend = ctx->engine.kern.name,
        .n_threads = ctx->engine.params.n_threads_prompt,
        .n_ctx = ctx->engine.params.n_ctx,
        .n_batch = ctx->engine.params.n_batch,
        .kv = kv_to_public[ctx->engine.params.kv],
    };
    return moe__info_fill(stats, &found, sizeof found);
}

moe_status moe_context_expert_counts(const moe_context *ctx, int32_t layer,
                                     uint64_t *counts, int32_t n)
{
    if (ctx == NULL || counts == NULL || layer < 0 ||
        layer >= ctx->model->net.n_layers || n != ctx->model->net.n_experts ||
        n == 0)
        return MOE_ERR_ARGUMENT;
    memcpy(counts, ctx->engine.expert_count + (size_t)layer * (size_t)n,
           (size_t)n * sizeof *counts);
    return MOE_OK;
}

const char *moe_context_error(const moe_context *ctx)
{
    return ctx == NULL ? "" : ctx->err.message;
}
