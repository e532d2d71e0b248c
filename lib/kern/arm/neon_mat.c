/* neon_mat.c: F32, F16 and BF16 weights times f32 activations, NEON: the 8
 * lanes of the definition are two registers. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_rows.h"

typedef struct neon8 neon_load8_fn(const uint8_t *p);

MOE__INLINE struct neon8 neon_load8_bf16(const uint8_t *p)
{
    uint16x8_t h = vreinterpretq_u16_u8(vld1q_u8(p));
    return (struct neon8){
        vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)),
        vreinterpretq_f32_u32(vshll_high_n_u16(h, 16))};
}

/* The last n < 8 products of a row: the other lanes keep their sums, whose zero
 * may be negative. */
MOE__INLINE struct neon8 neon_add_last(struct neon8 sum, struct neon8 w,
                                       struct neon8 x, int32_t n)
{
    float lane[8];
    neon_store8(lane, sum);
    neon_store_part(lane, neon_fma8(sum, w, x), n);
    return neon_load8(lane);
}

MOE__INLINE float32x4_t neon_multiply_floats(const struct neon_group *group,
                                             int32_t elem_bytes,
                                             neon_load8_fn *load)
{
    struct neon8 sum[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        sum[r] = neon_set8(0);
    int32_t k = 0;
    for (; k + 8 <= group->n_cols; k += 8) {
        const size_t at = (size_t)k * (size_t)elem_bytes;
        const struct neon8 x = neon_load8(group->x + k);
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++) {
            if (at % 64 == 0)
                neon_prefetch(group, r, at);
            sum[r] = neon_fma8(sum[r], load(group->row[r] + at), x);
        }
    }
    const int32_t n = group->n_cols - k;
    if (n == 0)
        return neon_tree_sum4(sum);
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        uint8_t part[32] = {0};
        memcpy(part, group->row[r] + (size_t)k * (size_t)elem_bytes,
               (size_t)(n * elem_bytes));
        sum[r] = neon_add_last(sum[r], load(part),
                               neon_load_part(group->x + k, n, 0), n);
    }
    return neon_tree_sum4(sum);
}

static float32x4_t neon_multiply_f32(const struct neon_group *group)
{
    return neon_multiply_floats(group, 4, neon_load8_f32);
}

static float32x4_t neon_multiply_f16(const struct neon_group *group)
{
    return neon_multiply_floats(group, 2, neon_load8_f16);
}

static float32x4_t neon_multiply_bf16(const struct neon_group *group)
{
    return neon_multiply_floats(group, 2, neon_load8_bf16);
}

static void neon_matmul_f32(const struct moe__matmul *job)
{
    neon_matmul(job, neon_multiply_f32);
}

static void neon_matmul_f16(const struct moe__matmul *job)
{
    neon_matmul(job, neon_multiply_f16);
}

static void neon_matmul_bf16(const struct moe__matmul *job)
{
    neon_matmul(job, neon_multiply_bf16);
}

void moe__neon_fill_mat(struct moe__kern *kern)
{
    kern->matmul[MOE__F32] = neon_matmul_f32;
    kern->matmul[MOE__F16] = neon_matmul_f16;
    kern->matmul[MOE__BF16] = neon_matmul_bf16;
    moe__neon_fill_mat32(kern);
    moe__neon_fill_mat256(kern);
    kern->piece_tokens = 16;
}

#endif
