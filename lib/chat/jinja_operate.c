/* jinja_operate.c: arithmetic, and sums of strings and lists.
 *
 * Integers have 64 bits: what would need more is an error, not a float.  A
 * result is data if one of the operands is. */
#include "chat/jinja.h"

#include "base/math.h"

#include <math.h>

/* A number as both; false if it is none. */
static bool value_numbers(const struct moe__value *value, int64_t *integer,
                          double *number)
{
    if (value->kind == MOE__VALUE_FLOAT) {
        *number = value->as.number;
        return true;
    }
    if (value->kind != MOE__VALUE_INT && value->kind != MOE__VALUE_BOOL)
        return false;
    *integer =
        value->kind == MOE__VALUE_INT ? value->as.integer : value->as.boolean;
    *number = (double)*integer;
    return true;
}

moe_status moe__operate_sign(struct moe__render *render, bool is_minus,
                             const struct moe__value *value,
                             struct moe__value *out)
{
    int64_t integer = 0;
    double number;
    MOE__TRY(moe__value_need(render, value));
    if (!value_numbers(value, &integer, &number) ||
        (is_minus && integer == INT64_MIN))
        return moe__fail(render->err, MOE_ERR_FORMAT, "%s of a %s",
                         is_minus ? "minus" : "plus", moe__value_type(value));
    if (value->kind == MOE__VALUE_FLOAT)
        *out = moe__value_float(is_minus ? -number : number, value->is_data);
    else
        *out = moe__value_int(is_minus ? -integer : integer, value->is_data);
    return MOE_OK;
}

static bool multiply_integers(int64_t a, int64_t b, int64_t *out)
{
    if (a > 0 ? b > INT64_MAX / a || b < INT64_MIN / a
              : a < 0 && (b > 0 ? a < INT64_MIN / b : b < INT64_MAX / a))
        return false;
    *out = a * b;
    return true;
}

static bool power_integers(int64_t a, int64_t b, int64_t *out)
{
    *out = 1;
    if (a == 0 || a == 1 || a == -1) {
        *out = b == 0 ? 1 : a == -1 && b % 2 == 0 ? 1 : a;
        return true;
    }
    for (; b > 0; b--) /* ends at 64: it overflows before */
        if (!multiply_integers(*out, a, out))
            return false;
    return true;
}

/* False: more than 64 bits.  b is not 0 if it divides. */
static bool combine_integers(enum moe__operator operator_, int64_t a, int64_t b,
                             int64_t *out)
{
    const bool is_overflow = a == INT64_MIN && b == -1;
    switch (operator_) {
    case MOE__OPERATOR_ADD:
        if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b)
            return false;
        *out = a + b;
        return true;
    case MOE__OPERATOR_SUB:
        if (b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b)
            return false;
        *out = a - b;
        return true;
    case MOE__OPERATOR_MUL:
        return multiply_integers(a, b, out);
    case MOE__OPERATOR_FLOOR_DIV: /* rounds down, C to zero */
        *out = is_overflow ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0));
        return !is_overflow;
    case MOE__OPERATOR_MOD: /* has the sign of b */
        *out = is_overflow ? 0 : a % b;
        if (*out != 0 && (*out < 0) != (b < 0))
            *out += b;
        return true;
    default:
        return power_integers(a, b, out);
    }
}

static double combine_floats(enum moe__operator operator_, double a, double b)
{
    double rest;
    switch (operator_) {
    case MOE__OPERATOR_ADD:
        return a + b;
    case MOE__OPERATOR_SUB:
        return a - b;
    case MOE__OPERATOR_MUL:
        return a * b;
    case MOE__OPERATOR_DIV:
        return a / b;
    case MOE__OPERATOR_POW:
        return moe__pow(a, b);
    default:
        rest = fmod(a, b);
        if (rest != 0 && (rest < 0) != (b < 0))
            rest += b;
        return operator_ == MOE__OPERATOR_MOD ? rest : rint((a - rest) / b);
    }
}

static moe_status combine_fail(struct moe__render *render,
                               enum moe__operator operator_,
                               const struct moe__value *a,
                               const struct moe__value *b)
{
    /* ORDER OPERATOR, from ADD on. */
    static const char *const signs[] = {"+", "-",  "~", "*",
                                        "/", "//", "%", "**"};
    MOE__TRY(moe__value_need(render, a));
    MOE__TRY(moe__value_need(render, b));
    return moe__fail(render->err, MOE_ERR_FORMAT, "%s %s %s is not possible",
                     moe__value_type(a), signs[operator_ - MOE__OPERATOR_ADD],
                     moe__value_type(b));
}

static moe_status combine_numbers(struct moe__render *render,
                                  enum moe__operator operator_,
                                  const struct moe__value *a,
                                  const struct moe__value *b,
                                  struct moe__value *out)
{
    int64_t i = 0, j = 0, integer;
    double x, y;
    if (!value_numbers(a, &i, &x) || !value_numbers(b, &j, &y))
        return combine_fail(render, operator_, a, b);
    const bool is_data = a->is_data || b->is_data;
    const bool is_power = operator_ == MOE__OPERATOR_POW;
    if (y == 0 && (operator_ == MOE__OPERATOR_DIV ||
                   operator_ == MOE__OPERATOR_FLOOR_DIV ||
                   operator_ == MOE__OPERATOR_MOD))
        return moe__fail(render->err, MOE_ERR_FORMAT, "division by zero");
    if (a->kind == MOE__VALUE_FLOAT || b->kind == MOE__VALUE_FLOAT ||
        operator_ == MOE__OPERATOR_DIV || (is_power && j < 0)) {
        if (is_power && x <= 0)
            return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                             "** of a float needs a positive base");
        *out = moe__value_float(combine_floats(operator_, x, y), is_data);
        return MOE_OK;
    }
    if (!combine_integers(operator_, i, j, &integer))
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "an integer of more than 64 bits");
    *out = moe__value_int(integer, is_data);
    return MOE_OK;
}

static moe_status concat_strings(struct moe__render *render,
                                 const struct moe__value *a,
                                 const struct moe__value *b,
                                 struct moe__value *out)
{
    struct moe__value left, right;
    struct moe__builder builder;
    MOE__TRY(moe__value_str(render, a, &left));
    MOE__TRY(moe__value_str(render, b, &right));
    moe__builder_init(&builder, render);
    moe__builder_reserve(&builder, left.as.string->n + right.as.string->n);
    moe__builder_string(&builder, left.as.string);
    moe__builder_string(&builder, right.as.string);
    return moe__builder_finish(&builder, out);
}

/* str + str.  A safe one escapes the other, and the sum is safe. */
static moe_status add_strings(struct moe__render *render,
                              const struct moe__value *a,
                              const struct moe__value *b,
                              struct moe__value *out)
{
    struct moe__value left, right;
    if (!a->as.string->is_safe && !b->as.string->is_safe)
        return concat_strings(render, a, b, out);
    MOE__TRY(moe__string_escape(render, a->as.string, &left));
    MOE__TRY(moe__string_escape(render, b->as.string, &right));
    MOE__TRY(concat_strings(render, &left, &right, out));
    return moe__string_mark(render, out->as.string, true, out);
}

static moe_status concat_lists(struct moe__render *render,
                               const struct moe__value *a,
                               const struct moe__value *b,
                               struct moe__value *out)
{
    const struct moe__list *x = a->as.list, *y = b->as.list;
    struct moe__value list;
    if (x->n > INT32_MAX - y->n)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED, "list too long");
    MOE__TRY(moe__value_list(render, a->kind, x->n + y->n,
                             a->is_data || b->is_data, &list));
    for (int32_t i = 0; i < x->n; i++)
        list.as.list->items[i] = x->items[i];
    for (int32_t i = 0; i < y->n; i++)
        list.as.list->items[x->n + i] = y->items[i];
    *out = list;
    return MOE_OK;
}

/* A string or list n times. */
static moe_status repeat_value(struct moe__render *render,
                               const struct moe__value *value, int64_t n,
                               struct moe__value *out)
{
    struct moe__builder builder;
    if (value->kind == MOE__VALUE_STRING) {
        moe__builder_init(&builder, render);
        for (int64_t i = 0; i < n && builder.status == MOE_OK; i++) {
            MOE__TRY(moe__render_spend(render, 1));
            moe__builder_string(&builder, value->as.string);
        }
        return moe__builder_finish(&builder, out);
    }
    struct moe__value list;
    MOE__TRY(moe__value_list(render, value->kind, 0, value->is_data, &list));
    for (int64_t i = 0; i < n; i++)
        MOE__TRY(concat_lists(render, &list, value, &list));
    *out = list;
    return MOE_OK;
}

static bool value_repeats(const struct moe__value *value)
{
    return value->kind == MOE__VALUE_STRING || value->kind == MOE__VALUE_LIST ||
           value->kind == MOE__VALUE_TUPLE;
}

moe_status moe__operate(struct moe__render *render,
                        enum moe__operator operator_,
                        const struct moe__value *a, const struct moe__value *b,
                        struct moe__value *out)
{
    if (operator_ == MOE__OPERATOR_CONCAT)
        return concat_strings(render, a, b, out);
    if (operator_ == MOE__OPERATOR_ADD && a->kind == b->kind) {
        if (a->kind == MOE__VALUE_STRING)
            return add_strings(render, a, b, out);
        if (a->kind == MOE__VALUE_LIST || a->kind == MOE__VALUE_TUPLE)
            return concat_lists(render, a, b, out);
    }
    if (operator_ == MOE__OPERATOR_MUL && value_repeats(a) &&
        b->kind == MOE__VALUE_INT)
        return repeat_value(render, a, b->as.integer, out);
    if (operator_ == MOE__OPERATOR_MUL && value_repeats(b) &&
        a->kind == MOE__VALUE_INT)
        return repeat_value(render, b, a->as.integer, out);
    if (operator_ == MOE__OPERATOR_MOD && a->kind == MOE__VALUE_STRING)
        return moe__format_percent(render, a->as.string, b, out);
    return combine_numbers(render, operator_, a, b, out);
}
