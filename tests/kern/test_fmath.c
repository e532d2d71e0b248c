/* exp, sigmoid and tanh in single precision against long double. */
#include "kern_test.h"

#include "kern/fmath.h"

/* Every 997th float: 4.3 million, in all binades, with both signs. */
#define STRIDE 997u

static void exp_is_within_two_ulps(void)
{
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        float x = moe__bits_to_f32((uint32_t)bits), y = moe__expf(x);
        if (x != x) {
            REQUIRE(moe__f32_to_bits(y) == MOE__NAN_BITS, "NaN");
            continue;
        }
        double error = ulps(y, (double)expl((long double)x));
        worst = error > worst ? error : worst;
    }
    CHECK(worst <= 2, "%g ulp", worst);
}

static void exp_is_within_two_ulps_where_it_matters(void)
{
    double worst = 0;
    for (float x = -104.5f; x < 89.5f; x += 0x1.37p-13f) {
        double error = ulps(moe__expf(x), (double)expl((long double)x));
        worst = error > worst ? error : worst;
    }
    CHECK(worst <= 2, "%g ulp", worst);
}

static void exp_at_its_edges(void)
{
    static const struct {
        float x, y;
    } cases[] = {
        {0, 1},
        {-0.0f, 1},
        {0x1p-149f, 1},
        {INFINITY, INFINITY},
        {-INFINITY, 0},
        {FLT_MAX, INFINITY},
        {-FLT_MAX, 0},
        {88.722832f, 0x1.ffff08p+127f}, /* the largest finite result */
        {88.722839f, INFINITY},
        {-104.0f, 0},
    };
    for (size_t i = 0; i < MOE__COUNT(cases); i++) {
        float y = moe__expf(cases[i].x);
        CHECK(ulps(y, (double)cases[i].y) <= 2 && !signbit(y), "exp(%g) = %a",
              (double)cases[i].x, (double)y);
    }
    CHECK(moe__expf(-103.0f) == 0x1p-149f, "a subnormal result");
}

static void exp_rises(void)
{
    float before = 0;
    for (float x = -104; x < 89; x += 0x1.1p-12f) {
        float y = moe__expf(x);
        REQUIRE(y >= before * (1 - 0x1p-22f), "at %g", (double)x);
        before = y;
    }
}

static void sigmoid_is_within_four_ulps(void)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        float x = moe__bits_to_f32((uint32_t)bits);
        if (x != x || fabsf(x) > 100)
            continue;
        long double want = 1 / (1 + expl(-(long double)x));
        REQUIRE(ulps(moe__sigmoid(x), (double)want) <= 4, "at %g", (double)x);
    }
    CHECK(moe__sigmoid(INFINITY) == 1 && moe__sigmoid(-INFINITY) == 0,
          "limits");
    CHECK(moe__sigmoid(0) == 0.5f, "middle");
}

static void tanh_is_within_four_ulps(void)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        float x = moe__bits_to_f32((uint32_t)bits), y = moe__tanhf(x);
        if (x != x)
            continue;
        REQUIRE(ulps(y, (double)tanhl((long double)x)) <= 4 &&
                    !signbit(y) == !signbit(x),
                "at %a", (double)x);
    }
}

static void canonical_nan_has_no_sign_or_payload(void)
{
    CHECK(moe__f32_to_bits(moe__canonical(moe__bits_to_f32(0xff812345u))) ==
              MOE__NAN_BITS,
          "NaN");
    CHECK(moe__f32_to_bits(moe__canonical(-0.0f)) == 0x80000000u, "-0");
}

static const struct test tests[] = {
    {"exp_is_within_two_ulps", exp_is_within_two_ulps},
    {"exp_is_within_two_ulps_where_it_matters",
     exp_is_within_two_ulps_where_it_matters},
    {"exp_at_its_edges", exp_at_its_edges},
    {"exp_rises", exp_rises},
    {"sigmoid_is_within_four_ulps", sigmoid_is_within_four_ulps},
    {"tanh_is_within_four_ulps", tanh_is_within_four_ulps},
    {"canonical_nan_has_no_sign_or_payload",
     canonical_nan_has_no_sign_or_payload},
};

TEST_MAIN(tests)
