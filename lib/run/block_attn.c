/* block_attn.c: x += W_o attention(q, k, v), grouped queries (Vaswani et al.
 * 2017; Ainslie et al. 2023, 2305.13245), with sliding windows.
 *
 * Phases: norm | q k v | bias, head norm, rotary, store | attention |
 * projection | add.  A phase runs over tokens, rows or (token, KV head), and
 * each output element has one owner. */
#include "run/run.h"

static void attn_norm_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    moe__acts_norm(step->engine, thread, token, token, step->layer->attn_norm);
}

/* Bias, norm of each head, rotary embedding: any of them may be absent. */
static void shape_heads(const struct moe__step *step, int32_t token, float *x,
                        int32_t n_heads, const float *bias, const float *norm)
{
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    int32_t d_head = net->d_head;
    if (bias != NULL)
        e->kern.add(x, bias, n_heads * d_head);
    if (norm != NULL)
        for (int32_t h = 0; h < n_heads; h++)
            e->kern.rms_norm(x + h * d_head, x + h * d_head, norm, d_head,
                             net->eps);
    enum moe__rope_kind rope = step->layer->rope;
    if (rope == MOE__ROPE_NONE)
        return;
    size_t at = (size_t)token * (size_t)(net->n_rot / 2);
    e->kern.rope(x, e->cosine[rope] + at, e->sine[rope] + at, n_heads, d_head,
                 net->n_rot, net->family->rope_pairs);
}

/* Finishes q, k, v of a token and stores k and v at its position. */
static void store_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const struct moe__layer *layer = step->layer;
    float *q = e->q + (size_t)token * (size_t)net->q_width;
    float *k = e->k + (size_t)token * (size_t)net->kv_width;
    float *v = e->v + (size_t)token * (size_t)net->kv_width;
    (void)thread;
    shape_heads(step, token, q, net->n_heads, layer->q_bias, layer->q_norm);
    shape_heads(step, token, k, net->n_kv_heads, layer->k_bias, layer->k_norm);
    if (layer->v_bias != NULL)
        e->kern.add(v, layer->v_bias, net->kv_width);
    int32_t pos = step->pos + token;
    for (int32_t h = 0; h < net->n_kv_heads; h++) {
        const void *const *keys = moe__kv_keys(&e->kv, step->i_layer, h);
        const void *const *values = moe__kv_values(&e->kv, step->i_layer, h);
        e->kern.kv_put[e->params.kv](moe__kv_row(&e->kv, keys, pos),
                                     k + h * net->d_head, net->d_head);
        e->kern.kv_put[e->params.kv](moe__kv_row(&e->kv, values, pos),
                                     v + h * net->d_head, net->d_head);
    }
}

/* The query heads of one token that share one KV head, over all positions that
 * the token sees: span by span, then merged. */
static void attend_head(void *arg, int32_t chunk, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const struct moe__lane *lane = &e->lanes[thread];
    int32_t token = chunk / net->n_kv_heads, head = chunk % net->n_kv_heads;
    int32_t n_q = net->n_heads / net->n_kv_heads, d_head = net->d_head;
    int32_t end = step->pos + token + 1, window = step->layer->window;
    int32_t begin = window > 0 ? moe__max_i32(0, end - window) : 0;
    int32_t first = begin / MOE__SPAN;
    int32_t n_spans = (end - 1) / MOE__SPAN + 1 - first;
    size_t at = (size_t)token * (size_t)net->q_width +
                (size_t)head * (size_t)(n_q * d_head);

    for (int32_t s = 0; s < n_spans; s++) {
        int32_t start = (first + s) * MOE__SPAN;
        struct moe__attn job = {
            .q = e->q + at,
            .k = moe__kv_keys(&e->kv, step->i_layer, head) + start / MOE__TILE,
            .v =
                moe__kv_values(&e->kv, step->i_layer, head) + start / MOE__TILE,
            .n_q = n_q,
            .d_head = d_head,
            .begin = moe__max_i32(begin - start, 0),
            .end = moe__min_i32(end - start, MOE__SPAN),
            .scale = net->attn_scale,
            .softcap = net->attn_softcap,
            .max = lane->attn_max + s * n_q,
            .sum = lane->attn_sum + s * n_q,
            .acc = lane->attn_acc + (size_t)s * (size_t)(n_q * d_head),
        };
        e->kern.attend[e->params.kv](&job);
    }
    for (int32_t i = 0; i < n_q; i++)
        e->kern.attend_merge(e->mixed + at + i * d_head, lane->attn_max + i,
                             lane->attn_sum + i, n_q,
                             lane->attn_acc + i * d_head, (int64_t)n_q * d_head,
                             n_spans, d_head);
}

static void quantize_mixed(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    int32_t width = e->net->q_width;
    (void)thread;
    moe__acts_put(e, &e->mid, token, e->mixed + (size_t)token * (size_t)width,
                  width);
}

static void add_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__layer *layer = step->layer;
    int32_t d_model = e->net->d_model;
    size_t at = (size_t)token * (size_t)d_model;
    float *out = e->out + at;
    (void)thread;
    if (layer->o_bias != NULL)
        e->kern.add(out, layer->o_bias, d_model);
    if (layer->post_attn_norm != NULL)
        e->kern.rms_norm(out, out, layer->post_attn_norm, d_model, e->net->eps);
    e->kern.add(e->x + at, out, d_model);
}

void moe__block_attn(const struct moe__step *step)
{
    struct moe__engine *e = step->engine;
    const struct moe__layer *layer = step->layer;
    void *arg = (void *)(uintptr_t)step;
    const struct moe__matmul qkv[] = {
        moe__run_job(&layer->q, &e->in, e->q, step->n),
        moe__run_job(&layer->k, &e->in, e->k, step->n),
        moe__run_job(&layer->v, &e->in, e->v, step->n),
    };
    const struct moe__matmul project =
        moe__run_job(&layer->o, &e->mid, e->out, step->n);

    moe__step_run(step, attn_norm_token, arg, step->n);
    moe__step_matmul(step, qkv, 3);
    moe__step_run(step, store_token, arg, step->n);
    moe__step_run(step, attend_head, arg, step->n * e->net->n_kv_heads);
    moe__step_run(step, quantize_mixed, arg, step->n);
    moe__step_matmul(step, &project, 1);
    moe__step_run(step, add_token, arg, step->n);
}
