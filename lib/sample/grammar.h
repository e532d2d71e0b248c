/* grammar.h: which tokens may come next.
 *
 *     front end (GBNF, regex, choices, JSON Schema)
 *         -> builder: expressions over bytes, rules that may recur
 *         -> moe__grammar: compiled, immutable, any thread
 *     vocabulary -> moe__trie: tokens by their bytes, immutable, any thread
 *     both -> moe__constraint: where a text stands; masks; one caller at a time
 *
 * All works on bytes, so tokens that are part of a character, or of several,
 * are judged exactly.  A mask never lets a text into a place from which the end
 * cannot be reached. */
#ifndef MOE_SAMPLE_GRAMMAR_H
#define MOE_SAMPLE_GRAMMAR_H

#include "base/text.h"

/* -------------------------------------------------------------- building */

/* An expression in a builder; negative after a failure. */
typedef int32_t moe__expr;

struct moe__grammar_builder;

/* A failure is kept in the builder and told by moe__grammar_finish: calls in
 * between need no check. */
moe_status moe__grammar_begin(struct moe__mem *mem,
                              struct moe__grammar_builder **out,
                              struct moe__err *err);
void moe__grammar_discard(struct moe__grammar_builder *builder);

/* These bytes; none: the empty text. */
moe__expr moe__grammar_bytes(struct moe__grammar_builder *builder,
                             struct moe__slice bytes);
/* One code point, as UTF-8, of n ranges; is_negated: of all others. */
struct moe__code_range {
    uint32_t first;
    uint32_t last;
};
moe__expr moe__grammar_codes(struct moe__grammar_builder *builder,
                             const struct moe__code_range *ranges, int32_t n,
                             bool is_negated);
/* One after the other. */
moe__expr moe__grammar_join(struct moe__grammar_builder *builder,
                            const moe__expr *parts, int32_t n);
/* One of them; n = 0: nothing matches. */
moe__expr moe__grammar_either(struct moe__grammar_builder *builder,
                              const moe__expr *parts, int32_t n);
/* From least to most times, most = -1: without end. */
moe__expr moe__grammar_repeat(struct moe__grammar_builder *builder,
                              moe__expr part, int32_t least, int32_t most);
/* A rule, to be defined later, at most once; rules may use one another. */
moe__expr moe__grammar_rule(struct moe__grammar_builder *builder);
void moe__grammar_define(struct moe__grammar_builder *builder, moe__expr rule,
                         moe__expr body);
/* What failures call the rule; without a name it has a number, from 1. */
void moe__grammar_name(struct moe__grammar_builder *builder, moe__expr rule,
                       struct moe__slice name);
/* Keeps the first failure of a front end. */
void moe__grammar_fail(struct moe__grammar_builder *builder,
                       const struct moe__err *why);

struct moe__grammar;

/* Compiles what `start` matches, and ends the builder in any case.  Refuses by
 * name: undefined rules, left recursion, a start that matches no text, sizes
 * beyond the limits. */
moe_status moe__grammar_finish(struct moe__grammar_builder *builder,
                               moe__expr start, struct moe__grammar **out,
                               struct moe__err *err);
void moe__grammar_destroy(struct moe__grammar *grammar);

/* Front ends of this room.  GBNF as llama.cpp defines it, from `root`.  Regular
 * expressions (the whole text must match): the linear-time subset; what is not
 * in it is refused with its column. */
moe_status moe__grammar_from_gbnf(struct moe__mem *mem, struct moe__slice text,
                                  struct moe__grammar **out,
                                  struct moe__err *err);
moe__expr moe__grammar_regex(struct moe__grammar_builder *builder,
                             struct moe__slice pattern, bool is_anchored);
moe_status moe__grammar_from_regex(struct moe__mem *mem,
                                   struct moe__slice pattern,
                                   struct moe__grammar **out,
                                   struct moe__err *err);
moe_status moe__grammar_from_choices(struct moe__mem *mem,
                                     const struct moe__slice *choices,
                                     int32_t n, struct moe__grammar **out,
                                     struct moe__err *err);

/* ------------------------------------------------------------- vocabulary */

struct moe__trie;

/* pieces [n_vocab]: what each token writes; an empty one is never allowed.  The
 * bytes are borrowed and must live longer. */
moe_status moe__trie_create(struct moe__mem *mem,
                            const struct moe__slice *pieces, int32_t n_vocab,
                            struct moe__trie **out, struct moe__err *err);
void moe__trie_destroy(struct moe__trie *trie);

/* --------------------------------------------------------------- matching */

struct moe__constraint;

/* Both are borrowed.  trie NULL: only bytes can be asked about. */
moe_status moe__constraint_create(struct moe__mem *mem,
                                  const struct moe__grammar *grammar,
                                  const struct moe__trie *trie,
                                  struct moe__constraint **out,
                                  struct moe__err *err);
void moe__constraint_destroy(struct moe__constraint *constraint);
moe_status moe__constraint_clone(struct moe__mem *mem,
                                 const struct moe__constraint *constraint,
                                 struct moe__constraint **out,
                                 struct moe__err *err);
/* Back to the start; cached masks stay. */
void moe__constraint_reset(struct moe__constraint *constraint);
/* Goes on by these bytes; MOE_ERR_ARGUMENT (and the place unchanged) if the
 * grammar forbids one of them. */
moe_status moe__constraint_accept(struct moe__constraint *constraint,
                                  struct moe__slice bytes);
/* The text may end here. */
bool moe__constraint_can_end(const struct moe__constraint *constraint);
/* The text must end here: nothing may follow. */
bool moe__constraint_must_end(const struct moe__constraint *constraint);
/* Bit t of word t / 64: token t may come next.  Lent until the next call.  NULL
 * only if there was no memory. */
const uint64_t *moe__constraint_mask(struct moe__constraint *constraint);
/* Appends the bytes that every continuation starts with (as long as the text
 * may not end and the next byte is the only one). */
void moe__constraint_forced(struct moe__constraint *constraint,
                            struct moe__text *out);

#endif
