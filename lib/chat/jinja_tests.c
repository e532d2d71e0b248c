/* jinja_tests.c: what can stand after `is`. */
#include "chat/jinja.h"
#include "token/unicode.h"

static moe_status test_gives(struct moe__value *out, bool is_true)
{
    *out = moe__value_bool(is_true);
    return MOE_OK;
}

/* A test that looks at nothing but the kind. */
#define KIND_TEST(name, condition)                         \
    static moe_status name(struct moe__render *render,     \
                           const struct moe__args *args,   \
                           struct moe__value *out)         \
    {                                                      \
        const enum moe__value_kind kind = args->self.kind; \
        (void)render;                                      \
        return test_gives(out, condition);                 \
    }

KIND_TEST(test_defined, kind != MOE__VALUE_UNDEFINED)
KIND_TEST(test_undefined, kind == MOE__VALUE_UNDEFINED)
KIND_TEST(test_none, kind == MOE__VALUE_NONE)
KIND_TEST(test_boolean, kind == MOE__VALUE_BOOL)
KIND_TEST(test_true, kind == MOE__VALUE_BOOL && args->self.as.boolean)
KIND_TEST(test_false, kind == MOE__VALUE_BOOL && !args->self.as.boolean)
KIND_TEST(test_integer, kind == MOE__VALUE_INT)
KIND_TEST(test_float, kind == MOE__VALUE_FLOAT)
KIND_TEST(test_number, kind >= MOE__VALUE_BOOL && kind <= MOE__VALUE_FLOAT)
KIND_TEST(test_string, kind == MOE__VALUE_STRING)
KIND_TEST(test_mapping, kind == MOE__VALUE_DICT)
KIND_TEST(test_callable,
          kind == MOE__VALUE_UNDEFINED || kind >= MOE__VALUE_METHOD)
/* A namespace has no length; undefined has one, and can be walked. */
KIND_TEST(test_iterable,
          kind == MOE__VALUE_UNDEFINED ||
              (kind >= MOE__VALUE_STRING && kind <= MOE__VALUE_DICT) ||
              kind == MOE__VALUE_LOOP)
/* Has a length and items by number or key. */
KIND_TEST(test_sequence,
          kind == MOE__VALUE_UNDEFINED || kind == MOE__VALUE_DICT ||
              (kind >= MOE__VALUE_STRING && kind <= MOE__VALUE_RANGE))

static moe_status test_in(struct moe__render *render,
                          const struct moe__args *args, struct moe__value *out)
{
    bool is_true;
    MOE__TRY(
        moe__value_contains(render, &args->list[0], &args->self, &is_true));
    return test_gives(out, is_true);
}

static moe_status test_equal(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    bool is_true;
    MOE__TRY(moe__value_equal(render, &args->self, &args->list[0], &is_true));
    return test_gives(out, is_true);
}

static moe_status test_not_equal(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    MOE__TRY(test_equal(render, args, out));
    return test_gives(out, !out->as.boolean);
}

static moe_status test_less(struct moe__render *render,
                            const struct moe__args *args,
                            struct moe__value *out)
{
    bool is_true;
    MOE__TRY(moe__value_less(render, &args->self, &args->list[0], &is_true));
    return test_gives(out, is_true);
}

static moe_status test_greater(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    bool is_true;
    MOE__TRY(moe__value_less(render, &args->list[0], &args->self, &is_true));
    return test_gives(out, is_true);
}

static moe_status test_at_most(struct moe__render *render,
                               const struct moe__args *args,
                               struct moe__value *out)
{
    MOE__TRY(test_greater(render, args, out));
    return test_gives(out, !out->as.boolean);
}

static moe_status test_at_least(struct moe__render *render,
                                const struct moe__args *args,
                                struct moe__value *out)
{
    MOE__TRY(test_less(render, args, out));
    return test_gives(out, !out->as.boolean);
}

/* self modulo n, from 0 to n - 1; n > 0. */
static moe_status test_remainder(struct moe__render *render,
                                 const struct moe__args *args, int64_t n,
                                 int64_t *out)
{
    MOE__TRY(moe__value_need(render, &args->self));
    if (args->self.kind != MOE__VALUE_INT)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected an int, found %s",
                         moe__value_type(&args->self));
    *out = args->self.as.integer % n;
    *out += *out < 0 ? n : 0;
    return MOE_OK;
}

static moe_status test_even(struct moe__render *render,
                            const struct moe__args *args,
                            struct moe__value *out)
{
    int64_t rest = 0;
    MOE__TRY(test_remainder(render, args, 2, &rest));
    return test_gives(out, rest == 0);
}

static moe_status test_odd(struct moe__render *render,
                           const struct moe__args *args, struct moe__value *out)
{
    int64_t rest = 0;
    MOE__TRY(test_remainder(render, args, 2, &rest));
    return test_gives(out, rest == 1);
}

static moe_status test_divisible(struct moe__render *render,
                                 const struct moe__args *args,
                                 struct moe__value *out)
{
    int64_t rest = 0;
    if (args->list[0].kind != MOE__VALUE_INT || args->list[0].as.integer <= 0)
        return moe__fail(render->err, MOE_ERR_FORMAT,
                         "expected a positive int");
    MOE__TRY(test_remainder(render, args, args->list[0].as.integer, &rest));
    return test_gives(out, rest == 0);
}

/* Letters of the one case and none of the other. */
static moe_status test_case(struct moe__render *render,
                            const struct moe__args *args,
                            enum moe__category wanted, struct moe__value *out)
{
    struct moe__value text;
    bool has_wanted = false, has_other = false;
    MOE__TRY(moe__value_str(render, &args->self, &text));
    const struct moe__string *string = text.as.string;
    MOE__TRY(moe__render_spend(render, string->n / 4));
    for (size_t pos = 0; pos < string->n;
         pos += moe__string_step(string, pos)) {
        const enum moe__category category =
            moe__unicode_category(moe__string_code(string, pos));
        has_wanted = has_wanted || category == wanted;
        has_other =
            has_other || (category != wanted && category >= MOE__CATEGORY_LU &&
                          category <= MOE__CATEGORY_LT);
    }
    return test_gives(out, has_wanted && !has_other);
}

static moe_status test_lower(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    return test_case(render, args, MOE__CATEGORY_LL, out);
}

static moe_status test_upper(struct moe__render *render,
                             const struct moe__args *args,
                             struct moe__value *out)
{
    return test_case(render, args, MOE__CATEGORY_LU, out);
}

/* `is`, for what has one identity. */
static moe_status test_same(struct moe__render *render,
                            const struct moe__args *args,
                            struct moe__value *out)
{
    const struct moe__value *a = &args->self, *b = &args->list[0];
    if (a->kind > MOE__VALUE_BOOL && b->kind > MOE__VALUE_BOOL)
        return moe__fail(render->err, MOE_ERR_UNSUPPORTED,
                         "two values of type %s", moe__value_type(a));
    return test_gives(out,
                      a->kind == b->kind && (a->kind != MOE__VALUE_BOOL ||
                                             a->as.boolean == b->as.boolean));
}

const struct moe__builtin moe__jinja_tests[] = {
    {"boolean", test_boolean, 0, 0, NULL},
    {"callable", test_callable, 0, 0, NULL},
    {"defined", test_defined, 0, 0, NULL},
    {"divisibleby", test_divisible, 1, 1, "num"},
    {"eq", test_equal, 1, 1, NULL},
    {"equalto", test_equal, 1, 1, NULL},
    {"==", test_equal, 1, 1, NULL},
    {"even", test_even, 0, 0, NULL},
    {"false", test_false, 0, 0, NULL},
    {"float", test_float, 0, 0, NULL},
    {"ge", test_at_least, 1, 1, NULL},
    {">=", test_at_least, 1, 1, NULL},
    {"greaterthan", test_greater, 1, 1, NULL},
    {"gt", test_greater, 1, 1, NULL},
    {">", test_greater, 1, 1, NULL},
    {"in", test_in, 1, 1, "seq"},
    {"integer", test_integer, 0, 0, NULL},
    {"iterable", test_iterable, 0, 0, NULL},
    {"le", test_at_most, 1, 1, NULL},
    {"<=", test_at_most, 1, 1, NULL},
    {"lessthan", test_less, 1, 1, NULL},
    {"lower", test_lower, 0, 0, NULL},
    {"lt", test_less, 1, 1, NULL},
    {"<", test_less, 1, 1, NULL},
    {"mapping", test_mapping, 0, 0, NULL},
    {"ne", test_not_equal, 1, 1, NULL},
    {"!=", test_not_equal, 1, 1, NULL},
    {"none", test_none, 0, 0, NULL},
    {"number", test_number, 0, 0, NULL},
    {"odd", test_odd, 0, 0, NULL},
    {"sameas", test_same, 1, 1, "other"},
    {"sequence", test_sequence, 0, 0, NULL},
    {"string", test_string, 0, 0, NULL},
    {"true", test_true, 0, 0, NULL},
    {"undefined", test_undefined, 0, 0, NULL},
    {"upper", test_upper, 0, 0, NULL},
    {NULL, NULL, 0, 0, NULL},
};
