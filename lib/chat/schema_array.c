/* schema_array.c: arrays: the first items one by one, the others alike. */
#include "chat/schema.h"

#define ARRAY_MAX_STATES 8192 /* items times how many are contained */

/* Whether an entry, or one that it leads to, evaluates item `at`. */
static bool array_is_evaluated(const struct moe__schema_frame *frame,
                               int32_t entry, int32_t at, int32_t container)
{
    for (int32_t i = entry; i < frame->n; i++) {
        const struct moe__json *prefix =
            moe__json_get(frame->entries[i], "prefixItems");
        const bool is_here =
            i == container || moe__json_get(frame->entries[i], "items") ||
            (at >= 0 && prefix != NULL && at < prefix->n) ||
            (i > entry && moe__json_get(frame->entries[i], "unevaluatedItems"));
        if (is_here && moe__schema_sees(frame, entry, i))
            return true;
    }
    return false;
}

moe_status moe__schema_item_list(const struct moe__schema_frame *frame,
                                 int32_t at, int32_t container,
                                 struct moe__schema_list *out)
{
    const struct moe__json **nodes = moe__arena_alloc(
        &frame->schema->arena, 2 * (size_t)frame->n, sizeof *nodes);
    int32_t n = 0;
    if (nodes == NULL)
        return moe__schema_no_memory(frame->schema);
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *entry = frame->entries[i];
        const struct moe__json *prefix = moe__json_get(entry, "prefixItems");
        const struct moe__json *item = moe__json_get(entry, "items");
        const struct moe__json *others =
            moe__json_get(entry, "unevaluatedItems");
        if (at >= 0 && prefix != NULL && at < prefix->n)
            item = &prefix->items[at];
        if (item != NULL)
            nodes[n++] = item;
        if (others != NULL && moe__schema_is_decided(frame) &&
            !array_is_evaluated(frame, i, at, container))
            nodes[n++] = others;
    }
    *out = (struct moe__schema_list){nodes, n};
    return MOE_OK;
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

/* --------------------------------------------------------------- shapes */

/* What shapes the arrays of a frame. */
struct array_shape {
    const struct moe__schema_frame *frame;
    int32_t least;
    int32_t most; /* -1: any number */
    int32_t n_prefix;
    int32_t container; /* the entry that has `contains`, or -1 */
    int32_t least_hits;
    int32_t most_hits; /* -1: any number */
    const struct moe__json *contained;
    const struct moe__json *others; /* its negation; NULL: no need to tell
                                       apart what is contained */
};

enum array_role { ARRAY_ANY, ARRAY_HIT, ARRAY_MISS };

/* An item, `at` or (-1) behind all prefixItems, that is contained, or one that
 * need not be. */
static moe_status array_item(const struct array_shape *shape, int32_t at,
                             enum array_role role, moe__expr *out)
{
    struct moe__schema *schema = shape->frame->schema;
    const int32_t container = role == ARRAY_HIT ? shape->container : -1;
    const struct moe__json *more = role == ARRAY_HIT    ? shape->contained
                                   : role == ARRAY_MISS ? shape->others
                                                        : NULL;
    struct moe__schema_list list;
    MOE__TRY(moe__schema_item_list(shape->frame, at < shape->n_prefix ? at : -1,
                                   container, &list));
    const struct moe__json **nodes =
        moe__arena_alloc(&schema->arena, (size_t)list.n + 1, sizeof *nodes);
    if (nodes == NULL)
        return moe__schema_no_memory(schema);
    for (int32_t i = 0; i < list.n; i++)
        nodes[i] = list.nodes[i];
    if (more != NULL)
        nodes[list.n++] = more;
    list.nodes = nodes;
    return moe__schema_rule(schema, &list, out);
}

static moe_status array_plain(const struct array_shape *shape, moe__expr *out)
{
    struct moe__schema *schema = shape->frame->schema;
    struct moe__grammar_builder *builder = schema->builder;
    const int32_t n = shape->n_prefix;
    moe__expr item = -1;
    MOE__TRY(array_item(shape, -1, ARRAY_ANY, &item));
    *out = moe__schema_rest(schema, item, moe__max_i32(shape->least - n, 0),
                            shape->most < 0 ? -1 : shape->most - n, n == 0);
    for (int32_t i = n; i-- > 0;) { /* what follows i items */
        MOE__TRY(array_item(shape, i, ARRAY_ANY, &item));
        const moe__expr parts[] = {i > 0 ? schema->comma
                                         : moe__grammar_join(builder, NULL, 0),
                                   item, *out};
        *out =
            moe__grammar_repeat(builder, moe__grammar_join(builder, parts, 3),
                                shape->least > i ? 1 : 0, 1);
    }
    return moe__schema_step(schema, 10 + n);
}

/* ------------------------------------------------------------------ contains
 *
 * counts[k] is what may follow when k of the items so far are contained, for
 * one number of items after the other, from the last: as many as are needed,
 * or as many as there can be. */

struct array_counts {
    moe__expr *counts; /* [n] */
    int32_t n;
    moe__expr hit;
    moe__expr miss;
};

static moe_status array_pair(const struct array_shape *shape, int32_t at,
                             struct array_counts *c)
{
    struct moe__schema *schema = shape->frame->schema;
    MOE__TRY(array_item(shape, at, ARRAY_HIT, &c->hit));
    MOE__TRY(array_item(shape, at, ARRAY_MISS, &c->miss));
    if (at != 0) {
        c->hit = moe__schema_join(schema, schema->comma, c->hit);
        c->miss = moe__schema_join(schema, schema->comma, c->miss);
    }
    return moe__schema_step(schema, 10 + c->n);
}

/* The count after one more that is contained, -1: there must be none. */
static int32_t array_next(const struct array_shape *shape,
                          const struct array_counts *c, int32_t k)
{
    return k + 1 < c->n ? k + 1 : shape->most_hits < 0 ? k : -1;
}

/* Item `at`, whatever follows it. */
static moe_status array_step(const struct array_shape *shape, int32_t at,
                             struct array_counts *c)
{
    struct moe__schema *schema = shape->frame->schema;
    struct moe__grammar_builder *builder = schema->builder;
    MOE__TRY(array_pair(shape, at, c));
    for (int32_t k = 0; k < c->n; k++) { /* k + 1 is still the next item's */
        const int32_t next = array_next(shape, c, k);
        moe__expr ways[3];
        int32_t n = 0;
        if (at >= shape->least && k >= shape->least_hits)
            ways[n++] = moe__grammar_join(builder, NULL, 0);
        if (next >= 0)
            ways[n++] = moe__schema_join(schema, c->hit, c->counts[next]);
        ways[n++] = moe__schema_join(schema, c->miss, c->counts[k]);
        const moe__expr rule = moe__grammar_rule(builder);
        moe__grammar_define(builder, rule,
                            moe__grammar_either(builder, ways, n));
        c->counts[k] = rule;
    }
    return MOE_OK;
}

/* All items behind those that have a place of their own. */
static moe_status array_end(const struct array_shape *shape,
                            struct array_counts *c)
{
    struct moe__schema *schema = shape->frame->schema;
    struct moe__grammar_builder *builder = schema->builder;
    MOE__TRY(array_pair(shape, -1, c));
    for (int32_t k = c->n; k-- > 0;) {
        const int32_t next = array_next(shape, c, k);
        const moe__expr same =
            next == k ? moe__schema_either(schema, c->hit, c->miss) : c->miss;
        moe__expr ways[2];
        int32_t n = 0;
        if (k >= shape->least_hits)
            ways[n++] = moe__grammar_join(builder, NULL, 0);
        if (next > k && shape->most < 0)
            ways[n++] = moe__schema_join(schema, c->hit, c->counts[next]);
        c->counts[k] = moe__grammar_either(builder, ways, n);
        if (shape->most < 0)
            c->counts[k] = moe__schema_join(
                schema, moe__grammar_repeat(builder, same, 0, -1),
                c->counts[k]);
    }
    return MOE_OK;
}

static moe_status array_containing(const struct array_shape *shape,
                                   moe__expr *out)
{
    struct moe__schema *schema = shape->frame->schema;
    struct array_counts c = {
        .n = 1 + moe__max_i32(shape->least_hits, shape->most_hits)};
    const int32_t n =
        shape->most >= 0
            ? shape->most
            : moe__max_i32(1, moe__max_i32(shape->n_prefix, shape->least));
    if ((shape->most_hits >= 0 && shape->most_hits < shape->least_hits) ||
        (shape->most >= 0 && shape->most < shape->least)) {
        *out = moe__grammar_either(schema->builder, NULL, 0);
        return MOE_OK;
    }
    if (c.n > ARRAY_MAX_STATES / (n + 1))
        return moe__schema_refuse(schema,
                                  shape->frame->entries[shape->container],
                                  "contains", "has to count too far");
    c.counts = moe__arena_alloc(&schema->arena, (size_t)c.n, sizeof *c.counts);
    if (c.counts == NULL)
        return moe__schema_no_memory(schema);
    MOE__TRY(array_end(shape, &c));
    for (int32_t at = n; at-- > 0;)
        MOE__TRY(array_step(shape, at, &c));
    *out = c.counts[0];
    return MOE_OK;
}

/* Whether unevaluatedItems asks which items are contained. */
static bool array_is_watched(const struct moe__schema_frame *frame,
                             int32_t container)
{
    for (int32_t i = 0; i <= container; i++)
        if (moe__json_get(frame->entries[i], "unevaluatedItems") != NULL &&
            moe__schema_sees(frame, i, container))
            return true;
    return false;
}

static moe_status array_contains(struct array_shape *shape)
{
    const struct moe__schema_frame *frame = shape->frame;
    shape->container = -1;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *contained =
            moe__json_get(frame->entries[i], "contains");
        if (contained == NULL)
            continue;
        if (shape->container >= 0)
            return moe__schema_refuse(frame->schema, frame->entries[i],
                                      "contains",
                                      "is enforced once at one place only");
        shape->container = i;
        shape->contained = contained;
    }
    if (shape->container < 0)
        return MOE_OK;
    MOE__TRY(
        moe__schema_count(frame, "minContains", true, 1, &shape->least_hits));
    MOE__TRY(
        moe__schema_count(frame, "maxContains", false, -1, &shape->most_hits));
    if (shape->most_hits >= 0 || array_is_watched(frame, shape->container))
        return moe__schema_negate(frame->schema, shape->contained,
                                  &shape->others);
    if (shape->least_hits == 0)
        shape->container = -1; /* it asks for nothing */
    return MOE_OK;
}

moe_status moe__schema_array(const struct moe__schema_frame *frame,
                             moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct array_shape shape = {.frame = frame};
    MOE__TRY(moe__schema_count(frame, "minItems", true, 0, &shape.least));
    MOE__TRY(moe__schema_count(frame, "maxItems", false, -1, &shape.most));
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *prefix =
            moe__json_get(frame->entries[i], "prefixItems");
        if (prefix != NULL && prefix->n > shape.n_prefix)
            shape.n_prefix = prefix->n;
    }
    if (shape.n_prefix > MOE__SCHEMA_MAX_MEMBERS)
        return moe__schema_refuse(schema, frame->entries[0], "prefixItems",
                                  "lists more than 4096 items");
    if (shape.most >= 0 && shape.most < shape.n_prefix)
        shape.n_prefix = shape.most;
    MOE__TRY(array_contains(&shape));
    moe__expr items = -1;
    if (shape.container < 0)
        MOE__TRY(array_plain(&shape, &items));
    else
        MOE__TRY(array_containing(&shape, &items));
    const moe__expr parts[] = {moe__schema_text(schema, "["), items,
                               moe__schema_text(schema, "]")};
    *out = moe__grammar_join(schema->builder, parts, 3);
    return MOE_OK;
}
