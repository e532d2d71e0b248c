/* neon_attn.c: scalar_attn.c in lanes of NEON.
 *
 * A query is one head of one token.  Up to four of those that share a KV head
 * go together, so that each key and value is read and converted once for all.
 * Tokens of different age see (x) different positions of a tile:
 *
 *     query 0    . . x x x x x x . .
 *     query 1    . . x x x x x x . .
 *     query 2    . . . x x x x x x .
 *     query 3    . . . x x x x x x .
 *     keys           - - - - - - -      scored for all; a dot's is -infinity
 *     values           = = = = =        added for all; the edges one by one
 *
 * Head sizes that are no multiple of 8 are left to the scalar code. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_math.h"

#define TOGETHER 4 /* queries at most */
#define KEYS 4     /* that are multiplied at once, at most */
#define KV_UNIT 32 /* elements, the block of q8_0 */

/* Elements 8 octet .. 8 octet + 7 of a unit. */
typedef struct neon8 kv_octet_fn(const uint8_t *unit, int32_t octet);

struct neon_kv {
    kv_octet_fn *load;
    int32_t unit_bytes;
};

MOE__INLINE struct neon8 kv_octet_f32(const uint8_t *unit, int32_t octet)
{
    return neon_load8_f32(unit + 32 * octet);
}

MOE__INLINE struct neon8 kv_octet_f16(const uint8_t *unit, int32_t octet)
{
    return neon_load8_f16(unit + 16 * octet);
}

MOE__INLINE struct neon8 kv_octet_q8_0(const uint8_t *unit, int32_t octet)
{
    uint16x4_t scale = vdup_n_u16(moe__load_u16(unit));
    float32x4_t d = vcvt_f32_f16(vreinterpret_f16_u16(scale));
    int8x8_t bytes = vreinterpret_s8_u8(vld1_u8(unit + 2 + 8 * octet));
    int16x8_t q = vmovl_s8(bytes);
    return (struct neon8){
        vmulq_f32(d, vcvtq_f32_s32(vmovl_s16(vget_low_s16(q)))),
        vmulq_f32(d, vcvtq_f32_s32(vmovl_high_s16(q)))};
}

static const struct neon_kv neon_kv_f32 = {kv_octet_f32, 128};
static const struct neon_kv neon_kv_f16 = {kv_octet_f16, 64};
static const struct neon_kv neon_kv_q8_0 = {kv_octet_q8_0, 34};

/* One tile for some queries, all of which see some of it. */
struct neon_tile {
    const struct moe__attn *job;
    const uint8_t *k; /* [MOE__TILE, d_head] of the KV type */
    const uint8_t *v;
    size_t row_bytes;
    int32_t start; /* position of the tile in the span */
    int32_t first; /* query, counted as token * n_q + head */
    const float *q[TOGETHER];
    int32_t begin[TOGETHER]; /* visible positions in the tile; ascending */
    int32_t end[TOGETHER];
    float correction[TOGETHER]; /* of what was added before */
    /* Scores, then weights.  Some keys behind the end may be scored, too. */
    float p[TOGETHER][MOE__TILE + KEYS];
};

/* Keys that are multiplied at once: 4 or 8 sums of two registers each, as many
 * as hide the latency of an addition and leave room for the operands. */
MOE__INLINE int32_t keys_with(int32_t n_q)
{
    return n_q == 1 ? KEYS : KEYS / 2;
}

/* sum[i, r] += q[i] * key[r] for one octet of the unit that they point to. */
MOE__INLINE void add_octet(struct neon8 *sum, const float *const q[TOGETHER],
                           const uint8_t *const key[KEYS], int32_t octet,
                           int32_t n_q, const struct neon_kv *kv)
{
    const int32_t n_keys = keys_with(n_q);
    struct neon8 x[TOGETHER];
    MOE__UNROLL
    for (int32_t i = 0; i < n_q; i++)
        x[i] = neon_load8(q[i] + 8 * octet);
    MOE__UNROLL
    for (int32_t r = 0; r < n_keys; r++) {
        const struct neon8 k = kv->load(key[r], octet);
        MOE__UNROLL
        for (int32_t i = 0; i < n_q; i++)
            sum[i * n_keys + r] = neon_fma8(sum[i * n_keys + r], x[i], k);
    }
}

/* sum[i, r] = q[i] . key[r]; both are moved to their ends. */
MOE__INLINE void multiply_keys(struct neon8 *sum, const float *q[TOGETHER],
                               const uint8_t *key[KEYS], int32_t d_head,
                               int32_t n_q, const struct neon_kv *kv)
{
    MOE__UNROLL
    for (int32_t i = 0; i < n_q * keys_with(n_q); i++)
        sum[i] = neon_set8(0);
    for (int32_t d = 0; d < d_head; d += KV_UNIT) {
        const int32_t n_octets = moe__min_i32(d_head - d, KV_UNIT) / 8;
        for (int32_t octet = 0; octet < n_octets; octet++)
            add_octet(sum, q, key, octet, n_q, kv);
        MOE__UNROLL
        for (int32_t i = 0; i < n_q; i++)
            q[i] += KV_UNIT;
        MOE__UNROLL
        for (int32_t r = 0; r < keys_with(n_q); r++)
            key[r] += kv->unit_bytes;
    }
}

/* Scores of the keys from pos on.  Behind the end the last key is taken again:
 * nothing else is known to be there. */
MOE__INLINE void neon_score_keys(struct neon_tile *tile, int32_t pos,
                                 int32_t n_q, const struct neon_kv *kv)
{
    const int32_t n_keys = keys_with(n_q);
    const uint8_t *key[KEYS];
    const float *q[TOGETHER];
    struct neon8 sum[2 * TOGETHER];
    MOE__UNROLL
    for (int32_t i = 0; i < n_q; i++)
        q[i] = tile->q[i];
    MOE__UNROLL
    for (int32_t r = 0; r < n_keys; r++) {
        int32_t at = moe__min_i32(pos + r, tile->end[n_q - 1] - 1);
        key[r] = tile->k + (size_t)at * tile->row_bytes;
    }
    multiply_keys(sum, q, key, tile->job->d_head, n_q, kv);
    MOE__UNROLL
    for (int32_t i = 0; i < n_q * n_keys; i += 4) {
        const float32x4_t s =
            vmulq_n_f32(neon_tree_sum4(sum + i), tile->job->scale);
        if (n_keys == 4) {
            vst1q_f32(tile->p[i / 4] + pos, s);
        } else {
            vst1_f32(tile->p[i / 2] + pos, vget_low_f32(s));
            vst1_f32(tile->p[i / 2 + 1] + pos, vget_high_f32(s));
        }
    }
}

/* Scores of query i to weights exp(score - max), with the new maximum, sum and
 * the correction for what was added before.  Positions that it does not see
 * fill up the lanes with -infinity, a weight of 0. */
static void neon_weigh_scores(struct neon_tile *tile, int32_t i)
{
    const struct moe__attn *job = tile->job;
    const int32_t begin = tile->begin[i] / 8 * 8, end = tile->end[i];
    float *p = tile->p[i] + begin;
    float *old_max = job->max + tile->first + i;
    float *sum = job->sum + tile->first + i;
    int32_t n = end - begin;
    if (job->softcap > 0)
        neon_map(p, p, p, &job->softcap, n, neon_softcap);
    for (int32_t at = 0; begin + at < tile->begin[i]; at++)
        p[at] = -INFINITY;
    for (; n % 8 != 0; n++)
        p[n] = -INFINITY;
    const float largest = neon_largest(p, n);
    const float max = (largest > *old_max ? largest : *old_max) + 0.0f;
    const float base = moe__softmax_base(max);
    const float total = neon_weigh(p, n, base);
    tile->correction[i] = moe__expf(*old_max - base);
    *sum = fmaf(*sum, tile->correction[i], total);
    *old_max = max;
}

/* A piece of the weighted sum: n_q queries from `first` of the tile on, all of
 * which see the positions begin .. end - 1. */
struct value_piece {
    const struct neon_tile *tile;
    int32_t first;
    int32_t n_q;
    int32_t begin;
    int32_t end;
};

/* acc = acc * correction + sum of p v for 8 n_octets dimensions from d on. */
MOE__INLINE void add_value_octets(const struct value_piece *piece, int32_t d,
                                  int32_t n_octets, const struct neon_kv *kv)
{
    const struct neon_tile *tile = piece->tile;
    const int32_t d_head = tile->job->d_head, first = piece->first;
    const uint8_t *row = tile->v + (size_t)piece->begin * tile->row_bytes +
                         (ptrdiff_t)(d / KV_UNIT) * kv->unit_bytes;
    float *acc =
        tile->job->acc + (size_t)(tile->first + first) * (size_t)d_head + d;
    struct neon8 sum[TOGETHER][4], v[4];
    MOE__UNROLL
    for (int32_t i = 0; i < piece->n_q; i++) {
        MOE__UNROLL
        for (int32_t j = 0; j < n_octets; j++)
            sum[i][j] = neon_scale8(neon_load8(acc + i * d_head + 8 * j),
                                    tile->correction[first + i]);
    }
    for (int32_t pos = piece->begin; pos < piece->end; pos++) {
        MOE__UNROLL
        for (int32_t j = 0; j < n_octets; j++)
            v[j] = kv->load(row, d % KV_UNIT / 8 + j);
        row += tile->row_bytes;
        MOE__UNROLL
        for (int32_t i = 0; i < piece->n_q; i++) {
            const struct neon8 p = neon_set8(tile->p[first + i][pos]);
            MOE__UNROLL
            for (int32_t j = 0; j < n_octets; j++)
                sum[i][j] = neon_fma8(sum[i][j], p, v[j]);
        }
    }
    MOE__UNROLL
    for (int32_t i = 0; i < piece->n_q; i++) {
        MOE__UNROLL
        for (int32_t j = 0; j < n_octets; j++)
            neon_store8(acc + i * d_head + 8 * j, sum[i][j]);
    }
}

/* All dimensions.  8 sums of two registers fill half of the file; one query has
 * 4, as a unit has no more octets. */
MOE__INLINE void add_value_piece(const struct value_piece *piece,
                                 const struct neon_kv *kv)
{
    const int32_t n_octets = piece->n_q == TOGETHER ? 2 : 4;
    const int32_t d_head = piece->tile->job->d_head;
    int32_t d = 0;
    for (; d + 8 * n_octets <= d_head; d += 8 * n_octets)
        add_value_octets(piece, d, n_octets, kv);
    for (; d < d_head; d += 8)
        add_value_octets(piece, d, 1, kv);
}

/* Values that one query has on its own; a correction is due once. */
MOE__INLINE void add_own_values(struct neon_tile *tile, int32_t i,
                                int32_t begin, int32_t end,
                                const struct neon_kv *kv)
{
    const struct value_piece piece = {tile, i, 1, begin, end};
    if (begin >= end)
        return;
    add_value_piece(&piece, kv);
    tile->correction[i] = 1;
}

/* All of the tile's values: those that n_q queries see together in [begin,
 * end), which may be empty, and before and behind that each query's own ones,
 * so that positions ascend for each. */
MOE__INLINE void add_tile_values(struct neon_tile *tile, int32_t n_q,
                                 const struct neon_kv *kv)
{
    const int32_t begin = tile->begin[n_q - 1];
    const int32_t end = moe__max_i32(tile->end[0], begin);
    const struct value_piece common = {tile, 0, n_q, begin, end};
    for (int32_t i = 0; i < n_q; i++)
        add_own_values(tile, i, tile->begin[i],
                       moe__min_i32(tile->end[i], begin), kv);
    add_value_piece(&common, kv);
    for (int32_t i = 0; i < n_q; i++) {
        tile->correction[i] = 1;
        add_own_values(tile, i, end, tile->end[i], kv);
    }
}

/* n_q queries from `first` on, n_q a constant. */
MOE__INLINE void attend_together(struct neon_tile *tile, int32_t first,
                                 int32_t n_q, const struct neon_kv *kv)
{
    const struct moe__attn *job = tile->job;
    tile->first = first;
    for (int32_t i = 0; i < n_q; i++) {
        int32_t token = (first + i) / job->n_q, head = (first + i) % job->n_q;
        int32_t end = moe__min_i32(job->end + token, MOE__SPAN);
        tile->q[i] =
            job->q + token * job->q_stride + (ptrdiff_t)head * job->d_head;
        tile->begin[i] =
            moe__max_i32(job->begin + token * job->begin_step - tile->start, 0);
        tile->end[i] = moe__min_i32(end - tile->start, MOE__TILE);
    }
    for (int32_t pos = tile->begin[0]; pos < tile->end[n_q - 1];
         pos += keys_with(n_q))
        neon_score_keys(tile, pos, n_q, kv);
    for (int32_t i = 0; i < n_q; i++)
        neon_weigh_scores(tile, i);
    add_tile_values(tile, n_q, kv);
}

/* All queries that see some of the tile: the tokens [begin, end). */
MOE__INLINE void attend_neon_tile(struct neon_tile *tile,
                                  const struct neon_kv *kv)
{
    const struct moe__attn *job = tile->job;
    int32_t begin = moe__max_i32(tile->start + 1 - job->end, 0);
    int32_t end = job->n_tokens;
    if (job->begin_step > 0)
        end = moe__min_i32(end, tile->start + MOE__TILE - job->begin);
    int32_t i = begin * job->n_q, n = end * job->n_q;
    for (; i + 4 <= n; i += 4)
        attend_together(tile, i, 4, kv);
    if (i + 2 <= n) {
        attend_together(tile, i, 2, kv);
        i += 2;
    }
    if (i < n)
        attend_together(tile, i, 1, kv);
}

static void neon_start_span(const struct moe__attn *job)
{
    const int32_t n = job->n_tokens * job->n_q;
    for (int32_t i = 0; i < n; i++) {
        job->max[i] = -INFINITY;
        job->sum[i] = 0;
    }
    memset(job->acc, 0, (size_t)n * (size_t)job->d_head * sizeof *job->acc);
}

static void neon_end_span(const struct moe__attn *job)
{
    const size_t n = (size_t)job->n_tokens * (size_t)job->n_q;
    for (size_t i = 0; i < n; i++)
        job->sum[i] = moe__canonical(job->sum[i]);
    for (size_t i = 0; i < n * (size_t)job->d_head; i += 4)
        vst1q_f32(job->acc + i, neon_canonical(vld1q_f32(job->acc + i)));
}

MOE__INLINE void neon_attend(const struct moe__attn *job, enum moe__kv type,
                             const struct neon_kv *kv)
{
    if (job->d_head % 8 != 0) {
        moe__scalar_attend(job, type);
        return;
    }
    const int32_t last = job->n_tokens - 1;
    const int32_t end = moe__min_i32(job->end + last, MOE__SPAN);
    struct neon_tile tile = {
        .job = job,
        .row_bytes = (size_t)job->d_head * (size_t)kv->unit_bytes / KV_UNIT,
    };
    neon_start_span(job);
    for (int32_t t = moe__max_i32(job->begin, 0) / MOE__TILE;
         t * MOE__TILE < end; t++) {
        tile.k = job->k[t];
        tile.v = job->v[t];
        tile.start = t * MOE__TILE;
        attend_neon_tile(&tile, kv);
    }
    neon_end_span(job);
}

static void neon_attend_f32(const struct moe__attn *job)
{
    neon_attend(job, MOE__KV_F32, &neon_kv_f32);
}

static void neon_attend_f16(const struct moe__attn *job)
{
    neon_attend(job, MOE__KV_F16, &neon_kv_f16);
}

static void neon_attend_q8_0(const struct moe__attn *job)
{
    neon_attend(job, MOE__KV_Q8_0, &neon_kv_q8_0);
}

/* y = fma(acc, share, y * keep) */
MOE__INLINE float32x4_t merge_span(float32x4_t y, float32x4_t acc,
                                   const float *s)
{
    return vfmaq_n_f32(vmulq_n_f32(y, s[0]), acc, s[1]);
}

static void neon_attend_merge(float *y, const float *max, const float *sum,
                              int64_t stride, const float *acc,
                              int64_t acc_stride, int32_t n_spans,
                              int32_t d_head)
{
    float total = 0, top = -INFINITY;
    memset(y, 0, (size_t)d_head * sizeof *y);
    for (int32_t s = 0; s < n_spans; s++) {
        const struct moe__merge merge =
            moe__merge_span(&top, &total, max[s * stride], sum[s * stride]);
        const float keep_share[2] = {merge.keep, merge.share};
        neon_map(y, y, acc + s * acc_stride, keep_share, d_head, merge_span);
    }
    neon_map(y, y, y, &total, d_head, neon_divide);
}

void moe__neon_fill_attn(struct moe__kern *kern)
{
    kern->attend[MOE__KV_F32] = neon_attend_f32;
    kern->attend[MOE__KV_F16] = neon_attend_f16;
    kern->attend[MOE__KV_Q8_0] = neon_attend_q8_0;
    kern->attend_merge = neon_attend_merge;
}

#endif
