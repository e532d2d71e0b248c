/* forward.c: one step through the network: embedding, layers, head. */
#include "run/run.h"

static void embed_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const struct moe__mat *embed = &net->embed;
    float *x = e->x + (size_t)token * (size_t)net->d_model;
    (void)thread;
    moe__decode(embed->type, x,
                embed->data + embed->row_bytes * (uint64_t)step->tokens[token],
                (size_t)net->d_model);
    if (net->embed_scale != 1.0f)
        e->kern.scale(x, net->embed_scale, net->d_model);
    for (int32_t r = 0; r < MOE__N_ROPES; r++) {
        size_t at = (size_t)token * (size_t)(net->n_rot / 2);
        moe__rope_angles(&e->rope[r], net->n_rot, step->pos + token,
                         e->cosine[r] + at, e->sine[r] + at);
    }
}

/* The tokens of a step whose logits are computed. */
struct head_rows {
    const struct moe__step *step;
    int32_t first;
};

static void head_norm_row(void *arg, int32_t row, int32_t thread)
{
    const struct head_rows *rows = arg;
    const struct moe__engine *e = rows->step->engine;
    moe__acts_norm(e, thread, row, rows->first + row, e->net->output_norm);
}

static void cap_row(void *arg, int32_t row, int32_t thread)
{
    const struct head_rows *rows = arg;
    const struct moe__engine *e = rows->step->engine;
    const struct moe__net *net = e->net;
    (void)thread;
    e->kern.softcap(e->logits + (size_t)row * (size_t)net->n_vocab,
                    net->logit_softcap, net->n_vocab);
}

/* Logits of n of the tokens that are left of the step, as rows 0 .. n - 1. */
static void run_head(const struct moe__step *step, int32_t first, int32_t n)
{
    struct moe__engine *e = step->engine;
    struct head_rows rows = {step, first};
    const struct moe__matmul head =
        moe__run_job(&e->net->output, &e->in, e->logits, n);
    moe__step_run(step, head_norm_row, &rows, n);
    moe__step_matmul(step, &head, 1);
    if (e->net->logit_softcap > 0)
        moe__step_run(step, cap_row, &rows, n);
}

bool moe__engine_head(struct moe__engine *engine, int32_t token,
                      const _Atomic int32_t *stop)
{
    const struct moe__step step = {.engine = engine, .n = 1, .stop = stop};
    run_head(&step, token - engine->n_dropped, 1);
    moe__pool_rest(engine->pool);
    return !moe__step_is_stopped(&step);
}

void moe__engine_hidden(const struct moe__engine *engine, int32_t token,
                        float *out)
{
    const struct moe__net *net = engine->net;
    const size_t row = (size_t)(token - engine->n_dropped);
    engine->kern.rms_norm(out, engine->x + row * (size_t)net->d_model,
                          net->output_norm, net->d_model, net->eps);
}

/* In the last layer a token whose result nobody wants only leaves its key and
 * value for later ones.  The others move to the front and go on as a step of
 * their own, which stores their keys and values once more: the same bits. */
static void drop_tokens(struct moe__step *step, int32_t n_dropped)
{
    struct moe__engine *e = step->engine;
    const size_t at = (size_t)n_dropped, n = (size_t)(step->n - n_dropped);
    const size_t d_model = (size_t)e->net->d_model;
    const size_t half_rot = (size_t)e->net->n_rot / 2;
    moe__block_keys(step);
    memmove(e->x, e->x + at * d_model, n * d_model * sizeof *e->x);
    for (int32_t r = 0; r < MOE__N_ROPES; r++) {
        memmove(e->cosine[r], e->cosine[r] + at * half_rot,
                n * half_rot * sizeof(float));
        memmove(e->sine[r], e->sine[r] + at * half_rot,
                n * half_rot * sizeof(float));
    }
    step->tokens += n_dropped;
    step->pos += n_dropped;
    step->n -= n_dropped;
    e->n_dropped = n_dropped;
}

static void run_layer(struct moe__step *step, int32_t i, int32_t n_wanted)
{
    const struct moe__net *net = step->engine->net;
    step->layer = &net->layers[i];
    step->i_layer = i;
    if (i == net->n_layers - 1 && n_wanted <= step->n / 2)
        drop_tokens(step, step->n - n_wanted);
    if (step->n == 0)
        return;
    moe__block_attn(step);
    if (step->layer->experts != NULL)
        moe__block_moe(step);
    else
        moe__block_ffn(step);
}

bool moe__engine_step(struct moe__engine *engine, const moe_token *tokens,
                      int32_t n, int32_t n_wanted, int32_t pos,
                      const _Atomic int32_t *stop)
{
    struct moe__step step = {
        .engine = engine, .tokens = tokens, .n = n, .pos = pos, .stop = stop};
    moe__pool_set_threads(engine->pool, n > 1
                                            ? engine->params.n_threads_prompt
                                            : engine->params.n_threads_decode);
    engine->n_dropped = 0;
    moe__step_run(&step, embed_token, &step, n);
    for (int32_t i = 0; i < engine->net->n_layers; i++)
        if (!moe__step_is_stopped(&step))
            run_layer(&step, i, n_wanted);
    const int32_t n_rows =
        engine->params.wants_all_logits ? n_wanted : moe__min_i32(n_wanted, 1);
    if (n_rows > 0 && !moe__step_is_stopped(&step))
        run_head(&step, step.n - n_rows, n_rows);
    moe__pool_rest(engine->pool);
    return !moe__step_is_stopped(&step);
}
