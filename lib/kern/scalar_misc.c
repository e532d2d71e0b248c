/* scalar_misc.c: norms, quantised activations, RoPE, activations of the FFN,
 * softmax and the storing of keys and values: the definition. */
#include "kern/fill.h"
#include "kern/fmath.h"

static void scalar_rms_norm(float *y, const float *x, const float *w, int32_t n,
                            float eps)
{
    float lane[MOE__LANES] = {0};
    for (int32_t i = 0; i < n; i++)
        lane[i % MOE__LANES] = fmaf(x[i], x[i], lane[i % MOE__LANES]);
    float r = 1.0f / sqrtf(moe__tree_sum(lane) / (float)n + eps);
    for (int32_t i = 0; i < n; i++)
        y[i] = moe__canonical(w != NULL ? x[i] * r * w[i] : x[i] * r);
}

/* The level that amax is mapped to: see MOE__MAX_LEVEL.  The error of an
 * element is e = s - round(s), s = level x / amax; e is exact, its squares are
 * summed in 8 lanes. */
static int32_t best_level(const float *x, int32_t n, float amax)
{
    int32_t best = MOE__MAX_LEVEL;
    float least = INFINITY;
    for (int32_t level = MOE__MAX_LEVEL; level >= MOE__MIN_LEVEL; level--) {
        const float inverse = (float)level / amax;
        float lane[MOE__LANES] = {0};
        for (int32_t i = 0; i < n; i++) {
            float s = x[i] * inverse, e = s - (s + MOE__ROUND - MOE__ROUND);
            lane[i % MOE__LANES] = fmaf(e, e, lane[i % MOE__LANES]);
        }
        float error = moe__level_error(moe__tree_sum(lane), level);
        if (error < least) {
            least = error;
            best = level;
        }
    }
    return best;
}

/* One block of n floats to q = round(level x / amax), ties to even; returns the
 * scale amax / level.  A block that is all but zero becomes zero: 127 / amax
 * must not overflow.  A block with an infinity or a NaN has the scale NaN. */
static float quantize_block(int8_t *q, const float *x, int32_t n)
{
    uint32_t largest = 0; /* bits of |x|: floats are ordered as integers */
    for (int32_t i = 0; i < n; i++) {
        uint32_t bits = moe__f32_to_bits(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    float amax = moe__bits_to_f32(largest);
    bool is_finite = largest < 0x7f800000u;
    if (!is_finite || amax < MOE__TINY_BLOCK) {
        memset(q, 0, (size_t)n);
        return is_finite ? 0.0f : moe__bits_to_f32(MOE__NAN_BITS);
    }
    const float level = (float)best_level(x, n, amax);
    const float inverse = level / amax;
    for (int32_t i = 0; i < n; i++)
        q[i] = (int8_t)(x[i] * inverse + MOE__ROUND - MOE__ROUND);
    return amax / level;
}

static void quantize_row(int8_t *q, float *scale, int16_t *sum, const float *x,
                         int32_t n, int32_t block)
{
    for (int32_t i = 0; i < n; i += block)
        *scale++ = quantize_block(q + i, x + i, block);
    for (int32_t i = 0; i < n; i += 16) {
        int32_t total = 0;
        for (int32_t j = 0; j < 16; j++)
            total += q[i + j];
        *sum++ = (int16_t)total;
    }
}

static void scalar_quantize_a32(int8_t *q, float *scale, int16_t *sum,
                                const float *x, int32_t n)
{
    quantize_row(q, scale, sum, x, n, 32);
}

static void scalar_quantize_a256(int8_t *q, float *scale, int16_t *sum,
                                 const float *x, int32_t n)
{
    quantize_row(q, scale, sum, x, n, 256);
}

/* (a, b) turned by an angle: (a cos - b sin, a sin + b cos). */
static void scalar_rope(float *x, const float *cosine, const float *sine,
                        int32_t n_heads, int32_t d_head, int32_t n_rot,
                        enum moe__rope_pairs pairs)
{
    const int32_t step = pairs == MOE__ROPE_ADJACENT ? 2 : 1;
    const int32_t apart = pairs == MOE__ROPE_ADJACENT ? 1 : n_rot / 2;
    for (int32_t h = 0; h < n_heads; h++, x += d_head)
        for (int32_t i = 0; i < n_rot / 2; i++) {
            float *first = x + i * step, *second = first + apart;
            float a = *first, b = *second;
            *first = moe__canonical(fmaf(a, cosine[i], -(b * sine[i])));
            *second = moe__canonical(fmaf(a, sine[i], b * cosine[i]));
        }
}

static void scalar_silu(float *y, const float *gate, const float *up, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = moe__canonical(gate[i] * moe__sigmoid(gate[i]) * up[i]);
}

static void scalar_gelu(float *y, const float *gate, const float *up, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        float x = gate[i];
        float z = MOE__GELU_SCALE * fmaf(MOE__GELU_CUBE * (x * x), x, x);
        y[i] = moe__canonical(x * moe__sigmoid(z) * up[i]);
    }
}

static void scalar_add(float *y, const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = moe__canonical(y[i] + x[i]);
}

static void scalar_scale(float *y, float s, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = moe__canonical(y[i] * s);
}

static void scalar_axpy(float *y, float a, const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        y[i] = moe__canonical(fmaf(a, x[i], y[i]));
}

static void scalar_softcap(float *x, float cap, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        x[i] = moe__canonical(cap * moe__tanhf(x[i] / cap));
}

static void scalar_softmax(float *x, int32_t n)
{
    float max = -INFINITY, lane[MOE__LANES] = {0};
    for (int32_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (int32_t i = 0; i < n; i++) {
        x[i] = moe__expf(x[i] - max);
        lane[i % MOE__LANES] += x[i];
    }
    float sum = moe__tree_sum(lane);
    for (int32_t i = 0; i < n; i++)
        x[i] = moe__canonical(x[i] / sum);
}

static void scalar_put_f32(void *dst, const float *src, int32_t n)
{
    memcpy(dst, src, (size_t)n * sizeof *src);
}

static void scalar_put_f16(void *dst, const float *src, int32_t n)
{
    uint8_t *out = dst;
    for (int32_t i = 0; i < n; i++)
        moe__store_u16(out + 2 * i, moe__f32_to_f16(src[i]));
}

static void scalar_put_q8_0(void *dst, const float *src, int32_t n)
{
    uint8_t *block = dst;
    for (int32_t i = 0; i < n; i += 32, block += 34) {
        int8_t q[32];
        float scale = quantize_block(q, src + i, 32);
        moe__store_u16(block, moe__f32_to_f16(scale));
        memcpy(block + 2, q, sizeof q);
    }
}

void moe__scalar_fill_misc(struct moe__kern *kern)
{
    kern->rms_norm = scalar_rms_norm;
    kern->quantize_a32 = scalar_quantize_a32;
    kern->quantize_a256 = scalar_quantize_a256;
    kern->rope = scalar_rope;
    kern->glu[MOE__GLU_SILU] = scalar_silu;
    kern->glu[MOE__GLU_GELU] = scalar_gelu;
    kern->add = scalar_add;
    kern->scale = scalar_scale;
    kern->axpy = scalar_axpy;
    kern->softcap = scalar_softcap;
    kern->softmax = scalar_softmax;
    kern->kv_put[MOE__KV_F32] = scalar_put_f32;
    kern->kv_put[MOE__KV_F16] = scalar_put_f16;
    kern->kv_put[MOE__KV_Q8_0] = scalar_put_q8_0;
}
