/* decimal.c: comparing decimal with binary numbers without rounding.
 *
 * Both directions use whole numbers of a few thousand bits.  Reading starts
 * from an estimate that is off by an ulp or two and steps until the decimal
 * number lies between the midpoints around it; writing divides digit by digit
 * (Steele and White, "How to print floating-point numbers accurately", 1990),
 * and takes the first number of digits that reads back. */
#include "base/decimal.h"

#include "base/math.h"
#include "base/status.h"

#include <float.h>

enum {
    /* Of the digits of a text so many count: the midpoint of two doubles has at
     * most 767, so that any nonzero rest acts like a last digit 1. */
    MOST_DIGITS = 800,
    /* 800 digits are 2658 bits; times 2^1075, or 10^(800 + 345) beside 2^54 */
    N_LIMBS = 128,
};

/* A whole number, limb 0 the lowest. */
struct whole {
    uint32_t limbs[N_LIMBS];
    int32_t n; /* in use: the highest is not 0 */
};

/* x = x * factor + summand */
static void whole_multiply(struct whole *x, uint32_t factor, uint32_t summand)
{
    uint64_t carry = summand;
    for (int32_t i = 0; i < x->n; i++) {
        carry += (uint64_t)x->limbs[i] * factor;
        x->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0 && x->n < N_LIMBS)
        x->limbs[x->n++] = (uint32_t)carry;
}

static void whole_scale10(struct whole *x, int32_t exponent)
{
    for (; exponent >= 9; exponent -= 9)
        whole_multiply(x, 1000000000, 0);
    for (; exponent > 0; exponent--)
        whole_multiply(x, 10, 0);
}

static void whole_scale2(struct whole *x, int32_t exponent)
{
    for (; exponent >= 31; exponent -= 31)
        whole_multiply(x, UINT32_C(1) << 31, 0);
    if (exponent > 0)
        whole_multiply(x, UINT32_C(1) << exponent, 0);
}

static struct whole whole_of(uint64_t value)
{
    struct whole x = {{(uint32_t)value, (uint32_t)(value >> 32)}, 2};
    while (x.n > 0 && x.limbs[x.n - 1] == 0)
        x.n--;
    return x;
}

static int32_t whole_compare(const struct whole *a, const struct whole *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (int32_t i = a->n - 1; i >= 0; i--)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

/* a -= b, which is not larger. */
static void whole_subtract(struct whole *a, const struct whole *b)
{
    int64_t borrow = 0;
    for (int32_t i = 0; i < a->n; i++) {
        borrow += (int64_t)a->limbs[i] - (i < b->n ? b->limbs[i] : 0);
        a->limbs[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (a->n > 0 && a->limbs[a->n - 1] == 0)
        a->n--;
}

/* value = mantissa * 2^exponent, value > 0 and finite. */
static uint64_t split_double(double value, int32_t *exponent)
{
    const uint64_t bits = moe__f64_to_bits(value);
    const uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    const int32_t biased = (int32_t)(bits >> 52);
    *exponent = (biased > 0 ? biased : 1) - 1075;
    return biased > 0 ? fraction | (uint64_t)1 << 52 : fraction;
}

/* ------------------------------------------------------------------ read */

/* digits * 10^exponent; roughly lead * 10^lead_exponent. */
struct decimal {
    struct whole digits;
    int32_t n_digits;
    int32_t exponent;
    uint64_t lead; /* the first 18 digits */
    int32_t lead_exponent;
};

static void decimal_add_digit(struct decimal *d, uint32_t digit)
{
    if (d->n_digits < MOST_DIGITS)
        whole_multiply(&d->digits, 10, digit);
    else
        d->exponent++;
    if (d->digits.n == 0 && digit > 0)
        d->digits = whole_of(digit);
    if (d->n_digits == MOST_DIGITS && digit > 0)
        d->digits.limbs[0] |= 1;
    if (d->digits.n > 0 && d->n_digits < 18)
        d->lead = 10 * d->lead + digit;
    else if (d->digits.n > 0)
        d->lead_exponent++;
    d->n_digits += d->digits.n > 0 && d->n_digits < MOST_DIGITS;
}

/* What is written behind the 'e' at i, 0 if the text ends there. */
static int32_t decimal_exponent(struct moe__slice text, size_t i)
{
    const bool is_small = i + 1 < text.n && text.data[i + 1] == '-';
    int32_t written = 0;
    for (i++; i < text.n; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            written =
                moe__min_i32(written * 10 + (text.data[i] - '0'), 100000000);
    return is_small ? -written : written;
}

/* The digits of a text of the form of a JSON number. */
static void decimal_parse(struct moe__slice text, struct decimal *d)
{
    int32_t n_behind = 0; /* digits behind the point */
    bool is_fraction = false;
    size_t i = text.n > 0 && text.data[0] == '-';
    *d = (struct decimal){.n_digits = 0};
    for (; i < text.n && (text.data[i] | 32) != 'e'; i++) {
        if (text.data[i] == '.') {
            is_fraction = true;
            continue;
        }
        n_behind += is_fraction && n_behind < 1 << 30;
        decimal_add_digit(d, (uint32_t)(text.data[i] - '0'));
    }
    const int32_t shift = decimal_exponent(text, i) - n_behind;
    d->exponent += shift;
    d->lead_exponent += shift;
}

/* The sign of d - middle * 2^exponent. */
static int32_t compare_to(const struct decimal *d, uint64_t middle,
                          int32_t exponent)
{
    struct whole left = d->digits, right = whole_of(middle);
    whole_scale10(&left, d->exponent);
    whole_scale2(&left, -exponent);
    whole_scale10(&right, -d->exponent);
    whole_scale2(&right, exponent);
    return whole_compare(&left, &right);
}

/* Where a double nearer to d lies: above, below, or nowhere (0). */
static int32_t step_to(const struct decimal *d, double value)
{
    int32_t exponent = 0;
    const uint64_t mantissa = split_double(value, &exponent);
    const bool is_odd = (mantissa & 1) != 0;
    const int32_t above = compare_to(d, 2 * mantissa + 1, exponent - 1);
    if (above > 0 || (above == 0 && is_odd))
        return 1;
    if (mantissa == 0)
        return 0;
    /* Below a power of two doubles lie twice as close. */
    const bool is_edge = mantissa == (uint64_t)1 << 52 && exponent > -1074;
    const int32_t below = is_edge
                              ? compare_to(d, 4 * mantissa - 1, exponent - 2)
                              : compare_to(d, 2 * mantissa - 1, exponent - 1);
    return below < 0 || (below == 0 && is_odd) ? -1 : 0;
}

bool moe__decimal_read(struct moe__slice text, double *out)
{
    const double sign = text.n > 0 && text.data[0] == '-' ? -1.0 : 1.0;
    struct decimal d;
    char lead[48];
    double value = DBL_MAX;
    decimal_parse(text, &d);
    if (d.digits.n > 0 && d.n_digits + d.exponent > 310)
        return false;
    if (d.digits.n == 0 || d.n_digits + d.exponent < -330) {
        *out = sign * 0.0;
        return true;
    }
    if (d.n_digits <= 15 && d.exponent >= -22 && d.exponent <= 22) {
        double power = 1; /* of ten: exact, as are the digits */
        for (int32_t i = d.exponent; i != 0; i += i > 0 ? -1 : 1)
            power *= 10;
        value = (double)d.lead;
        *out = sign * (d.exponent < 0 ? value / power : value * power);
        return true;
    }
    const size_t n = moe__format(lead, sizeof lead, "%llue%d",
                                 (unsigned long long)d.lead, d.lead_exponent);
    moe__parse_f64(lead, n, &value);
    for (int32_t step; (step = step_to(&d, value)) != 0;) {
        if (value == DBL_MAX && step > 0)
            return false;
        const uint64_t bits = moe__f64_to_bits(value);
        value = moe__bits_to_f64(step > 0 ? bits + 1 : bits - 1);
    }
    *out = sign * value;
    return true;
}

/* value = value * 10^n + digit; false if it does not fit. */
static bool shift_digits(uint64_t *value, int64_t n, uint32_t digit)
{
    if (*value == 0)
        n = 0;
    for (; n > 0; n--)
        if (!moe__mul_u64(*value, 10, value))
            return false;
    return moe__add_u64(*value, digit, value);
}

bool moe__decimal_integer(struct moe__slice text, int64_t *out)
{
    const bool is_negative = text.n > 0 && text.data[0] == '-';
    uint64_t value = 0;
    int64_t n_zeros = 0;  /* since the last digit that is none */
    int64_t n_behind = 0; /* digits behind the point */
    bool is_fraction = false;
    size_t i = is_negative;
    for (; i < text.n && (text.data[i] | 32) != 'e'; i++) {
        if (text.data[i] == '.') {
            is_fraction = true;
            continue;
        }
        n_behind += is_fraction;
        n_zeros++;
        if (text.data[i] == '0')
            continue;
        if (!shift_digits(&value, n_zeros, (uint32_t)(text.data[i] - '0')))
            return false;
        n_zeros = 0;
    }
    const int64_t n = n_zeros - n_behind + decimal_exponent(text, i);
    const uint64_t most = (uint64_t)INT64_MAX + is_negative;
    if ((n < 0 && value > 0) || !shift_digits(&value, n, 0) || value > most)
        return false;
    *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* ----------------------------------------------------------------- write */

/* What is left of a value after its first digits: top / bottom, below 1. */
struct division {
    struct whole top;
    struct whole bottom;
};

/* value = 0.d1 d2 d3 ... * 10^exponent */
static void division_begin(struct division *d, double value, int32_t *exponent)
{
    int32_t binary;
    const uint64_t mantissa = split_double(value, &binary);
    int32_t n_bits = 0;
    while (n_bits < 53 && mantissa >> n_bits > 0)
        n_bits++;
    /* 10^guess <= value: floor of (bits - 1) log10(2), or one less */
    int32_t guess =
        (int32_t)(((int64_t)(binary + n_bits - 1) * 1262611 - (1 << 22) + 1) /
                  (1 << 22));
    for (;; guess++) {
        d->top = whole_of(mantissa);
        d->bottom = whole_of(1);
        whole_scale2(&d->top, binary);
        whole_scale2(&d->bottom, -binary);
        whole_scale10(&d->top, -guess);
        whole_scale10(&d->bottom, guess);
        if (whole_compare(&d->top, &d->bottom) < 0)
            break;
    }
    *exponent = guess;
}

static int32_t division_digit(struct division *d)
{
    int32_t digit = 0;
    whole_multiply(&d->top, 10, 0);
    for (; whole_compare(&d->top, &d->bottom) >= 0; digit++)
        whole_subtract(&d->top, &d->bottom);
    return digit;
}

/* Whether the rest rounds the digits before it up, ties to even. */
static bool division_rounds_up(const struct division *d, bool is_odd)
{
    struct whole twice = d->top;
    whole_multiply(&twice, 2, 0);
    const int32_t sign = whole_compare(&twice, &d->bottom);
    return sign > 0 || (sign == 0 && is_odd);
}

/* digits [n] plus one in the last place: "199" -> "200"; "99" -> "10" and the
 * exponent grows. */
static void round_up(char *digits, int32_t n, int32_t *exponent)
{
    int32_t i = n - 1;
    for (; i >= 0 && digits[i] == '9'; i--)
        digits[i] = '0';
    if (i >= 0) {
        digits[i]++;
        return;
    }
    digits[0] = '1';
    ++*exponent;
}

int32_t moe__decimal_shortest(double value, char digits[MOE__DECIMAL_DIGITS],
                              int32_t *exponent)
{
    struct division d;
    char exact[MOE__DECIMAL_DIGITS], text[48];
    int32_t first = 0;
    division_begin(&d, value, &first);
    for (int32_t n = 1;; n++) {
        double again = 0;
        exact[n - 1] = (char)('0' + division_digit(&d));
        memcpy(digits, exact, (size_t)n);
        *exponent = first;
        if (division_rounds_up(&d, (exact[n - 1] & 1) != 0))
            round_up(digits, n, exponent);
        const size_t n_text =
            moe__format(text, sizeof text, "%.*se%d", n, digits, *exponent - n);
        const bool is_read =
            moe__decimal_read(moe__slice_of(text, n_text), &again);
        if (n < MOE__DECIMAL_DIGITS && !(is_read && again == value))
            continue;
        while (n > 1 && digits[n - 1] == '0')
            n--;
        return n;
    }
}
