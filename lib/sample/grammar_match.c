/* grammar_match.c: the places in a text.
 *
 * A byte moves each stack of a place by an edge of its top state.  Where a rule
 * may end, the states below it go on as well (returns); then all rules that can
 * be called are entered, callers before callees, so that each is entered once
 * with all that may come after it.  What remains are the states that read
 * bytes.  As a call reads at least one byte, no return follows a call.
 *
 * Places are never changed and equal ones are one number, so each step is
 * worked out once per place and class of bytes. */
#include "sample/grammar_state.h"

/* Items that one step may look at: beyond them the byte is refused. */
#define STEP_MAX_ITEMS (1 << 14)
/* Lists of items are tidied from this size on. */
#define STEP_TIDY_ITEMS 64
/* The state of a return that stands for all items of its place. */
#define RETURN_ALL (-1)

/* ------------------------------------------------------------------- steps */

static bool item_ends(const struct moe__places *p,
                      const struct moe__place_item *item)
{
    const struct moe__grammar_state *state = &p->grammar->states[item->state];
    return state->is_end || (state->is_loop && item->count >= state->least);
}

/* Adds the items of a place. */
static moe_status step_add_all(struct moe__places *p,
                               struct moe__place_list *list, int32_t place)
{
    const int32_t n = p->places[place].n;
    if (n > STEP_MAX_ITEMS - list->n)
        return MOE_ERR_UNSUPPORTED;
    for (int32_t i = 0; i < n; i++)
        MOE__TRY(moe__places_add(p, list, moe__place_items(p, place)[i]));
    return MOE_OK;
}

/* Many places may hold the same items: so a list is tidied each time that it
 * has doubled; whether it was. */
static bool step_tidy(struct moe__place_list *list, int32_t *n_tidy)
{
    if (list->n <= *n_tidy)
        return false;
    moe__place_list_tidy(list);
    *n_tidy = moe__max_i32(*n_tidy, 2 * list->n);
    return true;
}

/* After what has arrived also the states to which it returns. */
static moe_status step_return(struct moe__places *p)
{
    int32_t n_tidy = STEP_TIDY_ITEMS;
    p->closure++;
    for (int32_t i = 0; i < p->arrived.n; i++) {
        const struct moe__place_item item = p->arrived.data[i];
        struct moe__place *back = &p->places[item.back];
        if (!item_ends(p, &item) || back->seen == p->closure)
            continue;
        back->seen = p->closure;
        MOE__TRY(step_add_all(p, &p->arrived, item.back));
        if (step_tidy(&p->arrived, &n_tidy))
            i = -1; /* what was returned from is seen */
    }
    moe__place_list_tidy(&p->arrived);
    return MOE_OK;
}

static moe_status step_call_add(struct moe__places *p, int32_t rule,
                                struct moe__place_item item)
{
    if (p->n_returns >= STEP_MAX_ITEMS)
        return MOE_ERR_UNSUPPORTED;
    if (!MOE__GRAMMAR_ROOM(p->mem, p->returns, p->cap_returns,
                           p->n_returns + 1))
        return MOE_ERR_NO_MEMORY;
    p->returns[p->n_returns] = (struct moe__place_return){item, p->heads[rule]};
    p->heads[rule] = p->n_returns++;
    p->pending[rule / 64] |= (uint64_t)1 << (rule % 64);
    return MOE_OK;
}

/* Calls a rule; where nothing follows the call, the rule returns to where this
 * one would: a list that is written as recursion does not make stacks grow. */
static moe_status step_call(struct moe__places *p, int32_t rule,
                            struct moe__place_item item, bool is_last)
{
    if (is_last)
        item.state = RETURN_ALL;
    return step_call_add(p, rule, item);
}

/* The calls of a state and, if it reads bytes, the state itself. */
static moe_status step_go_on(struct moe__places *p, struct moe__place_item item)
{
    const struct moe__grammar *grammar = p->grammar;
    const struct moe__grammar_state *state = &grammar->states[item.state];
    if (state[1].edges > state->edges || item.state == MOE__GRAMMAR_DONE)
        MOE__TRY(moe__places_add(p, &p->result, item));
    if (state->is_loop && state->most >= 0 && item.count >= state->most)
        return MOE_OK;
    for (int32_t i = state->calls; i < state[1].calls; i++) {
        const struct moe__grammar_call *call = &grammar->calls[i];
        bool is_last = grammar->states[call->back].is_last;
        struct moe__place_item back = {call->back, 0, item.back};
        if (state->is_loop) { /* an endless one need not count on */
            back.count = state->most < 0 && item.count >= state->least
                             ? item.count
                             : item.count + 1;
            is_last = back.count == state->most;
        }
        MOE__TRY(step_call(p, call->rule, back, is_last));
    }
    return MOE_OK;
}

static int32_t lowest_bit(uint64_t word)
{
    int32_t at = 0;
    for (int32_t width = 32; width > 0; width /= 2)
        if ((word & (((uint64_t)1 << width) - 1)) == 0) {
            word >>= width;
            at += width;
        }
    return at;
}

/* p->set becomes the items to which a rule returns. */
static moe_status step_gather(struct moe__places *p, int32_t head)
{
    int32_t n_tidy = STEP_TIDY_ITEMS;
    p->set.n = 0;
    for (int32_t i = head; i >= 0; i = p->returns[i].next) {
        const struct moe__place_item item = p->returns[i].item;
        MOE__TRY(item.state == RETURN_ALL ? step_add_all(p, &p->set, item.back)
                                          : moe__places_add(p, &p->set, item));
        step_tidy(&p->set, &n_tidy);
    }
    return MOE_OK;
}

/* Enters all rules that are called; callees have higher numbers. */
static moe_status step_enter(struct moe__places *p)
{
    const struct moe__grammar *grammar = p->grammar;
    const int32_t n_words = moe__ceil_div(grammar->n_rules, 64);
    for (int32_t word = 0; word < n_words; word++)
        while (p->pending[word] != 0) {
            const int32_t rule = 64 * word + lowest_bit(p->pending[word]);
            struct moe__place_item item = {grammar->starts[rule], 0, 0};
            p->pending[word] &= p->pending[word] - 1;
            MOE__TRY(step_gather(p, p->heads[rule]));
            p->heads[rule] = -1;
            MOE__TRY(moe__places_of(p, &p->set, &item.back));
            MOE__TRY(step_go_on(p, item));
        }
    return MOE_OK;
}

/* From the states that were reached, p->arrived, to a place. */
static moe_status step_close(struct moe__places *p, int32_t *out)
{
    p->result.n = 0;
    p->n_returns = 0;
    MOE__TRY(step_return(p));
    for (int32_t i = 0; i < p->arrived.n; i++)
        MOE__TRY(step_go_on(p, p->arrived.data[i]));
    MOE__TRY(step_enter(p));
    return moe__places_of(p, &p->result, out);
}

static moe_status step_by(struct moe__places *p, int32_t place, uint8_t byte,
                          int32_t *out)
{
    const struct moe__grammar *grammar = p->grammar;
    p->arrived.n = 0;
    for (int32_t i = 0; i < p->places[place].n; i++) {
        const struct moe__place_item *item = &moe__place_items(p, place)[i];
        const struct moe__grammar_state *state = &grammar->states[item->state];
        for (int32_t k = state->edges; k < state[1].edges; k++) {
            const struct moe__grammar_edge *edge = &grammar->edges[k];
            if (edge->first <= byte && byte <= edge->last)
                MOE__TRY(moe__places_add(
                    p, &p->arrived,
                    (struct moe__place_item){edge->to, 0, item->back}));
        }
    }
    if (p->arrived.n == 0) {
        *out = MOE__PLACE_NONE;
        return MOE_OK;
    }
    return step_close(p, out);
}

/* Remembers a step: one in the place, more in a row of all classes. */
static void step_remember(struct moe__places *p, int32_t place, int32_t class,
                          int32_t next)
{
    struct moe__place *from = &p->places[place];
    const int32_t n = p->grammar->n_classes;
    if (from->nexts < 0 && from->one[0] < 0) {
        from->one[0] = class;
        from->one[1] = next;
        return;
    }
    if (from->nexts < 0) {
        if (p->n_nexts > INT32_MAX / 2 - n ||
            !MOE__GRAMMAR_ROOM(p->mem, p->nexts, p->cap_nexts, p->n_nexts + n))
            return;
        from->nexts = p->n_nexts;
        p->n_nexts += n;
        for (int32_t i = 0; i < n; i++)
            p->nexts[from->nexts + i] = MOE__PLACE_UNKNOWN;
        p->nexts[from->nexts + from->one[0]] = from->one[1];
    }
    p->nexts[from->nexts + class] = next;
}

moe_status moe__places_step(struct moe__places *places, uint8_t byte,
                            int32_t *place)
{
    struct moe__places *p = places;
    int32_t next = moe__places_known(p, *place, byte);
    if (next == MOE__PLACE_UNKNOWN) {
        const moe_status status = step_by(p, *place, byte, &next);
        if (status != MOE_OK) {
            moe__places_clear(p);
            return status;
        }
        step_remember(p, *place, p->grammar->class_of[byte], next);
    }
    *place = next;
    return MOE_OK;
}

/* --------------------------------------------------------------- questions */

int32_t moe__places_normal(const struct moe__places *places, int32_t place)
{
    return places->places[place].normal;
}

bool moe__places_can_end(const struct moe__places *places, int32_t place)
{
    return places->places[place].n > 0 &&
           moe__place_items(places, place)[0].state == MOE__GRAMMAR_DONE;
}

int32_t moe__places_bytes(const struct moe__places *places, int32_t place,
                          uint8_t *first)
{
    const struct moe__grammar *grammar = places->grammar;
    bool is_allowed[256] = {false};
    int32_t n = 0;
    for (int32_t i = 0; i < places->places[place].n; i++) {
        const struct moe__grammar_state *state =
            &grammar->states[moe__place_items(places, place)[i].state];
        for (int32_t k = state->edges; k < state[1].edges; k++)
            for (int32_t byte = grammar->edges[k].first;
                 byte <= grammar->edges[k].last; byte++)
                is_allowed[byte] = true;
    }
    for (int32_t byte = 256; byte-- > 0;)
        if (is_allowed[byte]) {
            *first = (uint8_t)byte;
            n++;
        }
    return n;
}

/* NONE, what follows the whole text, and where it begins. */
static moe_status places_first(struct moe__places *p, int32_t *start)
{
    const struct moe__grammar *grammar = p->grammar;
    const struct moe__place_item done = {MOE__GRAMMAR_DONE, 0, MOE__PLACE_NONE};
    struct moe__place_item first = {grammar->starts[grammar->start], 0, 0};
    int32_t none;
    MOE__TRY(moe__places_intern(p, NULL, 0, &none));
    MOE__TRY(moe__places_intern(p, &done, 1, &first.back));
    p->result.n = 0;
    p->n_returns = 0;
    if (grammar->is_nullable)
        MOE__TRY(moe__places_add(p, &p->result, done));
    MOE__TRY(step_go_on(p, first));
    MOE__TRY(step_enter(p));
    return moe__places_of(p, &p->result, start);
}

moe_status moe__places_create(struct moe__mem *mem,
                              const struct moe__grammar *grammar, int32_t reach,
                              struct moe__places **out, int32_t *start)
{
    moe_status status = moe__places_begin(mem, grammar, reach, out);
    if (status == MOE_OK)
        status = places_first(*out, start);
    if (status != MOE_OK) {
        moe__places_destroy(*out);
        *out = NULL;
    }
    return status;
}
