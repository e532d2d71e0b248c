/* avx2_mat32.c: the types with 32-blocks, AVX2: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0,
 * IQ4_NL, MXFP4.
 *
 * Two blocks go together, one in each lane: first their elements 0 .. 15, then
 * 16 .. 31, which is how nibbles come out.  vpmaddubsw adds two products
 * u8 * s8 into an int16 and saturates; activations are at most 127.  Codes of 5
 * bits are unsigned, q' = q + offset: two pairs are at most 4 * 31 * 127 =
 * 15748 and are added as int16; the offset leaves through the sum of
 * activations, sum (q' - o) a = sum q' a - o sum a.  Signed codes w are
 * multiplied as |w| times a with the sign of w: a pair is at most
 * 2 * 128 * 127 = 32512. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* Halves of two blocks: elements 0 .. 15 and 16 .. 31, a block in a lane. */
struct halves32 {
    __m256i first;
    __m256i second;
};

typedef struct halves32 codes32_fn(const uint8_t *a, const uint8_t *b);

struct type32 {
    codes32_fn *codes;
    int32_t block_bytes;
    bool is_signed; /* the codes; else they are q + offset */
    int32_t offset;
    int32_t m_at; /* place of the f16 m, or 0: none */
    bool is_e8m0; /* d is one byte, the exponent of a power of two */
};

/* 16 bytes of each of two blocks. */
MOE__INLINE __m256i load_16_each(const void *a, const void *b)
{
    return _mm256_loadu2_m128i((const __m128i *)b, (const __m128i *)a);
}

MOE__INLINE struct halves32 split_nibbles(const uint8_t *a, const uint8_t *b)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i qs = load_16_each(a, b);
    return (struct halves32){_mm256_and_si256(qs, low),
                             _mm256_and_si256(_mm256_srli_epi16(qs, 4), low)};
}

/* Bits 0 .. 15 or 16 .. 31 of a word in each lane, which `pick` has brought
 * there eight times a byte, to bit 4 of 16 bytes. */
MOE__INLINE __m256i spread_bits(__m256i words, __m256i pick)
{
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    __m256i bits = _mm256_shuffle_epi8(words, pick);
    bits = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit_of), bit_of);
    return _mm256_and_si256(bits, _mm256_set1_epi8(16));
}

/* Nibbles at p of both blocks, and their fifth bits in the word before. */
MOE__INLINE struct halves32 split_5_bits(const uint8_t *a, const uint8_t *b)
{
    const int64_t ones = 0x0101010101010101;
    struct halves32 low = split_nibbles(a + 4, b + 4);
    __m256i words = _mm256_set_m128i(_mm_set1_epi32((int32_t)moe__load_u32(b)),
                                     _mm_set1_epi32((int32_t)moe__load_u32(a)));
    __m256i first = _mm256_setr_epi64x(0, ones, 0, ones);
    __m256i second = _mm256_add_epi8(first, _mm256_set1_epi8(2));
    return (struct halves32){
        _mm256_or_si256(low.first, spread_bits(words, first)),
        _mm256_or_si256(low.second, spread_bits(words, second))};
}

/* Values by their 4-bit index. */
MOE__INLINE struct halves32 look_up_nibbles(__m128i values, const uint8_t *a,
                                            const uint8_t *b)
{
    const __m256i table = _mm256_broadcastsi128_si256(values);
    struct halves32 index = split_nibbles(a, b);
    return (struct halves32){_mm256_shuffle_epi8(table, index.first),
                             _mm256_shuffle_epi8(table, index.second)};
}

MOE__INLINE struct halves32 codes_q4_0(const uint8_t *a, const uint8_t *b)
{
    return split_nibbles(a + 2, b + 2);
}

MOE__INLINE struct halves32 codes_q4_1(const uint8_t *a, const uint8_t *b)
{
    return split_nibbles(a + 4, b + 4);
}

MOE__INLINE struct halves32 codes_q5_0(const uint8_t *a, const uint8_t *b)
{
    return split_5_bits(a + 2, b + 2);
}

MOE__INLINE struct halves32 codes_q5_1(const uint8_t *a, const uint8_t *b)
{
    return split_5_bits(a + 4, b + 4);
}

MOE__INLINE struct halves32 codes_q8_0(const uint8_t *a, const uint8_t *b)
{
    return (struct halves32){load_16_each(a + 2, b + 2),
                             load_16_each(a + 18, b + 18)};
}

MOE__INLINE struct halves32 codes_iq4_nl(const uint8_t *a, const uint8_t *b)
{
    return look_up_nibbles(_mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22,
                                         -10, 1, 13, 25, 38, 53, 69, 89, 113),
                           a + 2, b + 2);
}

/* The values 0 1 2 3 4 6 8 12 and their negatives, plus 12. */
MOE__INLINE struct halves32 codes_mxfp4(const uint8_t *a, const uint8_t *b)
{
    return look_up_nibbles(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11,
                                         10, 9, 8, 6, 4, 0),
                           a + 1, b + 1);
}

/* Four partial sums of the products of each block. */
MOE__INLINE __m256i dot_halves(struct halves32 w, struct halves32 q,
                               bool is_signed)
{
    const __m256i one = _mm256_set1_epi16(1);
    if (!is_signed)
        return _mm256_madd_epi16(
            _mm256_add_epi16(_mm256_maddubs_epi16(w.first, q.first),
                             _mm256_maddubs_epi16(w.second, q.second)),
            one);
    __m256i first = _mm256_maddubs_epi16(_mm256_abs_epi8(w.first),
                                         _mm256_sign_epi8(q.first, w.first));
    __m256i second = _mm256_maddubs_epi16(_mm256_abs_epi8(w.second),
                                          _mm256_sign_epi8(q.second, w.second));
    return _mm256_add_epi32(_mm256_madd_epi16(first, one),
                            _mm256_madd_epi16(second, one));
}

/* 2^(e - 128) for the lower bytes e of eight int16; subnormal for 0 and 1. */
MOE__INLINE __m256 e8m0_halves(__m128i words)
{
    const __m256i one = _mm256_set1_epi32(1);
    __m256i e =
        _mm256_and_si256(_mm256_cvtepu16_epi32(words), _mm256_set1_epi32(255));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, one), 23);
    __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x200000), e);
    return _mm256_castsi256_ps(
        _mm256_blendv_epi8(subnormal, normal, _mm256_cmpgt_epi32(e, one)));
}

/* The f16 at a place of block a of four rows, then of block b. */
MOE__INLINE __m128i gather_pair(const uint8_t *const a[AVX2_ROWS],
                                const uint8_t *const b[AVX2_ROWS], int32_t at)
{
    return _mm_set_epi64x((int64_t)avx2_gather_u16(b, at),
                          (int64_t)avx2_gather_u16(a, at));
}

/* The first of two 32-bit values in the lower lane, the second in the upper. */
MOE__INLINE __m256i spread_pair(const void *two)
{
    __m128i low = _mm_loadl_epi64((const __m128i *)two);
    return _mm256_permutevar8x32_epi32(
        _mm256_castsi128_si256(low), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

/* sum of codes times q of both blocks of four rows, row r in element r. */
MOE__INLINE __m256i dot_pair(const uint8_t *const a[AVX2_ROWS],
                             const uint8_t *const b[AVX2_ROWS], const int8_t *q,
                             struct type32 type)
{
    __m256i sum[AVX2_ROWS];
    const struct halves32 halves = {load_16_each(q, q + 32),
                                    load_16_each(q + 16, q + 48)};
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        sum[r] = dot_halves(type.codes(a[r], b[r]), halves, type.is_signed);
    return avx2_fold_rows(sum);
}

MOE__INLINE __m128 lane_of(__m256 v, int32_t i)
{
    return i == 0 ? _mm256_castps256_ps128(v) : _mm256_extractf128_ps(v, 1);
}

/* Blocks i and i + 1 of four rows, or i alone: for each
 * sum = fma(d d_x, isum, sum), and with a minimum -m
 * sum = fma(m d_x, sum of q, sum).  Activations are there up to a multiple of
 * 256, rows are not. */
MOE__INLINE __m128 add_pair32(__m128 sum, const struct avx2_group *group,
                              int32_t i, bool is_alone, struct type32 type)
{
    const uint8_t *a[AVX2_ROWS], *b[AVX2_ROWS];
    const size_t at = (size_t)i * (size_t)type.block_bytes;
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        a[r] = group->row[r] + at;
        b[r] = is_alone ? a[r] : a[r] + type.block_bytes;
        avx2_prefetch(group, r, at);
        if (2 * type.block_bytes > 64)
            avx2_prefetch(group, r, at + 64);
    }
    __m256i isum = dot_pair(a, b, group->q + 32 * i, type);
    __m256i q_sum = _mm256_madd_epi16(spread_pair(group->sum + 2 * i),
                                      _mm256_set1_epi16(1));
    if (type.offset != 0)
        isum = _mm256_sub_epi32(
            isum, _mm256_mullo_epi32(q_sum, _mm256_set1_epi32(type.offset)));
    __m256 d_x = _mm256_castsi256_ps(spread_pair(group->scale + i));
    __m128i d_bits = gather_pair(a, b, 0);
    __m256 d = type.is_e8m0 ? e8m0_halves(d_bits) : _mm256_cvtph_ps(d_bits);
    __m256 m = _mm256_cvtph_ps(gather_pair(a, b, type.m_at));
    d = _mm256_mul_ps(d, d_x);
    m = _mm256_mul_ps(m, d_x);
    AVX2_UNROLL
    for (int32_t k = 0; k < 2; k++) {
        if (k == 1 && is_alone)
            break;
        sum = _mm_fmadd_ps(lane_of(d, k), lane_of(_mm256_cvtepi32_ps(isum), k),
                           sum);
        if (type.m_at != 0)
            sum = _mm_fmadd_ps(lane_of(m, k),
                               lane_of(_mm256_cvtepi32_ps(q_sum), k), sum);
    }
    return sum;
}

MOE__INLINE __m128 multiply_32(const struct avx2_group *group,
                               struct type32 type)
{
    const int32_t n = group->n_cols / 32;
    __m128 sum = _mm_setzero_ps();
    int32_t i = 0;
    for (; i + 2 <= n; i += 2)
        sum = add_pair32(sum, group, i, false, type);
    return i < n ? add_pair32(sum, group, i, true, type) : sum;
}

#define TYPE32(name, ...)                                         \
    static __m128 multiply_##name(const struct avx2_group *group) \
    {                                                             \
        const struct type32 type = {codes_##name, __VA_ARGS__};   \
        return multiply_32(group, type);                          \
    }                                                             \
    static void avx2_matmul_##name(const struct moe__matmul *job) \
    {                                                             \
        avx2_matmul(job, multiply_##name);                        \
    }

TYPE32(q4_0, 18, .offset = 8)
TYPE32(q4_1, 20, .m_at = 2)
TYPE32(q5_0, 22, .offset = 16)
TYPE32(q5_1, 24, .m_at = 2)
TYPE32(q8_0, 34, .is_signed = true)
TYPE32(iq4_nl, 18, .is_signed = true)
TYPE32(mxfp4, 17, .offset = 12, .is_e8m0 = true)

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
