/* avx2_panel.h: panels of expanded rows, and tiles of sums over them.
 *
 * For many tokens it pays to unpack weights once.  A panel is 16 rows by up to
 * 1024 columns in a form that no longer knows its type:
 *
 *      q: units of 64 bytes, 16 rows x 4 columns of unsigned codes
 *
 *              row 0        row 1              row 15
 *          | k k+1 k+2 k+3 | k ... k+3 | ... | k ... k+3 |    unit k / 4
 *
 * A tile multiplies a panel with a few tokens.  Lanes are rows: for each unit
 * and token, four activations are broadcast, vpmaddubsw multiplies them with
 * both halves of the unit and adds pairs, vpaddw collects as long as an int16
 * holds it, then vpmaddwd multiplies with the scale of the group and widens.
 *
 *                 4 tokens
 *            +----+----+----+----+
 *     rows   |    |    |    |    |     8 registers of int16 sums,
 *     0..7   +----+----+----+----+     2 of codes, 1 of activations
 *     8..15  |    |    |    |    |
 *            +----+----+----+----+
 *
 * Per unit that is 8 vpmaddubsw on the 2 pipes that multiply and 8 vpaddw on
 * the others: 256 products in 4 cycles.
 *
 * Codes of 8 bits have panels of their own kind: avx2_panel_words.c. */
#ifndef MOE_KERN_X86_AVX2_PANEL_H
#define MOE_KERN_X86_AVX2_PANEL_H

#include "kern/kern.h"
#include "kern/x86/avx2_math.h"

#define PANEL_ROWS 16
#define PANEL_COLS 1024
#define PANEL_TILE 4      /* tokens of a tile here */
#define PANEL_TOKENS 8    /* of any tile */
#define PANEL_PACKED 1088 /* bytes of a packed token at most */

struct avx2_panel {
    alignas(64) uint8_t q[PANEL_COLS / 4][64];
    /* Scale of each group of 16 or 32, twice, for vpmaddwd. */
    int16_t scale[PANEL_COLS / 16][PANEL_ROWS][2];
    /* What the sums of activations of two groups are multiplied with: minimums,
     * or -offset * scale. */
    int16_t bias[PANEL_COLS / 32][PANEL_ROWS][2];
    float d[PANEL_COLS / 32][PANEL_ROWS]; /* of each block */
    float dmin[PANEL_COLS / 32][PANEL_ROWS];
};

/* The activations of the tokens of a tile at a panel's first column: where they
 * are, or for types that pack them, one after the other.  Their sums are added
 * to. */
struct avx2_tokens {
    const int8_t *q[PANEL_TILE];
    const float *scale[PANEL_TILE];
    const int16_t *sum[PANEL_TILE];
    const void *packed;
    float (*acc)[PANEL_ROWS];
};

/* Unpacks block `at / block_bytes` of 8 rows of a type into rows 8 half .. of
 * the panel, as the panel's block b. */
typedef void avx2_unpack_fn(struct avx2_panel *panel, int32_t b, int32_t half,
                            const uint8_t *const row[8], size_t at);
/* Packs n_cols activations of a token, from element `at` of x on: once for all
 * panels of a group. */
typedef void avx2_pack_fn(void *to, const struct moe__act *x, size_t at,
                          int32_t n_cols);
/* Adds the products of n_blocks blocks for n_tokens tokens or a few more: the
 * others of the tile are there, too. */
typedef void avx2_tile_fn(const struct avx2_panel *panel,
                          const struct avx2_tokens *tokens, int32_t n_blocks,
                          int32_t n_tokens);

struct avx2_panel_type {
    int32_t block_elems;
    int32_t block_bytes;
    int32_t n_tokens;    /* of a tile */
    int32_t n_cols;      /* of a panel at most */
    size_t packed_bytes; /* of a token, if there is a function */
    avx2_pack_fn *pack;
    avx2_unpack_fn *unpack;
    avx2_tile_fn *tile;
};

/* Types whose codes fit in 7 bits, for other tiles of 16 rows. */
avx2_unpack_fn moe__avx2_unpack_q2_k, moe__avx2_unpack_q3_k,
    moe__avx2_unpack_q4_k, moe__avx2_unpack_q5_k, moe__avx2_unpack_q6_k,
    moe__avx2_unpack_q4_0, moe__avx2_unpack_q4_1, moe__avx2_unpack_q5_0,
    moe__avx2_unpack_q5_1, moe__avx2_unpack_mxfp4;

/* All panels and tiles of a product. */
void moe__avx2_panel_matmul(const struct moe__matmul *job,
                            const struct avx2_panel_type *type);

/* A function `name`, the product by panels of a type with these members. */
#define PANEL_MATMUL(name, ...)                                   \
    static void name(const struct moe__matmul *job)               \
    {                                                             \
        static const struct avx2_panel_type type = {__VA_ARGS__}; \
        moe__avx2_panel_matmul(job, &type);                       \
    }

/* avx2_panel_NAME, for tiles that take activations from where they are. */
#define AVX2_PANEL(name, block, bytes, unpack_fn, tile_fn)     \
    PANEL_MATMUL(avx2_panel_##name, .block_elems = block,      \
                 .block_bytes = bytes, .n_tokens = PANEL_TILE, \
                 .n_cols = PANEL_COLS, .unpack = unpack_fn, .tile = tile_fn)

/* Words to the compiler that are no instructions.  Left alone, gcc 12 and clang
 * 21 move loads of sums ahead and spill those that are in use, which halves the
 * speed.
 * AVX2_PIN: the eight sums v[2][4] are in registers here. */
#define AVX2_PIN(v)                                                       \
    __asm__ volatile(""                                                   \
                     : "+x"((v)[0][0]), "+x"((v)[0][1]), "+x"((v)[0][2]), \
                       "+x"((v)[0][3]), "+x"((v)[1][0]), "+x"((v)[1][1]), \
                       "+x"((v)[1][2]), "+x"((v)[1][3]))
#define AVX2_KEEP(a, b) __asm__ volatile("" : "+x"(a), "+x"(b))

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* 16 bytes at `at` of 8 rows as words: word i of row r in lane r of w[i]. */
MOE__INLINE void avx2_load_words(__m256i w[4], const uint8_t *const row[8],
                                 size_t at)
{
    __m256i a[4];
    MOE__UNROLL
    for (int32_t r = 0; r < 4; r++)
        a[r] = _mm256_loadu2_m128i(
            (const __m128i *)(const void *)(row[r + 4] + at),
            (const __m128i *)(const void *)(row[r] + at));
    __m256i low01 = _mm256_unpacklo_epi32(a[0], a[1]);
    __m256i low23 = _mm256_unpacklo_epi32(a[2], a[3]);
    __m256i high01 = _mm256_unpackhi_epi32(a[0], a[1]);
    __m256i high23 = _mm256_unpackhi_epi32(a[2], a[3]);
    w[0] = _mm256_unpacklo_epi64(low01, low23);
    w[1] = _mm256_unpackhi_epi64(low01, low23);
    w[2] = _mm256_unpacklo_epi64(high01, high23);
    w[3] = _mm256_unpackhi_epi64(high01, high23);
}

/* The f16 in the lower, or in the upper, halves of 8 words. */
MOE__INLINE __m256 avx2_low_halves(__m256i words)
{
    const __m256i pick = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13));
    __m256i halves = _mm256_shuffle_epi8(words, pick);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(
        _mm256_permute4x64_epi64(halves, _MM_SHUFFLE(0, 0, 2, 0))));
}

MOE__INLINE __m256 avx2_high_halves(__m256i words)
{
    return avx2_low_halves(_mm256_srli_epi32(words, 16));
}

/* Four activations in every lane. */
MOE__INLINE __m256i panel_broadcast(const int8_t *q)
{
    return _mm256_set1_epi32((int32_t)moe__load_u32((const uint8_t *)q));
}

MOE__INLINE __m256i panel_and(__m256i x, int32_t byte)
{
    return _mm256_and_si256(x, _mm256_set1_epi8((char)byte));
}

/* Bits at `from` and up of each byte, cut to the mask and moved to `to`. */
MOE__INLINE __m256i panel_move_bits(__m256i x, int32_t from, int32_t to,
                                    int32_t mask)
{
    x = from < to ? _mm256_slli_epi16(x, to - from)
                  : _mm256_srli_epi16(x, from - to);
    return panel_and(x, mask << to);
}

MOE__INLINE void panel_put_codes(struct avx2_panel *panel, int32_t unit,
                                 int32_t half, __m256i codes)
{
    avx2_store_bytes(panel->q[unit] + 32 * half, codes);
}

MOE__INLINE void panel_put_d(struct avx2_panel *panel, int32_t b, int32_t half,
                             __m256 d)
{
    _mm256_storeu_ps(panel->d[b] + 8 * half, d);
}

MOE__INLINE void panel_put_dmin(struct avx2_panel *panel, int32_t b,
                                int32_t half, __m256 dmin)
{
    _mm256_storeu_ps(panel->dmin[b] + 8 * half, dmin);
}

/* Scale g of 8 of IQ4_XS, 6 bits less 32, as int16 in the lower halves: two
 * bits beside d in the first word of a block, nibbles in the second. */
MOE__INLINE __m256i panel_iq4_xs_scale(const __m256i w[4], int32_t g)
{
    __m256i nibble =
        _mm256_and_si256(_mm256_srli_epi32(w[1], 4 * g), _mm256_set1_epi32(15));
    __m256i top = _mm256_and_si256(_mm256_srli_epi32(w[0], 16 + 2 * g),
                                   _mm256_set1_epi32(3));
    __m256i s =
        _mm256_sub_epi32(_mm256_or_si256(nibble, _mm256_slli_epi32(top, 4)),
                         _mm256_set1_epi32(32));
    return _mm256_and_si256(s, _mm256_set1_epi32(0xffff));
}

MOE__TARGET_END
#endif
