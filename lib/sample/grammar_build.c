/* grammar_build.c: expressions, until they are compiled.
 *
 * Calls check their arguments and copy them; the first failure is kept and all
 * later calls do nothing.  Nothing is allocated by claim: a repeat is one node
 * whatever its bounds. */
#include "sample/grammar_state.h"

/* Of nodes, bytes, ranges or parts; the compiled forms have limits as well. */
#define BUILDER_MAX (1 << 24)

void *moe__grammar_grown(struct moe__mem *mem, void *array, int32_t *cap,
                         int32_t n, size_t size)
{
    size_t bytes;
    int32_t cap_new = moe__max_i32(*cap, 16);
    if (n <= *cap)
        return array;
    while (cap_new < n) {
        if (cap_new > INT32_MAX / 2)
            return array;
        cap_new *= 2;
    }
    if (!moe__mul_size((size_t)cap_new, size, &bytes))
        return array;
    void *grown = moe__mem_alloc(mem, bytes);
    if (grown == NULL)
        return array;
    if (array != NULL)
        memcpy(grown, array, (size_t)*cap * size);
    moe__mem_free(mem, array, (size_t)*cap * size);
    *cap = cap_new;
    return grown;
}

moe_status moe__grammar_begin(struct moe__mem *mem,
                              struct moe__grammar_builder **out,
                              struct moe__err *err)
{
    *out = moe__mem_calloc(mem, 1, sizeof **out);
    if (*out == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "grammar: no memory");
    (*out)->mem = mem;
    moe__arena_init(&(*out)->arena, mem);
    return MOE_OK;
}

void moe__grammar_discard(struct moe__grammar_builder *builder)
{
    if (builder == NULL)
        return;
    struct moe__mem *mem = builder->mem;
    moe__mem_free(mem, builder->nodes,
                  (size_t)builder->cap_nodes * sizeof *builder->nodes);
    moe__mem_free(mem, builder->bytes,
                  (size_t)builder->cap_bytes * sizeof *builder->bytes);
    moe__mem_free(mem, builder->ranges,
                  (size_t)builder->cap_ranges * sizeof *builder->ranges);
    moe__mem_free(mem, builder->parts,
                  (size_t)builder->cap_parts * sizeof *builder->parts);
    moe__mem_free(mem, builder->names,
                  (size_t)builder->cap_names * sizeof *builder->names);
    moe__arena_free(&builder->arena);
    moe__mem_free(mem, builder, sizeof *builder);
}

void moe__grammar_fail(struct moe__grammar_builder *builder,
                       const struct moe__err *why)
{
    if (builder->failure.status == MOE_OK)
        builder->failure = *why;
}

static moe__expr builder_fail(struct moe__grammar_builder *builder,
                              moe_status status, const char *sentence)
{
    if (builder->failure.status == MOE_OK)
        moe__fail(&builder->failure, status, "grammar: %s", sentence);
    return -1;
}

static bool builder_no_room(struct moe__grammar_builder *builder, bool is_large)
{
    if (is_large)
        builder_fail(builder, MOE_ERR_UNSUPPORTED, "more than 2^24 parts");
    else
        builder_fail(builder, MOE_ERR_NO_MEMORY, "no memory");
    return false;
}

/* Whether n expressions are of this builder and it has not failed. */
static bool builder_accepts(struct moe__grammar_builder *builder,
                            const moe__expr *parts, int32_t n)
{
    if (builder->failure.status != MOE_OK)
        return false;
    for (int32_t i = 0; i < n; i++)
        if (parts[i] < 0 || parts[i] >= builder->n_nodes) {
            builder_fail(builder, MOE_ERR_INTERNAL, "no such expression");
            return false;
        }
    return true;
}

static moe__expr builder_node(struct moe__grammar_builder *builder,
                              struct moe__grammar_node node)
{
    if (builder->n_nodes >= BUILDER_MAX ||
        !MOE__GRAMMAR_ROOM(builder->mem, builder->nodes, builder->cap_nodes,
                           builder->n_nodes + 1)) {
        builder_no_room(builder, builder->n_nodes >= BUILDER_MAX);
        return -1;
    }
    builder->nodes[builder->n_nodes] = node;
    return builder->n_nodes++;
}

moe__expr moe__grammar_bytes(struct moe__grammar_builder *builder,
                             struct moe__slice bytes)
{
    if (!builder_accepts(builder, NULL, 0))
        return -1;
    const bool is_large = bytes.n > (size_t)(BUILDER_MAX - builder->n_bytes);
    const int32_t n = is_large ? 0 : (int32_t)bytes.n;
    if (is_large ||
        !MOE__GRAMMAR_ROOM(builder->mem, builder->bytes, builder->cap_bytes,
                           builder->n_bytes + n)) {
        builder_no_room(builder, is_large);
        return -1;
    }
    if (n > 0)
        memcpy(builder->bytes + builder->n_bytes, bytes.data, bytes.n);
    builder->n_bytes += n;
    return builder_node(
        builder, (struct moe__grammar_node){.kind = MOE__GRAMMAR_BYTES,
                                            .first = builder->n_bytes - n,
                                            .n = n});
}

/* ------------------------------------------------------------ code points */

#define CODE_LAST 0x10ffffu

/* By their first, with heaps: ranges may come from a hostile grammar. */
static void ranges_sort(struct moe__code_range *ranges, int32_t n)
{
    for (int32_t start = n / 2, end = n; end > 1;) {
        struct moe__code_range moved;
        if (start > 0) { /* make the heap */
            moved = ranges[--start];
        } else { /* take its largest */
            moved = ranges[--end];
            ranges[end] = ranges[0];
        }
        int32_t at = start;
        for (int32_t child; (child = 2 * at + 1) < end; at = child) {
            if (child + 1 < end &&
                ranges[child + 1].first > ranges[child].first)
                child++;
            if (ranges[child].first <= moved.first)
                break;
            ranges[at] = ranges[child];
        }
        ranges[at] = moved;
    }
}

/* Adds what of a range is a character: not the surrogates. */
static int32_t ranges_add(struct moe__code_range *out, int32_t n,
                          uint32_t first, uint32_t last)
{
    const struct moe__code_range sides[] = {
        {first, last < 0xd7ff ? last : 0xd7ff},
        {first > 0xe000 ? first : 0xe000, last < CODE_LAST ? last : CODE_LAST}};
    for (int32_t i = 0; i < 2; i++)
        if (sides[i].first <= sides[i].last)
            out[n++] = sides[i];
    return n;
}

/* Writes sorted ranges [n] or the rest of all code points, as ranges that
 * neither touch nor overlap; out has room for 2 n + 2. */
static int32_t ranges_tidy(const struct moe__code_range *ranges, int32_t n,
                           bool is_negated, struct moe__code_range *out)
{
    int32_t n_out = 0;
    uint32_t begin = 0; /* of the gap or range that is open */
    uint32_t end = 0;   /* after it */
    for (int32_t i = 0; i < n; i++) {
        const struct moe__code_range *range = &ranges[i];
        if (range->first > range->last || range->first > CODE_LAST)
            continue;
        const uint32_t last = range->last < CODE_LAST ? range->last : CODE_LAST;
        if (range->first > end) {
            if (is_negated)
                n_out = ranges_add(out, n_out, end, range->first - 1);
            else if (end > begin)
                n_out = ranges_add(out, n_out, begin, end - 1);
            begin = range->first;
        }
        if (last + 1 > end)
            end = last + 1;
    }
    if (is_negated && end <= CODE_LAST)
        n_out = ranges_add(out, n_out, end, CODE_LAST);
    if (!is_negated && end > begin)
        n_out = ranges_add(out, n_out, begin, end - 1);
    return n_out;
}

moe__expr moe__grammar_codes(struct moe__grammar_builder *builder,
                             const struct moe__code_range *ranges, int32_t n,
                             bool is_negated)
{
    if (!builder_accepts(builder, NULL, 0))
        return -1;
    /* Behind the result, a copy to sort. */
    const int32_t first = builder->n_ranges;
    const bool is_large = n > (BUILDER_MAX - first - 2) / 3;
    if (is_large ||
        !MOE__GRAMMAR_ROOM(builder->mem, builder->ranges, builder->cap_ranges,
                           first + 3 * n + 2)) {
        builder_no_room(builder, is_large);
        return -1;
    }
    struct moe__code_range *out = builder->ranges + first;
    struct moe__code_range *sorted = out + 2 * n + 2;
    if (n > 0)
        memcpy(sorted, ranges, (size_t)n * sizeof *ranges);
    ranges_sort(sorted, n);
    const int32_t n_out = ranges_tidy(sorted, n, is_negated, out);
    builder->n_ranges += n_out;
    return builder_node(
        builder, (struct moe__grammar_node){
                     .kind = MOE__GRAMMAR_CODES, .first = first, .n = n_out});
}

/* ------------------------------------------------------------ composition */

static moe__expr builder_parts(struct moe__grammar_builder *builder,
                               enum moe__grammar_kind kind,
                               const moe__expr *parts, int32_t n)
{
    if (!builder_accepts(builder, parts, n))
        return -1;
    const int32_t first = builder->n_parts;
    const bool is_large = n > BUILDER_MAX - first;
    if (is_large || !MOE__GRAMMAR_ROOM(builder->mem, builder->parts,
                                       builder->cap_parts, first + n)) {
        builder_no_room(builder, is_large);
        return -1;
    }
    if (n > 0)
        memcpy(builder->parts + first, parts, (size_t)n * sizeof *parts);
    builder->n_parts += n;
    return builder_node(builder, (struct moe__grammar_node){
                                     .kind = kind, .first = first, .n = n});
}

moe__expr moe__grammar_join(struct moe__grammar_builder *builder,
                            const moe__expr *parts, int32_t n)
{
    return builder_parts(builder, MOE__GRAMMAR_JOIN, parts, n);
}

moe__expr moe__grammar_either(struct moe__grammar_builder *builder,
                              const moe__expr *parts, int32_t n)
{
    return builder_parts(builder, MOE__GRAMMAR_EITHER, parts, n);
}

moe__expr moe__grammar_repeat(struct moe__grammar_builder *builder,
                              moe__expr part, int32_t least, int32_t most)
{
    if (!builder_accepts(builder, &part, 1))
        return -1;
    if (least < 0 || most < -1)
        return builder_fail(builder, MOE_ERR_ARGUMENT,
                            "a negative number of repeats");
    if (most >= 0 && most < least) /* no number is both */
        return moe__grammar_either(builder, NULL, 0);
    return builder_node(builder,
                        (struct moe__grammar_node){.kind = MOE__GRAMMAR_REPEAT,
                                                   .first = part,
                                                   .n = 1,
                                                   .least = least,
                                                   .most = most});
}

/* ------------------------------------------------------------------ rules */

moe__expr moe__grammar_rule(struct moe__grammar_builder *builder)
{
    if (!builder_accepts(builder, NULL, 0))
        return -1;
    return builder_node(builder,
                        (struct moe__grammar_node){.kind = MOE__GRAMMAR_RULE,
                                                   .first = -1,
                                                   .n = builder->n_rules++});
}

void moe__grammar_name(struct moe__grammar_builder *builder, moe__expr rule,
                       struct moe__slice name)
{
    if (!builder_accepts(builder, &rule, 1) ||
        builder->nodes[rule].kind != MOE__GRAMMAR_RULE)
        return;
    const int32_t at = builder->nodes[rule].n;
    const int32_t cap_old = builder->cap_names;
    char *copy =
        moe__arena_string(&builder->arena, (const char *)name.data, name.n);
    if (copy == NULL || !MOE__GRAMMAR_ROOM(builder->mem, builder->names,
                                           builder->cap_names, at + 1)) {
        builder_no_room(builder, false);
        return;
    }
    for (int32_t i = cap_old; i < builder->cap_names; i++)
        builder->names[i] = moe__slice_of(NULL, 0);
    builder->names[at] = moe__slice_of(copy, name.n);
}

void moe__grammar_define(struct moe__grammar_builder *builder, moe__expr rule,
                         moe__expr body)
{
    const moe__expr both[] = {rule, body};
    if (!builder_accepts(builder, both, 2))
        return;
    struct moe__grammar_node *node = &builder->nodes[rule];
    if (node->kind != MOE__GRAMMAR_RULE)
        builder_fail(builder, MOE_ERR_INTERNAL, "only a rule can be defined");
    else if (node->first >= 0)
        moe__grammar_rule_fail(builder, rule, MOE_ERR_ARGUMENT,
                               "is defined twice", &builder->failure);
    else
        node->first = body;
}

moe_status moe__grammar_rule_fail(const struct moe__grammar_builder *builder,
                                  moe__expr rule, moe_status status,
                                  const char *what, struct moe__err *err)
{
    const int32_t at = builder->nodes[rule].n;
    if (at < builder->cap_names && builder->names[at].data != NULL)
        return moe__fail(err, status, "grammar: rule \"%.*s\" %s",
                         (int)moe__min_i32((int32_t)builder->names[at].n, 64),
                         (const char *)builder->names[at].data, what);
    return moe__fail(err, status, "grammar: rule %d %s", at + 1, what);
}

/* -------------------------------------------------------------- compiling */

static moe_status grammar_compile(const struct moe__grammar_builder *builder,
                                  moe__expr start, struct moe__grammar *grammar,
                                  struct moe__err *err)
{
    struct moe__automaton net;
    moe_status status = moe__automaton_lower(builder, start, &net, err);
    if (status == MOE_OK)
        status = moe__grammar_determine(&net, grammar, err);
    moe__automaton_free(&net);
    return status;
}

moe_status moe__grammar_finish(struct moe__grammar_builder *builder,
                               moe__expr start, struct moe__grammar **out,
                               struct moe__err *err)
{
    *out = NULL;
    struct moe__mem *mem = builder->mem;
    builder_accepts(builder, &start, 1);
    moe_status status = builder->failure.status;
    if (status != MOE_OK) {
        moe__fail(err, status, "%s", builder->failure.message);
    } else {
        *out = moe__mem_calloc(mem, 1, sizeof **out);
        if (*out == NULL) {
            status = moe__fail(err, MOE_ERR_NO_MEMORY, "grammar: no memory");
        } else {
            (*out)->mem = mem;
            status = grammar_compile(builder, start, *out, err);
        }
    }
    moe__grammar_discard(builder);
    if (status != MOE_OK) {
        moe__grammar_destroy(*out);
        *out = NULL;
    }
    return status;
}

void moe__grammar_destroy(struct moe__grammar *grammar)
{
    if (grammar == NULL)
        return;
    struct moe__mem *mem = grammar->mem;
    moe__mem_free(mem, grammar->states,
                  (size_t)grammar->cap_states * sizeof *grammar->states);
    moe__mem_free(mem, grammar->edges,
                  (size_t)grammar->cap_edges * sizeof *grammar->edges);
    moe__mem_free(mem, grammar->calls,
                  (size_t)grammar->cap_calls * sizeof *grammar->calls);
    moe__mem_free(mem, grammar->starts,
                  (size_t)grammar->cap_rules * sizeof *grammar->starts);
    moe__mem_free(mem, grammar, sizeof *grammar);
}

moe_status moe__grammar_from_choices(struct moe__mem *mem,
                                     const struct moe__slice *choices,
                                     int32_t n, struct moe__grammar **out,
                                     struct moe__err *err)
{
    struct moe__grammar_builder *builder;
    *out = NULL;
    MOE__TRY(moe__grammar_begin(mem, &builder, err));
    size_t bytes = 0;
    moe__expr *ways = NULL;
    if (n > 0 && moe__mul_size((size_t)n, sizeof *ways, &bytes))
        ways = moe__mem_alloc(mem, bytes);
    if (n > 0 && ways == NULL) {
        moe__grammar_discard(builder);
        return moe__fail(err, MOE_ERR_NO_MEMORY, "choices: no memory");
    }
    for (int32_t i = 0; i < n; i++)
        ways[i] = moe__grammar_bytes(builder, choices[i]);
    const moe__expr start = moe__grammar_either(builder, ways, n);
    moe__mem_free(mem, ways, bytes);
    return moe__grammar_finish(builder, start, out, err);
}
