/* i8mm_panel.c: tiles of products by NEON's int8 matrix instruction
 * (FEAT_I8MM): 2 tokens x 8 columns times 8 columns x 2 rows.  Products of few
 * tokens stay with the dot product instruction, which this tier has as well. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_panel.h"

MOE__TARGET_BEGIN(MOE__ISA_I8MM)

/* Lanes: first row and second row of a's first token, then of its second. */
MOE__INLINE int32x4_t i8mm_add(int32x4_t sum, int8x16_t a, int8x16_t w)
{
    __asm__("smmla %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(a), "w"(w));
    return sum;
}

MOE__INLINE void i8mm_add_half(int32x4_t sum[NEON_TILE],
                               const int8_t w[2][NEON_UNIT], const int8_t *a,
                               int32_t half)
{
    const int8x16_t tokens01 = vld1q_s8(a + 32 * half);
    const int8x16_t tokens23 = vld1q_s8(a + 32 * half + 16);
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++) { /* pairs of rows */
        const int8x16_t rows = vld1q_s8(w[i / 2] + 32 * half + 16 * (i % 2));
        sum[2 * i] = i8mm_add(sum[2 * i], tokens01, rows);
        sum[2 * i + 1] = i8mm_add(sum[2 * i + 1], tokens23, rows);
    }
}

MOE__INLINE int32x4_t i8mm_spread_rows(const void *row, int32_t i)
{
    const uint8_t *p = row;
    return vreinterpretq_s32_u64(vdupq_n_u64(moe__load_u64(p + 8 * (i / 2))));
}

MOE__INLINE float32x4_t i8mm_spread_tokens(const float *token, int32_t i)
{
    const float32x4_t four = vld1q_f32(token);
    return i % 2 == 0 ? vzip1q_f32(four, four) : vzip2q_f32(four, four);
}

NEON_TILES(i8mm, i8mm_add_half, i8mm_spread_rows, i8mm_spread_tokens)

MOE__TARGET_END

static void i8mm_panel(const struct moe__matmul *job)
{
    static const struct neon_tier tier = {NEON_TILE_NAMES(i8mm), true};
    moe__neon_panel_matmul(job, &tier);
}

void moe__i8mm_fill_mat(struct moe__kern *kern)
{
    moe__neon_set_panels(kern, i8mm_panel);
}

#endif
