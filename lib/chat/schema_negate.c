/* schema_negate.c: what allows all that a schema does not.
 *
 * `not` has no expression, but its opposite often has: what forbids a type
 * allows the others, what forbids a minimum asks for less.  So a negation is
 * pushed inwards, one level at a time, until it meets such a keyword (De Morgan
 * for those that combine schemas).  Refuses what would need the complement of a
 * pattern, of a format, or of the keys of an object. */
#include "chat/schema_make.h"

const char moe__schema_fraction[] = "(fraction)";
const char moe__schema_differs[] = "(differs)";

#define NEGATE_MAX_PAIRS 4096 /* of the branches of one oneOf */

/* A function adds what forbids the value of one keyword: one way is enough. */
typedef moe_status negate_function(struct moe__schema_maker *maker,
                                   const struct moe__json *value);

/* Everything but values of these types. */
static void negate_bits(struct moe__schema_maker *maker, uint32_t bits)
{
    static const char *const names[] = {
        "null",   "boolean", "integer", moe__schema_fraction,
        "string", "array",   "object",
    };
    struct moe__json types[MOE__COUNT(names)];
    int32_t n = 0;
    for (size_t i = 0; i < MOE__COUNT(names); i++)
        if (!(bits & moe__schema_type_bits(moe__slice_str(names[i]))))
            types[n++] = moe__schema_make_name(names[i]);
    if (n > 0)
        moe__schema_make_way(
            maker, moe__schema_make_member(
                       maker, "type", moe__schema_make_list(maker, n, types)));
}

static moe_status negate_type(struct moe__schema_maker *maker,
                              const struct moe__json *value)
{
    (void)value;
    negate_bits(maker, moe__schema_named_types(maker->node));
    return MOE_OK;
}

/* {"const": value} of an array or object with other words. */
static struct moe__json make_equal(struct moe__schema_maker *maker,
                                   const struct moe__json *value)
{
    const bool is_object = value->kind == MOE__JSON_OBJECT;
    struct moe__arena *arena = &maker->schema->arena;
    const size_t n = (size_t)value->n;
    struct moe__json *names = moe__arena_alloc(arena, n, sizeof *names);
    struct moe__json *parts = moe__arena_alloc(arena, n, sizeof *parts);
    int32_t n_members = 0;
    maker->has_failed = maker->has_failed || names == NULL || parts == NULL;
    if (maker->has_failed)
        return (struct moe__json){.kind = MOE__JSON_FALSE};
    for (int32_t i = 0; i < value->n; i++) {
        parts[i] = moe__schema_make_member(maker, "const", value->items[i]);
        if (is_object) {
            names[i] = (struct moe__json){.kind = MOE__JSON_STRING,
                                          .text = value->keys[i]};
            n_members += moe__schema_member(value, value->keys[i]) ==
                         &value->items[i]; /* of equal keys the last counts */
        }
    }
    if (is_object) {
        const struct moe__slice keys[] = {
            moe__slice_str("type"), moe__slice_str("maxProperties"),
            moe__slice_str("required"), moe__slice_str("properties")};
        const struct moe__json items[] = {
            moe__schema_make_name("object"), moe__schema_make_count(n_members),
            moe__schema_make_list(maker, value->n, names),
            moe__schema_make_object(maker, value->n, value->keys, parts)};
        return moe__schema_make_object(maker, 4, keys, items);
    }
    const struct moe__slice keys[] = {
        moe__slice_str("type"), moe__slice_str("maxItems"),
        moe__slice_str("minItems"), moe__slice_str("prefixItems")};
    const struct moe__json items[] = {
        moe__schema_make_name("array"), moe__schema_make_count(value->n),
        moe__schema_make_count(value->n),
        moe__schema_make_list(maker, value->n, parts)};
    return moe__schema_make_object(maker, value->n > 0 ? 4 : 3, keys, items);
}

/* Numbers between neighbours of sorted values [n]. */
static void negate_numbers(struct moe__schema_maker *maker,
                           const struct moe__json *values, int32_t n)
{
    for (int32_t i = 0; i <= n; i++) {
        struct moe__slice keys[] = {moe__slice_str("type"),
                                    moe__slice_str("exclusiveMaximum"),
                                    moe__slice_str("exclusiveMinimum")};
        struct moe__json items[3] = {moe__schema_make_name("number")};
        if (i < n)
            items[1] = values[i];
        if (i > 0)
            items[i < n ? 2 : 1] = values[i - 1];
        if (i == n)
            keys[1] = keys[2];
        moe__schema_make_way(
            maker, moe__schema_make_object(maker, i > 0 && i < n ? 3 : 2, keys,
                                           items));
    }
}

/* Puts a number where it belongs among sorted ones [*n]. */
static moe_status negate_sort(struct moe__schema_maker *maker,
                              struct moe__json *numbers, int32_t *n,
                              const struct moe__json *value)
{
    struct moe__schema_digits digits;
    struct moe__schema_digits other;
    int32_t at = *n;
    if (!moe__schema_digits_read(value->text, &digits))
        return moe__schema_refuse(maker->schema, maker->node, maker->keyword,
                                  "lists a number with too many digits");
    for (; at > 0; at--) {
        moe__schema_digits_read(numbers[at - 1].text, &other);
        const int32_t order = moe__schema_digits_compare(&digits, &other);
        if (order == 0)
            return MOE_OK; /* there it is; nothing was moved */
        if (order > 0)
            break;
    }
    for (int32_t i = *n; i > at; i--)
        numbers[i] = numbers[i - 1];
    numbers[at] = *value;
    MOE__TRY(moe__schema_step(maker->schema, 1 + *n - at));
    (*n)++;
    return MOE_OK;
}

/* Arrays, or objects, that equal none of the values of this kind. */
static void negate_equals(struct moe__schema_maker *maker,
                          const struct moe__json *values, int32_t n,
                          enum moe__json_kind kind)
{
    struct moe__json result = moe__schema_make_member(
        maker, "type",
        moe__schema_make_name(kind == MOE__JSON_ARRAY ? "array" : "object"));
    for (int32_t i = 0; i < n; i++)
        if (values[i].kind == kind) {
            const struct moe__json equal = make_equal(maker, &values[i]);
            result = moe__schema_make_two(maker, "allOf", result,
                                          moe__schema_make_not(maker, &equal));
        }
    moe__schema_make_way(maker, result);
}

static moe_status negate_values(struct moe__schema_maker *maker,
                                const struct moe__json *values, int32_t n)
{
    struct moe__arena *arena = &maker->schema->arena;
    const uint32_t numbers = MOE__SCHEMA_INTEGER | MOE__SCHEMA_FRACTION;
    struct moe__json *list[2]; /* numbers, strings; [n] */
    int32_t n_list[2] = {0, 0};
    bool is_listed[MOE__JSON_OBJECT + 1] = {false};
    uint32_t bits = 0;
    for (int32_t i = 0; i < 2; i++) {
        list[i] = moe__arena_alloc(arena, (size_t)n, sizeof *list[i]);
        if (list[i] == NULL)
            return moe__schema_no_memory(maker->schema);
    }
    for (int32_t i = 0; i < n; i++) {
        is_listed[values[i].kind] = true;
        if (values[i].kind == MOE__JSON_OBJECT) /* to find equal keys */
            MOE__TRY(moe__schema_step_pairs(maker->schema, values[i].n,
                                            values[i].n));
        bits |= moe__schema_type_of(&values[i]);
        if (values[i].kind == MOE__JSON_NUMBER)
            MOE__TRY(negate_sort(maker, list[0], &n_list[0], &values[i]));
        else if (values[i].kind == MOE__JSON_STRING)
            list[1][n_list[1]++] = values[i];
    }
    negate_bits(maker, bits & numbers ? bits | numbers : bits);
    if (n_list[0] > 0)
        negate_numbers(maker, list[0], n_list[0]);
    if (n_list[1] > 0)
        moe__schema_make_way(
            maker, moe__schema_make_typed(
                       maker, "string", moe__schema_differs,
                       moe__schema_make_list(maker, n_list[1], list[1])));
    if (is_listed[MOE__JSON_TRUE] != is_listed[MOE__JSON_FALSE]) {
        const struct moe__json other = {.kind = is_listed[MOE__JSON_TRUE]
                                                    ? MOE__JSON_FALSE
                                                    : MOE__JSON_TRUE};
        moe__schema_make_way(maker,
                             moe__schema_make_member(maker, "const", other));
    }
    if (is_listed[MOE__JSON_ARRAY])
        negate_equals(maker, values, n, MOE__JSON_ARRAY);
    if (is_listed[MOE__JSON_OBJECT])
        negate_equals(maker, values, n, MOE__JSON_OBJECT);
    return MOE_OK;
}

static moe_status negate_enum(struct moe__schema_maker *maker,
                              const struct moe__json *value)
{
    return negate_values(maker, value->items, value->n);
}

static moe_status negate_const(struct moe__schema_maker *maker,
                               const struct moe__json *value)
{
    return negate_values(maker, value, 1);
}

/* The other side of a bound or count. */
static const struct {
    const char *keyword;
    const char *type;
    const char *opposite;
    int32_t step; /* from a count to the first that it forbids; 0: no count */
} negate_sides[] = {
    {"minimum", "number", "exclusiveMaximum", 0},
    {"maximum", "number", "exclusiveMinimum", 0},
    {"exclusiveMinimum", "number", "maximum", 0},
    {"exclusiveMaximum", "number", "minimum", 0},
    {"minLength", "string", "maxLength", -1},
    {"maxLength", "string", "minLength", 1},
    {"minItems", "array", "maxItems", -1},
    {"maxItems", "array", "minItems", 1},
    {"minProperties", "object", "maxProperties", -1},
};

static moe_status negate_side(struct moe__schema_maker *maker,
                              const struct moe__json *value)
{
    for (size_t i = 0; i < MOE__COUNT(negate_sides); i++) {
        const int32_t step = negate_sides[i].step;
        if (strcmp(maker->keyword, negate_sides[i].keyword) == 0 &&
            (step == 0 || value->integer + step >= 0))
            moe__schema_make_way(
                maker,
                moe__schema_make_typed(
                    maker, negate_sides[i].type, negate_sides[i].opposite,
                    step == 0 ? *value
                              : moe__schema_make_count(value->integer + step)));
    }
    return MOE_OK;
}

/* More members than these, which are all there.  That they are is no limit: it
 * is forbidden elsewhere that one is not. */
static void negate_exact(struct moe__schema_maker *maker,
                         const struct moe__json *required, int32_t n)
{
    const struct moe__slice keys[] = {moe__slice_str("type"),
                                      moe__slice_str("required"),
                                      moe__slice_str("minProperties")};
    const struct moe__json items[] = {moe__schema_make_name("object"),
                                      *required, moe__schema_make_count(n + 1)};
    moe__schema_make_way(maker, moe__schema_make_object(maker, 3, keys, items));
}

static int32_t negate_count_names(const struct moe__json *names)
{
    int32_t n = 0;
    for (int32_t i = 0; i < names->n; i++) {
        bool is_new = true;
        for (int32_t k = 0; k < i && is_new; k++)
            is_new = !moe__json_equal(&names->items[k], &names->items[i]);
        n += is_new;
    }
    return n;
}

static moe_status negate_most_members(struct moe__schema_maker *maker,
                                      const struct moe__json *value)
{
    const struct moe__json *required = moe__json_get(maker->node, "required");
    if (required != NULL)
        MOE__TRY(
            moe__schema_step_pairs(maker->schema, required->n, required->n));
    const int32_t n = required ? negate_count_names(required) : -1;
    if (n >= 0 && value->integer == n)
        negate_exact(maker, required, n);
    else
        moe__schema_make_way(
            maker,
            moe__schema_make_typed(maker, "object", "minProperties",
                                   moe__schema_make_count(value->integer + 1)));
    return MOE_OK;
}

/* additionalProperties: false, where all others are required. */
static moe_status negate_others(struct moe__schema_maker *maker,
                                const struct moe__json *value)
{
    const struct moe__json *named = moe__json_get(maker->node, "properties");
    const struct moe__json *required = moe__json_get(maker->node, "required");
    bool is_exact = value->kind == MOE__JSON_FALSE && required != NULL &&
                    moe__json_get(maker->node, "patternProperties") == NULL;
    for (int32_t i = 0; named != NULL && i < named->n && is_exact; i++) {
        const struct moe__json name = {.kind = MOE__JSON_STRING,
                                       .text = named->keys[i]};
        is_exact = false;
        for (int32_t k = 0; k < required->n && !is_exact; k++)
            is_exact = moe__json_equal(&required->items[k], &name);
        MOE__TRY(moe__schema_step_pairs(maker->schema, 16, required->n));
    }
    if (value->kind == MOE__JSON_TRUE)
        return MOE_OK;
    if (!is_exact)
        return moe__schema_refuse(maker->schema, maker->node,
                                  "additionalProperties",
                                  "cannot be negated unless it is false and "
                                  "all properties are required");
    MOE__TRY(moe__schema_step_pairs(maker->schema, required->n, required->n));
    negate_exact(maker, required, negate_count_names(required));
    return MOE_OK;
}

static moe_status negate_required(struct moe__schema_maker *maker,
                                  const struct moe__json *value)
{
    const struct moe__json no = {.kind = MOE__JSON_FALSE};
    for (int32_t i = 0; i < value->n; i++) {
        const struct moe__slice key = value->items[i].text;
        moe__schema_make_way(maker,
                             moe__schema_make_typed(
                                 maker, "object", "properties",
                                 moe__schema_make_object(maker, 1, &key, &no)));
    }
    return MOE_OK;
}

static moe_status negate_properties(struct moe__schema_maker *maker,
                                    const struct moe__json *value)
{
    for (int32_t i = 0; i < value->n; i++)
        moe__schema_make_way(
            maker, moe__schema_make_two(
                       maker, "allOf",
                       moe__schema_make_required(maker, value->keys[i]),
                       moe__schema_make_property(
                           maker, value->keys[i],
                           moe__schema_make_not(maker, &value->items[i]))));
    return MOE_OK;
}

static moe_status negate_prefix(struct moe__schema_maker *maker,
                                const struct moe__json *value)
{
    for (int32_t i = 0; i < value->n; i++) {
        struct moe__json *items = moe__arena_alloc(
            &maker->schema->arena, (size_t)i + 1, sizeof *items);
        if (items == NULL)
            return moe__schema_no_memory(maker->schema);
        for (int32_t k = 0; k < i; k++)
            items[k] = (struct moe__json){.kind = MOE__JSON_TRUE};
        items[i] = moe__schema_make_not(maker, &value->items[i]);
        const struct moe__json list = {
            .kind = MOE__JSON_ARRAY, .n = i + 1, .items = items};
        moe__schema_make_way(
            maker, moe__schema_make_two(
                       maker, "allOf",
                       moe__schema_make_typed(maker, "array", "minItems",
                                              moe__schema_make_count(i + 1)),
                       moe__schema_make_member(maker, "prefixItems", list)));
        MOE__TRY(moe__schema_step(maker->schema, i + 1));
    }
    return MOE_OK;
}

/* One item behind prefixItems is not as it should be. */
static moe_status negate_items(struct moe__schema_maker *maker,
                               const struct moe__json *value)
{
    const struct moe__json *prefix = moe__json_get(maker->node, "prefixItems");
    if (value->kind == MOE__JSON_FALSE)
        moe__schema_make_way(
            maker, moe__schema_make_typed(
                       maker, "array", "minItems",
                       moe__schema_make_count((prefix ? prefix->n : 0) + 1)));
    else if (prefix != NULL)
        return moe__schema_refuse(maker->schema, maker->node, "items",
                                  "cannot be negated beside prefixItems");
    else
        moe__schema_make_way(
            maker, moe__schema_make_typed(maker, "array", "contains",
                                          moe__schema_make_not(maker, value)));
    return MOE_OK;
}

/* Too few, or too many. */
static moe_status negate_contains(struct moe__schema_maker *maker,
                                  const struct moe__json *value)
{
    const struct moe__json *least = moe__json_get(maker->node, "minContains");
    const struct moe__json *most = moe__json_get(maker->node, "maxContains");
    const struct moe__slice keys[] = {
        moe__slice_str("type"), moe__slice_str("contains"),
        moe__slice_str("minContains"), moe__slice_str("maxContains")};
    struct moe__json items[] = {
        moe__schema_make_name("array"), *value, moe__schema_make_count(0),
        moe__schema_make_count((least ? least->integer : 1) - 1)};
    if (items[3].integer >= 0)
        moe__schema_make_way(maker,
                             moe__schema_make_object(maker, 4, keys, items));
    if (most != NULL && most->integer < INT64_MAX) {
        items[2] = moe__schema_make_count(most->integer + 1);
        moe__schema_make_way(maker,
                             moe__schema_make_object(maker, 3, keys, items));
    }
    return MOE_OK;
}

static moe_status negate_all_of(struct moe__schema_maker *maker,
                                const struct moe__json *value)
{
    for (int32_t i = 0; i < value->n; i++)
        moe__schema_make_way(maker,
                             moe__schema_make_not(maker, &value->items[i]));
    return MOE_OK;
}

/* All of the branches fail. */
static moe_status negate_any_of(struct moe__schema_maker *maker,
                                const struct moe__json *value)
{
    struct moe__schema_maker nots = *maker;
    nots.n = nots.cap = 0;
    MOE__TRY(negate_all_of(&nots, value));
    maker->has_failed = nots.has_failed;
    moe__schema_make_way(
        maker,
        moe__schema_make_member(
            maker, "allOf", moe__schema_make_list(maker, nots.n, nots.ways)));
    return MOE_OK;
}

/* All fail, or two hold. */
static moe_status negate_one_of(struct moe__schema_maker *maker,
                                const struct moe__json *value)
{
    if (value->n > NEGATE_MAX_PAIRS / (value->n > 0 ? value->n : 1))
        return moe__schema_refuse(maker->schema, maker->node, "oneOf",
                                  "has too many branches to be negated");
    MOE__TRY(negate_any_of(maker, value));
    for (int32_t i = 0; i < value->n; i++)
        for (int32_t k = 0; k < i; k++)
            moe__schema_make_way(maker, moe__schema_make_two(maker, "allOf",
                                                             value->items[k],
                                                             value->items[i]));
    return MOE_OK;
}

static moe_status negate_not(struct moe__schema_maker *maker,
                             const struct moe__json *value)
{
    moe__schema_make_way(maker, *value);
    return MOE_OK;
}

static moe_status negate_ref(struct moe__schema_maker *maker,
                             const struct moe__json *value)
{
    const struct moe__json *target = NULL;
    MOE__TRY(
        moe__schema_resolve(maker->schema, maker->node, value->text, &target));
    moe__schema_make_way(maker, moe__schema_make_not(maker, target));
    return MOE_OK;
}

/* No branch holds of one of the lists of branches. */
static moe_status negate_branches(struct moe__schema_maker *maker,
                                  const struct moe__json *value)
{
    const struct moe__json *branches = NULL;
    (void)value;
    for (int32_t at = 0;; at++) {
        MOE__TRY(
            moe__schema_branches(maker->schema, maker->node, at, &branches));
        if (branches == NULL)
            return MOE_OK;
        MOE__TRY(negate_any_of(maker, branches));
    }
}

static moe_status negate_step(struct moe__schema_maker *maker,
                              const struct moe__json *value)
{
    const uint32_t fraction = MOE__SCHEMA_FRACTION;
    if (!value->is_integer || value->integer != 1)
        return moe__schema_refuse(maker->schema, maker->node, "multipleOf",
                                  "cannot be negated unless it is 1");
    negate_bits(maker, MOE__SCHEMA_ALL & ~fraction);
    return MOE_OK;
}

/* Nothing to add: its leader is negated, or it allows everything. */
static moe_status negate_led(struct moe__schema_maker *maker,
                             const struct moe__json *value)
{
    (void)maker;
    (void)value;
    return MOE_OK;
}

static const struct {
    const char *keyword;
    negate_function *negate;
} negations[] = {
    {"type", negate_type},
    {"enum", negate_enum},
    {"const", negate_const},
    {"minimum", negate_side},
    {"maximum", negate_side},
    {"exclusiveMinimum", negate_side},
    {"exclusiveMaximum", negate_side},
    {"minLength", negate_side},
    {"maxLength", negate_side},
    {"minItems", negate_side},
    {"maxItems", negate_side},
    {"minProperties", negate_side},
    {"maxProperties", negate_most_members},
    {"additionalProperties", negate_others},
    {"required", negate_required},
    {"properties", negate_properties},
    {"prefixItems", negate_prefix},
    {"items", negate_items},
    {"contains", negate_contains},
    {"minContains", negate_led},
    {"maxContains", negate_led},
    {"multipleOf", negate_step},
    {"uniqueItems", negate_led}, /* false */
    {"allOf", negate_all_of},
    {"anyOf", negate_any_of},
    {"oneOf", negate_one_of},
    {"not", negate_not},
    {"$ref", negate_ref},
    {"if", negate_branches},
    {"then", negate_led},
    {"else", negate_led},
    {"dependentRequired", negate_branches},
    {"dependentSchemas", negate_branches},
    {"dependencies", negate_branches},
    {"nullable", negate_led},
};

static moe_status negate_keyword(struct moe__schema_maker *maker,
                                 struct moe__slice key,
                                 const struct moe__json *value)
{
    if (moe__schema_is_note(key))
        return MOE_OK;
    for (size_t i = 0; i < MOE__COUNT(negations); i++)
        if (moe__slice_is(key, negations[i].keyword)) {
            maker->keyword = negations[i].keyword;
            return negations[i].negate(maker, value);
        }
    if (value->kind == MOE__JSON_TRUE) /* such as additionalProperties */
        return MOE_OK;
    char name[48];
    moe__format(name, sizeof name, "%.*s", (int)(key.n < 40 ? key.n : 40),
                (const char *)key.data);
    return moe__schema_refuse(maker->schema, maker->node, name,
                              "cannot be negated");
}

moe_status moe__schema_negate(struct moe__schema *schema,
                              const struct moe__json *node,
                              const struct moe__json **out)
{
    static const char keyword[] = "not";
    static const struct moe__json booleans[] = {{.kind = MOE__JSON_FALSE},
                                                {.kind = MOE__JSON_TRUE}};
    struct moe__schema_maker maker = {.schema = schema, .node = node};
    if (node->kind == MOE__JSON_TRUE || node->kind == MOE__JSON_FALSE ||
        (node->kind == MOE__JSON_OBJECT && node->n == 0)) {
        *out = &booleans[node->kind == MOE__JSON_FALSE];
        return MOE_OK;
    }
    if (node->kind != MOE__JSON_OBJECT)
        return moe__schema_refuse(schema, node, NULL,
                                  "a schema must be an object or a boolean");
    *out = moe__schema_made_find(schema, node->items, keyword);
    if (*out != NULL)
        return MOE_OK;
    MOE__TRY(moe__schema_check(schema, node));
    for (int32_t i = 0; i < node->n; i++)
        MOE__TRY(negate_keyword(&maker, node->keys[i], &node->items[i]));
    maker.keyword = keyword;
    const struct moe__json result =
        maker.n == 1 ? maker.ways[0]
                     : moe__schema_make_member(
                           &maker, "anyOf",
                           moe__schema_make_list(&maker, maker.n, maker.ways));
    if (maker.n == 0)
        *out = &booleans[0];
    else
        MOE__TRY(moe__schema_made_keep(&maker, node->items, result, out));
    return MOE_OK;
}
