/* stages.h: what the files of this room share: the pool of candidates that a
 * chain narrows down, and one stage with its history. */
#ifndef MOE_SAMPLE_STAGES_H
#define MOE_SAMPLE_STAGES_H

#include "sample/sample.h"

/* The candidates that are left; never empty. */
struct moe__candidates {
    struct moe__candidate *items; /* [n] */
    int32_t n;
    int32_t n_sorted; /* the first ones are the best ones, in order */
};

/* Brings the best k candidates to the front, in order. */
void moe__candidates_sort(struct moe__candidates *pool, int32_t k);
/* Candidate number i in order; sorts only as far as that takes, in leaps. */
const struct moe__candidate *moe__candidates_at(struct moe__candidates *pool,
                                                int32_t i);
/* logit - max, also when both are infinite; moe__candidates_top is the max. */
double moe__candidates_gap(float logit, float max);
float moe__candidates_top(const struct moe__candidates *pool);
/* Fills p with exp(logit - max), not normalised, and returns their sum. */
double moe__candidates_weigh(struct moe__candidates *pool);
/* After weighing: the length, at least 1, of the shortest front that weighs
 * more than `mass`, or of all that weighs anything. */
int32_t moe__candidates_front(struct moe__candidates *pool, double mass);

struct moe__stage {
    moe_stage set;
    /* Penalties: the newest tokens as a ring, and how often each is in it. */
    moe_token *ring; /* [set.count] */
    int32_t *uses;   /* [n_vocab] */
    int32_t n_ring;  /* tokens in the ring */
    int32_t next;    /* slot of the next token: the oldest one if full */
};

/* MOE_OK, or says which value is outside its bounds. */
moe_status moe__stage_check(const moe_stage *stage, struct moe__err *err);
void moe__stage_apply(const struct moe__stage *stage,
                      struct moe__candidates *pool);

#endif
