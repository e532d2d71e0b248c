/* avx2_mat256.c: the K types, AVX2: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K.
 *
 * Codes stay unsigned as they are in the file, q' = q + offset.  vpmaddubsw
 * adds two products u8 * s8 into an int16 and saturates; with activations of at
 * most 127 a pair is at most 2 * 63 * 127 = 16002 (Q6_K).  vpmaddwd multiplies
 * by the group's scale and widens.  The offset leaves through the exact sums of
 * the activations: sum s (q' - o) a = sum s q' a - o sum s sum a. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* Activations of one block. */
struct act256 {
    const int8_t *q; /* [256] */
    __m256i sum;     /* int16 [16] */
};

/* Sums over one block of one row, spread over 8 lanes. */
struct sums256 {
    __m256i isum;
    __m256i msum;
};

typedef struct sums256 dot256_fn(const uint8_t *block,
                                 const struct act256 *act);

struct type256 {
    dot256_fn *dot;
    int32_t block_bytes;
    int32_t d_at; /* place of the f16 d */
    bool has_min; /* f16 dmin follows d */
};

/* sum + scale * (32 codes times activations 32 i ..). */
MOE__INLINE __m256i add_group(__m256i sum, __m256i codes,
                              const struct act256 *act, int32_t i,
                              __m256i scale)
{
    __m256i pairs = _mm256_maddubs_epi16(codes, avx2_load_bytes(act->q +
                                                                32 * i));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, scale));
}

/* Index of both bytes of int16 number i: 2 i and 2 i + 1. */
MOE__INLINE int16_t bytes_of_word(int32_t i)
{
    return (int16_t)(2 * i | (2 * i + 1) << 8);
}

/* int16 scales [8] in both lanes: scale i of them, everywhere. */
MOE__INLINE __m256i scale_of_32(__m256i scales, int32_t i)
{
    return _mm256_shuffle_epi8(scales, _mm256_set1_epi16(bytes_of_word(i)));
}

/* int16 scales [16] of groups of 16: 2 i in the lower lane, 2 i + 1 in the
 * upper one. */
MOE__INLINE __m256i scale_of_16(__m256i scales, int32_t i)
{
    const int32_t first = 2 * (i % 4);
    __m256i pick = _mm256_set_m128i(_mm_set1_epi16(bytes_of_word(first + 1)),
                                    _mm_set1_epi16(bytes_of_word(first)));
    __m256i half = i < 4 ? _mm256_permute2x128_si256(scales, scales, 0x00)
                         : _mm256_permute2x128_si256(scales, scales, 0x11);
    return _mm256_shuffle_epi8(half, pick);
}

MOE__INLINE __m256i and_15(__m256i x)
{
    return _mm256_and_si256(x, _mm256_set1_epi8(15));
}

/* Bit `from` of each byte at bit `to`, the other bits 0. */
MOE__INLINE __m256i move_bit(__m256i x, int32_t from, int32_t to)
{
    x = from < to ? _mm256_slli_epi16(x, to - from)
                  : _mm256_srli_epi16(x, from - to);
    return _mm256_and_si256(x, _mm256_set1_epi8((char)(1 << to)));
}

/* Q2_K: 4-bit scales and minimums of 16 groups, then 2-bit codes. */
MOE__INLINE struct sums256 dot_q2_k(const uint8_t *block,
                                    const struct act256 *act)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)block);
    __m256i both = _mm256_cvtepu8_epi16(bytes);
    __m256i scales = and_15(both), mins = _mm256_srli_epi16(both, 4);
    __m256i isum = _mm256_setzero_si256();
    AVX2_UNROLL
    for (int32_t i = 0; i < 8; i++) {
        __m256i qs = avx2_load_bytes(block + 16 + 32 * (i / 4));
        __m256i codes = _mm256_and_si256(_mm256_srli_epi16(qs, 2 * (i % 4)),
                                         _mm256_set1_epi8(3));
        isum = add_group(isum, codes, act, i, scale_of_16(scales, i));
    }
    return (struct sums256){isum, _mm256_madd_epi16(mins, act->sum)};
}

/* isum without the offset 2^shift. */
MOE__INLINE __m256i take_offset(__m256i isum, __m256i scales, __m256i sum,
                                int32_t shift)
{
    __m256i excess = _mm256_slli_epi32(_mm256_madd_epi16(scales, sum), shift);
    return _mm256_sub_epi32(isum, excess);
}

/* Sixteen 6-bit scales of Q3_K in 12 bytes (quant/expand_k.c), four of them in
 * each word; minus 32. */
MOE__INLINE __m256i unpack_scales3(const uint8_t *b)
{
    const __m128i nibble = _mm_set1_epi8(15), pair = _mm_set1_epi8(0x30);
    uint64_t words = moe__load_u64(b);
    __m128i low = _mm_set_epi64x((int64_t)(words >> 4), (int64_t)words);
    __m128i top = _mm_set1_epi32((int32_t)moe__load_u32(b + 8));
    __m128i high = _mm_unpacklo_epi64( /* << 4, 2, 0, -2 */
        _mm_sllv_epi32(top, _mm_setr_epi32(4, 2, 0, 0)),
        _mm_srlv_epi32(top, _mm_setr_epi32(0, 2, 0, 0)));
    high = _mm_and_si128(high, pair);
    __m128i scales = _mm_or_si128(_mm_and_si128(low, nibble), high);
    return _mm256_cvtepi8_epi16(_mm_sub_epi8(scales, _mm_set1_epi8(32)));
}

/* Q3_K: a bit mask, 2-bit codes, scales of 16 groups; offset 4. */
MOE__INLINE struct sums256 dot_q3_k(const uint8_t *block,
                                    const struct act256 *act)
{
    __m256i scales = unpack_scales3(block + 96);
    __m256i mask = avx2_load_bytes(block), isum = _mm256_setzero_si256();
    AVX2_UNROLL
    for (int32_t i = 0; i < 8; i++) {
        __m256i qs = avx2_load_bytes(block + 32 + 32 * (i / 4));
        __m256i codes = _mm256_and_si256(_mm256_srli_epi16(qs, 2 * (i % 4)),
                                         _mm256_set1_epi8(3));
        codes = _mm256_or_si256(codes, move_bit(mask, i, 2));
        isum = add_group(isum, codes, act, i, scale_of_16(scales, i));
    }
    return (struct sums256){take_offset(isum, scales, act->sum, 2),
                            _mm256_setzero_si256()};
}

/* Eight pairs of 6 bits in 12 bytes (quant/expand_k.c), the words a, b, c: the
 * low halves of scales and minimums are in a and b, the high ones in the
 * nibbles of c and the top bits of a and b.  Result: int16 scales 0 .. 3,
 * minimums 0 .. 3 | scales 4 .. 7, minimums 4 .. 7. */
MOE__INLINE __m256i unpack_scales6(const uint8_t *block)
{
    __m128i head = _mm_loadu_si128((const __m128i *)(const void *)block);
    __m128i abcc = _mm_shuffle_epi32(head, _MM_SHUFFLE(3, 3, 2, 1));
    __m128i xxab = _mm_shuffle_epi32(head, _MM_SHUFFLE(2, 1, 0, 0));
    __m128i low = _mm_and_si128(
        _mm_srlv_epi32(abcc, _mm_setr_epi32(0, 0, 0, 4)),
        _mm_setr_epi32(0x3f3f3f3f, 0x3f3f3f3f, 0x0f0f0f0f, 0x0f0f0f0f));
    __m128i high = _mm_and_si128(
        _mm_srli_epi32(xxab, 2),
        _mm_setr_epi32(0, 0, 0x30303030, 0x30303030));
    return _mm256_cvtepu8_epi16(_mm_or_si128(low, high));
}

/* Minimums times the sums of 32 activations, scales times zero. */
MOE__INLINE __m256i dot_mins6(__m256i scales, __m256i sum)
{
    __m256i of_32 = _mm256_hadd_epi16(sum, sum);
    return _mm256_madd_epi16(
        scales, _mm256_blend_epi32(of_32, _mm256_setzero_si256(), 0x33));
}

/* Q4_K: scales and minimums of 8 groups, then 4-bit codes. */
MOE__INLINE struct sums256 dot_q4_k(const uint8_t *block,
                                    const struct act256 *act)
{
    __m256i packed = unpack_scales6(block);
    __m256i scales = _mm256_permute4x64_epi64(packed, 0x88);
    __m256i isum = _mm256_setzero_si256();
    AVX2_UNROLL
    for (int32_t i = 0; i < 8; i++) {
        __m256i qs = avx2_load_bytes(block + 16 + 32 * (i / 2));
        __m256i codes = and_15(_mm256_srli_epi16(qs, 4 * (i % 2)));
        isum = add_group(isum, codes, act, i, scale_of_32(scales, i));
    }
    return (struct sums256){isum, dot_mins6(packed, act->sum)};
}

/* Q5_K: the same with a fifth bit. */
MOE__INLINE struct sums256 dot_q5_k(const uint8_t *block,
                                    const struct act256 *act)
{
    __m256i packed = unpack_scales6(block);
    __m256i scales = _mm256_permute4x64_epi64(packed, 0x88);
    __m256i qh = avx2_load_bytes(block + 16), isum = _mm256_setzero_si256();
    AVX2_UNROLL
    for (int32_t i = 0; i < 8; i++) {
        __m256i qs = avx2_load_bytes(block + 48 + 32 * (i / 2));
        __m256i codes = and_15(_mm256_srli_epi16(qs, 4 * (i % 2)));
        codes = _mm256_or_si256(codes, move_bit(qh, i, 4));
        isum = add_group(isum, codes, act, i, scale_of_32(scales, i));
    }
    return (struct sums256){isum, dot_mins6(packed, act->sum)};
}

/* Q6_K: 4-bit and 2-bit parts of codes, int8 scales of 16 groups; offset 32. */
MOE__INLINE struct sums256 dot_q6_k(const uint8_t *block,
                                    const struct act256 *act)
{
    __m256i scales = _mm256_cvtepi8_epi16(
        _mm_loadu_si128((const __m128i *)(const void *)(block + 192)));
    __m256i isum = _mm256_setzero_si256();
    AVX2_UNROLL
    for (int32_t i = 0; i < 8; i++) {
        const int32_t half = i / 4, t = i % 4;
        __m256i ql = avx2_load_bytes(block + 64 * half + 32 * (t % 2));
        __m256i qh = avx2_load_bytes(block + 128 + 32 * half);
        __m256i low = and_15(_mm256_srli_epi16(ql, t < 2 ? 0 : 4));
        __m256i high = t < 2 ? _mm256_slli_epi16(qh, 4 - 2 * t)
                             : _mm256_srli_epi16(qh, 2 * t - 4);
        high = _mm256_and_si256(high, _mm256_set1_epi8(0x30));
        isum = add_group(isum, _mm256_or_si256(low, high), act, i,
                         scale_of_16(scales, i));
    }
    return (struct sums256){take_offset(isum, scales, act->sum, 5),
                            _mm256_setzero_si256()};
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with minimums
 * sum = fma(-(dmin d_x), msum, sum). */
MOE__INLINE __m128 add_block256(__m128 sum, const struct avx2_group *group,
                                int32_t b, struct type256 type)
{
    const uint8_t *block[AVX2_ROWS];
    __m256i isum[AVX2_ROWS], msum[AVX2_ROWS];
    const struct act256 act = {group->q + 256 * b,
                               avx2_load_bytes(group->sum + 16 * b)};
    __m128 d_x = _mm_set1_ps(group->scale[b]);
    size_t at = (size_t)b * (size_t)type.block_bytes;
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        block[r] = group->row[r] + at;
        avx2_prefetch(block[r], group->row_bytes - at, group->row_bytes,
                      type.block_bytes);
        struct sums256 sums = type.dot(block[r], &act);
        isum[r] = sums.isum;
        msum[r] = sums.msum;
    }
    sum = _mm_fmadd_ps(_mm_mul_ps(avx2_halves4(block, type.d_at), d_x),
                       _mm_cvtepi32_ps(avx2_sum_lanes4(isum)), sum);
    if (!type.has_min)
        return sum;
    __m128 dmin = avx2_halves4(block, type.d_at + 2);
    return _mm_fnmadd_ps(_mm_mul_ps(dmin, d_x),
                         _mm_cvtepi32_ps(avx2_sum_lanes4(msum)), sum);
}

#define TYPE256(name, bytes, d_at, has_min)                            \
    static __m128 multiply_##name(const struct avx2_group *group)      \
    {                                                                  \
        const struct type256 type = {dot_##name, bytes, d_at, has_min}; \
        __m128 sum = _mm_setzero_ps();                                 \
        for (int32_t b = 0; b < group->n_cols / 256; b++)              \
            sum = add_block256(sum, group, b, type);                   \
        return sum;                                                    \
    }                                                                  \
    static void avx2_matmul_##name(const struct moe__matmul *job)      \
    {                                                                  \
        avx2_matmul(job, multiply_##name);                             \
    }

TYPE256(q2_k, 84, 80, true)
TYPE256(q3_k, 110, 108, false)
TYPE256(q4_k, 144, 0, true)
TYPE256(q5_k, 176, 0, true)
TYPE256(q6_k, 210, 208, false)

MOE__TARGET_END

void moe__avx2_fill_mat256(struct moe__kern *kern)
{
    kern->matmul[MOE__Q2_K] = avx2_matmul_q2_k;
    kern->matmul[MOE__Q3_K] = avx2_matmul_q3_k;
    kern->matmul[MOE__Q4_K] = avx2_matmul_q4_k;
    kern->matmul[MOE__Q5_K] = avx2_matmul_q5_k;
    kern->matmul[MOE__Q6_K] = avx2_matmul_q6_k;
}

#endif
