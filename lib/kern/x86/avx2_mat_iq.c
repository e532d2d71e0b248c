/* avx2_mat_iq.c: types with 256-blocks whose codes come from books or are
 * digits, AVX2: IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0.
 *
 * A block is expanded to struct moe__codes, as quant/expand_iq.c does, and then
 * multiplied with all tokens of the job.  Codes are signed and at most 62 (127
 * would do): |a| times q with a's sign is at most 2 * 127 * 127 = 32258 a pair.
 *
 * Indices are looked up one by one, the entries that they give are spread 32
 * codes at a time. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"
#include "quant/iq_tables.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* ------------------------------------------------------------- expanding */

MOE__INLINE void store_codes(int8_t *q, __m256i codes)
{
    _mm256_storeu_si256((__m256i *)(void *)q, codes);
}

MOE__INLINE float half_to_float(const uint8_t *p)
{
    return moe__f16_to_f32(moe__load_u16(p));
}

/* Bytes of all ones for the bits that are set. */
MOE__INLINE __m256i spread_signs(uint32_t signs)
{
    const int64_t ones = 0x0101010101010101;
    const __m256i byte = _mm256_setr_epi64x(0, ones, 2 * ones, 3 * ones);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    __m256i bits = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)signs), byte);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
}

/* Four times seven bits to four bytes of even parity. */
MOE__INLINE uint32_t even_bytes(uint32_t sevens)
{
    uint32_t bytes = (sevens & 0x7f) | (sevens << 1 & 0x7f00) |
                     (sevens << 2 & 0x7f0000) | (sevens << 3 & 0x7f000000);
    uint32_t parity = bytes ^ bytes >> 4; /* in the lowest bit of a byte */
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return bytes | (parity & 0x01010101) << 7;
}

/* Entries of a book, put together in registers: a vector load of what was just
 * stored in parts would wait for it. */
MOE__INLINE __m128i look_up_4(const uint16_t *book, const uint32_t at[4])
{
    return _mm_setr_epi16((int16_t)book[at[0]], (int16_t)book[at[1]],
                          (int16_t)book[at[2]], (int16_t)book[at[3]], 0, 0, 0,
                          0);
}

MOE__INLINE __m128i look_up_8(const uint16_t *book, const uint32_t at[8])
{
    return _mm_unpacklo_epi64(look_up_4(book, at), look_up_4(book, at + 4));
}

/* 32 elements of two bits: the bits of each four to their low nibble, where
 * they are 0 .. 3 or four times that. */
MOE__INLINE __m256i spread_pairs(__m128i entries, const int8_t values[8])
{
    const __m256i byte =
        _mm256_setr_epi32(0x00000000, 0x01010101, 0x02020202, 0x03030303,
                          0x04040404, 0x05050505, 0x06060606, 0x07070707);
    const __m128i place =
        _mm_setr_epi8(0, 1, 2, 3, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0);
    __m128i table = _mm_loadl_epi64((const __m128i *)(const void *)values);
    __m256i bits = _mm256_shuffle_epi8(_mm256_broadcastq_epi64(entries), byte);
    bits = _mm256_and_si256(bits, _mm256_set1_epi32((int32_t)0xc0300c03u));
    bits = _mm256_or_si256(bits, _mm256_srli_epi16(bits, 4));
    bits = _mm256_and_si256(bits, _mm256_set1_epi8(15));
    table = _mm_shuffle_epi8(table, place);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), bits);
}

/* 32 elements of three bits, four an entry. */
MOE__INLINE __m256i spread_threes(__m128i entries, const int8_t values[8])
{
    __m256i e = _mm256_cvtepu16_epi32(entries);
    __m256i index = _mm256_and_si256(e, _mm256_set1_epi32(7));
    MOE__UNROLL
    for (int32_t i = 1; i < 4; i++) /* from bit 3 i to bit 8 i */
        index = _mm256_or_si256(
            index, _mm256_and_si256(_mm256_slli_epi32(e, 5 * i),
                                    _mm256_set1_epi32(7 << 8 * i)));
    __m128i table = _mm_loadl_epi64((const __m128i *)(const void *)values);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index);
}

MOE__INLINE __m256i negate(__m256i codes, uint32_t signs)
{
    __m256i mask = spread_signs(signs);
    return _mm256_sub_epi8(_mm256_xor_si256(codes, mask), mask);
}

/* Sixteen scales 2 s + 1 from nibbles. */
MOE__INLINE void nibble_scales(int16_t scale[16], const uint8_t *nibbles)
{
    const __m128i low = _mm_set1_epi8(15);
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)nibbles);
    bytes = _mm_unpacklo_epi8(_mm_and_si128(bytes, low),
                              _mm_and_si128(_mm_srli_epi16(bytes, 4), low));
    __m256i s = _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 1);
    _mm256_storeu_si256((__m256i *)(void *)scale,
                        _mm256_add_epi16(s, _mm256_set1_epi16(1)));
}

/* Scales 2 s + 1 and 2 t + 1 of the groups of 16 that are group g of 32. */
MOE__INLINE void set_two_scales(struct moe__codes *codes, int32_t g, uint32_t s,
                                uint32_t t)
{
    uint32_t both = (2 * s + 1) | (2 * t + 1) << 16;
    memcpy(codes->scale + 2 * g, &both, sizeof both);
}

/* The scale 2 s + 1 of group g of 32. */
MOE__INLINE void set_scale32(struct moe__codes *codes, int32_t g, uint32_t s)
{
    set_two_scales(codes, g, s, s);
}

static void expand_iq2_xxs(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block) * 0.125f;
    for (int32_t g = 0; g < 8; g++) {
        const uint8_t *index = block + 2 + 8 * g;
        uint32_t word = moe__load_u32(index + 4);
        uint32_t at[4];
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++)
            at[k] = index[k];
        __m256i q = spread_pairs(look_up_4(moe__quant_iq2_xxs_book, at),
                                 moe__quant_iq2_values);
        store_codes(codes->q + 32 * g, negate(q, even_bytes(word)));
        set_scale32(codes, g, word >> 28);
    }
}

static void expand_iq2_xs(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block) * 0.125f;
    nibble_scales(codes->scale, block + 66);
    for (int32_t g = 0; g < 8; g++) {
        uint32_t at[4];
        uint32_t signs = 0;
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++) {
            uint32_t word = moe__load_u16(block + 2 + 8 * g + 2 * k);
            at[k] = word & 511;
            signs |= (word >> 9) << 7 * k;
        }
        __m256i q = spread_pairs(look_up_4(moe__quant_iq2_xs_book, at),
                                 moe__quant_iq2_values);
        store_codes(codes->q + 32 * g, negate(q, even_bytes(signs)));
    }
}

static void expand_iq2_s(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block) * 0.125f;
    nibble_scales(codes->scale, block + 74);
    for (int32_t g = 0; g < 8; g++) {
        uint32_t high = block[66 + g];
        uint32_t at[4];
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++)
            at[k] = block[2 + 4 * g + k] | (high >> 2 * k & 3) << 8;
        __m256i q = spread_pairs(look_up_4(moe__quant_iq2_s_book, at),
                                 moe__quant_iq2_values);
        store_codes(codes->q + 32 * g,
                    negate(q, moe__load_u32(block + 34 + 4 * g)));
    }
}

static void expand_iq3_xxs(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block) * 0.25f;
    for (int32_t g = 0; g < 8; g++) {
        uint32_t word = moe__load_u32(block + 66 + 4 * g);
        uint32_t at[8];
        MOE__UNROLL
        for (int32_t k = 0; k < 8; k++)
            at[k] = block[2 + 8 * g + k];
        __m256i q = spread_threes(look_up_8(moe__quant_iq3_xxs_book, at),
                                  moe__quant_iq3_xxs_values);
        store_codes(codes->q + 32 * g, negate(q, even_bytes(word)));
        set_scale32(codes, g, word >> 28);
    }
}

static void expand_iq3_s(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block);
    for (int32_t g = 0; g < 8; g++) {
        uint32_t high = block[66 + g];
        uint32_t at[8];
        MOE__UNROLL
        for (int32_t k = 0; k < 8; k++)
            at[k] = block[2 + 8 * g + k] | (high >> k & 1) << 8;
        __m256i q = spread_threes(look_up_8(moe__quant_iq3_s_book, at),
                                  moe__quant_iq3_s_values);
        store_codes(codes->q + 32 * g,
                    negate(q, moe__load_u32(block + 74 + 4 * g)));
        set_scale32(codes, g, block[106 + g / 2] >> 4 * (g % 2) & 15u);
    }
}

/* 32 codes of IQ1: 8 v + 1, or 8 v - 1 where a bit of `down` is set. */
MOE__INLINE __m256i spread_iq1(__m128i entries, uint32_t down)
{
    __m256i mask = spread_signs(down);
    __m256i q = spread_pairs(entries, moe__quant_iq1_up_values);
    return _mm256_add_epi8(q, _mm256_add_epi8(mask, mask));
}

static void expand_iq1_s(struct moe__codes *codes, const uint8_t *block)
{
    codes->d = half_to_float(block) * 0.125f;
    for (int32_t g = 0; g < 8; g++) {
        uint32_t qh = moe__load_u16(block + 34 + 2 * g);
        uint32_t at[4];
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++)
            at[k] = block[2 + 4 * g + k] | (qh >> 3 * k & 7) << 8;
        store_codes(
            codes->q + 32 * g,
            spread_iq1(look_up_4(moe__quant_iq1_book, at), 0u - (qh >> 15)));
        set_scale32(codes, g, qh >> 12 & 7);
    }
}

static void expand_iq1_m(struct moe__codes *codes, const uint8_t *block)
{
    const uint8_t *scales = block + 48;
    uint32_t d = 0;
    MOE__UNROLL
    for (int32_t w = 0; w < 4; w++) {
        uint32_t word = moe__load_u16(scales + 2 * w);
        d |= word >> 12 << 4 * w;
        set_two_scales(codes, 2 * w, word & 7, word >> 3 & 7);
        set_two_scales(codes, 2 * w + 1, word >> 6 & 7, word >> 9 & 7);
    }
    codes->d = moe__f16_to_f32((uint16_t)d) * 0.125f;
    for (int32_t g = 0; g < 8; g++) {
        uint32_t nibbles = moe__load_u16(block + 32 + 2 * g);
        uint32_t down = nibbles >> 3;
        uint32_t at[4];
        /* the fourth bits to all bits of four bytes */
        down = ((down & 1) | (down & 0x10) << 4 | (down & 0x100) << 8 |
                (down & 0x1000) << 12) *
               255;
        MOE__UNROLL
        for (int32_t k = 0; k < 4; k++)
            at[k] = block[4 * g + k] | (nibbles >> 4 * k & 7) << 8;
        store_codes(codes->q + 32 * g,
                    spread_iq1(look_up_4(moe__quant_iq1_book, at), down));
    }
}

/* The first base-3 digit of fractions in units of 1/256, minus 1: it is 1 from
 * 86 on, which is 256/3 rounded up, and 2 from 171 on. */
MOE__INLINE __m256i first_digit(__m256i x)
{
    __m256i is_1 =
        _mm256_cmpeq_epi8(_mm256_max_epu8(x, _mm256_set1_epi8(86)), x);
    __m256i is_2 =
        _mm256_cmpeq_epi8(_mm256_max_epu8(x, _mm256_set1_epi8((char)171)), x);
    return _mm256_sub_epi8(_mm256_set1_epi8(-1), _mm256_add_epi8(is_1, is_2));
}

MOE__INLINE __m256i times_3(__m256i x)
{
    return _mm256_add_epi8(x, _mm256_add_epi8(x, x));
}

/* 32 bytes of five digits, 16 of five, four of four. */
static void expand_tq1_0(struct moe__codes *codes, const uint8_t *block)
{
    __m256i x = avx2_load_bytes(block), y = avx2_load_twice(block + 32);
    __m256i z = _mm256_set1_epi32((int32_t)moe__load_u32(block + 48));
    __m256i last = z;
    codes->d = half_to_float(block + 52);
    _mm256_storeu_si256((__m256i *)(void *)codes->scale, _mm256_set1_epi16(1));
    for (int32_t n = 0; n < 5; n++) {
        store_codes(codes->q + 32 * n, first_digit(x));
        _mm_storeu_si128((__m128i *)(void *)(codes->q + 160 + 16 * n),
                         _mm256_castsi256_si128(first_digit(y)));
        x = times_3(x);
        y = times_3(y);
    }
    MOE__UNROLL
    for (int32_t n = 1; n < 4; n++) {
        z = times_3(z);
        last = n == 1   ? _mm256_blend_epi32(last, z, 0x22)
               : n == 2 ? _mm256_blend_epi32(last, z, 0x44)
                        : _mm256_blend_epi32(last, z, 0x88);
    }
    _mm_storeu_si128((__m128i *)(void *)(codes->q + 240),
                     _mm256_castsi256_si128(first_digit(last)));
}

/* ----------------------------------------------------------- multiplying */

/* sum over groups g of 16 of scale_g sum q a, in eight parts. */
MOE__INLINE __m256i dot_codes(const struct moe__codes *codes, const int8_t *a)
{
    const __m256i spread =
        _mm256_set_m128i(_mm_set1_epi16(0x0302), _mm_set1_epi16(0x0100));
    __m256i sum = _mm256_setzero_si256();
    MOE__UNROLL
    for (int32_t g = 0; g < 8; g++) {
        __m256i x = avx2_load_bytes(a + 32 * g);
        __m256i w = avx2_load_bytes(codes->q + 32 * g);
        int32_t two;
        memcpy(&two, codes->scale + 2 * g, sizeof two);
        __m256i scale = _mm256_shuffle_epi8(_mm256_set1_epi32(two), spread);
        __m256i dot =
            _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(dot, scale));
    }
    return sum;
}

/* All tokens times row i of each run. */
MOE__INLINE void multiply_group(const struct moe__matmul *job, int32_t i,
                                struct avx2_group *group,
                                moe__expand_fn *expand, size_t block_bytes)
{
    __m128 sum[MOE__MATMUL_TOKENS];
    for (int32_t token = 0; token < job->n_tokens; token++)
        sum[token] = _mm_setzero_ps();
    for (int32_t b = 0; b < group->n_cols / 256; b++) {
        struct moe__codes codes[AVX2_ROWS];
        for (int32_t r = 0; r < AVX2_ROWS; r++)
            expand(&codes[r], group->row[r] + (size_t)b * block_bytes);
        __m128 d = _mm_setr_ps(codes[0].d, codes[1].d, codes[2].d, codes[3].d);
        for (int32_t token = 0; token < job->n_tokens; token++) {
            __m256i isum[AVX2_ROWS];
            avx2_set_token(group, job, token);
            MOE__UNROLL
            for (int32_t r = 0; r < AVX2_ROWS; r++)
                isum[r] = dot_codes(&codes[r], group->q + 256 * b);
            sum[token] =
                _mm_fmadd_ps(_mm_mul_ps(d, _mm_set1_ps(group->scale[b])),
                             _mm_cvtepi32_ps(avx2_sum_rows(isum)), sum[token]);
        }
    }
    for (int32_t token = 0; token < job->n_tokens; token++)
        avx2_store_group(job, token, i, sum[token]);
}

#define TYPE_IQ(name, block_bytes)                                      \
    static void avx2_matmul_##name(const struct moe__matmul *job)       \
    {                                                                   \
        struct avx2_group group = {.n_cols = job->w->n_cols};           \
        for (int32_t i = 0; avx2_take_group(&group, job, i); i++)       \
            multiply_group(job, i, &group, expand_##name, block_bytes); \
    }

TYPE_IQ(iq1_s, 50)
TYPE_IQ(iq1_m, 56)
TYPE_IQ(iq2_xxs, 66)
TYPE_IQ(iq2_xs, 74)
TYPE_IQ(iq2_s, 82)
TYPE_IQ(iq3_xxs, 98)
TYPE_IQ(iq3_s, 110)
TYPE_IQ(tq1_0, 54)

MOE__TARGET_END

void moe__avx2_fill_mat_iq(struct moe__kern *kern)
{
    kern->matmul[MOE__IQ1_S] = avx2_matmul_iq1_s;
    kern->matmul[MOE__IQ1_M] = avx2_matmul_iq1_m;
    kern->matmul[MOE__IQ2_XXS] = avx2_matmul_iq2_xxs;
    kern->matmul[MOE__IQ2_XS] = avx2_matmul_iq2_xs;
    kern->matmul[MOE__IQ2_S] = avx2_matmul_iq2_s;
    kern->matmul[MOE__IQ3_XXS] = avx2_matmul_iq3_xxs;
    kern->matmul[MOE__IQ3_S] = avx2_matmul_iq3_s;
    kern->matmul[MOE__TQ1_0] = avx2_matmul_tq1_0;
}

#endif
