/* sampler.c: the public area "sampler". */
#include "api/api.h"

static float value_or(float value, float otherwise)
{
    return value != 0 ? value : otherwise;
}

static int32_t count_or(int32_t count, int32_t otherwise)
{
    return count != 0 ? count : otherwise;
}

/* The usual chain, one stage for each field that is set. */
static moe_status add_usual_stages(struct moe__chain *chain,
                                   const moe_sampler_params *p,
                                   const struct moe__ids *breakers,
                                   struct moe__err *err)
{
    const bool has_penalty =
        (p->repeat_penalty != 0 && p->repeat_penalty != 1) ||
        p->frequency_penalty != 0 || p->presence_penalty != 0;
    const bool is_filtered = p->mirostat == 0;
    const float tau = value_or(p->mirostat_tau, 5);
    const float eta = value_or(p->mirostat_eta, 0.1f);
    const struct {
        bool is_on;
        moe_stage stage;
    } usual[] = {
        {p->n_biases > 0,
         {.kind = MOE_STAGE_BIAS,
          .biases = p->biases,
          .n_biases = p->n_biases}},
        {has_penalty,
         {.kind = MOE_STAGE_PENALTIES,
          .count = count_or(p->penalty_window, 64),
          .value = value_or(p->repeat_penalty, 1),
          .value2 = p->frequency_penalty,
          .value3 = p->presence_penalty}},
        {p->dry_multiplier > 0,
         {.kind = MOE_STAGE_DRY,
          .count = count_or(p->dry_window, 1024),
          .value = p->dry_multiplier,
          .value2 = value_or(p->dry_base, 1.75f),
          .count2 = count_or(p->dry_allowed_length, 2),
          .breakers = breakers->ids,
          .n_breakers = breakers->n}},
        {is_filtered && p->top_n_sigma > 0,
         {.kind = MOE_STAGE_TOP_N_SIGMA, .value = p->top_n_sigma}},
        {is_filtered && p->top_k > 0,
         {.kind = MOE_STAGE_TOP_K, .count = p->top_k}},
        {is_filtered && p->typical_p > 0 && p->typical_p < 1,
         {.kind = MOE_STAGE_TYPICAL, .value = p->typical_p}},
        {is_filtered && p->top_p > 0 && p->top_p < 1,
         {.kind = MOE_STAGE_TOP_P, .value = p->top_p}},
        {is_filtered && p->min_p > 0,
         {.kind = MOE_STAGE_MIN_P, .value = p->min_p}},
        {is_filtered && p->xtc_probability > 0,
         {.kind = MOE_STAGE_XTC,
          .value = p->xtc_probability,
          .value2 = value_or(p->xtc_threshold, 0.1f)}},
        {true,
         {.kind = MOE_STAGE_TEMPERATURE,
          .value = p->temperature,
          .value2 = p->dynatemp_range,
          .value3 = p->dynatemp_exponent}},
        {p->mirostat == 1,
         {.kind = MOE_STAGE_MIROSTAT_1, .value = tau, .value2 = eta}},
        {p->mirostat == 2,
         {.kind = MOE_STAGE_MIROSTAT_2, .value = tau, .value2 = eta}},
    };
    for (size_t i = 0; i < MOE__COUNT(usual); i++)
        if (usual[i].is_on)
            MOE__TRY(moe__chain_add(chain, &usual[i].stage, err));
    return MOE_OK;
}

static moe_status add_stages(moe_sampler *sampler, const moe_sampler_params *p,
                             struct moe__err *err)
{
    struct moe__ids breakers;
    moe__ids_init(&breakers, &sampler->mem);
    moe_status status = MOE_OK;
    if (p->dry_multiplier > 0 || p->n_dry_breakers > 0)
        status = moe__breakers_encode(p, moe__chain_vocab(sampler->chain),
                                      &breakers, err);
    if (status == MOE_OK)
        status = add_usual_stages(sampler->chain, p, &breakers, err);
    moe__ids_free(&breakers);
    return status;
}

/* A sampler without a chain, from the host's allocator. */
static moe_sampler *sampler_alloc(const moe_allocator *hook)
{
    struct moe__mem mem;
    moe__mem_init(&mem, hook);
    moe_sampler *sampler = moe__mem_alloc(&mem, sizeof *sampler);
    if (sampler != NULL) {
        memset(sampler, 0, sizeof *sampler);
        moe__mem_init(&sampler->mem, hook);
    }
    return sampler;
}

void moe_sampler_destroy(moe_sampler *sampler)
{
    struct moe__mem mem;
    if (sampler == NULL)
        return;
    moe__mem_init(&mem, &sampler->mem.hook);
    moe__chain_destroy(sampler->chain);
    moe__binding_destroy(sampler->binding);
    moe__mem_free(&mem, sampler, sizeof *sampler);
}

static moe_status sampler_create(int32_t n_vocab,
                                 const moe_sampler_params *params,
                                 moe_sampler **out, struct moe__err *err)
{
    moe_sampler_params p;
    MOE__TRY(moe__params_copy(MOE_PARAMS_SAMPLER, &p, params, err));
    if (n_vocab < 1 || n_vocab > 1 << 24)
        return moe__fail(err, MOE_ERR_ARGUMENT,
                         "n_vocab: expected 1 to 2^24, found %d", n_vocab);
    moe_sampler *sampler = sampler_alloc(p.allocator);
    if (sampler == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a sampler");
    moe_status status =
        moe__chain_create(&sampler->mem, n_vocab, p.seed, &sampler->chain, err);
    if (status == MOE_OK && !p.is_empty)
        status = add_stages(sampler, &p, err);
    if (status != MOE_OK) {
        moe_sampler_destroy(sampler);
        return status;
    }
    *out = sampler;
    return MOE_OK;
}

moe_status moe_sampler_create(int32_t n_vocab, const moe_sampler_params *params,
                              moe_sampler **out, moe_error *err)
{
    struct moe__err why = {0};
    if (out == NULL)
        return MOE_ERR_ARGUMENT;
    *out = NULL;
    return moe__error_out(err, &why,
                          sampler_create(n_vocab, params, out, &why));
}

static moe_status sampler_clone(const moe_sampler *sampler, moe_sampler **out,
                                struct moe__err *err)
{
    moe_sampler *copy = sampler_alloc(&sampler->mem.hook);
    if (copy == NULL)
        return moe__fail(err, MOE_ERR_NO_MEMORY, "no memory for a sampler");
    moe_status status =
        moe__chain_clone(&copy->mem, sampler->chain, &copy->chain, err);
    if (status == MOE_OK && sampler->binding != NULL)
        status = moe__binding_clone(&copy->mem, sampler->binding,
                                    &copy->binding, err);
    if (status == MOE_OK)
        *out = copy;
    else
        moe_sampler_destroy(copy);
    return status;
}

moe_status moe_sampler_clone(const moe_sampler *sampler, moe_sampler **out,
                             moe_error *err)
{
    struct moe__err why = {0};
    if (out == NULL)
        return MOE_ERR_ARGUMENT;
    *out = NULL;
    if (sampler == NULL)
        return MOE_ERR_ARGUMENT;
    return moe__error_out(err, &why, sampler_clone(sampler, out, &why));
}

moe_status moe_sampler_add(moe_sampler *sampler, const moe_stage *stage,
                           moe_error *err)
{
    struct moe__err why = {0};
    moe_stage copy;
    moe_status status =
        sampler == NULL || stage == NULL
            ? moe__fail(&why, MOE_ERR_ARGUMENT,
                        "moe_sampler_add: sampler and stage must not be NULL")
            : moe__struct_copy(&copy, sizeof copy, stage, "moe_stage", &why);
    if (status == MOE_OK)
        status = moe__chain_add(sampler->chain, &copy, &why);
    return moe__error_out(err, &why, status);
}

/* Only tokens that the grammar allows are candidates of the chain. */
static moe_status sampler_mask(moe_sampler *sampler)
{
    const uint64_t *mask = NULL;
    if (sampler->binding != NULL)
        MOE__TRY(moe__binding_mask(sampler->binding, &mask));
    moe__chain_set_mask(sampler->chain, mask);
    return MOE_OK;
}

moe_status moe_sampler_pick(moe_sampler *sampler, const float *logits,
                            int32_t n_vocab, moe_token *token)
{
    if (sampler == NULL || logits == NULL || token == NULL ||
        n_vocab != moe__chain_vocab(sampler->chain))
        return MOE_ERR_ARGUMENT;
    MOE__TRY(sampler_mask(sampler));
    *token = moe__chain_pick(sampler->chain, logits);
    return MOE_OK;
}

moe_status moe_sampler_accept(moe_sampler *sampler, moe_token token)
{
    if (sampler == NULL || token < 0 ||
        token >= moe__chain_vocab(sampler->chain))
        return MOE_ERR_ARGUMENT;
    if (sampler->binding != NULL)
        MOE__TRY(moe__binding_accept(sampler->binding, token));
    moe__chain_accept(sampler->chain, token);
    return MOE_OK;
}

void moe_sampler_reset(moe_sampler *sampler)
{
    if (sampler == NULL)
        return;
    moe__chain_reset(sampler->chain);
    if (sampler->binding != NULL)
        moe__binding_reset(sampler->binding);
}

moe_status moe_sampler_constrain(moe_sampler *sampler, moe_grammar *grammar,
                                 moe_error *err)
{
    struct moe__err why = {0};
    struct moe__binding *binding = NULL;
    moe_status status = MOE_OK;
    if (sampler == NULL)
        return MOE_ERR_ARGUMENT;
    const int32_t n_vocab = moe__chain_vocab(sampler->chain);
    if (grammar != NULL && grammar->lexicon->n_vocab != n_vocab)
        status = moe__fail(&why, MOE_ERR_ARGUMENT,
                           "the grammar is for %d tokens, the sampler for %d",
                           grammar->lexicon->n_vocab, n_vocab);
    else if (grammar != NULL)
        status = moe__binding_create(&sampler->mem, grammar, &binding, &why);
    if (status == MOE_OK) {
        moe__chain_set_mask(sampler->chain, NULL);
        moe__binding_destroy(sampler->binding);
        sampler->binding = binding;
    }
    return moe__error_out(err, &why, status);
}

void moe__sampler_pause(moe_sampler *sampler, bool is_paused)
{
    if (sampler->binding != NULL)
        moe__binding_pause(sampler->binding, is_paused);
}

moe_status moe__sampler_begin(moe_sampler *sampler, struct moe__slice bytes)
{
    moe__binding_pause(sampler->binding, false);
    const moe_status status = moe__binding_begin(sampler->binding, bytes);
    if (status != MOE_OK)
        moe__binding_pause(sampler->binding, true);
    return status;
}

moe_text_end moe_sampler_text_end(const moe_sampler *sampler)
{
    return sampler == NULL || sampler->binding == NULL
               ? MOE_TEXT_MAY_END
               : moe__binding_end(sampler->binding);
}

moe_status moe_sampler_forced(moe_sampler *sampler, moe_token *tokens,
                              size_t cap, size_t *n)
{
    struct moe__ids ids;
    if (sampler == NULL || n == NULL || (tokens == NULL && cap > 0))
        return MOE_ERR_ARGUMENT;
    *n = 0;
    if (sampler->binding == NULL)
        return MOE_OK;
    moe__ids_init(&ids, &sampler->mem);
    const moe_status status = moe__binding_forced(sampler->binding, &ids);
    if (status == MOE_OK && ids.n > 0) {
        *n = ids.n < cap ? ids.n : cap;
        memcpy(tokens, ids.ids, *n * sizeof *tokens);
    }
    moe__ids_free(&ids);
    return status;
}

moe_status moe_sampler_candidates(moe_sampler *sampler, const float *logits,
                                  int32_t n_vocab, moe_token *tokens,
                                  float *probs, size_t cap, size_t *n)
{
    const struct moe__candidate *found;
    int32_t n_found;
    if (sampler == NULL || logits == NULL || n == NULL ||
        n_vocab != moe__chain_vocab(sampler->chain))
        return MOE_ERR_ARGUMENT;
    MOE__TRY(sampler_mask(sampler));
    moe__chain_apply(sampler->chain, logits, &found, &n_found);
    *n = (size_t)n_found;
    for (size_t i = 0; i < *n && i < cap; i++) {
        if (tokens != NULL)
            tokens[i] = found[i].id;
        if (probs != NULL)
            probs[i] = found[i].p;
    }
    return *n > cap && (tokens != NULL || probs != NULL) ? MOE_ERR_BUFFER
                                                         : MOE_OK;
}

moe_status moe_sampler_logprobs(moe_sampler *sampler, const float *logits,
                                int32_t n_vocab, moe_logprob *chosen,
                                moe_logprob *top, int32_t n_top)
{
    if (sampler == NULL || logits == NULL || n_top < 0 || n_top > n_vocab ||
        n_vocab != moe__chain_vocab(sampler->chain) ||
        (top == NULL && n_top > 0) ||
        (chosen != NULL && (chosen->token < 0 || chosen->token >= n_vocab)))
        return MOE_ERR_ARGUMENT;
    moe__chain_logprobs(sampler->chain, logits, chosen, top, n_top);
    return MOE_OK;
}
