/* grammar_facts.c: which states lead to the end of their rule.
 *
 * A state does if it is the end, or if one of its edges leads to a state that
 * does and can be passed: a call can if the first state of its rule does.  Both
 * ways of finding this out go backwards from what was found last, so each edge
 * is looked at twice. */
#include "sample/grammar_state.h"

struct facts {
    const struct moe__automaton *net;
    int32_t *into;       /* [n_states + 1] into_edges of a state begin here */
    int32_t *into_edges; /* [n_edges] */
    int32_t *uses;       /* [n_rules + 1] use_edges of a rule begin here */
    int32_t *use_edges;  /* [n_edges] calls */
    int32_t *found;      /* [n_states] a stack */
    int32_t *rule_of;    /* [n_states] the rule that starts here, or -1 */
    uint8_t *facts;
    int32_t n_found;
};

static void facts_index(struct facts *facts)
{
    const struct moe__automaton *net = facts->net;
    for (int32_t i = 0; i < net->n_edges; i++) {
        facts->into[net->edges[i].to]++;
        if (net->edges[i].kind == MOE__AUTOMATON_CALL)
            facts->uses[net->edges[i].rule]++;
    }
    for (int32_t i = 0; i < net->n_states; i++)
        facts->into[i + 1] += facts->into[i];
    for (int32_t i = 0; i < net->n_rules; i++)
        facts->uses[i + 1] += facts->uses[i];
    /* The sums are where each begins after its edges were taken from it. */
    for (int32_t i = net->n_edges; i-- > 0;) {
        const struct moe__automaton_edge *edge = &net->edges[i];
        facts->into_edges[--facts->into[edge->to]] = i;
        if (edge->kind == MOE__AUTOMATON_CALL)
            facts->use_edges[--facts->uses[edge->rule]] = i;
    }
    for (int32_t i = 0; i < net->n_states; i++)
        facts->rule_of[i] = -1;
    for (int32_t i = 0; i < net->n_rules; i++)
        facts->rule_of[net->rules[i].start] = i;
}

static void facts_mark(struct facts *facts, int32_t state, uint8_t fact)
{
    if ((facts->facts[state] & fact) != 0)
        return;
    facts->facts[state] |= fact;
    facts->found[facts->n_found++] = state;
}

static void facts_pass(struct facts *facts, int32_t at, uint8_t fact)
{
    const struct moe__automaton_edge *edge = &facts->net->edges[at];
    if ((facts->facts[edge->to] & fact) == 0 ||
        (edge->kind == MOE__AUTOMATON_BYTE &&
         fact == MOE__AUTOMATON_ENDS_EMPTY))
        return;
    if (edge->kind == MOE__AUTOMATON_CALL &&
        (facts->facts[facts->net->rules[edge->rule].start] & fact) == 0)
        return;
    facts_mark(facts, edge->from, fact);
}

static void facts_find(struct facts *facts, uint8_t fact)
{
    const struct moe__automaton *net = facts->net;
    for (int32_t i = 0; i < net->n_rules; i++)
        facts_mark(facts, net->rules[i].end, fact);
    while (facts->n_found > 0) {
        const int32_t state = facts->found[--facts->n_found];
        const int32_t rule = facts->rule_of[state];
        for (int32_t i = facts->into[state]; i < facts->into[state + 1]; i++)
            facts_pass(facts, facts->into_edges[i], fact);
        if (rule >= 0)
            for (int32_t i = facts->uses[rule]; i < facts->uses[rule + 1]; i++)
                facts_pass(facts, facts->use_edges[i], fact);
    }
}

moe_status moe__automaton_facts(const struct moe__automaton *net,
                                uint8_t *facts)
{
    const size_t n_states = (size_t)net->n_states;
    const size_t n_edges = (size_t)net->n_edges;
    const size_t n_rules = (size_t)net->n_rules;
    const size_t n = 3 * (n_states + 1) + n_rules + 1 + 2 * n_edges;
    int32_t *columns = moe__mem_calloc(net->mem, n, sizeof *columns);
    if (columns == NULL)
        return MOE_ERR_NO_MEMORY;
    struct facts all = {.net = net, .facts = facts};
    all.into = columns;
    all.found = all.into + n_states + 1;
    all.rule_of = all.found + n_states + 1;
    all.uses = all.rule_of + n_states + 1;
    all.into_edges = all.uses + n_rules + 1;
    all.use_edges = all.into_edges + n_edges;
    facts_index(&all);
    facts_find(&all, MOE__AUTOMATON_ENDS);
    facts_find(&all, MOE__AUTOMATON_ENDS_EMPTY);
    moe__mem_free(net->mem, columns, n * sizeof *columns);
    return MOE_OK;
}
