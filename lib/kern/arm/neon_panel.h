/* neon_panel.h: panels of expanded rows, and tiles of sums over them.
 *
 * For many tokens it pays to unpack weights once.  A panel is 32 rows by up to
 * 512 columns of signed bytes in a form that no longer knows its type; four
 * tokens are brought into the same form.  A unit is 16 columns of four rows (or
 * tokens) in four registers:
 *
 *      words (sdot)                        pairs (smmla)
 *      k 0..3 of rows 0 1 2 3              k 0..7  of rows 0 1
 *      k 4..7 of rows 0 1 2 3              k 0..7  of rows 2 3
 *      k 8..11 ...                         k 8..15 of rows 0 1
 *      k 12..15 ...                        k 8..15 of rows 2 3
 *
 * so that its first two registers are k 0..7.  A tile is 8 rows by 4 tokens,
 * eight registers of four int32:
 *
 *              words                               pairs
 *         token 0  1  2  3                    tokens 01   23
 *      rows   +--+--+--+--+              rows 01   +----+----+
 *      0..3   |0 |1 |2 |3 |                        |0   |1   |
 *             +--+--+--+--+              rows 23   +----+----+
 *      4..7   |4 |5 |6 |7 |                        |2   |3   |   ...
 *             +--+--+--+--+
 *      lanes: rows               lanes: first token's rows, second's rows
 *
 * Sums of products run through all groups of a block and meet steps of scales
 * (neon_mat256.h): 8 multiplications for 64 (32) dot products of a group of 32.
 *
 * Minimums go the same way: sums S of the activations of a group, at most
 * 32 * 127 = 4064, are taken apart, S = 64 high + low, into two signed bytes.
 * So eight groups fill a unit: minimums twice in the rows, eight high parts and
 * eight low ones in the tokens. */
#ifndef MOE_KERN_ARM_NEON_PANEL_H
#define MOE_KERN_ARM_NEON_PANEL_H

#include "kern/arm/neon_rows.h"

#define NEON_PANEL_ROWS 32
#define NEON_PANEL_COLS 512
#define NEON_TILE_ROWS 8
#define NEON_TILE_TOKENS 4
#define NEON_TILE 8  /* registers */
#define NEON_UNIT 64 /* bytes */

struct neon_panel {
    /* [tile of rows][16 columns][4 rows] */
    alignas(64) int8_t
        q[NEON_PANEL_ROWS / NEON_TILE_ROWS][NEON_PANEL_COLS / 16][2][NEON_UNIT];
    /* [tile of rows][2 for a block of 256][4 rows] */
    int8_t min[NEON_PANEL_ROWS / NEON_TILE_ROWS][NEON_PANEL_COLS / 128][2]
              [NEON_UNIT];
    int32_t step[NEON_PANEL_COLS / 16][NEON_PANEL_ROWS]; /* of each group */
    float d[NEON_PANEL_COLS / 32][NEON_PANEL_ROWS];      /* of each block */
    float dmin[NEON_PANEL_COLS / 32][NEON_PANEL_ROWS];
    const struct moe__type_info *info;
    bool is_paired; /* units */
};

/* Four tokens in the columns of a panel. */
struct neon_tokens {
    alignas(64) int8_t q[NEON_PANEL_COLS / 16][NEON_UNIT];
    int8_t sum[NEON_PANEL_COLS / 128][NEON_UNIT];        /* of each group */
    float scale[NEON_PANEL_COLS / 32][NEON_TILE_TOKENS]; /* of each block */
    float sum_32[NEON_PANEL_COLS / 32][NEON_TILE_TOKENS];
};

/* How a type's blocks become a panel and are multiplied. */
enum neon_form {
    NEON_GROUPS_16, /* of a block of 256 */
    NEON_GROUPS_16_MIN,
    NEON_GROUPS_32,
    NEON_GROUPS_32_MIN,
    NEON_BLOCKS_32,
    NEON_BLOCKS_32_MIN,
    NEON_N_FORMS
};

/* Unpacks a block of each of rows 4 quad .. + 3 as the panel's block b. */
typedef void neon_unpack_fn(struct neon_panel *panel, int32_t quad, int32_t b,
                            const uint8_t *const block[NEON_ROWS]);
/* Adds the products of n_blocks blocks to a tile's sums, acc [8][4]. */
typedef void neon_tile_fn(const struct neon_panel *panel, int32_t tile,
                          const struct neon_tokens *tokens, float *acc,
                          int32_t n_blocks);

struct neon_panel_type {
    neon_unpack_fn *unpack;
    enum neon_form form;
};

struct neon_tier {
    neon_tile_fn *tile[NEON_N_FORMS];
    bool is_paired;
};

struct neon_panel_type moe__neon_panel_type(int32_t type);
void moe__neon_panel_matmul(const struct moe__matmul *job,
                            const struct neon_tier *tier);
/* Sets panels of all types with integer products. */
void moe__neon_set_panels(struct moe__kern *kern, moe__matmul_fn *multiply);
moe__kern_fill_fn moe__dotprod_fill_panel;

/* 16 columns of four rows to a unit. */
MOE__INLINE void neon_store_unit(int8_t *unit, const int8x16_t row[NEON_ROWS],
                                 bool is_paired)
{
    uint32x4_t v[4];
    MOE__UNROLL
    for (int32_t r = 0; r < NEON_ROWS; r++)
        v[r] = vreinterpretq_u32_s8(row[r]);
    if (is_paired) {
        const uint32x4_t first = neon_first_halves(v[0], v[1]);
        const uint32x4_t second = neon_first_halves(v[2], v[3]);
        v[3] = neon_second_halves(v[2], v[3]);
        v[2] = neon_second_halves(v[0], v[1]);
        v[0] = first;
        v[1] = second;
    } else {
        neon_transpose(v);
    }
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        vst1q_s8(unit + 16 * i, vreinterpretq_s8_u32(v[i]));
}

/* ------------------------------------------------------------------ bodies */

/* Adds products of half a unit, 8 columns, of 8 rows and 4 tokens. */
typedef void neon_add_half_fn(int32x4_t sum[NEON_TILE],
                              const int8_t w[2][NEON_UNIT], const int8_t *a,
                              int32_t half);
/* What register i of a tile is multiplied with: of 8 words, one a row. */
typedef int32x4_t neon_spread_rows_fn(const void *row, int32_t i);
/* The same of four floats, one a token. */
typedef float32x4_t neon_spread_tokens_fn(const float *token, int32_t i);

struct neon_body {
    neon_add_half_fn *add;
    neon_spread_rows_fn *rows;
    neon_spread_tokens_fn *tokens;
    int32_t group; /* 16 or 32 */
    bool has_min;
};

MOE__INLINE void neon_clear_tile(int32x4_t sum[NEON_TILE])
{
    MOE__UNROLL
    for (int32_t i = 0; i < NEON_TILE; i++)
        sum[i] = vdupq_n_s32(0);
}

/* d_w d_x of register i. */
MOE__INLINE float32x4_t neon_tile_scale(const float *row, const float *token,
                                        int32_t i, struct neon_body body)
{
    return vmulq_f32(vreinterpretq_f32_s32(body.rows(row, i)),
                     body.tokens(token, i));
}

/* sum_g min_g S_g of block b. */
MOE__INLINE void neon_tile_mins(int32x4_t sum[NEON_TILE],
                                const struct neon_panel *panel, int32_t tile,
                                const struct neon_tokens *tokens, int32_t b,
                                struct neon_body body)
{
    const int32_t n = 256 / body.group / 8;
    neon_clear_tile(sum);
    for (int32_t i = 2 * b; i < 2 * b + n; i++)
        body.add(sum, panel->min[tile][i], tokens->sum[i], 0);
    MOE__UNROLL
    for (int32_t i = 0; i < NEON_TILE; i++)
        sum[i] = vshlq_n_s32(sum[i], 6);
    for (int32_t i = 2 * b; i < 2 * b + n; i++)
        body.add(sum, panel->min[tile][i], tokens->sum[i], 1);
}

/* Blocks of 256: acc = fma(d_w d_x, isum, acc), and with minimums
 * acc = fma(-(dmin d_x), msum, acc). */
MOE__INLINE void neon_tile_256(const struct neon_panel *panel, int32_t tile,
                               const struct neon_tokens *tokens, float *acc,
                               int32_t n_blocks, struct neon_body body)
{
    const int32_t n_groups = 256 / body.group;
    const int32_t row = NEON_TILE_ROWS * tile;
    for (int32_t b = 0; b < n_blocks; b++) {
        int32x4_t sum[NEON_TILE], scaled[NEON_TILE];
        neon_clear_tile(sum);
        neon_clear_tile(scaled);
        for (int32_t g = b * n_groups; g < (b + 1) * n_groups; g++) {
            MOE__UNROLL
            for (int32_t half = 0; half < body.group / 8; half++) {
                const int32_t unit = g * (body.group / 16) + half / 2;
                body.add(sum, panel->q[tile][unit], tokens->q[unit], half % 2);
            }
            MOE__UNROLL
            for (int32_t i = 0; i < NEON_TILE; i++)
                scaled[i] = vmlaq_s32(scaled[i], sum[i],
                                      body.rows(&panel->step[g][row], i));
        }
        MOE__UNROLL
        for (int32_t i = 0; i < NEON_TILE; i++)
            vst1q_f32(acc + 4 * i,
                      vfmaq_f32(vld1q_f32(acc + 4 * i),
                                neon_tile_scale(&panel->d[b][row],
                                                tokens->scale[b], i, body),
                                vcvtq_f32_s32(scaled[i])));
        if (!body.has_min)
            continue;
        neon_tile_mins(sum, panel, tile, tokens, b, body);
        MOE__UNROLL
        for (int32_t i = 0; i < NEON_TILE; i++)
            vst1q_f32(acc + 4 * i,
                      vfmsq_f32(vld1q_f32(acc + 4 * i),
                                neon_tile_scale(&panel->dmin[b][row],
                                                tokens->scale[b], i, body),
                                vcvtq_f32_s32(sum[i])));
    }
}

/* Blocks of 32: acc = fma(d_w d_x, isum, acc), and with a minimum
 * acc = fma(-(dmin d_x), sum of activations, acc). */
MOE__INLINE void neon_tile_32(const struct neon_panel *panel, int32_t tile,
                              const struct neon_tokens *tokens, float *acc,
                              int32_t n_blocks, struct neon_body body)
{
    const int32_t row = NEON_TILE_ROWS * tile;
    float32x4_t total[NEON_TILE];
    MOE__UNROLL
    for (int32_t i = 0; i < NEON_TILE; i++)
        total[i] = vld1q_f32(acc + 4 * i);
    for (int32_t b = 0; b < n_blocks; b++) {
        int32x4_t sum[NEON_TILE];
        neon_clear_tile(sum);
        MOE__UNROLL
        for (int32_t half = 0; half < 4; half++)
            body.add(sum, panel->q[tile][2 * b + half / 2],
                     tokens->q[2 * b + half / 2], half % 2);
        MOE__UNROLL
        for (int32_t i = 0; i < NEON_TILE; i++) {
            total[i] = vfmaq_f32(
                total[i],
                neon_tile_scale(&panel->d[b][row], tokens->scale[b], i, body),
                vcvtq_f32_s32(sum[i]));
            if (body.has_min)
                total[i] = vfmsq_f32(total[i],
                                     neon_tile_scale(&panel->dmin[b][row],
                                                     tokens->scale[b], i, body),
                                     body.tokens(tokens->sum_32[b], i));
        }
    }
    MOE__UNROLL
    for (int32_t i = 0; i < NEON_TILE; i++)
        vst1q_f32(acc + 4 * i, total[i]);
}

/* The tiles of a tier: name##_tiles [NEON_N_FORMS]. */
#define NEON_TILE_FN(name, form, fn, ...)                                   \
    static void name##_##form(const struct neon_panel *panel, int32_t tile, \
                              const struct neon_tokens *tokens, float *acc, \
                              int32_t n_blocks)                             \
    {                                                                       \
        const struct neon_body body = {__VA_ARGS__};                        \
        fn(panel, tile, tokens, acc, n_blocks, body);                       \
    }
#define NEON_TILES(name, ...)                                               \
    NEON_TILE_FN(name, groups_16, neon_tile_256, __VA_ARGS__, 16, false)    \
    NEON_TILE_FN(name, groups_16_min, neon_tile_256, __VA_ARGS__, 16, true) \
    NEON_TILE_FN(name, groups_32, neon_tile_256, __VA_ARGS__, 32, false)    \
    NEON_TILE_FN(name, groups_32_min, neon_tile_256, __VA_ARGS__, 32, true) \
    NEON_TILE_FN(name, blocks_32, neon_tile_32, __VA_ARGS__, 32, false)     \
    NEON_TILE_FN(name, blocks_32_min, neon_tile_32, __VA_ARGS__, 32, true)
/* ORDER enum neon_form */
#define NEON_TILE_NAMES(name)                                      \
    {name##_groups_16,     name##_groups_16_min, name##_groups_32, \
     name##_groups_32_min, name##_blocks_32,     name##_blocks_32_min}

#endif
