/* scalar_attn.c: attention over stored keys and values: the definition.
 *
 * Online softmax (Milakov and Gimelshein 2018, 1805.02867), one tile of 64
 * absolute positions at a time, so that the order of all additions depends on
 * positions only. */
#include "kern/fill.h"
#include "kern/fmath.h"

/* Elements of a stored row are turned into floats, exactly, by the block. */
#define KV_BLOCK 32

static void get_f32(float *x, const uint8_t *row, int32_t first, int32_t n)
{
    memcpy(x, row + 4 * (size_t)first, (size_t)n * sizeof *x);
}

static void get_f16(float *x, const uint8_t *row, int32_t first, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        x[i] = moe__f16_to_f32(moe__load_u16(row + 2 * (first + i)));
}

/* An f16 has 11 significant bits, an int8 at most 8: the product is exact. */
static void get_q8_0(float *x, const uint8_t *row, int32_t first, int32_t n)
{
    const uint8_t *block = row + first / 32 * 34;
    float d = moe__f16_to_f32(moe__load_u16(block));
    for (int32_t i = 0; i < n; i++)
        x[i] = d * (float)(int8_t)block[2 + i];
}

static const struct kv_form {
    void (*get)(float *x, const uint8_t *row, int32_t first, int32_t n);
    int32_t block_elems;
    int32_t block_bytes;
} kv_forms[MOE__N_KVS] = {
    [MOE__KV_F32] = {get_f32, 1, 4},
    [MOE__KV_F16] = {get_f16, 1, 2},
    [MOE__KV_Q8_0] = {get_q8_0, 32, 34},
};

/* The visible part of one tile, for one query. */
struct tile {
    const struct kv_form *form;
    const uint8_t *k; /* [MOE__TILE, d_head] of the KV type */
    const uint8_t *v;
    size_t row_bytes;
    int32_t d_head;
    int32_t begin; /* positions in the tile */
    int32_t end;
};

/* q . k in 8 lanes. */
static float dot_key(const struct tile *tile, const float *q, int32_t pos)
{
    const uint8_t *row = tile->k + (size_t)pos * tile->row_bytes;
    float lane[MOE__LANES] = {0}, k[KV_BLOCK];
    for (int32_t i = 0; i < tile->d_head; i += KV_BLOCK) {
        int32_t n = moe__min_i32(tile->d_head - i, KV_BLOCK);
        tile->form->get(k, row, i, n);
        for (int32_t j = 0; j < n; j++)
            lane[j % MOE__LANES] = fmaf(q[i + j], k[j], lane[j % MOE__LANES]);
    }
    return moe__tree_sum(lane);
}

/* acc = acc * correction, then acc = fmaf(p_j, v_j, acc) for ascending j. */
static void scalar_add_values(const struct tile *tile, float *acc,
                              float correction, const float *p)
{
    for (int32_t i = 0; i < tile->d_head; i += KV_BLOCK) {
        int32_t n = moe__min_i32(tile->d_head - i, KV_BLOCK);
        for (int32_t j = 0; j < n; j++)
            acc[i + j] *= correction;
        for (int32_t pos = tile->begin; pos < tile->end; pos++) {
            float v[KV_BLOCK];
            tile->form->get(v, tile->v + (size_t)pos * tile->row_bytes, i, n);
            for (int32_t j = 0; j < n; j++)
                acc[i + j] = fmaf(p[pos], v[j], acc[i + j]);
        }
    }
}

/* Adds one tile to the state of a query: one head of one token. */
static void attend_tile(const struct moe__attn *job, const struct tile *tile,
                        int32_t token, int32_t head)
{
    const float *q =
        job->q + token * job->q_stride + (size_t)head * (size_t)job->d_head;
    const int32_t i = token * job->n_q + head;
    float p[MOE__TILE], lane[MOE__LANES] = {0}, max = job->max[i];
    for (int32_t j = tile->begin; j < tile->end; j++) {
        float s = dot_key(tile, q, j) * job->scale;
        if (job->softcap > 0)
            s = job->softcap * moe__tanhf(s / job->softcap);
        max = s > max ? s : max;
        p[j] = s;
    }
    max += 0.0f; /* -0 to +0: otherwise the order of equals would show */
    float base = moe__softmax_base(max);
    for (int32_t j = tile->begin; j < tile->end; j++) {
        p[j] = moe__expf(p[j] - base);
        lane[j % MOE__LANES] += p[j];
    }
    float correction = moe__expf(job->max[i] - base);
    job->max[i] = max;
    job->sum[i] = fmaf(job->sum[i], correction, moe__tree_sum(lane));
    scalar_add_values(tile, job->acc + (size_t)i * (size_t)job->d_head,
                      correction, p);
}

/* The query heads of one token, tile by tile. */
static void attend_token(const struct moe__attn *job, enum moe__kv type,
                         int32_t token)
{
    const struct kv_form *form = &kv_forms[type];
    const int32_t begin = moe__max_i32(job->begin + token * job->begin_step, 0);
    const int32_t end = moe__min_i32(job->end + token, MOE__SPAN);
    for (int32_t t = begin / MOE__TILE; t * MOE__TILE < end; t++) {
        struct tile tile = {
            .form = form,
            .k = job->k[t],
            .v = job->v[t],
            .row_bytes = (size_t)(job->d_head / form->block_elems) *
                         (size_t)form->block_bytes,
            .d_head = job->d_head,
            .begin = moe__max_i32(begin - t * MOE__TILE, 0),
            .end = moe__min_i32(end - t * MOE__TILE, MOE__TILE),
        };
        for (int32_t head = 0; head < job->n_q; head++)
            attend_tile(job, &tile, token, head);
    }
}

void moe__scalar_attend(const struct moe__attn *job, enum moe__kv type)
{
    const int32_t n = job->n_tokens * job->n_q;
    const size_t n_acc = (size_t)n * (size_t)job->d_head;
    for (int32_t i = 0; i < n; i++) {
        job->max[i] = -INFINITY;
        job->sum[i] = 0;
    }
    memset(job->acc, 0, n_acc * sizeof *job->acc);
    for (int32_t token = 0; token < job->n_tokens; token++)
        attend_token(job, type, token);
    for (int32_t i = 0; i < n; i++)
        job->sum[i] = moe__canonical(job->sum[i]);
    for (size_t i = 0; i < n_acc; i++)
        job->acc[i] = moe__canonical(job->acc[i]);
}

static void scalar_attend_f32(const struct moe__attn *job)
{
    moe__scalar_attend(job, MOE__KV_F32);
}

static void scalar_attend_f16(const struct moe__attn *job)
{
    moe__scalar_attend(job, MOE__KV_F16);
}

static void scalar_attend_q8_0(const struct moe__attn *job)
{
    moe__scalar_attend(job, MOE__KV_Q8_0);
}

static void scalar_attend_merge(float *y, const float *max, const float *sum,
                                int64_t stride, const float *acc,
                                int64_t acc_stride, int32_t n_spans,
                                int32_t d_head)
{
    float total = 0, top = -INFINITY;
    memset(y, 0, (size_t)d_head * sizeof *y);
    for (int32_t s = 0; s < n_spans; s++) {
        struct moe__merge merge =
            moe__merge_span(&top, &total, max[s * stride], sum[s * stride]);
        for (int32_t i = 0; i < d_head; i++)
            y[i] =
                fmaf(acc[s * acc_stride + i], merge.share, y[i] * merge.keep);
    }
    for (int32_t i = 0; i < d_head; i++)
        y[i] = moe__canonical(y[i] / total);
}

void moe__scalar_fill_attn(struct moe__kern *kern)
{
    kern->attend[MOE__KV_F32] = scalar_attend_f32;
    kern->attend[MOE__KV_F16] = scalar_attend_f16;
    kern->attend[MOE__KV_Q8_0] = scalar_attend_q8_0;
    kern->attend_merge = scalar_attend_merge;
}
