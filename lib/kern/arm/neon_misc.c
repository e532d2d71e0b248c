/* neon_misc.c: scalar_misc.c in lanes of NEON. */
#include "kern/fill.h"

#if MOE__HAS_NEON
#include "kern/arm/neon_math.h"

/* ------------------------------------------------- one element at a time */

MOE__INLINE float32x4_t map_silu(float32x4_t gate, float32x4_t up,
                                 const float *s)
{
    (void)s;
    return vmulq_f32(vmulq_f32(gate, neon_sigmoid(gate)), up);
}

MOE__INLINE float32x4_t map_gelu(float32x4_t gate, float32x4_t up,
                                 const float *s)
{
    (void)s;
    float32x4_t cube =
        vmulq_f32(vdupq_n_f32(MOE__GELU_CUBE), vmulq_f32(gate, gate));
    float32x4_t z =
        vmulq_f32(vdupq_n_f32(MOE__GELU_SCALE), vfmaq_f32(gate, cube, gate));
    return vmulq_f32(vmulq_f32(gate, neon_sigmoid(z)), up);
}

MOE__INLINE float32x4_t map_add(float32x4_t y, float32x4_t x, const float *s)
{
    (void)s;
    return vaddq_f32(y, x);
}

MOE__INLINE float32x4_t map_scale(float32x4_t y, float32x4_t same,
                                  const float *s)
{
    (void)same;
    return vmulq_n_f32(y, *s);
}

MOE__INLINE float32x4_t map_scale_twice(float32x4_t x, float32x4_t w,
                                        const float *s)
{
    return vmulq_f32(vmulq_n_f32(x, *s), w);
}

MOE__INLINE float32x4_t map_axpy(float32x4_t y, float32x4_t x, const float *a)
{
    return vfmaq_n_f32(y, x, *a);
}

static void neon_silu(float *y, const float *gate, const float *up, int32_t n)
{
    neon_map(y, gate, up, NULL, n, map_silu);
}

static void neon_gelu(float *y, const float *gate, const float *up, int32_t n)
{
    neon_map(y, gate, up, NULL, n, map_gelu);
}

static void neon_add(float *y, const float *x, int32_t n)
{
    neon_map(y, y, x, NULL, n, map_add);
}

static void neon_scale(float *y, float s, int32_t n)
{
    neon_map(y, y, y, &s, n, map_scale);
}

static void neon_axpy(float *y, float a, const float *x, int32_t n)
{
    neon_map(y, y, x, &a, n, map_axpy);
}

static void neon_cap(float *x, float cap, int32_t n)
{
    neon_map(x, x, x, &cap, n, neon_softcap);
}

/* ------------------------------------------------------- norm and softmax */

static void neon_rms_norm(float *y, const float *x, const float *w, int32_t n,
                          float eps)
{
    struct neon8 squares = neon_set8(0);
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const struct neon8 v = neon_load8(x + i);
        squares = neon_fma8(squares, v, v);
    }
    /* Lanes without an element add +0 to a sum that is never -0. */
    const struct neon8 last = neon_load_part(x + i, n - i, 0);
    squares = neon_fma8(squares, last, last);
    const float r = 1.0f / sqrtf(neon_tree_sum(squares) / (float)n + eps);
    if (w != NULL)
        neon_map(y, x, w, &r, n, map_scale_twice);
    else
        neon_map(y, x, x, &r, n, map_scale);
}

static void neon_softmax(float *x, int32_t n)
{
    const float sum = neon_weigh(x, n, neon_largest(x, n));
    neon_map(x, x, x, &sum, n, neon_divide);
}

/* ------------------------------------------------------------ activations */

/* The largest |x| as bits, which are ordered as integers; n a multiple of 8. */
MOE__INLINE uint32_t neon_largest_bits(const float *x, int32_t n)
{
    uint32x4_t low = vdupq_n_u32(0), high = low;
    for (int32_t i = 0; i < n; i += 8) {
        const struct neon8 v = neon_load8(x + i);
        low = vmaxq_u32(low, vreinterpretq_u32_f32(vabsq_f32(v.low)));
        high = vmaxq_u32(high, vreinterpretq_u32_f32(vabsq_f32(v.high)));
    }
    return vmaxvq_u32(vmaxq_u32(low, high));
}

#define NEON_LEVELS (MOE__MAX_LEVEL - MOE__MIN_LEVEL + 1)

/* sum + e^2 with e = s - round(s), s = x * inverse */
MOE__INLINE float32x4_t add_error(float32x4_t sum, float32x4_t x,
                                  float32x4_t inverse)
{
    float32x4_t s = vmulq_f32(x, inverse);
    float32x4_t e = vsubq_f32(s, vrndnq_f32(s));
    return vfmaq_f32(sum, e, e);
}

/* best_level of scalar_misc.c: all levels in one pass over the block. */
MOE__INLINE int32_t neon_best_level(const float *x, int32_t n, float amax)
{
    struct neon8 sum[NEON_LEVELS];
    float32x4_t inverse[NEON_LEVELS];
    MOE__UNROLL
    for (int32_t c = 0; c < NEON_LEVELS; c++) {
        inverse[c] = vdupq_n_f32((float)(MOE__MAX_LEVEL - c) / amax);
        sum[c] = neon_set8(0);
    }
    for (int32_t i = 0; i < n; i += 8) {
        const struct neon8 v = neon_load8(x + i);
        MOE__UNROLL
        for (int32_t c = 0; c < NEON_LEVELS; c++) {
            sum[c].low = add_error(sum[c].low, v.low, inverse[c]);
            sum[c].high = add_error(sum[c].high, v.high, inverse[c]);
        }
    }
    static_assert(NEON_LEVELS == 4, "as many as are folded at once");
    float total[NEON_LEVELS], least = INFINITY;
    int32_t best = MOE__MAX_LEVEL;
    vst1q_f32(total, neon_tree_sum4(sum));
    for (int32_t c = 0; c < NEON_LEVELS; c++) {
        const int32_t level = MOE__MAX_LEVEL - c;
        float error = moe__level_error(total[c], level);
        if (error < least) {
            least = error;
            best = level;
        }
    }
    return best;
}

/* round(x * inverse) of 16 floats, |...| < 128: so narrowing is to take the
 * low halves. */
MOE__INLINE int8x16_t round_sixteen(const float *x, float inverse)
{
    int16x8_t v[4];
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        v[i] = vreinterpretq_s16_s32(
            vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), inverse)));
    return vuzp1q_s8(vreinterpretq_s8_s16(vuzp1q_s16(v[0], v[1])),
                     vreinterpretq_s8_s16(vuzp1q_s16(v[2], v[3])));
}

/* quantize_block of scalar_misc.c; n a multiple of 32. */
MOE__INLINE float neon_quantize_block(int8_t *q, const float *x, int32_t n)
{
    const uint32_t largest = neon_largest_bits(x, n);
    const float amax = moe__bits_to_f32(largest);
    const bool is_finite = largest < 0x7f800000u;
    if (!is_finite || amax < MOE__TINY_BLOCK) {
        memset(q, 0, (size_t)n);
        return is_finite ? 0.0f : moe__bits_to_f32(MOE__NAN_BITS);
    }
    const float level = (float)neon_best_level(x, n, amax);
    const float inverse = level / amax;
    for (int32_t i = 0; i < n; i += 16)
        vst1q_s8(q + i, round_sixteen(x + i, inverse));
    return amax / level;
}

static void neon_quantize_a32(int8_t *q, float *scale, int16_t *sum,
                              const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 32)
        scale[i / 32] = neon_quantize_block(q + i, x + i, 32);
    for (int32_t i = 0; i < n; i += 16)
        sum[i / 16] = vaddlvq_s8(vld1q_s8(q + i));
}

static void neon_quantize_a256(int8_t *q, float *scale, int16_t *sum,
                               const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 256)
        scale[i / 256] = neon_quantize_block(q + i, x + i, 256);
    for (int32_t i = 0; i < n; i += 16)
        sum[i / 16] = vaddlvq_s8(vld1q_s8(q + i));
}

/* ----------------------------------------------------- rows of the KV store */

static void neon_put_f16(void *dst, const float *src, int32_t n)
{
    uint8_t *out = dst;
    int32_t i = 0;
    for (; i + 8 <= n; i += 8)
        vst1q_u8(out + 2 * i, neon_to_f16(neon_load8(src + i)));
    if (i == n)
        return;
    uint8_t part[16];
    vst1q_u8(part, neon_to_f16(neon_load_part(src + i, n - i, 0)));
    memcpy(out + 2 * i, part, 2 * (size_t)(n - i));
}

static void neon_put_q8_0(void *dst, const float *src, int32_t n)
{
    uint8_t *block = dst;
    for (int32_t i = 0; i < n; i += 32, block += 34) {
        int8_t q[32];
        float scale = neon_quantize_block(q, src + i, 32);
        moe__store_u16(block, moe__f32_to_f16(scale));
        memcpy(block + 2, q, sizeof q);
    }
}

/* ------------------------------------------------------------------- RoPE */

/* Turns four pairs, which are side by side, or `apart` floats from each other:
 * (a, b) to (fma(a, cos, -(b sin)), fma(a, sin, b cos)). */
MOE__INLINE void turn_four(float *x, int32_t apart, const float *cosine,
                           const float *sine)
{
    const float32x4_t c = vld1q_f32(cosine), s = vld1q_f32(sine);
    float32x4x2_t v;
    if (apart == 1)
        v = vld2q_f32(x);
    else
        v = (float32x4x2_t){{vld1q_f32(x), vld1q_f32(x + apart)}};
    const float32x4_t a = v.val[0], b = v.val[1];
    v.val[0] = neon_canonical(vfmaq_f32(vnegq_f32(vmulq_f32(b, s)), a, c));
    v.val[1] = neon_canonical(vfmaq_f32(vmulq_f32(b, c), a, s));
    if (apart == 1) {
        vst2q_f32(x, v);
    } else {
        vst1q_f32(x, v.val[0]);
        vst1q_f32(x + apart, v.val[1]);
    }
}

/* The first `half` pairs of a head. */
MOE__INLINE void turn_head(float *x, int32_t apart, const float *cosine,
                           const float *sine, int32_t half)
{
    const int32_t step = apart == 1 ? 2 : 1;
    int32_t i = 0;
    for (; i + 4 <= half; i += 4)
        turn_four(x + step * i, apart, cosine + i, sine + i);
    for (; i < half; i++) {
        float pair[8] = {x[step * i], x[step * i + apart]};
        float c[4] = {cosine[i]}, s[4] = {sine[i]};
        turn_four(pair, 1, c, s);
        x[step * i] = pair[0];
        x[step * i + apart] = pair[1];
    }
}

static void neon_rope(float *x, const float *cosine, const float *sine,
                      int32_t n_heads, int32_t d_head, int32_t n_rot,
                      enum moe__rope_pairs pairs)
{
    for (int32_t h = 0; h < n_heads; h++, x += d_head) {
        if (pairs == MOE__ROPE_ADJACENT)
            turn_head(x, 1, cosine, sine, n_rot / 2);
        else
            turn_head(x, n_rot / 2, cosine, sine, n_rot / 2);
    }
}

void moe__neon_fill_misc(struct moe__kern *kern)
{
    kern->rms_norm = neon_rms_norm;
    kern->quantize_a32 = neon_quantize_a32;
    kern->quantize_a256 = neon_quantize_a256;
    kern->rope = neon_rope;
    kern->glu[MOE__GLU_SILU] = neon_silu;
    kern->glu[MOE__GLU_GELU] = neon_gelu;
    kern->add = neon_add;
    kern->scale = neon_scale;
    kern->axpy = neon_axpy;
    kern->softcap = neon_cap;
    kern->softmax = neon_softmax;
    kern->kv_put[MOE__KV_F16] = neon_put_f16;
    kern->kv_put[MOE__KV_Q8_0] = neon_put_q8_0;
}

#endif
