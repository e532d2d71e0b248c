/* neon_block256.h: how blocks of 256 unpack, NEON: for products of few tokens
 * (neon_mat256.h) and for panels (neon_panel_unpack.c).
 *
 * Codes stay unsigned as they are in the file where that is cheaper, q' = q +
 * offset; who uses them takes the offset away. */
#ifndef MOE_KERN_ARM_NEON_BLOCK256_H
#define MOE_KERN_ARM_NEON_BLOCK256_H

#include "kern/arm/neon_rows.h"
#include "quant/iq_tables.h"

/* One block of each of four rows. */
struct neon_rows256 {
    const uint8_t *block[NEON_ROWS];
    int16x8_t scale[NEON_ROWS][2]; /* of 16 groups, or of 8 in the first */
    int16x8_t min[NEON_ROWS][2];   /* the same */
    float32x4_t d;
    float32x4_t dmin;
};

/* 32 codes each of two groups of 32. */
struct neon_codes64 {
    uint8x16_t v[4];
};

/* Unpacks what is per block. */
typedef void neon_open256_fn(struct neon_rows256 *rows);
/* The codes of pair p < 4 of groups of 32. */
typedef struct neon_codes64 neon_codes256_fn(const uint8_t *block, int32_t p);

struct neon_type256 {
    neon_open256_fn *open;
    neon_codes256_fn *codes;
    int32_t block_bytes; /* 0: blocks do not lie in rows */
    int32_t group;       /* codes of a scale: 16 or 32 */
    bool is_apart;       /* the groups of a pair: i and i + 2, not i + 1 */
    int32_t offset;
    bool has_min;
    bool is_wide; /* codes beyond 64 */
    struct neon_dots dots;
};

/* The first group of 32 of pair p, and the second. */
MOE__INLINE int32_t neon_first_group(struct neon_type256 type, int32_t p)
{
    return type.is_apart ? 4 * (p / 2) + p % 2 : 2 * p;
}

MOE__INLINE int32_t neon_second_group(struct neon_type256 type, int32_t p)
{
    return neon_first_group(type, p) + (type.is_apart ? 2 : 1);
}

/* ------------------------------------------------------------ Q4_K, Q5_K */

/* Bytes of four rows, words `low` and `high` of each, as eight int16. */
MOE__INLINE void neon_widen_words(int16x8_t out[NEON_ROWS][2], uint8x16_t low,
                                  uint8x16_t high)
{
    const uint32x4_t a = vreinterpretq_u32_u8(low);
    const uint32x4_t b = vreinterpretq_u32_u8(high);
    const uint8x16_t row01 = vreinterpretq_u8_u32(vzip1q_u32(a, b));
    const uint8x16_t row23 = vreinterpretq_u8_u32(vzip2q_u32(a, b));
    out[0][0] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(row01)));
    out[1][0] = vreinterpretq_s16_u16(vmovl_high_u8(row01));
    out[2][0] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(row23)));
    out[3][0] = vreinterpretq_s16_u16(vmovl_high_u8(row23));
}

/* d and dmin of four rows from words that hold both. */
MOE__INLINE void neon_set_d_dmin(struct neon_rows256 *rows, uint32x4_t words)
{
    rows->d = neon_halves_to_floats(vmovn_u32(words));
    rows->dmin = neon_halves_to_floats(vshrn_n_u32(words, 16));
}

/* 8 scales and 8 minimums of 6 bits in the words a, b, c behind d and dmin
 * (quant/expand_k.c): number j < 4 in byte j of a and of b; number j + 4 in the
 * nibbles of byte j of c, with the two top bits of a's and b's byte j. */
MOE__INLINE void neon_open_scales6(struct neon_rows256 *rows)
{
    uint32x4_t word[4]; /* d and dmin, a, b, c of four rows */
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        word[r] = vreinterpretq_u32_u8(vld1q_u8(rows->block[r]));
    neon_transpose(word);
    neon_set_d_dmin(rows, word[0]);
    const uint8x16_t a = vreinterpretq_u8_u32(word[1]);
    const uint8x16_t b = vreinterpretq_u8_u32(word[2]);
    const uint8x16_t c = vreinterpretq_u8_u32(word[3]);
    neon_widen_words(rows->scale, neon_and(a, 0x3f),
                     vbslq_u8(vdupq_n_u8(15), c, vshrq_n_u8(a, 2)));
    neon_widen_words(rows->min, neon_and(b, 0x3f),
                     vsriq_n_u8(vshrq_n_u8(b, 2), c, 4));
}

MOE__INLINE struct neon_codes64 neon_codes_q4_k(const uint8_t *block, int32_t p)
{
    const uint8x16_t a = vld1q_u8(block + 16 + 32 * p);
    const uint8x16_t b = vld1q_u8(block + 32 + 32 * p);
    return (struct neon_codes64){
        {neon_and(a, 15), neon_and(b, 15), vshrq_n_u8(a, 4), vshrq_n_u8(b, 4)}};
}

/* x >> 2 p, and junk in the bits above 8 - 2 p. */
MOE__INLINE uint8x16_t neon_pair_of_bits(uint8x16_t x, int32_t p)
{
    return p == 0   ? x
           : p == 1 ? vshrq_n_u8(x, 2)
           : p == 2 ? vshrq_n_u8(x, 4)
                    : vshrq_n_u8(x, 6);
}

/* Fifth bits 2 p and 2 p + 1 of each byte are shifted in above the nibbles. */
MOE__INLINE struct neon_codes64 neon_codes_q5_k(const uint8_t *block, int32_t p)
{
    struct neon_codes64 codes;
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        const uint8x16_t qs = vld1q_u8(block + 48 + 32 * p + 16 * i);
        const uint8x16_t qh =
            neon_pair_of_bits(vld1q_u8(block + 16 + 16 * i), p);
        codes.v[i] = neon_and(vsliq_n_u8(qs, qh, 4), 31);
        codes.v[i + 2] = neon_and(vsriq_n_u8(vshlq_n_u8(qh, 3), qs, 4), 31);
    }
    return codes;
}

/* ------------------------------------------------------- Q2_K, Q3_K, Q6_K */

MOE__INLINE void neon_open_q2_k(struct neon_rows256 *rows)
{
    uint32x4_t word = vdupq_n_u32(moe__load_u32(rows->block[0] + 80));
    word = vsetq_lane_u32(moe__load_u32(rows->block[1] + 80), word, 1);
    word = vsetq_lane_u32(moe__load_u32(rows->block[2] + 80), word, 2);
    word = vsetq_lane_u32(moe__load_u32(rows->block[3] + 80), word, 3);
    neon_set_d_dmin(rows, word);
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        const uint8x16_t both = vld1q_u8(rows->block[r]);
        const uint8x16_t scale = neon_and(both, 15), min = vshrq_n_u8(both, 4);
        rows->scale[r][0] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(scale)));
        rows->scale[r][1] = vreinterpretq_s16_u16(vmovl_high_u8(scale));
        rows->min[r][0] = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(min)));
        rows->min[r][1] = vreinterpretq_s16_u16(vmovl_high_u8(min));
    }
}

/* Bits 4 (p % 2) to + 3 of 32 bytes: two codes of 2 bits. */
MOE__INLINE struct neon_codes64 neon_codes_q2_k(const uint8_t *block, int32_t p)
{
    struct neon_codes64 codes;
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        const uint8x16_t qs = vld1q_u8(block + 16 + 32 * (p / 2) + 16 * i);
        codes.v[i] = neon_and(p % 2 == 0 ? qs : vshrq_n_u8(qs, 4), 3);
        codes.v[i + 2] =
            p % 2 == 0 ? neon_and(vshrq_n_u8(qs, 2), 3) : vshrq_n_u8(qs, 6);
    }
    return codes;
}

/* Sixteen signed bytes as int16. */
MOE__INLINE void neon_set_scales(int16x8_t scale[2], int8x16_t bytes)
{
    scale[0] = vmovl_s8(vget_low_s8(bytes));
    scale[1] = vmovl_high_s8(bytes);
}

/* Sixteen scales of 6 bits in 12 bytes (quant/expand_k.c): nibbles of two
 * words, then pairs of bits of the third; minus 32. */
MOE__INLINE void neon_open_q3_k(struct neon_rows256 *rows)
{
    static const int8_t left[16] = {4, 4, 4, 4, 2,  2,  2,  2,
                                    0, 0, 0, 0, -2, -2, -2, -2};
    rows->d = neon_gather_f16(rows->block, 108);
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        const uint8x8_t words = vld1_u8(rows->block[r] + 96);
        const uint8x16_t low = vcombine_u8(words, vshr_n_u8(words, 4));
        const uint8x16_t top = vreinterpretq_u8_u32(
            vdupq_n_u32(moe__load_u32(rows->block[r] + 104)));
        const uint8x16_t high = vshlq_u8(top, vld1q_s8(left));
        const uint8x16_t scale =
            neon_and(vbslq_u8(vdupq_n_u8(15), low, high), 0x3f);
        neon_set_scales(rows->scale[r],
                        vsubq_s8(vreinterpretq_s8_u8(scale), vdupq_n_s8(32)));
    }
}

/* Codes as Q2_K's behind a mask, whose bit of the group is their third. */
MOE__INLINE struct neon_codes64 neon_codes_q3_k(const uint8_t *block, int32_t p)
{
    struct neon_codes64 codes;
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        const uint8x16_t qs = vld1q_u8(block + 32 + 32 * (p / 2) + 16 * i);
        const uint8x16_t mask = neon_pair_of_bits(vld1q_u8(block + 16 * i), p);
        const uint8x16_t low = p % 2 == 0 ? qs : vshrq_n_u8(qs, 4);
        codes.v[i] = neon_and(vsliq_n_u8(low, mask, 2), 7);
        codes.v[i + 2] =
            neon_and(vsliq_n_u8(vshrq_n_u8(low, 2), vshrq_n_u8(mask, 1), 2), 7);
    }
    return codes;
}

MOE__INLINE void neon_open_q6_k(struct neon_rows256 *rows)
{
    rows->d = neon_gather_f16(rows->block, 208);
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        neon_set_scales(rows->scale[r],
                        vreinterpretq_s8_u8(vld1q_u8(rows->block[r] + 192)));
}

/* Nibbles of 32 bytes, and two pairs of bits of others, shifted in above: of
 * groups 4 h + t and 4 h + t + 2, with p = 2 h + t. */
MOE__INLINE struct neon_codes64 neon_codes_q6_k(const uint8_t *block, int32_t p)
{
    struct neon_codes64 codes;
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        const uint8x16_t ql = vld1q_u8(block + 32 * p + 16 * i);
        uint8x16_t qh = vld1q_u8(block + 128 + 32 * (p / 2) + 16 * i);
        qh = p % 2 == 0 ? qh : vshrq_n_u8(qh, 2);
        codes.v[i] = neon_and(vsliq_n_u8(ql, qh, 4), 63);
        codes.v[i + 2] = neon_and(vsriq_n_u8(qh, ql, 4), 63);
    }
    return codes;
}

/* ------------------------------------------- IQ4_XS, and expanded blocks */

/* h d; u16 high; u8 low[4]: eight scales of 6 bits, minus 32. */
MOE__INLINE void neon_open_iq4_xs(struct neon_rows256 *rows)
{
    static const int16_t low_right[8] = {0, -4, -8, -12, 0, -4, -8, -12};
    static const int16_t high_left[8] = {4, 2, 0, -2, -4, -6, -8, -10};
    rows->d = neon_gather_f16(rows->block, 0);
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        const uint8_t *p = rows->block[r];
        uint16x8_t low = vcombine_u16(vdup_n_u16(moe__load_u16(p + 4)),
                                      vdup_n_u16(moe__load_u16(p + 6)));
        uint16x8_t high = vdupq_n_u16(moe__load_u16(p + 2));
        low = vshlq_u16(low, vld1q_s16(low_right));
        high = vshlq_u16(high, vld1q_s16(high_left));
        high =
            vandq_u16(vbslq_u16(vdupq_n_u16(15), low, high), vdupq_n_u16(0x3f));
        rows->scale[r][0] =
            vsubq_s16(vreinterpretq_s16_u16(high), vdupq_n_s16(32));
    }
}

MOE__INLINE struct neon_codes64 neon_codes_iq4_xs(const uint8_t *block,
                                                  int32_t p)
{
    const uint8x16_t values =
        vreinterpretq_u8_s8(vld1q_s8(moe__quant_iq4_values));
    struct neon_codes64 codes;
    MOE__UNROLL
    for (int32_t i = 0; i < 2; i++) {
        const uint8x16_t qs = vld1q_u8(block + 8 + 32 * p + 16 * i);
        codes.v[2 * i] = vqtbl1q_u8(values, neon_and(qs, 15));
        codes.v[2 * i + 1] = vqtbl1q_u8(values, vshrq_n_u8(qs, 4));
    }
    return codes;
}

/* A block that is a struct moe__codes: any type without minimums. */
MOE__INLINE void neon_open_expanded(struct neon_rows256 *rows)
{
    float d[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        const struct moe__codes *codes = (const void *)rows->block[r];
        rows->scale[r][0] = vld1q_s16(codes->scale);
        rows->scale[r][1] = vld1q_s16(codes->scale + 8);
        d[r] = codes->d;
    }
    rows->d = vld1q_f32(d);
}

MOE__INLINE struct neon_codes64 neon_codes_expanded(const uint8_t *block,
                                                    int32_t p)
{
    const struct moe__codes *codes = (const void *)block;
    struct neon_codes64 out;
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        out.v[i] = vreinterpretq_u8_s8(vld1q_s8(codes->q + 64 * p + 16 * i));
    return out;
}

/* -------------------------------------------------------------- all types */

/* X(name of functions, name of type, members of struct neon_type256) */
#define NEON_TYPES256(X)                                                      \
    X(q2_k, Q2_K, neon_open_q2_k, neon_codes_q2_k, 84, 16, .has_min = true)   \
    X(q3_k, Q3_K, neon_open_q3_k, neon_codes_q3_k, 110, 16, .offset = 4)      \
    X(q4_k, Q4_K, neon_open_scales6, neon_codes_q4_k, 144, 32,                \
      .has_min = true)                                                        \
    X(q5_k, Q5_K, neon_open_scales6, neon_codes_q5_k, 176, 32,                \
      .has_min = true)                                                        \
    X(q6_k, Q6_K, neon_open_q6_k, neon_codes_q6_k, 210, 16, .is_apart = true, \
      .offset = 32)                                                           \
    X(iq4_xs, IQ4_XS, neon_open_iq4_xs, neon_codes_iq4_xs, 136, 32,           \
      .is_wide = true)

/* The same of expanded blocks. */
#define NEON_EXPANDED \
    neon_open_expanded, neon_codes_expanded, 0, 16, .is_wide = true

#endif
