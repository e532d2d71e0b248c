/* test_half.c: 16-bit floats against an independent rounding in double. */
#include "base/half.h"

#include "base/rng.h"
#include "test.h"

#include <math.h>

/* The value of a finite binary16, from its definition. */
static double half_value(uint16_t h)
{
    const int exponent = h >> 10 & 31;
    const double fraction = h & 1023;
    const double v =
        exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return h & 0x8000 ? -v : v;
}

static bool half_is_finite(uint16_t h)
{
    return (h >> 10 & 31) != 31;
}

/* Nearest binary16 of a finite f, ties to even: searches the ordered halves,
 * where 65536 stands for infinity. */
static uint16_t half_oracle(float f)
{
    const double a = fabs((double)f);
    uint16_t low = 0, high = 0x7c00;
    while (high - low > 1) { /* value(low) <= a < value(high) */
        const uint16_t middle = (uint16_t)((low + high) / 2);
        if (half_value(middle) <= a)
            low = middle;
        else
            high = middle;
    }
    const double below = a - half_value(low);
    const double above = (high == 0x7c00 ? 65536.0 : half_value(high)) - a;
    const bool up = above < below || (above == below && (low & 1));
    return (uint16_t)((signbit(f) ? 0x8000 : 0) | (up ? high : low));
}

static void check_one(float f)
{
    const uint16_t found = moe__f32_to_f16(f);
    const uint16_t want = half_oracle(f);
    CHECK(found == want, "%a: %04x, not %04x", (double)f, found, want);
#if defined(__FLT16_MANT_DIG__)
    const _Float16 hardware = (_Float16)f;
    uint16_t bits;
    memcpy(&bits, &hardware, sizeof bits);
    CHECK(found == bits, "%a: %04x, compiler %04x", (double)f, found, bits);
#endif
}

static void every_half_has_its_value(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = moe__f16_to_f32((uint16_t)h);
        const bool is_nan = !half_is_finite((uint16_t)h) && (h & 1023);
        if (half_is_finite((uint16_t)h))
            CHECK((double)f == half_value((uint16_t)h) &&
                      !signbit(f) == !(h & 0x8000),
                  "%04x", h);
        else
            CHECK(is_nan ? isnan(f) : isinf(f), "%04x", h);
        /* the way back: exact; a NaN comes back quiet */
        const uint32_t want = is_nan ? h | 0x200 : h;
        CHECK(moe__f32_to_f16(f) == want, "%04x", h);
    }
}

static void rounding_between_every_two_halves(void)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const double low = half_value((uint16_t)h);
        const double high =
            h == 0x7bff ? 65536.0 : half_value((uint16_t)(h + 1));
        const float tie = (float)((low + high) / 2); /* exact */
        const float v[] = {(float)low, tie, nextafterf(tie, 0),
                           nextafterf(tie, INFINITY),
                           nextafterf((float)low, INFINITY)};
        for (size_t i = 0; i < MOE__COUNT(v); i++) {
            check_one(v[i]);
            check_one(-v[i]);
        }
    }
}

static void random_and_extreme_floats(void)
{
    for (uint64_t i = 0; i < 300000; i++) {
        const float f =
            moe__bits_to_f32((uint32_t)moe__rng_u64(1, i) & 0xffffffffu);
        if (isfinite(f))
            check_one(f);
    }
    check_one(0.0f);
    check_one(-0.0f);
    check_one(0x1p-149f);
    check_one(0x1.fffffep127f);
    CHECK(moe__f32_to_f16(INFINITY) == 0x7c00, " ");
    CHECK(moe__f32_to_f16(-INFINITY) == 0xfc00, " ");
    CHECK(moe__f32_to_f16(moe__bits_to_f32(0x7f800001u)) == 0x7e00, "NaN");
    CHECK(moe__f32_to_f16(moe__bits_to_f32(0xffffffffu)) == 0xffff, "NaN");
}

static void every_bf16_comes_back(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = moe__bf16_to_f32((uint16_t)h);
        CHECK(moe__f32_to_bits(f) == h << 16, "%04x", h);
        const bool is_nan = (h & 0x7fff) > 0x7f80;
        CHECK(moe__f32_to_bf16(f) == (is_nan ? h | 64 : h), "%04x", h);
    }
}

/* Between two neighbours the nearer one, of two equally near the even one. */
static void bf16_rounds_to_nearest_even(void)
{
    for (uint32_t h = 0; h < 0x7f80; h++) {
        static const uint32_t below[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
        for (size_t i = 0; i < MOE__COUNT(below); i++) {
            const bool up =
                below[i] > 0x8000 || (below[i] == 0x8000 && (h & 1));
            const uint32_t bits = h << 16 | below[i];
            const uint32_t want = h + up;
            CHECK(moe__f32_to_bf16(moe__bits_to_f32(bits)) == want, "%x", bits);
            CHECK(moe__f32_to_bf16(moe__bits_to_f32(bits | 0x80000000u)) ==
                      (want | 0x8000),
                  "-%x", bits);
        }
    }
    CHECK(moe__f32_to_bf16(moe__bits_to_f32(0x7f800001u)) == 0x7fc0, "NaN");
    CHECK(moe__f32_to_bf16(moe__bits_to_f32(0xffffffffu)) == 0xffff, "NaN");
}

static const struct test tests[] = {
    {"every_half_has_its_value", every_half_has_its_value},
    {"rounding_between_every_two_halves", rounding_between_every_two_halves},
    {"random_and_extreme_floats", random_and_extreme_floats},
    {"every_bf16_comes_back", every_bf16_comes_back},
    {"bf16_rounds_to_nearest_even", bf16_rounds_to_nearest_even},
};

TEST_MAIN(tests)
