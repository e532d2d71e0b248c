/* schema_keywords.c: which keywords there are, and what becomes of each.
 *
 * Nothing is passed over in silence: a keyword is enforced, or says nothing
 * about values (an annotation), or is refused by its name.  So is a name that
 * nobody knows, unless it starts with "x-". */
#include "chat/schema.h"

enum keyword_kind {
    KEYWORD_ANY,
    KEYWORD_NUMBER,
    KEYWORD_COUNT,
    KEYWORD_STRING,
    KEYWORD_SCHEMA,
    KEYWORD_SCHEMAS, /* a list, not empty */
    KEYWORD_OBJECT,
    KEYWORD_LIST,
    KEYWORD_STRINGS,
    KEYWORD_TYPE,
    KEYWORD_FALSE, /* true is refused */
    KEYWORD_BOOLEAN,
    KEYWORD_DEPENDENT, /* an object of lists of strings */
    KEYWORD_MIXED,     /* of these or schemas */
    KEYWORD_REFUSED
};

static const struct keyword {
    const char *name;
    enum keyword_kind kind;
    bool is_note; /* says nothing about the value at its place */
} keywords[] = {
    {"type", KEYWORD_TYPE, false},
    {"nullable", KEYWORD_BOOLEAN, false}, /* OpenAPI 3.0 */
    {"properties", KEYWORD_OBJECT, false},
    {"required", KEYWORD_STRINGS, false},
    {"items", KEYWORD_SCHEMA, false},
    {"enum", KEYWORD_LIST, false},
    {"const", KEYWORD_ANY, false},
    {"$ref", KEYWORD_STRING, false},
    {"anyOf", KEYWORD_SCHEMAS, false},
    {"oneOf", KEYWORD_SCHEMAS, false},
    {"allOf", KEYWORD_SCHEMAS, false},
    {"additionalProperties", KEYWORD_SCHEMA, false},
    {"patternProperties", KEYWORD_OBJECT, false},
    {"propertyNames", KEYWORD_SCHEMA, false},
    {"minProperties", KEYWORD_COUNT, false},
    {"maxProperties", KEYWORD_COUNT, false},
    {"prefixItems", KEYWORD_SCHEMAS, false},
    {"minItems", KEYWORD_COUNT, false},
    {"maxItems", KEYWORD_COUNT, false},
    {"minLength", KEYWORD_COUNT, false},
    {"maxLength", KEYWORD_COUNT, false},
    {"pattern", KEYWORD_STRING, false},
    {"format", KEYWORD_STRING, false},
    {"minimum", KEYWORD_NUMBER, false},
    {"maximum", KEYWORD_NUMBER, false},
    {"exclusiveMinimum", KEYWORD_NUMBER, false},
    {"exclusiveMaximum", KEYWORD_NUMBER, false},
    {"multipleOf", KEYWORD_NUMBER, false},
    {"uniqueItems", KEYWORD_FALSE, false},
    {"unevaluatedItems", KEYWORD_SCHEMA, false},
    {"unevaluatedProperties", KEYWORD_SCHEMA, false},
    {"not", KEYWORD_SCHEMA, false},
    {"if", KEYWORD_SCHEMA, false},
    {"then", KEYWORD_SCHEMA, false},
    {"else", KEYWORD_SCHEMA, false},
    {"contains", KEYWORD_SCHEMA, false},
    {"minContains", KEYWORD_COUNT, false},
    {"maxContains", KEYWORD_COUNT, false},
    {"dependentRequired", KEYWORD_DEPENDENT, false},
    {"dependentSchemas", KEYWORD_OBJECT, false},
    {"dependencies", KEYWORD_MIXED, false}, /* both, in earlier drafts */
    /* Where schemas are kept, and how they are called. */
    {"$defs", KEYWORD_OBJECT, true},
    {"definitions", KEYWORD_OBJECT, true},
    {"$anchor", KEYWORD_STRING, true},
    {"$dynamicAnchor", KEYWORD_STRING, true},
    {"$id", KEYWORD_STRING, true},
    {"$schema", KEYWORD_STRING, true},
    /* Annotations. */
    {"title", KEYWORD_ANY, true},
    {"description", KEYWORD_ANY, true},
    {"default", KEYWORD_ANY, true},
    {"example", KEYWORD_ANY, true},
    {"examples", KEYWORD_ANY, true},
    {"$comment", KEYWORD_ANY, true},
    {"deprecated", KEYWORD_ANY, true},
    {"readOnly", KEYWORD_ANY, true},
    {"writeOnly", KEYWORD_ANY, true},
    {"contentEncoding", KEYWORD_ANY, true},
    {"contentMediaType", KEYWORD_ANY, true},
    {"contentSchema", KEYWORD_ANY, true},
    {"discriminator", KEYWORD_ANY, true}, /* OpenAPI: its oneOf says it all */
    {"additionalItems", KEYWORD_REFUSED, false},
    {"$dynamicRef", KEYWORD_REFUSED, false},
    {"$recursiveRef", KEYWORD_REFUSED, false},
    {"$vocabulary", KEYWORD_REFUSED, false},
};

static bool keyword_is_schema(const struct moe__json *value)
{
    return value->kind == MOE__JSON_OBJECT || value->kind == MOE__JSON_TRUE ||
           value->kind == MOE__JSON_FALSE;
}

static bool keyword_is_strings(const struct moe__json *value)
{
    bool is_valid = value->kind == MOE__JSON_ARRAY;
    for (int32_t i = 0; is_valid && i < value->n; i++)
        is_valid = value->items[i].kind == MOE__JSON_STRING;
    return is_valid;
}

static bool keyword_is_type(const struct moe__json *value)
{
    if (value->kind == MOE__JSON_STRING)
        return moe__schema_type_bits(value->text) != 0;
    bool is_valid = keyword_is_strings(value);
    for (int32_t i = 0; is_valid && i < value->n; i++)
        is_valid = moe__schema_type_bits(value->items[i].text) != 0;
    return is_valid;
}

/* NULL, or what is wrong with the value. */
static const char *keyword_complaint(enum keyword_kind expected,
                                     const struct moe__json *value)
{
    bool is_valid = true;
    switch (expected) {
    case KEYWORD_ANY:
        return NULL;
    case KEYWORD_NUMBER:
        return value->kind == MOE__JSON_NUMBER ? NULL : "must be a number";
    case KEYWORD_COUNT:
        is_valid = value->kind == MOE__JSON_NUMBER && value->is_integer &&
                   value->integer >= 0;
        return is_valid ? NULL : "must be an integer from 0";
    case KEYWORD_STRING:
        return value->kind == MOE__JSON_STRING ? NULL : "must be a string";
    case KEYWORD_SCHEMA:
        return keyword_is_schema(value)
                   ? NULL
                   : "must be a schema (a list goes into prefixItems)";
    case KEYWORD_SCHEMAS:
        is_valid = value->kind == MOE__JSON_ARRAY && value->n > 0;
        return is_valid ? NULL : "must be a list of schemas, not empty";
    case KEYWORD_OBJECT:
        return value->kind == MOE__JSON_OBJECT ? NULL : "must be an object";
    case KEYWORD_LIST:
        return value->kind == MOE__JSON_ARRAY ? NULL : "must be a list";
    case KEYWORD_STRINGS:
        return keyword_is_strings(value) ? NULL : "must be a list of strings";
    case KEYWORD_TYPE:
        return keyword_is_type(value) ? NULL
                                      : "must be the name of a type or a list "
                                        "of such names";
    case KEYWORD_BOOLEAN:
        is_valid =
            value->kind == MOE__JSON_TRUE || value->kind == MOE__JSON_FALSE;
        return is_valid ? NULL : "must be true or false";
    case KEYWORD_DEPENDENT:
    case KEYWORD_MIXED:
        is_valid = value->kind == MOE__JSON_OBJECT;
        for (int32_t i = 0; is_valid && i < value->n; i++)
            is_valid = keyword_is_strings(&value->items[i]) ||
                       (expected == KEYWORD_MIXED &&
                        keyword_is_schema(&value->items[i]));
        return is_valid ? NULL
               : expected == KEYWORD_MIXED
                   ? "must be an object of schemas and lists of strings"
                   : "must be an object of lists of strings";
    case KEYWORD_FALSE:
        return value->kind == MOE__JSON_FALSE ? NULL : "cannot be enforced";
    default:
        return "cannot be enforced";
    }
}

/* NULL, or why a keyword cannot stand here although its value is right. */
static const char *keyword_misplaced(const struct moe__schema *schema,
                                     const struct moe__json *node,
                                     const char *name,
                                     const struct moe__json *value)
{
    static const struct {
        const char *name;
        const char *leader;
        const char *why;
    } led[] = {
        {"then", "if", "means nothing without \"if\""},
        {"else", "if", "means nothing without \"if\""},
        {"minContains", "contains", "means nothing without \"contains\""},
        {"maxContains", "contains", "means nothing without \"contains\""},
        {"nullable", "type", "means nothing without \"type\""},
    };
    static const char *const drafts[] = {"http://json-schema.org/",
                                         "https://json-schema.org/"};
    for (size_t i = 0; i < MOE__COUNT(led); i++)
        if (strcmp(name, led[i].name) == 0 &&
            moe__json_get(node, led[i].leader) == NULL)
            return led[i].why;
    if (strcmp(name, "$id") == 0 && node->items != schema->root->items)
        return "is supported at the root only";
    if (strcmp(name, "$schema") == 0) {
        for (size_t i = 0; i < MOE__COUNT(drafts); i++) {
            const size_t n = strlen(drafts[i]);
            if (value->text.n >= n &&
                memcmp(value->text.data, drafts[i], n) == 0)
                return NULL;
        }
        return "names a remote meta-schema";
    }
    return NULL;
}

static const struct keyword *keyword_find(struct moe__slice name)
{
    for (size_t i = 0; i < MOE__COUNT(keywords); i++)
        if (moe__slice_is(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

static bool keyword_is_own(struct moe__slice name)
{
    return name.n >= 2 && memcmp(name.data, "x-", 2) == 0;
}

bool moe__schema_is_note(struct moe__slice keyword)
{
    const struct keyword *known = keyword_find(keyword);
    return known != NULL ? known->is_note : keyword_is_own(keyword);
}

moe_status moe__schema_check(struct moe__schema *schema,
                             const struct moe__json *node)
{
    for (int32_t i = 0; i < node->n; i++) {
        const struct moe__slice key = node->keys[i];
        const struct keyword *known = keyword_find(key);
        if (key.data == (const uint8_t *)moe__schema_differs)
            continue;
        if (known == NULL) {
            if (keyword_is_own(key))
                continue;
            char name[48];
            moe__format(name, sizeof name, "%.*s",
                        (int)(key.n < 40 ? key.n : 40), (const char *)key.data);
            return moe__schema_refuse(schema, node, name,
                                      "is not a known keyword");
        }
        const char *why = keyword_complaint(known->kind, &node->items[i]);
        if (why == NULL)
            why = keyword_misplaced(schema, node, known->name, &node->items[i]);
        if (why != NULL)
            return moe__schema_refuse(schema, node, known->name, why);
    }
    return moe__schema_step(schema, node->n);
}
