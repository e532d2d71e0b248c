/* schema_number.c: numbers between bounds, as an automaton over their digits.
 *
 * Bounds are decimals, exact whatever their length.  A number without bounds is
 * any JSON number; one with bounds or multipleOf has no exponent.  An integer
 * has no point.
 *
 * A number of n digits before the point is compared with a bound of as many
 * digits from the left: as long as all digits are the bound's, the next is
 * limited by the bound's next ("tight"), afterwards nothing is.  More digits
 * make a larger number, since none starts with a needless 0.  Below zero, the
 * same is done with the bounds mirrored. */
#include "chat/schema.h"

/* ------------------------------------------------------------- decimals */

static bool digits_are_zero(const struct moe__schema_digits *a)
{
    return a->n_fraction == 0 && a->n_whole == 1 && a->whole[0] == 0;
}

/* The digits of a number as written, sign and point skipped; *n_before gets
 * how many stand before the point.  False if there are too many. */
static bool digits_collect(struct moe__slice text, uint8_t *digits, /* [cap] */
                           int32_t cap, int32_t *n, int32_t *n_before)
{
    int32_t point = -1;
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const uint32_t digit = text.data[i] - (uint32_t)'0';
        if (text.data[i] == '.')
            point = *n;
        if (digit >= 10)
            continue;
        if (*n == cap)
            return false;
        digits[(*n)++] = (uint8_t)digit;
    }
    *n_before = point < 0 ? *n : point;
    return true;
}

static int32_t digits_exponent(struct moe__slice text)
{
    int32_t value = 0;
    bool is_negative = false;
    for (size_t i = 0; i < text.n; i++) {
        const uint32_t digit = text.data[i] - (uint32_t)'0';
        is_negative = is_negative || text.data[i] == '-';
        if (digit < 10 && value < 100000)
            value = value * 10 + (int32_t)digit;
    }
    return is_negative ? -value : value;
}

bool moe__schema_digits_read(struct moe__slice number,
                             struct moe__schema_digits *out)
{
    enum { CAP = 2 * MOE__SCHEMA_MAX_DIGITS };
    uint8_t digits[CAP];
    int32_t n = 0;
    int32_t point = 0;
    size_t n_mantissa = 0;
    while (n_mantissa < number.n && (number.data[n_mantissa] | 32) != 'e')
        n_mantissa++;
    if (!digits_collect(moe__slice_of(number.data, n_mantissa), digits, CAP, &n,
                        &point))
        return false;
    point += digits_exponent(
        moe__slice_of(number.data + n_mantissa, number.n - n_mantissa));
    int32_t from = 0; /* digits [from, n) are left, without outer zeros */
    while (from < n && digits[from] == 0)
        from++;
    while (n > from && digits[n - 1] == 0)
        n--;
    out->n_whole = out->n_fraction = 0;
    out->is_negative = number.n > 0 && number.data[0] == '-' && n > from;
    if (n == from)
        point = from;
    if (point - from > MOE__SCHEMA_MAX_DIGITS ||
        n - point > MOE__SCHEMA_MAX_DIGITS)
        return false;
    for (int32_t i = from; i < point; i++)
        out->whole[out->n_whole++] = i < n ? digits[i] : 0;
    if (out->n_whole == 0)
        out->whole[out->n_whole++] = 0;
    for (int32_t i = point; i < n; i++)
        out->fraction[out->n_fraction++] = i < from ? 0 : digits[i];
    return true;
}

/* Without regard to signs. */
static int32_t digits_compare_size(const struct moe__schema_digits *a,
                                   const struct moe__schema_digits *b)
{
    if (a->n_whole != b->n_whole)
        return a->n_whole < b->n_whole ? -1 : 1;
    int difference = memcmp(a->whole, b->whole, (size_t)a->n_whole);
    const int32_t n = moe__min_i32(a->n_fraction, b->n_fraction);
    if (difference == 0)
        difference = memcmp(a->fraction, b->fraction, (size_t)n);
    if (difference == 0) /* no zeros at the end: the longer one is larger */
        difference = a->n_fraction - b->n_fraction;
    return difference < 0 ? -1 : difference > 0;
}

int32_t moe__schema_digits_compare(const struct moe__schema_digits *a,
                                   const struct moe__schema_digits *b)
{
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    const int32_t order = digits_compare_size(a, b);
    return a->is_negative ? -order : order;
}

/* --------------------------------------------------------------- bounds */

/* Keeps the tighter one of two bounds on the same side. */
static void bounds_take(struct moe__schema_bounds *bounds, bool is_low,
                        bool is_open, const struct moe__schema_digits *value)
{
    bool *has = is_low ? &bounds->has_low : &bounds->has_high;
    bool *open = is_low ? &bounds->is_low_open : &bounds->is_high_open;
    struct moe__schema_digits *bound = is_low ? &bounds->low : &bounds->high;
    const int32_t order = *has ? moe__schema_digits_compare(value, bound) : 0;
    if (!*has || (is_low ? order > 0 : order < 0)) {
        *bound = *value;
        *open = is_open;
    } else if (order == 0) {
        *open = *open || is_open;
    }
    *has = true;
}

moe_status moe__schema_bounds(const struct moe__schema_frame *frame,
                              struct moe__schema_bounds *out)
{
    static const struct {
        const char *keyword;
        bool is_low;
        bool is_open;
    } sides[] = {{"minimum", true, false},
                 {"maximum", false, false},
                 {"exclusiveMinimum", true, true},
                 {"exclusiveMaximum", false, true}};
    *out = (struct moe__schema_bounds){.has_low = false};
    for (int32_t i = 0; i < frame->n; i++)
        for (size_t k = 0; k < MOE__COUNT(sides); k++) {
            const struct moe__json *bound =
                moe__json_get(frame->entries[i], sides[k].keyword);
            struct moe__schema_digits value;
            if (bound == NULL)
                continue;
            if (!moe__schema_digits_read(bound->text, &value))
                return moe__schema_refuse(frame->schema, frame->entries[i],
                                          sides[k].keyword,
                                          "has too many digits");
            bounds_take(out, sides[k].is_low, sides[k].is_open, &value);
        }
    return MOE_OK;
}

bool moe__schema_bounds_hold(const struct moe__schema_bounds *bounds,
                             const struct moe__schema_digits *value)
{
    const int32_t low =
        bounds->has_low ? moe__schema_digits_compare(value, &bounds->low) : 1;
    const int32_t high =
        bounds->has_high ? moe__schema_digits_compare(&bounds->high, value) : 1;
    return (low > 0 || (low == 0 && !bounds->is_low_open)) &&
           (high > 0 || (high == 0 && !bounds->is_high_open));
}

bool moe__schema_bounds_empty(const struct moe__schema_bounds *bounds)
{
    if (!bounds->has_low || !bounds->has_high)
        return false;
    const int32_t order =
        moe__schema_digits_compare(&bounds->low, &bounds->high);
    return order > 0 ||
           (order == 0 && (bounds->is_low_open || bounds->is_high_open));
}

/* ------------------------------------------------------------ automaton */

/* Sizes of numbers (no sign) from low, and up to high if there is one. */
struct number_builder {
    struct moe__schema *schema;
    const struct moe__schema_bounds *bounds;
    bool is_integer;
    int32_t n_places;       /* digits behind the point, -1: any number */
    moe__expr any_fraction; /* nothing, or a point and digits */
};

static moe__expr number_digit(const struct number_builder *b, int32_t first,
                              int32_t last)
{
    const struct moe__code_range range = {(uint32_t)('0' + first),
                                          (uint32_t)('0' + last)};
    return moe__grammar_codes(b->schema->builder, &range, 1, false);
}

static moe__expr number_digits(const struct number_builder *b, int32_t least,
                               int32_t most)
{
    return moe__grammar_repeat(b->schema->builder, b->schema->digit, least,
                               most);
}

/* What a digit may be: a .. b, of which a and b lead on tightly. */
struct number_step {
    int32_t first;
    int32_t last;
    bool is_low;  /* tight below */
    bool is_high; /* tight above */
};

/* Whether the number may end behind `at` digits of the fraction. */
static bool number_may_end(const struct number_builder *b, int32_t at,
                           const struct number_step *tight)
{
    const struct moe__schema_bounds *bounds = b->bounds;
    const bool is_low_reached =
        at >= bounds->low.n_fraction && !bounds->is_low_open;
    const bool is_high_left =
        at < bounds->high.n_fraction || !bounds->is_high_open;
    return (!tight->is_low || is_low_reached) &&
           (!tight->is_high || is_high_left);
}

/* At least one digit of the fraction, from `at`. */
static moe__expr number_places(const struct number_builder *b, int32_t at,
                               moe__expr digit)
{
    return moe__grammar_repeat(b->schema->builder, digit, 1,
                               b->n_places < 0 ? -1 : b->n_places - at);
}

/* The digits of the fraction from `at`: at least one. */
static moe__expr number_fraction(const struct number_builder *b, int32_t at,
                                 bool is_low, bool is_high)
{
    const struct moe__schema_bounds *bounds = b->bounds;
    const bool is_past = (!is_low || at >= bounds->low.n_fraction) &&
                         (!is_high || at >= bounds->high.n_fraction);
    const bool is_limited = b->n_places >= 0;
    if (is_limited && at >= b->n_places)
        return moe__grammar_either(b->schema->builder, NULL, 0);
    if (!is_low && !is_high)
        return number_places(b, at, b->schema->digit);
    if (is_past && is_high) { /* equal to the bound: it can only get zeros */
        const bool is_open =
            bounds->is_high_open || (is_low && bounds->is_low_open);
        return is_open ? moe__grammar_either(b->schema->builder, NULL, 0)
                       : number_places(b, at, number_digit(b, 0, 0));
    }
    if (is_past && !bounds->is_low_open)
        return number_places(b, at, b->schema->digit);
    if (is_past &&
        !is_limited) { /* more than the bound: a digit that is not 0 */
        const moe__expr zeros = moe__grammar_repeat(
            b->schema->builder, number_digit(b, 0, 0), 0, -1);
        return moe__schema_join(b->schema, zeros,
                                moe__schema_join(b->schema,
                                                 number_digit(b, 1, 9),
                                                 number_digits(b, 0, -1)));
    }
    const int32_t first =
        is_low && at < bounds->low.n_fraction ? bounds->low.fraction[at] : 0;
    const int32_t last = !is_high ? 9
                         : at < bounds->high.n_fraction
                             ? bounds->high.fraction[at]
                             : 0;
    moe__expr ways[3];
    int32_t n = 0;
    for (int32_t digit = first; digit <= last;) {
        const struct number_step step = {digit, digit, is_low && digit == first,
                                         is_high && digit == last};
        const bool is_tight = step.is_low || step.is_high;
        const int32_t until = is_tight ? digit : last - (is_high ? 1 : 0);
        moe__expr rest = number_fraction(b, at + 1, step.is_low, step.is_high);
        if (number_may_end(b, at + 1, &step))
            rest = moe__grammar_repeat(b->schema->builder, rest, 0, 1);
        ways[n++] =
            moe__schema_join(b->schema, number_digit(b, digit, until), rest);
        digit = until + 1;
    }
    return moe__grammar_either(b->schema->builder, ways, n);
}

/* What follows the whole digits. */
static moe__expr number_tail(const struct number_builder *b, bool is_low,
                             bool is_high)
{
    const struct number_step tight = {0, 0, is_low, is_high};
    struct moe__grammar_builder *builder = b->schema->builder;
    const bool may_end = number_may_end(b, 0, &tight);
    if (!is_low && !is_high)
        return b->any_fraction;
    if (b->is_integer)
        return may_end ? moe__grammar_join(builder, NULL, 0)
                       : moe__grammar_either(builder, NULL, 0);
    const moe__expr fraction =
        moe__schema_join(b->schema, moe__schema_text(b->schema, "."),
                         number_fraction(b, 0, is_low, is_high));
    return moe__grammar_repeat(builder, fraction, may_end ? 0 : 1, 1);
}

/* The digits from `at` of a number with n before the point. */
static moe__expr number_whole(const struct number_builder *b, int32_t at,
                              int32_t n, bool is_low, bool is_high)
{
    if (at == n)
        return number_tail(b, is_low, is_high);
    if (!is_low && !is_high)
        return moe__schema_join(b->schema, number_digits(b, n - at, n - at),
                                b->any_fraction);
    const int32_t first = is_low             ? b->bounds->low.whole[at]
                          : at == 0 && n > 1 ? 1
                                             : 0;
    const int32_t last = is_high ? b->bounds->high.whole[at] : 9;
    moe__expr ways[3];
    int32_t n_ways = 0;
    for (int32_t digit = first; digit <= last;) {
        const bool is_first = is_low && digit == first;
        const bool is_last = is_high && digit == last;
        const int32_t until =
            is_first || is_last ? digit : last - (is_high ? 1 : 0);
        ways[n_ways++] =
            moe__schema_join(b->schema, number_digit(b, digit, until),
                             number_whole(b, at + 1, n, is_first, is_last));
        digit = until + 1;
    }
    return moe__grammar_either(b->schema->builder, ways, n_ways);
}

/* Numbers with from least to most digits before the point, the first not 0. */
static moe__expr number_longer(const struct number_builder *b, int32_t least,
                               int32_t most)
{
    return moe__schema_join(
        b->schema, number_digit(b, 1, 9),
        moe__schema_join(b->schema,
                         number_digits(b, least - 1, most < 0 ? -1 : most - 1),
                         b->any_fraction));
}

static moe__expr number_sizes(const struct number_builder *b)
{
    const int32_t n = b->bounds->low.n_whole;
    const int32_t n_high = b->bounds->has_high ? b->bounds->high.n_whole : -1;
    moe__expr ways[3];
    int32_t n_ways = 0;
    if (n == n_high)
        return number_whole(b, 0, n, true, true);
    ways[n_ways++] = number_whole(b, 0, n, true, false);
    if (n_high < 0)
        ways[n_ways++] = number_longer(b, n + 1, -1);
    else if (n_high > n + 1)
        ways[n_ways++] = number_longer(b, n + 1, n_high - 1);
    if (n_high > 0)
        ways[n_ways++] = number_whole(b, 0, n_high, false, true);
    return moe__grammar_either(b->schema->builder, ways, n_ways);
}

/* The part of the bounds above zero (below: mirrored), 0 belonging to the
 * upper part.  False if there is none. */
static bool number_half(const struct moe__schema_bounds *bounds, bool is_below,
                        struct moe__schema_bounds *out)
{
    *out = *bounds;
    if (is_below) {
        out->low = bounds->high;
        out->high = bounds->low;
        out->has_low = bounds->has_high;
        out->has_high = bounds->has_low;
        out->is_low_open = bounds->is_high_open;
        out->is_high_open = bounds->is_low_open;
        /* A zero has no sign: its mirror image is itself. */
        out->low.is_negative =
            !out->low.is_negative && !digits_are_zero(&out->low);
        out->high.is_negative =
            !out->high.is_negative && !digits_are_zero(&out->high);
    }
    if (!out->has_low || out->low.is_negative) {
        out->has_low = true;
        out->low.is_negative = false;
        out->low.n_whole = 1;
        out->low.whole[0] = 0;
        out->low.n_fraction = 0;
        out->is_low_open = false;
    }
    if (is_below && digits_are_zero(&out->low))
        out->is_low_open = true;
    return !moe__schema_bounds_empty(out);
}

static moe__expr number_bounded(struct number_builder *b,
                                const struct moe__schema_bounds *bounds)
{
    moe__expr ways[2];
    int32_t n = 0;
    for (int32_t is_below = 0; is_below < 2; is_below++) {
        struct moe__schema_bounds half;
        if (!number_half(bounds, is_below, &half))
            continue;
        b->bounds = &half;
        ways[n] = number_sizes(b);
        if (is_below)
            ways[n] = moe__schema_join(
                b->schema, moe__schema_text(b->schema, "-"), ways[n]);
        n++;
    }
    return moe__grammar_either(b->schema->builder, ways, n);
}

/* A number that is no integer: a digit other than 0 behind the point. */
static moe__expr number_broken(const struct number_builder *b)
{
    struct moe__schema *schema = b->schema;
    const moe__expr parts[] = {
        moe__grammar_repeat(schema->builder, moe__schema_text(schema, "-"), 0,
                            1),
        moe__schema_either(schema, moe__schema_text(schema, "0"),
                           moe__schema_join(schema, number_digit(b, 1, 9),
                                            number_digits(b, 0, -1))),
        moe__schema_text(schema, "."), number_digits(b, 0, -1),
        number_digit(b, 1, 9)};
    return moe__grammar_join(schema->builder, parts, MOE__COUNT(parts));
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?; an integer is never -0. */
static moe__expr number_free(const struct number_builder *b)
{
    static const struct moe__code_range letters[] = {{'E', 'E'}, {'e', 'e'}};
    static const struct moe__code_range signs[] = {{'+', '+'}, {'-', '-'}};
    struct moe__schema *schema = b->schema;
    struct moe__grammar_builder *builder = schema->builder;
    const moe__expr minus =
        moe__grammar_repeat(builder, moe__schema_text(schema, "-"), 0, 1);
    const moe__expr zero = moe__schema_text(schema, "0");
    const moe__expr other = moe__schema_join(schema, number_digit(b, 1, 9),
                                             number_digits(b, 0, -1));
    if (b->is_integer)
        return moe__schema_either(schema, zero,
                                  moe__schema_join(schema, minus, other));
    const moe__expr exponent[] = {
        moe__grammar_codes(builder, letters, 2, false),
        moe__grammar_repeat(builder,
                            moe__grammar_codes(builder, signs, 2, false), 0, 1),
        number_digits(b, 1, -1)};
    const moe__expr parts[] = {
        minus, moe__schema_either(schema, zero, other), b->any_fraction,
        moe__grammar_repeat(builder, moe__grammar_join(builder, exponent, 3), 0,
                            b->n_places < 0 ? 1 : 0)};
    return moe__grammar_join(builder, parts, 4);
}

/* multipleOf, as a number of digits behind the point: 0 for 1, 1 for 0.1, and
 * so on; -1 without it. */
static moe_status number_step_places(const struct moe__schema_frame *frame,
                                     int32_t *out)
{
    *out = -1;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *step =
            moe__json_get(frame->entries[i], "multipleOf");
        struct moe__schema_digits digits;
        if (step == NULL)
            continue;
        bool is_power = moe__schema_digits_read(step->text, &digits) &&
                        !digits.is_negative && digits.n_whole == 1;
        const int32_t n = is_power ? digits.n_fraction : 0;
        is_power = is_power && digits.whole[0] == (n == 0);
        for (int32_t k = 0; k < n && is_power; k++)
            is_power = digits.fraction[k] == (k + 1 == n);
        if (!is_power)
            return moe__schema_refuse(frame->schema, frame->entries[i],
                                      "multipleOf",
                                      "cannot be enforced unless it is 1, 0.1, "
                                      "0.01 or so on");
        if (*out < 0 || n < *out)
            *out = n;
    }
    return MOE_OK;
}

moe_status moe__schema_number(const struct moe__schema_frame *frame,
                              uint32_t types, moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct moe__schema_bounds bounds;
    const bool is_broken = !(types & MOE__SCHEMA_INTEGER);
    int32_t n_places = -1;
    MOE__TRY(moe__schema_bounds(frame, &bounds));
    MOE__TRY(number_step_places(frame, &n_places));
    const bool is_integer = !(types & MOE__SCHEMA_FRACTION) || n_places == 0;
    struct number_builder b = {schema, &bounds, is_integer, n_places, -1};
    b.any_fraction =
        is_integer ? moe__grammar_join(schema->builder, NULL, 0)
                   : moe__grammar_repeat(
                         schema->builder,
                         moe__schema_join(schema, moe__schema_text(schema, "."),
                                          number_places(&b, 0, schema->digit)),
                         0, 1);
    const bool is_bounded = bounds.has_low || bounds.has_high;
    if (is_broken && (is_bounded || n_places > 0))
        return moe__schema_refuse(schema, frame->entries[0], "type",
                                  "excludes integers: that cannot be enforced "
                                  "beside bounds or multipleOf");
    if (is_broken)
        *out = is_integer ? moe__grammar_either(schema->builder, NULL, 0)
                          : number_broken(&b);
    else
        *out = is_bounded ? number_bounded(&b, &bounds) : number_free(&b);
    return moe__schema_step(schema,
                            10 + 10 * bounds.has_low * bounds.low.n_whole);
}
