/* avx2_mat256.c: types with 256-blocks and codes that unpack by shifts and
 * masks, AVX2: Q2_K .. Q6_K, IQ4_XS, TQ2_0.
 *
 * Rows p and p + 2 of a group share registers (avx2_rows.h), 16 codes each, so
 * that a scale of both is spread by one vpshufb.  Codes stay unsigned as they
 * are in the file, q' = q + offset.  vpmaddubsw adds two products u8 * s8 into
 * an int16 and saturates; with activations of at most 127 a pair is at most
 * 2 * 127 * q':
 *
 *     Q2_K, TQ2_0   q' <= 3, left at bit 0 or 2: at most 12     3048
 *     Q3_K          q' <= 7, left at bit 0 or 4: at most 112   28448
 *     Q4_K          q' <= 15, two pairs added                   7620
 *     Q5_K          q' <= 31, two pairs added                  15748
 *     Q6_K          q' <= 63                                   16002
 *     IQ4_XS        |q| <= 127                                 32258
 *
 * vpmaddwd multiplies by the group's scale and widens.  The offset leaves
 * through the exact sums of the activations:
 * sum s (q' - o) a = sum s q' a - o sum s sum a.  Codes that were left at a
 * higher bit have scales that are smaller by as much; the whole sum is then a
 * multiple of 2^shift, and below 2^31: 256 * 127 * 7 * 32 * 16 < 2^27 for Q3_K.
 * IQ4_XS has signed codes: |a| times w with a's sign. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"
#include "quant/iq_tables.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* One block of each of four rows; [2] are rows 0 | 2 and 1 | 3. */
struct rows256 {
    const uint8_t *block[AVX2_ROWS];
    __m256i scales[2][2]; /* int16 of groups 0 .. 7 and 8 .. 15, a row a lane;
                             of groups of 32 there is but the first */
    __m256i isum[2];      /* running sums, four a row */
    __m256i msum[2];
};

/* Codes of four groups of 16. */
struct codes256 {
    __m256i group[4];
};

/* Unpacks what is per block: scales, msum, and the offset's part of isum.
 * sums: int16 [16], the activations'. */
typedef void open256_fn(struct rows256 *rows, const int16_t *sums);
/* Part p < 4 of the codes of rows r and r + 2. */
typedef struct codes256 codes256_fn(const struct rows256 *rows, int32_t r,
                                    int32_t p);

struct type256 {
    open256_fn *open;
    codes256_fn *codes;
    int32_t block_bytes;
    int32_t d_at;   /* place of a word of d and dmin, or of d and any other */
    int32_t d_half; /* of the word that is d: 0 or 1 */
    /* Group k of part p begins at element 128 (p / 2) + step_part (p % 2)
     * + step_pair (k / 2) + step_group (k % 2). */
    int32_t step_part;
    int32_t step_pair;
    int32_t step_group;
    int32_t shift;
    bool has_min;
    bool has_32;    /* groups 0, 1 and 2, 3 of a part are one with one scale */
    bool is_signed; /* the codes; only with has_32 */
};

MOE__INLINE __m256i and_bytes(__m256i x, int32_t mask)
{
    return _mm256_and_si256(x, _mm256_set1_epi8((char)mask));
}

/* Number i < 8 of each lane's int16, everywhere in the lane. */
MOE__INLINE __m256i spread_word(__m256i words, int32_t i)
{
    int32_t bytes = 2 * i | (2 * i + 1) << 8;
    return _mm256_shuffle_epi8(words, _mm256_set1_epi16((int16_t)bytes));
}

/* Bit `from` of each byte at bit `to`, the other bits 0. */
MOE__INLINE __m256i move_bit(__m256i x, int32_t from, int32_t to)
{
    x = from < to ? _mm256_slli_epi16(x, to - from)
                  : _mm256_srli_epi16(x, from - to);
    return and_bytes(x, 1 << to);
}

MOE__INLINE __m256i both_lanes(__m128i x)
{
    return _mm256_broadcastsi128_si256(x);
}

/* Sum over 16 groups of words [2] times the activations' sums, four a row. */
MOE__INLINE __m256i dot_sums(__m256i low, __m256i high, const int16_t *sums)
{
    return _mm256_add_epi32(_mm256_madd_epi16(low, avx2_load_twice(sums)),
                            _mm256_madd_epi16(high, avx2_load_twice(sums + 8)));
}

/* isum = -2^shift times that. */
MOE__INLINE __m256i minus_offset(const __m256i scales[2], const int16_t *sums,
                                 int32_t shift)
{
    __m256i sum = dot_sums(scales[0], scales[1], sums);
    return _mm256_sub_epi32(_mm256_setzero_si256(),
                            _mm256_slli_epi32(sum, shift));
}

/* ------------------------------------------------------------ Q4_K, Q5_K */

/* 8 scales and 8 minimums of 6 bits in the words a, b, c behind d and dmin
 * (quant/expand_k.c): number j < 4 in byte j of a and of b; number j + 4 in the
 * nibbles of byte j of c, with the two top bits of a's and b's byte j. */
MOE__INLINE void open_scales6(struct rows256 *rows, const int16_t *sums)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi16(1);
    __m256i even = avx2_load_rows(rows->block, 0, 0, 144);
    __m256i odd = avx2_load_rows(rows->block, 1, 0, 144);
    __m256i da = _mm256_unpacklo_epi32(even, odd); /* d d a a */
    __m256i bc = _mm256_unpackhi_epi32(even, odd); /* b b c c */
    __m256i ab = _mm256_alignr_epi8(bc, da, 8);    /* a a b b */
    __m256i cc = _mm256_unpackhi_epi64(bc, _mm256_srli_epi16(bc, 4));
    __m256i low = and_bytes(ab, 0x3f);
    __m256i high = _mm256_or_si256(and_bytes(cc, 15),
                                   and_bytes(_mm256_srli_epi16(ab, 2), 0x30));
    /* int16, four of a row, then four of the next */
    __m256i scales_low = _mm256_unpacklo_epi8(low, zero);
    __m256i scales_high = _mm256_unpacklo_epi8(high, zero);
    rows->scales[0][0] = _mm256_unpacklo_epi64(scales_low, scales_high);
    rows->scales[1][0] = _mm256_unpackhi_epi64(scales_low, scales_high);

    /* Sums of 32: 0 .. 3, 0 .. 3, and 4 .. 7, 4 .. 7, in both lanes. */
    __m256i sums_low = _mm256_madd_epi16(avx2_load_twice(sums), one);
    __m256i sums_high = _mm256_madd_epi16(avx2_load_twice(sums + 8), one);
    __m256i m = _mm256_add_epi32(
        _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero),
                          _mm256_packs_epi32(sums_low, sums_low)),
        _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero),
                          _mm256_packs_epi32(sums_high, sums_high)));
    rows->msum[0] = _mm256_unpacklo_epi64(m, zero);
    rows->msum[1] = _mm256_unpackhi_epi64(m, zero);
    rows->isum[0] = rows->isum[1] = zero;
}

MOE__INLINE struct codes256 split_nibbles256(const struct rows256 *rows,
                                             int32_t r, int32_t at, int32_t n)
{
    __m256i a = avx2_load_rows(rows->block, r, at, n);
    __m256i b = avx2_load_rows(rows->block, r, at + 16, n);
    return (struct codes256){{and_bytes(a, 15), and_bytes(b, 15),
                              and_bytes(_mm256_srli_epi16(a, 4), 15),
                              and_bytes(_mm256_srli_epi16(b, 4), 15)}};
}

MOE__INLINE struct codes256 codes_q4_k(const struct rows256 *rows, int32_t r,
                                       int32_t p)
{
    return split_nibbles256(rows, r, 16 + 32 * p, 144);
}

/* The fifth bits of groups 2 p and 2 p + 1 of 32: bits 2 p and 2 p + 1 of 32
 * bytes. */
MOE__INLINE struct codes256 codes_q5_k(const struct rows256 *rows, int32_t r,
                                       int32_t p)
{
    struct codes256 codes = split_nibbles256(rows, r, 48 + 32 * p, 176);
    MOE__UNROLL
    for (int32_t k = 0; k < 4; k++) {
        __m256i high = avx2_load_rows(rows->block, r, 16 + 16 * (k % 2), 176);
        codes.group[k] =
            _mm256_or_si256(codes.group[k], move_bit(high, 2 * p + k / 2, 4));
    }
    return codes;
}

/* ----------------------------------------------------------- Q2_K, TQ2_0 */

/* Scales in the low nibbles of 16 bytes, minimums in the high ones.  Scales of
 * even groups of 32 are times 4: their codes stay at bit 0. */
MOE__INLINE void open_q2_k(struct rows256 *rows, const int16_t *sums)
{
    const __m256i zero = _mm256_setzero_si256();
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        __m256i both = avx2_load_rows(rows->block, r, 0, 84);
        __m256i scale = and_bytes(both, 15);
        __m256i min = and_bytes(_mm256_srli_epi16(both, 4), 15);
        scale = _mm256_blend_epi16(scale, _mm256_slli_epi16(scale, 2), 0x55);
        rows->scales[r][0] = _mm256_unpacklo_epi8(scale, zero);
        rows->scales[r][1] = _mm256_unpackhi_epi8(scale, zero);
        rows->msum[r] = dot_sums(_mm256_unpacklo_epi8(min, zero),
                                 _mm256_unpackhi_epi8(min, zero), sums);
        rows->isum[r] = zero;
    }
}

/* Four codes of 2 bits a byte, for groups of 32 one behind the other. */
MOE__INLINE struct codes256 split_pairs(const struct rows256 *rows, int32_t r,
                                        int32_t at, int32_t n)
{
    __m256i qs = avx2_load_rows(rows->block, r, at, n);
    __m256i high = _mm256_srli_epi16(qs, 4);
    return (struct codes256){{and_bytes(qs, 3), and_bytes(qs, 12),
                              and_bytes(high, 3), and_bytes(high, 12)}};
}

MOE__INLINE struct codes256 codes_q2_k(const struct rows256 *rows, int32_t r,
                                       int32_t p)
{
    return split_pairs(rows, r, 16 + 16 * p, 84);
}

/* All scales are 1. */
MOE__INLINE void open_tq2_0(struct rows256 *rows, const int16_t *sums)
{
    const __m256i scales = both_lanes(_mm_setr_epi16(4, 4, 1, 1, 4, 4, 1, 1));
    const __m256i ones[2] = {_mm256_set1_epi16(1), _mm256_set1_epi16(1)};
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        rows->scales[r][0] = rows->scales[r][1] = scales;
        rows->isum[r] = minus_offset(ones, sums, 2);
    }
}

MOE__INLINE struct codes256 codes_tq2_0(const struct rows256 *rows, int32_t r,
                                        int32_t p)
{
    return split_pairs(rows, r, 16 * p, 66);
}

/* ------------------------------------------------------------------ Q3_K */

/* Sixteen scales of 6 bits in 12 bytes (quant/expand_k.c): nibbles of eight
 * bytes, then pairs of bits of four; minus 32.  Scales of the first two groups
 * of 32 of each half are times 16: their codes stay at bit 0. */
MOE__INLINE void open_q3_k(struct rows256 *rows, const int16_t *sums)
{
    const __m256i to_bit_4 =
        both_lanes(_mm_setr_epi16(16, 16, 16, 16, 4, 4, 4, 4));
    const __m256i times =
        both_lanes(_mm_setr_epi16(16, 16, 16, 16, 1, 1, 1, 1));
    const __m256i low_bytes = both_lanes(
        _mm_setr_epi8(2, -1, 3, -1, 4, -1, 5, -1, 6, -1, 7, -1, 8, -1, 9, -1));
    const __m256i high_bytes = both_lanes(_mm_setr_epi8(
        10, -1, 11, -1, 12, -1, 13, -1, 10, -1, 11, -1, 12, -1, 13, -1));
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        __m256i packed = avx2_load_rows(rows->block, r, 94, 110);
        __m256i low = _mm256_shuffle_epi8(packed, low_bytes);
        __m256i high = _mm256_mullo_epi16(
            _mm256_shuffle_epi8(packed, high_bytes), to_bit_4);
        MOE__UNROLL
        for (int32_t h = 0; h < 2; h++) {
            __m256i scale =
                _mm256_or_si256(and_bytes(_mm256_srli_epi16(low, 4 * h), 15),
                                _mm256_and_si256(_mm256_srli_epi16(high, 4 * h),
                                                 _mm256_set1_epi16(0x30)));
            rows->scales[r][h] = _mm256_sub_epi16(scale, _mm256_set1_epi16(32));
        }
        rows->isum[r] = minus_offset(rows->scales[r], sums, 2 + 4);
        MOE__UNROLL
        for (int32_t h = 0; h < 2; h++)
            rows->scales[r][h] = _mm256_mullo_epi16(rows->scales[r][h], times);
    }
}

/* Two low bits t = 0 .. 3 of a byte go to fields at bit 0 and 4 of two bytes,
 * t = 0 and 2, t = 1 and 3.  The third bits are bits 4 h + t of a mask; a table
 * brings the four of one h to the same fields. */
MOE__INLINE struct codes256 codes_q3_k(const struct rows256 *rows, int32_t r,
                                       int32_t p)
{
    const __m256i to_even = both_lanes(
        _mm_setr_epi8(0, 4, 0, 4, 64, 68, 64, 68, 0, 4, 0, 4, 64, 68, 64, 68));
    const __m256i to_odd = both_lanes(
        _mm_setr_epi8(0, 0, 4, 4, 0, 0, 4, 4, 64, 64, 68, 68, 64, 64, 68, 68));
    __m256i qs = avx2_load_rows(rows->block, r, 32 + 16 * p, 110);
    __m256i mask = avx2_load_rows(rows->block, r, 16 * (p % 2), 110);
    mask = and_bytes(_mm256_srli_epi16(mask, 4 * (p / 2)), 15);
    __m256i even = _mm256_or_si256(and_bytes(qs, 0x33),
                                   _mm256_shuffle_epi8(to_even, mask));
    __m256i odd = _mm256_or_si256(and_bytes(_mm256_srli_epi16(qs, 2), 0x33),
                                  _mm256_shuffle_epi8(to_odd, mask));
    return (struct codes256){{and_bytes(even, 0x07), and_bytes(odd, 0x07),
                              and_bytes(even, 0x70), and_bytes(odd, 0x70)}};
}

/* ------------------------------------------------------------------ Q6_K */

MOE__INLINE void open_q6_k(struct rows256 *rows, const int16_t *sums)
{
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        __m256i bytes = avx2_load_rows(rows->block, r, 192, 210);
        rows->scales[r][0] =
            _mm256_srai_epi16(_mm256_unpacklo_epi8(bytes, bytes), 8);
        rows->scales[r][1] =
            _mm256_srai_epi16(_mm256_unpackhi_epi8(bytes, bytes), 8);
        rows->isum[r] = minus_offset(rows->scales[r], sums, 5);
    }
}

/* Nibbles of 32 bytes, and pairs of bits of others, for groups 4 h + t and
 * 4 h + t + 2 of 32, with p = 2 h + t. */
MOE__INLINE struct codes256 codes_q6_k(const struct rows256 *rows, int32_t r,
                                       int32_t p)
{
    struct codes256 codes = split_nibbles256(rows, r, 32 * p, 210);
    MOE__UNROLL
    for (int32_t k = 0; k < 4; k++) {
        int32_t at = 128 + 32 * (p / 2) + 16 * (k % 2);
        int32_t up = 4 - 2 * (p % 2) - 4 * (k / 2);
        __m256i high = avx2_load_rows(rows->block, r, at, 210);
        high =
            up > 0 ? _mm256_slli_epi16(high, up) : _mm256_srli_epi16(high, -up);
        codes.group[k] = _mm256_or_si256(codes.group[k], and_bytes(high, 0x30));
    }
    return codes;
}

/* ---------------------------------------------------------------- IQ4_XS */

/* Scale g of 8: nibble g of the bytes 4 .. 7, and bits 2 g, 2 g + 1 of the word
 * at 2; minus 32. */
MOE__INLINE void open_iq4_xs(struct rows256 *rows, const int16_t *sums)
{
    const __m256i to_bit_4 =
        both_lanes(_mm_setr_epi16(16, 1, 16, 1, 16, 1, 16, 1));
    const __m256i to_bit_14 = both_lanes(_mm_setr_epi16(
        1 << 14, 1 << 12, 1 << 10, 1 << 8, 1 << 6, 1 << 4, 1 << 2, 1));
    const __m256i low_bytes = both_lanes(
        _mm_setr_epi8(4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1));
    (void)sums;
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        __m256i packed = avx2_load_rows(rows->block, r, 0, 136);
        __m256i low = _mm256_mullo_epi16(_mm256_shuffle_epi8(packed, low_bytes),
                                         to_bit_4);
        __m256i high = _mm256_mullo_epi16(spread_word(packed, 1), to_bit_14);
        __m256i scale =
            _mm256_or_si256(and_bytes(_mm256_srli_epi16(low, 4), 15),
                            _mm256_and_si256(_mm256_srli_epi16(high, 10),
                                             _mm256_set1_epi16(0x30)));
        rows->scales[r][0] = _mm256_sub_epi16(scale, _mm256_set1_epi16(32));
        rows->isum[r] = _mm256_setzero_si256();
    }
}

MOE__INLINE struct codes256 codes_iq4_xs(const struct rows256 *rows, int32_t r,
                                         int32_t p)
{
    const __m256i values = avx2_load_twice(moe__quant_iq4_values);
    struct codes256 codes;
    MOE__UNROLL
    for (int32_t k = 0; k < 2; k++) {
        int32_t at = 8 + 32 * p + 16 * k;
        __m256i qs = avx2_load_rows(rows->block, r, at, 136);
        codes.group[2 * k] = _mm256_shuffle_epi8(values, and_bytes(qs, 15));
        codes.group[2 * k + 1] = _mm256_shuffle_epi8(
            values, and_bytes(_mm256_srli_epi16(qs, 4), 15));
    }
    return codes;
}

/* -------------------------------------------------------------- all types */

/* Part p times its activations q [4] of two rows, scaled and summed up. */
MOE__INLINE __m256i dot_part(const struct rows256 *rows, int32_t r, int32_t p,
                             const __m256i q[4], struct type256 type)
{
    struct codes256 codes = type.codes(rows, r, p);
    __m256i sum = rows->isum[r], dot[4];
    MOE__UNROLL
    for (int32_t k = 0; k < 4; k++)
        dot[k] =
            type.is_signed
                ? _mm256_maddubs_epi16(_mm256_abs_epi8(q[k]),
                                       _mm256_sign_epi8(codes.group[k], q[k]))
                : _mm256_maddubs_epi16(codes.group[k], q[k]);
    MOE__UNROLL
    for (int32_t k = 0; k < 4; k++) {
        int32_t at = 128 * (p / 2) + type.step_part * (p % 2) +
                     type.step_pair * (k / 2) + type.step_group * (k % 2);
        int32_t g = type.has_32 ? at / 32 : at / 16;
        if (type.has_32 && !type.is_signed) {
            if (k % 2 == 0)
                continue;
            dot[k] = _mm256_add_epi16(dot[k - 1], dot[k]);
        }
        __m256i scale = spread_word(rows->scales[r][g / 8], g % 8);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(dot[k], scale));
    }
    return sum;
}

/* isum of block b of four rows. */
MOE__INLINE void add_codes256(struct rows256 *rows,
                              const struct avx2_group *group, int32_t b,
                              struct type256 type)
{
    const size_t at = (size_t)b * (size_t)type.block_bytes;
    MOE__UNROLL
    for (int32_t p = 0; p < 4; p++) {
        const int8_t *from =
            group->q + 256 * b + 128 * (p / 2) + type.step_part * (p % 2);
        __m256i q[4];
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++) {
            q[k] = avx2_load_twice(from + type.step_pair * (k / 2) +
                                   type.step_group * (k % 2));
            if (64 * p < type.block_bytes)
                avx2_prefetch(group, k, at + (size_t)(64 * p));
        }
        MOE__UNROLL
        for (int32_t r = 0; r < 2; r++)
            rows->isum[r] = dot_part(rows, r, p, q, type);
    }
}

/* d, and dmin or any number, as d d m m of rows 0 and 1 | 2 and 3. */
MOE__INLINE __m256 gather_d(const struct rows256 *rows, struct type256 type)
{
    const int32_t at = type.d_at, d = 2 * type.d_half, m = 2 - d;
    const __m128i order = _mm_setr_epi8(
        (char)d, (char)(d + 1), (char)(d + 4), (char)(d + 5), (char)m,
        (char)(m + 1), (char)(m + 4), (char)(m + 5), (char)(d + 8),
        (char)(d + 9), (char)(d + 12), (char)(d + 13), (char)(m + 8),
        (char)(m + 9), (char)(m + 12), (char)(m + 13));
    __m128i words = _mm_setr_epi32((int32_t)moe__load_u32(rows->block[0] + at),
                                   (int32_t)moe__load_u32(rows->block[1] + at),
                                   (int32_t)moe__load_u32(rows->block[2] + at),
                                   (int32_t)moe__load_u32(rows->block[3] + at));
    return _mm256_cvtph_ps(_mm_shuffle_epi8(words, order));
}

/* Sums of four int32 a row, of rows 0 and 1 | 2 and 3. */
MOE__INLINE __m256i sum_four(__m256i even, __m256i odd)
{
    __m256i two = avx2_fold_pair(even, odd);
    return _mm256_add_epi32(two,
                            _mm256_shuffle_epi32(two, _MM_SHUFFLE(1, 0, 3, 2)));
}

/* Block b of four rows: sum = fma(d d_x, isum, sum), and with minimums
 * sum = fma(-(dmin d_x), msum, sum). */
MOE__INLINE __m256 add_block256(__m256 sum, const struct avx2_group *group,
                                int32_t b, struct type256 type)
{
    struct rows256 rows;
    MOE__UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        rows.block[r] = group->row[r] + (size_t)b * (size_t)type.block_bytes;
    type.open(&rows, group->sum + 16 * b);
    add_codes256(&rows, group, b, type);
    __m256 d =
        _mm256_mul_ps(gather_d(&rows, type), _mm256_set1_ps(group->scale[b]));
    __m256i isum =
        _mm256_srai_epi32(sum_four(rows.isum[0], rows.isum[1]), type.shift);
    sum = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(isum), sum);
    if (!type.has_min)
        return sum;
    __m256 msum = _mm256_cvtepi32_ps(sum_four(rows.msum[0], rows.msum[1]));
    d = _mm256_permute_ps(d, _MM_SHUFFLE(1, 0, 3, 2)); /* m m d d */
    return _mm256_fnmadd_ps(d, msum, sum);
}

#define TYPE256(name, open_fn, ...)                                       \
    static __m128 multiply_##name(const struct avx2_group *group)         \
    {                                                                     \
        const struct type256 type = {open_fn, codes_##name, __VA_ARGS__}; \
        __m256 sum = _mm256_setzero_ps();                                 \
        for (int32_t b = 0; b < group->n_cols / 256; b++)                 \
            sum = add_block256(sum, group, b, type);                      \
        return avx2_gather_rows(sum);                                     \
    }                                                                     \
    static void avx2_matmul_##name(const struct moe__matmul *job)         \
    {                                                                     \
        avx2_matmul(job, multiply_##name);                                \
    }

TYPE256(q2_k, open_q2_k, 84, 80, 0, 16, 64, 32, 2, .has_min = true)
TYPE256(q3_k, open_q3_k, 110, 106, 1, 16, 64, 32, 4, .has_min = false)
TYPE256(q4_k, open_scales6, 144, 0, 0, 64, 32, 16, 0, true, .has_32 = true)
TYPE256(q5_k, open_scales6, 176, 0, 0, 64, 32, 16, 0, true, .has_32 = true)
TYPE256(q6_k, open_q6_k, 210, 206, 1, 32, 64, 16, 0, .has_min = false)
TYPE256(iq4_xs, open_iq4_xs, 136, 0, 0, 64, 32, 16, 0, .has_32 = true,
        .is_signed = true)
TYPE256(tq2_0, open_tq2_0, 66, 62, 1, 16, 64, 32, 2, .has_min = false)

MOE__TARGET_END

void moe__avx2_fill_mat256(struct moe__kern *kern)
{
    kern->matmul[MOE__Q2_K] = avx2_matmul_q2_k;
    kern->matmul[MOE__Q3_K] = avx2_matmul_q3_k;
    kern->matmul[MOE__Q4_K] = avx2_matmul_q4_k;
    kern->matmul[MOE__Q5_K] = avx2_matmul_q5_k;
    kern->matmul[MOE__Q6_K] = avx2_matmul_q6_k;
    kern->matmul[MOE__IQ4_XS] = avx2_matmul_iq4_xs;
    kern->matmul[MOE__TQ2_0] = avx2_matmul_tq2_0;
}

#endif
