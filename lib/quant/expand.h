/* expand.h: the expanders of all block types, for the table in type.c.
 *
 * Each turns one block into struct moe__codes (quant.h): integers q, and for
 * every 16 of them an integer scale and minimum.  A block may hold any bytes;
 * indices are cut to the bits they have. */
#ifndef MOE_QUANT_EXPAND_H
#define MOE_QUANT_EXPAND_H

#include "quant/quant.h"

moe__expand_fn moe__quant_q4_0, moe__quant_q4_1, moe__quant_q5_0,
    moe__quant_q5_1, moe__quant_q8_0, moe__quant_iq4_nl, moe__quant_mxfp4;
moe__expand_fn moe__quant_q2_k, moe__quant_q3_k, moe__quant_q4_k,
    moe__quant_q5_k, moe__quant_q6_k;
moe__expand_fn moe__quant_iq1_s, moe__quant_iq1_m, moe__quant_iq2_xxs,
    moe__quant_iq2_xs, moe__quant_iq2_s, moe__quant_iq3_xxs, moe__quant_iq3_s,
    moe__quant_iq4_xs, moe__quant_tq1_0, moe__quant_tq2_0;

/* Types whose scales are not d times a small integer, or that are no weights:
 * straight to f32. */
void moe__quant_decode_nvfp4(float *x, const uint8_t *block);
void moe__quant_decode_q1_0(float *x, const uint8_t *block);
void moe__quant_decode_q2_0(float *x, const uint8_t *block);
void moe__quant_decode_q8_1(float *x, const uint8_t *block);
void moe__quant_decode_q8_k(float *x, const uint8_t *block);

#endif
