/* expand_k.c: the K types: 256 weights, integer scales inside the block.
 *
 * Bits of the exact products, of 24: d has 11, and
 *     Q2_K  scale 4 + q 2    Q3_K  6 + 3    Q4_K  6 + 4    Q5_K  6 + 5
 *     Q6_K  8 + 5, where -128 and -32 need one bit only
 * The layouts interleave groups in memory; loops go by element. */
#include "quant/expand.h"

static void load_scales(struct moe__codes *codes, const uint8_t *d,
                        const uint8_t *dmin)
{
    codes->d = moe__f16_to_f32(moe__load_u16(d));
    codes->dmin = dmin == NULL ? 0 : moe__f16_to_f32(moe__load_u16(dmin));
    if (dmin == NULL)
        memset(codes->min, 0, sizeof codes->min);
}

/* u8 scales[16]; u8 qs[64]; h d; h dmin.  Element 128 h + 32 t + l is bits 2t
 * of qs[32 h + l]. */
void moe__quant_q2_k(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qs = block + 16;
    load_scales(codes, block + 80, block + 82);
    for (int32_t g = 0; g < 16; g++) {
        codes->scale[g] = block[g] & 15;
        codes->min[g] = block[g] >> 4;
    }
    for (int32_t i = 0; i < 256; i++) {
        int32_t h = i / 128, t = i / 32 % 4, l = i % 32;
        codes->q[i] = (int8_t)(qs[32 * h + l] >> 2 * t & 3);
    }
}

/* Sixteen 6-bit scales in 12 bytes: low nibbles in bytes 0 .. 7 (first the low
 * ones, then the high ones), two high bits each in bytes 8 .. 11. */
static void unpack_q3_scales(int16_t scale[16], const uint8_t *packed)
{
    for (int32_t g = 0; g < 16; g++) {
        int32_t low = packed[g % 8] >> (g < 8 ? 0 : 4) & 15;
        int32_t high = packed[8 + g % 4] >> 2 * (g / 4) & 3;
        scale[g] = (int16_t)((low | high << 4) - 32);
    }
}

/* u8 hmask[32]; u8 qs[64]; u8 scales[12]; h d.  The third bit of element
 * 128 h + 32 t + l is bit 4 h + t of hmask[l]; without it 4 is subtracted. */
void moe__quant_q3_k(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *hmask = block, *qs = block + 32;
    load_scales(codes, block + 108, NULL);
    unpack_q3_scales(codes->scale, block + 96);
    for (int32_t i = 0; i < 256; i++) {
        int32_t h = i / 128, t = i / 32 % 4, l = i % 32;
        int32_t low = qs[32 * h + l] >> 2 * t & 3;
        int32_t has_high = hmask[l] >> (4 * h + t) & 1;
        codes->q[i] = (int8_t)(low - (has_high ? 0 : 4));
    }
}

/* Eight pairs of 6 bits in 12 bytes, for groups of 32: codes hold groups of 16.
 */
static void unpack_q4_scales(struct moe__codes *codes, const uint8_t *b)
{
    for (int32_t j = 0; j < 8; j++) {
        int32_t scale =
            j < 4 ? b[j] & 63 : (b[j + 4] & 15) | (b[j - 4] >> 6) << 4;
        int32_t min =
            j < 4 ? b[j + 4] & 63 : (b[j + 4] >> 4) | (b[j] >> 6) << 4;
        codes->scale[2 * j] = codes->scale[2 * j + 1] = (int16_t)scale;
        codes->min[2 * j] = codes->min[2 * j + 1] = (int16_t)min;
    }
}

/* h d; h dmin; u8 scales[12]; u8 qs[128].  Groups 2p and 2p + 1 of 32 are the
 * low and high nibbles of qs[32 p ..]. */
void moe__quant_q4_k(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qs = block + 16;
    load_scales(codes, block, block + 2);
    unpack_q4_scales(codes, block + 4);
    for (int32_t p = 0; p < 4; p++)
        for (int32_t l = 0; l < 32; l++) {
            uint8_t byte = qs[32 * p + l];
            codes->q[64 * p + l] = (int8_t)(byte & 15);
            codes->q[64 * p + 32 + l] = (int8_t)(byte >> 4);
        }
}

/* h d; h dmin; u8 scales[12]; u8 qh[32]; u8 qs[128].  As Q4_K; the fifth bits
 * of groups 2p and 2p + 1 are bits 2p and 2p + 1 of qh. */
void moe__quant_q5_k(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qh = block + 16, *qs = block + 48;
    load_scales(codes, block, block + 2);
    unpack_q4_scales(codes, block + 4);
    for (int32_t p = 0; p < 4; p++)
        for (int32_t l = 0; l < 32; l++) {
            int32_t byte = qs[32 * p + l], high = qh[l] >> 2 * p;
            codes->q[64 * p + l] = (int8_t)((byte & 15) | (high & 1) << 4);
            codes->q[64 * p + 32 + l] =
                (int8_t)(byte >> 4 | (high >> 1 & 1) << 4);
        }
}

/* u8 ql[128]; u8 qh[64]; i8 scales[16]; h d.  Element 128 h + 32 t + l: low
 * nibble of ql[64 h + 32 (t % 2) + l] for t < 2, high one above; two more bits
 * at 2t of qh[32 h + l]; minus 32. */
void moe__quant_q6_k(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *ql = block, *qh = block + 128;
    load_scales(codes, block + 208, NULL);
    for (int32_t g = 0; g < 16; g++)
        codes->scale[g] = (int8_t)block[192 + g];
    for (int32_t i = 0; i < 256; i++) {
        int32_t h = i / 128, t = i / 32 % 4, l = i % 32;
        int32_t low = ql[64 * h + 32 * (t % 2) + l] >> (t < 2 ? 0 : 4) & 15;
        int32_t high = qh[32 * h + l] >> 2 * t & 3;
        codes->q[i] = (int8_t)((low | high << 4) - 32);
    }
}
