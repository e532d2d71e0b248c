/* avx2_panel256.c: panels of the types with blocks of 256, AVX2.
 *
 * How long sums of pairs stay in int16, activations being at most 127 (the
 * largest code c, p pairs: 2 * 127 * c * p <= 32767):
 *
 *     codes     c   pairs   columns
 *     4 bits   15     8       32      3810 * 8 = 30480
 *     5 bits   31     4       16      7874 * 4 = 31496
 *     6 bits   63     2        8     16002 * 2 = 32004
 *
 * and a scale ends them, too: after 16 or 32 columns.  Then two of at most
 * 32767 times a scale of at most 128 are added as int32, 32 times a block or
 * less: 2^28. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_panel.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* What a tile must know of the codes. */
struct form256 {
    int32_t group; /* columns that share a scale: 16 or 32 */
    int32_t flush; /* units whose products an int16 holds */
    bool has_min;  /* bias is minimums, not offsets */
};

/* -------------------------------------------------------------------- tile */

/* isum[half][token] += products of one group, whose sums fill half of the
 * registers; isum lies in memory. */
MOE__INLINE void panel_add_group(__m256i isum[2][PANEL_TILE],
                                 const struct avx2_panel *panel,
                                 const struct avx2_tokens *tokens, int32_t k,
                                 struct form256 form, int32_t n_tokens)
{
    const uint8_t (*q)[64] = &panel->q[k / 4];
    const void *scale = panel->scale[k / form.group];
    __m256i sum[2][PANEL_TILE];
    MOE__UNROLL
    for (int32_t u = 0; u < form.flush; u++) {
        __m256i low = avx2_load_bytes(q[u]);
        __m256i high = avx2_load_bytes(q[u] + 32);
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++) {
            __m256i a = panel_broadcast(tokens->q[t] + k + 4 * u);
            __m256i first = _mm256_maddubs_epi16(low, a);
            __m256i second = _mm256_maddubs_epi16(high, a);
            AVX2_KEEP(first, second);
            sum[0][t] = u == 0 ? first : _mm256_add_epi16(sum[0][t], first);
            sum[1][t] = u == 0 ? second : _mm256_add_epi16(sum[1][t], second);
            AVX2_KEEP(sum[0][t], sum[1][t]);
        }
    }
    AVX2_FENCE();
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        __m256i s = avx2_load_bytes((const uint8_t *)scale + 32 * h);
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++)
            isum[h][t] =
                _mm256_add_epi32(isum[h][t], _mm256_madd_epi16(sum[h][t], s));
    }
    AVX2_FENCE();
}

/* The same where an int16 holds two units only: their products meet at once,
 * and isum has the registers. */
MOE__INLINE void add_two_units(__m256i isum[2][PANEL_TILE],
                               const struct avx2_panel *panel,
                               const struct avx2_tokens *tokens, int32_t k,
                               struct form256 form, int32_t n_tokens)
{
    const uint8_t (*q)[64] = &panel->q[k / 4];
    const void *scale = panel->scale[k / form.group];
    __m256i w[2][2];
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        w[h][0] = avx2_load_bytes(q[0] + 32 * h);
        w[h][1] = avx2_load_bytes(q[1] + 32 * h);
    }
    MOE__UNROLL
    for (int32_t t = 0; t < n_tokens; t++) {
        __m256i a = panel_broadcast(tokens->q[t] + k);
        __m256i b = panel_broadcast(tokens->q[t] + k + 4);
        MOE__UNROLL
        for (int32_t h = 0; h < 2; h++) {
            __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(w[h][0], a),
                                           _mm256_maddubs_epi16(w[h][1], b));
            isum[h][t] = _mm256_add_epi32(
                isum[h][t],
                _mm256_madd_epi16(
                    sum, avx2_load_bytes((const uint8_t *)scale + 32 * h)));
        }
        AVX2_KEEP(isum[0][t], isum[1][t]);
    }
}

MOE__INLINE void add_codes(__m256i isum[2][PANEL_TILE],
                           const struct avx2_panel *panel,
                           const struct avx2_tokens *tokens, int32_t b,
                           struct form256 form, int32_t n_tokens)
{
    MOE__UNROLL
    for (int32_t t = 0; t < n_tokens; t++)
        isum[0][t] = isum[1][t] = _mm256_setzero_si256();
    if (form.flush == 2) {
        for (int32_t k = 256 * b; k < 256 * b + 256; k += 8)
            add_two_units(isum, panel, tokens, k, form, n_tokens);
        return;
    }
    AVX2_SHOW(isum[0]);
    AVX2_SHOW(isum[1]);
    for (int32_t k = 256 * b; k < 256 * b + 256; k += 4 * form.flush)
        panel_add_group(isum, panel, tokens, k, form, n_tokens);
}

/* Sums of activations of each group of 32, from those of 16. */
struct sums32 {
    int16_t sum[PANEL_TILE][PANEL_COLS / 32];
};

MOE__INLINE void set_sums32(struct sums32 *sums,
                            const struct avx2_tokens *tokens, int32_t n_blocks,
                            int32_t n_tokens)
{
    for (int32_t t = 0; t < n_tokens; t++)
        for (int32_t b = 0; b < n_blocks; b++) {
            __m256i sum = _mm256_madd_epi16(
                avx2_load_bytes(tokens->sum[t] + 16 * b), _mm256_set1_epi16(1));
            sum = _mm256_packs_epi32(sum, sum);
            sum = _mm256_permute4x64_epi64(sum, _MM_SHUFFLE(0, 0, 2, 0));
            _mm_storeu_si128((__m128i *)(void *)(sums->sum[t] + 8 * b),
                             _mm256_castsi256_si128(sum));
        }
}

/* bsum[half][token] = sum over groups of bias times activations' sums, two
 * groups at a time. */
MOE__INLINE void add_bias(__m256i bsum[2][PANEL_TILE],
                          const struct avx2_panel *panel,
                          const struct avx2_tokens *tokens,
                          const struct sums32 *sums, int32_t b,
                          struct form256 form, int32_t n_tokens)
{
    const int32_t n_pairs = 128 / form.group;
    MOE__UNROLL
    for (int32_t p = 0; p < n_pairs; p++) {
        const int32_t at = n_pairs * b + p;
        const uint8_t *bias = (const void *)panel->bias[at];
        __m256i low = avx2_load_bytes(bias);
        __m256i high = avx2_load_bytes(bias + 32);
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++) {
            const int16_t *sum =
                form.group == 32 ? sums->sum[t] : tokens->sum[t];
            __m256i pair = panel_broadcast((const int8_t *)(sum + 2 * at));
            __m256i first = _mm256_madd_epi16(low, pair);
            bsum[0][t] = p == 0 ? first : _mm256_add_epi32(bsum[0][t], first);
            __m256i second = _mm256_madd_epi16(high, pair);
            bsum[1][t] = p == 0 ? second : _mm256_add_epi32(bsum[1][t], second);
            AVX2_KEEP(bsum[0][t], bsum[1][t]);
        }
    }
}

/* acc = fma(d dx, isum, acc); acc = fma(-(dmin dx), bsum, acc). */
MOE__INLINE void end_block(__m256i isum[2][PANEL_TILE],
                           __m256i bsum[2][PANEL_TILE],
                           const struct avx2_panel *panel,
                           const struct avx2_tokens *tokens, int32_t b,
                           struct form256 form, int32_t n_tokens)
{
    MOE__UNROLL
    for (int32_t h = 0; h < 2; h++) {
        __m256 d = _mm256_loadu_ps(panel->d[b] + 8 * h);
        __m256 dmin =
            form.has_min ? _mm256_loadu_ps(panel->dmin[b] + 8 * h) : d;
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++) {
            __m256i sum = isum[h][t];
            if (!form.has_min)
                sum = _mm256_add_epi32(sum, bsum[h][t]);
            __m256 dx = _mm256_broadcast_ss(tokens->scale[t] + b);
            __m256 acc = _mm256_load_ps(tokens->acc[t] + 8 * h);
            acc = _mm256_fmadd_ps(_mm256_mul_ps(d, dx), _mm256_cvtepi32_ps(sum),
                                  acc);
            if (form.has_min)
                acc = _mm256_fnmadd_ps(_mm256_mul_ps(dmin, dx),
                                       _mm256_cvtepi32_ps(bsum[h][t]), acc);
            _mm256_store_ps(tokens->acc[t] + 8 * h, acc);
        }
    }
}

MOE__INLINE void tile256(const struct avx2_panel *panel,
                         const struct avx2_tokens *tokens, int32_t n_blocks,
                         struct form256 form, int32_t n_tokens)
{
    struct sums32 sums;
    if (form.group == 32)
        set_sums32(&sums, tokens, n_blocks, n_tokens);
    AVX2_FENCE();
    for (int32_t b = 0; b < n_blocks; b++) {
        __m256i isum[2][PANEL_TILE], bsum[2][PANEL_TILE];
        add_codes(isum, panel, tokens, b, form, n_tokens);
        add_bias(bsum, panel, tokens, &sums, b, form, n_tokens);
        end_block(isum, bsum, panel, tokens, b, form, n_tokens);
    }
}

#define TILE256(name, ...)                                      \
    static void tile_##name(const struct avx2_panel *panel,     \
                            const struct avx2_tokens *tokens,   \
                            int32_t n_blocks, int32_t n_tokens) \
    {                                                           \
        const struct form256 form = {__VA_ARGS__};              \
        if (n_tokens > 2)                                       \
            tile256(panel, tokens, n_blocks, form, PANEL_TILE); \
        else                                                    \
            tile256(panel, tokens, n_blocks, form, 2);          \
    }

TILE256(q2_k, 16, 4, true)
TILE256(q3_k, 16, 4, false)
TILE256(q4_k, 32, 8, true)
TILE256(q5_k, 32, 4, true)
TILE256(q6_k, 16, 2, false)

/* ------------------------------------------------------------------ unpack */

/* Bytes i and j of each word as two int16, unsigned. */
MOE__INLINE __m256i byte_pair(__m256i words, int32_t i, int32_t j)
{
    const __m256i lane = _mm256_setr_epi32(0, 0x40004, 0x80008, 0xc000c, 0,
                                           0x40004, 0x80008, 0xc000c);
    const __m256i pick = _mm256_set1_epi32(
        (int32_t)((uint32_t)i | (uint32_t)j << 16 | 0x80008000u));
    return _mm256_shuffle_epi8(words, _mm256_add_epi32(pick, lane));
}

/* The same, signed. */
MOE__INLINE __m256i signed_pair(__m256i words, int32_t i, int32_t j)
{
    __m256i pair = _mm256_slli_epi16(byte_pair(words, i, j), 8);
    return _mm256_srai_epi16(pair, 8);
}

MOE__INLINE void put_scale(struct avx2_panel *panel, int32_t group,
                           int32_t half, __m256i scales)
{
    avx2_store_bytes(panel->scale[group][8 * half], scales);
}

MOE__INLINE void put_bias(struct avx2_panel *panel, int32_t pair, int32_t half,
                          __m256i biases)
{
    avx2_store_bytes(panel->bias[pair][8 * half], biases);
}

/* 8 scales and 8 minimums of 6 bits in the words a, b, c behind d and dmin
 * (quant/expand_k.c): number j < 4 in byte j of a and of b; number j + 4 in the
 * nibbles of byte j of c, with the two top bits of a's and b's byte j. */
MOE__INLINE void put_scales6(struct avx2_panel *panel, int32_t b, int32_t half,
                             const uint8_t *const row[8], size_t at)
{
    __m256i w[4]; /* d and dmin, a, b, c */
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    panel_put_dmin(panel, b, half, avx2_high_halves(w[0]));
    for (int32_t i = 0; i < 2; i++) { /* scales, minimums */
        __m256i top = panel_move_bits(w[1 + i], 6, 4, 3);
        w[1 + i] = panel_and(w[1 + i], 63);
        __m256i bottom = panel_move_bits(w[3], 4 * i, 0, 15);
        if (i == 0) {
            for (int32_t j = 0; j < 4; j++) {
                put_scale(panel, 8 * b + j, half, byte_pair(w[1], j, j));
                put_scale(panel, 8 * b + 4 + j, half,
                          byte_pair(_mm256_or_si256(bottom, top), j, j));
            }
            continue;
        }
        for (int32_t p = 0; p < 2; p++) {
            put_bias(panel, 4 * b + p, half, byte_pair(w[2], 2 * p, 2 * p + 1));
            put_bias(panel, 4 * b + 2 + p, half,
                     byte_pair(_mm256_or_si256(bottom, top), 2 * p, 2 * p + 1));
        }
    }
}

/* Nibbles of 32 bytes are groups 2 p and 2 p + 1; bit g of the byte of the same
 * place behind the scales is the fifth of group g. */
MOE__INLINE void put_codes45(struct avx2_panel *panel, int32_t b, int32_t half,
                             const uint8_t *const row[8], size_t at,
                             bool has_fifth)
{
    const size_t nibbles = at + (has_fifth ? 48 : 16);
    for (int32_t part = 0; part < 2; part++) {
        __m256i fifth[4], w[4];
        if (has_fifth)
            avx2_load_words(fifth, row, at + 16 + 16 * (size_t)part);
        for (int32_t p = 0; p < 4; p++) {
            avx2_load_words(w, row, nibbles + (size_t)(32 * p + 16 * part));
            for (int32_t i = 0; i < 4; i++) {
                int32_t unit = 64 * b + 16 * p + 4 * part + i;
                __m256i first = panel_and(w[i], 15);
                __m256i second = panel_move_bits(w[i], 4, 0, 15);
                if (has_fifth) {
                    first = _mm256_or_si256(
                        first, panel_move_bits(fifth[i], 2 * p, 4, 1));
                    second = _mm256_or_si256(
                        second, panel_move_bits(fifth[i], 2 * p + 1, 4, 1));
                }
                panel_put_codes(panel, unit, half, first);
                panel_put_codes(panel, unit + 8, half, second);
            }
        }
    }
}

void moe__avx2_unpack_q4_k(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    put_scales6(panel, b, half, row, at);
    put_codes45(panel, b, half, row, at, false);
}

void moe__avx2_unpack_q5_k(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    put_scales6(panel, b, half, row, at);
    put_codes45(panel, b, half, row, at, true);
}

/* Two bits at 2 j of 32 bytes are group pair j of 128 columns; Q3_K's third bit
 * is number 4 h + j of the mask's byte of the same place. */
MOE__INLINE void put_codes23(struct avx2_panel *panel, int32_t b, int32_t half,
                             const uint8_t *const row[8], size_t qs,
                             size_t mask, bool has_third)
{
    for (int32_t part = 0; part < 2; part++) {
        __m256i third[4], w[4];
        if (has_third)
            avx2_load_words(third, row, mask + 16 * (size_t)part);
        for (int32_t h = 0; h < 2; h++) {
            avx2_load_words(w, row, qs + (size_t)(32 * h + 16 * part));
            for (int32_t i = 0; i < 4; i++)
                for (int32_t j = 0; j < 4; j++) {
                    int32_t unit = 64 * b + 32 * h + 8 * j + 4 * part + i;
                    __m256i codes = panel_move_bits(w[i], 2 * j, 0, 3);
                    if (has_third)
                        codes = _mm256_or_si256(
                            codes, panel_move_bits(third[i], 4 * h + j, 2, 1));
                    panel_put_codes(panel, unit, half, codes);
                }
        }
    }
}

/* Scales in the low nibbles of 16 bytes, minimums in the high ones. */
void moe__avx2_unpack_q2_k(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    for (int32_t i = 0; i < 16; i++) {
        __m256i scales = panel_and(w[i / 4], 15);
        put_scale(panel, 16 * b + i, half, byte_pair(scales, i % 4, i % 4));
    }
    for (int32_t p = 0; p < 8; p++) {
        __m256i mins = panel_move_bits(w[p / 2], 4, 0, 15);
        int32_t i = 2 * (p % 2);
        put_bias(panel, 8 * b + p, half, byte_pair(mins, i, i + 1));
    }
    avx2_load_words(w, row, at + 68); /* the last word: d and dmin */
    panel_put_d(panel, b, half, avx2_low_halves(w[3]));
    panel_put_dmin(panel, b, half, avx2_high_halves(w[3]));
    put_codes23(panel, b, half, row, at + 16, 0, false);
}

/* 16 signed scales in bytes of four words, and -2^shift times them. */
MOE__INLINE void put_signed_scales(struct avx2_panel *panel, int32_t b,
                                   int32_t half, const __m256i w[4],
                                   int32_t shift)
{
    for (int32_t i = 0; i < 16; i++)
        put_scale(panel, 16 * b + i, half, signed_pair(w[i / 4], i % 4, i % 4));
    for (int32_t p = 0; p < 8; p++) {
        int32_t i = 2 * (p % 2);
        __m256i scales = signed_pair(w[p / 2], i, i + 1);
        put_bias(panel, 8 * b + p, half,
                 _mm256_sub_epi16(_mm256_setzero_si256(),
                                  _mm256_slli_epi16(scales, shift)));
    }
}

/* Scales of 6 bits less 32: nibbles of 8 bytes, then pairs of top bits. */
void moe__avx2_unpack_q3_k(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4], low[3], scales[4];
    avx2_load_words(w, row, at + 94);
    for (int32_t i = 0; i < 3; i++) /* bytes 96 .. 107 */
        low[i] = _mm256_or_si256(_mm256_srli_epi32(w[i], 16),
                                 _mm256_slli_epi32(w[i + 1], 16));
    for (int32_t i = 0; i < 4; i++) {
        __m256i code =
            _mm256_or_si256(panel_move_bits(low[i % 2], 4 * (i / 2), 0, 15),
                            panel_move_bits(low[2], 2 * i, 4, 3));
        scales[i] = _mm256_sub_epi8(code, _mm256_set1_epi8(32));
    }
    panel_put_d(panel, b, half, avx2_high_halves(w[3]));
    put_signed_scales(panel, b, half, scales, 2);
    put_codes23(panel, b, half, row, at + 32, at, true);
}

/* Nibbles of 64 bytes and pairs of bits of 32 make 128 columns. */
void moe__avx2_unpack_q6_k(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i a[4], c[4], top[4];
    for (int32_t n = 0; n < 4; n++) {
        const int32_t h = n / 2, part = n % 2;
        const size_t low = at + (size_t)(64 * h + 16 * part);
        avx2_load_words(a, row, low);
        avx2_load_words(c, row, low + 32);
        avx2_load_words(top, row, at + 128 + (size_t)(32 * h + 16 * part));
        for (int32_t i = 0; i < 4; i++)
            for (int32_t j = 0; j < 4; j++) {
                __m256i nibble = panel_move_bits(j % 2 == 0 ? a[i] : c[i],
                                                 4 * (j / 2), 0, 15);
                panel_put_codes(
                    panel, 64 * b + 32 * h + 8 * j + 4 * part + i, half,
                    _mm256_or_si256(nibble,
                                    panel_move_bits(top[i], 2 * j, 4, 3)));
            }
    }
    avx2_load_words(a, row, at + 192);
    put_signed_scales(panel, b, half, a, 5);
    avx2_load_words(a, row, at + 194);
    panel_put_d(panel, b, half, avx2_high_halves(a[3]));
}

/* ------------------------------------------------------------------- types */

AVX2_PANEL(q2_k, 256, 84, moe__avx2_unpack_q2_k, tile_q2_k)
AVX2_PANEL(q3_k, 256, 110, moe__avx2_unpack_q3_k, tile_q3_k)
AVX2_PANEL(q4_k, 256, 144, moe__avx2_unpack_q4_k, tile_q4_k)
AVX2_PANEL(q5_k, 256, 176, moe__avx2_unpack_q5_k, tile_q5_k)
AVX2_PANEL(q6_k, 256, 210, moe__avx2_unpack_q6_k, tile_q6_k)

MOE__TARGET_END

void moe__avx2_fill_panel256(struct moe__kern *kern)
{
    static const struct moe__panel panels[] = {
        {MOE__Q2_K, 6, avx2_panel_q2_k}, {MOE__Q3_K, 6, avx2_panel_q3_k},
        {MOE__Q4_K, 6, avx2_panel_q4_k}, {MOE__Q5_K, 4, avx2_panel_q5_k},
        {MOE__Q6_K, 6, avx2_panel_q6_k},
    };
    moe__set_panels(kern, panels, MOE__COUNT(panels));
    kern->piece_tokens = MOE__MATMUL_TOKENS;
}

#endif
