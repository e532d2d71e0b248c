/* test_math.c: a few ulp from the true value, and the same bits everywhere. */
#include "base/math.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "test.h"

#include <float.h>
#include <math.h>

#define N_RANDOM 200000

/* Distance in units of the last place of `want`. */
static double ulps(double found, long double want)
{
    const double nearest = (double)want;
    if (found == nearest)
        return 0;
    const double step = nextafter(fabs(nearest), INFINITY) - fabs(nearest);
    return (double)(fabsl((long double)found - want) / (long double)step);
}

static double uniform(uint64_t stream, uint64_t i, double low, double high)
{
    return low + (high - low) * moe__rng_f64(stream, i);
}

/* long double must be longer than double to judge a single ulp. */
static double allowed_ulps(void)
{
    return LDBL_MANT_DIG > DBL_MANT_DIG ? 1.0 : 2.0;
}

static void exp_over_its_range(void)
{
    double worst = 0;
    for (uint64_t i = 0; i < N_RANDOM; i++) {
        const double x =
            i % 2 ? uniform(1, i, -708, 709.7) : uniform(1, i, -2, 2);
        worst = fmax(worst, ulps(moe__exp(x), expl(x)));
    }
    CHECK(worst < allowed_ulps(), "%g ulp", worst);
    for (double x = -746; x < -708; x += 0.01) /* steps of 2^-1074 */
        CHECK(ulps(moe__exp(x), expl(x)) <= 1, "%g", x);
    CHECK(moe__exp(0) == 1 && moe__exp(-0.0) == 1, "exp 0");
    CHECK(moe__exp(710) == INFINITY && moe__exp(INFINITY) == INFINITY, " ");
    CHECK(isfinite(moe__exp(709.78)) && moe__exp(709.79) == INFINITY, " ");
    CHECK(moe__exp(-746) == 0 && moe__exp(-INFINITY) == 0, " ");
    CHECK(isnan(moe__exp(NAN)), "NaN");
}

static void log_over_its_range(void)
{
    double worst = 0;
    for (uint64_t i = 0; i < N_RANDOM; i++) {
        const double x = i % 2 ? exp(uniform(2, i, -700, 700))
                               : exp(uniform(2, i, -0.01, 0.01));
        worst = fmax(worst, ulps(moe__log(x), logl(x)));
    }
    CHECK(worst < allowed_ulps(), "%g ulp", worst);
    const double edges[] = {0x1p-1074,
                            0x1.8p-1060,
                            DBL_MIN,
                            DBL_MAX,
                            1 - 0x1p-53,
                            1 + 0x1p-52,
                            0x1.6a09e667f3bcdp+0,
                            0x1.6a09e667f3bccp+0,
                            2,
                            0.5,
                            10};
    for (size_t i = 0; i < MOE__COUNT(edges); i++)
        CHECK(ulps(moe__log(edges[i]), logl(edges[i])) < allowed_ulps(), "%a",
              edges[i]);
    CHECK(moe__log(1) == 0, "log 1");
    CHECK(moe__log(0) == -INFINITY && moe__log(-0.0) == -INFINITY, " ");
    CHECK(isnan(moe__log(-1)) && isnan(moe__log(NAN)), " ");
    CHECK(moe__log(INFINITY) == INFINITY && isnan(moe__log(-INFINITY)), " ");
}

/* powl itself is good to some 2^-63, which at 2^1000 is below a tenth ulp. */
static void pow_over_its_range(void)
{
    double worst = 0;
    for (uint64_t i = 0; i < N_RANDOM; i++) {
        const double x = i % 2 ? exp(uniform(3, i, -600, 600))
                               : exp(uniform(3, i, -0.5, 0.5));
        const double y = uniform(4, i, -700, 700) / log(x);
        worst = fmax(worst, ulps(moe__pow(x, y), powl(x, y)));
    }
    CHECK(worst < 2, "%g ulp", worst);
    CHECK(moe__pow(2, 10) == 1024 && moe__pow(10, 15) == 1e15, "whole powers");
    CHECK(moe__pow(2, -1074) == 0x1p-1074 && moe__pow(2, -1080) == 0, " ");
    CHECK(moe__pow(4, 0.5) == 2 && moe__pow(10000, 0) == 1, " ");
    for (int i = 0; i < 128; i++) { /* the frequencies of RoPE */
        const double e = -2.0 * i / 256;
        CHECK(ulps(moe__pow(1e6, e), powl(1e6L, (long double)e)) < 1, "%d", i);
    }
}

static void pow_at_its_limits(void)
{
    CHECK(moe__pow(1, INFINITY) == 1 && moe__pow(1, NAN) == 1, "1^y");
    CHECK(moe__pow(2, 1e300) == INFINITY && moe__pow(2, -1e300) == 0, " ");
    CHECK(moe__pow(0.5, 1e300) == 0 && moe__pow(0.5, -INFINITY) == INFINITY,
          " ");
    CHECK(moe__pow(1 + 0x1p-52, 1e300) == INFINITY, " ");
    CHECK(moe__pow(0, 2) == 0 && moe__pow(0, -2) == INFINITY, "0^y");
    CHECK(moe__pow(INFINITY, 2) == INFINITY && moe__pow(INFINITY, -2) == 0,
          " ");
    CHECK(isnan(moe__pow(-2, 2)) && isnan(moe__pow(2, NAN)) &&
              isnan(moe__pow(NAN, 2)),
          " ");
}

/* Windows computes sinl with the processor's fsin, which reduces angles by 66
 * bits of pi; there bits_are_pinned stands in. */
#if defined(_WIN32)
#define HAS_GOOD_SINL 0
#else
#define HAS_GOOD_SINL 1
#endif

static void check_angle(double angle, double *worst)
{
    double s, c;
    moe__sincos(angle, &s, &c);
    *worst = fmax(*worst, ulps(s, sinl(angle)));
    *worst = fmax(*worst, ulps(c, cosl(angle)));
}

static void sincos_over_its_range(void)
{
    double worst = 0;
    for (uint64_t i = 0; i < N_RANDOM; i++) {
        const double scale = exp(uniform(5, i, -30, 0));
        check_angle(uniform(6, i, -0x1p30, 0x1p30) * scale, &worst);
    }
    for (int i = 0; i < 2000; i++) /* positions times frequencies */
        check_angle(i * 65.0, &worst);
    CHECK(worst < allowed_ulps() || !HAS_GOOD_SINL, "%g ulp", worst);
    double s, c;
    moe__sincos(0, &s, &c);
    CHECK(s == 0 && c == 1, "angle 0");
    moe__sincos(0x1p-1060, &s, &c);
    CHECK(s == 0x1p-1060 && c == 1, "tiny angle");
}

/* Doubles next to multiples of pi/2 lose the most bits in the reduction. */
static void sincos_beside_multiples_of_a_right_angle(void)
{
    if (!HAS_GOOD_SINL)
        SKIP("sinl is not exact enough here");
    const long double right_angle = 1.57079632679489661923132169163975144L;
    double worst = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        const double k = floor(exp(uniform(7, i, 0, log(0x1p30 / 1.6))));
        const double near = (double)(k * right_angle);
        check_angle(near, &worst);
        check_angle(nextafter(near, 0), &worst);
        check_angle(-nextafter(near, INFINITY), &worst);
    }
    CHECK(worst < allowed_ulps(), "%g ulp", worst);
}

static void sincos_outside_its_range_is_nan(void)
{
    const double outside[] = {0x1.0000000000001p30, -1e10, INFINITY, -INFINITY,
                              NAN};
    double s = 0, c = 0;
    for (size_t i = 0; i < MOE__COUNT(outside); i++) {
        moe__sincos(outside[i], &s, &c);
        CHECK(isnan(s) && isnan(c), "%g", outside[i]);
    }
    moe__sincos(-0x1p30, &s, &c);
    CHECK(!isnan(s), "the limit itself");
}

/* The same bits on any machine: a digest of many results, pinned. */
static void bits_are_pinned(void)
{
    uint64_t digest = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        double s, c;
        const double x = (double)(i + 1) * 0.7071;
        moe__sincos(x * 1000, &s, &c);
        const double v[] = {moe__exp(x / 20), moe__log(x), moe__pow(x, 1.3), s,
                            c};
        for (size_t k = 0; k < MOE__COUNT(v); k++)
            digest = moe__rng_mix(digest ^ moe__f64_to_bits(v[k]));
    }
    CHECK(digest == 0x94d8a076c08f0621u, "0x%llxu", (unsigned long long)digest);
}

/* --------------------------------------------------------------- numbers */

static void check_number(const char *text)
{
    double found = 77;
    const double want = strtod(text, NULL);
    CHECK(moe__parse_f64(text, strlen(text), &found), "'%s' refused", text);
    CHECK(found == want && !signbit(found) == !signbit(want),
          "'%s': %a, not %a", text, found, want);
}

static void doubles_from_text_are_nearest(void)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "0.0",
                                        "+1",
                                        "1.",
                                        ".5",
                                        "-.5e1",
                                        "1e5",
                                        "1E+05",
                                        "1e-5",
                                        "0.1",
                                        "0.7",
                                        "3.14159265358979",
                                        "1e22",
                                        "1e23",
                                        "9007199254740993",
                                        "123456789012345678",
                                        "0.123456789012345678",
                                        "1e308",
                                        "1.7976931348623157e308",
                                        "2.2250738585072014e-308",
                                        "1e-400",
                                        "0e99999",
                                        "000000000000000000000000000001",
                                        "0.000000000000000000001",
                                        "-1.5e-3",
                                        "8.5e-1",
                                        "6.02214076e23",
                                        "5e-324",
                                        "1e-323",
                                        "100000000000000000000000000000e-20",
                                        "0e-99999999999999999999"};
    for (size_t i = 0; i < MOE__COUNT(texts); i++)
        check_number(texts[i]);
    for (uint64_t i = 0; i < N_RANDOM; i++) {
        char text[64];
        const int n_digits = 1 + (int)(moe__rng_u64(8, i) % 18);
        const double x = moe__bits_to_f64(moe__rng_u64(9, i));
        if (!isfinite(x) || fabs(x) < 1e-300)
            continue;
        snprintf(text, sizeof text, "%.*e", n_digits - 1, x);
        if (isfinite(strtod(text, NULL)))
            check_number(text);
        snprintf(text, sizeof text, "%.*g", n_digits,
                 uniform(10, i, -1000, 1000));
        check_number(text);
    }
}

/* Beyond 18 digits an ulp is allowed. */
static void more_digits_than_count_are_read(void)
{
    static const char *const texts[] = {
        "0.1000000000000000055511151231257827021181583404541015625",
        "3.14159265358979323846264338327950288419716939937510",
        "123456789012345678901234567890", "9999999999999999999999e-10"};
    for (size_t i = 0; i < MOE__COUNT(texts); i++) {
        double found = 0;
        CHECK(moe__parse_f64(texts[i], strlen(texts[i]), &found), "%s",
              texts[i]);
        CHECK(ulps(found, strtold(texts[i], NULL)) <= 1, "%s", texts[i]);
    }
}

static void garbage_is_no_double(void)
{
    static const char *const texts[] = {
        "",        "+",     "-",     ".",        "e5",
        ".e5",     "1e",    "1e+",   "1e-",      "1.2.3",
        "1,5",     " 1",    "1 ",    "--1",      "+-1",
        "0x10",    "inf",   "nan",   "INFINITY", "1f",
        "1e5.",    "1_000", "1e400", "-1e309",   "1e99999999999999999999",
        "\xd9\xa1"};
    for (size_t i = 0; i < MOE__COUNT(texts); i++) {
        double out = 77;
        CHECK(!moe__parse_f64(texts[i], strlen(texts[i]), &out), "'%s'",
              texts[i]);
        CHECK(out == 77, "'%s' wrote", texts[i]);
    }
    double out = 77;
    CHECK(!moe__parse_f64("1\0", 2, &out), "NUL inside");
    CHECK(moe__parse_f64("123xyz", 2, &out) && out == 12, "n is the end");
    char zeros[2000];
    memset(zeros, '0', sizeof zeros);
    CHECK(!moe__parse_f64(zeros, sizeof zeros, &out), "too long");
}

static void integers_from_text(void)
{
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"007", 7},
                {"-12", -12},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN},
                {"-9223372036854775807", -INT64_MAX}};
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "a",
                                      "--1",
                                      "12a",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999",
                                      "18446744073709551616"};
    for (size_t i = 0; i < MOE__COUNT(good); i++) {
        int64_t found = 77;
        CHECK(moe__parse_i64(good[i].text, strlen(good[i].text), &found) &&
                  found == good[i].want,
              "'%s': %lld", good[i].text, (long long)found);
    }
    for (size_t i = 0; i < MOE__COUNT(bad); i++) {
        int64_t found = 77;
        CHECK(!moe__parse_i64(bad[i], strlen(bad[i]), &found) && found == 77,
              "'%s'", bad[i]);
    }
}

static const struct test tests[] = {
    {"exp_over_its_range", exp_over_its_range},
    {"log_over_its_range", log_over_its_range},
    {"pow_over_its_range", pow_over_its_range},
    {"pow_at_its_limits", pow_at_its_limits},
    {"sincos_over_its_range", sincos_over_its_range},
    {"sincos_beside_multiples_of_a_right_angle",
     sincos_beside_multiples_of_a_right_angle},
    {"sincos_outside_its_range_is_nan", sincos_outside_its_range_is_nan},
    {"bits_are_pinned", bits_are_pinned},
    {"doubles_from_text_are_nearest", doubles_from_text_are_nearest},
    {"more_digits_than_count_are_read", more_digits_than_count_are_read},
    {"garbage_is_no_double", garbage_is_no_double},
    {"integers_from_text", integers_from_text},
};

TEST_MAIN(tests)
