/* avx512_panel.c: tiles of sums over panels, AVX-512 VNNI.
 *
 * Panels and their frame are those of avx2_panel.h, so that one unpacking
 * serves both.  A unit of a panel, 16 rows by 4 columns, is one register here;
 * vpdpbusd adds the four products of each row to an int32 and broadcasts the
 * activations itself:
 *
 *                       8 tokens
 *              +--+--+--+--+--+--+--+--+     8 sums of a group of columns that
 *     16 rows  |  |  |  |  |  |  |  |  |     share a scale, 8 of a block, 8 of
 *              +--+--+--+--+--+--+--+--+     the row, 1 of codes: 25 of 32
 *                                            registers, and nothing waits in
 *     8 vpdpbusd for 512 products            memory
 *
 * For that the activations of a part are packed once for four panels, token
 * after token at a constant distance: one pointer serves all eight.
 *
 * The sum of a group starts at -offset times the sum of its activations, which
 * takes the offset out of codes q + offset, and ends multiplied by its scale.
 *
 * Nothing can overflow: vpdpbusd, vpdpwssd, vpmulld and vpaddd count modulo
 * 2^32 and the result is below 2^29 (docs/numerics.md).  So codes may have all
 * 8 bits, none are split, and where a code times its scale has 8 bits, too, the
 * panel holds that and the whole block is one group (fold_scales).  A sum of 16
 * columns of codes of 4 bits is an int16, at most 15 * 127 * 16 = 30480: there
 * vpdpwssd multiplies with the scale and adds, in a third of the work of
 * vpmulld and vpaddd; its upper products are with zero. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_expand.h"
#include "kern/x86/avx2_panel.h"

#define VNNI_COLS 512 /* of a panel: both operands stay in the first cache */

/* The activations of a token.  Rows follow each other, so that one pointer and
 * constants reach those of all tokens. */
struct vnni_row {
    int8_t q[VNNI_COLS];
    int32_t start[VNNI_COLS / 16]; /* the sum of each group without products */
    int16_t sum[VNNI_COLS / 16];   /* of activations, of each minimum's */
    float scale[VNNI_COLS / 32];   /* of each block */
    float sum_of_32[VNNI_COLS / 32]; /* of blocks of 32 with a minimum */
};
static_assert(sizeof(struct vnni_row) <= PANEL_PACKED, "rows fit");

/* Four activations, or two sums of them. */
struct vnni_word {
    uint8_t bytes[4];
};

/* sum += products of codes with a word of memory, broadcast.  Left alone, gcc
 * 12 loads the word to a register first, which takes a third longer. */
#define VNNI_ADD(instruction, sum, codes, p)   \
    __asm__(instruction " %2%{1to16%}, %1, %0" \
            : "+v"(sum)                        \
            : "v"(codes), "m"(*(const struct vnni_word *)(const void *)(p)))
/* The compiler does not know this pointer, so that it makes no others for its
 * uses: there are too many. */
#define VNNI_HIDE(p) __asm__("" : "+r"(p))

MOE__TARGET_BEGIN("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

/* What a tile must know of a type. */
struct vnni_form {
    int32_t block;    /* columns: 32 or 256 */
    int32_t group;    /* columns of a scale: 16, 32, or the block if it is 1 */
    int32_t split;    /* columns whose sum is an int16; 0: too few */
    int32_t min_by;   /* columns of a minimum: 16, 32; 0: none, an offset */
    int32_t n_tokens; /* 2, 4, 6 or 8 */
};

/* -------------------------------------------------------------------- pack */

/* Behind the row's end there is its padding, to whole 256 columns. */
MOE__INLINE void vnni_pack(struct vnni_row *row, const struct moe__act *x,
                           size_t at, int32_t n_cols, int32_t offset,
                           struct vnni_form form)
{
    const int16_t *sum = x->sum + at / 16;
    for (int32_t k = 0; k < n_cols; k += 32)
        avx2_store_bytes(row->q + k, avx2_load_bytes(x->q + at + k));
    memcpy(row->scale, x->scale + at / (size_t)form.block,
           (size_t)(n_cols / form.block) * sizeof(float));
    for (int32_t b = 0; b < moe__ceil_div(n_cols, 256); b++) {
        const __m256i of_16 = avx2_load_bytes(sum + 16 * b);
        const __m256i of_32 = _mm256_madd_epi16(of_16, _mm256_set1_epi16(1));
        const __m512i wide = _mm512_cvtepi16_epi32(of_16);
        int32_t *start = row->start + 256 / form.group * b;
        if (form.min_by == 16)
            avx2_store_bytes(row->sum + 16 * b, of_16);
        else if (form.min_by == 32 && form.block == 256)
            _mm_storeu_si128((__m128i *)(void *)(row->sum + 8 * b),
                             _mm256_cvtepi32_epi16(of_32));
        else if (form.min_by == 32)
            _mm256_storeu_ps(row->sum_of_32 + 8 * b, _mm256_cvtepi32_ps(of_32));
        else if (form.group == 16)
            _mm512_storeu_si512(
                start, _mm512_mullo_epi32(wide, _mm512_set1_epi32(-offset)));
        else if (form.group == 32)
            avx2_store_bytes(
                start, _mm256_mullo_epi32(of_32, _mm256_set1_epi32(-offset)));
        else
            *start = -offset * _mm512_reduce_add_epi32(wide);
    }
}

/* -------------------------------------------------------------------- tile */

/* sum[token] += products of n_units units from column k on. */
MOE__INLINE void vnni_add_units(__m512i sum[PANEL_TOKENS],
                                const struct avx2_panel *panel,
                                const struct vnni_row *row, int32_t k,
                                int32_t n_units, struct vnni_form form)
{
    const uint8_t (*codes)[64] = panel->q + k / 4;
    const int8_t *a = row->q + k;
    VNNI_HIDE(a);
    MOE__UNROLL
    for (int32_t u = 0; u < n_units; u++) {
        const __m512i c = _mm512_load_si512(codes[u]);
        MOE__UNROLL
        for (int32_t t = 0; t < form.n_tokens; t++)
            VNNI_ADD("vpdpbusd", sum[t], c,
                     a + t * (int32_t)sizeof *row + 4 * u);
    }
}

/* sum[token] of group g without any product. */
MOE__INLINE void vnni_start_group(__m512i sum[PANEL_TOKENS],
                                  const struct vnni_row *row, int32_t g,
                                  struct vnni_form form)
{
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        sum[t] = form.min_by != 0 ? _mm512_setzero_si512()
                                  : _mm512_set1_epi32(row[t].start[g]);
}

/* isum[token] += scale times products of group g. */
MOE__INLINE void vnni_add_group(__m512i isum[PANEL_TOKENS],
                                const struct avx2_panel *panel,
                                const struct vnni_row *row, int32_t g,
                                struct vnni_form form)
{
    const int32_t n_cols = form.split != 0 ? form.split : form.group;
    /* The panel has it twice, as int16. */
    const __m512i twice = _mm512_load_si512(panel->scale[g]);
    MOE__UNROLL
    for (int32_t i = 0; i < form.group / n_cols; i++) {
        __m512i sum[PANEL_TOKENS];
        vnni_start_group(sum, row, g, form);
        vnni_add_units(sum, panel, row, form.group * g + n_cols * i, n_cols / 4,
                       form);
        const __m512i scale = form.split != 0
                                  ? _mm512_maskz_mov_epi16(0x55555555, twice)
                                  : _mm512_srai_epi32(twice, 16);
        MOE__UNROLL
        for (int32_t t = 0; t < form.n_tokens; t++)
            isum[t] = form.split != 0
                          ? _mm512_dpwssd_epi32(isum[t], sum[t], scale)
                          : _mm512_add_epi32(isum[t],
                                             _mm512_mullo_epi32(sum[t], scale));
    }
}

/* isum[token] = sum over groups of scale times sum of products. */
MOE__INLINE void vnni_sum_codes(__m512i isum[PANEL_TOKENS],
                                const struct avx2_panel *panel,
                                const struct vnni_row *row, int32_t b,
                                struct vnni_form form)
{
    const int32_t n_groups = form.block / form.group;
    if (n_groups == 1) {
        vnni_start_group(isum, row, b, form);
        for (int32_t k = 0; k < form.block; k += 32)
            vnni_add_units(isum, panel, row, form.block * b + k, 8, form);
        return;
    }
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        isum[t] = _mm512_setzero_si512();
    for (int32_t g = n_groups * b; g < n_groups * (b + 1); g++)
        vnni_add_group(isum, panel, row, g, form);
}

/* msum[token] = sum over groups of minimum times sum of activations, two groups
 * at a time, as floats; a block of 32 has its only minimum in dmin. */
MOE__INLINE void vnni_sum_mins(__m512 msum[PANEL_TOKENS],
                               const struct avx2_panel *panel,
                               const struct vnni_row *row, int32_t b,
                               struct vnni_form form)
{
    const int32_t n_pairs = form.block / form.min_by / 2;
    __m512i sum[PANEL_TOKENS];
    if (n_pairs == 0) {
        MOE__UNROLL
        for (int32_t t = 0; t < form.n_tokens; t++)
            msum[t] = _mm512_set1_ps(row[t].sum_of_32[b]);
        return;
    }
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        sum[t] = _mm512_setzero_si512();
    MOE__UNROLL
    for (int32_t i = 0; i < n_pairs; i++) {
        const int32_t p = n_pairs * b + i;
        const __m512i mins = _mm512_load_si512(panel->bias[p]);
        MOE__UNROLL
        for (int32_t t = 0; t < form.n_tokens; t++)
            VNNI_ADD("vpdpwssd", sum[t], mins, row[t].sum + 2 * p);
    }
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        msum[t] = _mm512_cvtepi32_ps(sum[t]);
}

/* acc = fma(d dx, isum, acc); acc = fma(-(dmin dx), msum, acc). */
MOE__INLINE void vnni_add_block(__m512 acc[PANEL_TOKENS],
                                const struct avx2_panel *panel,
                                const struct vnni_row *row, int32_t b,
                                struct vnni_form form)
{
    __m512i isum[PANEL_TOKENS];
    __m512 msum[PANEL_TOKENS];
    vnni_sum_codes(isum, panel, row, b, form);
    const __m512 d = _mm512_load_ps(panel->d[b]);
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++) {
        const __m512 dx = _mm512_set1_ps(row[t].scale[b]);
        acc[t] = _mm512_fmadd_ps(_mm512_mul_ps(d, dx),
                                 _mm512_cvtepi32_ps(isum[t]), acc[t]);
    }
    if (form.min_by == 0)
        return;
    vnni_sum_mins(msum, panel, row, b, form);
    const __m512 dmin = _mm512_load_ps(panel->dmin[b]);
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++) {
        const __m512 dx = _mm512_set1_ps(row[t].scale[b]);
        acc[t] = _mm512_fnmadd_ps(_mm512_mul_ps(dmin, dx), msum[t], acc[t]);
    }
}

MOE__INLINE void vnni_add_tile(const struct avx2_panel *panel,
                               const struct avx2_tokens *tokens,
                               int32_t n_blocks, struct vnni_form form)
{
    __m512 acc[PANEL_TOKENS];
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        acc[t] = _mm512_load_ps(tokens->acc[t]);
    for (int32_t b = 0; b < n_blocks; b++)
        vnni_add_block(acc, panel, tokens->packed, b, form);
    MOE__UNROLL
    for (int32_t t = 0; t < form.n_tokens; t++)
        _mm512_store_ps(tokens->acc[t], acc[t]);
}

#define VNNI_FORM(name, block, group, split, min_by)                           \
    static void add_##name(const struct avx2_panel *panel,                     \
                           const struct avx2_tokens *tokens, int32_t n_blocks, \
                           int32_t n_tokens)                                   \
    {                                                                          \
        const struct vnni_form form[4] = {{block, group, split, min_by, 2},    \
                                          {block, group, split, min_by, 4},    \
                                          {block, group, split, min_by, 6},    \
                                          {block, group, split, min_by, 8}};   \
        if (n_tokens > 6)                                                      \
            vnni_add_tile(panel, tokens, n_blocks, form[3]);                   \
        else if (n_tokens > 4)                                                 \
            vnni_add_tile(panel, tokens, n_blocks, form[2]);                   \
        else if (n_tokens > 2)                                                 \
            vnni_add_tile(panel, tokens, n_blocks, form[1]);                   \
        else                                                                   \
            vnni_add_tile(panel, tokens, n_blocks, form[0]);                   \
    }                                                                          \
    MOE__INLINE void pack_##name(struct vnni_row *row,                         \
                                 const struct moe__act *x, size_t at,          \
                                 int32_t n_cols, int32_t offset)               \
    {                                                                          \
        const struct vnni_form form = {block, group, split, min_by, 8};        \
        vnni_pack(row, x, at, n_cols, offset, form);                           \
    }

VNNI_FORM(groups_of_16, 256, 16, 0, 0)
VNNI_FORM(groups_of_32, 256, 32, 0, 0)
VNNI_FORM(groups_of_32_with_mins, 256, 32, 0, 32)
VNNI_FORM(small_groups_of_32_with_mins, 256, 32, 16, 32)
VNNI_FORM(blocks_of_256, 256, 256, 0, 0)
VNNI_FORM(blocks_of_256_with_mins, 256, 256, 0, 16)
VNNI_FORM(blocks_of_32, 32, 32, 0, 0)
VNNI_FORM(blocks_of_32_with_mins, 32, 32, 0, 32)

/* ------------------------------------------------------------------ unpack */

/* Codes c of the block times their scales s: (c - zero) s + offset, which is in
 * 0 .. 255.  Two bytes are one product of 16 bits:
 *     (256 c1 + c0) s + 257 (offset - zero s), modulo 2^16. */
MOE__INLINE void fold_scales(struct avx2_panel *panel, int32_t b, int32_t zero,
                             int32_t offset)
{
    for (int32_t g = 16 * b; g < 16 * b + 16; g++) {
        const __m512i s = _mm512_load_si512(panel->scale[g]);
        const __m512i rest = _mm512_sub_epi16(
            _mm512_set1_epi16((int16_t)(257 * offset)),
            _mm512_mullo_epi16(s, _mm512_set1_epi16((int16_t)(257 * zero))));
        for (int32_t u = 4 * g; u < 4 * g + 4; u++) {
            const __m512i c = _mm512_load_si512(panel->q[u]);
            _mm512_store_si512(
                panel->q[u], _mm512_add_epi16(_mm512_mullo_epi16(c, s), rest));
        }
    }
}

/* Codes 0 .. 3 times scales 0 .. 15: at most 45. */
static void unpack_folded_q2_k(struct avx2_panel *panel, int32_t b,
                               int32_t half, const uint8_t *const row[8],
                               size_t at)
{
    moe__avx2_unpack_q2_k(panel, b, half, row, at);
    if (half == 1)
        fold_scales(panel, b, 0, 0);
}

/* -4 .. 3 times -32 .. 31: -124 .. 128, plus 124. */
static void unpack_folded_q3_k(struct avx2_panel *panel, int32_t b,
                               int32_t half, const uint8_t *const row[8],
                               size_t at)
{
    moe__avx2_unpack_q3_k(panel, b, half, row, at);
    if (half == 1)
        fold_scales(panel, b, 4, 124);
}

/* Values of the 4-bit types IQ4, by index, plus 128 (quant/iq_tables.h). */
MOE__INLINE void put_iq4(struct avx2_panel *panel, int32_t unit, int32_t half,
                         __m256i nibbles)
{
    const __m256i values = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90,
                      -75, -59, -39, -15));
    panel_put_codes(panel, unit, half, _mm256_shuffle_epi8(values, nibbles));
}

static void unpack_whole_iq4_xs(struct avx2_panel *panel, int32_t b,
                                int32_t half, const uint8_t *const row[8],
                                size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    for (int32_t g = 0; g < 8; g++) {
        const __m256i s = panel_iq4_xs_scale(w, g);
        avx2_store_bytes(panel->scale[8 * b + g][8 * half],
                         _mm256_or_si256(s, _mm256_slli_epi32(s, 16)));
    }
    for (int32_t g = 0; g < 8; g++) {
        avx2_load_words(w, row, at + 8 + 16 * (size_t)g);
        for (int32_t i = 0; i < 8; i++)
            put_iq4(panel, 64 * b + 8 * g + i, half,
                    panel_move_bits(w[i % 4], 4 * (i / 4), 0, 15));
    }
}

static void unpack_whole_iq4_nl(struct avx2_panel *panel, int32_t b,
                                int32_t half, const uint8_t *const row[8],
                                size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    avx2_load_words(w, row, at + 2);
    for (int32_t i = 0; i < 8; i++)
        put_iq4(panel, 8 * b + i, half,
                panel_move_bits(w[i % 4], 4 * (i / 4), 0, 15));
}

/* 16 codes q of each row, as q + 128, to units from `unit` on. */
MOE__INLINE void put_signed(struct avx2_panel *panel, int32_t unit,
                            int32_t half, const uint8_t *const row[8],
                            size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    for (int32_t i = 0; i < 4; i++)
        panel_put_codes(panel, unit + i, half,
                        _mm256_xor_si256(w[i], _mm256_set1_epi8(-128)));
}

static void unpack_whole_q8_0(struct avx2_panel *panel, int32_t b, int32_t half,
                              const uint8_t *const row[8], size_t at)
{
    __m256i w[4];
    avx2_load_words(w, row, at);
    panel_put_d(panel, b, half, avx2_low_halves(w[0]));
    put_signed(panel, 8 * b, half, row, at + 2);
    put_signed(panel, 8 * b + 4, half, row, at + 18);
}

/* Types with code books. */
MOE__INLINE void unpack_any(struct avx2_panel *panel, int32_t b, int32_t half,
                            const uint8_t *const row[8], size_t at,
                            moe__expand_fn *expand)
{
    struct moe__codes codes[8];
    const uint8_t *q[8];
    for (int32_t r = 0; r < 8; r++) {
        expand(&codes[r], row[r] + at);
        q[r] = (const uint8_t *)codes[r].q;
        panel->d[b][8 * half + r] = codes[r].d;
        for (int32_t g = 0; g < 16; g++) {
            int16_t *scale = panel->scale[16 * b + g][8 * half + r];
            scale[0] = scale[1] = codes[r].scale[g];
        }
    }
    for (int32_t n = 0; n < 16; n++)
        put_signed(panel, 64 * b + 4 * n, half, q, 16 * (size_t)n);
}

/* ------------------------------------------------------------------- types */

#define VNNI(name, block, bytes, unpack_fn, form, offset)                      \
    static void pack_##name(void *to, const struct moe__act *x, size_t at,     \
                            int32_t n_cols)                                    \
    {                                                                          \
        pack_##form(to, x, at, n_cols, offset);                                \
    }                                                                          \
    PANEL_MATMUL(vnni_panel_##name, .block_elems = block,                      \
                 .block_bytes = bytes, .n_tokens = PANEL_TOKENS,               \
                 .n_cols = VNNI_COLS, .packed_bytes = sizeof(struct vnni_row), \
                 .pack = pack_##name, .unpack = unpack_fn, .tile = add_##form)

VNNI(q2_k, 256, 84, unpack_folded_q2_k, blocks_of_256_with_mins, 0)
VNNI(q3_k, 256, 110, unpack_folded_q3_k, blocks_of_256, 124)
VNNI(q4_k, 256, 144, moe__avx2_unpack_q4_k, small_groups_of_32_with_mins, 0)
VNNI(q5_k, 256, 176, moe__avx2_unpack_q5_k, groups_of_32_with_mins, 0)
VNNI(q6_k, 256, 210, moe__avx2_unpack_q6_k, groups_of_16, 32)
VNNI(iq4_xs, 256, 136, unpack_whole_iq4_xs, groups_of_32, 128)
VNNI(q4_0, 32, 18, moe__avx2_unpack_q4_0, blocks_of_32, 8)
VNNI(q4_1, 32, 20, moe__avx2_unpack_q4_1, blocks_of_32_with_mins, 0)
VNNI(q5_0, 32, 22, moe__avx2_unpack_q5_0, blocks_of_32, 16)
VNNI(q5_1, 32, 24, moe__avx2_unpack_q5_1, blocks_of_32_with_mins, 0)
VNNI(q8_0, 32, 34, unpack_whole_q8_0, blocks_of_32, 128)
VNNI(iq4_nl, 32, 18, unpack_whole_iq4_nl, blocks_of_32, 128)
VNNI(mxfp4, 32, 17, moe__avx2_unpack_mxfp4, blocks_of_32, 12)

#define VNNI_ANY(name, bytes, form)                                            \
    static void unpack_whole_##name(struct avx2_panel *panel, int32_t b,       \
                                    int32_t half, const uint8_t *const row[8], \
                                    size_t at)                                 \
    {                                                                          \
        unpack_any(panel, b, half, row, at, moe__avx2_expand_##name);          \
    }                                                                          \
    VNNI(name, 256, bytes, unpack_whole_##name, form, 128)

VNNI_ANY(iq1_s, 50, groups_of_16)
VNNI_ANY(iq1_m, 56, groups_of_16)
VNNI_ANY(iq2_xxs, 66, groups_of_16)
VNNI_ANY(iq2_xs, 74, groups_of_16)
VNNI_ANY(iq2_s, 82, groups_of_16)
VNNI_ANY(iq3_xxs, 98, groups_of_16)
VNNI_ANY(iq3_s, 110, groups_of_16)

MOE__TARGET_END

void moe__avx512_fill_panel(struct moe__kern *kern)
{
    static const struct moe__panel panels[] = {
        {MOE__Q2_K, 4, vnni_panel_q2_k},
        {MOE__Q3_K, 4, vnni_panel_q3_k},
        {MOE__Q4_K, 3, vnni_panel_q4_k},
        {MOE__Q5_K, 3, vnni_panel_q5_k},
        {MOE__Q6_K, 4, vnni_panel_q6_k},
        {MOE__Q4_0, 4, vnni_panel_q4_0},
        {MOE__Q4_1, 4, vnni_panel_q4_1},
        {MOE__Q5_0, 3, vnni_panel_q5_0},
        {MOE__Q5_1, 3, vnni_panel_q5_1},
        {MOE__Q8_0, 4, vnni_panel_q8_0},
        {MOE__IQ4_NL, 4, vnni_panel_iq4_nl},
        {MOE__IQ4_XS, 3, vnni_panel_iq4_xs},
        {MOE__MXFP4, 3, vnni_panel_mxfp4},
        {MOE__IQ1_S, 4, vnni_panel_iq1_s},
        {MOE__IQ1_M, 4, vnni_panel_iq1_m},
        {MOE__IQ2_XXS, 4, vnni_panel_iq2_xxs},
        {MOE__IQ2_XS, 4, vnni_panel_iq2_xs},
        {MOE__IQ2_S, 4, vnni_panel_iq2_s},
        {MOE__IQ3_XXS, 4, vnni_panel_iq3_xxs},
        {MOE__IQ3_S, 4, vnni_panel_iq3_s},
    };
    moe__set_panels(kern, panels, MOE__COUNT(panels));
}

#endif
