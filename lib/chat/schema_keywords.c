/* schema_keywords.c: which keywords there are, and what becomes of each.
 *
 * Nothing is passed over in silence: a keyword is enforced, or says nothing
 * about values (an annotation), or is refused by its name.  So is a name that
 * nobody knows, unless it starts with "x-". */
#include "chat/schema.h"

enum keyword_value {
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
    KEYWORD_REFUSED
};

static const struct keyword {
    const char *name;
    enum keyword_value value;
} keywords[] = {
    {"type", KEYWORD_TYPE},
    {"properties", KEYWORD_OBJECT},
    {"required", KEYWORD_STRINGS},
    {"items", KEYWORD_SCHEMA},
    {"enum", KEYWORD_LIST},
    {"const", KEYWORD_ANY},
    {"$ref", KEYWORD_STRING},
    {"anyOf", KEYWORD_SCHEMAS},
    {"oneOf", KEYWORD_SCHEMAS},
    {"allOf", KEYWORD_SCHEMAS},
    {"additionalProperties", KEYWORD_SCHEMA},
    {"patternProperties", KEYWORD_OBJECT},
    {"propertyNames", KEYWORD_SCHEMA},
    {"minProperties", KEYWORD_COUNT},
    {"maxProperties", KEYWORD_COUNT},
    {"prefixItems", KEYWORD_SCHEMAS},
    {"minItems", KEYWORD_COUNT},
    {"maxItems", KEYWORD_COUNT},
    {"minLength", KEYWORD_COUNT},
    {"maxLength", KEYWORD_COUNT},
    {"pattern", KEYWORD_STRING},
    {"format", KEYWORD_STRING},
    {"minimum", KEYWORD_NUMBER},
    {"maximum", KEYWORD_NUMBER},
    {"exclusiveMinimum", KEYWORD_NUMBER},
    {"exclusiveMaximum", KEYWORD_NUMBER},
    {"multipleOf", KEYWORD_NUMBER},
    {"uniqueItems", KEYWORD_FALSE},
    {"unevaluatedItems", KEYWORD_SCHEMA},
    {"unevaluatedProperties", KEYWORD_SCHEMA},
    /* Where schemas are kept, and how they are called. */
    {"$defs", KEYWORD_OBJECT},
    {"definitions", KEYWORD_OBJECT},
    {"$anchor", KEYWORD_STRING},
    {"$dynamicAnchor", KEYWORD_STRING},
    {"$id", KEYWORD_STRING},
    {"$schema", KEYWORD_STRING},
    /* Annotations. */
    {"title", KEYWORD_ANY},
    {"description", KEYWORD_ANY},
    {"default", KEYWORD_ANY},
    {"example", KEYWORD_ANY},
    {"examples", KEYWORD_ANY},
    {"$comment", KEYWORD_ANY},
    {"deprecated", KEYWORD_ANY},
    {"readOnly", KEYWORD_ANY},
    {"writeOnly", KEYWORD_ANY},
    {"contentEncoding", KEYWORD_ANY},
    {"contentMediaType", KEYWORD_ANY},
    {"contentSchema", KEYWORD_ANY},
    {"discriminator", KEYWORD_ANY}, /* OpenAPI: its oneOf says it all */
    {"not", KEYWORD_REFUSED},
    {"if", KEYWORD_REFUSED},
    {"then", KEYWORD_REFUSED},
    {"else", KEYWORD_REFUSED},
    {"contains", KEYWORD_REFUSED},
    {"minContains", KEYWORD_REFUSED},
    {"maxContains", KEYWORD_REFUSED},
    {"dependentRequired", KEYWORD_REFUSED},
    {"dependentSchemas", KEYWORD_REFUSED},
    {"dependencies", KEYWORD_REFUSED},
    {"additionalItems", KEYWORD_REFUSED},
    {"$dynamicRef", KEYWORD_REFUSED},
    {"$recursiveRef", KEYWORD_REFUSED},
    {"$vocabulary", KEYWORD_REFUSED},
    {"nullable", KEYWORD_REFUSED},
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
static const char *keyword_complaint(enum keyword_value expected,
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
    static const char *const applicators[] = {"$ref", "allOf", "anyOf",
                                              "oneOf"};
    static const char *const drafts[] = {"http://json-schema.org/",
                                         "https://json-schema.org/"};
    if (strncmp(name, "unevaluated", 11) == 0) {
        /* Without these it means what items and additionalProperties mean. */
        for (size_t i = 0; i < MOE__COUNT(applicators); i++)
            if (moe__json_get(node, applicators[i]) != NULL)
                return "cannot be enforced beside $ref, allOf, anyOf, oneOf";
    } else if (strcmp(name, "$id") == 0 && node != schema->root) {
        return "is supported at the root only";
    } else if (strcmp(name, "$schema") == 0) {
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

moe_status moe__schema_check(struct moe__schema *schema,
                             const struct moe__json *node)
{
    for (int32_t i = 0; i < node->n; i++) {
        const struct moe__slice key = node->keys[i];
        const struct keyword *known = NULL;
        for (size_t k = 0; k < MOE__COUNT(keywords) && known == NULL; k++)
            if (moe__slice_is(key, keywords[k].name))
                known = &keywords[k];
        if (known == NULL) {
            if (key.n >= 2 && memcmp(key.data, "x-", 2) == 0)
                continue;
            char name[48];
            moe__format(name, sizeof name, "%.*s",
                        (int)(key.n < 40 ? key.n : 40), (const char *)key.data);
            return moe__schema_refuse(schema, node, name,
                                      "is not a known keyword");
        }
        const char *why = keyword_complaint(known->value, &node->items[i]);
        if (why == NULL)
            why = keyword_misplaced(schema, node, known->name, &node->items[i]);
        if (why != NULL)
            return moe__schema_refuse(schema, node, known->name, why);
    }
    return moe__schema_step(schema, node->n);
}
