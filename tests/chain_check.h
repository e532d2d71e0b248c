/* chain_check.h: chains for tests, and memory that runs out. */
#ifndef MOE_CHAIN_CHECK_H
#define MOE_CHAIN_CHECK_H

#include "sample/sample.h"
#include "test.h"

static struct moe__mem mem;

static inline struct moe__chain *chain_of(int32_t n_vocab, uint64_t seed,
                                          const moe_stage *stages, int n_stages)
{
    struct moe__chain *chain = NULL;
    struct moe__err err = {0};
    if (mem.hook.alloc == NULL)
        moe__mem_init(&mem, NULL);
    moe_status status = moe__chain_create(&mem, n_vocab, seed, &chain, &err);
    for (int i = 0; status == MOE_OK && i < n_stages; i++)
        status = moe__chain_add(chain, &stages[i], &err);
    CHECK(status == MOE_OK, "%s", err.message);
    return chain;
}

/* A hook that gives out `allowance` allocations and then none. */
static int allowance;

static inline void *scarce_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    (void)align;
    return allowance-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static inline void scarce_free(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(memory);
}

#endif
