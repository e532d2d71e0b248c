/* avx2_mat256.c: the K types, AVX2: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K.
 *
 * Codes stay unsigned as they are in the file, q' = q + offset.  vpmaddubsw
 * adds two products u8 * s8 into an int16 and saturates; with activations of at
 * most 127 a pair is at most 2 * 63 * 127 = 16002 (Q6_K).  vpmaddwd multiplies
 * by the group's scale and widens.  The offset leaves through the exact sums of
 * the activations: sum s (q' - o) a = sum s q' a - o sum s sum a.
 *
 * Per 64 weights and row that makes a load and some ten operations on
 * registers; what is done once per block serves four rows wherever it can. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* One block of each of four rows. */
struct rows256 {
    const uint8_t *block[AVX2_ROWS];
    __m256i scales[AVX2_ROWS]; /* int16: [16], or [8] in both lanes */
    __m256i isum[AVX2_ROWS];   /* running sums in 8 lanes */
    __m128i msum;              /* [row], complete */
};

/* 32 codes each of two groups. */
struct codes256 {
    __m256i first;
    __m256i second;
};

/* Unpacks what is per block: scales, msum, and the offset's part of isum.
 * sums: int16 [16], the activations'. */
typedef void open256_fn(struct rows256 *rows, __m256i sums);
/* The codes of pair p < 4 of groups of 32. */
typedef struct codes256 codes256_fn(const uint8_t *block, int32_t p);
/* int16 multipliers of group i < 8 of 32. */
typedef __m256i scale256_fn(__m256i scales, int32_t i);

struct type256 {
    int32_t block_bytes;
    int32_t d_at;  /* place of the f16 d; dmin follows */
    int32_t apart; /* of the two groups of a pair: 1 or 2 */
    bool has_min;
    open256_fn *open;
    codes256_fn *codes;
    scale256_fn *scale;
};

MOE__INLINE __m128i load_16_bytes(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

MOE__INLINE __m256i and_15(__m256i x)
{
    return _mm256_and_si256(x, _mm256_set1_epi8(15));
}

/* Index of both bytes of int16 number i: 2 i and 2 i + 1. */
MOE__INLINE int16_t bytes_of_word(int32_t i)
{
    return (int16_t)(2 * i | (2 * i + 1) << 8);
}

/* Scale i of 8, everywhere. */
MOE__INLINE __m256i scale_of_32(__m256i scales, int32_t i)
{
    return _mm256_shuffle_epi8(scales, _mm256_set1_epi16(bytes_of_word(i)));
}

/* Scale 2 i of 16 in the lower lane, 2 i + 1 in the upper one. */
MOE__INLINE __m256i scale_of_16(__m256i scales, int32_t i)
{
    const int32_t first = 2 * (i % 4);
    __m256i pick = _mm256_set_m128i(_mm_set1_epi16(bytes_of_word(first + 1)),
                                    _mm_set1_epi16(bytes_of_word(first)));
    __m256i half = i < 4 ? _mm256_permute2x128_si256(scales, scales, 0x00)
                         : _mm256_permute2x128_si256(scales, scales, 0x11);
    return _mm256_shuffle_epi8(half, pick);
}

/* Bit `from` of each byte at bit `to`, the other bits 0. */
MOE__INLINE __m256i move_bit(__m256i x, int32_t from, int32_t to)
{
    x = from < to ? _mm256_slli_epi16(x, to - from)
                  : _mm256_srli_epi16(x, from - to);
    return _mm256_and_si256(x, _mm256_set1_epi8((char)(1 << to)));
}

/* isum = -2^shift * sum of scale times activations' sums, of groups of 16. */
MOE__INLINE void start_with_offset(struct rows256 *rows, __m256i sums,
                                   int32_t shift)
{
    __m256i minus = _mm256_sub_epi16(_mm256_setzero_si256(), sums);
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows->isum[r] =
            _mm256_slli_epi32(_mm256_madd_epi16(rows->scales[r], minus), shift);
}

/* ------------------------------------------------------------ Q4_K, Q5_K */

/* 8 scales and 8 minimums of 6 bits in the words a, b, c behind d and dmin
 * (quant/expand_k.c): number j < 4 in byte j of a and of b; number j + 4 in the
 * nibbles of byte j of c, with the two top bits of a's and b's byte j. */
MOE__INLINE void open_scales6(struct rows256 *rows, __m256i sums)
{
    const uint8_t *const *block = rows->block;
    const __m256i zero = _mm256_setzero_si256();
    /* Rows 0 and 1 go to the lower lane, 2 and 3 to the upper one. */
    __m256i even =
        _mm256_set_m128i(load_16_bytes(block[2]), load_16_bytes(block[0]));
    __m256i odd =
        _mm256_set_m128i(load_16_bytes(block[3]), load_16_bytes(block[1]));
    __m256i da = _mm256_unpacklo_epi32(even, odd); /* d d a a */
    __m256i bc = _mm256_unpackhi_epi32(even, odd); /* b b c c */
    __m256i ab = _mm256_alignr_epi8(bc, da, 8);    /* a a b b */
    __m256i cc = _mm256_unpackhi_epi64(bc, _mm256_srli_epi16(bc, 4));
    __m256i low = _mm256_and_si256(ab, _mm256_set1_epi8(0x3f));
    __m256i high =
        _mm256_or_si256(and_15(cc), _mm256_and_si256(_mm256_srli_epi16(ab, 2),
                                                     _mm256_set1_epi8(0x30)));
    /* int16, four of a row, then four of the next */
    __m256i scales_low = _mm256_unpacklo_epi8(low, zero);
    __m256i scales_high = _mm256_unpacklo_epi8(high, zero);
    even = _mm256_unpacklo_epi64(scales_low, scales_high);
    odd = _mm256_unpackhi_epi64(scales_low, scales_high);
    rows->scales[0] = _mm256_permute2x128_si256(even, even, 0x00);
    rows->scales[1] = _mm256_permute2x128_si256(odd, odd, 0x00);
    rows->scales[2] = _mm256_permute2x128_si256(even, even, 0x11);
    rows->scales[3] = _mm256_permute2x128_si256(odd, odd, 0x11);

    /* Sums of 32: 0 .. 3 | 4 .. 7, each lane twice; then 0 .. 3 everywhere. */
    __m256i of_32 = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
    of_32 = _mm256_packs_epi32(of_32, of_32);
    __m256i m = _mm256_add_epi32(
        _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero),
                          _mm256_permute4x64_epi64(of_32, 0x00)),
        _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero),
                          _mm256_permute4x64_epi64(of_32, 0xaa)));
    m = _mm256_add_epi32(m, _mm256_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
    m = _mm256_permutevar8x32_epi32(m,
                                    _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    rows->msum = _mm256_castsi256_si128(m);
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows->isum[r] = zero;
}

MOE__INLINE struct codes256 codes_q4_k(const uint8_t *block, int32_t p)
{
    __m256i qs = avx2_load_bytes(block + 16 + 32 * p);
    return (struct codes256){and_15(qs), and_15(_mm256_srli_epi16(qs, 4))};
}

MOE__INLINE struct codes256 codes_q5_k(const uint8_t *block, int32_t p)
{
    __m256i qh = avx2_load_bytes(block + 16);
    __m256i qs = avx2_load_bytes(block + 48 + 32 * p);
    __m256i first = and_15(qs), second = and_15(_mm256_srli_epi16(qs, 4));
    return (struct codes256){
        _mm256_or_si256(first, move_bit(qh, 2 * p, 4)),
        _mm256_or_si256(second, move_bit(qh, 2 * p + 1, 4))};
}

/* ------------------------------------------------------- Q2_K, Q3_K, Q6_K */

/* Scales in the low nibbles of 16 bytes, minimums in the high ones. */
MOE__INLINE void open_q2_k(struct rows256 *rows, __m256i sums)
{
    __m256i msum[AVX2_ROWS];
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        __m256i both = _mm256_cvtepu8_epi16(load_16_bytes(rows->block[r]));
        rows->scales[r] = and_15(both);
        msum[r] = _mm256_madd_epi16(_mm256_srli_epi16(both, 4), sums);
        rows->isum[r] = _mm256_setzero_si256();
    }
    rows->msum = avx2_sum_rows(msum);
}

/* Bits 4 (p % 2) to + 3 of 32 bytes: two codes of 2 bits. */
MOE__INLINE struct codes256 codes_q2_k(const uint8_t *block, int32_t p)
{
    const __m256i three = _mm256_set1_epi8(3);
    __m256i qs = avx2_load_bytes(block + 16 + 32 * (p / 2));
    __m256i first = _mm256_srli_epi16(qs, 4 * (p % 2));
    __m256i second = _mm256_srli_epi16(qs, 4 * (p % 2) + 2);
    return (struct codes256){_mm256_and_si256(first, three),
                             _mm256_and_si256(second, three)};
}

/* Sixteen scales of 6 bits in 12 bytes (quant/expand_k.c): nibbles of two
 * words, then pairs of bits of the third; minus 32. */
MOE__INLINE __m256i unpack_scales3(const uint8_t *p)
{
    uint64_t words = moe__load_u64(p);
    __m128i low = _mm_set_epi64x((int64_t)(words >> 4), (int64_t)words);
    __m128i top = _mm_set1_epi32((int32_t)moe__load_u32(p + 8));
    __m128i high =
        _mm_unpacklo_epi64(/* << 4, << 2, as it is, >> 2 */
                           _mm_sllv_epi32(top, _mm_setr_epi32(4, 2, 0, 0)),
                           _mm_srlv_epi32(top, _mm_setr_epi32(0, 2, 0, 0)));
    __m128i scales = _mm_or_si128(_mm_and_si128(low, _mm_set1_epi8(15)),
                                  _mm_and_si128(high, _mm_set1_epi8(0x30)));
    return _mm256_cvtepi8_epi16(_mm_sub_epi8(scales, _mm_set1_epi8(32)));
}

MOE__INLINE void open_q3_k(struct rows256 *rows, __m256i sums)
{
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows->scales[r] = unpack_scales3(rows->block[r] + 96);
    start_with_offset(rows, sums, 2); /* 4 */
}

/* Codes as Q2_K's behind a mask, whose bit of the group is their third. */
MOE__INLINE struct codes256 codes_q3_k(const uint8_t *block, int32_t p)
{
    struct codes256 codes = codes_q2_k(block + 16, p);
    __m256i mask = avx2_load_bytes(block);
    return (struct codes256){
        _mm256_or_si256(codes.first, move_bit(mask, 2 * p, 2)),
        _mm256_or_si256(codes.second, move_bit(mask, 2 * p + 1, 2))};
}

MOE__INLINE void open_q6_k(struct rows256 *rows, __m256i sums)
{
    AVX2_UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows->scales[r] =
            _mm256_cvtepi8_epi16(load_16_bytes(rows->block[r] + 192));
    start_with_offset(rows, sums, 5); /* 32 */
}

/* Nibbles of 32 bytes, and two pairs of bits of others: of groups 4 h + t and
 * 4 h + t + 2, with p = 2 h + t. */
MOE__INLINE struct codes256 codes_q6_k(const uint8_t *block, int32_t p)
{
    const __m256i two_bits = _mm256_set1_epi8(0x30);
    __m256i ql = avx2_load_bytes(block + 32 * p);
    __m256i qh = avx2_load_bytes(block + 128 + 32 * (p / 2));
    __m256i first = _mm256_slli_epi16(qh, p % 2 == 0 ? 4 : 2);
    __m256i second = _mm256_srli_epi16(qh, p % 2 == 0 ? 0 : 2);
    return (struct codes256){
        _mm256_or_si256(and_15(ql), _mm256_and_si256(first, two_bits)),
        _mm256_or_si256(and_15(_mm256_srli_epi16(ql, 4)),
                        _mm256_and_si256(second, two_bits))};
}

/* -------------------------------------------------------------- all types */

/* isum of block b of four rows. */
MOE__INLINE void add_codes256(struct rows256 *rows,
                              const struct avx2_group *group, int32_t b,
                              struct type256 type)
{
    const int8_t *q = group->q + 256 * b;
    const size_t at = (size_t)b * (size_t)type.block_bytes;
    AVX2_UNROLL
    for (int32_t p = 0; p < 4; p++) {
        const int32_t i = type.apart == 1 ? 2 * p : 4 * (p / 2) + p % 2;
        const int32_t j = i + type.apart;
        __m256i qi = avx2_load_bytes(q + 32 * i);
        __m256i qj = avx2_load_bytes(q + 32 * j);
        AVX2_UNROLL
        for (int32_t r = 0; r < AVX2_ROWS; r++) {
            if (64 * p < type.block_bytes)
                avx2_prefetch(group, r, at + (size_t)(64 * p));
            struct codes256 codes = type.codes(rows->block[r], p);
            __m256i first =
                _mm256_madd_epi16(_mm256_maddubs_epi16(codes.first, qi),
                                  type.scale(rows->scales[r], i));
            __m256i second =
                _mm256_madd_epi16(_mm256_maddubs_epi16(codes.second, qj),
                                  type.scale(rows->scales[r], j));
            rows->isum[r] = _mm256_add_epi32(rows->isum[r],
                                             _mm256_add_epi32(first, second));
        }
    }
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with minimums
 * sum = fma(-(dmin d_x), msum, sum). */
MOE__INLINE __m128 add_block256(__m128 sum, const struct avx2_group *group,
                                int32_t b, struct type256 type)
{
    struct rows256 rows;
    __m256 d_x = _mm256_set1_ps(group->scale[b]);
    size_t at = (size_t)b * (size_t)type.block_bytes;
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows.block[r] = group->row[r] + at;
    type.open(&rows, avx2_load_bytes(group->sum + 16 * b));
    add_codes256(&rows, group, b, type);
    __m256 d = _mm256_mul_ps(
        d_x,
        _mm256_cvtph_ps(_mm_set_epi64x(
            type.has_min ? (int64_t)avx2_gather_u16(rows.block, type.d_at + 2)
                         : 0,
            (int64_t)avx2_gather_u16(rows.block, type.d_at))));
    sum = _mm_fmadd_ps(_mm256_castps256_ps128(d),
                       _mm_cvtepi32_ps(avx2_sum_rows(rows.isum)), sum);
    if (!type.has_min)
        return sum;
    return _mm_fnmadd_ps(_mm256_extractf128_ps(d, 1),
                         _mm_cvtepi32_ps(rows.msum), sum);
}

#define TYPE256(name, ...)                                        \
    static __m128 multiply_##name(const struct avx2_group *group) \
    {                                                             \
        const struct type256 type = {__VA_ARGS__};                \
        __m128 sum = _mm_setzero_ps();                            \
        for (int32_t b = 0; b < group->n_cols / 256; b++)         \
            sum = add_block256(sum, group, b, type);              \
        return sum;                                               \
    }                                                             \
    static void avx2_matmul_##name(const struct moe__matmul *job) \
    {                                                             \
        avx2_matmul(job, multiply_##name);                        \
    }

TYPE256(q2_k, 84, 80, 1, true, open_q2_k, codes_q2_k, scale_of_16)
TYPE256(q3_k, 110, 108, 1, false, open_q3_k, codes_q3_k, scale_of_16)
TYPE256(q4_k, 144, 0, 1, true, open_scales6, codes_q4_k, scale_of_32)
TYPE256(q5_k, 176, 0, 1, true, open_scales6, codes_q5_k, scale_of_32)
TYPE256(q6_k, 210, 208, 2, false, open_q6_k, codes_q6_k, scale_of_16)

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
