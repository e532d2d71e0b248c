/* Rotary frequencies of every scaling against their formulas in libm. */
#include <math.h>

#include "run/run.h"

#include "test.h"

#define N_ROT 64

static struct moe__net net_with(struct moe__rope_params params)
{
    struct moe__net net = {.n_rot = N_ROT};
    net.rope[MOE__ROPE_GLOBAL] = params;
    return net;
}

static double omega_of(const struct moe__net *net, int32_t n_ctx, int i,
                       double *scale)
{
    double omega[N_ROT / 2];
    struct moe__rope rope = {omega, 0};
    moe__rope_init(&rope, net, MOE__ROPE_GLOBAL, n_ctx);
    *scale = rope.scale;
    return omega[i];
}

static void check_close(double got, double want, const char *what, int i)
{
    CHECK(fabs(got - want) <= 1e-12 * fabs(want), "%s %d: %g, expected %g",
          what, i, got, want);
}

static void plain_linear_and_divided_frequencies(void)
{
    float divisor[N_ROT / 2];
    double scale;
    for (int i = 0; i < N_ROT / 2; i++)
        divisor[i] = (float)(1 + i % 8);
    for (int i = 0; i < N_ROT / 2; i++) {
        double plain = pow(5e5, -2.0 * i / N_ROT);
        struct moe__rope_params p = {
            .base = 5e5, .factor = 1, .attn_factor = 1};
        struct moe__net net = net_with(p);
        check_close(omega_of(&net, 100, i, &scale), plain, "plain", i);
        p.scaling = MOE__SCALING_LINEAR;
        p.factor = 8;
        net = net_with(p);
        check_close(omega_of(&net, 100, i, &scale), plain / 8, "linear", i);
        p.factor = 1;
        p.divisor = divisor;
        net = net_with(p);
        check_close(omega_of(&net, 100, i, &scale), plain / (double)divisor[i],
                    "divided", i);
        CHECK(scale == 1);
    }
}

/* The formula of the paper, 2309.00071, section 3.2, with rounded bounds. */
static void yarn_frequencies(void)
{
    const double base = 1e4, factor = 4, original = 4096,
                 pi2 = 6.283185307179586;
    const struct moe__rope_params p = {.base = base,
                                       .scaling = MOE__SCALING_YARN,
                                       .factor = factor,
                                       .original_ctx = original,
                                       .attn_factor = 1,
                                       .beta_fast = 32,
                                       .beta_slow = 1};
    const struct moe__net net = net_with(p);
    double lo = floor(N_ROT * log(original / (32 * pi2)) / (2 * log(base)));
    double hi = ceil(N_ROT * log(original / (1 * pi2)) / (2 * log(base)));
    for (int i = 0; i < N_ROT / 2; i++) {
        double scale, plain = pow(base, -2.0 * i / N_ROT);
        double ramp = fmin(1, fmax(0, (i - lo) / (hi - lo)));
        double want = plain / factor * ramp + plain * (1 - ramp);
        check_close(omega_of(&net, 8192, i, &scale), want, "yarn", i);
        check_close(scale, 1 + 0.1 * log(factor), "scale", i);
    }
}

static void longrope_chooses_by_context(void)
{
    float longer[N_ROT / 2], shorter[N_ROT / 2];
    double scale;
    for (int i = 0; i < N_ROT / 2; i++) {
        longer[i] = 4;
        shorter[i] = 2;
    }
    const struct moe__rope_params p = {.base = 1e4,
                                       .scaling = MOE__SCALING_LONGROPE,
                                       .factor = 1,
                                       .original_ctx = 4096,
                                       .attn_factor = 1.19};
    struct moe__net net = net_with(p);
    net.rope_long = longer;
    net.rope_short = shorter;
    CHECK(omega_of(&net, 4096, 0, &scale) == 0.5);
    CHECK(omega_of(&net, 4097, 0, &scale) == 0.25);
    CHECK(scale == 1.19);
}

static void angles_are_right_far_out(void)
{
    double omega[1] = {0.7310585786300049};
    const struct moe__rope rope = {omega, 1};
    static const int32_t positions[] = {0, 1, 1000, 16384, 1 << 20, 1 << 30};
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        float c, s;
        double angle = positions[i] * omega[0];
        moe__rope_angles(&rope, 2, positions[i], &c, &s);
        CHECK(fabs((double)c - cos(angle)) < 1e-7 &&
                  fabs((double)s - sin(angle)) < 1e-7,
              "%d", positions[i]);
    }
}

static const struct test tests[] = {
    {"plain_linear_and_divided_frequencies",
     plain_linear_and_divided_frequencies},
    {"yarn_frequencies", yarn_frequencies},
    {"longrope_chooses_by_context", longrope_chooses_by_context},
    {"angles_are_right_far_out", angles_are_right_far_out},
};

TEST_MAIN(tests)
