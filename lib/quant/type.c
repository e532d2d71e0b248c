/* type.c: the one table of types, and decoding by it. */
#include "quant/expand.h"

#define WEIGHTS(type, elems, bytes, kind, mins, fn) \
    [type] = {.name = &#type[5],                    \
              .block_elems = elems,                 \
              .block_bytes = bytes,                 \
              .operand = kind,                      \
              .has_min = mins,                      \
              .expand = fn}
#define FLOATS(type, bytes)         \
    [type] = {.name = &#type[5],    \
              .block_elems = 1,     \
              .block_bytes = bytes, \
              .operand = MOE__OPERAND_F32}
#define NUMBERS(type, bytes) \
    [type] = {.name = &#type[5], .block_elems = 1, .block_bytes = bytes}
#define DECODED(type, elems, bytes, fn) \
    [type] = {.name = &#type[5],        \
              .block_elems = elems,     \
              .block_bytes = bytes,     \
              .decode = fn}
#define A32 MOE__OPERAND_A32
#define A256 MOE__OPERAND_A256

/* ORDER TYPE: as enum moe__type, which is GGUF's numbering.  A name is the
 * constant's without its prefix of five characters. */
static const struct moe__type_info types[MOE__N_TYPES] = {
    FLOATS(MOE__F32, 4),
    FLOATS(MOE__F16, 2),
    FLOATS(MOE__BF16, 2),
    NUMBERS(MOE__F64, 8),
    NUMBERS(MOE__I8, 1),
    NUMBERS(MOE__I16, 2),
    NUMBERS(MOE__I32, 4),
    NUMBERS(MOE__I64, 8),
    WEIGHTS(MOE__Q4_0, 32, 18, A32, false, moe__quant_q4_0),
    WEIGHTS(MOE__Q4_1, 32, 20, A32, true, moe__quant_q4_1),
    WEIGHTS(MOE__Q5_0, 32, 22, A32, false, moe__quant_q5_0),
    WEIGHTS(MOE__Q5_1, 32, 24, A32, true, moe__quant_q5_1),
    WEIGHTS(MOE__Q8_0, 32, 34, A32, false, moe__quant_q8_0),
    WEIGHTS(MOE__IQ4_NL, 32, 18, A32, false, moe__quant_iq4_nl),
    WEIGHTS(MOE__MXFP4, 32, 17, A32, false, moe__quant_mxfp4),
    WEIGHTS(MOE__Q2_K, 256, 84, A256, true, moe__quant_q2_k),
    WEIGHTS(MOE__Q3_K, 256, 110, A256, false, moe__quant_q3_k),
    WEIGHTS(MOE__Q4_K, 256, 144, A256, true, moe__quant_q4_k),
    WEIGHTS(MOE__Q5_K, 256, 176, A256, true, moe__quant_q5_k),
    WEIGHTS(MOE__Q6_K, 256, 210, A256, false, moe__quant_q6_k),
    WEIGHTS(MOE__IQ1_S, 256, 50, A256, false, moe__quant_iq1_s),
    WEIGHTS(MOE__IQ1_M, 256, 56, A256, false, moe__quant_iq1_m),
    WEIGHTS(MOE__IQ2_XXS, 256, 66, A256, false, moe__quant_iq2_xxs),
    WEIGHTS(MOE__IQ2_XS, 256, 74, A256, false, moe__quant_iq2_xs),
    WEIGHTS(MOE__IQ2_S, 256, 82, A256, false, moe__quant_iq2_s),
    WEIGHTS(MOE__IQ3_XXS, 256, 98, A256, false, moe__quant_iq3_xxs),
    WEIGHTS(MOE__IQ3_S, 256, 110, A256, false, moe__quant_iq3_s),
    WEIGHTS(MOE__IQ4_XS, 256, 136, A256, false, moe__quant_iq4_xs),
    WEIGHTS(MOE__TQ1_0, 256, 54, A256, false, moe__quant_tq1_0),
    WEIGHTS(MOE__TQ2_0, 256, 66, A256, false, moe__quant_tq2_0),
    DECODED(MOE__Q8_1, 32, 36, moe__quant_decode_q8_1),
    DECODED(MOE__Q8_K, 256, 292, moe__quant_decode_q8_k),
    DECODED(MOE__NVFP4, 64, 36, moe__quant_decode_nvfp4),
    DECODED(MOE__Q1_0, 128, 18, moe__quant_decode_q1_0),
    DECODED(MOE__Q2_0, 64, 18, moe__quant_decode_q2_0),
};

const struct moe__type_info *moe__type_info(int64_t type)
{
    return type >= 0 && type < MOE__N_TYPES && types[type].name != NULL
               ? &types[type]
               : NULL;
}

bool moe__row_bytes(int32_t type, uint64_t n, uint64_t *bytes)
{
    const struct moe__type_info *info = moe__type_info(type);
    if (info == NULL || n % (uint64_t)info->block_elems != 0)
        return false;
    return moe__mul_u64(n / (uint64_t)info->block_elems,
                        (uint64_t)info->block_bytes, bytes);
}

/* A plain number of any type, by value. */
static float decode_number(int32_t type, const uint8_t *p)
{
    switch (type) {
    case MOE__F32:
        return moe__load_f32(p);
    case MOE__F16:
        return moe__f16_to_f32(moe__load_u16(p));
    case MOE__BF16:
        return moe__bf16_to_f32(moe__load_u16(p));
    case MOE__F64:
        return (float)moe__bits_to_f64(moe__load_u64(p));
    case MOE__I8:
        return (float)(int8_t)p[0];
    case MOE__I16:
        return (float)(int16_t)moe__load_u16(p);
    case MOE__I32:
        return (float)(int32_t)moe__load_u32(p);
    default:
        return (float)(int64_t)moe__load_u64(p);
    }
}

/* x = (d * scale) * q - dmin * min: one rounding, in the subtraction. */
static void decode_codes(float *x, const struct moe__codes *codes, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t g = i / 16;
        float product = codes->d * (float)codes->scale[g] * (float)codes->q[i];
        x[i] = product - codes->dmin * (float)codes->min[g];
    }
}

void moe__decode(int32_t type, float *x, const void *packed, size_t n)
{
    const struct moe__type_info *info = moe__type_info(type);
    const uint8_t *block = packed;
    size_t step = (size_t)info->block_elems;
    struct moe__codes codes;
    for (size_t i = 0; i < n; i += step, block += info->block_bytes) {
        if (info->expand != NULL) {
            info->expand(&codes, block);
            decode_codes(x + i, &codes, info->block_elems);
        } else if (info->decode != NULL) {
            info->decode(x + i, block);
        } else {
            x[i] = decode_number(type, block);
        }
    }
}
