/* schema_frame.c: all schemas that hold at one place, and what they ask for
 * together.
 *
 * Owns $ref, allOf and not (more schemas that hold there), and finds the
 * choices that are to be made.  Knows who led to whom: for cycles without a
 * value, and for the keywords that ask what others have evaluated. */
#include "chat/schema.h"

static bool schema_is_same(const struct moe__json *a, const struct moe__json *b)
{
    return a == b || (a->items == b->items && a->n > 0);
}

/* Whether what is added below `parent` is there already, as far as unevaluated
 * keywords can tell. */
static bool schema_is_there(const struct moe__schema_frame *frame, int32_t at,
                            int32_t parent, bool is_silent)
{
    return !frame->schema->has_unevaluated ||
           (frame->parents[at] == parent && frame->is_silent[at] == is_silent);
}

moe_status moe__schema_add(struct moe__schema_frame *frame,
                           const struct moe__json *node, int32_t parent,
                           bool is_silent)
{
    struct moe__schema *schema = frame->schema;
    if (node->kind == MOE__JSON_TRUE)
        return MOE_OK;
    if (node->kind == MOE__JSON_FALSE) {
        frame->is_false = true;
        return MOE_OK;
    }
    if (node->kind != MOE__JSON_OBJECT)
        return moe__schema_refuse(schema, node, NULL,
                                  "a schema must be an object or a boolean");
    for (int32_t i = parent; i >= 0; i = frame->parents[i])
        if (schema_is_same(frame->entries[i], node))
            return moe__schema_refuse(schema, node, NULL,
                                      "the schema contains itself: no value "
                                      "could ever begin");
    MOE__TRY(moe__schema_step(schema, 1 + frame->n / 8));
    for (int32_t i = 0; i < frame->n; i++)
        if (schema_is_same(frame->entries[i], node) &&
            schema_is_there(frame, i, parent, is_silent))
            return MOE_OK;
    if (frame->n == MOE__SCHEMA_MAX_ENTRIES)
        return moe__schema_refuse(schema, node, NULL,
                                  "too many schemas hold at one place");
    frame->is_silent[frame->n] = is_silent;
    frame->entries[frame->n] = node;
    frame->parents[frame->n++] = (int16_t)parent;
    return MOE_OK;
}

bool moe__schema_sees(const struct moe__schema_frame *frame, int32_t entry,
                      int32_t other)
{
    while (other > entry && !frame->is_silent[other])
        other = frame->parents[other];
    return other == entry;
}

bool moe__schema_is_decided(const struct moe__schema_frame *frame)
{
    return frame->n_chosen == frame->n_choices;
}

static moe_status schema_add_choice(struct moe__schema_frame *frame,
                                    const struct moe__json *branches,
                                    int32_t entry, const char *keyword)
{
    if (frame->n_choices == MOE__SCHEMA_MAX_CHOICES)
        return moe__schema_refuse(frame->schema, frame->entries[entry], keyword,
                                  "is nested too deeply at one place");
    frame->choices[frame->n_choices++] = (struct moe__schema_choice){
        branches, (int16_t)entry, strcmp(keyword, "oneOf") == 0,
        strcmp(keyword, "if") == 0};
    return MOE_OK;
}

/* What an entry leads to: $ref, allOf and not at once, choices for later. */
static moe_status schema_follow_entry(struct moe__schema_frame *frame,
                                      int32_t entry)
{
    static const char *const choices[] = {"anyOf", "oneOf"};
    struct moe__schema *schema = frame->schema;
    const struct moe__json *node = frame->entries[entry];
    const struct moe__json *target = NULL;
    MOE__TRY(moe__schema_check(schema, node));
    const struct moe__json *reference = moe__json_get(node, "$ref");
    if (reference != NULL) {
        MOE__TRY(moe__schema_resolve(schema, node, reference->text, &target));
        MOE__TRY(moe__schema_add(frame, target, entry, false));
    }
    const struct moe__json *all = moe__json_get(node, "allOf");
    for (int32_t i = 0; all != NULL && i < all->n; i++)
        MOE__TRY(moe__schema_add(frame, &all->items[i], entry, false));
    const struct moe__json *negated = moe__json_get(node, "not");
    if (negated != NULL) {
        MOE__TRY(moe__schema_negate(schema, negated, &target));
        MOE__TRY(moe__schema_add(frame, target, entry, true));
    }
    for (size_t i = 0; i < MOE__COUNT(choices); i++) {
        const struct moe__json *branches = moe__json_get(node, choices[i]);
        if (branches != NULL)
            MOE__TRY(schema_add_choice(frame, branches, entry, choices[i]));
    }
    for (int32_t i = 0;; i++) {
        MOE__TRY(moe__schema_branches(schema, node, i, &target));
        if (target == NULL)
            return MOE_OK;
        MOE__TRY(schema_add_choice(frame, target, entry, "if"));
    }
}

moe_status moe__schema_flatten(struct moe__schema_frame *frame)
{
    while (frame->n_followed < frame->n)
        MOE__TRY(schema_follow_entry(frame, frame->n_followed++));
    return MOE_OK;
}

moe_status moe__schema_follow(struct moe__schema *schema,
                              const struct moe__schema_list *list,
                              struct moe__schema_frame *frame)
{
    frame->schema = schema;
    frame->n = frame->n_followed = 0;
    frame->n_choices = frame->n_chosen = 0;
    frame->is_false = false;
    for (int32_t i = 0; i < list->n; i++)
        MOE__TRY(moe__schema_add(frame, list->nodes[i], -1, false));
    return moe__schema_flatten(frame);
}

const struct moe__json *moe__schema_member(const struct moe__json *object,
                                           struct moe__slice key)
{
    for (int32_t i = object->n; i-- > 0;)
        if (moe__slice_equal(object->keys[i], key))
            return &object->items[i];
    return NULL;
}

moe_status moe__schema_count(const struct moe__schema_frame *frame,
                             const char *keyword, bool is_largest,
                             int32_t otherwise, int32_t *out)
{
    *out = otherwise;
    bool is_found = false;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *count =
            moe__json_get(frame->entries[i], keyword);
        if (count == NULL)
            continue;
        if (count->integer > MOE__SCHEMA_MAX_REPEAT)
            return moe__schema_refuse(frame->schema, frame->entries[i], keyword,
                                      "is more than can be enforced (65535)");
        const int32_t value = (int32_t)count->integer;
        if (!is_found || (is_largest ? value > *out : value < *out))
            *out = value;
        is_found = true;
    }
    return MOE_OK;
}

/* ORDER SCHEMA_TYPE */
static const struct {
    const char *name;
    uint32_t bits;
} schema_type_names[] = {
    {"null", MOE__SCHEMA_NULL},
    {"boolean", MOE__SCHEMA_BOOLEAN},
    {"integer", MOE__SCHEMA_INTEGER},
    {"number", MOE__SCHEMA_INTEGER | MOE__SCHEMA_FRACTION},
    {"string", MOE__SCHEMA_STRING},
    {"array", MOE__SCHEMA_ARRAY},
    {"object", MOE__SCHEMA_OBJECT},
};

uint32_t moe__schema_type_bits(struct moe__slice name)
{
    if (name.data == (const uint8_t *)moe__schema_fraction)
        return MOE__SCHEMA_FRACTION;
    for (size_t i = 0; i < MOE__COUNT(schema_type_names); i++)
        if (moe__slice_is(name, schema_type_names[i].name))
            return schema_type_names[i].bits;
    return 0;
}

uint32_t moe__schema_named_types(const struct moe__json *node)
{
    const struct moe__json *type = moe__json_get(node, "type");
    const struct moe__json *nullable = moe__json_get(node, "nullable");
    if (type == NULL)
        return MOE__SCHEMA_ALL;
    const bool is_list = type->kind == MOE__JSON_ARRAY;
    uint32_t bits = is_list ? 0 : moe__schema_type_bits(type->text);
    for (int32_t i = 0; is_list && i < type->n; i++)
        bits |= moe__schema_type_bits(type->items[i].text);
    if (nullable != NULL && nullable->kind == MOE__JSON_TRUE)
        bits |= MOE__SCHEMA_NULL;
    return bits;
}

uint32_t moe__schema_types(const struct moe__schema_frame *frame)
{
    uint32_t types = MOE__SCHEMA_ALL;
    for (int32_t i = 0; i < frame->n; i++)
        types &= moe__schema_named_types(frame->entries[i]);
    return types;
}
