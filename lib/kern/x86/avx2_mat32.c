/* avx2_mat32.c: the types with 32-blocks, AVX2: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0,
 * IQ4_NL, MXFP4.
 *
 * Rows p and p + 2 of a group share registers (avx2_rows.h): elements 0 .. 15
 * of a block of both, then 16 .. 31, which is how nibbles come out.  Two blocks
 * a and b go together, whose sums end up side by side:
 *
 *     r0 a, r0 b, r1 a, r1 b | r2 a, r2 b, r3 a, r3 b
 *
 * vpmaddubsw adds two products u8 * s8 into an int16 and saturates; activations
 * are at most 127.  Unsigned codes q' = q + offset are added up as int16 as
 * long as they fit: a half block is at most 127 * 2 * q', and each step doubles
 * it.
 *
 *                    half    block   + half of the row's   + quarter
 *     q' <= 15       3810     7620                 15240       30480
 *     q' <= 31       7874    15748                 31496
 *     q' <= 24       6096    12192                 24384
 *
 * The offset leaves through the sum of the activations,
 * sum (q' - o) a = sum q' a - o sum a.  Signed codes are multiplied by their
 * absolute value or the activation's: 2 * 128 * 127 = 32512 at most. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"
#include "quant/iq_tables.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* Elements 0 .. 15 and 16 .. 31 of a block of two rows. */
struct halves32 {
    __m256i half[2];
};

enum sign32 {
    UNSIGNED32, /* codes are q + offset */
    SIGNED32,   /* codes are above -128 */
    WIDE32      /* codes may be -128, which no sign can be given to */
};

/* Place `at` of rows r and r + 2, of which n bytes are there. */
typedef struct halves32 codes32_fn(const uint8_t *const row[AVX2_ROWS],
                                   int32_t r, int32_t at, int32_t n);

struct type32 {
    codes32_fn *codes;
    int32_t block_bytes;
    enum sign32 sign;
    int32_t offset;
    int32_t n_folds; /* steps of the table above that fit: 2 or 1 */
    bool has_m;      /* an f16 m behind d */
    bool is_e8m0;    /* d is one byte, the exponent of a power of two */
};

MOE__INLINE struct halves32 split_nibbles32(const uint8_t *const row[AVX2_ROWS],
                                            int32_t r, int32_t at, int32_t n)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i qs = avx2_load_rows(row, r, at, n);
    return (struct halves32){{_mm256_and_si256(qs, low),
                              _mm256_and_si256(_mm256_srli_epi16(qs, 4), low)}};
}

/* Nibbles at place `at`, and their fifth bits in the word before. */
MOE__INLINE struct halves32 split_5_bits(const uint8_t *const row[AVX2_ROWS],
                                         int32_t r, int32_t at, int32_t n)
{
    const int64_t ones = 0x0101010101010101;
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    struct halves32 codes = split_nibbles32(row, r, at, n);
    __m256i word = avx2_load_rows(row, r, at - 4, n);
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        /* each byte eight times, of which each keeps another bit */
        __m256i byte = _mm256_setr_epi64x(2 * h * ones, (2 * h + 1) * ones,
                                          2 * h * ones, (2 * h + 1) * ones);
        __m256i bits = _mm256_shuffle_epi8(word, byte);
        bits = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit_of), bit_of);
        bits = _mm256_and_si256(bits, _mm256_set1_epi8(16));
        codes.half[h] = _mm256_or_si256(codes.half[h], bits);
    }
    return codes;
}

/* Values by their 4-bit index. */
MOE__INLINE struct halves32 look_up_nibbles(__m256i values,
                                            struct halves32 index)
{
    return (struct halves32){{_mm256_shuffle_epi8(values, index.half[0]),
                              _mm256_shuffle_epi8(values, index.half[1])}};
}

MOE__INLINE struct halves32 codes_q4_0(const uint8_t *const row[AVX2_ROWS],
                                       int32_t r, int32_t at, int32_t n)
{
    return split_nibbles32(row, r, at + 2, n);
}

MOE__INLINE struct halves32 codes_q4_1(const uint8_t *const row[AVX2_ROWS],
                                       int32_t r, int32_t at, int32_t n)
{
    return split_nibbles32(row, r, at + 4, n);
}

MOE__INLINE struct halves32 codes_q5_0(const uint8_t *const row[AVX2_ROWS],
                                       int32_t r, int32_t at, int32_t n)
{
    return split_5_bits(row, r, at + 6, n);
}

MOE__INLINE struct halves32 codes_q5_1(const uint8_t *const row[AVX2_ROWS],
                                       int32_t r, int32_t at, int32_t n)
{
    return split_5_bits(row, r, at + 8, n);
}

MOE__INLINE struct halves32 codes_q8_0(const uint8_t *const row[AVX2_ROWS],
                                       int32_t r, int32_t at, int32_t n)
{
    return (struct halves32){{avx2_load_rows(row, r, at + 2, n),
                              avx2_load_rows(row, r, at + 18, n)}};
}

MOE__INLINE struct halves32 codes_iq4_nl(const uint8_t *const row[AVX2_ROWS],
                                         int32_t r, int32_t at, int32_t n)
{
    return look_up_nibbles(avx2_load_twice(moe__quant_iq4_values),
                           split_nibbles32(row, r, at + 2, n));
}

/* The values are at least -12. */
MOE__INLINE struct halves32 codes_mxfp4(const uint8_t *const row[AVX2_ROWS],
                                        int32_t r, int32_t at, int32_t n)
{
    __m256i values = avx2_load_twice(moe__quant_fp4_values);
    return look_up_nibbles(_mm256_add_epi8(values, _mm256_set1_epi8(12)),
                           split_nibbles32(row, r, at + 1, n));
}

/* Blocks a and b of rows r and r + 2, as int16: four of a, four of b. */
MOE__INLINE __m256i fold_blocks16(__m256i a, __m256i b)
{
    return _mm256_add_epi16(_mm256_unpacklo_epi64(a, b),
                            _mm256_unpackhi_epi64(a, b));
}

MOE__INLINE __m256i fold_blocks32(__m256i a, __m256i b)
{
    return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b),
                            _mm256_unpackhi_epi64(a, b));
}

/* 32-bit numbers 0, 2 (or 1, 3) of each lane of a, then of b. */
MOE__INLINE __m256i every_second(__m256i a, __m256i b, int32_t first)
{
    __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    return _mm256_castps_si256(
        first == 0 ? _mm256_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0))
                   : _mm256_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1)));
}

/* Products of a block, unsigned: eight int16 a row. */
MOE__INLINE __m256i dot_unsigned(struct halves32 w, struct halves32 q)
{
    return _mm256_add_epi16(_mm256_maddubs_epi16(w.half[0], q.half[0]),
                            _mm256_maddubs_epi16(w.half[1], q.half[1]));
}

/* Products of a block, signed: four int32 a row. */
MOE__INLINE __m256i dot_signed(struct halves32 w, struct halves32 q,
                               enum sign32 sign)
{
    __m256i dot[2];
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        __m256i value = sign == WIDE32 ? w.half[h] : q.half[h];
        __m256i other = sign == WIDE32 ? q.half[h] : w.half[h];
        dot[h] = _mm256_madd_epi16(
            _mm256_maddubs_epi16(_mm256_abs_epi8(value),
                                 _mm256_sign_epi8(other, value)),
            _mm256_set1_epi16(1));
    }
    return _mm256_add_epi32(dot[0], dot[1]);
}

MOE__INLINE struct halves32 load_halves(const int8_t *q)
{
    return (struct halves32){{avx2_load_twice(q), avx2_load_twice(q + 16)}};
}

/* sum of codes times q of blocks a and b, in the order above. */
MOE__INLINE __m256i dot_pair(const uint8_t *const row[AVX2_ROWS], int32_t b_at,
                             int32_t n, const int8_t *q, struct type32 type)
{
    const __m256i one = _mm256_set1_epi16(1);
    const struct halves32 qa = load_halves(q), qb = load_halves(q + 32);
    __m256i fold[2];
    MOE__UNROLL
    for (int32_t r = 0; r < 2; r++) {
        struct halves32 a = type.codes(row, r, 0, n);
        struct halves32 b = type.codes(row, r, b_at, n);
        fold[r] = type.sign == UNSIGNED32
                      ? fold_blocks16(dot_unsigned(a, qa), dot_unsigned(b, qb))
                      : fold_blocks32(dot_signed(a, qa, type.sign),
                                      dot_signed(b, qb, type.sign));
        if (type.n_folds == 1)
            fold[r] = _mm256_madd_epi16(fold[r], one);
    }
    __m256i even = every_second(fold[0], fold[1], 0);
    __m256i odd = every_second(fold[0], fold[1], 1);
    if (type.n_folds == 2)
        return _mm256_madd_epi16(_mm256_add_epi16(even, odd), one);
    return _mm256_add_epi32(even, odd);
}

/* 2^(e - 128) for the lower bytes e of int16, of which floats are the upper
 * halves: 2^7 (e - 1), or for the subnormal e = 0 and 1 2^5 (e + 1), which is
 * then larger and never else. */
MOE__INLINE __m256 e8m0_halves(__m128i words)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i e = _mm_and_si128(words, _mm_set1_epi16(255));
    __m128i normal =
        _mm_sub_epi16(_mm_slli_epi16(e, 7), _mm_set1_epi16(1 << 7));
    __m128i subnormal =
        _mm_add_epi16(_mm_slli_epi16(e, 5), _mm_set1_epi16(1 << 5));
    e = _mm_max_epi16(normal, subnormal);
    return _mm256_castsi256_ps(_mm256_set_m128i(_mm_unpackhi_epi16(zero, e),
                                                _mm_unpacklo_epi16(zero, e)));
}

/* The first four bytes of a block of four rows. */
MOE__INLINE __m128i gather_words(const uint8_t *const row[AVX2_ROWS],
                                 int32_t at)
{
    return _mm_setr_epi32((int32_t)moe__load_u32(row[0] + at),
                          (int32_t)moe__load_u32(row[1] + at),
                          (int32_t)moe__load_u32(row[2] + at),
                          (int32_t)moe__load_u32(row[3] + at));
}

/* 8 bytes everywhere. */
MOE__INLINE __m256i load_four_times(const void *p)
{
    return _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)p));
}

/* A pair of blocks that is multiplied but not yet added up, in the order above
 * but for sums: a, b, a, b. */
struct pair32 {
    __m256i isum;
    __m256i sums; /* of the activations, two int16 a block */
    __m256 d;     /* d d_x */
    __m256 m;     /* m d_x */
};

/* Blocks i and i + 1 of four rows, or i alone.  Activations are there up to a
 * multiple of 256, rows are not. */
MOE__INLINE struct pair32 multiply_pair(const struct avx2_group *group,
                                        int32_t i, bool is_alone,
                                        struct type32 type)
{
    const uint8_t *row[AVX2_ROWS];
    const size_t at = (size_t)i * (size_t)type.block_bytes;
    const int32_t b_at = is_alone ? 0 : type.block_bytes;
    MOE__UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        row[r] = group->row[r] + at;
        avx2_prefetch(group, r, at);
    }
    __m256 d_x = _mm256_castsi256_ps(load_four_times(group->scale + i));
    __m128i a = gather_words(row, 0), b = gather_words(row, b_at);
    __m128i d = _mm_blend_epi16(a, _mm_slli_epi32(b, 16), 0xaa);
    __m128i m = _mm_blend_epi16(_mm_srli_epi32(a, 16), b, 0xaa);
    return (struct pair32){
        .isum = dot_pair(row, b_at, b_at + type.block_bytes, group->q + 32 * i,
                         type),
        .sums = load_four_times(group->sum + 2 * i),
        .d = _mm256_mul_ps(type.is_e8m0 ? e8m0_halves(d) : _mm256_cvtph_ps(d),
                           d_x),
        .m = _mm256_mul_ps(_mm256_cvtph_ps(m), d_x)};
}

/* What block b has, in the places of block a. */
MOE__INLINE __m256 second_of(__m256 v)
{
    return _mm256_movehdup_ps(v);
}

/* For each block sum = fma(d d_x, isum, sum), and with m
 * sum = fma(m d_x, sum of q, sum), in elements 0, 2, 4, 6. */
MOE__INLINE __m256 add_pair(__m256 sum, struct pair32 pair, bool is_alone,
                            struct type32 type)
{
    __m256i offset = _mm256_set1_epi16((int16_t)type.offset);
    __m256i q_sum = _mm256_madd_epi16(pair.sums, _mm256_set1_epi16(1));
    if (type.offset != 0)
        pair.isum =
            _mm256_sub_epi32(pair.isum, _mm256_madd_epi16(pair.sums, offset));
    __m256 i = _mm256_cvtepi32_ps(pair.isum), q = _mm256_cvtepi32_ps(q_sum);
    sum = _mm256_fmadd_ps(pair.d, i, sum);
    if (type.has_m)
        sum = _mm256_fmadd_ps(pair.m, q, sum);
    if (is_alone)
        return sum;
    sum = _mm256_fmadd_ps(second_of(pair.d), second_of(i), sum);
    if (type.has_m)
        sum = _mm256_fmadd_ps(second_of(pair.m), second_of(q), sum);
    return sum;
}

/* A pair is added up behind the products of the next one, so that nothing waits
 * for its sums. */
MOE__INLINE __m128 multiply_32(const struct avx2_group *group,
                               struct type32 type)
{
    const int32_t n = group->n_cols / 32;
    __m256 sum = _mm256_setzero_ps();
    int32_t i = 0;
    if (n >= 2) {
        struct pair32 pair = multiply_pair(group, 0, false, type);
        for (i = 2; i + 2 <= n; i += 2) {
            struct pair32 next = multiply_pair(group, i, false, type);
            sum = add_pair(sum, pair, false, type);
            pair = next;
        }
        sum = add_pair(sum, pair, false, type);
    }
    if (i < n)
        sum = add_pair(sum, multiply_pair(group, i, true, type), true, type);
    return avx2_gather_rows(_mm256_permute_ps(sum, _MM_SHUFFLE(3, 1, 2, 0)));
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

TYPE32(q4_0, 18, UNSIGNED32, .offset = 8, .n_folds = 2)
TYPE32(q4_1, 20, UNSIGNED32, .n_folds = 2, .has_m = true)
TYPE32(q5_0, 22, UNSIGNED32, .offset = 16, .n_folds = 1)
TYPE32(q5_1, 24, UNSIGNED32, .n_folds = 1, .has_m = true)
TYPE32(q8_0, 34, WIDE32, .n_folds = 0)
TYPE32(iq4_nl, 18, SIGNED32, .n_folds = 0)
TYPE32(mxfp4, 17, UNSIGNED32, .offset = 12, .n_folds = 1, .is_e8m0 = true)

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
