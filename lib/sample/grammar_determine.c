/* grammar_determine.c: the net -> states without empty edges.
 *
 * Each rule is determinised by itself (sets of its states), with a call as one
 * more symbol: what begins alike is read once.  A rule whose sets become too
 * many goes on with sets of one state and what empty edges reach from it, which
 * is right as well: the place keeps several states then.  What leads nowhere is
 * left out. */
#include "sample/grammar_state.h"

/* A rule stops merging at so many sets per state of it, and so many more. */
#define MERGE_SETS_PER_STATE 4
#define MERGE_MIN_SETS 256
/* Looks at a state or an edge; a fraction of a second. */
#define DETERMINE_MAX_STEPS (1 << 26)
#define DETERMINE_MAX_STATES (1 << 21)

/* Set i is state i of the grammar; DONE and loops have empty ones. */
struct determine_set {
    int32_t first, n; /* of members, sorted */
    int32_t rule;     /* of the net */
    int32_t chain;    /* the next set of its hash slot, or -1 */
};

struct determine {
    const struct moe__automaton *net;
    struct moe__grammar *grammar;
    struct moe__mem *mem;
    int32_t *out;       /* [net n_states + 1] out_edges begin here */
    int32_t *out_edges; /* [net n_edges] */
    int32_t *stamps;    /* [net n_states] the last set it was put in */
    int32_t *stack;     /* [net n_states] */
    int32_t *rules;     /* [net n_rules] its number in the grammar, or -1 */
    int32_t *slots;     /* [n_slots] the first set of each hash, or -1 */
    int32_t *n_sets_of; /* [net n_rules] */
    uint8_t *facts;     /* [net n_states] */
    struct determine_set *sets; /* [grammar n_states] */
    int32_t *members;           /* [n_members] of all sets, and one in work */
    int32_t *edges;             /* [n_edges] of the set that is expanded */
    int32_t *covers;            /* [cap_covers] states that its bytes lead to */
    int32_t *order;             /* [n_order] net rules by number */
    int32_t n_slots;            /* a power of two */
    int32_t cap_sets, n_members, cap_members, n_edges, cap_edges;
    int32_t cap_covers;
    int32_t n_order, cap_order;
    int32_t work_first; /* of the set in work */
    int32_t stamp;
    int32_t n_steps;
};

static moe_status determine_step(struct determine *d, int32_t n)
{
    if (n > DETERMINE_MAX_STEPS - d->n_steps)
        return MOE_ERR_UNSUPPORTED;
    d->n_steps += n;
    return MOE_OK;
}

/* ------------------------------------------------------------------- sets */

static void set_begin(struct determine *d)
{
    d->stamp++;
    d->work_first = d->n_members;
}

/* Adds a state and what empty edges reach: of these, the ones from which an
 * edge leads on or where the rule ends. */
static moe_status set_add(struct determine *d, int32_t state)
{
    const struct moe__automaton *net = d->net;
    int32_t n_stack = 0;
    if (d->stamps[state] == d->stamp ||
        (d->facts[state] & MOE__AUTOMATON_ENDS) == 0)
        return MOE_OK;
    d->stamps[state] = d->stamp;
    d->stack[n_stack++] = state;
    while (n_stack > 0) {
        state = d->stack[--n_stack];
        const int32_t first = d->out[state], end = d->out[state + 1];
        MOE__TRY(determine_step(d, 1 + end - first));
        bool is_kept = first == end; /* only the rule's end has no edges */
        for (int32_t i = first; i < end; i++) {
            const struct moe__automaton_edge *edge =
                &net->edges[d->out_edges[i]];
            is_kept |= edge->kind != MOE__AUTOMATON_EMPTY;
            if (edge->kind == MOE__AUTOMATON_BYTE ||
                (edge->kind == MOE__AUTOMATON_CALL &&
                 (d->facts[net->rules[edge->rule].start] &
                  MOE__AUTOMATON_ENDS_EMPTY) == 0) ||
                d->stamps[edge->to] == d->stamp ||
                (d->facts[edge->to] & MOE__AUTOMATON_ENDS) == 0)
                continue;
            d->stamps[edge->to] = d->stamp;
            d->stack[n_stack++] = edge->to;
        }
        if (!is_kept)
            continue;
        if (!MOE__GRAMMAR_ROOM(d->mem, d->members, d->cap_members,
                               d->n_members + 1))
            return MOE_ERR_NO_MEMORY;
        d->members[d->n_members++] = state;
    }
    return MOE_OK;
}

static moe_status determine_state(struct determine *d, int32_t rule,
                                  int32_t *state)
{
    struct moe__grammar *grammar = d->grammar;
    const int32_t n = grammar->n_states + 1;
    if (n > DETERMINE_MAX_STATES)
        return MOE_ERR_UNSUPPORTED;
    if (!MOE__GRAMMAR_ROOM(d->mem, grammar->states, grammar->cap_states,
                           n + 1) ||
        !MOE__GRAMMAR_ROOM(d->mem, d->sets, d->cap_sets, n))
        return MOE_ERR_NO_MEMORY;
    *state = grammar->n_states++;
    grammar->states[*state] = (struct moe__grammar_state){0};
    d->sets[*state] = (struct determine_set){.rule = rule, .chain = -1};
    return MOE_OK;
}

static void set_sort(int32_t *members, int32_t n)
{
    for (int32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (int32_t i = gap; i < n; i++) {
            const int32_t member = members[i];
            int32_t at = i;
            for (; at >= gap && members[at - gap] > member; at -= gap)
                members[at] = members[at - gap];
            members[at] = member;
        }
}

/* The state that is the set in work. */
static moe_status set_end(struct determine *d, int32_t rule, int32_t *state)
{
    int32_t *members = d->members + d->work_first;
    const int32_t n = d->n_members - d->work_first;
    uint32_t hash = 2166136261u; /* FNV-1a, by words */
    set_sort(members, n);
    for (int32_t i = 0; i < n; i++)
        hash = (hash ^ (uint32_t)members[i]) * 16777619u;
    int32_t *slot = &d->slots[(hash ^ hash >> 15) & (uint32_t)(d->n_slots - 1)];
    for (int32_t i = *slot; i >= 0; i = d->sets[i].chain)
        if (d->sets[i].n == n && memcmp(d->members + d->sets[i].first, members,
                                        (size_t)n * sizeof *members) == 0) {
            d->n_members = d->work_first;
            *state = i;
            return MOE_OK;
        }
    MOE__TRY(determine_state(d, rule, state));
    d->sets[*state].first = d->work_first;
    d->sets[*state].n = n;
    d->sets[*state].chain = *slot;
    *slot = *state;
    d->n_sets_of[rule]++;
    return MOE_OK;
}

/* ------------------------------------------------------------------ edges */

/* The number of a rule; its first state is made when it is first called. */
static moe_status determine_rule(struct determine *d, int32_t rule,
                                 int32_t *out)
{
    struct moe__grammar *grammar = d->grammar;
    const struct moe__automaton_rule *from = &d->net->rules[rule];
    int32_t state;
    *out = d->rules[rule];
    if (*out >= 0)
        return MOE_OK;
    if (!MOE__GRAMMAR_ROOM(d->mem, grammar->starts, grammar->cap_rules,
                           grammar->n_rules + 1) ||
        !MOE__GRAMMAR_ROOM(d->mem, d->order, d->cap_order, d->n_order + 1))
        return MOE_ERR_NO_MEMORY;
    if (from->is_loop) {
        MOE__TRY(determine_state(d, rule, &state));
    } else {
        set_begin(d);
        MOE__TRY(set_add(d, from->start));
        MOE__TRY(set_end(d, rule, &state));
    }
    *out = d->rules[rule] = grammar->n_rules;
    grammar->starts[grammar->n_rules++] = state;
    d->order[d->n_order++] = rule;
    return MOE_OK;
}

static moe_status determine_call(struct determine *d, int32_t rule,
                                 int32_t back)
{
    struct moe__grammar *grammar = d->grammar;
    struct moe__grammar_call call = {.back = back};
    MOE__TRY(determine_rule(d, rule, &call.rule));
    if (!MOE__GRAMMAR_ROOM(d->mem, grammar->calls, grammar->cap_calls,
                           grammar->n_calls + 1))
        return MOE_ERR_NO_MEMORY;
    grammar->calls[grammar->n_calls++] = call;
    return MOE_OK;
}

/* An edge; one more range of the last edge if they touch. */
static moe_status determine_edge(struct determine *d, int32_t at, int32_t first,
                                 int32_t last, int32_t to)
{
    struct moe__grammar *grammar = d->grammar;
    if (grammar->n_edges > grammar->states[at].edges) {
        struct moe__grammar_edge *before =
            &grammar->edges[grammar->n_edges - 1];
        if (before->to == to && before->last + 1 == first) {
            before->last = (uint8_t)last;
            return MOE_OK;
        }
    }
    if (!MOE__GRAMMAR_ROOM(d->mem, grammar->edges, grammar->cap_edges,
                           grammar->n_edges + 1))
        return MOE_ERR_NO_MEMORY;
    grammar->edges[grammar->n_edges++] = (struct moe__grammar_edge){
        .to = to, .first = (uint8_t)first, .last = (uint8_t)last};
    return MOE_OK;
}

/* The edges of a kind that lead somewhere, of all states of a set. */
static moe_status gather_edges(struct determine *d, int32_t at, uint8_t kind)
{
    const struct moe__automaton *net = d->net;
    d->n_edges = 0;
    for (int32_t i = 0; i < d->sets[at].n; i++) {
        const int32_t state = d->members[d->sets[at].first + i];
        const int32_t end = d->out[state + 1];
        MOE__TRY(determine_step(d, 1 + end - d->out[state]));
        for (int32_t k = d->out[state]; k < end; k++) {
            const struct moe__automaton_edge *edge =
                &net->edges[d->out_edges[k]];
            if (edge->kind != kind ||
                (d->facts[edge->to] & MOE__AUTOMATON_ENDS) == 0 ||
                (kind == MOE__AUTOMATON_CALL &&
                 (d->facts[net->rules[edge->rule].start] &
                  MOE__AUTOMATON_ENDS) == 0))
                continue;
            if (!MOE__GRAMMAR_ROOM(d->mem, d->edges, d->cap_edges,
                                   d->n_edges + 1))
                return MOE_ERR_NO_MEMORY;
            d->edges[d->n_edges++] = d->out_edges[k];
        }
    }
    return MOE_OK;
}

static bool set_is_merged(const struct determine *d, int32_t rule)
{
    return d->n_sets_of[rule] / MERGE_SETS_PER_STATE <=
           d->net->rules[rule].n_states + MERGE_MIN_SETS / MERGE_SETS_PER_STATE;
}

/* The set that one edge leads to. */
static moe_status set_of_one(struct determine *d, int32_t at,
                             const struct moe__automaton_edge *edge,
                             int32_t *state)
{
    set_begin(d);
    MOE__TRY(set_add(d, edge->to));
    return set_end(d, d->sets[at].rule, state);
}

/* Cuts the bytes where edges begin or end: number[byte] is the range that a
 * byte is in. */
static void cut_bytes(const struct determine *d, int32_t number[256])
{
    bool begins[257] = {true};
    int32_t n = 0;
    for (int32_t i = 0; i < d->n_edges; i++) {
        const struct moe__automaton_edge *edge = &d->net->edges[d->edges[i]];
        begins[edge->first] = true;
        begins[edge->last + 1] = true;
    }
    for (int32_t byte = 0; byte < 256; byte++) {
        n += begins[byte];
        number[byte] = n - 1;
    }
}

/* covers: the edges by the ranges that they cover, range i from ends[i - 1] to
 * ends[i].  So many edges of one byte each cost no more than themselves. */
static moe_status cover_bytes(struct determine *d, const int32_t number[256],
                              int32_t ends[256])
{
    const struct moe__automaton_edge *all = d->net->edges;
    int32_t n = 0;
    memset(ends, 0, 256 * sizeof *ends);
    for (int32_t i = 0; i < d->n_edges; i++) {
        const struct moe__automaton_edge *edge = &all[d->edges[i]];
        MOE__TRY(
            determine_step(d, 1 + number[edge->last] - number[edge->first]));
        for (int32_t k = number[edge->first]; k <= number[edge->last]; k++)
            ends[k]++;
    }
    for (int32_t i = 0; i < 256; i++) {
        n += ends[i];
        ends[i] = n - ends[i];
    }
    if (!MOE__GRAMMAR_ROOM(d->mem, d->covers, d->cap_covers, n))
        return MOE_ERR_NO_MEMORY;
    for (int32_t i = 0; i < d->n_edges; i++) {
        const struct moe__automaton_edge *edge = &all[d->edges[i]];
        for (int32_t k = number[edge->first]; k <= number[edge->last]; k++)
            d->covers[ends[k]++] = edge->to;
    }
    return MOE_OK;
}

/* What is read by the same byte is one set. */
static moe_status expand_merged(struct determine *d, int32_t at)
{
    int32_t number[256], ends[256];
    cut_bytes(d, number);
    MOE__TRY(cover_bytes(d, number, ends));
    for (int32_t first = 0, end; first < 256; first = end) {
        const int32_t range = number[first];
        int32_t to, i = range > 0 ? ends[range - 1] : 0;
        for (end = first + 1; end < 256 && number[end] == range; end++) {
        }
        if (i == ends[range])
            continue; /* between the edges */
        set_begin(d);
        for (; i < ends[range]; i++)
            MOE__TRY(set_add(d, d->covers[i]));
        MOE__TRY(set_end(d, d->sets[at].rule, &to));
        MOE__TRY(determine_edge(d, at, first, end - 1, to));
    }
    return MOE_OK;
}

static moe_status expand_bytes(struct determine *d, int32_t at)
{
    int32_t to;
    MOE__TRY(gather_edges(d, at, MOE__AUTOMATON_BYTE));
    if (set_is_merged(d, d->sets[at].rule))
        return expand_merged(d, at);
    for (int32_t i = 0; i < d->n_edges; i++) {
        const struct moe__automaton_edge *edge = &d->net->edges[d->edges[i]];
        MOE__TRY(set_of_one(d, at, edge, &to));
        MOE__TRY(determine_edge(d, at, edge->first, edge->last, to));
    }
    return MOE_OK;
}

static void sort_calls(const struct moe__automaton_edge *all, int32_t *edges,
                       int32_t n)
{
    for (int32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (int32_t i = gap; i < n; i++) {
            const int32_t edge = edges[i];
            int32_t at = i;
            for (; at >= gap && all[edges[at - gap]].rule > all[edge].rule;
                 at -= gap)
                edges[at] = edges[at - gap];
            edges[at] = edge;
        }
}

static moe_status expand_calls(struct determine *d, int32_t at)
{
    const struct moe__automaton_edge *all = d->net->edges;
    const bool is_merged = set_is_merged(d, d->sets[at].rule);
    MOE__TRY(gather_edges(d, at, MOE__AUTOMATON_CALL));
    sort_calls(all, d->edges, d->n_edges);
    for (int32_t i = 0, end; i < d->n_edges; i = end) {
        int32_t back;
        const int32_t rule = all[d->edges[i]].rule;
        set_begin(d);
        for (end = i; end < d->n_edges && all[d->edges[end]].rule == rule &&
                      (end == i || is_merged);
             end++)
            MOE__TRY(set_add(d, all[d->edges[end]].to));
        MOE__TRY(set_end(d, d->sets[at].rule, &back));
        MOE__TRY(determine_call(d, rule, back));
    }
    return MOE_OK;
}

static moe_status expand_loop(struct determine *d, int32_t at)
{
    const struct moe__automaton_rule *rule = &d->net->rules[d->sets[at].rule];
    const struct moe__automaton_edge *call = NULL;
    for (int32_t i = d->out[rule->start]; i < d->out[rule->start + 1]; i++)
        if (d->net->edges[d->out_edges[i]].kind == MOE__AUTOMATON_CALL)
            call = &d->net->edges[d->out_edges[i]];
    const uint8_t body = d->facts[d->net->rules[call->rule].start];
    struct moe__grammar_state *state = &d->grammar->states[at];
    state->is_loop = true;
    /* A body that may be empty makes up for calls that are missing. */
    state->least = (body & MOE__AUTOMATON_ENDS_EMPTY) != 0 ? 0 : rule->least;
    state->most = rule->most;
    d->grammar->has_loops = true;
    if ((body & MOE__AUTOMATON_ENDS) != 0)
        MOE__TRY(determine_call(d, call->rule, at));
    return MOE_OK;
}

static moe_status determine_expand(struct determine *d, int32_t at)
{
    struct moe__grammar *grammar = d->grammar;
    const struct moe__automaton_rule *rule = &d->net->rules[d->sets[at].rule];
    grammar->states[at].edges = grammar->n_edges;
    grammar->states[at].calls = grammar->n_calls;
    if (at == MOE__GRAMMAR_DONE)
        return MOE_OK;
    if (rule->is_loop)
        return expand_loop(d, at);
    for (int32_t i = 0; i < d->sets[at].n; i++)
        if (d->members[d->sets[at].first + i] == rule->end)
            grammar->states[at].is_end = true;
    MOE__TRY(expand_bytes(d, at));
    MOE__TRY(expand_calls(d, at));
    grammar->states[at].is_last =
        grammar->states[at].is_end &&
        grammar->states[at].edges == grammar->n_edges &&
        grammar->states[at].calls == grammar->n_calls;
    return MOE_OK;
}

/* ------------------------------------------------------- left recursion */

/* Rules that can begin with a call of another one come first, which cannot be
 * if there is a circle of them.  Depth first, from each rule; `marks`: 0 new, 1
 * open, 2 done; numbers are given from the last to the first. */
static moe_status order_from(struct determine *d, int32_t from, int32_t *marks,
                             int32_t *stack, int32_t *n_left,
                             struct moe__err *err)
{
    const struct moe__grammar *grammar = d->grammar;
    int32_t *next = stack + grammar->n_rules; /* the next call of each */
    int32_t n = 1;
    stack[0] = from;
    marks[from] = 1;
    next[from] = grammar->states[grammar->starts[from]].calls;
    while (n > 0) {
        const int32_t rule = stack[n - 1];
        const int32_t end = grammar->states[grammar->starts[rule] + 1].calls;
        if (next[rule] == end) {
            marks[rule] = 2;
            d->rules[--*n_left] = rule;
            n--;
            continue;
        }
        const int32_t callee = grammar->calls[next[rule]++].rule;
        if (marks[callee] == 0) {
            marks[callee] = 1;
            next[callee] = grammar->states[grammar->starts[callee]].calls;
            stack[n++] = callee;
        } else if (marks[callee] == 1) {
            /* Of the circle, one that the user wrote: expressions alone have
             * no circles. */
            while (d->net->builder
                           ->nodes[d->net->rules[d->order[stack[n - 1]]].expr]
                           .kind != MOE__GRAMMAR_RULE &&
                   n > 1)
                n--;
            return moe__grammar_rule_fail(
                d->net->builder, d->net->rules[d->order[stack[n - 1]]].expr,
                MOE_ERR_ARGUMENT, "can begin with itself (left recursion)",
                err);
        }
    }
    return MOE_OK;
}

/* Renumbers the rules; d->rules becomes the old number by the new one. */
static moe_status determine_order(struct determine *d, struct moe__err *err)
{
    struct moe__grammar *grammar = d->grammar;
    const size_t n = (size_t)grammar->n_rules;
    int32_t *columns = moe__mem_calloc(d->mem, 4 * n, sizeof *columns);
    if (columns == NULL)
        return MOE_ERR_NO_MEMORY;
    int32_t *marks = columns, *starts = columns + 3 * n;
    int32_t n_left = grammar->n_rules;
    moe_status status = MOE_OK;
    for (int32_t i = 0; i < grammar->n_rules && status == MOE_OK; i++)
        if (marks[i] == 0)
            status = order_from(d, i, marks, columns + n, &n_left, err);
    if (status == MOE_OK) {
        for (int32_t i = 0; i < grammar->n_rules; i++) {
            marks[d->rules[i]] = i;
            starts[i] = grammar->starts[d->rules[i]];
        }
        memcpy(grammar->starts, starts, n * sizeof *starts);
        for (int32_t i = 0; i < grammar->n_calls; i++)
            grammar->calls[i].rule = marks[grammar->calls[i].rule];
        grammar->start = marks[0];
    }
    moe__mem_free(d->mem, columns, 4 * n * sizeof *columns);
    return status;
}

/* Bytes between two neighbouring bounds of edges are alike. */
static void determine_classes(struct moe__grammar *grammar)
{
    bool begins[257] = {true};
    for (int32_t i = 0; i < grammar->n_edges; i++) {
        begins[grammar->edges[i].first] = true;
        begins[grammar->edges[i].last + 1] = true;
    }
    for (int32_t byte = 0; byte < 256; byte++) {
        grammar->n_classes += begins[byte];
        grammar->class_of[byte] = (uint8_t)(grammar->n_classes - 1);
    }
}

/* ------------------------------------------------------------------ whole */

static void determine_index(struct determine *d)
{
    const struct moe__automaton *net = d->net;
    for (int32_t i = 0; i < net->n_edges; i++)
        d->out[net->edges[i].from]++;
    for (int32_t i = 0; i < net->n_states; i++)
        d->out[i + 1] += d->out[i];
    for (int32_t i = net->n_edges; i-- > 0;)
        d->out_edges[--d->out[net->edges[i].from]] = i;
    for (int32_t i = 0; i < d->n_slots; i++)
        d->slots[i] = -1;
    for (int32_t i = 0; i < net->n_rules; i++)
        d->rules[i] = -1;
}

static moe_status determine_all(struct determine *d, struct moe__err *err)
{
    struct moe__grammar *grammar = d->grammar;
    const struct moe__automaton_rule *start = &d->net->rules[0];
    int32_t state;
    MOE__TRY(moe__automaton_facts(d->net, d->facts));
    determine_index(d);
    if ((d->facts[start->start] & MOE__AUTOMATON_ENDS) == 0)
        return moe__fail(err, MOE_ERR_ARGUMENT, "grammar: no text matches it");
    grammar->is_nullable =
        (d->facts[start->start] & MOE__AUTOMATON_ENDS_EMPTY) != 0;
    MOE__TRY(determine_state(d, 0, &state)); /* DONE */
    MOE__TRY(determine_rule(d, 0, &state));
    for (int32_t i = 0; i < grammar->n_states; i++) /* n_states grows */
        MOE__TRY(determine_expand(d, i));
    grammar->states[grammar->n_states] = (struct moe__grammar_state){
        .edges = grammar->n_edges, .calls = grammar->n_calls};
    determine_classes(grammar);
    return determine_order(d, err);
}

static moe_status determine_run(struct determine *d, struct moe__err *err)
{
    const size_t n_states = (size_t)d->net->n_states;
    const size_t n_edges = (size_t)d->net->n_edges;
    const size_t n_rules = (size_t)d->net->n_rules;
    d->n_slots = 64;
    while ((size_t)d->n_slots < n_states)
        d->n_slots *= 2;
    const size_t n =
        3 * (n_states + 1) + n_edges + 2 * n_rules + (size_t)d->n_slots;
    int32_t *columns = moe__mem_calloc(d->mem, n, sizeof *columns);
    d->facts = moe__mem_calloc(d->mem, n_states, 1);
    moe_status status = MOE_ERR_NO_MEMORY;
    if (columns != NULL && d->facts != NULL) {
        d->out = columns;
        d->stamps = d->out + n_states + 1;
        d->stack = d->stamps + n_states + 1;
        d->out_edges = d->stack + n_states + 1;
        d->rules = d->out_edges + n_edges;
        d->n_sets_of = d->rules + n_rules;
        d->slots = d->n_sets_of + n_rules;
        status = determine_all(d, err);
    }
    moe__mem_free(d->mem, columns, n * sizeof *columns);
    moe__mem_free(d->mem, d->facts, n_states);
    return status;
}

moe_status moe__grammar_determine(const struct moe__automaton *net,
                                  struct moe__grammar *grammar,
                                  struct moe__err *err)
{
    struct moe__mem *mem = net->mem;
    struct moe__err why = {MOE_OK, ""};
    struct determine d = {.net = net, .grammar = grammar, .mem = mem};
    const moe_status status = determine_run(&d, &why);
    moe__mem_free(mem, d.sets, (size_t)d.cap_sets * sizeof *d.sets);
    moe__mem_free(mem, d.members, (size_t)d.cap_members * sizeof *d.members);
    moe__mem_free(mem, d.edges, (size_t)d.cap_edges * sizeof *d.edges);
    moe__mem_free(mem, d.covers, (size_t)d.cap_covers * sizeof *d.covers);
    moe__mem_free(mem, d.order, (size_t)d.cap_order * sizeof *d.order);
    if (why.status != MOE_OK)
        return moe__fail(err, why.status, "%s", why.message);
    if (status == MOE_ERR_NO_MEMORY)
        return moe__fail(err, status, "grammar: no memory");
    if (status != MOE_OK)
        return moe__fail(err, status,
                         "grammar: takes more than %d steps or %d states",
                         DETERMINE_MAX_STEPS, DETERMINE_MAX_STATES);
    return MOE_OK;
}
