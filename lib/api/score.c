/* score.c: how likely a text is, and a text as a vector. */
#include "api/api.h"

#include "base/math.h"
#include "os/system.h"

#include <math.h>

/* What happens with each step of a text that is read from the start. */
struct reading {
    moe_context *ctx;
    const moe_token *tokens; /* [n] */
    int32_t n;
    int32_t from; /* of this token on the results are wanted */
    /* Tokens [first, first + n_step) were evaluated just now. */
    moe_status (*see)(struct reading *reading, int32_t first, int32_t n_step);
    void *user;
};

/* Empties the context and reads all tokens, step by step. */
static moe_status read_text(struct reading *reading)
{
    moe_context *ctx = reading->ctx;
    const bool is_all = ctx->engine.params.wants_all_logits;
    const int32_t from = is_all ? 0 : reading->from;
    ctx->pos = ctx->high = 0;
    ctx->n_logits = 0;
    MOE__TRY(moe__context_check(ctx, reading->tokens, reading->n));
    const uint64_t start_ns = moe__clock_ns();
    const uint64_t fpu = moe__fpu_begin();
    moe_status status = MOE_OK;
    for (int32_t first = 0; first < reading->n && status == MOE_OK;) {
        const int32_t n_step =
            moe__min_i32(reading->n - first, ctx->engine.params.n_batch);
        const int32_t n_wanted =
            moe__min_i32(n_step, moe__max_i32(0, first + n_step - from));
        status =
            moe__context_step(ctx, reading->tokens + first, n_step, n_wanted);
        if (status == MOE_OK)
            status = reading->see(reading, first, n_step);
        first += n_step;
    }
    moe__fpu_end(fpu);
    ctx->eval_ns += moe__clock_ns() - start_ns;
    return status;
}

/* ----------------------------------------------------------------- score */

struct scoring {
    int32_t n_given;
    moe_score score;
};

/* logits [n_vocab]: log softmax at `token`, in double. */
static void score_token(struct scoring *scoring, const float *logits,
                        int32_t n_vocab, moe_token token)
{
    moe_token best;
    double sum = 0;
    moe__top_k(&best, 1, logits, n_vocab);
    const double most = (double)logits[best];
    for (int32_t i = 0; i < n_vocab; i++)
        sum += moe__exp((double)logits[i] - most);
    scoring->score.logprob += (double)logits[token] - most - moe__log(sum);
    scoring->score.n_tokens++;
    scoring->score.is_greedy &= best == token;
}

/* The logits of a token judge the one after it. */
static moe_status score_step(struct reading *reading, int32_t first,
                             int32_t n_step)
{
    moe_context *ctx = reading->ctx;
    struct scoring *scoring = reading->user;
    const int32_t n_vocab = ctx->model->net.n_vocab;
    const bool is_all = ctx->engine.params.wants_all_logits;
    const int32_t from = moe__max_i32(first, scoring->n_given - 1);
    const int32_t end = moe__min_i32(first + n_step, reading->n - 1);
    for (int32_t i = from; i < end; i++) {
        const int32_t row = i - first;
        if (!is_all && !moe__engine_head(&ctx->engine, row, &ctx->stop)) {
            atomic_store(&ctx->stop, 0);
            return moe__fail(&ctx->err, MOE_ERR_CANCELLED,
                             "cancelled at position %d", ctx->pos);
        }
        const size_t at = is_all ? (size_t)row * (size_t)n_vocab : 0;
        score_token(scoring, ctx->engine.logits + at, n_vocab,
                    reading->tokens[i + 1]);
    }
    if (!is_all)
        ctx->n_logits = 0; /* row 0 is that of another token */
    return MOE_OK;
}

moe_status moe_context_score(moe_context *ctx, const moe_token *tokens,
                             int32_t n, int32_t n_given, moe_score *score)
{
    MOE__TRY(moe__context_enter(ctx));
    struct scoring scoring = {.n_given = n_given, .score = {.is_greedy = 1}};
    struct reading reading = {.ctx = ctx,
                              .tokens = tokens,
                              .n = n,
                              .from = n_given - 1,
                              .see = score_step,
                              .user = &scoring};
    if (score == NULL || n_given < 1 || n_given >= n)
        return moe__context_leave(
            ctx, moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                           "n_given: expected 1 to n - 1 = %d, found %d", n - 1,
                           n_given));
    moe_status status = read_text(&reading);
    if (status == MOE_OK)
        status = moe__info_fill(score, &scoring.score, sizeof scoring.score);
    return moe__context_leave(ctx, status);
}

/* ----------------------------------------------------------------- embed */

struct pooling {
    moe_pooling kind;
    double *sum; /* [d_model] */
    float *row;  /* [d_model] */
};

static moe_status pool_step(struct reading *reading, int32_t first,
                            int32_t n_step)
{
    const struct pooling *pooling = reading->user;
    const struct moe__engine *engine = &reading->ctx->engine;
    for (int32_t i = 0; i < n_step; i++) {
        const int32_t at = first + i;
        if ((pooling->kind == MOE_POOLING_FIRST && at != 0) ||
            (pooling->kind == MOE_POOLING_LAST && at != reading->n - 1))
            continue;
        moe__engine_hidden(engine, i, pooling->row);
        for (int32_t k = 0; k < engine->net->d_model; k++)
            pooling->sum[k] += (double)pooling->row[k];
    }
    return MOE_OK;
}

/* gguf: {arch}.pooling_type: 1 mean, 2 first ("cls"), 3 last. */
static moe_pooling pooling_of_file(const moe_model *model)
{
    char key[96];
    moe__format(key, sizeof key, "%s.pooling_type", model->family);
    const struct moe__meta *meta = moe__meta_find(&model->gguf, key);
    int64_t value;
    if (meta == NULL || moe__meta_i64(meta, 0, MOE_POOLING_MEAN,
                                      MOE_POOLING_LAST, &value, NULL) != MOE_OK)
        return MOE_POOLING_MEAN;
    return (moe_pooling)value;
}

/* The mean has the direction of the sum; it differs in length only. */
static void finish_vector(const double *sum, int32_t n_tokens, bool is_scaled,
                          float *vector, int32_t n_dims)
{
    double square = 0;
    for (int32_t i = 0; i < n_dims; i++)
        square += sum[i] * sum[i];
    const double length = is_scaled ? sqrt(square) : n_tokens;
    for (int32_t i = 0; i < n_dims; i++)
        vector[i] = (float)(length > 0 ? sum[i] / length : 0.0);
}

static moe_status context_embed(moe_context *ctx, struct reading *reading,
                                const moe_embed_params *params, float *vector,
                                int32_t n_dims)
{
    const size_t d_model = (size_t)ctx->model->net.d_model;
    struct pooling pooling = {.kind = params->pooling};
    reading->see = pool_step;
    reading->user = &pooling;
    if (pooling.kind == MOE_POOLING_AUTO)
        pooling.kind = pooling_of_file(ctx->model);
    reading->from = pooling.kind == MOE_POOLING_LAST ? reading->n - 1 : 0;
    pooling.sum = moe__mem_calloc(&ctx->mem, d_model, sizeof *pooling.sum);
    pooling.row = moe__mem_calloc(&ctx->mem, d_model, sizeof *pooling.row);
    const moe_status status =
        pooling.sum == NULL || pooling.row == NULL
            ? moe__fail(&ctx->err, MOE_ERR_NO_MEMORY,
                        "no memory for a vector of %zu", d_model)
            : read_text(reading);
    if (status == MOE_OK)
        finish_vector(pooling.sum,
                      pooling.kind == MOE_POOLING_MEAN ? reading->n : 1,
                      params->keeps_length == 0, vector, n_dims);
    moe__mem_free(&ctx->mem, pooling.sum, d_model * sizeof *pooling.sum);
    moe__mem_free(&ctx->mem, pooling.row, d_model * sizeof *pooling.row);
    return status;
}

static moe_status check_embed(moe_context *ctx, const moe_embed_params *params,
                              const float *vector, int32_t n_dims)
{
    const int32_t d_model = ctx->model->net.d_model;
    if (vector == NULL || n_dims < 1 || n_dims > d_model)
        return moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                         "n_dims: expected 1 to %d, found %d", d_model, n_dims);
    if (params->pooling < MOE_POOLING_AUTO ||
        params->pooling > MOE_POOLING_LAST)
        return moe__fail(&ctx->err, MOE_ERR_ARGUMENT,
                         "pooling: expected 0 to %d, found %d",
                         MOE_POOLING_LAST, params->pooling);
    return MOE_OK;
}

moe_status moe_context_embed(moe_context *ctx, const char *text,
                             int64_t text_bytes, const moe_embed_params *params,
                             float *vector, int32_t n_dims)
{
    moe_embed_params p = {.struct_size = sizeof p};
    MOE__TRY(moe__context_enter(ctx));
    struct reading reading = {.ctx = ctx};
    moe_status status = MOE_OK;
    if (params != NULL)
        status = moe__struct_copy(&p, sizeof p, params, "moe_embed_params",
                                  &ctx->err);
    if (status == MOE_OK)
        status = check_embed(ctx, &p, vector, n_dims);
    ctx->ids.n = 0;
    if (status == MOE_OK)
        status = moe__text_encode(ctx->model, text, text_bytes,
                                  MOE_TEXT_SPECIALS, &ctx->ids, &ctx->err);
    reading.tokens = ctx->ids.ids;
    reading.n = ctx->ids.n < INT32_MAX ? (int32_t)ctx->ids.n : INT32_MAX;
    if (status == MOE_OK)
        status = context_embed(ctx, &reading, &p, vector, n_dims);
    return moe__context_leave(ctx, status);
}
