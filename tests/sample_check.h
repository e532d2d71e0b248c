/* sample_check.h: what the tests of sampler stages share: random logits and
 * softmax, written out plainly in double. */
#ifndef MOE_SAMPLE_CHECK_H
#define MOE_SAMPLE_CHECK_H

#include "chain_check.h"

#include <math.h>

enum { n_wide = 700, most_left = 2048 };

static uint32_t dice_state = 1;

static inline uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

/* Logits with many ties, and now and then what is no finite number. */
static inline void roll_logits(float *logits, int32_t n, bool has_oddities)
{
    for (int32_t i = 0; i < n; i++) {
        logits[i] = (float)dice(400) / 16 - 12;
        if (has_oddities && dice(20) == 0)
            logits[i] = dice(2) ? NAN : -INFINITY;
        if (has_oddities && dice(n < 200 ? 200 : 2000) == 0)
            logits[i] = INFINITY;
    }
}

/* A list in no order, that changes nothing: so that a stage after it does not
 * see all logits by id. */
static const moe_stage plain_list = {.kind = MOE_STAGE_TEMPERATURE, .value = 1};

/* What a chain leaves, copied. */
struct left {
    struct moe__candidate items[most_left]; /* [n] */
    int32_t n;
};

static inline void run_chain(struct moe__chain *chain, const float *logits,
                             struct left *left)
{
    const struct moe__candidate *items;
    moe__chain_apply(chain, logits, &items, &left->n);
    if (left->n <= most_left)
        memcpy(left->items, items, (size_t)left->n * sizeof *items);
}

static inline bool same_left(const struct left *a, const struct left *b)
{
    bool is_same = a->n == b->n;
    for (int32_t i = 0; is_same && i < a->n; i++)
        is_same = a->items[i].id == b->items[i].id &&
                  a->items[i].logit == b->items[i].logit &&
                  a->items[i].p == b->items[i].p;
    return is_same;
}

/* softmax of finite logits, in order of ids. */
static inline void plain_softmax(const double *logits, int32_t n, double *p)
{
    double max = -INFINITY, total = 0;
    for (int32_t i = 0; i < n; i++)
        max = fmax(max, logits[i]);
    for (int32_t i = 0; i < n; i++)
        total += p[i] = exp(logits[i] - max);
    for (int32_t i = 0; i < n; i++)
        p[i] /= total;
}

#endif
