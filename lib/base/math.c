/* math.c: exp, log, pow, sin and cos in double, and numbers from text.
 *
 * Every operation is an IEEE + - * / or an exact scaling, in a fixed order, so
 * any machine gives the same bits.  Where double is too short a value is an
 * unevaluated sum hi + lo of two doubles (Dekker 1971), about 106 bits. */
#include "base/math.h"

#include "base/bytes.h"

#include <math.h> /* INFINITY and NAN only */

struct sum2 {
    double hi;
    double lo; /* at most half an ulp of hi */
};

/* a + b, exactly (Knuth). */
static struct sum2 sum2_add_exact(double a, double b)
{
    const double sum = a + b;
    const double b_seen = sum - a;
    const struct sum2 r = {sum, (a - (sum - b_seen)) + (b - b_seen)};
    return r;
}

/* The upper 26 bits of a (Veltkamp); the rest, a - upper, has 26 too. */
static double sum2_upper(double a)
{
    const double c = 0x8000001p0 * a; /* (2^27 + 1) a; |a| < 2^996 */
    return c - (c - a);
}

/* a * b, exactly (Dekker). */
static struct sum2 sum2_mul_exact(double a, double b)
{
    const double product = a * b;
    const double a1 = sum2_upper(a), a2 = a - a1;
    const double b1 = sum2_upper(b), b2 = b - b1;
    const double error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
    const struct sum2 r = {product, error};
    return r;
}

static struct sum2 sum2_add(struct sum2 a, struct sum2 b)
{
    const struct sum2 s = sum2_add_exact(a.hi, b.hi);
    return sum2_add_exact(s.hi, s.lo + (a.lo + b.lo));
}

static struct sum2 sum2_mul(struct sum2 a, struct sum2 b)
{
    const struct sum2 p = sum2_mul_exact(a.hi, b.hi);
    return sum2_add_exact(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static struct sum2 sum2_div(struct sum2 a, struct sum2 b)
{
    const struct sum2 quotient = {a.hi / b.hi, 0};
    const struct sum2 p = sum2_mul(quotient, b);
    const double rest = ((a.hi - p.hi) - p.lo) + a.lo;
    return sum2_add_exact(quotient.hi, rest / b.hi);
}

/* v * 2^k, rounded once; |k| <= 2000.  Two steps, as 2^k itself may not be a
 * normal number: the first factor keeps a v near 1 normal. */
static double math_scale(double v, int32_t k)
{
    const int32_t half = k / 2;
    v *= moe__bits_to_f64((uint64_t)(1023 + half) << 52);
    return v * moe__bits_to_f64((uint64_t)(1023 + k - half) << 52);
}

/* Nearest integer, halves away from 0; |v| < 2^31. */
static int32_t math_round(double v)
{
    return (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
}

/* 1 / n! */
static const double inverse_factorial[18] = {
    1.0,
    1.0,
    1.0 / 2,
    1.0 / 6,
    1.0 / 24,
    1.0 / 120,
    1.0 / 720,
    1.0 / 5040,
    1.0 / 40320,
    1.0 / 362880,
    1.0 / 3628800,
    1.0 / 39916800,
    1.0 / 479001600,
    1.0 / 6227020800,
    1.0 / 87178291200,
    1.0 / 1307674368000,
    1.0 / 20922789888000,
    1.0 / 355687428096000,
};

/* sum of z^i / (n + i step)!, i ascending while n + i step <= last. */
static double math_series(double z, int32_t n, int32_t step, int32_t last)
{
    double sum = inverse_factorial[last];
    for (int32_t i = last - step; i >= n; i -= step)
        sum = sum * z + inverse_factorial[i];
    return sum;
}

/* ------------------------------------------------------- exp, log, pow */

/* ln 2 = HI + LO.  HI has 33 bits, so k * HI is exact for |k| < 2^20. */
#define LN2_HI 0x1.62e42fefp-1
#define LN2_LO 0x1.473de6af278edp-34
#define LN2_INVERSE 0x1.71547652b82fep+0

/* exp(x.hi + x.lo) = 2^k exp(r), |r| <= ln(2) / 2.  The series stops at r^13:
 * the next term is below 2^-57. */
static double exp_of_sum2(struct sum2 x)
{
    if (x.hi > 710) /* the largest double is exp(709.78) */
        return INFINITY;
    if (x.hi < -746) /* half of the smallest one is exp(-745.13) */
        return 0;
    const int32_t k = math_round(x.hi * LN2_INVERSE);
    const double above = x.hi - k * LN2_HI; /* exact */
    const struct sum2 r = sum2_add_exact(above, x.lo - k * LN2_LO);
    const double tail = r.hi * r.hi * math_series(r.hi, 2, 1, 13);
    return math_scale(1 + (r.hi + (r.lo + tail)), k);
}

/* ln x for finite x > 0.  With x = 2^k m, sqrt(1/2) <= m < sqrt 2, and
 * s = (m - 1) / (m + 1):
 *     ln m = 2 atanh s = 2 s + 2 s (s^2/3 + s^4/5 + s^6/7 + ...)
 * |s| < 0.172, so that s^4/5 and what follows may be plain doubles, and the
 * term after s^24/25 is below 2^-70. */
static struct sum2 log_to_sum2(double x)
{
    int32_t k = -1023;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k -= 54;
    }
    const uint64_t bits = moe__f64_to_bits(x);
    k += (int32_t)(bits >> 52);
    double m = moe__bits_to_f64((bits & 0xfffffffffffffu) | 0x3ffull << 52);
    if (m > 0x1.6a09e667f3bcdp+0) { /* sqrt 2 */
        m *= 0.5;
        k++;
    }
    const struct sum2 below = {m - 1, 0};
    const struct sum2 s = sum2_div(below, sum2_add_exact(m, 1));
    const struct sum2 s_squared = sum2_mul(s, s);
    const double z = s_squared.hi;
    double tail = 0;
    for (int32_t n = 25; n >= 5; n -= 2)
        tail = tail * z + 1.0 / n;
    const struct sum2 third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    const struct sum2 rest = {z * z * tail, 0};
    const struct sum2 more =
        sum2_mul(s, sum2_add(sum2_mul(s_squared, third), rest));
    const struct sum2 half = sum2_add(s, more);
    const struct sum2 ln_m = {2 * half.hi, 2 * half.lo};
    const struct sum2 ln_2k = sum2_add_exact(k * LN2_HI, k * LN2_LO);
    return sum2_add(ln_2k, ln_m);
}

double moe__exp(double x)
{
    const struct sum2 sum = {x, 0};
    return x != x ? x : exp_of_sum2(sum);
}

double moe__log(double x)
{
    if (!(x > 0))
        return x == 0 ? -INFINITY : NAN;
    return x == INFINITY ? x : log_to_sum2(x).hi;
}

double moe__pow(double x, double y)
{
    if (x == 1 || y == 0)
        return 1;
    if (!(x > 0) || y != y)
        return x == 0 && y == y ? (y > 0 ? 0 : INFINITY) : NAN;
    if (x == INFINITY)
        return y > 0 ? x : 0;
    const struct sum2 ln_x = log_to_sum2(x);
    const double estimate = ln_x.hi * y;
    if (estimate > 720 || estimate < -750) /* then y may be huge or infinite */
        return estimate > 0 ? INFINITY : 0;
    const struct sum2 exponent = {y, 0};
    return exp_of_sum2(sum2_mul(ln_x, exponent));
}

/* ------------------------------------------------------------ sin, cos */

/* angle - k pi/2, where pi/2 is cut into pieces of at most 23 bits and a rest
 * of 53 (Cody and Waite).  |k| < 2^30, so a product with a piece is exact.
 * The first two differences are exact as well: their results are below 64 and
 * 1, and multiples of the smaller of ulp(angle) and 2^-22 or 2^-45.  No double
 * up to 2^30 is closer to a multiple of pi/2 than about 2^-60, and the error
 * left here is below 2^-114: the relative error stays under an ulp. */
static struct sum2 angle_reduce(double angle, int32_t k)
{
    const double first = angle - k * 0x1.921fb4p+0;
    const double second = first - k * 0x1.4442dp-24;
    const struct sum2 third = sum2_add_exact(second, -k * 0x1.846980p-48);
    const struct sum2 fourth = sum2_add_exact(third.hi, -k * 0x1.3198ap-69);
    const double rest = -k * 0x1.701b839a25205p-92;
    return sum2_add_exact(fourth.hi, (fourth.lo + third.lo) + rest);
}

/* Series up to r^17 and r^16 on |r| <= pi/4: the next terms are below 2^-58.
 *     sin(hi + lo) ~ sin hi + lo cos hi,  cos(hi + lo) ~ cos hi - lo sin hi */
void moe__sincos(double angle, double *sine, double *cosine)
{
    if (!(angle >= -0x1p30 && angle <= 0x1p30)) {
        *sine = *cosine = NAN;
        return;
    }
    const int32_t k = math_round(angle * 0x1.45f306dc9c883p-1); /* 2/pi */
    const struct sum2 r = angle_reduce(angle, k);
    const double z = r.hi * r.hi;
    const double cube = r.hi * z * math_series(-z, 3, 2, 17);
    const double s = r.hi + (r.lo * (1 - z / 2) - cube);
    /* 1 - z/2 and what its rounding lost */
    const double c_upper = 1 - z / 2;
    const double c_lost = (1 - c_upper) - z / 2;
    const double fourth = z * z * math_series(-z, 4, 2, 16);
    const double c = c_upper + (c_lost + (fourth - r.hi * r.lo));
    const bool is_swapped = k & 1;
    const double turned_s = is_swapped ? c : s;
    const double turned_c = is_swapped ? s : c;
    *sine = k & 2 ? -turned_s : turned_s;
    *cosine = (k + 1) & 2 ? -turned_c : turned_c;
}

/* ------------------------------------------------------------- numbers */

/* Reads an optional sign; returns 1 if it was a minus. */
static bool number_sign(const char **at, const char *end)
{
    const bool is_negative = *at < end && **at == '-';
    if (*at < end && (**at == '-' || **at == '+'))
        ++*at;
    return is_negative;
}

static bool number_is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* mantissa * 10^exponent = mantissa * 5^exponent * 2^exponent, rounded. */
static double number_scale(uint64_t mantissa, int32_t exponent)
{
    const struct sum2 m = sum2_add_exact((double)(mantissa >> 32) * 0x1p32,
                                         (double)(mantissa & 0xffffffffu));
    struct sum2 power = {1, 0};
    struct sum2 base = {5, 0};
    for (int32_t n = exponent < 0 ? -exponent : exponent; n > 0; n >>= 1) {
        if (n & 1)
            power = sum2_mul(power, base);
        if (n > 1)
            base = sum2_mul(base, base);
    }
    const struct sum2 scaled =
        exponent < 0 ? sum2_div(m, power) : sum2_mul(m, power);
    return math_scale(scaled.hi, exponent);
}

/* Digits with an optional point.  Of 20 digits and more the first 19 that
 * count are kept, as those always fit. */
static bool number_mantissa(const char **at, const char *end,
                            uint64_t *mantissa, int32_t *exponent)
{
    bool has_digits = false;
    bool has_point = false;
    *mantissa = 0;
    *exponent = 0;
    for (; *at < end; ++*at) {
        if (**at == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (!number_is_digit(*at, end))
            break;
        has_digits = true;
        const bool is_kept = *mantissa < 1000000000000000000u;
        if (is_kept)
            *mantissa = *mantissa * 10 + (uint64_t)(**at - '0');
        *exponent += (int32_t)!is_kept - (int32_t)has_point;
    }
    return has_digits;
}

bool moe__parse_f64(const char *text, size_t n, double *out)
{
    if (n > 1000) /* not a number people type; counts stay small */
        return false;
    const char *at = text;
    const char *end = text + n;
    const bool is_negative = number_sign(&at, end);
    uint64_t mantissa;
    int32_t exponent;
    if (!number_mantissa(&at, end, &mantissa, &exponent))
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        const bool is_small = number_sign(&at, end);
        if (!number_is_digit(at, end))
            return false;
        int32_t e = 0;
        for (; number_is_digit(at, end); at++)
            e = moe__min_i32(e * 10 + (*at - '0'), 9999);
        exponent += is_small ? -e : e;
    }
    if (at != end)
        return false;
    double v = 0; /* below 10^19 * 10^-345 all is 0 */
    if (mantissa != 0 && exponent > 308)
        return false;
    if (mantissa != 0 && exponent > -345)
        v = number_scale(mantissa, exponent);
    if (v == INFINITY)
        return false;
    *out = is_negative ? -v : v;
    return true;
}

bool moe__parse_i64(const char *text, size_t n, int64_t *out)
{
    const char *at = text;
    const char *end = text + n;
    const bool is_negative = number_sign(&at, end);
    const uint64_t limit = (uint64_t)INT64_MAX + is_negative;
    uint64_t v = 0;
    if (!number_is_digit(at, end))
        return false;
    for (; number_is_digit(at, end); at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (v > (limit - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (at != end)
        return false;
    /* -2^63 has no positive twin. */
    *out = is_negative && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
    return true;
}
