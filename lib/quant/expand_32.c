/* expand_32.c: blocks of 32 weights, and the types that only decode.
 *
 * Element j < 16 of a block is in the low nibble of byte j, element j + 16 in
 * its high nibble.  d times q is exact in binary32: d has 11 bits, q at most 8.
 */
#include "quant/expand.h"
#include "quant/iq_tables.h"

#define HALF_BLOCK 16

static float load_half(const uint8_t *p)
{
    return moe__f16_to_f32(moe__load_u16(p));
}

static void set_one_scale(struct moe__codes *codes, float d)
{
    codes->d = d;
    codes->dmin = 0;
    for (int32_t g = 0; g < 2; g++) {
        codes->scale[g] = 1;
        codes->min[g] = 0;
    }
}

/* + m is - (-m) * 1. */
static void set_one_min(struct moe__codes *codes, float m)
{
    codes->dmin = -m;
    codes->min[0] = codes->min[1] = 1;
}

static void nibbles_to_codes(struct moe__codes *codes, const uint8_t *qs,
                             int32_t offset)
{
    for (int32_t j = 0; j < HALF_BLOCK; j++) {
        codes->q[j] = (int8_t)((qs[j] & 15) - offset);
        codes->q[j + HALF_BLOCK] = (int8_t)((qs[j] >> 4) - offset);
    }
}

/* The fifth bit of element i is bit i of high. */
static void add_fifth_bits(struct moe__codes *codes, uint32_t high)
{
    for (int32_t i = 0; i < 2 * HALF_BLOCK; i++)
        codes->q[i] = (int8_t)(codes->q[i] + (int32_t)(high >> i & 1) * 16);
}

static void nibbles_to_values(struct moe__codes *codes, const uint8_t *qs,
                              const int8_t values[16])
{
    for (int32_t j = 0; j < HALF_BLOCK; j++) {
        codes->q[j] = values[qs[j] & 15];
        codes->q[j + HALF_BLOCK] = values[qs[j] >> 4];
    }
}

/* h d; u8 qs[16]: (q - 8) d */
void moe__quant_q4_0(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    nibbles_to_codes(codes, block + 2, 8);
}

/* h d; h m; u8 qs[16]: q d + m */
void moe__quant_q4_1(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    set_one_min(codes, load_half(block + 2));
    nibbles_to_codes(codes, block + 4, 0);
}

/* h d; u32 qh; u8 qs[16]: (q - 16) d */
void moe__quant_q5_0(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    nibbles_to_codes(codes, block + 6, 16);
    add_fifth_bits(codes, moe__load_u32(block + 2));
}

/* h d; h m; u32 qh; u8 qs[16]: q d + m */
void moe__quant_q5_1(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    set_one_min(codes, load_half(block + 2));
    nibbles_to_codes(codes, block + 8, 0);
    add_fifth_bits(codes, moe__load_u32(block + 4));
}

/* h d; i8 qs[32] */
void moe__quant_q8_0(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    memcpy(codes->q, block + 2, 32);
}

/* h d; u8 qs[16], each nibble an index into 16 values */
void moe__quant_iq4_nl(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, load_half(block));
    nibbles_to_values(codes, block + 2, moe__quant_iq4_values);
}

/* 2^(e - 128), also where that is subnormal (e = 0 and 1). */
static float e8m0_half_scale(uint8_t e)
{
    return moe__bits_to_f32(e < 2 ? 0x200000u << e : (uint32_t)(e - 1) << 23);
}

/* u8 e; u8 qs[16]: the values are doubled, so the scale is halved. */
void moe__quant_mxfp4(struct moe__codes *codes, const uint8_t *block)
{
    set_one_scale(codes, e8m0_half_scale(block[0]));
    nibbles_to_values(codes, block + 1, moe__quant_fp4_values);
}

/* Unsigned 4-bit exponent (bias 7), 3-bit fraction; 0 and 0x7f are 0. */
static float ue4m3_to_f32(uint8_t bits)
{
    uint32_t exponent = bits >> 3 & 15, fraction = bits & 7;
    if (bits == 0 || bits == 0x7f)
        return 0;
    if (exponent == 0)
        return (float)fraction * 0x1p-9f;
    return moe__bits_to_f32((exponent + 120) << 23 | fraction << 20);
}

/* u8 d[4]; u8 qs[32]: four groups of 16, each with its own scale. */
void moe__quant_decode_nvfp4(float *x, const uint8_t *block)
{
    for (int32_t g = 0; g < 4; g++) {
        const uint8_t *qs = block + 4 + 8 * g;
        float d = ue4m3_to_f32(block[g]) * 0.5f;
        for (int32_t j = 0; j < 8; j++) {
            x[16 * g + j] = d * (float)moe__quant_fp4_values[qs[j] & 15];
            x[16 * g + j + 8] = d * (float)moe__quant_fp4_values[qs[j] >> 4];
        }
    }
}

/* h d; u8 qs[16]: bit i says whether element i is d or -d. */
void moe__quant_decode_q1_0(float *x, const uint8_t *block)
{
    float d = load_half(block);
    for (int32_t i = 0; i < 128; i++)
        x[i] = block[2 + i / 8] >> i % 8 & 1 ? d : -d;
}

/* h d; u8 qs[16]: (q - 1) d, two bits each. */
void moe__quant_decode_q2_0(float *x, const uint8_t *block)
{
    float d = load_half(block);
    for (int32_t i = 0; i < 64; i++)
        x[i] = (float)((block[2 + i / 4] >> 2 * (i % 4) & 3) - 1) * d;
}

/* h d; h s; i8 qs[32] */
void moe__quant_decode_q8_1(float *x, const uint8_t *block)
{
    float d = load_half(block);
    for (int32_t i = 0; i < 32; i++)
        x[i] = (float)(int8_t)block[4 + i] * d;
}

/* f32 d; i8 qs[256]; i16 sums[16] */
void moe__quant_decode_q8_k(float *x, const uint8_t *block)
{
    float d = moe__load_f32(block);
    for (int32_t i = 0; i < 256; i++)
        x[i] = (float)(int8_t)block[4 + i] * d;
}
