/* avx2_misc.c: scalar_misc.c in eight lanes, AVX2. */
#include "kern/fill.h"

#if MOE__HAS_AVX2
#include "kern/x86/avx2_math.h"

MOE__TARGET_BEGIN("avx2,fma,f16c")

static void avx2_rms_norm(float *y, const float *x, const float *w, int32_t n,
                          float eps)
{
    __m256 squares = _mm256_setzero_ps();
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);
        squares = _mm256_fmadd_ps(v, v, squares);
    }
    /* Lanes without an element add +0 to a sum that is never -0. */
    __m256 last = _mm256_maskload_ps(x + i, avx2_first(n - i));
    squares = _mm256_fmadd_ps(last, last, squares);
    float r = 1.0f / sqrtf(avx2_tree_sum(squares) / (float)n + eps);
    for (i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v =
            _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), _mm256_set1_ps(r));
        if (w != NULL)
            v = _mm256_mul_ps(v, _mm256_maskload_ps(w + i, mask));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

/* The largest |x| as bits, which are ordered as integers. */
MOE__INLINE uint32_t largest_bits(const float *x, int32_t n)
{
    const __m256i mask = _mm256_set1_epi32(0x7fffffff);
    __m256i largest = _mm256_setzero_si256();
    for (int32_t i = 0; i < n; i += 8)
        largest = _mm256_max_epi32(
            largest, _mm256_and_si256(avx2_load_bytes(x + i), mask));
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(largest),
                                 _mm256_extracti128_si256(largest, 1));
    __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(one);
}

/* round(x * inverse) of 32 floats, in order: the packs work within lanes. */
MOE__INLINE __m256i round_to_int8(const float *x, __m256 inverse)
{
    __m256i v[4];
    MOE__UNROLL
    for (int32_t i = 0; i < 4; i++)
        v[i] = _mm256_cvtps_epi32(
            _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
    __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]),
                                        _mm256_packs_epi32(v[2], v[3]));
    return _mm256_permutevar8x32_epi32(
        packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* best_level of scalar_misc.c: all levels in one pass over the block. */
MOE__INLINE int32_t avx2_best_level(const float *x, int32_t n, float amax)
{
    enum { N_LEVELS = MOE__MAX_LEVEL - MOE__MIN_LEVEL + 1 };
    __m256 inverse[N_LEVELS], sum[N_LEVELS];
    MOE__UNROLL
    for (int32_t c = 0; c < N_LEVELS; c++) {
        inverse[c] = _mm256_set1_ps((float)(MOE__MAX_LEVEL - c) / amax);
        sum[c] = _mm256_setzero_ps();
    }
    for (int32_t i = 0; i < n; i += 8) {
        const __m256 v = _mm256_loadu_ps(x + i);
        MOE__UNROLL
        for (int32_t c = 0; c < N_LEVELS; c++) {
            __m256 s = _mm256_mul_ps(v, inverse[c]);
            __m256 e =
                _mm256_sub_ps(s, _mm256_round_ps(s, _MM_FROUND_TO_NEAREST_INT |
                                                        _MM_FROUND_NO_EXC));
            sum[c] = _mm256_fmadd_ps(e, e, sum[c]);
        }
    }
    int32_t best = MOE__MAX_LEVEL;
    float least = INFINITY;
    for (int32_t c = 0; c < N_LEVELS; c++) {
        const int32_t level = MOE__MAX_LEVEL - c;
        float error = moe__level_error(avx2_tree_sum(sum[c]), level);
        if (error < least) {
            least = error;
            best = level;
        }
    }
    return best;
}

/* quantize_block of scalar_misc.c; n a multiple of 32. */
MOE__INLINE float avx2_quantize_block(int8_t *q, const float *x, int32_t n)
{
    uint32_t largest = largest_bits(x, n);
    float amax = moe__bits_to_f32(largest);
    bool is_finite = largest < 0x7f800000u;
    if (!is_finite || amax < MOE__TINY_BLOCK) {
        memset(q, 0, (size_t)n);
        return is_finite ? 0.0f : moe__bits_to_f32(MOE__NAN_BITS);
    }
    const float level = (float)avx2_best_level(x, n, amax);
    const __m256 inverse = _mm256_set1_ps(level / amax);
    for (int32_t i = 0; i < n; i += 32)
        _mm256_storeu_si256((__m256i *)(void *)(q + i),
                            round_to_int8(x + i, inverse));
    return amax / level;
}

/* Sums of 16 of n int8, n a multiple of 32. */
MOE__INLINE void sum_groups(int16_t *sum, const int8_t *q, int32_t n)
{
    const __m256i one8 = _mm256_set1_epi8(1), one16 = _mm256_set1_epi16(1);
    for (int32_t i = 0; i < n; i += 32) {
        __m256i pairs = _mm256_maddubs_epi16(one8, avx2_load_bytes(q + i));
        __m256i fours = _mm256_madd_epi16(pairs, one16);
        __m256i eights = _mm256_hadd_epi32(fours, fours);
        __m256i all = _mm256_hadd_epi32(eights, eights);
        sum[i / 16] = (int16_t)_mm256_extract_epi32(all, 0);
        sum[i / 16 + 1] = (int16_t)_mm256_extract_epi32(all, 4);
    }
}

static void avx2_quantize_a32(int8_t *q, float *scale, int16_t *sum,
                              const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 32)
        scale[i / 32] = avx2_quantize_block(q + i, x + i, 32);
    sum_groups(sum, q, n);
}

static void avx2_quantize_a256(int8_t *q, float *scale, int16_t *sum,
                               const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 256)
        scale[i / 256] = avx2_quantize_block(q + i, x + i, 256);
    sum_groups(sum, q, n);
}

struct turned {
    __m256 first;
    __m256 second;
};

MOE__INLINE struct turned turn_pairs(__m256 a, __m256 b, __m256 cosine,
                                     __m256 sine)
{
    __m256 first = _mm256_fmsub_ps(a, cosine, _mm256_mul_ps(b, sine));
    __m256 second = _mm256_fmadd_ps(a, sine, _mm256_mul_ps(b, cosine));
    return (struct turned){avx2_canonical(first), avx2_canonical(second)};
}

/* Pairs (i, i + half) for i < half. */
static void turn_halves(float *x, const float *cosine, const float *sine,
                        int32_t half)
{
    for (int32_t i = 0; i < half; i += 8) {
        __m256i mask = avx2_first(half - i);
        struct turned y = turn_pairs(_mm256_maskload_ps(x + i, mask),
                                     _mm256_maskload_ps(x + half + i, mask),
                                     _mm256_maskload_ps(cosine + i, mask),
                                     _mm256_maskload_ps(sine + i, mask));
        avx2_store_first(x + i, y.first, half - i);
        avx2_store_first(x + half + i, y.second, half - i);
    }
}

/* Pairs (2i, 2i + 1) for i < half.  Taking the even and the odd floats of two
 * registers apart leaves pairs in the order 0 1 4 5 2 3 6 7, so angles are
 * brought into that order, and unpacking puts all back. */
static void turn_adjacent(float *x, const float *cosine, const float *sine,
                          int32_t half)
{
    for (int32_t i = 0; i < half; i += 8) {
        int32_t n = moe__min_i32(half - i, 8);
        __m256i mask = avx2_first(n);
        __m256i low = avx2_first(2 * n), high = avx2_first(2 * n - 8);
        float *at = x + 2 * i;
        __m256 v0 = _mm256_maskload_ps(at, low);
        __m256 v1 = _mm256_maskload_ps(at + 8, high);
        __m256 c = _mm256_maskload_ps(cosine + i, mask);
        __m256 s = _mm256_maskload_ps(sine + i, mask);
        c = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(c), 0xd8));
        s = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(s), 0xd8));
        struct turned y = turn_pairs(_mm256_shuffle_ps(v0, v1, 0x88),
                                     _mm256_shuffle_ps(v0, v1, 0xdd), c, s);
        avx2_store_first(at, _mm256_unpacklo_ps(y.first, y.second), 2 * n);
        avx2_store_first(at + 8, _mm256_unpackhi_ps(y.first, y.second),
                         2 * n - 8);
    }
}

static void avx2_rope(float *x, const float *cosine, const float *sine,
                      int32_t n_heads, int32_t d_head, int32_t n_rot,
                      enum moe__rope_pairs pairs)
{
    for (int32_t h = 0; h < n_heads; h++, x += d_head) {
        if (pairs == MOE__ROPE_ADJACENT)
            turn_adjacent(x, cosine, sine, n_rot / 2);
        else
            turn_halves(x, cosine, sine, n_rot / 2);
    }
}

MOE__INLINE __m256 silu8(__m256 x)
{
    return _mm256_mul_ps(x, avx2_sigmoid(x));
}

MOE__INLINE __m256 gelu8(__m256 x)
{
    __m256 cube =
        _mm256_mul_ps(_mm256_set1_ps(MOE__GELU_CUBE), _mm256_mul_ps(x, x));
    __m256 z = _mm256_mul_ps(_mm256_set1_ps(MOE__GELU_SCALE),
                             _mm256_fmadd_ps(cube, x, x));
    return _mm256_mul_ps(x, avx2_sigmoid(z));
}

static void avx2_silu(float *y, const float *gate, const float *up, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v = _mm256_mul_ps(silu8(_mm256_maskload_ps(gate + i, mask)),
                                 _mm256_maskload_ps(up + i, mask));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

static void avx2_gelu(float *y, const float *gate, const float *up, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v = _mm256_mul_ps(gelu8(_mm256_maskload_ps(gate + i, mask)),
                                 _mm256_maskload_ps(up + i, mask));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

static void avx2_add(float *y, const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v = _mm256_add_ps(_mm256_maskload_ps(y + i, mask),
                                 _mm256_maskload_ps(x + i, mask));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

static void avx2_scale(float *y, float s, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v =
            _mm256_mul_ps(_mm256_maskload_ps(y + i, mask), _mm256_set1_ps(s));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

static void avx2_axpy(float *y, float a, const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        __m256i mask = avx2_first(n - i);
        __m256 v =
            _mm256_fmadd_ps(_mm256_set1_ps(a), _mm256_maskload_ps(x + i, mask),
                            _mm256_maskload_ps(y + i, mask));
        avx2_store_first(y + i, avx2_canonical(v), n - i);
    }
}

static void avx2_softcap(float *x, float cap, int32_t n)
{
    const __m256 limit = _mm256_set1_ps(cap);
    for (int32_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_maskload_ps(x + i, avx2_first(n - i));
        v = _mm256_mul_ps(limit, avx2_tanh(_mm256_div_ps(v, limit)));
        avx2_store_first(x + i, avx2_canonical(v), n - i);
    }
}

/* Lanes without an element count as -infinity: exp gives 0 there. */
MOE__INLINE __m256 load_or_infinity(const float *x, int32_t n)
{
    __m256i mask = avx2_first(n);
    return _mm256_blendv_ps(_mm256_set1_ps(-INFINITY),
                            _mm256_maskload_ps(x, mask),
                            _mm256_castsi256_ps(mask));
}

static void avx2_softmax(float *x, int32_t n)
{
    __m256 max = _mm256_set1_ps(-INFINITY), sum = _mm256_setzero_ps();
    for (int32_t i = 0; i < n; i += 8) /* maxps passes over NaN */
        max = _mm256_max_ps(load_or_infinity(x + i, n - i), max);
    max = _mm256_set1_ps(avx2_max_lane(max));
    for (int32_t i = 0; i < n; i += 8) {
        __m256 v = load_or_infinity(x + i, n - i);
        v = avx2_exp(_mm256_sub_ps(v, max));
        sum = _mm256_add_ps(sum, v);
        avx2_store_first(x + i, v, n - i);
    }
    __m256 total = _mm256_set1_ps(avx2_tree_sum(sum));
    for (int32_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_maskload_ps(x + i, avx2_first(n - i));
        avx2_store_first(x + i, avx2_canonical(_mm256_div_ps(v, total)), n - i);
    }
}

static void avx2_put_f16(void *dst, const float *src, int32_t n)
{
    uint8_t *out = dst;
    for (int32_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_maskload_ps(src + i, avx2_first(n - i));
        __m128i h = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
        uint16_t half[8];
        _mm_storeu_si128((__m128i *)(void *)half, h);
        memcpy(out + 2 * i, half, 2 * (size_t)moe__min_i32(n - i, 8));
    }
}

static void avx2_put_q8_0(void *dst, const float *src, int32_t n)
{
    uint8_t *block = dst;
    for (int32_t i = 0; i < n; i += 32, block += 34) {
        int8_t q[32];
        float scale = avx2_quantize_block(q, src + i, 32);
        moe__store_u16(block, moe__f32_to_f16(scale));
        memcpy(block + 2, q, sizeof q);
    }
}

MOE__TARGET_END

void moe__avx2_fill_misc(struct moe__kern *kern)
{
    kern->rms_norm = avx2_rms_norm;
    kern->quantize_a32 = avx2_quantize_a32;
    kern->quantize_a256 = avx2_quantize_a256;
    kern->rope = avx2_rope;
    kern->glu[MOE__GLU_SILU] = avx2_silu;
    kern->glu[MOE__GLU_GELU] = avx2_gelu;
    kern->add = avx2_add;
    kern->scale = avx2_scale;
    kern->axpy = avx2_axpy;
    kern->softcap = avx2_softcap;
    kern->softmax = avx2_softmax;
    kern->kv_put[MOE__KV_F16] = avx2_put_f16;
    kern->kv_put[MOE__KV_Q8_0] = avx2_put_q8_0;
}

#endif
