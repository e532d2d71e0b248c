/* chain.c: a chain of stages with its memory, its history and its draw.
 *
 * Owns the candidates and the stages; all of it is taken when the chain is
 * created or a stage is added.  The random number of a draw is number
 * n_accepted of the seed's stream, so picking changes nothing. */
#include "base/bytes.h"
#include "base/math.h"
#include "base/rng.h"
#include "sample/stages.h"

#include <math.h> /* INFINITY and NAN only */

struct moe__chain {
    struct moe__mem *mem;
    struct moe__candidate *candidates; /* [n_vocab] */
    float *logits;                     /* [n_vocab] */
    const uint64_t *mask;              /* borrowed; NULL: none */
    uint64_t seed;
    uint64_t n_accepted;
    int32_t n_vocab;
    int32_t n_stages;
    struct moe__stage stages[MOE__MAX_STAGES];
};

moe_status moe__chain_create(struct moe__mem *mem, int32_t n_vocab,
                             uint64_t seed, struct moe__chain **out,
                             struct moe__err *err)
{
    *out = NULL;
    if (n_vocab < 1)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "sampler: n_vocab must be 1 or more, is %d", n_vocab);
    struct moe__chain *chain = moe__mem_calloc(mem, 1, sizeof *chain);
    if (chain != NULL) {
        chain->mem = mem;
        chain->seed = seed;
        chain->n_vocab = n_vocab;
        chain->candidates =
            moe__mem_calloc(mem, (size_t)n_vocab, sizeof *chain->candidates);
        chain->logits =
            moe__mem_calloc(mem, (size_t)n_vocab, sizeof *chain->logits);
    }
    if (chain == NULL || chain->candidates == NULL || chain->logits == NULL) {
        moe__chain_destroy(chain);
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "sampler: no memory for %d candidates", n_vocab);
    }
    *out = chain;
    return MOE_OK;
}

void moe__chain_destroy(struct moe__chain *chain)
{
    if (chain == NULL)
        return;
    struct moe__mem *mem = chain->mem;
    const size_t n_vocab = (size_t)chain->n_vocab;
    for (int32_t i = 0; i < chain->n_stages; i++)
        moe__stage_destroy(&chain->stages[i]);
    moe__mem_free(mem, chain->logits, n_vocab * sizeof *chain->logits);
    moe__mem_free(mem, chain->candidates, n_vocab * sizeof *chain->candidates);
    moe__mem_free(mem, chain, sizeof *chain);
}

moe_status moe__chain_add(struct moe__chain *chain, const moe_stage *stage,
                          struct moe__err *err)
{
    const int32_t n = chain->n_stages;
    if (n == MOE__MAX_STAGES)
        return moe__fail(err, MOE_ERR_STATE,
                         "sampler: a chain has at most %d stages",
                         MOE__MAX_STAGES);
    if (n > 0 && moe__stage_is_last(&chain->stages[n - 1]))
        return moe__fail(err, MOE_ERR_STATE,
                         "sampler: nothing may follow mirostat or adaptive-p");
    moe_status status = moe__stage_create(chain->mem, stage, chain->n_vocab,
                                          &chain->stages[n], err);
    if (status == MOE_OK)
        chain->n_stages++;
    else
        moe__stage_destroy(&chain->stages[n]);
    return status;
}

moe_status moe__chain_clone(struct moe__mem *mem,
                            const struct moe__chain *chain,
                            struct moe__chain **out, struct moe__err *err)
{
    MOE__TRY(moe__chain_create(mem, chain->n_vocab, chain->seed, out, err));
    for (int32_t i = 0; i < chain->n_stages; i++) {
        const struct moe__stage *from = &chain->stages[i];
        moe_status status = moe__chain_add(*out, &from->set, err);
        if (status != MOE_OK) {
            moe__chain_destroy(*out);
            *out = NULL;
            return status;
        }
        moe__stage_copy(&(*out)->stages[i], from);
    }
    (*out)->n_accepted = chain->n_accepted;
    return MOE_OK;
}

void moe__chain_set_mask(struct moe__chain *chain, const uint64_t *mask)
{
    chain->mask = mask;
}

/* Number n_accepted of a stream of each stage's own. */
static double stage_chance(const struct moe__chain *chain, int32_t stage)
{
    return moe__rng_f64(chain->seed ^ moe__rng_mix((uint64_t)stage + 1),
                        chain->n_accepted);
}

static struct moe__candidates chain_pool(const struct moe__chain *chain)
{
    const struct moe__candidates pool = {.items = chain->candidates,
                                         .logits = chain->logits,
                                         .n_vocab = chain->n_vocab};
    return pool;
}

/* The pool after all stages: a list in no order. */
static struct moe__candidates chain_run(struct moe__chain *chain,
                                        const float *logits)
{
    struct moe__candidates pool = chain_pool(chain);
    pool.mask = chain->mask;
    moe__candidates_load(&pool, logits);
    for (int32_t i = 0; i < chain->n_stages; i++) {
        chain->stages[i].chance = stage_chance(chain, i);
        moe__stage_apply(&chain->stages[i], &pool);
    }
    moe__candidates_list(&pool);
    return pool;
}

void moe__chain_apply(struct moe__chain *chain, const float *logits,
                      const struct moe__candidate **candidates, int32_t *n)
{
    struct moe__candidates pool = chain_run(chain, logits);
    moe__candidates_sort(&pool, pool.n);
    double total = moe__candidates_weigh(&pool);
    for (int32_t i = 0; i < pool.n; i++)
        pool.items[i].p = (float)((double)pool.items[i].p / total);
    *candidates = pool.items;
    *n = pool.n;
}

/* The first candidate, best first, at which the running sum of probabilities
 * exceeds a uniform number in [0, 1). */
moe_token moe__chain_pick(struct moe__chain *chain, const float *logits)
{
    struct moe__candidates pool = chain_run(chain, logits);
    if (pool.n == 1)
        return pool.items[0].id;
    double u = moe__rng_f64(chain->seed, chain->n_accepted);
    double total = moe__candidates_weigh(&pool);
    return pool.items[moe__candidates_front(&pool, u * total) - 1].id;
}

void moe__chain_accept(struct moe__chain *chain, moe_token token)
{
    assert(token >= 0 && token < chain->n_vocab);
    chain->n_accepted++;
    for (int32_t i = 0; i < chain->n_stages; i++)
        moe__stage_accept(&chain->stages[i], token);
}

void moe__chain_reset(struct moe__chain *chain)
{
    chain->n_accepted = 0;
    for (int32_t i = 0; i < chain->n_stages; i++)
        moe__stage_reset(&chain->stages[i]);
}

/* ln p = (logit - max) - ln sum(exp(logit - max)); NaN has no probability. */
static float logprob_of(float logit, float max, double ln_sum)
{
    return logit == logit ? (float)(moe__candidates_gap(logit, max) - ln_sum)
                          : -INFINITY;
}

void moe__chain_logprobs(struct moe__chain *chain, const float *logits,
                         moe_logprob *chosen, moe_logprob *top, int32_t n_top)
{
    struct moe__candidates pool = chain_pool(chain);
    moe__candidates_load(&pool, logits);
    moe__candidates_keep(&pool, moe__max_i32(n_top, 1));
    const float max = pool.items[0].logit;
    double sum = 0;
    for (int32_t i = 0; i < chain->n_vocab; i++)
        if (logits[i] == logits[i])
            sum += moe__exp(moe__candidates_gap(logits[i], max));
    const double ln_sum = sum > 0 ? moe__log(sum) : 0;
    for (int32_t i = 0; i < n_top; i++) {
        const struct moe__candidate none = {.id = MOE_TOKEN_NONE, .logit = NAN};
        const struct moe__candidate item = i < pool.n ? pool.items[i] : none;
        top[i].token = item.id;
        top[i].logprob = logprob_of(item.logit, max, ln_sum);
    }
    if (chosen != NULL)
        chosen->logprob = logprob_of(logits[chosen->token], max, ln_sum);
}

int32_t moe__chain_vocab(const struct moe__chain *chain)
{
    return chain->n_vocab;
}
