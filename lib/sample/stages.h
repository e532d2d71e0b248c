/* stages.h: what the files of this room share: the pool of candidates that a
 * chain narrows down, and one stage with its memory. */
#ifndef MOE_SAMPLE_STAGES_H
#define MOE_SAMPLE_STAGES_H

#include "sample/sample.h"

/* ------------------------------------------------------------ candidates.c */

/* The candidates that are left; never none.  At first all logits by id, which
 * is enough for stages that change a few of them or keep a few; then a list. */
struct moe__candidates {
    float *logits;                /* [n_vocab], NaN: no candidate */
    struct moe__candidate *items; /* [n] once it is a list */
    const uint64_t *mask;         /* [(n_vocab + 63) / 64] or NULL */
    int32_t n_vocab;
    int32_t n;
    int32_t n_sorted; /* the first ones are the best ones, in order */
    bool is_list;
};

/* Copies logits [n_vocab], under the mask. */
void moe__candidates_load(struct moe__candidates *pool, const float *logits);
/* Makes it a list, if it is none; what follows needs one. */
void moe__candidates_list(struct moe__candidates *pool);
/* Drops all but the best k >= 1, which become a list in order. */
void moe__candidates_keep(struct moe__candidates *pool, int32_t k);
/* Makes a list of those with logit - max >= gap; of the best `least` >= 1 if
 * these are more. */
void moe__candidates_near(struct moe__candidates *pool, double gap,
                          int32_t least);
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

/* ---------------------------------------------------------------- stages.c */

struct moe__stage {
    moe_stage set; /* biases and breakers are its own */
    struct moe__arena arena;
    /* The newest tokens; and scratch for each: see stages_edit.c. */
    moe_token *ring;  /* [set.count] */
    int32_t *repeats; /* [set.count] */
    float *before;    /* [set.count] */
    int32_t n_ring;   /* tokens in the ring */
    int32_t next;     /* slot of the next token: the oldest one if full */
    /* Something about each token. */
    int32_t *marks; /* [n_vocab] */
    float *odds;    /* [n_vocab] */
    /* Breakers that begin with a token: a list of places + 1 in set.breakers,
     * 0 ends it. */
    int32_t *heads; /* [n_vocab] the first one; NULL without breakers */
    int32_t *links; /* [set.n_breakers] the next one */
    /* What it learnt from tokens that were accepted: see stages_learn.c. */
    double learnt[2];
    bool has_odds; /* of the last pick: nothing was accepted since */
    double chance; /* in [0, 1): the stage's random number for this token */
    int32_t n_vocab;
};

/* Fills *out, also on failure: moe__stage_destroy in any case.  Copies the
 * arrays of *set; refuses what is out of its bounds, by name. */
moe_status moe__stage_create(struct moe__mem *mem, const moe_stage *set,
                             int32_t n_vocab, struct moe__stage *out,
                             struct moe__err *err);
void moe__stage_destroy(struct moe__stage *stage);
/* Gives `to`, created from the same settings, the state of `from`. */
void moe__stage_copy(struct moe__stage *to, const struct moe__stage *from);
void moe__stage_apply(struct moe__stage *stage, struct moe__candidates *pool);
void moe__stage_accept(struct moe__stage *stage, moe_token token);
void moe__stage_reset(struct moe__stage *stage);
/* Nothing may follow it. */
bool moe__stage_is_last(const struct moe__stage *stage);

/* Candidates that a stage must leave, at least n. */
int32_t moe__stage_least(const struct moe__stage *stage, int32_t n);

/* Weights are rounded to float and so is the value that a person typed: a sum
 * this close to the value has reached it (0.4 + 0.3 reaches 0.7). */
#define MOE__REACHED (1 - 0x1p-22)

/* --------------------------- stages_filter.c, stages_edit.c, stages_learn.c */

typedef void moe__stage_fn(struct moe__stage *stage,
                           struct moe__candidates *pool);
moe__stage_fn moe__stage_top_k;
moe__stage_fn moe__stage_top_p;
moe__stage_fn moe__stage_min_p;
moe__stage_fn moe__stage_typical;
moe__stage_fn moe__stage_top_n_sigma;
moe__stage_fn moe__stage_xtc;
moe__stage_fn moe__stage_penalties;
moe__stage_fn moe__stage_dry;
moe__stage_fn moe__stage_bias;
moe__stage_fn moe__stage_custom;
moe__stage_fn moe__stage_temperature;
moe__stage_fn moe__stage_mirostat_1;
moe__stage_fn moe__stage_mirostat_2;
moe__stage_fn moe__stage_adaptive_p;

void moe__stage_count(struct moe__stage *stage, moe_token token);
void moe__stage_adjust(struct moe__stage *stage, moe_token token);
void moe__stage_follow(struct moe__stage *stage, moe_token token);
void moe__stage_settle(struct moe__stage *stage);

#endif
