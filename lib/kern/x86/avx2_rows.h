/* avx2_rows.h: the frame of all products of one token with four rows at once.
 *
 * Four rows share each load of activations, have independent sums, and are
 * reduced together by a transpose.  A last group of fewer rows repeats its
 * last row and stores only what was asked for.  Several tokens take a group in
 * turn, so that its weights are read from memory once. */
#ifndef MOE_KERN_X86_AVX2_ROWS_H
#define MOE_KERN_X86_AVX2_ROWS_H

#include "kern/kern.h"
#include "kern/x86/avx2_math.h"

#define AVX2_ROWS 4

/* What is multiplied: rows of weights and the activations of one token. */
struct avx2_group {
    const uint8_t *row[AVX2_ROWS];
    size_t row_bytes;
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

/* The 16 bits that lie `at` bytes behind each of four addresses. */
MOE__INLINE uint64_t avx2_gather_u16(const uint8_t *const p[AVX2_ROWS],
                                     int32_t at)
{
    uint32_t low =
        (uint32_t)moe__load_u16(p[1] + at) << 16 | moe__load_u16(p[0] + at);
    uint32_t high =
        (uint32_t)moe__load_u16(p[3] + at) << 16 | moe__load_u16(p[2] + at);
    return (uint64_t)high << 32 | low;
}

/* Fetches the cache line at place `at` of the row that takes the place of row r
 * in the next group.  One line at a time, between products, keeps the memory
 * busy without a queue of misses; it is harmless where nothing is mapped. */
MOE__INLINE void avx2_prefetch(const struct avx2_group *group, int32_t r,
                               size_t at)
{
    uintptr_t next = (uintptr_t)group->row[r] + AVX2_ROWS * group->row_bytes;
    _mm_prefetch((const char *)(next + at), _MM_HINT_T0);
}

MOE__INLINE void avx2_store_group(float *y, __m128 product, int32_t n)
{
    __m128 nan = _mm_castsi128_ps(_mm_set1_epi32((int32_t)MOE__NAN_BITS));
    product = _mm_blendv_ps(product, nan, _mm_cmpunord_ps(product, product));
    if (n == AVX2_ROWS) {
        _mm_storeu_ps(y, product);
        return;
    }
    float four[AVX2_ROWS];
    _mm_storeu_ps(four, product);
    memcpy(y, four, (size_t)n * sizeof *y);
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

MOE__INLINE void avx2_matmul(const struct moe__matmul *job,
                             avx2_group_fn *multiply)
{
    struct avx2_group group = {.row_bytes = job->w->row_bytes,
                               .n_cols = job->w->n_cols};
    for (int32_t row = job->row_begin; row < job->row_end; row += AVX2_ROWS) {
        int32_t n = moe__min_i32(AVX2_ROWS, job->row_end - row);
        for (int32_t r = 0; r < AVX2_ROWS; r++)
            group.row[r] =
                job->w->data +
                group.row_bytes * (size_t)(row + moe__min_i32(r, n - 1));
        for (int32_t i = 0; i < job->n_tokens; i++) {
            avx2_set_token(&group, job, i);
            avx2_store_group(job->y + i * job->y_stride + row, multiply(&group),
                             n);
        }
    }
}

MOE__TARGET_END
#endif
