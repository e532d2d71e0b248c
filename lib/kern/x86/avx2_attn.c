/* avx2_attn.c: scalar_attn.c in eight lanes, AVX2.
 *
 * A row is one query head of one token.  All rows of a job share their keys and
 * values, so up to 64 of them go through a tile of 64 positions together, in
 * groups of up to four.  Of three rows:
 *
 *     scores   q . k                      values   acc += p v
 *              key 0   1   2   3                   d .. d + 31, 4 registers
 *     row 0    sum sum sum sum            row 0    sum sum sum sum
 *     row 1    sum sum sum sum            row 1    sum sum sum sum
 *     row 2    sum sum sum sum            row 2    sum sum sum sum
 *
 *     for each 8 of d: load 3 q, 4 k;     for each position: load 3 p, 4 v;
 *     12 fma; at the end 12 trees         12 fma
 *
 * Four rows take three keys, or three registers of a value.
 *
 * Between them scores become weights, 8 positions at once.  Rows of different
 * tokens see different parts of a tile:
 *
 *                  positions ->
 *     token 0      . . x x x x x x .      Scores are computed from the first x
 *     token 0      . . x x x x x x .      of a group to its last, the dots
 *     token 1      . . . x x x x x x      become -infinity; in such a group
 *                                         values are added row by row.
 *
 * Few rows would wait for the memory.  So the scores of the first ask for the
 * values of their positions, and values for the keys of the next tile.
 *
 * Stored numbers become floats as they are loaded; q8_0, where that takes long,
 * is converted once for many rows.  Head sizes that are no multiple of 8, or
 * above STAGE, are left to the scalar code. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_math.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

#define MAX_ROWS 64 /* whose scores take 18 KiB of the stack */
#define MAX_GROUP 4
#define MAX_SUMS 12 /* registers; with operands at most 16 */
/* Keys are taken up to 8 at once: some of the last ones are past the end. */
#define P_STRIDE (MOE__TILE + 8)
/* Converted keys or values: 16 KiB, half of the first cache, hold 64 dimensions
 * of all values of a tile. */
#define STAGE 4096
#define PIECE (STAGE / MOE__TILE)
#define CACHE_LINE 64

/* Eight elements of a stored row, from element i on, a multiple of 8. */
typedef __m256 kv_load8_fn(const uint8_t *row, ptrdiff_t i);

struct avx2_kv {
    kv_load8_fn *load;
    int32_t block_bytes; /* of 32 elements */
    int32_t stage_from;  /* rows that pay for converting once; 0: never */
};

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

static const struct avx2_kv avx2_kv_f32 = {kv_load8_f32, 128, 0};
static const struct avx2_kv avx2_kv_f16 = {kv_load8_f16, 64, 0};
static const struct avx2_kv avx2_kv_q8_0 = {kv_load8_q8_0, 34, 6};

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

/* Some rows of a job over one tile, of which each sees something. */
struct tile_rows {
    const struct moe__attn *job;
    const uint8_t *k; /* [MOE__TILE, d_head] of the KV type */
    const uint8_t *v;
    const uint8_t *next_k; /* of the next tile */
    size_t row_bytes;
    ptrdiff_t octet_bytes; /* of 8 dimensions of a row, or a little less */
    int32_t first;         /* row of the job: token * n_q + head */
    int32_t n;
    int32_t begin[MAX_ROWS]; /* visible positions in the tile; ascending */
    int32_t end[MAX_ROWS];
    const float *q[MAX_ROWS];
    float base[MAX_ROWS];                    /* that scores are lowered by */
    alignas(32) float correction[MAX_ROWS];  /* of what was added before */
    alignas(32) float p[MAX_ROWS][P_STRIDE]; /* scores, then weights */
    alignas(32) float stage[STAGE];
};

MOE__INLINE bool is_staged(const struct tile_rows *tile,
                           const struct avx2_kv *form)
{
    return form->stage_from != 0 && tile->n >= form->stage_from;
}

/* Turns a part into floats. */
MOE__INLINE void stage_part(float *stage, struct kv_part *part,
                            kv_load8_fn *load)
{
    const int32_t n = part->d_end - part->d;
    const uint8_t *row = part->data;
    float *x = stage;
    for (int32_t pos = part->begin; pos < part->end; pos++) {
        for (int32_t i = 0; i < n; i += 8)
            _mm256_store_ps(x + i, load(row, part->d + i));
        row += part->row_bytes;
        x += n;
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

/* Keys, or registers of a value, that n rows meet at once: 8 sums hide the
 * latency of fma, 12 are faster still. */
MOE__INLINE int32_t group_width(int32_t n)
{
    return n == 1 ? 8 : n == MAX_GROUP ? 3 : 4;
}

/* Product `at` of n rows by m: all of the shorter side's operands are held in
 * registers, the others come one by one.  4 rows by 3 take all 16 registers,
 * and a fence keeps the fourth operand from coming early. */
MOE__INLINE int32_t row_of(int32_t at, int32_t n, int32_t m)
{
    return n < m ? at % n : at / m;
}

MOE__INLINE int32_t col_of(int32_t at, int32_t n, int32_t m)
{
    return n < m ? at / n : at % m;
}

/* ---------------------------------------------------------------- scores */

/* a0 b1 + a1 b0 for the halves 0 | 1 of a and b: two registers are folded with
 * one blend and one shuffle; which of the terms comes first does not matter. */
MOE__INLINE __m256 fold_halves(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_blend_ps(a, b, 0xf0),
                         _mm256_permute2f128_ps(a, b, 0x21));
}

/* The same for the halves of both lanes. */
MOE__INLINE __m256 fold_quarters(__m256 a, __m256 b)
{
    __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_blend_pd(x, y, 0xa)),
                         _mm256_castpd_ps(_mm256_shuffle_pd(x, y, 0x5)));
}

/* moe__tree_sum of eight registers. */
MOE__INLINE __m256 fold_eight(const __m256 v[8])
{
    __m256 low =
        fold_quarters(fold_halves(v[0], v[4]), fold_halves(v[1], v[5]));
    __m256 high =
        fold_quarters(fold_halves(v[2], v[6]), fold_halves(v[3], v[7]));
    return _mm256_add_ps(_mm256_shuffle_ps(low, high, 0x88),
                         _mm256_shuffle_ps(low, high, 0xdd));
}

/* moe__tree_sum of four. */
MOE__INLINE __m128 fold_four(const __m256 v[4])
{
    __m256 two =
        fold_quarters(fold_halves(v[0], v[2]), fold_halves(v[1], v[3]));
    __m128 low = _mm256_castps256_ps128(two);
    __m128 high = _mm256_extractf128_ps(two, 1);
    return _mm_add_ps(_mm_shuffle_ps(low, high, 0x88),
                      _mm_shuffle_ps(low, high, 0xdd));
}

/* Floats i .. i + 3 of a and b, one behind the other. */
MOE__INLINE __m128 take_four(__m128 a, __m128 b, int32_t i)
{
    __m128i x = _mm_castps_si128(a), y = _mm_castps_si128(b);
    return _mm_castsi128_ps(i == 1   ? _mm_alignr_epi8(y, x, 4)
                            : i == 2 ? _mm_alignr_epi8(y, x, 8)
                                     : _mm_alignr_epi8(y, x, 12));
}

/* The sums of n rows by `width`, to their places in p.  Of rows of three a
 * fourth number is stored, too, where the next keys' come later. */
MOE__INLINE void store_scores(float *p, const __m256 *sum, int32_t n,
                              int32_t width)
{
    __m256 eight = fold_eight(sum);
    __m128 a = _mm256_castps256_ps128(eight);
    __m128 b = _mm256_extractf128_ps(eight, 1);
    __m128 c = n * width > 8 ? fold_four(sum + 8) : b;
    if (width == 3) {
        _mm_storeu_ps(p, a);
        _mm_storeu_ps(p + P_STRIDE, take_four(a, b, 3));
        _mm_storeu_ps(p + 2 * P_STRIDE, take_four(b, c, 2));
        _mm_storeu_ps(p + 3 * P_STRIDE, take_four(c, c, 1));
        return;
    }
    _mm_storeu_ps(p, a);
    _mm_storeu_ps(p + (n > 1 ? P_STRIDE : 4), b);
    if (n > 2)
        _mm_storeu_ps(p + 2 * P_STRIDE, c);
}

/* p [n, P_STRIDE] = scores of the first keys of a part for n rows from i on.
 * Behind its end the last key is taken again: nothing else is known to be
 * there. */
MOE__INLINE void score_keys(const struct tile_rows *tile, int32_t i, int32_t n,
                            const struct kv_part *keys, float *p,
                            kv_load8_fn *load)
{
    const int32_t width = group_width(n);
    const ptrdiff_t d_head = keys->d_end;
    const uint8_t *key[8] = {keys->data};
    __m256 sum[MAX_SUMS], q[MAX_GROUP], k[8];
    MOE__UNROLL
    for (int32_t r = 1; r < width; r++)
        key[r] =
            key[r - 1] + (keys->begin + r < keys->end ? keys->row_bytes : 0);
    MOE__UNROLL
    for (int32_t r = 0; r < n * width; r++)
        sum[r] = _mm256_setzero_ps();
    for (ptrdiff_t d = 0; d < d_head; d += 8) {
        MOE__UNROLL
        for (int32_t at = 0; at < n * width; at++) {
            const int32_t r = row_of(at, n, width), c = col_of(at, n, width);
            if (c == 0)
                q[r] = _mm256_loadu_ps(tile->q[i + r] + d);
            if (r == 0)
                k[c] = load(key[c], d);
            sum[r * width + c] =
                _mm256_fmadd_ps(q[r], k[c], sum[r * width + c]);
            if (n > width && c == width - 1)
                AVX2_FENCE();
        }
    }
    store_scores(p, sum, n, width);
}

/* The values of n positions from pos on are needed soon. */
MOE__INLINE void ask_for_values(const struct tile_rows *tile, int32_t pos,
                                int32_t n)
{
    const uint8_t *v = tile->v + (size_t)pos * tile->row_bytes;
    for (size_t i = 0; i < (size_t)n * tile->row_bytes; i += CACHE_LINE)
        _mm_prefetch((const char *)v + i, _MM_HINT_T0);
}

/* What n rows from i on see of some keys. */
MOE__INLINE void score_group(struct tile_rows *tile, const struct kv_part *keys,
                             int32_t i, int32_t n, kv_load8_fn *load)
{
    const int32_t width = group_width(n);
    struct kv_part left = *keys;
    left.begin = moe__max_i32(left.begin, tile->begin[i]);
    left.end = moe__min_i32(left.end, tile->end[i + n - 1]);
    left.data += (size_t)(left.begin - keys->begin) * left.row_bytes;
    for (; left.begin < left.end; left.begin += width) {
        if (i == 0)
            ask_for_values(tile, left.begin, width);
        score_keys(tile, i, n, &left, tile->p[i] + left.begin, load);
        left.data += (size_t)width * left.row_bytes;
    }
}

MOE__INLINE void score_part(struct tile_rows *tile, const struct kv_part *keys,
                            kv_load8_fn *load)
{
    for (int32_t i = 0, n; i < tile->n; i += n) {
        n = group_size(tile->n - i);
        if (n == 4)
            score_group(tile, keys, i, 4, load);
        else if (n == 3)
            score_group(tile, keys, i, 3, load);
        else if (n == 2)
            score_group(tile, keys, i, 2, load);
        else
            score_group(tile, keys, i, 1, load);
    }
}

static void score_floats(struct tile_rows *tile, const struct kv_part *keys)
{
    score_part(tile, keys, kv_load8_f32);
}

MOE__INLINE void score_tile(struct tile_rows *tile, const struct avx2_kv *form)
{
    const int32_t d_head = tile->job->d_head, end = tile->end[tile->n - 1];
    const int32_t step = is_staged(tile, form) ? STAGE / d_head : MOE__TILE;
    for (int32_t pos = tile->begin[0]; pos < end; pos += step) {
        struct kv_part keys = {
            .data = tile->k + (size_t)pos * tile->row_bytes,
            .row_bytes = tile->row_bytes,
            .begin = pos,
            .end = moe__min_i32(pos + step, end),
            .d_end = d_head,
        };
        if (is_staged(tile, form))
            stage_part(tile->stage, &keys, form->load);
        if (is_staged(tile, form) || form->load == kv_load8_f32)
            score_floats(tile, &keys);
        else
            score_part(tile, &keys, form->load);
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

/* Final scores of row i and their maximum: what to subtract from them, and what
 * the correction is the exponential of. */
MOE__INLINE void find_base(struct tile_rows *tile, int32_t i)
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
MOE__INLINE void weigh_scores(struct tile_rows *tile, int32_t i)
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

/* acc = acc * correction; mostly that is 1. */
MOE__INLINE void correct_acc(const struct tile_rows *tile, int32_t i)
{
    const ptrdiff_t d_head = tile->job->d_head;
    const __m256 correction = _mm256_set1_ps(tile->correction[i]);
    float *acc = tile->job->acc + (tile->first + i) * d_head;
    if (tile->correction[i] == 1)
        return;
    for (ptrdiff_t d = 0; d < d_head; d += 8)
        _mm256_storeu_ps(acc + d,
                         _mm256_mul_ps(_mm256_loadu_ps(acc + d), correction));
}

/* Each step for all rows, so that they overlap. */
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

/* acc += p v for n rows from i on, which see the same, and 8 n_v dimensions of
 * the part.  Meanwhile as many of the next tile's keys are asked for. */
MOE__INLINE void add_values_at(const struct tile_rows *tile,
                               const struct kv_part *values, int32_t i,
                               int32_t n, int32_t n_v, kv_load8_fn *load)
{
    const ptrdiff_t d_head = tile->job->d_head, d = values->d;
    const ptrdiff_t row_bytes = (ptrdiff_t)values->row_bytes;
    const ptrdiff_t pace = n_v * tile->octet_bytes;
    const uint8_t *row =
        values->data + (tile->begin[i] - values->begin) * row_bytes;
    const char *ahead =
        (const char *)tile->next_k + d / 8 * tile->octet_bytes * MOE__TILE;
    const float *weight = tile->p[i] + tile->begin[i];
    const float *weight_end = tile->p[i] + tile->end[i];
    float *acc = tile->job->acc + (tile->first + i) * d_head + d;
    __m256 sum[MAX_SUMS], p[MAX_GROUP], v[8];
    MOE__UNROLL
    for (int32_t r = 0; r < n; r++) {
        MOE__UNROLL
        for (int32_t j = 0; j < n_v; j++)
            sum[r * n_v + j] = _mm256_loadu_ps(acc + r * d_head + 8 * j);
    }
    for (; weight < weight_end; weight++, row += row_bytes, ahead += pace) {
        _mm_prefetch(ahead, _MM_HINT_T0);
        if (n_v == 8)
            _mm_prefetch(ahead + CACHE_LINE, _MM_HINT_T0);
        MOE__UNROLL
        for (int32_t at = 0; at < n * n_v; at++) {
            const int32_t r = row_of(at, n, n_v), c = col_of(at, n, n_v);
            if (c == 0)
                p[r] = _mm256_broadcast_ss(weight + r * P_STRIDE);
            if (r == 0)
                v[c] = load(row, d - values->base + 8 * c);
            sum[r * n_v + c] = _mm256_fmadd_ps(p[r], v[c], sum[r * n_v + c]);
            if (n > n_v && c == n_v - 1)
                AVX2_FENCE();
        }
    }
    MOE__UNROLL
    for (int32_t r = 0; r < n; r++) {
        MOE__UNROLL
        for (int32_t j = 0; j < n_v; j++)
            _mm256_storeu_ps(acc + r * d_head + 8 * j, sum[r * n_v + j]);
    }
}

/* All dimensions of a part for n rows, a constant. */
MOE__INLINE void add_group(const struct tile_rows *tile,
                           const struct kv_part *values, int32_t i, int32_t n,
                           kv_load8_fn *load)
{
    const int32_t n_v = group_width(n);
    struct kv_part left = *values;
    for (; left.d + 8 * n_v <= left.d_end; left.d += 8 * n_v)
        add_values_at(tile, &left, i, n, n_v, load);
    for (; left.d + 16 <= left.d_end; left.d += 16)
        add_values_at(tile, &left, i, n, 2, load);
    for (; left.d < left.d_end; left.d += 8)
        add_values_at(tile, &left, i, n, 1, load);
}

MOE__INLINE bool see_the_same(const struct tile_rows *tile, int32_t i,
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
        n = see_the_same(tile, i, n) ? n : 1;
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

static void add_floats(const struct tile_rows *tile,
                       const struct kv_part *values)
{
    add_part(tile, values, kv_load8_f32);
}

MOE__INLINE void add_values(struct tile_rows *tile, const struct avx2_kv *form)
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
        if (is_staged(tile, form))
            stage_part(tile->stage, &values, form->load);
        if (is_staged(tile, form) || form->load == kv_load8_f32)
            add_floats(tile, &values);
        else
            add_part(tile, &values, form->load);
    }
}

/* ------------------------------------------------------------------ spans */

/* Rows of the job from `first` on, over the tile that begins at `start` of the
 * span. */
MOE__INLINE void attend_rows(struct tile_rows *tile, int32_t start,
                             int32_t first, int32_t n,
                             const struct avx2_kv *form)
{
    const struct moe__attn *job = tile->job;
    tile->first = first;
    tile->n = n;
    for (int32_t i = 0; i < n; i++) {
        const int32_t token = (first + i) / job->n_q;
        const int32_t head = (first + i) % job->n_q;
        tile->q[i] =
            job->q + token * job->q_stride + (ptrdiff_t)head * job->d_head;
        tile->begin[i] =
            moe__max_i32(job->begin + token * job->begin_step - start, 0);
        tile->end[i] = moe__min_i32(job->end + token - start, MOE__TILE);
    }
    score_tile(tile, form);
    weigh_tile(tile);
    add_values(tile, form);
}

/* All tiles, each for the tokens [begin, end) that see some of it. */
MOE__INLINE void attend_tiles(const struct moe__attn *job,
                              const struct avx2_kv *form)
{
    struct tile_rows tile; /* too large to be cleared */
    const int32_t n = job->n_tokens;
    const int32_t last = moe__min_i32(job->end + n - 1, MOE__SPAN);
    tile.job = job;
    tile.row_bytes = (size_t)job->d_head * (size_t)form->block_bytes / 32;
    tile.octet_bytes = form->block_bytes / 4;
    for (int32_t t = moe__max_i32(job->begin, 0) / MOE__TILE;
         t * MOE__TILE < last; t++) {
        const int32_t start = t * MOE__TILE;
        const int32_t begin = moe__max_i32(start + 1 - job->end, 0);
        int32_t end = n;
        if (job->begin_step > 0)
            end = moe__min_i32(end, start + MOE__TILE - job->begin);
        tile.k = job->k[t];
        tile.v = job->v[t];
        tile.next_k = start + MOE__TILE < last ? job->k[t + 1] : tile.k;
        const int32_t behind = end * job->n_q;
        for (int32_t i = begin * job->n_q; i < behind; i += MAX_ROWS)
            attend_rows(&tile, start, i, moe__min_i32(behind - i, MAX_ROWS),
                        form);
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
                             const struct avx2_kv *form)
{
    if (job->d_head % 8 != 0 || job->d_head > STAGE) {
        moe__scalar_attend(job, type);
        return;
    }
    start_span(job);
    attend_tiles(job, form);
    end_span(job);
}

static void avx2_attend_f32(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_F32, &avx2_kv_f32);
}

static void avx2_attend_f16(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_F16, &avx2_kv_f16);
}

static void avx2_attend_q8_0(const struct moe__attn *job)
{
    avx2_attend(job, MOE__KV_Q8_0, &avx2_kv_q8_0);
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
