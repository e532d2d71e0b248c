/* quant.h: what a block of weights is.
 *
 * Every block type of GGUF is described once, by moe__type_info: its size and
 * a function that expands a block into small integers and their scales,
 * struct moe__codes.  The value of element i in group g = i / 16 is
 *
 *     x[i] = (d * scale[g]) * q[i] - (dmin * min[g])
 *
 * where both products are exact in binary32, so that one rounding is left
 * (formats: reference GGUF of ggml; docs/numerics.md lists them).  The decoder
 * to f32, the scalar dot product and the panels of the matrix kernels all start
 * from the codes. */
#ifndef MOE_QUANT_QUANT_H
#define MOE_QUANT_QUANT_H

#include "base/bytes.h"
#include "base/half.h"
#include "base/status.h"

/* GGUF's numbers; gaps are types that were removed from the format. */
enum moe__type {
    MOE__F32 = 0,
    MOE__F16 = 1,
    MOE__Q4_0 = 2,
    MOE__Q4_1 = 3,
    MOE__Q5_0 = 6,
    MOE__Q5_1 = 7,
    MOE__Q8_0 = 8,
    MOE__Q8_1 = 9,
    MOE__Q2_K = 10,
    MOE__Q3_K = 11,
    MOE__Q4_K = 12,
    MOE__Q5_K = 13,
    MOE__Q6_K = 14,
    MOE__Q8_K = 15,
    MOE__IQ2_XXS = 16,
    MOE__IQ2_XS = 17,
    MOE__IQ3_XXS = 18,
    MOE__IQ1_S = 19,
    MOE__IQ4_NL = 20,
    MOE__IQ3_S = 21,
    MOE__IQ2_S = 22,
    MOE__IQ4_XS = 23,
    MOE__I8 = 24,
    MOE__I16 = 25,
    MOE__I32 = 26,
    MOE__I64 = 27,
    MOE__F64 = 28,
    MOE__IQ1_M = 29,
    MOE__BF16 = 30,
    MOE__TQ1_0 = 34,
    MOE__TQ2_0 = 35,
    MOE__MXFP4 = 39,
    MOE__NVFP4 = 40,
    MOE__Q1_0 = 41,
    MOE__Q2_0 = 42,
    MOE__N_TYPES = 43
};

/* What a weight of this type is multiplied with. */
enum moe__operand {
    MOE__OPERAND_NONE, /* cannot be multiplied: readable, not runnable */
    MOE__OPERAND_F32,  /* floats: activations stay f32 */
    MOE__OPERAND_A32,  /* 32-blocks: activations in int8 with a scale per 32 */
    MOE__OPERAND_A256  /* 256-blocks: int8 with a scale per 256 */
};

#define MOE__MAX_BLOCK 256

struct moe__codes {
    int8_t q[MOE__MAX_BLOCK];           /* [block elements] */
    int16_t scale[MOE__MAX_BLOCK / 16]; /* [block elements / 16] */
    int16_t min[MOE__MAX_BLOCK / 16];
    float d;
    float dmin; /* 0 for types without minimums; then min is all 0 */
};

typedef void moe__expand_fn(struct moe__codes *codes, const uint8_t *block);

struct moe__type_info {
    const char *name;    /* "Q4_K"; NULL in gaps */
    int32_t block_elems; /* 1 for plain numbers */
    int32_t block_bytes;
    enum moe__operand operand;
    bool has_min;
    moe__expand_fn *expand; /* NULL for plain numbers and for types whose
                               scales are not d * integer (then decode) */
    /* Block to f32 [block_elems]; NULL: made from expand. */
    void (*decode)(float *x, const uint8_t *block);
};

/* NULL if `type` is not a type of the format. */
const struct moe__type_info *moe__type_info(int64_t type);

/* Bytes of a row of n elements; false if n is not a multiple of the block. */
bool moe__row_bytes(int32_t type, uint64_t n, uint64_t *bytes);

/* n elements (a multiple of the block) from packed rows to f32.  Integer types
 * and F64 convert by value. */
void moe__decode(int32_t type, float *x, const void *packed, size_t n);

#endif
