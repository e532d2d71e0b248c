/* schema_value.c: enum and const: values written out.
 *
 * A listed value must also fit what else holds at its place.  Types, bounds and
 * lengths are looked at; a value that patterns, formats, or the keywords of
 * arrays and objects would judge is refused. */
#include "chat/schema.h"

#define VALUE_MAX_PAIRS 4000000 /* comparisons between two lists */

uint32_t moe__schema_type_of(const struct moe__json *value)
{
    static const uint32_t bits[] = {
        [MOE__JSON_NULL] = MOE__SCHEMA_NULL,
        [MOE__JSON_FALSE] = MOE__SCHEMA_BOOLEAN,
        [MOE__JSON_TRUE] = MOE__SCHEMA_BOOLEAN,
        [MOE__JSON_NUMBER] = MOE__SCHEMA_FRACTION,
        [MOE__JSON_STRING] = MOE__SCHEMA_STRING,
        [MOE__JSON_ARRAY] = MOE__SCHEMA_ARRAY,
        [MOE__JSON_OBJECT] = MOE__SCHEMA_OBJECT,
    };
    struct moe__schema_digits number;
    const bool is_integer = value->kind == MOE__JSON_NUMBER &&
                            moe__schema_digits_read(value->text, &number) &&
                            number.n_fraction == 0;
    return is_integer ? MOE__SCHEMA_INTEGER : bits[value->kind];
}

/* -------------------------------------------------------------- writing */

static void value_write_number(struct moe__text *out,
                               const struct moe__schema_digits *number)
{
    if (number->is_negative)
        moe__text_byte(out, '-');
    for (int32_t i = 0; i < number->n_whole; i++)
        moe__text_byte(out, (uint8_t)('0' + number->whole[i]));
    if (number->n_fraction > 0)
        moe__text_byte(out, '.');
    for (int32_t i = 0; i < number->n_fraction; i++)
        moe__text_byte(out, (uint8_t)('0' + number->fraction[i]));
}

static moe_status value_scalar(struct moe__schema *schema,
                               const struct moe__json *value, moe__expr *out)
{
    struct moe__text text;
    struct moe__schema_digits number;
    moe__text_init(&text, schema->mem, 0);
    if (value->kind == MOE__JSON_NUMBER) {
        if (!moe__schema_digits_read(value->text, &number))
            return moe__schema_refuse(schema, value, NULL,
                                      "the number has too many digits");
        value_write_number(&text, &number);
    } else {
        moe__json_write(&text, value, &moe__json_compact);
    }
    const moe_status status =
        moe__text_status(&text, "a value of the schema", schema->err);
    if (status == MOE_OK)
        *out = moe__grammar_bytes(schema->builder, moe__text_slice(&text));
    moe__text_free(&text);
    return status;
}

/* "key": */
static moe_status value_key(struct moe__schema *schema, struct moe__slice key,
                            struct moe__schema_ways *parts)
{
    struct moe__json name = {.kind = MOE__JSON_STRING, .text = key};
    moe__expr expr = -1;
    MOE__TRY(value_scalar(schema, &name, &expr));
    MOE__TRY(moe__schema_way(schema, parts, expr));
    return moe__schema_way(schema, parts, schema->colon);
}

/* Recursion as deep as the reader lets values be. */
static moe_status value_expr(struct moe__schema *schema,
                             const struct moe__json *value, moe__expr *out)
{
    const bool is_object = value->kind == MOE__JSON_OBJECT;
    struct moe__schema_ways parts = {NULL, 0, 0};
    MOE__TRY(moe__schema_step(schema, 1));
    if (!is_object && value->kind != MOE__JSON_ARRAY)
        return value_scalar(schema, value, out);
    if (is_object) /* to find equal keys */
        MOE__TRY(moe__schema_step_pairs(schema, value->n, value->n));
    MOE__TRY(moe__schema_way(schema, &parts,
                             moe__schema_text(schema, is_object ? "{" : "[")));
    for (int32_t i = 0; i < value->n; i++) {
        moe__expr expr = -1;
        /* Of equal keys the last one counts. */
        if (is_object &&
            moe__schema_member(value, value->keys[i]) != &value->items[i])
            continue;
        if (parts.n > 1)
            MOE__TRY(moe__schema_way(schema, &parts, schema->comma));
        if (is_object)
            MOE__TRY(value_key(schema, value->keys[i], &parts));
        MOE__TRY(value_expr(schema, &value->items[i], &expr));
        MOE__TRY(moe__schema_way(schema, &parts, expr));
    }
    MOE__TRY(moe__schema_way(schema, &parts,
                             moe__schema_text(schema, is_object ? "}" : "]")));
    *out = moe__grammar_join(schema->builder, parts.items, parts.n);
    return MOE_OK;
}

/* -------------------------------------------------------------- judging */

static int32_t value_length(struct moe__slice text)
{
    int32_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += (text.data[i] & 0xc0) != 0x80;
    return n;
}

/* Keywords that say nothing about a value of another type. */
static moe_status value_refuse_shaped(const struct moe__schema_frame *frame,
                                      uint32_t type)
{
    static const struct {
        const char *keyword;
        uint32_t type;
    } shapes[] = {
        {"multipleOf", MOE__SCHEMA_INTEGER | MOE__SCHEMA_FRACTION},
        {"pattern", MOE__SCHEMA_STRING},
        {"format", MOE__SCHEMA_STRING},
        {"contains", MOE__SCHEMA_ARRAY},
        {"items", MOE__SCHEMA_ARRAY},
        {"prefixItems", MOE__SCHEMA_ARRAY},
        {"unevaluatedItems", MOE__SCHEMA_ARRAY},
        {"minItems", MOE__SCHEMA_ARRAY},
        {"maxItems", MOE__SCHEMA_ARRAY},
        {"properties", MOE__SCHEMA_OBJECT},
        {"required", MOE__SCHEMA_OBJECT},
        {"additionalProperties", MOE__SCHEMA_OBJECT},
        {"unevaluatedProperties", MOE__SCHEMA_OBJECT},
        {"patternProperties", MOE__SCHEMA_OBJECT},
        {"propertyNames", MOE__SCHEMA_OBJECT},
        {"minProperties", MOE__SCHEMA_OBJECT},
        {"maxProperties", MOE__SCHEMA_OBJECT},
    };
    for (int32_t i = 0; i < frame->n; i++)
        for (size_t k = 0; k < MOE__COUNT(shapes); k++)
            if ((type & shapes[k].type) &&
                moe__json_get(frame->entries[i], shapes[k].keyword) != NULL)
                return moe__schema_refuse(frame->schema, frame->entries[i],
                                          shapes[k].keyword,
                                          "cannot be enforced together with "
                                          "enum or const");
    return MOE_OK;
}

/* Whether a string differs from those that the frame excludes. */
static moe_status value_differs(const struct moe__schema_frame *frame,
                                const struct moe__json *value, bool *out)
{
    *out = true;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *listed =
            moe__json_get(frame->entries[i], moe__schema_differs);
        if (listed == NULL)
            continue;
        MOE__TRY(moe__schema_step_pairs(frame->schema, listed->n, 1));
        for (int32_t k = 0; k < listed->n && *out; k++)
            *out = !moe__json_equal(&listed->items[k], value);
    }
    return MOE_OK;
}

/* The rest of what a list of values has to be checked against. */
struct value_limits {
    uint32_t types;
    struct moe__schema_bounds bounds;
    int32_t least; /* length of strings */
    int32_t most;
};

static bool value_fits(const struct value_limits *limits, uint32_t type,
                       const struct moe__json *value)
{
    struct moe__schema_digits number;
    if (!(type & limits->types))
        return false;
    if (value->kind == MOE__JSON_NUMBER &&
        moe__schema_digits_read(value->text, &number))
        return moe__schema_bounds_hold(&limits->bounds, &number);
    if (value->kind != MOE__JSON_STRING)
        return true;
    const int32_t n = value_length(value->text);
    return n >= limits->least && (limits->most < 0 || n <= limits->most);
}

/* The values that an entry lists: its enum, or its const; *n 0 or more; false:
 * neither. */
static bool value_listed(const struct moe__json *entry, const char *keyword,
                         const struct moe__json **values, int32_t *n)
{
    const struct moe__json *list = moe__json_get(entry, keyword);
    if (list == NULL)
        return false;
    const bool is_const = strcmp(keyword, "const") == 0;
    *values = is_const ? list : list->items;
    *n = is_const ? 1 : list->n;
    return true;
}

static const char *const value_keywords[] = {"const", "enum"};

/* Whether all entries that list values list this one. */
static bool value_is_everywhere(const struct moe__schema_frame *frame,
                                const struct moe__json *value)
{
    for (int32_t i = 0; i < frame->n; i++)
        for (size_t k = 0; k < MOE__COUNT(value_keywords); k++) {
            const struct moe__json *values = NULL;
            int32_t n = 0;
            bool is_found = false;
            if (!value_listed(frame->entries[i], value_keywords[k], &values,
                              &n))
                continue;
            for (int32_t m = 0; m < n && !is_found; m++)
                is_found =
                    &values[m] == value || moe__json_equal(&values[m], value);
            if (!is_found)
                return false;
        }
    return true;
}

/* The shortest list of the frame (NULL: none), and how many comparisons it
 * takes to look its values up in the others. */
static bool value_shortest(const struct moe__schema_frame *frame,
                           const struct moe__json **values, int32_t *n,
                           int64_t *n_pairs)
{
    int64_t n_all = 0;
    int32_t n_lists = 0;
    for (int32_t i = 0; i < frame->n; i++)
        for (size_t k = 0; k < MOE__COUNT(value_keywords); k++) {
            const struct moe__json *list = NULL;
            int32_t n_list = 0;
            if (!value_listed(frame->entries[i], value_keywords[k], &list,
                              &n_list))
                continue;
            if (n_lists++ == 0 || n_list < *n) {
                *values = list;
                *n = n_list;
            }
            n_all += n_list;
        }
    *n_pairs = n_lists > 1 ? n_all * *n : 0;
    return n_lists > 0;
}

moe_status moe__schema_values(const struct moe__schema_frame *frame,
                              struct moe__schema_ways *ways, bool *has_values)
{
    struct moe__schema *schema = frame->schema;
    const struct moe__json *values = NULL;
    struct value_limits limits = {.types = moe__schema_types(frame)};
    int64_t n_pairs = 0;
    int32_t n = 0;
    *has_values = value_shortest(frame, &values, &n, &n_pairs);
    if (!*has_values)
        return MOE_OK;
    if (n_pairs > VALUE_MAX_PAIRS)
        return moe__schema_refuse(schema, frame->entries[0], "enum",
                                  "lists too many values at one place");
    MOE__TRY(moe__schema_bounds(frame, &limits.bounds));
    MOE__TRY(moe__schema_count(frame, "minLength", true, 0, &limits.least));
    MOE__TRY(moe__schema_count(frame, "maxLength", false, -1, &limits.most));
    uint32_t types = 0; /* of the values that are left */
    for (int32_t i = 0; i < n; i++) {
        const uint32_t type = moe__schema_type_of(&values[i]);
        moe__expr expr = -1;
        bool is_free = false;
        MOE__TRY(value_differs(frame, &values[i], &is_free));
        if (!is_free || !value_fits(&limits, type, &values[i]) ||
            (n_pairs > 0 && !value_is_everywhere(frame, &values[i])))
            continue;
        types |= type;
        MOE__TRY(value_expr(schema, &values[i], &expr));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    return value_refuse_shaped(frame, types);
}
