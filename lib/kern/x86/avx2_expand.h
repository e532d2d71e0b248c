/* avx2_expand.h: blocks of the types with code books, and of TQ1_0, to codes,
 * as quant/expand_iq.c does it; minimums, which they lack, are not written. */
#ifndef MOE_KERN_X86_AVX2_EXPAND_H
#define MOE_KERN_X86_AVX2_EXPAND_H

#include "quant/quant.h"

#include <immintrin.h>

moe__expand_fn moe__avx2_expand_iq1_s, moe__avx2_expand_iq1_m,
    moe__avx2_expand_iq2_xxs, moe__avx2_expand_iq2_xs, moe__avx2_expand_iq2_s,
    moe__avx2_expand_iq3_xxs, moe__avx2_expand_iq3_s, moe__avx2_expand_tq1_0;

/* A block times the 256 activations of one token, without codes in between:
 * sums in eight parts, and the block's d.  Code books only. */
typedef __m256i avx2_dot_fn(float *d, const uint8_t *block, const int8_t *x);

avx2_dot_fn moe__avx2_dot_iq1_s, moe__avx2_dot_iq1_m, moe__avx2_dot_iq2_xxs,
    moe__avx2_dot_iq2_xs, moe__avx2_dot_iq2_s, moe__avx2_dot_iq3_xxs,
    moe__avx2_dot_iq3_s;

#endif
