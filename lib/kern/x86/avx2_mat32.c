/* avx2_mat32.c: the types with 32-blocks, AVX2: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0,
 * IQ4_NL, MXFP4.
 *
 * vpmaddubsw adds two products u8 * s8 into an int16 and saturates; activations
 * are at most 127.  Codes of 5 bits stay unsigned, a pair is at most
 * 2 * 31 * 127 = 7874, and their offset leaves through the sum of activations:
 * sum (q' - o) a = sum q' a - o sum a.  Signed codes w are multiplied as |w|
 * times a with the sign of w: at most 2 * 128 * 127 = 32512. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* The 32 codes of a block, one in a byte. */
typedef __m256i codes32_fn(const uint8_t *block);

struct type32 {
    codes32_fn *codes;
    int32_t block_bytes;
    bool is_signed; /* the codes; else they are q + offset */
    int32_t offset;
    int32_t m_at;   /* place of the f16 m, or 0: none */
    bool is_e8m0;   /* d is one byte, the exponent of a power of two */
};

/* 16 bytes of nibbles: low ones to the lower lane, high ones to the upper. */
MOE__INLINE __m256i split_nibbles(const uint8_t *p)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m256i both = _mm256_set_m128i(_mm_srli_epi16(low, 4), low);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* Bit i of a word to bit 4 of byte i. */
MOE__INLINE __m256i spread_fifth_bits(const uint8_t *p)
{
    const __m256i byte_of = _mm256_setr_epi64x(
        0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    __m256i word = _mm256_set1_epi32((int32_t)moe__load_u32(p));
    __m256i bit = _mm256_and_si256(_mm256_shuffle_epi8(word, byte_of), bit_of);
    return _mm256_and_si256(_mm256_cmpeq_epi8(bit, bit_of),
                            _mm256_set1_epi8(16));
}

/* Values by their 4-bit index. */
MOE__INLINE __m256i look_up_nibbles(__m128i values, const uint8_t *p)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values),
                               split_nibbles(p));
}

MOE__INLINE __m256i codes_q4_0(const uint8_t *block)
{
    return split_nibbles(block + 2);
}

MOE__INLINE __m256i codes_q4_1(const uint8_t *block)
{
    return split_nibbles(block + 4);
}

MOE__INLINE __m256i codes_q5_0(const uint8_t *block)
{
    return _mm256_or_si256(split_nibbles(block + 6),
                           spread_fifth_bits(block + 2));
}

MOE__INLINE __m256i codes_q5_1(const uint8_t *block)
{
    return _mm256_or_si256(split_nibbles(block + 8),
                           spread_fifth_bits(block + 4));
}

MOE__INLINE __m256i codes_q8_0(const uint8_t *block)
{
    return avx2_load_bytes(block + 2);
}

MOE__INLINE __m256i codes_iq4_nl(const uint8_t *block)
{
    return look_up_nibbles(_mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22,
                                         -10, 1, 13, 25, 38, 53, 69, 89, 113),
                           block + 2);
}

MOE__INLINE __m256i codes_mxfp4(const uint8_t *block)
{
    return look_up_nibbles(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2,
                                         -3, -4, -6, -8, -12),
                           block + 1);
}

/* Eight partial sums of 32 products. */
MOE__INLINE __m256i dot32(__m256i codes, __m256i q, bool is_signed)
{
    __m256i pairs =
        is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(codes),
                                         _mm256_sign_epi8(q, codes))
                  : _mm256_maddubs_epi16(codes, q);
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* 2^(e - 128) of four blocks; subnormal for e = 0 and 1. */
MOE__INLINE __m128 e8m0_halves4(const uint8_t *const block[4])
{
    __m128i e = _mm_setr_epi32(block[0][0], block[1][0], block[2][0],
                               block[3][0]);
    __m128i one = _mm_set1_epi32(1);
    __m128i normal = _mm_slli_epi32(_mm_sub_epi32(e, one), 23);
    __m128i subnormal = _mm_sllv_epi32(_mm_set1_epi32(0x200000), e);
    return _mm_castsi128_ps(_mm_blendv_epi8(subnormal, normal,
                                            _mm_cmpgt_epi32(e, one)));
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with a minimum -m
 * sum = fma(m d_x, sum of q, sum). */
MOE__INLINE __m128 add_block32(__m128 sum, const struct avx2_group *group,
                               int32_t b, struct type32 type)
{
    const uint8_t *block[AVX2_ROWS];
    __m256i isum[AVX2_ROWS];
    __m256i q = avx2_load_bytes(group->q + 32 * b);
    __m128 d_x = _mm_set1_ps(group->scale[b]);
    int32_t q_sum = group->sum[2 * b] + group->sum[2 * b + 1];
    size_t at = (size_t)b * (size_t)type.block_bytes;
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        block[r] = group->row[r] + at;
        avx2_prefetch(block[r], group->row_bytes - at, group->row_bytes,
                      type.block_bytes);
        isum[r] = dot32(type.codes(block[r]), q, type.is_signed);
    }
    __m128i total = avx2_sum_lanes4(isum);
    if (!type.is_signed && type.offset != 0)
        total = _mm_sub_epi32(total, _mm_set1_epi32(type.offset * q_sum));
    __m128 d = type.is_e8m0 ? e8m0_halves4(block) : avx2_halves4(block, 0);
    sum = _mm_fmadd_ps(_mm_mul_ps(d, d_x), _mm_cvtepi32_ps(total), sum);
    if (type.m_at == 0)
        return sum;
    return _mm_fmadd_ps(_mm_mul_ps(avx2_halves4(block, type.m_at), d_x),
                        _mm_set1_ps((float)q_sum), sum);
}

#define TYPE32(name, ...)                                            \
    static __m128 multiply_##name(const struct avx2_group *group)    \
    {                                                                \
        const struct type32 type = {codes_##name, __VA_ARGS__};      \
        __m128 sum = _mm_setzero_ps();                               \
        for (int32_t b = 0; b < group->n_cols / 32; b++)             \
            sum = add_block32(sum, group, b, type);                  \
        return sum;                                                  \
    }                                                                \
    static void avx2_matmul_##name(const struct moe__matmul *job)    \
    {                                                                \
        avx2_matmul(job, multiply_##name);                           \
    }

TYPE32(q4_0, 18, .offset = 8)
TYPE32(q4_1, 20, .m_at = 2)
TYPE32(q5_0, 22, .offset = 16)
TYPE32(q5_1, 24, .m_at = 2)
TYPE32(q8_0, 34, .is_signed = true)
TYPE32(iq4_nl, 18, .is_signed = true)
TYPE32(mxfp4, 17, .is_signed = true, .is_e8m0 = true)

MOE__TARGET_END

void moe__avx2_fill_mat32(struct moe__kern *kern)
{
    kern->matmul[MOE__Q4_0] = avx2_matmul_q4_0;
    kern->matmul[MOE__Q4_1] = avx2_matmul_q4_1;
    kern->matmul[MOE__Q5_0] = avx2_matmul_q5_0;
    kern->matmul[MOE__Q5_1] = avx2_matmul_q5_1;
    kern->matmul[MOE__Q8_0] = avx2_matmul_q8_0;
    kern->matmul[MOE__IQ4_NL] = avx2_matmul_iq4_nl;
    kern->matmul[MOE__MXFP4] = avx2_matmul_mxfp4;
}

#endif
