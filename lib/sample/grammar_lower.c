/* grammar_lower.c: expressions -> the net, one rule after the other.
 *
 * An expression becomes edges between two states that already exist; what it
 * consists of waits on a list, so depth costs no stack.  What is large and used
 * more than once, and what is repeated often, becomes a rule of its own: the
 * net is never larger than a constant times the expressions. */
#include "sample/grammar_state.h"

#define LOWER_MAX_STATES (1 << 20)
#define LOWER_MAX_EDGES (1 << 21)
/* Sizes are edges, about.  An expression that is used twice is copied up to the
 * first; copies of a repeat are made up to the second, more are counted. */
#define LOWER_COPY_SIZE 16
#define LOWER_REPEAT_SIZE 64

/* Edges of one expression, from and to states that exist. */
struct lower_task {
    moe__expr expr;
    int32_t from, to;
    bool is_body; /* of the rule that stands for it */
};

struct lower {
    const struct moe__grammar_builder *builder;
    struct moe__automaton *net;
    int32_t *sizes;           /* [n_nodes] edges if copied */
    int32_t *uses;            /* [n_nodes] */
    int32_t *rules;           /* [n_nodes] the rule that stands for it, or -1 */
    struct lower_task *tasks; /* [n_tasks], a stack */
    int32_t n_tasks, cap_tasks;
    struct moe__err *err;
};

static moe_status lower_no_memory(const struct lower *lower)
{
    return moe__fail(lower->err, MOE_ERR_NO_MEMORY, "grammar: no memory");
}

int32_t moe__automaton_state(struct moe__automaton *net)
{
    return net->n_states < LOWER_MAX_STATES ? net->n_states++ : -1;
}

moe_status moe__automaton_edge_add(struct moe__automaton *net,
                                   struct moe__automaton_edge edge)
{
    if (edge.from < 0 || edge.to < 0 || net->n_edges == LOWER_MAX_EDGES)
        return MOE_ERR_UNSUPPORTED;
    if (!MOE__GRAMMAR_ROOM(net->mem, net->edges, net->cap_edges,
                           net->n_edges + 1))
        return MOE_ERR_NO_MEMORY;
    net->edges[net->n_edges++] = edge;
    return MOE_OK;
}

static moe_status lower_empty(struct lower *lower, int32_t from, int32_t to)
{
    return moe__automaton_edge_add(
        lower->net, (struct moe__automaton_edge){
                        .from = from, .to = to, .kind = MOE__AUTOMATON_EMPTY});
}

static moe_status lower_push(struct lower *lower, struct lower_task task)
{
    if (task.from < 0 || task.to < 0)
        return MOE_ERR_UNSUPPORTED;
    if (!MOE__GRAMMAR_ROOM(lower->net->mem, lower->tasks, lower->cap_tasks,
                           lower->n_tasks + 1))
        return MOE_ERR_NO_MEMORY;
    lower->tasks[lower->n_tasks++] = task;
    return MOE_OK;
}

/* ------------------------------------------------------------------ sizes */

/* Copies that the repeat stands for without a counter. */
static int32_t repeat_copies(const struct moe__grammar_node *node)
{
    return node->most < 0 ? moe__max_i32(node->least, 1) : node->most;
}

static int32_t lower_size(const struct lower *lower, moe__expr expr);

static bool lower_is_counted(const struct lower *lower, moe__expr expr)
{
    const struct moe__grammar_node *node = &lower->builder->nodes[expr];
    if (node->kind != MOE__GRAMMAR_REPEAT)
        return false;
    const int32_t copies = repeat_copies(node);
    return copies > 1 &&
           lower_size(lower, node->first) > LOWER_REPEAT_SIZE / copies;
}

/* A rule stands for it wherever it is used. */
static bool lower_is_rule(const struct lower *lower, moe__expr expr)
{
    return lower->builder->nodes[expr].kind == MOE__GRAMMAR_RULE ||
           (lower->uses[expr] > 1 && lower->sizes[expr] > LOWER_COPY_SIZE) ||
           lower_is_counted(lower, expr);
}

static int32_t lower_size(const struct lower *lower, moe__expr expr)
{
    /* Never deep: a repeat whose size is asked for here was measured as
     * counted (size 1) or not. */
    const bool is_shared =
        lower->uses[expr] > 1 && lower->sizes[expr] > LOWER_COPY_SIZE;
    return is_shared ? 1 : lower->sizes[expr];
}

static void lower_measure(struct lower *lower)
{
    const struct moe__grammar_builder *builder = lower->builder;
    for (int32_t i = 0; i < builder->n_nodes; i++) {
        const struct moe__grammar_node *node = &builder->nodes[i];
        if (node->kind == MOE__GRAMMAR_REPEAT ||
            (node->kind == MOE__GRAMMAR_RULE && node->first >= 0))
            lower->uses[node->first]++;
        else if (node->kind == MOE__GRAMMAR_JOIN ||
                 node->kind == MOE__GRAMMAR_EITHER)
            for (int32_t k = 0; k < node->n; k++)
                lower->uses[builder->parts[node->first + k]]++;
    }
    for (int32_t i = 0; i < builder->n_nodes; i++) {
        const struct moe__grammar_node *node = &builder->nodes[i];
        int64_t size = 1;
        if (node->kind == MOE__GRAMMAR_BYTES)
            size = node->n;
        else if (node->kind == MOE__GRAMMAR_CODES)
            size = (int64_t)node->n * 4;
        else if (node->kind == MOE__GRAMMAR_REPEAT &&
                 !lower_is_counted(lower, i))
            size = 1 + (int64_t)lower_size(lower, node->first) *
                           repeat_copies(node);
        else if (node->kind == MOE__GRAMMAR_JOIN ||
                 node->kind == MOE__GRAMMAR_EITHER)
            for (int32_t k = 0; k < node->n; k++)
                size += lower_size(lower, builder->parts[node->first + k]);
        lower->sizes[i] =
            size < LOWER_MAX_STATES ? (int32_t)size : LOWER_MAX_STATES;
    }
}

/* ------------------------------------------------------------------ edges */

/* The number of the rule that stands for an expression. */
static moe_status lower_rule(struct lower *lower, moe__expr expr, int32_t *rule)
{
    struct moe__automaton *net = lower->net;
    *rule = lower->rules[expr];
    if (*rule >= 0)
        return MOE_OK;
    if (!MOE__GRAMMAR_ROOM(net->mem, net->rules, net->cap_rules,
                           net->n_rules + 1))
        return MOE_ERR_NO_MEMORY;
    const int32_t start = moe__automaton_state(net);
    const int32_t end = moe__automaton_state(net);
    if (end < 0)
        return MOE_ERR_UNSUPPORTED;
    lower->rules[expr] = *rule = net->n_rules;
    net->rules[net->n_rules++] =
        (struct moe__automaton_rule){.expr = expr, .start = start, .end = end};
    return MOE_OK;
}

static moe_status lower_call(struct lower *lower, moe__expr expr, int32_t from,
                             int32_t to)
{
    struct moe__automaton_edge edge = {
        .from = from, .to = to, .kind = MOE__AUTOMATON_CALL};
    MOE__TRY(lower_rule(lower, expr, &edge.rule));
    return moe__automaton_edge_add(lower->net, edge);
}

static moe_status lower_bytes(struct lower *lower,
                              const struct moe__grammar_node *node,
                              int32_t from, int32_t to)
{
    struct moe__automaton *net = lower->net;
    if (node->n == 0)
        return lower_empty(lower, from, to);
    for (int32_t i = 0; i < node->n; i++) {
        const uint8_t byte = lower->builder->bytes[node->first + i];
        const int32_t next = i + 1 < node->n ? moe__automaton_state(net) : to;
        MOE__TRY(moe__automaton_edge_add(
            net, (struct moe__automaton_edge){.from = from,
                                              .to = next,
                                              .kind = MOE__AUTOMATON_BYTE,
                                              .first = byte,
                                              .last = byte}));
        from = next;
    }
    return MOE_OK;
}

static moe_status lower_join(struct lower *lower,
                             const struct moe__grammar_node *node, int32_t from,
                             int32_t to)
{
    if (node->n == 0)
        return lower_empty(lower, from, to);
    for (int32_t i = 0; i < node->n; i++) {
        const int32_t next =
            i + 1 < node->n ? moe__automaton_state(lower->net) : to;
        MOE__TRY(lower_push(
            lower, (struct lower_task){lower->builder->parts[node->first + i],
                                       from, next, false}));
        from = next;
    }
    return MOE_OK;
}

/* x{m,} is m - 1 copies and x+, x* is x+ or nothing; x{m,n} is m copies, then
 * n - m from before each of which the end can be reached.  States of its own
 * keep loops out of `from` and `to`, which others use as well; without a loop
 * the last copy ends at `to`, so that nested ends are not chained. */
static moe_status lower_repeat(struct lower *lower,
                               const struct moe__grammar_node *node,
                               int32_t from, int32_t to)
{
    const bool is_endless = node->most < 0;
    const int32_t n = node->most == 0 ? 0 : repeat_copies(node);
    int32_t at = from;
    for (int32_t i = 0; i < n; i++) {
        const bool is_loop = is_endless && i + 1 == n;
        int32_t begin = at;
        if (is_loop) {
            begin = moe__automaton_state(lower->net);
            MOE__TRY(lower_empty(lower, at, begin));
        }
        if (i >= node->least && !is_loop)
            MOE__TRY(lower_empty(lower, at, to));
        at = i + 1 < n || is_loop ? moe__automaton_state(lower->net) : to;
        if (is_loop)
            MOE__TRY(lower_empty(lower, at, begin));
        MOE__TRY(lower_push(
            lower, (struct lower_task){node->first, begin, at, false}));
    }
    if (is_endless && node->least == 0)
        MOE__TRY(lower_empty(lower, from, to));
    return at == to ? MOE_OK : lower_empty(lower, at, to);
}

static moe_status lower_task_run(struct lower *lower, struct lower_task task)
{
    const struct moe__grammar_node *node = &lower->builder->nodes[task.expr];
    const struct moe__grammar_builder *builder = lower->builder;
    if (!task.is_body && lower_is_rule(lower, task.expr))
        return lower_call(lower, task.expr, task.from, task.to);
    switch (node->kind) {
    case MOE__GRAMMAR_BYTES:
        return lower_bytes(lower, node, task.from, task.to);
    case MOE__GRAMMAR_CODES:
        return moe__automaton_codes(lower->net, builder->ranges + node->first,
                                    node->n, task.from, task.to);
    case MOE__GRAMMAR_JOIN:
        return lower_join(lower, node, task.from, task.to);
    case MOE__GRAMMAR_EITHER:
        for (int32_t i = 0; i < node->n; i++)
            MOE__TRY(lower_push(
                lower, (struct lower_task){builder->parts[node->first + i],
                                           task.from, task.to, false}));
        return MOE_OK;
    case MOE__GRAMMAR_REPEAT:
        return lower_repeat(lower, node, task.from, task.to);
    case MOE__GRAMMAR_RULE:
        break;
    }
    if (node->first < 0)
        return moe__grammar_rule_fail(builder, task.expr, MOE_ERR_ARGUMENT,
                                      "is not defined", lower->err);
    return lower_push(
        lower, (struct lower_task){node->first, task.from, task.to, false});
}

/* What a rule stands for. */
static moe_status lower_body(struct lower *lower, int32_t at)
{
    struct moe__automaton *net = lower->net;
    const struct moe__automaton_rule rule = net->rules[at];
    const struct moe__grammar_node *node = &lower->builder->nodes[rule.expr];
    if (lower_is_counted(lower, rule.expr)) {
        net->rules[at].is_loop = true;
        net->rules[at].least = node->least;
        net->rules[at].most = node->most;
        if (node->least == 0)
            MOE__TRY(lower_empty(lower, rule.start, rule.end));
        return lower_call(lower, node->first, rule.start, rule.end);
    }
    const int32_t n_before = net->n_states;
    MOE__TRY(lower_push(
        lower, (struct lower_task){rule.expr, rule.start, rule.end, true}));
    while (lower->n_tasks > 0)
        MOE__TRY(lower_task_run(lower, lower->tasks[--lower->n_tasks]));
    net->rules[at].n_states = net->n_states - n_before;
    return MOE_OK;
}

static moe_status lower_all(struct lower *lower, moe__expr start)
{
    int32_t rule;
    lower_measure(lower);
    for (int32_t i = 0; i < lower->builder->n_nodes; i++)
        lower->rules[i] = -1;
    MOE__TRY(lower_rule(lower, start, &rule));
    for (int32_t i = 0; i < lower->net->n_rules; i++) /* n_rules grows */
        MOE__TRY(lower_body(lower, i));
    return MOE_OK;
}

moe_status moe__automaton_lower(const struct moe__grammar_builder *builder,
                                moe__expr start, struct moe__automaton *net,
                                struct moe__err *err)
{
    struct moe__err why = {MOE_OK, ""};
    struct moe__mem *mem = builder->mem;
    const size_t n = (size_t)builder->n_nodes;
    struct lower lower = {.builder = builder, .net = net, .err = &why};
    *net = (struct moe__automaton){.mem = mem, .builder = builder};
    int32_t *columns = moe__mem_calloc(mem, 3 * n, sizeof *columns);
    moe_status status = MOE_ERR_NO_MEMORY;
    if (columns != NULL) {
        lower.sizes = columns;
        lower.uses = columns + n;
        lower.rules = columns + 2 * n;
        status = lower_all(&lower, start);
    }
    moe__mem_free(mem, columns, 3 * n * sizeof *columns);
    moe__mem_free(mem, lower.tasks,
                  (size_t)lower.cap_tasks * sizeof *lower.tasks);
    if (why.status != MOE_OK)
        return moe__fail(err, why.status, "%s", why.message);
    if (status == MOE_ERR_NO_MEMORY)
        return lower_no_memory(&(struct lower){.err = err});
    if (status != MOE_OK)
        return moe__fail(err, status,
                         "grammar: needs more than %d states or %d edges",
                         LOWER_MAX_STATES, LOWER_MAX_EDGES);
    return MOE_OK;
}

void moe__automaton_free(struct moe__automaton *net)
{
    moe__mem_free(net->mem, net->edges,
                  (size_t)net->cap_edges * sizeof *net->edges);
    moe__mem_free(net->mem, net->rules,
                  (size_t)net->cap_rules * sizeof *net->rules);
}
