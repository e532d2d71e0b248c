/* avx2_expand.h: blocks of the types with code books, and of TQ1_0, to codes,
 * as quant/expand_iq.c does it; minimums, which they lack, are not written. */
#ifndef MOE_KERN_X86_AVX2_EXPAND_H
#define MOE_KERN_X86_AVX2_EXPAND_H

#include "kern/x86/avx2_math.h"
#include "quant/quant.h"

moe__expand_fn moe__avx2_expand_iq1_s, moe__avx2_expand_iq1_m,
    moe__avx2_expand_iq2_xxs, moe__avx2_expand_iq2_xs, moe__avx2_expand_iq2_s,
    moe__avx2_expand_iq3_xxs, moe__avx2_expand_iq3_s, moe__avx2_expand_tq1_0;

/* A block times the 256 activations of one token, without codes in between:
 * sums in eight parts, and the block's d.  Code books only. */
typedef __m256i avx2_dot_fn(float *d, const uint8_t *block, const int8_t *x);

avx2_dot_fn moe__avx2_dot_iq1_s, moe__avx2_dot_iq1_m, moe__avx2_dot_iq2_xxs,
    moe__avx2_dot_iq2_xs, moe__avx2_dot_iq2_s, moe__avx2_dot_iq3_xxs,
    moe__avx2_dot_iq3_s;

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* Pairs of products of 32 signed codes and activations, both above -128: |x|
 * times w with x's sign, at most 2 * 127 * 127 = 32258. */
MOE__INLINE __m256i avx2_dot_signed(__m256i w, __m256i x)
{
    return _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
}

/* Those pairs times the two scales of their groups of 16, added up to int32. */
MOE__INLINE __m256i avx2_scale_32(__m256i dot, const int16_t scale[2])
{
    const __m256i spread =
        _mm256_set_m128i(_mm_set1_epi16(0x0302), _mm_set1_epi16(0x0100));
    int32_t two;
    memcpy(&two, scale, sizeof two);
    return _mm256_madd_epi16(
        dot, _mm256_shuffle_epi8(_mm256_set1_epi32(two), spread));
}

MOE__TARGET_END
#endif
