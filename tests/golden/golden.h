/* golden.h: reading of golden.json files and comparing of logits. */
#ifndef MOE_TEST_GOLDEN_H
#define MOE_TEST_GOLDEN_H

#include <math.h>
#include <moe.h>

#include "test.h"

#define MAX_IDS 512

/* The numbers of the first array named `key` at or after `text`; the end of the
 * array goes to *rest.  -1: there is none. */
static inline int golden_array(const char *text, const char *key,
                               moe_token *ids, const char **rest)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *at = strstr(text, quoted);
    int n = 0;
    if (at == NULL || (at = strchr(at, '[')) == NULL)
        return -1;
    for (at++; *at != ']' && *at != 0 && n < MAX_IDS; at++) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end != at)
            ids[n++] = (moe_token)value;
        at = end != at ? end - 1 : at;
    }
    if (rest != NULL)
        *rest = at;
    return n;
}

/* The first number named `key` at or after `text`; NaN: there is none. */
static inline double golden_number(const char *text, const char *key)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    return at == NULL ? NAN : strtod(at + strlen(quoted), NULL);
}

/* Largest |a - b|; NaN counts as infinity. */
static inline double golden_distance(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst))
            worst = d == d ? d : INFINITY;
    }
    return worst;
}

static inline int golden_argmax(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* A context with all logits and a KV store in f32, or NULL with a failure
 * recorded.  The model is closed at once: the context holds it. */
static inline moe_context *golden_open(const char *path, const char *meta,
                                       moe_backend backend, int *n_vocab)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_model_info info = {.struct_size = sizeof info};
    moe_model_params mp = {.struct_size = sizeof mp};
    moe_context_params cp = {.struct_size = sizeof cp};
    mp.meta = &meta;
    mp.n_meta = meta != NULL;
    cp.kv = MOE_KV_F32;
    cp.backend = backend;
    cp.logits = MOE_LOGITS_ALL;
    cp.n_threads = 2;
    if (moe_model_open(path, &mp, &model, &why) == MOE_OK)
        moe_context_create(model, &cp, &ctx, &why);
    CHECK(ctx != NULL, "%s: %s", path, why.message);
    if (ctx != NULL && moe_model_describe(model, &info) == MOE_OK)
        *n_vocab = info.n_vocab;
    moe_model_close(model);
    return ctx;
}

/* Continues greedily from the last logits and compares with `expected`. */
static inline void golden_continue(moe_context *ctx, int n_vocab,
                                   const moe_token *expected, int n)
{
    for (int i = 0; i < n; i++) {
        const float *logits = moe_context_logits(ctx, -1);
        moe_token next = logits ? golden_argmax(logits, n_vocab) : -1;
        CHECK(next == expected[i], "token %d: %d, expected %d", i, next,
              expected[i]);
        if (next != expected[i] ||
            moe_context_eval(ctx, &next, 1, NULL) != MOE_OK)
            return;
    }
}

#endif
