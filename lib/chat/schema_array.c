/* schema_array.c: arrays: the first items one by one, the others alike. */
#include "chat/schema.h"

moe_status moe__schema_item_list(const struct moe__schema_frame *frame,
                                 int32_t at, struct moe__schema_list *out)
{
    const struct moe__json **nodes = moe__arena_alloc(
        &frame->schema->arena, (size_t)frame->n, sizeof *nodes);
    int32_t n = 0;
    if (nodes == NULL)
        return moe__schema_no_memory(frame->schema);
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *entry = frame->entries[i];
        const struct moe__json *prefix = moe__json_get(entry, "prefixItems");
        const struct moe__json *item = moe__json_get(entry, "items");
        if (item == NULL) /* alone it means the same */
            item = moe__json_get(entry, "unevaluatedItems");
        if (at >= 0 && prefix != NULL && at < prefix->n)
            item = &prefix->items[at];
        if (item != NULL)
            nodes[n++] = item;
    }
    *out = (struct moe__schema_list){nodes, n};
    return MOE_OK;
}

static moe_status array_item(const struct moe__schema_frame *frame, int32_t at,
                             moe__expr *out)
{
    struct moe__schema_list list;
    MOE__TRY(moe__schema_item_list(frame, at, &list));
    return moe__schema_rule(frame->schema, &list, out);
}

moe__expr moe__schema_rest(struct moe__schema *schema, moe__expr item,
                           int32_t least, int32_t most, bool is_first)
{
    struct moe__grammar_builder *builder = schema->builder;
    if (most >= 0 && most < least)
        return moe__grammar_either(builder, NULL, 0);
    if (most == 0)
        return moe__grammar_join(builder, NULL, 0);
    const moe__expr next = moe__schema_join(schema, schema->comma, item);
    if (!is_first)
        return moe__grammar_repeat(builder, next, least, most);
    const moe__expr others = moe__grammar_repeat(
        builder, next, least > 0 ? least - 1 : 0, most < 0 ? -1 : most - 1);
    return moe__grammar_repeat(builder, moe__schema_join(schema, item, others),
                               least > 0 ? 1 : 0, 1);
}

moe_status moe__schema_array(const struct moe__schema_frame *frame,
                             moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct moe__grammar_builder *builder = schema->builder;
    int32_t least = 0;
    int32_t most = -1;
    int32_t n_prefix = 0;
    MOE__TRY(moe__schema_count(frame, "minItems", true, 0, &least));
    MOE__TRY(moe__schema_count(frame, "maxItems", false, -1, &most));
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *prefix =
            moe__json_get(frame->entries[i], "prefixItems");
        if (prefix != NULL && prefix->n > n_prefix)
            n_prefix = prefix->n;
    }
    if (n_prefix > MOE__SCHEMA_MAX_MEMBERS)
        return moe__schema_refuse(schema, frame->entries[0], "prefixItems",
                                  "lists more than 4096 items");
    if (most >= 0 && most < n_prefix)
        n_prefix = most;
    moe__expr item = -1;
    MOE__TRY(array_item(frame, -1, &item));
    moe__expr rest =
        moe__schema_rest(schema, item, moe__max_i32(least - n_prefix, 0),
                         most < 0 ? -1 : most - n_prefix, n_prefix == 0);
    for (int32_t i = n_prefix; i-- > 0;) { /* what follows i items */
        MOE__TRY(array_item(frame, i, &item));
        const moe__expr parts[] = {i > 0 ? schema->comma
                                         : moe__grammar_join(builder, NULL, 0),
                                   item, rest};
        rest =
            moe__grammar_repeat(builder, moe__grammar_join(builder, parts, 3),
                                least > i ? 1 : 0, 1);
    }
    const moe__expr parts[] = {moe__schema_text(schema, "["), rest,
                               moe__schema_text(schema, "]")};
    *out = moe__grammar_join(builder, parts, 3);
    return moe__schema_step(schema, 10 + n_prefix);
}
