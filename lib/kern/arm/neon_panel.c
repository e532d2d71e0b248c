/* neon_panel.c: the frame of products by panels: which panel meets which
 * tokens, in which order, and where the sums are.
 *
 * For each panel of rows, columns go by NEON_PANEL_COLS; a part of the panel is
 * unpacked and used for all tokens before the next.  The sums of all tokens
 * stay in scratch, in the form of tiles, and are added to part by part in
 * ascending k, as the definition wants. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_panel.h"

#define NEON_N_TILES (NEON_PANEL_ROWS / NEON_TILE_ROWS)

struct neon_panel_scratch {
    struct neon_panel panel;
    struct neon_tokens tokens;
    float acc[MOE__MATMUL_TOKENS / NEON_TILE_TOKENS][NEON_N_TILES][NEON_TILE]
             [4];
};
static_assert(sizeof(struct neon_panel_scratch) <= MOE__MATMUL_SCRATCH,
              "panel and sums fit");

/* The part of a product that one panel does. */
struct neon_panel_part {
    const struct moe__matmul *job;
    struct neon_panel_type type;
    struct neon_panel_scratch *scratch;
    int32_t row; /* first */
    int32_t n_rows;
    int32_t k; /* first column */
    int32_t n_blocks;
};

/* Four rows at a time; those past the end repeat the last one, as far as tiles
 * go. */
static void neon_unpack_part(const struct neon_panel_part *part)
{
    const struct moe__mat *w = part->job->w;
    struct neon_panel *panel = &part->scratch->panel;
    const size_t block_bytes = (size_t)panel->info->block_bytes;
    const size_t start =
        (size_t)(part->k / panel->info->block_elems) * block_bytes;
    const size_t bytes = (size_t)part->n_blocks * block_bytes;
    const int32_t n_quads = 2 * moe__ceil_div(part->n_rows, NEON_TILE_ROWS);
    for (int32_t quad = 0; quad < n_quads; quad++) {
        const uint8_t *block[NEON_ROWS];
        for (int32_t r = 0; r < NEON_ROWS; r++) {
            const int32_t row =
                part->row + moe__min_i32(4 * quad + r, part->n_rows - 1);
            block[r] = w->data + w->row_bytes * (size_t)row + start;
            /* what the next part will read, or nothing that is mapped */
            for (size_t at = bytes; at < 2 * bytes; at += 64)
                __builtin_prefetch((const void *)((uintptr_t)block[r] + at), 0,
                                   2);
        }
        for (int32_t b = 0; b < part->n_blocks; b++) {
            part->type.unpack(panel, quad, b, block);
            for (int32_t r = 0; r < NEON_ROWS; r++)
                block[r] += block_bytes;
        }
    }
}

/* Four tokens' activations from a part's first column on. */
struct neon_token_columns {
    const int8_t *q[NEON_TILE_TOKENS];
    const float *scale[NEON_TILE_TOKENS];
    const int16_t *sum[NEON_TILE_TOKENS];
};

/* Tokens past the end repeat the last one. */
static struct neon_token_columns
neon_find_columns(const struct neon_panel_part *part, int32_t token)
{
    const struct moe__matmul *job = part->job;
    const struct moe__act *x = job->x;
    struct neon_token_columns columns;
    for (int32_t i = 0; i < NEON_TILE_TOKENS; i++) {
        const int32_t t = moe__min_i32(token + i, job->n_tokens - 1);
        const size_t row = (size_t)(job->src != NULL ? job->src[t] : t);
        const size_t at = row * (size_t)x->stride + (size_t)part->k;
        columns.q[i] = x->q + at;
        columns.sum[i] = x->sum + at / 16;
        columns.scale[i] =
            x->scale + at / (x->operand == MOE__OPERAND_A32 ? 32 : 256);
    }
    return columns;
}

/* Sums of eight groups as bytes: high parts, low parts. */
static int8x16_t neon_split_sums(int16x8_t sum)
{
    return vcombine_s8(vshrn_n_s16(sum, 6),
                       vmovn_s16(vandq_s16(sum, vdupq_n_s16(63))));
}

/* The sums of unit n < 2 of a block of 256, of groups of 16 or of 32. */
static void neon_store_sums(int8_t *unit,
                            const int16_t *const sum[NEON_TILE_TOKENS],
                            int32_t at, bool is_of_32, bool is_paired)
{
    int8x16_t token[NEON_TILE_TOKENS];
    for (int32_t i = 0; i < NEON_TILE_TOKENS; i++) {
        int16x8_t eight = vld1q_s16(sum[i] + at);
        if (is_of_32)
            eight = vpaddq_s16(eight, vld1q_s16(sum[i] + at + 8));
        token[i] = neon_split_sums(eight);
    }
    neon_store_unit(unit, token, is_paired);
}

static void neon_pack_tokens(const struct neon_panel_part *part, int32_t token)
{
    const struct neon_token_columns columns = neon_find_columns(part, token);
    struct neon_tokens *tokens = &part->scratch->tokens;
    const bool is_paired = part->scratch->panel.is_paired;
    const enum neon_form form = part->type.form;
    const int32_t n_units =
        part->n_blocks * part->scratch->panel.info->block_elems / 16;
    for (int32_t unit = 0; unit < n_units; unit++) {
        int8x16_t q[NEON_TILE_TOKENS];
        for (int32_t i = 0; i < NEON_TILE_TOKENS; i++)
            q[i] = vld1q_s8(columns.q[i] + 16 * unit);
        neon_store_unit(tokens->q[unit], q, is_paired);
    }
    for (int32_t b = 0; b < part->n_blocks; b++)
        for (int32_t i = 0; i < NEON_TILE_TOKENS; i++) {
            tokens->scale[b][i] = columns.scale[i][b];
            if (form == NEON_BLOCKS_32_MIN)
                tokens->sum_32[b][i] =
                    (float)(columns.sum[i][2 * b] + columns.sum[i][2 * b + 1]);
        }
    if (form != NEON_GROUPS_16_MIN && form != NEON_GROUPS_32_MIN)
        return;
    const bool is_of_32 = form == NEON_GROUPS_32_MIN;
    for (int32_t b = 0; b < part->n_blocks; b++)
        for (int32_t n = 0; n < (is_of_32 ? 1 : 2); n++)
            neon_store_sums(tokens->sum[2 * b + n], columns.sum, 16 * b + 8 * n,
                            is_of_32, is_paired);
}

/* Sums of rows 4 half .. + 3 of a tile and one token, from its registers. */
static float32x4_t neon_tile_rows(const float tile[NEON_TILE][4], int32_t half,
                                  int32_t token, bool is_paired)
{
    if (!is_paired)
        return vld1q_f32(tile[4 * half + token]);
    const int32_t i = 4 * half + token / 2, lane = 2 * (token % 2);
    return vcombine_f32(vld1_f32(&tile[i][lane]), vld1_f32(&tile[i + 2][lane]));
}

static void neon_store_rows(const struct neon_panel_part *part)
{
    const struct moe__matmul *job = part->job;
    const bool is_paired = part->scratch->panel.is_paired;
    for (int32_t t = 0; t < job->n_tokens; t++) {
        float *y = job->y + t * job->y_stride + part->row;
        for (int32_t r = 0; r < part->n_rows; r += 4)
            neon_store_products(
                y + r,
                neon_tile_rows(part->scratch->acc[t / NEON_TILE_TOKENS]
                                                 [r / NEON_TILE_ROWS],
                               r / 4 % 2, t % NEON_TILE_TOKENS, is_paired),
                part->n_rows - r);
    }
}

/* All columns of one panel. */
static void neon_multiply_panel(struct neon_panel_part *part,
                                const struct neon_tier *tier)
{
    struct neon_panel_scratch *scratch = part->scratch;
    const int32_t n_tokens = part->job->n_tokens;
    const int32_t n_cols = part->job->w->n_cols;
    const int32_t n_tiles = moe__ceil_div(part->n_rows, NEON_TILE_ROWS);
    neon_tile_fn *multiply = tier->tile[part->type.form];
    for (int32_t q = 0; q < moe__ceil_div(n_tokens, NEON_TILE_TOKENS); q++)
        memset(scratch->acc[q], 0, sizeof scratch->acc[q]);
    for (part->k = 0; part->k < n_cols; part->k += NEON_PANEL_COLS) {
        part->n_blocks = moe__min_i32(NEON_PANEL_COLS, n_cols - part->k) /
                         scratch->panel.info->block_elems;
        neon_unpack_part(part);
        for (int32_t t = 0; t < n_tokens; t += NEON_TILE_TOKENS) {
            neon_pack_tokens(part, t);
            for (int32_t tile = 0; tile < n_tiles; tile++)
                multiply(&scratch->panel, tile, &scratch->tokens,
                         scratch->acc[t / NEON_TILE_TOKENS][tile][0],
                         part->n_blocks);
        }
    }
    neon_store_rows(part);
}

void moe__neon_panel_matmul(const struct moe__matmul *job,
                            const struct neon_tier *tier)
{
    struct neon_panel_part part = {.job = job,
                                   .type = moe__neon_panel_type(job->w->type),
                                   .scratch = job->scratch};
    part.scratch->panel.info = moe__type_info(job->w->type);
    part.scratch->panel.is_paired = tier->is_paired;
    for (part.row = job->row_begin; part.row < job->row_end;
         part.row += NEON_PANEL_ROWS) {
        part.n_rows = moe__min_i32(NEON_PANEL_ROWS, job->row_end - part.row);
        neon_multiply_panel(&part, tier);
    }
}

void moe__neon_set_panels(struct moe__kern *kern, moe__matmul_fn *multiply)
{
    for (int32_t t = 0; t < MOE__N_TYPES; t++) {
        const struct moe__type_info *info = moe__type_info(t);
        if (info == NULL || info->expand == NULL ||
            info->operand == MOE__OPERAND_NONE)
            continue;
        kern->panel[t] = multiply;
        kern->panel_from[t] = NEON_TILE_TOKENS;
    }
    kern->piece_tokens = 64;
}

#endif
