/* neon_rows.h: the frame of all products of one token with four rows at once,
 * and what the matrix kernels share.
 *
 * Four rows share each load of activations, have independent sums, and are
 * reduced together.  A last group of fewer rows repeats its last row and stores
 * only what was asked for.  Several tokens take a group in turn, so that its
 * weights are read from memory once.
 *
 * The bodies are written once for all tiers: how 16 or 32 codes meet their
 * activations is a constant, struct neon_dots. */
#ifndef MOE_KERN_ARM_NEON_ROWS_H
#define MOE_KERN_ARM_NEON_ROWS_H

#include "kern/arm/neon_math.h"
#include "kern/fill.h"

#define NEON_ROWS 4

/* The compiler would load ahead more than there are registers for. */
#define NEON_NO_LOAD_AHEAD() __asm__ volatile("" : : : "memory")

/* Parts of moe__neon_fill_mat: types with 32-blocks and with 256-blocks. */
moe__kern_fill_fn moe__neon_fill_mat32;
moe__kern_fill_fn moe__neon_fill_mat256;

/* What is multiplied: rows of weights and the activations of one token. */
struct neon_group {
    const uint8_t *row[NEON_ROWS];
    size_t row_bytes;
    int32_t n_cols;
    const float *x;     /* [n_cols] for float weights, or: */
    const int8_t *q;    /* [n_cols] */
    const float *scale; /* [n_cols / 32] or [n_cols / 256] */
    const int16_t *sum; /* [n_cols / 16] */
};

/* The four products. */
typedef float32x4_t neon_group_fn(const struct neon_group *group);

/* Adds products of 16 codes w and activations a to four partial sums. */
typedef int32x4_t neon_dot16_fn(int32x4_t sum, int8x16_t w, int8x16_t a);
/* The same of twice 16. */
typedef int32x4_t neon_dot32_fn(int32x4_t sum, const int8x16_t w[2],
                                const int8x16_t a[2]);

struct neon_dots {
    neon_dot16_fn *of_16;
    neon_dot32_fn *of_32;      /* for |w| <= 64 */
    neon_dot32_fn *of_32_wide; /* for any w */
};

/* ---------------------------------------------------------------- registers */

MOE__INLINE uint8x16_t neon_and(uint8x16_t x, uint8_t mask)
{
    return vandq_u8(x, vdupq_n_u8(mask));
}

/* sum + a * b[lane]: an instruction wants the lane as a literal. */
MOE__INLINE int32x4_t neon_mla_lane(int32x4_t sum, int32x4_t a, int32x4_t b,
                                    int32_t lane)
{
    switch (lane) {
    case 0:
        return vmlaq_laneq_s32(sum, a, b, 0);
    case 1:
        return vmlaq_laneq_s32(sum, a, b, 1);
    case 2:
        return vmlaq_laneq_s32(sum, a, b, 2);
    default:
        return vmlaq_laneq_s32(sum, a, b, 3);
    }
}

/* Sums of the four int32 of four registers: register i's go to element i. */
MOE__INLINE int32x4_t neon_sum_rows(const int32x4_t v[NEON_ROWS])
{
    return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

/* The first, or the second, halves of two registers. */
MOE__INLINE uint32x4_t neon_first_halves(uint32x4_t a, uint32x4_t b)
{
    return vreinterpretq_u32_u64(
        vzip1q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
}

MOE__INLINE uint32x4_t neon_second_halves(uint32x4_t a, uint32x4_t b)
{
    return vreinterpretq_u32_u64(
        vzip2q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
}

/* Word i of register r becomes word r of register i. */
MOE__INLINE void neon_transpose(uint32x4_t v[4])
{
    uint32x4_t even01 = vtrn1q_u32(v[0], v[1]), odd01 = vtrn2q_u32(v[0], v[1]);
    uint32x4_t even23 = vtrn1q_u32(v[2], v[3]), odd23 = vtrn2q_u32(v[2], v[3]);
    v[0] = neon_first_halves(even01, even23);
    v[1] = neon_first_halves(odd01, odd23);
    v[2] = neon_second_halves(even01, even23);
    v[3] = neon_second_halves(odd01, odd23);
}

/* The 16 bits at `at` behind each of four addresses. */
MOE__INLINE uint16x4_t neon_gather_u16(const uint8_t *const p[NEON_ROWS],
                                       size_t at)
{
    uint16x4_t v = vdup_n_u16(moe__load_u16(p[0] + at));
    v = vset_lane_u16(moe__load_u16(p[1] + at), v, 1);
    v = vset_lane_u16(moe__load_u16(p[2] + at), v, 2);
    return vset_lane_u16(moe__load_u16(p[3] + at), v, 3);
}

MOE__INLINE float32x4_t neon_halves_to_floats(uint16x4_t halves)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(halves));
}

MOE__INLINE float32x4_t neon_gather_f16(const uint8_t *const p[NEON_ROWS],
                                        size_t at)
{
    return neon_halves_to_floats(neon_gather_u16(p, at));
}

/* moe__canonical, and the first n <= 4 numbers to y. */
MOE__INLINE void neon_store_products(float *y, float32x4_t product, int32_t n)
{
    product = neon_canonical(product);
    if (n >= NEON_ROWS) {
        vst1q_f32(y, product);
        return;
    }
    float four[NEON_ROWS];
    vst1q_f32(four, product);
    memcpy(y, four, (size_t)n * sizeof *y);
}

/* --------------------------------------------------------------------- dots */

/* Baseline: products are int16, and those of 128 * 127 can be added twice:
 * 2 * 128 * 127 = 32512. */
MOE__INLINE int16x8_t neon_products(int8x16_t w, int8x16_t a)
{
    int16x8_t sum = vmull_s8(vget_low_s8(w), vget_low_s8(a));
    return vmlal_high_s8(sum, w, a);
}

MOE__INLINE int32x4_t neon_dot16(int32x4_t sum, int8x16_t w, int8x16_t a)
{
    return vpadalq_s16(sum, neon_products(w, a));
}

/* 4 * 64 * 127 = 32512 */
MOE__INLINE int32x4_t neon_dot32(int32x4_t sum, const int8x16_t w[2],
                                 const int8x16_t a[2])
{
    int16x8_t four = neon_products(w[0], a[0]);
    four = vmlal_s8(four, vget_low_s8(w[1]), vget_low_s8(a[1]));
    return vpadalq_s16(sum, vmlal_high_s8(four, w[1], a[1]));
}

MOE__INLINE int32x4_t neon_dot32_wide(int32x4_t sum, const int8x16_t w[2],
                                      const int8x16_t a[2])
{
    return neon_dot16(neon_dot16(sum, w[0], a[0]), w[1], a[1]);
}

static const struct neon_dots neon_base_dots = {neon_dot16, neon_dot32,
                                                neon_dot32_wide};

/* -------------------------------------------------------------------- frame */

/* Fetches the cache line at place `at` of the row that takes the place of row r
 * in the next group: harmless where nothing is mapped. */
MOE__INLINE void neon_prefetch(const struct neon_group *group, int32_t r,
                               size_t at)
{
    uintptr_t next = (uintptr_t)group->row[r] + NEON_ROWS * group->row_bytes;
    __builtin_prefetch((const void *)(next + at));
}

MOE__INLINE void neon_set_token(struct neon_group *group,
                                const struct moe__matmul *job, int32_t token)
{
    const struct moe__act *x = job->x;
    size_t row = (size_t)(job->src != NULL ? job->src[token] : token);
    size_t at = row * (size_t)x->stride;
    if (x->operand == MOE__OPERAND_F32) {
        group->x = x->x + at;
        return;
    }
    group->q = x->q + at;
    group->sum = x->sum + at / 16;
    group->scale = x->scale + at / (x->operand == MOE__OPERAND_A32 ? 32 : 256);
}

/* The rows from `row` on, of which n are asked for. */
MOE__INLINE void neon_set_rows(struct neon_group *group,
                               const struct moe__matmul *job, int32_t row,
                               int32_t n)
{
    for (int32_t r = 0; r < NEON_ROWS; r++)
        group->row[r] =
            job->w->data +
            group->row_bytes * (size_t)(row + moe__min_i32(r, n - 1));
}

MOE__INLINE void neon_matmul(const struct moe__matmul *job,
                             neon_group_fn *multiply)
{
    struct neon_group group = {.row_bytes = job->w->row_bytes,
                               .n_cols = job->w->n_cols};
    for (int32_t row = job->row_begin; row < job->row_end; row += NEON_ROWS) {
        int32_t n = moe__min_i32(NEON_ROWS, job->row_end - row);
        neon_set_rows(&group, job, row, n);
        for (int32_t i = 0; i < job->n_tokens; i++) {
            neon_set_token(&group, job, i);
            neon_store_products(job->y + i * job->y_stride + row,
                                multiply(&group), n);
        }
    }
}

#endif
