/* schema_ref.c: references inside a document, and the names of its places.
 *
 * Owns $ref: "#", JSON pointers (RFC 6901), $anchor, and the same behind the
 * root's own $id.  Refuses everything that leaves the document, and references
 * into schemas with an $id of their own. */
#include "chat/schema.h"

/* The keywords that hold schemas: one, a list, or an object of them. */
static const char *const ref_holders[] = {
    "properties",
    "$defs",
    "definitions",
    "patternProperties",
    "dependentSchemas",
    "items",
    "additionalProperties",
    "propertyNames",
    "prefixItems",
    "unevaluatedItems",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "anyOf",
    "oneOf",
    "unevaluatedProperties",
    "allOf",
};
static const int32_t ref_n_maps = 5; /* the first are objects of schemas */

static bool ref_has_own_id(const struct moe__schema *schema,
                           const struct moe__json *node)
{
    const struct moe__json *id = moe__json_get(node, "$id");
    return node->items != schema->root->items && id != NULL &&
           id->kind == MOE__JSON_STRING;
}

/* The schema with this anchor, in the order of the document; recursion ends,
 * since the reader limits depth. */
static const struct moe__json *ref_anchor(const struct moe__schema *schema,
                                          const struct moe__json *node,
                                          struct moe__slice name)
{
    static const char *const anchors[] = {"$anchor", "$dynamicAnchor"};
    if (node->kind != MOE__JSON_OBJECT || ref_has_own_id(schema, node))
        return NULL;
    for (size_t i = 0; i < MOE__COUNT(anchors); i++) {
        const struct moe__json *anchor = moe__json_get(node, anchors[i]);
        if (anchor != NULL && anchor->kind == MOE__JSON_STRING &&
            moe__slice_equal(anchor->text, name))
            return node;
    }
    const struct moe__json *found = NULL;
    for (size_t i = 0; i < MOE__COUNT(ref_holders) && found == NULL; i++) {
        const struct moe__json *held = moe__json_get(node, ref_holders[i]);
        const bool is_map = (int32_t)i < ref_n_maps;
        if (held == NULL)
            continue;
        if (held->kind == MOE__JSON_OBJECT && !is_map)
            found = ref_anchor(schema, held, name);
        else if (held->kind == MOE__JSON_ARRAY ||
                 held->kind == MOE__JSON_OBJECT)
            for (int32_t k = 0; k < held->n && found == NULL; k++)
                found = ref_anchor(schema, &held->items[k], name);
    }
    return found;
}

static uint32_t ref_hex(uint32_t c)
{
    const uint32_t letter = (c | 32) - 'a';
    return c - '0' < 10 ? c - '0' : letter < 6 ? letter + 10 : 16;
}

/* Undoes %XX (a fragment of an address). */
static struct moe__slice ref_unquote(struct moe__slice text, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint32_t c = text.data[i];
        if (c == '%' && text.n - i > 2) {
            const uint32_t high = ref_hex(text.data[i + 1]);
            const uint32_t low = ref_hex(text.data[i + 2]);
            if (high < 16 && low < 16) {
                c = high << 4 | low;
                i += 2;
            }
        }
        out[n++] = (uint8_t)c;
    }
    return moe__slice_of(out, n);
}

/* One step of a pointer, ~1 and ~0 undone in place. */
static struct moe__slice ref_token(struct moe__slice pointer, size_t *at,
                                   uint8_t *out)
{
    size_t n = 0;
    size_t i = *at + 1; /* behind the slash */
    for (; i < pointer.n && pointer.data[i] != '/'; i++) {
        uint8_t c = pointer.data[i];
        if (c == '~' && i + 1 < pointer.n &&
            (pointer.data[i + 1] == '0' || pointer.data[i + 1] == '1'))
            c = pointer.data[++i] == '0' ? '~' : '/';
        out[n++] = c;
    }
    *at = i;
    return moe__slice_of(out, n);
}

static const struct moe__json *ref_element(const struct moe__json *array,
                                           struct moe__slice token)
{
    int32_t index = 0;
    if (token.n == 0 || token.n > 7 || (token.n > 1 && token.data[0] == '0'))
        return NULL;
    for (size_t i = 0; i < token.n; i++) {
        if (token.data[i] - (uint32_t)'0' >= 10)
            return NULL;
        index = index * 10 + (token.data[i] - '0');
    }
    return index < array->n ? &array->items[index] : NULL;
}

static const struct moe__json *ref_walk(const struct moe__schema *schema,
                                        struct moe__slice pointer,
                                        uint8_t *scratch)
{
    const struct moe__json *node = schema->root;
    for (size_t at = 0; at < pointer.n && node != NULL;) {
        const struct moe__slice token = ref_token(pointer, &at, scratch);
        if (ref_has_own_id(schema, node))
            return NULL;
        if (node->kind == MOE__JSON_OBJECT)
            node = moe__schema_member(node, token);
        else if (node->kind == MOE__JSON_ARRAY)
            node = ref_element(node, token);
        else
            node = NULL;
    }
    return node;
}

moe_status moe__schema_resolve(struct moe__schema *schema,
                               const struct moe__json *node,
                               struct moe__slice reference,
                               const struct moe__json **out)
{
    size_t n_base = 0;
    while (n_base < reference.n && reference.data[n_base] != '#')
        n_base++;
    const struct moe__json *id = moe__json_get(schema->root, "$id");
    struct moe__slice own = {NULL, 0};
    if (id != NULL)
        own = id->text;
    if (own.n > 0 && own.data[own.n - 1] == '#')
        own.n--;
    if (n_base > 0 &&
        !moe__slice_equal(moe__slice_of(reference.data, n_base), own))
        return moe__schema_refuse(schema, node, "$ref",
                                  "leads out of the document");
    /* Room for the fragment, and for one step of it. */
    uint8_t *scratch = moe__arena_alloc(&schema->arena, reference.n + 1, 2);
    if (scratch == NULL)
        return moe__schema_no_memory(schema);
    const size_t from = n_base < reference.n ? n_base + 1 : n_base;
    const struct moe__slice fragment = ref_unquote(
        moe__slice_of(reference.data + from, reference.n - from), scratch);
    if (fragment.n > 0 && fragment.data[0] != '/')
        *out = ref_anchor(schema, schema->root, fragment);
    else
        *out = ref_walk(schema, fragment, scratch + reference.n + 1);
    if (*out == NULL)
        return moe__schema_refuse(schema, node, "$ref",
                                  "leads to nothing in the document");
    return moe__schema_step(schema, 1);
}

static void ref_write_token(struct moe__text *out, struct moe__slice token)
{
    for (size_t i = 0; i < token.n; i++) {
        if (token.data[i] == '~' || token.data[i] == '/')
            moe__text_puts(out, token.data[i] == '~' ? "~0" : "~1");
        else
            moe__text_byte(out, token.data[i]);
    }
}

static bool ref_find(const struct moe__json *from, const struct moe__json *node,
                     struct moe__text *out)
{
    const bool has_children =
        from->kind == MOE__JSON_ARRAY || from->kind == MOE__JSON_OBJECT;
    const bool is_found = from == node || (has_children && from->n > 0 &&
                                           from->items == node->items);
    const size_t n = out->n;
    for (int32_t i = 0; has_children && i < from->n && !is_found; i++) {
        moe__text_puts(out, "/");
        if (from->kind == MOE__JSON_OBJECT) {
            ref_write_token(out, from->keys[i]);
        } else {
            char digits[16];
            moe__format(digits, sizeof digits, "%d", i);
            moe__text_puts(out, digits);
        }
        if (ref_find(&from->items[i], node, out))
            return true;
        moe__text_cut(out, n);
    }
    return is_found;
}

void moe__schema_pointer(const struct moe__json *root,
                         const struct moe__json *node, struct moe__text *out)
{
    moe__text_puts(out, "#");
    ref_find(root, node, out);
}
