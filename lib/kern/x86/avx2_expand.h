/* avx2_expand.h: blocks of the types with code books, and of TQ1_0, to codes,
 * as quant/expand_iq.c does it; minimums, which they lack, are not written. */
#ifndef MOE_KERN_X86_AVX2_EXPAND_H
#define MOE_KERN_X86_AVX2_EXPAND_H

#include "quant/quant.h"

moe__expand_fn moe__avx2_expand_iq1_s, moe__avx2_expand_iq1_m,
    moe__avx2_expand_iq2_xxs, moe__avx2_expand_iq2_xs, moe__avx2_expand_iq2_s,
    moe__avx2_expand_iq3_xxs, moe__avx2_expand_iq3_s, moe__avx2_expand_tq1_0;

#endif
