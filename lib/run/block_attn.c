/* block_attn.c: x += W_o attention(q, k, v), grouped queries (Vaswani et al.
 * 2017; Ainslie et al. 2023, 2305.13245), with sliding windows.
 *
 * Phases: norm | q k v | bias, head norm, rotary, store | attention |
 * projection | add.  A phase runs over tokens, rows or (KV head, block of
 * tokens), and each output element has one owner.
 *
 * Attention is summed span by span (kern.h) and merged in ascending order:
 *
 *               span 0   span 1   span 2
 *     block 0  [ part ] [ part ]            one chunk: all parts of a block,
 *     block 1  [ part ] [ part ] [ part ]   which the thread then merges
 *
 * With fewer blocks than keep the threads busy each part is a chunk, and the
 * merging a phase of its own.  The numbers are the same. */
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

/* Finishes k and v of a token and stores them at its position. */
static void store_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const struct moe__layer *layer = step->layer;
    float *k = e->k + (size_t)token * (size_t)net->kv_width;
    float *v = e->v + (size_t)token * (size_t)net->kv_width;
    (void)thread;
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

static void finish_token(void *arg, int32_t token, int32_t thread)
{
    const struct moe__step *step = arg;
    const struct moe__layer *layer = step->layer;
    const struct moe__net *net = step->engine->net;
    float *q = step->engine->q + (size_t)token * (size_t)net->q_width;
    shape_heads(step, token, q, net->n_heads, layer->q_bias, layer->q_norm);
    store_token(arg, token, thread);
}

/* Dimensions of queries for each token that a product may have at once: then a
 * span of a block takes some milliseconds at most, as such a product does. */
#define PIECE_DIMS 64
/* Queries of a block that still pay with many threads. */
#define LEAST_ROWS 16
/* Chunks that a thread should find, so that threads end together. */
#define CHUNKS_PER_THREAD 4
/* Fewer chunks than this for a thread are split, if there are so many spans
 * that a phase more is worth it. */
#define SPLIT_CHUNKS 2
#define SPLIT_SPANS 3

/* How the attention of a step is cut. */
struct attn_phase {
    const struct moe__step *step;
    int32_t window; /* 0: none */
    int32_t first;  /* span of the step's first visible position */
    int32_t n_spans;
    int32_t n_q;          /* query heads of a KV head */
    int32_t block_tokens; /* of a block, but for the last one */
    int32_t n_blocks;
    bool is_split;
    bool is_quantized; /* results at once, not in a phase of their own */
};

/* Results of a block by span: max, sum [n_spans, n_rows], acc [n_spans, n_rows,
 * d_head], n_rows = block_tokens * n_q. */
struct attn_part {
    float *max;
    float *sum;
    float *acc;
    int32_t n_rows;
};

/* Tokens [begin, end) of the step, for one KV head. */
struct attn_block {
    int32_t head;
    int32_t begin;
    int32_t end;
};

static struct attn_block attn_block_at(const struct attn_phase *phase,
                                       int32_t i)
{
    int32_t begin = i % phase->n_blocks * phase->block_tokens;
    return (struct attn_block){
        .head = i / phase->n_blocks,
        .begin = begin,
        .end = moe__min_i32(begin + phase->block_tokens, phase->step->n),
    };
}

/* What a query takes in a part. */
static size_t attn_row_floats(const struct attn_phase *phase)
{
    return (size_t)phase->n_spans *
           (size_t)(phase->step->engine->net->d_head + 2);
}

static struct attn_part attn_part_at(const struct attn_phase *phase, int32_t i)
{
    const struct moe__engine *e = phase->step->engine;
    const int32_t n_rows = phase->block_tokens * phase->n_q;
    const size_t n = (size_t)n_rows * (size_t)phase->n_spans;
    float *at = e->attn + (size_t)i * (size_t)n_rows * attn_row_floats(phase);
    return (struct attn_part){at, at + n, at + 2 * n, n_rows};
}

/* First position that a token of the step sees. */
static int32_t attn_begin(const struct attn_phase *phase, int32_t token)
{
    int32_t end = phase->step->pos + token + 1;
    return phase->window > 0 ? moe__max_i32(0, end - phase->window) : 0;
}

/* Span s of the phase, for those tokens of a block that see some of it. */
static void attend_span(const struct attn_phase *phase, struct attn_block block,
                        struct attn_part part, int32_t s)
{
    const struct moe__step *step = phase->step;
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const int32_t start = (phase->first + s) * MOE__SPAN;
    const int32_t n_q = phase->n_q, d_head = net->d_head;
    int32_t token = moe__max_i32(block.begin, start - step->pos);
    int32_t end = block.end;
    if (phase->window > 0)
        end = moe__min_i32(end,
                           start - step->pos + MOE__SPAN - 1 + phase->window);
    if (token >= end)
        return;
    const void *const *k = moe__kv_keys(&e->kv, step->i_layer, block.head);
    const void *const *v = moe__kv_values(&e->kv, step->i_layer, block.head);
    const size_t row =
        (size_t)s * (size_t)part.n_rows + (size_t)((token - block.begin) * n_q);
    const int32_t behind = step->pos + token + 1 - start;
    const struct moe__attn job = {
        .q = e->q + (size_t)token * (size_t)net->q_width +
             (size_t)block.head * (size_t)(n_q * d_head),
        .k = k + start / MOE__TILE,
        .v = v + start / MOE__TILE,
        .q_stride = net->q_width,
        .n_tokens = end - token,
        .n_q = n_q,
        .d_head = d_head,
        .begin = phase->window > 0 ? behind - phase->window : 0,
        .end = behind,
        .begin_step = phase->window > 0,
        .scale = net->attn_scale,
        .softcap = net->attn_softcap,
        .max = part.max + row,
        .sum = part.sum + row,
        .acc = part.acc + row * (size_t)d_head,
    };
    e->kern.attend[e->params.kv](&job);
}

/* Merges the spans of each query, in ascending order. */
static void merge_spans(const struct attn_phase *phase, struct attn_block block,
                        struct attn_part part)
{
    const struct moe__step *step = phase->step;
    const struct moe__engine *e = step->engine;
    const int32_t d_head = e->net->d_head, width = phase->n_q * d_head;
    for (int32_t token = block.begin; token < block.end; token++) {
        const int32_t first = attn_begin(phase, token) / MOE__SPAN;
        const int32_t last = (step->pos + token) / MOE__SPAN;
        const int32_t col = block.head * width;
        float *y = e->mixed + (size_t)token * (size_t)e->net->q_width + col;
        size_t row = (size_t)(first - phase->first) * (size_t)part.n_rows +
                     (size_t)((token - block.begin) * phase->n_q);
        for (int32_t i = 0; i < phase->n_q; i++, row++)
            e->kern.attend_merge(y + i * d_head, part.max + row, part.sum + row,
                                 part.n_rows, part.acc + row * (size_t)d_head,
                                 (int64_t)part.n_rows * d_head,
                                 last - first + 1, d_head);
        if (phase->is_quantized)
            moe__acts_put_part(e, &e->mid, token, col, y, width);
    }
}

/* A block from end to end, in the memory of the thread. */
static void attend_block(void *arg, int32_t chunk, int32_t thread)
{
    const struct attn_phase *phase = arg;
    const struct attn_block block = attn_block_at(phase, chunk);
    const struct attn_part part = attn_part_at(phase, thread);
    for (int32_t s = 0; s < phase->n_spans; s++) {
        if (moe__step_is_stopped(phase->step))
            return;
        attend_span(phase, block, part, s);
    }
    merge_spans(phase, block, part);
}

static void attend_part(void *arg, int32_t chunk, int32_t thread)
{
    const struct attn_phase *phase = arg;
    const int32_t i = chunk / phase->n_spans, s = chunk % phase->n_spans;
    (void)thread;
    attend_span(phase, attn_block_at(phase, i), attn_part_at(phase, i), s);
}

static void merge_parts(void *arg, int32_t chunk, int32_t thread)
{
    const struct attn_phase *phase = arg;
    (void)thread;
    merge_spans(phase, attn_block_at(phase, chunk), attn_part_at(phase, chunk));
}

/* Blocks as large as the kernel likes and memory allows, but enough of them. */
static void cut_attention(struct attn_phase *phase)
{
    const struct moe__step *step = phase->step;
    const struct moe__engine *e = step->engine;
    const int32_t n_q = phase->n_q, n_heads = e->net->n_kv_heads;
    const int32_t n_threads = moe__pool_threads(e->pool);
    const int32_t n_chunks = n_threads > 1 ? CHUNKS_PER_THREAD * n_threads : 1;
    const size_t fitting = e->attn_floats / attn_row_floats(phase);
    int32_t rows = moe__min_i32(
        MOE__ATTN_ROWS, PIECE_DIMS * e->kern.piece_tokens / e->net->d_head);
    int32_t most = moe__max_i32(1, moe__min_i32((int32_t)fitting, rows) / n_q);
    int32_t least = moe__min_i32(most, moe__ceil_div(LEAST_ROWS, n_q));
    int32_t even = step->n / moe__ceil_div(n_chunks, n_heads);
    most = moe__max_i32(least, moe__min_i32(most, even));
    phase->n_blocks = moe__ceil_div(step->n, most);
    phase->block_tokens = moe__ceil_div(step->n, phase->n_blocks);
    phase->n_blocks = moe__ceil_div(step->n, phase->block_tokens);

    size_t n_rows = (size_t)(phase->n_blocks * phase->block_tokens) *
                    (size_t)e->net->n_heads;
    phase->is_split = phase->n_spans >= SPLIT_SPANS && n_threads > 1 &&
                      phase->n_blocks * n_heads < SPLIT_CHUNKS * n_threads &&
                      n_rows <= fitting * (size_t)e->params.n_threads;
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

static void attend_step(const struct moe__step *step)
{
    const struct moe__engine *e = step->engine;
    const struct moe__net *net = e->net;
    const int32_t end = step->pos + step->n;
    const int32_t n_q = net->n_heads / net->n_kv_heads;
    /* Columns that can be quantised on their own: whole blocks. */
    const int32_t unit = e->mid.mask & 1u << MOE__OPERAND_A256 ? 256 : 32;
    struct attn_phase phase = {
        .step = step,
        .window = step->layer->window < end ? step->layer->window : 0,
        .n_q = n_q,
        .is_quantized = n_q * net->d_head % unit == 0,
    };
    phase.first = attn_begin(&phase, 0) / MOE__SPAN;
    phase.n_spans = (end - 1) / MOE__SPAN + 1 - phase.first;
    cut_attention(&phase);
    const int32_t n = phase.n_blocks * net->n_kv_heads;
    if (phase.is_split) {
        moe__step_run(step, attend_part, &phase, n * phase.n_spans);
        moe__step_run(step, merge_parts, &phase, n);
    } else {
        moe__step_run(step, attend_block, &phase, n);
    }
    if (!phase.is_quantized)
        moe__step_run(step, quantize_mixed, (void *)(uintptr_t)step, step->n);
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

void moe__block_keys(const struct moe__step *step)
{
    struct moe__engine *e = step->engine;
    void *arg = (void *)(uintptr_t)step;
    const struct moe__matmul kv[] = {
        moe__run_job(&step->layer->k, &e->in, e->k, step->n),
        moe__run_job(&step->layer->v, &e->in, e->v, step->n),
    };
    moe__step_run(step, attn_norm_token, arg, step->n);
    moe__step_matmul(step, kv, 2);
    moe__step_run(step, store_token, arg, step->n);
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
    moe__step_run(step, finish_token, arg, step->n);
    attend_step(step);
    moe__step_matmul(step, &project, 1);
    moe__step_run(step, add_token, arg, step->n);
}
