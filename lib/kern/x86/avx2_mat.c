/* avx2_mat.c: F32, F16 and BF16 weights times f32 activations, AVX2: the 8
 * lanes of the definition are one register. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

typedef __m256 load8_fn(const uint8_t *p);

MOE__INLINE __m256 load8_f32(const uint8_t *p)
{
    return _mm256_castsi256_ps(avx2_load_bytes(p));
}

MOE__INLINE __m256 load8_f16(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

MOE__INLINE __m256 load8_bf16(const uint8_t *p)
{
    __m128i h = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

/* The last n < 8 products of a row: the other lanes keep their sums, whose zero
 * may be negative. */
MOE__INLINE __m256 add_row_end(__m256 sum, const uint8_t *w, __m256 x,
                               int32_t n, int32_t elem_bytes, load8_fn *load)
{
    uint8_t part[32] = {0};
    memcpy(part, w, (size_t)(n * elem_bytes));
    return _mm256_blendv_ps(sum, _mm256_fmadd_ps(load(part), x, sum),
                            _mm256_castsi256_ps(avx2_first(n)));
}

MOE__INLINE __m128 multiply_floats(const struct avx2_group *group,
                                   int32_t elem_bytes, load8_fn *load)
{
    __m256 sum[AVX2_ROWS];
    MOE__UNROLL
    for (int32_t r = 0; r < AVX2_ROWS; r++)
        sum[r] = _mm256_setzero_ps();
    int32_t k = 0;
    for (; k + 8 <= group->n_cols; k += 8) {
        size_t at = (size_t)k * (size_t)elem_bytes;
        __m256 x = _mm256_loadu_ps(group->x + k);
        MOE__UNROLL
        for (int32_t r = 0; r < AVX2_ROWS; r++) {
            if (at % 64 == 0)
                avx2_prefetch(group, r, at);
            sum[r] = _mm256_fmadd_ps(load(group->row[r] + at), x, sum[r]);
        }
    }
    int32_t n = group->n_cols - k;
    if (n > 0) {
        __m256 x = _mm256_maskload_ps(group->x + k, avx2_first(n));
        MOE__UNROLL
        for (int32_t r = 0; r < AVX2_ROWS; r++)
            sum[r] = add_row_end(sum[r], group->row[r] + k * elem_bytes, x, n,
                                 elem_bytes, load);
    }
    return avx2_tree_sum4(sum);
}

static __m128 multiply_f32(const struct avx2_group *group)
{
    return multiply_floats(group, 4, load8_f32);
}

static __m128 multiply_f16(const struct avx2_group *group)
{
    return multiply_floats(group, 2, load8_f16);
}

static __m128 multiply_bf16(const struct avx2_group *group)
{
    return multiply_floats(group, 2, load8_bf16);
}

static void avx2_matmul_f32(const struct moe__matmul *job)
{
    avx2_matmul(job, multiply_f32);
}

static void avx2_matmul_f16(const struct moe__matmul *job)
{
    avx2_matmul(job, multiply_f16);
}

static void avx2_matmul_bf16(const struct moe__matmul *job)
{
    avx2_matmul(job, multiply_bf16);
}

MOE__TARGET_END

void moe__avx2_fill_mat(struct moe__kern *kern)
{
    kern->matmul[MOE__F32] = avx2_matmul_f32;
    kern->matmul[MOE__F16] = avx2_matmul_f16;
    kern->matmul[MOE__BF16] = avx2_matmul_bf16;
}

#endif
