/* scalar_mat.c: matrix products of every runnable type: the definition.
 *
 * Two bodies: quantised weights times int8 activations, exact in integers up
 * to the end of a block, and weights that are turned into floats. */
#include "kern/fill.h"
#include "kern/fmath.h"

static int32_t dot_16(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < 16; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Row `token` of the activations. */
static struct moe__act act_row(const struct moe__matmul *job, int32_t token)
{
    struct moe__act row = *job->x;
    size_t index = (size_t)(job->src != NULL ? job->src[token] : token);
    size_t at = index * (size_t)row.stride;
    if (row.operand == MOE__OPERAND_F32) {
        row.x += at;
        return row;
    }
    row.q += at;
    row.sum += at / 16;
    row.scale += at / (row.operand == MOE__OPERAND_A32 ? 32 : 256);
    return row;
}

/* acc plus one block of weights times the activations from element `at` on.
 *     isum = sum_g scale_g sum_i q_i a_i,  msum = sum_g min_g sum_i a_i
 *     acc = fmaf(d dx, isum, acc);  acc = fmaf(-(dmin dx), msum, acc)
 * once per scale dx of the activations.  |q scale| <= 2^14 and |a| <= 127 in
 * at most 256 terms: |isum| < 2^29. */
static float add_block(float acc, const struct moe__type_info *info,
                       const struct moe__codes *codes, const struct moe__act *x,
                       int32_t at)
{
    const int32_t unit = x->operand == MOE__OPERAND_A32 ? 32 : 256;
    for (int32_t u = 0; u < info->block_elems; u += unit) {
        int32_t isum = 0, msum = 0;
        for (int32_t i = u; i < u + unit; i += 16) {
            isum += codes->scale[i / 16] * dot_16(codes->q + i, x->q + at + i);
            msum += codes->min[i / 16] * x->sum[(at + i) / 16];
        }
        float dx = x->scale[(at + u) / unit];
        acc = fmaf(codes->d * dx, (float)isum, acc);
        if (info->has_min)
            acc = fmaf(-(codes->dmin * dx), (float)msum, acc);
    }
    return acc;
}

/* A block is expanded once for all tokens; y holds the running sums. */
static void scalar_matmul_int(const struct moe__matmul *job)
{
    const struct moe__type_info *info = moe__type_info(job->w->type);
    struct moe__codes codes;
    for (int32_t row = job->row_begin; row < job->row_end; row++) {
        const uint8_t *block = job->w->data + (uint64_t)row * job->w->row_bytes;
        float *y = job->y + row;
        for (int32_t i = 0; i < job->n_tokens; i++)
            y[i * job->y_stride] = 0;
        for (int32_t at = 0; at < job->w->n_cols; at += info->block_elems) {
            info->expand(&codes, block);
            block += info->block_bytes;
            for (int32_t i = 0; i < job->n_tokens; i++) {
                const struct moe__act x = act_row(job, i);
                float *acc = y + i * job->y_stride;
                *acc = add_block(*acc, info, &codes, &x, at);
            }
        }
        for (int32_t i = 0; i < job->n_tokens; i++)
            y[i * job->y_stride] = moe__canonical(y[i * job->y_stride]);
    }
}

/* lane[k mod 8] = fmaf(w[k], x[k], lane[k mod 8]); n weights from a multiple
 * of 8 on. */
static void add_lanes(float lane[MOE__LANES], const float *w, const float *x,
                      int32_t n)
{
    for (int32_t k = 0; k < n; k++)
        lane[k % MOE__LANES] = fmaf(w[k], x[k], lane[k % MOE__LANES]);
}

#define FLOAT_TOKENS 8 /* that share a conversion of weights */
#define FLOAT_COLS 256 /* a multiple of every block */

/* One row of weights times up to FLOAT_TOKENS tokens from `first` on. */
static void float_row(const struct moe__matmul *job, int32_t row, int32_t first,
                      int32_t n_tokens)
{
    const struct moe__type_info *info = moe__type_info(job->w->type);
    const uint8_t *block = job->w->data + (uint64_t)row * job->w->row_bytes;
    float lane[FLOAT_TOKENS][MOE__LANES] = {{0}};
    float w[FLOAT_COLS];
    for (int32_t k = 0; k < job->w->n_cols; k += FLOAT_COLS) {
        int32_t n = moe__min_i32(job->w->n_cols - k, FLOAT_COLS);
        moe__decode(job->w->type, w, block, (size_t)n);
        block += n / info->block_elems * info->block_bytes;
        for (int32_t i = 0; i < n_tokens; i++)
            add_lanes(lane[i], w, act_row(job, first + i).x + k, n);
    }
    for (int32_t i = 0; i < n_tokens; i++)
        job->y[(first + i) * job->y_stride + row] =
            moe__canonical(moe__tree_sum(lane[i]));
}

static void scalar_matmul_float(const struct moe__matmul *job)
{
    for (int32_t row = job->row_begin; row < job->row_end; row++)
        for (int32_t i = 0; i < job->n_tokens; i += FLOAT_TOKENS)
            float_row(job, row, i,
                      moe__min_i32(job->n_tokens - i, FLOAT_TOKENS));
}

void moe__scalar_fill_mat(struct moe__kern *kern)
{
    kern->piece_tokens = 8;
    for (int32_t t = 0; t < MOE__N_TYPES; t++) {
        const struct moe__type_info *info = moe__type_info(t);
        if (info == NULL || info->operand == MOE__OPERAND_NONE)
            kern->matmul[t] = NULL;
        else if (info->operand == MOE__OPERAND_F32)
            kern->matmul[t] = scalar_matmul_float;
        else
            kern->matmul[t] = scalar_matmul_int;
        kern->panel[t] = NULL;
        kern->panel_from[t] = 0;
    }
}
