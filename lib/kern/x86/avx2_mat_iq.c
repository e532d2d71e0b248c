/* avx2_mat_iq.c: types with 256-blocks whose codes come from books or are
 * digits, AVX2: IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0.
 *
 * For several tokens a block is expanded to struct moe__codes once; one token
 * meets the entries of its book without that (avx2_expand.h).  Codes are signed
 * and at most 62. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_expand.h"
#include "kern/x86/avx2_rows.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* sum over groups g of 16 of scale_g sum q a, in eight parts. */
MOE__INLINE __m256i dot_codes(const struct moe__codes *codes, const int8_t *a)
{
    __m256i sum = _mm256_setzero_si256();
    MOE__UNROLL
    for (int32_t g = 0; g < 8; g++) {
        __m256i dot = avx2_dot_signed(avx2_load_bytes(codes->q + 32 * g),
                                      avx2_load_bytes(a + 32 * g));
        sum = _mm256_add_epi32(sum, avx2_scale_32(dot, codes->scale + 2 * g));
    }
    return sum;
}

/* All tokens times row i of each run. */
MOE__INLINE void multiply_group(const struct moe__matmul *job, int32_t i,
                                struct avx2_group *group,
                                moe__expand_fn *expand, size_t block_bytes)
{
    __m128 sum[MOE__MATMUL_TOKENS];
    for (int32_t token = 0; token < job->n_tokens; token++)
        sum[token] = _mm_setzero_ps();
    for (int32_t b = 0; b < group->n_cols / 256; b++) {
        struct moe__codes codes[AVX2_ROWS];
        for (int32_t r = 0; r < AVX2_ROWS; r++)
            expand(&codes[r], group->row[r] + (size_t)b * block_bytes);
        __m128 d = _mm_setr_ps(codes[0].d, codes[1].d, codes[2].d, codes[3].d);
        for (int32_t token = 0; token < job->n_tokens; token++) {
            __m256i isum[AVX2_ROWS];
            avx2_set_token(group, job, token);
            MOE__UNROLL
            for (int32_t r = 0; r < AVX2_ROWS; r++)
                isum[r] = dot_codes(&codes[r], group->q + 256 * b);
            sum[token] =
                _mm_fmadd_ps(_mm_mul_ps(d, _mm_set1_ps(group->scale[b])),
                             _mm_cvtepi32_ps(avx2_sum_rows(isum)), sum[token]);
        }
    }
    for (int32_t token = 0; token < job->n_tokens; token++)
        avx2_store_group(job, token, i, sum[token]);
}

/* One token times row i of each run. */
MOE__INLINE void multiply_token(const struct moe__matmul *job, int32_t i,
                                struct avx2_group *group, avx2_dot_fn *dot,
                                size_t block_bytes)
{
    __m128 sum = _mm_setzero_ps();
    avx2_set_token(group, job, 0);
    for (int32_t b = 0; b < group->n_cols / 256; b++) {
        __m256i isum[AVX2_ROWS];
        float d[AVX2_ROWS];
        MOE__UNROLL
        for (int32_t r = 0; r < AVX2_ROWS; r++) {
            const size_t at = (size_t)b * block_bytes;
            avx2_prefetch(group, r, at);
            isum[r] = dot(&d[r], group->row[r] + at, group->q + 256 * b);
        }
        __m128 scale =
            _mm_mul_ps(_mm_loadu_ps(d), _mm_set1_ps(group->scale[b]));
        sum = _mm_fmadd_ps(scale, _mm_cvtepi32_ps(avx2_sum_rows(isum)), sum);
    }
    avx2_store_group(job, 0, i, sum);
}

#define TYPE_IQ(name, block_bytes, dot)                                 \
    static void avx2_matmul_##name(const struct moe__matmul *job)       \
    {                                                                   \
        struct avx2_group group = {.n_cols = job->w->n_cols};           \
        avx2_dot_fn *const one = dot;                                   \
        for (int32_t i = 0; avx2_take_group(&group, job, i); i++)       \
            if (one != NULL && job->n_tokens == 1)                      \
                multiply_token(job, i, &group, one, block_bytes);       \
            else                                                        \
                multiply_group(job, i, &group, moe__avx2_expand_##name, \
                               block_bytes);                            \
    }

TYPE_IQ(iq1_s, 50, moe__avx2_dot_iq1_s)
TYPE_IQ(iq1_m, 56, moe__avx2_dot_iq1_m)
TYPE_IQ(iq2_xxs, 66, moe__avx2_dot_iq2_xxs)
TYPE_IQ(iq2_xs, 74, moe__avx2_dot_iq2_xs)
TYPE_IQ(iq2_s, 82, moe__avx2_dot_iq2_s)
TYPE_IQ(iq3_xxs, 98, moe__avx2_dot_iq3_xxs)
TYPE_IQ(iq3_s, 110, moe__avx2_dot_iq3_s)
TYPE_IQ(tq1_0, 54, NULL)

MOE__TARGET_END

void moe__avx2_fill_mat_iq(struct moe__kern *kern)
{
    kern->matmul[MOE__IQ1_S] = avx2_matmul_iq1_s;
    kern->matmul[MOE__IQ1_M] = avx2_matmul_iq1_m;
    kern->matmul[MOE__IQ2_XXS] = avx2_matmul_iq2_xxs;
    kern->matmul[MOE__IQ2_XS] = avx2_matmul_iq2_xs;
    kern->matmul[MOE__IQ2_S] = avx2_matmul_iq2_s;
    kern->matmul[MOE__IQ3_XXS] = avx2_matmul_iq3_xxs;
    kern->matmul[MOE__IQ3_S] = avx2_matmul_iq3_s;
    kern->matmul[MOE__TQ1_0] = avx2_matmul_tq1_0;
}

#endif
