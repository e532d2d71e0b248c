/* avx2_panel32.c: panels of the types with blocks of 32, AVX2.
 *
 * A block is the 8 units of one activations' scale.  Sums of pairs stay in
 * int16 for all of it with codes of 4 bits, for 4 units with
 * codes of 5 bits: bounds as in avx2_panel256.c.  Then the offset leaves
 * through the sum of activations, sum (q' - o) a = sum q' a - o sum a. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_panel.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

struct form32 {
    int32_t flush;  /* units whose products an int16 holds: 4 or 8 */
    int32_t offset; /* codes are q + offset */
    bool has_min;   /* plus the panel's dmin times the sum of activations */
};

/* -------------------------------------------------------------------- tile */

/* isum[half][token] = sums of pairs of products of `flush` units from k on. */
MOE__INLINE void sum_units(__m256i sum[2][PANEL_TILE],
                           const struct avx2_panel *panel,
                           const struct avx2_tokens *tokens, int32_t k,
                           struct form32 form, int32_t n_tokens)
{
    const uint8_t (*q)[64] = &panel->q[k / 4];
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
}

/* Sums of pairs to int32. */
MOE__INLINE void widen_sums(__m256i sum[2][PANEL_TILE], int32_t n_tokens)
{
    const __m256i one = _mm256_set1_epi16(1);
    MOE__UNROLL
    for (int32_t t = 0; t < n_tokens; t++) {
        sum[0][t] = _mm256_madd_epi16(sum[0][t], one);
        sum[1][t] = _mm256_madd_epi16(sum[1][t], one);
    }
}

/* What the sums of activations of each block give, ready to be broadcast:
 * offset * sum as int32, or for types with a minimum the sum as a float. */
struct bias32 {
    int32_t offset[PANEL_TILE][PANEL_COLS / 32];
    float sum[PANEL_TILE][PANEL_COLS / 32];
};

MOE__INLINE void set_bias(struct bias32 *bias, const struct avx2_tokens *tokens,
                          int32_t n_blocks, struct form32 form,
                          int32_t n_tokens)
{
    const __m256i factor =
        _mm256_set1_epi16((int16_t)(form.has_min ? 1 : form.offset));
    for (int32_t t = 0; t < n_tokens; t++)
        for (int32_t b = 0; b < n_blocks; b += 8) {
            /* 16 sums of 16; behind the row's end there is its padding. */
            __m256i sum = _mm256_madd_epi16(
                avx2_load_bytes(tokens->sum[t] + 2 * b), factor);
            if (form.has_min)
                _mm256_storeu_ps(bias->sum[t] + b, _mm256_cvtepi32_ps(sum));
            else
                avx2_store_bytes(bias->offset[t] + b, sum);
        }
}

/* acc = fma(d dx, isum, acc); acc = fma(-(dmin dx), sum, acc). */
MOE__INLINE void end_block32(__m256i isum[2][PANEL_TILE],
                             const struct avx2_panel *panel,
                             const struct avx2_tokens *tokens,
                             const struct bias32 *bias, int32_t b,
                             struct form32 form, int32_t n_tokens)
{
    MOE__UNROLL
    for (int32_t t = 0; t < n_tokens; t++) {
        __m256 dx = _mm256_broadcast_ss(tokens->scale[t] + b);
        MOE__UNROLL
        for (int32_t h = 0; h < 2; h++) {
            __m256i sum = isum[h][t];
            if (!form.has_min)
                sum = _mm256_sub_epi32(sum,
                                       _mm256_set1_epi32(bias->offset[t][b]));
            __m256 acc = _mm256_load_ps(tokens->acc[t] + 8 * h);
            __m256 d = _mm256_loadu_ps(panel->d[b] + 8 * h);
            acc = _mm256_fmadd_ps(_mm256_mul_ps(d, dx), _mm256_cvtepi32_ps(sum),
                                  acc);
            if (form.has_min) {
                __m256 dmin = _mm256_loadu_ps(panel->dmin[b] + 8 * h);
                acc = _mm256_fnmadd_ps(_mm256_mul_ps(dmin, dx),
                                       _mm256_broadcast_ss(bias->sum[t] + b),
                                       acc);
            }
            _mm256_store_ps(tokens->acc[t] + 8 * h, acc);
        }
    }
}

MOE__INLINE void tile32(const struct avx2_panel *panel,
                        const struct avx2_tokens *tokens, int32_t n_blocks,
                        struct form32 form, int32_t n_tokens)
{
    struct bias32 bias;
    set_bias(&bias, tokens, n_blocks, form, n_tokens);
    AVX2_FENCE();
    for (int32_t b = 0; b < n_blocks; b++) {
        __m256i isum[2][PANEL_TILE];
        sum_units(isum, panel, tokens, 32 * b, form, n_tokens);
        widen_sums(isum, n_tokens);
        if (form.flush == 4) {
            __m256i first[2][PANEL_TILE];
            MOE__UNROLL
            for (int32_t t = 0; t < n_tokens; t++) {
                first[0][t] = isum[0][t];
                first[1][t] = isum[1][t];
            }
            AVX2_SHOW(first[0]);
            AVX2_SHOW(first[1]);
            sum_units(isum, panel, tokens, 32 * b + 16, form, n_tokens);
            widen_sums(isum, n_tokens);
            MOE__UNROLL
            for (int32_t t = 0; t < n_tokens; t++) {
                isum[0][t] = _mm256_add_epi32(isum[0][t], first[0][t]);
                isum[1][t] = _mm256_add_epi32(isum[1][t], first[1][t]);
            }
        }
        end_block32(isum, panel, tokens, &bias, b, form, n_tokens);
        AVX2_FENCE();
    }
}

#define TILE32(name, ...)                                       \
    static void tile_##name(const struct avx2_panel *panel,     \
                            const struct avx2_tokens *tokens,   \
                            int32_t n_blocks, int32_t n_tokens) \
    {                                                           \
        const struct form32 form = {__VA_ARGS__};               \
        if (n_tokens > 2)                                       \
            tile32(panel, tokens, n_blocks, form, PANEL_TILE);  \
        else                                                    \
            tile32(panel, tokens, n_blocks, form, 2);           \
    }

TILE32(q4_0, 8, 8, false)
TILE32(q4_1, 8, 0, true)
TILE32(q5_0, 4, 16, false)
TILE32(q5_1, 4, 0, true)
TILE32(mxfp4, 4, 12, false)

/* ------------------------------------------------------------------ unpack */

/* The first word of the blocks of 8 rows: d in its lower half. */
MOE__INLINE __m256i first_words(const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    return w[0];
}

/* Elements 4 i .. 4 i + 3 are in the low nibbles of word i < 4, or in the high
 * ones of word i - 4. */
MOE__INLINE __m256i nibbles_of_unit(const __m256i w[4], int32_t i)
{
    return panel_move_bits(w[i % 4], 4 * (i / 4), 0, 15);
}

/* Bits 4 i .. 4 i + 3 of each word as bit 4 of its four bytes. */
MOE__INLINE __m256i fifth_bits(__m256i words, int32_t i)
{
    const __m256i lane =
        _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404,
                          0x08080808, 0x0c0c0c0c);
    const __m256i pick = _mm256_add_epi8(_mm256_set1_epi8((char)(i / 2)), lane);
    const __m256i bit =
        _mm256_set1_epi32(i % 2 == 0 ? 0x08040201 : (int32_t)0x80402010u);
    __m256i bits = _mm256_and_si256(_mm256_shuffle_epi8(words, pick), bit);
    return panel_and(_mm256_cmpeq_epi8(bits, bit), 16);
}

void moe__avx2_unpack_q4_0(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    panel_put_d(panel, b, half, avx2_low_halves(first_words(row, at)));
    avx2_load_words(w, row, at + 2);
    for (int32_t i = 0; i < 8; i++)
        panel_put_codes(panel, 8 * b + i, half, nibbles_of_unit(w, i));
}

/* d and m = -dmin. */
MOE__INLINE void put_d_and_m(struct avx2_panel *panel, int32_t b, int32_t half,
                             __m256i words)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    panel_put_d(panel, b, half, avx2_low_halves(words));
    panel_put_dmin(panel, b, half,
                   _mm256_xor_ps(avx2_high_halves(words), sign));
}

void moe__avx2_unpack_q4_1(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    put_d_and_m(panel, b, half, first_words(row, at));
    avx2_load_words(w, row, at + 4);
    for (int32_t i = 0; i < 8; i++)
        panel_put_codes(panel, 8 * b + i, half, nibbles_of_unit(w, i));
}

/* Nibbles at `qs` with fifth bits in a word. */
MOE__INLINE void put_codes5(struct avx2_panel *panel, int32_t b, int32_t half,
                            const uint8_t *const row[8], size_t qs,
                            __m256i fifths)
{
    __m256i w[4];
    avx2_load_words(w, row, qs);
    for (int32_t i = 0; i < 8; i++)
        panel_put_codes(
            panel, 8 * b + i, half,
            _mm256_or_si256(nibbles_of_unit(w, i), fifth_bits(fifths, i)));
}

void moe__avx2_unpack_q5_0(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4]; /* d and half of the fifth bits, their rest */
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    put_codes5(panel, b, half, row, at + 6,
               _mm256_or_si256(_mm256_srli_epi32(w[0], 16),
                               _mm256_slli_epi32(w[1], 16)));
}

void moe__avx2_unpack_q5_1(struct avx2_panel *panel, int32_t b, int32_t half,
                           const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    put_d_and_m(panel, b, half, w[0]);
    put_codes5(panel, b, half, row, at + 8, w[1]);
}

/* Doubled values of quant/iq_tables.h plus 12, by index; d = 2^(e - 128). */
void moe__avx2_unpack_mxfp4(struct avx2_panel *panel, int32_t b, int32_t half,
                            const uint8_t *const row[8], size_t at)
{
    const __m256i values = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
    const __m256i one = _mm256_set1_epi32(1);
    __m256i w[4];
    avx2_load_words(w, row, at);
    __m256i e = _mm256_and_si256(w[0], _mm256_set1_epi32(255));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, one), 23);
    __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x200000), e);
    panel_put_d(
        panel, b, half,
        _mm256_castsi256_ps(_mm256_blendv_epi8(
            normal, subnormal, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e))));
    avx2_load_words(w, row, at + 1);
    for (int32_t i = 0; i < 8; i++)
        panel_put_codes(panel, 8 * b + i, half,
                        _mm256_shuffle_epi8(values, nibbles_of_unit(w, i)));
}

/* ------------------------------------------------------------------- types */

AVX2_PANEL(q4_0, 32, 18, moe__avx2_unpack_q4_0, tile_q4_0)
AVX2_PANEL(q4_1, 32, 20, moe__avx2_unpack_q4_1, tile_q4_1)
AVX2_PANEL(q5_0, 32, 22, moe__avx2_unpack_q5_0, tile_q5_0)
AVX2_PANEL(q5_1, 32, 24, moe__avx2_unpack_q5_1, tile_q5_1)
AVX2_PANEL(mxfp4, 32, 17, moe__avx2_unpack_mxfp4, tile_mxfp4)

MOE__TARGET_END

void moe__avx2_fill_panel32(struct moe__kern *kern)
{
    static const struct moe__panel panels[] = {
        {MOE__Q4_0, 6, avx2_panel_q4_0},   {MOE__Q4_1, 6, avx2_panel_q4_1},
        {MOE__Q5_0, 4, avx2_panel_q5_0},   {MOE__Q5_1, 4, avx2_panel_q5_1},
        {MOE__MXFP4, 4, avx2_panel_mxfp4},
    };
    moe__set_panels(kern, panels, MOE__COUNT(panels));
}

#endif
