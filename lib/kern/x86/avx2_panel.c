/* avx2_panel.c: the frame of products by panels: which panel meets which
 * tokens, in which order, and where the sums are.
 *
 *     for 4 panels of rows
 *         for parts of columns                    the activations of a part
 *             for each panel                      stay in the second cache
 *                 unpack the part                 and this in the first
 *                 for each tile of tokens
 *                     add products
 *         store
 *
 * The sums of all tokens wait in scratch, one line of 64 bytes for each token
 * and panel, and are added to part by part in ascending k, as the definition
 * wants.  What the next part will read is fetched ahead meanwhile: 16 rows are
 * too many streams for the hardware. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_panel.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

#define GROUP_PANELS 4

struct panel_scratch {
    struct avx2_panel panel;
    float acc[GROUP_PANELS][MOE__MATMUL_TOKENS + PANEL_TOKENS][PANEL_ROWS];
    alignas(64) uint8_t packed[MOE__MATMUL_TOKENS * PANEL_PACKED];
};
static_assert(sizeof(struct panel_scratch) <= MOE__MATMUL_SCRATCH,
              "panel, sums and activations fit");

/* The lines of memory that come next, and how far they have been fetched. */
struct panel_ahead {
    const uint8_t *row; /* first */
    uint64_t row_bytes;
    size_t line_bytes; /* of one row's part */
    size_t at;
    int32_t n_rows;
};

static void fetch_ahead(struct panel_ahead *ahead, int32_t n_lines)
{
    for (int32_t i = 0; i < n_lines && ahead->n_rows > 0; i++) {
        _mm_prefetch((const char *)((uintptr_t)ahead->row + ahead->at),
                     _MM_HINT_T1);
        ahead->at += 64;
        if (ahead->at >= ahead->line_bytes) {
            ahead->at = 0;
            ahead->row += ahead->row_bytes;
            ahead->n_rows--;
        }
    }
}

/* The part of a product that one panel does. */
struct panel_part {
    const struct moe__matmul *job;
    const struct avx2_panel_type *type;
    struct panel_scratch *scratch;
    int32_t index; /* of the panel in its group */
    int32_t row;   /* first */
    int32_t n_rows;
    int32_t k; /* first column */
    int32_t n_cols;
};

/* Rows past the end repeat the last one. */
static void unpack_panel(const struct panel_part *part)
{
    const struct avx2_panel_type *type = part->type;
    const struct moe__mat *w = part->job->w;
    const size_t start =
        (size_t)(part->k / type->block_elems) * (size_t)type->block_bytes;
    const int32_t n_blocks = part->n_cols / type->block_elems;
    for (int32_t half = 0; half < PANEL_ROWS / 8; half++) {
        const uint8_t *row[8];
        for (int32_t r = 0; r < 8; r++) {
            int32_t at = moe__min_i32(8 * half + r, part->n_rows - 1);
            row[r] = w->data + w->row_bytes * (size_t)(part->row + at);
        }
        for (int32_t b = 0; b < n_blocks; b++)
            type->unpack(&part->scratch->panel, b, half, row,
                         start + (size_t)b * (size_t)type->block_bytes);
    }
}

/* Where the activations of a token begin for this part. */
static size_t token_at(const struct panel_part *part, int32_t token)
{
    const struct moe__matmul *job = part->job;
    const size_t row = (size_t)(job->src != NULL ? job->src[token] : token);
    return row * (size_t)job->x->stride + (size_t)part->k;
}

/* Behind the last token it is repeated until its tile is full. */
static void pack_tokens(const struct panel_part *part)
{
    const struct avx2_panel_type *type = part->type;
    const int32_t n = part->job->n_tokens;
    const int32_t end = moe__ceil_div(n, type->n_tokens) * type->n_tokens;
    for (int32_t t = 0; t < end; t++)
        type->pack(part->scratch->packed + type->packed_bytes * (size_t)t,
                   part->job->x, token_at(part, moe__min_i32(t, n - 1)),
                   part->n_cols);
}

/* The tile's tokens from t on; past the end the last one is repeated. */
static void set_tokens(struct avx2_tokens *tokens,
                       const struct panel_part *part, int32_t t)
{
    const struct moe__act *x = part->job->x;
    const int32_t shift = x->operand == MOE__OPERAND_A32 ? 5 : 8;
    tokens->acc = part->scratch->acc[part->index] + t;
    if (part->type->pack != NULL) {
        tokens->packed =
            part->scratch->packed + part->type->packed_bytes * (size_t)t;
        return;
    }
    for (int32_t i = 0; i < PANEL_TILE; i++) {
        const size_t at =
            token_at(part, moe__min_i32(t + i, part->job->n_tokens - 1));
        tokens->q[i] = x->q + at;
        tokens->scale[i] = x->scale + (at >> shift);
        tokens->sum[i] = x->sum + at / 16;
    }
}

/* All tokens by tiles.  The sums of a tile's repeated tokens go to lines that
 * nobody reads. */
static void multiply_panel(const struct panel_part *part,
                           struct panel_ahead *ahead)
{
    const struct avx2_panel_type *type = part->type;
    const int32_t n = part->job->n_tokens;
    const int32_t n_blocks = part->n_cols / type->block_elems;
    const int32_t n_tiles = moe__ceil_div(n, type->n_tokens);
    const int32_t n_lines =
        ahead->n_rows * (int32_t)((ahead->line_bytes + 63) / 64);
    const int32_t share = moe__ceil_div(n_lines, n_tiles);
    for (int32_t t = 0; t < n; t += type->n_tokens) {
        struct avx2_tokens tokens;
        set_tokens(&tokens, part, t);
        fetch_ahead(ahead, share);
        type->tile(&part->scratch->panel, &tokens, n_blocks,
                   moe__min_i32(n - t, type->n_tokens));
    }
}

static void store_sums(const struct panel_part *part)
{
    const struct moe__matmul *job = part->job;
    for (int32_t t = 0; t < job->n_tokens; t++) {
        const float *acc = part->scratch->acc[part->index][t];
        float *y = job->y + t * job->y_stride + part->row;
        for (int32_t r = 0; r < part->n_rows; r += 8)
            avx2_store_first(y + r, avx2_canonical(_mm256_load_ps(acc + r)),
                             part->n_rows - r);
    }
}

/* Panel `index` of the group from `first` on; false if there is none. */
static bool find_panel(struct panel_part *part, int32_t first, int32_t index)
{
    part->index = index;
    part->row = first + index * PANEL_ROWS;
    part->n_rows = moe__min_i32(PANEL_ROWS, part->job->row_end - part->row);
    return index < GROUP_PANELS && part->n_rows > 0;
}

/* What is unpacked next: the same columns of the next panel, or the next ones
 * of the first panel; `first` is the group's first row. */
static struct panel_ahead find_ahead(const struct panel_part *part,
                                     int32_t first)
{
    const struct moe__mat *w = part->job->w;
    const size_t elems = (size_t)part->type->block_elems;
    const size_t bytes = (size_t)part->type->block_bytes;
    struct panel_part next = *part;
    if (!find_panel(&next, first, part->index + 1)) {
        find_panel(&next, first, 0);
        next.k += part->type->n_cols;
        if (next.k >= w->n_cols) {
            next.k = 0;
            next.row = first + GROUP_PANELS * PANEL_ROWS;
        }
    }
    if (next.row >= w->n_rows)
        return (struct panel_ahead){.n_rows = 0};
    return (struct panel_ahead){
        .row = w->data + w->row_bytes * (size_t)next.row +
               (size_t)next.k / elems * bytes,
        .row_bytes = w->row_bytes,
        .line_bytes = (size_t)part->type->n_cols / elems * bytes,
        .n_rows = moe__min_i32(PANEL_ROWS, w->n_rows - next.row),
    };
}

static void panel_multiply_group(struct panel_part *part, int32_t first)
{
    const struct moe__matmul *job = part->job;
    const size_t acc_bytes = (size_t)(job->n_tokens + PANEL_TOKENS) *
                             sizeof part->scratch->acc[0][0];
    for (int32_t i = 0; i < GROUP_PANELS; i++)
        memset(part->scratch->acc[i], 0, acc_bytes);
    const int32_t n_cols = job->w->n_cols;
    for (part->k = 0; part->k < n_cols; part->k += part->type->n_cols) {
        part->n_cols = moe__min_i32(part->type->n_cols, n_cols - part->k);
        if (part->type->pack != NULL)
            pack_tokens(part);
        for (int32_t i = 0; find_panel(part, first, i); i++) {
            struct panel_ahead ahead = find_ahead(part, first);
            unpack_panel(part);
            multiply_panel(part, &ahead);
        }
    }
    for (int32_t i = 0; find_panel(part, first, i); i++)
        store_sums(part);
}

void moe__avx2_panel_matmul(const struct moe__matmul *job,
                            const struct avx2_panel_type *type)
{
    struct panel_part part = {
        .job = job, .type = type, .scratch = job->scratch};
    for (int32_t row = job->row_begin; row < job->row_end;
         row += GROUP_PANELS * PANEL_ROWS)
        panel_multiply_group(&part, row);
}

MOE__TARGET_END
#endif
