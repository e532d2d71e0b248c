/* neon_mat256.h: the product of four rows of 256-blocks with one token, NEON.
 *
 *      64 codes of one row          64 activations
 *     | 16 | 16 | 16 | 16 |   x   | 16 | 16 | 16 | 16 |
 *       group i   group j           loaded once for four rows
 *
 * Groups of 32 take a pair of registers, groups of 16 one each.  With P_g the
 * sum of the products of groups 0 .. g, and s_n = 0 behind the last,
 *
 *     sum_g s_g (P_g - P_(g-1)) = sum_g (s_g - s_(g+1)) P_g:
 *
 * a running sum need not start from 0 in each group if steps of the scales take
 * the place of scales.  |q' s| <= 2^14 and |a| <= 127 in 256 terms stay below
 * 2^29; sums of the right side may wrap on their way there.
 *
 * Unsigned codes q' = q + o lose their offset through the exact sums of the
 * activations: sum s (q' - o) a = sum s q' a - o sum s sum a. */
#ifndef MOE_KERN_ARM_NEON_MAT256_H
#define MOE_KERN_ARM_NEON_MAT256_H

#include "kern/arm/neon_block256.h"

/* Products of one integer a group of four rows with the sums of activations of
 * the groups, int16 in one register or, for groups of 16, two. */
MOE__INLINE int32x4_t neon_dot_sums(const int16x8_t row[NEON_ROWS][2],
                                    const int16x8_t sums[2], int32_t group)
{
    int32x4_t dot[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        dot[r] = vmull_s16(vget_low_s16(row[r][0]), vget_low_s16(sums[0]));
        dot[r] = vmlal_high_s16(dot[r], row[r][0], sums[0]);
        if (group == 32)
            continue;
        dot[r] =
            vmlal_s16(dot[r], vget_low_s16(row[r][1]), vget_low_s16(sums[1]));
        dot[r] = vmlal_high_s16(dot[r], row[r][1], sums[1]);
    }
    return neon_sum_rows(dot);
}

/* The sums of activations of each group: int16 [256 / group]. */
MOE__INLINE void neon_group_sums(int16x8_t sums[2], const int16_t *sum,
                                 int32_t group)
{
    sums[0] = vld1q_s16(sum);
    sums[1] = vld1q_s16(sum + 8);
    if (group == 32) /* at most 32 * 127 */
        sums[0] = vpaddq_s16(sums[0], sums[1]);
}

/* Scales of four pairs of groups of 16 in the order of use, if pairs of 32 are
 * two apart: 0 2 1 3. */
MOE__INLINE int16x8_t neon_swap_inner(int16x8_t scale)
{
    static const uint8_t order[16] = {0, 1, 2, 3, 8,  9,  10, 11,
                                      4, 5, 6, 7, 12, 13, 14, 15};
    return vreinterpretq_s16_s8(
        vqtbl1q_s8(vreinterpretq_s8_s16(scale), vld1q_u8(order)));
}

/* step[g] = scale[g] - scale[g + 1], 0 behind the last, in the order of use. */
MOE__INLINE void neon_scale_steps(int16x8_t step[2], const int16x8_t scale[2],
                                  struct neon_type256 type)
{
    const int16x8_t none = vdupq_n_s16(0);
    const int16x8_t low = type.is_apart ? neon_swap_inner(scale[0]) : scale[0];
    if (type.group == 32) {
        step[0] = vsubq_s16(low, vextq_s16(low, none, 1));
        return;
    }
    const int16x8_t high = type.is_apart ? neon_swap_inner(scale[1]) : scale[1];
    step[0] = vsubq_s16(low, vextq_s16(low, high, 1));
    step[1] = vsubq_s16(high, vextq_s16(high, none, 1));
}

/* The steps of pair p: four, or two from element 2 (p % 2) on. */
MOE__INLINE int32x4_t neon_pair_steps(const int16x8_t step[2], int32_t p,
                                      struct neon_type256 type)
{
    const int32_t half = type.group == 32 ? p / 2 : p; /* that they are in */
    const int16x8_t both = step[half / 2];
    return half % 2 == 0 ? vmovl_s16(vget_low_s16(both)) : vmovl_high_s16(both);
}

/* Sums of one row in four parts. */
struct neon_sum256 {
    int32x4_t running; /* of products */
    int32x4_t scaled;
};

/* Adds pair p. */
MOE__INLINE void neon_add_pair(struct neon_sum256 *sum,
                               struct neon_codes64 codes, const int8x16_t a[4],
                               int32x4_t steps, int32_t p,
                               struct neon_type256 type)
{
    neon_dot32_fn *dot32 =
        type.is_wide ? type.dots.of_32_wide : type.dots.of_32;
    int8x16_t w[4];
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        w[i] = vreinterpretq_s8_u8(codes.v[i]);
    if (type.group == 32) {
        MOE__UNROLL
        for (int32_t i = 0; i < 2; i++) {
            sum->running = dot32(sum->running, w + 2 * i, a + 2 * i);
            sum->scaled = neon_mla_lane(sum->scaled, sum->running, steps,
                                        2 * (p % 2) + i);
        }
        return;
    }
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++) {
        sum->running = type.dots.of_16(sum->running, w[i], a[i]);
        sum->scaled = neon_mla_lane(sum->scaled, sum->running, steps, i);
    }
}

/* sum_g s_g sum of codes times activations, of block b of each row. */
MOE__INLINE int32x4_t neon_dot_codes(const struct neon_rows256 *rows,
                                     const struct neon_group *group, int32_t b,
                                     struct neon_type256 type)
{
    const int8_t *q = group->q + 256 * b;
    int16x8_t step[NEON_ROWS][2];
    struct neon_sum256 sum[NEON_ROWS];
    int32x4_t partial[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        neon_scale_steps(step[r], rows->scale[r], type);
        sum[r].running = sum[r].scaled = vdupq_n_s32(0);
    }
    MOE__UNROLL
    for (int32_t p = 0; p < 4; p++) {
        const int8_t *first = q + 32 * neon_first_group(type, p);
        const int8_t *second = q + 32 * neon_second_group(type, p);
        const int8x16_t a[4] = {vld1q_s8(first), vld1q_s8(first + 16),
                                vld1q_s8(second), vld1q_s8(second + 16)};
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++) {
            if (64 * p < type.block_bytes)
                neon_prefetch(group, r,
                              (size_t)b * (size_t)type.block_bytes +
                                  (size_t)(64 * p));
            neon_add_pair(&sum[r], type.codes(rows->block[r], p), a,
                          neon_pair_steps(step[r], p, type), p, type);
            NEON_NO_LOAD_AHEAD();
        }
    }
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        partial[r] = sum[r].scaled;
    return neon_sum_rows(partial);
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with minimums
 * sum = fma(-(dmin d_x), msum, sum). */
MOE__INLINE float32x4_t neon_add_block256(float32x4_t sum,
                                          const struct neon_group *group,
                                          int32_t b, struct neon_type256 type)
{
    struct neon_rows256 rows;
    int16x8_t sums[2];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        rows.block[r] = group->row[r] + (size_t)b * (size_t)type.block_bytes;
    type.open(&rows);
    neon_group_sums(sums, group->sum + 16 * b, type.group);
    int32x4_t isum = neon_dot_codes(&rows, group, b, type);
    if (type.offset != 0)
        isum = vmlsq_n_s32(isum, neon_dot_sums(rows.scale, sums, type.group),
                           type.offset);
    const float d_x = group->scale[b];
    sum = vfmaq_f32(sum, vmulq_n_f32(rows.d, d_x), vcvtq_f32_s32(isum));
    if (!type.has_min)
        return sum;
    const int32x4_t msum = neon_dot_sums(rows.min, sums, type.group);
    return vfmsq_f32(sum, vmulq_n_f32(rows.dmin, d_x), vcvtq_f32_s32(msum));
}

MOE__INLINE float32x4_t neon_multiply_256(const struct neon_group *group,
                                          struct neon_type256 type)
{
    float32x4_t sum = vdupq_n_f32(0);
    for (int32_t b = 0; b < group->n_cols / 256; b++)
        sum = neon_add_block256(sum, group, b, type);
    return sum;
}

/* Four rows by all tokens, for types that have no faster way than to be
 * expanded: once for all tokens. */
MOE__INLINE void neon_multiply_expanded(const struct moe__matmul *job,
                                        int32_t row, int32_t n_rows,
                                        struct neon_dots dots)
{
    const struct neon_type256 type = {NEON_EXPANDED, .dots = dots};
    const struct moe__type_info *info = moe__type_info(job->w->type);
    struct moe__codes codes[NEON_ROWS];
    float32x4_t sum[MOE__MATMUL_TOKENS];
    struct neon_group group = {.n_cols = 256};
    for (int32_t i = 0; i < job->n_tokens; i++)
        sum[i] = vdupq_n_f32(0);
    for (int32_t b = 0; b < job->w->n_cols / 256; b++) {
        for (int32_t r = 0; r < n_rows; r++)
            info->expand(&codes[r], job->w->data +
                                        job->w->row_bytes * (size_t)(row + r) +
                                        (size_t)(b * info->block_bytes));
        for (int32_t r = 0; r < NEON_ROWS; r++)
            group.row[r] = (const void *)&codes[moe__min_i32(r, n_rows - 1)];
        for (int32_t i = 0; i < job->n_tokens; i++) {
            neon_set_token(&group, job, i);
            group.q += 256 * b;
            group.sum += 16 * b;
            group.scale += b;
            sum[i] = neon_add_block256(sum[i], &group, 0, type);
        }
    }
    for (int32_t i = 0; i < job->n_tokens; i++)
        neon_store_products(job->y + i * job->y_stride + row, sum[i], n_rows);
}

MOE__INLINE void neon_matmul_expanded(const struct moe__matmul *job,
                                      struct neon_dots dots)
{
    for (int32_t row = job->row_begin; row < job->row_end; row += NEON_ROWS)
        neon_multiply_expanded(
            job, row, moe__min_i32(NEON_ROWS, job->row_end - row), dots);
}

/* Sets that for all types with 256-blocks; they have no minimums but for those
 * that have their own functions. */
MOE__INLINE void neon_set_expanded(struct moe__kern *kern, moe__matmul_fn *fn)
{
    for (int32_t t = 0; t < MOE__N_TYPES; t++) {
        const struct moe__type_info *info = moe__type_info(t);
        if (info != NULL && info->operand == MOE__OPERAND_A256 &&
            !info->has_min)
            kern->matmul[t] = fn;
    }
}

#endif
