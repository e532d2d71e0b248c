/* schema_make.c: schemas that are made of schemas, in the arena.
 *
 * Each is made once, so that rules find it again, and knows because of what it
 * was made. */
#include "chat/schema_make.h"

struct moe__json moe__schema_make_list(struct moe__schema_maker *maker,
                                       int32_t n, const struct moe__json *items)
{
    struct moe__json list = {.kind = MOE__JSON_ARRAY, .n = n};
    struct moe__json *copy =
        moe__arena_alloc(&maker->schema->arena, (size_t)n, sizeof *copy);
    maker->has_failed = maker->has_failed || copy == NULL;
    for (int32_t i = 0; copy != NULL && i < n; i++)
        copy[i] = items[i];
    list.items = copy;
    return list;
}

/* An object; its origin is remembered. */
struct moe__json moe__schema_make_object(struct moe__schema_maker *maker,
                                         int32_t n,
                                         const struct moe__slice *keys,
                                         const struct moe__json *items)
{
    struct moe__arena *arena = &maker->schema->arena;
    struct moe__json object = moe__schema_make_list(maker, n, items);
    struct moe__slice *copy = moe__arena_alloc(arena, (size_t)n, sizeof *copy);
    struct moe__schema_origin *origin =
        moe__arena_alloc(arena, 1, sizeof *origin);
    maker->has_failed = maker->has_failed || copy == NULL || origin == NULL;
    if (maker->has_failed)
        return (struct moe__json){.kind = MOE__JSON_FALSE};
    for (int32_t i = 0; i < n; i++)
        copy[i] = keys[i];
    object.kind = MOE__JSON_OBJECT;
    object.keys = copy;
    *origin = (struct moe__schema_origin){
        object.items, maker->node, maker->keyword, maker->schema->origins};
    maker->schema->origins = origin;
    return object;
}

struct moe__json moe__schema_make_member(struct moe__schema_maker *maker,
                                         const char *keyword,
                                         struct moe__json value)
{
    const struct moe__slice key = moe__slice_str(keyword);
    return moe__schema_make_object(maker, 1, &key, &value);
}

struct moe__json moe__schema_make_count(int64_t n)
{
    return (struct moe__json){
        .kind = MOE__JSON_NUMBER, .is_integer = true, .integer = n};
}

struct moe__json moe__schema_make_name(const char *name)
{
    return (struct moe__json){.kind = MOE__JSON_STRING,
                              .text = moe__slice_str(name)};
}

/* "allOf" or "anyOf" of two. */
struct moe__json moe__schema_make_two(struct moe__schema_maker *maker,
                                      const char *keyword,
                                      struct moe__json first,
                                      struct moe__json second)
{
    const struct moe__json both[] = {first, second};
    return moe__schema_make_member(maker, keyword,
                                   moe__schema_make_list(maker, 2, both));
}

struct moe__json moe__schema_make_not(struct moe__schema_maker *maker,
                                      const struct moe__json *node)
{
    return moe__schema_make_member(maker, "not", *node);
}

/* {"type": type, keyword: value} */
struct moe__json moe__schema_make_typed(struct moe__schema_maker *maker,
                                        const char *type, const char *keyword,
                                        struct moe__json value)
{
    const struct moe__slice keys[] = {moe__slice_str("type"),
                                      moe__slice_str(keyword)};
    const struct moe__json items[] = {moe__schema_make_name(type), value};
    return moe__schema_make_object(maker, 2, keys, items);
}

/* {"properties": {key: value}} */
struct moe__json moe__schema_make_property(struct moe__schema_maker *maker,
                                           struct moe__slice key,
                                           struct moe__json value)
{
    return moe__schema_make_member(
        maker, "properties", moe__schema_make_object(maker, 1, &key, &value));
}

/* An object that has this member. */
struct moe__json moe__schema_make_required(struct moe__schema_maker *maker,
                                           struct moe__slice key)
{
    const struct moe__json name = {.kind = MOE__JSON_STRING, .text = key};
    return moe__schema_make_typed(maker, "object", "required",
                                  moe__schema_make_list(maker, 1, &name));
}

void moe__schema_make_way(struct moe__schema_maker *maker, struct moe__json way)
{
    if (maker->n == maker->cap) {
        const int32_t cap = maker->cap ? maker->cap * 2 : 4;
        struct moe__json *ways =
            moe__arena_alloc(&maker->schema->arena, (size_t)cap, sizeof *ways);
        maker->has_failed = maker->has_failed || ways == NULL;
        if (ways == NULL)
            return;
        for (int32_t i = 0; i < maker->n; i++)
            ways[i] = maker->ways[i];
        maker->ways = ways;
        maker->cap = cap;
    }
    maker->ways[maker->n++] = way;
}

/* --------------------------------------------------------------- memory */

static struct moe__schema_made **made_slot(struct moe__schema *schema,
                                           const struct moe__json *place)
{
    const uintptr_t at = (uintptr_t)place;
    return &schema->made[(at >> 4 ^ at >> 12) % MOE__SCHEMA_MADE_SLOTS];
}

const struct moe__json *moe__schema_made_find(struct moe__schema *schema,
                                              const struct moe__json *place,
                                              const char *keyword)
{
    const struct moe__schema_made *made = *made_slot(schema, place);
    while (made != NULL && (made->place != place || made->keyword != keyword))
        made = made->next;
    return made ? made->node : NULL;
}

moe_status moe__schema_made_keep(const struct moe__schema_maker *maker,
                                 const struct moe__json *place,
                                 struct moe__json value,
                                 const struct moe__json **out)
{
    struct moe__schema *schema = maker->schema;
    struct moe__schema_made **slot = made_slot(schema, place);
    struct moe__schema_made *made =
        moe__arena_alloc(&schema->arena, 1, sizeof *made);
    struct moe__json *copy = moe__arena_alloc(&schema->arena, 1, sizeof *copy);
    if (made == NULL || copy == NULL || maker->has_failed)
        return moe__schema_no_memory(schema);
    *copy = value;
    *made = (struct moe__schema_made){place, maker->keyword, copy, *slot};
    *slot = made;
    *out = copy;
    return moe__schema_step(schema, 10 + 4 * maker->n);
}

/* ------------------------------------------------------------- branches */

/* if and then, or not if and else. */
static void branches_if(struct moe__schema_maker *maker)
{
    const struct moe__json yes = {.kind = MOE__JSON_TRUE};
    const struct moe__json *condition = moe__json_get(maker->node, "if");
    const struct moe__json *then = moe__json_get(maker->node, "then");
    const struct moe__json *otherwise = moe__json_get(maker->node, "else");
    moe__schema_make_way(maker, moe__schema_make_two(maker, "allOf", *condition,
                                                     then ? *then : yes));
    moe__schema_make_way(
        maker, moe__schema_make_two(maker, "allOf",
                                    moe__schema_make_not(maker, condition),
                                    otherwise ? *otherwise : yes));
}

/* No such member, or what depends on it. */
static void branches_dependent(struct moe__schema_maker *maker,
                               struct moe__slice key,
                               const struct moe__json *value)
{
    const struct moe__json no = {.kind = MOE__JSON_FALSE};
    moe__schema_make_way(maker, moe__schema_make_property(maker, key, no));
    moe__schema_make_way(
        maker, moe__schema_make_two(
                   maker, "allOf", moe__schema_make_required(maker, key),
                   value->kind == MOE__JSON_ARRAY
                       ? moe__schema_make_member(maker, "required", *value)
                       : *value));
}

moe_status moe__schema_branches(struct moe__schema *schema,
                                const struct moe__json *node, int32_t at,
                                const struct moe__json **out)
{
    static const char *const keywords[] = {"if", "dependentRequired",
                                           "dependentSchemas", "dependencies"};
    *out = NULL;
    for (size_t i = 0; i < MOE__COUNT(keywords); i++) {
        const struct moe__json *value = moe__json_get(node, keywords[i]);
        const int32_t n = value == NULL ? 0 : i == 0 ? 1 : value->n;
        if (at >= n) {
            at -= n;
            continue;
        }
        struct moe__schema_maker maker = {
            .schema = schema, .node = node, .keyword = keywords[i]};
        const struct moe__json *place =
            i == 0 ? node->items : &value->items[at];
        *out = moe__schema_made_find(schema, place, keywords[i]);
        if (*out != NULL)
            return MOE_OK;
        if (i == 0)
            branches_if(&maker);
        else
            branches_dependent(&maker, value->keys[at], &value->items[at]);
        return moe__schema_made_keep(
            &maker, place, moe__schema_make_list(&maker, maker.n, maker.ways),
            out);
    }
    return MOE_OK;
}
