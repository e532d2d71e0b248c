/* grammar_state.h: what the sources of the constraint engine share.
 *
 * Three forms of a grammar, each made from the one before:
 *     builder   expressions, a graph without cycles but for rules
 *     net       states and edges of all rules, with edges that read nothing
 *     grammar   the same without such edges, and determinised rule by rule
 * and the places in which a text can stand in the last one. */
#ifndef MOE_SAMPLE_GRAMMAR_STATE_H
#define MOE_SAMPLE_GRAMMAR_STATE_H

#include "base/utf8.h"
#include "sample/grammar.h"

/* Makes room for n elements of `size` bytes in array [*cap], which may move.
 * Without memory nothing changes. */
void *moe__grammar_grown(struct moe__mem *mem, void *array, int32_t *cap,
                         int32_t n, size_t size);

/* The same for a typed array; whether there is room. */
#define MOE__GRAMMAR_ROOM(mem, array, cap, n)                              \
    ((array) = moe__grammar_grown(mem, array, &(cap), n, sizeof *(array)), \
     (cap) >= (n))

/* --------------------------------------------------------------- builder */

enum moe__grammar_kind {
    MOE__GRAMMAR_BYTES,  /* first, n: of bytes */
    MOE__GRAMMAR_CODES,  /* first, n: of ranges; sorted, apart, no surrogates */
    MOE__GRAMMAR_JOIN,   /* first, n: of parts */
    MOE__GRAMMAR_EITHER, /* first, n: of parts */
    MOE__GRAMMAR_REPEAT, /* first: the expression */
    MOE__GRAMMAR_RULE    /* first: the body or -1; n: its number, from 0 */
};

struct moe__grammar_node {
    enum moe__grammar_kind kind;
    int32_t first;
    int32_t n;
    int32_t least, most; /* of REPEAT */
};

/* A part's number is below that of its whole; only rules look forward. */
struct moe__grammar_builder {
    struct moe__mem *mem;
    struct moe__grammar_node *nodes; /* [n_nodes] */
    uint8_t *bytes;                  /* [n_bytes] */
    struct moe__code_range *ranges;  /* [n_ranges] */
    moe__expr *parts;                /* [n_parts] */
    struct moe__slice *names; /* [cap_names] of rules; data may be NULL */
    int32_t n_nodes, cap_nodes;
    int32_t n_bytes, cap_bytes;
    int32_t n_ranges, cap_ranges;
    int32_t n_parts, cap_parts;
    int32_t n_rules, cap_names;
    struct moe__arena arena; /* the names */
    struct moe__err failure; /* the first; status MOE_OK: none */
};

/* "rule NAME what", or its number. */
moe_status moe__grammar_rule_fail(const struct moe__grammar_builder *builder,
                                  moe__expr rule, moe_status status,
                                  const char *what, struct moe__err *err);

/* ------------------------------------------------------------------- net */

enum moe__automaton_kind {
    MOE__AUTOMATON_EMPTY,
    MOE__AUTOMATON_BYTE,
    MOE__AUTOMATON_CALL
};

struct moe__automaton_edge {
    int32_t from, to;
    int32_t rule; /* of CALL */
    uint8_t kind;
    uint8_t first, last; /* of BYTE */
};

/* From state `start` to state `end`.  A loop matches its one call from `least`
 * to `most` times (-1: no end) and is no more than that call. */
struct moe__automaton_rule {
    moe__expr expr;
    int32_t start, end;
    int32_t n_states; /* but for these two */
    int32_t least, most;
    bool is_loop;
};

struct moe__automaton {
    struct moe__mem *mem;
    const struct moe__grammar_builder *builder;
    struct moe__automaton_edge *edges; /* [n_edges] */
    struct moe__automaton_rule *rules; /* [n_rules], 0 is the start */
    int32_t n_states;
    int32_t n_edges, cap_edges;
    int32_t n_rules, cap_rules;
};

/* Also after a failure the net must be freed. */
moe_status moe__automaton_lower(const struct moe__grammar_builder *builder,
                                moe__expr start, struct moe__automaton *net,
                                struct moe__err *err);
void moe__automaton_free(struct moe__automaton *net);
/* Edges that match one code point of the ranges. */
moe_status moe__automaton_codes(struct moe__automaton *net,
                                const struct moe__code_range *ranges, int32_t n,
                                int32_t from, int32_t to);
/* The number of a new state, or -1. */
int32_t moe__automaton_state(struct moe__automaton *net);
moe_status moe__automaton_edge_add(struct moe__automaton *net,
                                   struct moe__automaton_edge edge);

/* From a state its rule's end can be reached: with some text, with none. */
#define MOE__AUTOMATON_ENDS ((uint8_t)1)
#define MOE__AUTOMATON_ENDS_EMPTY ((uint8_t)2)
/* facts [n_states], cleared by the caller. */
moe_status moe__automaton_facts(const struct moe__automaton *net,
                                uint8_t *facts);

/* --------------------------------------------------------------- grammar */

struct moe__grammar_edge {
    int32_t to;
    uint8_t first, last;
};

/* A call matches at least one byte: that a rule matches none is seen to when
 * the grammar is compiled. */
struct moe__grammar_call {
    int32_t rule;
    int32_t back; /* the state after it */
};

/* edges and calls begin here and end where those of the next state begin.  From
 * each state the end of its rule can be reached. */
struct moe__grammar_state {
    int32_t edges;
    int32_t calls;
    int32_t least, most; /* of a loop, whose places count its calls */
    bool is_loop;
    bool is_end;  /* its rule may end here */
    bool is_last; /* and must */
};

#define MOE__GRAMMAR_DONE 0 /* the state after the start rule */

struct moe__grammar {
    struct moe__mem *mem;
    struct moe__grammar_state *states; /* [n_states + 1] */
    struct moe__grammar_edge *edges;   /* [n_edges] */
    struct moe__grammar_call *calls;   /* [n_calls] */
    int32_t *starts; /* [n_rules] states; a rule that can begin with a call of
                        another one comes before it */
    int32_t n_states, cap_states;
    int32_t n_edges, cap_edges;
    int32_t n_calls, cap_calls;
    int32_t n_rules, cap_rules;
    int32_t n_classes;
    int32_t start; /* rule */
    bool has_loops;
    bool is_nullable;
    uint8_t class_of[256]; /* bytes that no edge tells apart share a class */
};

/* grammar is empty but for `mem`; its owner frees it also after a failure. */
moe_status moe__grammar_determine(const struct moe__automaton *net,
                                  struct moe__grammar *grammar,
                                  struct moe__err *err);

/* ---------------------------------------------------------------- places */

/* Where a text can go on: a set of stacks.  Each item is a state and the place
 * to which its rule returns, which several items may share: so what a text of n
 * bytes can mean takes no more than n items per state, and equal sets are equal
 * numbers. */
struct moe__place_item {
    int32_t state;
    int32_t count; /* calls a loop has made; else 0 */
    int32_t back;  /* place; of state DONE: 0 */
};

struct moe__place {
    int32_t first, n; /* items, sorted */
    uint32_t hash;
    int32_t normal; /* allows the same tokens, with counts made alike */
    int32_t seen;   /* the last closure that returned to it */
    int32_t nexts;  /* its row of all classes, or -1 */
    int32_t one[2]; /* without a row: a class and the place after it */
};

#define MOE__PLACE_NONE 0       /* no stack: a byte was forbidden */
#define MOE__PLACE_UNKNOWN (-1) /* not worked out yet */

struct moe__place_list {
    struct moe__place_item *data; /* [n] */
    int32_t n, cap;
};

/* An item that returns from a call of a rule, chained by rule. */
struct moe__place_return {
    struct moe__place_item item;
    int32_t next; /* or -1 */
};

struct moe__places {
    struct moe__mem *mem;
    const struct moe__grammar *grammar;
    int32_t reach;
    int32_t closure;           /* the number of the step */
    struct moe__place *places; /* [n_places], 0 is NONE */
    int32_t n_places, cap_places;
    struct moe__place_list items;
    int32_t *slots; /* [cap_slots] hash -> place or -1; a power of two */
    int32_t cap_slots;
    int32_t
        *nexts; /* [n_nexts, n_classes] places, MOE__PLACE_UNKNOWN or NONE */
    int32_t n_nexts, cap_nexts;
    size_t tidy_bytes;
    /* Of one step: */
    struct moe__place_list arrived;
    struct moe__place_list result;
    struct moe__place_list set;        /* one place before it is interned */
    struct moe__place_list plain;      /* with normal counts */
    struct moe__place_return *returns; /* [n_returns] */
    int32_t n_returns, cap_returns;
    int32_t *heads;    /* [n_rules] of returns, -1: not called */
    uint64_t *pending; /* [n_rules] bits: called and not yet entered */
};

/* Between grammar_places.c and grammar_match.c: lists, and places as numbers.
 */
const struct moe__place_item *moe__place_items(const struct moe__places *p,
                                               int32_t place);
/* Sorts it, each item once. */
void moe__place_list_tidy(struct moe__place_list *list);
/* Forgets what a step that failed had begun. */
void moe__places_clear(struct moe__places *p);
moe_status moe__places_add(struct moe__places *p, struct moe__place_list *list,
                           struct moe__place_item item);
/* The place of sorted items, apart; its normal one is made before it. */
moe_status moe__places_intern(struct moe__places *p,
                              const struct moe__place_item *items, int32_t n,
                              int32_t *out);
/* The place of items in any order; they are tidied. */
moe_status moe__places_of(struct moe__places *p, struct moe__place_list *list,
                          int32_t *out);
/* Without a place; to be destroyed also after a failure. */
moe_status moe__places_begin(struct moe__mem *mem,
                             const struct moe__grammar *grammar, int32_t reach,
                             struct moe__places **out);

/* reach: the longest text for which normal places must agree; 0: no limit, each
 * place is its own normal. */
moe_status moe__places_create(struct moe__mem *mem,
                              const struct moe__grammar *grammar, int32_t reach,
                              struct moe__places **out, int32_t *start);
/* What the roots [n] need, and renumbers them; to be destroyed also after a
 * failure. */
moe_status moe__places_copy(struct moe__mem *mem,
                            const struct moe__places *places, int32_t *roots,
                            int32_t n, struct moe__places **out);
void moe__places_destroy(struct moe__places *places);
/* The place after a byte; MOE__PLACE_NONE if it is forbidden.  On failure (no
 * memory; MOE_ERR_UNSUPPORTED: beyond the limits) *place is unchanged. */
moe_status moe__places_step(struct moe__places *places, uint8_t byte,
                            int32_t *place);
/* The same if it was worked out before, else UNKNOWN. */
MOE__INLINE int32_t moe__places_known(const struct moe__places *places,
                                      int32_t place, uint8_t byte)
{
    const struct moe__place *from = &places->places[place];
    const int32_t class = places->grammar->class_of[byte];
    return from->nexts >= 0        ? places->nexts[from->nexts + class]
           : from->one[0] == class ? from->one[1]
                                   : MOE__PLACE_UNKNOWN;
}
int32_t moe__places_normal(const struct moe__places *places, int32_t place);
bool moe__places_can_end(const struct moe__places *places, int32_t place);
/* The bytes that may follow: how many, and the first. */
int32_t moe__places_bytes(const struct moe__places *places, int32_t place,
                          uint8_t *first);
/* Frees all that the roots [n] do not need, and renumbers them, if it has
 * become much; whether it did. */
bool moe__places_tidy(struct moe__places *places, int32_t *roots, int32_t n);

/* ------------------------------------------------------------------ trie */

/* Sorts of bytes and of characters: a token has those of its bytes, which below
 * 128 are ranges; REST if it is not all of whole characters. */
#define MOE__TRIE_SHORT 32
#define MOE__TRIE_SORTS 31
#define MOE__TRIE_CHARS 29 /* characters of several bytes */
#define MOE__TRIE_REST 30
/* Rows of tokens: by sort, then those with more than n characters for each n
 * up to SHORT; with more than 0 are all that have bytes. */
#define MOE__TRIE_ROW_LONGER MOE__TRIE_SORTS
#define MOE__TRIE_N_ROWS (MOE__TRIE_SORTS + MOE__TRIE_SHORT)
/* The sort of ASCII bytes from first[i] on; ends with 128. */
extern const uint8_t moe__trie_sort_first[MOE__TRIE_CHARS + 1];

struct moe__trie_node {
    uint32_t end;   /* the node after all below this one */
    uint32_t first; /* token; they end where those of the next node begin */
    uint32_t sorts; /* bits: of all tokens here and below */
    uint8_t byte;
    bool has_token;
    uint16_t depth; /* 1 below the root, which is no node */
};

/* Depth first, children by byte; first the tokens of up to SHORT bytes, then
 * the others, in a trie of their own. */
struct moe__trie {
    struct moe__mem *mem;
    struct moe__trie_node *nodes; /* [n_nodes + 1] */
    int32_t *tokens;              /* [n_tokens] those with bytes */
    uint64_t *is_long;            /* [n_words] bits of the others */
    uint64_t *rows;               /* [N_ROWS, n_words] bits of tokens */
    uint32_t n_nodes, n_short_nodes;
    int32_t n_tokens;
    int32_t n_vocab;
    int32_t n_words; /* of a mask */
    int32_t max_depth;
};

#endif
