/* schema.c: JSON Schema (draft 2020-12) -> grammar of JSON texts.
 *
 * Owns lists of schemas and their rules, and the choices between branches. What
 * a value is spelled like is up to the file of its type.  Assumes nothing about
 * a schema: its depth is limited by the JSON reader, lists are compiled from a
 * queue, and the work is counted. */
#include "chat/schema.h"

#include "chat/chat.h"
#include "sample/regex.h"

#define SCHEMA_MAX_BYTES ((size_t)16 << 20)
#define SCHEMA_MAX_WATCHED 16    /* branches, of which each may hold or not */
#define SCHEMA_MAX_STEPS 2000000 /* about half a second */

struct moe__schema_task {
    struct moe__schema_list list;
    moe__expr rule;
};

/* --------------------------------------------------------------- errors */

moe_status moe__schema_no_memory(struct moe__schema *schema)
{
    return moe__fail(schema->err, MOE_ERR_NO_MEMORY,
                     "schema: no memory while compiling it");
}

moe_status moe__schema_refuse(struct moe__schema *schema,
                              const struct moe__json *node, const char *keyword,
                              const char *why)
{
    struct moe__text place;
    const struct moe__schema_origin *origin = schema->origins;
    if (schema->err == NULL) /* nobody asks */
        return MOE_ERR_ARGUMENT;
    while (origin != NULL) /* of what was made: what it was made of */
        if (node->n > 0 && origin->items == node->items) {
            node = origin->node;
            keyword = origin->keyword;
            origin = schema->origins;
        } else {
            origin = origin->next;
        }
    moe__text_init(&place, schema->mem, 0);
    moe__schema_pointer(schema->root, node, &place);
    /* The end of a long pointer says more than its start. */
    const size_t most = 120;
    const size_t from = place.n > most ? place.n - most : 0;
    const moe_status status = moe__fail(
        schema->err, MOE_ERR_ARGUMENT, "schema, at %s%.*s: %s%s%s%s",
        from > 0 ? "..." : "", (int)(place.n - from), place.data + from,
        keyword ? "\"" : "", keyword ? keyword : "", keyword ? "\" " : "", why);
    const bool has_place = place.status == MOE_OK;
    moe__text_free(&place);
    return has_place ? status : moe__schema_no_memory(schema);
}

moe_status moe__schema_step(struct moe__schema *schema, int32_t n)
{
    if (n > SCHEMA_MAX_STEPS - schema->n_steps)
        return moe__fail(schema->err, MOE_ERR_ARGUMENT,
                         "schema: it takes more than %d steps to compile",
                         SCHEMA_MAX_STEPS);
    schema->n_steps += n;
    return MOE_OK;
}

moe_status moe__schema_step_pairs(struct moe__schema *schema, int32_t n,
                                  int32_t m)
{
    const int64_t steps = (int64_t)n * m / 16;
    return moe__schema_step(
        schema, steps < SCHEMA_MAX_STEPS ? (int32_t)steps : SCHEMA_MAX_STEPS);
}

/* ---------------------------------------------------------- expressions */

moe_status moe__schema_way(struct moe__schema *schema,
                           struct moe__schema_ways *ways, moe__expr expr)
{
    if (ways->n == ways->cap) {
        const int32_t cap = ways->cap ? ways->cap * 2 : 8;
        moe__expr *items =
            moe__arena_alloc(&schema->arena, (size_t)cap, sizeof *items);
        if (items == NULL)
            return moe__schema_no_memory(schema);
        if (ways->n > 0)
            memcpy(items, ways->items, (size_t)ways->n * sizeof *items);
        ways->items = items;
        ways->cap = cap;
    }
    ways->items[ways->n++] = expr;
    return MOE_OK;
}

moe__expr moe__schema_text(struct moe__schema *schema, const char *bytes)
{
    return moe__grammar_bytes(schema->builder, moe__slice_str(bytes));
}

moe__expr moe__schema_join(struct moe__schema *schema, moe__expr first,
                           moe__expr second)
{
    const moe__expr parts[] = {first, second};
    return moe__grammar_join(schema->builder, parts, 2);
}

moe__expr moe__schema_quoted(struct moe__schema *schema, moe__expr text)
{
    const moe__expr quote = moe__schema_text(schema, "\"");
    const moe__expr parts[] = {quote, text, quote};
    return moe__grammar_join(schema->builder, parts, 3);
}

moe__expr moe__schema_either(struct moe__schema *schema, moe__expr first,
                             moe__expr second)
{
    const moe__expr parts[] = {first, second};
    return moe__grammar_either(schema->builder, parts, 2);
}

/* ---------------------------------------------------------------- rules */

static uint32_t schema_list_hash(const struct moe__schema *schema,
                                 const struct moe__schema_list *list)
{
    uint32_t hash = 2166136261u; /* FNV-1a over the places of the values */
    for (int32_t i = 0; i < list->n; i++)
        hash = (hash ^ (uint32_t)((uintptr_t)list->nodes[i] >> 4)) * 16777619u;
    return (hash ^ hash >> 15) & (uint32_t)(schema->n_slots - 1);
}

static bool schema_list_equal(const struct moe__schema_list *a,
                              const struct moe__schema_list *b)
{
    return a->n == b->n &&
           memcmp(a->nodes, b->nodes, (size_t)a->n * sizeof *a->nodes) == 0;
}

/* The slot of a list: its own, or the empty one where it belongs. */
static int32_t *schema_slot(const struct moe__schema *schema,
                            const struct moe__schema_list *list)
{
    uint32_t at = schema_list_hash(schema, list);
    while (schema->slots[at] != 0 &&
           !schema_list_equal(&schema->tasks[schema->slots[at] - 1].list, list))
        at = (at + 1) & (uint32_t)(schema->n_slots - 1);
    return &schema->slots[at];
}

/* Twice the room; what is left behind is freed with the arena. */
static moe_status schema_grow(struct moe__schema *schema)
{
    const int32_t cap = schema->cap_tasks ? schema->cap_tasks * 2 : 64;
    struct moe__schema_task *tasks =
        moe__arena_alloc(&schema->arena, (size_t)cap, sizeof *tasks);
    int32_t *slots =
        moe__arena_alloc(&schema->arena, (size_t)cap * 2, sizeof *slots);
    if (tasks == NULL || slots == NULL)
        return moe__schema_no_memory(schema);
    if (schema->n_tasks > 0)
        memcpy(tasks, schema->tasks, (size_t)schema->n_tasks * sizeof *tasks);
    schema->tasks = tasks;
    schema->cap_tasks = cap;
    schema->slots = slots;
    schema->n_slots = cap * 2;
    for (int32_t i = 0; i < schema->n_tasks; i++)
        *schema_slot(schema, &tasks[i].list) = i + 1;
    return MOE_OK;
}

/* Without what is always true, and without repeats; a false one stands for
 * all. */
static moe_status schema_list_tidy(struct moe__schema *schema,
                                   const struct moe__schema_list *list,
                                   struct moe__schema_list *out)
{
    const struct moe__json **nodes =
        moe__arena_alloc(&schema->arena, (size_t)list->n, sizeof *nodes);
    int32_t n = 0;
    if (nodes == NULL)
        return moe__schema_no_memory(schema);
    for (int32_t i = 0; i < list->n; i++) {
        const struct moe__json *node = list->nodes[i];
        bool is_new = node->kind != MOE__JSON_TRUE &&
                      (node->kind != MOE__JSON_OBJECT || node->n > 0);
        for (int32_t k = 0; k < n; k++)
            is_new = is_new && nodes[k] != node;
        if (is_new)
            nodes[n++] = node;
    }
    *out = (struct moe__schema_list){nodes, n};
    return moe__schema_step(schema, 1 + n * list->n);
}

moe_status moe__schema_rule(struct moe__schema *schema,
                            const struct moe__schema_list *list, moe__expr *out)
{
    struct moe__schema_list tidy;
    MOE__TRY(schema_list_tidy(schema, list, &tidy));
    *out = schema->any_value;
    if (tidy.n == 0)
        return MOE_OK;
    if (schema->n_tasks == schema->cap_tasks)
        MOE__TRY(schema_grow(schema));
    int32_t *slot = schema_slot(schema, &tidy);
    if (*slot == 0) {
        schema->tasks[schema->n_tasks++] =
            (struct moe__schema_task){tidy, moe__grammar_rule(schema->builder)};
        *slot = schema->n_tasks;
    }
    *out = schema->tasks[*slot - 1].rule;
    return MOE_OK;
}

/* ------------------------------------------------------------ compiling */

/* What all entries of a frame allow, all choices made. */
static moe_status schema_leaf(struct moe__schema_frame *frame,
                              struct moe__schema_ways *ways)
{
    struct moe__schema *schema = frame->schema;
    const uint32_t types = moe__schema_types(frame);
    bool has_values = false;
    MOE__TRY(moe__schema_step(schema, 8 * frame->n)); /* keywords of each */
    MOE__TRY(moe__schema_values(frame, ways, &has_values));
    if (has_values)
        return MOE_OK;
    moe__expr expr = -1;
    if (types & MOE__SCHEMA_NULL)
        MOE__TRY(
            moe__schema_way(schema, ways, moe__schema_text(schema, "null")));
    if (types & MOE__SCHEMA_BOOLEAN) {
        expr = moe__schema_either(schema, moe__schema_text(schema, "true"),
                                  moe__schema_text(schema, "false"));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    if (types & (MOE__SCHEMA_INTEGER | MOE__SCHEMA_FRACTION)) {
        MOE__TRY(moe__schema_number(frame, types, &expr));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    if (types & MOE__SCHEMA_STRING) {
        MOE__TRY(moe__schema_string(frame, types != MOE__SCHEMA_ALL, &expr));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    if (types & MOE__SCHEMA_ARRAY) {
        MOE__TRY(moe__schema_array(frame, &expr));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    if (types & MOE__SCHEMA_OBJECT) {
        MOE__TRY(moe__schema_object(frame, &expr));
        MOE__TRY(moe__schema_way(schema, ways, expr));
    }
    return MOE_OK;
}

static moe_status schema_expand(struct moe__schema_frame *frame,
                                struct moe__schema_ways *ways);

/* A frame as it was before more was added. */
struct schema_mark {
    int32_t n;
    int32_t n_followed;
    int32_t n_choices;
    int32_t n_chosen;
    bool is_false;
};

static struct schema_mark schema_mark(const struct moe__schema_frame *frame)
{
    return (struct schema_mark){frame->n, frame->n_followed, frame->n_choices,
                                frame->n_chosen, frame->is_false};
}

static void schema_restore(struct moe__schema_frame *frame,
                           struct schema_mark mark)
{
    frame->n = mark.n;
    frame->n_followed = mark.n_followed;
    frame->n_choices = mark.n_choices;
    frame->n_chosen = mark.n_chosen;
    frame->is_false = mark.is_false;
}

/* Whether a value might fit two branches of a choice. */
static moe_status schema_overlap(struct moe__schema_frame *frame,
                                 const struct moe__schema_choice *choice,
                                 int32_t a, int32_t b, bool *out)
{
    const struct schema_mark before = schema_mark(frame);
    const struct moe__json *items = choice->branches->items;
    MOE__TRY(moe__schema_step(frame->schema, 20));
    MOE__TRY(moe__schema_add(frame, &items[a], choice->entry, false));
    MOE__TRY(moe__schema_flatten(frame));
    MOE__TRY(moe__schema_add(frame, &items[b], choice->entry, false));
    MOE__TRY(moe__schema_flatten(frame));
    MOE__TRY(moe__schema_is_empty(frame, 0, out));
    *out = !*out;
    schema_restore(frame, before);
    return MOE_OK;
}

/* Of oneOf: no other branch than this one holds.  Those that cannot hold beside
 * it need no negation. */
static moe_status schema_add_others(struct moe__schema_frame *frame,
                                    const struct moe__schema_choice *choice,
                                    int32_t at)
{
    const struct moe__json *branches = choice->branches;
    for (int32_t i = 0; i < branches->n; i++) {
        const struct moe__json *negated = NULL;
        bool is_overlap = false;
        if (i != at)
            MOE__TRY(schema_overlap(frame, choice, at, i, &is_overlap));
        if (!is_overlap)
            continue;
        MOE__TRY(
            moe__schema_negate(frame->schema, &branches->items[i], &negated));
        MOE__TRY(moe__schema_add(frame, negated, choice->entry, true));
    }
    return MOE_OK;
}

/* Of anyOf all branches from `at` that hold: which they are makes a difference
 * to unevaluated keywords.  Recursion: as deep as there are branches. */
static moe_status schema_expand_all(struct moe__schema_frame *frame,
                                    const struct moe__schema_choice *choice,
                                    int32_t at, bool has_one,
                                    struct moe__schema_ways *ways)
{
    if (at == choice->branches->n)
        return has_one ? schema_expand(frame, ways) : MOE_OK;
    const struct moe__json *branch = &choice->branches->items[at];
    const struct schema_mark before = schema_mark(frame);
    for (int32_t is_negated = 0; is_negated < 2; is_negated++) {
        MOE__TRY(moe__schema_step(frame->schema, 100));
        if (is_negated)
            MOE__TRY(moe__schema_negate(frame->schema, branch, &branch));
        MOE__TRY(moe__schema_add(frame, branch, choice->entry, is_negated));
        MOE__TRY(moe__schema_flatten(frame));
        if (!frame->is_false)
            MOE__TRY(schema_expand_all(frame, choice, at + 1,
                                       has_one || !is_negated, ways));
        schema_restore(frame, before);
    }
    return MOE_OK;
}

/* Whether an unevaluated keyword knows what holds below an entry. */
static bool schema_is_watched(const struct moe__schema_frame *frame,
                              int32_t entry)
{
    for (int32_t i = 0; i <= entry && frame->schema->has_unevaluated; i++)
        if ((moe__json_get(frame->entries[i], "unevaluatedItems") ||
             moe__json_get(frame->entries[i], "unevaluatedProperties")) &&
            moe__schema_sees(frame, i, entry))
            return true;
    return false;
}

/* Makes the choices of a frame in all ways.  Recursion: once for each choice,
 * of which there are not many. */
static moe_status schema_expand(struct moe__schema_frame *frame,
                                struct moe__schema_ways *ways)
{
    MOE__TRY(moe__schema_flatten(frame));
    if (frame->is_false)
        return MOE_OK;
    if (moe__schema_is_decided(frame))
        return schema_leaf(frame, ways);
    const struct moe__schema_choice choice = frame->choices[frame->n_chosen++];
    const struct schema_mark before = schema_mark(frame);
    if (!choice.is_one_of && !choice.is_disjoint &&
        schema_is_watched(frame, choice.entry)) {
        if (choice.branches->n > SCHEMA_MAX_WATCHED)
            return moe__schema_refuse(
                frame->schema, frame->entries[choice.entry], "anyOf",
                "has too many branches below an unevaluated keyword");
        MOE__TRY(schema_expand_all(frame, &choice, 0, false, ways));
    } else {
        for (int32_t i = 0; i < choice.branches->n; i++) {
            MOE__TRY(moe__schema_step(frame->schema, 10));
            if (choice.is_one_of)
                MOE__TRY(schema_add_others(frame, &choice, i));
            MOE__TRY(moe__schema_add(frame, &choice.branches->items[i],
                                     choice.entry, false));
            MOE__TRY(schema_expand(frame, ways));
            schema_restore(frame, before);
        }
    }
    frame->n_chosen--;
    return MOE_OK;
}

static moe_status schema_compile_all(struct moe__schema *schema)
{
    struct moe__schema_frame frame;
    for (int32_t i = 0; i < schema->n_tasks; i++) { /* n_tasks grows */
        struct moe__schema_ways ways = {NULL, 0, 0};
        const struct moe__schema_list list = schema->tasks[i].list;
        MOE__TRY(moe__schema_follow(schema, &list, &frame));
        MOE__TRY(schema_expand(&frame, &ways));
        moe__grammar_define(
            schema->builder, schema->tasks[i].rule,
            moe__grammar_either(schema->builder, ways.items, ways.n));
    }
    return MOE_OK;
}

/* The pieces that all schemas use; a value of any kind is a list of its own,
 * of one schema without keywords. */
static moe_status schema_begin(struct moe__schema *schema)
{
    static const struct moe__code_range all = {0, 0x10ffff};
    static const struct moe__code_range digits = {'0', '9'};
    static const struct moe__json empty = {.kind = MOE__JSON_OBJECT};
    static const struct moe__json *const nodes[] = {&empty};
    struct moe__grammar_builder *builder = schema->builder;
    const moe__expr space =
        moe__grammar_repeat(builder, moe__schema_text(schema, " "), 0, 1);
    schema->colon =
        moe__schema_join(schema, moe__schema_text(schema, ":"), space);
    schema->comma =
        moe__schema_join(schema, moe__schema_text(schema, ","), space);
    schema->digit = moe__grammar_codes(builder, &digits, 1, false);
    schema->any_character = moe__grammar_json_codes(builder, &all, 1, false);
    schema->any_text = moe__grammar_rule(builder);
    moe__grammar_define(
        builder, schema->any_text,
        moe__grammar_repeat(builder, schema->any_character, 0, -1));
    schema->any_value = moe__grammar_rule(builder);
    MOE__TRY(schema_grow(schema));
    schema->tasks[schema->n_tasks++] =
        (struct moe__schema_task){{nodes, 1}, schema->any_value};
    return MOE_OK;
}

/* Recursion as deep as the reader lets values be. */
static bool schema_has_unevaluated(const struct moe__json *node)
{
    static const char word[] = "unevaluated";
    const bool has_items =
        node->kind == MOE__JSON_ARRAY || node->kind == MOE__JSON_OBJECT;
    bool is_found = false;
    for (int32_t i = 0; has_items && i < node->n && !is_found; i++)
        is_found =
            (node->kind == MOE__JSON_OBJECT && node->keys[i].n >= sizeof word &&
             memcmp(node->keys[i].data, word, sizeof word - 1) == 0) ||
            schema_has_unevaluated(&node->items[i]);
    return is_found;
}

/* The schema of a value, of an object if is_object. */
static moe_status schema_compile(struct moe__schema *schema,
                                 const struct moe__json *root, bool is_object,
                                 moe__expr *start)
{
    static const struct moe__slice keys[] = {{(const uint8_t *)"type", 4}};
    static const struct moe__json types[] = {
        {.kind = MOE__JSON_STRING, .text = {(const uint8_t *)"object", 6}}};
    static const struct moe__json object = {
        .kind = MOE__JSON_OBJECT, .n = 1, .items = types, .keys = keys};
    const struct moe__json *both[] = {root, &object};
    const struct moe__schema_list list = {both, is_object ? 2 : 1};
    schema->root = root;
    schema->has_unevaluated = schema_has_unevaluated(root);
    MOE__TRY(schema_begin(schema));
    MOE__TRY(moe__schema_rule(schema, &list, start));
    return schema_compile_all(schema);
}

moe_status moe__schema_into(struct moe__mem *mem,
                            struct moe__grammar_builder *builder,
                            const struct moe__json *schema, moe__expr *out,
                            struct moe__err *err)
{
    struct moe__schema compiler = {.mem = mem, .builder = builder, .err = err};
    moe__arena_init(&compiler.arena, mem);
    const moe_status status = schema_compile(&compiler, schema, true, out);
    moe__arena_free(&compiler.arena);
    return status;
}

static moe_status schema_read(struct moe__schema *schema,
                              struct moe__slice text,
                              const struct moe__json **out)
{
    struct moe__err why = {MOE_OK, ""};
    if (text.n > SCHEMA_MAX_BYTES)
        return moe__fail(schema->err, MOE_ERR_ARGUMENT,
                         "schema: %zu bytes, more than %zu", text.n,
                         SCHEMA_MAX_BYTES);
    const moe_status status = moe__json_read(&schema->arena, text, out, &why);
    return status == MOE_OK
               ? status
               : moe__fail(schema->err, status, "schema: %s", why.message);
}

moe_status moe__schema_compile(struct moe__mem *mem, struct moe__slice schema,
                               struct moe__grammar **out, struct moe__err *err)
{
    struct moe__schema compiler = {.mem = mem, .err = err};
    struct moe__err why = {MOE_OK, ""};
    const struct moe__json *root;
    moe__expr start = -1;
    *out = NULL;
    MOE__TRY(moe__grammar_begin(mem, &compiler.builder, err));
    moe__arena_init(&compiler.arena, mem);
    moe_status status = schema_read(&compiler, schema, &root);
    if (status == MOE_OK)
        status = schema_compile(&compiler, root, false, &start);
    if (status != MOE_OK) {
        moe__grammar_discard(compiler.builder);
    } else {
        status = moe__grammar_finish(compiler.builder, start, out, &why);
        if (status != MOE_OK)
            moe__fail(err, status, "schema: %s", why.message);
    }
    moe__arena_free(&compiler.arena);
    return status;
}
