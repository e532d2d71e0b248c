/* fmath.h: the float arithmetic that defines results, one value at a time.
 *
 * Overlays repeat it lane by lane, operation by operation; nothing here may
 * change without docs/numerics.md.  Only + - * / fmaf and sqrtf are used, so
 * any machine with IEEE 754 arithmetic computes the same bits. */
#ifndef MOE_KERN_FMATH_H
#define MOE_KERN_FMATH_H

#include "base/bytes.h"

#include <math.h>

/* Adding and subtracting 1.5 * 2^23 rounds |x| < 2^22 to the nearest whole
 * number, ties to even: there the step between floats is 1. */
#define MOE__ROUND 12582912.0f

/* The one NaN that kernels write: which NaN an operation returns differs
 * between machines, and between compilers that swap operands. */
#define MOE__NAN_BITS 0x7fc00000u

MOE__INLINE float moe__canonical(float x)
{
    return x == x ? x : moe__bits_to_f32(MOE__NAN_BITS);
}

/* Float sums run in 8 lanes, element i in lane i mod 8, that are added as a
 * vector of 8 is folded in halves. */
#define MOE__LANES 8

MOE__INLINE float moe__tree_sum(const float lane[MOE__LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln 2 / 2. */
#define MOE__LOG2_E 0x1.715476p+0f
/* ln 2 in two parts.  The first has 15 bits, so that x - n * HI is exact. */
#define MOE__LN2_HI 0x1.62e4p-1f
#define MOE__LN2_LO 0x1.7f7d1cp-20f
/* Beyond these the result is infinite, or less than half the smallest float:
 * limits that keep n between -150 and 128. */
#define MOE__EXP_MAX 89.0f
#define MOE__EXP_MIN -104.0f

/* (exp(r) - 1) / r: the power series up to r^6 / 7!.  The next term is below
 * 2^-27 of the sum.  *biased_n is n + 254. */
MOE__INLINE float moe__exp_reduce(float x, float *r, uint32_t *biased_n)
{
    float rounded = fmaf(x, MOE__LOG2_E, MOE__ROUND);
    float n = rounded - MOE__ROUND;
    *biased_n = moe__f32_to_bits(rounded) - moe__f32_to_bits(MOE__ROUND) + 254;
    *r = fmaf(n, -MOE__LN2_LO, fmaf(n, -MOE__LN2_HI, x));
    float t = 1.0f / 5040;
    t = fmaf(t, *r, 1.0f / 720);
    t = fmaf(t, *r, 1.0f / 120);
    t = fmaf(t, *r, 1.0f / 24);
    t = fmaf(t, *r, 1.0f / 6);
    t = fmaf(t, *r, 0.5f);
    return fmaf(t, *r, 1.0f);
}

/* p * 2^n as two factors whose exponents fit: so an overflow gives infinity,
 * and a subnormal result is rounded once. */
MOE__INLINE float moe__exp_scale(float p, uint32_t biased_n)
{
    uint32_t half = biased_n / 2;
    return p * moe__bits_to_f32(half << 23) *
           moe__bits_to_f32((biased_n - half) << 23);
}

/* e^x; 0 at -infinity, infinity at infinity, NaN for NaN. */
MOE__INLINE float moe__expf(float x)
{
    if (x != x)
        return moe__canonical(x);
    float r;
    uint32_t biased_n;
    x = x < MOE__EXP_MAX ? x : MOE__EXP_MAX;
    x = x > MOE__EXP_MIN ? x : MOE__EXP_MIN;
    float t = moe__exp_reduce(x, &r, &biased_n);
    return moe__exp_scale(fmaf(t, r, 1.0f), biased_n);
}

/* 1 / (1 + exp(-x)), with e = exp(-|x|) so that nothing overflows and small
 * results keep their precision: 1 / (1 + e), or e / (1 + e) below 0. */
MOE__INLINE float moe__sigmoid(float x)
{
    float e = moe__expf(-fabsf(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* tanh |x| = -m / (2 + m) with m = exp(-2 |x|) - 1.  For small |x|, where the
 * subtraction would lose digits, n is 0 and m = r (exp(r) - 1) / r. */
MOE__INLINE float moe__tanhf(float x)
{
    if (x != x)
        return moe__canonical(x);
    float r, a = -2.0f * fabsf(x);
    uint32_t biased_n;
    a = a > MOE__EXP_MIN ? a : MOE__EXP_MIN;
    float t = moe__exp_reduce(a, &r, &biased_n);
    float m = biased_n == 254
                  ? t * r
                  : moe__exp_scale(fmaf(t, r, 1.0f), biased_n) - 1.0f;
    return copysignf(-m / (2.0f + m), x);
}

/* Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016,
 * 1606.08415): x / 2 (1 + tanh u) = x sigmoid(2u), where
 * 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3). */
#define MOE__GELU_CUBE 0.044715f
#define MOE__GELU_SCALE 1.5957691216057308f

/* Below this a block of activations counts as zero: then 127 / amax and
 * amax / 127 are normal numbers. */
#define MOE__TINY_BLOCK 1e-30f

/* A block's largest element is mapped to one of these levels, the first with
 * the smallest squared error: which of them falls best for the other elements
 * is chance, and the best of four chances has 14 % less squared error than 127
 * alone in blocks of 32 normal numbers, 4 % less in blocks of 256. */
#define MOE__MAX_LEVEL 127
#define MOE__MIN_LEVEL 124

/* Squared error in units of amax^2, from its sum in units of a step^2. */
MOE__INLINE float moe__level_error(float sum, int32_t level)
{
    return sum / (float)(level * level);
}

/* Where scores start from: the largest one, but 0 while all are -infinity, so
 * that exp(score - base) is 0 then and not NaN. */
MOE__INLINE float moe__softmax_base(float max)
{
    return max == -INFINITY ? 0.0f : max;
}

/* What is kept of the sums so far, and what is taken of the next span's. */
struct moe__merge {
    float keep;
    float share;
};

/* Merges the next span's maximum and sum into those of the spans before. */
MOE__INLINE struct moe__merge moe__merge_span(float *max, float *sum,
                                              float span_max, float span_sum)
{
    float new_max = span_max > *max ? span_max : *max;
    float base = moe__softmax_base(new_max);
    struct moe__merge merge = {moe__expf(*max - base),
                               moe__expf(span_max - base)};
    *sum = fmaf(span_sum, merge.share, *sum * merge.keep);
    *max = new_max;
    return merge;
}

#endif
