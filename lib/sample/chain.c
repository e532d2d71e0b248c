/* chain.c: a chain of stages with its memory, its history and its draw.
 *
 * Owns the candidates, the stages and their rings; all of it is taken when the
 * chain is created or a stage is added.  The random number of a draw is number
 * n_accepted of the seed's stream, so picking changes nothing. */
#include "base/bytes.h"
#include "base/rng.h"
#include "sample/stages.h"

struct moe__chain {
    struct moe__mem *mem;
    struct moe__candidate *candidates; /* [n_vocab] */
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
    }
    if (chain == NULL || chain->candidates == NULL) {
        moe__chain_destroy(chain);
        return moe__fail(err, MOE_ERR_NO_MEMORY,
                         "sampler: no memory for %d candidates", n_vocab);
    }
    *out = chain;
    return MOE_OK;
}

static size_t ring_bytes(const struct moe__stage *stage)
{
    return (size_t)stage->set.count * sizeof *stage->ring;
}

static size_t uses_bytes(const struct moe__chain *chain)
{
    return (size_t)chain->n_vocab * sizeof *chain->stages[0].uses;
}

void moe__chain_destroy(struct moe__chain *chain)
{
    if (chain == NULL)
        return;
    struct moe__mem *mem = chain->mem;
    for (int32_t i = 0; i < chain->n_stages; i++) {
        struct moe__stage *stage = &chain->stages[i];
        if (stage->ring == NULL)
            continue;
        moe__mem_free(mem, stage->ring, ring_bytes(stage));
        moe__mem_free(mem, stage->uses, uses_bytes(chain));
    }
    moe__mem_free(mem, chain->candidates,
                  (size_t)chain->n_vocab * sizeof *chain->candidates);
    moe__mem_free(mem, chain, sizeof *chain);
}

static moe_status take_ring(struct moe__chain *chain, struct moe__stage *stage,
                            struct moe__err *err)
{
    size_t n = (size_t)stage->set.count;
    stage->ring = moe__mem_calloc(chain->mem, n, sizeof *stage->ring);
    stage->uses = moe__mem_calloc(chain->mem, 1, uses_bytes(chain));
    if (stage->ring != NULL && stage->uses != NULL)
        return MOE_OK;
    moe__mem_free(chain->mem, stage->ring, ring_bytes(stage));
    moe__mem_free(chain->mem, stage->uses, uses_bytes(chain));
    return moe__fail(err, MOE_ERR_NO_MEMORY,
                     "sampler: no memory for a penalty window of %d tokens",
                     stage->set.count);
}

moe_status moe__chain_add(struct moe__chain *chain, const moe_stage *stage,
                          struct moe__err *err)
{
    if (chain->n_stages == MOE__MAX_STAGES)
        return moe__fail(err, MOE_ERR_STATE,
                         "sampler: a chain has at most %d stages",
                         MOE__MAX_STAGES);
    MOE__TRY(moe__stage_check(stage, err));
    struct moe__stage added = {.set = *stage};
    if (stage->kind == MOE_STAGE_PENALTIES && stage->count > 0)
        MOE__TRY(take_ring(chain, &added, err));
    chain->stages[chain->n_stages++] = added;
    return MOE_OK;
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
        struct moe__stage *to = &(*out)->stages[i];
        to->n_ring = from->n_ring;
        to->next = from->next;
        if (from->ring != NULL) {
            memcpy(to->ring, from->ring, ring_bytes(from));
            memcpy(to->uses, from->uses, uses_bytes(chain));
        }
    }
    (*out)->n_accepted = chain->n_accepted;
    return MOE_OK;
}

/* The pool after all stages, in no order. */
static struct moe__candidates chain_run(struct moe__chain *chain,
                                        const float *logits)
{
    struct moe__candidates pool = {.items = chain->candidates};
    for (int32_t id = 0; id < chain->n_vocab; id++) {
        pool.items[pool.n].id = id;
        pool.items[pool.n].logit = logits[id];
        pool.n += logits[id] == logits[id]; /* NaN differs from itself */
    }
    if (pool.n == 0)
        pool.items[pool.n++] = (struct moe__candidate){0};
    for (int32_t i = 0; i < chain->n_stages; i++)
        moe__stage_apply(&chain->stages[i], &pool);
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
    for (int32_t i = 0; i < chain->n_stages; i++) {
        struct moe__stage *stage = &chain->stages[i];
        if (stage->ring == NULL)
            continue;
        if (stage->n_ring == stage->set.count)
            stage->uses[stage->ring[stage->next]]--;
        else
            stage->n_ring++;
        stage->uses[token]++;
        stage->ring[stage->next] = token;
        stage->next = (stage->next + 1) % stage->set.count;
    }
}

void moe__chain_reset(struct moe__chain *chain)
{
    chain->n_accepted = 0;
    for (int32_t i = 0; i < chain->n_stages; i++) {
        struct moe__stage *stage = &chain->stages[i];
        stage->n_ring = 0;
        stage->next = 0;
        if (stage->uses != NULL)
            memset(stage->uses, 0, uses_bytes(chain));
    }
}

int32_t moe__chain_vocab(const struct moe__chain *chain)
{
    return chain->n_vocab;
}
