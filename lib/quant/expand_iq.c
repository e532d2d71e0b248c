/* expand_iq.c: the code-book and ternary types: 256 weights.
 *
 * Four or eight weights at a time come from a book (iq_tables.h); signs and
 * odd scales 2 s + 1 are packed beside the indices.  What the formats write as
 * d (0.5 + s) / 4 is here d / 8 times (2 s + 1): a power of two moved, so that
 * scales are whole.  Bits, of 24: d 11, scale at most 5, q at most 7. */
#include "quant/expand.h"
#include "quant/iq_tables.h"

static void set_scale_of_block(struct moe__codes *codes, float d)
{
    codes->d = d;
    codes->dmin = 0;
    memset(codes->min, 0, sizeof codes->min);
}

static float half_at(const uint8_t *p)
{
    return moe__f16_to_f32(moe__load_u16(p));
}

/* Seven sign bits; the eighth makes their number even. */
static uint32_t even_signs(uint32_t seven)
{
    uint32_t parity = seven ^ seven >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return seven | (parity & 1) << 7;
}

/* The n values of a book's entry, negated where a bit of signs is set. */
static void entry_to_codes(int8_t *q, int32_t n, uint64_t entry, uint32_t signs)
{
    for (int32_t i = 0; i < n; i++) {
        int8_t value = (int8_t)(entry >> 8 * i & 255);
        q[i] = signs >> i & 1 ? (int8_t)-value : value;
    }
}

/* h d; per 32 weights: four u8 indices, then a u32 with four times seven signs
 * and the scale on top. */
void moe__quant_iq2_xxs(struct moe__codes *codes, const uint8_t *block)
{
    set_scale_of_block(codes, half_at(block) * 0.125f);
    for (int32_t g = 0; g < 8; g++) {
        const uint8_t *index = block + 2 + 8 * g;
        uint32_t signs = moe__load_u32(index + 4);
        codes->scale[2 * g] = codes->scale[2 * g + 1] =
            (int16_t)(2 * (signs >> 28) + 1);
        for (int32_t k = 0; k < 4; k++)
            entry_to_codes(codes->q + 32 * g + 8 * k, 8,
                           moe__quant_iq2_xxs_book[index[k]],
                           even_signs(signs >> 7 * k & 127));
    }
}

/* h d; u16 qs[32], nine bits of index and seven signs; u8 scales[8], a nibble
 * for each 16. */
void moe__quant_iq2_xs(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *scales = block + 66;
    set_scale_of_block(codes, half_at(block) * 0.125f);
    for (int32_t g = 0; g < 16; g++)
        codes->scale[g] =
            (int16_t)(2 * (scales[g / 2] >> 4 * (g % 2) & 15) + 1);
    for (int32_t k = 0; k < 32; k++) {
        uint32_t word = moe__load_u16(block + 2 + 2 * k);
        entry_to_codes(codes->q + 8 * k, 8, moe__quant_iq2_xs_book[word & 511],
                       even_signs(word >> 9));
    }
}

/* h d; u8 qs[32]; u8 signs[32]; u8 qh[8], two more index bits each; u8
 * scales[8]. */
void moe__quant_iq2_s(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qs = block + 2, *signs = block + 34, *qh = block + 66;
    const uint8_t *scales = block + 74;
    set_scale_of_block(codes, half_at(block) * 0.125f);
    for (int32_t g = 0; g < 16; g++)
        codes->scale[g] =
            (int16_t)(2 * (scales[g / 2] >> 4 * (g % 2) & 15) + 1);
    for (int32_t k = 0; k < 32; k++) {
        uint32_t index = qs[k] | (qh[k / 4] >> 2 * (k % 4) & 3u) << 8;
        entry_to_codes(codes->q + 8 * k, 8, moe__quant_iq2_s_book[index],
                       signs[k]);
    }
}

/* h d; u8 qs[64], each for four weights; per 32 a u32 with four times seven
 * signs and the scale on top. */
void moe__quant_iq3_xxs(struct moe__codes *codes, const uint8_t *block)
{
    set_scale_of_block(codes, half_at(block) * 0.25f);
    for (int32_t g = 0; g < 8; g++) {
        uint32_t signs = moe__load_u32(block + 66 + 4 * g);
        codes->scale[2 * g] = codes->scale[2 * g + 1] =
            (int16_t)(2 * (signs >> 28) + 1);
        for (int32_t k = 0; k < 8; k++) {
            uint32_t eight = even_signs(signs >> 7 * (k / 2) & 127);
            entry_to_codes(codes->q + 32 * g + 4 * k, 4,
                           moe__quant_iq3_xxs_book[block[2 + 8 * g + k]],
                           eight >> 4 * (k % 2));
        }
    }
}

/* h d; u8 qs[64]; u8 qh[8], one more index bit each; u8 signs[32]; u8
 * scales[4], a nibble for each 32. */
void moe__quant_iq3_s(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qs = block + 2, *qh = block + 66, *signs = block + 74;
    const uint8_t *scales = block + 106;
    set_scale_of_block(codes, half_at(block));
    for (int32_t g = 0; g < 16; g++)
        codes->scale[g] =
            (int16_t)(2 * (scales[g / 4] >> 4 * (g / 2 % 2) & 15) + 1);
    for (int32_t k = 0; k < 64; k++) {
        uint32_t index = qs[k] | (qh[k / 8] >> k % 8 & 1u) << 8;
        entry_to_codes(codes->q + 4 * k, 4, moe__quant_iq3_s_book[index],
                       (uint32_t)signs[k / 2] >> 4 * (k % 2));
    }
}

/* IQ1: values -1, 0, 1, moved by 1/8 up or down: eight times that is whole. */
static void iq1_entry(int8_t *q, uint32_t index, bool is_down)
{
    entry_to_codes(q, 8, moe__quant_iq1_book[index], 0);
    for (int32_t i = 0; i < 8 && is_down; i++)
        q[i] = (int8_t)(q[i] - 2);
}

/* h d; u8 qs[32]; u16 qh[8]: four times three index bits, three bits of scale,
 * and the direction of the move. */
void moe__quant_iq1_s(struct moe__codes *codes, const uint8_t *block)
{
    set_scale_of_block(codes, half_at(block) * 0.125f);
    for (int32_t g = 0; g < 8; g++) {
        uint32_t qh = moe__load_u16(block + 34 + 2 * g);
        codes->scale[2 * g] = codes->scale[2 * g + 1] =
            (int16_t)(2 * (qh >> 12 & 7) + 1);
        for (int32_t k = 0; k < 4; k++) {
            uint32_t index = block[2 + 4 * g + k] | (qh >> 3 * k & 7) << 8;
            iq1_entry(codes->q + 32 * g + 8 * k, index, qh >> 15);
        }
    }
}

/* u8 qs[32]; u8 qh[16], a nibble for each 8 weights: three index bits and the
 * direction; u16 scales[4]: three bits for each 16 weights, and in their top
 * nibbles the four nibbles of d. */
void moe__quant_iq1_m(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *qh = block + 32, *scales = block + 48;
    uint32_t d = 0;
    for (int32_t w = 0; w < 4; w++)
        d |= (uint32_t)(moe__load_u16(scales + 2 * w) >> 12) << 4 * w;
    set_scale_of_block(codes, moe__f16_to_f32((uint16_t)d) * 0.125f);
    for (int32_t g = 0; g < 16; g++) {
        uint32_t word = moe__load_u16(scales + 2 * (g / 4));
        codes->scale[g] = (int16_t)(2 * (word >> 3 * (g % 4) & 7) + 1);
    }
    for (int32_t k = 0; k < 32; k++) {
        uint32_t nibble = qh[k / 2] >> 4 * (k % 2) & 15u;
        iq1_entry(codes->q + 8 * k, block[k] | (nibble & 7) << 8, nibble >> 3);
    }
}

/* h d; u16 high; u8 low[4]: eight 6-bit scales; u8 qs[128]: per 32 weights 16
 * bytes of nibbles, low ones first, as indices into 16 values. */
void moe__quant_iq4_xs(struct moe__codes *codes, const uint8_t *block)
{
    uint32_t high = moe__load_u16(block + 2);
    set_scale_of_block(codes, half_at(block));
    for (int32_t g = 0; g < 8; g++) {
        uint32_t scale =
            (block[4 + g / 2] >> 4 * (g % 2) & 15u) | (high >> 2 * g & 3) << 4;
        codes->scale[2 * g] = codes->scale[2 * g + 1] =
            (int16_t)((int32_t)scale - 32);
        for (int32_t j = 0; j < 16; j++) {
            uint8_t byte = block[8 + 16 * g + j];
            codes->q[32 * g + j] = moe__quant_iq4_values[byte & 15];
            codes->q[32 * g + 16 + j] = moe__quant_iq4_values[byte >> 4];
        }
    }
}

static void set_unit_scales(struct moe__codes *codes, float d)
{
    set_scale_of_block(codes, d);
    for (int32_t g = 0; g < 16; g++)
        codes->scale[g] = 1;
}

/* Digit n of five base-3 digits in a byte, most significant first; the byte is
 * the fraction digits / 243 in units of 1/256, rounded up. */
static int8_t ternary_digit(uint8_t byte, int32_t n)
{
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    uint32_t shifted = (uint32_t)byte * powers[n] & 255;
    return (int8_t)((int32_t)(shifted * 3 >> 8) - 1);
}

/* u8 qs[48]; u8 qh[4]; h d.  Runs of 32 bytes (5 digits), 16 (5), 4 (4). */
void moe__quant_tq1_0(struct moe__codes *codes, const uint8_t *block)
{
    static const struct {
        int32_t n_bytes;
        int32_t n_digits;
    } runs[3] = {{32, 5}, {16, 5}, {4, 4}};
    int8_t *q = codes->q;
    set_unit_scales(codes, half_at(block + 52));
    for (int32_t r = 0; r < 3; r++) {
        for (int32_t n = 0; n < runs[r].n_digits; n++)
            for (int32_t m = 0; m < runs[r].n_bytes; m++)
                *q++ = ternary_digit(block[m], n);
        block += runs[r].n_bytes;
    }
}

/* u8 qs[64]; h d.  Element 128 r + 32 t + m is bits 2t of qs[32 r + m], minus
 * 1. */
void moe__quant_tq2_0(struct moe__codes *codes, const uint8_t *block)
{
    set_unit_scales(codes, half_at(block + 64));
    for (int32_t i = 0; i < 256; i++) {
        int32_t r = i / 128, t = i / 32 % 4, m = i % 32;
        codes->q[i] = (int8_t)((block[32 * r + m] >> 2 * t & 3) - 1);
    }
}
