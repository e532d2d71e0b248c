/* dotprod_panel.c: tiles of products by NEON's dot product instruction
 * (FEAT_DotProd): 4 rows x 4 columns of weights times a word of activations,
 * 4 columns of one of four tokens. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_panel.h"

MOE__TARGET_BEGIN(MOE__ISA_DOTPROD)

/* sum += the four columns of each row times word `token` of a: the instruction
 * wants it as a literal. */
#define DOTPROD_BY_WORD(word)                      \
    __asm__("sdot %0.4s, %1.16b, %2.4b[" #word "]" \
            : "+w"(sum[word])                      \
            : "w"(w), "w"(a))

MOE__INLINE void dotprod_by_words(int32x4_t sum[NEON_TILE_TOKENS], int8x16_t w,
                                  int8x16_t a)
{
    DOTPROD_BY_WORD(0);
    DOTPROD_BY_WORD(1);
    DOTPROD_BY_WORD(2);
    DOTPROD_BY_WORD(3);
}

MOE__INLINE void dotprod_add_half(int32x4_t sum[NEON_TILE],
                                  const int8_t w[2][NEON_UNIT], const int8_t *a,
                                  int32_t half)
{
    MOE__UNROLL
    for (int32_t i = 2 * half; i < 2 * half + 2; i++) {
        const int8x16_t word = vld1q_s8(a + 16 * i);
        dotprod_by_words(sum, vld1q_s8(w[0] + 16 * i), word);
        dotprod_by_words(sum + 4, vld1q_s8(w[1] + 16 * i), word);
    }
}

MOE__INLINE int32x4_t dotprod_spread_rows(const void *row, int32_t i)
{
    const uint8_t *p = row;
    return vreinterpretq_s32_u8(vld1q_u8(p + 16 * (i / 4)));
}

MOE__INLINE float32x4_t dotprod_spread_tokens(const float *token, int32_t i)
{
    return vdupq_n_f32(token[i % 4]);
}

NEON_TILES(dotprod, dotprod_add_half, dotprod_spread_rows,
           dotprod_spread_tokens)

MOE__TARGET_END

static void dotprod_panel(const struct moe__matmul *job)
{
    static const struct neon_tier tier = {NEON_TILE_NAMES(dotprod), false};
    moe__neon_panel_matmul(job, &tier);
}

void moe__dotprod_fill_panel(struct moe__kern *kern)
{
    moe__neon_set_panels(kern, dotprod_panel);
}

#endif
