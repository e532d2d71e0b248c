/* Norms, quantised activations, RoPE, FFN activations, softmax, KV rows:
 * overlays equal scalar bit for bit, scalar equals double within its bounds. */
#include "kern_test.h"

static struct moe__kern kerns[MAX_KERNS];
static int32_t n_kerns;

/* ------------------------------------------------- overlays against scalar */

/* One call of a slot: out is written, and starts as a copy of a. */
typedef void slot_fn(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n);

static void run_norm(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n)
{
    kern->rms_norm((void *)out, a, b, n, 1e-5f);
}

static void run_norm_in_place(const struct moe__kern *kern, uint8_t *out,
                              const float *a, const float *b, int32_t n)
{
    (void)a, (void)b;
    kern->rms_norm((void *)out, (void *)out, NULL, n, 1e-6f);
}

static void run_a32(const struct moe__kern *kern, uint8_t *out, const float *a,
                    const float *b, int32_t n)
{
    (void)b;
    memset(out, 0, (size_t)n * 4);
    kern->quantize_a32((void *)out, (void *)(out + n), (void *)(out + 2 * n), a,
                       n);
}

static void run_a256(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n)
{
    (void)b;
    memset(out, 0, (size_t)n * 4);
    kern->quantize_a256((void *)out, (void *)(out + n), (void *)(out + 2 * n),
                        a, n);
}

static void run_silu(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n)
{
    kern->glu[MOE__GLU_SILU]((void *)out, a, b, n);
}

static void run_silu_on_gate(const struct moe__kern *kern, uint8_t *out,
                             const float *a, const float *b, int32_t n)
{
    (void)a;
    kern->glu[MOE__GLU_SILU]((void *)out, (void *)out, b, n);
}

static void run_gelu(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n)
{
    kern->glu[MOE__GLU_GELU]((void *)out, a, b, n);
}

static void run_gelu_on_up(const struct moe__kern *kern, uint8_t *out,
                           const float *a, const float *b, int32_t n)
{
    (void)a;
    kern->glu[MOE__GLU_GELU]((void *)out, b, (void *)out, n);
}

static void run_add(const struct moe__kern *kern, uint8_t *out, const float *a,
                    const float *b, int32_t n)
{
    (void)a;
    kern->add((void *)out, b, n);
}

static void run_scale(const struct moe__kern *kern, uint8_t *out,
                      const float *a, const float *b, int32_t n)
{
    (void)a;
    kern->scale((void *)out, b[0], n);
}

static void run_axpy(const struct moe__kern *kern, uint8_t *out, const float *a,
                     const float *b, int32_t n)
{
    kern->axpy((void *)out, a[n / 2], b, n);
}

static void run_softcap(const struct moe__kern *kern, uint8_t *out,
                        const float *a, const float *b, int32_t n)
{
    (void)a, (void)b;
    kern->softcap((void *)out, 30.0f, n);
}

static void run_softmax(const struct moe__kern *kern, uint8_t *out,
                        const float *a, const float *b, int32_t n)
{
    (void)a, (void)b;
    kern->softmax((void *)out, n);
}

static void run_put_f32(const struct moe__kern *kern, uint8_t *out,
                        const float *a, const float *b, int32_t n)
{
    (void)b;
    kern->kv_put[MOE__KV_F32](out, a, n);
}

static void run_put_f16(const struct moe__kern *kern, uint8_t *out,
                        const float *a, const float *b, int32_t n)
{
    (void)b;
    kern->kv_put[MOE__KV_F16](out + 2 * n, a, n);
}

static void run_put_q8_0(const struct moe__kern *kern, uint8_t *out,
                         const float *a, const float *b, int32_t n)
{
    (void)b;
    kern->kv_put[MOE__KV_Q8_0](out + 4 * n - 34 * (n / 32), a, n);
}

static const struct slot {
    const char *name;
    slot_fn *run;
    int32_t multiple; /* of lengths */
} slots[] = {
    {"rms_norm", run_norm, 1},
    {"rms_norm in place", run_norm_in_place, 1},
    {"quantize_a32", run_a32, 32},
    {"quantize_a256", run_a256, 256},
    {"silu", run_silu, 1},
    {"silu on gate", run_silu_on_gate, 1},
    {"gelu", run_gelu, 1},
    {"gelu on up", run_gelu_on_up, 1},
    {"add", run_add, 1},
    {"scale", run_scale, 1},
    {"axpy", run_axpy, 1},
    {"softcap", run_softcap, 1},
    {"softmax", run_softmax, 1},
    {"kv_put f32", run_put_f32, 1},
    {"kv_put f16", run_put_f16, 1},
    {"kv_put q8_0", run_put_q8_0, 32},
};

static bool slot_agrees(const struct slot *slot, int32_t n, enum fill fill,
                        enum guard_side side, size_t shift, struct dice *dice)
{
    bool agrees = true;
    size_t bytes = 4 * (size_t)n;
    struct guarded a = guard_alloc(bytes, side, shift);
    struct guarded b = guard_alloc(bytes, side, shift);
    struct guarded want = guard_alloc(bytes, side, shift);
    struct guarded got = guard_alloc(bytes, side, shift);
    fill_floats((void *)a.data, n, fill, dice);
    fill_floats((void *)b.data, n, (enum fill)(dice_roll(dice) % N_FILLS),
                dice);
    memcpy(want.data, a.data, bytes);
    slot->run(&kerns[0], want.data, (void *)a.data, (void *)b.data, n);
    for (int32_t k = 1; k < n_kerns && agrees; k++) {
        memcpy(got.data, a.data, bytes);
        slot->run(&kerns[k], got.data, (void *)a.data, (void *)b.data, n);
        agrees = same_bits(want.data, got.data, bytes, slot->name);
        CHECK(agrees, "%s: %s of %d, fill %d, shift %zu", kerns[k].name,
              slot->name, (int)n, (int)fill, shift);
    }
    guard_free(&got);
    guard_free(&want);
    guard_free(&b);
    guard_free(&a);
    return agrees;
}

static void overlays_equal_scalar(void)
{
    struct dice dice = {1};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (size_t s = 0; s < MOE__COUNT(slots); s++)
        for (int32_t i = 0; i < 42 * N_FILLS; i++) {
            int32_t n = (i / N_FILLS % 42 + 1) * slots[s].multiple;
            if (slots[s].multiple == 256 && n > 1024)
                break;
            REQUIRE(slot_agrees(&slots[s], n, (enum fill)(i % N_FILLS),
                                i & 16 ? GUARD_BEFORE : GUARD_AFTER, 0, &dice),
                    "length %d", (int)n);
        }
}

static void overlays_equal_scalar_at_all_alignments(void)
{
    struct dice dice = {2};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (size_t s = 0; s < MOE__COUNT(slots); s++)
        for (size_t shift = 0; shift < 64; shift += 4)
            REQUIRE(slot_agrees(&slots[s],
                                slots[s].multiple == 1 ? 37 : slots[s].multiple,
                                FILL_RANDOM,
                                shift & 4 ? GUARD_AFTER : GUARD_BEFORE, shift,
                                &dice),
                    "shift %zu", shift);
}

static void rope_overlays_equal_scalar(void)
{
    struct dice dice = {3};
    if (n_kerns < 2)
        SKIP("only the scalar backend runs here");
    for (int32_t i = 0; i < 2 * 40 * N_FILLS; i++) {
        enum moe__rope_pairs pairs =
            i & 1 ? MOE__ROPE_HALVES : MOE__ROPE_ADJACENT;
        int32_t half = i / (2 * N_FILLS) + 1, n_heads = 1 + i % 3;
        int32_t d_head = 2 * half + i % 5;
        size_t bytes = 4 * (size_t)(n_heads * d_head);
        struct guarded want = guard_alloc(bytes, GUARD_AFTER, 0);
        struct guarded got = guard_alloc(bytes, GUARD_AFTER, 0);
        struct guarded c = guard_alloc(4 * (size_t)half, GUARD_AFTER, 0);
        struct guarded s = guard_alloc(4 * (size_t)half, GUARD_AFTER, 0);
        fill_floats((void *)c.data, half, FILL_RANDOM, &dice);
        fill_floats((void *)s.data, half, FILL_RANDOM, &dice);
        fill_floats((void *)want.data, n_heads * d_head,
                    (enum fill)(i / 2 % N_FILLS), &dice);
        memcpy(got.data, want.data, bytes);
        for (int32_t k = 1; k < n_kerns; k++) {
            uint8_t *start = malloc(bytes);
            memcpy(start, want.data, bytes);
            kerns[0].rope((void *)want.data, (void *)c.data, (void *)s.data,
                          n_heads, d_head, 2 * half, pairs);
            kerns[k].rope((void *)got.data, (void *)c.data, (void *)s.data,
                          n_heads, d_head, 2 * half, pairs);
            same_bits(want.data, got.data, bytes, "rope");
            memcpy(want.data, start, bytes);
            memcpy(got.data, start, bytes);
            free(start);
        }
        guard_free(&s);
        guard_free(&c);
        guard_free(&got);
        guard_free(&want);
        REQUIRE(test_failures == 0, "half %d", (int)half);
    }
}

/* --------------------------------------------------- scalar against double */

#define U 0x1p-24 /* half a step, relative */

static void norm_keeps_its_bound(void)
{
    static const int32_t lengths[] = {1, 7, 8, 64, 100, 4096};
    static float x[4096], w[4096], y[4096];
    struct dice dice = {4};
    for (size_t l = 0; l < MOE__COUNT(lengths); l++) {
        int32_t n = lengths[l];
        double sum = 0;
        fill_floats(x, n, FILL_RANDOM, &dice);
        fill_floats(w, n, FILL_RANDOM, &dice);
        kerns[0].rms_norm(y, x, w, n, 1e-5f);
        for (int32_t i = 0; i < n; i++)
            sum += (double)x[i] * x[i];
        double r = 1 / sqrt(sum / n + (double)1e-5f);
        /* Half of a sum's error, then six roundings. */
        double bound = (n / 16 + 2 + 6) * U * 1.01;
        for (int32_t i = 0; i < n; i++) {
            double want = x[i] * r * w[i];
            CHECK(fabs((double)y[i] - want) <= bound * fabs(want), "%d of %d",
                  (int)i, (int)n);
        }
    }
}

static void norm_of_zeros_is_zero(void)
{
    float x[9] = {0}, y[9];
    for (int32_t k = 0; k < n_kerns; k++) {
        kerns[k].rms_norm(y, x, NULL, 9, 1e-5f);
        for (int32_t i = 0; i < 9; i++)
            CHECK(y[i] == 0, "%s", kerns[k].name);
    }
}

/* Squared error of x at a level, by the formula. */
static double error_at_level(const float *x, int32_t n, double amax, int level)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++) {
        double s = (double)x[i] * level / amax;
        sum += (s - rint(s)) * (s - rint(s));
    }
    return sum / level / level;
}

static void quantised_rows_are_nearest(void)
{
    struct dice dice = {5};
    float x[256], scale;
    int8_t q[256];
    int16_t sum[16];
    int n_used[4] = {0};
    for (int32_t round = 0; round < 200; round++) {
        float amax = 0;
        fill_floats(x, 256, round & 1 ? FILL_SPIKE : FILL_RANDOM, &dice);
        kerns[0].quantize_a256(q, &scale, sum, x, 256);
        for (int32_t i = 0; i < 256; i++)
            amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
        int level = (int)lrintf(amax / scale);
        REQUIRE(level >= 124 && level <= 127 && scale == amax / (float)level,
                "round %d: level %d", (int)round, level);
        n_used[127 - level]++;
        double error = error_at_level(x, 256, (double)amax, level);
        for (int other = 124; other <= 127; other++)
            CHECK(error <=
                      error_at_level(x, 256, (double)amax, other) * (1 + 1e-4),
                  "level %d, not %d", level, other);
        for (int32_t i = 0; i < 256; i++) {
            double steps =
                (double)x[i] * level / amax; /* within two roundings */
            CHECK(q[i] >= -127 && fabs(q[i] - steps) <= 0.5 + 127 * 2.1 * U,
                  "%d for %g", q[i], steps);
        }
        for (int32_t g = 0; g < 16; g++) {
            int32_t want = 0;
            for (int32_t i = 0; i < 16; i++)
                want += q[16 * g + i];
            CHECK(sum[g] == want, "group %d", (int)g);
        }
    }
    for (int c = 0; c < 4; c++)
        CHECK(n_used[c] > 0, "level %d is never the best", 127 - c);
}

static void quantising_breaks_ties_to_even(void)
{
    float x[32] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, -127}, scale;
    static const int8_t want[8] = {127, 0, 2, 2, 0, -2, -2, -127};
    int8_t q[32];
    int16_t sum[2];
    for (int i = 8; i < 32; i++)
        x[i] = (float)(5 * i - 37); /* whole numbers: 127 is the best level */
    for (int32_t k = 0; k < n_kerns; k++) {
        kerns[k].quantize_a32(q, &scale, sum, x, 32);
        CHECK(scale == 1 && memcmp(q, want, 8) == 0, "%s", kerns[k].name);
    }
}

static void odd_blocks_quantise_as_documented(void)
{
    static const struct {
        float spike;
        uint32_t scale;
    } cases[] = {
        {INFINITY, 0x7fc00000u}, {-INFINITY, 0x7fc00000u},
        {NAN, 0x7fc00000u},      {0.0f, 0},
        {0x1p-149f, 0},          {0.99e-30f, 0},
    };
    for (size_t c = 0; c < MOE__COUNT(cases); c++)
        for (int32_t k = 0; k < n_kerns; k++) {
            float x[64] = {0}, scale[2];
            int8_t q[64], zero[64] = {0};
            int16_t sum[4];
            memset(q, 1, sizeof q);
            x[17] = cases[c].spike;
            x[40] = 2;
            kerns[k].quantize_a32(q, scale, sum, x, 64);
            CHECK(moe__f32_to_bits(scale[0]) == cases[c].scale, "case %zu", c);
            CHECK(memcmp(q, zero, 32) == 0 && sum[0] == 0 && sum[1] == 0,
                  "case %zu", c);
            CHECK(q[40] == 127 && sum[2] == 127 && scale[1] == 2 / 127.0f,
                  "the next block is untouched");
        }
}

static void rope_turns_by_the_angle(void)
{
    float x[2][6] = {{1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}};
    const float c[2] = {0.5f, 0}, s[2] = {2, 1};
    kerns[0].rope(x[0], c, s, 1, 6, 4, MOE__ROPE_ADJACENT);
    kerns[0].rope(x[1], c, s, 1, 6, 4, MOE__ROPE_HALVES);
    static const float adjacent[6] = {-3.5f, 3, -4, 3, 5, 6};
    static const float halves[6] = {-5.5f, -4, 3.5f, 2, 5, 6};
    CHECK(memcmp(x[0], adjacent, sizeof adjacent) == 0, "adjacent");
    CHECK(memcmp(x[1], halves, sizeof halves) == 0, "halves");
}

static double exact_sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static void silu_is_within_four_ulps(void)
{
    const float one = 1;
    for (float x = -87; x < 87; x += 0.0037f) {
        float y;
        kerns[0].glu[MOE__GLU_SILU](&y, &x, &one, 1);
        REQUIRE(ulps(y, x * exact_sigmoid(x)) <= 4, "at %g", (double)x);
    }
}

/* The argument 2u has four roundings, and an error of it is multiplied by |2u|
 * where sigmoid falls off exponentially. */
static void gelu_is_within_its_bound(void)
{
    const float one = 1;
    for (float x = -9; x < 20; x += 0.00071f) {
        double a = x, z = 2 * sqrt(2 / acos(-1)) * (a + 0.044715 * a * a * a);
        float y;
        kerns[0].glu[MOE__GLU_GELU](&y, &x, &one, 1);
        REQUIRE(ulps(y, a * exact_sigmoid(z)) <= 4 + 4 * fabs(z), "at %g", a);
    }
}

static void softcap_is_within_four_ulps(void)
{
    for (float x = -300; x < 300; x += 0.013f) {
        float y = x;
        kerns[0].softcap(&y, 30, 1);
        REQUIRE(ulps(y, 30 * tanh((double)x / 30)) <= 4, "at %g", (double)x);
    }
}

static void softmax_keeps_its_bound(void)
{
    static const int32_t lengths[] = {1, 2, 8, 60, 1000};
    static float x[1000], y[1000];
    struct dice dice = {6};
    for (size_t l = 0; l < MOE__COUNT(lengths); l++) {
        int32_t n = lengths[l];
        double max = -INFINITY, sum = 0, total = 0;
        for (int32_t i = 0; i < n; i++) {
            x[i] = y[i] = dice_float(&dice) * 20;
            max = x[i] > max ? x[i] : max;
        }
        for (int32_t i = 0; i < n; i++)
            sum += exp(x[i] - max);
        kerns[0].softmax(y, n);
        for (int32_t i = 0; i < n; i++) {
            double want = exp(x[i] - max) / sum;
            /* x - max is off by |x - max| u, exp by 2 ulp, the sum by n / 8 + 3
             * roundings on top of both, the quotient by one more. */
            double bound = (2 * 40 + 2 * 4 + n / 8 + 4) * U * want;
            CHECK(fabs((double)y[i] - want) <= bound, "%d of %d", (int)i,
                  (int)n);
            total += y[i];
        }
        CHECK(fabs(total - 1) < 1e-5, "total %g", total);
    }
}

static void softmax_of_odd_rows(void)
{
    for (int32_t k = 0; k < n_kerns; k++) {
        float far[3] = {-1e30f, 1e30f, -INFINITY};
        kerns[k].softmax(far, 3);
        CHECK(far[0] == 0 && far[1] == 1 && far[2] == 0, "%s", kerns[k].name);
        float bad[3][9] = {{0, NAN}, {0, INFINITY}, {0}};
        for (int32_t i = 0; i < 9; i++)
            bad[2][i] = -INFINITY;
        for (int32_t c = 0; c < 3; c++) {
            kerns[k].softmax(bad[c], 9);
            for (int32_t i = 0; i < 9; i++)
                CHECK(moe__f32_to_bits(bad[c][i]) == 0x7fc00000u, "case %d",
                      (int)c);
        }
    }
}

static void kv_rows_round_to_nearest(void)
{
    struct dice dice = {7};
    float x[64];
    uint8_t half[128], block[68];
    fill_floats(x, 64, FILL_RANDOM, &dice);
    kerns[0].kv_put[MOE__KV_F16](half, x, 64);
    kerns[0].kv_put[MOE__KV_Q8_0](block, x, 64);
    for (int32_t i = 0; i < 64; i++) {
        double h = (double)moe__f16_to_f32(moe__load_u16(half + 2 * i));
        const uint8_t *b = block + i / 32 * 34;
        double d = (double)moe__f16_to_f32(moe__load_u16(b));
        double v = d * (int8_t)b[2 + i % 32];
        CHECK(fabs(h - x[i]) <= fabs(x[i]) * 0x1p-11, "f16");
        /* half a step, and the f16 scale's own rounding over 127 steps */
        CHECK(fabs(v - x[i]) <= d * (0.5 + 127 * 0x1p-11 + 1e-4), "q8_0");
    }
}

static const struct test tests[] = {
    {"overlays_equal_scalar", overlays_equal_scalar},
    {"overlays_equal_scalar_at_all_alignments",
     overlays_equal_scalar_at_all_alignments},
    {"rope_overlays_equal_scalar", rope_overlays_equal_scalar},
    {"norm_keeps_its_bound", norm_keeps_its_bound},
    {"norm_of_zeros_is_zero", norm_of_zeros_is_zero},
    {"quantised_rows_are_nearest", quantised_rows_are_nearest},
    {"quantising_breaks_ties_to_even", quantising_breaks_ties_to_even},
    {"odd_blocks_quantise_as_documented", odd_blocks_quantise_as_documented},
    {"rope_turns_by_the_angle", rope_turns_by_the_angle},
    {"silu_is_within_four_ulps", silu_is_within_four_ulps},
    {"gelu_is_within_its_bound", gelu_is_within_its_bound},
    {"softcap_is_within_four_ulps", softcap_is_within_four_ulps},
    {"softmax_keeps_its_bound", softmax_keeps_its_bound},
    {"softmax_of_odd_rows", softmax_of_odd_rows},
    {"kv_rows_round_to_nearest", kv_rows_round_to_nearest},
};

int main(int argc, char **argv)
{
    n_kerns = available_kerns(kerns);
    return test_main(tests, (int)MOE__COUNT(tests), argc, argv);
}
