/* neon_mat32.h: the types with 32-blocks, NEON: how their blocks unpack, and
 * the product of four rows with one token.
 *
 * A block is two registers of codes: elements 0 .. 15 and 16 .. 31, which is
 * how nibbles come out.  Codes may be q' = q + offset; the offset leaves
 * through the sum of activations, sum (q' - o) a = sum q' a - o sum a. */
#ifndef MOE_KERN_ARM_NEON_MAT32_H
#define MOE_KERN_ARM_NEON_MAT32_H

#include "kern/arm/neon_rows.h"
#include "quant/iq_tables.h"

struct neon_codes32 {
    int8x16_t v[2];
};

typedef struct neon_codes32 neon_codes32_fn(const uint8_t *block);

struct neon_type32 {
    neon_codes32_fn *codes;
    int32_t block_bytes;
    int32_t offset;
    int32_t m_at; /* place of the f16 m, or 0: none */
    bool is_wide; /* codes beyond 64 */
    bool is_e8m0; /* d is one byte, the exponent of a power of two */
    struct neon_dots dots;
};

MOE__INLINE struct neon_codes32 neon_split_nibbles(const uint8_t *p)
{
    const uint8x16_t qs = vld1q_u8(p);
    return (struct neon_codes32){{vreinterpretq_s8_u8(neon_and(qs, 15)),
                                  vreinterpretq_s8_u8(vshrq_n_u8(qs, 4))}};
}

/* Values by their 4-bit index. */
MOE__INLINE struct neon_codes32 neon_look_up(const int8_t values[16],
                                             const uint8_t *p)
{
    const int8x16_t table = vld1q_s8(values);
    const uint8x16_t qs = vld1q_u8(p);
    return (struct neon_codes32){{vqtbl1q_s8(table, neon_and(qs, 15)),
                                  vqtbl1q_s8(table, vshrq_n_u8(qs, 4))}};
}

/* Nibbles at p, and their fifth bits in the word before, as q - 16: where the
 * fifth bit is not set, the upper four bits of the byte are. */
MOE__INLINE struct neon_codes32 neon_split_5_bits(const uint8_t *p)
{
    static const uint8_t pick[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                     1, 1, 1, 1, 1, 1, 1, 1};
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                    1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bit_of = vld1q_u8(bit), first = vld1q_u8(pick);
    const uint8x16_t second = vaddq_u8(first, vdupq_n_u8(2));
    const uint8x16_t unset =
        vreinterpretq_u8_u32(vdupq_n_u32(~moe__load_u32(p - 4)));
    const uint8x16_t low = vtstq_u8(vqtbl1q_u8(unset, first), bit_of);
    const uint8x16_t high = vtstq_u8(vqtbl1q_u8(unset, second), bit_of);
    const uint8x16_t qs = vld1q_u8(p);
    return (struct neon_codes32){
        {vreinterpretq_s8_u8(vsliq_n_u8(qs, low, 4)),
         vreinterpretq_s8_u8(vsriq_n_u8(high, qs, 4))}};
}

MOE__INLINE struct neon_codes32 neon_codes_q4_0(const uint8_t *block)
{
    return neon_split_nibbles(block + 2);
}

MOE__INLINE struct neon_codes32 neon_codes_q4_1(const uint8_t *block)
{
    return neon_split_nibbles(block + 4);
}

MOE__INLINE struct neon_codes32 neon_codes_q5_0(const uint8_t *block)
{
    return neon_split_5_bits(block + 6);
}

MOE__INLINE struct neon_codes32 neon_codes_q5_1(const uint8_t *block)
{
    return neon_split_5_bits(block + 8);
}

MOE__INLINE struct neon_codes32 neon_codes_q8_0(const uint8_t *block)
{
    return (struct neon_codes32){{vreinterpretq_s8_u8(vld1q_u8(block + 2)),
                                  vreinterpretq_s8_u8(vld1q_u8(block + 18))}};
}

MOE__INLINE struct neon_codes32 neon_codes_iq4_nl(const uint8_t *block)
{
    return neon_look_up(moe__quant_iq4_values, block + 2);
}

MOE__INLINE struct neon_codes32 neon_codes_mxfp4(const uint8_t *block)
{
    return neon_look_up(moe__quant_fp4_values, block + 1);
}

/* X(name of functions, name of type, members of struct neon_type32) */
#define NEON_TYPES32(X)                                       \
    X(q4_0, Q4_0, neon_codes_q4_0, 18, .offset = 8)           \
    X(q4_1, Q4_1, neon_codes_q4_1, 20, .m_at = 2)             \
    X(q5_0, Q5_0, neon_codes_q5_0, 22, .offset = 0)           \
    X(q5_1, Q5_1, neon_codes_q5_1, 24, -16, .m_at = 2)        \
    X(q8_0, Q8_0, neon_codes_q8_0, 34, .is_wide = true)       \
    X(iq4_nl, IQ4_NL, neon_codes_iq4_nl, 18, .is_wide = true) \
    X(mxfp4, MXFP4, neon_codes_mxfp4, 17, .is_e8m0 = true)

/* 2^(e - 128); subnormal for 0 and 1. */
MOE__INLINE float32x4_t neon_e8m0_halves(uint32x4_t e)
{
    const uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
    const uint32x4_t subnormal =
        vshlq_u32(vdupq_n_u32(0x200000), vreinterpretq_s32_u32(e));
    return vreinterpretq_f32_u32(
        vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal));
}

/* d of a block of each of four rows. */
MOE__INLINE float32x4_t neon_load_d32(const uint8_t *const block[NEON_ROWS],
                                      struct neon_type32 type)
{
    if (!type.is_e8m0)
        return neon_gather_f16(block, 0);
    uint32x4_t e = vdupq_n_u32(block[0][0]);
    e = vsetq_lane_u32(block[1][0], e, 1);
    e = vsetq_lane_u32(block[2][0], e, 2);
    return neon_e8m0_halves(vsetq_lane_u32(block[3][0], e, 3));
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with a minimum -m
 * sum = fma(m d_x, sum of q, sum). */
MOE__INLINE float32x4_t neon_add_block32(float32x4_t sum,
                                         const struct neon_group *group,
                                         int32_t b, struct neon_type32 type)
{
    neon_dot32_fn *dot32 =
        type.is_wide ? type.dots.of_32_wide : type.dots.of_32;
    const int8x16_t a[2] = {vld1q_s8(group->q + 32 * b),
                            vld1q_s8(group->q + 32 * b + 16)};
    const int32_t q_sum = group->sum[2 * b] + group->sum[2 * b + 1];
    const uint8_t *block[NEON_ROWS];
    int32x4_t partial[NEON_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++) {
        block[r] = group->row[r] + (size_t)b * (size_t)type.block_bytes;
        const struct neon_codes32 codes = type.codes(block[r]);
        partial[r] = dot32(vdupq_n_s32(0), codes.v, a);
    }
    int32x4_t isum = neon_sum_rows(partial);
    if (type.offset != 0)
        isum = vsubq_s32(isum, vdupq_n_s32(type.offset * q_sum));
    const float d_x = group->scale[b];
    sum = vfmaq_f32(sum, vmulq_n_f32(neon_load_d32(block, type), d_x),
                    vcvtq_f32_s32(isum));
    if (type.m_at == 0)
        return sum;
    const float32x4_t m = neon_gather_f16(block, (size_t)type.m_at);
    return vfmaq_n_f32(sum, vmulq_n_f32(m, d_x), (float)q_sum);
}

/* Blocks by two, for which cache lines are fetched. */
MOE__INLINE float32x4_t neon_multiply_32(const struct neon_group *group,
                                         struct neon_type32 type)
{
    const int32_t n = group->n_cols / 32;
    float32x4_t sum = vdupq_n_f32(0);
    int32_t b = 0;
    for (; b + 2 <= n; b += 2) {
        const size_t at = (size_t)b * (size_t)type.block_bytes;
        MOE__UNROLL
        for (int32_t r = 0; r < NEON_ROWS; r++) {
            neon_prefetch(group, r, at);
            if (2 * type.block_bytes > 64)
                neon_prefetch(group, r, at + 64);
        }
        sum = neon_add_block32(sum, group, b, type);
        sum = neon_add_block32(sum, group, b + 1, type);
    }
    return b < n ? neon_add_block32(sum, group, b, type) : sum;
}

#endif
