/* avx2_attn.c: scalar_attn.c in eight lanes, AVX2.
 *
 * A row is one query head of one token.  The rows of a job share their keys and
 * values, so they go through a tile of 64 positions together, up to 64 of them:
 *
 *     scores    q . k: 3 rows x 4 keys in 12 registers of 8 lanes along d, 7
 *               loads for 12 fma; then 12 trees
 *     weights   exp(score - max), row by row, 8 positions at once
 *     values    acc += p v: 3 rows x 32 dimensions in 12 registers, the
 *               positions one by one, 7 loads for 12 fma
 *
 *                     positions of the tile ->
 *     row 0 (token 0)  . . x x x x x x .      Rows see different parts.  Scores
 *     row 1 (token 0)  . . x x x x x x .      are computed from the first x of
 *     row 2 (token 1)  . . . x x x x x x      three rows to the last; values
 * are added together where all have an x, the edges one by one.
 *
 * Many rows have the stored numbers turned into floats once, in pieces that fit
 * the cache beside the rest; few rows convert as they load.  Head sizes that
 * are no multiple of 8 are left to the scalar code. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_math.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

#define MAX_ROWS 64 /* whose scores take 18 KiB of the stack */
#define MAX_GROUP 4
#define KEYS 4 /* that are multiplied at once */
#define P_STRIDE (MOE__TILE + 8)
#define PIECE 32 /* dimensions of the values that are added at once */
/* Converted keys or values, 16 KiB: half of the first cache. */
#define STAGE 4096
/* From here on converting once is worth writing and reading it again. */
#define STAGE_FROM 6

/* Eight elements of a stored row, from element i on, a multiple of 8. */
typedef __m256 kv_load8_fn(const uint8_t *row, ptrdiff_t i);

MOE__INLINE __m256 kv_load8_f32(const uint8_t *row, ptrdiff_t i)
{
    return _mm256_castsi256_ps(avx2_load_bytes(row + 4 * i));
}

MOE__INLINE __m256 kv_load8_f16(const uint8_t *row, ptrdiff_t i)
{
    const void *at = row + 2 * i;
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

MOE__INLINE __m256 kv_load8_q8_0(const uint8_t *row, ptrdiff_t i)
{
    const uint8_t *block = row + i / 32 * 34;
    const void *at = block + 2 + i % 32;
    __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)at));
    __m128i d = _mm_cvtsi32_si128(moe__load_u16(block));
    return _mm256_mul_ps(_mm256_broadcastss_ps(_mm_cvtph_ps(d)),
                         _mm256_cvtepi32_ps(q));
}

/* A part of a tile's keys or values, as stored or as floats: positions
 * [begin, end) and dimensions [d, d_end). */
struct kv_part {
    const uint8_t *data; /* row of position `begin` */
    size_t row_bytes;
    int32_t begin;
    int32_t end;
    int32_t d;
    int32_t d_end;
    int32_t base; /* the dimension that rows begin with */
};

MOE__INLINE const uint8_t *kv_row_at(const struct kv_part *part, int32_t pos)
{
    return part->data + (size_t)(pos - part->begin) * part->row_bytes;
}

/* Some rows of a job over one tile, of which each sees something. */
struct tile_rows {
    const struct moe__attn *job;
    const uint8_t *k; /* [MOE__TILE, d_head] of the KV type */
    const uint8_t *v;
    size_t row_bytes;
    int32_t first; /* row of the job: token * n_q + head */
    int32_t n;
    bool is_staged; /* keys and values are converted once for all rows, which
                       see different parts; else all see the same */
    int32_t begin[MAX_ROWS]; /* visible positions in the tile; ascending */
    int32_t end[MAX_ROWS];
    const float *q[MAX_ROWS];
    float base[MAX_ROWS];                   /* that is subtracted from scores */
    alignas(32) float correction[MAX_ROWS]; /* of what was added before */
    /* Scores, then weights.  Keys are taken KEYS at a time: some of the last
     * ones are past the end. */
    alignas(32) float p[MAX_ROWS][P_STRIDE];
    alignas(32) float stage[STAGE];
};

/* Turns a part into floats. */
MOE__INLINE void stage_part(float *stage, struct kv_part *part,
                            kv_load8_fn *load)
{
    const int32_t n = part->d_end - part->d;
    float *x = stage;
    for (int32_t pos = part->begin; pos < part->end; pos++, x += n) {
        const uint8_t *row = kv_row_at(part, pos);
        for (int32_t i = 0; i < n; i += 8)
            _mm256_store_ps(x + i, load(row, part->d + i));
    }
    part->data = (const uint8_t *)stage;
    part->row_bytes = (size_t)n * sizeof *stage;
    part->base = part->d;
}

/* How many of the rows that are left go together. */
MOE__INLINE int32_t group_size(int32_t n_left)
{
    return n_left == MAX_GROUP ? MAX_GROUP : moe__min_i32(n_left, 3);
}

/* ---------------------------------------------------------------- scores */

/* moe__tree_sum of four registers.  Each step adds the halves of two registers
 * a and b at once, as  a0 b1 + a1 b0  with one blend and one shuffle: which of
 * the terms comes first does not matter. */
MOE__INLINE __m128 fold_scores(const __m256 v[KEYS])
{
    __m256d fold[2]; /* keys 0 | 2, keys 1 | 3 */
    AVX2_UNROLL
    for (int32_t i = 0; i < 2; i++)
        fold[i] = _mm256_castps_pd(
            _mm256_add_ps(_mm256_blend_ps(v[i], v[i + 2], 0xf0),
                          _mm256_permute2f128_ps(v[i], v[i + 2], 0x21)));
    __m256 two = /* lanes of each key: 0 0 1 1 | 2 2 3 3 */
        _mm256_add_ps(
            _mm256_castpd_ps(_mm256_blend_pd(fold[0], fold[1], 0xa)),
            _mm256_castpd_ps(_mm256_shuffle_pd(fold[0], fold[1], 0x5)));
    __m128 low = _mm256_castps256_ps128(two);
    __m128 high = _mm256_extractf128_ps(two, 1);
    return _mm_add_ps(_mm_shuffle_ps(low, high, 0x88),
                      _mm_shuffle_ps(low, high, 0xdd));
}

/* Scores of the keys from `key` on, of which n_left are there, for n rows from
 * i on: at most 12 sums.  Behind the end the last key is taken again: nothing
 * else is known to be there. */
MOE__INLINE void score_keys(struct tile_rows *tile, int32_t i, int32_t n,
                            const uint8_t *key, size_t row_bytes,
                            int32_t n_left, float *p, kv_load8_fn *load)
{
    const int32_t n_keys = n == MAX_GROUP ? KEYS / 2 : KEYS;
    const ptrdiff_t d_head = tile->job->d_head;
    const uint8_t *k[KEYS] = {key};
    __m256 sum[12], q[MAX_GROUP];
    AVX2_UNROLL
    for (int32_t r = 1; r < n_keys; r++)
        k[r] = k[r - 1] + (r < n_left ? row_bytes : 0);
    AVX2_UNROLL
    for (int32_t r = 0; r < n * n_keys; r++)
        sum[r] = _mm256_setzero_ps();
    for (ptrdiff_t d = 0; d < d_head; d += 8) {
        AVX2_UNROLL
        for (int32_t j = 0; j < n; j++)
            q[j] = _mm256_loadu_ps(tile->q[i + j] + d);
        AVX2_UNROLL
        for (int32_t r = 0; r < n_keys; r++) {
            __m256 x = load(k[r], d);
            AVX2_UNROLL
            for (int32_t j = 0; j < n; j++)
                sum[j * n_keys + r] =
                    _mm256_fmadd_ps(q[j], x, sum[j * n_keys + r]);
        }
    }
    AVX2_UNROLL
    for (int32_t j = 0; j < n; j += KEYS / n_keys) {
        __m128 s = fold_scores(sum + j * n_keys);
        if (n_keys == KEYS) {
            _mm_storeu_ps(p + j * P_STRIDE, s);
        } else {
            _mm_storel_pi((__m64 *)(void *)(p + j * P_STRIDE), s);
            _mm_storeh_pi((__m64 *)(void *)(p + (j + 1) * P_STRIDE), s);
        }
    }
}

MOE__INLINE void score_group(struct tile_rows *tile, const struct kv_part *keys,
                             int32_t i, int32_t n, kv_load8_fn *load)
{
    const int32_t n_keys = n == MAX_GROUP ? KEYS / 2 : KEYS;
    const int32_t begin = moe__max_i32(tile->begin[i], keys->begin);
    const int32_t end = moe__min_i32(tile->end[i + n - 1], keys->end);
    const size_t row_bytes = keys->row_bytes;
    const uint8_t *key = kv_row_at(keys, begin);
    float *p = tile->p[i] + begin;
    for (int32_t n_left = end - begin; n_left > 0; n_left -= n_keys) {
        score_keys(tile, i, n, key, row_bytes, n_left, p, load);
        key += (size_t)n_keys * row_bytes;
        p += n_keys;
    }
}

MOE__INLINE void score_part(struct tile_rows *tile, const struct kv_part *keys,
                            kv_load8_fn *load)
{
    for (int32_t i = 0; i < tile->n;) {
        int32_t n = group_size(tile->n - i);
        if (n == 4)
            score_group(tile, keys, i, 4, load);
        else if (n == 3)
            score_group(tile, keys, i, 3, load);
        else if (n == 2)
            score_group(tile, keys, i, 2, load);
        else
            score_group(tile, keys, i, 1, load);
        i += n;
    }
}

static void score_staged(struct tile_rows *tile, const struct kv_part *keys)
{
    score_part(tile, keys, kv_load8_f32);
}

MOE__INLINE void score_tile(struct tile_rows *tile, kv_load8_fn *load)
{
    const int32_t d_head = tile->job->d_head, end = tile->end[tile->n - 1];
    const int32_t step =
        tile->is_staged ? STAGE / d_head / KEYS * KEYS : MOE__TILE;
    for (int32_t pos = tile->begin[0]; pos < end; pos += step) {
        struct kv_part keys = {
            .data = tile->k + (size_t)pos * tile->row_bytes,
            .row_bytes = tile->row_bytes,
            .begin = pos,
            .end = moe__min_i32(pos + step, end),
            .d_end = d_head,
        };
        if (tile->is_staged) {
            stage_part(tile->stage, &keys, load);
            score_staged(tile, &keys);
        } else {
            score_part(tile, &keys, load);
        }
    }
}

/* --------------------------------------------------------------- weights */

/* moe__expf for x <= 0, but for which NaN it is.  vmaxps returns its second
 * operand if one is NaN. */
MOE__INLINE __m256 exp_below_0(__m256 x)
{
    __m256 r;
    __m256i biased_n;
    x = _mm256_max_ps(_mm256_set1_ps(MOE__EXP_MIN), x);
    __m256 t = avx2_exp_reduce(x, &r, &biased_n);
    return avx2_exp_scale(_mm256_fmadd_ps(t, r, _mm256_set1_ps(1.0f)),
                          biased_n);
}

/* Scores of row i at positions at .. at + 7, -infinity where it sees none. */
MOE__INLINE __m256 visible_scores(const struct tile_rows *tile, int32_t i,
                                  int32_t at)
{
    const struct moe__attn *job = tile->job;
    __m256 s = _mm256_mul_ps(_mm256_load_ps(tile->p[i] + at),
                             _mm256_set1_ps(job->scale));
    if (job->softcap > 0) {
        __m256 cap = _mm256_set1_ps(job->softcap);
        s = _mm256_mul_ps(cap, avx2_tanh(_mm256_div_ps(s, cap)));
    }
    if (at >= tile->begin[i] && at + 8 <= tile->end[i])
        return s;
    __m256i visible = _mm256_andnot_si256(avx2_first(tile->begin[i] - at),
                                          avx2_first(tile->end[i] - at));
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s,
                            _mm256_castsi256_ps(visible));
}

/* Final scores of row i and their maximum: what to subtract from them, and how
 * far the maximum has risen. */
static void find_base(struct tile_rows *tile, int32_t i)
{
    float *max = tile->job->max + tile->first + i, old_max = *max;
    __m256 top = _mm256_set1_ps(old_max);
    for (int32_t at = tile->begin[i] / 8 * 8; at < tile->end[i]; at += 8) {
        __m256 s = visible_scores(tile, i, at);
        top = _mm256_max_ps(s, top); /* passes over NaN */
        _mm256_store_ps(tile->p[i] + at, s);
    }
    *max = avx2_max_lane(top) + 0.0f;
    tile->base[i] = moe__softmax_base(*max);
    tile->correction[i] = old_max - tile->base[i];
}

/* Scores of row i to weights exp(score - base), and their sum. */
static void weigh_scores(struct tile_rows *tile, int32_t i)
{
    float *sum = tile->job->sum + tile->first + i;
    const __m256 base = _mm256_set1_ps(tile->base[i]);
    __m256 lanes = _mm256_setzero_ps();
    for (int32_t at = tile->begin[i] / 8 * 8; at < tile->end[i]; at += 8) {
        __m256 s = _mm256_load_ps(tile->p[i] + at);
        s = exp_below_0(_mm256_sub_ps(s, base));
        lanes = _mm256_add_ps(lanes, s);
        _mm256_store_ps(tile->p[i] + at, s);
    }
    *sum = fmaf(*sum, tile->correction[i], avx2_tree_sum(lanes));
}

/* acc = acc * correction; mostly it is 1. */
static void correct_acc(const struct tile_rows *tile, int32_t i)
{
    const int32_t d_head = tile->job->d_head;
    float *acc = tile->job->acc + (size_t)(tile->first + i) * (size_t)d_head;
    if (tile->correction[i] == 1)
        return;
    for (int32_t d = 0; d < d_head; d += 8)
        _mm256_storeu_ps(acc + d,
                         _mm256_mul_ps(_mm256_loadu_ps(acc + d),
                                       _mm256_set1_ps(tile->correction[i])));
}

/* Step by step for all rows, so that they overlap. */
static void weigh_tile(struct tile_rows *tile)
{
    for (int32_t i = 0; i < tile->n; i++)
        find_base(tile, i);
    for (int32_t i = 0; i < tile->n; i += 8) {
        __m256 rise = _mm256_load_ps(tile->correction + i);
        _mm256_store_ps(tile->correction + i, exp_below_0(rise));
    }
    for (int32_t i = 0; i < tile->n; i++)
        weigh_scores(tile, i);
    for (int32_t i = 0; i < tile->n; i++)
        correct_acc(tile, i);
}

/* ---------------------------------------------------------------- values */

/* Rows from `first` on over positions [begin, end), from dimension d on. */
struct value_rows {
    int32_t first;
    int32_t begin;
    int32_t end;
    int32_t d;
};

/* acc += p v for n rows and 8 n_v dimensions. */
MOE__INLINE void add_values_at(const struct tile_rows *tile,
                               const struct kv_part *values,
                               struct value_rows at, int32_t n, int32_t n_v,
                               kv_load8_fn *load)
{
    const ptrdiff_t d_head = tile->job->d_head, from = at.d - values->base;
    const size_t row_bytes = values->row_bytes;
    const uint8_t *row = kv_row_at(values, at.begin);
    const float *weight = tile->p[at.first] + at.begin;
    const float *weight_end = tile->p[at.first] + at.end;
    float *acc = tile->job->acc + (tile->first + at.first) * d_head + at.d;
    __m256 sum[MAX_GROUP][4], p[MAX_GROUP];
    AVX2_UNROLL
    for (int32_t r = 0; r < n; r++) {
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++)
            sum[r][j] = _mm256_loadu_ps(acc + r * d_head + 8 * j);
    }
    for (; weight < weight_end; weight++, row += row_bytes) {
        AVX2_UNROLL
        for (int32_t r = 0; r < n; r++)
            p[r] = _mm256_broadcast_ss(weight + r * P_STRIDE);
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++) {
            __m256 v = load(row, from + 8 * j);
            AVX2_UNROLL
            for (int32_t r = 0; r < n; r++)
                sum[r][j] = _mm256_fmadd_ps(p[r], v, sum[r][j]);
        }
    }
    AVX2_UNROLL
    for (int32_t r = 0; r < n; r++) {
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++)
            _mm256_storeu_ps(acc + r * d_head + 8 * j, sum[r][j]);
    }
}

/* All dimensions of a part for n rows, a constant: at most 12 sums. */
MOE__INLINE void add_rows(const struct tile_rows *tile,
                          const struct kv_part *values, struct value_rows at,
                          int32_t n, kv_load8_fn *load)
{
    const int32_t n_v = n == MAX_GROUP ? 2 : 4;
    for (; at.d + 8 * n_v <= values->d_end; at.d += 8 * n_v)
        add_values_at(tile, values, at, n, n_v, load);
    for (; at.d < values->d_end; at.d += 8)
        add_values_at(tile, values, at, n, 1, load);
}

static void add_row(const struct tile_rows *tile, const struct kv_part *values,
                    int32_t i, int32_t begin, int32_t end)
{
    const struct value_rows at = {i, begin, end, values->d};
    if (begin < end)
        add_rows(tile, values, at, 1, kv_load8_f32);
}

/* n rows from i on.  The positions that all of them see lie in [begin, end),
 * which may be empty; what a row sees before and behind that is its own. */
MOE__INLINE void add_group(const struct tile_rows *tile,
                           const struct kv_part *values, int32_t i, int32_t n,
                           kv_load8_fn *load)
{
    const int32_t *row_begin = tile->begin + i, *row_end = tile->end + i;
    const int32_t begin = row_begin[n - 1];
    const int32_t end = moe__max_i32(row_end[0], begin);
    const struct value_rows at = {i, begin, end, values->d};
    if (tile->is_staged && row_begin[0] < begin)
        for (int32_t r = 0; r < n; r++)
            add_row(tile, values, i + r, row_begin[r],
                    moe__min_i32(row_end[r], begin));
    add_rows(tile, values, at, n, load);
    if (tile->is_staged && row_end[n - 1] > end)
        for (int32_t r = 0; r < n; r++)
            add_row(tile, values, i + r, end, row_end[r]);
}

/* Whether all n rows from i on see the same positions. */
MOE__INLINE bool sees_the_same(const struct tile_rows *tile, int32_t i,
                               int32_t n)
{
    return tile->begin[i] == tile->begin[i + n - 1] &&
           tile->end[i] == tile->end[i + n - 1];
}

MOE__INLINE void add_part(const struct tile_rows *tile,
                          const struct kv_part *values, kv_load8_fn *load)
{
    for (int32_t i = 0, n; i < tile->n; i += n) {
        n = group_size(tile->n - i);
        if (!tile->is_staged && !sees_the_same(tile, i, n))
            n = 1;
        if (n == 4)
            add_group(tile, values, i, 4, load);
        else if (n == 3)
            add_group(tile, values, i, 3, load);
        else if (n == 2)
            add_group(tile, values, i, 2, load);
        else
            add_group(tile, values, i, 1, load);
    }
}

static void add_staged(const struct tile_rows *tile,
                       const struct kv_part *values)
{
    add_part(tile, values, kv_load8_f32);
}

MOE__INLINE void add_values(struct tile_rows *tile, kv_load8_fn *load)
{
    const int32_t d_head = tile->job->d_head;
    for (int32_t d = 0; d < d_head; d += PIECE) {
        struct kv_part values = {
            .data = tile->v + (size_t)tile->begin[0] * tile->row_bytes,
            .row_bytes = tile->row_bytes,
            .begin = tile->begin[0],
            .end = tile->end[tile->n - 1],
            .d = d,
            .d_end = moe__min_i32(d + PIECE, d_head),
        };
        if (tile->is_staged) {
            stage_part(tile->stage, &values, load);
            add_staged(tile, &values);
        } else {
            add_part(tile, &values, load);
        }
    }
}

/* ------------------------------------------------------------------ spans */

/* Up to MAX_ROWS rows from `first` to end - 1 of the job over the tile that
 * starts at position `start` of the span. */
MOE__INLINE void attend_rows(struct tile_rows *tile, int32_t start,
                             int32_t first, int32_t end, kv_load8_fn *load)
{
    const struct moe__attn *job = tile->job;
    tile->first = first;
    tile->n = moe__min_i32(end - first, MAX_ROWS);
    tile->is_staged = tile->n >= STAGE_FROM;
    for (int32_t i = 0; i < tile->n; i++) {
        const int32_t token = (first + i) / job->n_q;
        const int32_t head = (first + i) % job->n_q;
        const int32_t behind = moe__min_i32(job->end + token, MOE__SPAN);
        tile->q[i] =
            job->q + token * job->q_stride + (size_t)head * (size_t)job->d_head;
        tile->begin[i] =
            moe__max_i32(job->begin + token * job->begin_step - start, 0);
        tile->end[i] = moe__min_i32(behind - start, MOE__TILE);
    }
    score_tile(tile, load);
    weigh_tile(tile);
    add_values(tile, load);
}

/* The tokens [begin, end) are those that see some of a tile. */
MOE__INLINE void attend_tiles(const struct moe__attn *job, size_t row_bytes,
                              kv_load8_fn *load)
{
    struct tile_rows tile;
    const int32_t n = job->n_tokens;
    const int32_t last = moe__min_i32(job->end + n - 1, MOE__SPAN);
    tile.job = job;
    tile.row_bytes = row_bytes;
    for (int32_t t = moe__max_i32(job->begin, 0) / MOE__TILE;
         t * MOE__TILE < last; t++) {
        const int32_t start = t * MOE__TILE;
        const int32_t begin = moe__max_i32(start + 1 - job->end, 0);
        const int32_t end =
            job->begin_step == 0
                ? n
                : moe__min_i32(start + MOE__TILE - job->begin, n);
        tile.k = job->k[t];
        tile.v = job->v[t];
        for (int32_t i = begin * job->n_q; i < end * job->n_q; i += MAX_ROWS)
            attend_rows(&tile, start, i, end * job->n_q, load);
    }
}

static void start_span(const struct moe__attn *job)
{
    const int32_t n = job->n_tokens * job->n_q;
    for (int32_t i = 0; i < n; i++) {
        job->max[i] = -INFINITY;
        job->sum[i] = 0;
    }
    memset(job->acc, 0, (size_t)n * (size_t)job->d_head * sizeof *job->acc);
}

static void end_span(const struct moe__attn *job)
{
    const size_t n = (size_t)job->n_tokens * (size_t)job->n_q;
    for (size_t i = 0; i < n; i++)
        job->sum[i] = moe__canonical(job->sum[i]);
    for (size_t i = 0; i < n * (size_t)job->d_head; i += 8)
        _mm256_storeu_ps(job->acc + i,
                         avx2_canonical(_mm256_loadu_ps(job->acc + i)));
}

MOE__INLINE void avx2_attend(const struct moe__attn *job, enum moe__kv type,
                             size_t row_bytes, kv_load8_fn *load)
{
    if (job->d_head % 8 != 0 || job->d_head > STAGE / KEYS) {
        moe__scalar_attend(job, type);
        return;
    }
    start_span(job);
    attend_tiles(job, row_bytes, load);
    end_span(job);
}

static void avx2_attend_f32(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_F32, 4 * (size_t)job->d_head, kv_load8_f32);
}

static void avx2_attend_f16(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_F16, 2 * (size_t)job->d_head, kv_load8_f16);
}

static void avx2_attend_q8_0(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_Q8_0, 34 * (size_t)(job->d_head / 32),
                kv_load8_q8_0);
}

static void avx2_attend_merge(float *y, const float *max, const float *sum,
                              int64_t stride, const float *acc,
                              int64_t acc_stride, int32_t n_spans,
                              int32_t d_head)
{
    float total = 0, top = -INFINITY;
    memset(y, 0, (size_t)d_head * sizeof *y);
    for (int32_t s = 0; s < n_spans; s++) {
        struct moe__merge merge =
            moe__merge_span(&top, &total, max[s * stride], sum[s * stride]);
        for (int32_t i = 0; i < d_head; i += 8) {
            __m256i mask = avx2_first(d_head - i);
            __m256 old = _mm256_mul_ps(_mm256_maskload_ps(y + i, mask),
                                       _mm256_set1_ps(merge.keep));
            __m256 span = _mm256_maskload_ps(acc + s * acc_stride + i, mask);
            span = _mm256_fmadd_ps(span, _mm256_set1_ps(merge.share), old);
            avx2_store_first(y + i, span, d_head - i);
        }
    }
    for (int32_t i = 0; i < d_head; i += 8) {
        __m256 v = _mm256_maskload_ps(y + i, avx2_first(d_head - i));
        v = _mm256_div_ps(v, _mm256_set1_ps(total));
        avx2_store_first(y + i, avx2_canonical(v), d_head - i);
    }
}

MOE__TARGET_END

void moe__avx2_fill_attn(struct moe__kern *kern)
{
    kern->attend[MOE__KV_F32] = avx2_attend_f32;
    kern->attend[MOE__KV_F16] = avx2_attend_f16;
    kern->attend[MOE__KV_Q8_0] = avx2_attend_q8_0;
    kern->attend_merge = avx2_attend_merge;
}

#endif
