/* sample.h: logits -> token, as a chain of stages over candidates.
 *
 * Formulas and noop rules: docs/numerics.md, "Sampling".  Candidates are
 * ordered by logit descending, then id ascending.  A NaN logit comes after all
 * others: it is no candidate, unless all are NaN: then the first token that is
 * allowed is the only one. */
#ifndef MOE_SAMPLE_SAMPLE_H
#define MOE_SAMPLE_SAMPLE_H

#include "base/alloc.h"

#define MOE__MAX_STAGES 16

struct moe__candidate {
    moe_token id;
    float logit;
    float p; /* filled by stages that need it */
};

struct moe__chain;

/* Memory for n_vocab candidates is taken here; n_vocab >= 1. */
moe_status moe__chain_create(struct moe__mem *mem, int32_t n_vocab,
                             uint64_t seed, struct moe__chain **out,
                             struct moe__err *err);
void moe__chain_destroy(struct moe__chain *chain);
/* The copy has its own memory from `mem`, and no mask. */
moe_status moe__chain_clone(struct moe__mem *mem,
                            const struct moe__chain *chain,
                            struct moe__chain **out, struct moe__err *err);

/* Appends a stage, with copies of its arrays.  It sees the tokens that are
 * accepted from now on. */
moe_status moe__chain_add(struct moe__chain *chain, const moe_stage *stage,
                          struct moe__err *err);
/* Only tokens t with bit t % 64 of mask[t / 64] set are candidates from now
 * on: at least one.  mask [(n_vocab + 63) / 64] is borrowed; NULL: all. */
void moe__chain_set_mask(struct moe__chain *chain, const uint64_t *mask);
/* Runs the stages over logits [n_vocab]; the candidates that are left, best
 * first, with probabilities p that sum to 1, are lent until the next call. */
void moe__chain_apply(struct moe__chain *chain, const float *logits,
                      const struct moe__candidate **candidates, int32_t *n);
/* Applies and draws: a pure function of logits, mask, stages, history, seed and
 * the number of accepted tokens.  A chain without stages draws from softmax. */
moe_token moe__chain_pick(struct moe__chain *chain, const float *logits);
/* token in [0, n_vocab). */
void moe__chain_accept(struct moe__chain *chain, moe_token token);
void moe__chain_reset(struct moe__chain *chain);
int32_t moe__chain_vocab(const struct moe__chain *chain);

/* Natural logarithms of the softmax of logits [n_vocab], no mask, no stage: of
 * chosen->token, unless chosen is NULL, and of the n_top likeliest, in order.
 * n_top <= n_vocab. */
void moe__chain_logprobs(struct moe__chain *chain, const float *logits,
                         moe_logprob *chosen, moe_logprob *top, int32_t n_top);

#endif
