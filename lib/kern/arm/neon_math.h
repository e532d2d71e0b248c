/* neon_math.h: fmath.h in lanes of NEON (AArch64, ARMv8.0), and the folding of
 * registers.  The eight lanes of a sum are two registers.
 *
 * Any NaN may come out of a function for a NaN that goes in: who stores a
 * result makes it canonical. */
#ifndef MOE_KERN_ARM_NEON_MATH_H
#define MOE_KERN_ARM_NEON_MATH_H

#include "kern/fmath.h"

#include <arm_neon.h>

/* Lanes 0 .. 3 and 4 .. 7. */
struct neon8 {
    float32x4_t low;
    float32x4_t high;
};

MOE__INLINE struct neon8 neon_set8(float x)
{
    return (struct neon8){vdupq_n_f32(x), vdupq_n_f32(x)};
}

MOE__INLINE struct neon8 neon_load8(const float *p)
{
    return (struct neon8){vld1q_f32(p), vld1q_f32(p + 4)};
}

MOE__INLINE void neon_store8(float *p, struct neon8 v)
{
    vst1q_f32(p, v.low);
    vst1q_f32(p + 4, v.high);
}

/* n < 8 floats; the other lanes are `rest`.  Not for the middle of a loop. */
MOE__INLINE struct neon8 neon_load_part(const float *p, int32_t n, float rest)
{
    float lane[8];
    neon_store8(lane, neon_set8(rest));
    memcpy(lane, p, (size_t)n * sizeof *p);
    return neon_load8(lane);
}

/* The first n < 8 lanes. */
MOE__INLINE void neon_store_part(float *p, struct neon8 v, int32_t n)
{
    float lane[8];
    neon_store8(lane, v);
    memcpy(p, lane, (size_t)n * sizeof *p);
}

/* Eight floats of a file, where nothing is aligned. */
MOE__INLINE struct neon8 neon_load8_f32(const uint8_t *p)
{
    return (struct neon8){vreinterpretq_f32_u8(vld1q_u8(p)),
                          vreinterpretq_f32_u8(vld1q_u8(p + 16))};
}

/* moe__f16_to_f32: FCVTL keeps a NaN's payload and makes it quiet, too. */
MOE__INLINE struct neon8 neon_load8_f16(const uint8_t *p)
{
    float16x8_t h = vreinterpretq_f16_u8(vld1q_u8(p));
    return (struct neon8){vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
}

/* moe__f32_to_f16 of eight: FCVTN treats NaN and rounding the same. */
MOE__INLINE uint8x16_t neon_to_f16(struct neon8 v)
{
    return vreinterpretq_u8_f16(vcvt_high_f16_f32(vcvt_f16_f32(v.low), v.high));
}

MOE__INLINE struct neon8 neon_add8(struct neon8 a, struct neon8 b)
{
    return (struct neon8){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}

MOE__INLINE struct neon8 neon_scale8(struct neon8 v, float s)
{
    return (struct neon8){vmulq_n_f32(v.low, s), vmulq_n_f32(v.high, s)};
}

/* a + b c, one rounding. */
MOE__INLINE struct neon8 neon_fma8(struct neon8 a, struct neon8 b,
                                   struct neon8 c)
{
    return (struct neon8){vfmaq_f32(a.low, b.low, c.low),
                          vfmaq_f32(a.high, b.high, c.high)};
}

/* moe__canonical */
MOE__INLINE float32x4_t neon_canonical(float32x4_t x)
{
    float32x4_t nan = vreinterpretq_f32_u32(vdupq_n_u32(MOE__NAN_BITS));
    return vbslq_f32(vceqq_f32(x, x), x, nan);
}

/* moe__tree_sum */
MOE__INLINE float neon_tree_sum(struct neon8 v)
{
    float32x4_t four = vaddq_f32(v.low, v.high);
    return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

/* Halves 0 + 2 and 1 + 3 of two folded registers, side by side. */
MOE__INLINE float32x4_t neon_fold_two(struct neon8 a, struct neon8 b)
{
    float64x2_t x = vreinterpretq_f64_f32(vaddq_f32(a.low, a.high));
    float64x2_t y = vreinterpretq_f64_f32(vaddq_f32(b.low, b.high));
    return vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(x, y)),
                     vreinterpretq_f32_f64(vzip2q_f64(x, y)));
}

/* moe__tree_sum of four. */
MOE__INLINE float32x4_t neon_tree_sum4(const struct neon8 v[4])
{
    return vpaddq_f32(neon_fold_two(v[0], v[1]), neon_fold_two(v[2], v[3]));
}

/* x > max ? x : max, which passes over NaN. */
MOE__INLINE struct neon8 neon_larger8(struct neon8 x, struct neon8 max)
{
    return (struct neon8){
        vbslq_f32(vcgtq_f32(x.low, max.low), x.low, max.low),
        vbslq_f32(vcgtq_f32(x.high, max.high), x.high, max.high)};
}

/* moe__exp_reduce */
MOE__INLINE float32x4_t neon_exp_reduce(float32x4_t x, float32x4_t *r,
                                        uint32x4_t *biased_n)
{
    const float32x4_t round = vdupq_n_f32(MOE__ROUND);
    float32x4_t rounded = vfmaq_f32(round, x, vdupq_n_f32(MOE__LOG2_E));
    float32x4_t n = vsubq_f32(rounded, round);
    *biased_n =
        vaddq_u32(vreinterpretq_u32_f32(rounded),
                  vsubq_u32(vdupq_n_u32(254), vreinterpretq_u32_f32(round)));
    *r = vfmsq_f32(x, n, vdupq_n_f32(MOE__LN2_HI));
    *r = vfmsq_f32(*r, n, vdupq_n_f32(MOE__LN2_LO));
    float32x4_t t = vdupq_n_f32(1.0f / 5040);
    t = vfmaq_f32(vdupq_n_f32(1.0f / 720), t, *r);
    t = vfmaq_f32(vdupq_n_f32(1.0f / 120), t, *r);
    t = vfmaq_f32(vdupq_n_f32(1.0f / 24), t, *r);
    t = vfmaq_f32(vdupq_n_f32(1.0f / 6), t, *r);
    t = vfmaq_f32(vdupq_n_f32(0.5f), t, *r);
    return vfmaq_f32(vdupq_n_f32(1.0f), t, *r);
}

/* moe__exp_scale */
MOE__INLINE float32x4_t neon_exp_scale(float32x4_t p, uint32x4_t biased_n)
{
    uint32x4_t half = vshrq_n_u32(biased_n, 1);
    uint32x4_t rest = vsubq_u32(biased_n, half);
    p = vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(half, 23)));
    return vmulq_f32(p, vreinterpretq_f32_u32(vshlq_n_u32(rest, 23)));
}

/* moe__expf for x <= 0, which all callers have: no limit above is needed. */
MOE__INLINE float32x4_t neon_exp(float32x4_t x)
{
    float32x4_t r;
    uint32x4_t biased_n;
    x = vmaxq_f32(x, vdupq_n_f32(MOE__EXP_MIN)); /* NaN stays */
    float32x4_t t = neon_exp_reduce(x, &r, &biased_n);
    return neon_exp_scale(vfmaq_f32(vdupq_n_f32(1.0f), t, r), biased_n);
}

/* moe__sigmoid */
MOE__INLINE float32x4_t neon_sigmoid(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t e = neon_exp(vnegq_f32(vabsq_f32(x)));
    return vdivq_f32(vbslq_f32(vcltzq_f32(x), e, one), vaddq_f32(one, e));
}

/* moe__tanhf */
MOE__INLINE float32x4_t neon_tanh(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    const uint32x4_t sign = vdupq_n_u32(0x80000000u);
    float32x4_t r, a = vmulq_f32(vabsq_f32(x), vdupq_n_f32(-2.0f));
    uint32x4_t biased_n;
    a = vmaxq_f32(a, vdupq_n_f32(MOE__EXP_MIN));
    float32x4_t t = neon_exp_reduce(a, &r, &biased_n);
    float32x4_t p = vfmaq_f32(one, t, r);
    float32x4_t far = vsubq_f32(neon_exp_scale(p, biased_n), one);
    uint32x4_t is_near = vceqq_u32(biased_n, vdupq_n_u32(254));
    float32x4_t m = vbslq_f32(is_near, vmulq_f32(t, r), far);
    float32x4_t y = vdivq_f32(m, vaddq_f32(vdupq_n_f32(2.0f), m));
    return vbslq_f32(sign, x, y);
}

/* An element's result from those of two rows, and numbers for all. */
typedef float32x4_t neon_map_fn(float32x4_t a, float32x4_t b, const float *s);

/* y [8] = f(a [8], b [8], s): all is read before anything is written, so that
 * two chains of operations run side by side, and y may be a or b. */
MOE__INLINE void neon_map8(float *y, const float *a, const float *b,
                           const float *s, neon_map_fn *f)
{
    const struct neon8 v = neon_load8(a), w = neon_load8(b);
    neon_store8(y, (struct neon8){neon_canonical(f(v.low, w.low, s)),
                                  neon_canonical(f(v.high, w.high, s))});
}

/* y [n] = f(a [n], b [n], s).  A function of one row takes it twice. */
MOE__INLINE void neon_map(float *y, const float *a, const float *b,
                          const float *s, int32_t n, neon_map_fn *f)
{
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        neon_map8(y + i, a + i, b + i, s, f);
    if (i == n)
        return;
    float part[2][8];
    neon_store8(part[0], neon_load_part(a + i, n - i, 0));
    neon_store8(part[1], neon_load_part(b + i, n - i, 0));
    neon_map8(part[0], part[0], part[1], s, f);
    memcpy(y + i, part[0], (size_t)(n - i) * sizeof *y);
}

MOE__INLINE float32x4_t neon_divide(float32x4_t x, float32x4_t same,
                                    const float *s)
{
    (void)same;
    return vdivq_f32(x, vdupq_n_f32(*s));
}

/* cap tanh(x / cap) */
MOE__INLINE float32x4_t neon_softcap(float32x4_t x, float32x4_t same,
                                     const float *cap)
{
    return vmulq_n_f32(neon_tanh(neon_divide(x, same, cap)), *cap);
}

/* The largest of x [n] that is not NaN, -infinity if there is none. */
MOE__INLINE float neon_largest(const float *x, int32_t n)
{
    struct neon8 max = neon_set8(-INFINITY);
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        max = neon_larger8(neon_load8(x + i), max);
    if (i < n)
        max = neon_larger8(neon_load_part(x + i, n - i, -INFINITY), max);
    return vmaxvq_f32(vmaxq_f32(max.low, max.high));
}

/* exp(x - base), base >= x */
MOE__INLINE struct neon8 neon_weigh8(struct neon8 x, float base)
{
    const float32x4_t b = vdupq_n_f32(base);
    return (struct neon8){neon_exp(vsubq_f32(x.low, b)),
                          neon_exp(vsubq_f32(x.high, b))};
}

/* The same in place for x [n]; returns the sum.  Lanes without an element count
 * as -infinity: exp gives 0 there, or NaN where all results are NaN. */
MOE__INLINE float neon_weigh(float *x, int32_t n, float base)
{
    struct neon8 sum = neon_set8(0);
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const struct neon8 p = neon_weigh8(neon_load8(x + i), base);
        sum = neon_add8(sum, p);
        neon_store8(x + i, p);
    }
    if (i < n) {
        const struct neon8 p =
            neon_weigh8(neon_load_part(x + i, n - i, -INFINITY), base);
        sum = neon_add8(sum, p);
        neon_store_part(x + i, p, n - i);
    }
    return neon_tree_sum(sum);
}

#endif
