/* avx2_rows.h: the frame of all products of one token with four rows at once.
 *
 * Four rows share each load of activations, have independent sums, and are
 * reduced together by a transpose.  The rows of a job are cut into four runs,
 * and a group takes one row of each: memory is read in four long streams, which
 * is what hardware fetches fastest.
 *
 *     job   |  run 0  |  run 1  |  run 2  |  run 3  |
 *     group  ^         ^         ^         ^
 *
 * A run that is one row shorter repeats its last row, whose product is not
 * stored.  Several tokens take a group in turn, so that its weights are read
 * from memory once. */
#ifndef MOE_KERN_X86_AVX2_ROWS_H
#define MOE_KERN_X86_AVX2_ROWS_H

#include "kern/kern.h"
#include "kern/x86/avx2_math.h"

#define AVX2_ROWS 4

/* What is multiplied: rows of weights and the activations of one token. */
struct avx2_group {
    const uint8_t *row[AVX2_ROWS];
    int32_t n_cols;
    const float *x;     /* [n_cols] for float weights, or: */
    const int8_t *q;    /* [n_cols] */
    const float *scale; /* [n_cols / 32] or [n_cols / 256] */
    const int16_t *sum; /* [n_cols / 16] */
};

/* The four products. */
typedef __m128 avx2_group_fn(const struct avx2_group *group);

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* a0 + a2, b0 + b2, a1 + a3, b1 + b3 in each lane. */
MOE__INLINE __m256i avx2_fold_pair(__m256i a, __m256i b)
{
    return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b),
                            _mm256_unpackhi_epi32(a, b));
}

/* Sums of each lane's four int32 of four registers, any order being exact:
 * register i's go to element i of the lane.  Faster than vphaddd. */
MOE__INLINE __m256i avx2_fold_rows(const __m256i v[4])
{
    __m256i a = avx2_fold_pair(v[0], v[1]), b = avx2_fold_pair(v[2], v[3]);
    return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b),
                            _mm256_unpackhi_epi64(a, b));
}

/* The same over all eight int32. */
MOE__INLINE __m128i avx2_sum_rows(const __m256i v[4])
{
    __m256i sums = avx2_fold_rows(v);
    return _mm_add_epi32(_mm256_castsi256_si128(sums),
                         _mm256_extracti128_si256(sums, 1));
}

/* Rows p and p + 2 share a register, a lane each: 16 bytes at place `at` of
 * both.  Inserting into a lane is slow, so that one of two loads is of 32 bytes
 * where n bytes are there. */
MOE__INLINE __m256i avx2_load_rows(const uint8_t *const row[AVX2_ROWS],
                                   int32_t p, int32_t at, int32_t n)
{
    const __m128i *low = (const __m128i *)(const void *)(row[p] + at);
    const __m128i *high = (const __m128i *)(const void *)(row[p + 2] + at);
    if (at + 32 <= n)
        return _mm256_blend_epi32(
            _mm256_broadcastsi128_si256(_mm_loadu_si128(high)),
            avx2_load_bytes(low), 0x0f);
    if (at >= 16)
        return _mm256_blend_epi32(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                  avx2_load_bytes(high - 1), 0xf0);
    return _mm256_loadu2_m128i(high, low);
}

/* 16 bytes in both lanes. */
MOE__INLINE __m256i avx2_load_twice(const void *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

/* Lines fetched where a run begins, and how far ahead they are fetched later:
 * hardware follows a stream after some lines only, and not across pages. */
#define AVX2_FIRST_LINES 16
#define AVX2_AHEAD (64 * AVX2_FIRST_LINES)

/* To be called for each 64 bytes that are read of a row; harmless where nothing
 * is mapped. */
MOE__INLINE void avx2_prefetch(const struct avx2_group *group, int32_t r,
                               size_t at)
{
    uintptr_t line = (uintptr_t)group->row[r] + at + AVX2_AHEAD;
    _mm_prefetch((const char *)line, _MM_HINT_T0);
}

/* Elements 0, 1 | 4, 5, where sums of rows that share registers are kept. */
MOE__INLINE __m128 avx2_gather_rows(__m256 sum)
{
    return _mm_movelh_ps(_mm256_castps256_ps128(sum),
                         _mm256_extractf128_ps(sum, 1));
}

MOE__INLINE void avx2_set_token(struct avx2_group *group,
                                const struct moe__matmul *job, int32_t token)
{
    const struct moe__act *x = job->x;
    size_t row = (size_t)(job->src != NULL ? job->src[token] : token);
    size_t at = row * (size_t)x->stride;
    if (x->operand == MOE__OPERAND_F32) {
        group->x = x->x + at;
        return;
    }
    group->q = x->q + at;
    group->sum = x->sum + at / 16;
    group->scale = x->scale + at / (x->operand == MOE__OPERAND_A32 ? 32 : 256);
}

/* First row of run r <= 4. */
MOE__INLINE int32_t avx2_run_begin(const struct moe__matmul *job, int32_t r)
{
    int64_t n = job->row_end - job->row_begin;
    return job->row_begin + (int32_t)(n * r / AVX2_ROWS);
}

/* Stores what is row i of its run, canonically. */
MOE__INLINE void avx2_store_group(const struct moe__matmul *job, int32_t token,
                                  int32_t i, __m128 product)
{
    __m128 nan = _mm_castsi128_ps(_mm_set1_epi32((int32_t)MOE__NAN_BITS));
    float four[AVX2_ROWS];
    product = _mm_blendv_ps(product, nan, _mm_cmpunord_ps(product, product));
    _mm_storeu_ps(four, product);
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        int32_t row = avx2_run_begin(job, r) + i;
        if (row < avx2_run_begin(job, r + 1))
            job->y[token * job->y_stride + row] = four[r];
    }
}

/* Row i of each run, or false behind the last. */
MOE__INLINE bool avx2_take_group(struct avx2_group *group,
                                 const struct moe__matmul *job, int32_t i)
{
    const struct moe__mat *w = job->w;
    if (i >= moe__ceil_div(job->row_end - job->row_begin, AVX2_ROWS))
        return false;
    for (int32_t r = 0; r < AVX2_ROWS; r++) {
        int32_t row = avx2_run_begin(job, r) + i;
        row = moe__min_i32(row, job->row_end - 1);
        group->row[r] = w->data + w->row_bytes * (size_t)row;
    }
    if (i == 0)
        for (int32_t k = 0; k < AVX2_FIRST_LINES * AVX2_ROWS; k++)
            avx2_prefetch(group, k % AVX2_ROWS,
                          (size_t)(64 * (k / AVX2_ROWS)) - AVX2_AHEAD);
    return true;
}

MOE__INLINE void avx2_matmul(const struct moe__matmul *job,
                             avx2_group_fn *multiply)
{
    struct avx2_group group = {.n_cols = job->w->n_cols};
    for (int32_t i = 0; avx2_take_group(&group, job, i); i++)
        for (int32_t token = 0; token < job->n_tokens; token++) {
            avx2_set_token(&group, job, token);
            avx2_store_group(job, token, i, multiply(&group));
        }
}

MOE__TARGET_END
#endif
