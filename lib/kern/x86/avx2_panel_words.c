/* avx2_panel_words.c: panels of codes of 8 bits, as words, AVX2.
 *
 * Two products of 8 by 8 bits are too large for the int16 of vpmaddubsw, and a
 * code in two halves takes two of them, besides what joins the halves.  The
 * same two multiplications do it with words: vpmaddwd adds two products to an
 * int32, which holds a whole block.
 *
 *      q: units of 64 bytes, 16 rows x 2 columns of signed words
 *
 *              row 0    row 1          row 15
 *          | k  k+1 | k  k+1 | ... | k  k+1 |    unit k / 2
 *
 * A word is the code times the scale of its group, exactly: at most 127 * 32
 * (IQ4_XS; the code books stay below 62 * 31).  A sum is at most
 * 256 * 4064 * 127 < 2^27.  A panel has half of the columns of others, and the
 * activations of its columns are widened once for all panels of a group. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_expand.h"
#include "kern/x86/avx2_panel.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* -------------------------------------------------------------------- tile */

#define CHUNK_UNITS 16 /* 32 columns */
#define WORD_COLS (PANEL_COLS / 2)

struct word_row {
    int16_t q[WORD_COLS];
    float scale[WORD_COLS / 32];
};
static_assert(sizeof(struct word_row) <= PANEL_PACKED, "rows fit");

MOE__INLINE void pack_words(struct word_row *row, const struct moe__act *x,
                            size_t at, int32_t n_cols, int32_t block)
{
    const size_t b = at / (size_t)block;
    memcpy(row->scale, x->scale + b, (size_t)(n_cols / block) * sizeof(float));
    for (int32_t k = 0; k < n_cols; k += 16)
        avx2_store_bytes(row->q + k,
                         _mm256_cvtepi8_epi16(_mm_loadu_si128(
                             (const __m128i *)(const void *)(x->q + at + k))));
}

/* sum[half][token] += products of CHUNK_UNITS units from column k on. */
MOE__INLINE void add_words(__m256i sum[2][PANEL_TILE],
                           const struct avx2_panel *panel,
                           const struct avx2_tokens *tokens, int32_t k,
                           int32_t n_tokens)
{
    const uint8_t (*q)[64] = &panel->q[k / 2];
    const struct word_row *row = tokens->packed;
    MOE__UNROLL
    for (int32_t u = 0; u < CHUNK_UNITS; u++) {
        __m256i low = avx2_load_bytes(q[u]);
        __m256i high = avx2_load_bytes(q[u] + 32);
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++) {
            __m256i a = panel_broadcast((const int8_t *)(row[t].q + k + 2 * u));
            __m256i first = _mm256_madd_epi16(low, a);
            __m256i second = _mm256_madd_epi16(high, a);
            AVX2_KEEP(first, second);
            sum[0][t] = _mm256_add_epi32(sum[0][t], first);
            sum[1][t] = _mm256_add_epi32(sum[1][t], second);
            AVX2_KEEP(sum[0][t], sum[1][t]);
        }
    }
}

/* acc = fma(d dx, sum, acc). */
MOE__INLINE void end_words(__m256i sum[2][PANEL_TILE],
                           const struct avx2_panel *panel,
                           const struct avx2_tokens *tokens, int32_t b,
                           int32_t n_tokens)
{
    const struct word_row *row = tokens->packed;
    MOE__UNROLL
    for (int32_t t = 0; t < n_tokens; t++) {
        __m256 dx = _mm256_broadcast_ss(row[t].scale + b);
        MOE__UNROLL
        for (int32_t h = 0; h < 2; h++) {
            __m256 d = _mm256_mul_ps(_mm256_loadu_ps(panel->d[b] + 8 * h), dx);
            __m256 acc = _mm256_load_ps(tokens->acc[t] + 8 * h);
            acc = _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(sum[h][t]), acc);
            _mm256_store_ps(tokens->acc[t] + 8 * h, acc);
        }
    }
}

MOE__INLINE void tile_words(const struct avx2_panel *panel,
                            const struct avx2_tokens *tokens, int32_t n_blocks,
                            int32_t n_tokens, int32_t block)
{
    for (int32_t b = 0; b < n_blocks; b++) {
        __m256i sum[2][PANEL_TILE];
        MOE__UNROLL
        for (int32_t t = 0; t < n_tokens; t++)
            sum[0][t] = sum[1][t] = _mm256_setzero_si256();
        for (int32_t k = block * b; k < block * (b + 1); k += 2 * CHUNK_UNITS)
            add_words(sum, panel, tokens, k, n_tokens);
        AVX2_FENCE();
        end_words(sum, panel, tokens, b, n_tokens);
        AVX2_FENCE();
    }
}

#define TILE_WORDS(block)                                              \
    static void pack_words_##block(void *to, const struct moe__act *x, \
                                   size_t at, int32_t n_cols)          \
    {                                                                  \
        pack_words(to, x, at, n_cols, block);                          \
    }                                                                  \
    static void tile_words_##block(const struct avx2_panel *panel,     \
                                   const struct avx2_tokens *tokens,   \
                                   int32_t n_blocks, int32_t n_tokens) \
    {                                                                  \
        if (n_tokens > 2)                                              \
            tile_words(panel, tokens, n_blocks, PANEL_TILE, block);    \
        else                                                           \
            tile_words(panel, tokens, n_blocks, 2, block);             \
    }

TILE_WORDS(32)
TILE_WORDS(256)

/* ------------------------------------------------------------------ unpack */

/* Bytes 0, 1, or 2, 3, of each word as two int16, signed. */
MOE__INLINE __m256i signed_words(__m256i bytes, bool is_upper)
{
    const __m256i pick = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        -1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
    if (is_upper)
        bytes = _mm256_srli_epi32(bytes, 16);
    return _mm256_srai_epi16(_mm256_shuffle_epi8(bytes, pick), 8);
}

/* Columns k .. k + 3 of 8 rows, times scales that are there twice. */
MOE__INLINE void put_words(struct avx2_panel *panel, int32_t k, int32_t half,
                           __m256i bytes, __m256i scale)
{
    panel_put_codes(panel, k / 2, half,
                    _mm256_mullo_epi16(signed_words(bytes, false), scale));
    panel_put_codes(panel, k / 2 + 1, half,
                    _mm256_mullo_epi16(signed_words(bytes, true), scale));
}

/* Values of the 4-bit types IQ4 by index (quant/iq_tables.h). */
MOE__INLINE __m256i iq4_values(const __m256i w[4], int32_t i)
{
    const __m256i values = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38,
                      53, 69, 89, 113));
    return _mm256_shuffle_epi8(values,
                               panel_move_bits(w[i % 4], 4 * (i / 4), 0, 15));
}

static void unpack_q8_0(struct avx2_panel *panel, int32_t b, int32_t half,
                        const uint8_t *const row[8], size_t at)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i w[4];
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    for (int32_t part = 0; part < 2; part++) {
        avx2_load_words(w, row, at + 2 + 16 * (size_t)part);
        for (int32_t i = 0; i < 4; i++)
            put_words(panel, 32 * b + 16 * part + 4 * i, half, w[i], one);
    }
}

static void unpack_iq4_nl(struct avx2_panel *panel, int32_t b, int32_t half,
                          const uint8_t *const row[8], size_t at)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i w[4];
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    avx2_load_words(w, row, at + 2);
    for (int32_t i = 0; i < 8; i++)
        put_words(panel, 32 * b + 4 * i, half, iq4_values(w, i), one);
}

static void unpack_iq4_xs(struct avx2_panel *panel, int32_t b, int32_t half,
                          const uint8_t *const row[8], size_t at)
{
    __m256i head[4], w[4];
    avx2_load_words(head, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(head[0]));
    for (int32_t g = 0; g < 8; g++) {
        __m256i scale = panel_iq4_xs_scale(head, g);
        scale = _mm256_or_si256(scale, _mm256_slli_epi32(scale, 16));
        avx2_load_words(w, row, at + 8 + 16 * (size_t)g);
        for (int32_t i = 0; i < 8; i++)
            put_words(panel, 256 * b + 32 * g + 4 * i, half, iq4_values(w, i),
                      scale);
    }
}

/* Types with code books. */
static void unpack_codes(struct avx2_panel *panel, int32_t b, int32_t half,
                         const uint8_t *const row[8], size_t at,
                         moe__expand_fn *expand)
{
    uint8_t q[8][256];
    const uint8_t *const part[8] = {q[0], q[1], q[2], q[3],
                                    q[4], q[5], q[6], q[7]};
    int16_t scale[16][8][2]; /* of each group of 16 */
    for (int32_t r = 0; r < 8; r++) {
        struct moe__codes codes;
        expand(&codes, row[r] + at);
        memcpy(q[r], codes.q, sizeof q[r]);
        panel->d[b][8 * half + r] = codes.d;
        for (int32_t g = 0; g < 16; g++)
            scale[g][r][0] = scale[g][r][1] = codes.scale[g];
    }
    AVX2_FENCE();
    for (int32_t g = 0; g < 16; g++) {
        const __m256i s = avx2_load_bytes((const uint8_t *)scale[g]);
        __m256i w[4];
        avx2_load_words(w, part, 16 * (size_t)g);
        for (int32_t i = 0; i < 4; i++)
            put_words(panel, 256 * b + 16 * g + 4 * i, half, w[i], s);
    }
}

/* ------------------------------------------------------------------- types */

#define PANEL_WORDS(name, block, bytes)                                        \
    PANEL_MATMUL(avx2_panel_##name, .block_elems = block,                      \
                 .block_bytes = bytes, .n_tokens = PANEL_TILE,                 \
                 .n_cols = WORD_COLS, .packed_bytes = sizeof(struct word_row), \
                 .pack = pack_words_##block, .unpack = unpack_##name,          \
                 .tile = tile_words_##block)

PANEL_WORDS(q8_0, 32, 34)
PANEL_WORDS(iq4_nl, 32, 18)
PANEL_WORDS(iq4_xs, 256, 136)

#define PANEL_CODES(name, bytes)                                         \
    static void unpack_##name(struct avx2_panel *panel, int32_t b,       \
                              int32_t half, const uint8_t *const row[8], \
                              size_t at)                                 \
    {                                                                    \
        unpack_codes(panel, b, half, row, at, moe__avx2_expand_##name);  \
    }                                                                    \
    PANEL_WORDS(name, 256, bytes)

PANEL_CODES(iq1_s, 50)
PANEL_CODES(iq1_m, 56)
PANEL_CODES(iq2_xxs, 66)
PANEL_CODES(iq2_xs, 74)
PANEL_CODES(iq2_s, 82)
PANEL_CODES(iq3_xxs, 98)
PANEL_CODES(iq3_s, 110)

MOE__TARGET_END

void moe__avx2_fill_panel_words(struct moe__kern *kern)
{
    static const struct moe__panel panels[] = {
        {MOE__Q8_0, 10, avx2_panel_q8_0},
        {MOE__IQ4_NL, 7, avx2_panel_iq4_nl},
        {MOE__IQ4_XS, 7, avx2_panel_iq4_xs},
        {MOE__IQ1_S, 40, avx2_panel_iq1_s},
        {MOE__IQ1_M, 40, avx2_panel_iq1_m},
        {MOE__IQ2_XXS, 40, avx2_panel_iq2_xxs},
        {MOE__IQ2_XS, 40, avx2_panel_iq2_xs},
        {MOE__IQ2_S, 40, avx2_panel_iq2_s},
        {MOE__IQ3_XXS, 40, avx2_panel_iq3_xxs},
        {MOE__IQ3_S, 40, avx2_panel_iq3_s},
    };
    moe__set_panels(kern, panels, MOE__COUNT(panels));
}

#endif
