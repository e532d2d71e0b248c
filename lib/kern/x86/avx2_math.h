/* avx2_math.h: fmath.h in eight lanes, and the folding of registers. */
#ifndef MOE_KERN_X86_AVX2_MATH_H
#define MOE_KERN_X86_AVX2_MATH_H

#include "kern/fmath.h"

#include <immintrin.h>

/* No instruction: no load or store moves across, so that operands do not come
 * early and spill sums. */
#define AVX2_FENCE() __asm__ volatile("" : : : "memory")

/* Neither: the object lies in memory here, it is no set of registers. */
#define AVX2_SHOW(v) __asm__ volatile("" : "+m"(v))

MOE__TARGET_BEGIN("avx2,fma,f16c")

/* All ones in the first n lanes. */
MOE__INLINE __m256i avx2_first(int32_t n)
{
    __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
}

MOE__INLINE __m256i avx2_load_bytes(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

MOE__INLINE void avx2_store_bytes(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

/* The first n lanes, or all eight; full stores are much faster than masked. */
MOE__INLINE void avx2_store_first(float *p, __m256 v, int32_t n)
{
    if (n >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, avx2_first(n), v);
}

/* moe__canonical */
MOE__INLINE __m256 avx2_canonical(__m256 x)
{
    __m256i nan = _mm256_set1_epi32((int32_t)MOE__NAN_BITS);
    return _mm256_blendv_ps(x, _mm256_castsi256_ps(nan),
                            _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/* moe__tree_sum of four registers, by a transpose. */
MOE__INLINE __m128 avx2_tree_sum4(const __m256 v[4])
{
    __m128 half[4];
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        half[i] = _mm_add_ps(_mm256_castps256_ps128(v[i]),
                             _mm256_extractf128_ps(v[i], 1));
    _MM_TRANSPOSE4_PS(half[0], half[1], half[2], half[3]);
    return _mm_add_ps(_mm_add_ps(half[0], half[2]),
                      _mm_add_ps(half[1], half[3]));
}

MOE__INLINE float avx2_tree_sum(__m256 v)
{
    float lane[MOE__LANES];
    _mm256_storeu_ps(lane, v);
    return moe__tree_sum(lane);
}

/* The largest lane; none is NaN. */
MOE__INLINE float avx2_max_lane(__m256 v)
{
    __m128 four =
        _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* moe__exp_reduce */
MOE__INLINE __m256 avx2_exp_reduce(__m256 x, __m256 *r, __m256i *biased_n)
{
    const __m256 round = _mm256_set1_ps(MOE__ROUND);
    __m256 rounded = _mm256_fmadd_ps(x, _mm256_set1_ps(MOE__LOG2_E), round);
    __m256 n = _mm256_sub_ps(rounded, round);
    *biased_n = _mm256_add_epi32(_mm256_sub_epi32(_mm256_castps_si256(rounded),
                                                  _mm256_castps_si256(round)),
                                 _mm256_set1_epi32(254));
    *r = _mm256_fnmadd_ps(n, _mm256_set1_ps(MOE__LN2_HI), x);
    *r = _mm256_fnmadd_ps(n, _mm256_set1_ps(MOE__LN2_LO), *r);
    __m256 t = _mm256_set1_ps(1.0f / 5040);
    t = _mm256_fmadd_ps(t, *r, _mm256_set1_ps(1.0f / 720));
    t = _mm256_fmadd_ps(t, *r, _mm256_set1_ps(1.0f / 120));
    t = _mm256_fmadd_ps(t, *r, _mm256_set1_ps(1.0f / 24));
    t = _mm256_fmadd_ps(t, *r, _mm256_set1_ps(1.0f / 6));
    t = _mm256_fmadd_ps(t, *r, _mm256_set1_ps(0.5f));
    return _mm256_fmadd_ps(t, *r, _mm256_set1_ps(1.0f));
}

/* moe__exp_scale */
MOE__INLINE __m256 avx2_exp_scale(__m256 p, __m256i biased_n)
{
    __m256i half = _mm256_srli_epi32(biased_n, 1);
    __m256i rest = _mm256_sub_epi32(biased_n, half);
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(half, 23)));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(rest, 23)));
}

/* moe__expf.  minps and maxps return their second operand for NaN. */
MOE__INLINE __m256 avx2_exp(__m256 x)
{
    __m256 r, is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    __m256i biased_n, nan = _mm256_set1_epi32((int32_t)MOE__NAN_BITS);
    x = _mm256_min_ps(x, _mm256_set1_ps(MOE__EXP_MAX));
    x = _mm256_max_ps(x, _mm256_set1_ps(MOE__EXP_MIN));
    __m256 t = avx2_exp_reduce(x, &r, &biased_n);
    __m256 p = _mm256_fmadd_ps(t, r, _mm256_set1_ps(1.0f));
    return _mm256_blendv_ps(avx2_exp_scale(p, biased_n),
                            _mm256_castsi256_ps(nan), is_nan);
}

/* moe__sigmoid */
MOE__INLINE __m256 avx2_sigmoid(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    __m256 e = avx2_exp(_mm256_or_ps(x, sign));
    __m256 below = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_div_ps(_mm256_blendv_ps(one, e, below),
                         _mm256_add_ps(one, e));
}

/* moe__tanhf */
MOE__INLINE __m256 avx2_tanh(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    __m256 r, a = _mm256_add_ps(_mm256_or_ps(x, sign), _mm256_or_ps(x, sign));
    __m256i biased_n;
    a = _mm256_max_ps(a, _mm256_set1_ps(MOE__EXP_MIN));
    __m256 t = avx2_exp_reduce(a, &r, &biased_n);
    __m256 p = _mm256_fmadd_ps(t, r, one);
    __m256 far = _mm256_sub_ps(avx2_exp_scale(p, biased_n), one);
    __m256i is_near = _mm256_cmpeq_epi32(biased_n, _mm256_set1_epi32(254));
    __m256 m = _mm256_blendv_ps(far, _mm256_mul_ps(t, r),
                                _mm256_castsi256_ps(is_near));
    __m256 y = _mm256_div_ps(m, _mm256_add_ps(_mm256_set1_ps(2.0f), m));
    y = _mm256_or_ps(_mm256_andnot_ps(sign, y), _mm256_and_ps(sign, x));
    return _mm256_blendv_ps(y, avx2_canonical(x),
                            _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

MOE__TARGET_END
#endif
