/* schema_object.c: objects: named members in the order of the schema, then
 * others.
 *
 * A member that several entries speak of has to satisfy all of them; an entry
 * that does not name it has its additionalProperties for it.  The keys of the
 * other members differ from the named ones; among themselves they may repeat,
 * which no grammar of this kind can forbid. */
#include "chat/schema.h"

#include "base/utf8.h"
#include "sample/regex.h"

#define OBJECT_MAX_KEY_BYTES 512 /* of keys that others must differ from */
#define OBJECT_MAX_BRANCHES 256  /* of these at one place: limit of a class */
#define OBJECT_MAX_STATES 65536  /* members times how many there can be */
#define OBJECT_INLINE 64         /* members in one rule */

/* -------------------------------------------------------------- members */

static moe_status object_add_key(struct moe__schema *schema,
                                 struct moe__schema_members *members,
                                 struct moe__slice key, bool is_required)
{
    for (int32_t i = 0; i < members->n; i++)
        if (moe__slice_equal(members->keys[i], key)) {
            members->is_required[i] = members->is_required[i] || is_required;
            return MOE_OK;
        }
    members->keys[members->n] = key;
    members->is_required[members->n++] = is_required;
    return moe__schema_step(schema, 1 + members->n / 16);
}

moe_status moe__schema_members(const struct moe__schema_frame *frame,
                               struct moe__schema_members *out)
{
    static const char *const keywords[] = {"properties", "required"};
    struct moe__schema *schema = frame->schema;
    int64_t n = 0;
    for (int32_t i = 0; i < frame->n; i++)
        for (size_t k = 0; k < MOE__COUNT(keywords); k++) {
            const struct moe__json *named =
                moe__json_get(frame->entries[i], keywords[k]);
            n += named ? named->n : 0;
        }
    if (n > MOE__SCHEMA_MAX_MEMBERS)
        return moe__schema_refuse(schema, frame->entries[0], NULL,
                                  "more than 4096 members are named");
    *out = (struct moe__schema_members){
        moe__arena_alloc(&schema->arena, (size_t)n, sizeof *out->keys),
        moe__arena_alloc(&schema->arena, (size_t)n, sizeof *out->is_required),
        0};
    if (out->keys == NULL || out->is_required == NULL)
        return moe__schema_no_memory(schema);
    for (size_t k = 0; k < MOE__COUNT(keywords); k++)
        for (int32_t i = 0; i < frame->n; i++) {
            const struct moe__json *named =
                moe__json_get(frame->entries[i], keywords[k]);
            for (int32_t m = 0; named != NULL && m < named->n; m++)
                MOE__TRY(object_add_key(
                    schema, out, k ? named->items[m].text : named->keys[m],
                    k == 1));
        }
    return MOE_OK;
}

/* Whether an entry, or one that it leads to, evaluates a member. */
static bool object_is_evaluated(const struct moe__schema_frame *frame,
                                int32_t entry, const struct moe__slice *key)
{
    for (int32_t i = entry; i < frame->n; i++) {
        const struct moe__json *node = frame->entries[i];
        const struct moe__json *named = moe__json_get(node, "properties");
        const bool is_here =
            moe__json_get(node, "additionalProperties") ||
            (key != NULL && named != NULL && moe__schema_member(named, *key)) ||
            (i > entry && moe__json_get(node, "unevaluatedProperties"));
        if (is_here && moe__schema_sees(frame, entry, i))
            return true;
    }
    return false;
}

moe_status moe__schema_member_list(const struct moe__schema_frame *frame,
                                   const struct moe__slice *key,
                                   struct moe__schema_list *out)
{
    const struct moe__json **nodes = moe__arena_alloc(
        &frame->schema->arena, 2 * (size_t)frame->n, sizeof *nodes);
    if (nodes == NULL)
        return moe__schema_no_memory(frame->schema);
    int32_t n = 0;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *entry = frame->entries[i];
        const struct moe__json *named = moe__json_get(entry, "properties");
        const struct moe__json *others =
            moe__json_get(entry, "unevaluatedProperties");
        const struct moe__json *node = NULL;
        if (key != NULL && named != NULL)
            node = moe__schema_member(named, *key);
        if (node == NULL)
            node = moe__json_get(entry, "additionalProperties");
        if (node != NULL)
            nodes[n++] = node;
        if (others != NULL && moe__schema_is_decided(frame) &&
            !object_is_evaluated(frame, i, key))
            nodes[n++] = others;
    }
    *out = (struct moe__schema_list){nodes, n};
    return MOE_OK;
}

/* "key": and a value of this list. */
static moe_status object_member(struct moe__schema *schema, moe__expr key,
                                const struct moe__schema_list *list,
                                moe__expr *out)
{
    moe__expr value = -1;
    MOE__TRY(moe__schema_rule(schema, list, &value));
    const moe__expr parts[] = {key, schema->colon, value};
    *out = moe__grammar_join(schema->builder, parts, 3);
    return MOE_OK;
}

static moe_status object_named(const struct moe__schema_frame *frame,
                               struct moe__slice key, moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct moe__schema_list list;
    struct moe__text text;
    MOE__TRY(moe__schema_member_list(frame, &key, &list));
    moe__text_init(&text, schema->mem, 0);
    moe__json_write_string(&text, key, false);
    const moe_status status =
        moe__text_status(&text, "a key of the schema", schema->err);
    const moe__expr name =
        moe__grammar_bytes(schema->builder, moe__text_slice(&text));
    moe__text_free(&text);
    MOE__TRY(status);
    return object_member(schema, name, &list, out);
}

/* -------------------------------------------------------- other members */

static bool object_key_less(struct moe__slice a, struct moe__slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
    return order < 0 || (order == 0 && a.n < b.n);
}

/* Texts that are none of keys [n], sorted, all with the same first `at` bytes:
 * how such a text goes on behind these.  Recursion as deep as a key is
 * long. */
static moe_status object_not_keys(struct moe__schema *schema,
                                  const struct moe__slice *keys, int32_t n,
                                  size_t at, moe__expr *out)
{
    struct moe__grammar_builder *builder = schema->builder;
    struct moe__schema_ways ways = {NULL, 0, 0};
    struct moe__code_range *branches = moe__arena_alloc(
        &schema->arena, (size_t)moe__min_i32(n, OBJECT_MAX_BRANCHES),
        sizeof *branches);
    int32_t n_branches = 0;
    int32_t from = 0;
    while (from < n && keys[from].n == at)
        from++;
    if (branches == NULL)
        return moe__schema_no_memory(schema);
    if (from == 0) /* it may end here */
        MOE__TRY(moe__schema_way(schema, &ways,
                                 moe__grammar_join(builder, NULL, 0)));
    while (from < n) {
        uint32_t code = 0;
        const size_t width = (size_t)moe__utf8_decode(
            moe__slice_of(keys[from].data + at, keys[from].n - at), &code);
        int32_t until = from + 1;
        while (until < n &&
               memcmp(keys[until].data + at, keys[from].data + at, width) == 0)
            until++;
        if (n_branches == OBJECT_MAX_BRANCHES)
            return moe__fail(schema->err, MOE_ERR_ARGUMENT,
                             "schema: the keys of an object differ in more "
                             "than %d ways at one character",
                             OBJECT_MAX_BRANCHES);
        branches[n_branches] = (struct moe__code_range){code, code};
        const moe__expr lead =
            moe__grammar_json_codes(builder, &branches[n_branches++], 1, false);
        moe__expr rest = -1;
        MOE__TRY(object_not_keys(schema, keys + from, until - from, at + width,
                                 &rest));
        MOE__TRY(moe__schema_way(schema, &ways,
                                 moe__schema_join(schema, lead, rest)));
        from = until;
    }
    MOE__TRY(moe__schema_way(
        schema, &ways,
        moe__schema_join(
            schema,
            moe__grammar_json_codes(builder, branches, n_branches, true),
            schema->any_text)));
    *out = moe__grammar_either(builder, ways.items, ways.n);
    return moe__schema_step(schema, 10);
}

moe_status moe__schema_other_text(struct moe__schema *schema,
                                  const struct moe__slice *keys, int32_t n,
                                  const struct moe__json *node,
                                  const char *keyword, moe__expr *out)
{
    struct moe__slice *sorted =
        moe__arena_alloc(&schema->arena, (size_t)n, sizeof *sorted);
    *out = schema->any_text;
    if (sorted == NULL)
        return moe__schema_no_memory(schema);
    MOE__TRY(moe__schema_step_pairs(schema, n, n));
    for (int32_t i = 0; i < n; i++) {
        int32_t at = i;
        if (keys[i].n > OBJECT_MAX_KEY_BYTES)
            return moe__schema_refuse(schema, node, keyword,
                                      "cannot be enforced beside a string of "
                                      "more than 512 bytes");
        for (; at > 0 && object_key_less(keys[i], sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = keys[i];
    }
    if (n > 0)
        MOE__TRY(object_not_keys(schema, sorted, n, 0, out));
    return MOE_OK;
}

/* Keys that no entry names, with their quotes. */
static moe_status object_other_key(const struct moe__schema_frame *frame,
                                   const struct moe__schema_members *members,
                                   moe__expr *out)
{
    MOE__TRY(moe__schema_other_text(frame->schema, members->keys, members->n,
                                    frame->entries[0], "additionalProperties",
                                    out));
    *out = moe__schema_quoted(frame->schema, *out);
    return MOE_OK;
}

static bool object_is_false(const struct moe__schema_list *list)
{
    for (int32_t i = 0; i < list->n; i++)
        if (list->nodes[i]->kind == MOE__JSON_FALSE)
            return true;
    return false;
}

/* Keys that propertyNames allows; *is_found: there is one. */
static moe_status object_key_names(const struct moe__schema_frame *frame,
                                   int32_t n_members, moe__expr *out,
                                   bool *is_found)
{
    static const struct moe__json type = {
        .kind = MOE__JSON_STRING, .text = {(const uint8_t *)"string", 6}};
    static const struct moe__slice keyword = {(const uint8_t *)"type", 4};
    static const struct moe__json is_string = {
        .kind = MOE__JSON_OBJECT, .n = 1, .items = &type, .keys = &keyword};
    const struct moe__json *nodes[MOE__SCHEMA_MAX_ENTRIES + 1];
    struct moe__schema_list list = {nodes, 0};
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *names =
            moe__json_get(frame->entries[i], "propertyNames");
        if (names == NULL || names->kind == MOE__JSON_TRUE)
            continue;
        if (n_members > 0)
            return moe__schema_refuse(
                frame->schema, frame->entries[i], "propertyNames",
                "cannot be enforced beside named members");
        nodes[list.n++] = names;
    }
    *is_found = list.n > 0;
    nodes[list.n++] = &is_string; /* what a key is */
    return *is_found ? moe__schema_rule(frame->schema, &list, out) : MOE_OK;
}

/* patternProperties, as far as it goes: one pattern, and all keys match it. */
static moe_status object_pattern(const struct moe__schema_frame *frame,
                                 int32_t n_members,
                                 const struct moe__json **pattern_entry)
{
    struct moe__schema *schema = frame->schema;
    *pattern_entry = NULL;
    for (int32_t i = 0; i < frame->n; i++) {
        const struct moe__json *entry = frame->entries[i];
        const struct moe__json *patterns =
            moe__json_get(entry, "patternProperties");
        const struct moe__json *others =
            moe__json_get(entry, "additionalProperties");
        if (patterns == NULL || patterns->n == 0)
            continue;
        if (patterns->n > 1 || n_members > 0 || *pattern_entry != NULL ||
            others == NULL || others->kind != MOE__JSON_FALSE)
            return moe__schema_refuse(
                schema, entry, "patternProperties",
                "is enforced only with one pattern, no named members, and "
                "\"additionalProperties\": false");
        *pattern_entry = entry;
    }
    return MOE_OK;
}

/* A member that no entry names; *is_allowed: there may be some. */
static moe_status object_other(const struct moe__schema_frame *frame,
                               const struct moe__schema_members *members,
                               moe__expr *out, bool *is_allowed)
{
    struct moe__schema *schema = frame->schema;
    const struct moe__json *pattern_entry = NULL;
    struct moe__schema_list list;
    struct moe__err why = {MOE_OK, ""};
    struct moe__regex regex;
    bool has_names = false;
    moe__expr key = -1;
    MOE__TRY(object_pattern(frame, members->n, &pattern_entry));
    MOE__TRY(object_key_names(frame, members->n, &key, &has_names));
    MOE__TRY(moe__schema_member_list(frame, NULL, &list));
    if (pattern_entry != NULL) {
        const struct moe__json *patterns =
            moe__json_get(pattern_entry, "patternProperties");
        const struct moe__json *denied =
            moe__json_get(pattern_entry, "additionalProperties");
        const struct moe__json **nodes =
            moe__arena_alloc(&schema->arena, (size_t)list.n, sizeof *nodes);
        if (nodes == NULL)
            return moe__schema_no_memory(schema);
        for (int32_t i = 0; i < list.n; i++) /* the pattern's in its place */
            nodes[i] =
                list.nodes[i] == denied ? patterns->items : list.nodes[i];
        list.nodes = nodes;
        if (has_names)
            return moe__schema_refuse(schema, pattern_entry, "propertyNames",
                                      "cannot be enforced beside "
                                      "patternProperties");
        if (moe__grammar_json_regex(schema->builder, patterns->keys[0], 0, -1,
                                    &regex, &why) != MOE_OK)
            return moe__schema_refuse(schema, pattern_entry,
                                      "patternProperties", why.message);
        key = moe__schema_quoted(schema, regex.expr);
    }
    *is_allowed = !object_is_false(&list);
    if (!*is_allowed)
        return MOE_OK;
    if (!has_names && pattern_entry == NULL)
        MOE__TRY(object_other_key(frame, members, &key));
    return object_member(schema, key, &list, out);
}

/* -------------------------------------------------------------- objects */

/* What may follow when the first `at` named members are decided and `count` of
 * them are there: expressions [n_counts], for the current and the next `at`. */
struct object_states {
    struct moe__schema *schema;
    int32_t least;    /* members in all */
    int32_t most;     /* -1: any number */
    int32_t n_counts; /* above the last one, more make no difference */
    moe__expr *now;
    moe__expr *next;
};

/* One named member at all counts. */
static moe_status object_step(struct object_states *states, int32_t at,
                              moe__expr member, bool is_required)
{
    struct moe__schema *schema = states->schema;
    struct moe__grammar_builder *builder = schema->builder;
    const moe__expr later = moe__schema_join(schema, schema->comma, member);
    const int32_t last = states->n_counts - 1;
    for (int32_t count = 0; count < states->n_counts; count++) {
        const moe__expr one = count > 0 ? later : member;
        const bool is_full = states->most >= 0 && count == last;
        moe__expr *expr = &states->now[count];
        if (is_full) { /* no more of them */
            *expr = is_required ? moe__grammar_either(builder, NULL, 0)
                                : states->next[count];
        } else if (count == last) {
            *expr = moe__schema_join(
                schema,
                moe__grammar_repeat(builder, one, is_required ? 1 : 0, 1),
                states->next[count]);
        } else {
            *expr = moe__schema_join(schema, one, states->next[count + 1]);
            if (!is_required)
                *expr = moe__schema_either(schema, *expr, states->next[count]);
        }
        /* Used once where counts are sure; elsewhere, and from time to time to
         * keep expressions shallow, a rule stands for it. */
        if (!is_required || at % OBJECT_INLINE == 0) {
            const moe__expr rule = moe__grammar_rule(builder);
            moe__grammar_define(builder, rule, *expr);
            *expr = rule;
        }
    }
    moe__expr *next = states->next;
    states->next = states->now;
    states->now = next;
    return moe__schema_step(schema, states->n_counts);
}

static moe_status object_states_begin(struct object_states *states,
                                      const struct moe__schema_frame *frame,
                                      const struct moe__schema_members *members,
                                      bool has_others)
{
    int32_t n_required = 0;
    for (int32_t i = 0; i < members->n; i++)
        n_required += members->is_required[i];
    MOE__TRY(
        moe__schema_count(frame, "minProperties", true, 0, &states->least));
    MOE__TRY(
        moe__schema_count(frame, "maxProperties", false, -1, &states->most));
    /* Keys that no entry names may be the same: they count as one. */
    if (has_others && states->least > n_required + 1)
        return moe__schema_refuse(frame->schema, frame->entries[0],
                                  "minProperties",
                                  "counts members that are not named, whose "
                                  "keys could be the same");
    if (states->least <= n_required)
        states->least = 0;
    if (!has_others && states->most >= members->n)
        states->most = -1;
    states->n_counts =
        1 + (states->most >= 0 ? states->most : moe__max_i32(states->least, 1));
    if (members->n == 0)
        states->n_counts = 1;
    if (states->n_counts > OBJECT_MAX_STATES / (members->n + 1))
        return moe__schema_refuse(frame->schema, frame->entries[0],
                                  states->most >= 0 ? "maxProperties"
                                                    : "minProperties",
                                  "is too large beside so many members");
    struct moe__arena *arena = &frame->schema->arena;
    const size_t n = (size_t)states->n_counts;
    states->now = moe__arena_alloc(arena, n, sizeof *states->now);
    states->next = moe__arena_alloc(arena, n, sizeof *states->next);
    if (states->now == NULL || states->next == NULL)
        return moe__schema_no_memory(frame->schema);
    return MOE_OK;
}

moe_status moe__schema_object(const struct moe__schema_frame *frame,
                              moe__expr *out)
{
    struct moe__schema *schema = frame->schema;
    struct moe__schema_members members;
    struct object_states states = {.schema = schema};
    moe__expr other = -1;
    bool has_others = false;
    MOE__TRY(moe__schema_members(frame, &members));
    MOE__TRY(object_other(frame, &members, &other, &has_others));
    MOE__TRY(object_states_begin(&states, frame, &members, has_others));
    for (int32_t count = 0; count < states.n_counts; count++)
        states.next[count] = moe__schema_rest(
            schema, other, moe__max_i32(states.least - count, 0),
            !has_others       ? 0
            : states.most < 0 ? -1
                              : states.most - count,
            count == 0);
    for (int32_t i = members.n; i-- > 0;) {
        moe__expr member = -1;
        MOE__TRY(object_named(frame, members.keys[i], &member));
        MOE__TRY(object_step(&states, i, member, members.is_required[i]));
    }
    const moe__expr parts[] = {moe__schema_text(schema, "{"), states.next[0],
                               moe__schema_text(schema, "}")};
    *out = moe__grammar_join(schema->builder, parts, 3);
    return moe__schema_step(schema, 10);
}
