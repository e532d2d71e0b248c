/* prop.h: models and helpers of the property tests. */
#ifndef MOE_TEST_PROP_H
#define MOE_TEST_PROP_H

#include <moe.h>

#include "test.h"

/* A malloc that counts and can be told to fail. */
struct counter {
    long n_alloc; /* calls so far */
    long n_live;  /* blocks out */
    size_t live;  /* bytes out */
    size_t peak;
    long fail_at; /* this call fails, counted from 1; 0: none */
    int fails_on; /* and all after it */
};

static inline void *counter_alloc(void *user, size_t bytes, size_t align)
{
    struct counter *c = user;
    void *p = NULL;
    c->n_alloc++;
    if (c->fail_at > 0 &&
        (c->n_alloc == c->fail_at || (c->fails_on && c->n_alloc > c->fail_at)))
        return NULL;
    size_t rounded = (bytes + align - 1) / align * align;
    if ((p = aligned_alloc(align, rounded)) == NULL)
        return NULL;
    memset(p, 0xa5, bytes); /* nobody may rely on cleared memory */
    c->n_live++;
    c->live += bytes;
    c->peak = c->live > c->peak ? c->live : c->peak;
    return p;
}

static inline void counter_free(void *user, void *memory, size_t bytes)
{
    struct counter *c = user;
    if (memory == NULL)
        return;
    c->n_live--;
    c->live -= bytes;
    free(memory);
}

static inline moe_allocator counter_hook(struct counter *c)
{
    return (moe_allocator){sizeof(moe_allocator), c, counter_alloc,
                           counter_free};
}

static inline moe_model *prop_open(const char *path)
{
    moe_error why = {0};
    moe_model *model = NULL;
    if (path != NULL)
        moe_model_open(path, NULL, &model, &why);
    CHECK(model != NULL, "%s: %s", path ? path : "missing", why.message);
    return model;
}

/* Ids that look random but are the same in every run. */
static inline void prop_ids(moe_token *ids, int n, int n_vocab, uint32_t seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        ids[i] = (moe_token)((seed >> 8) % (uint32_t)n_vocab);
    }
}

static inline int prop_n_vocab(const moe_model *model)
{
    moe_model_info info = {.struct_size = sizeof info};
    return moe_model_describe(model, &info) == MOE_OK ? info.n_vocab : 0;
}

#define TINY_Q8 "examples/models/tiny-mixtral-q8_0.gguf"
#define TINY_Q4 "tests/data/tiny-mixtral-q4_k_m.gguf"

#endif
