/* avx2_expand.c: types whose codes come from books or are digits, AVX2.
 *
 * What a block packs, indices, signs and scales, is spread for the whole block
 * at once and stored in parts that are read one by one; then 32 codes at a time
 * are put together from the entries of a book. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_expand.h"
#include "quant/iq_tables.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* Of a block: where the entries are in their book, four for 32 codes or eight;
 * and a bit for each code. */
struct iq_block {
    alignas(32) uint16_t index[64];
    alignas(32) uint32_t bits[8];
};

/* What becomes of codes whose bits are set. */
enum iq_change { IQ_NEGATED, IQ_LESS_2 };

MOE__INLINE __m128i load_128(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

MOE__INLINE float half_to_float(uint32_t half)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int32_t)half)));
}

MOE__INLINE __m256i and_words(__m256i x, int32_t mask)
{
    return _mm256_and_si256(x, _mm256_set1_epi16((int16_t)mask));
}

/* ---------------------------------------------------------------- entries */

/* Entries of group g of 32 codes. */
MOE__INLINE __m256i look_up_eights(const uint64_t *book, const uint16_t *index,
                                   int32_t g)
{
    const uint16_t *at = index + 4 * g;
    return _mm256_setr_epi64x((int64_t)book[at[0]], (int64_t)book[at[1]],
                              (int64_t)book[at[2]], (int64_t)book[at[3]]);
}

MOE__INLINE __m256i look_up_fours(const uint32_t *book, const uint16_t *index,
                                  int32_t g)
{
    const uint16_t *at = index + 8 * g;
    return _mm256_setr_epi32((int32_t)book[at[0]], (int32_t)book[at[1]],
                             (int32_t)book[at[2]], (int32_t)book[at[3]],
                             (int32_t)book[at[4]], (int32_t)book[at[5]],
                             (int32_t)book[at[6]], (int32_t)book[at[7]]);
}

/* Bytes of all ones for the bits that are set. */
MOE__INLINE __m256i spread_bits(uint32_t bits)
{
    const int64_t ones = 0x0101010101010101;
    const __m256i byte = _mm256_setr_epi64x(0, ones, 2 * ones, 3 * ones);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    __m256i all = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), byte);
    return _mm256_cmpeq_epi8(_mm256_and_si256(all, bit), bit);
}

MOE__INLINE __m256i change_codes(__m256i q, uint32_t bits,
                                 enum iq_change change)
{
    __m256i mask = spread_bits(bits);
    return change == IQ_NEGATED
               ? _mm256_sub_epi8(_mm256_xor_si256(q, mask), mask)
               : _mm256_add_epi8(q, _mm256_add_epi8(mask, mask));
}

/* ---------------------------------------------------------------- indices */

/* 16 bytes as indices from number k on. */
MOE__INLINE void put_bytes(struct iq_block *block, int32_t k, __m128i bytes)
{
    avx2_store_bytes(block->index + k, _mm256_cvtepu8_epi16(bytes));
}

/* Each word times its word of `times`, shifted right and cut to the mask. */
MOE__INLINE __m256i move_words(__m256i words, __m256i times, int32_t right,
                               int32_t mask)
{
    words = _mm256_srli_epi16(_mm256_mullo_epi16(words, times), right);
    return and_words(words, mask);
}

/* Bits 3 j .. 3 j + 2 of words j of every four, at bit 9 - right. */
MOE__INLINE __m256i every_three_bits(__m256i words, int32_t right)
{
    const __m256i times =
        _mm256_set1_epi64x((int64_t)512 | 64ll << 16 | 8ll << 32 | 1ll << 48);
    return move_words(words, times, right, 7 << (9 - right));
}

/* 16 bytes as indices from number k on, whose high bits are words. */
MOE__INLINE void put_bytes_and(struct iq_block *block, int32_t k,
                               const uint8_t *bytes, __m256i high)
{
    __m256i low = _mm256_cvtepu8_epi16(load_128(bytes));
    avx2_store_bytes(block->index + k, _mm256_or_si256(low, high));
}

/* Bytes `first` and following of eight, each as the low byte of `times` words,
 * 16 in all. */
MOE__INLINE __m256i repeat_bytes(const uint8_t *bytes, int32_t first,
                                 int32_t times)
{
    __m256i at =
        _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    at = _mm256_srli_epi16(at, times == 8 ? 3 : times == 4 ? 2 : 1);
    at = _mm256_add_epi16(at, _mm256_set1_epi16((int16_t)(first | 0x8000)));
    __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)bytes);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(eight), at);
}

/* `count` bytes as indices, with bits of eight other bytes on top, each of them
 * for count / 8 indices: `times` and the mask as in move_words. */
MOE__INLINE void put_bytes_and_bits(struct iq_block *block, int32_t count,
                                    const uint8_t *bytes, const uint8_t *high,
                                    __m256i times, int32_t mask)
{
    const int32_t share = count / 8;
    MOE__UNROLL
    for (int32_t k = 0; k < count; k += 16)
        put_bytes_and(
            block, k, bytes + k,
            move_words(repeat_bytes(high, k / share, share), times, 0, mask));
}

/* ------------------------------------------------------------------ signs */

/* Seven bits in each byte, and the eighth that makes their number even. */
MOE__INLINE __m256i even_bytes(__m256i sevens)
{
    const __m256i parity = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0,
                      -128, -128, 0));
    __m256i low = _mm256_and_si256(sevens, _mm256_set1_epi8(15));
    __m256i high =
        _mm256_and_si256(_mm256_srli_epi16(sevens, 4), _mm256_set1_epi8(7));
    __m256i eighth = _mm256_xor_si256(_mm256_shuffle_epi8(parity, low),
                                      _mm256_shuffle_epi8(parity, high));
    return _mm256_or_si256(sevens, eighth);
}

/* Four times seven bits of each word to bytes. */
MOE__INLINE __m256i spread_sevens(__m256i words)
{
    __m256i bytes = _mm256_and_si256(words, _mm256_set1_epi32(0x7f));
    MOE__UNROLL
    for (int32_t k = 1; k < 4; k++)
        bytes = _mm256_or_si256(
            bytes, _mm256_and_si256(_mm256_slli_epi32(words, k),
                                    _mm256_set1_epi32(0x7f << 8 * k)));
    return bytes;
}

/* ----------------------------------------------------------------- scales */

/* Sixteen scales 2 s + 1 of words s. */
MOE__INLINE void put_scales(struct moe__codes *codes, __m256i s)
{
    avx2_store_bytes(codes->scale, _mm256_add_epi16(_mm256_add_epi16(s, s),
                                                    _mm256_set1_epi16(1)));
}

/* Scales of groups of 32 from words of 32 bits. */
MOE__INLINE void put_scales_32(struct moe__codes *codes, __m256i s)
{
    put_scales(codes, _mm256_or_si256(s, _mm256_slli_epi32(s, 16)));
}

/* Sixteen from nibbles, the low ones first. */
MOE__INLINE void put_nibble_scales(struct moe__codes *codes,
                                   const uint8_t *nibbles)
{
    const __m128i low = _mm_set1_epi8(15);
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)nibbles);
    bytes = _mm_unpacklo_epi8(_mm_and_si128(bytes, low),
                              _mm_and_si128(_mm_srli_epi16(bytes, 4), low));
    put_scales(codes, _mm256_cvtepu8_epi16(bytes));
}

/* Words with four times seven signs and a scale on top. */
MOE__INLINE void put_signs_and_scales(struct moe__codes *codes,
                                      struct iq_block *block, __m256i words)
{
    avx2_store_bytes(block->bits, even_bytes(spread_sevens(words)));
    put_scales_32(codes, _mm256_srli_epi32(words, 28));
}

/* ------------------------------------------------------------------ types */

/* Words 0, 2, 4 .. or 1, 3, 5 .. of 16. */
MOE__INLINE __m256i select_words(__m256i a, __m256i b, int32_t first)
{
    __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    x = first == 0 ? _mm256_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0))
                   : _mm256_shuffle_ps(x, y, _MM_SHUFFLE(3, 1, 3, 1));
    return _mm256_permute4x64_epi64(_mm256_castps_si256(x),
                                    _MM_SHUFFLE(3, 1, 2, 0));
}

MOE__INLINE void open_iq2_xxs(struct moe__codes *codes, struct iq_block *b,
                              const uint8_t *block)
{
    const __m256i a = avx2_load_bytes(block + 2);
    const __m256i c = avx2_load_bytes(block + 34);
    const __m256i bytes = select_words(a, c, 0);
    codes->d = half_to_float(moe__load_u16(block)) * 0.125f;
    put_bytes(b, 0, _mm256_castsi256_si128(bytes));
    put_bytes(b, 16, _mm256_extracti128_si256(bytes, 1));
    put_signs_and_scales(codes, b, select_words(a, c, 1));
}

MOE__INLINE void open_iq2_xs(struct moe__codes *codes, struct iq_block *b,
                             const uint8_t *block)
{
    const __m256i first = avx2_load_bytes(block + 2);
    const __m256i second = avx2_load_bytes(block + 34);
    codes->d = half_to_float(moe__load_u16(block)) * 0.125f;
    avx2_store_bytes(b->index, and_words(first, 511));
    avx2_store_bytes(b->index + 16, and_words(second, 511));
    const __m256i sevens = _mm256_permute4x64_epi64(
        _mm256_packus_epi16(_mm256_srli_epi16(first, 9),
                            _mm256_srli_epi16(second, 9)),
        _MM_SHUFFLE(3, 1, 2, 0));
    avx2_store_bytes(b->bits, even_bytes(sevens));
    put_nibble_scales(codes, block + 66);
}

MOE__INLINE void open_iq2_s(struct moe__codes *codes, struct iq_block *b,
                            const uint8_t *block)
{
    const __m256i times =
        _mm256_set1_epi64x((int64_t)256 | 64ll << 16 | 16ll << 32 | 4ll << 48);
    codes->d = half_to_float(moe__load_u16(block)) * 0.125f;
    put_bytes_and_bits(b, 32, block + 2, block + 66, times, 0x300);
    avx2_store_bytes(b->bits, avx2_load_bytes(block + 34));
    put_nibble_scales(codes, block + 74);
}

MOE__INLINE void open_iq3_xxs(struct moe__codes *codes, struct iq_block *b,
                              const uint8_t *block)
{
    codes->d = half_to_float(moe__load_u16(block)) * 0.25f;
    MOE__UNROLL
    for (int32_t k = 0; k < 64; k += 16)
        put_bytes(b, k, load_128(block + 2 + k));
    put_signs_and_scales(codes, b, avx2_load_bytes(block + 66));
}

MOE__INLINE void open_iq3_s(struct moe__codes *codes, struct iq_block *b,
                            const uint8_t *block)
{
    const __m256i times = _mm256_broadcastsi128_si256(
        _mm_setr_epi16(256, 128, 64, 32, 16, 8, 4, 2));
    codes->d = half_to_float(moe__load_u16(block));
    put_bytes_and_bits(b, 64, block + 2, block + 66, times, 0x100);
    avx2_store_bytes(b->bits, avx2_load_bytes(block + 74));
    /* four bytes, each in two words of 32 bits */
    const __m256i byte = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(
        _mm_cvtsi32_si128((int32_t)moe__load_u32(block + 106)),
        _mm_setr_epi8(0, 0, 1, 1, 2, 2, 3, 3, -1, -1, -1, -1, -1, -1, -1, -1)));
    const __m256i nibble =
        _mm256_srlv_epi32(byte, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
    put_scales_32(codes, _mm256_and_si256(nibble, _mm256_set1_epi32(15)));
}

MOE__INLINE void open_iq1_s(struct moe__codes *codes, struct iq_block *b,
                            const uint8_t *block)
{
    const __m256i first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3));
    const __m128i qh = load_128(block + 34);
    codes->d = half_to_float(moe__load_u16(block)) * 0.125f;
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        /* words 4 h .. 4 h + 3, four times each */
        const __m128i four = h == 0 ? qh : _mm_unpackhi_epi64(qh, qh);
        const __m256i two = _mm256_permutevar8x32_epi32(
            _mm256_castsi128_si256(four),
            _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
        put_bytes_and(b, 16 * h, block + 2 + 16 * h,
                      every_three_bits(_mm256_shuffle_epi8(two, first), 1));
    }
    avx2_store_bytes(b->bits, _mm256_cvtepi16_epi32(_mm_srai_epi16(qh, 15)));
    put_scales_32(codes, _mm256_and_si256(
                             _mm256_srli_epi32(_mm256_cvtepu16_epi32(qh), 12),
                             _mm256_set1_epi32(7)));
}

MOE__INLINE void open_iq1_m(struct moe__codes *codes, struct iq_block *b,
                            const uint8_t *block)
{
    const __m256i times = _mm256_set1_epi32(256 | 16 << 16);
    const uint8_t *scales = block + 48;
    __m256i down[2];
    uint32_t d = 0;
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        const __m256i nibbles =
            _mm256_mullo_epi16(repeat_bytes(block + 32 + 8 * h, 0, 2), times);
        put_bytes_and(b, 16 * h, block + 16 * h, and_words(nibbles, 0x700));
        down[h] = _mm256_srai_epi16(_mm256_slli_epi16(nibbles, 4), 15);
    }
    avx2_store_bytes(
        b->bits, _mm256_permute4x64_epi64(_mm256_packs_epi16(down[0], down[1]),
                                          _MM_SHUFFLE(3, 1, 2, 0)));
    MOE__UNROLL
    for (int32_t w = 0; w < 4; w++)
        d |= (uint32_t)(moe__load_u16(scales + 2 * w) >> 12) << 4 * w;
    codes->d = half_to_float(d) * 0.125f;
    /* each word four times */
    const __m128i words =
        _mm_loadl_epi64((const __m128i *)(const void *)scales);
    const __m256i word = _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(words),
        _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3, 4, 5,
                         4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7));
    put_scales(codes, every_three_bits(word, 9));
}

/* ------------------------------------------------- expanding, multiplying */

typedef __m256i look_up_fn(const struct iq_block *b, int32_t g);
typedef void open_fn(struct moe__codes *codes, struct iq_block *b,
                     const uint8_t *block);

struct iq_type {
    open_fn *open;
    look_up_fn *look_up;
    enum iq_change change;
};

MOE__INLINE void expand_iq(struct moe__codes *codes, const uint8_t *block,
                           struct iq_type type)
{
    struct iq_block b;
    type.open(codes, &b, block);
    AVX2_SHOW(b);
    for (int32_t g = 0; g < 8; g++)
        avx2_store_bytes(
            codes->q + 32 * g,
            change_codes(type.look_up(&b, g), b.bits[g], type.change));
}

/* Two products a word of 32 entries and their activations: signs go to the
 * activations, which leaves entries as they are. */
MOE__INLINE __m256i dot_entries(__m256i entries, uint32_t bits, __m256i x,
                                enum iq_change change)
{
    if (change == IQ_NEGATED) {
        __m256i sign = _mm256_or_si256(spread_bits(bits), _mm256_set1_epi8(1));
        return _mm256_maddubs_epi16(entries, _mm256_sign_epi8(x, sign));
    }
    return avx2_dot_signed(change_codes(entries, bits, change), x);
}

MOE__INLINE __m256i dot_iq(float *d, const uint8_t *block, const int8_t *x,
                           struct iq_type type)
{
    struct moe__codes codes;
    struct iq_block b;
    __m256i sum = _mm256_setzero_si256();
    type.open(&codes, &b, block);
    AVX2_SHOW(b); /* else gcc 12 takes indices out of registers, two
                     instructions each, on one port */
    AVX2_SHOW(codes.scale);
    *d = codes.d;
    MOE__UNROLL
    for (int32_t g = 0; g < 8; g++) {
        __m256i dot = dot_entries(type.look_up(&b, g), b.bits[g],
                                  avx2_load_bytes(x + 32 * g), type.change);
        sum = _mm256_add_epi32(sum, avx2_scale_32(dot, codes.scale + 2 * g));
    }
    return sum;
}

#define IQ_TYPE(name, count, book, change)                                  \
    MOE__INLINE __m256i look_up_##name(const struct iq_block *b, int32_t g) \
    {                                                                       \
        return look_up_##count(book, b->index, g);                          \
    }                                                                       \
    static const struct iq_type type_##name = {open_##name, look_up_##name, \
                                               change};                     \
    void moe__avx2_expand_##name(struct moe__codes *codes,                  \
                                 const uint8_t *block)                      \
    {                                                                       \
        expand_iq(codes, block, type_##name);                               \
    }                                                                       \
    __m256i moe__avx2_dot_##name(float *d, const uint8_t *block,            \
                                 const int8_t *x)                           \
    {                                                                       \
        return dot_iq(d, block, x, type_##name);                            \
    }

IQ_TYPE(iq2_xxs, eights, moe__quant_iq2_xxs_book, IQ_NEGATED)
IQ_TYPE(iq2_xs, eights, moe__quant_iq2_xs_book, IQ_NEGATED)
IQ_TYPE(iq2_s, eights, moe__quant_iq2_s_book, IQ_NEGATED)
IQ_TYPE(iq3_xxs, fours, moe__quant_iq3_xxs_book, IQ_NEGATED)
IQ_TYPE(iq3_s, fours, moe__quant_iq3_s_book, IQ_NEGATED)
IQ_TYPE(iq1_s, eights, moe__quant_iq1_book, IQ_LESS_2)
IQ_TYPE(iq1_m, eights, moe__quant_iq1_book, IQ_LESS_2)

/* ------------------------------------------------------------------ TQ1_0 */

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
void moe__avx2_expand_tq1_0(struct moe__codes *codes, const uint8_t *block)
{
    __m256i x = avx2_load_bytes(block),
            y = _mm256_broadcastsi128_si256(load_128(block + 32));
    __m256i z = _mm256_set1_epi32((int32_t)moe__load_u32(block + 48));
    __m256i last = z;
    codes->d = half_to_float(moe__load_u16(block + 52));
    avx2_store_bytes(codes->scale, _mm256_set1_epi16(1));
    for (int32_t n = 0; n < 5; n++) {
        avx2_store_bytes(codes->q + 32 * n, first_digit(x));
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

MOE__TARGET_END

#endif
