/* avx2_panel_float.c: F32, F16 and BF16 weights for many tokens, AVX2.
 *
 * The 8 lanes of the definition are one register, so a product of a row and a
 * token has one sum for all of k.  A tile has 4 rows and 3 tokens:
 *
 *                  3 tokens
 *             +----+----+----+
 *     4 rows  |    |    |    |     12 sums, 3 registers of activations, 1 of
 *             +----+----+----+     weights: 12 fma for 7 loads
 *
 * Weights are turned into floats 8 rows by 512 columns at a time, side by side:
 * where they lie, rows are often a power of two apart and would drive each
 * other out of the first cache.  Sums wait in scratch between two such panels.
 */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_math.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

#define FLOAT_ROWS 8    /* of a panel */
#define FLOAT_PANELS 2  /* that share activations in the second cache */
#define FLOAT_COLS 512  /* of a panel */
#define FLOAT_TOKENS 96 /* whose sums fit in scratch */
#define TILE_ROWS 4
#define TILE_TOKENS 3
#define TILE_SUMS (TILE_ROWS * TILE_TOKENS)

typedef __m256 weights8_fn(const uint8_t *p);

static __m256 weights8_f32(const uint8_t *p)
{
    return _mm256_castsi256_ps(avx2_load_bytes(p));
}

static __m256 weights8_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static __m256 weights8_bf16(const uint8_t *p)
{
    __m128i h = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

struct float_scratch {
    alignas(64) float w[FLOAT_ROWS][FLOAT_COLS];
    /* Sum TILE_ROWS * t + r of a tile is of its token t and row r. */
    __m256 sum[FLOAT_PANELS * FLOAT_ROWS / TILE_ROWS]
              [FLOAT_TOKENS / TILE_TOKENS][TILE_SUMS];
};
static_assert(sizeof(struct float_scratch) <= MOE__MATMUL_SCRATCH,
              "panel and sums fit");

/* Tokens [begin, end) and up to two panels of rows of a job. */
struct float_part {
    const struct moe__matmul *job;
    struct float_scratch *scratch;
    int32_t elem_bytes;
    int32_t row; /* first */
    int32_t n_rows;
    int32_t begin;
    int32_t end;
    int32_t k; /* first column of the panel */
    int32_t n_cols;
};

/* Rows past the end repeat the last one; columns past the end are 0. */
MOE__INLINE void unpack_floats(const struct float_part *part, int32_t row,
                               weights8_fn *load)
{
    const struct moe__mat *w = part->job->w;
    const size_t bytes = (size_t)part->elem_bytes;
    for (int32_t r = 0; r < FLOAT_ROWS; r++) {
        const int32_t at = moe__min_i32(row + r, part->n_rows - 1);
        const uint8_t *from = w->data +
                              w->row_bytes * (size_t)(part->row + at) +
                              (size_t)part->k * bytes;
        float *to = part->scratch->w[r];
        int32_t k = 0;
        for (; k + 8 <= part->n_cols; k += 8)
            _mm256_store_ps(to + k, load(from + (size_t)k * bytes));
        if (k < part->n_cols) {
            uint8_t last[32] = {0};
            memcpy(last, from + (size_t)k * bytes,
                   (size_t)(part->n_cols - k) * bytes);
            _mm256_store_ps(to + k, load(last));
        }
    }
}

/* The last n < 8 products of a tile: the other lanes keep their sums, whose
 * zero may be negative. */
static void add_last_floats(__m256 sum[TILE_SUMS], const float (*w)[FLOAT_COLS],
                            const float *const x[TILE_TOKENS], int32_t k,
                            int32_t n)
{
    const __m256i first = avx2_first(n);
    for (int32_t t = 0; t < TILE_TOKENS; t++) {
        __m256 xt = _mm256_maskload_ps(x[t] + k, first);
        for (int32_t r = 0; r < TILE_ROWS; r++) {
            __m256 *s = &sum[TILE_ROWS * t + r];
            __m256 wr = _mm256_load_ps(w[r] + k);
            *s = _mm256_blendv_ps(*s, _mm256_fmadd_ps(wr, xt, *s),
                                  _mm256_castsi256_ps(first));
        }
    }
}

static void panel_add_floats(__m256 memory[TILE_SUMS],
                             const float (*w)[FLOAT_COLS],
                             const float *const x[TILE_TOKENS], int32_t n_cols)
{
    __m256 sum[TILE_SUMS], xt[TILE_TOKENS];
    MOE__UNROLL
    for (int32_t i = 0; i < TILE_SUMS; i++)
        sum[i] = memory[i];
    int32_t k = 0;
    for (; k + 8 <= n_cols; k += 8) {
        MOE__UNROLL
        for (int32_t t = 0; t < TILE_TOKENS; t++)
            xt[t] = _mm256_loadu_ps(x[t] + k);
        MOE__UNROLL
        for (int32_t r = 0; r < TILE_ROWS; r++) {
            __m256 wr = _mm256_load_ps(w[r] + k);
            MOE__UNROLL
            for (int32_t t = 0; t < TILE_TOKENS; t++)
                sum[TILE_ROWS * t + r] =
                    _mm256_fmadd_ps(wr, xt[t], sum[TILE_ROWS * t + r]);
        }
    }
    MOE__UNROLL
    for (int32_t i = 0; i < TILE_SUMS; i++)
        memory[i] = sum[i];
    if (k < n_cols)
        add_last_floats(memory, w, x, k, n_cols - k);
}

/* One panel, from row `row` of the part on, times all tokens.  Tokens past the
 * end repeat the last one. */
static void multiply_panel_floats(const struct float_part *part, int32_t row)
{
    const struct moe__matmul *job = part->job;
    struct float_scratch *scratch = part->scratch;
    for (int32_t i = 0; i < moe__ceil_div(part->end - part->begin, TILE_TOKENS);
         i++) {
        const float *x[TILE_TOKENS];
        for (int32_t t = 0; t < TILE_TOKENS; t++) {
            int32_t token =
                moe__min_i32(part->begin + TILE_TOKENS * i + t, part->end - 1);
            size_t at = (size_t)(job->src != NULL ? job->src[token] : token);
            x[t] = job->x->x + at * (size_t)job->x->stride + part->k;
        }
        for (int32_t r = 0; r < FLOAT_ROWS; r += TILE_ROWS)
            panel_add_floats(scratch->sum[(row + r) / TILE_ROWS][i],
                             (const float (*)[FLOAT_COLS])(scratch->w + r), x,
                             part->n_cols);
    }
}

static void store_floats(const struct float_part *part)
{
    for (int32_t token = part->begin; token < part->end; token++) {
        const int32_t i = (token - part->begin) / TILE_TOKENS;
        const int32_t t = (token - part->begin) % TILE_TOKENS;
        float *y = part->job->y + token * part->job->y_stride + part->row;
        for (int32_t row = 0; row < part->n_rows; row += TILE_ROWS) {
            float four[TILE_ROWS];
            _mm_storeu_ps(
                four, avx2_tree_sum4(part->scratch->sum[row / TILE_ROWS][i] +
                                     TILE_ROWS * t));
            for (int32_t r = 0; r < TILE_ROWS && row + r < part->n_rows; r++)
                y[row + r] = moe__canonical(four[r]);
        }
    }
}

MOE__INLINE void multiply_part(struct float_part *part, weights8_fn *load)
{
    const int32_t n_cols = part->job->w->n_cols;
    memset(part->scratch->sum, 0, sizeof part->scratch->sum);
    for (part->k = 0; part->k < n_cols; part->k += FLOAT_COLS) {
        part->n_cols = moe__min_i32(FLOAT_COLS, n_cols - part->k);
        for (int32_t row = 0; row < part->n_rows; row += FLOAT_ROWS) {
            unpack_floats(part, row, load);
            multiply_panel_floats(part, row);
        }
    }
    store_floats(part);
}

MOE__INLINE void multiply_by_floats(const struct moe__matmul *job,
                                    int32_t elem_bytes, weights8_fn *load)
{
    const int32_t most = FLOAT_PANELS * FLOAT_ROWS;
    for (int32_t t = 0; t < job->n_tokens; t += FLOAT_TOKENS)
        for (int32_t row = job->row_begin; row < job->row_end; row += most) {
            struct float_part part = {
                .job = job,
                .scratch = job->scratch,
                .elem_bytes = elem_bytes,
                .row = row,
                .n_rows = moe__min_i32(most, job->row_end - row),
                .begin = t,
                .end = moe__min_i32(job->n_tokens, t + FLOAT_TOKENS),
            };
            multiply_part(&part, load);
        }
}

static void avx2_panel_f32(const struct moe__matmul *job)
{
    multiply_by_floats(job, 4, weights8_f32);
}

static void avx2_panel_f16(const struct moe__matmul *job)
{
    multiply_by_floats(job, 2, weights8_f16);
}

static void avx2_panel_bf16(const struct moe__matmul *job)
{
    multiply_by_floats(job, 2, weights8_bf16);
}

MOE__TARGET_END

void moe__avx2_fill_panel_float(struct moe__kern *kern)
{
    static const struct moe__panel panels[] = {
        {MOE__F32, 16, avx2_panel_f32},
        {MOE__F16, 24, avx2_panel_f16},
        {MOE__BF16, 24, avx2_panel_bf16},
    };
    moe__set_panels(kern, panels, MOE__COUNT(panels));
}

#endif
