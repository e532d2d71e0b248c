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

/* Sums of the eight int32 of each of four registers; any order is exact. */
MOE__INLINE __m128i avx2_sum_lanes4(const __m256i v[4])
{
    __m256i a = _mm256_hadd_epi32(v[0], v[1]);
    __m256i b = _mm256_hadd_epi32(v[2], v[3]);
    __m256i c = _mm256_hadd_epi32(a, b);
    return _mm_add_epi32(_mm256_castsi256_si128(c),
                         _mm256_extracti128_si256(c, 1));
}

/* The f16 that lie `at` bytes behind four addresses. */
MOE__INLINE __m128 avx2_halves4(const uint8_t *const p[4], int32_t at)
{
    uint32_t low = (uint32_t)moe__load_u16(p[1] + at) << 16 |
                   moe__load_u16(p[0] + at);
    uint32_t high = (uint32_t)moe__load_u16(p[3] + at) << 16 |
                    moe__load_u16(p[2] + at);
    return _mm_cvtph_ps(_mm_cvtsi64_si128((int64_t)((uint64_t)high << 32 |
                                                    low)));
}

/* Fetches `bytes` from `at` bytes ahead of an address that is `to_end` bytes
 * before the end of its row: there follows the row that this one's place in the
 * next group will take.  Prefetching is harmless where nothing is mapped. */
MOE__INLINE void avx2_prefetch(const uint8_t *p, size_t to_end,
                               size_t row_bytes, int32_t bytes)
{
    const size_t ahead = 1024; /* some 100 ns at 10 GB/s */
    uintptr_t from = (uintptr_t)p + ahead;
    if (to_end <= ahead)
        from += (AVX2_ROWS - 1) * row_bytes;
    for (int32_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)from + i, _MM_HINT_T0);
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
            group.row[r] = job->w->data +
                           group.row_bytes *
                               (size_t)(row + moe__min_i32(r, n - 1));
        for (int32_t i = 0; i < job->n_tokens; i++) {
            avx2_set_token(&group, job, i);
            avx2_store_group(job->y + i * job->y_stride + row,
                             multiply(&group), n);
        }
    }
}

MOE__TARGET_END
#endif
