/* avx2_attn.c: scalar_attn.c in eight lanes, AVX2.
 *
 * Up to four query heads of one KV head go together: each key is read and
 * converted once for two of them, each value once for all four.  Head sizes
 * that are no multiple of 8 are left to the scalar code. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_math.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

#define MAX_GROUP 4
#define KEYS 4 /* that are multiplied at once */

/* Eight elements of a stored row, from element i on, a multiple of 8. */
typedef __m256 kv_load8_fn(const uint8_t *row, int32_t i);

MOE__INLINE __m256 kv_load8_f32(const uint8_t *row, int32_t i)
{
    return _mm256_castsi256_ps(avx2_load_bytes(row + 4 * i));
}

MOE__INLINE __m256 kv_load8_f16(const uint8_t *row, int32_t i)
{
    const void *at = row + 2 * i;
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

MOE__INLINE __m256 kv_load8_q8_0(const uint8_t *row, int32_t i)
{
    const uint8_t *block = row + i / 32 * 34;
    const void *at = block + 2 + i % 32;
    __m256i q = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)at));
    __m128i d = _mm_cvtsi32_si128(moe__load_u16(block));
    return _mm256_mul_ps(_mm256_broadcastss_ps(_mm_cvtph_ps(d)),
                         _mm256_cvtepi32_ps(q));
}

/* The visible part of one tile, for n_q query heads from `first` on. */
struct tile_group {
    const struct moe__attn *job;
    const uint8_t *k; /* [MOE__TILE, d_head] of the KV type */
    const uint8_t *v;
    size_t row_bytes;
    int32_t begin; /* visible positions in the tile */
    int32_t end;
    int32_t first;
    float correction[MAX_GROUP];
    /* Scores, then weights.  Keys are taken KEYS at a time: some of the last
     * ones are past the end. */
    float p[MAX_GROUP][MOE__TILE + KEYS];
};

/* Scores of KEYS positions from pos on for n_q <= 2 queries from i on.  Behind
 * the end the last key is taken again: nothing else is known to be there. */
MOE__INLINE void score_keys(struct tile_group *tile, int32_t i, int32_t pos,
                            int32_t n_q, kv_load8_fn *load)
{
    const int32_t d_head = tile->job->d_head;
    const float *q = tile->job->q + (size_t)(tile->first + i) * (size_t)d_head;
    const uint8_t *key[KEYS];
    __m256 sum[2][KEYS];
    AVX2_UNROLL
    for (int32_t r = 0; r < KEYS; r++) {
        int32_t at = moe__min_i32(pos + r, tile->end - 1);
        key[r] = tile->k + (size_t)at * tile->row_bytes;
        sum[0][r] = sum[1][r] = _mm256_setzero_ps();
    }
    for (int32_t d = 0; d < d_head; d += 8) {
        __m256 q0 = _mm256_loadu_ps(q + d);
        __m256 q1 = n_q == 2 ? _mm256_loadu_ps(q + d_head + d) : q0;
        AVX2_UNROLL
        for (int32_t r = 0; r < KEYS; r++) {
            __m256 k = load(key[r], d);
            sum[0][r] = _mm256_fmadd_ps(q0, k, sum[0][r]);
            if (n_q == 2)
                sum[1][r] = _mm256_fmadd_ps(q1, k, sum[1][r]);
        }
    }
    _mm_storeu_ps(tile->p[i] + pos, avx2_tree_sum4(sum[0]));
    if (n_q == 2)
        _mm_storeu_ps(tile->p[i + 1] + pos, avx2_tree_sum4(sum[1]));
}

/* Scores of positions at .. at + 7, -infinity where they are invisible. */
MOE__INLINE __m256 visible_scores(const struct tile_group *tile, int32_t i,
                                  int32_t at)
{
    const struct moe__attn *job = tile->job;
    __m256 s = _mm256_mul_ps(_mm256_loadu_ps(tile->p[i] + at),
                             _mm256_set1_ps(job->scale));
    if (job->softcap > 0) {
        __m256 cap = _mm256_set1_ps(job->softcap);
        s = _mm256_mul_ps(cap, avx2_tanh(_mm256_div_ps(s, cap)));
    }
    __m256i visible = _mm256_andnot_si256(avx2_first(tile->begin - at),
                                          avx2_first(tile->end - at));
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s,
                            _mm256_castsi256_ps(visible));
}

/* Scores of query i to weights exp(score - max), with the new maximum, sum and
 * the correction for what was added before. */
static void weigh_scores(struct tile_group *tile, int32_t i)
{
    const struct moe__attn *job = tile->job;
    float *old_max = job->max + tile->first + i;
    float *sum = job->sum + tile->first + i;
    const int32_t begin = tile->begin / 8 * 8;
    __m256 top = _mm256_set1_ps(*old_max), lanes = _mm256_setzero_ps();
    for (int32_t at = begin; at < tile->end; at += 8) {
        __m256 s = visible_scores(tile, i, at);
        top = _mm256_max_ps(s, top); /* passes over NaN */
        _mm256_storeu_ps(tile->p[i] + at, s);
    }
    float max = avx2_max_lane(top) + 0.0f, base = moe__softmax_base(max);
    for (int32_t at = begin; at < tile->end; at += 8) {
        __m256 s = _mm256_loadu_ps(tile->p[i] + at);
        s = avx2_exp(_mm256_sub_ps(s, _mm256_set1_ps(base)));
        lanes = _mm256_add_ps(lanes, s);
        _mm256_storeu_ps(tile->p[i] + at, s);
    }
    tile->correction[i] = moe__expf(*old_max - base);
    *sum = fmaf(*sum, tile->correction[i], avx2_tree_sum(lanes));
    *old_max = max;
}

/* acc = acc * correction + sum of p v for n_q queries and 8 n_v dimensions
 * from d on. */
MOE__INLINE void add_values_at(const struct tile_group *tile, int32_t d,
                               int32_t n_q, int32_t n_v, kv_load8_fn *load)
{
    const int32_t d_head = tile->job->d_head;
    float *acc = tile->job->acc + (size_t)tile->first * (size_t)d_head + d;
    __m256 sum[MAX_GROUP][4], v[4];
    AVX2_UNROLL
    for (int32_t i = 0; i < n_q; i++) {
        __m256 correction = _mm256_set1_ps(tile->correction[i]);
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++)
            sum[i][j] = _mm256_mul_ps(_mm256_loadu_ps(acc + i * d_head + 8 * j),
                                      correction);
    }
    for (int32_t pos = tile->begin; pos < tile->end; pos++) {
        const uint8_t *row = tile->v + (size_t)pos * tile->row_bytes;
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++)
            v[j] = load(row, d + 8 * j);
        AVX2_UNROLL
        for (int32_t i = 0; i < n_q; i++) {
            __m256 p = _mm256_broadcast_ss(tile->p[i] + pos);
            AVX2_UNROLL
            for (int32_t j = 0; j < n_v; j++)
                sum[i][j] = _mm256_fmadd_ps(p, v[j], sum[i][j]);
        }
    }
    AVX2_UNROLL
    for (int32_t i = 0; i < n_q; i++) {
        AVX2_UNROLL
        for (int32_t j = 0; j < n_v; j++)
            _mm256_storeu_ps(acc + i * d_head + 8 * j, sum[i][j]);
    }
}

/* One tile for n_q queries, a constant: n_q * n_v = 8 sums fill half of the
 * registers. */
MOE__INLINE void attend_group(struct tile_group *tile, int32_t n_q,
                              kv_load8_fn *load)
{
    const int32_t n_v = n_q == 4 ? 2 : 4, d_head = tile->job->d_head;
    for (int32_t pos = tile->begin; pos < tile->end; pos += KEYS)
        for (int32_t i = 0; i < n_q; i += 2)
            score_keys(tile, i, pos, n_q == 1 ? 1 : 2, load);
    for (int32_t i = 0; i < n_q; i++)
        weigh_scores(tile, i);
    int32_t d = 0;
    for (; d + 8 * n_v <= d_head; d += 8 * n_v)
        add_values_at(tile, d, n_q, n_v, load);
    for (; d < d_head; d += 8)
        add_values_at(tile, d, n_q, 1, load);
}

MOE__INLINE void attend_tiles(const struct moe__attn *job, size_t row_bytes,
                              kv_load8_fn *load)
{
    struct tile_group tile = {.job = job, .row_bytes = row_bytes};
    for (int32_t t = job->begin / MOE__TILE; t * MOE__TILE < job->end; t++) {
        tile.k = job->k[t];
        tile.v = job->v[t];
        tile.begin = moe__max_i32(job->begin - t * MOE__TILE, 0);
        tile.end = moe__min_i32(job->end - t * MOE__TILE, MOE__TILE);
        int32_t i = 0;
        for (; i + 4 <= job->n_q; i += 4) {
            tile.first = i;
            attend_group(&tile, 4, load);
        }
        if (i + 2 <= job->n_q) {
            tile.first = i;
            attend_group(&tile, 2, load);
            i += 2;
        }
        if (i < job->n_q) {
            tile.first = i;
            attend_group(&tile, 1, load);
        }
    }
}

static void start_span(const struct moe__attn *job)
{
    for (int32_t i = 0; i < job->n_q; i++) {
        job->max[i] = -INFINITY;
        job->sum[i] = 0;
    }
    memset(job->acc, 0,
           (size_t)job->n_q * (size_t)job->d_head * sizeof *job->acc);
}

static void end_span(const struct moe__attn *job)
{
    for (int32_t i = 0; i < job->n_q; i++)
        job->sum[i] = moe__canonical(job->sum[i]);
    for (int32_t i = 0; i < job->n_q * job->d_head; i += 8)
        _mm256_storeu_ps(job->acc + i,
                         avx2_canonical(_mm256_loadu_ps(job->acc + i)));
}

MOE__INLINE void avx2_attend(const struct moe__attn *job, enum moe__kv type,
                             size_t row_bytes, kv_load8_fn *load)
{
    if (job->d_head % 8 != 0) {
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
